/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_OPTIONS_H
#define MEDIATOR_OPTIONS_H

/*
 * The command line.
 */

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "config.h"

struct options {
	char root[PATH_MAX];
	const char *name;
	struct config config;
	bool verbose, version, help;
	bool has_timeout;
	uint64_t timeout;     /* seconds */
	int rest;             /* index of the first that is no option */
};

/* Of the mediator; false, and said, if it makes no sense. */
bool options_mediator(struct options *options, int argc, char **argv);
/* Of "ctl", which is argv[0]. */
bool options_ctl(struct options *options, int argc, char **argv);
/* The default for root, if it was not given. */
bool options_root(struct options *options);
void options_print_help(void);

#endif /* MEDIATOR_OPTIONS_H */
