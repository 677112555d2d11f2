/* SPDX-License-Identifier: BSD-3-Clause */

/* Every message with every field in and out of range, through the socket. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>

#include "open_fds.h"
#include "test.h"
#include "vfu_peer.h"

/* A message of each kind that is right. */
static const struct vfu_dma_map good_map = {
	.argsz = sizeof(good_map),
	.flags = VFU_DMA_READABLE | VFU_DMA_WRITABLE,
	.address = 0x100000, .size = 0x1000,
};
static const struct vfu_dma_unmap good_unmap = {
	.argsz = sizeof(good_unmap), .address = 0x100000, .size = 0x1000,
};
static const struct vfu_device_info good_info = { .argsz = sizeof(good_info) };
static const struct vfio_region_info good_region = {
	.argsz = 256, .index = PEER_REGION_SPARSE,
};
static const struct vfu_region_io_fds good_io_fds = {
	.argsz = 4096, .index = PEER_REGION_SPARSE,
};
static const struct vfio_irq_info good_irq = {
	.argsz = sizeof(good_irq), .index = PEER_IRQ_MSIX,
};
static const struct vfio_irq_set good_set = {
	.argsz = sizeof(good_set),
	.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
	.index = PEER_IRQ_MSIX, .start = 4, .count = 2,
};
static const struct vfu_region_access good_read = {
	.offset = 0x10, .region = PEER_REGION_PLAIN, .count = 4,
};
static const struct {
	struct vfu_region_access access;
	uint8_t data[4];
} good_write = {
	.access = { .offset = 0x10, .region = PEER_REGION_PLAIN, .count = 4 },
	.data = { 1, 2, 3, 4 },
};

/* len: what it needs at least; exact: and at most. */
static const struct {
	const char *name;
	uint16_t command;
	const void *data;
	uint32_t len;
	bool exact;
	unsigned int fds;
} messages[] = {
	{ "DMA_MAP", VFU_DMA_MAP, &good_map, sizeof(good_map), false, 1 },
	{ "DMA_UNMAP", VFU_DMA_UNMAP, &good_unmap, sizeof(good_unmap), false, 0 },
	{ "GET_INFO", VFU_DEVICE_GET_INFO, &good_info, sizeof(good_info), false, 0 },
	{ "GET_REGION_INFO", VFU_DEVICE_GET_REGION_INFO, &good_region,
		sizeof(good_region), false, 0 },
	{ "GET_REGION_IO_FDS", VFU_DEVICE_GET_REGION_IO_FDS, &good_io_fds,
		sizeof(good_io_fds), false, 0 },
	{ "GET_IRQ_INFO", VFU_DEVICE_GET_IRQ_INFO, &good_irq, sizeof(good_irq), false, 0 },
	{ "SET_IRQS", VFU_DEVICE_SET_IRQS, &good_set, sizeof(good_set), false, 0 },
	{ "REGION_READ", VFU_REGION_READ, &good_read, sizeof(good_read), false, 0 },
	{ "REGION_WRITE", VFU_REGION_WRITE, &good_write,
		offsetof(typeof(good_write), data) + sizeof(good_write.data), true, 0 },
	{ "DEVICE_RESET", VFU_DEVICE_RESET, NULL, 0, true, 0 },
};

#define AT(type, field) offsetof(struct type, field), sizeof(((struct type *)0)->field)
#define BOTH (VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_ACTION_MASK)
#define EVENTFD (VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER)

