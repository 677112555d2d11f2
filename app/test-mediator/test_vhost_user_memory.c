/* SPDX-License-Identifier: BSD-3-Clause */

/* The memory table that a vhost-user backend is given. */

#include <errno.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "vhost_user_world.h"

static int
test_memory(void)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(world.ranges); i++) {
		world.ranges[i] = world.ranges[0];
		world.ranges[i].iova += i * WORLD_SIZE;
	}
	WORLD_UNTIL(vhost_user_is_up(world.vu));
	world_capture();
	i = world_start(2) == 0 && vhost_user_stop(world.vu) == -EBUSY &&
		vhost_user_set_memory(world.vu, world.ranges, 1) == -EBUSY;
	world_release();
	TEST_ASSERT(i, "two operations at a time");
	WORLD_UNTIL(STARTED);
	world.backend.nr_seen = 0;
	TEST_ASSERT_SUCCESS(vhost_user_set_memory(world.vu, world.ranges,
		VHOST_USER_MAX_REGIONS), "8 regions");
	WORLD_UNTIL(world.count[WORLD_DONE] == 2);
	TEST_TOLD(0, "SET_MEM_TABLE 8 0x7f0000000000 0x200000 0x1000 fds 8 ack");
	TEST_ASSERT_EQUAL(world.backend.seen[0].header.size, 8u + 8 * 32, "size");
	TEST_ASSERT_SUCCESS(vhost_user_set_memory(world.vu, NULL, 0), "no region");
	WORLD_UNTIL(world.count[WORLD_DONE] == 3);
	world.backend.nr_seen = 0;
	world_capture();
	TEST_ASSERT_EQUAL(vhost_user_set_memory(world.vu, world.ranges,
		VHOST_USER_MAX_REGIONS + 1), -ENOSPC, "9 regions");
	i = world_captured("mdev:test: ") * world_captured("--single-file-segments");
	world_release();
	TEST_ASSERT_EQUAL(i, 1u, "the remedy is not named, or twice");
	world_settle();
	TEST_ASSERT_EQUAL(world.backend.nr_seen, 0u, "9 regions were sent");
	return TEST_SUCCESS;
}

