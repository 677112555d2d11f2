/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTQUEUE_H
#define VIRTQUEUE_H

/*
 * A virtqueue: the memory that it shares with the device, and what the driver keeps
 * of it for itself.
 *
 * It lies in memory that all processes of the application share, so it holds no
 * address of a mapping that only one process has: the doorbell is looked up by port
 * and index (virtqueue_kick()).
 *
 * Control (set-up, start, stop) and data path (bursts) never run at the same time,
 * and a queue's bursts run on one core at a time, as in all of ethdev.
 */

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_io.h>
#include <rte_mbuf.h>
#include <rte_memzone.h>

#include <ethdev_driver.h>

#include "virtio_transport.h"

/* VIRTIO 1.2 s. 2.7: the largest size of a split virtqueue. */
#define VIRTQUEUE_MAX_SIZE 32768
/* Below this, a burst would not fit. */
#define VIRTQUEUE_MIN_SIZE 8

/* Room for a command behind the ring of a control queue. */
#define VIRTQUEUE_CTRL_BUF_LEN 2304

/*
 * s. 5.1.6: with VIRTIO_F_VERSION_1 the header always has num_buffers; with
 * VIRTIO_NET_F_HASH_REPORT it has the hash besides.
 */
#define VIRTIO_NET_HDR_LEN ((uint32_t)sizeof(struct virtio_net_hdr_v1))
#define VIRTIO_NET_HDR_MAX_LEN ((uint32_t)sizeof(struct virtio_net_hdr_v1_hash))

/*
 * Of what makes the burst functions: inlined into each of them, with its flags as constants.
 * Sanitizers make so much of that code that it would take minutes to build; there it is the
 * same code, with flags that are looked at.
 */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VIRTIO_BURST_INLINE __rte_noinline __rte_unused
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define VIRTIO_BURST_INLINE __rte_noinline __rte_unused
#endif
#ifndef VIRTIO_BURST_INLINE
#define VIRTIO_BURST_INLINE __rte_always_inline
#endif

/* Words as they lie in memory, whatever fields they are. */
typedef uint64_t __rte_may_alias virtqueue_word64;
/* And one that begins where a used element does (s. 2.7). */
typedef uint64_t __rte_may_alias __rte_aligned(4) virtqueue_used_word;
typedef uint32_t __rte_may_alias virtqueue_word32;
typedef uint16_t __rte_may_alias virtqueue_word16;

enum virtqueue_kind {
	VIRTQUEUE_RX,
	VIRTQUEUE_TX,
	VIRTQUEUE_CTRL,
};

/* How a frame to be sent is freed. */
enum virtqueue_frame {
	VIRTQUEUE_PLAIN,    /* one segment, its own, of the queue's pool: in bulk */
	VIRTQUEUE_SEGMENTS, /* such ones, one or more, and mbuf[] has each: likewise */
	VIRTQUEUE_OTHER,
};

/* What the driver remembers of a buffer beside its mbuf, by the id of its first descriptor. */
struct virtqueue_chain {
	uint16_t count;  /* descriptors that it takes */
	uint16_t next;   /* of a descriptor in a chain: id of the one behind it */
	uint8_t kind;    /* enum virtqueue_frame */
};

#define VIRTQUEUE_SIZE_BINS 8

/* Since the last reset. Written by bursts only, once for each burst. */
struct virtqueue_stats {
	uint64_t packets;
	uint64_t bytes;
	uint64_t errors;      /* frames dropped: too short, or not to be sent */
	uint64_t nombuf;      /* mbufs that were wanted and not to be had */
	uint64_t clamped;     /* lengths from the device beyond the buffer, cut */
	uint64_t broken;      /* times that the device lied and the queue ended */
	uint64_t multicast;   /* frames; broadcast ones are not among them */
	uint64_t broadcast;
	/* frames of < 64, 64, < 128, < 256, < 512, < 1024, < 1519 bytes, and more */
	uint64_t size_bins[VIRTQUEUE_SIZE_BINS];
	uint64_t missed;      /* frames that came while the link was set down */
};

static inline void
virtqueue_stats_add(struct virtqueue_stats *sum, const struct virtqueue_stats *stats)
{
	unsigned int i;

	sum->packets += stats->packets;
	sum->bytes += stats->bytes;
	sum->errors += stats->errors;
	sum->nombuf += stats->nombuf;
	sum->clamped += stats->clamped;
	sum->broken += stats->broken;
	sum->multicast += stats->multicast;
	sum->broadcast += stats->broadcast;
	for (i = 0; i < VIRTQUEUE_SIZE_BINS; i++)
		sum->size_bins[i] += stats->size_bins[i];
	sum->missed += stats->missed;
}

