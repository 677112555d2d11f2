/* SPDX-License-Identifier: BSD-3-Clause */

/* What a port is at, for people and for tools: private dump and registers. */

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>

#include <linux/virtio_config.h>

#include <rte_dev_info.h>
#include <rte_errno.h>

#include "mdev_virtio_ethdev.h"
#include "mdev_virtio_features.h"
#include "mdev_virtio_logs.h"
#include "virtqueue_packed.h"
#include "virtqueue_split.h"

/* Of the layout below. */
#define REGS_VERSION 1

const char *
mdev_virtio_layout_name(uint64_t features)
{
	bool in_order = virtio_has_feature(features, VIRTIO_F_IN_ORDER);

	if (virtio_has_feature(features, VIRTIO_F_RING_PACKED))
		return in_order ? "packed, in order" : "packed";
	return in_order ? "split, in order" : "split";
}

/* What the device says of when it wants to be notified (VIRTIO 1.2 s. 2.7.10, 2.8.10). */
static void
print_wanted_packed(FILE *file, const struct virtqueue *vq)
{
	const volatile struct vring_packed_desc_event *event = vq->device_event;
	uint16_t flags = rte_le_to_cpu_16(event->flags) & 3;
	uint16_t off_wrap = rte_le_to_cpu_16(event->off_wrap);

	if (flags == VRING_PACKED_EVENT_FLAG_DISABLE)
		fprintf(file, "  not to be notified\n");
	else if (flags == VRING_PACKED_EVENT_FLAG_DESC && vq->event_idx)
		fprintf(file, "  to be notified of descriptor %u with wrap counter %u\n",
			off_wrap & 0x7fff, off_wrap >> VRING_PACKED_EVENT_F_WRAP_CTR);
	else
		fprintf(file, "  to be notified\n");
}

static void
print_wanted_split(FILE *file, const struct virtqueue *vq)
{
	uint16_t flags = rte_le_to_cpu_16(*(const volatile uint16_t *)&vq->used->flags);

	if (vq->event_idx)
		fprintf(file, "  to be notified of available index %u\n",
			rte_le_to_cpu_16(*SPLIT_AVAIL_EVENT(vq)));
	else if ((flags & VRING_USED_F_NO_NOTIFY) != 0)
		fprintf(file, "  not to be notified\n");
	else
		fprintf(file, "  to be notified\n");
}

/* first: the queue that is polled with this one, or this one itself. */
static const char *
queue_state(const struct rte_eth_dev *dev, const struct virtqueue *first,
		const struct virtqueue *vq)
{
	if (!vq->broken)
		return "";
	return mdev_virtio_queue_broken(dev, first, vq) ? ", broken" : ", stopped";
}

static void
print_queue(FILE *file, const char *name, uint16_t i, const struct virtqueue *vq,
		const char *state)
{
	fprintf(file, "%s queue %u: virtqueue %u of %u descriptors, %u free, next given %u, next taken back %u%s%s\n",
		name, i, vq->index, vq->size, virtqueue_free_count(vq), vq->head,
		vq->tail, vq->in_sequence ? "" : ", out of sequence", state);
	fprintf(file, "  packets %" PRIu64 ", bytes %" PRIu64 ", errors %" PRIu64
		", nombuf %" PRIu64 ", clamped %" PRIu64 ", missed %" PRIu64
		", broken %" PRIu64 "\n",
		vq->stats.packets, vq->stats.bytes, vq->stats.errors,
		vq->stats.nombuf, vq->stats.clamped, vq->stats.missed,
		vq->stats.broken);
	if (!vq->enabled)
		return;
	if (vq->packed)
		print_wanted_packed(file, vq);
	else
		print_wanted_split(file, vq);
}

static void
print_queues(FILE *file, const struct rte_eth_dev *dev)
{
	const struct virtqueue *first, *vq;
	uint16_t i;

	mdev_virtio_queues_lock();
	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		first = dev->data->rx_queues[i];
		for (vq = first; vq != NULL; vq = vq->sibling)
			print_queue(file, "receive", i, vq,
				queue_state(dev, first, vq));
	}
	for (i = 0; i < dev->data->nb_tx_queues; i++) {
		vq = dev->data->tx_queues[i];
		if (vq != NULL)
			print_queue(file, "transmit", i, vq,
				queue_state(dev, vq, vq));
	}
	vq = mdev_virtio_hw(dev)->cvq.vq;
	if (vq != NULL)
		print_queue(file, "control", 0, vq, vq->broken ? ", broken" : "");
	mdev_virtio_queues_unlock();
}

