/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "eventfds.h"
#include "fdmsg.h"
#include "foreign_fd.h"

/* Threads that can be kept waiting before the rest of such files is left open. */
#define MAX_CLOSERS 64
/* Bytes. A system call needs little, and so does a sanitizer. */
#define CLOSER_STACK (128 << 10)
/* What the kernel keeps of a sender's messages is less. */
#define MAX_UNREAD 4096

struct waiting {
	STAILQ_ENTRY(waiting) next;
	int fd;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* lock protects these */
static STAILQ_HEAD(, waiting) queue = STAILQ_HEAD_INITIALIZER(queue);
static unsigned int nr_waiting, nr_closers;

bool
foreign_fd_is_memory(int fd)
{
	return fcntl(fd, F_GET_SEALS) >= 0;
}

/* Closes what there is, and ends. Others do the rest while one file keeps it. */
static void *
closer(void *arg)
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
	return arg;
}

/* The event loop's signals are not for it. */
static int
start_closer(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, old;
	int ret;

	ret = pthread_attr_init(&attr);
	if (ret != 0)
		return -ret;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, CLOSER_STACK);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(&thread, &attr, closer, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return -ret;
}

/* One that there is no memory for stays open: its owner gains nothing by that. */
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

void
foreign_fd_close(const int *fds, unsigned int nr_fds)
{
	unsigned int i;

	for (i = 0; i < nr_fds; i++) {
		if (fds[i] < 0)
			continue;
		if (foreign_fd_is_memory(fds[i]) || eventfd_check(fds[i]))
			close(fds[i]);
		else
			close_elsewhere(fds[i]);
	}
}

/* The kernel would close what is in it, in the middle of our close(2). */
void
foreign_fd_close_socket(int sock)
{
	int fds[FDMSG_MAX_FDS];
	unsigned int nr_fds, i;
	char buf[4096];
	ssize_t n;

	/* from here on nothing is added */
	shutdown(sock, SHUT_RDWR);
	for (i = 0; i < MAX_UNREAD; i++) {
		n = fdmsg_recv(sock, buf, sizeof(buf), fds, &nr_fds);
		foreign_fd_close(fds, nr_fds);
		if (n <= 0 && n != -EMSGSIZE)
			break;
	}
	close(sock);
}

unsigned int
foreign_fd_waiting(void)
{
	unsigned int n;

	pthread_mutex_lock(&lock);
	n = nr_waiting;
	pthread_mutex_unlock(&lock);
	return n;
}
