/* SPDX-License-Identifier: BSD-3-Clause */

/* Receive modes, MAC addresses and VLANs, as an application sets them. */

#include <errno.h>
#include <string.h>

#include <rte_ether.h>

#include <mdev_virtio_ethdev.h>

#include "captured_log.h"
#include "test.h"
#include "virtio_port.h"

#define FEATURES (RTE_BIT64(VIRTIO_NET_F_CTRL_RX) | \
	RTE_BIT64(VIRTIO_NET_F_CTRL_VLAN) | RTE_BIT64(VIRTIO_NET_F_CTRL_MAC_ADDR))

static int
setup(void)
{
	return virtio_port_attach_ctrl(FEATURES, 1);
}

static int
setup_started(void)
{
	if (setup() != 0)
		return TEST_FAILED;
	return virtio_port_start(64);
}

static int
setup_none(void)
{
	if (virtio_port_attach_ctrl(0, 1) != 0)
		return TEST_FAILED;
	return virtio_port_start(64);
}

static int
restart(void)
{
	int ret = rte_eth_dev_stop(virtio_port.id);

	memset(&fake_virtio.counts, 0, sizeof(fake_virtio.counts));
	return ret != 0 ? ret : rte_eth_dev_start(virtio_port.id);
}

static struct rte_ether_addr
mac(uint8_t first, uint8_t last)
{
	struct rte_ether_addr addr = { { first, 0, 0, 0, 1, last } };

	return addr;
}

static int
test_modes(void)
{
	uint16_t id = virtio_port.id;

	TEST_ASSERT_SUCCESS(rte_eth_promiscuous_enable(id), "enable");
	TEST_ASSERT_EQUAL(fake_virtio.filter.promisc, 1, "promisc");
	TEST_ASSERT_EQUAL(fake_virtio.filter.allmulti, 0, "allmulti");
	TEST_ASSERT_SUCCESS(rte_eth_allmulticast_enable(id), "enable");
	TEST_ASSERT_EQUAL(fake_virtio.filter.allmulti, 1, "allmulti");
	TEST_ASSERT_SUCCESS(rte_eth_promiscuous_disable(id), "disable");
	TEST_ASSERT_EQUAL(fake_virtio.filter.promisc, 0, "promisc");
	/* a device that lost it all in the reset has it again */
	TEST_ASSERT_SUCCESS(restart(), "restart");
	TEST_ASSERT_EQUAL(fake_virtio.filter.allmulti, 1, "allmulti is lost");
	TEST_ASSERT_EQUAL(fake_virtio.counts.bad, 0, "bad commands");
	fake_virtio.answer = FAKE_ANSWER_REFUSED;
	TEST_ASSERT_FAIL(rte_eth_promiscuous_enable(id), "refused");
	TEST_ASSERT_EQUAL(rte_eth_promiscuous_get(id), 0, "but said to be on");
	TEST_ASSERT_FAIL(rte_eth_allmulticast_disable(id), "refused");
	TEST_ASSERT_EQUAL(rte_eth_allmulticast_get(id), 1, "but said to be off");
	return TEST_SUCCESS;
}

static int
test_modes_before_start(void)
{
	TEST_ASSERT_SUCCESS(rte_eth_promiscuous_enable(virtio_port.id), "enable");
	TEST_ASSERT_SUCCESS(virtio_port_start(64), "start");
	TEST_ASSERT_EQUAL(fake_virtio.filter.promisc, 1, "promisc");
	TEST_ASSERT_EQUAL(fake_virtio.counts.promisc, 1, "%u times",
		fake_virtio.counts.promisc);
	return TEST_SUCCESS;
}

