/* SPDX-License-Identifier: BSD-3-Clause */

/* What the vfio-user server answers to messages that are right, and asks the device. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "test.h"
#include "vfu_peer.h"

#define SPARSE sizeof(struct vfio_region_info_cap_sparse_mmap)
#define AREA sizeof(struct vfio_region_sparse_mmap_area)

static bool
same_file(int a, int b)
{
	struct stat sa, sb;

	return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && sa.st_ino == sb.st_ino &&
		sa.st_dev == sb.st_dev;
}

static int
test_device_info(void)
{
	struct vfu_device_info info = { .argsz = 64 };

	TEST_ASSERT_SUCCESS(peer_ask(VFU_DEVICE_GET_INFO, &info, sizeof(info), NULL, 0),
		"GET_INFO");
	TEST_ASSERT_EQUAL(peer_reply.len, sizeof(info), "%u bytes", peer_reply.len);
	memcpy(&info, peer_reply.data, sizeof(info));
	TEST_ASSERT(info.argsz == 16 && info.num_regions == PEER_NR_REGIONS &&
		info.num_irqs == PEER_NR_IRQS, "another device");
	TEST_ASSERT_EQUAL(info.flags, (uint32_t)(VFIO_DEVICE_FLAGS_PCI |
		VFIO_DEVICE_FLAGS_RESET), "flags %#x", info.flags);
	TEST_ASSERT_SUCCESS(peer_ask(VFU_DEVICE_RESET, NULL, 0, NULL, 0), "DEVICE_RESET");
	TEST_ASSERT(strcmp(peer.call.op, "reset") == 0 && peer_reply.len == 0, "no reset");
	return TEST_SUCCESS;
}

static int
region(uint32_t index, uint32_t argsz, struct vfio_region_info *info)
{
	struct vfio_region_info ask = { .argsz = argsz, .index = index };
	int ret;

	ret = peer_ask(VFU_DEVICE_GET_REGION_INFO, &ask, sizeof(ask), NULL, 0);
	memcpy(info, peer_reply.data, sizeof(*info));
	return ret;
}

/* A region with a capability: the size that it needs, and the whole with that size. */
static int
test_region_sparse(void)
{
	struct vfio_region_info_cap_sparse_mmap cap;
	struct vfio_region_sparse_mmap_area area;
	struct vfio_region_info info;
	const uint32_t all = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE |
		VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS;
	const uint32_t needed = sizeof(info) + SPARSE + AREA;
	uint32_t argsz;

	for (argsz = sizeof(info); argsz < needed; argsz++) {
		TEST_ASSERT_SUCCESS(region(PEER_REGION_SPARSE, argsz, &info), "refused");
		TEST_ASSERT(peer_reply.len == sizeof(info) && peer_reply.nr_fds == 0 &&
			info.argsz == needed && info.cap_offset == 0 && info.flags == all,
			"with room for %u: %u bytes, %u fds, %u needed", argsz,
			peer_reply.len, peer_reply.nr_fds, info.argsz);
	}
	for (argsz = needed; argsz < needed + 2; argsz++) {
		TEST_ASSERT_SUCCESS(region(PEER_REGION_SPARSE, argsz, &info), "refused");
		TEST_ASSERT(peer_reply.len == needed && info.argsz == needed &&
			info.cap_offset == sizeof(info) && info.flags == all &&
			info.size == 0x3000 && info.offset == 0, "another region");
		TEST_ASSERT(peer_reply.nr_fds == 1 &&
			same_file(peer_reply.fds[0], peer.memfd), "another file");
	}
	memcpy(&cap, peer_reply.data + sizeof(info), sizeof(cap));
	memcpy(&area, peer_reply.data + sizeof(info) + sizeof(cap), sizeof(area));
	TEST_ASSERT(cap.header.id == VFIO_REGION_INFO_CAP_SPARSE_MMAP &&
		cap.header.version == 1 && cap.header.next == 0 && cap.nr_areas == 1 &&
		area.offset == 0x2000 && area.size == 0x1000, "another capability");
	return TEST_SUCCESS;
}

