/* SPDX-License-Identifier: BSD-3-Clause */

/* Headers of frames and mbufs, each in terms of the other; and who asks for what. */

#include <errno.h>
#include <string.h>

#include <linux/virtio_config.h>

#include <rte_errno.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include <mdev_virtio_ethdev.h>
#include <virtio_offload.h>

#include "test.h"
#include "virtio_port.h"

#define L2 14
#define PAYLOAD 101 /* odd: sums have a byte left */

static struct virtqueue queue;
static struct rte_mempool *pool;

static int
setup(void)
{
	memset(&queue, 0, sizeof(queue));
	pool = rte_pktmbuf_pool_create("offload", 63, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
			SOCKET_ID_ANY);
	return pool != NULL ? TEST_SUCCESS : TEST_FAILED;
}

static void
teardown(void)
{
	rte_mempool_free(pool);
}

/* RFC 1071, one word after the other, of what is added to a sum. */
static uint16_t
sum_of(const void *data, uint32_t len, uint32_t sum)
{
	const uint8_t *bytes = data;
	uint32_t i;

	for (i = 0; i < len; i++)
		sum += i % 2 == 0 ? bytes[i] << 8 : bytes[i];
	while (sum > UINT16_MAX)
		sum = (sum >> 16) + (sum & UINT16_MAX);
	return sum;
}

/* Of the pseudo header (RFC 9293 s. 3.1, RFC 8200 s. 8.1). */
static uint16_t
pseudo_sum(const uint8_t *ip, bool ipv6, uint8_t proto, uint32_t l4_len)
{
	return sum_of(ip + (ipv6 ? 8 : 12), ipv6 ? 32 : 8, proto + (l4_len >> 16) +
			(l4_len & UINT16_MAX));
}

/* A frame with its headers and lengths set, checksums 0. */
static struct rte_mbuf *
make_frame(bool ipv6, bool tcp)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	uint16_t l3 = ipv6 ? 40 : 20, l4 = tcp ? 20 : 8, i;
	uint8_t *p = (uint8_t *)rte_pktmbuf_append(m, L2 + l3 + l4 + PAYLOAD);

	for (i = 0; i < m->data_len; i++)
		p[i] = i * 37 + 11;
	p[12] = ipv6 ? 0x86 : 0x08;
	p[13] = ipv6 ? 0xdd : 0x00;
	if (ipv6) {
		p[L2] = 0x60;
		p[L2 + 4] = 0;
		p[L2 + 5] = l4 + PAYLOAD;
		p[L2 + 6] = tcp ? IPPROTO_TCP : IPPROTO_UDP;
	} else {
		p[L2] = 0x45;
		p[L2 + 2] = 0;
		p[L2 + 3] = l3 + l4 + PAYLOAD;
		p[L2 + 6] = p[L2 + 7] = 0;
		p[L2 + 9] = tcp ? IPPROTO_TCP : IPPROTO_UDP;
	}
	if (tcp)
		p[L2 + l3 + 12] = 0x50;
	memset(p + L2 + l3 + (tcp ? 16 : 6), 0, 2);
	m->l2_len = L2;
	m->l3_len = l3;
	m->l4_len = l4;
	m->ol_flags = ipv6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4;
	return m;
}

static bool
rx(struct rte_mbuf *m, const struct virtio_net_hdr_v1_hash *hdr)
{
	m->ol_flags = 0;
	m->packet_type = 0;
	return virtio_rx_offload_frame(&queue, m, hdr);
}

/* Protocols that applications know: it is said, and nothing is computed. */
static int
test_rx_known(void)
{
	struct virtio_net_hdr_v1_hash hdr = {
		.hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
	};
	uint8_t before[256];
	struct rte_mbuf *m;
	unsigned int i;

	for (i = 0; i < 4; i++) {
		m = make_frame(i & 1, i & 2);
		hdr.hdr.csum_start = rte_cpu_to_le_16(L2 + m->l3_len);
		hdr.hdr.csum_offset = rte_cpu_to_le_16(i & 2 ? 16 : 6);
		memcpy(before, rte_pktmbuf_mtod(m, void *), m->data_len);
		TEST_ASSERT(rx(m, &hdr), "dropped");
		TEST_ASSERT_EQUAL(m->ol_flags, RTE_MBUF_F_RX_L4_CKSUM_NONE, "%u", i);
		TEST_ASSERT_SUCCESS(memcmp(before, rte_pktmbuf_mtod(m, void *),
			m->data_len), "written to");
		rte_pktmbuf_free(m);
	}
	m = make_frame(false, true);
	hdr.hdr.flags = VIRTIO_NET_HDR_F_DATA_VALID;
	TEST_ASSERT(rx(m, &hdr), "dropped");
	TEST_ASSERT_EQUAL(m->ol_flags, RTE_MBUF_F_RX_L4_CKSUM_GOOD, "DATA_VALID");
	rte_pktmbuf_free(m);
	return TEST_SUCCESS;
}

