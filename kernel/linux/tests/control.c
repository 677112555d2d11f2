// SPDX-License-Identifier: GPL-2.0-only
/*
 * control [-s] UUID...: drive mediated virtio-net devices as a good driver does: queue
 * pairs, control queue, filters, announcements, indirect descriptors; in all layouts of
 * rings, or with -s in split ones only. One line for each thing that is wrong.
 *
 * That a frame does not arrive is told by one that was sent after it and does.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/udp.h>

#include "client.h"

static const uint8_t broadcast[ETH_ALEN] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff
};

static const uint8_t stranger[ETH_ALEN] = { 0x02, 0, 0, 0, 0xee, 1 };
static const uint8_t known[ETH_ALEN] = { 0x02, 0, 0, 0, 0xee, 2 };
static const uint8_t group[ETH_ALEN] = { 0x01, 0, 0x5e, 0, 0, 0x11 };
static const uint8_t other_group[ETH_ALEN] = { 0x01, 0, 0x5e, 0, 0, 0x12 };
static uint32_t number;

static bool do_command(struct client *c, uint8_t class, uint8_t cmd,
		       const void *data, size_t len)
{
	return command(c, class, cmd, data, len) == VIRTIO_NET_OK;
}

static bool set_pairs(struct client *c, uint16_t pairs)
{
	return do_command(c, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET,
			  &pairs, sizeof(pairs));
}

static void start(struct client *c, uint64_t features)
{
	client_start(c, features);
	for (unsigned int pair = 0; pair < c->max_pairs; pair++)
		if (2u * pair != c->ctrl)
			rx_fill(rx_vq(c, pair));
		else
			break;
}

/* --- queue pairs --- */

/* A frame from each pair reaches the host. */
static void sends_from(struct client *c, unsigned int pairs)
{
	uint8_t frame[BUF_SIZE];

	for (unsigned int pair = 0; pair < pairs; pair++) {
		size_t len = make_frame(frame, broadcast, ++number);
		int ret = tx(c, pair, frame, len);

		if (!ret)
			ret = host_receive(c, frame);
		result(ret > 0 && frame_number(frame, ret) == number,
		       "sends from pair %u of %u (%d)", pair, pairs, ret);
	}
}

/* A UDP packet of a flow, in either direction. */
static size_t make_flow(uint8_t *frame, uint16_t flow, bool to_client)
{
	const uint32_t host = htonl(0xc0000201), client = htonl(0xc0000202);
	size_t len = make_frame(frame, broadcast, ++number);
	struct ethhdr *eth = (struct ethhdr *)frame;
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.ttl = 64,
		.protocol = IPPROTO_UDP,
		.tot_len = htons(len - sizeof(*eth)),
		.saddr = to_client ? host : client,
		.daddr = to_client ? client : host,
	};
	struct udphdr udp = {
		.source = htons(to_client ? 7 : flow),
		.dest = htons(to_client ? flow : 7),
		.len = htons(len - sizeof(*eth) - sizeof(ip)),
	};

	eth->h_proto = htons(ETH_P_IP);
	memcpy(eth + 1, &ip, sizeof(ip));
	memcpy((uint8_t *)(eth + 1) + sizeof(ip), &udp, sizeof(udp));
	return len;
}

/* The pair on which a flow's next packet comes in, or a negative errno. */
static int pair_of_flow(struct client *c, uint16_t flow)
{
	uint8_t frame[BUF_SIZE];
	unsigned int pair;
	int ret;

	host_send(c, frame, make_flow(frame, flow, true));
	ret = rx(c, &pair, frame);
	if (ret < 0)
		return ret;
	return frame_number(frame, ret) == number ? (int)pair : -EPROTO;
}

/*
 * Flows are spread by a hash of 256 values whose key changes with each boot: that
 * one of 16 pairs gets none of 1024 flows happens once in 10^28 boots.
 */
static void spreads_over(struct client *c, unsigned int pairs)
{
	unsigned int seen[MAX_VQS] = { 0 }, missed = 0;
	int pair = 0;

	for (unsigned int i = 0; i < 64 * pairs && pair >= 0; i++) {
		pair = pair_of_flow(c, 1000 + i);
		if (pair >= 0)
			seen[pair]++;
	}
	result(pair >= 0, "receives all flows with %u pairs (%d)", pairs, pair);
	for (unsigned int i = 0; i < c->max_pairs; i++)
		missed += i < pairs ? !seen[i] : !!seen[i];
	result(!missed, "spreads flows over all of %u pairs and no more", pairs);
}

