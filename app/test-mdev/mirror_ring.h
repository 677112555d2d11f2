/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MIRROR_RING_H
#define MIRROR_RING_H

/*
 * The device's side of a virtqueue, split (VIRTIO 1.2 s. 2.7) or packed (s. 2.8), the
 * mirror of drivers/net/mdev_virtio/virtqueue_split.h and virtqueue_packed.h. Written
 * from the specification and not from the driver, and it checks what the driver gives
 * it.
 *
 * Addresses are those of this process: the driver's IOVA must be VA.
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include <rte_byteorder.h>

/* A word where the ring has another type. */
typedef uint16_t __attribute__((may_alias)) mirror_word16;

#define MIRROR_CHAIN_MAX 64
#define MIRROR_SIZE_MAX 1024

struct mirror_ring {
	/* split */
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	/* packed: descriptors, and the areas that the driver and the device write */
	struct vring_packed_desc *packed_desc;
	struct vring_packed_desc_event *driver_event;
	struct vring_packed_desc_event *device_event;
	bool packed, event_idx;
	bool avail_wrap, used_wrap; /* packed: the wrap counters (s. 2.8.1) */
	uint16_t size;
	uint16_t last_avail;  /* next place to take from; packed: in the ring */
	uint16_t used_idx;    /* next place to return to; published or not */
	uint16_t signalled;   /* split: used_idx when the driver was told last */
	uint16_t returned;    /* packed: descriptors that were since then */
	/* packed: the first element that is not published, and its flags */
	bool has_first;
	uint16_t first, first_flags;
	/* packed: descriptors of the buffer that was taken with an id */
	uint16_t descs[MIRROR_SIZE_MAX];
};

struct mirror_buf {
	uint8_t *addr;
	uint32_t len;
};

/* A chain: first what the device reads, then what it writes. */
struct mirror_chain {
	uint16_t head;       /* what it is returned by; packed: the buffer's id */
	uint16_t nr_out;
	uint16_t nr_in;
	struct mirror_buf buf[MIRROR_CHAIN_MAX];
};

/* features: those that were negotiated. */
static inline void
mirror_ring_init(struct mirror_ring *ring, uint16_t size, uint64_t desc,
		uint64_t avail, uint64_t used, uint64_t features)
{
	memset(ring, 0, sizeof(*ring));
	ring->size = size;
	ring->packed = (features & UINT64_C(1) << VIRTIO_F_RING_PACKED) != 0;
	ring->event_idx = (features & UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX) != 0;
	if (ring->packed) {
		ring->packed_desc = (struct vring_packed_desc *)(uintptr_t)desc;
		ring->driver_event =
			(struct vring_packed_desc_event *)(uintptr_t)avail;
		ring->device_event =
			(struct vring_packed_desc_event *)(uintptr_t)used;
		ring->avail_wrap = ring->used_wrap = true;
	} else {
		ring->desc = (struct vring_desc *)(uintptr_t)desc;
		ring->avail = (struct vring_avail *)(uintptr_t)avail;
		ring->used = (struct vring_used *)(uintptr_t)used;
	}
}

/* A place of a packed ring so many descriptors further on, and its wrap counter. */
static inline uint16_t
mirror_packed_next(const struct mirror_ring *ring, uint16_t place, uint16_t count,
		bool *wrap)
{
	uint32_t next = (uint32_t)place + count;

	while (next >= ring->size) {
		next -= ring->size;
		*wrap = !*wrap;
	}
	return next;
}

/* s. 2.8.1: available is what has AVAIL as the wrap counter, and USED not. */
static inline bool
mirror_packed_available(const struct mirror_ring *ring, uint16_t place, bool wrap,
		uint16_t *flags)
{
	*flags = rte_le_to_cpu_16(__atomic_load_n(&ring->packed_desc[place].flags,
			__ATOMIC_ACQUIRE));
	return ((*flags >> VRING_PACKED_DESC_F_AVAIL & 1) != 0) == wrap &&
		((*flags >> VRING_PACKED_DESC_F_USED & 1) != 0) != wrap;
}

/* Chains that wait: those whose last descriptor is available. */
static inline uint16_t
mirror_packed_pending(const struct mirror_ring *ring)
{
	uint16_t place = ring->last_avail, count = 0, hops, flags;
	bool wrap = ring->avail_wrap;

	for (hops = 0; hops < ring->size && mirror_packed_available(ring, place,
			wrap, &flags); hops++) {
		count += (flags & VRING_DESC_F_NEXT) == 0;
		place = mirror_packed_next(ring, place, 1, &wrap);
	}
	return count;
}

/* Number of chains that wait to be taken. */
static inline uint16_t
mirror_ring_pending(const struct mirror_ring *ring)
{
	uint16_t idx;

	if (ring->packed)
		return mirror_packed_pending(ring);
	idx = rte_le_to_cpu_16(__atomic_load_n(&ring->avail->idx,
			__ATOMIC_ACQUIRE));
	return idx - ring->last_avail;
}

