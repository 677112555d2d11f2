/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A link that the application sets down and up, and one whose device is reset to stop a
 * queue.
 */

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <linux/vfio.h>

#include <mdev_virtio_ethdev.h>

#include "captured_log.h"
#include "fake_vfio.h"
#include "test.h"
#include "virtio_port.h"
#include "virtio_recovery.h"

#define RING 64

static unsigned int events;

static int
on_event(uint16_t port_id, enum rte_eth_event_type type, void *arg, void *ret)
{
	(void)port_id;
	(void)type;
	(void)arg;
	(void)ret;
	events++;
	return 0;
}

static int
setup(void)
{
	events = 0;
	if (virtio_port_prepare(FAKE_VIRTIO_TRAPPED) < 0 ||
			virtio_port_attach("") != 0)
		return TEST_FAILED;
	return rte_eth_dev_callback_register(virtio_port.id,
			RTE_ETH_EVENT_INTR_LSC, on_event, NULL);
}

static void
teardown(void)
{
	rte_eth_dev_callback_unregister(virtio_port.id, RTE_ETH_EVENT_INTR_LSC,
		on_event, NULL);
	virtio_port_stop();
}

static int
setup_pairs(void)
{
	events = 0;
	return virtio_port_attach_ctrl(RTE_BIT64(VIRTIO_NET_F_MQ), 2);
}

static uint16_t
link_status(void)
{
	struct rte_eth_link link;

	if (rte_eth_link_get_nowait(virtio_port.id, &link) != 0)
		return UINT16_MAX;
	return link.link_status;
}

static int
start(void)
{
	const struct rte_eth_conf conf = { .intr_conf.lsc = 1 };

	return virtio_port_start_queues(1, 1, RING, &conf);
}

/* Nothing is received and nothing sent, but for what the device has. */
static int
test_down(void)
{
	uint16_t id = virtio_port.id, i;
	struct rte_eth_stats stats;
	struct rte_mbuf *m, *got;
	uint8_t data[60] = { 0 };

	TEST_ASSERT_SUCCESS(start(), "start");
	m = virtio_port_frame(60, 7);
	TEST_ASSERT_EQUAL(rte_eth_tx_burst(id, 0, &m, 1), 1, "send");
	TEST_ASSERT_SUCCESS(rte_eth_dev_set_link_down(id), "down");
	TEST_ASSERT_EQUAL(link_status(), RTE_ETH_LINK_DOWN, "up");
	TEST_ASSERT_EQUAL(events, 1, "%u events", events);
	TEST_ASSERT_EQUAL(fake_virtio_sent(data, sizeof(data)), 60, "lost");
	TEST_ASSERT_EQUAL(data[59], 7, "another frame");
	/* more than the ring has room for, and nothing is left behind */
	for (i = 0; i < 2 * RING; i++) {
		TEST_ASSERT_EQUAL(fake_virtio_receive(data, 60), 1, "frame %u", i);
		TEST_ASSERT_EQUAL(rte_eth_rx_burst(id, 0, &got, 1), 0, "received");
	}
	m = virtio_port_frame(60, 8);
	TEST_ASSERT_EQUAL(rte_eth_tx_burst(id, 0, &m, 1), 0, "sent");
	TEST_ASSERT_SUCCESS(rte_eth_dev_set_link_down(id), "down again");
	TEST_ASSERT_EQUAL(events, 1, "%u events", events);
	rte_eth_stats_get(id, &stats);
	TEST_ASSERT_EQUAL(stats.ipackets + stats.ibytes, 0, "counted");
	TEST_ASSERT_EQUAL(stats.imissed, 2 * RING, "%" PRIu64, stats.imissed);
	TEST_ASSERT_EQUAL(stats.opackets, 1, "%" PRIu64, stats.opackets);

	TEST_ASSERT_SUCCESS(rte_eth_dev_set_link_up(id), "up");
	TEST_ASSERT_EQUAL(link_status(), RTE_ETH_LINK_UP, "down");
	TEST_ASSERT_EQUAL(events, 2, "%u events", events);
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(id, 0, &got, 1), 0, "an old frame");
	TEST_ASSERT_EQUAL(rte_eth_tx_burst(id, 0, &m, 1), 1, "send");
	TEST_ASSERT_EQUAL(fake_virtio_receive(data, 60), 1, "receive");
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(id, 0, &got, 1), 1, "receive");
	rte_pktmbuf_free(got);
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(id), "stop");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "%u mbufs", virtio_port_mbufs());
	return TEST_SUCCESS;
}

static eth_rx_burst_t real_burst;

