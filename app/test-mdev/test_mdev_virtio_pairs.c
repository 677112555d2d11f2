/* SPDX-License-Identifier: BSD-3-Clause */

/* Several queue pairs. */

#include <errno.h>
#include <string.h>

#include <linux/virtio_config.h>

#include <rte_cycles.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>

#include <mdev_virtio_ethdev.h>

#include "fake_vfio.h"
#include "test.h"
#include "virtio_port.h"

#define RING 64

static const struct rte_eth_conf plain = { .rxmode.mtu = RTE_ETHER_MTU };

static int
setup(void)
{
	return virtio_port_attach_ctrl(RTE_BIT64(VIRTIO_NET_F_MQ),
		FAKE_VIRTIO_PAIRS);
}

static int
start(uint16_t nb_rx, uint16_t nb_tx)
{
	return virtio_port_start_queues(nb_rx, nb_tx, RING, &plain);
}

/* Each queue is itself: what is sent on one does not come out of another. */
static int
test_all_queues(void)
{
	uint8_t data[100], back[200];
	struct rte_mbuf *m;
	uint16_t i;

	TEST_ASSERT_SUCCESS(start(FAKE_VIRTIO_PAIRS, FAKE_VIRTIO_PAIRS), "start");
	TEST_ASSERT_EQUAL(fake_virtio.filter.pairs, FAKE_VIRTIO_PAIRS, "%u pairs",
		fake_virtio.filter.pairs);
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), RING * FAKE_VIRTIO_PAIRS, "buffers");
	for (i = 0; i < FAKE_VIRTIO_PAIRS; i++) {
		memset(data, i + 1, sizeof(data));
		TEST_ASSERT_EQUAL(fake_virtio_receive_on(i, data, 60 + i), 1,
			"queue %u", i);
	}
	for (i = FAKE_VIRTIO_PAIRS; i-- > 0; ) {
		TEST_ASSERT_EQUAL(rte_eth_rx_burst(virtio_port.id, i, &m, 1), 1,
			"queue %u", i);
		TEST_ASSERT_EQUAL(m->pkt_len, 60u + i, "queue %u", i);
		TEST_ASSERT_EQUAL(*rte_pktmbuf_mtod(m, uint8_t *), i + 1,
			"queue %u", i);
		TEST_ASSERT_EQUAL(rte_eth_tx_burst(virtio_port.id, i, &m, 1), 1,
			"queue %u", i);
	}
	for (i = 0; i < FAKE_VIRTIO_PAIRS; i++) {
		TEST_ASSERT_EQUAL(fake_virtio_sent_on(i, back, sizeof(back)),
			60 + i, "queue %u", i);
		TEST_ASSERT_EQUAL(back[0], i + 1, "queue %u", i);
	}
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "%u mbufs", virtio_port_mbufs());
	return TEST_SUCCESS;
}

/* One pair is what a device uses by itself. */
static int
test_one_pair(void)
{
	TEST_ASSERT_SUCCESS(start(1, 1), "start");
	TEST_ASSERT_EQUAL(fake_virtio.counts.all, 0, "a command");
	TEST_ASSERT_EQUAL(fake_virtio.queue[2].enabled, 0, "the second pair");
	TEST_ASSERT_EQUAL(fake_virtio.queue[2 * FAKE_VIRTIO_PAIRS].enabled, 1,
		"the control queue");
	return TEST_SUCCESS;
}

static int
test_too_many(void)
{
	TEST_ASSERT_EQUAL(start(FAKE_VIRTIO_PAIRS + 1, 1), -EINVAL, "receive");
	TEST_ASSERT_EQUAL(start(1, FAKE_VIRTIO_PAIRS + 1), -EINVAL, "transmit");
	TEST_ASSERT_SUCCESS(start(FAKE_VIRTIO_PAIRS, 1), "start");
	return TEST_SUCCESS;
}

