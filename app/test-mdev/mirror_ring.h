/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MIRROR_RING_H
#define MIRROR_RING_H

/*
 * The device's side of a split virtqueue (VIRTIO 1.2 s. 2.7), the mirror of
 * drivers/net/mdev_virtio/virtqueue_split.h. Written from the specification and not
 * from the driver, and it checks what the driver gives it.
 *
 * Addresses are those of this process: the driver's IOVA must be VA.
 */

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_ring.h>

#include <rte_byteorder.h>

#define MIRROR_CHAIN_MAX 64

struct mirror_ring {
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t size;
	uint16_t last_avail; /* next place to take from */
	uint16_t used_idx;   /* next place to return to; published or not */
};

struct mirror_buf {
	uint8_t *addr;
	uint32_t len;
};

/* A chain: first what the device reads, then what it writes. */
struct mirror_chain {
	uint16_t head;
	uint16_t nr_out;
	uint16_t nr_in;
	struct mirror_buf buf[MIRROR_CHAIN_MAX];
};

static inline void
mirror_ring_init(struct mirror_ring *ring, uint16_t size, uint64_t desc,
		uint64_t avail, uint64_t used)
{
	ring->desc = (struct vring_desc *)(uintptr_t)desc;
	ring->avail = (struct vring_avail *)(uintptr_t)avail;
	ring->used = (struct vring_used *)(uintptr_t)used;
	ring->size = size;
	ring->last_avail = 0;
	ring->used_idx = 0;
}

/* Number of chains that wait to be taken. */
static inline uint16_t
mirror_ring_pending(const struct mirror_ring *ring)
{
	uint16_t idx = rte_le_to_cpu_16(__atomic_load_n(&ring->avail->idx,
			__ATOMIC_ACQUIRE));

	return idx - ring->last_avail;
}

/*
 * Take the next chain. 1 on success, 0 if there is none, -1 if the driver broke a
 * rule: more chains than the ring has room for, a descriptor outside of it, a chain
 * that loops, a readable descriptor after a writable one, an empty buffer.
 */
static inline int
mirror_ring_pop(struct mirror_ring *ring, struct mirror_chain *chain)
{
	uint16_t pending = mirror_ring_pending(ring), id, hops, flags;
	const struct vring_desc *desc;
	struct mirror_buf *buf;

	if (pending == 0)
		return 0;
	if (pending > ring->size)
		return -1;
	id = rte_le_to_cpu_16(ring->avail->ring[ring->last_avail % ring->size]);
	chain->head = id;
	chain->nr_out = chain->nr_in = 0;
	for (hops = 0; ; hops++) {
		if (id >= ring->size || hops >= ring->size ||
				hops >= MIRROR_CHAIN_MAX)
			return -1;
		desc = &ring->desc[id];
		flags = rte_le_to_cpu_16(desc->flags);
		buf = &chain->buf[chain->nr_out + chain->nr_in];
		buf->addr = (uint8_t *)(uintptr_t)rte_le_to_cpu_64(desc->addr);
		buf->len = rte_le_to_cpu_32(desc->len);
		if (buf->addr == NULL || buf->len == 0)
			return -1;
		if (flags & VRING_DESC_F_WRITE)
			chain->nr_in++;
		else if (chain->nr_in > 0)
			return -1;
		else
			chain->nr_out++;
		if ((flags & VRING_DESC_F_NEXT) == 0)
			break;
		id = rte_le_to_cpu_16(desc->next);
	}
	ring->last_avail++;
	return 1;
}

/* Return an element, of any id and length, true or not; not yet visible. */
static inline void
mirror_ring_push(struct mirror_ring *ring, uint32_t id, uint32_t len)
{
	struct vring_used_elem *elem =
		&ring->used->ring[ring->used_idx++ % ring->size];

	elem->id = rte_cpu_to_le_32(id);
	elem->len = rte_cpu_to_le_32(len);
}

/* Make what was pushed visible. */
static inline void
mirror_ring_publish(struct mirror_ring *ring)
{
	__atomic_store_n(&ring->used->idx, rte_cpu_to_le_16(ring->used_idx),
			__ATOMIC_RELEASE);
}

/* Whether the device wants to be told of new buffers (s. 2.7.10). */
static inline void
mirror_ring_want_kicks(struct mirror_ring *ring, bool want)
{
	ring->used->flags = rte_cpu_to_le_16(want ? 0 : VRING_USED_F_NO_NOTIFY);
}

#endif /* MIRROR_RING_H */
