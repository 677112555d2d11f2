/* SPDX-License-Identifier: BSD-3-Clause */

/* The registers of virtio over PCI (VIRTIO 1.2 s. 4.1.4), and its doorbells and vectors. */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <linux/virtio_pci.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_io.h>

#include <vfio_irq.h>
#include <vfio_pci.h>

#include "virtio_pci_private.h"

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

/* s. 4.1.4.3: both registers are 0 when it is over. */
static int
pci_reset_vq(struct virtio_transport *tr, uint16_t index)
{
	int ret;

	ret = select_queue(tr, index);
	if (ret < 0)
		return ret;
	return write16(&to_pci(tr)->common, VIRTIO_PCI_COMMON_Q_RESET, 1);
}

static int
pci_get_vq_reset(struct virtio_transport *tr, uint16_t index, bool *ongoing)
{
	const struct virtio_pci_struct *common = &to_pci(tr)->common;
	uint16_t reset = 0, enabled = 0;
	int ret;

	ret = select_queue(tr, index);
	if (ret == 0)
		ret = read16(common, VIRTIO_PCI_COMMON_Q_RESET, &reset);
	if (ret == 0)
		ret = read16(common, VIRTIO_PCI_COMMON_Q_ENABLE, &enabled);
	*ongoing = reset != 0 || enabled != 0;
	return ret;
}

static int
doorbell_trapped(struct virtio_doorbell *doorbell, uint16_t next __rte_unused)
{
	const struct virtio_pci_modern *pci = doorbell->ctx;
	rte_le16_t raw = rte_cpu_to_le_16(doorbell->value);

	return vfio_region_write(pci->notify.region, doorbell->offset, &raw,
			sizeof(raw));
}

/* VIRTIO_F_NOTIFICATION_DATA, s. 4.1.5.2 */
static rte_le32_t
doorbell_data(const struct virtio_doorbell *doorbell, uint16_t next)
{
	return rte_cpu_to_le_32(doorbell->value | (uint32_t)next << 16);
}

static int
doorbell_data_mapped(struct virtio_doorbell *doorbell, uint16_t next)
{
	rte_write32(doorbell_data(doorbell, next), doorbell->data_addr);
	return 0;
}

static int
doorbell_data_trapped(struct virtio_doorbell *doorbell, uint16_t next)
{
	const struct virtio_pci_modern *pci = doorbell->ctx;
	rte_le32_t raw = doorbell_data(doorbell, next);

	return vfio_region_write(pci->notify.region, doorbell->offset, &raw,
			sizeof(raw));
}

static int
doorbell_eventfd(struct virtio_doorbell *doorbell, uint16_t next __rte_unused)
{
	const uint64_t one = 1;
	ssize_t n;

	do {
		n = write(doorbell->fd, &one, sizeof(one));
	} while (n < 0 && errno == EINTR);
	/* a counter that is full has rung often enough */
	return n < 0 && errno != EAGAIN ? -errno : 0;
}

static uint32_t
doorbell_width(const struct virtio_transport *tr)
{
	return virtio_has_feature(tr->features, VIRTIO_F_NOTIFICATION_DATA) ?
		sizeof(uint32_t) : sizeof(uint16_t);
}

/* s. 4.1.4.4: the address is computed from the queue's offset and the multiplier. */
static int
pci_get_vq_notify_offset(struct virtio_transport *tr, uint16_t index,
		uint64_t *notify_offset)
{
	struct virtio_pci_modern *pci = to_pci(tr);
	uint32_t width = doorbell_width(tr);
	uint64_t offset;
	uint16_t notify_off = 0;
	int ret;

	ret = select_queue(tr, index);
	if (ret == 0)
		ret = read16(&pci->common, VIRTIO_PCI_COMMON_Q_NOFF, &notify_off);
	if (ret < 0)
		return ret;
	offset = (uint64_t)notify_off * pci->notify_multiplier;
	if (offset + width > pci->notify.length)
		return -ERANGE;
	offset += pci->notify.offset;
	/* mapped or not, it is one access (s. 4.1.4.4.1) */
	if (offset % width != 0)
		return -ERANGE;
	*notify_offset = offset;
	return 0;
}

