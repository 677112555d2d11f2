/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include <rte_common.h>

#include <vfio_transport.h>

#include "fake_vfio.h"
#include "fault_inject.h"

struct fake_vfio fake_vfio;

static const char * const op_names[] = {
	[FAKE_OP_OPEN] = "open of the device",
	[FAKE_OP_GET_INFO] = "get_info",
	[FAKE_OP_GET_REGION_INFO] = "get_region_info",
	[FAKE_OP_REGION_READ] = "region_read",
	[FAKE_OP_REGION_WRITE] = "region_write",
	[FAKE_OP_REGION_MMAP] = "region_mmap",
	[FAKE_OP_REGION_FD] = "region_fd",
	[FAKE_OP_REGION_IOEVENTFD] = "region_ioeventfd",
	[FAKE_OP_GET_IRQ_INFO] = "get_irq_info",
	[FAKE_OP_SET_IRQS] = "set_irqs",
	[FAKE_OP_RESET] = "reset",
	[FAKE_OP_DMA_MAP] = "dma_map",
	[FAKE_OP_DMA_UNMAP] = "dma_unmap",
};

static bool
failing(enum fake_vfio_op op)
{
	if (fault_now(op_names[op]))
		return true;
	if (fake_vfio.fail != op)
		return false;
	if (fake_vfio.fail_after > 0) {
		fake_vfio.fail_after--;
		return false;
	}
	fake_vfio.fail = FAKE_OP_NONE;
	return true;
}

static bool
fake_match(const char *base, const char *addr)
{
	return strcmp(base, fake_vfio.base) == 0 && (fake_vfio.addr == NULL ||
		strcmp(addr, fake_vfio.addr) == 0);
}

static int
fake_open(struct vfio_transport_dev *tdev, const char *base __rte_unused,
		const char *addr __rte_unused)
{
	if (failing(FAKE_OP_OPEN))
		return -EACCES;
	tdev->priv = &fake_vfio;
	tdev->gone_fd = fake_vfio.gone_fd;
	fake_vfio.opened++;
	fake_vfio.opens++;
	return 0;
}

static void
fake_close(struct vfio_transport_dev *tdev)
{
	tdev->priv = NULL;
	fake_vfio.opened--;
}

static int
fake_get_info(struct vfio_transport_dev *tdev __rte_unused,
		struct vfio_device_info *info)
{
	if (failing(FAKE_OP_GET_INFO))
		return -EIO;
	info->flags = fake_vfio.info.flags;
	info->num_regions = fake_vfio.info.num_regions;
	info->num_irqs = fake_vfio.info.num_irqs;
	return 0;
}

static int
fake_get_region_info(struct vfio_transport_dev *tdev __rte_unused,
		struct vfio_region_info *info)
{
	const struct fake_vfio_region *region = &fake_vfio.regions[info->index];
	uint32_t room = info->argsz;

	if (failing(FAKE_OP_GET_REGION_INFO))
		return -EIO;
	if (fake_vfio.strict_argsz &&
			room > RTE_MAX((size_t)region->argsz, sizeof(*info)))
		return -EINVAL;
	info->flags = region->flags;
	info->size = region->size;
	info->offset = region->offset;
	info->cap_offset = 0;
	if (region->argsz > 0) {
		info->argsz = region->argsz;
		info->flags |= VFIO_REGION_INFO_FLAG_CAPS;
		if (room >= region->argsz) {
			info->cap_offset = region->cap_offset;
			memcpy(info + 1, region->caps,
				RTE_MIN(room - sizeof(*info), sizeof(region->caps)));
		}
	}
	return 0;
}

static size_t
fake_transfer(size_t len)
{
	return fake_vfio.max_transfer > 0 ?
		RTE_MIN(len, fake_vfio.max_transfer) : len;
}

static ssize_t
fake_region_read(struct vfio_transport_dev *tdev __rte_unused, uint32_t index,
		uint64_t region_offset, uint64_t offset, void *buf, size_t len)
{
	struct fake_vfio_region *region = &fake_vfio.regions[index];

	if (failing(FAKE_OP_REGION_READ))
		return -EIO;
	if (fake_vfio.gone)
		return -ENODEV;
	if (region_offset != region->offset || offset + len > region->backed)
		return 0;
	region->reads++;
	len = fake_transfer(len);
	if (region->read != NULL)
		region->read(offset, buf, len);
	else
		memcpy(buf, region->mem + offset, len);
	return len;
}

