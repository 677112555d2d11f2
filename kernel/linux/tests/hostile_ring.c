// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attacks by way of the rings: indices, chains, tables, addresses. VIRTIO 1.2 s. 2.7.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hostile.h"

const char *const kinds[KINDS] = { "rx", "tx", "ctrl" };

/* Symbols for addresses; what is not one of them is an address. */
#define BUF		1
#define TABLE		2
#define NOWHERE		(MEM_IOVA + MEM_SIZE + 0x100000)
#define MEM_END		(MEM_IOVA + MEM_SIZE)

/* Symbols for flags: readable where the device is to read, and so on. */
#define RIGHT		0x10000
#define WRONG		0x20000
#define NEXT		VRING_DESC_F_NEXT
#define WRITE		VRING_DESC_F_WRITE
#define INDIRECT	VRING_DESC_F_INDIRECT

struct entry {
	uint64_t addr;
	uint32_t len;
	uint32_t flags;
	uint16_t next;
};

/* @ahead: how far the available index jumps, beyond the one entry */
struct chain_attack {
	const char *name;
	struct entry ring[2];
	struct entry table[2];
	uint16_t head;
	uint16_t ahead;
	enum outcome outcome[KINDS];	/* BROKEN unless it says otherwise */
};

static const struct chain_attack chain_attacks[] = {
	/* indices */
	{ "available index beyond the ring", .ahead = VQ_NUM },
	{ "available index half a turn ahead", .ahead = 0x7fff },
	{ "available index behind", .ahead = 0xfffe },
	{ "head beyond the ring", .head = VQ_NUM },
	{ "head 65535", .head = 0xffff },
	/* chains */
	{ "next beyond the ring", { { BUF, 64, RIGHT | NEXT, VQ_NUM } } },
	{ "next 65535", { { BUF, 64, RIGHT | NEXT, 0xffff } } },
	{ "loop of one", { { BUF, 64, RIGHT | NEXT, 0 } } },
	{ "loop of two", { { BUF, 64, RIGHT | NEXT, 1 },
			   { BUF, 64, RIGHT | NEXT, 0 } } },
	{ "loop of descriptors without bytes", { { BUF, 0, RIGHT | NEXT, 0 } } },
	{ "writable before readable", { { BUF, 64, WRITE | NEXT, 1 },
					{ BUF, 64, 0, 0 } } },
	{ "wrong direction", { { BUF, 128, WRONG, 0 } },
	  .outcome = { [CTRL] = USED } },
	{ "right, then wrong direction", { { BUF, 64, RIGHT | NEXT, 1 },
					   { BUF, 64, WRONG, 0 } },
	  .outcome = { [CTRL] = USED } },
	{ "flags that do not exist", { { BUF, 128, RIGHT | 0xfff8, 0 } },
	  .outcome = { USED, USED } },
	/* lengths */
	{ "no bytes", { { BUF, 0, RIGHT, 0 } }, .outcome = { [TX] = USED } },
	{ "a byte", { { BUF, 1, RIGHT, 0 } }, .outcome = { [TX] = USED } },
	{ "a byte less than the header", { { BUF, 11, RIGHT, 0 } },
	  .outcome = { [TX] = USED } },
	{ "a header and nothing", { { BUF, 12, RIGHT, 0 } },
	  .outcome = { KEPT, USED } },
	{ "4 GiB", { { BUF, 0xffffffff, RIGHT, 0 } }, .outcome = { USED, USED } },
	{ "8 GiB in two", { { BUF, 0xffffffff, RIGHT | NEXT, 1 },
			    { BUF, 0xffffffff, RIGHT, 0 } } },
	{ "a length that wraps to 112", { { BUF, 0xffffffff, RIGHT | NEXT, 1 },
					  { BUF, 113, RIGHT, 0 } } },
	/* addresses */
	{ "buffer nowhere", { { NOWHERE, 128, RIGHT, 0 } } },
	{ "buffer at 0", { { 0, 128, RIGHT, 0 } } },
	{ "buffer across the end", { { MEM_END - 64, 128, RIGHT, 0 } } },
	{ "buffer before the beginning", { { MEM_IOVA - 64, 128, RIGHT, 0 } } },
	{ "buffer that wraps", { { ~63ull, 128, RIGHT, 0 } } },
	{ "buffer at the end of all addresses", { { ~127ull, 127, RIGHT, 0 } } },
	{ "second half nowhere", { { BUF, 64, RIGHT | NEXT, 1 },
				   { NOWHERE, 64, RIGHT, 0 } } },
	/* tables, s. 2.7.5.3 */
	{ "table of no bytes", { { TABLE, 0, INDIRECT, 0 } } },
	{ "table of 15 bytes", { { TABLE, 15, INDIRECT, 0 } } },
	{ "table of 24 bytes", { { TABLE, 24, INDIRECT, 0 } } },
	{ "table of 4 GiB less one", { { TABLE, 0xffffffff, INDIRECT, 0 } } },
	{ "table with a next", { { TABLE, 16, INDIRECT | NEXT, 1 },
				 { BUF, 128, RIGHT, 0 } },
	  { { BUF, 128, RIGHT, 0 } } },
	{ "table in a table", { { TABLE, 16, INDIRECT, 0 } },
	  { { TABLE, 16, INDIRECT, 0 } } },
	{ "table at the end of a table", { { TABLE, 32, INDIRECT, 0 } },
	  { { BUF, 64, RIGHT | NEXT, 1 }, { TABLE, 16, INDIRECT, 0 } } },
	{ "next beyond the table", { { TABLE, 32, INDIRECT, 0 } },
	  { { BUF, 128, RIGHT | NEXT, 2 } } },
	{ "loop in a table", { { TABLE, 32, INDIRECT, 0 } },
	  { { BUF, 64, RIGHT | NEXT, 1 }, { BUF, 64, RIGHT | NEXT, 0 } } },
	{ "loop in a table of 4 GiB", { { TABLE, 0xfffffff0, INDIRECT, 0 } },
	  { { BUF, 0, RIGHT | NEXT, 0 } } },
	{ "table nowhere", { { NOWHERE, 32, INDIRECT, 0 } } },
	{ "table across the end", { { MEM_END - 16, 32, INDIRECT, 0 } } },
	{ "table that wraps", { { ~15ull, 32, INDIRECT, 0 } } },
	{ "buffer of a table nowhere", { { TABLE, 16, INDIRECT, 0 } },
	  { { NOWHERE, 128, RIGHT, 0 } } },
	{ "wrong direction in a table", { { TABLE, 16, INDIRECT, 0 } },
	  { { BUF, 128, WRONG, 0 } }, .outcome = { [CTRL] = USED } },
};

