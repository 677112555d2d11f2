/* SPDX-License-Identifier: BSD-3-Clause */

/* Copies from and to a client's memory, which may vanish. */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "dma_table.h"
#include "test.h"

#define RW (PROT_READ | PROT_WRITE)
#define MIB (1ULL << 20)

static struct dma_table table;
static int file[2];
static uint8_t *mapped[2];

static int
start(void)
{
	int i;

	dma_table_init(&table);
	for (i = 0; i < 2; i++) {
		file[i] = memfd_create("memory", MFD_CLOEXEC);
		if (file[i] < 0 || ftruncate(file[i], 8 * MIB) < 0)
			return TEST_FAILED;
		mapped[i] = mmap(NULL, 8 * MIB, RW, MAP_SHARED, file[i], 0);
		if (mapped[i] == MAP_FAILED)
			return TEST_FAILED;
	}
	return TEST_SUCCESS;
}

static void
stop(void)
{
	int i;

	dma_table_clear(&table);
	for (i = 0; i < 2; i++) {
		munmap(mapped[i], 8 * MIB);
		close(file[i]);
	}
}

static int
add(uint64_t iova, uint64_t size, uint64_t offset, uint32_t prot, int of)
{
	return dma_table_add(&table, iova, size, offset, prot,
		of >= 0 ? fcntl(file[of], F_DUPFD_CLOEXEC, 0) : -1);
}

/* Where accesses may be: [0x10000, 0x12000) in two files, then readable, writable. */
static const struct {
	uint64_t iova;
	size_t len;
	int read, write;
} accesses[] = {
	{ 0x10000, 0, 0, 0 },
	{ 0, 0, 0, 0 },
	{ 0x10000, 1, 0, 0 },
	{ 0x10000, 0x2000, 0, 0 },
	{ 0x10000, 0x2001, 0, -EFAULT },
	{ 0x10ffc, 8, 0, 0 },
	{ 0xffff, 1, -EFAULT, -EFAULT },
	{ 0xffff, 2, -EFAULT, -EFAULT },
	{ 0x12000, 4, 0, -EFAULT },
	{ 0x11ffc, 8, 0, -EFAULT },
	{ 0x13000, 4, -EFAULT, 0 },
	{ 0x12ffc, 8, -EFAULT, -EFAULT },
	{ 0x13fff, 1, -EFAULT, 0 },
	{ 0x13fff, 2, -EFAULT, -EFAULT }, /* goes on without fd */
	{ 0x14000, 1, -EFAULT, -EFAULT },
	{ 0x15000, 1, -EFAULT, -EFAULT },
	{ UINT64_MAX, 1, 0, 0 },
	{ UINT64_MAX, 2, -EFAULT, -EFAULT },
	{ UINT64_MAX - 7, 8, 0, 0 },
	{ UINT64_MAX - 7, 9, -EFAULT, -EFAULT },
	{ UINT64_MAX - 0xfff, 0x1000, 0, 0 },
};

static int
test_access(void)
{
	static uint8_t buf[0x3000];
	unsigned int i;
	int ret;

	TEST_ASSERT(add(0x10000, 0x1000, 0x1000, RW, 0) == 0 &&
		add(0x11000, 0x1000, 0, RW, 1) == 0 &&
		add(0x12000, 0x1000, 0, PROT_READ, 0) == 0 &&
		add(0x13000, 0x1000, 0, PROT_WRITE, 0) == 0 &&
		add(0x14000, 0x1000, 0, RW, -1) == 0 &&
		add(UINT64_MAX - 0xfff, 0x1000, 0x2000, RW, 0) == 0 &&
		add(0, 0x1000, 0x2000, RW, 0) == 0, "not added");
	for (i = 0; i < RTE_DIM(accesses); i++) {
		ret = dma_read(&table, accesses[i].iova, buf, accesses[i].len);
		TEST_ASSERT_EQUAL(ret, accesses[i].read, "row %u: read: %d", i, ret);
		ret = dma_write(&table, accesses[i].iova, buf, accesses[i].len);
		TEST_ASSERT_EQUAL(ret, accesses[i].write, "row %u: write: %d", i, ret);
	}
	printf("    %u places\n", i);
	return TEST_SUCCESS;
}

