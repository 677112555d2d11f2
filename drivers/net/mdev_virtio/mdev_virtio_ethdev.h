/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MDEV_VIRTIO_ETHDEV_H
#define MDEV_VIRTIO_ETHDEV_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_interrupts.h>
#include <rte_spinlock.h>

#include <ethdev_driver.h>

#include "mdev_virtio_compat.h"
#include "virtio_cvq.h"
#include "virtio_transport.h"
#include "virtqueue.h"

/* What the user asked for. */
struct mdev_virtio_devargs {
	/* take a feature if it is offered */
	bool mrg_rxbuf;  /* VIRTIO_NET_F_MRG_RXBUF */
	bool packed_vq;  /* VIRTIO_F_RING_PACKED */
	bool in_order;   /* VIRTIO_F_IN_ORDER */
	/* use vector instructions where there are burst functions with them */
	bool vectorized;
	bool ptype;      /* find the packet type of each received frame */
	/* VIRTIO_NET_F_NOTF_COAL: an interrupt after so many, whichever is first */
	struct mdev_virtio_coalesce {
		bool set;
		uint32_t usecs;
		uint32_t packets;
	} rx_coal;
};

/* Addresses of a port: its own, and those added; multicast ones of a list. */
#define MDEV_VIRTIO_MAC_ADDRS 64
#define MDEV_VIRTIO_MC_ADDRS 256

/*
 * Receive-side scaling: what the device can, and what was asked for. It outlives stops
 * and resets. A device without a table still hashes if it can report hashes.
 */
struct mdev_virtio_rss {
	uint32_t supported;   /* VIRTIO_NET_RSS_HASH_TYPE_*; 0: no hash */
	uint8_t key_max;      /* longest key that the device takes */
	uint16_t reta_size;   /* entries of the table; 0: there is none */
	uint64_t hf;          /* RTE_ETH_RSS_* */
	uint8_t key_len;
	uint8_t key[UINT8_MAX];
	uint16_t reta_queues; /* receive queues of which the table was made */
	uint16_t reta[VIRTIO_CVQ_RETA_MAX];
};

/* A device that asks for a reset more often than so is left alone. */
#define MDEV_VIRTIO_RECOVERIES 5
#define MDEV_VIRTIO_RECOVERIES_S 10

/* Recovery of a device that asks for a reset (mdev_virtio_recover.c). */
struct mdev_virtio_recovery {
	pthread_mutex_t lock;   /* held by a recovery, and by calls that control the port */
	bool running;           /* written with the lock; atomic */
	bool stopping;          /* the port is being stopped: give up; atomic */
	uint32_t restarts;      /* begun and ended for a queue: odd while one runs; atomic */
	uint32_t telling;       /* threads that wait for the IPC thread's help; atomic */
	bool scheduled;         /* an alarm will look after it; atomic */
	bool failed;            /* not tried again before the next start */
	uint32_t max;           /* recoveries in window_s; tests set this, that */
	uint32_t window_s;
	uint32_t pause_polls;   /* and how often it is looked whether owners have heard, */
	uint32_t send_polls;    /* and whether a device that is well has sent all */
	uint64_t begun[MDEV_VIRTIO_RECOVERIES]; /* when the last ones began, in ms */
	uint32_t nr_begun;      /* of all since the start */
	struct virtqueue *replaced; /* their owners may be in a burst still */
	uint32_t nr_replaced;
	uint64_t succeeded;     /* since the statistics were reset, as what follows */
	uint64_t gave_up;
	uint64_t rx_lost;       /* buffers that were received and not fetched */
	uint64_t tx_lost;       /* frames that the device may not have sent */
};

/*
 * A port, in memory that all processes share: no function pointer, and no address of
 * a mapping. Written by the control thread of the primary process.
 */
