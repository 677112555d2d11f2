/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Hostile and broken vhost-user backends. Whatever one does, the front-end drops it
 * once, connects again, and works with one that behaves.
 */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "open_fds.h"
#include "vhost_user_world.h"

static const char * const mischiefs[MISCHIEF_COUNT] = {
	[MISCHIEF_MUTE] = "no answer",
	[MISCHIEF_HALF] = "half an answer",
	[MISCHIEF_HALF_CLOSE] = "half an answer and the end",
	[MISCHIEF_CLOSE] = "the end",
	[MISCHIEF_OTHER_REQUEST] = "an answer to another request",
	[MISCHIEF_NO_REPLY_BIT] = "no reply bit",
	[MISCHIEF_OTHER_VERSION] = "another version",
	[MISCHIEF_EMPTY] = "an empty answer",
	[MISCHIEF_SHORT] = "a short answer",
	[MISCHIEF_LONG] = "a long answer",
	[MISCHIEF_HUGE] = "an answer of 4 GiB",
	[MISCHIEF_WITH_FD] = "an answer with an fd",
	[MISCHIEF_WITH_MANY_FDS] = "an answer with many fds",
	[MISCHIEF_GARBAGE] = "garbage",
	[MISCHIEF_TWICE] = "two answers",
	[MISCHIEF_FLOOD] = "a flood of answers",
	[MISCHIEF_NACK] = "a refusal",
	[MISCHIEF_OTHER_RING] = "an answer about another ring",
	[MISCHIEF_NO_QUEUES] = "no queues",
};

/* All that a front-end ever sends. */
static const uint32_t requests[] = {
	VU_SET_OWNER, VU_GET_FEATURES, VU_GET_PROTOCOL_FEATURES, VU_SET_PROTOCOL_FEATURES,
	VU_GET_QUEUE_NUM, VU_SET_FEATURES, VU_SET_MEM_TABLE, VU_NET_SET_MTU,
	VU_SET_VRING_CALL, VU_SET_VRING_NUM, VU_SET_VRING_BASE, VU_SET_VRING_ADDR,
	VU_SET_VRING_KICK, VU_SET_VRING_ENABLE, VU_SET_STATUS, VU_GET_VRING_BASE,
};

static bool
applies(enum mischief mischief, uint32_t request)
{
	switch (mischief) {
	case MISCHIEF_OTHER_RING:
		return request == VU_GET_VRING_BASE;
	case MISCHIEF_NO_QUEUES:
		return request == VU_GET_QUEUE_NUM;
	case MISCHIEF_NACK:
		return !vu_is_query(request);
	default:
		return true;
	}
}

/*
 * All operations in a row, for as long as the backend takes part. Each round does one
 * thing, whatever has become of the one before.
 */
static void
go_on(void)
{
	const unsigned int down = world.count[WORLD_DOWN];
	unsigned int rounds = 0, done = world.count[WORLD_DONE], step = 0;

	while (step < 6 && !world.backend.did_it && down == world.count[WORLD_DOWN] &&
			rounds++ < 2000) {
		world_round();
		if (!vhost_user_is_up(world.vu) || (step > 0 &&
				done == world.count[WORLD_DONE]))
			continue;
		done = world.count[WORLD_DONE];
		step++;
		if (step == 1)
			world_start(2);
		else if (step == 2)
			vhost_user_set_memory(world.vu, world.ranges, 1);
		else if (step == 3 && vhost_user_set_call(world.vu, 0, world.call) == 0)
			vhost_user_enable(world.vu, 1);
		else if (step == 4)
			vhost_user_stop(world.vu);
		else if (step == 5)
			world_start(2);
	}
}

static int
misbehave_once(enum mischief mischief, uint32_t request)
{
	struct vu_times times = stage_times;
	unsigned int up = world.count[WORLD_UP], tries;

	world.backend.mischief = mischief;
	world.backend.mischief_at = request;
	world.backend.did_it = false;
	for (tries = 0; tries < 10 && !world.backend.did_it; tries++)
		go_on();
	TEST_ASSERT(world.backend.did_it, "it was never asked");
	/* only now, so that no honest backend is late; others are not waited for */
	times.reply = 1;
	if (mischief == MISCHIEF_MUTE || mischief == MISCHIEF_HALF)
		vhost_user_set_times(world.vu, &times);
	WORLD_UNTIL(world.backend.connections > world.backend.did_it_on);
	vhost_user_set_times(world.vu, &stage_times);
	TEST_ASSERT_EQUAL(world.count[WORLD_UP] - world.count[WORLD_DOWN],
		vhost_user_is_up(world.vu) ? 1u : 0u, "not one down() for each up()");
	TEST_ASSERT(world.count[WORLD_UP] - up <= 2, "up again and again");
	WORLD_UNTIL(vhost_user_is_up(world.vu));
	TEST_ASSERT_SUCCESS(world_start(2), "not started");
	up = world.count[WORLD_DONE];
	WORLD_UNTIL(world.count[WORLD_DONE] == up + 1);
	TEST_ASSERT_SUCCESS(vhost_user_stop(world.vu), "not stopped");
	WORLD_UNTIL(world.count[WORLD_DONE] == up + 2);
	backend_hang_up(&world.backend);
	WORLD_UNTIL(!vhost_user_is_up(world.vu));
	return TEST_SUCCESS;
}

