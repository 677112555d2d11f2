/* SPDX-License-Identifier: BSD-3-Clause */

/* A device between a client and a backend: start, doorbells, interrupts. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include <linux/vhost_types.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#include "device_world.h"
#include "vfu_proto.h"

#define V1 DW_BIT(VIRTIO_F_VERSION_1)
#define CTRL DW_BIT(VIRTIO_NET_F_CTRL_VQ)
#define MQ (DW_BIT(VIRTIO_NET_F_MQ) | CTRL)
#define PACKED DW_BIT(VIRTIO_F_RING_PACKED)
#define STATUS DW_BIT(VIRTIO_NET_F_STATUS)
#define NEEDS_RESET VIRTIO_CONFIG_S_NEEDS_RESET

static uint64_t
u64_of(const struct backend_seen *seen)
{
	uint64_t value = 0;

	if (seen != NULL)
		memcpy(&value, seen->payload, sizeof(value));
	return value;
}

/* The number of a struct vhost_vring_state; UINT32_MAX: there was no such message. */
static uint32_t
num_of(const struct backend_seen *seen)
{
	struct vhost_vring_state state = { .num = UINT32_MAX };

	if (seen != NULL)
		memcpy(&state, seen->payload, sizeof(state));
	return state.num;
}

static bool
has_event(int fd)
{
	uint64_t count;

	return fd >= 0 && read(fd, &count, sizeof(count)) == sizeof(count);
}

static bool
ring(int fd)
{
	const uint64_t one = 1;

	return write(fd, &one, sizeof(one)) == sizeof(one);
}

static int
test_start(void)
{
	const struct backend_seen *seen;
	struct vhost_vring_addr addr;
	struct device_status status;
	unsigned int i;

	if (dw_run(V1 | STATUS | DW_BIT(VIRTIO_NET_F_MRG_RXBUF) | DW_BIT(33), 2) < 0)
		return TEST_FAILED;
	TEST_ASSERT_EQUAL(u64_of(dw_last(VU_SET_FEATURES, -1)),
		V1 | DW_BIT(VIRTIO_NET_F_MRG_RXBUF) | DW_BIT(VU_F_PROTOCOL_FEATURES),
		"features 0x%lx", (unsigned long)u64_of(dw_last(VU_SET_FEATURES, -1)));
	for (i = 0; i < 2; i++) {
		TEST_ASSERT_EQUAL(num_of(dw_last(VU_SET_VRING_NUM, i)),
			(uint32_t)DW_RING_SIZE, "size of %u", i);
		TEST_ASSERT_EQUAL(num_of(dw_last(VU_SET_VRING_BASE, i)), 0u, "base");
		TEST_ASSERT_EQUAL(num_of(dw_last(VU_SET_VRING_ENABLE, i)), 1u, "enable");
		seen = dw_last(VU_SET_VRING_ADDR, i);
		TEST_ASSERT_NOT_NULL(seen, "no addresses");
		memcpy(&addr, seen->payload, sizeof(addr));
		TEST_ASSERT(addr.desc_user_addr == DW_RING(i, 0) &&
			addr.avail_user_addr == DW_RING(i, 1) &&
			addr.used_user_addr == DW_RING(i, 2), "addresses of %u", i);
		TEST_ASSERT(ring(dw.backend.call[i]) && dw_interrupts(DW_VECTOR(i)) == 1,
			"the interrupt of %u", i);
	}
	TEST_ASSERT_NULL(dw_last(VU_SET_VRING_NUM, 2), "the control queue is told of");
	TEST_ASSERT_EQUAL(dw_net_status(), VIRTIO_NET_S_LINK_UP, "link");
	device_get_status(dw.dev, &status);
	TEST_ASSERT(status.client == getpid() && status.backend && status.started &&
		!status.packed && status.pairs == 1 &&
		status.negotiated == dw.features && status.losses == 0, "status");
	return TEST_SUCCESS;
}

