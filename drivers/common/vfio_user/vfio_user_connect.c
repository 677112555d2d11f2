/* SPDX-License-Identifier: BSD-3-Clause */

/* Connect to a server's socket, and close the connection. */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <rte_string_fns.h>

#include "vfio_user_private.h"

/* Why there is no connection, and what to do about it. */
static void
say_why(const char *name, const char *path, int err)
{
	switch (err) {
	case ENOENT:
		VFIO_USER_LOG(ERR, "%s: there is no socket %s: start the mediator that serves it, or correct the path",
			name, path);
		break;
	case ENOTSOCK:
		VFIO_USER_LOG(ERR, "%s: %s is not a socket: name the one on which its mediator listens",
			name, path);
		break;
	case ECONNREFUSED:
		VFIO_USER_LOG(ERR, "%s: nobody listens on %s: start its mediator again",
			name, path);
		break;
	case EACCES:
	case EPERM:
		VFIO_USER_LOG(ERR, "%s: no permission to connect to %s: run as the user of its mediator, or give this user write permission on it",
			name, path);
		break;
	case ETIMEDOUT:
	case EAGAIN:
		VFIO_USER_LOG(ERR, "%s: the server of %s takes no connection: stop whoever else uses the device, or start its mediator again",
			name, path);
		break;
	case ENAMETOOLONG:
		VFIO_USER_LOG(ERR, "%s: %s is too long for the path of a socket: link to it by a shorter one",
			name, path);
		break;
	case EPROTOTYPE:
		VFIO_USER_LOG(ERR, "%s: %s is a socket of another kind: name the one on which its mediator listens",
			name, path);
		break;
	default:
		VFIO_USER_LOG(ERR, "%s: cannot connect to %s: %s: look at its mediator, and at the limits of this process",
			name, path, strerror(err));
		break;
	}
}

/* A Unix socket that is full says so (EAGAIN) and not when it is not any more. */
static int
connect_wait(int sock, const struct sockaddr_un *addr)
{
	const int64_t deadline = vfio_user_now_ms() + vfio_user_timeout_ms;
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };

	while (connect(sock, (const struct sockaddr *)addr, sizeof(*addr)) < 0) {
		if (errno == EISCONN)
			return 0;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		if (vfio_user_now_ms() >= deadline)
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int
connect_path(int sock, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct stat st;

	if (rte_strscpy(addr.sun_path, path, sizeof(addr.sun_path)) < 0)
		return -ENAMETOOLONG;
	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISSOCK(st.st_mode))
		return -ENOTSOCK;
	return connect_wait(sock, &addr);
}

/*
 * An fd that is readable when the server is gone, and never because it said something:
 * its only event is the end of the stream.
 */
static int
watch_end(int sock)
{
	struct epoll_event event = { .events = EPOLLRDHUP };
	int epoll, err;

	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0)
		return -errno;
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, sock, &event) < 0) {
		err = errno;
		close(epoll);
		return -err;
	}
	return epoll;
}

int
vfio_user_conn_open(struct vfio_user_conn *conn, const char *name, const char *path)
{
	int ret;

	conn->name = name;
	conn->idle = -1;
	conn->sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (conn->sock < 0) {
		ret = -errno;
		goto fail;
	}
	ret = connect_path(conn->sock, path);
	if (ret < 0)
		goto close_sock;
	conn->epoll = watch_end(conn->sock);
	if (conn->epoll < 0) {
		ret = conn->epoll;
		goto close_sock;
	}
	pthread_mutex_init(&conn->lock, NULL);
	return 0;

close_sock:
	close(conn->sock);
fail:
	say_why(name, path, -ret);
	/* what there is none of, or nobody serves, is no device */
	return ret == -ENOENT || ret == -ECONNREFUSED ? -ENODEV : ret;
}

void
vfio_user_conn_close(struct vfio_user_conn *conn)
{
	close(conn->epoll);
	vfio_user_conn_drain(conn);
	close(conn->sock);
	pthread_mutex_destroy(&conn->lock);
}
