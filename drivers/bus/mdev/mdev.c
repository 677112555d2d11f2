/* SPDX-License-Identifier: BSD-3-Clause */

/* The bus: match, probe, plug, unplug, cleanup, and its registration with EAL. */

#include <dlfcn.h>
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include <rte_bus.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_interrupts.h>
#include <rte_log.h>
#include <rte_version.h>

#include <vfio_dma.h>
#include <vfio_irq.h>
#include <vfio_pci.h>

#include "private.h"

RTE_LOG_REGISTER_DEFAULT(mdev_bus_logtype, NOTICE)

bool
mdev_is_named(const struct rte_mdev_device *mdev)
{
	const struct rte_devargs *da = mdev->device.devargs;

	return da != NULL && da->policy == RTE_DEV_ALLOWED;
}

static bool
glob_fits(const char *glob, const char *text)
{
	return glob == NULL || fnmatch(glob, text, 0) == 0;
}

/* What sysfs says; an entry for PCI ids alone serves only devices that are named. */
static bool
id_fits(const struct rte_mdev_id *id, const struct rte_mdev_device *mdev)
{
	if (strcmp(id->device_api, mdev->device_api) != 0)
		return false;
	if (id->type == NULL && id->parent == NULL && !mdev_is_named(mdev))
		return false;
	return glob_fits(id->type, mdev->type) &&
		glob_fits(id->parent, mdev->parent);
}

bool
mdev_match(const struct rte_mdev_driver *drv, const struct rte_mdev_device *mdev)
{
	const struct rte_devargs *da = mdev->device.devargs;
	const struct rte_mdev_id *id;

	if (!mdev_devargs_take_driver(da, &drv->driver) ||
			!mdev_devargs_fit(da, mdev))
		return false;
	for (id = drv->id_table; id->device_api != NULL; id++) {
		if (id_fits(id, mdev))
			return true;
	}
	return false;
}

static bool
pci_id_fits(uint16_t wanted, uint16_t is)
{
	return wanted == RTE_MDEV_ANY_ID || wanted == is;
}

/*
 * The rest of the match, which takes an open device: PCI ids.
 * Returns 0, a positive value if none fits, or a negative errno.
 */
static int
match_open(const struct rte_mdev_driver *drv, struct rte_mdev_device *mdev)
{
	const struct rte_mdev_id *id;
	struct vfio_pci_ids pci = { 0 };
	bool known = false;
	int ret;

	for (id = drv->id_table; id->device_api != NULL; id++) {
		if (!id_fits(id, mdev))
			continue;
		if (id->vendor_id == RTE_MDEV_ANY_ID &&
				id->device_id == RTE_MDEV_ANY_ID)
			return 0;
		if (!known) {
			ret = vfio_pci_read_ids(mdev->vfio, &pci);
			if (ret == -ENOTSUP)
				continue; /* no PCI device, hence not this entry's */
			if (ret < 0)
				return ret; /* common/vfio said why */
			known = true;
			MDEV_PRIVATE(mdev)->pci = pci;
		}
		if (pci_id_fits(id->vendor_id, pci.vendor) &&
				pci_id_fits(id->device_id, pci.device))
			return 0;
	}
	MDEV_LOG(DEBUG, "mdev:%s: PCI ids %04x:%04x are not for %s", mdev->name,
		pci.vendor, pci.device, drv->driver.name);
	return 1;
}

/* The primary process opens devices; a secondary one gets them from there. */
static int
device_open(struct rte_mdev_device *mdev)
{
	if (rte_eal_process_type() != RTE_PROC_PRIMARY)
		return mdev_mp_open(mdev);
	/* common/vfio says why if it cannot */
	return vfio_dev_open(mdev->root, mdev->name, &mdev->vfio);
}

static void
device_close(struct rte_mdev_device *mdev)
{
	if (MDEV_PRIVATE(mdev)->borrowed_fd >= 0) {
		mdev_mp_close(mdev);
		return;
	}
	vfio_dev_close(mdev->vfio);
	mdev->vfio = NULL;
}

