/* SPDX-License-Identifier: BSD-3-Clause */

/* The Ethernet device: probe, configure, start, stop, close; link and MTU. */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include <rte_byteorder.h>
#include <rte_errno.h>
#include <rte_ether.h>
#include <rte_interrupts.h>
#include <rte_malloc.h>

#include "mdev_virtio_ethdev.h"
#include "mdev_virtio_logs.h"
#include "virtio_rxtx.h"

RTE_LOG_REGISTER_SUFFIX(mdev_virtio_logtype_init, init, NOTICE)
RTE_LOG_REGISTER_SUFFIX(mdev_virtio_logtype_driver, driver, NOTICE)

#define DEFAULT_RING_SIZE 256
#define DEFAULT_BURST 32

/* Without VIRTIO_NET_F_MTU: the largest frame that the header's users agree on. */
#define MAX_MTU_UNKNOWN RTE_ETHER_MAX_JUMBO_FRAME_LEN

/* VIRTIO 1.2 s. 5.1.4: values of duplex; others are not known. */
#define DUPLEX_HALF 0

#define FEATURES_TAKEN \
	(RTE_BIT64(VIRTIO_F_VERSION_1) | RTE_BIT64(VIRTIO_F_ACCESS_PLATFORM) | \
	 RTE_BIT64(VIRTIO_F_ORDER_PLATFORM) | RTE_BIT64(VIRTIO_NET_F_MAC) | \
	 RTE_BIT64(VIRTIO_NET_F_STATUS) | RTE_BIT64(VIRTIO_NET_F_MTU) | \
	 RTE_BIT64(VIRTIO_NET_F_SPEED_DUPLEX))

/*
 * Before the port is configured, all that could be taken; then what its configuration
 * needs: frames over several buffers go to applications that asked for them only.
 */
static uint64_t
choose_features(uint64_t offered, void *arg)
{
	const struct rte_eth_dev *dev = arg;
	const struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	uint64_t features = offered & FEATURES_TAKEN;

	if (hw->devargs.mrg_rxbuf && (dev->data->dev_configured == 0 ||
			(dev->data->dev_conf.rxmode.offloads &
			RTE_ETH_RX_OFFLOAD_SCATTER) != 0))
		features |= offered & RTE_BIT64(VIRTIO_NET_F_MRG_RXBUF);
	/* s. 5.1.4.2: who takes the MTU must have room for such frames */
	if (!virtio_has_feature(features, VIRTIO_NET_F_MRG_RXBUF) &&
			!mdev_virtio_buffers_hold(dev, hw->max_mtu))
		features &= ~RTE_BIT64(VIRTIO_NET_F_MTU);
	return features;
}

/*
 * A field of the configuration, little endian as it is there. The link is asked for
 * often, so a failure is reported once between starts.
 */
static int
config_field(struct rte_eth_dev *dev, uint32_t offset, void *buf, uint32_t len)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	int ret;

	ret = virtio_device_config_read(mdev_virtio_transport(dev), offset, buf,
			len);
	if (ret == 0 || hw->config_failed)
		return ret;
	hw->config_failed = true;
	if (ret == -EAGAIN)
		INIT_LOG(ERR, "%s: the device's configuration generation never settles: the device is broken, reset or replace it",
			dev->data->name);
	else
		INIT_LOG(ERR, "%s: cannot read the device's configuration: %s",
			dev->data->name, rte_strerror(-ret));
	return ret;
}

#define CONFIG_FIELD(dev, field, value) \
	config_field(dev, offsetof(struct virtio_net_config, field), \
		value, sizeof(((struct virtio_net_config *)0)->field))

