/* SPDX-License-Identifier: BSD-3-Clause */

/* Fds that came from other processes. */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vfio_fd.h"
#include "vfio_private.h"

/*
 * Threads that may be kept waiting; what comes then stays open until one of them is free.
 * Few: after mlockall() the stack of each is memory.
 */
#define MAX_CLOSERS 4

struct waiting {
	STAILQ_ENTRY(waiting) next;
	int fd;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* lock protects these */
static STAILQ_HEAD(, waiting) queue = STAILQ_HEAD_INITIALIZER(queue);
static unsigned int nr_waiting, nr_closers;

/* No other file can be asked for its seals (fcntl(2)). */
RTE_EXPORT_INTERNAL_SYMBOL(vfio_fd_is_memory)
bool
vfio_fd_is_memory(int fd)
{
	return fcntl(fd, F_GET_SEALS) >= 0;
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_fd_is_eventfd)
bool
vfio_fd_is_eventfd(int fd)
{
	char link[64], target[64];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, target, sizeof(target) - 1);
	if (len < 0)
		return false;
	target[len] = '\0';
	return strcmp(target, "anon_inode:[eventfd]") == 0;
}

/* Closes what there is, and ends. Others do the rest while one file keeps it. */
static vfio_thread_result
closer(void *arg __rte_unused)
{
	struct waiting *waiting;

	pthread_mutex_lock(&lock);
	while ((waiting = STAILQ_FIRST(&queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&queue, next);
		pthread_mutex_unlock(&lock);
		close(waiting->fd);
		free(waiting);
		pthread_mutex_lock(&lock);
		nr_waiting--;
	}
	nr_closers--;
	pthread_mutex_unlock(&lock);
	return 0;
}

/* The application's signals are not for it, nor is the processor of an lcore that polls. */
static int
start_closer(void)
{
	sigset_t all, old;
	int ret;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = vfio_thread_start("vfio-close", closer, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return ret;
}

/* One that there is no memory for stays open, as one does that no thread can be had for. */
static void
close_elsewhere(int fd)
{
	struct waiting *waiting = malloc(sizeof(*waiting));

	if (waiting == NULL)
		return;
	waiting->fd = fd;
	pthread_mutex_lock(&lock);
	STAILQ_INSERT_TAIL(&queue, waiting, next);
	nr_waiting++;
	/* a closer that is at work may be kept by what it has */
	if (nr_closers < MAX_CLOSERS && start_closer() == 0)
		nr_closers++;
	pthread_mutex_unlock(&lock);
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_fd_close)
unsigned int
vfio_fd_close(const int *fds, unsigned int nr_fds)
{
	unsigned int i, later = 0;

	for (i = 0; i < nr_fds; i++) {
		if (fds[i] < 0)
			continue;
		if (vfio_fd_is_memory(fds[i]) || vfio_fd_is_eventfd(fds[i])) {
			close(fds[i]);
			continue;
		}
		close_elsewhere(fds[i]);
		later++;
	}
	return later;
}

unsigned int
vfio_fd_waiting(void)
{
	unsigned int n;

	pthread_mutex_lock(&lock);
	n = nr_waiting;
	pthread_mutex_unlock(&lock);
	return n;
}
