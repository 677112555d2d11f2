/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stddef.h>

#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_common.h>

#include "bench_burst_ring.h"

#define PACKED_AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define PACKED_USED (1u << VRING_PACKED_DESC_F_USED)

bool
burst_memory_has(const struct burst_memory *memory, uint64_t addr, uint64_t len)
{
	unsigned int i;

	for (i = 0; i < memory->count; i++) {
		if (addr >= memory->region[i].addr &&
				addr - memory->region[i].addr < memory->region[i].len &&
				len <= memory->region[i].len -
				(addr - memory->region[i].addr))
			return true;
	}
	return false;
}

static int
init_split(struct burst_ring *ring, uint64_t desc, uint64_t avail, uint64_t used)
{
	if (!burst_memory_has(ring->memory, desc,
				ring->size * sizeof(struct vring_desc)) ||
			!burst_memory_has(ring->memory, avail,
				sizeof(struct vring_avail) + ring->size * 2) ||
			!burst_memory_has(ring->memory, used,
				sizeof(struct vring_used) +
				ring->size * sizeof(struct vring_used_elem)))
		return -EFAULT;
	ring->split.desc = (struct vring_desc *)(uintptr_t)desc;
	ring->split.avail = (struct vring_avail *)(uintptr_t)avail;
	ring->split.used = (struct vring_used *)(uintptr_t)used;
	ring->split.used->flags = rte_cpu_to_le_16(VRING_USED_F_NO_NOTIFY);
	return 0;
}

static int
init_packed(struct burst_ring *ring, uint64_t desc, uint64_t driver, uint64_t device)
{
	if (!burst_memory_has(ring->memory, desc,
				ring->size * sizeof(struct vring_packed_desc)) ||
			!burst_memory_has(ring->memory, driver,
				sizeof(struct vring_packed_desc_event)) ||
			!burst_memory_has(ring->memory, device,
				sizeof(struct vring_packed_desc_event)))
		return -EFAULT;
	ring->pack.desc = (struct vring_packed_desc *)(uintptr_t)desc;
	ring->pack.device = (struct vring_packed_desc_event *)(uintptr_t)device;
	ring->pack.device->flags = rte_cpu_to_le_16(VRING_PACKED_EVENT_FLAG_DISABLE);
	return 0;
}

int
burst_ring_init(struct burst_ring *ring, const struct burst_memory *memory,
		bool packed, uint16_t size, uint64_t desc, uint64_t avail, uint64_t used)
{
	ring->memory = memory;
	ring->packed = packed;
	ring->size = size;
	ring->avail_idx = ring->used_idx = 0;
	ring->avail_wrap = ring->used_wrap = true;
	return packed ? init_packed(ring, desc, avail, used) :
		init_split(ring, desc, avail, used);
}

/* VRING_DESC_F_* are the same in both layouts. */
static int
add_buf(const struct burst_ring *ring, struct burst_chain *chain, uint64_t addr,
		uint32_t len, uint16_t flags)
{
	const bool writable = (flags & VRING_DESC_F_WRITE) != 0;

	/* network queues have either kind, not both */
	if (chain->nr_bufs == BURST_CHAIN_MAX || len == 0 ||
			(chain->nr_bufs > 0 && writable != chain->writable))
		return -EPROTO;
	if (unlikely(!burst_memory_has(ring->memory, addr, len)))
		return -EFAULT;
	chain->writable = writable;
	chain->buf[chain->nr_bufs].addr = (uint8_t *)(uintptr_t)addr;
	chain->buf[chain->nr_bufs++].len = len;
	return 0;
}

/* A table of either layout, s. 2.7.5.3 and 2.8.7. */
static int
add_table(const struct burst_ring *ring, struct burst_chain *chain, uint64_t addr,
		uint32_t len)
{
	const struct vring_packed_desc *packed = (void *)(uintptr_t)addr;
	const struct vring_desc *split = (void *)(uintptr_t)addr, *desc;
	uint32_t count = len / sizeof(*split), i, id = 0;
	int ret = 0;

	if (count == 0 || len % sizeof(*split) != 0)
		return -EPROTO;
	if (!burst_memory_has(ring->memory, addr, len))
		return -EFAULT;
	if (ring->packed) {
		/*
		 * Receive buffers have no tables, and in those for transmission net_virtio
		 * 22.11 leaves WRITE in some by mistake.
		 */
		for (i = 0; i < count && ret == 0; i++)
			ret = add_buf(ring, chain, rte_le_to_cpu_64(packed[i].addr),
				rte_le_to_cpu_32(packed[i].len), 0);
		return ret;
	}
	for (i = 0; i < count && ret == 0; i++) {
		desc = &split[id];
		ret = add_buf(ring, chain, rte_le_to_cpu_64(desc->addr),
			rte_le_to_cpu_32(desc->len), rte_le_to_cpu_16(desc->flags));
		if ((rte_le_to_cpu_16(desc->flags) & VRING_DESC_F_NEXT) == 0)
			return ret;
		id = rte_le_to_cpu_16(desc->next);
		if (id >= count)
			return -EPROTO;
	}
	return ret < 0 ? ret : -EPROTO;
}

