/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What can be asked of queues: in each layout of a ring that stands alone, whose device
 * is this file, and of a port.
 */

#include <errno.h>
#include <string.h>

#include <rte_mbuf.h>
#include <rte_power_intrinsics.h>

#include <mdev_virtio_ethdev.h>
#include <virtio_burst.h>
#include <virtio_rxtx.h>

#include "test.h"
#include "test_compat.h"
#include "virtio_port.h"

#define PORT 7
#define SIZE 16
#define RING 64
#define HEADER 12

static const unsigned int layouts[] = {
	0, BURST_IN_ORDER, BURST_PACKED, BURST_PACKED | BURST_IN_ORDER,
};

static struct rte_mempool *pool;
static struct virtqueue *vq;
static uint16_t returned; /* elements that the device wrote */

static struct mdev_virtio_hw port_hw;
static struct rte_eth_dev_data port_data = {
	.name = "queue_info",
	.dev_private = &port_hw,
};

static int
setup_pool(void)
{
	rte_eth_devices[PORT].data = &port_data; /* for messages, and its state */
	pool = rte_pktmbuf_pool_create("queue_info", 255, 0, 0,
			RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	return pool == NULL ? TEST_FAILED : TEST_SUCCESS;
}

static void
teardown_pool(void)
{
	virtqueue_destroy(vq);
	vq = NULL;
	rte_mempool_free(pool);
	rte_eth_devices[PORT].data = NULL;
}

/* A ring of a layout, at some position, whose device wants no kicks. */
static int
ring_new(enum virtqueue_kind kind, unsigned int flags)
{
	virtqueue_destroy(vq);
	vq = virtqueue_create(PORT, kind == VIRTQUEUE_RX ? 0 : 1, kind, SIZE,
			SOCKET_ID_ANY);
	if (vq == NULL)
		return -1;
	vq->in_order = (flags & BURST_IN_ORDER) != 0;
	vq->burst = flags;
	vq->max_frame = UINT32_MAX;
	vq->turn = vq;
	vq->free_thresh = SIZE / 2;
	vq->mp = pool;
	virtqueue_reset(vq, (flags & BURST_PACKED) != 0);
	if (vq->packed)
		vq->device_event->flags =
			rte_cpu_to_le_16(VRING_PACKED_EVENT_FLAG_DISABLE);
	else
		vq->used->flags = rte_cpu_to_le_16(VRING_USED_F_NO_NOTIFY);
	returned = 0;
	if (kind == VIRTQUEUE_RX) {
		vq->rearm = RTE_PKTMBUF_HEADROOM | UINT64_C(1) << 16 |
			UINT64_C(1) << 32;
		virtqueue_init_rx(vq, RTE_MBUF_DEFAULT_DATAROOM);
		virtio_refill(vq);
	}
	return 0;
}

/*
 * The device returns a buffer, which begins at this position: an element more in a split
 * ring, flags that say used in a packed one.
 */
static void
give_back(uint16_t position, uint16_t id, uint32_t len, uint16_t buffers)
{
	struct vring_packed_desc *desc;

	if (!vq->packed) {
		vq->used->ring[returned % SIZE].id = rte_cpu_to_le_32(id);
		vq->used->ring[returned % SIZE].len = rte_cpu_to_le_32(len);
		returned += buffers;
		vq->used->idx = rte_cpu_to_le_16(returned);
		return;
	}
	desc = &vq->packed_desc[position % SIZE];
	desc->id = rte_cpu_to_le_16(id);
	desc->len = rte_cpu_to_le_32(len);
	desc->flags = rte_cpu_to_le_16(position / SIZE % 2 == 0 ?
			1 << VRING_PACKED_DESC_F_AVAIL |
			1 << VRING_PACKED_DESC_F_USED : 0);
}

/* So many frames, each in a buffer of its own. */
static void
receive(uint16_t from, uint16_t count)
{
	uint16_t i;

	for (i = from; i != (uint16_t)(from + count); i++)
		give_back(i, i % SIZE, HEADER + 60, 1);
}

static uint16_t
fetch(uint16_t count)
{
	struct rte_mbuf *m[SIZE];
	uint16_t n = virtio_rx_burst(vq->burst)->burst(vq, m, count);

	rte_pktmbuf_free_bulk(m, n);
	return n;
}

static int
check_rx(uint16_t used, uint16_t outstanding)
{
	uint16_t i, expected, status;

	TEST_ASSERT_EQUAL(mdev_virtio_rx_queue_count(vq), used, "count %u, not %u",
		mdev_virtio_rx_queue_count(vq), used);
	for (i = 0; i < SIZE; i++) {
		expected = i < used ? RTE_ETH_RX_DESC_DONE :
			i < outstanding ? RTE_ETH_RX_DESC_AVAIL :
			RTE_ETH_RX_DESC_UNAVAIL;
		status = mdev_virtio_rx_descriptor_status(vq, i);
		TEST_ASSERT_EQUAL(status, expected, "offset %u: %u, not %u", i,
			status, expected);
	}
	TEST_ASSERT_EQUAL(mdev_virtio_rx_descriptor_status(vq, SIZE), -EINVAL,
		"beyond the ring");
	return TEST_SUCCESS;
}

static int
receive_layout(unsigned int flags)
{
	uint16_t at = 0, round;

	TEST_ASSERT_SUCCESS(ring_new(VIRTQUEUE_RX, flags), "no ring");
	for (round = 0; round < 10; round++) {
		TEST_ASSERT_SUCCESS(check_rx(0, SIZE), "round %u", round);
		receive(at, 5);
		TEST_ASSERT_SUCCESS(check_rx(5, SIZE), "round %u", round);
		TEST_ASSERT_EQUAL(fetch(3), 3, "frames");
		TEST_ASSERT_SUCCESS(check_rx(2, SIZE - 3), "round %u", round);
		receive(at + 5, 6);
		TEST_ASSERT_SUCCESS(check_rx(8, SIZE - 3), "round %u", round);
		TEST_ASSERT_EQUAL(fetch(8), 8, "frames"); /* and is filled */
		at += 11;
	}
	receive(at, SIZE);
	TEST_ASSERT_SUCCESS(check_rx(SIZE, SIZE), "all");
	virtqueue_halt(vq);
	TEST_ASSERT_SUCCESS(check_rx(0, 0), "halted");
	return TEST_SUCCESS;
}

static int
test_receive(void)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(layouts); i++)
		TEST_ASSERT_SUCCESS(receive_layout(layouts[i]), "layout 0x%x",
			layouts[i]);
	return TEST_SUCCESS;
}

