/* SPDX-License-Identifier: BSD-3-Clause */

/* The configuration interrupt: announcements, the link, a device that asks for a reset. */

#include <errno.h>
#include <unistd.h>
#include <sys/eventfd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include <rte_errno.h>
#include <rte_interrupts.h>

#include "mdev_virtio_ethdev.h"
#include "mdev_virtio_logs.h"

bool
mdev_virtio_needs_reset(struct rte_eth_dev *dev)
{
	struct virtio_transport *tr = mdev_virtio_transport(dev);
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	uint8_t status = 0;

	if (!hw->needs_reset && tr->ops->get_status(tr, &status) == 0 &&
			(status & VIRTIO_CONFIG_S_NEEDS_RESET) != 0)
		hw->needs_reset = true;
	/* another process may have noticed it */
	if (hw->needs_reset)
		mdev_virtio_recover_schedule(dev);
	return hw->needs_reset;
}

/*
 * In EAL's interrupt thread. The application's callbacks may stop, start or close the
 * port, so after one nothing is what it was.
 */
static void
config_interrupt(void *arg)
{
	struct rte_eth_dev *dev = arg;
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	struct virtio_transport *tr = mdev_virtio_transport(dev);
	uint64_t count;
	uint8_t isr = 0;

	if (read(hw->config_efd, &count, sizeof(count)) != (ssize_t)sizeof(count))
		return;
	if (tr->ops->get_isr(tr, &isr) < 0)
		return;
	mdev_virtio_rxintr_config_event(dev);
	if ((isr & VIRTIO_PCI_ISR_CONFIG) == 0)
		return;
	mdev_virtio_announce(dev);
	mdev_virtio_link_check(dev);
}

static void
close_efd(struct rte_intr_handle *handle, void *arg __rte_unused)
{
	close(rte_intr_fd_get(handle));
}

/*
 * From a callback, which this may be the end of, EAL removes it when it has returned;
 * to wait for that here would last for ever.
 */
static void
callback_remove(struct rte_eth_dev *dev, int efd)
{
	struct rte_intr_handle *handle = dev->intr_handle;

	if (rte_thread_is_intr() &&
			rte_intr_callback_unregister_pending(handle,
				config_interrupt, dev, close_efd) > 0)
		return;
	rte_intr_callback_unregister_sync(handle, config_interrupt, dev);
	close(efd);
}

static int
callback_add(struct rte_eth_dev *dev)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	int efd, ret;

	efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (efd < 0)
		return -errno;
	if (rte_intr_fd_set(dev->intr_handle, efd) != 0) {
		ret = -rte_errno;
		goto close_efd;
	}
	hw->config_efd = efd;
	ret = rte_intr_callback_register(dev->intr_handle, config_interrupt, dev);
	if (ret == 0)
		return 0;
	hw->config_efd = -1;
	rte_intr_fd_set(dev->intr_handle, -1);
close_efd:
	close(efd);
	return ret;
}

static void
vectors_clear(struct virtio_transport *tr)
{
	tr->ops->set_config_vector(tr, VIRTIO_MSI_NO_VECTOR);
	tr->ops->set_vectors(tr, NULL, 0);
}

static int
vectors_set(struct rte_eth_dev *dev)
{
	int fds[RTE_MAX_RXTX_INTR_VEC_ID];
	struct virtio_transport *tr = mdev_virtio_transport(dev);
	uint16_t rx;
	int ret;

	fds[MDEV_VIRTIO_CONFIG_VECTOR] = mdev_virtio_hw(dev)->config_efd;
	rx = mdev_virtio_rxintr_fds(dev, &fds[MDEV_VIRTIO_RX_VECTOR(0)]);
	ret = tr->ops->set_vectors(tr, fds, MDEV_VIRTIO_RX_VECTOR(rx));
	if (ret < 0)
		return ret;
	ret = tr->ops->set_config_vector(tr, MDEV_VIRTIO_CONFIG_VECTOR);
	if (ret == 0)
		ret = mdev_virtio_rxintr_set_vectors(dev);
	if (ret < 0)
		vectors_clear(tr);
	return ret;
}

static void
callback_end(struct rte_eth_dev *dev)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);

	callback_remove(dev, hw->config_efd);
	rte_intr_fd_set(dev->intr_handle, -1);
	hw->config_efd = -1;
}

int
mdev_virtio_intr_enable(struct rte_eth_dev *dev)
{
	int ret;

	if (mdev_virtio_hw(dev)->vectors == 0)
		return 0; /* as was said with the number of vectors */
	ret = callback_add(dev);
	if (ret < 0)
		goto fail;
	ret = mdev_virtio_rxintr_open(dev);
	if (ret < 0)
		goto end_callback;
	ret = vectors_set(dev);
	if (ret < 0)
		goto close_rxintr;
	INIT_LOG(DEBUG, "%s: interrupts of the configuration and of %u receive queues",
		dev->data->name, mdev_virtio_rxintr_count(dev));
	return 0;

close_rxintr:
	mdev_virtio_rxintr_close(dev);
end_callback:
	callback_end(dev);
fail:
	if (dev->data->dev_conf.intr_conf.lsc == 0 &&
			mdev_virtio_rxintr_count(dev) == 0) {
		INIT_LOG(WARNING, "%s: no configuration interrupt (%s): the link status is only updated when it is asked for",
			dev->data->name, rte_strerror(-ret));
		return 0;
	}
	INIT_LOG(ERR, "%s: cannot enable the interrupts of the configuration and of %u receive queues: %s: configure the port without them",
		dev->data->name, mdev_virtio_rxintr_count(dev),
		rte_strerror(-ret));
	return ret;
}

int
mdev_virtio_intr_restore(struct rte_eth_dev *dev)
{
	int ret;

	if (mdev_virtio_hw(dev)->config_efd < 0)
		return 0;
	ret = vectors_set(dev);
	if (ret < 0)
		INIT_LOG(ERR, "%s: cannot enable the interrupts again: %s: "
			DEVICE_FAILING, dev->data->name, rte_strerror(-ret));
	return ret;
}

void
mdev_virtio_intr_disable(struct rte_eth_dev *dev)
{
	if (mdev_virtio_hw(dev)->config_efd < 0)
		return;
	vectors_clear(mdev_virtio_transport(dev));
	/* it may raise what the other closes */
	callback_end(dev);
	mdev_virtio_rxintr_close(dev);
}