/*
 * What is read is what is there, at each alignment and length, where one region goes on
 * in another file, and within an offset that is no multiple of a page.
 */
static int
test_bytes(void)
{
	uint8_t buf[40], *expected = mapped[0] + 0x100000;
	const size_t page = sysconf(_SC_PAGESIZE);
	unsigned int at, len, i;

	TEST_ASSERT(add(0x10000, 0x1010, 0x50, RW, 0) == 0 &&
		add(0x11010, 0x1000, 0x1230, RW, 1) == 0, "not added");
	for (i = 0; i < 0x40; i++)
		expected[i] = i + 1;
	for (at = 0; at < 0x20; at++) {
		for (len = 1; len < 0x20; len++) {
			memset(mapped[0] + 0x50 + 0xff0, 0, 0x20);
			memset(mapped[1] + 0x1230, 0, 0x40);
			TEST_ASSERT_SUCCESS(dma_write(&table, 0x10ff0 + at, expected, len),
				"not written");
			for (i = 0; i < 0x40; i++) {
				uint8_t is = i < 0x20 ? mapped[0][0x50 + 0xff0 + i] :
					mapped[1][0x1230 + i - 0x20];

				TEST_ASSERT_EQUAL(is, i >= at && i < at + len ?
					i - at + 1 : 0, "at %u, %u bytes: byte %u is %u",
					at, len, i, is);
			}
			memset(buf, 0, sizeof(buf));
			TEST_ASSERT_SUCCESS(dma_read(&table, 0x10ff0 + at, buf, len),
				"not read");
			TEST_ASSERT(memcmp(buf, expected, len) == 0 && buf[len] == 0,
				"at %u, %u bytes: others", at, len);
		}
	}
	for (i = 0; i < 2; i++)
		TEST_ASSERT(table.windows[i].len <= 2 * page, "%zu bytes are mapped",
			table.windows[i].len);
	return TEST_SUCCESS;
}

static size_t
mapped_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	if (f != NULL && fscanf(f, "%lu", &pages) != 1)
		pages = 0;
	if (f != NULL)
		fclose(f);
	return pages * sysconf(_SC_PAGESIZE);
}

/* All over a region of terabytes: few addresses are used, and none after it is gone. */
static int
test_windows(void)
{
	const uint64_t size = 4ULL << 40;
	uint64_t at, value;
	size_t before;
	unsigned int i;

	if (test_is_emulated())
		return test_skip("the emulator maps memory, too");
	TEST_ASSERT_SUCCESS(ftruncate(file[1], size), "sparse file");
	TEST_ASSERT_SUCCESS(add(MIB, size, 0, RW, 1), "not added");
	TEST_ASSERT_SUCCESS(add(0, MIB, 0, RW, 0), "not added");
	before = mapped_bytes();
	for (i = 0; i < 200; i++) {
		at = (uint64_t)(i * 7919 % 200) * (size / 200) / 8 * 8;
		value = at + 1;
		TEST_ASSERT_SUCCESS(dma_write(&table, MIB + at, &value, 8), "at %llu",
			(unsigned long long)at);
	}
	for (i = 0; i < 200; i++) {
		at = (uint64_t)(i * 6007 % 200) * (size / 200) / 8 * 8;
		TEST_ASSERT(dma_read(&table, MIB + at, &value, 8) == 0 && value == at + 1,
			"at %llu", (unsigned long long)at);
	}
	/* the last byte of one window, and the first of the next; the end of the region */
	TEST_ASSERT(dma_write(&table, 5 * MIB - 4, &value, 8) == 0 &&
		memcmp(mapped[1] + 4 * MIB - 4, &value, 8) == 0, "across windows");
	TEST_ASSERT_SUCCESS(dma_read(&table, MIB + size - 8, &value, 8), "the end");
	TEST_ASSERT(mapped_bytes() <= before + DMA_TABLE_WINDOWS * 2 * MIB + MIB,
		"%zu bytes are mapped", mapped_bytes() - before);
	TEST_ASSERT_SUCCESS(dma_table_remove(&table, MIB, size), "not removed");
	TEST_ASSERT_SUCCESS(add(MIB, MIB, MIB, RW, 0), "not added");
	mapped[0][MIB] = 0xa5;
	value = 0;
	TEST_ASSERT(dma_read(&table, MIB, &value, 1) == 0 && value == 0xa5,
		"the memory of before");
	dma_table_clear(&table);
	TEST_ASSERT(mapped_bytes() <= before + MIB, "still mapped");
	return TEST_SUCCESS;
}

