/* SPDX-License-Identifier: BSD-3-Clause */

/* The device of the burst benchmark finds what a driver does wrong with frames. */

#include <stdbool.h>
#include <string.h>

#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include <rte_common.h>

#include "bench_burst_device.h"
#include "test.h"

#define SIZE 16
#define FRAME 64
#define HEADER ((uint32_t)sizeof(struct virtio_net_hdr_v1))
#define TOTAL (HEADER + FRAME)

#define PACKED_AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define PACKED_USED (1u << VRING_PACKED_DESC_F_USED)

/* A driver's queue. */
struct queue {
	struct vring_desc desc[SIZE]; /* of packed rings: of the same size */
	uint16_t avail[3 + SIZE];
	uint32_t used[1 + 2 * SIZE];
	uint16_t avail_idx, used_idx;
};

/* All that the device may touch. */
static struct {
	struct queue rx, tx;
	uint8_t buf[SIZE][128];
	struct vring_desc table[2];
} memory __rte_aligned(64);

static struct burst_memory regions;
static struct burst_device device;

static void
put_packed(struct queue *q, uint16_t id, uint64_t addr, uint32_t len, uint16_t flags)
{
	struct vring_packed_desc *desc = (struct vring_packed_desc *)q->desc;
	const bool wrap = q->avail_idx / SIZE % 2 == 0;

	desc += q->avail_idx++ % SIZE;
	desc->addr = addr;
	desc->len = len;
	desc->id = id;
	desc->flags = flags | (wrap ? PACKED_AVAIL : PACKED_USED);
}

static void
put(struct queue *q, uint16_t id, uint64_t addr, uint32_t len, uint16_t flags)
{
	if (device.rx.packed) {
		put_packed(q, id, addr, len, flags);
		return;
	}
	q->desc[id] = (struct vring_desc){ .addr = addr, .len = len, .flags = flags };
	q->avail[2 + q->avail_idx++ % SIZE] = id;
	q->avail[1] = q->avail_idx;
}

/* The next buffer that the device returned. */
static bool
get(struct queue *q, uint32_t *id, uint32_t *len)
{
	const struct vring_packed_desc *desc =
		(struct vring_packed_desc *)q->desc + q->used_idx % SIZE;
	const uint16_t both = PACKED_AVAIL | PACKED_USED;
	const uint32_t *elem = &q->used[1 + q->used_idx % SIZE * 2];

	if (device.rx.packed) {
		if ((desc->flags & both) != (q->used_idx / SIZE % 2 == 0 ? both : 0))
			return false;
		*id = desc->id;
		*len = desc->len;
	} else {
		if (q->used[0] >> 16 == q->used_idx)
			return false;
		*id = elem[0];
		*len = elem[1];
	}
	q->used_idx++;
	return true;
}

static int
init_ring(struct burst_ring *ring, struct queue *q, bool packed)
{
	return burst_ring_init(ring, &regions, packed, SIZE, (uintptr_t)q->desc,
			(uintptr_t)q->avail, (uintptr_t)q->used);
}

/* All receive buffers are the device's. */
static int
begin(bool packed)
{
	uint16_t id;

	memset(&memory, 0, sizeof(memory));
	memset(&device, 0, sizeof(device));
	regions.count = 1;
	regions.region[0].addr = (uintptr_t)&memory;
	regions.region[0].len = sizeof(memory);
	device.size = FRAME;
	device.segments = 1;
	TEST_ASSERT_SUCCESS(init_ring(&device.rx, &memory.rx, packed), "receive ring");
	TEST_ASSERT_SUCCESS(init_ring(&device.tx, &memory.tx, packed), "transmit ring");
	TEST_ASSERT_SUCCESS(burst_device_init(&device), "device");
	for (id = 0; id < SIZE; id++)
		put(&memory.rx, id, (uintptr_t)memory.buf[id], sizeof(memory.buf[id]),
			VRING_DESC_F_WRITE);
	burst_device_check(&device, true);
	return 0;
}

static void
end(void)
{
	burst_device_fini(&device);
}

static void
transmit(uint32_t id)
{
	put(&memory.tx, id, (uintptr_t)memory.buf[id], TOTAL, 0);
}

/* Receive, transmit, reclaim and refill. Returns how many frames there were. */
static unsigned int
forward(bool *reordered)
{
	uint32_t id, len, last = 0;
	unsigned int count;

	for (count = 0; get(&memory.rx, &id, &len); count++) {
		if (len != TOTAL)
			return 0;
		if (reordered != NULL && count > 0)
			*reordered = *reordered || id != (last + 1) % SIZE;
		last = id;
		transmit(id);
	}
	burst_device_take(&device);
	while (get(&memory.tx, &id, &len))
		put(&memory.rx, id, (uintptr_t)memory.buf[id], sizeof(memory.buf[id]),
			VRING_DESC_F_WRITE);
	return count;
}

static int
passes(bool packed, bool shuffle)
{
	bool reordered = false;
	unsigned int round;

	TEST_ASSERT_SUCCESS(begin(packed), "begin");
	device.shuffle = shuffle;
	for (round = 0; round < 20; round++) {
		TEST_ASSERT_EQUAL(burst_device_give(&device, SIZE / 2), SIZE / 2,
			"round %u", round);
		TEST_ASSERT_EQUAL(forward(&reordered), SIZE / 2, "round %u", round);
	}
	TEST_ASSERT_NULL(device.wrong, "%s", device.wrong);
	TEST_ASSERT_EQUAL(device.checked, 20 * SIZE / 2, "not all checked");
	TEST_ASSERT_EQUAL(device.transmitted, device.received, "not all came back");
	TEST_ASSERT_EQUAL(reordered, shuffle, "order of buffers");
	return TEST_SUCCESS;
}

