/* SPDX-License-Identifier: BSD-3-Clause */

#include <stdio.h>
#include <string.h>

#include <virtio_rxtx.h>

#include "fake_vfio.h"
#include "virtio_layout.h"

#define RING LAYOUT_RING
#define BURST LAYOUT_BURST

static uint8_t frame[65536], back[65536];

/* Instruction sets that the processor may have. */
static const char * const vector_sets[] = {
#if defined(RTE_ARCH_X86)
	"SSE", "AVX2", "AVX512",
#elif defined(RTE_ARCH_ARM64)
	"NEON",
#else
	"128",
#endif
};

/* Is it the name, and the set behind it if there is to be one? 0 or -1. */
static int
compare_name(const char *info, const char *want)
{
	size_t len = strlen(want), i;

	if (strncmp(info, want, len) != 0)
		return -1;
	if (!virtio_layout.vector)
		return info[len] == '\0' ? 0 : -1;
	for (i = 0; i < RTE_DIM(vector_sets); i++) {
		if (strcmp(info + len, vector_sets[i]) == 0)
			return 0;
	}
	return -1;
}

static int
test_names(void)
{
	char want[RTE_ETH_BURST_MODE_INFO_SIZE];
	struct rte_eth_burst_mode mode;

	TEST_ASSERT_SUCCESS(rte_eth_rx_burst_mode_get(virtio_port.id, 0, &mode), "Rx");
	snprintf(want, sizeof(want), "%s%s%s%s%s",
		virtio_layout.packed ? "Packed" : "Split",
		virtio_layout.in_order ? " In-Order" : "",
		virtio_layout.mergeable ? " Mergeable" : "",
		virtio_layout.offload ? " Offload" : "",
		virtio_layout.vector ? " Vector " : "");
	TEST_ASSERT_SUCCESS(compare_name(mode.info, want), "'%s', not '%s'", mode.info, want);
	TEST_ASSERT_SUCCESS(rte_eth_tx_burst_mode_get(virtio_port.id, 0, &mode), "Tx");
	snprintf(want, sizeof(want), "%s%s%s%s",
		virtio_layout.packed ? "Packed" : "Split",
		virtio_layout.in_order ? " In-Order" : "",
		virtio_layout.offload ? " Offload" : "",
		virtio_layout.vector ? " Vector " : "");
	TEST_ASSERT_SUCCESS(compare_name(mode.info, want), "'%s', not '%s'", mode.info, want);
	return TEST_SUCCESS;
}

/* Every length that one buffer holds, and both ends of it. */
static int
test_receive(void)
{
	struct rte_mbuf *m;
	uint32_t len;

	TEST_ASSERT_EQUAL(mirror_ring_pending(layout_rx_ring()), RING,
		"%u buffers at start", mirror_ring_pending(layout_rx_ring()));
	TEST_ASSERT_EQUAL(layout_recv(&m, 1), 0, "a frame from nowhere");
	for (len = 14; len <= 2048; len++) {
		layout_frame(len, frame, len);
		TEST_ASSERT_EQUAL(fake_virtio_receive(frame, len), 1, "length %u", len);
		TEST_ASSERT_EQUAL(layout_recv(&m, 1), 1, "length %u", len);
		TEST_ASSERT(m->pkt_len == len && m->data_len == len &&
			m->nb_segs == 1 && m->next == NULL && m->ol_flags == 0 &&
			m->port == virtio_port.id && m->packet_type == 0,
			"length %u", len);
		TEST_ASSERT_SUCCESS(memcmp(rte_pktmbuf_mtod(m, void *), frame, len),
			"length %u: content", len);
		rte_pktmbuf_free(m);
	}
	return TEST_SUCCESS;
}

/* More frames wait than a burst takes. */
static int
test_receive_bursts(void)
{
	struct rte_mbuf *m[BURST];
	uint32_t seq, next = 0;
	uint16_t n, i, want;

	for (seq = 0; seq < 3 * RING; ) {
		while (seq < next + 24) {
			layout_frame(seq, frame, layout_frame_len(seq));
			if (fake_virtio_receive(frame, layout_frame_len(seq)) == 0)
				break;
			seq++;
		}
		for (want = 1; next < seq; want = want * 3 % 31) {
			n = layout_recv(m, want);
			TEST_ASSERT_EQUAL(n, RTE_MIN(want, seq - next), "%u of %u",
				n, want);
			for (i = 0; i < n; i++)
				TEST_ASSERT_SUCCESS(layout_check_mbuf(m[i], next++),
					"frame %u", next - 1);
		}
	}
	return TEST_SUCCESS;
}

