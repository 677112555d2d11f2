/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SCRIPTED_BACKEND_H
#define SCRIPTED_BACKEND_H

/*
 * A vhost-user backend that moves no packets: it records what it is told and answers, or
 * does one thing wrong. It never waits, so that it runs in the thread of the front-end.
 */

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "vhost_user_private.h"

#define BACKEND_RINGS 256
#define BACKEND_SEEN 8192

enum mischief {
	MISCHIEF_NONE,
	MISCHIEF_MUTE,         /* does not answer, nor later requests */
	MISCHIEF_HALF,         /* answers half of a reply and no more */
	MISCHIEF_HALF_CLOSE,
	MISCHIEF_CLOSE,        /* closes instead of answering */
	MISCHIEF_OTHER_REQUEST,
	MISCHIEF_NO_REPLY_BIT,
	MISCHIEF_OTHER_VERSION,
	MISCHIEF_EMPTY,        /* size 0 */
	MISCHIEF_SHORT,
	MISCHIEF_LONG,
	MISCHIEF_HUGE,         /* size UINT32_MAX */
	MISCHIEF_WITH_FD,
	MISCHIEF_WITH_MANY_FDS,
	MISCHIEF_GARBAGE,
	MISCHIEF_TWICE,
	MISCHIEF_FLOOD,        /* more replies than there are requests */
	/* those from here on do not fit each request */
	MISCHIEF_NACK,
	MISCHIEF_OTHER_RING,
	MISCHIEF_NO_QUEUES,
	MISCHIEF_COUNT,
};

struct backend_seen {
	struct vu_header header;
	uint8_t payload[sizeof(struct vu_memory)];
	unsigned int nr_fds;
};

struct backend {
	/* set by tests */
	uint64_t features, protocol, queues;
	uint32_t base;             /* of ring 0; others have their index added */
	bool deaf;                 /* does not read */
	bool keeps_rings;          /* ends when a table lacks its last rings (libvhost-user) */
	enum mischief mischief;    /* the next time that it gets mischief_at, once */
	uint32_t mischief_at;
	/* of use to tests */
	bool did_it;
	unsigned int did_it_on;    /* which connection */
	unsigned int connections;
	struct backend_seen *seen; /* of all connections */
	unsigned int nr_seen;
	int kick[BACKEND_RINGS], call[BACKEND_RINGS]; /* -1: none */
	/* the last memory table, unless it looked the same as the one before, like DPDK */
	struct vu_memory memory;
	ino_t inodes[VHOST_USER_MAX_REGIONS];
	bool mistaken;             /* the front-end broke the protocol */
	/* its own */
	char path[PATH_MAX];
	int listener;              /* -1: it connects */
	int sock;                  /* -1: not connected */
	bool mute;
	uint64_t agreed;           /* protocol features */
	uint64_t rings[BACKEND_RINGS]; /* addresses of this connection; 0: none */
	uint8_t buf[sizeof(struct vu_header) + sizeof(struct vu_memory)];
	size_t len;
	int fds[VHOST_USER_MAX_REGIONS];
	unsigned int nr_fds;
};

/* Some of those that DPDK's has. */
#define BACKEND_FEATURES ((UINT64_C(1) << 0) | (UINT64_C(1) << 3) | (UINT64_C(1) << 15) | \
	(UINT64_C(1) << 22) | (UINT64_C(1) << 26) | (UINT64_C(1) << 28) | \
	(UINT64_C(1) << 30) | (UINT64_C(1) << 32) | (UINT64_C(1) << 33))
#define BACKEND_PROTOCOL ((UINT64_C(1) << 0) | (UINT64_C(1) << 1) | (UINT64_C(1) << 3) | \
	(UINT64_C(1) << 4) | (UINT64_C(1) << 5) | (UINT64_C(1) << 11) | \
	(UINT64_C(1) << 16))

/* 0, or -1. It listens at a path, or connects to it when it is told to. */
int backend_open(struct backend *b, const char *path, bool listens);
void backend_close(struct backend *b);
/* End the connection, or have none to begin with. */
void backend_hang_up(struct backend *b);
/* 0 or -1. */
int backend_connect(struct backend *b);
/* Go on with a connection that was made already; the fd is its own then. */
void backend_take(struct backend *b, int fd);
/* Do what there is to do. Whether there was something. */
bool backend_step(struct backend *b);

/* A message as text: "SET_VRING_NUM 0 256 ack", "SET_VRING_KICK 1 fds 1". */
void backend_text(const struct backend_seen *seen, char *text, size_t size);

#endif /* SCRIPTED_BACKEND_H */
