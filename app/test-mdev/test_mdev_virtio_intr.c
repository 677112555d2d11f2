/* SPDX-License-Identifier: BSD-3-Clause */

#include <rte_cycles.h>

#include "fake_vfio.h"
#include "test.h"
#include "virtio_port.h"

#define MSIX VFIO_PCI_MSIX_IRQ_INDEX

static volatile unsigned int events;

static int
setup(void)
{
	events = 0;
	if (virtio_port_prepare(FAKE_VIRTIO_TRAPPED) < 0)
		return TEST_FAILED;
	return virtio_port_attach("");
}

static int
on_event(uint16_t port_id, enum rte_eth_event_type type, void *arg, void *ret)
{
	(void)port_id;
	(void)arg;
	(void)ret;
	events += type == RTE_ETH_EVENT_INTR_LSC;
	return 0;
}

static int
start(void)
{
	struct rte_eth_conf conf = { .intr_conf.lsc = 1 };
	uint16_t id = virtio_port.id;

	if (rte_eth_dev_configure(id, 1, 1, &conf) != 0 ||
			rte_eth_rx_queue_setup(id, 0, 64, SOCKET_ID_ANY, NULL,
				virtio_port.pool) != 0 ||
			rte_eth_tx_queue_setup(id, 0, 64, SOCKET_ID_ANY, NULL) != 0)
		return -1;
	rte_eth_dev_callback_register(id, RTE_ETH_EVENT_INTR_LSC, on_event, NULL);
	return rte_eth_dev_start(id);
}

/* The interrupt thread takes its time, but not seconds. */
static unsigned int
wait_events(unsigned int wanted)
{
	unsigned int i;

	for (i = 0; i < 5000 && events < wanted; i++)
		rte_delay_us_sleep(1000);
	return events;
}

static int
test_link_changes(void)
{
	struct rte_eth_link link;

	TEST_ASSERT_SUCCESS(start(), "not started");
	fake_virtio_set_link(false);
	TEST_ASSERT_EQUAL(wait_events(1), 1, "%u events", events);
	rte_eth_link_get_nowait(virtio_port.id, &link);
	TEST_ASSERT_EQUAL(link.link_status, RTE_ETH_LINK_DOWN, "up");
	fake_virtio_set_link(true);
	TEST_ASSERT_EQUAL(wait_events(2), 2, "%u events", events);
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_EQUAL(fake_vfio.irqs[MSIX].fds[0], -1, "still enabled");
	return TEST_SUCCESS;
}

static int
test_needs_reset(void)
{
	struct rte_eth_link link;

	TEST_ASSERT_SUCCESS(start(), "not started");
	fake_virtio_ask_reset();
	TEST_ASSERT_EQUAL(wait_events(1), 1, "the link did not go down");
	rte_eth_link_get_nowait(virtio_port.id, &link);
	TEST_ASSERT_EQUAL(link.link_status, RTE_ETH_LINK_DOWN, "up");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	rte_eth_link_get_nowait(virtio_port.id, &link);
	TEST_ASSERT_EQUAL(link.link_status, RTE_ETH_LINK_UP, "still down");
	return TEST_SUCCESS;
}

/* A device that has vectors but gives none cannot be started. */
static int
test_no_vectors(void)
{
	fake_virtio.no_vectors = true;
	TEST_ASSERT_FAIL(start(), "started without its interrupt");
	TEST_ASSERT_EQUAL(fake_vfio.irqs[MSIX].fds[0], -1, "left enabled");
	fake_virtio.no_vectors = false;
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "not started");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: configuration interrupt",
	.unit_test_cases = {
		TEST_CASE_ST(setup, virtio_port_stop, test_link_changes),
		TEST_CASE_ST(setup, virtio_port_stop, test_needs_reset),
		TEST_CASE_ST(setup, virtio_port_stop, test_no_vectors),
		TEST_CASES_END()
	}
};

static int
test_mdev_virtio_intr(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_virtio_intr_autotest, test_mdev_virtio_intr);
