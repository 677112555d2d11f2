/* SPDX-License-Identifier: BSD-3-Clause */

/* Devices that ask for a reset: when they get it, and what the application hears. */

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <linux/vfio.h>
#include <linux/virtio_config.h>

#include <rte_cycles.h>

#include "captured_log.h"
#include "fake_vfio.h"
#include "test.h"
#include "virtio_recovery.h"

static int
setup_no_vectors(void)
{
	return virtio_recovery_attach(0, 0);
}

/* A thread that polls is heard of, and goes on with the same queues. */
static int
test_recovers(void)
{
	struct rte_eth_dev_info info;
	struct rte_eth_link link;
	void *rx, *tx;

	TEST_ASSERT_SUCCESS(rte_eth_dev_info_get(virtio_port.id, &info), "info");
	TEST_ASSERT_EQUAL(info.err_handle_mode,
		RTE_ETH_ERROR_HANDLE_MODE_PROACTIVE, "mode");
	TEST_ASSERT_SUCCESS(virtio_recovery_start(), "start");
	rx = virtio_port.dev->data->rx_queues[0];
	tx = virtio_port.dev->data->tx_queues[0];
	TEST_ASSERT_SUCCESS(virtio_recovery_owner_start(UINT16_MAX), "thread");
	fake_virtio_ask_reset();
	virtio_recovery_wait(2);
	virtio_recovery_owner_end();
	TEST_ASSERT_EVENTS("rS");
	TEST_ASSERT(virtio_port.dev->data->rx_queues[0] == rx, "replaced");
	TEST_ASSERT(virtio_port.dev->data->tx_queues[0] == tx, "replaced");
	TEST_ASSERT_EQUAL(virtio_recovery_state()->nr_replaced, 0, "replaced");
	TEST_ASSERT_SUCCESS(rte_eth_link_get_nowait(virtio_port.id, &link), "link");
	TEST_ASSERT_EQUAL(link.link_status, RTE_ETH_LINK_UP, "down");
	TEST_ASSERT_SUCCESS(virtio_recovery_traffic(), "?");
	TEST_ASSERT_EQUAL(virtio_recovery_xstat("recoveries"), 1, "recoveries");
	TEST_ASSERT_EQUAL(virtio_recovery_xstat("recoveries_failed"), 0, "failed");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "%u mbufs", virtio_port_mbufs());
	return TEST_SUCCESS;
}

static int busy[7];
static int busy_mode;
static uint16_t busy_link;
static bool busy_prepares;

static void
control_meanwhile(void)
{
	struct rte_eth_rss_reta_entry64 reta[2] = { { .mask = 1 } };
	struct rte_ether_addr mac = { { 2, 0, 0, 0, 1, 1 } };
	struct rte_eth_rss_conf rss = { .rss_hf = 0 };
	struct rte_mbuf *m = NULL;
	uint16_t id = virtio_port.id;
	struct rte_eth_link link;

	fake_virtio.on_reset = NULL;
	busy_mode = rte_eth_promiscuous_enable(id);
	busy[0] = rte_eth_dev_mac_addr_add(id, &mac, 0);
	busy[1] = rte_eth_dev_vlan_filter(id, 5, 1);
	busy[2] = rte_eth_dev_rss_hash_update(id, &rss);
	busy[3] = rte_eth_dev_rss_reta_update(id, reta, 128);
	busy[4] = rte_eth_dev_set_link_down(id);
	busy[5] = rte_eth_dev_set_mtu(id, 1000);
	busy[6] = rte_eth_rx_burst(id, 0, &m, 1) + rte_eth_tx_burst(id, 0, &m, 1) ?
		0 : -EBUSY;
	busy_prepares = virtio_port_prepares();
	if (rte_eth_link_get_nowait(id, &link) == 0)
		busy_link = link.link_status;
}

/*
 * Meanwhile nothing can be asked for, and nothing of it is left; but frames are prepared, for
 * they are sent afterwards, and the device is told of a mode that ethdev asks for: it may be
 * at a start.
 */