static int
test_misbehaviour(void)
{
	unsigned int i, mischief, count = 0;

	for (mischief = MISCHIEF_NONE + 1; mischief < MISCHIEF_COUNT; mischief++) {
		for (i = 0; i < RTE_DIM(requests); i++) {
			if (!applies(mischief, requests[i]))
				continue;
			count++;
			TEST_ASSERT_SUCCESS(misbehave_once(mischief, requests[i]),
				"%s to %s", mischiefs[mischief],
				vu_request_name(requests[i]));
		}
	}
	printf("%u misbehaviours\n", count);
	return TEST_SUCCESS;
}

/* A last answer that is wrong ends the connection, and is the end of no operation. */
static int
test_wrong_last(void)
{
	world.backend.protocol &= ~(UINT64_C(1) << VU_PROTOCOL_F_STATUS);
	WORLD_UNTIL(vhost_user_is_up(world.vu));
	TEST_ASSERT_SUCCESS(world_start(1), "not started");
	WORLD_UNTIL(world.count[WORLD_DONE] == 1);
	world.backend.mischief = MISCHIEF_OTHER_RING;
	world.backend.mischief_at = VU_GET_VRING_BASE;
	TEST_ASSERT_SUCCESS(vhost_user_stop(world.vu), "not stopped");
	WORLD_UNTIL(world.count[WORLD_DOWN] == 1);
	TEST_ASSERT_EQUAL(world.count[WORLD_DONE], 1u, "done after down");
	return TEST_SUCCESS;
}

/* Hangs up after each of the messages, the first to the last. */
static int
test_close_anywhere(void)
{
	unsigned int at, seen, down;
	bool over = false;

	for (at = 0; at < 200 && !over; at++) {
		WORLD_UNTIL(world.backend.sock >= 0);
		world.backend.nr_seen = 0;
		down = world.count[WORLD_DOWN];
		for (seen = 0; world.backend.nr_seen < at && seen < 1000; seen++) {
			backend_step(&world.backend);
			loop_once(world.loop, 0);
			if (vhost_user_is_up(world.vu) && world_start(2) != 0)
				vhost_user_stop(world.vu);
		}
		over = world.count[WORLD_DONE] >= 3;
		world.count[WORLD_DONE] = 0;
		backend_hang_up(&world.backend);
		WORLD_UNTIL(world.count[WORLD_UP] == world.count[WORLD_DOWN]);
		TEST_ASSERT(world.count[WORLD_DOWN] - down <= 1, "down twice");
	}
	printf("closed after each of %u messages\n", at - 1);
	TEST_ASSERT(over, "never started and stopped");
	return TEST_SUCCESS;
}

/* Says something when there was no question; request 0 is none that there ever was. */
static int
test_unasked(void)
{
	const uint32_t unasked[] = { 0, VU_SET_STATUS, VU_GET_FEATURES, UINT32_MAX };
	struct vu_header header = { 0, VU_VERSION | VU_REPLY, VU_REPLY_SIZE };
	uint8_t reply[sizeof(header) + VU_REPLY_SIZE] = { 0 };
	unsigned int i;

	for (i = 0; i < RTE_DIM(unasked); i++) {
		WORLD_UNTIL(vhost_user_is_up(world.vu));
		TEST_ASSERT_SUCCESS(world_start(2), "not started");
		WORLD_UNTIL(world.count[WORLD_DONE] == i + 1);
		header.request = unasked[i];
		memcpy(reply, &header, sizeof(header));
		TEST_ASSERT_EQUAL(write(world.backend.sock, reply, sizeof(reply)),
			(ssize_t)sizeof(reply), "socket");
		WORLD_UNTIL(world.count[WORLD_DOWN] == i + 1);
	}
	return TEST_SUCCESS;
}

/*
 * Does not read while a driver changes its interrupts for ever: what waits is replaced
 * and holds no more fds than there are rings.
 */
