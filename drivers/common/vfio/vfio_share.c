/* SPDX-License-Identifier: BSD-3-Clause */

/* The transport of a device that another process opened, whose vfio_share_serve.c answers. */

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "vfio_fd.h"
#include "vfio_private.h"
#include "vfio_share.h"
#include "vfio_share_msg.h"

/* An eventfd that was asked for, kept until the device is closed. */
struct share_ioeventfd {
	TAILQ_ENTRY(share_ioeventfd) next;
	uint32_t index;
	uint64_t offset, value;
	size_t width;
	int fd;
};

struct share_dev {
	vfio_share_call_t *call;
	void *arg;
	struct share_info info;
	bool write_said; /* that writes are slow; set by whoever writes first */
	pthread_mutex_t lock; /* for ioeventfds */
	TAILQ_HEAD(, share_ioeventfd) ioeventfds;
};

/*
 * Ask for something. The fd of the answer goes to *fd; one that nobody asked for (NULL)
 * is closed, and one that is missing is an error.
 */
static int
share_ask(struct share_dev *share, const struct share_req *req, size_t data_len,
		struct share_reply *answer, int *fd)
{
	struct vfio_share_msg msg = {
		.len = offsetof(struct share_req, data) + data_len,
		.fd = -1,
	};
	struct vfio_share_msg reply = { .fd = -1 };
	int ret;

	memcpy(msg.data, req, msg.len);
	ret = share->call(share->arg, &msg, &reply);
	if (ret < 0)
		return ret;
	if (reply.len == sizeof(*answer)) {
		memcpy(answer, reply.data, sizeof(*answer));
		ret = answer->result;
		if (ret != answer->result)
			ret = -EPROTO;
	} else {
		ret = -EPROTO;
	}
	if (fd != NULL && ret >= 0 && reply.fd >= 0) {
		*fd = reply.fd;
		return ret;
	}
	vfio_fd_close(&reply.fd, 1);
	return fd != NULL && ret >= 0 ? -EPROTO : ret;
}

static int
share_get_info(struct vfio_transport_dev *tdev, struct vfio_device_info *info)
{
	struct share_dev *share = tdev->priv;

	info->flags = share->info.flags;
	info->num_regions = share->info.num_regions;
	info->num_irqs = share->info.num_irqs;
	return 0;
}

static int
share_ask_region(struct share_dev *share, uint32_t index, uint64_t first_area,
		struct share_region *region)
{
	struct share_req req = {
		.op = SHARE_REGION,
		.index = index,
		.offset = first_area,
	};
	struct share_reply answer;
	int ret;

	ret = share_ask(share, &req, 0, &answer, NULL);
	if (ret < 0)
		return ret;
	*region = answer.region;
	return 0;
}

/* Append a capability to the information, and link it to the one before. */
static void *
add_cap(struct vfio_region_info *info, uint32_t *end, uint16_t id, size_t len)
{
	struct vfio_info_cap_header *header = RTE_PTR_ADD(info, *end), *last;
	uint32_t at = info->cap_offset;

	if (at == 0) {
		info->cap_offset = *end;
	} else {
		for (last = RTE_PTR_ADD(info, at); last->next != 0;
				last = RTE_PTR_ADD(info, at))
			at = last->next;
		last->next = *end;
	}
	memset(header, 0, len);
	header->id = id;
	header->version = 1;
	*end += RTE_ALIGN_CEIL(len, sizeof(uint64_t));
	return header;
}

static int
add_areas(struct share_dev *share, struct vfio_region_info *info, uint32_t *end,
		struct share_region *region)
{
	struct vfio_region_info_cap_sparse_mmap *cap;
	uint32_t i, nr_areas = region->nr_areas;
	int ret;

	cap = add_cap(info, end, VFIO_REGION_INFO_CAP_SPARSE_MMAP, sizeof(*cap) +
			nr_areas * sizeof(cap->areas[0]));
	cap->nr_areas = nr_areas;
	for (i = 0; i < nr_areas; i++) {
		if (i > 0 && i % SHARE_AREAS == 0) {
			ret = share_ask_region(share, info->index, i, region);
			if (ret < 0)
				return ret;
		}
		cap->areas[i].offset = region->areas[i % SHARE_AREAS].offset;
		cap->areas[i].size = region->areas[i % SHARE_AREAS].size;
	}
	return 0;
}

/* What the primary process knows of the region, in the form that the kernel has for it. */
static int
share_get_region_info(struct vfio_transport_dev *tdev,
		struct vfio_region_info *info)
{
	struct vfio_region_info_cap_type *type;
	struct share_dev *share = tdev->priv;
	uint32_t room = info->argsz, end = sizeof(*info);
	struct share_region region;
	uint64_t size = end;
	int ret;

