/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VFIO_TRANSPORT_H
#define VFIO_TRANSPORT_H

/**
 * @file
 * What a transport of VFIO operations provides: the kernel's in
 * vfio_kernel.c, others in libraries of their own that register here.
 *
 * Structures are those of ``linux/vfio.h``, with the kernel's semantics: argsz,
 * flags, capability offsets. A transport need not check what a device answers;
 * common/vfio does. It does check what it needs for its own safety.
 *
 * What is done with regions may run in several threads at once, and beside everything
 * else but open and close: a secondary process may ask for it (vfio_share.h).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include <linux/vfio.h>

#include <rte_compat.h>

#include <vfio_dev.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a transport keeps of an open device. */
struct vfio_transport_dev {
	const char *name; /**< For messages. Set by common/vfio. */
	int fd;           /**< Device fd, -1 if the transport has none. */
	int gone_fd;      /**< See vfio_dev_gone_fd(), -1 if there is none. */
	void *priv;       /**< Of the transport. */
};

/**
 * Operations of a transport. All that return int return 0 on success and a
 * negative errno on failure. None logs a failure that common/vfio can describe
 * by itself, except open, which knows the remedy.
 *
 * Where operations take them, index is that of a region, region_offset what
 * get_region_info answered for it (VFIO_DEVICE_GET_REGION_INFO), and offset counts from the
 * region's start; offsets and lengths are in bytes.
 */
struct vfio_transport_ops {
	/** Name, shown to users. */
	const char *name;

	/**
	 * Its devices reach memory by the application's virtual addresses, whatever
	 * EAL's IOVA mode is; see vfio_dev_iova_as_va().
	 */
	bool iova_as_va;

	/**
	 * Neither firmware nor kernel has set up a PCI device that comes by it: common/vfio
	 * assigns its BARs, and enables and unmasks MSI and MSI-X.
	 */
	bool bare_pci;

	/**
	 * Does this transport serve the device? Must have no side effect and must
	 * not open the device. A base that is no folder is the transport's to explain.
	 */
	bool (*match)(const char *base, const char *addr);

	/**
	 * Open a device. Sets fd, gone_fd and priv. On failure logs one line with the
	 * device's address and the remedy, and leaves nothing behind.
	 */
	int (*open)(struct vfio_transport_dev *tdev, const char *base,
			const char *addr);

	/** Close a device, after all its regions were unmapped. */
	void (*close)(struct vfio_transport_dev *tdev);

	/** VFIO_DEVICE_GET_INFO; argsz is set by the caller. */
	int (*get_info)(struct vfio_transport_dev *tdev,
			struct vfio_device_info *info);

	/**
	 * VFIO_DEVICE_GET_REGION_INFO. The buffer has info->argsz bytes; a larger
	 * argsz in the answer asks for a second call with as many.
	 */
	int (*get_region_info)(struct vfio_transport_dev *tdev,
			struct vfio_region_info *info);

	/**
	 * Read from a region, where it is not mapped.
	 *
	 * @param tdev
	 *   The device.
	 * @param index
	 *   Region index.
	 * @param region_offset
	 *   Offset of the region.
	 * @param offset
	 *   Offset into the region, in bytes.
	 * @param[out] buf
	 *   Where to put the bytes.
	 * @param len
	 *   Number of bytes, of any number.
	 * @return
	 *   Number of bytes read, which may be less, or a negative errno.
	 */
	ssize_t (*region_read)(struct vfio_transport_dev *tdev, uint32_t index,
			uint64_t region_offset, uint64_t offset, void *buf,
			size_t len);

	/** Write to a region; see region_read. Returns the number of bytes written. */
	ssize_t (*region_write)(struct vfio_transport_dev *tdev, uint32_t index,
			uint64_t region_offset, uint64_t offset, const void *buf,
			size_t len);

	/**
	 * Map part of a region at a fixed address, which is reserved already.
	 *
	 * @param tdev
	 *   The device.
	 * @param index
	 *   Region index.
	 * @param region_offset
	 *   Offset of the region, as get_region_info answered.
	 * @param offset
	 *   Offset of the part into the region, a multiple of the page size.
	 * @param len
	 *   Length in bytes, a multiple of the page size.
	 * @param prot
	 *   PROT_READ, PROT_WRITE.
	 * @param at
	 *   Address.
	 */
	int (*region_mmap)(struct vfio_transport_dev *tdev, uint32_t index,
			uint64_t region_offset, uint64_t offset, size_t len,
			int prot, void *at);

	/**
	 * Optional, NULL if nothing of a region can be mapped by another process: the fd
	 * that region_mmap maps. It stays the transport's.
	 *
	 * @param tdev
	 *   The device.
	 * @param index
	 *   Region index.
	 * @param offset
	 *   Offset of the part into the region, in bytes.
	 * @param len
	 *   Length in bytes.
	 * @param[out] fd_offset
	 *   Where the part begins in the file, in bytes.
	 * @return
	 *   The fd, or a negative errno.
	 */
	int (*region_fd)(struct vfio_transport_dev *tdev, uint32_t index,
			uint64_t offset, size_t len, uint64_t *fd_offset);

	/**
	 * Optional: an eventfd that stands for writes of a value to a place of a region;
	 * see vfio_region_ioeventfd(). It stays the transport's.
	 *
	 * @param tdev
	 *   The device.
	 * @param index
	 *   Region index.
	 * @param offset
	 *   Offset into the region, in bytes.
	 * @param width
	 *   Width of the write, in bytes.
	 * @param value
	 *   What would be written.
	 * @return
	 *   The fd, or a negative errno; -ENOTSUP if there is none.
	 */
	int (*region_ioeventfd)(struct vfio_transport_dev *tdev, uint32_t index,
			uint64_t offset, size_t width, uint64_t value);

	/** VFIO_DEVICE_GET_IRQ_INFO; argsz and index are set by the caller. */
	int (*get_irq_info)(struct vfio_transport_dev *tdev,
			struct vfio_irq_info *info);

	/** VFIO_DEVICE_SET_IRQS. */
	int (*set_irqs)(struct vfio_transport_dev *tdev,
			const struct vfio_irq_set *set);

	/** VFIO_DEVICE_RESET. */
	int (*reset)(struct vfio_transport_dev *tdev);

	/**
	 * Map memory that EAL does not map by itself. A transport with iova_as_va is
	 * given iova = addr. addr, iova and len (in bytes) are multiples of the page size.
	 */
	int (*dma_map)(struct vfio_transport_dev *tdev, void *addr, uint64_t iova,
			size_t len);

	/** End a mapping of dma_map, with what that was given. */
	int (*dma_unmap)(struct vfio_transport_dev *tdev, void *addr,
			uint64_t iova, size_t len);
};

/** A registered transport; belongs to the library that registers it. */
struct vfio_transport {
	TAILQ_ENTRY(vfio_transport) next; /**< Owned by common/vfio. */
	const struct vfio_transport_ops *ops; /**< All but the optional ones. */
};

/**
 * Register a transport. It is asked before those that were registered earlier.
 * To be called from a constructor, or while no device is opened; not thread safe.
 *
 * @param transport
 *   The transport; it stays registered until it is unregistered.
 */
__rte_internal
void vfio_transport_register(struct vfio_transport *transport);

/**
 * Unregister a transport that serves no open device. Not thread safe.
 *
 * @param transport
 *   The transport, which is registered.
 */
__rte_internal
void vfio_transport_unregister(struct vfio_transport *transport);

#ifdef __cplusplus
}
#endif

#endif /* VFIO_TRANSPORT_H */
