/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the two layouts of a virtqueue have in common, and where they differ.
 */
#ifndef MDEV_VIRTIO_RING_H
#define MDEV_VIRTIO_RING_H

#include "mdev_virtio.h"

/**
 * struct mvdev_ring_layout - a layout's part of mdev_virtio_ring_*()
 * @set_address: check the areas' sizes and alignments, and set them
 * @set_state: start from a state as @get_state returns it
 * @get_state: what comes next: an index; packed: bit 15 is the wrap counter
 * @pop: see mdev_virtio_ring_pop(); @chain is zeroed
 * @unpop: see mdev_virtio_ring_unpop()
 * @put_used: write a used element that stands for @slots slots; the first one since
 *	ring.unpublished was 0 must not be visible yet
 * @show_used: make what @put_used has written visible, the first one last
 * @wants_interrupt: after that: 1, 0, or a negative errno
 * @listen: ask for a notification of the next chain, with EVENT_IDX: 1 if there is
 *	one already, 0, or a negative errno
 */
struct mvdev_ring_layout {
	int (*set_address)(struct mdev_virtio_ring *ring, u64 desc, u64 driver,
			   u64 device);
	void (*set_state)(struct mdev_virtio_ring *ring, u16 state);
	u16 (*get_state)(const struct mdev_virtio_ring *ring);
	int (*pop)(struct mdev_virtio_ring *ring,
		   struct mdev_virtio_chain *chain,
		   struct mdev_virtio_iov *iov, unsigned int max);
	void (*unpop)(struct mdev_virtio_ring *ring,
		      const struct mdev_virtio_chain *chain);
	int (*put_used)(struct mdev_virtio_ring *ring, u16 id, u32 len,
			u16 slots);
	int (*show_used)(struct mdev_virtio_ring *ring);
	int (*wants_interrupt)(struct mdev_virtio_ring *ring);
	int (*listen)(struct mdev_virtio_ring *ring);
};

extern const struct mvdev_ring_layout mvdev_ring_split;
extern const struct mvdev_ring_layout mvdev_ring_packed;

/* 0 or a negative errno; a short transfer is an error. */
int mvdev_dma_read(struct mdev_virtio_device *mvdev, u64 addr, void *buf,
		   size_t len);
int mvdev_dma_write(struct mdev_virtio_device *mvdev, u64 addr,
		    const void *buf, size_t len);

/* Is an area of the client's memory aligned, and does not wrap around? */
bool mvdev_area_valid(u64 addr, size_t size, size_t align);

/*
 * Append a descriptor's piece to @chain: readable ones first, nothing that wraps.
 * -ENOSPC: @iov has no more than @max.
 */
int mvdev_chain_add(struct mdev_virtio_chain *chain,
		    struct mdev_virtio_iov *iov, unsigned int max, u64 addr,
		    u32 len, bool in);

#endif /* MDEV_VIRTIO_RING_H */