/* One field of a right message becomes another value: what the client is told. */
static const struct field {
	uint16_t command;
	size_t at, width;
	uint64_t value;
	int error;
} fields[] = {
	{ VFU_DMA_MAP, AT(vfu_dma_map, argsz), 0, EINVAL },
	{ VFU_DMA_MAP, AT(vfu_dma_map, argsz), 31, EINVAL },
	{ VFU_DMA_MAP, AT(vfu_dma_map, argsz), UINT32_MAX, 0 },
	{ VFU_DMA_MAP, AT(vfu_dma_map, flags), 0, EINVAL },
	{ VFU_DMA_MAP, AT(vfu_dma_map, flags), 1, 0 },
	{ VFU_DMA_MAP, AT(vfu_dma_map, flags), 2, 0 },
	{ VFU_DMA_MAP, AT(vfu_dma_map, flags), 4, EINVAL },
	{ VFU_DMA_MAP, AT(vfu_dma_map, flags), 7, EINVAL }, /* has no fd */
	{ VFU_DMA_MAP, AT(vfu_dma_map, flags), 0xb, EINVAL },
	{ VFU_DMA_MAP, AT(vfu_dma_map, flags), 0x80000003, EINVAL },
	{ VFU_DMA_MAP, AT(vfu_dma_map, offset), UINT64_MAX, EINVAL },
	{ VFU_DMA_MAP, AT(vfu_dma_map, offset), UINT64_MAX - 0xffe, EINVAL },
	{ VFU_DMA_MAP, AT(vfu_dma_map, offset), 0x1000, 0 },
	{ VFU_DMA_MAP, AT(vfu_dma_map, address), UINT64_MAX, EINVAL },
	{ VFU_DMA_MAP, AT(vfu_dma_map, address), UINT64_MAX - 0xffe, EINVAL },
	{ VFU_DMA_MAP, AT(vfu_dma_map, address), UINT64_MAX - 0xfff, 0 },
	{ VFU_DMA_MAP, AT(vfu_dma_map, address), 0, 0 },
	{ VFU_DMA_MAP, AT(vfu_dma_map, size), 0, EINVAL },
	{ VFU_DMA_MAP, AT(vfu_dma_map, size), UINT64_MAX, EINVAL },
	{ VFU_DMA_MAP, AT(vfu_dma_map, size), 0 - UINT64_C(0x100000), 0 },
	{ VFU_DMA_MAP, AT(vfu_dma_map, size), 1 - UINT64_C(0x100000), EINVAL },

	{ VFU_DMA_UNMAP, AT(vfu_dma_unmap, argsz), 23, EINVAL },
	{ VFU_DMA_UNMAP, AT(vfu_dma_unmap, argsz), 4096, 0 },
	{ VFU_DMA_UNMAP, AT(vfu_dma_unmap, flags), 1, EOPNOTSUPP },
	{ VFU_DMA_UNMAP, AT(vfu_dma_unmap, flags), 3, EOPNOTSUPP },
	{ VFU_DMA_UNMAP, AT(vfu_dma_unmap, flags), 2, EINVAL }, /* with an address */
	{ VFU_DMA_UNMAP, AT(vfu_dma_unmap, flags), 4, EINVAL },
	{ VFU_DMA_UNMAP, AT(vfu_dma_unmap, address), UINT64_MAX, EINVAL },
	{ VFU_DMA_UNMAP, AT(vfu_dma_unmap, address), 0, 0 },
	{ VFU_DMA_UNMAP, AT(vfu_dma_unmap, size), 0, EINVAL },
	{ VFU_DMA_UNMAP, AT(vfu_dma_unmap, size), UINT64_MAX, EINVAL },

	{ VFU_DEVICE_GET_INFO, AT(vfu_device_info, argsz), 15, EINVAL },
	{ VFU_DEVICE_GET_INFO, AT(vfu_device_info, argsz), UINT32_MAX, 0 },

	{ VFU_DEVICE_GET_REGION_INFO, AT(vfio_region_info, argsz), 0, EINVAL },
	{ VFU_DEVICE_GET_REGION_INFO, AT(vfio_region_info, argsz), 31, EINVAL },
	{ VFU_DEVICE_GET_REGION_INFO, AT(vfio_region_info, argsz), UINT32_MAX, 0 },
	{ VFU_DEVICE_GET_REGION_INFO, AT(vfio_region_info, index), PEER_NR_REGIONS - 1, 0 },
	{ VFU_DEVICE_GET_REGION_INFO, AT(vfio_region_info, index), PEER_REGION_NONE, 0 },
	{ VFU_DEVICE_GET_REGION_INFO, AT(vfio_region_info, index), PEER_NR_REGIONS, EINVAL },
	{ VFU_DEVICE_GET_REGION_INFO, AT(vfio_region_info, index), UINT32_MAX, EINVAL },

	{ VFU_DEVICE_GET_REGION_IO_FDS, AT(vfu_region_io_fds, argsz), 15, EINVAL },
	{ VFU_DEVICE_GET_REGION_IO_FDS, AT(vfu_region_io_fds, argsz), UINT32_MAX, 0 },
	{ VFU_DEVICE_GET_REGION_IO_FDS, AT(vfu_region_io_fds, flags), 1, EINVAL },
	{ VFU_DEVICE_GET_REGION_IO_FDS, AT(vfu_region_io_fds, index), PEER_REGION_PLAIN, 0 },
	{ VFU_DEVICE_GET_REGION_IO_FDS, AT(vfu_region_io_fds, index), PEER_REGION_NONE,
		EINVAL },
	{ VFU_DEVICE_GET_REGION_IO_FDS, AT(vfu_region_io_fds, index), PEER_NR_REGIONS,
		EINVAL },
	{ VFU_DEVICE_GET_REGION_IO_FDS, AT(vfu_region_io_fds, index), UINT32_MAX, EINVAL },
	{ VFU_DEVICE_GET_REGION_IO_FDS, AT(vfu_region_io_fds, count), 1, EINVAL },

	{ VFU_DEVICE_GET_IRQ_INFO, AT(vfio_irq_info, argsz), 15, EINVAL },
	{ VFU_DEVICE_GET_IRQ_INFO, AT(vfio_irq_info, argsz), UINT32_MAX, 0 },
	{ VFU_DEVICE_GET_IRQ_INFO, AT(vfio_irq_info, index), PEER_IRQ_NONE, 0 },
	{ VFU_DEVICE_GET_IRQ_INFO, AT(vfio_irq_info, index), PEER_NR_IRQS, EINVAL },
	{ VFU_DEVICE_GET_IRQ_INFO, AT(vfio_irq_info, index), UINT32_MAX, EINVAL },

	{ VFU_DEVICE_SET_IRQS, AT(vfio_irq_set, argsz), 19, EINVAL },
	{ VFU_DEVICE_SET_IRQS, AT(vfio_irq_set, argsz), UINT32_MAX, 0 },
	{ VFU_DEVICE_SET_IRQS, AT(vfio_irq_set, flags), 0, EINVAL },
	{ VFU_DEVICE_SET_IRQS, AT(vfio_irq_set, flags), VFIO_IRQ_SET_DATA_NONE, EINVAL },
	{ VFU_DEVICE_SET_IRQS, AT(vfio_irq_set, flags), VFIO_IRQ_SET_ACTION_TRIGGER, EINVAL },
	{ VFU_DEVICE_SET_IRQS, AT(vfio_irq_set, flags), VFIO_IRQ_SET_DATA_NONE | BOTH,
		EINVAL },
	{ VFU_DEVICE_SET_IRQS, AT(vfio_irq_set, flags), EVENTFD | VFIO_IRQ_SET_DATA_NONE,
		EINVAL },
	{ VFU_DEVICE_SET_IRQS, AT(vfio_irq_set, flags), EVENTFD | 0x40, EINVAL },
	{ VFU_DEVICE_SET_IRQS, AT(vfio_irq_set, flags), EVENTFD, 0 },
	{ VFU_DEVICE_SET_IRQS, AT(vfio_irq_set, flags),
		VFIO_IRQ_SET_DATA_BOOL | VFIO_IRQ_SET_ACTION_TRIGGER, EINVAL }, /* no bools */
	{ VFU_DEVICE_SET_IRQS, AT(vfio_irq_set, flags),
		VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_MASK, EINVAL },
	{ VFU_DEVICE_SET_IRQS, AT(vfio_irq_set, flags),
		VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK, EINVAL },
	{ VFU_DEVICE_SET_IRQS, AT(vfio_irq_set, index), PEER_IRQ_ALL, EINVAL },
	{ VFU_DEVICE_SET_IRQS, AT(vfio_irq_set, index), PEER_IRQ_NONE, EINVAL },
	{ VFU_DEVICE_SET_IRQS, AT(vfio_irq_set, index), PEER_NR_IRQS, EINVAL },
	{ VFU_DEVICE_SET_IRQS, AT(vfio_irq_set, index), UINT32_MAX, EINVAL },
	{ VFU_DEVICE_SET_IRQS, AT(vfio_irq_set, start), PEER_MSIX - 2, 0 },
	{ VFU_DEVICE_SET_IRQS, AT(vfio_irq_set, start), PEER_MSIX - 1, EINVAL },
	{ VFU_DEVICE_SET_IRQS, AT(vfio_irq_set, start), PEER_MSIX, EINVAL },
	{ VFU_DEVICE_SET_IRQS, AT(vfio_irq_set, start), UINT32_MAX, EINVAL },
	{ VFU_DEVICE_SET_IRQS, AT(vfio_irq_set, count), PEER_MSIX - 4, 0 },
	{ VFU_DEVICE_SET_IRQS, AT(vfio_irq_set, count), PEER_MSIX - 3, EINVAL },
	{ VFU_DEVICE_SET_IRQS, AT(vfio_irq_set, count), UINT32_MAX - 3, EINVAL },
	{ VFU_DEVICE_SET_IRQS, AT(vfio_irq_set, count), 0, EINVAL }, /* start is not 0 */

	{ VFU_REGION_READ, AT(vfu_region_access, offset), 0xffc, 0 },
	{ VFU_REGION_READ, AT(vfu_region_access, offset), 0xffd, EINVAL },
	{ VFU_REGION_READ, AT(vfu_region_access, offset), UINT64_MAX, EINVAL },
	{ VFU_REGION_READ, AT(vfu_region_access, offset), UINT64_MAX - 3, EINVAL },
	{ VFU_REGION_READ, AT(vfu_region_access, region), PEER_REGION_READ, 0 },
	{ VFU_REGION_READ, AT(vfu_region_access, region), PEER_REGION_WRITE, EINVAL },
	{ VFU_REGION_READ, AT(vfu_region_access, region), PEER_REGION_NONE, EINVAL },
	{ VFU_REGION_READ, AT(vfu_region_access, region), PEER_NR_REGIONS, EINVAL },
	{ VFU_REGION_READ, AT(vfu_region_access, region), UINT32_MAX, EINVAL },
	{ VFU_REGION_READ, AT(vfu_region_access, count), 0, 0 },
	{ VFU_REGION_READ, AT(vfu_region_access, count), 0xff0, 0 },
	{ VFU_REGION_READ, AT(vfu_region_access, count), 0xff1, EINVAL },
	{ VFU_REGION_READ, AT(vfu_region_access, count), VFU_MAX_DATA + 1, EINVAL },
	{ VFU_REGION_READ, AT(vfu_region_access, count), UINT32_MAX, EINVAL },

	{ VFU_REGION_WRITE, AT(vfu_region_access, offset), 0xffc, 0 },
	{ VFU_REGION_WRITE, AT(vfu_region_access, offset), 0xffd, EINVAL },
	{ VFU_REGION_WRITE, AT(vfu_region_access, offset), UINT64_MAX - 3, EINVAL },
	{ VFU_REGION_WRITE, AT(vfu_region_access, region), PEER_REGION_WRITE, 0 },
	{ VFU_REGION_WRITE, AT(vfu_region_access, region), PEER_REGION_READ, EINVAL },
	{ VFU_REGION_WRITE, AT(vfu_region_access, region), PEER_REGION_NONE, EINVAL },
	{ VFU_REGION_WRITE, AT(vfu_region_access, region), PEER_NR_REGIONS, EINVAL },
	{ VFU_REGION_WRITE, AT(vfu_region_access, count), 0, EINVAL },
	{ VFU_REGION_WRITE, AT(vfu_region_access, count), 3, EINVAL },
	{ VFU_REGION_WRITE, AT(vfu_region_access, count), 5, EINVAL },
	{ VFU_REGION_WRITE, AT(vfu_region_access, count), UINT32_MAX, EINVAL },
};

