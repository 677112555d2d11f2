/* SPDX-License-Identifier: BSD-3-Clause */

/* From an open device to a port and back: what does not depend on the bus. */

#include <errno.h>

#include <rte_eal.h>
#include <rte_malloc.h>

#include "mdev_virtio_ethdev.h"
#include "mdev_virtio_logs.h"
#include "mdev_virtio_port.h"
#include "virtio_pci_modern.h"
#include "virtqueue_checks.h"

static int
probe_primary(const struct mdev_virtio_bus_dev *bus_dev)
{
	struct rte_device *device = bus_dev->device;
	const struct rte_devargs *da = device->devargs;
	struct mdev_virtio_devargs devargs;
	struct virtio_transport *tr;
	struct rte_eth_dev *dev;
	int ret;

	if (!VIRTQUEUE_CHECKS)
		INIT_LOG(WARNING, "%s: this driver believes all that a device says, and is for measurements only: use one that is built without MDEV_VIRTIO_NO_CHECKS",
			device->name);
	ret = mdev_virtio_devargs_parse(device->name,
			da == NULL ? NULL : da->drv_str, &devargs);
	if (ret == 0)
		ret = virtio_pci_modern_create(bus_dev->vfio, &tr);
	if (ret < 0)
		return ret;

	dev = rte_eth_dev_allocate(device->name);
	if (dev == NULL) {
		ret = -ENOMEM; /* ethdev said why */
		goto destroy;
	}
	dev->data->dev_private = rte_zmalloc_socket("mdev_virtio_hw",
			sizeof(struct mdev_virtio_hw), RTE_CACHE_LINE_SIZE,
			device->numa_node);
	if (dev->data->dev_private == NULL) {
		INIT_LOG(ERR, "%s: no memory: give EAL more (-m)", device->name);
		ret = -ENOMEM;
		goto release;
	}
	dev->device = device;
	dev->intr_handle = bus_dev->intr_handle;
	dev->data->numa_node = device->numa_node;
	ret = mdev_virtio_dev_init(dev, tr, &devargs);
	if (ret < 0) {
		rte_eth_dev_release_port(dev);
		return ret;
	}
	dev->data->dev_flags |= bus_dev->port_flags;
	mdev_virtio_telemetry_add(dev);
	rte_eth_dev_probing_finish(dev);
	return 0;

release:
	rte_eth_dev_release_port(dev);
destroy:
	tr->ops->destroy(tr);
	return ret;
}

/* The port is the primary process's; this one gets its own way to the device. */
static int
probe_secondary(const struct mdev_virtio_bus_dev *bus_dev)
{
	struct virtio_transport *tr;
	struct rte_eth_dev *dev;
	int ret;

	dev = rte_eth_dev_attach_secondary(bus_dev->device->name);
	if (dev == NULL)
		return -ENODEV; /* ethdev said why: closed there */
	ret = virtio_pci_modern_create(bus_dev->vfio, &tr);
	if (ret < 0)
		goto release;
	dev->device = bus_dev->device;
	dev->intr_handle = bus_dev->intr_handle;
	ret = mdev_virtio_secondary_attach(dev, tr);
	if (ret < 0)
		goto destroy;
	rte_eth_dev_probing_finish(dev);
	return 0;

destroy:
	tr->ops->destroy(tr);
release:
	rte_eth_dev_release_port(dev);
	return ret;
}

int
mdev_virtio_port_probe(const struct mdev_virtio_bus_dev *bus_dev)
{
	if (rte_eal_process_type() == RTE_PROC_PRIMARY)
		return probe_primary(bus_dev);
	return probe_secondary(bus_dev);
}

/*
 * Not by name: the name is shared, and gone when the primary process has closed the
 * port.
 */
struct rte_eth_dev *
mdev_virtio_port_find(const struct rte_device *device)
{
	uint16_t i;

	for (i = 0; i < RTE_MAX_ETHPORTS; i++) {
		if (rte_eth_devices[i].state != RTE_ETH_DEV_UNUSED &&
				rte_eth_devices[i].device == device)
			return &rte_eth_devices[i];
	}
	return NULL;
}

int
mdev_virtio_port_remove(const struct rte_device *device)
{
	struct rte_eth_dev *dev;
	int ret;

	dev = mdev_virtio_port_find(device);
	if (dev == NULL) /* the application has closed it */
		return 0;
	if (rte_eal_process_type() == RTE_PROC_PRIMARY)
		ret = mdev_virtio_dev_close(dev);
	else
		ret = mdev_virtio_secondary_close(dev);
	if (ret < 0)
		return ret;
	return rte_eth_dev_release_port(dev);
}
