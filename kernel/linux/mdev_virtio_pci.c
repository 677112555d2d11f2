// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PCI function: configuration space, capabilities, what lies in which BAR.
 * VIRTIO 1.2 s. 4.1.4.
 */
#include <linux/pci_ids.h>
#include <linux/virtio_pci.h>

#include "compat.h"
#include "mdev_virtio_core.h"

enum {
	CAP_MSIX = 0x40,
	CAP_COMMON = 0x50,
	CAP_ISR = 0x60,
	CAP_DEVICE = 0x70,
	CAP_NOTIFY = 0x80,
	CAP_PCI_CFG = 0x94,
	CAP_PCI_CFG_DATA = CAP_PCI_CFG + offsetof(struct virtio_pci_cfg_cap,
						  pci_cfg_data),
};

#define COMMAND_WRITABLE (PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |	\
			  PCI_COMMAND_PARITY | PCI_COMMAND_SERR |	\
			  PCI_COMMAND_INTX_DISABLE)

static void put_virtio_cap(struct mdev_virtio_core *core, u8 at, u8 next,
			   u8 len, u8 type, u32 offset, u32 length)
{
	struct virtio_pci_cap cap = {
		.cap_vndr = PCI_CAP_ID_VNDR,
		.cap_next = next,
		.cap_len = len,
		.cfg_type = type,
		.bar = MVDEV_BAR,
		.offset = cpu_to_le32(offset),
		.length = cpu_to_le32(length),
	};

	memcpy(core->config + at, &cap, sizeof(cap));
}

static void put_caps(struct mdev_virtio_device *mvdev)
{
	struct mdev_virtio_core *core = mvdev->core;
	const u8 len = sizeof(struct virtio_pci_cap);
	u8 *cfg = core->config;

	cfg[PCI_CAPABILITY_LIST] = CAP_MSIX;
	cfg[CAP_MSIX] = PCI_CAP_ID_MSIX;
	cfg[CAP_MSIX + PCI_CAP_LIST_NEXT] = CAP_COMMON;
	put_unaligned_le16(mvdev_nr_vectors(mvdev) - 1,
			   cfg + CAP_MSIX + PCI_MSIX_FLAGS);
	put_unaligned_le32(MVDEV_MSIX_BAR, cfg + CAP_MSIX + PCI_MSIX_TABLE);
	put_unaligned_le32(MVDEV_MSIX_BAR | MVDEV_MSIX_PBA,
			   cfg + CAP_MSIX + PCI_MSIX_PBA);

	put_virtio_cap(core, CAP_COMMON, CAP_ISR, len,
		       VIRTIO_PCI_CAP_COMMON_CFG, MVDEV_BAR_COMMON,
		       MVDEV_COMMON_LEN);
	put_virtio_cap(core, CAP_ISR, CAP_DEVICE, len, VIRTIO_PCI_CAP_ISR_CFG,
		       MVDEV_BAR_ISR, 1);
	put_virtio_cap(core, CAP_DEVICE, CAP_NOTIFY, len,
		       VIRTIO_PCI_CAP_DEVICE_CFG, MVDEV_BAR_DEVICE,
		       mvdev->ops->get_config_size(mvdev));
	put_virtio_cap(core, CAP_NOTIFY, CAP_PCI_CFG,
		       sizeof(struct virtio_pci_notify_cap),
		       VIRTIO_PCI_CAP_NOTIFY_CFG, MVDEV_BAR_NOTIFY, PAGE_SIZE);
	put_unaligned_le32(MVDEV_NOTIFY_MULT,
			   cfg + CAP_NOTIFY + VIRTIO_PCI_NOTIFY_CAP_MULT);
	put_virtio_cap(core, CAP_PCI_CFG, 0, sizeof(struct virtio_pci_cfg_cap),
		       VIRTIO_PCI_CAP_PCI_CFG, 0, 0);
}

