/* SPDX-License-Identifier: BSD-3-Clause */

/* Bursts on split virtqueues. */

#include <string.h>

#include <rte_ether.h>

#include "virtio_rxtx.h"
#include "virtqueue_split.h"

/* mbufs that one refill step takes from the pool */
#define REFILL_BATCH 64

/*
 * The header goes into the headroom right before the frame, in one buffer with it
 * (VIRTIO 1.2 s. 2.7.4.1: the device must not assume anything of the layout).
 */
static inline uint32_t
rx_buf_len(const struct rte_mbuf *m)
{
	return m->buf_len - RTE_PKTMBUF_HEADROOM + VIRTIO_NET_HDR_LEN;
}

static inline void
rx_enqueue(struct virtqueue *vq, struct rte_mbuf *m)
{
	uint16_t id = vq->free_head;
	struct virtqueue_slot *slot = &vq->slot[id];

	vq->free_head = slot->next;
	vq->free_count--;
	slot->mbuf = m;
	slot->last = id;
	slot->count = 1;
	split_write_desc(vq, id, virtqueue_buf_addr(vq, m) +
			RTE_PKTMBUF_HEADROOM - VIRTIO_NET_HDR_LEN,
			rx_buf_len(m), VRING_DESC_F_WRITE, 0);
	split_enqueue_avail(vq, id);
}

void
virtio_refill_split(struct virtqueue *vq)
{
	uint16_t batch, i, most = REFILL_BATCH, added = 0;
	struct rte_mbuf *m[REFILL_BATCH];

	while (vq->free_count > 0) {
		batch = RTE_MIN(vq->free_count, most);
		if (unlikely(rte_pktmbuf_alloc_bulk(vq->mp, m, batch) != 0)) {
			/* a pool that has few must not leave the ring empty */
			most = batch / 2;
			if (most > 0)
				continue;
			vq->stats.nombuf += vq->free_count;
			break;
		}
		for (i = 0; i < batch; i++)
			rx_enqueue(vq, m[i]);
		added += batch;
	}
	if (added > 0) {
		split_publish(vq);
		split_kick(vq);
	}
}

/*
 * Take a buffer that the device filled with len bytes. The length is cut to what the
 * buffer has: the device cannot have written more, whatever it says.
 */
static inline struct rte_mbuf *
rx_take(struct virtqueue *vq, struct virtqueue_slot *slot, uint32_t *len)
{
	struct rte_mbuf *m = slot->mbuf;

	if (unlikely(*len > rx_buf_len(m))) {
		*len = rx_buf_len(m);
		vq->stats.clamped++;
	}
	split_free_chain(vq, slot);
	return m;
}

/* Header of a frame, right before it. */
static inline const struct virtio_net_hdr_v1 *
rx_header(const struct rte_mbuf *m)
{
	return (const struct virtio_net_hdr_v1 *)((const char *)m->buf_addr +
			RTE_PKTMBUF_HEADROOM - VIRTIO_NET_HDR_LEN);
}

static inline void
rx_init_mbuf(const struct virtqueue *vq, struct rte_mbuf *m, uint32_t len)
{
	m->data_off = RTE_PKTMBUF_HEADROOM;
	m->data_len = len;
	m->pkt_len = len;
	m->port = vq->port_id;
	m->nb_segs = 1;
	m->next = NULL;
	m->ol_flags &= RTE_MBUF_F_EXTERNAL; /* of the pool, not of the frame */
	m->packet_type = 0;
	m->vlan_tci = 0;
}

/*
 * s. 5.1.6.4: a frame takes num_buffers buffers, all returned by then. The buffers
 * after the first hold no header: their data begin where the first has its header.
 *
 * Returns the number of used elements taken, or 0 if the queue is broken; what was
 * taken by then is freed with the frame.
 */
static inline uint16_t
rx_append(struct virtqueue *vq, struct rte_mbuf *head, uint16_t used_idx,
		uint16_t more)
{
	struct rte_mbuf *tail = head, *m;
	struct virtqueue_slot *slot;
	uint32_t len;
	uint16_t i;

	for (i = 0; i < more; i++) {
		slot = split_used_slot(vq, used_idx + i, &len);
		if (unlikely(slot == NULL))
			return i;
		if (unlikely(len == 0)) {
			virtqueue_break(vq, "an empty buffer of a frame", i + 1);
			return i;
		}
		m = rx_take(vq, slot, &len);
		rx_init_mbuf(vq, m, len);
		m->data_off = RTE_PKTMBUF_HEADROOM - VIRTIO_NET_HDR_LEN;
		tail->next = m;
		tail = m;
		head->nb_segs++;
		head->pkt_len += len;
	}
	return more;
}

