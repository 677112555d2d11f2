/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTIO_FUNCTION_H
#define VIRTIO_FUNCTION_H

/*
 * A virtio PCI function without anything behind it, which remembers what its registers
 * led to, and the accesses of a client to it.
 */

#include "test.h"
#include "virtio_pci.h"

#define FUNCTION_QUEUES 5
#define FUNCTION_VECTORS 6
#define FUNCTION_MAX_SIZE 256
#define FUNCTION_OFFERED (UINT64_C(1) << 32 | UINT64_C(1) << 34 | 0x30021)

struct function {
	struct virtio_pci pci;
	struct virtio_regs regs;
	struct virtio_queue queues[FUNCTION_QUEUES];
	/* set by tests */
	bool refuse_features;
	int driver_ok_ret;
	bool slow_reset;            /* it is not over when it is asked for */
	/* of use to tests */
	unsigned int asked, started, failed, resets, vectors, notified;
	uint16_t last_notify;
};

extern struct function function;

/* A setup and its teardown. */
int function_start(void);
void function_stop(void);

uint32_t function_read(uint32_t index, uint64_t offset, uint32_t width);
int function_write(uint32_t index, uint64_t offset, uint32_t width, uint64_t value);
/* Registers of the common configuration, by their offsets in it. */
uint32_t common_read(uint32_t offset, uint32_t width);
int common_write(uint32_t offset, uint32_t width, uint64_t value);
/* Negotiate features, up to FEATURES_OK. Returns the status. */
uint8_t function_negotiate(uint64_t features);

#endif /* VIRTIO_FUNCTION_H */