/* VIRTIO 1.2 s. 2.7.9 and 2.8.8: one element for several buffers. */
static int
test_receive_batch(void)
{
	unsigned int i;

	for (i = 1; i < RTE_DIM(layouts); i += 2) {
		TEST_ASSERT_SUCCESS(ring_new(VIRTQUEUE_RX, layouts[i]), "ring");
		give_back(0, 3, HEADER + 60, 4);
		TEST_ASSERT_SUCCESS(check_rx(4, SIZE), "layout 0x%x", layouts[i]);
		TEST_ASSERT_EQUAL(fetch(1), 1, "frame");
		TEST_ASSERT_SUCCESS(check_rx(3, SIZE - 1), "layout 0x%x",
			layouts[i]);
		give_back(4, 5, HEADER + 60, 2);
		TEST_ASSERT_SUCCESS(check_rx(5, SIZE - 1), "layout 0x%x",
			layouts[i]);
	}
	return TEST_SUCCESS;
}

/* What the device claims beyond what it has is nothing, and is not followed. */
static int
test_receive_lies(void)
{
	TEST_ASSERT_SUCCESS(ring_new(VIRTQUEUE_RX, 0), "ring");
	vq->used->idx = rte_cpu_to_le_16(SIZE + 1);
	TEST_ASSERT_SUCCESS(check_rx(0, SIZE), "an index that jumps");
	TEST_ASSERT_SUCCESS(ring_new(VIRTQUEUE_RX, BURST_PACKED | BURST_IN_ORDER),
		"ring");
	give_back(0, 0xffff, 0, 1);
	TEST_ASSERT(mdev_virtio_rx_queue_count(vq) <= SIZE, "more than there are");
	memset(vq->packed_desc, 0xff, SIZE * sizeof(*vq->packed_desc));
	TEST_ASSERT(mdev_virtio_rx_queue_count(vq) <= SIZE, "more than there are");
	TEST_ASSERT_EQUAL(mdev_virtio_rx_queue_count(NULL), 0, "no queue");
	TEST_ASSERT_EQUAL(mdev_virtio_rx_descriptor_status(NULL, 0), -ENODEV,
		"no queue");
	TEST_ASSERT_EQUAL(mdev_virtio_tx_descriptor_status(NULL, 0), -ENODEV,
		"no queue");
	TEST_ASSERT_EQUAL(mdev_virtio_tx_queue_count(NULL), 0, "no queue");
	return TEST_SUCCESS;
}

