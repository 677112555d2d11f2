/* SPDX-License-Identifier: BSD-3-Clause */

/* What the vhost-user front-end says to a backend, and in which order. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "vhost_user_world.h"

#define STARTED (world.count[WORLD_DONE] == 1)

static int
compare(unsigned int from, const char * const *lines)
{
	char text[256];
	unsigned int i;

	for (i = 0; lines[i] != NULL; i++) {
		TEST_ASSERT(from + i < world.backend.nr_seen, "no '%s'", lines[i]);
		backend_text(&world.backend.seen[from + i], text, sizeof(text));
		TEST_ASSERT(strcmp(text, lines[i]) == 0, "'%s', not '%s'", text,
			lines[i]);
	}
	backend_text(&world.backend.seen[from + i], text, sizeof(text));
	TEST_ASSERT_EQUAL(world.backend.nr_seen, from + i, "and then '%s'", text);
	TEST_ASSERT(!world.backend.mistaken, "against the protocol");
	return TEST_SUCCESS;
}

/* What the backend was told since a message, exactly. */
#define TEST_TOLD(from, ...) do { \
	static const char * const lines_[] = { __VA_ARGS__, NULL }; \
	if (compare(from, lines_) != TEST_SUCCESS) \
		return TEST_FAILED; \
} while (0)

static int
test_hello(void)
{
	TEST_ASSERT(!vhost_user_is_up(world.vu), "up before it is connected");
	TEST_ASSERT_EQUAL(vhost_user_features(world.vu), 0u, "features of nobody");
	WORLD_UNTIL(world.count[WORLD_UP] == 1);
	TEST_TOLD(0, "SET_OWNER", "GET_FEATURES", "GET_PROTOCOL_FEATURES",
		"SET_PROTOCOL_FEATURES 0x10019", "GET_QUEUE_NUM");
	TEST_ASSERT(vhost_user_is_up(world.vu), "not up");
	TEST_ASSERT_EQUAL(vhost_user_features(world.vu), BACKEND_FEATURES &
		~(UINT64_C(1) << 26 | UINT64_C(1) << 30 | UINT64_C(1) << 33),
		"bits that are not the device's");
	TEST_ASSERT_EQUAL(vhost_user_max_pairs(world.vu), 2u, "more than were asked for");
	return TEST_SUCCESS;
}

/* Queue pairs, by what the backend says of itself. */
static int
test_pairs(void)
{
	static const struct {
		uint64_t features, protocol, queues;
		unsigned int pairs;
	} cases[] = {
		{ BACKEND_FEATURES, BACKEND_PROTOCOL, 1, 1 },
		{ BACKEND_FEATURES, BACKEND_PROTOCOL, 2, 2 },
		{ BACKEND_FEATURES, BACKEND_PROTOCOL, UINT64_MAX, 2 },
		{ BACKEND_FEATURES, BACKEND_PROTOCOL & ~UINT64_C(1), 2, 1 },
		{ BACKEND_FEATURES & ~(UINT64_C(1) << VIRTIO_NET_F_MQ), BACKEND_PROTOCOL,
			2, 1 },
		{ BACKEND_FEATURES & ~(UINT64_C(1) << 30), BACKEND_PROTOCOL, 2, 1 },
		{ 0, 0, 0, 1 },
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(cases); i++) {
		world.backend.features = cases[i].features;
		world.backend.protocol = cases[i].protocol;
		world.backend.queues = cases[i].queues;
		WORLD_UNTIL(vhost_user_is_up(world.vu));
		TEST_ASSERT_EQUAL(vhost_user_max_pairs(world.vu), cases[i].pairs,
			"case %u: %u pairs", i, vhost_user_max_pairs(world.vu));
		TEST_ASSERT(!world.backend.mistaken, "case %u: against the protocol", i);
		backend_hang_up(&world.backend);
		WORLD_UNTIL(!vhost_user_is_up(world.vu));
	}
	return TEST_SUCCESS;
}

static bool
signalled(int fd)
{
	uint64_t value;

	return read(fd, &value, sizeof(value)) == (ssize_t)sizeof(value);
}

