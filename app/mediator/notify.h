/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_NOTIFY_H
#define MEDIATOR_NOTIFY_H

/*
 * Tell the service manager how it goes: sd_notify(3), without its library. Does nothing
 * if nobody asked for it by NOTIFY_SOCKET. 0 or a negative errno.
 */
int notify(const char *state);

#endif /* MEDIATOR_NOTIFY_H */
