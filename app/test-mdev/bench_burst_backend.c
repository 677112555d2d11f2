/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <linux/vhost_types.h>
#include <linux/virtio_config.h>

#include <rte_common.h>
#include <rte_memory.h>

#include "bench_burst_backend.h"
#include "test_compat.h"

#define WAIT_MS 5000
#define STEP_MS 1

enum request {
	GET_FEATURES = 1,
	SET_FEATURES = 2,
	SET_MEM_TABLE = 5,
	SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9,
	SET_VRING_BASE = 10,
	GET_VRING_BASE = 11,
	SET_VRING_KICK = 12,
	GET_PROTOCOL_FEATURES = 15,
	SET_PROTOCOL_FEATURES = 16,
	GET_QUEUE_NUM = 17,
	SET_VRING_ENABLE = 18,
};

#define VERSION 1u
#define REPLY (1u << 2)
#define NEED_REPLY (1u << 3)
#define VRING_INDEX_MASK 0xffu
#define F_PROTOCOL_FEATURES 30
#define PROTOCOL_F_REPLY_ACK 3

#define MAX_PAYLOAD 512
#define MAX_FDS 8

struct message {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
	union {
		uint64_t value;
		struct vhost_vring_state state;
		struct vhost_vring_addr addr;
		uint8_t bytes[MAX_PAYLOAD];
	} __attribute__((packed));
} __attribute__((packed));

#define HEADER_LEN offsetof(struct message, value)

/* What EAL has is what rings and buffers may lie in. */
static int
add_region(const struct rte_memseg_list *msl __rte_unused, const struct rte_memseg *ms,
		size_t len, void *arg)
{
	struct burst_memory *memory = arg;

	if (memory->count == BURST_REGIONS_MAX)
		return -1;
	memory->region[memory->count].addr = ms->addr_64;
	memory->region[memory->count++].len = len;
	return 0;
}

/* The fds that come with messages (memory, kick, call) are not needed here. */
static void
close_fds(struct msghdr *msg)
{
	struct cmsghdr *cmsg;
	int fds[MAX_FDS];
	size_t count, i;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		count = RTE_MIN((cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int),
				(size_t)MAX_FDS);
		memcpy(fds, CMSG_DATA(cmsg), count * sizeof(int));
		for (i = 0; i < count; i++)
			close(fds[i]);
	}
}

/* 1, 0 at the end of the connection, -1 if what came is none. */
static int
receive(int sock, struct message *message)
{
	char control[CMSG_SPACE(MAX_FDS * sizeof(int))];
	struct iovec iov = { message, HEADER_LEN };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC | MSG_WAITALL);
	if (n <= 0)
		return 0;
	close_fds(&msg);
	if (n != HEADER_LEN || message->size > MAX_PAYLOAD)
		return -1;
	if (message->size == 0)
		return 1;
	n = recv(sock, message->bytes, message->size, MSG_WAITALL);
	return n == (ssize_t)message->size ? 1 : -1;
}

static struct burst_vring *
vring_of(struct burst_backend *backend, uint32_t index)
{
	return index < BURST_RINGS ? &backend->vring[index] : NULL;
}

static void
set_addr(struct burst_vring *vring, const struct message *message)
{
	vring->desc = message->addr.desc_user_addr;
	vring->avail = message->addr.avail_user_addr;
	vring->used = message->addr.used_user_addr;
	vring->has_addr = true;
}

/* What a message about a vring does. -1: there is no such vring. */
static int
vring_message(struct burst_backend *backend, struct message *message)
{
	const uint32_t index = message->request == SET_VRING_KICK ?
		message->value & VRING_INDEX_MASK : message->state.index;
	struct burst_vring *vring = vring_of(backend, index);

	if (vring == NULL)
		return -1;
	switch (message->request) {
	case SET_VRING_NUM:
		vring->size = message->state.num;
		break;
	case SET_VRING_BASE:
		vring->base = message->state.num;
		break;
	case SET_VRING_ADDR:
		set_addr(vring, message);
		break;
	case SET_VRING_KICK:
		vring->kicked = true;
		break;
	case SET_VRING_ENABLE:
		vring->enabled = message->state.num != 0;
		break;
	case GET_VRING_BASE:
		message->state.num = vring->base;
		vring->kicked = vring->has_addr = false;
		break;
	}
	return 0;
}

/* Do what a message asks for; it becomes the reply. 1: to be sent, 0: none, -1: error. */
static int
serve(struct burst_backend *backend, struct message *message)
{
	int ret = 1;

	switch (message->request) {
	case GET_FEATURES:
		message->value = backend->offered | RTE_BIT64(F_PROTOCOL_FEATURES);
		break;
	case GET_PROTOCOL_FEATURES:
		message->value = RTE_BIT64(PROTOCOL_F_REPLY_ACK);
		break;
	case GET_QUEUE_NUM:
		message->value = 1;
		break;
	case GET_VRING_BASE:
		ret = vring_message(backend, message) < 0 ? -1 : 1;
		break;
	case SET_VRING_NUM:
	case SET_VRING_ADDR:
	case SET_VRING_BASE:
	case SET_VRING_KICK:
	case SET_VRING_ENABLE:
		ret = vring_message(backend, message);
		break;
	case SET_FEATURES:
		backend->features = message->value & ~RTE_BIT64(F_PROTOCOL_FEATURES);
		ret = 0;
		break;
	case SET_PROTOCOL_FEATURES:
		backend->greeted = true;
		ret = 0;
		break;
	default:
		ret = 0;
		break;
	}
	if (ret == 0 && (message->flags & NEED_REPLY) != 0) {
		message->value = 0;
		ret = 1;
	}
	message->flags = VERSION | REPLY;
	message->size = sizeof(message->value);
	return ret;
}

