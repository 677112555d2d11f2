// SPDX-License-Identifier: GPL-2.0-only
/*
 * The control virtqueue and the receive filters that it sets.
 * VIRTIO 1.2 s. 5.1.6.5. All of it runs with the device's lock held.
 */
#include "mdev_virtio_net.h"

/* Commands done before frames are moved again. */
#define BUDGET		8

/* NULL, or, without MQ and RSS, the third one, however many there are: s. 5.1.2 */
struct mvnet_vq *mvnet_ctrl_vq(struct mvnet *nd)
{
	if (!mvnet_has(nd, VIRTIO_NET_F_CTRL_VQ))
		return NULL;
	if (mvnet_has(nd, VIRTIO_NET_F_MQ) || mvnet_has(nd, VIRTIO_NET_F_RSS))
		return &nd->vqs[2 * nd->type->pairs];
	return &nd->vqs[2];
}

/* --- filters --- */

/* s. 5.1.6.5.2, 5.1.6.5.3: tables are empty after a reset */
void mvnet_filter_reset(struct mvnet *nd)
{
	memset(&nd->filter, 0, sizeof(nd->filter));
	ether_addr_copy(nd->filter.mac, nd->mac);
}

static bool mac_wanted(const struct mvnet_filter *filter, const u8 *dest)
{
	const bool multi = is_multicast_ether_addr(dest);
	const struct mvnet_mac_table *table = &filter->tables[multi];
	u16 i;

	/* NOBCAST alone, which is not offered, would keep these out. */
	if (is_broadcast_ether_addr(dest) || table->all)
		return true;
	if (multi ? filter->allmulti : ether_addr_equal(dest, filter->mac))
		return true;
	for (i = 0; i < table->nr; i++)
		if (ether_addr_equal_unaligned(dest, table->addr[i]))
			return true;
	return false;
}

/* A tag with VLAN id 0 carries a priority and names no VLAN. */
static bool vlan_wanted(const struct mvnet_filter *filter,
			const struct sk_buff *skb)
{
	const struct vlan_ethhdr *eth = (const struct vlan_ethhdr *)skb->data;
	u16 vid;

	if (!eth_type_vlan(eth->h_vlan_proto) || skb->len < sizeof(*eth))
		return true;
	vid = be16_to_cpu(eth->h_vlan_TCI) & VLAN_VID_MASK;
	return !vid || test_bit(vid, filter->vlans);
}

/* @skb has an Ethernet header, and that and a tag in its linear part. */
bool mvnet_filter_pass(const struct mvnet *nd, const struct sk_buff *skb)
{
	const struct mvnet_filter *filter = &nd->filter;

	if (filter->promisc)
		return true;
	if (mvnet_has(nd, VIRTIO_NET_F_CTRL_VLAN) && !vlan_wanted(filter, skb))
		return false;
	return !mvnet_has(nd, VIRTIO_NET_F_CTRL_RX) ||
	       mac_wanted(filter, ((const struct ethhdr *)skb->data)->h_dest);
}

/*
 * --- commands ---
 *
 * Each returns VIRTIO_NET_OK or VIRTIO_NET_ERR, -EMSGSIZE if the driver's data is
 * too short, which is an error of the command alone, or another negative errno
 * if the client's memory is out of reach. An error changes nothing.
 */

/* Read command-specific-data from @off on. */
int mvnet_ctrl_read(struct mvnet *nd, const struct mdev_virtio_chain *chain,
		    u32 off, void *buf, size_t len)
{
	return mdev_virtio_read(&nd->mvdev, nd->scratch->iov, chain->nr_out,
				sizeof(struct virtio_net_ctrl_hdr) + off, buf,
				len);
}

static int read_u16(struct mvnet *nd, const struct mdev_virtio_chain *chain,
		    u16 *val)
{
	__le16 raw;
	int ret = mvnet_ctrl_read(nd, chain, 0, &raw, sizeof(raw));

	*val = ret ? 0 : le16_to_cpu(raw);
	return ret;
}

