// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames between the host interface and the client's virtqueues. All of it runs
 * in the device's worker. VIRTIO 1.2 s. 5.1.6.
 */
#include "mdev_virtio_net.h"

/* Frames moved in one direction before others get the processor and the lock. */
#define BUDGET		32

/*
 * How long frames wait for a client that gives no buffers. A network card would
 * not wait at all; a client that refills its ring in large steps needs a bit.
 */
#define STALL_LIMIT	(HZ / 5)

#define MAX_LINEAR	2048

/* --- from the client to the host --- */

/* Large frames lie in pages: so much in one piece is hard to come by. */
static struct sk_buff *alloc_frame(struct mvnet *nd, u32 len)
{
	const u32 headroom = NET_SKB_PAD + NET_IP_ALIGN;
	u32 linear = min_t(u32, len, MAX_LINEAR);
	struct sk_buff *skb;
	int error;

	skb = alloc_skb_with_frags(headroom + linear, len - linear,
				   PAGE_ALLOC_COSTLY_ORDER, &error, GFP_KERNEL);
	if (!skb)
		return NULL;
	skb_reserve(skb, headroom);
	skb_put(skb, linear);
	skb->data_len = len - linear;
	skb->len = len;
	skb->dev = nd->host;
	return skb;
}

/* NULL, and counted, if the frame cannot be delivered. */
static struct sk_buff *make_skb(struct mvnet *nd, const void *hdr,
				const void *frame, u32 len)
{
	struct sk_buff *skb = alloc_frame(nd, len);

	if (!skb) {
		atomic64_inc(&nd->stats.rx_dropped);
		return NULL;
	}
	if (skb_store_bits(skb, 0, frame, len) ||
	    !mvnet_hdr_to_skb(nd, hdr, skb)) {
		atomic64_inc(&nd->stats.rx_errors);
		kfree_skb(skb);
		return NULL;
	}
	return skb;
}

/* Fetch one frame. *skb is NULL if there is no error but nothing to deliver. */
static int fetch_frame(struct mvnet *nd, const struct mdev_virtio_chain *chain,
		       struct sk_buff **skb)
{
	const u32 hdr_len = nd->hdr_len;
	u8 *buf = nd->scratch->frame;
	u32 len = chain->out_len;
	int ret;

	*skb = NULL;
	/* A transmit buffer is for the device to read. */
	if (chain->nr_in)
		return -EPROTO;
	if (len < hdr_len + ETH_HLEN || len > hdr_len + MVNET_MAX_GSO) {
		atomic64_inc(&nd->stats.rx_errors);
		return 0;
	}
	if (!READ_ONCE(nd->link_up)) {
		atomic64_inc(&nd->stats.rx_dropped);
		return 0;
	}
	ret = mdev_virtio_read(&nd->mvdev, nd->scratch->iov, chain->nr_out, 0,
			       buf, len);
	if (!ret)
		*skb = make_skb(nd, buf, buf + hdr_len, len - hdr_len);
	return ret;
}

/* Show what was pushed, and interrupt if that is wanted. */
int mvnet_publish(struct mvnet_vq *vq)
{
	int ret = mdev_virtio_ring_publish(&vq->ring);

	if (ret > 0)
		vq->cb.callback(vq->cb.private);
	return min(ret, 0);
}

/* Return how many chains were taken, or a negative errno. */
static int from_client(struct mvnet *nd, u16 pair, struct sk_buff_head *frames)
{
	struct mvnet_vq *vq = mvnet_tx_vq(nd, pair);
	struct mdev_virtio_chain chain;
	struct sk_buff *skb;
	int ret = 0;
	int done;

	for (done = 0; vq->ring.ready && done < BUDGET; done++) {
		ret = mdev_virtio_ring_pop(&vq->ring, &chain, nd->scratch->iov,
					   ARRAY_SIZE(nd->scratch->iov));
		if (ret <= 0)
			break;
		ret = fetch_frame(nd, &chain, &skb);
		if (ret)
			break;
		if (skb) {
			skb_record_rx_queue(skb, pair);
			__skb_queue_tail(frames, skb);
		}
		ret = mdev_virtio_ring_push(&vq->ring, &chain, 0);
		if (ret)
			break;
	}
	if (ret >= 0)
		ret = mvnet_publish(vq);
	return ret < 0 ? ret : done;
}