static int
test_busy(void)
{
	struct fake_virtio_filter before;
	unsigned int i;

	TEST_ASSERT_SUCCESS(virtio_recovery_start(), "start");
	before = fake_virtio.filter;
	memset(busy, 0, sizeof(busy));
	busy_mode = -1;
	busy_link = RTE_ETH_LINK_UP;
	busy_prepares = false;
	fake_virtio.on_reset = control_meanwhile;
	fake_virtio_ask_reset();
	TEST_ASSERT_EVENTS("rS");
	for (i = 0; i < RTE_DIM(busy); i++)
		TEST_ASSERT_EQUAL(busy[i], -EBUSY, "%u: %d", i, busy[i]);
	TEST_ASSERT_SUCCESS(busy_mode, "%d", busy_mode);
	TEST_ASSERT(before.promisc == 0 && fake_virtio.filter.promisc == 1, "not told");
	before.promisc = 1;
	TEST_ASSERT_EQUAL(busy_link, RTE_ETH_LINK_DOWN, "up meanwhile");
	TEST_ASSERT(busy_prepares, "not prepared meanwhile");
	TEST_ASSERT_SUCCESS(memcmp(&before, &fake_virtio.filter, sizeof(before)),
		"not the same");
	TEST_ASSERT_SUCCESS(virtio_recovery_traffic(), "?");
	TEST_ASSERT_SUCCESS(rte_eth_promiscuous_enable(virtio_port.id), "after it");
	return TEST_SUCCESS;
}

/* One that asks again and again is left alone, until the application sees to it. */
static int
test_left_alone(void)
{
	TEST_ASSERT_SUCCESS(virtio_recovery_start(), "start");
	virtio_recovery_state()->max = 2;
	fake_virtio_ask_reset();
	TEST_ASSERT_EVENTS("rS");
	fake_virtio_ask_reset();
	TEST_ASSERT_EVENTS("rSrS");
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	fake_virtio_ask_reset();
	virtio_recovery_wait(6);
	captured_log_stop();
	TEST_ASSERT_EVENTS("rSrSFR");
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 1, "lines");
	TEST_ASSERT_EQUAL(captured_log_lines("more than 2 times"), 1, "line");
	TEST_ASSERT_EQUAL(virtio_recovery_xstat("recoveries"), 2, "recoveries");
	TEST_ASSERT_EQUAL(virtio_recovery_xstat("recoveries_failed"), 1, "failed");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	TEST_ASSERT_SUCCESS(virtio_recovery_traffic(), "?");
	/* and when time has passed it may ask again */
	virtio_recovery_state()->window_s = 0;
	virtio_recovery_state()->max = 1;
	fake_virtio_ask_reset();
	TEST_ASSERT_EVENTS("rSrSFRrS");
	fake_virtio_ask_reset();
	TEST_ASSERT_EVENTS("rSrSFRrSrS");
	return TEST_SUCCESS;
}

static void
answer_again(void)
{
	fake_virtio.answer = FAKE_ANSWER;
}

/* One that asks instead of an answer, and does not interrupt, is heard all the same. */
static int
test_command(void)
{
	TEST_ASSERT_SUCCESS(virtio_recovery_start(), "start");
	fake_virtio.answer = FAKE_ANSWER_NEEDS_RESET;
	fake_virtio.on_reset = answer_again;
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	TEST_ASSERT_SUCCESS(rte_eth_promiscuous_enable(virtio_port.id), "refused");
	virtio_recovery_wait(2);
	captured_log_stop();
	TEST_ASSERT_EVENTS("rS");
	TEST_ASSERT_EQUAL(captured_log_lines("before it answered the command RX_PROMISC: the port recovers by itself, or a line says why it cannot"),
		1, "line");
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 2, "lines");
	TEST_ASSERT_EQUAL(fake_virtio.filter.promisc, 1, "not enabled");
	return virtio_recovery_traffic();
}

/* The first reset is the one that it asked for, and a start begins with the second. */
static void
ask_in_second(void)
{
	fake_virtio.answer = fake_virtio.resets == 2 ? FAKE_ANSWER_NEEDS_RESET :
		FAKE_ANSWER;
}

