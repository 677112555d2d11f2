/* SPDX-License-Identifier: BSD-3-Clause */

/* Queues of a port: set-up, release, hand-over to the device. */

#include <errno.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include <rte_errno.h>

#include "mdev_virtio_ethdev.h"
#include "mdev_virtio_logs.h"
#include "virtio_rxtx.h"

#define DEFAULT_FREE_THRESH 32

static uint16_t
free_thresh(uint16_t wanted, uint16_t nb_desc)
{
	if (wanted == 0)
		wanted = DEFAULT_FREE_THRESH;
	return RTE_MIN(wanted, nb_desc / 2);
}

static struct virtqueue *
queue_create(struct rte_eth_dev *dev, uint16_t vq_index,
		enum virtqueue_kind kind, uint16_t nb_desc,
		unsigned int socket_id)
{
	struct virtqueue *vq;

	if (mdev_virtio_hw(dev)->runaway) {
		INIT_LOG(ERR, "%s: the device could not be reset and still has its queues: close the port",
			dev->data->name);
		rte_errno = EBUSY;
		return NULL;
	}
	vq = virtqueue_create(dev->data->port_id, vq_index, kind, nb_desc,
			socket_id);
	if (vq == NULL)
		INIT_LOG(ERR, "%s: no contiguous memory for a ring of %u descriptors: %s: use a smaller one, or give EAL more memory (-m)",
			dev->data->name, nb_desc, rte_strerror(rte_errno));
	else if (mdev_virtio_transport(dev)->iova_as_va)
		virtqueue_use_va(vq);
	return vq;
}

/*
 * VIRTIO 1.2 s. 2.7: a power of two, in a split ring; the driver wants it in both. ethdev
 * cannot be told, so who asks for another number gets the next one: there is one, since
 * the device's largest size is a power of two.
 */
static uint16_t
ring_size(const struct rte_eth_dev *dev, const char *direction, uint16_t index,
		uint16_t nb_desc)
{
	uint16_t size = rte_align32pow2(nb_desc);

	if (size != nb_desc)
		INIT_LOG(INFO, "%s: %s queue %u has %u descriptors instead of %u: a ring's size is a power of two",
			dev->data->name, direction, index, size, nb_desc);
	return size;
}

int
mdev_virtio_rx_queue_setup(struct rte_eth_dev *dev, uint16_t index,
		uint16_t nb_desc, unsigned int socket_id,
		const struct rte_eth_rxconf *conf, struct rte_mempool *mp)
{
	struct virtqueue *vq;

	mdev_virtio_rx_queue_release(dev, index);
	nb_desc = ring_size(dev, "receive", index, nb_desc);
	vq = queue_create(dev, VIRTIO_NET_RX_VQ(index), VIRTQUEUE_RX, nb_desc,
			socket_id);
	if (vq == NULL)
		return -rte_errno;
	vq->mp = mp;
	vq->turn = vq;
	vq->free_thresh = free_thresh(conf->rx_free_thresh, nb_desc);
	vq->deferred = conf->rx_deferred_start != 0;
	/* whoever finds it there finds it complete */
	__atomic_store_n(&dev->data->rx_queues[index], vq, __ATOMIC_RELEASE);
	return 0;
}

int
mdev_virtio_tx_queue_setup(struct rte_eth_dev *dev, uint16_t index,
		uint16_t nb_desc, unsigned int socket_id,
		const struct rte_eth_txconf *conf)
{
	struct virtqueue *vq;

	mdev_virtio_tx_queue_release(dev, index);
	nb_desc = ring_size(dev, "transmit", index, nb_desc);
	vq = queue_create(dev, VIRTIO_NET_TX_VQ(index), VIRTQUEUE_TX, nb_desc,
			socket_id);
	if (vq == NULL)
		return -rte_errno;
	vq->free_thresh = free_thresh(conf->tx_free_thresh, nb_desc);
	vq->deferred = conf->tx_deferred_start != 0;
	__atomic_store_n(&dev->data->tx_queues[index], vq, __ATOMIC_RELEASE);
	return 0;
}

