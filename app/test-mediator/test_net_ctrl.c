/* SPDX-License-Identifier: BSD-3-Clause */

/* The commands of the control queue: each with each length and each wrong value. */

#include <stdio.h>
#include <string.h>

#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "ctrl_ring.h"
#include "net_ctrl.h"
#include "test.h"

#define BIT(feature) (UINT64_C(1) << (feature))
#define MAX_PAIRS 4
#define MAX_DATA 32

static const uint8_t own_mac[6] = { 0x02, 0, 0, 0, 0, 1 };

static struct net_ctrl ctrl;
static unsigned int nr_announced;

static void
announced(void *arg)
{
	(*(unsigned int *)arg)++;
}

static int
setup(void)
{
	memset(&ctrl, 0xff, sizeof(ctrl));
	ctrl.max_pairs = MAX_PAIRS;
	ctrl.announced = announced;
	ctrl.arg = &nr_announced;
	ctrl.features = 0;
	nr_announced = 0;
	net_ctrl_reset(&ctrl, own_mac);
	return TEST_SUCCESS;
}

static bool
is_reset(void)
{
	static const uint8_t no_vlans[sizeof(ctrl.vlans)];

	return !ctrl.promiscuous && !ctrl.allmulticast && !ctrl.alluni &&
		!ctrl.nomulti && !ctrl.nouni && !ctrl.nobcast &&
		memcmp(ctrl.mac, own_mac, 6) == 0 && ctrl.unicast.count == 0 &&
		!ctrl.unicast.overflow && ctrl.multicast.count == 0 &&
		!ctrl.multicast.overflow &&
		memcmp(ctrl.vlans, no_vlans, sizeof(no_vlans)) == 0 && ctrl.pairs == 1 &&
		nr_announced == 0;
}

/* A command that is right, and says something else than the state after a reset. */
static const struct command {
	const char *name;
	uint8_t class, command;
	uint8_t feature;
	uint32_t len;
	uint8_t data[MAX_DATA];
} commands[] = {
	{ "PROMISC", VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC,
		VIRTIO_NET_F_CTRL_RX, 1, { 1 } },
	{ "ALLMULTI", VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLMULTI,
		VIRTIO_NET_F_CTRL_RX, 1, { 1 } },
	{ "ALLUNI", VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLUNI,
		VIRTIO_NET_F_CTRL_RX_EXTRA, 1, { 1 } },
	{ "NOMULTI", VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_NOMULTI,
		VIRTIO_NET_F_CTRL_RX_EXTRA, 1, { 1 } },
	{ "NOUNI", VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_NOUNI,
		VIRTIO_NET_F_CTRL_RX_EXTRA, 1, { 1 } },
	{ "NOBCAST", VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_NOBCAST,
		VIRTIO_NET_F_CTRL_RX_EXTRA, 1, { 1 } },
	{ "MAC_TABLE_SET", VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET,
		VIRTIO_NET_F_CTRL_RX, 26, { 1, 0, 0, 0, 2, 0, 0, 0, 0, 7,
		2, 0, 0, 0, 1, 0, 0x5e, 0, 0, 1, 0x33, 0x33, 0, 0, 0, 9 } },
	{ "MAC_TABLE_SET, unicast", VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET,
		VIRTIO_NET_F_CTRL_RX, 14, { 1, 0, 0, 0, 2, 0, 0, 0, 0, 7 } },
	{ "MAC_TABLE_SET, multicast", VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET,
		VIRTIO_NET_F_CTRL_RX, 14, { 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0x5e, 0, 0, 1 } },
	{ "MAC_ADDR_SET", VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET,
		VIRTIO_NET_F_CTRL_MAC_ADDR, 6, { 2, 1, 2, 3, 4, 5 } },
	{ "VLAN_ADD", VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD,
		VIRTIO_NET_F_CTRL_VLAN, 2, { 0xff, 0x0f } },
	{ "ANNOUNCE_ACK", VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK,
		VIRTIO_NET_F_GUEST_ANNOUNCE, 0, { 0 } },
	{ "VQ_PAIRS_SET", VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET,
		VIRTIO_NET_F_MQ, 2, { MAX_PAIRS, 0 } },
};

