/* SPDX-License-Identifier: BSD-3-Clause */

#include <string.h>

#include <linux/vfio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "virtio_function.h"

struct function function;

static bool
features_ok(void *arg __rte_unused, uint64_t features __rte_unused)
{
	function.asked++;
	return !function.refuse_features;
}

static int
driver_ok(void *arg __rte_unused)
{
	function.started++;
	if (function.driver_ok_ret == 0)
		function.regs.status |= VIRTIO_CONFIG_S_DRIVER_OK;
	return function.driver_ok_ret;
}

static void
failed(void *arg __rte_unused)
{
	function.failed++;
}

static int
reset(void *arg __rte_unused)
{
	function.resets++;
	if (function.slow_reset) {
		function.regs.resetting = true;
		return 1;
	}
	virtio_regs_reset(&function.regs);
	return 0;
}

static void
vector(void *arg __rte_unused, uint16_t queue __rte_unused)
{
	function.vectors++;
}

static uint16_t
notify_off(void *arg __rte_unused, uint16_t queue)
{
	return virtio_pci_notify_off(&function.pci, false, queue);
}

static void
config_read(void *arg __rte_unused, uint32_t offset, void *buf, uint32_t len)
{
	uint8_t *bytes = buf;
	uint32_t i;

	for (i = 0; i < len; i++)
		bytes[i] = 0xc0 + offset + i;
}

static void
notify(void *arg __rte_unused, uint16_t off)
{
	function.notified++;
	function.last_notify = off;
}

static const struct virtio_regs_ops regs_ops = {
	.features_ok = features_ok,
	.driver_ok = driver_ok,
	.failed = failed,
	.reset = reset,
	.vector = vector,
	.notify_off = notify_off,
};

static const struct virtio_pci_ops pci_ops = {
	.config_read = config_read,
	.notify = notify,
};

int
function_start(void)
{
	memset(&function, 0, sizeof(function));
	function.regs = (struct virtio_regs){
		.ops = &regs_ops,
		.queues = function.queues,
		.max_size = FUNCTION_MAX_SIZE,
		.nr_vectors = FUNCTION_VECTORS,
		.nr_queues = FUNCTION_QUEUES,
		.offered = FUNCTION_OFFERED,
	};
	virtio_regs_reset(&function.regs);
	return virtio_pci_init(&function.pci, &function.regs, 0x1041, 0x020000, &pci_ops,
		NULL);
}

void
function_stop(void)
{
	virtio_pci_uninit(&function.pci);
}

uint32_t
function_read(uint32_t index, uint64_t offset, uint32_t width)
{
	uint8_t bytes[4];
	uint32_t value = 0;

	virtio_pci_read(&function.pci, index, offset, bytes, width);
	while (width-- > 0)
		value = value << 8 | bytes[width];
	return value;
}

int
function_write(uint32_t index, uint64_t offset, uint32_t width, uint64_t value)
{
	uint8_t bytes[8];
	uint32_t i;

	for (i = 0; i < width; i++)
		bytes[i] = value >> 8 * i;
	return virtio_pci_write(&function.pci, index, offset, bytes, width);
}

uint32_t
common_read(uint32_t offset, uint32_t width)
{
	return function_read(VIRTIO_PCI_BAR, function.pci.at.common + offset, width);
}

int
common_write(uint32_t offset, uint32_t width, uint64_t value)
{
	return function_write(VIRTIO_PCI_BAR, function.pci.at.common + offset, width,
		value);
}

uint8_t
function_negotiate(uint64_t features)
{
	uint8_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
	unsigned int i;

	common_write(VIRTIO_PCI_COMMON_STATUS, 1, status);
	for (i = 0; i < 2; i++) {
		common_write(VIRTIO_PCI_COMMON_GFSELECT, 4, i);
		common_write(VIRTIO_PCI_COMMON_GF, 4, features >> 32 * i & UINT32_MAX);
	}
	common_write(VIRTIO_PCI_COMMON_STATUS, 1, status | VIRTIO_CONFIG_S_FEATURES_OK);
	return common_read(VIRTIO_PCI_COMMON_STATUS, 1);
}
