/* SPDX-License-Identifier: BSD-3-Clause */

/* What of a device waits for the backend: resets, and the client's memory. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "device_world.h"
#include "eventfds.h"
#include "open_fds.h"
#include "vfu_proto.h"

#define V1 DW_BIT(VIRTIO_F_VERSION_1)
#define NEEDS_RESET VIRTIO_CONFIG_S_NEEDS_RESET

/* Regions of the last memory table. */
static uint32_t
nr_regions(void)
{
	const struct backend_seen *seen = dw_last(VU_SET_MEM_TABLE, -1);
	uint32_t count = 0;

	if (seen != NULL)
		memcpy(&count, seen->payload, sizeof(count));
	return count;
}

/* The reply to a reset waits until the backend has stopped. */
static int
test_reset(void)
{
	const uint8_t zero = 0;

	if (dw_run(V1, 2) < 0)
		return TEST_FAILED;
	dw_backend_forget();
	dw.backend.deaf = true;
	dw_write_send(VIRTIO_PCI_BAR, VIRTIO_PCI_COMMON_STATUS, &zero, 1);
	dw_settle();
	TEST_ASSERT_EQUAL(dw_recv(), 0, "answered before the backend has stopped");
	TEST_ASSERT_EQUAL(dw.dev->regs.status, 15, "the status says that it is over");
	dw.backend.deaf = false;
	DW_UNTIL(dw_recv() == 1);
	TEST_ASSERT(dw.reply_error == 0 && dw_status() == 0, "not reset");
	TEST_ASSERT_EQUAL(dw_backend_saw(VU_GET_VRING_BASE), 2u, "not stopped");
	TEST_ASSERT_EQUAL(dw.dev->queues[0].enabled, false, "a queue is left");
	/* and again, with eventfds and memory as they are */
	if (dw_run(V1, 2) < 0)
		return TEST_FAILED;
	TEST_ASSERT(eventfd_raise(dw.backend.call[1]) == 0 &&
		dw_interrupts(DW_VECTOR(1)) == 1, "the interrupt after a reset");
	TEST_ASSERT_SUCCESS(dw_ask(VFU_DEVICE_RESET, NULL, 0, NULL, 0), "DEVICE_RESET");
	TEST_ASSERT(dw_status() == 0 && dw.dev->run == DEVICE_STOPPED, "not reset");
	return TEST_SUCCESS;
}

/* A file that could keep the mediator waiting gets an error, once with the remedy. */
static int
test_no_memory(void)
{
	unsigned int before = count_open_fds();
	int fd;

	fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	TEST_ASSERT(fd >= 0, "no file");
	TEST_ASSERT_EQUAL(dw_map(DW_IOVA, 0x1000, 0, fd), EACCES, "not writable");
	close(fd);
	fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
	TEST_ASSERT_EQUAL(dw_map(DW_IOVA, 0x1000, 0, fd), ENOTSUP, "not memory");
	close(fd);
	TEST_ASSERT_EQUAL(count_open_fds(), before, "kept");
	return dw_run(V1, 2);
}

/* The client is told of the backend's limit before it has anything to lose. */
static int
test_limit(void)
{
	const char *json = (const char *)dw.reply + sizeof(struct vfu_version);

	TEST_ASSERT(strstr(json, "\"max_dma_regions\":8}") != NULL, "%s", json);
	return TEST_SUCCESS;
}

/* A reset or an unmap that comes before the start is over waits for both. */
static int
test_while_starting(void)
{
	const uint8_t zero = 0;
	int i;

	for (i = 0; i < 2; i++) {
		TEST_ASSERT_SUCCESS(dw_drive(V1, 2), "driver");
		TEST_ASSERT_SUCCESS(dw_map(0x200000000, 0x1000, 0, dw.memory), "map");
		dw_backend_forget();
		dw.backend.deaf = true;
		TEST_ASSERT_SUCCESS(dw_set_status(15), "DRIVER_OK is waited for");
		TEST_ASSERT_EQUAL(dw.dev->run, DEVICE_STARTING, "not starting");
		if (i == 0)
			dw_unmap_send(0x200000000, 0x1000);
		else
			dw_write_send(VIRTIO_PCI_BAR, VIRTIO_PCI_COMMON_STATUS, &zero, 1);
		dw_settle();
		TEST_ASSERT_EQUAL(dw_recv(), 0, "%d: it does not wait", i);
		dw.backend.deaf = false;
		DW_UNTIL(dw_recv() == 1);
		TEST_ASSERT_EQUAL(dw_backend_saw(VU_SET_MEM_TABLE), 2u - i, "tables");
		TEST_ASSERT_EQUAL(dw_backend_saw(VU_GET_VRING_BASE), 2u * i, "stops");
		TEST_ASSERT_EQUAL(dw_status(), i == 0 ? 15 : 0, "status");
	}
	return TEST_SUCCESS;
}

