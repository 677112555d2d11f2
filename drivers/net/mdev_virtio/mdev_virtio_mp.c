/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A port in several processes. The primary process controls it; a secondary one has
 * its own transport and doorbells, is told when the queues come and go, and asks the
 * primary for what takes a command to the device (mdev_virtio_mp_ctrl.c).
 */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <rte_atomic.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_string_fns.h>

#include <bus_mdev_mp.h>

#include "mdev_virtio_ethdev.h"
#include "mdev_virtio_logs.h"
#include "virtio_offload.h"
#include "virtio_rxtx.h"

#define MP_NAME "net_mdev_virtio"

/*
 * How long a burst that has begun in another process may last: its thread waits for a
 * processor where there are more threads than those. 10 ms were too short.
 */
#define BURST_US 100000

enum mp_type {
	MP_START, /* queues and bursts of the port are there */
	MP_STOP,  /* they are going */
	MP_PAUSE, /* they stay, but are not to be used for a while */
};

/* Of a message and of its answer. */
struct mp_param {
	uint32_t number;  /* see bus_mdev_mp.h */
	uint32_t type;    /* enum mp_type */
	uint16_t port_id;
	bool reply;       /* the sender waits for an answer */
};

/* Held while a port of this secondary process comes, goes, or follows the primary. */
static pthread_mutex_t attached_lock = PTHREAD_MUTEX_INITIALIZER;

/* Whose shared data may be gone: the primary clears them when it closes the port. */
static bool
is_ours(const struct rte_eth_dev *dev, const struct mdev_virtio_process *process)
{
	return strcmp(dev->data->name, process->tr->name) == 0;
}

static void
doorbells_find(struct rte_eth_dev *dev)
{
	struct mdev_virtio_process *process = dev->process_private;
	const struct virtqueue *vq;
	uint16_t i;

	process->tr->features = mdev_virtio_hw(dev)->features;
	for (i = 0; i < dev->data->nb_rx_queues; i++) {
		for (vq = dev->data->rx_queues[i]; vq != NULL; vq = vq->sibling)
			mdev_virtio_find_doorbell(process, vq);
	}
	for (i = 0; i < dev->data->nb_tx_queues; i++)
		mdev_virtio_find_doorbell(process, dev->data->tx_queues[i]);
}

/* Follow the primary process. */
static void
follow(struct rte_eth_dev *dev, enum mp_type type)
{
	switch (type) {
	case MP_START:
		doorbells_find(dev);
		mdev_virtio_select_bursts(dev);
		break;
	case MP_PAUSE:
		mdev_virtio_select_paused(dev);
		break;
	case MP_STOP:
	default:
		dev->rx_pkt_burst = rte_eth_pkt_burst_dummy;
		dev->tx_pkt_burst = rte_eth_pkt_burst_dummy;
		dev->tx_pkt_prepare = virtio_prepare(VIRTIO_TX_OFFLOAD_FLAGS);
		break;
	}
}

/* What a process that attaches was not told. */
static enum mp_type
state_now(const struct rte_eth_dev *dev)
{
	if (dev->data->dev_started == 0)
		return MP_STOP;
	return __atomic_load_n(&mdev_virtio_hw(dev)->recovery.running,
			__ATOMIC_SEQ_CST) ? MP_PAUSE : MP_START;
}

/* In EAL's IPC thread of a secondary process. */
static int
serve_primary(const struct rte_mp_msg *msg, const void *peer)
{
	struct rte_mp_msg reply = { .num_fds = 0 };
	struct rte_eth_dev *dev;
	struct mp_param param;

	if (msg->len_param != (int)sizeof(param))
		return -EINVAL;
	memcpy(&param, msg->param, sizeof(param));
	if (param.port_id >= RTE_MAX_ETHPORTS)
		return -EINVAL;
	dev = &rte_eth_devices[param.port_id];
	pthread_mutex_lock(&attached_lock);
	if (dev->dev_ops == &mdev_virtio_secondary_ops) {
		if (!is_ours(dev, dev->process_private) || param.type > MP_PAUSE)
			param.type = MP_STOP;
		/*
		 * rte_eth_rx_burst() looks up the queue and then the function: who has found
		 * no queue, as the port was stopped, must not go on with the function of now
		 */
		if (param.type != MP_STOP && mdev_virtio_queues_publish(dev))
			rte_delay_us_sleep(BURST_US);
		follow(dev, param.type);
		mdev_virtio_bursts_publish(dev, param.type != MP_STOP);
	}
	pthread_mutex_unlock(&attached_lock);
	if (!param.reply)
		return 0;
	rte_strscpy(reply.name, MP_NAME, sizeof(reply.name));
	reply.len_param = sizeof(param);
	memcpy(reply.param, &param, sizeof(param));
	return rte_mp_reply(&reply, peer);
}

