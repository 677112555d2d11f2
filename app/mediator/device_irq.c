/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The client's eventfds. Which vectors are masked is its own business: what it has given
 * an eventfd for is signalled.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "device_private.h"
#include "eventfds.h"
#include "fdmsg.h"
#include "foreign_fd.h"

int
device_irq_info(void *arg, uint32_t index, uint32_t *flags, uint32_t *count)
{
	const struct device *dev = arg;

	*flags = VFIO_IRQ_INFO_EVENTFD;
	switch (index) {
	case VFIO_PCI_MSIX_IRQ_INDEX:
		*count = dev->nr_vectors;
		break;
	case VFIO_PCI_REQ_IRQ_INDEX:
		*count = 1;
		break;
	default:
		*flags = 0;
		*count = 0;
		break;
	}
	return 0;
}

int
device_irq_fd(const struct device *dev, uint16_t vector)
{
	return vector < dev->nr_vectors ? dev->irq_fds[vector] : -1;
}

void
device_irq_raise(struct device *dev, uint16_t vector)
{
	int fd = device_irq_fd(dev, vector);

	if (fd >= 0)
		eventfd_raise(fd);
	else if (vector < dev->nr_vectors)
		dev->irq_pending[vector] = true;
}

static int
check_fds(struct device *dev, uint32_t count, const int *fds)
{
	uint32_t i;

	for (i = 0; i < count; i++) {
		if (fds[i] >= 0 && !eventfd_check(fds[i])) {
			foreign_fd_close(vfu_server_peer(dev->server), fds, count);
			return -EINVAL;
		}
	}
	return 0;
}

/*
 * An interrupt that came while there was no eventfd, or to one that nobody reads any more,
 * comes now: one that is for nothing is no fault, one that is missing is.
 */
static void
set_vector(struct device *dev, uint32_t vector, int fd)
{
	int old = dev->irq_fds[vector];

	dev->irq_fds[vector] = fd;
	if (fd >= 0 && (dev->irq_pending[vector] ||
			(old >= 0 && virtio_regs_live(&dev->regs)))) {
		dev->irq_pending[vector] = false;
		eventfd_raise(fd);
	}
	if (old >= 0)
		close(old);
}

static int
set_vectors(struct device *dev, uint32_t start, uint32_t count, const int *fds)
{
	uint16_t queue;
	uint32_t i;

	for (i = 0; i < count; i++)
		set_vector(dev, start + i, fds[i]);
	for (queue = 0; queue < device_data_queues(dev); queue++) {
		if (dev->queues[queue].vector >= start &&
				dev->queues[queue].vector - start < count)
			device_backend_set_call(dev, queue);
	}
	return 0;
}

int
device_irq_set(void *arg, uint32_t index, uint32_t start, uint32_t count, const int *fds)
{
	struct device *dev = arg;
	int ret;

	ret = check_fds(dev, count, fds);
	if (ret < 0)
		return ret;
	if (index == VFIO_PCI_MSIX_IRQ_INDEX)
		return set_vectors(dev, start, count, fds);
	fdmsg_close(&dev->req_fd, 1);
	dev->req_fd = fds[0];
	return 0;
}

int
device_irq_trigger(void *arg, uint32_t index, uint32_t vector)
{
	struct device *dev = arg;
	int fd = index == VFIO_PCI_MSIX_IRQ_INDEX ? device_irq_fd(dev, vector) :
		dev->req_fd;

	return fd < 0 ? 0 : eventfd_raise(fd);
}

/* No interrupt here can be masked, so that nobody gets this far. */
int
device_irq_mask(void *arg __attribute__((unused)),
		uint32_t index __attribute__((unused)),
		uint32_t start __attribute__((unused)),
		uint32_t count __attribute__((unused)),
		bool mask __attribute__((unused)))
{
	return -EINVAL;
}

void
device_irq_forget(struct device *dev)
{
	memset(dev->irq_pending, 0, dev->nr_vectors * sizeof(*dev->irq_pending));
}

void
device_irq_clear(struct device *dev)
{
	uint16_t i;

	fdmsg_close(dev->irq_fds, dev->nr_vectors);
	for (i = 0; i < dev->nr_vectors; i++)
		dev->irq_fds[i] = -1;
	device_irq_forget(dev);
	fdmsg_close(&dev->req_fd, 1);
	dev->req_fd = -1;
}

int
device_request_removal(struct device *dev)
{
	if (vfu_server_client(dev->server) < 0)
		return -ENOTCONN;
	return dev->req_fd < 0 ? -ENOTSUP : eventfd_raise(dev->req_fd);
}
