/* SPDX-License-Identifier: BSD-3-Clause */

/* What a device says of itself: features and configuration, queues and vectors. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include <rte_byteorder.h>
#include <rte_errno.h>
#include <rte_ether.h>

#include "mdev_virtio_ethdev.h"
#include "mdev_virtio_logs.h"
#include "virtio_offload.h"

/* Without VIRTIO_NET_F_MTU: the largest frame that the header's users agree on. */
#define MAX_MTU_UNKNOWN RTE_ETHER_MAX_JUMBO_FRAME_LEN

#define FEATURES_TAKEN \
	(RTE_BIT64(VIRTIO_F_VERSION_1) | RTE_BIT64(VIRTIO_F_ACCESS_PLATFORM) | \
	 RTE_BIT64(VIRTIO_F_ORDER_PLATFORM) | RTE_BIT64(VIRTIO_NET_F_MAC) | \
	 RTE_BIT64(VIRTIO_NET_F_STATUS) | RTE_BIT64(VIRTIO_NET_F_MTU) | \
	 RTE_BIT64(VIRTIO_NET_F_SPEED_DUPLEX) | RTE_BIT64(VIRTIO_F_RING_RESET) | \
	 RTE_BIT64(VIRTIO_F_NOTIFICATION_DATA))

/* VIRTIO 1.2 s. 5.1.3.1: these need the control queue. */
#define FEATURES_OF_CTRL_VQ \
	(RTE_BIT64(VIRTIO_NET_F_CTRL_RX) | RTE_BIT64(VIRTIO_NET_F_CTRL_VLAN) | \
	 RTE_BIT64(VIRTIO_NET_F_CTRL_MAC_ADDR) | RTE_BIT64(VIRTIO_NET_F_MQ) | \
	 RTE_BIT64(VIRTIO_NET_F_GUEST_ANNOUNCE))

/* Taken by who asked for it, and has the interrupts that it is about. */
static bool
coalesces(const struct rte_eth_dev *dev)
{
	return mdev_virtio_hw(dev)->devargs.rx_coal.set &&
		(dev->data->dev_configured == 0 ||
		dev->data->dev_conf.intr_conf.rxq != 0);
}

static uint64_t
ctrl_features(const struct rte_eth_dev *dev, uint64_t offered)
{
	uint64_t features = offered & FEATURES_OF_CTRL_VQ;

	if (!virtio_has_feature(offered, VIRTIO_NET_F_CTRL_VQ))
		return 0;
	/* whoever takes it gets no tagged frame without adding its VLAN */
	if (dev->data->dev_configured != 0 &&
			(dev->data->dev_conf.rxmode.offloads &
			RTE_ETH_RX_OFFLOAD_VLAN_FILTER) == 0)
		features &= ~RTE_BIT64(VIRTIO_NET_F_CTRL_VLAN);
	/* they are asked for in the status field, by the configuration interrupt */
	if (mdev_virtio_hw(dev)->vectors == 0 ||
			!virtio_has_feature(offered, VIRTIO_NET_F_STATUS))
		features &= ~RTE_BIT64(VIRTIO_NET_F_GUEST_ANNOUNCE);
	if (coalesces(dev))
		features |= offered & RTE_BIT64(VIRTIO_NET_F_NOTF_COAL);
	features |= mdev_virtio_rss_features(dev, offered);
	return features | RTE_BIT64(VIRTIO_NET_F_CTRL_VQ);
}

static bool
rx_wants(const struct rte_eth_dev *dev, uint64_t offloads)
{
	return dev->data->dev_configured == 0 ||
		(dev->data->dev_conf.rxmode.offloads & offloads) != 0;
}

static bool
tx_wants(const struct rte_eth_dev *dev, uint64_t offloads)
{
	return dev->data->dev_configured == 0 ||
		(dev->data->dev_conf.txmode.offloads & offloads) != 0;
}

/* s. 5.1.3.1: segments to be joined need checksums. */
#define GUEST_TSO \
	(RTE_BIT64(VIRTIO_NET_F_GUEST_TSO4) | RTE_BIT64(VIRTIO_NET_F_GUEST_TSO6))
#define HOST_TSO \
	(RTE_BIT64(VIRTIO_NET_F_HOST_TSO4) | RTE_BIT64(VIRTIO_NET_F_HOST_TSO6))
#define LRO_NEEDS (GUEST_TSO | RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM) | \
	RTE_BIT64(VIRTIO_NET_F_MRG_RXBUF))