/*
 * Tell all secondary processes. EAL ends the round with the first that does not
 * answer; the others hear of it then without being waited for.
 */
static void
tell_secondaries(const struct rte_eth_dev *dev, enum mp_type type)
{
	struct mp_param param = {
		.type = type,
		.port_id = dev->data->port_id,
		.reply = true,
	};
	struct rte_mp_msg msg = { .len_param = sizeof(param) };
	struct rte_mp_reply reply;
	int ret;

	if (__atomic_load_n(&mdev_virtio_hw(dev)->secondaries, __ATOMIC_SEQ_CST) == 0)
		return;
	rte_strscpy(msg.name, MP_NAME, sizeof(msg.name));
	memcpy(msg.param, &param, sizeof(param));
	ret = rte_mdev_mp_request(&msg, &reply, MDEV_VIRTIO_MP_TIMEOUT_S);
	if (ret == 0) {
		free(reply.msgs);
		return;
	}
	DRV_LOG(WARNING, "%s: a secondary process does not answer (%s): end it if it hangs, it may use the queues still",
		dev->data->name, rte_strerror(-ret));
	param.reply = false;
	memcpy(msg.param, &param, sizeof(param));
	rte_mp_sendmsg(&msg);
}

void
mdev_virtio_mp_started(const struct rte_eth_dev *dev)
{
	uint32_t *telling = &mdev_virtio_hw(dev)->recovery.telling;

	__atomic_fetch_add(telling, 1, __ATOMIC_SEQ_CST);
	tell_secondaries(dev, MP_START);
	__atomic_fetch_sub(telling, 1, __ATOMIC_SEQ_CST);
}

void
mdev_virtio_mp_pausing(const struct rte_eth_dev *dev)
{
	tell_secondaries(dev, MP_PAUSE);
}

void
mdev_virtio_mp_stopping(const struct rte_eth_dev *dev)
{
	tell_secondaries(dev, MP_STOP);
	/* their threads may be within a burst, whose end nobody tells */
	if (__atomic_load_n(&mdev_virtio_hw(dev)->secondaries, __ATOMIC_SEQ_CST) > 0)
		rte_delay_us_sleep(BURST_US);
}

int
mdev_virtio_secondary_listen(void)
{
	if (rte_mp_action_register(MP_NAME, serve_primary) < 0 &&
			rte_errno != EEXIST)
		return -rte_errno;
	return 0;
}

int
mdev_virtio_secondary_attach(struct rte_eth_dev *dev, struct virtio_transport *tr)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	struct mdev_virtio_process *process;
	int ret;

	if (hw == NULL)
		return -ENODEV; /* closed in the primary meanwhile */
	process = mdev_virtio_process_create(hw, tr);
	if (process == NULL) {
		INIT_LOG(ERR, "%s: no memory: free some, and start this process again", dev->data->name);
		return -ENOMEM;
	}
	pthread_mutex_lock(&attached_lock);
	ret = mdev_virtio_secondary_listen();
	if (ret == 0) {
		/* before it is seen whether the port is started: a stop tells us */
		__atomic_fetch_add(&hw->secondaries, 1, __ATOMIC_SEQ_CST);
		dev->process_private = process;
		dev->dev_ops = &mdev_virtio_secondary_ops;
		mdev_virtio_queue_info_init(dev);
		follow(dev, state_now(dev));
	}
	pthread_mutex_unlock(&attached_lock);
	if (ret < 0) {
		INIT_LOG(ERR, "%s: the primary process could not tell of starts and stops: %s: start this process again",
			dev->data->name, rte_strerror(-ret));
		free(process);
	}
	return ret;
}

int
mdev_virtio_secondary_close(struct rte_eth_dev *dev)
{
	static struct rte_eth_dev_data closed; /* for ethdev's release only */
	static const struct eth_dev_ops none;  /* ethdev looks into it until then */
	struct mdev_virtio_process *process = dev->process_private;

	if (process == NULL)
		return 0;
	pthread_mutex_lock(&attached_lock);
	follow(dev, MP_STOP);
	mdev_virtio_bursts_publish(dev, false);
	dev->dev_ops = &none; /* not the IPC thread's any more */
	pthread_mutex_unlock(&attached_lock);
	/* a dump may ask the primary process, whose answer that thread takes */
	mdev_virtio_process_withdraw(dev);
	if (is_ours(dev, process)) {
		__atomic_fetch_sub(&mdev_virtio_hw(dev)->secondaries, 1,
				__ATOMIC_SEQ_CST);
	} else {
		/* ethdev would take the port's number from there: another port's */
		closed.port_id = dev - rte_eth_devices;
		dev->data = &closed;
	}
	process->tr->ops->destroy(process->tr);
	free(process);
	return 0;
}
