/* SPDX-License-Identifier: BSD-3-Clause */

/* Statistics, summed from what the bursts counted. */

#include <string.h>

#include "mdev_virtio_ethdev.h"

static void
add_rx(const struct virtqueue *vq, uint16_t i, struct rte_eth_stats *stats,
		mdev_virtio_qstats *qstats)
{
	stats->ipackets += vq->stats.packets;
	stats->ibytes += vq->stats.bytes;
	stats->ierrors += vq->stats.errors;
	stats->rx_nombuf += vq->stats.nombuf;
	if (qstats != NULL && i < RTE_ETHDEV_QUEUE_STAT_CNTRS) {
		qstats->q_ipackets[i] = vq->stats.packets;
		qstats->q_ibytes[i] = vq->stats.bytes;
		qstats->q_errors[i] = vq->stats.errors;
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

int
mdev_virtio_stats_get(MDEV_VIRTIO_STATS_GET(dev, stats, qstats))
{
	mdev_virtio_qstats *queue = MDEV_VIRTIO_QSTATS(stats, qstats);
	uint16_t i;

	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		if (dev->data->rx_queues[i] != NULL)
			add_rx(dev->data->rx_queues[i], i, stats, queue);
	}
	for (i = 0; i < dev->data->nb_tx_queues; i++) {
		if (dev->data->tx_queues[i] != NULL)
			add_tx(dev->data->tx_queues[i], i, stats, queue);
	}
	return 0;
}

static void
reset_queue(struct virtqueue *vq)
{
	if (vq != NULL)
		memset(&vq->stats, 0, sizeof(vq->stats));
}

int
mdev_virtio_stats_reset(struct rte_eth_dev *dev)
{
	uint16_t i;

	for (i = 0; i < dev->data->nb_rx_queues; i++)
		reset_queue(dev->data->rx_queues[i]);
	for (i = 0; i < dev->data->nb_tx_queues; i++)
		reset_queue(dev->data->tx_queues[i]);
	return 0;
}