/* Others are completed, where the places are the frame's; no byte beyond is written. */
static int
test_rx_unknown(void)
{
	static const struct {
		uint16_t start, offset;
		bool computed;
	} places[] = {
		{ 20, 6, true }, { 15, 0, true }, { 198, 0, true }, { 197, 1, true },
		{ 0, 198, true }, { 199, 0, false }, { 200, 0, false },
		{ 198, 1, false }, { 0, 199, false }, { 0, 200, false },
		{ UINT16_MAX, UINT16_MAX, false }, { 20, UINT16_MAX, false },
		{ UINT16_MAX, 0, false },
	};
	struct virtio_net_hdr_v1_hash hdr = {
		.hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
	};
	uint8_t before[300], *p;
	struct rte_mbuf *m;
	unsigned int i, at;

	for (i = 0; i < RTE_DIM(places); i++) {
		m = rte_pktmbuf_alloc(pool);
		p = rte_pktmbuf_mtod(m, uint8_t *);
		for (at = 0; at < sizeof(before); at++)
			before[at] = p[at] = at == 12 ? 0x88 : at * 41 + 3;
		rte_pktmbuf_append(m, 200);
		hdr.hdr.csum_start = rte_cpu_to_le_16(places[i].start);
		hdr.hdr.csum_offset = rte_cpu_to_le_16(places[i].offset);
		TEST_ASSERT(rx(m, &hdr), "dropped");
		TEST_ASSERT_EQUAL(m->ol_flags, 0, "%u: flags", i);
		if (places[i].computed) {
			at = places[i].start + places[i].offset;
			TEST_ASSERT(memcmp(p + at, before + at, 2) != 0,
				"%u: not computed", i);
			at = (uint16_t)~sum_of(before + places[i].start,
				200 - places[i].start, 0);
			/* at an odd offset, its bytes are in the other order */
			p += places[i].start + places[i].offset;
			TEST_ASSERT_EQUAL(p[0] << 8 | p[1], (int)at, "%u: 0x%02x%02x",
				i, p[0], p[1]);
			memcpy(p, before + places[i].start + places[i].offset, 2);
		}
		TEST_ASSERT_SUCCESS(memcmp(rte_pktmbuf_mtod(m, void *), before,
			sizeof(before)), "%u: written to elsewhere", i);
		rte_pktmbuf_free(m);
	}
	return TEST_SUCCESS;
}

/* The sum goes over all segments, of which some begin with an odd byte. */
static int
test_rx_segments(void)
{
	struct virtio_net_hdr_v1_hash hdr = {
		.hdr.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.hdr.csum_start = rte_cpu_to_le_16(20),
		.hdr.csum_offset = rte_cpu_to_le_16(6),
	};
	struct rte_mbuf *m, *tail;
	uint8_t frame[200];
	unsigned int i, cut;
	uint16_t want;
	uint8_t *p;

	for (i = 0; i < sizeof(frame); i++)
		frame[i] = i == 12 ? 0x88 : 255 - i % 7;
	want = ~sum_of(frame + 20, sizeof(frame) - 20, 0);
	for (cut = 28; cut < sizeof(frame); cut++) {
		m = rte_pktmbuf_alloc(pool);
		tail = rte_pktmbuf_alloc(pool);
		p = (uint8_t *)rte_pktmbuf_append(m, cut);
		memcpy(p, frame, cut);
		memcpy(rte_pktmbuf_append(tail, sizeof(frame) - cut), frame + cut,
			sizeof(frame) - cut);
		rte_pktmbuf_chain(m, tail);
		TEST_ASSERT(rx(m, &hdr), "dropped");
		TEST_ASSERT_EQUAL(p[26] << 8 | p[27], want, "%u bytes: 0x%02x%02x", cut,
			p[26], p[27]);
		rte_pktmbuf_free(m);
	}
	return TEST_SUCCESS;
}

