/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Offloads through the rings of each layout: VLAN tags, and headers of received frames
 * that the device may fill as it likes, over any number of buffers.
 */

#include <string.h>

#include <linux/virtio_config.h>

#include "tx_frames.h"
#include "virtio_layout.h"

#define RING LAYOUT_RING
#define ROUNDS 400
#define LEN_MAX 6000 /* of what is received */
#define TPID 0x8100

static uint8_t frame[10000], back[10000];

static void
offer(void)
{
	fake_virtio_offer(RTE_BIT64(VIRTIO_NET_F_GUEST_TSO4) |
		RTE_BIT64(VIRTIO_NET_F_GUEST_TSO6) | RTE_BIT64(VIRTIO_NET_F_GUEST_ECN) |
		RTE_BIT64(VIRTIO_NET_F_HOST_TSO4) | RTE_BIT64(VIRTIO_NET_F_HOST_TSO6) |
		RTE_BIT64(VIRTIO_NET_F_HOST_ECN));
}

static void
configure(struct rte_eth_conf *conf)
{
	conf->rxmode.max_lro_pkt_size = UINT16_MAX;
}

static const struct virtio_layout_extras extras = { offer, configure };

/* A length that the layout's frames can have. */
static uint32_t
random_len(void)
{
	return RTE_ETHER_HDR_LEN + layout_random((virtio_layout.mergeable ? LEN_MAX :
			RTE_ETHER_MAX_LEN) - RTE_ETHER_HDR_LEN);
}

/* The device gives a frame, of which so many bytes are in the first buffer. */
static int
give(struct virtio_net_hdr_v1 header, uint32_t len, uint32_t first)
{
	struct mirror_ring *ring = layout_rx_ring();
	uint32_t done = 0, skip = LAYOUT_HEADER, part;
	struct mirror_chain chain;
	uint8_t *start = NULL;
	uint16_t count = 0;

	for (; done < len; done += part, skip = 0, count++) {
		if (mirror_ring_pop(ring, &chain) != 1 || chain.nr_in != 1)
			return -1;
		if (count == 0)
			start = chain.buf[0].addr;
		part = RTE_MIN(len - done, chain.buf[0].len - skip);
		if (count == 0)
			part = RTE_MIN(part, first);
		memcpy(chain.buf[0].addr + skip, frame + done, part);
		mirror_ring_push(ring, chain.head, part + skip);
	}
	header.num_buffers = rte_cpu_to_le_16(count);
	memcpy(start, &header, LAYOUT_HEADER);
	mirror_ring_publish(ring);
	return 0;
}

/* Somewhere in the frame, not before its addresses. */
static uint32_t
random_first(uint32_t len)
{
	return virtio_layout.mergeable ? RTE_ETHER_HDR_LEN +
		layout_random(len - RTE_ETHER_HDR_LEN + 1) : len;
}

/* A frame of random bytes and an ethertype that nobody knows; or a tagged one. */
static void
make_frame(uint32_t len, uint16_t type, uint16_t tci)
{
	uint32_t i;

	for (i = 0; i < len; i++)
		frame[i] = layout_random(256);
	frame[12] = type >> 8;
	frame[13] = type & 0xff;
	frame[14] = tci >> 8;
	frame[15] = tci & 0xff;
}

static int
receive(struct rte_mbuf **m, uint32_t len)
{
	const char *reason;
	const void *data;

	TEST_ASSERT_EQUAL(layout_recv(m, 1), 1, "not received");
	TEST_ASSERT_SUCCESS(rte_mbuf_check(*m, 1, &reason), "%s", reason);
	TEST_ASSERT_EQUAL((*m)->pkt_len, len, "%u bytes, not %u", (*m)->pkt_len, len);
	data = rte_pktmbuf_read(*m, 0, len, back);
	if (data != back)
		memcpy(back, data, len);
	return TEST_SUCCESS;
}

/* A tag is taken out where all of it is in the first buffer. */
static int
test_strip(void)
{
	const struct virtio_net_hdr_v1 header = { .flags = 0 };
	uint32_t round, len, first;
	struct rte_mbuf *m;
	uint16_t tci;
	bool strip;

	for (round = 0; round < ROUNDS; round++) {
		len = random_len() + 4;
		first = round % 2 == 0 ? random_first(len) : RTE_MIN(len, 14 + round % 8);
		if (!virtio_layout.mergeable)
			first = len;
		tci = layout_random(UINT16_MAX + 1);
		/* a tag of services stays where it is */
		strip = round % 5 != 0 && first >= 18;
		make_frame(len, round % 5 != 0 ? TPID : RTE_ETHER_TYPE_QINQ, tci);
		TEST_ASSERT_SUCCESS(give(header, len, first), "no buffers");
		TEST_ASSERT_SUCCESS(receive(&m, strip ? len - 4 : len), "%u of %u",
			first, len);
		TEST_ASSERT_EQUAL(m->ol_flags, strip ? RTE_MBUF_F_RX_VLAN |
			RTE_MBUF_F_RX_VLAN_STRIPPED : 0, "%u of %u: flags", first, len);
		TEST_ASSERT(!strip || m->vlan_tci == tci, "tag 0x%x, not 0x%x",
			m->vlan_tci, tci);
		rte_pktmbuf_free(m);
		if (strip)
			memmove(frame + 12, frame + 16, len - 16);
		TEST_ASSERT_SUCCESS(memcmp(frame, back, strip ? len - 4 : len),
			"%u of %u: content", first, len);
	}
	return TEST_SUCCESS;
}

