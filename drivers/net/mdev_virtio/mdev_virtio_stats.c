/* SPDX-License-Identifier: BSD-3-Clause */

/* Statistics, summed from what the bursts counted. */

#include <stdio.h>
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

/*
 * What is not among the basic statistics of a queue; ethdev adds those by itself
 * (RTE_ETH_DEV_AUTOFILL_QUEUE_XSTATS).
 */
static const char * const rx_names[] = { "clamped_lengths", "nombuf", "broken" };
static const char * const tx_names[] = { "errors", "broken" };

static unsigned int
xstats_count(const struct rte_eth_dev *dev)
{
	return dev->data->nb_rx_queues * RTE_DIM(rx_names) +
		dev->data->nb_tx_queues * RTE_DIM(tx_names);
}

int
mdev_virtio_xstats_get_names(struct rte_eth_dev *dev,
		struct rte_eth_xstat_name *names, unsigned int n)
{
	unsigned int count = xstats_count(dev), i, j;

	if (names == NULL || n < count)
		return count;
	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		for (j = 0; j < RTE_DIM(rx_names); j++, names++)
			snprintf(names->name, sizeof(names->name), "rx_q%u_%s",
				i, rx_names[j]);
	}
	for (i = 0; i < dev->data->nb_tx_queues; i++) {
		for (j = 0; j < RTE_DIM(tx_names); j++, names++)
			snprintf(names->name, sizeof(names->name), "tx_q%u_%s",
				i, tx_names[j]);
	}
	return count;
}

int
mdev_virtio_xstats_get(struct rte_eth_dev *dev, struct rte_eth_xstat *xstats,
		unsigned int n)
{
	static const struct virtqueue not_set_up;
	const struct virtqueue *vq;
	unsigned int count = xstats_count(dev), i, id = 0;

	if (xstats == NULL || n < count)
		return count;
	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		vq = dev->data->rx_queues[i];
		if (vq == NULL)
			vq = &not_set_up;
		xstats[id++].value = vq->stats.clamped;
		xstats[id++].value = vq->stats.nombuf;
		xstats[id++].value = vq->stats.broken;
	}
	for (i = 0; i < dev->data->nb_tx_queues; i++) {
		vq = dev->data->tx_queues[i];
		if (vq == NULL)
			vq = &not_set_up;
		xstats[id++].value = vq->stats.errors;
		xstats[id++].value = vq->stats.broken;
	}
	for (id = 0; id < count; id++)
		xstats[id].id = id;
	return count;
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