/*
 * Take the frame at the head of the used ring, which has avail elements. Returns the
 * number of elements that it took, 0 if there is no whole frame (yet). *pkt is NULL if
 * the frame was dropped.
 */
static __rte_always_inline uint16_t
rx_frame(struct virtqueue *vq, uint16_t avail, struct rte_mbuf **pkt,
		const bool mergeable)
{
	uint16_t buffers = 1, taken;
	struct virtqueue_slot *slot;
	struct rte_mbuf *m;
	uint32_t len;

	*pkt = NULL;
	slot = split_used_slot(vq, vq->used_idx, &len);
	if (unlikely(slot == NULL))
		return 0;
	if (unlikely(len < VIRTIO_NET_HDR_LEN + RTE_ETHER_HDR_LEN)) {
		rte_pktmbuf_free(rx_take(vq, slot, &len));
		vq->stats.errors++;
		return 1;
	}
	if (mergeable) {
		buffers = rte_le_to_cpu_16(*(const volatile uint16_t *)
				&rx_header(slot->mbuf)->num_buffers);
		/* more than the device has now can never become a frame */
		if (unlikely(buffers == 0 ||
				buffers > vq->size - vq->free_count)) {
			virtqueue_break(vq, "a number of buffers for a frame that cannot be",
				buffers);
			return 0;
		}
		if (unlikely(buffers > avail))
			return 0;
	}
	m = rx_take(vq, slot, &len);
	rx_init_mbuf(vq, m, len - VIRTIO_NET_HDR_LEN);
	if (mergeable && buffers > 1) {
		taken = rx_append(vq, m, vq->used_idx + 1, buffers - 1);
		if (unlikely(taken < buffers - 1)) {
			rte_pktmbuf_free(m);
			return 1 + taken;
		}
	}
	*pkt = m;
	return buffers;
}

static __rte_always_inline uint16_t
recv_split(struct virtqueue *vq, struct rte_mbuf **pkts, uint16_t count,
		const bool mergeable)
{
	uint16_t avail, taken, received = 0;
	uint64_t bytes = 0;
	struct rte_mbuf *m;

	if (unlikely(vq->broken))
		return 0;
	avail = split_used_count(vq);
	while (avail > 0 && received < count) {
		taken = rx_frame(vq, avail, &m, mergeable);
		if (unlikely(taken == 0))
			break;
		vq->used_idx += taken;
		avail -= taken;
		if (unlikely(m == NULL)) {
			if (vq->broken)
				break;
			continue;
		}
		bytes += m->pkt_len;
		pkts[received++] = m;
	}
	vq->stats.packets += received;
	vq->stats.bytes += bytes;
	if (vq->free_count >= vq->free_thresh && likely(!vq->broken))
		virtio_refill_split(vq);
	return received;
}

uint16_t
virtio_recv_split(void *rx_queue, struct rte_mbuf **pkts, uint16_t count)
{
	return recv_split(rx_queue, pkts, count, false);
}

uint16_t
virtio_recv_split_mergeable(void *rx_queue, struct rte_mbuf **pkts, uint16_t count)
{
	return recv_split(rx_queue, pkts, count, true);
}

/*
 * Each ring has its turn to be the first: a busy one must not keep the others from
 * being polled.
 */
static __rte_always_inline uint16_t
recv_split_all(struct virtqueue *vq, struct rte_mbuf **pkts, uint16_t count,
		const bool mergeable)
{
	struct virtqueue *first = vq->turn, *ring = first;
	uint16_t received = 0;

	do {
		received += recv_split(ring, pkts + received, count - received,
				mergeable);
		ring = ring->sibling != NULL ? ring->sibling : vq;
	} while (ring != first && received < count);
	vq->turn = first->sibling != NULL ? first->sibling : vq;
	return received;
}

uint16_t
virtio_recv_split_all(void *rx_queue, struct rte_mbuf **pkts, uint16_t count)
{
	return recv_split_all(rx_queue, pkts, count, false);
}

uint16_t
virtio_recv_split_all_mergeable(void *rx_queue, struct rte_mbuf **pkts,
		uint16_t count)
{
	return recv_split_all(rx_queue, pkts, count, true);
}

/* Take back what the device has sent. */
static inline void
tx_reclaim(struct virtqueue *vq)
{
	struct virtqueue_slot *slot;
	uint16_t count;
	uint32_t len;

	for (count = split_used_count(vq); count > 0; count--) {
		slot = split_used_slot(vq, vq->used_idx, &len);
		if (unlikely(slot == NULL))
			return;
		rte_pktmbuf_free(slot->mbuf);
		split_free_chain(vq, slot);
		vq->used_idx++;
	}
}

