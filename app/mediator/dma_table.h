/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_DMA_TABLE_H
#define MEDIATOR_DMA_TABLE_H

/*
 * The memory that a client has given to its device: which file is behind which
 * addresses. Everything here comes from the client and is hostile.
 */

#include <stdbool.h>
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
	dev_t dev;
	ino_t ino;
	uint64_t page;    /* size of its pages, bytes */
};

/*
 * A part of a region that is mapped for dma_write(). No more than some such parts are: a
 * client that gives away terabytes would leave no addresses for others.
 */
struct dma_window {
	const struct dma_region *region; /* NULL: unused */
	uint64_t start;   /* offset of the file, bytes */
	size_t len;
	uint8_t *addr;
};

#define DMA_TABLE_WINDOWS 4

struct dma_table {
	TAILQ_HEAD(, dma_region) regions;
	void *root;                  /* the same ones, for tsearch(3) */
	unsigned int count;
	struct dma_window windows[DMA_TABLE_WINDOWS];
	unsigned int next_window;    /* to be used anew */
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
/* Fds that all tables have. */
unsigned int dma_table_files(void);
/* Forget all, close and unmap. */
void dma_table_clear(struct dma_table *table);

/*
 * Add a region. The fd (-1: none) is the table's from then on if it succeeds. Returns
 * 0; -EINVAL: size 0, an address or offset that overflows, or not all of it is there;
 * -ENOTSUP: not memory, see foreign_fd_is_memory(); -EEXIST: overlaps one that is there;
 * -EACCES: the fd allows less than prot; -ENOSPC: too many; -ENOMEM; or what fstat(2) said.
 */
int dma_table_add(struct dma_table *table, uint64_t iova, uint64_t size,
		uint64_t offset, uint32_t prot, int fd);

/* Remove the region of exactly this address and size; -ENOENT: there is none. */
int dma_table_remove(struct dma_table *table, uint64_t iova, uint64_t size);

/*
 * All that the device can reach, neighbours merged: what has an fd and may be read and
 * written, as vhost-user knows no memory of another kind. Returns how many there are; only
 * the first room of them are written.
 */
unsigned int dma_table_merge(const struct dma_table *table, struct dma_range *ranges,
		unsigned int room);

/*
 * Copy from and to the client's memory, for the control queue. 0; -EFAULT: not all of it
 * is there (also where the client has cut the file short meanwhile), or may not be
 * accessed so. Of what has 2, 4 or 8 bytes and is aligned, no one sees a part, unless it
 * changes all the time. Reading what was never written takes no memory.
 */
int dma_read(struct dma_table *table, uint64_t iova, void *buf, size_t len);
int dma_write(struct dma_table *table, uint64_t iova, const void *buf, size_t len);

#endif /* MEDIATOR_DMA_TABLE_H */
