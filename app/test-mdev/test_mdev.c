/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Which devices are opened, by which driver, and what is left behind: a driver made
 * up for the test, on a transport made up for the test.
 */

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <rte_bus.h>
#include <rte_errno.h>
#include <rte_interrupts.h>
#include <rte_memory.h>

#include <private.h>

#include "captured_log.h"
#include "made_up_sysfs.h"
#include "made_up_vfio.h"
#include "test.h"

/* Devices as made_up_uuid() names them. */
#define UUID_1 "00000001-abcd-4ef0-9abc-def012345678"
#define UUID_2 "00000002-abcd-4ef0-9abc-def012345678"
#define UPPER_1 "00000001-ABCD-4EF0-9ABC-DEF012345678"
#define UUID_9 "00000009-abcd-4ef0-9abc-def012345678"

static struct {
	unsigned int prepares, probes, removes;
	unsigned int prepares_seen; /* by the last probe */
	int probe_returns;       /* once */
	int remove_returns;      /* once */
	bool fail_intr;          /* the next interrupt handle is not to be had */
	void (*in_probe)(void);  /* called by the driver */
	struct rte_mdev_device *last; /* probed last */
} driver_state;

/* Takes the place of EAL's, so that it can fail once. */
struct rte_intr_handle *
rte_intr_instance_alloc(uint32_t flags)
{
	static struct rte_intr_handle *(*alloc)(uint32_t flags);

	if (driver_state.fail_intr) {
		driver_state.fail_intr = false;
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
	driver_state.prepares++;
}

static int
made_up_probe(struct rte_mdev_driver *drv __rte_unused,
		struct rte_mdev_device *mdev)
{
	int ret = driver_state.probe_returns;

	driver_state.probe_returns = 0;
	driver_state.probes++;
	driver_state.prepares_seen = driver_state.prepares;
	driver_state.last = mdev;
	if (driver_state.in_probe != NULL)
		driver_state.in_probe();
	return ret;
}

static int
made_up_remove_dev(struct rte_mdev_device *mdev __rte_unused)
{
	int ret = driver_state.remove_returns;

	driver_state.remove_returns = 0;
	if (ret == 0)
		driver_state.removes++;
	return ret;
}

static const struct rte_mdev_id ids_type[] = {
	{ .device_api = MADE_UP_API, .type = "made_up-*",
	  .vendor_id = RTE_MDEV_ANY_ID, .device_id = RTE_MDEV_ANY_ID },
	{ .device_api = NULL },
};

static const struct rte_mdev_id ids_parent[] = {
	{ .device_api = "vfio-other", .parent = "*",
	  .vendor_id = RTE_MDEV_ANY_ID, .device_id = RTE_MDEV_ANY_ID },
	{ .device_api = MADE_UP_API, .parent = MADE_UP_PARENT_2,
	  .vendor_id = RTE_MDEV_ANY_ID, .device_id = RTE_MDEV_ANY_ID },
	{ .device_api = NULL },
};

/* PCI ids alone. */
static const struct rte_mdev_id ids_pci[] = {
	{ .device_api = MADE_UP_API, .vendor_id = 0x1af4, .device_id = 0x1000 },
	{ .device_api = MADE_UP_API, .vendor_id = 0x1af4, .device_id = 0x1041 },
	{ .device_api = NULL },
};

static struct rte_mdev_driver driver = {
	.driver.name = "net_made_up",
	.id_table = ids_type,
	.probe = made_up_probe,
	.remove = made_up_remove_dev,
	.prepare = made_up_prepare,
};

static struct rte_mdev_driver second = {
	.driver.name = "net_second",
	.id_table = ids_type,
	.probe = made_up_probe,
	.remove = made_up_remove_dev,
};

static int
start(void)
{
	memset(&driver_state, 0, sizeof(driver_state));
	driver.id_table = ids_type;
	rte_mdev_register(&driver);
	if (made_up_sysfs_start() < 0)
		return TEST_FAILED;
	made_up_vfio_start();
	return TEST_SUCCESS;
}

static void
stop(void)
{
	driver_state.remove_returns = 0;
	made_up_sysfs_stop(); /* takes the devices back first */
	made_up_vfio_stop();
	rte_mdev_unregister(&driver);
}

/* The i-th device as the bus lists it. */
static struct rte_mdev_device *
listed(unsigned int i)
{
	struct rte_mdev_device *mdev;

	MDEV_FOREACH(mdev) {
		if (strcmp(mdev->name, made_up_uuid(i)) == 0)
			return mdev;
	}
	return NULL;
}

static bool
is_clean(const struct rte_mdev_device *mdev)
{
	return mdev->driver == NULL && mdev->device.driver == NULL &&
		mdev->vfio == NULL && mdev->intr_handle == NULL;
}

static unsigned int
count_devargs(void)
{
	const struct rte_devargs *da;
	unsigned int count = 0;

	RTE_EAL_DEVARGS_FOREACH(RTE_BUS_MDEV_NAME, da)
		count++;
	return count;
}

/* Start of an application with these options; the mode of the bus follows. */
static int
run_eal(const char *allow, const char *block)
{
	if (allow != NULL && rte_devargs_add(RTE_DEVTYPE_ALLOWED, allow) < 0)
		return -1;
	if (block != NULL && rte_devargs_add(RTE_DEVTYPE_BLOCKED, block) < 0)
		return -1;
	return rte_bus_scan() != 0 || rte_bus_probe() != 0 ? -1 : 0;
}

static int
test_probe(void)
{
	struct rte_mdev_device *mdev;

	TEST_ASSERT_SUCCESS(made_up_devices(1, 2), "not made");
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_SUCCESS(run_eal(NULL, NULL), "no start");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 0, "not silent");
	TEST_ASSERT_EQUAL(driver_state.probes, 2, "%u probes",
		driver_state.probes);
	TEST_ASSERT_EQUAL(made_up_vfio.opened, 2, "%d open", made_up_vfio.opened);
	mdev = listed(1);
	TEST_ASSERT(mdev->driver == &driver, "driver not set");
	TEST_ASSERT(mdev->device.driver == &driver.driver, "driver not set");
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
	TEST_ASSERT_EQUAL(driver_state.probes, 2, "probed again");
	TEST_ASSERT_SUCCESS(mdev_cleanup(), "cleanup failed");
	TEST_ASSERT_EQUAL(driver_state.removes, 2, "%u removes",
		driver_state.removes);
	TEST_ASSERT_EQUAL(made_up_vfio.opened, 0, "%d open", made_up_vfio.opened);
	TEST_ASSERT_NULL(mdev_first(), "a device is left");
	return TEST_SUCCESS;
}