int
mdev_probe_device(struct rte_mdev_driver *drv, struct rte_mdev_device *mdev)
{
	int ret;

	if (mdev->driver != NULL)
		return -EEXIST;
	if (!mdev_match(drv, mdev))
		return 1;
	ret = device_open(mdev);
	if (ret != 0)
		return ret;
	ret = match_open(drv, mdev);
	if (ret != 0)
		goto close_dev;
	mdev->intr_handle = vfio_irq_handle_alloc();
	if (mdev->intr_handle == NULL) {
		MDEV_LOG(ERR, "mdev:%s: no memory for its interrupt handle: give EAL more (-m)",
			mdev->name);
		ret = -ENOMEM;
		goto close_dev;
	}
	mdev->driver = drv;
	/* a port that the driver announces may be asked for it at once */
	mdev->device.driver = &drv->driver;
	MDEV_LOG(INFO, "mdev:%s: probe by %s (type %s, NUMA node %d)", mdev->name,
		drv->driver.name, mdev->type, mdev->device.numa_node);
	ret = drv->probe(drv, mdev);
	if (ret != 0) {
		MDEV_LOG(INFO, "mdev:%s: %s does not take it: %s", mdev->name,
			drv->driver.name,
			ret > 0 ? "it is not for it" : strerror(-ret));
		goto free_intr;
	}
	MDEV_LOG(INFO, "mdev:%s: driven by %s", mdev->name, drv->driver.name);
	mdev_telemetry_open(mdev, true);
	mdev_request_start(mdev);
	mdev_mp_publish(mdev);
	return 0;

free_intr:
	mdev->driver = NULL;
	mdev->device.driver = NULL;
	rte_intr_instance_free(mdev->intr_handle);
	mdev->intr_handle = NULL;
close_dev:
	device_close(mdev);
	return ret;
}

static bool
is_loaded(const char *name, size_t len)
{
	const struct rte_driver *drv;

	TAILQ_FOREACH(drv, MDEV_DRIVERS, next) {
		if (strlen(drv->name) == len && strncmp(drv->name, name, len) == 0)
			return true;
	}
	return false;
}

void
mdev_warn_undriven(const struct rte_mdev_device *mdev)
{
	const struct rte_devargs *da = mdev->device.devargs;
	char printable[MDEV_PRINTABLE_LEN];
	const char *name;
	size_t len;

	if (!mdev_is_named(mdev))
		return;
	name = mdev_devargs_driver(da, &len);
	if (name != NULL && !is_loaded(name, len))
		MDEV_LOG(WARNING, "mdev:%s: no loaded driver has the name '%.*s': correct driver=, or load the driver with -d",
			mdev->name, (int)len,
			mdev_printable(name, printable, sizeof(printable)));
	else if (!mdev_devargs_fit(da, mdev))
		MDEV_LOG(WARNING, "mdev:%s: its type is %s and its parent %s, which is not what was asked for: correct type= and parent=",
			mdev->name, mdev->type, mdev->parent);
	else if (name != NULL)
		MDEV_LOG(WARNING, "mdev:%s: driver '%.*s' does not serve it (device API %s, type %s, parent %s): name another driver, or none",
			mdev->name, (int)len,
			mdev_printable(name, printable, sizeof(printable)),
			mdev->device_api, mdev->type, mdev->parent);
	else
		MDEV_LOG(WARNING, "mdev:%s: no loaded driver serves it (device API %s, type %s, parent %s): load its driver with -d",
			mdev->name, mdev->device_api, mdev->type, mdev->parent);
}

int
mdev_probe_drivers(struct rte_mdev_device *mdev)
{
	struct rte_driver *drv;
	int ret;

	TAILQ_FOREACH(drv, MDEV_DRIVERS, next) {
		ret = mdev_probe_device(container_of(drv, struct rte_mdev_driver,
			driver), mdev);
		if (ret <= 0)
			return ret;
	}
	mdev_warn_undriven(mdev);
	return 1;
}

static void
prepare_drivers(void)
{
	struct rte_mdev_driver *drv;
	struct rte_driver *driver;

	TAILQ_FOREACH(driver, MDEV_DRIVERS, next) {
		drv = container_of(driver, struct rte_mdev_driver, driver);
		if (drv->prepare != NULL)
			drv->prepare();
	}
}

