// SPDX-License-Identifier: GPL-2.0-only
/*
 * Split virtqueue, device side. VIRTIO 1.2 s. 2.7.
 */
#include <linux/log2.h>
#include <linux/overflow.h>
#include <linux/virtio_ring.h>

#include "mdev_virtio_ring.h"

#define WORD	8

static size_t desc_size(u32 num)
{
	return (size_t)num * sizeof(struct vring_desc);
}

/* Both with the event index at the end, whether negotiated or not: s. 2.7 */
static size_t avail_size(u16 num)
{
	return 6 + 2 * (size_t)num;
}

static size_t used_size(u16 num)
{
	return 6 + sizeof(struct vring_used_elem) * num;
}

static int split_set_address(struct mdev_virtio_ring *ring, u64 desc,
			     u64 driver, u64 device)
{
	if (!is_power_of_2(ring->num) ||
	    !mvdev_area_valid(desc, desc_size(ring->num),
			      VRING_DESC_ALIGN_SIZE) ||
	    !mvdev_area_valid(driver, avail_size(ring->num),
			      VRING_AVAIL_ALIGN_SIZE) ||
	    !mvdev_area_valid(device, used_size(ring->num),
			      VRING_USED_ALIGN_SIZE))
		return -EINVAL;
	ring->desc = desc;
	ring->driver = driver;
	ring->device = device;
	return 0;
}

static void split_set_state(struct mdev_virtio_ring *ring, u16 state)
{
	ring->last_avail = state;
	ring->used_idx = state;
	ring->split.avail_idx = state;
	ring->split.heads_nr = 0;
	ring->split.used0 = 0;
}

static u16 split_get_state(const struct mdev_virtio_ring *ring)
{
	return ring->last_avail;
}

/* --- available ring --- */

/*
 * Read flags and index. Eight bytes are there even in a ring of one: flags,
 * index, one entry, used_event. An area that is not a multiple of eight is
 * served byte by byte; then a half-changed index is told by reading twice.
 */
static int read_avail(struct mdev_virtio_ring *ring, u16 *flags)
{
	__le16 word[WORD / 2], again[WORD / 2];
	unsigned int tries = 0;
	u16 idx;
	int ret;

	ret = mvdev_dma_read(ring->mvdev, ring->driver, word, sizeof(word));
	while (!ret && !IS_ALIGNED(ring->driver, WORD) && tries++ < 4) {
		ret = mvdev_dma_read(ring->mvdev, ring->driver, again,
				     sizeof(again));
		if (ret || again[1] == word[1])
			break;
		memcpy(word, again, sizeof(word));
	}
	if (ret)
		return ret;

	idx = le16_to_cpu(word[1]);
	if ((u16)(idx - ring->last_avail) > ring->num)
		return -EPROTO;
	ring->split.avail_idx = idx;
	*flags = le16_to_cpu(word[0]);
	/* Entries and descriptors are read after the index: s. 2.7.13 */
	smp_rmb();
	return 0;
}

/* Copy the next entries, up to the ring's end. */
static int read_heads(struct mdev_virtio_ring *ring)
{
	struct mdev_virtio_split *split = &ring->split;
	u16 slot = ring->last_avail & (ring->num - 1);
	u16 nr = split->avail_idx - ring->last_avail;
	int ret;

	nr = min_t(u16, nr, ring->num - slot);
	nr = min_t(u16, nr, MDEV_VIRTIO_RING_WINDOW);
	split->heads_nr = 0;
	ret = mvdev_dma_read(ring->mvdev, ring->driver + 4 + 2 * slot,
			     split->heads, 2 * nr);
	if (ret)
		return ret;
	split->heads_at = ring->last_avail;
	split->heads_nr = nr;
	return 0;
}

