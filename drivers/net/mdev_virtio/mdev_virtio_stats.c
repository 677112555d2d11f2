/* SPDX-License-Identifier: BSD-3-Clause */

/* Statistics, summed from what the bursts counted. */

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "mdev_virtio_ethdev.h"

/* Both are counted without a lock, and a reset may come between: never below 0. */
static void
take_off(uint64_t *from, uint64_t what)
{
	*from -= RTE_MIN(*from, what);
}

static void
take_off_dropped(struct virtqueue_stats *sum, const struct virtqueue_stats *dropped)
{
	unsigned int i;

	take_off(&sum->packets, dropped->packets);
	take_off(&sum->bytes, dropped->bytes);
	take_off(&sum->multicast, dropped->multicast);
	take_off(&sum->broadcast, dropped->broadcast);
	for (i = 0; i < VIRTQUEUE_SIZE_BINS; i++)
		take_off(&sum->size_bins[i], dropped->size_bins[i]);
}

/*
 * What a receive queue and the rings that are polled with it have counted. The queue has
 * what was dropped of any of them.
 */
static struct virtqueue_stats
rx_stats(const struct virtqueue *vq)
{
	struct virtqueue_stats sum = { .packets = 0 };
	const struct virtqueue *ring;

	for (ring = vq; ring != NULL; ring = ring->sibling)
		virtqueue_stats_add(&sum, &ring->stats);
	if (vq != NULL)
		take_off_dropped(&sum, &vq->dropped);
	return sum;
}

static void
add_rx(const struct virtqueue *vq, uint16_t i, struct rte_eth_stats *stats,
		mdev_virtio_qstats *qstats)
{
	const struct virtqueue_stats sum = rx_stats(vq);

	stats->ipackets += sum.packets;
	stats->ibytes += sum.bytes;
	stats->ierrors += sum.errors;
	stats->imissed += sum.missed;
	stats->rx_nombuf += sum.nombuf;
	if (qstats != NULL && i < RTE_ETHDEV_QUEUE_STAT_CNTRS) {
		qstats->q_ipackets[i] = sum.packets;
		qstats->q_ibytes[i] = sum.bytes;
		qstats->q_errors[i] = sum.errors;
	}
}

static void
add_tx(const struct virtqueue *vq, uint16_t i, struct rte_eth_stats *stats,
		mdev_virtio_qstats *qstats)
{
	stats->opackets += vq->stats.packets;
	stats->obytes += vq->stats.bytes;
	stats->oerrors += vq->stats.errors;
	if (qstats != NULL && i < RTE_ETHDEV_QUEUE_STAT_CNTRS) {
		qstats->q_opackets[i] = vq->stats.packets;
		qstats->q_obytes[i] = vq->stats.bytes;
	}
}

static void
add_queues(const struct rte_eth_dev *dev, struct rte_eth_stats *stats,
		mdev_virtio_qstats *qstats)
{
	uint16_t i;

	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		if (dev->data->rx_queues[i] != NULL)
			add_rx(dev->data->rx_queues[i], i, stats, qstats);
	}
	for (i = 0; i < dev->data->nb_tx_queues; i++) {
		if (dev->data->tx_queues[i] != NULL)
			add_tx(dev->data->tx_queues[i], i, stats, qstats);
	}
}

int
mdev_virtio_stats_get(MDEV_VIRTIO_STATS_GET(dev, stats, qstats))
{
	mdev_virtio_qstats *queue = MDEV_VIRTIO_QSTATS(stats, qstats);
	int ret = -ENODEV; /* it is being closed */

	mdev_virtio_queues_lock();
	if (dev->process_private != NULL) {
		add_queues(dev, stats, queue);
		ret = 0;
	}
	mdev_virtio_queues_unlock();
	return ret;
}

/*
 * A queue's basic statistics come first. ethdev adds those of the first queues by itself
 * (RTE_ETH_DEV_AUTOFILL_QUEUE_XSTATS), and has no room for those of others.
 */
#define RX_BASIC 3
#define TX_BASIC 2

struct queue_xstat {
	const char *name;
	size_t offset; /* in struct virtqueue_stats */
};

#define STAT(field) offsetof(struct virtqueue_stats, field)
#define SIZE_BIN(i) (STAT(size_bins) + (i) * sizeof(uint64_t))

/* Named as net_virtio names them. */
#define FRAME_XSTATS \
	{ "multicast_packets", STAT(multicast) }, \
	{ "broadcast_packets", STAT(broadcast) }, \
	{ "undersize_packets", SIZE_BIN(0) }, \
	{ "size_64_packets", SIZE_BIN(1) }, \
	{ "size_65_127_packets", SIZE_BIN(2) }, \
	{ "size_128_255_packets", SIZE_BIN(3) }, \
	{ "size_256_511_packets", SIZE_BIN(4) }, \
	{ "size_512_1023_packets", SIZE_BIN(5) }, \
	{ "size_1024_1518_packets", SIZE_BIN(6) }, \
	{ "size_1519_max_packets", SIZE_BIN(7) }

static const struct queue_xstat rx_xstats[] = {
	{ "packets", STAT(packets) },
	{ "bytes", STAT(bytes) },
	{ "errors", STAT(errors) },
	{ "clamped_lengths", STAT(clamped) },
	{ "nombuf", STAT(nombuf) },
	{ "broken", STAT(broken) },
	FRAME_XSTATS,
};