static bool
can_insert(const struct rte_mbuf *m)
{
	return RTE_MBUF_DIRECT(m) && rte_mbuf_refcnt_read(m) == 1 &&
		m->data_len >= 12 && m->data_off >= 4;
}

/* What the device got of a frame that was sent with this tag. 0 or -1. */
static int
check_tagged(uint32_t seq, uint16_t tci)
{
	const uint8_t tag[] = { TPID >> 8, TPID & 0xff, tci >> 8, tci & 0xff };
	uint32_t len = layout_frame_len(seq);

	layout_frame(seq, frame, len);
	if (fake_virtio_sent(back, sizeof(back)) != (int)len + 4 ||
			memcmp(back, frame, 12) != 0 || memcmp(back + 12, tag, 4) != 0)
		return -1;
	return memcmp(back + 16, frame + 12, len - 12);
}

/* Frames of all kinds: what others hold is not shifted, but dropped and counted. */
static int
insert(void)
{
	uint64_t errors = 0;
	struct tx_frame tx;
	uint32_t round;
	uint16_t tci;
	bool can;

	for (round = 0; round < ROUNDS; round++) {
		TEST_ASSERT_SUCCESS(tx_frame_make(&tx, round % TX_FRAME_KINDS, round),
			"no frame");
		can = can_insert(tx.m);
		tci = layout_random(UINT16_MAX + 1);
		tx.m->ol_flags |= RTE_MBUF_F_TX_VLAN;
		tx.m->vlan_tci = tci;
		TEST_ASSERT_EQUAL(layout_send(&tx.m, 1), 1, "not sent");
		errors += !can;
		TEST_ASSERT_EQUAL(layout_tx_queue()->stats.errors, errors,
			"kind %u: not counted, or dropped", round % TX_FRAME_KINDS);
		if (can)
			TEST_ASSERT_SUCCESS(check_tagged(tx.seq, tci), "kind %u",
				round % TX_FRAME_KINDS);
		TEST_ASSERT_EQUAL(mirror_ring_pending(layout_tx_ring()), 0, "more");
		rte_eth_tx_done_cleanup(virtio_port.id, 0, 0);
		TEST_ASSERT_SUCCESS(tx_frame_end(&tx), "kind %u",
			round % TX_FRAME_KINDS);
	}
	return TEST_SUCCESS;
}

/* Ask for a checksum, or segments; and what the device is to be told then. */
static struct virtio_net_hdr_v1
ask(struct rte_mbuf *m, bool segments)
{
	struct virtio_net_hdr_v1 header = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_offset = rte_cpu_to_le_16(16),
	};

	m->l2_len = RTE_ETHER_HDR_LEN + 4 * layout_random(3);
	m->l3_len = 20 + 4 * layout_random(11);
	m->l4_len = 20;
	m->tso_segsz = 100 + layout_random(1000);
	m->ol_flags |= RTE_MBUF_F_TX_IPV4 | (segments ? RTE_MBUF_F_TX_TCP_SEG :
			RTE_MBUF_F_TX_TCP_CKSUM);
	header.csum_start = rte_cpu_to_le_16(m->l2_len + m->l3_len);
	if (segments) {
		header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
		header.gso_size = rte_cpu_to_le_16(m->tso_segsz);
		header.hdr_len = rte_cpu_to_le_16(m->l2_len + m->l3_len + 20);
	}
	return header;
}

/* VIRTIO 1.2 s. 5.1.6.2.1: the device is told of segments of which one has CWR (RFC 3168). */
static void
expect_ecn(struct virtio_net_hdr_v1 *want, uint32_t len)
{
	uint32_t at = rte_le_to_cpu_16(want->csum_start) + 13;

	if (want->gso_type != VIRTIO_NET_HDR_GSO_NONE && at < len &&
			(frame[at] & 0x80) != 0)
		want->gso_type |= VIRTIO_NET_HDR_GSO_ECN;
}

