/* SPDX-License-Identifier: BSD-3-Clause */

/* Regions: information, mapping, reads and writes. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <vfio_fd.h>

#include "vfio_user_private.h"

static struct vfio_user_region *
region_find(struct vfio_user_dev *dev, uint32_t index)
{
	struct vfio_user_region *region;

	TAILQ_FOREACH(region, &dev->regions, next) {
		if (region->index == index)
			return region;
	}
	return NULL;
}

struct vfio_user_region *
vfio_user_region_entry(struct vfio_user_dev *dev, uint32_t index)
{
	struct vfio_user_region *region = region_find(dev, index);

	if (region != NULL)
		return region;
	region = calloc(1, sizeof(*region));
	if (region == NULL)
		return NULL;
	region->index = index;
	region->fd = -1;
	TAILQ_INSERT_TAIL(&dev->regions, region, next);
	return region;
}

void
vfio_user_regions_release(struct vfio_user_dev *dev)
{
	struct vfio_user_region *region;

	while ((region = TAILQ_FIRST(&dev->regions)) != NULL) {
		TAILQ_REMOVE(&dev->regions, region, next);
		vfio_fd_close(region->io_fds, region->nr_io_fds);
		vfio_fd_close(&region->fd, 1);
		free(region->io_fds);
		free(region->io);
		free(region);
	}
}

/* The last answer counts: the fd goes with it, and an earlier one is not needed. */
static void
region_keep(struct vfio_user_region *region, struct vfio_region_info *info,
		uint32_t room, int fd)
{
	vfio_fd_close(&region->fd, 1);
	region->fd = fd;
	region->size = info->size;
	region->offset = info->offset;
	/* what is mappable without a file is reached by messages, which always works */
	if (fd < 0 && info->argsz <= room)
		info->flags &= ~(uint32_t)VFIO_REGION_INFO_FLAG_MMAP;
}

static int
region_info(struct vfio_user_dev *dev, struct vfio_region_info *info)
{
	const uint32_t room = info->argsz, index = info->index;
	struct vfio_region_info ask = { .argsz = room, .index = index };
	int fd = -1, ret;
	struct vfio_user_request req = {
		.command = VFIO_USER_DEVICE_GET_REGION_INFO,
		.out = { { &ask, sizeof(ask) } },
		.in = { { info, room } },
		.in_min = sizeof(*info),
		.in_fds = &fd,
		.in_max_fds = 1,
	};
	struct vfio_user_region *region;

	region = vfio_user_region_entry(dev, index);
	if (region == NULL)
		return -ENOMEM;
	ret = vfio_user_request(&dev->conn, &req);
	if (ret < 0)
		return ret;
	region_keep(region, info, room, fd);
	if (info->index != index)
		return vfio_user_conn_break(&dev->conn, -EPROTO,
			"its server speaks of another region than was asked for");
	return 0;
}

int
vfio_user_get_region_info(struct vfio_transport_dev *tdev,
		struct vfio_region_info *info)
{
	struct vfio_user_dev *dev = tdev->priv;
	int ret;

	pthread_mutex_lock(&dev->conn.lock);
	ret = region_info(dev, info);
	pthread_mutex_unlock(&dev->conn.lock);
	return ret;
}

/*
 * Read or write a part, as much as one message has. The reply repeats what was asked;
 * count may be less.
 */
