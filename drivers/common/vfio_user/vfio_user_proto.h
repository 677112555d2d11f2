/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VFIO_USER_PROTO_H
#define VFIO_USER_PROTO_H

/*
 * Messages of the vfio-user protocol, in the byte order of the host. What they are made
 * of besides is in linux/vfio.h.
 */

#include <stdint.h>

#define VFIO_USER_MAJOR 0
#define VFIO_USER_MINOR 1

/* "Commands" */
enum vfio_user_command {
	VFIO_USER_VERSION = 1,
	VFIO_USER_DMA_MAP = 2,
	VFIO_USER_DMA_UNMAP = 3,
	VFIO_USER_DEVICE_GET_INFO = 4,
	VFIO_USER_DEVICE_GET_REGION_INFO = 5,
	VFIO_USER_DEVICE_GET_REGION_IO_FDS = 6,
	VFIO_USER_DEVICE_GET_IRQ_INFO = 7,
	VFIO_USER_DEVICE_SET_IRQS = 8,
	VFIO_USER_REGION_READ = 9,
	VFIO_USER_REGION_WRITE = 10,
	VFIO_USER_DMA_READ = 11,
	VFIO_USER_DMA_WRITE = 12,
	VFIO_USER_DEVICE_RESET = 13,
};

/* "Header": before each message. */
struct vfio_user_header {
	uint16_t id;
	uint16_t command;
	uint32_t size;  /* of the message with this header, bytes */
	uint32_t flags;
	uint32_t error; /* errno, with VFIO_USER_F_ERROR */
};

#define VFIO_USER_F_TYPE 0xfu
#define VFIO_USER_F_TYPE_COMMAND 0x0u
#define VFIO_USER_F_TYPE_REPLY 0x1u
#define VFIO_USER_F_NO_REPLY 0x10u
#define VFIO_USER_F_ERROR 0x20u

struct vfio_user_version {
	uint16_t major;
	uint16_t minor;
	char data[]; /* JSON, with a NUL at its end; or nothing */
};

/* What holds for who says nothing else. */
#define VFIO_USER_DEFAULT_MSG_FDS 1
#define VFIO_USER_DEFAULT_XFER_SIZE 1048576
#define VFIO_USER_DEFAULT_DMA_MAPS 65535
#define VFIO_USER_DEFAULT_PGSIZES 4096

struct vfio_user_dma_map {
	uint32_t argsz;
	uint32_t flags;
	uint64_t offset; /* in the file whose fd goes with the message */
	uint64_t address;
	uint64_t size;
};

#define VFIO_USER_DMA_READABLE 0x1u
#define VFIO_USER_DMA_WRITABLE 0x2u

struct vfio_user_dma_unmap {
	uint32_t argsz;
	uint32_t flags;
	uint64_t address;
	uint64_t size;
};

/* The part of vfio_device_info that the protocol knows. */
struct vfio_user_device_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t num_regions;
	uint32_t num_irqs;
};

struct vfio_user_io_fds {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t count;
};

/* An entry after it; there may be more than this between one and the next. */
struct vfio_user_io_fd {
	uint64_t offset; /* into the region */
	uint64_t size;   /* of the access; 0: any */
	uint32_t fd_index;
	uint32_t type;
	uint32_t flags;
	uint32_t padding;
	uint64_t datamatch;
};

#define VFIO_USER_IO_FD_IOEVENTFD 0
/* KVM_IOEVENTFD_FLAG_DATAMATCH of linux/kvm.h */
#define VFIO_USER_IO_FD_DATAMATCH 0x1u

struct vfio_user_region_access {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
	/* data */
};

struct vfio_user_dma_access {
	uint64_t address;
	uint64_t count;
	/* data */
};

#endif /* VFIO_USER_PROTO_H */
