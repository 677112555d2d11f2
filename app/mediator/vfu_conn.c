/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The client's stream. Messages are handled one after the other, and the next one only
 * when the reply to the last is in the kernel's hands: so what a client can make us
 * keep is one message and one reply.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "foreign_fd.h"
#include "log.h"
#include "vfu_private.h"

/* Reads (two for a message) that a client has before others have their turn. */
#define RECV_BURST 32

static void
drop_message(struct vfu_server *server)
{
	struct vfu_conn *conn = &server->conn;

	foreign_fd_close(server->peer, conn->in.fds, conn->in.nr_fds);
	free(conn->in.data);
	memset(&conn->in, 0, sizeof(conn->in));
	conn->received = 0;
}

static void
drop_out(struct vfu_conn *conn)
{
	fdmsg_close(conn->out_fds, conn->nr_out_fds);
	free(conn->out_fds);
	conn->out_fds = NULL;
	conn->nr_out_fds = 0;
	free(conn->out);
	conn->out = NULL;
}

void
vfu_conn_drop(struct vfu_server *server)
{
	struct vfu_conn *conn = &server->conn;

	if (conn->fd < 0)
		return;
	loop_fd_del(conn->lfd);
	foreign_fd_close_socket(server->peer, conn->fd);
	conn->fd = -1;
	conn->attached = false;
	conn->op = VFU_OP_NONE;
	free(conn->op_buf);
	conn->op_buf = NULL;
	drop_out(conn);
	/* otherwise its handler has it, down the stack */
	if (!conn->serving)
		drop_message(server);
}

void
vfu_conn_close(struct vfu_server *server)
{
	bool attached = server->conn.attached;

	vfu_conn_drop(server);
	if (attached)
		server->ops->detached(server->arg);
}

/* Fds that have come with some bytes of a message belong to it. */
static void
take_fds(struct vfu_server *server, const int *fds, unsigned int nr_fds)
{
	struct vfu_message *msg = &server->conn.in;
	unsigned int n = VFU_MAX_FDS - msg->nr_fds;

	if (n > nr_fds)
		n = nr_fds;
	memcpy(&msg->fds[msg->nr_fds], fds, n * sizeof(*fds));
	msg->nr_fds += n;
	if (n < nr_fds) {
		foreign_fd_close(server->peer, fds + n, nr_fds - n);
		msg->excess_fds = true;
	}
}

/* The header is there. NULL, or what is wrong with it. */
static const char *
begin_data(struct vfu_message *msg)
{
	const struct vfu_header *header = &msg->header;

	if (header->size < sizeof(*header) || header->size > VFU_MAX_MESSAGE)
		return "it sent a message of an impossible size";
	if ((header->flags & VFU_F_TYPE) != VFU_F_TYPE_COMMAND)
		return "it sent a message that is no command";
	msg->len = header->size - sizeof(*header);
	if (msg->len == 0)
		return NULL;
	msg->data = malloc(msg->len);
	return msg->data == NULL ? "there is no memory for its message" : NULL;
}

/*
 * Receive what is missing of the header, or of the data, and never more: fds come with
 * the first byte of a message, and of more messages one could not tell whose they are.
 *
 * Returns 1 if the message is whole, 0 if not, -EAGAIN: nothing is there, -EPIPE: no more
 * will come, or another negative errno, logged.
 */
