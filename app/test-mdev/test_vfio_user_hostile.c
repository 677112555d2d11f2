/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Each reply of a vfio-user server, with each of its fields wrong in each way: the client
 * fails or goes on, in bounded time, with a line, and holds nothing afterwards.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include <vfio_dma.h>
#include <vfio_irq.h>
#include <vfio_region.h>
#include <vfio_user_private.h>

#include "captured_log.h"
#include "fake_vfio_user.h"
#include "held.h"
#include "test.h"

#define PAGE 4096
#define BAR0 VFIO_PCI_BAR0_REGION_INDEX
#define BAR2 VFIO_PCI_BAR2_REGION_INDEX
#define MSIX VFIO_PCI_MSIX_IRQ_INDEX

/* What the client makes of it. */
enum expected {
	BREAKS,  /* an error, and the connection is not used any more */
	FAILS,   /* an error, or what is refused is done without */
	SURVIVES, /* no matter */
	ANY,     /* one of them: no crash, no leak */
};

static int efd = -1, memory_fd = -1;
static void *memory;
static int normal_timeout;

static void size_less(struct fake_user_reply *r) { r->header.size--; r->len -= r->len > 0; }
static void size_more(struct fake_user_reply *r) { r->header.size++; r->len++; }
static void size_zero(struct fake_user_reply *r) { r->header.size = 0; }
static void size_15(struct fake_user_reply *r) { r->header.size = 15; }
static void size_header(struct fake_user_reply *r) { r->header.size = 16; r->len = 0; }
static void size_max(struct fake_user_reply *r) { r->header.size = UINT32_MAX; }
static void size_page(struct fake_user_reply *r) { r->header.size += 4096; r->len += 4096; }
static void id_other(struct fake_user_reply *r) { r->header.id ^= 1; }
static void command_other(struct fake_user_reply *r) { r->header.command ^= 1; }
static void command_max(struct fake_user_reply *r) { r->header.command = UINT16_MAX; }
static void type_command(struct fake_user_reply *r) { r->header.flags = 0; r->cut = 0; }
static void type_2(struct fake_user_reply *r) { r->header.flags = 2; }
static void type_15(struct fake_user_reply *r) { r->header.flags = 15; }

static void
error_to(struct fake_user_reply *r, uint32_t error)
{
	r->header.flags |= VFIO_USER_F_ERROR;
	r->header.error = error;
	r->header.size = sizeof(r->header);
	r->len = 0;
}

static void error_eperm(struct fake_user_reply *r) { error_to(r, EPERM); }
static void error_zero(struct fake_user_reply *r) { error_to(r, 0); }
static void error_max(struct fake_user_reply *r) { error_to(r, UINT32_MAX); }
static void error_int_min(struct fake_user_reply *r) { error_to(r, 0x80000000); }

static void
error_payload(struct fake_user_reply *r)
{
	error_to(r, EPERM);
	r->header.size += 8;
	r->len = 8;
}

static void
error_fds(struct fake_user_reply *r)
{
	error_to(r, EPERM);
	r->fds[0] = efd;
	r->nr_fds = 1;
}

static void cut_1(struct fake_user_reply *r) { r->cut = 1; }
static void cut_15(struct fake_user_reply *r) { r->cut = 15; }
static void cut_last(struct fake_user_reply *r) { r->cut = 15 + r->len; }
static void silent(struct fake_user_reply *r) { r->silent = true; }

static void
many_fds(struct fake_user_reply *r)
{
	while (r->nr_fds < FAKE_USER_FDS)
		r->fds[r->nr_fds++] = efd;
}

static void
no_fds(struct fake_user_reply *r)
{
	r->nr_fds = 0;
}

static void
twice(struct fake_user_reply *r)
{
	fake_user_send(fake_user.sock, &r->header, sizeof(r->header));
	fake_user_send(fake_user.sock, r->payload, r->len);
}

/* The header's fields, for each command. */
static const struct {
	const char *name;
	void (*alter)(struct fake_user_reply *reply);
	enum expected expected;
} headers[] = {
	{ "size - 1", size_less, BREAKS },
	{ "size + 1", size_more, ANY }, /* VERSION and READ have no size of their own */
	{ "size 0", size_zero, BREAKS },
	{ "size 15", size_15, BREAKS },
	{ "only a header", size_header, ANY },
	{ "size 4 GiB", size_max, BREAKS },
	{ "size + 4096", size_page, BREAKS },
	{ "id", id_other, BREAKS },
	{ "command ^ 1", command_other, BREAKS },
	{ "command 65535", command_max, BREAKS },
	{ "type 0", type_command, BREAKS },
	{ "type 2", type_2, BREAKS },
	{ "type 15", type_15, BREAKS },
	{ "error", error_eperm, FAILS },
	{ "error 0", error_zero, FAILS },
	{ "error 2^32 - 1", error_max, FAILS },
	{ "error 2^31", error_int_min, FAILS },
	{ "error with payload", error_payload, BREAKS },
	{ "error with fds", error_fds, FAILS },
	{ "death after 1 byte", cut_1, BREAKS },
	{ "death after 15 bytes", cut_15, BREAKS },
	{ "death before the last byte", cut_last, BREAKS },
	{ "silence", silent, BREAKS },
	{ "253 fds", many_fds, SURVIVES },
	{ "no fds", no_fds, ANY },
	{ "two replies", twice, BREAKS },
};