/* VIRTIO 1.2 s. 5.1.6.4: a frame over several buffers, of which one has the header. */
static int
test_mergeable(void)
{
	static const uint32_t lens[] = {
		2049, 5000, 60, 2048 + 2060, 2048 + 2060 + 1, 9018,
	};
	struct rte_mbuf *m;
	unsigned int i;
	uint32_t segs;

	for (i = 0; i < RTE_DIM(lens); i++) {
		segs = lens[i] <= 2048 ? 1 : 1 + (lens[i] - 2048 + 2059) / 2060;
		layout_frame(i, frame, lens[i]);
		TEST_ASSERT_EQUAL(fake_virtio_receive(frame, lens[i]), segs, "%u",
			lens[i]);
		TEST_ASSERT_EQUAL(layout_recv(&m, 1), 1, "%u", lens[i]);
		TEST_ASSERT(m->pkt_len == lens[i] && m->nb_segs == segs, "%u: %u in %u",
			lens[i], m->pkt_len, m->nb_segs);
		rte_mbuf_sanity_check(m, 1);
		TEST_ASSERT_SUCCESS(memcmp(rte_pktmbuf_read(m, 0, lens[i], back), frame,
			lens[i]), "%u: content", lens[i]);
		rte_pktmbuf_free(m);
	}
	return TEST_SUCCESS;
}

/* A frame of which not all buffers are there yet is left for the next burst. */
static int
test_mergeable_incomplete(void)
{
	struct mirror_chain chain[3];
	struct rte_mbuf *m[BURST];
	uint32_t lens[3], round;
	uint16_t i;

	for (round = 0; round < 3 * RING; round++) {
		for (i = 0; i < 3; i++)
			TEST_ASSERT_EQUAL(mirror_ring_pop(layout_rx_ring(),
				&chain[i]), 1, "pop");
		TEST_ASSERT_EQUAL(layout_write(chain, 3, round, 5000, lens), 3, "?");
		for (i = 0; i < 3; i++) {
			TEST_ASSERT_EQUAL(layout_recv(m, BURST), 0, "with %u", i);
			mirror_ring_push(layout_rx_ring(), chain[i].head, lens[i]);
			mirror_ring_publish(layout_rx_ring());
		}
		TEST_ASSERT_EQUAL(layout_recv(m, BURST), 1, "the frame");
		layout_frame(round, frame, 5000);
		TEST_ASSERT(m[0]->nb_segs == 3 && m[0]->pkt_len == 5000, "?");
		TEST_ASSERT_SUCCESS(memcmp(rte_pktmbuf_read(m[0], 0, 5000, back), frame,
			5000), "content");
		rte_pktmbuf_free(m[0]);
	}
	return TEST_SUCCESS;
}

static int
test_transmit(void)
{
	struct rte_mbuf *m;
	uint32_t len;

	for (len = 1; len <= 2048; len++) {
		m = virtio_port_frame(len, len);
		TEST_ASSERT_EQUAL(layout_send(&m, 1), 1, "length %u", len);
		TEST_ASSERT_EQUAL(fake_virtio_sent(back, sizeof(back)), (int)len,
			"length %u", len);
		TEST_ASSERT_EQUAL(back[0], (uint8_t)len, "content");
		TEST_ASSERT_EQUAL(back[len - 1], (uint8_t)len, "content");
	}
	TEST_ASSERT_EQUAL(mirror_ring_pending(layout_tx_ring()), 0, "more frames");
	return TEST_SUCCESS;
}

/* What a frame has where its header goes; the device gets zeros, which it looks at itself. */
static int
test_transmit_headers(void)
{
	struct rte_mbuf *m[BURST];
	unsigned int dirty, i, at;

	/* none of a burst, each one, all; each byte */
	for (dirty = 0; dirty <= BURST + 1; dirty++) {
		at = dirty % LAYOUT_HEADER;
		for (i = 0; i < BURST; i++) {
			m[i] = virtio_port_frame(60, i);
			memset(rte_pktmbuf_mtod_offset(m[i], char *, -LAYOUT_HEADER), 0,
				LAYOUT_HEADER);
			if (i + 1 == dirty || dirty == BURST + 1)
				*rte_pktmbuf_mtod_offset(m[i], uint8_t *,
					(int)at - LAYOUT_HEADER) = 0x80;
		}
		TEST_ASSERT_EQUAL(layout_send(m, BURST), BURST, "not sent");
		for (i = 0; i < BURST; i++)
			TEST_ASSERT_EQUAL(fake_virtio_sent(back, sizeof(back)), 60,
				"frame %u, %u dirty, byte %u", i, dirty, at);
	}
	return TEST_SUCCESS;
}