/* A driver hears of each probe of the bus, before and without a device. */
static int
test_prepare(void)
{
	TEST_ASSERT_SUCCESS(run_eal(NULL, NULL), "no start");
	TEST_ASSERT_EQUAL(driver_state.prepares, 1, "%u times, no device",
		driver_state.prepares);
	TEST_ASSERT_SUCCESS(made_up_devices(1, 2), "not made");
	TEST_ASSERT_SUCCESS(run_eal(NULL, NULL), "no start");
	TEST_ASSERT_EQUAL(driver_state.prepares_seen, 2, "not before the devices");
	TEST_ASSERT_EQUAL(driver_state.prepares, 2, "%u times, two devices",
		driver_state.prepares);
	return TEST_SUCCESS;
}

static int
test_parent_glob(void)
{
	driver.id_table = ids_parent;
	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	TEST_ASSERT_SUCCESS(made_up_device(UUID_2, MADE_UP_PARENT_2,
		MADE_UP_TYPE_2), "not made");
	TEST_ASSERT_SUCCESS(run_eal(NULL, NULL), "no start");
	TEST_ASSERT_EQUAL(made_up_vfio.opens, 1, "%u opens", made_up_vfio.opens);
	TEST_ASSERT(is_clean(listed(1)), "claimed by nobody, but opened");
	TEST_ASSERT(!is_clean(listed(2)), "not probed");
	return TEST_SUCCESS;
}

