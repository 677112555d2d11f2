/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_VFU_PROTO_H
#define MEDIATOR_VFU_PROTO_H

/*
 * The messages of vfio-user (QEMU's docs/interop/vfio-user.rst) that linux/vfio.h does
 * not have. Host endian.
 */

#include <stdint.h>

#define VFU_MAJOR 0
#define VFU_MINOR 1

/* What a message carries at most, without headers. */
#define VFU_MAX_DATA (1024 * 1024)
/* Fds that are taken with a message. */
#define VFU_MAX_FDS 16

enum vfu_command {
	VFU_VERSION = 1,
	VFU_DMA_MAP = 2,
	VFU_DMA_UNMAP = 3,
	VFU_DEVICE_GET_INFO = 4,
	VFU_DEVICE_GET_REGION_INFO = 5,
	VFU_DEVICE_GET_REGION_IO_FDS = 6,
	VFU_DEVICE_GET_IRQ_INFO = 7,
	VFU_DEVICE_SET_IRQS = 8,
	VFU_REGION_READ = 9,
	VFU_REGION_WRITE = 10,
	VFU_DMA_READ = 11,
	VFU_DMA_WRITE = 12,
	VFU_DEVICE_RESET = 13,
	VFU_DIRTY_PAGES = 14,
	VFU_REGION_WRITE_MULTI = 15,
	VFU_DEVICE_FEATURE = 16,
	VFU_MIG_DATA_READ = 17,
	VFU_MIG_DATA_WRITE = 18,
};

/* Flags of a header. */
#define VFU_F_TYPE 0xfu
#define VFU_F_TYPE_COMMAND 0x0u
#define VFU_F_TYPE_REPLY 0x1u
#define VFU_F_NO_REPLY 0x10u
#define VFU_F_ERROR 0x20u

struct vfu_header {
	uint16_t id;
	uint16_t command;
	uint32_t size;    /* with the header */
	uint32_t flags;
	uint32_t error;
};

struct vfu_version {
	uint16_t major;
	uint16_t minor;
	/* JSON follows */
};

struct vfu_device_info {
	uint32_t argsz;
	uint32_t flags;   /* VFIO_DEVICE_FLAGS_* */
	uint32_t num_regions;
	uint32_t num_irqs;
};

struct vfu_region_io_fds {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t count;
};

#define VFU_IO_FD_TYPE_IOEVENTFD 0
/* KVM_IOEVENTFD_FLAG_DATAMATCH, without asking each architecture for linux/kvm.h. */
#define VFU_IO_FD_DATAMATCH 1u

struct vfu_sub_region {
	uint64_t offset;
	uint64_t size;
	uint32_t fd_index;
	uint32_t type;
	uint32_t flags;
	uint32_t padding;
	uint64_t datamatch;
};

struct vfu_region_access {
	uint64_t offset;
	uint32_t region;
	uint32_t count;
};

/* The last one is in no text but in clients: "there is an fd". */
#define VFU_DMA_READABLE 0x1u
#define VFU_DMA_WRITABLE 0x2u
#define VFU_DMA_MAPPABLE 0x4u

struct vfu_dma_map {
	uint32_t argsz;
	uint32_t flags;
	uint64_t offset;
	uint64_t address;
	uint64_t size;
};

/* As in linux/vfio.h, which older systems have without the last one. */
#define VFU_DMA_UNMAP_DIRTY_BITMAP 0x1u
#define VFU_DMA_UNMAP_ALL 0x2u

struct vfu_dma_unmap {
	uint32_t argsz;
	uint32_t flags;
	uint64_t address;
	uint64_t size;
};

_Static_assert(sizeof(struct vfu_header) == 16, "header");
_Static_assert(sizeof(struct vfu_sub_region) == 40, "sub-region");
_Static_assert(sizeof(struct vfu_dma_map) == 32, "DMA_MAP");
_Static_assert(sizeof(struct vfu_dma_unmap) == 24, "DMA_UNMAP");

#define VFU_MAX_MESSAGE (sizeof(struct vfu_header) + sizeof(struct vfu_region_access) + \
		VFU_MAX_DATA)

#endif /* MEDIATOR_VFU_PROTO_H */
