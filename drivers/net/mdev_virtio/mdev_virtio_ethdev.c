/* SPDX-License-Identifier: BSD-3-Clause */

/* The Ethernet device: initialise, configure, start, stop, close. */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

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

/* Entries of the control queue; one command at a time has no use for more. */
#define CTRL_RING_SIZE 64

static int
dev_configure(struct rte_eth_dev *dev)
{
	const struct rte_eth_conf *conf = &dev->data->dev_conf;
	int ret;

	/* nobody looks at the queues of a port that is not configured: ethdev may free the list */
	mdev_virtio_queues_sync();
	/* RSS is what a device without it does too, in its own way */
	if ((conf->rxmode.mq_mode != RTE_ETH_MQ_RX_NONE &&
			conf->rxmode.mq_mode != RTE_ETH_MQ_RX_RSS) ||
			conf->txmode.mq_mode != RTE_ETH_MQ_TX_NONE) {
		INIT_LOG(ERR, "%s: the device spreads frames over queues by itself: configure the port without VMDq and DCB",
			dev->data->name);
		return -EINVAL;
	}
	/* other numbers of queues may need other ones to complete their pairs */
	mdev_virtio_spares_release(dev);
	ret = mdev_virtio_rss_configure(dev);
	return ret < 0 ? ret : mdev_virtio_rxintr_check(dev);
}

/*
 * What the device receives is settled before it gets the first buffer. Each step that
 * fails says why: that the port was not started the application says.
 */
int
mdev_virtio_device_up(struct rte_eth_dev *dev)
{
	bool recovering = mdev_virtio_recovering(dev);
	struct virtio_transport *tr = mdev_virtio_transport(dev);
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	int ret;

	ret = mdev_virtio_negotiate(dev);
	if (ret < 0)
		return ret;
	ret = mdev_virtio_check_mtu(dev, dev->data->mtu,
			virtio_has_feature(hw->features, VIRTIO_NET_F_MRG_RXBUF));
	if (ret == 0)
		ret = recovering ? mdev_virtio_intr_restore(dev) :
			mdev_virtio_intr_enable(dev);
	if (ret < 0)
		goto fail;
	ret = mdev_virtio_queues_start(dev);
	if (ret < 0)
		goto disable_intr;
	ret = virtio_device_add_status(tr, VIRTIO_CONFIG_S_DRIVER_OK);
	if (ret < 0) {
		INIT_LOG(ERR, "%s: cannot set the device in operation: %s: "
			DEVICE_FAILING, dev->data->name, rte_strerror(-ret));
		goto disable_intr;
	}
	ret = mdev_virtio_ctrl_start(dev);
	if (ret < 0)
		goto disable_intr;
	return 0;

disable_intr:
	virtio_cvq_stop(&hw->cvq);
	if (!recovering)
		mdev_virtio_intr_disable(dev);
fail:
	if (recovering)
		mdev_virtio_needs_reset(dev); /* again: it is tried again */
	virtio_device_fail(tr);
	hw->runaway = virtio_device_reset(tr) < 0;
	if (!hw->runaway)
		mdev_virtio_queues_stop(dev);
	return ret;
}

/* Who selects queues has the control lock: another thread may be reading registers. */
static int
device_start(struct rte_eth_dev *dev)
{
	pthread_mutex_t *lock = &mdev_virtio_hw(dev)->recovery.lock;
	int ret;

	pthread_mutex_lock(lock);
	ret = mdev_virtio_device_up(dev);
	pthread_mutex_unlock(lock);
	return ret;
}

