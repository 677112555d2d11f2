/* SPDX-License-Identifier: BSD-3-Clause */

/* The connection to a vhost-user backend: made, lost, made again, ended. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "fdmsg.h"
#include "open_fds.h"
#include "vhost_user_world.h"

static int
test_reconnect(void)
{
	unsigned int i;

	for (i = 1; i <= 5; i++) {
		WORLD_UNTIL(world.count[WORLD_UP] == i);
		TEST_ASSERT_SUCCESS(world_start(2), "not started");
		WORLD_UNTIL(world.count[WORLD_DONE] == i);
		/* a backend that is new is not told of what it has not seen */
		TEST_ASSERT_EQUAL(world.backend.memory.nregions, 1u, "regions");
		world.ranges[0].offset += 4096;
		/* an operation that is under way ends with the connection, unreported */
		TEST_ASSERT_SUCCESS(vhost_user_stop(world.vu), "not stopped");
		backend_hang_up(&world.backend);
		WORLD_UNTIL(world.count[WORLD_DOWN] == i);
		TEST_ASSERT(!vhost_user_is_up(world.vu), "up after down");
		TEST_ASSERT_EQUAL(world_start(2), -ENOTCONN, "nobody is started");
		TEST_ASSERT_EQUAL(vhost_user_features(world.vu) != 0, true,
			"what it offers is forgotten");
	}
	TEST_ASSERT_EQUAL(world.count[WORLD_DONE], 5u, "done of an operation that was cut");
	TEST_ASSERT_EQUAL(world.backend.connections, 5u, "more connections");
	return TEST_SUCCESS;
}

/* It hangs up, and what is sent is what says so. */
static int
test_gone_when_sent(void)
{
	WORLD_UNTIL(vhost_user_is_up(world.vu));
	backend_hang_up(&world.backend);
	TEST_ASSERT_SUCCESS(world_start(2), "a failure that is to be reported by down()");
	TEST_ASSERT_EQUAL(world.count[WORLD_DOWN], 0u, "down() from within a call");
	WORLD_UNTIL(world.count[WORLD_DOWN] == 1);
	TEST_ASSERT_EQUAL(world.count[WORLD_DONE], 0u, "done");
	WORLD_UNTIL(vhost_user_is_up(world.vu));
	return TEST_SUCCESS;
}

static int
test_comes_later(void)
{
	unsigned int i;

	backend_close(&world.backend);
	world_capture();
	for (i = 0; i < 50; i++)
		loop_once(world.loop, 1);
	TEST_ASSERT_SUCCESS(backend_open(&world.backend, world.path, true), "backend");
	for (i = 0; i < 20000 && !vhost_user_is_up(world.vu); i++)
		world_round();
	/* the first attempt was before lines were kept, and found the backend */
	i = 10 * world_captured("no backend at") + world_captured("connected to");
	world_release();
	TEST_ASSERT_EQUAL(i, 11u, "%u: not one line each", i);
	return TEST_SUCCESS;
}

static int
test_path(void)
{
	const struct vhost_user_ops ops = { 0 };
	char path[200];
	struct vhost_user_conf conf = { .name = "mdev:test", .path = path, .max_pairs = 1 };
	struct vhost_user *vu;

	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	TEST_ASSERT_EQUAL(vhost_user_create(world.loop, &conf, &ops, NULL, &vu),
		-ENAMETOOLONG, "a long path");
	path[0] = '\0';
	TEST_ASSERT_EQUAL(vhost_user_create(world.loop, &conf, &ops, NULL, &vu), -EINVAL,
		"no path");
	conf.listen = true;
	TEST_ASSERT_EQUAL(vhost_user_create(world.loop, &conf, &ops, NULL, &vu), -EINVAL,
		"no path to listen at");
	conf.path = world.path;
	TEST_ASSERT_EQUAL(vhost_user_create(world.loop, &conf, &ops, NULL, &vu),
		-EADDRINUSE, "the backend listens there");
	conf.listen = false;
	conf.max_pairs = 0;
	TEST_ASSERT_EQUAL(vhost_user_create(world.loop, &conf, &ops, NULL, &vu), -EINVAL,
		"no pairs");
	conf.max_pairs = 129;
	TEST_ASSERT_EQUAL(vhost_user_create(world.loop, &conf, &ops, NULL, &vu), -EINVAL,
		"more pairs than an index has room for");
	vhost_user_destroy(NULL);
	return TEST_SUCCESS;
}

