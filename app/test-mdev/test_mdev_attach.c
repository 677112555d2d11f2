/* SPDX-License-Identifier: BSD-3-Clause */

/* Devices that are attached and detached, or that come and go, while running. */

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include <rte_bus.h>

#include "captured_log.h"
#include "made_up_driver.h"
#include "made_up_sysfs.h"
#include "made_up_vfio.h"
#include "test.h"
#include "test_compat.h"

static int
test_attach(void)
{
	struct rte_bus *bus = rte_bus_find_by_name(RTE_BUS_MDEV_NAME);
	unsigned int i;

	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	for (i = 1; i <= 2; i++) {
		TEST_ASSERT_SUCCESS(rte_dev_probe("mdev:" UPPER_1 ",k=v"),
			"not attached");
		TEST_ASSERT_EQUAL(made_up_driver.probes, i, "%u probes",
			made_up_driver.probes);
		TEST_ASSERT_EQUAL(made_up_devargs(), 1, "%u devargs",
			made_up_devargs());
		TEST_ASSERT_SUCCESS(strcmp(made_up_listed(1)->device.devargs->drv_str,
			"k=v"), "arguments lost");
		TEST_ASSERT_EQUAL(test_bus_plug(bus, &made_up_listed(1)->device), -EEXIST,
			"plugged twice");
		TEST_ASSERT_EQUAL(made_up_vfio.opened, 1, "%d open",
			made_up_vfio.opened);

		TEST_ASSERT_SUCCESS(rte_dev_remove(&made_up_listed(1)->device),
			"not detached");
		TEST_ASSERT_EQUAL(made_up_driver.removes, i, "%u removes",
			made_up_driver.removes);
		TEST_ASSERT_EQUAL(made_up_vfio.opened, 0, "left open");
		TEST_ASSERT_EQUAL(made_up_devargs(), TEST_DETACHED_STAYS,
			"%u devargs left", made_up_devargs());
		TEST_ASSERT(made_up_detached(1), "not as it should be");
	}
	TEST_ASSERT_SUCCESS(rte_eal_hotplug_add("mdev", UUID_1, "k=v"),
		"not attached");
	TEST_ASSERT_SUCCESS(rte_eal_hotplug_remove("mdev", UUID_1),
		"not detached");
	return TEST_SUCCESS;
}

/* All spellings attach the same device; the newest arguments count. */
static int
test_attach_again(void)
{
	struct rte_mdev_device *mdev;

	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	TEST_ASSERT_SUCCESS(made_up_run_eal("mdev:" UUID_1 ",k=1", NULL), "no start");
	mdev = made_up_listed(1);
	rte_dev_probe("mdev:" UPPER_1 ",k=2");
	rte_dev_probe("bus=mdev,uuid=" UPPER_1 "/driver=net_made_up,k=3");
	rte_dev_probe("mdev:" UUID_1 ",k=4");
	TEST_ASSERT(made_up_listed(1) == mdev, "another device");
	TEST_ASSERT_EQUAL(made_up_driver.probes, 1, "%u probes",
		made_up_driver.probes);
	TEST_ASSERT_EQUAL(made_up_devargs(), 1, "%u devargs", made_up_devargs());
	TEST_ASSERT_SUCCESS(strcmp(mdev->device.devargs->drv_str, "k=4"), "'%s'",
		mdev->device.devargs->drv_str);
	return TEST_SUCCESS;
}

static int
test_attach_missing(void)
{
	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_FAIL(rte_dev_probe("mdev:" UUID_9), "attached");
	TEST_ASSERT_FAIL(rte_dev_probe("mdev:not-a-uuid"), "attached");
	captured_log_stop();
	TEST_ASSERT_EQUAL(made_up_devargs(), 0, "%u devargs left", made_up_devargs());
	TEST_ASSERT_EQUAL(made_up_vfio.opens, 0, "%u opens", made_up_vfio.opens);
	return TEST_SUCCESS;
}

/* A block is for the start: who attaches by name means it. */
static int
test_attach_blocked(void)
{
	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	TEST_ASSERT_SUCCESS(made_up_run_eal(NULL, "mdev:" UUID_1), "no start");
	TEST_ASSERT_EQUAL(made_up_vfio.opens, 0, "%u opens", made_up_vfio.opens);
	TEST_ASSERT_SUCCESS(rte_dev_probe("mdev:" UUID_1), "not attached");
	TEST_ASSERT_EQUAL(made_up_vfio.opened, 1, "not open");
	return TEST_SUCCESS;
}

