/* SPDX-License-Identifier: BSD-3-Clause */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <linux/virtio_config.h>

#include <rte_cycles.h>

#include "virtio_layout.h"

struct virtio_layout virtio_layout;

static const struct virtio_layout_case *layout_case;
static const struct virtio_layout_extras *layout_extras;
static uint32_t random_state;

/* Frames are pieces of it, so that they cost little. */
#define PATTERN 50021
static uint8_t pattern[PATTERN + LAYOUT_FRAME_MAX];

bool
layout_is_mergeable(void)
{
	return virtio_layout.mergeable;
}

bool
layout_is_offload(void)
{
	return virtio_layout.offload;
}

bool
layout_is_in_order(void)
{
	return virtio_layout.in_order;
}

bool
layout_is_packed(void)
{
	return virtio_layout.packed;
}

bool
layout_is_out_of_order(void)
{
	return !virtio_layout.in_order;
}

/* Marsaglia's xorshift: any will do. */
uint32_t
layout_random(uint32_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state % limit;
}

void
layout_random_start(void)
{
	const char *env = getenv("MDEV_TEST_SEED");
	unsigned int i;

	random_state = env != NULL ? strtoul(env, NULL, 0) : rte_rdtsc();
	random_state |= 1;
	printf("  MDEV_TEST_SEED=0x%" PRIx32 "\n", random_state);
	for (i = 0; i < sizeof(pattern); i++)
		pattern[i] = layout_random(256);
}

static int
setup(void)
{
	uint64_t features = 0;
	char args[64];

	snprintf(args, sizeof(args), "vectorized=%d,mrg_rxbuf=%d",
		virtio_layout.vector, virtio_layout.mergeable);

	if (virtio_layout.packed)
		features |= RTE_BIT64(VIRTIO_F_RING_PACKED);
	if (virtio_layout.in_order)
		features |= RTE_BIT64(VIRTIO_F_IN_ORDER);
	if (virtio_layout.offload)
		features |= RTE_BIT64(VIRTIO_NET_F_CSUM) |
			RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM);
	if (virtio_port_prepare(FAKE_VIRTIO_TRAPPED) < 0)
		return TEST_FAILED;
	fake_virtio_offer(features);
	if (layout_extras->offer != NULL)
		layout_extras->offer();
	if (virtio_port_attach(args) != 0)
		return TEST_FAILED;
	return virtio_layout_start(virtio_port.pool);
}

int
virtio_layout_start(struct rte_mempool *pool)
{
	struct rte_eth_conf conf = { .rxmode.mtu = RTE_ETHER_MTU };
	struct rte_eth_dev_info info;

	if (rte_eth_dev_info_get(virtio_port.id, &info) != 0)
		return TEST_FAILED;
	if (virtio_layout.mergeable)
		conf.rxmode.offloads |= RTE_ETH_RX_OFFLOAD_SCATTER;
	conf.txmode.offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	if (virtio_layout.offload) {
		conf.rxmode.offloads = info.rx_offload_capa;
		conf.txmode.offloads = info.tx_offload_capa &
			~RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	}
	if (layout_extras->configure != NULL)
		layout_extras->configure(&conf);
	if (virtio_port_configure(1, 1, LAYOUT_RING, &conf) != 0 ||
			rte_eth_rx_queue_setup(virtio_port.id, 0, LAYOUT_RING,
				SOCKET_ID_ANY, NULL, pool) != 0)
		return TEST_FAILED;
	return rte_eth_dev_start(virtio_port.id);
}

static int
run_case(void)
{
	int ret = layout_case->run();

	return ret == TEST_SUCCESS ? virtio_layout_stop() : ret;
}

static int
run_layout(const char *what, const struct virtio_layout_case *cases, unsigned int count)
{
	struct unit_test_suite suite = { .suite_name = NULL };
	unsigned int i;
	char name[128];
	int ret = 0;

	snprintf(name, sizeof(name), "net/mdev_virtio: %s, %s%s%s%s%s", what,
		virtio_layout.packed ? "packed" : "split",
		virtio_layout.in_order ? " in-order" : "",
		virtio_layout.mergeable ? " mergeable" : "",
		virtio_layout.offload ? " offload" : "",
		virtio_layout.vector ? " vector" : "");
	suite.suite_name = name;
	for (i = 0; i < count; i++) {
		if (cases[i].applies != NULL && !cases[i].applies())
			continue;
		layout_case = &cases[i];
		suite.unit_test_cases[0] = (struct unit_test_case)
			{ setup, virtio_port_stop, run_case, cases[i].name };
		ret |= unit_test_suite_runner(&suite);
		suite.suite_name = NULL;
	}
	return ret;
}

