/* SPDX-License-Identifier: BSD-3-Clause */

/* What is left of a port, its queues and its configuration when its device was reset. */

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>

#include <linux/virtio_config.h>

#include <rte_dev_info.h>
#include <rte_interrupts.h>
#include <rte_memzone.h>

#include <virtio_rxtx.h>

#include "captured_log.h"
#include "test.h"
#include "virtio_recovery.h"

static void
count_zone(const struct rte_memzone *mz, void *arg)
{
	(void)mz;
	(*(unsigned int *)arg)++;
}

static unsigned int
zones(void)
{
	unsigned int count = 0;

	rte_memzone_walk(count_zone, &count);
	return count;
}

/*
 * A thread that is in the middle of a burst all the while has a queue of its own, which
 * nobody frees before it was heard of.
 */
static int
test_stuck_owner(void)
{
	struct virtqueue *rx, *tx;
	uint16_t id = virtio_port.id;
	struct rte_mbuf *m = virtio_port_frame(60, 1), *got;
	struct rte_eth_stats stats;
	unsigned int before;

	TEST_ASSERT_SUCCESS(virtio_recovery_start(), "start");
	before = zones();
	TEST_ASSERT_SUCCESS(virtio_recovery_traffic(), "?");
	rx = virtio_port.dev->data->rx_queues[0];
	tx = virtio_port.dev->data->tx_queues[0];
	fake_virtio_ask_reset();
	TEST_ASSERT_EVENTS("rS");
	TEST_ASSERT_EQUAL(virtio_recovery_state()->nr_replaced, 2, "%u replaced",
		virtio_recovery_state()->nr_replaced);
	TEST_ASSERT(virtio_port.dev->data->rx_queues[0] != rx, "not replaced");
	/* it goes on, and hurts nobody */
	TEST_ASSERT_EQUAL(virtio_rx_burst(0)->burst(rx, &got, 1), 0, "received");
	TEST_ASSERT_EQUAL(virtio_tx_burst(0)->burst(tx, &m, 1), 1, "sent");
	TEST_ASSERT_SUCCESS(virtio_recovery_traffic(), "?");
	rte_eth_stats_get(id, &stats);
	TEST_ASSERT_EQUAL(stats.ipackets, 2, "%" PRIu64, stats.ipackets);
	TEST_ASSERT_EQUAL(stats.opackets, 2, "%" PRIu64, stats.opackets);
	/* then it is heard of */
	TEST_ASSERT_SUCCESS(virtio_recovery_owner_start(UINT16_MAX), "thread");
	fake_virtio_ask_reset();
	virtio_recovery_wait(4);
	virtio_recovery_owner_end();
	TEST_ASSERT_EVENTS("rSrS");
	TEST_ASSERT_EQUAL(virtio_recovery_state()->nr_replaced, 0, "%u kept",
		virtio_recovery_state()->nr_replaced);
	TEST_ASSERT_EQUAL(zones(), before, "%u zones, then %u", before, zones());
	/* or the port is stopped */
	virtio_recovery_state()->pause_polls = 0;
	fake_virtio_ask_reset();
	TEST_ASSERT_EVENTS("rSrSrS");
	TEST_ASSERT_EQUAL(virtio_recovery_state()->nr_replaced, 2, "not replaced");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(id), "stop");
	TEST_ASSERT_EQUAL(zones(), before, "%u zones, then %u", before, zones());
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "%u mbufs", virtio_port_mbufs());
	return TEST_SUCCESS;
}

/*
 * What was replaced is not the device's since, so it is freed with the stop even of a device
 * that keeps all others.
 */
static int
test_stuck_device(void)
{
	uint16_t id = virtio_port.id;
	unsigned int before;
	int ret;

	TEST_ASSERT_SUCCESS(virtio_recovery_start(), "start");
	before = zones();
	TEST_ASSERT_SUCCESS(virtio_recovery_traffic(), "?");
	fake_virtio_ask_reset();
	TEST_ASSERT_EVENTS("rS");
	TEST_ASSERT_EQUAL(virtio_recovery_state()->nr_replaced, 2, "%u replaced",
		virtio_recovery_state()->nr_replaced);
	TEST_ASSERT_SUCCESS(virtio_recovery_traffic(), "?");
	fake_virtio.never_resets = true;
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	ret = rte_eth_dev_stop(id);
	captured_log_stop();
	fake_virtio.never_resets = false;
	TEST_ASSERT(ret < 0, "stopped");
	TEST_ASSERT_EQUAL(zones(), before, "%u zones, then %u", before, zones());
	TEST_ASSERT_SUCCESS(rte_eth_dev_reset(id), "reset");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "%u mbufs", virtio_port_mbufs());
	return TEST_SUCCESS;
}

