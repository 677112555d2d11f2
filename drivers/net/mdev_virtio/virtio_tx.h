/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTIO_TX_H
#define VIRTIO_TX_H

/*
 * The body of the transmit bursts: reclaim, enqueue, publish, kick.
 *
 * A plain frame has one segment that nobody else refers to and that is of the queue's
 * pool: its descriptors are one, its header lies in its headroom, and it goes back to
 * the pool without being looked at again. All others take the longer way.
 */

#include <rte_mempool.h>

#include "virtio_burst.h"
#include "virtio_offload.h"

/* mbufs that are collected before they are freed */
#define FREE_BATCH 32

static VIRTIO_BURST_INLINE uint32_t
tx_hdr_len(const struct virtqueue *vq, const unsigned int flags)
{
	return (flags & BURST_OFFLOAD) != 0 ? vq->hdr_len : VIRTIO_NET_HDR_LEN;
}

static VIRTIO_BURST_INLINE uint16_t
tx_outstanding(const struct virtqueue *vq)
{
	return vq->nr_plain + vq->nr_others;
}

/* mbufs on their way back. Not initialised as a whole: that is four lines of the stack. */
struct tx_free {
	uint16_t count;
	struct rte_mbuf *m[FREE_BATCH];
};

static inline void
tx_free_flush(struct tx_free *free)
{
	if (free->count > 0)
		rte_pktmbuf_free_bulk(free->m, free->count);
	free->count = 0;
}

/* Plain frames in sequence, from the tail on. */
static VIRTIO_BURST_INLINE void
tx_reclaim_plain(struct virtqueue *vq, uint16_t count)
{
	uint16_t from = vq->tail & vq->mask;
	uint16_t first = RTE_MIN(count, vq->size - from);

	/* before the first frame there is no pool */
	if (unlikely(count == 0))
		return;
	rte_mempool_put_bulk(vq->mp, (void **)&vq->mbuf[from], first);
	if (unlikely(count > first))
		rte_mempool_put_bulk(vq->mp, (void **)vq->mbuf, count - first);
	vq->tail += count;
	vq->nr_plain -= count;
}

/* Put the ids of a chain behind the free ones. */
static inline void
tx_free_ids(struct virtqueue *vq, uint16_t id, uint16_t count)
{
	uint16_t i;

	for (i = 0; i < count; i++) {
		vq->ids[(vq->tail + i) & vq->mask] = id;
		id = vq->chain[id].next;
	}
}

/* Take one buffer back. false: the device does not have it, and the queue is broken. */
static inline bool
tx_reclaim_id(struct virtqueue *vq, uint32_t id, struct tx_free *free)
{
	struct virtqueue_chain *chain;

	if (vq->in_sequence && id != (uint32_t)(vq->tail & vq->mask))
		virtqueue_leave_sequence(vq);
	if (unlikely(id >= vq->size || (!vq->in_sequence && vq->mbuf[id] == NULL))) {
		virtqueue_break(vq, "a buffer that it does not have", id);
		return false;
	}
	chain = &vq->chain[id];
	if (!vq->in_sequence)
		tx_free_ids(vq, id, chain->count);
	free->m[free->count++] = vq->mbuf[id];
	if (free->count == FREE_BATCH)
		tx_free_flush(free);
	vq->mbuf[id] = NULL;
	vq->tail += chain->count;
	if (chain->plain) {
		vq->nr_plain--;
	} else {
		vq->nr_others--;
		chain->count = 1;
		chain->plain = true;
	}
	return true;
}

/* How many of so many used elements return what is next in sequence. */
static VIRTIO_BURST_INLINE uint16_t
tx_split_run(const struct virtqueue *vq, uint16_t count)
{
	uint16_t i;

	for (i = 0; i < count; i++) {
		if (unlikely(split_used_id(vq, vq->used_idx + i) !=
				(uint32_t)((vq->tail + i) & vq->mask)))
			break;
	}
	return i;
}

/* Without VIRTIO_F_IN_ORDER: an element for each buffer. */
static VIRTIO_BURST_INLINE void
tx_reclaim_split(struct virtqueue *vq, uint16_t count)
{
	struct tx_free free;
	uint16_t run;

	free.count = 0;
	if (likely(vq->in_sequence && vq->nr_others == 0)) {
		run = tx_split_run(vq, count);
		tx_reclaim_plain(vq, run);
		vq->used_idx += run;
		count -= run;
	}
	for (; unlikely(count > 0); count--) {
		if (!tx_reclaim_id(vq, split_used_id(vq, vq->used_idx), &free))
			break;
		vq->used_idx++;
	}
	tx_free_flush(&free);
}