static uint16_t
reset_after_burst(void *queue, struct rte_mbuf **pkts, uint16_t count)
{
	uint16_t received = real_burst(queue, pkts, count);

	if (received > 0)
		rte_eth_stats_reset(virtio_port.id);
	return received;
}

/* What is dropped is in no other statistics, and at no time more than what has come. */
static int
test_statistics(void)
{
	struct mdev_virtio_process *process = virtio_port.dev->process_private;
	uint8_t data[2][60] = { { 1 }, { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
	uint16_t id = virtio_port.id, i;
	struct rte_eth_stats stats;
	struct rte_mbuf *got[2];

	TEST_ASSERT_SUCCESS(start(), "start");
	for (i = 0; i < 4; i++) {
		if (i == 2)
			TEST_ASSERT_SUCCESS(rte_eth_dev_set_link_down(id), "down");
		TEST_ASSERT_EQUAL(fake_virtio_receive(data[i % 2], 60), 1, "%u", i);
		rte_pktmbuf_free_bulk(got, rte_eth_rx_burst(id, 0, got, 2));
	}
	TEST_ASSERT_EQUAL(virtio_recovery_xstat("rx_q0_multicast_packets"), 1, "?");
	TEST_ASSERT_EQUAL(virtio_recovery_xstat("rx_q0_broadcast_packets"), 1, "?");
	TEST_ASSERT_EQUAL(virtio_recovery_xstat("rx_q0_undersize_packets"), 2, "?");
	TEST_ASSERT_SUCCESS(rte_eth_stats_get(id, &stats), "get");
	TEST_ASSERT_EQUAL(stats.ipackets, 2, "%" PRIu64, stats.ipackets);
	TEST_ASSERT_EQUAL(stats.ibytes, 120, "%" PRIu64, stats.ibytes);
	/* another thread resets them while a frame is being dropped */
	real_burst = process->rx_burst;
	process->rx_burst = reset_after_burst;
	TEST_ASSERT_EQUAL(fake_virtio_receive(data[0], 60), 1, "receive");
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(id, 0, got, 2), 0, "received");
	process->rx_burst = real_burst;
	TEST_ASSERT_SUCCESS(rte_eth_stats_get(id, &stats), "get");
	TEST_ASSERT_EQUAL(stats.ipackets, 0, "%" PRIu64, stats.ipackets);
	TEST_ASSERT_EQUAL(stats.ibytes, 0, "%" PRIu64, stats.ibytes);
	TEST_ASSERT_SUCCESS(rte_eth_stats_reset(id), "reset");
	TEST_ASSERT_SUCCESS(rte_eth_dev_set_link_up(id), "up");
	TEST_ASSERT_EQUAL(fake_virtio_receive(data[0], 60), 1, "receive");
	rte_pktmbuf_free_bulk(got, rte_eth_rx_burst(id, 0, got, 2));
	TEST_ASSERT_SUCCESS(rte_eth_stats_get(id, &stats), "get");
	TEST_ASSERT_EQUAL(stats.ipackets, 1, "%" PRIu64, stats.ipackets);
	return TEST_SUCCESS;
}

/* A stopped port's link is down, and a start brings it up. */
static int
test_stopped(void)
{
	uint16_t id = virtio_port.id;

	TEST_ASSERT_SUCCESS(rte_eth_dev_set_link_down(id), "down, not started");
	TEST_ASSERT_EQUAL(rte_eth_dev_set_link_up(id), -ENETDOWN, "up");
	TEST_ASSERT_SUCCESS(start(), "start");
	TEST_ASSERT_EQUAL(link_status(), RTE_ETH_LINK_UP, "down");
	TEST_ASSERT_SUCCESS(rte_eth_dev_set_link_down(id), "down");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(id), "stop");
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(id), "start");
	TEST_ASSERT_EQUAL(link_status(), RTE_ETH_LINK_UP, "down after a start");
	/* the device's own link counts too */
	TEST_ASSERT_SUCCESS(rte_eth_dev_set_link_down(id), "down");
	fake_virtio.config.status = 0;
	TEST_ASSERT_SUCCESS(rte_eth_dev_set_link_up(id), "up");
	TEST_ASSERT_EQUAL(link_status(), RTE_ETH_LINK_DOWN, "the device's is down");
	return TEST_SUCCESS;
}