static int
test_regions(void)
{
	struct vfio_region_info info;

	TEST_ASSERT_SUCCESS(region(PEER_REGION_MAPPABLE, sizeof(info), &info), "refused");
	TEST_ASSERT(info.flags == (VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE |
		VFIO_REGION_INFO_FLAG_MMAP) && info.offset == 0x4000 &&
		peer_reply.nr_fds == 1, "flags %#x, %u fds", info.flags, peer_reply.nr_fds);
	TEST_ASSERT_SUCCESS(region(PEER_REGION_READ, 64, &info), "refused");
	TEST_ASSERT(info.flags == VFIO_REGION_INFO_FLAG_READ && info.size == 0x100 &&
		info.argsz == sizeof(info) && info.index == PEER_REGION_READ &&
		peer_reply.nr_fds == 0, "flags %#x", info.flags);
	TEST_ASSERT_SUCCESS(region(PEER_REGION_NONE, 64, &info), "refused");
	TEST_ASSERT(info.flags == 0 && info.size == 0, "there is one");
	return TEST_SUCCESS;
}

/* A client that takes no fds is given none. */
static int
test_no_fds(void)
{
	struct vfu_region_io_fds io = { .argsz = 4096 };
	struct vfio_region_info info;

	peer.sock = peer_connect();
	TEST_ASSERT_SUCCESS(peer_version(VFU_MAJOR, VFU_MINOR,
		"{\"capabilities\":{\"max_msg_fds\":0}}"), "VERSION");
	TEST_ASSERT_SUCCESS(region(PEER_REGION_SPARSE, 256, &info), "refused");
	TEST_ASSERT(peer_reply.nr_fds == 0 && info.argsz == sizeof(info) && info.flags ==
		(VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE),
		"flags %#x, %u fds", info.flags, peer_reply.nr_fds);
	TEST_ASSERT_SUCCESS(peer_ask(VFU_DEVICE_GET_REGION_IO_FDS, &io, sizeof(io), NULL, 0),
		"GET_REGION_IO_FDS");
	memcpy(&io, peer_reply.data, sizeof(io));
	TEST_ASSERT(peer_reply.nr_fds == 0 && io.count == 0 && io.argsz == sizeof(io),
		"%u sub-regions", io.count);
	return TEST_SUCCESS;
}

static int
check_sub_regions(unsigned int count, unsigned int nr_fds)
{
	struct vfu_sub_region sub;
	unsigned int i, n, k;

	for (i = 0, n = 0; i < count; i++, n++) {
		while (n % PEER_IO_DISTINCT >= nr_fds)
			n++; /* its fd did not fit */
		k = n % PEER_IO_DISTINCT;
		memcpy(&sub, peer_reply.data + 16 + 40 * i, sizeof(sub));
		TEST_ASSERT(sub.offset == 4 * n && sub.size == 2 && sub.fd_index == k &&
			sub.type == 0 && sub.flags == n % 2 && sub.padding == 0 &&
			sub.datamatch == (n % 2 == 1 ? n : 0), "sub-region %u differs", i);
	}
	return TEST_SUCCESS;
}

/* Equal fds are sent once; what does not fit into argsz is not sent at all. */
static int
test_io_fds(void)
{
	struct vfu_region_io_fds ask = { .argsz = 16 }, io;
	const uint32_t needed = 16 + 40 * PEER_IO_FDS;

	for (; ask.argsz <= needed + 1; ask.argsz++) {
		TEST_ASSERT_SUCCESS(peer_ask(VFU_DEVICE_GET_REGION_IO_FDS, &ask, sizeof(ask),
			NULL, 0), "refused");
		memcpy(&io, peer_reply.data, sizeof(io));
		TEST_ASSERT(io.argsz == needed && io.count == PEER_IO_FDS && io.flags == 0 &&
			io.index == 0, "%u sub-regions, %u needed", io.count, io.argsz);
		TEST_ASSERT_EQUAL(peer_reply.nr_fds,
			ask.argsz < needed ? 0u : PEER_IO_DISTINCT, "%u fds",
			peer_reply.nr_fds);
		TEST_ASSERT_EQUAL(peer_reply.len, ask.argsz < needed ? 16 : needed,
			"with room for %u: %u bytes", ask.argsz, peer_reply.len);
	}
	return check_sub_regions(PEER_IO_FDS, PEER_IO_DISTINCT);
}

