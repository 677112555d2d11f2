/* SPDX-License-Identifier: BSD-3-Clause */

/* Interrupts of receive queues: an eventfd for each. */

#include <errno.h>
#include <unistd.h>
#include <sys/eventfd.h>

#include <rte_errno.h>
#include <rte_interrupts.h>

#include "mdev_virtio_ethdev.h"
#include "mdev_virtio_logs.h"
#include "virtqueue_packed.h"
#include "virtqueue_split.h"

uint16_t
mdev_virtio_rxintr_count(const struct rte_eth_dev *dev)
{
	return dev->data->dev_conf.intr_conf.rxq != 0 ?
		dev->data->nb_rx_queues : 0;
}

int
mdev_virtio_rxintr_check(const struct rte_eth_dev *dev)
{
	uint32_t vectors = mdev_virtio_hw(dev)->vectors;
	uint16_t count = mdev_virtio_rxintr_count(dev);

	if (count == 0 || (vectors > 0 && count < RTE_MAX_RXTX_INTR_VEC_ID))
		return 0;
	if (vectors == 0)
		INIT_LOG(ERR, "%s: the device has no interrupts: configure the port without those of receive queues",
			dev->data->name);
	else
		INIT_LOG(ERR, "%s: %u receive queues are more than can have interrupts, %u: use fewer, or no receive interrupts",
			dev->data->name, count, RTE_MAX_RXTX_INTR_VEC_ID - 1);
	return -ENOTSUP;
}

/* The counts grow with each eventfd, so that what there is can be released. */
static int
efd_open(struct rte_intr_handle *handle, uint16_t i)
{
	int efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (efd < 0)
		return -errno;
	if (rte_intr_efds_index_set(handle, i, efd) != 0 ||
			rte_intr_max_intr_set(handle, MDEV_VIRTIO_RX_VECTOR(i) + 1) != 0 ||
			rte_intr_nb_efd_set(handle, i + 1) != 0 ||
			rte_intr_vec_list_index_set(handle, i,
				MDEV_VIRTIO_RX_VECTOR(i)) != 0) {
		if (rte_intr_nb_efd_get(handle) == i)
			close(efd);
		return -rte_errno;
	}
	return 0;
}

int
mdev_virtio_rxintr_open(struct rte_eth_dev *dev)
{
	uint16_t count = mdev_virtio_rxintr_count(dev), i;
	int ret;

	if (count == 0)
		return 0;
	ret = rte_intr_vec_list_alloc(dev->intr_handle, "mdev_virtio_vectors",
			count);
	for (i = 0; ret == 0 && i < count; i++)
		ret = efd_open(dev->intr_handle, i);
	if (ret == 0)
		ret = mdev_virtio_rxintr_shared_open(dev);
	if (ret < 0)
		mdev_virtio_rxintr_close(dev);
	return ret;
}

void
mdev_virtio_rxintr_close(struct rte_eth_dev *dev)
{
	mdev_virtio_rxintr_shared_close(dev);
	rte_intr_efd_disable(dev->intr_handle); /* closes the eventfds */
	rte_intr_vec_list_free(dev->intr_handle);
}

/* Queues beyond are polled with these, so they wake whoever polls these. */
int
mdev_virtio_rxintr_set_vector(struct rte_eth_dev *dev, uint16_t vq_index)
{
	struct virtio_transport *tr = mdev_virtio_transport(dev);
	uint16_t count = mdev_virtio_rxintr_count(dev);

	if (count == 0)
		return 0;
	return tr->ops->set_vq_vector(tr, vq_index,
			mdev_virtio_rxintr_vector(dev, vq_index / 2 % count));
}

int
mdev_virtio_rxintr_set_vectors(struct rte_eth_dev *dev)
{
	uint16_t i;
	int ret = 0;

	for (i = 0; ret == 0 && i < mdev_virtio_pairs(dev); i++)
		ret = mdev_virtio_rxintr_set_vector(dev, VIRTIO_NET_RX_VQ(i));
	return ret;
}

static int
raise_event(struct rte_eth_dev *dev, uint16_t index)
{
	int efd = rte_intr_efds_index_get(dev->intr_handle, index);
	const uint64_t one = 1;

	return write(efd, &one, sizeof(one)) == sizeof(one) ? 0 : -errno;
}

/* Whether frames, or an empty ring, wait already; -EIO if nothing will ever come. */
static int
rings_enable(struct virtqueue *vq)
{
	bool pending = false;

	for (; vq != NULL; vq = vq->sibling) {
		if (vq->broken)
			return -EIO;
		pending |= (vq->packed ? packed_enable_interrupts(vq, vq->tail) :
			split_enable_interrupts(vq, vq->tail)) ||
			vq->head == vq->tail || vq->batch > 0;
	}
	return pending;
}

/*
 * What the device returned before it could see that interrupts are wanted raises
 * none (VIRTIO 1.2 s. 2.7.7.1): then the queue's event is made here. So it is for a
 * ring that is empty because the pool was: it is filled by a burst, or never.
 *
 * While the port recovers the rings are not the owner's: it is woken to ask again.
 */
int
mdev_virtio_rx_queue_intr_enable(struct rte_eth_dev *dev, uint16_t index)
{
	struct virtqueue *vq = dev->data->rx_queues[index];
	int pending = 1;

	if (dev->intr_handle == NULL ||
			index >= rte_intr_nb_efd_get(dev->intr_handle))
		return -ENOTSUP;
	__atomic_store_n(&vq->intr_wanted, true, __ATOMIC_SEQ_CST);
	if (!mdev_virtio_recovering(dev))
		pending = rings_enable(vq);
	if (pending <= 0)
		return pending;
	return raise_event(dev, index);
}

int
mdev_virtio_rx_queue_intr_disable(struct rte_eth_dev *dev, uint16_t index)
{
	struct virtqueue *vq = dev->data->rx_queues[index];

	if (vq == NULL)
		return 0;
	__atomic_store_n(&vq->intr_wanted, false, __ATOMIC_SEQ_CST);
	if (mdev_virtio_recovering(dev))
		return 0;
	for (; vq != NULL; vq = vq->sibling) {
		if (vq->packed)
			packed_disable_interrupts(vq);
		else
			split_disable_interrupts(vq, vq->tail);
	}
	return 0;
}

void
mdev_virtio_rxintr_restore(struct rte_eth_dev *dev)
{
	struct virtqueue *vq;
	uint16_t i;

	for (i = 0; i < mdev_virtio_rxintr_count(dev); i++) {
		vq = dev->data->rx_queues[i];
		if (__atomic_load_n(&vq->intr_wanted, __ATOMIC_SEQ_CST))
			rings_enable(vq);
	}
}

void
mdev_virtio_rxintr_raise(struct rte_eth_dev *dev)
{
	uint16_t i;

	for (i = 0; i < mdev_virtio_rxintr_count(dev); i++)
		raise_event(dev, i);
}