static int
test_split(void)
{
	return passes(false, false);
}

static int
test_packed(void)
{
	return passes(true, false);
}

static int
test_split_shuffled(void)
{
	return passes(false, true);
}

static int
test_packed_shuffled(void)
{
	return passes(true, true);
}

/* What a broken driver does with the two frames that it received. */
static void
drops(void)
{
	transmit(1);
}

static void
swaps(void)
{
	transmit(1);
	transmit(0);
}

static void
repeats(void)
{
	transmit(0);
	transmit(0);
}

static void
changes(void)
{
	memory.buf[0][TOTAL - 1]++;
	transmit(0);
}

static void
shortens(void)
{
	put(&memory.tx, 0, (uintptr_t)memory.buf[0], TOTAL - 1, 0);
}

static void
asks_for_offloads(void)
{
	memory.buf[0][0] = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	transmit(0);
}

static void
gives_writable(void)
{
	put(&memory.tx, 0, (uintptr_t)memory.buf[0], TOTAL, VRING_DESC_F_WRITE);
}

static void
gives_outside(void)
{
	put(&memory.tx, 0, (uintptr_t)&memory + sizeof(memory) - TOTAL + 1, TOTAL, 0);
}

static void
gives_empty(void)
{
	put(&memory.tx, 0, (uintptr_t)memory.buf[0], 0, 0);
}

/* Each is found in both layouts. */
static int
test_wrong(void)
{
	static const struct {
		const char *name;
		void (*act)(void);
	} wrongs[] = {
		{ "drops", drops }, { "swaps", swaps }, { "repeats", repeats },
		{ "changes", changes }, { "shortens", shortens },
		{ "asks for offloads", asks_for_offloads },
		{ "gives writable", gives_writable },
		{ "gives outside", gives_outside }, { "gives empty", gives_empty },
	};
	unsigned int i;

	for (i = 0; i < 2 * RTE_DIM(wrongs); i++) {
		TEST_ASSERT_SUCCESS(begin(i % 2 == 1), "begin");
		burst_device_give(&device, 2);
		wrongs[i / 2].act();
		burst_device_take(&device);
		TEST_ASSERT_NOT_NULL(device.wrong, "%s: not found", wrongs[i / 2].name);
		end();
	}
	return TEST_SUCCESS;
}

/* A header of its own and the frame in a table, VIRTIO 1.2 s. 2.7.5.3, 2.8.7. */
static int
test_indirect(void)
{
	unsigned int packed;

	for (packed = 0; packed < 2; packed++) {
		TEST_ASSERT_SUCCESS(begin(packed == 1), "begin");
		burst_device_give(&device, 1);
		memory.table[0] = (struct vring_desc){
			.addr = (uintptr_t)memory.buf[0], .len = HEADER,
			.flags = VRING_DESC_F_NEXT, .next = 1,
		};
		memory.table[1] = (struct vring_desc){
			.addr = (uintptr_t)memory.buf[0] + HEADER, .len = FRAME,
		};
		if (packed == 1)
			memory.table[0].flags = memory.table[0].next = 0;
		put(&memory.tx, 0, (uintptr_t)memory.table, sizeof(memory.table),
			VRING_DESC_F_INDIRECT);
		TEST_ASSERT_EQUAL(burst_device_take(&device), 1, "not taken");
		TEST_ASSERT_NULL(device.wrong, "%s", device.wrong);
		TEST_ASSERT_EQUAL(device.checked, 1, "not checked");
		end();
	}
	return TEST_SUCCESS;
}

/* A frame over four buffers, and its header says so. */
static int
test_segments(void)
{
	const struct virtio_net_hdr_v1 *header = (const void *)memory.buf[0];
	const uint32_t lens[] = { HEADER + FRAME / 4, FRAME / 4, FRAME / 4, FRAME / 4 };
	uint32_t id, len, i;

	TEST_ASSERT_SUCCESS(begin(false), "begin");
	device.segments = 4;
	TEST_ASSERT_EQUAL(burst_device_give(&device, 2), 2, "not given");
	TEST_ASSERT_EQUAL(header->num_buffers, 4, "%u buffers", header->num_buffers);
	for (i = 0; i < 8; i++) {
		TEST_ASSERT(get(&memory.rx, &id, &len), "buffer %u", i);
		TEST_ASSERT_EQUAL(len, lens[i % 4], "buffer %u: %u bytes", i, len);
	}
	TEST_ASSERT(!get(&memory.rx, &id, &len), "more than was asked for");
	return TEST_SUCCESS;
}

/* A ring outside of the memory is not followed. */
static int
test_ring_outside(void)
{
	unsigned int packed;

	TEST_ASSERT_SUCCESS(begin(false), "begin");
	regions.region[0].addr = (uintptr_t)&memory.tx;
	for (packed = 0; packed < 2; packed++)
		TEST_ASSERT(init_ring(&device.rx, &memory.rx, packed == 1) < 0,
			"packed %u", packed);
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "device of the burst benchmark",
	.unit_test_cases = {
		TEST_CASE_ST(NULL, end, test_split),
		TEST_CASE_ST(NULL, end, test_packed),
		TEST_CASE_ST(NULL, end, test_split_shuffled),
		TEST_CASE_ST(NULL, end, test_packed_shuffled),
		TEST_CASE_ST(NULL, end, test_wrong),
		TEST_CASE_ST(NULL, end, test_indirect),
		TEST_CASE_ST(NULL, end, test_segments),
		TEST_CASE_ST(NULL, end, test_ring_outside),
		TEST_CASES_END()
	}
};

static int
test_bench_burst(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(bench_burst_autotest, test_bench_burst);
