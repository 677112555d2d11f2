/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_PCI_SPACE_H
#define MEDIATOR_PCI_SPACE_H

/*
 * The configuration space of a PCI function of type 0: bytes, and which of their bits
 * can be written. A BAR is sized by its address bits alone being writable.
 */

#include <stdbool.h>
#include <stdint.h>

#include <linux/pci_regs.h>

struct pci_ids {
	uint16_t vendor, device, subsystem_vendor, subsystem;
	uint8_t revision;
	uint32_t class;           /* 24 bits */
};

struct pci_space {
	uint8_t data[PCI_CFG_SPACE_SIZE];
	uint8_t mask[PCI_CFG_SPACE_SIZE];
	uint8_t after_reset[PCI_CFG_SPACE_SIZE];
	uint8_t last_cap;         /* where the last capability is linked from */
	uint16_t next_free;       /* place for the next one */
};

void pci_space_init(struct pci_space *space, const struct pci_ids *ids);
/* size: a power of two, 16 at least. bits: PCI_BASE_ADDRESS_MEM_*. */
void pci_space_bar(struct pci_space *space, unsigned int bar, uint32_t size,
		uint32_t bits);
/*
 * Append a capability, whose header's link is filled in, and of which the bits of mask
 * can be written. Returns where it is; 0: no room.
 */
uint8_t pci_space_cap(struct pci_space *space, const void *cap, const void *mask,
		uint8_t len);
/* What is there now is what a reset brings back. */
void pci_space_done(struct pci_space *space);
void pci_space_reset(struct pci_space *space);

/* What lies beyond the end reads as 0, and is not written. */
void pci_space_read(const struct pci_space *space, uint64_t offset, void *buf,
		uint32_t len);
void pci_space_write(struct pci_space *space, uint64_t offset, const void *buf,
		uint32_t len);

uint16_t pci_space_read16(const struct pci_space *space, uint8_t offset);
uint32_t pci_space_read32(const struct pci_space *space, uint8_t offset);

#endif /* MEDIATOR_PCI_SPACE_H */