/* The next client finds a device in reset until the backend has let go of the last. */
static int
test_client_gone(void)
{
	if (dw_run(V1, 2) < 0)
		return TEST_FAILED;
	dw.backend.deaf = true;
	dw_disconnect();
	TEST_ASSERT_EQUAL(dw.dev->run, DEVICE_STOPPING, "not being stopped");
	TEST_ASSERT_SUCCESS(dw_connect(), "the next client");
	TEST_ASSERT(dw_status() != 0, "the reset is over");
	TEST_ASSERT_SUCCESS(dw_map(DW_IOVA, DW_SIZE, 0, dw.memory), "map");
	dw_set_status(11);
	TEST_ASSERT_EQUAL(dw.dev->regs.status, 15, "it listens");
	dw.backend.deaf = false;
	DW_UNTIL(dw.dev->run == DEVICE_STOPPED);
	TEST_ASSERT_EQUAL(dw_status(), 0, "the reset is not over");
	dw_unmap(DW_IOVA, DW_SIZE);
	return dw_run(V1, 2);
}

/* The reply to a change of memory waits until the backend has it. */
static int
test_memory(void)
{
	if (dw_run(V1, 2) < 0)
		return TEST_FAILED;
	dw_backend_forget();
	TEST_ASSERT_SUCCESS(dw_map(0x200000000, 0x1000, 0x1000, dw.memory), "map");
	TEST_ASSERT_EQUAL(dw_backend_saw(VU_SET_MEM_TABLE), 1u, "not told of the map");
	TEST_ASSERT_EQUAL(nr_regions(), 2u, "regions");
	dw.backend.deaf = true;
	dw_unmap_send(0x200000000, 0x1000);
	dw_settle();
	TEST_ASSERT_EQUAL(dw_recv(), 0, "unmapped, and the backend does not know");
	dw.backend.deaf = false;
	DW_UNTIL(dw_recv() == 1);
	TEST_ASSERT_EQUAL(nr_regions(), 1u, "regions");
	TEST_ASSERT_EQUAL(dw_unmap(0x200000000, 0x1000), ENOENT, "unmapped twice");
	TEST_ASSERT_EQUAL(dw_map(DW_IOVA + 0x1000, 0x1000, 0, dw.memory), EEXIST, "overlap");
	dw_backend_forget();
	TEST_ASSERT_SUCCESS(dw_map(0x300000000, 0x1000, 0, -1), "what has no fd");
	TEST_ASSERT_EQUAL(dw_backend_saw(VU_SET_MEM_TABLE), 0u, "told of what has no fd");
	TEST_ASSERT_EQUAL(dw_status(), 15, "status");
	return TEST_SUCCESS;
}

/* The client takes back a ring in use: the backend stops first. */
static int
test_unmap_ring(void)
{
	if (dw_run(V1, 2) < 0)
		return TEST_FAILED;
	dw.backend.deaf = true;
	dw_unmap_send(DW_IOVA, DW_SIZE);
	dw_settle();
	TEST_ASSERT_EQUAL(dw_recv(), 0, "the backend still has it");
	dw.backend.deaf = false;
	DW_UNTIL(dw_recv() == 1);
	dw_settle();
	TEST_ASSERT(dw.reply_error == 0 && dw.dev->run == DEVICE_STOPPED, "not stopped");
	TEST_ASSERT_EQUAL(dw_status(), 15 | NEEDS_RESET, "status");
	TEST_ASSERT_EQUAL(dw_interrupts(DW_CONFIG_VECTOR), 1u, "it is not told");
	TEST_ASSERT_SUCCESS(dw_map(DW_IOVA, DW_SIZE, 0, dw.memory), "map");
	return dw_run(V1, 2);
}

