/* SPDX-License-Identifier: BSD-3-Clause */

/* What the driver makes of what a device says of itself. */

#include <errno.h>

#include <linux/virtio_config.h>

#include <mdev_virtio_ethdev.h>

#include "captured_log.h"
#include "fake_vfio.h"
#include "test.h"
#include "virtio_port.h"

#define MQ RTE_BIT64(VIRTIO_NET_F_MQ)

static int
setup(void)
{
	return virtio_port_prepare(FAKE_VIRTIO_TRAPPED);
}

static int
expect_refused(const char *what, const char *word)
{
	unsigned int lines;

	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	TEST_ASSERT_FAIL(virtio_port_attach(""), "%s: attached", what);
	captured_log_stop();
	lines = captured_log_lines("mdev_virtio: ");
	TEST_ASSERT_EQUAL(lines, 1, "%s: %u lines", what, lines);
	TEST_ASSERT_EQUAL(captured_log_lines(word), 1, "%s: no '%s'", what, word);
	TEST_ASSERT_EQUAL(fake_vfio.opened, 0, "%s: left open", what);
	return TEST_SUCCESS;
}

/* VIRTIO 1.2 s. 5.1.4.1, and what contradicts the number of virtqueues. */
static int
test_pairs_refused(void)
{
	fake_virtio_offer_ctrl(MQ, 0);
	fake_virtio.nr_queues = 3;
	TEST_ASSERT_SUCCESS(expect_refused("no pair", "0 queue pairs"), "?");
	fake_virtio.config.max_virtqueue_pairs = rte_cpu_to_le_16(0x8001);
	TEST_ASSERT_SUCCESS(expect_refused("0x8001", "32769 queue pairs"), "?");
	fake_virtio.config.max_virtqueue_pairs = rte_cpu_to_le_16(0x8000);
	fake_virtio.nr_queues = UINT16_MAX;
	TEST_ASSERT_SUCCESS(expect_refused("0x8000", "65535 virtqueues"), "?");
	fake_virtio.config.max_virtqueue_pairs = rte_cpu_to_le_16(4);
	fake_virtio.nr_queues = 8;
	TEST_ASSERT_SUCCESS(expect_refused("no room for the control queue",
		"8 virtqueues"), "?");
	fake_virtio.nr_queues = 9;
	fake_virtio.queue[6].max = 0;
	TEST_ASSERT_SUCCESS(expect_refused("a queue of no size", "virtqueue 6"),
		"?");
	fake_virtio.queue[6].max = 256;
	fake_virtio.queue[8].max = 2;
	TEST_ASSERT_SUCCESS(expect_refused("a small control queue",
		"virtqueue 8"), "?");
	fake_virtio.queue[8].max = 4;
	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "a good one");
	return TEST_SUCCESS;
}

static int
expect_speed(uint32_t speed, uint32_t capa)
{
	struct rte_eth_dev_info info;

	fake_virtio.config.speed = rte_cpu_to_le_32(speed);
	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "not attached");
	TEST_ASSERT_SUCCESS(rte_eth_dev_info_get(virtio_port.id, &info), "info");
	TEST_ASSERT_EQUAL(info.speed_capa, capa, "%u: 0x%x", speed,
		info.speed_capa);
	TEST_ASSERT_SUCCESS(virtio_port_detach(), "detach");
	return TEST_SUCCESS;
}

/* s. 5.1.4: what the device says, if ethdev has a flag for it. */
static int
test_speed(void)
{
	fake_virtio.config.duplex = 1;
	TEST_ASSERT_SUCCESS(expect_speed(10000, 0), "not offered");
	fake_virtio.offered |= RTE_BIT64(VIRTIO_NET_F_SPEED_DUPLEX);
	TEST_ASSERT_SUCCESS(expect_speed(10000, RTE_ETH_LINK_SPEED_10G), "10G");
	TEST_ASSERT_SUCCESS(expect_speed(100, RTE_ETH_LINK_SPEED_100M), "100M");
	TEST_ASSERT_SUCCESS(expect_speed(12345, 0), "odd");
	TEST_ASSERT_SUCCESS(expect_speed(UINT32_MAX, 0), "unknown");
	return TEST_SUCCESS;
}