/* s. 5.1.6.5.6: a flow comes in on the pair where it goes out */
static void steers(struct client *c, unsigned int pairs)
{
	for (unsigned int pair = 0; pair < pairs; pair++) {
		uint8_t frame[BUF_SIZE];
		int ret = tx(c, pair, frame, make_flow(frame, 5000, false));

		if (!ret)
			ret = host_receive(c, frame);
		if (ret > 0)
			ret = pair_of_flow(c, 5000);
		result(ret == (int)pair, "steers a flow to pair %u (%d)", pair,
		       ret);
	}
}

static void queue_pairs(struct client *c)
{
	result(!!(c->offered & BIT(VIRTIO_NET_F_MQ)) == (c->max_pairs > 1),
	       "offers MQ if there is more than one pair");
	start(c, ~0ull);
	spreads_over(c, 1);
	if (c->max_pairs == 1)
		return;
	result(set_pairs(c, c->max_pairs), "takes %u pairs", c->max_pairs);
	sends_from(c, c->max_pairs);
	spreads_over(c, c->max_pairs);
	steers(c, c->max_pairs);
	result(set_pairs(c, c->max_pairs - 1), "takes one pair less");
	spreads_over(c, c->max_pairs - 1);
	result(set_pairs(c, 1), "takes 1 pair");
	spreads_over(c, 1);
}

/* Without MQ the control queue is the third one, whatever the device has. */
static void without_mq(struct client *c)
{
	uint8_t on = 1;

	start(c, ~BIT(VIRTIO_NET_F_MQ));
	result(c->ctrl == 2 && do_command(c, VIRTIO_NET_CTRL_RX,
					  VIRTIO_NET_CTRL_RX_PROMISC, &on, 1),
	       "has its control queue third without MQ");
	result(!set_pairs(c, 1), "refuses pairs without MQ");
	sends_from(c, 1);
	spreads_over(c, 1);
}

/* --- filters --- */

/* Does a frame arrive? The one behind it must, it is a broadcast. */
static bool arrives(struct client *c, const uint8_t *dest, int vid)
{
	uint8_t frame[BUF_SIZE];
	unsigned int pair;
	bool there = false;
	size_t len = make_frame(frame, dest, ++number);
	int ret;

	if (vid >= 0) {
		const uint16_t tag[2] = { htons(ETH_P_8021Q), htons(vid) };

		memmove(frame + 16, frame + 12, len - 12);
		memcpy(frame + 12, tag, sizeof(tag));
		len += sizeof(tag);
	}
	host_send(c, frame, len);
	host_send(c, frame, make_frame(frame, broadcast, ++number));
	do {
		ret = rx(c, &pair, frame);
		if (ret < 0) {
			result(false, "receives a broadcast (%d)", ret);
			return false;
		}
		there |= frame_number(frame, ret) == number - 1;
	} while (frame_number(frame, ret) != number);
	return there;
}

static bool rx_mode(struct client *c, uint8_t cmd, uint8_t on)
{
	return do_command(c, VIRTIO_NET_CTRL_RX, cmd, &on, 1);
}

/* @unicast addresses: random ones and, if there is room, @known; and a group */
static bool set_table(struct client *c, uint32_t unicast, uint32_t multicast)
{
	uint8_t data[BUF_SIZE], *at = data;

	memcpy(at, &unicast, sizeof(unicast));
	at += sizeof(unicast);
	for (uint32_t i = 0; i < unicast; i++, at += ETH_ALEN) {
		memset(at, 0x04, ETH_ALEN);
		at[5] = i;
		if (i + 1 == unicast)
			memcpy(at, known, ETH_ALEN);
	}
	memcpy(at, &multicast, sizeof(multicast));
	at += sizeof(multicast);
	for (uint32_t i = 0; i < multicast; i++, at += ETH_ALEN)
		memcpy(at, group, ETH_ALEN);
	return do_command(c, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET,
			  data, at - data);
}

static void get_mac(struct client *c, uint8_t *mac)
{
	for (unsigned int i = 0; i < ETH_ALEN; i++)
		mac[i] = get_reg(c, c->devcfg + i, 1);
}

