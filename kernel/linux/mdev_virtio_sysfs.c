// SPDX-License-Identifier: GPL-2.0-only
/*
 * What state the device is in, for people and tests:
 * /sys/bus/mdev/devices/UUID/virtio/{status,features,queues}.
 *
 * A reader may have to wait for the worker, so it can be interrupted.
 */
#include <linux/device.h>
#include <linux/export.h>
#include <linux/sysfs.h>

#include "mdev_virtio_core.h"

static struct mdev_virtio_device *mvdev_lock(struct device *dev)
{
	struct mdev_virtio_device *mvdev = dev_get_drvdata(dev);

	return mutex_lock_interruptible(&mvdev->lock) ? NULL : mvdev;
}

static ssize_t status_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	struct mdev_virtio_device *mvdev = mvdev_lock(dev);
	u8 status;

	if (!mvdev)
		return -ERESTARTSYS;
	status = mvdev->ops->get_status(mvdev);
	mutex_unlock(&mvdev->lock);
	return sysfs_emit(buf, "0x%02x\n", status);
}
static DEVICE_ATTR_RO(status);

/* Offered, and accepted by the driver so far. */
static ssize_t features_show(struct device *dev, struct device_attribute *attr,
			     char *buf)
{
	struct mdev_virtio_device *mvdev = mvdev_lock(dev);
	u64 offered, accepted;

	if (!mvdev)
		return -ERESTARTSYS;
	offered = mvdev->ops->get_features(mvdev);
	accepted = mvdev->core->driver_features;
	mutex_unlock(&mvdev->lock);
	return sysfs_emit(buf, "0x%016llx 0x%016llx\n", offered, accepted);
}
static DEVICE_ATTR_RO(features);

/* One line for each: index, ready, size, next available descriptor. */
static ssize_t queues_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	struct mdev_virtio_device *mvdev = mvdev_lock(dev);
	int len = 0;
	u16 i;

	if (!mvdev)
		return -ERESTARTSYS;
	for (i = 0; i < mvdev->nvqs; i++)
		len += sysfs_emit_at(buf, len, "%u %u %u %llu\n", i,
				     mvdev->ops->get_vq_ready(mvdev, i),
				     mvdev->core->vqs[i].num,
				     mvdev->ops->get_vq_state(mvdev, i));
	mutex_unlock(&mvdev->lock);
	return len;
}
static DEVICE_ATTR_RO(queues);

static struct attribute *mvdev_attrs[] = {
	&dev_attr_status.attr,
	&dev_attr_features.attr,
	&dev_attr_queues.attr,
	NULL,
};

const struct attribute_group mdev_virtio_group = {
	.name = "virtio",
	.attrs = mvdev_attrs,
};
EXPORT_SYMBOL_GPL(mdev_virtio_group);