static void
print_state(FILE *file, const struct rte_eth_dev *dev, struct virtio_transport *tr)
{
	const struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	const struct mdev_virtio_recovery *recovery = &hw->recovery;
	uint8_t status;

	if (tr->ops->get_status(tr, &status) == 0)
		fprintf(file, "device status: 0x%02x\n", status);
	else
		fprintf(file, "device status: cannot be read\n");
	fprintf(file, "port: %s%s%s%s%s\n",
		dev->data->dev_started != 0 ? "started" : "stopped",
		hw->link_down ? ", link set down" : "",
		hw->needs_reset ? ", the device asks for a reset" : "",
		recovery->failed ? ", not recovered" :
		mdev_virtio_recovering(dev) ? ", recovering" : "",
		hw->runaway ? ", the device could not be reset" : "");
	fprintf(file, "recoveries: %" PRIu64 ", failed: %" PRIu64 ", queues kept of them: %u\n",
		recovery->succeeded, recovery->gave_up, recovery->nr_replaced);
	fprintf(file, "control commands failed: %" PRIu64 ", without an answer: %" PRIu64 "\n",
		hw->cvq.failed, hw->cvq.timeouts);
}

static void
print_port(FILE *file, const struct rte_eth_dev *dev, struct virtio_transport *tr)
{
	const struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);

	fprintf(file, "transport: %s\n", tr->ops->name);
	fprintf(file, "features: 0x%016" PRIx64 "\n", hw->features);
	mdev_virtio_features_print(file, "  ", hw->features);
	fprintf(file, "rings: %s\n", mdev_virtio_layout_name(hw->features));
	fprintf(file, "hash report: %s\n", hw->hash_report ? "yes" : "no");
	fprintf(file, "queue pairs: %u, interrupt vectors: %u, largest MTU: %u\n",
		hw->max_pairs, hw->vectors, hw->max_mtu);
	print_state(file, dev, tr);
	print_queues(file, dev);
}

int
mdev_virtio_priv_dump(struct rte_eth_dev *dev, FILE *file)
{
	struct mdev_virtio_process *process = mdev_virtio_process_get(dev);

	if (process == NULL)
		return -ENODEV; /* it is being closed */
	print_port(file, dev, process->tr);
	mdev_virtio_process_put(process);
	return 0;
}

int
mdev_virtio_reg_info(const struct rte_eth_dev *dev, struct rte_dev_reg_info *info)
{
	uint32_t length = VIRTIO_REGS_COMMON + VIRTIO_REGS_CONFIG +
		mdev_virtio_hw(dev)->nr_vqs * VIRTIO_REGS_QUEUE;

	info->version = REGS_VERSION;
	info->width = sizeof(uint32_t);
	if (info->data == NULL)
		info->length = length;
	return info->data == NULL ||
		(info->offset == 0 && info->length == length) ? 0 : -ENOTSUP;
}

int
mdev_virtio_read_regs(struct rte_eth_dev *dev, uint32_t *words)
{
	struct virtio_transport *tr = mdev_virtio_transport(dev);
	int ret;

	ret = mdev_virtio_control_begin(dev);
	/* it could not recover: who looks into that reads registers first of all */
	if (ret == -EIO)
		ret = -pthread_mutex_trylock(&mdev_virtio_hw(dev)->recovery.lock);
	if (ret < 0)
		return ret;
	ret = mdev_virtio_control_end(dev, tr->ops->get_regs(tr,
			mdev_virtio_hw(dev)->nr_vqs, words));
	if (ret < 0)
		DRV_LOG(ERR, "%s: cannot read the device's registers: %s: "
			DEVICE_FAILING, dev->data->name, rte_strerror(-ret));
	return ret;
}

int
mdev_virtio_get_reg(struct rte_eth_dev *dev, struct rte_dev_reg_info *info)
{
	struct mdev_virtio_process *process = mdev_virtio_process_get(dev);
	int ret;

	if (process == NULL)
		return -ENODEV; /* it is being closed */
	ret = mdev_virtio_reg_info(dev, info);
	if (ret == 0 && info->data != NULL)
		ret = mdev_virtio_read_regs(dev, info->data);
	mdev_virtio_process_put(process);
	return ret;
}
