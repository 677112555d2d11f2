/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Receive into pools of pinned external buffers: a buffer does not lie behind its mbuf,
 * and what the device is given is another address than the application's.
 */

#include <string.h>

#include "twice_mapped.h"
#include "virtio_layout.h"

#define RING LAYOUT_RING
#define BURST LAYOUT_BURST
#define COUNT 511
#define BUFFER RTE_MBUF_DEFAULT_BUF_SIZE
#define FIRST_ZONE 100 /* buffers; the others are in the second one */
#define FRAMES 4000
#define KEPT 40

static struct twice_mapped zones[2];
static struct rte_mempool *pool;
static struct {
	const struct rte_mbuf *m;
	void *addr;
	rte_iova_t iova;
} buffers[COUNT];

/* Buffers that the device has taken and not returned. */
static struct mirror_chain held[RING];
static uint16_t nr_held;

/* Frames that the application keeps for a while. */
static struct {
	struct rte_mbuf *m;
	uint32_t seq;
} kept[KEPT];
static uint16_t nr_kept;

static void
note_buffer(struct rte_mempool *mp, void *opaque, void *obj, unsigned int i)
{
	const struct rte_mbuf *m = obj;

	RTE_SET_USED(mp);
	RTE_SET_USED(opaque);
	buffers[i].m = m;
	buffers[i].addr = m->buf_addr;
	buffers[i].iova = rte_mbuf_iova_get(m);
}

static int
create_pool(void)
{
	struct rte_pktmbuf_extmem mem[RTE_DIM(zones)];
	unsigned int i;

	for (i = 0; i < RTE_DIM(zones); i++) {
		if (twice_map(&zones[i], (i == 0 ? FIRST_ZONE : COUNT - FIRST_ZONE) *
				BUFFER) < 0)
			return -1;
		mem[i].buf_ptr = zones[i].addr;
		mem[i].buf_iova = (uintptr_t)zones[i].device;
		mem[i].buf_len = zones[i].len;
		mem[i].elt_size = BUFFER;
	}
	pool = rte_pktmbuf_pool_create_extbuf("pinned", COUNT, 0, 0, BUFFER,
			SOCKET_ID_ANY, mem, RTE_DIM(mem));
	if (pool == NULL)
		return -1;
	rte_mempool_obj_iter(pool, note_buffer, NULL);
	return 0;
}

/* The place of an mbuf of the pool in buffers[]; -1 if it has another buffer now. */
static int
find_buffer(const struct rte_mbuf *m)
{
	unsigned int i;

	for (i = 0; i < COUNT && buffers[i].m != m; i++)
		;
	return i < COUNT && m->buf_addr == buffers[i].addr &&
		rte_mbuf_iova_get(m) == buffers[i].iova && m->buf_len == BUFFER &&
		m->pool == pool ? (int)i : -1;
}

static void
check_object(struct rte_mempool *mp, void *opaque, void *obj, unsigned int i)
{
	const struct rte_mbuf *m = obj;
	unsigned int *bad = opaque;

	RTE_SET_USED(mp);
	*bad += find_buffer(m) != (int)i || m->shinfo == NULL ||
		rte_mbuf_ext_refcnt_read(m->shinfo) != 1;
}

/* All is back, with its own buffer, which nobody else has. */
static int
check_pool(void)
{
	unsigned int bad = 0;

	TEST_ASSERT_SUCCESS(layout_check_pool(pool), "?");
	rte_mempool_obj_iter(pool, check_object, &bad);
	TEST_ASSERT_EQUAL(bad, 0, "%u mbufs have other buffers", bad);
	return TEST_SUCCESS;
}

/* Where a buffer is that the device was given, with room for the header before a frame. */
static int
check_address(const struct mirror_buf *buf, bool virtual)
{
	unsigned int i;
	size_t at = 0;

	for (i = 0; i < RTE_DIM(zones); i++) {
		at = buf->addr - (virtual ? zones[i].addr : zones[i].device);
		if (at < zones[i].len)
			break;
	}
	TEST_ASSERT(i < RTE_DIM(zones), "no address of a buffer: %p", (void *)buf->addr);
	TEST_ASSERT_EQUAL(at % BUFFER, RTE_PKTMBUF_HEADROOM - LAYOUT_HEADER,
		"%zu into a buffer", at % BUFFER);
	TEST_ASSERT_EQUAL(buf->len, BUFFER - RTE_PKTMBUF_HEADROOM + LAYOUT_HEADER,
		"%u bytes", buf->len);
	return TEST_SUCCESS;
}

