/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_net.h>

#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_common.h>

#include "bench_burst_device.h"

#define HEADER_LEN ((uint32_t)sizeof(struct virtio_net_hdr_v1))
#define ADDRESSES_LEN 12
#define NUMBER_OFFSET 14
#define CONTENT_OFFSET (NUMBER_OFFSET + sizeof(uint64_t))
#define FRAME_MAX 9216

void
burst_device_content(uint8_t *frame, uint16_t size, uint64_t number)
{
	/* local addresses, unicast; an EtherType for experiments */
	static const uint8_t start[NUMBER_OFFSET] = {
		0x02, 0, 0, 0, 0, 0x01, 0x02, 0, 0, 0, 0, 0x02, 0x88, 0xb5,
	};
	unsigned int i;

	memcpy(frame, start, sizeof(start));
	memcpy(frame + NUMBER_OFFSET, &number, sizeof(number));
	for (i = CONTENT_OFFSET; i < size; i++)
		frame[i] = number * 31 + i;
}

int
burst_device_init(struct burst_device *dev)
{
	dev->received = dev->transmitted = dev->checked = 0;
	dev->next_rx = dev->next_tx = 0;
	dev->wrong = NULL;
	dev->checks = false;
	dev->random = 1;
	dev->nr_held_rx = dev->nr_held_tx = 0;
	dev->held_rx = calloc(dev->rx.size, sizeof(*dev->held_rx));
	dev->held_tx = calloc(dev->tx.size, sizeof(*dev->held_tx));
	if (dev->held_rx != NULL && dev->held_tx != NULL)
		return 0;
	burst_device_fini(dev);
	return -ENOMEM;
}

void
burst_device_fini(struct burst_device *dev)
{
	free(dev->held_rx);
	free(dev->held_tx);
	dev->held_rx = dev->held_tx = NULL;
}

void
burst_device_check(struct burst_device *dev, bool checks)
{
	dev->checks = checks;
	dev->next_tx = dev->next_rx;
}

static void
is_wrong(struct burst_device *dev, const char *what)
{
	if (dev->wrong == NULL)
		dev->wrong = what;
}

/* Of a linear congruential generator; equal for all runs. */
static uint32_t
pick(struct burst_device *dev, uint32_t below)
{
	dev->random = dev->random * 1664525u + 1013904223u;
	return (dev->random >> 8) % below;
}

/* In no order: one of all that are there now. */
static int
pop_any(struct burst_device *dev, struct burst_ring *ring, struct burst_chain *held,
		uint16_t *nr_held, struct burst_chain *chain)
{
	uint16_t i;
	int ret = 1;

	while (*nr_held < ring->size && ret == 1) {
		ret = burst_ring_pop(ring, &held[*nr_held]);
		*nr_held += ret == 1;
	}
	if (ret < 0 || *nr_held == 0)
		return ret;
	i = pick(dev, *nr_held);
	*chain = held[i];
	held[i] = held[--*nr_held];
	return 1;
}

static int
pop_rx(struct burst_device *dev, struct burst_chain *chain)
{
	int ret;

	if (unlikely(dev->shuffle))
		ret = pop_any(dev, &dev->rx, dev->held_rx, &dev->nr_held_rx, chain);
	else
		ret = burst_ring_pop(&dev->rx, chain);
	if (unlikely(ret < 0))
		is_wrong(dev, "the receive ring makes no sense");
	else if (unlikely(ret == 1 && !chain->writable))
		is_wrong(dev, "a receive buffer that must not be written");
	return ret;
}

static bool
write_chain(const struct burst_chain *chain, const uint8_t *data, uint32_t len)
{
	uint32_t part;
	uint16_t i;

	for (i = 0; i < chain->nr_bufs && len > 0; i++) {
		part = RTE_MIN(len, chain->buf[i].len);
		memcpy(chain->buf[i].addr, data, part);
		data += part;
		len -= part;
	}
	return len == 0;
}

/* Fill one of a frame's buffers; data has the header before the frame. */
static void
fill_checked(struct burst_device *dev, const struct burst_chain *chain,
		const uint8_t *data, uint32_t len)
{
	if (!write_chain(chain, data, len))
		is_wrong(dev, "a receive buffer that is too small");
}

