/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_mbuf.h>

#include <mdev_virtio_ethdev.h>

#include "test.h"
#include "virtio_port.h"

static int
setup(void)
{
	if (virtio_port_prepare(FAKE_VIRTIO_TRAPPED) < 0 ||
			virtio_port_attach("") != 0)
		return TEST_FAILED;
	return virtio_port_start(64);
}

static int
test_counters(void)
{
	struct rte_eth_stats stats;
	uint8_t data[1000] = { 0 };
	struct rte_mbuf *m[2];

	fake_virtio_receive(data, 60);
	fake_virtio_receive(data, 1000);
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(virtio_port.id, 0, m, 2), 2, "recv");
	TEST_ASSERT_EQUAL(rte_eth_tx_burst(virtio_port.id, 0, m, 2), 2, "send");
	TEST_ASSERT_SUCCESS(rte_eth_stats_get(virtio_port.id, &stats), "stats");
	TEST_ASSERT_EQUAL(stats.ipackets, 2, "in");
	TEST_ASSERT_EQUAL(stats.ibytes, 1060, "in");
	TEST_ASSERT_EQUAL(stats.opackets, 2, "out");
	TEST_ASSERT_EQUAL(stats.obytes, 1060, "out");
	TEST_ASSERT_EQUAL(stats.ierrors + stats.oerrors + stats.rx_nombuf, 0,
		"errors");
	TEST_ASSERT_SUCCESS(rte_eth_stats_reset(virtio_port.id), "reset");
	TEST_ASSERT_SUCCESS(rte_eth_stats_get(virtio_port.id, &stats), "stats");
	TEST_ASSERT_EQUAL(stats.ipackets + stats.opackets + stats.ibytes +
		stats.obytes, 0, "not reset");
	return TEST_SUCCESS;
}

static uint64_t
xstat(const char *name)
{
	uint64_t id, value;

	if (rte_eth_xstats_get_id_by_name(virtio_port.id, name, &id) != 0 ||
			rte_eth_xstats_get_by_id(virtio_port.id, &id, &value, 1) != 1)
		return UINT64_MAX;
	return value;
}

/* By size and destination, in both directions. */
static int
test_frames(void)
{
	static const struct {
		const char *name;
		uint64_t count;
	} expected[] = {
		{ "undersize_packets", 1 }, { "size_64_packets", 1 },
		{ "size_65_127_packets", 0 }, { "size_512_1023_packets", 1 },
		{ "size_1024_1518_packets", 1 }, { "size_1519_max_packets", 1 },
		{ "multicast_packets", 1 }, { "broadcast_packets", 2 },
	};
	static const uint16_t lens[] = { 60, 64, 1000, 1518, 1519 };
	static const uint8_t to[] = { 0x02, 0xff, 0x01, 0xff, 0x02 };
	struct rte_mbuf *m[RTE_DIM(lens)];
	uint8_t data[1519] = { 0 };
	char name[64];
	unsigned int i;

	for (i = 0; i < RTE_DIM(lens); i++) {
		memset(data, to[i], 6);
		fake_virtio_receive(data, lens[i]);
	}
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(virtio_port.id, 0, m, RTE_DIM(lens)),
		RTE_DIM(lens), "recv");
	TEST_ASSERT_EQUAL(rte_eth_tx_burst(virtio_port.id, 0, m, RTE_DIM(lens)),
		RTE_DIM(lens), "send");
	for (i = 0; i < RTE_DIM(expected); i++) {
		snprintf(name, sizeof(name), "rx_q0_%s", expected[i].name);
		TEST_ASSERT_EQUAL(xstat(name), expected[i].count, "%s", name);
		snprintf(name, sizeof(name), "tx_q0_%s", expected[i].name);
		TEST_ASSERT_EQUAL(xstat(name), expected[i].count, "%s", name);
	}
	return TEST_SUCCESS;
}

/*
 * Each queue's, once, with those that ethdev itself does not count by queue: 1 more than
 * those of the receive queue before, and 2 more than those of the transmit queue before.
 */
static int
expect_queues(unsigned int nb_rx, unsigned int nb_tx)
{
	static const char * const names[] = {
		"rx_q%u_packets", "rx_q%u_bytes", "rx_q%u_errors",
		"rx_q%u_clamped_lengths", "tx_q%u_packets", "tx_q%u_bytes", "tx_q%u_errors",
	};
	static const uint64_t values[] = { 2, 1060, 0, 0, 2, 1060, 0 };
	struct rte_eth_xstat_name listed[1000];
	unsigned int i, j, k, count, times;
	char name[64];
	int n;

	n = rte_eth_xstats_get_names(virtio_port.id, listed, RTE_DIM(listed));
	TEST_ASSERT(n > 0 && n <= (int)RTE_DIM(listed), "%d names", n);
	for (i = 0; i < RTE_DIM(names); i++) {
		count = names[i][0] == 'r' ? nb_rx : nb_tx;
		for (j = 0; j < count; j++) {
			snprintf(name, sizeof(name), names[i], j);
			for (times = 0, k = 0; k < (unsigned int)n; k++)
				times += strcmp(listed[k].name, name) == 0;
			TEST_ASSERT_EQUAL(times, 1, "%s: %u times", name, times);
			TEST_ASSERT_EQUAL(xstat(name), values[i] +
				(names[i][0] == 'r' ? j : 2 * j), "%s", name);
		}
	}
	return TEST_SUCCESS;
}

