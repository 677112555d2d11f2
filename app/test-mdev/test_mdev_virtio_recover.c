/* SPDX-License-Identifier: BSD-3-Clause */

/* Devices that ask for a reset, and get it. */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include <linux/virtio_config.h>

#include <rte_cycles.h>
#include <rte_interrupts.h>
#include <rte_memzone.h>

#include <mdev_virtio_ethdev.h>
#include <virtio_rxtx.h>

#include "captured_log.h"
#include "fake_vfio.h"
#include "test.h"
#include "virtio_port.h"

#define RING 64
#define FOREVER 1000000 /* looks, or seconds: until the test fails in other ways */
#define FEATURES (RTE_BIT64(VIRTIO_NET_F_CTRL_RX) | RTE_BIT64(VIRTIO_NET_F_MQ) | \
	RTE_BIT64(VIRTIO_NET_F_CTRL_VLAN) | RTE_BIT64(VIRTIO_NET_F_CTRL_MAC_ADDR) | \
	RTE_BIT64(VIRTIO_NET_F_RSS))

/* In the order in which they came, by their letters. */
static char events[64];
static volatile unsigned int nr_events;
static const struct { enum rte_eth_event_type type; char letter; } letters[] = {
	{ RTE_ETH_EVENT_ERR_RECOVERING, 'r' },
	{ RTE_ETH_EVENT_RECOVERY_SUCCESS, 'S' },
	{ RTE_ETH_EVENT_RECOVERY_FAILED, 'F' },
	{ RTE_ETH_EVENT_INTR_RESET, 'R' },
};

/* What the application does in its callback of that event. */
static char stop_at;
static volatile int stop_ret;

/* The thread that has the queues. */
static pthread_t owner;
static volatile bool owner_ends;

static int
on_event(uint16_t port_id, enum rte_eth_event_type type, void *arg, void *ret)
{
	unsigned int i;

	(void)arg;
	(void)ret;
	for (i = 0; i < RTE_DIM(letters); i++) {
		if (letters[i].type != type)
			continue;
		if (letters[i].letter == stop_at)
			stop_ret = rte_eth_dev_stop(port_id);
		if (nr_events < sizeof(events) - 1)
			events[nr_events] = letters[i].letter;
		nr_events++;
	}
	return 0;
}

static int
attach(uint32_t vectors)
{
	unsigned int i;

	memset(events, 0, sizeof(events));
	nr_events = 0;
	stop_at = 0;
	stop_ret = -1;
	if (virtio_port_prepare(FAKE_VIRTIO_TRAPPED) < 0)
		return TEST_FAILED;
	fake_virtio_offer_ctrl(FEATURES, 2);
	fake_virtio.config.rss_max_key_size = 40;
	fake_virtio.config.rss_max_indirection_table_length =
		rte_cpu_to_le_16(128);
	fake_virtio.config.supported_hash_types =
		rte_cpu_to_le_32(VIRTIO_NET_RSS_HASH_TYPE_IPv4);
	fake_vfio.irqs[VFIO_PCI_MSIX_IRQ_INDEX].count = vectors;
	if (virtio_port_attach("") != 0)
		return TEST_FAILED;
	for (i = 0; i < RTE_DIM(letters); i++)
		rte_eth_dev_callback_register(virtio_port.id, letters[i].type,
			on_event, NULL);
	mdev_virtio_hw(virtio_port.dev)->recovery.window_s = FOREVER;
	return TEST_SUCCESS;
}

static int
setup(void)
{
	return attach(4);
}

static int
setup_no_vectors(void)
{
	return attach(0);
}

static void
teardown(void)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(letters); i++)
		rte_eth_dev_callback_unregister(virtio_port.id, letters[i].type,
			on_event, NULL);
	virtio_port_stop();
}

static struct mdev_virtio_recovery *
recovery(void)
{
	return &mdev_virtio_hw(virtio_port.dev)->recovery;
}

static int
start_with(uint16_t nb_rx, uint16_t nb_tx, bool rx_interrupts)
{
	struct rte_eth_conf conf = {
		.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS,
		.rx_adv_conf.rss_conf.rss_hf = RTE_ETH_RSS_IPV4,
		.intr_conf.rxq = rx_interrupts,
	};

	conf.rxmode.offloads = RTE_ETH_RX_OFFLOAD_VLAN_FILTER;
	return virtio_port_start_queues(nb_rx, nb_tx, RING, &conf);
}

