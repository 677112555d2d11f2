/* SPDX-License-Identifier: BSD-3-Clause */

/* The messages about the client's memory. */

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "vfu_private.h"

/* The last byte has an address, too. */
static bool
overflows(uint64_t start, uint64_t size)
{
	return size == 0 || size - 1 > UINT64_MAX - start;
}

int
vfu_dma_map(struct vfu_server *server, struct vfu_message *msg,
		struct vfu_reply *reply __attribute__((unused)))
{
	const uint32_t access = VFU_DMA_READABLE | VFU_DMA_WRITABLE;
	struct vfu_dma_map map;
	uint32_t prot = 0;
	int fd = -1;

	memcpy(&map, msg->data, sizeof(map));
	if (map.argsz < sizeof(map) || (map.flags & ~(access | VFU_DMA_MAPPABLE)) != 0 ||
			(map.flags & access) == 0)
		return -EINVAL;
	if ((map.flags & VFU_DMA_MAPPABLE) != 0 && msg->nr_fds == 0)
		return -EINVAL;
	if (overflows(map.address, map.size) || overflows(map.offset, map.size))
		return -EINVAL;
	if ((map.flags & VFU_DMA_READABLE) != 0)
		prot |= PROT_READ;
	if ((map.flags & VFU_DMA_WRITABLE) != 0)
		prot |= PROT_WRITE;
	if (msg->nr_fds > 0) {
		fd = msg->fds[0];
		msg->fds[0] = -1;
	}
	return server->ops->dma_map(server->arg, map.address, map.size, map.offset, prot,
		fd);
}

int
vfu_dma_unmap(struct vfu_server *server, struct vfu_message *msg,
		struct vfu_reply *reply)
{
	struct vfu_dma_unmap unmap;
	void *room;

	memcpy(&unmap, msg->data, sizeof(unmap));
	if (unmap.argsz < sizeof(unmap))
		return -EINVAL;
	if ((unmap.flags & VFU_DMA_UNMAP_DIRTY_BITMAP) != 0)
		return -EOPNOTSUPP; /* nothing here tracks what backends write */
	if ((unmap.flags & ~VFU_DMA_UNMAP_ALL) != 0)
		return -EINVAL;
	if (unmap.flags != 0 ? unmap.address != 0 || unmap.size != 0 :
			overflows(unmap.address, unmap.size))
		return -EINVAL;
	room = vfu_reply_room(reply, sizeof(unmap));
	if (room == NULL)
		return -ENOMEM;
	memcpy(room, &unmap, sizeof(unmap));
	if (unmap.flags != 0)
		return server->ops->dma_unmap_all(server->arg);
	return server->ops->dma_unmap(server->arg, unmap.address, unmap.size);
}
