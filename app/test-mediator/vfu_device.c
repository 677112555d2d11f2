/* SPDX-License-Identifier: BSD-3-Clause */

/* A device that remembers what it was asked to do. */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fdmsg.h"
#include "vfu_device.h"
#include "vfu_peer.h"

static int
called(struct peer *p, const char *op, uint32_t index, uint64_t a, uint64_t b, uint64_t c)
{
	p->calls++;
	p->call = (struct peer_call) { .op = op, .index = index, .a = a, .b = b, .c = c };
	if (p->within != NULL)
		p->within();
	return p->ret;
}

static int
dev_attached(void *arg)
{
	struct peer *p = arg;

	p->attached++;
	return 0;
}

static void
dev_detached(void *arg)
{
	struct peer *p = arg;

	p->detached++;
	peer_forget_fds();
}

static int
dev_region_info(void *arg, uint32_t index, struct vfu_region *region)
{
	const uint32_t r = VFIO_REGION_INFO_FLAG_READ, w = VFIO_REGION_INFO_FLAG_WRITE;
	const uint32_t m = VFIO_REGION_INFO_FLAG_MMAP;
	static const uint64_t sizes[] = {
		0x3000, 0x1000, 0, 0x100, 0x2000, UINT64_MAX, 0x100,
	};
	const uint32_t flags[] = { r | w | m, r | w, 0, r, r | w | m, r | w, w };
	struct peer *p = arg;

	p->infos++;
	region->size = sizes[index];
	region->flags = flags[index];
	if ((region->flags & m) != 0)
		region->fd = p->memfd;
	region->offset = index << 12;
	if (index == PEER_REGION_SPARSE) {
		region->nr_areas = 1;
		region->areas[0].offset = 0x2000;
		region->areas[0].size = 0x1000;
	}
	return 0;
}

static int
dev_region_io_fds(void *arg, uint32_t index, struct vfu_io_fd *fds)
{
	struct peer *p = arg;
	unsigned int i;

	if (index != PEER_REGION_SPARSE)
		return 0;
	for (i = 0; i < p->io_count; i++)
		fds[i] = (struct vfu_io_fd) {
			.offset = 4 * i,
			.size = 2,
			.fd = p->io_fds[i % PEER_IO_DISTINCT],
			.datamatch = i % 2 == 1,
			.value = i,
		};
	return p->io_count;
}

static int
dev_region_read(void *arg, uint32_t index, uint64_t offset, void *buf, uint32_t len)
{
	memset(buf, 0x5a, len);
	return called(arg, "read", index, offset, len, 0);
}

static int
dev_region_write(void *arg, uint32_t index, uint64_t offset, const void *buf, uint32_t len)
{
	struct peer *p = arg;
	int ret = called(p, "write", index, offset, len, 0);

	memcpy(&p->call.byte, buf, 1);
	return ret;
}

static int
dev_irq_info(void *arg __attribute__((unused)), uint32_t index, uint32_t *flags,
		uint32_t *count)
{
	static const uint32_t counts[] = { 1, 0, PEER_MSIX, 1 };
	static const uint32_t all_flags[] = {
		VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE,
		VFIO_IRQ_INFO_EVENTFD,
		VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE,
		VFIO_IRQ_INFO_MASKABLE,
	};

	*count = counts[index];
	*flags = all_flags[index];
	return 0;
}

static int
dev_irq_set(void *arg, uint32_t index, uint32_t start, uint32_t count, const int *fds)
{
	struct peer *p = arg;
	uint32_t i;

	if (index == PEER_IRQ_MSIX) {
		fdmsg_close(&p->irq_fds[start], count);
		for (i = 0; i < count; i++)
			p->irq_fds[start + i] = fds[i];
	} else {
		fdmsg_close(fds, count);
	}
	return called(p, "irq_set", index, start, count, 0);
}

static int
dev_irq_trigger(void *arg, uint32_t index, uint32_t vector)
{
	struct peer *p = arg;

	p->triggered++;
	return called(p, "irq_trigger", index, vector, 0, 0);
}

static int
dev_irq_mask(void *arg, uint32_t index, uint32_t start, uint32_t count, bool mask)
{
	struct peer *p = arg;

	if (mask)
		p->masked += count;
	else
		p->unmasked += count;
	return called(p, "irq_mask", index, start, count, mask);
}

static int
dev_dma_map(void *arg, uint64_t iova, uint64_t size, uint64_t offset, uint32_t prot,
		int fd)
{
	struct peer *p = arg;

	fdmsg_close(&p->dma_fd, 1);
	p->dma_fd = fd;
	return called(p, fd >= 0 ? "dma_map with fd" : "dma_map", prot, iova, size, offset);
}

static int
dev_dma_unmap(void *arg, uint64_t iova, uint64_t size)
{
	return called(arg, "dma_unmap", 0, iova, size, 0);
}

static int
dev_dma_unmap_all(void *arg)
{
	return called(arg, "dma_unmap_all", 0, 0, 0, 0);
}

static int
dev_reset(void *arg)
{
	return called(arg, "reset", 0, 0, 0, 0);
}

static uint32_t
dev_max_dma_maps(void *arg)
{
	const struct peer *p = arg;

	return p->max_dma_maps != 0 ? p->max_dma_maps : UINT32_MAX;
}

const struct vfu_ops vfu_device_ops = {
	.nr_regions = PEER_NR_REGIONS,
	.nr_irqs = PEER_NR_IRQS,
	.max_dma_regions = 3,
	.max_dma_maps = dev_max_dma_maps,
	.attached = dev_attached,
	.detached = dev_detached,
	.region_info = dev_region_info,
	.region_io_fds = dev_region_io_fds,
	.region_read = dev_region_read,
	.region_write = dev_region_write,
	.irq_info = dev_irq_info,
	.irq_set = dev_irq_set,
	.irq_trigger = dev_irq_trigger,
	.irq_mask = dev_irq_mask,
	.dma_map = dev_dma_map,
	.dma_unmap = dev_dma_unmap,
	.dma_unmap_all = dev_dma_unmap_all,
	.reset = dev_reset,
};
