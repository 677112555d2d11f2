/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTIO_PORT_H
#define VIRTIO_PORT_H

/*
 * A port of the driver on the fake virtio device, found by the bus in a made-up tree:
 * what users have, without a kernel.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>
#include <rte_mempool.h>

#include <ethdev_driver.h>

#include "fake_virtio.h"

#define VIRTIO_PORT_UUID "12345678-0000-4000-8000-00000000000f"

struct virtio_port {
	uint16_t id;
	struct rte_eth_dev *dev;
	struct rte_mempool *pool;
};

extern struct virtio_port virtio_port;

/* Make the device and the tree; nothing is probed. 0 or -1. */
int virtio_port_prepare(enum fake_virtio_map map);
/* Have EAL attach the device, with these driver arguments. What EAL returned. */
int virtio_port_attach(const char *args);
/*
 * The same and make the device before, trapped, with a control queue, these features
 * besides, and some pairs. 0, -1 or what EAL returned.
 */
int virtio_port_attach_ctrl(uint64_t features, uint16_t pairs);
/* Detach the device; it can be attached again. What EAL returned. */
int virtio_port_detach(void);
/* Configure so many queues of this size; not started. What ethdev returned. */
int virtio_port_configure(uint16_t nb_rx, uint16_t nb_tx, uint16_t nb_desc,
		const struct rte_eth_conf *conf);
/* The same and start. */
int virtio_port_start_queues(uint16_t nb_rx, uint16_t nb_tx, uint16_t nb_desc,
		const struct rte_eth_conf *conf);
/* Configure one queue pair of this size and start. What ethdev returned. */
int virtio_port_start(uint16_t nb_desc);
/*
 * Have each access of the start of a configured port fail once. After each, no mbuf is
 * in use, and check() has to return TEST_SUCCESS (NULL: nothing to check). The port is
 * stopped then. TEST_SUCCESS or TEST_FAILED, reported.
 */
int virtio_port_fail_starts(int (*check)(void));
/* Detach the port if there is one, and remove everything. */
void virtio_port_stop(void);
/* Mbufs of the pool that are in use. */
unsigned int virtio_port_mbufs(void);
/* A frame of this length from the pool, all bytes the same; NULL if there is none. */
struct rte_mbuf *virtio_port_frame(uint32_t len, uint8_t fill);

/* Is a frame prepared that asks for a VLAN tag? A port that is paused has to do so, too. */
bool virtio_port_prepares(void);

/*
 * Eventfds that are open in this process; of other files EAL's interrupt thread opens
 * and closes some at any time.
 */
unsigned int virtio_port_eventfds(void);

#endif /* VIRTIO_PORT_H */
