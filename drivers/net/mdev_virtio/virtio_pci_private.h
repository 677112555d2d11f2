/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTIO_PCI_PRIVATE_H
#define VIRTIO_PCI_PRIVATE_H

/* A virtio PCI device, as virtio_pci_probe.c finds it and virtio_pci_modern.c uses it. */

#include <stdint.h>

#include <linux/virtio_pci.h>

#include <vfio_region.h>

#include "virtio_pci_modern.h"

/* A structure in a BAR (s. 4.1.4); region NULL: none was found. */
struct virtio_pci_struct {
	struct vfio_region *region;
	uint64_t offset; /* of 32 bits; a register behind it may need more */
	uint32_t length;
	struct virtio_pci_cap misplaced; /* cfg_type 0: none was */
};

struct virtio_pci_modern {
	struct virtio_transport tr;
	struct vfio_dev *vfio;
	struct virtio_pci_struct common, notify, isr, device;
	uint32_t notify_multiplier;
	uint32_t irq_index;  /* VFIO_PCI_MSIX_IRQ_INDEX, or INTX without MSI-X */
	uint32_t vectors;    /* 0: no interrupts */
};

/* virtio_pci_regs.c: see struct virtio_transport_ops. */
int virtio_pci_get_regs(struct virtio_transport *tr, uint32_t nr_vqs,
		uint32_t *words);

#endif /* VIRTIO_PCI_PRIVATE_H */
