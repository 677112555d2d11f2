/* SPDX-License-Identifier: BSD-3-Clause */

/* Virtio over PCI (VIRTIO 1.2 s. 4.1), through the regions of a VFIO device. */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_pci.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#include <vfio_irq.h>
#include <vfio_pci.h>
#include <vfio_region.h>

#include "mdev_virtio_logs.h"
#include "virtio_pci_modern.h"

/* VIRTIO 1.2 s. 4.1.2: 0x1040 plus the device type, or transitional from 0x1000. */
#define PCI_VENDOR_ID_QUMRANET 0x1af4
#define PCI_DEVICE_ID_MODERN_NET (0x1040 + VIRTIO_ID_NET)
#define PCI_DEVICE_ID_TRANSITIONAL_NET 0x1000

#define PCI_BARS 6

/* A structure in a BAR (s. 4.1.4); region NULL: none was found. */
struct virtio_pci_struct {
	struct vfio_region *region;
	uint32_t offset;
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

static struct virtio_pci_modern *
to_pci(struct virtio_transport *tr)
{
	return container_of(tr, struct virtio_pci_modern, tr);
}

static int
read8(const struct virtio_pci_struct *s, uint32_t offset, uint8_t *value)
{
	return vfio_region_read(s->region, s->offset + offset, value,
			sizeof(*value));
}

static int
read16(const struct virtio_pci_struct *s, uint32_t offset, uint16_t *value)
{
	rte_le16_t raw = 0;
	int ret;

	ret = vfio_region_read(s->region, s->offset + offset, &raw, sizeof(raw));
	*value = rte_le_to_cpu_16(raw);
	return ret;
}

static int
read32(const struct virtio_pci_struct *s, uint32_t offset, uint32_t *value)
{
	rte_le32_t raw = 0;
	int ret;

	ret = vfio_region_read(s->region, s->offset + offset, &raw, sizeof(raw));
	*value = rte_le_to_cpu_32(raw);
	return ret;
}

static int
write8(const struct virtio_pci_struct *s, uint32_t offset, uint8_t value)
{
	return vfio_region_write(s->region, s->offset + offset, &value,
			sizeof(value));
}

static int
write16(const struct virtio_pci_struct *s, uint32_t offset, uint16_t value)
{
	rte_le16_t raw = rte_cpu_to_le_16(value);

	return vfio_region_write(s->region, s->offset + offset, &raw,
			sizeof(raw));
}

static int
write32(const struct virtio_pci_struct *s, uint32_t offset, uint32_t value)
{
	rte_le32_t raw = rte_cpu_to_le_32(value);

	return vfio_region_write(s->region, s->offset + offset, &raw,
			sizeof(raw));
}

/* s. 4.1.3.1: a 64-bit field is accessed as two of 32 bits. */
static int
write64(const struct virtio_pci_struct *s, uint32_t offset, uint64_t value)
{
	int ret;

	ret = write32(s, offset, (uint32_t)value);
	if (ret == 0)
		ret = write32(s, offset + 4, value >> 32);
	return ret;
}

static int
pci_get_device_features(struct virtio_transport *tr, uint64_t *features)
{
	const struct virtio_pci_struct *common = &to_pci(tr)->common;
	uint32_t half[2] = { 0 };
	unsigned int i;
	int ret;

	for (i = 0; i < RTE_DIM(half); i++) {
		ret = write32(common, VIRTIO_PCI_COMMON_DFSELECT, i);
		if (ret == 0)
			ret = read32(common, VIRTIO_PCI_COMMON_DF, &half[i]);
		if (ret < 0)
			return ret;
	}
	*features = (uint64_t)half[1] << 32 | half[0];
	return 0;
}

static int
pci_set_driver_features(struct virtio_transport *tr, uint64_t features)
{
	const struct virtio_pci_struct *common = &to_pci(tr)->common;
	unsigned int i;
	int ret;

	for (i = 0; i < 2; i++) {
		ret = write32(common, VIRTIO_PCI_COMMON_GFSELECT, i);
		if (ret == 0)
			ret = write32(common, VIRTIO_PCI_COMMON_GF,
					(uint32_t)(features >> (32 * i)));
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int
pci_get_status(struct virtio_transport *tr, uint8_t *status)
{
	return read8(&to_pci(tr)->common, VIRTIO_PCI_COMMON_STATUS, status);
}

static int
pci_set_status(struct virtio_transport *tr, uint8_t status)
{
	return write8(&to_pci(tr)->common, VIRTIO_PCI_COMMON_STATUS, status);
}

/* A function reset leaves memory and bus mastering disabled. */
static int
pci_hard_reset(struct virtio_transport *tr)
{
	struct vfio_dev *vfio = to_pci(tr)->vfio;
	int ret;

	ret = vfio_dev_reset(vfio);
	if (ret < 0)
		return ret;
	return vfio_pci_command(vfio, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 0);
}

static int
pci_get_generation(struct virtio_transport *tr, uint8_t *generation)
{
	return read8(&to_pci(tr)->common, VIRTIO_PCI_COMMON_CFGGENERATION,
			generation);
}

/* s. 4.1.3.1: a field is read by its width. What is none of 2, 4, 8 is bytes. */
static uint32_t
config_width(uint32_t len)
{
	switch (len) {
	case sizeof(uint16_t):
	case sizeof(uint32_t):
		return len;
	case sizeof(uint64_t):
		return sizeof(uint32_t);
	default:
		return sizeof(uint8_t);
	}
}

static int
pci_get_config(struct virtio_transport *tr, uint32_t offset, void *buf,
		uint32_t len)
{
	const struct virtio_pci_struct *device = &to_pci(tr)->device;
	uint32_t width = config_width(len);
	uint8_t *to = buf;
	int ret;

	if (offset > tr->config_len || len > tr->config_len - offset)
		return -EINVAL;
	for (; len > 0; offset += width, to += width, len -= width) {
		ret = vfio_region_read(device->region, device->offset + offset,
				to, width);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int
pci_get_vq_count(struct virtio_transport *tr, uint16_t *count)
{
	return read16(&to_pci(tr)->common, VIRTIO_PCI_COMMON_NUMQ, count);
}

static int
select_queue(struct virtio_transport *tr, uint16_t index)
{
	return write16(&to_pci(tr)->common, VIRTIO_PCI_COMMON_Q_SELECT, index);
}

/* s. 4.1.5.1.3: the device presents its maximum after a reset. */
static int
pci_get_vq_num_max(struct virtio_transport *tr, uint16_t index, uint16_t *num)
{
	int ret;

	ret = select_queue(tr, index);
	if (ret < 0)
		return ret;
	return read16(&to_pci(tr)->common, VIRTIO_PCI_COMMON_Q_SIZE, num);
}

static int
pci_set_vq_num(struct virtio_transport *tr, uint16_t index, uint16_t num)
{
	const struct virtio_pci_struct *common = &to_pci(tr)->common;
	uint16_t kept = 0;
	int ret;

	ret = select_queue(tr, index);
	if (ret == 0)
		ret = write16(common, VIRTIO_PCI_COMMON_Q_SIZE, num);
	if (ret == 0)
		ret = read16(common, VIRTIO_PCI_COMMON_Q_SIZE, &kept);
	if (ret < 0)
		return ret;
	return kept == num ? 0 : -EPROTO;
}

static int
pci_set_vq_address(struct virtio_transport *tr, uint16_t index,
		const struct virtio_vq_addr *addr)
{
	const struct virtio_pci_struct *common = &to_pci(tr)->common;
	int ret;

	ret = select_queue(tr, index);
	if (ret == 0)
		ret = write64(common, VIRTIO_PCI_COMMON_Q_DESCLO, addr->desc);
	if (ret == 0)
		ret = write64(common, VIRTIO_PCI_COMMON_Q_AVAILLO, addr->avail);
	if (ret == 0)
		ret = write64(common, VIRTIO_PCI_COMMON_Q_USEDLO, addr->used);
	return ret;
}

static int
pci_set_vq_ready(struct virtio_transport *tr, uint16_t index)
{
	const struct virtio_pci_struct *common = &to_pci(tr)->common;
	uint16_t enabled = 0;
	int ret;

	ret = select_queue(tr, index);
	if (ret == 0)
		ret = write16(common, VIRTIO_PCI_COMMON_Q_ENABLE, 1);
	if (ret == 0)
		ret = read16(common, VIRTIO_PCI_COMMON_Q_ENABLE, &enabled);
	if (ret < 0)
		return ret;
	return enabled == 1 ? 0 : -EPROTO;
}

static int
doorbell_trapped(const struct virtio_doorbell *doorbell)
{
	const struct virtio_pci_modern *pci = doorbell->ctx;
	rte_le16_t raw = rte_cpu_to_le_16(doorbell->value);

	return vfio_region_write(pci->notify.region, doorbell->offset, &raw,
			sizeof(raw));
}

static int
doorbell_eventfd(const struct virtio_doorbell *doorbell)
{
	const uint64_t one = 1;
	ssize_t n;

	do {
		n = write(doorbell->fd, &one, sizeof(one));
	} while (n < 0 && errno == EINTR);
	/* a counter that is full has rung often enough */
	return n < 0 && errno != EAGAIN ? -errno : 0;
}

/* s. 4.1.4.4: the address is computed from the queue's offset and the multiplier. */
static int
pci_get_vq_notify_offset(struct virtio_transport *tr, uint16_t index,
		uint64_t *notify_offset)
{
	struct virtio_pci_modern *pci = to_pci(tr);
	uint64_t offset;
	uint16_t notify_off = 0;
	int ret;

	ret = select_queue(tr, index);
	if (ret == 0)
		ret = read16(&pci->common, VIRTIO_PCI_COMMON_Q_NOFF, &notify_off);
	if (ret < 0)
		return ret;
	offset = (uint64_t)notify_off * pci->notify_multiplier;
	if (offset + sizeof(uint16_t) > pci->notify.length)
		return -ERANGE;
	offset += pci->notify.offset;
	/* mapped or not, it is one access of 16 bits (s. 4.1.4.4.1) */
	if (offset % sizeof(uint16_t) != 0)
		return -ERANGE;
	*notify_offset = offset;
	return 0;
}

static void
pci_get_vq_doorbell(struct virtio_transport *tr, uint16_t index, uint64_t offset,
		struct virtio_doorbell *doorbell)
{
	struct virtio_pci_modern *pci = to_pci(tr);

	doorbell->addr = vfio_region_ptr(pci->notify.region, offset,
			sizeof(uint16_t));
	doorbell->value = index;
	doorbell->ring = doorbell_trapped;
	doorbell->ctx = pci;
	doorbell->offset = offset;
	if (doorbell->addr != NULL)
		return;
	/* one that costs no message to whoever serves the region */
	doorbell->fd = vfio_region_ioeventfd(pci->notify.region, offset,
			sizeof(uint16_t), index);
	if (doorbell->fd >= 0)
		doorbell->ring = doorbell_eventfd;
}

static int
pci_get_vector_count(struct virtio_transport *tr, uint32_t *count)
{
	*count = to_pci(tr)->vectors;
	return 0;
}

static int
pci_set_vectors(struct virtio_transport *tr, const int *fds, uint32_t count)
{
	struct virtio_pci_modern *pci = to_pci(tr);

	if (count == 0)
		return vfio_irq_disable(pci->vfio, pci->irq_index);
	return vfio_irq_set_eventfds(pci->vfio, pci->irq_index, 0, count, fds);
}

/* s. 4.1.5.1.2: a device that has no room answers NO_VECTOR. INTx has no vectors. */
static int
set_vector(struct virtio_pci_modern *pci, uint32_t field, uint16_t vector)
{
	uint16_t kept = 0;
	int ret;

	if (pci->irq_index != VFIO_PCI_MSIX_IRQ_INDEX)
		return 0;
	ret = write16(&pci->common, field, vector);
	if (ret == 0)
		ret = read16(&pci->common, field, &kept);
	if (ret < 0)
		return ret;
	return kept == vector ? 0 : -EBUSY;
}

static int
pci_set_config_vector(struct virtio_transport *tr, uint16_t vector)
{
	return set_vector(to_pci(tr), VIRTIO_PCI_COMMON_MSIX, vector);
}

static int
pci_set_vq_vector(struct virtio_transport *tr, uint16_t index, uint16_t vector)
{
	int ret;

	ret = select_queue(tr, index);
	if (ret < 0)
		return ret;
	return set_vector(to_pci(tr), VIRTIO_PCI_COMMON_Q_MSIX, vector);
}

/* s. 4.1.4.5: reading clears it and takes INTx back, which VFIO masked. */
static int
pci_get_isr(struct virtio_transport *tr, uint8_t *isr)
{
	struct virtio_pci_modern *pci = to_pci(tr);
	int ret;

	if (pci->irq_index == VFIO_PCI_MSIX_IRQ_INDEX) {
		*isr = VIRTIO_PCI_ISR_CONFIG;
		return 0;
	}
	ret = read8(&pci->isr, 0, isr);
	if (ret < 0)
		return ret;
	ret = vfio_irq_unmask(pci->vfio, pci->irq_index, 0, 1);
	return ret == -ENOTSUP ? 0 : ret; /* what cannot be masked is not */
}

static void
pci_destroy(struct virtio_transport *tr)
{
	free(to_pci(tr));
}

const struct virtio_transport_ops virtio_pci_modern_ops = {
	.name = "virtio PCI",
	.get_device_features = pci_get_device_features,
	.set_driver_features = pci_set_driver_features,
	.get_status = pci_get_status,
	.set_status = pci_set_status,
	.hard_reset = pci_hard_reset,
	.get_generation = pci_get_generation,
	.get_config = pci_get_config,
	.get_vq_count = pci_get_vq_count,
	.get_vq_num_max = pci_get_vq_num_max,
	.set_vq_num = pci_set_vq_num,
	.set_vq_address = pci_set_vq_address,
	.set_vq_ready = pci_set_vq_ready,
	.get_vq_notify_offset = pci_get_vq_notify_offset,
	.get_vq_doorbell = pci_get_vq_doorbell,
	.get_vector_count = pci_get_vector_count,
	.set_vectors = pci_set_vectors,
	.set_config_vector = pci_set_config_vector,
	.set_vq_vector = pci_set_vq_vector,
	.get_isr = pci_get_isr,
	.destroy = pci_destroy,
};

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
	if (ids.vendor == PCI_VENDOR_ID_QUMRANET &&
			(ids.device == PCI_DEVICE_ID_MODERN_NET ||
			ids.device == PCI_DEVICE_ID_TRANSITIONAL_NET))
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