/* VIRTIO 1.2 s. 2.7.9: the index tells all. */
static VIRTIO_BURST_INLINE void
tx_reclaim_split_in_order(struct virtqueue *vq, uint16_t count)
{
	struct tx_free free;

	free.count = 0;
	vq->used_idx += count;
	if (likely(vq->nr_others == 0)) {
		tx_reclaim_plain(vq, count);
		return;
	}
	for (; count > 0; count--)
		tx_reclaim_id(vq, vq->tail & vq->mask, &free);
	tx_free_flush(&free);
}

static VIRTIO_BURST_INLINE void
tx_reclaim_packed(struct virtqueue *vq)
{
	struct tx_free free;
	uint16_t run;
	uint64_t word;

	free.count = 0;
	if (likely(vq->in_sequence && vq->nr_others == 0)) {
		run = packed_used_run(vq, vq->tail, vq->nr_plain);
		tx_reclaim_plain(vq, run);
	}
	while (tx_outstanding(vq) > 0 && packed_is_used(vq, vq->tail, &word)) {
		if (!tx_reclaim_id(vq, packed_id(word), &free))
			break;
	}
	tx_free_flush(&free);
}

/*
 * s. 2.8.8: an element with the id of the last buffer returns those before it too. How
 * many descriptors from a position on that is; 0, and the queue is broken, if the device
 * does not have that buffer.
 */
static VIRTIO_BURST_INLINE uint16_t
tx_batch(struct virtqueue *vq, uint16_t position, uint16_t id)
{
	uint16_t count = ((id - position) & vq->mask) + 1;

	if (likely(id < vq->size && count <= (uint16_t)(vq->head - position)))
		return count;
	virtqueue_break(vq, "a buffer that it does not have", id);
	return 0;
}

/* Chains up to that of an id; false if it is not the first descriptor of one. */
static inline bool
tx_reclaim_up_to(struct virtqueue *vq, uint16_t id, struct tx_free *free)
{
	uint16_t at;

	do {
		at = vq->tail & vq->mask;
		tx_reclaim_id(vq, at, free);
	} while (at != id && tx_outstanding(vq) > 0);
	if (likely(at == id))
		return true;
	virtqueue_break(vq, "a buffer that it does not have", id);
	return false;
}

static VIRTIO_BURST_INLINE void
tx_reclaim_packed_in_order(struct virtqueue *vq)
{
	struct tx_free free;
	uint16_t run = 0, count;
	uint64_t word;

	free.count = 0;
	if (likely(vq->nr_others == 0)) {
		for (;;) {
			run += packed_used_run(vq, vq->tail + run,
					vq->nr_plain - run);
			if (run == vq->nr_plain ||
					!packed_is_used(vq, vq->tail + run, &word))
				break;
			count = tx_batch(vq, vq->tail + run, packed_id(word));
			if (unlikely(count == 0))
				break;
			run += count;
		}
		tx_reclaim_plain(vq, run);
		return;
	}
	while (tx_outstanding(vq) > 0 && packed_is_used(vq, vq->tail, &word)) {
		if (tx_batch(vq, vq->tail, packed_id(word)) == 0 ||
				!tx_reclaim_up_to(vq, packed_id(word), &free))
			break;
	}
	tx_free_flush(&free);
}

/* Take back what the device has sent. */
static VIRTIO_BURST_INLINE void
tx_reclaim(struct virtqueue *vq, const unsigned int flags)
{
	uint16_t count;

	if ((flags & BURST_PACKED) != 0) {
		if ((flags & BURST_IN_ORDER) != 0)
			tx_reclaim_packed_in_order(vq);
		else
			tx_reclaim_packed(vq);
		return;
	}
	count = split_used_count(vq, vq->used_idx, tx_outstanding(vq));
	if (count == 0)
		return;
	if ((flags & BURST_IN_ORDER) != 0)
		tx_reclaim_split_in_order(vq, count);
	else
		tx_reclaim_split(vq, count);
}

/* The header may go into the headroom of an mbuf that nobody else uses. */
static inline bool
tx_header_fits(const struct rte_mbuf *m, uint32_t hdr_len)
{
	return rte_mbuf_refcnt_read(m) == 1 && RTE_MBUF_DIRECT(m) &&
		m->data_off >= hdr_len;
}

