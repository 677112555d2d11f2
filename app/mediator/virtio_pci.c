/* SPDX-License-Identifier: BSD-3-Clause */

#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/vfio.h>
#include <linux/virtio_net.h>
#include <linux/virtio_pci.h>

#include "virtio_pci.h"

/* s. 4.1.2: the vendor; a device that is not transitional has revision 1 or more. */
#define VIRTIO_VENDOR 0x1af4
#define VIRTIO_REVISION 1
#define VIRTIO_SUBSYSTEM 0x1100

/* Room for the device configuration of any network device. */
#define CONFIG_SIZE sizeof(struct virtio_net_config)

#define PBA_BYTES(vectors) (((vectors) + 63) / 64 * 8)

static void
find_places(struct virtio_pci_places *at, uint16_t nr_vectors)
{
	long page = sysconf(_SC_PAGESIZE);
	uint32_t table = nr_vectors * PCI_MSIX_ENTRY_SIZE;

	at->page = page > 0 ? page : 4096;
	at->common = 0;
	at->isr = at->page;
	at->config = 2 * at->page;
	at->notify = 3 * at->page;
	at->notify_trapped = 4 * at->page;
	at->size = 8 * at->page;
	at->msix_pba = (table + at->page - 1) & ~(at->page - 1);
	for (at->msix_size = at->page;
			at->msix_size < at->msix_pba + PBA_BYTES(nr_vectors); )
		at->msix_size *= 2;
}

static void
add_structure(struct virtio_pci *pci, uint8_t type, uint32_t offset, uint32_t length)
{
	const struct virtio_pci_cap cap = {
		.cap_vndr = PCI_CAP_ID_VNDR,
		.cap_len = sizeof(cap),
		.cfg_type = type,
		.bar = VIRTIO_PCI_BAR,
		.offset = htole32(offset),
		.length = htole32(length),
	}, mask = { 0 };

	pci_space_cap(&pci->space, &cap, &mask, sizeof(cap));
}

/* s. 4.1.4.4 */
static void
add_notify(struct virtio_pci *pci)
{
	const struct virtio_pci_notify_cap cap = {
		.cap.cap_vndr = PCI_CAP_ID_VNDR,
		.cap.cap_len = sizeof(cap),
		.cap.cfg_type = VIRTIO_PCI_CAP_NOTIFY_CFG,
		.cap.bar = VIRTIO_PCI_BAR,
		.cap.offset = htole32(pci->at.notify),
		.cap.length = htole32(2 * pci->at.page),
		.notify_off_multiplier = htole32(VIRTIO_PCI_NOTIFY_MULTIPLIER),
	}, mask = { 0 };

	pci_space_cap(&pci->space, &cap, &mask, sizeof(cap));
}

/* s. 4.1.4.9 */
static void
add_window(struct virtio_pci *pci)
{
	const struct virtio_pci_cfg_cap cap = {
		.cap.cap_vndr = PCI_CAP_ID_VNDR,
		.cap.cap_len = sizeof(cap),
		.cap.cfg_type = VIRTIO_PCI_CAP_PCI_CFG,
	}, mask = {
		.cap.bar = UINT8_MAX,
		.cap.offset = UINT32_MAX,
		.cap.length = UINT32_MAX,
		.pci_cfg_data = { UINT8_MAX, UINT8_MAX, UINT8_MAX, UINT8_MAX },
	};

	pci->window_cap = pci_space_cap(&pci->space, &cap, &mask, sizeof(cap));
}

static void
add_msix(struct virtio_pci *pci)
{
	const struct {
		uint8_t id, next;
		uint16_t control;
		uint32_t table, pba;
	} cap = {
		.id = PCI_CAP_ID_MSIX,
		.control = htole16(pci->nr_vectors - 1),
		.table = htole32(VIRTIO_PCI_MSIX_BAR),
		.pba = htole32(pci->at.msix_pba | VIRTIO_PCI_MSIX_BAR),
	}, mask = {
		.control = htole16(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL),
	};

	pci->msix_cap = pci_space_cap(&pci->space, &cap, &mask, sizeof(cap));
}

