/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTQUEUE_CHECKS_H
#define VIRTQUEUE_CHECKS_H

/*
 * Whether the device said something that cannot be.
 *
 * For measurements only (devtools/bench.sh --checks), with MDEV_VIRTIO_NO_CHECKS, bursts
 * and the control queue believe all of it: such a driver follows a device wherever it says,
 * into memory that is not the queue's. What is compared to notice in which order buffers
 * come back is part of the work and stays.
 */

#include <rte_branch_prediction.h>

#ifdef MDEV_VIRTIO_NO_CHECKS
#define VIRTQUEUE_CHECKS 0
#else
#define VIRTQUEUE_CHECKS 1
#endif

#define virtqueue_is_lie(condition) (VIRTQUEUE_CHECKS && unlikely(condition))

#endif /* VIRTQUEUE_CHECKS_H */
