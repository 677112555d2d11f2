/* SPDX-License-Identifier: BSD-3-Clause */

/* Commands and their replies on a connected socket. */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <vfio_fd.h>

#include "vfio_user_private.h"

/*
 * A mediator answers within milliseconds. It may wait for its own back-end, so this is
 * longer than those wait.
 */
int vfio_user_timeout_ms = 10000;

/* Messages, of which the kernel keeps fewer for a socket. */
#define MAX_UNREAD 4096

int64_t
vfio_user_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
vfio_user_conn_limit(struct vfio_user_conn *conn, int ms)
{
	conn->until = ms == 0 ? 0 : vfio_user_now_ms() + ms;
}

/* When what begins now must be through. */
static int64_t
conn_deadline(const struct vfio_user_conn *conn)
{
	const int64_t deadline = vfio_user_now_ms() + vfio_user_timeout_ms;

	return conn->until == 0 ? deadline : RTE_MIN(deadline, conn->until);
}

int
vfio_user_wait(int sock, short events, int64_t deadline, short *revents)
{
	struct pollfd pollfd = { .fd = sock, .events = events };
	int64_t left;
	int n;

	do {
		left = deadline - vfio_user_now_ms();
		if (left <= 0)
			return -ETIMEDOUT;
		n = poll(&pollfd, 1, (int)left);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	*revents = pollfd.revents;
	return n == 0 ? -ETIMEDOUT : 0;
}

static int
conn_end(struct vfio_user_conn *conn, int err)
{
	conn->broken = err == -ETIMEDOUT ? -ETIMEDOUT : -ENODEV;
	/* the server notices, and so does who waits for it to be gone */
	shutdown(conn->sock, SHUT_RDWR);
	return err;
}

int
vfio_user_conn_break(struct vfio_user_conn *conn, int err, const char *why)
{
	if (conn->broken != 0)
		return err;
	VFIO_USER_LOG(ERR, "%s: %s: start its mediator again, then detach the device and attach it anew",
		conn->name, why);
	return conn_end(conn, err);
}

static int
conn_gone(struct vfio_user_conn *conn)
{
	if (conn->agreed || conn->broken != 0)
		return vfio_user_conn_break(conn, -ENODEV,
			"the server of its socket is gone (it ended, or closed the connection)");
	/* a server of one client accepts a second one, if at all, to hang up */
	VFIO_USER_LOG(ERR, "%s: the server of its socket hung up at once: stop whoever else uses the device, as dpdk-mdev.py shows, or start its mediator again",
		conn->name);
	return conn_end(conn, -ENODEV);
}

static int
conn_hangs(struct vfio_user_conn *conn)
{
	return vfio_user_conn_break(conn, -ETIMEDOUT,
		"the server of its socket does not answer in time");
}

static int
conn_failed(struct vfio_user_conn *conn, int err)
{
	char why[128];

	if (err == -ETIMEDOUT)
		return conn_hangs(conn);
	if (err == -EPIPE || err == -ECONNRESET)
		return conn_gone(conn);
	snprintf(why, sizeof(why), "its socket failed (%s)", strerror(-err));
	return vfio_user_conn_break(conn, err, why);
}

unsigned int
vfio_user_drop_fds(struct vfio_user_conn *conn)
{
	unsigned int later = vfio_fd_close(conn->fds, conn->nr_fds);

	conn->nr_fds = 0;
	return later;
}

/* Keep the fds that came with some bytes; those beyond what one message has are dropped. */
static void
take_fds(struct vfio_user_conn *conn, struct msghdr *msg)
{
	struct cmsghdr *cmsg;
	size_t i, count;
	int fd;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(fd);
		for (i = 0; i < count; i++) {
			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(fd), sizeof(fd));
			if (conn->nr_fds < VFIO_USER_MAX_FDS)
				conn->fds[conn->nr_fds++] = fd;
			else
				vfio_fd_close(&fd, 1);
		}
	}
}