static int
add_desc(const struct burst_ring *ring, struct burst_chain *chain, uint64_t addr,
		uint32_t len, uint16_t flags)
{
	if ((flags & VRING_DESC_F_INDIRECT) != 0)
		return add_table(ring, chain, addr, len);
	return add_buf(ring, chain, addr, len, flags);
}

static int
pop_split(struct burst_ring *ring, struct burst_chain *chain)
{
	const struct vring_desc *desc;
	uint16_t pending, id, flags;
	int ret;

	pending = rte_le_to_cpu_16(__atomic_load_n(&ring->split.avail->idx,
			__ATOMIC_ACQUIRE)) - ring->avail_idx;
	if (pending == 0)
		return 0;
	if (pending > ring->size)
		return -EPROTO;
	id = rte_le_to_cpu_16(ring->split.avail->ring[ring->avail_idx &
			(ring->size - 1)]);
	chain->id = id;
	chain->slots = 1; /* of the used ring */
	chain->nr_bufs = 0;
	do {
		if (id >= ring->size)
			return -EPROTO;
		desc = &ring->split.desc[id];
		flags = rte_le_to_cpu_16(desc->flags);
		ret = add_desc(ring, chain, rte_le_to_cpu_64(desc->addr),
			rte_le_to_cpu_32(desc->len), flags);
		if (ret < 0)
			return ret;
		id = rte_le_to_cpu_16(desc->next);
	} while ((flags & VRING_DESC_F_NEXT) != 0);
	ring->avail_idx++;
	return 1;
}

/* s. 2.8.1: available if its AVAIL bit is the counter and its USED bit is not. */
static bool
packed_is_avail(const struct burst_ring *ring, uint16_t flags)
{
	return ((flags & PACKED_AVAIL) != 0) == ring->avail_wrap &&
		((flags & PACKED_USED) != 0) != ring->avail_wrap;
}

static int
pop_packed(struct burst_ring *ring, struct burst_chain *chain)
{
	const struct vring_packed_desc *desc = &ring->pack.desc[ring->avail_idx];
	uint16_t flags = rte_le_to_cpu_16(__atomic_load_n(&desc->flags,
			__ATOMIC_ACQUIRE));
	int ret;

	if (!packed_is_avail(ring, flags))
		return 0;
	chain->slots = 0;
	chain->nr_bufs = 0;
	for (;;) {
		ret = add_desc(ring, chain, rte_le_to_cpu_64(desc->addr),
			rte_le_to_cpu_32(desc->len), flags);
		if (ret < 0)
			return ret;
		chain->slots++;
		chain->id = rte_le_to_cpu_16(desc->id);
		if (++ring->avail_idx == ring->size) {
			ring->avail_idx = 0;
			ring->avail_wrap = !ring->avail_wrap;
		}
		if ((flags & VRING_DESC_F_NEXT) == 0)
			break;
		desc = &ring->pack.desc[ring->avail_idx];
		flags = rte_le_to_cpu_16(desc->flags);
	}
	return 1;
}

int
burst_ring_pop(struct burst_ring *ring, struct burst_chain *chain)
{
	return ring->packed ? pop_packed(ring, chain) : pop_split(ring, chain);
}

/* s. 2.8.6: one descriptor for a chain, and the places of the others are skipped. */
static void
push_packed(struct burst_ring *ring, const struct burst_chain *chain, uint32_t len)
{
	struct vring_packed_desc *desc = &ring->pack.desc[ring->used_idx];
	uint16_t flags = ring->used_wrap ? PACKED_AVAIL | PACKED_USED : 0;

	if (chain->writable)
		flags |= VRING_DESC_F_WRITE;
	desc->id = rte_cpu_to_le_16(chain->id);
	desc->len = rte_cpu_to_le_32(len);
	__atomic_store_n(&desc->flags, rte_cpu_to_le_16(flags), __ATOMIC_RELEASE);
	ring->used_idx += chain->slots;
	if (ring->used_idx >= ring->size) {
		ring->used_idx -= ring->size;
		ring->used_wrap = !ring->used_wrap;
	}
}

void
burst_ring_push(struct burst_ring *ring, const struct burst_chain *chain, uint32_t len)
{
	struct vring_used_elem *elem;

	if (ring->packed) {
		push_packed(ring, chain, len);
		return;
	}
	elem = &ring->split.used->ring[ring->used_idx++ & (ring->size - 1)];
	elem->id = rte_cpu_to_le_32(chain->id);
	elem->len = rte_cpu_to_le_32(len);
}

/* A packed ring is published by each descriptor's flags. */
void
burst_ring_publish(struct burst_ring *ring)
{
	if (!ring->packed)
		__atomic_store_n(&ring->split.used->idx,
			rte_cpu_to_le_16(ring->used_idx), __ATOMIC_RELEASE);
}