/* Every second page of the file, so that no two are neighbours. */
static int
map_pieces(unsigned int from, unsigned int to)
{
	int ret = 0;

	for (; from < to && ret == 0; from++)
		ret = dw_map(0x200000000 + 0x2000 * from, 0x1000, 0x2000 * from,
			dw.memory);
	return ret;
}

static int
test_too_many_regions(void)
{
	/* before the start there may be any number */
	TEST_ASSERT_SUCCESS(dw_drive(V1, 2), "driver");
	TEST_ASSERT_SUCCESS(map_pieces(0, 8), "map");
	TEST_ASSERT_EQUAL(dw_set_status(15), ENOSPC, "started with 9 regions");
	TEST_ASSERT_EQUAL(dw_status(), 11, "status");
	TEST_ASSERT_SUCCESS(dw_unmap(0x200000000, 0x1000), "unmap");
	TEST_ASSERT_SUCCESS(dw_set_status(15), "not started with 8");
	DW_UNTIL(dw.dev->run == DEVICE_STARTED);
	TEST_ASSERT_EQUAL(map_pieces(0, 1), ENOSPC, "a ninth while it runs");
	TEST_ASSERT_SUCCESS(dw_map(0x200000000 + 0x3000, 0x1000, 0x3000, dw.memory),
		"one between two others");
	TEST_ASSERT_SUCCESS(map_pieces(0, 1), "an eighth");
	TEST_ASSERT_EQUAL(dw_unmap(0x200000000 + 0x3000, 0x1000), ENOSPC,
		"an unmap that makes nine of eight");
	TEST_ASSERT_EQUAL(dw_status(), 15, "it does not run any more");
	return TEST_SUCCESS;
}

