/* SPDX-License-Identifier: BSD-3-Clause */

/* The messages about regions: what they are, and accesses to them. */

#include <errno.h>
#include <string.h>

#include "vfu_private.h"

static int
get_region(struct vfu_server *server, uint32_t index, struct vfu_region *region)
{
	if (index >= server->ops->nr_regions)
		return -EINVAL;
	memset(region, 0, sizeof(*region));
	region->fd = -1;
	return server->ops->region_info(server->arg, index, region);
}

/* Tell which areas can be mapped, at the end of a region's information. */
static void
put_areas(const struct vfu_region *region, uint8_t *room)
{
	struct vfio_region_info_cap_sparse_mmap cap = {
		.header = { .id = VFIO_REGION_INFO_CAP_SPARSE_MMAP, .version = 1 },
		.nr_areas = region->nr_areas,
	};
	struct vfio_region_sparse_mmap_area area;
	uint32_t i;

	memcpy(room, &cap, sizeof(cap));
	for (i = 0; i < region->nr_areas; i++) {
		area.offset = region->areas[i].offset;
		area.size = region->areas[i].size;
		memcpy(room + sizeof(cap) + i * sizeof(area), &area, sizeof(area));
	}
}

int
vfu_region_info(struct vfu_server *server, struct vfu_message *msg,
		struct vfu_reply *reply)
{
	const uint32_t access = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	struct vfio_region_info info;
	struct vfu_region region;
	uint32_t argsz, needed;
	uint8_t *room;
	bool mappable;
	int ret;

	memcpy(&info, msg->data, sizeof(info));
	argsz = info.argsz;
	if (argsz < sizeof(info))
		return -EINVAL;
	ret = get_region(server, info.index, &region);
	if (ret < 0)
		return ret;
	/* To a client that takes no fds it is one that has to be asked. */
	mappable = (region.flags & VFIO_REGION_INFO_FLAG_MMAP) != 0 && region.fd >= 0 &&
		server->conn.max_fds > 0;
	needed = sizeof(info);
	info.flags = region.flags & access;
	info.cap_offset = 0;
	info.size = region.size;
	info.offset = region.offset;
	if (mappable)
		info.flags |= VFIO_REGION_INFO_FLAG_MMAP;
	if (mappable && region.nr_areas > 0) {
		info.flags |= VFIO_REGION_INFO_FLAG_CAPS;
		needed += sizeof(struct vfio_region_info_cap_sparse_mmap) +
			region.nr_areas * sizeof(struct vfio_region_sparse_mmap_area);
	}
	/* A client without room for all gets the size, and asks again. */
	info.argsz = needed;
	room = vfu_reply_room(reply, argsz < needed ? sizeof(info) : needed);
	if (room == NULL)
		return -ENOMEM;
	if (argsz >= needed && mappable)
		reply->fds[reply->nr_fds++] = region.fd;
	if (argsz >= needed && needed > sizeof(info)) {
		info.cap_offset = sizeof(info);
		put_areas(&region, room + sizeof(info));
	}
	memcpy(room, &info, sizeof(info));
	return 0;
}

/* The place of an fd among those of a reply, added if it is new; -1: too many. */
static int
fd_index(struct vfu_reply *reply, unsigned int max_fds, int fd)
{
	unsigned int i;

	for (i = 0; i < reply->nr_fds; i++) {
		if (reply->fds[i] == fd)
			return i;
	}
	if (reply->nr_fds == max_fds)
		return -1;
	reply->fds[reply->nr_fds] = fd;
	return reply->nr_fds++;
}

/*
 * Make sub-regions of what the device has. Where the client takes no more fds, the rest
 * is written to by messages. Returns how many there are.
 */
static uint32_t
sub_regions(const struct vfu_server *server, const struct vfu_io_fd *fds, uint32_t nr_fds,
		struct vfu_sub_region *subs, struct vfu_reply *reply)
{
	uint32_t i, count = 0;
	int index;

