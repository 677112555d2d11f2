/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_CTRL_QUEUE_PRIVATE_H
#define MEDIATOR_CTRL_QUEUE_PRIVATE_H

/* Between ctrl_queue.c and the two layouts of rings. */

#include "ctrl_queue.h"

/* The command at hand, gathered from a chain of descriptors. */
struct ctrl_chain {
	uint32_t looked;    /* descriptors that this run has looked at */
	uint32_t count;     /* descriptors of the chain */
	/*
	 * What its answer needs. id: split: of the first descriptor; packed: of the buffer;
	 * slots: packed: places of the ring; ack: the address of the answer.
	 */
	struct ctrl_held held;
	bool writable;      /* the device-writable part has begun */
	bool has_ack;       /* and has a first byte, the answer */
	bool too_long;      /* there was more than there is room for */
	uint32_t len;
	uint8_t bytes[CTRL_QUEUE_MAX_COMMAND];
};

/* The contract of a layout. Whatever is wrong is -EPROTO. */
struct ctrl_ring_ops {
	/* Whether the places can be; 0 or -EINVAL. */
	int (*start)(struct ctrl_queue *cq);
	/* Gather the next chain. 1, or 0 if there is none. */
	int (*next)(struct ctrl_queue *cq, struct ctrl_chain *chain);
	/* Return it to the driver, with so many bytes written. */
	int (*used)(struct ctrl_queue *cq, const struct ctrl_held *held, uint32_t len);
	/* 1 if the driver wants to hear of it, or 0. */
	int (*wants_interrupt)(struct ctrl_queue *cq);
};

extern const struct ctrl_ring_ops ctrl_ring_split, ctrl_ring_packed;

/* A part of a chain, in the chain's order. */
int ctrl_chain_add(struct ctrl_queue *cq, struct ctrl_chain *chain, uint64_t addr,
		uint32_t len, bool writable);

/* Whether a part of a ring can be there. */
bool ctrl_ring_place_ok(uint64_t addr, uint64_t size, uint64_t align);

/* Fields of the ring, which are little-endian (s. 1.4) and of one access each. */
int ctrl_ring_read16(struct ctrl_queue *cq, uint64_t addr, uint16_t *value);
int ctrl_ring_write16(struct ctrl_queue *cq, uint64_t addr, uint16_t value);
int ctrl_ring_write32(struct ctrl_queue *cq, uint64_t addr, uint32_t value);

#endif /* MEDIATOR_CTRL_QUEUE_PRIVATE_H */