struct vq *vq_of(struct client *c, int kind)
{
	return kind == RX ? rx_vq(c, 0) : kind == TX ? tx_vq(c, 0) : ctrl_vq(c);
}

static uint64_t address(const struct vq *vq, uint64_t symbol)
{
	return symbol == BUF ? vq_buf_iova(vq, 0) :
	       symbol == TABLE ? vq->iova + SLOT_TABLE : symbol;
}

static uint16_t flags_for(int kind, uint32_t flags)
{
	uint16_t right = kind == RX ? WRITE : 0;

	return (flags & 0xffff) | (flags & RIGHT ? right : 0) |
	       (flags & WRONG ? right ^ WRITE : 0);
}

/*
 * A frame makes the device look at its receive queue. One that polls may be broken
 * already, and then takes none.
 */
void provoke(struct vq *vq, int kind)
{
	static const uint8_t broadcast[ETH_ALEN] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff
	};
	uint8_t frame[BUF_SIZE];
	size_t len = make_frame(frame, broadcast, 1);

	vq_kick(vq);
	while (kind == RX && host_try_send(vq->c, frame, len) == ENOBUFS &&
	       !(get_status(vq->c) & VIRTIO_CONFIG_S_NEEDS_RESET))
		usleep(200);
}

/*
 * Nothing comes back, and all is well: after two commands the device has looked at
 * all of its queues.
 */
static bool kept(struct vq *vq)
{
	struct vring_used_elem elem;
	uint8_t on = 0;

	for (int i = 0; i < 2; i++)
		if (command(vq->c, VIRTIO_NET_CTRL_RX,
			    VIRTIO_NET_CTRL_RX_PROMISC, &on, 1))
			return false;
	return !vq_poll(vq, &elem);
}

bool ends_as(struct vq *vq, enum outcome outcome)
{
	struct vring_used_elem elem;

	switch (outcome) {
	case BROKEN:
		return client_broken(vq->c);
	case USED:
		return vq_wait(vq, &elem) == 1 &&
		       !(get_status(vq->c) & VIRTIO_CONFIG_S_NEEDS_RESET);
	case KEPT:
		return kept(vq);
	default:
		return true;
	}
}

static void attack_chain(struct client *c, const struct chain_attack *a, int kind,
			 uint64_t features, enum outcome outcome)
{
	struct vq *vq;

	client_start(c, features);
	vq = vq_of(c, kind);
	for (unsigned int i = 0; i < 2; i++) {
		const struct entry *e = &a->ring[i], *t = &a->table[i];

		vq_desc(vq, i, address(vq, e->addr), e->len,
			flags_for(kind, e->flags), e->next);
		vq_table(vq, i, address(vq, t->addr), t->len,
			 flags_for(kind, t->flags), t->next);
	}
	/* at once, lest a device that polls takes the head alone */
	vq->avail->ring[0] = a->head;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	vq->avail->idx = 1 + a->ahead;
	provoke(vq, kind);
	survived(c, ends_as(vq, outcome), "%s: %s", kinds[kind], a->name);
}

/* --- where the areas lie --- */

/* What is less than a slot is an offset in it, the rest are addresses. */
struct area_attack {
	const char *name;
	uint64_t desc;
	uint64_t avail;
	uint64_t used;
	enum outcome outcome;
};

