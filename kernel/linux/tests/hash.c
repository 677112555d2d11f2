// SPDX-License-Identifier: GPL-2.0-only
/*
 * hash UUID...: receive-side scaling and hash reports of mediated virtio-net devices.
 * VIRTIO 1.2 s. 5.1.6.4.3, 5.1.6.5.6, 5.1.6.5.7. One line for each thing that is wrong.
 *
 * The flows and their hashes are those by which Microsoft's documentation of RSS lets
 * implementations be verified.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <linux/ip.h>
#include <linux/ipv6.h>

#include "client.h"

#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))
#define TABLE_LEN	128
#define RSS		BIT(VIRTIO_NET_F_RSS)
#define REPORT		BIT(VIRTIO_NET_F_HASH_REPORT)

#define IP4		VIRTIO_NET_RSS_HASH_TYPE_IPv4
#define TCP4		VIRTIO_NET_RSS_HASH_TYPE_TCPv4
#define UDP4		VIRTIO_NET_RSS_HASH_TYPE_UDPv4
#define IP6		VIRTIO_NET_RSS_HASH_TYPE_IPv6
#define TCP6		VIRTIO_NET_RSS_HASH_TYPE_TCPv6
#define UDP6		VIRTIO_NET_RSS_HASH_TYPE_UDPv6
#define ALL_TYPES	(IP4 | TCP4 | UDP4 | IP6 | TCP6 | UDP6)

static const uint8_t the_key[40] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
	0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
	0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
	0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

struct flow {
	const char *saddr;
	const char *daddr;
	uint16_t sport;
	uint16_t dport;
	uint32_t hash;		/* over addresses */
	uint32_t hash_ports;	/* and ports */
};

static const struct flow flows[] = {
	{ "66.9.149.187", "161.142.100.80", 2794, 1766, 0x323e8fc2, 0x51ccc178 },
	{ "199.92.111.2", "65.69.140.83", 14230, 4739, 0xd718262a, 0xc626b0ea },
	{ "24.19.198.95", "12.22.207.184", 12898, 38024, 0xd2d0a5de, 0x5c2b394a },
	{ "38.27.205.30", "209.142.163.6", 48228, 2217, 0x82989176, 0xafc7327f },
	{ "3ffe:2501:200:1fff::7", "3ffe:2501:200:3::1", 2794, 1766, 0x2cc18cd5,
	  0x40207d3d },
	{ "3ffe:501:8::260:97ff:fe40:efab", "ff02::1", 14230, 4739, 0x0f0c461c,
	  0xdde51bbf },
	{ "3ffe:1900:4545:3:200:f8ff:fe21:67cf", "fe80::200:f8ff:fe21:67cf",
	  44251, 38024, 0x4b61e985, 0x02d1feef },
};

static const uint8_t broadcast[ETH_ALEN] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff
};

static uint32_t number;

/* --- frames --- */

static bool is_v6(const struct flow *flow)
{
	return strchr(flow->saddr, ':');
}

/* @extra: IPv6: type of an extension header of 8 bytes; IPv4: any, a fragment */
struct shape {
	uint8_t proto;
	uint8_t extra;
	bool more;		/* the fragment is not the last one */
	unsigned int tags;
};

static uint8_t *put_ipv6(uint8_t *at, const struct flow *flow,
			 const struct shape *shape, size_t len)
{
	struct ipv6hdr ip = {
		.version = 6,
		.payload_len = htons(len - sizeof(ip)),
		.nexthdr = shape->extra ? shape->extra : shape->proto,
		.hop_limit = 64,
	};
	uint8_t extra[8] = { shape->proto, 0, 0, shape->more };

	inet_pton(AF_INET6, flow->saddr, &ip.saddr);
	inet_pton(AF_INET6, flow->daddr, &ip.daddr);
	memcpy(at, &ip, sizeof(ip));
	at += sizeof(ip);
	if (!shape->extra)
		return at;
	memcpy(at, extra, sizeof(extra));
	return at + sizeof(extra);
}

