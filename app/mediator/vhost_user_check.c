/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What is checked before a vhost-user backend is told of it: DPDK's ends the connection
 * over most mistakes, and keeps quiet about the others.
 */

#include <errno.h>
#include <inttypes.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "vhost_user_private.h"

/* Without these of the driver's a backend would misread rings and packets. */
#define MUST_HAVE (VU_BIT(VIRTIO_F_VERSION_1) | VU_BIT(VIRTIO_F_RING_PACKED) | \
	VU_BIT(VIRTIO_NET_F_MRG_RXBUF) | VU_BIT(VIRTIO_RING_F_INDIRECT_DESC))

#define MAX_RING 32768 /* VIRTIO 1.2 s. 2.7, 2.8 */
#define MIN_MTU 68     /* VIRTIO 1.2 s. 5.1.4.1 */

int
vu_check_features(struct vhost_user *vu, uint64_t features, uint16_t mtu)
{
	const uint64_t missing = features & MUST_HAVE & ~vu->offered;

	if (missing != 0) {
		vu_complain(vu, VU_MISUSE,
			"the driver uses features %#" PRIx64 " that backend %s lacks: restart the application",
			missing, vu->conf.path);
		return -EINVAL;
	}
	if (mtu != 0 && mtu < MIN_MTU) {
		vu_complain(vu, VU_MISUSE, "an MTU of %u is too small: set %u or more",
			mtu, MIN_MTU);
		return -EINVAL;
	}
	return 0;
}

int
vu_check_memory(struct vhost_user *vu, const struct dma_range *ranges,
		unsigned int nr_ranges)
{
	unsigned int i;

	if (nr_ranges > VHOST_USER_MAX_REGIONS) {
		vu_complain(vu, VU_MISUSE,
			"the driver's memory is in %u pieces, a backend takes %u: start the application with --single-file-segments",
			nr_ranges, VHOST_USER_MAX_REGIONS);
		return -ENOSPC;
	}
	for (i = 0; i < nr_ranges; i++) {
		if (ranges[i].fd < 0 || ranges[i].size == 0 ||
				ranges[i].iova + ranges[i].size < ranges[i].iova ||
				ranges[i].offset + ranges[i].size < ranges[i].offset) {
			vu_complain(vu, VU_MISUSE,
				"no backend can use the driver's memory at %#" PRIx64 ": its driver is to correct it",
				ranges[i].iova);
			return -EINVAL;
		}
	}
	return 0;
}

static bool
is_within(const struct dma_range *ranges, unsigned int nr_ranges, uint64_t addr,
		uint64_t len)
{
	unsigned int i;

	for (i = 0; i < nr_ranges; i++) {
		if (addr >= ranges[i].iova && len <= ranges[i].size &&
				addr - ranges[i].iova <= ranges[i].size - len)
			return true;
	}
	return false;
}

void
vu_ring_spans(const struct vhost_user_vring *vring, bool packed,
		struct vu_span spans[VU_RING_PARTS])
{
	const uint64_t size = vring->size;

	spans[0] = (struct vu_span) { vring->desc, 16 * size };
	spans[1] = (struct vu_span) { vring->avail, packed ? 4 : 2 * size + 6 };
	spans[2] = (struct vu_span) { vring->used, packed ? 4 : 8 * size + 6 };
}

/*
 * Sizes and alignments of VIRTIO 1.2 s. 2.7 and 2.8. A backend that is told of a ring
 * it cannot reach says nothing, or ends the connection.
 */
static bool
ring_is_valid(const struct vhost_user_vring *vring, bool packed,
		const struct dma_range *ranges, unsigned int nr_ranges)
{
	const unsigned int align[VU_RING_PARTS] = { 16, packed ? 4 : 2, 4 };
	struct vu_span spans[VU_RING_PARTS];
	unsigned int part;

	if (vring->size > MAX_RING || (!packed && (vring->size & (vring->size - 1)) != 0))
		return false;
	vu_ring_spans(vring, packed, spans);
	for (part = 0; part < VU_RING_PARTS; part++) {
		if (spans[part].addr % align[part] != 0 || !is_within(ranges, nr_ranges,
				spans[part].addr, spans[part].len))
			return false;
	}
	return true;
}

/* A ring that cannot be enabled later on is only told of if it is. */
bool
vu_ring_is_used(const struct vhost_user *vu, const struct vhost_user_vring *vring)
{
	return vring->size != 0 && (vring->enabled ||
		(vu->offered & VU_BIT(VU_F_PROTOCOL_FEATURES)) != 0);
}

int
vu_check_vrings(struct vhost_user *vu, uint64_t features, const struct dma_range *ranges,
		unsigned int nr_ranges, const struct vhost_user_vring *vrings,
		unsigned int nr_vrings)
{
	const bool packed = (features & VU_BIT(VIRTIO_F_RING_PACKED)) != 0;
	const unsigned int usable = (features & VU_BIT(VIRTIO_NET_F_MQ)) != 0 ?
		2u * vu->max_pairs : 2;
	unsigned int i;

	for (i = 0; i < nr_vrings; i++) {
		if (!vu_ring_is_used(vu, &vrings[i]))
			continue;
		if (i >= usable) {
			vu_complain(vu, VU_MISUSE,
				"the driver uses virtqueue %u, the backend has %u: use fewer",
				i, usable);
			return -EINVAL;
		}
		if (!ring_is_valid(&vrings[i], packed, ranges, nr_ranges)) {
			vu_complain(vu, VU_MISUSE,
				"virtqueue %u (%u entries) is not in the driver's memory or not well formed: its driver is to correct it",
				i, vrings[i].size);
			return -EINVAL;
		}
	}
	return 0;
}

