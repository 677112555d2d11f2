/* SPDX-License-Identifier: BSD-3-Clause */

/* The client's memory, and what the backend knows of it. */

#include <errno.h>
#include <inttypes.h>
#include <sys/resource.h>

#include <linux/virtio_config.h>

#include "device_private.h"
#include "foreign_fd.h"
#include "log.h"
#include "virtio_ring.h"

/* Files of a client's memory that are always to be had, and their part of all. */
#define FEW_FILES 16
#define FEW_FILES_PART 64

static int
too_many(struct device *dev, unsigned int count)
{
	if (log_may(&dev->log_limit, dev->name))
		LOG(ERR, "%s: the application's memory is in %u pieces, and a backend takes %u: start the application with --single-file-segments",
			dev->name, count, VHOST_USER_MAX_REGIONS);
	return -ENOSPC;
}

int
device_dma_check(struct device *dev)
{
	unsigned int count = dma_table_merge(&dev->memory, NULL, 0);

	return count > VHOST_USER_MAX_REGIONS ? too_many(dev, count) : 0;
}

int
device_dma_stray_queue(const struct device *dev)
{
	struct dma_range ranges[VHOST_USER_MAX_REGIONS];
	bool packed = virtio_regs_has(&dev->regs, VIRTIO_F_RING_PACKED);
	unsigned int count;
	int i;

	count = dma_table_merge(&dev->memory, ranges, VHOST_USER_MAX_REGIONS);
	if (count > VHOST_USER_MAX_REGIONS)
		count = VHOST_USER_MAX_REGIONS;
	for (i = 0; i < device_data_queues(dev); i++) {
		if (dev->queues[i].enabled && !virtio_ring_within(&dev->queues[i],
				packed, ranges, count))
			return i;
	}
	return -1;
}

/*
 * Each piece is an open file of this process's, of which there are few, and other devices
 * need theirs: an eighth for one device, and once the clients of all have half, only a few.
 * A backend takes no more than 8 files after all.
 */
uint32_t
device_dma_max_maps(void *arg __attribute__((unused)))
{
	struct rlimit limit;
	rlim_t most;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return DMA_TABLE_MAX;
	most = limit.rlim_cur / 8;
	if (dma_table_files() >= limit.rlim_cur / 2 && most > FEW_FILES) {
		most = limit.rlim_cur / FEW_FILES_PART;
		if (most < FEW_FILES)
			most = FEW_FILES;
	}
	return most > DMA_TABLE_MAX ? DMA_TABLE_MAX : most;
}

static int
no_files(struct device *dev)
{
	if (log_may(&dev->log_limit, dev->name))
		LOG(ERR, "%s: the application's memory is in more files than are left for it: raise the limit of open files (LimitNOFILE= of systemd, ulimit -n), or start the application with --single-file-segments",
			dev->name);
	return -ENOSPC;
}

static void
no_memory(struct device *dev, uint64_t iova)
{
	if (log_may(&dev->log_limit, dev->name))
		LOG(ERR, "%s: the application's memory at %#" PRIx64 " is in a file that is no memory: use hugepages, a memfd or a file in /dev/shm (no disk, network or FUSE)",
			dev->name, iova);
}

/*
 * While no backend runs, pieces may come in any number and order, and be joined by those
 * that follow: they are counted when the driver starts. A backend that runs is told of
 * each at once.
 */
int
device_dma_map(void *arg, uint64_t iova, uint64_t size, uint64_t offset, uint32_t prot,
		int fd)
{
	struct device *dev = arg;
	int ret;

	if (fd >= 0 && dev->memory.count >= device_dma_max_maps(dev)) {
		foreign_fd_close(vfu_server_peer(dev->server), &fd, 1);
		return no_files(dev);
	}
	ret = dma_table_add(&dev->memory, iova, size, offset, prot, fd);
	if (ret < 0) {
		foreign_fd_close(vfu_server_peer(dev->server), &fd, 1);
		if (ret == -ENOTSUP)
			no_memory(dev, iova);
		return ret;
	}
	dev->other_memory = true;
	if (fd < 0 || !device_backend_active(dev))
		return 0;
	ret = device_dma_check(dev);
	if (ret < 0) {
		dma_table_remove(&dev->memory, iova, size);
		return ret;
	}
	dev->remap = true;
	return device_settle_for_client(dev);
}

/* Taking this away makes two pieces of one, which is one too many: the client has to keep it. */
static bool
splits_last(const struct device *dev, uint64_t iova, uint64_t size)
{
	struct dma_range ranges[VHOST_USER_MAX_REGIONS];
	unsigned int count, i;

	count = dma_table_merge(&dev->memory, ranges, VHOST_USER_MAX_REGIONS);
	if (count != VHOST_USER_MAX_REGIONS)
		return false;
	for (i = 0; i < count; i++) {
		if (iova > ranges[i].iova && size < ranges[i].size &&
				iova - ranges[i].iova < ranges[i].size - size)
			return true;
	}
	return false;
}

/*
 * An unmap that a backend could not follow is refused: it would have to be stopped. One of
 * a ring that it uses is the client's mistake, but the memory is the client's.
 */
int
device_dma_unmap(void *arg, uint64_t iova, uint64_t size)
{
	struct device *dev = arg;
	int ret, stray;

	if (device_backend_active(dev) && splits_last(dev, iova, size))
		return -ENOSPC;
	ret = dma_table_remove(&dev->memory, iova, size);
	if (ret < 0)
		return ret;
	if (!device_backend_active(dev)) {
		dev->release = vhost_user_has_memory(dev->vu);
	} else {
		dev->remap = true;
		stray = device_dma_stray_queue(dev);
		if (stray >= 0 && virtio_regs_live(&dev->regs))
			device_needs_reset(dev, "the application has unmapped the memory of virtqueue %d, which is in use: it is to stop the port first",
				stray);
	}
	return device_settle_for_client(dev);
}

int
device_dma_unmap_all(void *arg)
{
	struct device *dev = arg;

	dma_table_clear(&dev->memory);
	if (!device_backend_active(dev)) {
		dev->release = vhost_user_has_memory(dev->vu);
	} else {
		dev->remap = true;
		if (virtio_regs_live(&dev->regs))
			device_needs_reset(dev, "the application has unmapped all memory of a device in use: it is to stop the port first");
	}
	return device_settle_for_client(dev);
}
