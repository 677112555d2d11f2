// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mediated virtio device as a VFIO device: life, regions, ioctls.
 */
#include <linux/mdev.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/virtio_config.h>
#include <linux/vmalloc.h>

#include "compat.h"
#include "mdev_virtio_core.h"

static struct class *mdev_virtio_class;

bool mdev_virtio_may_dma(struct mdev_virtio_device *mvdev)
{
	const u8 stopped = VIRTIO_CONFIG_S_NEEDS_RESET | VIRTIO_CONFIG_S_FAILED;
	u8 status = mvdev->ops->get_status(mvdev);

	return (status & VIRTIO_CONFIG_S_DRIVER_OK) && !(status & stopped) &&
	       (mvdev->core->config[PCI_COMMAND] & PCI_COMMAND_MASTER);
}
EXPORT_SYMBOL_GPL(mdev_virtio_may_dma);

/* --- life --- */

static int mvdev_vfio_init(struct vfio_device *vdev)
{
	mutex_init(&to_mvdev(vdev)->lock);
	return 0;
}

static void mvdev_vfio_release(struct vfio_device *vdev)
{
	struct mdev_virtio_device *mvdev = to_mvdev(vdev);
	struct mdev_virtio_core *core = mvdev->core;

	if (core) {
		mvdev_irq_fini(mvdev);
		vfree(core->doorbell);
		kfree(core->vqs);
		kfree(core);
	}
	mutex_destroy(&mvdev->lock);
	compat_vfio_free_device(vdev);
}

static int mvdev_vfio_open(struct vfio_device *vdev)
{
	struct mdev_virtio_device *mvdev = to_mvdev(vdev);

	mutex_lock(&mvdev->lock);
	mvdev_pci_init(mvdev);
	mvdev_regs_reset(mvdev);
	mutex_unlock(&mvdev->lock);

	return mvdev->ops->open ? mvdev->ops->open(mvdev) : 0;
}

static void mvdev_vfio_close(struct vfio_device *vdev)
{
	struct mdev_virtio_device *mvdev = to_mvdev(vdev);

	mutex_lock(&mvdev->lock);
	mvdev_regs_reset(mvdev);
	mutex_unlock(&mvdev->lock);
	mvdev_irq_release_all(mvdev);
	if (mvdev->ops->close)
		mvdev->ops->close(mvdev);
}

static void mvdev_vfio_request(struct vfio_device *vdev, unsigned int count)
{
	mvdev_irq_request(to_mvdev(vdev), count);
}

static int mvdev_core_create(struct mdev_virtio_device *mvdev)
{
	struct mdev_virtio_core *core;
	u16 i;

	/* From here on mvdev_vfio_release() frees what there is. */
	core = kzalloc(sizeof(*core), GFP_KERNEL);
	if (!core)
		return -ENOMEM;
	mvdev->core = core;
	spin_lock_init(&core->irq_lock);

	core->vqs = kcalloc(mvdev->nvqs, sizeof(*core->vqs), GFP_KERNEL);
	if (!core->vqs)
		return -ENOMEM;
	for (i = 0; i < mvdev->nvqs; i++)
		core->vqs[i].mvdev = mvdev;

	if (mvdev->map_doorbells) {
		core->doorbell = vmalloc_user(PAGE_SIZE);
		if (!core->doorbell)
			return -ENOMEM;
	}
	return mvdev_irq_init(mvdev);
}

int mdev_virtio_register(struct mdev_virtio_device *mvdev)
{
	int ret;

	if (!mvdev->nvqs || mvdev->nvqs > MVDEV_MAX_VQS ||
	    mvdev->ops->get_config_size(mvdev) > PAGE_SIZE)
		return -EINVAL;
	ret = mvdev_core_create(mvdev);
	if (ret)
		return ret;
	mutex_lock(&mvdev->lock);
	mvdev_regs_reset(mvdev);
	mutex_unlock(&mvdev->lock);
	return vfio_register_emulated_iommu_dev(&mvdev->vdev);
}
EXPORT_SYMBOL_GPL(mdev_virtio_register);

void mdev_virtio_unregister(struct mdev_virtio_device *mvdev)
{
	vfio_unregister_group_dev(&mvdev->vdev);
}
EXPORT_SYMBOL_GPL(mdev_virtio_unregister);

void mdev_virtio_put(struct mdev_virtio_device *mvdev)
{
	vfio_put_device(&mvdev->vdev);
}
EXPORT_SYMBOL_GPL(mdev_virtio_put);

/* --- regions --- */

static u32 region_size(u32 index)
{
	switch (index) {
	case VFIO_PCI_BAR0_REGION_INDEX + MVDEV_BAR:
		return MVDEV_BAR_SIZE;
	case VFIO_PCI_BAR0_REGION_INDEX + MVDEV_MSIX_BAR:
		return MVDEV_MSIX_BAR_SIZE;
	case VFIO_PCI_CONFIG_REGION_INDEX:
		return PCI_CFG_SPACE_SIZE;
	default:
		return 0;
	}
}

