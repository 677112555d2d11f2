/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Announcements (VIRTIO 1.2 s. 5.1.6.5.4): the device asks for a frame that tells the
 * network where the port is now.
 *
 * A transmit queue belongs to the thread that sends on it, and no other thread can
 * know when it does not. So the frame is handed over to that thread, which sends it
 * with its next burst: s. 5.1.6.5.4 allows to mark it as pending and to acknowledge.
 */

#include <stdio.h>

#include <linux/virtio_net.h>

#include <rte_arp.h>
#include <rte_byteorder.h>
#include <rte_errno.h>
#include <rte_mbuf.h>

#include "mdev_virtio_ethdev.h"
#include "mdev_virtio_logs.h"

#define FRAMES 7
#define FRAME_ROOM (RTE_PKTMBUF_HEADROOM + 128)

/*
 * Frames come from a pool of their own: the application's may allow one thread to
 * take from it, and it is not this one.
 */
int
mdev_virtio_announce_init(struct rte_eth_dev *dev)
{
	static uint32_t serial; /* a pool that is lost to its device keeps its name */
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	char name[RTE_MEMPOOL_NAMESIZE];

	if (hw->announce_pool != NULL ||
			!virtio_has_feature(hw->features, VIRTIO_NET_F_GUEST_ANNOUNCE))
		return 0;
	snprintf(name, sizeof(name), "mdev_ann_%u_%x", dev->data->port_id,
		__atomic_fetch_add(&serial, 1, __ATOMIC_RELAXED));
	hw->announce_pool = rte_pktmbuf_pool_create(name, FRAMES, 0, 0,
			FRAME_ROOM, SOCKET_ID_ANY);
	return hw->announce_pool == NULL ? -rte_errno : 0;
}

void
mdev_virtio_announce_free(struct rte_eth_dev *dev)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);

	if (!hw->runaway)
		rte_mempool_free(hw->announce_pool);
	hw->announce_pool = NULL;
}

static bool
asked(struct rte_eth_dev *dev)
{
	rte_le16_t status;

	if (dev->data->dev_started == 0 || mdev_virtio_recovering(dev) ||
			!virtio_has_feature(mdev_virtio_hw(dev)->features,
				VIRTIO_NET_F_GUEST_ANNOUNCE) ||
			MDEV_VIRTIO_CONFIG_FIELD(dev, status, &status) < 0)
		return false;
	return (rte_le_to_cpu_16(status) & VIRTIO_NET_S_ANNOUNCE) != 0;
}

/*
 * The feature may be new since the port was probed: the backend that has it came later. Of
 * the frames before there may be too many that were not sent: those will do.
 */
static void
hand_over(struct rte_eth_dev *dev)
{
	struct rte_mbuf *m;

	if (mdev_virtio_announce_init(dev) < 0) {
		DRV_LOG(ERR, "%s: no memory: give EAL more (-m)", dev->data->name);
		return;
	}
	m = rte_net_make_rarp_packet(mdev_virtio_hw(dev)->announce_pool,
			&dev->data->mac_addrs[0]);
	if (m != NULL)
		virtqueue_inject(dev->data->tx_queues[0], m);
	DRV_LOG(INFO, "%s: the device asks for an announcement: it goes out with the next burst on transmit queue 0",
		dev->data->name);
}

/* A restart by another thread may be replacing the queue: the control lock is held. */
static int
announce(struct rte_eth_dev *dev)
{
	if (dev->data->nb_tx_queues > 0)
		hand_over(dev);
	return virtio_cvq_announce_ack(&mdev_virtio_hw(dev)->cvq,
			mdev_virtio_transport(dev));
}

void
mdev_virtio_announce(struct rte_eth_dev *dev)
{
	if (!asked(dev) || mdev_virtio_control_begin(dev) < 0)
		return;
	mdev_virtio_control_end(dev, announce(dev));
}
