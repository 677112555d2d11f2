// SPDX-License-Identifier: GPL-2.0-only
/*
 * The simulated network device as its driver sees it: virtqueues, features,
 * status, configuration. VIRTIO 1.2 s. 5.1.
 */
#include <linux/pci_ids.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>

#include "mdev_virtio_net.h"

#define FEATURES (BIT_ULL(VIRTIO_F_VERSION_1) |		\
		  BIT_ULL(VIRTIO_F_ACCESS_PLATFORM) |	\
		  BIT_ULL(VIRTIO_F_ORDER_PLATFORM) |	\
		  BIT_ULL(VIRTIO_F_RING_RESET) |	\
		  BIT_ULL(VIRTIO_F_RING_PACKED) |	\
		  BIT_ULL(VIRTIO_F_IN_ORDER) |		\
		  BIT_ULL(VIRTIO_RING_F_EVENT_IDX) |	\
		  BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) | \
		  BIT_ULL(VIRTIO_NET_F_CSUM) |		\
		  BIT_ULL(VIRTIO_NET_F_GUEST_CSUM) |	\
		  BIT_ULL(VIRTIO_NET_F_GUEST_TSO4) |	\
		  BIT_ULL(VIRTIO_NET_F_GUEST_TSO6) |	\
		  BIT_ULL(VIRTIO_NET_F_GUEST_ECN) |	\
		  BIT_ULL(VIRTIO_NET_F_HOST_TSO4) |	\
		  BIT_ULL(VIRTIO_NET_F_HOST_TSO6) |	\
		  BIT_ULL(VIRTIO_NET_F_HOST_ECN) |	\
		  BIT_ULL(VIRTIO_NET_F_MAC) |		\
		  BIT_ULL(VIRTIO_NET_F_STATUS) |	\
		  BIT_ULL(VIRTIO_NET_F_MTU) |		\
		  BIT_ULL(VIRTIO_NET_F_MRG_RXBUF) |	\
		  BIT_ULL(VIRTIO_NET_F_CTRL_VQ) |	\
		  BIT_ULL(VIRTIO_NET_F_CTRL_RX) |	\
		  BIT_ULL(VIRTIO_NET_F_CTRL_VLAN) |	\
		  BIT_ULL(VIRTIO_NET_F_CTRL_MAC_ADDR) |	\
		  BIT_ULL(VIRTIO_NET_F_GUEST_ANNOUNCE) | \
		  BIT_ULL(VIRTIO_NET_F_HASH_REPORT) |	\
		  PAIRS_FEATURES)

/* Where there are several pairs. */
#define PAIRS_FEATURES (BIT_ULL(VIRTIO_NET_F_MQ) | BIT_ULL(VIRTIO_NET_F_RSS))

/* What needs which others, or one of them: s. 5.1.3.1. Those that are needed first. */
static const struct {
	u64 feature;
	u64 needs;
} requirements[] = {
	{ BIT_ULL(VIRTIO_NET_F_GUEST_TSO4), BIT_ULL(VIRTIO_NET_F_GUEST_CSUM) },
	{ BIT_ULL(VIRTIO_NET_F_GUEST_TSO6), BIT_ULL(VIRTIO_NET_F_GUEST_CSUM) },
	{ BIT_ULL(VIRTIO_NET_F_GUEST_ECN), BIT_ULL(VIRTIO_NET_F_GUEST_TSO4) |
					   BIT_ULL(VIRTIO_NET_F_GUEST_TSO6) },
	{ BIT_ULL(VIRTIO_NET_F_HOST_TSO4), BIT_ULL(VIRTIO_NET_F_CSUM) },
	{ BIT_ULL(VIRTIO_NET_F_HOST_TSO6), BIT_ULL(VIRTIO_NET_F_CSUM) },
	{ BIT_ULL(VIRTIO_NET_F_HOST_ECN), BIT_ULL(VIRTIO_NET_F_HOST_TSO4) |
					  BIT_ULL(VIRTIO_NET_F_HOST_TSO6) },
	{ BIT_ULL(VIRTIO_NET_F_CTRL_RX), BIT_ULL(VIRTIO_NET_F_CTRL_VQ) },
	{ BIT_ULL(VIRTIO_NET_F_CTRL_VLAN), BIT_ULL(VIRTIO_NET_F_CTRL_VQ) },
	{ BIT_ULL(VIRTIO_NET_F_CTRL_MAC_ADDR), BIT_ULL(VIRTIO_NET_F_CTRL_VQ) },
	{ BIT_ULL(VIRTIO_NET_F_GUEST_ANNOUNCE), BIT_ULL(VIRTIO_NET_F_CTRL_VQ) },
	{ BIT_ULL(VIRTIO_NET_F_MQ), BIT_ULL(VIRTIO_NET_F_CTRL_VQ) },
	{ BIT_ULL(VIRTIO_NET_F_RSS), BIT_ULL(VIRTIO_NET_F_CTRL_VQ) },
	/* to say which */
	{ BIT_ULL(VIRTIO_NET_F_HASH_REPORT), BIT_ULL(VIRTIO_NET_F_CTRL_VQ) },
};

