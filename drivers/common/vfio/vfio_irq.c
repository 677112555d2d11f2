/* SPDX-License-Identifier: BSD-3-Clause */

/* INTx, MSI, MSI-X, ERR and REQ, delivered by eventfd. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vfio_private.h"

RTE_EXPORT_INTERNAL_SYMBOL(vfio_irq_handle_alloc)
struct rte_intr_handle *
vfio_irq_handle_alloc(void)
{
	struct rte_intr_handle *handle;

	handle = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE);
	if (handle == NULL)
		return NULL;
	/* of this type a callback reads the eventfd by itself, and 8 bytes are its size */
	if (rte_intr_type_set(handle, RTE_INTR_HANDLE_VDEV) != 0 ||
			rte_intr_efd_counter_size_set(handle, sizeof(uint64_t)) != 0 ||
			rte_intr_fd_set(handle, -1) != 0) {
		rte_intr_instance_free(handle);
		return NULL;
	}
	return handle;
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_irq_get)
int
vfio_irq_get(struct vfio_dev *dev, uint32_t index, struct vfio_irq *irq)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = index };
	int ret;

	if (index >= dev->num_irqs)
		return -EINVAL;
	ret = dev->ops->get_irq_info(&dev->tdev, &info);
	if (ret < 0)
		return ret;
	irq->flags = info.flags;
	irq->count = info.count;
	/* a device says the same each time */
	if (!__atomic_load_n(&dev->irqs[index].known, __ATOMIC_RELAXED)) {
		dev->irqs[index].irq = *irq;
		__atomic_store_n(&dev->irqs[index].known, true, __ATOMIC_RELEASE);
	}
	return 0;
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_irq_known)
bool
vfio_irq_known(const struct vfio_dev *dev, uint32_t index, struct vfio_irq *irq)
{
	if (index >= dev->num_irqs ||
			!__atomic_load_n(&dev->irqs[index].known, __ATOMIC_ACQUIRE))
		return false;
	*irq = dev->irqs[index].irq;
	return true;
}

/* The REQ interrupt of a borrowed device is its owner's. */
static bool
irq_is_owners(const struct vfio_dev *dev, uint32_t index)
{
	return dev->owner == VFIO_DEV_BORROWED &&
		(dev->flags & VFIO_DEVICE_FLAGS_PCI) != 0 &&
		index == VFIO_PCI_REQ_IRQ_INDEX;
}

static int
irq_check(struct vfio_dev *dev, uint32_t index, uint32_t start, uint32_t count,
		uint32_t flag, int missing)
{
	struct vfio_irq irq;
	int ret;

	ret = vfio_irq_get(dev, index, &irq);
	if (ret < 0)
		return ret;
	if (count == 0 || start > irq.count || count > irq.count - start)
		return -EINVAL;
	return (irq.flags & flag) != 0 ? 0 : missing;
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_irq_set_eventfds)
int
vfio_irq_set_eventfds(struct vfio_dev *dev, uint32_t index, uint32_t start,
		uint32_t count, const int *fds)
{
	struct vfio_irq_set *set;
	int32_t *data;
	uint32_t i;
	int ret;

	if (irq_is_owners(dev, index))
		return -EPERM;
	ret = irq_check(dev, index, start, count, VFIO_IRQ_INFO_EVENTFD, -EINVAL);
	if (ret < 0)
		return ret;
	set = calloc(1, sizeof(*set) + count * sizeof(*data));
	if (set == NULL)
		return -ENOMEM;
	set->argsz = sizeof(*set) + count * sizeof(*data);
	set->flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
	set->index = index;
	set->start = start;
	set->count = count;
	data = (int32_t *)set->data;
	for (i = 0; i < count; i++)
		data[i] = fds[i];
	ret = dev->ops->set_irqs(&dev->tdev, set);
	free(set);
	VFIO_LOG(DEBUG, "%s: interrupt index %u: eventfds for %u from %u on: %s",
		dev->name, index, count, start, ret < 0 ? strerror(-ret) : "set");
	if (ret < 0)
		return ret;
	dev->irqs_enabled |= UINT64_C(1) << index;
	ret = vfio_pci_msi_enable(dev, index, start, count);
	if (ret < 0)
		vfio_irq_disable(dev, index);
	return ret;
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_irq_disable)
int
vfio_irq_disable(struct vfio_dev *dev, uint32_t index)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = index,
	};
	int ret;

	if (index >= dev->num_irqs)
		return -EINVAL;
	if (irq_is_owners(dev, index))
		return -EPERM;
	ret = dev->ops->set_irqs(&dev->tdev, &set);
	/* one that was never enabled has nothing to be disabled */
	if (ret == 0 && (dev->irqs_enabled & (UINT64_C(1) << index)) != 0)
		ret = vfio_pci_msi_enable(dev, index, 0, 0);
	if (ret == 0)
		dev->irqs_enabled &= ~(UINT64_C(1) << index);
	return ret;
}

static int
irq_set_mask(struct vfio_dev *dev, uint32_t index, uint32_t start,
		uint32_t count, uint32_t action)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_NONE | action,
		.index = index,
		.start = start,
		.count = count,
	};
	int ret;

	ret = irq_check(dev, index, start, count, VFIO_IRQ_INFO_MASKABLE,
			-ENOTSUP);
	if (ret < 0)
		return ret;
	return dev->ops->set_irqs(&dev->tdev, &set);
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_irq_mask)
int
vfio_irq_mask(struct vfio_dev *dev, uint32_t index, uint32_t start,
		uint32_t count)
{
	return irq_set_mask(dev, index, start, count, VFIO_IRQ_SET_ACTION_MASK);
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_irq_unmask)
int
vfio_irq_unmask(struct vfio_dev *dev, uint32_t index, uint32_t start,
		uint32_t count)
{
	return irq_set_mask(dev, index, start, count, VFIO_IRQ_SET_ACTION_UNMASK);
}

void
vfio_irq_release(struct vfio_dev *dev)
{
	uint32_t index;

	for (index = 0; dev->irqs_enabled != 0; index++) {
		if ((dev->irqs_enabled & (UINT64_C(1) << index)) == 0)
			continue;
		vfio_irq_disable(dev, index);
		dev->irqs_enabled &= ~(UINT64_C(1) << index);
	}
}