/* Without VIRTIO_NET_F_CTRL_RX everything comes, and nothing can be told. */
static int
test_without(void)
{
	struct rte_ether_addr addr = mac(2, 1), own;
	uint16_t id = virtio_port.id;

	TEST_ASSERT_SUCCESS(rte_eth_promiscuous_enable(id), "enable");
	TEST_ASSERT_EQUAL(rte_eth_promiscuous_disable(id), -ENOTSUP, "disable");
	TEST_ASSERT_EQUAL(rte_eth_dev_set_mc_addr_list(id, NULL, 0), -ENOTSUP,
		"multicast");
	TEST_ASSERT_FAIL(rte_eth_dev_mac_addr_add(id, &addr, 0), "add");
	rte_eth_macaddr_get(id, &own);
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	TEST_ASSERT_SUCCESS(rte_eth_dev_default_mac_addr_set(id, &own), "same");
	TEST_ASSERT_EQUAL(rte_eth_dev_default_mac_addr_set(id, &addr), -ENOTSUP,
		"set");
	TEST_ASSERT_SUCCESS(restart(), "restart");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines("CTRL_MAC_ADDR"), 1, "lines");
	TEST_ASSERT_EQUAL(fake_virtio.counts.all + fake_virtio.counts.bad, 0,
		"commands were sent");
	return TEST_SUCCESS;
}

static int
test_mac(void)
{
	struct rte_ether_addr addr = mac(2, 1), got;
	uint16_t id = virtio_port.id;
	uint8_t first[6];

	memcpy(first, fake_virtio.config.mac, 6);
	TEST_ASSERT_EQUAL(fake_virtio.counts.mac_addr, 0,
		"told its own address");
	TEST_ASSERT_SUCCESS(rte_eth_dev_default_mac_addr_set(id, &addr), "set");
	TEST_ASSERT_SUCCESS(memcmp(fake_virtio.config.mac, &addr, 6), "not set");
	TEST_ASSERT_SUCCESS(rte_eth_dev_default_mac_addr_set(id, &addr), "again");
	TEST_ASSERT_EQUAL(fake_virtio.counts.mac_addr, 1, "told twice");
	/* after a reset the device has its first address again */
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(id), "stop");
	memcpy(fake_virtio.config.mac, first, 6);
	memset(&fake_virtio.counts, 0, sizeof(fake_virtio.counts));
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(id), "start");
	TEST_ASSERT_SUCCESS(memcmp(fake_virtio.config.mac, &addr, 6), "lost");
	TEST_ASSERT_EQUAL(fake_virtio.counts.mac_addr, 1, "told %u times",
		fake_virtio.counts.mac_addr);
	fake_virtio.answer = FAKE_ANSWER_REFUSED;
	addr = mac(2, 2);
	TEST_ASSERT_EQUAL(rte_eth_dev_default_mac_addr_set(id, &addr), -EIO,
		"refused");
	rte_eth_macaddr_get(id, &got);
	TEST_ASSERT(!rte_is_same_ether_addr(&addr, &got), "taken");
	return TEST_SUCCESS;
}

/* A port does not start with another address than its own. */
static int
test_mac_before_start(void)
{
	struct rte_ether_addr addr = mac(2, 1);
	uint16_t id = virtio_port.id;

	TEST_ASSERT_SUCCESS(rte_eth_dev_default_mac_addr_set(id, &addr), "set");
	TEST_ASSERT_EQUAL(fake_virtio.counts.all + fake_virtio.counts.bad, 0,
		"sent to a stopped device");
	fake_virtio.answer = FAKE_ANSWER_REFUSED;
	TEST_ASSERT_FAIL(virtio_port_start(64), "started");
	TEST_ASSERT_EQUAL(fake_virtio.status, 0, "the device runs");
	fake_virtio.answer = FAKE_ANSWER;
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(id), "start");
	TEST_ASSERT_SUCCESS(memcmp(fake_virtio.config.mac, &addr, 6), "not set");
	return TEST_SUCCESS;
}

/* A device without an address is told the port's. */
static int
test_random_mac(void)
{
	struct rte_ether_addr addr;

	fake_virtio.offered &= ~RTE_BIT64(VIRTIO_NET_F_MAC);
	TEST_ASSERT_SUCCESS(virtio_port_start(64), "start");
	rte_eth_macaddr_get(virtio_port.id, &addr);
	TEST_ASSERT_EQUAL(fake_virtio.counts.mac_addr, 1, "not told");
	TEST_ASSERT_SUCCESS(memcmp(fake_virtio.config.mac, &addr, 6), "another");
	return TEST_SUCCESS;
}