/* Fields up to the last one whose feature is offered. */
#define CONFIG_SIZE offsetofend(struct virtio_net_config, supported_hash_types)

/* --- virtqueues --- */

static struct mdev_virtio_ring *ring_of(struct mdev_virtio_device *mvdev,
					u16 idx)
{
	return &to_mvnet(mvdev)->vqs[idx].ring;
}

static int mvnet_set_vq_address(struct mdev_virtio_device *mvdev, u16 idx,
				u64 desc_area, u64 driver_area, u64 device_area)
{
	return mdev_virtio_ring_set_address(ring_of(mvdev, idx), desc_area,
					    driver_area, device_area);
}

static void mvnet_set_vq_num(struct mdev_virtio_device *mvdev, u16 idx, u32 num)
{
	ring_of(mvdev, idx)->num = num;
}

static void mvnet_kick_vq(struct mdev_virtio_device *mvdev, u16 idx)
{
	mdev_virtio_worker_kick(&to_mvnet(mvdev)->worker);
}

static void mvnet_set_vq_cb(struct mdev_virtio_device *mvdev, u16 idx,
			    const struct mdev_virtio_callback *cb)
{
	to_mvnet(mvdev)->vqs[idx].cb = *cb;
}

static void mvnet_set_vq_ready(struct mdev_virtio_device *mvdev, u16 idx,
			       bool ready)
{
	ring_of(mvdev, idx)->ready = ready;
	mvnet_kick_vq(mvdev, idx);
}

static bool mvnet_get_vq_ready(struct mdev_virtio_device *mvdev, u16 idx)
{
	return ring_of(mvdev, idx)->ready;
}

static int mvnet_set_vq_state(struct mdev_virtio_device *mvdev, u16 idx,
			      u64 state)
{
	if (ring_of(mvdev, idx)->ready)
		return -EBUSY;
	mdev_virtio_ring_set_state(ring_of(mvdev, idx), state);
	return 0;
}

static u64 mvnet_get_vq_state(struct mdev_virtio_device *mvdev, u16 idx)
{
	return mdev_virtio_ring_get_state(ring_of(mvdev, idx));
}

static u16 mvnet_get_vq_num_max(struct mdev_virtio_device *mvdev, u16 idx)
{
	return MDEV_VIRTIO_RING_NUM_MAX;
}

/* --- features and status --- */

/* Those of @features whose requirements are among them, too. */
static u64 satisfied(u64 features)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(requirements); i++)
		if (!(features & requirements[i].needs))
			features &= ~requirements[i].feature;
	return features;
}

static u64 mvnet_get_features(struct mdev_virtio_device *mvdev)
{
	struct mvnet *nd = to_mvnet(mvdev);
	u64 features = FEATURES & ~nd->features_off;

	if (nd->type->pairs == 1)
		features &= ~PAIRS_FEATURES;
	return satisfied(features);
}

static int mvnet_set_features(struct mdev_virtio_device *mvdev, u64 features)
{
	struct mvnet *nd = to_mvnet(mvdev);
	u16 i;

	if (features != satisfied(features))
		return -EINVAL;
	nd->features = features;
	nd->hdr_len = features & BIT_ULL(VIRTIO_NET_F_HASH_REPORT) ?
		      MVNET_MAX_HDR : MVNET_HDR_LEN;
	WRITE_ONCE(nd->guest_offloads, lower_32_bits(features));
	for (i = 0; i < mvdev->nvqs; i++)
		mdev_virtio_ring_set_features(&nd->vqs[i].ring, features);
	return 0;
}

static u8 mvnet_get_status(struct mdev_virtio_device *mvdev)
{
	return to_mvnet(mvdev)->status;
}

/* From now on the host interface queues no frames, and those queued are gone. */
static void stop(struct mvnet *nd)
{
	u16 i;

	WRITE_ONCE(nd->running, false);
	netif_carrier_off(nd->host);
	for (i = 0; i < nd->type->pairs; i++)
		mvnet_backlog_purge(nd, i);
}

static void reset(struct mvnet *nd)
{
	u16 i;

	stop(nd);
	nd->features = 0;
	WRITE_ONCE(nd->guest_offloads, 0);
	nd->announce = false;
	mvnet_filter_reset(nd);
	mvnet_flows_reset(nd);
	mvnet_rss_set(nd, NULL);
	WRITE_ONCE(nd->active_pairs, 1);
	for (i = 0; i < nd->mvdev.nvqs; i++)
		mdev_virtio_ring_init(&nd->vqs[i].ring, &nd->mvdev,
				      MDEV_VIRTIO_RING_NUM_MAX);
}

static void start(struct mvnet *nd)
{
	WRITE_ONCE(nd->running, true);
	netif_carrier_on(nd->host);
	mdev_virtio_worker_kick(&nd->worker);
}

