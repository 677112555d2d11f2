/* SPDX-License-Identifier: BSD-3-Clause */

/* The control queue's ring as a split virtqueue (VIRTIO 1.2 s. 2.7). */

#include <endian.h>
#include <errno.h>
#include <stddef.h>

#include <linux/virtio_ring.h>

#include "ctrl_queue_private.h"

static int
split_start(struct ctrl_queue *cq)
{
	const struct ctrl_queue_conf *conf = &cq->conf;
	uint64_t size = conf->size;

	/* s. 2.7: a power of 2, and 32768 is the largest of 16 bits */
	if (size == 0 || (size & (size - 1)) != 0)
		return -EINVAL;
	if (!ctrl_ring_place_ok(conf->desc, size * sizeof(struct vring_desc),
			VRING_DESC_ALIGN_SIZE) ||
	    !ctrl_ring_place_ok(conf->avail, sizeof(struct vring_avail) + size *
			sizeof(uint16_t), VRING_AVAIL_ALIGN_SIZE) ||
	    !ctrl_ring_place_ok(conf->used, sizeof(struct vring_used) + size *
			sizeof(struct vring_used_elem), VRING_USED_ALIGN_SIZE))
		return -EINVAL;
	return 0;
}

static int
read_desc(struct ctrl_queue *cq, uint64_t table, uint16_t index, struct vring_desc *desc)
{
	if (dma_read(cq->memory, table + index * sizeof(*desc), desc, sizeof(*desc)) < 0)
		return -EPROTO;
	desc->addr = le64toh(desc->addr);
	desc->len = le32toh(desc->len);
	desc->flags = le16toh(desc->flags);
	desc->next = le16toh(desc->next);
	return 0;
}

/* A table that a descriptor of the ring, and the last of its chain, names. */
static bool
indirect_ok(const struct ctrl_queue *cq, const struct vring_desc *desc)
{
	return cq->conf.indirect && (desc->flags & VRING_DESC_F_NEXT) == 0 &&
		desc->len > 0 && desc->len % sizeof(*desc) == 0 &&
		ctrl_ring_place_ok(desc->addr, desc->len, 1);
}

/* s. 2.7.5: descriptors of the ring, and those of one indirect table behind them. */
static int
gather(struct ctrl_queue *cq, struct ctrl_chain *chain, uint16_t head)
{
	uint64_t table = cq->conf.desc;
	uint32_t entries = cq->conf.size, index = head;
	bool inside = false;
	struct vring_desc desc;
	int ret;

	for (;;) {
		if (index >= entries || read_desc(cq, table, index, &desc) < 0)
			return -EPROTO;
		if ((desc.flags & VRING_DESC_F_INDIRECT) != 0) {
			if (inside || !indirect_ok(cq, &desc))
				return -EPROTO;
			inside = true;
			table = desc.addr;
			entries = desc.len / sizeof(desc);
			index = 0;
			continue;
		}
		/* ends the chain that is too long, or a loop */
		ret = ctrl_chain_add(cq, chain, desc.addr, desc.len,
				(desc.flags & VRING_DESC_F_WRITE) != 0);
		if (ret < 0 || (desc.flags & VRING_DESC_F_NEXT) == 0)
			return ret;
		index = desc.next;
	}
}

static int
split_next(struct ctrl_queue *cq, struct ctrl_chain *chain)
{
	const uint64_t avail = cq->conf.avail;
	uint16_t idx, head, waiting;

	if (ctrl_ring_read16(cq, avail + offsetof(struct vring_avail, idx), &idx) < 0)
		return -EPROTO;
	waiting = idx - cq->avail_idx;
	if (waiting == 0)
		return 0;
	if (waiting > cq->conf.size)
		return -EPROTO;
	/* what idx announces was written before it (s. 2.7.13.3) */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (ctrl_ring_read16(cq, avail + offsetof(struct vring_avail, ring) +
			cq->avail_idx % cq->conf.size * sizeof(head), &head) < 0 ||
			gather(cq, chain, head) < 0)
		return -EPROTO;
	chain->held.id = head;
	cq->avail_idx++;
	return 1;
}

static int
split_used(struct ctrl_queue *cq, const struct ctrl_held *held, uint32_t len)
{
	const uint64_t used = cq->conf.used;
	struct vring_used_elem elem = { .id = htole32(held->id), .len = htole32(len) };

	if (dma_write(cq->memory, used + offsetof(struct vring_used, ring) +
			cq->used_idx % cq->conf.size * sizeof(elem), &elem,
			sizeof(elem)) < 0)
		return -EPROTO;
	/* the answer and the entry come before idx (s. 2.7.8.2) */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	cq->used_idx++;
	return ctrl_ring_write16(cq, used + offsetof(struct vring_used, idx),
			cq->used_idx);
}

/* s. 2.7.7.2, without EVENT_IDX */
static int
split_wants_interrupt(struct ctrl_queue *cq)
{
	uint16_t flags;

	if (ctrl_ring_read16(cq, cq->conf.avail + offsetof(struct vring_avail, flags),
			&flags) < 0)
		return -EPROTO;
	return (flags & VRING_AVAIL_F_NO_INTERRUPT) == 0;
}

const struct ctrl_ring_ops ctrl_ring_split = {
	.start = split_start,
	.next = split_next,
	.used = split_used,
	.wants_interrupt = split_wants_interrupt,
};
