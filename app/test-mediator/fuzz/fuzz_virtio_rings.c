/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * libFuzzer: the driver's bursts with a device that does what it likes, in each ring
 * layout.
 *
 * An input is the layout (1 byte: LAYOUT_*), offloads of receive queues (1 byte) and
 * then steps: an operation (1 byte: OP_*, and its queue) with its bytes, which are 0
 * where the input ends. corpus/make_virtio_rings.py writes such inputs.
 */

#include <string.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_log.h>
#include <rte_mempool.h>

#include <ethdev_driver.h>

#include <mdev_virtio_ethdev.h>
#include <virtio_burst.h>
#include <virtio_offload.h>
#include <virtio_rxtx.h>

#include <mdev_virtio_logs.h>

#include "fuzz.h"

/* Of the driver's other files: the log type, which says nothing here. */
RTE_LOG_REGISTER_SUFFIX(mdev_virtio_logtype_driver, driver, EMERG)

#define RING 16
#define BURST 8
#define POOL 127

#define LAYOUT_BURST 0x0f     /* BURST_* of virtio_burst.h but for the vectors */
#define LAYOUT_EVENT_IDX 0x10
#define LAYOUT_HASH 0x20      /* with BURST_OFFLOAD: the longer header */

enum {
	OP_RECEIVE,  /* a burst of so many (1 byte) */
	OP_SEND,     /* a burst of so many (1 byte), of kinds (1 byte each) */
	OP_USED,     /* the next used element: id (2 bytes) and length (2 bytes) */
	OP_PUBLISH,  /* split: the used index goes on by so many (1 byte) */
	OP_WRITE,    /* anywhere in the ring (2 bytes), a word (2 bytes) */
	OP_HEADER,   /* into the buffer of an id (1 byte): a header (20 bytes) */
	OP_RESTART,  /* of the queue */
	OP_COUNT,
};
#define OP_TRANSMIT 0x80      /* the queue is the transmit queue */

struct input {
	const uint8_t *data;
	size_t size;
};

static struct rte_eth_dev *dev;
static struct rte_mempool *pool;
static struct virtqueue *rx, *tx;
static uint16_t next_used[2]; /* of the device, by queue */

static uint8_t
take(struct input *input)
{
	if (input->size == 0)
		return 0;
	input->size--;
	return *input->data++;
}

static uint16_t
take16(struct input *input)
{
	uint16_t low = take(input);

	return low | take(input) << 8;
}

static int
ring_doorbell(struct virtio_doorbell *doorbell, uint16_t next)
{
	(void)doorbell;
	(void)next;
	return 0;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static char args[][20] = {
		"fuzz", "--no-huge", "--no-shconf", "-m", "64", "--no-pci",
		"--no-telemetry", "-l", "0", "--iova-mode=va",
	};
	char *eal_argv[RTE_DIM(args) + 1] = { NULL };
	struct mdev_virtio_process *process;
	unsigned int i;

	(void)argc;
	(void)argv;
	for (i = 0; i < RTE_DIM(args); i++)
		eal_argv[i] = args[i];
	FUZZ_CHECK(rte_eal_init(RTE_DIM(args), eal_argv) >= 0);
	rte_log_set_level_pattern("*", RTE_LOG_EMERG);
	pool = rte_pktmbuf_pool_create("fuzz", POOL, 0, 0, RTE_PKTMBUF_HEADROOM + 256,
			SOCKET_ID_ANY);
	dev = rte_eth_dev_allocate("fuzz");
	process = calloc(1, sizeof(*process) + 2 * sizeof(process->doorbells[0]));
	FUZZ_CHECK(pool != NULL && dev != NULL && process != NULL);
	process->nr_doorbells = 2;
	process->doorbells[0].ring = ring_doorbell;
	process->doorbells[1].ring = ring_doorbell;
	dev->process_private = process;
	rx = virtqueue_create(dev->data->port_id, 0, VIRTQUEUE_RX, RING, SOCKET_ID_ANY);
	tx = virtqueue_create(dev->data->port_id, 1, VIRTQUEUE_TX, RING, SOCKET_ID_ANY);
	FUZZ_CHECK(rx != NULL && tx != NULL);
	rx->free_thresh = tx->free_thresh = RING / 2;
	return 0;
}

