/* SPDX-License-Identifier: BSD-3-Clause */

#include <string.h>

#include <rte_mbuf.h>

#include <virtqueue.h>

#include "fake_vfio.h"
#include "test.h"
#include "virtio_port.h"

#define RING 64
#define BURST 32
#define HEADER 12

static uint8_t data[65536], back[65536];

static int
setup_args(const char *args)
{
	unsigned int i;

	for (i = 0; i < sizeof(data); i++)
		data[i] = i * 7 + i / 256;
	if (virtio_port_prepare(FAKE_VIRTIO_TRAPPED) < 0 ||
			virtio_port_attach(args) != 0)
		return TEST_FAILED;
	return virtio_port_start(RING);
}

static int
setup(void)
{
	return setup_args("");
}

static int
setup_not_mergeable(void)
{
	return setup_args("mrg_rxbuf=0");
}

static struct mirror_ring *
rx_ring(void)
{
	return &fake_virtio.queue[FAKE_VIRTIO_RX].ring;
}

static struct mirror_ring *
tx_ring(void)
{
	return &fake_virtio.queue[FAKE_VIRTIO_TX].ring;
}

static const struct virtqueue *
rx_queue(void)
{
	return virtio_port.dev->data->rx_queues[0];
}

static const struct virtqueue *
tx_queue(void)
{
	return virtio_port.dev->data->tx_queues[0];
}

static uint16_t
recv_burst(struct rte_mbuf **m, uint16_t count)
{
	return rte_eth_rx_burst(virtio_port.id, 0, m, count);
}

static uint16_t
send_burst(struct rte_mbuf **m, uint16_t count)
{
	return rte_eth_tx_burst(virtio_port.id, 0, m, count);
}

/* Compare a received frame with data, and free it. */
static int
check_frame(struct rte_mbuf *m, uint32_t len, uint16_t segs)
{
	const void *read;
	int ret = 0;

	if (m->pkt_len != len || m->nb_segs != segs ||
			m->port != virtio_port.id)
		ret = -1;
	read = rte_pktmbuf_read(m, 0, len, back);
	if (ret == 0 && (read == NULL || memcmp(read, data, len) != 0))
		ret = -1;
	rte_mbuf_sanity_check(m, 1);
	rte_pktmbuf_free(m);
	return ret;
}

static int
test_receive(void)
{
	struct rte_mbuf *m[BURST];
	uint16_t n;
	uint32_t len;

	TEST_ASSERT_EQUAL(mirror_ring_pending(rx_ring()), RING,
		"%u buffers at start", mirror_ring_pending(rx_ring()));
	TEST_ASSERT_EQUAL(recv_burst(m, BURST), 0, "a frame from nowhere");
	for (len = 14; len < 1514; len += 100)
		TEST_ASSERT_EQUAL(fake_virtio_receive(data, len), 1, "length %u",
			len);
	n = recv_burst(m, BURST);
	TEST_ASSERT_EQUAL(n, 15, "%u frames", n);
	for (n = 0, len = 14; len < 1514; len += 100, n++)
		TEST_ASSERT_SUCCESS(check_frame(m[n], len, 1), "length %u", len);
	return TEST_SUCCESS;
}

/* VIRTIO 1.2 s. 5.1.6.4: a frame over several buffers, of which one has the header. */
static int
test_mergeable(void)
{
	struct rte_mbuf *m[BURST];

	TEST_ASSERT_EQUAL(fake_virtio_receive(data, 5000), 3, "buffers");
	TEST_ASSERT_EQUAL(fake_virtio_receive(data, 60), 1, "buffers");
	TEST_ASSERT_EQUAL(recv_burst(m, BURST), 2, "frames");
	TEST_ASSERT_SUCCESS(check_frame(m[0], 5000, 3), "large frame");
	TEST_ASSERT_SUCCESS(check_frame(m[1], 60, 1), "small frame");
	return TEST_SUCCESS;
}

/* A frame of which not all buffers are there yet is left for the next burst. */
static int
test_mergeable_incomplete(void)
{
	struct rte_mbuf *m[BURST];
	uint16_t published;

	published = rx_ring()->used->idx;
	TEST_ASSERT_EQUAL(fake_virtio_receive(data, 5000), 3, "buffers");
	rx_ring()->used->idx = published + 2;
	TEST_ASSERT_EQUAL(recv_burst(m, BURST), 0, "a frame without its end");
	rx_ring()->used->idx = published + 3;
	TEST_ASSERT_EQUAL(recv_burst(m, BURST), 1, "the frame");
	TEST_ASSERT_SUCCESS(check_frame(m[0], 5000, 3), "content");
	return TEST_SUCCESS;
}

