/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The simulated network device: what its files share.
 */
#ifndef MDEV_VIRTIO_NET_H
#define MDEV_VIRTIO_NET_H

#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/mdev.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include "mdev_virtio.h"

#define MVNET_MAX_MTU	9000
#define MVNET_MAX_FRAME	(MVNET_MAX_MTU + VLAN_ETH_HLEN)
/* One that is still to be segmented: an IP packet has no more than 65535 bytes. */
#define MVNET_MAX_GSO	(65535 + VLAN_ETH_HLEN)
/*
 * With VIRTIO_F_VERSION_1 the header always has num_buffers; a hash only if it is
 * reported: s. 5.1.6
 */
#define MVNET_HDR_LEN	sizeof(struct virtio_net_hdr_v1)
#define MVNET_MAX_HDR	sizeof(struct virtio_net_hdr_v1_hash)

/* Addresses that a filter table holds; with more it lets all of the kind pass. */
#define MVNET_MAX_MACS	64

/* The longest key that a hash over IPv6 with ports can use; the least table: s. 5.1.4 */
#define MVNET_RSS_KEY	40
#define MVNET_RSS_TABLE	128
#define MVNET_RSS_TYPES	(VIRTIO_NET_RSS_HASH_TYPE_IPv4 |	\
			 VIRTIO_NET_RSS_HASH_TYPE_TCPv4 |	\
			 VIRTIO_NET_RSS_HASH_TYPE_UDPv4 |	\
			 VIRTIO_NET_RSS_HASH_TYPE_IPv6 |	\
			 VIRTIO_NET_RSS_HASH_TYPE_TCPv6 |	\
			 VIRTIO_NET_RSS_HASH_TYPE_UDPv6)

/* Flows whose queue pair is remembered, by hash. */
#define MVNET_FLOWS	256

/* Frames that wait for the client's buffers, for each queue pair. */
#define MVNET_BACKLOG	256

/**
 * struct mvnet_type - an mdev type
 * @mdev: what the mdev core knows
 * @pairs: queue pairs, up to MVNET_MAX_PAIRS
 * @map_doorbells: clients may map the doorbells
 */
struct mvnet_type {
	struct mdev_type mdev;
	u16 pairs;
	bool map_doorbells;
};

/**
 * struct mvnet_vq - a virtqueue
 * @ring: under mvdev.lock
 * @cb: set before the device can be opened
 */
struct mvnet_vq {
	struct mdev_virtio_ring ring;
	struct mdev_virtio_callback cb;
};

/**
 * struct mvnet_backlog - frames from the host on their way to one rx virtqueue
 * @skbs: has its own lock
 * @stalled: the first one found no buffers; under mvdev.lock
 * @deadline: when it has waited long enough, in jiffies; under mvdev.lock
 */
struct mvnet_backlog {
	struct sk_buff_head skbs;
	bool stalled;
	unsigned long deadline;
};

/**
 * struct mvnet_stats - counters of the host interface
 * @rx_packets: from the client to the host
 * @rx_bytes: likewise
 * @rx_dropped: not delivered: interface down, or no memory
 * @rx_errors: impossible length or header
 * @tx_packets: from the host to the client
 * @tx_bytes: likewise
 * @tx_dropped: not delivered: no client, no buffers for too long, or a frame
 *	that does not fit
 * @tx_filtered: not delivered: the client's driver does not want them
 */
struct mvnet_stats {
	atomic64_t rx_packets;
	atomic64_t rx_bytes;
	atomic64_t rx_dropped;
	atomic64_t rx_errors;
	atomic64_t tx_packets;
	atomic64_t tx_bytes;
	atomic64_t tx_dropped;
	atomic64_t tx_filtered;
};

/**
 * struct mvnet_mac_table - addresses to receive, of one kind
 * @all: there were too many: receive all of the kind
 * @nr: entries in @addr
 * @addr: the addresses
 */
struct mvnet_mac_table {
	bool all;
	u16 nr;
	u8 addr[MVNET_MAX_MACS][ETH_ALEN];
};

/**
 * struct mvnet_filter - what the client's driver wants to receive, s. 5.1.6.5
 * @promisc: everything
 * @allmulti: all multicast frames
 * @mac: frames to this address
 * @tables: and to these: unicast, multicast
 * @vlans: of tagged frames, those with these VLAN ids
 */
struct mvnet_filter {
	bool promisc;
	bool allmulti;
	u8 mac[ETH_ALEN] __aligned(2);
	struct mvnet_mac_table tables[2];
	DECLARE_BITMAP(vlans, VLAN_N_VID);
};

/**
 * struct mvnet_rss - the hash of frames for the client; constant, replaced as a whole
 * @rcu: for that
 * @types: VIRTIO_NET_RSS_HASH_TYPE_* to be calculated
 * @steer: the hash says which pair a frame is for
 * @mask: of the hash, an index in @table
 * @unclassified: pair for frames without a hash
 * @key: of the hash, with zeroes behind
 * @table: pairs
 */
struct mvnet_rss {
	struct rcu_head rcu;
	u32 types;
	bool steer;
	u16 mask;
	u16 unclassified;
	u8 key[MVNET_RSS_KEY];
	u16 table[MVNET_RSS_TABLE];
};

/**
 * struct mvnet_scratch - the worker's, too large for a stack
 * @iov: pieces of one frame
 * @chains: chains of one frame
 * @tables: filter tables of a command that is being read
 * @frame: header and contents of one frame
 */
struct mvnet_scratch {
	struct mdev_virtio_iov iov[MDEV_VIRTIO_RING_NUM_MAX];
	struct mdev_virtio_chain chains[MDEV_VIRTIO_RING_NUM_MAX];
	struct mvnet_mac_table tables[2];
	u8 frame[MVNET_MAX_HDR + MVNET_MAX_GSO] __aligned(8);
};

