/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef TEST_MEDIATOR_VFU_PEER_H
#define TEST_MEDIATOR_VFU_PEER_H

/*
 * Both sides of a vfio-user server under test: a raw client, which sends what it is told
 * to, and a device that remembers what it was asked to do. One thread serves all: the
 * client lets the loop run where it would wait.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop.h"
#include "vfu_proto.h"
#include "vfu_server.h"

/* What the device is. */
enum {
	PEER_REGION_SPARSE,   /* 0x3000, its last page is mappable, IO fds */
	PEER_REGION_PLAIN,    /* 0x1000 */
	PEER_REGION_NONE,
	PEER_REGION_READ,     /* 0x100, read only */
	PEER_REGION_MAPPABLE, /* 0x2000, all of it */
	PEER_REGION_ALL,      /* all that can be addressed */
	PEER_REGION_WRITE,    /* 0x100, write only */
	PEER_NR_REGIONS,
};

enum {
	PEER_IRQ_ALL,         /* 1, maskable */
	PEER_IRQ_NONE,        /* 0 */
	PEER_IRQ_MSIX,        /* many, not maskable */
	PEER_IRQ_SOFT,        /* 1, no eventfd, maskable */
	PEER_NR_IRQS,
};

#define PEER_MSIX 300
#define PEER_IO_FDS 20
#define PEER_IO_DISTINCT 3

/* The last thing that the device was asked to do, and how often it was. */
struct peer_call {
	const char *op;       /* "" */
	uint32_t index;
	uint64_t a, b, c;     /* its numbers, in order */
	uint8_t byte;         /* first of what was written */
};

struct peer {
	struct loop *loop;
	struct vfu_server *server;
	char path[100];
	int sock;             /* of the client; -1: closed */
	/* of the device */
	uint32_t max_dma_maps; /* 0: any number */
	unsigned int attached, detached, calls;
	struct peer_call call;
	unsigned int triggered, masked, unmasked;
	int ret;              /* what operations return */
	void (*within)(void); /* called by each operation; NULL: nothing */
	int irq_fds[PEER_MSIX];  /* of PEER_IRQ_MSIX; -1: none */
	int dma_fd;              /* of the last dma_map(); -1: none */
	unsigned int infos;      /* times that it was asked what a region is */
	int memfd;
	int io_fds[PEER_IO_DISTINCT];
	unsigned int io_count;   /* entries, PEER_IO_FDS */
};

extern struct peer peer;

struct peer_reply {
	struct vfu_header header;
	uint32_t len;
	uint8_t data[VFU_MAX_DATA + 64];
	int fds[64];
	unsigned int nr_fds;
};

/* Of the last message that peer_recv() has got; its fds are closed by the next. */
extern struct peer_reply peer_reply;

/* A server, and a client that has agreed on a version; a setup and its teardown. */
int peer_start(void);
/* The same, without a client. */
int peer_start_alone(void);
void peer_stop(void);

/* Let the loop do all that there is to do. */
void peer_pump(void);
/* Another connection. Returns a socket. */
int peer_connect(void);
/* End the client's. */
void peer_close(void);

/* Send bytes, or as many as the server takes. Returns how many. */
size_t peer_send_raw(int sock, const void *bytes, size_t len, const int *fds,
		unsigned int nr_fds);
/* Send a message. 0, or -1: it did not fit. */
int peer_send(uint16_t command, uint32_t flags, const void *data, uint32_t len,
		const int *fds, unsigned int nr_fds);
/* Receive a reply into peer_reply. 1; 0: there is none; -1: the connection has ended. */
int peer_recv(void);
/* Both. Returns the errno of the reply; -1: there is no reply, or no good one. */
int peer_ask(uint16_t command, const void *data, uint32_t len, const int *fds,
		unsigned int nr_fds);
/* VERSION, with these data. As peer_ask(). */
int peer_version(uint16_t major, uint16_t minor, const char *json);
/* Whether the server has closed this connection. */
bool peer_is_closed(int sock);

/* Let the device close the fds that it was given. */
void peer_forget_fds(void);

/* Keep what is logged from being printed. The end returns how many lines it was. */
void peer_log_begin(void);
unsigned int peer_log_end(void);

/* A path for a socket, of this process. */
void peer_path(char *path, size_t size, const char *name);

/* How many fds this process has open. */

#endif /* TEST_MEDIATOR_VFU_PEER_H */
