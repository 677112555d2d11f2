/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTIO_TX_H
#define VIRTIO_TX_H

/*
 * The body of the transmit bursts: enqueue, publish, kick.
 *
 * A plain frame has one segment that nobody else refers to and that is of the queue's
 * pool: its descriptors are one, its header lies in its headroom, and it goes back to
 * the pool without being looked at again. All others take the longer way.
 */

#include "virtio_burst.h"
#include "virtio_offload.h"
#include "virtio_tx_reclaim.h"

static VIRTIO_BURST_INLINE uint32_t
tx_hdr_len(const struct virtqueue *vq, const unsigned int flags)
{
	return (flags & BURST_OFFLOAD) != 0 ? vq->hdr_len : VIRTIO_NET_HDR_LEN;
}

/* The header may go into the headroom of an mbuf that nobody else uses. */
static inline bool
tx_header_fits(const struct rte_mbuf *m, uint32_t hdr_len)
{
	return rte_mbuf_refcnt_read(m) == 1 && RTE_MBUF_DIRECT(m) &&
		m->data_off >= hdr_len;
}

/* A descriptor of a chain; the first one of a burst is written last (packed). */
struct tx_position {
	uint16_t head;       /* next descriptor */
	uint16_t avail_idx;  /* split: next place in the available ring */
	uint16_t start;      /* packed: of the burst */
	bool dirty;          /* a frame of the burst came with another header */
	uint64_t start_word;
};

/*
 * s. 5.1.6.2: a header that asks for nothing; all its fields are 0. What is there already is
 * not written: the cache line can stay with the device, which looked at it last. Where one
 * frame came with something else the next ones most likely do (num_buffers of what was
 * received), and are not looked at.
 */
static VIRTIO_BURST_INLINE void
tx_clear_header(struct tx_position *at, void *hdr)
{
	struct {
		uint64_t first;
		uint32_t last;
	} was;

	RTE_BUILD_BUG_ON(sizeof(struct virtio_net_hdr_v1) !=
		sizeof(was.first) + sizeof(was.last));
	if (!at->dirty) {
		memcpy(&was, hdr, sizeof(struct virtio_net_hdr_v1));
		if ((was.first | was.last) == 0)
			return;
		at->dirty = true;
	}
	memset(hdr, 0, sizeof(struct virtio_net_hdr_v1));
}

static inline void
tx_write_header(const struct virtqueue *vq, struct tx_position *at,
		const struct rte_mbuf *m, void *hdr, uint32_t hdr_len,
		const unsigned int flags)
{
	tx_clear_header(at, hdr);
	if ((flags & BURST_OFFLOAD) == 0)
		return;
	if (hdr_len > VIRTIO_NET_HDR_LEN)
		memset(RTE_PTR_ADD(hdr, VIRTIO_NET_HDR_LEN), 0,
			VIRTIO_NET_HDR_MAX_LEN - VIRTIO_NET_HDR_LEN);
	if ((m->ol_flags & vq->offloads) != 0)
		virtio_tx_offload_frame(m, vq->offloads, hdr);
}