/* A device that asks once more while it gets its reset gets another one. */
static int
test_asks_again(void)
{
	TEST_ASSERT_SUCCESS(virtio_recovery_start(), "start");
	fake_virtio.resets = 0;
	fake_virtio.on_reset = ask_in_second;
	fake_virtio_ask_reset();
	TEST_ASSERT_EVENTS("rS");
	TEST_ASSERT_EQUAL(virtio_recovery_state()->nr_begun, 2, "%u attempts",
		virtio_recovery_state()->nr_begun);
	TEST_ASSERT_SUCCESS(virtio_recovery_traffic(), "?");
	/* but not for ever */
	fake_virtio.on_reset = NULL;
	fake_virtio.answer = FAKE_ANSWER_NEEDS_RESET;
	fake_virtio_ask_reset();
	TEST_ASSERT_EVENTS("rSrFR");
	TEST_ASSERT_EQUAL(virtio_recovery_state()->nr_begun, MDEV_VIRTIO_RECOVERIES, "%u",
		virtio_recovery_state()->nr_begun);
	return TEST_SUCCESS;
}

static void
never_answer(void)
{
	fake_virtio.answer = FAKE_ANSWER_NEVER;
}

/* A stop does not wait for a device that does not answer. */
static int
test_stop_meanwhile(void)
{
	struct virtio_cvq *cvq = &mdev_virtio_hw(virtio_port.dev)->cvq;
	unsigned int i;

	TEST_ASSERT_SUCCESS(virtio_recovery_start(), "start");
	cvq->max_polls = cvq->start_polls = UINT32_MAX / 2;
	fake_virtio.on_reset = never_answer;
	fake_virtio_ask_reset();
	for (i = 0; i < 60000 && !fake_virtio.has_kept; i++)
		rte_delay_us_sleep(1000);
	TEST_ASSERT(fake_virtio.has_kept, "no command");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_EVENTS("r");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "%u mbufs", virtio_port_mbufs());
	fake_virtio.on_reset = NULL;
	fake_virtio.answer = FAKE_ANSWER;
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	TEST_ASSERT_SUCCESS(virtio_recovery_traffic(), "?");
	return TEST_SUCCESS;
}

static int
test_stop_in_callback(void)
{
	TEST_ASSERT_SUCCESS(virtio_recovery_start(), "start");
	virtio_recovery.stop_at = 'r';
	fake_virtio_ask_reset();
	TEST_ASSERT_EVENTS("r");
	TEST_ASSERT_SUCCESS(virtio_recovery.stop_ret, "stop: %d", virtio_recovery.stop_ret);
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	virtio_recovery.stop_at = 'S';
	virtio_recovery.stop_ret = -1;
	fake_virtio_ask_reset();
	TEST_ASSERT_EVENTS("rrS");
	TEST_ASSERT_SUCCESS(virtio_recovery.stop_ret, "stop: %d", virtio_recovery.stop_ret);
	virtio_recovery.stop_at = 0;
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	return virtio_recovery_traffic();
}

static void (*read_bar)(uint64_t offset, void *buf, size_t len);

/* As if it asked and interrupted while the driver reads the link's state. */
static void
ask_when_read(uint64_t offset, void *buf, size_t len)
{
	read_bar(offset, buf, len);
	if (offset != FAKE_VIRTIO_CONFIG +
			offsetof(struct virtio_net_config, status) ||
			(fake_virtio.status & VIRTIO_CONFIG_S_DRIVER_OK) == 0)
		return;
	fake_vfio.regions[VFIO_PCI_BAR0_REGION_INDEX].read = read_bar;
	fake_virtio.status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	mdev_virtio_needs_reset(virtio_port.dev);
}

/*
 * One that asks while the port is started again is heard, whatever was before, and if
 * ethdev does not ask for the link, which is told by events.
 */