/* Rings that are polled with another one are emptied, too; sums stay right. */
static int
test_siblings(void)
{
	const struct rte_eth_conf conf = { .intr_conf.lsc = 0 };
	uint16_t id = virtio_port.id, i;
	struct rte_eth_stats stats;
	uint8_t data[60] = { 0 };
	struct rte_mbuf *got;

	TEST_ASSERT_SUCCESS(virtio_port_start_queues(1, 2, RING, &conf), "start");
	TEST_ASSERT_EQUAL(fake_virtio_receive_on(1, data, 60), 1, "frame");
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(id, 0, &got, 1), 1, "received");
	rte_pktmbuf_free(got);
	TEST_ASSERT_SUCCESS(rte_eth_dev_set_link_down(id), "down");
	for (i = 0; i < 10; i++) {
		TEST_ASSERT_EQUAL(fake_virtio_receive_on(i % 2, data, 60), 1, "?");
		TEST_ASSERT_EQUAL(rte_eth_rx_burst(id, 0, &got, 1), 0, "received");
	}
	rte_eth_stats_get(id, &stats);
	TEST_ASSERT_EQUAL(stats.ipackets, 1, "%" PRIu64, stats.ipackets);
	TEST_ASSERT_EQUAL(stats.ibytes, 60, "%" PRIu64, stats.ibytes);
	TEST_ASSERT_EQUAL(stats.imissed, 10, "%" PRIu64, stats.imissed);
	return TEST_SUCCESS;
}

/* A secondary process is told whose it is to set. */
static int
test_secondary(void)
{
	const struct eth_dev_ops *ops = &mdev_virtio_secondary_ops;

	TEST_ASSERT_SUCCESS(virtio_port_start(RING), "start");
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	TEST_ASSERT_EQUAL(ops->dev_set_link_down(virtio_port.dev), -ENOTSUP, "down");
	TEST_ASSERT_EQUAL(ops->dev_set_link_up(virtio_port.dev), -ENOTSUP, "up");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines("do it in the primary process"), 2,
		"lines");
	TEST_ASSERT_EQUAL(link_status(), RTE_ETH_LINK_UP, "set down");
	return TEST_SUCCESS;
}

/* What a secondary process sees of a port that the primary has closed. */
static int
test_closed_by_primary(void)
{
	struct rte_eth_dev_data closed = { .port_id = virtio_port.id };
	struct rte_eth_dev_data *data = virtio_port.dev->data;
	int ret;

	TEST_ASSERT_SUCCESS(virtio_port_start(RING), "start");
	virtio_port.dev->data = &closed;
	ret = mdev_virtio_secondary_ops.link_update(virtio_port.dev, 0);
	virtio_port.dev->data = data;
	TEST_ASSERT(ret == 0 || ret == -1, "returned %d", ret);
	TEST_ASSERT_EQUAL(closed.dev_link.link_status, RTE_ETH_LINK_DOWN, "up");
	return TEST_SUCCESS;
}

/* Without VIRTIO_F_RING_RESET. */
static int
setup_restart(void)
{
	events = 0;
	if (virtio_recovery_setup() != TEST_SUCCESS)
		return TEST_FAILED;
	virtio_recovery_state()->pause_polls = 0;
	virtio_recovery_state()->send_polls = 0;
	return rte_eth_dev_callback_register(virtio_port.id,
			RTE_ETH_EVENT_INTR_LSC, on_event, NULL);
}

static void
teardown_restart(void)
{
	rte_eth_dev_callback_unregister(virtio_port.id, RTE_ETH_EVENT_INTR_LSC,
		on_event, NULL);
	virtio_recovery_teardown();
}

static int
start_pairs(void)
{
	const struct rte_eth_conf conf = { .intr_conf.lsc = 1 };

	return virtio_port_start_queues(2, 2, RING, &conf);
}

/* With an event for it, ethdev does not ask the driver. */
static uint16_t
link_asked(void)
{
	mdev_virtio_link_check(virtio_port.dev);
	return link_status();
}

/* A device may say of its link what it likes while it is reset. */
static uint16_t in_reset[2];

static void
link_flaps(void)
{
	rte_le16_t status = fake_virtio.config.status;

	in_reset[0] = link_asked();
	fake_virtio.config.status = 0;
	in_reset[1] = link_asked();
	fake_virtio.config.status = status;
}

