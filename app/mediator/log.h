/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_LOG_H
#define MEDIATOR_LOG_H

/*
 * Messages, one line each, on standard error. One about a device begins with
 * "mdev:<uuid>: ". Levels are those of syslog(3), in front of the line as sd-daemon(3)
 * has them if the journal reads it. Nothing waits for a reader: a line that a full pipe
 * does not take is lost.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <syslog.h>

/* The line on an fd, with its end; false if it was lost. */
bool log_line(int fd, const char *line);

/* The highest level that is printed: LOG_NOTICE until it is set. */
void log_set_level(int level);

void log_print(int level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Whoever asked for something else than by the command line is to see errors, too: from
 * now on the first one is also put into buf. NULL: no more.
 */
void log_copy_error(char *buf, size_t len);

/* What a client can cause again and again is not printed again and again. */
struct log_limit {
	uint64_t full_at;      /* monotonic milliseconds: when all lines may be used again */
	unsigned int left_out; /* since the last line */
};

/* May one more be printed? So many at once, and one a second. Says what was left out. */
#define LOG_BURST 10
bool log_may(struct log_limit *limit, const char *name);

#define LOG(level, ...) log_print(LOG_ ## level, __VA_ARGS__)

#endif /* MEDIATOR_LOG_H */