static int
test_transmit(void)
{
	struct rte_mbuf *m;
	uint32_t len;

	for (len = 14; len < 1514; len += 100) {
		m = virtio_port_frame(len, len);
		TEST_ASSERT_EQUAL(send_burst(&m, 1), 1, "length %u", len);
		TEST_ASSERT_EQUAL(fake_virtio_sent(back, sizeof(back)), (int)len,
			"length %u", len);
		TEST_ASSERT_EQUAL(back[0], (uint8_t)len, "content");
		TEST_ASSERT_EQUAL(back[len - 1], (uint8_t)len, "content");
	}
	TEST_ASSERT_EQUAL(mirror_ring_pending(tx_ring()), 0, "more frames");
	return TEST_SUCCESS;
}

/* Segments become a chain; without headroom, or shared, the header is apart. */
static int
test_transmit_chains(void)
{
	struct rte_mbuf *m, *clone;

	m = virtio_port_frame(100, 1);
	TEST_ASSERT_SUCCESS(rte_pktmbuf_chain(m, virtio_port_frame(200, 2)), "?");
	TEST_ASSERT_SUCCESS(rte_pktmbuf_chain(m, virtio_port_frame(300, 3)), "?");
	TEST_ASSERT_EQUAL(send_burst(&m, 1), 1, "not sent");
	TEST_ASSERT_EQUAL(fake_virtio_sent(back, sizeof(back)), 600, "length");
	TEST_ASSERT(back[99] == 1 && back[100] == 2 && back[300] == 3 &&
		back[599] == 3, "content");

	m = virtio_port_frame(100, 4);
	clone = rte_pktmbuf_clone(m, virtio_port.pool);
	TEST_ASSERT_NOT_NULL(clone, "no clone");
	TEST_ASSERT_EQUAL(send_burst(&clone, 1), 1, "not sent");
	TEST_ASSERT_EQUAL(fake_virtio_sent(back, sizeof(back)), 100, "length");
	TEST_ASSERT_EQUAL(back[0], 4, "content");
	rte_pktmbuf_free(m);

	m = virtio_port_frame(100, 5);
	rte_pktmbuf_prepend(m, rte_pktmbuf_headroom(m) - HEADER + 1);
	TEST_ASSERT_EQUAL(send_burst(&m, 1), 1, "not sent");
	TEST_ASSERT_EQUAL(fake_virtio_sent(back, sizeof(back)),
		100 + RTE_PKTMBUF_HEADROOM - HEADER + 1, "length");
	return TEST_SUCCESS;
}

/* The ring is full, and goes on when the device has taken something. */
static int
test_transmit_full(void)
{
	struct rte_mbuf *m;
	unsigned int sent;

	for (sent = 0; sent < 2 * RING; sent++) {
		m = virtio_port_frame(60, sent);
		if (send_burst(&m, 1) == 0)
			break;
	}
	rte_pktmbuf_free(m);
	TEST_ASSERT(sent >= RING - 1 && sent <= RING, "%u frames", sent);
	TEST_ASSERT_EQUAL(fake_virtio_sent(back, sizeof(back)), 60, "length");
	TEST_ASSERT_EQUAL(fake_virtio_sent(back, sizeof(back)), 60, "length");
	m = virtio_port_frame(60, 0);
	TEST_ASSERT_EQUAL(send_burst(&m, 1), 1, "not sent");
	return TEST_SUCCESS;
}

/* A frame of more segments than the ring has descriptors can never be sent. */
static int
test_transmit_too_long(void)
{
	struct rte_mbuf *m = virtio_port_frame(60, 1);
	struct rte_eth_stats stats;
	unsigned int i;

	for (i = 0; i < RING; i++)
		rte_pktmbuf_chain(m, virtio_port_frame(1, 1));
	TEST_ASSERT_EQUAL(send_burst(&m, 1), 1, "kept for ever");
	rte_eth_stats_get(virtio_port.id, &stats);
	TEST_ASSERT_EQUAL(stats.oerrors, 1, "not counted");
	TEST_ASSERT_EQUAL(stats.opackets, 0, "counted as sent");
	TEST_ASSERT_EQUAL(mirror_ring_pending(tx_ring()), 0, "sent");
	return TEST_SUCCESS;
}

