/* SPDX-License-Identifier: BSD-3-Clause */

/* The configuration interrupt: link changes, and a device that asks for a reset. */

#include <errno.h>
#include <unistd.h>
#include <sys/eventfd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include <rte_errno.h>
#include <rte_interrupts.h>

#include "mdev_virtio_ethdev.h"
#include "mdev_virtio_logs.h"

#define CONFIG_VECTOR 0

bool
mdev_virtio_needs_reset(struct rte_eth_dev *dev)
{
	struct virtio_transport *tr = mdev_virtio_transport(dev);
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	uint8_t status = 0;

	if (!hw->needs_reset && tr->ops->get_status(tr, &status) == 0 &&
			(status & VIRTIO_CONFIG_S_NEEDS_RESET) != 0) {
		hw->needs_reset = true;
		DRV_LOG(ERR, "%s: the device asks for a reset (DEVICE_NEEDS_RESET): stop and start the port",
			dev->data->name);
	}
	return hw->needs_reset;
}

/* In EAL's interrupt thread. */
static void
config_interrupt(void *arg)
{
	struct rte_eth_dev *dev = arg;
	struct virtio_transport *tr = mdev_virtio_transport(dev);
	uint64_t count;
	uint8_t isr = 0;

	if (read(mdev_virtio_hw(dev)->config_efd, &count, sizeof(count)) !=
			(ssize_t)sizeof(count))
		return;
	if (tr->ops->get_isr(tr, &isr) < 0 ||
			(isr & VIRTIO_PCI_ISR_CONFIG) == 0)
		return;
	if (mdev_virtio_link_update(dev, 0) == 0 &&
			dev->data->dev_conf.intr_conf.lsc != 0)
		rte_eth_dev_callback_process(dev, RTE_ETH_EVENT_INTR_LSC, NULL);
}

static int
vector_set(struct rte_eth_dev *dev, int efd)
{
	struct virtio_transport *tr = mdev_virtio_transport(dev);
	int ret;

	ret = tr->ops->set_vectors(tr, &efd, 1);
	if (ret < 0)
		return ret;
	ret = tr->ops->set_config_vector(tr, CONFIG_VECTOR);
	if (ret < 0)
		tr->ops->set_vectors(tr, NULL, 0);
	return ret;
}

int
mdev_virtio_intr_enable(struct rte_eth_dev *dev)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	int efd, ret;

	if (hw->vectors == 0)
		return 0;
	efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (efd < 0) {
		ret = -errno;
		goto fail;
	}
	if (rte_intr_fd_set(dev->intr_handle, efd) != 0) {
		ret = -rte_errno;
		goto close_efd;
	}
	hw->config_efd = efd;
	ret = rte_intr_callback_register(dev->intr_handle, config_interrupt, dev);
	if (ret < 0)
		goto clear_efd;
	ret = vector_set(dev, efd);
	if (ret < 0)
		goto unregister;
	return 0;

unregister:
	rte_intr_callback_unregister_sync(dev->intr_handle, config_interrupt, dev);
clear_efd:
	hw->config_efd = -1;
	rte_intr_fd_set(dev->intr_handle, -1);
close_efd:
	close(efd);
fail:
	if (dev->data->dev_conf.intr_conf.lsc == 0) {
		INIT_LOG(WARNING, "%s: no configuration interrupt (%s): the link status is only updated when it is asked for",
			dev->data->name, rte_strerror(-ret));
		return 0;
	}
	INIT_LOG(ERR, "%s: cannot enable the configuration interrupt: %s",
		dev->data->name, rte_strerror(-ret));
	return ret;
}

void
mdev_virtio_intr_disable(struct rte_eth_dev *dev)
{
	struct virtio_transport *tr = mdev_virtio_transport(dev);
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);

	if (hw->config_efd < 0)
		return;
	tr->ops->set_config_vector(tr, VIRTIO_MSI_NO_VECTOR);
	tr->ops->set_vectors(tr, NULL, 0);
	rte_intr_callback_unregister_sync(dev->intr_handle, config_interrupt, dev);
	rte_intr_fd_set(dev->intr_handle, -1);
	close(hw->config_efd);
	hw->config_efd = -1;
}
