// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hash of frames for the client: by which receive queue they go to, and what the
 * header says of them. VIRTIO 1.2 s. 5.1.6.4.3, 5.1.6.5.7.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/slab.h>
#include <net/ipv6.h>

#include "compat.h"
#include "mdev_virtio_net.h"

/* What is looked at of a frame: Ethernet, two tags, IPv6 with some extensions, ports. */
#define HEADERS		256

#define MAX_TAGS	2
#define ADDRS_LEN(v6)	((v6) ? 2 * sizeof(struct in6_addr) : 2 * sizeof(__be32))
#define PORTS_LEN	4

/**
 * struct flow - where in a frame that is which the hash is over
 * @proto: IPPROTO_TCP, IPPROTO_UDP, or 0
 * @v6: of IPv6; or else of IPv4
 * @addrs: source and destination address
 * @ports: source and destination port, if @proto
 */
struct flow {
	u8 proto;
	bool v6;
	const u8 *addrs;
	const u8 *ports;
};

/* --- parsing --- */

/* Of a fragment there is no more than addresses. */
static void set_ports(struct flow *flow, const u8 *at, const u8 *end, u8 proto)
{
	if ((proto != IPPROTO_TCP && proto != IPPROTO_UDP) ||
	    end - at < PORTS_LEN)
		return;
	flow->proto = proto;
	flow->ports = at;
}

static bool parse_ipv4(struct flow *flow, const u8 *at, const u8 *end)
{
	const struct iphdr *ip = (const void *)at;
	unsigned int len;

	if (end - at < (ptrdiff_t)sizeof(*ip) || at[0] >> 4 != 4)
		return false;
	len = 4 * (at[0] & 15);
	if (len < sizeof(*ip))
		return false;
	flow->v6 = false;
	flow->addrs = (const u8 *)&ip->saddr;
	/* more fragments, or an offset */
	if (!(get_unaligned_be16(&ip->frag_off) & 0x3fff) &&
	    end - at >= (ptrdiff_t)len)
		set_ports(flow, at + len, end, ip->protocol);
	return true;
}

/* Length of the extension header at @at, 0 if it is none that can be stepped over. */
static unsigned int extension_len(u8 type, const u8 *at)
{
	switch (type) {
	case NEXTHDR_HOP:
	case NEXTHDR_ROUTING:
	case NEXTHDR_DEST:
		return 8 * (at[1] + 1);
	case NEXTHDR_AUTH:
		return 4 * (at[1] + 2);
	case NEXTHDR_FRAGMENT:
		/* whole in one fragment: there is nothing to put together */
		return get_unaligned_be16(at + 2) & 0xfff9 ? 0 : 8;
	default:
		return 0;
	}
}

/* Extension headers are skipped: s. 5.1.6.4.3.4 */
static bool parse_ipv6(struct flow *flow, const u8 *at, const u8 *end)
{
	const struct ipv6hdr *ip = (const void *)at;
	unsigned int len = sizeof(*ip);
	u8 type;

	if (end - at < (ptrdiff_t)sizeof(*ip) || at[0] >> 4 != 6)
		return false;
	flow->v6 = true;
	flow->addrs = (const u8 *)&ip->saddr;
	type = ip->nexthdr;
	for (at += len; end - at >= 8; at += len) {
		len = extension_len(type, at);
		if (!len) {
			set_ports(flow, at, end, type);
			break;
		}
		type = at[0];
		if (end - at < (ptrdiff_t)len)
			break;
	}
	return true;
}

static bool parse(struct flow *flow, const u8 *at, const u8 *end)
{
	unsigned int tags = 0;
	__be16 proto;

	if (end - at < ETH_HLEN)
		return false;
	at += ETH_HLEN;
	memcpy(&proto, at - sizeof(proto), sizeof(proto));
	while (eth_type_vlan(proto) && tags++ < MAX_TAGS &&
	       end - at >= VLAN_HLEN) {
		at += VLAN_HLEN;
		memcpy(&proto, at - sizeof(proto), sizeof(proto));
	}
	if (proto == htons(ETH_P_IP))
		return parse_ipv4(flow, at, end);
	if (proto == htons(ETH_P_IPV6))
		return parse_ipv6(flow, at, end);
	return false;
}

/* --- the hash --- */

/* Toeplitz: for each bit of the data that is set, 32 bits of the key from there on. */
static u32 toeplitz(const u8 *key, const u8 *data, unsigned int len)
{
	u32 window = get_unaligned_be32(key);
	u32 hash = 0;
	unsigned int i;
	int bit;

	for (i = 0; i < len; i++)
		for (bit = 7; bit >= 0; bit--) {
			if (data[i] & BIT(bit))
				hash ^= window;
			window = window << 1 | ((key[i + 4] >> bit) & 1);
		}
	return hash;
}

