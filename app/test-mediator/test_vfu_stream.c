/* SPDX-License-Identifier: BSD-3-Clause */

/* Clients that do not speak vfio-user, or do more than they may. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "fdmsg.h"
#include "lingering.h"
#include "log.h"
#include "open_fds.h"
#include "test.h"
#include "vfu_peer.h"

static const struct vfu_dma_map map = { .argsz = sizeof(map), .flags = VFU_DMA_READABLE,
	.address = 0x5000, .size = 0x2000 };

/* Another client, that has agreed on a version if it is to. */
static int
reconnect(bool version)
{
	peer_close();
	peer.sock = peer_connect();
	if (peer.sock < 0)
		return -1;
	return version ? peer_version(VFU_MAJOR, VFU_MINOR, "{}") : 0;
}

/* Headers that no message can have. */
static int
test_headers(void)
{
	static const struct vfu_header headers[] = {
		{ .command = VFU_VERSION, .size = 0 },
		{ .command = VFU_VERSION, .size = 15 },
		{ .command = VFU_DEVICE_RESET, .size = UINT32_MAX },
		{ .command = VFU_REGION_WRITE, .size = VFU_MAX_MESSAGE + 1 },
		{ .command = VFU_DEVICE_RESET, .size = 16, .flags = VFU_F_TYPE_REPLY },
		{ .command = VFU_DMA_READ, .size = 16, .flags = VFU_F_TYPE_REPLY },
		{ .command = VFU_DEVICE_RESET, .size = 16, .flags = 2 },
		{ .command = VFU_DEVICE_RESET, .size = 16, .flags = 0xf },
	};
	unsigned int i, lines;

	peer_log_begin();
	for (i = 0; i < 2 * RTE_DIM(headers); i++) {
		bool version = i % 2 == 1;

		TEST_ASSERT_SUCCESS(reconnect(version), "not connected");
		peer_send_raw(peer.sock, &headers[i / 2], sizeof(headers[0]), &peer.memfd, 1);
		TEST_ASSERT(peer_is_closed(peer.sock), "header %u is taken", i / 2);
		TEST_ASSERT(peer.attached == peer.detached && peer.attached == (i + 1) / 2,
			"attached %u times, detached %u times", peer.attached,
			peer.detached);
	}
	lines = peer_log_end();
	TEST_ASSERT_EQUAL(lines, 1u, "%u lines of log", lines);
	printf("    %u headers\n", i);
	return TEST_SUCCESS;
}

/* Random bytes, whole and after a header that is right. */
static int
test_garbage(void)
{
	struct vfu_header header;
	uint8_t bytes[512];
	unsigned int i, k, open_fds;
	uint32_t state = 1;

	reconnect(false);
	open_fds = count_open_fds();
	peer_log_begin();
	for (i = 0; i < 3000; i++) {
		for (k = 0; k < sizeof(bytes); k++) {
			state = state * 1103515245 + 12345;
			bytes[k] = state >> 16;
		}
		if (i % 3 != 0) {
			header = (struct vfu_header) {
				.command = bytes[0] % 20,
				.size = 16 + bytes[1],
			};
			memcpy(bytes, &header, sizeof(header));
			/* small numbers get further */
			for (k = 16; i % 3 == 2 && k < sizeof(bytes); k++)
				bytes[k] = k % 4 == 0 ? bytes[k] % 48 : 0;
		}
		TEST_ASSERT_SUCCESS(reconnect(i % 2 == 0), "not connected any more");
		peer_send_raw(peer.sock, bytes, sizeof(bytes), &peer.memfd, i % 4);
		if (i % 4 > 1)
			peer_send_raw(peer.sock, bytes, sizeof(bytes), NULL, 0);
	}
	reconnect(false);
	peer_log_end();
	peer_recv();
	TEST_ASSERT_EQUAL(count_open_fds(), open_fds, "fds were lost");
	TEST_ASSERT(peer.attached == 1500 && peer.detached == 1500,
		"attached %u times, detached %u times", peer.attached, peer.detached);
	return TEST_SUCCESS;
}