static int
test_limits(void)
{
	struct rte_eth_dev_info info;

	fake_virtio_offer_ctrl(MQ | RTE_BIT64(VIRTIO_NET_F_CTRL_RX) |
		RTE_BIT64(VIRTIO_NET_F_CTRL_VLAN), 4);
	fake_virtio.queue[4].max = 128;
	fake_virtio.queue[7].max = 64;
	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "not attached");
	TEST_ASSERT_SUCCESS(rte_eth_dev_info_get(virtio_port.id, &info), "info");
	TEST_ASSERT_EQUAL(info.max_rx_queues, 4, "%u", info.max_rx_queues);
	TEST_ASSERT_EQUAL(info.max_tx_queues, 4, "%u", info.max_tx_queues);
	TEST_ASSERT_EQUAL(info.rx_desc_lim.nb_max, 128, "%u",
		info.rx_desc_lim.nb_max);
	TEST_ASSERT_EQUAL(info.tx_desc_lim.nb_max, 64, "%u",
		info.tx_desc_lim.nb_max);
	TEST_ASSERT_EQUAL(info.max_mac_addrs, MDEV_VIRTIO_MAC_ADDRS, "%u",
		info.max_mac_addrs);
	TEST_ASSERT(info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_VLAN_FILTER,
		"no VLAN filter");
	return TEST_SUCCESS;
}

/* s. 5.1.3.1: without a control queue there is nothing that needs it. */
static int
test_dependencies(void)
{
	const uint64_t dependent = MQ | RTE_BIT64(VIRTIO_NET_F_CTRL_RX) |
		RTE_BIT64(VIRTIO_NET_F_CTRL_VLAN) |
		RTE_BIT64(VIRTIO_NET_F_CTRL_MAC_ADDR) |
		RTE_BIT64(VIRTIO_NET_F_GUEST_ANNOUNCE);
	struct rte_eth_dev_info info;

	fake_virtio_offer_ctrl(dependent, 4);
	fake_virtio.offered &= ~RTE_BIT64(VIRTIO_NET_F_CTRL_VQ);
	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "not attached");
	TEST_ASSERT_EQUAL(fake_virtio.accepted & dependent, 0, "0x%lx",
		(unsigned long)(fake_virtio.accepted & dependent));
	TEST_ASSERT_SUCCESS(rte_eth_dev_info_get(virtio_port.id, &info), "info");
	TEST_ASSERT_EQUAL(info.max_rx_queues, 1, "%u", info.max_rx_queues);
	TEST_ASSERT_EQUAL(info.max_mac_addrs, 1, "%u", info.max_mac_addrs);
	return TEST_SUCCESS;
}

/* Who takes CTRL_VLAN gets no tagged frame that it did not ask for. */
static int
test_vlan_on_demand(void)
{
	struct rte_eth_conf conf = { .rxmode.mtu = RTE_ETHER_MTU };

	fake_virtio_offer_ctrl(RTE_BIT64(VIRTIO_NET_F_CTRL_VLAN), 1);
	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "not attached");
	TEST_ASSERT_SUCCESS(virtio_port_configure(1, 1, 64, &conf), "configure");
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	TEST_ASSERT_EQUAL(fake_virtio.accepted & 1 << VIRTIO_NET_F_CTRL_VLAN, 0,
		"taken without need");
	return TEST_SUCCESS;
}

/* After a reset it is another device: its control queue is elsewhere. */
static int
test_changes(void)
{
	fake_virtio_offer_ctrl(MQ, 4);
	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "not attached");
	TEST_ASSERT_SUCCESS(virtio_port_start(64), "start");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	fake_virtio.offered &= ~MQ;
	TEST_ASSERT_FAIL(rte_eth_dev_start(virtio_port.id), "started");
	fake_virtio.offered |= MQ;
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	return TEST_SUCCESS;
}

static bool
mtu_taken(void)
{
	return (fake_virtio.accepted & RTE_BIT64(VIRTIO_NET_F_MTU)) != 0;
}

/* s. 5.1.4.2: who takes the MTU has room for frames of it, and sends no longer ones. */
static int
test_mtu_on_demand(void)
{
	const uint64_t scatter = RTE_ETH_RX_OFFLOAD_SCATTER;
	static const struct { uint16_t mtu; bool scatter, taken; } all[] = {
		{ 1500, false, true }, { 1500, true, true },
		{ 9000, false, false }, { 9000, true, true },
		{ 0, false, false }, { 0, true, false }, /* not offered to the probe */
	};
	struct rte_eth_conf conf = { .rxmode.mtu = 1000 };
	unsigned int i;

	for (i = 0; i < RTE_DIM(all); i++) {
		if (all[i].mtu == 0)
			fake_virtio.offered &= ~RTE_BIT64(VIRTIO_NET_F_MTU);
		fake_virtio.config.mtu = rte_cpu_to_le_16(all[i].mtu);
		TEST_ASSERT_SUCCESS(virtio_port_attach(""), "%u: attach", i);
		TEST_ASSERT_EQUAL(mtu_taken(), all[i].mtu != 0, "%u: probe", i);
		fake_virtio_offer(RTE_BIT64(VIRTIO_NET_F_MTU));
		fake_virtio.config.mtu = rte_cpu_to_le_16(1500);
		conf.rxmode.offloads = all[i].scatter ? scatter : 0;
		TEST_ASSERT_SUCCESS(virtio_port_start_queues(1, 1, 64, &conf),
			"%u: start", i);
		TEST_ASSERT_EQUAL(mtu_taken(), all[i].taken, "%u: start", i);
		TEST_ASSERT_SUCCESS(virtio_port_detach(), "%u: detach", i);
	}
	return TEST_SUCCESS;
}

