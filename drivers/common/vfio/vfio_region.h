/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VFIO_REGION_H
#define VFIO_REGION_H

/**
 * @file
 * Regions of a VFIO device: information, mapping, reads and writes.
 *
 * A region is reserved whole as one range of addresses and each of its mappable
 * areas is mapped into its place, so that an offset is the same offset
 * everywhere. Reads and writes use the mapped areas where there are any and the
 * transport elsewhere; a region without a mappable area works all the same.
 *
 * What a device says of its regions is checked before it is used: sizes and
 * offsets that overflow, areas that overlap or leave the region, and capability
 * chains that loop or leave their buffer are refused with -EPROTO
 * (VFIO_DEVICE_GET_REGION_INFO of ``linux/vfio.h``).
 *
 * Thread safety: any thread may get a region, and read and write it. A region is mapped and
 * unmapped by one thread at a time, while no other one uses it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_compat.h>

#include <vfio_dev.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Part of a region that may be mapped. */
struct vfio_region_area {
	uint64_t offset; /**< From the region's start, in bytes. */
	uint64_t size;   /**< In bytes. */
};

/** A region. Set by common/vfio; read-only for everybody else. */
struct vfio_region {
	struct vfio_dev *dev;  /**< The device that it belongs to. */
	uint32_t index;        /**< Index, VFIO_PCI_BAR0_REGION_INDEX for one. */
	uint32_t flags;        /**< VFIO_REGION_INFO_FLAG_*. */
	uint64_t size;         /**< In bytes; 0 if the device has no such region. */
	uint64_t offset;       /**< From the start of the device fd, in bytes. */
	uint32_t type;         /**< VFIO_REGION_INFO_CAP_TYPE; 0 if there is none. */
	uint32_t subtype;      /**< Belongs to type. */
	bool msix_mappable;    /**< VFIO_REGION_INFO_CAP_MSIX_MAPPABLE is there. */
	bool sparse;           /**< VFIO_REGION_INFO_CAP_SPARSE_MMAP is there. */
	uint32_t nr_areas;     /**< Number of mappable areas. */
	struct vfio_region_area *areas; /**< Ascending, without overlap. */
	uint8_t *addr;         /**< The reserved range while mapped, else NULL. */
};

/**
 * Get a region. The device is asked once; the answer is kept until it is closed.
 * Failures but -EINVAL and -ENOMEM are logged once, with the device's name.
 *
 * @param dev
 *   The device.
 * @param index
 *   Region index, below vfio_dev_num_regions().
 * @param[out] region
 *   The region, valid until the device is closed. A region that the device does
 *   not have is one of size 0.
 * @return
 *   0 on success, else a negative errno: -EINVAL (index), -EPROTO (an answer
 *   that cannot be), -ENOMEM, or what the transport returned.
 */
__rte_internal
int vfio_region_get(struct vfio_dev *dev, uint32_t index,
		struct vfio_region **region);

/**
 * Get a region if the device was asked for it already; it is not asked, and nobody is waited
 * for. Any thread may call this while the device is open.
 *
 * @param dev
 *   The device.
 * @param index
 *   Region index.
 * @return
 *   The region, valid until the device is closed; NULL if it is not known, or is just
 *   being asked for.
 */
__rte_internal
const struct vfio_region *vfio_region_known(struct vfio_dev *dev, uint32_t index);

/**
 * Map the mappable areas of a region. A region without one is left as it is,
 * which is not an error. Mapping a mapped region does nothing. Failures are logged
 * once, with the device's name.
 *
 * @param region
 *   The region.
 * @return
 *   0 on success, else a negative errno: -ENOMEM (no addresses left), or the transport's;
 *   nothing is left mapped then.
 */
__rte_internal
int vfio_region_map(struct vfio_region *region);

/**
 * Map a region as vfio_region_map() does, at a given address: drivers that share
 * pointers into a region between processes need it at the same one in each.
 *
 * @param region
 *   The region.
 * @param want
 *   Address of the region's start, a multiple of the page size; NULL for any.
 * @param exact
 *   Whether no other address will do. Otherwise this one is taken if it is free.
 * @return
 *   0 on success, else a negative errno, -EADDRINUSE if the addresses are not free, or
 *   if no other will do and the region is mapped elsewhere, or has nothing to be mapped.
 */
__rte_internal
int vfio_region_map_at(struct vfio_region *region, void *want, bool exact);

/**
 * Unmap a region. Pointers into it become invalid.
 *
 * @param region
 *   The region; one that is not mapped is left as it is.
 */
__rte_internal
void vfio_region_unmap(struct vfio_region *region);

/**
 * Get a pointer into the mapped part of a region.
 *
 * @param region
 *   The region.
 * @param offset
 *   Offset into the region, in bytes.
 * @param len
 *   Length that will be used, in bytes.
 * @return
 *   A pointer, valid until the region is unmapped, or NULL where not all of
 *   that part is mapped.
 */
__rte_internal
void *vfio_region_ptr(const struct vfio_region *region, uint64_t offset,
		size_t len);

/**
 * Read from a region. A length of 1, 2, 4 or 8 bytes at an offset that it
 * divides is one access; any other is split into such accesses.
 *
 * Bytes are copied in the order that the device has them (PCI: little endian).
 *
 * @param region
 *   The region.
 * @param offset
 *   Offset into the region, in bytes.
 * @param[out] buf
 *   Where to put the bytes.
 * @param len
 *   Number of bytes.
 * @return
 *   0 on success, else a negative errno: -EINVAL (outside the region), -EACCES
 *   (the region cannot be read), -EIO (the transport gave nothing), or the transport's.
 */
__rte_internal
int vfio_region_read(const struct vfio_region *region, uint64_t offset,
		void *buf, size_t len);

/**
 * Write to a region; see vfio_region_read().
 *
 * @param region
 *   The region.
 * @param offset
 *   Offset into the region, in bytes.
 * @param buf
 *   The bytes.
 * @param len
 *   Number of bytes.
 * @return
 *   0 on success, else a negative errno as for vfio_region_read().
 */
__rte_internal
int vfio_region_write(const struct vfio_region *region, uint64_t offset,
		const void *buf, size_t len);

/**
 * Get an eventfd that stands for writes to a region: adding 1 to it does what writing
 * the value there does, without a word to whoever serves the region (KVM_IOEVENTFD of
 * ``linux/kvm.h``, vfio-user's GET_REGION_IO_FDS).
 *
 * @param region
 *   The region.
 * @param offset
 *   Offset into the region, in bytes.
 * @param width
 *   Width of the write, in bytes.
 * @param value
 *   What would be written.
 * @return
 *   The fd, which belongs to the device and is valid until that is closed; -ENOTSUP if
 *   there is none, else another negative errno.
 */
__rte_internal
int vfio_region_ioeventfd(const struct vfio_region *region, uint64_t offset,
		size_t width, uint64_t value);

#ifdef __cplusplus
}
#endif

#endif /* VFIO_REGION_H */