/* As the driver starts a queue. */
static void
start(struct virtqueue *vq, uint8_t layout, uint8_t offloads)
{
	struct rte_mbuf m = {
		.data_off = RTE_PKTMBUF_HEADROOM, .refcnt = 1, .nb_segs = 1,
	};

	vq->in_order = (layout & BURST_IN_ORDER) != 0;
	vq->event_idx = (layout & LAYOUT_EVENT_IDX) != 0;
	vq->hdr_len = (layout & BURST_OFFLOAD) != 0 && (layout & LAYOUT_HASH) != 0 ?
		VIRTIO_NET_HDR_MAX_LEN : VIRTIO_NET_HDR_LEN;
	vq->max_frame = UINT32_MAX;
	vq->burst = layout & (vq == rx ? LAYOUT_BURST : LAYOUT_BURST & ~BURST_MERGEABLE);
	if ((layout & BURST_OFFLOAD) == 0 && (offloads & 8) != 0)
		vq->burst |= BURST_VECTOR;
	virtqueue_reset(vq, (layout & BURST_PACKED) != 0);
	next_used[vq->index] = 0;
	if (vq == tx) {
		vq->offloads = VIRTIO_TX_OFFLOAD_FLAGS | VIRTIO_TX_OFFLOAD_ECN;
		return;
	}
	vq->mp = pool;
	vq->turn = vq;
	vq->direct = true;
	vq->frame_offset = sizeof(m) + RTE_PKTMBUF_HEADROOM;
	memcpy(&vq->rearm, &m.data_off, sizeof(vq->rearm));
	vq->offloads = (offloads & 1 ? RTE_ETH_RX_OFFLOAD_VLAN_STRIP : 0) |
		(offloads & 2 ? RTE_ETH_RX_OFFLOAD_RSS_HASH : 0) |
		(offloads & 4 ? VIRTIO_RX_OFFLOAD_PTYPE : 0);
	virtqueue_init_rx(vq, rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM);
	virtio_refill(vq);
}

/* What the application gets is sound, whatever the device said. */
static void
receive(uint16_t count)
{
	struct rte_mbuf *m[BURST];
	const char *reason;
	const void *read;
	uint16_t n, i;
	char copy[RING * 512];

	n = virtio_rx_burst(rx->burst)->burst(rx, m, count % (BURST + 1));
	FUZZ_CHECK(n <= BURST);
	for (i = 0; i < n; i++) {
		FUZZ_CHECK(rte_mbuf_check(m[i], 1, &reason) == 0);
		FUZZ_CHECK(m[i]->pkt_len <= sizeof(copy) && m[i]->nb_segs <= RING);
		read = rte_pktmbuf_read(m[i], 0, m[i]->pkt_len, copy);
		FUZZ_CHECK(read != NULL);
		rte_pktmbuf_free(m[i]);
	}
}

static struct rte_mbuf *
make_frame(uint8_t kind)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool), *clone, *seg;
	uint8_t i;

	if (m == NULL)
		return NULL;
	rte_pktmbuf_append(m, kind & 0x3f);
	if ((kind & 0xc0) == 0x40) {
		clone = rte_pktmbuf_clone(m, pool);
		rte_pktmbuf_free(m);
		return clone;
	}
	for (i = 0; (kind & 0x80) != 0 && i <= kind % 4; i++) {
		seg = rte_pktmbuf_alloc(pool);
		if (seg == NULL)
			break;
		rte_pktmbuf_append(seg, kind % 64);
		rte_pktmbuf_chain(m, seg);
	}
	m->l2_len = kind;
	m->ol_flags |= (kind & 0x20) != 0 ? RTE_MBUF_F_TX_VLAN : RTE_MBUF_F_TX_TCP_CKSUM;
	return m;
}

static void
transmit(struct input *input, uint16_t count)
{
	struct rte_mbuf *m[BURST];
	uint16_t made, n;

	for (made = 0; made < count % (BURST + 1); made++) {
		m[made] = make_frame(take(input));
		if (m[made] == NULL)
			break;
	}
	if (tx->attention && !virtio_tx_attention(tx))
		n = 0;
	else
		n = virtio_tx_burst(tx->burst)->burst(tx, m, made);
	FUZZ_CHECK(n <= made);
	rte_pktmbuf_free_bulk(m + n, made - n);
}

