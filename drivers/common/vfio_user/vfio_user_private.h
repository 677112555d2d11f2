/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VFIO_USER_PRIVATE_H
#define VFIO_USER_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <rte_common.h>
#include <rte_interrupts.h>
#include <rte_log.h>
#include <rte_memory.h>

#include <vfio_transport.h>

#include "vfio_user_conn.h"

extern int vfio_user_logtype;

/* The transport, as it is registered. */
extern struct vfio_transport vfio_user_transport;

#define VFIO_USER_LOG(level, ...) \
	rte_log(RTE_LOG_ ## level, vfio_user_logtype, \
		RTE_FMT("vfio: " RTE_FMT_HEAD(__VA_ARGS__ ,) "\n", \
			RTE_FMT_TAIL(__VA_ARGS__ ,)))

#define VFIO_USER_NO_LIMIT UINT64_MAX

/* What server and client agreed on. */
struct vfio_user_caps {
	uint64_t max_msg_fds;   /* that the server takes in one message */
	uint64_t max_xfer;      /* bytes in one REGION_READ or REGION_WRITE */
	uint64_t max_dma_maps;
	/*
	 * With neighbours joined, where addresses and file go on. No capability of the
	 * specification: dpdk-mdev-mediator says it, as vhost-user backends take 8.
	 */
	uint64_t max_dma_regions;
	uint64_t pgsizes;       /* one bit for each page size of DMA maps */
};

/* Ranges of addresses, ascending, without overlap; neighbours are joined. */
struct vfio_user_ranges {
	struct vfio_user_range { uint64_t start, end; } *items;
	uint32_t count, room;
};

/* 0 or -ENOMEM, and nothing has changed then. */
int vfio_user_ranges_add(struct vfio_user_ranges *ranges, uint64_t start, uint64_t end);
int vfio_user_ranges_remove(struct vfio_user_ranges *ranges, uint64_t start,
		uint64_t end);
/* Is all of it, or any of it, in the ranges? */
bool vfio_user_ranges_contain(const struct vfio_user_ranges *ranges, uint64_t start,
		uint64_t end);
bool vfio_user_ranges_touch(const struct vfio_user_ranges *ranges, uint64_t start,
		uint64_t end);
/* The end of the range that an address is in; the address itself if it is in none. */
uint64_t vfio_user_ranges_reach(const struct vfio_user_ranges *ranges, uint64_t addr);

/*
 * A DMA_MAP that the server has. It is needed as long as EAL has some of its memory, or,
 * where that is not EAL's own, a dma_map is about some of it.
 */
struct vfio_user_map {
	uint64_t start, end;
	bool external;   /* the application made the memory, not EAL */
	uint64_t offset; /* in the file that is behind it: */
	dev_t file_dev;
	ino_t file_ino;  /* 0: not known, and then it is a region by itself */
};

/* A range that was mapped by dma_map; they may overlap. */
struct vfio_user_op {
	TAILQ_ENTRY(vfio_user_op) next;
	uint64_t start, end;
	uint32_t users; /* dma_map without dma_unmap */
	bool torn;      /* a dma_unmap failed: the server may have lost a part of it */
};

/* Memory with the file behind it. */
struct vfio_user_piece {
	uint64_t start, end;
	bool external;   /* set by vfio_user_file_behind(), and what follows */
	uint64_t offset; /* in the file */
	dev_t file_dev;
	ino_t file_ino;
	int fd;
};

struct vfio_user_ioeventfd {
	uint64_t offset, size, datamatch;
	bool match;     /* for writes of datamatch only */
	int fd;         /* one of the region's */
};

/* What the server said of a region. */
struct vfio_user_region {
	TAILQ_ENTRY(vfio_user_region) next;
	uint32_t index;
	int fd;                /* to map; -1: none */
	uint64_t size, offset; /* offset: in that file */
	bool io_asked;         /* the server was asked for the following */
	uint32_t nr_io;
	struct vfio_user_ioeventfd *io;
	uint32_t nr_io_fds;
	int *io_fds;
};

struct vfio_user_dev {
	TAILQ_ENTRY(vfio_user_dev) next; /* owned by vfio_user_mem.c */
	struct vfio_user_conn conn;
	struct vfio_user_caps caps;
	struct rte_intr_handle *idle;    /* of the socket; owned by vfio_user_idle.c */
	/* the connection's lock protects what follows */
	struct vfio_user_map *maps;      /* ascending */
	uint32_t nr_maps, room_maps;
	bool refused;                    /* maps that are not needed are to be tried again */
	bool full;                       /* it was said that EAL is given no more memory */
	struct vfio_user_ranges eals;    /* what EAL has of them */
	TAILQ_HEAD(, vfio_user_op) ops;
	TAILQ_HEAD(, vfio_user_region) regions;
};

/* VERSION. Logs why not, unless the connection broke. 0 or a negative errno. */
int vfio_user_negotiate(struct vfio_user_conn *conn, struct vfio_user_caps *caps);
/* Read the capabilities of a version reply, len bytes. 0 or -EPROTO. */
int vfio_user_caps_parse(const char *json, size_t len, struct vfio_user_caps *caps);

/*
 * Serve what the server asks between requests, until that is stopped, which waits for
 * what is being served. Logs why it cannot. 0 or a negative errno.
 */
