/* SPDX-License-Identifier: BSD-3-Clause */

/* The raw client, and what it shares with the device. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "fdmsg.h"
#include "test.h"
#include "vfu_device.h"
#include "vfu_peer.h"

/* Turns of the loop that something may take; there is no end to wait for otherwise. */
#define TURNS 100000

struct peer peer;
struct peer_reply peer_reply;

void
peer_pump(void)
{
	unsigned int i;

	for (i = 0; i < TURNS && loop_once(peer.loop, 0) > 0; i++)
		;
}

int
peer_connect(void)
{
	int sock = fdmsg_connect(peer.path);

	peer_pump();
	return sock;
}

void
peer_close(void)
{
	if (peer.sock >= 0)
		close(peer.sock);
	peer.sock = -1;
	peer_pump();
}

size_t
peer_send_raw(int sock, const void *bytes, size_t len, const int *fds,
		unsigned int nr_fds)
{
	size_t sent = 0;
	unsigned int stuck = 0;
	ssize_t n;

	while (sent < len && stuck < 2) {
		n = fdmsg_send(sock, (const uint8_t *)bytes + sent, len - sent, fds,
			sent == 0 ? nr_fds : 0);
		if (n < 0 && n != -EAGAIN)
			break;
		if (n > 0)
			sent += n;
		stuck = n > 0 ? 0 : stuck + 1;
		peer_pump();
	}
	return sent;
}

int
peer_send(uint16_t command, uint32_t flags, const void *data, uint32_t len,
		const int *fds, unsigned int nr_fds)
{
	struct vfu_header header = {
		.id = 0x1234,
		.command = command,
		.size = sizeof(header) + len,
		.flags = flags,
	};
	uint8_t *bytes = malloc(header.size);
	size_t sent;

	if (bytes == NULL)
		return -1;
	memcpy(bytes, &header, sizeof(header));
	if (len > 0)
		memcpy(bytes + sizeof(header), data, len);
	sent = peer_send_raw(peer.sock, bytes, header.size, fds, nr_fds);
	free(bytes);
	return sent == header.size ? 0 : -1;
}

/* 1; 0: nothing is there; -1: the end. */
static int
recv_exactly(void *to, size_t len)
{
	int fds[FDMSG_MAX_FDS];
	unsigned int nr_fds, turns = 0;
	size_t got = 0;
	ssize_t n;

	while (got < len && turns < 2) {
		n = fdmsg_recv(peer.sock, (uint8_t *)to + got, len - got, fds, &nr_fds);
		if (nr_fds > 0 && peer_reply.nr_fds + nr_fds <= RTE_DIM(peer_reply.fds)) {
			memcpy(&peer_reply.fds[peer_reply.nr_fds], fds,
				nr_fds * sizeof(fds[0]));
			peer_reply.nr_fds += nr_fds;
		}
		if (n == 0 || (n < 0 && n != -EAGAIN))
			return -1;
		if (n > 0)
			got += n;
		turns = n > 0 ? 0 : turns + 1;
		peer_pump();
	}
	return got == len ? 1 : 0;
}

int
peer_recv(void)
{
	int ret;

	fdmsg_close(peer_reply.fds, peer_reply.nr_fds);
	peer_reply.nr_fds = 0;
	peer_reply.len = 0;
	ret = recv_exactly(&peer_reply.header, sizeof(peer_reply.header));
	if (ret != 1)
		return ret;
	peer_reply.len = peer_reply.header.size - sizeof(peer_reply.header);
	if (peer_reply.len == 0)
		return 1;
	if (peer_reply.len > sizeof(peer_reply.data))
		return -1;
	return recv_exactly(peer_reply.data, peer_reply.len);
}