/* Indices wrap, and buffers come back in another order than they were given. */
static int
test_wrap_out_of_order(void)
{
	struct mirror_chain chain[2];
	struct rte_mbuf *m[2];
	unsigned int i, j;

	for (i = 0; i < 70000; i++) {
		for (j = 0; j < 2; j++) {
			m[j] = virtio_port_frame(60, i + j);
			TEST_ASSERT_NOT_NULL(m[j], "mbufs are lost (%u)", i);
		}
		TEST_ASSERT_EQUAL(send_burst(m, 2), 2, "frame %u", i);
		TEST_ASSERT_EQUAL(mirror_ring_pop(tx_ring(), &chain[0]), 1, "pop");
		TEST_ASSERT_EQUAL(mirror_ring_pop(tx_ring(), &chain[1]), 1, "pop");
		TEST_ASSERT_EQUAL(chain[0].buf[0].addr[HEADER], (uint8_t)i, "%u", i);
		mirror_ring_push(tx_ring(), chain[1].head, 0);
		mirror_ring_push(tx_ring(), chain[0].head, 0);
		mirror_ring_publish(tx_ring());

		TEST_ASSERT_EQUAL(mirror_ring_pop(rx_ring(), &chain[0]), 1, "pop");
		TEST_ASSERT_EQUAL(mirror_ring_pop(rx_ring(), &chain[1]), 1, "pop");
		for (j = 0; j < 2; j++) {
			memset(chain[j].buf[0].addr, 0, HEADER);
			chain[j].buf[0].addr[10] = 1; /* num_buffers */
			chain[j].buf[0].addr[HEADER] = i + j;
		}
		mirror_ring_push(rx_ring(), chain[1].head, HEADER + 60);
		mirror_ring_push(rx_ring(), chain[0].head, HEADER + 60);
		mirror_ring_publish(rx_ring());
		TEST_ASSERT_EQUAL(recv_burst(m, 2), 2, "frame %u", i);
		TEST_ASSERT_EQUAL(*rte_pktmbuf_mtod(m[0], uint8_t *),
			(uint8_t)(i + 1), "%u", i);
		rte_pktmbuf_free_bulk(m, 2);
	}
	return TEST_SUCCESS;
}

/* Push an element of any kind, and receive. */
static uint16_t
recv_pushed(struct rte_mbuf **m, uint32_t id, uint32_t len)
{
	mirror_ring_push(rx_ring(), id, len);
	mirror_ring_publish(rx_ring());
	return recv_burst(m, 1);
}

/* Broken for good, until the port is started again. */
static int
expect_broken(const struct virtqueue *vq)
{
	struct rte_mbuf *m = virtio_port_frame(60, 1);

	TEST_ASSERT(vq->broken, "not noticed");
	TEST_ASSERT_EQUAL(vq == rx_queue() ? recv_burst(&m, 1) : send_burst(&m, 1), 0,
		"still used");
	rte_pktmbuf_free(m);
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	TEST_ASSERT(!vq->broken, "still broken");
	return TEST_SUCCESS;
}

static int
test_lies_receive(void)
{
	struct mirror_chain chain;
	struct rte_mbuf *m;

	TEST_ASSERT_EQUAL(recv_pushed(&m, RING, 100), 0, "an id too large");
	TEST_ASSERT_SUCCESS(expect_broken(rx_queue()), "id too large");
	TEST_ASSERT_EQUAL(recv_pushed(&m, UINT32_MAX, 100), 0, "an id too large");
	TEST_ASSERT_SUCCESS(expect_broken(rx_queue()), "id too large");

	/* the same buffer twice, before it was given again */
	TEST_ASSERT_EQUAL(mirror_ring_pop(rx_ring(), &chain), 1, "pop");
	memset(chain.buf[0].addr, 0, HEADER);
	chain.buf[0].addr[10] = 1;
	mirror_ring_push(rx_ring(), chain.head, 100);
	TEST_ASSERT_EQUAL(recv_pushed(&m, chain.head, 100), 1, "the first");
	rte_pktmbuf_free(m);
	TEST_ASSERT_EQUAL(recv_burst(&m, 1), 0, "the second");
	TEST_ASSERT_SUCCESS(expect_broken(rx_queue()), "returned twice");

	/* more used elements than there are buffers */
	rx_ring()->used->idx += RING + 1;
	TEST_ASSERT_EQUAL(recv_burst(&m, 1), 0, "an index that jumps");
	TEST_ASSERT_SUCCESS(expect_broken(rx_queue()), "index");
	return TEST_SUCCESS;
}

