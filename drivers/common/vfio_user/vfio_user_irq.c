/* SPDX-License-Identifier: BSD-3-Clause */

/* Interrupts. */

#include <errno.h>

#include "vfio_user_private.h"

int
vfio_user_get_irq_info(struct vfio_transport_dev *tdev, struct vfio_irq_info *info)
{
	struct vfio_user_dev *dev = tdev->priv;
	struct vfio_irq_info ask = { .argsz = sizeof(ask), .index = info->index };
	struct vfio_irq_info reply;
	struct vfio_user_request req = {
		.command = VFIO_USER_DEVICE_GET_IRQ_INFO,
		.out = { { &ask, sizeof(ask) } },
		.in = { { &reply, sizeof(reply) } },
		.in_min = sizeof(reply),
	};
	int ret;

	pthread_mutex_lock(&dev->conn.lock);
	ret = vfio_user_request(&dev->conn, &req);
	if (ret == 0 && reply.index != ask.index)
		ret = vfio_user_conn_break(&dev->conn, -EPROTO,
			"its server speaks of another interrupt than was asked for");
	pthread_mutex_unlock(&dev->conn.lock);
	if (ret < 0)
		return ret;
	info->flags = reply.flags;
	info->count = reply.count;
	return 0;
}

/* One message: nr_fds is count, or 0 for what has no fds. */
static int
set_once(struct vfio_user_dev *dev, uint32_t flags, uint32_t index, uint32_t start,
		uint32_t count, const int *fds, unsigned int nr_fds)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = flags,
		.index = index,
		.start = start,
		.count = count,
	};
	struct vfio_user_request req = {
		.command = VFIO_USER_DEVICE_SET_IRQS,
		.out = { { &set, sizeof(set) } },
		.fds = fds,
		.nr_fds = nr_fds,
	};

	return vfio_user_request(&dev->conn, &req);
}

/*
 * As many vectors as one message can be about: those that follow each other with an
 * eventfd, as far as the server takes fds; or without one, which takes theirs away.
 */
static uint32_t
run_length(const struct vfio_user_dev *dev, const int32_t *fds, uint32_t count)
{
	uint32_t n = 1;

	while (n < count && (fds[n] >= 0) == (fds[0] >= 0) &&
			(fds[0] < 0 || n < dev->caps.max_msg_fds))
		n++;
	return n;
}

static int
set_eventfds(struct vfio_user_dev *dev, const struct vfio_irq_set *set)
{
	const int32_t *fds = (const int32_t *)set->data;
	uint32_t done, n;
	int ret = 0;

	for (done = 0; done < set->count && ret == 0; done += n) {
		n = run_length(dev, fds + done, set->count - done);
		ret = set_once(dev, set->flags, set->index, set->start + done, n,
				fds + done, fds[done] >= 0 ? n : 0);
		if (ret < 0)
			break;
	}
	/* all or none, as with the kernel */
	if (ret < 0 && done > 0)
		set_once(dev, set->flags, set->index, set->start, done, NULL, 0);
	return ret;
}

int
vfio_user_set_irqs(struct vfio_transport_dev *tdev, const struct vfio_irq_set *set)
{
	struct vfio_user_dev *dev = tdev->priv;
	int ret;

	/* common/vfio has no use for arrays of booleans */
	if ((set->flags & VFIO_IRQ_SET_DATA_BOOL) != 0)
		return -ENOTSUP;
	pthread_mutex_lock(&dev->conn.lock);
	if ((set->flags & VFIO_IRQ_SET_DATA_EVENTFD) != 0)
		ret = set_eventfds(dev, set);
	else
		ret = set_once(dev, set->flags, set->index, set->start, set->count,
				NULL, 0);
	pthread_mutex_unlock(&dev->conn.lock);
	return ret;
}