/* 1 with the next chain's head, 0 without, or negative */
static int next_head(struct mdev_virtio_ring *ring, u16 *head)
{
	struct mdev_virtio_split *split = &ring->split;
	u16 flags;
	int ret;

	if (split->avail_idx == ring->last_avail) {
		ret = read_avail(ring, &flags);
		if (ret)
			return ret;
		if (split->avail_idx == ring->last_avail)
			return 0;
	}
	if ((u16)(ring->last_avail - split->heads_at) >= split->heads_nr) {
		ret = read_heads(ring);
		if (ret)
			return ret;
	}
	*head = le16_to_cpu(split->heads[(u16)(ring->last_avail - split->heads_at)]);
	return *head < ring->num ? 1 : -EPROTO;
}

/* --- descriptor chains --- */

/* Reading a few descriptors costs the same as reading one. */
#define DESC_WINDOW	4

/*
 * Where a walk is: in the ring's descriptors or in an indirect table, of which
 * there is one at most and at the end: VIRTIO 1.2 s. 2.7.5.3
 */
struct walk {
	u64 table;
	u32 table_nr;
	bool indirect;
	struct vring_desc desc[DESC_WINDOW];
	u32 at;
	u32 nr;
};

static int read_desc(struct mdev_virtio_ring *ring, struct walk *walk, u16 idx,
		     const struct vring_desc **desc)
{
	if (idx >= walk->table_nr)
		return -EPROTO;
	if (idx < walk->at || idx >= walk->at + walk->nr) {
		u32 nr = min_t(u32, DESC_WINDOW, walk->table_nr - idx);
		int ret = mvdev_dma_read(ring->mvdev,
					 walk->table + desc_size(idx),
					 walk->desc, desc_size(nr));

		if (ret)
			return ret;
		walk->at = idx;
		walk->nr = nr;
	}
	*desc = &walk->desc[idx - walk->at];
	return 0;
}

/*
 * Go on in the table that @desc refers to; VIRTQ_DESC_F_WRITE says nothing there.
 * It may be longer than the queue, the chain in it may not.
 */
static int enter_table(const struct mdev_virtio_ring *ring, struct walk *walk,
		       const struct vring_desc *desc)
{
	u16 flags = le16_to_cpu((__force __le16)desc->flags);
	u64 addr = le64_to_cpu((__force __le64)desc->addr);
	u32 len = le32_to_cpu((__force __le32)desc->len);
	u64 end;

	if (!ring->indirect || walk->indirect || (flags & VRING_DESC_F_NEXT))
		return -EPROTO;
	if (!len || len % sizeof(*desc) ||
	    check_add_overflow(addr, (u64)len, &end))
		return -EPROTO;
	walk->indirect = true;
	walk->table = addr;
	walk->table_nr = len / sizeof(*desc);
	walk->nr = 0;
	return 0;
}

static int add_desc(struct mdev_virtio_chain *chain,
		    struct mdev_virtio_iov *iov, unsigned int max,
		    const struct vring_desc *desc)
{
	return mvdev_chain_add(chain, iov, max,
			       le64_to_cpu((__force __le64)desc->addr),
			       le32_to_cpu((__force __le32)desc->len),
			       le16_to_cpu((__force __le16)desc->flags) &
			       VRING_DESC_F_WRITE);
}

/*
 * A chain has at most as many descriptors as the queue, those of a table
 * included: a loop ends there.
 */
static int walk_chain(struct mdev_virtio_ring *ring,
		      struct mdev_virtio_chain *chain,
		      struct mdev_virtio_iov *iov, unsigned int max)
{
	struct walk walk = { .table = ring->desc, .table_nr = ring->num };
	const struct vring_desc *desc;
	u16 idx = chain->id;
	unsigned int pieces = 0;
	u16 flags;
	int ret;

	while (pieces < ring->num) {
		ret = read_desc(ring, &walk, idx, &desc);
		if (ret)
			return ret;
		flags = le16_to_cpu((__force __le16)desc->flags);
		if (flags & VRING_DESC_F_INDIRECT) {
			/* Once at most: another one is an error. */
			ret = enter_table(ring, &walk, desc);
			if (ret)
				return ret;
			idx = 0;
			continue;
		}
		ret = add_desc(chain, iov, max, desc);
		if (ret)
			return ret;
		pieces++;
		if (!(flags & VRING_DESC_F_NEXT))
			return 0;
		idx = le16_to_cpu((__force __le16)desc->next);
	}
	return -EPROTO;
}

