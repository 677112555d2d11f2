/* SPDX-License-Identifier: BSD-3-Clause */

/* Commands of the control queue that are over later than they came. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "ctrl_ring.h"
#include "test.h"

#define SIZE 8
#define NO_ANSWER 0xee

static struct ctrl_ring ring;
static struct ctrl_queue queue;
static unsigned int commands;

/* What the command asks for: its class is the answer. */
static uint8_t
take_command(void *arg __rte_unused, uint8_t class, uint8_t command __rte_unused,
		const uint8_t *data __rte_unused, uint32_t len __rte_unused)
{
	commands++;
	return class;
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
	ctrl_queue_stop(&queue);
	ctrl_ring_destroy(&ring);
}

static uint8_t *
answer_of(unsigned int i)
{
	return ring.memory + CTRL_RING_DATA + 16 * i + 8;
}

/* The i-th command. */
static void
put(unsigned int i, uint8_t class)
{
	struct ctrl_ring_part parts[] = {
		{ .addr = ctrl_ring_iova(CTRL_RING_DATA + 16 * i), .len = 2 },
		{ .addr = ctrl_ring_iova(CTRL_RING_DATA + 16 * i + 8), .len = 1,
			.flags = VRING_DESC_F_WRITE },
	};

	ring.memory[CTRL_RING_DATA + 16 * i] = class;
	*answer_of(i) = NO_ANSWER;
	ctrl_ring_put(&ring, parts, RTE_DIM(parts), false);
}

static int
begin(bool packed)
{
	commands = 0;
	ctrl_ring_reset(&ring, packed, false, SIZE);
	return ctrl_queue_start(&queue, &ring.conf);
}

/* How many were given back. */
static unsigned int
nr_used(void)
{
	unsigned int n = 0;
	uint32_t len;
	uint16_t id;

	while (ctrl_ring_get(&ring, 2, &id, &len) == 1)
		n++;
	return n;
}

/* One that was answered, two that wait, and one behind them: each in its turn. */
static int
later(bool packed)
{
	TEST_ASSERT_SUCCESS(begin(packed), "not started");
	TEST_ASSERT_EQUAL(ctrl_queue_done(&queue, VIRTIO_NET_OK), 0, "nothing waits");
	put(0, VIRTIO_NET_ERR);
	put(1, CTRL_QUEUE_LATER);
	put(2, CTRL_QUEUE_LATER);
	put(3, VIRTIO_NET_OK);
	TEST_ASSERT_EQUAL(ctrl_queue_run(&queue), 1, "no interrupt for the first");
	TEST_ASSERT(commands == 2 && nr_used() == 1 &&
		*answer_of(0) == VIRTIO_NET_ERR && *answer_of(1) == NO_ANSWER,
		"%u commands", commands);
	TEST_ASSERT_EQUAL(ctrl_queue_run(&queue), 0, "it does not wait");
	TEST_ASSERT(commands == 2 && nr_used() == 0, "one overtakes the other");
	TEST_ASSERT_EQUAL(ctrl_queue_done(&queue, VIRTIO_NET_OK), 1, "no interrupt");
	TEST_ASSERT(commands == 3 && nr_used() == 1 &&
		*answer_of(1) == VIRTIO_NET_OK && *answer_of(2) == NO_ANSWER,
		"%u commands", commands);
	TEST_ASSERT_EQUAL(ctrl_queue_done(&queue, VIRTIO_NET_ERR), 1, "no interrupt");
	TEST_ASSERT(commands == 4 && nr_used() == 2 &&
		*answer_of(2) == VIRTIO_NET_ERR && *answer_of(3) == VIRTIO_NET_OK,
		"%u commands", commands);
	TEST_ASSERT_EQUAL(ctrl_queue_done(&queue, VIRTIO_NET_OK), 0, "answered twice");
	/* without interrupts */
	ctrl_ring_interrupts(&ring, false);
	put(4, CTRL_QUEUE_LATER);
	TEST_ASSERT_EQUAL(ctrl_queue_run(&queue), 0, "interrupt");
	TEST_ASSERT_EQUAL(ctrl_queue_done(&queue, VIRTIO_NET_OK), 0, "interrupt");
	TEST_ASSERT(nr_used() == 1 && *answer_of(4) == VIRTIO_NET_OK, "not answered");
	/* forgotten when the queue is stopped */
	put(5, CTRL_QUEUE_LATER);
	TEST_ASSERT_EQUAL(ctrl_queue_run(&queue), 0, "interrupt");
	ctrl_queue_stop(&queue);
	TEST_ASSERT_EQUAL(ctrl_queue_done(&queue, VIRTIO_NET_OK), 0, "stopped");
	TEST_ASSERT(nr_used() == 0 && *answer_of(5) == NO_ANSWER, "answered");
	return TEST_SUCCESS;
}

static int
test_split(void)
{
	return later(false);
}

static int
test_packed(void)
{
	return later(true);
}

/* The memory of the answer is gone when it is to be written; and that of the ring. */
static int
test_gone(void)
{
	unsigned int packed, part;

	for (packed = 0; packed < 2; packed++) {
		for (part = 0; part < 2; part++) {
			TEST_ASSERT_SUCCESS(begin(packed == 1), "not started");
			put(0, CTRL_QUEUE_LATER);
			TEST_ASSERT_EQUAL(ctrl_queue_run(&queue), 0, "interrupt");
			if (part == 0)
				queue.held.ack = 1;
			else
				queue.conf.used = queue.conf.desc = 0x1000;
			TEST_ASSERT_EQUAL(ctrl_queue_done(&queue, VIRTIO_NET_OK), -EPROTO,
				"part %u", part);
			TEST_ASSERT(queue.broken && ctrl_queue_run(&queue) == 0 &&
				ctrl_queue_done(&queue, VIRTIO_NET_OK) == 0, "it goes on");
		}
	}
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: control queue, commands that take time",
	.unit_test_cases = {
		TEST_CASE_ST(setup, teardown, test_split),
		TEST_CASE_ST(setup, teardown, test_packed),
		TEST_CASE_ST(setup, teardown, test_gone),
		TEST_CASES_END()
	},
};

static int
test_ctrl_queue_later(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(ctrl_queue_later_autotest, test_ctrl_queue_later);