/* A process that says nothing about mdevs opens none that no glob claims. */
static int
test_pci_ids_need_name(void)
{
	driver.id_table = ids_pci;
	TEST_ASSERT_SUCCESS(made_up_devices(1, 2), "not made");
	TEST_ASSERT_SUCCESS(run_eal(NULL, NULL), "no start");
	TEST_ASSERT_EQUAL(made_up_vfio.opens, 0, "%u opens", made_up_vfio.opens);
	TEST_ASSERT_SUCCESS(run_eal(NULL, "mdev:" UUID_1), "no start");
	TEST_ASSERT_EQUAL(made_up_vfio.opens, 0, "%u opens", made_up_vfio.opens);
	return TEST_SUCCESS;
}

static int
test_pci_ids(void)
{
	driver.id_table = ids_pci;
	TEST_ASSERT_SUCCESS(made_up_devices(1, 2), "not made");
	TEST_ASSERT_SUCCESS(run_eal("mdev:" UPPER_1, NULL), "no start");
	TEST_ASSERT_EQUAL(made_up_vfio.opens, 1, "%u opens", made_up_vfio.opens);
	TEST_ASSERT_EQUAL(driver_state.probes, 1, "%u probes",
		driver_state.probes);
	TEST_ASSERT(!is_clean(listed(1)), "not probed");
	TEST_ASSERT(is_clean(listed(2)), "probed without a name");
	return TEST_SUCCESS;
}

/* Opened to look, and left alone: with one line, since the user named it. */
static int
test_pci_ids_of_another(void)
{
	driver.id_table = ids_pci;
	made_up_vfio.device = 0x1042;
	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	run_eal("mdev:" UUID_1, NULL);
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines("mdev:" UUID_1 ": "), 1, "%u lines",
		captured_log_lines("mdev:" UUID_1));
	TEST_ASSERT_EQUAL(made_up_vfio.opens, 1, "%u opens", made_up_vfio.opens);
	TEST_ASSERT_EQUAL(made_up_vfio.opened, 0, "left open");
	TEST_ASSERT_EQUAL(driver_state.probes, 0, "probed");
	TEST_ASSERT(is_clean(listed(1)), "something is left");
	return TEST_SUCCESS;
}

/* A device that is no PCI device has no PCI ids, which is no error. */
static int
test_pci_ids_of_none(void)
{
	driver.id_table = ids_pci;
	made_up_vfio.flags = VFIO_DEVICE_FLAGS_PLATFORM;
	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	run_eal("mdev:" UUID_1, NULL);
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines("no "), 1, "not called undriven");
	TEST_ASSERT_EQUAL(captured_log_lines("cannot read"), 0, "called an error");
	TEST_ASSERT(is_clean(listed(1)), "something is left");
	return TEST_SUCCESS;
}

static int
test_allow(void)
{
	TEST_ASSERT_SUCCESS(made_up_devices(1, 3), "not made");
	TEST_ASSERT_SUCCESS(run_eal("mdev:" UPPER_1 ",k=v", NULL), "no start");
	TEST_ASSERT_EQUAL(made_up_vfio.opens, 1, "%u opens", made_up_vfio.opens);
	TEST_ASSERT(!is_clean(listed(1)), "not probed");
	TEST_ASSERT_SUCCESS(strcmp(driver_state.last->device.devargs->drv_str,
		"k=v"), "arguments lost");
	return TEST_SUCCESS;
}