/* A ring that the device may use is not made from another thread's hands. */
struct virtqueue *
mdev_virtio_queue_renew(struct rte_eth_dev *dev, struct virtqueue *old)
{
	const struct virtqueue *ring;
	struct virtqueue *vq;

	vq = queue_create(dev, old->index, old->kind, old->size,
			old->mz->socket_id);
	if (vq == NULL)
		return NULL;
	vq->mp = old->mp;
	vq->turn = vq;
	vq->free_thresh = old->free_thresh;
	vq->notify_offset = old->notify_offset;
	vq->intr_wanted = old->intr_wanted;
	vq->deferred = old->deferred;
	vq->stopped = old->stopped;
	for (ring = old; ring != NULL; ring = ring->sibling)
		virtqueue_stats_add(&vq->stats, &ring->stats);
	vq->dropped = old->dropped;
	return vq;
}

/* The memory of a queue that the device may still use is lost, not reused. */
static void
queue_free(const struct rte_eth_dev *dev, struct virtqueue *vq)
{
	if (!mdev_virtio_hw(dev)->runaway)
		virtqueue_destroy(vq);
}

static void
free_list(const struct rte_eth_dev *dev, struct virtqueue **list)
{
	struct virtqueue *vq;

	while (*list != NULL) {
		vq = *list;
		*list = vq->sibling;
		queue_free(dev, vq);
	}
}

/* What they have counted stays counted. */
static void
rx_siblings_free(const struct rte_eth_dev *dev, struct virtqueue *vq)
{
	struct virtqueue *siblings = vq->sibling, *sibling;

	if (siblings == NULL)
		return;
	mdev_virtio_queues_lock();
	for (sibling = siblings; sibling != NULL; sibling = sibling->sibling)
		virtqueue_stats_add(&vq->stats, &sibling->stats);
	vq->sibling = NULL;
	mdev_virtio_queues_unlock();
	vq->turn = vq;
	free_list(dev, &siblings);
}

/* What it has counted its successor has, too. */
void
mdev_virtio_queue_free_replaced(struct virtqueue *vq)
{
	struct virtqueue *next;

	for (; vq != NULL; vq = next) {
		next = vq->sibling;
		virtqueue_destroy(vq);
	}
}

void
mdev_virtio_rx_queue_release(struct rte_eth_dev *dev, uint16_t index)
{
	struct virtqueue *vq = dev->data->rx_queues[index];

	if (vq == NULL)
		return;
	dev->data->rx_queues[index] = NULL;
	mdev_virtio_queues_sync();
	rx_siblings_free(dev, vq);
	queue_free(dev, vq);
}

void
mdev_virtio_tx_queue_release(struct rte_eth_dev *dev, uint16_t index)
{
	struct virtqueue *vq = dev->data->tx_queues[index];

	dev->data->tx_queues[index] = NULL;
	mdev_virtio_queues_sync();
	queue_free(dev, vq);
}

/* Where the queue's doorbell is, and what is written there: a device may change both. */
static bool
same_doorbell(const struct mdev_virtio_process *process, const struct virtqueue *vq)
{
	const struct virtio_doorbell *doorbell = &process->doorbells[vq->index];

	return doorbell->ctx != NULL && doorbell->offset == vq->notify_offset &&
		doorbell->tells_next == virtio_has_feature(process->tr->features,
			VIRTIO_F_NOTIFICATION_DATA);
}

void
mdev_virtio_find_doorbell(struct mdev_virtio_process *process,
		const struct virtqueue *vq)
{
	if (vq->index >= process->nr_doorbells)
		return;
	/* a burst of a queue that was replaced may be ringing it */
	if (!same_doorbell(process, vq))
		process->tr->ops->get_vq_doorbell(process->tr, vq->index,
				vq->notify_offset, &process->doorbells[vq->index]);
}

/*
 * A recovery leaves the doorbells as they are: a burst of a queue that was replaced may
 * still ring one. A device that moves them meanwhile is not followed.
 */
