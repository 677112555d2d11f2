/* SPDX-License-Identifier: BSD-3-Clause */

/* Devices that devargs name by the socket of their mediator. */

#include <stdio.h>
#include <string.h>

#include <rte_bus.h>
#include <rte_memory.h>
#include <rte_dev.h>

#include <private.h>

#include "captured_log.h"
#include "fake_vfio.h"
#include "fault_inject.h"
#include "made_up_driver.h"
#include "made_up_sysfs.h"
#include "made_up_user.h"
#include "test.h"
#include "test_compat.h"

#define UUID "00000001-abcd-4ef0-9abc-def012345678" /* made_up_uuid(1) */
#define UPPER "00000001-ABCD-4EF0-9ABC-DEF012345678"
#define SOCKET "/made-up/socket"
#define OTHER "/made-up/other"
#define ADDRESS "bus=mdev,uuid=" UUID ",socket=" SOCKET

static unsigned int probes, removes;

static int
made_up_probe(struct rte_mdev_driver *drv __rte_unused,
		struct rte_mdev_device *mdev __rte_unused)
{
	probes++;
	return 0;
}

static int
made_up_remove_dev(struct rte_mdev_device *mdev __rte_unused)
{
	removes++;
	return 0;
}

/* Such a device has no type and no parent: only PCI ids can claim it. */
static const struct rte_mdev_id ids[] = {
	{ .device_api = "vfio-pci", .vendor_id = RTE_MDEV_ANY_ID,
	  .device_id = RTE_MDEV_ANY_ID },
	{ .device_api = NULL },
};

static struct rte_mdev_driver driver = {
	.driver.name = "net_socket",
	.id_table = ids,
	.probe = made_up_probe,
	.remove = made_up_remove_dev,
};

/* The only one that knows the address by then. */
static struct rte_mdev_driver *others[8];
static unsigned int nr_others;

static int
start(void)
{
	struct rte_driver *drv;

	probes = removes = 0;
	if (made_up_user_start() < 0 || fake_vfio_start() < 0)
		return TEST_FAILED;
	nr_others = 0;
	while ((drv = TAILQ_FIRST(MDEV_DRIVERS)) != NULL &&
			nr_others < RTE_DIM(others)) {
		others[nr_others] = container_of(drv, struct rte_mdev_driver,
			driver);
		rte_mdev_unregister(others[nr_others++]);
	}
	rte_mdev_register(&driver);
	fake_vfio.base = SOCKET;
	fake_vfio.addr = UUID;
	return TEST_SUCCESS;
}

static void
stop(void)
{
	unsigned int i;

	made_up_user_stop(); /* takes the devices back first */
	fake_vfio_stop();
	rte_mdev_unregister(&driver);
	for (i = 0; i < nr_others; i++)
		rte_mdev_register(others[i]);
}

static int
run_eal(const char *allow)
{
	if (rte_devargs_add(RTE_DEVTYPE_ALLOWED, allow) < 0)
		return -1;
	return rte_bus_scan() != 0 || rte_bus_probe() != 0 ? -1 : 0;
}

static int
test_at_start(void)
{
	const struct rte_mdev_device *mdev;

	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_SUCCESS(run_eal("bus=mdev,uuid=" UPPER ",socket=" SOCKET),
		"no start");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 0, "not silent");
	mdev = mdev_first();
	TEST_ASSERT(mdev != NULL && mdev_next(mdev) == NULL, "not one device");
	TEST_ASSERT(mdev->driver == &driver, "not driven");
	TEST_ASSERT_SUCCESS(strcmp(mdev->name, UUID), "name %s", mdev->name);
	TEST_ASSERT_SUCCESS(strcmp(mdev->root, SOCKET), "root %s", mdev->root);
	TEST_ASSERT_SUCCESS(strcmp(mdev->device_api, "vfio-pci"), "api %s",
		mdev->device_api);
	TEST_ASSERT(mdev->type[0] == '\0' && mdev->parent[0] == '\0',
		"type %s, parent %s", mdev->type, mdev->parent);
	TEST_ASSERT_EQUAL(mdev->device.numa_node, SOCKET_ID_ANY, "a node");
	TEST_ASSERT_EQUAL(mdev_bus.bus.get_iommu_class(), RTE_IOVA_VA, "mode");
	return TEST_SUCCESS;
}

static int
test_attach_detach(void)
{
	struct rte_mdev_device *mdev;
	unsigned int i;

	for (i = 1; i <= 2; i++) {
		TEST_ASSERT_SUCCESS(rte_dev_probe(ADDRESS), "not attached");
		mdev = mdev_first();
		TEST_ASSERT(mdev != NULL && mdev->driver == &driver, "not driven");
		TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
		TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
		TEST_ASSERT(mdev_first() == mdev && mdev_next(mdev) == NULL,
			"replaced or doubled");
		TEST_ASSERT(!mdev->gone, "gone");
		TEST_ASSERT_SUCCESS(rte_dev_remove(&mdev->device), "not detached");
		TEST_ASSERT_EQUAL(removes, i, "%u removes", removes);
		TEST_ASSERT_EQUAL(fake_vfio.opened, 0, "left open");
		TEST_ASSERT(made_up_detached(1), "not as it should be");
		TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
		TEST_ASSERT(made_up_detached(1), "not as it was");
	}
	return TEST_SUCCESS;
}

