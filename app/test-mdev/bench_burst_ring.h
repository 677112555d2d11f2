/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef BENCH_BURST_RING_H
#define BENCH_BURST_RING_H

/*
 * The device's side of a split or packed virtqueue (VIRTIO 1.2 s. 2.7, 2.8) of a driver
 * in the same process: addresses are those of this process, and each one is looked up in
 * the memory table before it is followed. Unlike mirror_ring.h, which tests what a driver
 * writes, it takes both layouts and indirect descriptors, and does not wait.
 */

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_ring.h>

#define BURST_CHAIN_MAX 16
#define BURST_REGIONS_MAX 8

struct burst_memory {
	unsigned int count;
	struct {
		uint64_t addr;
		uint64_t len;
	} region[BURST_REGIONS_MAX];
};

struct burst_buf {
	uint8_t *addr;
	uint32_t len;
};

/* What the driver made available at once. */
struct burst_chain {
	uint16_t id;
	uint16_t slots;       /* places of the ring that it takes; 0: an empty chain */
	uint16_t nr_bufs;
	bool writable;        /* by the device */
	struct burst_buf buf[BURST_CHAIN_MAX];
};

struct burst_ring {
	const struct burst_memory *memory;
	bool packed;
	uint16_t size;
	/* split: free running; packed: a place, and the counter beside it */
	uint16_t avail_idx;
	uint16_t used_idx;
	bool avail_wrap;
	bool used_wrap;
	union {
		struct {
			struct vring_desc *desc;
			struct vring_avail *avail;
			struct vring_used *used;
		} split;
		struct {
			struct vring_packed_desc *desc;
			struct vring_packed_desc_event *device;
		} pack;
	};
};

/*
 * Begin with a ring that the driver has just set up, and tell the driver not to kick.
 * 0, or -EFAULT: an address is not in the memory table.
 */
int burst_ring_init(struct burst_ring *ring, const struct burst_memory *memory,
		bool packed, uint16_t size, uint64_t desc, uint64_t avail, uint64_t used);

/*
 * Take the next chain. 1, 0 if there is none, or a negative errno: -EPROTO, the driver
 * broke a rule, -EFAULT, an address is not in the memory table.
 */
int burst_ring_pop(struct burst_ring *ring, struct burst_chain *chain);

/* Return a chain with len bytes written. Visible after burst_ring_publish(). */
void burst_ring_push(struct burst_ring *ring, const struct burst_chain *chain,
		uint32_t len);
void burst_ring_publish(struct burst_ring *ring);

/* Whether the process's memory from addr on is all in the memory table. */
bool burst_memory_has(const struct burst_memory *memory, uint64_t addr, uint64_t len);

#endif /* BENCH_BURST_RING_H */
