/* SPDX-License-Identifier: BSD-3-Clause */

/* Devices that lie about the buffers that they return. */

#include <string.h>

#include <virtio_rxtx.h>

#include "captured_log.h"
#include "virtio_layout.h"

#define RING LAYOUT_RING
#define BURST LAYOUT_BURST
#define HEADER LAYOUT_HEADER

/* In order, the index of a split ring says all: ids are not looked at. */
static bool
tx_ids_matter(void)
{
	return virtio_layout.packed || !virtio_layout.in_order;
}

static bool
is_split(void)
{
	return !virtio_layout.packed;
}

static bool
is_packed(void)
{
	return virtio_layout.packed;
}

/* Take a receive buffer, and write a header with this num_buffers. */
static int
take(struct mirror_chain *chain, uint16_t num_buffers)
{
	if (mirror_ring_pop(layout_rx_ring(), chain) != 1)
		return -1;
	memset(chain->buf[0].addr, 0, HEADER + 60);
	memcpy(chain->buf[0].addr + 10, &num_buffers, sizeof(num_buffers));
	return 0;
}

/* Push an element of any kind, and receive. */
static uint16_t
recv_pushed(struct rte_mbuf **m, uint32_t id, uint32_t len)
{
	mirror_ring_push(layout_rx_ring(), id, len);
	mirror_ring_publish(layout_rx_ring());
	return layout_recv(m, 1);
}

static int
test_receive_ids(void)
{
	static const uint32_t ids[] = { RING, UINT16_MAX, UINT32_MAX };
	struct rte_mbuf *m[BURST];
	struct mirror_chain chain;
	unsigned int i;

	for (i = 0; i < RTE_DIM(ids); i++) {
		TEST_ASSERT_EQUAL(recv_pushed(m, ids[i], 100), 0, "%u", ids[i]);
		TEST_ASSERT_SUCCESS(layout_expect_broken(layout_rx_queue()), "%u",
			ids[i]);
	}
	/* the same buffer twice, in one burst and in two */
	for (i = 0; i < 2; i++) {
		TEST_ASSERT_SUCCESS(take(&chain, 1), "pop");
		mirror_ring_push(layout_rx_ring(), chain.head, 100);
		if (i == 0)
			TEST_ASSERT_EQUAL(recv_pushed(m, chain.head, 100), 1, "first");
		else
			mirror_ring_publish(layout_rx_ring());
		mirror_ring_push(layout_rx_ring(), chain.head, 100);
		mirror_ring_publish(layout_rx_ring());
		TEST_ASSERT_EQUAL(layout_recv(m + 1 - i, BURST - 1), i, "the second");
		rte_pktmbuf_free(m[0]);
		TEST_ASSERT_SUCCESS(layout_expect_broken(layout_rx_queue()), "twice");
	}
	return TEST_SUCCESS;
}

/* Both what the device cannot have, and what it gave back and did not get again. */
static int
test_receive_batches(void)
{
	struct rte_mbuf *m[BURST];
	struct mirror_chain chain;
	unsigned int i;
	uint16_t id;

	for (i = 0; i < 10; i++) {
		TEST_ASSERT_SUCCESS(take(&chain, 1), "pop");
		mirror_ring_push(layout_rx_ring(), chain.head, 100);
	}
	mirror_ring_publish(layout_rx_ring());
	TEST_ASSERT_EQUAL(layout_recv(m, BURST), 10, "frames");
	rte_pktmbuf_free_bulk(m, 10);
	id = chain.head - 5;
	TEST_ASSERT_EQUAL(recv_pushed(m, id, 100), 0, "a batch that ends before it");
	return layout_expect_broken(layout_rx_queue());
}

static int
test_index(void)
{
	struct rte_mbuf *m;

	layout_rx_ring()->used->idx += RING + 1;
	TEST_ASSERT_EQUAL(layout_recv(&m, 1), 0, "an index that jumps");
	TEST_ASSERT_SUCCESS(layout_expect_broken(layout_rx_queue()), "receive");
	m = virtio_port_frame(60, 1);
	TEST_ASSERT_EQUAL(layout_send(&m, 1), 1, "send");
	layout_tx_ring()->used->idx += 2;
	virtio_reclaim(layout_tx_queue());
	return layout_expect_broken(layout_tx_queue());
}

/* What has the flags of another round has not come back. */
static int
test_wrap_counter(void)
{
	struct mirror_ring *ring = layout_rx_ring();
	struct mirror_chain chain;
	struct rte_mbuf *m;
	unsigned int i;

	for (i = 0; i < 5 * RING; i++) {
		TEST_ASSERT_SUCCESS(take(&chain, 1), "pop");
		mirror_ring_push(ring, chain.head, HEADER + 60);
		ring->packed_desc[ring->first].flags = (i / RING) % 2 == 0 ? 0 :
			1 << VRING_PACKED_DESC_F_AVAIL |
			1 << VRING_PACKED_DESC_F_USED;
		TEST_ASSERT_EQUAL(layout_recv(&m, 1), 0, "%u: wrong wrap", i);
		mirror_ring_publish(ring);
		TEST_ASSERT_EQUAL(layout_recv(&m, 1), 1, "%u: right wrap", i);
		rte_pktmbuf_free(m);
	}
	return TEST_SUCCESS;
}