static unsigned int
find_message(uint16_t command)
{
	unsigned int i = 0;

	while (messages[i].command != command)
		i++;
	return i;
}

static int
test_fields(void)
{
	const unsigned int open_fds = count_open_fds();
	const struct field *field;
	unsigned int i, m, before;
	uint8_t data[64];
	int error;

	for (i = 0; i < RTE_DIM(fields); i++) {
		field = &fields[i];
		m = find_message(field->command);
		memcpy(data, messages[m].data, messages[m].len);
		memcpy(data + field->at, &field->value, field->width); /* little endian */
		before = peer.calls;
		error = peer_ask(field->command, data, messages[m].len, NULL, 0);
		TEST_ASSERT_EQUAL(error, field->error, "%s with %#llx at %zu: %d, not %d",
			messages[m].name, (unsigned long long)field->value, field->at,
			error, field->error);
		TEST_ASSERT(error == 0 || peer.calls == before,
			"%s with %#llx at %zu: the device heard of it", messages[m].name,
			(unsigned long long)field->value, field->at);
	}
	peer_recv();
	TEST_ASSERT_EQUAL(count_open_fds(), open_fds, "fds were lost");
	printf("    %u messages with one other field\n", i);
	return TEST_SUCCESS;
}

/* Each length that is too short, and ones that are longer. */
static int
test_lengths(void)
{
	uint8_t data[128] = { 0 };
	unsigned int i, n = 0;
	uint32_t len;
	int error;

	for (i = 0; i < RTE_DIM(messages); i++) {
		if (messages[i].data != NULL)
			memcpy(data, messages[i].data, messages[i].len);
		for (len = 0; len <= sizeof(data); len++, n++) {
			error = peer_ask(messages[i].command, data, len, NULL, 0);
			TEST_ASSERT_EQUAL(error, len < messages[i].len ||
				(messages[i].exact && len > messages[i].len) ? EINVAL : 0,
				"%s of %u bytes: %d", messages[i].name, len, error);
		}
	}
	printf("    %u messages of other lengths\n", n);
	return TEST_SUCCESS;
}

