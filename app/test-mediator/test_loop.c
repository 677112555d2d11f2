/* SPDX-License-Identifier: BSD-3-Clause */

/* The event loop: fds and timers, and what callbacks may do to them. */

#include <errno.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "loop.h"
#include "test.h"

static struct loop *loop;
static struct loop_fd *watched[2];
static int efd[2];
static unsigned int calls[2];

static int
start(void)
{
	int i;

	loop = loop_create();
	for (i = 0; i < 2; i++) {
		efd[i] = eventfd(0, EFD_NONBLOCK);
		watched[i] = NULL;
		calls[i] = 0;
	}
	return loop != NULL && efd[0] >= 0 && efd[1] >= 0 ? TEST_SUCCESS : TEST_FAILED;
}

static void
stop(void)
{
	loop_fd_del(watched[0]);
	loop_fd_del(watched[1]);
	loop_destroy(loop);
	close(efd[0]);
	close(efd[1]);
}

static void
count(void *arg, uint32_t events __rte_unused)
{
	(*(unsigned int *)arg)++;
}

/* Whichever comes first takes the other one away. */
static void
delete_both(void *arg, uint32_t events __rte_unused)
{
	(*(unsigned int *)arg)++;
	loop_fd_del(watched[0]);
	loop_fd_del(watched[1]);
	watched[0] = watched[1] = NULL;
}

static int
test_fd(void)
{
	const uint64_t one = 1;

	TEST_ASSERT_SUCCESS(loop_fd_add(loop, efd[0], EPOLLIN, count, &calls[0],
		&watched[0]), "not watched");
	TEST_ASSERT_EQUAL(loop_once(loop, 0), 0, "an event of nothing");
	TEST_ASSERT_EQUAL(write(efd[0], &one, sizeof(one)), (ssize_t)sizeof(one),
		"eventfd");
	TEST_ASSERT_EQUAL(loop_once(loop, 0), 1, "no event");
	TEST_ASSERT_EQUAL(calls[0], 1u, "%u calls", calls[0]);
	TEST_ASSERT_SUCCESS(loop_fd_set(watched[0], 0), "not changed");
	TEST_ASSERT_EQUAL(loop_once(loop, 0), 0, "an event that nobody waits for");
	TEST_ASSERT_EQUAL(loop_fd_add(loop, -1, EPOLLIN, count, NULL, &watched[1]), -EBADF,
		"an fd that is none is watched");
	return TEST_SUCCESS;
}

/* Two events at once, the first of which ends the second. */
static int
test_delete_within(void)
{
	const uint64_t one = 1;
	int i;

	for (i = 0; i < 2; i++) {
		TEST_ASSERT_SUCCESS(loop_fd_add(loop, efd[i], EPOLLIN, delete_both,
			&calls[i], &watched[i]), "not watched");
		TEST_ASSERT_EQUAL(write(efd[i], &one, sizeof(one)),
			(ssize_t)sizeof(one), "eventfd");
	}
	TEST_ASSERT_EQUAL(loop_once(loop, 0), 2, "not both");
	TEST_ASSERT_EQUAL(calls[0] + calls[1], 1u, "the deleted one was called");
	TEST_ASSERT_EQUAL(loop_once(loop, 0), 0, "still watched");
	return TEST_SUCCESS;
}

static unsigned int fired[3];
static unsigned int nr_fired;

static void
fire(void *arg)
{
	fired[nr_fired++] = (uintptr_t)arg;
}

static int
test_timers(void)
{
	struct loop_timer timers[3];
	uintptr_t i;

	nr_fired = 0;
	for (i = 0; i < RTE_DIM(timers); i++)
		loop_timer_init(&timers[i], loop, fire, (void *)i);
	loop_timer_set(&timers[0], 1000000);
	loop_timer_set(&timers[1], 20);
	loop_timer_set(&timers[2], 10);
	loop_timer_cancel(&timers[0]);
	TEST_ASSERT(!loop_timer_runs(&timers[0]), "a timer runs that was ended");
	loop_timer_cancel(&timers[0]);
	while (loop_timer_runs(&timers[1]))
		TEST_ASSERT(loop_once(loop, -1) >= 0, "loop");
	TEST_ASSERT_EQUAL(nr_fired, 2u, "%u timers fired", nr_fired);
	TEST_ASSERT(fired[0] == 2 && fired[1] == 1, "in another order");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: event loop",
	.unit_test_cases = {
		TEST_CASE_ST(start, stop, test_fd),
		TEST_CASE_ST(start, stop, test_delete_within),
		TEST_CASE_ST(start, stop, test_timers),
		TEST_CASES_END()
	},
};

static int
test_loop(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(loop_autotest, test_loop);