/* Copies of a queue, each of which has counted so many more than the one before. */
static void
copy_queue(void **queues, struct virtqueue *copies, unsigned int n,
		const struct virtqueue *vq, unsigned int by)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		copies[i] = *vq;
		copies[i].stats.packets += i * by;
		copies[i].stats.bytes += i * by;
		copies[i].stats.errors += i * by;
		copies[i].stats.clamped += i * by;
		queues[i] = &copies[i];
	}
}

/* A port of more queues than ethdev has room for, each with numbers of its own. */
static int
test_many_queues(void)
{
	void *rx[RTE_ETHDEV_QUEUE_STAT_CNTRS + 2], *tx[RTE_ETHDEV_QUEUE_STAT_CNTRS + 1];
	static struct virtqueue rx_copies[RTE_DIM(rx)], tx_copies[RTE_DIM(tx)];
	struct rte_eth_dev_data *data = virtio_port.dev->data;
	void **queues[2] = { data->rx_queues, data->tx_queues };
	uint8_t frame[1000] = { 0 };
	struct rte_mbuf *m[2];
	int ret;

	fake_virtio_receive(frame, 60);
	fake_virtio_receive(frame, 1000);
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(virtio_port.id, 0, m, 2), 2, "recv");
	TEST_ASSERT_EQUAL(rte_eth_tx_burst(virtio_port.id, 0, m, 2), 2, "send");
	TEST_ASSERT_SUCCESS(expect_queues(1, 1), "one");
	copy_queue(rx, rx_copies, RTE_DIM(rx), data->rx_queues[0], 1);
	copy_queue(tx, tx_copies, RTE_DIM(tx), data->tx_queues[0], 2);
	data->rx_queues = rx;
	data->tx_queues = tx;
	data->nb_rx_queues = RTE_DIM(rx);
	data->nb_tx_queues = RTE_DIM(tx);
	ret = expect_queues(RTE_DIM(rx), RTE_DIM(tx));
	data->rx_queues = queues[0];
	data->tx_queues = queues[1];
	data->nb_rx_queues = 1;
	data->nb_tx_queues = 1;
	return ret;
}

/* Commands that went wrong, and those of them that were not answered. */
static int
test_ctrl(void)
{
	mdev_virtio_hw(virtio_port.dev)->cvq.max_polls = 10;
	fake_virtio.answer = FAKE_ANSWER_REFUSED;
	TEST_ASSERT_FAIL(rte_eth_promiscuous_enable(virtio_port.id), "refused");
	fake_virtio.answer = FAKE_ANSWER_NEVER;
	TEST_ASSERT_FAIL(rte_eth_promiscuous_enable(virtio_port.id), "answered");
	TEST_ASSERT_EQUAL(xstat("ctrl_failed"), 2, "failed");
	TEST_ASSERT_EQUAL(xstat("ctrl_timeouts"), 1, "timeouts");
	TEST_ASSERT_SUCCESS(rte_eth_xstats_reset(virtio_port.id), "reset");
	TEST_ASSERT_EQUAL(xstat("ctrl_failed") + xstat("ctrl_timeouts"), 0,
		"not reset");
	return TEST_SUCCESS;
}

/* Telemetry may ask while the port is closed: what would be read is going. */
static int
test_closing(void)
{
	struct rte_eth_dev *dev = virtio_port.dev;
	void *process = dev->process_private;
	struct rte_eth_xstat xstats[64];
	struct rte_eth_stats stats;
	int basic, extended;

	TEST_ASSERT(rte_eth_xstats_get(virtio_port.id, xstats, RTE_DIM(xstats)) <=
		(int)RTE_DIM(xstats), "more");
	dev->process_private = NULL;
	basic = rte_eth_stats_get(virtio_port.id, &stats);
	extended = mdev_virtio_xstats_get(dev, xstats, RTE_DIM(xstats));
	dev->process_private = process;
	TEST_ASSERT_EQUAL(basic, -ENODEV, "%d", basic);
	TEST_ASSERT_EQUAL(extended, -ENODEV, "%d", extended);
	return TEST_SUCCESS;
}

static int
setup_ctrl(void)
{
	if (virtio_port_attach_ctrl(RTE_BIT64(VIRTIO_NET_F_CTRL_RX), 1) != 0)
		return TEST_FAILED;
	return virtio_port_start(64);
}

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: statistics",
	.unit_test_cases = {
		TEST_CASE_ST(setup, virtio_port_stop, test_counters),
		TEST_CASE_ST(setup, virtio_port_stop, test_frames),
		TEST_CASE_ST(setup, virtio_port_stop, test_many_queues),
		TEST_CASE_ST(setup_ctrl, virtio_port_stop, test_ctrl),
		TEST_CASE_ST(setup, virtio_port_stop, test_closing),
		TEST_CASES_END()
	}
};

static int
test_mdev_virtio_stats(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_virtio_stats_autotest, test_mdev_virtio_stats);