static int
set_doorbell(struct rte_eth_dev *dev, struct virtqueue *vq)
{
	struct mdev_virtio_process *process = dev->process_private;
	struct virtio_transport *tr = process->tr;
	int ret;

	ret = tr->ops->get_vq_notify_offset(tr, vq->index, &vq->notify_offset);
	if (ret < 0)
		return ret;
	if (!mdev_virtio_recovering(dev))
		mdev_virtio_find_doorbell(process, vq);
	else if (!same_doorbell(process, vq))
		return -EPROTO;
	return 0;
}

/* What the pool's buffers are, and what each frame's mbuf begins with. */
static void
rx_queue_init(const struct rte_eth_dev *dev, struct virtqueue *vq)
{
	struct rte_mbuf m = {
		.data_off = RTE_PKTMBUF_HEADROOM,
		.refcnt = 1,
		.nb_segs = 1,
		.port = dev->data->port_id,
	};

	/* a frame's header lies right before it */
	RTE_BUILD_BUG_ON(RTE_PKTMBUF_HEADROOM < VIRTIO_NET_HDR_MAX_LEN);
	vq->frame_offset = sizeof(m) + rte_pktmbuf_priv_size(vq->mp) +
		RTE_PKTMBUF_HEADROOM;
	memcpy(&vq->rearm, &m.data_off, sizeof(vq->rearm));
	vq->mbuf_flags = (rte_pktmbuf_priv_flags(vq->mp) &
			RTE_PKTMBUF_POOL_F_PINNED_EXT_BUF) != 0 ?
		RTE_MBUF_F_EXTERNAL : 0;
	vq->direct = vq->mbuf_flags == 0;
	virtqueue_init_rx(vq, rte_pktmbuf_data_room_size(vq->mp) -
			RTE_PKTMBUF_HEADROOM);
	vq->burst = mdev_virtio_rx_burst(dev);
	vq->offloads = mdev_virtio_rx_offloads(dev);
}

/* The first state of a queue, with what was negotiated. */
static void
queue_init(const struct rte_eth_dev *dev, struct virtqueue *vq)
{
	const struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);

	/* what a device kept that could not be reset when it was stopped */
	virtqueue_free_mbufs(vq);
	vq->platform_order = virtio_has_feature(hw->features,
			VIRTIO_F_ORDER_PLATFORM);
	vq->in_order = virtio_has_feature(hw->features, VIRTIO_F_IN_ORDER);
	vq->event_idx = virtio_has_feature(hw->features, VIRTIO_RING_F_EVENT_IDX);
	vq->hdr_len = virtio_has_feature(hw->features, VIRTIO_NET_F_HASH_REPORT) ?
		VIRTIO_NET_HDR_MAX_LEN : VIRTIO_NET_HDR_LEN;
	vq->max_frame = virtio_has_feature(hw->features, VIRTIO_NET_F_MTU) ?
		(uint32_t)hw->max_mtu + MDEV_VIRTIO_FRAME_OVERHEAD :
		UINT32_MAX;
	virtqueue_reset(vq, virtio_has_feature(hw->features, VIRTIO_F_RING_PACKED));
	if (vq->kind == VIRTQUEUE_TX) {
		vq->burst = mdev_virtio_tx_burst(dev);
		vq->offloads = mdev_virtio_tx_offloads(dev);
	} else if (vq->kind == VIRTQUEUE_RX && vq->mp != NULL) {
		rx_queue_init(dev, vq);
	}
}

/* VIRTIO 1.2 s. 4.1.5.1.3: size, addresses, then enabled. */
int
mdev_virtio_queue_enable(struct rte_eth_dev *dev, struct virtqueue *vq)
{
	struct mdev_virtio_process *process = dev->process_private;
	struct virtio_transport *tr = process->tr;
	struct virtio_vq_addr addr;
	int ret;

	if (vq == NULL) {
		INIT_LOG(ERR, "%s: a queue was not set up: set all up before the start",
			dev->data->name);
		return -EINVAL;
	}
	queue_init(dev, vq);
	virtqueue_addresses(vq, &addr);
	ret = tr->ops->set_vq_num(tr, vq->index, vq->size);
	if (ret == 0)
		ret = tr->ops->set_vq_address(tr, vq->index, &addr);
	if (ret == 0)
		ret = set_doorbell(dev, vq);
	if (ret == 0)
		ret = tr->ops->set_vq_ready(tr, vq->index);
	vq->enabled = ret == 0;
	if (ret == -ERANGE) {
		INIT_LOG(ERR, "%s: the doorbell of virtqueue %u lies outside of its structure, or at an odd offset: "
			DEVICE_BROKEN, dev->data->name, vq->index);
		return -EPROTO;
	}
	if (ret < 0)
		INIT_LOG(ERR, "%s: virtqueue %u of %u descriptors was not accepted (%s): "
			DEVICE_BROKEN, dev->data->name, vq->index, vq->size,
			rte_strerror(-ret));
	else
		INIT_LOG(DEBUG, "%s: virtqueue %u: %u descriptors at 0x%" PRIx64 ", driver area 0x%" PRIx64 ", device area 0x%" PRIx64 ", doorbell by %s",
			dev->data->name, vq->index, vq->size, addr.desc, addr.avail,
			addr.used, process->doorbells[vq->index].kind);
	return ret;
}

