/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_VFU_PRIVATE_H
#define MEDIATOR_VFU_PRIVATE_H

/*
 * What the parts of the vfio-user server share:
 *
 * vfu_server.c   who is connected
 * vfu_conn.c     messages from bytes, and replies to bytes
 * vfu_message.c  which message is which; device, resets
 * vfu_version.c  agreeing on a version
 * vfu_region.c, vfu_irq.c, vfu_dma.c  the messages about these
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

#include "fdmsg.h"
#include "loop.h"
#include "vfu_proto.h"
#include "vfu_server.h"

/* A message that was or is being received. */
struct vfu_message {
	struct vfu_header header;
	uint8_t *data;          /* behind the header; NULL if there is nothing */
	uint32_t len;
	int fds[VFU_MAX_FDS];   /* -1: taken by who handles it */
	unsigned int nr_fds;
	bool excess_fds;        /* there were more, which were closed */
};

/* A reply that is being made. */
struct vfu_reply {
	uint8_t *buf;           /* room for the header, then data; NULL: no data */
	uint32_t len;           /* of the data */
	int fds[FDMSG_MAX_FDS]; /* of the device */
	unsigned int nr_fds;
};

enum vfu_operation {
	VFU_OP_NONE,
	VFU_OP_CALLED,          /* the device is doing it */
	VFU_OP_DONE,            /* and said so before it returned */
	VFU_OP_LATER,           /* the device has returned VFU_LATER */
};

/* The client. */
struct vfu_conn {
	int fd;                 /* -1: nobody is there */
	pid_t pid;
	struct loop_fd *lfd;
	uint32_t events;        /* that lfd is watched for */
	bool attached;          /* a version was agreed on */
	bool serving;           /* in is being handled */
	unsigned int max_fds;   /* that it takes with a message */

	struct vfu_message in;
	size_t received;        /* bytes of it */

	/* The reply that it has not read yet. Until then it is not read from. */
	uint8_t *out;           /* NULL: none */
	size_t out_len, out_sent;
	int *out_fds;           /* copies; go with the first byte */
	unsigned int nr_out_fds;

	enum vfu_operation op;
	int op_ret;             /* of VFU_OP_DONE */
	struct vfu_header op_header; /* VFU_OP_LATER: what will be replied to, */
	uint8_t *op_buf;        /* and with what */
	uint32_t op_len;
};

/* Lines of a kind that a client can cause: one in so many milliseconds. */
#define VFU_LOG_MS 10000
struct vfu_log_limit {
	uint64_t next;          /* monotonic milliseconds */
	unsigned int left_out;
};

struct vfu_server {
	struct loop *loop;
	const char *name;
	const struct vfu_ops *ops;
	void *arg;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int listener;
	struct loop_fd *listener_lfd;
	struct loop_timer pause; /* of the listener */
	struct foreign_peer *peer, *others; /* the client; who is turned away */
	struct vfu_conn conn;
	struct vfu_log_limit refused, broken, starved;
};

/* What a handler returns for a client that has to go. */
#define VFU_CLOSE 2

/*
 * Handle a message: 0, a negative errno for the client, VFU_LATER or VFU_CLOSE. Fds that
 * it takes it sets to -1.
 */
typedef int (vfu_handler)(struct vfu_server *server, struct vfu_message *msg,
		struct vfu_reply *reply);

vfu_handler vfu_version;
vfu_handler vfu_region_info;
vfu_handler vfu_region_io_fds;
vfu_handler vfu_region_read;
vfu_handler vfu_region_write;
vfu_handler vfu_irq_info;
vfu_handler vfu_irq_set;
vfu_handler vfu_dma_map;
vfu_handler vfu_dma_unmap;
/* Any message. */
vfu_handler vfu_message_handle;

/* Zeroed room for the data of a reply; NULL if there is no memory. */
void *vfu_reply_room(struct vfu_reply *reply, uint32_t len);

/* The client has connected. fd is owned from then on. 0 or a negative errno. */
int vfu_conn_open(struct vfu_server *server, int fd);
/* It is gone, or has to go; the device is told. Does nothing if there is none. */
void vfu_conn_close(struct vfu_server *server);
/* The same without telling the device. */
void vfu_conn_drop(struct vfu_server *server);

/* Whether a line may be written now; if not, it is counted. */
bool vfu_may_log(struct vfu_log_limit *limit);
/* Why the connection ends, by its own fault. */
void vfu_log_broken(struct vfu_server *server, const char *why);

/*
 * The capabilities in a client's version, len bytes of JSON with a zero at their end. 0
 * or -EINVAL.
 */
int vfu_version_parse(const char *json, size_t len, unsigned int *max_fds);

#endif /* MEDIATOR_VFU_PRIVATE_H */