int
peer_ask(uint16_t command, const void *data, uint32_t len, const int *fds,
		unsigned int nr_fds)
{
	const struct vfu_header *header = &peer_reply.header;

	if (peer_send(command, 0, data, len, fds, nr_fds) < 0 || peer_recv() != 1)
		return -1;
	if (header->id != 0x1234 || header->command != command)
		return -1;
	if (header->flags == (VFU_F_TYPE_REPLY | VFU_F_ERROR))
		return peer_reply.len == 0 && peer_reply.nr_fds == 0 && header->error != 0 ?
			(int)header->error : -1;
	return header->flags == VFU_F_TYPE_REPLY && header->error == 0 ? 0 : -1;
}

int
peer_version(uint16_t major, uint16_t minor, const char *json)
{
	uint8_t data[4096];
	const struct vfu_version version = { .major = major, .minor = minor };
	size_t len = json == NULL ? 0 : strlen(json) + 1;

	if (len > sizeof(data) - sizeof(version))
		return -1;
	memcpy(data, &version, sizeof(version));
	if (len > 0)
		memcpy(data + sizeof(version), json, len);
	return peer_ask(VFU_VERSION, data, sizeof(version) + len, NULL, 0);
}

bool
peer_is_closed(int sock)
{
	struct pollfd pfd = { .fd = sock };

	peer_pump();
	return poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLHUP) != 0;
}

void
peer_forget_fds(void)
{
	fdmsg_close(peer.irq_fds, PEER_MSIX);
	fdmsg_close(&peer.dma_fd, 1);
	memset(peer.irq_fds, -1, sizeof(peer.irq_fds));
	peer.dma_fd = -1;
}

static int log_fd, stderr_fd;

void
peer_log_begin(void)
{
	log_fd = memfd_create("log", MFD_CLOEXEC);
	stderr_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	dup2(log_fd, STDERR_FILENO);
}

unsigned int
peer_log_end(void)
{
	unsigned int n = 0;
	char c;

	dup2(stderr_fd, STDERR_FILENO);
	close(stderr_fd);
	lseek(log_fd, 0, SEEK_SET);
	while (read(log_fd, &c, 1) == 1)
		n += c == '\n';
	close(log_fd);
	return n;
}

void
peer_path(char *path, size_t size, const char *name)
{
	const char *dir = getenv("TMPDIR");

	snprintf(path, size, "%s/mdev-%s-%d.sock", dir != NULL ? dir : "/tmp", name,
		(int)getpid());
}

int
peer_start_alone(void)
{
	unsigned int i;

	memset(&peer, 0, sizeof(peer));
	memset(&peer_reply, 0, sizeof(peer_reply));
	peer.call.op = "";
	peer.sock = -1;
	peer.dma_fd = -1;
	memset(peer.irq_fds, -1, sizeof(peer.irq_fds));
	peer.io_count = PEER_IO_FDS;
	peer.loop = loop_create();
	peer.memfd = memfd_create("region", MFD_CLOEXEC);
	for (i = 0; i < PEER_IO_DISTINCT; i++)
		peer.io_fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	peer_path(peer.path, sizeof(peer.path), "vfu");
	if (peer.loop == NULL || peer.memfd < 0 || ftruncate(peer.memfd, 0x10000) < 0)
		return TEST_FAILED;
	return vfu_server_create(peer.loop, "mdev:test", peer.path, &vfu_device_ops, &peer,
		&peer.server) == 0 ? TEST_SUCCESS : TEST_FAILED;
}

int
peer_start(void)
{
	if (peer_start_alone() != TEST_SUCCESS)
		return TEST_FAILED;
	peer.sock = peer_connect();
	if (peer_version(VFU_MAJOR, VFU_MINOR,
			"{\"capabilities\":{\"max_msg_fds\":16}}") != 0)
		return TEST_FAILED;
	return peer.attached == 1 ? TEST_SUCCESS : TEST_FAILED;
}

void
peer_stop(void)
{
	fdmsg_close(peer_reply.fds, peer_reply.nr_fds);
	peer_reply.nr_fds = 0;
	if (peer.sock >= 0)
		close(peer.sock);
	vfu_server_destroy(peer.server);
	peer_forget_fds();
	loop_destroy(peer.loop);
	close(peer.memfd);
	fdmsg_close(peer.io_fds, PEER_IO_DISTINCT);
}
