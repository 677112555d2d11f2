// SPDX-License-Identifier: GPL-2.0-only
/*
 * offloads UUID...: checksums and segmentation that the driver of a mediated virtio-net
 * device and Linux leave to each other. VIRTIO 1.2 s. 5.1.6.2, 5.1.6.4. One line for
 * each thing that is wrong.
 *
 * The host's side is a packet socket with PACKET_VNET_HDR, so that what one side has
 * left to do can be seen on the other. That a frame was dropped is told by one that
 * was sent after it and arrives.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_packet.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#include "client.h"

#define CSUM		BIT(VIRTIO_NET_F_CSUM)
#define HOST_TSO4	BIT(VIRTIO_NET_F_HOST_TSO4)
#define HOST_TSO6	BIT(VIRTIO_NET_F_HOST_TSO6)
#define HOST_ECN	BIT(VIRTIO_NET_F_HOST_ECN)
#define GUEST_CSUM	BIT(VIRTIO_NET_F_GUEST_CSUM)
#define GUEST_TSO4	BIT(VIRTIO_NET_F_GUEST_TSO4)
#define GUEST_TSO6	BIT(VIRTIO_NET_F_GUEST_TSO6)
#define GUEST_ECN	BIT(VIRTIO_NET_F_GUEST_ECN)
#define ALL_HOST	(CSUM | HOST_TSO4 | HOST_TSO6 | HOST_ECN)
#define ALL_GUEST	(GUEST_CSUM | GUEST_TSO4 | GUEST_TSO6 | GUEST_ECN)
/* Everything is to arrive, and in order. */
#define BASE		(~(ALL_HOST | ALL_GUEST | BIT(VIRTIO_NET_F_CTRL_RX) | \
			   BIT(VIRTIO_NET_F_MQ)))

#define MSS		1448
#define SMALL		200
#define LARGE		20000
#define MAX_LEN		32768

struct packet {
	struct virtio_net_hdr hdr;
	size_t len;
	uint8_t data[MAX_LEN];
};

static uint16_t port = 1000;

/* --- TCP segments whose payload says where it belongs --- */

static uint8_t pattern(size_t i)
{
	return i * 7 + (i >> 8);
}

