/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef FAKE_VFIO_USER_H
#define FAKE_VFIO_USER_H

/*
 * A vfio-user server in a thread, with one device that answers what a test tells it to,
 * true or not. Knows the protocol from its text alone: nothing of the client's is used but
 * the layouts.
 *
 * What a test sets and reads is safe between its calls of the client: the server only
 * works while one of them waits.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/vfio.h>

#include <vfio_user_proto.h>

#define FAKE_USER_ADDR "device"
#define FAKE_USER_REGIONS VFIO_PCI_NUM_REGIONS
#define FAKE_USER_IRQS VFIO_PCI_NUM_IRQS
#define FAKE_USER_VECTORS 64
#define FAKE_USER_MAPS 64
#define FAKE_USER_IO 8
#define FAKE_USER_FDS 253

/* A reply, before it is sent. */
struct fake_user_reply {
	struct vfio_user_header header;
	uint8_t payload[8192];
	size_t len;            /* of the payload that is sent; header.size may lie */
	int fds[FAKE_USER_FDS];
	unsigned int nr_fds;   /* they stay the server's */
	size_t cut;            /* send so many bytes, and close; 0: all */
	bool silent;           /* send nothing */
	bool give;             /* the fds are closed before the receiver has all of it */
};

struct fake_user_region {
	uint64_t size, offset;
	uint32_t flags;
	uint32_t argsz;         /* of the answer with its capabilities; 0: none */
	uint8_t caps[512];
	int fd;                 /* of memory that the client may map; -1: none */
	uint8_t *mem;           /* what messages reach; NULL: zeroes */
	uint32_t bar_mask;      /* of a BAR: bits that can be written */
	uint32_t nr_io;
	struct vfio_user_io_fd io[FAKE_USER_IO];
	unsigned int reads, writes;
};

struct fake_user_map {
	uint64_t address, size, offset;
	uint64_t ino;
};

struct fake_user {
	char folder[64], path[96]; /* the folder of devices; the socket in it */
	uint16_t major, minor;
	const char *json;          /* NULL: none */
	struct vfio_user_device_info info;
	struct fake_user_region regions[FAKE_USER_REGIONS];
	struct { uint32_t flags, count; } irqs[FAKE_USER_IRQS];
	int io_fds[FAKE_USER_IO];  /* that go with GET_REGION_IO_FDS */
	unsigned int nr_io_fds;
	unsigned int max_maps;     /* the one after it is refused; 0: no limit */
	bool keep_maps;            /* unmapping is refused with ENOSPC */
	uint32_t max_fds;          /* more in one message are refused; 0: no limit */

	/* what it was told */
	struct fake_user_map maps[FAKE_USER_MAPS];
	unsigned int nr_maps;
	int vectors[FAKE_USER_IRQS][FAKE_USER_VECTORS]; /* 1: has an eventfd */
	int eventfds[FAKE_USER_IRQS][FAKE_USER_VECTORS];
	unsigned int commands[VFIO_USER_DEVICE_RESET + 1];
	char proposal[256];        /* the client's version data */
	unsigned int broken_rules; /* requests that are against the specification */

	/* misbehaviour */
	uint16_t target;           /* command whose reply is altered */
	unsigned int target_after; /* the first so many replies to it are not */
	void (*alter)(struct fake_user_reply *reply);
	/* sent before that reply, as it is: a command of the server's own */
	void (*before)(int sock);
	/* called when that reply was sent: for commands that nobody waits for */
	void (*after)(int sock);
	/* called when the header of a REGION_WRITE is there, and not the rest */
	void (*early)(int sock);
	unsigned int early_left;
	int sock;
};

extern struct fake_user fake_user;

/* Start it with a PCI device that has a configuration space and nothing else. */
int fake_user_start(void);
/* Wait until the connections that were are forgotten, so that nothing of them is held. */
void fake_user_settle(void);
/* Listen no more; the socket stays where it is. */
void fake_user_hang_up(void);
void fake_user_stop(void);
/* Give a region memory. With mappable, the client gets its fd. */
int fake_user_back(uint32_t index, uint64_t size, bool mappable);

/* For before(): send bytes, receive them. Returns 0 or -1. */
int fake_user_send(int sock, const void *buf, size_t len);
int fake_user_recv(int sock, void *buf, size_t len);

#endif /* FAKE_VFIO_USER_H */