static int
test_table(void)
{
	struct rte_ether_addr one = mac(2, 1), two = mac(4, 2), multi = mac(3, 3);
	struct rte_ether_addr list[2] = { mac(5, 4), mac(5, 5) };
	const struct fake_virtio_filter *filter = &fake_virtio.filter;
	uint16_t id = virtio_port.id;

	TEST_ASSERT_EQUAL(fake_virtio.counts.mac_table, 0, "an empty table");
	TEST_ASSERT_SUCCESS(rte_eth_dev_mac_addr_add(id, &one, 0), "add");
	TEST_ASSERT_SUCCESS(rte_eth_dev_mac_addr_add(id, &two, 0), "add");
	TEST_ASSERT_SUCCESS(rte_eth_dev_mac_addr_add(id, &multi, 0), "add");
	TEST_ASSERT_SUCCESS(rte_eth_dev_set_mc_addr_list(id, list, 2), "list");
	TEST_ASSERT_EQUAL(filter->nr_unicast, 2, "%u", filter->nr_unicast);
	TEST_ASSERT_EQUAL(filter->nr_multicast, 3, "%u", filter->nr_multicast);
	TEST_ASSERT_SUCCESS(memcmp(filter->unicast[0], &one, 6), "first");
	TEST_ASSERT_SUCCESS(memcmp(filter->multicast[2], &list[1], 6), "last");
	TEST_ASSERT_FAIL(rte_eth_dev_mac_addr_add(id, &one, 1), "another pool");
	TEST_ASSERT_SUCCESS(rte_eth_dev_mac_addr_remove(id, &one), "remove");
	TEST_ASSERT_EQUAL(filter->nr_unicast, 1, "%u", filter->nr_unicast);
	TEST_ASSERT_SUCCESS(memcmp(filter->unicast[0], &two, 6), "the other");
	/* a restart brings it all back, in one command */
	TEST_ASSERT_SUCCESS(restart(), "restart");
	TEST_ASSERT_EQUAL(filter->nr_unicast, 1, "%u", filter->nr_unicast);
	TEST_ASSERT_EQUAL(filter->nr_multicast, 3, "%u", filter->nr_multicast);
	TEST_ASSERT_EQUAL(fake_virtio.counts.mac_table, 1, "sent %u times",
		fake_virtio.counts.mac_table);
	TEST_ASSERT_SUCCESS(rte_eth_dev_set_mc_addr_list(id, NULL, 0), "flush");
	TEST_ASSERT_EQUAL(filter->nr_multicast, 1, "%u", filter->nr_multicast);
	TEST_ASSERT_EQUAL(fake_virtio.counts.bad, 0, "bad commands");
	return TEST_SUCCESS;
}

