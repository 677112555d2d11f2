/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VFIO_PCI_H
#define VFIO_PCI_H

/**
 * @file
 * PCI configuration space of a VFIO device (VFIO_DEVICE_FLAGS_PCI).
 *
 * Offsets and values are those of the PCI Local Bus Specification 3.0, s. 6;
 * ``linux/pci_regs.h`` names them. Values are in host byte order.
 *
 * Failures are logged once, with the device's name and the remedy, but for -ENOTSUP,
 * -ENOENT and -EINVAL (outside of the configuration space), which a caller may expect.
 *
 * Thread safety: vfio_pci_read() and vfio_pci_write() may run in parallel with each other;
 * all else is for the thread that sets the device up.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_compat.h>

#include <vfio_dev.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a PCI function says it is. */
struct vfio_pci_ids {
	uint16_t vendor;           /**< PCI_VENDOR_ID */
	uint16_t device;           /**< PCI_DEVICE_ID */
	uint16_t subsystem_vendor; /**< PCI_SUBSYSTEM_VENDOR_ID */
	uint16_t subsystem_device; /**< PCI_SUBSYSTEM_ID */
	uint32_t class_code;       /**< 24 bits: class, subclass, interface */
	uint8_t revision;          /**< PCI_REVISION_ID */
};

/**
 * Read bytes of the configuration space.
 *
 * @param dev
 *   The device.
 * @param offset
 *   Offset in bytes.
 * @param[out] buf
 *   Where to put the bytes, little endian as in the configuration space.
 * @param len
 *   Number of bytes.
 * @return
 *   0 on success, -ENOTSUP if the device is not a PCI device, else a negative
 *   errno as for vfio_region_read().
 */
__rte_internal
int vfio_pci_read(struct vfio_dev *dev, uint32_t offset, void *buf, size_t len);

/**
 * Write bytes of the configuration space.
 *
 * @param dev
 *   The device.
 * @param offset
 *   Offset in bytes.
 * @param buf
 *   The bytes, little endian as in the configuration space.
 * @param len
 *   Number of bytes.
 * @return
 *   0 on success, else a negative errno as for vfio_pci_read().
 */
__rte_internal
int vfio_pci_write(struct vfio_dev *dev, uint32_t offset, const void *buf,
		size_t len);

/**
 * Read the identification registers.
 *
 * @param dev
 *   The device.
 * @param[out] ids
 *   What the device says it is.
 * @return
 *   0 on success, else a negative errno as for vfio_pci_read().
 */
__rte_internal
int vfio_pci_read_ids(struct vfio_dev *dev, struct vfio_pci_ids *ids);

/**
 * Find a capability in the first 256 bytes (PCI 3.0, s. 6.7).
 *
 * @param dev
 *   The device.
 * @param id
 *   PCI_CAP_ID_*.
 * @param start
 *   0 for the first capability with this id, or the offset of the last one found
 *   for the next.
 * @return
 *   Offset of the capability in bytes; -ENOENT if there is no more; -EPROTO if
 *   the list loops or leaves its 256 bytes; else a negative errno.
 */
__rte_internal
int vfio_pci_find_cap(struct vfio_dev *dev, uint8_t id, uint32_t start);

/**
 * Set and clear bits of the command register (PCI 3.0, s. 6.2.2). Nothing is
 * written if nothing changes, nor to a device that is borrowed.
 *
 * @param dev
 *   The device.
 * @param set
 *   PCI_COMMAND_* to set.
 * @param clear
 *   PCI_COMMAND_* to clear.
 * @return
 *   0 on success, else a negative errno as for vfio_pci_read().
 */
__rte_internal
int vfio_pci_command(struct vfio_dev *dev, uint16_t set, uint16_t clear);

/**
 * Leave the pages of the MSI-X table (PCI 3.0, s. 6.8.2) out when the BAR is mapped that
 * has it, unless the device says that the table may be mapped, or what may. For kernels
 * that map no BAR together with its table. To be called before that BAR is mapped.
 *
 * @param dev
 *   The device.
 * @return
 *   0 on success, also without MSI-X; else a negative errno as for vfio_pci_find_cap()
 *   and vfio_region_get(), or -ENOMEM.
 */
__rte_internal
int vfio_pci_exclude_msix(struct vfio_dev *dev);

#ifdef __cplusplus
}
#endif

#endif /* VFIO_PCI_H */
