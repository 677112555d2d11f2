// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attacks by way of packed rings: descriptors, tables, positions. VIRTIO 1.2 s. 2.8.
 */
#include <stdio.h>
#include <string.h>

#include "hostile.h"

/* Symbols for addresses; what is not one of them is an address. */
#define BUF		1
#define TABLE		2
#define NOWHERE		(MEM_IOVA + MEM_SIZE + 0x100000)
#define MEM_END		(MEM_IOVA + MEM_SIZE)

/* Symbols for flags: available, and readable where the device is to read, and so on. */
#define RIGHT		0x10000
#define WRONG		0x20000
#define STALE		0x40000		/* not available */
#define NEXT		VRING_DESC_F_NEXT
#define WRITE		VRING_DESC_F_WRITE
#define INDIRECT	VRING_DESC_F_INDIRECT
#define AVAIL		BIT(VRING_PACKED_DESC_F_AVAIL)
#define TAKEN		BIT(VRING_PACKED_DESC_F_USED)

struct entry {
	uint64_t addr;
	uint32_t len;
	uint32_t flags;
};

/* @fill: descriptors that are all like the first one */
struct packed_attack {
	const char *name;
	struct entry ring[2];
	struct entry table[2];
	uint16_t fill;
	enum outcome outcome[KINDS];	/* BROKEN unless it says otherwise */
};

static const struct packed_attack attacks[] = {
	/* chains */
	{ "next not available", { { BUF, 64, RIGHT | NEXT },
				  { BUF, 64, RIGHT | STALE } } },
	{ "next already used", { { BUF, 64, RIGHT | NEXT },
				 { BUF, 64, RIGHT | TAKEN } } },
	{ "chain all around", { { BUF, 4, RIGHT | NEXT } }, .fill = VQ_NUM },
	{ "chain all around of no bytes", { { BUF, 0, RIGHT | NEXT } },
	  .fill = VQ_NUM },
	{ "writable before readable", { { BUF, 64, WRITE | NEXT },
					{ BUF, 64, 0 } } },
	{ "wrong direction", { { BUF, 128, WRONG } }, .outcome = { [CTRL] = USED } },
	{ "flags that do not exist", { { BUF, 128, RIGHT | 0x7f78 } },
	  .outcome = { USED, USED } },
	{ "not available at all", { { BUF, 128, RIGHT | STALE } },
	  .outcome = { KEPT, KEPT, ANY } },
	/* lengths */
	{ "no bytes", { { BUF, 0, RIGHT } }, .outcome = { [TX] = USED } },
	{ "a byte less than the header", { { BUF, 11, RIGHT } },
	  .outcome = { [TX] = USED } },
	{ "4 GiB", { { BUF, 0xffffffff, RIGHT } }, .outcome = { USED, USED } },
	{ "8 GiB in two", { { BUF, 0xffffffff, RIGHT | NEXT },
			    { BUF, 0xffffffff, RIGHT } } },
	/* addresses */
	{ "buffer nowhere", { { NOWHERE, 128, RIGHT } } },
	{ "buffer across the end", { { MEM_END - 64, 128, RIGHT } } },
	{ "buffer that wraps", { { ~63ull, 128, RIGHT } } },
	/* tables */
	{ "table of no bytes", { { TABLE, 0, INDIRECT } } },
	{ "table of 24 bytes", { { TABLE, 24, INDIRECT } } },
	{ "table longer than the ring", { { TABLE, 16 * (VQ_NUM + 1), INDIRECT } } },
	{ "table of 4 GiB", { { TABLE, 0xfffffff0, INDIRECT } } },
	{ "table with a next", { { TABLE, 16, INDIRECT | NEXT },
				 { BUF, 128, RIGHT } }, { { BUF, 128, RIGHT } } },
	{ "table at the end of a chain", { { BUF, 64, RIGHT | NEXT },
					   { TABLE, 16, INDIRECT } },
	  { { BUF, 128, RIGHT } } },
	{ "table in a table", { { TABLE, 16, INDIRECT } },
	  { { BUF, 128, RIGHT | INDIRECT | NEXT } }, .outcome = { USED, USED } },
	{ "table nowhere", { { NOWHERE, 32, INDIRECT } } },
	{ "table across the end", { { MEM_END - 16, 32, INDIRECT } } },
	{ "table that wraps", { { ~15ull, 32, INDIRECT } } },
	{ "buffer of a table nowhere", { { TABLE, 32, INDIRECT } },
	  { { BUF, 64, RIGHT }, { NOWHERE, 64, RIGHT } } },
};

