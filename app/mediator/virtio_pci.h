/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_VIRTIO_PCI_H
#define MEDIATOR_VIRTIO_PCI_H

/*
 * A virtio device as a PCI function (VIRTIO 1.2 s. 4.1): configuration space,
 * capabilities, and the structures in its BARs, each in pages of its own.
 */

#include <stdbool.h>
#include <stdint.h>

#include "pci_space.h"
#include "virtio_regs.h"

/* The BARs; the second is one of 64 bits and takes two. */
#define VIRTIO_PCI_MSIX_BAR 1
#define VIRTIO_PCI_BAR 4

struct virtio_pci_ops {
	/* Of the device configuration; what is not there reads as 0. */
	void (*config_read)(void *arg, uint32_t offset, void *buf, uint32_t len);
	/* A doorbell was rung by a write. */
	void (*notify)(void *arg, uint16_t notify_off);
};

/* Offsets into VIRTIO_PCI_BAR, by the page size of this machine. */
struct virtio_pci_places {
	uint32_t page;
	uint32_t common, isr, config;
	uint32_t notify;         /* of data queues: a page that may be mapped */
	uint32_t notify_trapped; /* one that never is */
	uint32_t size;           /* of the BAR */
	uint32_t msix_pba;       /* in VIRTIO_PCI_MSIX_BAR */
	uint32_t msix_size;      /* of that BAR */
};

struct virtio_pci {
	const struct virtio_pci_ops *ops;
	void *arg;
	struct virtio_regs *regs;
	struct virtio_pci_places at;
	struct pci_space space;
	uint8_t window_cap;      /* s. 4.1.4.9 */
	uint8_t msix_cap;
	uint8_t isr;
	uint16_t nr_vectors;
	uint8_t *msix_table;     /* owned */
};

/* Bytes between two doorbells. */
#define VIRTIO_PCI_NOTIFY_MULTIPLIER 4

/* regs stays the caller's, as ops and arg. 0 or -ENOMEM. */
int virtio_pci_init(struct virtio_pci *pci, struct virtio_regs *regs,
		uint16_t device_id, uint32_t class, const struct virtio_pci_ops *ops,
		void *arg);
void virtio_pci_uninit(struct virtio_pci *pci);
/* A reset of the function. Not that of the virtio device. */
void virtio_pci_reset(struct virtio_pci *pci);

/* Where doorbells are: notify_off of the n-th in the first page, and in the other. */
uint16_t virtio_pci_notify_off(const struct virtio_pci *pci, bool trapped, uint16_t n);

/* Accesses to the regions of VFIO, within their sizes; 0 for those of others. */
uint64_t virtio_pci_region_size(const struct virtio_pci *pci, uint32_t index);
void virtio_pci_read(struct virtio_pci *pci, uint32_t index, uint64_t offset, void *buf,
		uint32_t len);
/* Returns what virtio_regs_write() does. */
int virtio_pci_write(struct virtio_pci *pci, uint32_t index, uint64_t offset,
		const void *buf, uint32_t len);

/* s. 4.1.4.5, for drivers without MSI-X. */
void virtio_pci_set_isr(struct virtio_pci *pci, uint8_t bits);

#endif /* MEDIATOR_VIRTIO_PCI_H */
