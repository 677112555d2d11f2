/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef CTRL_RING_H
#define CTRL_RING_H

/*
 * The driver's side of a control virtqueue, split or packed, in memory that the device
 * reaches through a table as it would a client's. It can be told to write nonsense.
 */

#include <stdbool.h>
#include <stdint.h>

#include "ctrl_queue.h"

#define CTRL_RING_MEMORY (4u << 20)
#define CTRL_RING_IOVA UINT64_C(0x700000000)

/* Offsets of the parts; those of the ring have room for 32768 descriptors. */
#define CTRL_RING_DESC 0u
#define CTRL_RING_AVAIL 0x80000u
#define CTRL_RING_USED 0xa0000u
#define CTRL_RING_TABLES 0x100000u
#define CTRL_RING_DATA 0x300000u

/* A descriptor, or what is to be one. */
struct ctrl_ring_part {
	uint64_t addr;
	uint32_t len;
	uint16_t flags; /* VRING_DESC_F_* */
	uint16_t next;  /* split, where it is not the following one */
};

struct ctrl_ring {
	struct dma_table table;
	uint8_t *memory;
	struct ctrl_queue_conf conf;
	uint16_t idx;      /* of the next chain; packed: of the next descriptor */
	uint16_t used_idx;
	bool wrap, used_wrap;
	uint16_t free_desc; /* split: the next free descriptor */
	uint16_t tables;   /* indirect ones so far */
};

/* Memory, all zero, and the place of a ring. 0 or -1. */
int ctrl_ring_create(struct ctrl_ring *ring);
void ctrl_ring_destroy(struct ctrl_ring *ring);
/* Zero all memory and begin with another empty ring. */
void ctrl_ring_reset(struct ctrl_ring *ring, bool packed, bool indirect, uint16_t size);

static inline uint64_t
ctrl_ring_iova(uint32_t offset)
{
	return CTRL_RING_IOVA + offset;
}

/* Write descriptors from index on, which wraps; split: each names the following one. */
void ctrl_ring_write(struct ctrl_ring *ring, uint16_t index,
		const struct ctrl_ring_part *parts, unsigned int count);
/* Write an indirect table. */
void ctrl_ring_write_table(struct ctrl_ring *ring, uint32_t offset,
		const struct ctrl_ring_part *parts, unsigned int count);
/* Make a chain available that begins with descriptor head and has so many of the ring. */
void ctrl_ring_publish(struct ctrl_ring *ring, uint16_t head, unsigned int count);
/*
 * All of it for a chain of parts, NEXT set where it belongs. indirect: by a table with
 * one descriptor in the ring.
 */
void ctrl_ring_put(struct ctrl_ring *ring, const struct ctrl_ring_part *parts,
		unsigned int count, bool indirect);
/*
 * The next chain that the device has used, of so many descriptors (packed), its id and
 * length. 1, or 0 if there is none.
 */
int ctrl_ring_get(struct ctrl_ring *ring, unsigned int count, uint16_t *id,
		uint32_t *len);
/* Want interrupts or not. */
void ctrl_ring_interrupts(struct ctrl_ring *ring, bool on);

#endif /* CTRL_RING_H */
