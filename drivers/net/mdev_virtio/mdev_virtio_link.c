/* SPDX-License-Identifier: BSD-3-Clause */

/* The link's state. */

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include <rte_byteorder.h>

#include "mdev_virtio_ethdev.h"

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

int
mdev_virtio_link_update(struct rte_eth_dev *dev, int wait __rte_unused)
{
	struct rte_eth_link link = {
		.link_speed = RTE_ETH_SPEED_NUM_NONE,
		.link_duplex = RTE_ETH_LINK_FULL_DUPLEX,
		.link_autoneg = RTE_ETH_LINK_FIXED,
		.link_status = RTE_ETH_LINK_DOWN,
	};

	if (dev->data->dev_started != 0 && !mdev_virtio_needs_reset(dev) &&
			read_link(dev, &link) < 0) {
		link.link_status = RTE_ETH_LINK_DOWN;
		link.link_speed = RTE_ETH_SPEED_NUM_NONE;
	}
	return rte_eth_linkstatus_set(dev, &link);
}
