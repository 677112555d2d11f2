/* SPDX-License-Identifier: BSD-3-Clause */

/* The table of a client's memory: which regions there may be, and what is merged. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include "dma_table.h"
#include "open_fds.h"
#include "test.h"
#include "vfu_peer.h"

#define RW (PROT_READ | PROT_WRITE)
#define TOP (UINT64_MAX - 0xfff) /* the last page */

static struct dma_table table;
static int file[2];

static int
start(void)
{
	int i;

	dma_table_init(&table);
	for (i = 0; i < 2; i++) {
		file[i] = memfd_create("memory", MFD_CLOEXEC);
		if (file[i] < 0 || ftruncate(file[i], 0x100000) < 0)
			return TEST_FAILED;
	}
	return TEST_SUCCESS;
}

static void
stop(void)
{
	dma_table_clear(&table);
	close(file[0]);
	close(file[1]);
}

/* With an fd of its own. */
static int
add(uint64_t iova, uint64_t size, uint64_t offset, uint32_t prot, int of)
{
	int fd = of >= 0 ? fcntl(file[of], F_DUPFD_CLOEXEC, 0) : -1;
	int ret = dma_table_add(&table, iova, size, offset, prot, fd);

	if (ret < 0 && fd >= 0)
		close(fd); /* -EBADF in the count of fds if it was not ours */
	return ret;
}

/* Beside regions at 0x1000 (one page), 0x4000 (two) and the last page of all. */
static const struct {
	uint64_t iova, size, offset;
	int file, ret;
} adds[] = {
	{ 0x0, 0x1000, 0, 0, 0 },
	{ 0x0, 0x1001, 0, 0, -EEXIST },
	{ 0x0, 0x10000, 0, 0, -EEXIST },
	{ 0x0, UINT64_MAX, 0, -1, -EEXIST },
	{ 0xfff, 1, 0, 0, 0 },
	{ 0xfff, 2, 0, 0, -EEXIST },
	{ 0x1000, 0x1000, 0, 0, -EEXIST },
	{ 0x1000, 1, 0, 0, -EEXIST },
	{ 0x1800, 0x10, 0, 0, -EEXIST },
	{ 0x1fff, 1, 0, 0, -EEXIST },
	{ 0x2000, 0x2000, 0, 0, 0 },
	{ 0x2000, 0x2001, 0, 0, -EEXIST },
	{ 0x5fff, 0x1000, 0, 0, -EEXIST },
	{ 0x6000, 0x1000, 0, 0, 0 },
	{ 0x6000, TOP - 0x6000, 0, -1, 0 },
	{ 0x6000, TOP - 0x5fff, 0, -1, -EEXIST },
	{ TOP - 1, 1, 0, 0, 0 },
	{ TOP - 1, 2, 0, 0, -EEXIST },
	{ UINT64_MAX, 1, 0, 0, -EEXIST },
	{ UINT64_MAX, 2, 0, 0, -EINVAL },
	{ UINT64_MAX - 0x10, 0x12, 0, 0, -EINVAL },
	{ 0x10000, 0, 0, 0, -EINVAL },
	{ 0x10000, UINT64_MAX, 0, 0, -EINVAL },
	{ 0x10000, 0x1000, UINT64_MAX, 0, -EINVAL },
	{ 0x10000, 0x1000, UINT64_MAX, -1, -EINVAL },
	{ 0x10000, 0x1000, UINT64_MAX - 0x1000, -1, 0 },
	{ 0x10000, 0x1000, UINT64_MAX - 0xfff, -1, -EINVAL },
	{ 0x10000, 0x1000, INT64_MAX - 0x1000, 0, -EINVAL },
	{ 0x10000, 0x1000, INT64_MAX - 0xfff, 0, -EINVAL },
	{ 0x10000, (uint64_t)INT64_MAX + 1, 0, 0, -EINVAL },
	{ 0x10000, INT64_MAX, 0, 0, -EINVAL },
};

static int
test_add(void)
{
	unsigned int i, open_fds = count_open_fds();
	int ret;

	for (i = 0; i < RTE_DIM(adds); i++) {
		TEST_ASSERT(add(0x4000, 0x2000, 0, RW, 0) == 0 &&
			add(TOP, 0x1000, 0, RW, -1) == 0 &&
			add(0x1000, 0x1000, 0, RW, 1) == 0, "not added");
		ret = add(adds[i].iova, adds[i].size, adds[i].offset, RW, adds[i].file);
		TEST_ASSERT_EQUAL(ret, adds[i].ret, "row %u: %d", i, ret);
		TEST_ASSERT_EQUAL(table.count, ret == 0 ? 4u : 3u, "row %u: %u regions", i,
			table.count);
		dma_table_clear(&table);
		TEST_ASSERT_EQUAL(count_open_fds(), open_fds, "row %u: fds were lost", i);
	}
	printf("    %u regions beside others\n", i);
	return TEST_SUCCESS;
}