static int
test_block(void)
{
	TEST_ASSERT_SUCCESS(made_up_devices(1, 3), "not made");
	TEST_ASSERT_SUCCESS(run_eal(NULL, "mdev:" UPPER_1), "no start");
	TEST_ASSERT_EQUAL(made_up_vfio.opens, 2, "%u opens", made_up_vfio.opens);
	TEST_ASSERT(is_clean(listed(1)), "probed although blocked");
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
	TEST_ASSERT_SUCCESS(run_eal("mdev:" UUID_1, NULL), "no start");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 1, "%u lines",
		captured_log_lines(NULL));
	TEST_ASSERT_EQUAL(captured_log_lines(UUID_9), 1, "not named");
	TEST_ASSERT_EQUAL(driver_state.probes, 1, "%u probes",
		driver_state.probes);
	return TEST_SUCCESS;
}

static int
test_driver_layer(void)
{
	rte_mdev_register(&second);
	TEST_ASSERT_SUCCESS(made_up_devices(1, 3), "not made");
	TEST_ASSERT_SUCCESS(rte_devargs_add(RTE_DEVTYPE_ALLOWED,
		"bus=mdev,uuid=" UPPER_1 "/class=eth/driver=net_second,k=v"),
		"not added");
	TEST_ASSERT_SUCCESS(rte_devargs_add(RTE_DEVTYPE_ALLOWED,
		"bus=mdev,uuid=" UUID_2 "/driver=net_third"), "not added");
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_SUCCESS(run_eal("mdev:00000003-abcd-4ef0-9abc-def012345678",
		NULL), "no start");
	captured_log_stop();
	TEST_ASSERT(listed(1)->driver == &second, "another driver has it");
	TEST_ASSERT_NULL(listed(2)->driver, "another driver took it");
	TEST_ASSERT(listed(3)->driver == &driver, "not the first driver");
	TEST_ASSERT_EQUAL(made_up_vfio.opens, 2, "%u opens", made_up_vfio.opens);
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 1, "%u lines",
		captured_log_lines(NULL));
	TEST_ASSERT_EQUAL(captured_log_lines("mdev:" UUID_2 ": "), 1, "not named");
	mdev_cleanup();
	rte_mdev_unregister(&second);
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
		run_eal(devargs, NULL);
		captured_log_stop();
		TEST_ASSERT_EQUAL(made_up_vfio.opens, 0, "%s: opened", keys[i]);
		TEST_ASSERT_EQUAL(captured_log_lines("mdev:" UUID_1 ": "), 1,
			"%s: %u lines", keys[i], captured_log_lines(NULL));
	}
	TEST_ASSERT_SUCCESS(run_eal("bus=mdev,uuid=" UUID_1 ",type=made_up-?*,"
		"parent=" MADE_UP_PARENT, NULL), "no start");
	TEST_ASSERT_EQUAL(made_up_vfio.opens, 1, "not opened");
	return TEST_SUCCESS;
}