/* s. 5.1.6.2: a header that asks for nothing; all its fields are 0. */
static VIRTIO_BURST_INLINE void
tx_clear_header(void *hdr)
{
	RTE_BUILD_BUG_ON(sizeof(struct virtio_net_hdr_v1) != 12);
	memset(hdr, 0, sizeof(struct virtio_net_hdr_v1));
}

static inline void
tx_write_header(const struct rte_mbuf *m, void *hdr, uint32_t hdr_len,
		const unsigned int flags)
{
	tx_clear_header(hdr);
	if ((flags & BURST_OFFLOAD) == 0)
		return;
	if (hdr_len > VIRTIO_NET_HDR_LEN)
		memset(RTE_PTR_ADD(hdr, VIRTIO_NET_HDR_LEN), 0,
			VIRTIO_NET_HDR_MAX_LEN - VIRTIO_NET_HDR_LEN);
	if ((m->ol_flags & VIRTIO_TX_OFFLOAD_FLAGS) != 0)
		virtio_tx_offload_frame(m, hdr);
}

/* s. 5.1.4.2: what is not segmented is no longer than the device's MTU allows. */
static VIRTIO_BURST_INLINE bool
tx_is_too_long(const struct virtqueue *vq, const struct rte_mbuf *m,
		const unsigned int flags)
{
	if (likely(m->pkt_len <= vq->max_frame))
		return false;
	return (flags & BURST_OFFLOAD) == 0 || (m->ol_flags &
		(RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_UDP_SEG)) == 0;
}

#define TX_SIGN RTE_BIT64(63)

/* refcnt and nb_segs are 1, as the words lie in an mbuf. */
#define TX_ONE_SEGMENT (1u | 1u << 16)

static VIRTIO_BURST_INLINE bool
tx_is_plain(const struct virtqueue *vq, const struct rte_mbuf *m,
		const unsigned int flags)
{
	uint64_t extra = RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;

	RTE_BUILD_BUG_ON(offsetof(struct rte_mbuf, nb_segs) !=
		offsetof(struct rte_mbuf, refcnt) + 2);
	if ((flags & BURST_OFFLOAD) != 0)
		extra |= RTE_MBUF_F_TX_VLAN;
	return *(const virtqueue_word32 *)&m->refcnt == TX_ONE_SEGMENT &&
		(m->ol_flags & extra) == 0 && m->pool == vq->mp &&
		m->data_off >= tx_hdr_len(vq, flags) &&
		!tx_is_too_long(vq, m, flags);
}

/* A descriptor of a chain; the first one of a burst is written last (packed). */
struct tx_position {
	uint16_t head;       /* next descriptor */
	uint16_t avail_idx;  /* split: next place in the available ring */
	uint16_t start;      /* packed: of the burst */
	uint64_t start_word;
};

static VIRTIO_BURST_INLINE void
tx_write_desc(struct virtqueue *vq, struct tx_position *at, uint16_t id, uint64_t addr,
		uint32_t len, uint16_t desc_flags, uint16_t buffer_id, uint16_t next,
		const bool packed)
{
	uint64_t word;

	if (!packed) {
		split_write_desc(vq, id, addr, len, desc_flags, next);
		return;
	}
	word = packed_pack(len, buffer_id,
			desc_flags | packed_avail_flags(vq, at->head));
	if (at->head == at->start) {
		at->start_word = word;
		vq->packed_desc[at->head & vq->mask].addr = rte_cpu_to_le_64(addr);
	} else {
		packed_write_desc(vq, at->head, addr, word);
	}
}

/* Enqueue a plain frame. */
static VIRTIO_BURST_INLINE void
tx_enqueue_plain(struct virtqueue *vq, struct tx_position *at, struct rte_mbuf *m,
		const unsigned int flags)
{
	const uint32_t hdr_len = tx_hdr_len(vq, flags);
	const bool packed = (flags & BURST_PACKED) != 0;
	uint16_t id = vq->ids[at->head & vq->mask];

	tx_write_header(m, rte_pktmbuf_mtod_offset(m, char *, -(int)hdr_len), hdr_len,
		flags);
	tx_write_desc(vq, at, id, virtqueue_buf_addr(vq, m) + m->data_off - hdr_len,
		m->data_len + hdr_len, 0, id, 0, packed);
	vq->mbuf[id] = m;
	at->head++;
	if (!packed)
		split_enqueue_avail(vq, at->avail_idx++, id);
}

/* Descriptors that a frame takes: one for the header if it is apart, and the segments. */
static inline uint16_t
tx_count_descs(const struct rte_mbuf *m, bool in_headroom)
{
	const struct rte_mbuf *seg = m;
	uint16_t count = in_headroom ? 0 : 1;

	if (in_headroom && m->data_len == 0)
		count++; /* the header makes it a buffer */
	for (; seg != NULL; seg = seg->next)
		count += seg->data_len != 0;
	return count;
}