static void mvnet_set_status(struct mdev_virtio_device *mvdev, u8 status)
{
	struct mvnet *nd = to_mvnet(mvdev);
	u8 set = status & ~nd->status;

	nd->status = status;
	if (!status)
		reset(nd);
	else if (set & VIRTIO_CONFIG_S_FAILED)
		stop(nd);
	else if ((set & VIRTIO_CONFIG_S_DRIVER_OK) &&
		 !(status & VIRTIO_CONFIG_S_FAILED))
		start(nd);
}

/* No queue is used any more, until the driver resets the device: s. 2.1.2 */
void mvnet_needs_reset(struct mvnet *nd)
{
	nd->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	stop(nd);
	nd->config_cb.callback(nd->config_cb.private);
}

/*
 * The client's ring cannot be followed. Nothing is logged that a client could
 * repeat at will: the status says it all.
 */
void mvnet_broken(struct mvnet *nd, int error)
{
	dev_dbg(nd->mvdev.vdev.dev, "broken virtqueue: %d\n", error);
	mvnet_needs_reset(nd);
}

/* --- configuration --- */

static void mvnet_set_config_cb(struct mdev_virtio_device *mvdev,
				const struct mdev_virtio_callback *cb)
{
	to_mvnet(mvdev)->config_cb = *cb;
}

static u32 mvnet_get_device_id(struct mdev_virtio_device *mvdev)
{
	return VIRTIO_ID_NET;
}

static u32 mvnet_get_vendor_id(struct mdev_virtio_device *mvdev)
{
	return PCI_VENDOR_ID_REDHAT_QUMRANET;
}

static size_t mvnet_get_config_size(struct mdev_virtio_device *mvdev)
{
	return CONFIG_SIZE;
}

static void mvnet_get_config(struct mdev_virtio_device *mvdev,
			     unsigned int offset, void *buf, unsigned int len)
{
	struct mvnet *nd = to_mvnet(mvdev);
	struct virtio_net_config config = {
		.max_virtqueue_pairs = __cpu_to_virtio16(true, nd->type->pairs),
		.mtu = __cpu_to_virtio16(true, MVNET_MAX_MTU),
		.speed = cpu_to_le32(U32_MAX),	/* unknown, as is duplex */
		.duplex = U8_MAX,
		.rss_max_key_size = MVNET_RSS_KEY,
		.rss_max_indirection_table_length =
			cpu_to_le16(MVNET_RSS_TABLE),
		.supported_hash_types = cpu_to_le32(MVNET_RSS_TYPES),
	};

	u16 status = 0;

	if (READ_ONCE(nd->link_up))
		status |= VIRTIO_NET_S_LINK_UP;
	if (nd->announce)
		status |= VIRTIO_NET_S_ANNOUNCE;
	config.status = __cpu_to_virtio16(true, status);
	memcpy(config.mac, nd->filter.mac, sizeof(config.mac));
	memcpy(buf, (u8 *)&config + offset, len);
}

/* A driver of VIRTIO 1.x has nothing to write: s. 5.1.4 */
static void mvnet_set_config(struct mdev_virtio_device *mvdev,
			     unsigned int offset, const void *buf,
			     unsigned int len)
{
}

static u32 mvnet_get_generation(struct mdev_virtio_device *mvdev)
{
	return atomic_read(&to_mvnet(mvdev)->generation);
}

/* --- life --- */

static void set_open(struct mdev_virtio_device *mvdev, bool open)
{
	mutex_lock(&mvdev->lock);
	to_mvnet(mvdev)->open = open;
	mutex_unlock(&mvdev->lock);
}

static int mvnet_open(struct mdev_virtio_device *mvdev)
{
	int ret = mdev_virtio_worker_start(&to_mvnet(mvdev)->worker);

	if (!ret)
		set_open(mvdev, true);
	return ret;
}

static void mvnet_close(struct mdev_virtio_device *mvdev)
{
	mdev_virtio_worker_stop(&to_mvnet(mvdev)->worker);
	set_open(mvdev, false);
}

const struct mdev_virtio_ops mvnet_ops = {
	.set_vq_address = mvnet_set_vq_address,
	.set_vq_num = mvnet_set_vq_num,
	.kick_vq = mvnet_kick_vq,
	.set_vq_cb = mvnet_set_vq_cb,
	.set_vq_ready = mvnet_set_vq_ready,
	.get_vq_ready = mvnet_get_vq_ready,
	.set_vq_state = mvnet_set_vq_state,
	.get_vq_state = mvnet_get_vq_state,
	.get_vq_num_max = mvnet_get_vq_num_max,
	.get_features = mvnet_get_features,
	.set_features = mvnet_set_features,
	.set_config_cb = mvnet_set_config_cb,
	.get_device_id = mvnet_get_device_id,
	.get_vendor_id = mvnet_get_vendor_id,
	.get_status = mvnet_get_status,
	.set_status = mvnet_set_status,
	.get_config_size = mvnet_get_config_size,
	.get_config = mvnet_get_config,
	.set_config = mvnet_set_config,
	.get_generation = mvnet_get_generation,
	.open = mvnet_open,
	.close = mvnet_close,
};
