/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The bus and the network driver: each step of scan, probe, configuration and start
 * fails in turn, and nothing is left behind.
 */

#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>

#include <rte_dev.h>
#include <bus_driver.h>

#include "fake_vfio.h"
#include "fault_inject.h"
#include "test.h"
#include "test_compat.h"
#include "virtio_port.h"

static int
setup_trapped(void)
{
	return virtio_port_prepare(FAKE_VIRTIO_TRAPPED);
}

/* By a mediator that can end. */
static int
setup_gone(void)
{
	int ret = setup_trapped();

	fake_vfio.gone_fd = eventfd(0, EFD_CLOEXEC);
	return ret == 0 && fake_vfio.gone_fd >= 0 ? 0 : TEST_FAILED;
}

static void
stop_gone(void)
{
	int fd = fake_vfio.gone_fd;

	virtio_port_stop();
	close(fd);
}

static int
setup_doorbells(void)
{
	return virtio_port_prepare(FAKE_VIRTIO_DOORBELLS);
}

/* Undisturbed: off the bus, then listed again, which is where it began. */
static void
release(void)
{
	struct rte_bus *bus = rte_bus_find_by_name("mdev");

	if (virtio_port.dev != NULL && virtio_port.dev->device != NULL)
		rte_dev_remove(virtio_port.dev->device);
	virtio_port.dev = NULL;
	test_bus_cleanup(bus);
	bus->scan();
}

static int
attach(void)
{
	int ret = virtio_port_attach("");

	if (ret != 0) {
		fault_disarm();
		release();
	}
	return ret;
}

static int
attach_and_start(void)
{
	int ret;

	ret = attach();
	if (ret != 0)
		return ret;
	ret = virtio_port_start(64);
	if (ret != 0) {
		fault_disarm();
		release();
	}
	return ret;
}

static int
check(int (*acquire)(void))
{
	release();
	TEST_ASSERT_SUCCESS(fault_each(acquire, release), "something is left");
	TEST_ASSERT_EQUAL(fake_vfio.opened, 0, "left open");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0,
		"%u mbufs are left", virtio_port_mbufs());
	return TEST_SUCCESS;
}

static int
test_probe(void)
{
	return check(attach);
}

static int
test_start(void)
{
	return check(attach_and_start);
}

static struct unit_test_suite suite = {
	.suite_name = "bus/mdev, net/mdev_virtio: each step fails in turn",
	.unit_test_cases = {
		TEST_CASE_ST(setup_trapped, virtio_port_stop, test_probe),
		TEST_CASE_ST(setup_gone, stop_gone, test_probe),
		TEST_CASE_ST(setup_doorbells, virtio_port_stop, test_start),
		TEST_CASES_END()
	}
};

static int
test_mdev_faults(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_faults_autotest, test_mdev_faults);