/* The memory of an application that is started again is where that of the last one was. */
static int
test_other_memory(void)
{
	const int fd = memfd_create("other", MFD_CLOEXEC);
	struct vu_memory *told = &world.backend.memory;
	struct stat st;

	TEST_ASSERT_SUCCESS(fstat(fd, &st), "memfd");
	world.vrings[0].size = 1024;
	world.vrings[0].avail = WORLD_IOVA + 0x4000;
	world.vrings[0].used = WORLD_IOVA + 0x5000;
	world.vrings[1].desc = WORLD_IOVA + 0x10000;
	WORLD_UNTIL(vhost_user_is_up(world.vu));
	TEST_ASSERT_SUCCESS(world_start(2), "not started");
	WORLD_UNTIL(STARTED);
	TEST_ASSERT_SUCCESS(vhost_user_stop(world.vu), "not stopped");
	WORLD_UNTIL(world.count[WORLD_DONE] == 2);
	TEST_ASSERT_SUCCESS(world_start(2), "not started");
	WORLD_UNTIL(world.count[WORLD_DONE] == 3);
	TEST_ASSERT_EQUAL(told->nregions, 1u, "memory that is the same changed its form");
	world.ranges[0].fd = fd;
	TEST_ASSERT_SUCCESS(vhost_user_set_memory(world.vu, world.ranges, 1), "memory");
	WORLD_UNTIL(world.count[WORLD_DONE] == 4);
	TEST_ASSERT(told->nregions == 2 && world.backend.inodes[0] == st.st_ino &&
		world.backend.inodes[1] == st.st_ino, "the backend keeps the old memory");
	/* 16 KiB of descriptors are in one piece, and nothing is lost */
	TEST_ASSERT(told->regions[0].guest_phys_addr == WORLD_IOVA &&
		told->regions[0].userspace_addr == WORLD_IOVA &&
		told->regions[0].memory_size == 0x4000 &&
		told->regions[1].guest_phys_addr == WORLD_IOVA + 0x4000 &&
		told->regions[1].userspace_addr == WORLD_IOVA + 0x4000 &&
		told->regions[1].memory_size == WORLD_SIZE - 0x4000 &&
		told->regions[1].mmap_offset == 0x5000, "cut at the wrong place");
	world.ranges[0].fd = world.memory;
	TEST_ASSERT_SUCCESS(vhost_user_set_memory(world.vu, world.ranges, 1), "memory");
	WORLD_UNTIL(world.count[WORLD_DONE] == 5);
	TEST_ASSERT(told->nregions == 1 && world.backend.inodes[0] != st.st_ino,
		"the backend keeps the old memory");
	/* with two regions, one of which is replaced */
	world.ranges[1] = world.ranges[0];
	world.ranges[1].iova += WORLD_SIZE;
	TEST_ASSERT_SUCCESS(vhost_user_set_memory(world.vu, world.ranges, 2), "memory");
	WORLD_UNTIL(world.count[WORLD_DONE] == 6);
	world.ranges[1].fd = fd;
	TEST_ASSERT_SUCCESS(vhost_user_set_memory(world.vu, world.ranges, 2), "memory");
	WORLD_UNTIL(world.count[WORLD_DONE] == 7);
	TEST_ASSERT(told->regions[0].guest_phys_addr == WORLD_IOVA + WORLD_SIZE &&
		told->regions[1].guest_phys_addr == WORLD_IOVA &&
		world.backend.inodes[0] == st.st_ino, "the backend keeps the old memory");
	world.ranges[1].offset = 0;
	TEST_ASSERT_SUCCESS(vhost_user_set_memory(world.vu, world.ranges, 2), "memory");
	WORLD_UNTIL(world.count[WORLD_DONE] == 8);
	TEST_ASSERT(told->regions[1].mmap_offset == 0, "the backend keeps the old place");
	close(fd);
	return TEST_SUCCESS;
}

/* One that cannot be cut: only a new connection makes the backend forget. */
static int
test_other_page(void)
{
	const int fd = memfd_create("other", MFD_CLOEXEC);

	world.ranges[0].size = 4096;
	world.vrings[0].size = 8;
	world.vrings[0].avail = WORLD_IOVA + 0x100;
	world.vrings[0].used = WORLD_IOVA + 0x200;
	WORLD_UNTIL(vhost_user_is_up(world.vu));
	TEST_ASSERT_SUCCESS(world_start(1), "not started");
	WORLD_UNTIL(STARTED);
	world.ranges[0].fd = fd;
	TEST_ASSERT_SUCCESS(vhost_user_set_memory(world.vu, world.ranges, 1), "memory");
	WORLD_UNTIL(world.count[WORLD_DOWN] == 1);
	WORLD_UNTIL(vhost_user_is_up(world.vu));
	TEST_ASSERT_SUCCESS(world_start(1), "not started");
	WORLD_UNTIL(world.count[WORLD_DONE] == 2);
	close(fd);
	return TEST_SUCCESS;
}

