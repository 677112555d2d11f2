/* SPDX-License-Identifier: BSD-3-Clause */

/* One message after the other: pipelines, replies that come later or are not read. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "fdmsg.h"
#include "open_fds.h"
#include "test.h"
#include "vfu_peer.h"

static const struct vfu_dma_map map = { .argsz = sizeof(map), .flags = VFU_DMA_READABLE,
	.address = 0x5000, .size = 0x2000 };
static const struct vfu_dma_unmap unmap = { .argsz = sizeof(unmap), .address = 0x5000,
	.size = 0x2000 };
static const struct vfu_dma_unmap unmap_all = { .argsz = sizeof(unmap_all),
	.flags = VFU_DMA_UNMAP_ALL };
static const struct {
	struct vfu_region_access access;
	uint8_t data[8];
} access8 = { .access = { .region = PEER_REGION_PLAIN, .count = 8 } };

/* All that may be over later, and how long the reply is. */
static const struct {
	const char *name;
	uint16_t command;
	const void *data;
	uint32_t len, reply;
} slow[] = {
	{ "DMA_MAP", VFU_DMA_MAP, &map, sizeof(map), 0 },
	{ "DMA_UNMAP", VFU_DMA_UNMAP, &unmap, sizeof(unmap), sizeof(unmap) },
	{ "DMA_UNMAP of all", VFU_DMA_UNMAP, &unmap_all, sizeof(unmap_all),
		sizeof(unmap_all) },
	{ "REGION_WRITE", VFU_REGION_WRITE, &access8, sizeof(access8), 16 },
	{ "DEVICE_RESET", VFU_DEVICE_RESET, NULL, 0, 0 },
};

/* While it is not over nothing is read, and nothing wakes us up. */
static int
test_later(void)
{
	unsigned int i, before;

	for (i = 0; i < 2 * RTE_DIM(slow); i++) {
		const int error = i % 2 == 0 ? 0 : ENXIO;
		const unsigned int s = i / 2;

		before = peer.calls;
		peer.ret = VFU_LATER;
		TEST_ASSERT_SUCCESS(peer_send(slow[s].command, 0, slow[s].data, slow[s].len,
			NULL, 0), "not sent");
		TEST_ASSERT_SUCCESS(peer_send(VFU_REGION_READ, 0, &access8, 16, NULL, 0),
			"not sent");
		TEST_ASSERT_EQUAL(peer.calls, before + 1, "the next one was done");
		TEST_ASSERT_EQUAL(loop_once(peer.loop, 0), 0, "the loop spins");
		TEST_ASSERT_EQUAL(peer_recv(), 0, "an early reply");
		peer.ret = 0;
		vfu_server_done(peer.server, -error);
		TEST_ASSERT(peer_recv() == 1 && peer_reply.header.command == slow[s].command,
			"%s: no reply", slow[s].name);
		TEST_ASSERT_EQUAL(peer_reply.header.error, (uint32_t)error, "%s: error %u",
			slow[s].name, peer_reply.header.error);
		TEST_ASSERT_EQUAL(peer_reply.len, error == 0 ? slow[s].reply : 0,
			"%s: a reply of %u bytes", slow[s].name, peer_reply.len);
		TEST_ASSERT(peer_reply.len == 0 || memcmp(peer_reply.data, slow[s].data,
			peer_reply.len) == 0, "%s: another reply", slow[s].name);
		TEST_ASSERT(peer_recv() == 1 && peer_reply.header.command == VFU_REGION_READ,
			"the next one was forgotten");
		vfu_server_done(peer.server, 0);
		TEST_ASSERT_EQUAL(peer_recv(), 0, "a reply to nothing");
	}
	return TEST_SUCCESS;
}

static void
done_now(void)
{
	vfu_server_done(peer.server, -EBUSY);
}