static uint64_t address(const struct vq *vq, uint64_t symbol)
{
	return symbol == BUF ? vq_buf_iova(vq, 0) :
	       symbol == TABLE ? vq->iova + SLOT_TABLE : symbol;
}

static uint16_t flags_for(int kind, uint32_t flags)
{
	uint16_t right = kind == RX ? WRITE : 0;

	return (flags & 0xffff) | (flags & STALE ? 0 : AVAIL) |
	       (flags & RIGHT ? right : 0) |
	       (flags & WRONG ? right ^ WRITE : 0);
}

static void put_entry(struct vq *vq, unsigned int i, const struct entry *e,
		      int kind)
{
	vq->pdesc[i].addr = address(vq, e->addr);
	vq->pdesc[i].len = e->len;
	/* Buffer ids are ours alone: any will do, but our own functions want to know it. */
	vq->pdesc[i].id = 0;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	vq->pdesc[i].flags = flags_for(kind, e->flags);
}

static void attack(struct client *c, const struct packed_attack *a, int kind,
		   uint64_t features)
{
	struct vq *vq;

	client_start(c, features);
	vq = vq_of(c, kind);
	for (unsigned int i = 0; i < 2; i++) {
		volatile struct vring_packed_desc *table = (void *)vq->table;
		const struct entry *t = &a->table[i];

		table[i].addr = address(vq, t->addr);
		table[i].len = t->len;
		table[i].flags = flags_for(kind, t->flags);
	}
	vq->slots[0] = 1;
	/* the head last */
	for (unsigned int i = a->fill; i > 1; i--)
		put_entry(vq, i - 1, &a->ring[0], kind);
	if (!a->fill && a->ring[0].flags & NEXT)
		put_entry(vq, 1, &a->ring[1], kind);
	put_entry(vq, 0, &a->ring[0], kind);
	provoke(vq, kind);
	survived(c, ends_as(vq, a->outcome[kind]), "packed %s: %s", kinds[kind],
		 a->name);
}

/* --- where the areas lie --- */

/* What is less than a slot is an offset in it, the rest are addresses. */
static const struct area_attack {
	const char *name;
	uint64_t desc;
	uint64_t driver;
	uint64_t device;
	enum outcome outcome;
} area_attacks[] = {
	{ "descriptors misaligned", 8, SLOT_AVAIL, SLOT_USED, REFUSED },
	{ "driver area misaligned", 0, SLOT_AVAIL + 2, SLOT_USED, REFUSED },
	{ "device area misaligned", 0, SLOT_AVAIL, SLOT_USED + 1, REFUSED },
	{ "descriptors wrap", ~0x7full & ~15ull, SLOT_AVAIL, SLOT_USED, REFUSED },
	{ "driver area wraps", 0, ~3ull, SLOT_USED, REFUSED },
	{ "device area wraps", 0, SLOT_AVAIL, ~3ull, REFUSED },
	{ "descriptors nowhere", NOWHERE, SLOT_AVAIL, SLOT_USED, BROKEN },
	{ "driver area nowhere", 0, NOWHERE, SLOT_USED, BROKEN },
	{ "device area nowhere", 0, SLOT_AVAIL, NOWHERE, ANY },
	{ "all in one place", 0, 0, 0, ANY },
	{ "device area over the buffer", 0, SLOT_AVAIL, SLOT_BUFS, ANY },
};

