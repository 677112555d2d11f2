/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <linux/virtio_config.h>

#include <rte_ether.h>
#include <rte_mbuf.h>

#include "fake_vfio.h"
#include "test.h"
#include "virtio_port.h"

#define RING 64

static int
setup(void)
{
	return virtio_port_prepare(FAKE_VIRTIO_DOORBELLS);
}

static int
test_attach(void)
{
	struct rte_eth_dev_info info;
	struct rte_ether_addr mac;

	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "not attached");
	TEST_ASSERT_SUCCESS(rte_eth_macaddr_get(virtio_port.id, &mac), "mac");
	TEST_ASSERT_SUCCESS(memcmp(mac.addr_bytes, fake_virtio.config.mac, 6),
		"another MAC address");
	TEST_ASSERT_SUCCESS(rte_eth_dev_info_get(virtio_port.id, &info), "info");
	TEST_ASSERT_EQUAL(info.max_mtu, 9000, "MTU %u", info.max_mtu);
	TEST_ASSERT_EQUAL(info.rx_desc_lim.nb_max, 256, "ring %u",
		info.rx_desc_lim.nb_max);
	TEST_ASSERT_SUCCESS(strcmp(info.driver_name, "net_mdev_virtio"), "%s",
		info.driver_name);
	TEST_ASSERT_EQUAL(info.rx_offload_capa, RTE_ETH_RX_OFFLOAD_SCATTER |
		RTE_ETH_RX_OFFLOAD_VLAN_STRIP, "offloads");
	TEST_ASSERT_EQUAL(fake_virtio.status & VIRTIO_CONFIG_S_DRIVER_OK, 0,
		"it runs already");
	return TEST_SUCCESS;
}

/* Any number of starts, stops and closes; nothing is lost. */
static int
test_life(void)
{
	struct rte_mbuf *m;
	unsigned int i;
	uint8_t data[60] = { 0 };

	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "not attached");
	for (i = 0; i < 20; i++) {
		TEST_ASSERT_SUCCESS(virtio_port_start(8 << i % 6), "start %u", i);
		TEST_ASSERT(fake_virtio.status & VIRTIO_CONFIG_S_DRIVER_OK,
			"not started");
		TEST_ASSERT_EQUAL(fake_virtio.queue[0].size, 8 << i % 6, "ring %u",
			fake_virtio.queue[0].size);
		TEST_ASSERT_EQUAL(fake_virtio_receive(data, 60), 1, "receive");
		TEST_ASSERT_EQUAL(rte_eth_rx_burst(virtio_port.id, 0, &m, 1), 1,
			"receive");
		TEST_ASSERT_EQUAL(rte_eth_tx_burst(virtio_port.id, 0, &m, 1), 1,
			"send");
		TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
		TEST_ASSERT_EQUAL(fake_virtio.status, 0, "not reset");
		TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "%u mbufs are lost",
			virtio_port_mbufs());
	}
	TEST_ASSERT_SUCCESS(rte_eth_dev_close(virtio_port.id), "close");
	TEST_ASSERT_EQUAL(fake_vfio.opened, 1, "the bus still has it");
	return TEST_SUCCESS;
}

/* A device that is wrong is refused, by one line, and nothing is left of it. */
static int
expect_refused(const char *what)
{
	int before = rte_eth_dev_count_avail();

	TEST_ASSERT_FAIL(virtio_port_attach(""), "%s: attached", what);
	TEST_ASSERT_EQUAL(fake_vfio.opened, 0, "%s: left open", what);
	TEST_ASSERT_EQUAL(rte_eth_dev_count_avail(), before, "%s: a port", what);
	return TEST_SUCCESS;
}