/* Whether a driver that was loaded got here at all, and what came of it. */
static void
log_drivers(void)
{
	const struct rte_mdev_device *mdev;
	unsigned int listed, driven;
	const struct rte_driver *drv;

	if (!rte_log_can_log(mdev_bus_logtype, RTE_LOG_DEBUG))
		return;
	TAILQ_FOREACH(drv, MDEV_DRIVERS, next) {
		listed = driven = 0;
		MDEV_FOREACH(mdev) {
			listed++;
			driven += mdev->driver != NULL && &mdev->driver->driver == drv;
		}
		MDEV_LOG(DEBUG, "mdev bus: driver %s has %u of %u devices", drv->name,
			driven, listed);
	}
}

int
mdev_probe_all(void)
{
	struct rte_mdev_device *mdev;
	size_t named = 0, failed = 0;
	int ret;

	mdev_mp_start();
	mdev_monitor_start();
	prepare_drivers();
	mdev_devargs_warn_missing();
	MDEV_FOREACH(mdev) {
		if (mdev_is_ignored(mdev) || mdev->driver != NULL)
			continue;
		ret = mdev_probe_drivers(mdev);
		if (!mdev_is_named(mdev))
			continue; /* nobody asked for it: no failure of the bus */
		named += ret <= 0;
		failed += ret < 0;
	}
	mdev_mp_retry();
	log_drivers();
	return named > 0 && named == failed ? -1 : 0;
}

static void
device_release(struct rte_mdev_device *mdev)
{
	mdev_telemetry_open(mdev, false);
	mdev->driver = NULL;
	mdev->device.driver = NULL;
	rte_intr_instance_free(mdev->intr_handle);
	mdev->intr_handle = NULL;
	device_close(mdev);
}

int
mdev_unplug_device(struct rte_mdev_device *mdev)
{
	struct rte_mdev_driver *drv = mdev->driver;
	int ret;

	if (drv == NULL)
		return 0;
	/* the driver must hear of nothing while it lets go */
	ret = mdev_request_stop(mdev);
	if (ret < 0)
		return ret;
	mdev_mp_withdraw(mdev);
	ret = drv->remove(mdev);
	if (ret != 0) {
		MDEV_LOG(ERR, "mdev:%s: %s does not let go of it: %s: end what uses it, and detach it again",
			mdev->name, drv->driver.name, strerror(-ret));
		mdev_request_start(mdev);
		mdev_mp_publish(mdev);
		return ret;
	}
	device_release(mdev);
	return 0;
}

int
mdev_cleanup(void)
{
	struct rte_mdev_device *mdev;
	int failed = 0;

	mdev_monitor_stop();
	mdev_mp_stop();
	while ((mdev = mdev_first()) != NULL) {
		if (mdev_unplug_device(mdev) != 0) {
			/* the process ends, whether its driver lets go or not */
			failed = -1;
			mdev_request_stop(mdev);
			mdev_mp_withdraw(mdev);
			device_release(mdev);
		}
		TAILQ_REMOVE(MDEV_DEVICES, &mdev->device, next);
		mdev_free_device(mdev);
	}
	return failed;
}

static bool
will_be_driven(const struct rte_mdev_device *mdev)
{
	const struct rte_driver *drv;

	if (mdev_is_ignored(mdev))
		return false;
	TAILQ_FOREACH(drv, MDEV_DRIVERS, next) {
		if (mdev_match(container_of(drv, const struct rte_mdev_driver,
				driver), mdev))
			return true;
	}
	return false;
}

/*
 * A process without a device for this bus must get the mode that it would get
 * without the bus.
 */
static enum rte_iova_mode
mdev_get_iommu_class(void)
{
	const struct rte_mdev_device *mdev;

	MDEV_FOREACH(mdev) {
		if (will_be_driven(mdev))
			return RTE_IOVA_VA;
	}
	return RTE_IOVA_DC;
}

static int
mdev_dma_map(struct rte_device *dev, void *addr, uint64_t iova, size_t len)
{
	struct rte_mdev_device *mdev = RTE_DEV_TO_MDEV(dev);
	int ret = -EINVAL;

	if (mdev->vfio != NULL)
		ret = vfio_dma_map(mdev->vfio, addr, iova, len);
	if (ret < 0)
		rte_errno = -ret;
	return ret < 0 ? -1 : 0;
}