	for (i = 0; i < nr_fds; i++) {
		index = fd_index(reply, server->conn.max_fds, fds[i].fd);
		if (index < 0)
			continue;
		subs[count++] = (struct vfu_sub_region) {
			.offset = fds[i].offset,
			.size = fds[i].size,
			.fd_index = index,
			.type = VFU_IO_FD_TYPE_IOEVENTFD,
			.flags = fds[i].datamatch ? VFU_IO_FD_DATAMATCH : 0,
			.datamatch = fds[i].datamatch ? fds[i].value : 0,
		};
	}
	return count;
}

int
vfu_region_io_fds(struct vfu_server *server, struct vfu_message *msg,
		struct vfu_reply *reply)
{
	struct vfu_sub_region subs[VFU_MAX_IO_FDS];
	struct vfu_io_fd fds[VFU_MAX_IO_FDS];
	struct vfu_region_io_fds info;
	struct vfu_region region;
	uint32_t argsz;
	size_t len;
	uint8_t *room;
	int ret;

	memcpy(&info, msg->data, sizeof(info));
	argsz = info.argsz;
	if (argsz < sizeof(info) || info.flags != 0 || info.count != 0)
		return -EINVAL;
	ret = get_region(server, info.index, &region);
	if (ret < 0)
		return ret;
	if (region.size == 0)
		return -EINVAL;
	ret = server->ops->region_io_fds(server->arg, info.index, fds);
	if (ret < 0)
		return ret;
	info.count = sub_regions(server, fds, ret, subs, reply);
	len = info.count * sizeof(subs[0]);
	info.argsz = sizeof(info) + len;
	if (argsz < info.argsz) {
		reply->nr_fds = 0;
		len = 0;
	}
	room = vfu_reply_room(reply, sizeof(info) + len);
	if (room == NULL)
		return -ENOMEM;
	memcpy(room, &info, sizeof(info));
	memcpy(room + sizeof(info), subs, len);
	return 0;
}

/* An access that the region allows: 0 or a negative errno. */
static int
check_access(struct vfu_server *server, const struct vfu_region_access *access,
		uint32_t flag)
{
	struct vfu_region region;
	int ret;

	if (access->count > VFU_MAX_DATA)
		return -EINVAL;
	ret = get_region(server, access->region, &region);
	if (ret < 0)
		return ret;
	if ((region.flags & flag) == 0 || access->offset > region.size ||
			access->count > region.size - access->offset)
		return -EINVAL;
	return 0;
}

int
vfu_region_read(struct vfu_server *server, struct vfu_message *msg,
		struct vfu_reply *reply)
{
	struct vfu_region_access access;
	uint8_t *room;
	int ret;

	memcpy(&access, msg->data, sizeof(access));
	ret = check_access(server, &access, VFIO_REGION_INFO_FLAG_READ);
	if (ret < 0)
		return ret;
	room = vfu_reply_room(reply, sizeof(access) + access.count);
	if (room == NULL)
		return -ENOMEM;
	memcpy(room, &access, sizeof(access));
	if (access.count == 0)
		return 0;
	return server->ops->region_read(server->arg, access.region, access.offset,
		room + sizeof(access), access.count);
}

int
vfu_region_write(struct vfu_server *server, struct vfu_message *msg,
		struct vfu_reply *reply)
{
	struct vfu_region_access access;
	uint8_t *room;
	int ret;

	memcpy(&access, msg->data, sizeof(access));
	if (access.count != msg->len - sizeof(access))
		return -EINVAL;
	ret = check_access(server, &access, VFIO_REGION_INFO_FLAG_WRITE);
	if (ret < 0)
		return ret;
	room = vfu_reply_room(reply, sizeof(access));
	if (room == NULL)
		return -ENOMEM;
	memcpy(room, &access, sizeof(access));
	if (access.count == 0)
		return 0;
	return server->ops->region_write(server->arg, access.region, access.offset,
		msg->data + sizeof(access), access.count);
}