/* Rings that are not in memory that the device was given. */
static int
test_stray_rings(void)
{
	static const uint64_t addresses[] = {
		DW_IOVA - 0x1000, DW_IOVA + DW_SIZE, DW_IOVA + DW_SIZE - 0x200,
		0, 0x7ffffffff000, UINT64_MAX - 0x1fff,
	};
	unsigned int i, part;

	for (i = 0; i < RTE_DIM(addresses) * 3; i++) {
		part = i % 3;
		TEST_ASSERT_SUCCESS(dw_drive(V1, 1), "driver");
		dw_set_common(VIRTIO_PCI_COMMON_Q_SELECT, 2, 1);
		dw_set_common(VIRTIO_PCI_COMMON_Q_SIZE, 2, 256);
		dw_set_common(VIRTIO_PCI_COMMON_Q_DESCLO, 8, DW_RING(1, 0));
		dw_set_common(VIRTIO_PCI_COMMON_Q_AVAILLO, 8, DW_RING(1, 1));
		dw_set_common(VIRTIO_PCI_COMMON_Q_USEDLO, 8, DW_RING(1, 2));
		dw_set_common(VIRTIO_PCI_COMMON_Q_DESCLO + 8 * part, 8, addresses[i / 3]);
		dw_set_common(VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
		dw_set_status(15);
		dw_settle();
		TEST_ASSERT_EQUAL(dw.dev->run, DEVICE_STOPPED, "case %u started", i);
		TEST_ASSERT_EQUAL(dw_status(), 15 | NEEDS_RESET, "case %u: 0x%x", i,
			dw_status());
	}
	TEST_ASSERT_NULL(dw_last(VU_SET_VRING_ADDR, -1), "the backend heard of it");
	return TEST_SUCCESS;
}

/*
 * The backend hears of the memory when the client turns to the registers and when the
 * features are agreed on, and nobody waits for it: neither a reset, nor a map, nor the
 * start.
 */
static int
test_prepare(void)
{
	TEST_ASSERT_EQUAL(dw_status(), 0, "no memory");
	dw_settle();
	TEST_ASSERT_NULL(dw_last(VU_SET_MEM_TABLE, -1), "told of no memory");
	TEST_ASSERT_SUCCESS(dw_map(DW_IOVA, DW_SIZE, 0, dw.memory), "map");
	TEST_ASSERT_NULL(dw_last(VU_SET_MEM_TABLE, -1), "told of each map");
	TEST_ASSERT(dw_status() == 0 && dw_status() == 0, "status");
	dw_settle();
	TEST_ASSERT_EQUAL(dw_backend_saw(VU_SET_MEM_TABLE), 1u, "not told, or twice");
	dw_set_status(1);
	dw_backend_forget();
	TEST_ASSERT_SUCCESS(dw_map(0x200000000, 0x1000, 0, dw.memory), "map");
	dw_set_status(3);
	TEST_ASSERT_NULL(dw_last(VU_SET_MEM_TABLE, -1), "told before a driver has come");
	TEST_ASSERT_SUCCESS(dw_drive(V1, 2), "driver");
	TEST_ASSERT_EQUAL(nr_regions(), 2u, "%u regions", nr_regions());
	TEST_ASSERT_EQUAL(dw_backend_saw(VU_SET_FEATURES), 0u, "started");
	TEST_ASSERT_SUCCESS(dw_unmap(0x200000000, 0x1000), "unmap");
	dw.backend.deaf = true;
	TEST_ASSERT_SUCCESS(dw_drive(V1, 2), "reset");
	TEST_ASSERT_EQUAL(dw.dev->run, DEVICE_PREPARING, "run %u", dw.dev->run);
	TEST_ASSERT_SUCCESS(dw_drive(V1, 2), "a reset waits");
	TEST_ASSERT_SUCCESS(dw_map(0x200000000, 0x1000, 0, dw.memory), "a map waits");
	TEST_ASSERT_SUCCESS(dw_set_status(15), "DRIVER_OK waits");
	dw.backend.deaf = false;
	DW_UNTIL(dw.dev->run == DEVICE_STARTED);
	TEST_ASSERT_EQUAL(nr_regions(), 2u, "%u regions", nr_regions());
	TEST_ASSERT(dw_status() == 15 && !dw.backend.mistaken, "status");
	TEST_ASSERT_EQUAL(dw_backend_saw(VU_SET_FEATURES), 1u, "starts");
	/* at first, and once more for all that came while it was told */
	TEST_ASSERT_SUCCESS(dw_set_status(0), "reset");
	TEST_ASSERT_SUCCESS(dw_map(0x500000000, 0x1000, 0, dw.memory), "map");
	dw_backend_forget();
	dw.backend.deaf = true;
	TEST_ASSERT_SUCCESS(dw_drive(V1, 2), "driver");
	TEST_ASSERT_SUCCESS(dw_map(0x300000000, 0x1000, 0, dw.memory), "map");
	TEST_ASSERT_SUCCESS(dw_map(0x400000000, 0x1000, 0, dw.memory), "map");
	dw.backend.deaf = false;
	dw_settle();
	TEST_ASSERT_EQUAL(dw_backend_saw(VU_SET_MEM_TABLE), 2u, "told %u times",
		dw_backend_saw(VU_SET_MEM_TABLE));
	dw_backend_forget();
	TEST_ASSERT_SUCCESS(map_pieces(1, 9), "map");
	TEST_ASSERT_SUCCESS(dw_drive(V1, 2), "driver");
	dw_settle();
	TEST_ASSERT_EQUAL(dw_backend_saw(VU_SET_MEM_TABLE), 0u, "told of too much");
	return TEST_SUCCESS;
}

/* A backend that is lost, or a client that goes, before that is over. */
static int
test_prepare_lost(void)
{
	TEST_ASSERT_SUCCESS(dw_map(DW_IOVA, DW_SIZE, 0, dw.memory), "map");
	dw.backend.deaf = true;
	TEST_ASSERT_SUCCESS(dw_drive(V1, 2), "driver");
	TEST_ASSERT_EQUAL(dw.dev->run, DEVICE_PREPARING, "run %u", dw.dev->run);
	backend_hang_up(&dw.backend);
	dw.backend.deaf = false;
	TEST_ASSERT_SUCCESS(dw_set_status(15), "DRIVER_OK");
	DW_UNTIL(dw.dev->run == DEVICE_STARTED);
	TEST_ASSERT(dw.dev->losses == 0 && dw_status() == 15, "counted as a loss");
	TEST_ASSERT_SUCCESS(dw_set_status(0), "reset");
	TEST_ASSERT_SUCCESS(dw_map(0x200000000, 0x1000, 0, dw.memory), "map");
	dw.backend.deaf = true;
	TEST_ASSERT_SUCCESS(dw_drive(V1, 2), "driver");
	TEST_ASSERT_EQUAL(dw.dev->run, DEVICE_PREPARING, "run %u", dw.dev->run);
	dw_disconnect();
	TEST_ASSERT_SUCCESS(dw_connect(), "the next client");
	TEST_ASSERT_EQUAL(dw_status(), 0, "it finds the last one's device");
	dw.backend.deaf = false;
	TEST_ASSERT_SUCCESS(dw_run(V1, 2), "not started");
	/* a client that is gone has its memory back */
	dw_disconnect();
	TEST_ASSERT_EQUAL(nr_regions(), 0u, "the backend keeps %u regions", nr_regions());
	TEST_ASSERT(dw.dev->run == DEVICE_STOPPED && !dw.backend.mistaken, "not stopped");
	return TEST_SUCCESS;
}

/* Whether an unmap is answered only when the backend hears of it. */
static int
unmap_waits(uint64_t iova, uint64_t size)
{
	dw.backend.deaf = true;
	dw_unmap_send(iova, size);
	dw_settle();
	TEST_ASSERT_EQUAL(dw_recv(), 0, "unmapped, and the backend does not know");
	dw.backend.deaf = false;
	DW_UNTIL(dw_recv() == 1);
	TEST_ASSERT_EQUAL(dw.reply_error, 0u, "error %u", dw.reply_error);
	return TEST_SUCCESS;
}

/* A backend that is stopped maps memory all the same: it gives it back first, and once. */
static int
test_unmap_stopped(void)
{
	const uint64_t other = 0x200000000;
	unsigned int i;

	TEST_ASSERT_SUCCESS(dw_drive(V1, 2), "driver");
	for (i = 0; i < 3; i++)
		TEST_ASSERT_SUCCESS(dw_map(other + 0x2000 * i, 0x1000, 0x2000 * i,
			dw.memory), "map");
	TEST_ASSERT_SUCCESS(dw_run(V1, 2), "not started");
	TEST_ASSERT_SUCCESS(dw_set_status(0), "reset");
	TEST_ASSERT_EQUAL(dw.dev->run, DEVICE_STOPPED, "not stopped");
	if (unmap_waits(other, 0x1000) < 0)
		return TEST_FAILED;
	TEST_ASSERT_EQUAL(nr_regions(), 0u, "it still has %u regions", nr_regions());
	dw.backend.deaf = true;
	TEST_ASSERT_SUCCESS(dw_unmap(other + 0x2000, 0x1000), "it has nothing any more");
	/* while it is being told of it */
	TEST_ASSERT_SUCCESS(dw_drive(V1, 2), "driver");
	TEST_ASSERT_EQUAL(dw.dev->run, DEVICE_PREPARING, "run %u", dw.dev->run);
	if (unmap_waits(other + 0x4000, 0x1000) < 0)
		return TEST_FAILED;
	TEST_ASSERT_EQUAL(nr_regions(), 0u, "it still has %u regions", nr_regions());
	TEST_ASSERT_SUCCESS(dw_run(V1, 2), "not started");
	/* one that stops because of the unmap itself */
	if (unmap_waits(DW_IOVA, DW_SIZE) < 0)
		return TEST_FAILED;
	TEST_ASSERT(dw.dev->run == DEVICE_STOPPED && nr_regions() == 0,
		"it still has %u regions", nr_regions());
	return TEST_SUCCESS;
}

/* A backend that has not answered when the client may wait no longer is given up. */
static int
test_patience(void)
{
	struct timespec now;
	uint64_t ms;

	if (dw_run(V1, 2) < 0)
		return TEST_FAILED;
	TEST_ASSERT(!loop_timer_runs(&dw.dev->patience), "nobody waits");
	TEST_ASSERT_SUCCESS(dw_map(0x200000000, 0x1000, 0, dw.memory), "map");
	dw.backend.deaf = true;
	dw_unmap_send(0x200000000, 0x1000);
	dw_settle();
	TEST_ASSERT_EQUAL(dw_recv(), 0, "it does not wait");
	TEST_ASSERT(loop_timer_runs(&dw.dev->patience), "it may wait for ever");
	clock_gettime(CLOCK_MONOTONIC, &now);
	ms = now.tv_sec * UINT64_C(1000) + now.tv_nsec / 1000000;
	/* QEMU's vfio-user client waits 5 s */
	TEST_ASSERT(dw.dev->patience.at <= ms + 4500, "it may wait too long");
	loop_timer_set(&dw.dev->patience, 1);
	DW_UNTIL(dw_recv() == 1);
	TEST_ASSERT(dw.reply_error == 0 && !vhost_user_is_up(dw.dev->vu),
		"the backend still has it");
	TEST_ASSERT(!loop_timer_runs(&dw.dev->patience), "nobody waits");
	dw.backend.deaf = false;
	DW_UNTIL(dw.dev->run == DEVICE_STARTED);
	TEST_ASSERT_EQUAL(dw_status(), 15, "status");
	return TEST_SUCCESS;
}

/*
 * Others than DPDK's may not take an empty table, nor one in which they miss their last
 * rings, and close the connection for it. They let go of memory when it ends: once, and
 * only of what they have.
 */
static int
test_no_status(void)
{
	dw.backend.protocol &= ~(UINT64_C(1) << VU_PROTOCOL_F_STATUS);
	dw.backend.keeps_rings = true;
	backend_hang_up(&dw.backend);
	TEST_ASSERT_SUCCESS(dw_run(V1, 2), "not started");
	TEST_ASSERT(nr_regions() > 0 && !vu_agreed(dw.dev->vu, VU_PROTOCOL_F_STATUS),
		"not another backend");
	dw.backend.connections = 0;
	TEST_ASSERT_SUCCESS(dw_map(0x200000000, 0x1000, 0, dw.memory), "map");
	TEST_ASSERT_SUCCESS(dw_set_status(0), "reset");
	TEST_ASSERT_SUCCESS(dw_map(0x300000000, 0x1000, 0, dw.memory), "map");
	TEST_ASSERT_SUCCESS(dw_unmap(0x300000000, 0x1000), "it has none of it");
	TEST_ASSERT(vhost_user_is_up(dw.dev->vu) && dw.backend.connections == 0,
		"disturbed without need");
	dw.backend.deaf = true;
	TEST_ASSERT_SUCCESS(dw_unmap(0x200000000, 0x1000), "unmap");
	TEST_ASSERT(!vhost_user_has_memory(dw.dev->vu), "unmapped, and it has the memory");
	dw.backend.deaf = false;
	TEST_ASSERT_SUCCESS(dw_unmap(DW_IOVA, DW_SIZE), "unmap");
	DW_UNTIL(vhost_user_is_up(dw.dev->vu));
	dw_settle();
	TEST_ASSERT_EQUAL(dw.backend.connections, 1u, "%u connections",
		dw.backend.connections);
	TEST_ASSERT_SUCCESS(dw_map(DW_IOVA, DW_SIZE, 0, dw.memory), "map");
	TEST_ASSERT_SUCCESS(dw_run(V1, 2), "not started");
	/* a ring that is taken away while it runs */
	TEST_ASSERT_SUCCESS(dw_unmap(DW_IOVA, DW_SIZE), "unmap");
	dw_settle();
	TEST_ASSERT(dw.backend.memory.nregions == 0 && dw.dev->losses == 0,
		"it keeps its memory, or counts as lost");
	TEST_ASSERT_SUCCESS(dw_map(DW_IOVA, DW_SIZE, 0, dw.memory), "map");
	TEST_ASSERT_SUCCESS(dw_run(V1, 2), "not started");
	dw_disconnect();
	DW_UNTIL(dw.backend.connections == 3 && vhost_user_is_up(dw.dev->vu));
	dw_settle();
	TEST_ASSERT(dw.backend.memory.nregions == 0 && dw.dev->run == DEVICE_STOPPED &&
		!dw.backend.mistaken, "it keeps the memory of a client that is gone");
	TEST_ASSERT_SUCCESS(dw_connect(), "the next client");
	return dw_run(V1, 2);
}

/* What was only added before the backend is stopped is no reason to disturb it. */
static int
test_map_then_stop(void)
{
	const struct vfu_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFU_DMA_READABLE | VFU_DMA_WRITABLE,
		.address = 0x200000000,
		.size = 0x1000,
	};

	TEST_ASSERT_SUCCESS(dw_drive(V1, 2), "driver");
	dw_backend_forget();
	dw.backend.deaf = true;
	TEST_ASSERT_SUCCESS(dw_set_status(15), "DRIVER_OK");
	dw_send(VFU_DMA_MAP, &map, sizeof(map), &dw.memory, 1);
	dw_settle();
	TEST_ASSERT(dw_recv() == 0 && dw.dev->remap, "it is not to be told");
	device_needs_reset(dw.dev, "a test");
	dw.backend.deaf = false;
	DW_UNTIL(dw_recv() == 1);
	TEST_ASSERT(dw.reply_error == 0 && dw.dev->run == DEVICE_STOPPED, "not stopped");
	TEST_ASSERT(dw_backend_saw(VU_SET_MEM_TABLE) == 1 && nr_regions() == 1,
		"%u tables", dw_backend_saw(VU_SET_MEM_TABLE));
	return dw_run(V1, 2);
}

