/* SPDX-License-Identifier: BSD-3-Clause */

/* PCI configuration space. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <linux/pci_regs.h>

#include <rte_byteorder.h>

#include "vfio_pci.h"
#include "vfio_private.h"

/* PCI 3.0, s. 6.7: the two low bits of a capability pointer are reserved. */
#define PCI_CAP_POINTER_MASK 0xfc

static int
pci_config_region(struct vfio_dev *dev, struct vfio_region **region)
{
	int ret;

	if ((dev->flags & VFIO_DEVICE_FLAGS_PCI) == 0 ||
			dev->num_regions <= VFIO_PCI_CONFIG_REGION_INDEX)
		return -ENOTSUP;
	ret = vfio_region_get(dev, VFIO_PCI_CONFIG_REGION_INDEX, region);
	if (ret < 0)
		return ret;
	if ((*region)->size < PCI_STD_HEADER_SIZEOF) {
		VFIO_LOG(ERR, "%s: its PCI configuration space has only %" PRIu64 " bytes: "
			VFIO_BROKEN, dev->name, (*region)->size);
		return -EPROTO;
	}
	return 0;
}

/* Outside of the space is for the caller to say, who knows what points there. */
static int
access_failed(const struct vfio_dev *dev, const char *what, uint32_t offset,
		int ret)
{
	if (ret < 0 && ret != -EINVAL)
		VFIO_LOG(ERR, "%s: cannot %s its PCI configuration space at %#x: %s: "
			VFIO_FAILING, dev->name, what, offset, strerror(-ret));
	return ret;
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_pci_read)
int
vfio_pci_read(struct vfio_dev *dev, uint32_t offset, void *buf, size_t len)
{
	struct vfio_region *region;
	int ret;

	ret = pci_config_region(dev, &region);
	if (ret < 0)
		return ret;
	return access_failed(dev, "read", offset,
			vfio_region_read(region, offset, buf, len));
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_pci_write)
int
vfio_pci_write(struct vfio_dev *dev, uint32_t offset, const void *buf,
		size_t len)
{
	struct vfio_region *region;
	int ret;

	ret = pci_config_region(dev, &region);
	if (ret < 0)
		return ret;
	return access_failed(dev, "write", offset,
			vfio_region_write(region, offset, buf, len));
}

static int
pci_read16(struct vfio_dev *dev, uint32_t offset, uint16_t *value)
{
	rte_le16_t raw;
	int ret;

	ret = vfio_pci_read(dev, offset, &raw, sizeof(raw));
	if (ret < 0)
		return ret;
	*value = rte_le_to_cpu_16(raw);
	return 0;
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_pci_read_ids)
int
vfio_pci_read_ids(struct vfio_dev *dev, struct vfio_pci_ids *ids)
{
	rte_le32_t class_revision;
	rte_le16_t id[2], subsystem[2];
	int ret;

	/* two registers at a time: each may be a message */
	ret = vfio_pci_read(dev, PCI_VENDOR_ID, id, sizeof(id));
	if (ret == 0)
		ret = vfio_pci_read(dev, PCI_SUBSYSTEM_VENDOR_ID, subsystem,
				sizeof(subsystem));
	if (ret == 0)
		ret = vfio_pci_read(dev, PCI_CLASS_REVISION, &class_revision,
				sizeof(class_revision));
	if (ret < 0)
		return ret;
	ids->vendor = rte_le_to_cpu_16(id[0]);
	ids->device = rte_le_to_cpu_16(id[1]);
	ids->subsystem_vendor = rte_le_to_cpu_16(subsystem[0]);
	ids->subsystem_device = rte_le_to_cpu_16(subsystem[1]);
	ids->class_code = rte_le_to_cpu_32(class_revision) >> 8;
	ids->revision = rte_le_to_cpu_32(class_revision) & 0xff;
	return 0;
}

static int
list_broken(const struct vfio_dev *dev)
{
	VFIO_LOG(ERR, "%s: its list of PCI capabilities loops or leaves the configuration space: "
		VFIO_BROKEN, dev->name);
	return -EPROTO;
}