/* Told of before the start, which comes with the same. */
static int
test_prepare(void)
{
	TEST_ASSERT_EQUAL(vhost_user_prepare(world.vu, world.ranges, 1), -ENOTCONN,
		"told nobody");
	WORLD_UNTIL(vhost_user_is_up(world.vu));
	world.backend.nr_seen = 0;
	TEST_ASSERT_SUCCESS(vhost_user_prepare(world.vu, world.ranges, 1), "not told");
	TEST_ASSERT_EQUAL(world_start(1), -EBUSY, "two operations at a time");
	WORLD_UNTIL(world.count[WORLD_DONE] == 1);
	TEST_ASSERT_EQUAL(vhost_user_prepare(world.vu, world.ranges, 1), 1, "told twice");
	world_settle();
	TEST_TOLD(0, "SET_MEM_TABLE 1 0x7f0000000000 0x200000 0x1000 fds 1 ack");
	TEST_ASSERT_EQUAL(vhost_user_stop(world.vu), -EINVAL, "it was started");
	TEST_ASSERT_SUCCESS(world_start(1), "not started");
	WORLD_UNTIL(world.count[WORLD_DONE] == 2);
	TEST_ASSERT_EQUAL(vhost_user_prepare(world.vu, world.ranges, 1), -EINVAL,
		"prepared while it runs");
	return TEST_SUCCESS;
}

/* What was sent in another form comes in that form again, unless a ring would be cut. */
static int
test_prepare_other(void)
{
	const int fd = memfd_create("other", MFD_CLOEXEC);
	struct vu_memory *told = &world.backend.memory;
	ino_t *inodes = world.backend.inodes;
	struct stat st;
	unsigned int i;

	TEST_ASSERT_SUCCESS(fstat(fd, &st), "memfd");
	WORLD_UNTIL(vhost_user_is_up(world.vu));
	TEST_ASSERT_SUCCESS(vhost_user_prepare(world.vu, world.ranges, 1), "not told");
	WORLD_UNTIL(world.count[WORLD_DONE] == 1);
	world.ranges[0].fd = fd;
	TEST_ASSERT_SUCCESS(vhost_user_prepare(world.vu, world.ranges, 1), "not told");
	WORLD_UNTIL(world.count[WORLD_DONE] == 2);
	TEST_ASSERT(told->nregions == 2 && inodes[0] == st.st_ino &&
		inodes[1] == st.st_ino, "the backend keeps the old memory");
	for (i = 3; i < 7; i += 2) {
		world.backend.nr_seen = 0;
		TEST_ASSERT_SUCCESS(vhost_user_start(world.vu, 0, world.ranges, 1,
			world.vrings, 1, 0), "not started");
		WORLD_UNTIL(world.count[WORLD_DONE] == i);
		TEST_TOLD(0, "SET_FEATURES 0x40000000 ack",
			"SET_MEM_TABLE 2 0x7f0000000000 0x1000 0x1000 fds 2 ack",
			"SET_VRING_CALL 0 fds 1 ack", "SET_VRING_NUM 0 256 ack",
			"SET_VRING_BASE 0 0 ack",
			"SET_VRING_ADDR 0 0x7f0000000000 0x7f0000001000 0x7f0000001400 ack",
			"SET_VRING_KICK 0 fds 1 ack", "SET_VRING_ENABLE 0 1 ack",
			"SET_STATUS 0xf ack");
		TEST_ASSERT_SUCCESS(vhost_user_stop(world.vu), "not stopped");
		WORLD_UNTIL(world.count[WORLD_DONE] == i + 1);
	}
	world.vrings[0].size = 1024;
	world.vrings[0].avail = WORLD_IOVA + 0x4000;
	world.vrings[0].used = WORLD_IOVA + 0x5000;
	TEST_ASSERT_SUCCESS(world_start(1), "not started");
	WORLD_UNTIL(world.count[WORLD_DONE] == i);
	TEST_ASSERT(told->nregions == 1 && inodes[0] == st.st_ino, "a ring is cut");
	close(fd);
	return TEST_SUCCESS;
}