/* When the scan for an attach fails EAL frees the devargs that it has just made. */
static int
test_attach_scan_fails(void)
{
	struct rlimit limit, none;
	int ret;

	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	TEST_ASSERT_SUCCESS(rte_dev_probe("bus=mdev,uuid=" UUID_1), "not attached");
	TEST_ASSERT_SUCCESS(getrlimit(RLIMIT_NOFILE, &limit), "no limit");
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	none = limit;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	ret = rte_dev_probe("bus=mdev,uuid=" UUID_1 "/driver=net_made_up,k=v");
	setrlimit(RLIMIT_NOFILE, &limit);
	captured_log_stop();
	TEST_ASSERT_FAIL(ret, "scanned without a file descriptor");
	TEST_ASSERT_NOT_NULL(made_up_listed(1), "the device is gone");
	TEST_ASSERT(!made_up_listed(1)->gone, "the device is called gone");
	TEST_ASSERT_SUCCESS(rte_dev_remove(&made_up_listed(1)->device), "not detached");
	TEST_ASSERT_EQUAL(made_up_vfio.opened, 0, "left open");
	return TEST_SUCCESS;
}

/* EAL detaches by the name as the user, or another process, gave it. */
static int
test_detach_by_name(void)
{
	static const char * const names[] = {
		UUID_1, UPPER_1, "mdev:" UUID_1, "mdev:" UPPER_1,
	};
	unsigned int i;

	TEST_ASSERT_SUCCESS(made_up_devices(1, 2), "not made");
	for (i = 0; i < RTE_DIM(names); i++) {
		TEST_ASSERT_SUCCESS(made_up_run_eal(NULL, NULL), "no start");
		TEST_ASSERT_SUCCESS(rte_eal_hotplug_remove(RTE_BUS_MDEV_NAME,
			names[i]), "%s not found", names[i]);
		TEST_ASSERT(made_up_detached(1), "%s: not detached", names[i]);
		TEST_ASSERT_NOT_NULL(made_up_listed(2), "%s: the other is gone", names[i]);
	}
	TEST_ASSERT_EQUAL(rte_eal_hotplug_remove(RTE_BUS_MDEV_NAME, "mdev:" UUID_9),
		-EINVAL, "what is not there was found");
	TEST_ASSERT_EQUAL(made_up_vfio.opened, 1, "%d open", made_up_vfio.opened);
	return TEST_SUCCESS;
}

/* What is driven stays, flagged, until it is taken back. */
static int
test_gone(void)
{
	struct rte_mdev_device *mdev;

	TEST_ASSERT_SUCCESS(made_up_devices(1, 2), "not made");
	TEST_ASSERT_SUCCESS(made_up_run_eal(NULL, NULL), "no start");
	mdev = made_up_listed(1);
	TEST_ASSERT(!mdev->gone, "gone at once");
	TEST_ASSERT_SUCCESS(made_up_remove(UUID_1), "not removed");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT(made_up_listed(1) == mdev && mdev->gone, "dropped or not flagged");
	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT(made_up_listed(1) == mdev && !mdev->gone, "it has come back");
	TEST_ASSERT_SUCCESS(made_up_remove(UUID_1), "not removed");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_SUCCESS(rte_dev_remove(&mdev->device), "not detached");
	TEST_ASSERT(made_up_detached(1), "not as it should be");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_NULL(made_up_listed(1), "listed again");
	TEST_ASSERT_EQUAL(made_up_vfio.opened, 1, "%d open", made_up_vfio.opened);
	return TEST_SUCCESS;
}

#define CASE(fn) TEST_CASE_ST(made_up_driver_start, made_up_driver_stop, fn)

static struct unit_test_suite suite = {
	.suite_name = "bus/mdev: attach and detach",
	.unit_test_cases = {
		CASE(test_attach),
		CASE(test_attach_again),
		CASE(test_attach_missing),
		CASE(test_attach_blocked),
		CASE(test_attach_scan_fails),
		CASE(test_detach_by_name),
		CASE(test_gone),
		TEST_CASES_END()
	}
};

static int
test_mdev_attach(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_attach_autotest, test_mdev_attach);