static int
test_attach(void)
{
	struct rte_bus *bus = rte_bus_find_by_name(RTE_BUS_MDEV_NAME);
	unsigned int i;

	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	for (i = 1; i <= 2; i++) {
		TEST_ASSERT_SUCCESS(rte_dev_probe("mdev:" UPPER_1 ",k=v"),
			"not attached");
		TEST_ASSERT_EQUAL(driver_state.probes, i, "%u probes",
			driver_state.probes);
		TEST_ASSERT_EQUAL(count_devargs(), 1, "%u devargs",
			count_devargs());
		TEST_ASSERT_SUCCESS(strcmp(listed(1)->device.devargs->drv_str,
			"k=v"), "arguments lost");
		TEST_ASSERT_EQUAL(bus->plug(&listed(1)->device), -EEXIST,
			"plugged twice");
		TEST_ASSERT_EQUAL(made_up_vfio.opened, 1, "%d open",
			made_up_vfio.opened);

		TEST_ASSERT_SUCCESS(rte_dev_remove(&listed(1)->device),
			"not detached");
		TEST_ASSERT_EQUAL(driver_state.removes, i, "%u removes",
			driver_state.removes);
		TEST_ASSERT_EQUAL(made_up_vfio.opened, 0, "left open");
		TEST_ASSERT_EQUAL(count_devargs(), 0, "%u devargs left",
			count_devargs());
		TEST_ASSERT_NULL(listed(1), "still listed");
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
	TEST_ASSERT_SUCCESS(run_eal("mdev:" UUID_1 ",k=1", NULL), "no start");
	mdev = listed(1);
	rte_dev_probe("mdev:" UPPER_1 ",k=2");
	rte_dev_probe("bus=mdev,uuid=" UPPER_1 "/driver=net_made_up,k=3");
	rte_dev_probe("mdev:" UUID_1 ",k=4");
	TEST_ASSERT(listed(1) == mdev, "another device");
	TEST_ASSERT_EQUAL(driver_state.probes, 1, "%u probes",
		driver_state.probes);
	TEST_ASSERT_EQUAL(count_devargs(), 1, "%u devargs", count_devargs());
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
	TEST_ASSERT_EQUAL(count_devargs(), 0, "%u devargs left", count_devargs());
	TEST_ASSERT_EQUAL(made_up_vfio.opens, 0, "%u opens", made_up_vfio.opens);
	return TEST_SUCCESS;
}

/* A block is for the start: who attaches by name means it. */
static int
test_attach_blocked(void)
{
	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	TEST_ASSERT_SUCCESS(run_eal(NULL, "mdev:" UUID_1), "no start");
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
	TEST_ASSERT_NOT_NULL(listed(1), "the device is gone");
	TEST_ASSERT(!listed(1)->gone, "the device is called gone");
	TEST_ASSERT_SUCCESS(rte_dev_remove(&listed(1)->device), "not detached");
	TEST_ASSERT_EQUAL(made_up_vfio.opened, 0, "left open");
	return TEST_SUCCESS;
}

/* Each step of a probe fails once: one line, nothing is left, the next goes well. */
static int
test_steps_fail(void)
{
	static const int errors[] = { -EACCES, -EIO, -EIO, -ENOMEM, -EPERM };
	struct rte_bus *bus = rte_bus_find_by_name(RTE_BUS_MDEV_NAME);
	struct rte_mdev_device *mdev;
	unsigned int i;
	int ret;

	driver.id_table = ids_pci;
	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	TEST_ASSERT_SUCCESS(rte_devargs_add(RTE_DEVTYPE_ALLOWED, "mdev:" UUID_1),
		"not added");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	mdev = listed(1);
	for (i = 0; i < RTE_DIM(errors); i++) {
		made_up_vfio.fail_open = i == 0 ? errors[i] : 0;
		made_up_vfio.fail_info = i == 1 ? errors[i] : 0;
		made_up_vfio.fail_read = i == 2 ? errors[i] : 0;
		driver_state.fail_intr = i == 3;
		driver_state.probe_returns = i == 4 ? errors[i] : 0;
		TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
		ret = bus->plug(&mdev->device);
		captured_log_stop();
		TEST_ASSERT_EQUAL(ret, errors[i], "step %u: returned %d", i, ret);
		TEST_ASSERT(is_clean(mdev), "step %u: something is left", i);
		TEST_ASSERT_EQUAL(made_up_vfio.opened, 0, "step %u: open", i);
		/* open and the driver's probe log for themselves */
		TEST_ASSERT_EQUAL(captured_log_lines(NULL), i >= 1 && i <= 3,
			"step %u: %u lines", i, captured_log_lines(NULL));
	}
	TEST_ASSERT_SUCCESS(bus->plug(&mdev->device), "not plugged");
	TEST_ASSERT_EQUAL(driver_state.probes, 2, "%u probes",
		driver_state.probes);
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
	TEST_ASSERT_SUCCESS(run_eal(NULL, NULL), "no start");
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
	TEST_ASSERT_SUCCESS(run_eal(NULL, NULL), "no start");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines("probe failed"), 0,
		"EAL says that the bus failed");
	return TEST_SUCCESS;
}

