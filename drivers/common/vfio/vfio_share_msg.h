/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VFIO_SHARE_MSG_H
#define VFIO_SHARE_MSG_H

/* What the two ends of a shared device say to each other, both of one build. */

#include <stdint.h>

#include "vfio_region.h"

/* Mappable areas that fit into one answer; more are asked for one after the other. */
#define SHARE_AREAS 8
/* Bytes that one message moves. */
#define SHARE_DATA 176

enum share_op {
	SHARE_INFO,
	SHARE_REGION,     /* offset: the first area that is asked for */
	SHARE_READ,
	SHARE_WRITE,
	SHARE_FD,
	SHARE_IOEVENTFD,
};

struct share_req {
	uint32_t op;      /* enum share_op */
	uint32_t index;   /* of the region */
	uint64_t offset;
	uint64_t len;
	uint64_t value;   /* of an ioeventfd */
	uint8_t data[SHARE_DATA]; /* to be written; what is not used is not sent */
};

struct share_region {
	uint64_t size, offset;
	uint32_t flags;
	uint32_t type, subtype;
	uint32_t nr_areas;      /* of the region; the answer has SHARE_AREAS at most */
	uint8_t sparse, msix_mappable;
	struct vfio_region_area areas[SHARE_AREAS];
};

struct share_info {
	uint32_t flags, num_regions, num_irqs;
	uint32_t iova_as_va;
};

struct share_reply {
	int64_t result;   /* bytes that were moved, or a negative errno */
	union {
		struct share_info info;
		struct share_region region;
		uint64_t fd_offset;
		uint8_t data[SHARE_DATA];
	};
};

#endif /* VFIO_SHARE_MSG_H */
