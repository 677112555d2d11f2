/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Start and stop of single queues of a running port, by VIRTIO_F_RING_RESET; without it,
 * see test_mdev_virtio_queue_restart.c.
 */

#include <errno.h>

#include <linux/virtio_config.h>

#include <rte_mbuf.h>

#include <virtqueue.h>

#include "captured_log.h"
#include "fake_vfio.h"
#include "test.h"
#include "virtio_port.h"

#define RING 64

static const struct rte_eth_conf conf = { .rxmode.mtu = RTE_ETHER_MTU };
static uint8_t data[60];

static int
attach(uint64_t features)
{
	return virtio_port_attach_ctrl(RTE_BIT64(VIRTIO_NET_F_MQ) |
		RTE_BIT64(FAKE_VIRTIO_F_RING_RESET) | features, FAKE_VIRTIO_PAIRS);
}

static int
setup(void)
{
	return attach(0);
}

static int
setup_in_order(void)
{
	return attach(RTE_BIT64(VIRTIO_F_IN_ORDER));
}

static int
setup_packed(void)
{
	return attach(RTE_BIT64(VIRTIO_F_RING_PACKED));
}

static int
setup_packed_in_order(void)
{
	return attach(RTE_BIT64(VIRTIO_F_RING_PACKED) | RTE_BIT64(VIRTIO_F_IN_ORDER));
}

static int
setup_without(void)
{
	return virtio_port_attach_ctrl(RTE_BIT64(VIRTIO_NET_F_MQ),
		FAKE_VIRTIO_PAIRS);
}

static int
check_receives(uint16_t queue, uint16_t pair, bool expected)
{
	struct rte_mbuf *m = NULL;
	uint16_t n;

	fake_virtio_receive_on(pair, data, sizeof(data));
	n = rte_eth_rx_burst(virtio_port.id, queue, &m, 1);
	if (n == 1)
		rte_pktmbuf_free(m);
	TEST_ASSERT_EQUAL(n, expected, "queue %u, pair %u: %u frames", queue, pair,
		n);
	return TEST_SUCCESS;
}

static int
check_sends(uint16_t queue, bool expected)
{
	struct rte_mbuf *m = virtio_port_frame(60, 1);
	uint16_t n = rte_eth_tx_burst(virtio_port.id, queue, &m, 1);

	if (n == 0)
		rte_pktmbuf_free(m);
	TEST_ASSERT_EQUAL(n, expected, "queue %u: %u frames", queue, n);
	if (n == 1)
		TEST_ASSERT_EQUAL(fake_virtio_sent_on(queue, data, sizeof(data)),
			60, "queue %u", queue);
	return TEST_SUCCESS;
}