static const struct area_attack area_attacks[] = {
	{ "descriptors misaligned", 8, SLOT_AVAIL, SLOT_USED, REFUSED },
	{ "available ring misaligned", 0, SLOT_AVAIL + 1, SLOT_USED, REFUSED },
	{ "used ring misaligned", 0, SLOT_AVAIL, SLOT_USED + 2, REFUSED },
	{ "descriptors wrap", ~0x7full, SLOT_AVAIL, SLOT_USED, REFUSED },
	{ "available ring wraps", 0, ~0xfull, SLOT_USED, REFUSED },
	{ "used ring wraps", 0, SLOT_AVAIL, ~0xfull, REFUSED },
	{ "descriptors nowhere", NOWHERE, SLOT_AVAIL, SLOT_USED, BROKEN },
	{ "available ring nowhere", 0, NOWHERE, SLOT_USED, BROKEN },
	{ "used ring nowhere", 0, SLOT_AVAIL, NOWHERE, BROKEN },
	{ "available ring across the end", 0, MEM_END - 4, SLOT_USED, BROKEN },
	{ "used ring across the end", 0, SLOT_AVAIL, MEM_END - 4, BROKEN },
	{ "all in one place", 0, 0, 0, ANY },
	{ "used ring over the available ring", 0, SLOT_AVAIL, SLOT_AVAIL, ANY },
	{ "used ring over the descriptors", 0, SLOT_AVAIL, 0, ANY },
	{ "used ring over the buffer", 0, SLOT_AVAIL, SLOT_BUFS, ANY },
	{ "available ring at odd places", 0, SLOT_AVAIL + 2, SLOT_USED + 4, ANY },
};

static uint64_t absolute(const struct vq *vq, uint64_t where)
{
	return where < SLOT_SIZE ? vq->iova + where : where;
}

/* A chain that would be right, were it not for the ring. */
static void post_valid(struct vq *vq, int kind)
{
	static const uint8_t cmd[] = {
		VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, 1
	};

	if (kind == CTRL) {
		memcpy(vq_buf(vq, 0), cmd, sizeof(cmd));
		vq_desc(vq, 0, vq_buf_iova(vq, 0), sizeof(cmd), NEXT, 1);
		vq_desc(vq, 1, vq_buf_iova(vq, 1), 1, WRITE, 0);
	} else {
		vq_desc(vq, 0, vq_buf_iova(vq, 0), 200,
			kind == RX ? WRITE : 0, 0);
	}
	vq_post(vq, 0);
}

static void attack_areas(struct client *c, const struct area_attack *a, int kind)
{
	bool enabled, expected;
	struct vq *vq;

	client_reset(c);
	if (!client_negotiate(c, c->offered & ~OPTIONAL))
		die("features");
	vq = vq_of(c, kind);
	vq_init(vq);
	enabled = vq_enable(vq, absolute(vq, a->desc), absolute(vq, a->avail),
			    absolute(vq, a->used));
	put_common(c, VIRTIO_PCI_COMMON_STATUS, 1,
		   get_status(c) | VIRTIO_CONFIG_S_DRIVER_OK);
	post_valid(vq, kind);
	provoke(vq, kind);
	if (a->outcome == REFUSED)
		expected = !enabled;
	else
		expected = enabled && ends_as(vq, a->outcome);
	survived(c, expected, "%s: %s", kinds[kind], a->name);
}

/* --- memory that goes away --- */

static void attack_unmapped(struct client *c, int kind)
{
	bool expected;
	struct vq *vq;

	client_start(c, ~0ull);
	vq = vq_of(c, kind);
	post_valid(vq, kind);
	if (client_unmap(c))
		die("unmap");
	provoke(vq, kind);
	expected = client_broken(c);
	if (client_map(c))
		die("map");
	survived(c, expected, "%s: memory unmapped under it", kinds[kind]);
}

/* A used index that the client writes itself is the device's to ignore. */
static void attack_used(struct client *c)
{
	struct vring_used_elem elem;
	struct vq *vq;
	bool expected;

	client_start(c, ~0ull);
	vq = tx_vq(c, 0);
	memset((void *)vq->used, 0xff, 6 + VQ_NUM * sizeof(elem));
	vq->last_used = 0xffff;
	post_valid(vq, TX);
	/* what says whether the device wants a kick is overwritten, too */
	vq->kicked = 0;
	vq_kick(vq);
	expected = vq_wait(vq, &elem) == 1 && vq->used->idx == 1;
	survived(c, expected, "tx: used ring overwritten");
}

void ring_attacks(struct client *c)
{
	static const struct chain_attack table = {
		"table without the feature", { { TABLE, 16, INDIRECT, 0 } },
		{ { BUF, 128, RIGHT, 0 } }
	};

	for (int kind = 0; kind < KINDS; kind++) {
		for (unsigned int i = 0;
		     i < sizeof(chain_attacks) / sizeof(chain_attacks[0]); i++)
			attack_chain(c, &chain_attacks[i], kind, ~0ull,
				     chain_attacks[i].outcome[kind]);
		attack_chain(c, &table, kind, ~BIT(VIRTIO_RING_F_INDIRECT_DESC),
			     BROKEN);
		for (unsigned int i = 0;
		     i < sizeof(area_attacks) / sizeof(area_attacks[0]); i++)
			attack_areas(c, &area_attacks[i], kind);
		attack_unmapped(c, kind);
	}
	attack_used(c);
}
