/* SPDX-License-Identifier: BSD-3-Clause */

/* The commands of a network device's control queue (VIRTIO 1.2 s. 5.1.6.5). */

#include <endian.h>
#include <string.h>

#include <linux/virtio_net.h>

#include "net_ctrl.h"

#define MAC_LEN 6

typedef bool (command_fn)(struct net_ctrl *ctrl, const uint8_t *data, uint32_t len);

static uint16_t
read16(const uint8_t *data)
{
	return data[0] | data[1] << 8;
}

static uint32_t
read32(const uint8_t *data)
{
	return read16(data) | (uint32_t)read16(data + 2) << 16;
}

/* s. 5.1.6.5.1: one byte, 0 or 1 */
static bool
set_flag(bool *flag, const uint8_t *data, uint32_t len)
{
	if (len != 1 || data[0] > 1)
		return false;
	*flag = data[0] == 1;
	return true;
}

static bool
set_promiscuous(struct net_ctrl *ctrl, const uint8_t *data, uint32_t len)
{
	return set_flag(&ctrl->promiscuous, data, len);
}

static bool
set_allmulticast(struct net_ctrl *ctrl, const uint8_t *data, uint32_t len)
{
	return set_flag(&ctrl->allmulticast, data, len);
}

static bool
set_alluni(struct net_ctrl *ctrl, const uint8_t *data, uint32_t len)
{
	return set_flag(&ctrl->alluni, data, len);
}

static bool
set_nomulti(struct net_ctrl *ctrl, const uint8_t *data, uint32_t len)
{
	return set_flag(&ctrl->nomulti, data, len);
}

static bool
set_nouni(struct net_ctrl *ctrl, const uint8_t *data, uint32_t len)
{
	return set_flag(&ctrl->nouni, data, len);
}

static bool
set_nobcast(struct net_ctrl *ctrl, const uint8_t *data, uint32_t len)
{
	return set_flag(&ctrl->nobcast, data, len);
}

/*
 * One of the two tables. The device takes any number of addresses, as it may pass
 * packets for others (s. 5.1.6.5.2); it keeps as many as it has room for. Returns the
 * bytes that the table takes, 0 if it is wrong.
 */
static uint32_t
read_macs(struct net_ctrl_macs *macs, bool multicast, const uint8_t *data, uint32_t len)
{
	uint32_t entries, i;

	if (len < sizeof(entries))
		return 0;
	entries = read32(data);
	if (entries > (len - sizeof(entries)) / MAC_LEN)
		return 0;
	data += sizeof(entries);
	for (i = 0; i < entries; i++) {
		if ((data[i * MAC_LEN] & 1) != multicast)
			return 0;
	}
	macs->overflow = entries > NET_CTRL_MACS;
	macs->count = macs->overflow ? NET_CTRL_MACS : entries;
	memcpy(macs->mac, data, macs->count * MAC_LEN);
	return sizeof(entries) + entries * MAC_LEN;
}

/* A table that is wrong changes nothing. */
static bool
set_mac_table(struct net_ctrl *ctrl, const uint8_t *data, uint32_t len)
{
	struct net_ctrl_macs unicast = { 0 }, multicast = { 0 };
	uint32_t first, second;

	first = read_macs(&unicast, false, data, len);
	if (first == 0)
		return false;
	second = read_macs(&multicast, true, data + first, len - first);
	if (second == 0 || first + second != len)
		return false;
	ctrl->unicast = unicast;
	ctrl->multicast = multicast;
	return true;
}

static bool
set_mac_addr(struct net_ctrl *ctrl, const uint8_t *data, uint32_t len)
{
	static const uint8_t none[MAC_LEN];

	if (len != MAC_LEN || (data[0] & 1) != 0 || memcmp(data, none, MAC_LEN) == 0)
		return false;
	memcpy(ctrl->mac, data, MAC_LEN);
	return true;
}