static const uint16_t commands[] = {
	VFIO_USER_VERSION, VFIO_USER_DMA_MAP, VFIO_USER_DMA_UNMAP,
	VFIO_USER_DEVICE_GET_INFO, VFIO_USER_DEVICE_GET_REGION_INFO,
	VFIO_USER_DEVICE_GET_REGION_IO_FDS, VFIO_USER_DEVICE_GET_IRQ_INFO,
	VFIO_USER_DEVICE_SET_IRQS, VFIO_USER_REGION_READ, VFIO_USER_REGION_WRITE,
	VFIO_USER_DEVICE_RESET,
};

/* Fields of payloads: a 32-bit word at an offset is set to each of some values. */
static const struct {
	const char *name;
	uint16_t command;
	size_t offset;
} words[] = {
	{ "version", VFIO_USER_VERSION, 0 },
	{ "capabilities", VFIO_USER_VERSION, 4 },
	{ "info argsz", VFIO_USER_DEVICE_GET_INFO, 0 },
	{ "info flags", VFIO_USER_DEVICE_GET_INFO, 4 },
	{ "num_regions", VFIO_USER_DEVICE_GET_INFO, 8 },
	{ "num_irqs", VFIO_USER_DEVICE_GET_INFO, 12 },
	{ "region argsz", VFIO_USER_DEVICE_GET_REGION_INFO, 0 },
	{ "region flags", VFIO_USER_DEVICE_GET_REGION_INFO, 4 },
	{ "region index", VFIO_USER_DEVICE_GET_REGION_INFO, 8 },
	{ "region cap_offset", VFIO_USER_DEVICE_GET_REGION_INFO, 12 },
	{ "region size", VFIO_USER_DEVICE_GET_REGION_INFO, 16 },
	{ "region size, high", VFIO_USER_DEVICE_GET_REGION_INFO, 20 },
	{ "region offset", VFIO_USER_DEVICE_GET_REGION_INFO, 24 },
	{ "region offset, high", VFIO_USER_DEVICE_GET_REGION_INFO, 28 },
	{ "capability", VFIO_USER_DEVICE_GET_REGION_INFO, 32 },
	{ "capability next", VFIO_USER_DEVICE_GET_REGION_INFO, 36 },
	{ "nr_areas", VFIO_USER_DEVICE_GET_REGION_INFO, 40 },
	{ "area offset", VFIO_USER_DEVICE_GET_REGION_INFO, 48 },
	{ "area offset, high", VFIO_USER_DEVICE_GET_REGION_INFO, 52 },
	{ "area size", VFIO_USER_DEVICE_GET_REGION_INFO, 56 },
	{ "io_fds argsz", VFIO_USER_DEVICE_GET_REGION_IO_FDS, 0 },
	{ "io_fds index", VFIO_USER_DEVICE_GET_REGION_IO_FDS, 8 },
	{ "io_fds count", VFIO_USER_DEVICE_GET_REGION_IO_FDS, 12 },
	{ "io_fd offset", VFIO_USER_DEVICE_GET_REGION_IO_FDS, 16 },
	{ "io_fd offset, high", VFIO_USER_DEVICE_GET_REGION_IO_FDS, 20 },
	{ "io_fd size", VFIO_USER_DEVICE_GET_REGION_IO_FDS, 24 },
	{ "io_fd size, high", VFIO_USER_DEVICE_GET_REGION_IO_FDS, 28 },
	{ "io_fd fd_index", VFIO_USER_DEVICE_GET_REGION_IO_FDS, 32 },
	{ "io_fd type", VFIO_USER_DEVICE_GET_REGION_IO_FDS, 36 },
	{ "io_fd flags", VFIO_USER_DEVICE_GET_REGION_IO_FDS, 40 },
	{ "io_fd value", VFIO_USER_DEVICE_GET_REGION_IO_FDS, 48 },
	{ "irq argsz", VFIO_USER_DEVICE_GET_IRQ_INFO, 0 },
	{ "irq flags", VFIO_USER_DEVICE_GET_IRQ_INFO, 4 },
	{ "irq index", VFIO_USER_DEVICE_GET_IRQ_INFO, 8 },
	{ "irq count", VFIO_USER_DEVICE_GET_IRQ_INFO, 12 },
	{ "read offset", VFIO_USER_REGION_READ, 0 },
	{ "read offset, high", VFIO_USER_REGION_READ, 4 },
	{ "read region", VFIO_USER_REGION_READ, 8 },
	{ "read count", VFIO_USER_REGION_READ, 12 },
	{ "write offset", VFIO_USER_REGION_WRITE, 0 },
	{ "write region", VFIO_USER_REGION_WRITE, 8 },
	{ "write count", VFIO_USER_REGION_WRITE, 12 },
	{ "unmap argsz", VFIO_USER_DMA_UNMAP, 0 },
	{ "unmap address", VFIO_USER_DMA_UNMAP, 8 },
};

