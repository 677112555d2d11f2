/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_CTL_H
#define MEDIATOR_CTL_H

/*
 * The control socket: one command a connection, for the mediator's user and root.
 *
 * A request is a line, "list", "show <uuid>", "add <specification>", "remove <uuid>", the
 * last one with milliseconds behind it if the client is to have another time than usual, or
 * with "unused" if the device is to stay where somebody has it.
 * The answer is a line "ok <length>" and so many bytes, or a line "error: <text>"; then the
 * connection is closed. Lines "wait: <text>" come before it while it takes time. Whoever
 * takes too long for either is disconnected.
 */

#include "mediator.h"

#define CTL_OK "ok "
#define CTL_ERROR "error: "
#define CTL_WAIT "wait: "

/* Bytes of a request; connections at a time; their time as a rule. */
#define CTL_REQUEST_LEN 1536
#define CTL_MAX_CLIENTS 16
#define CTL_TIME_LIMIT_MS 5000
/* What the client of a device gets to let go of it, as a rule and at most. */
#define CTL_REMOVE_MS 5000
#define CTL_REMOVE_MAX_MS 3600000

struct ctl;

/*
 * Listen at a path; limit_ms: how long a connection may last. 0 or a negative errno,
 * logged.
 */
int ctl_create(struct mediator *mediator, const char *path, uint32_t limit_ms,
		struct ctl **ctl);
/* Close all and remove the socket. NULL does nothing. */
void ctl_destroy(struct ctl *ctl);

/* Connections at present, for tests. */
unsigned int ctl_clients(const struct ctl *ctl);

/*
 * The other side, a program of its own: "ctl [--root DIR] [--name INSTANCE] COMMAND
 * [ARGUMENT]". Returns its exit status: 0, 1 if it failed, 2 if it was called wrongly.
 */
int ctl_main(int argc, char **argv);

#endif /* MEDIATOR_CTL_H */