/* One that costs no message to whoever serves the region. */
static void
doorbell_find_eventfd(struct virtio_doorbell *doorbell)
{
	const struct virtio_pci_modern *pci = doorbell->ctx;

	doorbell->fd = vfio_region_ioeventfd(pci->notify.region, doorbell->offset,
			sizeof(uint16_t), doorbell->value);
	doorbell->ring = doorbell->fd >= 0 ? doorbell_eventfd : doorbell_trapped;
	doorbell->kind = doorbell->fd >= 0 ? "eventfd" : "register access";
}

/*
 * A secondary process finds its doorbells in EAL's IPC thread, where it cannot ask the
 * primary for an eventfd: the answer would be waited for by the thread that takes it.
 */
static int
doorbell_first(struct virtio_doorbell *doorbell, uint16_t next)
{
	doorbell_find_eventfd(doorbell);
	return doorbell->ring(doorbell, next);
}

static void
pci_get_vq_doorbell(struct virtio_transport *tr, uint16_t index, uint64_t offset,
		struct virtio_doorbell *doorbell)
{
	struct virtio_pci_modern *pci = to_pci(tr);
	volatile void *addr = vfio_region_ptr(pci->notify.region, offset,
			doorbell_width(tr));

	doorbell->addr = NULL;
	doorbell->data_addr = addr;
	doorbell->value = index;
	doorbell->ring = NULL;
	doorbell->ctx = pci;
	doorbell->offset = offset;
	doorbell->kind = addr != NULL ? "mapped" : "register access";
	doorbell->tells_next = virtio_has_feature(tr->features,
			VIRTIO_F_NOTIFICATION_DATA);
	if (doorbell->tells_next) {
		doorbell->ring = addr != NULL ? doorbell_data_mapped :
			doorbell_data_trapped;
		return;
	}
	doorbell->addr = addr;
	if (addr != NULL)
		return;
	if (vfio_dev_owner(pci->vfio) == VFIO_DEV_OWNED)
		doorbell_find_eventfd(doorbell);
	else
		doorbell->ring = doorbell_first;
}

/*
 * s. 4.1.4.4.1: who offers NOTIFICATION_DATA has 32 bits for each doorbell. One that is
 * an eventfd cannot carry data; a message for each kick would cost much more.
 */
static bool
can_notify_data(struct virtio_transport *tr)
{
	struct virtio_pci_modern *pci = to_pci(tr);
	uint64_t offset;
	uint16_t notify_off = 0;

	if (pci->notify_multiplier % sizeof(uint32_t) != 0 ||
			pci->notify.offset % sizeof(uint32_t) != 0 ||
			pci->notify.length < sizeof(uint32_t))
		return false;
	if (select_queue(tr, 0) < 0 || read16(&pci->common,
			VIRTIO_PCI_COMMON_Q_NOFF, &notify_off) < 0)
		return false;
	offset = (uint64_t)notify_off * pci->notify_multiplier;
	if (offset + sizeof(uint32_t) > pci->notify.length)
		return false;
	offset += pci->notify.offset;
	return vfio_region_ptr(pci->notify.region, offset, sizeof(uint32_t)) != NULL ||
		vfio_region_ioeventfd(pci->notify.region, offset,
			sizeof(uint16_t), 0) < 0;
}

/* s. 4.1.4.3: queue_reset came to the end of the structure with its feature. */
static uint64_t
pci_filter_features(struct virtio_transport *tr, uint64_t offered)
{
	if (to_pci(tr)->common.length <
			VIRTIO_PCI_COMMON_Q_RESET + sizeof(uint16_t))
		offered &= ~RTE_BIT64(VIRTIO_F_RING_RESET);
	if (virtio_has_feature(offered, VIRTIO_F_NOTIFICATION_DATA) &&
			!can_notify_data(tr))
		offered &= ~RTE_BIT64(VIRTIO_F_NOTIFICATION_DATA);
	return offered;
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
	.filter_features = pci_filter_features,
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
	.reset_vq = pci_reset_vq,
	.get_vq_reset = pci_get_vq_reset,
	.get_vq_notify_offset = pci_get_vq_notify_offset,
	.get_vq_doorbell = pci_get_vq_doorbell,
	.get_vector_count = pci_get_vector_count,
	.set_vectors = pci_set_vectors,
	.set_config_vector = pci_set_config_vector,
	.set_vq_vector = pci_set_vq_vector,
	.get_isr = pci_get_isr,
	.get_regs = virtio_pci_get_regs,
	.destroy = pci_destroy,
};
