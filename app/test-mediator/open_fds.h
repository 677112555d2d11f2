/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef TEST_MEDIATOR_OPEN_FDS_H
#define TEST_MEDIATOR_OPEN_FDS_H

/* How many fds this process has, without those of others that are just being closed. */
unsigned int count_open_fds(void);

#endif /* TEST_MEDIATOR_OPEN_FDS_H */