/* One queue goes and comes, any number of times; the others do not notice. */
static int
test_rx(void)
{
	const struct fake_virtio_queue *q = &fake_virtio.queue[2];
	struct rte_eth_stats stats;
	unsigned int i, used;

	TEST_ASSERT_SUCCESS(virtio_port_start_queues(2, 2, RING, &conf), "start");
	used = virtio_port_mbufs();
	fake_virtio.resets = 0;
	for (i = 0; i < 5; i++) {
		TEST_ASSERT_SUCCESS(check_receives(1, 1, true), "%u", i);
		/* one that is not fetched */
		TEST_ASSERT_EQUAL(fake_virtio_receive_on(1, data, 60), 1, "frame");
		TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_stop(virtio_port.id, 1),
			"stop %u", i);
		TEST_ASSERT_EQUAL(q->enabled, 0, "enabled");
		TEST_ASSERT_EQUAL(virtio_port_mbufs(), used - RING, "%u mbufs",
			virtio_port_mbufs());
		TEST_ASSERT_EQUAL(virtio_port.dev->data->rx_queue_state[1],
			RTE_ETH_QUEUE_STATE_STOPPED, "state");
		/* not an application's business, but it must do no harm */
		TEST_ASSERT_EQUAL(rte_eth_rx_queue_count(virtio_port.id, 1), 0,
			"frames");
		TEST_ASSERT_SUCCESS(check_receives(0, 0, true), "%u", i);
		TEST_ASSERT_SUCCESS(check_sends(1, true), "%u", i);
		TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_start(virtio_port.id, 1),
			"start %u", i);
		TEST_ASSERT(q->enabled == 1 && q->size == RING, "not enabled");
		TEST_ASSERT_EQUAL(mirror_ring_pending(&q->ring), RING, "buffers");
		TEST_ASSERT_EQUAL(virtio_port.dev->data->rx_queue_state[1],
			RTE_ETH_QUEUE_STATE_STARTED, "state");
	}
	TEST_ASSERT_SUCCESS(check_receives(1, 1, true), "at last");
	TEST_ASSERT_EQUAL(fake_virtio.resets, 0, "the device was reset");
	TEST_ASSERT_SUCCESS(rte_eth_stats_get(virtio_port.id, &stats), "stats");
	TEST_ASSERT_EQUAL(stats.ipackets, 11, "%u frames counted",
		(unsigned int)stats.ipackets);
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_stop(virtio_port.id, 1), "stop");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "%u mbufs", virtio_port_mbufs());
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	TEST_ASSERT_SUCCESS(check_receives(1, 1, true), "the port was started");
	return TEST_SUCCESS;
}

static int
test_tx(void)
{
	const struct fake_virtio_queue *q = &fake_virtio.queue[3];
	struct rte_mbuf *m;
	unsigned int i, used;

	TEST_ASSERT_SUCCESS(virtio_port_start_queues(2, 2, RING, &conf), "start");
	used = virtio_port_mbufs();
	for (i = 0; i < 3; i++) {
		TEST_ASSERT_SUCCESS(check_sends(1, true), "%u", i);
		/* one that the device keeps */
		m = virtio_port_frame(60, 1);
		TEST_ASSERT_EQUAL(rte_eth_tx_burst(virtio_port.id, 1, &m, 1), 1,
			"not sent");
		TEST_ASSERT_SUCCESS(rte_eth_dev_tx_queue_stop(virtio_port.id, 1),
			"stop %u", i);
		TEST_ASSERT_EQUAL(q->enabled, 0, "enabled");
		TEST_ASSERT_EQUAL(virtio_port_mbufs(), used, "%u mbufs",
			virtio_port_mbufs());
		TEST_ASSERT_SUCCESS(check_sends(1, false), "%u", i);
		TEST_ASSERT_EQUAL(rte_eth_tx_done_cleanup(virtio_port.id, 1, 0), 0,
			"frames");
		TEST_ASSERT_SUCCESS(check_sends(0, true), "%u", i);
		TEST_ASSERT_EQUAL(rte_eth_tx_done_cleanup(virtio_port.id, 0, 0), 1,
			"frames");
		TEST_ASSERT_SUCCESS(rte_eth_dev_tx_queue_start(virtio_port.id, 1),
			"start %u", i);
		TEST_ASSERT_SUCCESS(check_sends(1, true), "%u", i);
	}
	return TEST_SUCCESS;
}

/* Some frames, both ways, and then some that are left on the rings. */
static int
advance(unsigned int count)
{
	struct rte_mbuf *m[3];
	unsigned int i;

	for (i = 0; i < count; i++) {
		TEST_ASSERT_SUCCESS(check_receives(1, 1, true), "frame %u", i);
		TEST_ASSERT_SUCCESS(check_sends(1, true), "frame %u", i);
	}
	for (i = 0; i < RTE_DIM(m); i++) {
		m[i] = virtio_port_frame(60, i);
		TEST_ASSERT_EQUAL(fake_virtio_receive_on(1, data, 60), 1, "frame");
	}
	TEST_ASSERT_EQUAL(rte_eth_tx_burst(virtio_port.id, 1, m, RTE_DIM(m)),
		RTE_DIM(m), "not sent");
	/* the device has seen one of these */
	TEST_ASSERT_EQUAL(fake_virtio_sent_on(1, data, sizeof(data)), 60, "frame");
	return TEST_SUCCESS;
}