/*
 * Where a flow's pair is remembered: s. 5.1.6.5.6 wants its frames from the
 * host to come in where the driver sends. Its two directions have one hash.
 */
u8 *mvnet_flow(struct mvnet *nd, const struct sk_buff *skb)
{
	return &nd->flows[__skb_get_hash_symmetric(skb) % MVNET_FLOWS];
}

void mvnet_flows_reset(struct mvnet *nd)
{
	unsigned int i;

	for (i = 0; i < MVNET_FLOWS; i++)
		WRITE_ONCE(nd->flows[i], MVNET_NO_FLOW);
}

static void remember_flow(struct mvnet *nd, struct sk_buff *skb)
{
	u16 pair = skb_get_rx_queue(skb);
	u8 *flow;

	if (READ_ONCE(nd->active_pairs) == 1)
		return;
	skb_reset_network_header(skb);
	/* The hash asks the interface's namespace, which may be changing. */
	rcu_read_lock();
	flow = mvnet_flow(nd, skb);
	rcu_read_unlock();
	if (READ_ONCE(*flow) != pair)
		WRITE_ONCE(*flow, pair);
}

static void deliver(struct mvnet *nd, struct sk_buff_head *frames)
{
	struct sk_buff *skb;

	while ((skb = __skb_dequeue(frames))) {
		unsigned int len = skb->len;

		skb->protocol = eth_type_trans(skb, nd->host);
		remember_flow(nd, skb);
		if (netif_rx(skb) == NET_RX_SUCCESS) {
			atomic64_inc(&nd->stats.rx_packets);
			atomic64_add(len, &nd->stats.rx_bytes);
		} else {
			atomic64_inc(&nd->stats.rx_dropped);
		}
	}
}

/* --- from the host to the client --- */

enum fit { FITS, FITS_LATER, FITS_NEVER };

/*
 * Take chains for @need bytes: one, or as many as it takes with mergeable
 * buffers. Return an enum fit, or a negative errno; unless it FITS, nothing
 * stays taken.
 */
static int take_buffers(struct mvnet *nd, struct mdev_virtio_ring *ring,
			u32 need, u16 *nr_chains, unsigned int *nr_iov)
{
	const bool merge = mvnet_has(nd, VIRTIO_NET_F_MRG_RXBUF);
	struct mvnet_scratch *s = nd->scratch;
	unsigned int iovs = 0;
	u16 chains = 0;
	u32 room = 0;
	int ret;

	while (room < need) {
		struct mdev_virtio_chain *chain = &s->chains[chains];

		ret = FITS_NEVER;
		if (chains == ring->num || (chains && !merge))
			goto put_back;
		ret = mdev_virtio_ring_pop(ring, chain, s->iov + iovs,
					   ARRAY_SIZE(s->iov) - iovs);
		if (ret == 0) {
			ret = FITS_LATER;
			goto put_back;
		}
		if (ret == -ENOSPC) {
			ret = FITS_NEVER;
			goto put_back;
		}
		if (ret < 0)
			return ret;
		/* s. 5.1.6.3.1: writable, and room for the header in each */
		if (chain->nr_out || chain->in_len < nd->hdr_len)
			return -EPROTO;
		chains++;
		iovs += chain->nr_in;
		room += min(chain->in_len, need);
	}
	*nr_chains = chains;
	*nr_iov = iovs;
	return FITS;

put_back:
	while (chains)
		mdev_virtio_ring_unpop(ring, &s->chains[--chains]);
	return ret;
}

static int push_buffers(struct mvnet *nd, struct mdev_virtio_ring *ring,
			u32 len, u16 nr_chains)
{
	int ret = 0;
	u16 i;

	for (i = 0; i < nr_chains && !ret; i++) {
		const struct mdev_virtio_chain *chain = &nd->scratch->chains[i];
		u32 part = min(len, chain->in_len);

		ret = mdev_virtio_ring_push(ring, chain, part);
		len -= part;
	}
	return ret;
}

