/* SPDX-License-Identifier: BSD-3-Clause */

/* What has to wait for the backend, or for better times, and is not forgotten. */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#include "device_world.h"
#include "eventfds.h"
#include "fdmsg.h"
#include "open_fds.h"
#include "vfu_proto.h"
#include "vhost_user_world.h"

#define V1 DW_BIT(VIRTIO_F_VERSION_1)
#define STATUS DW_BIT(VIRTIO_NET_F_STATUS)
#define CTRL DW_BIT(VIRTIO_NET_F_CTRL_VQ)
#define MQ (DW_BIT(VIRTIO_NET_F_MQ) | CTRL)
#define CTRL_QUEUE (2 * DW_PAIRS)
#define DATA 0x100000u
#define NO_ANSWER 0xee

/* Ask for so many queue pairs, by the i-th command since the start. */
static void
want_pairs(unsigned int i, uint16_t pairs)
{
	uint8_t *data = dw.mem + DATA + 64 * i;
	const struct vring_desc chain[] = {
		{ DW_IOVA + DATA + 64 * i, 4, VRING_DESC_F_NEXT, 2 * i + 1 },
		{ DW_IOVA + DATA + 64 * i + 32, 1, VRING_DESC_F_WRITE, 0 },
	};
	const uint16_t head = 2 * i, index = CTRL_QUEUE;

	memcpy(dw.mem + (DW_RING(CTRL_QUEUE, 0) - DW_IOVA) + 2 * i * sizeof(chain[0]),
		chain, sizeof(chain));
	data[0] = VIRTIO_NET_CTRL_MQ;
	data[1] = VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET;
	memcpy(data + 2, &pairs, sizeof(pairs));
	data[32] = NO_ANSWER;
	memcpy(dw.mem + (DW_RING(CTRL_QUEUE, 1) - DW_IOVA) + 4 + 2 * i, &head,
		sizeof(head));
	dw_set_avail(CTRL_QUEUE, i + 1);
	dw_write(VIRTIO_PCI_BAR, dw.dev->pci.at.notify_trapped, &index, sizeof(index));
}

static uint8_t
answer(unsigned int i)
{
	return dw.mem[DATA + 64 * i + 32];
}

/* Many long commands are done in several turns of the loop, whoever rings or not. */
static int
test_many_commands(void)
{
	const struct vring_desc head = {
		DW_IOVA + DATA, DW_RING_SIZE * sizeof(head), VRING_DESC_F_INDIRECT, 0,
	};
	struct vring_desc *table = (struct vring_desc *)(dw.mem + DATA);
	const uint16_t index = CTRL_QUEUE;
	uint16_t i, used = 0;

	TEST_ASSERT_SUCCESS(dw_run(V1 | MQ | DW_BIT(VIRTIO_RING_F_INDIRECT_DESC),
		2 * DW_PAIRS), "no driver");
	for (i = 0; i < DW_RING_SIZE; i++)
		table[i] = (struct vring_desc){ .flags = VRING_DESC_F_NEXT, .next = i + 1 };
	table[DW_RING_SIZE - 1] = (struct vring_desc){
		DW_IOVA + DATA + 0x1000, 1, VRING_DESC_F_WRITE, 0,
	};
	for (i = 0; i < DW_RING_SIZE; i++) {
		memcpy(dw.mem + (DW_RING(CTRL_QUEUE, 0) - DW_IOVA) + i * sizeof(head), &head,
			sizeof(head));
		memcpy(dw.mem + (DW_RING(CTRL_QUEUE, 1) - DW_IOVA) + 4 + 2 * i, &i,
			sizeof(i));
	}
	dw_set_avail(CTRL_QUEUE, DW_RING_SIZE);
	dw_write_send(VIRTIO_PCI_BAR, dw.dev->pci.at.notify_trapped, &index, sizeof(index));
	for (i = 0; used == 0 && i < 100; i++) {
		loop_once(dw.loop, 0);
		memcpy(&used, dw.mem + (DW_RING(CTRL_QUEUE, 2) - DW_IOVA) + 2, sizeof(used));
	}
	TEST_ASSERT(used > 0 && used < DW_RING_SIZE, "%u at once", used);
	for (i = 0; i < 10; i++)
		loop_once(dw.loop, 0);
	memcpy(&used, dw.mem + (DW_RING(CTRL_QUEUE, 2) - DW_IOVA) + 2, sizeof(used));
	TEST_ASSERT_EQUAL(used, DW_RING_SIZE, "%u in all", used);
	return TEST_SUCCESS;
}