/* Some bytes, without waiting. */
static ssize_t
recv_some(struct vfio_user_conn *conn, void *buf, size_t len)
{
	char control[CMSG_SPACE(VFIO_USER_MAX_FDS * sizeof(int))]
		__rte_aligned(sizeof(struct cmsghdr));
	struct iovec iov = { .iov_base = buf, .iov_len = len };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	n = recvmsg(conn->sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	take_fds(conn, &msg);
	return (msg.msg_flags & MSG_CTRUNC) != 0 ? -EMFILE : n;
}

void
vfio_user_conn_drain(struct vfio_user_conn *conn)
{
	char buf[4096];
	unsigned int i;
	ssize_t n;

	/* from here on nothing is added */
	shutdown(conn->sock, SHUT_RDWR);
	for (i = 0; i < MAX_UNREAD; i++) {
		n = recv_some(conn, buf, sizeof(buf));
		vfio_user_drop_fds(conn);
		if (n <= 0 && n != -EMFILE && n != -EINTR)
			break;
	}
}

int
vfio_user_recv(struct vfio_user_conn *conn, void *buf, size_t len, int64_t deadline)
{
	uint8_t *to = buf;
	short revents;
	ssize_t n;
	int ret;

	while (len > 0) {
		/* a server that never stops sending must not keep us, either */
		if (vfio_user_now_ms() >= deadline)
			return conn_hangs(conn);
		n = recv_some(conn, to, len);
		if (n == 0)
			return conn_gone(conn);
		if (n == -EMFILE)
			return vfio_user_conn_break(conn, -EMFILE,
				"file descriptors of its server were lost: raise the limit of open files (ulimit -n)");
		if (n == -EAGAIN) {
			ret = vfio_user_wait(conn->sock, POLLIN, deadline, &revents);
			if (ret < 0)
				return conn_failed(conn, ret);
			continue;
		}
		if (n == -EINTR)
			continue;
		if (n < 0)
			return conn_failed(conn, n);
		to += n;
		len -= n;
	}
	return 0;
}

/* Some bytes, without waiting; the fds go with the first. */
static ssize_t
send_some(struct vfio_user_conn *conn, struct iovec *iov, unsigned int nr_iov,
		const int *fds, unsigned int nr_fds)
{
	char control[CMSG_SPACE(VFIO_USER_MAX_FDS * sizeof(int))]
		__rte_aligned(sizeof(struct cmsghdr));
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = nr_iov };
	struct cmsghdr *cmsg;
	ssize_t n;

	if (nr_fds > 0) {
		memset(control, 0, sizeof(control));
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(nr_fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(nr_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, nr_fds * sizeof(int));
	}
	n = sendmsg(conn->sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

static int recv_message(struct vfio_user_conn *conn, int64_t deadline);

/*
 * The socket is full. The server may be waiting for us to take a command of its own, so
 * take it; what it asked is answered when our message is through.
 */
static int
send_wait(struct vfio_user_conn *conn, int64_t deadline)
{
	short events = POLLOUT, revents;
	int ret;

	if (conn->nr_pending < VFIO_USER_MAX_PENDING)
		events |= POLLIN;
	ret = vfio_user_wait(conn->sock, events, deadline, &revents);
	if (ret < 0)
		return conn_failed(conn, ret);
	if ((revents & POLLIN) == 0 || (revents & POLLOUT) != 0)
		return 0;
	return recv_message(conn, deadline);
}

int
vfio_user_send(struct vfio_user_conn *conn, struct iovec *iov, unsigned int nr_iov,
		const int *fds, unsigned int nr_fds, int64_t deadline)
{
	int ret = 0;
	ssize_t n;

	conn->sending = true;
	while (nr_iov > 0 && ret == 0) {
		if (iov->iov_len == 0) {
			iov++;
			nr_iov--;
			continue;
		}
		n = send_some(conn, iov, nr_iov, fds, nr_fds);
		if (n == -EAGAIN) {
			ret = send_wait(conn, deadline);
			continue;
		}
		if (n == -EINTR)
			continue;
		if (n < 0) {
			ret = conn_failed(conn, n);
			break;
		}
		nr_fds = 0;
		while (n > 0) {
			size_t part = RTE_MIN((size_t)n, iov->iov_len);

			iov->iov_base = RTE_PTR_ADD(iov->iov_base, part);
			iov->iov_len -= part;
			n -= part;
			if (iov->iov_len == 0) {
				iov++;
				nr_iov--;
			}
		}
	}
	conn->sending = false;
	return ret;
}

/* What cannot be in the stream of a server that follows the specification. */
static int
conn_nonsense(struct vfio_user_conn *conn, const struct vfio_user_header *header,
		const char *what)
{
	char why[160];

	snprintf(why, sizeof(why), "its server sent %s (command %u, %u bytes, flags %#x)",
		what, header->command, header->size, header->flags);
	if (conn->agreed || conn->broken != 0)
		return vfio_user_conn_break(conn, -EPROTO, why);
	/* vhost-user looks much the same, and its socket is named as easily */
	VFIO_USER_LOG(ERR, "%s: %s: name its vfio-user socket, not the backend's, or start its mediator again",
		conn->name, why);
	return conn_end(conn, -EPROTO);
}

static int
reply_payload(struct vfio_user_conn *conn, struct vfio_user_request *req, size_t len,
		int64_t deadline)
{
	size_t part;
	unsigned int i;
	int ret;

	req->in_len = len;
	for (i = 0; i < RTE_DIM(req->in) && len > 0; i++) {
		part = RTE_MIN(len, req->in[i].iov_len);
		ret = vfio_user_recv(conn, req->in[i].iov_base, part, deadline);
		if (ret < 0)
			return ret;
		len -= part;
	}
	return 0;
}

static void
reply_fds(struct vfio_user_conn *conn, struct vfio_user_request *req)
{
	unsigned int i;

	req->in_nr_fds = RTE_MIN(conn->nr_fds, req->in_max_fds);
	for (i = 0; i < req->in_nr_fds; i++)
		req->in_fds[i] = conn->fds[i];
	conn->nr_fds -= req->in_nr_fds;
	memmove(conn->fds, conn->fds + i, conn->nr_fds * sizeof(conn->fds[0]));
}

static int
recv_reply(struct vfio_user_conn *conn, const struct vfio_user_header *header,
		int64_t deadline)
{
	struct vfio_user_request *req = conn->req;
	size_t len = header->size - sizeof(*header);
	int ret;

	if (req == NULL || header->id != conn->req_id ||
			header->command != req->command)
		return conn_nonsense(conn, header, "a reply to what was not asked");
	conn->req = NULL;
	if ((header->flags & VFIO_USER_F_ERROR) != 0) {
		if (len != 0)
			return conn_nonsense(conn, header, "an error with more than a header");
		/* "It may be zero even if the Error bit is set in Flags." */
		conn->req_result = header->error == 0 || header->error > INT16_MAX ?
			-EIO : -(int)header->error;
		return 0;
	}
	if (len < req->in_min || len > req->in[0].iov_len + req->in[1].iov_len)
		return conn_nonsense(conn, header, "a reply of a wrong size");
	ret = reply_payload(conn, req, len, deadline);
	if (ret == 0)
		reply_fds(conn, req);
	conn->req_result = ret;
	return ret;
}

static int
recv_command(struct vfio_user_conn *conn, const struct vfio_user_header *header,
		int64_t deadline)
{
	int ret;

	ret = vfio_user_serve(conn, header, deadline);
	if (ret == 0 && !conn->sending)
		ret = vfio_user_answer(conn, deadline);
	return ret;
}

/* Take one message, a reply or a command. 0, or the connection is broken. */
static int
recv_message(struct vfio_user_conn *conn, int64_t deadline)
{
	struct vfio_user_header header;
	int ret;

	ret = vfio_user_recv(conn, &header, sizeof(header), deadline);
	if (ret == 0 && header.size < sizeof(header))
		ret = conn_nonsense(conn, &header, "a message that is shorter than its header");
	if (ret == 0) {
		switch (header.flags & VFIO_USER_F_TYPE) {
		case VFIO_USER_F_TYPE_COMMAND:
			ret = recv_command(conn, &header, deadline);
			break;
		case VFIO_USER_F_TYPE_REPLY:
			ret = recv_reply(conn, &header, deadline);
			break;
		default:
			ret = conn_nonsense(conn, &header, "a message of no known type");
			break;
		}
	}
	/* a server that goes on with those would have all that this process can open */
	if (vfio_user_drop_fds(conn) > 0 && ret == 0)
		ret = conn_nonsense(conn, &header, "file descriptors that nobody asked for");
	return ret;
}

void
vfio_user_conn_take(struct vfio_user_conn *conn)
{
	recv_message(conn, conn_deadline(conn));
}

/*
 * A request takes all that comes. Whoever looks between requests would be woken by each
 * reply to find nothing, on the processor that the reply is awaited on, often enough: that
 * took as long as the request. Changing what is watched cannot fail.
 */
static void
watch_idle(struct vfio_user_conn *conn, bool on)
{
	struct epoll_event event = { .events = on ? EPOLLIN : 0 };

	if (conn->idle >= 0)
		epoll_ctl(conn->idle, EPOLL_CTL_MOD, conn->sock, &event);
}

int
vfio_user_request(struct vfio_user_conn *conn, struct vfio_user_request *req)
{
	const int64_t deadline = conn_deadline(conn);
	struct vfio_user_header header = { .command = req->command };
	struct iovec iov[1 + RTE_DIM(req->out)];
	int ret;

	if (conn->broken != 0)
		return conn->broken;
	header.id = conn->next_id++;
	header.size = sizeof(header) + req->out[0].iov_len + req->out[1].iov_len;
	iov[0].iov_base = &header;
	iov[0].iov_len = sizeof(header);
	iov[1] = req->out[0];
	iov[2] = req->out[1];
	req->in_len = 0;
	req->in_nr_fds = 0;
	watch_idle(conn, false);
	ret = vfio_user_send(conn, iov, RTE_DIM(iov), req->fds, req->nr_fds, deadline);
	if (ret == 0) {
		conn->req = req;
		conn->req_id = header.id;
		ret = vfio_user_answer(conn, deadline);
	}
	while (ret == 0 && conn->req != NULL)
		ret = recv_message(conn, deadline);
	conn->req = NULL;
	watch_idle(conn, true);
	if (ret == 0)
		return conn->req_result;
	/* the reply came, and something behind it failed */
	vfio_fd_close(req->in_fds, req->in_nr_fds);
	req->in_nr_fds = 0;
	return ret;
}

int
vfio_user_request_alone(struct vfio_user_conn *conn, struct vfio_user_request *req)
{
	int ret;

	pthread_mutex_lock(&conn->lock);
	ret = vfio_user_request(conn, req);
	pthread_mutex_unlock(&conn->lock);
	return ret;
}
