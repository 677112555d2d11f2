/* SPDX-License-Identifier: BSD-3-Clause */

/* Answers to other processes, in the one that opened the device. */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

#include "vfio_private.h"
#include "vfio_share.h"
#include "vfio_share_msg.h"

static int
serve_info(const struct vfio_dev *dev, struct share_info *info)
{
	info->flags = dev->flags;
	info->num_regions = dev->num_regions;
	info->num_irqs = dev->num_irqs;
	info->iova_as_va = dev->iova_as_va;
	return 0;
}

static int
serve_region(const struct vfio_region *region, uint64_t first,
		struct share_region *reply)
{
	uint32_t i;

	reply->size = region->size;
	reply->offset = region->offset;
	reply->flags = region->flags & ~VFIO_REGION_INFO_FLAG_CAPS;
	reply->type = region->type;
	reply->subtype = region->subtype;
	reply->msix_mappable = region->msix_mappable;
	if (region->dev->ops->region_fd == NULL) {
		reply->flags &= ~VFIO_REGION_INFO_FLAG_MMAP;
		return 0;
	}
	reply->sparse = region->sparse;
	reply->nr_areas = region->nr_areas;
	for (i = 0; i < SHARE_AREAS && first + i < region->nr_areas; i++)
		reply->areas[i] = region->areas[first + i];
	return 0;
}

/* What can be mapped, and nothing else, is mapped by others. */
static bool
is_mappable(const struct vfio_region *region, uint64_t offset, uint64_t len)
{
	const struct vfio_region_area *area;
	uint32_t i;

	for (i = 0; i < region->nr_areas; i++) {
		area = &region->areas[i];
		if (offset >= area->offset && len <= area->size &&
				offset - area->offset <= area->size - len)
			return len > 0;
	}
	return false;
}

static int
serve_fd(const struct vfio_region *region, const struct share_req *req,
		uint64_t *fd_offset)
{
	struct vfio_dev *dev = region->dev;

	if (!is_mappable(region, req->offset, req->len))
		return -EINVAL;
	if (dev->ops->region_fd == NULL)
		return -ENOTSUP;
	return dev->ops->region_fd(&dev->tdev, region->index, req->offset, req->len,
			fd_offset);
}

/* The device's fds are closed with the device, maybe before the answer is sent. */
static int
serve_dup(int fd, struct vfio_share_msg *reply)
{
	if (fd < 0)
		return fd;
	reply->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return reply->fd < 0 ? -errno : 0;
}

static int
serve_op(struct vfio_dev *dev, const struct share_req *req,
		struct share_reply *answer, struct vfio_share_msg *reply)
{
	struct vfio_region *region;
	int ret;

	if (req->op == SHARE_INFO)
		return serve_info(dev, &answer->info);
	ret = vfio_region_get(dev, req->index, &region);
	if (ret < 0)
		return ret;
	switch (req->op) {
	case SHARE_REGION:
		return serve_region(region, req->offset, &answer->region);
	case SHARE_READ:
		if (req->len > sizeof(answer->data))
			return -EINVAL;
		ret = vfio_region_read(region, req->offset, answer->data, req->len);
		return ret < 0 ? ret : (int)req->len;
	case SHARE_WRITE:
		ret = vfio_region_write(region, req->offset, req->data, req->len);
		return ret < 0 ? ret : (int)req->len;
	case SHARE_FD:
		return serve_dup(serve_fd(region, req, &answer->fd_offset), reply);
	case SHARE_IOEVENTFD:
		return serve_dup(vfio_region_ioeventfd(region, req->offset,
				req->len, req->value), reply);
	default:
		return -ENOTSUP;
	}
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_share_serve)
int
vfio_share_serve(struct vfio_dev *dev, const struct vfio_share_msg *msg,
		struct vfio_share_msg *reply)
{
	const size_t header = offsetof(struct share_req, data);
	struct share_reply answer;
	struct share_req req;

	RTE_BUILD_BUG_ON(sizeof(req) > VFIO_SHARE_MSG_MAX);
	RTE_BUILD_BUG_ON(sizeof(answer) > VFIO_SHARE_MSG_MAX);
	if (msg->len < header || msg->len > sizeof(req))
		return -EPROTO;
	memset(&req, 0, sizeof(req));
	memcpy(&req, msg->data, msg->len);
	if (req.op == SHARE_WRITE && req.len != msg->len - header)
		return -EPROTO;
	memset(&answer, 0, sizeof(answer));
	reply->fd = -1;
	answer.result = serve_op(dev, &req, &answer, reply);
	memcpy(reply->data, &answer, sizeof(answer));
	reply->len = sizeof(answer);
	return 0;
}