static int
test_rx_gso(void)
{
	struct virtio_net_hdr_v1_hash hdr;
	unsigned int type, size, errors = 0;
	struct rte_mbuf *m;
	bool known;

	for (type = 0; type < 512; type++) {
		size = type & 256 ? 0 : 1400;
		memset(&hdr, 0, sizeof(hdr));
		hdr.hdr.gso_type = type;
		hdr.hdr.gso_size = rte_cpu_to_le_16(size);
		known = strchr("\1\3\4\5", type & 0x7f) != NULL && (type & 0x7f) != 0;
		m = make_frame(false, true);
		if ((type & 0x7f) != 0 && (!known || size == 0)) {
			TEST_ASSERT(!rx(m, &hdr), "type %u, size %u", type, size);
			TEST_ASSERT_EQUAL(queue.stats.errors, ++errors, "not counted");
			TEST_ASSERT_EQUAL(rte_mempool_in_use_count(pool), 0, "lost");
			continue;
		}
		TEST_ASSERT(rx(m, &hdr), "type %u, size %u", type, size);
		TEST_ASSERT_EQUAL(m->ol_flags, known ? RTE_MBUF_F_RX_LRO : 0, "type %u",
			type);
		TEST_ASSERT(!known || m->tso_segsz == 1400, "size");
		rte_pktmbuf_free(m);
	}
	return TEST_SUCCESS;
}

/* The queue's own: hash, tags, packet types. */
static int
test_rx_others(void)
{
	static const uint8_t tag[] = { 0x81, 0, 0x20, 0x0a };
	struct virtio_net_hdr_v1_hash hdr = {
		.hash_value = rte_cpu_to_le_32(0x12345678),
	};
	struct rte_mbuf *m = make_frame(false, true);
	uint16_t len;

	queue.offloads = RTE_ETH_RX_OFFLOAD_RSS_HASH | VIRTIO_RX_OFFLOAD_PTYPE;
	TEST_ASSERT(rx(m, &hdr) && m->ol_flags == 0, "a hash that is none");
	TEST_ASSERT_EQUAL(m->packet_type, RTE_PTYPE_L2_ETHER | RTE_PTYPE_L3_IPV4 |
		RTE_PTYPE_L4_TCP, "0x%x", m->packet_type);
	hdr.hash_report = rte_cpu_to_le_16(VIRTIO_NET_HASH_REPORT_UDPv6_EX + 1);
	TEST_ASSERT(rx(m, &hdr) && m->ol_flags == 0, "a hash that is not known");
	hdr.hash_report = rte_cpu_to_le_16(VIRTIO_NET_HASH_REPORT_TCPv4);
	TEST_ASSERT(rx(m, &hdr) && m->ol_flags == RTE_MBUF_F_RX_RSS_HASH &&
		m->hash.rss == 0x12345678, "the hash");
	rte_pktmbuf_free(m);

	queue.offloads = RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
	for (len = 14; len < 30; len++) {
		m = rte_pktmbuf_alloc(pool);
		memset(rte_pktmbuf_append(m, len), 1, len);
		memset(rte_pktmbuf_mtod_offset(m, char *, len), 1, 4);
		memcpy(rte_pktmbuf_mtod_offset(m, char *, 12), tag, sizeof(tag));
		TEST_ASSERT(rx(m, &hdr), "dropped");
		if (len < 18) {
			TEST_ASSERT(m->ol_flags == 0 && m->pkt_len == len,
				"a tag of which there is no whole (%u)", len);
		} else {
			TEST_ASSERT_EQUAL(m->ol_flags, RTE_MBUF_F_RX_VLAN |
				RTE_MBUF_F_RX_VLAN_STRIPPED, "length %u", len);
			TEST_ASSERT(m->vlan_tci == 0x200a && m->pkt_len == len - 4u &&
				m->data_len == len - 4, "length %u", len);
		}
		rte_pktmbuf_free(m);
	}
	return TEST_SUCCESS;
}

