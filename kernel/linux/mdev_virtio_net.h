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
/* With VIRTIO_F_VERSION_1 the header always has num_buffers: s. 5.1.6 */
#define MVNET_HDR_LEN	sizeof(struct virtio_net_hdr_v1)

/* Frames that wait for the client's buffers, for each queue pair. */
#define MVNET_BACKLOG	256

/**
 * struct mvnet_type - an mdev type
 * @mdev: what the mdev core knows
 * @pairs: queue pairs
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
 * @rx_errors: impossible length
 * @tx_packets: from the host to the client
 * @tx_bytes: likewise
 * @tx_dropped: not delivered: no client, no buffers for too long, or a frame
 *	that does not fit
 */
struct mvnet_stats {
	atomic64_t rx_packets;
	atomic64_t rx_bytes;
	atomic64_t rx_dropped;
	atomic64_t rx_errors;
	atomic64_t tx_packets;
	atomic64_t tx_bytes;
	atomic64_t tx_dropped;
};

/**
 * struct mvnet_scratch - the worker's, too large for a stack
 * @iov: pieces of one frame
 * @chains: chains of one frame
 */
struct mvnet_scratch {
	struct mdev_virtio_iov iov[MDEV_VIRTIO_RING_NUM_MAX];
	struct mdev_virtio_chain chains[MDEV_VIRTIO_RING_NUM_MAX];
};

#define MVNET_LINK_CHANGED	0

/**
 * struct mvnet - a device
 * @mvdev: first
 * @type: constant
 * @host: the host interface; constant while mvdev is registered
 * @worker: moves the frames
 * @mac: the client's address; constant
 * @config_cb: set before the device can be opened
 * @status: device status; under mvdev.lock
 * @features: negotiated; under mvdev.lock
 * @active_pairs: queue pairs in use; written under mvdev.lock, read anywhere
 * @running: frames from the host may be queued; as @active_pairs
 * @link_up: the host interface is up; written under RTNL, read anywhere
 * @generation: of the configuration
 * @events: MVNET_LINK_CHANGED: the client is to be told; atomic
 * @vqs: rx of pair 0, tx of pair 0, rx of pair 1, ...
 * @backlogs: one for each pair
 * @scratch: under mvdev.lock
 * @stats: atomic
 */
struct mvnet {
	struct mdev_virtio_device mvdev;
	const struct mvnet_type *type;
	struct net_device *host;
	struct mdev_virtio_worker worker;
	u8 mac[ETH_ALEN];
	struct mdev_virtio_callback config_cb;
	u8 status;
	u64 features;
	u16 active_pairs;
	bool running;
	bool link_up;
	atomic_t generation;
	unsigned long events;
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

/* mdev_virtio_net_ops.c */
extern const struct mdev_virtio_ops mvnet_ops;
void mvnet_broken(struct mvnet *nd, int error);

/* mdev_virtio_net_path.c */
enum mdev_virtio_work mvnet_work(struct mdev_virtio_device *mvdev);
void mvnet_backlog_purge(struct mvnet *nd, u16 pair);

/* mdev_virtio_net_host.c */
int mvnet_host_create(struct mvnet *nd, struct device *parent);
void mvnet_host_destroy(struct mvnet *nd);

#endif /* MDEV_VIRTIO_NET_H */
