/* SPDX-License-Identifier: BSD-3-Clause */

/* The device's side of the control queue: what a driver must not do. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "ctrl_ring.h"
#include "test.h"

#define N VRING_DESC_F_NEXT
#define W VRING_DESC_F_WRITE
#define I VRING_DESC_F_INDIRECT
#define A (1u << VRING_PACKED_DESC_F_AVAIL)
#define U (1u << VRING_PACKED_DESC_F_USED)

#define SIZE 4
#define IOVA(offset) (CTRL_RING_IOVA + (offset))
#define COMMAND IOVA(CTRL_RING_DATA)
#define ACK IOVA(CTRL_RING_DATA + 0x100)
#define TABLE IOVA(CTRL_RING_TABLES)
#define MEMORY_END IOVA(CTRL_RING_MEMORY)

/*
 * A chain whose descriptors are those of the ring, and an indirect table with two
 * entries, which is right by itself: a command and the place of its answer.
 */
struct hostile {
	const char *name;
	struct ctrl_ring_part desc[SIZE];
	unsigned int count;    /* in the ring */
	bool no_indirect;      /* the feature was not agreed on */
	uint16_t head;         /* split */
	uint16_t jump;         /* split: of the index, instead of 1 */
	bool fine;             /* it is unusual, but right */
	struct ctrl_ring_part table[2]; /* instead of the right ones */
};

/* Parts that both layouts have. */
#define READ { COMMAND, 2, N, 0 }
#define READ_LAST { COMMAND, 2, 0, 0 }
#define ANSWER { ACK, 1, W, 0 }
#define ANSWER_MORE { ACK, 1, W | N, 0 }
#define INDIRECT(len) { TABLE, len, I, 0 }

static const struct hostile both[] = {
	{ "right", { READ, ANSWER }, .count = 2, .fine = true },
	{ "right, by a table", { INDIRECT(32) }, .count = 1, .fine = true },
	{ "right, WRITE at the table", { { TABLE, 32, I | W, 0 } },
		.count = 1, .fine = true },
	{ "right, with empty parts", { { 0, 0, N, 0 }, READ, { 0, 0, W | N, 0 }, ANSWER },
		.count = 4, .fine = true },
	{ "nothing to read", { ANSWER }, .count = 1, .fine = true },
	{ "nowhere to answer", { READ_LAST }, .count = 1 },
	{ "nowhere to answer, empty", { READ, { ACK, 0, W, 0 } }, .count = 2 },
	{ "all empty", { { 0, 0, N, 0 }, { 0, 0, W, 0 } }, .count = 2 },
	{ "readable behind writable", { ANSWER_MORE, READ_LAST }, .count = 2 },
	{ "readable between writable", { READ, ANSWER_MORE, READ, ANSWER }, .count = 4 },
	{ "readable behind empty writable", { { ACK, 0, W | N, 0 }, READ, ANSWER },
		.count = 3 },
	{ "command at 0", { { 0, 2, N, 0 }, ANSWER }, .count = 2 },
	{ "command in front of the memory", { { CTRL_RING_IOVA - 1, 2, N, 0 }, ANSWER },
		.count = 2 },
	{ "command behind the memory", { { MEMORY_END, 2, N, 0 }, ANSWER }, .count = 2 },
	{ "command over the end", { { MEMORY_END - 1, 2, N, 0 }, ANSWER }, .count = 2 },
	{ "command at the end of all", { { UINT64_MAX, 2, N, 0 }, ANSWER }, .count = 2 },
	{ "second part at 0", { READ, { 0, 4, N, 0 }, ANSWER }, .count = 3 },
	{ "answer at 0", { READ, { 0, 1, W, 0 } }, .count = 2 },
	{ "answer behind the memory", { READ, { MEMORY_END, 1, W, 0 } }, .count = 2 },
	{ "answer at the end of all", { READ, { UINT64_MAX, 1, W, 0 } }, .count = 2 },
	{ "table without the feature", { INDIRECT(32) }, .count = 1, .no_indirect = true },
	{ "table that is empty", { INDIRECT(0) }, .count = 1 },
	{ "table of 15 bytes", { INDIRECT(15) }, .count = 1 },
	{ "table of 31 bytes", { INDIRECT(31) }, .count = 1 },
	{ "table of 33 bytes", { INDIRECT(33) }, .count = 1 },
	{ "table and NEXT", { { TABLE, 32, I | N, 0 }, ANSWER }, .count = 2 },
	{ "table at 0", { { 0, 32, I, 0 } }, .count = 1 },
	{ "table behind the memory", { { MEMORY_END, 32, I, 0 } }, .count = 1 },
	{ "table over the end", { { MEMORY_END - 16, 32, I, 0 } }, .count = 1 },
	{ "table over the end of all", { { UINT64_MAX - 15, 32, I, 0 } }, .count = 1 },
	{ "table with readable behind writable", { INDIRECT(32) }, .count = 1,
		.table = { ANSWER_MORE, READ_LAST } },
	{ "table with nowhere to answer", { INDIRECT(32) }, .count = 1,
		.table = { READ, READ_LAST } },
	{ "table with a command at 0", { INDIRECT(32) }, .count = 1,
		.table = { { 0, 2, N, 0 }, ANSWER } },
	{ "longer than the ring", { INDIRECT(16 * (SIZE + 1)) }, .count = 1,
		.table = { READ, { COMMAND, 2, N, 0 } } },
};

