/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef LINGERING_H
#define LINGERING_H

/*
 * A socket whose close(2) waits, as whoever passes it to another process can arrange: it has
 * more to send than the other end takes, and is told to linger until that is through.
 */

#include <stdbool.h>

/* Seconds that it waits if its other end does nothing. */
#define LINGERING_S 10

struct lingering {
	int fd, other;
	double start; /* seconds of some clock */
};

/* TEST_SUCCESS, or TEST_SKIPPED where there is no network at all. */
int lingering_open(struct lingering *l);
/* Has whatever was done since then waited for it? */
bool lingering_waited(const struct lingering *l);
/* Close the other end, if there is one, and wait until all that was left to a thread is closed. */
void lingering_end(struct lingering *l);

#endif /* LINGERING_H */