struct mdev_virtio_hw {
	uint64_t features;        /* as negotiated last */
	struct mdev_virtio_devargs devargs;
	uint16_t max_mtu;         /* of the device */
	uint32_t speed_capa;      /* RTE_ETH_LINK_SPEED_*, when it was probed; 0: not known */
	uint64_t rx_offload_capa; /* RTE_ETH_RX_OFFLOAD_* */
	uint64_t tx_offload_capa; /* RTE_ETH_TX_OFFLOAD_* */
	uint16_t rx_ring_max;     /* largest ring that the device takes */
	uint16_t tx_ring_max;
	uint16_t ctrl_ring_max;   /* 0: no control queue */
	uint16_t max_pairs;       /* queue pairs that the device has */
	uint32_t nr_vqs;          /* virtqueues that they and the control queue are */
	uint32_t vectors;         /* interrupt vectors that the device has */
	uint32_t secondaries;     /* processes that have the port too; atomic */
	int config_efd;           /* primary: config interrupt; -1: none */
	bool needs_reset;         /* DEVICE_NEEDS_RESET was seen since start */
	bool reset_raised;        /* and the application was told */
	bool runaway;             /* was not reset: may still use its queues */
	bool config_failed;       /* the configuration cannot be read, as was said */
	bool link_down;           /* as rte_eth_dev_set_link_down() said */
	rte_spinlock_t link_lock; /* of the link's status in ethdev, and of link_known */
	uint32_t link_asked;      /* looks at the device's link so far; atomic */
	uint32_t link_known;      /* number of the look that the status is from */
	bool promiscuous;         /* as the device was told since start, or is to be: */
	bool allmulticast;        /* what is asked for during a restart waits for its end */
	bool told_promiscuous;    /* by the last restart */
	bool told_allmulticast;
	struct mdev_virtio_recovery recovery;
	bool hash_report;         /* negotiated: struct virtio_net_hdr_v1_hash */
	struct mdev_virtio_rss rss;
	struct virtio_cvq cvq;
	struct rte_mempool *announce_pool; /* NULL: there are no announcements */
	struct virtqueue *spares; /* of used pairs: set up by nobody, polled by nobody */
	struct rte_ether_addr mac; /* the device's receive filter has it */
	uint32_t nr_mc_addrs;
	struct rte_ether_addr mc_addrs[MDEV_VIRTIO_MC_ADDRS];
};

static inline struct mdev_virtio_hw *
mdev_virtio_hw(const struct rte_eth_dev *dev)
{
	return dev->data->dev_private;
}

static inline struct virtio_transport *
mdev_virtio_transport(const struct rte_eth_dev *dev)
{
	const struct mdev_virtio_process *process = dev->process_private;

	return process->tr;
}

/* An Ethernet header with one VLAN tag. */
#define MDEV_VIRTIO_FRAME_OVERHEAD (RTE_ETHER_HDR_LEN + RTE_VLAN_HLEN)

/* A frame of joined segments: an IP packet of 64 KiB, with its Ethernet header. */
#define MDEV_VIRTIO_MAX_LRO (UINT16_MAX + RTE_ETHER_HDR_LEN)

/* Virtqueues of a queue pair (VIRTIO 1.2 s. 5.1.2). */
#define VIRTIO_NET_RX_VQ(pair) (2 * (pair))
#define VIRTIO_NET_TX_VQ(pair) (2 * (pair) + 1)
#define VIRTIO_NET_CTRL_VQ(max_pairs) (2 * (uint32_t)(max_pairs))

/* Queues of either direction that the port may have. */
static inline uint16_t
mdev_virtio_max_queues(const struct mdev_virtio_hw *hw)
{
	return RTE_MIN(hw->max_pairs, RTE_MAX_QUEUES_PER_PORT);
}

/* Pairs that the port's queues need; the device uses all queues of these. */
static inline uint16_t
mdev_virtio_pairs(const struct rte_eth_dev *dev)
{
	return RTE_MAX(dev->data->nb_rx_queues, dev->data->nb_tx_queues);
}

/*
 * Is a queue not used any more, other than because it, the queue that it is polled with
 * or the port was stopped?
 */
