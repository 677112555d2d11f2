/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Notifications with VIRTIO_F_EVENT_IDX (VIRTIO 1.2 s. 2.7.7, 2.7.10 and 2.8.10): each
 * side says where it wants to be told, and is told there and not before. Positions run
 * over 16 bits, and over the wrap counters, many times.
 */

#include <string.h>
#include <unistd.h>

#include <linux/virtio_config.h>

#include <rte_interrupts.h>

#include "virtio_layout.h"

#define RING LAYOUT_RING
#define POSITIONS 70000 /* more than 16 bits count */
#define POSITIONS_FEW 10000
#define SEGS 3

static uint8_t frame[60] = { 2, 0, 0, 0, 0, 7 };

static void
offer(void)
{
	fake_virtio_offer(RTE_BIT64(VIRTIO_RING_F_EVENT_IDX));
}

static void
configure(struct rte_eth_conf *conf)
{
	conf->intr_conf.rxq = 1;
}

static const struct virtio_layout_extras extras = { offer, configure };

static uint32_t
positions(void)
{
	return virtio_layout.offload || virtio_layout.vector ? POSITIONS_FEW : POSITIONS;
}

static bool
negotiated(void)
{
	return (fake_virtio.accepted & RTE_BIT64(VIRTIO_RING_F_EVENT_IDX)) != 0 &&
		layout_rx_queue()->event_idx && layout_tx_queue()->event_idx;
}

/* Send frames of one or several segments: positions that they take, or 0. */
static uint16_t
send_frames(uint16_t count)
{
	struct rte_mbuf *m[16];
	uint16_t taken = 0, segs, i;

	for (i = 0; i < count; i++) {
		m[i] = virtio_port_frame(60, i);
		segs = layout_random(4) == 0 ? SEGS : 1;
		taken += virtio_layout.packed ? segs : 1;
		for (; m[i] != NULL && segs > 1; segs--)
			rte_pktmbuf_chain(m[i], virtio_port_frame(20, i));
	}
	return layout_send(m, count) == count ? taken : 0;
}

/* The device takes and returns all. */
static int
drain(void)
{
	struct mirror_chain chain;
	int ret;

	while ((ret = mirror_ring_pop(layout_tx_ring(), &chain)) == 1)
		mirror_ring_push(layout_tx_ring(), chain.head, 0);
	mirror_ring_publish(layout_tx_ring());
	return ret;
}

/*
 * Whether the driver tells the device, which wants to hear of the last of so many positions
 * (0: one of earlier), of so many. It does in a packed ring as long as that is none of the
 * free ones.
 */
static bool
tells(const struct virtqueue *vq, uint16_t ahead, uint16_t taken)
{
	if (taken == 0 || ahead > taken)
		return taken > 0 && virtio_layout.packed &&
			ahead - taken > virtqueue_free_count(vq);
	return ahead > 0 || virtio_layout.packed;
}

/* A burst that begins so far before what the device waits for. */
static int
check_burst(uint16_t ahead, uint16_t *taken)
{
	unsigned int before = fake_virtio.kicks, kicks;

	*taken = send_frames(layout_random(8) + 1);
	kicks = fake_virtio.kicks - before;
	TEST_ASSERT(*taken > 0, "not sent");
	TEST_ASSERT_SUCCESS(drain(), "the driver broke a rule");
	TEST_ASSERT_EQUAL(kicks, tells(layout_tx_queue(), ahead, *taken),
		"%u kicks; %u more positions, told at %u", kicks, *taken, ahead);
	return TEST_SUCCESS;
}

/* A kick with the burst that has what the device waits for, and none before. */
static int
test_transmit_kicks(void)
{
	uint32_t at = 0;
	uint16_t ahead, taken;

	TEST_ASSERT(negotiated(), "no EVENT_IDX");
	while (at < positions()) {
		ahead = layout_random(24) + 1;
		mirror_ring_want_kick_at(layout_tx_ring(), ahead);
		for (;;) {
			TEST_ASSERT_SUCCESS(check_burst(ahead, &taken), "at %u", at);
			at += taken;
			if (taken >= ahead)
				break;
			ahead -= taken;
		}
		/* it has been told */
		TEST_ASSERT_SUCCESS(check_burst(0, &taken), "at %u, a second time", at);
		at += taken;
	}
	return TEST_SUCCESS;
}

/* The device takes and returns so many frames. */
static int
take(uint16_t count)
{
	struct mirror_chain chain;

	for (; count > 0; count--) {
		if (mirror_ring_pop(layout_tx_ring(), &chain) != 1)
			return -1;
		mirror_ring_push(layout_tx_ring(), chain.head, 0);
	}
	mirror_ring_publish(layout_tx_ring());
	return 0;
}

/* Frames that a device gets which does not want to hear of them; how many, or -1. */
static int
send_unheard(uint16_t count)
{
	unsigned int before = fake_virtio.kicks;
	uint16_t taken, room = RING;
	int sent;

	mirror_ring_want_kicks(layout_tx_ring(), false);
	for (sent = 0; sent < count && room >= SEGS; sent++) {
		taken = send_frames(1);
		if (taken == 0)
			return -1;
		room -= taken;
	}
	return fake_virtio.kicks == before ? sent : -1;
}

