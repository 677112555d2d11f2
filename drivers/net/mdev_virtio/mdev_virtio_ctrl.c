/* SPDX-License-Identifier: BSD-3-Clause */

/* What the device receives: modes, MAC addresses, VLANs; and how many queues it uses. */

#include <errno.h>
#include <string.h>

#include <linux/virtio_net.h>

#include <rte_bitops.h>
#include <rte_ether.h>

#include "mdev_virtio_ethdev.h"
#include "mdev_virtio_logs.h"

#define VLAN_IDS 4096

static bool
has(const struct rte_eth_dev *dev, unsigned int feature)
{
	return virtio_has_feature(mdev_virtio_hw(dev)->features, feature);
}

/*
 * A device without VIRTIO_NET_F_CTRL_RX passes every frame (VIRTIO 1.2 s. 5.1.6.5.1):
 * it cannot be told otherwise. A port that is stopped keeps the mode in ethdev, which
 * asks for it again after the start.
 */
static int
rx_mode(struct rte_eth_dev *dev, int (*command)(struct virtio_cvq *cvq,
		struct virtio_transport *tr, bool on), bool on, bool *mode)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	const bool before = *mode;
	int ret;

	if (!has(dev, VIRTIO_NET_F_CTRL_RX))
		return on ? 0 : -ENOTSUP;
	if (dev->data->dev_started == 0)
		return 0;
	ret = mdev_virtio_control_begin(dev);
	if (ret == -EBUSY) {
		/*
		 * ethdev asks within rte_eth_dev_start(), and gives the start up if it is
		 * refused. A restart that runs after this looks at its end.
		 */
		__atomic_store_n(mode, on, __ATOMIC_SEQ_CST);
		if (mdev_virtio_restarting(dev))
			return 0;
		ret = mdev_virtio_control_begin(dev);
	}
	if (ret < 0) {
		*mode = before;
		return ret;
	}
	*mode = on;
	ret = mdev_virtio_control_end(dev, command(&hw->cvq,
			mdev_virtio_transport(dev), on));
	/* the device asks for a reset, after which it is told */
	if (ret == -EIO && hw->needs_reset && !hw->recovery.failed)
		return 0;
	if (ret < 0)
		*mode = before;
	return ret;
}

int
mdev_virtio_promiscuous_enable(struct rte_eth_dev *dev)
{
	return rx_mode(dev, virtio_cvq_promiscuous, true,
			&mdev_virtio_hw(dev)->promiscuous);
}

int
mdev_virtio_promiscuous_disable(struct rte_eth_dev *dev)
{
	return rx_mode(dev, virtio_cvq_promiscuous, false,
			&mdev_virtio_hw(dev)->promiscuous);
}

int
mdev_virtio_allmulticast_enable(struct rte_eth_dev *dev)
{
	return rx_mode(dev, virtio_cvq_allmulticast, true,
			&mdev_virtio_hw(dev)->allmulticast);
}

int
mdev_virtio_allmulticast_disable(struct rte_eth_dev *dev)
{
	return rx_mode(dev, virtio_cvq_allmulticast, false,
			&mdev_virtio_hw(dev)->allmulticast);
}

static int
send_mac(struct rte_eth_dev *dev, const struct rte_ether_addr *mac)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	int ret;

	ret = virtio_cvq_mac_addr(&hw->cvq, mdev_virtio_transport(dev), mac);
	if (ret == 0)
		hw->mac = *mac;
	return ret;
}

/* ethdev repeats it after each start; the device is told only of what is new. */
static int
set_mac(struct rte_eth_dev *dev, const struct rte_ether_addr *mac)
{
	if (dev->data->dev_started != 0 &&
			rte_is_same_ether_addr(mac, &mdev_virtio_hw(dev)->mac))
		return 0;
	if (!has(dev, VIRTIO_NET_F_CTRL_MAC_ADDR)) {
		if (rte_is_same_ether_addr(mac, &dev->data->mac_addrs[0]))
			return 0;
		INIT_LOG(ERR, "%s: the MAC address cannot be changed: the device does not have VIRTIO_NET_F_CTRL_MAC_ADDR",
			dev->data->name);
		return -ENOTSUP;
	}
	return dev->data->dev_started == 0 ? 0 : send_mac(dev, mac);
}

int
mdev_virtio_mac_addr_set(struct rte_eth_dev *dev, struct rte_ether_addr *mac)
{
	int ret;

	ret = mdev_virtio_control_begin(dev);
	return ret < 0 ? ret : mdev_virtio_control_end(dev, set_mac(dev, mac));
}

/*
 * Replace the device's table by the addresses of the port but its own, with another
 * one at index, and the list of multicast addresses (s. 5.1.6.5.2).
 */