/* The file is cut while it is mapped, again and again. */
static int
test_shrink(void)
{
	static uint8_t buf[0x4000];
	static const size_t lens[] = { 1, 2, 4, 8, 3, 100, 0x1000, 0x4000 };
	uint64_t value;
	unsigned int i, n = 0;

	TEST_ASSERT_SUCCESS(add(0, 8 * MIB, 0, RW, 0), "not added");
	TEST_ASSERT_SUCCESS(dma_write(&table, 4 * MIB, buf, 8), "not mapped");
	for (i = 0; i < RTE_DIM(lens); i++, n += 2) {
		TEST_ASSERT_SUCCESS(ftruncate(file[0], 4 * MIB), "cut");
		TEST_ASSERT_EQUAL(dma_read(&table, 4 * MIB, buf, lens[i]), -EFAULT,
			"%zu bytes of nothing are read", lens[i]);
		TEST_ASSERT_EQUAL(dma_write(&table, 4 * MIB, buf, lens[i]), -EFAULT,
			"%zu bytes of nothing are written", lens[i]);
		/* half of it is there */
		if (lens[i] > 1) {
			TEST_ASSERT_EQUAL(dma_read(&table, 4 * MIB - 1, buf, lens[i]),
				-EFAULT, "beyond the end");
			TEST_ASSERT_EQUAL(dma_write(&table, 4 * MIB - 1, buf, lens[i]),
				-EFAULT, "beyond the end");
			n += 2;
		}
		TEST_ASSERT_SUCCESS(dma_read(&table, 4 * MIB - 8, buf, 8), "before the end");
		TEST_ASSERT_SUCCESS(ftruncate(file[0], 8 * MIB), "back again");
		value = i;
		TEST_ASSERT(dma_write(&table, 4 * MIB, &value, 8) == 0 &&
			mapped[0][4 * MIB] == i, "not there again");
	}
	printf("    %u accesses beyond the end\n", n);
	return TEST_SUCCESS;
}

/* What is no copy dies of SIGBUS as it would have without us, after copies that did not. */
static int
fate(bool sent)
{
	int status, null;
	pid_t pid;
	char c = 0;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		null = open("/dev/null", O_WRONLY | O_CLOEXEC);
		dup2(null, STDERR_FILENO); /* a sanitizer's report */
		/* mapped while it is there: an emulator maps no pages that a file has not */
		if (ftruncate(file[0], 8 * MIB) == 0 && dma_write(&table, 0, &c, 1) == 0 &&
				ftruncate(file[0], 0) == 0 &&
				dma_write(&table, 0, &c, 1) == -EFAULT) {
			if (sent)
				kill(getpid(), SIGBUS);
			else
				(void)*(volatile uint8_t *)table.windows[0].addr;
		}
		_exit(0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid ? status : 0;
}

static int
test_other_sigbus(void)
{
	int i, status;

	TEST_ASSERT_SUCCESS(add(0, MIB, 0, RW, 0), "not added");
	for (i = 0; i < 2; i++) {
		status = fate(i == 1);
		TEST_ASSERT((WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS) ||
			(WIFEXITED(status) && WEXITSTATUS(status) != 0) /* a sanitizer */,
			"%s: survived with status %#x", i == 1 ? "sent" : "fault", status);
	}
	return TEST_SUCCESS;
}

static unsigned long
free_huge_pages(void)
{
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "r");
	unsigned long n = 0;

	if (f != NULL && fscanf(f, "%lu", &n) != 1)
		n = 0;
	if (f != NULL)
		fclose(f);
	return n;
}

/* Whoever makes us look at all of a file that has nothing in it gets no memory for that. */
static int
test_holes(void)
{
	struct stat st;
	uint8_t buf[64];
	unsigned int i, len;

	TEST_ASSERT_SUCCESS(add(0, 8 * MIB, 0, RW, 1), "not added");
	for (i = 0; i < 8 * MIB; i += 4096) {
		for (len = 1; len <= sizeof(buf); len *= 2) {
			memset(buf, 0xee, sizeof(buf));
			TEST_ASSERT(dma_read(&table, i, buf, len) == 0 && buf[0] == 0 &&
				buf[len - 1] == 0, "at %#x: %u bytes", i, len);
		}
	}
	TEST_ASSERT_SUCCESS(fstat(file[1], &st), "fstat");
	TEST_ASSERT_EQUAL(st.st_blocks, 0, "%ld blocks", (long)st.st_blocks);
	return TEST_SUCCESS;
}

