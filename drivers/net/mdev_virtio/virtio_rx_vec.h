/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTIO_RX_VEC_H
#define VIRTIO_RX_VEC_H

/*
 * Receive eight frames at once, where that is all there is to it: the queue is in
 * sequence, the buffers came back in turn, each holds a whole frame of a good length,
 * and they do not wrap. Everything else is left to the body that takes one frame.
 */

#include "virtio_burst.h"
#include "virtio_vec.h"

#define RX_BLOCK 8

#define RX_SIGN RTE_BIT64(63)

/*
 * Lengths of eight used elements, with the header; false if they are not what is said
 * above. What is subtracted from an element leaves how much longer than the least its
 * length is, if the id is right, and something that is not in the range otherwise.
 */
static VIRTIO_BURST_INLINE bool
rx_block_split(const struct virtqueue *vq, uint16_t from, uint32_t min, uint32_t *len)
{
	const vec_words *elem = (const vec_words *)&vq->used->ring[from];
	const vec_words limit = (vec_words){ 0 } +
		((uint64_t)(vq->rx_buf_len - min) << 32);
	const vec_words *iota = (const vec_words *)vec_iota;
	vec_words bad = { 0 }, x, words;
	unsigned int i, j;

	for (i = 0; i < RX_BLOCK / VEC_LANES; i++) {
		words = elem[i];
		x = words - iota[i] - (((uint64_t)min << 32) + from);
		bad |= x & UINT32_MAX;
		if (VIRTQUEUE_CHECKS)
			bad |= (x | (limit - x)) & RX_SIGN;
		words >>= 32;
		for (j = 0; j < VEC_LANES; j++)
			len[i * VEC_LANES + j] = words[j];
	}
	return !vec_any(&bad);
}

/*
 * The same of a packed ring. All that is said of a descriptor is compared at once, so that
 * no branch or load waits for the one before it.
 */
static VIRTIO_BURST_INLINE bool
rx_block_packed(const struct virtqueue *vq, uint16_t position, uint16_t from,
		uint32_t min, uint32_t *len)
{
	const uint64_t fields = packed_pack(0, UINT16_MAX, PACKED_AVAIL | PACKED_USED);
	const uint16_t flags = packed_used_flags(vq, position);
	const uint64_t limit = vq->rx_buf_len - min;
	uint64_t word, bad = 0;
	unsigned int i;

#ifndef RTE_ARCH_X86
	if (packed_used_flags_run(vq, position, RX_BLOCK) < RX_BLOCK)
		return false;
#endif
	for (i = 0; i < RX_BLOCK; i++) {
		/* x86: what was written before the flags is seen with them */
		word = *(const volatile virtqueue_word64 *)
			&vq->packed_desc[from + i].len;
		len[i] = packed_len(word);
		bad |= (word ^ packed_pack(0, from + i, flags)) & fields;
		if (VIRTQUEUE_CHECKS)
			bad |= (limit - (len[i] - min)) & RX_SIGN;
	}
#ifdef RTE_ARCH_X86
	virtqueue_rmb(vq);
#endif
	return bad == 0;
}

/* Receive eight frames, or none. */
static VIRTIO_BURST_INLINE bool
rx_block(struct virtqueue *vq, uint16_t position, struct rte_mbuf **pkts,
		struct burst_sums *sums, const unsigned int flags)
{
	const uint32_t min = VIRTIO_NET_HDR_LEN + RTE_ETHER_HDR_LEN;
	const vec_pair start = { vq->rearm, vq->mbuf_flags };
	const uint32_t frame_offset = vq->frame_offset;
	uint16_t from = position & vq->mask, more = 0, num_buffers;
	uint32_t len[RX_BLOCK];
	const uint8_t *frame;
	unsigned int i;
	uint8_t group = 0;

	if (unlikely(from + RX_BLOCK > vq->size))
		return false;
	if ((flags & BURST_PACKED) != 0 ?
			!rx_block_packed(vq, position, from, min, len) :
			!rx_block_split(vq, from, min, len))
		return false;
	vec_copy8(pkts, &vq->mbuf[from]);
	if ((flags & BURST_MERGEABLE) != 0) {
		for (i = 0; i < RX_BLOCK; i++) {
			num_buffers = *(const volatile uint16_t *)RTE_PTR_ADD(pkts[i],
					frame_offset - sizeof(num_buffers));
			more |= num_buffers ^ rte_cpu_to_le_16(1);
		}
		if (unlikely(more != 0))
			return false;
	}
	for (i = 0; i < RX_BLOCK; i++) {
		frame = RTE_PTR_ADD(pkts[i], frame_offset);
		group |= frame[0];
		*(vec_pair *)&pkts[i]->data_off = start;
		rx_init_mbuf_len(pkts[i], len[i] - VIRTIO_NET_HDR_LEN);
		burst_count_len(sums, len[i] - VIRTIO_NET_HDR_LEN);
	}
	if (unlikely((group & RTE_ETHER_GROUP_ADDR) != 0)) {
		for (i = 0; i < RX_BLOCK; i++)
			burst_count_address(&vq->stats, RTE_PTR_ADD(pkts[i],
					frame_offset));
	}
	return true;
}

#endif /* VIRTIO_RX_VEC_H */