static int
test_start(void)
{
	const uint64_t one = 1;
	struct stat st;

	WORLD_UNTIL(vhost_user_is_up(world.vu));
	world.backend.nr_seen = 0;
	world.vrings[1].enabled = false;
	TEST_ASSERT_SUCCESS(world_start(2), "not started");
	TEST_ASSERT_EQUAL(world.count[WORLD_DONE], 0u, "done before it is");
	WORLD_UNTIL(STARTED);
	TEST_ASSERT_SUCCESS(world.ret, "done with %d", world.ret);
	TEST_TOLD(0, "SET_FEATURES 0x150408009 ack",
		"SET_MEM_TABLE 1 0x7f0000000000 0x200000 0x1000 fds 1 ack",
		"NET_SET_MTU 0x5dc ack",
		"SET_VRING_CALL 0 fds 1 ack",
		"SET_VRING_NUM 0 256 ack",
		"SET_VRING_BASE 0 0 ack",
		"SET_VRING_ADDR 0 0x7f0000000000 0x7f0000001000 0x7f0000001400 ack",
		"SET_VRING_KICK 0 fds 1 ack",
		"SET_VRING_CALL 0x1 fds 1 ack",
		"SET_VRING_NUM 1 256 ack",
		"SET_VRING_BASE 1 1 ack",
		"SET_VRING_ADDR 1 0x7f0000002000 0x7f0000003000 0x7f0000003400 ack",
		"SET_VRING_KICK 0x1 fds 1 ack",
		"SET_VRING_ENABLE 0 1 ack",
		"SET_VRING_ENABLE 1 0 ack",
		"SET_STATUS 0xf ack");
	TEST_ASSERT_SUCCESS(fstat(world.memory, &st), "memfd");
	TEST_ASSERT_EQUAL(world.backend.inodes[0], st.st_ino, "another file");
	TEST_ASSERT(write(world.kick, &one, sizeof(one)) == sizeof(one) &&
		signalled(world.backend.kick[1]), "the kick does not reach the backend");
	TEST_ASSERT(write(world.backend.call[0], &one, sizeof(one)) == sizeof(one) &&
		signalled(world.call), "the call of the backend does not reach us");
	return TEST_SUCCESS;
}

/* Without REPLY_ACK a request that has a reply comes last. */
static int
test_start_no_ack(void)
{
	world.backend.protocol &= ~(UINT64_C(1) << VU_PROTOCOL_F_REPLY_ACK |
		UINT64_C(1) << VU_PROTOCOL_F_NET_MTU);
	WORLD_UNTIL(vhost_user_is_up(world.vu));
	world.backend.nr_seen = 0;
	world.vrings[0].size = 0;
	world.vrings[1].kick_fd = world.vrings[1].call_fd = -1;
	TEST_ASSERT_SUCCESS(world_start(2), "not started");
	WORLD_UNTIL(STARTED);
	TEST_TOLD(0, "SET_FEATURES 0x150408009",
		"SET_MEM_TABLE 1 0x7f0000000000 0x200000 0x1000 fds 1",
		"SET_VRING_CALL 0x101",
		"SET_VRING_NUM 1 256",
		"SET_VRING_BASE 1 1",
		"SET_VRING_ADDR 1 0x7f0000002000 0x7f0000003000 0x7f0000003400",
		"SET_VRING_KICK 0x101",
		"SET_VRING_ENABLE 1 1",
		"SET_STATUS 0xf",
		"GET_FEATURES");
	world.backend.nr_seen = 0;
	TEST_ASSERT_SUCCESS(vhost_user_set_memory(world.vu, world.ranges, 1), "memory");
	WORLD_UNTIL(world.count[WORLD_DONE] == 2);
	TEST_ASSERT_SUCCESS(vhost_user_stop(world.vu), "not stopped");
	WORLD_UNTIL(world.count[WORLD_DONE] == 3);
	TEST_TOLD(0, "SET_MEM_TABLE 1 0x7f0000000000 0x200000 0x1000 fds 1",
		"GET_FEATURES", "GET_VRING_BASE 1 0", "SET_STATUS 0", "GET_FEATURES");
	return TEST_SUCCESS;
}

