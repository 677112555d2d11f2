/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a virtio PCI device has: its structures by their capabilities (VIRTIO 1.2
 * s. 4.1.4), and its vectors.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#include <vfio_irq.h>
#include <vfio_pci.h>

#include "mdev_virtio_logs.h"
#include "virtio_pci_private.h"

#define PCI_BARS 6

/*
 * Where a capability puts its structure, if that lies within its BAR. A capability
 * that does not fit is passed over, like one of an unknown type (s. 4.1.4.1); if no
 * other of its type follows, it is what is wrong with the device.
 */
static int
locate(struct virtio_pci_modern *pci, const struct virtio_pci_cap *cap,
		uint32_t least, uint32_t align, struct virtio_pci_struct *found)
{
	uint32_t offset = rte_le_to_cpu_32(cap->offset);
	uint32_t length = rte_le_to_cpu_32(cap->length);
	struct vfio_region *region;
	int ret;

	if (cap->bar >= PCI_BARS || length < least || offset % align != 0)
		goto misplaced;
	ret = vfio_region_get(pci->vfio, cap->bar, &region);
	if (ret < 0)
		return ret;
	if (offset > region->size || length > region->size - offset)
		goto misplaced;
	ret = vfio_region_map(region);
	if (ret < 0)
		return ret;
	found->region = region;
	found->offset = offset;
	found->length = length;
	return 0;

misplaced:
	found->misplaced = *cap;
	return 0;
}

/* Returns 1 for what is not within the configuration space. */
static int
read_config(struct virtio_pci_modern *pci, uint32_t offset, void *buf, size_t len)
{
	int ret;

	ret = vfio_pci_read(pci->vfio, offset, buf, len);
	return ret == -EINVAL ? 1 : ret; /* of all else common/vfio said why */
}

static int
read_notify_multiplier(struct virtio_pci_modern *pci, int pos,
		const struct virtio_pci_cap *cap)
{
	rte_le32_t raw;
	int ret;

	if (cap->cap_len < sizeof(struct virtio_pci_notify_cap)) {
		pci->notify.region = NULL;
		return 0;
	}
	ret = read_config(pci,
			pos + offsetof(struct virtio_pci_notify_cap,
				notify_off_multiplier), &raw, sizeof(raw));
	if (ret != 0) {
		pci->notify.region = NULL;
		return RTE_MIN(ret, 0);
	}
	pci->notify_multiplier = rte_le_to_cpu_32(raw);
	return 0;
}

/* s. 4.1.4.1: of several capabilities of a type the first is the device's choice. */
static int
take_cap(struct virtio_pci_modern *pci, int pos)
{
	struct virtio_pci_cap cap;
	int ret;

	ret = read_config(pci, pos, &cap, sizeof(cap));
	if (ret != 0 || cap.cap_len < sizeof(cap))
		return RTE_MIN(ret, 0);
	switch (cap.cfg_type) {
	case VIRTIO_PCI_CAP_COMMON_CFG:
		if (pci->common.region == NULL)
			return locate(pci, &cap, VIRTIO_PCI_COMMON_Q_USEDHI + 4,
					4, &pci->common);
		return 0;
	case VIRTIO_PCI_CAP_NOTIFY_CFG:
		if (pci->notify.region != NULL)
			return 0;
		ret = locate(pci, &cap, sizeof(uint16_t), sizeof(uint16_t),
				&pci->notify);
		if (ret < 0 || pci->notify.region == NULL)
			return ret;
		return read_notify_multiplier(pci, pos, &cap);
	case VIRTIO_PCI_CAP_ISR_CFG:
		if (pci->isr.region == NULL)
			return locate(pci, &cap, 1, 1, &pci->isr);
		return 0;
	case VIRTIO_PCI_CAP_DEVICE_CFG:
		if (pci->device.region == NULL)
			return locate(pci, &cap, 1, 4, &pci->device);
		return 0;
	default:
		return 0;
	}
}

static int
find_structs(struct virtio_pci_modern *pci)
{
	int pos, ret;

	for (pos = vfio_pci_find_cap(pci->vfio, PCI_CAP_ID_VNDR, 0); pos > 0;
			pos = vfio_pci_find_cap(pci->vfio, PCI_CAP_ID_VNDR, pos)) {
		ret = take_cap(pci, pos);
		if (ret < 0)
			return ret;
	}
	if (pos < 0 && pos != -ENOENT)
		return pos; /* common/vfio said why */
	return 0;
}

