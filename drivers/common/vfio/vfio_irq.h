/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VFIO_IRQ_H
#define VFIO_IRQ_H

/**
 * @file
 * Interrupts of a VFIO device, delivered through eventfds
 * (VFIO_DEVICE_GET_IRQ_INFO and VFIO_DEVICE_SET_IRQS of ``linux/vfio.h``).
 *
 * The caller owns the eventfds and keeps them open while they are set.
 *
 * Thread safety: the interrupts of one device are set by one thread at a time.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_compat.h>
#include <rte_interrupts.h>

#include <vfio_dev.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Make a handle by which EAL waits for the eventfds of a device: the one that is set in
 * it (rte_intr_fd_set(), none at first), and those of receive queues.
 *
 * EAL only waits for them. It enables and acknowledges nothing, as it does with its own
 * types for VFIO, behind the back of the functions below and of the transport.
 *
 * @return
 *   The handle, for rte_intr_instance_free(); NULL if there is no memory.
 */
__rte_internal
struct rte_intr_handle *vfio_irq_handle_alloc(void);

/** What a device says of an interrupt index. */
struct vfio_irq {
	uint32_t flags; /**< VFIO_IRQ_INFO_*. */
	uint32_t count; /**< Number of vectors; 0 if the device has none. */
};

/**
 * Ask for an interrupt index.
 *
 * @param dev
 *   The device.
 * @param index
 *   Interrupt index, VFIO_PCI_MSIX_IRQ_INDEX for one.
 * @param[out] irq
 *   What the device said.
 * @return
 *   0 on success, else a negative errno: -EINVAL (an index that the device does not
 *   have), or the transport's.
 */
__rte_internal
int vfio_irq_get(struct vfio_dev *dev, uint32_t index, struct vfio_irq *irq);

/**
 * Get what the device said of an interrupt index when it was asked last; it is not asked.
 * Any thread may call this while the device is open.
 *
 * @param dev
 *   The device.
 * @param index
 *   Interrupt index.
 * @param[out] irq
 *   What the device said.
 * @return
 *   Whether it was asked.
 */
__rte_internal
bool vfio_irq_known(const struct vfio_dev *dev, uint32_t index, struct vfio_irq *irq);

/**
 * Enable vectors: each interrupt of vector ``start + i`` adds 1 to ``fds[i]``.
 *
 * @param dev
 *   The device.
 * @param index
 *   Interrupt index.
 * @param start
 *   First vector.
 * @param count
 *   Number of vectors, at least 1.
 * @param fds
 *   Eventfds, -1 for a vector that nobody listens to.
 * @return
 *   0 on success, else a negative errno: -EINVAL (not all vectors exist, or the
 *   index has no eventfds), -EPERM (the REQ interrupt of a device that is borrowed),
 *   -ENOMEM, or the transport's.
 */
__rte_internal
int vfio_irq_set_eventfds(struct vfio_dev *dev, uint32_t index, uint32_t start,
		uint32_t count, const int *fds);

/**
 * Disable all vectors of an index.
 *
 * @param dev
 *   The device.
 * @param index
 *   Interrupt index.
 * @return
 *   0 on success, else a negative errno: -EINVAL (an index that the device does not
 *   have), -EPERM (the REQ interrupt of a device that is borrowed), or the transport's.
 */
__rte_internal
int vfio_irq_disable(struct vfio_dev *dev, uint32_t index);

/**
 * Mask vectors. INTx masks itself with each interrupt (VFIO_IRQ_INFO_AUTOMASKED).
 * While vectors are enabled any thread may call this for them.
 *
 * @param dev
 *   The device.
 * @param index
 *   Interrupt index.
 * @param start
 *   First vector.
 * @param count
 *   Number of vectors.
 * @return
 *   0 on success, else a negative errno: -ENOTSUP (the index cannot be masked), -EINVAL
 *   (not all vectors exist), or the transport's.
 */
__rte_internal
int vfio_irq_mask(struct vfio_dev *dev, uint32_t index, uint32_t start,
		uint32_t count);

/**
 * Unmask vectors, which vfio_irq_mask() or the device itself has masked; a callback of INTx
 * does so when it is through.
 *
 * @param dev
 *   The device.
 * @param index
 *   Interrupt index.
 * @param start
 *   First vector.
 * @param count
 *   Number of vectors.
 * @return
 *   0 on success, else a negative errno as for vfio_irq_mask().
 */
__rte_internal
int vfio_irq_unmask(struct vfio_dev *dev, uint32_t index, uint32_t start,
		uint32_t count);

#ifdef __cplusplus
}
#endif

#endif /* VFIO_IRQ_H */