static const struct {
	bool ipv6, tcp, segmented;
	uint64_t flags;
	uint8_t gso_type;
} sends[] = {
	{ false, true, false, RTE_MBUF_F_TX_TCP_CKSUM, VIRTIO_NET_HDR_GSO_NONE },
	{ true, true, false, RTE_MBUF_F_TX_TCP_CKSUM, VIRTIO_NET_HDR_GSO_NONE },
	{ false, false, false, RTE_MBUF_F_TX_UDP_CKSUM, VIRTIO_NET_HDR_GSO_NONE },
	{ true, false, false, RTE_MBUF_F_TX_UDP_CKSUM, VIRTIO_NET_HDR_GSO_NONE },
	{ false, true, true, RTE_MBUF_F_TX_TCP_SEG, VIRTIO_NET_HDR_GSO_TCPV4 },
	{ true, true, true, RTE_MBUF_F_TX_TCP_SEG, VIRTIO_NET_HDR_GSO_TCPV6 },
	{ false, true, true, RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM,
		VIRTIO_NET_HDR_GSO_TCPV4 },
	{ false, true, true, RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IP_CKSUM,
		VIRTIO_NET_HDR_GSO_TCPV4 },
	{ false, false, true, RTE_MBUF_F_TX_UDP_SEG, VIRTIO_NET_HDR_GSO_UDP_L4 },
	{ false, false, true, RTE_MBUF_F_TX_UDP_SEG | RTE_MBUF_F_TX_IP_CKSUM,
		VIRTIO_NET_HDR_GSO_UDP_L4 },
	{ true, false, true, RTE_MBUF_F_TX_UDP_SEG, VIRTIO_NET_HDR_GSO_UDP_L4 },
	{ false, false, true, RTE_MBUF_F_TX_UDP_SEG | RTE_MBUF_F_TX_UDP_CKSUM,
		VIRTIO_NET_HDR_GSO_UDP_L4 },
};

#define PREPARE(pkts, count) virtio_prepare(VIRTIO_TX_OFFLOAD_FLAGS)(NULL, pkts, count)

/* RFC 791: the words of the header sum up to all ones; where nobody asks, it is as it was. */
static int
expect_ip_checksum(struct rte_mbuf *m, const uint8_t before[2])
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, L2);

	if ((m->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) != 0)
		TEST_ASSERT_EQUAL(sum_of(ip, m->l3_len, 0), UINT16_MAX, "IP checksum");
	else
		TEST_ASSERT_SUCCESS(memcmp(ip + 10, before, 2), "written to");
	return TEST_SUCCESS;
}

/* VIRTIO 1.2 s. 5.1.6.2: the checksum field has the sum of the pseudo header. */
static int
test_tx(void)
{
	struct virtio_net_hdr_v1 hdr;
	struct rte_mbuf *m;
	unsigned int i, start, at;
	uint8_t *p, ip[2];
	uint16_t want;

	for (i = 0; i < RTE_DIM(sends); i++) {
		m = make_frame(sends[i].ipv6, sends[i].tcp);
		m->ol_flags |= sends[i].flags;
		m->tso_segsz = sends[i].segmented ? 40 : 0;
		start = L2 + m->l3_len;
		at = sends[i].tcp ? 16 : 6;
		p = rte_pktmbuf_mtod(m, uint8_t *);
		want = pseudo_sum(p + L2, sends[i].ipv6, sends[i].tcp ? IPPROTO_TCP :
				IPPROTO_UDP, m->pkt_len - start);
		memcpy(ip, p + L2 + 10, sizeof(ip));
		TEST_ASSERT_EQUAL(PREPARE(&m, 1), 1, "%u: %d", i,
			rte_errno);
		TEST_ASSERT_SUCCESS(expect_ip_checksum(m, ip), "%u", i);
		TEST_ASSERT_EQUAL(p[start + at] << 8 | p[start + at + 1], want,
			"%u: 0x%02x%02x, not 0x%04x", i, p[start + at],
			p[start + at + 1], want);
		memset(&hdr, 0xff, sizeof(hdr));
		virtio_tx_offload_frame(m, VIRTIO_TX_OFFLOAD_FLAGS, &hdr);
		TEST_ASSERT_EQUAL(hdr.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM, "%u", i);
		TEST_ASSERT_EQUAL(hdr.csum_start, rte_cpu_to_le_16(start), "%u", i);
		TEST_ASSERT_EQUAL(hdr.csum_offset, rte_cpu_to_le_16(at), "%u", i);
		TEST_ASSERT_EQUAL(hdr.gso_type, sends[i].gso_type, "%u", i);
		TEST_ASSERT_EQUAL(hdr.gso_size, rte_cpu_to_le_16(m->tso_segsz), "%u", i);
		TEST_ASSERT_EQUAL(hdr.hdr_len, rte_cpu_to_le_16(sends[i].segmented ?
			start + m->l4_len : 0), "%u", i);
		rte_pktmbuf_free(m);
	}
	m = make_frame(false, true);
	virtio_tx_offload_frame(m, VIRTIO_TX_OFFLOAD_FLAGS, &hdr);
	TEST_ASSERT(hdr.flags == 0 && hdr.gso_type == 0, "asked for nothing");
	rte_pktmbuf_free(m);
	return TEST_SUCCESS;
}

