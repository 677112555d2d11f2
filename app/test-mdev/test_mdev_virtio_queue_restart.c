/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Stop of single queues where the device does not have VIRTIO_F_RING_RESET: the whole
 * device is reset, and all but the queue go on.
 */

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

#include <virtqueue.h>

#include "captured_log.h"
#include "test.h"
#include "virtio_recovery.h"

#define RING VIRTIO_RECOVERY_RING

static uint8_t data[60];

static int
start(void)
{
	virtio_recovery_state()->pause_polls = 0;
	virtio_recovery_state()->send_polls = 0;
	return virtio_recovery_start_queues(2, 2, false);
}

static unsigned int
pending(unsigned int vq_index)
{
	return mirror_ring_pending(&fake_virtio.queue[vq_index].ring);
}

/* What an empty ring needs is a burst of its owner. */
static int
check_queue(uint16_t queue, bool receives, bool sends)
{
	struct rte_mbuf *sent = virtio_port_frame(60, 1), *m = NULL;
	uint16_t id = virtio_port.id, n;

	TEST_ASSERT_EQUAL(rte_eth_rx_burst(id, queue, &m, 1), 0, "frames wait");
	TEST_ASSERT_EQUAL(pending(2 * queue) > 0, receives, "queue %u: %u buffers",
		queue, pending(2 * queue));
	fake_virtio_receive_on(queue, data, sizeof(data));
	n = rte_eth_rx_burst(id, queue, &m, 1);
	if (n == 1)
		rte_pktmbuf_free(m);
	TEST_ASSERT_EQUAL(n, receives, "queue %u: %u received", queue, n);
	n = rte_eth_tx_burst(id, queue, &sent, 1);
	if (n == 0)
		rte_pktmbuf_free(sent);
	TEST_ASSERT_EQUAL(n, sends, "queue %u: %u sent", queue, n);
	TEST_ASSERT_EQUAL(fake_virtio_sent_on(queue, data, sizeof(data)),
		sends ? 60 : -1, "queue %u", queue);
	return TEST_SUCCESS;
}

static int
check_states(uint8_t rx, uint8_t tx)
{
	const struct rte_eth_dev_data *dev = virtio_port.dev->data;

	TEST_ASSERT_EQUAL(dev->rx_queue_state[1], rx, "receive queue 1");
	TEST_ASSERT_EQUAL(dev->tx_queue_state[1], tx, "transmit queue 1");
	TEST_ASSERT_EQUAL(dev->rx_queue_state[0], RTE_ETH_QUEUE_STATE_STARTED,
		"receive queue 0");
	TEST_ASSERT_EQUAL(dev->tx_queue_state[0], RTE_ETH_QUEUE_STATE_STARTED,
		"transmit queue 0");
	return TEST_SUCCESS;
}