static int
test_refused(void)
{
	fake_virtio.queue[1].max = 0;
	TEST_ASSERT_SUCCESS(expect_refused("no ring"), "?");
	fake_virtio.queue[1].max = 100;
	TEST_ASSERT_SUCCESS(expect_refused("no power of two"), "?");
	fake_virtio.queue[1].max = 256;
	fake_virtio.nr_queues = 1;
	TEST_ASSERT_SUCCESS(expect_refused("one queue"), "?");
	fake_virtio.nr_queues = 2;
	fake_virtio.never_settles = true;
	TEST_ASSERT_SUCCESS(expect_refused("generation"), "?");
	fake_virtio.never_settles = false;
	fake_virtio.config.mtu = rte_cpu_to_le_16(67);
	TEST_ASSERT_SUCCESS(expect_refused("MTU of 67"), "?");
	fake_virtio.config.mtu = rte_cpu_to_le_16(68);
	fake_virtio.refuses_features = true;
	TEST_ASSERT_SUCCESS(expect_refused("features"), "?");
	fake_virtio.refuses_features = false;
	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "a good one");
	return TEST_SUCCESS;
}

/* Every access of the probe fails once. */
static int
test_probe_steps_fail(void)
{
	static const enum fake_vfio_op ops[] = {
		FAKE_OP_REGION_READ, FAKE_OP_REGION_WRITE,
		FAKE_OP_GET_REGION_INFO, FAKE_OP_REGION_MMAP,
	};
	unsigned int i, step;
	bool reached;

	for (i = 0; i < RTE_DIM(ops); i++) {
		reached = true;
		for (step = 0; step < 200 && reached; step++) {
			fake_vfio.fail = ops[i];
			fake_vfio.fail_after = step;
			if (virtio_port_attach("") == 0) {
				/* all went well, or the device was reset by other means */
				reached = fake_vfio.fail == FAKE_OP_NONE;
				fake_vfio.fail = FAKE_OP_NONE;
				TEST_ASSERT_SUCCESS(
					rte_dev_remove(virtio_port.dev->device),
					"remove");
				virtio_port.dev = NULL;
			}
			TEST_ASSERT_EQUAL(fake_vfio.opened, 0,
				"operation %u, step %u: left open", i, step);
		}
		TEST_ASSERT(!reached && step > 1, "operation %u: step %u", i, step);
	}
	return TEST_SUCCESS;
}

static int
check_interrupts(void)
{
	TEST_ASSERT_EQUAL(fake_vfio.irqs[VFIO_PCI_MSIX_IRQ_INDEX].fds[0], -1,
		"enabled");
	return TEST_SUCCESS;
}

/* Every access of the start fails once; then the port starts all the same. */
static int
test_start_steps_fail(void)
{
	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "not attached");
	TEST_ASSERT_SUCCESS(virtio_port_start(RING), "not started");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "not stopped");
	return virtio_port_fail_starts(check_interrupts);
}

static int
test_mtu(void)
{
	TEST_ASSERT_SUCCESS(virtio_port_attach("mrg_rxbuf=0"), "not attached");
	TEST_ASSERT_SUCCESS(virtio_port_start(RING), "not started");
	TEST_ASSERT_EQUAL(fake_virtio.accepted & 1 << VIRTIO_NET_F_MRG_RXBUF, 0,
		"mergeable although the user said no");
	TEST_ASSERT_SUCCESS(rte_eth_dev_set_mtu(virtio_port.id, 2000), "2000");
	TEST_ASSERT_FAIL(rte_eth_dev_set_mtu(virtio_port.id, 4000),
		"larger than a buffer");
	TEST_ASSERT_FAIL(rte_eth_dev_set_mtu(virtio_port.id, 9001),
		"larger than the device's");
	TEST_ASSERT_SUCCESS(virtio_port_detach(), "remove");
	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "not attached");
	TEST_ASSERT_SUCCESS(virtio_port_start(RING), "not started");
	TEST_ASSERT_SUCCESS(rte_eth_dev_set_mtu(virtio_port.id, 9000), "9000");
	TEST_ASSERT_EQUAL(virtio_port.dev->data->scattered_rx, 1, "scattered");
	return TEST_SUCCESS;
}

