/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTQUEUE_PACKED_H
#define VIRTQUEUE_PACKED_H

/*
 * The packed virtqueue (VIRTIO 1.2 s. 2.8), driver's side.
 *
 * Of what the device can write, the id and length of used descriptors are read, once,
 * and the event suppression area.
 */

#include <string.h>

#include <rte_byteorder.h>

#include "virtqueue.h"
#include "virtqueue_barrier.h"

#define PACKED_AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define PACKED_USED (1u << VRING_PACKED_DESC_F_USED)

/* s. 2.8.1: the flags that make a descriptor at this position available. */
static VIRTIO_BURST_INLINE uint16_t
packed_avail_flags(const struct virtqueue *vq, uint16_t position)
{
	return (position & vq->size) == 0 ? PACKED_AVAIL : PACKED_USED;
}

/* And those with which it comes back: both are the wrap counter. */
static VIRTIO_BURST_INLINE uint16_t
packed_used_flags(const struct virtqueue *vq, uint16_t position)
{
	return (position & vq->size) == 0 ? PACKED_AVAIL | PACKED_USED : 0;
}

/* Length, id and flags of a descriptor as they lie there. */
static VIRTIO_BURST_INLINE uint64_t
packed_pack(uint32_t len, uint16_t id, uint16_t flags)
{
#if RTE_BYTE_ORDER == RTE_LITTLE_ENDIAN
	return len | (uint64_t)id << 32 | (uint64_t)flags << 48;
#else
	return (uint64_t)rte_cpu_to_le_32(len) << 32 |
		(uint32_t)rte_cpu_to_le_16(id) << 16 | rte_cpu_to_le_16(flags);
#endif
}

static VIRTIO_BURST_INLINE uint32_t
packed_len(uint64_t word)
{
#if RTE_BYTE_ORDER == RTE_LITTLE_ENDIAN
	return (uint32_t)word;
#else
	return rte_le_to_cpu_32((uint32_t)(word >> 32));
#endif
}

static VIRTIO_BURST_INLINE uint16_t
packed_id(uint64_t word)
{
#if RTE_BYTE_ORDER == RTE_LITTLE_ENDIAN
	return (uint16_t)(word >> 32);
#else
	return rte_le_to_cpu_16((uint16_t)(word >> 16));
#endif
}

static VIRTIO_BURST_INLINE volatile virtqueue_word64 *
packed_word(const struct virtqueue *vq, uint16_t position)
{
	return (volatile virtqueue_word64 *)&vq->packed_desc[position & vq->mask].len;
}

/*
 * Whether the descriptor at a position came back. Its other fields, which word has, are
 * those that go with the flags.
 */
static VIRTIO_BURST_INLINE bool
packed_is_used(const struct virtqueue *vq, uint16_t position, uint64_t *word)
{
	const uint16_t mask = PACKED_AVAIL | PACKED_USED;
#ifdef RTE_ARCH_X86
	/* one load: what was written before the flags is seen with them */
	*word = *packed_word(vq, position);
	if ((*word >> 48 & mask) != packed_used_flags(vq, position))
		return false;
	virtqueue_rmb(vq);
#else
	const struct vring_packed_desc *desc = &vq->packed_desc[position & vq->mask];
	uint16_t flags;

	flags = rte_le_to_cpu_16(*(const volatile uint16_t *)&desc->flags);
	if ((flags & mask) != packed_used_flags(vq, position))
		return false;
	/* the element is read after the flags that cover it */
	virtqueue_rmb(vq);
	*word = *packed_word(vq, position);
#endif
	return true;
}

#ifndef RTE_ARCH_X86
/*
 * How many descriptors from a position on, most at most, came back. One barrier behind the
 * flags of all (s. 2.8.15): their other fields, and what they cover, can be read then.
 */
static VIRTIO_BURST_INLINE uint16_t
packed_used_flags_run(const struct virtqueue *vq, uint16_t position, uint16_t most)
{
	const uint16_t mask = rte_cpu_to_le_16(PACKED_AVAIL | PACKED_USED);
	const struct vring_packed_desc *desc = vq->packed_desc;
	uint16_t flags, run;

	for (run = 0; run < most; run++, position++) {
		flags = *(const volatile uint16_t *)&desc[position & vq->mask].flags;
		if ((flags & mask) != rte_cpu_to_le_16(packed_used_flags(vq, position)))
			break;
	}
	if (run > 0)
		virtqueue_rmb(vq);
	return run;
}
#endif

