/* SPDX-License-Identifier: BSD-3-Clause */

#include <string.h>

#include "twice_mapped.h"
#include "tx_frames.h"
#include "virtio_layout.h"

#define BUFFER TX_FRAME_BUFFER
#define SLOTS 128
#define PINNED 127

/* External buffers, in turn; and how often each was freed. */
static struct twice_mapped zone, pinned_zone;
static struct slot {
	struct rte_mbuf_ext_shared_info shinfo;
	unsigned int freed;
} slots[SLOTS];
static unsigned int next_slot;

static struct rte_mempool *pinned_pool, *other_pool;

static int
frames_start(void)
{
	struct rte_pktmbuf_extmem mem;
	unsigned int i;

	if (twice_map(&zone, SLOTS * BUFFER) < 0 ||
			twice_map(&pinned_zone, PINNED * BUFFER) < 0)
		return TEST_FAILED;
	mem.buf_ptr = pinned_zone.addr;
	mem.buf_iova = (uintptr_t)pinned_zone.device;
	mem.buf_len = pinned_zone.len;
	mem.elt_size = BUFFER;
	pinned_pool = rte_pktmbuf_pool_create_extbuf("tx_pinned", PINNED, 0, 0, BUFFER,
			SOCKET_ID_ANY, &mem, 1);
	other_pool = rte_pktmbuf_pool_create("tx_other", 127, 0, 0, BUFFER,
			SOCKET_ID_ANY);
	next_slot = 0;
	for (i = 0; i < SLOTS; i++)
		slots[i].freed = 1;
	return pinned_pool != NULL && other_pool != NULL ? TEST_SUCCESS : TEST_FAILED;
}

static int
check_all(void)
{
	unsigned int i;

	TEST_ASSERT_SUCCESS(layout_check_pool(pinned_pool), "?");
	TEST_ASSERT_SUCCESS(layout_check_pool(other_pool), "?");
	for (i = 0; i < SLOTS; i++)
		TEST_ASSERT_EQUAL(slots[i].freed, 1, "buffer %u: freed %u times", i,
			slots[i].freed);
	return TEST_SUCCESS;
}

static int
frames_stop(void)
{
	int ret = pinned_pool != NULL && other_pool != NULL ? check_all() : TEST_FAILED;

	rte_mempool_free(pinned_pool);
	rte_mempool_free(other_pool);
	pinned_pool = other_pool = NULL;
	twice_unmap(&zone);
	twice_unmap(&pinned_zone);
	return ret;
}

int
tx_frames_run(int (*run)(void))
{
	int ret = frames_start();

	if (ret == TEST_SUCCESS)
		ret = run();
	/* what a failure left in the queues is the pools' */
	if (ret != TEST_SUCCESS)
		rte_eth_dev_stop(virtio_port.id);
	return frames_stop() == TEST_SUCCESS ? ret : TEST_FAILED;
}

static void
slot_free(void *addr, void *opaque)
{
	struct slot *slot = opaque;

	RTE_SET_USED(addr);
	slot->freed++;
}

struct rte_mbuf *
tx_frame_external(uint32_t len, unsigned int **freed)
{
	struct slot *slot = &slots[next_slot];
	size_t at = (size_t)next_slot * BUFFER;
	struct rte_mbuf *m;

	/* what was there before must be gone */
	if (slot->freed != 1)
		return NULL;
	m = rte_pktmbuf_alloc(virtio_port.pool);
	if (m == NULL)
		return NULL;
	next_slot = (next_slot + 1) % SLOTS;
	slot->freed = 0;
	slot->shinfo.free_cb = slot_free;
	slot->shinfo.fcb_opaque = slot;
	rte_mbuf_ext_refcnt_set(&slot->shinfo, 1);
	rte_pktmbuf_attach_extbuf(m, zone.addr + at, (uintptr_t)zone.device + at, BUFFER,
		&slot->shinfo);
	rte_pktmbuf_reset_headroom(m);
	rte_pktmbuf_append(m, len);
	*freed = &slot->freed;
	return m;
}

bool
tx_frame_is_private(const uint8_t *addr)
{
	return (addr >= zone.addr && addr < zone.addr + zone.len) ||
		(addr >= pinned_zone.addr && addr < pinned_zone.addr + pinned_zone.len);
}

static void
watch(struct tx_frame *frame, const void *addr, uint32_t len)
{
	frame->watched = addr;
	frame->watched_len = len;
	memcpy(frame->was, addr, len);
}

static void
watch_buffer(struct tx_frame *frame, const struct rte_mbuf *seg)
{
	watch(frame, seg->buf_addr, RTE_MIN(seg->buf_len, BUFFER));
}

/* A segment with these bytes. */
static struct rte_mbuf *
make_segment(struct tx_frame *frame, enum tx_frame_kind kind, const uint8_t *data,
		uint32_t len)
{
	struct rte_mempool *pool = virtio_port.pool;
	struct rte_mbuf *m;

	if (kind == TX_FRAME_OTHER_POOL)
		pool = other_pool;
	else if (kind == TX_FRAME_PINNED)
		pool = pinned_pool;
	if (kind == TX_FRAME_EXTERNAL) {
		m = tx_frame_external(len, &frame->freed);
	} else {
		m = rte_pktmbuf_alloc(pool);
		if (m != NULL)
			rte_pktmbuf_append(m, len);
	}
	if (m == NULL)
		return NULL;
	memset(m->buf_addr, 0xa5, m->data_off); /* what no header is */
	memcpy(rte_pktmbuf_mtod(m, void *), data, len);
	return m;
}