static int
send_frame(uint16_t segs)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool), *seg;

	if (m == NULL)
		return -1;
	rte_pktmbuf_append(m, 60);
	for (; segs > 1; segs--) {
		seg = rte_pktmbuf_alloc(pool);
		rte_pktmbuf_append(seg, 60);
		rte_pktmbuf_chain(m, seg);
	}
	return virtio_tx_burst(vq->burst)->burst(vq, &m, 1) == 1 ? 0 : -1;
}

/* Of so many descriptors that are the device's, so many are sent. */
static int
check_tx(uint16_t outstanding, uint16_t sent)
{
	int expected, status;
	uint16_t i;

	TEST_ASSERT_EQUAL(mdev_virtio_tx_queue_count(vq), outstanding - sent,
		"count %d, not %d", mdev_virtio_tx_queue_count(vq), outstanding - sent);
	for (i = 0; i < SIZE; i++) {
		expected = i < SIZE - outstanding + sent ?
			RTE_ETH_TX_DESC_DONE : RTE_ETH_TX_DESC_FULL;
		status = mdev_virtio_tx_descriptor_status(vq, i);
		TEST_ASSERT_EQUAL(status, expected, "offset %u: %d, not %d", i,
			status, expected);
	}
	TEST_ASSERT_EQUAL(mdev_virtio_tx_descriptor_status(vq, SIZE), -EINVAL,
		"beyond the ring");
	return TEST_SUCCESS;
}

static int
check_cleanup(uint32_t max, int expected)
{
	unsigned int before = rte_mempool_in_use_count(pool), after;
	int ret = mdev_virtio_tx_done_cleanup(vq, max);

	after = rte_mempool_in_use_count(pool);
	TEST_ASSERT_EQUAL(ret, expected, "%d frames, not %d", ret, expected);
	TEST_ASSERT(before - after >= (unsigned int)expected, "%u mbufs, then %u",
		before, after);
	return TEST_SUCCESS;
}

