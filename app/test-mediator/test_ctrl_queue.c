/* SPDX-License-Identifier: BSD-3-Clause */

/* The device's side of the control queue: what a driver may do. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "ctrl_ring.h"
#include "test.h"

#define W VRING_DESC_F_WRITE
#define COMMAND CTRL_RING_DATA
#define ACK (CTRL_RING_DATA + 0x10000)
#define NO_ANSWER 0xee

static const struct layout {
	const char *name;
	bool packed, indirect;
	uint16_t size;
} layouts[] = {
	{ "split", false, false, 8 },
	{ "split, indirect", false, true, 8 },
	{ "packed", true, false, 8 },
	{ "packed, no power of 2", true, false, 5 },
	{ "packed, indirect", true, true, 8 },
	{ "packed, indirect, no power of 2", true, true, 7 },
};

static struct ctrl_ring ring;
static struct ctrl_queue queue;

/* What the device was told, and is to answer. */
static struct {
	unsigned int commands;
	uint8_t bytes[CTRL_QUEUE_MAX_COMMAND + 1];
	uint32_t len;
	uint8_t answer;
	unsigned int stop_after; /* commands; 0: never */
} device;

static uint8_t
take_command(void *arg, uint8_t class, uint8_t command, const uint8_t *data,
		uint32_t len)
{
	struct ctrl_queue *cq = arg;

	device.commands++;
	device.len = len + 2;
	if (device.len > sizeof(device.bytes))
		return VIRTIO_NET_ERR;
	device.bytes[0] = class;
	device.bytes[1] = command;
	memcpy(device.bytes + 2, data, len);
	if (device.commands == device.stop_after)
		ctrl_queue_stop(cq);
	return device.answer;
}

static int
setup(void)
{
	if (ctrl_ring_create(&ring) < 0)
		return TEST_FAILED;
	ctrl_queue_init(&queue, &ring.table, take_command, &queue);
	return TEST_SUCCESS;
}

static void
teardown(void)
{
	ctrl_queue_stop(&queue);
	ctrl_ring_destroy(&ring);
}

static int
begin(const struct layout *layout, uint16_t size)
{
	memset(&device, 0, sizeof(device));
	ctrl_ring_reset(&ring, layout->packed, layout->indirect, size);
	return ctrl_queue_start(&queue, &ring.conf);
}

static void
fill(uint32_t offset, uint32_t len, unsigned int seed)
{
	while (len-- > 0)
		ring.memory[offset++] = seed++ * 7;
}

static struct ctrl_ring_part
part(uint32_t offset, uint32_t len, uint16_t flags)
{
	return (struct ctrl_ring_part){ ctrl_ring_iova(offset), len, flags, 0 };
}

/* All of one command in two parts. */
static void
put(const struct layout *layout, uint32_t len)
{
	struct ctrl_ring_part parts[] = { part(COMMAND, len, 0), part(ACK, 1, W) };

	ring.memory[ACK] = NO_ANSWER;
	ctrl_ring_put(&ring, parts, RTE_DIM(parts), layout->indirect);
}

/* The device has used one chain, of so many descriptors, in the right way. */
static int
check_used(const struct layout *layout, unsigned int count, uint32_t ack, uint8_t answer)
{
	/* what ctrl_ring_write() and ctrl_ring_put() give as id */
	uint16_t size = ring.conf.size;
	uint16_t place = layout->packed ? ring.idx + size : ring.free_desc + size;
	uint16_t expected = place - (layout->packed ? 1 : count), id = 0xffff;
	uint32_t len = 0;

	TEST_ASSERT_EQUAL(ctrl_ring_get(&ring, count, &id, &len), 1, "%s: not used",
		layout->name);
	TEST_ASSERT_EQUAL(id, expected % size, "%s: id %u", layout->name, id);
	TEST_ASSERT_EQUAL(len, 1u, "%s: length %u", layout->name, len);
	TEST_ASSERT_EQUAL(ring.memory[ack], answer, "%s: answer %u", layout->name,
		ring.memory[ack]);
	TEST_ASSERT_EQUAL(ctrl_ring_get(&ring, count, &id, &len), 0, "%s: used twice",
		layout->name);
	return TEST_SUCCESS;
}