/* Which hash is it of those that are enabled? VIRTIO_NET_HASH_REPORT_* */
static u16 kind_of(const struct mvnet_rss *rss, const struct flow *flow)
{
	static const struct {
		u32 ip, tcp, udp;
		u16 base;
	} kinds[] = {
		{ VIRTIO_NET_RSS_HASH_TYPE_IPv4, VIRTIO_NET_RSS_HASH_TYPE_TCPv4,
		  VIRTIO_NET_RSS_HASH_TYPE_UDPv4, VIRTIO_NET_HASH_REPORT_IPv4 },
		{ VIRTIO_NET_RSS_HASH_TYPE_IPv6, VIRTIO_NET_RSS_HASH_TYPE_TCPv6,
		  VIRTIO_NET_RSS_HASH_TYPE_UDPv6, VIRTIO_NET_HASH_REPORT_IPv6 },
	};

	if (flow->proto == IPPROTO_TCP && (rss->types & kinds[flow->v6].tcp))
		return kinds[flow->v6].base + 1;
	if (flow->proto == IPPROTO_UDP && (rss->types & kinds[flow->v6].udp))
		return kinds[flow->v6].base + 2;
	return rss->types & kinds[flow->v6].ip ? kinds[flow->v6].base :
						 VIRTIO_NET_HASH_REPORT_NONE;
}

/* VIRTIO_NET_HASH_REPORT_*, and *@hash if that is not NONE */
static u16 hash_frame(const struct mvnet_rss *rss, const u8 *frame, u32 len,
		      u32 *hash)
{
	u8 data[ADDRS_LEN(true) + PORTS_LEN];
	struct flow flow = {};
	unsigned int addrs_len;
	u16 kind;

	if (!parse(&flow, frame, frame + min_t(u32, len, HEADERS)))
		return VIRTIO_NET_HASH_REPORT_NONE;
	kind = kind_of(rss, &flow);
	if (kind == VIRTIO_NET_HASH_REPORT_NONE)
		return kind;
	addrs_len = ADDRS_LEN(flow.v6);
	memcpy(data, flow.addrs, addrs_len);
	if (kind == VIRTIO_NET_HASH_REPORT_IPv4 ||
	    kind == VIRTIO_NET_HASH_REPORT_IPv6) {
		*hash = toeplitz(rss->key, data, addrs_len);
	} else {
		memcpy(data + addrs_len, flow.ports, PORTS_LEN);
		*hash = toeplitz(rss->key, data, addrs_len + PORTS_LEN);
	}
	return kind;
}

/* mvdev.lock is held; @hdr is zeroed, and @len bytes of frame are behind it. */
void mvnet_report_hash(const struct mvnet *nd,
		       struct virtio_net_hdr_v1_hash *hdr, u32 len)
{
	const struct mvnet_rss *rss =
		rcu_dereference_protected(nd->rss,
					  lockdep_is_held(&nd->mvdev.lock));
	u16 kind;
	u32 hash;

	if (!rss)
		return;
	kind = hash_frame(rss, (const u8 *)(hdr + 1), len, &hash);
	if (kind == VIRTIO_NET_HASH_REPORT_NONE)
		return;
	hdr->hash_value = cpu_to_le32(hash);
	hdr->hash_report = cpu_to_le16(kind);
}

/* Which queue pair is a frame from the host for? -1: the driver has not said. */
int mvnet_rss_pair(const struct mvnet *nd, const struct sk_buff *skb)
{
	u32 len = min_t(u32, skb->len, HEADERS);
	const struct mvnet_rss *rss;
	u8 headers[HEADERS];
	int pair = -1;
	u32 hash;

	rcu_read_lock();
	rss = rcu_dereference(nd->rss);
	if (rss && rss->steer && !skb_copy_bits(skb, 0, headers, len)) {
		pair = rss->unclassified;
		if (hash_frame(rss, headers, len, &hash) !=
		    VIRTIO_NET_HASH_REPORT_NONE)
			pair = rss->table[hash & rss->mask];
	}
	rcu_read_unlock();
	return pair;
}

/* --- settings --- */

/* mvdev.lock is held; @rss is from kmalloc() or NULL. */
void mvnet_rss_set(struct mvnet *nd, struct mvnet_rss *rss)
{
	struct mvnet_rss *old =
		rcu_dereference_protected(nd->rss,
					  lockdep_is_held(&nd->mvdev.lock));

	rcu_assign_pointer(nd->rss, rss);
	if (old)
		kfree_rcu(old, rcu);
}

/* With automatic steering, as before: the hash is reported still. */
int mvnet_rss_stop_steering(struct mvnet *nd)
{
	struct mvnet_rss *old =
		rcu_dereference_protected(nd->rss,
					  lockdep_is_held(&nd->mvdev.lock));
	struct mvnet_rss *rss;

	if (!old || !old->steer)
		return 0;
	rss = kmemdup(old, sizeof(*old), GFP_KERNEL);
	if (!rss)
		return -ENOMEM;
	rss->steer = false;
	mvnet_rss_set(nd, rss);
	return 0;
}

/*
 * The structures of the two commands, in numbers: virtio_net_rss_config has a table of
 * any length in the middle, virtio_net_hash_config zeroes.
 */