static int
test_listen(void)
{
	struct stat st;
	uint8_t byte;
	int other[20], i;

	TEST_ASSERT(stat(world.path, &st) == 0 && (st.st_mode & 0777) == 0600,
		"a socket for everybody");
	TEST_ASSERT_SUCCESS(backend_connect(&world.backend), "not connected");
	WORLD_UNTIL(vhost_user_is_up(world.vu));
	for (i = 0; i < (int)RTE_DIM(other); i++) {
		other[i] = fdmsg_connect(world.path);
		if (other[i] < 0)
			break; /* the backlog is full */
	}
	TEST_ASSERT(i > 1, "no second backend");
	world_settle();
	while (i-- > 0) {
		TEST_ASSERT_EQUAL(read(other[i], &byte, 1), 0, "a second backend");
		close(other[i]);
	}
	TEST_ASSERT_SUCCESS(world_start(2), "the first is not started");
	WORLD_UNTIL(world.count[WORLD_DONE] == 1);
	backend_hang_up(&world.backend);
	WORLD_UNTIL(world.count[WORLD_DOWN] == 1);
	TEST_ASSERT_SUCCESS(backend_connect(&world.backend), "not connected");
	WORLD_UNTIL(world.count[WORLD_UP] == 2);
	vhost_user_destroy(world.vu);
	world.vu = NULL;
	TEST_ASSERT(stat(world.path, &st) < 0, "the socket is left behind");
	return TEST_SUCCESS;
}

/* One that waits is taken, although the loop hears of it before it hears of the end. */
static int
test_next(void)
{
	int next;

	TEST_ASSERT_SUCCESS(backend_connect(&world.backend), "not connected");
	WORLD_UNTIL(vhost_user_is_up(world.vu));
	world_settle();
	next = fdmsg_connect(world.path);
	TEST_ASSERT(next >= 0, "not connected");
	backend_hang_up(&world.backend);
	backend_take(&world.backend, next);
	WORLD_UNTIL(world.count[WORLD_UP] == 2);
	TEST_ASSERT_EQUAL(world.count[WORLD_DOWN], 1u, "lost twice");
	return TEST_SUCCESS;
}

static int
test_accept_no_fds(void)
{
	struct vu_times slow = stage_times;
	struct rlimit before;
	int fds[128], count, events;

	slow.retry_min = slow.retry_max = 1000000;
	vhost_user_set_times(world.vu, &slow);
	TEST_ASSERT_SUCCESS(backend_connect(&world.backend), "not connected");
	count = take_fds(fds, RTE_DIM(fds), &before);
	TEST_ASSERT(count >= 0, "limit of fds");
	events = loop_once(world.loop, 0);
	/* the backend still waits: that is no event until it can be accepted */
	events = events * 10 + loop_once(world.loop, 0);
	give_fds(fds, count, &before);
	TEST_ASSERT_EQUAL(events, 10, "%d: it spins", events);
	TEST_ASSERT(!vhost_user_is_up(world.vu), "up");
	vhost_user_set_times(world.vu, &stage_times);
	WORLD_UNTIL(vhost_user_is_up(world.vu));
	return TEST_SUCCESS;
}

static int
test_start_no_fds(void)
{
	struct rlimit before;
	int fds[128], count, free_fds, ret;

	WORLD_UNTIL(vhost_user_is_up(world.vu));
	world_settle();
	world.backend.nr_seen = 0;
	/* memory, and kick and call of 2 rings; each of them in its turn fails */
	for (free_fds = 0; free_fds < 5; free_fds++) {
		count = take_fds(fds, RTE_DIM(fds), &before);
		TEST_ASSERT(count > free_fds, "limit of fds");
		fdmsg_close(&fds[count - free_fds], free_fds);
		ret = world_start(2);
		give_fds(fds, count - free_fds, &before);
		TEST_ASSERT_EQUAL(ret, -EMFILE, "%d with room for %d fds", ret, free_fds);
	}
	world_settle();
	TEST_ASSERT_EQUAL(world.backend.nr_seen, 0u, "half an operation");
	TEST_ASSERT_EQUAL(vhost_user_stop(world.vu), -EINVAL, "started");
	TEST_ASSERT_SUCCESS(world_start(2), "not started");
	WORLD_UNTIL(world.count[WORLD_DONE] == 1);
	count = take_fds(fds, RTE_DIM(fds), &before);
	ret = vhost_user_set_call(world.vu, 0, world.call);
	give_fds(fds, count, &before);
	TEST_ASSERT_EQUAL(ret, -EMFILE, "call: %d", ret);
	return TEST_SUCCESS;
}