static int
check_sent(uint32_t len, struct virtio_net_hdr_v1 *want)
{
	struct virtio_net_hdr_v1_hash header;
	int got = fake_virtio_sent_as(0, &header, back, sizeof(back));

	expect_ecn(want, len);
	TEST_ASSERT_EQUAL(got, (int)len, "%d bytes, not %u", got, len);
	TEST_ASSERT_SUCCESS(memcmp(&header, want, LAYOUT_HEADER), "header");
	TEST_ASSERT_SUCCESS(memcmp(back, frame, len), "content");
	return TEST_SUCCESS;
}

/* The header is right wherever it lies: in the headroom of a frame, or apart. */
static int
ask_of_all(void)
{
	struct virtio_net_hdr_v1 header;
	struct tx_frame tx;
	uint32_t round;

	for (round = 0; round < ROUNDS; round++) {
		TEST_ASSERT_SUCCESS(tx_frame_make(&tx, round % TX_FRAME_KINDS, round),
			"no frame");
		memset(&header, 0, sizeof(header));
		if (round % 3 != 0)
			header = ask(tx.m, round % 3 == 1);
		layout_frame(tx.seq, frame, layout_frame_len(tx.seq));
		TEST_ASSERT_EQUAL(layout_send(&tx.m, 1), 1, "not sent");
		TEST_ASSERT_SUCCESS(check_sent(layout_frame_len(tx.seq), &header),
			"kind %u", round % TX_FRAME_KINDS);
		rte_eth_tx_done_cleanup(virtio_port.id, 0, 0);
		TEST_ASSERT_SUCCESS(tx_frame_end(&tx), "kind %u",
			round % TX_FRAME_KINDS);
	}
	return TEST_SUCCESS;
}

/* The device cuts it up: longer than its MTU is right for segments, and for them only. */
static int
test_long(void)
{
	struct virtio_net_hdr_v1 header;
	struct rte_mbuf *m;
	uint32_t round, i;

	for (round = 0; round < 2 * RING; round++) {
		m = virtio_port_frame(2000, round);
		for (i = 1; i < 5; i++)
			rte_pktmbuf_chain(m, virtio_port_frame(2000, round));
		header = ask(m, round % 2 == 0);
		memset(frame, round, sizeof(frame));
		TEST_ASSERT_EQUAL(layout_send(&m, 1), 1, "not sent");
		if (round % 2 == 0)
			TEST_ASSERT_SUCCESS(check_sent(10000, &header), "segments");
		TEST_ASSERT_EQUAL(mirror_ring_pending(layout_tx_ring()), 0,
			"longer than the device can send");
		TEST_ASSERT_EQUAL(layout_tx_queue()->stats.errors, (round + 1) / 2,
			"not counted");
	}
	return TEST_SUCCESS;
}

static int
test_insert(void)
{
	return tx_frames_run(insert);
}

static int
test_ask(void)
{
	return tx_frames_run(ask_of_all);
}

/* A full ring: the frame is sent later, with one tag. */
static int
test_insert_full(void)
{
	struct rte_mbuf *m, *full[RING];
	uint32_t i;

	for (i = 0; i < RING; i++)
		full[i] = virtio_port_frame(60, 1);
	TEST_ASSERT_EQUAL(layout_send(full, RING), RING, "no room");
	m = layout_mbuf(virtio_port.pool, 3);
	m->ol_flags |= RTE_MBUF_F_TX_VLAN;
	m->vlan_tci = 0x1234;
	for (i = 0; i < 3; i++)
		TEST_ASSERT_EQUAL(layout_send(&m, 1), 0, "sent");
	for (i = 0; i < RING; i++)
		TEST_ASSERT_EQUAL(fake_virtio_sent(back, sizeof(back)), 60, "%u", i);
	TEST_ASSERT_EQUAL(layout_send(&m, 1), 1, "not sent");
	TEST_ASSERT_SUCCESS(check_tagged(3, 0x1234), "the tag");
	return TEST_SUCCESS;
}

/* RFC 1071, as bytes. */
static uint16_t
sum_of(const uint8_t *data, uint32_t len)
{
	uint32_t sum = 0, i;

	for (i = 0; i < len; i++)
		sum += i % 2 == 0 ? data[i] << 8 : data[i];
	while (sum > UINT16_MAX)
		sum = (sum >> 16) + (sum & UINT16_MAX);
	return sum;
}

/* Inside of what there is, beyond one of the ends, or anywhere. */
static uint16_t
random_place(uint32_t first, uint32_t len)
{
	switch (layout_random(4)) {
	case 0:
		return layout_random(first);
	case 1:
		return first - 4 + layout_random(8);
	case 2:
		return len - 4 + layout_random(8);
	default:
		return layout_random(UINT16_MAX + 1);
	}
}

/*
 * NEEDS_CSUM of a protocol that applications do not look for: computed over all buffers,
 * if start and place are the frame's and the place is in its first one.
 */
