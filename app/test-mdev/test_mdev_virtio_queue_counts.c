/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What ports of each layout answer about their rings, compared with a simple count, while
 * the device returns buffers one by one, by batches, and in any order.
 */

#include <errno.h>
#include <string.h>

#include "virtio_layout.h"

#define RING LAYOUT_RING
#define ROUNDS 400

static uint8_t frame[60] = { 2, 0, 0, 0, 0, 7 };

/* Chains that the device has taken and not returned, and descriptors of each. */
static struct {
	uint16_t id, descs;
} held[RING];
static uint16_t nr_held;

static void
hold(const struct mirror_chain *chain, uint16_t descs)
{
	held[nr_held].id = chain->head;
	held[nr_held++].descs = descs;
}

/* The device returns so many of those. Descriptors. */
static uint16_t
give_back(struct mirror_ring *ring, uint16_t count, uint32_t len)
{
	uint16_t ids[RING], descs = 0, i, j;

	for (i = 0; i < count; i++) {
		j = virtio_layout.in_order ? 0 : layout_random(nr_held);
		ids[i] = held[j].id;
		descs += held[j].descs;
		for (nr_held--; j < nr_held; j++)
			held[j] = held[j + 1];
	}
	if (count > 0 && virtio_layout.in_order && layout_random(2) == 0) {
		mirror_ring_push_batch(ring, ids, count, len);
	} else {
		for (i = 0; i < count; i++)
			mirror_ring_push(ring, ids[i], len);
	}
	mirror_ring_publish(ring);
	return descs;
}

static int
check_rx(uint16_t waiting, uint16_t outstanding)
{
	int i, status, expected;

	status = rte_eth_rx_queue_count(virtio_port.id, 0);
	TEST_ASSERT_EQUAL(status, waiting, "%d wait, not %u", status, waiting);
	for (i = 0; i < RING; i++) {
		expected = i < waiting ? RTE_ETH_RX_DESC_DONE : i < outstanding ?
			RTE_ETH_RX_DESC_AVAIL : RTE_ETH_RX_DESC_UNAVAIL;
		status = rte_eth_rx_descriptor_status(virtio_port.id, 0, i);
		TEST_ASSERT_EQUAL(status, expected, "offset %d: %d, not %d", i, status,
			expected);
	}
	TEST_ASSERT_EQUAL(rte_eth_rx_descriptor_status(virtio_port.id, 0, RING), -EINVAL,
		"beyond the ring");
	return TEST_SUCCESS;
}

/* Frames of one buffer each: all but the last of a batch fill theirs. */
static int
test_receive(void)
{
	struct mirror_ring *ring = layout_rx_ring();
	struct virtio_net_hdr_v1 header = { .num_buffers = rte_cpu_to_le_16(1) };
	uint16_t waiting = 0, round, n;
	struct mirror_chain chain;
	struct rte_mbuf *m[RING];

	nr_held = 0;
	for (round = 0; round < ROUNDS; round++) {
		while (mirror_ring_pop(ring, &chain) == 1) {
			memcpy(chain.buf[0].addr, &header, LAYOUT_HEADER);
			memcpy(chain.buf[0].addr + LAYOUT_HEADER, frame, sizeof(frame));
			hold(&chain, 1);
		}
		TEST_ASSERT_SUCCESS(check_rx(waiting, waiting + nr_held), "round %u",
			round);
		waiting += give_back(ring, layout_random(nr_held + 1),
				LAYOUT_HEADER + sizeof(frame));
		TEST_ASSERT_SUCCESS(check_rx(waiting, waiting + nr_held), "round %u",
			round);
		n = layout_recv(m, layout_random(RING) + 1);
		rte_pktmbuf_free_bulk(m, n);
		waiting -= n;
		TEST_ASSERT_SUCCESS(check_rx(waiting, waiting + nr_held +
			mirror_ring_pending(ring)), "round %u", round);
	}
	return TEST_SUCCESS;
}

static int
check_tx(uint16_t outstanding, uint16_t returned)
{
	int i, status, expected;

	for (i = 0; i < RING; i++) {
		expected = i < RING - outstanding + returned ?
			RTE_ETH_TX_DESC_DONE : RTE_ETH_TX_DESC_FULL;
		status = rte_eth_tx_descriptor_status(virtio_port.id, 0, i);
		TEST_ASSERT_EQUAL(status, expected, "offset %d: %d, not %d; %u of %u", i,
			status, expected, returned, outstanding);
	}
	TEST_ASSERT_EQUAL(rte_eth_tx_descriptor_status(virtio_port.id, 0, RING), -EINVAL,
		"beyond the ring");
	return TEST_SUCCESS;
}