static struct virtqueue *
find_spare(struct virtqueue *list, uint16_t vq_index)
{
	while (list != NULL && list->index != vq_index)
		list = list->sibling;
	return list;
}

/*
 * A device uses both queues of a pair, and steers received frames to any of the pairs
 * that are used (s. 5.1.6.5.5). Queues that nobody set up are made here. A receive
 * queue among them is polled with one that was: it takes buffers from the same pool,
 * and no frame is lost. Without such a one, and for transmit queues, an empty ring
 * will do.
 *
 * They stay for the next start: other threads and processes may read the statistics
 * of a port at any time, and walk them.
 */
static int
spare_start(struct rte_eth_dev *dev, uint16_t vq_index, enum virtqueue_kind kind,
		struct virtqueue *sibling)
{
	struct virtqueue **list = sibling != NULL ? &sibling->sibling :
		&mdev_virtio_hw(dev)->spares;
	struct virtqueue *vq = find_spare(*list, vq_index);

	if (vq != NULL)
		return mdev_virtio_queue_enable(dev, vq);
	vq = queue_create(dev, vq_index, kind,
			sibling != NULL ? sibling->size : VIRTQUEUE_MIN_SIZE,
			dev->data->numa_node);
	if (vq == NULL)
		return -rte_errno;
	if (sibling != NULL) {
		vq->mp = sibling->mp;
		vq->free_thresh = sibling->free_thresh;
	}
	vq->sibling = *list;
	/* whoever walks the list finds it complete */
	__atomic_store_n(list, vq, __ATOMIC_RELEASE);
	return mdev_virtio_queue_enable(dev, vq);
}

static int
spares_start(struct rte_eth_dev *dev)
{
	const uint16_t nb_rx = dev->data->nb_rx_queues;
	uint16_t pairs = mdev_virtio_pairs(dev), i;
	int ret = 0;

	for (i = nb_rx; ret == 0 && i < pairs; i++)
		ret = spare_start(dev, VIRTIO_NET_RX_VQ(i), VIRTQUEUE_RX,
			nb_rx > 0 ? dev->data->rx_queues[i % nb_rx] : NULL);
	for (i = dev->data->nb_tx_queues; ret == 0 && i < pairs; i++)
		ret = spare_start(dev, VIRTIO_NET_TX_VQ(i), VIRTQUEUE_TX, NULL);
	return ret;
}

void
mdev_virtio_spares_release(struct rte_eth_dev *dev)
{
	uint16_t i;

	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		if (dev->data->rx_queues[i] != NULL)
			rx_siblings_free(dev, dev->data->rx_queues[i]);
	}
	free_list(dev, &mdev_virtio_hw(dev)->spares);
}

void
mdev_virtio_queues_defer(struct rte_eth_dev *dev)
{
	struct virtqueue *vq;
	uint16_t i;

	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		vq = dev->data->rx_queues[i];
		if (vq == NULL)
			continue;
		vq->stopped = vq->deferred;
		vq->intr_wanted = false; /* or a recovery would enable it */
	}
	for (i = 0; i < dev->data->nb_tx_queues; i++) {
		vq = dev->data->tx_queues[i];
		if (vq != NULL)
			vq->stopped = vq->deferred;
	}
}