/* Frames of one, three, one and one descriptors. */
static int
transmit_layout(unsigned int flags)
{
	uint16_t at = 0, round;

	TEST_ASSERT_SUCCESS(ring_new(VIRTQUEUE_TX, flags), "no ring");
	for (round = 0; round < 10; round++, at += 6) {
		TEST_ASSERT_SUCCESS(check_tx(0, 0), "round %u", round);
		TEST_ASSERT_SUCCESS(check_cleanup(0, 0), "empty");
		TEST_ASSERT_SUCCESS(send_frame(1), "not sent");
		TEST_ASSERT_SUCCESS(send_frame(3), "not sent");
		TEST_ASSERT_SUCCESS(send_frame(1), "not sent");
		TEST_ASSERT_SUCCESS(send_frame(1), "not sent");
		TEST_ASSERT_SUCCESS(check_tx(6, 0), "round %u", round);
		TEST_ASSERT_SUCCESS(check_cleanup(0, 0), "none is sent");
		give_back(at, at % SIZE, 0, 1);
		TEST_ASSERT_SUCCESS(check_tx(6, 1), "round %u", round);
		give_back(at + 1, (at + 1) % SIZE, 0, 1);
		TEST_ASSERT_SUCCESS(check_tx(6, 4), "round %u", round);
		TEST_ASSERT_SUCCESS(check_cleanup(1, 1), "round %u", round);
		TEST_ASSERT_SUCCESS(check_tx(5, 3), "round %u", round);
		TEST_ASSERT_SUCCESS(check_cleanup(1, 1), "round %u", round);
		TEST_ASSERT_SUCCESS(check_tx(2, 0), "round %u", round);
		TEST_ASSERT_SUCCESS(check_cleanup(1, 0), "round %u", round);
		give_back(at + 4, (at + 4) % SIZE, 0, 1);
		give_back(at + 5, (at + 5) % SIZE, 0, 1);
		TEST_ASSERT_SUCCESS(check_cleanup(8, 2), "round %u", round);
		TEST_ASSERT_EQUAL(rte_mempool_in_use_count(pool), 0, "mbufs");
	}
	TEST_ASSERT(!vq->broken, "broken by it");
	return TEST_SUCCESS;
}

static int
test_transmit(void)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(layouts); i++)
		TEST_ASSERT_SUCCESS(transmit_layout(layouts[i]), "layout 0x%x",
			layouts[i]);
	return TEST_SUCCESS;
}

/* One element for six frames, which are taken in parts; the ring goes on after it. */
static int
test_transmit_batch(void)
{
	uint16_t at = 0, round, i, layout;

	for (layout = 1; layout < RTE_DIM(layouts); layout += 2) {
		TEST_ASSERT_SUCCESS(ring_new(VIRTQUEUE_TX, layouts[layout]), "ring");
		for (at = 0, round = 0; round < 10; round++, at += 7) {
			for (i = 0; i < 7; i++)
				TEST_ASSERT_SUCCESS(send_frame(1), "not sent");
			give_back(at, (at + 5) % SIZE, 0, 6);
			TEST_ASSERT_SUCCESS(check_tx(7, 6), "round %u", round);
			TEST_ASSERT_SUCCESS(check_cleanup(2, 2), "two");
			TEST_ASSERT_SUCCESS(check_tx(5, 4), "round %u", round);
			TEST_ASSERT_SUCCESS(check_cleanup(1, 1), "one");
			TEST_ASSERT_SUCCESS(check_cleanup(3, 3), "three");
			TEST_ASSERT_SUCCESS(check_tx(1, 0), "round %u", round);
			TEST_ASSERT_SUCCESS(check_cleanup(0, 0), "nothing");
			give_back(at + 6, (at + 6) % SIZE, 0, 1);
			TEST_ASSERT_SUCCESS(check_cleanup(0, 1), "the last");
		}
		TEST_ASSERT(!vq->broken, "broken by it");
		TEST_ASSERT_EQUAL(rte_mempool_in_use_count(pool), 0, "mbufs");
	}
	return TEST_SUCCESS;
}

