/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTQUEUE_BARRIER_H
#define VIRTQUEUE_BARRIER_H

/*
 * VIRTIO 1.2 s. 2.7.13 and 6.1: a device that is not software on another processor
 * takes barriers for devices (ORDER_PLATFORM); for one that is, the weaker ones do.
 */

#include <rte_atomic.h>

#include "virtqueue.h"

/* Behind a load that says what the device has returned. */
static VIRTIO_BURST_INLINE void
virtqueue_rmb(const struct virtqueue *vq)
{
#ifdef RTE_ARCH_X86
	/* neither takes an instruction, but the compiler cannot know */
	RTE_SET_USED(vq);
	rte_smp_rmb();
#else
	if (vq->platform_order)
		rte_io_rmb();
	else
		rte_smp_rmb();
#endif
}

/*
 * Before what hands buffers to the device. It may write them from then on, so that not
 * only stores come before it but loads, too: of a frame whose buffer is given again, and
 * of the element that returned it.
 */
static VIRTIO_BURST_INLINE void
virtqueue_release(const struct virtqueue *vq)
{
#ifdef RTE_ARCH_X86
	RTE_SET_USED(vq);
	rte_smp_wmb();
#else
	if (vq->platform_order)
		rte_io_mb();
	else
		rte_atomic_thread_fence(__ATOMIC_RELEASE);
#endif
}

/* Between telling the device and looking at what it says of itself, and vice versa. */
static VIRTIO_BURST_INLINE void
virtqueue_mb(const struct virtqueue *vq)
{
	if (unlikely(vq->platform_order))
		rte_mb();
	else
		rte_smp_mb();
}

#endif /* VIRTQUEUE_BARRIER_H */