static int
test_hotplug_names(void)
{
	TEST_ASSERT_SUCCESS(rte_dev_probe(ADDRESS "/class=eth/driver=net_socket"),
		"not attached by all layers");
	TEST_ASSERT_SUCCESS(rte_eal_hotplug_remove("mdev", UUID), "not detached");
	TEST_ASSERT(made_up_detached(1), "not as it should be");
	return TEST_SUCCESS;
}

/* Listed as well: devargs are more particular than folders. */
static int
test_listed_too(void)
{
	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	TEST_ASSERT_SUCCESS(made_up_user_device(0, made_up_uuid(2)), "not made");
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_SUCCESS(run_eal(ADDRESS), "no start");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 1, "no single line");
	TEST_ASSERT_EQUAL(captured_log_lines("mdev:" UUID ": is at " SOCKET " and at "),
		1, "another line");
	TEST_ASSERT_SUCCESS(strcmp(mdev_first()->root, SOCKET), "root %s",
		mdev_first()->root);
	TEST_ASSERT_SUCCESS(rte_dev_remove(&mdev_first()->device), "not detached");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	/* as long as there are devargs, they count */
	TEST_ASSERT_SUCCESS(strcmp(mdev_first()->root, TEST_DETACHED_STAYS ?
		SOCKET : made_up_sysfs_root()), "root %s", mdev_first()->root);
	return TEST_SUCCESS;
}

/* A wrong socket can be corrected: the newest devargs are those that count. */
static int
test_newest(void)
{
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_FAIL(rte_dev_probe("bus=mdev,uuid=" UUID ",socket=" OTHER),
		"attached to nothing");
	captured_log_stop();
	TEST_ASSERT_SUCCESS(strcmp(mdev_first()->root, OTHER), "root %s",
		mdev_first()->root);
	TEST_ASSERT_SUCCESS(rte_dev_probe(ADDRESS), "not attached");
	TEST_ASSERT_SUCCESS(strcmp(mdev_first()->root, SOCKET), "root %s",
		mdev_first()->root);
	TEST_ASSERT_NULL(mdev_next(mdev_first()), "two devices");
	TEST_ASSERT_SUCCESS(rte_dev_remove(&mdev_first()->device), "not detached");

	TEST_ASSERT_SUCCESS(rte_devargs_add(RTE_DEVTYPE_ALLOWED, ADDRESS), "devargs");
	TEST_ASSERT_SUCCESS(rte_devargs_add(RTE_DEVTYPE_ALLOWED,
		"bus=mdev,uuid=" UPPER ",socket=" OTHER), "devargs");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_SUCCESS(strcmp(mdev_first()->root, OTHER), "root %s",
		mdev_first()->root);
	TEST_ASSERT_SUCCESS(rte_devargs_add(RTE_DEVTYPE_ALLOWED, "mdev:" UUID),
		"devargs");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_NULL(mdev_first(), "an older socket counts");
	return TEST_SUCCESS;
}

static int
test_blocked(void)
{
	TEST_ASSERT_SUCCESS(rte_devargs_add(RTE_DEVTYPE_BLOCKED, ADDRESS), "devargs");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_NULL(mdev_first(), "listed");
	return TEST_SUCCESS;
}

static int
test_iterate(void)
{
	TEST_ASSERT_SUCCESS(made_up_devices(2, 1), "not made");
	TEST_ASSERT_SUCCESS(run_eal(ADDRESS), "no start");
	TEST_ASSERT(mdev_dev_iterate(NULL, "socket=" SOCKET, NULL) ==
		&mdev_first()->device, "not found");
	TEST_ASSERT_NULL(mdev_dev_iterate(&mdev_first()->device,
		"socket=" SOCKET, NULL), "two found");
	TEST_ASSERT_NULL(mdev_dev_iterate(NULL, "socket=" OTHER, NULL), "found");
	TEST_ASSERT_NULL(mdev_dev_iterate(NULL, "uuid=" UUID ",socket=" OTHER, NULL),
		"found");
	return TEST_SUCCESS;
}

static void
forget(void)
{
	mdev_cleanup();
}

static int
scan(void)
{
	int ret = mdev_scan();

	if (ret < 0) {
		fault_disarm();
		forget();
	}
	return ret;
}

static int
test_faults(void)
{
	TEST_ASSERT_SUCCESS(rte_devargs_add(RTE_DEVTYPE_ALLOWED, ADDRESS), "devargs");
	TEST_ASSERT_SUCCESS(fault_each(scan, forget), "something is left");
	return TEST_SUCCESS;
}

#define CASE(fn) TEST_CASE_ST(start, stop, fn)

static struct unit_test_suite suite = {
	.suite_name = "bus/mdev: devices named by socket",
	.unit_test_cases = {
		CASE(test_at_start),
		CASE(test_attach_detach),
		CASE(test_hotplug_names),
		CASE(test_listed_too),
		CASE(test_newest),
		CASE(test_blocked),
		CASE(test_iterate),
		CASE(test_faults),
		TEST_CASES_END()
	}
};

static int
test_mdev_socket(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_socket_autotest, test_mdev_socket);
