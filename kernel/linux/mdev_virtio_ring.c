// SPDX-License-Identifier: GPL-2.0-only
/*
 * Split virtqueue, device side, in the client's memory. VIRTIO 1.2 s. 2.7.
 *
 * Everything is reached by vfio_dma_rw(). vfio_pin_pages() would make the rings
 * ordinary memory, but type 1 IOMMUs of version 1 refuse it (EACCES), and that
 * is the version DPDK's EAL asks for.
 *
 * vfio_dma_rw() copies with copy_{from,to}_user(), which on x86 moves eight
 * bytes at once where it can and single bytes otherwise. A 16-bit index moved
 * byte by byte can be seen half changed: 0x00ff, 0x0000, 0x0100. So indices are
 * read and written as part of an aligned word of eight bytes.
 */
#include <linux/overflow.h>
#include <linux/virtio_ring.h>

#include "compat.h"
#include "mdev_virtio_core.h"

#define WORD	8

static size_t desc_size(u16 num)
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

static int dma_read(struct mdev_virtio_device *mvdev, u64 addr, void *buf,
		    size_t len)
{
	return vfio_dma_rw(&mvdev->vdev, addr, buf, len, false);
}

static int dma_write(struct mdev_virtio_device *mvdev, u64 addr,
		     const void *buf, size_t len)
{
	/* The buffer is only read from; the prototype can't say so. */
	return vfio_dma_rw(&mvdev->vdev, addr, (void *)buf, len, true);
}

void mdev_virtio_ring_init(struct mdev_virtio_ring *ring,
			   struct mdev_virtio_device *mvdev, u16 num)
{
	memset(ring, 0, sizeof(*ring));
	ring->mvdev = mvdev;
	ring->num = num;
}
EXPORT_SYMBOL_GPL(mdev_virtio_ring_init);

static bool area_valid(u64 addr, size_t size, size_t align)
{
	u64 end;

	return IS_ALIGNED(addr, align) && !check_add_overflow(addr, (u64)size, &end);
}

int mdev_virtio_ring_set_address(struct mdev_virtio_ring *ring, u64 desc,
				 u64 avail, u64 used)
{
	if (!area_valid(desc, desc_size(ring->num), VRING_DESC_ALIGN_SIZE) ||
	    !area_valid(avail, avail_size(ring->num), VRING_AVAIL_ALIGN_SIZE) ||
	    !area_valid(used, used_size(ring->num), VRING_USED_ALIGN_SIZE))
		return -EINVAL;
	ring->desc = desc;
	ring->avail = avail;
	ring->used = used;
	return 0;
}
EXPORT_SYMBOL_GPL(mdev_virtio_ring_set_address);

void mdev_virtio_ring_set_state(struct mdev_virtio_ring *ring, u16 idx)
{
	ring->avail_idx = idx;
	ring->last_avail = idx;
	ring->used_idx = idx;
	ring->published = idx;
	ring->heads_nr = 0;
	ring->used0 = 0;
}
EXPORT_SYMBOL_GPL(mdev_virtio_ring_set_state);

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

	ret = dma_read(ring->mvdev, ring->avail, word, sizeof(word));
	while (!ret && !IS_ALIGNED(ring->avail, WORD) && tries++ < 4) {
		ret = dma_read(ring->mvdev, ring->avail, again, sizeof(again));
		if (ret || again[1] == word[1])
			break;
		memcpy(word, again, sizeof(word));
	}
	if (ret)
		return ret;

	idx = le16_to_cpu(word[1]);
	if ((u16)(idx - ring->last_avail) > ring->num)
		return -EPROTO;
	ring->avail_idx = idx;
	*flags = le16_to_cpu(word[0]);
	/* Entries and descriptors are read after the index: s. 2.7.13 */
	smp_rmb();
	return 0;
}

/* Copy the next entries, up to the ring's end. */
static int read_heads(struct mdev_virtio_ring *ring)
{
	u16 slot = ring->last_avail & (ring->num - 1);
	u16 nr = ring->avail_idx - ring->last_avail;
	int ret;

	nr = min_t(u16, nr, ring->num - slot);
	nr = min_t(u16, nr, MDEV_VIRTIO_RING_HEADS);
	ring->heads_nr = 0;
	ret = dma_read(ring->mvdev, ring->avail + 4 + 2 * slot, ring->heads,
		       2 * nr);
	if (ret)
		return ret;
	ring->heads_at = ring->last_avail;
	ring->heads_nr = nr;
	return 0;
}