/* So little headroom that a header fits exactly, or not; before it lies the mbuf. */
static void
make_tight(struct tx_frame *frame, struct rte_mbuf *m)
{
	uint16_t off = layout_random(LAYOUT_HEADER + 1);

	memmove((char *)m->buf_addr + off, rte_pktmbuf_mtod(m, void *), m->data_len);
	m->data_off = off;
	watch(frame, (char *)m->buf_addr - LAYOUT_HEADER, LAYOUT_HEADER);
}

/* What is sent, of a segment with all the bytes; NULL if there is none. */
static struct rte_mbuf *
share(struct tx_frame *frame, enum tx_frame_kind kind, struct rte_mbuf *m)
{
	struct rte_mbuf *clone = NULL;

	if (kind == TX_FRAME_HELD) {
		rte_mbuf_refcnt_update(m, 1);
		frame->kept = m;
	} else if (kind != TX_FRAME_EXTERNAL) {
		clone = rte_pktmbuf_clone(m, virtio_port.pool);
		frame->kept = kind == TX_FRAME_CLONED ? clone : m;
	}
	watch_buffer(frame, m);
	if (kind == TX_FRAME_CLONE_ALONE) {
		rte_pktmbuf_free(m);
		frame->kept = NULL;
	}
	return kind == TX_FRAME_CLONE || kind == TX_FRAME_CLONE_ALONE ||
		kind == TX_FRAME_CLONE_OF_EXTERNAL ? clone : m;
}

static struct rte_mbuf *
make_one(struct tx_frame *frame, enum tx_frame_kind kind, const uint8_t *data,
		uint32_t len)
{
	struct rte_mbuf *m = make_segment(frame, kind == TX_FRAME_CLONE_OF_EXTERNAL ?
			TX_FRAME_EXTERNAL : kind, data, len);

	if (m == NULL)
		return NULL;
	switch (kind) {
	case TX_FRAME_TIGHT:
		make_tight(frame, m);
		break;
	case TX_FRAME_EXTERNAL:
	case TX_FRAME_CLONE:
	case TX_FRAME_CLONE_ALONE:
	case TX_FRAME_CLONE_OF_EXTERNAL:
	case TX_FRAME_CLONED:
	case TX_FRAME_HELD:
		return share(frame, kind, m);
	default:
		break;
	}
	return m;
}

static struct rte_mbuf *
make_several(struct tx_frame *frame, enum tx_frame_kind kind, const uint8_t *data,
		uint32_t len)
{
	static const struct {
		enum tx_frame_kind head, tail;
		int cut; /* bytes in the first one; -1: some */
	} kinds[TX_FRAME_KINDS] = {
		[TX_FRAME_EMPTY_HEAD] = { TX_FRAME_PLAIN, TX_FRAME_EXTERNAL, 0 },
		[TX_FRAME_EMPTY_HELD_HEAD] = { TX_FRAME_HELD, TX_FRAME_PLAIN, 0 },
		[TX_FRAME_EMPTY_TAIL] = { TX_FRAME_CLONE, TX_FRAME_PLAIN, INT16_MAX },
		[TX_FRAME_CLONE_TAIL] = { TX_FRAME_PLAIN, TX_FRAME_CLONE, -1 },
		[TX_FRAME_HELD_TAIL] = { TX_FRAME_PLAIN, TX_FRAME_HELD, -1 },
		[TX_FRAME_EXTERNAL_TAIL] = { TX_FRAME_PLAIN, TX_FRAME_EXTERNAL, -1 },
	};
	uint32_t cut = kinds[kind].cut < 0 ? layout_random(len) :
		RTE_MIN((uint32_t)kinds[kind].cut, len);
	struct rte_mbuf *m, *tail;

	m = make_one(frame, kinds[kind].head, data, cut);
	tail = make_one(frame, kinds[kind].tail, data + cut, len - cut);
	if (m == NULL || tail == NULL || rte_pktmbuf_chain(m, tail) != 0)
		return NULL;
	/* who keeps the first one keeps all */
	if (frame->kept == m)
		rte_mbuf_refcnt_update(tail, 1);
	return m;
}

int
tx_frame_make(struct tx_frame *frame, enum tx_frame_kind kind, uint32_t seq)
{
	uint8_t data[LAYOUT_FRAME_MAX];
	uint32_t len;

	while (layout_frame_len(seq) > 1518)
		seq++;
	len = layout_frame_len(seq);
	layout_frame(seq, data, len);
	frame->seq = seq;
	frame->kept = NULL;
	frame->freed = NULL;
	frame->watched = frame->was;
	frame->watched_len = 0;
	frame->m = kind < TX_FRAME_EMPTY_HEAD ? make_one(frame, kind, data, len) :
		make_several(frame, kind, data, len);
	return frame->m != NULL ? 0 : -1;
}

int
tx_frame_check(const struct tx_frame *frame)
{
	TEST_ASSERT_SUCCESS(memcmp(frame->was, frame->watched, frame->watched_len),
		"written to");
	TEST_ASSERT(frame->freed == NULL || *frame->freed == 0, "freed");
	return TEST_SUCCESS;
}

int
tx_frame_end(struct tx_frame *frame)
{
	if (frame->kept != NULL) {
		TEST_ASSERT(rte_mbuf_refcnt_read(frame->kept) == 1 &&
			frame->kept->nb_segs >= 1, "%u references are left",
			rte_mbuf_refcnt_read(frame->kept));
		TEST_ASSERT_SUCCESS(tx_frame_check(frame), "what is kept");
		rte_pktmbuf_free(frame->kept);
	}
	TEST_ASSERT(frame->freed == NULL || *frame->freed == 1, "freed %u times",
		*frame->freed);
	return TEST_SUCCESS;
}