/* Byte by byte, and each beginning of a message is the end. */
static int
test_pieces(void)
{
	uint8_t bytes[16 + sizeof(map)];
	const struct vfu_header header = { .command = VFU_DMA_MAP, .size = sizeof(bytes) };
	unsigned int open_fds, i, k;

	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), &map, sizeof(map));
	TEST_ASSERT_SUCCESS(reconnect(true), "not connected");
	open_fds = count_open_fds();
	for (i = 0; i <= sizeof(bytes); i++) {
		for (k = 0; k < i; k++)
			TEST_ASSERT_EQUAL(peer_send_raw(peer.sock, &bytes[k], 1, &peer.memfd,
				k == 0), 1u, "not sent");
		TEST_ASSERT_EQUAL(peer.calls, i / (unsigned int)sizeof(bytes),
			"%u bytes are a message", i);
		TEST_ASSERT_EQUAL(loop_once(peer.loop, 0), 0, "the loop spins");
		if (i == sizeof(bytes))
			TEST_ASSERT(peer_recv() == 1 && peer_reply.header.error == 0 &&
				strcmp(peer.call.op, "dma_map with fd") == 0, "not done");
		TEST_ASSERT_SUCCESS(reconnect(true), "not connected");
		TEST_ASSERT_EQUAL(peer.detached, i + 1, "detached %u times", peer.detached);
		TEST_ASSERT_EQUAL(count_open_fds(), open_fds, "an fd was lost");
	}
	return TEST_SUCCESS;
}

/* Fds with every byte of a message: no more are kept than a message may have. */
static int
test_fd_flood(void)
{
	const struct vfu_header header = { .command = VFU_REGION_WRITE,
		.size = VFU_MAX_MESSAGE };
	static const uint8_t zeros[VFU_MAX_MESSAGE];
	unsigned int i, open_fds;
	int fds[FDMSG_MAX_FDS];

	for (i = 0; i < RTE_DIM(fds); i++)
		fds[i] = peer.memfd;
	TEST_ASSERT_SUCCESS(reconnect(true), "not connected");
	open_fds = count_open_fds();
	peer_send_raw(peer.sock, &header, sizeof(header), fds, RTE_DIM(fds));
	for (i = 0; i < 100; i++)
		TEST_ASSERT_EQUAL(peer_send_raw(peer.sock, zeros, 1, fds, RTE_DIM(fds)), 1u,
			"not sent");
	TEST_ASSERT_EQUAL(count_open_fds(), open_fds + VFU_MAX_FDS, "%u fds are kept",
		count_open_fds() - open_fds);
	peer_send_raw(peer.sock, zeros, VFU_MAX_MESSAGE - sizeof(header) - i, NULL, 0);
	TEST_ASSERT(peer_recv() == 1 && peer_reply.header.error == EINVAL, "taken");
	TEST_ASSERT_EQUAL(count_open_fds(), open_fds, "fds were lost");
	TEST_ASSERT_SUCCESS(peer_ask(VFU_DEVICE_RESET, NULL, 0, NULL, 0), "no reply");
	return TEST_SUCCESS;
}

/* What was sent before the end of the stream is done; then the client is gone. */
static int
test_half_closed(void)
{
	static const uint8_t reset[] = { 1, 0, VFU_DEVICE_RESET, 0, 16, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0 };
	unsigned int i;

	for (i = 0; i < 3; i++) {
		TEST_ASSERT_SUCCESS(reconnect(true), "not connected");
		peer.calls = 0;
		if (i == 1) /* reads nothing, but may go on telling */
			shutdown(peer.sock, SHUT_RD);
		TEST_ASSERT(fdmsg_send(peer.sock, reset, 16, NULL, 0) == 16 &&
			fdmsg_send(peer.sock, reset, 16, NULL, 0) == 16, "not sent");
		if (i == 0)
			shutdown(peer.sock, SHUT_WR);
		if (i == 2)
			peer_close();
		peer_pump();
		TEST_ASSERT_EQUAL(peer.calls, 2u, "%u of 2 were done", peer.calls);
		if (i == 0)
			TEST_ASSERT(peer_recv() == 1 && peer_recv() == 1, "no replies");
		TEST_ASSERT_EQUAL(peer.detached, i == 1 ? 1 : (i + 2) / 2 + i / 2,
			"%u: detached %u times", i, peer.detached);
	}
	return TEST_SUCCESS;
}

/* A second client is turned away at once, and so is a flood of them, in one line. */
static int
test_second(void)
{
	unsigned int i, lines, open_fds;
	int sock;

	TEST_ASSERT_SUCCESS(reconnect(true), "not connected");
	open_fds = count_open_fds();
	log_set_level(LOG_INFO);
	peer_log_begin();
	for (i = 0; i < 1000; i++) {
		sock = peer_connect();
		if (sock < 0 || !peer_is_closed(sock))
			break;
		close(sock);
	}
	lines = peer_log_end();
	log_set_level(LOG_NOTICE);
	TEST_ASSERT_EQUAL(i, 1000u, "client %u is served", i);
	TEST_ASSERT_EQUAL(lines, 1u, "%u lines of log", lines);
	TEST_ASSERT_EQUAL(count_open_fds(), open_fds, "fds were lost");
	TEST_ASSERT_SUCCESS(peer_ask(VFU_DEVICE_RESET, NULL, 0, NULL, 0), "the first one");
	TEST_ASSERT(peer.attached == 1 && peer.detached == 0, "attached again");
	return TEST_SUCCESS;
}

