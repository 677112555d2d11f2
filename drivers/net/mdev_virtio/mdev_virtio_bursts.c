/* SPDX-License-Identifier: BSD-3-Clause */

/* Which burst functions a port has. */

#include <stdio.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include "mdev_virtio_ethdev.h"
#include "virtio_burst.h"
#include "virtio_offload.h"
#include "virtio_rxtx.h"

static unsigned int
ring_flags(const struct mdev_virtio_hw *hw)
{
	unsigned int flags = 0;

	if (virtio_has_feature(hw->features, VIRTIO_F_RING_PACKED))
		flags |= BURST_PACKED;
	if (virtio_has_feature(hw->features, VIRTIO_F_IN_ORDER))
		flags |= BURST_IN_ORDER;
	return flags;
}

/* Offloads look at each frame's header by itself. */
static unsigned int
vector_flag(const struct mdev_virtio_hw *hw)
{
	return hw->devargs.vectorized && virtio_vec_allowed() ? BURST_VECTOR : 0;
}

uint64_t
mdev_virtio_rx_offloads(const struct rte_eth_dev *dev)
{
	const struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	uint64_t offloads = dev->data->dev_conf.rxmode.offloads &
		RTE_ETH_RX_OFFLOAD_VLAN_STRIP;

	if (virtio_has_feature(hw->features, VIRTIO_NET_F_HASH_REPORT))
		offloads |= RTE_ETH_RX_OFFLOAD_RSS_HASH;
	if (hw->devargs.ptype)
		offloads |= VIRTIO_RX_OFFLOAD_PTYPE;
	return offloads;
}

#define HEADERS_SAY_SOMETHING \
	(RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM) | RTE_BIT64(VIRTIO_NET_F_HASH_REPORT))

uint8_t
mdev_virtio_rx_burst(const struct rte_eth_dev *dev)
{
	const struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	unsigned int flags = ring_flags(hw);

	if (virtio_has_feature(hw->features, VIRTIO_NET_F_MRG_RXBUF))
		flags |= BURST_MERGEABLE;
	if ((hw->features & HEADERS_SAY_SOMETHING) != 0 ||
			mdev_virtio_rx_offloads(dev) != 0)
		return flags | BURST_OFFLOAD;
	return flags | vector_flag(hw);
}

/* What was not negotiated is not in a header (s. 5.1.6.2.1), whatever an mbuf says. */
uint64_t
mdev_virtio_tx_offloads(const struct rte_eth_dev *dev)
{
	const uint64_t features = mdev_virtio_hw(dev)->features;
	uint64_t offloads = 0;

	if (virtio_has_feature(features, VIRTIO_NET_F_CSUM))
		offloads |= RTE_MBUF_F_TX_L4_MASK;
	if (virtio_has_feature(features, VIRTIO_NET_F_HOST_TSO4))
		offloads |= RTE_MBUF_F_TX_TCP_SEG; /* and HOST_TSO6, or neither */
	if (virtio_has_feature(features, VIRTIO_NET_F_HOST_USO))
		offloads |= RTE_MBUF_F_TX_UDP_SEG;
	if (virtio_has_feature(features, VIRTIO_NET_F_HOST_ECN))
		offloads |= VIRTIO_TX_OFFLOAD_ECN;
	return offloads;
}

#define TX_OFFLOADS_IN_HEADER \
	(RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM | \
	 RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_UDP_TSO | \
	 RTE_ETH_TX_OFFLOAD_VLAN_INSERT)

uint8_t
mdev_virtio_tx_burst(const struct rte_eth_dev *dev)
{
	const struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	unsigned int flags = ring_flags(hw);

	/* the header of both directions is as long */
	if ((dev->data->dev_conf.txmode.offloads & TX_OFFLOADS_IN_HEADER) != 0 ||
			virtio_has_feature(hw->features,
				VIRTIO_NET_F_HASH_REPORT))
		return flags | BURST_OFFLOAD;
	return flags | vector_flag(hw);
}

void
mdev_virtio_select_bursts(struct rte_eth_dev *dev)
{
	if (dev->data->nb_tx_queues > dev->data->nb_rx_queues)
		dev->rx_pkt_burst = virtio_recv_all;
	else
		dev->rx_pkt_burst =
			virtio_rx_burst(mdev_virtio_rx_burst(dev))->burst;
	dev->tx_pkt_burst = virtio_tx_burst(mdev_virtio_tx_burst(dev))->burst;
	dev->tx_pkt_prepare = virtio_prepare(mdev_virtio_tx_offloads(dev));
	if (mdev_virtio_hw(dev)->link_down)
		mdev_virtio_select_down(dev);
}

/*
 * Any burst function of a ring may follow any other one on it at any time: they differ
 * in what they do with headers and frames.
 */
void
mdev_virtio_rx_offloads_update(struct rte_eth_dev *dev)
{
	struct virtqueue *vq;
	uint16_t i;

	if (dev->data->dev_started == 0)
		return;
	/* a recovery, in another thread, may be about to free a queue that is found here */
	mdev_virtio_queues_lock();
	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		for (vq = dev->data->rx_queues[i]; vq != NULL; vq = vq->sibling) {
			vq->offloads = mdev_virtio_rx_offloads(dev);
			vq->burst = mdev_virtio_rx_burst(dev);
		}
	}
	mdev_virtio_queues_unlock();
	if (mdev_virtio_control_begin(dev) < 0)
		return; /* a restart is under way, which ends with it */
	mdev_virtio_select_bursts(dev);
	mdev_virtio_bursts_publish(dev, true);
	mdev_virtio_mp_started(dev);
	mdev_virtio_control_end(dev, 0);
}

/* What rte_net_get_ptype() finds, without tunnels' inner headers. */
const uint32_t *
mdev_virtio_supported_ptypes_get(MDEV_VIRTIO_PTYPES_GET(dev, count))
{
	static const uint32_t ptypes[] = {
		RTE_PTYPE_L2_ETHER,
		RTE_PTYPE_L2_ETHER_VLAN,
		RTE_PTYPE_L2_ETHER_QINQ,
		RTE_PTYPE_L3_IPV4,
		RTE_PTYPE_L3_IPV4_EXT,
		RTE_PTYPE_L3_IPV6,
		RTE_PTYPE_L3_IPV6_EXT,
		RTE_PTYPE_L4_FRAG,
		RTE_PTYPE_L4_TCP,
		RTE_PTYPE_L4_UDP,
		RTE_PTYPE_L4_SCTP,
		RTE_PTYPE_UNKNOWN,
	};

	if (!mdev_virtio_hw(dev)->devargs.ptype)
		return NULL;
	MDEV_VIRTIO_PTYPES_SET_COUNT(count, RTE_DIM(ptypes) - 1);
	return ptypes;
}

int
mdev_virtio_rx_burst_mode_get(struct rte_eth_dev *dev, uint16_t queue,
		struct rte_eth_burst_mode *mode)
{
	RTE_SET_USED(queue);
	snprintf(mode->info, sizeof(mode->info), "%s",
		virtio_rx_burst(mdev_virtio_rx_burst(dev))->info);
	return 0;
}

int
mdev_virtio_tx_burst_mode_get(struct rte_eth_dev *dev, uint16_t queue,
		struct rte_eth_burst_mode *mode)
{
	RTE_SET_USED(queue);
	snprintf(mode->info, sizeof(mode->info), "%s",
		virtio_tx_burst(mdev_virtio_tx_burst(dev))->info);
	return 0;
}