/* Append what a descriptor describes; -1 if it cannot be. */
static inline int
mirror_chain_add(struct mirror_chain *chain, uint64_t addr, uint32_t len,
		uint16_t flags)
{
	struct mirror_buf *buf;

	if (chain->nr_out + chain->nr_in == MIRROR_CHAIN_MAX || addr == 0 ||
			len == 0 || (flags & VRING_DESC_F_INDIRECT) != 0)
		return -1;
	buf = &chain->buf[chain->nr_out + chain->nr_in];
	buf->addr = (uint8_t *)(uintptr_t)addr;
	buf->len = len;
	if (flags & VRING_DESC_F_WRITE)
		chain->nr_in++;
	else if (chain->nr_in > 0)
		return -1;
	else
		chain->nr_out++;
	return 0;
}

static inline int
mirror_split_pop(struct mirror_ring *ring, struct mirror_chain *chain)
{
	uint16_t pending = mirror_ring_pending(ring), id, hops, flags;
	const struct vring_desc *desc;

	if (pending == 0)
		return 0;
	if (pending > ring->size)
		return -1;
	id = rte_le_to_cpu_16(ring->avail->ring[ring->last_avail % ring->size]);
	chain->head = id;
	for (hops = 0; ; hops++) {
		if (id >= ring->size || hops >= ring->size)
			return -1;
		desc = &ring->desc[id];
		flags = rte_le_to_cpu_16(desc->flags);
		if (mirror_chain_add(chain, rte_le_to_cpu_64(desc->addr),
				rte_le_to_cpu_32(desc->len), flags) < 0)
			return -1;
		if ((flags & VRING_DESC_F_NEXT) == 0)
			break;
		id = rte_le_to_cpu_16(desc->next);
	}
	ring->last_avail++;
	return 1;
}

/* s. 2.8.6: all of a list is available with its first one; the last one has its id. */
static inline int
mirror_packed_pop(struct mirror_ring *ring, struct mirror_chain *chain)
{
	const struct vring_packed_desc *desc;
	uint16_t place = ring->last_avail, hops, flags;
	bool wrap = ring->avail_wrap;

	for (hops = 0; ; hops++) {
		if (!mirror_packed_available(ring, place, wrap, &flags))
			return hops == 0 ? 0 : -1;
		desc = &ring->packed_desc[place];
		if (hops >= ring->size ||
				mirror_chain_add(chain,
					rte_le_to_cpu_64(desc->addr),
					rte_le_to_cpu_32(desc->len), flags) < 0)
			return -1;
		place = mirror_packed_next(ring, place, 1, &wrap);
		if ((flags & VRING_DESC_F_NEXT) == 0)
			break;
	}
	chain->head = rte_le_to_cpu_16(desc->id);
	if (chain->head >= ring->size)
		return -1;
	ring->descs[chain->head] = hops + 1;
	ring->last_avail = place;
	ring->avail_wrap = wrap;
	return 1;
}

/*
 * Take the next chain. 1 on success, 0 if there is none, -1 if the driver broke a
 * rule: more chains than the ring has room for, a descriptor outside of it, a chain
 * that loops or is not there to its end, a readable descriptor after a writable one, an
 * empty buffer.
 */
static inline int
mirror_ring_pop(struct mirror_ring *ring, struct mirror_chain *chain)
{
	chain->nr_out = chain->nr_in = 0;
	return ring->packed ? mirror_packed_pop(ring, chain) :
		mirror_split_pop(ring, chain);
}

/* s. 2.8.1: AVAIL and USED as the wrap counter; the first of several is written last. */
static inline void
mirror_packed_push(struct mirror_ring *ring, uint16_t id, uint32_t len, uint16_t descs)
{
	struct vring_packed_desc *desc = &ring->packed_desc[ring->used_idx];
	uint16_t flags = len > 0 ? VRING_DESC_F_WRITE : 0;

	if (ring->used_wrap)
		flags |= 1 << VRING_PACKED_DESC_F_AVAIL |
			1 << VRING_PACKED_DESC_F_USED;
	desc->id = rte_cpu_to_le_16(id);
	desc->len = rte_cpu_to_le_32(len);
	if (ring->has_first) {
		desc->flags = rte_cpu_to_le_16(flags);
	} else {
		ring->has_first = true;
		ring->first = ring->used_idx;
		ring->first_flags = flags;
	}
	ring->returned += descs;
	ring->used_idx = mirror_packed_next(ring, ring->used_idx, descs,
			&ring->used_wrap);
}

/* Descriptors of the buffer that was taken with this id; 1 if there was none. */
static inline uint16_t
mirror_packed_descs(const struct mirror_ring *ring, uint32_t id)
{
	return id < ring->size && ring->descs[id] > 0 ? ring->descs[id] : 1;
}

/*
 * In order: return so many buffers, ids in the order in which they were taken, by one
 * element that has the last one's id and length (s. 2.7.9 and 2.8.8); not yet visible.
 */
