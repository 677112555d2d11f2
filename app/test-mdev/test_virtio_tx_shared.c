/* SPDX-License-Identifier: BSD-3-Clause */

/* Transmit of mbufs that are not the driver's alone, in bursts with those that are. */

#include <string.h>

#include "captured_log.h"
#include "tx_frames.h"
#include "virtio_layout.h"

#define RING LAYOUT_RING
#define BATCH 16 /* frames: two blocks of the vectorised bursts */
#define ROUNDS 300

static struct tx_frame frames[BATCH];
static struct mirror_chain chains[BATCH];

static int
make_batch(enum tx_frame_kind (*choose)(uint16_t i, uint32_t round), uint32_t round)
{
	uint16_t i;

	for (i = 0; i < BATCH; i++)
		TEST_ASSERT_SUCCESS(tx_frame_make(&frames[i], choose(i, round),
			round * BATCH + i), "frame %u of round %u", i, round);
	return TEST_SUCCESS;
}

static int
send_batch(void)
{
	struct rte_mbuf *m[BATCH];
	uint16_t i;

	for (i = 0; i < BATCH; i++)
		m[i] = frames[i].m;
	i = layout_send(m, BATCH);
	TEST_ASSERT_EQUAL(i, BATCH, "%u sent", i);
	return TEST_SUCCESS;
}

/* The device has the right bytes, by its own addresses. */
static int
take_batch(void)
{
	uint16_t i, j;

	for (i = 0; i < BATCH; i++) {
		TEST_ASSERT_SUCCESS(layout_take(&chains[i], frames[i].seq),
			"frame %u is another one", i);
		for (j = 0; j < chains[i].nr_out; j++)
			TEST_ASSERT(!tx_frame_is_private(chains[i].buf[j].addr),
				"frame %u: no address for a device", i);
		TEST_ASSERT_SUCCESS(tx_frame_check(&frames[i]), "frame %u", i);
	}
	return TEST_SUCCESS;
}

static void
return_batch(void)
{
	uint16_t left = BATCH, i;

	for (; left > 0; left--) {
		i = virtio_layout.in_order ? 0 : layout_random(left);
		mirror_ring_push(layout_tx_ring(), chains[i].head, 0);
		memmove(&chains[i], &chains[i + 1],
			(left - 1 - i) * sizeof(chains[0]));
	}
	mirror_ring_publish(layout_tx_ring());
}

static int
end_batch(void)
{
	uint16_t i;

	for (i = 0; i < BATCH; i++)
		TEST_ASSERT_SUCCESS(tx_frame_end(&frames[i]), "frame %u", i);
	return TEST_SUCCESS;
}

static int
run_batch(enum tx_frame_kind (*choose)(uint16_t i, uint32_t round), uint32_t round)
{
	TEST_ASSERT_SUCCESS(make_batch(choose, round), "?");
	TEST_ASSERT_SUCCESS(send_batch(), "?");
	TEST_ASSERT_SUCCESS(take_batch(), "?");
	return_batch();
	TEST_ASSERT_EQUAL(rte_eth_tx_done_cleanup(virtio_port.id, 0, 0), BATCH,
		"not all come back");
	TEST_ASSERT_SUCCESS(end_batch(), "?");
	return TEST_SUCCESS;
}

/* One of a kind, in each place, among those that go the short way. */
static enum tx_frame_kind
choose_one(uint16_t i, uint32_t round)
{
	return round % BATCH == i ? round / BATCH % TX_FRAME_KINDS : TX_FRAME_PLAIN;
}

static enum tx_frame_kind
choose_any(uint16_t i, uint32_t round)
{
	RTE_SET_USED(i);
	RTE_SET_USED(round);
	return layout_random(TX_FRAME_KINDS);
}

static enum tx_frame_kind
choose_each(uint16_t i, uint32_t round)
{
	RTE_SET_USED(round);
	RTE_BUILD_BUG_ON(BATCH != TX_FRAME_KINDS);
	return i;
}

static int
each_place(void)
{
	uint32_t round;

	for (round = 0; round < BATCH * TX_FRAME_KINDS; round++)
		TEST_ASSERT_SUCCESS(run_batch(choose_one, round), "kind %u at %u",
			round / BATCH, round % BATCH);
	return TEST_SUCCESS;
}

static int
mixed(void)
{
	uint32_t round;

	for (round = 0; round < ROUNDS; round++)
		TEST_ASSERT_SUCCESS(run_batch(choose_any, round), "round %u", round);
	return TEST_SUCCESS;
}

/* The port stops while the device has them, or some: all are freed, once. */
static int
stopped(void)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		TEST_ASSERT_SUCCESS(make_batch(choose_each, i), "?");
		TEST_ASSERT_SUCCESS(send_batch(), "?");
		if (i == 1) {
			TEST_ASSERT_SUCCESS(take_batch(), "?");
			mirror_ring_push(layout_tx_ring(), chains[0].head, 0);
			mirror_ring_publish(layout_tx_ring());
		}
		TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
		TEST_ASSERT_SUCCESS(end_batch(), "?");
		TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	}
	return TEST_SUCCESS;
}