static bool
set_vlan(struct net_ctrl *ctrl, const uint8_t *data, uint32_t len, bool on)
{
	uint16_t id;

	if (len != sizeof(id))
		return false;
	id = read16(data);
	if (id / 8 >= sizeof(ctrl->vlans))
		return false;
	if (on)
		ctrl->vlans[id / 8] |= 1 << id % 8;
	else
		ctrl->vlans[id / 8] &= ~(1 << id % 8);
	return true;
}

static bool
add_vlan(struct net_ctrl *ctrl, const uint8_t *data, uint32_t len)
{
	return set_vlan(ctrl, data, len, true);
}

static bool
del_vlan(struct net_ctrl *ctrl, const uint8_t *data, uint32_t len)
{
	return set_vlan(ctrl, data, len, false);
}

static bool
set_pairs(struct net_ctrl *ctrl, const uint8_t *data, uint32_t len)
{
	uint16_t pairs;

	if (len != sizeof(pairs))
		return false;
	pairs = read16(data);
	if (pairs < VIRTIO_NET_CTRL_MQ_VQ_PAIRS_MIN || pairs > ctrl->max_pairs)
		return false;
	ctrl->pairs = pairs;
	return true;
}

static bool
announce_ack(struct net_ctrl *ctrl, const uint8_t *data, uint32_t len)
{
	(void)data;
	if (len != 0)
		return false;
	if (ctrl->announced != NULL)
		ctrl->announced(ctrl->arg);
	return true;
}

/* What is not here is refused: offloads, RSS, coalescing, statistics. */
static const struct {
	uint8_t class, command;
	uint8_t feature; /* the bit that must have been agreed on */
	command_fn *fn;
} commands[] = {
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC,
		VIRTIO_NET_F_CTRL_RX, set_promiscuous },
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLMULTI,
		VIRTIO_NET_F_CTRL_RX, set_allmulticast },
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLUNI,
		VIRTIO_NET_F_CTRL_RX_EXTRA, set_alluni },
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_NOMULTI,
		VIRTIO_NET_F_CTRL_RX_EXTRA, set_nomulti },
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_NOUNI,
		VIRTIO_NET_F_CTRL_RX_EXTRA, set_nouni },
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_NOBCAST,
		VIRTIO_NET_F_CTRL_RX_EXTRA, set_nobcast },
	{ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET,
		VIRTIO_NET_F_CTRL_RX, set_mac_table },
	{ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET,
		VIRTIO_NET_F_CTRL_MAC_ADDR, set_mac_addr },
	{ VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD,
		VIRTIO_NET_F_CTRL_VLAN, add_vlan },
	{ VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_DEL,
		VIRTIO_NET_F_CTRL_VLAN, del_vlan },
	{ VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK,
		VIRTIO_NET_F_GUEST_ANNOUNCE, announce_ack },
	{ VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET,
		VIRTIO_NET_F_MQ, set_pairs },
};

void
net_ctrl_reset(struct net_ctrl *ctrl, const uint8_t mac[6])
{
	ctrl->promiscuous = false;
	ctrl->allmulticast = false;
	ctrl->alluni = false;
	ctrl->nomulti = false;
	ctrl->nouni = false;
	ctrl->nobcast = false;
	memcpy(ctrl->mac, mac, sizeof(ctrl->mac));
	memset(&ctrl->unicast, 0, sizeof(ctrl->unicast));
	memset(&ctrl->multicast, 0, sizeof(ctrl->multicast));
	memset(ctrl->vlans, 0, sizeof(ctrl->vlans));
	ctrl->pairs = 1; /* s. 5.1.6.5.5: several have to be asked for */
}

uint8_t
net_ctrl_command(void *arg, uint8_t class, uint8_t command, const uint8_t *data,
		uint32_t len)
{
	struct net_ctrl *ctrl = arg;
	unsigned int i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (commands[i].class != class || commands[i].command != command)
			continue;
		if ((ctrl->features & UINT64_C(1) << commands[i].feature) == 0)
			return VIRTIO_NET_ERR;
		return commands[i].fn(ctrl, data, len) ? VIRTIO_NET_OK :
			VIRTIO_NET_ERR;
	}
	return VIRTIO_NET_ERR;
}
