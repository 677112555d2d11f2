/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_NET_CTRL_H
#define MEDIATOR_NET_CTRL_H

/*
 * What the commands of a network device's control queue set (VIRTIO 1.2 s. 5.1.6.5). The
 * packets are the backend's, which filters nothing, and a device may pass more than its
 * filters ask for (s. 5.1.6.5.1): they are checked, kept, and shown.
 */

#include <stdbool.h>
#include <stdint.h>

#define NET_CTRL_MACS 64

struct net_ctrl_macs {
	uint32_t count;
	bool overflow; /* the driver gave more than are kept */
	uint8_t mac[NET_CTRL_MACS][6];
};

struct net_ctrl {
	/* set by its user before net_ctrl_reset() */
	uint16_t max_pairs;
	void (*announced)(void *arg);  /* the driver has announced itself */
	void *arg;
	/* set by commands */
	uint64_t features;             /* that were agreed on; by its user */
	bool promiscuous, allmulticast, alluni, nomulti, nouni, nobcast;
	uint8_t mac[6];
	struct net_ctrl_macs unicast, multicast;
	uint8_t vlans[4096 / 8];
	uint16_t pairs;
};

/* The state after a reset of the device, whose MAC address is mac. features stay. */
void net_ctrl_reset(struct net_ctrl *ctrl, const uint8_t mac[6]);
/* A ctrl_queue_command, arg is the struct net_ctrl. */
uint8_t net_ctrl_command(void *arg, uint8_t class, uint8_t command,
		const uint8_t *data, uint32_t len);

#endif /* MEDIATOR_NET_CTRL_H */