/*
 * One that is stopped has its ring, without which the device would not use the pair, and
 * stays empty.
 */
static uint8_t
first_state(struct virtqueue *vq)
{
	if (!vq->stopped)
		return RTE_ETH_QUEUE_STATE_STARTED;
	for (; vq != NULL; vq = vq->sibling)
		virtqueue_halt(vq);
	return RTE_ETH_QUEUE_STATE_STOPPED;
}

int
mdev_virtio_queues_start(struct rte_eth_dev *dev)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	uint16_t i;
	int ret = 0;

	for (i = 0; ret == 0 && i < dev->data->nb_rx_queues; i++)
		ret = mdev_virtio_queue_enable(dev, dev->data->rx_queues[i]);
	for (i = 0; ret == 0 && i < dev->data->nb_tx_queues; i++)
		ret = mdev_virtio_queue_enable(dev, dev->data->tx_queues[i]);
	if (ret == 0)
		ret = spares_start(dev);
	if (ret == 0 && hw->cvq.vq != NULL)
		ret = mdev_virtio_queue_enable(dev, hw->cvq.vq);
	if (ret < 0)
		return ret;
	for (i = 0; i < dev->data->nb_rx_queues; i++)
		dev->data->rx_queue_state[i] =
			first_state(dev->data->rx_queues[i]);
	for (i = 0; i < dev->data->nb_tx_queues; i++)
		dev->data->tx_queue_state[i] =
			first_state(dev->data->tx_queues[i]);
	return 0;
}

void
mdev_virtio_queues_fill(struct rte_eth_dev *dev)
{
	struct virtqueue *vq;
	uint16_t i;

	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		if (dev->data->rx_queue_state[i] !=
				RTE_ETH_QUEUE_STATE_STARTED)
			continue;
		for (vq = dev->data->rx_queues[i]; vq != NULL; vq = vq->sibling)
			virtio_refill(vq);
	}
}

static void
free_mbufs_of(struct virtqueue *list)
{
	for (; list != NULL; list = list->sibling) {
		virtqueue_halt(list);
		virtqueue_free_mbufs(list);
		list->enabled = false;
	}
}

void
mdev_virtio_queues_stop(struct rte_eth_dev *dev)
{
	uint16_t i;

	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		free_mbufs_of(dev->data->rx_queues[i]);
		dev->data->rx_queue_state[i] = RTE_ETH_QUEUE_STATE_STOPPED;
	}
	for (i = 0; i < dev->data->nb_tx_queues; i++) {
		free_mbufs_of(dev->data->tx_queues[i]);
		dev->data->tx_queue_state[i] = RTE_ETH_QUEUE_STATE_STOPPED;
	}
}

bool
mdev_virtio_buffers_hold(const struct rte_eth_dev *dev, uint16_t mtu)
{
	uint32_t frame = mtu + MDEV_VIRTIO_FRAME_OVERHEAD;
	const struct virtqueue *vq;
	uint16_t i;

	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		vq = dev->data->rx_queues[i];
		if (vq != NULL && frame > rte_pktmbuf_data_room_size(vq->mp) -
				(uint32_t)RTE_PKTMBUF_HEADROOM)
			return false;
	}
	return true;
}

int
mdev_virtio_check_mtu(struct rte_eth_dev *dev, uint16_t mtu, bool mergeable)
{
	uint64_t offloads = dev->data->dev_conf.rxmode.offloads;
	bool lro = (offloads & RTE_ETH_RX_OFFLOAD_TCP_LRO) != 0;
	bool scatter = lro || (offloads & RTE_ETH_RX_OFFLOAD_SCATTER) != 0;

	dev->data->scattered_rx = lro;
	if (mdev_virtio_buffers_hold(dev, mtu))
		return 0;
	if (!scatter || !mergeable) {
		INIT_LOG(ERR, "%s: frames of MTU %u do not fit one receive buffer: use a smaller MTU, larger mbufs, or the scatter offload where the device has VIRTIO_NET_F_MRG_RXBUF",
			dev->data->name, mtu);
		return -EINVAL;
	}
	dev->data->scattered_rx = 1;
	return 0;
}