/*
 * The device returns what it does not have, or twice, or nothing: what it says is done is
 * freed, the rest when the port stops, and nothing two times.
 */
static int
lies(void)
{
	uint16_t round, i;

	for (round = 0; round < 40; round++) {
		TEST_ASSERT_SUCCESS(make_batch(choose_any, round), "?");
		TEST_ASSERT_SUCCESS(send_batch(), "?");
		TEST_ASSERT_SUCCESS(take_batch(), "?");
		for (i = layout_random(BATCH); i > 0; i--)
			mirror_ring_push(layout_tx_ring(), layout_random(4) != 0 ?
				chains[layout_random(BATCH)].head :
				layout_random(RING + 8), 0);
		mirror_ring_publish(layout_tx_ring());
		rte_eth_tx_done_cleanup(virtio_port.id, 0, layout_random(BATCH));
		rte_eth_tx_done_cleanup(virtio_port.id, 0, 0);
		TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
		TEST_ASSERT_SUCCESS(end_batch(), "round %u", round);
		TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	}
	return TEST_SUCCESS;
}

/* What the device would not take is dropped with the buffers that it has. */
static int
dropped(void)
{
	unsigned int *freed[5], i;
	struct rte_mbuf *m, *seg;
	struct rte_eth_stats stats;

	m = tx_frame_external(2000, &freed[0]);
	TEST_ASSERT_NOT_NULL(m, "no buffer");
	for (i = 1; i < 5; i++) {
		seg = tx_frame_external(2000, &freed[i]);
		TEST_ASSERT(seg != NULL && rte_pktmbuf_chain(m, seg) == 0, "no buffer");
	}
	TEST_ASSERT_EQUAL(layout_send(&m, 1), 1, "kept");
	TEST_ASSERT_SUCCESS(rte_eth_stats_get(virtio_port.id, &stats), "statistics");
	TEST_ASSERT_EQUAL(stats.oerrors, 1, "not counted");
	TEST_ASSERT_EQUAL(mirror_ring_pending(layout_tx_ring()), 0, "sent");
	for (i = 0; i < 5; i++)
		TEST_ASSERT_EQUAL(*freed[i], 1, "buffer %u: freed %u times", i,
			*freed[i]);
	return TEST_SUCCESS;
}

/* One descriptor is left, and the frame needs two: it stays the application's. */
static int
full(void)
{
	struct tx_frame *frame = &frames[0];
	struct mirror_chain chain;
	struct rte_mbuf *m;
	uint16_t i;

	TEST_ASSERT_SUCCESS(tx_frame_make(frame, TX_FRAME_EXTERNAL, 1), "no frame");
	for (i = 0; i < RING - 1; i++) {
		m = layout_mbuf(virtio_port.pool, frame->seq);
		TEST_ASSERT_EQUAL(layout_send(&m, 1), 1, "no room");
	}
	for (i = 0; i < 3; i++)
		TEST_ASSERT_EQUAL(layout_send(&frame->m, 1), 0, "there is no room");
	TEST_ASSERT(frame->m->refcnt == 1 && *frame->freed == 0, "freed");
	for (i = 0; i < RING - 1; i++) {
		TEST_ASSERT_SUCCESS(layout_take(&chain, frame->seq), "frame %u", i);
		mirror_ring_push(layout_tx_ring(), chain.head, 0);
	}
	mirror_ring_publish(layout_tx_ring());
	TEST_ASSERT_EQUAL(layout_send(&frame->m, 1), 1, "there is room");
	TEST_ASSERT_SUCCESS(layout_take(&chain, frame->seq), "another frame");
	TEST_ASSERT_SUCCESS(tx_frame_check(frame), "?");
	mirror_ring_push(layout_tx_ring(), chain.head, 0);
	mirror_ring_publish(layout_tx_ring());
	TEST_ASSERT_EQUAL(rte_eth_tx_done_cleanup(virtio_port.id, 0, 0), 1, "not sent");
	return tx_frame_end(frame);
}

static int
test_each_place(void)
{
	return tx_frames_run(each_place);
}

static int
test_mixed(void)
{
	return tx_frames_run(mixed);
}

static int
test_stopped(void)
{
	return tx_frames_run(stopped);
}

static int
test_lies(void)
{
	int ret;

	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	ret = tx_frames_run(lies);
	captured_log_stop();
	return ret;
}

static int
test_dropped(void)
{
	return tx_frames_run(dropped);
}

static int
test_full(void)
{
	return tx_frames_run(full);
}

static const struct virtio_layout_case cases[] = {
	{ "test_each_place", test_each_place, NULL },
	{ "test_mixed", test_mixed, NULL },
	{ "test_stopped", test_stopped, NULL },
	{ "test_lies", test_lies, NULL },
	/* in others, the device has no MTU */
	{ "test_dropped", test_dropped, layout_is_mergeable },
	{ "test_full", test_full, NULL },
};

static int
test_virtio_tx_shared(void)
{
	return virtio_layout_run("frames that are shared", cases, RTE_DIM(cases));
}

REGISTER_TEST_COMMAND(virtio_tx_shared_autotest, test_virtio_tx_shared);