static int
test_num_buffers(void)
{
	static const uint16_t lies[] = { 0, RING + 1, UINT16_MAX };
	struct mirror_chain chain, second;
	struct rte_mbuf *m;
	unsigned int i;

	for (i = 0; i < RTE_DIM(lies); i++) {
		TEST_ASSERT_SUCCESS(take(&chain, lies[i]), "pop");
		TEST_ASSERT_EQUAL(recv_pushed(&m, chain.head, 100), 0, "%u", lies[i]);
		TEST_ASSERT_SUCCESS(layout_expect_broken(layout_rx_queue()), "%u",
			lies[i]);
	}
	/* the second buffer of a frame is the first, is none, is empty */
	TEST_ASSERT_SUCCESS(take(&chain, 2), "pop");
	mirror_ring_push(layout_rx_ring(), chain.head, 100);
	TEST_ASSERT_EQUAL(recv_pushed(&m, chain.head, 100), 0, "the same again");
	TEST_ASSERT_SUCCESS(layout_expect_broken(layout_rx_queue()), "the same again");
	TEST_ASSERT_SUCCESS(take(&chain, 2), "pop");
	mirror_ring_push(layout_rx_ring(), chain.head, 100);
	TEST_ASSERT_EQUAL(recv_pushed(&m, RING, 100), 0, "beyond");
	TEST_ASSERT_SUCCESS(layout_expect_broken(layout_rx_queue()), "beyond");
	TEST_ASSERT_SUCCESS(take(&chain, 2), "pop");
	TEST_ASSERT_SUCCESS(take(&second, 1), "pop");
	mirror_ring_push(layout_rx_ring(), chain.head, 100);
	TEST_ASSERT_EQUAL(recv_pushed(&m, second.head, 0), 0, "empty");
	TEST_ASSERT_SUCCESS(layout_expect_broken(layout_rx_queue()), "empty");
	/* never complete: nothing is lost when the port is stopped */
	TEST_ASSERT_SUCCESS(take(&chain, RING), "pop");
	TEST_ASSERT_EQUAL(recv_pushed(&m, chain.head, 100), 0, "incomplete");
	return TEST_SUCCESS;
}

/* A length that the buffer does not have is cut and counted; a short one dropped. */
static int
test_length(void)
{
	static const uint32_t shorts[] = { 0, 1, HEADER - 1, HEADER, HEADER + 13 };
	struct rte_eth_stats stats;
	struct mirror_chain chain;
	struct rte_mbuf *m;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		TEST_ASSERT_SUCCESS(take(&chain, 1), "pop");
		TEST_ASSERT_EQUAL(recv_pushed(&m, chain.head, i == 0 ? UINT32_MAX :
			chain.buf[0].len + 1), 1, "dropped");
		TEST_ASSERT_EQUAL(m->pkt_len, chain.buf[0].len - HEADER, "length %u",
			m->pkt_len);
		rte_mbuf_sanity_check(m, 1);
		rte_pktmbuf_free(m);
	}
	TEST_ASSERT_EQUAL(layout_rx_queue()->stats.clamped, 2, "not counted");
	for (i = 0; i < RTE_DIM(shorts); i++) {
		TEST_ASSERT_SUCCESS(take(&chain, 1), "pop");
		TEST_ASSERT_EQUAL(recv_pushed(&m, chain.head, shorts[i]), 0, "%u",
			shorts[i]);
	}
	rte_eth_stats_get(virtio_port.id, &stats);
	TEST_ASSERT_EQUAL(stats.ierrors, RTE_DIM(shorts), "%u errors",
		(unsigned int)stats.ierrors);
	TEST_ASSERT(!layout_rx_queue()->broken, "broken by it");
	return TEST_SUCCESS;
}

/*
 * Send some chains of two, and have the device return an id, some times; counted from the
 * first chain's on if it is one of the ring.
 */
static int
transmit_lie(unsigned int frames, uint32_t id, unsigned int times)
{
	struct mirror_chain chain;
	struct rte_mbuf *m;
	unsigned int i;

	for (i = 0; i < frames; i++) {
		m = virtio_port_frame(60, 1);
		TEST_ASSERT_SUCCESS(rte_pktmbuf_chain(m, virtio_port_frame(60, 2)), "?");
		TEST_ASSERT_EQUAL(layout_send(&m, 1), 1, "not sent");
	}
	TEST_ASSERT_EQUAL(mirror_ring_pop(layout_tx_ring(), &chain), 1, "pop");
	if (id < RING)
		id = (chain.head + id) % RING;
	for (i = 0; i < times; i++)
		mirror_ring_push(layout_tx_ring(), id, 0);
	mirror_ring_publish(layout_tx_ring());
	virtio_reclaim(layout_tx_queue());
	return layout_expect_broken(layout_tx_queue());
}

