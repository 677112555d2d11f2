/* SPDX-License-Identifier: BSD-3-Clause */

#include <poll.h>
#include <stdbool.h>

#include <linux/virtio_config.h>

#include <rte_alarm.h>
#include <rte_cycles.h>

#include <mdev_virtio_ethdev.h>

#include "fake_vfio.h"
#include "test.h"
#include "virtio_port.h"

#define MSIX VFIO_PCI_MSIX_IRQ_INDEX

static volatile unsigned int events, resets;

/* What the application does in its callback, and what came of it. */
static enum { DO_NOTHING, DO_STOP, DO_RESTART, DO_CLOSE, DO_RESET } action;
static volatile int action_ret;

static int
setup(void)
{
	events = resets = 0;
	action = DO_NOTHING;
	action_ret = 0;
	if (virtio_port_prepare(FAKE_VIRTIO_TRAPPED) < 0)
		return TEST_FAILED;
	return virtio_port_attach("");
}

static int
on_event(uint16_t port_id, enum rte_eth_event_type type, void *arg, void *ret)
{
	int done = 0;

	(void)arg;
	(void)ret;
	if (action != DO_NOTHING)
		done = rte_eth_dev_stop(port_id);
	if (action == DO_RESTART && done == 0)
		done = rte_eth_dev_start(port_id);
	else if (action == DO_CLOSE && done == 0)
		done = rte_eth_dev_close(port_id);
	else if (action == DO_RESET && done == 0)
		done = rte_eth_dev_reset(port_id);
	action_ret |= done;
	events += type == RTE_ETH_EVENT_INTR_LSC;
	resets += type == RTE_ETH_EVENT_INTR_RESET;
	return 0;
}

/* Callbacks outlive their port: the next test's would be called with them. */
static void
teardown(void)
{
	rte_eth_dev_callback_unregister(virtio_port.id, RTE_ETH_EVENT_INTR_LSC,
		on_event, NULL);
	rte_eth_dev_callback_unregister(virtio_port.id, RTE_ETH_EVENT_INTR_RESET,
		on_event, NULL);
	virtio_port_stop();
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
	rte_eth_dev_callback_register(id, RTE_ETH_EVENT_INTR_RESET, on_event,
		NULL);
	return rte_eth_dev_start(id);
}

/* The interrupt thread takes its time, but not seconds. */
static unsigned int
wait_count(volatile unsigned int *count, unsigned int wanted)
{
	unsigned int i;

	for (i = 0; i < 5000 && *count < wanted; i++)
		rte_delay_us_sleep(1000);
	return *count;
}

static unsigned int
wait_events(unsigned int wanted)
{
	return wait_count(&events, wanted);
}

/* The callback has taken what was signalled; a stop waits for its end. */
static bool
taken(void)
{
	struct pollfd pfd = {
		.fd = fake_vfio.irqs[MSIX].fds[0],
		.events = POLLIN,
	};
	unsigned int i;

	for (i = 0; i < 5000 && poll(&pfd, 1, 0) != 0; i++)
		rte_delay_us_sleep(1000);
	return i < 5000;
}

static int
test_link_changes(void)
{
	struct rte_eth_link link;

	TEST_ASSERT_SUCCESS(start(), "not started");
	fake_virtio_set_link(false);
	TEST_ASSERT_EQUAL(wait_events(1), 1, "%u events", events);
	TEST_ASSERT_SUCCESS(rte_eth_link_get_nowait(virtio_port.id, &link), "link");
	TEST_ASSERT_EQUAL(link.link_status, RTE_ETH_LINK_DOWN, "up");
	fake_virtio_set_link(true);
	TEST_ASSERT_EQUAL(wait_events(2), 2, "%u events", events);
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_EQUAL(fake_vfio.irqs[MSIX].fds[0], -1, "still enabled");
	return TEST_SUCCESS;
}

/* The driver does nothing by itself for a device that asks for a reset. */
static void
no_recovery(void)
{
	mdev_virtio_hw(virtio_port.dev)->recovery.max = 0;
}

static int
test_needs_reset(void)
{
	struct rte_eth_link link;

	no_recovery(); /* which might be over before it is seen */
	TEST_ASSERT_SUCCESS(start(), "not started");
	fake_virtio_ask_reset();
	TEST_ASSERT_EQUAL(wait_events(1), 1, "the link did not go down");
	TEST_ASSERT_SUCCESS(rte_eth_link_get_nowait(virtio_port.id, &link), "link");
	TEST_ASSERT_EQUAL(link.link_status, RTE_ETH_LINK_DOWN, "up");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	TEST_ASSERT_SUCCESS(rte_eth_link_get_nowait(virtio_port.id, &link), "link");
	TEST_ASSERT_EQUAL(link.link_status, RTE_ETH_LINK_UP, "still down");
	return TEST_SUCCESS;
}