/* Wherever the ring was, with either wrap counter, it begins as a new one. */
static int
test_positions(void)
{
	const struct fake_virtio_queue *rx = &fake_virtio.queue[2];
	unsigned int i;

	TEST_ASSERT_SUCCESS(virtio_port_start_queues(2, 2, RING, &conf), "start");
	for (i = 0; i < 3 * RING; i += RING / 4 + 1) {
		TEST_ASSERT_SUCCESS(advance(i), "after %u", i);
		TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_stop(virtio_port.id, 1),
			"stop after %u", i);
		TEST_ASSERT_SUCCESS(rte_eth_dev_tx_queue_stop(virtio_port.id, 1),
			"stop after %u", i);
		TEST_ASSERT_EQUAL(virtio_port_mbufs(), RING, "%u mbufs",
			virtio_port_mbufs());
		TEST_ASSERT_SUCCESS(check_receives(1, 1, false), "stopped");
		TEST_ASSERT_SUCCESS(check_sends(1, false), "stopped");
		TEST_ASSERT_SUCCESS(rte_eth_dev_tx_queue_start(virtio_port.id, 1),
			"start after %u", i);
		TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_start(virtio_port.id, 1),
			"start after %u", i);
		TEST_ASSERT_EQUAL(mirror_ring_pending(&rx->ring), RING, "buffers");
	}
	TEST_ASSERT_SUCCESS(check_receives(1, 1, true), "at last");
	TEST_ASSERT_SUCCESS(check_sends(1, true), "at last");
	return TEST_SUCCESS;
}

/* What the driver added to complete pairs goes and comes with its queue. */
static int
test_siblings(void)
{
	unsigned int used;

	TEST_ASSERT_SUCCESS(virtio_port_start_queues(1, 3, RING, &conf), "start");
	used = virtio_port_mbufs();
	TEST_ASSERT_EQUAL(used, 3 * RING, "%u mbufs", used);
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_stop(virtio_port.id, 0), "stop");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "%u mbufs", virtio_port_mbufs());
	TEST_ASSERT(!fake_virtio.queue[0].enabled && !fake_virtio.queue[2].enabled &&
		!fake_virtio.queue[4].enabled, "enabled");
	TEST_ASSERT_SUCCESS(check_receives(0, 2, false), "stopped");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_start(virtio_port.id, 0), "start");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), used, "%u mbufs",
		virtio_port_mbufs());
	TEST_ASSERT_SUCCESS(check_receives(0, 0, true), "pair 0");
	TEST_ASSERT_SUCCESS(check_receives(0, 1, true), "pair 1");
	TEST_ASSERT_SUCCESS(check_receives(0, 2, true), "pair 2");
	return TEST_SUCCESS;
}

/* A queue that the device lied about can be had again without the others. */
static int
test_broken(void)
{
	struct mirror_ring *ring = &fake_virtio.queue[2].ring;

	TEST_ASSERT_SUCCESS(virtio_port_start_queues(2, 2, RING, &conf), "start");
	mirror_ring_push(ring, RING, 100);
	mirror_ring_publish(ring);
	TEST_ASSERT_SUCCESS(check_receives(1, 1, false), "not broken");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_stop(virtio_port.id, 1), "stop");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_start(virtio_port.id, 1), "start");
	TEST_ASSERT_SUCCESS(check_receives(1, 1, true), "broken");
	return TEST_SUCCESS;
}

