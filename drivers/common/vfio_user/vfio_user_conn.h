/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VFIO_USER_CONN_H
#define VFIO_USER_CONN_H

/*
 * A connection to a vfio-user server: commands and their replies, one at a time, and what
 * the server asks meanwhile.
 *
 * A connection whose server is gone, hangs or makes no sense is broken: that is logged
 * once, and each request from then on fails at once.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "vfio_user_proto.h"

/* The kernel's SCM_MAX_FD: no message has more. */
#define VFIO_USER_MAX_FDS 253
/* Answers to the server that wait until what we are sending is through. */
#define VFIO_USER_MAX_PENDING 16
/* What we take in a DMA_READ or DMA_WRITE, and send in a REGION_WRITE, bytes. */
#define VFIO_USER_MAX_XFER VFIO_USER_DEFAULT_XFER_SIZE

/* How long the server may take for a command; tests have no time for it. */
extern int vfio_user_timeout_ms;

/* An answer to a command of the server's. */
struct vfio_user_pending {
	struct vfio_user_header header;
	struct vfio_user_dma_access access;
	bool access_follows;
	bool data_follows;
};

struct vfio_user_conn {
	const char *name;     /* of the device, for messages */
	int sock;
	int epoll;            /* readable once the server is gone */
	pthread_mutex_t lock; /* all below, and the maps of the device */
	int idle;             /* epoll: messages between requests; -1: nobody looks */
	int broken;           /* what requests return; 0 while it works */
	bool agreed;          /* on a version: this client is served */
	int64_t until;        /* see vfio_user_conn_limit(); 0: no limit */
	uint16_t next_id;
	bool sending;         /* a message is on its way: no other may start */
	struct vfio_user_request *req; /* waits for its reply; NULL: none does */
	uint16_t req_id;
	int req_result;       /* of the request whose reply came */
	uint64_t served;      /* answers to the server that were sent; tests read it */
	unsigned int nr_pending;
	struct vfio_user_pending pending[VFIO_USER_MAX_PENDING];
	unsigned int nr_fds;  /* that came with the message being received */
	int fds[VFIO_USER_MAX_FDS];
	/*
	 * May the server access this memory of ours by messages? Set before the first map.
	 * Called with the lock held.
	 */
	bool (*may_access)(void *arg, uint64_t address, uint64_t count);
	void *arg;            /* of may_access */
};

/* A command, and where its reply goes. */
struct vfio_user_request {
	uint16_t command;
	struct iovec out[2];  /* its payload; unused parts have no length */
	const int *fds;       /* that go with it */
	unsigned int nr_fds;
	struct iovec in[2];   /* room for the reply's payload */
	size_t in_min;        /* bytes that the reply must have at least */
	size_t in_len;        /* bytes that it had */
	int *in_fds;          /* room for fds, which become the caller's */
	unsigned int in_max_fds;
	unsigned int in_nr_fds; /* that came */
};

/*
 * Connect to the socket at a path. On failure logs one line with the remedy. Returns 0 or
 * a negative errno.
 */
int vfio_user_conn_open(struct vfio_user_conn *conn, const char *name,
		const char *path);
void vfio_user_conn_close(struct vfio_user_conn *conn);

/*
 * Send a command and wait for its reply; the lock must be held. Returns 0, the server's
 * error as a negative errno, or what is the matter with the connection. No fd is left to
 * the caller unless it returns 0.
 */
int vfio_user_request(struct vfio_user_conn *conn, struct vfio_user_request *req);
/* The same, and takes the lock. */
int vfio_user_request_alone(struct vfio_user_conn *conn,
		struct vfio_user_request *req);

/*
 * Take one message that is there, while no request is under way; the lock must be held. The
 * connection is broken if it makes no sense.
 */
void vfio_user_conn_take(struct vfio_user_conn *conn);

/*
 * Whatever is sent and received from now on must be through after so many milliseconds all
 * together, for others wait meanwhile; 0 ends that. The lock must be held throughout.
 */
void vfio_user_conn_limit(struct vfio_user_conn *conn, int ms);

/*
 * Give the connection up: err is what is the matter, a negative errno, why goes into the
 * line. The lock must be held. Returns err.
 */
int vfio_user_conn_break(struct vfio_user_conn *conn, int err, const char *why);

/* Wait for an event of the socket until a time. 0 or -ETIMEDOUT. */
int vfio_user_wait(int sock, short events, int64_t deadline, short *revents);
/* Milliseconds of a clock that only moves forward. */
int64_t vfio_user_now_ms(void);

/* Between the files of the connection: */

/* Receive so many bytes, and fds. 0, or the connection is broken. */
int vfio_user_recv(struct vfio_user_conn *conn, void *buf, size_t len,
		int64_t deadline);
/* Send a message. 0, or the connection is broken. */
int vfio_user_send(struct vfio_user_conn *conn, struct iovec *iov,
		unsigned int nr_iov, const int *fds, unsigned int nr_fds,
		int64_t deadline);
/* Close the fds that came and that nobody took. How many could keep their closer waiting. */
unsigned int vfio_user_drop_fds(struct vfio_user_conn *conn);
/*
 * Take what was not read yet off the socket, which is of no use then: to close it would close
 * the fds among that, and wait for whoever is behind them.
 */
void vfio_user_conn_drain(struct vfio_user_conn *conn);

/* Take a command of the server's whose header was received; its answer is pending then. */
int vfio_user_serve(struct vfio_user_conn *conn,
		const struct vfio_user_header *header, int64_t deadline);
/* Send the answers that are pending. */
int vfio_user_answer(struct vfio_user_conn *conn, int64_t deadline);

#endif /* VFIO_USER_CONN_H */