static ssize_t
fake_region_write(struct vfio_transport_dev *tdev __rte_unused, uint32_t index,
		uint64_t region_offset, uint64_t offset, const void *buf,
		size_t len)
{
	struct fake_vfio_region *region = &fake_vfio.regions[index];

	if (failing(FAKE_OP_REGION_WRITE))
		return -EIO;
	if (fake_vfio.gone)
		return -ENODEV;
	if (region_offset != region->offset || offset + len > region->backed)
		return 0;
	region->writes++;
	len = fake_transfer(len);
	if (region->write != NULL)
		region->write(offset, buf, len);
	else
		memcpy(region->mem + offset, buf, len);
	return len;
}

static int
fake_region_mmap(struct vfio_transport_dev *tdev __rte_unused, uint32_t index,
		uint64_t region_offset __rte_unused, uint64_t offset, size_t len,
		int prot, void *at)
{
	void *addr;

	if (failing(FAKE_OP_REGION_MMAP))
		return -ENODEV;
	addr = mmap(at, len, prot, MAP_SHARED | MAP_FIXED,
			fake_vfio.regions[index].fd, offset);
	return addr == MAP_FAILED ? -errno : 0;
}

static int
fake_region_fd(struct vfio_transport_dev *tdev __rte_unused, uint32_t index,
		uint64_t offset, size_t len __rte_unused, uint64_t *fd_offset)
{
	if (failing(FAKE_OP_REGION_FD))
		return -EIO;
	*fd_offset = offset;
	return fake_vfio.regions[index].fd;
}

static int
fake_region_ioeventfd(struct vfio_transport_dev *tdev __rte_unused,
		uint32_t index __rte_unused, uint64_t offset __rte_unused,
		size_t width __rte_unused, uint64_t value __rte_unused)
{
	if (failing(FAKE_OP_REGION_IOEVENTFD))
		return -EIO;
	return fake_vfio.ioeventfd < 0 ? -ENOTSUP : fake_vfio.ioeventfd;
}

static int
fake_get_irq_info(struct vfio_transport_dev *tdev __rte_unused,
		struct vfio_irq_info *info)
{
	if (failing(FAKE_OP_GET_IRQ_INFO))
		return -EIO;
	info->flags = fake_vfio.irqs[info->index].flags;
	info->count = fake_vfio.irqs[info->index].count;
	return 0;
}

static int
fake_set_irqs(struct vfio_transport_dev *tdev __rte_unused,
		const struct vfio_irq_set *set)
{
	struct fake_vfio_irq *irq = &fake_vfio.irqs[set->index];
	const int32_t *fds = (const int32_t *)set->data;
	uint32_t i;

	if (failing(FAKE_OP_SET_IRQS))
		return -EIO;
	if (set->start + set->count > RTE_DIM(irq->fds))
		return -EINVAL;
	if (set->flags == (VFIO_IRQ_SET_DATA_NONE |
			VFIO_IRQ_SET_ACTION_TRIGGER) && set->count == 0) {
		for (i = 0; i < RTE_DIM(irq->fds); i++)
			irq->fds[i] = -1;
		return 0;
	}
	for (i = 0; i < set->count; i++) {
		if (set->flags & VFIO_IRQ_SET_DATA_EVENTFD)
			irq->fds[set->start + i] = fds[i];
		if (set->flags & VFIO_IRQ_SET_ACTION_MASK)
			irq->masked[set->start + i] = true;
		if (set->flags & VFIO_IRQ_SET_ACTION_UNMASK)
			irq->masked[set->start + i] = false;
	}
	return 0;
}

static int
fake_reset(struct vfio_transport_dev *tdev __rte_unused)
{
	if (failing(FAKE_OP_RESET))
		return -EIO;
	if (fake_vfio.gone)
		return -ENODEV;
	fake_vfio.resets++;
	return 0;
}

static int
fake_dma_map(struct vfio_transport_dev *tdev __rte_unused,
		void *addr __rte_unused, uint64_t iova, size_t len __rte_unused)
{
	if (failing(FAKE_OP_DMA_MAP))
		return -ENOSPC;
	fake_vfio.dma_iova = iova;
	fake_vfio.dma_mapped++;
	return 0;
}

static int
fake_dma_unmap(struct vfio_transport_dev *tdev __rte_unused,
		void *addr __rte_unused, uint64_t iova __rte_unused,
		size_t len __rte_unused)
{
	if (failing(FAKE_OP_DMA_UNMAP))
		return -EIO;
	fake_vfio.dma_mapped--;
	if (fake_vfio.dma_unmapping != NULL)
		fake_vfio.dma_unmapping();
	return 0;
}

