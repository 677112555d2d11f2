/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The glue to the PCI bus: virtio-net devices that are bound to vfio-pci, on request.
 *
 * A device is this driver's only if its devargs have driver=net_mdev_virtio, or this
 * driver's own name. For all others this file does nothing: it asks for no mapping, so the bus neither maps nor
 * resets a device on its behalf. DPDK's own net_virtio takes any device that it is asked
 * about, whatever its devargs say, so this driver has to be asked first.
 *
 * The bus opens, enables and resets the device; from there on it is attached by its fd,
 * and the transport cannot tell it from a mediated one.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <rte_bus.h>
#include <rte_bus_pci.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_interrupts.h>
#include <rte_kvargs.h>
#include <rte_memzone.h>

#include <bus_pci_driver.h>

#include <vfio_irq.h>

#include "mdev_virtio_compat.h"
#include "mdev_virtio_logs.h"
#include "mdev_virtio_port.h"
#include "virtio_pci_modern.h"

#define KEY_DRIVER "driver"

/* What the driver is called on the other bus: users need not know that there are two. */
#define DRIVER "net_mdev_virtio"
#define DRIVER_PCI DRIVER "_pci"

/*
 * A PCI device that this process drives. Devargs are the primary process's: that a
 * device is this driver's a secondary one sees by the memzone.
 */
struct pci_port {
	TAILQ_ENTRY(pci_port) next;
	struct rte_pci_device *pci;
	struct vfio_dev *vfio;
	struct rte_intr_handle *intr_handle;
	const struct rte_memzone *claim; /* primary */
};

/* EAL's main thread plugs and unplugs. */
static TAILQ_HEAD(, pci_port) pci_ports = TAILQ_HEAD_INITIALIZER(pci_ports);

static void
claim_name(const struct rte_pci_device *pci, char *name, size_t len)
{
	snprintf(name, len, DRIVER ":%s", pci->device.name);
}

bool
mdev_virtio_pci_asked(const struct rte_devargs *da)
{
	struct rte_kvargs *kvargs;
	const char *driver;
	bool asked;

	if (da == NULL || da->drv_str == NULL || da->drv_str[0] == '\0')
		return false;
	kvargs = rte_kvargs_parse(da->drv_str, NULL);
	if (kvargs == NULL)
		return false;
	driver = rte_kvargs_get(kvargs, KEY_DRIVER);
	asked = driver != NULL && (strcmp(driver, DRIVER) == 0 ||
		strcmp(driver, DRIVER_PCI) == 0);
	rte_kvargs_free(kvargs);
	return asked;
}

static bool
is_ours(const struct rte_pci_device *pci)
{
	char name[RTE_MEMZONE_NAMESIZE];

	if (rte_eal_process_type() == RTE_PROC_PRIMARY)
		return mdev_virtio_pci_asked(pci->device.devargs);
	claim_name(pci, name, sizeof(name));
	return rte_memzone_lookup(name) != NULL;
}

/* Have the bus open the device. */
static int
map(struct rte_pci_device *pci)
{
	int ret;

	if (pci->kdrv != RTE_PCI_KDRV_VFIO) {
		INIT_LOG(ERR, "%s: not bound to vfio-pci, through which " DRIVER " drives PCI devices: dpdk-devbind.py -b vfio-pci %s",
			pci->device.name, pci->device.name);
		return -ENODEV;
	}
	ret = rte_pci_map_device(pci);
	if (ret == 0)
		return 0;
	INIT_LOG(ERR, "%s: the PCI bus cannot open it: its messages above say why",
		pci->device.name);
	return ret < 0 ? ret : -ENODEV;
}