/* A backend of the oldest kind: its rings are enabled by being told of. */
static int
test_start_plain(void)
{
	world.backend.features &= ~(UINT64_C(1) << VU_F_PROTOCOL_FEATURES);
	WORLD_UNTIL(vhost_user_is_up(world.vu));
	world.vrings[0].enabled = false;
	TEST_ASSERT_SUCCESS(world_start(2), "not started");
	WORLD_UNTIL(STARTED);
	TEST_TOLD(0, "SET_OWNER", "GET_FEATURES", "SET_FEATURES 0x110408009",
		"SET_MEM_TABLE 1 0x7f0000000000 0x200000 0x1000 fds 1",
		"SET_VRING_CALL 0x1 fds 1",
		"SET_VRING_NUM 1 256",
		"SET_VRING_BASE 1 1",
		"SET_VRING_ADDR 1 0x7f0000002000 0x7f0000003000 0x7f0000003400",
		"SET_VRING_KICK 0x1 fds 1",
		"GET_FEATURES");
	TEST_ASSERT_EQUAL(vhost_user_enable(world.vu, 0), -ENOTSUP,
		"a backend without that is told");
	TEST_ASSERT_EQUAL(vhost_user_set_call(world.vu, 0, -1), -EINVAL,
		"a ring that it does not know");
	world.backend.nr_seen = 0;
	TEST_ASSERT_SUCCESS(vhost_user_stop(world.vu), "not stopped");
	WORLD_UNTIL(world.count[WORLD_DONE] == 2);
	TEST_TOLD(0, "GET_VRING_BASE 1 0");
	return TEST_SUCCESS;
}

/* No rings at all: still an operation that ends. */
static int
test_start_nothing(void)
{
	world.backend.features &= ~(UINT64_C(1) << VU_F_PROTOCOL_FEATURES);
	WORLD_UNTIL(vhost_user_is_up(world.vu));
	TEST_ASSERT_SUCCESS(vhost_user_start(world.vu, 0, NULL, 0, NULL, 0, 0), "start");
	WORLD_UNTIL(STARTED);
	world.backend.nr_seen = 0;
	TEST_ASSERT_SUCCESS(vhost_user_stop(world.vu), "not stopped");
	WORLD_UNTIL(world.count[WORLD_DONE] == 2);
	TEST_TOLD(0, "GET_FEATURES");
	return TEST_SUCCESS;
}

static int
test_stop_and_start(void)
{
	world.backend.base = 0x80007000;
	WORLD_UNTIL(vhost_user_is_up(world.vu));
	TEST_ASSERT_SUCCESS(world_start(4), "not started");
	WORLD_UNTIL(STARTED);
	world.backend.nr_seen = 0;
	TEST_ASSERT_SUCCESS(vhost_user_stop(world.vu), "not stopped");
	TEST_ASSERT_EQUAL(vhost_user_set_call(world.vu, 0, -1), -EINVAL,
		"a ring that is being stopped is changed");
	WORLD_UNTIL(world.count[WORLD_DONE] == 2);
	TEST_TOLD(0, "GET_VRING_BASE 0 0", "GET_VRING_BASE 1 0", "GET_VRING_BASE 2 0",
		"GET_VRING_BASE 3 0", "SET_STATUS 0 ack");
	TEST_ASSERT_EQUAL(vhost_user_base(world.vu, 0), 0x80007000, "base");
	TEST_ASSERT_EQUAL(vhost_user_base(world.vu, 3), 0x80007003, "base");
	TEST_ASSERT_EQUAL(vhost_user_base(world.vu, 4), 0u, "base of no ring");
	world.vrings[0].base = vhost_user_base(world.vu, 0);
	world.backend.nr_seen = 0;
	TEST_ASSERT_SUCCESS(vhost_user_start(world.vu, 0, world.ranges, 1, world.vrings,
		1, 1500), "not started again");
	WORLD_UNTIL(world.count[WORLD_DONE] == 3);
	/* the MTU was not agreed on, and a ring that was stopped stays so */
	TEST_TOLD(0, "SET_FEATURES 0x40000000 ack",
		"SET_MEM_TABLE 1 0x7f0000000000 0x200000 0x1000 fds 1 ack",
		"SET_VRING_CALL 0 fds 1 ack",
		"SET_VRING_NUM 0 256 ack",
		"SET_VRING_BASE 0 2147512320 ack",
		"SET_VRING_ADDR 0 0x7f0000000000 0x7f0000001000 0x7f0000001400 ack",
		"SET_VRING_KICK 0 fds 1 ack",
		"SET_VRING_ENABLE 0 1 ack",
		"SET_STATUS 0xf ack");
	return TEST_SUCCESS;
}

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

