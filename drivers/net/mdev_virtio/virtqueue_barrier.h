/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTQUEUE_BARRIER_H
#define VIRTQUEUE_BARRIER_H

/*
 * VIRTIO 1.2 s. 2.7.13 and 6.1: a device that is not software on another processor
 * takes barriers for devices (ORDER_PLATFORM); for one that is, the weaker ones do.
 */

#include <rte_atomic.h>

#include "virtqueue.h"

static VIRTIO_BURST_INLINE void
virtqueue_rmb(const struct virtqueue *vq)
{
#ifdef RTE_ARCH_X86
	/* both are the same, but the compiler cannot know */
	RTE_SET_USED(vq);
	rte_smp_rmb();
#else
	if (vq->platform_order)
		rte_io_rmb();
	else
		rte_smp_rmb();
#endif
}

static VIRTIO_BURST_INLINE void
virtqueue_wmb(const struct virtqueue *vq)
{
#ifdef RTE_ARCH_X86
	RTE_SET_USED(vq);
	rte_smp_wmb();
#else
	if (vq->platform_order)
		rte_io_wmb();
	else
		rte_smp_wmb();
#endif
}

static VIRTIO_BURST_INLINE void
virtqueue_mb(const struct virtqueue *vq)
{
	if (unlikely(vq->platform_order))
		rte_mb();
	else
		rte_smp_mb();
}

#endif /* VIRTQUEUE_BARRIER_H */
