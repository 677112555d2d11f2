// SPDX-License-Identifier: GPL-2.0-only
/*
 * The client's virtio half: start-up, queues, frames, commands, and the Linux
 * interface on the other side.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/if.h>
#include <linux/if_packet.h>

#include "client.h"

/* Frames of ours have this type, and a magic before their number. */
#define TEST_TYPE	0x88b5
#define TEST_MAGIC	0x6d646576u

/* --- start-up, VIRTIO 1.2 s. 3.1 --- */

void client_reset(struct client *c)
{
	put_common(c, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	if (get_status(c))
		die("reset of %s", c->uuid);
}

bool client_negotiate(struct client *c, uint64_t features)
{
	const uint8_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE |
			       VIRTIO_CONFIG_S_DRIVER;

	put_common(c, VIRTIO_PCI_COMMON_STATUS, 1, status);
	for (unsigned int i = 0; i < 2; i++) {
		put_common(c, VIRTIO_PCI_COMMON_GFSELECT, 4, i);
		put_common(c, VIRTIO_PCI_COMMON_GF, 4, features >> (32 * i));
	}
	put_common(c, VIRTIO_PCI_COMMON_STATUS, 1,
		   status | VIRTIO_CONFIG_S_FEATURES_OK);
	c->features = features;
	c->ctrl = features & (BIT(VIRTIO_NET_F_MQ) | BIT(VIRTIO_NET_F_RSS)) ?
		  2 * c->max_pairs : 2;
	c->hdr_len = features & BIT(VIRTIO_NET_F_HASH_REPORT) ?
		     sizeof(struct virtio_net_hdr_v1_hash) : HDR_LEN;
	return get_status(c) & VIRTIO_CONFIG_S_FEATURES_OK;
}

/* With the features of @features that are offered. */
void client_start(struct client *c, uint64_t features)
{
	client_reset(c);
	features &= c->offered & (c->take | ~OPTIONAL);
	if (!client_negotiate(c, features))
		die("features 0x%llx", (unsigned long long)features);
	for (uint16_t i = 0; i < c->nvqs; i++) {
		struct vq *vq = &c->vqs[i];

		vq->c = c;
		vq->idx = i;
		vq->slot = c->mem + i * SLOT_SIZE;
		vq->iova = MEM_IOVA + i * SLOT_SIZE;
		vq_init(vq);
		if (!vq_enable_own(vq))
			die("queue %u", i);
	}
	put_common(c, VIRTIO_PCI_COMMON_STATUS, 1,
		   get_status(c) | VIRTIO_CONFIG_S_DRIVER_OK);
}

static void nap(void)
{
	const struct timespec ts = { .tv_nsec = 200000 };

	nanosleep(&ts, NULL);
}

static time_t seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

bool client_broken(struct client *c)
{
	time_t end = seconds() + PATIENCE_S;

	while (!(get_status(c) & VIRTIO_CONFIG_S_NEEDS_RESET)) {
		if (seconds() > end)
			return false;
		nap();
	}
	return true;
}

int vq_wait(struct vq *vq, struct vring_used_elem *elem)
{
	time_t end = seconds() + PATIENCE_S;

	while (!vq_poll(vq, elem)) {
		if (get_status(vq->c) & VIRTIO_CONFIG_S_NEEDS_RESET)
			return -EIO;
		if (seconds() > end)
			return 0;
		nap();
	}
	return 1;
}

/* --- frames --- */

struct vq *rx_vq(struct client *c, unsigned int pair)
{
	return &c->vqs[2 * pair];
}

struct vq *tx_vq(struct client *c, unsigned int pair)
{
	return &c->vqs[2 * pair + 1];
}

struct vq *ctrl_vq(struct client *c)
{
	return &c->vqs[c->ctrl];
}

/* Descriptor and buffer have the same number. */
void rx_fill(struct vq *vq)
{
	for (uint16_t i = 0; i < vq->num; i++) {
		vq_desc(vq, i, vq_buf_iova(vq, i), BUF_SIZE, VRING_DESC_F_WRITE,
			0);
		vq_post(vq, i);
	}
	vq_kick(vq);
}

int tx(struct client *c, unsigned int pair, const void *frame, size_t len)
{
	struct vq *vq = tx_vq(c, pair);
	struct vring_used_elem elem;
	int ret;

	memset(vq_buf(vq, 0), 0, c->hdr_len);
	memcpy(vq_buf(vq, 0) + c->hdr_len, frame, len);
	vq_desc(vq, 0, vq_buf_iova(vq, 0), c->hdr_len + len, 0, 0);
	vq_post(vq, 0);
	vq_kick(vq);
	ret = vq_wait(vq, &elem);
	if (ret <= 0)
		return ret ? ret : -ETIMEDOUT;
	return elem.id ? -EPROTO : 0;
}

uint32_t frame_number(const uint8_t *frame, int len)
{
	uint32_t magic, number;

	if (len < 60)
		return 0;
	memcpy(&magic, frame + len - 8, sizeof(magic));
	memcpy(&number, frame + len - 4, sizeof(number));
	return magic == TEST_MAGIC ? number : 0;
}

static int take_rx(struct vq *vq, uint8_t *frame)
{
	const size_t hdr_len = vq->c->hdr_len;
	struct vring_used_elem elem;
	int len;

	if (!vq_poll(vq, &elem))
		return -EAGAIN;
	if (elem.id >= vq->num || elem.len < hdr_len || elem.len > BUF_SIZE)
		return -EPROTO;
	len = elem.len - hdr_len;
	memset(&vq->c->hdr, 0, sizeof(vq->c->hdr));
	memcpy(&vq->c->hdr, vq_buf(vq, elem.id), hdr_len);
	memcpy(frame, vq_buf(vq, elem.id) + hdr_len, len);
	vq_post(vq, elem.id);
	vq_kick(vq);
	return len;
}

int rx(struct client *c, unsigned int *pair, uint8_t *frame)
{
	time_t end = seconds() + PATIENCE_S;

	while (seconds() <= end) {
		for (*pair = 0; *pair < c->max_pairs; ++*pair) {
			int len;

			/* without MQ this is the control queue */
			if (2 * *pair == c->ctrl)
				break;
			len = take_rx(rx_vq(c, *pair), frame);
			if (len == -EPROTO ||
			    (len > 0 && frame_number(frame, len)))
				return len;
		}
		if (get_status(c) & VIRTIO_CONFIG_S_NEEDS_RESET)
			return -EIO;
		nap();
	}
	return -ETIMEDOUT;
}

int command(struct client *c, uint8_t class, uint8_t cmd, const void *data,
	    size_t len)
{
	struct vq *vq = ctrl_vq(c);
	const struct virtio_net_ctrl_hdr hdr = { class, cmd };
	struct vring_used_elem elem;
	int ret;

	memcpy(vq_buf(vq, 0), &hdr, sizeof(hdr));
	memcpy(vq_buf(vq, 1), data, len);
	*vq_buf(vq, 2) = 0xaa;
	vq_desc(vq, 0, vq_buf_iova(vq, 0), sizeof(hdr), VRING_DESC_F_NEXT, 1);
	vq_desc(vq, 1, vq_buf_iova(vq, 1), len, VRING_DESC_F_NEXT, 2);
	vq_desc(vq, 2, vq_buf_iova(vq, 2), 1, VRING_DESC_F_WRITE, 0);
	vq_post(vq, 0);
	vq_kick(vq);
	ret = vq_wait(vq, &elem);
	if (ret <= 0)
		return ret ? ret : -ETIMEDOUT;
	if (elem.id || elem.len != 1)
		return -EPROTO;
	return *vq_buf(vq, 2);
}

/* --- the host side --- */

static void interface_of(const char *uuid, char *name)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%s/net", uuid);
	dir = opendir(path);
	if (!dir)
		die("%s", path);
	do {
		entry = readdir(dir);
		if (!entry)
			die("no interface in %s", path);
	} while (entry->d_name[0] == '.');
	snprintf(name, IFNAMSIZ, "%.15s", entry->d_name);
	closedir(dir);
}