static int
test_packed(void)
{
	if (dw_run(V1 | PACKED, 2) < 0)
		return TEST_FAILED;
	TEST_ASSERT_EQUAL(num_of(dw_last(VU_SET_VRING_BASE, 1)), 0x80008000, "base");
	TEST_ASSERT((u64_of(dw_last(VU_SET_FEATURES, -1)) & PACKED) != 0, "features");
	return TEST_SUCCESS;
}

/* GET_REGION_IO_FDS; returns how many, their offsets and which fd of the reply. */
static int
get_io_fds(struct vfu_sub_region *subs)
{
	struct vfu_region_io_fds info = { .argsz = 4000, .index = VIRTIO_PCI_BAR };

	if (dw_ask(VFU_DEVICE_GET_REGION_IO_FDS, &info, sizeof(info), NULL, 0) != 0)
		return -1;
	memcpy(&info, dw.reply, sizeof(info));
	memcpy(subs, dw.reply + sizeof(info), info.count * sizeof(*subs));
	return info.count;
}

/* The offset of a queue's doorbell in the BAR, as a driver finds it. */
static uint64_t
doorbell_of(unsigned int queue)
{
	dw_set_common(VIRTIO_PCI_COMMON_Q_SELECT, 2, queue);
	return dw.dev->pci.at.notify + dw_common(VIRTIO_PCI_COMMON_Q_NOFF, 2) * 4;
}

static int
check_message_doorbells(unsigned int queues)
{
	uint16_t index;

	for (index = 0; index < queues; index++) {
		TEST_ASSERT_SUCCESS(dw_write(VIRTIO_PCI_BAR, doorbell_of(index), &index,
			sizeof(index)), "message");
		TEST_ASSERT(has_event(dw.backend.kick[index]) &&
			!has_event(dw.backend.kick[!index]), "doorbell %u", index);
	}
	return TEST_SUCCESS;
}

static int
test_doorbell_eventfds(void)
{
	struct vfu_sub_region subs[2 * DW_PAIRS + 1];
	int count, i;

	if (dw_run(V1 | MQ, 2 * DW_PAIRS) < 0)
		return TEST_FAILED;
	count = get_io_fds(subs);
	TEST_ASSERT_EQUAL(count, 2 * DW_PAIRS + 1, "%d doorbells", count);
	for (i = 0; i < 2 * DW_PAIRS; i++) {
		TEST_ASSERT(ring(dw.reply_fds[subs[i].fd_index]) &&
			has_event(dw.backend.kick[i]), "doorbell %d", i);
	}
	for (i = 0; i <= 2 * DW_PAIRS; i++)
		TEST_ASSERT_EQUAL(subs[i].offset, doorbell_of(i), "offset of %d", i);
	return check_message_doorbells(2);
}

static int
test_doorbell_messages(void)
{
	struct vfu_sub_region subs[2 * DW_PAIRS + 1];

	dw_prepare();
	dw.conf.doorbell = DEVICE_DOORBELL_MESSAGE;
	TEST_ASSERT_SUCCESS(dw_create(true), "no device");
	if (dw_run(V1, 2) < 0)
		return TEST_FAILED;
	TEST_ASSERT_EQUAL(get_io_fds(subs), 0, "eventfds");
	return check_message_doorbells(2);
}