/* Only what is gone is taken from a backend that is stopped. */
static int
test_release(void)
{
	const int fd = memfd_create("other", MFD_CLOEXEC);
	struct dma_range *r = world.ranges;
	unsigned int i;

	for (i = 1; i < RTE_DIM(world.ranges); i++) {
		r[i] = r[0];
		r[i].iova += 2 * i * WORLD_SIZE;
	}
	WORLD_UNTIL(vhost_user_is_up(world.vu));
	TEST_ASSERT_EQUAL(vhost_user_release(world.vu, NULL, 0), 1, "it has nothing");
	TEST_ASSERT_SUCCESS(vhost_user_prepare(world.vu, r, 2), "not told");
	TEST_ASSERT_EQUAL(vhost_user_release(world.vu, r, 2), -EBUSY, "two at a time");
	WORLD_UNTIL(world.count[WORLD_DONE] == 1);
	world.backend.nr_seen = 0;
	/* added: regions before and behind it, and the rest of the file around one */
	TEST_ASSERT_EQUAL(vhost_user_release(world.vu, r, 5), 1, "others were added");
	TEST_ASSERT_EQUAL(vhost_user_release(world.vu, r, RTE_DIM(world.ranges)), 1,
		"more were added than there may be");
	r[0].iova -= 0x1000;
	r[0].offset -= 0x1000;
	r[0].size += 0x3000;
	TEST_ASSERT_EQUAL(vhost_user_release(world.vu, r, 2), 1, "one has grown");
	TEST_ASSERT_EQUAL(world.backend.nr_seen, 0u, "it heard of it");
	/* gone: its end, its file, its place in the file, all of it */
	for (i = 2; i < 7; i++) {
		TEST_ASSERT_SUCCESS(vhost_user_prepare(world.vu, r, 2), "%u: not told", i);
		WORLD_UNTIL(world.count[WORLD_DONE] == 2 * i - 2);
		world.backend.nr_seen = 0;
		r[1].size -= i == 2 ? 0x1000 : 0;
		r[1].fd = i == 3 ? fd : r[1].fd;
		r[1].offset += i == 4 ? 0x1000 : 0;
		r[1].iova += i == 5 ? 0x1000 : 0;
		TEST_ASSERT_SUCCESS(vhost_user_release(world.vu, r, i == 6 ? 1 : 2),
			"%u: it keeps it", i);
		WORLD_UNTIL(world.count[WORLD_DONE] == 2 * i - 1);
		TEST_ASSERT(world.backend.nr_seen == 1 && !world.backend.mistaken &&
			world.backend.memory.nregions == 0, "%u: it keeps some", i);
	}
	close(fd);
	return TEST_SUCCESS;
}

/*
 * One that does not know STATUS is told by the end of the connection, and then takes
 * whatever memory and rings there are.
 */
static int
test_release_no_status(void)
{
	unsigned int i;

	world.backend.protocol &= ~(UINT64_C(1) << VU_PROTOCOL_F_STATUS);
	world.backend.keeps_rings = true;
	WORLD_UNTIL(vhost_user_is_up(world.vu));
	TEST_ASSERT_SUCCESS(world_start(2), "not started");
	WORLD_UNTIL(STARTED);
	TEST_ASSERT_SUCCESS(vhost_user_stop(world.vu), "not stopped");
	WORLD_UNTIL(world.count[WORLD_DONE] == 2);
	TEST_ASSERT_EQUAL(vhost_user_release(world.vu, world.ranges, 1), 1,
		"nothing is gone");
	world.backend.nr_seen = 0;
	TEST_ASSERT_SUCCESS(vhost_user_release(world.vu, NULL, 0), "it keeps it");
	TEST_ASSERT_EQUAL(world_start(2), -EBUSY, "two operations at a time");
	WORLD_UNTIL(world.count[WORLD_DOWN] == 1);
	WORLD_UNTIL(world.count[WORLD_UP] == 2);
	TEST_TOLD(0, "SET_OWNER", "GET_FEATURES", "GET_PROTOCOL_FEATURES",
		"SET_PROTOCOL_FEATURES 0x19", "GET_QUEUE_NUM");
	TEST_ASSERT(world.backend.memory.nregions == 0 && world.count[WORLD_DONE] == 2,
		"it has memory");
	TEST_ASSERT_EQUAL(vhost_user_release(world.vu, NULL, 0), 1, "and again");
	world.ranges[0].iova += 2 * WORLD_SIZE;
	for (i = 0; i < 2; i++) {
		world.vrings[i].desc += 2 * WORLD_SIZE;
		world.vrings[i].avail += 2 * WORLD_SIZE;
		world.vrings[i].used += 2 * WORLD_SIZE;
	}
	TEST_ASSERT_SUCCESS(world_start(2), "not started");
	WORLD_UNTIL(world.count[WORLD_DONE] == 3);
	TEST_ASSERT_EQUAL(world.backend.connections, 2u, "it gave up");
	return TEST_SUCCESS;
}

