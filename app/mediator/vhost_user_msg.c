/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Messages to a vhost-user backend, and its replies: framing, order, deadlines.
 *
 * The queue is bounded by its users: the operations have so many messages at most, one
 * operation is under way at a time, and what may be sent besides replaces what waits.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "fdmsg.h"
#include "foreign_fd.h"
#include "vhost_user_private.h"

const char *
vu_request_name(uint32_t request)
{
	static const char * const names[] = {
		[VU_GET_FEATURES] = "GET_FEATURES",
		[VU_SET_FEATURES] = "SET_FEATURES",
		[VU_SET_OWNER] = "SET_OWNER",
		[VU_SET_MEM_TABLE] = "SET_MEM_TABLE",
		[VU_SET_VRING_NUM] = "SET_VRING_NUM",
		[VU_SET_VRING_ADDR] = "SET_VRING_ADDR",
		[VU_SET_VRING_BASE] = "SET_VRING_BASE",
		[VU_GET_VRING_BASE] = "GET_VRING_BASE",
		[VU_SET_VRING_KICK] = "SET_VRING_KICK",
		[VU_SET_VRING_CALL] = "SET_VRING_CALL",
		[VU_GET_PROTOCOL_FEATURES] = "GET_PROTOCOL_FEATURES",
		[VU_SET_PROTOCOL_FEATURES] = "SET_PROTOCOL_FEATURES",
		[VU_GET_QUEUE_NUM] = "GET_QUEUE_NUM",
		[VU_SET_VRING_ENABLE] = "SET_VRING_ENABLE",
		[VU_NET_SET_MTU] = "NET_SET_MTU",
		[VU_SET_STATUS] = "SET_STATUS",
	};

	return request < sizeof(names) / sizeof(names[0]) && names[request] != NULL ?
		names[request] : "a message";
}

bool
vu_is_query(uint32_t request)
{
	switch (request) {
	case VU_GET_FEATURES:
	case VU_GET_PROTOCOL_FEATURES:
	case VU_GET_QUEUE_NUM:
	case VU_GET_VRING_BASE:
		return true;
	default:
		return false;
	}
}

void
vu_msg_init(struct vhost_user *vu)
{
	STAILQ_INIT(&vu->unsent);
	loop_timer_init(&vu->deadline, vu->loop, vu_deadline_fire, vu);
}

void
vu_msg_free(struct vhost_user *vu, struct vu_msg *msg)
{
	/* the client's: it may be gone, and these the last ones */
	foreign_fd_close(vu->peer, msg->fds, msg->nr_fds);
	free(msg);
}

void
vu_msg_reset(struct vhost_user *vu)
{
	struct vu_msg *msg;

	while ((msg = STAILQ_FIRST(&vu->unsent)) != NULL) {
		STAILQ_REMOVE_HEAD(&vu->unsent, next);
		vu_msg_free(vu, msg);
	}
	loop_timer_cancel(&vu->deadline);
	vu->nr_expects = 0;
	vu->rx_len = 0;
	vu->writing = false;
}

/* The oldest message that is not over; 0: there is none. */
static uint64_t
oldest(const struct vhost_user *vu)
{
	if (vu->nr_expects > 0)
		return vu->expects[vu->expects_head].seq;
	return STAILQ_EMPTY(&vu->unsent) ? 0 : STAILQ_FIRST(&vu->unsent)->seq;
}

/*
 * The timer is for all messages that there were when it was set. Once those are over it
 * is set again for all since then: no message has to be told the time.
 */
static void
set_deadline(struct vhost_user *vu)
{
	uint64_t seq = oldest(vu);

	if (seq == 0) {
		loop_timer_cancel(&vu->deadline);
	} else if (!loop_timer_runs(&vu->deadline) || seq > vu->mark) {
		vu->mark = vu->seq;
		loop_timer_set(&vu->deadline, vu->times.reply);
	}
}

void
vu_deadline_fire(void *arg)
{
	struct vhost_user *vu = arg;
	const struct vu_msg *msg = STAILQ_FIRST(&vu->unsent);
	uint32_t request = 0;

	vu->serving = true;
	if (vu->nr_expects > 0)
		request = vu->expects[vu->expects_head].request;
	else if (msg != NULL)
		request = msg->request;
	vu_drop(vu, VU_LATE, "it does not answer (%s)", vu_request_name(request));
	vu_leave(vu);
}

static void
expect_reply(struct vhost_user *vu, const struct vu_msg *msg)
{
	unsigned int i = (vu->expects_head + vu->nr_expects++) % VU_WINDOW;

	vu->expects[i] = (struct vu_expect) {
		.seq = msg->seq,
		.request = msg->request,
		.index = msg->index,
		.last = msg->last,
	};
}

