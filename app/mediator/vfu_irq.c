/* SPDX-License-Identifier: BSD-3-Clause */

/* The messages about interrupts. */

#include <errno.h>
#include <string.h>

#include "vfu_private.h"

/* Eventfds that are taken away at a time. */
#define DEASSIGN_CHUNK 64

static int
get_irq(struct vfu_server *server, uint32_t index, uint32_t *flags, uint32_t *count)
{
	if (index >= server->ops->nr_irqs)
		return -EINVAL;
	*flags = 0;
	*count = 0;
	return server->ops->irq_info(server->arg, index, flags, count);
}

int
vfu_irq_info(struct vfu_server *server, struct vfu_message *msg, struct vfu_reply *reply)
{
	struct vfio_irq_info info;
	void *room;
	int ret;

	memcpy(&info, msg->data, sizeof(info));
	if (info.argsz < sizeof(info))
		return -EINVAL;
	ret = get_irq(server, info.index, &info.flags, &info.count);
	if (ret < 0)
		return ret;
	info.argsz = sizeof(info);
	room = vfu_reply_room(reply, sizeof(info));
	if (room == NULL)
		return -ENOMEM;
	memcpy(room, &info, sizeof(info));
	return 0;
}

static int
deassign(struct vfu_server *server, uint32_t index, uint32_t start, uint32_t count)
{
	int fds[DEASSIGN_CHUNK];
	uint32_t n;
	int ret = 0;

	memset(fds, -1, sizeof(fds));
	for (; count > 0 && ret == 0; start += n, count -= n) {
		n = count < DEASSIGN_CHUNK ? count : DEASSIGN_CHUNK;
		ret = server->ops->irq_set(server->arg, index, start, n, fds);
	}
	return ret;
}

/* VFIO_IRQ_SET_DATA_EVENTFD: without fds, those that were set are taken away. */
static int
set_eventfds(struct vfu_server *server, struct vfu_message *msg,
		const struct vfio_irq_set *set)
{
	int fds[VFU_MAX_FDS];
	unsigned int i;

	/* Eventfds that hear of masking: nothing here masks but the client. */
	if ((set->flags & VFIO_IRQ_SET_ACTION_TRIGGER) == 0)
		return -EOPNOTSUPP;
	if (msg->nr_fds == 0)
		return deassign(server, set->index, set->start, set->count);
	if (msg->nr_fds != set->count)
		return -EINVAL;
	for (i = 0; i < msg->nr_fds; i++) {
		fds[i] = msg->fds[i];
		msg->fds[i] = -1;
	}
	return server->ops->irq_set(server->arg, set->index, set->start, set->count, fds);
}

/* One vector, by the client's wish. */
static int
act(struct vfu_server *server, const struct vfio_irq_set *set, uint32_t vector)
{
	if ((set->flags & VFIO_IRQ_SET_ACTION_TRIGGER) != 0)
		return server->ops->irq_trigger(server->arg, set->index, vector);
	return server->ops->irq_mask(server->arg, set->index, vector, 1,
		(set->flags & VFIO_IRQ_SET_ACTION_MASK) != 0);
}

/* VFIO_IRQ_SET_DATA_NONE, all of them; VFIO_IRQ_SET_DATA_BOOL, those that bools names. */
static int
act_all(struct vfu_server *server, const struct vfio_irq_set *set, const uint8_t *bools)
{
	uint32_t i;
	int ret = 0;

	if (bools == NULL && (set->flags & VFIO_IRQ_SET_ACTION_TRIGGER) == 0)
		return server->ops->irq_mask(server->arg, set->index, set->start,
			set->count, (set->flags & VFIO_IRQ_SET_ACTION_MASK) != 0);
	for (i = 0; i < set->count && ret == 0; i++) {
		if (bools == NULL || bools[i] != 0)
			ret = act(server, set, set->start + i);
	}
	return ret;
}

/* Flags: one kind of data, one action, and nothing that the interrupt cannot do. */
static int
check_flags(uint32_t flags, uint32_t can)
{
	uint32_t data = flags & VFIO_IRQ_SET_DATA_TYPE_MASK;
	uint32_t action = flags & VFIO_IRQ_SET_ACTION_TYPE_MASK;

	if (flags != (data | action) || data == 0 || (data & (data - 1)) != 0 ||
			action == 0 || (action & (action - 1)) != 0)
		return -EINVAL;
	if (data == VFIO_IRQ_SET_DATA_EVENTFD && (can & VFIO_IRQ_INFO_EVENTFD) == 0)
		return -EINVAL;
	if (action != VFIO_IRQ_SET_ACTION_TRIGGER && (can & VFIO_IRQ_INFO_MASKABLE) == 0)
		return -EINVAL;
	return 0;
}

int
vfu_irq_set(struct vfu_server *server, struct vfu_message *msg,
		struct vfu_reply *reply __attribute__((unused)))
{
	struct vfio_irq_set set;
	const uint8_t *bools = NULL;
	uint32_t can, total;
	int ret;

	memcpy(&set, msg->data, sizeof(set));
	if (set.argsz < sizeof(set))
		return -EINVAL;
	ret = get_irq(server, set.index, &can, &total);
	if (ret == 0)
		ret = check_flags(set.flags, can);
	if (ret < 0)
		return ret;
	if (set.start >= total || set.count > total - set.start)
		return -EINVAL;
	if (set.count == 0) { /* disable all */
		if (set.start != 0 || msg->nr_fds > 0 || set.flags !=
				(VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER))
			return -EINVAL;
		return deassign(server, set.index, 0, total);
	}
	if ((set.flags & VFIO_IRQ_SET_DATA_EVENTFD) != 0)
		return set_eventfds(server, msg, &set);
	if (msg->nr_fds > 0)
		return -EINVAL;
	if ((set.flags & VFIO_IRQ_SET_DATA_BOOL) != 0) {
		if (msg->len - sizeof(set) != set.count)
			return -EINVAL;
		bools = msg->data + sizeof(set);
	}
	return act_all(server, &set, bools);
}