/* One command behind the other, then a backend that is lost in between. */
static int
test_pairs(void)
{
	if (dw_run(V1 | MQ, 2 * DW_PAIRS) < 0)
		return TEST_FAILED;
	dw.backend.deaf = true;
	want_pairs(0, 2);
	want_pairs(1, 1);
	want_pairs(2, 1);
	want_pairs(3, 2);
	dw_settle();
	TEST_ASSERT(answer(0) == NO_ANSWER && answer(1) == NO_ANSWER, "answered");
	dw_backend_forget();
	dw.backend.deaf = false;
	DW_UNTIL(answer(3) == VIRTIO_NET_OK);
	TEST_ASSERT(answer(0) == VIRTIO_NET_OK && answer(1) == VIRTIO_NET_OK &&
		answer(2) == VIRTIO_NET_OK, "not answered");
	/* two rings each time that there was a change */
	TEST_ASSERT_EQUAL(dw_backend_saw(VU_SET_VRING_ENABLE), 6u, "%u messages",
		dw_backend_saw(VU_SET_VRING_ENABLE));
	dw.backend.deaf = true;
	want_pairs(4, 1);
	dw_settle();
	TEST_ASSERT_EQUAL(answer(4), NO_ANSWER, "answered");
	backend_hang_up(&dw.backend);
	dw.backend.deaf = false;
	DW_UNTIL(answer(4) == VIRTIO_NET_OK);
	/* the next one hears of it at the start */
	dw_backend_forget();
	DW_UNTIL(dw.dev->run == DEVICE_STARTED);
	dw_settle();
	TEST_ASSERT_EQUAL(dw_backend_saw(VU_SET_VRING_ENABLE), 4u, "%u messages",
		dw_backend_saw(VU_SET_VRING_ENABLE));
	return TEST_SUCCESS;
}

/*
 * A backend that has not started, or not heard of it, when the driver may wait no longer is
 * given up. To ring again, or a command behind, gives it no more time.
 */
static int
test_pairs_patience(void)
{
	const uint16_t index = CTRL_QUEUE;
	unsigned int round;

	for (round = 0; round < 2; round++) {
		TEST_ASSERT_SUCCESS(dw_drive(V1 | MQ, 2 * DW_PAIRS), "no driver");
		dw.backend.deaf = round == 0;
		TEST_ASSERT_SUCCESS(dw_set_status(15), "DRIVER_OK");
		if (round == 1)
			DW_UNTIL(dw.dev->run == DEVICE_STARTED);
		dw.backend.deaf = true;
		TEST_ASSERT(!loop_timer_runs(&dw.dev->ctrl_patience), "nobody waits");
		want_pairs(0, 2);
		dw_settle();
		TEST_ASSERT(answer(0) == NO_ANSWER &&
			loop_timer_runs(&dw.dev->ctrl_patience), "it may wait for ever");
		loop_timer_set(&dw.dev->ctrl_patience, 50);
		dw_write(VIRTIO_PCI_BAR, dw.dev->pci.at.notify_trapped, &index,
			sizeof(index));
		DW_UNTIL(answer(0) == VIRTIO_NET_OK);
		TEST_ASSERT(!vhost_user_is_up(dw.dev->vu) &&
			!loop_timer_runs(&dw.dev->ctrl_patience), "still waited for");
		dw.backend.deaf = false;
		DW_UNTIL(dw.dev->run == DEVICE_STARTED);
		TEST_ASSERT_EQUAL(dw_status(), 15, "status");
		/* a reset ends the wait, too */
		dw.backend.deaf = true;
		want_pairs(1, 1);
		dw_settle();
		TEST_ASSERT(loop_timer_runs(&dw.dev->ctrl_patience), "not waited for");
		dw.backend.deaf = false;
		TEST_ASSERT_SUCCESS(dw_set_status(0), "reset");
		TEST_ASSERT(!loop_timer_runs(&dw.dev->ctrl_patience), "nobody waits");
	}
	return TEST_SUCCESS;
}

