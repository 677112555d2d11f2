/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VFIO_DMA_H
#define VFIO_DMA_H

/**
 * @file
 * DMA mappings of memory that EAL does not map by itself (external memory).
 *
 * The memory that EAL manages is mapped when a device is opened and kept
 * current; nothing needs to be done for it.
 *
 * Thread safety: several threads may map and unmap at the same time.
 */

#include <stddef.h>
#include <stdint.h>

#include <rte_compat.h>

#include <vfio_dev.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Let a device reach a range of memory.
 *
 * @param dev
 *   The device.
 * @param addr
 *   Start of the range in this process, a multiple of the page size.
 * @param iova
 *   Address by which the device reaches it; addr itself, whatever is given, where
 *   vfio_dev_iova_as_va() says so.
 * @param len
 *   Length in bytes, a multiple of the page size.
 * @return
 *   0 on success, else a negative errno: -EINVAL (a length of 0), -ENOMEM, or the
 *   transport's.
 */
__rte_internal
int vfio_dma_map(struct vfio_dev *dev, void *addr, uint64_t iova, size_t len);

/**
 * End a mapping made by vfio_dma_map().
 *
 * @param dev
 *   The device.
 * @param addr
 *   Start of the range, as it was mapped.
 * @param iova
 *   Address by which the device reaches it, as it was given then.
 * @param len
 *   Length in bytes, as it was mapped: there are no parts of mappings.
 * @return
 *   0 on success, else a negative errno: -ENOENT (no such mapping), or the transport's,
 *   and the mapping stays.
 */
__rte_internal
int vfio_dma_unmap(struct vfio_dev *dev, void *addr, uint64_t iova, size_t len);

#ifdef __cplusplus
}
#endif

#endif /* VFIO_DMA_H */