/* Of a queue that has all offloads. */
static int
expect_unprepared(uint64_t flags, uint16_t segsz, uint16_t l4_len, int error)
{
	struct rte_mbuf *m[2] = { make_frame(false, true), make_frame(false, true) };
	uint16_t n;

	m[1]->ol_flags |= flags;
	m[1]->tso_segsz = segsz;
	m[1]->l4_len = l4_len;
	rte_errno = 0;
	n = PREPARE(m, 2);
	TEST_ASSERT(n == 1 && rte_errno == error, "%u prepared, error %d", n, rte_errno);
	rte_pktmbuf_free_bulk(m, 2);
	return TEST_SUCCESS;
}

static int
test_prepare_refuses(void)
{
	struct rte_mbuf *m;

	TEST_ASSERT_SUCCESS(expect_unprepared(RTE_MBUF_F_TX_IP_CKSUM, 0, 20, ENOTSUP),
		"IP checksum");
	TEST_ASSERT_SUCCESS(expect_unprepared(RTE_MBUF_F_TX_SCTP_CKSUM, 0, 20, ENOTSUP),
		"SCTP checksum");
	TEST_ASSERT_SUCCESS(expect_unprepared(RTE_MBUF_F_TX_QINQ, 0, 20, ENOTSUP), "QinQ");
	TEST_ASSERT_SUCCESS(expect_unprepared(RTE_MBUF_F_TX_TCP_SEG, 0, 20, EINVAL),
		"segments of nothing");
	TEST_ASSERT_SUCCESS(expect_unprepared(RTE_MBUF_F_TX_TCP_SEG, 40, 0, EINVAL),
		"no length of the header");
	/* a tag, and one for which there is no room */
	m = make_frame(false, true);
	m->ol_flags |= RTE_MBUF_F_TX_VLAN | RTE_MBUF_F_TX_TCP_CKSUM;
	m->vlan_tci = 0x200a;
	TEST_ASSERT_EQUAL(PREPARE(&m, 1), 1, "tag");
	TEST_ASSERT_SUCCESS(memcmp(rte_pktmbuf_mtod_offset(m, void *, 12),
		"\x81\x00\x20\x0a", 4), "no tag");
	TEST_ASSERT(m->l2_len == L2 + 4 && (m->ol_flags & RTE_MBUF_F_TX_VLAN) == 0, "?");
	m->ol_flags |= RTE_MBUF_F_TX_VLAN;
	rte_pktmbuf_prepend(m, rte_pktmbuf_headroom(m) - 3);
	TEST_ASSERT(PREPARE(&m, 1) == 0 && rte_errno == ENOSPC, "no room: %d",
		rte_errno);
	rte_pktmbuf_free(m);
	return TEST_SUCCESS;
}

#define F(name) RTE_BIT64(VIRTIO_NET_F_ ## name)
#define OFFERED (F(CSUM) | F(GUEST_CSUM) | F(GUEST_TSO4) | F(GUEST_TSO6) | \
	F(GUEST_ECN) | F(GUEST_UFO) | F(HOST_TSO4) | F(HOST_TSO6) | F(HOST_ECN) | \
	F(HOST_UFO) | F(MRG_RXBUF) | F(GUEST_USO4) | F(GUEST_USO6) | F(HOST_USO))
#define LRO (F(GUEST_CSUM) | F(GUEST_TSO4) | F(GUEST_TSO6) | F(MRG_RXBUF))
#define TSO (F(CSUM) | F(HOST_TSO4) | F(HOST_TSO6))

/* Offloads, the features that are taken for them, and those without which there are none. */
static const struct {
	uint64_t rx, tx, taken, needed;
} offloads[] = {
	{ 0, 0, 0, 0 },
	{ RTE_ETH_RX_OFFLOAD_SCATTER, 0, F(MRG_RXBUF), F(MRG_RXBUF) },
	{ RTE_ETH_RX_OFFLOAD_TCP_CKSUM, 0, F(GUEST_CSUM), F(GUEST_CSUM) },
	{ RTE_ETH_RX_OFFLOAD_UDP_CKSUM, 0, F(GUEST_CSUM), F(GUEST_CSUM) },
	{ RTE_ETH_RX_OFFLOAD_TCP_LRO, 0, LRO | F(GUEST_ECN) | F(GUEST_USO4) |
		F(GUEST_USO6), LRO },
	{ 0, RTE_ETH_TX_OFFLOAD_TCP_CKSUM, F(CSUM), F(CSUM) },
	{ 0, RTE_ETH_TX_OFFLOAD_UDP_CKSUM, F(CSUM), F(CSUM) },
	{ 0, RTE_ETH_TX_OFFLOAD_TCP_TSO, TSO | F(HOST_ECN), TSO },
	{ 0, RTE_ETH_TX_OFFLOAD_UDP_TSO, F(CSUM) | F(HOST_USO), F(CSUM) | F(HOST_USO) },
	{ 0, RTE_ETH_TX_OFFLOAD_MULTI_SEGS, 0, 0 },
	{ RTE_ETH_RX_OFFLOAD_VLAN_STRIP, RTE_ETH_TX_OFFLOAD_VLAN_INSERT, 0, 0 },
};