/* Segments become a chain; without headroom, or shared, the header is apart. */
static int
test_transmit_chains(void)
{
	struct rte_mbuf *m, *clone;

	m = virtio_port_frame(100, 1);
	TEST_ASSERT_SUCCESS(rte_pktmbuf_chain(m, virtio_port_frame(200, 2)), "?");
	TEST_ASSERT_SUCCESS(rte_pktmbuf_chain(m, virtio_port_frame(300, 3)), "?");
	TEST_ASSERT_EQUAL(layout_send(&m, 1), 1, "not sent");
	TEST_ASSERT_EQUAL(fake_virtio_sent(back, sizeof(back)), 600, "length");
	TEST_ASSERT(back[99] == 1 && back[100] == 2 && back[300] == 3 &&
		back[599] == 3, "content");

	m = virtio_port_frame(100, 4);
	clone = rte_pktmbuf_clone(m, virtio_port.pool);
	TEST_ASSERT_NOT_NULL(clone, "no clone");
	TEST_ASSERT_EQUAL(layout_send(&clone, 1), 1, "not sent");
	TEST_ASSERT_EQUAL(fake_virtio_sent(back, sizeof(back)), 100, "length");
	TEST_ASSERT_EQUAL(back[0], 4, "content");
	rte_pktmbuf_free(m);

	m = virtio_port_frame(100, 5);
	rte_pktmbuf_prepend(m, rte_pktmbuf_headroom(m) - LAYOUT_HEADER + 1);
	TEST_ASSERT_EQUAL(layout_send(&m, 1), 1, "not sent");
	TEST_ASSERT_EQUAL(fake_virtio_sent(back, sizeof(back)),
		100 + RTE_PKTMBUF_HEADROOM - LAYOUT_HEADER + 1, "length");
	return TEST_SUCCESS;
}

/* The device gets no buffer of no bytes (the mirror refuses these). */
static int
test_transmit_empty_segments(void)
{
	unsigned int i, j;
	struct rte_mbuf *m;

	for (i = 0; i < 8; i++) {
		m = virtio_port_frame(i & 1 ? 0 : 14, 1);
		for (j = 1; j < 3; j++)
			TEST_ASSERT_SUCCESS(rte_pktmbuf_chain(m, virtio_port_frame(
				i >> j & 1 ? 0 : 14, 1)), "?");
		TEST_ASSERT_EQUAL(layout_send(&m, 1), 1, "not sent");
		TEST_ASSERT_EQUAL(fake_virtio_sent(back, sizeof(back)),
			14 * (3 - __builtin_popcount(i)), "length (%u)", i);
	}
	return TEST_SUCCESS;
}

/* The ring is full, and goes on when the device has taken something. */
static int
test_transmit_full(void)
{
	struct rte_mbuf *m[2 * RING];
	struct mirror_chain chain;
	uint16_t n, i, round;
	uint32_t next = 0;

	for (round = 0; round < 5; round++) {
		for (i = 0; i < RING + 10; i++) {
			m[i] = virtio_port_frame(60, next + i);
			TEST_ASSERT_NOT_NULL(m[i], "mbufs are lost");
		}
		n = layout_send(m, RING + 10);
		TEST_ASSERT_EQUAL(n, RING, "%u frames", n);
		TEST_ASSERT_EQUAL(layout_send(m + n, 10), 0, "more than there is room");
		TEST_ASSERT_EQUAL(fake_virtio_sent(back, sizeof(back)), 60, "length");
		TEST_ASSERT_EQUAL(back[20], (uint8_t)next, "order");
		TEST_ASSERT_EQUAL(layout_send(m + n, 10), 1, "no room for one more");
		rte_pktmbuf_free_bulk(m + n + 1, 9);
		for (i = 0; i < RING; i++) {
			TEST_ASSERT_EQUAL(fake_virtio_sent(back, sizeof(back)), 60,
				"frame %u", i);
			TEST_ASSERT_EQUAL(back[20], (uint8_t)(next + 1 + i), "order");
		}
		TEST_ASSERT_EQUAL(mirror_ring_pop(layout_tx_ring(), &chain), 0, "more");
		next += RING + 1;
	}
	return TEST_SUCCESS;
}