static int
deaf(bool ack)
{
	const unsigned int fds = count_open_fds();
	struct vu_times times = stage_times;
	unsigned int i;

	if (!ack)
		world.backend.protocol &= ~(UINT64_C(1) << VU_PROTOCOL_F_REPLY_ACK);
	WORLD_UNTIL(vhost_user_is_up(world.vu));
	TEST_ASSERT_SUCCESS(world_start(2), "not started");
	WORLD_UNTIL(world.count[WORLD_DONE] == 1);
	world_settle();
	world.backend.deaf = true;
	world.backend.nr_seen = 0;
	for (i = 0; i < 3000; i++) {
		TEST_ASSERT_EQUAL(vhost_user_set_call(world.vu, i % 2, world.call), !ack,
			"call");
		loop_once(world.loop, 0);
	}
	TEST_ASSERT(count_open_fds() <= fds + 8, "%u fds are held",
		count_open_fds() - fds);
	TEST_ASSERT_EQUAL(vhost_user_set_call(world.vu, 0, -1), !ack, "call");
	world.backend.deaf = false;
	world_settle();
	TEST_ASSERT(world.backend.nr_seen > 60 && world.backend.nr_seen < 2000,
		"%u messages", world.backend.nr_seen);
	TEST_ASSERT(world.backend.call[0] == -1 && world.backend.call[1] >= 0,
		"the last one is lost");
	TEST_ASSERT_EQUAL(world.count[WORLD_DOWN], 0u, "dropped");
	world.backend.deaf = true;
	for (i = 0; i < 3000; i++)
		vhost_user_set_call(world.vu, 0, world.call);
	times.reply = 1;
	vhost_user_set_times(world.vu, &times);
	WORLD_UNTIL(world.count[WORLD_DOWN] == 1);
	vhost_user_set_times(world.vu, &stage_times);
	backend_hang_up(&world.backend);
	world.backend.deaf = false;
	WORLD_UNTIL(world.count[WORLD_UP] == 2);
	return TEST_SUCCESS;
}

static int
test_deaf(void)
{
	return deaf(true);
}

static int
test_deaf_no_ack(void)
{
	return deaf(false);
}

/*
 * Answers one request after the other, each only a little after the one before: that puts
 * no deadline off. A slow machine makes it later still.
 */
static int
test_slow(void)
{
	struct vu_times times = stage_times;
	unsigned int i;

	WORLD_UNTIL(vhost_user_is_up(world.vu));
	world_settle();
	times.reply = 20;
	vhost_user_set_times(world.vu, &times);
	TEST_ASSERT_SUCCESS(world_start(2), "not started");
	for (i = 0; i < 100 && world.count[WORLD_DONE] == 0 &&
			world.count[WORLD_DOWN] == 0; i++) {
		/* header and payload */
		backend_step(&world.backend);
		backend_step(&world.backend);
		usleep(5000);
		loop_once(world.loop, 0);
	}
	vhost_user_set_times(world.vu, &stage_times);
	TEST_ASSERT_EQUAL(world.count[WORLD_DONE], 0u, "it has for ever");
	TEST_ASSERT_EQUAL(world.count[WORLD_DOWN], 1u, "it is not dropped");
	WORLD_UNTIL(world.count[WORLD_UP] == 2);
	return TEST_SUCCESS;
}

/* An honest backend that always has something to answer has the full time for each. */
static int
test_deadline(void)
{
	struct vhost_user *vu = world.vu;
	uint64_t first;

	WORLD_UNTIL(vhost_user_is_up(vu));
	world_settle();
	world.backend.nr_seen = 0;
	TEST_ASSERT_SUCCESS(world_start(2), "not started");
	TEST_ASSERT_SUCCESS(vhost_user_set_call(vu, 0, -1), "call");
	TEST_ASSERT(loop_timer_runs(&vu->deadline), "no deadline");
	first = vu->deadline.at;
	vu->times.reply *= 2;
	while (world.backend.nr_seen < 16)
		backend_step(&world.backend);
	loop_once(world.loop, 0);
	TEST_ASSERT_EQUAL(world.count[WORLD_DONE], 1u, "not started");
	TEST_ASSERT(vu->deadline.at >= first + stage_times.reply,
		"the later request has the deadline of the first");
	world_settle();
	TEST_ASSERT(!loop_timer_runs(&vu->deadline), "a deadline for nothing");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: vhost-user backends that misbehave",
	.unit_test_cases = {
		TEST_CASE_ST(world_connects, world_stop, test_misbehaviour),
		TEST_CASE_ST(world_connects, world_stop, test_wrong_last),
		TEST_CASE_ST(world_connects, world_stop, test_close_anywhere),
		TEST_CASE_ST(world_connects, world_stop, test_unasked),
		TEST_CASE_ST(world_connects, world_stop, test_deaf),
		TEST_CASE_ST(world_connects, world_stop, test_deaf_no_ack),
		TEST_CASE_ST(world_connects, world_stop, test_slow),
		TEST_CASE_ST(world_connects, world_stop, test_deadline),
		TEST_CASE(stage_no_leaks),
		TEST_CASES_END()
	},
};

static int
test_vhost_user_faults(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vhost_user_faults_autotest, test_vhost_user_faults);