/* A thread has the other queues: they stay what they are, and go on. */
static int
test_rx(void)
{
	uint16_t id = virtio_port.id;
	struct virtqueue *rx, *tx;
	unsigned int i;

	TEST_ASSERT_SUCCESS(start(), "start");
	rx = virtio_port.dev->data->rx_queues[0];
	tx = virtio_port.dev->data->tx_queues[0];
	for (i = 0; i < 3; i++) {
		TEST_ASSERT_SUCCESS(check_queue(1, true, true), "%u", i);
		/* one that is not fetched */
		TEST_ASSERT_EQUAL(fake_virtio_receive_on(1, data, 60), 1, "frame");
		fake_virtio.resets = 0;
		TEST_ASSERT_SUCCESS(virtio_recovery_owner_start(1), "thread");
		TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_stop(id, 1), "stop %u", i);
		virtio_recovery_owner_end();
		TEST_ASSERT(fake_virtio.resets > 0, "no reset");
		TEST_ASSERT(virtio_port.dev->data->rx_queues[0] == rx &&
			virtio_port.dev->data->tx_queues[0] == tx, "replaced");
		TEST_ASSERT_SUCCESS(check_states(RTE_ETH_QUEUE_STATE_STOPPED,
			RTE_ETH_QUEUE_STATE_STARTED), "%u", i);
		TEST_ASSERT_EQUAL(fake_virtio.queue[2].enabled, 1,
			"a pair is not complete");
		TEST_ASSERT_SUCCESS(check_queue(0, true, true), "%u", i);
		TEST_ASSERT_SUCCESS(check_queue(1, false, true), "%u", i);
		/* one was fetched, and those that were sent come back later */
		TEST_ASSERT_EQUAL(virtio_port_mbufs(), RING - 1 + 2, "%u mbufs",
			virtio_port_mbufs());
		fake_virtio.resets = 0;
		TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_start(id, 1), "start %u", i);
		TEST_ASSERT_EQUAL(fake_virtio.resets, 0, "a reset for nothing");
		TEST_ASSERT_SUCCESS(check_states(RTE_ETH_QUEUE_STATE_STARTED,
			RTE_ETH_QUEUE_STATE_STARTED), "%u", i);
		TEST_ASSERT_SUCCESS(check_queue(0, true, true), "%u", i);
	}
	TEST_ASSERT_SUCCESS(check_queue(1, true, true), "at last");
	TEST_ASSERT_EQUAL(virtio_recovery_xstat("recovery_rx_lost"), 0,
		"what its user gives up is not lost");
	TEST_ASSERT_EQUAL(virtio_recovery_xstat("recoveries"), 0, "none");
	TEST_ASSERT_EQUAL(virtio_recovery.nr_events, 0, "%s", virtio_recovery.events);
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_stop(id, 1), "stop");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(id), "stop");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "%u mbufs", virtio_port_mbufs());
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(id), "start");
	return check_queue(1, true, true);
}

static int
send_on(uint16_t queue)
{
	struct rte_mbuf *m = virtio_port_frame(60, 1);

	return rte_eth_tx_burst(virtio_port.id, queue, &m, 1);
}

/* A ring that the device has emptied can wait; what it keeps takes a reset to get. */
static int
test_tx(void)
{
	uint16_t id = virtio_port.id;
	unsigned int i;

	TEST_ASSERT_SUCCESS(start(), "start");
	TEST_ASSERT_SUCCESS(check_queue(1, true, true), "?");
	fake_virtio.resets = 0;
	TEST_ASSERT_SUCCESS(rte_eth_dev_tx_queue_stop(id, 1), "stop");
	TEST_ASSERT_EQUAL(fake_virtio.resets, 0, "a reset for nothing");
	TEST_ASSERT_SUCCESS(check_queue(1, true, false), "stopped");
	TEST_ASSERT_SUCCESS(rte_eth_dev_tx_queue_start(id, 1), "start");
	for (i = 0; i < 3; i++) {
		TEST_ASSERT_SUCCESS(check_queue(1, true, true), "%u", i);
		TEST_ASSERT_EQUAL(send_on(1), 1, "not sent");
		TEST_ASSERT_EQUAL(send_on(0), 1, "not sent");
		fake_virtio.resets = 0;
		TEST_ASSERT_SUCCESS(rte_eth_dev_tx_queue_stop(id, 1), "stop %u", i);
		TEST_ASSERT(fake_virtio.resets > 0, "no reset");
		TEST_ASSERT_EQUAL(virtio_recovery_xstat("recovery_tx_lost"), i + 1,
			"those of the other queue are lost");
		TEST_ASSERT_SUCCESS(check_states(RTE_ETH_QUEUE_STATE_STARTED,
			RTE_ETH_QUEUE_STATE_STOPPED), "%u", i);
		TEST_ASSERT_SUCCESS(check_queue(0, true, true), "%u", i);
		TEST_ASSERT_SUCCESS(check_queue(1, true, false), "%u", i);
		TEST_ASSERT_SUCCESS(rte_eth_dev_tx_queue_start(id, 1), "start %u", i);
	}
	TEST_ASSERT_SUCCESS(check_queue(1, true, true), "at last");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(id), "stop");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "%u mbufs", virtio_port_mbufs());
	return TEST_SUCCESS;
}

/* A device that sends what it has while the port waits for it, if it does. */
static volatile bool stop_ended;

static void *
send_late(void *arg)
{
	uint8_t sent[60];

	while (!mdev_virtio_recovering(virtio_port.dev)) {
		if (stop_ended)
			return NULL;
	}
	if (fake_virtio_sent_on(0, sent, sizeof(sent)) == 60)
		*(bool *)arg = true;
	return NULL;
}

