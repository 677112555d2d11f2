/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <linux/virtio_config.h>

#include <rte_cycles.h>

#include <mdev_virtio_ethdev.h>

#include "fake_vfio.h"
#include "test.h"
#include "virtio_calls.h"
#include "virtio_layout.h"
#include "virtio_port.h"

#define PAIRS FAKE_VIRTIO_PAIRS
#define RING 64

static const unsigned int features[] = {
	VIRTIO_NET_F_CTRL_RX, VIRTIO_NET_F_CTRL_VLAN, VIRTIO_NET_F_CTRL_MAC_ADDR,
	VIRTIO_NET_F_GUEST_ANNOUNCE, VIRTIO_NET_F_RSS, VIRTIO_NET_F_HASH_REPORT,
	VIRTIO_NET_F_CSUM, VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_HOST_TSO4,
	VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO6,
	VIRTIO_F_RING_PACKED, VIRTIO_F_IN_ORDER, VIRTIO_RING_F_EVENT_IDX,
	FAKE_VIRTIO_F_RING_RESET, FAKE_VIRTIO_F_NOTIFICATION_DATA,
};

static struct rte_eth_dev_data *data;
static struct mdev_virtio_hw *hw;
static uint32_t seq;      /* of the next frame */
static bool link_up;      /* as the application set it */
static const char *name;  /* of the last call */

static bool
chance(uint32_t of)
{
	return layout_random(of) == 0;
}

static bool
offers(unsigned int feature)
{
	return (fake_virtio.offered & UINT64_C(1) << feature) != 0;
}

static bool
accepted(unsigned int feature)
{
	return (fake_virtio.accepted & UINT64_C(1) << feature) != 0;
}

static uint64_t
subset(uint64_t of)
{
	return of & ((uint64_t)layout_random(UINT32_MAX) << 32 |
		layout_random(UINT32_MAX));
}

static bool
queue_runs(const uint8_t *states, uint16_t queue)
{
	return states[queue] == RTE_ETH_QUEUE_STATE_STARTED;
}

int
virtio_calls_attach(void)
{
	uint64_t offered = RTE_BIT64(VIRTIO_NET_F_MQ);
	char args[96];
	unsigned int i;

	if (virtio_port_prepare(FAKE_VIRTIO_TRAPPED) < 0)
		return TEST_FAILED;
	for (i = 0; i < RTE_DIM(features); i++)
		offered |= (uint64_t)layout_random(2) << features[i];
	fake_virtio_offer_ctrl(offered, PAIRS);
	fake_virtio.config.rss_max_key_size = 40 + layout_random(20);
	fake_virtio.config.rss_max_indirection_table_length =
		rte_cpu_to_le_16(128 << layout_random(3));
	fake_virtio.config.supported_hash_types = rte_cpu_to_le_32(0x3f);
	fake_vfio.irqs[VFIO_PCI_MSIX_IRQ_INDEX].count = layout_random(PAIRS + 2);
	snprintf(args, sizeof(args),
		"vectorized=%u,mrg_rxbuf=%u,packed_vq=%u,in_order=%u,ptype=%u",
		layout_random(2), layout_random(2), layout_random(2),
		layout_random(2), layout_random(2));
	TEST_ASSERT_SUCCESS(virtio_port_attach(args), "attach with %s", args);
	data = virtio_port.dev->data;
	hw = mdev_virtio_hw(virtio_port.dev);
	/* one thread does all: nothing is heard of a queue meanwhile */
	hw->recovery.pause_polls = 0;
	hw->recovery.send_polls = 1;
	hw->cvq.max_polls = 5;
	hw->cvq.backend_polls = 5;
	link_up = true;
	return TEST_SUCCESS;
}

static int
setup_rx(uint16_t queue, const struct rte_eth_dev_info *info)
{
	struct rte_eth_rxconf conf = info->default_rxconf;

	conf.rx_deferred_start = chance(4);
	conf.rx_free_thresh = layout_random(RING);
	return rte_eth_rx_queue_setup(virtio_port.id, queue, 8 << layout_random(4),
			SOCKET_ID_ANY, &conf, virtio_port.pool);
}

