/* SPDX-License-Identifier: BSD-3-Clause */

/* Bursts: the tables of them, and what is not worth a variant for each ring. */

#include "virtio_rx.h"
#include "virtio_rxtx.h"
#include "virtio_tx.h"
#include "virtio_variants.h"

/*
 * Each ring has its turn to be the first: a busy one must not keep the others from
 * being polled.
 */
uint16_t
virtio_recv_all(void *rx_queue, struct rte_mbuf **pkts, uint16_t count)
{
	struct virtqueue *vq = rx_queue, *first = vq->turn, *ring = first;
	uint16_t received = 0;

	do {
		received += virtio_rx_bursts[ring->burst].burst(ring,
				pkts + received, count - received);
		ring = ring->sibling != NULL ? ring->sibling : vq;
	} while (ring != first && received < count);
	vq->turn = first->sibling != NULL ? first->sibling : vq;
	return received;
}

void
virtio_refill(struct virtqueue *vq)
{
	if (vq->packed)
		rx_refill(vq, BURST_PACKED | BURST_OFFLOAD);
	else
		rx_refill(vq, BURST_OFFLOAD);
}

void
virtio_reclaim(struct virtqueue *vq)
{
	if (vq->packed && vq->in_order)
		tx_reclaim(vq, BURST_PACKED | BURST_IN_ORDER);
	else if (vq->packed)
		tx_reclaim(vq, BURST_PACKED);
	else if (vq->in_order)
		tx_reclaim(vq, BURST_IN_ORDER);
	else
		tx_reclaim(vq, 0);
}

bool
virtio_tx_attention(struct virtqueue *vq)
{
	const unsigned int flags = vq->burst;
	struct rte_mbuf *m;

	if (vq->broken)
		return false;
	__atomic_store_n(&vq->attention, false, __ATOMIC_SEQ_CST);
	m = __atomic_exchange_n(&vq->inject, NULL, __ATOMIC_SEQ_CST);
	/* whoever hands frames over has few, and waits for those of before */
	virtio_reclaim(vq);
	if (m != NULL && virtio_tx_bursts[flags].burst(vq, &m, 1) == 0)
		virtqueue_inject(vq, m); /* the ring is full: next time */
	return !vq->broken;
}

#define RX_ENTRY(suffix, flags, text) \
	[flags] = { virtio_recv_ ## suffix, text },
#define TX_ENTRY(suffix, flags, text) \
	[flags] = { virtio_xmit_ ## suffix, text },

const struct virtio_rx_burst virtio_rx_bursts[VIRTIO_RX_BURSTS] = {
	VIRTIO_RX_SPLIT_VARIANTS(RX_ENTRY)
	VIRTIO_RX_PACKED_VARIANTS(RX_ENTRY)
};

const struct virtio_tx_burst virtio_tx_bursts[VIRTIO_TX_BURSTS] = {
	VIRTIO_TX_SPLIT_VARIANTS(TX_ENTRY)
	VIRTIO_TX_PACKED_VARIANTS(TX_ENTRY)
};
