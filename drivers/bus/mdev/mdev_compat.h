/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef BUS_MDEV_COMPAT_H
#define BUS_MDEV_COMPAT_H

/**
 * @file
 * Differences between DPDK releases, and nothing else. Included by private.h.
 *
 * Up to 26.03 a bus keeps its own lists, its plug tries all drivers and its unplug
 * frees the device. From 26.07 on the lists are in struct rte_bus, EAL chooses the
 * driver (match, probe_device) and frees (free_device). The bus is written for the
 * second form; this file makes the first one of it. Devices and drivers are linked
 * by the generic structures in both.
 */

#include <strings.h>

#include <rte_version.h>

#include <bus_driver.h>
#include <dev_driver.h>

/* Named so since 23.03. */
#if RTE_VERSION >= RTE_VERSION_NUM(23, 3, 0, 0)
#define MDEV_TEL_ADD_UINT rte_tel_data_add_dict_uint
#else
#define MDEV_TEL_ADD_UINT rte_tel_data_add_dict_u64
#endif

/*
 * Since 25.07 a DPDK tree makes the version map of a library from these marks in its
 * sources, and no installed DPDK has the header. Elsewhere version.map names the same.
 */
#if __has_include(<eal_export.h>)
#include <eal_export.h>
#endif
#ifndef RTE_EXPORT_INTERNAL_SYMBOL
#define RTE_EXPORT_INTERNAL_SYMBOL(symbol)
#endif

#if RTE_VERSION >= RTE_VERSION_NUM(26, 7, 0, 0)

struct mdev_bus {
	struct rte_bus bus;
};

#define MDEV_DEVICES (&mdev_bus.bus.device_list)
#define MDEV_DRIVERS (&mdev_bus.bus.driver_list)
#define MDEV_SET_DRIVER_BUS(drv, owner) ((drv)->bus = (owner))

extern struct mdev_bus mdev_bus;

static inline bool
mdev_is_ignored(const struct rte_mdev_device *mdev)
{
	return rte_bus_device_is_ignored(&mdev_bus.bus, mdev->name);
}

static inline int
mdev_compat_probe(struct rte_bus *bus)
{
	RTE_SET_USED(bus);
	return mdev_probe_all();
}

/* EAL alone sees that no driver takes a device, and gives no reason: the last one does. */
static inline void
mdev_compat_not_taken(const struct rte_driver *drv, const struct rte_mdev_device *mdev)
{
	if (TAILQ_NEXT(drv, next) == NULL && mdev->driver == NULL)
		mdev_warn_undriven(mdev);
}

static inline bool
mdev_compat_match(const struct rte_driver *drv, const struct rte_device *dev)
{
	const struct rte_mdev_device *mdev =
		container_of(dev, const struct rte_mdev_device, device);
	bool fits = mdev_match(container_of(drv, const struct rte_mdev_driver, driver),
			mdev);

	if (!fits)
		mdev_compat_not_taken(drv, mdev);
	return fits;
}

static inline int
mdev_compat_probe_device(struct rte_driver *drv, struct rte_device *dev)
{
	struct rte_mdev_device *mdev = RTE_DEV_TO_MDEV(dev);
	int ret;

	mdev_mp_retry();
	ret = mdev_probe_device(container_of(drv, struct rte_mdev_driver, driver), mdev);
	if (ret > 0)
		mdev_compat_not_taken(drv, mdev);
	return ret;
}

static inline int
mdev_compat_unplug_device(struct rte_device *dev)
{
	return mdev_unplug_device(RTE_DEV_TO_MDEV(dev));
}

static inline void
mdev_compat_free_device(struct rte_device *dev)
{
	mdev_free_device(RTE_DEV_TO_MDEV(dev));
}

static inline int
mdev_compat_cleanup(struct rte_bus *bus)
{
	RTE_SET_USED(bus);
	return mdev_cleanup();
}

static inline void *
mdev_compat_dev_iterate(const struct rte_bus *bus, const void *start,
		const char *str, const struct rte_dev_iterator *it)
{
	RTE_SET_USED(bus);
	return mdev_dev_iterate(start, str, it);
}

static inline struct rte_device *
mdev_compat_find_device(const struct rte_bus *bus, const struct rte_device *start,
		rte_dev_cmp_t cmp, const void *data)
{
	RTE_SET_USED(bus);
	return mdev_find_by_any_name(start, cmp, data);
}

#define MDEV_BUS_RELEASE_OPS \
	.probe = mdev_compat_probe, \
	.find_device = mdev_compat_find_device, \
	.dev_compare = strcasecmp, \
	.match = mdev_compat_match, \
	.probe_device = mdev_compat_probe_device, \
	.unplug_device = mdev_compat_unplug_device, \
	.free_device = mdev_compat_free_device, \
	.cleanup = mdev_compat_cleanup, \
	.dev_iterate = mdev_compat_dev_iterate

#else /* up to 26.03 */

RTE_TAILQ_HEAD(mdev_device_list, rte_device);
RTE_TAILQ_HEAD(mdev_driver_list, rte_driver);

struct mdev_bus {
	struct rte_bus bus;
	struct mdev_device_list devices;
	struct mdev_driver_list drivers;
};

#define MDEV_DEVICES (&mdev_bus.devices)
#define MDEV_DRIVERS (&mdev_bus.drivers)
#define MDEV_SET_DRIVER_BUS(drv, owner) \
	do { RTE_SET_USED(drv); RTE_SET_USED(owner); } while (0)

extern struct mdev_bus mdev_bus;

static inline bool
mdev_is_ignored(const struct rte_mdev_device *mdev)
{
	const struct rte_devargs *da = mdev->device.devargs;

	if (mdev_bus.bus.conf.scan_mode == RTE_BUS_SCAN_ALLOWLIST)
		return da == NULL || da->policy != RTE_DEV_ALLOWED;
	return da != NULL && da->policy == RTE_DEV_BLOCKED;
}

static inline int
mdev_compat_plug(struct rte_device *dev)
{
	mdev_mp_retry();
	return mdev_probe_drivers(RTE_DEV_TO_MDEV(dev));
}

static inline int
mdev_compat_unplug(struct rte_device *dev)
{
	int ret = mdev_unplug_device(RTE_DEV_TO_MDEV(dev));

	if (ret != 0)
		return ret;
	rte_devargs_remove(dev->devargs);
	TAILQ_REMOVE(MDEV_DEVICES, dev, next);
	mdev_free_device(RTE_DEV_TO_MDEV(dev));
	return 0;
}

#define MDEV_BUS_RELEASE_OPS \
	.probe = mdev_probe_all, \
	.find_device = mdev_find_by_any_name, \
	.plug = mdev_compat_plug, \
	.unplug = mdev_compat_unplug, \
	.cleanup = mdev_cleanup, \
	.dev_iterate = mdev_dev_iterate

#endif

#endif /* BUS_MDEV_COMPAT_H */