/* Send a frame of so many segments, which the device takes. */
static int
send_frame(uint16_t segs)
{
	struct rte_mbuf *m = virtio_port_frame(60, segs);
	struct mirror_chain chain;
	uint16_t i;

	for (i = 1; i < segs; i++)
		TEST_ASSERT_SUCCESS(rte_pktmbuf_chain(m, virtio_port_frame(20, i)),
			"no mbuf");
	TEST_ASSERT_EQUAL(layout_send(&m, 1), 1, "not sent");
	TEST_ASSERT_EQUAL(mirror_ring_pop(layout_tx_ring(), &chain), 1, "not there");
	TEST_ASSERT_EQUAL(chain.nr_out, segs, "%u descriptors", chain.nr_out);
	hold(&chain, segs);
	return TEST_SUCCESS;
}

/* A few at a time, so that bursts have no need to look for what came back. */
static int
transmit_round(uint32_t max)
{
	uint16_t outstanding = 0, returned = 0, frames, done = 0, n, i;
	unsigned int used = virtio_port_mbufs(), mbufs;
	int ret;

	frames = layout_random(10) + 1;
	for (i = 0; i < frames; i++) {
		n = layout_random(3) + 1;
		TEST_ASSERT_SUCCESS(send_frame(n), "frame %u", i);
		outstanding += n;
	}
	mbufs = outstanding;
	TEST_ASSERT_SUCCESS(check_tx(outstanding, 0), "all are the device's");
	while (done < frames) {
		n = layout_random(nr_held + 1);
		returned += give_back(layout_tx_ring(), n, 0);
		TEST_ASSERT_SUCCESS(check_tx(outstanding, returned), "returned");
		n = frames - nr_held - done;
		ret = rte_eth_tx_done_cleanup(virtio_port.id, 0, max);
		TEST_ASSERT_EQUAL(ret, max == 0 ? n : (int)RTE_MIN(n, max),
			"%d of %u frames", ret, n);
		done += ret;
		if (done == frames - nr_held) {
			/* all that came back is there */
			mbufs -= returned;
			outstanding -= returned;
			returned = 0;
			TEST_ASSERT_EQUAL(virtio_port_mbufs(), used + mbufs, "%u mbufs",
				virtio_port_mbufs() - used);
			TEST_ASSERT_SUCCESS(check_tx(outstanding, 0), "cleaned up");
		}
	}
	return TEST_SUCCESS;
}

static int
test_transmit(void)
{
	uint32_t round;

	nr_held = 0;
	for (round = 0; round < ROUNDS; round++)
		TEST_ASSERT_SUCCESS(transmit_round(round % 4), "round %u", round);
	TEST_ASSERT(!layout_tx_queue()->broken, "broken by it");
	return TEST_SUCCESS;
}

/* As it was set up, whatever burst was chosen for it. */
static int
test_info(void)
{
	struct rte_eth_rxq_info rx;
	struct rte_eth_txq_info tx;

	TEST_ASSERT_SUCCESS(rte_eth_rx_queue_info_get(virtio_port.id, 0, &rx), "rx");
	TEST_ASSERT(rx.mp == virtio_port.pool && rx.nb_desc == RING &&
		rx.rx_buf_size == RTE_MBUF_DEFAULT_DATAROOM &&
		rx.queue_state == RTE_ETH_QUEUE_STATE_STARTED, "not as set up");
	TEST_ASSERT_SUCCESS(rte_eth_tx_queue_info_get(virtio_port.id, 0, &tx), "tx");
	TEST_ASSERT(tx.nb_desc == RING && tx.queue_state == RTE_ETH_QUEUE_STATE_STARTED,
		"not as set up");
	return TEST_SUCCESS;
}

static const struct virtio_layout_case cases[] = {
	{ "test_receive", test_receive, NULL },
	{ "test_transmit", test_transmit, NULL },
	{ "test_info", test_info, NULL },
};

static int
test_mdev_virtio_queue_counts(void)
{
	return virtio_layout_run("counts of queues", cases, RTE_DIM(cases));
}

REGISTER_TEST_COMMAND(mdev_virtio_queue_counts_autotest, test_mdev_virtio_queue_counts);