	ret = share_ask_region(share, info->index, 0, &region);
	if (ret < 0)
		return ret;
	info->flags = region.flags;
	info->size = region.size;
	info->offset = region.offset;
	info->cap_offset = 0;
	if (region.type != 0)
		size += sizeof(*type);
	if (region.msix_mappable)
		size += sizeof(struct vfio_info_cap_header);
	if (region.sparse)
		size += sizeof(struct vfio_region_info_cap_sparse_mmap) +
			(uint64_t)region.nr_areas *
			sizeof(struct vfio_region_sparse_mmap_area);
	if (size == end)
		return 0;
	info->flags |= VFIO_REGION_INFO_FLAG_CAPS;
	info->argsz = RTE_MIN(size, (uint64_t)UINT32_MAX);
	if (size > room)
		return 0; /* asked again, with more room, or refused */
	if (region.type != 0) {
		type = add_cap(info, &end, VFIO_REGION_INFO_CAP_TYPE,
				sizeof(*type));
		type->type = region.type;
		type->subtype = region.subtype;
	}
	if (region.msix_mappable)
		add_cap(info, &end, VFIO_REGION_INFO_CAP_MSIX_MAPPABLE,
			sizeof(struct vfio_info_cap_header));
	return region.sparse ? add_areas(share, info, &end, &region) : 0;
}

static ssize_t
share_region_read(struct vfio_transport_dev *tdev, uint32_t index,
		uint64_t region_offset __rte_unused, uint64_t offset, void *buf,
		size_t len)
{
	struct share_req req = {
		.op = SHARE_READ,
		.index = index,
		.offset = offset,
		.len = RTE_MIN(len, (size_t)SHARE_DATA),
	};
	struct share_reply answer;
	int ret;

	ret = share_ask(tdev->priv, &req, 0, &answer, NULL);
	if (ret < 0)
		return ret;
	if (ret > (int)req.len)
		return -EPROTO;
	memcpy(buf, answer.data, ret);
	return ret;
}

static ssize_t
share_region_write(struct vfio_transport_dev *tdev, uint32_t index,
		uint64_t region_offset __rte_unused, uint64_t offset,
		const void *buf, size_t len)
{
	struct share_dev *share = tdev->priv;
	struct share_req req = {
		.op = SHARE_WRITE,
		.index = index,
		.offset = offset,
		.len = RTE_MIN(len, (size_t)SHARE_DATA),
	};
	struct share_reply answer;
	int ret;

	if (!__atomic_exchange_n(&share->write_said, true, __ATOMIC_RELAXED))
		VFIO_LOG(NOTICE, "%s: region %u: what this process writes there goes through the primary process, which is slow: have the primary process use the device, or a mediator whose doorbells can be mapped",
			tdev->name, index);
	memcpy(req.data, buf, req.len);
	ret = share_ask(share, &req, req.len, &answer, NULL);
	return ret > (int)req.len ? -EPROTO : ret;
}

static int
share_region_fd(struct vfio_transport_dev *tdev, uint32_t index, uint64_t offset,
		size_t len, uint64_t *fd_offset)
{
	struct share_req req = {
		.op = SHARE_FD,
		.index = index,
		.offset = offset,
		.len = len,
	};
	struct share_reply answer;
	int ret;
	int fd;

	ret = share_ask(tdev->priv, &req, 0, &answer, &fd);
	if (ret < 0)
		return ret;
	*fd_offset = answer.fd_offset;
	return fd;
}

static int
share_region_mmap(struct vfio_transport_dev *tdev, uint32_t index,
		uint64_t region_offset __rte_unused, uint64_t offset, size_t len,
		int prot, void *at)
{
	uint64_t fd_offset;
	int fd, ret = 0;

	fd = share_region_fd(tdev, index, offset, len, &fd_offset);
	if (fd < 0)
		return fd;
	if (fd_offset > INT64_MAX)
		ret = -EPROTO;
	else if (mmap(at, len, prot, MAP_SHARED | MAP_FIXED, fd, fd_offset) ==
			MAP_FAILED)
		ret = -errno;
	vfio_fd_close(&fd, 1);
	return ret;
}