/* While the backend starts; and a reset while it is being told. */
static int
test_pairs_start(void)
{
	TEST_ASSERT_SUCCESS(dw_drive(V1 | MQ, 2 * DW_PAIRS), "no driver");
	dw.backend.deaf = true;
	TEST_ASSERT_SUCCESS(dw_set_status(15), "DRIVER_OK");
	TEST_ASSERT_EQUAL(dw.dev->run, DEVICE_STARTING, "not starting");
	want_pairs(0, 2);
	dw_settle();
	TEST_ASSERT_EQUAL(answer(0), NO_ANSWER, "answered");
	dw.backend.deaf = false;
	DW_UNTIL(answer(0) == VIRTIO_NET_OK);
	TEST_ASSERT_EQUAL(dw_backend_saw(VU_SET_VRING_ENABLE), 6u, "%u messages",
		dw_backend_saw(VU_SET_VRING_ENABLE));
	dw.backend.deaf = true;
	want_pairs(1, 1);
	dw_settle();
	TEST_ASSERT_EQUAL(dw.dev->run, DEVICE_PAIRING, "not told");
	dw.backend.deaf = false;
	TEST_ASSERT_SUCCESS(dw_set_status(0), "reset");
	TEST_ASSERT(dw_status() == 0 && dw.dev->run == DEVICE_STOPPED &&
		answer(1) == NO_ANSWER, "not reset");
	return dw_run(V1 | MQ, 2 * DW_PAIRS);
}

/* No fds for the messages of a start: the link is down until there are some. */
static int
test_start_no_fds(void)
{
	struct rlimit before;
	int fds[128], count, run;

	TEST_ASSERT_SUCCESS(dw_drive(V1 | STATUS, 2), "no driver");
	count = take_fds(fds, RTE_DIM(fds), &before);
	TEST_ASSERT(count >= 0, "limit of fds");
	dw_set_status(15);
	run = dw.dev->run;
	give_fds(fds, count, &before);
	TEST_ASSERT_EQUAL(run, DEVICE_STOPPED, "started");
	TEST_ASSERT_EQUAL(dw_net_status(), 0, "link");
	DW_UNTIL(dw.dev->run == DEVICE_STARTED);
	TEST_ASSERT(dw_status() == 15 && dw_net_status() == VIRTIO_NET_S_LINK_UP,
		"status");
	return TEST_SUCCESS;
}

/* The same for a change of memory, for which the client waits. */
static int
test_map_no_fds(void)
{
	const struct vfu_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFU_DMA_READABLE | VFU_DMA_WRITABLE,
		.address = 0x200000000,
		.size = 0x1000,
	};
	struct rlimit before;
	int fds[128], count, ret;

	if (dw_run(V1, 2) < 0)
		return TEST_FAILED;
	dw_backend_forget();
	count = take_fds(fds, RTE_DIM(fds), &before);
	TEST_ASSERT(count > 1, "limit of fds");
	fdmsg_close(&fds[--count], 1); /* for the file of the message */
	dw_send(VFU_DMA_MAP, &map, sizeof(map), &dw.memory, 1);
	dw_settle();
	ret = dw_recv();
	give_fds(fds, count, &before);
	TEST_ASSERT_EQUAL(ret, 0, "it does not wait");
	DW_UNTIL(dw_recv() == 1);
	TEST_ASSERT(dw.reply_error == 0 && dw_status() == 15 &&
		dw_backend_saw(VU_SET_MEM_TABLE) == 1, "not done");
	return TEST_SUCCESS;
}