static uint8_t *put_ipv4(uint8_t *at, const struct flow *flow,
			 const struct shape *shape, size_t len)
{
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.ttl = 64,
		.protocol = shape->proto,
		.tot_len = htons(len),
		.frag_off = htons(shape->more ? 0x2000 : 0),
	};

	inet_pton(AF_INET, flow->saddr, &ip.saddr);
	inet_pton(AF_INET, flow->daddr, &ip.daddr);
	memcpy(at, &ip, sizeof(ip));
	return at + sizeof(ip);
}

static size_t make_shape(uint8_t *frame, const struct flow *flow,
			 const struct shape *shape)
{
	const uint16_t ports[2] = { htons(flow->sport), htons(flow->dport) };
	const uint16_t tag[2] = { htons(ETH_P_8021Q), htons(7) };
	const uint16_t type = htons(is_v6(flow) ? ETH_P_IPV6 : ETH_P_IP);
	size_t len = make_frame(frame, broadcast, ++number);
	uint8_t *at = frame + 2 * ETH_ALEN;

	for (unsigned int i = 0; i < shape->tags; i++, at += sizeof(tag))
		memcpy(at, tag, sizeof(tag));
	memcpy(at, &type, sizeof(type));
	at += sizeof(type);
	at = is_v6(flow) ? put_ipv6(at, flow, shape, len - (at - frame)) :
			   put_ipv4(at, flow, shape, len - (at - frame));
	memcpy(at, ports, sizeof(ports));
	return len;
}

/* The pair on which it comes in, or a negative errno; the header is in c->hdr then. */
static int pair_of(struct client *c, const struct flow *flow,
		   const struct shape *shape)
{
	uint8_t frame[BUF_SIZE];
	unsigned int pair;
	int ret;

	host_send(c, frame, make_shape(frame, flow, shape));
	do {
		ret = rx(c, &pair, frame);
	} while (ret > 0 && frame_number(frame, ret) != number);
	return ret < 0 ? ret : (int)pair;
}

/* --- settings --- */

struct settings {
	uint32_t types;
	uint16_t mask;
	uint16_t unclassified;
	uint16_t table[TABLE_LEN + 1];
	uint16_t max_tx;
	uint8_t key_len;
	const uint8_t *key;
	size_t cut;		/* bytes that are missing at the end */
};

static struct settings usual(struct client *c, unsigned int pairs)
{
	struct settings s = {
		.types = ALL_TYPES,
		.mask = TABLE_LEN - 1,
		.unclassified = pairs - 1,
		.max_tx = c->max_pairs,
		.key_len = sizeof(the_key),
		.key = the_key,
	};

	for (unsigned int i = 0; i <= TABLE_LEN; i++)
		s.table[i] = i % pairs;
	return s;
}

static int set_rss(struct client *c, const struct settings *s)
{
	uint8_t data[BUF_SIZE], *at = data;
	/* more than there are is not sent */
	const unsigned int table = s->mask <= TABLE_LEN ? s->mask + 1u :
							  TABLE_LEN + 1u;

	memcpy(at, &s->types, 4);
	memcpy(at + 4, &s->mask, 2);
	memcpy(at + 6, &s->unclassified, 2);
	memcpy(at + 8, s->table, 2 * table);
	at += 8 + 2 * table;
	memcpy(at, &s->max_tx, 2);
	at[2] = s->key_len;
	memcpy(at + 3, s->key, s->key_len);
	at += 3 + s->key_len;
	return command(c, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_RSS_CONFIG,
		       data, at - data - s->cut);
}

static int set_hash(struct client *c, uint32_t types, uint8_t key_len,
		    uint8_t reserved)
{
	uint8_t data[4 + 8 + 1 + 255] = { 0 };

	memcpy(data, &types, sizeof(types));
	data[11] = reserved;
	data[12] = key_len;
	memcpy(data + 13, the_key,
	       key_len < sizeof(the_key) ? key_len : sizeof(the_key));
	return command(c, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_HASH_CONFIG,
		       data, 13 + key_len);
}