/*
 * How control learns that a queue's owner is in no burst of it (mdev_virtio_pause.c).
 * Not used by bursts.
 */
struct virtqueue_pause {
	uint32_t asked;          /* number of the last pause; by control, atomic */
	uint32_t heard;          /* the last that the owner has heard of; atomic */
	struct virtqueue *next;  /* list of replaced queues; of control */
};

/*
 * Positions count on for ever; their place in a ring is position & mask, and the wrap
 * counter of a packed ring (s. 2.8.1) is position & size. Descriptors from tail up to
 * head are the device's.
 *
 * A buffer's id is that of its first descriptor, and ids[] has the ids in the order in
 * which they are used: from head on the free ones. As long as the device returns all
 * buffers in the order in which it got them, which is the rule even where it was not
 * promised, this order is 0, 1, 2 ...: the queue is in sequence, and whose a buffer is
 * follows from head and tail. The first buffer that comes back out of turn ends that
 * until the next start: then mbuf[] is NULL for what is not the device's.
 */
struct virtqueue {
	/* ring; set by virtqueue_reset() */
	union {
		struct {
			struct vring_desc *desc;
			struct vring_avail *avail;
			struct vring_used *used;
		};
		struct {
			struct vring_packed_desc *packed_desc;
			struct vring_packed_desc_event *driver_event;
			struct vring_packed_desc_event *device_event;
		};
	};
	struct rte_mbuf **mbuf;        /* by id, size entries */
	uint16_t *ids;                 /* by position, size entries */
	struct virtqueue_chain *chain; /* transmit: by id, size entries */
	uint16_t size;
	uint16_t mask;                 /* size - 1 */
	/* data path */
	uint16_t head;                 /* next position to give to the device */
	uint16_t tail;                 /* next position to take back */
	uint16_t avail_idx;            /* split, not receive: next place in the available ring */
	uint16_t used_idx;             /* split, not receive: next place in the used ring */
	uint16_t free_thresh;          /* reclaim or refill from here on */
	uint16_t nr_plain;             /* transmit: buffers of the device that are plain, */
	uint16_t nr_segments;          /* in segments (in sequence only), */
	uint16_t nr_others;            /* and neither */
	uint16_t hdr_len;
	uint16_t mbuf_addr;            /* offset of the buffer's address in an mbuf */
	bool in_sequence;
	bool broken;                   /* not used: the device lied, or it is stopped */
	bool attention;                /* transmit: it is broken, or has an inject */
	uint16_t batch;                /* receive, in order: buffers left of a batch */
	uint32_t batch_len;            /* and the length of its last one */
	uint32_t rx_buf_len;           /* what a receive buffer holds, with its header */
	uint32_t max_frame;            /* transmit: the device's MTU with headers */
	uint32_t frame_offset;         /* receive: of a frame from its mbuf, if direct */
	bool direct;                   /* receive: buffers lie behind their mbufs */
	uint64_t rearm;                /* receive: first words of an mbuf */
	uint64_t mbuf_flags;           /* receive: ol_flags of a frame without offloads */
	struct rte_mempool *mp;        /* receive: where buffers come from; transmit: plain ones go */
	rte_iova_t hdr_iova;           /* headers, one a descriptor; or a command */
	struct virtqueue_stats stats;
	/* set by start */
	bool packed;                   /* VIRTIO_F_RING_PACKED */
	bool in_order;                 /* VIRTIO_F_IN_ORDER */
	bool event_idx;                /* VIRTIO_F_EVENT_IDX */
	bool platform_order;           /* ORDER_PLATFORM: barriers for devices */
	uint8_t burst;                 /* which function: BURST_* of virtio_burst.h */
	uint16_t port_id;
	uint16_t index;
	uint32_t event_behind;         /* packed: the device's event that lay behind last */
	/*
	 * receive: RTE_ETH_RX_OFFLOAD_* that bursts care for; transmit: RTE_MBUF_F_TX_* that
	 * the device can be asked for
	 */
	uint64_t offloads;
	struct rte_mbuf *inject;       /* transmit: virtqueue_inject(); atomic */
	struct virtqueue *sibling;     /* receive: is polled with this one, and so on */
	struct virtqueue *turn;        /* receive: that is polled first next time */
	/* set-up */
	enum virtqueue_kind kind;
	bool deferred;                 /* does not start with the port */
	bool stopped;                  /* by its user; a device restart leaves it so */
	bool enabled;                  /* the device has it */
	rte_iova_t ring_iova;
	uint64_t notify_offset;        /* where the doorbell is; set by start */
	const struct rte_memzone *mz;  /* ring, and headers or command */
	bool intr_wanted;              /* receive: its interrupt is enabled; atomic */
	struct virtqueue_pause pause;
	struct virtqueue_stats dropped; /* receive: of stats, while the link was set down */
};

