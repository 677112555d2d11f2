/* SPDX-License-Identifier: BSD-3-Clause */

/* The command bench: measures one thing in one process; devtools/bench.sh repeats it. */

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>

#include "bench.h"
#include "test.h"

static const struct {
	const char *name;
	int (*run)(bool json, unsigned int count, char **args);
} benches[] = {
	{ "scan", bench_scan },
	{ "first-packet", bench_first_packet },
	{ "burst", bench_burst },
	{ "vhost", bench_vhost },
};

static int
bench_usage(void)
{
	unsigned int i;

	fprintf(stderr, "usage: dpdk-test-mdev bench NAME [--json] [ARGUMENT...], with one of these names:\n");
	for (i = 0; i < RTE_DIM(benches); i++)
		fprintf(stderr, "  %s\n", benches[i].name);
	return -1;
}

int
cmd_bench(unsigned int count, char **args)
{
	unsigned int i, skip = 1;
	bool json;

	if (count == 0)
		return bench_usage();
	json = count > 1 && strcmp(args[1], "--json") == 0;
	skip += json;
	for (i = 0; i < RTE_DIM(benches); i++) {
		if (strcmp(benches[i].name, args[0]) == 0)
			return benches[i].run(json, count - skip, args + skip);
	}
	return bench_usage();
}
