/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VFIO_DEV_H
#define VFIO_DEV_H

/**
 * @file
 * VFIO devices for buses and drivers.
 *
 * One handle, a struct vfio_dev, for a device that is reached through VFIO,
 * whichever transport carries its operations: the kernel's (``linux/vfio.h``)
 * or another one that registered itself, see vfio_transport.h.
 *
 * A device is used in this order:
 *
 * - vfio_dev_open(), or vfio_dev_attach() where somebody else owns the fd;
 * - vfio_region_get(), vfio_region_map(), then vfio_region_ptr() or the read and
 *   write helpers (vfio_region.h);
 * - vfio_irq_set_eventfds() (vfio_irq.h);
 * - vfio_dma_map() for memory that EAL does not know (vfio_dma.h);
 * - vfio_dev_close(), which takes all of it back in reverse order.
 *
 * Thread safety: a device is set up, reset and closed by one thread at a time.
 * Region reads and writes may run in parallel with each other. What only gets something of
 * an open device (vfio_dev_name() for one) may be called by any thread.
 *
 * A handle belongs to the process that opened it and is never shared.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_compat.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A VFIO device, as opened by this process. */
struct vfio_dev;

/** Who closes what belongs to a device. */
enum vfio_dev_owner {
	/** vfio_dev_close() closes the device and gives its group back. */
	VFIO_DEV_OWNED,
	/**
	 * Somebody else (the PCI bus) opened the device. What the owner does is
	 * not done again: no close, no release, no REQ interrupt, no bus mastering.
	 */
	VFIO_DEV_BORROWED,
};

/**
 * Open a device that is listed below a folder of devices.
 *
 * The first registered transport that serves the device is used, and the kernel's last.
 * Failures are logged once, with the device's address and the remedy.
 *
 * @param base
 *   Folder of the device list, for instance "/sys/bus/mdev/devices"; or where one
 *   device alone is reached, if a transport takes that (the socket of a mediator).
 * @param addr
 *   The device's name in that folder.
 * @param[out] dev
 *   The device.
 * @return
 *   0 on success, else a negative errno, logged but for -ENOMEM:
 *   - -ENODEV: no such device, or no transport serves it;
 *   - -EBUSY: another process holds it;
 *   - -EACCES, -EPERM: no permission on the group file;
 *   - -ENOENT: the group file is not there, as in a container without it;
 *   - -ENOTSUP: VFIO was not loaded when EAL started;
 *   - -ENOSPC: EAL's table of VFIO groups is full;
 *   - -EIO: EAL could not set up the group, and has said why;
 *   - -EPROTO: the device's answers contradict each other;
 *   - -ENOMEM, -ENAMETOOLONG, -EMFILE, -ENFILE;
 *   - another one of the transport's, such as that of connect(2) for a socket.
 */
__rte_internal
int vfio_dev_open(const char *base, const char *addr, struct vfio_dev **dev);

/**
 * Attach a device by an fd that somebody else opened and will close.
 *
 * @param name
 *   Name for messages.
 * @param fd
 *   VFIO device fd, see VFIO_GROUP_GET_DEVICE_FD in ``linux/vfio.h``.
 * @param[out] dev
 *   The device, with VFIO_DEV_BORROWED.
 * @return
 *   0 on success, else a negative errno as for vfio_dev_open().
 */
__rte_internal
int vfio_dev_attach(const char *name, int fd, struct vfio_dev **dev);

/**
 * Close a device: disables its interrupts, unmaps its regions, ends its DMA
 * mappings, then closes it unless it is borrowed.
 *
 * @param dev
 *   The device; NULL is allowed and does nothing.
 */
__rte_internal
void vfio_dev_close(struct vfio_dev *dev);

/**
 * Reset a device (VFIO_DEVICE_RESET).
 *
 * @param dev
 *   The device.
 * @return
 *   0 on success, -ENOTSUP if the device has no reset, else the transport's negative errno.
 */
__rte_internal
int vfio_dev_reset(struct vfio_dev *dev);

/**
 * Get a device's name for messages.
 *
 * @param dev
 *   The device.
 * @return
 *   The name, valid until the device is closed.
 */
__rte_internal
const char *vfio_dev_name(const struct vfio_dev *dev);

/**
 * Get the name of the transport that carries a device's operations.
 *
 * @param dev
 *   The device.
 * @return
 *   The name, valid until the transport is unregistered.
 */
__rte_internal
const char *vfio_dev_transport(const struct vfio_dev *dev);

/**
 * Get who closes a device.
 *
 * @param dev
 *   The device.
 * @return
 *   VFIO_DEV_OWNED: vfio_dev_close() does; VFIO_DEV_BORROWED: somebody else.
 */
__rte_internal
enum vfio_dev_owner vfio_dev_owner(const struct vfio_dev *dev);

/**
 * Get the fd of a device, for vfio_dev_attach() in another process.
 *
 * @param dev
 *   The device.
 * @return
 *   The fd, valid until the device is closed; -1 if the transport has none.
 */
__rte_internal
int vfio_dev_fd(const struct vfio_dev *dev);

/**
 * Is the device to be given virtual addresses of this process, whatever EAL's IOVA
 * mode is? Otherwise addresses are what EAL calls IOVA.
 *
 * @param dev
 *   The device.
 * @return
 *   Whether it is.
 */
__rte_internal
bool vfio_dev_iova_as_va(const struct vfio_dev *dev);

/**
 * Get an fd that tells when whoever serves the device is gone (a mediator that ended).
 * The device answers nothing from then on; it is to be closed.
 *
 * @param dev
 *   The device.
 * @return
 *   An fd that becomes, and stays, readable; nothing is to be read from it. -1 if the
 *   transport cannot tell. It belongs to the device and is valid until that is closed.
 */
__rte_internal
int vfio_dev_gone_fd(const struct vfio_dev *dev);

/**
 * Get what a device said of itself (VFIO_DEVICE_GET_INFO of ``linux/vfio.h``).
 *
 * @param dev
 *   The device.
 * @return
 *   VFIO_DEVICE_FLAGS_*.
 */
__rte_internal
uint32_t vfio_dev_flags(const struct vfio_dev *dev);

/**
 * Get the number of a device's regions.
 *
 * @param dev
 *   The device.
 * @return
 *   The number; indices run from 0.
 */
__rte_internal
uint32_t vfio_dev_num_regions(const struct vfio_dev *dev);

/**
 * Get the number of a device's interrupt indices.
 *
 * @param dev
 *   The device.
 * @return
 *   The number; indices run from 0.
 */
__rte_internal
uint32_t vfio_dev_num_irqs(const struct vfio_dev *dev);

#ifdef __cplusplus
}
#endif

#endif /* VFIO_DEV_H */