/* No client takes all files that this process may open. */
static int
test_share_of_files(void)
{
	struct rlimit old, limit;
	unsigned int before = dw.dev->memory.count, i;
	int ret = 0;

	getrlimit(RLIMIT_NOFILE, &old);
	limit = old;
	limit.rlim_cur = 256;
	setrlimit(RLIMIT_NOFILE, &limit);
	for (i = 0; i < 64 && ret == 0; i++)
		ret = dw_map(0x300000000 + 0x2000 * i, 0x1000, 0, dw.memory);
	setrlimit(RLIMIT_NOFILE, &old);
	TEST_ASSERT_EQUAL(ret, ENOSPC, "map %u: %d", i, ret);
	TEST_ASSERT_EQUAL(before + i - 1, 256u / 8, "%u maps", before + i - 1);
	TEST_ASSERT_EQUAL(dw.dev->memory.count, 256u / 8, "%u regions", dw.dev->memory.count);
	return TEST_SUCCESS;
}

/* Nor do the clients of many devices together: one more gets what it needs. */
static int
test_share_of_all(void)
{
	unsigned int before = dw.dev->memory.count, i;
	struct dma_table others;
	struct rlimit old, limit;
	int ret = 0;

	dma_table_init(&others);
	for (i = 0; i < 512; i++)
		TEST_ASSERT_SUCCESS(dma_table_add(&others, 0x1000 * i, 0x1000, 0,
			PROT_READ | PROT_WRITE, fcntl(dw.memory, F_DUPFD_CLOEXEC, 0)), "add");
	getrlimit(RLIMIT_NOFILE, &old);
	limit = old;
	limit.rlim_cur = 1024;
	setrlimit(RLIMIT_NOFILE, &limit);
	for (i = 0; i < 64 && ret == 0; i++)
		ret = dw_map(0x300000000 + 0x2000 * i, 0x1000, 0, dw.memory);
	dma_table_clear(&others);
	TEST_ASSERT(ret == ENOSPC && before + i - 1 == 16, "map %u: %d", i, ret);
	TEST_ASSERT_SUCCESS(dw_map(0x400000000, 0x1000, 0, dw.memory), "no more ever");
	setrlimit(RLIMIT_NOFILE, &old);
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: device, memory and reset",
	.unit_test_cases = {
		TEST_CASE_ST(dw_start, dw_stop, test_reset),
		TEST_CASE_ST(dw_start, dw_stop, test_no_memory),
		TEST_CASE_ST(dw_start, dw_stop, test_limit),
		TEST_CASE_ST(dw_start, dw_stop, test_while_starting),
		TEST_CASE_ST(dw_start, dw_stop, test_client_gone),
		TEST_CASE_ST(dw_start, dw_stop, test_memory),
		TEST_CASE_ST(dw_start, dw_stop, test_unmap_ring),
		TEST_CASE_ST(dw_start, dw_stop, test_too_many_regions),
		TEST_CASE_ST(dw_start, dw_stop, test_stray_rings),
		TEST_CASE_ST(dw_start, dw_stop, test_prepare),
		TEST_CASE_ST(dw_start, dw_stop, test_prepare_lost),
		TEST_CASE_ST(dw_start, dw_stop, test_unmap_stopped),
		TEST_CASE_ST(dw_start, dw_stop, test_patience),
		TEST_CASE_ST(dw_start, dw_stop, test_no_status),
		TEST_CASE_ST(dw_start, dw_stop, test_map_then_stop),
		TEST_CASE_ST(dw_start, dw_stop, test_share_of_files),
		TEST_CASE_ST(dw_start, dw_stop, test_share_of_all),
		TEST_CASE(stage_no_leaks),
		TEST_CASES_END()
	},
};

static int
test_device_memory(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(device_memory_autotest, test_device_memory);