static int
test_sent_first(void)
{
	pthread_t device;
	bool sent = false;
	int ret;

	TEST_ASSERT_SUCCESS(start(), "start");
	virtio_recovery_state()->send_polls = VIRTIO_RECOVERY_FOREVER;
	stop_ended = false;
	TEST_ASSERT_EQUAL(send_on(0), 1, "not sent");
	TEST_ASSERT_SUCCESS(pthread_create(&device, NULL, send_late, &sent), "thread");
	ret = rte_eth_dev_rx_queue_stop(virtio_port.id, 1);
	stop_ended = true;
	pthread_join(device, NULL);
	TEST_ASSERT_SUCCESS(ret, "stop");
	TEST_ASSERT(sent, "not sent");
	TEST_ASSERT_EQUAL(virtio_recovery_xstat("recovery_tx_lost"), 0, "lost");
	return check_queue(0, true, true);
}

/* Those that do not run yet, or no more, stay so. */
static int
test_deferred(void)
{
	const struct rte_eth_rxconf rxconf = { .rx_deferred_start = 1 };
	const struct rte_eth_txconf txconf = { .tx_deferred_start = 1 };
	uint16_t id = virtio_port.id;

	TEST_ASSERT_SUCCESS(start(), "start");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(id), "stop");
	TEST_ASSERT_SUCCESS(rte_eth_rx_queue_setup(id, 1, RING, SOCKET_ID_ANY, &rxconf,
		virtio_port.pool), "setup");
	TEST_ASSERT_SUCCESS(rte_eth_tx_queue_setup(id, 1, RING, SOCKET_ID_ANY, &txconf),
		"setup");
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(id), "start");
	TEST_ASSERT_SUCCESS(check_queue(1, false, false), "deferred");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_stop(id, 0), "stop");
	TEST_ASSERT_SUCCESS(check_queue(0, false, true), "stopped");
	TEST_ASSERT_SUCCESS(check_queue(1, false, false), "deferred");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_start(id, 0), "start");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_start(id, 1), "start");
	TEST_ASSERT_SUCCESS(rte_eth_dev_tx_queue_start(id, 1), "start");
	TEST_ASSERT_SUCCESS(check_queue(0, true, true), "started");
	TEST_ASSERT_SUCCESS(check_queue(1, true, true), "started");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_stop(id, 1), "stop");
	TEST_ASSERT_SUCCESS(check_queue(1, false, true), "stopped again");
	return check_queue(0, true, true);
}

/* What the driver added to complete pairs goes and comes with its queue. */
static int
test_siblings(void)
{
	uint16_t id = virtio_port.id;
	struct rte_mbuf *m;

	TEST_ASSERT_SUCCESS(start(), "start");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(id), "stop");
	TEST_ASSERT_SUCCESS(virtio_recovery_start_queues(1, 2, false), "start");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 2 * RING, "mbufs");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_stop(id, 0), "stop");
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(id, 0, &m, 1), 0, "received");
	TEST_ASSERT_EQUAL(pending(0) + pending(2), 0, "buffers");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "%u mbufs", virtio_port_mbufs());
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_start(id, 0), "start");
	TEST_ASSERT_EQUAL(pending(0), RING, "%u buffers", pending(0));
	TEST_ASSERT_EQUAL(pending(2), RING, "%u buffers", pending(2));
	return TEST_SUCCESS;
}

/* A queue that the device lied about can be had again. */
static int
test_broken(void)
{
	struct mirror_ring *ring = &fake_virtio.queue[2].ring;
	struct rte_mbuf *m;

	TEST_ASSERT_SUCCESS(start(), "start");
	mirror_ring_push(ring, RING, 100);
	mirror_ring_publish(ring);
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(virtio_port.id, 1, &m, 1), 0, "received");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_stop(virtio_port.id, 1), "stop");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_start(virtio_port.id, 1), "start");
	return check_queue(1, true, true);
}

static int
test_configuration(void)
{
	TEST_ASSERT_SUCCESS(start(), "start");
	TEST_ASSERT_SUCCESS(virtio_recovery_configure(), "?");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_stop(virtio_port.id, 1), "stop");
	return virtio_recovery_configured();
}

