/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef FAKE_VFIO_H
#define FAKE_VFIO_H

/*
 * A transport whose one device answers what a test tells it to, true or not.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/vfio.h>

#include <vfio_dev.h>

struct vfio_transport_ops;

#define FAKE_VFIO_BASE "/fake-vfio"
#define FAKE_VFIO_ADDR "device"
#define FAKE_VFIO_REGIONS VFIO_PCI_NUM_REGIONS
#define FAKE_VFIO_IRQS VFIO_PCI_NUM_IRQS
#define FAKE_VFIO_VECTORS 8

/* The operation that is to fail, once. */
enum fake_vfio_op {
	FAKE_OP_NONE,
	FAKE_OP_OPEN,
	FAKE_OP_GET_INFO,
	FAKE_OP_GET_REGION_INFO,
	FAKE_OP_REGION_READ,
	FAKE_OP_REGION_WRITE,
	FAKE_OP_REGION_MMAP,
	FAKE_OP_REGION_FD,
	FAKE_OP_REGION_IOEVENTFD,
	FAKE_OP_GET_IRQ_INFO,
	FAKE_OP_SET_IRQS,
	FAKE_OP_RESET,
	FAKE_OP_DMA_MAP,
	FAKE_OP_DMA_UNMAP,
};

struct fake_vfio_region {
	uint64_t size;
	uint64_t offset;
	uint32_t flags;
	uint32_t argsz;        /* size of the answer; 0 for one without a chain */
	uint32_t cap_offset;
	uint8_t caps[512];     /* what follows the plain information */
	uint64_t backed;       /* bytes of memory behind it; 0 for none */
	int fd;                /* that memory */
	uint8_t *mem;
	/* instead of that memory, where a test has registers; NULL: none */
	void (*read)(uint64_t offset, void *buf, size_t len);
	void (*write)(uint64_t offset, const void *buf, size_t len);
	unsigned int reads, writes; /* through the transport */
};

struct fake_vfio_irq {
	uint32_t flags;
	uint32_t count;
	int fds[FAKE_VFIO_VECTORS]; /* as set; -1 for none */
	bool masked[FAKE_VFIO_VECTORS];
};

/* Set by tests between fake_vfio_start() and opening. */
struct fake_vfio {
	const char *base;        /* folder whose devices it serves */
	const char *addr;        /* the only device there; NULL for all */
	struct vfio_device_info info;
	struct fake_vfio_region regions[FAKE_VFIO_REGIONS];
	struct fake_vfio_irq irqs[FAKE_VFIO_IRQS];
	enum fake_vfio_op fail;  /* this operation fails, */
	unsigned int fail_after; /* after it went well so many times */
	size_t max_transfer;     /* reads and writes are cut to it; 0 for no limit */
	bool gone;               /* reads, writes and resets find no device */
	int gone_fd;             /* what tells that the device is gone; -1: nothing */
	int ioeventfd;           /* of every doorbell; -1: there is none */
	bool strict_argsz;       /* refuse an argsz that is larger than needed */
	int opened;              /* opens minus closes */
	unsigned int opens;
	int dma_mapped;          /* maps minus unmaps */
	void (*dma_unmapping)(void); /* called while one is unmapped; NULL: nothing */
	unsigned int resets;
	uint64_t dma_iova;       /* of the last mapping */
};

extern struct fake_vfio fake_vfio;

/* Its operations. */
extern const struct vfio_transport_ops *fake_vfio_ops;

/* Register the transport with a PCI device that has no region and no vector. */
int fake_vfio_start(void);
/* Its devices get virtual addresses from now on. */
void fake_vfio_use_va(void);
/* Unregister it and free its memory. */
void fake_vfio_stop(void);
/* Give a region memory of its size. */
int fake_vfio_back(uint32_t index, uint64_t size, uint32_t flags);
/*
 * Append a capability to a region's answer and link it to the one before.
 * Returns its offset.
 */
uint32_t fake_vfio_add_cap(uint32_t index, uint16_t id, const void *data,
		size_t len);
/* Append the capability for sparse areas, given as offset and size in turn. */
uint32_t fake_vfio_add_sparse(uint32_t index, uint32_t nr_areas,
		const uint64_t *areas);

#endif /* FAKE_VFIO_H */