static int
test_lies_num_buffers(void)
{
	static const uint16_t lies[] = { 0, RING + 1, UINT16_MAX };
	struct mirror_chain chain;
	struct rte_mbuf *m;
	unsigned int i;

	for (i = 0; i < RTE_DIM(lies); i++) {
		TEST_ASSERT_EQUAL(mirror_ring_pop(rx_ring(), &chain), 1, "pop");
		memset(chain.buf[0].addr, 0, HEADER);
		memcpy(chain.buf[0].addr + 10, &lies[i], sizeof(lies[i]));
		TEST_ASSERT_EQUAL(recv_pushed(&m, chain.head, 100), 0, "%u",
			lies[i]);
		TEST_ASSERT_SUCCESS(expect_broken(rx_queue()), "%u", lies[i]);
	}
	/* the second buffer of a frame is none */
	TEST_ASSERT_EQUAL(mirror_ring_pop(rx_ring(), &chain), 1, "pop");
	memset(chain.buf[0].addr, 0, HEADER);
	chain.buf[0].addr[10] = 2;
	mirror_ring_push(rx_ring(), chain.head, 100);
	TEST_ASSERT_EQUAL(recv_pushed(&m, chain.head, 100), 0, "the same again");
	TEST_ASSERT_SUCCESS(expect_broken(rx_queue()), "the same again");
	return TEST_SUCCESS;
}

/* A length that the buffer does not have is cut and counted; a short one dropped. */
static int
test_lies_length(void)
{
	struct rte_eth_stats stats;
	struct mirror_chain chain;
	struct rte_mbuf *m;

	TEST_ASSERT_EQUAL(mirror_ring_pop(rx_ring(), &chain), 1, "pop");
	memset(chain.buf[0].addr, 0, HEADER);
	chain.buf[0].addr[10] = 1;
	TEST_ASSERT_EQUAL(recv_pushed(&m, chain.head, UINT32_MAX), 1, "dropped");
	TEST_ASSERT_EQUAL(m->pkt_len, chain.buf[0].len - HEADER, "length %u",
		m->pkt_len);
	rte_mbuf_sanity_check(m, 1);
	rte_pktmbuf_free(m);
	TEST_ASSERT_EQUAL(rx_queue()->stats.clamped, 1, "not counted");

	TEST_ASSERT_EQUAL(mirror_ring_pop(rx_ring(), &chain), 1, "pop");
	TEST_ASSERT_EQUAL(recv_pushed(&m, chain.head, 0), 0, "nothing");
	TEST_ASSERT_EQUAL(mirror_ring_pop(rx_ring(), &chain), 1, "pop");
	TEST_ASSERT_EQUAL(recv_pushed(&m, chain.head, HEADER + 13), 0, "short");
	rte_eth_stats_get(virtio_port.id, &stats);
	TEST_ASSERT_EQUAL(stats.ierrors, 2, "%u errors",
		(unsigned int)stats.ierrors);
	TEST_ASSERT(!rx_queue()->broken, "broken by it");
	return TEST_SUCCESS;
}

static int
test_lies_transmit(void)
{
	struct rte_mbuf *m = virtio_port_frame(60, 1);
	unsigned int i;

	TEST_ASSERT_EQUAL(send_burst(&m, 1), 1, "not sent");
	mirror_ring_push(tx_ring(), RING + 5, 0);
	mirror_ring_publish(tx_ring());
	for (i = 0; i < RING && !tx_queue()->broken; i++) {
		m = virtio_port_frame(60, 1);
		if (send_burst(&m, 1) == 0)
			rte_pktmbuf_free(m);
	}
	TEST_ASSERT_SUCCESS(expect_broken(tx_queue()), "id");
	/* a descriptor in the middle of a chain is not its head */
	m = virtio_port_frame(60, 1);
	rte_pktmbuf_chain(m, virtio_port_frame(60, 2));
	TEST_ASSERT_EQUAL(send_burst(&m, 1), 1, "not sent");
	mirror_ring_push(tx_ring(), tx_ring()->desc[0].next, 0);
	mirror_ring_publish(tx_ring());
	for (i = 0; i < RING && !tx_queue()->broken; i++) {
		m = virtio_port_frame(60, 1);
		if (send_burst(&m, 1) == 0)
			rte_pktmbuf_free(m);
	}
	TEST_ASSERT_SUCCESS(expect_broken(tx_queue()), "middle of a chain");
	return TEST_SUCCESS;
}

/* The device may write to the ring what it likes: links are not read back. */
static int
test_scribbled_ring(void)
{
	struct rte_mbuf *m[BURST];
	unsigned int i, round;

	for (round = 0; round < 4; round++) {
		memset(tx_ring()->desc, 0xff, RING * sizeof(struct vring_desc));
		for (i = 0; i < BURST; i++)
			m[i] = virtio_port_frame(60, i);
		TEST_ASSERT_EQUAL(send_burst(m, BURST), BURST, "not sent");
		for (i = 0; i < BURST; i++)
			TEST_ASSERT_EQUAL(fake_virtio_sent(back, sizeof(back)), 60,
				"frame %u", i);
	}
	return TEST_SUCCESS;
}

