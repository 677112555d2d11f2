/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTIO_RX_H
#define VIRTIO_RX_H

/*
 * The body of the receive bursts. A receive buffer is one descriptor, so that positions
 * count both, and in a split ring also what is available and used.
 */

#include "virtio_burst.h"
#include "virtio_offload.h"
#include "virtio_rx_refill.h"

/* Where a burst is: written back when a frame is complete. */
struct rx_cursor {
	uint16_t position;
	uint16_t end;       /* split: of the used elements; packed: of the device's */
	uint16_t batch;     /* see struct virtqueue */
	uint32_t batch_len;
};

enum rx_result {
	RX_NOTHING, /* or not yet */
	RX_FRAME,
	RX_DROPPED,
};

/*
 * Header of a frame, right before it and in one buffer with it (VIRTIO 1.2 s. 2.7.4.1:
 * the device must not assume anything of the layout).
 */
static VIRTIO_BURST_INLINE struct virtio_net_hdr_v1_hash *
rx_header(const struct rte_mbuf *m, uint32_t hdr_len)
{
	return RTE_PTR_ADD(m->buf_addr, RTE_PKTMBUF_HEADROOM - hdr_len);
}

/*
 * s. 2.7.9 and 2.8.8: a device that keeps the order may return several buffers by one
 * element with the id of the last one; those before it are full. How many follow the one
 * at position; 0, and the queue is broken, if that buffer is not the device's.
 */
static __rte_noinline uint16_t
rx_begin_batch(struct virtqueue *vq, uint16_t position, uint16_t end, uint32_t id)
{
	uint16_t more = (id - position) & vq->mask;

	if (virtqueue_is_lie(id >= vq->size || more >= (uint16_t)(end - position))) {
		virtqueue_break(vq, "a buffer that it does not have", id);
		return 0;
	}
	return more;
}

/* The next buffer that came back; false if there is none. */
static VIRTIO_BURST_INLINE bool
rx_next(struct virtqueue *vq, struct rx_cursor *cur, uint32_t *id, uint32_t *len,
		const unsigned int flags)
{
	const bool packed = (flags & BURST_PACKED) != 0;
	uint64_t word;

	if (cur->position == cur->end)
		return false;
	if ((flags & BURST_IN_ORDER) != 0 && unlikely(cur->batch > 0)) {
		*id = cur->position & vq->mask;
		*len = --cur->batch == 0 ? cur->batch_len : vq->rx_buf_len;
		return true;
	}
	if (packed) {
		if (!packed_is_used(vq, cur->position, &word))
			return false;
		*id = packed_id(word);
		*len = packed_len(word);
	} else {
		*id = split_used_elem(vq, cur->position, len);
	}
	if ((flags & BURST_IN_ORDER) != 0 &&
			unlikely(*id != (uint32_t)(cur->position & vq->mask))) {
		cur->batch = rx_begin_batch(vq, cur->position, cur->end, *id);
		if (cur->batch == 0)
			return false;
		cur->batch_len = *len;
		*id = cur->position & vq->mask;
		*len = vq->rx_buf_len;
	}
	return true;
}

/* The buffer of an id out of turn; NULL and the queue is broken if it is not the device's. */
static __rte_noinline struct rte_mbuf *
rx_find(struct virtqueue *vq, uint16_t position, uint32_t id)
{
	vq->tail = position; /* up to there it is the driver's */
	virtqueue_leave_sequence(vq);
	if (virtqueue_is_lie(id >= vq->size || vq->mbuf[id] == NULL)) {
		virtqueue_break(vq, "a buffer that it does not have", id);
		return NULL;
	}
	return vq->mbuf[id];
}

static VIRTIO_BURST_INLINE struct rte_mbuf *
rx_buffer(struct virtqueue *vq, uint16_t position, uint32_t id)
{
	if (likely(vq->in_sequence && id == (uint32_t)(position & vq->mask)))
		return vq->mbuf[id];
	return rx_find(vq, position, id);
}