/* A doorbell must not wait for the worker, which may hold the lock. */
static bool is_doorbell(u32 index, u32 off, bool write)
{
	return write && index == VFIO_PCI_BAR0_REGION_INDEX + MVDEV_BAR &&
	       off >= MVDEV_BAR_NOTIFY;
}

static int region_access(struct mdev_virtio_device *mvdev, u32 index, u32 off,
			 u32 len, u8 *val, bool write)
{
	int ret;

	if (is_doorbell(index, off, write) && mvdev_pci_memory_enabled(mvdev)) {
		mvdev_notify(mvdev, off - MVDEV_BAR_NOTIFY);
		return 0;
	}

	mutex_lock(&mvdev->lock);
	if (index == VFIO_PCI_CONFIG_REGION_INDEX)
		ret = mvdev_pci_config(mvdev, off, len, val, write);
	else if (mvdev_pci_memory_enabled(mvdev))
		ret = mvdev_bar_access(mvdev, index, off, len, val, write);
	else
		ret = -EIO;
	mutex_unlock(&mvdev->lock);
	return ret;
}

/* The widest naturally aligned access that begins at @off. */
static u32 access_width(u32 off, size_t left)
{
	if (!(off & 3) && left >= 4)
		return 4;
	if (!(off & 1) && left >= 2)
		return 2;
	return 1;
}

/* @buf is written to only if !@write: vfio's two prototypes differ in const. */
static ssize_t region_rw(struct mdev_virtio_device *mvdev, char __user *buf,
			 size_t count, loff_t *ppos, bool write)
{
	u64 pos = *ppos;
	u64 index = pos >> MVDEV_REGION_SHIFT;
	u64 off = pos & MVDEV_REGION_MASK;
	size_t done = 0;
	u32 size;

	if (index >= VFIO_PCI_NUM_REGIONS)
		return -EINVAL;
	size = region_size(index);
	if (off >= size)
		return -EINVAL;
	count = min_t(size_t, count, size - off);

	while (done < count) {
		u32 len = access_width(off + done, count - done);
		u8 val[4] = {};
		int ret;

		if (write && copy_from_user(val, buf + done, len))
			return -EFAULT;
		ret = region_access(mvdev, index, off + done, len, val, write);
		if (ret)
			return ret;
		if (!write && copy_to_user(buf + done, val, len))
			return -EFAULT;
		done += len;
	}
	*ppos += done;
	return done;
}

static ssize_t mvdev_vfio_read(struct vfio_device *vdev, char __user *buf,
			       size_t count, loff_t *ppos)
{
	return region_rw(to_mvdev(vdev), buf, count, ppos, false);
}

static ssize_t mvdev_vfio_write(struct vfio_device *vdev,
				const char __user *buf, size_t count,
				loff_t *ppos)
{
	return region_rw(to_mvdev(vdev), (char __user *)buf, count, ppos, true);
}

/* Takes no lock: mmap_lock is held, and ours comes before it. */
static int mvdev_vfio_mmap(struct vfio_device *vdev, struct vm_area_struct *vma)
{
	const unsigned long notify = MVDEV_BAR_NOTIFY >> PAGE_SHIFT;
	struct mdev_virtio_device *mvdev = to_mvdev(vdev);

	if (!mvdev->map_doorbells)
		return -EINVAL;
	if (vma->vm_pgoff != notify || vma_pages(vma) != 1)
		return -EINVAL;
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	return remap_vmalloc_range(vma, mvdev->core->doorbell, 0);
}

/* --- ioctls --- */