/* Put the frame behind its header. False if this client cannot have it. */
static bool copy_frame(struct mvnet *nd, struct sk_buff *skb)
{
	struct virtio_net_hdr_v1_hash *hdr = (void *)nd->scratch->frame;
	u8 *frame = nd->scratch->frame + nd->hdr_len;

	memset(hdr, 0, nd->hdr_len);
	if (skb->len > MVNET_MAX_GSO ||
	    !mvnet_hdr_from_skb(nd, skb, (struct virtio_net_hdr *)hdr) ||
	    skb_copy_bits(skb, 0, frame, skb->len))
		return false;
	if (mvnet_has(nd, VIRTIO_NET_F_HASH_REPORT))
		mvnet_report_hash(nd, hdr, skb->len);
	return true;
}

/* Return an enum fit, or a negative errno. The frame stays the caller's. */
static int send_frame(struct mvnet *nd, struct mdev_virtio_ring *ring,
		      struct sk_buff *skb)
{
	struct virtio_net_hdr_v1_hash *hdr = (void *)nd->scratch->frame;
	const u32 len = nd->hdr_len + skb->len;
	unsigned int nr_iov;
	u16 nr_chains;
	int ret;

	if (!copy_frame(nd, skb))
		return FITS_NEVER;
	ret = take_buffers(nd, ring, len, &nr_chains, &nr_iov);
	if (ret != FITS)
		return ret;
	hdr->hdr.num_buffers = __cpu_to_virtio16(true, nr_chains);
	ret = mdev_virtio_write(&nd->mvdev, nd->scratch->iov, nr_iov, 0, hdr,
				len);
	if (ret)
		return ret;
	ret = push_buffers(nd, ring, len, nr_chains);
	if (ret)
		return ret;
	atomic64_inc(&nd->stats.tx_packets);
	atomic64_add(skb->len, &nd->stats.tx_bytes);
	return FITS;
}

static void wake_host(struct mvnet *nd, u16 pair)
{
	struct netdev_queue *txq = netdev_get_tx_queue(nd->host, pair);

	/* Pairs with mvnet_host_xmit(). */
	smp_mb();
	if (netif_tx_queue_stopped(txq) && READ_ONCE(nd->link_up) &&
	    skb_queue_len_lockless(&nd->backlogs[pair].skbs) < MVNET_BACKLOG / 2)
		netif_tx_wake_queue(txq);
}

void mvnet_backlog_purge(struct mvnet *nd, u16 pair)
{
	struct mvnet_backlog *backlog = &nd->backlogs[pair];
	struct sk_buff *skb;

	while ((skb = skb_dequeue(&backlog->skbs))) {
		atomic64_inc(&nd->stats.tx_dropped);
		kfree_skb(skb);
	}
	backlog->stalled = false;
	wake_host(nd, pair);
}

/* Frames that the host has put where nobody fetches them. */
static void purge_unused(struct mvnet *nd, u16 from)
{
	u16 pair;

	for (pair = from; pair < nd->type->pairs; pair++)
		if (!skb_queue_empty_lockless(&nd->backlogs[pair].skbs))
			mvnet_backlog_purge(nd, pair);
}

/* The first frame found no buffers. */
static void stall(struct mvnet *nd, u16 pair)
{
	struct mvnet_backlog *backlog = &nd->backlogs[pair];

	if (!backlog->stalled) {
		backlog->stalled = true;
		backlog->deadline = jiffies + STALL_LIMIT;
	} else if (time_after(jiffies, backlog->deadline)) {
		mvnet_backlog_purge(nd, pair);
	}
}

/* As send_frame(), but a frame that the driver does not want is taken, too. */
static int filter_frame(struct mvnet *nd, struct mvnet_vq *vq,
			struct sk_buff *skb)
{
	if (!mvnet_filter_pass(nd, skb)) {
		atomic64_inc(&nd->stats.tx_filtered);
		return FITS;
	}
	return vq->ring.ready ? send_frame(nd, &vq->ring, skb) : FITS_LATER;
}

