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

static struct unit_test_suite suite = {
	.suite_name = "mediator: vhost-user memory",
	.unit_test_cases = {
		TEST_CASE_ST(world_connects, world_stop, test_memory),
		TEST_CASE_ST(world_connects, world_stop, test_other_memory),
		TEST_CASE_ST(world_connects, world_stop, test_other_page),
		TEST_CASE_ST(world_connects, world_stop, test_prepare),
		TEST_CASE_ST(world_connects, world_stop, test_prepare_other),
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