#define LRO_TAKES (LRO_NEEDS | RTE_BIT64(VIRTIO_NET_F_GUEST_ECN) | \
	RTE_BIT64(VIRTIO_NET_F_GUEST_USO4) | RTE_BIT64(VIRTIO_NET_F_GUEST_USO6))
#define TSO_NEEDS (HOST_TSO | RTE_BIT64(VIRTIO_NET_F_CSUM))
#define TSO_TAKES (TSO_NEEDS | RTE_BIT64(VIRTIO_NET_F_HOST_ECN))
#define USO_NEEDS (RTE_BIT64(VIRTIO_NET_F_HOST_USO) | RTE_BIT64(VIRTIO_NET_F_CSUM))

/* Offloads, in terms of ethdev and of features. */
static const struct {
	uint64_t offloads;
	uint64_t needs;
	uint64_t takes;
} rx_offloads[] = {
	{ RTE_ETH_RX_OFFLOAD_SCATTER, RTE_BIT64(VIRTIO_NET_F_MRG_RXBUF),
		RTE_BIT64(VIRTIO_NET_F_MRG_RXBUF) },
	{ RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM,
		RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM),
		RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM) },
	{ RTE_ETH_RX_OFFLOAD_TCP_LRO, LRO_NEEDS, LRO_TAKES },
}, tx_offloads[] = {
	{ RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM,
		RTE_BIT64(VIRTIO_NET_F_CSUM), RTE_BIT64(VIRTIO_NET_F_CSUM) },
	{ RTE_ETH_TX_OFFLOAD_TCP_TSO, TSO_NEEDS, TSO_TAKES },
	{ RTE_ETH_TX_OFFLOAD_UDP_TSO, USO_NEEDS, USO_NEEDS },
};

/* Features that the port's offloads need, of those that the device offers. */
static uint64_t
offload_features(const struct rte_eth_dev *dev, uint64_t offered)
{
	uint64_t features = 0;
	unsigned int i;

	if (!mdev_virtio_hw(dev)->devargs.mrg_rxbuf)
		offered &= ~RTE_BIT64(VIRTIO_NET_F_MRG_RXBUF);
	for (i = 0; i < RTE_DIM(rx_offloads); i++) {
		if ((offered & rx_offloads[i].needs) == rx_offloads[i].needs &&
				rx_wants(dev, rx_offloads[i].offloads))
			features |= offered & rx_offloads[i].takes;
	}
	for (i = 0; i < RTE_DIM(tx_offloads); i++) {
		if ((offered & tx_offloads[i].needs) == tx_offloads[i].needs &&
				tx_wants(dev, tx_offloads[i].offloads))
			features |= offered & tx_offloads[i].takes;
	}
	return features;
}

/* And the other way round: what features allow. Of hashes see mdev_virtio_rss_examine(). */
static uint64_t
rx_capa(uint64_t features)
{
	uint64_t capa = RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
	unsigned int i;

	for (i = 0; i < RTE_DIM(rx_offloads); i++) {
		if ((features & rx_offloads[i].needs) == rx_offloads[i].needs)
			capa |= rx_offloads[i].offloads;
	}
	if (virtio_has_feature(features, VIRTIO_NET_F_CTRL_VLAN))
		capa |= RTE_ETH_RX_OFFLOAD_VLAN_FILTER;
	return capa;
}

static uint64_t
tx_capa(uint64_t features)
{
	uint64_t capa = RTE_ETH_TX_OFFLOAD_MULTI_SEGS |
		RTE_ETH_TX_OFFLOAD_VLAN_INSERT |
		RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	unsigned int i;

	for (i = 0; i < RTE_DIM(tx_offloads); i++) {
		if ((features & tx_offloads[i].needs) == tx_offloads[i].needs)
			capa |= tx_offloads[i].offloads;
	}
	return capa;
}

static uint64_t
ring_features(const struct mdev_virtio_devargs *devargs, uint64_t offered)
{
	uint64_t features = offered & RTE_BIT64(VIRTIO_RING_F_EVENT_IDX);

	if (devargs->packed_vq)
		features |= offered & RTE_BIT64(VIRTIO_F_RING_PACKED);
	if (devargs->in_order)
		features |= offered & RTE_BIT64(VIRTIO_F_IN_ORDER);
	return features;
}

/*
 * Before the port is configured, all that could be taken; then what its configuration
 * needs: frames over several buffers go to applications that asked for them only.
 */