static int do_rx(struct mvnet *nd, const struct mdev_virtio_chain *chain, u8 cmd)
{
	u8 on;
	int ret;

	if (!mvnet_has(nd, VIRTIO_NET_F_CTRL_RX))
		return VIRTIO_NET_ERR;
	ret = mvnet_ctrl_read(nd, chain, 0, &on, sizeof(on));
	if (ret)
		return ret;
	if (on > 1)
		return VIRTIO_NET_ERR;
	if (cmd == VIRTIO_NET_CTRL_RX_PROMISC)
		nd->filter.promisc = on;
	else if (cmd == VIRTIO_NET_CTRL_RX_ALLMULTI)
		nd->filter.allmulti = on;
	else
		return VIRTIO_NET_ERR;
	return VIRTIO_NET_OK;
}

/* Read a struct virtio_net_ctrl_mac at *@off, and step over it. */
static int read_table(struct mvnet *nd, const struct mdev_virtio_chain *chain,
		      u32 *off, struct mvnet_mac_table *table)
{
	__le32 raw;
	u32 left, nr;
	int ret;

	ret = mvnet_ctrl_read(nd, chain, *off, &raw, sizeof(raw));
	if (ret)
		return ret;
	*off += sizeof(raw);
	nr = le32_to_cpu(raw);
	left = chain->out_len - sizeof(struct virtio_net_ctrl_hdr) - *off;
	if (nr > left / ETH_ALEN)
		return -EMSGSIZE;
	table->all = nr > MVNET_MAX_MACS;
	table->nr = table->all ? 0 : nr;
	ret = mvnet_ctrl_read(nd, chain, *off, table->addr, table->nr * ETH_ALEN);
	*off += nr * ETH_ALEN;
	return ret;
}

static int set_tables(struct mvnet *nd, const struct mdev_virtio_chain *chain)
{
	struct mvnet_mac_table *tables = nd->scratch->tables;
	u32 off = 0;
	int ret;

	if (!mvnet_has(nd, VIRTIO_NET_F_CTRL_RX))
		return VIRTIO_NET_ERR;
	ret = read_table(nd, chain, &off, &tables[0]);
	if (!ret)
		ret = read_table(nd, chain, &off, &tables[1]);
	if (ret)
		return ret;
	memcpy(nd->filter.tables, tables, sizeof(nd->filter.tables));
	return VIRTIO_NET_OK;
}

static int set_address(struct mvnet *nd, const struct mdev_virtio_chain *chain)
{
	u8 mac[ETH_ALEN] __aligned(2);
	int ret;

	if (!mvnet_has(nd, VIRTIO_NET_F_CTRL_MAC_ADDR))
		return VIRTIO_NET_ERR;
	ret = mvnet_ctrl_read(nd, chain, 0, mac, sizeof(mac));
	if (ret)
		return ret;
	if (!is_valid_ether_addr(mac))
		return VIRTIO_NET_ERR;
	if (!ether_addr_equal(mac, nd->filter.mac)) {
		ether_addr_copy(nd->filter.mac, mac);
		atomic_inc(&nd->generation);
	}
	return VIRTIO_NET_OK;
}

static int do_mac(struct mvnet *nd, const struct mdev_virtio_chain *chain,
		  u8 cmd)
{
	switch (cmd) {
	case VIRTIO_NET_CTRL_MAC_TABLE_SET:
		return set_tables(nd, chain);
	case VIRTIO_NET_CTRL_MAC_ADDR_SET:
		return set_address(nd, chain);
	default:
		return VIRTIO_NET_ERR;
	}
}

static int do_vlan(struct mvnet *nd, const struct mdev_virtio_chain *chain,
		   u8 cmd)
{
	u16 vid;
	int ret;

	if (!mvnet_has(nd, VIRTIO_NET_F_CTRL_VLAN))
		return VIRTIO_NET_ERR;
	ret = read_u16(nd, chain, &vid);
	if (ret)
		return ret;
	if (vid >= VLAN_N_VID)
		return VIRTIO_NET_ERR;
	if (cmd == VIRTIO_NET_CTRL_VLAN_ADD)
		set_bit(vid, nd->filter.vlans);
	else if (cmd == VIRTIO_NET_CTRL_VLAN_DEL)
		clear_bit(vid, nd->filter.vlans);
	else
		return VIRTIO_NET_ERR;
	return VIRTIO_NET_OK;
}

