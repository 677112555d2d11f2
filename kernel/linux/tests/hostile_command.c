// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attacks by way of the control queue: commands that are none. VIRTIO 1.2 s. 5.1.6.5.
 */
#include <string.h>

#include "hostile.h"

struct command_attack {
	const char *name;
	uint8_t what[2];	/* class, command */
	uint8_t len;
	uint8_t data[24];
	uint64_t without;	/* a feature that is not negotiated */
};

#define RX		{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC }
#define TABLE		{ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET }
#define ADDRESS		{ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET }
#define VLAN		{ VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD }
#define ANNOUNCE	{ VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK }
#define PAIRS		{ VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET }

/* All are answered with VIRTIO_NET_ERR, and change nothing. */
static const struct command_attack attacks[] = {
	{ "class that does not exist", { 99, 0 }, 1, { 1 } },
	{ "class 255", { 255, 255 }, 0 },
	{ "mode that does not exist", { VIRTIO_NET_CTRL_RX, 6 }, 1, { 1 } },
	{ "mode of a feature not offered",
	  { VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_NOBCAST }, 1, { 1 } },
	{ "mode without data", RX, 0 },
	{ "mode neither on nor off", RX, 1, { 2 } },
	{ "mode without CTRL_RX", RX, 1, { 1 },
	  .without = BIT(VIRTIO_NET_F_CTRL_RX) },
	{ "table without data", TABLE, 0 },
	{ "table of half a count", TABLE, 2, { 0, 0 } },
	{ "table without a second one", TABLE, 4, { 0 } },
	{ "table longer than its data", TABLE, 8, { 1 } },
	{ "table of 4 G entries", TABLE, 8, { 0xff, 0xff, 0xff, 0xff } },
	{ "table whose size wraps", TABLE, 8, { 0xab, 0xaa, 0xaa, 0x2a } },
	{ "second table longer than its data", TABLE, 8, { [4] = 1 } },
	{ "second table of 4 G entries", TABLE, 14,
	  { [4] = 0xff, 0xff, 0xff, 0xff } },
	{ "table without CTRL_RX", TABLE, 8, { 0 },
	  .without = BIT(VIRTIO_NET_F_CTRL_RX) },
	{ "address too short", ADDRESS, 5, { 2, 2, 2, 2, 2 } },
	{ "address 0", ADDRESS, 6, { 0 } },
	{ "address of a group", ADDRESS, 6, { 1, 2, 3, 4, 5, 6 } },
	{ "address without CTRL_MAC_ADDR", ADDRESS, 6, { 2, 2, 2, 2, 2, 2 },
	  .without = BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) },
	{ "MAC command that does not exist", { VIRTIO_NET_CTRL_MAC, 2 }, 6, { 2 } },
	{ "VLAN 4096", VLAN, 2, { 0, 0x10 } },
	{ "VLAN 65535", VLAN, 2, { 0xff, 0xff } },
	{ "half a VLAN", VLAN, 1, { 1 } },
	{ "VLAN command that does not exist", { VIRTIO_NET_CTRL_VLAN, 2 }, 2,
	  { 1 } },
	{ "VLAN without CTRL_VLAN", VLAN, 2, { 1 },
	  .without = BIT(VIRTIO_NET_F_CTRL_VLAN) },
	{ "announcement that does not exist", { VIRTIO_NET_CTRL_ANNOUNCE, 1 }, 0 },
	{ "announcement without GUEST_ANNOUNCE", ANNOUNCE, 0,
	  .without = BIT(VIRTIO_NET_F_GUEST_ANNOUNCE) },
	{ "no pairs", PAIRS, 2, { 0, 0 } },
	{ "17 pairs", PAIRS, 2, { 17, 0 } },
	{ "65535 pairs", PAIRS, 2, { 0xff, 0xff } },
	{ "half a number of pairs", PAIRS, 1, { 1 } },
	{ "RSS", { VIRTIO_NET_CTRL_MQ, 1 }, 24, { 0 } },
	{ "pairs without MQ", PAIRS, 2, { 1, 0 },
	  .without = BIT(VIRTIO_NET_F_MQ) },
};

