/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Start and stop of single queues while the port runs. No burst of such a queue is
 * running; those of all others go on.
 *
 * A stopped queue has no mbufs. Either the device was made to forget it
 * (VIRTIO_F_RING_RESET), or it has the ring still, which is empty: without that feature
 * nothing but a reset of the whole device takes back what it has (VIRTIO 1.2 s. 2.6.1).
 */

#include <errno.h>

#include <linux/virtio_config.h>

#include <rte_cycles.h>
#include <rte_errno.h>

#include "mdev_virtio_ethdev.h"
#include "mdev_virtio_logs.h"
#include "virtio_rxtx.h"

/* How long a device may take to send what it has. */
#define DRAIN_US 100000
#define DRAIN_POLL_US 100

static bool
can_reset_queues(const struct rte_eth_dev *dev)
{
	return virtio_has_feature(mdev_virtio_hw(dev)->features,
			VIRTIO_F_RING_RESET);
}

static void
set_state(struct virtqueue *vq, uint8_t *state, bool stopped)
{
	vq->stopped = stopped;
	*state = stopped ? RTE_ETH_QUEUE_STATE_STOPPED :
		RTE_ETH_QUEUE_STATE_STARTED;
}

/* VIRTIO 1.2 s. 2.6.1.2: like the first time, with the vector that it lost. */
static int
enable(struct rte_eth_dev *dev, struct virtqueue *vq)
{
	int ret = 0;

	if (vq->enabled) {
		virtqueue_resume(vq);
		return 0;
	}
	if (vq->kind == VIRTQUEUE_RX)
		ret = mdev_virtio_rxintr_set_vector(dev, vq->index);
	if (ret < 0) {
		INIT_LOG(ERR, "%s: virtqueue %u did not get its interrupt vector back: %s: "
			DEVICE_FAILING, dev->data->name, vq->index,
			rte_strerror(-ret));
		return ret;
	}
	ret = mdev_virtio_queue_enable(dev, vq);
	if (ret < 0)
		virtqueue_halt(vq);
	return ret;
}

static int
rx_queue_start(struct rte_eth_dev *dev, uint16_t index)
{
	struct virtqueue *first = dev->data->rx_queues[index], *vq;
	int ret = 0;

	/* to be enabled again; nor does a recovery do so by itself */
	__atomic_store_n(&first->intr_wanted, false, __ATOMIC_SEQ_CST);
	for (vq = first; ret == 0 && vq != NULL; vq = vq->sibling)
		ret = enable(dev, vq);
	for (vq = first; vq != NULL; vq = vq->sibling) {
		if (ret == 0)
			virtio_refill(vq);
		else
			virtqueue_halt(vq); /* empty as they are, for the next time */
	}
	if (ret == 0)
		set_state(first, &dev->data->rx_queue_state[index], false);
	return ret;
}

static int
tx_queue_start(struct rte_eth_dev *dev, uint16_t index)
{
	struct virtqueue *vq = dev->data->tx_queues[index];
	int ret = enable(dev, vq);

	if (ret == 0)
		set_state(vq, &dev->data->tx_queue_state[index], false);
	return ret;
}

/* s. 2.6.1.1: what the device had is the driver's when the reset is over. */
static int
disable(const struct rte_eth_dev *dev, struct virtqueue *vq)
{
	int ret;

	virtqueue_halt(vq);
	if (!vq->enabled)
		return 0;
	ret = virtio_device_reset_vq(mdev_virtio_transport(dev), vq->index);
	if (ret < 0) {
		INIT_LOG(ERR, "%s: virtqueue %u does not answer a reset (%s): stop the port to get back what it has",
			dev->data->name, vq->index, rte_strerror(-ret));
		return ret;
	}
	vq->enabled = false;
	virtqueue_free_mbufs(vq);
	return 0;
}

/* Whoever stops the port meanwhile knows. */
static void
say_restart_failed(const struct rte_eth_dev *dev, const struct virtqueue *vq)
{
	if (!__atomic_load_n(&mdev_virtio_hw(dev)->recovery.stopping,
			__ATOMIC_SEQ_CST))
		DRV_LOG(ERR, "%s: the device did not come back from the reset that stops virtqueue %u: stop and start the port",
			dev->data->name, vq->index);
}

