/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTIO_LAYOUT_H
#define VIRTIO_LAYOUT_H

/*
 * Test cases of the bursts that run once for each ring layout: a port of one queue
 * pair on the fake virtio device.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include <virtqueue.h>

#include "test.h"
#include "virtio_port.h"

#define LAYOUT_RING 64
#define LAYOUT_BURST 32
#define LAYOUT_HEADER 12
#define LAYOUT_FRAME_MAX 9018 /* the fake device's MTU, with an Ethernet header and tag */
#define LAYOUT_SEGS_MAX 5

struct virtio_layout {
	bool packed, in_order, mergeable, offload;
	bool vector; /* and not offload */
};

/* The one of the case that runs. */
extern struct virtio_layout virtio_layout;

struct virtio_layout_case {
	const char *name;
	int (*run)(void);
	/* whether it makes sense for the layout; NULL: for all */
	bool (*applies)(void);
};

/* What device and port of some cases have besides the layout; NULL for nothing. */
struct virtio_layout_extras {
	void (*offer)(void); /* before the device is attached */
	void (*configure)(struct rte_eth_conf *conf);
};

/* Run all cases in each layout that they apply to. TEST_SUCCESS or TEST_FAILED. */
int virtio_layout_run(const char *what, const struct virtio_layout_case *cases,
		unsigned int count);
int virtio_layout_run_with(const char *what, const struct virtio_layout_extras *extras,
		const struct virtio_layout_case *cases, unsigned int count);

bool layout_is_mergeable(void);
bool layout_is_offload(void);
bool layout_is_in_order(void);
bool layout_is_packed(void);
bool layout_is_out_of_order(void);

static inline struct mirror_ring *
layout_rx_ring(void)
{
	return &fake_virtio.queue[FAKE_VIRTIO_RX].ring;
}

static inline struct mirror_ring *
layout_tx_ring(void)
{
	return &fake_virtio.queue[FAKE_VIRTIO_TX].ring;
}

static inline struct virtqueue *
layout_rx_queue(void)
{
	return virtio_port.dev->data->rx_queues[0];
}

static inline struct virtqueue *
layout_tx_queue(void)
{
	return virtio_port.dev->data->tx_queues[0];
}

static inline uint16_t
layout_recv(struct rte_mbuf **m, uint16_t count)
{
	return rte_eth_rx_burst(virtio_port.id, 0, m, count);
}

static inline uint16_t
layout_send(struct rte_mbuf **m, uint16_t count)
{
	return rte_eth_tx_burst(virtio_port.id, 0, m, count);
}

/* Configure the port of the layout, which is stopped, with a receive pool, and start it. */
int virtio_layout_start(struct rte_mempool *pool);

/*
 * Stop the port. Each mbuf of the pool is back once, as mbufs in a pool are.
 * TEST_SUCCESS or TEST_FAILED, reported.
 */
int virtio_layout_stop(void);
/* The same of any pool. */
int layout_check_pool(struct rte_mempool *pool);

/* The queue does nothing any more until the port is started again, and does then. */
int layout_expect_broken(const struct virtqueue *vq);

/*
 * Random numbers; the seed is printed, and taken from MDEV_TEST_SEED if that is set, by
 * virtio_layout_run(), or by whoever runs no layouts.
 */
void layout_random_start(void);
uint32_t layout_random(uint32_t limit);

/* The frame with this number: its length is a number's, too. */
uint32_t layout_frame_len(uint32_t seq);
void layout_frame(uint32_t seq, uint8_t *frame, uint32_t len);
/* An mbuf of one segment with that frame; NULL if there is none. */
struct rte_mbuf *layout_mbuf(struct rte_mempool *pool, uint32_t seq);
/* Is the mbuf, which is freed, that frame? 0 or -1. */
int layout_check_mbuf(struct rte_mbuf *m, uint32_t seq);
/* Take a chain from the transmit ring: is it that frame? 0 or -1. */
int layout_take(struct mirror_chain *chain, uint32_t seq);

/*
 * Write a frame of any length, and a header with this num_buffers, into buffers of the
 * driver. The number of buffers; lens has the length in each.
 */
uint16_t layout_write(const struct mirror_chain *chains, uint16_t count, uint32_t seq,
		uint32_t len, uint32_t *lens);

#endif /* VIRTIO_LAYOUT_H */
