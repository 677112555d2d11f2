/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What can be asked of a queue: how it was set up, how full it is, and where to look for
 * its next frame. All of it may be asked by a secondary process too.
 *
 * Those that ethdev calls directly, like a burst, find no queue where the primary process
 * has stopped the port meanwhile.
 */

#include <errno.h>

#include <rte_power_intrinsics.h>

#include "mdev_virtio_ethdev.h"
#include "virtio_rxtx.h"
#include "virtqueue_packed.h"
#include "virtqueue_split.h"

static void
rxq_info(const struct rte_eth_dev *dev, const struct virtqueue *vq,
		struct rte_eth_rxq_info *info)
{
	info->mp = vq->mp;
	info->conf.rx_free_thresh = vq->free_thresh;
	/* a device that has no buffer drops the frame, or waits, as it likes */
	info->conf.rx_drop_en = 1;
	info->conf.rx_deferred_start = vq->deferred;
	info->conf.offloads = dev->data->dev_conf.rxmode.offloads;
	info->scattered_rx = dev->data->scattered_rx;
	info->nb_desc = vq->size;
	info->rx_buf_size = rte_pktmbuf_data_room_size(vq->mp) -
		RTE_PKTMBUF_HEADROOM;
}

static void
txq_info(const struct rte_eth_dev *dev, const struct virtqueue *vq,
		struct rte_eth_txq_info *info)
{
	info->conf.tx_free_thresh = vq->free_thresh;
	info->conf.tx_deferred_start = vq->deferred;
	info->conf.offloads = dev->data->dev_conf.txmode.offloads;
	info->nb_desc = vq->size;
}

/* Telemetry asks too: a queue that it finds may be going. Of none there is nothing to tell. */
void
mdev_virtio_rxq_info_get(struct rte_eth_dev *dev, uint16_t index,
		struct rte_eth_rxq_info *info)
{
	mdev_virtio_queues_lock();
	if (index < dev->data->nb_rx_queues && dev->data->rx_queues[index] != NULL)
		rxq_info(dev, dev->data->rx_queues[index], info);
	mdev_virtio_queues_unlock();
}

void
mdev_virtio_txq_info_get(struct rte_eth_dev *dev, uint16_t index,
		struct rte_eth_txq_info *info)
{
	mdev_virtio_queues_lock();
	if (index < dev->data->nb_tx_queues && dev->data->tx_queues[index] != NULL)
		txq_info(dev, dev->data->tx_queues[index], info);
	mdev_virtio_queues_unlock();
}

/*
 * Descriptors of a packed receive ring that came back, as far as max. With
 * VIRTIO_F_IN_ORDER one element may return several (VIRTIO 1.2 s. 2.8.8).
 */
static uint16_t
packed_rx_used(const struct virtqueue *vq, uint16_t outstanding, uint16_t max)
{
	uint16_t count = vq->batch, step;
	uint64_t word;

	while (count < max && count < outstanding &&
			packed_is_used(vq, vq->tail + count, &word)) {
		step = 1;
		if (vq->in_order)
			step += (packed_id(word) - vq->tail - count) & vq->mask;
		count += step;
	}
	return RTE_MIN(count, outstanding);
}

/*
 * Descriptors of a receive ring that came back and were not fetched; those beyond max
 * need not be counted. What the device claims beyond those that it has is none: the next
 * burst sees to that.
 */
uint16_t
mdev_virtio_rx_used(const struct virtqueue *vq, uint16_t max)
{
	uint16_t outstanding = vq->head - vq->tail, count;

	if (vq->broken)
		return 0;
	if (vq->packed)
		return packed_rx_used(vq, outstanding, max);
	count = rte_le_to_cpu_16(*(volatile uint16_t *)&vq->used->idx) - vq->tail;
	return count <= outstanding ? count : 0;
}

mdev_virtio_queue_count
mdev_virtio_rx_queue_count(void *rx_queue)
{
	const struct virtqueue *vq = rx_queue;
	uint32_t count = 0;

	for (; vq != NULL; vq = vq->sibling)
		count += mdev_virtio_rx_used(vq, vq->size);
	return count;
}

/* Rings that are polled with this one count as if they were behind it. */
int
mdev_virtio_rx_descriptor_status(void *rx_queue, uint16_t offset)
{
	const struct virtqueue *vq = rx_queue;
	uint32_t used = 0, outstanding = 0;

	if (vq == NULL)
		return -ENODEV;
	if (offset >= vq->size)
		return -EINVAL;
	for (; vq != NULL; vq = vq->sibling) {
		used += mdev_virtio_rx_used(vq, offset + 1);
		if (!vq->broken)
			outstanding += (uint16_t)(vq->head - vq->tail);
	}
	if (offset < used)
		return RTE_ETH_RX_DESC_DONE;
	return offset < outstanding ? RTE_ETH_RX_DESC_AVAIL :
		RTE_ETH_RX_DESC_UNAVAIL;
}

/* Descriptors of a buffer that came back; 0 if the device does not have it. */
static uint16_t
tx_buffer_descs(const struct virtqueue *vq, uint32_t id)
{
	if (id >= vq->size || (!vq->in_sequence && vq->mbuf[id] == NULL))
		return 0;
	return vq->chain[id].count;
}

