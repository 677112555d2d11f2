/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_LOOP_H
#define MEDIATOR_LOOP_H

/*
 * The event loop: fds and timers. The mediator has one loop and one thread; everything
 * else here runs in its callbacks and takes no lock.
 */

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_fd;

/* events: EPOLLIN and so on of epoll(7). */
typedef void (loop_fd_cb)(void *arg, uint32_t events);

/* A timer, part of what it is for. Set up by loop_timer_init(). */
struct loop_timer {
	struct loop *loop;
	void (*fire)(void *arg);
	void *arg;
	uint64_t at;             /* monotonic milliseconds; 0: not running */
	struct loop_timer *next; /* running ones, soonest first */
};

/* NULL, with errno, if it cannot be had. */
struct loop *loop_create(void);
/* Nothing is watched and no timer runs any more. */
void loop_destroy(struct loop *loop);

/* Serve until loop_stop(). 0 or a negative errno. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
/*
 * Wait for events once, timeout_ms at most (-1: without end), and serve those that are
 * there. Returns how many, or a negative errno.
 */
int loop_once(struct loop *loop, int timeout_ms);

/*
 * Watch an fd, which stays the caller's and must be open until loop_fd_del(). 0 or a
 * negative errno.
 */
int loop_fd_add(struct loop *loop, int fd, uint32_t events, loop_fd_cb *cb, void *arg,
		struct loop_fd **lfd);
/* Watch for other events. 0 or a negative errno. */
int loop_fd_set(struct loop_fd *lfd, uint32_t events);
/* Watch no more, from any callback; none comes after it. NULL does nothing. */
void loop_fd_del(struct loop_fd *lfd);

void loop_timer_init(struct loop_timer *timer, struct loop *loop,
		void (*fire)(void *arg), void *arg);
/* Fire once after so many milliseconds; an earlier setting is forgotten. */
void loop_timer_set(struct loop_timer *timer, uint32_t ms);
void loop_timer_cancel(struct loop_timer *timer);
static inline bool
loop_timer_runs(const struct loop_timer *timer)
{
	return timer->at != 0;
}

#endif /* MEDIATOR_LOOP_H */