/* The device steers frames to all pairs in use: none is lost, and all have a turn. */
static int
test_more_tx(void)
{
	struct rte_mbuf *m[3 * RING];
	struct rte_eth_stats stats;
	uint64_t id, queue;
	uint8_t data[60] = { 0 };
	unsigned int got[FAKE_VIRTIO_PAIRS] = { 0 }, i, pair, round;
	uint16_t count;

	TEST_ASSERT_SUCCESS(start(1, FAKE_VIRTIO_PAIRS), "start");
	TEST_ASSERT_EQUAL(fake_virtio.filter.pairs, FAKE_VIRTIO_PAIRS, "%u pairs",
		fake_virtio.filter.pairs);
	for (round = 0; round < 100; round++) {
		for (pair = 0; pair < FAKE_VIRTIO_PAIRS; pair++) {
			memset(data, pair, sizeof(data));
			TEST_ASSERT_EQUAL(fake_virtio_receive_on(pair, data, 60),
				1, "pair %u, round %u", pair, round);
		}
		count = rte_eth_rx_burst(virtio_port.id, 0, m, RTE_DIM(m));
		TEST_ASSERT_EQUAL(count, FAKE_VIRTIO_PAIRS, "%u frames", count);
		for (i = 0; i < count; i++)
			got[*rte_pktmbuf_mtod(m[i], uint8_t *)]++;
		rte_pktmbuf_free_bulk(m, count);
	}
	for (pair = 0; pair < FAKE_VIRTIO_PAIRS; pair++)
		TEST_ASSERT_EQUAL(got[pair], 100, "pair %u: %u", pair, got[pair]);
	TEST_ASSERT_SUCCESS(rte_eth_stats_get(virtio_port.id, &stats), "stats");
	TEST_ASSERT_EQUAL(stats.ipackets, 100 * FAKE_VIRTIO_PAIRS, "%u counted",
		(unsigned int)stats.ipackets);
	TEST_ASSERT_SUCCESS(rte_eth_xstats_get_id_by_name(virtio_port.id,
		"rx_q0_packets", &id), "the queue's own");
	TEST_ASSERT_EQUAL(rte_eth_xstats_get_by_id(virtio_port.id, &id, &queue, 1), 1,
		"the queue's own");
	TEST_ASSERT_EQUAL(queue, 100 * FAKE_VIRTIO_PAIRS,
		"%u of the queue", (unsigned int)queue);
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_SUCCESS(rte_eth_stats_get(virtio_port.id, &stats), "stats");
	TEST_ASSERT_EQUAL(stats.ipackets, 100 * FAKE_VIRTIO_PAIRS,
		"%u after the stop", (unsigned int)stats.ipackets);
	TEST_ASSERT_SUCCESS(rte_eth_stats_reset(virtio_port.id), "reset");
	TEST_ASSERT_SUCCESS(rte_eth_stats_get(virtio_port.id, &stats), "stats");
	TEST_ASSERT_EQUAL(stats.ipackets, 0, "not reset");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "%u mbufs", virtio_port_mbufs());
	return TEST_SUCCESS;
}

/* A busy ring does not keep the others from being polled. */
static int
test_fair(void)
{
	unsigned int got[FAKE_VIRTIO_PAIRS] = { 0 }, i, pair;
	uint8_t data[60] = { 0 };
	struct rte_mbuf *m;

	TEST_ASSERT_SUCCESS(start(1, FAKE_VIRTIO_PAIRS), "start");
	for (i = 0; i < 8 * FAKE_VIRTIO_PAIRS; i++) {
		pair = i % FAKE_VIRTIO_PAIRS;
		memset(data, pair, sizeof(data));
		TEST_ASSERT_EQUAL(fake_virtio_receive_on(pair, data, 60), 1,
			"frame %u", i);
	}
	for (i = 0; i < 4 * FAKE_VIRTIO_PAIRS; i++) {
		TEST_ASSERT_EQUAL(rte_eth_rx_burst(virtio_port.id, 0, &m, 1), 1,
			"frame %u", i);
		got[*rte_pktmbuf_mtod(m, uint8_t *)]++;
		rte_pktmbuf_free(m);
	}
	for (pair = 0; pair < FAKE_VIRTIO_PAIRS; pair++)
		TEST_ASSERT_EQUAL(got[pair], 4, "pair %u: %u", pair, got[pair]);
	return TEST_SUCCESS;
}

/* Transmit queues that nobody set up are there, and empty. */
static int
test_more_rx(void)
{
	uint8_t data[60] = { 0 };
	struct rte_mbuf *m;
	uint16_t i;

	TEST_ASSERT_SUCCESS(start(FAKE_VIRTIO_PAIRS, 1), "start");
	TEST_ASSERT_EQUAL(fake_virtio.filter.pairs, FAKE_VIRTIO_PAIRS, "%u pairs",
		fake_virtio.filter.pairs);
	for (i = 0; i < FAKE_VIRTIO_PAIRS; i++) {
		TEST_ASSERT_EQUAL(fake_virtio.queue[2 * i + 1].enabled, 1,
			"queue %u", i);
		TEST_ASSERT_EQUAL(mirror_ring_pending(
			&fake_virtio.queue[2 * i + 1].ring), 0, "queue %u", i);
		TEST_ASSERT_EQUAL(fake_virtio_receive_on(i, data, 60), 1,
			"queue %u", i);
		TEST_ASSERT_EQUAL(rte_eth_rx_burst(virtio_port.id, i, &m, 1), 1,
			"queue %u", i);
		rte_pktmbuf_free(m);
	}
	return TEST_SUCCESS;
}