static int
attach(struct pci_port *port)
{
	struct rte_pci_device *pci = port->pci;
	char name[RTE_MEMZONE_NAMESIZE];
	int ret;

	/* common/vfio says why if it cannot */
	ret = vfio_dev_attach(pci->device.name,
			rte_intr_dev_fd_get(pci->intr_handle), &port->vfio);
	if (ret < 0)
		return ret;
	port->intr_handle = vfio_irq_handle_alloc();
	if (rte_eal_process_type() == RTE_PROC_PRIMARY) {
		claim_name(pci, name, sizeof(name));
		port->claim = rte_memzone_reserve(name, 1, SOCKET_ID_ANY, 0);
	}
	if (port->intr_handle != NULL && (port->claim != NULL ||
			rte_eal_process_type() != RTE_PROC_PRIMARY))
		return 0;
	INIT_LOG(ERR, "%s: no memory: give EAL more (-m)", pci->device.name);
	return -ENOMEM;
}

static void
detach(struct pci_port *port)
{
	rte_memzone_free(port->claim);
	rte_intr_instance_free(port->intr_handle);
	vfio_dev_close(port->vfio);
}

static int
port_probe(struct pci_port *port)
{
	struct mdev_virtio_bus_dev bus_dev = { .device = &port->pci->device };
	int ret;

	ret = attach(port);
	if (ret == 0) {
		bus_dev.vfio = port->vfio;
		bus_dev.intr_handle = port->intr_handle;
		ret = mdev_virtio_port_probe(&bus_dev);
	}
	if (ret < 0)
		detach(port);
	return ret;
}

static int
mdev_virtio_pci_probe(struct rte_pci_driver *drv __rte_unused,
		struct rte_pci_device *pci)
{
	struct pci_port *port;
	int ret;

	if (!is_ours(pci))
		return 1;
	port = calloc(1, sizeof(*port));
	if (port == NULL)
		return -ENOMEM;
	port->pci = pci;
	ret = map(pci);
	if (ret < 0)
		goto free_port;
	ret = port_probe(port);
	if (ret < 0)
		goto unmap;
	TAILQ_INSERT_TAIL(&pci_ports, port, next);
	return 0;

unmap:
	rte_pci_unmap_device(pci);
free_port:
	free(port);
	return ret;
}

static struct pci_port *
find_port(const struct rte_pci_device *pci)
{
	struct pci_port *port;

	TAILQ_FOREACH(port, &pci_ports, next) {
		if (port->pci == pci)
			return port;
	}
	return NULL;
}

static int
mdev_virtio_pci_remove(struct rte_pci_device *pci)
{
	struct pci_port *port = find_port(pci);
	int ret;

	if (port == NULL)
		return 0;
	ret = mdev_virtio_port_remove(&pci->device);
	if (ret < 0)
		return ret;
	TAILQ_REMOVE(&pci_ports, port, next);
	detach(port);
	rte_pci_unmap_device(pci);
	free(port);
	return 0;
}

static const struct rte_pci_id ids[] = {
	{ RTE_PCI_DEVICE(VIRTIO_PCI_VENDOR, VIRTIO_PCI_NET_MODERN) },
	{ RTE_PCI_DEVICE(VIRTIO_PCI_VENDOR, VIRTIO_PCI_NET_TRANSITIONAL) },
	{ .vendor_id = 0 },
};

static struct rte_pci_driver mdev_virtio_pci_driver = {
	.driver.name = DRIVER_PCI,
	.id_table = ids,
	.probe = mdev_virtio_pci_probe,
	.remove = mdev_virtio_pci_remove,
};

/*
 * The bus asks drivers in the order of its list, and libraries are loaded in the order in
 * which a folder has them: only a place at the head of the list is one before net_virtio.
 * Where the mdev bus has refused the application's EAL, its PCI bus is another one, too.
 */
RTE_INIT(mdev_virtio_pci_register)
{
	if (rte_bus_find_by_name("mdev") == NULL)
		return;
	rte_pci_register(&mdev_virtio_pci_driver);
	mdev_virtio_compat_pci_first(&mdev_virtio_pci_driver);
}

/* as RTE_PMD_EXPORT_NAME, whose arguments differ between releases */
static const char this_pmd_name_pci[] __rte_used = DRIVER_PCI;
RTE_PMD_REGISTER_PCI_TABLE(net_mdev_virtio_pci, ids);
RTE_PMD_REGISTER_KMOD_DEP(net_mdev_virtio_pci, "* vfio-pci");