/* Within each of the callbacks; then a new one in its place. */
static int
test_destroy_within(void)
{
	int at;

	for (at = WORLD_UP; at < WORLD_EVENTS; at++) {
		world.destroy_at = at;
		WORLD_UNTIL(world.count[WORLD_UP] == 1);
		if (at != WORLD_UP)
			TEST_ASSERT_SUCCESS(world_start(2), "not started");
		if (at == WORLD_DOWN)
			backend_hang_up(&world.backend);
		WORLD_UNTIL(world.vu == NULL);
		TEST_ASSERT_EQUAL(world.count[at], 1u, "callback %d", at);
		world_settle();
		TEST_ASSERT_EQUAL(world.count[WORLD_UP] + world.count[WORLD_DOWN] +
			world.count[WORLD_DONE], at == WORLD_UP ? 1u : 2u,
			"called after it was destroyed in %d", at);
		TEST_ASSERT_SUCCESS(world_create(2, false), "not created");
	}
	return TEST_SUCCESS;
}

/* In down() of a deadline and of a send that failed, which are timers. */
static int
test_destroy_within_timers(void)
{
	struct vu_times hurried = stage_times;

	world.destroy_at = WORLD_DOWN;
	WORLD_UNTIL(vhost_user_is_up(world.vu));
	world.backend.deaf = true;
	TEST_ASSERT_SUCCESS(world_start(2), "not started");
	hurried.reply = 1;
	vhost_user_set_times(world.vu, &hurried);
	WORLD_UNTIL(world.vu == NULL);
	world.backend.deaf = false;
	TEST_ASSERT_SUCCESS(world_create(2, false), "not created");
	WORLD_UNTIL(world.count[WORLD_UP] == 1);
	/* as in test_other_page: a table that the backend would not take for another */
	world.ranges[0].size = 4096;
	world.vrings[0].size = 0;
	TEST_ASSERT_SUCCESS(world_start(1), "not started");
	WORLD_UNTIL(world.count[WORLD_DONE] == 1);
	world.ranges[0].fd = world.kick;
	TEST_ASSERT_SUCCESS(vhost_user_set_memory(world.vu, world.ranges, 1), "memory");
	WORLD_UNTIL(world.vu == NULL);
	return TEST_SUCCESS;
}

/* Between a send that failed and the timer that is to say so. */
static int
test_destroy_after_fault(void)
{
	WORLD_UNTIL(vhost_user_is_up(world.vu));
	backend_hang_up(&world.backend);
	TEST_ASSERT_SUCCESS(world_start(2), "start");
	vhost_user_destroy(world.vu);
	world.vu = NULL;
	world_settle();
	TEST_ASSERT_EQUAL(world.count[WORLD_DOWN], 0u, "down");
	return TEST_SUCCESS;
}

/* After each of the messages that there are between hello and the end of start(). */
static int
test_destroy_anywhere(void)
{
	unsigned int steps, i;
	bool over = false;

	for (steps = 0; !over && steps < 100; steps++) {
		for (i = 0; i < steps; i++) {
			backend_step(&world.backend);
			loop_once(world.loop, 0);
			if (vhost_user_is_up(world.vu))
				world_start(2);
		}
		over = world.count[WORLD_DONE] == 1;
		vhost_user_destroy(world.vu);
		world.vu = NULL;
		world_settle();
		TEST_ASSERT_SUCCESS(world_create(2, false), "not created");
	}
	printf("destroyed at %u moments\n", steps);
	TEST_ASSERT(over, "never started");
	return TEST_SUCCESS;
}

/* One that is restarted is back when it is, and not only when it has lasted. */
static int
test_quick_restart(void)
{
	struct vu_times times = stage_times;
	unsigned int lines;

	times.settle = 1000000;
	vhost_user_set_times(world.vu, &times);
	world_capture();
	while (!vhost_user_is_up(world.vu))
		world_round();
	backend_hang_up(&world.backend);
	while (vhost_user_is_up(world.vu))
		world_round();
	lines = 10 * world_captured("connected to backend") +
		world_captured("mdev:test: lost backend");
	while (!vhost_user_is_up(world.vu))
		world_round();
	lines = 100 * world_captured("connected to backend") + lines;
	world_release();
	TEST_ASSERT_EQUAL(lines, 211u, "%u lines", lines);
	return TEST_SUCCESS;
}