/* It is the driver's from now on. */
static VIRTIO_BURST_INLINE void
rx_take(struct virtqueue *vq, uint16_t position, uint32_t id)
{
	if (unlikely(!vq->in_sequence)) {
		vq->mbuf[id] = NULL;
		vq->ids[position & vq->mask] = id;
	}
}

/* The device cannot have written more than the buffer holds, whatever it says. */
static inline uint32_t
rx_clamp(struct virtqueue *vq, uint32_t len)
{
	if (virtqueue_is_lie(len > vq->rx_buf_len)) {
		vq->stats.clamped++;
		return vq->rx_buf_len;
	}
	return len;
}

static VIRTIO_BURST_INLINE void
rx_init_mbuf_len(struct rte_mbuf *m, uint32_t len)
{
	RTE_BUILD_BUG_ON(offsetof(struct rte_mbuf, pkt_len) !=
		offsetof(struct rte_mbuf, packet_type) + 4);
	RTE_BUILD_BUG_ON(offsetof(struct rte_mbuf, data_len) !=
		offsetof(struct rte_mbuf, pkt_len) + 4);
	RTE_BUILD_BUG_ON(offsetof(struct rte_mbuf, vlan_tci) !=
		offsetof(struct rte_mbuf, data_len) + 2);

#if RTE_BYTE_ORDER == RTE_LITTLE_ENDIAN
	*(virtqueue_word64 *)&m->packet_type = (uint64_t)len << 32;
	*(virtqueue_word64 *)&m->data_len = (uint16_t)len;
#else
	m->packet_type = 0;
	m->pkt_len = len;
	m->data_len = len;
	m->vlan_tci = 0;
	m->hash.rss = 0;
#endif
}

/* All that bursts set in an mbuf: what is in a pool has no next segment. */
static VIRTIO_BURST_INLINE void
rx_init_mbuf(const struct virtqueue *vq, struct rte_mbuf *m, uint32_t len)
{
	RTE_BUILD_BUG_ON(offsetof(struct rte_mbuf, data_off) % 8 != 0);
	RTE_BUILD_BUG_ON(offsetof(struct rte_mbuf, ol_flags) !=
		offsetof(struct rte_mbuf, data_off) + 8);
	RTE_BUILD_BUG_ON(offsetof(struct rte_mbuf, packet_type) !=
		offsetof(struct rte_mbuf, ol_flags) + 8);

	*(virtqueue_word64 *)&m->data_off = vq->rearm;
	m->ol_flags = vq->mbuf_flags;
	rx_init_mbuf_len(m, len);
}

#include "virtio_rx_vec.h"

/*
 * s. 5.1.6.4: a frame takes num_buffers buffers. Those after the first hold no header:
 * their data begin where the first has its header. Are all of them there?
 */
static VIRTIO_BURST_INLINE bool
rx_has(struct virtqueue *vq, const struct rx_cursor *cur, uint16_t more,
		const unsigned int flags)
{
	uint16_t position = cur->batch, step;
	uint64_t word;

	if ((uint16_t)(cur->end - cur->position) < more)
		return false;
	if ((flags & BURST_PACKED) == 0)
		return true;
	for (; position < more; position += step) {
		if (!packed_is_used(vq, cur->position + position, &word))
			return false;
		step = 1;
		if ((flags & BURST_IN_ORDER) != 0)
			step += (packed_id(word) - cur->position - position) &
				vq->mask;
	}
	return true;
}

/*
 * Append the next buffers, that are there. Returns how many; fewer than more if the
 * queue is broken.
 */
