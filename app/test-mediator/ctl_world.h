/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef CTL_WORLD_H
#define CTL_WORLD_H

/* A mediator with its control socket, and somebody who asks it. One thread serves all. */

#include "ctl.h"
#include "loop.h"
#include "mediator.h"
#include "publish.h"

struct ctl_world {
	struct loop *loop;
	struct publish *publish;
	struct mediator mediator;
	struct ctl *ctl;
	char answer[1 << 16];   /* the last one */
};

extern struct ctl_world cw;

/* Setups, the second with no time for anybody; teardown. */
int cw_start(void);
int cw_start_hasty(void);
void cw_stop(void);

/* Turns of the loop, each of which waits a little, before a test gives up. */
#define TURNS 1000
#define TURN_MS 10

/* Let the mediator work until it has nothing to do any more. */
void cw_settle(void);
/* An fd, or a negative errno. */
int cw_connect(void);
/* Receive what is there, behind the len bytes of before; true at the end of the stream. */
bool cw_receive(int fd, size_t *len);
/* The same, and serve until the stream has ended; false: it does not. */
bool cw_receive_all(int fd, size_t *len);
/* Ask, and get all of the answer; "?" if there is no end of it. */
const char *cw_ask(const char *request);
const char *cw_ask_bytes(const char *request, size_t request_len);

#endif /* CTL_WORLD_H */
