// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packed virtqueue, device side. VIRTIO 1.2 s. 2.8.
 */
#include <linux/overflow.h>
#include <linux/virtio_ring.h>

#include "mdev_virtio_ring.h"

#define DESC_SIZE	sizeof(struct vring_packed_desc)
#define EVENT_ALIGN	4
#define WRAP		BIT(VRING_PACKED_EVENT_F_WRAP_CTR)

static int packed_set_address(struct mdev_virtio_ring *ring, u64 desc,
			      u64 driver, u64 device)
{
	const size_t event_size = sizeof(struct vring_packed_desc_event);

	if (!mvdev_area_valid(desc, ring->num * DESC_SIZE, DESC_SIZE) ||
	    !mvdev_area_valid(driver, event_size, EVENT_ALIGN) ||
	    !mvdev_area_valid(device, event_size, EVENT_ALIGN))
		return -EINVAL;
	ring->desc = desc;
	ring->driver = driver;
	ring->device = device;
	return 0;
}

static void packed_set_state(struct mdev_virtio_ring *ring, u16 state)
{
	u16 idx = state & ~WRAP;

	ring->last_avail = idx < ring->num ? idx : 0;
	ring->used_idx = ring->last_avail;
	ring->packed.avail_wrap = state & WRAP;
	ring->packed.used_wrap = state & WRAP;
	ring->packed.nr = 0;
}

static u16 position(u16 idx, bool wrap)
{
	return idx | (wrap ? WRAP : 0);
}

static u16 packed_get_state(const struct mdev_virtio_ring *ring)
{
	return position(ring->last_avail, ring->packed.avail_wrap);
}

/* @slots is at most the ring's length. */
static void advance(const struct mdev_virtio_ring *ring, u16 *idx, bool *wrap,
		    u16 slots)
{
	*idx += slots;
	if (*idx >= ring->num) {
		*idx -= ring->num;
		*wrap = !*wrap;
	}
}

/* --- available descriptors --- */

/* s. 2.8.1 */
static bool is_avail(const struct vring_packed_desc *desc, bool wrap)
{
	u16 flags = le16_to_cpu(desc->flags);
	bool avail = flags & BIT(VRING_PACKED_DESC_F_AVAIL);
	bool used = flags & BIT(VRING_PACKED_DESC_F_USED);

	return avail == wrap && used != wrap;
}

/*
 * Copy the available descriptors from @idx on, up to the ring's end. They are read
 * twice: what belongs to a flag is what is read after it.
 */
static int fill_window(struct mdev_virtio_ring *ring, u16 idx, bool wrap)
{
	struct mdev_virtio_packed *p = &ring->packed;
	const u64 addr = ring->desc + idx * DESC_SIZE;
	u16 max = min_t(u16, MDEV_VIRTIO_RING_WINDOW, ring->num - idx);
	u16 nr = 0;
	int ret;

	p->nr = 0;
	ret = mvdev_dma_read(ring->mvdev, addr, p->window, max * DESC_SIZE);
	if (ret)
		return ret;
	while (nr < max && is_avail(&p->window[nr], wrap))
		nr++;
	if (!nr)
		return 0;
	/* Pairs with the client's barrier before it writes the flags. */
	smp_rmb();
	ret = mvdev_dma_read(ring->mvdev, addr, p->window, nr * DESC_SIZE);
	if (ret)
		return ret;
	p->at = idx;
	p->wrap = wrap;
	p->nr = nr;
	return 0;
}

/*
 * 1 with a descriptor, 0 if it is not available, or negative. What is in the window
 * stays valid for this turn of the ring, also when chains are put back.
 */
static int get_desc(struct mdev_virtio_ring *ring, u16 idx, bool wrap,
		    const struct vring_packed_desc **desc)
{
	struct mdev_virtio_packed *p = &ring->packed;

	if (wrap != p->wrap || idx < p->at || idx >= p->at + p->nr) {
		int ret = fill_window(ring, idx, wrap);

		if (ret || !p->nr)
			return ret;
	}
	*desc = &p->window[idx - p->at];
	return 1;
}

