/* SPDX-License-Identifier: BSD-3-Clause */

/* The virtio network device: what its registers, queues and configuration do. */

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "device_private.h"
#include "log.h"

/* s. 4.1.2.1; Ethernet controller */
#define PCI_DEVICE_ID_NET (0x1040 + VIRTIO_ID_NET)
#define PCI_CLASS_ETHERNET 0x020000

static bool
has_ctrl(const struct device *dev)
{
	const struct virtio_regs *regs = &dev->regs;
	uint64_t features = virtio_regs_agreed(regs) ? regs->features : regs->offered;

	return (features >> VIRTIO_NET_F_CTRL_VQ & 1) != 0;
}

/* Without VIRTIO_NET_F_MQ there is one pair (s. 5.1.2). Before, as if it were taken. */
uint16_t
device_data_queues(const struct device *dev)
{
	if (virtio_regs_agreed(&dev->regs) &&
			!virtio_regs_has(&dev->regs, VIRTIO_NET_F_MQ))
		return 2;
	return 2 * dev->pairs;
}

/* s. 5.1.2: it comes after the others. -1: none. */
static int
ctrl_index(const struct device *dev)
{
	return has_ctrl(dev) ? device_data_queues(dev) : -1;
}

void
device_config_changed(struct device *dev)
{
	struct virtio_regs *regs = &dev->regs;

	regs->generation++;
	if ((regs->status & VIRTIO_CONFIG_S_DRIVER_OK) == 0 || regs->resetting)
		return;
	virtio_pci_set_isr(&dev->pci, VIRTIO_PCI_ISR_CONFIG);
	device_irq_raise(dev, regs->config_vector);
}

void
device_needs_reset(struct device *dev, const char *format, ...)
{
	char why[256];
	va_list ap;

	if ((dev->regs.status & VIRTIO_CONFIG_S_NEEDS_RESET) != 0)
		return;
	va_start(ap, format);
	vsnprintf(why, sizeof(why), format, ap);
	va_end(ap);
	if (log_may(&dev->log_limit, dev->name))
		LOG(WARNING, "%s: %s", dev->name, why);
	dev->regs.status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	ctrl_queue_stop(&dev->cq);
	device_config_changed(dev);
	device_settle(dev);
}

/*
 * s. 5.1.6.5.5: no packets come to other queues once the command has its answer, so the
 * backend has to know first.
 */
static uint8_t
ctrl_command(void *arg, uint8_t class, uint8_t command, const uint8_t *data,
		uint32_t len)
{
	struct device *dev = arg;
	uint8_t ack = net_ctrl_command(&dev->ctrl, class, command, data, len);

	if (ack != VIRTIO_NET_OK || !device_backend_pairs_wait(dev))
		return ack;
	device_backend_ctrl_waits(dev);
	return CTRL_QUEUE_LATER;
}

static void
ctrl_ran(struct device *dev, int ret)
{
	if (ret < 0) {
		device_needs_reset(dev, "the control queue makes no sense: correct its driver");
	} else if (ret == 1) {
		virtio_pci_set_isr(&dev->pci, 1); /* s. 4.1.4.5: a queue's */
		device_irq_raise(dev, dev->queues[ctrl_index(dev)].vector);
	}
	if (dev->cq.more) /* when the others have had their turn */
		device_doorbell_again(dev);
}

void
device_ctrl_run(struct device *dev)
{
	if (!dev->cq.started || !virtio_regs_live(&dev->regs))
		return;
	ctrl_ran(dev, ctrl_queue_run(&dev->cq));
	if (dev->cq.waits)
		device_settle(dev);
}

/* Once for each command, so that one who sends many makes no more messages than these. */
void
device_ctrl_done(struct device *dev)
{
	if (!dev->cq.waits || !virtio_regs_live(&dev->regs))
		return;
	ctrl_ran(dev, ctrl_queue_done(&dev->cq, VIRTIO_NET_OK));
}

static void
start_ctrl(struct device *dev)
{
	int index = ctrl_index(dev);
	const struct virtio_queue *q;

	if (index < 0 || !dev->queues[index].enabled)
		return;
	q = &dev->queues[index];
	const struct ctrl_queue_conf conf = {
		.packed = virtio_regs_has(&dev->regs, VIRTIO_F_RING_PACKED),
		.indirect = virtio_regs_has(&dev->regs, VIRTIO_RING_F_INDIRECT_DESC),
		.size = q->size,
		.desc = q->desc,
		.avail = q->avail,
		.used = q->used,
	};
	if (ctrl_queue_start(&dev->cq, &conf) < 0)
		device_needs_reset(dev, "the control queue cannot be: correct its driver");
	else
		device_ctrl_run(dev); /* what is there already needs no kick */
}

