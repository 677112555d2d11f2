/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_VIRTIO_NET_DEV_H
#define MEDIATOR_VIRTIO_NET_DEV_H

/*
 * What makes a virtio device a network device: which features it has from whom, and its
 * configuration (VIRTIO 1.2 s. 5.1.3 and 5.1.4).
 */

#include <stdbool.h>
#include <stdint.h>

#include "device.h"

/* What is known of a backend. */
struct net_backend {
	bool known;          /* it was connected once */
	uint64_t features;
	uint16_t pairs;
};

/*
 * Queue pairs and features that a device offers. Nothing is known of a backend that was
 * never there: then it is offered what every backend can do, so that an application may
 * start first.
 */
uint16_t net_dev_pairs(const struct device_conf *conf, const struct net_backend *backend);
uint64_t net_dev_features(const struct device_conf *conf,
		const struct net_backend *backend);

/* Every feature comes with those that it needs (s. 5.1.3.1), and VERSION_1 is there. */
bool net_dev_features_ok(uint64_t features);
/* Of the features that were agreed on: those for the backend. */
uint64_t net_dev_backend_features(uint64_t features, uint64_t backend);
/* And those without which a backend cannot serve the driver. */
uint64_t net_dev_needed(uint64_t features);

/* What the configuration is made of. */
struct net_dev_config {
	uint64_t offered;
	uint8_t mac[6];
	bool link, announce;
	uint16_t pairs, mtu;
	uint32_t speed;
};

/* A range of the configuration; 0 where there is nothing. */
void net_dev_config_read(const struct net_dev_config *config, uint32_t offset,
		void *buf, uint32_t len);

/* A locally administered MAC address, always the same for a UUID. */
void net_dev_make_mac(const char *uuid, uint8_t mac[6]);

#endif /* MEDIATOR_VIRTIO_NET_DEV_H */