/*
 * Enqueue any frame as a chain of so many descriptors, which are free. QEMU takes a
 * buffer of no bytes for a broken driver, so empty segments are left out.
 */
static inline void
tx_enqueue_chain(struct virtqueue *vq, struct tx_position *at, struct rte_mbuf *m,
		uint16_t count, bool in_headroom, const unsigned int flags)
{
	const uint32_t hdr_len = tx_hdr_len(vq, flags);
	const bool packed = (flags & BURST_PACKED) != 0;
	const uint16_t head_id = vq->ids[at->head & vq->mask];
	uint32_t header = in_headroom ? hdr_len : 0;
	struct rte_mbuf *seg = m;
	uint16_t i, id, next;
	uint64_t addr;
	uint32_t len;

	if (in_headroom)
		tx_write_header(m, rte_pktmbuf_mtod_offset(m, char *,
				-(int)hdr_len), hdr_len, flags);
	else
		tx_write_header(m, RTE_PTR_ADD(vq->mz->addr, vq->hdr_iova -
				vq->ring_iova + head_id * VIRTIO_NET_HDR_MAX_LEN),
				hdr_len, flags);
	for (i = 0; i < count; i++, at->head++) {
		id = vq->ids[at->head & vq->mask];
		next = vq->ids[(at->head + 1) & vq->mask];
		if (i == 0 && !in_headroom) {
			addr = vq->hdr_iova + head_id * VIRTIO_NET_HDR_MAX_LEN;
			len = hdr_len;
		} else {
			while (seg->data_len + header == 0)
				seg = seg->next;
			addr = virtqueue_buf_addr(vq, seg) + seg->data_off - header;
			len = seg->data_len + header;
			header = 0;
			seg = seg->next;
		}
		tx_write_desc(vq, at, id, addr, len,
			i + 1 < count ? VRING_DESC_F_NEXT : 0, head_id, next,
			packed);
		vq->mbuf[id] = NULL;
		vq->chain[id].next = next;
	}
	vq->mbuf[head_id] = m;
	vq->chain[head_id].count = count;
	vq->chain[head_id].plain = false;
	vq->nr_others++;
	if (!packed)
		split_enqueue_avail(vq, at->avail_idx++, head_id);
}

enum tx_result {
	TX_SENT,
	TX_DROPPED, /* freed, and counted */
	TX_FULL,
};

static inline enum tx_result
tx_drop(struct virtqueue *vq, struct rte_mbuf *m)
{
	rte_pktmbuf_free(m);
	vq->stats.errors++;
	return TX_DROPPED;
}

/*
 * The longer way. A pool of frames becomes the queue's when none of another pool are in
 * it; such a frame may be plain after all the next time.
 */
static inline enum tx_result
tx_enqueue_other(struct virtqueue *vq, struct tx_position *at, struct rte_mbuf **pkt,
		uint16_t plain, const unsigned int flags)
{
	const uint32_t hdr_len = tx_hdr_len(vq, flags);
	struct rte_mbuf *m = *pkt;
	bool in_headroom;
	uint16_t count;

	if (unlikely(tx_is_too_long(vq, m, flags)))
		return tx_drop(vq, m);
	if ((flags & BURST_OFFLOAD) != 0 &&
			(m->ol_flags & RTE_MBUF_F_TX_VLAN) != 0) {
		if (unlikely(rte_vlan_insert(pkt) != 0))
			return tx_drop(vq, m);
		m = *pkt;
	}
	if (vq->nr_plain + plain == 0)
		vq->mp = m->pool;
	in_headroom = tx_header_fits(m, hdr_len);
	count = tx_count_descs(m, in_headroom);
	if (unlikely(count > vq->size))
		return tx_drop(vq, m); /* it would never fit */
	if (unlikely(count > (uint16_t)(vq->tail + vq->size - at->head)))
		return TX_FULL;
	tx_enqueue_chain(vq, at, m, count, in_headroom, flags);
	return TX_SENT;
}

#include "virtio_tx_vec.h"

/* What a burst has enqueued and not published. */
struct tx_burst {
	struct tx_position at;
	uint16_t plain;      /* frames that are plain */
	uint16_t sent;       /* and all */
	struct burst_sums sums;
};

