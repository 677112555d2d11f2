/* SPDX-License-Identifier: BSD-3-Clause */

/* dpdk-test-mdev: chooses commands and runs them. */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_debug.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <bus_driver.h>

#include "test.h"

/* Without these, tests would need hugepages and see the machine's devices. */
#define DEFAULT_EAL_ARGS(mib) { \
	"--no-huge", "-m", mib, "--no-pci", "--no-shconf", "--no-telemetry", \
	"-l", "0", "--iova-mode=va", \
}

/*
 * Newer EALs map each page of 4 KiB by itself, and a VFIO container takes 65535 pieces: who
 * opens a real device has less memory.
 */
static char default_eal_args[][9][16] = {
	DEFAULT_EAL_ARGS("512"),
	DEFAULT_EAL_ARGS("128"),
};

/* What needs EAL, started by main(). */
static const struct {
	const char *name;
	int (*run)(unsigned int count, char **args);
	bool opens_devices;
} commands_eal[] = {
	{ "test", test_run, false },
	{ "dump", cmd_dump, true },
	{ "device", cmd_device, true },
	{ "bench", cmd_bench, false },
	{ "socket", cmd_socket, false },
};

static void
usage(FILE *out)
{
	fprintf(out,
		"usage: dpdk-test-mdev [EAL options --] [COMMAND]\n"
		"       dpdk-test-mdev -h | --help\n"
		"  test [NAME...]   run all tests, or those that are named (the default)\n"
		"  list             list the tests\n"
		"  dump [UUID...]   print what the machine's mediated devices, or those\n"
		"                   that are named, say of themselves\n"
		"  device UUID...   run the tests that need real devices, of the kernel\n"
		"                   mediator; frames must come from the host side of the first\n"
		"  socket PATH ACTION...\n"
		"                   use the device of a vfio-user server: dump; map, unmap REGION;\n"
		"                   mapped REGION OFFSET LEN; read REGION OFFSET WIDTH;\n"
		"                   write REGION OFFSET WIDTH VALUE; irq INDEX VECTOR;\n"
		"                   irq-off INDEX; wait-irq; reset; external PAGES (map and unmap\n"
		"                   memory); keep, filled BYTE, restore (it fills a page of\n"
		"                   ours); served COUNT (it got so many answers of ours)\n"
		"  bench NAME       measure; without a NAME, list what can be measured.\n"
		"                   devtools/bench.sh does all of it.\n"
		"Without EAL options no hugepages are used: --no-huge -m 512 (dump, device: 128)\n"
		"--no-pci --no-shconf --no-telemetry -l 0 --iova-mode=va\n");
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
init_eal(char *program, bool opens_devices, unsigned int count, char **args)
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
	for (i = 0; count == 0 && i < RTE_DIM(default_eal_args[0]); i++)
		argv[argc++] = default_eal_args[opens_devices][i];
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
		return test_list();
	for (i = 0; i < (int)RTE_DIM(commands_eal) &&
			strcmp(command, commands_eal[i].name) != 0; i++)
		;
	if (i == RTE_DIM(commands_eal)) {
		usage(stderr);
		return 2;
	}
	if (init_eal(argv[0], commands_eal[i].opens_devices,
			eal_count > 0 ? eal_count - 1 : 0, argv + 1) < 0)
		return 1;
	args += count > 0;
	count -= count > 0;
	ret = commands_eal[i].run(count, args);
	rte_eal_cleanup();
	return ret == 0 ? 0 : 1;
}
