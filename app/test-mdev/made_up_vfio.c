/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>

#include <vfio_transport.h>

#include "made_up_sysfs.h"
#include "made_up_vfio.h"

struct made_up_vfio made_up_vfio;

/* The error that is set, once. */
static int
take(int *error)
{
	int ret = *error;

	*error = 0;
	return ret;
}

static bool
claims(const char *base, const char *addr)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s/mdev_type", base, addr);
	return strcmp(base, made_up_sysfs_root()) == 0 && access(path, F_OK) == 0;
}

static int
open_dev(struct vfio_transport_dev *tdev, const char *base __rte_unused,
		const char *addr)
{
	made_up_vfio.opens++;
	snprintf(made_up_vfio.last, sizeof(made_up_vfio.last), "%s", addr);
	tdev->priv = &made_up_vfio;
	if (made_up_vfio.fail_open == 0)
		made_up_vfio.opened++;
	return take(&made_up_vfio.fail_open);
}

static void
close_dev(struct vfio_transport_dev *tdev)
{
	tdev->priv = NULL;
	made_up_vfio.opened--;
}

static int
get_info(struct vfio_transport_dev *tdev __rte_unused,
		struct vfio_device_info *info)
{
	info->flags = made_up_vfio.flags;
	info->num_regions = VFIO_PCI_NUM_REGIONS;
	info->num_irqs = VFIO_PCI_NUM_IRQS;
	return take(&made_up_vfio.fail_info);
}

static int
get_region_info(struct vfio_transport_dev *tdev __rte_unused,
		struct vfio_region_info *info)
{
	info->offset = (uint64_t)info->index << 40;
	info->size = 0;
	info->flags = 0;
	if (info->index == VFIO_PCI_CONFIG_REGION_INDEX) {
		info->size = 256;
		info->flags = VFIO_REGION_INFO_FLAG_READ;
	}
	return 0;
}

static ssize_t
region_read(struct vfio_transport_dev *tdev __rte_unused, uint32_t index,
		uint64_t region_offset __rte_unused, uint64_t offset, void *buf,
		size_t len)
{
	uint8_t config[256] = {
		made_up_vfio.vendor & 0xff, made_up_vfio.vendor >> 8,
		made_up_vfio.device & 0xff, made_up_vfio.device >> 8,
	};
	int error = take(&made_up_vfio.fail_read);

	if (error < 0)
		return error;
	if (index != VFIO_PCI_CONFIG_REGION_INDEX || offset + len > sizeof(config))
		return -EINVAL;
	memcpy(buf, config + offset, len);
	return len;
}

static ssize_t
region_write(struct vfio_transport_dev *tdev __rte_unused,
		uint32_t index __rte_unused, uint64_t region_offset __rte_unused,
		uint64_t offset __rte_unused, const void *buf __rte_unused,
		size_t len __rte_unused)
{
	return -EIO;
}

static int
region_mmap(struct vfio_transport_dev *tdev __rte_unused,
		uint32_t index __rte_unused, uint64_t region_offset __rte_unused,
		uint64_t offset __rte_unused, size_t len __rte_unused,
		int prot __rte_unused, void *addr __rte_unused)
{
	return -ENODEV;
}

static int
get_irq_info(struct vfio_transport_dev *tdev __rte_unused,
		struct vfio_irq_info *info)
{
	info->count = 0;
	return 0;
}

static int
set_irqs(struct vfio_transport_dev *tdev __rte_unused,
		const struct vfio_irq_set *set __rte_unused)
{
	return 0;
}

static int
reset_dev(struct vfio_transport_dev *tdev __rte_unused)
{
	return 0;
}

static int
dma_map(struct vfio_transport_dev *tdev __rte_unused, void *addr __rte_unused,
		uint64_t iova __rte_unused, size_t len __rte_unused)
{
	made_up_vfio.mapped++;
	return 0;
}

static int
dma_unmap(struct vfio_transport_dev *tdev __rte_unused, void *addr __rte_unused,
		uint64_t iova __rte_unused, size_t len __rte_unused)
{
	made_up_vfio.mapped--;
	return 0;
}

static const struct vfio_transport_ops ops = {
	.name = "made-up",
	.match = claims,
	.open = open_dev,
	.close = close_dev,
	.get_info = get_info,
	.get_region_info = get_region_info,
	.region_read = region_read,
	.region_write = region_write,
	.region_mmap = region_mmap,
	.get_irq_info = get_irq_info,
	.set_irqs = set_irqs,
	.reset = reset_dev,
	.dma_map = dma_map,
	.dma_unmap = dma_unmap,
};

static struct vfio_transport transport = { .ops = &ops };

void
made_up_vfio_start(void)
{
	memset(&made_up_vfio, 0, sizeof(made_up_vfio));
	made_up_vfio.flags = VFIO_DEVICE_FLAGS_PCI;
	made_up_vfio.vendor = 0x1af4;
	made_up_vfio.device = 0x1041;
	vfio_transport_register(&transport);
}

void
made_up_vfio_stop(void)
{
	vfio_transport_unregister(&transport);
}