/* Changes during an operation come after it; those that wait are replaced. */
static int
test_changes(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	bool ok;

	WORLD_UNTIL(vhost_user_is_up(world.vu));
	TEST_ASSERT_EQUAL(vhost_user_set_call(world.vu, 0, -1), -EINVAL, "not started");
	world.backend.nr_seen = 0;
	TEST_ASSERT_SUCCESS(world_start(1), "not started");
	ok = vhost_user_set_call(world.vu, 0, fd) == 0;
	close(fd);
	TEST_ASSERT(ok, "not changed");
	TEST_ASSERT_EQUAL(vhost_user_set_call(world.vu, 1, -1), -EINVAL, "no such ring");
	TEST_ASSERT_EQUAL(vhost_user_enable(world.vu, 0), -EBUSY, "within a start");
	WORLD_UNTIL(STARTED);
	world_settle();
	TEST_ASSERT_SUCCESS(vhost_user_set_call(world.vu, 0, -1), "not changed");
	world_settle();
	TEST_TOLD(9, "SET_STATUS 0xf ack", "SET_VRING_CALL 0 fds 1 ack",
		"SET_VRING_CALL 0x100 ack");
	TEST_ASSERT_EQUAL(world.count[WORLD_DONE], 1u, "done without an operation");
	TEST_ASSERT_EQUAL(world.called, 2u, "%u answers", world.called);
	return TEST_SUCCESS;
}

/* The eventfds of the start are not told of, a later one is once the backend has it. */
static int
test_called(void)
{
	WORLD_UNTIL(vhost_user_is_up(world.vu));
	TEST_ASSERT_SUCCESS(world_start(2), "not started");
	WORLD_UNTIL(STARTED);
	world_settle();
	TEST_ASSERT_EQUAL(world.called, 0u, "told of the start");
	world.backend.deaf = true;
	TEST_ASSERT_SUCCESS(vhost_user_set_call(world.vu, 1, world.call), "not changed");
	world_settle();
	TEST_ASSERT_EQUAL(world.called, 0u, "before the backend has it");
	world.backend.deaf = false;
	WORLD_UNTIL(world.called == 1);
	TEST_ASSERT_EQUAL(world.called_index, 1u, "ring %u", world.called_index);
	return TEST_SUCCESS;
}

/* Only what changes is told, and it is an operation: over when the backend has answered. */
static int
test_enable(void)
{
	WORLD_UNTIL(vhost_user_is_up(world.vu));
	world.vrings[2].enabled = world.vrings[3].enabled = false;
	TEST_ASSERT_SUCCESS(world_start(4), "not started");
	WORLD_UNTIL(STARTED);
	world_settle();
	world.backend.nr_seen = 0;
	world.backend.deaf = true;
	TEST_ASSERT_SUCCESS(vhost_user_enable(world.vu, 4), "not enabled");
	world_settle();
	TEST_ASSERT_EQUAL(world.count[WORLD_DONE], 1u, "done before it is told");
	world.backend.deaf = false;
	WORLD_UNTIL(world.count[WORLD_DONE] == 2);
	TEST_TOLD(0, "SET_VRING_ENABLE 2 1 ack", "SET_VRING_ENABLE 3 1 ack");
	/* nothing to tell ends as well */
	world.backend.nr_seen = 0;
	TEST_ASSERT_SUCCESS(vhost_user_enable(world.vu, 200), "not enabled");
	WORLD_UNTIL(world.count[WORLD_DONE] == 3);
	TEST_TOLD(0, "GET_FEATURES");
	world.backend.nr_seen = 0;
	TEST_ASSERT_SUCCESS(vhost_user_enable(world.vu, 1), "not enabled");
	WORLD_UNTIL(world.count[WORLD_DONE] == 4);
	TEST_TOLD(0, "SET_VRING_ENABLE 1 0 ack", "SET_VRING_ENABLE 2 0 ack",
		"SET_VRING_ENABLE 3 0 ack");
	TEST_ASSERT_EQUAL(world.ret, 0, "%d", world.ret);
	return TEST_SUCCESS;
}