/*
 * How many descriptors from a position on, most at most, came back each by itself and with
 * the id of its position: what a queue in sequence is about. No load waits for another one,
 * so that the processor has several under way.
 */
static VIRTIO_BURST_INLINE uint16_t
packed_used_run(const struct virtqueue *vq, uint16_t position, uint16_t most)
{
#ifdef RTE_ARCH_X86
	const uint64_t fields = packed_pack(0, UINT16_MAX, PACKED_AVAIL | PACKED_USED);
	const struct vring_packed_desc *desc = vq->packed_desc;
	const uint16_t mask = vq->mask, size = vq->size;
	uint64_t word, flags;
	uint16_t run, at;

	for (run = 0; run < most; run++, position++) {
		at = position & mask;
		word = *(const volatile virtqueue_word64 *)&desc[at].len;
		flags = (position & size) == 0 ? PACKED_AVAIL | PACKED_USED : 0;
		if (((word ^ packed_pack(0, at, flags)) & fields) != 0)
			break;
	}
	virtqueue_rmb(vq);
#else
	uint16_t run;

	most = packed_used_flags_run(vq, position, most);
	for (run = 0; run < most; run++, position++) {
		if (packed_id(*packed_word(vq, position)) != (position & vq->mask))
			break;
	}
#endif
	return run;
}

static VIRTIO_BURST_INLINE void
packed_write_desc(struct virtqueue *vq, uint16_t position, uint64_t addr,
		uint64_t word)
{
	vq->packed_desc[position & vq->mask].addr = rte_cpu_to_le_64(addr);
	*packed_word(vq, position) = word;
}

/*
 * s. 2.8.6: all that is behind it is written before the device sees the first
 * descriptor. Until then it looks as it did.
 */
static VIRTIO_BURST_INLINE void
packed_publish(struct virtqueue *vq, uint16_t position, uint64_t word)
{
	virtqueue_release(vq);
	*packed_word(vq, position) = word;
}

/*
 * s. 2.8.10: does the device want to know of what was published last?
 *
 * An event index says that nobody needs to tell before that descriptor is available: so the
 * device is told unless it is one of the free ones. That the index lies behind what it knew
 * before is no reason not to: QEMU goes to sleep with such an index (doc/decisions.md), and
 * a device that is busy has flags to say that it needs no telling.
 */
static VIRTIO_BURST_INLINE bool
packed_wants_kick(struct virtqueue *vq)
{
	uint32_t both = *(const volatile virtqueue_word32 *)vq->device_event;
	struct vring_packed_desc_event event;
	uint16_t flags, off_wrap, at, round = 2 * vq->size - 1;

	memcpy(&event, &both, sizeof(event));
	flags = rte_le_to_cpu_16(event.flags) & 3;
	if (likely(flags == VRING_PACKED_EVENT_FLAG_DISABLE))
		return false;
	if (flags != VRING_PACKED_EVENT_FLAG_DESC || !vq->event_idx)
		return true;
	off_wrap = rte_le_to_cpu_16(event.off_wrap);
	at = off_wrap & 0x7fff;
	if ((off_wrap >> VRING_PACKED_EVENT_F_WRAP_CTR) == 0)
		at += vq->size;
	/* positions run over two rounds: far behind would look like ahead again */
	if (both != vq->event_behind &&
			((at - vq->head) & round) < virtqueue_free_count(vq))
		return false;
	vq->event_behind = both;
	return true;
}

static VIRTIO_BURST_INLINE void
packed_kick(struct virtqueue *vq)
{
	virtqueue_mb(vq);
	if (packed_wants_kick(vq))
		virtqueue_kick(vq);
}

static inline void
packed_disable_interrupts(struct virtqueue *vq)
{
	*(volatile uint16_t *)&vq->driver_event->flags =
		rte_cpu_to_le_16(VRING_PACKED_EVENT_FLAG_DISABLE);
}

/* Whether the next one was returned before the device could see it. */
static inline bool
packed_enable_interrupts(struct virtqueue *vq, uint16_t tail)
{
	uint64_t word;

	*(volatile uint16_t *)&vq->driver_event->flags =
		rte_cpu_to_le_16(VRING_PACKED_EVENT_FLAG_ENABLE);
	virtqueue_mb(vq);
	return packed_is_used(vq, tail, &word);
}

#endif /* VIRTQUEUE_PACKED_H */
