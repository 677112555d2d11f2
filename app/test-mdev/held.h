/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef HELD_H
#define HELD_H

/* What the process holds, to be compared before and after. */

#include <stdbool.h>
#include <stddef.h>

struct held {
	size_t fds;       /* file descriptors */
	size_t maps;      /* mappings, but for malloc's; 0 under a sanitizer */
	size_t heap;      /* blocks of malloc(); bytes under a sanitizer */
	size_t rte_blocks, rte_bytes; /* DPDK's heap */
	size_t ports;
};

void held_now(struct held *held);
/*
 * Is it the same as before? Says what differs, with print. EAL's interrupt thread takes and gives
 * back at any time: looks again for a while.
 */
bool held_same(const struct held *before, bool print);

#endif /* HELD_H */