static int
test_remove(void)
{
	static const struct {
		uint64_t iova, size;
		int ret;
	} removes[] = {
		{ 0x1000, 0xfff, -ENOENT },
		{ 0x1000, 0x1001, -ENOENT },
		{ 0xfff, 0x1000, -ENOENT },
		{ 0x1001, 0x1000, -ENOENT },
		{ 0x1000, 0x2000, -ENOENT }, /* two of them */
		{ 0x0, 0x1000, -ENOENT },
		{ 0x8000, 0x1000, -ENOENT },
		{ TOP, 0x1000, -ENOENT },
		{ 0x2000, 0x1000, 0 },
		{ 0x2000, 0x1000, -ENOENT },
		{ 0x1000, 0x1000, 0 },
		{ 0x3000, 0x1000, 0 },
		{ 0x3000, 0x1000, -ENOENT },
	};
	unsigned int i, open_fds = count_open_fds();
	int ret;

	for (i = 1; i <= 3; i++)
		TEST_ASSERT_SUCCESS(add(0x1000 * i, 0x1000, 0, RW, 0), "not added");
	for (i = 0; i < RTE_DIM(removes); i++) {
		ret = dma_table_remove(&table, removes[i].iova, removes[i].size);
		TEST_ASSERT_EQUAL(ret, removes[i].ret, "row %u: %d", i, ret);
	}
	TEST_ASSERT(table.count == 0 && count_open_fds() == open_fds, "fds were lost");
	return TEST_SUCCESS;
}

/* Fds that allow less than the client says stay its own. */
static int
test_fds(void)
{
	static const struct {
		int flags, ret_rw, ret_r;
	} rows[] = {
		{ O_RDWR, 0, 0 }, { O_RDONLY, -EACCES, 0 }, { O_WRONLY, -EACCES, -EACCES },
		{ O_PATH, -EACCES, -EACCES },
	};
	char path[64];
	unsigned int i, k;
	int fd, ret;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file[0]);
	for (i = 0; i < 2 * RTE_DIM(rows); i++) {
		k = i / 2;
		fd = open(path, rows[k].flags | O_CLOEXEC);
		TEST_ASSERT(fd >= 0, "%s: %d", path, errno);
		ret = dma_table_add(&table, 0, 0x1000, 0, i % 2 == 0 ? RW : PROT_READ, fd);
		TEST_ASSERT_EQUAL(ret, i % 2 == 0 ? rows[k].ret_rw : rows[k].ret_r,
			"row %u: %d", i, ret);
		if (ret < 0)
			TEST_ASSERT_SUCCESS(close(fd), "taken all the same");
		dma_table_clear(&table);
		TEST_ASSERT(close(fd) < 0, "not closed");
	}
	TEST_ASSERT_EQUAL(dma_table_add(&table, 0, 0x1000, 0, RW, fd), -EBADF,
		"an fd that is none");
	return TEST_SUCCESS;
}

/* Two regions: whether they are one. */
static const struct {
	struct { uint64_t iova, size, offset; uint32_t prot; int file; } regions[2];
	unsigned int count;
} merges[] = {
	{ { { 0x1000, 0x1000, 0, RW, 0 }, { 0x2000, 0x3000, 0x1000, RW, 0 } }, 1 },
	{ { { 0x1000, 0x1000, 0, RW, 0 }, { 0x2000, 0x3000, 0x1000, RW, 1 } }, 2 },
	{ { { 0x1000, 0x1000, 0, RW, 0 }, { 0x2000, 0x3000, 0x2000, RW, 0 } }, 2 },
	{ { { 0x1000, 0x1000, 0, RW, 0 }, { 0x2000, 0x3000, 0, RW, 0 } }, 2 },
	{ { { 0x1000, 0x1000, 0, RW, 0 }, { 0x3000, 0x3000, 0x1000, RW, 0 } }, 2 },
	{ { { 0x1000, 0x1000, 0, RW, 0 }, { 0x2000, 0x3000, 0x1000, RW, -1 } }, 1 },
	{ { { 0x1000, 0x1000, 0, RW, 0 }, { 0x2000, 0x3000, 0, PROT_READ, 0 } }, 1 },
	{ { { 0x1000, 0x1000, 0, PROT_WRITE, 0 }, { 0x2000, 0x3000, 0, RW, 0 } }, 1 },
	{ { { 0x1000, 0x1000, 0, RW, -1 }, { 0x2000, 0x3000, 0x1000, RW, -1 } }, 0 },
};