static inline void
mirror_ring_push_batch(struct mirror_ring *ring, const uint16_t *ids, uint16_t count,
		uint32_t len)
{
	uint16_t descs = 0, i;
	struct vring_used_elem *elem;

	if (ring->packed) {
		for (i = 0; i < count; i++)
			descs += mirror_packed_descs(ring, ids[i]);
		mirror_packed_push(ring, ids[count - 1], len, descs);
		return;
	}
	elem = &ring->used->ring[ring->used_idx % ring->size];
	elem->id = rte_cpu_to_le_32(ids[count - 1]);
	elem->len = rte_cpu_to_le_32(len);
	ring->used_idx += count;
}

/*
 * Return an element, of any id and length, true or not; not yet visible. A packed ring
 * has the lower 16 bits of an id only.
 */
static inline void
mirror_ring_push(struct mirror_ring *ring, uint32_t id, uint32_t len)
{
	struct vring_used_elem *elem;

	if (ring->packed) {
		mirror_packed_push(ring, id, len, mirror_packed_descs(ring, id));
		return;
	}
	elem = &ring->used->ring[ring->used_idx++ % ring->size];
	elem->id = rte_cpu_to_le_32(id);
	elem->len = rte_cpu_to_le_32(len);
}

/* Make what was pushed visible. */
static inline void
mirror_ring_publish(struct mirror_ring *ring)
{
	if (!ring->packed) {
		__atomic_store_n(&ring->used->idx,
			rte_cpu_to_le_16(ring->used_idx), __ATOMIC_RELEASE);
		return;
	}
	if (ring->has_first)
		__atomic_store_n(&ring->packed_desc[ring->first].flags,
			rte_cpu_to_le_16(ring->first_flags), __ATOMIC_RELEASE);
	ring->has_first = false;
}

/*
 * EVENT_IDX: the device wants to be told when so many more descriptors than it has
 * taken, or in a split ring chains, are available; 1 is the next one (s. 2.7.10,
 * 2.8.10).
 */
static inline void
mirror_ring_want_kick_at(struct mirror_ring *ring, uint16_t ahead)
{
	bool wrap = ring->avail_wrap;
	uint16_t at = ring->last_avail + ahead - 1;

	if (!ring->packed) {
		*(volatile mirror_word16 *)&ring->used->ring[ring->size] =
			rte_cpu_to_le_16(at);
		return;
	}
	at = mirror_packed_next(ring, ring->last_avail, ahead - 1, &wrap);
	ring->device_event->off_wrap = rte_cpu_to_le_16(at |
			wrap << VRING_PACKED_EVENT_F_WRAP_CTR);
	ring->device_event->flags = rte_cpu_to_le_16(VRING_PACKED_EVENT_FLAG_DESC);
}

/* Whether the device wants to be told of new buffers (s. 2.7.10, 2.8.10). */
static inline void
mirror_ring_want_kicks(struct mirror_ring *ring, bool want)
{
	if (ring->packed)
		ring->device_event->flags = rte_cpu_to_le_16(want ?
			VRING_PACKED_EVENT_FLAG_ENABLE :
			VRING_PACKED_EVENT_FLAG_DISABLE);
	else if (ring->event_idx)
		mirror_ring_want_kick_at(ring, want ? 1 : 0);
	else
		ring->used->flags = rte_cpu_to_le_16(want ? 0 :
				VRING_USED_F_NO_NOTIFY);
}

/* s. 2.8.10: was the place returned of which the driver wants to hear? */
static inline bool
mirror_packed_wants_interrupt(const struct mirror_ring *ring, uint16_t returned)
{
	uint16_t off_wrap = rte_le_to_cpu_16(ring->driver_event->off_wrap);
	int32_t behind = (int32_t)ring->used_idx - (off_wrap & 0x7fff);

	switch (rte_le_to_cpu_16(ring->driver_event->flags) & 3) {
	case VRING_PACKED_EVENT_FLAG_ENABLE:
		return true;
	case VRING_PACKED_EVENT_FLAG_DESC:
		break;
	default:
		return false;
	}
	if ((off_wrap >> VRING_PACKED_EVENT_F_WRAP_CTR != 0) != ring->used_wrap)
		behind += ring->size;
	return behind > 0 && behind <= returned;
}

/*
 * Whether the driver wants to be told of what was returned since it was asked last
 * (s. 2.7.7, 2.8.10).
 */
static inline bool
mirror_ring_wants_interrupt(struct mirror_ring *ring)
{
	uint16_t old = ring->signalled, returned = ring->returned, event;

	ring->signalled = ring->used_idx;
	ring->returned = 0;
	/* what was published is visible before the driver's wish is read */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (ring->packed)
		return mirror_packed_wants_interrupt(ring, returned);
	if (!ring->event_idx)
		return (rte_le_to_cpu_16(ring->avail->flags) &
			VRING_AVAIL_F_NO_INTERRUPT) == 0;
	event = rte_le_to_cpu_16(ring->avail->ring[ring->size]);
	return (uint16_t)(ring->used_idx - event - 1) <
		(uint16_t)(ring->used_idx - old);
}

#endif /* MIRROR_RING_H */