static void start(struct client *c, uint64_t take)
{
	c->take = take;
	/* All frames are to come, tags or not. */
	client_start(c, ~(BIT(VIRTIO_NET_F_CTRL_RX) |
			  BIT(VIRTIO_NET_F_CTRL_VLAN)));
	for (unsigned int pair = 0; pair < c->max_pairs; pair++)
		if (2u * pair != c->ctrl)
			rx_fill(rx_vq(c, pair));
		else
			break;
}

/* --- reports --- */

static void reports(struct client *c, const struct flow *flow,
		    const struct shape *shape, uint16_t kind, uint32_t hash,
		    const char *what)
{
	int pair = pair_of(c, flow, shape);

	result(pair >= 0 && c->hdr.hash_report == kind &&
	       c->hdr.hash_value == hash,
	       "%s from %s: kind %u, 0x%08x (pair %d: kind %u, 0x%08x)", what,
	       flow->saddr, kind, hash, pair, c->hdr.hash_report,
	       c->hdr.hash_value);
}

static void all_kinds(struct client *c)
{
	const struct shape tcp = { IPPROTO_TCP }, udp = { IPPROTO_UDP };
	const struct shape other = { IPPROTO_ICMP };

	for (unsigned int i = 0; i < ARRAY_LEN(flows); i++) {
		const struct flow *f = &flows[i];
		const uint16_t kind = is_v6(f) ? VIRTIO_NET_HASH_REPORT_IPv6 :
						 VIRTIO_NET_HASH_REPORT_IPv4;

		reports(c, f, &tcp, kind + 1, f->hash_ports, "TCP");
		reports(c, f, &udp, kind + 2, f->hash_ports, "UDP");
		reports(c, f, &other, kind, f->hash, "ICMP");
	}
}

static void shapes(struct client *c)
{
	const struct flow *f4 = &flows[0], *f6 = &flows[4];
	const uint16_t kind4 = VIRTIO_NET_HASH_REPORT_IPv4;
	const uint16_t kind6 = VIRTIO_NET_HASH_REPORT_IPv6;
	uint8_t frame[BUF_SIZE];
	unsigned int pair;

	reports(c, f4, &(struct shape){ IPPROTO_TCP, .tags = 1 }, kind4 + 1,
		f4->hash_ports, "tagged TCP");
	reports(c, f6, &(struct shape){ IPPROTO_TCP, .tags = 2 }, kind6 + 1,
		f6->hash_ports, "twice tagged TCP");
	reports(c, f4, &(struct shape){ IPPROTO_TCP, .tags = 3 },
		VIRTIO_NET_HASH_REPORT_NONE, 0, "three tags");
	reports(c, f4, &(struct shape){ IPPROTO_UDP, .more = true }, kind4,
		f4->hash, "fragment");
	reports(c, f6, &(struct shape){ IPPROTO_UDP, IPPROTO_HOPOPTS },
		kind6 + 2, f6->hash_ports, "UDP behind an extension");
	reports(c, f6, &(struct shape){ IPPROTO_UDP, IPPROTO_FRAGMENT, true },
		kind6, f6->hash, "fragment");
	reports(c, f6, &(struct shape){ IPPROTO_UDP, IPPROTO_FRAGMENT }, kind6 + 2,
		f6->hash_ports, "whole fragment");
	host_send(c, frame, make_frame(frame, broadcast, ++number));
	result(rx(c, &pair, frame) > 0 && !c->hdr.hash_report &&
	       !c->hdr.hash_value, "no hash of what is not IP");
}

static void types(struct client *c)
{
	const struct shape tcp = { IPPROTO_TCP }, udp = { IPPROTO_UDP };
	const struct flow *f4 = &flows[1], *f6 = &flows[5];

	result(!set_hash(c, IP4 | UDP6, sizeof(the_key), 0), "takes two types");
	reports(c, f4, &tcp, VIRTIO_NET_HASH_REPORT_IPv4, f4->hash,
		"IPv4 alone");
	reports(c, f6, &tcp, VIRTIO_NET_HASH_REPORT_NONE, 0, "no TCP of IPv6");
	reports(c, f6, &udp, VIRTIO_NET_HASH_REPORT_UDPv6, f6->hash_ports,
		"UDP of IPv6");
	result(!set_hash(c, 0, 0, 0), "takes no type at all");
	reports(c, f4, &tcp, VIRTIO_NET_HASH_REPORT_NONE, 0, "nothing");
}