/* VIRTIO 1.2 s. 5.1.5: a device without a MAC address gets a random one. */
static int
read_mac(struct rte_eth_dev *dev)
{
	struct rte_ether_addr *mac = dev->data->mac_addrs;
	int ret;

	if (virtio_has_feature(mdev_virtio_hw(dev)->features, VIRTIO_NET_F_MAC)) {
		ret = CONFIG_FIELD(dev, mac, mac->addr_bytes);
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
	ret = CONFIG_FIELD(dev, mtu, &mtu);
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

static int
access_failed(const struct rte_eth_dev *dev, const char *what, int ret)
{
	INIT_LOG(ERR, "%s: cannot read %s: %s", dev->data->name, what,
		rte_strerror(-ret));
	return ret;
}

static int
read_ring_max(struct rte_eth_dev *dev, uint16_t vq_index, uint16_t *max)
{
	struct virtio_transport *tr = mdev_virtio_transport(dev);
	int ret;

	ret = tr->ops->get_vq_num_max(tr, vq_index, max);
	if (ret < 0)
		return access_failed(dev, "a queue's size", ret);
	if (*max < VIRTQUEUE_MIN_SIZE || *max > VIRTQUEUE_MAX_SIZE ||
			!rte_is_power_of_2(*max)) {
		INIT_LOG(ERR, "%s: virtqueue %u has a size of %u, which is not a power of two from %u to %u: the device is broken",
			dev->data->name, vq_index, *max, VIRTQUEUE_MIN_SIZE,
			VIRTQUEUE_MAX_SIZE);
		return -EPROTO;
	}
	return 0;
}

static int
read_queues(struct rte_eth_dev *dev)
{
	struct virtio_transport *tr = mdev_virtio_transport(dev);
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	uint16_t count;
	int ret;

	ret = tr->ops->get_vq_count(tr, &count);
	if (ret < 0)
		return access_failed(dev, "the number of queues", ret);
	if (count <= VIRTIO_NET_TX_VQ(0)) {
		INIT_LOG(ERR, "%s: the device has %u virtqueues, a network device needs 2",
			dev->data->name, count);
		return -EPROTO;
	}
	ret = read_ring_max(dev, VIRTIO_NET_RX_VQ(0), &hw->rx_ring_max);
	if (ret == 0)
		ret = read_ring_max(dev, VIRTIO_NET_TX_VQ(0), &hw->tx_ring_max);
	return ret;
}

/* What a device says of itself; it stays at FEATURES_OK until it is started. */
static int
examine(struct rte_eth_dev *dev)
{
	struct virtio_transport *tr = mdev_virtio_transport(dev);
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	int ret;

	ret = virtio_device_negotiate(tr, choose_features, dev, &hw->features);
	if (ret < 0)
		return ret;
	if (virtio_has_feature(hw->features, VIRTIO_NET_F_MRG_RXBUF))
		hw->rx_offload_capa = RTE_ETH_RX_OFFLOAD_SCATTER;
	ret = read_queues(dev);
	if (ret == 0)
		ret = read_mac(dev);
	if (ret == 0)
		ret = read_mtu(dev);
	if (ret == 0)
		ret = tr->ops->get_vector_count(tr, &hw->vectors);
	if (ret < 0) {
		virtio_device_fail(tr);
		return ret;
	}
	INIT_LOG(DEBUG, "%s: features 0x%" PRIx64 ", rings up to %u and %u, MTU up to %u, %u interrupt vectors",
		dev->data->name, hw->features, hw->rx_ring_max, hw->tx_ring_max,
		hw->max_mtu, hw->vectors);
	return 0;
}

static int
dev_configure(struct rte_eth_dev *dev)
{
	const struct rte_eth_conf *conf = &dev->data->dev_conf;

	/* RSS over one queue asks for nothing, and many applications always do */
	if ((conf->rxmode.mq_mode != RTE_ETH_MQ_RX_NONE &&
			conf->rxmode.mq_mode != RTE_ETH_MQ_RX_RSS) ||
			conf->txmode.mq_mode != RTE_ETH_MQ_TX_NONE) {
		INIT_LOG(ERR, "%s: one queue pair has no multi-queue mode: configure it without VMDq and DCB",
			dev->data->name);
		return -EINVAL;
	}
	return 0;
}

/* VIRTIO 1.2 s. 3.1.1: from the reset to DRIVER_OK. */
static int
device_up(struct rte_eth_dev *dev)
{
	struct virtio_transport *tr = mdev_virtio_transport(dev);
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	int ret;

	ret = virtio_device_negotiate(tr, choose_features, dev, &hw->features);
	if (ret < 0)
		return ret;
	hw->runaway = false;
	ret = mdev_virtio_check_mtu(dev, dev->data->mtu);
	if (ret == 0)
		ret = mdev_virtio_intr_enable(dev);
	if (ret < 0)
		goto fail;
	ret = mdev_virtio_queues_start(dev);
	if (ret == 0)
		ret = virtio_device_add_status(tr, VIRTIO_CONFIG_S_DRIVER_OK);
	if (ret < 0)
		goto disable_intr;
	return 0;

disable_intr:
	mdev_virtio_intr_disable(dev);
fail:
	virtio_device_fail(tr);
	hw->runaway = virtio_device_reset(tr) < 0;
	return ret;
}

/*
 * Whoever waits there for the end of a callback waits for himself: a stop or start from
 * a link event's callback would hang EAL's interrupt thread for ever.
 */
static bool
in_interrupt(const struct rte_eth_dev *dev)
{
	if (!rte_thread_is_intr())
		return false;
	INIT_LOG(ERR, "%s: cannot be started or stopped from an interrupt's callback: do it in another thread",
		dev->data->name);
	return true;
}

void
mdev_virtio_select_bursts(struct rte_eth_dev *dev)
{
	dev->rx_pkt_burst = virtio_has_feature(mdev_virtio_hw(dev)->features,
			VIRTIO_NET_F_MRG_RXBUF) ?
		virtio_recv_split_mergeable : virtio_recv_split;
	dev->tx_pkt_burst = virtio_xmit_split;
}

static int
dev_start(struct rte_eth_dev *dev)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	int ret;

	if (in_interrupt(dev))
		return -EBUSY;
	hw->needs_reset = false;
	hw->config_failed = false;
	ret = device_up(dev);
	if (ret < 0) {
		INIT_LOG(ERR, "%s: the port was not started: %s",
			dev->data->name, rte_strerror(-ret));
		return ret;
	}
	mdev_virtio_select_bursts(dev);
	/* s. 3.1.1: notifications only after DRIVER_OK */
	if (dev->data->nb_rx_queues > 0)
		virtio_refill_split(dev->data->rx_queues[0]);
	dev->data->dev_started = 1;
	mdev_virtio_link_update(dev, 0);
	mdev_virtio_mp_started(dev);
	return 0;
}

static int
dev_stop(struct rte_eth_dev *dev)
{
	struct rte_eth_link link = { .link_status = RTE_ETH_LINK_DOWN };
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	int ret;

	if (dev->data->dev_started == 0)
		return 0;
	if (in_interrupt(dev))
		return -EBUSY;
	mdev_virtio_mp_stopping(dev);
	dev->data->dev_started = 0;
	dev->rx_pkt_burst = rte_eth_pkt_burst_dummy;
	dev->tx_pkt_burst = rte_eth_pkt_burst_dummy;
	rte_wmb();
	mdev_virtio_intr_disable(dev);
	ret = virtio_device_reset(mdev_virtio_transport(dev));
	hw->runaway = ret < 0;
	if (ret == 0)
		mdev_virtio_queues_stop(dev);
	else
		INIT_LOG(ERR, "%s: the device may still write to its buffers, so they are not freed",
			dev->data->name);
	rte_eth_linkstatus_set(dev, &link);
	return ret;
}

int
mdev_virtio_dev_close(struct rte_eth_dev *dev)
{
	struct mdev_virtio_process *process = dev->process_private;
	uint16_t i;

	if (process == NULL)
		return 0;
	if (dev_stop(dev) == -EBUSY)
		return -EBUSY;
	if (virtio_device_reset(process->tr) == 0)
		mdev_virtio_hw(dev)->runaway = false;
	for (i = 0; i < dev->data->nb_rx_queues; i++)
		mdev_virtio_rx_queue_release(dev, i);
	for (i = 0; i < dev->data->nb_tx_queues; i++)
		mdev_virtio_tx_queue_release(dev, i);
	process->tr->ops->destroy(process->tr);
	free(process);
	dev->process_private = NULL;
	return 0;
}

int
mdev_virtio_dev_infos_get(struct rte_eth_dev *dev, struct rte_eth_dev_info *info)
{
	const struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);

	info->min_mtu = RTE_ETHER_MIN_MTU;
	info->max_mtu = hw->max_mtu;
	info->min_rx_bufsize = RTE_ETHER_MIN_LEN;
	info->max_rx_pktlen = hw->max_mtu + MDEV_VIRTIO_FRAME_OVERHEAD;
	info->max_rx_queues = 1;
	info->max_tx_queues = 1;
	info->max_mac_addrs = 1;
	info->rx_offload_capa = hw->rx_offload_capa;
	info->tx_offload_capa = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	info->rx_desc_lim.nb_min = VIRTQUEUE_MIN_SIZE;
	info->rx_desc_lim.nb_max = hw->rx_ring_max;
	info->rx_desc_lim.nb_align = 1;
	info->tx_desc_lim = info->rx_desc_lim;
	info->tx_desc_lim.nb_max = hw->tx_ring_max;
	info->tx_desc_lim.nb_seg_max = UINT8_MAX;
	info->tx_desc_lim.nb_mtu_seg_max = UINT8_MAX;
	info->default_rxportconf.ring_size =
		RTE_MIN(hw->rx_ring_max, DEFAULT_RING_SIZE);
	info->default_rxportconf.burst_size = DEFAULT_BURST;
	info->default_rxportconf.nb_queues = 1;
	info->default_txportconf = info->default_rxportconf;
	info->default_txportconf.ring_size =
		RTE_MIN(hw->tx_ring_max, DEFAULT_RING_SIZE);
	return 0;
}

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
		ret = CONFIG_FIELD(dev, status, &status);
		if (ret < 0)
			return ret;
		if ((rte_le_to_cpu_16(status) & VIRTIO_NET_S_LINK_UP) == 0)
			link->link_status = RTE_ETH_LINK_DOWN;
	}
	if (link->link_status == RTE_ETH_LINK_DOWN)
		return 0;
	link->link_speed = RTE_ETH_SPEED_NUM_UNKNOWN;
	if (virtio_has_feature(hw->features, VIRTIO_NET_F_SPEED_DUPLEX)) {
		ret = CONFIG_FIELD(dev, speed, &speed);
		if (ret == 0)
			ret = CONFIG_FIELD(dev, duplex, &duplex);
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

static int
mtu_set(struct rte_eth_dev *dev, uint16_t mtu)
{
	return mdev_virtio_check_mtu(dev, mtu);
}

/*
 * A device without VIRTIO_NET_F_CTRL_RX passes every frame (VIRTIO 1.2 s. 5.1.6.5.1):
 * it cannot be told otherwise.
 */
static int
receive_all(struct rte_eth_dev *dev __rte_unused)
{
	return 0;
}

static int
receive_less(struct rte_eth_dev *dev __rte_unused)
{
	return -ENOTSUP;
}

static const struct eth_dev_ops ops = {
	.dev_configure = dev_configure,
	.dev_start = dev_start,
	.dev_stop = dev_stop,
	.dev_close = mdev_virtio_dev_close,
	.dev_infos_get = mdev_virtio_dev_infos_get,
	.link_update = mdev_virtio_link_update,
	.mtu_set = mtu_set,
	.promiscuous_enable = receive_all,
	.promiscuous_disable = receive_less,
	.allmulticast_enable = receive_all,
	.allmulticast_disable = receive_less,
	.rx_queue_setup = mdev_virtio_rx_queue_setup,
	.rx_queue_release = mdev_virtio_rx_queue_release,
	.tx_queue_setup = mdev_virtio_tx_queue_setup,
	.tx_queue_release = mdev_virtio_tx_queue_release,
	.stats_get = mdev_virtio_stats_get,
	.stats_reset = mdev_virtio_stats_reset,
	.xstats_get_names = mdev_virtio_xstats_get_names,
	.xstats_get = mdev_virtio_xstats_get,
	.xstats_reset = mdev_virtio_stats_reset,
};

struct mdev_virtio_process *
mdev_virtio_process_create(const struct mdev_virtio_hw *hw __rte_unused,
		struct virtio_transport *tr)
{
	const uint32_t doorbells = VIRTIO_NET_TX_VQ(0) + 1;
	struct mdev_virtio_process *process;

	process = calloc(1, sizeof(*process) +
			doorbells * sizeof(process->doorbells[0]));
	if (process == NULL)
		return NULL;
	process->tr = tr;
	process->nr_doorbells = doorbells;
	return process;
}

int
mdev_virtio_dev_init(struct rte_eth_dev *dev, struct virtio_transport *tr,
		const struct mdev_virtio_devargs *devargs)
{
	struct mdev_virtio_process *process;
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	int ret;

	process = mdev_virtio_process_create(hw, tr);
	dev->data->mac_addrs = rte_zmalloc("mdev_virtio_mac",
			sizeof(struct rte_ether_addr), 0);
	if (process == NULL || dev->data->mac_addrs == NULL) {
		INIT_LOG(ERR, "%s: no memory", dev->data->name);
		ret = -ENOMEM;
		goto fail;
	}
	dev->process_private = process;
	hw->devargs = *devargs;
	hw->config_efd = -1;
	ret = examine(dev);
	if (ret < 0)
		goto fail;
	dev->dev_ops = &ops;
	dev->rx_pkt_burst = rte_eth_pkt_burst_dummy;
	dev->tx_pkt_burst = rte_eth_pkt_burst_dummy;
	dev->data->dev_flags |= RTE_ETH_DEV_AUTOFILL_QUEUE_XSTATS;
	if (hw->vectors > 0 &&
			virtio_has_feature(hw->features, VIRTIO_NET_F_STATUS))
		dev->data->dev_flags |= RTE_ETH_DEV_INTR_LSC;
	return 0;

fail:
	dev->process_private = NULL;
	free(process);
	tr->ops->destroy(tr);
	return ret;
}