static int
test_kept(void)
{
	uint16_t id = virtio_port.id;

	TEST_ASSERT_SUCCESS(start_pairs(), "start");
	fake_virtio.on_reset = link_flaps;
	in_reset[0] = in_reset[1] = RTE_ETH_LINK_DOWN;
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_stop(id, 1), "stop");
	TEST_ASSERT_EQUAL(in_reset[0], RTE_ETH_LINK_UP, "down");
	TEST_ASSERT_EQUAL(in_reset[1], RTE_ETH_LINK_UP, "down");
	TEST_ASSERT_EQUAL(link_status(), RTE_ETH_LINK_UP, "down");
	TEST_ASSERT_EQUAL(events, 0, "%u events", events);
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_start(id, 1), "start");
	TEST_ASSERT_SUCCESS(rte_eth_dev_set_link_down(id), "down");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_stop(id, 1), "stop");
	TEST_ASSERT_EQUAL(in_reset[0], RTE_ETH_LINK_DOWN, "up");
	TEST_ASSERT_EQUAL(in_reset[1], RTE_ETH_LINK_DOWN, "up");
	TEST_ASSERT_EQUAL(events, 1, "%u events", events);
	fake_virtio.on_reset = NULL;
	return TEST_SUCCESS;
}

/* A recovery has events of its own, and the link is down until it is over. */
static int
test_recovery(void)
{
	TEST_ASSERT_SUCCESS(start_pairs(), "start");
	fake_virtio.on_reset = link_flaps;
	in_reset[0] = RTE_ETH_LINK_UP;
	fake_virtio_ask_reset();
	TEST_ASSERT_EVENTS("rS");
	fake_virtio.on_reset = NULL;
	TEST_ASSERT_EQUAL(in_reset[0], RTE_ETH_LINK_DOWN, "up");
	return TEST_SUCCESS;
}

/* What was dropped stays so in a queue that takes the place of another one. */
static int
test_dropped(void)
{
	uint16_t id = virtio_port.id;
	struct rte_eth_stats stats;
	uint8_t data[60] = { 0 };
	struct rte_mbuf *got;

	TEST_ASSERT_SUCCESS(start_pairs(), "start");
	TEST_ASSERT_SUCCESS(rte_eth_dev_set_link_down(id), "down");
	TEST_ASSERT_EQUAL(fake_virtio_receive(data, 60), 1, "receive");
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(id, 0, &got, 1), 0, "received");
	fake_virtio_ask_reset();
	TEST_ASSERT_EVENTS("rS");
	TEST_ASSERT(virtio_recovery_state()->nr_replaced > 0, "not replaced");
	TEST_ASSERT_SUCCESS(rte_eth_stats_get(id, &stats), "get");
	TEST_ASSERT_EQUAL(stats.ipackets + stats.ibytes, 0, "%" PRIu64, stats.ipackets);
	TEST_ASSERT_EQUAL(stats.imissed, 1, "%" PRIu64, stats.imissed);
	return TEST_SUCCESS;
}

static void
link_goes(void)
{
	fake_virtio.config.status = 0;
}

/* What it says when it is back counts, and that it does not come back. */
static int
test_lost(void)
{
	TEST_ASSERT_SUCCESS(start_pairs(), "start");
	fake_virtio.on_reset = link_goes;
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_stop(virtio_port.id, 1), "stop");
	fake_virtio.on_reset = NULL;
	TEST_ASSERT_EQUAL(link_status(), RTE_ETH_LINK_DOWN, "up");
	TEST_ASSERT_EQUAL(events, 1, "%u events", events);
	fake_virtio.config.status = rte_cpu_to_le_16(VIRTIO_NET_S_LINK_UP);
	TEST_ASSERT_EQUAL(link_asked(), RTE_ETH_LINK_UP, "down");
	TEST_ASSERT_EQUAL(events, 2, "%u events", events);
	fake_virtio.refuses_features = true;
	TEST_ASSERT(rte_eth_dev_rx_queue_stop(virtio_port.id, 0) < 0, "stopped");
	fake_virtio.refuses_features = false;
	TEST_ASSERT_EQUAL(link_status(), RTE_ETH_LINK_DOWN, "up");
	TEST_ASSERT_EQUAL(events, 3, "%u events", events);
	return TEST_SUCCESS;
}

/* A restart that begins and ends while another thread reads the status. */
static void (*read_bar)(uint64_t offset, void *buf, size_t len);

static void
restart_while_read(uint64_t offset, void *buf, size_t len)
{
	read_bar(offset, buf, len);
	if (offset != FAKE_VIRTIO_CONFIG +
			offsetof(struct virtio_net_config, status))
		return;
	fake_vfio.regions[VFIO_PCI_BAR0_REGION_INDEX].read = read_bar;
	if (rte_eth_dev_rx_queue_stop(virtio_port.id, 1) == 0)
		memset(buf, 0, len);
}