static int add_desc(struct mdev_virtio_chain *chain,
		    struct mdev_virtio_iov *iov, unsigned int max,
		    const struct vring_packed_desc *desc)
{
	return mvdev_chain_add(chain, iov, max, le64_to_cpu(desc->addr),
			       le32_to_cpu(desc->len),
			       le16_to_cpu(desc->flags) & VRING_DESC_F_WRITE);
}

/*
 * All of the table is the chain, and it is not longer than the queue. There is
 * neither a next one nor a table in it: s. 2.8.7
 */
static int walk_table(struct mdev_virtio_ring *ring,
		      struct mdev_virtio_chain *chain,
		      struct mdev_virtio_iov *iov, unsigned int max,
		      const struct vring_packed_desc *ref)
{
	struct vring_packed_desc desc[4];
	u64 addr = le64_to_cpu(ref->addr);
	u32 len = le32_to_cpu(ref->len);
	u32 left = len / DESC_SIZE;
	unsigned int i, nr;
	int ret;
	u64 end;

	if (!ring->indirect || !left || len % DESC_SIZE || left > ring->num ||
	    check_add_overflow(addr, (u64)len, &end))
		return -EPROTO;
	for (; left; left -= nr, addr += nr * DESC_SIZE) {
		nr = min_t(u32, left, ARRAY_SIZE(desc));
		ret = mvdev_dma_read(ring->mvdev, addr, desc, nr * DESC_SIZE);
		for (i = 0; i < nr && !ret; i++)
			ret = add_desc(chain, iov, max, &desc[i]);
		if (ret)
			return ret;
	}
	return 0;
}

/* The last one's buffer id is the chain's: s. 2.8.6. Its table stands alone: s. 2.8.7 */
static int packed_pop(struct mdev_virtio_ring *ring,
		      struct mdev_virtio_chain *chain,
		      struct mdev_virtio_iov *iov, unsigned int max)
{
	const struct vring_packed_desc *desc;
	bool wrap = ring->packed.avail_wrap;
	u16 idx = ring->last_avail;
	u16 flags;
	int ret;

	do {
		ret = get_desc(ring, idx, wrap, &desc);
		if (ret < 0)
			return ret;
		/* A chain is made available from its end to its head. */
		if (!ret)
			return chain->slots ? -EPROTO : 0;
		flags = le16_to_cpu(desc->flags);
		chain->id = le16_to_cpu(desc->id);
		if (chain->slots++ == ring->num)
			return -EPROTO;
		if (!(flags & VRING_DESC_F_INDIRECT))
			ret = add_desc(chain, iov, max, desc);
		else if (chain->slots > 1 || (flags & VRING_DESC_F_NEXT))
			ret = -EPROTO;
		else
			ret = walk_table(ring, chain, iov, max, desc);
		if (ret)
			return ret;
		advance(ring, &idx, &wrap, 1);
	} while (flags & VRING_DESC_F_NEXT);
	ring->last_avail = idx;
	ring->packed.avail_wrap = wrap;
	return 1;
}

static void packed_unpop(struct mdev_virtio_ring *ring,
			 const struct mdev_virtio_chain *chain)
{
	if (chain->slots > ring->last_avail) {
		ring->last_avail += ring->num;
		ring->packed.avail_wrap = !ring->packed.avail_wrap;
	}
	ring->last_avail -= chain->slots;
}

/* The flags follow the position that they make valid: s. 2.8.10 */
static int write_event(struct mdev_virtio_ring *ring, u16 event)
{
	const __le16 off_wrap = cpu_to_le16(event);
	const __le16 flags = cpu_to_le16(VRING_PACKED_EVENT_FLAG_DESC);
	int ret;

	ret = mvdev_dma_write(ring->mvdev, ring->device, &off_wrap,
			      sizeof(off_wrap));
	if (ret || ring->listening)
		return ret;
	/* The position before the flags. */
	smp_wmb();
	return mvdev_dma_write(ring->mvdev, ring->device + sizeof(off_wrap),
			       &flags, sizeof(flags));
}