#define FAKE_OPS \
	.match = fake_match, \
	.open = fake_open, \
	.close = fake_close, \
	.get_info = fake_get_info, \
	.get_region_info = fake_get_region_info, \
	.region_read = fake_region_read, \
	.region_write = fake_region_write, \
	.region_mmap = fake_region_mmap, \
	.region_fd = fake_region_fd, \
	.region_ioeventfd = fake_region_ioeventfd, \
	.get_irq_info = fake_get_irq_info, \
	.set_irqs = fake_set_irqs, \
	.reset = fake_reset, \
	.dma_map = fake_dma_map, \
	.dma_unmap = fake_dma_unmap

static const struct vfio_transport_ops fake_ops = {
	.name = "fake",
	FAKE_OPS,
};

static const struct vfio_transport_ops fake_va_ops = {
	.name = "fake-va",
	.iova_as_va = true,
	FAKE_OPS,
};

const struct vfio_transport_ops *fake_vfio_ops = &fake_ops;

static struct vfio_transport fake_transport = { .ops = &fake_ops };

int
fake_vfio_start(void)
{
	unsigned int i, j;

	memset(&fake_vfio, 0, sizeof(fake_vfio));
	fake_vfio.base = FAKE_VFIO_BASE;
	fake_vfio.addr = FAKE_VFIO_ADDR;
	fake_vfio.gone_fd = -1;
	fake_vfio.ioeventfd = -1;
	fake_transport.ops = &fake_ops;
	fake_vfio.info.flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	fake_vfio.info.num_regions = FAKE_VFIO_REGIONS;
	fake_vfio.info.num_irqs = FAKE_VFIO_IRQS;
	for (i = 0; i < FAKE_VFIO_REGIONS; i++) {
		fake_vfio.regions[i].fd = -1;
		fake_vfio.regions[i].offset = (uint64_t)i << 40;
	}
	for (i = 0; i < FAKE_VFIO_IRQS; i++) {
		for (j = 0; j < FAKE_VFIO_VECTORS; j++)
			fake_vfio.irqs[i].fds[j] = -1;
	}
	vfio_transport_register(&fake_transport);
	return 0;
}

void
fake_vfio_use_va(void)
{
	fake_transport.ops = &fake_va_ops;
}

void
fake_vfio_stop(void)
{
	struct fake_vfio_region *region;
	unsigned int i;

	vfio_transport_unregister(&fake_transport);
	for (i = 0; i < FAKE_VFIO_REGIONS; i++) {
		region = &fake_vfio.regions[i];
		if (region->backed > 0)
			munmap(region->mem, region->backed);
		if (region->fd >= 0)
			close(region->fd);
	}
}

int
fake_vfio_back(uint32_t index, uint64_t size, uint32_t flags)
{
	struct fake_vfio_region *region = &fake_vfio.regions[index];

	region->fd = memfd_create("fake-vfio", MFD_CLOEXEC);
	if (region->fd < 0 || ftruncate(region->fd, size) < 0)
		return -errno;
	region->mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			region->fd, 0);
	if (region->mem == MAP_FAILED)
		return -errno;
	region->size = region->backed = size;
	region->flags = flags;
	return 0;
}

uint32_t
fake_vfio_add_cap(uint32_t index, uint16_t id, const void *data, size_t len)
{
	const uint32_t plain = sizeof(struct vfio_region_info);
	struct fake_vfio_region *region = &fake_vfio.regions[index];
	struct vfio_info_cap_header header = { .id = id, .version = 1 }, *last;
	uint32_t at, offset;

	if (region->argsz == 0)
		region->argsz = plain;
	offset = RTE_ALIGN_CEIL(region->argsz, 8u);
	if (offset - plain + sizeof(header) + len > sizeof(region->caps))
		return 0;
	if (region->cap_offset == 0) {
		region->cap_offset = offset;
	} else {
		for (at = region->cap_offset; ; at = last->next) {
			last = RTE_PTR_ADD(region->caps, at - plain);
			if (last->next == 0)
				break;
		}
		last->next = offset;
	}
	memcpy(region->caps + offset - plain, &header, sizeof(header));
	if (len > 0)
		memcpy(region->caps + offset - plain + sizeof(header), data, len);
	region->argsz = offset + sizeof(header) + len;
	return offset;
}

uint32_t
fake_vfio_add_sparse(uint32_t index, uint32_t nr_areas, const uint64_t *areas)
{
	struct {
		uint32_t nr_areas;
		uint32_t reserved;
		uint64_t areas[32];
	} cap = { .nr_areas = nr_areas };

	if (nr_areas > RTE_DIM(cap.areas) / 2)
		return 0;
	memcpy(cap.areas, areas, nr_areas * 2 * sizeof(cap.areas[0]));
	return fake_vfio_add_cap(index, VFIO_REGION_INFO_CAP_SPARSE_MMAP, &cap,
		8 + nr_areas * 2 * sizeof(cap.areas[0]));
}
