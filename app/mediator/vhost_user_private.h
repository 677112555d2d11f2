/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_VHOST_USER_PRIVATE_H
#define MEDIATOR_VHOST_USER_PRIVATE_H

/*
 * What the files of the vhost-user front-end share: vhost_user.c has the operations,
 * _check what is checked before them, _hello what comes before, _batch the messages
 * that belong together, _memory the one about memory, _msg their way to the backend and
 * the replies, _conn the connection.
 *
 * The numbers are those of QEMU's docs/interop/vhost-user.rst.
 */

#include <sys/queue.h>

#include <linux/virtio_config.h>

#include "foreign_fd.h"
#include "vhost_user.h"

enum vu_request {
	VU_GET_FEATURES = 1,
	VU_SET_FEATURES = 2,
	VU_SET_OWNER = 3,
	VU_SET_MEM_TABLE = 5,
	VU_SET_VRING_NUM = 8,
	VU_SET_VRING_ADDR = 9,
	VU_SET_VRING_BASE = 10,
	VU_GET_VRING_BASE = 11,
	VU_SET_VRING_KICK = 12,
	VU_SET_VRING_CALL = 13,
	VU_GET_PROTOCOL_FEATURES = 15,
	VU_SET_PROTOCOL_FEATURES = 16,
	VU_GET_QUEUE_NUM = 17,
	VU_SET_VRING_ENABLE = 18,
	VU_NET_SET_MTU = 20,
	VU_SET_STATUS = 39,
};

struct vu_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size;  /* of the payload that follows, bytes */
};

#define VU_VERSION 1u
#define VU_VERSION_MASK 3u
#define VU_REPLY (1u << 2)
#define VU_NEED_REPLY (1u << 3)

/* Feature bits that are not the virtio device's. */
#define VU_F_LOG_ALL 26
#define VU_F_PROTOCOL_FEATURES 30

#define VU_BIT(n) (UINT64_C(1) << (n))
/*
 * With ACCESS_PLATFORM a backend would ask for each address (IOTLB); it gets the device's
 * addresses, which need no translation.
 */
#define VU_NOT_VIRTIO (VU_BIT(VU_F_LOG_ALL) | VU_BIT(VU_F_PROTOCOL_FEATURES) | \
	VU_BIT(VIRTIO_F_ACCESS_PLATFORM))

#define VU_PROTOCOL_F_MQ 0
#define VU_PROTOCOL_F_REPLY_ACK 3
#define VU_PROTOCOL_F_NET_MTU 4
#define VU_PROTOCOL_F_STATUS 16

/* SET_VRING_KICK and _CALL: the index, and that no fd comes with it. */
#define VU_VRING_NO_FD (1u << 8)
#define VU_MAX_PAIRS 128

struct vu_region {
	uint64_t guest_phys_addr;
	uint64_t memory_size;
	uint64_t userspace_addr;
	uint64_t mmap_offset;
};

struct vu_memory {
	uint32_t nregions;
	uint32_t padding;
	struct vu_region regions[VHOST_USER_MAX_REGIONS];
};

/* All replies that are asked for have a payload of this size. */
#define VU_REPLY_SIZE sizeof(uint64_t)

/* Messages whose replies are awaited at a time; later ones wait in the queue. */
#define VU_WINDOW 64
#define VU_RX_SIZE (VU_WINDOW * (sizeof(struct vu_header) + VU_REPLY_SIZE))

/* A message that is not sent yet. */
struct vu_msg {
	STAILQ_ENTRY(vu_msg) next;
	uint64_t seq;
	uint32_t request;
	uint32_t index;      /* of the vring that it is about */
	bool replied;        /* the backend answers it */
	bool last;           /* of an operation */
	unsigned int nr_fds;
	int fds[VHOST_USER_MAX_REGIONS]; /* owned */
	uint32_t len, sent;  /* bytes */
	uint8_t bytes[];     /* header and payload */
};

STAILQ_HEAD(vu_msgs, vu_msg);

/* A reply that is awaited. */
struct vu_expect {
	uint64_t seq;
	uint32_t request;
	uint32_t index;
	bool last;
};