/* In a copy of exactly that length, for ASan. */
static uint8_t
send(const struct command *c, uint32_t len)
{
	uint8_t *data = malloc(len), ack;

	if (data == NULL && len > 0)
		return 0xff;
	memcpy(data, c->data, len);
	ack = net_ctrl_command(&ctrl, c->class, c->command, data, len);
	free(data);
	return ack;
}

/* Accepted with its length, and refused without effect with all others. */
static int
test_length(void)
{
	unsigned int i, count = 0;
	uint32_t len;

	for (i = 0; i < RTE_DIM(commands); i++) {
		setup();
		ctrl.features = UINT64_MAX;
		for (len = 0; len <= MAX_DATA; len++) {
			if (len == commands[i].len)
				continue;
			TEST_ASSERT_EQUAL(send(&commands[i], len), VIRTIO_NET_ERR,
				"%s of %u bytes", commands[i].name, len);
			TEST_ASSERT(is_reset(), "%s of %u bytes did something",
				commands[i].name, len);
			count++;
		}
		TEST_ASSERT_EQUAL(send(&commands[i], commands[i].len), VIRTIO_NET_OK,
			"%s", commands[i].name);
		TEST_ASSERT(!is_reset(), "%s did nothing", commands[i].name);
	}
	printf("    %u wrong lengths\n", count);
	return TEST_SUCCESS;
}

/* Each with its feature alone, and with all but that one. */
static int
test_feature(void)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(commands); i++) {
		setup();
		ctrl.features = ~BIT(commands[i].feature);
		TEST_ASSERT_EQUAL(send(&commands[i], commands[i].len), VIRTIO_NET_ERR,
			"%s without its feature", commands[i].name);
		TEST_ASSERT(is_reset(), "%s without its feature did something",
			commands[i].name);
		ctrl.features = BIT(commands[i].feature);
		TEST_ASSERT_EQUAL(send(&commands[i], commands[i].len), VIRTIO_NET_OK,
			"%s with its feature", commands[i].name);
	}
	return TEST_SUCCESS;
}

static bool
is_command(unsigned int class, unsigned int command)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(commands); i++) {
		if (commands[i].class == class && commands[i].command == command)
			return true;
	}
	return class == VIRTIO_NET_CTRL_VLAN && command == VIRTIO_NET_CTRL_VLAN_DEL;
}

/* All others, of any length: offloads, RSS and what there is not. */
static int
test_unknown(void)
{
	struct command c = { .name = "unknown" };
	unsigned int class, command, count = 0;
	uint32_t len;

	ctrl.features = UINT64_MAX;
	for (class = 0; class < 256; class++) {
		for (command = 0; command < 256; command++) {
			if (is_command(class, command))
				continue;
			c.class = class;
			c.command = command;
			for (len = 0; len <= 8; len++, count++)
				TEST_ASSERT_EQUAL(send(&c, len), VIRTIO_NET_ERR,
					"class %u, command %u", class, command);
		}
	}
	TEST_ASSERT(is_reset(), "one did something");
	printf("    %u unknown commands\n", count);
	return TEST_SUCCESS;
}

#define MAC_TABLE VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, \
	VIRTIO_NET_F_CTRL_RX
#define MAC_ADDR VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, \
	VIRTIO_NET_F_CTRL_MAC_ADDR
#define VLAN(command) VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ ## command, \
	VIRTIO_NET_F_CTRL_VLAN
#define PAIRS VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, VIRTIO_NET_F_MQ