/* The application is told once, whoever noticed it first. */
static int
test_reset_event(void)
{
	no_recovery();
	TEST_ASSERT_SUCCESS(start(), "not started");
	fake_virtio_ask_reset();
	TEST_ASSERT_EQUAL(wait_count(&resets, 1), 1, "not told");
	fake_virtio_ask_reset();
	TEST_ASSERT(taken(), "not noticed");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_EQUAL(resets, 1, "told %u times", resets);
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	fake_virtio.status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	TEST_ASSERT(mdev_virtio_needs_reset(virtio_port.dev), "not noticed");
	fake_virtio_ask_reset();
	TEST_ASSERT_EQUAL(wait_count(&resets, 2), 2, "not told again");
	return TEST_SUCCESS;
}

static int
test_stop_in_callback(void)
{
	unsigned int fds, now;

	TEST_ASSERT_SUCCESS(start(), "not started");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	fds = virtio_port_eventfds();
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	action = DO_STOP;
	fake_virtio_set_link(false);
	TEST_ASSERT_EQUAL(wait_events(1), 1, "no event, or no end of it");
	TEST_ASSERT_SUCCESS(action_ret, "not stopped: %d", action_ret);
	TEST_ASSERT_EQUAL(fake_virtio.status, 0, "not reset");
	/* the interrupt thread still lives, and has let go of the port */
	action = DO_NOTHING;
	fake_virtio_set_link(true);
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	fake_virtio_set_link(false);
	TEST_ASSERT_EQUAL(wait_events(2), 2, "%u events", events);
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	now = virtio_port_eventfds();
	TEST_ASSERT_EQUAL(now, fds, "%u files, then %u", fds, now);
	return TEST_SUCCESS;
}

/* What an application does that is told of a reset. */
static int
test_restart_in_callback(void)
{
	unsigned int i;

	no_recovery();
	TEST_ASSERT_SUCCESS(start(), "not started");
	rte_eth_dev_callback_unregister(virtio_port.id, RTE_ETH_EVENT_INTR_LSC,
		on_event, NULL);
	action = DO_RESTART;
	for (i = 1; i <= 10; i++) {
		fake_virtio_ask_reset();
		TEST_ASSERT_EQUAL(wait_count(&resets, i), i, "%u events", resets);
		TEST_ASSERT_SUCCESS(action_ret, "not restarted: %d", action_ret);
		TEST_ASSERT(fake_virtio.status & VIRTIO_CONFIG_S_DRIVER_OK,
			"it does not run");
	}
	return TEST_SUCCESS;
}

/* The port that the first callback restarted needs no reset any more. */
static int
test_two_events(void)
{
	no_recovery();
	TEST_ASSERT_SUCCESS(start(), "not started");
	action = DO_RESTART;
	fake_virtio_ask_reset();
	TEST_ASSERT_EQUAL(wait_events(1), 1, "%u events", events);
	action = DO_NOTHING;
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_EQUAL(resets, 0, "told of a reset that was done");
	return TEST_SUCCESS;
}

static int
test_reset_in_callback(void)
{
	TEST_ASSERT_SUCCESS(start(), "not started");
	action = DO_RESET;
	fake_virtio_set_link(false);
	TEST_ASSERT_EQUAL(wait_events(1), 1, "%u events", events);
	TEST_ASSERT_SUCCESS(action_ret, "not reset: %d", action_ret);
	action = DO_NOTHING;
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	return TEST_SUCCESS;
}

static int
test_close_in_callback(void)
{
	uint16_t id;

	no_recovery();
	TEST_ASSERT_SUCCESS(start(), "not started");
	action = DO_CLOSE;
	fake_virtio_ask_reset();
	TEST_ASSERT_EQUAL(wait_events(1), 1, "%u events", events);
	TEST_ASSERT_SUCCESS(action_ret, "not closed: %d", action_ret);
	TEST_ASSERT_FAIL(rte_eth_dev_get_port_by_name(VIRTIO_PORT_UUID, &id),
		"the port is left");
	return TEST_SUCCESS;
}

static void
stop_later(void *arg)
{
	(void)arg;
	action_ret = rte_eth_dev_stop(virtio_port.id);
	events++;
}

/* EAL's interrupt thread, but not a callback of this port: an alarm. */
static int
test_stop_in_alarm(void)
{
	TEST_ASSERT_SUCCESS(start(), "not started");
	action_ret = -1;
	TEST_ASSERT_SUCCESS(rte_eal_alarm_set(1, stop_later, NULL), "alarm");
	TEST_ASSERT_EQUAL(wait_events(1), 1, "no alarm, or no end of it");
	TEST_ASSERT_SUCCESS(action_ret, "not stopped: %d", action_ret);
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
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
		TEST_CASE_ST(setup, teardown, test_link_changes),
		TEST_CASE_ST(setup, teardown, test_needs_reset),
		TEST_CASE_ST(setup, teardown, test_reset_event),
		TEST_CASE_ST(setup, teardown, test_stop_in_callback),
		TEST_CASE_ST(setup, teardown, test_restart_in_callback),
		TEST_CASE_ST(setup, teardown, test_two_events),
		TEST_CASE_ST(setup, teardown, test_reset_in_callback),
		TEST_CASE_ST(setup, teardown, test_close_in_callback),
		TEST_CASE_ST(setup, teardown, test_stop_in_alarm),
		TEST_CASE_ST(setup, teardown, test_no_vectors),
		TEST_CASES_END()
	}
};

static int
test_mdev_virtio_intr(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_virtio_intr_autotest, test_mdev_virtio_intr);
