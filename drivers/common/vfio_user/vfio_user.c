/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The vfio-user transport of common/vfio: devices of a mediator in user space, reached by
 * the messages of QEMU's docs/interop/vfio-user.rst over a Unix socket.
 */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <rte_eal.h>

#include "vfio_user_private.h"

RTE_LOG_REGISTER_DEFAULT(vfio_user_logtype, NOTICE)

/* The name that all folders of devices have, in sysfs and elsewhere. */
static bool
names_folder(const char *base)
{
	const char *name = strrchr(base, '/');

	return name != NULL && strcmp(name, "/devices") == 0;
}

/*
 * Where a device's socket is: listed in a folder of devices, or alone. 0, or -ENOENT for
 * what is none of ours.
 */
static int
socket_path(const char *base, const char *addr, char *path, size_t room)
{
	struct stat st;
	int ret;

	/* one alone, or what was meant to be: only a folder of devices is a folder */
	ret = stat(base, &st);
	if (ret < 0 && names_folder(base))
		return -ENOENT;
	if (ret < 0 || !S_ISDIR(st.st_mode))
		return snprintf(path, room, "%s", base) < (int)room ? 0 : -ENOENT;
	if (snprintf(path, room, "%s/%s/socket", base, addr) >= (int)room)
		return -ENOENT;
	/* a link whose mediator is gone is ours to explain, too */
	return lstat(path, &st) < 0 ? -ENOENT : 0;
}

static bool
user_match(const char *base, const char *addr)
{
	char path[PATH_MAX];

	return socket_path(base, addr, path, sizeof(path)) == 0;
}

static bool
may_access(void *arg, uint64_t address, uint64_t count)
{
	const struct vfio_user_dev *dev = arg;

	return address + count >= address &&
		vfio_user_may_access(dev, address, address + count);
}

static int
user_open(struct vfio_transport_dev *tdev, const char *base, const char *addr)
{
	struct vfio_user_dev *dev;
	char path[PATH_MAX];
	int ret;

	if (rte_eal_process_type() != RTE_PROC_PRIMARY) {
		VFIO_USER_LOG(ERR, "%s: only the primary process can open it: attach it there first",
			addr);
		return -ENOTSUP;
	}
	if (socket_path(base, addr, path, sizeof(path)) < 0) {
		VFIO_USER_LOG(ERR, "%s: not in %s any more: start its mediator again",
			addr, base);
		return -ENODEV;
	}
	dev = calloc(1, sizeof(*dev));
	if (dev == NULL)
		return -ENOMEM;
	TAILQ_INIT(&dev->regions);
	TAILQ_INIT(&dev->ops);
	dev->conn.may_access = may_access;
	dev->conn.arg = dev;
	ret = vfio_user_conn_open(&dev->conn, tdev->name, path);
	if (ret < 0)
		goto free_dev;
	ret = vfio_user_negotiate(&dev->conn, &dev->caps);
	if (ret < 0)
		goto close_conn;
	ret = vfio_user_mem_attach(dev);
	if (ret < 0)
		goto free_maps;
	ret = vfio_user_idle_start(dev);
	if (ret < 0)
		goto detach_mem;
	tdev->priv = dev;
	tdev->gone_fd = dev->conn.epoll;
	return 0;

detach_mem:
	vfio_user_mem_detach(dev);
free_maps:
	vfio_user_maps_release(dev);
close_conn:
	vfio_user_conn_close(&dev->conn);
free_dev:
	free(dev);
	return ret;
}

static void
user_close(struct vfio_transport_dev *tdev)
{
	struct vfio_user_dev *dev = tdev->priv;

	vfio_user_idle_stop(dev);
	/* the server forgets our memory when the connection ends */
	vfio_user_mem_detach(dev);
	vfio_user_conn_close(&dev->conn);
	vfio_user_regions_release(dev);
	vfio_user_maps_release(dev);
	free(dev);
	tdev->priv = NULL;
	tdev->gone_fd = -1;
}

static int
user_get_info(struct vfio_transport_dev *tdev, struct vfio_device_info *info)
{
	struct vfio_user_dev *dev = tdev->priv;
	struct vfio_user_device_info ask = { .argsz = sizeof(ask) }, reply;
	struct vfio_user_request req = {
		.command = VFIO_USER_DEVICE_GET_INFO,
		.out = { { &ask, sizeof(ask) } },
		.in = { { &reply, sizeof(reply) } },
		.in_min = sizeof(reply),
	};
	int ret;

	ret = vfio_user_request_alone(&dev->conn, &req);
	if (ret < 0)
		return ret;
	info->flags = reply.flags;
	info->num_regions = reply.num_regions;
	info->num_irqs = reply.num_irqs;
	return 0;
}

static int
user_reset(struct vfio_transport_dev *tdev)
{
	struct vfio_user_dev *dev = tdev->priv;
	struct vfio_user_request req = { .command = VFIO_USER_DEVICE_RESET };

	return vfio_user_request_alone(&dev->conn, &req);
}

static const struct vfio_transport_ops user_ops = {
	.name = "vfio-user",
	.iova_as_va = true,
	.bare_pci = true,
	.match = user_match,
	.open = user_open,
	.close = user_close,
	.get_info = user_get_info,
	.get_region_info = vfio_user_get_region_info,
	.region_read = vfio_user_region_read,
	.region_write = vfio_user_region_write,
	.region_mmap = vfio_user_region_mmap,
	.region_fd = vfio_user_region_fd,
	.region_ioeventfd = vfio_user_region_ioeventfd,
	.get_irq_info = vfio_user_get_irq_info,
	.set_irqs = vfio_user_set_irqs,
	.reset = user_reset,
	.dma_map = vfio_user_dma_map,
	.dma_unmap = vfio_user_dma_unmap,
};

struct vfio_transport vfio_user_transport = { .ops = &user_ops };

RTE_INIT(vfio_user_init)
{
	vfio_transport_register(&vfio_user_transport);
}

RTE_FINI(vfio_user_fini)
{
	vfio_transport_unregister(&vfio_user_transport);
}
