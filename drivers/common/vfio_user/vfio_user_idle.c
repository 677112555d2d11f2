/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a server asks while nobody here asks it: a device that has its own mind, and does
 * not map the memory that it was given, reads and writes that at any time. EAL's interrupt
 * thread answers.
 */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <rte_eal.h>
#include <rte_interrupts.h>

#include "vfio_user_private.h"

/*
 * Messages that are taken at a time, and how long the server may take to send what it has
 * begun, and to take the answers: the thread has others to serve.
 */
#define IDLE_BURST 16
#define IDLE_LIMIT_MS 2000
#define IDLE_POLL_US 100

/* The stream has ended: whoever watches gone_fd is told, and nothing is to be read. */
static bool
has_ended(int sock)
{
	char byte;

	return recv(sock, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* Returns whether more may come. The lock is held. */
static bool
idle_take(struct vfio_user_conn *conn)
{
	struct pollfd pollfd = { .fd = conn->sock, .events = POLLIN };
	unsigned int i;

	vfio_user_conn_limit(conn, RTE_MIN(vfio_user_timeout_ms, IDLE_LIMIT_MS));
	for (i = 0; i < IDLE_BURST && conn->broken == 0 &&
			poll(&pollfd, 1, 0) == 1; i++) {
		if (has_ended(conn->sock))
			break;
		vfio_user_conn_take(conn);
	}
	vfio_user_conn_limit(conn, 0);
	return conn->broken == 0 && !has_ended(conn->sock);
}

/* In EAL's interrupt thread. A request that is under way has the lock, and takes all. */
static void
idle_interrupt(void *arg)
{
	struct vfio_user_dev *dev = arg;
	bool more;

	pthread_mutex_lock(&dev->conn.lock);
	more = idle_take(&dev->conn);
	pthread_mutex_unlock(&dev->conn.lock);
	/* a socket whose stream has ended is readable for ever */
	if (!more)
		rte_intr_callback_unregister_pending(dev->idle, idle_interrupt, dev,
				NULL);
}

/* A set of its own: EAL knows no way to stop watching an fd for a moment. */
static int
idle_open(struct vfio_user_conn *conn)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll, err;

	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0)
		return -errno;
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, conn->sock, &event) < 0) {
		err = errno;
		close(epoll);
		return -err;
	}
	/* memory that EAL adds makes requests at any time */
	pthread_mutex_lock(&conn->lock);
	conn->idle = epoll;
	pthread_mutex_unlock(&conn->lock);
	return 0;
}

static void
idle_close(struct vfio_user_conn *conn)
{
	int epoll;

	pthread_mutex_lock(&conn->lock);
	epoll = conn->idle;
	conn->idle = -1;
	pthread_mutex_unlock(&conn->lock);
	close(epoll);
}

int
vfio_user_idle_start(struct vfio_user_dev *dev)
{
	int ret;

	ret = idle_open(&dev->conn);
	if (ret < 0)
		goto fail;
	ret = -ENOMEM;
	dev->idle = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE);
	if (dev->idle == NULL)
		goto close_epoll;
	if (rte_intr_type_set(dev->idle, RTE_INTR_HANDLE_EXT) != 0 ||
			rte_intr_fd_set(dev->idle, dev->conn.idle) != 0)
		goto free_handle;
	ret = rte_intr_callback_register(dev->idle, idle_interrupt, dev);
	if (ret == 0)
		return 0;

free_handle:
	rte_intr_instance_free(dev->idle);
close_epoll:
	idle_close(&dev->conn);
fail:
	VFIO_USER_LOG(ERR, "%s: cannot watch the socket of its mediator: %s: free some memory, and attach it again",
		dev->conn.name, strerror(-ret));
	return ret;
}

void
vfio_user_idle_stop(struct vfio_user_dev *dev)
{
	/* it may be running, and has unregistered itself if the server is gone */
	while (rte_intr_callback_unregister(dev->idle, idle_interrupt, dev) == -EAGAIN)
		usleep(IDLE_POLL_US);
	rte_intr_instance_free(dev->idle);
	idle_close(&dev->conn);
}
