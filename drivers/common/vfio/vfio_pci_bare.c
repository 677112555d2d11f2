/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * PCI devices that no firmware and no kernel has set up (vfio_transport_ops.bare_pci):
 * addresses for their BARs, and message signalled interrupts.
 *
 * The addresses are read by nobody but the device, which may want to see some: they need
 * to be aligned and apart, and that is all.
 */

#include <errno.h>
#include <inttypes.h>

#include <linux/pci_regs.h>

#include <rte_bitops.h>
#include <rte_byteorder.h>
#include <rte_common.h>

#include "vfio_pci.h"
#include "vfio_private.h"

/* Where each kind of address begins, and where 32 bits have to end. */
#define BARS_IO_START UINT64_C(0x1000)
#define BARS_IO_END UINT64_C(0x10000)
#define BARS_MEM32_START UINT64_C(0x80000000)
#define BARS_MEM32_END UINT64_C(0xf0000000)
#define BARS_MEM64_START (UINT64_C(1) << 38)
#define BARS_MEM64_END (UINT64_C(1) << 46)

/* The next free address of each kind. */
struct bar_room {
	uint64_t io, mem32, mem64;
};

static bool
is_bare(const struct vfio_dev *dev)
{
	return dev->ops->bare_pci && dev->owner == VFIO_DEV_OWNED &&
		(dev->flags & VFIO_DEVICE_FLAGS_PCI) != 0;
}

static int
read32(struct vfio_dev *dev, uint32_t offset, uint32_t *value)
{
	rte_le32_t raw;
	int ret;

	ret = vfio_pci_read(dev, offset, &raw, sizeof(raw));
	*value = ret < 0 ? 0 : rte_le_to_cpu_32(raw);
	return ret;
}

static int
write32(struct vfio_dev *dev, uint32_t offset, uint32_t value)
{
	const rte_le32_t raw = rte_cpu_to_le_32(value);

	return vfio_pci_write(dev, offset, &raw, sizeof(raw));
}

/* PCI 3.0, s. 6.2.5.1: after all ones, the bits that stay zero tell the size. */
static int
probe32(struct vfio_dev *dev, uint32_t offset, uint32_t *value)
{
	int ret;

	ret = write32(dev, offset, UINT32_MAX);
	return ret < 0 ? ret : read32(dev, offset, value);
}

static uint64_t
take(uint64_t *next, uint64_t end, uint64_t size)
{
	uint64_t at = RTE_ALIGN_CEIL(*next, size);

	if (at < *next || at > end || size > end - at)
		return 0;
	*next = at + size;
	return at;
}

static int
no_room(const struct vfio_dev *dev, unsigned int bar, uint64_t size)
{
	VFIO_LOG(ERR, "%s: BAR %u wants %#" PRIx64 " bytes of addresses, which is more than there are: "
		VFIO_BROKEN, dev->name, bar, size);
	return -EPROTO;
}

/* Returns the number of BARs it was (2 for 64 bits), or a negative errno. */
static int
assign_bar(struct vfio_dev *dev, unsigned int bar, struct bar_room *room)
{
	const uint32_t offset = PCI_BASE_ADDRESS_0 + 4 * bar;
	uint32_t low, high = UINT32_MAX;
	uint64_t wanted, size, at;
	bool io, wide;
	int ret;

	ret = probe32(dev, offset, &low);
	if (ret < 0)
		return ret;
	io = (low & PCI_BASE_ADDRESS_SPACE_IO) != 0;
	wide = !io && (low & PCI_BASE_ADDRESS_MEM_TYPE_MASK) ==
		PCI_BASE_ADDRESS_MEM_TYPE_64 && bar < PCI_STD_NUM_BARS - 1;
	if (wide)
		ret = probe32(dev, offset + 4, &high);
	low &= io ? PCI_BASE_ADDRESS_IO_MASK : PCI_BASE_ADDRESS_MEM_MASK;
	/* one that is not there, or a range of 64 KiB that decodes 16 bits only */
	if (io && low >> 16 == 0 && low != 0)
		low |= UINT32_C(0xffff0000);
	if (ret < 0 || (low == 0 && (!wide || high == 0)))
		return ret < 0 ? ret : 1;
	/* libvfio-user has the bits of any size, a power of two (s. 6.2.5.1) or not */
	wanted = ~((uint64_t)high << 32 | low) + 1;
	size = rte_align64pow2(wanted);
	if (size == 0)
		return no_room(dev, bar, wanted);
	if (io)
		at = take(&room->io, BARS_IO_END, size);
	else if (wide)
		at = take(&room->mem64, BARS_MEM64_END, size);
	else
		at = take(&room->mem32, BARS_MEM32_END, size);
	if (at == 0)
		return no_room(dev, bar, wanted);
	ret = write32(dev, offset, (uint32_t)at);
	if (ret == 0 && wide)
		ret = write32(dev, offset + 4, at >> 32);
	return ret < 0 ? ret : 1 + wide;
}