/* The header only: what else there is, the driver's user put there once. */
static void
fill_fast(struct burst_device *dev, const struct burst_chain *chain, bool first)
{
	struct virtio_net_hdr_v1 header = {
		.num_buffers = rte_cpu_to_le_16(dev->segments),
	};

	if (!first)
		return;
	if (likely(chain->buf[0].len >= sizeof(header)))
		memcpy(chain->buf[0].addr, &header, sizeof(header));
	else
		is_wrong(dev, "a receive buffer that is too small");
}

static bool
give_frame(struct burst_device *dev)
{
	const uint32_t total = HEADER_LEN + dev->size;
	uint32_t part = dev->size / dev->segments, len, done = 0;
	uint8_t frame[HEADER_LEN + FRAME_MAX];
	struct burst_chain chain;
	uint16_t i;

	if (unlikely(dev->checks)) {
		memset(frame, 0, HEADER_LEN);
		((struct virtio_net_hdr_v1 *)frame)->num_buffers =
			rte_cpu_to_le_16(dev->segments);
		burst_device_content(frame + HEADER_LEN, dev->size, dev->next_rx);
	}
	for (i = 0; i < dev->segments; i++) {
		if (pop_rx(dev, &chain) != 1) {
			/* the caller asks for what the ring can hold */
			if (i > 0)
				is_wrong(dev, "too few receive buffers for a frame");
			return false;
		}
		len = i == 0 ? HEADER_LEN + part : part;
		if (i == dev->segments - 1)
			len = total - done;
		if (unlikely(dev->checks))
			fill_checked(dev, &chain, frame + done, len);
		else
			fill_fast(dev, &chain, i == 0);
		done += len;
		burst_ring_push(&dev->rx, &chain, len);
	}
	dev->next_rx++;
	dev->received++;
	return true;
}

unsigned int
burst_device_give(struct burst_device *dev, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count && dev->wrong == NULL; i++) {
		if (!give_frame(dev))
			break;
	}
	burst_ring_publish(&dev->rx);
	return i;
}

static void
check_content(struct burst_device *dev, const struct burst_chain *chain)
{
	const struct virtio_net_hdr_v1 *header;
	uint8_t frame[HEADER_LEN + FRAME_MAX], expected[FRAME_MAX];
	uint32_t len = 0;
	uint16_t i;

	for (i = 0; i < chain->nr_bufs; i++) {
		memcpy(frame + len, chain->buf[i].addr, chain->buf[i].len);
		len += chain->buf[i].len;
	}
	header = (const struct virtio_net_hdr_v1 *)frame;
	if (header->flags != 0 || header->gso_type != VIRTIO_NET_HDR_GSO_NONE)
		is_wrong(dev, "a header that asks for offloads");
	burst_device_content(expected, dev->size, dev->next_tx++);
	if (memcmp(frame + HEADER_LEN, expected, dev->size) != 0)
		is_wrong(dev, "a frame that is not the next one of those received");
	else
		dev->checked++;
}

static void
take_frame(struct burst_device *dev, const struct burst_chain *chain)
{
	uint32_t len = 0;
	uint16_t i;

	for (i = 0; i < chain->nr_bufs; i++)
		len += chain->buf[i].len;
	if (unlikely(chain->writable))
		is_wrong(dev, "a frame that the device is to write");
	else if (unlikely(len != HEADER_LEN + dev->size))
		is_wrong(dev, "a frame of another length");
	else if (unlikely(dev->checks))
		check_content(dev, chain);
	dev->transmitted++;
}

/*
 * In no order, and an eighth of the ring is kept until the next time. What is kept has
 * been looked at: its order is that of the ring.
 */
static void
return_any(struct burst_device *dev, const struct burst_chain *chain)
{
	uint16_t i = dev->nr_held_tx;

	if (i == dev->tx.size / 8) {
		i = pick(dev, i);
		burst_ring_push(&dev->tx, &dev->held_tx[i], 0);
	} else {
		dev->nr_held_tx++;
	}
	dev->held_tx[i] = *chain;
}

unsigned int
burst_device_take(struct burst_device *dev)
{
	struct burst_chain chain;
	unsigned int count = 0;
	int ret;

	while ((ret = burst_ring_pop(&dev->tx, &chain)) == 1) {
		take_frame(dev, &chain);
		if (unlikely(dev->shuffle))
			return_any(dev, &chain);
		else
			burst_ring_push(&dev->tx, &chain, 0);
		count++;
	}
	if (ret < 0)
		is_wrong(dev, "the transmit ring makes no sense");
	burst_ring_publish(&dev->tx);
	return count;
}
