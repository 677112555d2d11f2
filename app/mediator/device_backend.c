/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Running the backend. The driver's registers, the client's memory and the backend's
 * connection change at any time, but the backend does one thing at a time: each change
 * is noted, and device_settle() takes the next step once the last one is over.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include "device_private.h"
#include "eventfds.h"
#include "log.h"
#include "virtio_ring.h"

/* A fresh packed ring: index 0 and wrap counter 1, available and used (s. 2.8.1). */
#define PACKED_BASE 0x80008000u

/* What there is no memory or no fd for is tried again. */
#define RETRY_MS 100

/*
 * A client is answered in this time, however many things the backend has to do first and
 * however long it may take for each (struct vu_times). Clients give the device up when
 * they have waited: QEMU's 5 s for a reply, our own longer (drivers/common/vfio_user).
 */
#define PATIENCE_MS 4000
/*
 * So is a driver that wants another number of pairs: the backend may have to start first.
 * Ours waits 10 s (VIRTIO_CVQ_BACKEND_POLLS).
 */
#define CTRL_PATIENCE_MS 8000

/* Receive queues have even numbers, transmit queues odd ones (s. 5.1.2). */
#define FIRST_TX 1

bool
device_backend_active(const struct device *dev)
{
	return dev->run == DEVICE_STARTING || dev->run == DEVICE_STARTED ||
		dev->run == DEVICE_REMAPPING || dev->run == DEVICE_PAIRING;
}

/* Nothing is wrong with the driver or the backend, and time may mend it. */
static bool
will_pass(struct device *dev, int ret)
{
	if (ret != -ENOMEM && ret != -EMFILE && ret != -ENFILE && ret != -ENOBUFS)
		return false;
	dev->lacks = ret;
	loop_timer_set(&dev->retry, RETRY_MS);
	return true;
}

static bool
is_packed(const struct device *dev)
{
	return virtio_regs_has(&dev->regs, VIRTIO_F_RING_PACKED);
}

static void
set_link(struct device *dev, bool up)
{
	if (dev->link == up)
		return;
	dev->link = up;
	device_config_changed(dev);
}

/* Before each start: the backend may be another one than that of the negotiation. */
static bool
backend_fits(struct device *dev)
{
	uint64_t missing = net_dev_needed(dev->regs.features) &
		~vhost_user_features(dev->vu);

	if (missing == 0 && device_data_queues(dev) <= 2 * vhost_user_max_pairs(dev->vu))
		return true;
	if (!dev->refused && log_may(&dev->log_limit, dev->name))
		LOG(ERR, "%s: backend %s lacks features %#" PRIx64 " or some of the %u queue pairs that were agreed on with the driver: the link stays down; restart the application, or bring the former backend back",
			dev->name, dev->conf.backend, missing,
			device_data_queues(dev) / 2);
	dev->refused = true;
	set_link(dev, false);
	return false;
}

/*
 * Where the backend begins. After the loss of another one a split ring goes on behind
 * the last buffer that was returned; of a packed ring nobody knows where that is.
 */
static int
find_base(struct device *dev, uint16_t queue, uint32_t *base)
{
	uint16_t used, pending;
	int ret;

	if (dev->fresh) {
		*base = is_packed(dev) ? PACKED_BASE : 0;
		return 0;
	}
	ret = virtio_ring_pending(&dev->queues[queue], &dev->memory, &used, &pending);
	*base = used;
	return ret;
}

/* Returns how many of the queues the driver uses, or a negative errno. */
static int
fill_vrings(struct device *dev, struct vhost_user_vring *vrings, uint16_t count)
{
	const struct virtio_queue *q;
	int used = 0, ret;
	uint16_t i;

	memset(vrings, 0, count * sizeof(*vrings));
	for (i = 0; i < count; i++) {
		q = &dev->queues[i];
		if (!q->enabled)
			continue;
		ret = find_base(dev, i, &vrings[i].base);
		if (ret < 0) {
			device_needs_reset(dev, "the indices of virtqueue %u make no sense (%s): correct its driver",
				i, strerror(-ret));
			return ret;
		}
		vrings[i].size = q->size;
		vrings[i].enabled = i / 2 < dev->ctrl.pairs;
		vrings[i].desc = q->desc;
		vrings[i].avail = q->avail;
		vrings[i].used = q->used;
		vrings[i].kick_fd = device_doorbell_kick_fd(dev, i);
		vrings[i].call_fd = device_irq_fd(dev, q->vector);
		used++;
	}
	return used;
}

