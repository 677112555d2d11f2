/* SPDX-License-Identifier: BSD-3-Clause */

/* Which devices are opened, and which driver gets them. */

#include <stdio.h>
#include <string.h>

#include "captured_log.h"
#include "made_up_driver.h"
#include "made_up_sysfs.h"
#include "made_up_vfio.h"
#include "test.h"

static int
test_parent_glob(void)
{
	made_up_net.id_table = made_up_ids_parent;
	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	TEST_ASSERT_SUCCESS(made_up_device(UUID_2, MADE_UP_PARENT_2,
		MADE_UP_TYPE_2), "not made");
	TEST_ASSERT_SUCCESS(made_up_run_eal(NULL, NULL), "no start");
	TEST_ASSERT_EQUAL(made_up_vfio.opens, 1, "%u opens", made_up_vfio.opens);
	TEST_ASSERT(made_up_is_clean(made_up_listed(1)), "claimed by nobody, but opened");
	TEST_ASSERT(!made_up_is_clean(made_up_listed(2)), "not probed");
	return TEST_SUCCESS;
}

/* A process that says nothing about mdevs opens none that no glob claims. */
static int
test_pci_ids_need_name(void)
{
	made_up_net.id_table = made_up_ids_pci;
	TEST_ASSERT_SUCCESS(made_up_devices(1, 2), "not made");
	TEST_ASSERT_SUCCESS(made_up_run_eal(NULL, NULL), "no start");
	TEST_ASSERT_EQUAL(made_up_vfio.opens, 0, "%u opens", made_up_vfio.opens);
	TEST_ASSERT_SUCCESS(made_up_run_eal(NULL, "mdev:" UUID_1), "no start");
	TEST_ASSERT_EQUAL(made_up_vfio.opens, 0, "%u opens", made_up_vfio.opens);
	return TEST_SUCCESS;
}

static int
test_pci_ids(void)
{
	made_up_net.id_table = made_up_ids_pci;
	TEST_ASSERT_SUCCESS(made_up_devices(1, 2), "not made");
	TEST_ASSERT_SUCCESS(made_up_run_eal("mdev:" UPPER_1, NULL), "no start");
	TEST_ASSERT_EQUAL(made_up_vfio.opens, 1, "%u opens", made_up_vfio.opens);
	TEST_ASSERT_EQUAL(made_up_driver.probes, 1, "%u probes",
		made_up_driver.probes);
	TEST_ASSERT(!made_up_is_clean(made_up_listed(1)), "not probed");
	TEST_ASSERT(made_up_is_clean(made_up_listed(2)), "probed without a name");
	return TEST_SUCCESS;
}

/* Opened to look, and left alone: with one line, since the user named it. */
static int
test_pci_ids_of_another(void)
{
	made_up_net.id_table = made_up_ids_pci;
	made_up_vfio.device = 0x1042;
	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	made_up_run_eal("mdev:" UUID_1, NULL);
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines("mdev:" UUID_1 ": "), 1, "%u lines",
		captured_log_lines("mdev:" UUID_1));
	TEST_ASSERT_EQUAL(made_up_vfio.opens, 1, "%u opens", made_up_vfio.opens);
	TEST_ASSERT_EQUAL(made_up_vfio.opened, 0, "left open");
	TEST_ASSERT_EQUAL(made_up_driver.probes, 0, "probed");
	TEST_ASSERT(made_up_is_clean(made_up_listed(1)), "something is left");
	return TEST_SUCCESS;
}

/* A device that is no PCI device has no PCI ids, which is no error. */
static int
test_pci_ids_of_none(void)
{
	made_up_net.id_table = made_up_ids_pci;
	made_up_vfio.flags = VFIO_DEVICE_FLAGS_PLATFORM;
	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	made_up_run_eal("mdev:" UUID_1, NULL);
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines("no "), 1, "not called undriven");
	TEST_ASSERT_EQUAL(captured_log_lines("cannot read"), 0, "called an error");
	TEST_ASSERT(made_up_is_clean(made_up_listed(1)), "something is left");
	return TEST_SUCCESS;
}

static int
test_allow(void)
{
	TEST_ASSERT_SUCCESS(made_up_devices(1, 3), "not made");
	TEST_ASSERT_SUCCESS(made_up_run_eal("mdev:" UPPER_1 ",k=v", NULL), "no start");
	TEST_ASSERT_EQUAL(made_up_vfio.opens, 1, "%u opens", made_up_vfio.opens);
	TEST_ASSERT(!made_up_is_clean(made_up_listed(1)), "not probed");
	TEST_ASSERT_SUCCESS(strcmp(made_up_driver.last->device.devargs->drv_str,
		"k=v"), "arguments lost");
	return TEST_SUCCESS;
}

static int
test_block(void)
{
	TEST_ASSERT_SUCCESS(made_up_devices(1, 3), "not made");
	TEST_ASSERT_SUCCESS(made_up_run_eal(NULL, "mdev:" UPPER_1), "no start");
	TEST_ASSERT_EQUAL(made_up_vfio.opens, 2, "%u opens", made_up_vfio.opens);
	TEST_ASSERT(made_up_is_clean(made_up_listed(1)), "probed although blocked");
	return TEST_SUCCESS;
}