/*
 * More messages than a socket takes, and replies than are awaited at a time; what waits
 * has fds of its own, and is changed before it is sent.
 */
static int
test_many_rings(void)
{
	unsigned int i, kicks = 0;
	int call = eventfd(0, EFD_CLOEXEC);

	vhost_user_destroy(world.vu);
	world_settle();
	world.backend.mistaken = false; /* to answer one that is gone */
	/* the last message is one that is changed while it waits */
	world.backend.protocol &= ~(UINT64_C(1) << VU_PROTOCOL_F_STATUS);
	TEST_ASSERT_SUCCESS(world_create(WORLD_PAIRS, false), "not created");
	world.backend.nr_seen = 0;
	WORLD_UNTIL(vhost_user_is_up(world.vu));
	TEST_ASSERT_EQUAL(vhost_user_max_pairs(world.vu), WORLD_PAIRS, "pairs");
	world.ranges[0].size = 16 * WORLD_SIZE;
	for (i = 0; i < 2 * WORLD_PAIRS; i++)
		world.vrings[i].call_fd = call;
	i = world_start(2 * WORLD_PAIRS) == 0;
	close(call);
	TEST_ASSERT(i, "not started");
	TEST_ASSERT_SUCCESS(vhost_user_set_call(world.vu, 255, -1), "call");
	WORLD_UNTIL(STARTED);
	TEST_ASSERT_EQUAL(world.backend.nr_seen, 5 + 3 + 6 * 256u, "%u messages",
		world.backend.nr_seen);
	for (i = 0; i < 2 * WORLD_PAIRS; i++)
		kicks += world.backend.kick[i] >= 0 && (world.backend.call[i] >= 0) ==
			(i != 255);
	TEST_ASSERT_EQUAL(kicks, 2u * WORLD_PAIRS, "%u rings have their fds", kicks);
	TEST_ASSERT_SUCCESS(vhost_user_stop(world.vu), "not stopped");
	WORLD_UNTIL(world.count[WORLD_DONE] == 2);
	TEST_ASSERT_EQUAL(vhost_user_base(world.vu, 255), 255u, "base");
	TEST_ASSERT(!world.backend.mistaken, "against the protocol");
	return TEST_SUCCESS;
}

static int
test_states(void)
{
	TEST_ASSERT_EQUAL(world_start(2), -ENOTCONN, "start");
	TEST_ASSERT_EQUAL(vhost_user_stop(world.vu), -ENOTCONN, "stop");
	TEST_ASSERT_EQUAL(vhost_user_set_memory(world.vu, NULL, 0), -ENOTCONN, "memory");
	TEST_ASSERT_EQUAL(vhost_user_set_call(world.vu, 0, -1), -ENOTCONN, "call");
	TEST_ASSERT_EQUAL(vhost_user_enable(world.vu, 2), -ENOTCONN, "enable");
	WORLD_UNTIL(vhost_user_is_up(world.vu));
	TEST_ASSERT_EQUAL(vhost_user_stop(world.vu), -EINVAL, "stop");
	TEST_ASSERT_EQUAL(vhost_user_set_memory(world.vu, NULL, 0), -EINVAL, "memory");
	TEST_ASSERT_EQUAL(vhost_user_enable(world.vu, 2), -EINVAL, "enable");
	TEST_ASSERT_SUCCESS(world_start(2), "not started");
	TEST_ASSERT_EQUAL(world_start(2), -EBUSY, "start");
	WORLD_UNTIL(STARTED);
	TEST_ASSERT_EQUAL(world_start(2), -EINVAL, "start");
	return TEST_SUCCESS;
}

