/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef STAGE_H
#define STAGE_H

/* Where tests with a backend take place: a folder, turns, and what is left open behind. */

#include "loop.h"
#include "scripted_backend.h"

#define STAGE_DIR_LEN 64

struct stage {
	char dir[STAGE_DIR_LEN]; /* "": it could not be made */
	unsigned int fds;        /* open ones before it all */
};

/* Times that nothing waits for. */
extern const struct vu_times stage_times;

void stage_open(struct stage *stage);
/* Everything in the folder must be gone, and all fds closed. */
void stage_close(const struct stage *stage);
/* A test case, the last one: no stage was closed with an fd that was left open. */
int stage_no_leaks(void);

/* A round of the loop, and as many of the backend as it has something to do. */
void stage_round(struct loop *loop, struct backend *backend);
/* Rounds until nobody has anything to do. */
void stage_settle(struct loop *loop, struct backend *backend);

#endif /* STAGE_H */