static uint16_t sum16(const void *data, size_t len, uint32_t sum)
{
	const uint8_t *at = data;

	for (size_t i = 0; i < len; i++)
		sum += i & 1 ? at[i] : at[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static size_t l3_len(bool v6)
{
	return v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
}

static size_t headers_len(bool v6)
{
	return ETH_HLEN + l3_len(v6) + sizeof(struct tcphdr);
}

static uint16_t pseudo_sum(const uint8_t *l3, bool v6, size_t l4_len)
{
	const struct ipv6hdr *ip6 = (const void *)l3;
	const struct iphdr *ip4 = (const void *)l3;

	return v6 ? sum16(&ip6->saddr, 32, IPPROTO_TCP + l4_len) :
		    sum16(&ip4->saddr, 8, IPPROTO_TCP + l4_len);
}

static void make_l3(uint8_t *l3, bool v6, size_t l4_len)
{
	struct ipv6hdr ip6 = {
		.version = 6,
		.payload_len = htons(l4_len),
		.nexthdr = IPPROTO_TCP,
		.hop_limit = 64,
	};
	struct iphdr ip4 = {
		.version = 4,
		.ihl = 5,
		.tot_len = htons(sizeof(ip4) + l4_len),
		.ttl = 64,
		.protocol = IPPROTO_TCP,
		.saddr = htonl(0xc6336401),
		.daddr = htonl(0xc6336402),
	};

	if (v6) {
		ip6.saddr.s6_addr[0] = 0xfd;
		ip6.saddr.s6_addr[15] = 1;
		ip6.daddr.s6_addr[0] = 0xfd;
		ip6.daddr.s6_addr[15] = 2;
		memcpy(l3, &ip6, sizeof(ip6));
	} else {
		ip4.check = htons(~sum16(&ip4, sizeof(ip4), 0));
		memcpy(l3, &ip4, sizeof(ip4));
	}
}

/* Its checksum is left to the other side. */
static void make_tcp(struct packet *p, bool v6, size_t payload)
{
	uint8_t *l3 = p->data + ETH_HLEN, *l4 = l3 + l3_len(v6);
	const size_t l4_len = sizeof(struct tcphdr) + payload;
	struct ethhdr eth = { .h_proto = htons(v6 ? ETH_P_IPV6 : ETH_P_IP) };
	struct tcphdr tcp = {
		.source = htons(++port),
		.dest = htons(9),
		.doff = sizeof(tcp) / 4,
		.ack = 1,
		.window = htons(1000),
	};

	memset(p, 0, offsetof(struct packet, data));
	memset(eth.h_dest, 0xff, ETH_ALEN);
	eth.h_source[0] = 0x02;
	memcpy(p->data, &eth, sizeof(eth));
	make_l3(l3, v6, l4_len);
	tcp.check = htons(pseudo_sum(l3, v6, l4_len));
	memcpy(l4, &tcp, sizeof(tcp));
	for (size_t i = 0; i < payload; i++)
		l4[sizeof(tcp) + i] = pattern(i);
	p->len = headers_len(v6) + payload;
	p->hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	p->hdr.csum_start = l4 - p->data;
	p->hdr.csum_offset = offsetof(struct tcphdr, check);
	if (payload > MSS) {
		p->hdr.gso_type = v6 ? VIRTIO_NET_HDR_GSO_TCPV6 :
				       VIRTIO_NET_HDR_GSO_TCPV4;
		p->hdr.gso_size = MSS;
		p->hdr.hdr_len = headers_len(v6);
	}
}

static const struct tcphdr *tcp_of(const struct packet *p)
{
	bool v6 = p->data[12] == 0x86;

	return (const void *)(p->data + ETH_HLEN + l3_len(v6));
}

static bool checksum_good(const struct packet *p)
{
	bool v6 = p->data[12] == 0x86;
	const uint8_t *l3 = p->data + ETH_HLEN, *l4 = l3 + l3_len(v6);
	const size_t l4_len = p->len - ETH_HLEN - l3_len(v6);

	if (!v6 && sum16(l3, sizeof(struct iphdr), 0) != 0xffff)
		return false;
	return sum16(l4, l4_len, pseudo_sum(l3, v6, l4_len)) == 0xffff;
}

/* Bytes of payload, or -1 if one is wrong. */
static ssize_t payload_good(const struct packet *p)
{
	bool v6 = p->data[12] == 0x86;
	const size_t seq = ntohl(tcp_of(p)->seq);
	const size_t headers = headers_len(v6);

	for (size_t i = headers; i < p->len; i++)
		if (p->data[i] != pattern(seq + i - headers))
			return -1;
	return p->len - headers;
}

static bool same(const struct packet *a, const struct packet *b)
{
	return a->len == b->len && !memcmp(a->data, b->data, a->len) &&
	       a->hdr.flags == b->hdr.flags &&
	       a->hdr.gso_type == b->hdr.gso_type &&
	       a->hdr.gso_size == b->hdr.gso_size &&
	       a->hdr.csum_start == b->hdr.csum_start &&
	       a->hdr.csum_offset == b->hdr.csum_offset;
}

/* --- the host's side --- */

static int open_socket(struct client *c)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = c->ifindex,
	};
	const int on = 1;
	int fd = socket(AF_PACKET, SOCK_RAW, 0);

	if (fd < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		die("packet socket with headers");
	return fd;
}

/* What came in with TCP, within @patience ms. */
static bool host_gets(int fd, struct packet *p, int patience)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	static uint8_t buf[sizeof(p->hdr) + MAX_LEN];
	struct sockaddr_ll from;

	while (poll(&pfd, 1, patience) == 1) {
		socklen_t size = sizeof(from);
		ssize_t len = recvfrom(fd, buf, sizeof(buf), 0,
				       (struct sockaddr *)&from, &size);

		if (len < (ssize_t)(sizeof(p->hdr) + headers_len(false)) ||
		    from.sll_pkttype == PACKET_OUTGOING)
			continue;
		memcpy(&p->hdr, buf, sizeof(p->hdr));
		p->len = len - sizeof(p->hdr);
		memcpy(p->data, buf + sizeof(p->hdr), p->len);
		if (ntohs(tcp_of(p)->dest) == 9)
			return true;
	}
	return false;
}