/* From the head to the end. Their number, or a negative errno. */
static int
walk_caps(struct vfio_dev *dev, struct vfio_pci_cap caps[VFIO_PCI_MAX_CAPS])
{
	uint64_t visited = 0; /* one bit for each of the 64 places */
	uint8_t pos, header[2];
	uint16_t status;
	int ret, n = 0;

	ret = pci_read16(dev, PCI_STATUS, &status);
	if (ret < 0)
		return ret;
	if ((status & PCI_STATUS_CAP_LIST) == 0)
		return 0;
	ret = vfio_pci_read(dev, PCI_CAPABILITY_LIST, &pos, sizeof(pos));
	if (ret < 0)
		return ret;
	for (pos &= PCI_CAP_POINTER_MASK; pos != 0;
			pos = header[PCI_CAP_LIST_NEXT] & PCI_CAP_POINTER_MASK) {
		if (pos < PCI_STD_HEADER_SIZEOF ||
				(visited & (UINT64_C(1) << pos / 4)) != 0)
			return list_broken(dev);
		visited |= UINT64_C(1) << pos / 4;
		ret = vfio_pci_read(dev, pos, header, sizeof(header));
		if (ret < 0)
			return ret == -EINVAL ? list_broken(dev) : ret;
		caps[n].id = header[PCI_CAP_LIST_ID];
		caps[n++].pos = pos;
	}
	return n;
}

/* The list is read-only (s. 6.7): once walked it is known. */
RTE_EXPORT_INTERNAL_SYMBOL(vfio_pci_find_cap)
int
vfio_pci_find_cap(struct vfio_dev *dev, uint8_t id, uint32_t start)
{
	bool passed = start == 0;
	uint32_t i;
	int ret;

	if (dev->num_caps == 0) {
		ret = walk_caps(dev, dev->caps);
		if (ret < 0)
			return ret;
		dev->num_caps = ret;
	}
	for (i = 0; i < dev->num_caps; i++) {
		if (passed && dev->caps[i].id == id)
			return dev->caps[i].pos;
		if (dev->caps[i].pos == start)
			passed = true;
	}
	return -ENOENT;
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_pci_command)
int
vfio_pci_command(struct vfio_dev *dev, uint16_t set, uint16_t clear)
{
	uint16_t old, new;
	rte_le16_t raw;
	int ret;

	ret = pci_read16(dev, PCI_COMMAND, &old);
	if (ret < 0)
		return ret;
	new = (old & ~clear) | set;
	if (new == old || dev->owner == VFIO_DEV_BORROWED)
		return 0;
	raw = rte_cpu_to_le_16(new);
	return vfio_pci_write(dev, PCI_COMMAND, &raw, sizeof(raw));
}

/* PCI 3.0, s. 6.8.2 */
RTE_EXPORT_INTERNAL_SYMBOL(vfio_pci_exclude_msix)
int
vfio_pci_exclude_msix(struct vfio_dev *dev)
{
	struct vfio_region *region;
	rte_le32_t raw;
	uint32_t table;
	uint16_t flags;
	int pos, ret;

	pos = vfio_pci_find_cap(dev, PCI_CAP_ID_MSIX, 0);
	if (pos < 0)
		return pos == -ENOENT ? 0 : pos;
	ret = pci_read16(dev, pos + PCI_MSIX_FLAGS, &flags);
	if (ret == 0)
		ret = vfio_pci_read(dev, pos + PCI_MSIX_TABLE, &raw, sizeof(raw));
	if (ret < 0)
		return ret == -EINVAL ? list_broken(dev) : ret;
	table = rte_le_to_cpu_32(raw);
	if ((table & PCI_MSIX_TABLE_BIR) >= PCI_STD_NUM_BARS)
		return 0; /* reserved: in no BAR */
	ret = vfio_region_get(dev, table & PCI_MSIX_TABLE_BIR, &region);
	if (ret < 0)
		return ret;
	/* Linux says where it lies in the one way before 4.16, and in the other since */
	if (region->sparse || region->msix_mappable || region->addr != NULL)
		return 0;
	return vfio_region_exclude(region, table & PCI_MSIX_TABLE_OFFSET,
			((flags & PCI_MSIX_FLAGS_QSIZE) + 1u) * PCI_MSIX_ENTRY_SIZE);
}
