/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * How control takes queues from the threads that poll them, while the port runs.
 *
 * A queue belongs to one thread at a time, which is not told of anything and takes no
 * lock. But it calls the port's burst functions through pointers, and those can be
 * replaced: by one that notes, for the queue that it is called with, which pause it has
 * heard of. Whoever is in there is not in an earlier burst of the same queue. A burst pays
 * nothing for it.
 *
 * Nothing is heard of a queue that nobody uses, and that is no proof of anything: a
 * thread may have been taken off its processor in the middle of a burst. Such a queue is
 * left to whoever may have it, and replaced by a new one.
 */

#include <errno.h>
#include <unistd.h>
#include <sys/syscall.h>

#include <linux/membarrier.h>

#include <rte_atomic.h>
#include <rte_cycles.h>

#include "mdev_virtio_ethdev.h"
#include "mdev_virtio_logs.h"
#include "virtio_offload.h"

#define PAUSE_POLL_US 100

/* Queues that were replaced and not heard of since: a bound, for what they hold. */
#define REPLACED_MAX 256

/* Of a stopped port: whoever polls it still looks up a queue before the dummy burst. */
static void *no_queues[RTE_MAX_QUEUES_PER_PORT];

/*
 * Whoever calls a function that is stored behind this sees what control did to the queues.
 * A processor with weak order may have read from a queue before it reads the function's
 * address, and bursts have no barrier against it: the kernel gives one to all threads that
 * run (membarrier(2)).
 */