static inline bool
mdev_virtio_queue_broken(const struct rte_eth_dev *dev, const struct virtqueue *first,
		const struct virtqueue *vq)
{
	return vq->broken && !first->stopped && dev->data->dev_started != 0;
}

/* mdev_virtio_ethdev.c */

/*
 * Make an Ethernet device of a transport, which it owns from then on even if this
 * fails. eth_dev has its name, its generic device and its interrupt handle.
 */
int mdev_virtio_dev_init(struct rte_eth_dev *dev, struct virtio_transport *tr,
		const struct mdev_virtio_devargs *devargs);

/* Stop the port and free all that it has. */
int mdev_virtio_dev_close(struct rte_eth_dev *dev);

/* What this process has of a port with a transport; NULL without memory. */
struct mdev_virtio_process *mdev_virtio_process_create(
		const struct mdev_virtio_hw *hw, struct virtio_transport *tr);

/*
 * VIRTIO 1.2 s. 3.1.1: from the reset to DRIVER_OK, with what was asked for before. For a
 * recovery the interrupts stay. Nothing is left of a failure, which is logged.
 */
int mdev_virtio_device_up(struct rte_eth_dev *dev);

/* See ethdev's dev_infos_get. */
int mdev_virtio_dev_infos_get(struct rte_eth_dev *dev, struct rte_eth_dev_info *info);

/* mdev_virtio_config.c */

/*
 * Reset the device, negotiate what could be of use, and keep what it says of itself.
 * It stays at FEATURES_OK until it is started. Logs a failure.
 */
int mdev_virtio_examine(struct rte_eth_dev *dev);
/* Reset the device and negotiate what the port's configuration needs. Logs. */
int mdev_virtio_negotiate(struct rte_eth_dev *dev);
/* Read a field of the configuration, little endian. Logs the first failure. */
int mdev_virtio_config_field(struct rte_eth_dev *dev, uint32_t offset, void *buf,
		uint32_t len);
#define MDEV_VIRTIO_CONFIG_FIELD(dev, field, value) \
	mdev_virtio_config_field(dev, offsetof(struct virtio_net_config, field), \
		value, sizeof(((struct virtio_net_config *)0)->field))

/* mdev_virtio_pause.c */
/* Have this process's bursts use what eth_dev has now; without queues if it says so. */
void mdev_virtio_bursts_publish(struct rte_eth_dev *dev, bool queues);
/* Have them look up the port's queues from here on; whether they found others, or none, so far. */
bool mdev_virtio_queues_publish(struct rte_eth_dev *dev);
/* Choose burst functions that do nothing, but tell that a queue's owner is there. */
void mdev_virtio_select_paused(struct rte_eth_dev *dev);
/*
 * Let no thread of any process begin a burst, and wait for a bounded time until the
 * owners of all queues have heard of it, but for those that are stopped, and one of which
 * the caller knows that nobody is in a burst of it; or NULL.
 */
void mdev_virtio_bursts_pause(struct rte_eth_dev *dev, const struct virtqueue *own);
/* Is the owner in no burst of this queue, since bursts were paused last? */
bool mdev_virtio_queue_paused(const struct virtqueue *vq);
/* After a pause: is there room for those that mdev_virtio_queues_take() would replace? */
bool mdev_virtio_queues_room(struct rte_eth_dev *dev);
/*
 * After a pause, replace each queue whose owner may be in a burst of it. The device does
 * not use any. 0, or a negative errno, logged.
 */
int mdev_virtio_queues_take(struct rte_eth_dev *dev);
/* Free what was replaced; the application is in no burst of the port. */
void mdev_virtio_replaced_free(struct rte_eth_dev *dev);