static int
setup_tx(uint16_t queue, const struct rte_eth_dev_info *info)
{
	struct rte_eth_txconf conf = info->default_txconf;

	conf.tx_deferred_start = chance(4);
	conf.tx_free_thresh = layout_random(RING);
	return rte_eth_tx_queue_setup(virtio_port.id, queue, 8 << layout_random(4),
			SOCKET_ID_ANY, &conf);
}

int
virtio_calls_configure(void)
{
	struct rte_eth_conf conf = { .rxmode.mtu = RTE_ETHER_MTU };
	uint16_t nb_rx = layout_random(PAIRS + 1), nb_tx = layout_random(PAIRS + 1), i;
	struct rte_eth_dev_info info;
	int ret;

	name = "configure";
	ret = rte_eth_dev_info_get(virtio_port.id, &info);
	if (nb_rx + nb_tx == 0)
		nb_rx = 1;
	conf.rxmode.offloads = subset(info.rx_offload_capa);
	conf.txmode.offloads = subset(info.tx_offload_capa);
	conf.intr_conf.rxq = chance(2) && hw->vectors > 0;
	conf.intr_conf.lsc = chance(2) && (*info.dev_flags & RTE_ETH_DEV_INTR_LSC) != 0;
	if (chance(2) || (conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_RSS_HASH) != 0) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = subset(info.flow_type_rss_offloads);
	}
	if (ret == 0)
		ret = rte_eth_dev_configure(virtio_port.id, nb_rx, nb_tx, &conf);
	for (i = 0; ret == 0 && i < nb_rx; i++)
		ret = setup_rx(i, &info);
	for (i = 0; ret == 0 && i < nb_tx; i++)
		ret = setup_tx(i, &info);
	return ret;
}

/* One queue anew. */
static int
setup_one(void)
{
	struct rte_eth_dev_info info;
	int ret = rte_eth_dev_info_get(virtio_port.id, &info);

	if (ret == 0 && data->nb_rx_queues > 0)
		ret = setup_rx(layout_random(data->nb_rx_queues), &info);
	if (ret == 0 && data->nb_tx_queues > 0)
		ret = setup_tx(layout_random(data->nb_tx_queues), &info);
	return ret;
}

static int
check_macs(void)
{
	const struct fake_virtio_filter *filter = &fake_virtio.filter;
	uint32_t expected = hw->nr_mc_addrs, got, i;

	if (accepted(VIRTIO_NET_F_CTRL_MAC_ADDR))
		TEST_ASSERT_SUCCESS(memcmp(fake_virtio.config.mac, data->mac_addrs,
			RTE_ETHER_ADDR_LEN), "MAC address");
	if (!accepted(VIRTIO_NET_F_CTRL_RX))
		return TEST_SUCCESS;
	for (i = 1; i < MDEV_VIRTIO_MAC_ADDRS; i++)
		expected += !rte_is_zero_ether_addr(&data->mac_addrs[i]);
	got = filter->nr_unicast + filter->nr_multicast;
	TEST_ASSERT_EQUAL(got, expected, "%u addresses, not %u", got, expected);
	TEST_ASSERT_EQUAL(filter->promisc, data->promiscuous, "promiscuous");
	TEST_ASSERT_EQUAL(filter->allmulti, data->all_multicast, "all-multicast");
	return TEST_SUCCESS;
}

static int
check_rss(void)
{
	const struct fake_virtio_rss *got = &fake_virtio.filter.rss;
	struct rte_eth_rss_reta_entry64 reta[8];
	uint8_t key[UINT8_MAX];
	struct rte_eth_rss_conf conf = { .rss_key = key, .rss_key_len = sizeof(key) };
	uint16_t i;

	if (!accepted(VIRTIO_NET_F_RSS))
		return TEST_SUCCESS;
	memset(reta, 0xff, sizeof(reta));
	TEST_ASSERT_SUCCESS(rte_eth_dev_rss_hash_conf_get(virtio_port.id, &conf), "key");
	TEST_ASSERT(conf.rss_key_len == got->key_len &&
		memcmp(key, got->key, got->key_len) == 0, "key of %u", got->key_len);
	TEST_ASSERT_EQUAL(got->reta_size, hw->rss.reta_size, "%u", got->reta_size);
	TEST_ASSERT_SUCCESS(rte_eth_dev_rss_reta_query(virtio_port.id, reta,
		hw->rss.reta_size), "table");
	for (i = 0; i < hw->rss.reta_size; i++)
		TEST_ASSERT_EQUAL(reta[i / 64].reta[i % 64], got->reta[i], "entry %u", i);
	return TEST_SUCCESS;
}