static int
dev_start(struct rte_eth_dev *dev)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	int ret;

	hw->needs_reset = false;
	hw->reset_raised = false;
	hw->config_failed = false;
	hw->link_down = false;
	hw->promiscuous = false;
	hw->allmulticast = false;
	mdev_virtio_recover_starting(dev);
	mdev_virtio_queues_defer(dev);
	ret = device_start(dev);
	if (ret < 0)
		return ret;
	mdev_virtio_select_bursts(dev);
	INIT_LOG(DEBUG, "%s: in operation: %s, %u receive queues (%s) and %u transmit queues (%s)",
		dev->data->name, mdev_virtio_layout_name(hw->features),
		dev->data->nb_rx_queues,
		virtio_rx_burst(mdev_virtio_rx_burst(dev))->info,
		dev->data->nb_tx_queues,
		virtio_tx_burst(mdev_virtio_tx_burst(dev))->info);
	/* s. 3.1.1: notifications only after DRIVER_OK */
	mdev_virtio_queues_fill(dev);
	dev->data->dev_started = 1;
	mdev_virtio_link_update(dev, 0);
	mdev_virtio_announce(dev); /* what was asked for before the port ran */
	mdev_virtio_mp_started(dev);
	mdev_virtio_recover_start(dev);
	mdev_virtio_control_open(dev);
	return 0;
}

static int
dev_stop(struct rte_eth_dev *dev)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	int ret;

	if (dev->data->dev_started == 0)
		return 0;
	mdev_virtio_control_close(dev);
	mdev_virtio_recover_stop(dev);
	/* a process that attaches from here on finds it stopped */
	dev->data->dev_started = 0;
	rte_mb();
	mdev_virtio_mp_stopping(dev);
	dev->rx_pkt_burst = rte_eth_pkt_burst_dummy;
	dev->tx_pkt_burst = rte_eth_pkt_burst_dummy;
	/* ethdev has done so, but a recovery may have ended since */
	mdev_virtio_bursts_publish(dev, false);
	rte_wmb();
	virtio_cvq_stop(&hw->cvq);
	mdev_virtio_intr_disable(dev);
	ret = virtio_device_reset(mdev_virtio_transport(dev));
	hw->runaway = ret < 0;
	if (ret == 0)
		mdev_virtio_queues_stop(dev);
	mdev_virtio_link_stopped(dev);
	mdev_virtio_recover_stopped(dev);
	return ret;
}

int
mdev_virtio_dev_close(struct rte_eth_dev *dev)
{
	struct mdev_virtio_process *process = dev->process_private;
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	uint16_t i;

	if (process == NULL)
		return 0;
	mdev_virtio_telemetry_remove(dev);
	/* what just did not answer a reset is not asked again */
	if (dev_stop(dev) == 0 && virtio_device_reset(process->tr) == 0)
		hw->runaway = false;
	for (i = 0; i < dev->data->nb_rx_queues; i++)
		mdev_virtio_rx_queue_release(dev, i);
	for (i = 0; i < dev->data->nb_tx_queues; i++)
		mdev_virtio_tx_queue_release(dev, i);
	mdev_virtio_spares_release(dev);
	/* a dump may look at the control queue and ask the device, which takes time */
	mdev_virtio_process_withdraw(dev);
	virtio_cvq_free(&hw->cvq, hw->runaway);
	mdev_virtio_announce_free(dev);
	mdev_virtio_recover_free(dev);
	process->tr->ops->destroy(process->tr);
	free(process);
	return 0;
}

/*
 * Each start begins with a reset, so this leaves nothing to do for it but to bring a
 * device to rest that asked for a reset, or that a stop could not reset.
 */
static int
dev_reset(struct rte_eth_dev *dev)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	int ret;

	ret = virtio_device_reset(mdev_virtio_transport(dev));
	hw->runaway = ret < 0;
	if (ret == 0)
		mdev_virtio_queues_stop(dev);
	return ret;
}

int
mdev_virtio_dev_infos_get(struct rte_eth_dev *dev, struct rte_eth_dev_info *info)
{
	const struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);

	info->min_mtu = RTE_ETHER_MIN_MTU;
	info->max_mtu = hw->max_mtu;
	info->min_rx_bufsize = RTE_ETHER_MIN_LEN;
	info->max_rx_pktlen = hw->max_mtu + MDEV_VIRTIO_FRAME_OVERHEAD;
	info->max_rx_queues = mdev_virtio_max_queues(hw);
	info->max_tx_queues = mdev_virtio_max_queues(hw);
	info->max_mac_addrs =
		virtio_has_feature(hw->features, VIRTIO_NET_F_CTRL_RX) ?
		MDEV_VIRTIO_MAC_ADDRS : 1;
	info->speed_capa = hw->speed_capa;
	info->rx_offload_capa = hw->rx_offload_capa;
	info->tx_offload_capa = hw->tx_offload_capa;
	if ((hw->rx_offload_capa & RTE_ETH_RX_OFFLOAD_TCP_LRO) != 0)
		info->max_lro_pkt_size = MDEV_VIRTIO_MAX_LRO;
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
	mdev_virtio_rss_info(dev, info);
	info->err_handle_mode = RTE_ETH_ERROR_HANDLE_MODE_PROACTIVE;
	return 0;
}

