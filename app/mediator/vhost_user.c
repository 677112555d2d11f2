/* SPDX-License-Identifier: BSD-3-Clause */

/* The vhost-user front-end: what it asks of the backend, and in which order. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/vhost_types.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "log.h"
#include "vhost_user_private.h"

static const struct vu_times default_times = {
	.reply = 5000,
	.retry_min = 100,
	.retry_max = 1000,
	.settle = 5000,
};

int
vhost_user_create(struct loop *loop, const struct vhost_user_conf *conf,
		const struct vhost_user_ops *ops, void *arg, struct vhost_user **new)
{
	struct vhost_user *vu;
	int ret;

	if (conf->max_pairs == 0 || conf->max_pairs > VU_MAX_PAIRS) {
		LOG(ERR, "%s: a backend has 1 to %u queue pairs, not %u: correct queues=", conf->name,
			VU_MAX_PAIRS, conf->max_pairs);
		return -EINVAL;
	}
	vu = calloc(1, sizeof(*vu));
	if (vu != NULL) {
		vu->rings = calloc(2 * conf->max_pairs, sizeof(*vu->rings));
		vu->peer = foreign_peer_create();
	}
	if (vu == NULL || vu->rings == NULL || vu->peer == NULL) {
		LOG(ERR, "%s: no memory for the connection to a backend: free some", conf->name);
		if (vu != NULL) {
			free(vu->rings);
			foreign_peer_destroy(vu->peer);
		}
		free(vu);
		return -ENOMEM;
	}
	vu->loop = loop;
	vu->conf = *conf;
	vu->ops = ops;
	vu->arg = arg;
	vu->times = default_times;
	vu_msg_init(vu);
	ret = vu_conn_open(vu);
	if (ret < 0) {
		vhost_user_destroy(vu);
		return ret;
	}
	*new = vu;
	return 0;
}

void
vhost_user_destroy(struct vhost_user *vu)
{
	if (vu == NULL)
		return;
	vu_conn_close(vu);
	foreign_peer_destroy(vu->peer);
	vu->peer = NULL;
	free(vu->rings);
	vu->rings = NULL;
	vu->destroyed = true;
	if (!vu->serving)
		free(vu);
}

void
vhost_user_set_times(struct vhost_user *vu, const struct vu_times *times)
{
	vu->times = *times;
	vu->delay = times->retry_min;
	if (loop_timer_runs(&vu->retry))
		loop_timer_set(&vu->retry, times->retry_min);
	if (loop_timer_runs(&vu->deadline))
		loop_timer_set(&vu->deadline, times->reply);
	if (loop_timer_runs(&vu->settle))
		loop_timer_set(&vu->settle, times->settle);
}

bool
vhost_user_is_up(const struct vhost_user *vu)
{
	return vu->up;
}

uint64_t
vhost_user_features(const struct vhost_user *vu)
{
	return vu->offered & ~VU_NOT_VIRTIO;
}

uint16_t
vhost_user_max_pairs(const struct vhost_user *vu)
{
	return vu->max_pairs;
}

uint32_t
vhost_user_base(const struct vhost_user *vu, unsigned int index)
{
	return index < 2u * vu->conf.max_pairs ? vu->rings[index].base : 0;
}

/* Whether an operation can begin. */
static int
ready_for(const struct vhost_user *vu, bool started)
{
	if (!vu->up)
		return -ENOTCONN;
	if (vu->op != VU_OP_NONE)
		return -EBUSY;
	return vu->started == started ? 0 : -EINVAL;
}

/* The order is the one that DPDK's vhost takes. */
static void
add_vring(struct vu_batch *batch, uint32_t index, const struct vhost_user_vring *vring)
{
	const struct vhost_vring_addr addr = {
		.index = index,
		.desc_user_addr = vring->desc,
		.used_user_addr = vring->used,
		.avail_user_addr = vring->avail,
	};

	vu_add_fd(batch, VU_SET_VRING_CALL, index, vring->call_fd);
	vu_add_state(batch, VU_SET_VRING_NUM, index, vring->size);
	vu_add_state(batch, VU_SET_VRING_BASE, index, vring->base);
	vu_add(batch, VU_SET_VRING_ADDR, index, &addr, sizeof(addr), NULL, 0);
	vu_add_fd(batch, VU_SET_VRING_KICK, index, vring->kick_fd);
}