/* 1: sent; 0: the socket is full; or a negative errno. */
static int
send_msg(struct vhost_user *vu, struct vu_msg *msg)
{
	ssize_t n;

	while (msg->sent < msg->len) {
		/* one call each: DPDK reads a payload at once or not at all */
		n = fdmsg_send(vu->sock, msg->bytes + msg->sent, msg->len - msg->sent,
			msg->fds, msg->nr_fds);
		if (n < 0)
			return n == -EAGAIN ? 0 : (int)n;
		fdmsg_close(msg->fds, msg->nr_fds);
		msg->nr_fds = 0;
		msg->sent += n;
	}
	return 1;
}

void
vu_flush(struct vhost_user *vu)
{
	struct vu_msg *msg;
	bool full = false;
	int ret = 0;

	if (vu->fault != 0)
		return;
	while ((msg = STAILQ_FIRST(&vu->unsent)) != NULL && vu->nr_expects < VU_WINDOW) {
		ret = send_msg(vu, msg);
		full = ret == 0;
		if (ret <= 0)
			break;
		STAILQ_REMOVE_HEAD(&vu->unsent, next);
		if (msg->replied)
			expect_reply(vu, msg);
		vu_msg_free(vu, msg);
	}
	if (ret >= 0 && full != vu->writing) {
		vu->writing = full;
		ret = loop_fd_set(vu->watch, EPOLLIN | (full ? EPOLLOUT : 0));
	}
	if (ret < 0)
		vu_fault(vu, ret);
	set_deadline(vu);
}

/* Whether a header is that of the reply that is due; dropped if it is not. */
static bool
check_header(struct vhost_user *vu, const struct vu_header *header)
{
	const struct vu_expect *expect = &vu->expects[vu->expects_head];

	if (vu->nr_expects == 0) {
		vu_drop(vu, VU_WRONG, "it sends replies that nobody asked for");
		return false;
	}
	if ((header->flags & (VU_VERSION_MASK | VU_REPLY)) == (VU_VERSION | VU_REPLY) &&
			header->request == expect->request &&
			header->size == VU_REPLY_SIZE)
		return true;
	vu_drop(vu, VU_WRONG,
		"its reply to %s makes no sense (request %u, flags %#x, %u bytes)",
		vu_request_name(expect->request), header->request, header->flags,
		header->size);
	return false;
}

static void
take_reply(struct vhost_user *vu, const uint8_t *payload)
{
	struct vu_expect expect = vu->expects[vu->expects_head];
	uint64_t value;

	vu->expects_head = (vu->expects_head + 1) % VU_WINDOW;
	vu->nr_expects--;
	memcpy(&value, payload, sizeof(value));
	if (!vu_is_query(expect.request) && value != 0)
		vu_drop(vu, VU_REFUSED, "it refused %s, its own messages say why",
			vu_request_name(expect.request));
	else
		vu_replied(vu, &expect, payload);
}

static void
take_replies(struct vhost_user *vu)
{
	struct vu_header header;
	uint32_t pos = 0;

	while (vu->rx_len - pos >= sizeof(header)) {
		memcpy(&header, vu->rx + pos, sizeof(header));
		if (!check_header(vu, &header))
			return;
		if (vu->rx_len - pos < sizeof(header) + VU_REPLY_SIZE)
			break;
		take_reply(vu, vu->rx + pos + sizeof(header));
		if (vu->sock < 0)
			return;
		pos += sizeof(header) + VU_REPLY_SIZE;
	}
	vu->rx_len -= pos;
	memmove(vu->rx, vu->rx + pos, vu->rx_len);
	vu_flush(vu);
}

void
vu_receive(struct vhost_user *vu)
{
	int fds[FDMSG_MAX_FDS];
	unsigned int nr_fds;
	ssize_t n;

	/* there is room: what is left of the last time is less than a reply */
	n = fdmsg_recv(vu->sock, vu->rx + vu->rx_len, sizeof(vu->rx) - vu->rx_len, fds,
		&nr_fds);
	foreign_fd_close(vu->peer, fds, nr_fds);
	if (n == -EAGAIN)
		return;
	if (n == 0 || n == -ECONNRESET) {
		vu_drop(vu, VU_CLOSED, "it closed the connection");
	} else if (nr_fds > 0 || n == -EMSGSIZE) {
		vu_drop(vu, VU_WRONG, "it sends file descriptors with its replies");
	} else if (n < 0) {
		vu_drop(vu, VU_BROKEN, "cannot receive: %s", strerror(-n));
	} else {
		vu->rx_len += n;
		take_replies(vu);
	}
}