/* Nobody has the queues: nothing will be heard of them, so it is not waited for. */
static int
start(void)
{
	recovery()->pause_polls = 0;
	return start_with(1, 1, false);
}

static void *
own(void *arg)
{
	struct rte_mbuf *m[8];
	uint16_t n;

	(void)arg;
	while (!owner_ends) {
		n = rte_eth_rx_burst(virtio_port.id, 0, m, RTE_DIM(m));
		rte_pktmbuf_free_bulk(m, n);
		rte_eth_tx_burst(virtio_port.id, 0, NULL, 0);
	}
	return NULL;
}

static int
owner_start(void)
{
	recovery()->pause_polls = FOREVER;
	owner_ends = false;
	return pthread_create(&owner, NULL, own, NULL);
}

static void
owner_end(void)
{
	owner_ends = true;
	pthread_join(owner, NULL);
}

/* The interrupt thread takes its time, but not a minute. */
static const char *
wait_events(unsigned int wanted)
{
	unsigned int i;

	for (i = 0; i < 60000 && nr_events < wanted; i++)
		rte_delay_us_sleep(1000);
	return events;
}

/* Traffic in both directions, with queues that are the device's again. */
static int
check_traffic(void)
{
	struct rte_mbuf *m = virtio_port_frame(60, 5), *got = NULL;
	uint16_t id = virtio_port.id;
	uint8_t data[60];

	memset(data, 6, sizeof(data));
	TEST_ASSERT(fake_virtio.status & VIRTIO_CONFIG_S_DRIVER_OK, "status 0x%x",
		fake_virtio.status);
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(id, 0, &got, 1), 0, "it is empty");
	TEST_ASSERT_EQUAL(fake_virtio_receive(data, 60), 1, "no buffers");
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(id, 0, &got, 1), 1, "receive");
	TEST_ASSERT_EQUAL(*rte_pktmbuf_mtod_offset(got, uint8_t *, 59), 6, "content");
	rte_pktmbuf_free(got);
	TEST_ASSERT_EQUAL(rte_eth_tx_burst(id, 0, &m, 1), 1, "send");
	TEST_ASSERT_EQUAL(fake_virtio_sent(data, 60), 60, "sent");
	TEST_ASSERT_EQUAL(data[59], 5, "content");
	return TEST_SUCCESS;
}

static uint64_t
xstat(const char *name)
{
	uint64_t id = 0, value = 0;

	if (rte_eth_xstats_get_id_by_name(virtio_port.id, name, &id) != 0 ||
			rte_eth_xstats_get_by_id(virtio_port.id, &id, &value, 1) != 1)
		return UINT64_MAX;
	return value;
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
	TEST_ASSERT_SUCCESS(start(), "start");
	rx = virtio_port.dev->data->rx_queues[0];
	tx = virtio_port.dev->data->tx_queues[0];
	TEST_ASSERT_SUCCESS(owner_start(), "thread");
	fake_virtio_ask_reset();
	wait_events(2);
	owner_end();
	TEST_ASSERT_SUCCESS(strcmp(events, "rS"), "%s", events);
	TEST_ASSERT(virtio_port.dev->data->rx_queues[0] == rx, "replaced");
	TEST_ASSERT(virtio_port.dev->data->tx_queues[0] == tx, "replaced");
	TEST_ASSERT_EQUAL(recovery()->nr_replaced, 0, "replaced");
	rte_eth_link_get_nowait(virtio_port.id, &link);
	TEST_ASSERT_EQUAL(link.link_status, RTE_ETH_LINK_UP, "down");
	TEST_ASSERT_SUCCESS(check_traffic(), "?");
	TEST_ASSERT_EQUAL(xstat("recoveries"), 1, "recoveries");
	TEST_ASSERT_EQUAL(xstat("recoveries_failed"), 0, "failed");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "%u mbufs", virtio_port_mbufs());
	return TEST_SUCCESS;
}

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

	TEST_ASSERT_SUCCESS(start(), "start");
	before = zones();
	TEST_ASSERT_SUCCESS(check_traffic(), "?");
	rx = virtio_port.dev->data->rx_queues[0];
	tx = virtio_port.dev->data->tx_queues[0];
	fake_virtio_ask_reset();
	TEST_ASSERT_SUCCESS(strcmp(wait_events(2), "rS"), "%s", events);
	TEST_ASSERT_EQUAL(recovery()->nr_replaced, 2, "%u replaced",
		recovery()->nr_replaced);
	TEST_ASSERT(virtio_port.dev->data->rx_queues[0] != rx, "not replaced");
	/* it goes on, and hurts nobody */
	TEST_ASSERT_EQUAL(virtio_rx_burst(0)->burst(rx, &got, 1), 0, "received");
	TEST_ASSERT_EQUAL(virtio_tx_burst(0)->burst(tx, &m, 1), 1, "sent");
	TEST_ASSERT_SUCCESS(check_traffic(), "?");
	rte_eth_stats_get(id, &stats);
	TEST_ASSERT_EQUAL(stats.ipackets, 2, "%" PRIu64, stats.ipackets);
	TEST_ASSERT_EQUAL(stats.opackets, 2, "%" PRIu64, stats.opackets);
	/* then it is heard of */
	TEST_ASSERT_SUCCESS(owner_start(), "thread");
	fake_virtio_ask_reset();
	wait_events(4);
	owner_end();
	TEST_ASSERT_SUCCESS(strcmp(events, "rSrS"), "%s", events);
	TEST_ASSERT_EQUAL(recovery()->nr_replaced, 0, "%u kept",
		recovery()->nr_replaced);
	TEST_ASSERT_EQUAL(zones(), before, "%u zones, then %u", before, zones());
	/* or the port is stopped */
	recovery()->pause_polls = 0;
	fake_virtio_ask_reset();
	TEST_ASSERT_SUCCESS(strcmp(wait_events(6), "rSrSrS"), "%s", events);
	TEST_ASSERT_EQUAL(recovery()->nr_replaced, 2, "not replaced");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(id), "stop");
	TEST_ASSERT_EQUAL(zones(), before, "%u zones, then %u", before, zones());
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "%u mbufs", virtio_port_mbufs());
	return TEST_SUCCESS;
}