static VIRTIO_BURST_INLINE uint16_t
rx_append(struct virtqueue *vq, struct rx_cursor *cur, struct rte_mbuf *head,
		uint16_t more, const unsigned int flags)
{
	const uint32_t hdr_len = rx_hdr_len(vq, flags);
	struct rte_mbuf *tail = head, *m;
	uint32_t id, len, total = 0;
	uint16_t i;

	for (i = 0; i < more; i++) {
		if (!rx_next(vq, cur, &id, &len, flags)) {
			virtqueue_break(vq, "a frame without its end", i + 1);
			break;
		}
		m = rx_buffer(vq, cur->position, id);
		if (virtqueue_is_lie(m == NULL))
			break;
		if (virtqueue_is_lie(len == 0)) {
			virtqueue_break(vq, "an empty buffer of a frame", i + 1);
			break;
		}
		len = rx_clamp(vq, len);
		rx_take(vq, cur->position++, id);
		rx_init_mbuf(vq, m, len);
		m->data_off = RTE_PKTMBUF_HEADROOM - hdr_len;
		tail->next = m;
		tail = m;
		total += len;
	}
	head->nb_segs += i;
	head->pkt_len += total;
	return i;
}

/* Can a frame have so many buffers? If not, the queue is broken. */
static inline bool
rx_check_buffers(struct virtqueue *vq, uint16_t position, uint16_t buffers)
{
	/* more than the device has now can never become a frame */
	if (virtqueue_is_lie(buffers == 0 || buffers > (uint16_t)(vq->head - position))) {
		virtqueue_break(vq, "a number of buffers for a frame that cannot be",
			buffers);
		return false;
	}
	return true;
}

/*
 * A frame of several buffers, of which the first one, m, was looked at but not taken.
 * RX_DROPPED: it was begun, and the queue broke.
 */
static VIRTIO_BURST_INLINE enum rx_result
rx_frame_of_several(struct virtqueue *vq, struct rx_cursor *cur, struct rte_mbuf *m,
		uint32_t id, uint32_t len, uint16_t buffers, const unsigned int flags)
{
	struct rx_cursor next = *cur;

	if (!rx_check_buffers(vq, cur->position, buffers))
		return RX_NOTHING;
	next.position++;
	if (!rx_has(vq, &next, buffers - 1, flags))
		return RX_NOTHING;
	rx_take(vq, cur->position, id);
	rx_init_mbuf(vq, m, len - rx_hdr_len(vq, flags));
	if (likely(rx_append(vq, &next, m, buffers - 1, flags) == buffers - 1)) {
		*cur = next;
		return RX_FRAME;
	}
	*cur = next;
	rte_pktmbuf_free(m);
	return RX_DROPPED;
}

/* A length that no good frame has: what it is cut to, or 0 if the buffer is dropped. */
static __rte_noinline uint32_t
rx_check_len(struct virtqueue *vq, uint32_t hdr_len, uint32_t len)
{
	len = rx_clamp(vq, len);
	if (len >= hdr_len + RTE_ETHER_HDR_LEN)
		return len;
	vq->stats.errors++;
	return 0;
}

/* Where a burst begins. */
static VIRTIO_BURST_INLINE void
rx_cursor_init(struct virtqueue *vq, struct rx_cursor *cur, const unsigned int flags)
{
	cur->position = vq->tail;
	if ((flags & BURST_PACKED) != 0)
		cur->end = vq->head;
	else
		cur->end = vq->tail + split_used_count(vq, vq->tail,
				vq->head - vq->tail);
	cur->batch = (flags & BURST_IN_ORDER) != 0 ? vq->batch : 0;
	cur->batch_len = vq->batch_len;
}