int
virtio_pci_init(struct virtio_pci *pci, struct virtio_regs *regs, uint16_t device_id,
		uint32_t class, const struct virtio_pci_ops *ops, void *arg)
{
	const struct pci_ids ids = {
		.vendor = VIRTIO_VENDOR,
		.device = device_id,
		.subsystem_vendor = VIRTIO_VENDOR,
		.subsystem = VIRTIO_SUBSYSTEM,
		.revision = VIRTIO_REVISION,
		.class = class,
	};

	memset(pci, 0, sizeof(*pci));
	pci->ops = ops;
	pci->arg = arg;
	pci->regs = regs;
	pci->nr_vectors = regs->nr_vectors;
	pci->msix_table = malloc(pci->nr_vectors * PCI_MSIX_ENTRY_SIZE);
	if (pci->msix_table == NULL)
		return -ENOMEM;
	find_places(&pci->at, pci->nr_vectors);
	pci_space_init(&pci->space, &ids);
	pci_space_bar(&pci->space, VIRTIO_PCI_MSIX_BAR, pci->at.msix_size, 0);
	pci_space_bar(&pci->space, VIRTIO_PCI_BAR, pci->at.size,
		PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH);
	add_structure(pci, VIRTIO_PCI_CAP_COMMON_CFG, pci->at.common,
		VIRTIO_REGS_SIZE);
	add_notify(pci);
	add_structure(pci, VIRTIO_PCI_CAP_ISR_CFG, pci->at.isr, 1);
	add_structure(pci, VIRTIO_PCI_CAP_DEVICE_CFG, pci->at.config, CONFIG_SIZE);
	add_window(pci);
	add_msix(pci);
	pci_space_done(&pci->space);
	virtio_pci_reset(pci);
	return 0;
}

void
virtio_pci_uninit(struct virtio_pci *pci)
{
	free(pci->msix_table);
	pci->msix_table = NULL;
}

