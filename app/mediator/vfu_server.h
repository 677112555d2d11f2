/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_VFU_SERVER_H
#define MEDIATOR_VFU_SERVER_H

/*
 * The server side of vfio-user: one listening socket for each device, one client at a
 * time. Knows the protocol and nothing of what the device is.
 *
 * Every message is checked before a device hears of it: sizes, counts, flags, numbers of
 * fds, region and interrupt indices, bounds of regions. A wrong one is answered with
 * an errno; a stream that makes no sense ends the connection. A client that does not read
 * its replies is not read from any more, and never makes the mediator wait.
 */

#include <stdbool.h>
#include <stdint.h>

#include <linux/vfio.h>

#include "loop.h"

#define VFU_MAX_AREAS 8
#define VFU_MAX_IO_FDS 512

/* What a device says of a region. */
struct vfu_region {
	uint64_t size;       /* bytes; 0: no such region */
	uint32_t flags;      /* VFIO_REGION_INFO_FLAG_READ, WRITE, MMAP */
	int fd;              /* to map; -1: none. Stays the device's. */
	uint64_t offset;     /* of the region in that file, bytes */
	uint32_t nr_areas;   /* mappable areas; 0: all of it if MMAP is set */
	struct { uint64_t offset, size; } areas[VFU_MAX_AREAS];
};

/* An eventfd that stands for writes to a place of a region. */
struct vfu_io_fd {
	uint64_t offset;     /* into the region, bytes */
	uint64_t size;       /* width, bytes */
	int fd;              /* stays the device's */
	bool datamatch;      /* only writes of value */
	uint64_t value;
};

/* The operation is not over: vfu_server_done() will say. No negative errno. */
#define VFU_LATER 1

/*
 * What a device does. All that return int return 0 or a negative errno, unless they say
 * more. Indices, bounds and counts were checked against region_info and irq_info.
 */
struct vfu_ops {
	uint32_t nr_regions;
	uint32_t nr_irqs;
	uint32_t max_dma_regions; /* of memory, neighbours joined; 0: any number */
	/* Calls of dma_map that can succeed. */
	uint32_t (*max_dma_maps)(void *arg);

	/* A client has agreed on a version. It is turned away if this fails. */
	int (*attached)(void *arg);
	/*
	 * The client is gone: forget its eventfds and its memory. An operation that was
	 * not over has nobody to be reported to any more, and is not to be.
	 */
	void (*detached)(void *arg);

	int (*region_info)(void *arg, uint32_t index, struct vfu_region *region);
	/* Returns how many there are, VFU_MAX_IO_FDS at most. */
	int (*region_io_fds)(void *arg, uint32_t index, struct vfu_io_fd *fds);
	int (*region_read)(void *arg, uint32_t index, uint64_t offset, void *buf,
			uint32_t len);
	/* Or VFU_LATER. */
	int (*region_write)(void *arg, uint32_t index, uint64_t offset,
			const void *buf, uint32_t len);

	/* flags: VFIO_IRQ_INFO_*. */
	int (*irq_info)(void *arg, uint32_t index, uint32_t *flags, uint32_t *count);
	/* Signal fds[i], -1 for none, which are the device's then even on failure. */
	int (*irq_set)(void *arg, uint32_t index, uint32_t start, uint32_t count,
			const int *fds);
	/* Signal it now, for a client that tries its eventfds. */
	int (*irq_trigger)(void *arg, uint32_t index, uint32_t vector);
	int (*irq_mask)(void *arg, uint32_t index, uint32_t start, uint32_t count,
			bool mask);

	/* fd (-1: none) is the device's then even on failure. Or VFU_LATER. */
	int (*dma_map)(void *arg, uint64_t iova, uint64_t size, uint64_t offset,
			uint32_t prot, int fd);
	/* The client may use the memory for other things after it. Or VFU_LATER. */
	int (*dma_unmap)(void *arg, uint64_t iova, uint64_t size);
	int (*dma_unmap_all)(void *arg);
	/* Or VFU_LATER. */
	int (*reset)(void *arg);
};

struct vfu_server;
struct foreign_peer;

/*
 * Listen at a path. name is for messages and stays the caller's, as ops and arg. 0 or a
 * negative errno, logged.
 */
int vfu_server_create(struct loop *loop, const char *name, const char *path,
		const struct vfu_ops *ops, void *arg, struct vfu_server **server);
/* Close the connection, without detached(), and remove the socket. NULL does nothing. */
void vfu_server_destroy(struct vfu_server *server);

/* The end of the operation that returned VFU_LATER: 0 or a negative errno. */
void vfu_server_done(struct vfu_server *server, int ret);

/* End the connection; detached() is called from within. */
void vfu_server_disconnect(struct vfu_server *server);
/* Process id of the client; -1 if there is none. */
int vfu_server_client(const struct vfu_server *server);
/* Whose fds those are that the device was given, see foreign_fd.h. */
struct foreign_peer *vfu_server_peer(const struct vfu_server *server);

#endif /* MEDIATOR_VFU_SERVER_H */