/* mdev_virtio_recover.c */
void mdev_virtio_recover_init(struct rte_eth_dev *dev);
void mdev_virtio_recover_free(struct rte_eth_dev *dev);
/* Before a start: nothing is left of a recovery. */
void mdev_virtio_recover_starting(struct rte_eth_dev *dev);
/* From the end of a start on; without a configuration interrupt, look from time to time. */
void mdev_virtio_recover_start(struct rte_eth_dev *dev);
/* Have none begin any more, and end one that is under way. The control lock is held then. */
void mdev_virtio_recover_stop(struct rte_eth_dev *dev);
/* Release the control lock; the port is stopped, and no burst is begun. */
void mdev_virtio_recover_stopped(struct rte_eth_dev *dev);
/* The device asks for a reset: see to it, in EAL's interrupt thread. */
void mdev_virtio_recover_schedule(struct rte_eth_dev *dev);
/* May a device that asks once more while it gets its reset have another one? It has, then. */
bool mdev_virtio_recover_again(struct rte_eth_dev *dev);
/* Is the port in a recovery, or left by one that failed? */
static inline bool
mdev_virtio_recovering(const struct rte_eth_dev *dev)
{
	return __atomic_load_n(&mdev_virtio_hw(dev)->recovery.running,
			__ATOMIC_SEQ_CST);
}

/*
 * Around a call that controls the port: -EBUSY while it recovers or stops, -EIO after it
 * could not recover. The end returns what it is given.
 */
int mdev_virtio_control_begin(struct rte_eth_dev *dev);
int mdev_virtio_control_end(struct rte_eth_dev *dev, int ret);
/* Is the device being restarted, and will be told of modes at the end? */
bool mdev_virtio_restarting(const struct rte_eth_dev *dev);

/* mdev_virtio_restart.c */
/*
 * Do the pools of receive queues, and those of frames in transmit queues, allow it?
 * Those of own, see mdev_virtio_bursts_pause(), are in the caller's hands.
 */
bool mdev_virtio_restart_possible(const struct rte_eth_dev *dev,
		const struct virtqueue *own);
/*
 * Reset the device and bring it up as it was configured; the control lock is held. Queues
 * that are marked as stopped are empty then, all others go on. why: for the line that says
 * what was lost. With own, -ENOSPC if too many queues were replaced already: nothing has
 * happened then. All other failures are logged, but not that they leave the port as a
 * recovery that failed. The caller looks at the link when it has given the lock back.
 */
int mdev_virtio_restart(struct rte_eth_dev *dev, struct virtqueue *own,
		const char *why);

/* mdev_virtio_link.c */
/* Read the link status, and tell who listens of a change. Not with the control lock. */
void mdev_virtio_link_check(struct rte_eth_dev *dev);
int mdev_virtio_set_link_up(struct rte_eth_dev *dev);
int mdev_virtio_set_link_down(struct rte_eth_dev *dev);
/* The port is stopped: its link is down, whatever a thread has read meanwhile. */
void mdev_virtio_link_stopped(struct rte_eth_dev *dev);
/* Replace the chosen burst functions by those of a link that is set down. */
void mdev_virtio_select_down(struct rte_eth_dev *dev);
/* Read the link status; 0 if it changed, -1 if not, as ethdev's link_update. */
int mdev_virtio_link_update(struct rte_eth_dev *dev, int wait);

/* mdev_virtio_ctrl.c */
/*
 * Tell the device, which is at DRIVER_OK, of what was asked for before, but for what
 * ethdev repeats after a start: promiscuous and all-multicast mode. Logs a failure.
 */
int mdev_virtio_ctrl_start(struct rte_eth_dev *dev);
/* The same for these modes: what the device was told before it was reset. */
int mdev_virtio_ctrl_modes(struct rte_eth_dev *dev);
void mdev_virtio_ctrl_modes_again(struct rte_eth_dev *dev);
int mdev_virtio_promiscuous_enable(struct rte_eth_dev *dev);
int mdev_virtio_promiscuous_disable(struct rte_eth_dev *dev);
int mdev_virtio_allmulticast_enable(struct rte_eth_dev *dev);
int mdev_virtio_allmulticast_disable(struct rte_eth_dev *dev);
int mdev_virtio_mac_addr_set(struct rte_eth_dev *dev, struct rte_ether_addr *mac);
int mdev_virtio_mac_addr_add(struct rte_eth_dev *dev, struct rte_ether_addr *mac,
		uint32_t index, uint32_t pool);
