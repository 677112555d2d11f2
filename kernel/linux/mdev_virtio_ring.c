// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtqueues, device side, in the client's memory: what is the same in both layouts.
 *
 * Everything is reached by vfio_dma_rw(). vfio_pin_pages() would make the rings
 * ordinary memory, but type 1 IOMMUs of version 1 refuse it (EACCES), and that
 * is the version DPDK's EAL asks for.
 *
 * vfio_dma_rw() copies with copy_{from,to}_user(), upwards, which on x86 moves eight
 * bytes at once where it can and single bytes otherwise. A 16-bit index moved
 * byte by byte can be seen half changed: 0x00ff, 0x0000, 0x0100. So where that matters
 * it is read and written as part of an aligned word of eight bytes.
 *
 * It does not matter for event indices. Who reads half of one has published its own
 * index before, and who writes one looks at that index afterwards.
 */
#include <linux/overflow.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "mdev_virtio_ring.h"

int mvdev_dma_read(struct mdev_virtio_device *mvdev, u64 addr, void *buf,
		   size_t len)
{
	return vfio_dma_rw(&mvdev->vdev, addr, buf, len, false);
}

int mvdev_dma_write(struct mdev_virtio_device *mvdev, u64 addr,
		    const void *buf, size_t len)
{
	/* The buffer is only read from; the prototype can't say so. */
	return vfio_dma_rw(&mvdev->vdev, addr, (void *)buf, len, true);
}

bool mvdev_area_valid(u64 addr, size_t size, size_t align)
{
	u64 end;

	return IS_ALIGNED(addr, align) && !check_add_overflow(addr, (u64)size, &end);
}

/* --- set-up --- */

void mdev_virtio_ring_init(struct mdev_virtio_ring *ring,
			   struct mdev_virtio_device *mvdev, u16 num)
{
	memset(ring, 0, sizeof(*ring));
	ring->mvdev = mvdev;
	ring->num = num;
	ring->layout = &mvdev_ring_split;
}
EXPORT_SYMBOL_GPL(mdev_virtio_ring_init);

void mdev_virtio_ring_set_features(struct mdev_virtio_ring *ring, u64 features)
{
	ring->layout = features & BIT_ULL(VIRTIO_F_RING_PACKED) ?
		       &mvdev_ring_packed : &mvdev_ring_split;
	ring->indirect = features & BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC);
	ring->event_idx = features & BIT_ULL(VIRTIO_RING_F_EVENT_IDX);
	ring->in_order = features & BIT_ULL(VIRTIO_F_IN_ORDER);
}
EXPORT_SYMBOL_GPL(mdev_virtio_ring_set_features);

int mdev_virtio_ring_set_address(struct mdev_virtio_ring *ring, u64 desc,
				 u64 driver, u64 device)
{
	return ring->layout->set_address(ring, desc, driver, device);
}
EXPORT_SYMBOL_GPL(mdev_virtio_ring_set_address);

void mdev_virtio_ring_set_state(struct mdev_virtio_ring *ring, u16 state)
{
	ring->unpublished = 0;
	ring->batch = 0;
	ring->listening = false;
	ring->layout->set_state(ring, state);
}
EXPORT_SYMBOL_GPL(mdev_virtio_ring_set_state);

u16 mdev_virtio_ring_get_state(const struct mdev_virtio_ring *ring)
{
	return ring->layout->get_state(ring);
}
EXPORT_SYMBOL_GPL(mdev_virtio_ring_get_state);

/* --- available chains --- */

int mvdev_chain_add(struct mdev_virtio_chain *chain,
		    struct mdev_virtio_iov *iov, unsigned int max, u64 addr,
		    u32 len, bool in)
{
	unsigned int nr = chain->nr_out + chain->nr_in;
	u64 end;

	if (nr == max)
		return -ENOSPC;
	if (check_add_overflow(addr, (u64)len, &end))
		return -EPROTO;
	if (!in && chain->nr_in)
		return -EPROTO;
	if (check_add_overflow(in ? chain->in_len : chain->out_len, len,
			       in ? &chain->in_len : &chain->out_len))
		return -EPROTO;

	iov[nr].addr = addr;
	iov[nr].len = len;
	if (in)
		chain->nr_in++;
	else
		chain->nr_out++;
	return 0;
}