static void
write_used(struct virtqueue *vq, uint16_t id, uint16_t len)
{
	uint16_t at = next_used[vq->index]++;
	struct vring_packed_desc *desc;

	if (!vq->packed) {
		vq->used->ring[at % RING].id = rte_cpu_to_le_32(id);
		vq->used->ring[at % RING].len = rte_cpu_to_le_32(len);
		vq->used->idx = rte_cpu_to_le_16(at + 1);
		return;
	}
	desc = &vq->packed_desc[at % RING];
	desc->id = rte_cpu_to_le_16(id);
	desc->len = rte_cpu_to_le_32(len);
	desc->flags = rte_cpu_to_le_16(at / RING % 2 == 0 ?
			1 << VRING_PACKED_DESC_F_AVAIL |
			1 << VRING_PACKED_DESC_F_USED : 0);
}

/* All that the device can write: the rings. */
static void
write_ring(struct virtqueue *vq, uint16_t at, uint16_t word)
{
	size_t len = vring_size(RING, RTE_CACHE_LINE_SIZE);

	memcpy(RTE_PTR_ADD(vq->mz->addr, at % (len / 2) * 2), &word, sizeof(word));
}

static void
write_header(struct input *input, uint8_t id)
{
	struct rte_mbuf *m = rx->mbuf[id % RING];
	uint32_t i;

	for (i = 0; i < VIRTIO_NET_HDR_MAX_LEN; i++) {
		uint8_t byte = take(input);

		if (m != NULL)
			((uint8_t *)m->buf_addr)[RTE_PKTMBUF_HEADROOM - rx->hdr_len + i] =
				byte;
	}
}

static void
step(struct input *input, uint8_t layout, uint8_t offloads)
{
	uint8_t op = take(input);
	struct virtqueue *vq = (op & OP_TRANSMIT) != 0 ? tx : rx;
	uint16_t first;

	switch ((op & ~OP_TRANSMIT) % OP_COUNT) {
	case OP_RECEIVE:
		receive(take(input));
		break;
	case OP_SEND:
		first = take(input);
		transmit(input, first);
		break;
	case OP_USED:
		first = take16(input);
		write_used(vq, first, take16(input));
		break;
	case OP_PUBLISH:
		next_used[vq->index] += take(input);
		if (!vq->packed)
			vq->used->idx = rte_cpu_to_le_16(next_used[vq->index]);
		break;
	case OP_WRITE:
		first = take16(input);
		write_ring(vq, first, take16(input));
		break;
	case OP_HEADER:
		write_header(input, take(input));
		break;
	case OP_RESTART:
		virtqueue_free_mbufs(vq);
		start(vq, layout, offloads);
		break;
	}
}

/* Each mbuf is in the pool, and once. */
static void
check_pool(void)
{
	static struct rte_mbuf *all[POOL];
	const char *reason;
	unsigned int i;

	FUZZ_CHECK(rte_mempool_in_use_count(pool) == 0);
	FUZZ_CHECK(rte_mempool_get_bulk(pool, (void **)all, POOL) == 0);
	for (i = 0; i < POOL; i++) {
		FUZZ_CHECK(rte_mbuf_check(all[i], 0, &reason) == 0);
		FUZZ_CHECK(all[i]->refcnt == 1 && all[i]->nb_segs == 1 &&
			all[i]->next == NULL);
		FUZZ_CHECK(all[i]->dynfield1[0] == 0);
		all[i]->dynfield1[0] = 1;
	}
	for (i = 0; i < POOL; i++)
		all[i]->dynfield1[0] = 0;
	rte_mempool_put_bulk(pool, (void **)all, POOL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { .data = data, .size = size };
	uint8_t layout = take(&input), offloads = take(&input);

	start(rx, layout, offloads);
	start(tx, layout, offloads);
	while (input.size > 0)
		step(&input, layout, offloads);
	receive(BURST);
	virtqueue_free_mbufs(rx);
	virtqueue_free_mbufs(tx);
	check_pool();
	return 0;
}
