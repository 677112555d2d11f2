/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef CAPTURED_LOG_H
#define CAPTURED_LOG_H

/* Catches what DPDK logs, to count and read its lines. */

/* Until captured_log_stop() nothing reaches the user. Returns 0, or -1. */
int captured_log_start(void);

/* End it. The text is valid until the next captured_log_start(). */
const char *captured_log_stop(void);

/* Number of lines that contain a word; of all if it is NULL. */
unsigned int captured_log_lines(const char *word);

#endif /* CAPTURED_LOG_H */