static int
hold_buffers(bool virtual)
{
	struct mirror_chain *chain = &held[nr_held];
	int ret;

	while (nr_held < RING && (ret = mirror_ring_pop(layout_rx_ring(), chain)) != 0) {
		TEST_ASSERT(ret == 1 && chain->nr_in == 1 && chain->nr_out == 0,
			"no receive buffer");
		TEST_ASSERT_SUCCESS(check_address(&chain->buf[0], virtual), "?");
		chain = &held[++nr_held];
	}
	return TEST_SUCCESS;
}

static struct mirror_chain
take_held(void)
{
	uint16_t i = virtio_layout.in_order ? 0 : layout_random(nr_held);
	struct mirror_chain chain = held[i];

	memmove(&held[i], &held[i + 1], (--nr_held - i) * sizeof(chain));
	return chain;
}

/* The device gives a frame to the driver; false if it has too few buffers. */
static bool
give_frame(uint32_t seq)
{
	uint32_t len = layout_frame_len(seq), lens[LAYOUT_SEGS_MAX];
	uint16_t n = len <= 2048 ? 1 : 1 + (len - 2048 + 2059) / 2060, i;
	struct mirror_chain chains[LAYOUT_SEGS_MAX];

	if (n > nr_held)
		return false;
	for (i = 0; i < n; i++)
		chains[i] = take_held();
	if (layout_write(chains, n, seq, len, lens) != n)
		return false;
	for (i = 0; i < n; i++)
		mirror_ring_push(layout_rx_ring(), chains[i].head, lens[i]);
	return true;
}

/* Frames, and now and then what is none. How many. */
static uint16_t
give_frames(uint32_t seq)
{
	uint16_t want = layout_random(BURST + 1), given = 0;

	if (nr_held > 0 && layout_random(4) == 0)
		mirror_ring_push(layout_rx_ring(), take_held().head, 5);
	while (given < want && give_frame(seq + given))
		given++;
	mirror_ring_publish(layout_rx_ring());
	return given;
}

static int
check_frame(struct rte_mbuf *m, uint32_t seq)
{
	struct rte_mbuf *seg;
	uint16_t off;

	for (seg = m; seg != NULL; seg = seg->next) {
		off = RTE_PKTMBUF_HEADROOM - (seg == m ? 0 : LAYOUT_HEADER);
		TEST_ASSERT(find_buffer(seg) >= 0, "frame %u: another buffer", seq);
		TEST_ASSERT((seg->ol_flags & (RTE_MBUF_F_EXTERNAL |
			RTE_MBUF_F_INDIRECT)) == RTE_MBUF_F_EXTERNAL &&
			seg->refcnt == 1 && seg->data_off == off,
			"frame %u: not its buffer, or %u into it", seq, seg->data_off);
	}
	TEST_ASSERT_SUCCESS(layout_check_mbuf(m, seq), "frame %u", seq);
	return TEST_SUCCESS;
}

static int
check_kept(void)
{
	while (nr_kept > 0) {
		nr_kept--;
		TEST_ASSERT_SUCCESS(check_frame(kept[nr_kept].m, kept[nr_kept].seq),
			"kept");
	}
	return TEST_SUCCESS;
}

static int
receive(uint32_t *got, uint32_t given)
{
	struct rte_mbuf *m[BURST];
	uint16_t n, i;

	n = layout_recv(m, layout_random(BURST) + 1);
	TEST_ASSERT(n <= given - *got, "%u frames of %u", n, given - *got);
	for (i = 0; i < n; i++, (*got)++) {
		if (nr_kept < KEPT && layout_random(8) == 0) {
			kept[nr_kept].m = m[i];
			kept[nr_kept++].seq = *got;
		} else {
			TEST_ASSERT_SUCCESS(check_frame(m[i], *got), "?");
		}
	}
	return nr_kept < KEPT ? TEST_SUCCESS : check_kept();
}