/* The header may go into the headroom of an mbuf that nobody else uses. */
static inline bool
tx_header_fits(const struct rte_mbuf *m)
{
	return rte_mbuf_refcnt_read(m) == 1 && RTE_MBUF_DIRECT(m) &&
		m->data_off >= VIRTIO_NET_HDR_LEN;
}

/*
 * Enqueue a frame of m->nb_segs segments as one chain; the descriptors are there. The
 * header asks for nothing: all its fields are 0 (VIRTIO 1.2 s. 5.1.6.2).
 */
static inline void
tx_enqueue(struct virtqueue *vq, struct rte_mbuf *m)
{
	uint16_t head = vq->free_head, id = head, last = head, count = 0;
	bool in_headroom = tx_header_fits(m);
	struct virtqueue_slot *slot = vq->slot;
	uint32_t header = in_headroom ? VIRTIO_NET_HDR_LEN : 0;
	struct rte_mbuf *seg = m;

	if (in_headroom) {
		memset(rte_pktmbuf_mtod_offset(m, char *, -(int)VIRTIO_NET_HDR_LEN),
			0, VIRTIO_NET_HDR_LEN);
	} else {
		split_write_desc(vq, id, vq->hdr_iova + id * VIRTIO_NET_HDR_LEN,
			VIRTIO_NET_HDR_LEN, VRING_DESC_F_NEXT, slot[id].next);
		id = slot[id].next;
		count++;
	}
	for (; seg != NULL; seg = seg->next) {
		/* QEMU takes a buffer of no bytes for a broken driver */
		if (unlikely(seg->data_len + header == 0))
			continue;
		split_write_desc(vq, id,
			virtqueue_buf_addr(vq, seg) + seg->data_off - header,
			seg->data_len + header, VRING_DESC_F_NEXT,
			slot[id].next);
		header = 0;
		last = id;
		id = slot[id].next;
		count++;
	}
	vq->desc[last].flags = 0;
	vq->free_head = id;
	vq->free_count -= count;
	slot[head].mbuf = m;
	slot[head].last = last;
	slot[head].count = count;
	split_enqueue_avail(vq, head);
}

/* Descriptors that a frame takes at most. */
static inline uint32_t
tx_needed(const struct rte_mbuf *m)
{
	return m->nb_segs + 1u;
}

static __rte_always_inline uint16_t
xmit_split(struct virtqueue *vq, struct rte_mbuf **pkts, uint16_t count)
{
	uint16_t i, sent = 0;
	uint64_t bytes = 0;
	struct rte_mbuf *m;

	if (vq->free_count < RTE_MAX(vq->free_thresh, count))
		tx_reclaim(vq);
	for (i = 0; i < count && likely(!vq->broken); i++) {
		m = pkts[i];
		/* it would never fit, or the device must not get it: s. 5.1.4.2 */
		if (unlikely(tx_needed(m) > vq->size || m->pkt_len > vq->max_frame)) {
			rte_pktmbuf_free(m);
			vq->stats.errors++;
			continue;
		}
		if (unlikely(tx_needed(m) > vq->free_count)) {
			tx_reclaim(vq);
			if (tx_needed(m) > vq->free_count)
				break;
		}
		bytes += m->pkt_len;
		tx_enqueue(vq, m);
		sent++;
	}
	if (sent > 0) {
		vq->stats.packets += sent;
		vq->stats.bytes += bytes;
		split_publish(vq);
		split_kick(vq);
	}
	return i;
}

/* A broken queue, or one with a frame that another thread handed over. */
static __rte_noinline bool
tx_attention(struct virtqueue *vq)
{
	struct rte_mbuf *m;

	if (vq->broken)
		return false;
	__atomic_store_n(&vq->attention, false, __ATOMIC_SEQ_CST);
	m = __atomic_exchange_n(&vq->inject, NULL, __ATOMIC_SEQ_CST);
	/* whoever hands frames over has few, and waits for those of before */
	tx_reclaim(vq);
	if (m != NULL && xmit_split(vq, &m, 1) == 0)
		virtqueue_inject(vq, m); /* the ring is full: next time */
	return !vq->broken;
}

uint16_t
virtio_xmit_split(void *tx_queue, struct rte_mbuf **pkts, uint16_t count)
{
	struct virtqueue *vq = tx_queue;

	if (unlikely(vq->attention) && !tx_attention(vq))
		return 0;
	return xmit_split(vq, pkts, count);
}
