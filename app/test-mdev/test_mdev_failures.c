/* SPDX-License-Identifier: BSD-3-Clause */

/* A device or its driver fails: what is left behind, and what becomes of the others. */

#include <errno.h>

#include <rte_bus.h>

#include "captured_log.h"
#include "made_up_driver.h"
#include "made_up_sysfs.h"
#include "made_up_vfio.h"
#include "test.h"
#include "test_compat.h"

/* Each step of a probe fails once: one line, nothing is left, the next goes well. */
static int
test_steps_fail(void)
{
	static const int errors[] = { -EACCES, -EIO, -EIO, -ENOMEM, -EPERM };
	struct rte_bus *bus = rte_bus_find_by_name(RTE_BUS_MDEV_NAME);
	struct rte_mdev_device *mdev;
	unsigned int i;
	int ret;

	made_up_net.id_table = made_up_ids_pci;
	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	TEST_ASSERT_SUCCESS(rte_devargs_add(RTE_DEVTYPE_ALLOWED, "mdev:" UUID_1),
		"not added");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	mdev = made_up_listed(1);
	for (i = 0; i < RTE_DIM(errors); i++) {
		made_up_vfio.fail_open = i == 0 ? errors[i] : 0;
		made_up_vfio.fail_info = i == 1 ? errors[i] : 0;
		made_up_vfio.fail_read = i == 2 ? errors[i] : 0;
		made_up_driver.fail_intr = i == 3;
		made_up_driver.probe_returns = i == 4 ? errors[i] : 0;
		TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
		ret = test_bus_plug(bus, &mdev->device);
		captured_log_stop();
		TEST_ASSERT_EQUAL(ret, errors[i], "step %u: returned %d", i, ret);
		TEST_ASSERT(made_up_is_clean(mdev), "step %u: something is left", i);
		TEST_ASSERT_EQUAL(made_up_vfio.opened, 0, "step %u: open", i);
		/* open and the driver's probe log for themselves */
		TEST_ASSERT_EQUAL(captured_log_lines(NULL), i >= 1 && i <= 3,
			"step %u: %u lines", i, captured_log_lines(NULL));
	}
	TEST_ASSERT_SUCCESS(test_bus_plug(bus, &mdev->device), "not plugged");
	TEST_ASSERT_EQUAL(made_up_driver.probes, 2, "%u probes",
		made_up_driver.probes);
	TEST_ASSERT_EQUAL(made_up_vfio.opens, RTE_DIM(errors) + 1, "%u opens",
		made_up_vfio.opens);
	return TEST_SUCCESS;
}

/* One that fails keeps nobody else from starting. */
static int
test_busy(void)
{
	TEST_ASSERT_SUCCESS(made_up_devices(1, 3), "not made");
	made_up_vfio.fail_open = -EBUSY;
	TEST_ASSERT_SUCCESS(made_up_run_eal(NULL, NULL), "no start");
	TEST_ASSERT_EQUAL(made_up_vfio.opens, 3, "%u opens", made_up_vfio.opens);
	TEST_ASSERT_EQUAL(made_up_vfio.opened, 2, "%d open", made_up_vfio.opened);
	return TEST_SUCCESS;
}

/* A busy device that nobody asked for is no failure of the bus. */
static int
test_busy_unnamed(void)
{
	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	made_up_vfio.fail_open = -EBUSY;
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_SUCCESS(made_up_run_eal(NULL, NULL), "no start");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines("probe failed"), 0,
		"EAL says that the bus failed");
	return TEST_SUCCESS;
}

/* Between scan and probe a device goes: the others start. */
static int
test_vanished(void)
{
	TEST_ASSERT_SUCCESS(made_up_devices(1, 3), "not made");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_SUCCESS(made_up_remove(UUID_2), "not removed");
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_SUCCESS(rte_bus_probe(), "no start");
	captured_log_stop();
	TEST_ASSERT(captured_log_lines(NULL) <= 1, "%u lines",
		captured_log_lines(NULL));
	TEST_ASSERT_EQUAL(made_up_driver.probes, 2, "%u probes",
		made_up_driver.probes);
	TEST_ASSERT_EQUAL(made_up_vfio.opened, 2, "%d open", made_up_vfio.opened);
	return TEST_SUCCESS;
}

/* A driver that does not let go keeps its device, whole. */
static int
test_remove_fails(void)
{
	struct rte_mdev_device *mdev;

	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	TEST_ASSERT_SUCCESS(made_up_run_eal(NULL, NULL), "no start");
	mdev = made_up_listed(1);
	made_up_driver.remove_returns = -EBUSY;
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_EQUAL(rte_dev_remove(&mdev->device), -EBUSY, "detached");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines("mdev:" UUID_1 ": "), 1, "not named");
	TEST_ASSERT(made_up_listed(1) == mdev, "not listed");
	TEST_ASSERT(rte_dev_is_probed(&mdev->device), "not driven");
	TEST_ASSERT_EQUAL(made_up_vfio.opened, 1, "closed");
	TEST_ASSERT_SUCCESS(rte_dev_remove(&mdev->device), "not detached");
	TEST_ASSERT_EQUAL(made_up_vfio.opened, 0, "left open");
	return TEST_SUCCESS;
}

/* At the end of the process nothing is kept, whatever a driver says. */
static int
test_cleanup_remove_fails(void)
{
	int ret;

	TEST_ASSERT_SUCCESS(made_up_devices(1, 2), "not made");
	TEST_ASSERT_SUCCESS(made_up_run_eal(NULL, NULL), "no start");
	made_up_driver.remove_returns = -EBUSY;
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	ret = mdev_cleanup();
	captured_log_stop();
	TEST_ASSERT_FAIL(ret, "a failure was not reported");
	TEST_ASSERT_NULL(mdev_first(), "a device is left");
	TEST_ASSERT_EQUAL(made_up_vfio.opened, 0, "%d open", made_up_vfio.opened);
	return TEST_SUCCESS;
}

#define CASE(fn) TEST_CASE_ST(made_up_driver_start, made_up_driver_stop, fn)

static struct unit_test_suite suite = {
	.suite_name = "bus/mdev: failures",
	.unit_test_cases = {
		CASE(test_steps_fail),
		CASE(test_busy),
		CASE(test_busy_unnamed),
		CASE(test_vanished),
		CASE(test_remove_fails),
		CASE(test_cleanup_remove_fails),
		TEST_CASES_END()
	}
};

static int
test_mdev_failures(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_failures_autotest, test_mdev_failures);
