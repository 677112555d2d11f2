/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the core share with each other.
 */
#ifndef MDEV_VIRTIO_CORE_H
#define MDEV_VIRTIO_CORE_H

#include <linux/pci_regs.h>
#include <linux/spinlock.h>

#include "mdev_virtio.h"

struct eventfd_ctx;
struct vm_area_struct;

/*
 * A region's offset in the device file, as vfio-pci has it, and the two BARs.
 * Every structure of BAR 0 has a page of its own, so that one can be mapped
 * without its neighbours.
 */
#define MVDEV_REGION_SHIFT	40
#define MVDEV_REGION_MASK	(BIT_ULL(MVDEV_REGION_SHIFT) - 1)

#define MVDEV_BAR		0
#define MVDEV_BAR_COMMON	0
#define MVDEV_BAR_ISR		((u32)PAGE_SIZE)
#define MVDEV_BAR_DEVICE	(2 * (u32)PAGE_SIZE)
#define MVDEV_BAR_NOTIFY	(3 * (u32)PAGE_SIZE)
#define MVDEV_BAR_SIZE		(4 * (u32)PAGE_SIZE)
#define MVDEV_COMMON_LEN	60	/* to queue_reset, VIRTIO 1.2 s. 4.1.4.3 */
#define MVDEV_NOTIFY_MULT	4

#define MVDEV_MSIX_BAR		1
#define MVDEV_MSIX_BAR_SIZE	4096
#define MVDEV_MSIX_PBA		2048
#define MVDEV_MAX_VECTORS	(MVDEV_MSIX_PBA / PCI_MSIX_ENTRY_SIZE)
#define MVDEV_MAX_VQS		(MVDEV_MAX_VECTORS - 1)

/**
 * struct mdev_virtio_core_vq - a virtqueue's registers
 * @mvdev: back pointer for the interrupt callback
 * @num: queue_size
 * @vector: queue_msix_vector; under irq_lock
 * @desc: queue_desc
 * @driver: queue_driver
 * @device: queue_device
 */
struct mdev_virtio_core_vq {
	struct mdev_virtio_device *mvdev;
	u16 num;
	u16 vector;
	u64 desc;
	u64 driver;
	u64 device;
};

/* As with vfio-pci, one of them excludes the other. */
enum mvdev_irq_type {
	MVDEV_IRQ_NONE,
	MVDEV_IRQ_INTX,
	MVDEV_IRQ_MSIX,
};

/**
 * struct mdev_virtio_core - what the core keeps for a device
 * @config: PCI configuration space
 * @wmask: its writable bits; constant
 * @msix_table: what the client wrote to the MSI-X table; only storage, VFIO
 *	clients set vectors up by VFIO_DEVICE_SET_IRQS
 * @doorbell: the page that a client may map; never read
 * @device_feature_select: register
 * @driver_feature_select: register
 * @driver_features: register
 * @queue_select: register
 * @generation: register config_generation
 * @seen_generation: the device's generation at the last configuration read
 * @vqs: one for each virtqueue
 * @irq_lock: protects the rest; innermost, never held while sleeping
 * @isr: register
 * @config_vector: register config_msix_vector
 * @irq_type: which interrupts SET_IRQS has enabled
 * @intx_masked: by the client, or by the interrupt itself
 * @intx_disabled: PCI_COMMAND_INTX_DISABLE
 * @intx: eventfd, or NULL
 * @req: eventfd, or NULL
 * @msix: eventfds, one for each vector, or NULL
 *
 * Up to @vqs under mdev_virtio_device.lock.
 */
struct mdev_virtio_core {
	u8 config[PCI_CFG_SPACE_SIZE];
	u8 wmask[PCI_CFG_SPACE_SIZE];
	u8 msix_table[MVDEV_MSIX_PBA];
	void *doorbell;
	u32 device_feature_select;
	u32 driver_feature_select;
	u64 driver_features;
	u16 queue_select;
	u8 generation;
	u32 seen_generation;
	struct mdev_virtio_core_vq *vqs;

	spinlock_t irq_lock;	/* of all that follows */
	u8 isr;
	u16 config_vector;
	enum mvdev_irq_type irq_type;
	bool intx_masked;
	bool intx_disabled;
	struct eventfd_ctx *intx;
	struct eventfd_ctx *req;
	struct eventfd_ctx **msix;
};

static inline struct mdev_virtio_device *to_mvdev(struct vfio_device *vdev)
{
	return container_of(vdev, struct mdev_virtio_device, vdev);
}

static inline struct device *mvdev_dev(struct mdev_virtio_device *mvdev)
{
	return mvdev->vdev.dev;
}

static inline u16 mvdev_nr_vectors(const struct mdev_virtio_device *mvdev)
{
	return mvdev->nvqs + 1;
}

/* mdev_virtio_pci.c: all with mvdev->lock held */
void mvdev_pci_init(struct mdev_virtio_device *mvdev);
int mvdev_pci_config(struct mdev_virtio_device *mvdev, u32 off, u32 len,
		     u8 *val, bool write);
bool mvdev_pci_memory_enabled(struct mdev_virtio_device *mvdev);
int mvdev_bar_access(struct mdev_virtio_device *mvdev, u32 bar, u32 off,
		     u32 len, u8 *val, bool write);

/* mdev_virtio_regs.c: all with mvdev->lock held */
void mvdev_regs_reset(struct mdev_virtio_device *mvdev);
void mvdev_common_read(struct mdev_virtio_device *mvdev, u32 off, u32 len,
		       u8 *val);
void mvdev_common_write(struct mdev_virtio_device *mvdev, u32 off, u32 len,
			const u8 *val);
void mvdev_device_access(struct mdev_virtio_device *mvdev, u32 off, u32 len,
			 u8 *val, bool write);
/* these two also without */
void mvdev_notify(struct mdev_virtio_device *mvdev, u32 off);
void mvdev_notify_all(struct mdev_virtio_device *mvdev);

/* mdev_virtio_irq.c */
int mvdev_irq_init(struct mdev_virtio_device *mvdev);
void mvdev_irq_fini(struct mdev_virtio_device *mvdev);
void mvdev_irq_release_all(struct mdev_virtio_device *mvdev);
void mvdev_irq_reset(struct mdev_virtio_device *mvdev);
u8 mvdev_irq_read_isr(struct mdev_virtio_device *mvdev);
bool mvdev_irq_intx_asserted(struct mdev_virtio_device *mvdev);
void mvdev_irq_set_intx_disabled(struct mdev_virtio_device *mvdev, bool disabled);
u16 mvdev_irq_get_vector(struct mdev_virtio_device *mvdev, u16 *vector);
void mvdev_irq_set_vector(struct mdev_virtio_device *mvdev, u16 *vector, u16 v);
u32 mvdev_irq_count(struct mdev_virtio_device *mvdev, u32 index, u32 *flags);
long mvdev_irq_set(struct mdev_virtio_device *mvdev, unsigned long arg);
void mvdev_irq_request(struct mdev_virtio_device *mvdev, unsigned int count);

#endif /* MDEV_VIRTIO_CORE_H */