static int
test_asks_in_start(void)
{
	const struct rte_eth_conf conf = { .intr_conf.lsc = 1 };

	virtio_recovery_state()->pause_polls = 0;
	TEST_ASSERT_SUCCESS(virtio_port_start_queues(1, 1, VIRTIO_RECOVERY_RING, &conf),
		"start");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	read_bar = fake_vfio.regions[VFIO_PCI_BAR0_REGION_INDEX].read;
	fake_vfio.regions[VFIO_PCI_BAR0_REGION_INDEX].read = ask_when_read;
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	TEST_ASSERT(fake_vfio.regions[VFIO_PCI_BAR0_REGION_INDEX].read == read_bar,
		"it did not ask");
	TEST_ASSERT_EVENTS("rS");
	return virtio_recovery_traffic();
}

static int
setup_announce(void)
{
	return virtio_recovery_attach(RTE_BIT64(VIRTIO_NET_F_GUEST_ANNOUNCE), 4);
}

static void
ask_announce(void)
{
	fake_virtio.config.status |= rte_cpu_to_le_16(VIRTIO_NET_S_ANNOUNCE);
}

/* It wants to be announced when it is back: as after a migration. */
static int
test_announcement(void)
{
	unsigned int i;
	uint8_t frame[256];

	TEST_ASSERT_SUCCESS(virtio_recovery_start(), "start");
	fake_virtio.on_reset = ask_announce;
	fake_virtio_ask_reset();
	TEST_ASSERT_EVENTS("rS");
	for (i = 0; i < 10000 && __atomic_load_n(&fake_virtio.counts.announce_ack,
			__ATOMIC_ACQUIRE) == 0; i++)
		rte_delay_us_sleep(1000);
	fake_virtio.on_reset = NULL;
	TEST_ASSERT_EQUAL(fake_virtio.counts.announce_ack, 1, "not acknowledged");
	TEST_ASSERT_EQUAL(rte_eth_tx_burst(virtio_port.id, 0, NULL, 0), 0, "send");
	TEST_ASSERT(fake_virtio_sent(frame, sizeof(frame)) >= 42, "not announced");
	return TEST_SUCCESS;
}

/* One that was scheduled when the port was being stopped is not waited for. */
static int
test_scheduled_late(void)
{
	TEST_ASSERT_SUCCESS(virtio_recovery_start(), "start");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	virtio_recovery_state()->scheduled = true;
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	fake_virtio_ask_reset();
	TEST_ASSERT_EVENTS("rS");
	return virtio_recovery_traffic();
}

static pthread_t stopper;
static volatile bool in_reset, recovery_waits;
static volatile int queue_stopped;

static void *
stop_queue(void *arg)
{
	queue_stopped = rte_eth_dev_rx_queue_stop(virtio_port.id, 0);
	return arg;
}

/* The first reset of a restart. The longer it takes the surer the recovery waits for it. */
static void
wait_in_reset(void)
{
	unsigned int i;

	fake_virtio.on_reset = NULL;
	in_reset = true;
	for (i = 0; i < 60000 && !recovery_waits; i++)
		rte_delay_us_sleep(1000);
	rte_delay_us_sleep(20000);
}

static void
stop_queue_meanwhile(char letter)
{
	unsigned int i;

	if (letter != 'r')
		return;
	fake_virtio.resets = 0;
	fake_virtio.on_reset = wait_in_reset;
	if (pthread_create(&stopper, NULL, stop_queue, NULL) != 0)
		return;
	for (i = 0; i < 60000 && !in_reset; i++)
		rte_delay_us_sleep(1000);
	recovery_waits = true;
}

static int
stop_while_it_asks(void)
{
	in_reset = recovery_waits = false;
	queue_stopped = 1;
	virtio_recovery_state()->send_polls = 0;
	virtio_recovery.at_event = stop_queue_meanwhile;
	fake_virtio_ask_reset();
	for (; !recovery_waits; rte_delay_us_sleep(1000))
		TEST_ASSERT(virtio_recovery.nr_events < 2, "no recovery");
	virtio_recovery_wait(2);
	return pthread_join(stopper, NULL);
}