static VIRTIO_BURST_INLINE void
tx_begin(const struct virtqueue *vq, struct tx_burst *burst)
{
	burst->at.head = vq->head;
	burst->at.start = vq->head;
	burst->at.avail_idx = vq->avail_idx;
	burst->plain = 0;
	burst->sent = 0;
	memset(&burst->sums, 0, sizeof(burst->sums));
}

static VIRTIO_BURST_INLINE void
tx_publish(struct virtqueue *vq, const struct tx_burst *burst, const unsigned int flags)
{
	const struct tx_position *at = &burst->at;
	uint16_t old = vq->avail_idx;

	if (unlikely(burst->sent == 0))
		return;
	vq->nr_plain += burst->plain;
	vq->head = at->head;
	burst_publish_sums(vq, &burst->sums, burst->sent);
	if ((flags & BURST_PACKED) != 0) {
		packed_publish(vq, at->start, at->start_word);
		packed_kick(vq, at->start, at->head);
	} else {
		vq->avail_idx = at->avail_idx;
		split_publish(vq, at->avail_idx);
		split_kick(vq, old, at->avail_idx);
	}
}

/* Its first segment may be shorter than an address, or empty. */
static inline void
tx_count_other(struct virtqueue *vq, struct tx_burst *burst, const struct rte_mbuf *m)
{
	struct rte_ether_addr none = { .addr_bytes = { 0 } }, copy;
	const void *to = rte_pktmbuf_read(m, 0, sizeof(copy), &copy);

	burst_count(vq, &burst->sums, m->pkt_len, to != NULL ? to : &none);
}

static VIRTIO_BURST_INLINE enum tx_result
tx_enqueue(struct virtqueue *vq, struct tx_burst *burst, struct rte_mbuf **pkt,
		const unsigned int flags)
{
	struct rte_mbuf *m = *pkt;
	enum tx_result result;

	if (likely(tx_is_plain(vq, m, flags) &&
			burst->at.head != (uint16_t)(vq->tail + vq->size))) {
		burst_count(vq, &burst->sums, m->pkt_len,
			rte_pktmbuf_mtod(m, const void *));
		tx_enqueue_plain(vq, &burst->at, m, flags);
		burst->plain++;
		burst->sent++;
		return TX_SENT;
	}
	result = tx_enqueue_other(vq, &burst->at, pkt, burst->plain, flags);
	if (likely(result == TX_SENT)) {
		tx_count_other(vq, burst, *pkt);
		burst->sent++;
	}
	return result;
}

/* The ring is full: publish what there is, and look for room once more. */
static VIRTIO_BURST_INLINE enum tx_result
tx_enqueue_full(struct virtqueue *vq, struct tx_burst *burst, struct rte_mbuf **pkt,
		const unsigned int flags)
{
	tx_publish(vq, burst, flags);
	tx_begin(vq, burst);
	tx_reclaim(vq, flags);
	return vq->broken ? TX_FULL : tx_enqueue(vq, burst, pkt, flags);
}

/* Enqueue frames by eights, as long as that is possible; how many. */
static VIRTIO_BURST_INLINE uint16_t
tx_blocks(struct virtqueue *vq, struct tx_burst *burst, struct rte_mbuf **pkts,
		uint16_t count, const unsigned int flags)
{
	uint16_t room = vq->tail + vq->size - burst->at.head, sent = 0;

	count = RTE_MIN(count, room);
	while (sent + TX_BLOCK <= count && tx_block(vq, &burst->at, pkts + sent,
			&burst->sums, flags))
		sent += TX_BLOCK;
	burst->plain += sent;
	burst->sent += sent;
	return sent;
}

static VIRTIO_BURST_INLINE uint16_t
tx_burst(struct virtqueue *vq, struct rte_mbuf **pkts, uint16_t count,
		const unsigned int flags)
{
	struct tx_burst burst;
	enum tx_result result;
	uint16_t i = 0;

	if (virtqueue_free_count(vq) < RTE_MAX(vq->free_thresh, count))
		tx_reclaim(vq, flags);
	tx_begin(vq, &burst);
	if ((flags & BURST_VECTOR) != 0 && likely(!vq->broken))
		i = tx_blocks(vq, &burst, pkts, count, flags);
	for (; i < count && likely(!vq->broken); i++) {
		result = tx_enqueue(vq, &burst, &pkts[i], flags);
		if (unlikely(result == TX_FULL)) {
			result = tx_enqueue_full(vq, &burst, &pkts[i], flags);
			if (result == TX_FULL)
				break;
		}
	}
	tx_publish(vq, &burst, flags);
	return i;
}

#endif /* VIRTIO_TX_H */
