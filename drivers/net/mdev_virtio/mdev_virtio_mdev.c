/* SPDX-License-Identifier: BSD-3-Clause */

/* The glue to the mediated device bus; nothing else here knows it. */

#include <rte_eal.h>

#include <bus_mdev_driver.h>

#include "mdev_virtio_ethdev.h"
#include "mdev_virtio_port.h"
#include "virtio_pci_modern.h"

static const struct rte_mdev_id ids[] = {
	/* the kernel mediator's */
	{
		.device_api = "vfio-pci",
		.parent = "mdev_virtio_net",
		.vendor_id = VIRTIO_PCI_VENDOR,
		.device_id = VIRTIO_PCI_NET_MODERN,
	},
	/* any other, if it is named */
	{
		.device_api = "vfio-pci",
		.vendor_id = VIRTIO_PCI_VENDOR,
		.device_id = VIRTIO_PCI_NET_MODERN,
	},
	{
		.device_api = "vfio-pci",
		.vendor_id = VIRTIO_PCI_VENDOR,
		.device_id = VIRTIO_PCI_NET_TRANSITIONAL,
	},
	{ .device_api = NULL },
};

/* What fails here is said when a port is attached. */
static void
mdev_virtio_prepare(void)
{
	if (rte_eal_process_type() == RTE_PROC_SECONDARY)
		mdev_virtio_secondary_listen();
}

static int
mdev_virtio_probe(struct rte_mdev_driver *drv __rte_unused,
		struct rte_mdev_device *mdev)
{
	const struct mdev_virtio_bus_dev bus_dev = {
		.device = &mdev->device,
		.vfio = mdev->vfio,
		.intr_handle = mdev->intr_handle,
		/* the bus tells when the device is asked back */
		.port_flags = RTE_ETH_DEV_INTR_RMV,
	};

	return mdev_virtio_port_probe(&bus_dev);
}

static int
mdev_virtio_remove(struct rte_mdev_device *mdev)
{
	return mdev_virtio_port_remove(&mdev->device);
}

/* In EAL's interrupt thread. */
static void
mdev_virtio_request(struct rte_mdev_device *mdev)
{
	struct rte_eth_dev *dev = mdev_virtio_port_find(&mdev->device);

	if (dev != NULL)
		rte_eth_dev_callback_process(dev, RTE_ETH_EVENT_INTR_RMV, NULL);
}

static struct rte_mdev_driver mdev_virtio_driver = {
	.id_table = ids,
	.probe = mdev_virtio_probe,
	.remove = mdev_virtio_remove,
	.request = mdev_virtio_request,
	.prepare = mdev_virtio_prepare,
};

RTE_PMD_REGISTER_MDEV(net_mdev_virtio, mdev_virtio_driver);
RTE_PMD_REGISTER_MDEV_TABLE(net_mdev_virtio, ids);
RTE_PMD_REGISTER_KMOD_DEP(net_mdev_virtio, "* vfio & mdev");
