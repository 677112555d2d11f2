/* SPDX-License-Identifier: BSD-3-Clause */

/* dpdk-test-mdev: chooses commands and runs them. */

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_debug.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <bus_driver.h>

#include "test.h"

static TAILQ_HEAD(, test_command) commands = TAILQ_HEAD_INITIALIZER(commands);

static struct {
	unsigned int passed, failed, skipped;
} total;

static const char *skip_reason;

/* Without these, tests would need hugepages and see the machine's devices. */
static char default_eal_args[][16] = {
	"--no-huge", "-m", "512", "--no-pci", "--no-shconf", "--no-telemetry",
	"-l", "0", "--iova-mode=va",
};

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

static int
cmd_list(void)
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

static int
cmd_test(unsigned int count, char **names)
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
		fprintf(stderr, "dpdk-test-mdev: no such test: see 'dpdk-test-mdev list'\n");
		return -1;
	}
	printf("%u passed, %u failed, %u skipped\n", total.passed, total.failed,
		total.skipped);
	return ret;
}

/* What needs EAL, started by main(). */
static const struct {
	const char *name;
	int (*run)(unsigned int count, char **args);
} commands_eal[] = {
	{ "test", cmd_test },
	{ "dump", cmd_dump },
	{ "device", cmd_device },
	{ "bench", cmd_bench },
};

static void
usage(FILE *out)
{
	fprintf(out,
		"usage: dpdk-test-mdev [EAL options --] [COMMAND]\n"
		"  test [NAME...]   run all tests, or those that are named (the default)\n"
		"  list             list the tests\n"
		"  dump [UUID...]   print what the machine's mediated devices, or those\n"
		"                   that are named, say of themselves\n"
		"  device UUID...   run the tests that need real devices, of the kernel\n"
		"                   mediator; frames must come from the host side of the first\n"
		"  bench NAME       measure; without a NAME, list what can be measured.\n"
		"                   devtools/bench.sh does all of it.\n"
		"Without EAL options no hugepages are used: %s\n",
		"--no-huge -m 512 --no-pci --no-shconf --no-telemetry -l 0 --iova-mode=va");
}

/*
 * Nothing is to be probed at start: an allow list without an entry for this bus.
 * The devices are listed all the same by a later scan.
 */
static void
hold_bus(bool hold)
{
	struct rte_bus *bus = rte_bus_find_by_name("mdev");

	if (bus != NULL)
		bus->conf.scan_mode = hold ? RTE_BUS_SCAN_ALLOWLIST :
			RTE_BUS_SCAN_UNDEFINED;
}

static int
init_eal(char *program, unsigned int count, char **args)
{
	char *argv[64] = { program };
	unsigned int argc = 1, i;
	int ret;

	if (count >= RTE_DIM(argv) - 1) {
		fprintf(stderr, "dpdk-test-mdev: too many EAL options\n");
		return -1;
	}
	for (i = 0; i < count; i++)
		argv[argc++] = args[i];
	for (i = 0; count == 0 && i < RTE_DIM(default_eal_args); i++)
		argv[argc++] = default_eal_args[i];
	hold_bus(true);
	ret = rte_eal_init(argc, argv);
	hold_bus(false);
	if (ret < 0)
		fprintf(stderr, "dpdk-test-mdev: EAL did not start: %s\n",
			rte_strerror(rte_errno));
	return ret;
}

int
main(int argc, char **argv)
{
	unsigned int eal_count = 0, count;
	const char *command;
	char **args;
	int i, ret;

	/* in order with what drivers log on stderr */
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0)
			eal_count = i;
	}
	args = argv + 1 + eal_count;
	count = argc - 1 - eal_count;
	command = count > 0 ? args[0] : "test";

	if (strcmp(command, "-h") == 0 || strcmp(command, "--help") == 0) {
		usage(stdout);
		return 0;
	}
	if (strcmp(command, "list") == 0)
		return cmd_list();
	for (i = 0; i < (int)RTE_DIM(commands_eal) &&
			strcmp(command, commands_eal[i].name) != 0; i++)
		;
	if (i == RTE_DIM(commands_eal)) {
		usage(stderr);
		return 2;
	}
	if (init_eal(argv[0], eal_count > 0 ? eal_count - 1 : 0, argv + 1) < 0)
		return 1;
	args += count > 0;
	count -= count > 0;
	ret = commands_eal[i].run(count, args);
	rte_eal_cleanup();
	return ret == 0 ? 0 : 1;
}