static const struct hostile split[] = {
	{ "table behind others", { READ, READ, INDIRECT(32) }, .count = 3, .fine = true },
	{ "table behind the ring's length", { READ, READ, READ, INDIRECT(32) }, .count = 4 },
	{ "table of one entry, with NEXT", { INDIRECT(16) }, .count = 1 },
	{ "table behind an answer", { ANSWER_MORE, INDIRECT(32) }, .count = 2 },
	{ "table in a table", { INDIRECT(32) }, .count = 1,
		.table = { READ, { TABLE, 32, I, 0 } } },
	{ "table that begins with a table", { INDIRECT(32) }, .count = 1,
		.table = { { TABLE, 32, I, 0 } } },
	{ "loop in a table", { INDIRECT(32) }, .count = 1,
		.table = { READ, { COMMAND, 2, N, 1 } } },
	{ "next out of the table", { INDIRECT(32) }, .count = 1,
		.table = { { COMMAND, 2, N, 2 }, ANSWER } },
	{ "next far out of the table", { INDIRECT(32) }, .count = 1,
		.table = { { COMMAND, 2, N, UINT16_MAX }, ANSWER } },
	{ "loop of one", { { COMMAND, 0, N, 0 }, { COMMAND, 0, N, 1 } }, .count = 2 },
	{ "loop of all", { READ, READ, READ, READ }, .count = 4 },
	{ "loop of writable ones", { READ, ANSWER_MORE, ANSWER_MORE, { ACK, 1, W | N, 2 } },
		.count = 4 },
	{ "next out of the ring", { { COMMAND, 2, N, SIZE }, ANSWER }, .count = 2 },
	{ "next far out of the ring", { { COMMAND, 2, N, UINT16_MAX }, ANSWER },
		.count = 2 },
	{ "head out of the ring", { READ, ANSWER }, .count = 2, .head = SIZE },
	{ "head far out of the ring", { READ, ANSWER }, .count = 2, .head = UINT16_MAX },
	{ "index jumps by all", { READ, ANSWER }, .count = 2, .jump = SIZE, .fine = true },
	{ "index jumps by more than all", { READ, ANSWER }, .count = 2, .jump = SIZE + 1 },
	{ "index jumps by half", { READ, ANSWER }, .count = 2, .jump = 0x8000 },
	{ "index goes back", { READ, ANSWER }, .count = 2, .jump = UINT16_MAX },
};

/* Flags of availability are inverted by what is given here. */
static const struct hostile packed[] = {
	{ "reserved flags in a table", { INDIRECT(32) }, .count = 1, .fine = true,
		.table = { { COMMAND, 2, (uint16_t)~W, 0 }, { ACK, 1, UINT16_MAX, 0 } } },
	{ "table behind others", { READ, INDIRECT(32) }, .count = 2 },
	{ "table before others", { { TABLE, 32, I | N, 0 }, READ, ANSWER }, .count = 3 },
	{ "second is not available", { READ, { ACK, 1, W | A, 0 } }, .count = 2 },
	{ "second is used", { READ, { ACK, 1, W | U, 0 } }, .count = 2 },
	{ "second is of the other round", { READ, { ACK, 1, W | A | U, 0 } }, .count = 2 },
	{ "ends in nothing", { READ }, .count = 1 },
	{ "longer than the ring by NEXT", { READ, READ, READ, ANSWER_MORE }, .count = 4 },
	{ "table much longer than the ring", { INDIRECT(UINT32_MAX - 15) }, .count = 1 },
};

static struct ctrl_ring ring;
static struct ctrl_queue queue;
static unsigned int commands;

