/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MDEV_VIRTIO_ETHDEV_H
#define MDEV_VIRTIO_ETHDEV_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>

#include <ethdev_driver.h>

#include "mdev_virtio_compat.h"
#include "virtio_transport.h"
#include "virtqueue.h"

/* What the user asked for. */
struct mdev_virtio_devargs {
	bool mrg_rxbuf; /* take VIRTIO_NET_F_MRG_RXBUF if it is offered */
};

/*
 * A port, in memory that all processes share: no function pointer, and no address of
 * a mapping. Written by the control thread of the primary process.
 */
struct mdev_virtio_hw {
	uint64_t features;        /* as negotiated last */
	struct mdev_virtio_devargs devargs;
	uint16_t max_mtu;         /* of the device */
	uint64_t rx_offload_capa; /* RTE_ETH_RX_OFFLOAD_* */
	uint16_t rx_ring_max;     /* largest ring that the device takes */
	uint16_t tx_ring_max;
	uint32_t vectors;         /* interrupt vectors that the device has */
	uint32_t secondaries;     /* processes that have the port too; atomic */
	int config_efd;           /* primary: config interrupt; -1: none */
	bool needs_reset;         /* DEVICE_NEEDS_RESET was seen since start */
	bool runaway;             /* was not reset: may still use its queues */
	bool config_failed;       /* the configuration cannot be read, as was said */
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

/* Virtqueues of a queue pair (VIRTIO 1.2 s. 5.1.2). */
#define VIRTIO_NET_RX_VQ(pair) (2 * (pair))
#define VIRTIO_NET_TX_VQ(pair) (2 * (pair) + 1)

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

/* Choose the burst functions by what was negotiated. */
void mdev_virtio_select_bursts(struct rte_eth_dev *dev);

/* See ethdev's dev_infos_get. */
int mdev_virtio_dev_infos_get(struct rte_eth_dev *dev, struct rte_eth_dev_info *info);

/* Read the link status; 0 if it changed, -1 if not, as ethdev's link_update. */
int mdev_virtio_link_update(struct rte_eth_dev *dev, int wait);

/* mdev_virtio_queue.c */
int mdev_virtio_rx_queue_setup(struct rte_eth_dev *dev, uint16_t index,
		uint16_t nb_desc, unsigned int socket_id,
		const struct rte_eth_rxconf *conf, struct rte_mempool *mp);
int mdev_virtio_tx_queue_setup(struct rte_eth_dev *dev, uint16_t index,
		uint16_t nb_desc, unsigned int socket_id,
		const struct rte_eth_txconf *conf);
void mdev_virtio_rx_queue_release(struct rte_eth_dev *dev, uint16_t index);
void mdev_virtio_tx_queue_release(struct rte_eth_dev *dev, uint16_t index);
/* Hand the queues over to the device, which is at FEATURES_OK. Logs a failure. */
int mdev_virtio_queues_start(struct rte_eth_dev *dev);
/* Take back what the queues hold from a device that was reset. */
void mdev_virtio_queues_stop(struct rte_eth_dev *dev);
/* Set this process's doorbell of a queue that was started. */
void mdev_virtio_find_doorbell(struct mdev_virtio_process *process,
		const struct virtqueue *vq);
/* Can every receive buffer hold a frame of this MTU by itself? */
bool mdev_virtio_buffers_hold(const struct rte_eth_dev *dev, uint16_t mtu);
/* Does a frame of this MTU fit the receive buffers? Logs if it does not. */
int mdev_virtio_check_mtu(struct rte_eth_dev *dev, uint16_t mtu);

/* mdev_virtio_devargs.c */
int mdev_virtio_devargs_parse(const char *name, const char *args,
		struct mdev_virtio_devargs *devargs);

/* mdev_virtio_intr.c */
/* Interrupts of the configuration; no error if the device has none. */
int mdev_virtio_intr_enable(struct rte_eth_dev *dev);
void mdev_virtio_intr_disable(struct rte_eth_dev *dev);
/* Look whether the device asks for a reset; reported once. */
bool mdev_virtio_needs_reset(struct rte_eth_dev *dev);

/* mdev_virtio_mp.c */
/* Tell secondary processes that the queues of a port can be used. */
void mdev_virtio_mp_started(const struct rte_eth_dev *dev);
/* Tell them to leave the queues alone, and wait until they do, for a bounded time. */
void mdev_virtio_mp_stopping(const struct rte_eth_dev *dev);
/*
 * Make a port of the primary process usable in this secondary one. Owns the transport
 * if it succeeds.
 */
int mdev_virtio_secondary_attach(struct rte_eth_dev *dev,
		struct virtio_transport *tr);
/* Free what this process has of the port. */
int mdev_virtio_secondary_close(struct rte_eth_dev *dev);
extern const struct eth_dev_ops mdev_virtio_secondary_ops;

/* mdev_virtio_stats.c */
int mdev_virtio_stats_get(MDEV_VIRTIO_STATS_GET(dev, stats, qstats));
int mdev_virtio_stats_reset(struct rte_eth_dev *dev);
int mdev_virtio_xstats_get_names(struct rte_eth_dev *dev,
		struct rte_eth_xstat_name *names, unsigned int n);
int mdev_virtio_xstats_get(struct rte_eth_dev *dev, struct rte_eth_xstat *xstats,
		unsigned int n);

#endif /* MDEV_VIRTIO_ETHDEV_H */