/* All that was asked for is asked for again. */
static int
test_configuration(void)
{
	const struct fake_virtio_filter *filter = &fake_virtio.filter;
	struct rte_eth_rss_reta_entry64 reta[2] = { { .mask = 1 } };
	struct rte_ether_addr mac = { { 2, 0, 0, 0, 1, 1 } };
	struct rte_ether_addr multi = { { 3, 0, 0, 0, 1, 1 } };
	uint16_t id = virtio_port.id;
	struct fake_virtio_filter before;

	recovery()->pause_polls = 0;
	TEST_ASSERT_SUCCESS(start_with(2, 2, false), "start");
	reta[0].reta[0] = 1;
	TEST_ASSERT_SUCCESS(rte_eth_promiscuous_enable(id), "promiscuous");
	TEST_ASSERT_SUCCESS(rte_eth_allmulticast_enable(id), "all-multicast");
	TEST_ASSERT_SUCCESS(rte_eth_dev_mac_addr_add(id, &mac, 0), "MAC");
	TEST_ASSERT_SUCCESS(rte_eth_dev_set_mc_addr_list(id, &multi, 1), "list");
	TEST_ASSERT_SUCCESS(rte_eth_dev_vlan_filter(id, 77, 1), "VLAN");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rss_reta_update(id, reta, 128), "table");
	before = *filter;
	TEST_ASSERT(before.promisc && before.allmulti && before.rss.reta[0] == 1 &&
		before.nr_unicast == 1 && before.nr_multicast == 1, "nothing set");
	fake_virtio_ask_reset();
	TEST_ASSERT_SUCCESS(strcmp(wait_events(2), "rS"), "%s", events);
	TEST_ASSERT_SUCCESS(memcmp(&before, filter, sizeof(before)), "not the same");
	TEST_ASSERT_EQUAL(fake_virtio.counts.bad, 0, "bad commands");
	return TEST_SUCCESS;
}

static int busy[8];
static uint16_t busy_link;

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
	busy[0] = rte_eth_promiscuous_enable(id);
	busy[1] = rte_eth_dev_mac_addr_add(id, &mac, 0);
	busy[2] = rte_eth_dev_vlan_filter(id, 5, 1);
	busy[3] = rte_eth_dev_rss_hash_update(id, &rss);
	busy[4] = rte_eth_dev_rss_reta_update(id, reta, 128);
	busy[5] = rte_eth_dev_set_link_down(id);
	busy[6] = rte_eth_dev_set_mtu(id, 1000);
	busy[7] = rte_eth_rx_burst(id, 0, &m, 1) + rte_eth_tx_burst(id, 0, &m, 1) ?
		0 : -EBUSY;
	rte_eth_link_get_nowait(id, &link);
	busy_link = link.link_status;
}

