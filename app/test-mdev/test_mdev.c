/* SPDX-License-Identifier: BSD-3-Clause */

/* Probe, cleanup and the bus itself, with a driver made up for the test. */

#include <errno.h>
#include <sys/mman.h>

#include <rte_bus.h>
#include <rte_errno.h>
#include <rte_interrupts.h>
#include <rte_memory.h>

#include "captured_log.h"
#include "made_up_driver.h"
#include "made_up_sysfs.h"
#include "made_up_vfio.h"
#include "test.h"

static int
test_probe(void)
{
	struct rte_mdev_device *mdev;

	TEST_ASSERT_SUCCESS(made_up_devices(1, 2), "not made");
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_SUCCESS(made_up_run_eal(NULL, NULL), "no start");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 0, "not silent");
	TEST_ASSERT_EQUAL(made_up_driver.probes, 2, "%u probes",
		made_up_driver.probes);
	TEST_ASSERT_EQUAL(made_up_vfio.opened, 2, "%d open", made_up_vfio.opened);
	mdev = made_up_listed(1);
	TEST_ASSERT(mdev->driver == &made_up_net, "driver not set");
	TEST_ASSERT(mdev->device.driver == &made_up_net.driver, "driver not set");
	TEST_ASSERT(rte_dev_is_probed(&mdev->device), "not probed");
	TEST_ASSERT_NOT_NULL(mdev->vfio, "not open");
	TEST_ASSERT_NOT_NULL(mdev->intr_handle, "no interrupt handle");
	TEST_ASSERT_EQUAL(rte_intr_type_get(mdev->intr_handle),
		RTE_INTR_HANDLE_VDEV, "wrong type of interrupt handle");
	TEST_ASSERT_EQUAL(rte_intr_efd_counter_size_get(mdev->intr_handle), 8,
		"wrong size of an event");
	TEST_ASSERT_EQUAL(rte_intr_fd_get(mdev->intr_handle), -1,
		"a file descriptor from nowhere");
	TEST_ASSERT(rte_bus_find_by_device(&mdev->device) ==
		rte_bus_find_by_name(RTE_BUS_MDEV_NAME), "found on another bus");

	TEST_ASSERT_SUCCESS(rte_bus_probe(), "second probe failed");
	TEST_ASSERT_EQUAL(made_up_driver.probes, 2, "probed again");
	TEST_ASSERT_SUCCESS(mdev_cleanup(), "cleanup failed");
	TEST_ASSERT_EQUAL(made_up_driver.removes, 2, "%u removes",
		made_up_driver.removes);
	TEST_ASSERT_EQUAL(made_up_vfio.opened, 0, "%d open", made_up_vfio.opened);
	TEST_ASSERT_NULL(mdev_first(), "a device is left");
	return TEST_SUCCESS;
}

static unsigned int named_in_probe;

static void
look_for_driver(void)
{
	named_in_probe += made_up_driver.last->device.driver == &made_up_net.driver;
}

/* Who hears of a port while the driver makes it asks for the driver's name: ethdev does. */
static int
test_driver_in_probe(void)
{
	named_in_probe = 0;
	made_up_driver.in_probe = look_for_driver;
	TEST_ASSERT_SUCCESS(made_up_devices(1, 2), "not made");
	made_up_driver.probe_returns = -EIO;
	TEST_ASSERT_SUCCESS(made_up_run_eal(NULL, NULL), "no start");
	TEST_ASSERT_EQUAL(made_up_driver.probes, 2, "%u probes", made_up_driver.probes);
	TEST_ASSERT_EQUAL(named_in_probe, 2, "%u have a driver", named_in_probe);
	TEST_ASSERT(made_up_is_clean(made_up_listed(1)), "failed, and has it still");
	return TEST_SUCCESS;
}

