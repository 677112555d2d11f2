/* SPDX-License-Identifier: BSD-3-Clause */

/* The frame for unit tests: keeps them, runs them, counts. */

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "test.h"

static TAILQ_HEAD(, test_command) commands = TAILQ_HEAD_INITIALIZER(commands);

static struct {
	unsigned int passed, failed, skipped;
} total;

static const char *skip_reason;

void
add_test_command(struct test_command *command)
{
	struct test_command *other;

	TAILQ_FOREACH(other, &commands, next) {
		if (strcmp(command->command, other->command) < 0) {
			TAILQ_INSERT_BEFORE(other, command, next);
			return;
		}
	}
	TAILQ_INSERT_TAIL(&commands, command, next);
}

void
test_failure(const char *file, int line, const char *cond, const char *format,
		...)
{
	va_list ap;

	printf("    %s:%d: %s: ", file, line, cond);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	printf("\n");
}

int
test_skip(const char *reason)
{
	skip_reason = reason;
	return TEST_SKIPPED;
}

bool
test_is_emulated(void)
{
	return getenv("MDEV_TEST_EMULATED") != NULL;
}

static int
run_case(const struct unit_test_case *test)
{
	int ret = TEST_SUCCESS;

	if (test->setup != NULL)
		ret = test->setup();
	if (ret == TEST_SUCCESS)
		ret = test->testcase();
	if (test->teardown != NULL)
		test->teardown();
	return ret;
}

int
unit_test_suite_runner(const struct unit_test_suite *suite)
{
	const struct unit_test_case *test;
	int suite_ret = TEST_SUCCESS, ret, failed = 0;

	if (suite->suite_name != NULL)
		printf("%s\n", suite->suite_name);
	if (suite->setup != NULL)
		suite_ret = suite->setup();
	for (test = suite->unit_test_cases; test->testcase != NULL; test++) {
		ret = suite_ret;
		if (ret == TEST_SUCCESS)
			ret = run_case(test);
		if (ret == TEST_SUCCESS) {
			total.passed++;
			printf("  ok    %s\n", test->name);
		} else if (ret == TEST_SKIPPED) {
			total.skipped++;
			printf("  skip  %s: %s\n", test->name,
				skip_reason != NULL ? skip_reason : "?");
		} else {
			total.failed++;
			failed++;
			printf("  FAIL  %s\n", test->name);
		}
	}
	if (suite->teardown != NULL)
		suite->teardown();
	return failed == 0 ? TEST_SUCCESS : TEST_FAILED;
}

int
test_list(void)
{
	struct test_command *command;

	TAILQ_FOREACH(command, &commands, next)
		printf("%s\n", command->command);
	return 0;
}

static bool
wanted(const struct test_command *command, unsigned int count, char **names)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		if (strcmp(names[i], command->command) == 0)
			return true;
	}
	return count == 0;
}

int
test_run(unsigned int count, char **names)
{
	struct test_command *command;
	unsigned int found = 0;
	int ret = 0;

	TAILQ_FOREACH(command, &commands, next) {
		if (!wanted(command, count, names))
			continue;
		found++;
		if (command->callback() != TEST_SUCCESS)
			ret = -1;
	}
	if (found == 0 || found < count) {
		fprintf(stderr, "no such test: the command 'list' lists them\n");
		return -1;
	}
	printf("%u passed, %u failed, %u skipped\n", total.passed, total.failed,
		total.skipped);
	return ret;
}
