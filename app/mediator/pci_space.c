/* SPDX-License-Identifier: BSD-3-Clause */

#include <string.h>

#include "pci_space.h"

#define PCI_CAPS_START PCI_STD_HEADER_SIZEOF

static void
put16(uint8_t *to, uint16_t value)
{
	to[0] = value & 0xff;
	to[1] = value >> 8;
}

static void
put32(uint8_t *to, uint32_t value)
{
	put16(to, value & 0xffff);
	put16(to + 2, value >> 16);
}

uint16_t
pci_space_read16(const struct pci_space *space, uint8_t offset)
{
	return space->data[offset] | space->data[offset + 1] << 8;
}

uint32_t
pci_space_read32(const struct pci_space *space, uint8_t offset)
{
	return pci_space_read16(space, offset) |
		(uint32_t)pci_space_read16(space, offset + 2) << 16;
}

void
pci_space_init(struct pci_space *space, const struct pci_ids *ids)
{
	memset(space, 0, sizeof(*space));
	put16(&space->data[PCI_VENDOR_ID], ids->vendor);
	put16(&space->data[PCI_DEVICE_ID], ids->device);
	put32(&space->data[PCI_CLASS_REVISION], ids->class << 8 | ids->revision);
	put16(&space->data[PCI_SUBSYSTEM_VENDOR_ID], ids->subsystem_vendor);
	put16(&space->data[PCI_SUBSYSTEM_ID], ids->subsystem);
	put16(&space->mask[PCI_COMMAND], PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
		PCI_COMMAND_INTX_DISABLE);
	space->mask[PCI_CACHE_LINE_SIZE] = 0xff;
	space->mask[PCI_INTERRUPT_LINE] = 0xff;
	space->last_cap = PCI_CAPABILITY_LIST;
	space->next_free = PCI_CAPS_START;
}

void
pci_space_bar(struct pci_space *space, unsigned int bar, uint32_t size, uint32_t bits)
{
	uint8_t offset = PCI_BASE_ADDRESS_0 + 4 * bar;

	put32(&space->data[offset], bits);
	put32(&space->mask[offset], ~(size - 1));
	if ((bits & PCI_BASE_ADDRESS_MEM_TYPE_64) != 0)
		put32(&space->mask[offset + 4], UINT32_MAX);
}

uint8_t
pci_space_cap(struct pci_space *space, const void *cap, const void *mask, uint8_t len)
{
	uint16_t at = space->next_free;

	if (len < PCI_CAP_SIZEOF || at + len > PCI_CFG_SPACE_SIZE)
		return 0;
	memcpy(&space->data[at], cap, len);
	memcpy(&space->mask[at], mask, len);
	space->data[at + PCI_CAP_LIST_NEXT] = 0;
	space->data[space->last_cap] = at;
	space->data[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	space->last_cap = at + PCI_CAP_LIST_NEXT;
	/* capabilities are aligned to words of 32 bits (PCI 3.0, s. 6.7) */
	space->next_free = (at + len + 3) & ~3;
	return at;
}

void
pci_space_done(struct pci_space *space)
{
	memcpy(space->after_reset, space->data, sizeof(space->data));
}

void
pci_space_reset(struct pci_space *space)
{
	memcpy(space->data, space->after_reset, sizeof(space->data));
}

void
pci_space_read(const struct pci_space *space, uint64_t offset, void *buf, uint32_t len)
{
	uint8_t *to = buf;
	uint32_t i;

	memset(to, 0, len);
	for (i = 0; i < len && i < sizeof(space->data) &&
			offset < sizeof(space->data) - i; i++)
		to[i] = space->data[offset + i];
}

void
pci_space_write(struct pci_space *space, uint64_t offset, const void *buf, uint32_t len)
{
	const uint8_t *from = buf;
	uint8_t mask;
	uint32_t i;

	for (i = 0; i < len && i < sizeof(space->data) &&
			offset < sizeof(space->data) - i; i++) {
		mask = space->mask[offset + i];
		space->data[offset + i] = (space->data[offset + i] & ~mask) |
			(from[i] & mask);
	}
}
