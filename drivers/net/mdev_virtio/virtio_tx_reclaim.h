/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTIO_TX_RECLAIM_H
#define VIRTIO_TX_RECLAIM_H

/* Transmit bursts: frames that the device has sent are taken back and freed. */

#include <rte_mempool.h>

#include "virtio_burst.h"

/* mbufs that are collected before they are freed */
#define FREE_BATCH 32

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

/* mbufs in sequence, from the tail on, that go to the pool as they are. */
static VIRTIO_BURST_INLINE void
tx_put(struct virtqueue *vq, uint16_t count)
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
}

/* Plain frames in sequence. */
static VIRTIO_BURST_INLINE void
tx_reclaim_plain(struct virtqueue *vq, uint16_t count)
{
	tx_put(vq, count);
	vq->nr_plain -= count;
}

/* The frame that is so many descriptors behind the tail will be put back with them. */
static inline uint16_t
tx_pass(struct virtqueue *vq, uint16_t run)
{
	struct virtqueue_chain *chain = &vq->chain[(vq->tail + run) & vq->mask];

	run += chain->count;
	if (chain->kind == VIRTQUEUE_PLAIN) {
		vq->nr_plain--;
		return run;
	}
	vq->nr_segments--;
	chain->count = 1;
	chain->kind = VIRTQUEUE_PLAIN;
	return run;
}

/* Plain frames and others in segments, as long as they come back in turn. */
static inline void
tx_reclaim_segments_packed(struct virtqueue *vq)
{
	uint16_t outstanding = vq->head - vq->tail, run = 0;
	uint64_t word;

	while (run < outstanding && packed_is_used(vq, vq->tail + run, &word) &&
			packed_id(word) == ((vq->tail + run) & vq->mask))
		run = tx_pass(vq, run);
	tx_put(vq, run);
}

/* How many of so many used elements that was. */
static inline uint16_t
tx_reclaim_segments_split(struct virtqueue *vq, uint16_t count, const bool in_order)
{
	uint16_t run = 0, i;

	for (i = 0; i < count; i++) {
		if (!in_order && split_used_id(vq, vq->used_idx + i) !=
				(uint32_t)((vq->tail + run) & vq->mask))
			break;
		run = tx_pass(vq, run);
	}
	tx_put(vq, run);
	return i;
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

static inline void
tx_free_mbuf(struct tx_free *free, struct rte_mbuf *m)
{
	free->m[free->count++] = m;
	if (free->count == FREE_BATCH)
		tx_free_flush(free);
}

/* Take one buffer back. false: the device does not have it, and the queue is broken. */
static inline bool
tx_reclaim_id(struct virtqueue *vq, uint32_t id, struct tx_free *free)
{
	struct virtqueue_chain *chain;
	uint16_t i;

	if (vq->in_sequence && id != (uint32_t)(vq->tail & vq->mask))
		virtqueue_leave_sequence(vq);
	if (virtqueue_is_lie(id >= vq->size ||
			(!vq->in_sequence && vq->mbuf[id] == NULL))) {
		virtqueue_break(vq, "a buffer that it does not have", id);
		return false;
	}
	chain = &vq->chain[id];
	if (!vq->in_sequence)
		tx_free_ids(vq, id, chain->count);
	tx_free_mbuf(free, vq->mbuf[id]);
	vq->mbuf[id] = NULL;
	vq->tail += chain->count;
	if (chain->kind == VIRTQUEUE_PLAIN) {
		vq->nr_plain--;
		return true;
	}
	if (chain->kind == VIRTQUEUE_SEGMENTS) {
		for (i = 1; i < chain->count; i++)
			tx_free_mbuf(free, vq->mbuf[(id + i) & vq->mask]);
		vq->nr_segments--;
	} else {
		vq->nr_others--;
	}
	chain->count = 1;
	chain->kind = VIRTQUEUE_PLAIN;
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
		if (likely(vq->nr_segments == 0)) {
			run = tx_split_run(vq, count);
			tx_reclaim_plain(vq, run);
		} else {
			run = tx_reclaim_segments_split(vq, count, false);
		}
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
		if (likely(vq->nr_segments == 0))
			tx_reclaim_plain(vq, count);
		else
			tx_reclaim_segments_split(vq, count, true);
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
		if (likely(vq->nr_segments == 0)) {
			run = packed_used_run(vq, vq->tail, vq->nr_plain);
			tx_reclaim_plain(vq, run);
		} else {
			tx_reclaim_segments_packed(vq);
		}
	}
	while (virtqueue_tx_outstanding(vq) > 0 && packed_is_used(vq, vq->tail, &word)) {
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

	if (virtqueue_is_lie(id >= vq->size || count > (uint16_t)(vq->head - position))) {
		virtqueue_break(vq, "a buffer that it does not have", id);
		return 0;
	}
	return count;
}

/* Chains up to that of an id; false if it is not the first descriptor of one. */
static inline bool
tx_reclaim_up_to(struct virtqueue *vq, uint16_t id, struct tx_free *free)
{
	uint16_t at;

	do {
		at = vq->tail & vq->mask;
		tx_reclaim_id(vq, at, free);
	} while (at != id && virtqueue_tx_outstanding(vq) > 0);
	if (virtqueue_is_lie(at != id)) {
		virtqueue_break(vq, "a buffer that it does not have", id);
		return false;
	}
	return true;
}

static VIRTIO_BURST_INLINE void
tx_reclaim_packed_in_order(struct virtqueue *vq)
{
	struct tx_free free;
	uint16_t run = 0, count;
	uint64_t word;

	free.count = 0;
	if (likely(vq->nr_others + vq->nr_segments == 0)) {
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
	if (likely(vq->nr_others == 0))
		tx_reclaim_segments_packed(vq);
	while (virtqueue_tx_outstanding(vq) > 0 && packed_is_used(vq, vq->tail, &word)) {
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
	count = split_used_count(vq, vq->used_idx, virtqueue_tx_outstanding(vq));
	if (count == 0)
		return;
	if ((flags & BURST_IN_ORDER) != 0)
		tx_reclaim_split_in_order(vq, count);
	else
		tx_reclaim_split(vq, count);
}

#endif /* VIRTIO_TX_RECLAIM_H */
