/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTIO_TX_VEC_H
#define VIRTIO_TX_VEC_H

/*
 * Enqueue eight plain frames at once, where the queue is in sequence and they do not
 * wrap. Everything else is left to the body that sends one frame.
 */

#include "virtio_burst.h"
#include "virtio_vec.h"

#define TX_BLOCK 8

/* tx_is_plain() of eight frames, without a branch for each. */
static VIRTIO_BURST_INLINE bool
tx_block_is_plain(const struct virtqueue *vq, struct rte_mbuf **pkts)
{
	const uint64_t one_segment = (uint64_t)TX_ONE_SEGMENT << 16;
	const uint64_t segment_mask = (uint64_t)UINT32_MAX << 16;
	const uint64_t shared = RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;
	uint64_t bad = 0, word;
	const struct rte_mbuf *m;
	unsigned int i;

	RTE_BUILD_BUG_ON(offsetof(struct rte_mbuf, refcnt) !=
		offsetof(struct rte_mbuf, data_off) + 2);
	for (i = 0; i < TX_BLOCK; i++) {
		m = pkts[i];
		word = *(const virtqueue_word64 *)&m->data_off;
		bad |= (word ^ one_segment) & segment_mask;
		bad |= m->ol_flags & shared;
		bad |= (uintptr_t)m->pool ^ (uintptr_t)vq->mp;
		/* differences of what is less than 2^32: the sign says which is less */
		bad |= ((uint64_t)(uint16_t)word - VIRTIO_NET_HDR_LEN) & TX_SIGN;
		bad |= ((uint64_t)vq->max_frame - m->pkt_len) & TX_SIGN;
	}
	return bad == 0;
}

/* Write headers, and what the descriptors say. */
static VIRTIO_BURST_INLINE void
tx_block_frames(struct virtqueue *vq, struct tx_position *at, struct rte_mbuf **pkts,
		struct burst_sums *sums, uint64_t *addr, uint32_t *len)
{
	const uint16_t mbuf_addr = vq->mbuf_addr;
	const struct rte_mbuf *m;
	const uint8_t *frame;
	uint8_t group = 0;
	unsigned int i;
	uint16_t off;

	for (i = 0; i < TX_BLOCK; i++) {
		m = pkts[i];
		off = m->data_off;
		frame = RTE_PTR_ADD(m->buf_addr, off);
		addr[i] = *(const uint64_t *)((const char *)m + mbuf_addr) + off -
			VIRTIO_NET_HDR_LEN;
		len[i] = m->data_len + VIRTIO_NET_HDR_LEN;
		burst_count_len(sums, m->data_len);
		group |= frame[0];
		tx_clear_header(at, RTE_PTR_SUB(frame, VIRTIO_NET_HDR_LEN));
	}
	if (unlikely((group & RTE_ETHER_GROUP_ADDR) != 0)) {
		for (i = 0; i < TX_BLOCK; i++)
			burst_count_address(&vq->stats, rte_pktmbuf_mtod(pkts[i], uint8_t *));
	}
}

/* The first descriptor of a burst is left to tx_publish(). */
static VIRTIO_BURST_INLINE void
tx_block_packed(struct virtqueue *vq, struct tx_position *at, uint16_t from,
		const uint64_t *addr, const uint32_t *len)
{
	struct vring_packed_desc *desc = &vq->packed_desc[from];
	const uint16_t flags = packed_avail_flags(vq, at->head);
	uint64_t word = packed_pack(len[0], from, flags);
	unsigned int i;

	for (i = 1; i < TX_BLOCK; i++) {
		desc[i].addr = rte_cpu_to_le_64(addr[i]);
		*(volatile virtqueue_word64 *)&desc[i].len =
			packed_pack(len[i], from + i, flags);
	}
	desc[0].addr = rte_cpu_to_le_64(addr[0]);
	if (at->head == at->start)
		at->start_word = word;
	else
		*(volatile virtqueue_word64 *)&desc[0].len = word;
}

static VIRTIO_BURST_INLINE void
tx_block_split(struct virtqueue *vq, struct tx_position *at, uint16_t from,
		const uint64_t *addr, const uint32_t *len)
{
	unsigned int i;

	for (i = 0; i < TX_BLOCK; i++) {
		split_write_desc(vq, from + i, addr[i], len[i], 0, 0);
		split_enqueue_avail(vq, at->avail_idx++, from + i);
	}
}

/* Enqueue eight frames from a position on, or none. */
static VIRTIO_BURST_INLINE bool
tx_block(struct virtqueue *vq, struct tx_position *at, struct rte_mbuf **pkts,
		struct burst_sums *sums, const unsigned int flags)
{
	uint16_t from = at->head & vq->mask;
	uint64_t addr[TX_BLOCK];
	uint32_t len[TX_BLOCK];

	if (unlikely(!vq->in_sequence || from + TX_BLOCK > vq->size) ||
			!tx_block_is_plain(vq, pkts))
		return false;
	tx_block_frames(vq, at, pkts, sums, addr, len);
	if ((flags & BURST_PACKED) != 0)
		tx_block_packed(vq, at, from, addr, len);
	else
		tx_block_split(vq, at, from, addr, len);
	vec_copy8(&vq->mbuf[from], pkts);
	at->head += TX_BLOCK;
	return true;
}

#endif /* VIRTIO_TX_VEC_H */