void host_open(struct client *c)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
	};
	struct ifreq ifr = { 0 };
	const int on = 1;

	interface_of(c->uuid, ifr.ifr_name);
	/* With a protocol it would hear all interfaces until it is bound to one. */
	c->host = socket(AF_PACKET, SOCK_RAW, 0);
	if (c->host < 0 || ioctl(c->host, SIOCGIFINDEX, &ifr))
		die("packet socket on %s", ifr.ifr_name);
	c->ifindex = ifr.ifr_ifindex;
	/* Bound to an interface that is down it would report that later. */
	if (ioctl(c->host, SIOCGIFFLAGS, &ifr))
		die("flags of %s", ifr.ifr_name);
	ifr.ifr_flags |= IFF_UP;
	if (ioctl(c->host, SIOCSIFFLAGS, &ifr))
		die("%s up", ifr.ifr_name);
	addr.sll_ifindex = c->ifindex;
	/* Past the queueing discipline, which follows the carrier with a delay. */
	if (bind(c->host, (struct sockaddr *)&addr, sizeof(addr)) ||
	    setsockopt(c->host, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)))
		die("bind to %s", ifr.ifr_name);
}

void host_close(struct client *c)
{
	if (c->host >= 0)
		close(c->host);
	c->host = -1;
}

/* 0 or an errno */
int host_try_send(struct client *c, const void *frame, size_t len)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_ifindex = c->ifindex,
		.sll_halen = ETH_ALEN,
	};
	const struct ethhdr *eth = frame;

	to.sll_protocol = eth->h_proto;
	memcpy(to.sll_addr, eth->h_dest, ETH_ALEN);
	return sendto(c->host, frame, len, MSG_DONTWAIT, (struct sockaddr *)&to,
		      sizeof(to)) < 0 ? errno : 0;
}

