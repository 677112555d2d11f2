/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef BENCH_BURST_BACKEND_H
#define BENCH_BURST_BACKEND_H

/*
 * A vhost-user backend (QEMU's docs/interop/vhost-user.rst) in the process of its
 * front-end's driver. It maps nothing: the addresses that it is told of are those of this
 * process, which EAL knows. A thread answers; it sleeps while packets are measured.
 *
 * It offers the features it is told to, one queue pair, and REPLY_ACK.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench_burst_ring.h"

#define BURST_RINGS 2 /* receive, transmit */

struct burst_vring {
	uint16_t size;
	uint32_t base;
	uint64_t desc, avail, used;
	bool has_addr, kicked, enabled;
};

struct burst_backend {
	/* set by burst_backend_start() */
	uint64_t offered;
	int listener;          /* -1: it connects */
	int sock;
	int stop_fd;
	pthread_t thread;
	bool running;
	/* the thread's, read by others under the lock */
	pthread_mutex_t lock;
	uint64_t features;     /* that the front-end took */
	bool greeted;          /* the front-end has seen what is offered */
	bool failed;           /* the protocol was broken; said */
	struct burst_vring vring[BURST_RINGS];
	struct burst_memory memory;
};

/* Listen at a path, or connect to it. 0 or a negative errno, with a message. */
int burst_backend_start(struct burst_backend *backend, const char *path, bool listens,
		uint64_t features);
void burst_backend_stop(struct burst_backend *backend);

/*
 * Wait for it, some seconds at most: the front-end knows the features; both rings are to be
 * used. 0 or -ETIMEDOUT, with a message.
 */
int burst_backend_wait_greeted(struct burst_backend *backend);
int burst_backend_wait_ready(struct burst_backend *backend);

/* The features taken, of the virtio device only. */
uint64_t burst_backend_features(struct burst_backend *backend);

/* Once it is ready: the device's side of a ring. 0 or a negative errno. */
int burst_backend_ring(struct burst_backend *backend, unsigned int index,
		struct burst_ring *ring);

#endif /* BENCH_BURST_BACKEND_H */