static void host_sends(struct client *c, int fd, const struct packet *p)
{
	static uint8_t buf[sizeof(p->hdr) + MAX_LEN];
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_ifindex = c->ifindex,
		.sll_halen = ETH_ALEN,
	};

	memcpy(&to.sll_protocol, p->data + 12, 2);
	memcpy(buf, &p->hdr, sizeof(p->hdr));
	memcpy(buf + sizeof(p->hdr), p->data, p->len);
	if (sendto(fd, buf, sizeof(p->hdr) + p->len, 0, (struct sockaddr *)&to,
		   sizeof(to)) < 0)
		die("send with a header");
}

/* --- the client's side: buffers of a queue follow each other --- */

static bool client_sends(struct client *c, const struct packet *p)
{
	const size_t len = c->hdr_len + p->len;
	struct vring_used_elem elem;
	struct vq *vq = tx_vq(c, 0);
	unsigned int i;

	memset(vq_buf(vq, 0), 0, c->hdr_len);
	memcpy(vq_buf(vq, 0), &p->hdr, sizeof(p->hdr));
	memcpy(vq_buf(vq, 0) + c->hdr_len, p->data, p->len);
	for (i = 0; i * BUF_SIZE < len; i++) {
		bool last = (i + 1) * BUF_SIZE >= len;

		vq_desc(vq, i, vq_buf_iova(vq, i),
			last ? len - i * BUF_SIZE : BUF_SIZE,
			last ? 0 : VRING_DESC_F_NEXT, i + 1);
	}
	vq_post(vq, 0);
	vq_kick(vq);
	return vq_wait(vq, &elem) == 1;
}

/* Append what is in a used buffer, and give it back. */
static void take_buffer(struct vq *vq, const struct vring_used_elem *elem,
			size_t skip, struct packet *p)
{
	size_t len = elem->len - skip;

	if (elem->id >= vq->num || elem->len > BUF_SIZE || elem->len < skip ||
	    p->len + len > MAX_LEN)
		die("used buffer %u of %u bytes", elem->id, elem->len);
	memcpy(p->data + p->len, vq_buf(vq, elem->id) + skip, len);
	p->len += len;
	vq_post(vq, elem->id);
	vq_kick(vq);
}

/* The next packet with TCP; how many buffers it took, 0 if none comes. */
static unsigned int client_gets(struct client *c, struct packet *p)
{
	struct vq *vq = rx_vq(c, 0);
	struct vring_used_elem elem;
	struct virtio_net_hdr_v1 hdr;

	while (vq_wait(vq, &elem) == 1) {
		p->len = 0;
		memcpy(&hdr, vq_buf(vq, elem.id % VQ_NUM), sizeof(hdr));
		memcpy(&p->hdr, &hdr, sizeof(p->hdr));
		take_buffer(vq, &elem, c->hdr_len, p);
		/* They come together: s. 5.1.6.4.1 */
		for (unsigned int i = 1; i < hdr.num_buffers; i++) {
			if (!vq_poll(vq, &elem))
				die("buffer %u of %u", i, hdr.num_buffers);
			take_buffer(vq, &elem, 0, p);
		}
		if (p->len >= headers_len(false) &&
		    ntohs(tcp_of(p)->dest) == 9)
			return hdr.num_buffers;
	}
	return 0;
}

/* Carrier and queueing discipline come up after the driver: until then frames are lost. */
static void start(struct client *c, int fd, uint64_t features)
{
	static struct packet p, got;
	struct vring_used_elem elem;
	struct vq *vq;

	client_start(c, features);
	vq = rx_vq(c, 0);
	rx_fill(vq);
	for (int i = 0; i < 400; i++) {
		make_tcp(&p, false, 10);
		host_sends(c, fd, &p);
		usleep(20000);
		if (vq_poll(vq, &elem)) {
			/* and all that wait besides */
			do {
				got.len = 0;
				take_buffer(vq, &elem, 0, &got);
				usleep(20000);
			} while (vq_poll(vq, &elem));
			return;
		}
	}
	die("nothing comes through");
}

/* --- from the client to the host --- */