#define V(field, value) { .name = #field " " #value, .vring = true, \
	.offset = offsetof(struct vhost_user_vring, field), \
	.width = sizeof(((struct vhost_user_vring *)0)->field), .wrong = value }
#define R(field, value) { .name = #field " " #value, \
	.offset = offsetof(struct dma_range, field), \
	.width = sizeof(((struct dma_range *)0)->field), .wrong = value }
#define END (WORLD_IOVA + WORLD_SIZE)

/* One field of ring 1 or region 0. */
static const struct {
	const char *name;
	bool vring, packed;
	size_t offset, width;
	uint64_t wrong;
} wrong[] = {
	V(size, 3), V(size, 255), V(size, 32769), V(size, 0xffff),
	V(desc, WORLD_IOVA + 8), V(desc, 0), V(desc, WORLD_IOVA - 16),
	V(desc, END - 4096 + 16), V(desc, END), V(desc, UINT64_MAX - 15),
	V(avail, WORLD_IOVA + 1), V(avail, 0), V(avail, WORLD_IOVA - 2),
	V(avail, END - 516), V(avail, END), V(avail, UINT64_MAX - 1),
	V(used, WORLD_IOVA + 2), V(used, 0), V(used, WORLD_IOVA - 4),
	V(used, END - 2052), V(used, END), V(used, UINT64_MAX - 3),
	R(fd, UINT32_MAX), R(size, 0), R(size, UINT64_MAX), R(iova, 0),
	R(iova, UINT64_MAX), R(offset, UINT64_MAX), R(offset, -WORLD_SIZE + 4096),
};

static int
test_wrong(void)
{
	struct vhost_user_vring vrings[2];
	struct dma_range range;
	unsigned int i;
	int ret;

	WORLD_UNTIL(vhost_user_is_up(world.vu));
	world.backend.nr_seen = 0;
	for (i = 0; i < RTE_DIM(wrong); i++) {
		memcpy(vrings, world.vrings, sizeof(vrings));
		range = world.ranges[0];
		memcpy((wrong[i].vring ? (char *)&vrings[1] : (char *)&range) +
			wrong[i].offset, &wrong[i].wrong, wrong[i].width);
		ret = vhost_user_start(world.vu, 0, &range, 1, vrings, 2, 0);
		TEST_ASSERT_EQUAL(ret, -EINVAL, "%s: %d", wrong[i].name, ret);
	}
	printf("%u wrong fields\n", i);
	TEST_ASSERT_EQUAL(vhost_user_start(world.vu, 0, world.ranges, 1, world.vrings, 4,
		0), -EINVAL, "more rings than there are without MQ");
	TEST_ASSERT_EQUAL(vhost_user_start(world.vu, BACKEND_FEATURES, world.ranges, 1,
		world.vrings, 5, 0), -EINVAL, "more rings than there are");
	TEST_ASSERT_EQUAL(vhost_user_start(world.vu, 0, world.ranges, 1, world.vrings, 2,
		67), -EINVAL, "a tiny MTU");
	/* a ring with one part that is larger than the region it begins in */
	vrings[0] = world.vrings[0];
	vrings[0].avail = WORLD_IOVA;
	vrings[0].used = WORLD_IOVA + 1024;
	range = world.ranges[0];
	range.size = 4080;
	TEST_ASSERT_EQUAL(vhost_user_start(world.vu, 0, &range, 1, vrings, 1, 0), -EINVAL,
		"descriptors that reach out of their region");
	world_settle();
	TEST_ASSERT_EQUAL(world.backend.nr_seen, 0u, "the backend was told");
	/* the largest that there are, at the very end */
	world.vrings[1].size = 32768;
	world.vrings[1].desc = WORLD_IOVA;
	world.vrings[1].avail = END - 65542;
	world.vrings[0].used = END - 2056;
	world.vrings[1].used = WORLD_IOVA + 0x100000;
	TEST_ASSERT_SUCCESS(world_start(2), "not started");
	return TEST_SUCCESS;
}