int mdev_virtio_ring_pop(struct mdev_virtio_ring *ring,
			 struct mdev_virtio_chain *chain,
			 struct mdev_virtio_iov *iov, unsigned int max)
{
	memset(chain, 0, sizeof(*chain));
	return ring->layout->pop(ring, chain, iov, max);
}
EXPORT_SYMBOL_GPL(mdev_virtio_ring_pop);

void mdev_virtio_ring_unpop(struct mdev_virtio_ring *ring,
			    const struct mdev_virtio_chain *chain)
{
	ring->layout->unpop(ring, chain);
}
EXPORT_SYMBOL_GPL(mdev_virtio_ring_unpop);

int mdev_virtio_ring_listen(struct mdev_virtio_ring *ring)
{
	/* Without event indices we are always notified. */
	return ring->event_idx ? ring->layout->listen(ring) : 0;
}
EXPORT_SYMBOL_GPL(mdev_virtio_ring_listen);

/* --- used chains --- */

static int put_used(struct mdev_virtio_ring *ring, u16 id, u32 len, u32 slots)
{
	int ret;

	/* Only who reuses what it has not got back has more than the ring is long. */
	if (slots > ring->num - ring->unpublished)
		return -EPROTO;
	ret = ring->layout->put_used(ring, id, len, slots);
	if (!ret)
		ring->unpublished += slots;
	return ret;
}

static int flush_batch(struct mdev_virtio_ring *ring)
{
	u32 slots = ring->batch;

	ring->batch = 0;
	return slots ? put_used(ring, ring->batch_id, 0, slots) : 0;
}

/*
 * With IN_ORDER chains into which nothing was written are shown as one, by the last
 * one's id: VIRTIO 1.2 s. 2.7.9, 2.8.8
 */
int mdev_virtio_ring_push(struct mdev_virtio_ring *ring,
			  const struct mdev_virtio_chain *chain, u32 len)
{
	int ret;

	if (ring->in_order && !len) {
		ring->batch += chain->slots;
		ring->batch_id = chain->id;
		return 0;
	}
	ret = flush_batch(ring);
	return ret ? ret : put_used(ring, chain->id, len, chain->slots);
}
EXPORT_SYMBOL_GPL(mdev_virtio_ring_push);

int mdev_virtio_ring_publish(struct mdev_virtio_ring *ring)
{
	int ret = flush_batch(ring);

	if (ret || !ring->unpublished)
		return ret;
	/* Elements before what shows them, and that before the flags. */
	smp_wmb();
	ret = ring->layout->show_used(ring);
	if (ret)
		return ret;
	/* A client that allows interrupts looks at the ring after that. */
	smp_mb();
	ret = ring->layout->wants_interrupt(ring);
	ring->unpublished = 0;
	return ret;
}
EXPORT_SYMBOL_GPL(mdev_virtio_ring_publish);

/* --- buffers --- */

int mdev_virtio_read(struct mdev_virtio_device *mvdev,
		     const struct mdev_virtio_iov *iov, unsigned int nr,
		     size_t skip, void *buf, size_t len)
{
	unsigned int i;
	int ret;

	for (i = 0; i < nr && len; i++) {
		size_t n;

		if (skip >= iov[i].len) {
			skip -= iov[i].len;
			continue;
		}
		n = min_t(size_t, len, iov[i].len - skip);
		ret = mvdev_dma_read(mvdev, iov[i].addr + skip, buf, n);
		if (ret)
			return ret;
		buf += n;
		len -= n;
		skip = 0;
	}
	return len ? -EMSGSIZE : 0;
}
EXPORT_SYMBOL_GPL(mdev_virtio_read);

int mdev_virtio_write(struct mdev_virtio_device *mvdev,
		      const struct mdev_virtio_iov *iov, unsigned int nr,
		      size_t skip, const void *buf, size_t len)
{
	unsigned int i;
	int ret;

	for (i = 0; i < nr && len; i++) {
		size_t n;

		if (skip >= iov[i].len) {
			skip -= iov[i].len;
			continue;
		}
		n = min_t(size_t, len, iov[i].len - skip);
		ret = mvdev_dma_write(mvdev, iov[i].addr + skip, buf, n);
		if (ret)
			return ret;
		buf += n;
		len -= n;
		skip = 0;
	}
	return len ? -EMSGSIZE : 0;
}
EXPORT_SYMBOL_GPL(mdev_virtio_write);
