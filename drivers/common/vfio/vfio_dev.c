/* SPDX-License-Identifier: BSD-3-Clause */

/* Open, information, reset, close; the list of transports. */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "vfio_private.h"

RTE_LOG_REGISTER_DEFAULT(vfio_common_logtype, NOTICE)

static TAILQ_HEAD(, vfio_transport) transports =
	TAILQ_HEAD_INITIALIZER(transports);

RTE_EXPORT_INTERNAL_SYMBOL(vfio_transport_register)
void
vfio_transport_register(struct vfio_transport *transport)
{
	TAILQ_INSERT_HEAD(&transports, transport, next);
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_transport_unregister)
void
vfio_transport_unregister(struct vfio_transport *transport)
{
	TAILQ_REMOVE(&transports, transport, next);
}

static const struct vfio_transport_ops *
transport_find(const char *base, const char *addr)
{
	struct vfio_transport *transport;

	TAILQ_FOREACH(transport, &transports, next) {
		if (transport->ops->match(base, addr))
			return transport->ops;
	}
	return vfio_kernel_ops.match(base, addr) ? &vfio_kernel_ops : NULL;
}

struct vfio_dev *
vfio_dev_alloc(const char *name, const struct vfio_transport_ops *ops,
		enum vfio_dev_owner owner)
{
	size_t len = strlen(name) + 1;
	struct vfio_dev *dev = calloc(1, sizeof(*dev) + len);

	if (dev == NULL)
		return NULL;
	memcpy(dev->name, name, len);
	dev->ops = ops;
	dev->owner = owner;
	dev->iova_as_va = ops->iova_as_va;
	pthread_mutex_init(&dev->regions_lock, NULL);
	pthread_mutex_init(&dev->dma_lock, NULL);
	dev->tdev.name = dev->name;
	dev->tdev.fd = -1;
	dev->tdev.gone_fd = -1;
	TAILQ_INIT(&dev->dma_ranges);
	return dev;
}

void
vfio_dev_free(struct vfio_dev *dev)
{
	pthread_mutex_destroy(&dev->dma_lock);
	pthread_mutex_destroy(&dev->regions_lock);
	free(dev->regions);
	free(dev);
}

int
vfio_dev_get_info(struct vfio_dev *dev)
{
	struct vfio_device_info info = {
		/* the size of the first kernels that had VFIO: all answer it */
		.argsz = offsetof(struct vfio_device_info, num_irqs) +
			sizeof(info.num_irqs),
	};
	int ret;

	ret = dev->ops->get_info(&dev->tdev, &info);
	if (ret < 0) {
		VFIO_LOG(ERR, "%s: cannot get device information: %s: " VFIO_FAILING,
			dev->name, strerror(-ret));
		return ret;
	}
	if (info.num_regions > VFIO_DEV_MAX_REGIONS ||
			info.num_irqs > VFIO_DEV_MAX_IRQS) {
		VFIO_LOG(ERR, "%s: device claims %u regions and %u interrupt indices (at most %u and %u are taken): " VFIO_BROKEN,
			dev->name, info.num_regions, info.num_irqs,
			VFIO_DEV_MAX_REGIONS, VFIO_DEV_MAX_IRQS);
		return -EPROTO;
	}
	dev->regions = calloc(RTE_MAX(info.num_regions, 1u),
			sizeof(*dev->regions));
	if (dev->regions == NULL)
		return -ENOMEM;
	dev->flags = info.flags;
	dev->num_regions = info.num_regions;
	dev->num_irqs = info.num_irqs;
	VFIO_LOG(DEBUG, "%s: by the %s transport: flags %#x, %u regions, %u interrupt indices",
		dev->name, dev->ops->name, info.flags, info.num_regions, info.num_irqs);
	return 0;
}