static bool
features_ok(void *arg, uint64_t features)
{
	struct device *dev = arg;
	bool mq = (features >> VIRTIO_NET_F_MQ & 1) != 0;
	bool ctrl = (features >> VIRTIO_NET_F_CTRL_VQ & 1) != 0;

	if (!net_dev_features_ok(features)) {
		if (log_may(&dev->log_limit, dev->name))
			LOG(WARNING, "%s: the driver wants features %#" PRIx64 ", of which some need others, or no VERSION_1: correct its driver",
				dev->name, features);
		return false;
	}
	dev->regs.usable = (mq ? 2 * dev->pairs : 2) + ctrl;
	dev->ctrl.features = features;
	device_backend_prepare(dev);
	return true;
}

static int
driver_ok(void *arg)
{
	struct device *dev = arg;
	int ret;

	ret = device_dma_check(dev);
	if (ret < 0)
		return ret;
	dev->regs.status |= VIRTIO_CONFIG_S_DRIVER_OK;
	dev->fresh = true;
	dev->refused = false;
	dev->prepare = false;
	start_ctrl(dev);
	device_settle(dev);
	return 0;
}

static void
failed(void *arg)
{
	struct device *dev = arg;

	ctrl_queue_stop(&dev->cq);
	device_settle(dev);
}

static void
vector_changed(void *arg, uint16_t queue)
{
	struct device *dev = arg;

	if (queue < device_data_queues(dev))
		device_backend_set_call(dev, queue);
}

static uint16_t
notify_off(void *arg, uint16_t queue)
{
	const struct device *dev = arg;
	bool ctrl = queue == ctrl_index(dev);

	return virtio_pci_notify_off(&dev->pci, ctrl, ctrl ? 0 : queue);
}

int
device_reset(struct device *dev)
{
	ctrl_queue_stop(&dev->cq);
	dev->regs.resetting = true;
	return device_settle_for_client(dev);
}

static int
reset(void *arg)
{
	return device_reset(arg);
}

static const struct virtio_regs_ops regs_ops = {
	.features_ok = features_ok,
	.driver_ok = driver_ok,
	.failed = failed,
	.reset = reset,
	.vector = vector_changed,
	.notify_off = notify_off,
};

static void
config_read(void *arg, uint32_t offset, void *buf, uint32_t len)
{
	const struct device *dev = arg;
	struct net_dev_config config = {
		.offered = dev->regs.offered,
		.link = dev->link,
		.announce = dev->announce,
		.pairs = dev->pairs,
		.mtu = dev->conf.mtu,
		.speed = dev->conf.speed,
	};

	memcpy(config.mac, dev->ctrl.mac, sizeof(config.mac));
	net_dev_config_read(&config, offset, buf, len);
}

static void
notify(void *arg, uint16_t off)
{
	device_doorbell_ring(arg, off);
}

static const struct virtio_pci_ops pci_ops = {
	.config_read = config_read,
	.notify = notify,
};

/* The driver has told the network where it is (s. 5.1.6.5.4). */
static void
announced(void *arg)
{
	struct device *dev = arg;

	dev->announce = false;
}

void
device_model_offer(struct device *dev)
{
	const struct net_backend backend = {
		.known = vhost_user_features(dev->vu) != 0,
		.features = vhost_user_features(dev->vu),
		.pairs = vhost_user_max_pairs(dev->vu),
	};
	struct virtio_regs *regs = &dev->regs;

	dev->pairs = net_dev_pairs(&dev->conf, &backend);
	dev->ctrl.max_pairs = dev->pairs;
	regs->offered = net_dev_features(&dev->conf, &backend);
	regs->nr_queues = 2 * dev->pairs +
		((regs->offered >> VIRTIO_NET_F_CTRL_VQ & 1) != 0);
	virtio_regs_reset(regs);
}

void
device_model_reset(struct device *dev)
{
	dev->regs.resetting = false;
	device_model_offer(dev);
	net_ctrl_reset(&dev->ctrl, dev->conf.mac);
	dev->ctrl.features = 0;
	dev->announce = false;
	dev->refused = false;
	dev->prepare = false;
	device_irq_forget(dev);
	dev->link = vhost_user_is_up(dev->vu);
}

int
device_model_init(struct device *dev)
{
	struct virtio_regs *regs = &dev->regs;

	dev->queues = calloc(2 * dev->conf.max_pairs + 1, sizeof(*dev->queues));
	if (dev->queues == NULL)
		return -ENOMEM;
	regs->ops = &regs_ops;
	regs->arg = dev;
	regs->queues = dev->queues;
	regs->max_size = dev->conf.ring_size;
	regs->nr_vectors = dev->nr_vectors;
	dev->ctrl.announced = announced;
	dev->ctrl.arg = dev;
	ctrl_queue_init(&dev->cq, &dev->memory, ctrl_command, dev);
	return virtio_pci_init(&dev->pci, regs, PCI_DEVICE_ID_NET, PCI_CLASS_ETHERNET,
		&pci_ops, dev);
}

void
device_model_uninit(struct device *dev)
{
	virtio_pci_uninit(&dev->pci);
	free(dev->queues);
}