/* Only one direction: the other one's queues are there all the same. */
static int
test_one_direction(void)
{
	TEST_ASSERT_SUCCESS(start(0, 2), "transmit");
	TEST_ASSERT_EQUAL(fake_virtio.queue[2].enabled, 1, "no receive queue");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "buffers that nobody will take");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_SUCCESS(start(2, 0), "receive");
	TEST_ASSERT_EQUAL(fake_virtio.queue[3].enabled, 1, "no transmit queue");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "%u mbufs", virtio_port_mbufs());
	return TEST_SUCCESS;
}

static unsigned int
allocations(void)
{
	struct rte_malloc_socket_stats heap;

	rte_malloc_get_socket_stats(0, &heap);
	return heap.alloc_count;
}

/* Configured anew, with other numbers of queues; nothing is lost. */
static int
test_again(void)
{
	static const uint16_t numbers[][2] = {
		{ 4, 4 }, { 1, 4 }, { 4, 1 }, { 2, 3 }, { 1, 1 }, { 3, 2 },
	};
	unsigned int i, round, now, before = 0;

	for (round = 0; round < 4; round++) {
		for (i = 0; i < RTE_DIM(numbers); i++) {
			TEST_ASSERT_SUCCESS(start(numbers[i][0], numbers[i][1]),
				"%u, %u", numbers[i][0], numbers[i][1]);
			TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id),
				"stop");
			TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "%u mbufs",
				virtio_port_mbufs());
		}
		now = allocations();
		if (round == 0)
			before = now;
		TEST_ASSERT_EQUAL(now, before, "%u allocations, then %u", before,
			now);
	}
	return TEST_SUCCESS;
}

/* Rings of a receive queue, itself included. */
static unsigned int
rings_of(uint16_t queue, const struct virtqueue **rings)
{
	const struct virtqueue *vq = virtio_port.dev->data->rx_queues[queue];
	unsigned int count = 0;

	for (; vq != NULL && count < FAKE_VIRTIO_PAIRS; vq = vq->sibling)
		rings[count++] = vq;
	return count;
}

/*
 * Whoever reads statistics while the port is stopped and started walks the rings that
 * the driver added: they are the same until the port is configured anew.
 */
static int
test_added_rings_stay(void)
{
	const struct virtqueue *rings[FAKE_VIRTIO_PAIRS],
		*now[FAKE_VIRTIO_PAIRS];
	unsigned int before, count;
	uint8_t data[60] = { 0 };
	struct rte_mbuf *m;

	TEST_ASSERT_SUCCESS(start(1, FAKE_VIRTIO_PAIRS), "start");
	count = rings_of(0, rings);
	TEST_ASSERT_EQUAL(count, FAKE_VIRTIO_PAIRS, "%u rings", count);
	before = allocations();
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_EQUAL(rings_of(0, now), count, "gone with the stop");
	TEST_ASSERT_SUCCESS(memcmp(rings, now, sizeof(rings)), "others");
	TEST_ASSERT_EQUAL(allocations(), before, "%u allocations, then %u",
		before, allocations());
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "%u mbufs", virtio_port_mbufs());
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	TEST_ASSERT_EQUAL(rings_of(0, now), count, "more with the start");
	TEST_ASSERT_SUCCESS(memcmp(rings, now, sizeof(rings)), "others");
	TEST_ASSERT_EQUAL(fake_virtio_receive_on(FAKE_VIRTIO_PAIRS - 1, data, 60),
		1, "the device does not have them");
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(virtio_port.id, 0, &m, 1), 1,
		"not polled");
	rte_pktmbuf_free(m);
	/* set up anew, a queue has none until the start; others keep theirs */
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_SUCCESS(rte_eth_rx_queue_setup(virtio_port.id, 0, 2 * RING,
		SOCKET_ID_ANY, NULL, virtio_port.pool), "set-up");
	TEST_ASSERT_EQUAL(rings_of(0, now), 1, "of the old size");
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	TEST_ASSERT_EQUAL(fake_virtio.queue[2].size, 2 * RING, "of the old size");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	/* with other numbers they are others */
	TEST_ASSERT_SUCCESS(rte_eth_dev_configure(virtio_port.id, 1, 2, &plain),
		"configure");
	TEST_ASSERT_EQUAL(rings_of(0, now), 1, "left after the configuration");
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	TEST_ASSERT_EQUAL(rings_of(0, now), 2, "not as configured");
	TEST_ASSERT_EQUAL(fake_virtio.filter.pairs, 2, "%u pairs",
		fake_virtio.filter.pairs);
	return TEST_SUCCESS;
}

