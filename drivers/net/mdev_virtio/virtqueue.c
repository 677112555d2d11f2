/* SPDX-License-Identifier: BSD-3-Clause */

/* Virtqueues: allocation, first state, last state. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_malloc.h>

#include "mdev_virtio_compat.h"
#include "mdev_virtio_logs.h"
#include "virtqueue.h"
#include "virtqueue_packed.h"
#include "virtqueue_split.h"

/*
 * Rings, then headers or a command: nothing that the device writes shares a line with
 * them. A packed ring takes less than a split one.
 */
static size_t
headers_offset(uint16_t size)
{
	return RTE_ALIGN_CEIL(vring_size(size, RTE_CACHE_LINE_SIZE),
			RTE_CACHE_LINE_SIZE);
}

static const struct rte_memzone *
reserve(uint16_t port_id, uint16_t index, enum virtqueue_kind kind,
		uint16_t size, int socket_id)
{
	static uint32_t serial; /* a queue that is lost to its device keeps its name */
	char name[RTE_MEMZONE_NAMESIZE];
	size_t len = headers_offset(size);

	if (kind == VIRTQUEUE_TX)
		len += (size_t)size * VIRTIO_NET_HDR_MAX_LEN;
	else if (kind == VIRTQUEUE_CTRL)
		len += VIRTQUEUE_CTRL_BUF_LEN;
	snprintf(name, sizeof(name), "mdev_vq_%u_%u_%x", port_id, index,
		__atomic_fetch_add(&serial, 1, __ATOMIC_RELAXED));
	return rte_memzone_reserve_aligned(name, len, socket_id,
			RTE_MEMZONE_IOVA_CONTIG, RTE_CACHE_LINE_SIZE);
}

/* mbuf[], ids[] and chain[], in this order of alignment. */
#define BYTES_PER_ID (sizeof(*((struct virtqueue *)0)->mbuf) + \
	sizeof(*((struct virtqueue *)0)->ids) + \
	sizeof(*((struct virtqueue *)0)->chain))

struct virtqueue *
virtqueue_create(uint16_t port_id, uint16_t index, enum virtqueue_kind kind,
		uint16_t size, int socket_id)
{
	struct virtqueue *vq;

	rte_errno = ENOMEM;
	vq = rte_zmalloc_socket("mdev_virtio_vq", sizeof(*vq),
			RTE_CACHE_LINE_SIZE, socket_id);
	if (vq == NULL)
		return NULL;
	vq->mbuf = rte_zmalloc_socket("mdev_virtio_bufs",
			size * BYTES_PER_ID, RTE_CACHE_LINE_SIZE, socket_id);
	if (vq->mbuf == NULL)
		goto free_vq;
	vq->ids = RTE_PTR_ADD(vq->mbuf, size * sizeof(*vq->mbuf));
	vq->chain = RTE_PTR_ADD(vq->ids, size * sizeof(*vq->ids));
	vq->mz = reserve(port_id, index, kind, size, socket_id);
	if (vq->mz == NULL)
		goto free_ids;

	vq->ring_iova = vq->mz->iova;
	vq->hdr_iova = vq->mz->iova + headers_offset(size);
	vq->size = size;
	vq->mask = size - 1;
	vq->kind = kind;
	vq->port_id = port_id;
	vq->index = index;
	vq->hdr_len = VIRTIO_NET_HDR_LEN;
	vq->mbuf_addr = MDEV_VIRTIO_MBUF_IOVA_OFFSET;
	virtqueue_reset(vq, false);
	return vq;

free_ids:
	rte_free(vq->mbuf);
free_vq:
	rte_free(vq);
	return NULL;
}

void
virtqueue_use_va(struct virtqueue *vq)
{
	uint64_t va = (uintptr_t)vq->mz->addr;

	vq->hdr_iova = va + (vq->hdr_iova - vq->ring_iova);
	vq->ring_iova = va;
	vq->mbuf_addr = offsetof(struct rte_mbuf, buf_addr);
}

void
virtqueue_destroy(struct virtqueue *vq)
{
	if (vq == NULL)
		return;
	virtqueue_free_mbufs(vq);
	rte_memzone_free(vq->mz);
	rte_free(vq->mbuf);
	rte_free(vq);
}

/* VIRTIO 1.2 s. 2.7.2; nothing wants interrupts, all is polled: s. 2.7.7 */
static void
init_split(struct virtqueue *vq)
{
	struct vring vring;

	vring_init(&vring, vq->size, vq->mz->addr, RTE_CACHE_LINE_SIZE);
	vq->desc = vring.desc;
	vq->avail = vring.avail;
	vq->used = vring.used;
	split_disable_interrupts(vq, 0);
}

/* s. 2.8: the same, and event suppression areas on lines of their own. */
static void
init_packed(struct virtqueue *vq)
{
	vq->packed_desc = vq->mz->addr;
	vq->driver_event = RTE_PTR_ADD(vq->mz->addr, RTE_ALIGN_CEIL(
			vq->size * sizeof(*vq->packed_desc), RTE_CACHE_LINE_SIZE));
	vq->device_event = RTE_PTR_ADD(vq->driver_event, RTE_CACHE_LINE_SIZE);
	packed_disable_interrupts(vq);
}