static int
receive(struct vfu_server *server)
{
	struct vfu_conn *conn = &server->conn;
	struct vfu_message *msg = &conn->in;
	const size_t header_len = sizeof(msg->header);
	int fds[FDMSG_MAX_FDS];
	const char *error;
	unsigned int nr_fds;
	uint8_t *to;
	size_t len;
	ssize_t n;

	if (conn->received < header_len) {
		to = (uint8_t *)&msg->header + conn->received;
		len = header_len - conn->received;
	} else {
		to = msg->data + (conn->received - header_len);
		len = msg->header.size - conn->received;
	}
	n = fdmsg_recv(conn->fd, to, len, fds, &nr_fds);
	if (n == -EAGAIN || n == -ECONNRESET)
		return n == -EAGAIN ? -EAGAIN : -EPIPE;
	if (n < 0) {
		foreign_fd_close(server->peer, fds, nr_fds);
		vfu_log_broken(server, n == -EMSGSIZE ?
			"no more files can be opened, raise the limit (LimitNOFILE= of "
			"systemd, ulimit -n)" : strerror(-n));
		return n;
	}
	take_fds(server, fds, nr_fds);
	if (n == 0)
		return -EPIPE;
	if (nr_fds > 0 && foreign_peer_is_full(server->peer)) {
		vfu_log_broken(server, "the files that it sent cannot be closed");
		return -EPROTO;
	}
	conn->received += n;
	if (conn->received < header_len)
		return 0;
	if (conn->received == header_len) {
		error = begin_data(msg);
		if (error != NULL) {
			vfu_log_broken(server, error);
			return -EPROTO;
		}
	}
	return conn->received == msg->header.size;
}

/* Their owner may close them before the client has read so far. */
static int
keep_fds(struct vfu_conn *conn, const int *fds, unsigned int nr_fds)
{
	conn->out_fds = calloc(nr_fds, sizeof(*fds));
	if (conn->out_fds == NULL)
		return -ENOMEM;
	while (conn->nr_out_fds < nr_fds) {
		conn->out_fds[conn->nr_out_fds] =
			fcntl(fds[conn->nr_out_fds], F_DUPFD_CLOEXEC, 0);
		if (conn->out_fds[conn->nr_out_fds] < 0)
			return -errno;
		conn->nr_out_fds++;
	}
	return 0;
}

/*
 * Send what can be sent; fds go with the first byte. A client that does not want replies
 * any more may still have sent something that counts. 0 or a negative errno, logged.
 */
static int
flush(struct vfu_server *server, const int *fds, unsigned int nr_fds)
{
	struct vfu_conn *conn = &server->conn;
	ssize_t n;

	while (conn->out_sent < conn->out_len) {
		if (conn->out_sent > 0)
			nr_fds = 0;
		n = fdmsg_send(conn->fd, conn->out + conn->out_sent,
			conn->out_len - conn->out_sent, fds, nr_fds);
		if (n == -EAGAIN) {
			if (nr_fds == 0 || conn->out_fds != NULL)
				return 0;
			n = keep_fds(conn, fds, nr_fds);
			if (n == 0)
				return 0;
		}
		if (n == -EPIPE || n == -ECONNRESET)
			break;
		if (n < 0) { /* ETOOMANYREFS: fds that nobody has read yet, unix(7) */
			vfu_log_broken(server, strerror(-n));
			return n;
		}
		conn->out_sent += n;
	}
	drop_out(conn);
	return 0;
}

void *
vfu_reply_room(struct vfu_reply *reply, uint32_t len)
{
	reply->buf = calloc(1, sizeof(struct vfu_header) + len);
	if (reply->buf == NULL)
		return NULL;
	reply->len = len;
	return reply->buf + sizeof(struct vfu_header);
}

/* Reply to a message: with data, or with an error and nothing else. As flush(). */
static int
send_reply(struct vfu_server *server, const struct vfu_header *request, int ret,
		struct vfu_reply *reply)
{
	struct vfu_conn *conn = &server->conn;
	struct vfu_header header = {
		.id = request->id,
		.command = request->command,
		.flags = VFU_F_TYPE_REPLY,
	};

	if ((request->flags & VFU_F_NO_REPLY) != 0) {
		free(reply->buf);
		return 0;
	}
	if (ret < 0) {
		header.flags |= VFU_F_ERROR;
		header.error = -ret;
		reply->len = 0;
		reply->nr_fds = 0;
	}
	if (reply->buf == NULL && vfu_reply_room(reply, 0) == NULL) {
		vfu_log_broken(server, "there is no memory for a reply");
		return -ENOMEM;
	}
	header.size = sizeof(header) + reply->len;
	memcpy(reply->buf, &header, sizeof(header));
	conn->out = reply->buf;
	conn->out_len = header.size;
	conn->out_sent = 0;
	return flush(server, reply->fds, reply->nr_fds);
}