/* PCI 3.0, s. 6.8.2: all vectors are masked. */
void
virtio_pci_reset(struct virtio_pci *pci)
{
	uint16_t i;

	pci_space_reset(&pci->space);
	pci->isr = 0;
	memset(pci->msix_table, 0, pci->nr_vectors * PCI_MSIX_ENTRY_SIZE);
	for (i = 0; i < pci->nr_vectors; i++)
		pci->msix_table[i * PCI_MSIX_ENTRY_SIZE + PCI_MSIX_ENTRY_VECTOR_CTRL] =
			PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

uint16_t
virtio_pci_notify_off(const struct virtio_pci *pci, bool trapped, uint16_t n)
{
	return n + (trapped ? pci->at.page / VIRTIO_PCI_NOTIFY_MULTIPLIER : 0);
}

/* s. 4.1.4.5.1: with MSI-X enabled it is not used. */
void
virtio_pci_set_isr(struct virtio_pci *pci, uint8_t bits)
{
	if ((pci_space_read16(&pci->space, pci->msix_cap + PCI_MSIX_FLAGS) &
			PCI_MSIX_FLAGS_ENABLE) == 0)
		pci->isr |= bits;
}

uint64_t
virtio_pci_region_size(const struct virtio_pci *pci, uint32_t index)
{
	switch (index) {
	case VFIO_PCI_CONFIG_REGION_INDEX:
		return PCI_CFG_SPACE_SIZE;
	case VFIO_PCI_BAR0_REGION_INDEX + VIRTIO_PCI_MSIX_BAR:
		return pci->at.msix_size;
	case VFIO_PCI_BAR0_REGION_INDEX + VIRTIO_PCI_BAR:
		return pci->at.size;
	default:
		return 0;
	}
}

/*
 * What an access and a structure share: the offset into the structure, how far into
 * the access that is, and how many bytes. False: nothing.
 */
static bool
part_of(uint64_t offset, uint32_t len, uint32_t start, uint32_t size, uint32_t *inside,
		uint32_t *skip, uint32_t *count)
{
	uint64_t from = offset > start ? offset : start;
	uint64_t end = offset + len < (uint64_t)start + size ? offset + len :
		(uint64_t)start + size;

	if (from >= end)
		return false;
	*inside = from - start;
	*skip = from - offset;
	*count = end - from;
	return true;
}

static void
bar_read(struct virtio_pci *pci, uint64_t offset, uint8_t *buf, uint32_t len)
{
	uint32_t inside, skip, count;

	if (part_of(offset, len, pci->at.common, VIRTIO_REGS_SIZE, &inside, &skip,
			&count))
		virtio_regs_read(pci->regs, inside, buf + skip, count);
	if (part_of(offset, len, pci->at.isr, 1, &inside, &skip, &count)) {
		buf[skip] = pci->isr;
		pci->isr = 0;
	}
	if (part_of(offset, len, pci->at.config, CONFIG_SIZE, &inside, &skip, &count))
		pci->ops->config_read(pci->arg, inside, buf + skip, count);
}

/*
 * The device configuration has nothing that a driver of VIRTIO 1.x may write
 * (s. 5.1.4.2). A doorbell rings whatever is written, once for an access: the value says
 * nothing that its place does not.
 */
static int
bar_write(struct virtio_pci *pci, uint64_t offset, const uint8_t *buf, uint32_t len)
{
	uint32_t inside, skip, count;

	if (part_of(offset, len, pci->at.common, VIRTIO_REGS_SIZE, &inside, &skip,
			&count))
		return virtio_regs_write(pci->regs, inside, buf + skip, count);
	if (part_of(offset, len, pci->at.notify, 2 * pci->at.page, &inside, &skip,
			&count))
		pci->ops->notify(pci->arg, inside / VIRTIO_PCI_NOTIFY_MULTIPLIER);
	return 0;
}

/* Which of a table's entries are masked is the client's business (SET_IRQS). */
static void
msix_read(const struct virtio_pci *pci, uint64_t offset, uint8_t *buf, uint32_t len)
{
	uint32_t inside, skip, count;

	if (part_of(offset, len, 0, pci->nr_vectors * PCI_MSIX_ENTRY_SIZE, &inside,
			&skip, &count))
		memcpy(buf + skip, pci->msix_table + inside, count);
}

static void
msix_write(struct virtio_pci *pci, uint64_t offset, const uint8_t *buf, uint32_t len)
{
	uint32_t inside, skip, count;

	if (part_of(offset, len, 0, pci->nr_vectors * PCI_MSIX_ENTRY_SIZE, &inside,
			&skip, &count))
		memcpy(pci->msix_table + inside, buf + skip, count);
}

/*
 * Where the window leads to (s. 4.1.4.9): 1, 2 or 4 bytes, aligned, of a BAR. Returns
 * how many; 0: nowhere.
 */
static uint32_t
window(const struct virtio_pci *pci, uint32_t *index, uint32_t *offset)
{
	const struct pci_space *space = &pci->space;
	uint32_t length;

	*index = VFIO_PCI_BAR0_REGION_INDEX +
		space->data[pci->window_cap + VIRTIO_PCI_CAP_BAR];
	*offset = pci_space_read32(space, pci->window_cap + VIRTIO_PCI_CAP_OFFSET);
	length = pci_space_read32(space, pci->window_cap + VIRTIO_PCI_CAP_LENGTH);
	if ((length != 1 && length != 2 && length != 4) || *offset % length != 0)
		return 0;
	if (*index > VFIO_PCI_BAR5_REGION_INDEX ||
			*offset >= virtio_pci_region_size(pci, *index))
		return 0;
	return length;
}

static bool
touches_window(const struct virtio_pci *pci, uint64_t offset, uint32_t len)
{
	uint32_t inside, skip, count;

	return part_of(offset, len,
		pci->window_cap + offsetof(struct virtio_pci_cfg_cap, pci_cfg_data),
		sizeof(((struct virtio_pci_cfg_cap *)0)->pci_cfg_data), &inside, &skip,
		&count);
}

static void
config_space_read(struct virtio_pci *pci, uint64_t offset, uint8_t *buf, uint32_t len)
{
	uint8_t *data = &pci->space.data[pci->window_cap +
		offsetof(struct virtio_pci_cfg_cap, pci_cfg_data)];
	uint32_t index, place, width;

	if (touches_window(pci, offset, len)) {
		width = window(pci, &index, &place);
		if (width > 0)
			virtio_pci_read(pci, index, place, data, width);
	}
	pci_space_read(&pci->space, offset, buf, len);
}

static int
config_space_write(struct virtio_pci *pci, uint64_t offset, const uint8_t *buf,
		uint32_t len)
{
	const uint8_t *data = &pci->space.data[pci->window_cap +
		offsetof(struct virtio_pci_cfg_cap, pci_cfg_data)];
	uint32_t index, place, width;
	uint8_t value[sizeof(uint32_t)];

	pci_space_write(&pci->space, offset, buf, len);
	if (!touches_window(pci, offset, len))
		return 0;
	width = window(pci, &index, &place);
	if (width == 0)
		return 0;
	memcpy(value, data, width);
	return virtio_pci_write(pci, index, place, value, width);
}

void
virtio_pci_read(struct virtio_pci *pci, uint32_t index, uint64_t offset, void *buf,
		uint32_t len)
{
	memset(buf, 0, len);
	switch (index) {
	case VFIO_PCI_CONFIG_REGION_INDEX:
		config_space_read(pci, offset, buf, len);
		break;
	case VFIO_PCI_BAR0_REGION_INDEX + VIRTIO_PCI_MSIX_BAR:
		msix_read(pci, offset, buf, len);
		break;
	case VFIO_PCI_BAR0_REGION_INDEX + VIRTIO_PCI_BAR:
		bar_read(pci, offset, buf, len);
		break;
	default:
		break;
	}
}

int
virtio_pci_write(struct virtio_pci *pci, uint32_t index, uint64_t offset,
		const void *buf, uint32_t len)
{
	switch (index) {
	case VFIO_PCI_CONFIG_REGION_INDEX:
		return config_space_write(pci, offset, buf, len);
	case VFIO_PCI_BAR0_REGION_INDEX + VIRTIO_PCI_MSIX_BAR:
		msix_write(pci, offset, buf, len);
		return 0;
	case VFIO_PCI_BAR0_REGION_INDEX + VIRTIO_PCI_BAR:
		return bar_write(pci, offset, buf, len);
	default:
		return 0;
	}
}
