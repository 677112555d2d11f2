/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Long traffic in both directions: indices and wrap counters wrap, and the device
 * returns buffers in any order that the layout allows.
 */

#include <string.h>

#include "virtio_layout.h"

#define RING LAYOUT_RING
#define BURST LAYOUT_BURST

/* More than indices count, and both wrap counters many times. */
#define FRAMES 70000
#define FRAMES_FEW 10000

/* How the device returns what it has. */
enum order {
	ORDER_KEPT,
	ORDER_SHUFFLED,
	ORDER_REVERSED,
	ORDER_SHUFFLED_FIRST, /* of all frames the first tenth, and then in order */
	ORDER_BATCHES,        /* in order: several by one element */
};

/* Chains that the device has taken and not returned, in the order in which it took them. */
struct held {
	uint16_t count;
	struct mirror_chain chain[RING];
};

static struct held tx, rx;
static struct rte_mempool *other_pool;

/* Remove one. */
static struct mirror_chain
held_remove(struct held *held, uint16_t i)
{
	struct mirror_chain chain = held->chain[i];

	held->count--;
	memmove(&held->chain[i], &held->chain[i + 1],
		(held->count - i) * sizeof(chain));
	return chain;
}

static uint16_t
choose(const struct held *held, enum order order, uint32_t seq)
{
	if (order == ORDER_SHUFFLED ||
			(order == ORDER_SHUFFLED_FIRST && seq < FRAMES_FEW / 10))
		return layout_random(held->count);
	return order == ORDER_REVERSED ? held->count - 1 : 0;
}

/* A frame for transmission, of one of many kinds; NULL if there is no mbuf. */
static struct rte_mbuf *
make_frame(uint32_t seq)
{
	struct rte_mempool *pool = layout_random(8) == 0 ? other_pool :
		virtio_port.pool;
	struct rte_mbuf *m = layout_mbuf(pool, seq), *clone, *empty;
	uint32_t kind = layout_random(16);

	if (m == NULL)
		return NULL;
	if (kind == 0) {
		/* shared: what was made of it is sent */
		clone = rte_pktmbuf_clone(m, virtio_port.pool);
		rte_pktmbuf_free(m);
		return clone;
	}
	if (kind == 1) {
		/* behind it, or before it, a segment of nothing */
		empty = rte_pktmbuf_alloc(virtio_port.pool);
		if (empty != NULL && layout_random(2) == 0) {
			rte_pktmbuf_chain(empty, m);
			return empty;
		}
		if (empty != NULL)
			rte_pktmbuf_chain(m, empty);
	}
	if (kind == 2 && m->nb_segs == 1) {
		/* no headroom: the frame begins where the buffer does */
		memmove(m->buf_addr, rte_pktmbuf_mtod(m, void *), m->data_len);
		m->data_off = 0;
	}
	return m;
}

/* The driver sends, and the device takes: in the order in which they were sent. */
static int
transmit(uint32_t *sent, uint32_t *taken)
{
	struct rte_mbuf *m[BURST];
	uint16_t want = layout_random(BURST) + 1, made, n;

	for (made = 0; made < want; made++) {
		m[made] = make_frame(*sent + made);
		if (m[made] == NULL)
			break;
	}
	n = layout_send(m, made);
	*sent += n;
	rte_pktmbuf_free_bulk(m + n, made - n);
	for (want = layout_random(2 * BURST); want > 0 && tx.count < RING; want--) {
		if (mirror_ring_pending(layout_tx_ring()) == 0)
			break;
		TEST_ASSERT_SUCCESS(layout_take(&tx.chain[tx.count], *taken),
			"frame %u", *taken);
		tx.count++;
		(*taken)++;
	}
	return TEST_SUCCESS;
}

/* The device returns some of what it has sent. */
static void
return_sent(enum order order, uint32_t seq, uint16_t count)
{
	struct mirror_ring *ring = layout_tx_ring();
	uint16_t ids[RING], n, i;

	count = RTE_MIN(count, tx.count);
	while (count > 0) {
		n = order == ORDER_BATCHES ? layout_random(count) + 1 : 1;
		for (i = 0; i < n; i++)
			ids[i] = held_remove(&tx, choose(&tx, order, seq)).head;
		if (n == 1)
			mirror_ring_push(ring, ids[0], 0);
		else
			mirror_ring_push_batch(ring, ids, n, 0);
		count -= n;
	}
	mirror_ring_publish(ring);
}

static int
hold_buffers(void)
{
	int ret = 1;

	while (rx.count < RING && ret == 1) {
		ret = mirror_ring_pop(layout_rx_ring(), &rx.chain[rx.count]);
		TEST_ASSERT(ret >= 0, "the driver broke a rule");
		TEST_ASSERT(ret == 0 || (rx.chain[rx.count].nr_in == 1 &&
			rx.chain[rx.count].nr_out == 0), "no receive buffer");
		rx.count += ret;
	}
	return TEST_SUCCESS;
}