/* Fds with messages that take none, and more than they take. */
static int
test_fds(void)
{
	unsigned int i, nr_fds, n = 0, open_fds;
	int fds[64], error;

	fds[0] = eventfd(0, EFD_CLOEXEC);
	for (i = 1; i < RTE_DIM(fds); i++)
		fds[i] = fds[0];
	open_fds = count_open_fds();
	for (i = 0; i < RTE_DIM(messages); i++) {
		for (nr_fds = 1; nr_fds <= RTE_DIM(fds); nr_fds++, n++) {
			error = peer_ask(messages[i].command, messages[i].data,
				messages[i].len, fds, nr_fds);
			TEST_ASSERT_EQUAL(error, nr_fds <= messages[i].fds ? 0 : EINVAL,
				"%s with %u fds: %d", messages[i].name, nr_fds, error);
		}
	}
	peer_recv();
	peer_forget_fds();
	TEST_ASSERT_EQUAL(count_open_fds(), open_fds, "fds were lost");
	close(fds[0]);
	printf("    %u messages with fds that they do not have\n", n);
	return TEST_SUCCESS;
}

/* Commands that are none, or none of a client. */
static int
test_commands(void)
{
	static const uint8_t data[64];
	unsigned int command, n = 0;
	int error, expected;

	for (command = 0; command <= UINT16_MAX; command += command < 64 ? 1 : 997) {
		if (command >= VFU_VERSION && command <= VFU_REGION_WRITE)
			continue;
		if (command == VFU_DEVICE_RESET)
			continue;
		expected = command >= VFU_DMA_READ && command <= VFU_MIG_DATA_WRITE ?
			EOPNOTSUPP : ENOSYS;
		error = peer_ask(command, data, sizeof(data), NULL, 0);
		TEST_ASSERT_EQUAL(error, expected, "command %u: %d", command, error);
		n++;
	}
	TEST_ASSERT_EQUAL(peer.calls, 0u, "the device heard of it");
	printf("    %u commands that there are not\n", n);
	return TEST_SUCCESS;
}

