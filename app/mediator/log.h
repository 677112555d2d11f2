/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_LOG_H
#define MEDIATOR_LOG_H

/*
 * Messages, one line each, on standard error. One about a device begins with
 * "mdev:<uuid>: ". Levels are those of syslog(3), in front of the line as sd-daemon(3)
 * has them if the journal reads it.
 */

#include <syslog.h>

/* The highest level that is printed: LOG_NOTICE until it is set. */
void log_set_level(int level);

void log_print(int level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#define LOG(level, ...) log_print(LOG_ ## level, __VA_ARGS__)

#endif /* MEDIATOR_LOG_H */
