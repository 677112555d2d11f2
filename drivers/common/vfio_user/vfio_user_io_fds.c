/* SPDX-License-Identifier: BSD-3-Clause */

/* GET_REGION_IO_FDS: eventfds that stand for writes to a region. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <vfio_fd.h>

#include "vfio_user_private.h"

/* More than a device with a doorbell for each of its queues has. */
#define IO_FDS_MAX_SIZE 65536

/*
 * An eventfd adds without waiting, which no other kind of file promises; one that waits
 * because whoever shares it has it so is made not to. (They can undo that later: it is a
 * flag of the file, see the limitations in the guide.)
 */
static bool
is_doorbell(int fd)
{
	int flags;

	if (!vfio_fd_is_eventfd(fd))
		return false;
	flags = fcntl(fd, F_GETFL);
	return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

/* One of the entries. 1 if it is for us, 0 if it is of another kind. */
static int
parse_entry(const struct vfio_user_region *region, const struct vfio_user_io_fd *entry,
		const int *fds, uint32_t nr_fds, struct vfio_user_ioeventfd *io)
{
	if (entry->type != VFIO_USER_IO_FD_IOEVENTFD)
		return 0;
	if (entry->fd_index >= nr_fds || entry->offset > region->size ||
			entry->size > region->size - entry->offset ||
			!is_doorbell(fds[entry->fd_index]))
		return -EPROTO;
	io->offset = entry->offset;
	io->size = entry->size;
	io->match = (entry->flags & VFIO_USER_IO_FD_DATAMATCH) != 0;
	io->datamatch = entry->datamatch;
	io->fd = fds[entry->fd_index];
	return 1;
}

/*
 * "each array entry "i" is at offset i * ((argsz - 32) / count)": with the 16 bytes that
 * the text shows before the array, and not 32, this is the 40 bytes that it says it is.
 */
static int
parse(struct vfio_user_region *region, const struct vfio_user_io_fds *answer,
		size_t len, const int *fds, uint32_t nr_fds)
{
	struct vfio_user_io_fd entry;
	size_t stride, i;
	int ret;

	if (answer->count == 0)
		return 0;
	stride = (len - sizeof(*answer)) / answer->count;
	if (stride < sizeof(entry))
		return -EPROTO;
	region->io = calloc(answer->count, sizeof(*region->io));
	if (region->io == NULL)
		return -ENOMEM;
	for (i = 0; i < answer->count; i++) {
		memcpy(&entry, RTE_PTR_ADD(answer, sizeof(*answer) + i * stride),
			sizeof(entry));
		ret = parse_entry(region, &entry, fds, nr_fds,
				&region->io[region->nr_io]);
		if (ret < 0)
			return ret;
		region->nr_io += ret;
	}
	return 0;
}

/* The answer is of argsz bytes at most. Returns its size. */
static ssize_t
ask(struct vfio_user_dev *dev, uint32_t index, struct vfio_user_io_fds *answer,
		uint32_t argsz, int *fds, uint32_t *nr_fds)
{
	struct vfio_user_io_fds question = { .argsz = argsz, .index = index };
	struct vfio_user_request req = {
		.command = VFIO_USER_DEVICE_GET_REGION_IO_FDS,
		.out = { { &question, sizeof(question) } },
		.in = { { answer, argsz } },
		.in_min = sizeof(*answer),
		.in_fds = fds,
		.in_max_fds = VFIO_USER_MAX_FDS,
	};
	int ret;

	ret = vfio_user_request(&dev->conn, &req);
	if (ret < 0)
		return ret;
	*nr_fds = req.in_nr_fds;
	return req.in_len;
}

static void
drop(struct vfio_user_region *region, const int *fds, uint32_t nr_fds)
{
	vfio_fd_close(fds, nr_fds);
	free(region->io);
	region->io = NULL;
	region->nr_io = 0;
}

/* All of the answer, with its fds. */
static int
ask_all(struct vfio_user_dev *dev, struct vfio_user_region *region, uint32_t argsz)
{
	struct vfio_user_io_fds *answer;
	int fds[VFIO_USER_MAX_FDS];
	uint32_t nr_fds = 0;
	ssize_t ret;

	answer = calloc(1, argsz);
	if (answer == NULL)
		return -ENOMEM;
	ret = ask(dev, region->index, answer, argsz, fds, &nr_fds);
	if (ret > 0)
		ret = answer->argsz > argsz ? -EPROTO :
			parse(region, answer, ret, fds, nr_fds);
	free(answer);
	if (ret == 0) {
		region->io_fds = calloc(RTE_MAX(nr_fds, 1u), sizeof(fds[0]));
		if (region->io_fds == NULL)
			ret = -ENOMEM;
	}
	if (ret < 0) {
		drop(region, fds, nr_fds);
		return ret;
	}
	memcpy(region->io_fds, fds, nr_fds * sizeof(fds[0]));
	region->nr_io_fds = nr_fds;
	return 0;
}

static int
io_fds_get(struct vfio_user_dev *dev, struct vfio_user_region *region)
{
	struct vfio_user_io_fds head;
	int fds[VFIO_USER_MAX_FDS];
	uint32_t nr_fds;
	ssize_t ret;

	ret = ask(dev, region->index, &head, sizeof(head), fds, &nr_fds);
	if (ret < 0)
		return ret;
	/* the entries that they are for come with the next answer */
	vfio_fd_close(fds, nr_fds);
	if (head.argsz <= sizeof(head))
		return 0;
	if (head.argsz > IO_FDS_MAX_SIZE)
		return -EPROTO;
	return ask_all(dev, region, head.argsz);
}

/* Asked once: a server without them answers with an error, each time. */
static void
io_fds_need(struct vfio_user_dev *dev, struct vfio_user_region *region)
{
	int ret;

	if (region->io_asked)
		return;
	ret = io_fds_get(dev, region);
	region->io_asked = ret != -ENOMEM;
	VFIO_USER_LOG(DEBUG, "%s: region %u: %u eventfds for doorbells", dev->conn.name,
		region->index, region->nr_io_fds);
	if (ret == -EPROTO && dev->conn.broken == 0)
		VFIO_USER_LOG(WARNING, "%s: region %u: its server's list of eventfds makes no sense: doorbells go by messages, which are slower: update its mediator",
			dev->conn.name, region->index);
}

static int
io_fd_find(const struct vfio_user_region *region, uint64_t offset, size_t width,
		uint64_t value)
{
	const struct vfio_user_ioeventfd *io;
	int fd = -ENOTSUP;
	uint32_t i;

	for (i = 0; i < region->nr_io; i++) {
		io = &region->io[i];
		if (io->offset != offset || (io->size != 0 && io->size != width))
			continue;
		if (!io->match)
			fd = io->fd;
		else if (io->datamatch == value)
			return io->fd;
	}
	return fd;
}

int
vfio_user_region_ioeventfd(struct vfio_transport_dev *tdev, uint32_t index,
		uint64_t offset, size_t width, uint64_t value)
{
	struct vfio_user_dev *dev = tdev->priv;
	struct vfio_user_region *region;
	int ret = -ENOMEM;

	pthread_mutex_lock(&dev->conn.lock);
	region = vfio_user_region_entry(dev, index);
	if (region != NULL) {
		io_fds_need(dev, region);
		ret = io_fd_find(region, offset, width, value);
	}
	pthread_mutex_unlock(&dev->conn.lock);
	return ret;
}