/* All that was asked for is asked for again. */
static int
test_configuration(void)
{
	virtio_recovery_state()->pause_polls = 0;
	TEST_ASSERT_SUCCESS(virtio_recovery_start_queues(2, 2, false), "start");
	TEST_ASSERT_SUCCESS(virtio_recovery_configure(), "?");
	fake_virtio_ask_reset();
	TEST_ASSERT_EVENTS("rS");
	TEST_ASSERT_SUCCESS(virtio_recovery_configured(), "?");
	/* and what is not wanted is not there by itself */
	TEST_ASSERT_SUCCESS(rte_eth_promiscuous_disable(virtio_port.id), "off");
	TEST_ASSERT_SUCCESS(rte_eth_allmulticast_disable(virtio_port.id), "off");
	fake_virtio_ask_reset();
	TEST_ASSERT_EVENTS("rSrS");
	TEST_ASSERT_EQUAL(fake_virtio.filter.promisc, 0, "promiscuous");
	TEST_ASSERT_EQUAL(fake_virtio.filter.allmulti, 0, "all-multicast");
	return TEST_SUCCESS;
}

/* What cannot be brought up again is left to the application, at rest. */
static int
test_fails(void)
{
	uint32_t words[128] = { 0 };
	struct rte_dev_reg_info regs = { .data = NULL };
	struct rte_mbuf *m = NULL;

	TEST_ASSERT_SUCCESS(virtio_recovery_start(), "start");
	fake_virtio.refuses_features = true;
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	fake_virtio_ask_reset();
	virtio_recovery_wait(3);
	captured_log_stop();
	TEST_ASSERT_EVENTS("rFR");
	TEST_ASSERT_EQUAL(captured_log_lines("refuses features"), 1, "cause");
	TEST_ASSERT_EQUAL(captured_log_lines("did not recover"), 1, "state");
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 3, "lines");
	TEST_ASSERT_EQUAL(rte_eth_promiscuous_enable(virtio_port.id), -EIO,
		"control");
	/* but what the device says now can be read */
	TEST_ASSERT_SUCCESS(rte_eth_dev_get_reg_info(virtio_port.id, &regs), "length");
	TEST_ASSERT(regs.length <= RTE_DIM(words), "%u registers", regs.length);
	regs.data = words;
	TEST_ASSERT_SUCCESS(rte_eth_dev_get_reg_info(virtio_port.id, &regs), "registers");
	TEST_ASSERT_EQUAL((uint64_t)words[1] << 32 | words[0], fake_virtio.offered, "?");
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(virtio_port.id, 0, &m, 1), 0, "receive");
	TEST_ASSERT(virtio_port_prepares(), "not prepared");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	fake_virtio.refuses_features = false;
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	TEST_ASSERT_SUCCESS(virtio_recovery_traffic(), "?");
	return TEST_SUCCESS;
}

static void
ask_for_one(void)
{
	virtio_recovery.nr_events = 0;
	memset(virtio_recovery.events, 0, sizeof(virtio_recovery.events));
	fake_virtio.status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	mdev_virtio_needs_reset(virtio_port.dev);
}

static int
recovered(void)
{
	virtio_recovery_wait(2);
	return virtio_recovery.events[1] == 'F' ? -1 : 0;
}

static int
test_steps_fail(void)
{
	TEST_ASSERT_SUCCESS(virtio_recovery_start(), "start");
	virtio_recovery_state()->window_s = 0;
	TEST_ASSERT_SUCCESS(virtio_recovery_fail_steps(ask_for_one, recovered), "?");
	return virtio_recovery_traffic();
}