/* What a client does again and again waits longer each time, until a connection lasts. */
static int
test_release_again(void)
{
	struct vu_times times = stage_times;
	uint32_t delay = 0;
	unsigned int i;

	world.backend.protocol &= ~(UINT64_C(1) << VU_PROTOCOL_F_STATUS);
	times.settle = 1000000;
	times.retry_max = 64;
	vhost_user_set_times(world.vu, &times);
	for (i = 1; i <= 3; i++) {
		WORLD_UNTIL(world.count[WORLD_UP] == i);
		TEST_ASSERT_SUCCESS(vhost_user_prepare(world.vu, world.ranges, 1),
			"%u: not prepared", i);
		WORLD_UNTIL(world.count[WORLD_DONE] == i);
		TEST_ASSERT_SUCCESS(vhost_user_release(world.vu, NULL, 0),
			"%u: it keeps it", i);
		WORLD_UNTIL(world.count[WORLD_DOWN] == i);
		TEST_ASSERT(world.vu->delay > delay, "%u: %u ms", i, world.vu->delay);
		delay = world.vu->delay;
	}
	return TEST_SUCCESS;
}

/* The same of one that connects. What a client can cause again and again is said once. */
static int
test_release_listens(void)
{
	unsigned int i, rounds, lines;

	world.backend.protocol &= ~(UINT64_C(1) << VU_PROTOCOL_F_STATUS);
	world_capture();
	for (i = 1, rounds = 0; i <= 3 && backend_connect(&world.backend) == 0; i++) {
		while (world.count[WORLD_UP] < i && rounds++ < 20000)
			world_round();
		vhost_user_prepare(world.vu, world.ranges, 1);
		while (world.count[WORLD_DONE] < i && rounds++ < 20000)
			world_round();
		vhost_user_release(world.vu, NULL, 0);
		while (world.backend.sock >= 0 && rounds++ < 20000)
			world_round();
	}
	lines = 100 * world_captured("ends the connection") +
		10 * world_captured("connected to backend") + world_captured("lost");
	world_release();
	TEST_ASSERT_EQUAL(i, 4u, "the backend is not taken again");
	TEST_ASSERT_EQUAL(world.count[WORLD_DOWN], 3u, "down");
	TEST_ASSERT_EQUAL(lines, 120u, "%u lines", lines);
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: vhost-user memory",
	.unit_test_cases = {
		TEST_CASE_ST(world_connects, world_stop, test_memory),
		TEST_CASE_ST(world_connects, world_stop, test_other_memory),
		TEST_CASE_ST(world_connects, world_stop, test_other_page),
		TEST_CASE_ST(world_connects, world_stop, test_prepare),
		TEST_CASE_ST(world_connects, world_stop, test_prepare_other),
		TEST_CASE_ST(world_connects, world_stop, test_release),
		TEST_CASE_ST(world_connects, world_stop, test_release_no_status),
		TEST_CASE_ST(world_connects, world_stop, test_release_again),
		TEST_CASE_ST(world_listens, world_stop, test_release_listens),
		TEST_CASE(stage_no_leaks),
		TEST_CASES_END()
	},
};

static int
test_vhost_user_memory(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vhost_user_memory_autotest, test_vhost_user_memory);
