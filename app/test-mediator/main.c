/* SPDX-License-Identifier: BSD-3-Clause */

/* dpdk-test-mediator: the unit tests of dpdk-mdev-mediator. */

#include <stdio.h>
#include <string.h>

#include "test.h"

int
main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "test";
	int skip = argc > 1 ? 2 : 1;

	/* in order with what the mediator logs on stderr */
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (strcmp(command, "list") == 0)
		return test_list();
	if (strcmp(command, "test") == 0)
		return test_run(argc - skip, argv + skip) == 0 ? 0 : 1;
	fprintf(stderr, "usage: dpdk-test-mediator [test [NAME...] | list]\n");
	return 2;
}
