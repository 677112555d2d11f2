/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_DEVICE_H
#define MEDIATOR_DEVICE_H

/*
 * A mediated virtio-net device: a vfio-user server in front, a PCI device model, and a
 * vhost-user front-end behind.
 */

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>

#include "loop.h"

#define DEVICE_UUID_LEN 37
#define DEVICE_MAX_PAIRS 128
#define DEVICE_MAX_RING 32768 /* split; VIRTIO 1.2 s. 2.7 */

enum device_doorbell {
	DEVICE_DOORBELL_EVENTFD, /* eventfds of the backend; by message otherwise */
	DEVICE_DOORBELL_PAGE,    /* a mapped page, for backends that poll */
	DEVICE_DOORBELL_MESSAGE, /* by message alone */
};

/* What the user asks for. Set to the defaults by device_conf_init(). */
struct device_conf {
	char uuid[DEVICE_UUID_LEN]; /* lower case */
	char backend[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* vhost-user socket */
	bool listen;                /* for the backend, instead of connecting to it */
	uint16_t max_pairs;         /* 1 */
	uint16_t ring_size;         /* largest ring, 256 */
	bool has_mac;
	uint8_t mac[6];             /* made from the UUID if there is none */
	uint16_t mtu;               /* 0: not told */
	uint32_t speed;             /* Mbit/s; UINT32_MAX: not known */
	bool packed;                /* offer packed rings, if the backend has them: true */
	enum device_doorbell doorbell;
	uint64_t without;           /* feature bits that are not offered */
	int numa_node;              /* -1: none */
};

/* How a device is, for people. */
struct device_status {
	int client;          /* process id; -1: none */
	bool backend;        /* connected */
	bool started;        /* packets can flow */
	bool packed;
	uint16_t pairs;      /* in use */
	uint64_t offered, negotiated;
	uint64_t losses;     /* times that the backend was lost */
	/*
	 * Frames of split transmit rings that were not returned by then. They stay in
	 * the ring, and the next backend takes them. What was received and not returned
	 * is lost, and nobody knows how much that is.
	 */
	uint64_t lost_frames;
};

struct device;

void device_conf_init(struct device_conf *conf);

/* 0 or a negative errno, logged. path: of the socket to listen at. */
int device_create(struct loop *loop, const struct device_conf *conf, const char *path,
		struct device **dev);
/* End it, whoever uses it. NULL does nothing. Not from its own callbacks. */
void device_destroy(struct device *dev);
/*
 * Ask the client to let go of the device (VFIO_PCI_REQ_IRQ_INDEX). 0; -ENOTCONN: there is
 * none; -ENOTSUP: it does not want to hear of it.
 */
int device_request_removal(struct device *dev);

/* What it was made of, and its MAC address in any case. */
const struct device_conf *device_get_conf(const struct device *dev);
void device_get_status(const struct device *dev, struct device_status *status);

#endif /* MEDIATOR_DEVICE_H */