/* Said to be over before it was said to be over later. */
static int
test_done_within(void)
{
	unsigned int i;

	peer.ret = VFU_LATER;
	peer.within = done_now;
	for (i = 0; i < RTE_DIM(slow); i++)
		TEST_ASSERT_EQUAL(peer_ask(slow[i].command, slow[i].data, slow[i].len, NULL,
			0), EBUSY, "%s", slow[i].name);
	peer.ret = 0;
	for (i = 0; i < RTE_DIM(slow); i++)
		TEST_ASSERT_SUCCESS(peer_ask(slow[i].command, slow[i].data, slow[i].len,
			NULL, 0), "%s", slow[i].name);
	return TEST_SUCCESS;
}

static void
disconnect_now(void)
{
	vfu_server_disconnect(peer.server);
}

/* The device ends the connection in the middle of an operation. */
static int
test_disconnect_within(void)
{
	static const int rets[] = { 0, -EIO, VFU_LATER };
	unsigned int i;

	for (i = 0; i < RTE_DIM(slow) * RTE_DIM(rets); i++) {
		peer.sock = peer_connect();
		TEST_ASSERT_SUCCESS(peer_version(VFU_MAJOR, VFU_MINOR, NULL), "VERSION");
		peer.within = disconnect_now;
		peer.ret = rets[i % RTE_DIM(rets)];
		TEST_ASSERT_EQUAL(peer_ask(slow[i / RTE_DIM(rets)].command,
			slow[i / RTE_DIM(rets)].data, slow[i / RTE_DIM(rets)].len, NULL, 0),
			-1, "a reply");
		TEST_ASSERT(peer_is_closed(peer.sock), "still connected");
		TEST_ASSERT(peer.detached == i + 1 && peer.attached == i + 1,
			"attached %u times, detached %u times", peer.attached,
			peer.detached);
		TEST_ASSERT_EQUAL(vfu_server_client(peer.server), -1, "still a client");
		peer.within = NULL;
		peer_close();
	}
	vfu_server_disconnect(peer.server);
	TEST_ASSERT_EQUAL(peer.detached, i, "detached again");
	return TEST_SUCCESS;
}

/* The client goes while something is not over, whichever way it goes. */
static int
test_gone(void)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		peer.sock = peer_connect();
		TEST_ASSERT_SUCCESS(peer_version(VFU_MAJOR, VFU_MINOR, NULL), "VERSION");
		TEST_ASSERT_EQUAL(vfu_server_client(peer.server), (int)getpid(),
			"another client");
		peer.ret = VFU_LATER;
		TEST_ASSERT_SUCCESS(peer_send(VFU_DEVICE_RESET, 0, NULL, 0, NULL, 0),
			"not sent");
		if (i == 0) {
			peer_close();
			TEST_ASSERT_EQUAL(peer.detached, 1u, "nobody noticed");
			vfu_server_done(peer.server, 0);
		} else if (i == 1) {
			close(peer.sock); /* noticed after the reply */
			peer.sock = -1;
			vfu_server_done(peer.server, 0);
			TEST_ASSERT_EQUAL(peer.detached, i, "detached within done");
		} else {
			shutdown(peer.sock, SHUT_WR);
			peer_pump();
			TEST_ASSERT_EQUAL(peer.detached, i, "it still waits for the reply");
			vfu_server_done(peer.server, 0);
			TEST_ASSERT_EQUAL(peer_recv(), 1, "no reply");
		}
		peer_pump();
		TEST_ASSERT_EQUAL(peer.detached, i + 1, "detached %u times", peer.detached);
		TEST_ASSERT_EQUAL(vfu_server_client(peer.server), -1, "still a client");
		peer.ret = 0;
		peer_close();
	}
	return TEST_SUCCESS;
}