#define MVNET_LINK_CHANGED	0

#define MVNET_MAX_PAIRS		16
#define MVNET_NO_FLOW		U8_MAX

/**
 * struct mvnet - a device
 * @mvdev: first
 * @type: constant
 * @host: the host interface; constant while mvdev is registered
 * @worker: moves the frames
 * @mac: the client's address after a reset; constant
 * @config_cb: set before the device can be opened
 * @status: device status; under mvdev.lock
 * @features: negotiated; under mvdev.lock
 * @hdr_len: of frames in the client's memory, by @features; under mvdev.lock
 * @guest_offloads: low half of @features, where GUEST_CSUM, GUEST_TSO4 and so on are;
 *	written under mvdev.lock, read anywhere
 * @features_off: not to be offered; under mvdev.lock, constant while @open
 * @open: by a client; under mvdev.lock
 * @filter: under mvdev.lock
 * @rss: NULL unless the driver has set it; written under mvdev.lock, read under RCU
 * @announce: the driver is to announce itself; under mvdev.lock
 * @active_pairs: queue pairs in use; written under mvdev.lock, read anywhere
 * @running: frames from the host may be queued; as @active_pairs
 * @link_up: the host interface is up; written under RTNL, read anywhere
 * @generation: of the configuration
 * @events: MVNET_LINK_CHANGED: the client is to be told; atomic
 * @flows: pair on which the client sent last, by the flow's hash, or
 *	MVNET_NO_FLOW; hints, written and read anywhere
 * @vqs: rx of pair 0, tx of pair 0, rx of pair 1, ..., and one more: the last
 *	or, without MQ and RSS, the third one is the control virtqueue
 * @backlogs: one for each pair
 * @scratch: under mvdev.lock
 * @stats: atomic
 */
struct mvnet {
	struct mdev_virtio_device mvdev;
	const struct mvnet_type *type;
	struct net_device *host;
	struct mdev_virtio_worker worker;
	u8 mac[ETH_ALEN] __aligned(2);
	struct mdev_virtio_callback config_cb;
	u8 status;
	u64 features;
	u32 hdr_len;
	u32 guest_offloads;
	u64 features_off;
	bool open;
	struct mvnet_filter filter;
	struct mvnet_rss __rcu *rss;
	bool announce;
	u16 active_pairs;
	bool running;
	bool link_up;
	atomic_t generation;
	unsigned long events;
	u8 flows[MVNET_FLOWS];
	struct mvnet_vq *vqs;
	struct mvnet_backlog *backlogs;
	struct mvnet_scratch *scratch;
	struct mvnet_stats stats;
};

static inline struct mvnet *to_mvnet(struct mdev_virtio_device *mvdev)
{
	return container_of(mvdev, struct mvnet, mvdev);
}

static inline struct mvnet_vq *mvnet_rx_vq(struct mvnet *nd, u16 pair)
{
	return &nd->vqs[2 * pair];
}

static inline struct mvnet_vq *mvnet_tx_vq(struct mvnet *nd, u16 pair)
{
	return &nd->vqs[2 * pair + 1];
}

static inline bool mvnet_has(const struct mvnet *nd, unsigned int feature)
{
	return nd->features & BIT_ULL(feature);
}

/* mdev_virtio_net_ops.c */
extern const struct mdev_virtio_ops mvnet_ops;
void mvnet_needs_reset(struct mvnet *nd);
void mvnet_broken(struct mvnet *nd, int error);

/* mdev_virtio_net_ctrl.c */
struct mvnet_vq *mvnet_ctrl_vq(struct mvnet *nd);
int mvnet_ctrl_work(struct mvnet *nd);
int mvnet_ctrl_read(struct mvnet *nd, const struct mdev_virtio_chain *chain,
		    u32 off, void *buf, size_t len);
void mvnet_filter_reset(struct mvnet *nd);
bool mvnet_filter_pass(const struct mvnet *nd, const struct sk_buff *skb);

/* mdev_virtio_net_path.c */
enum mdev_virtio_work mvnet_work(struct mdev_virtio_device *mvdev);
void mvnet_backlog_purge(struct mvnet *nd, u16 pair);
int mvnet_publish(struct mvnet_vq *vq);
u8 *mvnet_flow(struct mvnet *nd, const struct sk_buff *skb);
void mvnet_flows_reset(struct mvnet *nd);

/* mdev_virtio_net_offload.c */
void mvnet_offload_init(struct net_device *host);
netdev_features_t mvnet_features_check(const struct mvnet *nd,
				       netdev_features_t features);
bool mvnet_hdr_to_skb(const struct mvnet *nd, const struct virtio_net_hdr *hdr,
		      struct sk_buff *skb);
bool mvnet_hdr_from_skb(const struct mvnet *nd, struct sk_buff *skb,
			struct virtio_net_hdr *hdr);

/* mdev_virtio_net_rss.c */
void mvnet_report_hash(const struct mvnet *nd,
		       struct virtio_net_hdr_v1_hash *hdr, u32 len);
int mvnet_rss_pair(const struct mvnet *nd, const struct sk_buff *skb);
void mvnet_rss_set(struct mvnet *nd, struct mvnet_rss *rss);
int mvnet_rss_stop_steering(struct mvnet *nd);
int mvnet_rss_command(struct mvnet *nd, const struct mdev_virtio_chain *chain,
		      u8 cmd);

/* mdev_virtio_net_sysfs.c */
extern const struct attribute_group *mvnet_groups[];

/* mdev_virtio_net_host.c */
int mvnet_host_create(struct mvnet *nd, struct device *parent);
void mvnet_host_destroy(struct mvnet *nd);

#endif /* MDEV_VIRTIO_NET_H */
