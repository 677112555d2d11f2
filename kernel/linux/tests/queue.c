// SPDX-License-Identifier: GPL-2.0-only
/*
 * The client's virtqueues. Chains are made of descriptors of the split layout, with
 * vq_desc(); in a packed ring they are put when they are posted, with the index of the
 * first one as their buffer id. VIRTIO 1.2 s. 2.7 and 2.8.
 */
#include <errno.h>
#include <string.h>

#include "client.h"

#define AVAIL_FLAG	BIT(VRING_PACKED_DESC_F_AVAIL)
#define USED_FLAG	BIT(VRING_PACKED_DESC_F_USED)

/* --- set-up --- */

void vq_init(struct vq *vq)
{
	const uint64_t features = vq->c->features;

	memset(vq->slot, 0, SLOT_SIZE);
	vq->packed = features & BIT(VIRTIO_F_RING_PACKED);
	vq->event_idx = features & BIT(VIRTIO_RING_F_EVENT_IDX);
	vq->in_order = features & BIT(VIRTIO_F_IN_ORDER);
	vq->desc = (void *)(vq->slot + (vq->packed ? SLOT_SHADOW : 0));
	vq->pdesc = (void *)vq->slot;
	vq->avail = (void *)(vq->slot + SLOT_AVAIL);
	vq->used = (void *)(vq->slot + SLOT_USED);
	vq->table = (void *)(vq->slot + SLOT_TABLE);
	vq->num = VQ_NUM;
	vq->last_used = 0;
	vq->used_wrap = true;
	vq->next_avail = 0;
	vq->avail_wrap = true;
	vq->kicked = 0;
	vq->posted = 0;
	vq->fetched = 0;
	vq->in_batch = false;
}

