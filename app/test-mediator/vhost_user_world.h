/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VHOST_USER_WORLD_H
#define VHOST_USER_WORLD_H

/* What the tests of the vhost-user front-end share: a front-end, a backend, a loop. */

#include "scripted_backend.h"
#include "stage.h"
#include "test.h"

#define WORLD_PAIRS 128
/* Addresses of the memory that the backend is given: one page of rings, and buffers. */
#define WORLD_IOVA UINT64_C(0x7f0000000000)
#define WORLD_SIZE UINT64_C(0x200000)

enum world_event { WORLD_UP, WORLD_DOWN, WORLD_DONE, WORLD_EVENTS };

struct world {
	struct loop *loop;
	struct vhost_user *vu;
	struct backend backend;
	struct vu_times times;
	struct stage stage;
	char path[96];
	unsigned int count[WORLD_EVENTS];
	unsigned int called;             /* how often, and */
	unsigned int called_index;       /* of the last one */
	int ret;                         /* of the last done() */
	int destroy_at;                  /* enum world_event; -1: never */
	int memory;                      /* memfd */
	int kick, call;                  /* eventfds */
	struct dma_range ranges[VHOST_USER_MAX_REGIONS + 1];
	struct vhost_user_vring vrings[2 * WORLD_PAIRS];
};

extern struct world world;

/* Setups: the front-end connects; it listens. */
int world_connects(void);
int world_listens(void);
/* Teardown. */
void world_stop(void);

/* 0 or a negative errno. */
int world_create(uint16_t max_pairs, bool listens);
/* Start with so many vrings, of 256 entries. */
int world_start(unsigned int nr_vrings);

/* One round of front-end and backend. */
void world_round(void);
/* Many rounds, until it is so; it fails if that never comes. */
#define WORLD_UNTIL(cond) do { \
	unsigned int rounds_ = 0; \
	while (!(cond) && rounds_++ < 20000) \
		world_round(); \
	TEST_ASSERT(cond, "it never comes to that"); \
} while (0)
/* Until neither has anything to do. */
void world_settle(void);

/* Started, and nothing was done since. */
#define STARTED (world.count[WORLD_DONE] == 1)

/* What the backend was told since a message, exactly; the lines end with NULL. */
int world_told(unsigned int from, const char * const *lines);
#define TEST_TOLD(from, ...) do { \
	static const char * const lines_[] = { __VA_ARGS__, NULL }; \
	if (world_told(from, lines_) != TEST_SUCCESS) \
		return TEST_FAILED; \
} while (0)

/* Lines on stderr from here on are kept instead. */
void world_capture(void);
/* How many there were with a text. */
unsigned int world_captured(const char *text);
/* As they are again. */
void world_release(void);

#endif /* VHOST_USER_WORLD_H */