static void mac_filters(struct client *c)
{
	uint8_t mac[ETH_ALEN];

	start(c, ~0ull);
	get_mac(c, mac);
	result(arrives(c, mac, -1), "receives frames to its address");
	result(!arrives(c, stranger, -1), "no frames to a stranger");
	result(!arrives(c, group, -1), "no multicast frames");
	result(rx_mode(c, VIRTIO_NET_CTRL_RX_ALLMULTI, 1), "takes ALLMULTI");
	result(arrives(c, group, -1), "multicast frames with ALLMULTI");
	result(!arrives(c, stranger, -1), "no stranger's with ALLMULTI");
	result(rx_mode(c, VIRTIO_NET_CTRL_RX_ALLMULTI, 0), "takes it back");
	result(!arrives(c, group, -1), "no multicast frames afterwards");
	result(rx_mode(c, VIRTIO_NET_CTRL_RX_PROMISC, 1), "takes PROMISC");
	result(arrives(c, stranger, -1) && arrives(c, group, -1),
	       "everything with PROMISC");
	result(rx_mode(c, VIRTIO_NET_CTRL_RX_PROMISC, 0), "takes it back");

	result(set_table(c, 1, 1), "takes a table");
	result(arrives(c, known, -1), "frames to an address in the table");
	result(arrives(c, group, -1), "frames to a group in the table");
	result(!arrives(c, stranger, -1) && !arrives(c, other_group, -1),
	       "none to what is not in it");
	result(set_table(c, 64, 0), "takes a full table");
	result(arrives(c, known, -1), "frames to the last address in it");
	result(!arrives(c, stranger, -1) && !arrives(c, group, -1),
	       "none to what is not in it");
	result(set_table(c, 65, 0), "takes a table that is too large");
	result(arrives(c, stranger, -1), "all unicast frames with it");
	result(!arrives(c, group, -1), "but no multicast frames");
	result(set_table(c, 0, 65), "takes one with too many groups");
	result(arrives(c, other_group, -1), "all multicast frames with it");
	result(!arrives(c, stranger, -1), "but no stranger's");
	result(set_table(c, 0, 0), "takes an empty table");
	result(!arrives(c, known, -1) && !arrives(c, group, -1),
	       "nothing with it");
	result(set_table(c, 1, 1), "takes a table");
	start(c, ~0ull);
	result(!arrives(c, known, -1) && !arrives(c, group, -1),
	       "has an empty table after a reset");
	start(c, ~BIT(VIRTIO_NET_F_CTRL_RX));
	result(arrives(c, stranger, -1) && arrives(c, group, -1),
	       "filters nothing without CTRL_RX");
}

static void address(struct client *c)
{
	uint8_t before[ETH_ALEN], now[ETH_ALEN], generation;

	start(c, ~0ull);
	get_mac(c, before);
	generation = get_common(c, VIRTIO_PCI_COMMON_CFGGENERATION, 1);
	result(do_command(c, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET,
			  known, ETH_ALEN), "takes another address");
	get_mac(c, now);
	result(!memcmp(now, known, ETH_ALEN), "has it in its configuration");
	result(get_common(c, VIRTIO_PCI_COMMON_CFGGENERATION, 1) != generation,
	       "counts its configurations");
	result(arrives(c, known, -1), "receives frames to it");
	result(!arrives(c, before, -1), "no more to the one before");
	start(c, ~0ull);
	get_mac(c, now);
	result(!memcmp(now, before, ETH_ALEN), "has its own after a reset");
}

static bool set_vlan(struct client *c, uint8_t cmd, uint16_t vid)
{
	return do_command(c, VIRTIO_NET_CTRL_VLAN, cmd, &vid, sizeof(vid));
}

static void vlan_filters(struct client *c)
{
	uint8_t mac[ETH_ALEN];

	start(c, ~0ull);
	get_mac(c, mac);
	result(!arrives(c, mac, 100), "no tagged frames");
	result(arrives(c, mac, 0), "but those of no VLAN");
	result(set_vlan(c, VIRTIO_NET_CTRL_VLAN_ADD, 100) &&
	       set_vlan(c, VIRTIO_NET_CTRL_VLAN_ADD, 4095), "takes VLANs");
	result(arrives(c, mac, 100) && arrives(c, mac, 4095), "frames of them");
	result(!arrives(c, mac, 101), "none of others");
	result(!arrives(c, stranger, 100), "none to a stranger in them");
	result(set_vlan(c, VIRTIO_NET_CTRL_VLAN_DEL, 100), "takes one back");
	result(!arrives(c, mac, 100) && arrives(c, mac, 4095),
	       "no more frames of that");
	result(rx_mode(c, VIRTIO_NET_CTRL_RX_PROMISC, 1) &&
	       arrives(c, mac, 101), "all of them with PROMISC");
	start(c, ~BIT(VIRTIO_NET_F_CTRL_VLAN));
	result(arrives(c, mac, 101), "and without CTRL_VLAN");
}