static int
test_doorbell_page(void)
{
	struct vfio_region_info info = { .argsz = 256, .index = VIRTIO_PCI_BAR };
	struct vfu_sub_region subs[2 * DW_PAIRS + 1];
	struct vfio_region_sparse_mmap_area area;
	uint16_t *page;

	dw_prepare();
	dw.conf.doorbell = DEVICE_DOORBELL_PAGE;
	TEST_ASSERT_SUCCESS(dw_create(true), "no device");
	if (dw_run(V1 | CTRL, 2) < 0)
		return TEST_FAILED;
	TEST_ASSERT(dw.backend.kick[0] < 0 && dw.backend.kick[1] < 0 &&
		u64_of(dw_last(VU_SET_VRING_KICK, 0)) == VU_VRING_NO_FD,
		"the backend is to wait for a kick");
	TEST_ASSERT_EQUAL(get_io_fds(subs), 1, "other eventfds than the control queue's");
	TEST_ASSERT(subs[0].offset == doorbell_of(2) &&
		subs[0].offset >= dw.dev->pci.at.notify + dw.dev->pci.at.page,
		"the control queue's doorbell is on the page");
	TEST_ASSERT_SUCCESS(dw_ask(VFU_DEVICE_GET_REGION_INFO, &info, sizeof(info), NULL,
		0), "region");
	TEST_ASSERT_EQUAL(dw.nr_reply_fds, 1u, "%u fds", dw.nr_reply_fds);
	memcpy(&info, dw.reply, sizeof(info));
	memcpy(&area, dw.reply + info.cap_offset + 16, sizeof(area));
	TEST_ASSERT(area.offset == dw.dev->pci.at.notify &&
		area.size == dw.dev->pci.at.page, "area");
	page = mmap(NULL, area.size, PROT_READ | PROT_WRITE, MAP_SHARED, dw.reply_fds[0],
		info.offset + area.offset);
	TEST_ASSERT(page != MAP_FAILED, "not mapped");
	page[0] = 1;
	munmap(page, area.size);
	TEST_ASSERT(ftruncate(dw.reply_fds[0], 1 << 30) < 0, "the client makes it grow");
	return TEST_SUCCESS;
}

/* One command to the control queue, whose ring is written anew. Returns the answer. */
static uint8_t
command(unsigned int queue, uint8_t class, uint8_t cmd, const void *data, uint32_t len)
{
	uint8_t *desc = dw.mem + (DW_RING(queue, 0) - DW_IOVA);
	const struct vring_desc chain[] = {
		{ DW_IOVA + 0x100000, 2, VRING_DESC_F_NEXT, 1 },
		{ DW_IOVA + 0x100100, len, VRING_DESC_F_NEXT, 2 },
		{ DW_IOVA + 0x100200, 1, VRING_DESC_F_WRITE, 0 },
	};
	uint16_t idx, zero = 0;

	memcpy(desc, chain, sizeof(chain));
	dw.mem[0x100000] = class;
	dw.mem[0x100001] = cmd;
	memcpy(dw.mem + 0x100100, data, len);
	dw.mem[0x100200] = 0xee;
	memcpy(&idx, dw.mem + (DW_RING(queue, 1) - DW_IOVA) + 2, sizeof(idx));
	memcpy(dw.mem + (DW_RING(queue, 1) - DW_IOVA) + 4 + 2 * (idx % DW_RING_SIZE),
		&zero, sizeof(zero));
	dw_set_avail(queue, idx + 1);
	return dw.mem[0x100200];
}

static int
test_ctrl_queue(void)
{
	struct vfu_sub_region subs[2 * DW_PAIRS + 1];
	const uint8_t on = 1;
	uint16_t index = 2;
	int fd;

	if (dw_run(V1 | CTRL | DW_BIT(VIRTIO_NET_F_CTRL_RX), 2) < 0)
		return TEST_FAILED;
	command(2, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, &on, 1);
	TEST_ASSERT_SUCCESS(dw_write(VIRTIO_PCI_BAR, doorbell_of(2), &index,
		sizeof(index)), "message");
	TEST_ASSERT(dw.mem[0x100200] == VIRTIO_NET_OK && dw.dev->ctrl.promiscuous,
		"not done by a message");
	TEST_ASSERT_EQUAL(dw_interrupts(DW_VECTOR(2)), 1u, "no interrupt");
	TEST_ASSERT(get_io_fds(subs) > 0, "no doorbells");
	fd = dw.reply_fds[subs[2 * DW_PAIRS].fd_index];
	command(2, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLMULTI, &on, 1);
	TEST_ASSERT(ring(fd), "eventfd");
	DW_UNTIL(dw.mem[0x100200] == VIRTIO_NET_OK);
	/* the counter is never read: a second kick counts all the same */
	command(2, VIRTIO_NET_CTRL_RX, 99, &on, 1);
	TEST_ASSERT(ring(fd), "eventfd");
	DW_UNTIL(dw.mem[0x100200] == VIRTIO_NET_ERR);
	/* one that is nonsense */
	dw_set_avail(2, 0x4000);
	TEST_ASSERT(ring(fd), "eventfd");
	DW_UNTIL(dw.dev->run == DEVICE_STOPPED);
	TEST_ASSERT_EQUAL(dw_status(), 15 | NEEDS_RESET, "status");
	TEST_ASSERT_EQUAL(dw_interrupts(DW_CONFIG_VECTOR), 1u, "it is not told");
	return TEST_SUCCESS;
}

