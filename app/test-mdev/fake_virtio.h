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

#define FAKE_VIRTIO_PAIRS 4
#define FAKE_VIRTIO_QUEUES (2 * FAKE_VIRTIO_PAIRS + 1)
#define FAKE_VIRTIO_F_NOTIFICATION_DATA 38
#define FAKE_VIRTIO_F_RING_RESET 40
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
	uint16_t size, max, vector, enabled, notify_off, reset;
	uint64_t desc, avail, used;
	struct mirror_ring ring; /* once enabled */
};

/* What the device does with the next commands. */
enum fake_virtio_answer {
	FAKE_ANSWER,              /* answers, as it should */
	FAKE_ANSWER_REFUSED,      /* VIRTIO_NET_ERR */
	FAKE_ANSWER_NOT_WRITTEN,  /* returns the buffer and leaves the ack as it was */
	FAKE_ANSWER_NEVER,        /* keeps the command; fake_virtio_late_answer() */
	FAKE_ANSWER_SLOW,         /* answers when the status has been read thrice */
	FAKE_ANSWER_WRONG_ID,
	FAKE_ANSWER_ID_BEYOND,
	FAKE_ANSWER_NO_LENGTH,
	FAKE_ANSWER_LONG_LENGTH,  /* answers, and counts what it has read as written */
	FAKE_ANSWER_TWICE,
	FAKE_ANSWER_NEEDS_RESET,  /* keeps the command, and asks for a reset */
	FAKE_ANSWER_RESET,        /* keeps it, and is as if it had been reset */
};

#define FAKE_VIRTIO_MACS 512

/* What RSS_CONFIG, or the part of it that HASH_CONFIG has, sets. */
struct fake_virtio_rss {
	uint32_t types;
	uint32_t reta_size;       /* 0: the device steers as it likes */
	uint16_t unclassified, reta[1024], max_tx;
	uint8_t key_len, key[255];
};

/* What the commands set; as after a reset, all 0 but promisc. */
struct fake_virtio_filter {
	uint8_t promisc, allmulti;
	struct fake_virtio_rss rss;
	uint16_t pairs;           /* 0: as after a reset, one */
	uint32_t nr_unicast, nr_multicast;
	uint8_t unicast[FAKE_VIRTIO_MACS][6], multicast[FAKE_VIRTIO_MACS][6];
	uint64_t vlans[64];
	uint32_t rx_usecs, rx_packets;
};

/* Commands that were carried out, since the test began. */
struct fake_virtio_counts {
	unsigned int all, promisc, allmulti, mac_table, mac_addr, vlan_add,
		vlan_del, announce_ack, pairs, rx_coal, rss, hash;
	unsigned int bad;         /* no command, or one of a feature not negotiated */
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
	uint32_t kick_value;   /* the last of them, */
	size_t kick_len;       /* and its bytes */
	unsigned int queue_resets; /* that were asked for */
	unsigned int reset_reads;
	void (*on_reset)(void); /* called with each reset; NULL: nothing */
	/* what it does wrong, if a test says so */
	bool never_resets;
	bool refuses_features;
	bool never_settles;
	bool keeps_size;       /* writes of queue_size have no effect */
	bool never_enables;
	bool never_resets_queue;
	unsigned int slow_queue_reset; /* looks before it is over */
	bool no_vectors;       /* answers NO_VECTOR */
	uint16_t vectors_max;  /* if not 0: answers NO_VECTOR from here on */
	/* control queue: the last one that was negotiated */
	enum fake_virtio_answer answer;
	struct fake_virtio_filter filter;
	struct fake_virtio_counts counts;
	struct mirror_chain kept; /* a command that was not answered */
	bool has_kept;
	unsigned int status_reads;
};

extern struct fake_virtio fake_virtio;

/*
 * Start the device: fake_vfio_start(), with a VERSION_1, MAC, STATUS, MTU, MRG_RXBUF
 * device whose link is up. 0 or -1.
 */
int fake_virtio_start(enum fake_virtio_map map);
/*
 * Offer a control queue and these features besides, with some pairs; to be called
 * before the device is attached. The control queue is behind the queues of all pairs
 * that are offered, which are several if VIRTIO_NET_F_MQ is among the features.
 */
void fake_virtio_offer_ctrl(uint64_t features, uint16_t pairs);
/*
 * Offer these features besides: RING_PACKED, IN_ORDER, EVENT_IDX, HASH_REPORT, and
 * offloads. It keeps the order in any case, and does to frames what tests do.
 */
void fake_virtio_offer(uint64_t features);
/* Stop it; it must be closed. */
void fake_virtio_stop(void);
/* Change the configuration's link status, and interrupt. */
void fake_virtio_set_link(bool up);
/* Ask for an announcement, and interrupt. */
void fake_virtio_ask_announce(void);
/* Interrupt for the used buffers of a queue, if the driver wants that. 1 if so. */
int fake_virtio_interrupt(uint16_t queue);
/* Ask for a reset, and interrupt. */
void fake_virtio_ask_reset(void);
/* Sum of kicks, trapped and by the mapped page; the page keeps only the last. */
uint16_t fake_virtio_last_kick(void);
/*
 * Give a frame to the driver: header with num_buffers and the data, over as many
 * buffers as it takes. The number of buffers, 0 if there are not enough.
 */
uint16_t fake_virtio_receive(const void *data, uint32_t len);
uint16_t fake_virtio_receive_on(uint16_t pair, const void *data, uint32_t len);
/* Take a frame from the driver, without its header: its length, or -1. */
int fake_virtio_sent(void *data, uint32_t room);
int fake_virtio_sent_on(uint16_t pair, void *data, uint32_t room);

/* The same with this header, but for its num_buffers. */
uint16_t fake_virtio_receive_as(uint16_t pair,
		const struct virtio_net_hdr_v1_hash *header, const void *data,
		uint32_t len);
/* And with the header as it was sent, 0 beyond its length. */
int fake_virtio_sent_as(uint16_t pair, struct virtio_net_hdr_v1_hash *header,
		void *data, uint32_t room);
/*
 * Take a chain from a transmit ring, and do not return it. -1 if there is none, with
 * nr_out 0, or if it is no frame.
 */
int fake_virtio_take(struct mirror_ring *ring, struct mirror_chain *chain,
		struct virtio_net_hdr_v1_hash *header, void *data, uint32_t room);
/* Length of the header of frames, as negotiated. */
uint32_t fake_virtio_header(void);

/* Answer a command that was kept, now that nobody waits for it any more. */
void fake_virtio_late_answer(void);

/* fake_virtio_ctrl.c: what fake_virtio.c calls. */
struct fake_virtio_queue *fake_virtio_ctrl_queue(void);
void fake_virtio_ctrl_kick(void);
void fake_virtio_ctrl_status_read(void);

#endif /* FAKE_VIRTIO_H */