/* --- announcements --- */

static int ask_to_announce(struct client *c)
{
	return put_attribute(c, "announce", "1");
}

static bool must_announce(struct client *c)
{
	return get_reg(c, c->devcfg + offsetof(struct virtio_net_config, status),
		       2) & VIRTIO_NET_S_ANNOUNCE;
}

static void announcements(struct client *c)
{
	uint64_t count;
	int fd;

	client_reset(c);
	result(ask_to_announce(c) == ENOTCONN, "nobody to announce");
	start(c, ~BIT(VIRTIO_NET_F_GUEST_ANNOUNCE));
	result(ask_to_announce(c) == EOPNOTSUPP, "a driver that cannot");
	fd = msix_on(c, 0);
	start(c, ~0ull);
	put_common(c, VIRTIO_PCI_COMMON_MSIX, 2, 0);
	/* of the link, perhaps */
	count = read(fd, &count, sizeof(count));
	result(!must_announce(c), "need not announce after a reset");
	result(!ask_to_announce(c), "is asked");
	result(must_announce(c), "has ANNOUNCE in the status");
	result(read(fd, &count, sizeof(count)) == sizeof(count),
	       "gets the configuration interrupt");
	result(do_command(c, VIRTIO_NET_CTRL_ANNOUNCE,
			  VIRTIO_NET_CTRL_ANNOUNCE_ACK, NULL, 0),
	       "takes the acknowledgment");
	result(!must_announce(c), "has no ANNOUNCE any more");
	msix_off(c, fd);
}

/* --- indirect descriptors, VIRTIO 1.2 s. 2.7.5.3 --- */

/* A frame in pieces: @direct ordinary descriptors, the rest in a table. */
static bool sends_indirect(struct client *c, unsigned int direct,
			   unsigned int pieces, uint16_t table_flags)
{
	struct vq *vq = tx_vq(c, 0);
	struct vring_used_elem elem;
	uint8_t frame[BUF_SIZE];
	size_t len = c->hdr_len + make_frame(frame, broadcast, ++number);
	size_t piece = len / pieces;
	int ret;

	memset(vq_buf(vq, 0), 0, c->hdr_len);
	memcpy(vq_buf(vq, 0) + c->hdr_len, frame, len - c->hdr_len);
	for (unsigned int i = 0; i < pieces; i++) {
		uint64_t addr = vq_buf_iova(vq, 0) + i * piece;
		uint32_t size = i + 1 < pieces ? piece : len - i * piece;
		uint16_t next = i + 1 < pieces ? VRING_DESC_F_NEXT : 0;

		if (i < direct)
			vq_desc(vq, i, addr, size, VRING_DESC_F_NEXT, i + 1);
		else if (vq->packed)
			vq_table(vq, i, addr, size, 0, 0);
		else	/* backwards: a table need not be in order */
			vq_table(vq, i == direct ? 0 : pieces - i, addr, size,
				 next, pieces - i - 1);
	}
	vq_desc(vq, direct, vq->iova + SLOT_TABLE,
		pieces * sizeof(struct vring_desc),
		VRING_DESC_F_INDIRECT | table_flags, 0xffff);
	vq_post(vq, 0);
	vq_kick(vq);
	ret = vq_wait(vq, &elem);
	if (ret == 1)
		ret = host_receive(c, frame);
	return ret > 0 && frame_number(frame, ret) == number;
}