/* What a device asks for it has got when it was reset to stop a queue meanwhile. */
static int
test_reset_meanwhile(void)
{
	TEST_ASSERT_SUCCESS(virtio_recovery_start(), "start");
	TEST_ASSERT_SUCCESS(stop_while_it_asks(), "?");
	TEST_ASSERT_EVENTS("rS");
	TEST_ASSERT_SUCCESS(queue_stopped, "stop: %d", queue_stopped);
	TEST_ASSERT_EQUAL(fake_virtio.resets, 2, "%u resets", fake_virtio.resets);
	TEST_ASSERT_EQUAL(virtio_recovery_xstat("recoveries"), 0, "two restarts");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_queue_start(virtio_port.id, 0), "start");
	return virtio_recovery_traffic();
}

/* Nor is it tried again if it did not come back from that. */
static int
test_failed_meanwhile(void)
{
	TEST_ASSERT_SUCCESS(virtio_recovery_start(), "start");
	fake_virtio.refuses_features = true;
	TEST_ASSERT_SUCCESS(stop_while_it_asks(), "?");
	TEST_ASSERT_EVENTS("rFR");
	TEST_ASSERT(queue_stopped < 0, "stopped");
	TEST_ASSERT_EQUAL(virtio_recovery_xstat("recoveries_failed"), 1, "failed");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	fake_virtio.refuses_features = false;
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	return virtio_recovery_traffic();
}

/* Without interrupts it is noticed all the same. */
static int
test_no_vectors(void)
{
	TEST_ASSERT_SUCCESS(virtio_recovery_start(), "start");
	fake_virtio.status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	TEST_ASSERT_EVENTS("rS");
	return virtio_recovery_traffic();
}

/* A pool of one thread's cannot be given its buffers back by another one. */
static int
test_pool(void)
{
	TEST_ASSERT_SUCCESS(virtio_recovery_start(), "start");
	virtio_port.pool->flags |= RTE_MEMPOOL_F_SP_PUT;
	fake_virtio_ask_reset();
	TEST_ASSERT_EVENTS("FR");
	virtio_port.pool->flags &= ~RTE_MEMPOOL_F_SP_PUT;
	return TEST_SUCCESS;
}

/* Nor the frames of a transmit queue. */
static int
test_tx_pool(void)
{
	struct rte_mempool *pool = rte_pktmbuf_pool_create("one thread", 8, 0, 0,
			RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	TEST_ASSERT_NOT_NULL(m, "no pool");
	rte_pktmbuf_append(m, 60);
	pool->flags |= RTE_MEMPOOL_F_SP_PUT;
	TEST_ASSERT_SUCCESS(virtio_recovery_start(), "start");
	TEST_ASSERT_EQUAL(rte_eth_tx_burst(virtio_port.id, 0, &m, 1), 1, "send");
	TEST_ASSERT(mdev_virtio_restart_possible(virtio_port.dev,
		virtio_port.dev->data->tx_queues[0]), "the caller's");
	fake_virtio_ask_reset();
	TEST_ASSERT_EVENTS("FR");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_EQUAL(rte_mempool_in_use_count(pool), 0, "not freed");
	/* the pool is forgotten with its frames */
	rte_mempool_free(pool);
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	fake_virtio_ask_reset();
	TEST_ASSERT_EVENTS("FRrS");
	return virtio_recovery_traffic();
}

#define CASE(test) \
	TEST_CASE_ST(virtio_recovery_setup, virtio_recovery_teardown, test)

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: recovery",
	.unit_test_cases = {
		CASE(test_recovers),
		CASE(test_busy),
		CASE(test_command),
		CASE(test_left_alone),
		CASE(test_asks_again),
		CASE(test_stop_meanwhile),
		CASE(test_stop_in_callback),
		CASE(test_asks_in_start),
		CASE(test_scheduled_late),
		CASE(test_reset_meanwhile),
		CASE(test_failed_meanwhile),
		TEST_CASE_ST(setup_announce, virtio_recovery_teardown, test_announcement),
		TEST_CASE_ST(setup_no_vectors, virtio_recovery_teardown, test_no_vectors),
		CASE(test_pool),
		CASE(test_tx_pool),
		TEST_CASES_END()
	}
};

static int
test_mdev_virtio_recover(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_virtio_recover_autotest, test_mdev_virtio_recover);