/* One that is started each time and then dies is not connected to ever so often. */
static int
test_dies_when_started(void)
{
	struct vu_times times = stage_times;
	unsigned int i, lines;

	times.retry_min = 1;
	times.retry_max = 64;
	times.settle = 1000000;
	vhost_user_set_times(world.vu, &times);
	world_capture();
	for (i = 1; i <= 10; i++) {
		while (world.count[WORLD_UP] < i)
			world_round();
		world_start(2);
		while (world.count[WORLD_DONE] < i)
			world_round();
		backend_hang_up(&world.backend);
		while (vhost_user_is_up(world.vu))
			world_round();
	}
	lines = 10 * world_captured("connected to backend") +
		world_captured("mdev:test: lost backend");
	world_release();
	TEST_ASSERT_EQUAL(world.vu->delay, 64u, "tried again after %u ms",
		world.vu->delay);
	TEST_ASSERT_EQUAL(lines, 22u, "not two lines each: %u", lines);
	/* one that stays is well again */
	WORLD_UNTIL(vhost_user_is_up(world.vu));
	times.settle = 1;
	vhost_user_set_times(world.vu, &times);
	world.vu->delay = 64;
	WORLD_UNTIL(world.vu->good);
	TEST_ASSERT_EQUAL(world.vu->delay, 1u, "after %u ms", world.vu->delay);
	return TEST_SUCCESS;
}

/* What a backend that is refused again and again is worth: two lines. */
static int
test_lines(void)
{
	struct vu_times hurried = stage_times;
	unsigned int i, counts[4];

	world_capture();
	for (i = 0; i < 10; i++) {
		world.backend.mischief = MISCHIEF_NACK;
		world.backend.mischief_at = VU_SET_MEM_TABLE;
		while (!vhost_user_is_up(world.vu))
			world_round();
		world_start(2);
		while (vhost_user_is_up(world.vu))
			world_round();
	}
	counts[0] = world_captured("connected to backend");
	counts[1] = world_captured("mdev:test: lost backend");
	counts[2] = world_captured(world.path);
	while (!vhost_user_is_up(world.vu))
		world_round();
	world_start(2);
	while (world.count[WORLD_DONE] == 0)
		world_round();
	hurried.settle = 1;
	vhost_user_set_times(world.vu, &hurried);
	while (!world.vu->good)
		world_round();
	backend_hang_up(&world.backend);
	while (vhost_user_is_up(world.vu))
		world_round();
	counts[3] = 10 * world_captured("connected to backend") +
		world_captured("mdev:test: lost backend");
	world_release();
	TEST_ASSERT(counts[0] == 2 && counts[1] == 2 && counts[2] == 4,
		"%u, %u, %u lines", counts[0], counts[1], counts[2]);
	TEST_ASSERT_EQUAL(counts[3], 33u, "it worked, and then was lost: %u lines",
		counts[3]);
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: vhost-user connection",
	.unit_test_cases = {
		TEST_CASE_ST(world_connects, world_stop, test_reconnect),
		TEST_CASE_ST(world_connects, world_stop, test_gone_when_sent),
		TEST_CASE_ST(world_connects, world_stop, test_comes_later),
		TEST_CASE_ST(world_connects, world_stop, test_path),
		TEST_CASE_ST(world_listens, world_stop, test_listen),
		TEST_CASE_ST(world_listens, world_stop, test_next),
		TEST_CASE_ST(world_listens, world_stop, test_accept_no_fds),
		TEST_CASE_ST(world_connects, world_stop, test_start_no_fds),
		TEST_CASE_ST(world_connects, world_stop, test_destroy_within),
		TEST_CASE_ST(world_connects, world_stop, test_destroy_within_timers),
		TEST_CASE_ST(world_connects, world_stop, test_destroy_after_fault),
		TEST_CASE_ST(world_connects, world_stop, test_destroy_anywhere),
		TEST_CASE_ST(world_connects, world_stop, test_quick_restart),
		TEST_CASE_ST(world_connects, world_stop, test_dies_when_started),
		TEST_CASE_ST(world_connects, world_stop, test_lines),
		TEST_CASE(stage_no_leaks),
		TEST_CASES_END()
	},
};

static int
test_vhost_user_conn(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vhost_user_conn_autotest, test_vhost_user_conn);