static uint64_t
choose_features(uint64_t offered, void *arg)
{
	const struct rte_eth_dev *dev = arg;
	const struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	uint64_t features = (offered & FEATURES_TAKEN) |
		ctrl_features(dev, offered) | offload_features(dev, offered) |
		ring_features(&hw->devargs, offered);

	/* s. 5.1.4.2: who takes the MTU must have room for such frames */
	if (!virtio_has_feature(features, VIRTIO_NET_F_MRG_RXBUF) &&
			!mdev_virtio_buffers_hold(dev, hw->max_mtu))
		features &= ~RTE_BIT64(VIRTIO_NET_F_MTU);
	/* and sends none that is longer: it was read with the probe, if at all */
	if (dev->data->dev_configured != 0 && hw->max_mtu == MAX_MTU_UNKNOWN)
		features &= ~RTE_BIT64(VIRTIO_NET_F_MTU);
	return features;
}

/*
 * A field of the configuration, little endian as it is there. The link is asked for
 * often, so a failure is reported once between starts.
 */
int
mdev_virtio_config_field(struct rte_eth_dev *dev, uint32_t offset, void *buf,
		uint32_t len)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	int ret;

	ret = virtio_device_config_read(mdev_virtio_transport(dev), offset, buf,
			len);
	if (ret == 0 || hw->config_failed)
		return ret;
	hw->config_failed = true;
	if (ret == -EAGAIN)
		INIT_LOG(ERR, "%s: the device's configuration generation never settles: "
			DEVICE_BROKEN, dev->data->name);
	else if (ret == -EINVAL)
		INIT_LOG(ERR, "%s: the device's configuration has %u bytes, and no field of %u at %u that its features promise: "
			DEVICE_BROKEN, dev->data->name,
			mdev_virtio_transport(dev)->config_len, len, offset);
	else
		INIT_LOG(ERR, "%s: cannot read the device's configuration: %s: "
			DEVICE_FAILING, dev->data->name, rte_strerror(-ret));
	return ret;
}

/* VIRTIO 1.2 s. 5.1.5: a device without a MAC address gets a random one. */
static int
read_mac(struct rte_eth_dev *dev)
{
	struct rte_ether_addr *mac = dev->data->mac_addrs;
	int ret;

	if (virtio_has_feature(mdev_virtio_hw(dev)->features, VIRTIO_NET_F_MAC)) {
		ret = MDEV_VIRTIO_CONFIG_FIELD(dev, mac, mac->addr_bytes);
		if (ret < 0 || rte_is_valid_assigned_ether_addr(mac))
			return ret;
		INIT_LOG(WARNING, "%s: the device's MAC address " RTE_ETHER_ADDR_PRT_FMT
			" is none for a port: using a random one",
			dev->data->name, RTE_ETHER_ADDR_BYTES(mac));
	}
	rte_eth_random_addr(mac->addr_bytes);
	return 0;
}

/* s. 5.1.4.2: the device's MTU is at least 68. */
static int
read_mtu(struct rte_eth_dev *dev)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	rte_le16_t mtu;
	int ret;

	hw->max_mtu = MAX_MTU_UNKNOWN;
	if (!virtio_has_feature(hw->features, VIRTIO_NET_F_MTU))
		return 0;
	ret = MDEV_VIRTIO_CONFIG_FIELD(dev, mtu, &mtu);
	if (ret < 0)
		return ret;
	hw->max_mtu = rte_le_to_cpu_16(mtu);
	if (hw->max_mtu < RTE_ETHER_MIN_MTU) {
		INIT_LOG(ERR, "%s: the device's MTU of %u is less than %u: set a larger one where the device is made",
			dev->data->name, hw->max_mtu, RTE_ETHER_MIN_MTU);
		return -EPROTO;
	}
	dev->data->mtu = RTE_MIN(hw->max_mtu, RTE_ETHER_MTU);
	return 0;
}

/* s. 5.1.4: in Mb/s; half duplex is 0. What ethdev has no flag for is not told. */
static int
read_speed(struct rte_eth_dev *dev)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	rte_le32_t speed;
	uint8_t duplex;
	int ret;

	if (!virtio_has_feature(hw->features, VIRTIO_NET_F_SPEED_DUPLEX))
		return 0;
	ret = MDEV_VIRTIO_CONFIG_FIELD(dev, speed, &speed);
	if (ret == 0)
		ret = MDEV_VIRTIO_CONFIG_FIELD(dev, duplex, &duplex);
	if (ret == 0)
		hw->speed_capa = rte_eth_speed_bitflag(rte_le_to_cpu_32(speed),
				duplex != 0);
	return ret;
}