/* The index stays where it is for more than two rounds. */
static int
check_left_behind(void)
{
	unsigned int before, taken, all;

	for (all = 0; all < 3 * RING; all += taken) {
		before = fake_virtio.kicks;
		taken = send_frames(layout_random(16) + 1);
		TEST_ASSERT(taken > 0, "not sent");
		TEST_ASSERT(fake_virtio.kicks > before, "%u behind: asleep for ever", all);
		TEST_ASSERT_SUCCESS(drain(), "the driver broke a rule");
	}
	return TEST_SUCCESS;
}

/*
 * What QEMU does when its peer had no buffers for a while: it says that it wants to hear
 * of the next descriptor, takes that one and all others, and sleeps. It waits for ever if
 * nobody tells it of what comes then.
 */
static int
test_index_behind(void)
{
	unsigned int before;
	uint32_t at = 0;
	int sent;

	while (at < positions()) {
		sent = send_unheard(layout_random(RING) + 1);
		TEST_ASSERT(sent > 0, "at %u: not sent, or told", at);
		TEST_ASSERT_SUCCESS(take(layout_random(sent)), "no frames");
		mirror_ring_want_kick_at(layout_tx_ring(), 1);
		TEST_ASSERT_SUCCESS(drain(), "the driver broke a rule");
		before = fake_virtio.kicks;
		TEST_ASSERT(send_frames(layout_random(16) + 1) > 0, "not sent");
		TEST_ASSERT(fake_virtio.kicks > before, "at %u: asleep for ever", at);
		TEST_ASSERT_SUCCESS(drain(), "the driver broke a rule");
		TEST_ASSERT_SUCCESS(check_left_behind(), "at %u", at);
		at += sent;
	}
	return TEST_SUCCESS;
}

/* All, or none: what a device says that polls. */
static int
test_transmit_polled(void)
{
	unsigned int before;
	uint32_t at = 0;
	bool want = false;

	while (at < 5000) {
		want = !want;
		/* in a split ring one position ahead of each burst */
		mirror_ring_want_kicks(layout_tx_ring(), want);
		before = fake_virtio.kicks;
		at += send_frames(layout_random(8) + 1);
		TEST_ASSERT_EQUAL(fake_virtio.kicks - before, want, "at %u", at);
		TEST_ASSERT_SUCCESS(drain(), "the driver broke a rule");
	}
	return TEST_SUCCESS;
}

/* The device receives so many frames, in order. */
static int
give(uint16_t count)
{
	for (; count > 0; count--) {
		if (fake_virtio_receive(frame, sizeof(frame)) != 1)
			return -1;
	}
	return 0;
}

static int
fetch(uint16_t count)
{
	struct rte_mbuf *m[RING];
	uint16_t n = layout_recv(m, count);

	rte_pktmbuf_free_bulk(m, n);
	return n == count ? 0 : -1;
}

/* Of new buffers the device is told where it wants to be. */
static int
test_receive_kicks(void)
{
	uint16_t n, ahead, head, refilled, free_thresh = layout_rx_queue()->free_thresh;
	struct mirror_ring *ring = layout_rx_ring();
	unsigned int before;
	uint32_t at = 0;

	while (at < positions()) {
		n = layout_random(mirror_ring_pending(ring)) + 1;
		TEST_ASSERT_SUCCESS(give(n), "no buffers");
		/* so far behind all that the device knows */
		head = layout_rx_queue()->head;
		ahead = layout_random(RING + 8) + 1;
		mirror_ring_want_kick_at(ring, mirror_ring_pending(ring) + ahead);
		before = fake_virtio.kicks;
		TEST_ASSERT_SUCCESS(fetch(n), "frames");
		refilled = layout_rx_queue()->head - head;
		TEST_ASSERT(n < free_thresh || refilled > 0, "not filled");
		TEST_ASSERT_EQUAL(fake_virtio.kicks - before,
			tells(layout_rx_queue(), ahead, refilled),
			"at %u: %u kicks; %u more, told at %u", at,
			fake_virtio.kicks - before, refilled, ahead);
		at += refilled;
	}
	return TEST_SUCCESS;
}

static int
event_fd(void)
{
	return rte_intr_efds_index_get(virtio_port.dev->intr_handle, 0);
}

/* What the queue's eventfd has counted. */
static uint64_t
events(void)
{
	uint64_t count = 0;

	if (read(event_fd(), &count, sizeof(count)) != sizeof(count))
		return 0;
	return count;
}

static int
enable(void)
{
	return rte_eth_dev_rx_intr_enable(virtio_port.id, 0);
}

static int
disable(void)
{
	return rte_eth_dev_rx_intr_disable(virtio_port.id, 0);
}