static int busy, polled;

static void
meanwhile(void)
{
	struct rte_mbuf *m = NULL;

	fake_virtio.on_reset = NULL;
	busy = rte_eth_promiscuous_enable(virtio_port.id);
	polled = rte_eth_rx_burst(virtio_port.id, 0, &m, 1) +
		rte_eth_tx_burst(virtio_port.id, 0, &m, 1);
}

/* A device that asks for a reset meanwhile gets another one. */
static void
ask_in_second(void)
{
	fake_virtio.answer = fake_virtio.resets == 2 ? FAKE_ANSWER_NEEDS_RESET :
		FAKE_ANSWER;
}

static int
test_meanwhile(void)
{
	uint16_t id = virtio_port.id;

	TEST_ASSERT_SUCCESS(start(), "start");
	busy = -1;
	polled = -1;
	fake_virtio.on_reset = meanwhile;
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_stop(id, 1), "stop");
	TEST_ASSERT_SUCCESS(busy, "%d", busy);
	TEST_ASSERT_EQUAL(fake_virtio.filter.promisc, 1, "not told");
	TEST_ASSERT_EQUAL(polled, 0, "%d", polled);
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_start(id, 1), "start");
	fake_virtio.resets = 0;
	fake_virtio.on_reset = ask_in_second;
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_stop(id, 1), "stop");
	fake_virtio.on_reset = NULL;
	TEST_ASSERT(fake_virtio.resets > 3, "%u resets", fake_virtio.resets);
	TEST_ASSERT_SUCCESS(check_queue(0, true, true), "?");
	return check_queue(1, false, true);
}

/* A device that does not come back: the port is at rest until it is stopped. */
static int
test_fails(void)
{
	uint16_t id = virtio_port.id;
	struct rte_mbuf *m = NULL;

	TEST_ASSERT_SUCCESS(start(), "start");
	fake_virtio.refuses_features = true;
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	TEST_ASSERT(rte_eth_dev_rx_queue_stop(id, 1) < 0, "stopped");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines("refuses features"), 1, "cause");
	TEST_ASSERT_EQUAL(captured_log_lines("did not come back from the reset that stops virtqueue 2: stop and start the port"),
		1, "state");
	TEST_ASSERT_EQUAL(captured_log_lines("to stop a queue"), 1, "what was lost");
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 3, "lines");
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(id, 0, &m, 1), 0, "receive");
	TEST_ASSERT_EQUAL(rte_eth_promiscuous_enable(id), -EIO, "control");
	TEST_ASSERT_EQUAL(virtio_port.dev->data->dev_link.link_status,
		RTE_ETH_LINK_DOWN, "up");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(id), "stop");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "%u mbufs", virtio_port_mbufs());
	fake_virtio.refuses_features = false;
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(id), "start");
	return check_queue(1, true, true);
}

static int
stop_queue(void)
{
	return rte_eth_dev_rx_queue_stop(virtio_port.id, 1);
}

static int
test_steps_fail(void)
{
	TEST_ASSERT_SUCCESS(start(), "start");
	TEST_ASSERT_SUCCESS(virtio_recovery_fail_steps(NULL, stop_queue), "?");
	return check_queue(1, true, true);
}

/* Nothing has happened to a port whose queue cannot be stopped. */
static int
check_refused(int expected, const char *why)
{
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	fake_virtio.resets = 0;
	TEST_ASSERT_EQUAL(rte_eth_dev_rx_queue_stop(virtio_port.id, 1), expected,
		"stopped");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 1, "lines");
	TEST_ASSERT_EQUAL(captured_log_lines(why), 1, "%s", why);
	TEST_ASSERT_EQUAL(fake_virtio.resets, 0, "reset");
	TEST_ASSERT_SUCCESS(check_states(RTE_ETH_QUEUE_STATE_STARTED,
		RTE_ETH_QUEUE_STATE_STARTED), "?");
	TEST_ASSERT_SUCCESS(check_queue(0, true, true), "?");
	return check_queue(1, true, true);
}