/* What was received and not fetched, and what the device may not have sent. */
static int
test_lost(void)
{
	struct rte_mbuf *m[4];
	uint16_t id = virtio_port.id, i;
	uint8_t data[60] = { 0 };

	TEST_ASSERT_SUCCESS(virtio_recovery_start(), "start");
	for (i = 0; i < RTE_DIM(m); i++)
		m[i] = virtio_port_frame(60, i);
	TEST_ASSERT_EQUAL(rte_eth_tx_burst(id, 0, m, 4), 4, "send");
	TEST_ASSERT_EQUAL(fake_virtio_sent(data, 60), 60, "sent");
	TEST_ASSERT_EQUAL(fake_virtio_receive(data, 60), 1, "receive");
	TEST_ASSERT_EQUAL(fake_virtio_receive(data, 60), 1, "receive");
	fake_virtio_ask_reset();
	TEST_ASSERT_EVENTS("rS");
	TEST_ASSERT_EQUAL(virtio_recovery_xstat("recovery_rx_lost"), 2, "received");
	TEST_ASSERT_EQUAL(virtio_recovery_xstat("recovery_tx_lost"), 3, "sent");
	rte_eth_xstats_reset(id);
	TEST_ASSERT_EQUAL(virtio_recovery_xstat("recovery_tx_lost"), 0, "not reset");
	TEST_ASSERT_EQUAL(virtio_recovery_xstat("recoveries"), 0, "not reset");
	return TEST_SUCCESS;
}

/* Frames that take several descriptors are returned by one element each. */
static int
test_lost_segments(void)
{
	struct rte_mbuf *m[3], *second;
	uint16_t id = virtio_port.id, i;
	uint8_t data[256];

	TEST_ASSERT_SUCCESS(virtio_recovery_start(), "start");
	for (i = 0; i < RTE_DIM(m); i++) {
		m[i] = virtio_port_frame(60, i);
		second = virtio_port_frame(60, i);
		TEST_ASSERT_SUCCESS(rte_pktmbuf_chain(m[i], second), "chain");
	}
	TEST_ASSERT_EQUAL(rte_eth_tx_burst(id, 0, m, 3), 3, "send");
	TEST_ASSERT_EQUAL(fake_virtio_sent(data, sizeof(data)), 120, "sent");
	TEST_ASSERT_EQUAL(fake_virtio_sent(data, sizeof(data)), 120, "sent");
	fake_virtio_ask_reset();
	TEST_ASSERT_EVENTS("rS");
	TEST_ASSERT_EQUAL(virtio_recovery_xstat("recovery_tx_lost"), 1, "lost");
	return TEST_SUCCESS;
}

/* While the queue may be in other hands nothing is taken out of it. */
static int
test_cleanup_meanwhile(void)
{
	struct rte_mbuf *m = virtio_port_frame(60, 1);
	uint16_t id = virtio_port.id;
	uint8_t data[60];

	TEST_ASSERT_SUCCESS(virtio_recovery_start(), "start");
	TEST_ASSERT_EQUAL(rte_eth_tx_burst(id, 0, &m, 1), 1, "send");
	TEST_ASSERT_EQUAL(fake_virtio_sent(data, sizeof(data)), 60, "sent");
	virtio_recovery_state()->running = true;
	TEST_ASSERT_EQUAL(rte_eth_tx_done_cleanup(id, 0, 0), 0, "taken");
	virtio_recovery_state()->running = false;
	TEST_ASSERT_EQUAL(rte_eth_tx_done_cleanup(id, 0, 0), 1, "not taken");
	return TEST_SUCCESS;
}

static bool
event_waits(uint16_t queue)
{
	struct pollfd pfd = { .events = POLLIN,
		.fd = rte_intr_efds_index_get(virtio_port.dev->intr_handle, queue) };

	return poll(&pfd, 1, 0) == 1;
}

/* Who sleeps until a frame comes is woken, and woken by the next frame too. */
static int
test_rx_interrupts(void)
{
	uint16_t id = virtio_port.id;
	struct rte_mbuf *m;

	virtio_recovery_state()->pause_polls = 0;
	TEST_ASSERT_SUCCESS(virtio_recovery_start_queues(2, 2, true), "start");
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(id, 0, &m, 1), 0, "receive");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_intr_enable(id, 0), "enable");
	TEST_ASSERT(!event_waits(0), "an event");
	fake_virtio_ask_reset();
	TEST_ASSERT_EVENTS("rS");
	TEST_ASSERT(event_waits(0) && event_waits(1), "nobody was woken");
	TEST_ASSERT_EQUAL(fake_virtio_interrupt(0), 1, "queue 0's is disabled");
	TEST_ASSERT_EQUAL(fake_virtio_interrupt(2), 0, "queue 1's is enabled");
	return TEST_SUCCESS;
}