void mdev_virtio_mac_addr_remove(struct rte_eth_dev *dev, uint32_t index);
int mdev_virtio_set_mc_addr_list(struct rte_eth_dev *dev,
		struct rte_ether_addr *macs, uint32_t count);
int mdev_virtio_vlan_filter_set(struct rte_eth_dev *dev, uint16_t vlan_id, int on);
int mdev_virtio_vlan_offload_set(struct rte_eth_dev *dev, int mask);

/* mdev_virtio_rss.c */
/*
 * Read what the device, at FEATURES_OK, says of its hash. One that says what cannot be
 * is used without. 0, or a negative errno, logged, if it cannot be read.
 */
int mdev_virtio_rss_examine(struct rte_eth_dev *dev);
/* Is the feature VIRTIO_NET_F_RSS or VIRTIO_NET_F_HASH_REPORT wanted? */
uint64_t mdev_virtio_rss_features(const struct rte_eth_dev *dev, uint64_t offered);
/* Take the key and the hash functions of the port's configuration. Logs. */
int mdev_virtio_rss_configure(struct rte_eth_dev *dev);
/* Tell the device, which is at DRIVER_OK; it uses all pairs then. */
int mdev_virtio_rss_start(struct rte_eth_dev *dev);
void mdev_virtio_rss_info(const struct rte_eth_dev *dev,
		struct rte_eth_dev_info *info);
/* Bytes of the key that a configuration has, or has room for. */
uint8_t mdev_virtio_rss_key_len(const struct rte_eth_rss_conf *conf);
int mdev_virtio_rss_hash_update(struct rte_eth_dev *dev,
		struct rte_eth_rss_conf *conf);
int mdev_virtio_rss_hash_conf_get(struct rte_eth_dev *dev,
		struct rte_eth_rss_conf *conf);
int mdev_virtio_reta_update(struct rte_eth_dev *dev,
		struct rte_eth_rss_reta_entry64 *conf, uint16_t size);
int mdev_virtio_reta_query(struct rte_eth_dev *dev,
		struct rte_eth_rss_reta_entry64 *conf, uint16_t size);

/* mdev_virtio_queue.c */
int mdev_virtio_rx_queue_setup(struct rte_eth_dev *dev, uint16_t index,
		uint16_t nb_desc, unsigned int socket_id,
		const struct rte_eth_rxconf *conf, struct rte_mempool *mp);
int mdev_virtio_tx_queue_setup(struct rte_eth_dev *dev, uint16_t index,
		uint16_t nb_desc, unsigned int socket_id,
		const struct rte_eth_txconf *conf);
void mdev_virtio_rx_queue_release(struct rte_eth_dev *dev, uint16_t index);
void mdev_virtio_tx_queue_release(struct rte_eth_dev *dev, uint16_t index);
/* Hand a queue over to the device, in its first state. Logs a failure. */
int mdev_virtio_queue_enable(struct rte_eth_dev *dev, struct virtqueue *vq);
/*
 * The port is being started: those with deferred start are not to run yet, and no receive
 * interrupt is enabled.
 */
void mdev_virtio_queues_defer(struct rte_eth_dev *dev);
/* Hand the queues over to the device, which is at FEATURES_OK. Logs a failure. */
int mdev_virtio_queues_start(struct rte_eth_dev *dev);
/* Give the device, which is at DRIVER_OK, its receive buffers. */
void mdev_virtio_queues_fill(struct rte_eth_dev *dev);
/* Take back what the queues hold from a device that was reset. */
void mdev_virtio_queues_stop(struct rte_eth_dev *dev);
/*
 * A new queue in place of one whose owner may be in a burst: set up like it, and with its
 * statistics. NULL without memory, logged.
 */
struct virtqueue *mdev_virtio_queue_renew(struct rte_eth_dev *dev,
		struct virtqueue *old);
