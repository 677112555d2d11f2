/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef FAKE_MP_H
#define FAKE_MP_H

/*
 * EAL's messages between processes, within this one: a request of the secondary process
 * goes to the action that the primary registered. Works by the linker's --wrap.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_eal.h>

struct fake_mp {
	bool secondary;       /* what this process is at the moment */
	bool silent;          /* no process answers */
	bool echo;            /* the other process answers with the request itself */
	int request_errno;    /* what requests fail with; 0: they are sent */
	unsigned int requests;
	int timeout_s;        /* of the last request */
	unsigned int notices; /* messages that want no answer */
	unsigned int replies;
	struct rte_mp_msg last; /* of all of them */
	/* done to a message on its way; NULL: nothing */
	void (*harm_request)(struct rte_mp_msg *msg);
	void (*harm_reply)(struct rte_mp_msg *msg);
};

extern struct fake_mp fake_mp;

void fake_mp_start(void);
void fake_mp_stop(void);
/* What was registered since the start by this name; NULL if nothing. */
rte_mp_t fake_mp_action(const char *name);
/* Of an answer: have it be the one to a request before, see bus_mdev_mp.h. */
void fake_mp_answer_behind(struct rte_mp_msg *msg, uint32_t by);
/* For others that wrap rte_eal_process_type(). */
bool fake_mp_is_secondary(void);

#endif /* FAKE_MP_H */
