/* SPDX-License-Identifier: BSD-3-Clause */

/* What a vhost-user backend is asked first, and what its replies mean. */

#include <string.h>

#include <linux/vhost_types.h>
#include <linux/virtio_net.h>

#include "vhost_user_private.h"

#define PROTOCOL (VU_BIT(VU_PROTOCOL_F_MQ) | VU_BIT(VU_PROTOCOL_F_REPLY_ACK) | \
	VU_BIT(VU_PROTOCOL_F_NET_MTU) | VU_BIT(VU_PROTOCOL_F_STATUS))

/* Before it is up there is nobody to tell of a failure. */
static void
ask(struct vhost_user *vu, struct vu_batch *batch)
{
	const int ret = vu_batch_send(batch);

	if (ret < 0)
		vu_fault(vu, ret);
}

void
vu_hello(struct vhost_user *vu)
{
	struct vu_batch batch;

	vu->protocol = 0;
	vu->asked.count = 0;
	vu->table.count = 0;
	vu_batch_init(&batch, vu);
	vu_add_empty(&batch, VU_SET_OWNER);
	vu_add_empty(&batch, VU_GET_FEATURES);
	ask(vu, &batch);
}

static void
now_up(struct vhost_user *vu, uint64_t pairs)
{
	if (pairs == 0) {
		vu_drop(vu, VU_WRONG, "it has no queues");
		return;
	}
	vu->offered = vu->heard;
	vu->max_pairs = pairs > vu->conf.max_pairs ? vu->conf.max_pairs : pairs;
	vu->up = true;
	vu_conn_ready(vu);
	vu->ops->up(vu->arg);
}

static void
heard_features(struct vhost_user *vu, uint64_t features)
{
	struct vu_batch batch;

	vu->heard = features;
	if ((features & VU_BIT(VU_F_PROTOCOL_FEATURES)) == 0) {
		now_up(vu, 1);
		return;
	}
	vu_batch_init(&batch, vu);
	vu_add_empty(&batch, VU_GET_PROTOCOL_FEATURES);
	ask(vu, &batch);
}

static void
heard_protocol(struct vhost_user *vu, uint64_t protocol)
{
	const uint64_t agreed = protocol & PROTOCOL;
	const bool ask_queues = (vu->heard & VU_BIT(VIRTIO_NET_F_MQ)) != 0 &&
		(agreed & VU_BIT(VU_PROTOCOL_F_MQ)) != 0;
	struct vu_batch batch;

	vu_batch_init(&batch, vu);
	vu_add_u64(&batch, VU_SET_PROTOCOL_FEATURES, agreed);
	if (ask_queues)
		vu_add_empty(&batch, VU_GET_QUEUE_NUM);
	ask(vu, &batch);
	/* only now: SET_PROTOCOL_FEATURES itself is not answered */
	vu->protocol = agreed;
	if (!ask_queues)
		now_up(vu, 1);
}

static void
heard_base(struct vhost_user *vu, uint32_t index, const struct vhost_vring_state *state)
{
	if (state->index != index)
		vu_drop(vu, VU_WRONG, "it was asked for vring %u and says where %u is",
			index, state->index);
	else
		vu->rings[index].base = state->num;
}

static void
operation_done(struct vhost_user *vu)
{
	vu->op = VU_OP_NONE;
	vu->ops->done(vu->arg, 0);
}

void
vu_replied(struct vhost_user *vu, const struct vu_expect *expect, const void *payload)
{
	struct vhost_vring_state state;
	uint64_t value;

	memcpy(&value, payload, sizeof(value));
	memcpy(&state, payload, sizeof(state));
	if (!vu->up && expect->request == VU_GET_FEATURES)
		heard_features(vu, value);
	else if (expect->request == VU_GET_PROTOCOL_FEATURES)
		heard_protocol(vu, value);
	else if (expect->request == VU_GET_QUEUE_NUM)
		now_up(vu, value);
	else if (expect->request == VU_GET_VRING_BASE)
		heard_base(vu, expect->index, &state);
	else if (expect->request == VU_SET_VRING_CALL && vu->op != VU_OP_START)
		vu->ops->called(vu->arg, expect->index);
	if (expect->last && vu->sock >= 0)
		operation_done(vu);
}