static int
test_no_reply(void)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(slow); i++) {
		TEST_ASSERT_SUCCESS(peer_send(slow[i].command, VFU_F_NO_REPLY, slow[i].data,
			slow[i].len, NULL, 0), "not sent");
		TEST_ASSERT_EQUAL(peer.calls, 3 * i + 1, "%s: not done", slow[i].name);
		peer.ret = -EIO;
		TEST_ASSERT_SUCCESS(peer_send(slow[i].command, VFU_F_NO_REPLY, slow[i].data,
			slow[i].len, NULL, 0), "not sent");
		peer.ret = VFU_LATER;
		TEST_ASSERT_SUCCESS(peer_send(slow[i].command, VFU_F_NO_REPLY, slow[i].data,
			slow[i].len, NULL, 0), "not sent");
		peer.ret = 0;
		vfu_server_done(peer.server, 0);
		TEST_ASSERT_EQUAL(peer_recv(), 0, "%s: a reply", slow[i].name);
	}
	TEST_ASSERT_SUCCESS(peer_send(99, VFU_F_NO_REPLY, NULL, 0, NULL, 0), "not sent");
	TEST_ASSERT_EQUAL(peer_recv(), 0, "a reply");
	TEST_ASSERT_SUCCESS(peer_ask(VFU_DEVICE_RESET, NULL, 0, NULL, 0), "no reply");
	return TEST_SUCCESS;
}

/* A message with an id; all of them in one piece. */
static uint8_t *
put(uint8_t *p, uint16_t id, uint16_t command, const void *data, uint32_t len)
{
	const struct vfu_header header = { .id = id, .command = command,
		.size = sizeof(header) + len };

	memcpy(p, &header, sizeof(header));
	if (len > 0)
		memcpy(p + sizeof(header), data, len);
	return p + header.size;
}

/* Many in one write, whose fds belong to the first one alone. */
static int
test_pipeline(void)
{
	static uint8_t bytes[100 * (16 + sizeof(map))];
	uint8_t *p = bytes;
	unsigned int i;

	p = put(p, 0, VFU_DMA_MAP, &map, sizeof(map));
	for (i = 1; i < 100; i++)
		p = put(p, i, i % 2 == 0 ? VFU_DMA_MAP : VFU_DMA_UNMAP,
			i % 2 == 0 ? (const void *)&map : &unmap,
			i % 2 == 0 ? sizeof(map) : sizeof(unmap));
	TEST_ASSERT_EQUAL(peer_send_raw(peer.sock, bytes, p - bytes, &peer.memfd, 1),
		(size_t)(p - bytes), "not sent");
	for (i = 0; i < 100; i++)
		TEST_ASSERT(peer_recv() == 1 && peer_reply.header.id == i &&
			peer_reply.header.error == 0, "reply %u: id %u, error %u", i,
			peer_reply.header.id, peer_reply.header.error);
	TEST_ASSERT_EQUAL(peer.calls, 100u, "%u calls", peer.calls);
	return TEST_SUCCESS;
}

static int
test_fds_of_first(void)
{
	uint8_t bytes[2 * (16 + sizeof(map))], *p = bytes;

	p = put(p, 0, VFU_DEVICE_RESET, NULL, 0);
	p = put(p, 1, VFU_DMA_MAP, &map, sizeof(map));
	TEST_ASSERT_EQUAL(peer_send_raw(peer.sock, bytes, p - bytes, &peer.memfd, 1),
		(size_t)(p - bytes), "not sent");
	TEST_ASSERT(peer_recv() == 1 && peer_reply.header.error == EINVAL, "has no fds");
	TEST_ASSERT(peer_recv() == 1 && peer_reply.header.error == 0, "may have none");
	TEST_ASSERT(strcmp(peer.call.op, "dma_map") == 0, "the fd of another message");
	/* and the other way round, glued together by the kernel */
	TEST_ASSERT(fdmsg_send(peer.sock, bytes, 16, NULL, 0) == 16 &&
		fdmsg_send(peer.sock, bytes + 16, p - bytes - 16, &peer.memfd, 1) ==
		p - bytes - 16, "not sent");
	TEST_ASSERT(peer_recv() == 1 && peer_reply.header.error == 0, "the next one's fd");
	TEST_ASSERT(peer_recv() == 1 && peer_reply.header.error == 0, "DMA_MAP");
	TEST_ASSERT(strcmp(peer.call.op, "dma_map with fd") == 0, "fd lost");
	return TEST_SUCCESS;
}