static int
test_checksum(void)
{
	struct virtio_net_hdr_v1 header = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM };
	uint32_t round, len, first, start, at, computed = 0;
	struct rte_mbuf *m;
	uint16_t csum;

	for (round = 0; round < 5 * ROUNDS; round++) {
		len = random_len();
		first = random_first(len);
		make_frame(len, 0x88b5, round);
		start = random_place(first, len);
		at = layout_random(2) == 0 ? layout_random(64) : random_place(first, len);
		header.csum_start = rte_cpu_to_le_16(start);
		header.csum_offset = rte_cpu_to_le_16(at);
		at += start;
		TEST_ASSERT_SUCCESS(give(header, len, first), "no buffers");
		TEST_ASSERT_SUCCESS(receive(&m, len), "%u of %u", first, len);
		TEST_ASSERT_EQUAL(m->ol_flags, 0, "flags");
		first = m->data_len; /* as many as a buffer holds */
		rte_pktmbuf_free(m);
		if (start < len && at + 2 <= first) {
			csum = ~sum_of(frame + start, len - start);
			csum = csum == 0 ? UINT16_MAX : csum;
			/* the sum of words lies as words do, wherever it begins */
			frame[at] = csum >> 8;
			frame[at + 1] = csum & 0xff;
			computed++;
		}
		TEST_ASSERT_SUCCESS(memcmp(frame, back, len),
			"start %u, place %u: %u of %u bytes", start, at, first, len);
	}
	TEST_ASSERT(computed > ROUNDS / 10, "hardly any was computed: %u", computed);
	return TEST_SUCCESS;
}

static bool
is_gso(uint8_t type)
{
	type &= ~VIRTIO_NET_HDR_GSO_ECN;
	return type == VIRTIO_NET_HDR_GSO_TCPV4 || type == VIRTIO_NET_HDR_GSO_UDP ||
		type == VIRTIO_NET_HDR_GSO_TCPV6 || type == 5;
}

/* Segments that were joined, or cannot have been: those are dropped, with all buffers. */
static int
test_lro(void)
{
	uint64_t errors = 0;
	struct virtio_net_hdr_v1 header = { .flags = 0 };
	uint32_t round, len, known;
	struct rte_mbuf *m;
	uint16_t size;
	bool drop;

	for (round = 0; round < 5 * ROUNDS; round++) {
		len = random_len();
		make_frame(len, 0x88b5, round);
		header.gso_type = layout_random(2) == 0 ? layout_random(8) :
			layout_random(256);
		size = layout_random(4) == 0 ? 0 : layout_random(UINT16_MAX + 1);
		header.gso_size = rte_cpu_to_le_16(size);
		header.hdr_len = rte_cpu_to_le_16(layout_random(UINT16_MAX + 1));
		known = is_gso(header.gso_type);
		drop = (header.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) != 0 &&
			(!known || size == 0);
		TEST_ASSERT_SUCCESS(give(header, len, random_first(len)), "no buffers");
		errors += drop;
		if (drop) {
			TEST_ASSERT_EQUAL(layout_recv(&m, 1), 0, "type %u, size %u",
				header.gso_type, size);
		} else {
			TEST_ASSERT_SUCCESS(receive(&m, len), "type %u, size %u",
				header.gso_type, size);
			TEST_ASSERT_EQUAL(m->ol_flags, known ? RTE_MBUF_F_RX_LRO : 0,
				"type %u", header.gso_type);
			TEST_ASSERT(!known || m->tso_segsz == size, "size %u, not %u",
				m->tso_segsz, size);
			rte_pktmbuf_free(m);
			TEST_ASSERT_SUCCESS(memcmp(frame, back, len), "content");
		}
		TEST_ASSERT_EQUAL(layout_rx_queue()->stats.errors, errors,
			"type %u, size %u: not counted", header.gso_type, size);
	}
	TEST_ASSERT(!layout_rx_queue()->broken && errors > 0, "broken, or no errors");
	return TEST_SUCCESS;
}

static bool
is_offload_mergeable(void)
{
	return virtio_layout.offload && virtio_layout.mergeable;
}

static const struct virtio_layout_case cases[] = {
	{ "test_strip", test_strip, layout_is_offload },
	{ "test_insert", test_insert, layout_is_offload },
	{ "test_ask", test_ask, layout_is_offload },
	/* in others, the device has no MTU */
	{ "test_long", test_long, is_offload_mergeable },
	{ "test_insert_full", test_insert_full, layout_is_offload },
	{ "test_checksum", test_checksum, layout_is_offload },
	{ "test_lro", test_lro, layout_is_offload },
};

static int
test_virtio_ring_offload(void)
{
	return virtio_layout_run_with("offloads on rings", &extras, cases,
			RTE_DIM(cases));
}

REGISTER_TEST_COMMAND(virtio_ring_offload_autotest, test_virtio_ring_offload);