/*
 * What a port that is stopped has negotiated is what its last start needed. It may have
 * been configured anew since; then what counts is what the device can.
 */
static int
mtu_set(struct rte_eth_dev *dev, uint16_t mtu)
{
	const struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	bool mergeable = dev->data->dev_started != 0 ?
		virtio_has_feature(hw->features, VIRTIO_NET_F_MRG_RXBUF) :
		(hw->rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER) != 0;
	int ret;

	ret = mdev_virtio_control_begin(dev);
	return ret < 0 ? ret : mdev_virtio_control_end(dev,
			mdev_virtio_check_mtu(dev, mtu, mergeable));
}

static const struct eth_dev_ops ops = {
	.dev_configure = dev_configure,
	.dev_start = dev_start,
	.dev_stop = dev_stop,
	.dev_close = mdev_virtio_dev_close,
	.dev_reset = dev_reset,
	.dev_infos_get = mdev_virtio_dev_infos_get,
	.link_update = mdev_virtio_link_update,
	.dev_set_link_up = mdev_virtio_set_link_up,
	.dev_set_link_down = mdev_virtio_set_link_down,
	.mtu_set = mtu_set,
	.promiscuous_enable = mdev_virtio_promiscuous_enable,
	.promiscuous_disable = mdev_virtio_promiscuous_disable,
	.allmulticast_enable = mdev_virtio_allmulticast_enable,
	.allmulticast_disable = mdev_virtio_allmulticast_disable,
	.mac_addr_set = mdev_virtio_mac_addr_set,
	.mac_addr_add = mdev_virtio_mac_addr_add,
	.mac_addr_remove = mdev_virtio_mac_addr_remove,
	.set_mc_addr_list = mdev_virtio_set_mc_addr_list,
	.vlan_filter_set = mdev_virtio_vlan_filter_set,
	.vlan_offload_set = mdev_virtio_vlan_offload_set,
	.rss_hash_update = mdev_virtio_rss_hash_update,
	.rss_hash_conf_get = mdev_virtio_rss_hash_conf_get,
	.reta_update = mdev_virtio_reta_update,
	.reta_query = mdev_virtio_reta_query,
	.rx_queue_setup = mdev_virtio_rx_queue_setup,
	.rx_queue_release = mdev_virtio_rx_queue_release,
	.tx_queue_setup = mdev_virtio_tx_queue_setup,
	.tx_queue_release = mdev_virtio_tx_queue_release,
	.rxq_info_get = mdev_virtio_rxq_info_get,
	.txq_info_get = mdev_virtio_txq_info_get,
	.tx_done_cleanup = mdev_virtio_tx_done_cleanup,
	.get_monitor_addr = mdev_virtio_get_monitor_addr,
	.rx_queue_start = mdev_virtio_rx_queue_start,
	.rx_queue_stop = mdev_virtio_rx_queue_stop,
	.tx_queue_start = mdev_virtio_tx_queue_start,
	.tx_queue_stop = mdev_virtio_tx_queue_stop,
	.dev_supported_ptypes_get = mdev_virtio_supported_ptypes_get,
	.rx_burst_mode_get = mdev_virtio_rx_burst_mode_get,
	.tx_burst_mode_get = mdev_virtio_tx_burst_mode_get,
	.rx_queue_intr_enable = mdev_virtio_rx_queue_intr_enable,
	.rx_queue_intr_disable = mdev_virtio_rx_queue_intr_disable,
	.stats_get = mdev_virtio_stats_get,
	.stats_reset = mdev_virtio_stats_reset,
	.xstats_get_names = mdev_virtio_xstats_get_names,
	.xstats_get = mdev_virtio_xstats_get,
	.xstats_reset = mdev_virtio_stats_reset,
	.get_reg = mdev_virtio_get_reg,
	.eth_dev_priv_dump = mdev_virtio_priv_dump,
};