/* Nothing is freed that the device may use; the stop can be tried again. */
static int
test_stuck(void)
{
	unsigned int used;

	TEST_ASSERT_SUCCESS(virtio_port_start_queues(2, 2, RING, &conf), "start");
	used = virtio_port_mbufs();
	fake_virtio.never_resets_queue = true;
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	TEST_ASSERT_EQUAL(rte_eth_dev_rx_queue_stop(virtio_port.id, 1), -ETIMEDOUT,
		"stopped");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines("mdev_virtio: "), 1, "lines");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), used, "mbufs were freed");
	TEST_ASSERT_SUCCESS(check_receives(1, 1, false), "still used");
	TEST_ASSERT_SUCCESS(check_receives(0, 0, true), "another one");
	fake_virtio.never_resets_queue = false;
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_stop(virtio_port.id, 1), "stop");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), used - 1 - RING, "%u mbufs",
		virtio_port_mbufs());
	/* and one that does not come back */
	fake_virtio.never_enables = true;
	TEST_ASSERT_EQUAL(rte_eth_dev_rx_queue_start(virtio_port.id, 1), -EPROTO,
		"started");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), used - 1 - RING, "%u mbufs",
		virtio_port_mbufs());
	fake_virtio.never_enables = false;
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_start(virtio_port.id, 1), "start");
	TEST_ASSERT_SUCCESS(check_receives(1, 1, true), "started");
	return TEST_SUCCESS;
}

static int
configure_deferred(void)
{
	const struct rte_eth_rxconf rxconf = { .rx_deferred_start = 1 };
	const struct rte_eth_txconf txconf = { .tx_deferred_start = 1 };

	TEST_ASSERT_SUCCESS(virtio_port_configure(2, 2, RING, &conf), "configure");
	TEST_ASSERT_SUCCESS(rte_eth_rx_queue_setup(virtio_port.id, 1, RING,
		SOCKET_ID_ANY, &rxconf, virtio_port.pool), "setup");
	TEST_ASSERT_SUCCESS(rte_eth_tx_queue_setup(virtio_port.id, 1, RING,
		SOCKET_ID_ANY, &txconf), "setup");
	return TEST_SUCCESS;
}

/* The pair is complete, or the device would not use it; its rings are empty. */
static int
test_deferred(void)
{
	unsigned int i;

	TEST_ASSERT_SUCCESS(configure_deferred(), "?");
	for (i = 0; i < 2; i++) {
		TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
		TEST_ASSERT_EQUAL(fake_virtio.filter.pairs, 2, "pairs");
		TEST_ASSERT_EQUAL(virtio_port_mbufs(), RING, "%u mbufs",
			virtio_port_mbufs());
		TEST_ASSERT_SUCCESS(check_receives(1, 1, false), "deferred");
		TEST_ASSERT_SUCCESS(check_sends(1, false), "deferred");
		TEST_ASSERT_EQUAL(mirror_ring_pending(&fake_virtio.queue[2].ring), 0,
			"a burst filled it");
		TEST_ASSERT_SUCCESS(check_receives(0, 0, true), "the other one");
		TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_start(virtio_port.id, 1),
			"rx");
		TEST_ASSERT_SUCCESS(rte_eth_dev_tx_queue_start(virtio_port.id, 1),
			"tx");
		TEST_ASSERT_SUCCESS(check_receives(1, 1, true), "started");
		TEST_ASSERT_SUCCESS(check_sends(1, true), "started");
		TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
		TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "%u mbufs",
			virtio_port_mbufs());
	}
	/* as it is closed, and never started */
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	return TEST_SUCCESS;
}

