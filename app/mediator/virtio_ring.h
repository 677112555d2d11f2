/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_VIRTIO_RING_H
#define MEDIATOR_VIRTIO_RING_H

/*
 * Where the parts of a virtqueue lie, and whether they can: VIRTIO 1.2 s. 2.7 and 2.8.
 */

#include <stdbool.h>
#include <stdint.h>

#include "dma_table.h"
#include "virtio_regs.h"

/* Size and alignment are the layout's, and no part wraps around. */
bool virtio_ring_valid(const struct virtio_queue *q, bool packed);
/* All parts are within the ranges, each within one. */
bool virtio_ring_within(const struct virtio_queue *q, bool packed,
		const struct dma_range *ranges, unsigned int nr_ranges);
/*
 * Of a split ring: the used index, and how many entries are available that were not
 * returned. 0; -EFAULT: it is not there; -EPROTO: more than it has entries.
 */
int virtio_ring_pending(const struct virtio_queue *q, struct dma_table *memory,
		uint16_t *used, uint16_t *pending);

#endif /* MEDIATOR_VIRTIO_RING_H */
