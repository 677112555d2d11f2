/* SPDX-License-Identifier: BSD-3-Clause */

/* How many lines a client can cause. */

#include "log.h"
#include "test.h"

static int
test_limit(void)
{
	struct log_limit limit = { .full_at = 0 }, other = { .full_at = 0 };
	unsigned int i, printed = 0;

	log_set_level(LOG_EMERG);
	for (i = 0; i < 1000; i++)
		printed += log_may(&limit, "test");
	/* a second may pass meanwhile, not a minute */
	TEST_ASSERT(printed >= LOG_BURST && printed < LOG_BURST + 60, "%u lines", printed);
	TEST_ASSERT(limit.left_out > 0, "none is missed");
	TEST_ASSERT(log_may(&other, "other"), "another device has no line");
	/* as if all this were long ago */
	limit.full_at = 0;
	TEST_ASSERT(log_may(&limit, "test"), "for ever silent");
	TEST_ASSERT_EQUAL(limit.left_out, 0u, "not told");
	log_set_level(LOG_NOTICE);
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: log",
	.unit_test_cases = {
		TEST_CASE(test_limit),
		TEST_CASES_END()
	},
};

static int
test_log(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(log_autotest, test_log);