static int packed_listen(struct mdev_virtio_ring *ring)
{
	const u16 event = packed_get_state(ring);
	const struct vring_packed_desc *desc;
	int ret;

	if (!ring->listening || ring->event != event) {
		ret = write_event(ring, event);
		if (ret)
			return ret;
		ring->listening = true;
		ring->event = event;
	}
	/* A client that adds a chain looks at the event position after that. */
	smp_mb();
	return get_desc(ring, ring->last_avail, ring->packed.avail_wrap, &desc);
}

/* --- used descriptors --- */

/*
 * Length, id and flags are a word of eight bytes, and should they be written one by
 * one: the last of them is the one with the flag that makes the descriptor a used one.
 */
static int write_used(struct mdev_virtio_ring *ring,
		      const struct mdev_virtio_packed_used *used)
{
	const u16 wrap = BIT(VRING_PACKED_DESC_F_AVAIL) |
			 BIT(VRING_PACKED_DESC_F_USED);
	const u16 flags = (used->wrap ? wrap : 0) |
			  (used->len ? VRING_DESC_F_WRITE : 0);
	struct {
		__le32 len;
		__le16 id;
		__le16 flags;
	} word = { cpu_to_le32(used->len), cpu_to_le16(used->id),
		   cpu_to_le16(flags) };

	return mvdev_dma_write(ring->mvdev, ring->desc + used->idx * DESC_SIZE +
			       offsetof(struct vring_packed_desc, len),
			       &word, sizeof(word));
}

/* The client comes to no other before the first one, which is kept until the end. */
static int packed_put_used(struct mdev_virtio_ring *ring, u16 id, u32 len,
			   u16 slots)
{
	const struct mdev_virtio_packed_used used = {
		.idx = ring->used_idx,
		.wrap = ring->packed.used_wrap,
		.id = id,
		.len = len,
	};
	int ret = 0;

	if (ring->unpublished)
		ret = write_used(ring, &used);
	else
		ring->packed.first = used;
	advance(ring, &ring->used_idx, &ring->packed.used_wrap, slots);
	return ret;
}

static int packed_show_used(struct mdev_virtio_ring *ring)
{
	return write_used(ring, &ring->packed.first);
}

/* s. 2.8.10; a position of the turn before lies before this one's begin */
static int packed_wants_interrupt(struct mdev_virtio_ring *ring)
{
	struct vring_packed_desc_event event;
	u16 off_wrap, flags, off;
	int ret;

	ret = mvdev_dma_read(ring->mvdev, ring->driver, &event, sizeof(event));
	if (ret)
		return ret;
	flags = le16_to_cpu(event.flags) & 3;
	if (flags == VRING_PACKED_EVENT_FLAG_DISABLE)
		return 0;
	if (flags != VRING_PACKED_EVENT_FLAG_DESC || !ring->event_idx)
		return 1;
	off_wrap = le16_to_cpu(event.off_wrap);
	off = off_wrap & ~WRAP;
	if (!(off_wrap & WRAP) == ring->packed.used_wrap)
		off -= ring->num;
	return vring_need_event(off, ring->used_idx,
				ring->used_idx - ring->unpublished);
}

const struct mvdev_ring_layout mvdev_ring_packed = {
	.set_address = packed_set_address,
	.set_state = packed_set_state,
	.get_state = packed_get_state,
	.pop = packed_pop,
	.unpop = packed_unpop,
	.put_used = packed_put_used,
	.show_used = packed_show_used,
	.wants_interrupt = packed_wants_interrupt,
	.listen = packed_listen,
};
