/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef TEST_MEDIATOR_OPEN_FDS_H
#define TEST_MEDIATOR_OPEN_FDS_H

#include <sys/resource.h>

/* How many fds this process has, without those of others that are just being closed. */
unsigned int count_open_fds(void);

/*
 * Take all fds that this process may have, room at most; returns how many, or -1. Those
 * at the end may be closed again.
 */
int take_fds(int *fds, unsigned int room, struct rlimit *before);
void give_fds(const int *fds, int count, const struct rlimit *before);

#endif /* TEST_MEDIATOR_OPEN_FDS_H */
