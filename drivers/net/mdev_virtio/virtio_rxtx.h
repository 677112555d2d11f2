/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTIO_RXTX_H
#define VIRTIO_RXTX_H

/*
 * Burst functions; which one a port gets is decided when it is started. A choice is
 * kept as a number, since each process has addresses of its own.
 */

#include <stdbool.h>
#include <stdint.h>

#include <ethdev_driver.h>

#include "virtqueue.h"

struct virtio_rx_burst {
	eth_rx_burst_t burst;
	const char *info; /* what it is called, for users */
};

struct virtio_tx_burst {
	eth_tx_burst_t burst;
	const char *info;
};

/*
 * The functions with these flags, BURST_* of virtio_burst.h; those with vector
 * instructions for the largest set that the processor has and EAL allows.
 */
const struct virtio_rx_burst *virtio_rx_burst(uint8_t flags);
const struct virtio_tx_burst *virtio_tx_burst(uint8_t flags);

/* Does EAL allow any vector instructions (--force-max-simd-bitwidth)? */
bool virtio_vec_allowed(void);

/* Receive from a queue with siblings: all are polled. */
uint16_t virtio_recv_all(void *rx_queue, struct rte_mbuf **pkts, uint16_t count);

/* Give the device as many receive buffers as the ring has room for. */
void virtio_refill(struct virtqueue *vq);

/* Take back what the device has sent. */
void virtio_reclaim(struct virtqueue *vq);

/* The same, up to so many frames; 0: all. Returns how many. */
uint16_t virtio_reclaim_some(struct virtqueue *vq, uint32_t max);

/*
 * A transmit queue that is broken, or has a frame that another thread handed over.
 * Returns whether it can be used.
 */
bool virtio_tx_attention(struct virtqueue *vq);

#endif /* VIRTIO_RXTX_H */
