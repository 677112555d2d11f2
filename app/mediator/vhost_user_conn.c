/* SPDX-License-Identifier: BSD-3-Clause */

/* The connection to a vhost-user backend: made, lost, made again, and said so. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "fdmsg.h"
#include "foreign_fd.h"
#include "log.h"
#include "vhost_user_private.h"

/* Backends that are accepted in a row before others have their turn. */
#define ACCEPTS 16

/* Said of -EDEADLK. */
#define STUCK "files that it has sent cannot be closed, as their file system does not answer"

void
vu_leave(struct vhost_user *vu)
{
	vu->serving = false;
	if (vu->destroyed)
		free(vu);
}

const char *
vu_shortage(int err)
{
	switch (err) {
	case -EMFILE:
		return "the mediator is out of files: raise its limit of open files (LimitNOFILE= of systemd, ulimit -n)";
	case -ENFILE:
		return "this machine is out of files: raise fs.file-max (sysctl)";
	case -ENOMEM:
	case -ENOBUFS:
		return "the mediator gets no memory: free some";
	default:
		return NULL;
	}
}

/* Print a line, unless there was one of this kind. Returns whether it did. */
static bool __attribute__((format(printf, 4, 5)))
say(struct vhost_user *vu, enum vu_failure what, int level, const char *format, ...)
{
	char text[512];
	va_list ap;

	if ((vu->said & (1u << what)) != 0)
		return false;
	vu->said |= 1u << what;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	log_print(level, "%s: %s", vu->conf.name, text);
	return true;
}

void
vu_complain(struct vhost_user *vu, enum vu_failure what, const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	say(vu, what, LOG_ERR, "%s", text);
	if (vu->up && !loop_timer_runs(&vu->settle))
		loop_timer_set(&vu->settle, vu->times.settle);
}

static void
connect_later(struct vhost_user *vu)
{
	loop_timer_set(&vu->retry, vu->delay);
	vu->delay = vu->delay >= vu->times.retry_max / 2 ? vu->times.retry_max :
		vu->delay * 2;
}

/* Take no further backend until the timer says so. */
static void
try_later(struct vhost_user *vu)
{
	if (vu->listener_watch != NULL && loop_fd_set(vu->listener_watch, 0) < 0)
		say(vu, VU_BROKEN, LOG_ERR, "cannot stop listening at %s",
			vu->conf.path);
	connect_later(vu);
}

static void
close_sock(struct vhost_user *vu)
{
	loop_fd_del(vu->watch);
	vu->watch = NULL;
	if (vu->sock >= 0)
		foreign_fd_close_socket(vu->peer, vu->sock);
	vu->sock = -1;
	loop_timer_cancel(&vu->settle);
	loop_timer_cancel(&vu->fault_timer);
	vu->fault = 0;
	vu_msg_reset(vu);
}

/* There is no connection any more, and nothing under way. */
static void
disconnect(struct vhost_user *vu)
{
	close_sock(vu);
	vu->up = false;
	vu->started = false;
	vu->op = VU_OP_NONE;
}

/*
 * A backend that is restarted is lost, and mentioned when it is back, whenever that is. One
 * that is lost again before it was any good is mentioned once more, and then when it has
 * lasted.
 */