#define AT_TYPES	0
#define AT_MASK		4
#define AT_UNCLASSIFIED	6
#define AT_TABLE	8
#define HASH_RESERVED	8
#define AT_HASH_KEY	12

/*
 * What the client says is checked here. All of these return VIRTIO_NET_OK, VIRTIO_NET_ERR
 * or a negative errno, as commands do.
 */

static int read_key(struct mvnet *nd, const struct mdev_virtio_chain *chain,
		    u32 off, struct mvnet_rss *rss)
{
	u8 len;
	int ret = mvnet_ctrl_read(nd, chain, off, &len, sizeof(len));

	if (ret)
		return ret;
	if (len > sizeof(rss->key))
		return VIRTIO_NET_ERR;
	return mvnet_ctrl_read(nd, chain, off + sizeof(len), rss->key, len);
}

static int read_types(struct mvnet *nd, const struct mdev_virtio_chain *chain,
		      struct mvnet_rss *rss)
{
	__le32 types;
	int ret = mvnet_ctrl_read(nd, chain, AT_TYPES, &types, sizeof(types));

	if (ret)
		return ret;
	rss->types = le32_to_cpu(types);
	return rss->types & ~MVNET_RSS_TYPES ? VIRTIO_NET_ERR : VIRTIO_NET_OK;
}

static int read_u16(struct mvnet *nd, const struct mdev_virtio_chain *chain,
		    u32 off, u16 *val)
{
	__le16 raw;
	int ret = mvnet_ctrl_read(nd, chain, off, &raw, sizeof(raw));

	*val = ret ? 0 : le16_to_cpu(raw);
	return ret;
}

/* A pair's number is a receive queue's index without the lowest bit. */
static int read_pair(struct mvnet *nd, const struct mdev_virtio_chain *chain,
		     u32 off, u16 *pair, u16 *pairs)
{
	int ret = read_u16(nd, chain, off, pair);

	if (ret)
		return ret;
	if (*pair >= nd->type->pairs)
		return VIRTIO_NET_ERR;
	*pairs = max_t(u16, *pairs, *pair + 1);
	return VIRTIO_NET_OK;
}

/* *@pairs: as many as are in use then */
static int read_rss(struct mvnet *nd, const struct mdev_virtio_chain *chain,
		    struct mvnet_rss *rss, u16 *pairs)
{
	u32 off = AT_TABLE;
	u16 max_tx, i;
	int ret;

	ret = read_types(nd, chain, rss);
	if (!ret)
		ret = read_u16(nd, chain, AT_MASK, &rss->mask);
	if (ret)
		return ret;
	if (rss->mask >= MVNET_RSS_TABLE || (rss->mask & (rss->mask + 1)))
		return VIRTIO_NET_ERR;
	*pairs = 1;
	ret = read_pair(nd, chain, AT_UNCLASSIFIED, &rss->unclassified, pairs);
	for (i = 0; i <= rss->mask && !ret; i++, off += sizeof(u16))
		ret = read_pair(nd, chain, off, &rss->table[i], pairs);
	if (!ret)
		ret = read_u16(nd, chain, off, &max_tx);
	if (ret)
		return ret;
	if (!max_tx || max_tx > nd->type->pairs)
		return VIRTIO_NET_ERR;
	*pairs = max(*pairs, max_tx);
	rss->steer = true;
	return read_key(nd, chain, off + sizeof(u16), rss);
}

static int read_hash(struct mvnet *nd, const struct mdev_virtio_chain *chain,
		     struct mvnet_rss *rss)
{
	u8 reserved[HASH_RESERVED];
	int ret = read_types(nd, chain, rss);

	if (!ret)
		ret = mvnet_ctrl_read(nd, chain, AT_MASK, reserved,
				      sizeof(reserved));
	if (ret)
		return ret;
	if (memchr_inv(reserved, 0, sizeof(reserved)))
		return VIRTIO_NET_ERR;
	return read_key(nd, chain, AT_HASH_KEY, rss);
}

int mvnet_rss_command(struct mvnet *nd, const struct mdev_virtio_chain *chain,
		      u8 cmd)
{
	const bool steer = cmd == VIRTIO_NET_CTRL_MQ_RSS_CONFIG;
	u16 pairs = nd->active_pairs;
	struct mvnet_rss *rss;
	int ret;

	if (!mvnet_has(nd, steer ? VIRTIO_NET_F_RSS : VIRTIO_NET_F_HASH_REPORT))
		return VIRTIO_NET_ERR;
	rss = kzalloc(sizeof(*rss), GFP_KERNEL);
	if (!rss)
		return VIRTIO_NET_ERR;
	ret = steer ? read_rss(nd, chain, rss, &pairs) :
		      read_hash(nd, chain, rss);
	if (ret) {
		kfree(rss);
		return ret;
	}
	/* Frames that come in between are for pairs that are in use. */
	if (pairs > nd->active_pairs)
		WRITE_ONCE(nd->active_pairs, pairs);
	mvnet_rss_set(nd, rss);
	WRITE_ONCE(nd->active_pairs, pairs);
	return VIRTIO_NET_OK;
}
