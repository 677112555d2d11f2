/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MDEV_VIRTIO_PORT_H
#define MDEV_VIRTIO_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include <dev_driver.h>
#include <ethdev_driver.h>

#include <vfio_dev.h>

/* A device as the glue to its bus has it. All of it outlives the port. */
struct mdev_virtio_bus_dev {
	struct rte_device *device;
	struct vfio_dev *vfio;
	struct rte_intr_handle *intr_handle; /* as vfio_irq_handle_alloc() makes it */
	uint32_t port_flags; /* RTE_ETH_DEV_* that are the bus's */
};

/*
 * Make a port of a device, or make the primary process's port usable in this secondary
 * one. Logs. 0 or a negative errno; nothing is left of a failure.
 */
int mdev_virtio_port_probe(const struct mdev_virtio_bus_dev *bus_dev);

/* The port of a device in this process, NULL if it has none any more. */
struct rte_eth_dev *mdev_virtio_port_find(const struct rte_device *device);

/* Close the port of a device, if the application has not. 0 or a negative errno. */
int mdev_virtio_port_remove(const struct rte_device *device);

/* mdev_virtio_pci.c */
/* Do devargs of a PCI device ask for this driver? */
bool mdev_virtio_pci_asked(const struct rte_devargs *da);

#endif /* MDEV_VIRTIO_PORT_H */