/* Descriptors that the device does not have. */
static inline uint16_t
virtqueue_free_count(const struct virtqueue *vq)
{
	return vq->size - (uint16_t)(vq->head - vq->tail);
}

/* Transmit: frames that the device has. */
static inline uint16_t
virtqueue_tx_outstanding(const struct virtqueue *vq)
{
	return vq->nr_plain + vq->nr_segments + vq->nr_others;
}

/* What a process has of a port. Set by probe, found by eth_dev->process_private. */
struct mdev_virtio_process {
	struct virtio_transport *tr;
	struct rte_intr_handle *rx_shared; /* a vector of all receive queues; or NULL */
	eth_rx_burst_t rx_burst; /* the chosen one, while the link is set down */
	uint32_t users; /* see mdev_virtio_process_get() */
	bool withdrawn; /* no more of them */
	uint32_t nr_doorbells;
	struct virtio_doorbell doorbells[]; /* by queue index; set by start */
};

/*
 * Allocate a queue of the given size, a power of two. Returns NULL, with the reason
 * in rte_errno; the caller logs.
 */
struct virtqueue *virtqueue_create(uint16_t port_id, uint16_t index,
		enum virtqueue_kind kind, uint16_t size, int socket_id);

/*
 * Give the device virtual addresses from now on, instead of what EAL calls IOVA. The
 * device must not use the queue.
 */
void virtqueue_use_va(struct virtqueue *vq);

/* Free a queue with its mbufs; the device must not use it. NULL does nothing. */
void virtqueue_destroy(struct virtqueue *vq);

/* Bring a queue to its first state. The device must not use it. */
void virtqueue_reset(struct virtqueue *vq, bool packed);

/*
 * Buffers of a receive queue, which was reset, have room for so many bytes of a frame.
 * All but the address of a split ring's descriptors is the same for ever.
 */
void virtqueue_init_rx(struct virtqueue *vq, uint32_t room);

/*
 * A buffer came back out of turn: from here on mbuf[] tells what the device has. Does
 * nothing to a queue that is not in sequence.
 */
void virtqueue_leave_sequence(struct virtqueue *vq);

/* Free all mbufs that the queue holds. The device must not use it any more. */
void virtqueue_free_mbufs(struct virtqueue *vq);

/* Addresses of the queue's areas for the device. */
void virtqueue_addresses(const struct virtqueue *vq, struct virtio_vq_addr *addr);

/*
 * The device said something that cannot be: the queue is not used until the port is
 * started again. Logs once. Not for the fast path.
 */
void virtqueue_break(struct virtqueue *vq, const char *why, uint32_t value);

/* Have bursts do nothing with a queue, and something again. None is running. */
void virtqueue_halt(struct virtqueue *vq);
void virtqueue_resume(struct virtqueue *vq);

/*
 * Transmit: hand a frame over to the thread that owns the queue. It is sent with that
 * thread's next burst; one that still waits is freed. For any thread.
 */
void virtqueue_inject(struct virtqueue *vq, struct rte_mbuf *m);

/* The address of a buffer as the device is to be given it: one load, one add. */
static inline uint64_t
virtqueue_buf_addr(const struct virtqueue *vq, const struct rte_mbuf *m)
{
	return *(const uint64_t *)((const char *)m + vq->mbuf_addr);
}

/* Where the next buffer will be made available, for the device (VIRTIO 1.2 s. 2.9). */
static inline uint16_t
virtqueue_next_avail(const struct virtqueue *vq)
{
	if (vq->packed)
		return (vq->head & vq->mask) |
			((vq->head & vq->size) == 0 ? UINT16_C(1) << 15 : 0);
	return vq->kind == VIRTQUEUE_RX ? vq->head : vq->avail_idx;
}

/*
 * Tell the device (s. 4.1.5.2). With VIRTIO_F_NOTIFICATION_DATA it is told where, and the
 * doorbell has no address here, so that all others pay nothing for it.
 */
static inline void
virtqueue_kick(struct virtqueue *vq)
{
	struct mdev_virtio_process *process =
		rte_eth_devices[vq->port_id].process_private;
	struct virtio_doorbell *doorbell = &process->doorbells[vq->index];

	if (likely(doorbell->addr != NULL))
		rte_write16(rte_cpu_to_le_16(doorbell->value), doorbell->addr);
	else if (unlikely(doorbell->ring(doorbell, virtqueue_next_avail(vq)) < 0))
		virtqueue_break(vq, "an error for its doorbell", doorbell->value);
}

#endif /* VIRTQUEUE_H */
