/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Hashes that the device reports (VIRTIO 1.2 s. 5.1.6.4.4), through rings: the header of
 * all frames, both ways, is longer by what they take.
 */

#include <string.h>

#include <linux/virtio_config.h>

#include "virtio_layout.h"

#define RING LAYOUT_RING
#define BURST LAYOUT_BURST
#define HEADER ((uint32_t)sizeof(struct virtio_net_hdr_v1_hash))
#define BUFFER_ROOM RTE_MBUF_DEFAULT_DATAROOM

static uint8_t frame[LAYOUT_FRAME_MAX], back[LAYOUT_FRAME_MAX];

static void
offer(void)
{
	fake_virtio_offer_ctrl(RTE_BIT64(VIRTIO_NET_F_HASH_REPORT) |
		RTE_BIT64(VIRTIO_NET_F_MQ), FAKE_VIRTIO_PAIRS);
	fake_virtio.config.rss_max_key_size = 40;
	fake_virtio.config.supported_hash_types =
		rte_cpu_to_le_32(VIRTIO_NET_RSS_HASH_TYPE_IPv4);
}

static void
configure(struct rte_eth_conf *conf)
{
	conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	conf->rx_adv_conf.rss_conf.rss_hf = RTE_ETH_RSS_IPV4;
}

static const struct virtio_layout_extras extras = { offer, configure };

static bool
negotiated(void)
{
	return (fake_virtio.accepted & RTE_BIT64(VIRTIO_NET_F_HASH_REPORT)) != 0 &&
		fake_virtio_header() == HEADER;
}

/* A report of a frame, random in all that nobody has to look at. */
static void
make_header(struct virtio_net_hdr_v1_hash *header, uint16_t report, uint32_t value)
{
	memset(header, 0, sizeof(*header));
	header->hash_value = rte_cpu_to_le_32(value);
	header->hash_report = rte_cpu_to_le_16(report);
	header->padding = layout_random(UINT16_MAX);
	header->hdr.hdr_len = layout_random(UINT16_MAX);
}

/* Kinds of reports: none, what there is, and what there is not. */
static uint16_t
choose_report(void)
{
	static const uint16_t unknown[] = { 10, 11, 256, 0x7fff, UINT16_MAX };
	uint32_t kind = layout_random(16);

	if (kind < 2)
		return VIRTIO_NET_HASH_REPORT_NONE;
	return kind < 5 ? unknown[layout_random(RTE_DIM(unknown))] :
		1 + layout_random(VIRTIO_NET_HASH_REPORT_UDPv6_EX);
}

static int
check(struct rte_mbuf *m, uint32_t seq, uint16_t report, uint32_t value)
{
	const uint32_t len = layout_frame_len(seq);
	bool hash = report > VIRTIO_NET_HASH_REPORT_NONE &&
		report <= VIRTIO_NET_HASH_REPORT_UDPv6_EX;
	const char *reason;

	TEST_ASSERT_EQUAL(m->ol_flags, hash ? RTE_MBUF_F_RX_RSS_HASH : 0,
		"report %u: flags 0x%lx", report, (unsigned long)m->ol_flags);
	TEST_ASSERT(!hash || m->hash.rss == value, "report %u: hash 0x%x, not 0x%x",
		report, m->hash.rss, value);
	layout_frame(seq, frame, len);
	TEST_ASSERT(m->pkt_len == len && m->port == virtio_port.id &&
		rte_mbuf_check(m, 1, &reason) == 0, "frame %u", seq);
	TEST_ASSERT_SUCCESS(memcmp(rte_pktmbuf_read(m, 0, len, back), frame, len),
		"frame %u: content", seq);
	rte_pktmbuf_free(m);
	return TEST_SUCCESS;
}