static void put_write_mask(struct mdev_virtio_core *core)
{
	u8 *m = core->wmask;

	memset(m, 0, sizeof(core->wmask));
	put_unaligned_le16(COMMAND_WRITABLE, m + PCI_COMMAND);
	m[PCI_CACHE_LINE_SIZE] = 0xff;
	m[PCI_LATENCY_TIMER] = 0xff;
	m[PCI_INTERRUPT_LINE] = 0xff;
	/* Two 32-bit memory BARs; sizing works because low bits don't stick. */
	put_unaligned_le32(~(MVDEV_BAR_SIZE - 1),
			   m + PCI_BASE_ADDRESS_0 + 4 * MVDEV_BAR);
	put_unaligned_le32(~(u32)(MVDEV_MSIX_BAR_SIZE - 1),
			   m + PCI_BASE_ADDRESS_0 + 4 * MVDEV_MSIX_BAR);
	put_unaligned_le16(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL,
			   m + CAP_MSIX + PCI_MSIX_FLAGS);
	/* The access window's bar, offset and length. */
	m[CAP_PCI_CFG + VIRTIO_PCI_CAP_BAR] = 0xff;
	memset(m + CAP_PCI_CFG + VIRTIO_PCI_CAP_OFFSET, 0xff, 8);
}