/* s. 5.1.4.2: what is not segmented is no longer than the device's MTU allows. */
static VIRTIO_BURST_INLINE bool
tx_is_too_long(const struct virtqueue *vq, const struct rte_mbuf *m,
		const unsigned int flags)
{
	if (likely(m->pkt_len <= vq->max_frame))
		return false;
	return (flags & BURST_OFFLOAD) == 0 ||
		(m->ol_flags & vq->offloads & VIRTIO_TX_SEG_FLAGS) == 0;
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

	tx_write_header(vq, at, m, rte_pktmbuf_mtod_offset(m, char *, -(int)hdr_len), hdr_len,
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
		tx_write_header(vq, at, m, rte_pktmbuf_mtod_offset(m, char *,
				-(int)hdr_len), hdr_len, flags);
	else
		tx_write_header(vq, at, m, RTE_PTR_ADD(vq->mz->addr, vq->hdr_iova -
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
	vq->chain[head_id].kind = VIRTQUEUE_OTHER;
	vq->nr_others++;
	if (!packed)
		split_enqueue_avail(vq, at->avail_idx++, head_id);
}

/*
 * Descriptors of a frame all of whose segments could be plain frames; 0 if one could not. The
 * header lies in its headroom. Its address is still to be looked at when it is enqueued.
 */
static inline uint16_t
tx_count_segments(const struct virtqueue *vq, const struct rte_mbuf *m)
{
	const struct rte_mbuf *seg;
	uint16_t count = 0;

	if (!vq->in_sequence || m->data_len < RTE_ETHER_HDR_LEN)
		return 0;
	for (seg = m; seg != NULL; seg = seg->next, count++) {
		if (rte_mbuf_refcnt_read(seg) != 1 || !RTE_MBUF_DIRECT(seg) ||
				seg->pool != vq->mp || seg->data_len == 0)
			return 0;
	}
	return count;
}

/*
 * Enqueue such a frame. Its segments are parted, and each is kept with its descriptor, so that
 * they go back to the pool without being looked at again.
 */
static inline void
tx_enqueue_segments(struct virtqueue *vq, struct tx_position *at, struct rte_mbuf *m,
		uint16_t count, const unsigned int flags)
{
	const uint32_t hdr_len = tx_hdr_len(vq, flags);
	const bool packed = (flags & BURST_PACKED) != 0;
	const uint16_t head_id = at->head & vq->mask, mask = vq->mask;
	uint32_t header = hdr_len;
	struct rte_mbuf *next;
	uint16_t id = head_id;

	tx_write_header(vq, at, m, rte_pktmbuf_mtod_offset(m, char *, -(int)hdr_len), hdr_len,
		flags);
	vq->chain[head_id].count = count;
	vq->chain[head_id].kind = VIRTQUEUE_SEGMENTS;
	vq->nr_segments++;
	for (; m != NULL; m = next) {
		next = m->next;
		tx_write_desc(vq, at, id, virtqueue_buf_addr(vq, m) + m->data_off -
				header, m->data_len + header,
			next != NULL ? VRING_DESC_F_NEXT : 0, head_id,
			(id + 1) & mask, packed);
		vq->mbuf[id] = m;
		m->next = NULL;
		m->nb_segs = 1;
		header = 0;
		at->head++;
		id = at->head & mask;
	}
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
	uint16_t count, segments;
	bool in_headroom;

	if (unlikely(tx_is_too_long(vq, m, flags)))
		return tx_drop(vq, m);
	if ((flags & BURST_OFFLOAD) != 0 && (m->ol_flags & RTE_MBUF_F_TX_VLAN) != 0 &&
			unlikely(virtio_vlan_insert(m) != 0))
		return tx_drop(vq, m);
	if (vq->nr_plain + vq->nr_segments + plain == 0)
		vq->mp = m->pool;
	in_headroom = tx_header_fits(m, hdr_len);
	segments = in_headroom ? tx_count_segments(vq, m) : 0;
	count = segments > 0 ? segments : tx_count_descs(m, in_headroom);
	if (unlikely(count > vq->size))
		return tx_drop(vq, m); /* it would never fit */
	if (unlikely(count > (uint16_t)(vq->tail + vq->size - at->head)))
		return TX_FULL;
	if (segments > 0)
		tx_enqueue_segments(vq, at, m, count, flags);
	else
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
	burst->at.dirty = false;
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
	burst_publish_sums(&vq->stats, &burst->sums, burst->sent);
	if ((flags & BURST_PACKED) != 0) {
		packed_publish(vq, at->start, at->start_word);
		packed_kick(vq);
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

	burst_count(&vq->stats, &burst->sums, m->pkt_len, to != NULL ? to : &none);
}

static VIRTIO_BURST_INLINE enum tx_result
tx_enqueue(struct virtqueue *vq, struct tx_burst *burst, struct rte_mbuf **pkt,
		const unsigned int flags)
{
	struct rte_mbuf *m = *pkt;
	enum tx_result result;

	if (likely(tx_is_plain(vq, m, flags) &&
			burst->at.head != (uint16_t)(vq->tail + vq->size))) {
		burst_count(&vq->stats, &burst->sums, m->pkt_len,
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
