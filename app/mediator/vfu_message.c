/* SPDX-License-Identifier: BSD-3-Clause */

/* Which message is which, and those about the device as a whole. */

#include <errno.h>
#include <string.h>

#include "vfu_private.h"

static int
device_info(struct vfu_server *server, struct vfu_message *msg, struct vfu_reply *reply)
{
	struct vfu_device_info info;
	void *room;

	memcpy(&info, msg->data, sizeof(info));
	if (info.argsz < sizeof(info))
		return -EINVAL;
	info.argsz = sizeof(info);
	info.flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	info.num_regions = server->ops->nr_regions;
	info.num_irqs = server->ops->nr_irqs;
	room = vfu_reply_room(reply, sizeof(info));
	if (room == NULL)
		return -ENOMEM;
	memcpy(room, &info, sizeof(info));
	return 0;
}

static int
device_reset(struct vfu_server *server, struct vfu_message *msg,
		struct vfu_reply *reply __attribute__((unused)))
{
	return msg->len == 0 ? server->ops->reset(server->arg) : -EINVAL;
}

/*
 * What each message has at least, and at most of fds. More bytes than that are no fault:
 * later versions of the protocol may add fields.
 */
static const struct {
	vfu_handler *handler;
	uint32_t len;
	unsigned int fds;
} commands[] = {
	[VFU_VERSION] = { vfu_version, sizeof(struct vfu_version), 0 },
	[VFU_DMA_MAP] = { vfu_dma_map, sizeof(struct vfu_dma_map), 1 },
	[VFU_DMA_UNMAP] = { vfu_dma_unmap, sizeof(struct vfu_dma_unmap), 0 },
	[VFU_DEVICE_GET_INFO] = { device_info, sizeof(struct vfu_device_info), 0 },
	[VFU_DEVICE_GET_REGION_INFO] = {
		vfu_region_info, sizeof(struct vfio_region_info), 0 },
	[VFU_DEVICE_GET_REGION_IO_FDS] = {
		vfu_region_io_fds, sizeof(struct vfu_region_io_fds), 0 },
	[VFU_DEVICE_GET_IRQ_INFO] = { vfu_irq_info, sizeof(struct vfio_irq_info), 0 },
	[VFU_DEVICE_SET_IRQS] = {
		vfu_irq_set, sizeof(struct vfio_irq_set), VFU_MAX_FDS },
	[VFU_REGION_READ] = { vfu_region_read, sizeof(struct vfu_region_access), 0 },
	[VFU_REGION_WRITE] = { vfu_region_write, sizeof(struct vfu_region_access), 0 },
	[VFU_DEVICE_RESET] = { device_reset, 0, 0 },
	/* These have a meaning, but none that we agreed on or that a client may send. */
	[VFU_MIG_DATA_WRITE] = { NULL, 0, 0 },
};

#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

int
vfu_message_handle(struct vfu_server *server, struct vfu_message *msg,
		struct vfu_reply *reply)
{
	uint16_t command = msg->header.command;

	if (command == 0 || command >= NR_COMMANDS)
		return -ENOSYS;
	/* The first message is VERSION, and no other is. */
	if (server->conn.attached == (command == VFU_VERSION))
		return -EINVAL;
	if (commands[command].handler == NULL)
		return -EOPNOTSUPP;
	if (msg->len < commands[command].len || msg->excess_fds ||
			msg->nr_fds > commands[command].fds)
		return -EINVAL;
	return commands[command].handler(server, msg, reply);
}