/*
 * Free a queue with its siblings, of which the device forgot in a reset that went well,
 * whatever it does with those that came after.
 */
void mdev_virtio_queue_free_replaced(struct virtqueue *vq);
/* Set this process's doorbell of a queue that was started. */
void mdev_virtio_find_doorbell(struct mdev_virtio_process *process,
		const struct virtqueue *vq);
/* Free the queues that complete pairs; those that the device may use are lost. */
void mdev_virtio_spares_release(struct rte_eth_dev *dev);
/* Can every receive buffer hold a frame of this MTU by itself? */
bool mdev_virtio_buffers_hold(const struct rte_eth_dev *dev, uint16_t mtu);
/*
 * Does a frame of this MTU fit the receive buffers, one of them or, if these are mergeable
 * and the application takes it, several? Logs if it does not.
 */
int mdev_virtio_check_mtu(struct rte_eth_dev *dev, uint16_t mtu, bool mergeable);

/* mdev_virtio_queue_state.c: see ethdev's operations of these names. */
int mdev_virtio_rx_queue_start(struct rte_eth_dev *dev, uint16_t index);
int mdev_virtio_rx_queue_stop(struct rte_eth_dev *dev, uint16_t index);
int mdev_virtio_tx_queue_start(struct rte_eth_dev *dev, uint16_t index);
int mdev_virtio_tx_queue_stop(struct rte_eth_dev *dev, uint16_t index);

/* mdev_virtio_queue_info.c: see ethdev's operations of these names. */
void mdev_virtio_rxq_info_get(struct rte_eth_dev *dev, uint16_t index,
		struct rte_eth_rxq_info *info);
void mdev_virtio_txq_info_get(struct rte_eth_dev *dev, uint16_t index,
		struct rte_eth_txq_info *info);
/* Descriptors that came back and were not fetched; those beyond max need not be counted. */
uint16_t mdev_virtio_rx_used(const struct virtqueue *vq, uint16_t max);
mdev_virtio_queue_count mdev_virtio_rx_queue_count(void *rx_queue);
int mdev_virtio_rx_descriptor_status(void *rx_queue, uint16_t offset);
int mdev_virtio_tx_descriptor_status(void *tx_queue, uint16_t offset);
/* Descriptors that are the device's: an operation of ethdev since 24.03. */
int mdev_virtio_tx_queue_count(void *tx_queue);
int mdev_virtio_tx_done_cleanup(void *tx_queue, uint32_t count);
int mdev_virtio_get_monitor_addr(void *rx_queue, struct rte_power_monitor_cond *pmc);
/* Set those of them that are called like bursts; they are the same for every layout. */
void mdev_virtio_queue_info_init(struct rte_eth_dev *dev);

/* mdev_virtio_bursts.c */
/* The burst functions' flags, by what was negotiated and asked for. */
uint8_t mdev_virtio_rx_burst(const struct rte_eth_dev *dev);
uint8_t mdev_virtio_tx_burst(const struct rte_eth_dev *dev);
/* What receive bursts have to do besides, as struct virtqueue has it. */
uint64_t mdev_virtio_rx_offloads(const struct rte_eth_dev *dev);
/* What transmit bursts may ask the device for, likewise. */
uint64_t mdev_virtio_tx_offloads(const struct rte_eth_dev *dev);
/* Those of receive bursts changed: tell them, which may run. */
void mdev_virtio_rx_offloads_update(struct rte_eth_dev *dev);
/* Set this process's burst functions of a port that is started, by the link's state too. */
void mdev_virtio_select_bursts(struct rte_eth_dev *dev);
/* Packet types that received frames are marked with, if devargs ask for it. */
const uint32_t *
mdev_virtio_supported_ptypes_get(MDEV_VIRTIO_PTYPES_GET(dev, count));
int mdev_virtio_rx_burst_mode_get(struct rte_eth_dev *dev, uint16_t queue,
		struct rte_eth_burst_mode *mode);
int mdev_virtio_tx_burst_mode_get(struct rte_eth_dev *dev, uint16_t queue,
		struct rte_eth_burst_mode *mode);