static int
send_table(struct rte_eth_dev *dev, uint32_t index,
		const struct rte_ether_addr *other)
{
	struct rte_ether_addr unicast[MDEV_VIRTIO_MAC_ADDRS];
	struct rte_ether_addr multicast[MDEV_VIRTIO_MAC_ADDRS +
		MDEV_VIRTIO_MC_ADDRS];
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	uint32_t nr_unicast = 0, nr_multicast = 0, i;
	const struct rte_ether_addr *mac;

	RTE_BUILD_BUG_ON(RTE_DIM(multicast) > VIRTIO_CVQ_MAC_MAX);
	for (i = 1; i < MDEV_VIRTIO_MAC_ADDRS; i++) {
		mac = i == index ? other : &dev->data->mac_addrs[i];
		if (rte_is_zero_ether_addr(mac))
			continue;
		if (rte_is_multicast_ether_addr(mac))
			multicast[nr_multicast++] = *mac;
		else
			unicast[nr_unicast++] = *mac;
	}
	memcpy(&multicast[nr_multicast], hw->mc_addrs,
		hw->nr_mc_addrs * sizeof(hw->mc_addrs[0]));
	nr_multicast += hw->nr_mc_addrs;
	return virtio_cvq_mac_table(&hw->cvq, mdev_virtio_transport(dev), unicast,
			nr_unicast, multicast, nr_multicast);
}

static int
replace_entry(struct rte_eth_dev *dev, uint32_t index,
		const struct rte_ether_addr *mac)
{
	int ret;

	ret = mdev_virtio_control_begin(dev);
	if (ret < 0)
		return ret;
	return mdev_virtio_control_end(dev, send_table(dev, index, mac));
}

/* ethdev repeats each address after a start; by then the device has the table. */
int
mdev_virtio_mac_addr_add(struct rte_eth_dev *dev, struct rte_ether_addr *mac,
		uint32_t index, uint32_t pool)
{
	if (!has(dev, VIRTIO_NET_F_CTRL_RX))
		return -ENOTSUP;
	if (pool != 0 || index >= MDEV_VIRTIO_MAC_ADDRS)
		return -EINVAL;
	if (dev->data->dev_started == 0 ||
			rte_is_same_ether_addr(mac, &dev->data->mac_addrs[index]))
		return 0;
	return replace_entry(dev, index, mac);
}

void
mdev_virtio_mac_addr_remove(struct rte_eth_dev *dev, uint32_t index)
{
	static const struct rte_ether_addr none;

	if (dev->data->dev_started != 0)
		replace_entry(dev, index, &none);
}

static int
set_list(struct rte_eth_dev *dev, const struct rte_ether_addr *macs, uint32_t count)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	struct rte_ether_addr old[MDEV_VIRTIO_MC_ADDRS];
	uint32_t nr_old = hw->nr_mc_addrs, i;
	int ret;

	if (!has(dev, VIRTIO_NET_F_CTRL_RX))
		return -ENOTSUP;
	if (count > MDEV_VIRTIO_MC_ADDRS)
		return -ENOSPC;
	for (i = 0; i < count; i++) {
		if (!rte_is_multicast_ether_addr(&macs[i]))
			return -EINVAL;
	}
	memcpy(old, hw->mc_addrs, sizeof(old));
	if (count > 0)
		memcpy(hw->mc_addrs, macs, count * sizeof(macs[0]));
	hw->nr_mc_addrs = count;
	if (dev->data->dev_started == 0)
		return 0;
	ret = send_table(dev, 0, NULL);
	if (ret < 0) {
		memcpy(hw->mc_addrs, old, sizeof(old));
		hw->nr_mc_addrs = nr_old;
	}
	return ret;
}

int
mdev_virtio_set_mc_addr_list(struct rte_eth_dev *dev, struct rte_ether_addr *macs,
		uint32_t count)
{
	int ret;

	ret = mdev_virtio_control_begin(dev);
	if (ret < 0)
		return ret;
	return mdev_virtio_control_end(dev, set_list(dev, macs, count));
}

int
mdev_virtio_vlan_filter_set(struct rte_eth_dev *dev, uint16_t vlan_id, int on)
{
	int ret;

	if (dev->data->dev_started == 0)
		return 0;
	if (!has(dev, VIRTIO_NET_F_CTRL_VLAN))
		return -ENOTSUP;
	ret = mdev_virtio_control_begin(dev);
	if (ret < 0)
		return ret;
	ret = virtio_cvq_vlan(&mdev_virtio_hw(dev)->cvq,
			mdev_virtio_transport(dev), vlan_id, on != 0);
	return mdev_virtio_control_end(dev, ret);
}

/*
 * Whether a device filters is negotiated: VIRTIO_NET_F_CTRL_VLAN makes it drop what
 * was not added, and there is no command for all.
 */
int
mdev_virtio_vlan_offload_set(struct rte_eth_dev *dev, int mask)
{
	/* first: ethdev takes back all of what is refused, and nothing may be done then */
	if ((mask & RTE_ETH_VLAN_FILTER_MASK) != 0 && dev->data->dev_started != 0) {
		INIT_LOG(ERR, "%s: the VLAN filter is switched when the port starts: stop the port first",
			dev->data->name);
		return -EBUSY;
	}
	if ((mask & RTE_ETH_VLAN_STRIP_MASK) != 0)
		mdev_virtio_rx_offloads_update(dev);
	return 0;
}