static uint8_t
take_command(void *arg __rte_unused, uint8_t class __rte_unused,
		uint8_t command __rte_unused, const uint8_t *data __rte_unused,
		uint32_t len __rte_unused)
{
	commands++;
	return VIRTIO_NET_OK;
}

static int
setup(void)
{
	if (ctrl_ring_create(&ring) < 0)
		return TEST_FAILED;
	ctrl_queue_init(&queue, &ring.table, take_command, NULL);
	return TEST_SUCCESS;
}

static void
teardown(void)
{
	ctrl_ring_destroy(&ring);
}

/* A ring where some commands were done already, one descriptor each. */
static int
begin(bool is_packed, bool indirect, unsigned int before)
{
	const struct ctrl_ring_part answer = ANSWER;
	uint16_t id;
	uint32_t len;

	ctrl_ring_reset(&ring, is_packed, indirect, SIZE);
	TEST_ASSERT_SUCCESS(ctrl_queue_start(&queue, &ring.conf), "not started");
	while (before-- > 0) {
		ctrl_ring_put(&ring, &answer, 1, false);
		TEST_ASSERT_EQUAL(ctrl_queue_run(&queue), 1, "not done");
		TEST_ASSERT_EQUAL(ctrl_ring_get(&ring, 1, &id, &len), 1, "not used");
	}
	commands = 0;
	return TEST_SUCCESS;
}

/* Split: the chain begins with descriptor 0; packed: where the ring is. */
static void
write_ring(const struct hostile *h)
{
	static const struct ctrl_ring_part right[] = { READ, ANSWER };
	uint16_t i;

	ctrl_ring_write_table(&ring, CTRL_RING_TABLES,
		h->table[0].addr != 0 || h->table[1].addr != 0 ? h->table : right, 2);
	/* of the table that is longer than the ring */
	for (i = 2; i <= SIZE; i++)
		ctrl_ring_write_table(&ring, CTRL_RING_TABLES + i * 16, &right[i == SIZE],
			1);
	if (ring.conf.packed) {
		ctrl_ring_write(&ring, ring.idx, h->desc, h->count);
		ctrl_ring_publish(&ring, 0, h->count);
		return;
	}
	ctrl_ring_write(&ring, 0, h->desc, h->count);
	if (h->jump > 1)
		ring.idx += h->jump - 1;
	ctrl_ring_publish(&ring, h->head, h->count);
}

static int
try_ring(const struct hostile *h, bool is_packed, unsigned int before)
{
	uint16_t id;
	uint32_t len;

	if (begin(is_packed, !h->no_indirect, before) != TEST_SUCCESS)
		return TEST_FAILED;
	write_ring(h);
	if (h->fine) {
		TEST_ASSERT_EQUAL(ctrl_queue_run(&queue), 1, "%s", h->name);
		TEST_ASSERT_EQUAL(ctrl_ring_get(&ring, h->count, &id, &len), 1,
			"%s: not used", h->name);
		TEST_ASSERT(!queue.broken, "%s: broken", h->name);
		return TEST_SUCCESS;
	}
	TEST_ASSERT_EQUAL(ctrl_queue_run(&queue), -EPROTO, "%s", h->name);
	TEST_ASSERT(queue.broken, "%s: not broken", h->name);
	TEST_ASSERT_EQUAL(ctrl_ring_get(&ring, h->count, &id, &len), 0, "%s: used",
		h->name);
	/* only that there is nowhere to answer can be seen too late */
	TEST_ASSERT_EQUAL(commands, strncmp(h->name, "answer ", 7) == 0 ? 1u : 0u,
		"%s: %u commands", h->name, commands);
	TEST_ASSERT_EQUAL(ctrl_queue_run(&queue), 0, "%s: runs again", h->name);
	return TEST_SUCCESS;
}

static int
try_all(const struct hostile *table, unsigned int rows, bool is_packed)
{
	unsigned int i, before;

	for (i = 0; i < rows; i++) {
		for (before = 0; before < 2 * SIZE; before++) {
			if (try_ring(&table[i], is_packed, before) != TEST_SUCCESS) {
				printf("    %s, %s, after %u\n", table[i].name,
					is_packed ? "packed" : "split", before);
				return TEST_FAILED;
			}
		}
	}
	return TEST_SUCCESS;
}