void mvdev_pci_init(struct mdev_virtio_device *mvdev)
{
	struct mdev_virtio_core *core = mvdev->core;
	u32 id = mvdev->ops->get_device_id(mvdev);
	u8 *cfg = core->config;
	unsigned int i;

	memset(cfg, 0, sizeof(core->config));
	put_unaligned_le16(PCI_VENDOR_ID_REDHAT_QUMRANET, cfg + PCI_VENDOR_ID);
	put_unaligned_le16(0x1040 + id, cfg + PCI_DEVICE_ID);
	/* What a client of vfio-pci finds: enabled, but no bus master yet. */
	put_unaligned_le16(PCI_COMMAND_MEMORY, cfg + PCI_COMMAND);
	put_unaligned_le16(PCI_STATUS_CAP_LIST, cfg + PCI_STATUS);
	cfg[PCI_REVISION_ID] = 1;
	cfg[PCI_CLASS_PROG] = mvdev->pci_class;
	put_unaligned_le16(mvdev->pci_class >> 8, cfg + PCI_CLASS_DEVICE);
	put_unaligned_le16(mvdev->ops->get_vendor_id(mvdev),
			   cfg + PCI_SUBSYSTEM_VENDOR_ID);
	/* VIRTIO 1.2 s. 4.1.2.1: 0x40 or more for a non-transitional device */
	put_unaligned_le16(0x40 + id, cfg + PCI_SUBSYSTEM_ID);
	cfg[PCI_INTERRUPT_PIN] = 1;
	put_caps(mvdev);
	put_write_mask(core);
	mvdev_irq_set_intx_disabled(mvdev, false);

	memset(core->msix_table, 0, sizeof(core->msix_table));
	for (i = 0; i < mvdev_nr_vectors(mvdev); i++)
		core->msix_table[i * PCI_MSIX_ENTRY_SIZE +
				 PCI_MSIX_ENTRY_VECTOR_CTRL] =
			PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

bool mvdev_pci_memory_enabled(struct mdev_virtio_device *mvdev)
{
	/* A doorbell asks without the lock. */
	return READ_ONCE(mvdev->core->config[PCI_COMMAND]) & PCI_COMMAND_MEMORY;
}

/* --- VIRTIO_PCI_CAP_PCI_CFG: BAR access by way of configuration space --- */

/* VIRTIO 1.2 s. 4.1.4.9: a driver must not ask for anything else */
static bool window_valid(struct mdev_virtio_device *mvdev, u8 bar, u32 off,
			 u32 len)
{
	u32 size = bar == MVDEV_BAR ? MVDEV_BAR_SIZE : MVDEV_MSIX_BAR_SIZE;

	if (bar != MVDEV_BAR && bar != MVDEV_MSIX_BAR)
		return false;
	if (len != 1 && len != 2 && len != 4)
		return false;
	return off % len == 0 && off < size && mvdev_pci_memory_enabled(mvdev);
}

static void window_access(struct mdev_virtio_device *mvdev, bool write)
{
	u8 *cfg = mvdev->core->config;
	u8 bar = cfg[CAP_PCI_CFG + VIRTIO_PCI_CAP_BAR];
	u32 off = get_unaligned_le32(cfg + CAP_PCI_CFG + VIRTIO_PCI_CAP_OFFSET);
	u32 len = get_unaligned_le32(cfg + CAP_PCI_CFG + VIRTIO_PCI_CAP_LENGTH);

	if (window_valid(mvdev, bar, off, len))
		mvdev_bar_access(mvdev, bar, off, len, cfg + CAP_PCI_CFG_DATA,
				 write);
}

static bool touches(u32 off, u32 len, u32 field, u32 field_len)
{
	return off < field + field_len && field < off + len;
}

/* --- accesses --- */

static void config_read(struct mdev_virtio_device *mvdev, u32 off, u32 len,
			u8 *val)
{
	u8 *cfg = mvdev->core->config;

	if (touches(off, len, CAP_PCI_CFG_DATA, 4))
		window_access(mvdev, false);
	if (mvdev_irq_intx_asserted(mvdev))
		cfg[PCI_STATUS] |= PCI_STATUS_INTERRUPT;
	else
		cfg[PCI_STATUS] &= ~PCI_STATUS_INTERRUPT;
	memcpy(val, cfg + off, len);
}

static void config_write(struct mdev_virtio_device *mvdev, u32 off, u32 len,
			 const u8 *val)
{
	struct mdev_virtio_core *core = mvdev->core;
	u8 *cfg = core->config;
	u32 i;

	for (i = off; i < off + len; i++) {
		u8 new = (cfg[i] & ~core->wmask[i]) |
			 (val[i - off] & core->wmask[i]);

		WRITE_ONCE(cfg[i], new);
	}

	if (touches(off, len, PCI_COMMAND, 2)) {
		u16 cmd = get_unaligned_le16(cfg + PCI_COMMAND);

		mvdev_irq_set_intx_disabled(mvdev,
					    cmd & PCI_COMMAND_INTX_DISABLE);
		/* Becoming a bus master lets the rings run. */
		if (cmd & PCI_COMMAND_MASTER)
			mvdev_notify_all(mvdev);
	}
	if (touches(off, len, CAP_PCI_CFG_DATA, 4)) {
		for (i = max_t(u32, off, CAP_PCI_CFG_DATA);
		     i < min_t(u32, off + len, CAP_PCI_CFG_DATA + 4); i++)
			cfg[i] = val[i - off];
		window_access(mvdev, true);
	}
}

/* @off + @len is within configuration space, and @len at most 4. */
int mvdev_pci_config(struct mdev_virtio_device *mvdev, u32 off, u32 len,
		     u8 *val, bool write)
{
	if (write)
		config_write(mvdev, off, len, val);
	else
		config_read(mvdev, off, len, val);
	return 0;
}

static int msix_bar_access(struct mdev_virtio_core *core, u32 off, u32 len,
			   u8 *val, bool write)
{
	/* The pending bit array behind the table: nothing is ever pending. */
	if (off >= MVDEV_MSIX_PBA) {
		if (!write)
			memset(val, 0, len);
	} else if (write) {
		memcpy(core->msix_table + off, val, len);
	} else {
		memcpy(val, core->msix_table + off, len);
	}
	return 0;
}

/* @off + @len is within the BAR, @len 1, 2 or 4 and @off a multiple of it. */
int mvdev_bar_access(struct mdev_virtio_device *mvdev, u32 bar, u32 off,
		     u32 len, u8 *val, bool write)
{
	if (bar == MVDEV_MSIX_BAR)
		return msix_bar_access(mvdev->core, off, len, val, write);

	if (!write)
		memset(val, 0, len);
	if (off >= MVDEV_BAR_NOTIFY) {
		if (write)
			mvdev_notify(mvdev, off - MVDEV_BAR_NOTIFY);
	} else if (off >= MVDEV_BAR_DEVICE) {
		mvdev_device_access(mvdev, off - MVDEV_BAR_DEVICE, len, val,
				    write);
	} else if (off >= MVDEV_BAR_ISR) {
		if (off == MVDEV_BAR_ISR && !write)
			val[0] = mvdev_irq_read_isr(mvdev);
	} else if (write) {
		mvdev_common_write(mvdev, off, len, val);
	} else {
		mvdev_common_read(mvdev, off, len, val);
	}
	return 0;
}