/* Meanwhile nothing can be asked for, and nothing of it is left. */
static int
test_busy(void)
{
	struct fake_virtio_filter before;
	unsigned int i;

	TEST_ASSERT_SUCCESS(start(), "start");
	before = fake_virtio.filter;
	memset(busy, 0, sizeof(busy));
	busy_link = RTE_ETH_LINK_UP;
	fake_virtio.on_reset = control_meanwhile;
	fake_virtio_ask_reset();
	TEST_ASSERT_SUCCESS(strcmp(wait_events(2), "rS"), "%s", events);
	for (i = 0; i < RTE_DIM(busy); i++)
		TEST_ASSERT_EQUAL(busy[i], -EBUSY, "%u: %d", i, busy[i]);
	TEST_ASSERT_EQUAL(busy_link, RTE_ETH_LINK_DOWN, "up meanwhile");
	TEST_ASSERT_SUCCESS(memcmp(&before, &fake_virtio.filter, sizeof(before)),
		"not the same");
	TEST_ASSERT_SUCCESS(check_traffic(), "?");
	TEST_ASSERT_SUCCESS(rte_eth_promiscuous_enable(virtio_port.id), "after it");
	return TEST_SUCCESS;
}

/* One that asks again and again is left alone, until the application sees to it. */
static int
test_left_alone(void)
{
	TEST_ASSERT_SUCCESS(start(), "start");
	recovery()->max = 2;
	fake_virtio_ask_reset();
	TEST_ASSERT_SUCCESS(strcmp(wait_events(2), "rS"), "%s", events);
	fake_virtio_ask_reset();
	TEST_ASSERT_SUCCESS(strcmp(wait_events(4), "rSrS"), "%s", events);
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	fake_virtio_ask_reset();
	wait_events(6);
	captured_log_stop();
	TEST_ASSERT_SUCCESS(strcmp(events, "rSrSFR"), "%s", events);
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 1, "lines");
	TEST_ASSERT_EQUAL(captured_log_lines("more than 2 times"), 1, "line");
	TEST_ASSERT_EQUAL(xstat("recoveries"), 2, "recoveries");
	TEST_ASSERT_EQUAL(xstat("recoveries_failed"), 1, "failed");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	TEST_ASSERT_SUCCESS(check_traffic(), "?");
	/* and when time has passed it may ask again */
	recovery()->window_s = 0;
	recovery()->max = 1;
	fake_virtio_ask_reset();
	TEST_ASSERT_SUCCESS(strcmp(wait_events(8), "rSrSFRrS"), "%s", events);
	fake_virtio_ask_reset();
	TEST_ASSERT_SUCCESS(strcmp(wait_events(10), "rSrSFRrSrS"), "%s", events);
	return TEST_SUCCESS;
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
	TEST_ASSERT_SUCCESS(start(), "start");
	fake_virtio.resets = 0;
	fake_virtio.on_reset = ask_in_second;
	fake_virtio_ask_reset();
	TEST_ASSERT_SUCCESS(strcmp(wait_events(2), "rS"), "%s", events);
	TEST_ASSERT_EQUAL(recovery()->nr_begun, 2, "%u attempts",
		recovery()->nr_begun);
	TEST_ASSERT_SUCCESS(check_traffic(), "?");
	/* but not for ever */
	fake_virtio.on_reset = NULL;
	fake_virtio.answer = FAKE_ANSWER_NEEDS_RESET;
	fake_virtio_ask_reset();
	TEST_ASSERT_SUCCESS(strcmp(wait_events(5), "rSrFR"), "%s", events);
	TEST_ASSERT_EQUAL(recovery()->nr_begun, MDEV_VIRTIO_RECOVERIES, "%u",
		recovery()->nr_begun);
	return TEST_SUCCESS;
}

/* What cannot be brought up again is left to the application, at rest. */
static int
test_fails(void)
{
	struct rte_mbuf *m = NULL;

	TEST_ASSERT_SUCCESS(start(), "start");
	fake_virtio.refuses_features = true;
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	fake_virtio_ask_reset();
	wait_events(3);
	captured_log_stop();
	TEST_ASSERT_SUCCESS(strcmp(events, "rFR"), "%s", events);
	TEST_ASSERT_EQUAL(captured_log_lines("refuses features"), 1, "cause");
	TEST_ASSERT_EQUAL(captured_log_lines("did not recover"), 1, "state");
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 3, "lines");
	TEST_ASSERT_EQUAL(rte_eth_promiscuous_enable(virtio_port.id), -EIO,
		"control");
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(virtio_port.id, 0, &m, 1), 0, "receive");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	fake_virtio.refuses_features = false;
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	TEST_ASSERT_SUCCESS(check_traffic(), "?");
	return TEST_SUCCESS;
}