static int
test_pool(void)
{
	TEST_ASSERT_SUCCESS(start(), "start");
	virtio_port.pool->flags |= RTE_MEMPOOL_F_SP_PUT;
	TEST_ASSERT_SUCCESS(check_refused(-ENOTSUP, "pools that several threads may use"),
		"?");
	/* the buffers of the queue that it stops are in the caller's hands */
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_SUCCESS(virtio_recovery_start_queues(1, 1, false), "start");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_stop(virtio_port.id, 0), "stop");
	virtio_port.pool->flags &= ~RTE_MEMPOOL_F_SP_PUT;
	return TEST_SUCCESS;
}

/*
 * Queues of which nothing is heard are replaced, and not without end; those that are used
 * afterwards prove that nobody is at their predecessors.
 */
static int
test_replaced(void)
{
	uint16_t id = virtio_port.id;
	unsigned int i;

	TEST_ASSERT_SUCCESS(start(), "start");
	for (i = 0; i < 100; i++) {
		TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_stop(id, 1), "stop %u", i);
		TEST_ASSERT_EQUAL(virtio_recovery_state()->nr_replaced, 3,
			"%u: %u replaced", i, virtio_recovery_state()->nr_replaced);
		TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_start(id, 1), "start %u", i);
		TEST_ASSERT_SUCCESS(check_queue(0, true, true), "%u", i);
		TEST_ASSERT_SUCCESS(check_queue(1, true, true), "%u", i);
	}
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	for (i = 0; i < 85; i++) {
		TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_stop(id, 1), "stop %u", i);
		TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_start(id, 1), "start %u", i);
	}
	captured_log_stop();
	TEST_ASSERT_SUCCESS(check_refused(-EBUSY, "poll the queues, or stop the port"),
		"?");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_stop(id, 1), "stop");
	TEST_ASSERT_EQUAL(virtio_recovery_state()->nr_replaced, 3, "%u replaced",
		virtio_recovery_state()->nr_replaced);
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(id), "stop");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "%u mbufs", virtio_port_mbufs());
	return TEST_SUCCESS;
}

/* Nobody polls queues that are stopped: they are not waited for, nor ever replaced. */
static int
test_stopped(void)
{
	const struct virtqueue *stopped[2];
	void **rx, **tx;
	uint16_t id = virtio_port.id;
	unsigned int i;

	TEST_ASSERT_SUCCESS(start(), "start");
	rx = virtio_port.dev->data->rx_queues;
	tx = virtio_port.dev->data->tx_queues;
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_stop(id, 1), "stop");
	TEST_ASSERT_SUCCESS(rte_eth_dev_tx_queue_stop(id, 1), "stop");
	stopped[0] = rx[1];
	stopped[1] = tx[1];
	for (i = 0; i < 200; i++) {
		TEST_ASSERT_SUCCESS(check_queue(0, true, true), "%u", i);
		TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_stop(id, 0), "stop %u", i);
		TEST_ASSERT(rx[1] == stopped[0] && tx[1] == stopped[1],
			"%u: replaced", i);
		TEST_ASSERT_EQUAL(virtio_recovery_state()->nr_replaced, 1,
			"%u: %u replaced", i, virtio_recovery_state()->nr_replaced);
		TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_start(id, 0), "start %u", i);
	}
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_start(id, 1), "start");
	TEST_ASSERT_SUCCESS(rte_eth_dev_tx_queue_start(id, 1), "start");
	return check_queue(1, true, true);
}

#define CASE(test) \
	TEST_CASE_ST(virtio_recovery_setup, virtio_recovery_teardown, test), \
	TEST_CASE_ST(virtio_recovery_setup_packed, virtio_recovery_teardown, test)

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: stop of queues by a reset of the device",
	.unit_test_cases = {
		CASE(test_rx),
		CASE(test_tx),
		CASE(test_sent_first),
		CASE(test_deferred),
		CASE(test_siblings),
		CASE(test_broken),
		CASE(test_configuration),
		CASE(test_meanwhile),
		CASE(test_fails),
		CASE(test_steps_fail),
		CASE(test_pool),
		CASE(test_replaced),
		CASE(test_stopped),
		TEST_CASES_END()
	}
};

static int
test_mdev_virtio_queue_restart(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_virtio_queue_restart_autotest,
	test_mdev_virtio_queue_restart);
