/* SPDX-License-Identifier: BSD-3-Clause */

/* The link's state: what the device says, and what the application does. */

#include <errno.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include <rte_byteorder.h>

#include "mdev_virtio_ethdev.h"
#include "mdev_virtio_logs.h"
#include "virtio_burst.h"

/* VIRTIO 1.2 s. 5.1.4: values of duplex; others are not known. */
#define DUPLEX_HALF 0

static int
read_link(struct rte_eth_dev *dev, struct rte_eth_link *link)
{
	const struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	rte_le16_t status;
	rte_le32_t speed;
	uint8_t duplex;
	int ret;

	link->link_status = RTE_ETH_LINK_UP;
	if (virtio_has_feature(hw->features, VIRTIO_NET_F_STATUS)) {
		ret = MDEV_VIRTIO_CONFIG_FIELD(dev, status, &status);
		if (ret < 0)
			return ret;
		if ((rte_le_to_cpu_16(status) & VIRTIO_NET_S_LINK_UP) == 0)
			link->link_status = RTE_ETH_LINK_DOWN;
	}
	if (link->link_status == RTE_ETH_LINK_DOWN)
		return 0;
	link->link_speed = RTE_ETH_SPEED_NUM_UNKNOWN;
	if (virtio_has_feature(hw->features, VIRTIO_NET_F_SPEED_DUPLEX)) {
		ret = MDEV_VIRTIO_CONFIG_FIELD(dev, speed, &speed);
		if (ret == 0)
			ret = MDEV_VIRTIO_CONFIG_FIELD(dev, duplex, &duplex);
		if (ret < 0)
			return ret;
		/* s. 5.1.4: other values are not known */
		if (rte_le_to_cpu_32(speed) <= INT32_MAX)
			link->link_speed = rte_le_to_cpu_32(speed);
		if (duplex == DUPLEX_HALF)
			link->link_duplex = RTE_ETH_LINK_HALF_DUPLEX;
	}
	return 0;
}

static uint32_t
restarts(const struct rte_eth_dev *dev)
{
	return __atomic_load_n(&mdev_virtio_hw(dev)->recovery.restarts,
			__ATOMIC_SEQ_CST);
}

/* Before a look at the device's link: its number. */
static uint32_t
ask(struct rte_eth_dev *dev)
{
	return __atomic_add_fetch(&mdev_virtio_hw(dev)->link_asked, 1, __ATOMIC_SEQ_CST);
}

/*
 * What was read may be old by now: each field takes its time, and the configuration interrupt
 * is another thread's. Of the looks that are over the last one to begin is right in the end,
 * since an interrupt follows each change.
 */
static int
set_status(struct rte_eth_dev *dev, uint32_t asked, const struct rte_eth_link *link)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	int ret = -1;

	rte_spinlock_lock(&hw->link_lock);
	if ((int32_t)(asked - hw->link_known) > 0) {
		hw->link_known = asked;
		ret = rte_eth_linkstatus_set(dev, link);
	}
	rte_spinlock_unlock(&hw->link_lock);
	return ret;
}

void
mdev_virtio_link_stopped(struct rte_eth_dev *dev)
{
	const struct rte_eth_link link = { .link_status = RTE_ETH_LINK_DOWN };

	set_status(dev, ask(dev), &link);
}

/*
 * While the device is restarted for a queue, what was known of the link stays: whoever
 * stops the queue looks when it is over, and until then the device may say anything.
 */
