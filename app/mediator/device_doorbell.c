/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * How the client tells of new buffers. A client gets eventfds and pages of its own: what
 * one that is gone has kept is of no use.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "device_private.h"
#include "eventfds.h"
#include "fdmsg.h"
#include "log.h"

static unsigned int
nr_kick_fds(const struct device *dev)
{
	return 2 * dev->conf.max_pairs + 1;
}

static unsigned int
ctrl_kick(const struct device *dev)
{
	return 2 * dev->conf.max_pairs;
}

static void
ctrl_kicked(void *arg, uint32_t events __attribute__((unused)))
{
	device_ctrl_run(arg);
}

/* The file has the size of the BAR for ever, so that the client cannot make it grow. */
static int
open_page(struct device *dev)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	int fd, ret;

	fd = memfd_create("mdev-doorbells", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, dev->pci.at.size) < 0 || fcntl(fd, F_ADD_SEALS, seals) < 0) {
		ret = -errno;
		close(fd);
		return ret;
	}
	dev->page_fd = fd;
	return 0;
}

static int
open_eventfds(struct device *dev)
{
	unsigned int i = dev->conf.doorbell == DEVICE_DOORBELL_PAGE ? ctrl_kick(dev) : 0;

	for (; i < nr_kick_fds(dev); i++) {
		dev->kick_fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (dev->kick_fds[i] < 0)
			return -errno;
	}
	/*
	 * Each write is an event of its own, so that the counter needs no reading: the
	 * client may read it first, and leave a reader waiting.
	 */
	return loop_fd_add(dev->loop, dev->kick_fds[ctrl_kick(dev)], EPOLLIN | EPOLLET,
		ctrl_kicked, dev, &dev->ctrl_watch);
}

int
device_doorbell_open(struct device *dev)
{
	int ret = 0;

	if (dev->conf.doorbell == DEVICE_DOORBELL_PAGE)
		ret = open_page(dev);
	if (ret == 0)
		ret = open_eventfds(dev);
	if (ret == 0)
		return 0;
	if (log_may(&dev->log_limit, dev->name))
		LOG(ERR, "%s: an application is turned away, as there are no doorbells for it: %s: raise the limit of open files (LimitNOFILE= of systemd, ulimit -n) and start it again",
			dev->name, strerror(-ret));
	device_doorbell_close(dev);
	return ret;
}

void
device_doorbell_close(struct device *dev)
{
	unsigned int i;

	loop_fd_del(dev->ctrl_watch);
	dev->ctrl_watch = NULL;
	fdmsg_close(dev->kick_fds, nr_kick_fds(dev));
	for (i = 0; i < nr_kick_fds(dev); i++)
		dev->kick_fds[i] = -1;
	fdmsg_close(&dev->page_fd, 1);
	dev->page_fd = -1;
}

/* The page of the data queues alone: the control queue's kicks must be heard. */
void
device_doorbell_region(const struct device *dev, struct vfu_region *region)
{
	if (dev->page_fd < 0)
		return;
	region->flags |= VFIO_REGION_INFO_FLAG_MMAP;
	region->fd = dev->page_fd;
	region->nr_areas = 1;
	region->areas[0].offset = dev->pci.at.notify;
	region->areas[0].size = dev->pci.at.page;
}

static void
put_io_fd(struct vfu_io_fd *io_fd, uint64_t offset, int fd)
{
	*io_fd = (struct vfu_io_fd){
		.offset = offset,
		.size = sizeof(uint16_t), /* VIRTIO 1.2 s. 4.1.5.2 */
		.fd = fd,
	};
}

int
device_doorbell_io_fds(const struct device *dev, struct vfu_io_fd *fds)
{
	int ctrl_fd = dev->kick_fds[ctrl_kick(dev)];
	int i, count = 0;

	if (dev->conf.doorbell == DEVICE_DOORBELL_MESSAGE || ctrl_fd < 0)
		return 0;
	for (i = 0; i < 2 * dev->pairs && dev->kick_fds[i] >= 0; i++)
		put_io_fd(&fds[count++], dev->pci.at.notify +
			i * VIRTIO_PCI_NOTIFY_MULTIPLIER, dev->kick_fds[i]);
	put_io_fd(&fds[count++], dev->pci.at.notify_trapped, ctrl_fd);
	return count;
}

void
device_doorbell_ring(struct device *dev, uint16_t notify_off)
{
	if (notify_off == virtio_pci_notify_off(&dev->pci, true, 0))
		device_ctrl_run(dev);
	else if (notify_off < 2 * dev->pairs && dev->kick_fds[notify_off] >= 0)
		eventfd_raise(dev->kick_fds[notify_off]);
}

void
device_doorbell_again(struct device *dev)
{
	eventfd_raise(dev->kick_fds[ctrl_kick(dev)]);
}

int
device_doorbell_kick_fd(const struct device *dev, uint16_t queue)
{
	return dev->kick_fds[queue];
}