int
vfio_pci_assign_bars(struct vfio_dev *dev)
{
	struct bar_room room = { BARS_IO_START, BARS_MEM32_START, BARS_MEM64_START };
	struct vfio_region *config;
	unsigned int bar;
	int ret = 0;

	if (!is_bare(dev) || dev->num_regions <= VFIO_PCI_CONFIG_REGION_INDEX)
		return 0;
	ret = vfio_region_get(dev, VFIO_PCI_CONFIG_REGION_INDEX, &config);
	/* one that cannot be written is as its server wants it */
	if (ret < 0 || config->size < PCI_STD_HEADER_SIZEOF ||
			(config->flags & VFIO_REGION_INFO_FLAG_WRITE) == 0)
		return ret;
	/* s. 6.2.5.1: nothing is decoded while the values are no addresses */
	ret = vfio_pci_command(dev, 0, PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
	for (bar = 0; ret >= 0 && bar < PCI_STD_NUM_BARS; bar += ret)
		ret = assign_bar(dev, bar, &room);
	return RTE_MIN(ret, 0);
}

static int
change16(struct vfio_dev *dev, uint32_t offset, uint16_t set, uint16_t clear)
{
	rte_le16_t raw;
	uint16_t value;
	int ret;

	ret = vfio_pci_read(dev, offset, &raw, sizeof(raw));
	if (ret < 0)
		return ret;
	value = (rte_le_to_cpu_16(raw) & ~clear) | set;
	if (value == rte_le_to_cpu_16(raw))
		return 0;
	raw = rte_cpu_to_le_16(value);
	return vfio_pci_write(dev, offset, &raw, sizeof(raw));
}

/*
 * PCI 3.0, s. 6.8.2: each vector has a mask of its own in a table, set after a reset. Most
 * servers signal the eventfds and have nothing behind the table, or let nobody write there:
 * not being able to is no error.
 */
static int
unmask_table(struct vfio_dev *dev, uint32_t cap, uint32_t start, uint32_t count)
{
	const uint32_t unmasked = 0;
	struct vfio_region *region;
	uint32_t table, i;
	int ret;

	ret = read32(dev, cap + PCI_MSIX_TABLE, &table);
	if (ret < 0)
		return ret;
	if (vfio_region_get(dev, table & PCI_MSIX_TABLE_BIR, &region) < 0 ||
			(table & PCI_MSIX_TABLE_BIR) >= PCI_STD_NUM_BARS)
		return 0;
	for (i = start; i < start + count; i++) {
		ret = vfio_region_write(region, (table & PCI_MSIX_TABLE_OFFSET) +
				(uint64_t)i * PCI_MSIX_ENTRY_SIZE +
				PCI_MSIX_ENTRY_VECTOR_CTRL, &unmasked,
				sizeof(unmasked));
		if (ret < 0)
			break;
	}
	return 0;
}

/* s. 6.8.1.3: MSI has as many vectors as a power of two says. */
static uint16_t
msi_size(uint32_t count)
{
	uint16_t log = 0;

	while (count > UINT32_C(1) << log && log < 5)
		log++;
	return log << 4;
}

static int
set_msi(struct vfio_dev *dev, uint32_t start, uint32_t count)
{
	int cap = vfio_pci_find_cap(dev, PCI_CAP_ID_MSI, 0);

	if (cap < 0)
		return cap == -ENOENT ? 0 : cap;
	return count == 0 ? change16(dev, cap + PCI_MSI_FLAGS, 0, PCI_MSI_FLAGS_ENABLE) :
		change16(dev, cap + PCI_MSI_FLAGS,
			PCI_MSI_FLAGS_ENABLE | msi_size(start + count),
			PCI_MSI_FLAGS_QSIZE);
}

static int
set_msix(struct vfio_dev *dev, uint32_t start, uint32_t count)
{
	int cap = vfio_pci_find_cap(dev, PCI_CAP_ID_MSIX, 0);
	int ret;

	if (cap < 0)
		return cap == -ENOENT ? 0 : cap;
	if (count == 0)
		return change16(dev, cap + PCI_MSIX_FLAGS, 0, PCI_MSIX_FLAGS_ENABLE);
	ret = change16(dev, cap + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE,
			PCI_MSIX_FLAGS_MASKALL);
	return ret < 0 ? ret : unmask_table(dev, cap, start, count);
}

int
vfio_pci_msi_enable(struct vfio_dev *dev, uint32_t index, uint32_t start,
		uint32_t count)
{
	if (!is_bare(dev))
		return 0;
	switch (index) {
	case VFIO_PCI_MSI_IRQ_INDEX:
		return set_msi(dev, start, count);
	case VFIO_PCI_MSIX_IRQ_INDEX:
		return set_msix(dev, start, count);
	default:
		return 0;
	}
}
