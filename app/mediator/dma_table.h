/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_DMA_TABLE_H
#define MEDIATOR_DMA_TABLE_H

/*
 * The memory that a client has given to its device: which file is behind which
 * addresses. Everything here comes from the client and is hostile.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

struct dma_region {
	TAILQ_ENTRY(dma_region) next; /* by address */
	uint64_t iova;    /* address of the device's */
	uint64_t size;    /* bytes */
	uint64_t offset;  /* of the file, bytes */
	uint32_t prot;    /* PROT_READ, PROT_WRITE */
	int fd;           /* owned; -1: nothing that the device could reach */
	dev_t dev;        /* which file it is */
	ino_t ino;
	void *addr;       /* mapped for dma_read() and dma_write(); NULL: not yet */
};

struct dma_table {
	TAILQ_HEAD(, dma_region) regions;
	unsigned int count;
};

/* A client has so many at most. */
#define DMA_TABLE_MAX 65536

/* One or more neighbours as one: contiguous addresses in one file. */
struct dma_range {
	uint64_t iova;
	uint64_t size;
	uint64_t offset;
	int fd;           /* of the first; stays the table's */
};

void dma_table_init(struct dma_table *table);
/* Forget all, close and unmap. */
void dma_table_clear(struct dma_table *table);

/*
 * Add a region. The fd (-1: none) is the table's from then on if it succeeds. Returns
 * 0; -EINVAL: size 0, or an address or offset that overflows; -EEXIST: overlaps one that
 * is there; -ENOSPC: too many; -ENOMEM; or what fstat(2) said.
 */
int dma_table_add(struct dma_table *table, uint64_t iova, uint64_t size,
		uint64_t offset, uint32_t prot, int fd);

/* Remove the region of exactly this address and size; -ENOENT: there is none. */
int dma_table_remove(struct dma_table *table, uint64_t iova, uint64_t size);

/*
 * All that the device can reach, neighbours merged. Returns how many there are; only the
 * first room of them are written.
 */
unsigned int dma_table_merge(const struct dma_table *table, struct dma_range *ranges,
		unsigned int room);

/*
 * Copy from and to the client's memory, for the control queue. 0; -EFAULT: not all of it
 * is there (also where the client has cut the file short under the mapping), or may not
 * be accessed so. Accesses of 2, 4 and 8 bytes, aligned, are single ones.
 */
int dma_read(struct dma_table *table, uint64_t iova, void *buf, size_t len);
int dma_write(struct dma_table *table, uint64_t iova, const void *buf, size_t len);

#endif /* MEDIATOR_DMA_TABLE_H */