/* One that a device may do without is an error only if it lies where it cannot. */
static int
check_struct(const struct virtio_pci_modern *pci,
		const struct virtio_pci_struct *s, const char *name, bool needed)
{
	const struct virtio_pci_cap *cap = &s->misplaced;

	if (s->region != NULL)
		INIT_LOG(DEBUG, "%s: %s: %u bytes at 0x%" PRIx64 " of BAR %u", pci->tr.name, name,
			s->length, s->offset, s->region->index);
	if (s->region != NULL || (!needed && cap->cfg_type == 0))
		return 0;
	if (cap->cfg_type == 0)
		INIT_LOG(ERR, "%s: there is no usable virtio capability for the %s: "
			DEVICE_BROKEN, pci->tr.name, name);
	else
		INIT_LOG(ERR, "%s: the virtio capability for the %s points to 0x%x bytes at 0x%x of BAR %u, where they do not fit: "
			DEVICE_BROKEN, pci->tr.name, name,
			rte_le_to_cpu_32(cap->length),
			rte_le_to_cpu_32(cap->offset), cap->bar);
	return -ENOTSUP;
}

static int
check_structs(const struct virtio_pci_modern *pci)
{
	const struct virtio_pci_struct *common = &pci->common;
	int ret;

	if (common->region == NULL && common->misplaced.cfg_type == 0 &&
			pci->notify.region == NULL && pci->isr.region == NULL) {
		INIT_LOG(ERR, "%s: legacy virtio device (no virtio capabilities): only VIRTIO 1.x is supported: offer it in its modern form",
			pci->tr.name);
		return -ENOTSUP;
	}
	ret = check_struct(pci, common, "common configuration", true);
	if (ret == 0)
		ret = check_struct(pci, &pci->notify, "notifications", true);
	if (ret == 0)
		ret = check_struct(pci, &pci->isr, "ISR status", true);
	if (ret == 0)
		ret = check_struct(pci, &pci->device, "device configuration", false);
	return ret;
}

static int
check_ids(struct virtio_pci_modern *pci)
{
	struct vfio_pci_ids ids;
	int ret;

	ret = vfio_pci_read_ids(pci->vfio, &ids);
	if (ret < 0)
		return ret; /* common/vfio said why */
	if (ids.vendor == VIRTIO_PCI_VENDOR &&
			(ids.device == VIRTIO_PCI_NET_MODERN ||
			ids.device == VIRTIO_PCI_NET_TRANSITIONAL))
		return 0;
	INIT_LOG(ERR, "%s: PCI ids %04x:%04x are no virtio network device's: use its own driver",
		pci->tr.name, ids.vendor, ids.device);
	return -ENOTSUP;
}

/* MSI-X where there is one, else INTx, else no interrupts; none is no error. */
static void
find_vectors(struct virtio_pci_modern *pci)
{
	static const uint32_t indices[] = {
		VFIO_PCI_MSIX_IRQ_INDEX, VFIO_PCI_INTX_IRQ_INDEX,
	};
	struct vfio_irq irq;
	unsigned int i;

	for (i = 0; i < RTE_DIM(indices); i++) {
		if (vfio_irq_get(pci->vfio, indices[i], &irq) == 0 &&
				irq.count > 0 &&
				(irq.flags & VFIO_IRQ_INFO_EVENTFD) != 0) {
			pci->irq_index = indices[i];
			/* INTx is one line, whatever is claimed */
			pci->vectors = indices[i] == VFIO_PCI_INTX_IRQ_INDEX ?
				1 : irq.count;
			return;
		}
	}
}

/* A borrowed device was enabled by its owner. */
static int
enable(struct virtio_pci_modern *pci)
{
	if (vfio_dev_owner(pci->vfio) == VFIO_DEV_BORROWED)
		return 0;
	return vfio_pci_command(pci->vfio,
			PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 0);
}

int
virtio_pci_modern_create(struct vfio_dev *vfio, struct virtio_transport **tr)
{
	struct virtio_pci_modern *pci;
	int ret;

	pci = calloc(1, sizeof(*pci));
	if (pci == NULL)
		return -ENOMEM;
	pci->vfio = vfio;
	pci->tr.ops = &virtio_pci_modern_ops;
	pci->tr.name = vfio_dev_name(vfio);
	pci->tr.iova_as_va = vfio_dev_iova_as_va(vfio);
	pci->tr.type = VIRTIO_TRANSPORT_PCI_MODERN;
	ret = check_ids(pci);
	if (ret == 0)
		ret = enable(pci);
	if (ret == 0)
		ret = find_structs(pci);
	if (ret == 0)
		ret = check_structs(pci);
	if (ret < 0) {
		free(pci);
		return ret;
	}
	if (pci->device.region != NULL)
		pci->tr.config_len = pci->device.length;
	find_vectors(pci);
	*tr = &pci->tr;
	return 0;
}