/* Take the next frame. */
static VIRTIO_BURST_INLINE enum rx_result
rx_frame(struct virtqueue *vq, struct rx_cursor *cur, struct rte_mbuf **pkt,
		const unsigned int flags)
{
	const uint32_t hdr_len = rx_hdr_len(vq, flags);
	const uint32_t min = hdr_len + RTE_ETHER_HDR_LEN;
	struct rx_cursor next = *cur, several;
	enum rx_result result;
	struct rte_mbuf *m;
	uint16_t buffers;
	uint32_t id, len;

	if (!rx_next(vq, &next, &id, &len, flags))
		return RX_NOTHING;
	m = rx_buffer(vq, next.position, id);
	if (virtqueue_is_lie(m == NULL))
		return RX_NOTHING;
	if (virtqueue_is_lie(len - min > vq->rx_buf_len - min)) {
		len = rx_check_len(vq, hdr_len, len);
		if (len == 0) {
			rx_take(vq, next.position++, id);
			*cur = next;
			rte_mbuf_raw_free(m);
			return RX_DROPPED;
		}
	}
	if ((flags & BURST_MERGEABLE) != 0) {
		buffers = rte_le_to_cpu_16(*(const volatile uint16_t *)
			&rx_header(m, hdr_len)->hdr.num_buffers);
		if (unlikely(buffers != 1)) {
			several = next; /* whose address is taken, so that this one's is not */
			result = rx_frame_of_several(vq, &several, m, id, len,
					buffers, flags);
			if (result == RX_NOTHING)
				return RX_NOTHING;
			*cur = several;
			if (result == RX_DROPPED)
				return RX_DROPPED;
			goto complete;
		}
	}
	rx_take(vq, next.position++, id);
	rx_init_mbuf(vq, m, len - hdr_len);
	*cur = next;
complete:
	if ((flags & BURST_OFFLOAD) != 0 && !virtio_rx_offload(vq, m,
			rx_header(m, hdr_len)))
		return RX_DROPPED;
	*pkt = m;
	return RX_FRAME;
}

/* Take frames by eights, as long as that is possible; how many. */
static VIRTIO_BURST_INLINE uint16_t
rx_blocks(struct virtqueue *vq, struct rx_cursor *cur, struct rte_mbuf **pkts,
		uint16_t count, struct burst_sums *sums, const unsigned int flags)
{
	uint16_t received = 0;

	if (!vq->in_sequence || !vq->direct || cur->batch > 0)
		return 0;
	while (received + RX_BLOCK <= count &&
			(uint16_t)(cur->end - cur->position) >= RX_BLOCK &&
			rx_block(vq, cur->position, pkts + received, sums, flags)) {
		received += RX_BLOCK;
		cur->position += RX_BLOCK;
	}
	return received;
}

static VIRTIO_BURST_INLINE uint16_t
rx_burst(struct virtqueue *vq, struct rte_mbuf **pkts, uint16_t count,
		const unsigned int flags)
{
	struct burst_sums sums = { .bytes = 0 };
	uint16_t received = 0;
	struct rx_cursor cur;
	enum rx_result result;
	struct rte_mbuf *m;

	if (unlikely(vq->broken))
		return 0;
	rx_cursor_init(vq, &cur, flags);
	if ((flags & BURST_VECTOR) != 0)
		received = rx_blocks(vq, &cur, pkts, count, &sums, flags);
	while (received < count) {
		result = rx_frame(vq, &cur, &m, flags);
		if (result == RX_NOTHING)
			break;
		if (unlikely(result == RX_DROPPED)) {
			if (vq->broken)
				break;
			continue;
		}
		burst_count(&vq->stats, &sums, m->pkt_len, (flags & BURST_OFFLOAD) != 0 ?
			rte_pktmbuf_mtod(m, const void *) :
			RTE_PTR_ADD(m->buf_addr, RTE_PKTMBUF_HEADROOM));
		pkts[received++] = m;
	}
	vq->tail = cur.position;
	if ((flags & BURST_IN_ORDER) != 0) {
		vq->batch = cur.batch;
		vq->batch_len = cur.batch_len;
	}
	burst_publish_sums(&vq->stats, &sums, received);
	if (virtqueue_free_count(vq) >= vq->free_thresh && likely(!vq->broken))
		rx_refill(vq, flags);
	return received;
}

#endif /* VIRTIO_RX_H */
