/* SPDX-License-Identifier: BSD-3-Clause */

/* What a port is at, for EAL's telemetry, which asks in a thread of its own. */

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_telemetry.h>

#include "mdev_virtio_ethdev.h"
#include "mdev_virtio_features.h"
#include "virtio_rxtx.h"

/*
 * The ports of this primary process. A secondary one could not tell when the primary frees
 * what would be read.
 */
static pthread_mutex_t ports_lock = PTHREAD_MUTEX_INITIALIZER;
static const struct rte_eth_dev *ports[RTE_MAX_ETHPORTS]; /* owned by ports_lock */
/* Some port has no users any more. */
static pthread_cond_t unused = PTHREAD_COND_INITIALIZER;

void
mdev_virtio_telemetry_add(const struct rte_eth_dev *dev)
{
	pthread_mutex_lock(&ports_lock);
	ports[dev->data->port_id] = dev;
	pthread_mutex_unlock(&ports_lock);
}

void
mdev_virtio_telemetry_remove(const struct rte_eth_dev *dev)
{
	pthread_mutex_lock(&ports_lock);
	ports[dev->data->port_id] = NULL;
	pthread_mutex_unlock(&ports_lock);
}

void
mdev_virtio_queues_lock(void)
{
	pthread_mutex_lock(&ports_lock);
}

void
mdev_virtio_queues_unlock(void)
{
	pthread_mutex_unlock(&ports_lock);
}

void
mdev_virtio_queues_sync(void)
{
	mdev_virtio_queues_lock();
	mdev_virtio_queues_unlock();
}

struct mdev_virtio_process *
mdev_virtio_process_get(const struct rte_eth_dev *dev)
{
	struct mdev_virtio_process *process;

	mdev_virtio_queues_lock();
	process = dev->process_private;
	if (process != NULL && process->withdrawn)
		process = NULL;
	if (process != NULL)
		process->users++;
	mdev_virtio_queues_unlock();
	return process;
}

void
mdev_virtio_process_put(struct mdev_virtio_process *process)
{
	mdev_virtio_queues_lock();
	if (--process->users == 0)
		pthread_cond_broadcast(&unused);
	mdev_virtio_queues_unlock();
}

void
mdev_virtio_process_withdraw(struct rte_eth_dev *dev)
{
	struct mdev_virtio_process *process = dev->process_private;

	mdev_virtio_queues_lock();
	process->withdrawn = true;
	while (process->users > 0)
		pthread_cond_wait(&unused, &ports_lock);
	/* not before: who uses it finds it there */
	dev->process_private = NULL;
	mdev_virtio_queues_unlock();
}

static void
add_part(struct rte_tel_data *d, const char *name, struct rte_tel_data *part)
{
	if (rte_tel_data_add_dict_container(d, name, part, 0) != 0)
		rte_tel_data_free(part);
}

static void
add_features(struct rte_tel_data *d, uint64_t features)
{
	struct rte_tel_data *names = rte_tel_data_alloc();
	char number[16];
	const char *name;
	unsigned int bit;

	if (names == NULL)
		return;
	rte_tel_data_start_array(names, RTE_TEL_STRING_VAL);
	for (bit = 0; bit < 64; bit++) {
		if (!virtio_has_feature(features, bit))
			continue;
		name = mdev_virtio_feature_name(bit);
		snprintf(number, sizeof(number), "bit %u", bit);
		rte_tel_data_add_array_string(names, name != NULL ? name : number);
	}
	add_part(d, "features", names);
}

/* What the queues of a direction have counted; broken: how many queues are. */
static struct virtqueue_stats
sum_queues(const struct rte_eth_dev *dev, void **queues, uint16_t count,
		unsigned int *broken)
{
	struct virtqueue_stats sum = { .packets = 0 };
	const struct virtqueue *first, *vq;
	uint16_t i;

	for (i = 0; i < count; i++) {
		first = queues[i];
		for (vq = first; vq != NULL; vq = vq->sibling) {
			virtqueue_stats_add(&sum, &vq->stats);
			*broken += mdev_virtio_queue_broken(dev, first, vq);
		}
	}
	return sum;
}