/* Nobody serves the device. One with a socket is not the kernel's. */
static void
log_unserved(const char *base, const char *addr)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s/socket", base, addr);
	if ((stat(base, &st) == 0 && S_ISSOCK(st.st_mode)) ||
			(stat(path, &st) == 0 && S_ISSOCK(st.st_mode)))
		VFIO_LOG(ERR, "%s: no loaded transport serves the socket of its mediator in %s: load librte_common_vfio_user with -d",
			addr, base);
	else
		VFIO_LOG(ERR, "%s: not listed as a VFIO device in %s: was it removed, or has it no VFIO driver?",
			addr, base);
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_dev_open)
int
vfio_dev_open(const char *base, const char *addr, struct vfio_dev **dev)
{
	const struct vfio_transport_ops *ops;
	struct vfio_dev *new;
	int ret;

	*dev = NULL;
	ops = transport_find(base, addr);
	if (ops == NULL) {
		log_unserved(base, addr);
		return -ENODEV;
	}
	new = vfio_dev_alloc(addr, ops, VFIO_DEV_OWNED);
	if (new == NULL)
		return -ENOMEM;
	ret = ops->open(&new->tdev, base, addr);
	if (ret < 0)
		goto free_dev;
	ret = vfio_dev_get_info(new);
	if (ret == 0)
		ret = vfio_pci_assign_bars(new);
	if (ret < 0)
		goto close_dev;
	*dev = new;
	return 0;

close_dev:
	vfio_region_release(new);
	ops->close(&new->tdev);
free_dev:
	vfio_dev_free(new);
	return ret;
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_dev_attach)
int
vfio_dev_attach(const char *name, int fd, struct vfio_dev **dev)
{
	struct vfio_dev *new;
	int ret;

	*dev = NULL;
	if (fd < 0)
		return -EINVAL;
	new = vfio_dev_alloc(name, &vfio_kernel_ops, VFIO_DEV_BORROWED);
	if (new == NULL)
		return -ENOMEM;
	new->tdev.fd = fd;
	ret = vfio_dev_get_info(new);
	if (ret < 0) {
		vfio_dev_free(new);
		return ret;
	}
	*dev = new;
	return 0;
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_dev_close)
void
vfio_dev_close(struct vfio_dev *dev)
{
	if (dev == NULL)
		return;
	vfio_irq_release(dev);
	vfio_region_release(dev);
	vfio_dma_release(dev);
	/* an attached fd is its owner's; what another transport keeps is ours */
	if (dev->owner == VFIO_DEV_OWNED || dev->ops != &vfio_kernel_ops)
		dev->ops->close(&dev->tdev);
	vfio_dev_free(dev);
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_dev_reset)
int
vfio_dev_reset(struct vfio_dev *dev)
{
	int ret;

	if ((dev->flags & VFIO_DEVICE_FLAGS_RESET) == 0)
		return -ENOTSUP;
	ret = dev->ops->reset(&dev->tdev);
	return ret < 0 ? ret : vfio_pci_assign_bars(dev);
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_dev_name)
const char *
vfio_dev_name(const struct vfio_dev *dev)
{
	return dev->name;
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_dev_transport)
const char *
vfio_dev_transport(const struct vfio_dev *dev)
{
	return dev->ops->name;
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_dev_owner)
enum vfio_dev_owner
vfio_dev_owner(const struct vfio_dev *dev)
{
	return dev->owner;
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_dev_fd)
int
vfio_dev_fd(const struct vfio_dev *dev)
{
	return dev->tdev.fd;
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_dev_iova_as_va)
bool
vfio_dev_iova_as_va(const struct vfio_dev *dev)
{
	return dev->iova_as_va;
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_dev_gone_fd)
int
vfio_dev_gone_fd(const struct vfio_dev *dev)
{
	return dev->tdev.gone_fd;
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_dev_flags)
uint32_t
vfio_dev_flags(const struct vfio_dev *dev)
{
	return dev->flags;
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_dev_num_regions)
uint32_t
vfio_dev_num_regions(const struct vfio_dev *dev)
{
	return dev->num_regions;
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_dev_num_irqs)
uint32_t
vfio_dev_num_irqs(const struct vfio_dev *dev)
{
	return dev->num_irqs;
}
