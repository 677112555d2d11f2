/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "eventfds.h"
#include "fdmsg.h"
#include "foreign_fd.h"

/* Threads that one peer can keep waiting before the rest of its files is left open. */
#define MAX_CLOSERS 4
/* Files of a peer that are left open before nothing more is taken from it. */
#define MAX_WAITING 64
/* What the kernel keeps of a sender's messages is less. */
#define MAX_UNREAD 4096
/* Bytes. A system call needs little, and so does a sanitizer. */
#define CLOSER_STACK (128 << 10)
/* Bytes of memory that are freed at once: 5 ms, in pages of 4 KiB. And files of it. */
#define MAX_FREED (16 << 20)
#define MAX_CLOSED 1024

/* Files that one thread closes, one after the other. */
struct waiting {
	STAILQ_ENTRY(waiting) next;
	unsigned int nr_fds;
	int fds[];
};

struct foreign_peer {
	STAILQ_HEAD(, waiting) queue;
	unsigned int nr_waiting; /* files */
	unsigned int nr_closers;
	bool gone;               /* freed by the last closer */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* lock protects these, and all peers */
static unsigned int nr_waiting;
/* It keeps nobody waiting, but takes its time. */
static struct foreign_peer memory = { .queue = STAILQ_HEAD_INITIALIZER(memory.queue) };

struct foreign_peer *
foreign_peer_create(void)
{
	struct foreign_peer *peer = calloc(1, sizeof(*peer));

	if (peer != NULL)
		STAILQ_INIT(&peer->queue);
	return peer;
}


bool
foreign_fd_is_memory(int fd)
{
	return fcntl(fd, F_GET_SEALS) >= 0;
}

/* Closes what there is, and ends. Others do the rest while one file keeps it. */
static void *
closer(void *arg)
{
	struct foreign_peer *peer = arg;
	struct waiting *waiting;
	unsigned int i;
	bool over;

	pthread_mutex_lock(&lock);
	while ((waiting = STAILQ_FIRST(&peer->queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&peer->queue, next);
		pthread_mutex_unlock(&lock);
		for (i = 0; i < waiting->nr_fds; i++)
			close(waiting->fds[i]);
		pthread_mutex_lock(&lock);
		peer->nr_waiting -= waiting->nr_fds;
		nr_waiting -= waiting->nr_fds;
		free(waiting);
	}
	over = --peer->nr_closers == 0 && peer->gone;
	pthread_mutex_unlock(&lock);
	if (over)
		free(peer);
	return NULL;
}

/* The event loop's signals are not for it. */
static int
start_closer(struct foreign_peer *peer)
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
	ret = pthread_create(&thread, &attr, closer, peer);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return -ret;
}

bool
foreign_peer_is_full(struct foreign_peer *peer)
{
	bool full;

	pthread_mutex_lock(&lock);
	/* where no thread could be had before */
	if (peer->nr_closers == 0 && !STAILQ_EMPTY(&peer->queue) && start_closer(peer) == 0)
		peer->nr_closers++;
	full = peer->nr_waiting > MAX_WAITING;
	pthread_mutex_unlock(&lock);
	return full;
}

void
foreign_peer_destroy(struct foreign_peer *peer)
{
	bool over;

	if (peer == NULL)
		return;
	pthread_mutex_lock(&lock);
	peer->gone = true;
	/* where no thread could be had before */
	if (peer->nr_closers == 0 && !STAILQ_EMPTY(&peer->queue) && start_closer(peer) == 0)
		peer->nr_closers++;
	over = peer->nr_closers == 0;
	pthread_mutex_unlock(&lock);
	if (over)
		free(peer);
}

/* Negative: they are as they were. */
static int
close_elsewhere(struct foreign_peer *peer, const int *fds, unsigned int nr_fds)
{
	struct waiting *waiting = malloc(sizeof(*waiting) + nr_fds * sizeof(*fds));
	int ret = 0;

	if (waiting == NULL)
		return -ENOMEM;
	memcpy(waiting->fds, fds, nr_fds * sizeof(*fds));
	waiting->nr_fds = nr_fds;
	pthread_mutex_lock(&lock);
	STAILQ_INSERT_TAIL(&peer->queue, waiting, next);
	peer->nr_waiting += nr_fds;
	nr_waiting += nr_fds;
	/* a closer that is at work may be kept by what it has */
	if (peer->nr_closers < MAX_CLOSERS && start_closer(peer) == 0)
		peer->nr_closers++;
	if (peer == &memory && peer->nr_closers == 0) {
		/* nobody asks for its closers later, and nobody is kept waiting */
		STAILQ_REMOVE(&peer->queue, waiting, waiting, next);
		peer->nr_waiting -= nr_fds;
		nr_waiting -= nr_fds;
		free(waiting);
		ret = -EAGAIN;
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

void
foreign_fd_close(struct foreign_peer *peer, const int *fds, unsigned int nr_fds)
{
	int memory_fds[FDMSG_MAX_FDS];
	unsigned int nr_memory = 0, i;

	for (i = 0; i < nr_fds; i++) {
		if (fds[i] < 0)
			continue;
		if (foreign_fd_is_memory(fds[i])) {
			memory_fds[nr_memory++] = fds[i];
			if (nr_memory < FDMSG_MAX_FDS)
				continue;
			foreign_fd_close_memory(memory_fds, nr_memory);
			nr_memory = 0;
		} else if (eventfd_check(fds[i]))
			close(fds[i]);
		else
			/* one that there is no memory for stays open: who gains by that? */
			close_elsewhere(peer, &fds[i], 1);
	}
	foreign_fd_close_memory(memory_fds, nr_memory);
}

/* Whether it takes long to close these, as they may be the last that keep their memory. */
static bool
takes_long(const int *fds, unsigned int nr_fds)
{
	uint64_t bytes = 0;
	struct stat st;
	unsigned int i;

	for (i = 0; i < nr_fds && nr_fds <= MAX_CLOSED && bytes <= MAX_FREED; i++) {
		if (fstat(fds[i], &st) == 0)
			bytes += (uint64_t)st.st_blocks * 512;
	}
	return bytes > MAX_FREED || nr_fds > MAX_CLOSED;
}

void
foreign_fd_close_memory(const int *fds, unsigned int nr_fds)
{
	unsigned int i;

	if (takes_long(fds, nr_fds) && close_elsewhere(&memory, fds, nr_fds) == 0)
		return;
	for (i = 0; i < nr_fds; i++)
		close(fds[i]);
}

/* Take what nobody has read from a socket, and close it. Returns whether that is all. */
static bool
empty(struct foreign_peer *peer, int sock)
{
	int fds[FDMSG_MAX_FDS];
	unsigned int nr_fds, i;
	char buf[4096];
	ssize_t n;

	for (i = 0; i < MAX_UNREAD && !foreign_peer_is_full(peer); i++) {
		n = fdmsg_recv(sock, buf, sizeof(buf), fds, &nr_fds);
		foreign_fd_close(peer, fds, nr_fds);
		if (n <= 0 && n != -EMSGSIZE)
			return true;
	}
	return false;
}

/* The kernel closes what is in it, in the middle of whoever's close(2) it is. */
void
foreign_fd_close_socket(struct foreign_peer *peer, int sock)
{
	/* from here on nothing is added */
	shutdown(sock, SHUT_RDWR);
	if (empty(peer, sock))
		close(sock);
	else
		close_elsewhere(peer, &sock, 1);
}

void
foreign_fd_close_listener(struct foreign_peer *peer, int sock)
{
	int fd;

	shutdown(sock, SHUT_RDWR);
	while ((fd = accept4(sock, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
		foreign_fd_close_socket(peer, fd);
	if (errno == EAGAIN || errno == EINVAL) /* nobody waits, nor ever will */
		close(sock);
	else
		close_elsewhere(peer, &sock, 1);
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
