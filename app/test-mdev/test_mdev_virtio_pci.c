/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The glue to the PCI bus, without a PCI device: the bus's part of opening one is played
 * here, and what is attached is the fake virtio device.
 */

#include <errno.h>
#include <string.h>

#include <rte_bus_pci.h>
#include <rte_devargs.h>
#include <rte_interrupts.h>

#include <bus_pci_driver.h>

#include <mdev_virtio_port.h>
#include <vfio_dev.h>

#include "captured_log.h"
#include "fake_kernel.h"
#include "fake_mp.h"
#include "fake_vfio.h"
#include "fake_virtio.h"
#include "test.h"
#include "test_compat.h"
#include "wrap.h"

#define ADDRESS "0000:00:10.0"
#define ASKED "driver=net_mdev_virtio"

/* What the bus is asked to do in this test. */
static struct {
	bool active;
	int map;           /* what mapping returns */
	int mapped;        /* maps minus unmaps */
	bool fail_attach;
} made_up_bus;

static struct rte_pci_device pci;
static struct rte_devargs devargs;

WRAP_PROTO(int, rte_pci_map_device, struct rte_pci_device *dev)
{
	if (!made_up_bus.active)
		return __real_rte_pci_map_device(dev);
	made_up_bus.mapped += made_up_bus.map == 0;
	return made_up_bus.map;
}

WRAP_PROTO(void, rte_pci_unmap_device, struct rte_pci_device *dev)
{
	if (made_up_bus.active)
		made_up_bus.mapped--;
	else
		__real_rte_pci_unmap_device(dev);
}

WRAP_PROTO(int, vfio_dev_attach, const char *name, int fd, struct vfio_dev **dev)
{
	if (!made_up_bus.active)
		return __real_vfio_dev_attach(name, fd, dev);
	if (made_up_bus.fail_attach)
		return -EPROTO;
	return vfio_dev_open(FAKE_VFIO_BASE, name, dev);
}

/* As the bus has it before it asks drivers. args: NULL for no devargs. */
static void
found(const char *args)
{
	memset(&pci, 0, sizeof(pci));
	memset(&devargs, 0, sizeof(devargs));
	devargs.policy = RTE_DEV_ALLOWED;
	devargs.drv_str = args;
	pci.device.name = ADDRESS;
	pci.device.numa_node = SOCKET_ID_ANY;
	pci.device.devargs = args == NULL ? NULL : &devargs;
	pci.kdrv = RTE_PCI_KDRV_VFIO;
}

static int
setup(void)
{
	memset(&made_up_bus, 0, sizeof(made_up_bus));
	if (fake_virtio_start(FAKE_VIRTIO_TRAPPED) < 0)
		return TEST_FAILED;
	fake_vfio.addr = ADDRESS;
	made_up_bus.active = true;
	return TEST_SUCCESS;
}

static void
stop(void)
{
	struct rte_eth_dev *dev = mdev_virtio_port_find(&pci.device);

	if (dev != NULL)
		mdev_virtio_port_remove(&pci.device);
	made_up_bus.active = false;
	fake_virtio_stop();
}

/* The driver of this test, behind all others. */
static int
probe_none(struct rte_pci_driver *drv __rte_unused,
		struct rte_pci_device *dev __rte_unused)
{
	return 1;
}

static const struct rte_pci_id no_ids[] = {
	{ .vendor_id = 0 },
};

static struct rte_pci_driver last = {
	.driver.name = "test_last",
	.probe = probe_none,
	.id_table = no_ids,
};

/* The first driver that the bus asks. */
static struct rte_pci_driver *
first_driver(void)
{
	struct rte_pci_driver *first;

	rte_pci_register(&last);
	first = test_pci_first(&last);
	rte_pci_unregister(&last);
	return first;
}

/* DPDK's own driver takes whatever it is asked about. */
static int
test_is_first(void)
{
	const struct rte_pci_driver *drv = first_driver();

	TEST_ASSERT_SUCCESS(strcmp(drv->driver.name, "net_mdev_virtio_pci"),
		"the bus asks %s first", drv->driver.name);
	TEST_ASSERT_EQUAL(drv->drv_flags & RTE_PCI_DRV_NEED_MAPPING, 0,
		"devices of others would be mapped for it");
	return TEST_SUCCESS;
}

/* Who is not asked for opens nothing. */
static int
test_not_asked(void)
{
	static const char * const others[] = {
		NULL, "", "driver=net_virtio", "driver=", "driver", "packed_vq=1",
		"driver=net_mdev_virti", "driver=net_mdev_virtio2",
		"drivers=net_mdev_virtio", "=,=",
	};
	struct rte_pci_driver *drv = first_driver();
	unsigned int i;

	for (i = 0; i < RTE_DIM(others); i++) {
		found(others[i]);
		made_up_bus.map = -EIO;
		TEST_ASSERT_EQUAL(drv->probe(drv, &pci), 1, "'%s' is taken",
			others[i] == NULL ? "none" : others[i]);
		TEST_ASSERT_EQUAL(fake_vfio.opened, 0, "opened");
	}
	return TEST_SUCCESS;
}

