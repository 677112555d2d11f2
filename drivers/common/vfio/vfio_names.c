/* SPDX-License-Identifier: BSD-3-Clause */

/* Names of what linux/vfio.h numbers. */

#include <stdio.h>

#include <linux/vfio.h>

#include <rte_common.h>

#include "vfio_names.h"
#include "vfio_private.h"

struct flag_name {
	uint32_t flag;
	const char *name;
};

static const struct flag_name device_flags[] = {
	{ VFIO_DEVICE_FLAGS_RESET, "reset" },
	{ VFIO_DEVICE_FLAGS_PCI, "pci" },
	{ VFIO_DEVICE_FLAGS_PLATFORM, "platform" },
	{ VFIO_DEVICE_FLAGS_AMBA, "amba" },
	{ VFIO_DEVICE_FLAGS_CCW, "ccw" },
	{ VFIO_DEVICE_FLAGS_AP, "ap" },
	{ VFIO_DEVICE_FLAGS_FSL_MC, "fsl-mc" },
	{ VFIO_DEVICE_FLAGS_CAPS, "caps" },
};

static const struct flag_name region_flags[] = {
	{ VFIO_REGION_INFO_FLAG_READ, "read" },
	{ VFIO_REGION_INFO_FLAG_WRITE, "write" },
	{ VFIO_REGION_INFO_FLAG_MMAP, "mmap" },
};

static const struct flag_name irq_flags[] = {
	{ VFIO_IRQ_INFO_EVENTFD, "eventfd" },
	{ VFIO_IRQ_INFO_MASKABLE, "maskable" },
	{ VFIO_IRQ_INFO_AUTOMASKED, "automasked" },
	{ VFIO_IRQ_INFO_NORESIZE, "noresize" },
};

static const char * const pci_regions[] = {
	[VFIO_PCI_BAR0_REGION_INDEX] = "BAR0",
	[VFIO_PCI_BAR1_REGION_INDEX] = "BAR1",
	[VFIO_PCI_BAR2_REGION_INDEX] = "BAR2",
	[VFIO_PCI_BAR3_REGION_INDEX] = "BAR3",
	[VFIO_PCI_BAR4_REGION_INDEX] = "BAR4",
	[VFIO_PCI_BAR5_REGION_INDEX] = "BAR5",
	[VFIO_PCI_ROM_REGION_INDEX] = "ROM",
	[VFIO_PCI_CONFIG_REGION_INDEX] = "config",
	[VFIO_PCI_VGA_REGION_INDEX] = "VGA",
};

static const char * const pci_irqs[] = {
	[VFIO_PCI_INTX_IRQ_INDEX] = "INTx",
	[VFIO_PCI_MSI_IRQ_INDEX] = "MSI",
	[VFIO_PCI_MSIX_IRQ_INDEX] = "MSI-X",
	[VFIO_PCI_ERR_IRQ_INDEX] = "ERR",
	[VFIO_PCI_REQ_IRQ_INDEX] = "REQ",
};

static const char *
flags_text(const struct flag_name *names, unsigned int count, uint32_t flags,
		char *text, size_t size)
{
	unsigned int i;
	size_t len = 0;

	text[0] = '\0';
	for (i = 0; i < count && len < size; i++) {
		if (flags & names[i].flag)
			len += snprintf(text + len, size - len, "%s%s",
				len > 0 ? " " : "", names[i].name);
	}
	return text;
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_device_flags_text)
const char *
vfio_device_flags_text(uint32_t flags, char *text, size_t size)
{
	return flags_text(device_flags, RTE_DIM(device_flags), flags, text, size);
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_region_flags_text)
const char *
vfio_region_flags_text(uint32_t flags, char *text, size_t size)
{
	return flags_text(region_flags, RTE_DIM(region_flags), flags, text, size);
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_irq_flags_text)
const char *
vfio_irq_flags_text(uint32_t flags, char *text, size_t size)
{
	return flags_text(irq_flags, RTE_DIM(irq_flags), flags, text, size);
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_pci_region_name)
const char *
vfio_pci_region_name(uint32_t index)
{
	return index < RTE_DIM(pci_regions) ? pci_regions[index] : NULL;
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_pci_irq_name)
const char *
vfio_pci_irq_name(uint32_t index)
{
	return index < RTE_DIM(pci_irqs) ? pci_irqs[index] : NULL;
}