static const uint32_t values[] = {
	0, 1, 2, 15, 16, 31, 32, 33, 4095, 4096, 65535, 65536, 65537, 0x7fffffff, 0x80000000,
	0xfffffff0, 0xffffffff,
};

static size_t word_offset;
static uint32_t word_value;

static void
set_word(struct fake_user_reply *reply)
{
	if (reply->len >= word_offset + sizeof(word_value))
		memcpy(reply->payload + word_offset, &word_value, sizeof(word_value));
}

static int
setup(void)
{
	const struct {
		struct vfio_info_cap_header header;
		uint32_t nr_areas, reserved;
		struct vfio_region_sparse_mmap_area area;
	} sparse = {
		.header = { .id = VFIO_REGION_INFO_CAP_SPARSE_MMAP, .version = 1 },
		.nr_areas = 1,
		.area = { PAGE, PAGE },
	};

	normal_timeout = vfio_user_timeout_ms;
	efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	memory_fd = memfd_create("memory", MFD_CLOEXEC);
	if (fake_user_start() < 0 || fake_user_back(BAR0, 4 * PAGE, true) < 0 ||
			fake_user_back(BAR2, PAGE, false) < 0 ||
			ftruncate(memory_fd, PAGE) < 0)
		return TEST_FAILED;
	memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd, 0);
	memcpy(fake_user.regions[BAR0].caps, &sparse, sizeof(sparse));
	fake_user.regions[BAR0].argsz = sizeof(struct vfio_region_info) + sizeof(sparse);
	fake_user.regions[BAR0].nr_io = 2;
	fake_user.regions[BAR0].io[1].offset = 4;
	fake_user.io_fds[0] = efd;
	fake_user.nr_io_fds = 1;
	fake_user.irqs[MSIX].flags = VFIO_IRQ_INFO_EVENTFD;
	fake_user.irqs[MSIX].count = 12;
	return memory == MAP_FAILED ? TEST_FAILED : TEST_SUCCESS;
}

static void
teardown(void)
{
	vfio_user_timeout_ms = normal_timeout;
	fake_user_stop();
	munmap(memory, PAGE);
	close(memory_fd);
	close(efd);
}

/* All that a driver does; the first error. */
static int
use_device(struct vfio_dev *dev)
{
	struct vfio_region *bar0, *bar2;
	int fds[12], i, ret;
	uint64_t value = 1;

	ret = vfio_region_get(dev, BAR0, &bar0);
	if (ret == 0)
		ret = vfio_region_map(bar0);
	if (ret == 0)
		ret = vfio_region_get(dev, BAR2, &bar2);
	if (ret == 0)
		ret = vfio_region_write(bar2, 8, &value, sizeof(value));
	if (ret == 0)
		ret = vfio_region_read(bar2, 8, &value, sizeof(value));
	if (ret == 0)
		ret = vfio_region_ioeventfd(bar0, 0, 2, 0) < 0 ? -ENOTSUP : 0;
	for (i = 0; i < 12; i++)
		fds[i] = efd;
	if (ret == 0)
		ret = vfio_irq_set_eventfds(dev, MSIX, 0, 12, fds);
	if (ret == 0)
		ret = vfio_dma_map(dev, memory, 0, PAGE);
	if (ret == 0)
		ret = vfio_dma_unmap(dev, memory, 0, PAGE);
	return ret == 0 ? vfio_dev_reset(dev) : ret;
}

static bool broken;

static int
use(void)
{
	struct vfio_dev *dev;
	int ret, again;

	ret = vfio_dev_open(fake_user.folder, FAKE_USER_ADDR, &dev);
	broken = true;
	if (ret < 0)
		return ret;
	ret = use_device(dev);
	fake_user.alter = NULL;
	vfio_user_timeout_ms = normal_timeout;
	again = vfio_dev_reset(dev);
	broken = again != 0;
	vfio_dev_close(dev);
	return ret;
}