static int
ioeventfd_new(struct share_dev *share, const struct share_req *req)
{
	struct share_ioeventfd *new;
	struct share_reply answer;
	int ret;

	new = calloc(1, sizeof(*new));
	if (new == NULL)
		return -ENOMEM;
	ret = share_ask(share, req, 0, &answer, &new->fd);
	if (ret < 0) {
		free(new);
		return ret;
	}
	new->index = req->index;
	new->offset = req->offset;
	new->width = req->len;
	new->value = req->value;
	TAILQ_INSERT_TAIL(&share->ioeventfds, new, next);
	return new->fd;
}

static int
share_region_ioeventfd(struct vfio_transport_dev *tdev, uint32_t index,
		uint64_t offset, size_t width, uint64_t value)
{
	struct share_dev *share = tdev->priv;
	const struct share_req req = {
		.op = SHARE_IOEVENTFD,
		.index = index,
		.offset = offset,
		.len = width,
		.value = value,
	};
	const struct share_ioeventfd *known;
	int fd;

	pthread_mutex_lock(&share->lock);
	TAILQ_FOREACH(known, &share->ioeventfds, next) {
		if (known->index == index && known->offset == offset &&
				known->width == width && known->value == value)
			break;
	}
	fd = known != NULL ? known->fd : ioeventfd_new(share, &req);
	pthread_mutex_unlock(&share->lock);
	return fd;
}

static int
share_get_irq_info(struct vfio_transport_dev *tdev __rte_unused,
		struct vfio_irq_info *info __rte_unused)
{
	return -EPERM;
}

static int
share_set_irqs(struct vfio_transport_dev *tdev __rte_unused,
		const struct vfio_irq_set *set __rte_unused)
{
	return -EPERM;
}

static int
share_reset(struct vfio_transport_dev *tdev __rte_unused)
{
	return -EPERM;
}

static int
share_dma(struct vfio_transport_dev *tdev __rte_unused, void *addr __rte_unused,
		uint64_t iova __rte_unused, size_t len __rte_unused)
{
	return -EPERM;
}

static struct share_dev *
share_create(vfio_share_call_t *call, void *arg)
{
	struct share_dev *share = calloc(1, sizeof(*share));

	if (share == NULL)
		return NULL;
	share->call = call;
	share->arg = arg;
	pthread_mutex_init(&share->lock, NULL);
	TAILQ_INIT(&share->ioeventfds);
	return share;
}

static void
share_close(struct vfio_transport_dev *tdev)
{
	struct share_dev *share = tdev->priv;
	struct share_ioeventfd *known;

	while ((known = TAILQ_FIRST(&share->ioeventfds)) != NULL) {
		TAILQ_REMOVE(&share->ioeventfds, known, next);
		vfio_fd_close(&known->fd, 1);
		free(known);
	}
	pthread_mutex_destroy(&share->lock);
	free(share);
}

/* It is attached, never looked for: no match, no open. */
static const struct vfio_transport_ops share_ops = {
	.name = "shared",
	.close = share_close,
	.get_info = share_get_info,
	.get_region_info = share_get_region_info,
	.region_read = share_region_read,
	.region_write = share_region_write,
	.region_mmap = share_region_mmap,
	.region_ioeventfd = share_region_ioeventfd,
	.get_irq_info = share_get_irq_info,
	.set_irqs = share_set_irqs,
	.reset = share_reset,
	.dma_map = share_dma,
	.dma_unmap = share_dma,
};

RTE_EXPORT_INTERNAL_SYMBOL(vfio_dev_attach_shared)
int
vfio_dev_attach_shared(const char *name, vfio_share_call_t *call, void *arg,
		struct vfio_dev **dev)
{
	const struct share_req req = { .op = SHARE_INFO };
	struct share_reply answer;
	struct share_dev *share;
	struct vfio_dev *new;
	int ret;

	*dev = NULL;
	share = share_create(call, arg);
	if (share == NULL)
		return -ENOMEM;
	new = vfio_dev_alloc(name, &share_ops, VFIO_DEV_BORROWED);
	if (new == NULL) {
		ret = -ENOMEM;
		goto close_share;
	}
	ret = share_ask(share, &req, 0, &answer, NULL);
	if (ret < 0) {
		VFIO_LOG(ERR, "%s: the primary process does not say what the device is: %s: attach it there again",
			name, strerror(-ret));
		goto free_dev;
	}
	share->info = answer.info;
	new->tdev.priv = share;
	new->iova_as_va = answer.info.iova_as_va != 0;
	ret = vfio_dev_get_info(new);
	if (ret < 0)
		goto free_dev;
	*dev = new;
	return 0;

free_dev:
	vfio_dev_free(new);
close_share:
	share_close(&(struct vfio_transport_dev){ .priv = share });
	return ret;
}