/* Half a header, and no room for the answer: not even commands. */
static void attack_form(struct client *c, uint32_t out, uint32_t in,
			const char *name, bool broken)
{
	struct vring_used_elem elem;
	bool expected;
	struct vq *vq;

	client_start(c, ~0ull);
	vq = ctrl_vq(c);
	vq_desc(vq, 0, vq_buf_iova(vq, 0), out, VRING_DESC_F_NEXT, 1);
	vq_desc(vq, 1, vq_buf_iova(vq, 1), in, VRING_DESC_F_WRITE, 0);
	*vq_buf(vq, 1) = 0xaa;
	vq_post(vq, 0);
	vq_kick(vq);
	expected = broken ? client_broken(c) :
			    vq_wait(vq, &elem) == 1 &&
			    *vq_buf(vq, 1) == VIRTIO_NET_ERR;
	survived(c, expected, "ctrl: %s", name);
}

/* A filter that must stay as it is: a full bitmap, pairs, an address. */
static bool unchanged(struct client *c, const uint8_t *mac)
{
	for (unsigned int i = 0; i < ETH_ALEN; i++)
		if (get_reg(c, c->devcfg + i, 1) != mac[i])
			return false;
	return !(get_status(c) & VIRTIO_CONFIG_S_NEEDS_RESET);
}

static void attack(struct client *c, const struct command_attack *a)
{
	uint8_t mac[ETH_ALEN];
	int ack;

	client_start(c, ~a->without);
	for (unsigned int i = 0; i < ETH_ALEN; i++)
		mac[i] = get_reg(c, c->devcfg + i, 1);
	ack = command(c, a->what[0], a->what[1], a->data, a->len);
	survived(c, ack == VIRTIO_NET_ERR && unchanged(c, mac), "ctrl: %s (%d)",
		 a->name, ack);
}

/* The answer goes nowhere. */
static void attack_answer(struct client *c)
{
	struct vq *vq;

	client_start(c, ~0ull);
	vq = ctrl_vq(c);
	vq_desc(vq, 0, vq_buf_iova(vq, 0), 3, VRING_DESC_F_NEXT, 1);
	vq_desc(vq, 1, MEM_IOVA + MEM_SIZE, 1, VRING_DESC_F_WRITE, 0);
	vq_post(vq, 0);
	vq_kick(vq);
	survived(c, client_broken(c), "ctrl: answer to nowhere");
}

/* Many commands at once: all are done, whatever a round's budget is. */
static void attack_flood(struct client *c)
{
	struct vring_used_elem elem;
	unsigned int done = 0;
	struct vq *vq;

	client_start(c, ~0ull);
	vq = ctrl_vq(c);
	vq_desc(vq, 0, vq_buf_iova(vq, 0), 3, VRING_DESC_F_NEXT, 1);
	vq_desc(vq, 1, vq_buf_iova(vq, 1), 1, VRING_DESC_F_WRITE, 0);
	/* all of them the same chain, which is no virtue */
	for (unsigned int i = 0; i < VQ_NUM; i++)
		vq_post(vq, 0);
	vq_kick(vq);
	while (done < VQ_NUM && vq_wait(vq, &elem) == 1)
		done++;
	survived(c, done == VQ_NUM, "ctrl: one chain %u times", VQ_NUM);
}

void command_attacks(struct client *c)
{
	for (unsigned int i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++)
		attack(c, &attacks[i]);
	attack_form(c, 0, 1, "no header", false);
	attack_form(c, 1, 1, "half a header", false);
	attack_form(c, 3, 0, "no room for an answer", true);
	attack_answer(c);
	attack_flood(c);
}
