/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Receive interrupts with fewer vectors than queues.
 *
 * EAL has one eventfd for each queue, and whoever waits for it clears it: an eventfd that
 * several queues share would wake one of the sleepers and not the others. So each queue
 * keeps its own, and the vector has another one, which EAL's interrupt thread hears: it
 * raises all the others. An event more than there are frames does no harm, who polls
 * before going to sleep finds nothing. None can be missed: what is raised stays raised until
 * its sleeper has seen it, and what comes meanwhile raises it again.
 */

#include <errno.h>
#include <unistd.h>
#include <sys/eventfd.h>

#include <rte_errno.h>
#include <rte_interrupts.h>

#include "mdev_virtio_ethdev.h"

/* A vector of its own, one for all, or that of the configuration. */
enum vector_map {
	MAP_OWN,
	MAP_SHARED,
	MAP_CONFIG,
};

static enum vector_map
vector_map(const struct rte_eth_dev *dev)
{
	uint32_t vectors = mdev_virtio_hw(dev)->vectors;

	if (vectors > mdev_virtio_rxintr_count(dev))
		return MAP_OWN;
	return vectors > 1 ? MAP_SHARED : MAP_CONFIG;
}

uint16_t
mdev_virtio_rxintr_vector(const struct rte_eth_dev *dev, uint16_t queue)
{
	switch (vector_map(dev)) {
	case MAP_OWN:
		return MDEV_VIRTIO_RX_VECTOR(queue);
	case MAP_SHARED:
		return MDEV_VIRTIO_RX_VECTOR(0);
	case MAP_CONFIG:
	default:
		return MDEV_VIRTIO_CONFIG_VECTOR;
	}
}

uint16_t
mdev_virtio_rxintr_fds(const struct rte_eth_dev *dev, int *fds)
{
	const struct mdev_virtio_process *process = dev->process_private;
	uint16_t count = mdev_virtio_rxintr_count(dev), i;

	if (process->rx_shared != NULL) {
		fds[0] = rte_intr_fd_get(process->rx_shared);
		return 1;
	}
	if (vector_map(dev) != MAP_OWN)
		return 0;
	for (i = 0; i < count; i++)
		fds[i] = rte_intr_efds_index_get(dev->intr_handle, i);
	return count;
}

static void
raise_all(const struct rte_eth_dev *dev)
{
	const uint64_t one = 1;
	int i;

	for (i = 0; i < rte_intr_nb_efd_get(dev->intr_handle); i++) {
		/* one whose counter is full is raised */
		if (write(rte_intr_efds_index_get(dev->intr_handle, i), &one,
				sizeof(one)) < 0)
			continue;
	}
}

void
mdev_virtio_rxintr_config_event(const struct rte_eth_dev *dev)
{
	if (mdev_virtio_rxintr_count(dev) > 0 && vector_map(dev) == MAP_CONFIG)
		raise_all(dev);
}

/* In EAL's interrupt thread. */
static void
shared_interrupt(void *arg)
{
	const struct rte_eth_dev *dev = arg;
	const struct mdev_virtio_process *process = dev->process_private;
	uint64_t count;

	if (read(rte_intr_fd_get(process->rx_shared), &count, sizeof(count)) ==
			(ssize_t)sizeof(count))
		raise_all(dev);
}

int
mdev_virtio_rxintr_shared_open(struct rte_eth_dev *dev)
{
	struct mdev_virtio_process *process = dev->process_private;
	struct rte_intr_handle *handle;
	int efd, ret;

	if (vector_map(dev) != MAP_SHARED)
		return 0;
	efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (efd < 0)
		return -errno;
	handle = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE);
	if (handle == NULL) {
		ret = -rte_errno;
		goto close_efd;
	}
	if (rte_intr_fd_set(handle, efd) != 0 ||
			rte_intr_type_set(handle, RTE_INTR_HANDLE_VDEV) != 0) {
		ret = -rte_errno;
		goto free_handle;
	}
	process->rx_shared = handle;
	ret = rte_intr_callback_register(handle, shared_interrupt, dev);
	if (ret == 0)
		return 0;
	process->rx_shared = NULL;
free_handle:
	rte_intr_instance_free(handle);
close_efd:
	close(efd);
	return ret;
}

/* It is no callback that could stop the port, so it can be waited for. */
void
mdev_virtio_rxintr_shared_close(struct rte_eth_dev *dev)
{
	struct mdev_virtio_process *process = dev->process_private;
	struct rte_intr_handle *handle = process->rx_shared;

	if (handle == NULL)
		return;
	rte_intr_callback_unregister_sync(handle, shared_interrupt, dev);
	process->rx_shared = NULL;
	close(rte_intr_fd_get(handle));
	rte_intr_instance_free(handle);
}
