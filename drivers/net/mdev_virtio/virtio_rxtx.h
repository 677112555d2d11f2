/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTIO_RXTX_H
#define VIRTIO_RXTX_H

/* Burst functions; which one a port gets is decided when it is started. */

#include <stdint.h>

#include <rte_mbuf.h>

#include "virtqueue.h"

uint16_t virtio_recv_split(void *rx_queue, struct rte_mbuf **pkts, uint16_t count);
uint16_t virtio_recv_split_mergeable(void *rx_queue, struct rte_mbuf **pkts,
		uint16_t count);
/* The same for a queue with siblings: all are polled. */
uint16_t virtio_recv_split_all(void *rx_queue, struct rte_mbuf **pkts,
		uint16_t count);
uint16_t virtio_recv_split_all_mergeable(void *rx_queue, struct rte_mbuf **pkts,
		uint16_t count);
uint16_t virtio_xmit_split(void *tx_queue, struct rte_mbuf **pkts, uint16_t count);

/* Give the device as many receive buffers as the ring has room for. */
void virtio_refill_split(struct virtqueue *vq);

#endif /* VIRTIO_RXTX_H */