int
virtio_layout_run_with(const char *what, const struct virtio_layout_extras *extras,
		const struct virtio_layout_case *cases, unsigned int count)
{
	unsigned int i;
	int ret = 0;

	layout_extras = extras;
	layout_random_start();
	for (i = 0; i < 24; i++) {
		virtio_layout.packed = (i & 4) != 0;
		virtio_layout.in_order = (i & 2) != 0;
		virtio_layout.mergeable = (i & 1) != 0;
		virtio_layout.offload = i / 8 == 1;
		virtio_layout.vector = i / 8 == 2;
		ret |= run_layout(what, cases, count);
	}
	return ret == 0 ? TEST_SUCCESS : TEST_FAILED;
}

int
virtio_layout_run(const char *what, const struct virtio_layout_case *cases,
		unsigned int count)
{
	static const struct virtio_layout_extras none = { .offer = NULL };

	return virtio_layout_run_with(what, &none, cases, count);
}

/* Is an mbuf in its pool with the buffer that it was made with, as far as one can see? */
static bool
has_its_buffer(struct rte_mempool *pool, const struct rte_mbuf *m)
{
	const uint64_t flags = m->ol_flags & (RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL);

	if ((rte_pktmbuf_priv_flags(pool) & RTE_PKTMBUF_POOL_F_PINNED_EXT_BUF) != 0)
		return flags == RTE_MBUF_F_EXTERNAL;
	return flags == 0 && m->buf_addr == (const char *)(m + 1) +
		rte_pktmbuf_priv_size(pool);
}

int
layout_check_pool(struct rte_mempool *pool)
{
	static struct rte_mbuf *all[2048];
	static uint8_t seen[4096];
	const char *reason;
	unsigned int i, n;

	TEST_ASSERT_EQUAL(rte_mempool_in_use_count(pool), 0, "%u mbufs of %s are lost",
		rte_mempool_in_use_count(pool), pool->name);
	n = pool->size;
	TEST_ASSERT(n <= RTE_DIM(all) && rte_mempool_get_bulk(pool, (void **)all, n) == 0,
		"%s holds less than it should", pool->name);
	memset(seen, 0, sizeof(seen));
	for (i = 0; i < n; i++) {
		TEST_ASSERT_SUCCESS(rte_mbuf_check(all[i], 0, &reason), "%s", reason);
		TEST_ASSERT(all[i]->refcnt == 1 && all[i]->nb_segs == 1 &&
			all[i]->next == NULL, "%u references, %u segments",
			all[i]->refcnt, all[i]->nb_segs);
		TEST_ASSERT(has_its_buffer(pool, all[i]), "the buffer is another one");
		/* mark it: whatever is there twice was freed twice */
		TEST_ASSERT(all[i]->dynfield1[0] != UINT32_MAX, "freed twice");
		all[i]->dynfield1[0] = UINT32_MAX;
	}
	for (i = 0; i < n; i++)
		all[i]->dynfield1[0] = 0;
	rte_mempool_put_bulk(pool, (void **)all, n);
	return TEST_SUCCESS;
}

int
virtio_layout_stop(void)
{
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	return layout_check_pool(virtio_port.pool);
}

int
layout_expect_broken(const struct virtqueue *vq)
{
	struct rte_mbuf *m = virtio_port_frame(60, 1);
	uint64_t broken = vq->stats.broken;

	TEST_ASSERT(vq->broken, "not noticed");
	TEST_ASSERT(broken > 0, "not counted");
	TEST_ASSERT_EQUAL(vq == layout_rx_queue() ? layout_recv(&m, 1) :
		layout_send(&m, 1), 0, "still used");
	TEST_ASSERT_EQUAL(vq->stats.broken, broken, "counted twice");
	rte_pktmbuf_free(m);
	TEST_ASSERT_SUCCESS(virtio_layout_stop(), "stop");
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	TEST_ASSERT(!vq->broken, "still broken");
	TEST_ASSERT_EQUAL(fake_virtio_receive(&(uint8_t [60]){ 2 }, 60), 1, "receive");
	TEST_ASSERT_EQUAL(layout_recv(&m, 1), 1, "nothing is received any more");
	TEST_ASSERT_EQUAL(layout_send(&m, 1), 1, "nothing is sent any more");
	TEST_ASSERT_EQUAL(fake_virtio_sent(&(uint8_t [60]){ 0 }, 60), 60, "send");
	return TEST_SUCCESS;
}