static int
test_read_meanwhile(void)
{
	TEST_ASSERT_SUCCESS(start_pairs(), "start");
	read_bar = fake_vfio.regions[VFIO_PCI_BAR0_REGION_INDEX].read;
	fake_vfio.regions[VFIO_PCI_BAR0_REGION_INDEX].read = restart_while_read;
	fake_virtio.resets = 0;
	mdev_virtio_link_check(virtio_port.dev);
	TEST_ASSERT(fake_virtio.resets > 0, "no restart");
	TEST_ASSERT_EQUAL(link_status(), RTE_ETH_LINK_UP, "down");
	TEST_ASSERT_EQUAL(events, 0, "%u events", events);
	return TEST_SUCCESS;
}

/* While a thread reads, between status and speed, something else happens. */
static void (*meanwhile)(void);

static void
look_meanwhile(uint64_t offset, void *buf, size_t len)
{
	read_bar(offset, buf, len);
	if (offset != FAKE_VIRTIO_CONFIG +
			offsetof(struct virtio_net_config, speed))
		return;
	fake_vfio.regions[VFIO_PCI_BAR0_REGION_INDEX].read = read_bar;
	meanwhile();
}

static void
goes_and_is_told(void)
{
	link_goes();
	mdev_virtio_link_check(virtio_port.dev);
}

static void
is_stopped(void)
{
	rte_eth_dev_stop(virtio_port.id);
}

/* What was read before is not what is known in the end. */
static int
test_read_late(void)
{
	static void (* const all[])(void) = { goes_and_is_told, is_stopped };
	unsigned int i;

	fake_virtio.offered |= RTE_BIT64(VIRTIO_NET_F_SPEED_DUPLEX);
	for (i = 0; i < RTE_DIM(all); i++) {
		fake_virtio.config.status = rte_cpu_to_le_16(VIRTIO_NET_S_LINK_UP);
		TEST_ASSERT_SUCCESS(start(), "start");
		meanwhile = all[i];
		events = 0;
		read_bar = fake_vfio.regions[VFIO_PCI_BAR0_REGION_INDEX].read;
		fake_vfio.regions[VFIO_PCI_BAR0_REGION_INDEX].read = look_meanwhile;
		mdev_virtio_link_check(virtio_port.dev);
		TEST_ASSERT_EQUAL(virtio_port.dev->data->dev_link.link_status,
			RTE_ETH_LINK_DOWN, "%u: up", i);
		TEST_ASSERT_EQUAL(events, i == 0, "%u: %u events", i, events);
		TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	}
	return TEST_SUCCESS;
}

/*
 * EAL's interrupt thread finds a port that is not started, and by the time that it says so
 * the start is over, and has looked since.
 */
static int
test_started_meanwhile(void)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(virtio_port.dev);

	TEST_ASSERT_SUCCESS(start(), "start");
	TEST_ASSERT_EQUAL(link_status(), RTE_ETH_LINK_UP, "down");
	hw->link_known = hw->link_asked + 1;
	virtio_port.dev->data->dev_started = 0;
	mdev_virtio_link_update(virtio_port.dev, 0);
	virtio_port.dev->data->dev_started = 1;
	TEST_ASSERT_EQUAL(link_status(), RTE_ETH_LINK_UP, "what was before");
	/* and one that nothing overtakes is believed */
	virtio_port.dev->data->dev_started = 0;
	mdev_virtio_link_update(virtio_port.dev, 0);
	virtio_port.dev->data->dev_started = 1;
	TEST_ASSERT_EQUAL(link_status(), RTE_ETH_LINK_DOWN, "up");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: link",
	.unit_test_cases = {
		TEST_CASE_ST(setup, teardown, test_down),
		TEST_CASE_ST(setup, teardown, test_statistics),
		TEST_CASE_ST(setup, teardown, test_stopped),
		TEST_CASE_ST(setup, teardown, test_read_late),
		TEST_CASE_ST(setup, teardown, test_started_meanwhile),
		TEST_CASE_ST(setup, teardown, test_secondary),
		TEST_CASE_ST(setup, teardown, test_closed_by_primary),
		TEST_CASE_ST(setup_pairs, virtio_port_stop, test_siblings),
		TEST_CASE_ST(setup_restart, teardown_restart, test_kept),
		TEST_CASE_ST(setup_restart, teardown_restart, test_recovery),
		TEST_CASE_ST(setup_restart, teardown_restart, test_dropped),
		TEST_CASE_ST(setup_restart, teardown_restart, test_lost),
		TEST_CASE_ST(setup_restart, teardown_restart, test_read_meanwhile),
		TEST_CASES_END()
	}
};

static int
test_mdev_virtio_link(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_virtio_link_autotest, test_mdev_virtio_link);