/* s. 5.1.6.5.4: before the buffer is used the bit is gone */
static int do_announce(struct mvnet *nd, u8 cmd)
{
	if (!mvnet_has(nd, VIRTIO_NET_F_GUEST_ANNOUNCE) ||
	    cmd != VIRTIO_NET_CTRL_ANNOUNCE_ACK)
		return VIRTIO_NET_ERR;
	if (nd->announce) {
		nd->announce = false;
		atomic_inc(&nd->generation);
	}
	return VIRTIO_NET_OK;
}

/* Frames that wait for a pair which is no longer used are dropped by the worker. */
static int set_pairs(struct mvnet *nd, const struct mdev_virtio_chain *chain)
{
	u16 pairs;
	int ret;

	if (!mvnet_has(nd, VIRTIO_NET_F_MQ))
		return VIRTIO_NET_ERR;
	ret = read_u16(nd, chain, &pairs);
	if (ret)
		return ret;
	if (pairs < VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MIN || pairs > nd->type->pairs)
		return VIRTIO_NET_ERR;
	/* The last command counts: s. 5.1.6.5.5 */
	if (mvnet_rss_stop_steering(nd))
		return VIRTIO_NET_ERR;
	WRITE_ONCE(nd->active_pairs, pairs);
	return VIRTIO_NET_OK;
}

static int do_mq(struct mvnet *nd, const struct mdev_virtio_chain *chain, u8 cmd)
{
	switch (cmd) {
	case VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET:
		return set_pairs(nd, chain);
	case VIRTIO_NET_CTRL_MQ_RSS_CONFIG:
	case VIRTIO_NET_CTRL_MQ_HASH_CONFIG:
		return mvnet_rss_command(nd, chain, cmd);
	default:
		return VIRTIO_NET_ERR;
	}
}

static int execute(struct mvnet *nd, const struct mdev_virtio_chain *chain)
{
	struct virtio_net_ctrl_hdr hdr;
	int ret;

	ret = mdev_virtio_read(&nd->mvdev, nd->scratch->iov, chain->nr_out, 0,
			       &hdr, sizeof(hdr));
	if (ret)
		return ret;
	switch (hdr.class) {
	case VIRTIO_NET_CTRL_RX:
		return do_rx(nd, chain, hdr.cmd);
	case VIRTIO_NET_CTRL_MAC:
		return do_mac(nd, chain, hdr.cmd);
	case VIRTIO_NET_CTRL_VLAN:
		return do_vlan(nd, chain, hdr.cmd);
	case VIRTIO_NET_CTRL_ANNOUNCE:
		return do_announce(nd, hdr.cmd);
	case VIRTIO_NET_CTRL_MQ:
		return do_mq(nd, chain, hdr.cmd);
	default:
		return VIRTIO_NET_ERR;
	}
}

/* Do a command and answer it. */
static int answer(struct mvnet *nd, struct mdev_virtio_ring *ring,
		  const struct mdev_virtio_chain *chain)
{
	virtio_net_ctrl_ack ack;
	int ret;

	/* Without room for the answer it is no command. */
	if (!chain->in_len)
		return -EPROTO;
	ret = execute(nd, chain);
	if (ret == -EMSGSIZE)
		ret = VIRTIO_NET_ERR;
	if (ret < 0)
		return ret;
	ack = ret;
	ret = mdev_virtio_write(&nd->mvdev, nd->scratch->iov + chain->nr_out,
				chain->nr_in, 0, &ack, sizeof(ack));
	if (ret)
		return ret;
	return mdev_virtio_ring_push(ring, chain, sizeof(ack));
}

/* Return how many commands were done, or a negative errno. */
int mvnet_ctrl_work(struct mvnet *nd)
{
	struct mvnet_vq *vq = mvnet_ctrl_vq(nd);
	struct mdev_virtio_chain chain;
	int done, ret = 0;

	if (!vq || !vq->ring.ready)
		return 0;
	for (done = 0; done < BUDGET; done++) {
		ret = mdev_virtio_ring_pop(&vq->ring, &chain, nd->scratch->iov,
					   ARRAY_SIZE(nd->scratch->iov));
		if (ret <= 0)
			break;
		ret = answer(nd, &vq->ring, &chain);
		if (ret)
			break;
	}
	if (ret >= 0)
		ret = mvnet_publish(vq);
	return ret < 0 ? ret : done;
}