/* Packed: any size, and event areas of 4 bytes. */
static int
test_packed(void)
{
	const uint64_t packed = UINT64_C(1) << VIRTIO_F_RING_PACKED;

	world.vrings[0].size = 3;
	world.vrings[0].avail = END - 8;
	world.vrings[0].used = END - 4;
	world.vrings[0].base = 0x80008000;
	world.backend.features |= packed;
	WORLD_UNTIL(vhost_user_is_up(world.vu));
	world.vrings[1].avail = END - 2;
	TEST_ASSERT_EQUAL(vhost_user_start(world.vu, packed, world.ranges, 1,
		world.vrings, 2, 0), -EINVAL, "half an event area");
	TEST_ASSERT_SUCCESS(vhost_user_start(world.vu, packed, world.ranges, 1,
		world.vrings, 1, 0), "not started");
	world.backend.nr_seen = 0;
	WORLD_UNTIL(STARTED);
	TEST_TOLD(2, "SET_VRING_CALL 0 fds 1 ack", "SET_VRING_NUM 0 3 ack",
		"SET_VRING_BASE 0 2147516416 ack",
		"SET_VRING_ADDR 0 0x7f0000000000 0x7f00001ffff8 0x7f00001ffffc ack",
		"SET_VRING_KICK 0 fds 1 ack", "SET_VRING_ENABLE 0 1 ack",
		"SET_STATUS 0xf ack");
	return TEST_SUCCESS;
}

/* A backend that came back with less. */
static int
test_features(void)
{
	static const unsigned int needed[] = { VIRTIO_NET_F_MRG_RXBUF,
		VIRTIO_RING_F_INDIRECT_DESC, VIRTIO_F_VERSION_1, VIRTIO_F_RING_PACKED };
	unsigned int i;

	world.backend.features = UINT64_C(1) << VU_F_PROTOCOL_FEATURES;
	WORLD_UNTIL(vhost_user_is_up(world.vu));
	world_settle();
	world.backend.nr_seen = 0;
	for (i = 0; i < RTE_DIM(needed); i++)
		TEST_ASSERT_EQUAL(vhost_user_start(world.vu, UINT64_C(1) << needed[i],
			world.ranges, 1, world.vrings, 2, 0), -EINVAL, "feature %u",
			needed[i]);
	/* the others are the mediator's own */
	TEST_ASSERT_SUCCESS(vhost_user_start(world.vu, UINT64_C(1) << VIRTIO_NET_F_MAC |
		UINT64_C(1) << VIRTIO_F_ACCESS_PLATFORM, world.ranges, 1, world.vrings, 2,
		0), "not started");
	WORLD_UNTIL(STARTED);
	TEST_ASSERT_EQUAL(memcmp(world.backend.seen[0].payload,
		&world.backend.features, 8), 0, "other features");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: vhost-user messages",
	.unit_test_cases = {
		TEST_CASE_ST(world_connects, world_stop, test_hello),
		TEST_CASE_ST(world_connects, world_stop, test_pairs),
		TEST_CASE_ST(world_connects, world_stop, test_start),
		TEST_CASE_ST(world_connects, world_stop, test_start_no_ack),
		TEST_CASE_ST(world_connects, world_stop, test_start_plain),
		TEST_CASE_ST(world_connects, world_stop, test_start_nothing),
		TEST_CASE_ST(world_connects, world_stop, test_stop_and_start),
		TEST_CASE_ST(world_connects, world_stop, test_memory),
		TEST_CASE_ST(world_connects, world_stop, test_other_memory),
		TEST_CASE_ST(world_connects, world_stop, test_other_page),
		TEST_CASE_ST(world_connects, world_stop, test_changes),
		TEST_CASE_ST(world_connects, world_stop, test_called),
		TEST_CASE_ST(world_connects, world_stop, test_enable),
		TEST_CASE_ST(world_connects, world_stop, test_many_rings),
		TEST_CASE_ST(world_connects, world_stop, test_states),
		TEST_CASE_ST(world_connects, world_stop, test_wrong),
		TEST_CASE_ST(world_connects, world_stop, test_packed),
		TEST_CASE_ST(world_connects, world_stop, test_features),
		TEST_CASE(stage_no_leaks),
		TEST_CASES_END()
	},
};

static int
test_vhost_user(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vhost_user_autotest, test_vhost_user);