static bool receives_indirect(struct client *c)
{
	struct vq *vq = rx_vq(c, 0);
	struct vring_used_elem elem;
	uint8_t frame[BUF_SIZE];
	size_t len;

	vq_table(vq, 0, vq_buf_iova(vq, 0), 20,
		 VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 1);
	vq_table(vq, 1, vq_buf_iova(vq, 0) + 20, BUF_SIZE - 20,
		 VRING_DESC_F_WRITE, 0);
	vq_desc(vq, 3, vq->iova + SLOT_TABLE, 2 * sizeof(struct vring_desc),
		VRING_DESC_F_INDIRECT, 0);
	vq_post(vq, 3);
	vq_kick(vq);
	len = make_frame(frame, broadcast, ++number);
	host_send(c, frame, len);
	return vq_wait(vq, &elem) == 1 && elem.id == 3 &&
	       elem.len == c->hdr_len + len &&
	       frame_number(vq_buf(vq, 0) + c->hdr_len, len) == number;
}

static void indirect(struct client *c)
{
	client_start(c, ~0ull);
	result(sends_indirect(c, 0, 1, 0), "sends from a table of one");
	result(sends_indirect(c, 0, 8, 0), "sends from a table of 8");
	result(sends_indirect(c, 0, VQ_NUM, 0), "sends from one of 16");
	/* s. 2.8.7: not in a packed ring */
	if (!tx_vq(c, 0)->packed)
		result(sends_indirect(c, 3, 8, 0), "sends from 3 descriptors and a table");
	result(sends_indirect(c, 0, 2, VRING_DESC_F_WRITE),
	       "sends from a table that is called writable");
	result(receives_indirect(c), "receives into a table");
}

/* --- interrupts of queues --- */

static void interrupts(struct client *c)
{
	uint8_t on = 0;
	uint64_t count;
	int fd;

	start(c, ~0ull);
	vq_interrupt_after(ctrl_vq(c), 0);
	fd = msix_on(c, c->nvqs);
	put_common(c, VIRTIO_PCI_COMMON_Q_SELECT, 2, c->ctrl);
	put_common(c, VIRTIO_PCI_COMMON_Q_MSIX, 2, c->nvqs);
	result(do_command(c, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, &on,
			  1), "does a command with interrupts");
	/* it comes after the used index */
	for (int i = 0; i < PATIENCE_S * 1000; i++) {
		if (read(fd, &count, sizeof(count)) == sizeof(count))
			break;
		usleep(1000);
		count = 0;
	}
	result(count == 1, "interrupts by the last vector");
	vq_no_interrupts(ctrl_vq(c));
	/* The first one's interrupt would have come before the second is used. */
	result(do_command(c, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, &on,
			  1) &&
	       do_command(c, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, &on,
			  1) &&
	       read(fd, &count, sizeof(count)) < 0,
	       "does not interrupt if asked not to");
	msix_off(c, fd);
}

static void drive(struct client *c)
{
	queue_pairs(c);
	without_mq(c);
	mac_filters(c);
	address(c);
	vlan_filters(c);
	announcements(c);
	indirect(c);
	interrupts(c);
}

#define PACKED		BIT(VIRTIO_F_RING_PACKED)
#define ORDER		BIT(VIRTIO_F_IN_ORDER)
#define EVENT		BIT(VIRTIO_RING_F_EVENT_IDX)
#define LAYOUTS		(sizeof(layouts) / sizeof(layouts[0]))

static const struct {
	const char *name;
	uint64_t features;
} layouts[] = {
	{ "split", 0 },
	{ "split, event index", EVENT },
	{ "split, in order", ORDER },
	{ "split, in order, event index", ORDER | EVENT },
	{ "packed", PACKED },
	{ "packed, event index", PACKED | EVENT },
	{ "packed, in order", PACKED | ORDER },
	{ "packed, in order, event index", PACKED | ORDER | EVENT },
};

int main(int argc, char **argv)
{
	const bool simple = argc > 1 && !strcmp(argv[1], "-s");
	const unsigned int end = simple ? 1 : LAYOUTS;
	struct client c;

	for (int i = 1 + simple; i < argc; i++) {
		client_open(&c, argv[i]);
		host_open(&c);
		for (unsigned int n = 0; n < end; n++) {
			about(layouts[n].name);
			c.take = layouts[n].features;
			c.kicks_saved = 0;
			drive(&c);
			/* Receive buffers are not asked for; see rings.c for the rest. */
			if (!(c.take & PACKED))
				result(!!c.kicks_saved == !!(c.take & EVENT),
				       "saves notifications with EVENT_IDX (%u)",
				       c.kicks_saved);
		}
		client_close(&c);
	}
	return results("observations");
}