/* Out of order where that is allowed, and lies. */
static int
test_transmit_order(void)
{
	unsigned int i, j;

	for (i = 0; i < RTE_DIM(layouts); i += 2) {
		TEST_ASSERT_SUCCESS(ring_new(VIRTQUEUE_TX, layouts[i]), "ring");
		for (j = 0; j < 4; j++)
			TEST_ASSERT_SUCCESS(send_frame(1), "not sent");
		give_back(0, 2, 0, 1);
		give_back(1, 0, 0, 1);
		TEST_ASSERT_SUCCESS(check_tx(4, 2), "layout 0x%x", layouts[i]);
		TEST_ASSERT_SUCCESS(check_cleanup(1, 1), "one");
		TEST_ASSERT_SUCCESS(check_tx(3, 1), "layout 0x%x", layouts[i]);
		TEST_ASSERT_SUCCESS(check_cleanup(1, 1), "another");
		/* one that it does not have */
		give_back(2, 0, 0, 1);
		TEST_ASSERT_SUCCESS(check_tx(2, 0), "layout 0x%x", layouts[i]);
		TEST_ASSERT_SUCCESS(check_cleanup(1, 0), "a lie");
		TEST_ASSERT(vq->broken, "not noticed");
		TEST_ASSERT_EQUAL(mdev_virtio_tx_descriptor_status(vq, 0),
			RTE_ETH_TX_DESC_UNAVAIL, "broken");
		TEST_ASSERT_EQUAL(mdev_virtio_tx_queue_count(vq), 2, "broken");
		TEST_ASSERT_SUCCESS(check_cleanup(0, 0), "broken");
	}
	TEST_ASSERT_SUCCESS(ring_new(VIRTQUEUE_TX, BURST_PACKED | BURST_IN_ORDER),
		"ring");
	for (j = 0; j < 4; j++)
		TEST_ASSERT_SUCCESS(send_frame(1), "not sent");
	give_back(0, 4, 0, 5);
	TEST_ASSERT_EQUAL(mdev_virtio_tx_queue_count(vq), 0, "more than it has");
	TEST_ASSERT_SUCCESS(check_cleanup(2, 0), "more than it has");
	TEST_ASSERT(vq->broken, "not noticed");
	return TEST_SUCCESS;
}

/* As rte_power_monitor() looks: 0 if it may sleep. */
static int
look(void)
{
	struct rte_power_monitor_cond pmc = { .addr = NULL };

	if (mdev_virtio_get_monitor_addr(vq, &pmc) != 0 ||
			pmc.size != sizeof(uint16_t))
		return -2;
	return pmc.fn(*(volatile uint16_t *)pmc.addr, pmc.opaque);
}

static int
test_monitor(void)
{
	struct rte_power_monitor_cond pmc;
	struct virtqueue sibling;
	uint16_t at, i;

	for (i = 0; i < RTE_DIM(layouts); i++) {
		TEST_ASSERT_SUCCESS(ring_new(VIRTQUEUE_RX, layouts[i]), "ring");
		for (at = 0; at < 5 * SIZE; at++) {
			TEST_ASSERT_EQUAL(look(), 0, "layout 0x%x, at %u: awake",
				layouts[i], at);
			TEST_ASSERT_SUCCESS(mdev_virtio_get_monitor_addr(vq, &pmc),
				"address");
			receive(at, 1);
			TEST_ASSERT_EQUAL(pmc.fn(*(volatile uint16_t *)pmc.addr,
				pmc.opaque), -1, "layout 0x%x, at %u: asleep",
				layouts[i], at);
			TEST_ASSERT_EQUAL(look(), -1, "falls asleep");
			TEST_ASSERT_EQUAL(fetch(1), 1, "frame");
		}
		vq->sibling = &sibling;
		TEST_ASSERT_EQUAL(mdev_virtio_get_monitor_addr(vq, &pmc), -ENOTSUP,
			"two rings");
		vq->sibling = NULL;
		virtqueue_halt(vq);
		TEST_ASSERT_EQUAL(look(), -1, "halted");
	}
	/* what is left of a batch has no flags of its own */
	TEST_ASSERT_SUCCESS(ring_new(VIRTQUEUE_RX, BURST_PACKED | BURST_IN_ORDER),
		"ring");
	give_back(0, 1, HEADER + 60, 2);
	TEST_ASSERT_EQUAL(fetch(1), 1, "frame");
	TEST_ASSERT_EQUAL(look(), -1, "the second one is there");
	return TEST_SUCCESS;
}

static int
setup_port(void)
{
	return virtio_port_attach_ctrl(RTE_BIT64(VIRTIO_NET_F_MQ), 4);
}