static int
access_failed(const struct rte_eth_dev *dev, const char *what, int ret)
{
	INIT_LOG(ERR, "%s: cannot read %s: %s: " DEVICE_FAILING,
		dev->data->name, what, rte_strerror(-ret));
	return ret;
}

static int
read_ring_max(struct rte_eth_dev *dev, uint32_t vq_index, uint16_t min,
		uint16_t *max)
{
	struct virtio_transport *tr = mdev_virtio_transport(dev);
	int ret;

	ret = tr->ops->get_vq_num_max(tr, vq_index, max);
	if (ret < 0)
		return access_failed(dev, "a queue's size", ret);
	/* s. 2.8: a packed ring may have any size; the driver wants a power of two */
	if (virtio_has_feature(mdev_virtio_hw(dev)->features,
			VIRTIO_F_RING_PACKED) && *max <= VIRTQUEUE_MAX_SIZE)
		*max = rte_align32prevpow2(*max);
	if (*max < min || *max > VIRTQUEUE_MAX_SIZE || !rte_is_power_of_2(*max)) {
		INIT_LOG(ERR, "%s: virtqueue %u has a size of %u, which is not a power of two from %u to %u: "
			DEVICE_BROKEN,
			dev->data->name, vq_index, *max, min, VIRTQUEUE_MAX_SIZE);
		return -EPROTO;
	}
	return 0;
}

/* s. 5.1.4.1: between 1 and 0x8000 pairs. */
static int
read_max_pairs(struct rte_eth_dev *dev)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	rte_le16_t pairs;
	int ret;

	hw->max_pairs = 1;
	if (!virtio_has_feature(hw->features, VIRTIO_NET_F_MQ))
		return 0;
	ret = MDEV_VIRTIO_CONFIG_FIELD(dev, max_virtqueue_pairs, &pairs);
	if (ret < 0)
		return ret;
	hw->max_pairs = rte_le_to_cpu_16(pairs);
	if (hw->max_pairs >= VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MIN &&
			hw->max_pairs <= VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MAX)
		return 0;
	INIT_LOG(ERR, "%s: the device has %u queue pairs, which is not from %u to %u: "
		DEVICE_BROKEN,
		dev->data->name, hw->max_pairs, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MIN,
		VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MAX);
	return -EPROTO;
}

/* Do as many virtqueues exist as the features need? */
static int
check_vq_count(struct rte_eth_dev *dev)
{
	struct virtio_transport *tr = mdev_virtio_transport(dev);
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	uint32_t needed = VIRTIO_NET_CTRL_VQ(hw->max_pairs);
	bool ctrl = virtio_has_feature(hw->features, VIRTIO_NET_F_CTRL_VQ);
	uint16_t count;
	int ret;

	needed += ctrl;
	ret = tr->ops->get_vq_count(tr, &count);
	if (ret < 0)
		return access_failed(dev, "the number of queues", ret);
	if (count < needed) {
		INIT_LOG(ERR, "%s: the device has %u virtqueues, but %u queue pairs%s need %u: "
			DEVICE_BROKEN,
			dev->data->name, count, hw->max_pairs,
			ctrl ? " and a control queue" : "", needed);
		return -EPROTO;
	}
	hw->nr_vqs = needed;
	return 0;
}

/* All pairs that ethdev can use must take the sizes that it is told. */
static int
read_ring_sizes(struct rte_eth_dev *dev)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	uint16_t rx, tx, pair;
	int ret = 0;

	hw->rx_ring_max = VIRTQUEUE_MAX_SIZE;
	hw->tx_ring_max = VIRTQUEUE_MAX_SIZE;
	for (pair = 0; ret == 0 && pair < mdev_virtio_max_queues(hw); pair++) {
		ret = read_ring_max(dev, VIRTIO_NET_RX_VQ(pair),
				VIRTQUEUE_MIN_SIZE, &rx);
		if (ret == 0)
			ret = read_ring_max(dev, VIRTIO_NET_TX_VQ(pair),
					VIRTQUEUE_MIN_SIZE, &tx);
		if (ret == 0) {
			hw->rx_ring_max = RTE_MIN(hw->rx_ring_max, rx);
			hw->tx_ring_max = RTE_MIN(hw->tx_ring_max, tx);
		}
	}
	hw->ctrl_ring_max = 0;
	if (ret == 0 && virtio_has_feature(hw->features, VIRTIO_NET_F_CTRL_VQ))
		ret = read_ring_max(dev, VIRTIO_NET_CTRL_VQ(hw->max_pairs),
				VIRTIO_CVQ_MIN_SIZE, &hw->ctrl_ring_max);
	return ret;
}