static bool
rings_in_memory(struct device *dev)
{
	int stray;

	if (device_dma_check(dev) < 0) {
		device_needs_reset(dev, "the backend cannot be given the application's memory: restart the application as said above");
		return false;
	}
	stray = device_dma_stray_queue(dev);
	if (stray < 0)
		return true;
	device_needs_reset(dev, "virtqueue %d is not in memory that the device was given: correct its driver",
		stray);
	return false;
}

static void
start(struct device *dev)
{
	struct vhost_user_vring vrings[2 * DEVICE_MAX_PAIRS];
	struct dma_range ranges[VHOST_USER_MAX_REGIONS];
	uint16_t count = device_data_queues(dev);
	uint64_t features = net_dev_backend_features(dev->regs.features,
		vhost_user_features(dev->vu));
	unsigned int nr_ranges;
	int ret;

	if (dev->refused || !backend_fits(dev) || !rings_in_memory(dev))
		return;
	if (!dev->fresh && is_packed(dev)) {
		device_needs_reset(dev, "another backend cannot go on with packed rings: the driver is asked for a reset; set packed=off if it does none");
		return;
	}
	if (fill_vrings(dev, vrings, count) <= 0)
		return; /* no queue: nothing moves, and nothing has to */
	nr_ranges = dma_table_merge(&dev->memory, ranges, VHOST_USER_MAX_REGIONS);
	ret = vhost_user_start(dev->vu, features, ranges, nr_ranges, vrings, count,
		(features >> VIRTIO_NET_F_MTU & 1) != 0 ? dev->conf.mtu : 0);
	if (ret < 0) { /* it said why */
		dev->refused = !will_pass(dev, ret);
		set_link(dev, false);
		return;
	}
	dev->resumed = !dev->fresh;
	dev->fresh = false;
	dev->recall = false;
	dev->told_pairs = dev->ctrl.pairs;
	dev->run = DEVICE_STARTING;
}

void
device_backend_prepare(struct device *dev)
{
	dev->prepare = true;
	dev->other_memory = false;
	device_settle(dev);
}

/* Once each time. What fails is said, and done about, at the start. */
static void
prepare(struct device *dev)
{
	struct dma_range ranges[VHOST_USER_MAX_REGIONS];
	unsigned int nr_ranges;

	dev->prepare = false;
	nr_ranges = dma_table_merge(&dev->memory, ranges, VHOST_USER_MAX_REGIONS);
	if (nr_ranges <= VHOST_USER_MAX_REGIONS &&
			vhost_user_prepare(dev->vu, ranges, nr_ranges) == 0)
		dev->run = DEVICE_PREPARING;
}

/*
 * The stopped backend uses no memory, but maps what it was told of, and the client is
 * only answered once nothing refers to what it takes away (vfio-user, DMA_UNMAP). Returns
 * whether that is over.
 */
static bool
release(struct device *dev)
{
	struct dma_range ranges[VHOST_USER_MAX_REGIONS];
	unsigned int nr_ranges;
	int ret;

	nr_ranges = dma_table_merge(&dev->memory, ranges, VHOST_USER_MAX_REGIONS);
	ret = vhost_user_release(dev->vu, ranges, nr_ranges);
	if (ret < 0 && will_pass(dev, ret))
		return false;
	dev->release = false;
	if (ret == 0)
		dev->run = DEVICE_RELEASING;
	return ret != 0;
}