/* Write a frame into buffers; none is left empty. The number, 0 if there are too few. */
static uint16_t
write_frame(uint32_t seq, enum order order, struct mirror_chain *chains, uint32_t *lens)
{
	uint32_t len = layout_frame_len(seq), room = 0, done = 0, skip = LAYOUT_HEADER;
	struct virtio_net_hdr_v1 header = { .num_buffers = 0 };
	bool full = order == ORDER_BATCHES || layout_random(2) == 0;
	uint8_t frame[LAYOUT_FRAME_MAX];
	uint16_t n, i, min;

	min = len <= 2048 ? 1 : 1 + (len - 2048 + 2059) / 2060;
	n = min;
	if (virtio_layout.mergeable && !full && min == 1 && len > 64)
		n += layout_random(3);
	if (n > rx.count)
		return 0;
	layout_frame(seq, frame, len);
	header.num_buffers = rte_cpu_to_le_16(n);
	for (i = 0; i < n; i++) {
		chains[i] = held_remove(&rx, choose(&rx, order, seq));
		room = chains[i].buf[0].len - skip;
		lens[i] = RTE_MIN(room, len - done);
		/* more buffers than are needed: less in the ones before the end */
		if (n > min && i + 1 < n)
			lens[i] = RTE_MAX(lens[i] / 2, i == 0 ? 14u : 1u);
		memcpy(chains[i].buf[0].addr, &header, skip);
		memcpy(chains[i].buf[0].addr + skip, frame + done, lens[i]);
		done += lens[i];
		lens[i] += skip;
		skip = 0;
	}
	return n;
}

/* The device gives a frame to the driver. Buffers: 0 if there are too few. */
static uint16_t
give_frame(uint32_t seq, enum order order)
{
	struct mirror_chain chains[8];
	uint32_t lens[8];
	uint16_t ids[8];
	uint16_t n, i;

	n = write_frame(seq, order, chains, lens);
	for (i = 0; i < n; i++)
		ids[i] = chains[i].head;
	/* s. 2.7.9: all but the last one of a batch are full */
	if (n > 1 && order == ORDER_BATCHES) {
		mirror_ring_push_batch(layout_rx_ring(), ids, n, lens[n - 1]);
	} else {
		for (i = 0; i < n; i++)
			mirror_ring_push(layout_rx_ring(), ids[i], lens[i]);
	}
	return n;
}

static int
receive(uint32_t *given, uint32_t *got, enum order order)
{
	struct rte_mbuf *m[BURST];
	uint16_t n, i;

	TEST_ASSERT_SUCCESS(hold_buffers(), "?");
	for (n = layout_random(BURST + 1); n > 0; n--) {
		if (give_frame(*given, order) == 0)
			break;
		(*given)++;
	}
	mirror_ring_publish(layout_rx_ring());
	n = layout_recv(m, layout_random(BURST) + 1);
	for (i = 0; i < n; i++, (*got)++)
		TEST_ASSERT_SUCCESS(layout_check_mbuf(m[i], *got), "frame %u", *got);
	TEST_ASSERT(*got <= *given, "%u frames of %u", *got, *given);
	TEST_ASSERT(!layout_rx_queue()->broken && !layout_tx_queue()->broken,
		"broken by an honest device");
	return TEST_SUCCESS;
}

/* The straightforward way to count. */
static int
check_stats(const struct virtqueue *vq, uint32_t frames)
{
	static const uint32_t beyond[VIRTQUEUE_SIZE_BINS] = {
		63, 64, 127, 255, 511, 1023, 1518, UINT32_MAX,
	};
	struct virtqueue_stats want = { .packets = frames };
	uint32_t seq, len, bin;

	for (seq = 0; seq < frames; seq++) {
		len = layout_frame_len(seq);
		want.bytes += len;
		want.multicast += seq % 3 == 1;
		want.broadcast += seq % 3 == 2;
		for (bin = 0; len > beyond[bin]; bin++)
			;
		want.size_bins[bin]++;
	}
	TEST_ASSERT_EQUAL(vq->stats.packets, want.packets, "packets");
	TEST_ASSERT_EQUAL(vq->stats.bytes, want.bytes, "bytes");
	TEST_ASSERT_EQUAL(vq->stats.multicast, want.multicast, "multicast");
	TEST_ASSERT_EQUAL(vq->stats.broadcast, want.broadcast, "broadcast");
	for (bin = 0; bin < VIRTQUEUE_SIZE_BINS; bin++)
		TEST_ASSERT_EQUAL(vq->stats.size_bins[bin], want.size_bins[bin],
			"size bin %u", bin);
	TEST_ASSERT_EQUAL(vq->stats.errors + vq->stats.clamped + vq->stats.broken, 0,
		"errors");
	return TEST_SUCCESS;
}