static int
test_pairs(void)
{
	uint16_t pairs = 2;
	unsigned int i;

	if (dw_run(V1 | MQ, 2 * DW_PAIRS) < 0)
		return TEST_FAILED;
	for (i = 0; i < 2 * DW_PAIRS; i++)
		TEST_ASSERT_EQUAL(num_of(dw_last(VU_SET_VRING_ENABLE, i)), i < 2,
			"ring %u at the start", i);
	for (; pairs > 0; pairs--) {
		dw_backend_forget();
		dw.backend.deaf = true;
		command(2 * DW_PAIRS, VIRTIO_NET_CTRL_MQ,
			VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, &pairs, sizeof(pairs));
		dw_write(VIRTIO_PCI_BAR, doorbell_of(2 * DW_PAIRS), &pairs, 2);
		dw_settle();
		TEST_ASSERT_EQUAL(dw.mem[0x100200], 0xee, "the backend knows nothing yet");
		TEST_ASSERT_EQUAL(dw_interrupts(DW_VECTOR(2 * DW_PAIRS)), 0u, "interrupt");
		dw.backend.deaf = false;
		DW_UNTIL(dw.mem[0x100200] == VIRTIO_NET_OK);
		TEST_ASSERT_EQUAL(dw_interrupts(DW_VECTOR(2 * DW_PAIRS)), 1u, "no interrupt");
		TEST_ASSERT_EQUAL(dw_backend_saw(VU_SET_VRING_ENABLE), 2u,
			"%u messages", dw_backend_saw(VU_SET_VRING_ENABLE));
		for (i = 2; i < 4; i++)
			TEST_ASSERT_EQUAL(num_of(dw_last(VU_SET_VRING_ENABLE, i)),
				pairs == 2, "ring %u for %u pairs", i, pairs);
	}
	/* without MQ the third is the control queue */
	TEST_ASSERT_SUCCESS(dw_drive(V1 | CTRL, 2), "driver");
	dw_set_common(VIRTIO_PCI_COMMON_Q_SELECT, 2, 3);
	TEST_ASSERT_EQUAL(dw_common(VIRTIO_PCI_COMMON_Q_SIZE, 2), 0u, "a fourth queue");
	return TEST_SUCCESS;
}

static int
set_irq(uint32_t index, uint32_t start, int fd)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set) + sizeof(int),
		.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = index,
		.start = start,
		.count = 1,
	};

	return dw_ask(VFU_DEVICE_SET_IRQS, &set, sizeof(set), &fd, fd < 0 ? 0 : 1);
}