/* mdev_virtio_devargs.c */
int mdev_virtio_devargs_parse(const char *name, const char *args,
		struct mdev_virtio_devargs *devargs);

/* mdev_virtio_announce.c */
/* What announcements need, if it is not there; 0 or a negative errno. */
int mdev_virtio_announce_init(struct rte_eth_dev *dev);
void mdev_virtio_announce_free(struct rte_eth_dev *dev);
/* If the device asks for an announcement: prepare one and acknowledge. */
void mdev_virtio_announce(struct rte_eth_dev *dev);

/* mdev_virtio_rxintr.c */
/* Interrupt vectors; those of receive queues as EAL numbers them. */
#define MDEV_VIRTIO_CONFIG_VECTOR 0
#define MDEV_VIRTIO_RX_VECTOR(queue) (RTE_INTR_VEC_RXTX_OFFSET + (queue))
/* Receive queues that are to have interrupts. */
uint16_t mdev_virtio_rxintr_count(const struct rte_eth_dev *dev);
/* Does the device have a vector for them? Logs if it has not. */
int mdev_virtio_rxintr_check(const struct rte_eth_dev *dev);
/* Eventfds in the port's interrupt handle; nothing is left of a failure. */
int mdev_virtio_rxintr_open(struct rte_eth_dev *dev);
void mdev_virtio_rxintr_close(struct rte_eth_dev *dev);
/* Tell the device which queue has which vector. */
int mdev_virtio_rxintr_set_vectors(struct rte_eth_dev *dev);
/* The same of one receive virtqueue. */
int mdev_virtio_rxintr_set_vector(struct rte_eth_dev *dev, uint16_t vq_index);
/* mdev_virtio_rxintr_shared.c */
/* The vector of a receive queue: there may be fewer than queues. */
uint16_t mdev_virtio_rxintr_vector(const struct rte_eth_dev *dev, uint16_t queue);
/* What the vectors behind that of the configuration are to signal; how many they are. */
uint16_t mdev_virtio_rxintr_fds(const struct rte_eth_dev *dev, int *fds);
/* The configuration's vector was signalled: it may be that of receive queues. */
void mdev_virtio_rxintr_config_event(const struct rte_eth_dev *dev);
/* One vector for all receive queues, if there has to be. */
int mdev_virtio_rxintr_shared_open(struct rte_eth_dev *dev);
void mdev_virtio_rxintr_shared_close(struct rte_eth_dev *dev);

/* Enable again what was enabled before a reset; no owner is in a burst. */
void mdev_virtio_rxintr_restore(struct rte_eth_dev *dev);
/* Wake who waits for any of them. */
void mdev_virtio_rxintr_raise(struct rte_eth_dev *dev);
int mdev_virtio_rx_queue_intr_enable(struct rte_eth_dev *dev, uint16_t index);
int mdev_virtio_rx_queue_intr_disable(struct rte_eth_dev *dev, uint16_t index);

/* mdev_virtio_intr.c */
/*
 * Interrupts of the configuration and, if the port has them, of receive queues. No
 * error if the device has none and nobody asked for them. Logs.
 */
int mdev_virtio_intr_enable(struct rte_eth_dev *dev);
void mdev_virtio_intr_disable(struct rte_eth_dev *dev);
/* Tell a device that was reset of the interrupts that are enabled. */
int mdev_virtio_intr_restore(struct rte_eth_dev *dev);
/* Look whether the device asks for a reset; reported once. */
bool mdev_virtio_needs_reset(struct rte_eth_dev *dev);

/*
 * How long a process waits for the answer of another one. It passes through the IPC
 * thread of the primary, which may be at a command to a device, and that behind one of
 * another thread.
 */
#define MDEV_VIRTIO_MP_TIMEOUT_S (2 * VIRTIO_CVQ_COMMAND_S + 1)