/* A client that takes fewer fds than there are hears of those that it can take. */
static int
test_io_fds_few(void)
{
	struct vfu_region_io_fds io = { .argsz = 4096 };

	peer.sock = peer_connect();
	TEST_ASSERT_SUCCESS(peer_version(VFU_MAJOR, VFU_MINOR,
		"{\"capabilities\":{\"max_msg_fds\":2}}"), "VERSION");
	TEST_ASSERT_SUCCESS(peer_ask(VFU_DEVICE_GET_REGION_IO_FDS, &io, sizeof(io), NULL, 0),
		"refused");
	memcpy(&io, peer_reply.data, sizeof(io));
	TEST_ASSERT(peer_reply.nr_fds == 2 && io.count == 14 && io.argsz == 16 + 40 * 14 &&
		peer_reply.len == io.argsz, "%u fds, %u sub-regions", peer_reply.nr_fds,
		io.count);
	return check_sub_regions(io.count, 2);
}

static int
test_access(void)
{
	static uint8_t data[sizeof(struct vfu_region_access) + VFU_MAX_DATA];
	struct vfu_region_access access = { .offset = 16, .region = PEER_REGION_ALL };
	static const uint32_t counts[] = { 1, 2, 3, 4, 8, 4096, VFU_MAX_DATA };
	unsigned int i;

	memset(data, 0x77, sizeof(data));
	for (i = 0; i < RTE_DIM(counts); i++) {
		access.count = counts[i];
		TEST_ASSERT_SUCCESS(peer_ask(VFU_REGION_READ, &access, sizeof(access), NULL,
			0), "%u bytes not read", counts[i]);
		TEST_ASSERT(peer_reply.len == sizeof(access) + counts[i] &&
			memcmp(peer_reply.data, &access, sizeof(access)) == 0 &&
			peer_reply.data[sizeof(access)] == 0x5a &&
			peer_reply.data[peer_reply.len - 1] == 0x5a, "other bytes");
		TEST_ASSERT(strcmp(peer.call.op, "read") == 0 && peer.call.a == 16 &&
			peer.call.b == counts[i] && peer.call.index == PEER_REGION_ALL,
			"the device was asked for something else");
		memcpy(data, &access, sizeof(access));
		TEST_ASSERT_SUCCESS(peer_ask(VFU_REGION_WRITE, data,
			sizeof(access) + counts[i], NULL, 0), "%u bytes not written",
			counts[i]);
		TEST_ASSERT(peer_reply.len == sizeof(access) &&
			memcmp(peer_reply.data, &access, sizeof(access)) == 0,
			"another reply");
		TEST_ASSERT(strcmp(peer.call.op, "write") == 0 && peer.call.a == 16 &&
			peer.call.b == counts[i] && peer.call.byte == 0x77,
			"something else was written");
	}
	return TEST_SUCCESS;
}

/* At the end of a region that has no byte behind it. */
static int
test_access_end(void)
{
	struct vfu_region_access access = { .region = PEER_REGION_ALL };
	uint32_t left;

	for (left = 0; left < 8; left++) {
		access.offset = UINT64_MAX - left;
		for (access.count = 1; access.count < 9; access.count++)
			TEST_ASSERT_EQUAL(peer_ask(VFU_REGION_READ, &access, sizeof(access),
				NULL, 0), access.count <= left ? 0 : EINVAL,
				"%u bytes where there are %u", access.count, left);
	}
	access.offset = 0;
	access.count = VFU_MAX_DATA + 1;
	TEST_ASSERT_EQUAL(peer_ask(VFU_REGION_READ, &access, sizeof(access), NULL, 0), EINVAL,
		"more than a message carries");
	return TEST_SUCCESS;
}