static void
publish_barrier(void)
{
	rte_smp_wmb();
#ifndef RTE_ARCH_X86
	if (syscall(__NR_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) < 0 &&
			errno == EPERM && syscall(__NR_membarrier,
			MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0)
		syscall(__NR_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
#endif
}

bool
mdev_virtio_queues_publish(struct rte_eth_dev *dev)
{
	struct rte_eth_fp_ops *fp = &rte_eth_fp_ops[dev - rte_eth_devices];
	bool others = fp->rxq.data != dev->data->rx_queues ||
		fp->txq.data != dev->data->tx_queues;

	fp->rxq.data = dev->data->rx_queues;
	fp->txq.data = dev->data->tx_queues;
	publish_barrier();
	return others;
}

void
mdev_virtio_bursts_publish(struct rte_eth_dev *dev, bool queues)
{
	struct rte_eth_fp_ops *fp = &rte_eth_fp_ops[dev - rte_eth_devices];

	if (!queues) {
		fp->rx_pkt_burst = dev->rx_pkt_burst;
		fp->tx_pkt_burst = dev->tx_pkt_burst;
		fp->tx_pkt_prepare = dev->tx_pkt_prepare;
		rte_smp_wmb(); /* no burst function without its queues */
	}
	fp->rxq.data = queues ? dev->data->rx_queues : no_queues;
	fp->txq.data = queues ? dev->data->tx_queues : no_queues;
	if (queues) {
		publish_barrier();
		fp->rx_pkt_burst = dev->rx_pkt_burst;
		fp->tx_pkt_burst = dev->tx_pkt_burst;
		fp->tx_pkt_prepare = dev->tx_pkt_prepare;
	}
}

/*
 * The number is read before it is noted: who has been here since an earlier pause notes
 * that one, and says nothing of this one.
 */
static uint16_t
burst_paused(void *queue, struct rte_mbuf **pkts __rte_unused,
		uint16_t count __rte_unused)
{
	struct virtqueue *vq = queue;
	uint32_t asked;

	if (vq == NULL)
		return 0;
	asked = __atomic_load_n(&vq->pause.asked, __ATOMIC_ACQUIRE);
	if (__atomic_load_n(&vq->pause.heard, __ATOMIC_RELAXED) != asked)
		__atomic_store_n(&vq->pause.heard, asked, __ATOMIC_RELEASE);
	return 0;
}

/*
 * Frames are prepared as ever: it takes no queue, and they are sent when the pause is over,
 * with the offloads that there were if the device has them still.
 * ethdev may call what is there without a look whether it is NULL.
 */
void
mdev_virtio_select_paused(struct rte_eth_dev *dev)
{
	dev->rx_pkt_burst = burst_paused;
	dev->tx_pkt_burst = burst_paused;
	dev->tx_pkt_prepare = virtio_prepare(mdev_virtio_tx_offloads(dev));
}

bool
mdev_virtio_queue_paused(const struct virtqueue *vq)
{
	return __atomic_load_n(&vq->pause.heard, __ATOMIC_ACQUIRE) ==
		vq->pause.asked;
}

/* One that is stopped, or was not started yet, is not polled: ethdev's users may not. */
static void
ask(struct virtqueue *vq, const struct virtqueue *own)
{
	if (vq == NULL)
		return;
	__atomic_store_n(&vq->pause.asked, vq->pause.asked + 1, __ATOMIC_SEQ_CST);
	if (vq == own || vq->stopped)
		__atomic_store_n(&vq->pause.heard, vq->pause.asked,
				__ATOMIC_RELEASE);
}

static bool
all_paused(const struct rte_eth_dev *dev)
{
	uint16_t i;

	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		if (!mdev_virtio_queue_paused(dev->data->rx_queues[i]))
			return false;
	}
	for (i = 0; i < dev->data->nb_tx_queues; i++) {
		if (!mdev_virtio_queue_paused(dev->data->tx_queues[i]))
			return false;
	}
	return true;
}

/*
 * First the functions, then the question: who has heard it finds no other function any
 * more. Threads that sleep until a frame comes are woken, or they would not be heard of.
 */
void
mdev_virtio_bursts_pause(struct rte_eth_dev *dev, const struct virtqueue *own)
{
	uint32_t max = mdev_virtio_hw(dev)->recovery.pause_polls, polls;
	uint16_t i;

	mdev_virtio_select_paused(dev);
	mdev_virtio_bursts_publish(dev, true);
	rte_mb();
	mdev_virtio_mp_pausing(dev);
	for (i = 0; i < dev->data->nb_rx_queues; i++)
		ask(dev->data->rx_queues[i], own);
	for (i = 0; i < dev->data->nb_tx_queues; i++)
		ask(dev->data->tx_queues[i], own);
	mdev_virtio_rxintr_raise(dev);
	for (polls = 0; polls < max && !all_paused(dev); polls++)
		rte_delay_us_sleep(PAUSE_POLL_US);
}

static const struct virtqueue *
successor(const struct rte_eth_dev *dev, const struct virtqueue *vq)
{
	return vq->kind == VIRTQUEUE_RX ? dev->data->rx_queues[vq->index / 2] :
		dev->data->tx_queues[vq->index / 2];
}

/*
 * Has the owner left the queues that were replaced by this one? It has if it was heard of,
 * and if it has used this one: the device has got descriptors of it.
 */
static bool
has_moved_on(const struct virtqueue *vq)
{
	bool used = __atomic_load_n(&vq->head, __ATOMIC_ACQUIRE) != 0;

	return used || mdev_virtio_queue_paused(vq);
}

/* Free those whose owners use the one that came after. */
static void
free_replaced(struct rte_eth_dev *dev, bool all)
{
	struct mdev_virtio_recovery *recovery = &mdev_virtio_hw(dev)->recovery;
	struct virtqueue **link = &recovery->replaced, *vq;

	while ((vq = *link) != NULL) {
		if (!all && !has_moved_on(successor(dev, vq))) {
			link = &vq->pause.next;
			continue;
		}
		*link = vq->pause.next;
		recovery->nr_replaced--;
		mdev_virtio_queues_sync();
		mdev_virtio_queue_free_replaced(vq);
	}
}

static int
replace(struct rte_eth_dev *dev, void **place)
{
	struct mdev_virtio_recovery *recovery = &mdev_virtio_hw(dev)->recovery;
	struct virtqueue *old = *place, *vq;

	if (mdev_virtio_queue_paused(old))
		return 0;
	if (recovery->nr_replaced >= REPLACED_MAX) {
		DRV_LOG(ERR, "%s: queue %u and others were replaced %u times, and nobody has used one since: the port cannot go on: poll its queues, then stop and start it",
			dev->data->name, old->index, recovery->nr_replaced);
		return -EBUSY;
	}
	vq = mdev_virtio_queue_renew(dev, old);
	if (vq == NULL)
		return -ENOMEM;
	/* whoever reads statistics finds the one or the other */
	__atomic_store_n(place, vq, __ATOMIC_RELEASE);
	old->pause.next = recovery->replaced;
	recovery->replaced = old;
	recovery->nr_replaced++;
	return 0;
}

bool
mdev_virtio_queues_room(struct rte_eth_dev *dev)
{
	uint32_t needed = 0;
	uint16_t i;

	free_replaced(dev, false);
	for (i = 0; i < dev->data->nb_rx_queues; i++)
		needed += !mdev_virtio_queue_paused(dev->data->rx_queues[i]);
	for (i = 0; i < dev->data->nb_tx_queues; i++)
		needed += !mdev_virtio_queue_paused(dev->data->tx_queues[i]);
	return mdev_virtio_hw(dev)->recovery.nr_replaced + needed <= REPLACED_MAX;
}

int
mdev_virtio_queues_take(struct rte_eth_dev *dev)
{
	uint16_t i;
	int ret = 0;

	free_replaced(dev, false);
	for (i = 0; ret == 0 && i < dev->data->nb_rx_queues; i++)
		ret = replace(dev, &dev->data->rx_queues[i]);
	for (i = 0; ret == 0 && i < dev->data->nb_tx_queues; i++)
		ret = replace(dev, &dev->data->tx_queues[i]);
	return ret;
}

void
mdev_virtio_replaced_free(struct rte_eth_dev *dev)
{
	free_replaced(dev, true);
}