static int
say_pools(const struct rte_eth_dev *dev, const struct virtqueue *vq)
{
	INIT_LOG(ERR, "%s: virtqueue %u cannot be stopped: without VIRTIO_F_RING_RESET the device is reset for it, which needs pools that several threads may use: stop the port",
		dev->data->name, vq->index);
	return -ENOTSUP;
}

/* The whole device goes down, and up again without this queue's buffers. */
static int
disable_by_restart(struct rte_eth_dev *dev, struct virtqueue *vq)
{
	int ret;

	/* a stop that could not reset the device leaves its queues as they were */
	if (dev->data->dev_started == 0)
		return -ENETDOWN;
	if (!mdev_virtio_restart_possible(dev, vq))
		return say_pools(dev, vq);
	vq->stopped = true;
	ret = mdev_virtio_restart(dev, vq,
			"the device is reset to stop a queue, as it does not have VIRTIO_F_RING_RESET");
	if (ret == -ENOSPC) {
		vq->stopped = false;
		INIT_LOG(ERR, "%s: virtqueue %u cannot be stopped: the device was reset for others already, and no frame sent or received since: poll the queues, or stop the port",
			dev->data->name, vq->index);
		return -EBUSY;
	}
	if (ret == -ENOTSUP) {
		vq->stopped = false;
		return say_pools(dev, vq);
	}
	if (ret < 0)
		say_restart_failed(dev, vq);
	return ret;
}

static int
rx_queue_stop(struct rte_eth_dev *dev, uint16_t index)
{
	struct virtqueue *first = dev->data->rx_queues[index], *vq;
	int ret = 0;

	if (!can_reset_queues(dev))
		return disable_by_restart(dev, first);
	for (vq = first; ret == 0 && vq != NULL; vq = vq->sibling)
		ret = disable(dev, vq);
	if (ret == 0)
		set_state(first, &dev->data->rx_queue_state[index], true);
	return ret;
}

/* What was handed over is sent, for a bounded time. Returns whether all of it was. */
static bool
drain(struct virtqueue *vq)
{
	uint32_t waited;

	for (waited = 0; !vq->broken; waited += DRAIN_POLL_US) {
		virtio_reclaim_some(vq, 0);
		if (vq->head == vq->tail)
			return true;
		if (waited >= DRAIN_US)
			break;
		rte_delay_us_sleep(DRAIN_POLL_US);
	}
	return false;
}

/* A ring of which all came back can wait as it is, if it has to. */
static int
tx_queue_stop(struct rte_eth_dev *dev, uint16_t index)
{
	struct virtqueue *vq = dev->data->tx_queues[index];
	bool drained = drain(vq);
	int ret = 0;

	if (can_reset_queues(dev))
		ret = disable(dev, vq);
	else if (drained)
		virtqueue_halt(vq);
	else
		ret = disable_by_restart(dev, vq);
	if (ret == 0)
		set_state(vq, &dev->data->tx_queue_state[index], true);
	return ret;
}

/* No recovery begins meanwhile, and none is waited for. */
static int
controlled(struct rte_eth_dev *dev, uint16_t index,
		int (*change)(struct rte_eth_dev *dev, uint16_t index))
{
	int ret = mdev_virtio_control_begin(dev);

	return ret < 0 ? ret : mdev_virtio_control_end(dev, change(dev, index));
}

/* What a device says of itself while it is restarted is heard afterwards. */
static int
stopped(struct rte_eth_dev *dev, int ret)
{
	if (!can_reset_queues(dev)) {
		mdev_virtio_announce(dev);
		mdev_virtio_link_check(dev);
	}
	return ret;
}

int
mdev_virtio_rx_queue_start(struct rte_eth_dev *dev, uint16_t index)
{
	return controlled(dev, index, rx_queue_start);
}

int
mdev_virtio_tx_queue_start(struct rte_eth_dev *dev, uint16_t index)
{
	return controlled(dev, index, tx_queue_start);
}

int
mdev_virtio_rx_queue_stop(struct rte_eth_dev *dev, uint16_t index)
{
	return stopped(dev, controlled(dev, index, rx_queue_stop));
}

int
mdev_virtio_tx_queue_stop(struct rte_eth_dev *dev, uint16_t index)
{
	return stopped(dev, controlled(dev, index, tx_queue_stop));
}