static int
test_info(void)
{
	const struct rte_eth_rxconf rxconf = {
		.rx_free_thresh = 16, .rx_deferred_start = 1,
	};
	const struct rte_eth_txconf txconf = {
		.tx_free_thresh = 8, .tx_deferred_start = 1,
	};
	struct rte_eth_conf conf = {
		.rxmode.offloads = RTE_ETH_RX_OFFLOAD_SCATTER,
		.txmode.offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS,
	};
	struct rte_eth_rxq_info rx;
	struct rte_eth_txq_info tx;

	TEST_ASSERT_SUCCESS(virtio_port_configure(2, 2, RING, &conf), "configure");
	TEST_ASSERT_SUCCESS(rte_eth_rx_queue_setup(virtio_port.id, 1, 32,
		SOCKET_ID_ANY, &rxconf, virtio_port.pool), "setup");
	TEST_ASSERT_SUCCESS(rte_eth_tx_queue_setup(virtio_port.id, 1, 128,
		SOCKET_ID_ANY, &txconf), "setup");
	TEST_ASSERT_SUCCESS(rte_eth_rx_queue_info_get(virtio_port.id, 1, &rx), "rx");
	TEST_ASSERT(rx.mp == virtio_port.pool && rx.nb_desc == 32 &&
		rx.conf.rx_free_thresh == 16 && rx.conf.rx_deferred_start == 1 &&
		rx.conf.offloads == RTE_ETH_RX_OFFLOAD_SCATTER &&
		rx.rx_buf_size == RTE_MBUF_DEFAULT_DATAROOM &&
		rx.queue_state == RTE_ETH_QUEUE_STATE_STOPPED, "not as set up");
	TEST_ASSERT_SUCCESS(rte_eth_tx_queue_info_get(virtio_port.id, 1, &tx), "tx");
	TEST_ASSERT(tx.nb_desc == 128 && tx.conf.tx_free_thresh == 8 &&
		tx.conf.tx_deferred_start == 1 &&
		tx.conf.offloads == RTE_ETH_TX_OFFLOAD_MULTI_SEGS, "not as set up");
	TEST_ASSERT_SUCCESS(rte_eth_rx_queue_info_get(virtio_port.id, 0, &rx), "rx");
	TEST_ASSERT(rx.nb_desc == RING && rx.conf.rx_deferred_start == 0 &&
		rx.scattered_rx == 0, "not as set up");
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	TEST_ASSERT_SUCCESS(rte_eth_rx_queue_info_get(virtio_port.id, 0, &rx), "rx");
	TEST_ASSERT_EQUAL(rx.queue_state, RTE_ETH_QUEUE_STATE_STARTED, "state");
	TEST_ASSERT_SUCCESS(rte_eth_rx_queue_info_get(virtio_port.id, 1, &rx), "rx");
	TEST_ASSERT_EQUAL(rx.queue_state, RTE_ETH_QUEUE_STATE_STOPPED, "deferred");
	return TEST_SUCCESS;
}