/* What was enabled before a start, the port's or the queue's, is not any more. */
static int
test_rx_interrupts_started(void)
{
	uint16_t id = virtio_port.id;
	struct rte_mbuf *m;

	virtio_recovery_state()->pause_polls = 0;
	TEST_ASSERT_SUCCESS(virtio_recovery_start_queues(2, 2, true), "start");
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(id, 0, &m, 1), 0, "receive");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_intr_enable(id, 0), "enable");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(id), "stop");
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(id), "start");
	fake_virtio_ask_reset();
	TEST_ASSERT_EVENTS("rS");
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(id, 0, &m, 1), 0, "receive");
	TEST_ASSERT_EQUAL(fake_virtio_interrupt(0), 0, "enabled after a start");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_intr_enable(id, 0), "enable");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_stop(id, 0), "stop");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_start(id, 0), "start");
	fake_virtio_ask_reset();
	TEST_ASSERT_EVENTS("rSrS");
	TEST_ASSERT_EQUAL(fake_virtio_interrupt(0), 0, "enabled after its start");
	return TEST_SUCCESS;
}

/* A doorbell that moves meanwhile is not followed: a burst may be ringing it. */
static int
test_doorbell_moves(void)
{
	TEST_ASSERT_SUCCESS(virtio_recovery_start(), "start");
	fake_virtio.queue[1].notify_off = 7;
	fake_virtio_ask_reset();
	TEST_ASSERT_EVENTS("rFR");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	return virtio_recovery_traffic();
}

/* Nor does a port go on with a device that has lost what it is configured for. */
static int
test_offload_lost(void)
{
	TEST_ASSERT_SUCCESS(virtio_recovery_start(), "start");
	fake_virtio.offered &= ~RTE_BIT64(VIRTIO_NET_F_CTRL_VLAN);
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	fake_virtio_ask_reset();
	virtio_recovery_wait(3);
	captured_log_stop();
	TEST_ASSERT_EVENTS("rFR");
	TEST_ASSERT_EQUAL(captured_log_lines("Rx offload VLAN_FILTER needs"), 1, "cause");
	TEST_ASSERT_EQUAL(captured_log_lines("did not recover"), 1, "state");
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 3, "lines");
	TEST_ASSERT(virtio_port_prepares(), "not prepared");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	fake_virtio.offered |= RTE_BIT64(VIRTIO_NET_F_CTRL_VLAN);
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	return virtio_recovery_traffic();
}

/* A link that was set down stays so. */
static int
test_link_down(void)
{
	struct rte_eth_link link;

	TEST_ASSERT_SUCCESS(virtio_recovery_start(), "start");
	TEST_ASSERT_SUCCESS(rte_eth_dev_set_link_down(virtio_port.id), "down");
	fake_virtio_ask_reset();
	TEST_ASSERT_EVENTS("rS");
	TEST_ASSERT_SUCCESS(rte_eth_link_get_nowait(virtio_port.id, &link), "link");
	TEST_ASSERT_EQUAL(link.link_status, RTE_ETH_LINK_DOWN, "up");
	TEST_ASSERT_SUCCESS(rte_eth_dev_set_link_up(virtio_port.id), "up");
	return virtio_recovery_traffic();
}

#define CASE(test) \
	TEST_CASE_ST(virtio_recovery_setup, virtio_recovery_teardown, test)

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: restart of the device",
	.unit_test_cases = {
		CASE(test_stuck_owner),
		CASE(test_stuck_device),
		CASE(test_configuration),
		CASE(test_fails),
		CASE(test_steps_fail),
		CASE(test_lost),
		CASE(test_lost_segments),
		TEST_CASE_ST(virtio_recovery_setup_packed, virtio_recovery_teardown,
			test_lost_segments),
		CASE(test_cleanup_meanwhile),
		CASE(test_rx_interrupts),
		CASE(test_rx_interrupts_started),
		CASE(test_doorbell_moves),
		CASE(test_offload_lost),
		CASE(test_link_down),
		TEST_CASES_END()
	}
};

static int
test_mdev_virtio_restart(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_virtio_restart_autotest, test_mdev_virtio_restart);