static int
test_refused(void)
{
	unsigned int before;

	TEST_ASSERT_SUCCESS(start(2, 3), "start");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	before = allocations();
	fake_virtio.answer = FAKE_ANSWER_REFUSED;
	TEST_ASSERT_EQUAL(rte_eth_dev_start(virtio_port.id), -EIO, "started");
	TEST_ASSERT_EQUAL(fake_virtio.status, 0, "it runs");
	TEST_ASSERT_EQUAL(allocations(), before, "%u allocations, then %u",
		before, allocations());
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "%u mbufs", virtio_port_mbufs());
	mdev_virtio_hw(virtio_port.dev)->cvq.backend_polls = 100;
	fake_virtio.answer = FAKE_ANSWER_NEVER;
	TEST_ASSERT_EQUAL(rte_eth_dev_start(virtio_port.id), -ETIMEDOUT,
		"started");
	fake_virtio.answer = FAKE_ANSWER_NEEDS_RESET;
	TEST_ASSERT_EQUAL(rte_eth_dev_start(virtio_port.id), -EIO, "started");
	TEST_ASSERT_EQUAL(fake_virtio.status, 0, "it runs");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "%u mbufs", virtio_port_mbufs());
	fake_virtio.answer = FAKE_ANSWER;
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	return TEST_SUCCESS;
}

/*
 * A backend may take longer for the number of pairs than a device for a command of its own,
 * or for all of a start. The fake device answers after 192 looks in vain.
 */
static int
test_slow_backend(void)
{
	struct virtio_cvq *cvq;

	TEST_ASSERT_SUCCESS(start(2, 2), "start");
	cvq = &mdev_virtio_hw(virtio_port.dev)->cvq;
	/* the mediator gives its backend up after 8 s */
	TEST_ASSERT(cvq->backend_polls * (uint64_t)VIRTIO_CVQ_POLL_US > 8 * US_PER_S,
		"%u looks", cvq->backend_polls);
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	cvq->backend_polls = 200;
	cvq->max_polls = cvq->start_polls = 100;
	fake_virtio.answer = FAKE_ANSWER_SLOW;
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	TEST_ASSERT_EQUAL(cvq->timeouts, 0, "timeouts");
	TEST_ASSERT_EQUAL(cvq->polls_left, 100, "of the start's time");
	return TEST_SUCCESS;
}

/* A device that cannot be reset keeps what it has, the queues nobody set up too. */
static int
test_stuck(void)
{
	TEST_ASSERT_SUCCESS(start(1, 3), "start");
	fake_virtio.never_resets = true;
	TEST_ASSERT_FAIL(rte_eth_dev_stop(virtio_port.id), "it stopped");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 3 * RING, "%u mbufs", virtio_port_mbufs());
	fake_virtio.never_resets = false;
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 3 * RING, "%u mbufs", virtio_port_mbufs());
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "%u mbufs", virtio_port_mbufs());
	return TEST_SUCCESS;
}

/* RSS is what the device does in its way; it is not what other modes are. */
static int
test_modes(void)
{
	struct rte_eth_conf conf = { .rxmode.mq_mode = RTE_ETH_MQ_RX_RSS };

	TEST_ASSERT_SUCCESS(virtio_port_configure(2, 2, RING, &conf), "RSS");
	conf.rxmode.mq_mode = RTE_ETH_MQ_RX_VMDQ_ONLY;
	TEST_ASSERT_FAIL(virtio_port_configure(2, 2, RING, &conf), "VMDq");
	return TEST_SUCCESS;
}

/* Every access of a start with all kinds of queues fails once. */
static int
test_steps_fail(void)
{
	TEST_ASSERT_SUCCESS(virtio_port_configure(2, 3, RING, &plain), "configure");
	return virtio_port_fail_starts(NULL);
}

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: queue pairs",
	.unit_test_cases = {
		TEST_CASE_ST(setup, virtio_port_stop, test_all_queues),
		TEST_CASE_ST(setup, virtio_port_stop, test_one_pair),
		TEST_CASE_ST(setup, virtio_port_stop, test_too_many),
		TEST_CASE_ST(setup, virtio_port_stop, test_more_tx),
		TEST_CASE_ST(setup, virtio_port_stop, test_fair),
		TEST_CASE_ST(setup, virtio_port_stop, test_more_rx),
		TEST_CASE_ST(setup, virtio_port_stop, test_one_direction),
		TEST_CASE_ST(setup, virtio_port_stop, test_again),
		TEST_CASE_ST(setup, virtio_port_stop, test_added_rings_stay),
		TEST_CASE_ST(setup, virtio_port_stop, test_refused),
		TEST_CASE_ST(setup, virtio_port_stop, test_slow_backend),
		TEST_CASE_ST(setup, virtio_port_stop, test_stuck),
		TEST_CASE_ST(setup, virtio_port_stop, test_modes),
		TEST_CASE_ST(setup, virtio_port_stop, test_steps_fail),
		TEST_CASES_END()
	}
};

static int
test_mdev_virtio_pairs(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_virtio_pairs_autotest, test_mdev_virtio_pairs);