/* All sizes that statistics tell apart; large ones where there may be some. */
uint32_t
layout_frame_len(uint32_t seq)
{
	static const uint16_t lens[] = {
		14, 60, 63, 64, 65, 127, 128, 255, 256, 511, 512, 1023, 1024,
		1500, 1514, 1518,
	};
	uint32_t hash = seq * 2654435761u >> 8;

	if (virtio_layout.mergeable && hash % 16 == 0)
		return 1519 + hash / 16 % (LAYOUT_FRAME_MAX - 1518);
	return lens[hash / 16 % RTE_DIM(lens)];
}

void
layout_frame(uint32_t seq, uint8_t *frame, uint32_t len)
{
	static const uint8_t to[3] = { 0x02, 0x01, 0xff };

	memcpy(frame, pattern + seq * 977 % PATTERN, len);
	memset(frame, to[seq % 3], 6);
	/* of an experiment: no VLAN tag, no IP */
	frame[12] = 0x88;
	frame[13] = 0xb5;
}

struct rte_mbuf *
layout_mbuf(struct rte_mempool *pool, uint32_t seq)
{
	uint8_t frame[LAYOUT_FRAME_MAX];
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool), *last = m, *seg;
	uint32_t len = layout_frame_len(seq), done, part;

	layout_frame(seq, frame, len);
	for (done = 0; m != NULL && done < len; done += part) {
		part = RTE_MIN(len - done, (uint32_t)rte_pktmbuf_tailroom(last));
		if (part == 0) {
			seg = rte_pktmbuf_alloc(pool);
			if (seg == NULL || rte_pktmbuf_chain(m, seg) != 0) {
				rte_pktmbuf_free(seg);
				rte_pktmbuf_free(m);
				return NULL;
			}
			last = seg;
			continue;
		}
		memcpy(rte_pktmbuf_append(m, part), frame + done, part);
	}
	return m;
}

int
layout_check_mbuf(struct rte_mbuf *m, uint32_t seq)
{
	uint8_t frame[LAYOUT_FRAME_MAX], back[LAYOUT_FRAME_MAX];
	uint32_t len = layout_frame_len(seq);
	const char *reason;
	const void *read;
	int ret = -1;

	layout_frame(seq, frame, len);
	read = rte_pktmbuf_read(m, 0, len, back);
	if (m->pkt_len == len && m->port == virtio_port.id && read != NULL &&
			(m->ol_flags & ~RTE_MBUF_F_EXTERNAL) == 0 &&
			memcmp(read, frame, len) == 0 &&
			rte_mbuf_check(m, 1, &reason) == 0)
		ret = 0;
	rte_pktmbuf_free(m);
	return ret;
}

int
layout_take(struct mirror_chain *chain, uint32_t seq)
{
	uint8_t frame[LAYOUT_FRAME_MAX], taken[LAYOUT_FRAME_MAX];
	const struct virtio_net_hdr_v1_hash none = { .hash_value = 0 };
	struct virtio_net_hdr_v1_hash header = { .hash_value = 0 };
	uint32_t len = layout_frame_len(seq);

	layout_frame(seq, frame, len);
	if (fake_virtio_take(layout_tx_ring(), chain, &header, taken,
			sizeof(taken)) != (int)len)
		return -1;
	if (memcmp(&header, &none, sizeof(none)) != 0)
		return -1;
	return memcmp(frame, taken, len) == 0 ? 0 : -1;
}

uint16_t
layout_write(const struct mirror_chain *chains, uint16_t count, uint32_t seq,
		uint32_t len, uint32_t *lens)
{
	struct virtio_net_hdr_v1 header = { .num_buffers = rte_cpu_to_le_16(count) };
	uint32_t done = 0, skip = LAYOUT_HEADER;
	uint8_t frame[LAYOUT_FRAME_MAX];
	uint16_t i;

	layout_frame(seq, frame, RTE_MAX(len, (uint32_t)RTE_ETHER_HDR_LEN));
	memcpy(chains[0].buf[0].addr, &header, LAYOUT_HEADER);
	for (i = 0; i < count; i++) {
		lens[i] = RTE_MIN(len - done, chains[i].buf[0].len - skip);
		memcpy(chains[i].buf[0].addr + skip, frame + done, lens[i]);
		done += lens[i];
		lens[i] += skip;
		skip = 0;
	}
	return done == len ? count : 0;
}