static int
setup_port(void)
{
	if (virtio_port_prepare(FAKE_VIRTIO_TRAPPED) < 0)
		return TEST_FAILED;
	fake_virtio_offer(OFFERED);
	return TEST_SUCCESS;
}

/* What nobody asked for is not negotiated. */
static int
test_negotiated(void)
{
	struct rte_eth_conf conf;
	unsigned int i;

	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "attach");
	for (i = 0; i < RTE_DIM(offloads); i++) {
		memset(&conf, 0, sizeof(conf));
		conf.rxmode.mtu = RTE_ETHER_MTU;
		conf.rxmode.offloads = offloads[i].rx;
		conf.txmode.offloads = offloads[i].tx;
		conf.rxmode.max_lro_pkt_size = 65535;
		TEST_ASSERT_SUCCESS(virtio_port_start_queues(1, 1, 64, &conf),
			"offload %u: start", i);
		TEST_ASSERT_EQUAL(fake_virtio.accepted & OFFERED, offloads[i].taken,
			"offload %u: 0x%lx, not 0x%lx", i,
			(unsigned long)(fake_virtio.accepted & OFFERED),
			(unsigned long)offloads[i].taken);
		TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	}
	return TEST_SUCCESS;
}

/* A capability is there exactly if all features are that it needs. */
static int
test_capabilities(void)
{
	struct rte_eth_dev_info info;
	uint64_t missing;
	unsigned int bit, i;
	bool there;

	for (bit = 0; bit < 64; bit++) {
		missing = RTE_BIT64(bit);
		if (bit > 0 && (missing & OFFERED) == 0)
			continue;
		fake_virtio.offered |= OFFERED;
		fake_virtio.offered &= bit > 0 ? ~missing : UINT64_MAX;
		TEST_ASSERT_SUCCESS(virtio_port_attach(""), "attach");
		TEST_ASSERT_SUCCESS(rte_eth_dev_info_get(virtio_port.id, &info), "info");
		for (i = 0; i < RTE_DIM(offloads); i++) {
			there = bit == 0 || (offloads[i].needed & missing) == 0;
			TEST_ASSERT_EQUAL((info.rx_offload_capa & offloads[i].rx) ==
				offloads[i].rx && (info.tx_offload_capa &
				offloads[i].tx) == offloads[i].tx, there,
				"offload %u without feature %u", i, bit);
		}
		TEST_ASSERT_SUCCESS(virtio_port_detach(), "detach");
	}
	fake_virtio.offered |= OFFERED;
	return virtio_port_attach("");
}

