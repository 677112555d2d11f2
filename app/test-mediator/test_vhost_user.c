/* SPDX-License-Identifier: BSD-3-Clause */

/* What the vhost-user front-end says to a backend, and in which order. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include <linux/virtio_net.h>

#include "vhost_user_world.h"

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
		TEST_CASE_ST(world_connects, world_stop, test_changes),
		TEST_CASE_ST(world_connects, world_stop, test_called),
		TEST_CASE_ST(world_connects, world_stop, test_enable),
		TEST_CASE_ST(world_connects, world_stop, test_many_rings),
		TEST_CASE_ST(world_connects, world_stop, test_states),
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