static int
test_declined(void)
{
	rte_mdev_register(&second);
	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	driver_state.probe_returns = 1;
	TEST_ASSERT_SUCCESS(run_eal(NULL, NULL), "no start");
	TEST_ASSERT(listed(1)->driver == &second, "not the next driver");
	TEST_ASSERT_EQUAL(driver_state.probes, 2, "%u probes",
		driver_state.probes);
	TEST_ASSERT_EQUAL(made_up_vfio.opened, 1, "%d open", made_up_vfio.opened);
	mdev_cleanup();
	rte_mdev_unregister(&second);
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
	TEST_ASSERT_EQUAL(driver_state.probes, 2, "%u probes",
		driver_state.probes);
	TEST_ASSERT_EQUAL(made_up_vfio.opened, 2, "%d open", made_up_vfio.opened);
	return TEST_SUCCESS;
}

/* What is driven stays, flagged, until it is taken back. */
static int
test_gone(void)
{
	struct rte_mdev_device *mdev;

	TEST_ASSERT_SUCCESS(made_up_devices(1, 2), "not made");
	TEST_ASSERT_SUCCESS(run_eal(NULL, NULL), "no start");
	mdev = listed(1);
	TEST_ASSERT(!mdev->gone, "gone at once");
	TEST_ASSERT_SUCCESS(made_up_remove(UUID_1), "not removed");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT(listed(1) == mdev && mdev->gone, "dropped or not flagged");
	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT(listed(1) == mdev && !mdev->gone, "it has come back");
	TEST_ASSERT_SUCCESS(made_up_remove(UUID_1), "not removed");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_SUCCESS(rte_dev_remove(&mdev->device), "not detached");
	TEST_ASSERT_NULL(listed(1), "still listed");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_NULL(listed(1), "listed again");
	TEST_ASSERT_EQUAL(made_up_vfio.opened, 1, "%d open", made_up_vfio.opened);
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
		TEST_ASSERT_SUCCESS(run_eal(NULL, NULL), "no start");
		TEST_ASSERT_SUCCESS(rte_eal_hotplug_remove(RTE_BUS_MDEV_NAME,
			names[i]), "%s not found", names[i]);
		TEST_ASSERT_NULL(listed(1), "%s: still listed", names[i]);
		TEST_ASSERT_NOT_NULL(listed(2), "%s: the other is gone", names[i]);
	}
	TEST_ASSERT_EQUAL(rte_eal_hotplug_remove(RTE_BUS_MDEV_NAME, "mdev:" UUID_9),
		-EINVAL, "what is not there was found");
	TEST_ASSERT_EQUAL(made_up_vfio.opened, 1, "%d open", made_up_vfio.opened);
	return TEST_SUCCESS;
}

/* A driver that does not let go keeps its device, whole. */
static int
test_remove_fails(void)
{
	struct rte_mdev_device *mdev;

	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	TEST_ASSERT_SUCCESS(run_eal(NULL, NULL), "no start");
	mdev = listed(1);
	driver_state.remove_returns = -EBUSY;
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_EQUAL(rte_dev_remove(&mdev->device), -EBUSY, "detached");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines("mdev:" UUID_1 ": "), 1, "not named");
	TEST_ASSERT(listed(1) == mdev, "not listed");
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
	TEST_ASSERT_SUCCESS(run_eal(NULL, NULL), "no start");
	driver_state.remove_returns = -EBUSY;
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	ret = mdev_cleanup();
	captured_log_stop();
	TEST_ASSERT_FAIL(ret, "a failure was not reported");
	TEST_ASSERT_NULL(mdev_first(), "a device is left");
	TEST_ASSERT_EQUAL(made_up_vfio.opened, 0, "%d open", made_up_vfio.opened);
	return TEST_SUCCESS;
}

static void
scan_in_probe(void)
{
	driver_state.in_probe = NULL;
	/* the device that is probed and the next one are gone by now */
	if (made_up_remove(UUID_1) < 0 || made_up_remove(UUID_2) < 0 ||
			mdev_scan() != 0)
		driver_state.probe_returns = -EIO;
}