/* Kinds of failures, of each of which one is reported until the backend is well again. */
enum vu_failure {
	VU_ABSENT,   /* nobody listens */
	VU_CONNECT,  /* cannot be connected to */
	VU_CLOSED,   /* closed the connection */
	VU_LATE,     /* did not answer in time */
	VU_REFUSED,  /* answered with an error */
	VU_WRONG,    /* answered nonsense */
	VU_BROKEN,   /* this side cannot go on */
	VU_STARVED,  /* nor can it, and the remedy is known */
	VU_MISUSE,   /* what the driver has set up cannot be had */
	VU_RENEWED,  /* nothing has failed: connected anew, to make it forget */
};

/* All in milliseconds. */
struct vu_times {
	uint32_t reply;      /* the backend has so long to answer, twice at most */
	uint32_t retry_min;  /* between connections, doubled after each failure */
	uint32_t retry_max;
	uint32_t settle;     /* after which a connection counts as a good one */
};

enum vu_op {
	VU_OP_NONE,
	VU_OP_START,
	VU_OP_STOP,
	VU_OP_PREPARE,
	VU_OP_RELEASE,
	VU_OP_MEMORY,
	VU_OP_ENABLE,
};

struct vu_span {
	uint64_t addr, len;
};

#define VU_RING_PARTS 3      /* descriptors, available, used */

struct vu_ring {
	bool started;
	bool enabled;        /* as the backend was told last */
	uint32_t base;       /* where it stopped */
	struct vu_span spans[VU_RING_PARTS];
};

/* A region that the backend was told of. */
struct vu_piece {
	uint64_t iova, size, offset;
	dev_t dev;
	ino_t ino;
	uint64_t block;      /* bytes that it can only be mapped in multiples of */
	int fd;              /* only while the table is made */
};

struct vu_table {
	unsigned int count;
	struct vu_piece pieces[VHOST_USER_MAX_REGIONS];
};

struct vhost_user {
	struct loop *loop;
	struct vhost_user_conf conf;
	const struct vhost_user_ops *ops;
	void *arg;
	struct vu_times times;
	struct foreign_peer *peer; /* the backends' fds */

	/* vhost_user_conn.c */
	int sock;            /* -1: not connected */
	struct loop_fd *watch;
	int listener;        /* -1: connects, or is being destroyed */
	struct loop_fd *listener_watch;
	struct loop_timer retry, settle, fault_timer;
	uint32_t delay;      /* before the next connection */
	int fault;           /* a send failed so */
	uint32_t said;       /* bit mask of enum vu_failure */
	bool good;           /* the connection works */
	bool announced;      /* it was said that the backend is there, and not that it is gone */
	unsigned int brief;  /* those lost before they were any good, in a row */
	bool serving;        /* in a callback of the loop */
	bool destroyed;      /* freed once that is over */

	/* vhost_user_msg.c */
	struct vu_msgs unsent;
	uint64_t seq;        /* of the last message in the queue */
	uint64_t mark;       /* the deadline is for messages up to this one */
	struct loop_timer deadline;
	bool writing;        /* waits until the socket has room */
	struct vu_expect expects[VU_WINDOW];
	unsigned int expects_head, nr_expects;
	uint8_t rx[VU_RX_SIZE];
	uint32_t rx_len;

	/* vhost_user.c, vhost_user_hello.c */
	bool up;
	bool started;
	enum vu_op op;
	uint64_t offered;    /* feature bits of the backend, all of them */
	uint64_t heard;      /* likewise, of one that is not up yet */
	uint64_t protocol;   /* protocol features agreed on */
	uint16_t max_pairs;
	struct vu_ring *rings; /* 2 * conf.max_pairs */
	struct vu_table asked; /* the last one on this connection, as it was asked for */
	struct vu_table table; /* and as it was sent */
};

/* For tests; what runs already is set anew. */
void vhost_user_set_times(struct vhost_user *vu, const struct vu_times *times);

static inline bool
vu_agreed(const struct vhost_user *vu, unsigned int bit)
{
	return ((vu->protocol >> bit) & 1) != 0;
}

/* vhost_user_conn.c */

int vu_conn_open(struct vhost_user *vu);
void vu_conn_close(struct vhost_user *vu);
/*
 * Give up the connection, say why, and try again later. From callbacks of the loop only:
 * it calls down(), after which vu may be no more than a husk.
 */