/* What the device said or did, and the driver did not take or could not use. */
static void
add_refused(struct rte_tel_data *d, const struct rte_eth_dev *dev)
{
	const struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	struct rte_tel_data *part = rte_tel_data_alloc();
	struct virtqueue_stats rx = { .packets = 0 }, tx = { .packets = 0 };
	unsigned int broken = 0;

	if (part == NULL)
		return;
	/* ethdev frees the lists of a port that it does not call configured any more */
	if (dev->data->dev_configured != 0) {
		rx = sum_queues(dev, dev->data->rx_queues, dev->data->nb_rx_queues,
				&broken);
		tx = sum_queues(dev, dev->data->tx_queues, dev->data->nb_tx_queues,
				&broken);
	}
	rte_tel_data_start_dict(part);
	MDEV_VIRTIO_TEL_ADD_UINT(part, "rx_errors", rx.errors);
	MDEV_VIRTIO_TEL_ADD_UINT(part, "rx_clamped_lengths", rx.clamped);
	MDEV_VIRTIO_TEL_ADD_UINT(part, "broken", rx.broken + tx.broken);
	MDEV_VIRTIO_TEL_ADD_UINT(part, "broken_queues_now", broken);
	MDEV_VIRTIO_TEL_ADD_UINT(part, "ctrl_failed", hw->cvq.failed);
	MDEV_VIRTIO_TEL_ADD_UINT(part, "ctrl_timeouts", hw->cvq.timeouts);
	MDEV_VIRTIO_TEL_ADD_UINT(part, "recoveries", hw->recovery.succeeded);
	MDEV_VIRTIO_TEL_ADD_UINT(part, "recoveries_failed", hw->recovery.gave_up);
	add_part(d, "refused", part);
}

static const char *
state_name(const struct rte_eth_dev *dev)
{
	const struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);

	if (dev->data->dev_started == 0)
		return "stopped";
	if (hw->recovery.failed)
		return "not recovered";
	return mdev_virtio_recovering(dev) ? "recovering" : "started";
}

/* The first receive queue's stands for all: they are of one region. */
static const char *
doorbell_name(const struct rte_eth_dev *dev)
{
	const struct mdev_virtio_process *process = dev->process_private;

	return process->nr_doorbells > 0 && process->doorbells[0].kind != NULL ?
		process->doorbells[0].kind : "none yet";
}

static void
add_bursts(struct rte_tel_data *d, const struct rte_eth_dev *dev)
{
	rte_tel_data_add_dict_string(d, "rx_burst",
		virtio_rx_burst(mdev_virtio_rx_burst(dev))->info);
	rte_tel_data_add_dict_string(d, "tx_burst",
		virtio_tx_burst(mdev_virtio_tx_burst(dev))->info);
}

static void
add_port(struct rte_tel_data *d, const struct rte_eth_dev *dev)
{
	const struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);

	rte_tel_data_add_dict_string(d, "name", dev->data->name);
	rte_tel_data_add_dict_string(d, "state", state_name(dev));
	rte_tel_data_add_dict_string(d, "transport",
		mdev_virtio_transport(dev)->ops->name);
	rte_tel_data_add_dict_string(d, "rings", mdev_virtio_layout_name(hw->features));
	add_bursts(d, dev);
	rte_tel_data_add_dict_string(d, "doorbell", doorbell_name(dev));
	rte_tel_data_add_dict_int(d, "hash_report", hw->hash_report);
	rte_tel_data_add_dict_int(d, "queue_pairs", hw->max_pairs);
	MDEV_VIRTIO_TEL_ADD_UINT(d, "interrupt_vectors", hw->vectors);
	add_features(d, hw->features);
	add_refused(d, dev);
}

static int
handle_list(const char *cmd, const char *params, struct rte_tel_data *d)
{
	unsigned int i;

	RTE_SET_USED(cmd);
	RTE_SET_USED(params);
	rte_tel_data_start_array(d, RTE_TEL_INT_VAL);
	pthread_mutex_lock(&ports_lock);
	for (i = 0; i < RTE_DIM(ports); i++) {
		if (ports[i] != NULL)
			rte_tel_data_add_array_int(d, i);
	}
	pthread_mutex_unlock(&ports_lock);
	return 0;
}

static int
handle_info(const char *cmd, const char *params, struct rte_tel_data *d)
{
	unsigned long port;
	char *end;
	int ret = -ENODEV;

	RTE_SET_USED(cmd);
	if (params == NULL || params[0] < '0' || params[0] > '9')
		return -EINVAL;
	port = strtoul(params, &end, 10);
	if (*end != '\0' || port >= RTE_DIM(ports))
		return -EINVAL;
	rte_tel_data_start_dict(d);
	pthread_mutex_lock(&ports_lock);
	if (ports[port] != NULL) {
		add_port(d, ports[port]);
		ret = 0;
	}
	pthread_mutex_unlock(&ports_lock);
	return ret;
}

RTE_INIT(mdev_virtio_telemetry_init)
{
	rte_telemetry_register_cmd("/mdev_virtio/list", handle_list,
		"Returns list of ports of net_mdev_virtio in a primary process. Takes no parameters");
	rte_telemetry_register_cmd("/mdev_virtio/info", handle_info,
		"Returns features, rings, bursts, and what was refused from the device. Parameters: int port_id");
}