static void
remap(struct device *dev)
{
	struct dma_range ranges[VHOST_USER_MAX_REGIONS];
	unsigned int nr_ranges;
	int ret;

	nr_ranges = dma_table_merge(&dev->memory, ranges, VHOST_USER_MAX_REGIONS);
	ret = vhost_user_set_memory(dev->vu, ranges, nr_ranges);
	if (ret == 0) {
		dev->remap = false;
		dev->run = DEVICE_REMAPPING;
		return;
	}
	if (will_pass(dev, ret))
		return;
	device_needs_reset(dev, "the backend cannot be told of the application's memory (%s): restart the application",
		strerror(-ret));
}

/* s. 5.1.6.5.5 */
static void
tell_pairs(struct device *dev)
{
	int ret;

	ret = vhost_user_enable(dev->vu, 2 * dev->ctrl.pairs);
	if (ret < 0 && will_pass(dev, ret))
		return;
	/* one that cannot be told has one pair, and there is nothing to tell */
	dev->told_pairs = dev->ctrl.pairs;
	if (ret == 0)
		dev->run = DEVICE_PAIRING;
}

static void
stop(struct device *dev)
{
	int ret = vhost_user_stop(dev->vu);

	if (ret == 0)
		dev->run = DEVICE_STOPPING;
	else if (ret == -ENOTCONN || ret == -EINVAL) /* it has nothing */
		dev->run = DEVICE_STOPPED;
	else if (!will_pass(dev, ret)) /* it has the client's memory until it is told */
		loop_timer_set(&dev->retry, RETRY_MS);
}

static void
settle_stopped(struct device *dev)
{
	/* it was stopped instead of being told */
	dev->release |= dev->remap;
	dev->remap = false;
	if (dev->regs.resetting)
		device_model_reset(dev);
	if (!vhost_user_is_up(dev->vu))
		dev->release = false; /* it has nothing any more */
	if (dev->run != DEVICE_STOPPED || !vhost_user_is_up(dev->vu))
		return;
	if (dev->release && !release(dev))
		return;
	if (virtio_regs_live(&dev->regs))
		start(dev);
	else if (dev->prepare)
		prepare(dev);
}

static bool
client_must_wait(const struct device *dev)
{
	return dev->regs.resetting || dev->remap || dev->release ||
		dev->run == DEVICE_REMAPPING || dev->run == DEVICE_RELEASING ||
		dev->run == DEVICE_STOPPING;
}

bool
device_backend_pairs_wait(const struct device *dev)
{
	return dev->run == DEVICE_PAIRING || (device_backend_active(dev) &&
		dev->told_pairs != dev->ctrl.pairs);
}

/* The next step, if the last one is over. */
static void
advance(struct device *dev)
{
	if (dev->run == DEVICE_STARTED) {
		if (!virtio_regs_live(&dev->regs))
			stop(dev);
		else if (dev->remap)
			remap(dev);
		else if (dev->told_pairs != dev->ctrl.pairs)
			tell_pairs(dev);
	}
	if (dev->run <= DEVICE_RELEASING)
		settle_stopped(dev);
}

void
device_settle(struct device *dev)
{
	dev->lacks = 0;
	advance(dev);
	if (dev->cq.waits && !device_backend_pairs_wait(dev)) {
		device_ctrl_done(dev);
		advance(dev); /* the command behind it may want pairs, too */
	}
	if (!dev->cq.waits)
		loop_timer_cancel(&dev->ctrl_patience);
	/* last, as the client's next messages may be served in it */
	if (dev->later && !client_must_wait(dev)) {
		dev->later = false;
		loop_timer_cancel(&dev->patience);
		vfu_server_done(dev->server, 0);
	}
}

int
device_settle_for_client(struct device *dev)
{
	device_settle(dev);
	if (!client_must_wait(dev))
		return 0;
	dev->later = true;
	loop_timer_set(&dev->patience, PATIENCE_MS);
	return VFU_LATER;
}

void
device_backend_ctrl_waits(struct device *dev)
{
	loop_timer_set(&dev->ctrl_patience, CTRL_PATIENCE_MS);
}

/*
 * Without the backend nothing is left to be waited for. Where the next step could not be
 * begun it is not the backend's fault.
 */