#define F(name) RTE_BIT64(VIRTIO_NET_F_ ## name)
#define LOSABLE (F(CSUM) | F(HOST_TSO4) | F(HOST_TSO6) | F(HOST_ECN) | F(GUEST_CSUM) | \
	F(GUEST_TSO4) | F(GUEST_TSO6) | F(MRG_RXBUF) | F(CTRL_VLAN) | F(HASH_REPORT))

/* Offloads of a port, and the features without which it is not started. */
static const struct {
	uint64_t rx, tx, needed;
} kept[] = {
	{ 0, 0, 0 },
	{ 0, RTE_ETH_TX_OFFLOAD_UDP_CKSUM, F(CSUM) },
	{ 0, RTE_ETH_TX_OFFLOAD_TCP_TSO, F(CSUM) | F(HOST_TSO4) | F(HOST_TSO6) },
	{ 0, RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_VLAN_INSERT, 0 },
	{ RTE_ETH_RX_OFFLOAD_SCATTER, 0, 0 },
	{ RTE_ETH_RX_OFFLOAD_TCP_CKSUM, 0, 0 },
	{ RTE_ETH_RX_OFFLOAD_TCP_LRO, 0, 0 },
	{ RTE_ETH_RX_OFFLOAD_VLAN_STRIP, 0, 0 },
	{ RTE_ETH_RX_OFFLOAD_VLAN_FILTER, 0, F(CTRL_VLAN) },
	{ RTE_ETH_RX_OFFLOAD_RSS_HASH, 0, 0 },
};

/* One start of a configured port with a device that has lost a feature meanwhile. */
static int
start_without(uint64_t feature, bool needed)
{
	int ret;

	fake_virtio.offered &= ~feature;
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	ret = rte_eth_dev_start(virtio_port.id);
	captured_log_stop();
	fake_virtio.offered |= feature;
	TEST_ASSERT_EQUAL(ret, needed ? -EPROTO : 0, "%d", ret);
	TEST_ASSERT_EQUAL(captured_log_lines("configure the port without it"), needed,
		"lines");
	TEST_ASSERT_EQUAL((fake_virtio.status & VIRTIO_CONFIG_S_FAILED) != 0, needed,
		"status");
	/* what was refused is no obstacle when the device has it again */
	if (needed)
		TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	return TEST_SUCCESS;
}

/* What frames rely on is there, or the port is not started. */
static int
test_offload_lost(void)
{
	struct rte_eth_conf conf = { .rxmode.mtu = RTE_ETHER_MTU };
	unsigned int i, bit;
	uint64_t feature;

	fake_virtio_offer_ctrl(LOSABLE, 1);
	fake_virtio.config.rss_max_key_size = 40;
	fake_virtio.config.supported_hash_types =
		rte_cpu_to_le_32(VIRTIO_NET_RSS_HASH_TYPE_IPv4);
	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "not attached");
	for (i = 0; i < RTE_DIM(kept); i++) {
		conf.rxmode.offloads = kept[i].rx;
		conf.txmode.offloads = kept[i].tx;
		conf.rxmode.max_lro_pkt_size = UINT16_MAX;
		conf.rxmode.mq_mode = (kept[i].rx & RTE_ETH_RX_OFFLOAD_RSS_HASH) != 0 ?
			RTE_ETH_MQ_RX_RSS : RTE_ETH_MQ_RX_NONE;
		TEST_ASSERT_SUCCESS(virtio_port_configure(1, 1, 64, &conf), "%u", i);
		for (bit = 0; bit < 64; bit++) {
			feature = RTE_BIT64(bit) & LOSABLE;
			if (feature != 0)
				TEST_ASSERT_SUCCESS(start_without(feature,
					(kept[i].needed & feature) != 0),
					"offload %u without feature %u", i, bit);
		}
	}
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "mbufs are lost");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: what a device says of itself",
	.unit_test_cases = {
		TEST_CASE_ST(setup, virtio_port_stop, test_pairs_refused),
		TEST_CASE_ST(setup, virtio_port_stop, test_speed),
		TEST_CASE_ST(setup, virtio_port_stop, test_limits),
		TEST_CASE_ST(setup, virtio_port_stop, test_dependencies),
		TEST_CASE_ST(setup, virtio_port_stop, test_vlan_on_demand),
		TEST_CASE_ST(setup, virtio_port_stop, test_changes),
		TEST_CASE_ST(setup, virtio_port_stop, test_mtu_on_demand),
		TEST_CASE_ST(setup, virtio_port_stop, test_offload_lost),
		TEST_CASES_END()
	}
};

static int
test_mdev_virtio_config(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_virtio_config_autotest, test_mdev_virtio_config);
