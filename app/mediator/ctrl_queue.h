/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_CTRL_QUEUE_H
#define MEDIATOR_CTRL_QUEUE_H

/*
 * The device's side of a control virtqueue, split or packed, with or without indirect
 * descriptors. The ring is the driver's memory and hostile: chains are bounded, lengths
 * checked, and every access is one of dma_read() and dma_write().
 */

#include <stdbool.h>
#include <stdint.h>

#include "dma_table.h"

/*
 * Bytes of the longest command, class and command included: two MAC tables with 340
 * addresses each. What is longer is refused.
 */
#define CTRL_QUEUE_MAX_COMMAND 4096

/* The command is not over: ctrl_queue_done() will say. No answer of a command. */
#define CTRL_QUEUE_LATER 0xff

/*
 * Do a command (VIRTIO 1.2 s. 5.1.6.5), whose data follows class and command; returns
 * VIRTIO_NET_OK, VIRTIO_NET_ERR or CTRL_QUEUE_LATER. It may stop the queue, but not
 * start it.
 */
typedef uint8_t (ctrl_queue_command)(void *arg, uint8_t class, uint8_t command,
		const uint8_t *data, uint32_t len);

struct ctrl_queue_conf {
	bool packed;
	bool indirect;           /* INDIRECT_DESC was agreed on */
	uint16_t size;
	uint64_t desc, avail, used; /* packed: ring, driver's and device's event areas */
};

struct ctrl_queue {
	struct dma_table *memory;
	ctrl_queue_command *command;
	void *arg;
	struct ctrl_queue_conf conf;
	bool started;
	bool broken;             /* until it is started again */
	bool more;               /* the last run has left commands, perhaps */
	bool waits;              /* for the end of a command, whose chain is this: */
	struct ctrl_held {
		uint16_t id, slots;
		uint64_t ack;
	} held;
	uint16_t avail_idx, used_idx; /* packed: avail_idx is the place in the ring */
	bool wrap;               /* packed: the wrap counter */
};

void ctrl_queue_init(struct ctrl_queue *cq, struct dma_table *memory,
		ctrl_queue_command *command, void *arg);
/* Begin with an empty ring; 0 or -EINVAL: size or addresses that cannot be. */
int ctrl_queue_start(struct ctrl_queue *cq, const struct ctrl_queue_conf *conf);
void ctrl_queue_stop(struct ctrl_queue *cq);
/*
 * Do the commands that wait, one ring full of them at most, and none behind one that is
 * not over; after many descriptors the rest is left for another run (more). 1: and the
 * driver wants an interrupt; 0; -EPROTO, once: the ring makes no sense, and is not used
 * any more.
 */
int ctrl_queue_run(struct ctrl_queue *cq);
/* Answer the one that was not over, and go on; returns the same. 0 if there is none. */
int ctrl_queue_done(struct ctrl_queue *cq, uint8_t answer);

#endif /* MEDIATOR_CTRL_QUEUE_H */
