/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef FAKE_VIRTIO_H
#define FAKE_VIRTIO_H

/*
 * A modern virtio-net PCI device (VIRTIO 1.2 s. 4.1 and 5.1) on the fake VFIO
 * transport, for one test at a time. It lies where a test tells it to.
 */

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_net.h>

#include "mirror_ring.h"

#define FAKE_VIRTIO_QUEUES 2
#define FAKE_VIRTIO_RX 0
#define FAKE_VIRTIO_TX 1

/* Where the structures are in BAR 0. */
#define FAKE_VIRTIO_COMMON 0x0000
#define FAKE_VIRTIO_ISR 0x1000
#define FAKE_VIRTIO_CONFIG 0x2000
#define FAKE_VIRTIO_NOTIFY 0x3000
#define FAKE_VIRTIO_BAR_SIZE 0x4000

/* Where the capabilities are in the configuration space. */
#define FAKE_VIRTIO_CAP_COMMON 0x40
#define FAKE_VIRTIO_CAP_ISR 0x50
#define FAKE_VIRTIO_CAP_CONFIG 0x60
#define FAKE_VIRTIO_CAP_NOTIFY 0x70

enum fake_virtio_map {
	FAKE_VIRTIO_TRAPPED,   /* nothing can be mapped */
	FAKE_VIRTIO_DOORBELLS, /* the notification page can */
	FAKE_VIRTIO_WHOLE,     /* all can: registers are memory, and nobody serves them */
};

struct fake_virtio_queue {
	uint16_t size, max, vector, enabled, notify_off;
	uint64_t desc, avail, used;
	struct mirror_ring ring; /* once enabled */
};

struct fake_virtio {
	uint64_t offered, accepted;
	uint8_t status, generation, isr;
	uint16_t config_vector, selected, nr_queues;
	uint32_t feature_select, driver_feature_select;
	struct virtio_net_config config;
	struct fake_virtio_queue queue[FAKE_VIRTIO_QUEUES];
	unsigned int resets;   /* writes of 0 to the status */
	unsigned int kicks;    /* trapped doorbells */
	/* what it does wrong, if a test says so */
	bool never_resets;
	bool refuses_features;
	bool never_settles;
	bool keeps_size;       /* writes of queue_size have no effect */
	bool never_enables;
	bool no_vectors;       /* answers NO_VECTOR */
};

extern struct fake_virtio fake_virtio;

/*
 * Start the device: fake_vfio_start(), with a VERSION_1, MAC, STATUS, MTU, MRG_RXBUF
 * device whose link is up. 0 or -1.
 */
int fake_virtio_start(enum fake_virtio_map map);
/* Stop it; it must be closed. */
void fake_virtio_stop(void);
/* Change the configuration's link status, and interrupt. */
void fake_virtio_set_link(bool up);
/* Ask for a reset, and interrupt. */
void fake_virtio_ask_reset(void);
/* Sum of kicks, trapped and by the mapped page; the page keeps only the last. */
uint16_t fake_virtio_last_kick(void);
/*
 * Give a frame to the driver: header with num_buffers and the data, over as many
 * buffers as it takes. The number of buffers, 0 if there are not enough.
 */
uint16_t fake_virtio_receive(const void *data, uint32_t len);
/* Take a frame from the driver, without its header: its length, or -1. */
int fake_virtio_sent(void *data, uint32_t room);

#endif /* FAKE_VIRTIO_H */