/* mdev_virtio_mp.c */
/* Tell secondary processes to begin no bursts, but to say where they are. */
void mdev_virtio_mp_pausing(const struct rte_eth_dev *dev);
/* Tell secondary processes that the queues of a port can be used. */
void mdev_virtio_mp_started(const struct rte_eth_dev *dev);
/*
 * Tell them to begin no more bursts, wait until they have heard it, for a bounded time,
 * and a moment for bursts that have begun.
 */
void mdev_virtio_mp_stopping(const struct rte_eth_dev *dev);
/*
 * Answer the primary process, for good, and with no port too: to a primary that tells of
 * a port, silence looks like a process that hangs, and EAL asks no other one after that.
 * 0 or a negative errno.
 */
int mdev_virtio_secondary_listen(void);
/*
 * Make a port of the primary process usable in this secondary one. Owns the transport
 * if it succeeds.
 */
int mdev_virtio_secondary_attach(struct rte_eth_dev *dev,
		struct virtio_transport *tr);
/* Free what this process has of the port. */
int mdev_virtio_secondary_close(struct rte_eth_dev *dev);

/* mdev_virtio_mp_ctrl.c */
/* Do what secondary processes ask for, from the end of a start on. */
void mdev_virtio_control_open(const struct rte_eth_dev *dev);
/* Do no more of it; what is under way is waited for. */
void mdev_virtio_control_close(const struct rte_eth_dev *dev);
/* Is this thread, which takes answers of other processes too, doing so? */
bool mdev_virtio_serving(void);
extern const struct eth_dev_ops mdev_virtio_secondary_ops;

/* mdev_virtio_telemetry.c: in a primary process. */
/* From now on telemetry reads the port, or does not. */
void mdev_virtio_telemetry_add(const struct rte_eth_dev *dev);
void mdev_virtio_telemetry_remove(const struct rte_eth_dev *dev);
/*
 * Around a look at queues by who does not control the port: telemetry asks for statistics and
 * dumps, too, in its own thread. Nothing that waits for the device is done in between.
 */
void mdev_virtio_queues_lock(void);
void mdev_virtio_queues_unlock(void);
/* To free queues that the port no longer has: wait for who has found them there. */
void mdev_virtio_queues_sync(void);
/*
 * Around what waits for the device, by who does not control the port: telemetry asks for
 * dumps and registers. The port is not closed meanwhile. NULL if it is closed.
 */
struct mdev_virtio_process *mdev_virtio_process_get(const struct rte_eth_dev *dev);
void mdev_virtio_process_put(struct mdev_virtio_process *process);
/* From now on nobody finds what this process has of the port; wait for who has. */
void mdev_virtio_process_withdraw(struct rte_eth_dev *dev);

/* mdev_virtio_dump.c */
const char *mdev_virtio_layout_name(uint64_t features);
int mdev_virtio_priv_dump(struct rte_eth_dev *dev, FILE *file);
int mdev_virtio_get_reg(struct rte_eth_dev *dev, struct rte_dev_reg_info *info);
/*
 * What ethdev is told of the registers: their number, if it has no room for them yet. 0, or
 * -ENOTSUP if it wants another number.
 */
int mdev_virtio_reg_info(const struct rte_eth_dev *dev, struct rte_dev_reg_info *info);
/*
 * Read all of them, in the primary process: whoever selects a queue has the control lock.
 * 0, or a negative errno; a failure of the device is logged.
 */
int mdev_virtio_read_regs(struct rte_eth_dev *dev, uint32_t *words);

/* mdev_virtio_stats.c */
int mdev_virtio_stats_get(MDEV_VIRTIO_STATS_GET(dev, stats, qstats));
int mdev_virtio_stats_reset(struct rte_eth_dev *dev);
int mdev_virtio_xstats_get_names(struct rte_eth_dev *dev,
		struct rte_eth_xstat_name *names, unsigned int n);
int mdev_virtio_xstats_get(struct rte_eth_dev *dev, struct rte_eth_xstat *xstats,
		unsigned int n);

#endif /* MDEV_VIRTIO_ETHDEV_H */