/* s. 5.1.6.5.2: the driver tells its address if it is not the device's. */
static int
start_mac(struct rte_eth_dev *dev)
{
	const struct rte_ether_addr *mac = &dev->data->mac_addrs[0];
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	struct rte_ether_addr device_mac;
	int ret;

	hw->mac = *mac;
	if (!has(dev, VIRTIO_NET_F_CTRL_MAC_ADDR))
		return 0;
	if (has(dev, VIRTIO_NET_F_MAC)) {
		ret = MDEV_VIRTIO_CONFIG_FIELD(dev, mac, device_mac.addr_bytes);
		if (ret < 0 || rte_is_same_ether_addr(mac, &device_mac))
			return ret;
	}
	return send_mac(dev, mac);
}

/* The table is empty after a reset. */
static int
start_table(struct rte_eth_dev *dev)
{
	uint32_t i;

	if (!has(dev, VIRTIO_NET_F_CTRL_RX))
		return 0;
	if (mdev_virtio_hw(dev)->nr_mc_addrs > 0)
		return send_table(dev, 0, NULL);
	for (i = 1; i < MDEV_VIRTIO_MAC_ADDRS; i++) {
		if (!rte_is_zero_ether_addr(&dev->data->mac_addrs[i]))
			return send_table(dev, 0, NULL);
	}
	return 0;
}

/* So is the VLAN table, which ethdev does not repeat. */
static int
start_vlans(struct rte_eth_dev *dev)
{
	const uint64_t *ids = dev->data->vlan_filter_conf.ids;
	uint16_t id;
	int ret = 0;

	if (!has(dev, VIRTIO_NET_F_CTRL_VLAN))
		return 0;
	for (id = 0; ret == 0 && id < VLAN_IDS; id++) {
		if ((ids[id / 64] & RTE_BIT64(id % 64)) != 0)
			ret = virtio_cvq_vlan(&mdev_virtio_hw(dev)->cvq,
					mdev_virtio_transport(dev), id, true);
	}
	return ret;
}

/*
 * s. 5.1.6.5.5: one pair is what a device uses by itself. Of several commands that choose
 * how it steers, the last one counts (s. 5.1.6.5.5): that of RSS says how many, too.
 */
static int
start_pairs(struct rte_eth_dev *dev)
{
	uint16_t pairs = mdev_virtio_pairs(dev);

	if (pairs == 1 || has(dev, VIRTIO_NET_F_RSS))
		return 0;
	return virtio_cvq_queue_pairs(&mdev_virtio_hw(dev)->cvq,
			mdev_virtio_transport(dev), pairs);
}

static int
start_coalescing(struct rte_eth_dev *dev)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);

	if (!has(dev, VIRTIO_NET_F_NOTF_COAL))
		return 0;
	return virtio_cvq_rx_coalesce(&hw->cvq, mdev_virtio_transport(dev),
			hw->devargs.rx_coal.usecs, hw->devargs.rx_coal.packets);
}

int
mdev_virtio_ctrl_start(struct rte_eth_dev *dev)
{
	struct virtio_cvq *cvq = &mdev_virtio_hw(dev)->cvq;
	int ret;

	virtio_cvq_start(cvq);
	ret = start_mac(dev);
	if (ret == 0)
		ret = start_table(dev);
	if (ret == 0)
		ret = start_vlans(dev);
	if (ret == 0)
		ret = start_coalescing(dev);
	if (ret == 0)
		ret = start_pairs(dev);
	if (ret == 0)
		ret = mdev_virtio_rss_start(dev);
	virtio_cvq_started(cvq);
	return ret;
}

/*
 * Off is told too: s. 5.1.6.5.1 does not say what a reset leaves, and devices begin in
 * promiscuous mode.
 */
int
mdev_virtio_ctrl_modes(struct rte_eth_dev *dev)
{
	struct virtio_transport *tr = mdev_virtio_transport(dev);
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	int ret;

	if (!has(dev, VIRTIO_NET_F_CTRL_RX))
		return 0;
	hw->told_promiscuous = __atomic_load_n(&hw->promiscuous, __ATOMIC_SEQ_CST);
	hw->told_allmulticast = __atomic_load_n(&hw->allmulticast, __ATOMIC_SEQ_CST);
	ret = virtio_cvq_promiscuous(&hw->cvq, tr, hw->told_promiscuous);
	if (ret == 0)
		ret = virtio_cvq_allmulticast(&hw->cvq, tr, hw->told_allmulticast);
	return ret;
}

/* What was asked for while the device was told; the lock is held, nobody waits any more. */
void
mdev_virtio_ctrl_modes_again(struct rte_eth_dev *dev)
{
	const struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);

	if (__atomic_load_n(&hw->promiscuous, __ATOMIC_SEQ_CST) == hw->told_promiscuous &&
			__atomic_load_n(&hw->allmulticast, __ATOMIC_SEQ_CST) ==
			hw->told_allmulticast)
		return;
	if (mdev_virtio_ctrl_modes(dev) < 0)
		mdev_virtio_needs_reset(dev);
}
