/* SPDX-License-Identifier: BSD-3-Clause */

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include <rte_bus.h>
#include <rte_errno.h>
#include <rte_interrupts.h>

#include "made_up_driver.h"
#include "made_up_sysfs.h"
#include "made_up_vfio.h"
#include "test.h"
#include "test_compat.h"

struct made_up_driver made_up_driver;

/* Takes the place of EAL's, so that it can fail once. */
struct rte_intr_handle *
rte_intr_instance_alloc(uint32_t flags)
{
	static struct rte_intr_handle *(*alloc)(uint32_t flags);

	if (made_up_driver.fail_intr) {
		made_up_driver.fail_intr = false;
		rte_errno = ENOMEM;
		return NULL;
	}
	if (alloc == NULL)
		*(void **)&alloc = dlsym(RTLD_NEXT, "rte_intr_instance_alloc");
	return alloc(flags);
}

static void
made_up_prepare(void)
{
	made_up_driver.prepares++;
}

static int
made_up_probe(struct rte_mdev_driver *drv __rte_unused,
		struct rte_mdev_device *mdev)
{
	int ret = made_up_driver.probe_returns;

	made_up_driver.probe_returns = 0;
	made_up_driver.probes++;
	made_up_driver.prepares_seen = made_up_driver.prepares;
	made_up_driver.last = mdev;
	if (made_up_driver.in_probe != NULL)
		made_up_driver.in_probe();
	return ret;
}

static int
made_up_remove_dev(struct rte_mdev_device *mdev __rte_unused)
{
	int ret = made_up_driver.remove_returns;

	made_up_driver.remove_returns = 0;
	if (ret == 0)
		made_up_driver.removes++;
	return ret;
}

const struct rte_mdev_id made_up_ids_type[] = {
	{ .device_api = MADE_UP_API, .type = "made_up-*",
	  .vendor_id = RTE_MDEV_ANY_ID, .device_id = RTE_MDEV_ANY_ID },
	{ .device_api = NULL },
};

const struct rte_mdev_id made_up_ids_parent[] = {
	{ .device_api = "vfio-other", .parent = "*",
	  .vendor_id = RTE_MDEV_ANY_ID, .device_id = RTE_MDEV_ANY_ID },
	{ .device_api = MADE_UP_API, .parent = MADE_UP_PARENT_2,
	  .vendor_id = RTE_MDEV_ANY_ID, .device_id = RTE_MDEV_ANY_ID },
	{ .device_api = NULL },
};

const struct rte_mdev_id made_up_ids_pci[] = {
	{ .device_api = MADE_UP_API, .vendor_id = 0x1af4, .device_id = 0x1000 },
	{ .device_api = MADE_UP_API, .vendor_id = 0x1af4, .device_id = 0x1041 },
	{ .device_api = NULL },
};

struct rte_mdev_driver made_up_net = {
	.driver.name = "net_made_up",
	.id_table = made_up_ids_type,
	.probe = made_up_probe,
	.remove = made_up_remove_dev,
	.prepare = made_up_prepare,
};

struct rte_mdev_driver made_up_second = {
	.driver.name = "net_second",
	.id_table = made_up_ids_type,
	.probe = made_up_probe,
	.remove = made_up_remove_dev,
};

int
made_up_driver_start(void)
{
	memset(&made_up_driver, 0, sizeof(made_up_driver));
	made_up_net.id_table = made_up_ids_type;
	rte_mdev_register(&made_up_net);
	if (made_up_sysfs_start() < 0)
		return TEST_FAILED;
	made_up_vfio_start();
	return TEST_SUCCESS;
}

void
made_up_driver_stop(void)
{
	made_up_driver.remove_returns = 0;
	made_up_sysfs_stop(); /* takes the devices back first */
	made_up_vfio_stop();
	rte_mdev_unregister(&made_up_net);
}

struct rte_mdev_device *
made_up_listed(unsigned int i)
{
	struct rte_mdev_device *mdev;

	MDEV_FOREACH(mdev) {
		if (strcmp(mdev->name, made_up_uuid(i)) == 0)
			return mdev;
	}
	return NULL;
}

bool
made_up_detached(unsigned int i)
{
	const struct rte_mdev_device *mdev = made_up_listed(i);

	if (!TEST_DETACHED_STAYS)
		return mdev == NULL;
	return mdev != NULL && made_up_is_clean(mdev);
}

bool
made_up_is_clean(const struct rte_mdev_device *mdev)
{
	return mdev->driver == NULL && mdev->device.driver == NULL &&
		mdev->vfio == NULL && mdev->intr_handle == NULL;
}

unsigned int
made_up_devargs(void)
{
	const struct rte_devargs *da;
	unsigned int count = 0;

	RTE_EAL_DEVARGS_FOREACH(RTE_BUS_MDEV_NAME, da)
		count++;
	return count;
}

/* The mode of the bus follows from the options. */
int
made_up_run_eal(const char *allow, const char *block)
{
	if (allow != NULL && rte_devargs_add(RTE_DEVTYPE_ALLOWED, allow) < 0)
		return -1;
	if (block != NULL && rte_devargs_add(RTE_DEVTYPE_BLOCKED, block) < 0)
		return -1;
	return rte_bus_scan() != 0 || rte_bus_probe() != 0 ? -1 : 0;
}