static int
test_list_bounds(void)
{
	static struct rte_ether_addr list[MDEV_VIRTIO_MC_ADDRS + 1];
	const struct fake_virtio_filter *filter = &fake_virtio.filter;
	uint16_t id = virtio_port.id, i;
	struct rte_ether_addr addr;

	for (i = 0; i < RTE_DIM(list); i++)
		list[i] = mac(3, i);
	TEST_ASSERT_EQUAL(rte_eth_dev_set_mc_addr_list(id, list, RTE_DIM(list)),
		-ENOSPC, "too many");
	for (i = 1; i < MDEV_VIRTIO_MAC_ADDRS; i++) {
		addr = mac(7, i);
		TEST_ASSERT_SUCCESS(rte_eth_dev_mac_addr_add(id, &addr, 0),
			"address %u", i);
	}
	TEST_ASSERT_SUCCESS(rte_eth_dev_set_mc_addr_list(id, list,
		MDEV_VIRTIO_MC_ADDRS), "as many as there may be");
	TEST_ASSERT_EQUAL(filter->nr_multicast,
		MDEV_VIRTIO_MC_ADDRS + MDEV_VIRTIO_MAC_ADDRS - 1, "%u",
		filter->nr_multicast);
	list[1] = mac(2, 0);
	TEST_ASSERT_EQUAL(rte_eth_dev_set_mc_addr_list(id, list, 2), -EINVAL,
		"unicast");
	/* a list that the device refuses is not the port's */
	fake_virtio.answer = FAKE_ANSWER_REFUSED;
	TEST_ASSERT_EQUAL(rte_eth_dev_set_mc_addr_list(id, list, 1), -EIO,
		"refused");
	fake_virtio.answer = FAKE_ANSWER;
	TEST_ASSERT_SUCCESS(restart(), "restart");
	TEST_ASSERT_EQUAL(filter->nr_multicast,
		MDEV_VIRTIO_MC_ADDRS + MDEV_VIRTIO_MAC_ADDRS - 1, "%u",
		filter->nr_multicast);
	return TEST_SUCCESS;
}

static int
test_table_before_start(void)
{
	struct rte_ether_addr one = mac(2, 1), list = mac(3, 1);
	uint16_t id = virtio_port.id;

	TEST_ASSERT_SUCCESS(rte_eth_dev_mac_addr_add(id, &one, 0), "add");
	TEST_ASSERT_SUCCESS(rte_eth_dev_set_mc_addr_list(id, &list, 1), "list");
	TEST_ASSERT_EQUAL(fake_virtio.counts.all + fake_virtio.counts.bad, 0,
		"sent to a stopped device");
	TEST_ASSERT_SUCCESS(virtio_port_start(64), "start");
	TEST_ASSERT_EQUAL(fake_virtio.filter.nr_unicast, 1, "lost");
	TEST_ASSERT_EQUAL(fake_virtio.filter.nr_multicast, 1, "lost");
	TEST_ASSERT_EQUAL(fake_virtio.counts.mac_table, 1, "sent %u times",
		fake_virtio.counts.mac_table);
	return TEST_SUCCESS;
}

static int
test_vlans(void)
{
	const uint64_t *vlans = fake_virtio.filter.vlans;
	uint16_t id = virtio_port.id;

	TEST_ASSERT_SUCCESS(rte_eth_dev_vlan_filter(id, 0, 1), "add");
	TEST_ASSERT_SUCCESS(rte_eth_dev_vlan_filter(id, 100, 1), "add");
	TEST_ASSERT_SUCCESS(rte_eth_dev_vlan_filter(id, 4095, 1), "add");
	TEST_ASSERT_SUCCESS(rte_eth_dev_vlan_filter(id, 0, 0), "remove");
	TEST_ASSERT_EQUAL(vlans[0], 0, "0 is left");
	TEST_ASSERT_EQUAL(vlans[1], UINT64_C(1) << 36, "100");
	TEST_ASSERT_EQUAL(vlans[63], UINT64_C(1) << 63, "4095");
	TEST_ASSERT_SUCCESS(restart(), "restart");
	TEST_ASSERT_EQUAL(vlans[1], UINT64_C(1) << 36, "100 is lost");
	TEST_ASSERT_EQUAL(vlans[63], UINT64_C(1) << 63, "4095 is lost");
	TEST_ASSERT_EQUAL(fake_virtio.counts.vlan_add, 2, "sent %u times",
		fake_virtio.counts.vlan_add);
	TEST_ASSERT_EQUAL(fake_virtio.counts.bad, 0, "bad commands");
	fake_virtio.answer = FAKE_ANSWER_REFUSED;
	TEST_ASSERT_FAIL(rte_eth_dev_vlan_filter(id, 7, 1), "refused");
	fake_virtio.answer = FAKE_ANSWER;
	TEST_ASSERT_SUCCESS(restart(), "restart");
	TEST_ASSERT_EQUAL(vlans[0], 0, "7 was kept");
	return TEST_SUCCESS;
}

