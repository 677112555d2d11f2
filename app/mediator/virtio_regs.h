/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_VIRTIO_REGS_H
#define MEDIATOR_VIRTIO_REGS_H

/*
 * The common configuration of a virtio device over PCI (VIRTIO 1.2 s. 4.1.4.3): status,
 * features, and the registers of its queues. Bytes come and go in any order and width;
 * what they lead to is told to the user of this.
 */

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_pci.h>

struct virtio_queue {
	uint16_t size;
	uint16_t vector;         /* VIRTIO_MSI_NO_VECTOR: none */
	bool enabled;
	uint64_t desc, avail, used; /* packed: ring, driver's and device's area */
};

struct virtio_regs_ops {
	/* The driver wants FEATURES_OK with these, a part of those offered. */
	bool (*features_ok)(void *arg, uint64_t features);
	/*
	 * The driver writes DRIVER_OK, with features agreed on. This puts it into the
	 * status and returns 0, or a negative errno.
	 */
	int (*driver_ok)(void *arg);
	/* The driver has given up. */
	void (*failed)(void *arg);
	/*
	 * The driver asks for a reset: virtio_regs_reset() when it is done, in here or
	 * later. Returns 0, or what the write is answered with.
	 */
	int (*reset)(void *arg);
	/* The interrupt vector of a queue has changed. */
	void (*vector)(void *arg, uint16_t queue);
	/* Of which doorbell a queue is. */
	uint16_t (*notify_off)(void *arg, uint16_t queue);
};

struct virtio_regs {
	/* set by its user, with the device reset */
	const struct virtio_regs_ops *ops;
	void *arg;
	struct virtio_queue *queues; /* nr_queues of them */
	uint16_t max_size;       /* of a queue, a power of two */
	uint16_t nr_vectors;
	uint16_t nr_queues;      /* that the device has at most */
	uint64_t offered;
	/* set by its user at any time */
	uint16_t usable;         /* queues, by the features agreed on */
	bool resetting;          /* a reset is not over: nothing else is listened to */
	uint8_t generation;
	/* set by the driver */
	uint8_t status;          /* NEEDS_RESET by the user of this */
	uint32_t offered_select, features_select;
	uint64_t features;
	uint16_t config_vector, queue_select;
};

#define VIRTIO_REGS_SIZE sizeof(struct virtio_pci_common_cfg)

/* As after a reset, with the number of queues of now. */
void virtio_regs_reset(struct virtio_regs *regs);

/* Any range within the structure. */
void virtio_regs_read(const struct virtio_regs *regs, uint32_t offset, void *buf,
		uint32_t len);
/*
 * Registers are set in the order of their addresses; one that is written in part keeps
 * the rest. Returns the first answer of the ops that was not 0.
 */
int virtio_regs_write(struct virtio_regs *regs, uint32_t offset, const void *buf,
		uint32_t len);

/* The driver has come to an agreement with the device on the features. */
bool virtio_regs_agreed(const struct virtio_regs *regs);
/* The driver drives it, and neither side has given up. */
bool virtio_regs_live(const struct virtio_regs *regs);
/* A feature was agreed on. */
bool virtio_regs_has(const struct virtio_regs *regs, unsigned int bit);

#endif /* MEDIATOR_VIRTIO_REGS_H */