int
virtio_calls_check(void)
{
	uint16_t pairs = RTE_MAX(data->nb_rx_queues, data->nb_tx_queues);
	const struct fake_virtio_filter *filter = &fake_virtio.filter;

	TEST_ASSERT_EQUAL(fake_virtio.counts.bad, 0, "%u commands that cannot be",
		fake_virtio.counts.bad);
	if (data->dev_started == 0)
		return TEST_SUCCESS;
	TEST_ASSERT_EQUAL(fake_virtio.status, VIRTIO_CONFIG_S_ACKNOWLEDGE |
		VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK |
		VIRTIO_CONFIG_S_DRIVER_OK, "status 0x%x", fake_virtio.status);
	if (accepted(VIRTIO_NET_F_CTRL_VLAN))
		TEST_ASSERT_SUCCESS(memcmp(filter->vlans, data->vlan_filter_conf.ids,
			sizeof(filter->vlans)), "VLANs");
	if (accepted(VIRTIO_NET_F_RSS))
		TEST_ASSERT_EQUAL(filter->rss.max_tx, pairs, "%u", filter->rss.max_tx);
	else
		TEST_ASSERT(filter->pairs == pairs || (pairs == 1 &&
			filter->pairs == 0), "%u pairs", filter->pairs);
	return check_macs() == TEST_SUCCESS && check_rss() == TEST_SUCCESS ?
		TEST_SUCCESS : TEST_FAILED;
}

static uint32_t
frame_len(uint32_t number)
{
	return 70 + number % 1400;
}

static bool
is_frame(const uint8_t *frame, uint32_t len, uint32_t number)
{
	return len == frame_len(number) && frame[0] == (uint8_t)number &&
		memcmp(frame, frame + 1, len - 1) == 0;
}

/* Rings that are polled with a queue take their turns. */
static uint16_t
receive_one(uint16_t queue, struct rte_mbuf **m)
{
	uint16_t n = 0, i;

	for (i = 0; n == 0 && i < 2 * PAIRS; i++)
		n = rte_eth_rx_burst(virtio_port.id, queue, m, 1);
	return n;
}

static int
expect_frames(uint16_t queue, uint32_t first, uint16_t count)
{
	struct rte_mbuf *m, *all[RING];
	static uint8_t copy[2048];
	uint16_t i;

	/* all are dropped, of each ring that is polled with the queue */
	for (i = 0; !link_up && i < 2 * PAIRS; i++)
		TEST_ASSERT_EQUAL(rte_eth_rx_burst(virtio_port.id, queue, all,
			RTE_DIM(all)), 0, "the link is down");
	for (; count > 0; count--, first++) {
		TEST_ASSERT_EQUAL(receive_one(queue, &m), 1, "frame %u", first);
		TEST_ASSERT(is_frame(rte_pktmbuf_read(m, 0, m->pkt_len, copy),
			m->pkt_len, first), "content of %u", first);
		rte_pktmbuf_free(m);
	}
	TEST_ASSERT_EQUAL(receive_one(queue, &m), 0, "one more");
	return TEST_SUCCESS;
}

static int
receive(void)
{
	uint16_t pair = layout_random(RTE_MAX(data->nb_rx_queues, data->nb_tx_queues));
	uint16_t count = 1 + layout_random(RING), size, queue, i, n = 1;
	static uint8_t frame[2048];
	uint32_t first = seq;
	struct rte_mbuf *m;

	if (data->nb_rx_queues == 0)
		return TEST_SUCCESS;
	queue = pair % data->nb_rx_queues;
	TEST_ASSERT_EQUAL(receive_one(queue, &m), 0, "it is empty");
	size = fake_virtio.queue[2 * pair].size;
	for (i = 0; i < count; i++) {
		memset(frame, seq, frame_len(seq));
		n = fake_virtio_receive_on(pair, frame, frame_len(seq));
		if (n == 0)
			break;
		seq++;
	}
	if (!queue_runs(data->rx_queue_state, queue))
		TEST_ASSERT_EQUAL(i, 0, "a stopped queue has buffers");
	else
		TEST_ASSERT(n == 1 || i >= size / 2, "%u of %u in %u", i, count, size);
	return expect_frames(queue, first, link_up ? i : 0);
}