/* An empty pool: counted, and reception goes on when there are mbufs again. */
static int
test_no_mbufs(void)
{
	static struct rte_mbuf *all[2048];
	struct rte_mbuf *m[BURST];
	struct rte_eth_stats stats;
	unsigned int count = 0, i;

	while ((all[count] = rte_pktmbuf_alloc(virtio_port.pool)) != NULL)
		count++;
	for (i = 0; i < RING; i++)
		TEST_ASSERT_EQUAL(fake_virtio_receive(data, 60), 1, "frame %u", i);
	TEST_ASSERT_EQUAL(recv_burst(m, BURST), BURST, "frames");
	rte_eth_stats_get(virtio_port.id, &stats);
	TEST_ASSERT(stats.rx_nombuf > 0, "not counted");
	for (i = 0; i < BURST; i++)
		rte_pktmbuf_free(m[i]);
	rte_pktmbuf_free_bulk(all, count);
	TEST_ASSERT_EQUAL(recv_burst(m, BURST), BURST, "frames");
	rte_pktmbuf_free_bulk(m, BURST);
	recv_burst(m, BURST);
	TEST_ASSERT(mirror_ring_pending(rx_ring()) > RING / 2, "%u buffers",
		mirror_ring_pending(rx_ring()));
	return TEST_SUCCESS;
}

/* VIRTIO 1.2 s. 2.7.10: no kicks where the device does not want them. */
static int
test_kicks(void)
{
	struct rte_mbuf *m = virtio_port_frame(60, 1);

	fake_virtio.kicks = 0;
	TEST_ASSERT_EQUAL(send_burst(&m, 1), 1, "not sent");
	TEST_ASSERT_EQUAL(fake_virtio.kicks, 1, "%u kicks", fake_virtio.kicks);
	mirror_ring_want_kicks(tx_ring(), false);
	m = virtio_port_frame(60, 1);
	TEST_ASSERT_EQUAL(send_burst(&m, 1), 1, "not sent");
	TEST_ASSERT_EQUAL(fake_virtio.kicks, 1, "%u kicks", fake_virtio.kicks);
	/* and the driver polls: it wants no interrupts */
	TEST_ASSERT_EQUAL(rx_ring()->avail->flags, VRING_AVAIL_F_NO_INTERRUPT,
		"it wants interrupts");
	/* a doorbell that fails breaks the queue */
	mirror_ring_want_kicks(tx_ring(), true);
	fake_vfio.fail = FAKE_OP_REGION_WRITE;
	m = virtio_port_frame(60, 1);
	TEST_ASSERT_EQUAL(send_burst(&m, 1), 1, "not sent");
	TEST_ASSERT_SUCCESS(expect_broken(tx_queue()), "doorbell");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: bursts on the split ring",
	.unit_test_cases = {
		TEST_CASE_ST(setup, virtio_port_stop, test_receive),
		TEST_CASE_ST(setup_not_mergeable, virtio_port_stop, test_receive),
		TEST_CASE_ST(setup, virtio_port_stop, test_mergeable),
		TEST_CASE_ST(setup, virtio_port_stop, test_mergeable_incomplete),
		TEST_CASE_ST(setup, virtio_port_stop, test_transmit),
		TEST_CASE_ST(setup, virtio_port_stop, test_transmit_chains),
		TEST_CASE_ST(setup, virtio_port_stop, test_transmit_full),
		TEST_CASE_ST(setup, virtio_port_stop, test_transmit_too_long),
		TEST_CASE_ST(setup, virtio_port_stop, test_wrap_out_of_order),
		TEST_CASE_ST(setup, virtio_port_stop, test_lies_receive),
		TEST_CASE_ST(setup_not_mergeable, virtio_port_stop,
			test_lies_receive),
		TEST_CASE_ST(setup, virtio_port_stop, test_lies_num_buffers),
		TEST_CASE_ST(setup, virtio_port_stop, test_lies_length),
		TEST_CASE_ST(setup, virtio_port_stop, test_lies_transmit),
		TEST_CASE_ST(setup, virtio_port_stop, test_scribbled_ring),
		TEST_CASE_ST(setup, virtio_port_stop, test_no_mbufs),
		TEST_CASE_ST(setup, virtio_port_stop, test_kicks),
		TEST_CASES_END()
	}
};

static int
test_virtio_rxtx_split(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(virtio_rxtx_split_autotest, test_virtio_rxtx_split);
