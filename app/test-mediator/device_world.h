/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef DEVICE_WORLD_H
#define DEVICE_WORLD_H

/*
 * A device between a client, which sends what it is told to, and a backend that records
 * what it is told. All run in one thread, and nothing waits.
 */

#include <sys/types.h>

#include "device_private.h"
#include "scripted_backend.h"
#include "stage.h"
#include "test.h"

/* The client's memory: a file at these addresses. */
#define DW_IOVA UINT64_C(0x100000000)
#define DW_SIZE UINT64_C(0x400000)
/* Its rings are a page each, three for a queue. */
#define DW_RING(queue, part) (DW_IOVA + (3 * (queue) + (part)) * UINT64_C(0x1000))
#define DW_RING_SIZE 64
#define DW_PAIRS 2
#define DW_CONFIG_VECTOR 0
#define DW_VECTOR(queue) ((queue) + 1)

#define DW_BIT(bit) (UINT64_C(1) << (bit))

struct device_world {
	struct loop *loop;
	struct device *dev;
	struct device_conf conf;
	struct backend backend;
	struct stage stage;
	char path[96], backend_path[96];
	/* the client */
	int sock;                /* -1: gone */
	int memory;
	uint8_t *mem;            /* its view of it */
	int irq[2 * DW_PAIRS + 2];
	uint64_t features;       /* that it negotiated */
	uint32_t reply_error;    /* of the last reply; 0: none */
	uint8_t reply[4096];
	uint32_t reply_len;
	int reply_fds[16];
	unsigned int nr_reply_fds;
};

extern struct device_world dw;

/* Setups: with a backend that listens; none is there; with a conf that was prepared. */
int dw_start(void);
int dw_start_alone(void);
/* What dw_start() uses; the test may change it first. */
void dw_prepare(void);
int dw_create(bool backend);
/* Teardown. */
void dw_stop(void);

/* One round of device and backend. */
void dw_round(void);
#define DW_UNTIL(cond) do { \
	unsigned int rounds_ = 0; \
	bool true_; \
	while (!(true_ = (cond)) && rounds_++ < 20000) \
		dw_round(); \
	TEST_ASSERT(true_, "it never comes to that: " RTE_STR(cond)); \
} while (0)
/* Until nobody has anything to do. */
void dw_settle(void);

/* Send a message, with or without the loop running until the reply is there. */
int dw_send(uint16_t command, const void *data, uint32_t len, const int *fds,
		unsigned int nr_fds);
/* 1: a reply is there; 0: none; -1: the end. */
int dw_recv(void);
/* Returns the errno of the reply, 0, or -1: none came. */
int dw_ask(uint16_t command, const void *data, uint32_t len, const int *fds,
		unsigned int nr_fds);
int dw_connect(void);
void dw_disconnect(void);

int dw_read(uint32_t region, uint64_t offset, void *buf, uint32_t len);
int dw_write(uint32_t region, uint64_t offset, const void *buf, uint32_t len);
/* The same, without waiting for the reply. */
int dw_write_send(uint32_t region, uint64_t offset, const void *buf, uint32_t len);
uint32_t dw_common(uint32_t offset, uint32_t width);
int dw_set_common(uint32_t offset, uint32_t width, uint64_t value);
uint8_t dw_status(void);
int dw_set_status(uint8_t status);
/* The status field of the network configuration. */
uint16_t dw_net_status(void);
uint64_t dw_offered(void);

/* 0 or an errno. */
int dw_map(uint64_t iova, uint64_t size, uint64_t offset, int fd);
int dw_unmap(uint64_t iova, uint64_t size);
/* Send the message alone. */
int dw_unmap_send(uint64_t iova, uint64_t size);

/*
 * As a driver: memory, interrupts, features, so many data queues and the control queue.
 * Up to DRIVER_OK, which is the caller's. 0 or -1.
 */
int dw_drive(uint64_t features, unsigned int queues);
/* All of it, and the backend has started. A test's first line. */
int dw_run(uint64_t features, unsigned int queues);

/* Indices of a split ring. */
void dw_set_avail(unsigned int queue, uint16_t idx);
void dw_set_used(unsigned int queue, uint16_t idx);
/* How often an interrupt came, which is forgotten then. */
uint64_t dw_interrupts(unsigned int vector);
/* How many messages of a kind the backend has seen since dw_backend_forget(). */
unsigned int dw_backend_saw(uint32_t request);
/* The payload of the last one; for a ring if index is not -1. NULL: there is none. */
const struct backend_seen *dw_last(uint32_t request, int index);
void dw_backend_forget(void);

#endif /* DEVICE_WORLD_H */
