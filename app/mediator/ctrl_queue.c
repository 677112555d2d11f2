/* SPDX-License-Identifier: BSD-3-Clause */

/* Commands of the control queue, whatever the layout of its ring. */

#include <endian.h>
#include <errno.h>
#include <string.h>

#include <linux/virtio_net.h>

#include "ctrl_queue_private.h"

/*
 * A run begins with no chain after so many descriptors, each of which is a system call or
 * two, 1 us: a large ring of long indirect tables would keep the loop busy for minutes,
 * 32768 times 32768 of them. The rest comes with another run. A chain has three or four, so
 * none that makes sense comes near what it may have, by which the last one of a run can
 * exceed it.
 */
#define MAX_RUN_DESCS 2048
#define MAX_CHAIN_DESCS 4096

static const struct ctrl_ring_ops *
ring_ops(const struct ctrl_queue *cq)
{
	return cq->conf.packed ? &ctrl_ring_packed : &ctrl_ring_split;
}

bool
ctrl_ring_place_ok(uint64_t addr, uint64_t size, uint64_t align)
{
	return addr % align == 0 && size - 1 <= UINT64_MAX - addr;
}

int
ctrl_ring_read16(struct ctrl_queue *cq, uint64_t addr, uint16_t *value)
{
	uint16_t raw;

	if (dma_read(cq->memory, addr, &raw, sizeof(raw)) < 0)
		return -EPROTO;
	*value = le16toh(raw);
	return 0;
}

int
ctrl_ring_write16(struct ctrl_queue *cq, uint64_t addr, uint16_t value)
{
	uint16_t raw = htole16(value);

	return dma_write(cq->memory, addr, &raw, sizeof(raw)) < 0 ? -EPROTO : 0;
}

int
ctrl_ring_write32(struct ctrl_queue *cq, uint64_t addr, uint32_t value)
{
	uint32_t raw = htole32(value);

	return dma_write(cq->memory, addr, &raw, sizeof(raw)) < 0 ? -EPROTO : 0;
}

void
ctrl_queue_init(struct ctrl_queue *cq, struct dma_table *memory,
		ctrl_queue_command *command, void *arg)
{
	memset(cq, 0, sizeof(*cq));
	cq->memory = memory;
	cq->command = command;
	cq->arg = arg;
}

int
ctrl_queue_start(struct ctrl_queue *cq, const struct ctrl_queue_conf *conf)
{
	int ret;

	ctrl_queue_stop(cq);
	cq->conf = *conf;
	cq->avail_idx = 0;
	cq->used_idx = 0;
	cq->wrap = true; /* s. 2.8.1 */
	ret = ring_ops(cq)->start(cq);
	cq->started = ret == 0;
	return ret;
}

void
ctrl_queue_stop(struct ctrl_queue *cq)
{
	cq->started = false;
	cq->broken = false;
	cq->waits = false;
	cq->more = false;
}

static void
chain_reset(struct ctrl_chain *chain)
{
	chain->count = 0;
	chain->held.slots = 0;
	chain->writable = false;
	chain->has_ack = false;
	chain->too_long = false;
	chain->len = 0;
}

/*
 * The framing says nothing (s. 2.7.4.1): class, command and data are the bytes of the
 * device-readable part, and the ack is the first byte of the device-writable one.
 */
int
ctrl_chain_add(struct ctrl_queue *cq, struct ctrl_chain *chain, uint64_t addr,
		uint32_t len, bool writable)
{
	/* no chain is longer than the ring (s. 2.7.5.3.1, 2.8.17), so none is a loop */
	if (chain->count == cq->conf.size || chain->count == MAX_CHAIN_DESCS)
		return -EPROTO;
	chain->count++;
	chain->looked++;
	if (writable) {
		if (!chain->has_ack && len > 0) {
			chain->has_ack = true;
			chain->held.ack = addr;
		}
		chain->writable = true;
		return 0;
	}
	if (chain->writable)
		return -EPROTO; /* s. 2.7.4.2, 2.8.17: what is writable comes last */
	if (len > sizeof(chain->bytes) - chain->len)
		chain->too_long = true;
	if (chain->too_long || len == 0)
		return 0;
	if (dma_read(cq->memory, addr, chain->bytes + chain->len, len) < 0)
		return -EPROTO;
	chain->len += len;
	return 0;
}

static uint8_t
do_command(struct ctrl_queue *cq, const struct ctrl_chain *chain)
{
	const uint8_t *bytes = chain->bytes;

	if (chain->too_long || chain->len < sizeof(struct virtio_net_ctrl_hdr))
		return VIRTIO_NET_ERR;
	return cq->command(cq->arg, bytes[0], bytes[1], bytes + 2, chain->len - 2);
}

/* Answer a command. 1 or -EPROTO. */
static int
answer(struct ctrl_queue *cq, const struct ctrl_held *held, uint8_t ack)
{
	int ret;

	if (dma_write(cq->memory, held->ack, &ack, sizeof(ack)) < 0)
		return -EPROTO;
	ret = ring_ops(cq)->used(cq, held, sizeof(ack));
	return ret < 0 ? ret : 1;
}

/*
 * One command. 1; 0: there was none, it is not over, or the queue was stopped by it;
 * -EPROTO.
 */
static int
serve(struct ctrl_queue *cq, struct ctrl_chain *chain)
{
	uint8_t ack;
	int ret;

	chain_reset(chain);
	ret = ring_ops(cq)->next(cq, chain);
	if (ret <= 0)
		return ret;
	if (!chain->has_ack)
		return -EPROTO; /* nowhere to answer */
	ack = do_command(cq, chain);
	if (!cq->started)
		return 0;
	if (ack != CTRL_QUEUE_LATER)
		return answer(cq, &chain->held, ack);
	cq->held = chain->held;
	cq->waits = true;
	return 0;
}

/* served: commands that were answered, and whose interrupt is still due. */
static int
run(struct ctrl_queue *cq, unsigned int served)
{
	struct ctrl_chain chain;
	int ret = 1;

	chain.looked = 0;
	while (ret > 0 && served < cq->conf.size && chain.looked < MAX_RUN_DESCS) {
		ret = serve(cq, &chain);
		if (ret > 0)
			served++;
	}
	cq->more = ret > 0 && chain.looked >= MAX_RUN_DESCS;
	if (ret >= 0 && served > 0 && cq->started) {
		/* whoever allows interrupts now looks at the ring after that */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		ret = ring_ops(cq)->wants_interrupt(cq);
	}
	if (ret < 0)
		cq->broken = true;
	return ret;
}

int
ctrl_queue_run(struct ctrl_queue *cq)
{
	return cq->started && !cq->broken && !cq->waits ? run(cq, 0) : 0;
}

int
ctrl_queue_done(struct ctrl_queue *cq, uint8_t ack)
{
	if (!cq->waits)
		return 0;
	cq->waits = false;
	if (answer(cq, &cq->held, ack) > 0)
		return run(cq, 1);
	cq->broken = true;
	return -EPROTO;
}