/* Its text is not what is looked for among what is held. */
static void
forget_log(void)
{
	captured_log_start();
	captured_log_stop();
}

/* Looking takes longer than a case: done for so many at a time. */
#define CASES_A_LOOK 32

static struct held before;
static unsigned int cases;

static void
look_start(void)
{
	fake_user_settle();
	forget_log();
	held_now(&before);
	cases = 0;
}

static int
look(void)
{
	fake_user_settle();
	TEST_ASSERT(held_same(&before, true), "something is left of the last %u cases",
		CASES_A_LOOK);
	return TEST_SUCCESS;
}

/* One case: how it ended, and what is left of it. */
static int
meet(const char *name, uint16_t command, unsigned int after,
		void (*alter)(struct fake_user_reply *reply), enum expected expected)
{
	unsigned int lines;
	int ret;

	fake_user.target = command;
	fake_user.target_after = after;
	fake_user.alter = alter;
	/* only where nothing comes is there anything to wait for */
	vfio_user_timeout_ms = alter == silent || alter == type_command ? 20 :
		normal_timeout;
	captured_log_start();
	ret = use();
	captured_log_stop();
	lines = captured_log_lines("start its mediator again");
	forget_log();
	fake_user.target = 0;
	if (++cases % CASES_A_LOOK == 0)
		TEST_ASSERT_SUCCESS(look(), "command %u, %s", command, name);
	switch (expected) {
	case BREAKS:
		TEST_ASSERT((ret < 0 || alter == twice) && broken, "command %u, %s: %d",
			command, name, ret);
		TEST_ASSERT_EQUAL(lines, 1, "command %u, %s: %u lines", command, name,
			lines);
		break;
	case FAILS:
		TEST_ASSERT(ret < 0, "command %u, %s: taken", command, name);
		TEST_ASSERT_EQUAL(lines, 0, "command %u, %s: the connection broke", command, name);
		break;
	case SURVIVES:
		TEST_ASSERT(ret == 0 && !broken, "command %u, %s: %d", command, name, ret);
		break;
	case ANY:
		break;
	}
	return TEST_SUCCESS;
}

/* VERSION is as long as its text, and DMA_UNMAP may be answered without its payload. */
static enum expected
expected_of(unsigned int header, uint16_t command)
{
	return headers[header].alter == size_less && (command == VFIO_USER_VERSION ||
		command == VFIO_USER_DMA_UNMAP) ? ANY : headers[header].expected;
}

static int
test_headers(void)
{
	unsigned int i, j, count = 0;

	/* what the first use of a library takes for good */
	TEST_ASSERT_SUCCESS(use(), "it does not work");
	look_start();
	TEST_ASSERT_SUCCESS(meet("nothing", 0, 0, NULL, SURVIVES), "it does not work");
	TEST_ASSERT_EQUAL(fake_user.broken_rules, 0, "%u requests are wrong",
		fake_user.broken_rules);
	for (i = 0; i < RTE_DIM(commands); i++) {
		for (j = 0; j < RTE_DIM(headers); j++, count++)
			TEST_ASSERT_SUCCESS(meet(headers[j].name, commands[i], 0,
				headers[j].alter, expected_of(j, commands[i])),
				"see above");
	}
	TEST_ASSERT_SUCCESS(look(), "at the end");
	printf("    %u replies\n", count);
	return TEST_SUCCESS;
}

/* In the first answer, and in the second, which is the longer one. */
static int
test_payloads(void)
{
	unsigned int i, j, after, count = 0;

	TEST_ASSERT_SUCCESS(use(), "it does not work");
	look_start();
	for (i = 0; i < RTE_DIM(words); i++) {
		for (j = 0; j < RTE_DIM(values); j++) {
			for (after = 0; after < 4; after++, count++) {
				word_offset = words[i].offset;
				word_value = values[j];
				TEST_ASSERT_SUCCESS(meet(words[i].name,
					words[i].command, after, set_word, ANY),
					"%#x", values[j]);
			}
		}
	}
	TEST_ASSERT_SUCCESS(look(), "at the end");
	printf("    %u replies\n", count);
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "common/vfio_user: replies that are wrong",
	.unit_test_cases = {
		TEST_CASE_ST(setup, teardown, test_headers),
		TEST_CASE_ST(setup, teardown, test_payloads),
		TEST_CASES_END()
	}
};

static int
test_vfio_user_hostile(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vfio_user_hostile_autotest, test_vfio_user_hostile);