/* A stopped port that is to receive scattered frames from now on takes a large MTU. */
static int
test_mtu_stopped(void)
{
	struct rte_eth_conf conf = { .rxmode.mtu = RTE_ETHER_MTU };
	bool scatter;
	int ret;

	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "not attached");
	for (scatter = false; ; scatter = true) {
		conf.rxmode.offloads = scatter ? RTE_ETH_RX_OFFLOAD_SCATTER : 0;
		TEST_ASSERT_SUCCESS(virtio_port_configure(1, 1, RING, &conf),
			"not configured");
		ret = rte_eth_dev_set_mtu(virtio_port.id, 9000);
		TEST_ASSERT_EQUAL(ret, scatter ? 0 : -EINVAL, "scatter %d: %d", scatter, ret);
		TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "not started");
		TEST_ASSERT_EQUAL(virtio_port.dev->data->scattered_rx, scatter, "scattered");
		if (scatter)
			return TEST_SUCCESS;
		TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "not stopped");
	}
}

static int
test_link(void)
{
	struct rte_eth_link link;

	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "not attached");
	TEST_ASSERT_SUCCESS(virtio_port_start(RING), "not started");
	TEST_ASSERT_SUCCESS(rte_eth_link_get_nowait(virtio_port.id, &link), "link");
	TEST_ASSERT_EQUAL(link.link_status, RTE_ETH_LINK_UP, "down");
	fake_virtio.config.status = 0;
	TEST_ASSERT_SUCCESS(rte_eth_link_get_nowait(virtio_port.id, &link), "link");
	TEST_ASSERT_EQUAL(link.link_status, RTE_ETH_LINK_DOWN, "up");
	fake_virtio.config.status = rte_cpu_to_le_16(VIRTIO_NET_S_LINK_UP);
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_SUCCESS(rte_eth_link_get_nowait(virtio_port.id, &link), "link");
	TEST_ASSERT_EQUAL(link.link_status, RTE_ETH_LINK_DOWN, "up, stopped");
	return TEST_SUCCESS;
}

/* A device that does not stop may still write: its buffers stay where they are. */
static int
test_never_stops(void)
{
	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "not attached");
	TEST_ASSERT_SUCCESS(virtio_port_start(RING), "not started");
	fake_virtio.never_resets = true;
	TEST_ASSERT_FAIL(rte_eth_dev_stop(virtio_port.id), "it stopped");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), RING, "%u mbufs", virtio_port_mbufs());
	fake_virtio.never_resets = false;
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "not started");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), RING, "%u mbufs", virtio_port_mbufs());
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "not stopped");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "%u mbufs", virtio_port_mbufs());
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "not started");
	fake_virtio.never_resets = true;
	TEST_ASSERT_FAIL(rte_eth_dev_stop(virtio_port.id), "it stopped");
	TEST_ASSERT_EQUAL(rte_eth_rx_queue_setup(virtio_port.id, 0, RING,
		SOCKET_ID_ANY, NULL, virtio_port.pool), -EBUSY,
		"its ring was replaced");
	TEST_ASSERT_SUCCESS(rte_eth_dev_close(virtio_port.id), "not closed");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), RING, "%u mbufs", virtio_port_mbufs());
	fake_virtio.never_resets = false;
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: Ethernet device",
	.unit_test_cases = {
		TEST_CASE_ST(setup, virtio_port_stop, test_attach),
		TEST_CASE_ST(setup, virtio_port_stop, test_life),
		TEST_CASE_ST(setup, virtio_port_stop, test_refused),
		TEST_CASE_ST(setup, virtio_port_stop, test_probe_steps_fail),
		TEST_CASE_ST(setup, virtio_port_stop, test_start_steps_fail),
		TEST_CASE_ST(setup, virtio_port_stop, test_mtu),
		TEST_CASE_ST(setup, virtio_port_stop, test_mtu_stopped),
		TEST_CASE_ST(setup, virtio_port_stop, test_link),
		TEST_CASE_ST(setup, virtio_port_stop, test_never_stops),
		TEST_CASES_END()
	}
};

static int
test_mdev_virtio_ethdev(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_virtio_ethdev_autotest, test_mdev_virtio_ethdev);
