/* SPDX-License-Identifier: BSD-3-Clause */

/* What the client sees: regions, and that it comes and goes. */

#include <errno.h>

#include "device_private.h"

static int
attached(void *arg)
{
	return device_doorbell_open(arg);
}

/*
 * Nothing of the client's is kept. The backend still has its memory until it has
 * stopped, and the next client finds a device whose reset is not over.
 */
static void
detached(void *arg)
{
	struct device *dev = arg;

	dev->later = false;
	loop_timer_cancel(&dev->patience);
	device_irq_clear(dev);
	dma_table_clear(&dev->memory);
	dev->release = true; /* the memory of a client that is gone is given back */
	device_doorbell_close(dev);
	virtio_pci_reset(&dev->pci);
	ctrl_queue_stop(&dev->cq);
	dev->regs.resetting = true;
	device_settle(dev);
}

static int
region_info(void *arg, uint32_t index, struct vfu_region *region)
{
	const struct device *dev = arg;

	region->size = virtio_pci_region_size(&dev->pci, index);
	region->fd = -1;
	if (region->size > 0)
		region->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	if (index == VFIO_PCI_BAR0_REGION_INDEX + VIRTIO_PCI_BAR)
		device_doorbell_region(dev, region);
	return 0;
}

static int
region_io_fds(void *arg, uint32_t index, struct vfu_io_fd *fds)
{
	return index == VFIO_PCI_BAR0_REGION_INDEX + VIRTIO_PCI_BAR ?
		device_doorbell_io_fds(arg, fds) : 0;
}

/* Who turns to the regions has given us its memory, most likely, and begins to drive. */
static int
region_read(void *arg, uint32_t index, uint64_t offset, void *buf, uint32_t len)
{
	struct device *dev = arg;

	if (dev->other_memory && dev->regs.status == 0)
		device_backend_prepare(dev);
	virtio_pci_read(&dev->pci, index, offset, buf, len);
	return 0;
}

static int
region_write(void *arg, uint32_t index, uint64_t offset, const void *buf, uint32_t len)
{
	struct device *dev = arg;

	return virtio_pci_write(&dev->pci, index, offset, buf, len);
}

/* Eventfds and memory stay, as with a function that the kernel resets. */
static int
reset(void *arg)
{
	struct device *dev = arg;

	virtio_pci_reset(&dev->pci);
	return device_reset(dev);
}

const struct vfu_ops device_vfu_ops = {
	.nr_regions = VFIO_PCI_NUM_REGIONS,
	.nr_irqs = VFIO_PCI_NUM_IRQS,
	.max_dma_regions = VHOST_USER_MAX_REGIONS,
	.max_dma_maps = device_dma_max_maps,
	.attached = attached,
	.detached = detached,
	.region_info = region_info,
	.region_io_fds = region_io_fds,
	.region_read = region_read,
	.region_write = region_write,
	.irq_info = device_irq_info,
	.irq_set = device_irq_set,
	.irq_trigger = device_irq_trigger,
	.irq_mask = device_irq_mask,
	.dma_map = device_dma_map,
	.dma_unmap = device_dma_unmap,
	.dma_unmap_all = device_dma_unmap_all,
	.reset = reset,
};