static void
add_vrings(struct vu_batch *batch, const struct vhost_user_vring *vrings,
		unsigned int nr_vrings)
{
	struct vhost_user *vu = batch->vu;
	unsigned int i;

	for (i = 0; i < nr_vrings; i++) {
		if (vu_ring_is_used(vu, &vrings[i]))
			add_vring(batch, i, &vrings[i]);
	}
	if ((vu->offered & VU_BIT(VU_F_PROTOCOL_FEATURES)) == 0)
		return;
	for (i = 0; i < nr_vrings; i++) {
		if (vu_ring_is_used(vu, &vrings[i]))
			vu_add_state(batch, VU_SET_VRING_ENABLE, i, vrings[i].enabled);
	}
}

static void
note_vrings(struct vhost_user *vu, uint64_t features,
		const struct vhost_user_vring *vrings, unsigned int nr_vrings)
{
	const bool packed = (features & VU_BIT(VIRTIO_F_RING_PACKED)) != 0;
	struct vu_ring *ring;
	unsigned int i;

	for (i = 0; i < 2u * vu->conf.max_pairs; i++) {
		ring = &vu->rings[i];
		ring->started = i < nr_vrings && vu_ring_is_used(vu, &vrings[i]);
		ring->enabled = ring->started && vrings[i].enabled;
		if (ring->started)
			vu_ring_spans(&vrings[i], packed, ring->spans);
	}
}

int
vhost_user_start(struct vhost_user *vu, uint64_t features,
		const struct dma_range *ranges, unsigned int nr_ranges,
		const struct vhost_user_vring *vrings, unsigned int nr_vrings,
		uint16_t mtu)
{
	struct vu_batch batch;
	int ret;

	ret = ready_for(vu, false);
	if (ret == 0)
		ret = vu_check_features(vu, features, mtu);
	features &= vu->offered & ~VU_NOT_VIRTIO;
	if (ret == 0)
		ret = vu_check_memory(vu, ranges, nr_ranges);
	if (ret == 0)
		ret = vu_check_vrings(vu, features, ranges, nr_ranges, vrings,
			nr_vrings);
	if (ret < 0)
		return ret;
	note_vrings(vu, features, vrings, nr_vrings);
	vu_batch_init(&batch, vu);
	vu_add_u64(&batch, VU_SET_FEATURES,
		features | (vu->offered & VU_BIT(VU_F_PROTOCOL_FEATURES)));
	vu_add_memory(&batch, ranges, nr_ranges);
	if (mtu != 0 && (features & VU_BIT(VIRTIO_NET_F_MTU)) != 0 &&
			vu_agreed(vu, VU_PROTOCOL_F_NET_MTU))
		vu_add_u64(&batch, VU_NET_SET_MTU, mtu);
	add_vrings(&batch, vrings, nr_vrings);
	if (vu_agreed(vu, VU_PROTOCOL_F_STATUS))
		vu_add_u64(&batch, VU_SET_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE |
			VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK |
			VIRTIO_CONFIG_S_DRIVER_OK);
	ret = vu_batch_operation(&batch, VU_OP_START);
	if (ret == 0)
		vu->started = true;
	return ret;
}

int
vhost_user_prepare(struct vhost_user *vu, const struct dma_range *ranges,
		unsigned int nr_ranges)
{
	struct vu_batch batch;
	int ret;

	ret = ready_for(vu, false);
	if (ret == 0)
		ret = vu_check_memory(vu, ranges, nr_ranges);
	if (ret < 0)
		return ret;
	if (nr_ranges == 0 || vu_knows_memory(vu, ranges, nr_ranges))
		return 1;
	vu_batch_init(&batch, vu);
	vu_add_memory(&batch, ranges, nr_ranges);
	return vu_batch_operation(&batch, VU_OP_PREPARE);
}

bool
vhost_user_has_memory(const struct vhost_user *vu)
{
	return vu->up && vu->asked.count > 0;
}