static void hash_reports(struct client *c)
{
	const struct shape tcp = { IPPROTO_TCP };

	start(c, 0);
	result(set_hash(c, ALL_TYPES, sizeof(the_key), 0) == VIRTIO_NET_ERR,
	       "no hash without the feature");
	start(c, REPORT);
	reports(c, &flows[0], &tcp, VIRTIO_NET_HASH_REPORT_NONE, 0,
		"before it is set");
	result(!set_hash(c, ALL_TYPES, sizeof(the_key), 0), "takes all types");
	all_kinds(c);
	shapes(c);
	result(set_hash(c, ALL_TYPES | 1 << 6, sizeof(the_key), 0) ==
	       VIRTIO_NET_ERR, "refuses types that it does not have");
	result(set_hash(c, ALL_TYPES, sizeof(the_key) + 1, 0) == VIRTIO_NET_ERR,
	       "refuses a key too long");
	result(set_hash(c, ALL_TYPES, sizeof(the_key), 1) == VIRTIO_NET_ERR,
	       "refuses what is reserved");
	reports(c, &flows[0], &tcp, VIRTIO_NET_HASH_REPORT_TCPv4,
		flows[0].hash_ports, "as before after that");
	types(c);
}

/* --- steering --- */

static void goes_to(struct client *c, const struct flow *flow,
		    const struct shape *shape, unsigned int expected,
		    const char *what)
{
	int pair = pair_of(c, flow, shape);

	result(pair == (int)expected, "%s from %s on pair %u (%d)", what,
	       flow->saddr, expected, pair);
}

static void steered(struct client *c, const struct settings *s, const char *what)
{
	const struct shape tcp = { IPPROTO_TCP }, other = { IPPROTO_ICMP };
	uint8_t frame[BUF_SIZE];
	unsigned int pair;

	for (unsigned int i = 0; i < ARRAY_LEN(flows); i++) {
		const struct flow *f = &flows[i];

		goes_to(c, f, &tcp, s->table[f->hash_ports & s->mask], what);
		goes_to(c, f, &other, s->table[f->hash & s->mask], what);
	}
	host_send(c, frame, make_frame(frame, broadcast, ++number));
	result(rx(c, &pair, frame) > 0 && pair == s->unclassified,
	       "%s: what is not IP on pair %u (%u)", what, s->unclassified, pair);
}

static void refuses(struct client *c, const struct settings *good,
		    const struct settings *bad, const char *what)
{
	result(set_rss(c, bad) == VIRTIO_NET_ERR, "refuses %s", what);
	goes_to(c, &flows[0], &(struct shape){ IPPROTO_TCP },
		good->table[flows[0].hash_ports & good->mask], what);
}

static void refusals(struct client *c, const struct settings *good)
{
	const uint8_t long_key[255] = { 0 };
	struct settings s;

	s = *good;
	s.types = 1 << 9;
	refuses(c, good, &s, "types that do not exist");
	s = *good;
	s.mask = TABLE_LEN;
	refuses(c, good, &s, "a table of 129");
	s.mask = 2 * TABLE_LEN - 1;
	refuses(c, good, &s, "a table of 256");
	s.mask = 0xffff;
	refuses(c, good, &s, "a table of 65536");
	s.mask = 2;
	refuses(c, good, &s, "a table of 3");
	s = *good;
	s.table[TABLE_LEN - 1] = c->max_pairs;
	refuses(c, good, &s, "a pair that does not exist");
	s = *good;
	s.unclassified = 0xffff;
	refuses(c, good, &s, "pair 65535");
	s = *good;
	s.max_tx = 0;
	refuses(c, good, &s, "no transmit queues");
	s.max_tx = c->max_pairs + 1;
	refuses(c, good, &s, "too many transmit queues");
	s = *good;
	s.key = long_key;
	s.key_len = sizeof(the_key) + 1;
	refuses(c, good, &s, "a key of 41 bytes");
	s.key_len = 255;
	refuses(c, good, &s, "a key of 255 bytes");
	s = *good;
	s.cut = 1;
	refuses(c, good, &s, "a key cut off");
	s.cut = sizeof(the_key) + 4;
	refuses(c, good, &s, "settings that end before the key");
	s.cut = sizeof(the_key) + 10;
	refuses(c, good, &s, "a table cut off");
}