static int
test_interrupts(void)
{
	if (dw_run(V1, 2) < 0)
		return TEST_FAILED;
	TEST_ASSERT_EQUAL(set_irq(VFIO_PCI_MSIX_IRQ_INDEX, 1, dw.memory), EINVAL,
		"a file is taken for an eventfd");
	/* ring 0 gets the eventfd of another vector */
	dw_backend_forget();
	TEST_ASSERT_SUCCESS(set_irq(VFIO_PCI_MSIX_IRQ_INDEX, DW_VECTOR(0), dw.irq[5]),
		"SET_IRQS");
	dw_settle();
	TEST_ASSERT_EQUAL(dw_backend_saw(VU_SET_VRING_CALL), 1u, "the backend is not told");
	/* what may have been missed meanwhile */
	TEST_ASSERT(dw_interrupts(5) >= 1, "no interrupt");
	TEST_ASSERT(ring(dw.backend.call[0]) && dw_interrupts(5) == 1, "another eventfd");
	/* and then another vector */
	dw_set_common(VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
	dw_set_common(VIRTIO_PCI_COMMON_Q_MSIX, 2, 3);
	dw_settle();
	TEST_ASSERT(dw_interrupts(3) >= 1, "no interrupt");
	TEST_ASSERT(ring(dw.backend.call[0]) && dw_interrupts(3) == 1, "another vector");
	TEST_ASSERT_SUCCESS(set_irq(VFIO_PCI_MSIX_IRQ_INDEX, 3, -1), "taken away");
	dw_settle();
	TEST_ASSERT(dw.backend.call[0] < 0, "the backend still has it");
	TEST_ASSERT(dw.backend.call[1] >= 0, "the other one is gone, too");
	return TEST_SUCCESS;
}

static int
test_removal(void)
{
	TEST_ASSERT_EQUAL(device_request_removal(dw.dev), -ENOTSUP, "nobody listens");
	TEST_ASSERT_SUCCESS(set_irq(VFIO_PCI_REQ_IRQ_INDEX, 0, dw.irq[0]), "REQ");
	TEST_ASSERT_SUCCESS(device_request_removal(dw.dev), "removal");
	TEST_ASSERT_EQUAL(dw_interrupts(0), 1u, "it is not asked");
	dw_disconnect();
	TEST_ASSERT_EQUAL(device_request_removal(dw.dev), -ENOTCONN, "nobody is there");
	return TEST_SUCCESS;
}

/* An eventfd whose counter is full and that waits: others go on. */
static int
test_blocking_eventfds(void)
{
	const uint64_t most = UINT64_MAX - 1;
	struct vfu_sub_region subs[2 * DW_PAIRS + 1];
	uint16_t index = 0;
	int fd;

	if (dw_run(V1, 2) < 0)
		return TEST_FAILED;
	TEST_ASSERT(get_io_fds(subs) > 0, "no doorbells");
	fd = dw.reply_fds[subs[0].fd_index];
	TEST_ASSERT(fcntl(fd, F_SETFL, 0) == 0 && write(fd, &most, 8) == 8, "eventfd");
	TEST_ASSERT_SUCCESS(dw_write(VIRTIO_PCI_BAR, doorbell_of(0), &index, 2), "message");
	TEST_ASSERT(fcntl(dw.irq[0], F_SETFL, 0) == 0 && write(dw.irq[0], &most, 8) == 8,
		"eventfd");
	device_needs_reset(dw.dev, "a test");
	TEST_ASSERT_EQUAL(dw_status(), 15 | NEEDS_RESET, "it waits");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: device",
	.unit_test_cases = {
		TEST_CASE_ST(dw_start, dw_stop, test_start),
		TEST_CASE_ST(dw_start, dw_stop, test_packed),
		TEST_CASE_ST(dw_start, dw_stop, test_doorbell_eventfds),
		TEST_CASE_ST(NULL, dw_stop, test_doorbell_messages),
		TEST_CASE_ST(NULL, dw_stop, test_doorbell_page),
		TEST_CASE_ST(dw_start, dw_stop, test_ctrl_queue),
		TEST_CASE_ST(dw_start, dw_stop, test_pairs),
		TEST_CASE_ST(dw_start, dw_stop, test_interrupts),
		TEST_CASE_ST(dw_start, dw_stop, test_removal),
		TEST_CASE_ST(dw_start, dw_stop, test_blocking_eventfds),
		TEST_CASE(stage_no_leaks),
		TEST_CASES_END()
	},
};

static int
test_device(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(device_autotest, test_device);