static ssize_t
region_access(struct vfio_user_dev *dev, uint16_t command, uint32_t index,
		uint64_t offset, void *buf, size_t len)
{
	struct vfio_user_region_access ask = {
		.offset = offset,
		.region = index,
		.count = RTE_MIN(len, dev->caps.max_xfer),
	}, reply;
	const struct iovec data = { buf, ask.count };
	struct vfio_user_request req = {
		.command = command,
		.out = { { &ask, sizeof(ask) } },
		.in = { { &reply, sizeof(reply) } },
		.in_min = sizeof(reply),
	};
	ssize_t ret;

	if (command == VFIO_USER_REGION_READ)
		req.in[1] = data;
	else
		req.out[1] = data;
	pthread_mutex_lock(&dev->conn.lock);
	ret = vfio_user_request(&dev->conn, &req);
	if (ret == 0 && (reply.region != ask.region || reply.offset != ask.offset ||
			reply.count > ask.count ||
			/* of bytes that did not come, or of less than came */
			(command == VFIO_USER_REGION_READ &&
			reply.count != req.in_len - sizeof(reply))))
		ret = vfio_user_conn_break(&dev->conn, -EPROTO,
			"its server answers another access than was asked for");
	pthread_mutex_unlock(&dev->conn.lock);
	return ret < 0 ? ret : (ssize_t)reply.count;
}

ssize_t
vfio_user_region_read(struct vfio_transport_dev *tdev, uint32_t index,
		uint64_t region_offset __rte_unused, uint64_t offset, void *buf,
		size_t len)
{
	return region_access(tdev->priv, VFIO_USER_REGION_READ, index, offset, buf, len);
}

ssize_t
vfio_user_region_write(struct vfio_transport_dev *tdev, uint32_t index,
		uint64_t region_offset __rte_unused, uint64_t offset, const void *buf,
		size_t len)
{
	return region_access(tdev->priv, VFIO_USER_REGION_WRITE, index, offset,
		(void *)(uintptr_t)buf, len);
}

/*
 * A file's mode and size. Whoever serves a file of FUSE or NFS is not asked: they could keep
 * us, with the lock of the connection.
 */
static int
file_stat(int fd, mode_t *mode, uint64_t *size)
{
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_SIZE,
			&stx) < 0)
		return -errno;
	*mode = stx.stx_mode;
	*size = stx.stx_size;
	return 0;
}

/* Where a part of a region is in its file, which must have it: or access is SIGBUS. */
static int
region_place(struct vfio_user_dev *dev, uint32_t index, uint64_t offset, size_t len,
		uint64_t *fd_offset)
{
	struct vfio_user_region *region = region_find(dev, index);
	uint64_t size;
	mode_t mode;
	int ret;

	if (region == NULL || region->fd < 0)
		return -ENODEV;
	if (offset > region->size || len > RTE_ALIGN_CEIL(region->size,
			(uint64_t)sysconf(_SC_PAGESIZE)) - offset)
		return -EINVAL;
	*fd_offset = region->offset + offset;
	ret = file_stat(region->fd, &mode, &size);
	if (ret < 0)
		return ret;
	if (S_ISREG(mode) && (size < *fd_offset || size - *fd_offset < len))
		return -EOVERFLOW;
	return region->fd;
}

int
vfio_user_region_mmap(struct vfio_transport_dev *tdev, uint32_t index,
		uint64_t region_offset __rte_unused, uint64_t offset, size_t len,
		int prot, void *at)
{
	struct vfio_user_dev *dev = tdev->priv;
	uint64_t fd_offset;
	int fd, ret;

	pthread_mutex_lock(&dev->conn.lock);
	fd = region_place(dev, index, offset, len, &fd_offset);
	ret = fd;
	if (fd >= 0)
		ret = mmap(at, len, prot, MAP_SHARED | MAP_FIXED, fd, fd_offset) ==
			MAP_FAILED ? -errno : 0;
	pthread_mutex_unlock(&dev->conn.lock);
	return ret;
}

int
vfio_user_region_fd(struct vfio_transport_dev *tdev, uint32_t index, uint64_t offset,
		size_t len, uint64_t *fd_offset)
{
	struct vfio_user_dev *dev = tdev->priv;
	int fd;

	pthread_mutex_lock(&dev->conn.lock);
	fd = region_place(dev, index, offset, len, fd_offset);
	pthread_mutex_unlock(&dev->conn.lock);
	return fd;
}