void
virtqueue_reset(struct virtqueue *vq, bool packed)
{
	uint16_t i;

	memset(vq->mz->addr, 0, vq->mz->len);
	for (i = 0; i < vq->size; i++) {
		vq->mbuf[i] = NULL;
		vq->ids[i] = i;
		vq->chain[i].count = 1;
		vq->chain[i].kind = VIRTQUEUE_PLAIN;
	}
	vq->head = 0;
	vq->tail = 0;
	vq->avail_idx = 0;
	vq->used_idx = 0;
	vq->nr_plain = 0;
	vq->nr_segments = 0;
	vq->nr_others = 0;
	vq->batch = 0;
	vq->in_sequence = true;
	vq->broken = false;
	vq->attention = false;
	vq->packed = packed;
	vq->event_behind = UINT32_MAX; /* no event that names a descriptor */
	if (packed)
		init_packed(vq);
	else
		init_split(vq);
}

void
virtqueue_init_rx(struct virtqueue *vq, uint32_t room)
{
	uint16_t i;

	vq->rx_buf_len = room + vq->hdr_len;
	if (vq->packed)
		return;
	for (i = 0; i < vq->size; i++)
		split_write_desc(vq, i, 0, vq->rx_buf_len, VRING_DESC_F_WRITE, 0);
}

/* A frame whose segments mbuf[] has from an id on is one mbuf again. */
static void
join_segments(struct virtqueue *vq, uint16_t id, uint16_t count)
{
	struct rte_mbuf *last = vq->mbuf[id];
	uint16_t i, next;

	last->nb_segs = count;
	for (i = 1; i < count; i++) {
		next = (id + 1) & vq->mask;
		vq->chain[id].next = next;
		last->next = vq->mbuf[next];
		last = last->next;
		vq->mbuf[next] = NULL;
		id = next;
	}
	vq->nr_segments--;
	vq->nr_others++;
}

static void
join_all_segments(struct virtqueue *vq)
{
	struct virtqueue_chain *chain;
	uint16_t position = vq->tail;

	for (; vq->nr_segments > 0 && position != vq->head; position += chain->count) {
		chain = &vq->chain[position & vq->mask];
		if (chain->kind != VIRTQUEUE_SEGMENTS)
			continue;
		join_segments(vq, position & vq->mask, chain->count);
		chain->kind = VIRTQUEUE_OTHER;
	}
}

void
virtqueue_leave_sequence(struct virtqueue *vq)
{
	uint16_t i;

	if (!vq->in_sequence)
		return;
	join_all_segments(vq);
	vq->in_sequence = false;
	for (i = vq->head; i != (uint16_t)(vq->tail + vq->size); i++)
		vq->mbuf[i & vq->mask] = NULL;
}

void
virtqueue_free_mbufs(struct virtqueue *vq)
{
	uint16_t i;

	virtqueue_leave_sequence(vq);
	for (i = 0; i < vq->size; i++) {
		rte_pktmbuf_free(vq->mbuf[i]);
		vq->mbuf[i] = NULL;
	}
	vq->nr_plain = 0;
	vq->nr_segments = 0;
	vq->nr_others = 0;
	rte_pktmbuf_free(vq->inject);
	vq->inject = NULL;
}

/* The burst clears attention before it takes the frame, so none is overlooked. */
void
virtqueue_inject(struct virtqueue *vq, struct rte_mbuf *m)
{
	rte_pktmbuf_free(__atomic_exchange_n(&vq->inject, m, __ATOMIC_SEQ_CST));
	__atomic_store_n(&vq->attention, true, __ATOMIC_SEQ_CST);
}

void
virtqueue_halt(struct virtqueue *vq)
{
	vq->broken = true;
	vq->attention = true;
}

/* A frame that was handed over meanwhile is sent with the first burst. */
void
virtqueue_resume(struct virtqueue *vq)
{
	vq->broken = false;
}

void
virtqueue_addresses(const struct virtqueue *vq, struct virtio_vq_addr *addr)
{
	addr->desc = vq->ring_iova;
	if (vq->packed) {
		addr->avail = vq->ring_iova +
			RTE_PTR_DIFF(vq->driver_event, vq->packed_desc);
		addr->used = vq->ring_iova +
			RTE_PTR_DIFF(vq->device_event, vq->packed_desc);
	} else {
		addr->avail = vq->ring_iova + RTE_PTR_DIFF(vq->avail, vq->desc);
		addr->used = vq->ring_iova + RTE_PTR_DIFF(vq->used, vq->desc);
	}
}

void
virtqueue_break(struct virtqueue *vq, const char *why, uint32_t value)
{
	if (vq->broken)
		return;
	vq->broken = true;
	vq->attention = true;
	vq->stats.broken++;
	DRV_LOG(ERR, "%s: queue %u: the device returned %s (%u): the queue is not used any more; stop and start the port to try again",
		rte_eth_devices[vq->port_id].data->name, vq->index, why, value);
}