/* 1 with the next chain's head, 0 without, or negative */
static int next_head(struct mdev_virtio_ring *ring, u16 *head)
{
	u16 flags;
	int ret;

	if (ring->avail_idx == ring->last_avail) {
		ret = read_avail(ring, &flags);
		if (ret)
			return ret;
		if (ring->avail_idx == ring->last_avail)
			return 0;
	}
	if ((u16)(ring->last_avail - ring->heads_at) >= ring->heads_nr) {
		ret = read_heads(ring);
		if (ret)
			return ret;
	}
	*head = le16_to_cpu(ring->heads[(u16)(ring->last_avail - ring->heads_at)]);
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
		int ret = dma_read(ring->mvdev, walk->table + desc_size(idx),
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

/* Append one descriptor's piece: readable ones first, nothing that wraps. */
static int add_piece(struct mdev_virtio_chain *chain,
		     struct mdev_virtio_iov *iov, const struct vring_desc *desc)
{
	u16 flags = le16_to_cpu((__force __le16)desc->flags);
	u64 addr = le64_to_cpu((__force __le64)desc->addr);
	u32 len = le32_to_cpu((__force __le32)desc->len);
	bool in = flags & VRING_DESC_F_WRITE;
	u64 end;

	if (check_add_overflow(addr, (u64)len, &end))
		return -EPROTO;
	if (!in && chain->nr_in)
		return -EPROTO;
	if (check_add_overflow(in ? chain->in_len : chain->out_len, len,
			       in ? &chain->in_len : &chain->out_len))
		return -EPROTO;

	iov[chain->nr_out + chain->nr_in].addr = addr;
	iov[chain->nr_out + chain->nr_in].len = len;
	if (in)
		chain->nr_in++;
	else
		chain->nr_out++;
	return 0;
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
	u16 idx = chain->head;
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
		if (pieces++ == max)
			return -ENOSPC;
		ret = add_piece(chain, iov, desc);
		if (ret)
			return ret;
		if (!(flags & VRING_DESC_F_NEXT))
			return 0;
		idx = le16_to_cpu((__force __le16)desc->next);
	}
	return -EPROTO;
}

int mdev_virtio_ring_pop(struct mdev_virtio_ring *ring,
			 struct mdev_virtio_chain *chain,
			 struct mdev_virtio_iov *iov, unsigned int max)
{
	int ret;

	memset(chain, 0, sizeof(*chain));
	ret = next_head(ring, &chain->head);
	if (ret <= 0)
		return ret;
	ret = walk_chain(ring, chain, iov, max);
	if (ret)
		return ret;
	ring->last_avail++;
	return 1;
}
EXPORT_SYMBOL_GPL(mdev_virtio_ring_pop);

void mdev_virtio_ring_unpop(struct mdev_virtio_ring *ring, unsigned int n)
{
	ring->last_avail -= n;
}
EXPORT_SYMBOL_GPL(mdev_virtio_ring_unpop);

/* --- used ring --- */

int mdev_virtio_ring_push(struct mdev_virtio_ring *ring, u16 head, u32 len)
{
	u16 slot = ring->used_idx & (ring->num - 1);
	struct {
		__le32 id;
		__le32 len;
	} elem = { cpu_to_le32(head), cpu_to_le32(len) };
	int ret;

	ret = dma_write(ring->mvdev, ring->used + 4 + sizeof(elem) * slot,
			&elem, sizeof(elem));
	if (ret)
		return ret;
	if (!slot)
		ring->used0 = elem.id;
	ring->used_idx++;
	return 0;
}
EXPORT_SYMBOL_GPL(mdev_virtio_ring_push);

/*
 * Flags, index and the first element's id share a word of eight bytes. The
 * flags are ours and always 0, the id is the one written last, so the whole
 * word can be written to change the index at once. In an area that is aligned to
 * four only, which no known driver has, a client may see a half-changed index.
 */
static int write_used_idx(struct mdev_virtio_ring *ring)
{
	struct {
		__le16 flags;
		__le16 idx;
		__le32 id;
	} word = { 0, cpu_to_le16(ring->used_idx), ring->used0 };

	return dma_write(ring->mvdev, ring->used, &word, sizeof(word));
}

int mdev_virtio_ring_publish(struct mdev_virtio_ring *ring)
{
	u16 flags;
	int ret;

	if (ring->published == ring->used_idx)
		return 0;
	/* Elements before the index, the index before the flags: s. 2.7.10 */
	smp_wmb();
	ret = write_used_idx(ring);
	if (ret)
		return ret;
	ring->published = ring->used_idx;
	/* A client that allows interrupts looks at the index after that. */
	smp_mb();
	ret = read_avail(ring, &flags);
	if (ret)
		return ret;
	return !(flags & VRING_AVAIL_F_NO_INTERRUPT);
}
EXPORT_SYMBOL_GPL(mdev_virtio_ring_publish);

/* --- buffers --- */

int mdev_virtio_read(struct mdev_virtio_device *mvdev,
		     const struct mdev_virtio_iov *iov, unsigned int nr,
		     size_t skip, void *buf, size_t len)
{
	unsigned int i;
	int ret;

	for (i = 0; i < nr && len; i++) {
		size_t n;

		if (skip >= iov[i].len) {
			skip -= iov[i].len;
			continue;
		}
		n = min_t(size_t, len, iov[i].len - skip);
		ret = dma_read(mvdev, iov[i].addr + skip, buf, n);
		if (ret)
			return ret;
		buf += n;
		len -= n;
		skip = 0;
	}
	return len ? -EMSGSIZE : 0;
}
EXPORT_SYMBOL_GPL(mdev_virtio_read);

int mdev_virtio_write(struct mdev_virtio_device *mvdev,
		      const struct mdev_virtio_iov *iov, unsigned int nr,
		      size_t skip, const void *buf, size_t len)
{
	unsigned int i;
	int ret;

	for (i = 0; i < nr && len; i++) {
		size_t n;

		if (skip >= iov[i].len) {
			skip -= iov[i].len;
			continue;
		}
		n = min_t(size_t, len, iov[i].len - skip);
		ret = dma_write(mvdev, iov[i].addr + skip, buf, n);
		if (ret)
			return ret;
		buf += n;
		len -= n;
		skip = 0;
	}
	return len ? -EMSGSIZE : 0;
}
EXPORT_SYMBOL_GPL(mdev_virtio_write);