/* Commands one by one, until the ring and the indices of a split one wrap. */
static int
test_wrap(void)
{
	const struct layout *layout;
	unsigned int i, n;
	uint32_t len;

	for (i = 0; i < RTE_DIM(layouts); i++) {
		layout = &layouts[i];
		TEST_ASSERT_SUCCESS(begin(layout, layout->size), "%s", layout->name);
		TEST_ASSERT_EQUAL(ctrl_queue_run(&queue), 0, "%s: nothing waits",
			layout->name);
		for (n = 0; n < 70000; n++) {
			len = 2 + n % 61;
			fill(COMMAND, len, n);
			device.answer = n & 1;
			put(layout, len);
			TEST_ASSERT_EQUAL(ctrl_queue_run(&queue), 1, "%s: %u",
				layout->name, n);
			TEST_ASSERT(device.commands == n + 1 && device.len == len &&
				memcmp(device.bytes, ring.memory + COMMAND, len) == 0,
				"%s: another command", layout->name);
			if (check_used(layout, layout->indirect ? 1 : 2, ACK, n & 1) !=
					TEST_SUCCESS)
				return TEST_FAILED;
		}
		TEST_ASSERT_EQUAL(ctrl_queue_run(&queue), 0, "%s: nothing waits",
			layout->name);
	}
	return TEST_SUCCESS;
}

/* A ring full at once; a run does no more than that. */
static int
test_full(void)
{
	const struct layout *layout;
	unsigned int i, n, full;
	uint16_t id;
	uint32_t len;

	for (i = 0; i < RTE_DIM(layouts); i++) {
		layout = &layouts[i];
		TEST_ASSERT_SUCCESS(begin(layout, layout->size), "%s", layout->name);
		full = layout->indirect ? layout->size : layout->size / 2;
		for (n = 0; n < full; n++)
			put(layout, 2);
		TEST_ASSERT_EQUAL(ctrl_queue_run(&queue), 1, "%s", layout->name);
		TEST_ASSERT_EQUAL(device.commands, full, "%s: %u commands",
			layout->name, device.commands);
		for (n = 0; n < full; n++)
			TEST_ASSERT(ctrl_ring_get(&ring, layout->indirect ? 1 : 2, &id,
				&len) == 1 && len == 1, "%s: %u not used",
				layout->name, n);
		TEST_ASSERT_EQUAL(ctrl_queue_run(&queue), 0, "%s: more", layout->name);
	}
	return TEST_SUCCESS;
}

/* A driver that gives the next command as soon as one is done. */
static const struct layout *endless;

static uint8_t
give_another(void *arg __rte_unused, uint8_t class __rte_unused,
		uint8_t command __rte_unused, const uint8_t *data __rte_unused,
		uint32_t len __rte_unused)
{
	device.commands++;
	put(endless, 2);
	return VIRTIO_NET_OK;
}

static int
test_endless(void)
{
	unsigned int i;

	ctrl_queue_init(&queue, &ring.table, give_another, NULL);
	for (i = 0; i < RTE_DIM(layouts); i++) {
		endless = &layouts[i];
		TEST_ASSERT_SUCCESS(begin(endless, endless->size), "%s", endless->name);
		put(endless, 2);
		TEST_ASSERT_EQUAL(ctrl_queue_run(&queue), 1, "%s", endless->name);
		TEST_ASSERT_EQUAL(device.commands, endless->size, "%s: %u commands",
			endless->name, device.commands);
		TEST_ASSERT_EQUAL(ctrl_queue_run(&queue), 1, "%s", endless->name);
		TEST_ASSERT_EQUAL(device.commands, 2u * endless->size,
			"%s: the rest was forgotten", endless->name);
	}
	return TEST_SUCCESS;
}

/*
 * s. 2.7.4.1: a command cut at any two places, with an empty part anywhere or none, and
 * the answer's part cut as well.
 */
static unsigned int
cut(struct ctrl_ring_part *parts, uint32_t len, uint32_t first, uint32_t second,
		unsigned int empty)
{
	const uint32_t cuts[] = { 0, first, second, len };
	unsigned int i, n = 0;

	for (i = 0; i < 3; i++) {
		if (cuts[i + 1] > cuts[i])
			parts[n++] = part(COMMAND + cuts[i], cuts[i + 1] - cuts[i], 0);
		if (i == empty)
			parts[n++] = part(COMMAND, 0, 0);
	}
	if (empty == 3)
		parts[n++] = part(ACK - 5, 0, W);
	parts[n++] = part(ACK, 1 + first, W);
	parts[n++] = part(ACK + 100, second, W);
	return n;
}

