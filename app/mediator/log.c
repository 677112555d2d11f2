/* SPDX-License-Identifier: BSD-3-Clause */

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

#define LINE_LEN 1024

static int highest = LOG_NOTICE;
static char *error_copy;
static size_t error_len;

void
log_set_level(int level)
{
	highest = level;
}

void
log_copy_error(char *buf, size_t len)
{
	error_copy = buf;
	error_len = len;
	if (buf != NULL)
		buf[0] = '\0';
}

/* A pipe that is ready takes PIPE_BUF bytes (pipe(7)), more than any line has. */
bool
log_line(int fd, const char *line)
{
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	char text[LINE_LEN + 64];
	int len;

	len = snprintf(text, sizeof(text), "%s\n", line);
	if (len >= (int)sizeof(text)) {
		len = sizeof(text) - 1;
		text[len - 1] = '\n';
	}
	return poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) != 0 &&
		write(fd, text, len) == len;
}

void
log_print(int level, const char *format, ...)
{
	char text[LINE_LEN], line[LINE_LEN + 32];
	va_list ap;

	if (level > highest)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (level == LOG_ERR && error_copy != NULL && error_copy[0] == '\0')
		snprintf(error_copy, error_len, "%s", text);
	if (getenv("JOURNAL_STREAM") != NULL)
		snprintf(line, sizeof(line), "<%d>%s", level, text);
	else
		snprintf(line, sizeof(line), "dpdk-mdev-mediator: %s", text);
	log_line(STDERR_FILENO, line);
}

/* A bucket that a line fills by a second, and that holds LOG_BURST of them. */
bool
log_may(struct log_limit *limit, const char *name)
{
	struct timespec ts;
	uint64_t now;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (uint64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
	if (limit->full_at < now)
		limit->full_at = now;
	if (limit->full_at + 1000 > now + LOG_BURST * 1000) {
		limit->left_out++;
		return false;
	}
	limit->full_at += 1000;
	if (limit->left_out > 0)
		LOG(WARNING, "%s: %u lines were left out, there were too many at once", name,
			limit->left_out);
	limit->left_out = 0;
	return true;
}