void
device_backend_too_slow(void *arg)
{
	struct device *dev = arg;
	const bool begun = dev->run != DEVICE_STOPPED && dev->run != DEVICE_STARTED;

	vhost_user_give_up(dev->vu, begun || dev->lacks == 0 ? -ETIMEDOUT : dev->lacks);
}

static void
up(void *arg)
{
	struct device *dev = arg;

	dev->refused = false;
	if (dev->regs.status == 0 && !dev->regs.resetting)
		device_model_offer(dev);
	if (!virtio_regs_live(&dev->regs))
		set_link(dev, true);
	device_settle(dev);
}

/* See struct device_status. What a packed ring holds cannot be told from outside. */
static uint64_t
count_lost(struct device *dev)
{
	uint16_t used, pending, i;
	uint64_t lost = 0;

	if (is_packed(dev))
		return 0;
	for (i = FIRST_TX; i < device_data_queues(dev); i += 2) {
		if (dev->queues[i].enabled && virtio_ring_pending(&dev->queues[i],
				&dev->memory, &used, &pending) == 0)
			lost += pending;
	}
	return lost;
}

static void
down(void *arg)
{
	struct device *dev = arg;

	loop_timer_cancel(&dev->retry);
	dev->recall = false;
	if (device_backend_active(dev)) {
		dev->losses++;
		dev->lost_frames += count_lost(dev);
	}
	dev->run = DEVICE_STOPPED;
	set_link(dev, false);
	device_settle(dev);
}

/*
 * The last backend may have taken a notification, or ended before it sent one: whoever
 * waits for it would wait for ever.
 */
static void
notify_again(struct device *dev)
{
	uint16_t i;

	for (i = 0; i < device_data_queues(dev); i++) {
		if (!dev->queues[i].enabled)
			continue;
		if (dev->kick_fds[i] >= 0)
			eventfd_raise(dev->kick_fds[i]);
		device_irq_raise(dev, dev->queues[i].vector);
	}
}

/* s. 5.1.6.5.4: other hosts may have to learn anew where this one is. */
static void
started(struct device *dev)
{
	dev->run = DEVICE_STARTED;
	if (dev->resumed)
		notify_again(dev);
	if (dev->resumed && !dev->announce &&
			virtio_regs_has(&dev->regs, VIRTIO_NET_F_GUEST_ANNOUNCE)) {
		dev->announce = true;
		dev->link = false; /* so that one change tells of both */
	}
	set_link(dev, true);
}

static void
done(void *arg, int ret)
{
	struct device *dev = arg;
	enum device_run was = dev->run;

	if (was == DEVICE_STOPPING || was == DEVICE_PREPARING || was == DEVICE_RELEASING) {
		dev->run = DEVICE_STOPPED;
	} else if (ret == 0 && was == DEVICE_STARTING) {
		started(dev);
	} else {
		dev->run = DEVICE_STARTED;
		if (ret < 0)
			device_needs_reset(dev, "the backend has failed (%s): the driver is asked for a reset; look into the backend's messages",
				strerror(-ret));
	}
	device_settle(dev);
}

/* What it had to say meanwhile went to the last eventfd, or nowhere. */
static void
called(void *arg, unsigned int queue)
{
	struct device *dev = arg;

	if (device_backend_active(dev))
		device_irq_raise(dev, dev->queues[queue].vector);
}

const struct vhost_user_ops device_backend_ops = {
	.up = up,
	.down = down,
	.done = done,
	.called = called,
};

void
device_backend_set_call(struct device *dev, uint16_t queue)
{
	int ret;

	if (!device_backend_active(dev) || !dev->queues[queue].enabled)
		return;
	ret = vhost_user_set_call(dev->vu, queue,
		device_irq_fd(dev, dev->queues[queue].vector));
	if (ret == 1)
		called(dev, queue);
	else if (ret < 0 && will_pass(dev, ret))
		dev->recall = true;
}

void
device_backend_retry(void *arg)
{
	struct device *dev = arg;
	uint16_t i;

	if (dev->recall) {
		dev->recall = false;
		for (i = 0; i < device_data_queues(dev); i++)
			device_backend_set_call(dev, i);
	}
	device_settle(dev);
}