/* Chains fill the ring too: one that does not fit waits, whole. */
static int
test_transmit_full_chains(void)
{
	struct rte_mbuf *m[RING];
	struct mirror_chain chain;
	uint16_t n, i, j, round;

	for (round = 0; round < 2 * RING; round++) {
		for (i = 0; i < RING / 3 + 1; i++) {
			m[i] = virtio_port_frame(20, i);
			for (j = 0; j < 2; j++)
				TEST_ASSERT_SUCCESS(rte_pktmbuf_chain(m[i],
					virtio_port_frame(20, i)), "?");
		}
		n = layout_send(m, RING / 3 + 1);
		TEST_ASSERT_EQUAL(n, RING / 3, "%u chains", n);
		rte_pktmbuf_free(m[RING / 3]);
		for (i = 0; i < n; i++) {
			TEST_ASSERT_EQUAL(mirror_ring_pop(layout_tx_ring(), &chain), 1,
				"pop");
			TEST_ASSERT_EQUAL(chain.nr_out, 3, "%u", chain.nr_out);
			mirror_ring_push(layout_tx_ring(), chain.head, 0);
		}
		mirror_ring_publish(layout_tx_ring());
	}
	return TEST_SUCCESS;
}

static int
send_segments(uint16_t count, struct mirror_chain *chains)
{
	struct rte_mbuf *m;
	uint16_t i;

	for (i = 0; i < count; i++) {
		m = virtio_port_frame(100, i);
		rte_pktmbuf_chain(m, virtio_port_frame(200, i));
		TEST_ASSERT_SUCCESS(rte_pktmbuf_chain(m, virtio_port_frame(300, i)), "?");
		TEST_ASSERT_EQUAL(layout_send(&m, 1), 1, "not sent");
		TEST_ASSERT_EQUAL(mirror_ring_pop(layout_tx_ring(), &chains[i]), 1, "pop");
		TEST_ASSERT(chains[i].nr_out == 3 && chains[i].buf[0].len ==
			100u + LAYOUT_HEADER && chains[i].buf[2].len == 300, "chain %u", i);
	}
	return TEST_SUCCESS;
}

/* The device has sent a frame: one fewer is outstanding. */
static int
return_segments(const struct mirror_chain *chain)
{
	struct virtqueue *vq = layout_tx_queue();
	uint16_t before = virtqueue_tx_outstanding(vq);

	mirror_ring_push(layout_tx_ring(), chain->head, 0);
	mirror_ring_publish(layout_tx_ring());
	virtio_reclaim(vq);
	TEST_ASSERT(!vq->broken, "broken");
	TEST_ASSERT_EQUAL(virtqueue_tx_outstanding(vq), before - 1, "not taken back");
	return TEST_SUCCESS;
}

/*
 * Segments that are kept apart while the device has them come back in turn, out of turn, and
 * not at all.
 */
static int
test_transmit_segments(void)
{
	struct mirror_chain chain[4];
	uint16_t round, i;

	for (round = 0; round < RING; round++) {
		TEST_ASSERT_SUCCESS(send_segments(4, chain), "round %u", round);
		TEST_ASSERT_EQUAL(layout_tx_queue()->nr_segments, 4, "one by one");
		for (i = 0; i < 4; i++)
			TEST_ASSERT_SUCCESS(return_segments(&chain[i]), "round %u",
				round);
		TEST_ASSERT_EQUAL(virtqueue_free_count(layout_tx_queue()), RING, "room");
	}
	TEST_ASSERT_SUCCESS(send_segments(4, chain), "?");
	if (layout_is_in_order())
		return TEST_SUCCESS; /* the rest is the stop's */
	for (i = 0; i < 4; i++)
		TEST_ASSERT_SUCCESS(return_segments(&chain[i ^ 1]), "frame %u", i ^ 1);
	TEST_ASSERT_EQUAL(virtqueue_free_count(layout_tx_queue()), RING, "room");
	return send_segments(4, chain);
}

/* A frame of more segments than the ring has descriptors can never be sent. */
static int
test_transmit_too_long(void)
{
	struct rte_mbuf *m = virtio_port_frame(60, 1);
	struct rte_eth_stats stats;
	unsigned int i;

	for (i = 0; i < RING; i++)
		rte_pktmbuf_chain(m, virtio_port_frame(1, 1));
	TEST_ASSERT_EQUAL(layout_send(&m, 1), 1, "kept for ever");
	rte_eth_stats_get(virtio_port.id, &stats);
	TEST_ASSERT_EQUAL(stats.oerrors, 1, "not counted");
	TEST_ASSERT_EQUAL(stats.opackets, 0, "counted as sent");
	TEST_ASSERT_EQUAL(mirror_ring_pending(layout_tx_ring()), 0, "sent");
	return TEST_SUCCESS;
}