/* Bursts of frames of one and more buffers, each with a report of its own. */
static int
test_receive(void)
{
	struct virtio_net_hdr_v1_hash header;
	uint32_t values[RING], seq, got = 0;
	struct rte_mbuf *m[BURST];
	uint16_t reports[RING];
	uint16_t n, i;

	TEST_ASSERT(negotiated(), "no reports");
	for (seq = 0; seq < 40 * RING; ) {
		for (n = layout_random(20) + 1; n > 0; n--, seq++) {
			reports[seq % RING] = choose_report();
			values[seq % RING] = layout_random(UINT32_MAX);
			make_header(&header, reports[seq % RING], values[seq % RING]);
			layout_frame(seq, frame, layout_frame_len(seq));
			if (fake_virtio_receive_as(0, &header, frame,
					layout_frame_len(seq)) == 0)
				break;
		}
		while (got < seq) {
			n = layout_recv(m, layout_random(BURST) + 1);
			TEST_ASSERT(n > 0 && n <= seq - got, "%u frames of %u", n,
				seq - got);
			for (i = 0; i < n; i++, got++)
				TEST_ASSERT_SUCCESS(check(m[i], got,
					reports[got % RING], values[got % RING]),
					"frame %u", got);
		}
	}
	TEST_ASSERT(!layout_rx_queue()->broken, "broken by an honest device");
	return TEST_SUCCESS;
}

/* Only what follows the first buffer's header is a header, and it must all be there. */
static int
test_short(void)
{
	struct mirror_chain chain;
	struct rte_mbuf *m;
	uint32_t len;
	uint16_t n;

	for (len = 0; len < HEADER + RTE_ETHER_HDR_LEN + 8; len++) {
		TEST_ASSERT_EQUAL(mirror_ring_pop(layout_rx_ring(), &chain), 1, "pop");
		TEST_ASSERT_EQUAL(chain.buf[0].len, BUFFER_ROOM + HEADER, "%u bytes",
			chain.buf[0].len);
		memset(chain.buf[0].addr, 0, HEADER);
		chain.buf[0].addr[10] = 1;
		mirror_ring_push(layout_rx_ring(), chain.head, len);
		mirror_ring_publish(layout_rx_ring());
		n = layout_recv(&m, 1);
		TEST_ASSERT_EQUAL(n, len >= HEADER + RTE_ETHER_HDR_LEN, "%u bytes", len);
		if (n == 0)
			continue;
		TEST_ASSERT_EQUAL(m->pkt_len, len - HEADER, "%u bytes", len);
		rte_pktmbuf_free(m);
	}
	return TEST_SUCCESS;
}

/* The longer header is all zeros, and where there is room for it. */
static int
test_transmit(void)
{
	const struct virtio_net_hdr_v1_hash none = { .hash_value = 0 };
	struct virtio_net_hdr_v1_hash header;
	uint8_t before[HEADER];
	struct rte_mbuf *m;
	uint32_t round;
	uint16_t off;

	for (round = 0; round < 3 * RING; round++) {
		off = round % (HEADER + 2);
		m = rte_pktmbuf_alloc(virtio_port.pool);
		TEST_ASSERT_NOT_NULL(m, "no mbuf");
		memset(m->buf_addr, 0xff, off);
		m->data_off = off;
		layout_frame(round, (uint8_t *)rte_pktmbuf_append(m, 100), 100);
		memcpy(before, (char *)m->buf_addr - HEADER, HEADER);
		TEST_ASSERT_EQUAL(layout_send(&m, 1), 1, "not sent");
		TEST_ASSERT_SUCCESS(memcmp(before, (char *)m->buf_addr - HEADER, HEADER),
			"%u bytes of headroom: written to what lies before", off);
		TEST_ASSERT_EQUAL(fake_virtio_sent_as(0, &header, back, sizeof(back)),
			100, "%u bytes of headroom: length", off);
		TEST_ASSERT_SUCCESS(memcmp(&header, &none, sizeof(none)), "header");
		layout_frame(round, frame, 100);
		TEST_ASSERT_SUCCESS(memcmp(frame, back, 100), "content");
	}
	return TEST_SUCCESS;
}

static const struct virtio_layout_case cases[] = {
	{ "test_receive", test_receive, layout_is_offload },
	{ "test_short", test_short, layout_is_offload },
	{ "test_transmit", test_transmit, layout_is_offload },
};

static int
test_virtio_rx_hash(void)
{
	return virtio_layout_run_with("hash reports", &extras, cases, RTE_DIM(cases));
}

REGISTER_TEST_COMMAND(virtio_rx_hash_autotest, test_virtio_rx_hash);