#define SLOW_VLANS 8

/*
 * A device that answers each command just in time does not hold up a start for ever:
 * there is a time for all of them together, counted in looks. The fake device answers at
 * the third read of its status, after 192 looks in vain.
 */
static int
test_slow_start(void)
{
	struct virtio_cvq *cvq = &mdev_virtio_hw(virtio_port.dev)->cvq;
	uint16_t id = virtio_port.id, vlan;
	int ret;

	for (vlan = 0; vlan < SLOW_VLANS; vlan++)
		TEST_ASSERT_SUCCESS(rte_eth_dev_vlan_filter(id, vlan, 1), "add");
	fake_virtio.answer = FAKE_ANSWER_SLOW;
	cvq->max_polls = 200;
	cvq->start_polls = 5 * 192 + 100;
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	ret = restart();
	captured_log_stop();
	TEST_ASSERT_EQUAL(ret, -ETIMEDOUT, "%d", ret);
	TEST_ASSERT_EQUAL(fake_virtio.counts.vlan_add, 5, "%u were added",
		fake_virtio.counts.vlan_add);
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 1, "lines");
	TEST_ASSERT_EQUAL(captured_log_lines("VLAN_ADD"), 1, "another line");
	TEST_ASSERT_EQUAL(captured_log_lines("commands of the start"), 1,
		"another line");
	TEST_ASSERT_EQUAL(cvq->timeouts, 1, "timeouts");
	TEST_ASSERT_EQUAL(fake_virtio.status, 0, "the device runs");
	/* each start has that time, and what follows has its own */
	cvq->start_polls = SLOW_VLANS * 192 + 1;
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(id), "start");
	TEST_ASSERT_SUCCESS(rte_eth_dev_vlan_filter(id, SLOW_VLANS, 1), "add");
	TEST_ASSERT_EQUAL(cvq->timeouts, 1, "timeouts");
	/* one that gets no answer at all is told by its name alone */
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	fake_virtio.answer = FAKE_ANSWER_NEVER;
	ret = restart();
	captured_log_stop();
	TEST_ASSERT_EQUAL(ret, -ETIMEDOUT, "%d", ret);
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 1, "lines");
	TEST_ASSERT_EQUAL(captured_log_lines("did not answer the command VLAN_ADD"),
		1, "another line");
	return TEST_SUCCESS;
}

/* The filter is negotiated, so it is switched between a stop and a start. */
static int
test_vlan_switch(void)
{
	const uint64_t feature = RTE_BIT64(VIRTIO_NET_F_CTRL_VLAN);
	uint16_t id = virtio_port.id;
	const struct virtqueue *vq;

	TEST_ASSERT(fake_virtio.accepted & feature, "not taken");
	TEST_ASSERT_SUCCESS(rte_eth_dev_set_vlan_offload(id,
		RTE_ETH_VLAN_FILTER_OFFLOAD), "strip off, while it runs");
	TEST_ASSERT_EQUAL(rte_eth_dev_set_vlan_offload(id, 0), -EBUSY,
		"while it runs");
	TEST_ASSERT_EQUAL(rte_eth_dev_get_vlan_offload(id),
		RTE_ETH_VLAN_FILTER_OFFLOAD, "but it is said to be off");
	/* with another switch neither is made */
	TEST_ASSERT_EQUAL(rte_eth_dev_set_vlan_offload(id, RTE_ETH_VLAN_STRIP_OFFLOAD),
		-EBUSY, "while it runs");
	TEST_ASSERT_EQUAL(rte_eth_dev_get_vlan_offload(id),
		RTE_ETH_VLAN_FILTER_OFFLOAD, "one of two");
	vq = virtio_port.dev->data->rx_queues[0];
	TEST_ASSERT_EQUAL(vq->offloads & RTE_ETH_RX_OFFLOAD_VLAN_STRIP, 0, "it strips");
	TEST_ASSERT_SUCCESS(rte_eth_dev_vlan_filter(id, 100, 1), "add");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(id), "stop");
	TEST_ASSERT_SUCCESS(rte_eth_dev_set_vlan_offload(id, 0), "off");
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(id), "start");
	TEST_ASSERT_EQUAL(fake_virtio.accepted & feature, 0, "taken");
	TEST_ASSERT_EQUAL(fake_virtio.counts.bad, 0, "bad commands");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(id), "stop");
	TEST_ASSERT_SUCCESS(rte_eth_dev_set_vlan_offload(id,
		RTE_ETH_VLAN_FILTER_OFFLOAD), "on");
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(id), "start");
	TEST_ASSERT_EQUAL(fake_virtio.filter.vlans[1], UINT64_C(1) << 36,
		"100 is lost");
	return TEST_SUCCESS;
}