static const struct command wrong[] = {
	{ "a group as unicast", MAC_TABLE, 14, { 1, 0, 0, 0, 1, 0, 0x5e, 0, 0, 1 } },
	{ "unicast as a group", MAC_TABLE, 14,
		{ 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 7 } },
	{ "more unicast than there are", MAC_TABLE, 14, { 2, 0, 0, 0, 2, 0, 0, 0, 0, 7 } },
	{ "fewer unicast than there are", MAC_TABLE, 20, { 1 } },
	{ "many unicast", MAC_TABLE, 14, { 0xff, 0xff, 0xff, 0xff } },
	{ "many unicast, 0 if it wraps", MAC_TABLE, 8, { 0, 0, 0, 0x80 } },
	{ "12 by 6 if it wraps", MAC_TABLE, 20, { 0xac, 0xaa, 0xaa, 0xaa } },
	{ "many groups", MAC_TABLE, 14, { 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff } },
	{ "more groups than there are", MAC_TABLE, 14,
		{ 0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0x5e, 0, 0, 1 } },
	{ "fewer groups than there are", MAC_TABLE, 14, { 0 } },
	{ "a group as the own address", MAC_ADDR, 6, { 1, 0, 0x5e, 0, 0, 1 } },
	{ "no own address", MAC_ADDR, 6, { 0 } },
	{ "VLAN 4096", VLAN(ADD), 2, { 0, 0x10 } },
	{ "VLAN 65535", VLAN(ADD), 2, { 0xff, 0xff } },
	{ "VLAN 4096 deleted", VLAN(DEL), 2, { 0, 0x10 } },
	{ "VLAN 65535 deleted", VLAN(DEL), 2, { 0xff, 0xff } },
	{ "no pairs", PAIRS, 2, { 0 } },
	{ "too many pairs", PAIRS, 2, { MAX_PAIRS + 1 } },
	{ "256 pairs", PAIRS, 2, { 0, 1 } },
	{ "32768 pairs", PAIRS, 2, { 0, 0x80 } },
	{ "65535 pairs", PAIRS, 2, { 0xff, 0xff } },
};

static int
test_values(void)
{
	unsigned int i, value, count = 0;
	struct command c;

	ctrl.features = UINT64_MAX;
	for (i = 0; i < RTE_DIM(wrong); i++, count++) {
		TEST_ASSERT_EQUAL(send(&wrong[i], wrong[i].len), VIRTIO_NET_ERR, "%s",
			wrong[i].name);
		TEST_ASSERT(is_reset(), "%s: something is kept", wrong[i].name);
	}
	for (i = 0; i < RTE_DIM(commands); i++) {
		if (commands[i].class != VIRTIO_NET_CTRL_RX)
			continue;
		c = commands[i];
		for (value = 2; value < 256; value++, count++) {
			c.data[0] = value;
			TEST_ASSERT_EQUAL(send(&c, 1), VIRTIO_NET_ERR, "%s %u", c.name,
				value);
		}
	}
	TEST_ASSERT(is_reset(), "a mode was set");
	printf("    %u wrong values\n", count);
	return TEST_SUCCESS;
}

static int
test_modes(void)
{
	const bool *flags[] = { &ctrl.promiscuous, &ctrl.allmulticast, &ctrl.alluni,
		&ctrl.nomulti, &ctrl.nouni, &ctrl.nobcast };
	struct command c = { .class = VIRTIO_NET_CTRL_RX };
	unsigned int i, other;

	ctrl.features = BIT(VIRTIO_NET_F_CTRL_RX) | BIT(VIRTIO_NET_F_CTRL_RX_EXTRA);
	for (i = 0; i < RTE_DIM(flags); i++) {
		c.command = i;
		c.data[0] = 1;
		TEST_ASSERT_EQUAL(send(&c, 1), VIRTIO_NET_OK, "mode %u", i);
		for (other = 0; other < RTE_DIM(flags); other++)
			TEST_ASSERT_EQUAL(*flags[other], other == i, "mode %u: %u", i,
				other);
		c.data[0] = 0;
		TEST_ASSERT_EQUAL(send(&c, 1), VIRTIO_NET_OK, "mode %u off", i);
		TEST_ASSERT(is_reset(), "mode %u stays", i);
	}
	return TEST_SUCCESS;
}