/* The device's frame; -1 if there is none. What it asked to be announced goes first. */
static int
sent_frame(uint16_t queue, uint8_t *frame, uint32_t room)
{
	static const uint8_t rarp[] = { 0x80, 0x35 };
	int len;

	do {
		len = fake_virtio_sent_on(queue, frame, room);
	} while (len == RTE_ETHER_MIN_LEN && memcmp(frame + 12, rarp, sizeof(rarp)) == 0);
	return len;
}

static int
transmit(void)
{
	uint16_t count = 1 + layout_random(RING / 2), queue, sent, size, i;
	struct rte_mbuf *m[RING / 2];
	static uint8_t frame[2048];
	int len;

	if (data->nb_tx_queues == 0)
		return TEST_SUCCESS;
	queue = layout_random(data->nb_tx_queues);
	size = fake_virtio.queue[2 * queue + FAKE_VIRTIO_TX].size;
	for (i = 0; i < count; i++) {
		m[i] = virtio_port_frame(frame_len(seq + i), seq + i);
		TEST_ASSERT_NOT_NULL(m[i], "no mbuf");
	}
	/* what earlier bursts announced, and nobody took */
	TEST_ASSERT(sent_frame(queue, frame, sizeof(frame)) < 0, "a frame that nobody sent");
	sent = rte_eth_tx_burst(virtio_port.id, queue, m, count);
	rte_pktmbuf_free_bulk(m + sent, count - sent);
	if (!link_up || !queue_runs(data->tx_queue_state, queue))
		TEST_ASSERT_EQUAL(sent, 0, "%u sent", sent);
	else /* an announcement may go first */
		TEST_ASSERT(sent == count || sent >= size - 1, "%u of %u", sent, count);
	for (i = 0; i < sent; i++, seq++) {
		len = sent_frame(queue, frame, sizeof(frame));
		TEST_ASSERT(len > 0 && is_frame(frame, len, seq), "frame %u: %d", seq, len);
	}
	return TEST_SUCCESS;
}

/* In EAL's interrupt thread, which looks at the link in the end. */
static int
ask_reset(void)
{
	uint64_t before = hw->recovery.succeeded;
	unsigned int i;

	if (hw->config_efd < 0)
		return TEST_SUCCESS;
	hw->recovery.nr_begun = 0; /* as often as it likes */
	fake_virtio_ask_reset();
	for (i = 0; i < 60000 && (hw->recovery.succeeded == before ||
			mdev_virtio_recovering(virtio_port.dev) ||
			data->dev_link.link_status != link_up); i++)
		rte_delay_us_sleep(100);
	TEST_ASSERT_EQUAL(hw->recovery.succeeded, before + 1, "no recovery");
	return TEST_SUCCESS;
}

static int
ask_announce(void)
{
	fake_virtio_ask_announce();
	return TEST_SUCCESS;
}

static int
switch_queue(void)
{
	bool rx = chance(2), runs;
	uint16_t count = rx ? data->nb_rx_queues : data->nb_tx_queues, queue;
	uint16_t id = virtio_port.id;
	int ret;

	if (count == 0)
		return 0;
	queue = layout_random(count);
	runs = queue_runs(rx ? data->rx_queue_state : data->tx_queue_state, queue);
	if (rx)
		ret = runs ? rte_eth_dev_rx_queue_stop(id, queue) :
			rte_eth_dev_rx_queue_start(id, queue);
	else
		ret = runs ? rte_eth_dev_tx_queue_stop(id, queue) :
			rte_eth_dev_tx_queue_start(id, queue);
	/* after many restarts in which nothing was heard of queues */
	return ret == -EBUSY ? 0 : ret;
}

static int
unless_missing(int ret, unsigned int feature)
{
	return ret == -ENOTSUP && !offers(feature) ? 0 : ret;
}

