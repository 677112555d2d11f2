/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef TWICE_MAPPED_H
#define TWICE_MAPPED_H

/*
 * Memory that an application has at one address and a device at another one, so that
 * tests see which of them went where.
 */

#include <stddef.h>
#include <stdint.h>

struct twice_mapped {
	uint8_t *addr;   /* the application's */
	uint8_t *device; /* the device's: what is an IOVA */
	size_t len;
};

/* Map memory twice, all zeros. 0 or -1. */
int twice_map(struct twice_mapped *memory, size_t len);
/* Does nothing to what is all zeros. */
void twice_unmap(struct twice_mapped *memory);

#endif /* TWICE_MAPPED_H */