/* Descriptors of a transmit ring that came back, from the tail on; max or more is enough. */
static uint16_t
split_tx_used(const struct virtqueue *vq, uint16_t max)
{
	uint16_t outstanding = virtqueue_tx_outstanding(vq), descs = 0, step, i;
	uint16_t count = rte_le_to_cpu_16(*(volatile uint16_t *)&vq->used->idx) -
		vq->used_idx;
	uint32_t id;

	if (count > outstanding)
		return 0;
	virtqueue_rmb(vq);
	for (i = 0; i < count && descs < max; i++) {
		/* s. 2.7.9: in order, the index tells all */
		id = vq->in_order ? (uint32_t)(vq->tail + descs) & vq->mask :
			split_used_id(vq, vq->used_idx + i);
		step = tx_buffer_descs(vq, id);
		if (step == 0)
			break;
		descs += step;
	}
	return descs;
}

static uint16_t
packed_tx_used(const struct virtqueue *vq, uint16_t max)
{
	uint16_t outstanding = vq->head - vq->tail, descs = 0, step, id;
	uint64_t word;

	while (descs < max && descs < outstanding &&
			packed_is_used(vq, vq->tail + descs, &word)) {
		id = packed_id(word);
		step = tx_buffer_descs(vq, id);
		if (step == 0)
			break;
		if (vq->in_order) /* s. 2.8.8: and those before it */
			step += (id - vq->tail - descs) & vq->mask;
		descs += step;
	}
	return descs;
}

static uint16_t
tx_used(const struct virtqueue *vq, uint16_t max)
{
	return vq->packed ? packed_tx_used(vq, max) : split_tx_used(vq, max);
}

/* What came back has room for the next frames, though no burst has taken it yet. */
int
mdev_virtio_tx_queue_count(void *tx_queue)
{
	const struct virtqueue *vq = tx_queue;
	uint16_t outstanding;

	if (vq == NULL)
		return 0;
	outstanding = vq->size - virtqueue_free_count(vq);
	if (vq->broken)
		return outstanding;
	return outstanding - RTE_MIN(outstanding, tx_used(vq, outstanding));
}

/* Offset 0 is where the next frame goes. Without room there, it is the tail. */
int
mdev_virtio_tx_descriptor_status(void *tx_queue, uint16_t offset)
{
	const struct virtqueue *vq = tx_queue;
	uint16_t free, place;

	if (vq == NULL)
		return -ENODEV;
	if (offset >= vq->size)
		return -EINVAL;
	if (vq->broken)
		return RTE_ETH_TX_DESC_UNAVAIL;
	free = virtqueue_free_count(vq);
	if (offset < free)
		return RTE_ETH_TX_DESC_DONE;
	place = offset - free;
	return tx_used(vq, place + 1) > place ?
		RTE_ETH_TX_DESC_DONE : RTE_ETH_TX_DESC_FULL;
}

int
mdev_virtio_tx_done_cleanup(void *tx_queue, uint32_t count)
{
	struct virtqueue *vq = tx_queue;

	if (vq == NULL)
		return -ENODEV;
	if (vq->broken)
		return 0; /* what the device has stays its own */
	/* its bursts are paused: it may be in the hands of a restart */
	if (mdev_virtio_recovering(&rte_eth_devices[vq->port_id]))
		return 0;
	return virtio_reclaim_some(vq, count);
}

/* Conditions of rte_power_monitor(): -1 for what must not be slept over. */
static int
never_sleep(const uint64_t value __rte_unused,
		const uint64_t opaque[RTE_POWER_MONITOR_OPAQUE_SZ] __rte_unused)
{
	return -1;
}

/* Split: the used index is another one. */
static int
sleep_while_equal(const uint64_t value,
		const uint64_t opaque[RTE_POWER_MONITOR_OPAQUE_SZ])
{
	return value == opaque[0] ? 0 : -1;
}

/* Packed: the next descriptor has the flags of a used one. */
static int
sleep_until_flags(const uint64_t value,
		const uint64_t opaque[RTE_POWER_MONITOR_OPAQUE_SZ])
{
	return (value & opaque[0]) == opaque[1] ? -1 : 0;
}

/*
 * One address is all that a thread can watch, so not of a queue whose frames come on
 * several rings. A ring that has no buffers, or a frame already, is not slept on.
 */
int
mdev_virtio_get_monitor_addr(void *rx_queue, struct rte_power_monitor_cond *pmc)
{
	const struct virtqueue *vq = rx_queue;

	if (vq == NULL)
		return -ENODEV;
	if (vq->sibling != NULL)
		return -ENOTSUP;
	pmc->size = sizeof(uint16_t);
	if (vq->packed) {
		pmc->addr = &vq->packed_desc[vq->tail & vq->mask].flags;
		pmc->opaque[0] = rte_cpu_to_le_16(PACKED_AVAIL | PACKED_USED);
		pmc->opaque[1] = rte_cpu_to_le_16(packed_used_flags(vq, vq->tail));
		pmc->fn = sleep_until_flags;
	} else {
		pmc->addr = &vq->used->idx;
		pmc->opaque[0] = rte_cpu_to_le_16(vq->tail);
		pmc->fn = sleep_while_equal;
	}
	if (vq->broken || vq->head == vq->tail || vq->batch > 0)
		pmc->fn = never_sleep;
	return 0;
}

void
mdev_virtio_queue_info_init(struct rte_eth_dev *dev)
{
	dev->rx_queue_count = mdev_virtio_rx_queue_count;
	dev->rx_descriptor_status = mdev_virtio_rx_descriptor_status;
	dev->tx_descriptor_status = mdev_virtio_tx_descriptor_status;
	MDEV_VIRTIO_SET_TX_QUEUE_COUNT(dev, mdev_virtio_tx_queue_count);
}