static void steering(struct client *c, uint64_t take)
{
	struct settings s = usual(c, c->max_pairs), few = usual(c, 2);
	const uint16_t one = 1;
	uint8_t frame[BUF_SIZE];

	start(c, take);
	result(set_rss(c, &s) == VIRTIO_NET_ERR, "no RSS without the feature");
	start(c, take | RSS);
	result(!set_rss(c, &s), "takes a table of 128");
	steered(c, &s, "steered");
	for (unsigned int pair = 0; pair < c->max_pairs; pair++)
		result(!tx(c, pair, frame, make_frame(frame, broadcast, 1)),
		       "sends from pair %u", pair);
	refusals(c, &s);
	few.mask = 3;
	few.max_tx = 1;
	few.unclassified = 0;
	result(!set_rss(c, &few), "takes a table of 4");
	steered(c, &few, "steered by 4");
	few.mask = 0;
	few.table[0] = c->max_pairs - 1;
	few.types = 0;
	few.key_len = 0;
	result(!set_rss(c, &few), "takes one of 1, and no types");
	goes_to(c, &flows[0], &(struct shape){ IPPROTO_TCP }, 0, "unclassified");
	result(!command(c, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET,
			&one, sizeof(one)), "takes 1 pair instead");
	goes_to(c, &flows[0], &(struct shape){ IPPROTO_TCP }, 0, "not steered");
	result(!set_rss(c, &s), "takes the table again");
	steered(c, &s, "steered again");
	start(c, take | RSS);
	goes_to(c, &flows[2], &(struct shape){ IPPROTO_TCP }, 0,
		"not steered after a reset");
}

/* Without MQ, too, the control queue is the last one then: s. 5.1.2 */
static void without_mq(struct client *c)
{
	struct settings s = usual(c, c->max_pairs);

	c->take = RSS;
	client_start(c, ~(BIT(VIRTIO_NET_F_CTRL_RX) | BIT(VIRTIO_NET_F_MQ) |
			  BIT(VIRTIO_NET_F_CTRL_VLAN)));
	for (unsigned int pair = 0; pair < c->max_pairs; pair++)
		rx_fill(rx_vq(c, pair));
	result(c->ctrl == 2 * c->max_pairs && !set_rss(c, &s),
	       "takes a table without MQ");
	steered(c, &s, "steered without MQ");
}

static void configuration(struct client *c)
{
	const uint32_t at = c->devcfg;

	result(get_reg(c, at + offsetof(struct virtio_net_config,
					rss_max_key_size), 1) == 40 &&
	       get_reg(c, at + offsetof(struct virtio_net_config,
					rss_max_indirection_table_length), 2) ==
	       TABLE_LEN &&
	       get_reg(c, at + offsetof(struct virtio_net_config,
					supported_hash_types), 4) == ALL_TYPES,
	       "says what it can in its configuration");
	result(!!(c->offered & RSS) == (c->max_pairs > 1) &&
	       c->offered & REPORT, "offers it");
}

int main(int argc, char **argv)
{
	struct client c;

	for (int i = 1; i < argc; i++) {
		client_open(&c, argv[i]);
		host_open(&c);
		configuration(&c);
		hash_reports(&c);
		if (c.max_pairs > 1) {
			about("split");
			steering(&c, 0);
			about("packed, with reports");
			steering(&c, REPORT | BIT(VIRTIO_F_RING_PACKED));
			without_mq(&c);
			about("");
		}
		client_close(&c);
	}
	return results("observations");
}
