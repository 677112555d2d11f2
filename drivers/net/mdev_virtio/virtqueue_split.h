/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTQUEUE_SPLIT_H
#define VIRTQUEUE_SPLIT_H

/*
 * The split virtqueue (VIRTIO 1.2 s. 2.7), driver's side. Its verbs are the phases of
 * a burst: reclaim, enqueue, publish, kick.
 *
 * The device can write the whole ring, descriptors too, so nothing is read back from
 * it but the used ring, and that is checked: chains are linked in the driver's memory.
 */

#include <rte_atomic.h>
#include <rte_byteorder.h>
#include <rte_prefetch.h>

#include "virtqueue.h"

/*
 * s. 2.7.13 and 6.1: a device that is not software on another processor takes
 * barriers for devices (ORDER_PLATFORM); for one that is, the weaker ones do.
 */
static inline void
virtqueue_rmb(const struct virtqueue *vq)
{
	if (vq->platform_order)
		rte_io_rmb();
	else
		rte_smp_rmb();
}

static inline void
virtqueue_wmb(const struct virtqueue *vq)
{
	if (vq->platform_order)
		rte_io_wmb();
	else
		rte_smp_wmb();
}

static inline void
virtqueue_mb(const struct virtqueue *vq)
{
	if (vq->platform_order)
		rte_mb();
	else
		rte_smp_mb();
}

/*
 * Number of used elements that have not been taken. Breaks the queue, and returns 0,
 * if the device claims more than it was given.
 */
static inline uint16_t
split_used_count(struct virtqueue *vq)
{
	uint16_t idx, count;

	idx = rte_le_to_cpu_16(*(volatile uint16_t *)&vq->used->idx);
	count = idx - vq->used_idx;
	if (unlikely(count > vq->size - vq->free_count)) {
		virtqueue_break(vq, "more buffers than it was given", count);
		return 0;
	}
	/* the elements are read after the index that covers them */
	virtqueue_rmb(vq);
	return count;
}

/*
 * Head of the chain that a used element returns, or NULL if it is not the device's to
 * return; the queue is broken then.
 */
static inline struct virtqueue_slot *
split_used_slot(struct virtqueue *vq, uint16_t used_idx, uint32_t *len)
{
	const struct vring_used_elem *elem = &vq->used->ring[used_idx & vq->mask];
	uint32_t id = rte_le_to_cpu_32(*(const volatile uint32_t *)&elem->id);

	if (unlikely(id >= vq->size || vq->slot[id].mbuf == NULL)) {
		virtqueue_break(vq, "a buffer that it does not have", id);
		return NULL;
	}
	*len = rte_le_to_cpu_32(*(const volatile uint32_t *)&elem->len);
	return &vq->slot[id];
}

/* Give a chain's descriptors back to the free list. */
static inline void
split_free_chain(struct virtqueue *vq, struct virtqueue_slot *head)
{
	vq->slot[head->last].next = vq->free_head;
	vq->free_head = head - vq->slot;
	vq->free_count += head->count;
	head->mbuf = NULL;
}

/* Put a chain into the next place of the available ring; not yet visible. */
static inline void
split_enqueue_avail(struct virtqueue *vq, uint16_t head)
{
	vq->avail->ring[vq->avail_idx++ & vq->mask] = rte_cpu_to_le_16(head);
}

static inline void
split_write_desc(struct virtqueue *vq, uint16_t id, uint64_t addr, uint32_t len,
		uint16_t flags, uint16_t next)
{
	struct vring_desc *desc = &vq->desc[id];

	desc->addr = rte_cpu_to_le_64(addr);
	desc->len = rte_cpu_to_le_32(len);
	desc->flags = rte_cpu_to_le_16(flags);
	desc->next = rte_cpu_to_le_16(next);
}

/* s. 2.7.13.3: descriptors and ring entries are visible before the index. */
static inline void
split_publish(struct virtqueue *vq)
{
	virtqueue_wmb(vq);
	*(volatile uint16_t *)&vq->avail->idx = rte_cpu_to_le_16(vq->avail_idx);
}

/*
 * s. 2.7.13.4.1: the index is visible before the flags are read, or both sides could
 * wait for each other.
 */
static inline void
split_kick(struct virtqueue *vq)
{
	uint16_t flags;

	virtqueue_mb(vq);
	flags = rte_le_to_cpu_16(*(volatile uint16_t *)&vq->used->flags);
	if ((flags & VRING_USED_F_NO_NOTIFY) == 0)
		virtqueue_kick(vq);
}

static inline void
split_disable_interrupts(struct virtqueue *vq)
{
	*(volatile uint16_t *)&vq->avail->flags =
		rte_cpu_to_le_16(VRING_AVAIL_F_NO_INTERRUPT);
}

/*
 * s. 2.7.7.1: whether elements were returned before the device could see it; no
 * interrupt will come for those.
 */
static inline bool
split_enable_interrupts(struct virtqueue *vq)
{
	*(volatile uint16_t *)&vq->avail->flags = 0;
	virtqueue_mb(vq);
	return rte_le_to_cpu_16(*(volatile uint16_t *)&vq->used->idx) !=
		vq->used_idx;
}

#endif /* VIRTQUEUE_SPLIT_H */