int
vhost_user_release(struct vhost_user *vu, const struct dma_range *ranges,
		unsigned int nr_ranges)
{
	struct vu_batch batch;
	int ret;

	ret = ready_for(vu, false);
	if (ret < 0)
		return ret;
	if (!vu_maps_other(vu, ranges, nr_ranges))
		return 1;
	/*
	 * All at once, and not again for each piece that is taken away. DPDK, which offers
	 * STATUS, is sent an empty table. The specification does not say whether there may be
	 * one: VPP closes the connection for it, and libvhost-user looks for its last rings
	 * in any table and gives up. But all of them let go of the memory, and of the rings,
	 * when the connection ends.
	 */
	if (!vu_agreed(vu, VU_PROTOCOL_F_STATUS)) {
		vu->op = VU_OP_RELEASE;
		vu_fault(vu, -ECANCELED);
		return 0;
	}
	vu_batch_init(&batch, vu);
	vu_add_memory(&batch, NULL, 0);
	return vu_batch_operation(&batch, VU_OP_RELEASE);
}

void
vhost_user_give_up(struct vhost_user *vu, int why)
{
	if (vu->sock >= 0)
		vu_fault(vu, why);
}

int
vhost_user_stop(struct vhost_user *vu)
{
	struct vu_batch batch;
	unsigned int i;
	int ret;

	ret = ready_for(vu, true);
	if (ret < 0)
		return ret;
	vu_batch_init(&batch, vu);
	for (i = 0; i < 2u * vu->conf.max_pairs; i++) {
		if (vu->rings[i].started)
			vu_add_state(&batch, VU_GET_VRING_BASE, i, 0);
	}
	if (vu_agreed(vu, VU_PROTOCOL_F_STATUS))
		vu_add_u64(&batch, VU_SET_STATUS, 0);
	ret = vu_batch_operation(&batch, VU_OP_STOP);
	if (ret == 0)
		vu->started = false;
	return ret;
}

int
vhost_user_set_memory(struct vhost_user *vu, const struct dma_range *ranges,
		unsigned int nr_ranges)
{
	struct vu_batch batch;
	int ret;

	ret = ready_for(vu, true);
	if (ret == 0)
		ret = vu_check_memory(vu, ranges, nr_ranges);
	if (ret < 0)
		return ret;
	vu_batch_init(&batch, vu);
	vu_add_memory(&batch, ranges, nr_ranges);
	return vu_batch_operation(&batch, VU_OP_MEMORY);
}

int
vhost_user_enable(struct vhost_user *vu, unsigned int nr_vrings)
{
	struct vu_batch batch;
	unsigned int i;
	int ret;

	ret = ready_for(vu, true);
	if (ret == 0 && (vu->offered & VU_BIT(VU_F_PROTOCOL_FEATURES)) == 0)
		ret = -ENOTSUP;
	if (ret < 0)
		return ret;
	vu_batch_init(&batch, vu);
	for (i = 0; i < 2u * vu->conf.max_pairs; i++) {
		if (vu->rings[i].started && vu->rings[i].enabled != (i < nr_vrings))
			vu_add_state(&batch, VU_SET_VRING_ENABLE, i, i < nr_vrings);
	}
	ret = vu_batch_operation(&batch, VU_OP_ENABLE);
	for (i = 0; ret == 0 && i < 2u * vu->conf.max_pairs; i++)
		vu->rings[i].enabled = i < nr_vrings;
	return ret;
}

static int
ring_is_started(const struct vhost_user *vu, unsigned int index)
{
	if (!vu->up)
		return -ENOTCONN;
	return vu->started && index < 2u * vu->conf.max_pairs && vu->rings[index].started ?
		0 : -EINVAL;
}

int
vhost_user_set_call(struct vhost_user *vu, unsigned int index, int fd)
{
	struct vu_batch batch;
	int ret;

	ret = ring_is_started(vu, index);
	if (ret < 0)
		return ret;
	vu_batch_init(&batch, vu);
	vu_add_fd(&batch, VU_SET_VRING_CALL, index, fd);
	ret = vu_batch_replace(&batch);
	return ret == 0 && !vu_agreed(vu, VU_PROTOCOL_F_REPLY_ACK) ? 1 : ret;
}