static int
probe_and_remove(const char *args)
{
	struct rte_pci_driver *drv = first_driver();
	const struct rte_eth_dev *dev;

	found(args);
	TEST_ASSERT_SUCCESS(drv->probe(drv, &pci), "%s: not taken", args);
	TEST_ASSERT_EQUAL(made_up_bus.mapped, 1, "not mapped by the bus");
	dev = mdev_virtio_port_find(&pci.device);
	TEST_ASSERT_NOT_NULL(dev, "no port");
	TEST_ASSERT_SUCCESS(strcmp(dev->data->name, ADDRESS), "its name is %s",
		dev->data->name);
	TEST_ASSERT_EQUAL(dev->data->dev_flags & RTE_ETH_DEV_INTR_RMV, 0,
		"nobody would raise that event");
	TEST_ASSERT_EQUAL(rte_intr_type_get(dev->intr_handle),
		RTE_INTR_HANDLE_VDEV, "EAL would enable interrupts by itself");
	TEST_ASSERT_SUCCESS(drv->remove(&pci), "not removed");
	TEST_ASSERT_NULL(mdev_virtio_port_find(&pci.device), "a port is left");
	TEST_ASSERT_EQUAL(fake_vfio.opened, 0, "left open");
	TEST_ASSERT_EQUAL(made_up_bus.mapped, 0, "left mapped");
	return TEST_SUCCESS;
}

static int
test_asked(void)
{
	static const char * const args[] = {
		ASKED, "driver=net_mdev_virtio_pci",
		"driver=net_mdev_virtio,packed_vq=0",
		"mrg_rxbuf=1,driver=net_mdev_virtio", ASKED,
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(args); i++) {
		if (probe_and_remove(args[i]) != TEST_SUCCESS)
			return TEST_FAILED;
	}
	return TEST_SUCCESS;
}

/* One that is bound to a driver of the kernel, or to none. */
static int
test_not_bound(void)
{
	static const enum rte_pci_kernel_driver kdrvs[] = {
		RTE_PCI_KDRV_UNKNOWN, RTE_PCI_KDRV_IGB_UIO, RTE_PCI_KDRV_UIO_GENERIC,
		RTE_PCI_KDRV_NONE,
	};
	struct rte_pci_driver *drv = first_driver();
	const char *said;
	unsigned int i;

	for (i = 0; i < RTE_DIM(kdrvs); i++) {
		found(ASKED);
		pci.kdrv = kdrvs[i];
		TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
		TEST_ASSERT_EQUAL(drv->probe(drv, &pci), -ENODEV, "taken");
		said = captured_log_stop();
		TEST_ASSERT_NOT_NULL(strstr(said, ADDRESS ": not bound to vfio-pci"),
			"says '%s'", said);
		TEST_ASSERT_EQUAL(made_up_bus.mapped, 0, "mapped");
	}
	return TEST_SUCCESS;
}

/* Nothing is left, whatever fails. */
static int
test_failures(void)
{
	static const struct {
		const char *what, *args;
		int map;
		bool fail_attach;
		enum fake_vfio_op fail;
	} cases[] = {
		{ "mapping", ASKED, -EIO, false, FAKE_OP_NONE },
		{ "another driver of the kernel", ASKED, 1, false, FAKE_OP_NONE },
		{ "attach", ASKED, 0, true, FAKE_OP_NONE },
		{ "arguments", ASKED ",color=red", 0, false, FAKE_OP_NONE },
		{ "registers", ASKED, 0, false, FAKE_OP_REGION_READ },
	};
	struct rte_pci_driver *drv = first_driver();
	unsigned int i;

	for (i = 0; i < RTE_DIM(cases); i++) {
		found(cases[i].args);
		made_up_bus.map = cases[i].map;
		made_up_bus.fail_attach = cases[i].fail_attach;
		fake_vfio.fail = cases[i].fail;
		TEST_ASSERT(drv->probe(drv, &pci) < 0, "%s: taken", cases[i].what);
		TEST_ASSERT_NULL(mdev_virtio_port_find(&pci.device),
			"%s: a port is left", cases[i].what);
		TEST_ASSERT_EQUAL(fake_vfio.opened, 0, "%s: left open",
			cases[i].what);
		TEST_ASSERT_EQUAL(made_up_bus.mapped, 0, "%s: left mapped",
			cases[i].what);
	}
	made_up_bus.map = 0;
	made_up_bus.fail_attach = false;
	return probe_and_remove(ASKED);
}

/*
 * A secondary process has no devargs, or others; what its primary drives this way
 * net_virtio must not get.
 */
static int
test_secondary(void)
{
	struct rte_pci_driver *drv = first_driver();
	int ret;

	found(ASKED);
	fake_mp_start();
	fake_mp.secondary = true;
	ret = drv->probe(drv, &pci);
	fake_mp_stop();
	TEST_ASSERT_EQUAL(ret, 1, "taken, though the primary does not have it");

	TEST_ASSERT_SUCCESS(drv->probe(drv, &pci), "primary");
	/* without a port of that name it gets no further; that is not "not mine" */
	found(NULL);
	pci.device.name = ADDRESS;
	fake_mp_start();
	fake_mp.secondary = true;
	made_up_bus.map = -EIO;
	ret = drv->probe(drv, &pci);
	fake_mp_stop();
	made_up_bus.map = 0;
	TEST_ASSERT_EQUAL(ret, -EIO, "left to others: %d", ret);
	TEST_ASSERT_SUCCESS(drv->remove(&pci), "not removed");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: on the PCI bus",
	.unit_test_cases = {
		TEST_CASE_ST(setup, stop, test_is_first),
		TEST_CASE_ST(setup, stop, test_not_asked),
		TEST_CASE_ST(setup, stop, test_asked),
		TEST_CASE_ST(setup, stop, test_not_bound),
		TEST_CASE_ST(setup, stop, test_failures),
		TEST_CASE_ST(setup, stop, test_secondary),
		TEST_CASES_END()
	}
};

static int
test_mdev_virtio_pci(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_virtio_pci_autotest, test_mdev_virtio_pci);
