/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef BENCH_BURST_DEVICE_H
#define BENCH_BURST_DEVICE_H

/*
 * A network device that recycles descriptors: it fills receive buffers with frames of
 * one size, and takes what is transmitted. It runs in the thread of the driver, between
 * what is measured.
 *
 * While it checks, each frame has a number and bytes that follow from it; the driver's
 * user forwards all frames in order, so that what is transmitted is known.
 */

#include <stdbool.h>
#include <stdint.h>

#include "bench_burst_ring.h"

struct burst_device {
	/* set by the user before burst_device_init() */
	uint16_t size;            /* of a frame, bytes */
	uint16_t segments;        /* receive buffers that a frame takes */
	bool shuffle;             /* return buffers in any order */
	struct burst_ring rx, tx;
	/* results */
	uint64_t received;        /* frames given to the driver */
	uint64_t transmitted;     /* frames that came back */
	uint64_t checked;         /* of those, with the content that they had */
	const char *wrong;        /* what was wrong with the first that was; or NULL */
	/* its own */
	bool checks;
	uint32_t random;
	uint64_t next_rx, next_tx; /* numbers of frames */
	struct burst_chain *held_rx, *held_tx; /* when it shuffles */
	uint16_t nr_held_rx, nr_held_tx;
};

/* The rings are there. 0 or -ENOMEM. */
int burst_device_init(struct burst_device *dev);
void burst_device_fini(struct burst_device *dev);

/* From now on, or no more; nothing is under way. */
void burst_device_check(struct burst_device *dev, bool checks);

/* Give the driver so many frames, or fewer if it has not made buffers available. */
unsigned int burst_device_give(struct burst_device *dev, unsigned int count);
/* Take what the driver transmitted and return it. The number of frames. */
unsigned int burst_device_take(struct burst_device *dev);

/* What each frame holds unless the device checks. */
void burst_device_content(uint8_t *frame, uint16_t size, uint64_t number);

#endif /* BENCH_BURST_DEVICE_H */