static long device_info(unsigned long arg)
{
	const size_t minsz = offsetofend(struct vfio_device_info, num_irqs);
	struct vfio_device_info info;

	if (copy_from_user(&info, (void __user *)arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	info.flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	info.num_regions = VFIO_PCI_NUM_REGIONS;
	info.num_irqs = VFIO_PCI_NUM_IRQS;
	return copy_to_user((void __user *)arg, &info, minsz) ? -EFAULT : 0;
}

/*
 * The only capability there is: where BAR 0 can be mapped. As the documentation
 * of struct vfio_region_info demands, a buffer without room for it is told the
 * size to come back with.
 */
static long put_sparse_mmap(struct vfio_region_info *info, unsigned long arg)
{
	struct vfio_region_info_cap_sparse_mmap *sparse;
	struct vfio_info_cap caps = {};
	size_t size = struct_size(sparse, areas, 1);
	long ret;

	sparse = kzalloc(size, GFP_KERNEL);
	if (!sparse)
		return -ENOMEM;
	sparse->header.id = VFIO_REGION_INFO_CAP_SPARSE_MMAP;
	sparse->header.version = 1;
	sparse->nr_areas = 1;
	sparse->areas[0].offset = MVDEV_BAR_NOTIFY;
	sparse->areas[0].size = PAGE_SIZE;
	ret = vfio_info_add_capability(&caps, &sparse->header, size);
	kfree(sparse);
	if (ret)
		return ret;

	info->flags |= VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS;
	if (info->argsz < sizeof(*info) + caps.size) {
		info->argsz = sizeof(*info) + caps.size;
	} else {
		vfio_info_cap_shift(&caps, sizeof(*info));
		info->cap_offset = sizeof(*info);
		if (copy_to_user((void __user *)arg + sizeof(*info), caps.buf,
				 caps.size))
			ret = -EFAULT;
	}
	kfree(caps.buf);
	return ret;
}

static long region_info(struct mdev_virtio_device *mvdev, unsigned long arg)
{
	const size_t minsz = offsetofend(struct vfio_region_info, offset);
	struct vfio_region_info info;
	long ret;

	if (copy_from_user(&info, (void __user *)arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz || info.index >= VFIO_PCI_NUM_REGIONS)
		return -EINVAL;
	info.offset = (u64)info.index << MVDEV_REGION_SHIFT;
	info.size = region_size(info.index);
	info.cap_offset = 0;
	info.flags = 0;
	if (info.size)
		info.flags = VFIO_REGION_INFO_FLAG_READ |
			     VFIO_REGION_INFO_FLAG_WRITE;
	if (info.index == VFIO_PCI_BAR0_REGION_INDEX + MVDEV_BAR &&
	    mvdev->map_doorbells) {
		ret = put_sparse_mmap(&info, arg);
		if (ret)
			return ret;
	}
	return copy_to_user((void __user *)arg, &info, minsz) ? -EFAULT : 0;
}

static long irq_info(struct mdev_virtio_device *mvdev, unsigned long arg)
{
	const size_t minsz = offsetofend(struct vfio_irq_info, count);
	struct vfio_irq_info info;

	if (copy_from_user(&info, (void __user *)arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz || info.index >= VFIO_PCI_NUM_IRQS)
		return -EINVAL;
	info.count = mvdev_irq_count(mvdev, info.index, &info.flags);
	return copy_to_user((void __user *)arg, &info, minsz) ? -EFAULT : 0;
}

/*
 * Like vfio-pci's reset this keeps configuration space and interrupt set-up:
 * clients set the bus master bit first and reset afterwards.
 */
static long device_reset(struct mdev_virtio_device *mvdev)
{
	mutex_lock(&mvdev->lock);
	mvdev_regs_reset(mvdev);
	mutex_unlock(&mvdev->lock);
	return 0;
}

static long mvdev_vfio_ioctl(struct vfio_device *vdev, unsigned int cmd,
			     unsigned long arg)
{
	struct mdev_virtio_device *mvdev = to_mvdev(vdev);

	switch (cmd) {
	case VFIO_DEVICE_GET_INFO:
		return device_info(arg);
	case VFIO_DEVICE_GET_REGION_INFO:
		return region_info(mvdev, arg);
	case VFIO_DEVICE_GET_IRQ_INFO:
		return irq_info(mvdev, arg);
	case VFIO_DEVICE_SET_IRQS:
		return mvdev_irq_set(mvdev, arg);
	case VFIO_DEVICE_RESET:
		return device_reset(mvdev);
	default:
		return -ENOTTY;
	}
}

const struct vfio_device_ops mdev_virtio_vfio_ops = {
	.name = "mdev-virtio",
	.init = mvdev_vfio_init,
	.release = mvdev_vfio_release,
	.open_device = mvdev_vfio_open,
	.close_device = mvdev_vfio_close,
	.read = mvdev_vfio_read,
	.write = mvdev_vfio_write,
	.ioctl = mvdev_vfio_ioctl,
	.mmap = mvdev_vfio_mmap,
	.request = mvdev_vfio_request,
	COMPAT_VFIO_IOMMUFD_OPS
};
EXPORT_SYMBOL_GPL(mdev_virtio_vfio_ops);

/* --- module --- */

struct device *mdev_virtio_parent_create(const char *name)
{
	return device_create(mdev_virtio_class, NULL, 0, NULL, "%s", name);
}
EXPORT_SYMBOL_GPL(mdev_virtio_parent_create);

static int __init mdev_virtio_init(void)
{
	mdev_virtio_class = compat_class_create("mdev_virtio");
	return PTR_ERR_OR_ZERO(mdev_virtio_class);
}

static void __exit mdev_virtio_exit(void)
{
	class_destroy(mdev_virtio_class);
}

module_init(mdev_virtio_init);
module_exit(mdev_virtio_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Mediated virtio devices for VFIO");
