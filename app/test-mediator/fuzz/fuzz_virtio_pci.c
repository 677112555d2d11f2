/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * libFuzzer: the registers of a virtio PCI function of the mediator's, with a client that
 * reads and writes anywhere in them.
 *
 * An input is a byte of settings (SETTINGS_*) and then accesses: a region (1 byte: FLAG_*,
 * and which), an offset (2 bytes, little-endian), a length (1 byte), and the bytes to be
 * written. corpus/make_virtio_pci.py writes such inputs.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/vfio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "fuzz.h"
#include "virtio_function.h"

#define SETTINGS_REFUSE 1     /* no features are accepted */
#define SETTINGS_SLOW_RESET 2 /* a reset ends with FLAG_RESET_DONE */
#define SETTINGS_NO_START 4   /* it cannot be started */

#define FLAG_WRITE 0x80
#define FLAG_RESET_DONE 0x40

static const uint32_t regions[] = {
	VIRTIO_PCI_BAR, VIRTIO_PCI_MSIX_BAR, VFIO_PCI_CONFIG_REGION_INDEX,
	VFIO_PCI_BAR0_REGION_INDEX,
};

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

/* VIRTIO 1.2 s. 2.7 and 2.8: what a backend may be told of. */
static void
check_queue(const struct virtio_queue *q)
{
	const bool packed = (function.regs.features >> VIRTIO_F_RING_PACKED & 1) != 0;

	FUZZ_CHECK(q->vector < FUNCTION_VECTORS || q->vector == VIRTIO_MSI_NO_VECTOR);
	FUZZ_CHECK(q->size <= FUNCTION_MAX_SIZE);
	if (!q->enabled)
		return;
	FUZZ_CHECK(virtio_regs_agreed(&function.regs));
	FUZZ_CHECK(q->size > 0 && (packed || (q->size & (q->size - 1)) == 0));
	FUZZ_CHECK(q->desc % 16 == 0 && q->used % 4 == 0 && q->avail % (packed ? 4 : 2) == 0);
}

/* What the rest of the mediator relies on. */
static void
check_function(uint64_t agreed)
{
	const struct virtio_regs *regs = &function.regs;
	unsigned int i;

	for (i = 0; i < FUNCTION_QUEUES; i++)
		check_queue(&function.queues[i]);
	FUZZ_CHECK(regs->config_vector < FUNCTION_VECTORS ||
		regs->config_vector == VIRTIO_MSI_NO_VECTOR);
	FUZZ_CHECK((regs->status & VIRTIO_CONFIG_S_NEEDS_RESET) == 0);
	if ((regs->status & VIRTIO_CONFIG_S_DRIVER_OK) != 0)
		FUZZ_CHECK(virtio_regs_agreed(regs) && function.driver_ok_ret == 0);
	if (virtio_regs_agreed(regs))
		FUZZ_CHECK((regs->features & ~regs->offered) == 0 &&
			!function.refuse_features);
	/* what was agreed on stays until a reset */
	if (agreed != 0 && virtio_regs_agreed(regs) && function.resets == 0)
		FUZZ_CHECK(regs->features == agreed);
	FUZZ_CHECK(function.notified == 0 || function.last_notify <
		2 * function.pci.at.page / VIRTIO_PCI_NOTIFY_MULTIPLIER);
}

/* In a copy of exactly that length, for ASan. Returns what was taken of the input. */
static size_t
touch(uint8_t flags, uint64_t offset, uint32_t len, const uint8_t *data, size_t size)
{
	const uint32_t region = regions[flags % RTE_DIM(regions)];
	const uint64_t end = virtio_pci_region_size(&function.pci, region);
	const uint64_t agreed = virtio_regs_agreed(&function.regs) ?
		function.regs.features : 0;
	uint8_t *copy;

	/* all else is refused before it comes here */
	if (len == 0 || offset >= end || len > end - offset)
		return 0;
	copy = malloc(len);
	FUZZ_CHECK(copy != NULL);
	memset(copy, 0, len);
	if ((flags & FLAG_WRITE) != 0) {
		if (size > len)
			size = len;
		memcpy(copy, data, size);
		function.resets = 0;
		virtio_pci_write(&function.pci, region, offset, copy, len);
		check_function(agreed);
	} else {
		size = 0;
		virtio_pci_read(&function.pci, region, offset, copy, len);
	}
	free(copy);
	return size;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint16_t offset;
	uint8_t head[4];
	size_t taken;

	if (size < 1)
		return 0;
	FUZZ_CHECK(function_start() == 0);
	function.refuse_features = (data[0] & SETTINGS_REFUSE) != 0;
	function.slow_reset = (data[0] & SETTINGS_SLOW_RESET) != 0;
	function.driver_ok_ret = (data[0] & SETTINGS_NO_START) != 0 ? -EIO : 0;
	for (data++, size--; size >= sizeof(head); data += taken, size -= taken) {
		memcpy(head, data, sizeof(head));
		data += sizeof(head);
		size -= sizeof(head);
		offset = head[1] | head[2] << 8;
		if ((head[0] & FLAG_RESET_DONE) != 0 && function.regs.resetting) {
			function.regs.resetting = false;
			virtio_regs_reset(&function.regs);
		}
		taken = touch(head[0], offset, head[3], data, size);
	}
	function_stop();
	return 0;
}