/* By addresses, that is by what lies in the buffers. */
static int
check_stats(const struct virtqueue_stats *before, uint32_t frames)
{
	const struct virtqueue_stats *stats = &layout_rx_queue()->stats;
	uint32_t seq, multicast = 0, broadcast = 0;

	for (seq = 0; seq < frames; seq++) {
		multicast += seq % 3 == 1;
		broadcast += seq % 3 == 2;
	}
	TEST_ASSERT_EQUAL(stats->packets - before->packets, frames, "frames");
	TEST_ASSERT_EQUAL(stats->multicast - before->multicast, multicast, "multicast");
	TEST_ASSERT_EQUAL(stats->broadcast - before->broadcast, broadcast, "broadcast");
	return TEST_SUCCESS;
}

static int
traffic(bool virtual)
{
	const struct virtqueue_stats before = layout_rx_queue()->stats;
	uint32_t given = 0, got = 0;

	nr_held = nr_kept = 0;
	while (got < FRAMES) {
		TEST_ASSERT_SUCCESS(hold_buffers(virtual), "?");
		given += give_frames(given);
		TEST_ASSERT_SUCCESS(receive(&got, given), "?");
	}
	TEST_ASSERT(!layout_rx_queue()->broken, "broken by an honest device");
	TEST_ASSERT_SUCCESS(check_stats(&before, got), "statistics");
	return check_kept();
}

/* The device lies in the middle of a frame, or of the ring: all buffers come back. */
static int
break_it(void)
{
	struct rte_mbuf *m[BURST];
	struct mirror_chain chain[3];
	uint32_t lens[3];
	uint16_t n, i;

	/* until all that it has given is fetched */
	while (layout_recv(m, 1) == 1)
		rte_pktmbuf_free(m[0]);
	TEST_ASSERT_SUCCESS(hold_buffers(false), "?");
	n = virtio_layout.mergeable ? 3 : 1;
	for (i = 0; i < n; i++)
		chain[i] = take_held();
	TEST_ASSERT_EQUAL(layout_write(chain, n, 1, n == 3 ? 5000 : 100, lens), n, "?");
	for (i = 0; i < n; i++)
		mirror_ring_push(layout_rx_ring(), chain[i].head, i == 2 ? 0 : lens[i]);
	mirror_ring_push(layout_rx_ring(), RING, 100);
	mirror_ring_publish(layout_rx_ring());
	n = layout_recv(m, BURST);
	rte_pktmbuf_free_bulk(m, n);
	TEST_ASSERT_EQUAL(n, virtio_layout.mergeable ? 0 : 1, "%u frames", n);
	TEST_ASSERT(layout_rx_queue()->broken, "not noticed");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	return check_pool();
}

static int
run_both(void)
{
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_SUCCESS(create_pool(), "no pool");
	TEST_ASSERT_SUCCESS(virtio_layout_start(pool), "start");
	TEST_ASSERT_SUCCESS(traffic(false), "?");
	TEST_ASSERT_SUCCESS(break_it(), "?");
	/* as on a device behind a socket */
	virtqueue_use_va(layout_rx_queue());
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	TEST_ASSERT_SUCCESS(traffic(true), "virtual addresses");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	return check_pool();
}

static int
test_pinned(void)
{
	unsigned int i;
	int ret = run_both();

	if (ret != TEST_SUCCESS)
		rte_eth_dev_stop(virtio_port.id);
	/* nothing is left of it in the queues */
	if (virtio_layout_start(virtio_port.pool) != 0)
		ret = TEST_FAILED;
	rte_mempool_free(pool);
	pool = NULL;
	for (i = 0; i < RTE_DIM(zones); i++)
		twice_unmap(&zones[i]);
	return ret;
}

static const struct virtio_layout_case cases[] = {
	{ "test_pinned", test_pinned, NULL },
};

static int
test_virtio_rx_external(void)
{
	return virtio_layout_run("pinned external buffers", cases, RTE_DIM(cases));
}

REGISTER_TEST_COMMAND(virtio_rx_external_autotest, test_virtio_rx_external);
