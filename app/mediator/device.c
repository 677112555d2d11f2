/* SPDX-License-Identifier: BSD-3-Clause */

/* Making a device, ending it, and telling people of it. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_config.h>

#include "device_private.h"
#include "log.h"

#define MIN_MTU 68 /* VIRTIO 1.2 s. 5.1.4.1 */

void
device_conf_init(struct device_conf *conf)
{
	memset(conf, 0, sizeof(*conf));
	conf->max_pairs = 1;
	conf->ring_size = 256;
	conf->speed = UINT32_MAX;
	conf->packed = true;
	conf->doorbell = DEVICE_DOORBELL_EVENTFD;
	conf->numa_node = -1;
}

/* What is wrong with a configuration; NULL: nothing. */
static const char *
check_conf(const struct device_conf *conf)
{
	if (memchr(conf->uuid, '\0', sizeof(conf->uuid)) == NULL || conf->uuid[0] == '\0')
		return "it has no UUID";
	if (memchr(conf->backend, '\0', sizeof(conf->backend)) == NULL ||
			conf->backend[0] == '\0')
		return "it has no path of a backend's socket";
	if (conf->max_pairs == 0 || conf->max_pairs > DEVICE_MAX_PAIRS)
		return "the number of queue pairs is not 1 to 128";
	if (conf->ring_size < 2 || conf->ring_size > DEVICE_MAX_RING ||
			(conf->ring_size & (conf->ring_size - 1)) != 0)
		return "the ring size is no power of two from 2 to 32768";
	if (conf->has_mac && (conf->mac[0] & 1) != 0)
		return "the MAC address is one of a group";
	if (conf->mtu != 0 && conf->mtu < MIN_MTU)
		return "the MTU is below 68";
	if ((conf->without >> VIRTIO_F_VERSION_1 & 1) != 0)
		return "VERSION_1 cannot be left out";
	return NULL;
}

static int
alloc_fds(struct device *dev)
{
	unsigned int kicks = 2 * dev->conf.max_pairs + 1, i;

	/* one for each queue, one for the configuration */
	dev->nr_vectors = kicks + 1;
	dev->req_fd = dev->page_fd = -1;
	dev->irq_pending = calloc(dev->nr_vectors, sizeof(*dev->irq_pending));
	if (dev->irq_pending == NULL)
		return -ENOMEM;
	dev->irq_fds = malloc(dev->nr_vectors * sizeof(*dev->irq_fds));
	if (dev->irq_fds == NULL)
		return -ENOMEM;
	/* at once: what follows may fail, and then these are closed */
	for (i = 0; i < dev->nr_vectors; i++)
		dev->irq_fds[i] = -1;
	dev->kick_fds = malloc(kicks * sizeof(*dev->kick_fds));
	if (dev->kick_fds == NULL)
		return -ENOMEM;
	for (i = 0; i < kicks; i++)
		dev->kick_fds[i] = -1;
	return 0;
}

static int
open_sockets(struct device *dev, const char *path)
{
	const struct vhost_user_conf backend = {
		.name = dev->name,
		.path = dev->conf.backend,
		.listen = dev->conf.listen,
		.max_pairs = dev->conf.max_pairs,
	};
	int ret;

	ret = vhost_user_create(dev->loop, &backend, &device_backend_ops, dev, &dev->vu);
	if (ret < 0)
		return ret;
	device_model_reset(dev);
	return vfu_server_create(dev->loop, dev->name, path, &device_vfu_ops, dev,
		&dev->server);
}

int
device_create(struct loop *loop, const struct device_conf *conf, const char *path,
		struct device **new)
{
	const char *wrong = check_conf(conf);
	struct device *dev;
	int ret;

	if (wrong != NULL) {
		LOG(ERR, "mdev:%.*s: %s: correct the configuration", DEVICE_UUID_LEN - 1,
			conf->uuid, wrong);
		return -EINVAL;
	}
	dev = calloc(1, sizeof(*dev));
	if (dev == NULL) {
		LOG(ERR, "mdev:%s: no memory for a device: free some", conf->uuid);
		return -ENOMEM;
	}
	dev->loop = loop;
	dev->conf = *conf;
	snprintf(dev->name, sizeof(dev->name), "mdev:%s", conf->uuid);
	if (!conf->has_mac)
		net_dev_make_mac(conf->uuid, dev->conf.mac);
	dma_table_init(&dev->memory);
	loop_timer_init(&dev->retry, loop, device_backend_retry, dev);
	loop_timer_init(&dev->patience, loop, device_backend_too_slow, dev);
	loop_timer_init(&dev->ctrl_patience, loop, device_backend_too_slow, dev);
	ret = alloc_fds(dev);
	if (ret == 0)
		ret = device_model_init(dev);
	if (ret < 0)
		LOG(ERR, "%s: no memory for a device: free some", dev->name);
	else
		ret = open_sockets(dev, path);
	if (ret < 0) {
		device_destroy(dev);
		return ret;
	}
	*new = dev;
	return 0;
}

void
device_destroy(struct device *dev)
{
	if (dev == NULL)
		return;
	/* the backend first: it uses what the client may free once it is let go */
	vhost_user_destroy(dev->vu);
	vfu_server_destroy(dev->server);
	loop_timer_cancel(&dev->retry);
	loop_timer_cancel(&dev->patience);
	loop_timer_cancel(&dev->ctrl_patience);
	if (dev->irq_fds != NULL)
		device_irq_clear(dev);
	if (dev->kick_fds != NULL)
		device_doorbell_close(dev);
	dma_table_clear(&dev->memory);
	device_model_uninit(dev);
	free(dev->irq_fds);
	free(dev->irq_pending);
	free(dev->kick_fds);
	free(dev);
}

const struct device_conf *
device_get_conf(const struct device *dev)
{
	return &dev->conf;
}

void
device_get_status(const struct device *dev, struct device_status *status)
{
	const struct virtio_regs *regs = &dev->regs;

	*status = (struct device_status){
		.client = vfu_server_client(dev->server),
		.backend = vhost_user_is_up(dev->vu),
		.started = dev->run == DEVICE_STARTED || dev->run == DEVICE_REMAPPING ||
			dev->run == DEVICE_PAIRING,
		.packed = virtio_regs_has(regs, VIRTIO_F_RING_PACKED),
		.pairs = virtio_regs_live(regs) ? dev->ctrl.pairs : 0,
		.offered = regs->offered,
		.negotiated = virtio_regs_agreed(regs) ? regs->features : 0,
		.losses = dev->losses,
		.lost_frames = dev->lost_frames,
	};
}
