/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef FAKE_IPC_H
#define FAKE_IPC_H

/*
 * EAL's inter-process communication with one other process, which answers what a test
 * lets it answer. Works by the linker's --wrap; the tests run without the real one.
 */

#include <rte_eal.h>

struct fake_ipc {
	int request_errno;     /* what requests fail with; 0: they are answered */
	unsigned int requests; /* that were sent */
	unsigned int notices;  /* messages that want no answer */
	unsigned int replies;
	struct rte_mp_msg last; /* of all of them */
};

extern struct fake_ipc fake_ipc;

void fake_ipc_start(void);
void fake_ipc_stop(void);
/* What the drivers registered since the start by this name; NULL if nothing. */
rte_mp_t fake_ipc_action(const char *name);

#endif /* FAKE_IPC_H */
