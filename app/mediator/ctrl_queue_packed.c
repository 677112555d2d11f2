/* SPDX-License-Identifier: BSD-3-Clause */

/* The control queue's ring as a packed virtqueue (VIRTIO 1.2 s. 2.8). */

#include <endian.h>
#include <errno.h>
#include <stddef.h>

#include <linux/virtio_ring.h>

#include "ctrl_queue_private.h"

#define MAX_SIZE 32768 /* s. 2.8.10.1: bit 15 is the wrap counter where both are told */
#define EVENT_ALIGN 4

#define DESC_F_AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define DESC_F_USED (1u << VRING_PACKED_DESC_F_USED)

static int
packed_start(struct ctrl_queue *cq)
{
	const struct ctrl_queue_conf *conf = &cq->conf;
	const uint64_t event = sizeof(struct vring_packed_desc_event);

	/* no power of 2 is asked for (s. 2.8.10.1) */
	if (conf->size == 0 || conf->size > MAX_SIZE)
		return -EINVAL;
	if (!ctrl_ring_place_ok(conf->desc, (uint64_t)conf->size *
			sizeof(struct vring_packed_desc), VRING_DESC_ALIGN_SIZE) ||
	    !ctrl_ring_place_ok(conf->avail, event, EVENT_ALIGN) ||
	    !ctrl_ring_place_ok(conf->used, event, EVENT_ALIGN))
		return -EINVAL;
	/* s. 2.8.10: the device's own to write; it wants to hear of all commands */
	return ctrl_ring_write32(cq, conf->used, VRING_PACKED_EVENT_FLAG_ENABLE) < 0 ?
		-EINVAL : 0;
}

static uint64_t
desc_addr(const struct ctrl_queue *cq, uint16_t index)
{
	return cq->conf.desc + index * sizeof(struct vring_packed_desc);
}

static int
read_desc(struct ctrl_queue *cq, uint64_t addr, struct vring_packed_desc *desc)
{
	if (dma_read(cq->memory, addr, desc, sizeof(*desc)) < 0)
		return -EPROTO;
	desc->addr = le64toh(desc->addr);
	desc->len = le32toh(desc->len);
	desc->id = le16toh(desc->id);
	desc->flags = le16toh(desc->flags);
	return 0;
}

/* s. 2.8.1 */
static bool
is_available(uint16_t flags, bool wrap)
{
	return ((flags & DESC_F_AVAIL) != 0) == wrap &&
		((flags & DESC_F_USED) != 0) != wrap;
}

/* s. 2.8.7: all of the table is the chain, and WRITE the only flag. */
static int
gather_table(struct ctrl_queue *cq, struct ctrl_chain *chain,
		const struct vring_packed_desc *table)
{
	struct vring_packed_desc desc;
	uint32_t i, entries = table->len / sizeof(desc);
	int ret = 0;

	if (entries == 0 || table->len % sizeof(desc) != 0 ||
			!ctrl_ring_place_ok(table->addr, table->len, 1))
		return -EPROTO;
	for (i = 0; ret == 0 && i < entries; i++) {
		ret = read_desc(cq, table->addr + i * sizeof(desc), &desc);
		if (ret == 0)
			ret = ctrl_chain_add(cq, chain, desc.addr, desc.len,
					(desc.flags & VRING_DESC_F_WRITE) != 0);
	}
	return ret;
}

static int
gather_one(struct ctrl_queue *cq, struct ctrl_chain *chain,
		const struct vring_packed_desc *desc)
{
	if ((desc->flags & VRING_DESC_F_INDIRECT) == 0)
		return ctrl_chain_add(cq, chain, desc->addr, desc->len,
				(desc->flags & VRING_DESC_F_WRITE) != 0);
	/* s. 2.8.19: neither without the feature nor in a chain */
	if (!cq->conf.indirect || chain->held.slots > 1 ||
			(desc->flags & VRING_DESC_F_NEXT) != 0)
		return -EPROTO;
	return gather_table(cq, chain, desc);
}

static int
gather(struct ctrl_queue *cq, struct ctrl_chain *chain)
{
	uint16_t index = cq->avail_idx;
	bool wrap = cq->wrap;
	struct vring_packed_desc desc;

	do {
		/* all flags are those of available ones (s. 2.8.6) */
		if (read_desc(cq, desc_addr(cq, index), &desc) < 0 ||
				!is_available(desc.flags, wrap))
			return -EPROTO;
		chain->held.slots++;
		/* ends the chain that is too long */
		if (gather_one(cq, chain, &desc) < 0)
			return -EPROTO;
		if (++index == cq->conf.size) {
			index = 0;
			wrap = !wrap;
		}
	} while ((desc.flags & VRING_DESC_F_NEXT) != 0);
	chain->held.id = desc.id; /* s. 2.8.6: of the last one */
	return 1;
}

static int
packed_next(struct ctrl_queue *cq, struct ctrl_chain *chain)
{
	uint16_t flags;

	if (ctrl_ring_read16(cq, desc_addr(cq, cq->avail_idx) +
			offsetof(struct vring_packed_desc, flags), &flags) < 0)
		return -EPROTO;
	if (!is_available(flags, cq->wrap))
		return 0;
	/* the rest of the chain was written before these flags (s. 2.8.21.1.1) */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return gather(cq, chain);
}

static int
packed_used(struct ctrl_queue *cq, const struct ctrl_held *held, uint32_t len)
{
	uint64_t addr = desc_addr(cq, cq->avail_idx);
	uint16_t flags = VRING_DESC_F_WRITE; /* s. 2.8.4: len counts */

	if (cq->wrap)
		flags |= DESC_F_AVAIL | DESC_F_USED;
	if (ctrl_ring_write32(cq, addr + offsetof(struct vring_packed_desc, len),
			len) < 0 ||
	    ctrl_ring_write16(cq, addr + offsetof(struct vring_packed_desc, id),
			held->id) < 0)
		return -EPROTO;
	/* the answer, len and id come before the flags (s. 2.8.2) */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	if (ctrl_ring_write16(cq, addr + offsetof(struct vring_packed_desc, flags),
			flags) < 0)
		return -EPROTO;
	/* one used descriptor stands for all of the chain (s. 2.8.6) */
	cq->avail_idx += held->slots;
	if (cq->avail_idx >= cq->conf.size) {
		cq->avail_idx -= cq->conf.size;
		cq->wrap = !cq->wrap;
	}
	return 0;
}

/* s. 2.8.10: without EVENT_IDX there is enabled and disabled */
static int
packed_wants_interrupt(struct ctrl_queue *cq)
{
	uint16_t flags;

	if (ctrl_ring_read16(cq, cq->conf.avail +
			offsetof(struct vring_packed_desc_event, flags), &flags) < 0)
		return -EPROTO;
	return (flags & 3) != VRING_PACKED_EVENT_FLAG_DISABLE;
}

const struct ctrl_ring_ops ctrl_ring_packed = {
	.start = packed_start,
	.next = packed_next,
	.used = packed_used,
	.wants_interrupt = packed_wants_interrupt,
};