bool vq_enable(struct vq *vq, uint64_t desc, uint64_t avail, uint64_t used)
{
	struct client *c = vq->c;

	put_common(c, VIRTIO_PCI_COMMON_Q_SELECT, 2, vq->idx);
	put_common(c, VIRTIO_PCI_COMMON_Q_SIZE, 2, vq->num);
	put_common(c, VIRTIO_PCI_COMMON_Q_DESCLO, 4, desc);
	put_common(c, VIRTIO_PCI_COMMON_Q_DESCHI, 4, desc >> 32);
	put_common(c, VIRTIO_PCI_COMMON_Q_AVAILLO, 4, avail);
	put_common(c, VIRTIO_PCI_COMMON_Q_AVAILHI, 4, avail >> 32);
	put_common(c, VIRTIO_PCI_COMMON_Q_USEDLO, 4, used);
	put_common(c, VIRTIO_PCI_COMMON_Q_USEDHI, 4, used >> 32);
	vq->notify_off = get_common(c, VIRTIO_PCI_COMMON_Q_NOFF, 2);
	put_common(c, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	return get_common(c, VIRTIO_PCI_COMMON_Q_ENABLE, 2) == 1;
}

bool vq_enable_own(struct vq *vq)
{
	return vq_enable(vq, vq->iova, vq->iova + SLOT_AVAIL,
			 vq->iova + SLOT_USED);
}

/* --- descriptors --- */

void vq_desc(struct vq *vq, uint16_t i, uint64_t addr, uint32_t len,
	     uint16_t flags, uint16_t next)
{
	vq->desc[i].addr = addr;
	vq->desc[i].len = len;
	vq->desc[i].flags = flags;
	vq->desc[i].next = next;
}

void vq_table(struct vq *vq, uint16_t i, uint64_t addr, uint32_t len,
	      uint16_t flags, uint16_t next)
{
	vq->table[i].addr = addr;
	vq->table[i].len = len;
	if (vq->packed) {
		/* an id that means nothing, then flags */
		vq->table[i].flags = 0x5a5a;
		vq->table[i].next = flags & ~VRING_DESC_F_NEXT;
	} else {
		vq->table[i].flags = flags;
		vq->table[i].next = next;
	}
}

uint64_t vq_buf_iova(const struct vq *vq, unsigned int i)
{
	return vq->iova + SLOT_BUFS + i * BUF_SIZE;
}

uint8_t *vq_buf(const struct vq *vq, unsigned int i)
{
	return vq->slot + SLOT_BUFS + i * BUF_SIZE;
}

/* --- available --- */

static void step(const struct vq *vq, uint16_t *idx, bool *wrap, uint16_t slots)
{
	*idx += slots;
	if (*idx >= vq->num) {
		*idx -= vq->num;
		*wrap = !*wrap;
	}
}

/* The head's flags last: s. 2.8.6 */
static uint16_t post_packed(struct vq *vq, uint16_t head)
{
	uint16_t slots = 0, flags, first_flags = 0, i = head;
	const uint16_t first = vq->next_avail;

	do {
		volatile struct vring_packed_desc *desc =
			&vq->pdesc[vq->next_avail];

		flags = vq->desc[i].flags;
		desc->addr = vq->desc[i].addr;
		desc->len = vq->desc[i].len;
		desc->id = head;
		if (slots)
			desc->flags = flags |
				(vq->avail_wrap ? AVAIL_FLAG : USED_FLAG);
		else
			first_flags = flags |
				(vq->avail_wrap ? AVAIL_FLAG : USED_FLAG);
		step(vq, &vq->next_avail, &vq->avail_wrap, 1);
		i = vq->desc[i].next;
		slots++;
	} while (flags & VRING_DESC_F_NEXT);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	vq->pdesc[first].flags = first_flags;
	return slots;
}

void vq_post(struct vq *vq, uint16_t head)
{
	uint16_t slots = 1;

	if (vq->packed) {
		slots = post_packed(vq, head);
	} else {
		vq->avail->ring[vq->avail->idx % vq->num] = head;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		vq->avail->idx++;
	}
	vq->kicked += slots;
	vq->slots[head % VQ_NUM] = slots;
	vq->fifo[vq->posted++ % VQ_NUM] = head;
}

static bool need_event(uint16_t event, uint16_t new, uint16_t old)
{
	return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

static bool wants_kick(struct vq *vq, uint16_t slots)
{
	uint16_t event, flags;
	bool wrap;

	if (!vq->packed) {
		if (!vq->event_idx)
			return !(vq->used->flags & VRING_USED_F_NO_NOTIFY);
		/* behind the last element */
		event = vq->used->ring[vq->num].id;
		return need_event(event, vq->avail->idx, vq->avail->idx - slots);
	}
	flags = ((volatile struct vring_packed_desc_event *)vq->used)->flags;
	event = ((volatile struct vring_packed_desc_event *)vq->used)->off_wrap;
	if (flags != VRING_PACKED_EVENT_FLAG_DESC)
		return flags == VRING_PACKED_EVENT_FLAG_ENABLE;
	wrap = event >> 15;
	event &= 0x7fff;
	if (wrap != vq->avail_wrap)
		event -= vq->num;
	return need_event(event, vq->next_avail, vq->next_avail - slots);
}

void vq_kick(struct vq *vq)
{
	struct client *c = vq->c;
	uint32_t off = vq->notify_off * c->notify_mult;
	uint16_t slots = vq->kicked;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	vq->kicked = 0;
	/* one that posts without vq_post() kicks always */
	if (slots && !wants_kick(vq, slots)) {
		c->kicks_saved++;
		return;
	}
	if (c->doorbells)
		c->doorbells[off / sizeof(*c->doorbells)] = vq->idx;
	else
		put_reg(c, c->notify + off, 2, vq->idx);
}

/* --- used --- */

/* The next used element, without stepping over it. */
static bool look(struct vq *vq, struct vring_used_elem *elem)
{
	volatile struct vring_packed_desc *desc = &vq->pdesc[vq->last_used];
	uint16_t flags;

	if (!vq->packed) {
		if (vq->used->idx == vq->last_used)
			return false;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		elem->id = vq->used->ring[vq->last_used % vq->num].id;
		elem->len = vq->used->ring[vq->last_used % vq->num].len;
		return true;
	}
	flags = desc->flags;
	if (!!(flags & AVAIL_FLAG) != vq->used_wrap ||
	    !!(flags & USED_FLAG) != vq->used_wrap)
		return false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	elem->id = desc->id;
	elem->len = desc->len;
	return true;
}

static void step_over(struct vq *vq, uint16_t id)
{
	if (vq->packed)
		step(vq, &vq->last_used, &vq->used_wrap,
		     vq->slots[id % VQ_NUM]);
	else
		vq->last_used++;
}

/* With IN_ORDER one element may stand for several chains, of which it is the last. */
static bool poll_in_order(struct vq *vq, struct vring_used_elem *elem)
{
	if (!vq->in_batch) {
		if (!look(vq, &vq->batch))
			return false;
		vq->in_batch = true;
	}
	elem->id = vq->fifo[vq->fetched++ % VQ_NUM];
	elem->len = 0;
	step_over(vq, elem->id);
	if (elem->id == vq->batch.id) {
		elem->len = vq->batch.len;
		vq->in_batch = false;
	} else if (vq->fetched == vq->posted) {
		/* not one of ours */
		elem->id = ~0u;
		vq->in_batch = false;
	}
	return true;
}

bool vq_poll(struct vq *vq, struct vring_used_elem *elem)
{
	if (vq->in_order)
		return poll_in_order(vq, elem);
	if (!look(vq, elem))
		return false;
	step_over(vq, elem->id);
	return true;
}

void vq_interrupt_after(struct vq *vq, uint16_t slots)
{
	volatile struct vring_packed_desc_event *event = (void *)vq->avail;
	uint16_t idx = vq->last_used;
	bool wrap = vq->used_wrap;

	if (vq->packed) {
		step(vq, &idx, &wrap, slots);
		event->off_wrap = idx | (wrap << 15);
		event->flags = vq->event_idx ? VRING_PACKED_EVENT_FLAG_DESC :
					       VRING_PACKED_EVENT_FLAG_ENABLE;
	} else if (vq->event_idx) {
		vq->avail->ring[vq->num] = idx + slots;
	} else {
		vq->avail->flags = 0;
	}
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void vq_no_interrupts(struct vq *vq)
{
	volatile struct vring_packed_desc_event *event = (void *)vq->avail;

	if (vq->packed)
		event->flags = VRING_PACKED_EVENT_FLAG_DISABLE;
	else if (vq->event_idx)	/* of what has been used, and not soon again */
		vq->avail->ring[vq->num] = vq->last_used - 1;
	else
		vq->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}