/* A driver may attach others while it probes; EAL scans for that. */
static int
test_scan_in_probe(void)
{
	driver_state.in_probe = scan_in_probe;
	TEST_ASSERT_SUCCESS(made_up_devices(1, 3), "not made");
	TEST_ASSERT_SUCCESS(run_eal(NULL, NULL), "no start");
	TEST_ASSERT_EQUAL(driver_state.probes, 2, "%u probes",
		driver_state.probes);
	TEST_ASSERT(listed(1) != NULL && listed(1)->gone, "not flagged");
	TEST_ASSERT_NULL(listed(2), "not dropped");
	TEST_ASSERT_NOT_NULL(listed(3)->driver, "not probed");
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
	driver.id_table = ids_pci;
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
	TEST_ASSERT_SUCCESS(run_eal(NULL, NULL), "no start");
	dev = &listed(1)->device;
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
	TEST_ASSERT_SUCCESS(mdev_unplug_device(listed(1)), "not unplugged");
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
	static const struct rte_mdev_driver whole = {
		.driver.name = "net_broken",
		.id_table = ids_type,
		.probe = made_up_probe,
		.remove = made_up_remove_dev,
	};
	static struct rte_mdev_driver broken[4];
	unsigned int i;

	for (i = 0; i < RTE_DIM(broken); i++)
		broken[i] = whole;
	broken[0].driver.name = NULL;
	broken[1].id_table = NULL;
	broken[2].probe = NULL;
	broken[3].remove = NULL;
	rte_mdev_unregister(&driver);
	for (i = 0; i < RTE_DIM(broken); i++) {
		TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
		rte_mdev_register(&broken[i]);
		captured_log_stop();
		TEST_ASSERT_EQUAL(captured_log_lines(NULL), 1, "%u: %u lines", i,
			captured_log_lines(NULL));
	}
	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	TEST_ASSERT_SUCCESS(run_eal(NULL, NULL), "no start");
	TEST_ASSERT_EQUAL(made_up_vfio.opens, 0, "opened for a broken driver");
	for (i = 0; i < RTE_DIM(broken); i++)
		rte_mdev_unregister(&broken[i]);
	rte_mdev_unregister(&second);
	rte_mdev_register(&driver);
	TEST_ASSERT_SUCCESS(rte_bus_probe(), "no start");
	TEST_ASSERT_EQUAL(driver_state.probes, 1, "%u probes",
		driver_state.probes);
	return TEST_SUCCESS;
}

static int
test_thousand(void)
{
	TEST_ASSERT_SUCCESS(made_up_devices(0, 1000), "not made");
	TEST_ASSERT_SUCCESS(run_eal(NULL, NULL), "no start");
	TEST_ASSERT_EQUAL(made_up_vfio.opened, 1000, "%d open",
		made_up_vfio.opened);
	TEST_ASSERT_SUCCESS(mdev_cleanup(), "cleanup failed");
	TEST_ASSERT_EQUAL(made_up_vfio.opened, 0, "%d open", made_up_vfio.opened);
	TEST_ASSERT_NULL(mdev_first(), "a device is left");
	return TEST_SUCCESS;
}

#define CASE(fn) TEST_CASE_ST(start, stop, fn)

static struct unit_test_suite suite = {
	.suite_name = "bus/mdev: devices and drivers",
	.unit_test_cases = {
		CASE(test_probe),
		CASE(test_prepare),
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
		CASE(test_attach),
		CASE(test_attach_again),
		CASE(test_attach_missing),
		CASE(test_attach_blocked),
		CASE(test_attach_scan_fails),
		CASE(test_steps_fail),
		CASE(test_busy),
		CASE(test_busy_unnamed),
		CASE(test_declined),
		CASE(test_vanished),
		CASE(test_gone),
		CASE(test_detach_by_name),
		CASE(test_remove_fails),
		CASE(test_cleanup_remove_fails),
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
