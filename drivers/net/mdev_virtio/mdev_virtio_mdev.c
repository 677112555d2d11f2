/* SPDX-License-Identifier: BSD-3-Clause */

/* The glue to the mediated device bus; nothing else here knows it. */

#include <errno.h>

#include <linux/virtio_ids.h>

#include <rte_errno.h>
#include <rte_malloc.h>

#include <bus_mdev_driver.h>

#include "mdev_virtio_ethdev.h"
#include "mdev_virtio_logs.h"
#include "virtio_pci_modern.h"

#define VENDOR_VIRTIO 0x1af4
#define DEVICE_NET_MODERN (0x1040 + VIRTIO_ID_NET)
#define DEVICE_NET_TRANSITIONAL 0x1000

static const struct rte_mdev_id ids[] = {
	/* the kernel mediator's */
	{
		.device_api = "vfio-pci",
		.parent = "mdev_virtio_net",
		.vendor_id = VENDOR_VIRTIO,
		.device_id = DEVICE_NET_MODERN,
	},
	/* any other, if it is named */
	{
		.device_api = "vfio-pci",
		.vendor_id = VENDOR_VIRTIO,
		.device_id = DEVICE_NET_MODERN,
	},
	{
		.device_api = "vfio-pci",
		.vendor_id = VENDOR_VIRTIO,
		.device_id = DEVICE_NET_TRANSITIONAL,
	},
	{ .device_api = NULL },
};

static int
probe_primary(struct rte_mdev_device *mdev)
{
	const struct rte_devargs *da = mdev->device.devargs;
	struct mdev_virtio_devargs devargs;
	struct virtio_transport *tr;
	struct rte_eth_dev *dev;
	int ret;

	ret = mdev_virtio_devargs_parse(mdev->name,
			da == NULL ? NULL : da->drv_str, &devargs);
	if (ret == 0)
		ret = virtio_pci_modern_create(mdev->vfio, &tr);
	if (ret < 0)
		return ret;

	dev = rte_eth_dev_allocate(mdev->name);
	if (dev == NULL) {
		ret = -ENOMEM; /* ethdev said why */
		goto destroy;
	}
	dev->data->dev_private = rte_zmalloc_socket("mdev_virtio_hw",
			sizeof(struct mdev_virtio_hw), RTE_CACHE_LINE_SIZE,
			mdev->device.numa_node);
	if (dev->data->dev_private == NULL) {
		INIT_LOG(ERR, "%s: no memory: give EAL more (-m)", mdev->name);
		ret = -ENOMEM;
		goto release;
	}
	dev->device = &mdev->device;
	dev->intr_handle = mdev->intr_handle;
	dev->data->numa_node = mdev->device.numa_node;
	ret = mdev_virtio_dev_init(dev, tr, &devargs);
	if (ret < 0) {
		rte_eth_dev_release_port(dev);
		return ret;
	}
	/* the bus tells when the device is asked back */
	dev->data->dev_flags |= RTE_ETH_DEV_INTR_RMV;
	rte_eth_dev_probing_finish(dev);
	return 0;

release:
	rte_eth_dev_release_port(dev);
destroy:
	tr->ops->destroy(tr);
	return ret;
}

/* What fails here is said when a port is attached. */
static void
mdev_virtio_prepare(void)
{
	if (rte_eal_process_type() == RTE_PROC_SECONDARY)
		mdev_virtio_secondary_listen();
}

/* The port is the primary process's; this one gets its own way to the device. */
static int
probe_secondary(struct rte_mdev_device *mdev)
{
	struct virtio_transport *tr;
	struct rte_eth_dev *dev;
	int ret;

	dev = rte_eth_dev_attach_secondary(mdev->name);
	if (dev == NULL)
		return -ENODEV; /* ethdev said why: closed there */
	ret = virtio_pci_modern_create(mdev->vfio, &tr);
	if (ret < 0)
		goto release;
	dev->device = &mdev->device;
	dev->intr_handle = mdev->intr_handle;
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

static int
mdev_virtio_probe(struct rte_mdev_driver *drv __rte_unused,
		struct rte_mdev_device *mdev)
{
	if (rte_eal_process_type() == RTE_PROC_PRIMARY)
		return probe_primary(mdev);
	return probe_secondary(mdev);
}

/*
 * The port of a device in this process. Not by name: the name is shared, and gone when
 * the primary process has closed the port.
 */
static struct rte_eth_dev *
find_port(const struct rte_mdev_device *mdev)
{
	uint16_t i;

	for (i = 0; i < RTE_MAX_ETHPORTS; i++) {
		if (rte_eth_devices[i].state != RTE_ETH_DEV_UNUSED &&
				rte_eth_devices[i].device == &mdev->device)
			return &rte_eth_devices[i];
	}
	return NULL;
}

static int
mdev_virtio_remove(struct rte_mdev_device *mdev)
{
	struct rte_eth_dev *dev;
	int ret;

	dev = find_port(mdev);
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

/* In EAL's interrupt thread. */
static void
mdev_virtio_request(struct rte_mdev_device *mdev)
{
	struct rte_eth_dev *dev = find_port(mdev);

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
RTE_PMD_REGISTER_KMOD_DEP(net_mdev_virtio, "* vfio & mdev");
