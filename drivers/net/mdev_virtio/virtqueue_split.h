/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTQUEUE_SPLIT_H
#define VIRTQUEUE_SPLIT_H

/*
 * The split virtqueue (VIRTIO 1.2 s. 2.7), driver's side.
 *
 * The device can write the whole ring, descriptors too, so nothing is read back from
 * it but the used ring, and that is checked: chains are linked in the driver's memory.
 */

#include <rte_byteorder.h>

#include "virtqueue.h"
#include "virtqueue_barrier.h"
#include "virtqueue_checks.h"

/* s. 2.7.7: what lies behind the entries of either ring. */
#define SPLIT_USED_EVENT(vq) \
	((volatile virtqueue_word16 *)&(vq)->avail->ring[(vq)->size])
#define SPLIT_AVAIL_EVENT(vq) \
	((volatile virtqueue_word16 *)&(vq)->used->ring[(vq)->size])

/*
 * Number of elements behind used_idx in the used ring. Breaks the queue, and returns 0,
 * if the device claims more than the outstanding ones that it was given.
 */
static VIRTIO_BURST_INLINE uint16_t
split_used_count(struct virtqueue *vq, uint16_t used_idx, uint16_t outstanding)
{
	uint16_t idx, count;

	idx = rte_le_to_cpu_16(*(volatile uint16_t *)&vq->used->idx);
	count = idx - used_idx;
	if (virtqueue_is_lie(count > outstanding)) {
		virtqueue_break(vq, "more buffers than it was given", count);
		return 0;
	}
	/* the elements are read after the index that covers them */
	virtqueue_rmb(vq);
	return count;
}

/* The used element at used_idx; read once, since the device may write it again. */
static VIRTIO_BURST_INLINE uint32_t
split_used_elem(const struct virtqueue *vq, uint16_t used_idx, uint32_t *len)
{
	const struct vring_used_elem *elem = &vq->used->ring[used_idx & vq->mask];
	uint64_t both = *(const volatile virtqueue_used_word *)elem;

#if RTE_BYTE_ORDER == RTE_LITTLE_ENDIAN
	*len = both >> 32;
	return (uint32_t)both;
#else
	*len = rte_le_to_cpu_32((uint32_t)both);
	return rte_le_to_cpu_32((uint32_t)(both >> 32));
#endif
}

static VIRTIO_BURST_INLINE uint32_t
split_used_id(const struct virtqueue *vq, uint16_t used_idx)
{
	const struct vring_used_elem *elem = &vq->used->ring[used_idx & vq->mask];

	return rte_le_to_cpu_32(*(const volatile uint32_t *)&elem->id);
}

/*
 * Put a chain into a place of the available ring; not yet visible. An entry that is
 * right is not written: the line stays the device's processor's.
 */
static VIRTIO_BURST_INLINE void
split_enqueue_avail(struct virtqueue *vq, uint16_t avail_idx, uint16_t head)
{
	volatile uint16_t *entry =
		(volatile uint16_t *)&vq->avail->ring[avail_idx & vq->mask];

	if (unlikely(*entry != rte_cpu_to_le_16(head)))
		*entry = rte_cpu_to_le_16(head);
}

static VIRTIO_BURST_INLINE void
split_write_desc(struct virtqueue *vq, uint16_t id, uint64_t addr, uint32_t len,
		uint16_t flags, uint16_t next)
{
	struct vring_desc *desc = &vq->desc[id];

	desc->addr = rte_cpu_to_le_64(addr);
#if RTE_BYTE_ORDER == RTE_LITTLE_ENDIAN
	*(virtqueue_word64 *)&desc->len = len | (uint64_t)flags << 32 |
		(uint64_t)next << 48;
#else
	desc->len = rte_cpu_to_le_32(len);
	desc->flags = rte_cpu_to_le_16(flags);
	desc->next = rte_cpu_to_le_16(next);
#endif
}

/* s. 2.7.13.3: descriptors and ring entries are visible before the index. */
static VIRTIO_BURST_INLINE void
split_publish(struct virtqueue *vq, uint16_t avail_idx)
{
	virtqueue_release(vq);
	*(volatile uint16_t *)&vq->avail->idx = rte_cpu_to_le_16(avail_idx);
}

/*
 * s. 2.7.13.4.1: the index is visible before it is read whether the device wants to
 * know, or both sides could wait for each other. old: the index before.
 */
static VIRTIO_BURST_INLINE void
split_kick(struct virtqueue *vq, uint16_t old, uint16_t avail_idx)
{
	uint16_t flags, event;

	virtqueue_mb(vq);
	if (vq->event_idx) {
		event = rte_le_to_cpu_16(*SPLIT_AVAIL_EVENT(vq));
		if ((uint16_t)(avail_idx - event - 1) < (uint16_t)(avail_idx - old))
			virtqueue_kick(vq);
		return;
	}
	flags = rte_le_to_cpu_16(*(volatile uint16_t *)&vq->used->flags);
	if ((flags & VRING_USED_F_NO_NOTIFY) == 0)
		virtqueue_kick(vq);
}

/*
 * With EVENT_IDX there is no flag (s. 2.7.7.1): the index at which an interrupt is
 * wanted is put as far away as it can be. That makes one interrupt of 65,536 buffers,
 * which is cheaper than to move it on.
 */
static inline void
split_disable_interrupts(struct virtqueue *vq, uint16_t used_idx)
{
	if (vq->event_idx)
		*SPLIT_USED_EVENT(vq) = rte_cpu_to_le_16(used_idx - 1);
	else
		*(volatile uint16_t *)&vq->avail->flags =
			rte_cpu_to_le_16(VRING_AVAIL_F_NO_INTERRUPT);
}

/*
 * s. 2.7.7.1: whether elements were returned before the device could see it; no
 * interrupt will come for those.
 */
static inline bool
split_enable_interrupts(struct virtqueue *vq, uint16_t used_idx)
{
	if (vq->event_idx)
		*SPLIT_USED_EVENT(vq) = rte_cpu_to_le_16(used_idx);
	else
		*(volatile uint16_t *)&vq->avail->flags = 0;
	virtqueue_mb(vq);
	return rte_le_to_cpu_16(*(volatile uint16_t *)&vq->used->idx) != used_idx;
}

#endif /* VIRTQUEUE_SPLIT_H */