static int
mdev_dma_unmap(struct rte_device *dev, void *addr, uint64_t iova, size_t len)
{
	struct rte_mdev_device *mdev = RTE_DEV_TO_MDEV(dev);
	int ret = -EINVAL;

	if (mdev->vfio != NULL)
		ret = vfio_dma_unmap(mdev->vfio, addr, iova, len);
	if (ret < 0)
		rte_errno = -ret;
	return ret < 0 ? -1 : 0;
}

RTE_EXPORT_INTERNAL_SYMBOL(rte_mdev_register)
void
rte_mdev_register(struct rte_mdev_driver *driver)
{
	if (driver->driver.name == NULL || driver->id_table == NULL ||
			driver->probe == NULL || driver->remove == NULL) {
		MDEV_LOG(ERR, "mdev bus: driver '%s' lacks its name, id table, probe or remove: not used",
			driver->driver.name == NULL ? "" : driver->driver.name);
		return;
	}
	MDEV_SET_DRIVER_BUS(&driver->driver, &mdev_bus.bus);
	TAILQ_INSERT_TAIL(MDEV_DRIVERS, &driver->driver, next);
}

RTE_EXPORT_INTERNAL_SYMBOL(rte_mdev_unregister)
void
rte_mdev_unregister(struct rte_mdev_driver *driver)
{
	struct rte_driver *drv;

	TAILQ_FOREACH(drv, MDEV_DRIVERS, next) {
		if (drv == &driver->driver) {
			TAILQ_REMOVE(MDEV_DRIVERS, drv, next);
			MDEV_SET_DRIVER_BUS(drv, NULL);
			return;
		}
	}
}

struct mdev_bus mdev_bus = {
	.bus = {
		.name = RTE_BUS_MDEV_NAME,
		.scan = mdev_scan,
		.parse = mdev_parse,
		.devargs_parse = mdev_devargs_parse,
		.dma_map = mdev_dma_map,
		.dma_unmap = mdev_dma_unmap,
		.get_iommu_class = mdev_get_iommu_class,
		MDEV_BUS_RELEASE_OPS,
	},
};

/* What an EAL says of its release. */
struct eal_release {
	unsigned int (*year)(void);
	unsigned int (*month)(void);
	const char *(*text)(void);
};

static void
find_function(const char *name, void *function)
{
	void *found = dlsym(RTLD_DEFAULT, name);

	if (found != NULL)
		memcpy(function, &found, sizeof(found));
}

/*
 * struct rte_bus is not part of the ABI: it may differ from release to release. If the
 * application has another EAL than this library was linked with, the loader may bring that
 * one along: what counts is what the application would find. It finds nothing if EAL is
 * linked statically, and then there is only one.
 */
static bool
release_fits(struct eal_release *release)
{
	*release = (struct eal_release){ rte_version_year, rte_version_month, rte_version };
	find_function("rte_version_year", &release->year);
	find_function("rte_version_month", &release->month);
	find_function("rte_version", &release->text);
	return release->year() == RTE_VER_YEAR && release->month() == RTE_VER_MONTH;
}

/*
 * Drivers may register themselves in any case; on a bus that EAL does not know they
 * are never asked.
 */
RTE_INIT_PRIO(mdev_bus_register, BUS)
{
	struct eal_release release;

	TAILQ_INIT(MDEV_DEVICES);
	TAILQ_INIT(MDEV_DRIVERS);
	if (!release_fits(&release)) {
		RTE_LOG(ERR, EAL, "mdev bus: built for DPDK %d.%02d, but this is %s: not used; build it against this release\n",
			RTE_VER_YEAR, RTE_VER_MONTH, release.text());
	} else if (rte_bus_find_by_name(RTE_BUS_MDEV_NAME) != NULL) {
		RTE_LOG(ERR, EAL, "mdev bus: loaded twice, from two places: this one is not used; load one of them, without -d if it is installed\n");
	} else {
		rte_bus_register(&mdev_bus.bus);
		mdev_telemetry_register();
	}
}