/* When the client can wait no longer that is not said to be the backend's fault. */
static int
test_patience_no_fds(void)
{
	const struct vfu_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFU_DMA_READABLE | VFU_DMA_WRITABLE,
		.address = 0x200000000,
		.size = 0x1000,
	};
	struct rlimit before;
	int fds[128], count;
	unsigned int lines, rounds;
	bool waits;

	if (dw_run(V1, 2) < 0)
		return TEST_FAILED;
	world_capture();
	count = take_fds(fds, RTE_DIM(fds), &before);
	if (count > 0)
		fdmsg_close(&fds[--count], 1); /* for the file of the message */
	dw_send(VFU_DMA_MAP, &map, sizeof(map), &dw.memory, 1);
	dw_settle();
	waits = dw_recv() == 0 && loop_timer_runs(&dw.dev->patience);
	loop_timer_set(&dw.dev->patience, 1);
	for (rounds = 0; rounds < 20000 && vhost_user_is_up(dw.dev->vu); rounds++)
		dw_round();
	lines = 100 * world_captured("the application waiting") +
		10 * world_captured("lost backend") +
		world_captured(": the mediator is out of files: raise its limit of open files (LimitNOFILE= of systemd, ulimit -n); connecting again");
	give_fds(fds, count, &before);
	world_release();
	TEST_ASSERT(waits, "it does not wait");
	TEST_ASSERT_EQUAL(lines, 11u, "lines: %u", lines);
	DW_UNTIL(dw_recv() == 1);
	TEST_ASSERT(dw.reply_error == 0, "error %u", dw.reply_error);
	DW_UNTIL(dw.dev->run == DEVICE_STARTED);
	return TEST_SUCCESS;
}

/* An application that cannot get doorbells is turned away, and the next one is not. */
static int
test_attach_no_fds(void)
{
	struct rlimit before;
	int fds[128], count, ret;

	dw_disconnect();
	count = take_fds(fds, RTE_DIM(fds), &before);
	TEST_ASSERT(count > 3, "limit of fds");
	/* the two ends of a connection, and one that is not enough */
	fdmsg_close(&fds[count - 3], 3);
	ret = dw_connect();
	give_fds(fds, count - 3, &before);
	TEST_ASSERT(ret != TEST_SUCCESS && dw.reply_error == EMFILE, "error %u",
		dw.reply_error);
	dw_disconnect();
	TEST_ASSERT_SUCCESS(dw_connect(), "turned away");
	return dw_run(V1, 2);
}

static int
set_irq(uint32_t vector, int fd)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set) + sizeof(int),
		.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = VFIO_PCI_MSIX_IRQ_INDEX,
		.start = vector,
		.count = 1,
	};

	return dw_ask(VFU_DEVICE_SET_IRQS, &set, sizeof(set), &fd, fd < 0 ? 0 : 1);
}

/* A queue's interrupt that the backend raises before it has heard of the other eventfd. */
static int
test_irq_moves(void)
{
	if (dw_run(V1, 2) < 0)
		return TEST_FAILED;
	dw_interrupts(4);
	dw.backend.deaf = true;
	TEST_ASSERT_SUCCESS(set_irq(DW_VECTOR(0), dw.irq[4]), "SET_IRQS");
	dw_settle();
	dw_interrupts(4);
	eventfd_raise(dw.backend.call[0]);
	TEST_ASSERT_EQUAL(dw_interrupts(4), 0u, "it has heard of it");
	dw.backend.deaf = false;
	DW_UNTIL(dw_interrupts(4) == 1);
	/* one that had none, and comes again */
	TEST_ASSERT_SUCCESS(set_irq(DW_VECTOR(1), -1), "SET_IRQS");
	dw_settle();
	TEST_ASSERT(dw.backend.call[1] < 0, "the backend still has it");
	dw_interrupts(DW_VECTOR(1));
	TEST_ASSERT_SUCCESS(set_irq(DW_VECTOR(1), dw.irq[DW_VECTOR(1)]), "SET_IRQS");
	DW_UNTIL(dw_interrupts(DW_VECTOR(1)) >= 1);
	return TEST_SUCCESS;
}

/* The same of a backend that does not say when it has heard of it: at once. */
static int
test_irq_no_ack(void)
{
	dw_prepare();
	TEST_ASSERT_SUCCESS(dw_create(false), "no device");
	dw.backend.protocol &= ~(UINT64_C(1) << VU_PROTOCOL_F_REPLY_ACK);
	dw.backend.listener = fdmsg_listen(dw.backend_path);
	DW_UNTIL(vhost_user_is_up(dw.dev->vu));
	if (dw_run(V1, 2) < 0)
		return TEST_FAILED;
	dw_interrupts(4);
	dw.backend.deaf = true;
	TEST_ASSERT_SUCCESS(set_irq(DW_VECTOR(0), dw.irq[4]), "SET_IRQS");
	TEST_ASSERT(dw_interrupts(4) >= 1, "none");
	dw.backend.deaf = false;
	return TEST_SUCCESS;
}