static int
test_rings(void)
{
	const unsigned int rows = 2 * RTE_DIM(both) + RTE_DIM(split) + RTE_DIM(packed);

	if (try_all(both, RTE_DIM(both), false) != TEST_SUCCESS ||
			try_all(both, RTE_DIM(both), true) != TEST_SUCCESS ||
			try_all(split, RTE_DIM(split), false) != TEST_SUCCESS ||
			try_all(packed, RTE_DIM(packed), true) != TEST_SUCCESS)
		return TEST_FAILED;
	printf("    %u rings, each at %u places\n", rows, 2 * SIZE);
	return TEST_SUCCESS;
}

/* A ring whose parts are nowhere, wholly or in part, when they are used. */
static int
test_ring_nowhere(void)
{
	const struct ctrl_ring_part chain[] = { READ, ANSWER };
	static const struct {
		const char *name;
		bool packed;
		size_t field;
		uint64_t addr;
		int start;
	} rows[] = {
#define FIELD(name) offsetof(struct ctrl_queue_conf, name)
		{ "descriptors", false, FIELD(desc), MEMORY_END, 0 },
		{ "second descriptor", false, FIELD(desc), MEMORY_END - 16, 0 },
		{ "avail", false, FIELD(avail), MEMORY_END, 0 },
		{ "avail idx", false, FIELD(avail), MEMORY_END - 2, 0 },
		{ "avail entries", false, FIELD(avail), MEMORY_END - 4, 0 },
		{ "used", false, FIELD(used), MEMORY_END, 0 },
		{ "used entries", false, FIELD(used), MEMORY_END - 4, 0 },
		{ "descriptors", true, FIELD(desc), MEMORY_END, 0 },
		{ "second descriptor", true, FIELD(desc), MEMORY_END - 16, 0 },
		{ "driver's events", true, FIELD(avail), MEMORY_END, 0 },
		{ "device's events", true, FIELD(used), MEMORY_END, -EINVAL },
	};
	unsigned int i;
	uint64_t place;

	for (i = 0; i < RTE_DIM(rows); i++) {
		ctrl_ring_reset(&ring, rows[i].packed, false, SIZE);
		memcpy(&place, (uint8_t *)&ring.conf + rows[i].field, sizeof(place));
		memcpy((uint8_t *)&ring.conf + rows[i].field, &rows[i].addr,
			sizeof(rows[i].addr));
		ctrl_ring_put(&ring, chain, RTE_DIM(chain), false);
		/* what of it is there is as it would be elsewhere */
		if (MEMORY_END - rows[i].addr > 0)
			memcpy(ring.memory + (rows[i].addr - CTRL_RING_IOVA),
				ring.memory + (place - CTRL_RING_IOVA),
				MEMORY_END - rows[i].addr);
		TEST_ASSERT_EQUAL(ctrl_queue_start(&queue, &ring.conf), rows[i].start,
			"%s", rows[i].name);
		TEST_ASSERT_EQUAL(ctrl_queue_run(&queue), rows[i].start < 0 ? 0 :
			-EPROTO, "%s", rows[i].name);
		TEST_ASSERT_EQUAL(queue.broken, rows[i].start == 0, "%s", rows[i].name);
	}
	printf("    %zu parts that are nowhere\n", RTE_DIM(rows));
	return TEST_SUCCESS;
}