static void
put_macs(uint8_t *data, uint32_t count, bool multicast)
{
	uint32_t i;

	memset(data, 0, 4 + count * 6);
	data[0] = count;
	data[1] = count >> 8;
	for (i = 0; i < count; i++) {
		data[4 + i * 6] = multicast;
		data[4 + i * 6 + 4] = i >> 8;
		data[4 + i * 6 + 5] = i;
	}
}

/* As many as are kept, one fewer, one more, and as many as a command can have. */
static int
test_mac_table(void)
{
	static const uint32_t counts[] = { 0, 1, NET_CTRL_MACS - 1, NET_CTRL_MACS,
		NET_CTRL_MACS + 1, 340 };
	uint8_t data[CTRL_QUEUE_MAX_COMMAND - 2];
	unsigned int i, j;
	uint32_t len, kept;

	ctrl.features = BIT(VIRTIO_NET_F_CTRL_RX);
	for (i = 0; i < RTE_DIM(counts); i++) {
		for (j = 0; j < RTE_DIM(counts); j++) {
			put_macs(data, counts[i], false);
			put_macs(data + 4 + counts[i] * 6, counts[j], true);
			len = 8 + (counts[i] + counts[j]) * 6;
			TEST_ASSERT_EQUAL(net_ctrl_command(&ctrl, VIRTIO_NET_CTRL_MAC,
				VIRTIO_NET_CTRL_MAC_TABLE_SET, data, len),
				VIRTIO_NET_OK, "%u and %u", counts[i], counts[j]);
			kept = RTE_MIN(counts[i], (uint32_t)NET_CTRL_MACS);
			TEST_ASSERT(ctrl.unicast.count == kept &&
				ctrl.unicast.overflow == (counts[i] > kept) &&
				memcmp(ctrl.unicast.mac, data + 4, kept * 6) == 0,
				"%u unicast", counts[i]);
			kept = RTE_MIN(counts[j], (uint32_t)NET_CTRL_MACS);
			TEST_ASSERT(ctrl.multicast.count == kept &&
				ctrl.multicast.overflow == (counts[j] > kept) &&
				memcmp(ctrl.multicast.mac, data + 8 + counts[i] * 6,
				kept * 6) == 0, "%u multicast", counts[j]);
		}
	}
	return TEST_SUCCESS;
}

static int
test_mac_addr(void)
{
	const struct command c = { "MAC_ADDR_SET", MAC_ADDR, 6, { 2, 9, 8, 7, 6, 5 } };

	ctrl.features = BIT(VIRTIO_NET_F_CTRL_MAC_ADDR);
	TEST_ASSERT_EQUAL(send(&c, c.len), VIRTIO_NET_OK, "refused");
	TEST_ASSERT_EQUAL(memcmp(ctrl.mac, c.data, 6), 0, "another address");
	net_ctrl_reset(&ctrl, own_mac);
	TEST_ASSERT_EQUAL(memcmp(ctrl.mac, own_mac, 6), 0, "it stays");
	return TEST_SUCCESS;
}

static int
test_vlans(void)
{
	struct command add = { "VLAN_ADD", VLAN(ADD), 2, { 0 } };
	struct command del = { "VLAN_DEL", VLAN(DEL), 2, { 0 } };
	unsigned int id;

	ctrl.features = BIT(VIRTIO_NET_F_CTRL_VLAN);
	for (id = 0; id < 4096; id++) {
		add.data[0] = id;
		add.data[1] = id >> 8;
		memcpy(del.data, add.data, 2);
		TEST_ASSERT_EQUAL(send(&del, 2), VIRTIO_NET_OK, "del %u of none", id);
		TEST_ASSERT(is_reset(), "VLAN %u", id);
		TEST_ASSERT_EQUAL(send(&add, 2), VIRTIO_NET_OK, "add %u", id);
		TEST_ASSERT_EQUAL(send(&add, 2), VIRTIO_NET_OK, "add %u again", id);
		TEST_ASSERT_EQUAL(ctrl.vlans[id / 8], 1 << id % 8, "VLAN %u", id);
		TEST_ASSERT_EQUAL(send(&del, 2), VIRTIO_NET_OK, "del %u", id);
		TEST_ASSERT(is_reset(), "VLAN %u stays", id);
	}
	return TEST_SUCCESS;
}