void vu_drop(struct vhost_user *vu, enum vu_failure why, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/*
 * The end of a callback of the loop that has set serving: vu is no more if one of its
 * user's callbacks destroyed it.
 */
void vu_leave(struct vhost_user *vu);
/*
 * Give it up as soon as the loop runs: a message could not be sent. -ECANCELED: nothing is
 * wrong with it, it is to begin anew.
 */
void vu_fault(struct vhost_user *vu, int err);
/* What this side has run out of, with the remedy; NULL: err means something else. */
const char *vu_shortage(int err);
/* The backend is connected, and what it can do is known. */
void vu_conn_ready(struct vhost_user *vu);
/* Print why an operation cannot be; once until the connection is good or time passes. */
void vu_complain(struct vhost_user *vu, enum vu_failure what, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* vhost_user_msg.c */

const char *vu_request_name(uint32_t request);
void vu_msg_init(struct vhost_user *vu);
/* Forget the messages of a connection that is over. */
void vu_msg_reset(struct vhost_user *vu);
/* Whether a request is always answered, with what it asks for. */
bool vu_is_query(uint32_t request);
void vu_msg_free(struct vhost_user *vu, struct vu_msg *msg);
/* What can be sent now. */
void vu_flush(struct vhost_user *vu);
/* The socket is readable. */
void vu_receive(struct vhost_user *vu);
void vu_deadline_fire(void *arg);

/* vhost_user_batch.c */

struct vu_batch {
	struct vhost_user *vu;
	struct vu_msgs msgs;
	struct vu_msg *last;
	int ret;             /* once it is negative nothing is added any more */
	bool has_table;
	struct vu_table asked, table;
};

void vu_batch_init(struct vu_batch *batch, struct vhost_user *vu);
/* A message about a vring; the fds stay the caller's. */
void vu_add(struct vu_batch *batch, uint32_t request, uint32_t index,
		const void *payload, uint32_t size, const int *fds, unsigned int nr_fds);
/* Without a payload. */
void vu_add_empty(struct vu_batch *batch, uint32_t request);
void vu_add_u64(struct vu_batch *batch, uint32_t request, uint64_t value);
void vu_add_state(struct vu_batch *batch, uint32_t request, uint32_t index,
		uint32_t num);
/* SET_VRING_KICK or _CALL: without one of each a ring is never ready (DPDK). */
void vu_add_fd(struct vu_batch *batch, uint32_t request, uint32_t index, int fd);
/* All end the batch. 0 or a negative errno, logged. */
int vu_batch_send(struct vu_batch *batch);
/* An operation, which is over when the backend has answered the last message. */
int vu_batch_operation(struct vu_batch *batch, enum vu_op op);
/* A single message, instead of one of its kind for the same vring that is not sent yet. */
int vu_batch_replace(struct vu_batch *batch);

/* vhost_user_hello.c */

/* The first messages to a backend. */
void vu_hello(struct vhost_user *vu);
/* A reply of the right type and size; not an error. */
void vu_replied(struct vhost_user *vu, const struct vu_expect *expect,
		const void *payload);

/* vhost_user_memory.c */

/* Whether these are what the backend was told of last. */
bool vu_knows_memory(const struct vhost_user *vu, const struct dma_range *ranges,
		unsigned int nr_ranges);
/*
 * Whether it was told of memory that is not in these. Of more than VHOST_USER_MAX_REGIONS
 * only the first are looked at: memory may be taken away without need, but is not left.
 */
bool vu_maps_other(const struct vhost_user *vu, const struct dma_range *ranges,
		unsigned int nr_ranges);
/* SET_MEM_TABLE, in the form that it takes. */
void vu_add_memory(struct vu_batch *batch, const struct dma_range *ranges,
		unsigned int nr_ranges);

/* vhost_user_check.c */

/* Where a ring is (VIRTIO 1.2 s. 2.7, 2.8). */
void vu_ring_spans(const struct vhost_user_vring *vring, bool packed,
		struct vu_span spans[VU_RING_PARTS]);
/* Whether the driver has set up a ring that the backend is to be told of. */
bool vu_ring_is_used(const struct vhost_user *vu, const struct vhost_user_vring *vring);
/* 0 or a negative errno, logged. */
int vu_check_features(struct vhost_user *vu, uint64_t features, uint16_t mtu);
int vu_check_memory(struct vhost_user *vu, const struct dma_range *ranges,
		unsigned int nr_ranges);
int vu_check_vrings(struct vhost_user *vu, uint64_t features,
		const struct dma_range *ranges, unsigned int nr_ranges,
		const struct vhost_user_vring *vrings, unsigned int nr_vrings);

#endif /* MEDIATOR_VHOST_USER_PRIVATE_H */