/* For who writes a driver: that it is there, and what it got. Nobody else reads it. */
static int
test_drivers_logged(void)
{
	int level = rte_log_get_level(mdev_bus_logtype);
	int ret;

	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	TEST_ASSERT_SUCCESS(made_up_device(UUID_2, MADE_UP_PARENT_2, MADE_UP_TYPE_2),
		"not made");
	rte_mdev_register(&made_up_second);
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	rte_log_set_level(mdev_bus_logtype, RTE_LOG_DEBUG);
	ret = made_up_run_eal(NULL, NULL);
	rte_log_set_level(mdev_bus_logtype, level);
	captured_log_stop();
	rte_mdev_unregister(&made_up_second);
	TEST_ASSERT_SUCCESS(ret, "no start");
	TEST_ASSERT_EQUAL(captured_log_lines("mdev bus: driver net_made_up has 1 of 2 devices"),
		1, "of the first");
	TEST_ASSERT_EQUAL(captured_log_lines("mdev bus: driver net_second has 0 of 2 devices"),
		1, "of the second");
	return TEST_SUCCESS;
}

/* A driver hears of each probe of the bus, before and without a device. */
static int
test_prepare(void)
{
	TEST_ASSERT_SUCCESS(made_up_run_eal(NULL, NULL), "no start");
	TEST_ASSERT_EQUAL(made_up_driver.prepares, 1, "%u times, no device",
		made_up_driver.prepares);
	TEST_ASSERT_SUCCESS(made_up_devices(1, 2), "not made");
	TEST_ASSERT_SUCCESS(made_up_run_eal(NULL, NULL), "no start");
	TEST_ASSERT_EQUAL(made_up_driver.prepares_seen, 2, "not before the devices");
	TEST_ASSERT_EQUAL(made_up_driver.prepares, 2, "%u times, two devices",
		made_up_driver.prepares);
	return TEST_SUCCESS;
}

static void
scan_in_probe(void)
{
	made_up_driver.in_probe = NULL;
	/* the device that is probed and the next one are gone by now */
	if (made_up_remove(UUID_1) < 0 || made_up_remove(UUID_2) < 0 ||
			mdev_scan() != 0)
		made_up_driver.probe_returns = -EIO;
}

/* A driver may attach others while it probes; EAL scans for that. */
static int
test_scan_in_probe(void)
{
	made_up_driver.in_probe = scan_in_probe;
	TEST_ASSERT_SUCCESS(made_up_devices(1, 3), "not made");
	TEST_ASSERT_SUCCESS(made_up_run_eal(NULL, NULL), "no start");
	TEST_ASSERT_EQUAL(made_up_driver.probes, 2, "%u probes",
		made_up_driver.probes);
	TEST_ASSERT(made_up_listed(1) != NULL && made_up_listed(1)->gone, "not flagged");
	TEST_ASSERT_NULL(made_up_listed(2), "not dropped");
	TEST_ASSERT_NOT_NULL(made_up_listed(3)->driver, "not probed");
	return TEST_SUCCESS;
}

static int
test_iommu_class(void)
{
	struct rte_bus *bus = rte_bus_find_by_name(RTE_BUS_MDEV_NAME);

	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_EQUAL(bus->get_iommu_class(), RTE_IOVA_DC, "no device");
	TEST_ASSERT_SUCCESS(made_up_device(UUID_1, MADE_UP_PARENT_2,
		MADE_UP_TYPE_2), "not made");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_EQUAL(bus->get_iommu_class(), RTE_IOVA_DC, "not claimed");
	TEST_ASSERT_SUCCESS(made_up_devices(2, 1), "not made");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_EQUAL(bus->get_iommu_class(), RTE_IOVA_VA, "claimed");
	TEST_ASSERT_SUCCESS(rte_devargs_add(RTE_DEVTYPE_BLOCKED, "mdev:" UUID_2),
		"not added");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_EQUAL(bus->get_iommu_class(), RTE_IOVA_DC, "blocked");
	made_up_net.id_table = made_up_ids_pci;
	TEST_ASSERT_SUCCESS(rte_devargs_add(RTE_DEVTYPE_ALLOWED, "mdev:" UUID_1),
		"not added");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_EQUAL(bus->get_iommu_class(), RTE_IOVA_VA, "named");
	TEST_ASSERT_EQUAL(made_up_vfio.opens, 0, "%u opens", made_up_vfio.opens);
	return TEST_SUCCESS;
}

