/* SPDX-License-Identifier: BSD-3-Clause */

#include <endian.h>
#include <errno.h>
#include <stddef.h>

#include <linux/virtio_ring.h>

#include "virtio_ring.h"

#define PARTS 3

struct part {
	uint64_t addr, size;
	uint32_t align;
};

/* s. 2.7: the optional event index is counted in, as backends map it. s. 2.8.10. */
static void
ring_parts(const struct virtio_queue *q, bool packed, struct part parts[PARTS])
{
	uint64_t n = q->size;

	if (packed) {
		parts[0] = (struct part){ q->desc,
			n * sizeof(struct vring_packed_desc), 16 };
		parts[1] = (struct part){ q->avail,
			sizeof(struct vring_packed_desc_event), 4 };
		parts[2] = (struct part){ q->used,
			sizeof(struct vring_packed_desc_event), 4 };
		return;
	}
	parts[0] = (struct part){ q->desc, n * sizeof(struct vring_desc), 16 };
	parts[1] = (struct part){ q->avail,
		offsetof(struct vring_avail, ring) + (n + 1) * sizeof(uint16_t), 2 };
	parts[2] = (struct part){ q->used,
		offsetof(struct vring_used, ring) +
		n * sizeof(struct vring_used_elem) + sizeof(uint16_t), 4 };
}

bool
virtio_ring_valid(const struct virtio_queue *q, bool packed)
{
	struct part parts[PARTS];
	unsigned int i;

	if (q->size == 0 || (!packed && (q->size & (q->size - 1)) != 0))
		return false;
	ring_parts(q, packed, parts);
	for (i = 0; i < PARTS; i++) {
		if (parts[i].addr % parts[i].align != 0 ||
				parts[i].addr > UINT64_MAX - parts[i].size)
			return false;
	}
	return true;
}

static bool
part_within(const struct part *part, const struct dma_range *ranges, unsigned int nr_ranges)
{
	unsigned int i;

	for (i = 0; i < nr_ranges; i++) {
		if (part->addr >= ranges[i].iova && part->size <= ranges[i].size &&
				part->addr - ranges[i].iova <=
				ranges[i].size - part->size)
			return true;
	}
	return false;
}

bool
virtio_ring_within(const struct virtio_queue *q, bool packed,
		const struct dma_range *ranges, unsigned int nr_ranges)
{
	struct part parts[PARTS];
	unsigned int i;

	ring_parts(q, packed, parts);
	for (i = 0; i < PARTS; i++) {
		if (!part_within(&parts[i], ranges, nr_ranges))
			return false;
	}
	return true;
}

int
virtio_ring_pending(const struct virtio_queue *q, struct dma_table *memory,
		uint16_t *used, uint16_t *pending)
{
	uint16_t raw_used, raw_avail;
	int ret;

	ret = dma_read(memory, q->used + offsetof(struct vring_used, idx), &raw_used,
			sizeof(raw_used));
	if (ret == 0)
		ret = dma_read(memory, q->avail + offsetof(struct vring_avail, idx),
				&raw_avail, sizeof(raw_avail));
	if (ret < 0)
		return -EFAULT;
	*used = le16toh(raw_used);
	*pending = le16toh(raw_avail) - *used;
	return *pending > q->size ? -EPROTO : 0;
}
