/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTIO_PCI_MODERN_H
#define VIRTIO_PCI_MODERN_H

#include <linux/virtio_ids.h>

#include <vfio_dev.h>

#include "virtio_transport.h"

/* VIRTIO 1.2 s. 4.1.2: modern ids are counted from here, a transitional one is fixed. */
#define VIRTIO_PCI_VENDOR 0x1af4
#define VIRTIO_PCI_NET_MODERN (0x1040 + VIRTIO_ID_NET)
#define VIRTIO_PCI_NET_TRANSITIONAL 0x1000

/* Virtio over PCI (VIRTIO 1.2 s. 4.1), through the regions of a VFIO device. */
extern const struct virtio_transport_ops virtio_pci_modern_ops;

/*
 * Find the virtio structures of an open device, map what can be mapped, and let
 * the device use memory and bus mastering. The device is not reset.
 *
 * Logs a failure. -ENOTSUP: not a VIRTIO 1.x network device; -EPROTO: it
 * describes itself in a way that cannot be.
 */
int virtio_pci_modern_create(struct vfio_dev *vfio,
		struct virtio_transport **tr);

#endif /* VIRTIO_PCI_MODERN_H */
