/* SPDX-License-Identifier: BSD-3-Clause */

/* One listening socket, one client at a time. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "foreign_fd.h"
#include "log.h"
#include "vfu_private.h"

/* Clients that are looked at before other devices have their turn. */
#define ACCEPT_BURST 8
/* No fd is free: look again after so many milliseconds. */
#define PAUSE_MS 100

bool
vfu_may_log(struct vfu_log_limit *limit)
{
	struct timespec ts;
	uint64_t now;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
	if (now < limit->next) {
		limit->left_out++;
		return false;
	}
	limit->next = now + VFU_LOG_MS;
	return true;
}

void
vfu_log_broken(struct vfu_server *server, const char *why)
{
	if (!vfu_may_log(&server->broken))
		return;
	LOG(WARNING, "%s: process %d is disconnected: %s (%u before it were not printed); "
		"check its vfio-user client", server->name, (int)server->conn.pid, why,
		server->broken.left_out);
	server->broken.left_out = 0;
}

static pid_t
peer_pid(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -1;
	return cred.pid;
}

static void
refuse(struct vfu_server *server, int fd)
{
	if (vfu_may_log(&server->refused)) {
		LOG(INFO, "%s: process %d is turned away (%u before it were not printed): "
			"process %d uses the device", server->name, (int)peer_pid(fd),
			server->refused.left_out, (int)server->conn.pid);
		server->refused.left_out = 0;
	}
	foreign_fd_close_socket(server->others, fd);
}

/*
 * A client waits that cannot be accepted, and will be announced again at once: look
 * away for a moment.
 */
static void
pause_listener(struct vfu_server *server, const char *why)
{
	if (vfu_may_log(&server->starved)) {
		LOG(WARNING, "%s: no client can connect: %s", server->name, why);
		server->starved.left_out = 0;
	}
	if (loop_fd_set(server->listener_lfd, 0) == 0)
		loop_timer_set(&server->pause, PAUSE_MS);
}

static void
no_fds(struct vfu_server *server, int error)
{
	char why[160];

	snprintf(why, sizeof(why), "%s; raise the limit of open files (LimitNOFILE= of "
		"systemd, ulimit -n)", strerror(error));
	pause_listener(server, why);
}

static void
resume_listener(void *arg)
{
	struct vfu_server *server = arg;

	if (loop_fd_set(server->listener_lfd, EPOLLIN) < 0)
		loop_timer_set(&server->pause, PAUSE_MS);
}

static void
on_listener(void *arg, uint32_t events __attribute__((unused)))
{
	struct vfu_server *server = arg;
	unsigned int i;
	int fd, ret;

	for (i = 0; i < ACCEPT_BURST; i++) {
		/* another one could add to them, and be gone again */
		if (foreign_peer_is_full(server->conn.fd < 0 ? server->peer :
				server->others)) {
			pause_listener(server, "files that clients have sent cannot be closed, as their file system does not answer: end whoever serves it");
			return;
		}
		/*
		 * The client has hung up, and its own event is still to come: what it sent
		 * last, then the end. Whoever connects meanwhile is not a second one.
		 */
		if (server->conn.fd >= 0 && fdmsg_hung_up(server->conn.fd))
			return;
		fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0) {
			if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
				no_fds(server, errno);
			return;
		}
		if (server->conn.fd >= 0) {
			refuse(server, fd);
			continue;
		}
		server->conn.pid = peer_pid(fd);
		ret = vfu_conn_open(server, fd);
		if (ret < 0) {
			foreign_fd_close_socket(server->peer, fd);
			no_fds(server, -ret);
			return;
		}
	}
}

static void
destroy(struct vfu_server *server)
{
	if (server == NULL)
		return;
	foreign_peer_destroy(server->peer);
	foreign_peer_destroy(server->others);
	free(server);
}

int
vfu_server_create(struct loop *loop, const char *name, const char *path,
		const struct vfu_ops *ops, void *arg, struct vfu_server **server)
{
	struct vfu_server *new;
	int ret;

	new = calloc(1, sizeof(*new));
	if (new != NULL) {
		new->peer = foreign_peer_create();
		new->others = foreign_peer_create();
	}
	if (new == NULL || new->peer == NULL || new->others == NULL) {
		destroy(new);
		LOG(ERR, "%s: no memory for its socket; free some", name);
		return -ENOMEM;
	}
	new->loop = loop;
	new->name = name;
	new->ops = ops;
	new->arg = arg;
	new->conn.fd = -1;
	loop_timer_init(&new->pause, loop, resume_listener, new);
	new->listener = fdmsg_listen(path);
	ret = new->listener;
	if (ret < 0)
		goto fail;
	strcpy(new->path, path); /* it fits into an address */
	ret = loop_fd_add(loop, new->listener, EPOLLIN, on_listener, new,
		&new->listener_lfd);
	if (ret < 0) {
		unlink(path);
		close(new->listener);
		goto fail;
	}
	*server = new;
	return 0;
fail:
	LOG(ERR, "%s: cannot listen at %s: %s; %s", name, path, strerror(-ret),
		ret == -EADDRINUSE ? "end the process that does" :
		ret == -EMFILE || ret == -ENFILE ? "raise the limit of open files" :
		"check its folder, and that the path is short");
	destroy(new);
	return ret;
}

void
vfu_server_destroy(struct vfu_server *server)
{
	if (server == NULL)
		return;
	vfu_conn_drop(server);
	loop_timer_cancel(&server->pause);
	loop_fd_del(server->listener_lfd);
	unlink(server->path);
	/* whoever waits there may have sent something */
	foreign_fd_close_listener(server->others, server->listener);
	destroy(server);
}

void
vfu_server_disconnect(struct vfu_server *server)
{
	vfu_conn_close(server);
}

int
vfu_server_client(const struct vfu_server *server)
{
	return server->conn.fd >= 0 ? (int)server->conn.pid : -1;
}

struct foreign_peer *
vfu_server_peer(const struct vfu_server *server)
{
	return server->peer;
}