static int
test_transmit_ids(void)
{
	TEST_ASSERT_SUCCESS(transmit_lie(2, RING, 1), "beyond");
	TEST_ASSERT_SUCCESS(transmit_lie(2, UINT16_MAX, 1), "beyond");
	TEST_ASSERT_SUCCESS(transmit_lie(1, 1, 1), "in the middle of a chain");
	TEST_ASSERT_SUCCESS(transmit_lie(3, 3, 1), "in the middle of another chain");
	TEST_ASSERT_SUCCESS(transmit_lie(3, 0, 2), "twice");
	TEST_ASSERT_SUCCESS(transmit_lie(2, 10, 1), "that was never sent");
	return TEST_SUCCESS;
}

/* The device may write to the descriptors what it likes: they are not read back. */
static int
test_scribbled_ring(void)
{
	struct mirror_ring *ring = layout_tx_ring();
	struct rte_mbuf *m[BURST];
	uint8_t back[64];
	unsigned int i, round;
	void *descs = ring->packed ? (void *)ring->packed_desc : (void *)ring->desc;

	for (round = 0; round < 4; round++) {
		for (i = 0; i < BURST; i++)
			m[i] = virtio_port_frame(60, i);
		TEST_ASSERT_EQUAL(layout_send(m, BURST), BURST, "not sent");
		for (i = 0; i < BURST; i++)
			TEST_ASSERT_EQUAL(fake_virtio_sent(back, sizeof(back)), 60,
				"frame %u", i);
		virtio_reclaim(layout_tx_queue());
		TEST_ASSERT_EQUAL(virtqueue_free_count(layout_tx_queue()), RING, "?");
		memset(descs, 0xff, RING * sizeof(struct vring_desc));
	}
	return TEST_SUCCESS;
}

static int
garbage(void)
{
	struct rte_mbuf *m[BURST];
	unsigned int round, i;
	uint32_t at, value;
	uint16_t n;

	for (round = 0; round < 1000; round++) {
		const struct virtqueue *vq = layout_random(2) == 0 ? layout_rx_queue() :
			layout_tx_queue();

		for (n = layout_random(8); n > 0; n--) {
			at = layout_random(vq->mz->len / 2) * 2;
			/* small numbers are those that could be */
			value = layout_random(4) == 0 ? layout_random(UINT16_MAX) :
				layout_random(RING);
			memcpy(RTE_PTR_ADD(vq->mz->addr, at), &value, sizeof(uint16_t));
		}
		n = layout_recv(m, BURST);
		rte_pktmbuf_free_bulk(m, n);
		for (i = 0; i < BURST; i++) {
			m[i] = virtio_port_frame(60, i);
			TEST_ASSERT_NOT_NULL(m[i], "mbufs are lost");
		}
		n = layout_send(m, BURST);
		rte_pktmbuf_free_bulk(m + n, BURST - n);
		if (!layout_rx_queue()->broken && !layout_tx_queue()->broken &&
				layout_random(16) != 0)
			continue;
		TEST_ASSERT_SUCCESS(virtio_layout_stop(), "round %u", round);
		TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	}
	return TEST_SUCCESS;
}

/* Anything anywhere: nothing is lost, and a restart helps. */
static int
test_garbage(void)
{
	int ret;

	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	ret = garbage();
	captured_log_stop();
	return ret;
}

/* What makes a device's words matter more. */
static void
offer(void)
{
	fake_virtio_offer(RTE_BIT64(VIRTIO_RING_F_EVENT_IDX) |
		RTE_BIT64(VIRTIO_NET_F_GUEST_TSO4) | RTE_BIT64(VIRTIO_NET_F_GUEST_TSO6));
}

static void
configure(struct rte_eth_conf *conf)
{
	conf->rxmode.max_lro_pkt_size = UINT16_MAX;
}

static const struct virtio_layout_extras extras = { offer, configure };

static const struct virtio_layout_case cases[] = {
	{ "test_receive_ids", test_receive_ids, NULL },
	{ "test_receive_batches", test_receive_batches, layout_is_in_order },
	{ "test_index", test_index, is_split },
	{ "test_wrap_counter", test_wrap_counter, is_packed },
	{ "test_num_buffers", test_num_buffers, layout_is_mergeable },
	{ "test_length", test_length, NULL },
	{ "test_transmit_ids", test_transmit_ids, tx_ids_matter },
	{ "test_scribbled_ring", test_scribbled_ring, NULL },
	{ "test_garbage", test_garbage, NULL },
}, cases_with_extras[] = {
	{ "test_garbage", test_garbage, NULL },
};

static int
test_virtio_rxtx_lies(void)
{
	int ret = virtio_layout_run("devices that lie", cases, RTE_DIM(cases));

	ret |= virtio_layout_run_with("devices with EVENT_IDX and LRO that lie", &extras,
			cases_with_extras, RTE_DIM(cases_with_extras));
	return ret == 0 ? TEST_SUCCESS : TEST_FAILED;
}

REGISTER_TEST_COMMAND(virtio_rxtx_lies_autotest, test_virtio_rxtx_lies);