/* Through rings: what is sent has a header, what comes in has flags; and tags. */
static int
test_port(void)
{
	struct rte_eth_conf conf = { .rxmode.mtu = RTE_ETHER_MTU };
	struct virtio_net_hdr_v1_hash hdr = {
		.hdr.flags = VIRTIO_NET_HDR_F_DATA_VALID,
		.hdr.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr.gso_size = rte_cpu_to_le_16(1000),
	};
	uint8_t back[300], frame[300] = { 2, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0x81, 0, 0x20, 0x0a };
	struct rte_mbuf *m;
	uint16_t i;

	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "attach");
	conf.rxmode.offloads = RTE_ETH_RX_OFFLOAD_TCP_LRO |
		RTE_ETH_RX_OFFLOAD_VLAN_STRIP;
	conf.rxmode.max_lro_pkt_size = 65535;
	conf.txmode.offloads = RTE_ETH_TX_OFFLOAD_TCP_TSO |
		RTE_ETH_TX_OFFLOAD_VLAN_INSERT;
	TEST_ASSERT_SUCCESS(virtio_port_start_queues(1, 1, 64, &conf), "start");
	for (i = 0; i < 200; i++) {
		TEST_ASSERT_EQUAL(fake_virtio_receive_as(0, &hdr, frame, 100), 1, "?");
		TEST_ASSERT_EQUAL(rte_eth_rx_burst(virtio_port.id, 0, &m, 1), 1, "Rx");
		TEST_ASSERT(m->ol_flags == (RTE_MBUF_F_RX_LRO | RTE_MBUF_F_RX_VLAN |
			RTE_MBUF_F_RX_VLAN_STRIPPED | RTE_MBUF_F_RX_L4_CKSUM_GOOD) &&
			m->tso_segsz == 1000 && m->vlan_tci == 0x200a &&
			m->pkt_len == 96, "flags 0x%lx", (unsigned long)m->ol_flags);
		rte_pktmbuf_free(m);

		m = virtio_port_frame(100, 2);
		m->l2_len = 14;
		m->l3_len = 20;
		m->l4_len = 20;
		m->tso_segsz = 30;
		m->vlan_tci = 5;
		m->ol_flags = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_IPV4 |
			RTE_MBUF_F_TX_VLAN;
		/* tagged by the burst; or it cannot be, and is dropped */
		if (i % 4 == 3)
			rte_pktmbuf_prepend(m, rte_pktmbuf_headroom(m));
		TEST_ASSERT_EQUAL(rte_eth_tx_burst(virtio_port.id, 0, &m, 1), 1, "Tx");
		if (i % 4 == 3) {
			TEST_ASSERT_EQUAL(fake_virtio_sent(back, 300), -1,
				"sent without a tag");
		} else {
			struct virtio_net_hdr_v1_hash sent;

			TEST_ASSERT_EQUAL(fake_virtio_sent_as(0, &sent, back, 300), 104,
				"Tx");
			TEST_ASSERT_SUCCESS(memcmp(back + 12, "\x81\x00\x00\x05", 4),
				"no tag");
			TEST_ASSERT(sent.hdr.gso_type == VIRTIO_NET_HDR_GSO_TCPV4 &&
				sent.hdr.csum_start == rte_cpu_to_le_16(38) &&
				sent.hdr.hdr_len == rte_cpu_to_le_16(58), "header");
		}
	}
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "mbufs are lost");
	return TEST_SUCCESS;
}

/* Offloads of a port, flags of a frame, and what the header is to say. */
static const struct {
	uint64_t tx;
	uint64_t missing; /* of what the device offers */
	uint64_t flags;
	uint8_t hdr_flags, gso_type;
	bool prepared; /* are all of them heeded? */
} unasked[] = {
	{ 0, 0, 0, 0, 0, true },
	{ 0, 0, RTE_MBUF_F_TX_UDP_CKSUM, 0, 0, false },
	{ RTE_ETH_TX_OFFLOAD_VLAN_INSERT, 0, RTE_MBUF_F_TX_TCP_CKSUM, 0, 0, false },
	{ RTE_ETH_TX_OFFLOAD_VLAN_INSERT, 0, RTE_MBUF_F_TX_TCP_SEG, 0, 0, false },
	{ RTE_ETH_TX_OFFLOAD_UDP_CKSUM, 0, RTE_MBUF_F_TX_TCP_CKSUM,
		VIRTIO_NET_HDR_F_NEEDS_CSUM, 0, true },
	{ RTE_ETH_TX_OFFLOAD_TCP_CKSUM, 0, RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM,
		VIRTIO_NET_HDR_F_NEEDS_CSUM, 0, false },
	{ RTE_ETH_TX_OFFLOAD_TCP_CKSUM, 0, RTE_MBUF_F_TX_UDP_SEG | RTE_MBUF_F_TX_UDP_CKSUM,
		VIRTIO_NET_HDR_F_NEEDS_CSUM, 0, false },
	{ RTE_ETH_TX_OFFLOAD_UDP_TSO, 0, RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM,
		VIRTIO_NET_HDR_F_NEEDS_CSUM, 0, false },
	{ RTE_ETH_TX_OFFLOAD_UDP_TSO, 0, RTE_MBUF_F_TX_UDP_SEG, VIRTIO_NET_HDR_F_NEEDS_CSUM,
		VIRTIO_NET_HDR_GSO_UDP_L4, true },
	{ RTE_ETH_TX_OFFLOAD_TCP_TSO, 0, RTE_MBUF_F_TX_UDP_SEG | RTE_MBUF_F_TX_UDP_CKSUM,
		VIRTIO_NET_HDR_F_NEEDS_CSUM, 0, false },
	{ RTE_ETH_TX_OFFLOAD_TCP_TSO | RTE_ETH_TX_OFFLOAD_UDP_TSO, 0, RTE_MBUF_F_TX_UDP_SEG,
		VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_UDP_L4, true },
	{ RTE_ETH_TX_OFFLOAD_TCP_TSO, 0, RTE_MBUF_F_TX_TCP_SEG, VIRTIO_NET_HDR_F_NEEDS_CSUM,
		VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN, true },
	{ RTE_ETH_TX_OFFLOAD_TCP_TSO, F(HOST_ECN), RTE_MBUF_F_TX_TCP_SEG,
		VIRTIO_NET_HDR_F_NEEDS_CSUM, VIRTIO_NET_HDR_GSO_TCPV4, true },
};