static const struct queue_xstat tx_xstats[] = {
	{ "packets", STAT(packets) },
	{ "bytes", STAT(bytes) },
	{ "errors", STAT(errors) },
	{ "broken", STAT(broken) },
	FRAME_XSTATS,
};

static const char * const port_names[] = {
	"ctrl_failed", "ctrl_timeouts",
	"recoveries", "recoveries_failed", "recovery_rx_lost", "recovery_tx_lost",
};

/* Where a queue's begin in its table. */
static unsigned int
first_of(unsigned int queue, unsigned int basic)
{
	return queue < RTE_ETHDEV_QUEUE_STAT_CNTRS ? basic : 0;
}

static unsigned int
queues_count(unsigned int queues, unsigned int of_each, unsigned int basic)
{
	return queues * of_each -
		RTE_MIN(queues, (unsigned int)RTE_ETHDEV_QUEUE_STAT_CNTRS) * basic;
}

static unsigned int
xstats_count(const struct rte_eth_dev *dev)
{
	return RTE_DIM(port_names) +
		queues_count(dev->data->nb_rx_queues, RTE_DIM(rx_xstats), RX_BASIC) +
		queues_count(dev->data->nb_tx_queues, RTE_DIM(tx_xstats), TX_BASIC);
}

int
mdev_virtio_xstats_get_names(struct rte_eth_dev *dev,
		struct rte_eth_xstat_name *names, unsigned int n)
{
	unsigned int count = xstats_count(dev), i, j;

	if (names == NULL || n < count)
		return count;
	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		for (j = first_of(i, RX_BASIC); j < RTE_DIM(rx_xstats); j++, names++)
			snprintf(names->name, sizeof(names->name), "rx_q%u_%s",
				i, rx_xstats[j].name);
	}
	for (i = 0; i < dev->data->nb_tx_queues; i++) {
		for (j = first_of(i, TX_BASIC); j < RTE_DIM(tx_xstats); j++, names++)
			snprintf(names->name, sizeof(names->name), "tx_q%u_%s",
				i, tx_xstats[j].name);
	}
	for (j = 0; j < RTE_DIM(port_names); j++, names++)
		snprintf(names->name, sizeof(names->name), "%s", port_names[j]);
	return count;
}

static uint64_t
queue_value(const struct virtqueue_stats *stats, const struct queue_xstat *xstat)
{
	return *(const uint64_t *)RTE_PTR_ADD(stats, xstat->offset);
}

/* How many they are. */
static unsigned int
queue_values(const struct rte_eth_dev *dev, struct rte_eth_xstat *xstats)
{
	static const struct virtqueue not_set_up;
	struct virtqueue_stats sum;
	const struct virtqueue *vq;
	unsigned int i, j, id = 0;

	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		sum = rx_stats(dev->data->rx_queues[i]);
		for (j = first_of(i, RX_BASIC); j < RTE_DIM(rx_xstats); j++)
			xstats[id++].value = queue_value(&sum, &rx_xstats[j]);
	}
	for (i = 0; i < dev->data->nb_tx_queues; i++) {
		vq = dev->data->tx_queues[i];
		if (vq == NULL)
			vq = &not_set_up;
		for (j = first_of(i, TX_BASIC); j < RTE_DIM(tx_xstats); j++)
			xstats[id++].value = queue_value(&vq->stats, &tx_xstats[j]);
	}
	return id;
}

static void
port_values(const struct mdev_virtio_hw *hw, struct rte_eth_xstat *xstats)
{
	const uint64_t values[] = {
		hw->cvq.failed, hw->cvq.timeouts,
		hw->recovery.succeeded, hw->recovery.gave_up,
		hw->recovery.rx_lost, hw->recovery.tx_lost,
	};
	unsigned int i;

	RTE_BUILD_BUG_ON(RTE_DIM(values) != RTE_DIM(port_names));
	for (i = 0; i < RTE_DIM(values); i++)
		xstats[i].value = values[i];
}

int
mdev_virtio_xstats_get(struct rte_eth_dev *dev, struct rte_eth_xstat *xstats,
		unsigned int n)
{
	unsigned int count, id;
	int ret = -ENODEV;

	mdev_virtio_queues_lock();
	if (dev->process_private != NULL) {
		count = xstats_count(dev);
		ret = count;
		if (xstats != NULL && n >= count) {
			id = queue_values(dev, xstats);
			port_values(mdev_virtio_hw(dev), &xstats[id]);
			for (id = 0; id < count; id++)
				xstats[id].id = id;
		}
	}
	mdev_virtio_queues_unlock();
	return ret;
}

static void
reset_queue(struct virtqueue *vq)
{
	for (; vq != NULL; vq = vq->sibling) {
		memset(&vq->stats, 0, sizeof(vq->stats));
		memset(&vq->dropped, 0, sizeof(vq->dropped));
	}
}

int
mdev_virtio_stats_reset(struct rte_eth_dev *dev)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	uint16_t i;

	/* a recovery, in another thread, may be about to free a queue that is found here */
	mdev_virtio_queues_lock();
	for (i = 0; i < dev->data->nb_rx_queues; i++)
		reset_queue(dev->data->rx_queues[i]);
	for (i = 0; i < dev->data->nb_tx_queues; i++)
		reset_queue(dev->data->tx_queues[i]);
	mdev_virtio_queues_unlock();
	hw->cvq.failed = 0;
	hw->cvq.timeouts = 0;
	hw->recovery.succeeded = 0;
	hw->recovery.gave_up = 0;
	hw->recovery.rx_lost = 0;
	hw->recovery.tx_lost = 0;
	return 0;
}