/* Counts, as an index does; 64 bits of it are ahead of the 16 in the file by one at most. */
static struct {
	bool ends;
	uint64_t count;
} counter;

static void *
count(void *arg)
{
	uint16_t *number = arg;

	while (!__atomic_load_n(&counter.ends, __ATOMIC_RELAXED)) {
		__atomic_add_fetch(&counter.count, 1, __ATOMIC_SEQ_CST);
		__atomic_store_n(number, (uint16_t)counter.count, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

/* A number is read as it was at some time, with no byte of another one. */
static int
test_numbers(void)
{
	unsigned int i, wrong = 0;
	uint64_t before, took;
	pthread_t thread;
	uint16_t value;

	TEST_ASSERT_SUCCESS(add(0, MIB, 0, RW, 0), "not added");
	memset(&counter, 0, sizeof(counter));
	counter.count = 1;
	TEST_ASSERT_SUCCESS(pthread_create(&thread, NULL, count, mapped[0] + 6), "thread");
	while (__atomic_load_n(&counter.count, __ATOMIC_SEQ_CST) < 1000)
		;
	for (i = 0; i < 100000; i++) {
		before = __atomic_load_n(&counter.count, __ATOMIC_SEQ_CST) - 1;
		if (dma_read(&table, 6, &value, sizeof(value)) < 0)
			wrong++;
		took = __atomic_load_n(&counter.count, __ATOMIC_SEQ_CST) - before;
		/* longer than that, it may be any */
		if (took < UINT16_MAX && (uint16_t)(value - before) > took)
			wrong++;
	}
	__atomic_store_n(&counter.ends, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	TEST_ASSERT_EQUAL(wrong, 0u, "%u of %u", wrong, i);
	return TEST_SUCCESS;
}

/* Huge pages: mapped as they need it; where the system has none left, an error. */
static int
test_huge(void)
{
	const int expected = free_huge_pages() > 0 ? 0 : -EFAULT;
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB);
	uint32_t value = 0x12345678, got = 0;
	int ret;

	if (test_is_emulated() && fd >= 0) {
		close(fd);
		return test_skip("the emulator does not map huge pages");
	}
	if (fd < 0 || ftruncate(fd, 4 * MIB) < 0) {
		if (fd >= 0)
			close(fd);
		return test_skip("the kernel has no huge pages of 2 MiB");
	}
	/* neither begins nor ends where a page does */
	TEST_ASSERT_SUCCESS(dma_table_add(&table, 0x1000, 0x3000, 2 * MIB + 0x1000, RW, fd),
		"not added");
	ret = dma_write(&table, 0x2000, &value, sizeof(value));
	TEST_ASSERT_EQUAL(ret, expected, "write: %d", ret);
	/* what is not there needs no page to be read */
	TEST_ASSERT_SUCCESS(dma_read(&table, 0x2000, &got, sizeof(got)), "read");
	TEST_ASSERT_EQUAL(got, ret < 0 ? 0 : value, "%#x", got);
	/* with or without pages, the mapping itself was possible */
	TEST_ASSERT(table.windows[0].region != NULL && table.windows[0].len == 2 * MIB &&
		table.windows[0].start == 2 * MIB, "not mapped");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: copies from and to DMA regions",
	.unit_test_cases = {
		TEST_CASE_ST(start, stop, test_access),
		TEST_CASE_ST(start, stop, test_bytes),
		TEST_CASE_ST(start, stop, test_windows),
		TEST_CASE_ST(start, stop, test_shrink),
		TEST_CASE_ST(start, stop, test_other_sigbus),
		TEST_CASE_ST(start, stop, test_holes),
		TEST_CASE_ST(start, stop, test_numbers),
		TEST_CASE_ST(start, stop, test_huge),
		TEST_CASES_END()
	},
};

static int
test_dma_copy(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(dma_copy_autotest, test_dma_copy);
