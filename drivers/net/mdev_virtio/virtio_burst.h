/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTIO_BURST_H
#define VIRTIO_BURST_H

/*
 * What the bodies of all burst functions have in common: their constant flags, and
 * what a burst counts. A burst function is such a body with flags that the compiler
 * knows.
 */

#include <string.h>

#include <rte_ether.h>

#include "virtqueue_checks.h"
#include "virtqueue_packed.h"
#include "virtqueue_split.h"

#define BURST_PACKED 0x1
#define BURST_IN_ORDER 0x2
#define BURST_MERGEABLE 0x4
#define BURST_OFFLOAD 0x8
#define BURST_VECTOR 0x10
#define BURST_FLAGS 0x1f

/* Lengths beyond which a frame is in the next bin, the last one unused. */
typedef int16_t burst_lanes __attribute__((vector_size(16)));
static const burst_lanes burst_bins = {
	63, 64, 127, 255, 511, 1023, RTE_ETHER_MAX_LEN, INT16_MAX,
};

/* Counted in registers, and added to the queue's statistics at the end of a burst. */
struct burst_sums {
	uint64_t bytes;
	burst_lanes beyond; /* frames longer than each of the lengths above */
};

/* A frame to be sent may begin at any address, which struct rte_ether_addr may not. */
static VIRTIO_BURST_INLINE void
burst_count_address(struct virtqueue_stats *stats, const uint8_t *to)
{
	static const uint8_t broadcast[RTE_ETHER_ADDR_LEN] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	};

	if (likely((to[0] & RTE_ETHER_GROUP_ADDR) == 0))
		return;
	if (memcmp(to, broadcast, sizeof(broadcast)) == 0)
		stats->broadcast++;
	else
		stats->multicast++;
}

static VIRTIO_BURST_INLINE void
burst_count_len(struct burst_sums *sums, uint32_t len)
{
	const int16_t lane = RTE_MIN(len, (uint32_t)INT16_MAX);

	sums->bytes += len;
	sums->beyond -= (lane - (burst_lanes){ 0 }) > burst_bins;
}

static VIRTIO_BURST_INLINE void
burst_count(struct virtqueue_stats *stats, struct burst_sums *sums, uint32_t len,
		const void *frame)
{
	burst_count_len(sums, len);
	burst_count_address(stats, frame);
}

static VIRTIO_BURST_INLINE void
burst_publish_sums(struct virtqueue_stats *stats, const struct burst_sums *sums,
		uint16_t packets)
{
	uint16_t beyond[VIRTQUEUE_SIZE_BINS], more = packets;
	unsigned int i;

	RTE_BUILD_BUG_ON(sizeof(beyond) != sizeof(sums->beyond));
	memcpy(beyond, &sums->beyond, sizeof(beyond));
	stats->packets += packets;
	stats->bytes += sums->bytes;
	for (i = 0; i < VIRTQUEUE_SIZE_BINS; i++) {
		stats->size_bins[i] += more - beyond[i];
		more = beyond[i];
	}
}

#endif /* VIRTIO_BURST_H */
