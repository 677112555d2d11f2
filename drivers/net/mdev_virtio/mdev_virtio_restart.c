/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The device is reset and brought up again as it was configured, while the port runs and
 * its queues are polled: because it asks for it (mdev_virtio_recover.c), or to stop a
 * queue where VIRTIO_F_RING_RESET is missing (mdev_virtio_queue_state.c).
 */

#include <errno.h>
#include <inttypes.h>

#include <rte_byteorder.h>
#include <rte_cycles.h>

#include "mdev_virtio_ethdev.h"
#include "mdev_virtio_logs.h"
#include "virtqueue_packed.h"

#define SEND_POLL_US 100

/*
 * Does the queue hold frames of a pool that takes them back from one thread only? The pool
 * is there as long as it does. Of frames that are not plain nothing is known but by a look at
 * each one, which is their owner's.
 */
static bool
has_frames_of_one(const struct virtqueue *vq)
{
	return vq->nr_plain + vq->nr_segments > 0 &&
		(vq->mp->flags & RTE_MEMPOOL_F_SP_PUT) != 0;
}

/*
 * The queues' buffers are freed by a thread that is not their owner, which a pool for one
 * thread does not allow.
 */
bool
mdev_virtio_restart_possible(const struct rte_eth_dev *dev,
		const struct virtqueue *own)
{
	const struct virtqueue *vq;
	uint16_t i;

	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		vq = dev->data->rx_queues[i];
		if (vq != own && (vq->mp->flags &
				(RTE_MEMPOOL_F_SP_PUT | RTE_MEMPOOL_F_SC_GET)) != 0)
			return false;
	}
	for (i = 0; i < dev->data->nb_tx_queues; i++) {
		vq = dev->data->tx_queues[i];
		if (vq != own && has_frames_of_one(vq))
			return false;
	}
	return true;
}

/* Frames that were handed over and not returned; a device may have lied. */
static uint16_t
tx_held(const struct virtqueue *vq)
{
	uint16_t held = virtqueue_tx_outstanding(vq), back = 0;
	uint16_t at = vq->tail, id;
	uint64_t word;

	if (vq->packed) {
		while (back < held && packed_is_used(vq, at, &word)) {
			do { /* in order one element may stand for several */
				id = (vq->in_order ? at : packed_id(word)) & vq->mask;
				at += vq->chain[id].count;
				back++;
			} while (vq->in_order && id != packed_id(word) &&
				back < held);
		}
	} else {
		back = rte_le_to_cpu_16(*(const volatile uint16_t *)
				&vq->used->idx) - vq->used_idx;
		if (back > held)
			back = 0;
	}
	return held - back;
}

/* What a queue had that its user stops is not lost, but given up. */
static void
count_lost(const struct rte_eth_dev *dev, const struct virtqueue *own, uint64_t *rx,
		uint64_t *tx)
{
	const struct virtqueue *first, *vq;
	uint16_t i;

	*rx = *tx = 0;
	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		first = dev->data->rx_queues[i];
		for (vq = first; first != own && vq != NULL; vq = vq->sibling)
			*rx += mdev_virtio_rx_used(vq, vq->size);
	}
	for (i = 0; i < dev->data->nb_tx_queues; i++) {
		vq = dev->data->tx_queues[i];
		if (vq != own)
			*tx += tx_held(vq);
	}
}

/* A device that is well sends what it has, for a bounded time. */
static void
wait_sent(const struct rte_eth_dev *dev, const struct virtqueue *own)
{
	uint32_t max = mdev_virtio_hw(dev)->recovery.send_polls, polls;
	uint64_t rx, tx;

	for (polls = 0; polls < max; polls++) {
		count_lost(dev, own, &rx, &tx);
		if (tx == 0)
			break;
		rte_delay_us_sleep(SEND_POLL_US);
	}
}

/* Bring the device to rest and take the queues; frames in them are lost. */
static int
take_down(struct rte_eth_dev *dev, const struct virtqueue *own, const char *why)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	uint64_t rx, tx;
	int ret;

	virtio_cvq_stop(&hw->cvq);
	ret = virtio_device_reset(mdev_virtio_transport(dev));
	hw->runaway = ret < 0;
	if (ret < 0)
		return ret;
	count_lost(dev, own, &rx, &tx);
	hw->recovery.rx_lost += rx;
	hw->recovery.tx_lost += tx;
	DRV_LOG(NOTICE, "%s: %s: %" PRIu64 " received buffers and up to %" PRIu64 " frames to be sent are lost",
		dev->data->name, why, rx, tx);
	return mdev_virtio_queues_take(dev);
}

/*
 * Buffers come with each queue's next burst: its owner fills the ring, as it does
 * whenever there is room.
 */
static int
bring_up(struct rte_eth_dev *dev)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	int ret;

	hw->needs_reset = false;
	hw->config_failed = false;
	ret = mdev_virtio_device_up(dev);
	if (ret < 0)
		return ret;
	ret = mdev_virtio_ctrl_modes(dev);
	if (ret < 0) {
		mdev_virtio_needs_reset(dev);
		virtio_cvq_stop(&hw->cvq);
		virtio_device_fail(mdev_virtio_transport(dev));
	}
	return ret;
}

static void
resume(struct rte_eth_dev *dev)
{
	mdev_virtio_rxintr_restore(dev);
	__atomic_store_n(&mdev_virtio_hw(dev)->recovery.running, false,
		__ATOMIC_SEQ_CST);
	mdev_virtio_ctrl_modes_again(dev);
	mdev_virtio_select_bursts(dev);
	mdev_virtio_bursts_publish(dev, true);
	mdev_virtio_mp_started(dev);
	mdev_virtio_rxintr_raise(dev);
}

static int
restart(struct rte_eth_dev *dev, struct virtqueue *own, const char *why)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	int ret;

	__atomic_store_n(&hw->recovery.running, true, __ATOMIC_SEQ_CST);
	mdev_virtio_bursts_pause(dev, own);
	if (own != NULL && !mdev_virtio_queues_room(dev)) {
		resume(dev);
		return -ENOSPC;
	}
	/* what queues hold is known now that nobody sends */
	if (!mdev_virtio_restart_possible(dev, own)) {
		if (own != NULL)
			resume(dev);
		else
			hw->recovery.failed = true;
		return -ENOTSUP;
	}
	if (own != NULL)
		wait_sent(dev, own);
	ret = take_down(dev, own, why);
	if (ret == 0) {
		do {
			ret = bring_up(dev);
		} while (ret < 0 && hw->needs_reset &&
			mdev_virtio_recover_again(dev));
	}
	if (ret == 0)
		resume(dev);
	else
		hw->recovery.failed = true;
	return ret;
}

/* Whoever stops a queue does not ask for a link that goes down and up. */
int
mdev_virtio_restart(struct rte_eth_dev *dev, struct virtqueue *own, const char *why)
{
	uint32_t *restarts = &mdev_virtio_hw(dev)->recovery.restarts;
	int ret;

	if (own != NULL)
		__atomic_fetch_add(restarts, 1, __ATOMIC_SEQ_CST);
	ret = restart(dev, own, why);
	if (own != NULL)
		__atomic_fetch_add(restarts, 1, __ATOMIC_SEQ_CST);
	return ret;
}