static int
test_dma(void)
{
	const size_t len = 4096;
	struct rte_device *dev;
	uint8_t *memory;

	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	TEST_ASSERT_SUCCESS(made_up_run_eal(NULL, NULL), "no start");
	dev = &made_up_listed(1)->device;
	memory = mmap(NULL, len, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	TEST_ASSERT(memory != MAP_FAILED, "no memory");
	TEST_ASSERT_SUCCESS(rte_extmem_register(memory, len, NULL, 0, len),
		"not registered");
	TEST_ASSERT_SUCCESS(rte_dev_dma_map(dev, memory, 0x1000, len), "not mapped");
	TEST_ASSERT_EQUAL(made_up_vfio.mapped, 1, "%d mapped",
		made_up_vfio.mapped);
	TEST_ASSERT_SUCCESS(rte_dev_dma_unmap(dev, memory, 0x1000, len),
		"not unmapped");
	TEST_ASSERT_EQUAL(made_up_vfio.mapped, 0, "%d mapped",
		made_up_vfio.mapped);
	rte_errno = 0;
	TEST_ASSERT(rte_dev_dma_unmap(dev, memory, 0x1000, len) < 0,
		"unmapped twice");
	TEST_ASSERT_EQUAL(rte_errno, ENOENT, "rte_errno is %d", rte_errno);
	TEST_ASSERT_SUCCESS(mdev_unplug_device(made_up_listed(1)), "not unplugged");
	rte_errno = 0;
	TEST_ASSERT(rte_dev_dma_map(dev, memory, 0x1000, len) < 0,
		"mapped without a device");
	TEST_ASSERT(rte_errno != 0, "rte_errno is not set");
	rte_extmem_unregister(memory, len);
	munmap(memory, len);
	return TEST_SUCCESS;
}

/* A driver that could not be called is not taken; one that is not there stays so. */
static int
test_register(void)
{
	static struct rte_mdev_driver broken[4];
	unsigned int i;

	for (i = 0; i < RTE_DIM(broken); i++) {
		broken[i] = made_up_second;
		broken[i].driver.name = "net_broken";
	}
	broken[0].driver.name = NULL;
	broken[1].id_table = NULL;
	broken[2].probe = NULL;
	broken[3].remove = NULL;
	rte_mdev_unregister(&made_up_net);
	for (i = 0; i < RTE_DIM(broken); i++) {
		TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
		rte_mdev_register(&broken[i]);
		captured_log_stop();
		TEST_ASSERT_EQUAL(captured_log_lines(NULL), 1, "%u: %u lines", i,
			captured_log_lines(NULL));
	}
	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	TEST_ASSERT_SUCCESS(made_up_run_eal(NULL, NULL), "no start");
	TEST_ASSERT_EQUAL(made_up_vfio.opens, 0, "opened for a broken driver");
	for (i = 0; i < RTE_DIM(broken); i++)
		rte_mdev_unregister(&broken[i]);
	rte_mdev_unregister(&made_up_second);
	rte_mdev_register(&made_up_net);
	TEST_ASSERT_SUCCESS(rte_bus_probe(), "no start");
	TEST_ASSERT_EQUAL(made_up_driver.probes, 1, "%u probes",
		made_up_driver.probes);
	return TEST_SUCCESS;
}

static int
test_thousand(void)
{
	TEST_ASSERT_SUCCESS(made_up_devices(0, 1000), "not made");
	TEST_ASSERT_SUCCESS(made_up_run_eal(NULL, NULL), "no start");
	TEST_ASSERT_EQUAL(made_up_vfio.opened, 1000, "%d open",
		made_up_vfio.opened);
	TEST_ASSERT_SUCCESS(mdev_cleanup(), "cleanup failed");
	TEST_ASSERT_EQUAL(made_up_vfio.opened, 0, "%d open", made_up_vfio.opened);
	TEST_ASSERT_NULL(mdev_first(), "a device is left");
	return TEST_SUCCESS;
}

#define CASE(fn) TEST_CASE_ST(made_up_driver_start, made_up_driver_stop, fn)

static struct unit_test_suite suite = {
	.suite_name = "bus/mdev: devices and drivers",
	.unit_test_cases = {
		CASE(test_probe),
		CASE(test_driver_in_probe),
		CASE(test_drivers_logged),
		CASE(test_prepare),
		CASE(test_scan_in_probe),
		CASE(test_iommu_class),
		CASE(test_dma),
		CASE(test_register),
		CASE(test_thousand),
		TEST_CASES_END()
	}
};

static int
test_mdev(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_autotest, test_mdev);