static int
test_framing(void)
{
	const uint32_t len = 20;
	struct ctrl_ring_part parts[8];
	const struct layout *layout;
	uint32_t first, second;
	unsigned int i, empty, n, count = 0;

	for (i = 0; i < RTE_DIM(layouts); i++) {
		layout = &layouts[i];
		TEST_ASSERT_SUCCESS(begin(layout, 16 + layout->size % 2), "%s",
			layout->name);
		fill(COMMAND, len, 3);
		device.answer = VIRTIO_NET_ERR;
		for (first = 0; first <= len; first++) {
		for (second = first; second <= len; second++) {
		for (empty = 0; empty < 5; empty++, count++) {
			n = cut(parts, len, first, second, empty);
			ring.memory[ACK] = NO_ANSWER;
			device.len = 0;
			ctrl_ring_put(&ring, parts, n, layout->indirect);
			TEST_ASSERT_EQUAL(ctrl_queue_run(&queue), 1, "%s: %u %u %u",
				layout->name, first, second, empty);
			TEST_ASSERT(device.len == len && memcmp(device.bytes,
				ring.memory + COMMAND, len) == 0,
				"%s: %u %u %u", layout->name, first, second, empty);
			if (check_used(layout, layout->indirect ? 1 : n, ACK,
					VIRTIO_NET_ERR) != TEST_SUCCESS)
				return TEST_FAILED;
		}
		}
		}
		TEST_ASSERT(ring.memory[ACK + 1] == 0 && ring.memory[ACK + 100] == 0,
			"%s: more was written than the answer", layout->name);
	}
	printf("    %u framings\n", count);
	return TEST_SUCCESS;
}

/* Each byte in a part of its own, in a ring that has just enough of them. */
static int
test_bytes(void)
{
	struct ctrl_ring_part parts[64];
	const struct layout *layout;
	unsigned int i, n;

	for (i = 0; i < RTE_DIM(layouts); i++) {
		layout = &layouts[i];
		TEST_ASSERT_SUCCESS(begin(layout, 64), "%s", layout->name);
		fill(COMMAND, 63, i);
		for (n = 0; n < 63; n++)
			parts[n] = part(COMMAND + n, 1, 0);
		parts[63] = part(ACK, 1, W);
		ctrl_ring_put(&ring, parts, 64, layout->indirect);
		TEST_ASSERT_EQUAL(ctrl_queue_run(&queue), 1, "%s", layout->name);
		TEST_ASSERT(device.len == 63 && memcmp(device.bytes, ring.memory +
			COMMAND, 63) == 0, "%s: another command", layout->name);
	}
	return TEST_SUCCESS;
}

/* What is no command, or too long, is refused without asking the device. */
static int
test_lengths(void)
{
	static const struct {
		uint32_t len;
		bool told;
	} lengths[] = {
		{ 0, false },
		{ 1, false },
		{ 2, true },
		{ CTRL_QUEUE_MAX_COMMAND - 1, true },
		{ CTRL_QUEUE_MAX_COMMAND, true },
		{ CTRL_QUEUE_MAX_COMMAND + 1, false },
		{ 0x10000, false },
		{ UINT32_MAX, false },
	};
	const struct layout *layout;
	unsigned int i, n, told;

	for (i = 0; i < RTE_DIM(layouts); i++) {
		layout = &layouts[i];
		TEST_ASSERT_SUCCESS(begin(layout, layout->size), "%s", layout->name);
		for (n = 0; n < RTE_DIM(lengths); n++) {
			told = device.commands + lengths[n].told;
			put(layout, lengths[n].len);
			TEST_ASSERT_EQUAL(ctrl_queue_run(&queue), 1, "%s: %u",
				layout->name, lengths[n].len);
			TEST_ASSERT_EQUAL(device.commands, told, "%s: length %u",
				layout->name, lengths[n].len);
			if (check_used(layout, layout->indirect ? 1 : 2, ACK,
					lengths[n].told ? VIRTIO_NET_OK :
					VIRTIO_NET_ERR) != TEST_SUCCESS)
				return TEST_FAILED;
		}
	}
	return TEST_SUCCESS;
}

/* Too long only together; nothing of it is a command. */
static int
test_long_parts(void)
{
	struct ctrl_ring_part parts[] = {
		part(COMMAND, CTRL_QUEUE_MAX_COMMAND, 0),
		part(COMMAND, 1, 0),
		part(ACK, 1, W),
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(layouts); i++) {
		TEST_ASSERT_SUCCESS(begin(&layouts[i], layouts[i].size), "%s",
			layouts[i].name);
		ctrl_ring_put(&ring, parts, RTE_DIM(parts), layouts[i].indirect);
		TEST_ASSERT_EQUAL(ctrl_queue_run(&queue), 1, "%s", layouts[i].name);
		TEST_ASSERT_EQUAL(device.commands, 0u, "%s", layouts[i].name);
		if (check_used(&layouts[i], layouts[i].indirect ? 1 : 3, ACK,
				VIRTIO_NET_ERR) != TEST_SUCCESS)
			return TEST_FAILED;
	}
	return TEST_SUCCESS;
}