static uint64_t absolute(const struct vq *vq, uint64_t where)
{
	return where < SLOT_SIZE ? vq->iova + where : where;
}

static void attack_areas(struct client *c, const struct area_attack *a)
{
	bool enabled, expected;
	struct vq *vq;

	client_reset(c);
	if (!client_negotiate(c, c->offered & (c->take | ~OPTIONAL)))
		die("features");
	vq = vq_of(c, TX);
	vq_init(vq);
	enabled = vq_enable(vq, absolute(vq, a->desc), absolute(vq, a->driver),
			    absolute(vq, a->device));
	put_common(c, VIRTIO_PCI_COMMON_STATUS, 1,
		   get_status(c) | VIRTIO_CONFIG_S_DRIVER_OK);
	put_entry(vq, 0, &(struct entry){ BUF, 200, RIGHT }, TX);
	vq->slots[0] = 1;
	provoke(vq, TX);
	expected = a->outcome == REFUSED ? !enabled :
					   enabled && ends_as(vq, a->outcome);
	survived(c, expected, "packed tx: %s", a->name);
}

/* --- events that make no sense, and sizes --- */

static void attack_event(struct client *c, uint16_t off_wrap, uint16_t flags)
{
	volatile struct vring_packed_desc_event *event;
	uint8_t frame[BUF_SIZE];
	struct vq *vq;
	bool ok = true;

	client_start(c, ~0ull);
	vq = tx_vq(c, 0);
	event = (void *)vq->avail;
	event->off_wrap = off_wrap;
	event->flags = flags;
	for (unsigned int i = 0; i < 2 * VQ_NUM && ok; i++)
		ok = !tx(c, 0, frame, make_frame(frame, vq_buf(vq, 1), 1));
	survived(c, ok, "packed: event 0x%x, flags %u", off_wrap, flags);
}

/* The queue is reset, and the device comes upon descriptors that it has used. */
static void attack_old(struct client *c)
{
	struct vring_used_elem elem;
	uint8_t frame[BUF_SIZE];
	struct vq *vq;
	bool ok;

	client_start(c, ~0ull);
	vq = tx_vq(c, 0);
	ok = !tx(c, 0, frame, make_frame(frame, vq_buf(vq, 1), 1));
	put_common(c, VIRTIO_PCI_COMMON_Q_SELECT, 2, vq->idx);
	put_common(c, VIRTIO_PCI_COMMON_Q_RESET, 2, 1);
	ok = ok && vq_enable_own(vq);
	vq->last_used = 1;
	provoke(vq, TX);
	survived(c, ok && ends_as(vq, KEPT) && !vq_poll(vq, &elem),
		 "packed: used descriptors after a queue reset");
}

void packed_attacks(struct client *c)
{
	static const struct packed_attack table = {
		"table without the feature", { { TABLE, 16, INDIRECT } },
		{ { BUF, 128, RIGHT } }
	};
	const uint64_t in_order = BIT(VIRTIO_F_IN_ORDER);

	c->take = BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_RING_F_EVENT_IDX);
	for (int kind = 0; kind < KINDS; kind++) {
		for (unsigned int i = 0;
		     i < sizeof(attacks) / sizeof(attacks[0]); i++)
			attack(c, &attacks[i], kind, ~in_order);
		attack(c, &table, kind, ~BIT(VIRTIO_RING_F_INDIRECT_DESC));
	}
	for (unsigned int i = 0;
	     i < sizeof(area_attacks) / sizeof(area_attacks[0]); i++)
		attack_areas(c, &area_attacks[i]);
	for (uint16_t flags = 0; flags < 4; flags++) {
		attack_event(c, 0xffff, flags);
		attack_event(c, 0x7fff, flags);
		attack_event(c, VQ_NUM, flags);
	}
	attack_old(c);
	c->take = 0;
}