/* An empty pool: counted, and reception goes on when there are mbufs again. */
static int
test_no_mbufs(void)
{
	static struct rte_mbuf *all[2048];
	struct rte_mbuf *m[2 * RING];
	struct rte_eth_stats stats;
	unsigned int count = 0, i, n;

	while ((all[count] = rte_pktmbuf_alloc(virtio_port.pool)) != NULL)
		count++;
	layout_frame(0, frame, 60);
	for (i = 0; i < RING; i++)
		TEST_ASSERT_EQUAL(fake_virtio_receive(frame, 60), 1, "frame %u", i);
	TEST_ASSERT_EQUAL(layout_recv(m, RING), RING, "frames");
	TEST_ASSERT_EQUAL(layout_recv(m + RING, RING), 0, "more frames");
	rte_eth_stats_get(virtio_port.id, &stats);
	TEST_ASSERT(stats.rx_nombuf > 0, "not counted");
	TEST_ASSERT_EQUAL(mirror_ring_pending(layout_rx_ring()), 0, "buffers");
	/* one mbuf is better than none */
	rte_pktmbuf_free(m[--i]);
	TEST_ASSERT_EQUAL(layout_recv(m + RING, 1), 0, "more frames");
	n = mirror_ring_pending(layout_rx_ring());
	TEST_ASSERT_EQUAL(n, 1, "%u buffers", n);
	rte_pktmbuf_free_bulk(m, i);
	rte_pktmbuf_free_bulk(all, count);
	TEST_ASSERT_EQUAL(layout_recv(m, BURST), 0, "frames");
	n = mirror_ring_pending(layout_rx_ring());
	TEST_ASSERT_EQUAL(n, RING, "%u buffers", n);
	TEST_ASSERT_EQUAL(fake_virtio_receive(frame, 60), 1, "no buffer");
	TEST_ASSERT_EQUAL(layout_recv(m, BURST), 1, "frames");
	rte_pktmbuf_free(m[0]);
	return TEST_SUCCESS;
}

static int
send_one(void)
{
	struct rte_mbuf *m = virtio_port_frame(60, 1);

	return layout_send(&m, 1) == 1 ? 0 : -1;
}

/* VIRTIO 1.2 s. 2.7.10 and 2.8.10: no kicks where the device does not want them. */
static int
test_kicks(void)
{
	fake_virtio.kicks = 0;
	TEST_ASSERT_SUCCESS(send_one(), "not sent");
	TEST_ASSERT_EQUAL(fake_virtio.kicks, 1, "%u kicks", fake_virtio.kicks);
	mirror_ring_want_kicks(layout_tx_ring(), false);
	TEST_ASSERT_SUCCESS(send_one(), "not sent");
	TEST_ASSERT_EQUAL(fake_virtio.kicks, 1, "%u kicks", fake_virtio.kicks);
	/* and the driver polls: it wants no interrupts */
	TEST_ASSERT(!mirror_ring_wants_interrupt(layout_rx_ring()) &&
		!mirror_ring_wants_interrupt(layout_tx_ring()), "it wants interrupts");
	/* a doorbell that fails breaks the queue */
	mirror_ring_want_kicks(layout_tx_ring(), true);
	fake_vfio.fail = FAKE_OP_REGION_WRITE;
	TEST_ASSERT_SUCCESS(send_one(), "not sent");
	return layout_expect_broken(layout_tx_queue());
}

static const struct virtio_layout_case cases[] = {
	{ "test_names", test_names, NULL },
	{ "test_receive", test_receive, NULL },
	{ "test_receive_bursts", test_receive_bursts, NULL },
	{ "test_mergeable", test_mergeable, layout_is_mergeable },
	{ "test_mergeable_incomplete", test_mergeable_incomplete, layout_is_mergeable },
	{ "test_transmit", test_transmit, NULL },
	{ "test_transmit_headers", test_transmit_headers, NULL },
	{ "test_transmit_chains", test_transmit_chains, NULL },
	{ "test_transmit_empty_segments", test_transmit_empty_segments, NULL },
	{ "test_transmit_full", test_transmit_full, NULL },
	{ "test_transmit_full_chains", test_transmit_full_chains, NULL },
	{ "test_transmit_segments", test_transmit_segments, NULL },
	{ "test_transmit_too_long", test_transmit_too_long, NULL },
	{ "test_no_mbufs", test_no_mbufs, NULL },
	{ "test_kicks", test_kicks, NULL },
};

static int
test_virtio_rxtx(void)
{
	return virtio_layout_run("bursts", cases, RTE_DIM(cases));
}

REGISTER_TEST_COMMAND(virtio_rxtx_autotest, test_virtio_rxtx);