static bool arrives_same(struct client *c, int fd, const struct packet *p)
{
	static struct packet got;

	if (!client_sends(c, p))
		return false;
	do {
		if (!host_gets(fd, &got, PATIENCE_S * 1000))
			return false;
	} while (tcp_of(&got)->source != tcp_of(p)->source &&
		 got.len == headers_len(false) + 10);
	return same(p, &got);
}

/* @p is taken and dropped: what comes next is another one. */
static bool is_dropped(struct client *c, int fd, const struct packet *p)
{
	static struct packet next;

	if (!client_sends(c, p))
		return false;
	make_tcp(&next, false, SMALL);
	next.hdr.flags = 0;
	next.hdr.csum_start = 0;
	next.hdr.csum_offset = 0;
	return arrives_same(c, fd, &next);
}

static void sends(struct client *c, int fd)
{
	static struct packet p;

	start(c, fd, BASE | ALL_HOST);
	for (int v6 = 0; v6 < 2; v6++) {
		make_tcp(&p, v6, SMALL);
		result(arrives_same(c, fd, &p), "sends IPv%d without a checksum",
		       v6 ? 6 : 4);
		make_tcp(&p, v6, LARGE);
		result(arrives_same(c, fd, &p), "sends IPv%d of %u bytes",
		       v6 ? 6 : 4, LARGE);
		p.hdr.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
		result(arrives_same(c, fd, &p), "sends IPv%d with ECN",
		       v6 ? 6 : 4);
	}
	make_tcp(&p, false, LARGE);
	p.hdr.gso_size = 0;
	result(is_dropped(c, fd, &p), "drops segments of no size");
	make_tcp(&p, false, LARGE);
	p.hdr.flags = 0;
	result(is_dropped(c, fd, &p), "drops segments without NEEDS_CSUM");
	make_tcp(&p, false, LARGE);
	p.hdr.gso_type = VIRTIO_NET_HDR_GSO_NONE;
	result(is_dropped(c, fd, &p), "drops a large frame that is no segment");
	make_tcp(&p, false, LARGE);
	p.hdr.gso_type = VIRTIO_NET_HDR_GSO_UDP;
	result(is_dropped(c, fd, &p), "drops UFO");
	p.hdr.gso_type = 0x7f;
	result(is_dropped(c, fd, &p), "drops a type that does not exist");
	make_tcp(&p, false, SMALL);
	p.hdr.csum_start = p.len;
	result(is_dropped(c, fd, &p), "drops a checksum behind the frame");
	p.hdr.csum_start = 0xffff;
	result(is_dropped(c, fd, &p), "drops a checksum at 65535");
	p.hdr.csum_start = 34;
	p.hdr.csum_offset = 0xffff;
	result(is_dropped(c, fd, &p), "drops a checksum at 34 + 65535");
}

static void sends_not_negotiated(struct client *c, int fd)
{
	static struct packet p;

	start(c, fd, BASE | (ALL_HOST & ~HOST_TSO4));
	make_tcp(&p, false, LARGE);
	result(is_dropped(c, fd, &p), "drops segments without HOST_TSO4");
	make_tcp(&p, true, LARGE);
	result(arrives_same(c, fd, &p), "sends those of IPv6");
	start(c, fd, BASE | CSUM | HOST_TSO4);
	result(is_dropped(c, fd, &p), "drops segments without HOST_TSO6");
	make_tcp(&p, false, LARGE);
	p.hdr.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
	result(is_dropped(c, fd, &p), "drops ECN without HOST_ECN");
	start(c, fd, BASE);
	make_tcp(&p, false, SMALL);
	result(is_dropped(c, fd, &p), "drops a checksum to do without CSUM");
}

/* --- from the host to the client --- */

/* One packet, as it was sent. */
static void receives_same(struct client *c, int fd, const struct packet *p,
			  const char *what)
{
	const unsigned int buffers =
		(c->hdr_len + p->len + BUF_SIZE - 1) / BUF_SIZE;
	static struct packet got;
	unsigned int nr;

	host_sends(c, fd, p);
	nr = client_gets(c, &got);
	result(nr == buffers, "receives %s in %u buffers (%u)", what, buffers,
	       nr);
	result(same(p, &got), "receives %s as it was sent", what);
}