static int
test_dma(void)
{
	struct vfu_dma_map map = { .argsz = sizeof(map), .flags = VFU_DMA_READABLE,
		.offset = 0x3000, .address = 0x5000, .size = 0x2000 };
	struct vfu_dma_unmap unmap = { .argsz = sizeof(unmap), .address = 0x5000,
		.size = 0x2000 };
	const struct vfu_dma_unmap all = { .argsz = sizeof(all),
		.flags = VFU_DMA_UNMAP_ALL };

	TEST_ASSERT_SUCCESS(peer_ask(VFU_DMA_MAP, &map, sizeof(map), NULL, 0), "no fd");
	TEST_ASSERT(strcmp(peer.call.op, "dma_map") == 0 && peer.call.index == PROT_READ &&
		peer.call.a == 0x5000 && peer.call.b == 0x2000 && peer.call.c == 0x3000 &&
		peer_reply.len == 0, "another region");
	map.flags = VFU_DMA_WRITABLE | VFU_DMA_MAPPABLE;
	TEST_ASSERT_SUCCESS(peer_ask(VFU_DMA_MAP, &map, sizeof(map), &peer.memfd, 1),
		"with fd");
	TEST_ASSERT(strcmp(peer.call.op, "dma_map with fd") == 0 &&
		peer.call.index == PROT_WRITE && same_file(peer.dma_fd, peer.memfd),
		"another region");
	peer.ret = -EEXIST;
	TEST_ASSERT_EQUAL(peer_ask(VFU_DMA_MAP, &map, sizeof(map), &peer.memfd, 1), EEXIST,
		"the device's error");
	peer.ret = 0;
	TEST_ASSERT_SUCCESS(peer_ask(VFU_DMA_UNMAP, &unmap, sizeof(unmap), NULL, 0),
		"unmap");
	TEST_ASSERT(strcmp(peer.call.op, "dma_unmap") == 0 && peer.call.a == 0x5000 &&
		peer.call.b == 0x2000, "another region");
	TEST_ASSERT(peer_reply.len == sizeof(unmap) &&
		memcmp(peer_reply.data, &unmap, sizeof(unmap)) == 0, "another reply");
	TEST_ASSERT_SUCCESS(peer_ask(VFU_DMA_UNMAP, &all, sizeof(all), NULL, 0), "all");
	TEST_ASSERT(strcmp(peer.call.op, "dma_unmap_all") == 0, "not all");
	peer.ret = -ENOENT;
	TEST_ASSERT_EQUAL(peer_ask(VFU_DMA_UNMAP, &unmap, sizeof(unmap), NULL, 0), ENOENT,
		"the device's error");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: replies of the vfio-user server",
	.unit_test_cases = {
		TEST_CASE_ST(peer_start, peer_stop, test_device_info),
		TEST_CASE_ST(peer_start, peer_stop, test_region_sparse),
		TEST_CASE_ST(peer_start, peer_stop, test_regions),
		TEST_CASE_ST(peer_start_alone, peer_stop, test_no_fds),
		TEST_CASE_ST(peer_start, peer_stop, test_io_fds),
		TEST_CASE_ST(peer_start_alone, peer_stop, test_io_fds_few),
		TEST_CASE_ST(peer_start, peer_stop, test_access),
		TEST_CASE_ST(peer_start, peer_stop, test_access_end),
		TEST_CASE_ST(peer_start, peer_stop, test_dma),
		TEST_CASES_END()
	},
};

static int
test_vfu_replies(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vfu_replies_autotest, test_vfu_replies);
