/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_VHOST_USER_H
#define MEDIATOR_VHOST_USER_H

/*
 * The front-end side of vhost-user: the connection to the backend of one device, which
 * moves the packets. It connects or listens, again and again until it is destroyed.
 *
 * Nothing here waits: a request that needs the backend's answer is reported by done().
 * One such operation is under way at a time. The backend is hostile: sizes, reply types
 * and flags are checked, and one that does not answer in time is dropped.
 */

#include <stdbool.h>
#include <stdint.h>

#include "dma_table.h"
#include "loop.h"

/* What DPDK's vhost takes: a ninth region ends the connection. */
#define VHOST_USER_MAX_REGIONS 8

struct vhost_user;

/* Called by the loop, never from within the functions below. */
struct vhost_user_ops {
	/* Connected; features and number of queues are known. */
	void (*up)(void *arg);
	/*
	 * The backend is lost: it closed the connection, refused something or did not
	 * answer. An operation that was under way is not reported any more.
	 */
	void (*down)(void *arg);
	/* The operation under way is over: 0 or a negative errno. */
	void (*done)(void *arg, int ret);
	/* The backend has the eventfd of vhost_user_set_call(), and uses no other. */
	void (*called)(void *arg, unsigned int index);
};

/* A virtqueue, by addresses of the memory that the backend is given. */
struct vhost_user_vring {
	uint16_t size;       /* 0: not used by the driver */
	bool enabled;
	uint64_t desc, avail, used;
	/*
	 * Where the backend goes on: the next available index; packed: with the wrap
	 * counter in bit 15, and the used index likewise in the upper half.
	 */
	uint32_t base;
	int kick_fd;         /* -1: the backend polls */
	int call_fd;         /* -1: no interrupts */
};

struct vhost_user_conf {
	const char *name;    /* for messages; stays the caller's, as path */
	const char *path;
	bool listen;         /* instead of connecting */
	uint16_t max_pairs;
};

/* 0 or a negative errno, logged. Not being connected is no failure. */
int vhost_user_create(struct loop *loop, const struct vhost_user_conf *conf,
		const struct vhost_user_ops *ops, void *arg, struct vhost_user **vu);
/* Close it, without down(), at any moment, in a callback as well. NULL does nothing. */
void vhost_user_destroy(struct vhost_user *vu);

bool vhost_user_is_up(const struct vhost_user *vu);
/* Virtio feature bits that the backend offers. 0 until it was connected once. */
uint64_t vhost_user_features(const struct vhost_user *vu);
/* Queue pairs it has, max_pairs at most. */
uint16_t vhost_user_max_pairs(const struct vhost_user *vu);

/*
 * Start the backend: features, memory, vrings (VIRTIO_NET_F_MQ in features as the
 * backend needs it), MTU (0: not told). Then done(). -ENOTCONN, -EBUSY, -EINVAL,
 * -ENOSPC: the memory is in too many pieces. The fds stay the caller's.
 */
int vhost_user_start(struct vhost_user *vu, uint64_t features,
		const struct dma_range *ranges, unsigned int nr_ranges,
		const struct vhost_user_vring *vrings, unsigned int nr_vrings,
		uint16_t mtu);
/*
 * Tell a backend that is stopped of the memory that it will be started with: to map it may
 * take longer than all the rest of a start. Then done(); 1: it knows of it already.
 */
int vhost_user_prepare(struct vhost_user *vu, const struct dma_range *ranges,
		unsigned int nr_ranges);
/* Whether the backend of now was told of memory. */
bool vhost_user_has_memory(const struct vhost_user *vu);
/*
 * Take all memory from a backend that is stopped, if it maps any that is not in these
 * ranges. Then done(), or down() and up() of a backend that forgets it with the connection
 * alone; 1: it maps nothing else.
 */
int vhost_user_release(struct vhost_user *vu, const struct dma_range *ranges,
		unsigned int nr_ranges);
/*
 * Give the backend up: down() follows. why, for the message: -ETIMEDOUT: it does not answer;
 * -EMFILE, -ENFILE, -ENOMEM, -ENOBUFS: there is nothing left here to tell it with.
 */
void vhost_user_give_up(struct vhost_user *vu, int why);
/* Stop it: once done() is called it uses neither rings nor buffers. */
int vhost_user_stop(struct vhost_user *vu);
/* Where it stopped, see struct vhost_user_vring; of the last stop. */
uint32_t vhost_user_base(const struct vhost_user *vu, unsigned int index);
/* Give a started backend other memory. Once done() is called it uses no other. */
int vhost_user_set_memory(struct vhost_user *vu, const struct dma_range *ranges,
		unsigned int nr_ranges);
/*
 * Enable the first so many rings of those that were started, and none of the others. Once
 * done() is called it serves no others. -ENOTSUP: the backend's rings are always enabled.
 */
int vhost_user_enable(struct vhost_user *vu, unsigned int nr_vrings);
/*
 * While it is started, also by a start that is not over; no done(). Returns 0, and
 * called() follows; 1 if this backend does not say when it has it; -EINVAL: not a ring
 * that was started; or another negative errno, logged.
 */
int vhost_user_set_call(struct vhost_user *vu, unsigned int index, int fd);

#endif /* MEDIATOR_VHOST_USER_H */
