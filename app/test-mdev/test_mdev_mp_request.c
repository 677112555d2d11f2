/* SPDX-License-Identifier: BSD-3-Clause */

/* Requests to other processes, and the answers that are taken for theirs. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include <rte_string_fns.h>

#include <bus_mdev_mp.h>

#include "fake_mp.h"
#include "held.h"
#include "test.h"

#define TRIES 4

static unsigned int answers; /* so far */

static int
start(void)
{
	fake_mp_start();
	fake_mp.echo = true;
	answers = 0;
	return TEST_SUCCESS;
}

static uint32_t
number_of(const struct rte_mp_msg *msg)
{
	uint32_t number;

	memcpy(&number, msg->param, sizeof(number));
	return number;
}

/* Ask, and say which request was answered: how many before the last. */
static int
ask(unsigned int *behind)
{
	struct rte_mp_msg msg = { .len_param = 8 };
	struct rte_mp_reply reply;
	int ret;

	rte_strscpy(msg.name, "made_up", sizeof(msg.name));
	memcpy(msg.param, "\xff\xff\xff\xffword", 8);
	fake_mp.requests = 0;
	*behind = 0;
	ret = rte_mdev_mp_request(&msg, &reply, 3);
	TEST_ASSERT_EQUAL(fake_mp.timeout_s, 3, "%d s", fake_mp.timeout_s);
	TEST_ASSERT_EQUAL(reply.nb_received, ret == 0 && !fake_mp.silent, "answers");
	if (reply.nb_received == 1) {
		TEST_ASSERT_SUCCESS(memcmp(reply.msgs[0].param + 4, "word", 4),
			"something else was asked");
		*behind = number_of(&msg) - number_of(&reply.msgs[0]);
	}
	free(reply.msgs);
	return ret;
}

/* Whatever was in the place of the number, each request has another one. */
static int
test_numbers(void)
{
	uint32_t last = 0;
	unsigned int i, behind;

	for (i = 0; i < 3; i++) {
		TEST_ASSERT_SUCCESS(ask(&behind), "not answered");
		TEST_ASSERT(fake_mp.requests == 1 && behind == 0, "asked again");
		TEST_ASSERT_NOT_EQUAL(number_of(&fake_mp.last), last, "the same number");
		last = number_of(&fake_mp.last);
	}
	fake_mp.echo = false;
	fake_mp.silent = true;
	TEST_ASSERT_SUCCESS(ask(&behind), "nobody there is a failure");
	TEST_ASSERT_EQUAL(fake_mp.requests, 1, "nobody was asked again");
	return TEST_SUCCESS;
}

static void
behind_by_one(struct rte_mp_msg *msg)
{
	fake_mp_answer_behind(msg, 1);
}

/* With an fd, of another device maybe. */
static void
older(struct rte_mp_msg *msg)
{
	fake_mp_answer_behind(msg, 100);
	msg->fds[msg->num_fds++] = eventfd(0, EFD_CLOEXEC);
}

static void
older_once(struct rte_mp_msg *msg)
{
	if (answers++ == 0)
		older(msg);
}

static void
without_number(struct rte_mp_msg *msg)
{
	msg->len_param = 3;
}

static int
test_late(void)
{
	struct held before;
	unsigned int behind;

	held_now(&before);
	fake_mp.harm_reply = older_once;
	TEST_ASSERT_SUCCESS(ask(&behind), "a late answer is a failure");
	TEST_ASSERT(fake_mp.requests == 2 && behind == 0, "%u requests, %u behind",
		fake_mp.requests, behind);
	/* the answer to the first request comes in the place of the second one's */
	fake_mp.harm_reply = behind_by_one;
	TEST_ASSERT_SUCCESS(ask(&behind), "one behind is a failure");
	TEST_ASSERT(fake_mp.requests == 2 && behind == 1, "%u requests, %u behind",
		fake_mp.requests, behind);
	fake_mp.harm_reply = older;
	TEST_ASSERT_EQUAL(ask(&behind), -ETIMEDOUT, "answered");
	TEST_ASSERT_EQUAL(fake_mp.requests, TRIES, "%u requests", fake_mp.requests);
	fake_mp.harm_reply = without_number;
	TEST_ASSERT_EQUAL(ask(&behind), -ETIMEDOUT, "answered");
	TEST_ASSERT(held_same(&before, true), "fds are left open");
	return TEST_SUCCESS;
}

static void
fail_next(struct rte_mp_msg *msg)
{
	older(msg);
	fake_mp.request_errno = ENOBUFS;
}

/* What cannot be sent is nobody's task; unless it was sent before. */
static int
test_not_sent(void)
{
	struct rte_mp_msg msg = { .len_param = 3 };
	struct rte_mp_reply reply;
	unsigned int behind;

	fake_mp.request_errno = ENOBUFS;
	TEST_ASSERT_EQUAL(ask(&behind), -ENOBUFS, "sent");
	TEST_ASSERT_EQUAL(fake_mp.requests, 1, "tried again");
	fake_mp.request_errno = 0;
	fake_mp.harm_reply = fail_next;
	TEST_ASSERT_EQUAL(ask(&behind), -ETIMEDOUT, "not sent");
	TEST_ASSERT_EQUAL(fake_mp.requests, 2, "%u requests", fake_mp.requests);
	fake_mp.request_errno = 0;
	fake_mp.requests = 0;
	TEST_ASSERT_EQUAL(rte_mdev_mp_request(&msg, &reply, 3), -EINVAL, "no room");
	TEST_ASSERT(fake_mp.requests == 0 && reply.msgs == NULL, "sent");
	return TEST_SUCCESS;
}

#define CASE(fn) TEST_CASE_ST(start, fake_mp_stop, fn)

static struct unit_test_suite suite = {
	.suite_name = "bus/mdev: requests to other processes",
	.unit_test_cases = {
		CASE(test_numbers),
		CASE(test_late),
		CASE(test_not_sent),
		TEST_CASES_END()
	}
};

static int
test_mdev_mp_request(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_mp_request_autotest, test_mdev_mp_request);