/* One line names what is missing, and the rest starts. */
static int
test_allow_missing(void)
{
	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	TEST_ASSERT_SUCCESS(rte_devargs_add(RTE_DEVTYPE_ALLOWED, "mdev:" UUID_9),
		"not added");
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_SUCCESS(made_up_run_eal("mdev:" UUID_1, NULL), "no start");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 1, "%u lines",
		captured_log_lines(NULL));
	TEST_ASSERT_EQUAL(captured_log_lines(UUID_9), 1, "not named");
	TEST_ASSERT_EQUAL(made_up_driver.probes, 1, "%u probes",
		made_up_driver.probes);
	return TEST_SUCCESS;
}

static int
test_driver_layer(void)
{
	rte_mdev_register(&made_up_second);
	TEST_ASSERT_SUCCESS(made_up_devices(1, 3), "not made");
	TEST_ASSERT_SUCCESS(rte_devargs_add(RTE_DEVTYPE_ALLOWED,
		"bus=mdev,uuid=" UPPER_1 "/class=eth/driver=net_second,k=v"),
		"not added");
	TEST_ASSERT_SUCCESS(rte_devargs_add(RTE_DEVTYPE_ALLOWED,
		"bus=mdev,uuid=" UUID_2 "/driver=net_third"), "not added");
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_SUCCESS(made_up_run_eal("mdev:00000003-abcd-4ef0-9abc-def012345678",
		NULL), "no start");
	captured_log_stop();
	TEST_ASSERT(made_up_listed(1)->driver == &made_up_second, "another driver has it");
	TEST_ASSERT_NULL(made_up_listed(2)->driver, "another driver took it");
	TEST_ASSERT(made_up_listed(3)->driver == &made_up_net, "not the first driver");
	TEST_ASSERT_EQUAL(made_up_vfio.opens, 2, "%u opens", made_up_vfio.opens);
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 1, "%u lines",
		captured_log_lines(NULL));
	TEST_ASSERT_EQUAL(captured_log_lines("mdev:" UUID_2 ": "), 1, "not named");
	mdev_cleanup();
	rte_mdev_unregister(&made_up_second);
	return TEST_SUCCESS;
}

/* type= and parent= beside a uuid are a check: what does not fit stays closed. */
static int
test_type_and_parent(void)
{
	static const char * const keys[] = {
		"type=mtty-*", "parent=" MADE_UP_PARENT_2,
		"type=" MADE_UP_TYPE ",parent=x",
	};
	char devargs[128];
	unsigned int i;

	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	for (i = 0; i < RTE_DIM(keys); i++) {
		snprintf(devargs, sizeof(devargs), "bus=mdev,uuid=%s,%s", UUID_1,
			keys[i]);
		TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
		made_up_run_eal(devargs, NULL);
		captured_log_stop();
		TEST_ASSERT_EQUAL(made_up_vfio.opens, 0, "%s: opened", keys[i]);
		TEST_ASSERT_EQUAL(captured_log_lines("mdev:" UUID_1 ": "), 1,
			"%s: %u lines", keys[i], captured_log_lines(NULL));
	}
	TEST_ASSERT_SUCCESS(made_up_run_eal("bus=mdev,uuid=" UUID_1 ",type=made_up-?*,"
		"parent=" MADE_UP_PARENT, NULL), "no start");
	TEST_ASSERT_EQUAL(made_up_vfio.opens, 1, "not opened");
	return TEST_SUCCESS;
}

static int
test_declined(void)
{
	rte_mdev_register(&made_up_second);
	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	made_up_driver.probe_returns = 1;
	TEST_ASSERT_SUCCESS(made_up_run_eal(NULL, NULL), "no start");
	TEST_ASSERT(made_up_listed(1)->driver == &made_up_second, "not the next driver");
	TEST_ASSERT_EQUAL(made_up_driver.probes, 2, "%u probes",
		made_up_driver.probes);
	TEST_ASSERT_EQUAL(made_up_vfio.opened, 1, "%d open", made_up_vfio.opened);
	mdev_cleanup();
	rte_mdev_unregister(&made_up_second);
	return TEST_SUCCESS;
}

#define CASE(fn) TEST_CASE_ST(made_up_driver_start, made_up_driver_stop, fn)

static struct unit_test_suite suite = {
	.suite_name = "bus/mdev: which device for which driver",
	.unit_test_cases = {
		CASE(test_parent_glob),
		CASE(test_pci_ids_need_name),
		CASE(test_pci_ids),
		CASE(test_pci_ids_of_another),
		CASE(test_pci_ids_of_none),
		CASE(test_allow),
		CASE(test_block),
		CASE(test_allow_missing),
		CASE(test_driver_layer),
		CASE(test_type_and_parent),
		CASE(test_declined),
		TEST_CASES_END()
	}
};

static int
test_mdev_match(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_match_autotest, test_mdev_match);
