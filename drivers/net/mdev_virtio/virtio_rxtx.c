/* SPDX-License-Identifier: BSD-3-Clause */

/* Bursts: the tables of them, and what is not worth a variant for each ring. */

#include <rte_cpuflags.h>
#include <rte_vect.h>

#include "virtio_rx.h"
#include "virtio_rxtx.h"
#include "virtio_tx.h"
#include "virtio_variants.h"

/* Instruction sets; the first one also has what needs none. */
enum vec_set {
	VEC_128,
	VEC_AVX2,
	VEC_AVX512,
	VEC_SETS,
};

#if defined(RTE_ARCH_X86)
#define VEC128_NAME "SSE"
#elif defined(RTE_ARCH_ARM64)
#define VEC128_NAME "NEON"
#else
#define VEC128_NAME "128"
#endif

#define RX_ENTRY(suffix, flags, text) \
	[flags] = { virtio_recv_ ## suffix, text },
#define TX_ENTRY(suffix, flags, text) \
	[flags] = { virtio_xmit_ ## suffix, text },

/* One instruction set's bursts of either way, RX or TX. */
#define VECTOR_SET(way, set, name) \
	VIRTIO_ ## way ## _VECTOR_VARIANTS(way ## _ENTRY, set, name)

#ifdef VIRTIO_HAS_AVX2
#define AVX2_SET(way) [VEC_AVX2] = { VECTOR_SET(way, avx2, "AVX2") },
#else
#define AVX2_SET(way)
#endif
#ifdef VIRTIO_HAS_AVX512
#define AVX512_SET(way) [VEC_AVX512] = { VECTOR_SET(way, avx512, "AVX512") },
#else
#define AVX512_SET(way)
#endif

#define ALL_SETS(way) { \
	[VEC_128] = { \
		VIRTIO_ ## way ## _SPLIT_VARIANTS(way ## _ENTRY) \
		VIRTIO_ ## way ## _PACKED_VARIANTS(way ## _ENTRY) \
		VECTOR_SET(way, vec128, VEC128_NAME) \
	}, \
	AVX2_SET(way) \
	AVX512_SET(way) \
}

static const struct virtio_rx_burst
rx_bursts[VEC_SETS][BURST_FLAGS + 1] = ALL_SETS(RX);

static const struct virtio_tx_burst
tx_bursts[VEC_SETS][BURST_FLAGS + 1] = ALL_SETS(TX);

/* What each set was built for (meson.build): a processor may have a part of it. */
static enum vec_set
find_vec_set(void)
{
	const uint16_t bits = rte_vect_get_max_simd_bitwidth();

	RTE_SET_USED(bits);
#ifdef VIRTIO_HAS_AVX512
	if (bits >= RTE_VECT_SIMD_512 &&
			rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512F) > 0 &&
			rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512BW) > 0 &&
			rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512DQ) > 0 &&
			rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512VL) > 0)
		return VEC_AVX512;
#endif
#ifdef VIRTIO_HAS_AVX2
	if (bits >= RTE_VECT_SIMD_256 &&
			rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX2) > 0)
		return VEC_AVX2;
#endif
	return VEC_128;
}

/* Asked for by bursts too; the answer is the same for ever. */
static enum vec_set
vec_set(void)
{
	static int found = -1;

	if (unlikely(found < 0))
		found = find_vec_set();
	return found;
}

bool
virtio_vec_allowed(void)
{
	return rte_vect_get_max_simd_bitwidth() >= RTE_VECT_SIMD_128;
}

const struct virtio_rx_burst *
virtio_rx_burst(uint8_t flags)
{
	return &rx_bursts[(flags & BURST_VECTOR) != 0 ? vec_set() : VEC_128][flags];
}

const struct virtio_tx_burst *
virtio_tx_burst(uint8_t flags)
{
	return &tx_bursts[(flags & BURST_VECTOR) != 0 ? vec_set() : VEC_128][flags];
}

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
		received += virtio_rx_burst(ring->burst)->burst(ring,
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

static void
reclaim_packed(struct virtqueue *vq, uint16_t max)
{
	struct tx_free free;
	uint64_t word;

	free.count = 0;
	for (; max > 0 && packed_is_used(vq, vq->tail, &word); max--) {
		if (!tx_reclaim_id(vq, packed_id(word), &free))
			break;
	}
	tx_free_flush(&free);
}

/*
 * VIRTIO 1.2 s. 2.8.8: one element returns all frames up to its id. If these are too
 * many, the element is moved behind those that were taken: all of its descriptors are the
 * driver's.
 */
static void
reclaim_packed_in_order(struct virtqueue *vq, uint16_t max)
{
	struct tx_free free;
	uint16_t id, at;
	uint64_t word;

	free.count = 0;
	while (max > 0 && packed_is_used(vq, vq->tail, &word)) {
		id = packed_id(word);
		if (id >= vq->size || ((id - vq->tail) & vq->mask) >=
				(uint16_t)(vq->head - vq->tail)) {
			virtqueue_break(vq, "a buffer that it does not have", id);
			break;
		}
		do {
			at = vq->tail & vq->mask;
			tx_reclaim_id(vq, at, &free);
		} while (at != id && --max > 0);
		if (at != id)
			*packed_word(vq, vq->tail) = packed_pack(0, id,
					packed_used_flags(vq, vq->tail));
		else
			max--;
	}
	tx_free_flush(&free);
}

uint16_t
virtio_reclaim_some(struct virtqueue *vq, uint32_t max)
{
	uint16_t before = virtqueue_tx_outstanding(vq), count;

	if (before == 0)
		return 0;
	if (max == 0 || max >= before) {
		virtio_reclaim(vq);
	} else if (vq->packed && vq->in_order) {
		reclaim_packed_in_order(vq, max);
	} else if (vq->packed) {
		reclaim_packed(vq, max);
	} else {
		count = split_used_count(vq, vq->used_idx, before);
		count = RTE_MIN(count, max);
		if (vq->in_order)
			tx_reclaim_split_in_order(vq, count);
		else
			tx_reclaim_split(vq, count);
	}
	return before - virtqueue_tx_outstanding(vq);
}

bool
virtio_tx_attention(struct virtqueue *vq)
{
	struct rte_mbuf *m;

	if (vq->broken)
		return false;
	__atomic_store_n(&vq->attention, false, __ATOMIC_SEQ_CST);
	m = __atomic_exchange_n(&vq->inject, NULL, __ATOMIC_SEQ_CST);
	/* whoever hands frames over has few, and waits for those of before */
	virtio_reclaim(vq);
	if (m != NULL && virtio_tx_burst(vq->burst)->burst(vq, &m, 1) == 0)
		virtqueue_inject(vq, m); /* the ring is full: next time */
	return !vq->broken;
}
