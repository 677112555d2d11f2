// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host side of the simulated network device: a Linux interface.
 *
 * Nothing here waits for the client or takes a lock that the worker holds while
 * it does: RTNL may be held, or interrupts be disabled. Frames and link changes
 * are left for the worker.
 */
#include <linux/ethtool.h>

#include "mdev_virtio_net.h"

struct mvnet_host {
	struct mvnet *nd;
};

static struct mvnet *host_to_mvnet(const struct net_device *host)
{
	return ((struct mvnet_host *)netdev_priv(host))->nd;
}

static void set_link(struct mvnet *nd, bool up)
{
	WRITE_ONCE(nd->link_up, up);
	/* The generation follows the change: who sees it also sees the change. */
	smp_mb__before_atomic();
	atomic_inc(&nd->generation);
	set_bit(MVNET_LINK_CHANGED, &nd->events);
	mdev_virtio_worker_kick(&nd->worker);
}

static int mvnet_host_open(struct net_device *host)
{
	netif_tx_start_all_queues(host);
	set_link(host_to_mvnet(host), true);
	return 0;
}

static int mvnet_host_stop(struct net_device *host)
{
	netif_tx_stop_all_queues(host);
	set_link(host_to_mvnet(host), false);
	return 0;
}

static u16 mvnet_host_select_queue(struct net_device *host, struct sk_buff *skb,
				   struct net_device *sb_dev)
{
	struct mvnet *nd = host_to_mvnet(host);
	u16 active = READ_ONCE(nd->active_pairs);
	u8 *flow, pair;
	int steered;

	if (active == 1)
		return 0;
	steered = mvnet_rss_pair(nd, skb);
	if (steered >= 0)
		return steered < active ? steered : 0;
	flow = mvnet_flow(nd, skb);
	pair = READ_ONCE(*flow);
	/* Only the pairs that the driver uses have buffers. */
	return pair < active ? pair : (flow - nd->flows) % active;
}

static netdev_tx_t mvnet_host_xmit(struct sk_buff *skb, struct net_device *host)
{
	struct mvnet *nd = host_to_mvnet(host);
	u16 pair = skb_get_queue_mapping(skb);
	struct netdev_queue *txq = netdev_get_tx_queue(host, pair);
	struct sk_buff_head *skbs = &nd->backlogs[pair].skbs;

	/*
	 * A packet socket may send less than an Ethernet header. The filters look at
	 * the tag behind it.
	 */
	if (!READ_ONCE(nd->running) || skb->len < ETH_HLEN ||
	    !pskb_may_pull(skb, min_t(u32, skb->len, VLAN_ETH_HLEN)) ||
	    skb_orphan_frags(skb, GFP_ATOMIC)) {
		atomic64_inc(&nd->stats.tx_dropped);
		dev_kfree_skb_any(skb);
		return NETDEV_TX_OK;
	}
	/* It may wait long for the client: let go of the sender's resources. */
	skb_tx_timestamp(skb);
	skb_orphan(skb);
	nf_reset_ct(skb);

	skb_queue_tail(skbs, skb);
	if (skb_queue_len_lockless(skbs) >= MVNET_BACKLOG) {
		netif_tx_stop_queue(txq);
		/* Pairs with wake_host(): one of the two sees the other's store. */
		smp_mb();
		if (skb_queue_len_lockless(skbs) < MVNET_BACKLOG / 2)
			netif_tx_wake_queue(txq);
	}
	mdev_virtio_worker_kick(&nd->worker);
	return NETDEV_TX_OK;
}

static netdev_features_t mvnet_host_features_check(struct sk_buff *skb,
						   struct net_device *host,
						   netdev_features_t features)
{
	features = vlan_features_check(skb, features);
	return mvnet_features_check(host_to_mvnet(host), features);
}

static void mvnet_host_get_stats64(struct net_device *host,
				   struct rtnl_link_stats64 *stats)
{
	struct mvnet_stats *s = &host_to_mvnet(host)->stats;

	stats->rx_packets = atomic64_read(&s->rx_packets);
	stats->rx_bytes = atomic64_read(&s->rx_bytes);
	stats->rx_dropped = atomic64_read(&s->rx_dropped);
	stats->rx_length_errors = atomic64_read(&s->rx_errors);
	stats->rx_errors = stats->rx_length_errors;
	stats->tx_packets = atomic64_read(&s->tx_packets);
	stats->tx_bytes = atomic64_read(&s->tx_bytes);
	stats->tx_dropped = atomic64_read(&s->tx_dropped);
}

static const struct net_device_ops mvnet_host_ops = {
	.ndo_open = mvnet_host_open,
	.ndo_stop = mvnet_host_stop,
	.ndo_select_queue = mvnet_host_select_queue,
	.ndo_start_xmit = mvnet_host_xmit,
	.ndo_features_check = mvnet_host_features_check,
	.ndo_get_stats64 = mvnet_host_get_stats64,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_validate_addr = eth_validate_addr,
};

static void mvnet_host_get_drvinfo(struct net_device *host,
				   struct ethtool_drvinfo *info)
{
	strscpy(info->driver, "mdev_virtio_net", sizeof(info->driver));
	strscpy(info->bus_info, dev_name(host->dev.parent),
		sizeof(info->bus_info));
}

static const struct ethtool_ops mvnet_host_ethtool_ops = {
	.get_drvinfo = mvnet_host_get_drvinfo,
	.get_link = ethtool_op_get_link,
};

int mvnet_host_create(struct mvnet *nd, struct device *parent)
{
	struct net_device *host;
	int ret;

	host = alloc_netdev_mqs(sizeof(struct mvnet_host), "mdev%d",
				NET_NAME_ENUM, ether_setup, nd->type->pairs,
				nd->type->pairs);
	if (!host)
		return -ENOMEM;
	((struct mvnet_host *)netdev_priv(host))->nd = nd;
	SET_NETDEV_DEV(host, parent);
	host->netdev_ops = &mvnet_host_ops;
	host->ethtool_ops = &mvnet_host_ethtool_ops;
	host->max_mtu = MVNET_MAX_MTU;
	host->priv_flags |= IFF_LIVE_ADDR_CHANGE;
	mvnet_offload_init(host);
	eth_hw_addr_random(host);
	netif_carrier_off(host);

	nd->host = host;
	ret = register_netdev(host);
	if (ret) {
		nd->host = NULL;
		free_netdev(host);
	}
	return ret;
}

/* The client is gone, the worker stopped. */
void mvnet_host_destroy(struct mvnet *nd)
{
	unregister_netdev(nd->host);
	free_netdev(nd->host);
	nd->host = NULL;
}