static int split_pop(struct mdev_virtio_ring *ring,
		     struct mdev_virtio_chain *chain,
		     struct mdev_virtio_iov *iov, unsigned int max)
{
	int ret;

	ret = next_head(ring, &chain->id);
	if (ret <= 0)
		return ret;
	ret = walk_chain(ring, chain, iov, max);
	if (ret)
		return ret;
	chain->slots = 1;
	ring->last_avail++;
	return 1;
}

static void split_unpop(struct mdev_virtio_ring *ring,
			const struct mdev_virtio_chain *chain)
{
	ring->last_avail--;
}

/* s. 2.7.10: avail_event lies behind the used ring */
static int split_listen(struct mdev_virtio_ring *ring)
{
	const __le16 event = cpu_to_le16(ring->last_avail);
	u16 flags;
	int ret;

	if (!ring->listening || ring->event != ring->last_avail) {
		ret = mvdev_dma_write(ring->mvdev, ring->device +
				      used_size(ring->num) - sizeof(event),
				      &event, sizeof(event));
		if (ret)
			return ret;
		ring->listening = true;
		ring->event = ring->last_avail;
	}
	/* A client that adds a chain looks at the event index after that. */
	smp_mb();
	ret = read_avail(ring, &flags);
	if (ret)
		return ret;
	return ring->split.avail_idx != ring->last_avail;
}

/* --- used ring --- */

/* The client does not look at elements before the index is there. */
static int split_put_used(struct mdev_virtio_ring *ring, u16 id, u32 len,
			  u16 slots)
{
	u16 slot = ring->used_idx & (ring->num - 1);
	struct {
		__le32 id;
		__le32 len;
	} elem = { cpu_to_le32(id), cpu_to_le32(len) };
	int ret;

	ret = mvdev_dma_write(ring->mvdev,
			      ring->device + 4 + sizeof(elem) * slot, &elem,
			      sizeof(elem));
	if (ret)
		return ret;
	if (!slot)
		ring->split.used0 = elem.id;
	ring->used_idx += slots;
	return 0;
}

/*
 * Flags, index and the first element's id share a word of eight bytes. The
 * flags are ours and always 0, the id is the one written last, so the whole
 * word can be written to change the index at once. In an area that is aligned to
 * four only, which no known driver has, a client may see a half-changed index.
 */
static int split_show_used(struct mdev_virtio_ring *ring)
{
	struct {
		__le16 flags;
		__le16 idx;
		__le32 id;
	} word = { 0, cpu_to_le16(ring->used_idx), ring->split.used0 };

	return mvdev_dma_write(ring->mvdev, ring->device, &word, sizeof(word));
}

/* s. 2.7.7: used_event lies behind the available ring, and the flag is for others */
static int split_wants_interrupt(struct mdev_virtio_ring *ring)
{
	__le16 event;
	u16 flags;
	int ret;

	if (!ring->event_idx) {
		ret = read_avail(ring, &flags);
		return ret ? ret : !(flags & VRING_AVAIL_F_NO_INTERRUPT);
	}
	ret = mvdev_dma_read(ring->mvdev, ring->driver +
			     avail_size(ring->num) - sizeof(event),
			     &event, sizeof(event));
	if (ret)
		return ret;
	return vring_need_event(le16_to_cpu(event), ring->used_idx,
				ring->used_idx - ring->unpublished);
}

const struct mvdev_ring_layout mvdev_ring_split = {
	.set_address = split_set_address,
	.set_state = split_set_state,
	.get_state = split_get_state,
	.pop = split_pop,
	.unpop = split_unpop,
	.put_used = split_put_used,
	.show_used = split_show_used,
	.wants_interrupt = split_wants_interrupt,
	.listen = split_listen,
};
