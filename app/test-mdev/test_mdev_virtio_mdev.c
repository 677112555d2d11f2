/* SPDX-License-Identifier: BSD-3-Clause */

#include <string.h>

#include <linux/pci_regs.h>

#include <rte_bus.h>
#include <rte_dev.h>

#include "fake_mp.h"
#include "fake_kernel.h"
#include "fake_vfio.h"
#include "made_up_sysfs.h"
#include "test.h"
#include "virtio_port.h"

static int
setup(void)
{
	return virtio_port_prepare(FAKE_VIRTIO_TRAPPED);
}

static void
set_device_id(uint8_t low, uint8_t high)
{
	uint8_t *config = fake_vfio.regions[VFIO_PCI_CONFIG_REGION_INDEX].mem;

	config[PCI_DEVICE_ID] = low;
	config[PCI_DEVICE_ID + 1] = high;
}

/* A named device is taken by its PCI ids, and only by those. */
static int
test_ids(void)
{
	set_device_id(0x42, 0x10); /* a block device */
	TEST_ASSERT_FAIL(virtio_port_attach(""), "a block device was attached");
	TEST_ASSERT_EQUAL(fake_vfio.opened, 0, "left open");
	set_device_id(0x00, 0x10); /* transitional, with modern capabilities */
	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "not attached");
	TEST_ASSERT_SUCCESS(strcmp(virtio_port.dev->data->name, VIRTIO_PORT_UUID),
		"the port's name is %s", virtio_port.dev->data->name);
	TEST_ASSERT_SUCCESS(strcmp(virtio_port.dev->device->driver->name,
		"net_mdev_virtio"), "driver");
	return TEST_SUCCESS;
}

static int
test_bad_arguments(void)
{
	unsigned int before = rte_eth_dev_count_avail();

	TEST_ASSERT_FAIL(virtio_port_attach("color=red"), "unknown argument");
	TEST_ASSERT_FAIL(virtio_port_attach("mrg_rxbuf=7"), "bad value");
	TEST_ASSERT_EQUAL(fake_vfio.opened, 0, "left open");
	TEST_ASSERT_EQUAL(rte_eth_dev_count_avail(), before, "a port is left");
	return TEST_SUCCESS;
}

/* The application closes the port, then the device is removed; or it is not closed. */
static int
test_remove(void)
{
	struct rte_device *device;
	uint16_t id;

	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "not attached");
	TEST_ASSERT_SUCCESS(virtio_port_start(64), "not started");
	device = virtio_port.dev->device;
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_SUCCESS(rte_eth_dev_close(virtio_port.id), "close");
	TEST_ASSERT_EQUAL(fake_vfio.opened, 1, "the bus has lost it");
	TEST_ASSERT_SUCCESS(rte_dev_remove(device), "not removed");
	TEST_ASSERT_EQUAL(fake_vfio.opened, 0, "left open");

	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "not attached again");
	TEST_ASSERT_SUCCESS(virtio_port_start(64), "not started");
	TEST_ASSERT_SUCCESS(rte_dev_remove(virtio_port.dev->device),
		"not removed while it runs");
	virtio_port.dev = NULL;
	TEST_ASSERT_FAIL(rte_eth_dev_get_port_by_name(VIRTIO_PORT_UUID, &id),
		"the port is left");
	TEST_ASSERT_EQUAL(fake_vfio.opened, 0, "left open");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0,
		"mbufs are lost");
	return TEST_SUCCESS;
}

static int
setup_process(void)
{
	if (made_up_sysfs_start() < 0)
		return TEST_FAILED;
	fake_mp_start();
	fake_mp.echo = true;
	return fake_kernel_start();
}

static void
stop_process(void)
{
	fake_kernel_stop();
	fake_mp_stop();
	made_up_sysfs_stop();
}

/* The primary waits for each secondary process, those without a port among them. */
static int
test_listens_without_port(void)
{
	TEST_ASSERT_SUCCESS(rte_bus_probe(), "primary");
	TEST_ASSERT_NULL(fake_mp_action("net_mdev_virtio"),
		"a primary has nobody to listen to");
	fake_kernel.secondary = true;
	TEST_ASSERT_SUCCESS(rte_bus_probe(), "secondary");
	TEST_ASSERT_NOT_NULL(fake_mp_action("net_mdev_virtio"), "is silent");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: on the bus",
	.unit_test_cases = {
		TEST_CASE_ST(setup, virtio_port_stop, test_ids),
		TEST_CASE_ST(setup, virtio_port_stop, test_bad_arguments),
		TEST_CASE_ST(setup, virtio_port_stop, test_remove),
		TEST_CASE_ST(setup_process, stop_process,
			test_listens_without_port),
		TEST_CASES_END()
	}
};

static int
test_mdev_virtio_mdev(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_virtio_mdev_autotest, test_mdev_virtio_mdev);
