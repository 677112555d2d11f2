/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef LINGERING_H
#define LINGERING_H

/* Files whose last close(2) waits for somebody, as one of FUSE's may. */

/* A connection whose end is to be closed, and has more to send than the other end takes. */
struct lingering {
	int fd, other;
};

/* TEST_SUCCESS, or TEST_SKIPPED: there is no network at all. */
int lingering_open(struct lingering *l);
/* The other end goes, and whoever closes fd waits no longer. */
void lingering_release(struct lingering *l);

#endif /* LINGERING_H */