int
mdev_virtio_link_update(struct rte_eth_dev *dev, int wait __rte_unused)
{
	struct rte_eth_link link = {
		.link_speed = RTE_ETH_SPEED_NUM_NONE,
		.link_duplex = RTE_ETH_LINK_FULL_DUPLEX,
		.link_autoneg = RTE_ETH_LINK_FIXED,
		.link_status = RTE_ETH_LINK_DOWN,
	};
	struct mdev_virtio_process *process;
	uint32_t before, asked;
	int ret;

	/* telemetry asks, too, in its own thread */
	process = mdev_virtio_process_get(dev);
	/* a port that its primary process has closed has nothing but that it is stopped */
	if (process == NULL || dev->data->dev_private == NULL) {
		ret = dev->data->dev_started == 0 ?
			rte_eth_linkstatus_set(dev, &link) : -1;
		goto put;
	}
	before = restarts(dev);
	asked = ask(dev);
	/* a start may end now, which asks after this: what it finds is newer */
	if (dev->data->dev_started == 0) {
		ret = set_status(dev, asked, &link);
		goto put;
	}
	if (before % 2 != 0) {
		ret = -1;
		goto put;
	}
	/* but for a restart, whether it asks for a reset is looked at in any case */
	if (!mdev_virtio_recovering(dev) &&
			!mdev_virtio_needs_reset(dev) &&
			!mdev_virtio_hw(dev)->link_down &&
			read_link(dev, &link) < 0) {
		link.link_status = RTE_ETH_LINK_DOWN;
		link.link_speed = RTE_ETH_SPEED_NUM_NONE;
	}
	ret = restarts(dev) == before ? set_status(dev, asked, &link) : -1;
	if (ret == 0)
		DRV_LOG(DEBUG, "%s: link %s", dev->data->name,
			link.link_status == RTE_ETH_LINK_UP ? "up" : "down");
put:
	if (process != NULL)
		mdev_virtio_process_put(process);
	return ret;
}

void
mdev_virtio_link_check(struct rte_eth_dev *dev)
{
	if (mdev_virtio_link_update(dev, 0) == 0 &&
			dev->data->dev_conf.intr_conf.lsc != 0)
		rte_eth_dev_callback_process(dev, RTE_ETH_EVENT_INTR_LSC, NULL);
}

/*
 * VIRTIO has no command for the link. The device goes on: what it was given is sent, and
 * what comes is taken from it and dropped by whoever polls, so that no old frames wait for
 * the link to come up again. The burst has counted them: who sums takes them off, for
 * statistics may be reset at any time.
 */
static uint16_t
recv_down(void *rx_queue, struct rte_mbuf **pkts, uint16_t count)
{
	struct virtqueue *vq = rx_queue;
	const struct mdev_virtio_process *process =
		rte_eth_devices[vq->port_id].process_private;
	uint16_t received = process->rx_burst(rx_queue, pkts, count), i;
	struct burst_sums sums = { .bytes = 0 };

	for (i = 0; i < received; i++) {
		burst_count(&vq->dropped, &sums, pkts[i]->pkt_len,
			rte_pktmbuf_mtod(pkts[i], void *));
		rte_pktmbuf_free(pkts[i]);
	}
	burst_publish_sums(&vq->dropped, &sums, received);
	vq->stats.missed += received;
	return 0;
}

static uint16_t
xmit_down(void *tx_queue __rte_unused, struct rte_mbuf **pkts __rte_unused,
		uint16_t count __rte_unused)
{
	return 0;
}

void
mdev_virtio_select_down(struct rte_eth_dev *dev)
{
	struct mdev_virtio_process *process = dev->process_private;

	process->rx_burst = dev->rx_pkt_burst;
	dev->rx_pkt_burst = recv_down;
	dev->tx_pkt_burst = xmit_down;
}

/* As any change of the link, it is told to who listens. */
static int
set_link(struct rte_eth_dev *dev, bool down)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	int ret;

	if (dev->data->dev_started == 0)
		return down ? 0 : -ENETDOWN;
	ret = mdev_virtio_control_begin(dev);
	if (ret < 0)
		return ret;
	if (hw->link_down != down) {
		hw->link_down = down;
		mdev_virtio_select_bursts(dev);
		mdev_virtio_bursts_publish(dev, true);
		mdev_virtio_mp_started(dev);
	}
	mdev_virtio_control_end(dev, 0);
	mdev_virtio_link_check(dev);
	return 0;
}

int
mdev_virtio_set_link_up(struct rte_eth_dev *dev)
{
	return set_link(dev, false);
}

int
mdev_virtio_set_link_down(struct rte_eth_dev *dev)
{
	return set_link(dev, true);
}