void
vu_drop(struct vhost_user *vu, enum vu_failure why, const char *format, ...)
{
	const bool was_up = vu->up, was_good = vu->good;
	char reason[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(reason, sizeof(reason), format, ap);
	va_end(ap);
	if (was_good)
		vu->said = 0;
	if (was_up && !was_good)
		vu->brief++;
	say(vu, why, LOG_NOTICE, "%s backend %s%s: %s; %s%s", was_up ? "lost" : "cannot use",
		vu->conf.path, vu->brief > 1 ? " again" : "", reason,
		vu->conf.listen ? "waiting for another" : "connecting again",
		vu->brief > 1 ? ", and more of it once it stays" : "");
	if (was_up && vu->brief <= 1)
		vu->said = 0;
	vu->announced = false;
	disconnect(vu);
	try_later(vu);
	if (was_up)
		vu->ops->down(vu->arg);
}

/*
 * At once, but later each time if that is had again and again: what a client does with its
 * memory is no reason to keep a backend busy with connections.
 */
static void
renew(struct vhost_user *vu)
{
	if (say(vu, VU_RENEWED, LOG_NOTICE,
			"ends the connection to backend %s, as it would keep memory that the application has taken back; %s",
			vu->conf.path,
			vu->conf.listen ? "waiting for it" : "connecting again"))
		vu->announced = false;
	disconnect(vu);
	if (vu->good && !vu->conf.listen)
		loop_timer_set(&vu->retry, 0);
	else if (!vu->conf.listen)
		connect_later(vu);
	vu->ops->down(vu->arg);
}

void
vu_fault(struct vhost_user *vu, int err)
{
	if (vu->fault != 0)
		return;
	vu->fault = err;
	loop_timer_set(&vu->fault_timer, 0);
}

static void
fault_fire(void *arg)
{
	struct vhost_user *vu = arg;
	const char *shortage = vu_shortage(vu->fault);

	vu->serving = true;
	if (vu->fault == -ECANCELED)
		renew(vu);
	else if (shortage != NULL)
		vu_drop(vu, VU_STARVED, "%s", shortage);
	else if (vu->fault == -EPIPE || vu->fault == -ECONNRESET)
		vu_drop(vu, VU_CLOSED, "it closed the connection");
	else if (vu->fault == -ETIMEDOUT)
		vu_drop(vu, VU_LATE, "it keeps the application waiting");
	else
		vu_drop(vu, VU_BROKEN, "cannot send: %s", strerror(-vu->fault));
	vu_leave(vu);
}

static void
announce(struct vhost_user *vu)
{
	if (!vu->announced)
		LOG(NOTICE, "%s: connected to backend %s", vu->conf.name, vu->conf.path);
	vu->announced = true;
}

void
vu_conn_ready(struct vhost_user *vu)
{
	if (vu->brief <= 1)
		announce(vu);
	loop_timer_set(&vu->settle, vu->times.settle);
}

/*
 * It has lasted, so what fails from now on is said again. To have been started says nothing:
 * one that dies of its first packet would be started, lost and connected to all the time.
 */
static void
settle_fire(void *arg)
{
	struct vhost_user *vu = arg;

	vu->good = true;
	vu->brief = 0;
	vu->said = 0;
	vu->delay = vu->times.retry_min;
	announce(vu);
}

static void
sock_event(void *arg, uint32_t events)
{
	struct vhost_user *vu = arg;

	vu->serving = true;
	if ((events & ~(uint32_t)EPOLLOUT) != 0)
		vu_receive(vu);
	if ((events & EPOLLOUT) != 0 && vu->sock >= 0)
		vu_flush(vu);
	vu_leave(vu);
}

/* Begin with a backend. The fd is taken over even on failure. */
static int
begin(struct vhost_user *vu, int fd)
{
	int ret;

	ret = loop_fd_add(vu->loop, fd, EPOLLIN, sock_event, vu, &vu->watch);
	if (ret < 0) {
		foreign_fd_close_socket(vu->peer, fd);
		return ret;
	}
	vu->sock = fd;
	vu->good = false;
	vu_hello(vu);
	return 0;
}

/* What is wrong, for people. */
static const char *
describe(int err)
{
	const char *shortage = vu_shortage(err);

	if (err == -EDEADLK)
		return STUCK;
	return shortage != NULL ? shortage : strerror(-err);
}

static void
cannot_connect(struct vhost_user *vu, int err)
{
	vu->announced = false;
	if (err == -ENOENT || err == -ECONNREFUSED)
		say(vu, VU_ABSENT, LOG_NOTICE,
			"no backend at %s yet; connecting when it is there",
			vu->conf.path);
	else
		say(vu, VU_CONNECT, LOG_WARNING,
			"cannot connect to backend %s: %s; trying again",
			vu->conf.path, describe(err));
}

static int
connect_now(struct vhost_user *vu)
{
	int ret;

	ret = foreign_peer_is_full(vu->peer) ? -EDEADLK : fdmsg_connect(vu->conf.path);
	if (ret >= 0)
		ret = begin(vu, ret);
	if (ret < 0) {
		cannot_connect(vu, ret);
		try_later(vu);
	}
	return ret;
}

static void
retry_fire(void *arg)
{
	struct vhost_user *vu = arg;

	if (!vu->conf.listen)
		connect_now(vu);
	else if (loop_fd_set(vu->listener_watch, EPOLLIN) < 0)
		try_later(vu);
}

static void
cannot_accept(struct vhost_user *vu, int err)
{
	/* what waits stays readable: not to be looked at until the timer says so */
	say(vu, VU_CONNECT, LOG_WARNING, "cannot accept a backend at %s: %s",
		vu->conf.path, describe(err));
	try_later(vu);
}

static void
listener_event(void *arg, uint32_t events)
{
	struct vhost_user *vu = arg;
	unsigned int i;
	int fd, ret;

	(void)events;
	for (i = 0; i < ACCEPTS; i++) {
		/*
		 * The last one has hung up, and its own event is still to come: who waits
		 * here is the next one.
		 */
		if (vu->sock >= 0 && fdmsg_hung_up(vu->sock))
			return;
		if (foreign_peer_is_full(vu->peer)) {
			cannot_accept(vu, -EDEADLK);
			return;
		}
		fd = accept4(vu->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0 && errno == EAGAIN)
			return;
		if (fd >= 0 && vu->sock >= 0) {
			foreign_fd_close_socket(vu->peer, fd);
			continue;
		}
		ret = fd < 0 ? -errno : begin(vu, fd);
		if (ret < 0) {
			cannot_accept(vu, ret);
			return;
		}
	}
}

static const char *
listen_remedy(int error)
{
	switch (-error) {
	case EADDRINUSE:
		return "somebody else does: end that, or use another path";
	case EEXIST:
		return "it is no socket: remove it, or use another path";
	case ENOENT:
	case ENOTDIR:
		return "make that folder first";
	case EMFILE:
	case ENFILE:
		return "raise the limit of open files";
	default:
		return "see that files can be made there, or use another path";
	}
}

static int
listen_now(struct vhost_user *vu)
{
	int ret;

	ret = fdmsg_listen(vu->conf.path);
	if (ret >= 0) {
		vu->listener = ret;
		ret = loop_fd_add(vu->loop, vu->listener, EPOLLIN, listener_event, vu,
			&vu->listener_watch);
	}
	if (ret < 0)
		LOG(ERR, "%s: cannot listen for a backend at %s: %s: %s", vu->conf.name,
			vu->conf.path, strerror(-ret), listen_remedy(ret));
	return ret;
}

int
vu_conn_open(struct vhost_user *vu)
{
	int ret;

	vu->delay = vu->times.retry_min;
	loop_timer_init(&vu->retry, vu->loop, retry_fire, vu);
	loop_timer_init(&vu->settle, vu->loop, settle_fire, vu);
	loop_timer_init(&vu->fault_timer, vu->loop, fault_fire, vu);
	vu->sock = -1;
	vu->listener = -1;
	if (vu->conf.listen)
		return listen_now(vu);
	ret = connect_now(vu);
	/* only a path that cannot be one gets no better */
	return ret == -EINVAL || ret == -ENAMETOOLONG ? ret : 0;
}

void
vu_conn_close(struct vhost_user *vu)
{
	close_sock(vu);
	loop_timer_cancel(&vu->retry);
	loop_fd_del(vu->listener_watch);
	vu->listener_watch = NULL;
	if (vu->listener >= 0) {
		unlink(vu->conf.path);
		/* whoever waits there may have sent something */
		foreign_fd_close_listener(vu->peer, vu->listener);
	}
	vu->listener = -1;
}