/*
 * A client that asks and does not read: it is not listened to any more, and nothing
 * spins. Returns how many of its messages are on the way; 0: all were taken.
 */
static unsigned int
send_and_read_not(uint16_t command, const void *data, uint32_t len)
{
	const unsigned int max = 5000;
	uint8_t message[128];
	unsigned int n;
	size_t size;

	size = put(message, 0, command, data, len) - message;
	for (n = 0; n < max; n++) {
		put(message, n, command, data, len);
		if (peer_send_raw(peer.sock, message, size, NULL, 0) < size)
			break;
	}
	return n < max && loop_once(peer.loop, 0) == 0 ? n : 0;
}

static int
test_slow_reader(void)
{
	const struct vfu_region_access access = { .region = PEER_REGION_ALL,
		.count = 100000 };
	unsigned int i, n = send_and_read_not(VFU_REGION_READ, &access, sizeof(access));

	TEST_ASSERT(n > 0 && peer.calls < n, "%u of %u were handled", peer.calls, n);
	for (i = 0; i < n; i++)
		TEST_ASSERT(peer_recv() == 1 && peer_reply.header.id == i,
			"reply %u of %u", i, n);
	TEST_ASSERT_EQUAL(peer.calls, n, "%u of %u were handled", peer.calls, n);
	printf("    %u messages waited\n", n);
	return TEST_SUCCESS;
}

/* The device has other files when the client reads what was said of the old ones. */
static int
test_slow_reader_fds(void)
{
	const struct vfio_region_info info = { .argsz = 256 };
	unsigned int i, n, infos, open_fds = count_open_fds();
	struct stat old, st;

	n = send_and_read_not(VFU_DEVICE_GET_REGION_INFO, &info, sizeof(info));
	infos = peer.infos;
	TEST_ASSERT(infos > 0 && infos < n, "%u of %u were handled", infos, n);
	TEST_ASSERT_SUCCESS(fstat(peer.memfd, &old), "fstat");
	TEST_ASSERT(dup2(peer.io_fds[0], peer.memfd) == peer.memfd, "dup2");
	for (i = 0; i < n; i++) {
		TEST_ASSERT(peer_recv() == 1 && peer_reply.header.id == i &&
			peer_reply.nr_fds == 1 && fstat(peer_reply.fds[0], &st) == 0,
			"reply %u of %u", i, n);
		TEST_ASSERT_EQUAL(st.st_ino == old.st_ino, i < infos,
			"reply %u of %u, %u of which were made before", i, n, infos);
	}
	peer_recv();
	TEST_ASSERT_EQUAL(count_open_fds(), open_fds, "fds were lost");
	printf("    %u messages waited\n", n);
	/* and what it has not read ends with the connection */
	TEST_ASSERT(send_and_read_not(VFU_DEVICE_GET_REGION_INFO, &info, sizeof(info)) > 0,
		"all were taken");
	vfu_server_disconnect(peer.server);
	peer_close();
	peer.sock = peer_connect();
	TEST_ASSERT_SUCCESS(peer_version(VFU_MAJOR, VFU_MINOR, NULL), "VERSION");
	TEST_ASSERT_EQUAL(count_open_fds(), open_fds, "fds were lost");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: order of vfio-user messages",
	.unit_test_cases = {
		TEST_CASE_ST(peer_start, peer_stop, test_later),
		TEST_CASE_ST(peer_start, peer_stop, test_done_within),
		TEST_CASE_ST(peer_start_alone, peer_stop, test_disconnect_within),
		TEST_CASE_ST(peer_start_alone, peer_stop, test_gone),
		TEST_CASE_ST(peer_start, peer_stop, test_no_reply),
		TEST_CASE_ST(peer_start, peer_stop, test_pipeline),
		TEST_CASE_ST(peer_start, peer_stop, test_fds_of_first),
		TEST_CASE_ST(peer_start, peer_stop, test_slow_reader),
		TEST_CASE_ST(peer_start, peer_stop, test_slow_reader_fds),
		TEST_CASES_END()
	},
};

static int
test_vfu_order(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vfu_order_autotest, test_vfu_order);