/* Nothing but VERSION comes first, and it comes once. */
static int
test_version_first(void)
{
	unsigned int i;
	int error;

	peer.sock = peer_connect();
	for (i = 0; i < RTE_DIM(messages); i++) {
		error = peer_ask(messages[i].command, messages[i].data, messages[i].len,
			NULL, 0);
		TEST_ASSERT_EQUAL(error, EINVAL, "%s: %d", messages[i].name, error);
	}
	TEST_ASSERT_EQUAL(peer.calls + peer.attached, 0u, "the device heard of it");
	TEST_ASSERT_SUCCESS(peer_version(VFU_MAJOR, VFU_MINOR, NULL), "no version");
	TEST_ASSERT_EQUAL(peer_version(VFU_MAJOR, VFU_MINOR, NULL), EINVAL,
		"a second version");
	TEST_ASSERT_EQUAL(peer.attached, 1u, "attached %u times", peer.attached);
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: fields of vfio-user messages",
	.unit_test_cases = {
		TEST_CASE_ST(peer_start, peer_stop, test_fields),
		TEST_CASE_ST(peer_start, peer_stop, test_lengths),
		TEST_CASE_ST(peer_start, peer_stop, test_fds),
		TEST_CASE_ST(peer_start, peer_stop, test_commands),
		TEST_CASE_ST(peer_start_alone, peer_stop, test_version_first),
		TEST_CASES_END()
	},
};

static int
test_vfu_fields(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vfu_fields_autotest, test_vfu_fields);