static int
test_interrupts(void)
{
	struct vring_packed_desc_event *event;
	const struct layout *layout;
	unsigned int i, flags;

	for (i = 0; i < RTE_DIM(layouts); i++) {
		layout = &layouts[i];
		TEST_ASSERT_SUCCESS(begin(layout, layout->size), "%s", layout->name);
		ctrl_ring_interrupts(&ring, false);
		put(layout, 2);
		TEST_ASSERT_EQUAL(ctrl_queue_run(&queue), 0, "%s: off", layout->name);
		TEST_ASSERT_EQUAL(device.commands, 1u, "%s: not done", layout->name);
		ctrl_ring_interrupts(&ring, true);
		TEST_ASSERT_EQUAL(ctrl_queue_run(&queue), 0, "%s: for nothing",
			layout->name);
		put(layout, 2);
		TEST_ASSERT_EQUAL(ctrl_queue_run(&queue), 1, "%s: on", layout->name);
		if (!layout->packed)
			continue;
		/* for one descriptor, which was not agreed on, and what is reserved */
		event = (void *)(ring.memory + CTRL_RING_AVAIL);
		for (flags = VRING_PACKED_EVENT_FLAG_DESC; flags < 4; flags++) {
			event->flags = flags;
			put(layout, 2);
			TEST_ASSERT_EQUAL(ctrl_queue_run(&queue), 1, "%s: flags %u",
				layout->name, flags);
		}
	}
	return TEST_SUCCESS;
}

/* The device may stop the queue because of a command, which then is not answered. */
static int
stop_within(const struct layout *layout, unsigned int after)
{
	unsigned int count = layout->indirect ? 1 : 2, i;
	uint16_t id;
	uint32_t len;

	TEST_ASSERT_SUCCESS(begin(layout, 8), "%s", layout->name);
	device.stop_after = after;
	for (i = 0; i < 3; i++)
		put(layout, 2);
	TEST_ASSERT_EQUAL(ctrl_queue_run(&queue), 0, "%s", layout->name);
	TEST_ASSERT_EQUAL(device.commands, after, "%s: went on", layout->name);
	for (i = 1; i < after; i++)
		TEST_ASSERT_EQUAL(ctrl_ring_get(&ring, count, &id, &len), 1,
			"%s: not used", layout->name);
	TEST_ASSERT_EQUAL(ctrl_ring_get(&ring, count, &id, &len), 0, "%s: used",
		layout->name);
	TEST_ASSERT_EQUAL(ring.memory[ACK], after == 1 ? NO_ANSWER : VIRTIO_NET_OK,
		"%s: answered", layout->name);
	TEST_ASSERT_EQUAL(ctrl_queue_run(&queue), 0, "%s: runs", layout->name);
	return TEST_SUCCESS;
}

static int
test_stop_within(void)
{
	unsigned int i, after;

	for (i = 0; i < RTE_DIM(layouts); i++) {
		for (after = 1; after <= 3; after++) {
			if (stop_within(&layouts[i], after) != TEST_SUCCESS)
				return TEST_FAILED;
		}
	}
	return TEST_SUCCESS;
}

/* The driver reads where commands are wanted: the device says so when it starts. */
static int
test_device_event(void)
{
	const struct layout packed = { "packed", true, false, 8 };

	TEST_ASSERT_SUCCESS(begin(&packed, 8), "not started");
	memset(ring.memory + CTRL_RING_USED, 0xff, 4);
	TEST_ASSERT_SUCCESS(ctrl_queue_start(&queue, &ring.conf), "not started");
	TEST_ASSERT_EQUAL(ring.memory[CTRL_RING_USED + 2],
		VRING_PACKED_EVENT_FLAG_ENABLE, "nobody kicks");
	put(&packed, 2);
	TEST_ASSERT_EQUAL(ctrl_queue_run(&queue), 1, "not done");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: control queue",
	.unit_test_cases = {
		TEST_CASE_ST(setup, teardown, test_wrap),
		TEST_CASE_ST(setup, teardown, test_full),
		TEST_CASE_ST(setup, teardown, test_endless),
		TEST_CASE_ST(setup, teardown, test_framing),
		TEST_CASE_ST(setup, teardown, test_bytes),
		TEST_CASE_ST(setup, teardown, test_lengths),
		TEST_CASE_ST(setup, teardown, test_long_parts),
		TEST_CASE_ST(setup, teardown, test_interrupts),
		TEST_CASE_ST(setup, teardown, test_stop_within),
		TEST_CASE_ST(setup, teardown, test_device_event),
		TEST_CASES_END()
	},
};

static int
test_ctrl_queue(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(ctrl_queue_autotest, test_ctrl_queue);