/* The configuration's, which the device itself raises: kept until somebody listens. */
static int
test_irq_pending(void)
{
	if (dw_run(V1 | STATUS, 2) < 0)
		return TEST_FAILED;
	TEST_ASSERT_SUCCESS(set_irq(DW_CONFIG_VECTOR, -1), "SET_IRQS");
	backend_hang_up(&dw.backend);
	DW_UNTIL(dw_net_status() == 0);
	TEST_ASSERT_EQUAL(dw_interrupts(DW_CONFIG_VECTOR), 0u, "nobody listens");
	TEST_ASSERT_SUCCESS(set_irq(DW_CONFIG_VECTOR, dw.irq[DW_CONFIG_VECTOR]),
		"SET_IRQS");
	TEST_ASSERT_EQUAL(dw_interrupts(DW_CONFIG_VECTOR), 1u, "lost");
	/* forgotten with a reset */
	TEST_ASSERT_SUCCESS(set_irq(DW_CONFIG_VECTOR, -1), "SET_IRQS");
	device_needs_reset(dw.dev, "a test");
	TEST_ASSERT_SUCCESS(dw_set_status(0), "reset");
	TEST_ASSERT_SUCCESS(set_irq(DW_CONFIG_VECTOR, dw.irq[DW_CONFIG_VECTOR]),
		"SET_IRQS");
	TEST_ASSERT_EQUAL(dw_interrupts(DW_CONFIG_VECTOR), 0u, "of before the reset");
	return TEST_SUCCESS;
}

/* No fds to tell the backend of an interrupt: it is told later. */
static int
test_irq_no_fds(void)
{
	struct rlimit before;
	int fds[128], count, ret;

	if (dw_run(V1, 2) < 0)
		return TEST_FAILED;
	/* so that none is closed for another one */
	TEST_ASSERT_SUCCESS(set_irq(DW_VECTOR(0), -1), "SET_IRQS");
	dw_settle();
	count = take_fds(fds, RTE_DIM(fds), &before);
	TEST_ASSERT(count > 1, "limit of fds");
	fdmsg_close(&fds[--count], 1); /* that of SET_IRQS, and no more */
	dw_backend_forget();
	ret = set_irq(DW_VECTOR(0), dw.irq[4]);
	dw_settle();
	give_fds(fds, count, &before);
	TEST_ASSERT_EQUAL(ret, 0, "SET_IRQS");
	TEST_ASSERT_EQUAL(dw_backend_saw(VU_SET_VRING_CALL), 0u, "told without an fd");
	dw_interrupts(4);
	DW_UNTIL(dw_backend_saw(VU_SET_VRING_CALL) > 0);
	dw_settle();
	TEST_ASSERT(dw_interrupts(4) >= 1, "not raised");
	TEST_ASSERT(eventfd_raise(dw.backend.call[0]) == 0 && dw_interrupts(4) == 1,
		"another eventfd");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: device, what waits",
	.unit_test_cases = {
		TEST_CASE_ST(dw_start, dw_stop, test_many_commands),
		TEST_CASE_ST(dw_start, dw_stop, test_pairs),
		TEST_CASE_ST(dw_start, dw_stop, test_pairs_patience),
		TEST_CASE_ST(dw_start, dw_stop, test_pairs_start),
		TEST_CASE_ST(dw_start, dw_stop, test_start_no_fds),
		TEST_CASE_ST(dw_start, dw_stop, test_map_no_fds),
		TEST_CASE_ST(dw_start, dw_stop, test_patience_no_fds),
		TEST_CASE_ST(dw_start, dw_stop, test_attach_no_fds),
		TEST_CASE_ST(dw_start, dw_stop, test_irq_moves),
		TEST_CASE_ST(NULL, dw_stop, test_irq_no_ack),
		TEST_CASE_ST(dw_start, dw_stop, test_irq_pending),
		TEST_CASE_ST(dw_start, dw_stop, test_irq_no_fds),
		TEST_CASE(stage_no_leaks),
		TEST_CASES_END()
	},
};

static int
test_device_wait(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(device_wait_autotest, test_device_wait);
