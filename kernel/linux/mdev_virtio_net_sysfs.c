// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is particular to a network device, for people and tests:
 * /sys/bus/mdev/devices/UUID/virtio_net/{announce,features_off,filter,needs_reset,pairs}.
 *
 * Whoever comes here may have to wait for the worker, and can be interrupted.
 */
#include <linux/device.h>
#include <linux/sysfs.h>

#include "mdev_virtio_net.h"

static struct mvnet *mvnet_lock(struct device *dev)
{
	struct mdev_virtio_device *mvdev = dev_get_drvdata(dev);

	return mutex_lock_interruptible(&mvdev->lock) ? NULL : to_mvnet(mvdev);
}

static int request_announce(struct mvnet *nd)
{
	lockdep_assert_held(&nd->mvdev.lock);
	if (!mdev_virtio_may_dma(&nd->mvdev))
		return -ENOTCONN;
	if (!mvnet_has(nd, VIRTIO_NET_F_GUEST_ANNOUNCE))
		return -EOPNOTSUPP;
	nd->announce = true;
	atomic_inc(&nd->generation);
	nd->config_cb.callback(nd->config_cb.private);
	return 0;
}

/* Ask the driver to announce itself to its network: VIRTIO 1.2 s. 5.1.6.5.4 */
static ssize_t announce_store(struct device *dev, struct device_attribute *attr,
			      const char *buf, size_t count)
{
	struct mvnet *nd;
	bool yes;
	int ret;

	ret = kstrtobool(buf, &yes);
	if (ret)
		return ret;
	if (!yes)
		return -EINVAL;
	nd = mvnet_lock(dev);
	if (!nd)
		return -ERESTARTSYS;
	ret = request_announce(nd);
	mutex_unlock(&nd->mvdev.lock);
	return ret ? ret : count;
}

/* Still to be acknowledged by the driver? */
static ssize_t announce_show(struct device *dev, struct device_attribute *attr,
			     char *buf)
{
	struct mvnet *nd = mvnet_lock(dev);
	bool announce;

	if (!nd)
		return -ERESTARTSYS;
	announce = nd->announce;
	mutex_unlock(&nd->mvdev.lock);
	return sysfs_emit(buf, "%d\n", announce);
}
static DEVICE_ATTR_RW(announce);

static int emit_table(char *buf, int len, const char *name,
		      const struct mvnet_mac_table *table)
{
	if (table->all)
		return sysfs_emit_at(buf, len, "%s all\n", name);
	return sysfs_emit_at(buf, len, "%s %u\n", name, table->nr);
}

/* One line for each: a name and a value. */
static ssize_t filter_show(struct device *dev, struct device_attribute *attr,
			   char *buf)
{
	struct mvnet *nd = mvnet_lock(dev);
	const struct mvnet_filter *filter;
	int len;

	if (!nd)
		return -ERESTARTSYS;
	filter = &nd->filter;
	len = sysfs_emit(buf, "mac %pM\npromisc %d\nallmulti %d\n", filter->mac,
			 filter->promisc, filter->allmulti);
	len += emit_table(buf, len, "unicast", &filter->tables[0]);
	len += emit_table(buf, len, "multicast", &filter->tables[1]);
	len += sysfs_emit_at(buf, len, "vlans %u\n",
			     bitmap_weight(filter->vlans, VLAN_N_VID));
	len += sysfs_emit_at(buf, len, "filtered %lld\n",
			     (s64)atomic64_read(&nd->stats.tx_filtered));
	mutex_unlock(&nd->mvdev.lock);
	return len;
}
static DEVICE_ATTR_RO(filter);

/* What is not to be offered, and so neither is what needs it. Not while it is in use. */
static ssize_t features_off_store(struct device *dev,
				  struct device_attribute *attr,
				  const char *buf, size_t count)
{
	struct mvnet *nd;
	int ret;
	u64 off;

	ret = kstrtou64(buf, 0, &off);
	if (ret)
		return ret;
	/* Without it this would be a legacy device. */
	if (off & BIT_ULL(VIRTIO_F_VERSION_1))
		return -EINVAL;
	nd = mvnet_lock(dev);
	if (!nd)
		return -ERESTARTSYS;
	if (nd->open)
		ret = -EBUSY;
	else
		nd->features_off = off;
	mutex_unlock(&nd->mvdev.lock);
	return ret ? ret : count;
}

static ssize_t features_off_show(struct device *dev,
				 struct device_attribute *attr, char *buf)
{
	struct mvnet *nd = mvnet_lock(dev);
	u64 off;

	if (!nd)
		return -ERESTARTSYS;
	off = nd->features_off;
	mutex_unlock(&nd->mvdev.lock);
	return sysfs_emit(buf, "0x%016llx\n", off);
}
static DEVICE_ATTR_RW(features_off);

/* Let the device break, as if by itself: VIRTIO 1.2 s. 2.1.2 */
static ssize_t needs_reset_store(struct device *dev,
				 struct device_attribute *attr,
				 const char *buf, size_t count)
{
	struct mvnet *nd;
	bool yes;
	int ret;

	ret = kstrtobool(buf, &yes);
	if (ret)
		return ret;
	if (!yes)
		return -EINVAL;
	nd = mvnet_lock(dev);
	if (!nd)
		return -ERESTARTSYS;
	if (!(nd->status & VIRTIO_CONFIG_S_DRIVER_OK))
		ret = -ENOTCONN;
	else
		mvnet_needs_reset(nd);
	mutex_unlock(&nd->mvdev.lock);
	return ret ? ret : count;
}

static ssize_t needs_reset_show(struct device *dev,
				struct device_attribute *attr, char *buf)
{
	struct mvnet *nd = mvnet_lock(dev);
	bool needed;

	if (!nd)
		return -ERESTARTSYS;
	needed = nd->status & VIRTIO_CONFIG_S_NEEDS_RESET;
	mutex_unlock(&nd->mvdev.lock);
	return sysfs_emit(buf, "%d\n", needed);
}
static DEVICE_ATTR_RW(needs_reset);

/* In use, and all that there are. */
static ssize_t pairs_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	struct mvnet *nd = to_mvnet(dev_get_drvdata(dev));

	return sysfs_emit(buf, "%u %u\n", READ_ONCE(nd->active_pairs),
			  nd->type->pairs);
}
static DEVICE_ATTR_RO(pairs);

static struct attribute *mvnet_attrs[] = {
	&dev_attr_announce.attr,
	&dev_attr_features_off.attr,
	&dev_attr_filter.attr,
	&dev_attr_needs_reset.attr,
	&dev_attr_pairs.attr,
	NULL,
};

static const struct attribute_group mvnet_group = {
	.name = "virtio_net",
	.attrs = mvnet_attrs,
};

const struct attribute_group *mvnet_groups[] = {
	&mdev_virtio_group,
	&mvnet_group,
	NULL,
};