int vfio_user_idle_start(struct vfio_user_dev *dev);
void vfio_user_idle_stop(struct vfio_user_dev *dev);

/* The region with what is known of it, NULL for lack of memory. Lock held. */
struct vfio_user_region *vfio_user_region_entry(struct vfio_user_dev *dev,
		uint32_t index);
void vfio_user_regions_release(struct vfio_user_dev *dev);
int vfio_user_get_region_info(struct vfio_transport_dev *tdev,
		struct vfio_region_info *info);
ssize_t vfio_user_region_read(struct vfio_transport_dev *tdev, uint32_t index,
		uint64_t region_offset, uint64_t offset, void *buf, size_t len);
ssize_t vfio_user_region_write(struct vfio_transport_dev *tdev, uint32_t index,
		uint64_t region_offset, uint64_t offset, const void *buf, size_t len);
int vfio_user_region_mmap(struct vfio_transport_dev *tdev, uint32_t index,
		uint64_t region_offset, uint64_t offset, size_t len, int prot, void *at);
int vfio_user_region_fd(struct vfio_transport_dev *tdev, uint32_t index,
		uint64_t offset, size_t len, uint64_t *fd_offset);
int vfio_user_region_ioeventfd(struct vfio_transport_dev *tdev, uint32_t index,
		uint64_t offset, size_t width, uint64_t value);
int vfio_user_get_irq_info(struct vfio_transport_dev *tdev, struct vfio_irq_info *info);
int vfio_user_set_irqs(struct vfio_transport_dev *tdev, const struct vfio_irq_set *set);

/*
 * Give memory to the server. The lock must be held, here and below. 0 or a negative errno:
 * -EEXIST for what it has already, -ENOSPC for more maps than it takes.
 */
int vfio_user_map(struct vfio_user_dev *dev, const struct vfio_user_piece *piece);
/* Take back the map with this place in the table. 0 or a negative errno. */
int vfio_user_unmap(struct vfio_user_dev *dev, uint32_t at);
/*
 * Take back what is not needed of the maps that touch a range. What the server cannot
 * forget (-ENOSPC) it keeps, which is no error, and is asked again by later calls.
 */
int vfio_user_drop(struct vfio_user_dev *dev, uint64_t start, uint64_t end);
bool vfio_user_map_needed(const struct vfio_user_dev *dev,
		const struct vfio_user_map *map);
/*
 * Give what the server does not have of a range of the application's memory. The caller
 * has it needed before, and if this fails, not any more, and dropped. On failure *piece is
 * the part at which it did: -ENOTSUP for one without a file, -EEXIST for one that the
 * server has from another file.
 */
int vfio_user_cover(struct vfio_user_dev *dev, uint64_t start, uint64_t end,
		struct vfio_user_piece *piece);
/* Regions of the server's, see max_dma_regions. */
uint32_t vfio_user_regions(const struct vfio_user_dev *dev);
/* The lower of the server's two limits. */
static inline uint64_t
vfio_user_max_ranges(const struct vfio_user_dev *dev)
{
	return RTE_MIN(dev->caps.max_dma_maps, dev->caps.max_dma_regions);
}

/* Place of the first map that ends after an address. */
uint32_t vfio_user_map_find(const struct vfio_user_dev *dev, uint64_t addr);
void vfio_user_maps_release(struct vfio_user_dev *dev);

/* Is a dma_map about some of a range? */
bool vfio_user_ops_touch(const struct vfio_user_dev *dev, uint64_t start, uint64_t end);
/* May the server read and write all of a range by messages? */
bool vfio_user_may_access(const struct vfio_user_dev *dev, uint64_t start, uint64_t end);
/*
 * Memory of a heap goes. EAL has rte_dev_dma_unmap() only for memory that is registered: a
 * dma_map that begins there, and is of no other registered memory, ends with it. EAL's
 * memory lock is held. Returns up to where memory may not be needed any more.
 */
uint64_t vfio_user_ops_end(struct vfio_user_dev *dev, uint64_t start, uint64_t end);
void vfio_user_ops_release(struct vfio_user_dev *dev);
int vfio_user_dma_map(struct vfio_transport_dev *tdev, void *addr, uint64_t iova,
		size_t len);
int vfio_user_dma_unmap(struct vfio_transport_dev *tdev, void *addr, uint64_t iova,
		size_t len);

/*
 * Give the memory of EAL to a device and keep that current, until it is detached. Logs
 * why it cannot. 0 or a negative errno.
 */
int vfio_user_mem_attach(struct vfio_user_dev *dev);
void vfio_user_mem_detach(struct vfio_user_dev *dev);
/* What EAL is told to call. */
void vfio_user_mem_event(enum rte_mem_event event, const void *addr, size_t len,
		void *arg);
int vfio_user_mem_validate(int socket_id, size_t limit, size_t new_len);

/*
 * Which file is behind memory that EAL did not allocate. start must not be in a hole;
 * *piece has no fd, and ends where another file begins, and at end at the latest. 0,
 * -ENOTSUP if no other process can be given it (*piece is what is so), or another negative
 * errno.
 */
int vfio_user_file_behind(uint64_t start, uint64_t end, struct vfio_user_piece *piece);
/* The same, and opens it; the fd is the caller's. */
int vfio_user_file_open(uint64_t start, uint64_t end, struct vfio_user_piece *piece);

#endif /* VFIO_USER_PRIVATE_H */