/* s. 2.6.1.2: a queue loses its vector with the reset. */
static int
test_vector(void)
{
	const struct rte_eth_conf rxq = { .intr_conf.rxq = 1 };

	TEST_ASSERT_SUCCESS(virtio_port_start_queues(2, 2, RING, &rxq), "start");
	TEST_ASSERT_EQUAL(fake_virtio.queue[2].vector, 2, "vector");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_stop(virtio_port.id, 1), "stop");
	TEST_ASSERT_EQUAL(rte_eth_dev_rx_intr_enable(virtio_port.id, 1), -EIO,
		"who sleeps on a stopped queue sleeps for ever");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_start(virtio_port.id, 1), "start");
	TEST_ASSERT_EQUAL(fake_virtio.queue[2].vector, 2, "vector");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_intr_enable(virtio_port.id, 1), "enable");
	TEST_ASSERT_EQUAL(fake_virtio_receive_on(1, data, 60), 1, "frame");
	TEST_ASSERT_EQUAL(fake_virtio_interrupt(2), 1, "no interrupt");
	return TEST_SUCCESS;
}

/* A device that has no vector for it any more: not started, and can be tried again. */
static int
test_vector_lost(void)
{
	const struct rte_eth_conf rxq = { .intr_conf.rxq = 1 };

	TEST_ASSERT_SUCCESS(virtio_port_start_queues(2, 2, RING, &rxq), "start");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_stop(virtio_port.id, 1), "stop");
	fake_virtio.no_vectors = true;
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	TEST_ASSERT_FAIL(rte_eth_dev_rx_queue_start(virtio_port.id, 1), "started");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines("interrupt vector back"), 1, "lines");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), RING, "%u mbufs", virtio_port_mbufs());
	TEST_ASSERT_SUCCESS(check_receives(1, 1, false), "used all the same");
	TEST_ASSERT_SUCCESS(check_receives(0, 0, true), "another one");
	fake_virtio.no_vectors = false;
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_start(virtio_port.id, 1), "start");
	TEST_ASSERT_SUCCESS(check_receives(1, 1, true), "started");
	return TEST_SUCCESS;
}

#define WITH_RESET(setup) \
	TEST_CASE_ST(setup, virtio_port_stop, test_rx), \
	TEST_CASE_ST(setup, virtio_port_stop, test_tx), \
	TEST_CASE_ST(setup, virtio_port_stop, test_positions), \
	TEST_CASE_ST(setup, virtio_port_stop, test_siblings), \
	TEST_CASE_ST(setup, virtio_port_stop, test_broken), \
	TEST_CASE_ST(setup, virtio_port_stop, test_stuck), \
	TEST_CASE_ST(setup, virtio_port_stop, test_deferred), \
	TEST_CASE_ST(setup, virtio_port_stop, test_vector), \
	TEST_CASE_ST(setup, virtio_port_stop, test_vector_lost)

static struct unit_test_suite reset_suite = {
	.suite_name = "net/mdev_virtio: start and stop of queues, in each layout",
	.unit_test_cases = {
		TEST_CASE_ST(setup, virtio_port_stop, test_positions),
		WITH_RESET(setup_in_order),
		WITH_RESET(setup_packed),
		WITH_RESET(setup_packed_in_order),
		TEST_CASES_END()
	}
};

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: start and stop of queues",
	.unit_test_cases = {
		TEST_CASE_ST(setup, virtio_port_stop, test_rx),
		TEST_CASE_ST(setup, virtio_port_stop, test_tx),
		TEST_CASE_ST(setup, virtio_port_stop, test_siblings),
		TEST_CASE_ST(setup, virtio_port_stop, test_broken),
		TEST_CASE_ST(setup, virtio_port_stop, test_stuck),
		TEST_CASE_ST(setup, virtio_port_stop, test_deferred),
		TEST_CASE_ST(setup_without, virtio_port_stop, test_deferred),
		TEST_CASE_ST(setup, virtio_port_stop, test_vector),
		TEST_CASES_END()
	}
};

static int
test_mdev_virtio_queue_state(void)
{
	int ret = unit_test_suite_runner(&suite);

	ret |= unit_test_suite_runner(&reset_suite);
	return ret == 0 ? TEST_SUCCESS : TEST_FAILED;
}

REGISTER_TEST_COMMAND(mdev_virtio_queue_state_autotest, test_mdev_virtio_queue_state);