/* Each access of a recovery fails once: it fails or goes well, and nothing is lost. */
static int
test_steps_fail(void)
{
	static const enum fake_vfio_op ops[] = {
		FAKE_OP_REGION_READ, FAKE_OP_REGION_WRITE, FAKE_OP_SET_IRQS,
	};
	unsigned int i, step, failed = 0;
	bool reached;

	TEST_ASSERT_SUCCESS(start(), "start");
	recovery()->window_s = 0;
	for (i = 0; i < RTE_DIM(ops); i++) {
		reached = true;
		for (step = 0; reached && step < 1000; step++) {
			nr_events = 0;
			memset(events, 0, sizeof(events));
			fake_virtio.status |= VIRTIO_CONFIG_S_NEEDS_RESET;
			mdev_virtio_needs_reset(virtio_port.dev);
			fake_vfio.fail = ops[i];
			fake_vfio.fail_after = step;
			wait_events(2);
			reached = fake_vfio.fail == FAKE_OP_NONE;
			fake_vfio.fail = FAKE_OP_NONE;
			failed += events[1] == 'F';
			rte_eth_dev_stop(virtio_port.id);
			TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0,
				"operation %u, step %u: %u mbufs", i, step,
				virtio_port_mbufs());
			TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id),
				"operation %u, step %u: start", i, step);
		}
		TEST_ASSERT(!reached && step > 1, "operation %u: step %u", i, step);
	}
	TEST_ASSERT(failed > 10, "%u failed", failed);
	return check_traffic();
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

	TEST_ASSERT_SUCCESS(start(), "start");
	cvq->max_polls = cvq->start_polls = UINT32_MAX / 2;
	fake_virtio.on_reset = never_answer;
	fake_virtio_ask_reset();
	for (i = 0; i < 60000 && !fake_virtio.has_kept; i++)
		rte_delay_us_sleep(1000);
	TEST_ASSERT(fake_virtio.has_kept, "no command");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_SUCCESS(strcmp(events, "r"), "%s", events);
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "%u mbufs", virtio_port_mbufs());
	fake_virtio.on_reset = NULL;
	fake_virtio.answer = FAKE_ANSWER;
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	TEST_ASSERT_SUCCESS(check_traffic(), "?");
	return TEST_SUCCESS;
}

static int
test_stop_in_callback(void)
{
	TEST_ASSERT_SUCCESS(start(), "start");
	stop_at = 'r';
	fake_virtio_ask_reset();
	TEST_ASSERT_SUCCESS(strcmp(wait_events(1), "r"), "%s", events);
	TEST_ASSERT_SUCCESS(stop_ret, "stop: %d", stop_ret);
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	stop_at = 'S';
	stop_ret = -1;
	fake_virtio_ask_reset();
	TEST_ASSERT_SUCCESS(strcmp(wait_events(3), "rrS"), "%s", events);
	TEST_ASSERT_SUCCESS(stop_ret, "stop: %d", stop_ret);
	stop_at = 0;
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	return check_traffic();
}

