/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTIO_RX_REFILL_H
#define VIRTIO_RX_REFILL_H

/* Receive bursts: buffers are taken from the pool and given to the device. */

#include <rte_mempool.h>

#include "virtio_burst.h"

/* mbufs that one refill step takes from the pool */
#define REFILL_BATCH 64

static VIRTIO_BURST_INLINE uint32_t
rx_hdr_len(const struct virtqueue *vq, const unsigned int flags)
{
	return (flags & BURST_OFFLOAD) != 0 ? vq->hdr_len : VIRTIO_NET_HDR_LEN;
}

static VIRTIO_BURST_INLINE uint64_t
rx_buf_addr(const struct virtqueue *vq, const struct rte_mbuf *m, uint32_t hdr_len)
{
	return virtqueue_buf_addr(vq, m) + RTE_PKTMBUF_HEADROOM - hdr_len;
}

/*
 * Give the device so many buffers, which are in mbuf[]; not yet visible. In sequence they do
 * not wrap, and what the queue says of them is read once: the compiler has to think that
 * each descriptor could be a part of it.
 */
static VIRTIO_BURST_INLINE void
rx_give_run(struct virtqueue *vq, uint16_t position, uint16_t count, uint32_t hdr_len,
		const bool packed)
{
	const uint16_t from = position & vq->mask, mbuf_addr = vq->mbuf_addr;
	const uint16_t flags = VRING_DESC_F_WRITE | packed_avail_flags(vq, position);
	struct vring_packed_desc *packed_desc = &vq->packed_desc[from];
	struct rte_mbuf **mbuf = &vq->mbuf[from];
	const uint32_t len = vq->rx_buf_len;
	struct vring_desc *desc = &vq->desc[from];
	uint64_t addr;
	uint16_t i;

	for (i = 0; i < count; i++) {
		addr = *(const uint64_t *)((const char *)mbuf[i] + mbuf_addr) +
			RTE_PKTMBUF_HEADROOM - hdr_len;
		if (packed) {
			packed_desc[i].addr = rte_cpu_to_le_64(addr);
			*(volatile virtqueue_word64 *)&packed_desc[i].len =
				packed_pack(len, from + i, flags);
		} else {
			desc[i].addr = rte_cpu_to_le_64(addr);
			split_enqueue_avail(vq, position + i, from + i);
		}
	}
}

static VIRTIO_BURST_INLINE void
rx_give(struct virtqueue *vq, uint16_t position, uint16_t count, uint32_t hdr_len,
		const bool in_sequence, const bool packed)
{
	uint16_t id, i;
	uint64_t addr;

	if (in_sequence) {
		rx_give_run(vq, position, count, hdr_len, packed);
		return;
	}
	for (i = 0; i < count; i++, position++) {
		id = vq->ids[position & vq->mask];
		addr = rx_buf_addr(vq, vq->mbuf[id], hdr_len);
		if (packed) {
			packed_write_desc(vq, position, addr,
				packed_pack(vq->rx_buf_len, id, VRING_DESC_F_WRITE |
					packed_avail_flags(vq, position)));
		} else {
			vq->desc[id].addr = rte_cpu_to_le_64(addr);
			split_enqueue_avail(vq, position, id);
		}
	}
}

/*
 * Take buffers from the pool for a position and those behind it: how many, most at
 * most; 0 if the pool does not have so many.
 */
static VIRTIO_BURST_INLINE uint16_t
rx_alloc(struct virtqueue *vq, uint16_t position, uint16_t most, const bool in_sequence)
{
	uint16_t from = position & vq->mask, i;
	struct rte_mbuf *m[REFILL_BATCH];

	if (in_sequence) {
		most = RTE_MIN(most, vq->size - from);
		return rte_mempool_get_bulk(vq->mp, (void **)&vq->mbuf[from],
				most) == 0 ? most : 0;
	}
	if (rte_mempool_get_bulk(vq->mp, (void **)m, most) != 0)
		return 0;
	for (i = 0; i < most; i++)
		vq->mbuf[vq->ids[(position + i) & vq->mask]] = m[i];
	return most;
}

/* Give the device as many buffers as there is room for. Returns the new head. */
static VIRTIO_BURST_INLINE uint16_t
rx_fill(struct virtqueue *vq, uint32_t hdr_len, const bool in_sequence, const bool packed)
{
	uint16_t free = virtqueue_free_count(vq), most = REFILL_BATCH, batch, skip;
	uint16_t head = vq->head;

	while (free > 0) {
		batch = rx_alloc(vq, head, RTE_MIN(free, most), in_sequence);
		if (unlikely(batch == 0)) {
			/* a pool that has few must not leave the ring empty */
			most = RTE_MIN(free, most) / 2;
			if (most > 0)
				continue;
			vq->stats.nombuf += free;
			break;
		}
		/* the first descriptor of a packed ring becomes visible last */
		skip = packed && head == vq->head;
		rx_give(vq, head + skip, batch - skip, hdr_len, in_sequence, packed);
		head += batch;
		free -= batch;
	}
	return head;
}

static VIRTIO_BURST_INLINE void
rx_refill(struct virtqueue *vq, const unsigned int flags)
{
	const bool packed = (flags & BURST_PACKED) != 0;
	const uint32_t hdr_len = rx_hdr_len(vq, flags);
	uint16_t old = vq->head, id = vq->ids[old & vq->mask];

	if (likely(vq->in_sequence))
		vq->head = rx_fill(vq, hdr_len, true, packed);
	else
		vq->head = rx_fill(vq, hdr_len, false, packed);
	if (unlikely(vq->head == old))
		return;
	if (packed) {
		vq->packed_desc[old & vq->mask].addr = rte_cpu_to_le_64(
			rx_buf_addr(vq, vq->mbuf[id], hdr_len));
		packed_publish(vq, old, packed_pack(vq->rx_buf_len, id,
			VRING_DESC_F_WRITE | packed_avail_flags(vq, old)));
		packed_kick(vq);
	} else {
		split_publish(vq, vq->head);
		split_kick(vq, old, vq->head);
	}
}

#endif /* VIRTIO_RX_REFILL_H */