/* Who asks whether a frame can be sent as it asks is told so, also while the port is paused. */
static int
expect_prepared(struct rte_mbuf *m, bool prepared)
{
	struct rte_eth_dev *dev = virtio_port.dev;
	const eth_tx_prep_t running = dev->tx_pkt_prepare;
	const uint64_t before = m->ol_flags;

	rte_errno = 0;
	TEST_ASSERT(rte_eth_tx_prepare(virtio_port.id, 0, &m, 1) == prepared &&
		rte_errno == (prepared ? 0 : ENOTSUP), "error %d", rte_errno);
	TEST_ASSERT_EQUAL(m->ol_flags, before, "other flags");
	mdev_virtio_select_paused(dev);
	TEST_ASSERT(dev->tx_pkt_prepare == running, "another answer in a pause");
	mdev_virtio_select_bursts(dev);
	return TEST_SUCCESS;
}

/* s. 5.1.6.2.1: the device is asked for nothing that was not negotiated. */
static int
test_not_negotiated(void)
{
	struct rte_eth_conf conf = { .rxmode.mtu = RTE_ETHER_MTU };
	struct virtio_net_hdr_v1_hash sent;
	struct rte_mbuf *m;
	uint8_t back[200];
	unsigned int i;

	for (i = 0; i < RTE_DIM(unasked); i++) {
		fake_virtio.offered &= ~unasked[i].missing;
		TEST_ASSERT_SUCCESS(virtio_port_attach(""), "attach");
		conf.txmode.offloads = unasked[i].tx;
		TEST_ASSERT_SUCCESS(virtio_port_start_queues(1, 1, 64, &conf), "start");
		m = virtio_port_frame(100, 0xff); /* with CWR */
		m->l2_len = 14;
		m->l3_len = 20;
		m->l4_len = 20;
		m->tso_segsz = 30;
		m->ol_flags = unasked[i].flags | RTE_MBUF_F_TX_IPV4;
		TEST_ASSERT_SUCCESS(expect_prepared(m, unasked[i].prepared), "%u", i);
		TEST_ASSERT_EQUAL(rte_eth_tx_burst(virtio_port.id, 0, &m, 1), 1, "Tx");
		TEST_ASSERT_EQUAL(fake_virtio_sent_as(0, &sent, back, sizeof(back)), 100,
			"%u: not sent", i);
		TEST_ASSERT(sent.hdr.flags == unasked[i].hdr_flags &&
			sent.hdr.gso_type == unasked[i].gso_type,
			"%u: flags 0x%x, type 0x%x", i, sent.hdr.flags, sent.hdr.gso_type);
		TEST_ASSERT_SUCCESS(virtio_port_detach(), "detach");
		fake_virtio.offered |= unasked[i].missing;
	}
	return virtio_port_attach("");
}

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: offloads",
	.unit_test_cases = {
		TEST_CASE_ST(setup, teardown, test_rx_known),
		TEST_CASE_ST(setup, teardown, test_rx_unknown),
		TEST_CASE_ST(setup, teardown, test_rx_segments),
		TEST_CASE_ST(setup, teardown, test_rx_gso),
		TEST_CASE_ST(setup, teardown, test_rx_others),
		TEST_CASE_ST(setup, teardown, test_tx),
		TEST_CASE_ST(setup, teardown, test_prepare_refuses),
		TEST_CASE_ST(setup_port, virtio_port_stop, test_negotiated),
		TEST_CASE_ST(setup_port, virtio_port_stop, test_capabilities),
		TEST_CASE_ST(setup_port, virtio_port_stop, test_port),
		TEST_CASE_ST(setup_port, virtio_port_stop, test_not_negotiated),
		TEST_CASES_END()
	}
};

static int
test_virtio_offload(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(virtio_offload_autotest, test_virtio_offload);