/* What was received and not fetched, and what the device may not have sent. */
static int
test_lost(void)
{
	struct rte_mbuf *m[4];
	uint16_t id = virtio_port.id, i;
	uint8_t data[60] = { 0 };

	TEST_ASSERT_SUCCESS(start(), "start");
	for (i = 0; i < RTE_DIM(m); i++)
		m[i] = virtio_port_frame(60, i);
	TEST_ASSERT_EQUAL(rte_eth_tx_burst(id, 0, m, 4), 4, "send");
	TEST_ASSERT_EQUAL(fake_virtio_sent(data, 60), 60, "sent");
	TEST_ASSERT_EQUAL(fake_virtio_receive(data, 60), 1, "receive");
	TEST_ASSERT_EQUAL(fake_virtio_receive(data, 60), 1, "receive");
	fake_virtio_ask_reset();
	TEST_ASSERT_SUCCESS(strcmp(wait_events(2), "rS"), "%s", events);
	TEST_ASSERT_EQUAL(xstat("recovery_rx_lost"), 2, "received");
	TEST_ASSERT_EQUAL(xstat("recovery_tx_lost"), 3, "sent");
	rte_eth_xstats_reset(id);
	TEST_ASSERT_EQUAL(xstat("recovery_tx_lost") + xstat("recoveries"), 0,
		"not reset");
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

	recovery()->pause_polls = 0;
	TEST_ASSERT_SUCCESS(start_with(2, 2, true), "start");
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(id, 0, &m, 1), 0, "receive");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_intr_enable(id, 0), "enable");
	TEST_ASSERT(!event_waits(0), "an event");
	fake_virtio_ask_reset();
	TEST_ASSERT_SUCCESS(strcmp(wait_events(2), "rS"), "%s", events);
	TEST_ASSERT(event_waits(0) && event_waits(1), "nobody was woken");
	TEST_ASSERT_EQUAL(fake_virtio_interrupt(0), 1, "queue 0's is disabled");
	TEST_ASSERT_EQUAL(fake_virtio_interrupt(2), 0, "queue 1's is enabled");
	return TEST_SUCCESS;
}

/* Without interrupts it is noticed all the same. */
static int
test_no_vectors(void)
{
	TEST_ASSERT_SUCCESS(start(), "start");
	fake_virtio.status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	TEST_ASSERT_SUCCESS(strcmp(wait_events(2), "rS"), "%s", events);
	return check_traffic();
}

/* A pool of one thread's cannot be given its buffers back by another one. */
static int
test_pool(void)
{
	TEST_ASSERT_SUCCESS(start(), "start");
	virtio_port.pool->flags |= RTE_MEMPOOL_F_SP_PUT;
	fake_virtio_ask_reset();
	TEST_ASSERT_SUCCESS(strcmp(wait_events(2), "FR"), "%s", events);
	virtio_port.pool->flags &= ~RTE_MEMPOOL_F_SP_PUT;
	return TEST_SUCCESS;
}

/* A doorbell that moves meanwhile is not followed: a burst may be ringing it. */
static int
test_doorbell_moves(void)
{
	TEST_ASSERT_SUCCESS(start(), "start");
	fake_virtio.queue[1].notify_off = 7;
	fake_virtio_ask_reset();
	TEST_ASSERT_SUCCESS(strcmp(wait_events(3), "rFR"), "%s", events);
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	return check_traffic();
}

/* A link that was set down stays so. */
static int
test_link_down(void)
{
	struct rte_eth_link link;

	TEST_ASSERT_SUCCESS(start(), "start");
	TEST_ASSERT_SUCCESS(rte_eth_dev_set_link_down(virtio_port.id), "down");
	fake_virtio_ask_reset();
	TEST_ASSERT_SUCCESS(strcmp(wait_events(2), "rS"), "%s", events);
	rte_eth_link_get_nowait(virtio_port.id, &link);
	TEST_ASSERT_EQUAL(link.link_status, RTE_ETH_LINK_DOWN, "up");
	TEST_ASSERT_SUCCESS(rte_eth_dev_set_link_up(virtio_port.id), "up");
	return check_traffic();
}

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: recovery",
	.unit_test_cases = {
		TEST_CASE_ST(setup, teardown, test_recovers),
		TEST_CASE_ST(setup, teardown, test_stuck_owner),
		TEST_CASE_ST(setup, teardown, test_configuration),
		TEST_CASE_ST(setup, teardown, test_busy),
		TEST_CASE_ST(setup, teardown, test_left_alone),
		TEST_CASE_ST(setup, teardown, test_asks_again),
		TEST_CASE_ST(setup, teardown, test_fails),
		TEST_CASE_ST(setup, teardown, test_steps_fail),
		TEST_CASE_ST(setup, teardown, test_stop_meanwhile),
		TEST_CASE_ST(setup, teardown, test_stop_in_callback),
		TEST_CASE_ST(setup, teardown, test_lost),
		TEST_CASE_ST(setup, teardown, test_rx_interrupts),
		TEST_CASE_ST(setup_no_vectors, teardown, test_no_vectors),
		TEST_CASE_ST(setup, teardown, test_pool),
		TEST_CASE_ST(setup, teardown, test_doorbell_moves),
		TEST_CASE_ST(setup, teardown, test_link_down),
		TEST_CASES_END()
	}
};

static int
test_mdev_virtio_recover(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_virtio_recover_autotest, test_mdev_virtio_recover);