static int
set_addresses(void)
{
	struct rte_ether_addr mac = { { 2, 0, 0, 0, 9, layout_random(80) } }, list[4];
	uint16_t id = virtio_port.id, i;
	int ret;

	switch (layout_random(4)) {
	case 0:
		ret = rte_eth_dev_mac_addr_add(id, &mac, 0);
		return ret == -ENOSPC ? 0 : unless_missing(ret, VIRTIO_NET_F_CTRL_RX);
	case 1:
		ret = rte_eth_dev_mac_addr_remove(id, &mac);
		return ret == -EADDRINUSE ? 0 : ret;
	case 2:
		mac.addr_bytes[4] = 8; /* none of the others */
		return unless_missing(rte_eth_dev_default_mac_addr_set(id, &mac),
				VIRTIO_NET_F_CTRL_MAC_ADDR);
	default:
		for (i = 0; i < RTE_DIM(list); i++)
			list[i] = (struct rte_ether_addr){ { 3, 0, 0, 0, 0, i } };
		return unless_missing(rte_eth_dev_set_mc_addr_list(id, list,
				layout_random(RTE_DIM(list) + 1)), VIRTIO_NET_F_CTRL_RX);
	}
}

static int
set_filter(void)
{
	uint16_t id = virtio_port.id;

	switch (layout_random(6)) {
	case 0:
		return rte_eth_promiscuous_enable(id);
	case 1:
		return unless_missing(rte_eth_promiscuous_disable(id),
				VIRTIO_NET_F_CTRL_RX);
	case 2:
		return rte_eth_allmulticast_enable(id);
	case 3:
		return unless_missing(rte_eth_allmulticast_disable(id),
				VIRTIO_NET_F_CTRL_RX);
	case 4:
		if ((data->dev_conf.rxmode.offloads &
				RTE_ETH_RX_OFFLOAD_VLAN_FILTER) != 0)
			return rte_eth_dev_vlan_filter(id, layout_random(4096),
					layout_random(2));
		/* fallthrough */
	default:
		return set_addresses();
	}
}

/* s. 5.1.6.5.7.2: a table has queues only that the device has. */
static bool
rss_possible(void)
{
	uint16_t i;

	if ((data->dev_conf.rxmode.mq_mode & RTE_ETH_MQ_RX_RSS_FLAG) == 0 ||
			data->nb_rx_queues == 0 || hw->rss.supported == 0)
		return false;
	for (i = 0; data->dev_started != 0 && i < data->nb_rx_queues; i++) {
		if (!queue_runs(data->rx_queue_state, i))
			return false;
	}
	return true;
}

static int
set_rss(void)
{
	struct rte_eth_rss_reta_entry64 reta[8];
	uint8_t key[UINT8_MAX];
	/* the only length that ethdev lets through since 23.11 */
	struct rte_eth_rss_conf conf = { .rss_key_len = hw->rss.key_max };
	uint32_t i;

	if (!rss_possible())
		return 0;
	if (hw->rss.reta_size == 0 || chance(2)) {
		for (i = 0; i < sizeof(key); i++)
			key[i] = layout_random(256);
		conf.rss_key = chance(3) ? NULL : key;
		conf.rss_hf = chance(3) ? 0 : RTE_ETH_RSS_NONFRAG_IPV4_UDP;
		return rte_eth_dev_rss_hash_update(virtio_port.id, &conf);
	}
	for (i = 0; i < hw->rss.reta_size; i++) {
		reta[i / 64].mask = subset(UINT64_MAX);
		reta[i / 64].reta[i % 64] = layout_random(data->nb_rx_queues);
	}
	return rte_eth_dev_rss_reta_update(virtio_port.id, reta, hw->rss.reta_size);
}

static int
switch_interrupt(void)
{
	uint16_t queue;

	if (data->dev_conf.intr_conf.rxq == 0 || data->nb_rx_queues == 0)
		return 0;
	queue = layout_random(data->nb_rx_queues);
	if (!queue_runs(data->rx_queue_state, queue))
		return 0;
	return chance(2) ? rte_eth_dev_rx_intr_enable(virtio_port.id, queue) :
		rte_eth_dev_rx_intr_disable(virtio_port.id, queue);
}

static int
set_link(void)
{
	bool up = chance(2);
	int ret = up ? rte_eth_dev_set_link_up(virtio_port.id) :
		rte_eth_dev_set_link_down(virtio_port.id);

	if (ret == 0)
		link_up = up;
	return ret;
}

