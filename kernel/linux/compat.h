/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel interfaces that changed between Linux 6.1 and 6.12.
 *
 * The only file that looks at LINUX_VERSION_CODE.
 */
#ifndef MDEV_VIRTIO_COMPAT_H
#define MDEV_VIRTIO_COMPAT_H

#include <linux/device/class.h>
#include <linux/eventfd.h>
#include <linux/version.h>
#include <linux/vfio.h>

/* 6.12: unaligned accesses moved */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#include <asm/unaligned.h>
#else
#include <linux/unaligned.h>
#endif

/* 6.2: the core frees the memory of a vfio_device after .release */
static inline void compat_vfio_free_device(struct vfio_device *vdev)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
	vfio_free_device(vdev);
#endif
}

/* 6.2: an emulated device names its iommufd operations; 6.6: detaching, too */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#define COMPAT_VFIO_IOMMUFD_OPS						\
	.bind_iommufd = vfio_iommufd_emulated_bind,			\
	.unbind_iommufd = vfio_iommufd_emulated_unbind,			\
	.attach_ioas = vfio_iommufd_emulated_attach_ioas,		\
	.detach_ioas = vfio_iommufd_emulated_detach_ioas,
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define COMPAT_VFIO_IOMMUFD_OPS						\
	.bind_iommufd = vfio_iommufd_emulated_bind,			\
	.unbind_iommufd = vfio_iommufd_emulated_unbind,			\
	.attach_ioas = vfio_iommufd_emulated_attach_ioas,
#else
#define COMPAT_VFIO_IOMMUFD_OPS
#endif

/* 6.4: class_create() lost its module argument */
static inline struct class *compat_class_create(const char *name)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
	return class_create(THIS_MODULE, name);
#else
	return class_create(name);
#endif
}

/* 6.8: eventfd_signal() lost its counter argument */
static inline void compat_eventfd_signal(struct eventfd_ctx *ctx)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	eventfd_signal(ctx, 1);
#else
	eventfd_signal(ctx);
#endif
}

#endif /* MDEV_VIRTIO_COMPAT_H */