static int
test_pairs(void)
{
	struct command c = { "VQ_PAIRS_SET", PAIRS, 2, { 0 } };
	unsigned int pairs;

	ctrl.features = BIT(VIRTIO_NET_F_MQ);
	for (pairs = 1; pairs <= MAX_PAIRS; pairs++) {
		c.data[0] = pairs;
		TEST_ASSERT_EQUAL(send(&c, 2), VIRTIO_NET_OK, "%u pairs", pairs);
		TEST_ASSERT_EQUAL(ctrl.pairs, pairs, "%u pairs", pairs);
	}
	return TEST_SUCCESS;
}

/* Through the ring, as a driver sends them: the header by itself, then the data. */
static int
test_ring(void)
{
	struct ctrl_ring ring;
	struct ctrl_queue cq;
	struct ctrl_ring_part parts[3] = {
		{ .addr = ctrl_ring_iova(CTRL_RING_DATA), .len = 2 },
		{ .addr = ctrl_ring_iova(CTRL_RING_DATA + 2) },
		{ .addr = ctrl_ring_iova(CTRL_RING_DATA + 64), .len = 1,
			.flags = VRING_DESC_F_WRITE },
	};
	const struct command *c;
	unsigned int i;

	TEST_ASSERT_SUCCESS(ctrl_ring_create(&ring), "no memory");
	ctrl_queue_init(&cq, &ring.table, net_ctrl_command, &ctrl);
	ctrl_ring_reset(&ring, false, false, 64);
	TEST_ASSERT_SUCCESS(ctrl_queue_start(&cq, &ring.conf), "not started");
	ctrl.features = ~BIT(VIRTIO_NET_F_CTRL_VLAN);
	for (i = 0; i < RTE_DIM(commands); i++) {
		c = &commands[i];
		ring.memory[CTRL_RING_DATA] = c->class;
		ring.memory[CTRL_RING_DATA + 1] = c->command;
		memcpy(ring.memory + CTRL_RING_DATA + 2, c->data, c->len);
		ring.memory[CTRL_RING_DATA + 64] = 0xee;
		parts[1].len = c->len;
		ctrl_ring_put(&ring, parts, RTE_DIM(parts), false);
		TEST_ASSERT_EQUAL(ctrl_queue_run(&cq), 1, "%s", c->name);
		TEST_ASSERT_EQUAL(ring.memory[CTRL_RING_DATA + 64],
			c->class == VIRTIO_NET_CTRL_VLAN ? VIRTIO_NET_ERR :
			VIRTIO_NET_OK, "%s", c->name);
	}
	ctrl_ring_destroy(&ring);
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: commands of a network device",
	.unit_test_cases = {
		TEST_CASE_ST(setup, NULL, test_length),
		TEST_CASE_ST(setup, NULL, test_feature),
		TEST_CASE_ST(setup, NULL, test_unknown),
		TEST_CASE_ST(setup, NULL, test_values),
		TEST_CASE_ST(setup, NULL, test_modes),
		TEST_CASE_ST(setup, NULL, test_mac_table),
		TEST_CASE_ST(setup, NULL, test_mac_addr),
		TEST_CASE_ST(setup, NULL, test_vlans),
		TEST_CASE_ST(setup, NULL, test_pairs),
		TEST_CASE_ST(setup, NULL, test_ring),
		TEST_CASES_END()
	},
};

static int
test_net_ctrl(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(net_ctrl_autotest, test_net_ctrl);