struct mdev_virtio_process *
mdev_virtio_process_create(const struct mdev_virtio_hw *hw,
		struct virtio_transport *tr)
{
	struct mdev_virtio_process *process;

	process = calloc(1, sizeof(*process) +
			hw->nr_vqs * sizeof(process->doorbells[0]));
	if (process == NULL)
		return NULL;
	process->tr = tr;
	process->nr_doorbells = hw->nr_vqs;
	return process;
}

/* What depends on the number of queues, which the device said by now. */
static int
alloc_queues(struct rte_eth_dev *dev)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	struct mdev_virtio_process *process;
	int ret;

	process = realloc(dev->process_private, sizeof(*process) +
			hw->nr_vqs * sizeof(process->doorbells[0]));
	if (process == NULL) {
		ret = -ENOMEM;
		goto fail;
	}
	memset(process->doorbells, 0,
		hw->nr_vqs * sizeof(process->doorbells[0]));
	process->nr_doorbells = hw->nr_vqs;
	dev->process_private = process;
	ret = virtio_cvq_create(&hw->cvq, dev->data->port_id,
			VIRTIO_NET_CTRL_VQ(hw->max_pairs),
			RTE_MIN(hw->ctrl_ring_max, CTRL_RING_SIZE),
			dev->data->numa_node);
	if (ret < 0)
		goto fail;
	if (process->tr->iova_as_va && hw->cvq.vq != NULL)
		virtqueue_use_va(hw->cvq.vq);
	ret = mdev_virtio_announce_init(dev);
	if (ret < 0)
		goto free_cvq;
	return 0;

free_cvq:
	virtio_cvq_free(&hw->cvq, false);
fail:
	INIT_LOG(ERR, "%s: no memory for its %u virtqueues: %s: give EAL more memory (-m)",
		dev->data->name, hw->nr_vqs, rte_strerror(-ret));
	return ret;
}

int
mdev_virtio_dev_init(struct rte_eth_dev *dev, struct virtio_transport *tr,
		const struct mdev_virtio_devargs *devargs)
{
	struct mdev_virtio_process *process;
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	int ret;

	process = mdev_virtio_process_create(hw, tr);
	dev->process_private = process;
	dev->data->mac_addrs = rte_zmalloc("mdev_virtio_mac",
			MDEV_VIRTIO_MAC_ADDRS * sizeof(struct rte_ether_addr), 0);
	if (process == NULL || dev->data->mac_addrs == NULL) {
		INIT_LOG(ERR, "%s: no memory: give EAL more (-m)", dev->data->name);
		ret = -ENOMEM;
		goto fail;
	}
	hw->devargs = *devargs;
	hw->config_efd = -1;
	rte_spinlock_init(&hw->link_lock);
	mdev_virtio_recover_init(dev);
	ret = mdev_virtio_examine(dev);
	if (ret == 0)
		ret = alloc_queues(dev);
	if (ret < 0)
		goto fail;
	dev->dev_ops = &ops;
	dev->rx_pkt_burst = rte_eth_pkt_burst_dummy;
	dev->tx_pkt_burst = rte_eth_pkt_burst_dummy;
	mdev_virtio_queue_info_init(dev);
	dev->data->dev_flags |= RTE_ETH_DEV_AUTOFILL_QUEUE_XSTATS;
	if (hw->vectors > 0 &&
			virtio_has_feature(hw->features, VIRTIO_NET_F_STATUS))
		dev->data->dev_flags |= RTE_ETH_DEV_INTR_LSC;
	return 0;

fail:
	free(dev->process_private);
	dev->process_private = NULL;
	tr->ops->destroy(tr);
	return ret;
}