/* As an application asks, and of a queue whose frames come on two rings. */
static int
test_port(void)
{
	const struct rte_eth_conf conf = { .rxmode.mtu = RTE_ETHER_MTU };
	uint8_t data[60] = { 0 };
	struct rte_power_monitor_cond pmc;
	struct rte_mbuf *m;

	TEST_ASSERT_SUCCESS(virtio_port_start_queues(1, 2, RING, &conf), "start");
	TEST_ASSERT_EQUAL(rte_eth_rx_queue_count(virtio_port.id, 0), 0, "empty");
	TEST_ASSERT_EQUAL(fake_virtio_receive_on(0, data, 60), 1, "frame");
	TEST_ASSERT_EQUAL(fake_virtio_receive_on(1, data, 60), 1, "frame");
	TEST_ASSERT_EQUAL(rte_eth_rx_queue_count(virtio_port.id, 0), 2, "frames");
	TEST_ASSERT_EQUAL(rte_eth_rx_descriptor_status(virtio_port.id, 0, 1),
		RTE_ETH_RX_DESC_DONE, "of the other ring");
	TEST_ASSERT_EQUAL(rte_eth_rx_descriptor_status(virtio_port.id, 0, 2),
		RTE_ETH_RX_DESC_AVAIL, "the next one");
	TEST_ASSERT_EQUAL(rte_eth_get_monitor_addr(virtio_port.id, 0, &pmc),
		-ENOTSUP, "two rings");
	m = virtio_port_frame(60, 1);
	TEST_ASSERT_EQUAL(rte_eth_tx_burst(virtio_port.id, 1, &m, 1), 1, "not sent");
	TEST_ASSERT_EQUAL(rte_eth_tx_descriptor_status(virtio_port.id, 1, RING - 1),
		RTE_ETH_TX_DESC_FULL, "not sent yet");
	TEST_ASSERT_EQUAL(test_tx_queue_count(virtio_port.id, 1, 1), 1, "not sent yet");
	TEST_ASSERT_EQUAL(fake_virtio_sent_on(1, data, sizeof(data)), 60, "frame");
	TEST_ASSERT_EQUAL(rte_eth_tx_descriptor_status(virtio_port.id, 1, RING - 1),
		RTE_ETH_TX_DESC_DONE, "sent");
	TEST_ASSERT_EQUAL(test_tx_queue_count(virtio_port.id, 1, 0), 0, "sent");
	TEST_ASSERT_EQUAL(rte_eth_tx_done_cleanup(virtio_port.id, 1, 0), 1, "freed");
	m = virtio_port_frame(60, 1);
	TEST_ASSERT_EQUAL(rte_eth_tx_burst(virtio_port.id, 1, &m, 1), 1, "not sent");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_EQUAL(rte_eth_tx_done_cleanup(virtio_port.id, 1, 0), 0,
		"of a stopped port");
#ifdef TEST_STOPPED_QUEUE_COUNT
	TEST_ASSERT_EQUAL(rte_eth_rx_queue_count(virtio_port.id, 0),
		TEST_STOPPED_QUEUE_COUNT, "of a stopped port");
#endif
	return TEST_SUCCESS;
}

/* Telemetry asks when it likes: a queue may be on its way. */
static int
test_no_queue(void)
{
	struct rte_eth_rxq_info rx = { .mp = NULL };
	struct rte_eth_txq_info tx = { .nb_desc = 0 };
	struct rte_eth_dev *dev;
	void *rxq, *txq;

	TEST_ASSERT_SUCCESS(virtio_port_start(RING), "start");
	dev = virtio_port.dev;
	rxq = dev->data->rx_queues[0];
	txq = dev->data->tx_queues[0];
	dev->data->rx_queues[0] = dev->data->tx_queues[0] = NULL;
	mdev_virtio_rxq_info_get(dev, 0, &rx);
	mdev_virtio_txq_info_get(dev, 0, &tx);
	dev->data->rx_queues[0] = rxq;
	dev->data->tx_queues[0] = txq;
	TEST_ASSERT(rx.nb_desc == 0 && rx.mp == NULL, "receive");
	TEST_ASSERT_EQUAL(tx.nb_desc, 0, "transmit");
	mdev_virtio_rxq_info_get(dev, 0, &rx);
	mdev_virtio_txq_info_get(dev, 0, &tx);
	TEST_ASSERT(rx.nb_desc == RING && tx.nb_desc == RING, "they are back");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: queue information",
	.unit_test_cases = {
		TEST_CASE_ST(setup_pool, teardown_pool, test_receive),
		TEST_CASE_ST(setup_pool, teardown_pool, test_receive_batch),
		TEST_CASE_ST(setup_pool, teardown_pool, test_receive_lies),
		TEST_CASE_ST(setup_pool, teardown_pool, test_transmit),
		TEST_CASE_ST(setup_pool, teardown_pool, test_transmit_batch),
		TEST_CASE_ST(setup_pool, teardown_pool, test_transmit_order),
		TEST_CASE_ST(setup_pool, teardown_pool, test_monitor),
		TEST_CASE_ST(setup_port, virtio_port_stop, test_info),
		TEST_CASE_ST(setup_port, virtio_port_stop, test_port),
		TEST_CASE_ST(setup_port, virtio_port_stop, test_no_queue),
		TEST_CASES_END()
	}
};

static int
test_mdev_virtio_queue_info(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_virtio_queue_info_autotest, test_mdev_virtio_queue_info);
