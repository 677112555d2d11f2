/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <sys/epoll.h>

#include "loop.h"

/* As many as are taken from the kernel at a time. */
#define LOOP_EVENTS 64

struct loop_fd {
	struct loop *loop;
	int fd;
	bool gone;            /* deleted while events are served */
	loop_fd_cb *cb;
	void *arg;
	struct loop_fd *next; /* of the deleted ones */
};

struct loop {
	int epfd;
	bool stop;
	bool serving;            /* what is deleted now may have an event that waits */
	struct loop_fd *deleted;
	struct loop_timer *timers;
};

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

struct loop *
loop_create(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (loop == NULL)
		return NULL;
	loop->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epfd < 0) {
		free(loop);
		return NULL;
	}
	return loop;
}

void
loop_destroy(struct loop *loop)
{
	if (loop == NULL)
		return;
	close(loop->epfd);
	free(loop);
}

void
loop_stop(struct loop *loop)
{
	loop->stop = true;
}

static void
fire_timers(struct loop *loop)
{
	uint64_t now = now_ms();
	struct loop_timer *timer;

	while ((timer = loop->timers) != NULL && timer->at <= now) {
		loop->timers = timer->next;
		timer->at = 0;
		timer->fire(timer->arg);
	}
}

/* The sooner of a limit and the first timer. */
static int
wait_ms(const struct loop *loop, int limit)
{
	uint64_t now, left;

	if (loop->timers == NULL)
		return limit;
	now = now_ms();
	left = loop->timers->at > now ? loop->timers->at - now : 0;
	if (left > INT_MAX)
		left = INT_MAX;
	return limit >= 0 && (uint64_t)limit < left ? limit : (int)left;
}

static void
free_deleted(struct loop *loop)
{
	struct loop_fd *lfd;

	while ((lfd = loop->deleted) != NULL) {
		loop->deleted = lfd->next;
		free(lfd);
	}
}

int
loop_once(struct loop *loop, int timeout_ms)
{
	struct epoll_event events[LOOP_EVENTS];
	struct loop_fd *lfd;
	int n, i;

	n = epoll_wait(loop->epfd, events, LOOP_EVENTS, wait_ms(loop, timeout_ms));
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	loop->serving = true;
	for (i = 0; i < n; i++) {
		lfd = events[i].data.ptr;
		if (!lfd->gone)
			lfd->cb(lfd->arg, events[i].events);
	}
	fire_timers(loop);
	loop->serving = false;
	free_deleted(loop);
	return n;
}

int
loop_run(struct loop *loop)
{
	int ret = 0;

	loop->stop = false;
	while (!loop->stop && ret >= 0)
		ret = loop_once(loop, -1);
	return ret < 0 ? ret : 0;
}

int
loop_fd_add(struct loop *loop, int fd, uint32_t events, loop_fd_cb *cb, void *arg,
		struct loop_fd **lfd)
{
	struct epoll_event event = { .events = events };
	struct loop_fd *new;
	int ret;

	new = calloc(1, sizeof(*new));
	if (new == NULL)
		return -ENOMEM;
	new->loop = loop;
	new->fd = fd;
	new->cb = cb;
	new->arg = arg;
	event.data.ptr = new;
	if (epoll_ctl(loop->epfd, EPOLL_CTL_ADD, fd, &event) < 0) {
		ret = -errno;
		free(new);
		return ret;
	}
	*lfd = new;
	return 0;
}

int
loop_fd_set(struct loop_fd *lfd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = lfd };

	return epoll_ctl(lfd->loop->epfd, EPOLL_CTL_MOD, lfd->fd, &event) < 0 ?
		-errno : 0;
}

void
loop_fd_del(struct loop_fd *lfd)
{
	struct loop *loop;

	if (lfd == NULL)
		return;
	loop = lfd->loop;
	epoll_ctl(loop->epfd, EPOLL_CTL_DEL, lfd->fd, NULL);
	if (!loop->serving) {
		free(lfd);
		return;
	}
	lfd->gone = true;
	lfd->next = loop->deleted;
	loop->deleted = lfd;
}

void
loop_timer_init(struct loop_timer *timer, struct loop *loop,
		void (*fire)(void *arg), void *arg)
{
	timer->loop = loop;
	timer->fire = fire;
	timer->arg = arg;
	timer->at = 0;
	timer->next = NULL;
}

void
loop_timer_cancel(struct loop_timer *timer)
{
	struct loop_timer **link;

	if (timer->at == 0)
		return;
	for (link = &timer->loop->timers; *link != NULL; link = &(*link)->next) {
		if (*link == timer) {
			*link = timer->next;
			break;
		}
	}
	timer->at = 0;
}

void
loop_timer_set(struct loop_timer *timer, uint32_t ms)
{
	struct loop_timer **link = &timer->loop->timers;

	loop_timer_cancel(timer);
	timer->at = now_ms() + ms;
	while (*link != NULL && (*link)->at <= timer->at)
		link = &(*link)->next;
	timer->next = *link;
	*link = timer;
}
