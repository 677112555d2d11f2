/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_EVENTFDS_H
#define MEDIATOR_EVENTFDS_H

/*
 * Eventfds that others hold too. Whoever has one can fill its counter and make it
 * blocking at any time, so neither read(2) nor write(2) is safe for a program that must
 * not wait.
 */

#include <stdbool.h>

/*
 * Have the kernel's part ready before others can use up what there is of it: an eventfd is
 * raised less safely without.
 */
void eventfd_prepare(void);

/* False for what is certainly something else. */
bool eventfd_check(int fd);

/*
 * Add one to the counter, or leave it if it is full; never waits. 0; -EINVAL: not an
 * eventfd; or another negative errno.
 */
int eventfd_raise(int fd);

#endif /* MEDIATOR_EVENTFDS_H */