static int
test_merge(void)
{
	struct dma_range ranges[3];
	unsigned int i, k, room;

	/* one that is in the way of nothing but comes last */
	for (i = 0; i < 2 * RTE_DIM(merges); i++) {
		for (k = 0; k < 2; k++) { /* in both orders */
			const typeof(merges[0].regions[0]) *r =
				&merges[i / 2].regions[(k + i) % 2];

			TEST_ASSERT_SUCCESS(add(r->iova, r->size, r->offset, r->prot,
				r->file), "not added");
		}
		for (room = 0; room < RTE_DIM(ranges); room++) {
			memset(ranges, 0x5a, sizeof(ranges));
			k = dma_table_merge(&table, ranges, room);
			TEST_ASSERT_EQUAL(k, merges[i / 2].count, "row %u: %u", i / 2, k);
			TEST_ASSERT_EQUAL(ranges[RTE_MIN(k, room)].size,
				UINT64_C(0x5a5a5a5a5a5a5a5a), "more than there is room for");
		}
		if (i < 2)
			TEST_ASSERT(ranges[0].iova == 0x1000 && ranges[0].size == 0x4000 &&
				ranges[0].offset == 0 && fcntl(ranges[0].fd, F_GETFD) >= 0,
				"another range");
		if (i == 2)
			TEST_ASSERT(ranges[0].size == 0x1000 && ranges[1].iova == 0x2000 &&
				ranges[1].size == 0x3000 && ranges[1].offset == 0x1000 &&
				ranges[1].fd != ranges[0].fd, "another range");
		dma_table_clear(&table);
	}
	printf("    %u tables merged\n", i);
	return TEST_SUCCESS;
}

/* What could keep us waiting, or a backend would die of: no memory, or not all there. */
static int
test_no_file(void)
{
	int fds[5], i;

	TEST_ASSERT_SUCCESS(pipe2(fds, O_CLOEXEC), "pipe");
	fds[2] = open("/dev/zero", O_RDWR | O_CLOEXEC);
	fds[3] = memfd_create("short", MFD_CLOEXEC);
	TEST_ASSERT_SUCCESS(ftruncate(fds[3], 0x1fff), "ftruncate");
	fds[4] = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	for (i = 0; i < 5; i++) {
		if (i == 1)
			continue; /* the pipe's other end cannot be read */
		TEST_ASSERT_EQUAL(dma_table_add(&table, 0, 0x1000, 0x1000, PROT_READ,
			fds[i]), i == 3 ? -EINVAL : -ENOTSUP, "fd %d", i);
	}
	TEST_ASSERT_SUCCESS(ftruncate(fds[3], 0x2000), "ftruncate");
	TEST_ASSERT_SUCCESS(dma_table_add(&table, 0, 0x1000, 0x1000, PROT_READ, fds[3]),
		"not added");
	for (i = 0; i < 3; i++)
		close(fds[i]);
	close(fds[4]);
	return TEST_SUCCESS;
}

/* As many as there may be, in an order that is none, all found again. */
static int
test_many(void)
{
	const uint64_t step = 0x3000;
	const struct dma_region *region;
	struct dma_range range;
	uint64_t next = 0;
	uint32_t i, at;

	for (i = 0; i < DMA_TABLE_MAX; i++) {
		at = i * 40503u % DMA_TABLE_MAX; /* each once: it is odd */
		TEST_ASSERT_SUCCESS(add(at * step, 0x1000, at * 0x1000, RW,
			at == 7 || at == 9 ? 0 : -1), "region %u", i);
		TEST_ASSERT_EQUAL(add(at * step + 0xfff, 0x1000, 0, RW, -1),
			-EEXIST, "twice");
	}
	TEST_ASSERT_EQUAL(add(0x1000, 0x1000, 0, RW, -1), -ENOSPC, "one more");
	TAILQ_FOREACH(region, &table.regions, next) {
		TEST_ASSERT(region->iova == next, "not sorted");
		next += step;
	}
	TEST_ASSERT_EQUAL(next, DMA_TABLE_MAX * step, "some are missing");
	TEST_ASSERT(dma_table_merge(&table, &range, 1) == 2 && range.iova == 7 * step,
		"not merged");
	for (i = 0; i < DMA_TABLE_MAX; i++) {
		at = i * 2654435761u % DMA_TABLE_MAX;
		TEST_ASSERT_SUCCESS(dma_table_remove(&table, at * step, 0x1000),
			"region %u is not found", at);
	}
	TEST_ASSERT_EQUAL(table.count, 0u, "%u are left", table.count);
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: table of DMA regions",
	.unit_test_cases = {
		TEST_CASE_ST(start, stop, test_add),
		TEST_CASE_ST(start, stop, test_remove),
		TEST_CASE_ST(start, stop, test_fds),
		TEST_CASE_ST(start, stop, test_merge),
		TEST_CASE_ST(start, stop, test_no_file),
		TEST_CASE_ST(start, stop, test_many),
		TEST_CASES_END()
	},
};

static int
test_dma_table(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(dma_table_autotest, test_dma_table);