static int
traffic(enum order order)
{
	uint32_t sent = 0, taken = 0, given = 0, got = 0;
	uint32_t frames = virtio_layout.offload || order == ORDER_REVERSED ||
		order == ORDER_SHUFFLED_FIRST ? FRAMES_FEW : FRAMES;

	while (sent < frames || got < frames) {
		if (transmit(&sent, &taken) != TEST_SUCCESS)
			return TEST_FAILED;
		return_sent(order, taken, layout_random(BURST));
		if (receive(&given, &got, order) != TEST_SUCCESS)
			return TEST_FAILED;
	}
	if (check_stats(layout_tx_queue(), sent) != TEST_SUCCESS)
		return TEST_FAILED;
	return check_stats(layout_rx_queue(), got);
}

static int
run(enum order order)
{
	int ret;

	tx.count = rx.count = 0;
	other_pool = rte_pktmbuf_pool_create("other", 255, 0, 0,
			RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	TEST_ASSERT_NOT_NULL(other_pool, "no pool");
	ret = traffic(order);
	if (ret == TEST_SUCCESS)
		ret = virtio_layout_stop();
	if (ret == TEST_SUCCESS)
		ret = layout_check_pool(other_pool);
	/* what a failure left in the queues is the pool's */
	if (ret == TEST_SUCCESS)
		ret = rte_eth_dev_start(virtio_port.id);
	else
		rte_eth_dev_stop(virtio_port.id);
	rte_mempool_free(other_pool);
	return ret;
}

static int
test_in_order(void)
{
	return run(ORDER_KEPT);
}

static int
test_shuffled(void)
{
	return run(ORDER_SHUFFLED);
}

static int
test_reversed(void)
{
	return run(ORDER_REVERSED);
}

/* Out of order first, in order later: what was left in a shuffled state still works. */
static int
test_shuffled_first(void)
{
	return run(ORDER_SHUFFLED_FIRST);
}

static int
test_batches(void)
{
	return run(ORDER_BATCHES);
}

/* Several frames, of one buffer each, by one element; and bursts that end in them. */
static int
test_batches_of_frames(void)
{
	struct rte_mbuf *m[BURST];
	struct mirror_chain chain;
	uint32_t lens, seq = 0, got = 0, len;
	uint16_t ids[RING], n, i;
	uint8_t frame[64];

	while (seq < FRAMES_FEW) {
		n = layout_random(BURST) + 1;
		for (i = 0; i < n && mirror_ring_pop(layout_rx_ring(), &chain) == 1; i++) {
			ids[i] = chain.head;
			len = chain.buf[0].len - LAYOUT_HEADER;
			if (layout_write(&chain, 1, seq++, len, &lens) != 1)
				return TEST_FAILED;
		}
		if (i > 0)
			mirror_ring_push_batch(layout_rx_ring(), ids, i, 100);
		mirror_ring_publish(layout_rx_ring());
		/* of the last one so many bytes, and all of the others */
		while (i > 0) {
			n = layout_recv(m, layout_random(BURST) + 1);
			TEST_ASSERT(n > 0 && n <= i, "%u of %u", n, i);
			for (i -= n; n > 0; n--, got++) {
				TEST_ASSERT_EQUAL(m[0]->pkt_len, i + n == 1 ?
					100 - LAYOUT_HEADER : 2048,
					"frame %u", got);
				layout_frame(got, frame, 64);
				TEST_ASSERT_SUCCESS(memcmp(frame, rte_pktmbuf_mtod(m[0],
					void *), 64), "frame %u", got);
				rte_pktmbuf_free(m[0]);
				memmove(m, m + 1, (BURST - 1) * sizeof(m[0]));
			}
		}
	}
	return TEST_SUCCESS;
}

static const struct virtio_layout_case cases[] = {
	{ "test_in_order", test_in_order, NULL },
	{ "test_shuffled", test_shuffled, layout_is_out_of_order },
	{ "test_reversed", test_reversed, layout_is_out_of_order },
	{ "test_shuffled_first", test_shuffled_first, layout_is_out_of_order },
	{ "test_batches", test_batches, layout_is_in_order },
	{ "test_batches_of_frames", test_batches_of_frames, layout_is_in_order },
};

static int
test_virtio_rxtx_order(void)
{
	return virtio_layout_run("order of buffers", cases, RTE_DIM(cases));
}

REGISTER_TEST_COMMAND(virtio_rxtx_order_autotest, test_virtio_rxtx_order);
