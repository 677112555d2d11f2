/* SPDX-License-Identifier: BSD-3-Clause */

/* Messages that are sent together or, if one of them cannot be had, not at all. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <linux/vhost_types.h>

#include "log.h"
#include "vhost_user_private.h"

void
vu_batch_init(struct vu_batch *batch, struct vhost_user *vu)
{
	batch->vu = vu;
	STAILQ_INIT(&batch->msgs);
	batch->last = NULL;
	batch->ret = 0;
	batch->has_table = false;
}

static void
discard(struct vu_batch *batch)
{
	struct vu_msg *msg;

	while ((msg = STAILQ_FIRST(&batch->msgs)) != NULL) {
		STAILQ_REMOVE_HEAD(&batch->msgs, next);
		vu_msg_free(batch->vu, msg);
	}
}

/* The caller may close its fds while the message waits for its turn. */
static int
dup_fds(struct vu_msg *msg, const int *fds, unsigned int nr_fds)
{
	int fd;

	while (msg->nr_fds < nr_fds) {
		fd = fcntl(fds[msg->nr_fds], F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return -errno;
		msg->fds[msg->nr_fds++] = fd;
	}
	return 0;
}

static int
new_msg(const struct vu_batch *batch, struct vu_header *header, const void *payload,
		const int *fds, unsigned int nr_fds, struct vu_msg **new)
{
	struct vu_msg *msg;
	int ret;

	msg = calloc(1, sizeof(*msg) + sizeof(*header) + header->size);
	if (msg == NULL)
		return -ENOMEM;
	ret = dup_fds(msg, fds, nr_fds);
	if (ret < 0) {
		vu_msg_free(batch->vu, msg);
		return ret;
	}
	msg->replied = vu_is_query(header->request);
	if (!msg->replied && vu_agreed(batch->vu, VU_PROTOCOL_F_REPLY_ACK)) {
		header->flags |= VU_NEED_REPLY;
		msg->replied = true;
	}
	msg->request = header->request;
	msg->len = sizeof(*header) + header->size;
	memcpy(msg->bytes, header, sizeof(*header));
	if (header->size > 0)
		memcpy(msg->bytes + sizeof(*header), payload, header->size);
	*new = msg;
	return 0;
}

void
vu_add(struct vu_batch *batch, uint32_t request, uint32_t index, const void *payload,
		uint32_t size, const int *fds, unsigned int nr_fds)
{
	struct vu_header header = {
		.request = request,
		.flags = VU_VERSION,
		.size = size,
	};
	struct vu_msg *msg;

	if (batch->ret < 0)
		return;
	batch->ret = new_msg(batch, &header, payload, fds, nr_fds, &msg);
	if (batch->ret < 0)
		return;
	msg->index = index;
	STAILQ_INSERT_TAIL(&batch->msgs, msg, next);
	batch->last = msg;
}

void
vu_add_empty(struct vu_batch *batch, uint32_t request)
{
	vu_add(batch, request, 0, NULL, 0, NULL, 0);
}

void
vu_add_u64(struct vu_batch *batch, uint32_t request, uint64_t value)
{
	vu_add(batch, request, 0, &value, sizeof(value), NULL, 0);
}

void
vu_add_state(struct vu_batch *batch, uint32_t request, uint32_t index, uint32_t num)
{
	const struct vhost_vring_state state = { .index = index, .num = num };

	vu_add(batch, request, index, &state, sizeof(state), NULL, 0);
}

void
vu_add_fd(struct vu_batch *batch, uint32_t request, uint32_t index, int fd)
{
	const uint64_t value = index | (fd < 0 ? VU_VRING_NO_FD : 0);

	vu_add(batch, request, index, &value, sizeof(value), &fd, fd < 0 ? 0 : 1);
}

static int
failed(struct vu_batch *batch)
{
	const char *why = vu_shortage(batch->ret);

	discard(batch);
	vu_complain(batch->vu, VU_BROKEN, "cannot send to backend %s: %s",
		batch->vu->conf.path, why != NULL ? why : strerror(-batch->ret));
	return batch->ret;
}

int
vu_batch_send(struct vu_batch *batch)
{
	struct vhost_user *vu = batch->vu;
	struct vu_msg *msg;

	if (batch->ret < 0)
		return failed(batch);
	STAILQ_FOREACH(msg, &batch->msgs, next)
		msg->seq = ++vu->seq;
	STAILQ_CONCAT(&vu->unsent, &batch->msgs);
	if (batch->has_table) {
		vu->asked = batch->asked;
		vu->table = batch->table;
	}
	vu_flush(vu);
	return 0;
}

int
vu_batch_operation(struct vu_batch *batch, enum vu_op op)
{
	int ret;

	if (batch->last == NULL || !batch->last->replied)
		vu_add_empty(batch, VU_GET_FEATURES);
	if (batch->last != NULL)
		batch->last->last = true;
	ret = vu_batch_send(batch);
	if (ret == 0)
		batch->vu->op = op;
	return ret;
}

int
vu_batch_replace(struct vu_batch *batch)
{
	struct vu_msg *new = batch->last, *old;

	if (batch->ret < 0)
		return failed(batch);
	STAILQ_FOREACH(old, &batch->vu->unsent, next) {
		if (old->request == new->request && old->index == new->index &&
				old->sent == 0)
			break;
	}
	if (old == NULL)
		return vu_batch_send(batch);
	new->seq = old->seq;
	new->last = old->last;
	STAILQ_REMOVE_HEAD(&batch->msgs, next);
	STAILQ_INSERT_AFTER(&batch->vu->unsent, old, new, next);
	STAILQ_REMOVE(&batch->vu->unsent, old, vu_msg, next);
	vu_msg_free(batch->vu, old);
	return 0;
}