/* Before, between and after: an event for a frame that nobody waits for is none. */
static int
check_sleep(uint32_t at)
{
	uint16_t n = layout_random(16) + 1;

	TEST_ASSERT_SUCCESS(enable(), "enable");
	TEST_ASSERT_EQUAL(events(), 0, "at %u: an event of nothing", at);
	TEST_ASSERT_SUCCESS(give(n), "no buffers");
	TEST_ASSERT_EQUAL(fake_virtio_interrupt(FAKE_VIRTIO_RX), 1,
		"at %u: asleep for ever", at);
	TEST_ASSERT_EQUAL(events(), 1, "at %u: no event", at);
	TEST_ASSERT_SUCCESS(disable(), "disable");
	TEST_ASSERT_SUCCESS(fetch(n), "frames");
	n = layout_random(16) + 1;
	TEST_ASSERT_SUCCESS(give(n), "no buffers");
	TEST_ASSERT_EQUAL(fake_virtio_interrupt(FAKE_VIRTIO_RX), 0,
		"at %u: an interrupt that is not wanted", at);
	TEST_ASSERT_SUCCESS(fetch(n), "frames");
	return TEST_SUCCESS;
}

/* What came before the driver said that it wants to be told: it tells itself. */
static int
check_race(uint32_t at)
{
	uint16_t n = layout_random(8) + 2;

	TEST_ASSERT_SUCCESS(give(n), "no buffers");
	TEST_ASSERT_EQUAL(fake_virtio_interrupt(FAKE_VIRTIO_RX), 0,
		"at %u: nobody asked", at);
	TEST_ASSERT_SUCCESS(enable(), "enable");
	TEST_ASSERT_EQUAL(events(), 1, "at %u: asleep with frames", at);
	/* some are fetched, and some left */
	TEST_ASSERT_SUCCESS(fetch(n - 1), "frames");
	TEST_ASSERT_SUCCESS(enable(), "enable");
	TEST_ASSERT_EQUAL(events(), 1, "at %u: asleep with a frame", at);
	TEST_ASSERT_SUCCESS(fetch(1), "frame");
	TEST_ASSERT_SUCCESS(enable(), "enable");
	TEST_ASSERT_EQUAL(events(), 0, "at %u: an event of nothing", at);
	TEST_ASSERT_SUCCESS(disable(), "disable");
	return TEST_SUCCESS;
}

static int
test_interrupts(void)
{
	uint32_t start = layout_rx_queue()->stats.packets, at = 0;

	TEST_ASSERT(event_fd() >= 0, "no eventfd");
	while (at < positions()) {
		TEST_ASSERT_SUCCESS(check_sleep(at), "?");
		TEST_ASSERT_SUCCESS(check_race(at), "?");
		at = layout_rx_queue()->stats.packets - start;
	}
	return TEST_SUCCESS;
}

/* s. 2.7.9, 2.8.8: the rest of a batch has no element of its own that could tell. */
static int
test_batch(void)
{
	struct mirror_chain chain[4];
	uint32_t round, lens;
	uint16_t ids[4], i;

	for (round = 0; round < 5 * RING; round++) {
		for (i = 0; i < 4; i++) {
			TEST_ASSERT_EQUAL(mirror_ring_pop(layout_rx_ring(), &chain[i]),
				1, "no buffer");
			TEST_ASSERT_EQUAL(layout_write(&chain[i], 1, round, 100, &lens),
				1, "?");
			ids[i] = chain[i].head;
		}
		TEST_ASSERT_SUCCESS(enable(), "enable");
		TEST_ASSERT_EQUAL(events(), 0, "an event of nothing");
		mirror_ring_push_batch(layout_rx_ring(), ids, 4, 100);
		mirror_ring_publish(layout_rx_ring());
		TEST_ASSERT_EQUAL(fake_virtio_interrupt(FAKE_VIRTIO_RX), 1,
			"round %u: asleep for ever", round);
		TEST_ASSERT_EQUAL(events(), 1, "no event");
		for (i = 3; i > 0; i--) {
			TEST_ASSERT_SUCCESS(fetch(1), "frame");
			TEST_ASSERT_SUCCESS(enable(), "enable");
			TEST_ASSERT_EQUAL(events(), 1,
				"round %u: asleep with %u frames", round, i);
		}
		TEST_ASSERT_SUCCESS(fetch(1), "frame");
		TEST_ASSERT_SUCCESS(disable(), "disable");
	}
	return TEST_SUCCESS;
}

static const struct virtio_layout_case cases[] = {
	{ "test_transmit_kicks", test_transmit_kicks, NULL },
	{ "test_index_behind", test_index_behind, layout_is_packed },
	{ "test_transmit_polled", test_transmit_polled, NULL },
	{ "test_receive_kicks", test_receive_kicks, NULL },
	{ "test_interrupts", test_interrupts, NULL },
	{ "test_batch", test_batch, layout_is_in_order },
};

static int
test_virtio_event_idx(void)
{
	return virtio_layout_run_with("EVENT_IDX", &extras, cases, RTE_DIM(cases));
}

REGISTER_TEST_COMMAND(virtio_event_idx_autotest, test_virtio_event_idx);