/* ENOBUFS: the interface's queue is full until the device has taken something. */
void host_send(struct client *c, const void *frame, size_t len)
{
	time_t end = seconds() + PATIENCE_S;
	int ret;

	while ((ret = host_try_send(c, frame, len))) {
		if ((ret != ENOBUFS && ret != EAGAIN) || seconds() > end)
			die("send on the host side");
		nap();
	}
}

/* The next frame of a test that came in there, not one that went out. */
int host_receive(struct client *c, uint8_t *frame)
{
	struct pollfd pfd = { .fd = c->host, .events = POLLIN };
	struct sockaddr_ll from;

	while (poll(&pfd, 1, PATIENCE_S * 1000) == 1) {
		socklen_t size = sizeof(from);
		ssize_t len = recvfrom(c->host, frame, BUF_SIZE, 0,
				       (struct sockaddr *)&from, &size);

		if (len > 0 && from.sll_pkttype != PACKET_OUTGOING &&
		    frame_number(frame, len))
			return len;
	}
	return -ETIMEDOUT;
}

size_t make_frame(uint8_t *frame, const uint8_t *dest, uint32_t number)
{
	const uint32_t tail[2] = { TEST_MAGIC, number };
	struct ethhdr eth = { .h_proto = htons(TEST_TYPE) };
	const size_t len = 100;

	memcpy(eth.h_dest, dest, ETH_ALEN);
	eth.h_source[0] = 0x02;
	memset(frame, 0x5a, len);
	memcpy(frame, &eth, sizeof(eth));
	memcpy(frame + len - sizeof(tail), tail, sizeof(tail));
	return len;
}

/* --- all of it --- */

bool works(struct client *c)
{
	static const uint8_t broadcast[ETH_ALEN] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff
	};
	static uint32_t number = 0x10000;
	uint8_t frame[BUF_SIZE], on = 1;
	unsigned int pair;
	size_t len;
	int ret;

	client_start(c, ~0ull);
	rx_fill(rx_vq(c, 0));
	len = make_frame(frame, broadcast, ++number);
	if (tx(c, 0, frame, len))
		return false;
	do {
		ret = host_receive(c, frame);
		if (ret < 0)
			return false;
	} while (frame_number(frame, ret) != number);
	if (command(c, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, &on, 1))
		return false;
	len = make_frame(frame, broadcast, ++number);
	host_send(c, frame, len);
	do {
		ret = rx(c, &pair, frame);
		if (ret < 0)
			return false;
	} while (frame_number(frame, ret) != number);
	return pair == 0;
}