/* Return how many frames were taken off the backlog, or a negative errno. */
static int to_client(struct mvnet *nd, u16 pair)
{
	struct mvnet_backlog *backlog = &nd->backlogs[pair];
	struct mvnet_vq *vq = mvnet_rx_vq(nd, pair);
	struct sk_buff *skb;
	int ret = 0;
	int done;

	for (done = 0; done < BUDGET; done++) {
		skb = skb_dequeue(&backlog->skbs);
		if (!skb)
			break;
		ret = filter_frame(nd, vq, skb);
		if (ret == FITS_LATER) {
			skb_queue_head(&backlog->skbs, skb);
			stall(nd, pair);
			break;
		}
		backlog->stalled = false;
		if (ret == FITS) {
			consume_skb(skb);
			continue;
		}
		atomic64_inc(&nd->stats.tx_dropped);
		kfree_skb(skb);
		if (ret < 0)
			break;
	}
	if (ret >= 0 && vq->ring.ready)
		ret = mvnet_publish(vq);
	if (done)
		wake_host(nd, pair);
	return ret < 0 ? ret : done;
}

/* --- the worker --- */

/* Return whether anything was done, or a negative errno. */
static int serve(struct mvnet *nd, struct sk_buff_head *frames)
{
	bool moved;
	u16 pair;
	int ret;

	/* First, because they say what becomes of the frames. */
	ret = mvnet_ctrl_work(nd);
	if (ret < 0)
		return ret;
	moved = ret > 0;
	for (pair = 0; pair < nd->active_pairs; pair++) {
		ret = to_client(nd, pair);
		if (ret < 0)
			return ret;
		moved |= ret > 0;
		ret = from_client(nd, pair, frames);
		if (ret < 0)
			return ret;
		moved |= ret > 0;
	}
	purge_unused(nd, nd->active_pairs);
	return moved;
}

static bool any_stalled(struct mvnet *nd)
{
	u16 pair;

	for (pair = 0; pair < nd->active_pairs; pair++)
		if (nd->backlogs[pair].stalled)
			return true;
	return false;
}

static int listen_to(struct mvnet_vq *vq)
{
	return vq && vq->ring.ready ? mdev_virtio_ring_listen(&vq->ring) : 0;
}

/*
 * Nothing was to be done. Return whether there is now, or a negative errno. Receive
 * buffers need no notification: as long as a frame waits for some we don't sleep.
 */
static int listen(struct mvnet *nd)
{
	int ret = listen_to(mvnet_ctrl_vq(nd));
	u16 pair;

	for (pair = 0; pair < nd->active_pairs && !ret; pair++)
		ret = listen_to(mvnet_tx_vq(nd, pair));
	return ret;
}

/* As serve(). *@next: what to do if nothing was done */
static int serve_or_listen(struct mvnet *nd, struct sk_buff_head *frames,
			   enum mdev_virtio_work *next)
{
	int ret = serve(nd, frames);

	if (ret)
		return ret;
	if (nd->mvdev.map_doorbells || any_stalled(nd)) {
		*next = MDEV_VIRTIO_WORK_POLL;
		return 0;
	}
	return listen(nd);
}

enum mdev_virtio_work mvnet_work(struct mdev_virtio_device *mvdev)
{
	enum mdev_virtio_work next = MDEV_VIRTIO_WORK_SLEEP;
	struct mvnet *nd = to_mvnet(mvdev);
	struct sk_buff_head frames;
	int ret;

	__skb_queue_head_init(&frames);
	mutex_lock(&mvdev->lock);
	if (mdev_virtio_may_dma(mvdev)) {
		if (test_and_clear_bit(MVNET_LINK_CHANGED, &nd->events))
			nd->config_cb.callback(nd->config_cb.private);
		ret = serve_or_listen(nd, &frames, &next);
		if (ret < 0)
			mvnet_broken(nd, ret);
		else if (ret)
			next = MDEV_VIRTIO_WORK_MORE;
	} else {
		/* The driver is OK, but no bus master, or has failed. */
		purge_unused(nd, 0);
	}
	mutex_unlock(&mvdev->lock);

	/* Into the stack without the lock: it may transmit on our interface. */
	deliver(nd, &frames);
	return next;
}
