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

/* Enqueue eight frames from a position on, or none. */
static VIRTIO_BURST_INLINE bool
tx_block(struct virtqueue *vq, struct tx_position *at, struct rte_mbuf **pkts,
		struct burst_sums *sums, const unsigned int flags)
{
	const bool packed = (flags & BURST_PACKED) != 0;
	uint16_t from = at->head & vq->mask;
	struct rte_mbuf *m;
	uint64_t addr;
	unsigned int i;
	char *hdr;

	if (unlikely(!vq->in_sequence || from + TX_BLOCK > vq->size) ||
			!tx_block_is_plain(vq, pkts))
		return false;
	for (i = 0; i < TX_BLOCK; i++) {
		m = pkts[i];
		hdr = rte_pktmbuf_mtod_offset(m, char *, -(int)VIRTIO_NET_HDR_LEN);
		tx_clear_header(hdr);
		addr = virtqueue_buf_addr(vq, m) + m->data_off - VIRTIO_NET_HDR_LEN;
		tx_write_desc(vq, at, from + i, addr, m->data_len + VIRTIO_NET_HDR_LEN,
			0, from + i, 0, packed);
		burst_count(vq, sums, m->pkt_len, hdr + VIRTIO_NET_HDR_LEN);
		at->head++;
	}
	vec_copy8(&vq->mbuf[from], pkts);
	if (!packed) {
		for (i = 0; i < TX_BLOCK; i++)
			split_enqueue_avail(vq, at->avail_idx++, from + i);
	}
	return true;
}

#endif /* VIRTIO_TX_VEC_H */