static int
test_start(void)
{
	static const struct {
		bool packed;
		uint16_t size;
		uint64_t desc, avail, used;
		int ret;
	} rows[] = {
		{ false, 1, TABLE, TABLE, TABLE, 0 },
		{ false, 32768, TABLE, TABLE, TABLE, 0 },
		{ false, 0, TABLE, TABLE, TABLE, -EINVAL },
		{ false, 3, TABLE, TABLE, TABLE, -EINVAL },
		{ false, 32767, TABLE, TABLE, TABLE, -EINVAL },
		{ false, 32769, TABLE, TABLE, TABLE, -EINVAL },
		{ false, UINT16_MAX, TABLE, TABLE, TABLE, -EINVAL },
		{ false, 4, TABLE + 8, TABLE, TABLE, -EINVAL },
		{ false, 4, TABLE, TABLE + 1, TABLE, -EINVAL },
		{ false, 4, TABLE, TABLE + 2, TABLE, 0 },
		{ false, 4, TABLE, TABLE, TABLE + 2, -EINVAL },
		{ false, 4, TABLE, TABLE, TABLE + 4, 0 },
		{ false, 4, -(uint64_t)64, TABLE, TABLE, 0 },
		{ false, 4, -(uint64_t)48, TABLE, TABLE, -EINVAL },
		{ false, 4, TABLE, -(uint64_t)12, TABLE, 0 },
		{ false, 4, TABLE, -(uint64_t)10, TABLE, -EINVAL },
		{ false, 4, TABLE, TABLE, -(uint64_t)36, 0 },
		{ false, 4, TABLE, TABLE, -(uint64_t)32, -EINVAL },
		{ true, 1, TABLE, TABLE, TABLE, 0 },
		{ true, 3, TABLE, TABLE, TABLE, 0 },
		{ true, 32768, TABLE, TABLE, TABLE, 0 },
		{ true, 0, TABLE, TABLE, TABLE, -EINVAL },
		{ true, 32769, TABLE, TABLE, TABLE, -EINVAL },
		{ true, 4, TABLE + 8, TABLE, TABLE, -EINVAL },
		{ true, 4, TABLE, TABLE + 2, TABLE, -EINVAL },
		{ true, 4, TABLE, TABLE, TABLE + 2, -EINVAL },
		{ true, 4, -(uint64_t)64, TABLE, TABLE, 0 },
		{ true, 4, -(uint64_t)48, TABLE, TABLE, -EINVAL },
		{ true, 4, TABLE, TABLE, -(uint64_t)4, -EINVAL }, /* not in the memory */
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(rows); i++) {
		struct ctrl_queue_conf conf = {
			.packed = rows[i].packed,
			.size = rows[i].size,
			.desc = rows[i].desc,
			.avail = rows[i].avail,
			.used = rows[i].used,
		};

		TEST_ASSERT_EQUAL(ctrl_queue_start(&queue, &conf), rows[i].ret,
			"row %u", i);
		TEST_ASSERT_EQUAL(queue.started, rows[i].ret == 0, "row %u", i);
	}
	printf("    %zu places and sizes\n", RTE_DIM(rows));
	return TEST_SUCCESS;
}

/* A broken queue works again when it is started again. */
static int
test_start_again(void)
{
	static const struct hostile loop = {
		"nowhere to answer", { READ_LAST }, .count = 1,
	};
	static const struct hostile right = {
		"right", { READ, ANSWER }, .count = 2, .fine = true,
	};
	int is_packed;

	for (is_packed = 0; is_packed < 2; is_packed++) {
		if (try_ring(&loop, is_packed, 1) != TEST_SUCCESS)
			return TEST_FAILED;
		ctrl_queue_stop(&queue);
		TEST_ASSERT_EQUAL(ctrl_queue_run(&queue), 0, "it runs");
		if (try_ring(&right, is_packed, 1) != TEST_SUCCESS)
			return TEST_FAILED;
	}
	return TEST_SUCCESS;
}

/*
 * The largest ring, full of chains by one long table. Each by itself is right, but all
 * of them are more than a hundred million descriptors: each run does some.
 */
static int
large(bool is_packed)
{
	const unsigned int size = 32768, entries = 4000;
	struct ctrl_ring_part part = READ, whole = INDIRECT(16 * 4000);
	unsigned int i;

	ctrl_ring_reset(&ring, is_packed, true, size);
	TEST_ASSERT_SUCCESS(ctrl_queue_start(&queue, &ring.conf), "not started");
	for (i = 0; i < entries; i++) {
		if (i == entries - 1)
			part = (struct ctrl_ring_part)ANSWER;
		part.next = i + 1;
		ctrl_ring_write_table(&ring, CTRL_RING_TABLES + i * 16, &part, 1);
		part.len = 0;
	}
	for (i = 0; i < size; i++) {
		ctrl_ring_write(&ring, i, &whole, 1);
		ctrl_ring_publish(&ring, i, 1);
	}
	commands = 0;
	for (i = 1; i <= 10; i++) {
		TEST_ASSERT_EQUAL(ctrl_queue_run(&queue), 1, "not done");
		TEST_ASSERT(commands == i && queue.more, "%u commands", commands);
	}
	return TEST_SUCCESS;
}

static int
test_large(void)
{
	return large(false) == TEST_SUCCESS ? large(true) : TEST_FAILED;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: control queue of a hostile driver",
	.unit_test_cases = {
		TEST_CASE_ST(setup, teardown, test_rings),
		TEST_CASE_ST(setup, teardown, test_ring_nowhere),
		TEST_CASE_ST(setup, teardown, test_start),
		TEST_CASE_ST(setup, teardown, test_start_again),
		TEST_CASE_ST(setup, teardown, test_large),
		TEST_CASES_END()
	},
};

static int
test_ctrl_queue_hostile(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(ctrl_queue_hostile_autotest, test_ctrl_queue_hostile);
