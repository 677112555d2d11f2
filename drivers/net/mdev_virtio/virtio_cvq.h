/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTIO_CVQ_H
#define VIRTIO_CVQ_H

/*
 * The control virtqueue of a network device (VIRTIO 1.2 s. 5.1.6.5): one command at
 * a time, whose answer is waited for, but not for ever.
 *
 * A command that was not answered stays the device's until it is reset: its buffer is
 * not used again and no other command is sent, so a late answer is nobody's.
 *
 * Commands may be sent by any thread, EAL's interrupt thread included. Start, stop
 * and free are of the thread that controls the port.
 *
 * Commands return 0 or a negative errno, and log a failure, except for -ENETDOWN and
 * for what follows a failure that was logged:
 *	-EIO        the device refused it, asks for a reset, is gone or lied
 *	-ETIMEDOUT  the device did not answer
 *	-ENETDOWN   the queue is not started, or was stopped meanwhile
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>

#include "virtio_transport.h"
#include "virtqueue.h"

/* A command takes three descriptors, and a ring's size is a power of two. */
#define VIRTIO_CVQ_MIN_SIZE 4

/* Addresses that a MAC table may have, both kinds together. */
#define VIRTIO_CVQ_MAC_MAX 320

/*
 * An answer is looked for every 100 us, for about a second; those of all commands of a
 * start together for about ten: a port may have 4096 VLANs. The time is counted in
 * looks: a process that does not run cannot see an answer.
 */
#define VIRTIO_CVQ_POLL_US 100
#define VIRTIO_CVQ_MAX_POLLS 10000
#define VIRTIO_CVQ_START_POLLS (10 * VIRTIO_CVQ_MAX_POLLS)
/*
 * The number of queue pairs is for whoever moves the packets, too: a mediator answers when
 * its backend has started and knows. It does so within 8 s (CTRL_PATIENCE_MS of
 * dpdk-mdev-mediator), and a message to it may take as long as this (vfio_user_timeout_ms).
 */
#define VIRTIO_CVQ_BACKEND_POLLS (10 * VIRTIO_CVQ_MAX_POLLS)
/* What a command takes at most by the clock: sleeps last longer than they should. */
#define VIRTIO_CVQ_COMMAND_S \
	(2 * VIRTIO_CVQ_MAX_POLLS * VIRTIO_CVQ_POLL_US / 1000000)

/* Part of a port, in memory that processes share; used by the primary only. */
struct virtio_cvq {
	struct virtqueue *vq;  /* set by create; NULL: the device has none */
	pthread_mutex_t lock;  /* of the ring and of what says so below */
	bool running;          /* set by start, cleared by stop; atomic */
	bool starting;         /* lock: between start and started */
	int error;             /* lock: why it is not used until the next start */
	uint32_t max_polls;    /* set by create: how often an answer is looked for */
	uint32_t backend_polls; /* set by create: the same, where a backend has a say */
	uint32_t start_polls;  /* set by create: and all other answers of a start */
	uint32_t polls_left;   /* lock: of start_polls */
	uint64_t failed;       /* lock: commands without success */
	uint64_t timeouts;     /* lock: those of them without an answer */
};

/*
 * Allocate a control queue, or with a size of 0 none: all commands fail then.
 * Returns 0 or a negative errno; the caller logs.
 */
int virtio_cvq_create(struct virtio_cvq *cvq, uint16_t port_id, uint16_t index,
		uint16_t size, int socket_id);

/* Free it; the device must not use it. lost: it may, so the memory is left to it. */
void virtio_cvq_free(struct virtio_cvq *cvq, bool lost);

/*
 * Take commands from now on. The device has the ring, as new, and is at DRIVER_OK. The
 * commands until virtio_cvq_started() are those of the start.
 */
void virtio_cvq_start(struct virtio_cvq *cvq);
void virtio_cvq_started(struct virtio_cvq *cvq);

/* Take no more commands, and end the wait of one that is under way. */
void virtio_cvq_stop(struct virtio_cvq *cvq);

/* s. 5.1.6.5.1 */
int virtio_cvq_promiscuous(struct virtio_cvq *cvq, struct virtio_transport *tr,
		bool on);
int virtio_cvq_allmulticast(struct virtio_cvq *cvq, struct virtio_transport *tr,
		bool on);

/*
 * s. 5.1.6.5.2: the addresses to receive besides the port's own. -ENOSPC for more
 * than VIRTIO_CVQ_MAC_MAX.
 */
int virtio_cvq_mac_table(struct virtio_cvq *cvq, struct virtio_transport *tr,
		const struct rte_ether_addr *unicast, uint32_t nr_unicast,
		const struct rte_ether_addr *multicast, uint32_t nr_multicast);
int virtio_cvq_mac_addr(struct virtio_cvq *cvq, struct virtio_transport *tr,
		const struct rte_ether_addr *mac);

/* s. 5.1.6.5.3 */
int virtio_cvq_vlan(struct virtio_cvq *cvq, struct virtio_transport *tr,
		uint16_t vlan_id, bool on);

/* s. 5.1.6.5.4 */
int virtio_cvq_announce_ack(struct virtio_cvq *cvq, struct virtio_transport *tr);

/* s. 5.1.6.5.5: number of queue pairs that are used, from 1 on. */
int virtio_cvq_queue_pairs(struct virtio_cvq *cvq, struct virtio_transport *tr,
		uint16_t pairs);

/*
 * s. 5.1.6.5.9: interrupts of receive queues after so many microseconds or frames,
 * whichever comes first; with a 0 after every frame.
 */
int virtio_cvq_rx_coalesce(struct virtio_cvq *cvq, struct virtio_transport *tr,
		uint32_t usecs, uint32_t packets);

/* How a received frame's hash is calculated. */
struct virtio_cvq_hash {
	uint32_t types;      /* VIRTIO_NET_RSS_HASH_TYPE_* */
	uint8_t key_len;     /* in bytes */
	const uint8_t *key;
};

/* Entries that an indirection table may have; a power of two. */
#define VIRTIO_CVQ_RETA_MAX 512

/* s. 5.1.6.5.6.4: the hash, for devices that steer by themselves. */
int virtio_cvq_hash_config(struct virtio_cvq *cvq, struct virtio_transport *tr,
		const struct virtio_cvq_hash *hash);

/*
 * s. 5.1.6.5.7.1: the hash, the receive queues by its lower bits, and the number of
 * transmit queues that are used. Frames without a hash go to receive queue 0. -EINVAL
 * for a size that is no power of two, or beyond VIRTIO_CVQ_RETA_MAX.
 */
int virtio_cvq_rss_config(struct virtio_cvq *cvq, struct virtio_transport *tr,
		const struct virtio_cvq_hash *hash, const uint16_t *reta,
		uint16_t reta_size, uint16_t tx_queues);

#endif /* VIRTIO_CVQ_H */