/* Coalescing is asked for by who wants it, and is about receive interrupts. */
static int
test_coalescing(void)
{
	const struct rte_eth_conf rxq = { .intr_conf.rxq = 1 }, none = { 0 };

	if (virtio_port_prepare(FAKE_VIRTIO_TRAPPED) < 0)
		return TEST_FAILED;
	fake_virtio_offer_ctrl(0, 1);
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	TEST_ASSERT_SUCCESS(virtio_port_attach("rx_coal=50:32"), "attach");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines("VIRTIO_NET_F_NOTF_COAL"), 1,
		"not said that there is none");
	TEST_ASSERT_SUCCESS(virtio_port_detach(), "detach");
	fake_virtio_offer_ctrl(RTE_BIT64(VIRTIO_NET_F_NOTF_COAL), 1);
	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "attach");
	TEST_ASSERT_SUCCESS(virtio_port_start_queues(1, 1, 64, &rxq), "start");
	TEST_ASSERT_EQUAL(fake_virtio.counts.rx_coal, 0, "nobody asked");
	TEST_ASSERT_SUCCESS(virtio_port_detach(), "detach");
	TEST_ASSERT_SUCCESS(virtio_port_attach("rx_coal=50:32"), "attach");
	TEST_ASSERT_SUCCESS(virtio_port_start_queues(1, 1, 64, &none), "start");
	TEST_ASSERT_EQUAL(fake_virtio.counts.rx_coal, 0, "no interrupts");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_SUCCESS(virtio_port_start_queues(1, 1, 64, &rxq), "start");
	TEST_ASSERT(fake_virtio.filter.rx_usecs == 50 &&
		fake_virtio.filter.rx_packets == 32, "%u:%u",
		fake_virtio.filter.rx_usecs, fake_virtio.filter.rx_packets);
	TEST_ASSERT_EQUAL(fake_virtio.counts.bad, 0, "bad commands");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: what is received",
	.unit_test_cases = {
		TEST_CASE_ST(setup_started, virtio_port_stop, test_modes),
		TEST_CASE_ST(setup, virtio_port_stop, test_modes_before_start),
		TEST_CASE_ST(setup_none, virtio_port_stop, test_without),
		TEST_CASE_ST(setup_started, virtio_port_stop, test_mac),
		TEST_CASE_ST(setup, virtio_port_stop, test_mac_before_start),
		TEST_CASE_ST(setup, virtio_port_stop, test_random_mac),
		TEST_CASE_ST(setup_started, virtio_port_stop, test_table),
		TEST_CASE_ST(setup_started, virtio_port_stop, test_list_bounds),
		TEST_CASE_ST(setup, virtio_port_stop, test_table_before_start),
		TEST_CASE_ST(setup_started, virtio_port_stop, test_vlans),
		TEST_CASE_ST(setup_started, virtio_port_stop, test_slow_start),
		TEST_CASE_ST(setup_started, virtio_port_stop, test_vlan_switch),
		TEST_CASE_ST(NULL, virtio_port_stop, test_coalescing),
		TEST_CASES_END()
	}
};

static int
test_mdev_virtio_ctrl(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_virtio_ctrl_autotest, test_mdev_virtio_ctrl);