/* Handle the message that is there. 0, or not: the connection has to end. */
static int
serve(struct vfu_server *server)
{
	struct vfu_conn *conn = &server->conn;
	struct vfu_reply reply;
	int ret;

	reply.buf = NULL;
	reply.len = 0;
	reply.nr_fds = 0;
	conn->serving = true;
	conn->op = VFU_OP_CALLED;
	ret = vfu_message_handle(server, &conn->in, &reply);
	conn->serving = false;
	if (conn->fd < 0) { /* vfu_server_disconnect() */
		free(reply.buf);
		drop_message(server);
		return 0;
	}
	if (ret == VFU_LATER && conn->op == VFU_OP_DONE)
		ret = conn->op_ret;
	conn->op = VFU_OP_NONE;
	if (ret == VFU_LATER) {
		conn->op = VFU_OP_LATER;
		conn->op_header = conn->in.header;
		conn->op_buf = reply.buf;
		conn->op_len = reply.len;
		ret = 0;
	} else if (ret == VFU_CLOSE) {
		free(reply.buf);
		ret = -EPROTO;
	} else {
		ret = send_reply(server, &conn->in.header, ret, &reply);
	}
	drop_message(server);
	return ret;
}

/* Watch for what can be done now. Hanging up is always noticed. */
static int
watch(struct vfu_conn *conn)
{
	uint32_t events = EPOLLIN;
	int ret;

	if (conn->out != NULL)
		events = EPOLLOUT;
	else if (conn->op == VFU_OP_LATER)
		events = 0;
	if (events == conn->events)
		return 0;
	ret = loop_fd_set(conn->lfd, events);
	if (ret == 0)
		conn->events = events;
	return ret;
}

static bool
waits(const struct vfu_conn *conn)
{
	return conn->out != NULL || conn->op == VFU_OP_LATER;
}

/* Handle messages as long as there are some. 0, or not: the connection has to end. */
static int
serve_all(struct vfu_server *server)
{
	struct vfu_conn *conn = &server->conn;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < RECV_BURST && !waits(conn); i++) {
		ret = receive(server);
		if (ret > 0)
			ret = serve(server);
		if (ret < 0 || conn->fd < 0)
			break;
	}
	return ret == -EAGAIN ? 0 : ret;
}

static void
on_client(void *arg, uint32_t events)
{
	struct vfu_server *server = arg;
	struct vfu_conn *conn = &server->conn;
	int ret = 0;

	/* Hanging up cannot be watched for later. Otherwise: what it sent last comes first. */
	if ((events & (EPOLLHUP | EPOLLERR)) != 0 && conn->op == VFU_OP_LATER) {
		vfu_conn_close(server);
		return;
	}
	if (conn->out != NULL)
		ret = flush(server, conn->out_fds, conn->nr_out_fds);
	if (ret == 0)
		ret = serve_all(server);
	if (conn->fd < 0)
		return;
	if (ret == 0)
		ret = watch(conn);
	if (ret != 0)
		vfu_conn_close(server);
}

int
vfu_conn_open(struct vfu_server *server, int fd)
{
	struct vfu_conn *conn = &server->conn;
	int ret;

	ret = loop_fd_add(server->loop, fd, EPOLLIN, on_client, server, &conn->lfd);
	if (ret < 0)
		return ret;
	conn->fd = fd;
	conn->events = EPOLLIN;
	return 0;
}

void
vfu_server_done(struct vfu_server *server, int ret)
{
	struct vfu_conn *conn = &server->conn;
	struct vfu_reply reply;

	if (conn->op == VFU_OP_CALLED) {
		conn->op = VFU_OP_DONE;
		conn->op_ret = ret;
	}
	if (conn->op != VFU_OP_LATER)
		return;
	conn->op = VFU_OP_NONE;
	reply.buf = conn->op_buf;
	reply.len = conn->op_len;
	reply.nr_fds = 0;
	conn->op_buf = NULL;
	ret = send_reply(server, &conn->op_header, ret, &reply);
	if (ret == 0)
		ret = watch(conn);
	/* Not from within the device: its event comes. */
	if (ret < 0)
		shutdown(conn->fd, SHUT_RDWR);
}
