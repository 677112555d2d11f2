/* SPDX-License-Identifier: BSD-3-Clause */

/* DMA mappings of external memory, remembered so that closing ends them. */

#include <errno.h>
#include <stdlib.h>

#include "vfio_private.h"

static void
range_keep(struct vfio_dev *dev, struct vfio_dma_range *range)
{
	pthread_mutex_lock(&dev->dma_lock);
	TAILQ_INSERT_HEAD(&dev->dma_ranges, range, next);
	pthread_mutex_unlock(&dev->dma_lock);
}

/* Take one off the list: nobody else unmaps it then. */
static struct vfio_dma_range *
range_take(struct vfio_dev *dev, const void *addr, uint64_t iova, size_t len)
{
	struct vfio_dma_range *range;

	pthread_mutex_lock(&dev->dma_lock);
	TAILQ_FOREACH(range, &dev->dma_ranges, next) {
		if (range->addr == addr && range->iova == iova &&
				range->len == len)
			break;
	}
	if (range != NULL)
		TAILQ_REMOVE(&dev->dma_ranges, range, next);
	pthread_mutex_unlock(&dev->dma_lock);
	return range;
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_dma_map)
int
vfio_dma_map(struct vfio_dev *dev, void *addr, uint64_t iova, size_t len)
{
	struct vfio_dma_range *range;
	int ret;

	if (len == 0)
		return -EINVAL;
	if (dev->iova_as_va)
		iova = (uintptr_t)addr;
	range = calloc(1, sizeof(*range));
	if (range == NULL)
		return -ENOMEM;
	range->addr = addr;
	range->iova = iova;
	range->len = len;
	ret = dev->ops->dma_map(&dev->tdev, addr, iova, len);
	if (ret < 0) {
		free(range);
		return ret;
	}
	range_keep(dev, range);
	return 0;
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_dma_unmap)
int
vfio_dma_unmap(struct vfio_dev *dev, void *addr, uint64_t iova, size_t len)
{
	struct vfio_dma_range *range;
	int ret;

	if (dev->iova_as_va)
		iova = (uintptr_t)addr;
	range = range_take(dev, addr, iova, len);
	if (range == NULL)
		return -ENOENT;
	ret = dev->ops->dma_unmap(&dev->tdev, addr, iova, len);
	if (ret < 0) {
		range_keep(dev, range);
		return ret;
	}
	free(range);
	return 0;
}

void
vfio_dma_release(struct vfio_dev *dev)
{
	struct vfio_dma_range *range;

	while ((range = TAILQ_FIRST(&dev->dma_ranges)) != NULL) {
		dev->ops->dma_unmap(&dev->tdev, range->addr, range->iova,
				range->len);
		TAILQ_REMOVE(&dev->dma_ranges, range, next);
		free(range);
	}
}