static int
read_queues(struct rte_eth_dev *dev)
{
	int ret;

	ret = read_max_pairs(dev);
	if (ret == 0)
		ret = check_vq_count(dev);
	if (ret == 0)
		ret = read_ring_sizes(dev);
	return ret;
}

/*
 * The number of queues and the place of the control queue were read once: a device
 * that has other ones after a reset is another device.
 */
static int
check_same(const struct rte_eth_dev *dev, uint64_t before)
{
	const struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	const uint64_t fixed = RTE_BIT64(VIRTIO_NET_F_CTRL_VQ) |
		RTE_BIT64(VIRTIO_NET_F_MQ);

	if (((hw->features ^ before) & fixed) == 0)
		return 0;
	INIT_LOG(ERR, "%s: the device offers other queues than when it was probed: detach and attach it again",
		dev->data->name);
	return -EPROTO;
}

/*
 * Offloads that the port is configured for, and that the device had when it was probed.
 * Without those of transmission wrong frames would be sent, and without the filter others be
 * received. The other ones of reception can be missed: each mbuf says what was done.
 */
static int
check_offloads(const struct rte_eth_dev *dev)
{
	const struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	const struct rte_eth_conf *conf = &dev->data->dev_conf;
	uint64_t rx, tx;
	const char *name;

	rx = conf->rxmode.offloads & RTE_ETH_RX_OFFLOAD_VLAN_FILTER &
		hw->rx_offload_capa & ~rx_capa(hw->features);
	tx = conf->txmode.offloads & hw->tx_offload_capa & ~tx_capa(hw->features);
	if ((rx | tx) == 0)
		return 0;
	name = rx != 0 ? rte_eth_dev_rx_offload_name(rx & -rx) :
		rte_eth_dev_tx_offload_name(tx & -tx);
	INIT_LOG(ERR, "%s: the device does not offer any more what the port's %s offload %s needs: configure the port without it, or have the device offer it again",
		dev->data->name, rx != 0 ? "Rx" : "Tx", name);
	return -EPROTO;
}

int
mdev_virtio_negotiate(struct rte_eth_dev *dev)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	uint64_t before = hw->features;
	int ret;

	ret = virtio_device_negotiate(mdev_virtio_transport(dev),
			choose_features, dev, &hw->features);
	if (ret < 0) {
		hw->features = before;
		return ret;
	}
	hw->runaway = false;
	ret = check_same(dev, before);
	if (ret == 0)
		ret = check_offloads(dev);
	if (ret < 0) {
		virtio_device_fail(mdev_virtio_transport(dev));
		hw->features = before;
	}
	hw->hash_report = virtio_has_feature(hw->features,
			VIRTIO_NET_F_HASH_REPORT);
	return ret;
}

int
mdev_virtio_examine(struct rte_eth_dev *dev)
{
	struct virtio_transport *tr = mdev_virtio_transport(dev);
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	int ret;

	ret = tr->ops->get_vector_count(tr, &hw->vectors);
	if (ret < 0)
		return access_failed(dev, "the number of interrupt vectors", ret);
	ret = virtio_device_negotiate(tr, choose_features, dev, &hw->features);
	if (ret < 0)
		return ret;
	if (hw->devargs.rx_coal.set &&
			!virtio_has_feature(hw->features, VIRTIO_NET_F_NOTF_COAL))
		INIT_LOG(WARNING, "%s: rx_coal is not heeded: the device does not have VIRTIO_NET_F_NOTF_COAL",
			dev->data->name);
	/* all that there are: the port is not configured */
	hw->rx_offload_capa = rx_capa(hw->features);
	hw->tx_offload_capa = tx_capa(hw->features);
	ret = read_queues(dev);
	if (ret == 0)
		ret = read_mac(dev);
	if (ret == 0)
		ret = read_mtu(dev);
	if (ret == 0)
		ret = read_speed(dev);
	if (ret == 0)
		ret = mdev_virtio_rss_examine(dev);
	if (ret < 0) {
		virtio_device_fail(tr);
		return ret;
	}
	INIT_LOG(DEBUG, "%s: features 0x%" PRIx64 ", %u queue pairs, rings up to %u and %u, MTU up to %u, %u interrupt vectors",
		dev->data->name, hw->features, hw->max_pairs, hw->rx_ring_max,
		hw->tx_ring_max, hw->max_mtu, hw->vectors);
	return 0;
}