static bool
step(struct burst_backend *backend)
{
	struct message message;
	int ret;

	ret = receive(backend->sock, &message);
	if (ret > 0) {
		pthread_mutex_lock(&backend->lock);
		ret = serve(backend, &message);
		backend->failed = ret < 0;
		pthread_mutex_unlock(&backend->lock);
		if (ret == 1)
			send(backend->sock, &message, HEADER_LEN + message.size,
				MSG_NOSIGNAL);
		if (ret >= 0)
			return true;
	}
	if (ret < 0)
		fprintf(stderr, "burst: the front-end broke the protocol\n");
	return false;
}

static test_thread_result
serve_loop(void *arg)
{
	struct burst_backend *backend = arg;
	struct pollfd fds[2] = { { .fd = backend->stop_fd, .events = POLLIN } };

	for (;;) {
		fds[1].fd = backend->sock >= 0 ? backend->sock : backend->listener;
		fds[1].events = POLLIN;
		if (poll(fds, RTE_DIM(fds), -1) < 0 && errno != EINTR)
			break;
		if (fds[0].revents != 0)
			break;
		if (fds[1].revents == 0)
			continue;
		if (backend->sock < 0) {
			backend->sock = accept4(backend->listener, NULL, NULL,
					SOCK_CLOEXEC);
		} else if (!step(backend)) {
			close(backend->sock);
			backend->sock = -1;
			if (backend->listener < 0)
				break;
		}
	}
	return (test_thread_result)0;
}

static int
open_socket(struct burst_backend *backend, const char *path, bool listens)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd, ret;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (listens)
		ret = bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 ?
			listen(fd, 1) : -1;
	else
		ret = connect(fd, (struct sockaddr *)&addr, sizeof(addr));
	if (ret < 0) {
		ret = -errno;
		close(fd);
		return ret;
	}
	*(listens ? &backend->listener : &backend->sock) = fd;
	return 0;
}

static void
close_all(struct burst_backend *backend)
{
	if (backend->listener >= 0)
		close(backend->listener);
	if (backend->sock >= 0)
		close(backend->sock);
	if (backend->stop_fd >= 0)
		close(backend->stop_fd);
	backend->listener = backend->sock = backend->stop_fd = -1;
}

int
burst_backend_start(struct burst_backend *backend, const char *path, bool listens,
		uint64_t features)
{
	int ret;

	memset(backend, 0, sizeof(*backend));
	backend->offered = features;
	backend->listener = backend->sock = -1;
	pthread_mutex_init(&backend->lock, NULL);
	backend->stop_fd = eventfd(0, EFD_CLOEXEC);
	ret = backend->stop_fd < 0 ? -errno : open_socket(backend, path, listens);
	if (ret == 0 && rte_memseg_contig_walk(add_region, &backend->memory) < 0)
		ret = -ENOSPC;
	/* EAL's: on no lcore's processor, as far as there are others */
	if (ret == 0)
		ret = test_thread_create(&backend->thread, "burst-backend",
				serve_loop, backend);
	if (ret != 0) {
		fprintf(stderr, "burst: cannot have a backend at %s: %s\n", path,
			strerror(ret < 0 ? -ret : ret));
		close_all(backend);
		return -abs(ret);
	}
	backend->running = true;
	return 0;
}

void
burst_backend_stop(struct burst_backend *backend)
{
	const uint64_t one = 1;

	if (!backend->running)
		return;
	if (write(backend->stop_fd, &one, sizeof(one)) == sizeof(one))
		pthread_join(backend->thread, NULL);
	close_all(backend);
	backend->running = false;
}

static bool
is_greeted(const struct burst_backend *backend)
{
	return backend->greeted;
}

static bool
is_ready(const struct burst_backend *backend)
{
	unsigned int i;

	for (i = 0; i < BURST_RINGS; i++) {
		if (!backend->vring[i].has_addr || !backend->vring[i].kicked ||
				!backend->vring[i].enabled)
			return false;
	}
	return true;
}

static int
wait_for(struct burst_backend *backend, bool (*there)(const struct burst_backend *),
		const char *what)
{
	unsigned int waited;
	bool done = false;

	for (waited = 0; waited < WAIT_MS && !done; waited += STEP_MS) {
		pthread_mutex_lock(&backend->lock);
		done = there(backend);
		pthread_mutex_unlock(&backend->lock);
		if (!done)
			usleep(STEP_MS * 1000);
	}
	if (done)
		return 0;
	fprintf(stderr, "burst: the backend waited %u ms for %s\n", WAIT_MS, what);
	return -ETIMEDOUT;
}

int
burst_backend_wait_greeted(struct burst_backend *backend)
{
	return wait_for(backend, is_greeted, "the front-end's first messages");
}

int
burst_backend_wait_ready(struct burst_backend *backend)
{
	return wait_for(backend, is_ready, "the rings to be enabled");
}

uint64_t
burst_backend_features(struct burst_backend *backend)
{
	uint64_t features;

	pthread_mutex_lock(&backend->lock);
	features = backend->features;
	pthread_mutex_unlock(&backend->lock);
	return features;
}

int
burst_backend_ring(struct burst_backend *backend, unsigned int index,
		struct burst_ring *ring)
{
	const bool packed = (burst_backend_features(backend) &
			RTE_BIT64(VIRTIO_F_RING_PACKED)) != 0;
	const struct burst_vring *vring = &backend->vring[index];

	if (vring->size == 0 || (vring->size & (vring->size - 1)) != 0)
		return -EPROTO;
	return burst_ring_init(ring, &backend->memory, packed, vring->size, vring->desc,
			vring->avail, vring->used);
}