/* One leaves and another one comes before the loop has looked: it is no second one. */
static int
test_successor(void)
{
	unsigned int i;

	TEST_ASSERT_SUCCESS(reconnect(true), "not connected");
	for (i = 1; i < 20; i++) {
		int next = -1;

		/* the listener's event comes first, or the client's */
		if (i % 2 == 0)
			next = fdmsg_connect(peer.path);
		if (i % 3 == 0)
			TEST_ASSERT_EQUAL(fdmsg_send(peer.sock, "", 1, NULL, 0), 1, "send");
		close(peer.sock);
		if (next < 0)
			next = fdmsg_connect(peer.path);
		peer.sock = next;
		TEST_ASSERT_SUCCESS(peer_version(VFU_MAJOR, VFU_MINOR, "{}"),
			"turned away");
		TEST_ASSERT(peer.attached == i + 1 && peer.detached == i,
			"attached %u times, detached %u times", peer.attached,
			peer.detached);
	}
	return TEST_SUCCESS;
}

/* No fds more than those that are open. */
static void
limit_fds(struct rlimit *old)
{
	struct rlimit limit;
	int fd = dup(0);

	getrlimit(RLIMIT_NOFILE, old);
	limit = *old;
	limit.rlim_cur = fd;
	close(fd);
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* No fd for a client: nothing spins, and it is served as soon as there is one. */
static int
test_accept_emfile(void)
{
	struct rlimit old;
	unsigned int lines, turns;
	int spins;

	peer_log_begin();
	peer.sock = fdmsg_connect(peer.path);
	limit_fds(&old);
	peer_pump();
	spins = loop_once(peer.loop, 0);
	TEST_ASSERT_EQUAL(vfu_server_client(peer.server), -1, "accepted");
	for (turns = 0; turns < 5; turns++) /* the pause ends, and begins anew */
		loop_once(peer.loop, -1);
	setrlimit(RLIMIT_NOFILE, &old);
	while (vfu_server_client(peer.server) < 0)
		loop_once(peer.loop, -1);
	lines = peer_log_end();
	TEST_ASSERT_EQUAL(spins, 0, "the loop spins");
	TEST_ASSERT_EQUAL(lines, 1u, "%u lines of log", lines);
	return peer_version(VFU_MAJOR, VFU_MINOR, "{}");
}

/* No fd for an fd of a message: that message is lost, and with it the connection. */
static int
test_recv_emfile(void)
{
	struct rlimit old;
	unsigned int lines;
	int fds[4] = { peer.memfd, peer.memfd, peer.memfd, peer.memfd }, hole;

	TEST_ASSERT_SUCCESS(reconnect(true), "not connected");
	peer_log_begin();
	hole = dup(0);
	limit_fds(&old);
	close(hole); /* some fit */
	peer_send(VFU_DEVICE_RESET, 0, NULL, 0, fds, RTE_DIM(fds));
	setrlimit(RLIMIT_NOFILE, &old);
	lines = peer_log_end();
	TEST_ASSERT_EQUAL(lines, 1u, "%u lines of log", lines);
	TEST_ASSERT(peer_is_closed(peer.sock), "still connected");
	TEST_ASSERT(peer.attached == 1 && peer.detached == 1, "not detached");
	TEST_ASSERT_SUCCESS(reconnect(true), "not connected again");
	return TEST_SUCCESS;
}

/*
 * Files that cannot be closed: their sender is sent away, and the next one waits until
 * there are fewer of them.
 */
static int
test_stuck(void)
{
	const struct vfu_header reset = { .id = 1, .command = VFU_DEVICE_RESET,
		.size = sizeof(reset), .flags = VFU_F_NO_REPLY };
	struct lingering l[4];
	unsigned int i, lines;
	int fds[16], next, ret, fd;
	ssize_t sent;
	bool closed;

	for (i = 0; i < RTE_DIM(fds); i++)
		fds[i] = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	TEST_ASSERT_SUCCESS(reconnect(true), "not connected");
	for (i = 0; i < RTE_DIM(l); i++) {
		ret = lingering_open(&l[i]);
		if (ret != TEST_SUCCESS)
			return ret;
		/* not by peer_send(): ours must be closed before the server gets its own */
		sent = fdmsg_send(peer.sock, &reset, sizeof(reset), &l[i].fd, 1);
		fdmsg_close(&l[i].fd, 1);
		TEST_ASSERT_EQUAL(sent, (ssize_t)sizeof(reset), "not sent");
		peer_pump();
	}
	closed = peer_is_closed(peer.sock);
	peer_log_begin();
	for (i = 0; i < 10 && !closed && !peer_is_closed(peer.sock); i++) {
		peer_send(VFU_DEVICE_RESET, VFU_F_NO_REPLY, NULL, 0, fds, RTE_DIM(fds));
		peer_pump();
	}
	next = peer_connect();
	peer_pump();
	ret = vfu_server_client(peer.server);
	lines = peer_log_end();
	for (fd = 0; fd < (int)RTE_DIM(l); fd++)
		lingering_release(&l[fd]);
	TEST_ASSERT(!closed && i == 5, "sent away after %u messages", i);
	TEST_ASSERT_EQUAL(ret, -1, "the next one is taken");
	TEST_ASSERT_EQUAL(lines, 2u, "%u lines of log", lines);
	count_open_fds(); /* until all are closed */
	while (vfu_server_client(peer.server) < 0)
		loop_once(peer.loop, 10);
	fdmsg_close(&next, 1);
	fdmsg_close(fds, RTE_DIM(fds));
	peer_pump();
	TEST_ASSERT_SUCCESS(reconnect(true), "not connected again");
	return TEST_SUCCESS;
}

/* The end of the server is no news for its device. */
static int
test_destroy(void)
{
	TEST_ASSERT_SUCCESS(reconnect(true), "not connected");
	vfu_server_destroy(peer.server);
	peer.server = NULL;
	TEST_ASSERT(peer_is_closed(peer.sock), "still connected");
	TEST_ASSERT_EQUAL(peer.detached, 0u, "detached");
	TEST_ASSERT(access(peer.path, F_OK) < 0 && errno == ENOENT, "the socket is there");
	vfu_server_destroy(NULL);
	return TEST_SUCCESS;
}

static int
test_create_fails(void)
{
	struct vfu_server *server;
	unsigned int lines, open_fds = count_open_fds();
	char name[200];

	memset(name, 'x', sizeof(name));
	name[0] = '/';
	name[sizeof(name) - 1] = '\0';
	peer_log_begin();
	TEST_ASSERT_EQUAL(vfu_server_create(peer.loop, "mdev:2", peer.path, NULL, NULL,
		&server), -EADDRINUSE, "twice");
	TEST_ASSERT_EQUAL(vfu_server_create(peer.loop, "mdev:2", name, NULL, NULL, &server),
		-ENAMETOOLONG, "a long path");
	TEST_ASSERT_EQUAL(vfu_server_create(peer.loop, "mdev:2", "/dev/null", NULL, NULL,
		&server), -EEXIST, "a file that is no socket");
	TEST_ASSERT_EQUAL(vfu_server_create(peer.loop, "mdev:2", "/nowhere/socket", NULL,
		NULL, &server), -ENOENT, "no folder");
	lines = peer_log_end();
	TEST_ASSERT_EQUAL(lines, 4u, "%u lines of log", lines);
	TEST_ASSERT_EQUAL(count_open_fds(), open_fds, "fds were lost");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: hostile vfio-user clients",
	.unit_test_cases = {
		TEST_CASE_ST(peer_start_alone, peer_stop, test_headers),
		TEST_CASE_ST(peer_start_alone, peer_stop, test_garbage),
		TEST_CASE_ST(peer_start_alone, peer_stop, test_pieces),
		TEST_CASE_ST(peer_start_alone, peer_stop, test_fd_flood),
		TEST_CASE_ST(peer_start_alone, peer_stop, test_half_closed),
		TEST_CASE_ST(peer_start_alone, peer_stop, test_second),
		TEST_CASE_ST(peer_start_alone, peer_stop, test_successor),
		TEST_CASE_ST(peer_start_alone, peer_stop, test_accept_emfile),
		TEST_CASE_ST(peer_start_alone, peer_stop, test_recv_emfile),
		TEST_CASE_ST(peer_start_alone, peer_stop, test_stuck),
		TEST_CASE_ST(peer_start_alone, peer_stop, test_destroy),
		TEST_CASE_ST(peer_start_alone, peer_stop, test_create_fails),
		TEST_CASES_END()
	},
};

static int
test_vfu_stream(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vfu_stream_autotest, test_vfu_stream);