/* As many as it takes, all complete. */
static void receives_segments(struct client *c, int fd, const struct packet *p,
			      size_t payload, const char *what)
{
	const unsigned int expected = (payload + MSS - 1) / MSS;
	static struct packet got;
	unsigned int i;
	size_t sum = 0;

	host_sends(c, fd, p);
	for (i = 0; i < expected; i++) {
		ssize_t len;

		if (client_gets(c, &got) != 1 || got.hdr.flags ||
		    got.hdr.gso_type || !checksum_good(&got))
			break;
		len = payload_good(&got);
		if (len < 0 || len > MSS)
			break;
		sum += len;
	}
	result(i == expected && sum == payload,
	       "receives %s in %u complete ones (%u, %zu bytes)", what,
	       expected, i, sum);
}

static void receives(struct client *c, int fd)
{
	static struct packet p;

	start(c, fd, BASE | ALL_GUEST);
	for (int v6 = 0; v6 < 2; v6++) {
		make_tcp(&p, v6, SMALL);
		receives_same(c, fd, &p, v6 ? "small IPv6" : "small IPv4");
		make_tcp(&p, v6, LARGE);
		receives_same(c, fd, &p, v6 ? "large IPv6" : "large IPv4");
		p.hdr.gso_type |= VIRTIO_NET_HDR_GSO_ECN;
		receives_same(c, fd, &p, v6 ? "IPv6 with ECN" : "IPv4 with ECN");
	}
	start(c, fd, BASE | GUEST_CSUM | GUEST_TSO6);
	make_tcp(&p, true, LARGE);
	receives_same(c, fd, &p, "large IPv6 alone");
	start(c, fd, BASE);
	for (int v6 = 0; v6 < 2; v6++) {
		make_tcp(&p, v6, SMALL);
		receives_segments(c, fd, &p, SMALL,
				  v6 ? "small IPv6" : "small IPv4");
		make_tcp(&p, v6, LARGE);
		receives_segments(c, fd, &p, LARGE,
				  v6 ? "large IPv6" : "large IPv4");
	}
	/* Without mergeable buffers it does not fit, and what comes after it does. */
	start(c, fd, (BASE | ALL_GUEST) & ~BIT(VIRTIO_NET_F_MRG_RXBUF));
	make_tcp(&p, false, LARGE);
	host_sends(c, fd, &p);
	make_tcp(&p, false, SMALL);
	receives_same(c, fd, &p, "a small one after one that does not fit");
}

static void refused(struct client *c)
{
	static const uint64_t alone[] = {
		HOST_TSO4, HOST_TSO6, CSUM | HOST_ECN, GUEST_TSO4, GUEST_TSO6,
		GUEST_CSUM | GUEST_ECN,
	};

	for (unsigned int i = 0; i < sizeof(alone) / sizeof(alone[0]); i++) {
		client_reset(c);
		result(!client_negotiate(c, BIT(VIRTIO_F_VERSION_1) | alone[i]),
		       "refuses 0x%llx without what it needs",
		       (unsigned long long)alone[i]);
	}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		uint64_t take;
	} layouts[] = {
		{ "split", 0 },
		{ "packed", BIT(VIRTIO_F_RING_PACKED) },
		{ "split, in order", BIT(VIRTIO_F_IN_ORDER) },
		{ "packed, in order, event index", BIT(VIRTIO_F_RING_PACKED) |
		  BIT(VIRTIO_F_IN_ORDER) | BIT(VIRTIO_RING_F_EVENT_IDX) },
		{ "split, hash", BIT(VIRTIO_NET_F_HASH_REPORT) },
	};
	struct client c;
	int fd;

	for (int i = 1; i < argc; i++) {
		client_open(&c, argv[i]);
		host_open(&c);
		fd = open_socket(&c);
		result(!(~c.offered & (ALL_HOST | ALL_GUEST)),
		       "offers all that Linux can do");
		refused(&c);
		for (unsigned int n = 0; n < sizeof(layouts) / sizeof(layouts[0]);
		     n++) {
			about(layouts[n].name);
			c.take = layouts[n].take;
			sends(&c, fd);
			sends_not_negotiated(&c, fd);
			receives(&c, fd);
		}
		about("");
		close(fd);
		client_close(&c);
	}
	return results("observations");
}
