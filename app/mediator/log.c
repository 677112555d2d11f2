/* SPDX-License-Identifier: BSD-3-Clause */

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "log.h"

static int highest = LOG_NOTICE;

void
log_set_level(int level)
{
	highest = level;
}

void
log_print(int level, const char *format, ...)
{
	char line[1024];
	va_list ap;

	if (level > highest)
		return;
	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	if (getenv("JOURNAL_STREAM") != NULL)
		fprintf(stderr, "<%d>%s\n", level, line);
	else
		fprintf(stderr, "dpdk-mdev-mediator: %s\n", line);
}