static int
switch_strip(void)
{
	return rte_eth_dev_set_vlan_offload(virtio_port.id, RTE_ETH_VLAN_STRIP_OFFLOAD ^
			rte_eth_dev_get_vlan_offload(virtio_port.id));
}

static int
set_mtu(void)
{
	int ret = rte_eth_dev_set_mtu(virtio_port.id, 68 + layout_random(8900));

	if (ret == 0)
		ret = rte_eth_dev_set_mtu(virtio_port.id, RTE_ETHER_MTU);
	return ret == -EINVAL ? 0 : ret; /* beyond the buffers */
}

/* What is asked for in between changes nothing. */
static int
look(void)
{
	struct rte_dev_reg_info regs = { .data = NULL };
	static uint32_t words[256];
	struct rte_eth_xstat xstats[256];
	struct rte_eth_link link;
	uint16_t id = virtio_port.id, i;
	int ret;

	TEST_ASSERT(rte_eth_xstats_get(id, xstats, RTE_DIM(xstats)) > 0, "statistics");
	if (chance(4))
		TEST_ASSERT_SUCCESS(rte_eth_xstats_reset(id), "reset");
	TEST_ASSERT_SUCCESS(rte_eth_link_get_nowait(id, &link), "link");
	TEST_ASSERT_EQUAL(link.link_status, data->dev_started != 0 && link_up, "link %u",
		link.link_status);
	TEST_ASSERT_SUCCESS(rte_eth_dev_get_reg_info(id, &regs), "registers");
	regs.data = words;
	TEST_ASSERT(regs.length <= RTE_DIM(words) &&
		rte_eth_dev_get_reg_info(id, &regs) == 0, "registers");
	for (i = 0; data->dev_started != 0 && i < data->nb_rx_queues; i++) {
		ret = rte_eth_rx_queue_count(id, i);
		TEST_ASSERT_EQUAL(ret, 0, "queue %u: %d", i, ret);
	}
	for (i = 0; data->dev_started != 0 && i < data->nb_tx_queues; i++) {
		ret = rte_eth_tx_done_cleanup(id, i, layout_random(RING));
		TEST_ASSERT(ret >= 0, "queue %u: %d", i, ret);
	}
	return TEST_SUCCESS;
}

static int
stop(void)
{
	int ret = rte_eth_dev_stop(virtio_port.id);

	if (ret == 0)
		link_up = true;
	return ret;
}

static int
start(void)
{
	return rte_eth_dev_start(virtio_port.id);
}

static const struct {
	const char *name;
	int (*run)(void);
	uint32_t weight;
	bool stopped, started; /* the port may be */
	bool asserts;          /* that the device does nothing wrong */
} calls[] = {
	{ "configure", virtio_calls_configure, 1, true, false, false },
	{ "set up one", setup_one, 1, true, false, false },
	{ "start", start, 4, true, false, false },
	{ "set MTU", set_mtu, 1, true, true, false },
	{ "receive", receive, 4, false, true, true },
	{ "transmit", transmit, 4, false, true, true },
	{ "look", look, 2, true, true, true },
	{ "ask for reset", ask_reset, 1, false, true, true },
	{ "ask for announcement", ask_announce, 1, false, true, false },
	{ "switch queue", switch_queue, 2, false, true, false },
	{ "set filter", set_filter, 3, true, true, false },
	{ "set RSS", set_rss, 1, true, true, false },
	{ "switch interrupt", switch_interrupt, 1, false, true, false },
	{ "set link", set_link, 1, false, true, false },
	{ "switch strip", switch_strip, 1, true, true, false },
	{ "stop", stop, 1, false, true, false },
};

const char *
virtio_calls_name(void)
{
	return name;
}

int
virtio_calls_rest(void)
{
	rte_eth_dev_stop(virtio_port.id);
	link_up = true;
	return hw->runaway ? rte_eth_dev_reset(virtio_port.id) : 0;
}

int
virtio_calls_any(bool unsure)
{
	const bool started = data->dev_started != 0;
	unsigned int i;

	do {
		i = layout_random(RTE_DIM(calls));
	} while (!(started ? calls[i].started : calls[i].stopped) ||
		(unsure && calls[i].asserts) || !chance(5 - calls[i].weight));
	name = calls[i].name;
	return calls[i].run();
}
