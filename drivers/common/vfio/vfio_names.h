/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VFIO_NAMES_H
#define VFIO_NAMES_H

/**
 * @file
 * Names of what ``linux/vfio.h`` numbers, for people to read: flags, and the regions and
 * interrupts of PCI devices. Any thread may call these at any time.
 */

#include <stddef.h>
#include <stdint.h>

#include <rte_compat.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Room in bytes for all names of flags of one kind. */
#define VFIO_FLAGS_TEXT_LEN 64

/**
 * Names of VFIO_DEVICE_FLAGS_*.
 *
 * @param flags
 *   The flags; those that have no name are left out.
 * @param[out] text
 *   Where to put the names, with a space between them.
 * @param size
 *   Room there in bytes, 1 or more; what does not fit is cut.
 * @return
 *   text
 */
__rte_internal
const char *vfio_device_flags_text(uint32_t flags, char *text, size_t size);

/**
 * Names of VFIO_REGION_INFO_FLAG_*.
 *
 * @param flags
 *   The flags; those that have no name are left out.
 * @param[out] text
 *   Where to put the names, as vfio_device_flags_text() does.
 * @param size
 *   Room there in bytes, 1 or more; what does not fit is cut.
 * @return
 *   text
 */
__rte_internal
const char *vfio_region_flags_text(uint32_t flags, char *text, size_t size);

/**
 * Names of VFIO_IRQ_INFO_*.
 *
 * @param flags
 *   The flags; those that have no name are left out.
 * @param[out] text
 *   Where to put the names, as vfio_device_flags_text() does.
 * @param size
 *   Room there in bytes, 1 or more; what does not fit is cut.
 * @return
 *   text
 */
__rte_internal
const char *vfio_irq_flags_text(uint32_t flags, char *text, size_t size);

/**
 * Name of a region of a PCI device.
 *
 * @param index
 *   One of VFIO_PCI_*_REGION_INDEX.
 * @return
 *   The name, or NULL if there is none: a region that the device's driver adds.
 */
__rte_internal
const char *vfio_pci_region_name(uint32_t index);

/**
 * Name of an interrupt index of a PCI device.
 *
 * @param index
 *   One of VFIO_PCI_*_IRQ_INDEX.
 * @return
 *   The name, or NULL if there is none: an index that the device's driver adds.
 */
__rte_internal
const char *vfio_pci_irq_name(uint32_t index);

#ifdef __cplusplus
}
#endif

#endif /* VFIO_NAMES_H */
