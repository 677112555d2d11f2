/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef TEST_H
#define TEST_H

/*
 * The frame for unit tests, with dpdk-test's names: a file registers a command
 * whose function runs one or more suites.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/queue.h>

#include <rte_common.h>

#define TEST_SUCCESS EXIT_SUCCESS
#define TEST_FAILED -1
#define TEST_SKIPPED 77

/*
 * The assertion macros of DPDK's rte_test.h, which is not installed: a message
 * in the manner of printf() follows the condition.
 */
#define TEST_ASSERT(cond, ...) do { \
	if (!(cond)) { \
		test_failure(__FILE__, __LINE__, RTE_STR(cond), __VA_ARGS__); \
		return TEST_FAILED; \
	} \
} while (0)

#define TEST_ASSERT_EQUAL(a, b, ...) TEST_ASSERT((a) == (b), __VA_ARGS__)
#define TEST_ASSERT_NOT_EQUAL(a, b, ...) TEST_ASSERT((a) != (b), __VA_ARGS__)
#define TEST_ASSERT_SUCCESS(val, ...) TEST_ASSERT((val) == 0, __VA_ARGS__)
#define TEST_ASSERT_FAIL(val, ...) TEST_ASSERT((val) != 0, __VA_ARGS__)
#define TEST_ASSERT_NULL(val, ...) TEST_ASSERT((val) == NULL, __VA_ARGS__)
#define TEST_ASSERT_NOT_NULL(val, ...) TEST_ASSERT((val) != NULL, __VA_ARGS__)

/* Print where and why a test failed. */
void test_failure(const char *file, int line, const char *cond,
		const char *format, ...) __rte_format_printf(4, 5);

struct unit_test_case {
	int (*setup)(void);    /* NULL for none */
	void (*teardown)(void); /* NULL for none; runs after setup in any case */
	int (*testcase)(void);
	const char *name;
};

#define TEST_CASE(fn) { NULL, NULL, fn, #fn }
#define TEST_CASE_ST(setup, teardown, fn) { setup, teardown, fn, #fn }
#define TEST_CASES_END() { NULL, NULL, NULL, NULL }

struct unit_test_suite {
	const char *suite_name; /* NULL: goes on with the one before */
	int (*setup)(void);
	void (*teardown)(void);
	/* as many as the largest suite needs; the last one is TEST_CASES_END() */
	struct unit_test_case unit_test_cases[64];
};

/*
 * Run all cases of a suite. A setup that returns TEST_SKIPPED skips what it is
 * the setup of.
 */
int unit_test_suite_runner(const struct unit_test_suite *suite);

/* Say why the running case is skipped, and return that it is. */
int test_skip(const char *reason);

/* Is the processor emulated (devtools/cross.sh)? What the emulator has counts as ours. */
bool test_is_emulated(void);

struct test_command {
	TAILQ_ENTRY(test_command) next;
	const char *command;
	int (*callback)(void);
};

void add_test_command(struct test_command *command);

#define REGISTER_TEST_COMMAND(cmd, func) \
	static struct test_command test_struct_##cmd = { \
		.command = RTE_STR(cmd), \
		.callback = func, \
	}; \
	RTE_INIT(test_register_##cmd) \
	{ \
		add_test_command(&test_struct_##cmd); \
	} \
	struct test_command

/*
 * Run all commands, or those that are named, and print how many cases passed, failed
 * and were skipped. 0, or -1 if one failed or a name is not known.
 */
int test_run(unsigned int count, char **names);
/* Print the names of all commands. Returns 0. */
int test_list(void);

/* The other commands of dpdk-test-mdev. */
int cmd_dump(unsigned int count, char **uuids);
int cmd_device(unsigned int count, char **uuids);
int cmd_bench(unsigned int count, char **args);
int cmd_socket(unsigned int count, char **args);

struct vfio_dev;
/* Print what an open device says of itself. 0, or -1 if it does not answer. */
int dump_vfio_dev(struct vfio_dev *dev);

#endif /* TEST_H */
