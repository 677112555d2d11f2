/* SPDX-License-Identifier: BSD-3-Clause */

/* Memory that an application made: by dma_map, as an external heap, and both. */

#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <rte_memory.h>

#include <vfio_dma.h>
#include <vfio_private.h>
#include <vfio_user_private.h>

#include "captured_log.h"
#include "test.h"
#include "user_device.h"

#define PAGE 4096

static bool
reaches(const void *addr, size_t len)
{
	return vfio_user_may_access(udev->tdev.priv, (uintptr_t)addr, (uintptr_t)addr + len);
}

static int
test_external(void)
{
	int memfd = memfd_create("external", MFD_CLOEXEC);
	const struct fake_user_map *map;
	struct stat st;
	void *memory;

	TEST_ASSERT_SUCCESS(user_device_external(memfd, 4 * PAGE, &memory), "no memory");
	TEST_ASSERT_SUCCESS(fstat(memfd, &st), "no file");
	TEST_ASSERT_SUCCESS(user_device_open(), "not opened");
	TEST_ASSERT_SUCCESS(vfio_dma_map(udev, RTE_PTR_ADD(memory, PAGE), 77, 2 * PAGE),
		"not mapped");
	map = user_device_has(RTE_PTR_ADD(memory, PAGE));
	TEST_ASSERT(map != NULL && map->offset == PAGE && map->size == 2 * PAGE &&
		map->ino == st.st_ino, "other memory");
	/* counted */
	TEST_ASSERT_SUCCESS(vfio_dma_map(udev, RTE_PTR_ADD(memory, PAGE), 0, 2 * PAGE),
		"not mapped again");
	TEST_ASSERT_SUCCESS(vfio_dma_unmap(udev, RTE_PTR_ADD(memory, PAGE), 0, 2 * PAGE),
		"not unmapped");
	TEST_ASSERT_NOT_NULL(user_device_has(RTE_PTR_ADD(memory, PAGE)), "not counted");
	TEST_ASSERT_SUCCESS(vfio_dma_unmap(udev, RTE_PTR_ADD(memory, PAGE), 0, 2 * PAGE),
		"not unmapped");
	TEST_ASSERT_NULL(user_device_has(RTE_PTR_ADD(memory, PAGE)), "not taken back");
	munmap(memory, 4 * PAGE);
	close(memfd);
	return TEST_SUCCESS;
}

/* Crosswise: the server has each part once, and for as long as one of them is mapped. */
static int
test_overlap(void)
{
	int memfd = memfd_create("external", MFD_CLOEXEC);
	const struct fake_user_map *map;
	unsigned int before;
	uint8_t *memory;
	void *start;

	TEST_ASSERT_SUCCESS(user_device_external(memfd, 4 * PAGE, &start), "no memory");
	memory = start;
	TEST_ASSERT_SUCCESS(user_device_open(), "not opened");
	before = fake_user.nr_maps;
	TEST_ASSERT_SUCCESS(vfio_dma_map(udev, memory + PAGE, 0, 2 * PAGE), "first");
	TEST_ASSERT_SUCCESS(vfio_dma_map(udev, memory, 0, 4 * PAGE), "around it");
	TEST_ASSERT_EQUAL(fake_user.nr_maps, before + 3, "%u maps", fake_user.nr_maps);
	map = user_device_has(memory + 3 * PAGE);
	TEST_ASSERT(map != NULL && map->size == PAGE && map->offset == 3 * PAGE,
		"other memory");
	TEST_ASSERT(reaches(memory, 4 * PAGE) && !reaches(memory, 5 * PAGE), "reach");
	TEST_ASSERT_SUCCESS(vfio_dma_unmap(udev, memory + PAGE, 0, 2 * PAGE), "first");
	TEST_ASSERT(reaches(memory, 4 * PAGE) && fake_user.nr_maps == before + 3,
		"taken from the other");
	TEST_ASSERT_SUCCESS(vfio_dma_map(udev, memory + 2 * PAGE, 0, 2 * PAGE), "end");
	TEST_ASSERT_SUCCESS(vfio_dma_unmap(udev, memory, 0, 4 * PAGE), "around it");
	TEST_ASSERT_NULL(user_device_has(memory), "not taken back");
	TEST_ASSERT(!reaches(memory + PAGE, PAGE) && reaches(memory + 2 * PAGE, 2 * PAGE),
		"reach");
	TEST_ASSERT_SUCCESS(vfio_dma_unmap(udev, memory + 2 * PAGE, 0, 2 * PAGE), "end");
	TEST_ASSERT_EQUAL(fake_user.nr_maps, before, "%u maps", fake_user.nr_maps);
	TEST_ASSERT_EQUAL(fake_user.broken_rules, 0, "%u requests are wrong",
		fake_user.broken_rules);
	munmap(memory, 4 * PAGE);
	close(memfd);
	return TEST_SUCCESS;
}

/* Addresses that were mapped and never unmapped have another file: it is not passed over. */
static int
test_other_file(void)
{
	int first = memfd_create("first", MFD_CLOEXEC);
	int second = memfd_create("second", MFD_CLOEXEC);
	unsigned int before;
	void *memory;

	TEST_ASSERT_SUCCESS(user_device_external(first, 2 * PAGE, &memory), "no memory");
	TEST_ASSERT_SUCCESS(user_device_open(), "not opened");
	before = fake_user.nr_maps;
	TEST_ASSERT_SUCCESS(vfio_dma_map(udev, memory, 0, PAGE), "first");
	TEST_ASSERT(ftruncate(second, 2 * PAGE) == 0 && mmap(memory, 2 * PAGE,
		PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, second, 0) == memory,
		"no file");
	captured_log_start();
	TEST_ASSERT_EQUAL(vfio_dma_map(udev, memory, 0, 2 * PAGE), -EEXIST, "mapped");
	captured_log_stop();
	TEST_ASSERT(captured_log_lines(NULL) == 1 &&
		captured_log_lines("(4096 bytes) is mapped already, from another file") == 1,
		"lines");
	/* unmapped, but the server cannot forget it: then it is in the way */
	fake_user.keep_maps = true;
	TEST_ASSERT_SUCCESS(vfio_dma_unmap(udev, memory, 0, PAGE), "not unmapped");
	TEST_ASSERT(!reaches(memory, PAGE) && fake_user.nr_maps == before + 1, "reach");
	captured_log_start();
	TEST_ASSERT_EQUAL(vfio_dma_map(udev, memory, 0, 2 * PAGE), -EEXIST, "mapped");
	captured_log_stop();
	fake_user.keep_maps = false;
	TEST_ASSERT_SUCCESS(vfio_dma_map(udev, memory, 0, 2 * PAGE), "not mapped");
	TEST_ASSERT(user_device_has(memory) != NULL && user_device_has(memory)->size == 2 * PAGE,
		"other memory");
	/* kept, and of the same file when it is wanted again */
	fake_user.keep_maps = true;
	TEST_ASSERT_SUCCESS(vfio_dma_unmap(udev, memory, 0, 2 * PAGE), "not unmapped");
	TEST_ASSERT_SUCCESS(vfio_dma_map(udev, memory, 0, PAGE), "not mapped");
	TEST_ASSERT(reaches(memory, PAGE) && !reaches(memory, 2 * PAGE), "reach");
	fake_user.keep_maps = false;
	TEST_ASSERT_SUCCESS(vfio_dma_unmap(udev, memory, 0, PAGE), "not unmapped");
	TEST_ASSERT_EQUAL(fake_user.nr_maps, before, "%u maps", fake_user.nr_maps);
	munmap(memory, 2 * PAGE);
	close(first);
	close(second);
	return TEST_SUCCESS;
}

/* Without any fd or path of ours: root reaches it by the mapping. */
static int
test_external_closed(void)
{
	int memfd = memfd_create("external", MFD_CLOEXEC), ret;
	void *memory;

	TEST_ASSERT_SUCCESS(user_device_external(memfd, PAGE, &memory), "no memory");
	close(memfd);
	TEST_ASSERT_SUCCESS(user_device_open(), "not opened");
	captured_log_start();
	ret = vfio_dma_map(udev, memory, 0, PAGE);
	captured_log_stop();
	TEST_ASSERT(ret == 0 || (ret == -ENOTSUP && captured_log_lines("memfd") == 1),
		"%d", ret);
	munmap(memory, PAGE);
	return TEST_SUCCESS;
}

/* What nobody else can map, as a whole or at its end: nothing of it is given. */
static int
test_anonymous(void)
{
	int memfd = memfd_create("external", MFD_CLOEXEC);
	unsigned int before;
	void *memory;
	char at[64];

	TEST_ASSERT_SUCCESS(user_device_external(-1, 2 * PAGE, &memory), "no memory");
	TEST_ASSERT_SUCCESS(user_device_open(), "not opened");
	before = fake_user.nr_maps;
	captured_log_start();
	TEST_ASSERT_EQUAL(vfio_dma_map(udev, memory, 0, 2 * PAGE), -ENOTSUP, "anonymous");
	captured_log_stop();
	TEST_ASSERT(captured_log_lines(NULL) == 1 && captured_log_lines("memfd") == 1,
		"lines");
	TEST_ASSERT(ftruncate(memfd, PAGE) == 0 && mmap(memory, PAGE,
		PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memfd, 0) == memory,
		"no file");
	captured_log_start();
	TEST_ASSERT_EQUAL(vfio_dma_map(udev, memory, 0, 2 * PAGE), -ENOTSUP, "half");
	captured_log_stop();
	snprintf(at, sizeof(at), "at %p (%d bytes)", RTE_PTR_ADD(memory, PAGE), PAGE);
	TEST_ASSERT(captured_log_lines(NULL) == 1 && captured_log_lines(at) == 1,
		"no '%s'", at);
	TEST_ASSERT_EQUAL(fake_user.nr_maps, before, "a part is given");
	/* a private mapping of a file is no better */
	TEST_ASSERT(mmap(memory, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED,
		memfd, 0) == memory, "no file");
	captured_log_start();
	TEST_ASSERT_EQUAL(vfio_dma_map(udev, memory, 0, PAGE), -ENOTSUP, "private");
	captured_log_stop();
	munmap(memory, 2 * PAGE);
	close(memfd);
	return TEST_SUCCESS;
}

/* Two files side by side are two maps, which come and go together. */
static int
test_two_files(void)
{
	int first = memfd_create("first", MFD_CLOEXEC);
	int second = memfd_create("second", MFD_CLOEXEC);
	unsigned int before;
	void *memory;

	TEST_ASSERT_SUCCESS(user_device_external(first, 2 * PAGE, &memory), "no memory");
	TEST_ASSERT(ftruncate(second, PAGE) == 0 && mmap(RTE_PTR_ADD(memory, PAGE), PAGE,
		PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, second, 0) != MAP_FAILED,
		"no file");
	TEST_ASSERT_SUCCESS(user_device_open(), "not opened");
	before = fake_user.nr_maps;
	TEST_ASSERT_SUCCESS(vfio_dma_map(udev, memory, 0, 2 * PAGE), "not mapped");
	TEST_ASSERT_EQUAL(fake_user.nr_maps, before + 2, "%u", fake_user.nr_maps);
	TEST_ASSERT_SUCCESS(vfio_dma_unmap(udev, memory, 0, 2 * PAGE), "not unmapped");
	TEST_ASSERT_EQUAL(fake_user.nr_maps, before, "%u", fake_user.nr_maps);
	/* the second is refused: the first goes, too */
	fake_user.max_maps = before + 1;
	captured_log_start();
	TEST_ASSERT_EQUAL(vfio_dma_map(udev, memory, 0, 2 * PAGE), -ENOSPC, "mapped");
	captured_log_stop();
	TEST_ASSERT_EQUAL(fake_user.nr_maps, before, "%u", fake_user.nr_maps);
	munmap(memory, 2 * PAGE);
	close(first);
	close(second);
	return TEST_SUCCESS;
}

static void
refuse(struct fake_user_reply *reply)
{
	reply->header.flags |= VFIO_USER_F_ERROR;
	reply->header.error = EIO;
	reply->header.size = sizeof(reply->header);
	reply->len = 0;
}

/* Half of it was unmapped when that failed: who maps it again has all of it. */
static int
test_unmap_fails(void)
{
	int first = memfd_create("first", MFD_CLOEXEC);
	int second = memfd_create("second", MFD_CLOEXEC);
	unsigned int before;
	void *memory;

	TEST_ASSERT_SUCCESS(user_device_external(first, 2 * PAGE, &memory), "no memory");
	TEST_ASSERT(ftruncate(second, PAGE) == 0 && mmap(RTE_PTR_ADD(memory, PAGE), PAGE,
		PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, second, 0) != MAP_FAILED,
		"no file");
	TEST_ASSERT_SUCCESS(user_device_open(), "not opened");
	before = fake_user.nr_maps;
	TEST_ASSERT_SUCCESS(vfio_dma_map(udev, memory, 0, 2 * PAGE), "not mapped");
	fake_user.target = VFIO_USER_DMA_UNMAP;
	fake_user.target_after = 1;
	fake_user.alter = refuse;
	TEST_ASSERT_EQUAL(vfio_dma_unmap(udev, memory, 0, 2 * PAGE), -EIO, "unmapped");
	fake_user.alter = NULL;
	TEST_ASSERT(!reaches(memory, PAGE), "the first half is not taken back");
	TEST_ASSERT_SUCCESS(vfio_dma_map(udev, memory, 0, 2 * PAGE), "not mapped again");
	TEST_ASSERT(reaches(memory, 2 * PAGE) && user_device_has(memory) != NULL,
		"a half is missing");
	TEST_ASSERT_EQUAL(fake_user.nr_maps, before + 1, "%u maps", fake_user.nr_maps);
	munmap(memory, 2 * PAGE);
	close(first);
	close(second);
	return TEST_SUCCESS;
}

/*
 * EAL tells of what is added to a heap before it calls it one: so does this. It is
 * registered besides, as an application does that maps it before or after.
 */
static int
heap_memory(void *memory, size_t len)
{
	return rte_extmem_register(memory, len, NULL, 0, PAGE);
}

static void
heap_event(enum rte_mem_event event, void *memory, size_t len)
{
	vfio_user_mem_event(event, memory, len, NULL);
}

/* Memory that EAL and a dma_map are about: in whatever order, who needs it still has it. */
static int
test_heap_and_map(void)
{
	/* the dma_map is about all of it, and about a part */
	static const struct { size_t offset, len; } parts[] = {
		{ 0, 8 * PAGE }, { 2 * PAGE, 3 * PAGE }, { 0, PAGE }, { 7 * PAGE, PAGE },
	};
	int memfd = memfd_create("external", MFD_CLOEXEC);
	const size_t len = 8 * PAGE;
	unsigned int before, i, order;
	void *memory, *part;

	TEST_ASSERT_SUCCESS(user_device_external(memfd, len, &memory), "no memory");
	TEST_ASSERT_SUCCESS(heap_memory(memory, len), "not registered");
	TEST_ASSERT_SUCCESS(user_device_open(), "not opened");
	before = fake_user.nr_maps;
	for (i = 0; i < 4 * RTE_DIM(parts); i++) {
		order = i / RTE_DIM(parts);
		part = RTE_PTR_ADD(memory, parts[i % RTE_DIM(parts)].offset);
		if (order % 2 == 0)
			heap_event(RTE_MEM_EVENT_ALLOC, memory, len);
		TEST_ASSERT_SUCCESS(vfio_dma_map(udev, part, 0,
			parts[i % RTE_DIM(parts)].len), "%u: not mapped", i);
		if (order % 2 == 1)
			heap_event(RTE_MEM_EVENT_ALLOC, memory, len);
		TEST_ASSERT(reaches(memory, len), "%u: reach", i);
		if (order / 2 == 0) {
			heap_event(RTE_MEM_EVENT_FREE, memory, len);
			TEST_ASSERT(reaches(part, parts[i % RTE_DIM(parts)].len),
				"%u: taken from the map", i);
			TEST_ASSERT(!reaches(memory, len + PAGE), "%u: reach", i);
		}
		TEST_ASSERT_SUCCESS(vfio_dma_unmap(udev, part, 0,
			parts[i % RTE_DIM(parts)].len), "%u: not unmapped", i);
		if (order / 2 == 1) {
			TEST_ASSERT(reaches(memory, len), "%u: taken from EAL", i);
			heap_event(RTE_MEM_EVENT_FREE, memory, len);
		}
		TEST_ASSERT(fake_user.nr_maps == before && !reaches(part, PAGE),
			"%u: %u maps are left", i, fake_user.nr_maps);
	}
	TEST_ASSERT_SUCCESS(vfio_dev_reset(udev), "broken");
	TEST_ASSERT_EQUAL(fake_user.broken_rules, 0, "%u requests are wrong",
		fake_user.broken_rules);
	TEST_ASSERT_SUCCESS(rte_extmem_unregister(memory, len), "kept");
	munmap(memory, len);
	close(memfd);
	return TEST_SUCCESS;
}

/* Without a file at its start, middle or end, none of it is given: one line, which says where. */
static int
test_heap_half(void)
{
	int memfd = memfd_create("external", MFD_CLOEXEC);
	const size_t len = 3 * PAGE;
	unsigned int before, i;
	void *memory;
	char at[64];

	TEST_ASSERT_SUCCESS(user_device_external(memfd, len, &memory), "no memory");
	TEST_ASSERT_SUCCESS(heap_memory(memory, len), "not registered");
	TEST_ASSERT_SUCCESS(user_device_open(), "not opened");
	before = fake_user.nr_maps;
	for (i = 0; i < 3; i++) {
		TEST_ASSERT(mmap(memory, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			memfd, 0) == memory && mmap(RTE_PTR_ADD(memory, i * PAGE), PAGE,
			PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
			-1, 0) != MAP_FAILED, "no memory");
		snprintf(at, sizeof(at), "at %p (%d bytes): have the port",
			RTE_PTR_ADD(memory, i * PAGE), PAGE);
		captured_log_start();
		heap_event(RTE_MEM_EVENT_ALLOC, memory, len);
		captured_log_stop();
		TEST_ASSERT(captured_log_lines(NULL) == 1 && captured_log_lines(at) == 1,
			"no '%s'", at);
		TEST_ASSERT_EQUAL(fake_user.nr_maps, before, "%u: a part is given", i);
		/* what has a file can be mapped by itself */
		TEST_ASSERT_SUCCESS(vfio_dma_map(udev, RTE_PTR_ADD(memory,
			(i + 1) % 3 * PAGE), 0, PAGE), "%u", i);
		captured_log_start();
		heap_event(RTE_MEM_EVENT_FREE, memory, len);
		heap_event(RTE_MEM_EVENT_ALLOC, memory, len);
		captured_log_stop();
		TEST_ASSERT_EQUAL(fake_user.nr_maps, before + 1, "%u: not left alone", i);
		TEST_ASSERT_SUCCESS(vfio_dma_unmap(udev, RTE_PTR_ADD(memory,
			(i + 1) % 3 * PAGE), 0, PAGE), "%u", i);
		TEST_ASSERT_EQUAL(fake_user.nr_maps, before, "%u: kept", i);
	}
	TEST_ASSERT_SUCCESS(vfio_dev_reset(udev), "broken");
	TEST_ASSERT_SUCCESS(rte_extmem_unregister(memory, len), "kept");
	munmap(memory, len);
	close(memfd);
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "common/vfio_user: memory of the application",
	.unit_test_cases = {
		TEST_CASE_ST(user_device_setup, user_device_teardown, test_external),
		TEST_CASE_ST(user_device_setup, user_device_teardown, test_overlap),
		TEST_CASE_ST(user_device_setup, user_device_teardown, test_other_file),
		TEST_CASE_ST(user_device_setup, user_device_teardown, test_external_closed),
		TEST_CASE_ST(user_device_setup, user_device_teardown, test_anonymous),
		TEST_CASE_ST(user_device_setup, user_device_teardown, test_two_files),
		TEST_CASE_ST(user_device_setup, user_device_teardown, test_unmap_fails),
		TEST_CASE_ST(user_device_setup, user_device_teardown, test_heap_and_map),
		TEST_CASE_ST(user_device_setup, user_device_teardown, test_heap_half),
		TEST_CASES_END()
	}
};

static int
test_vfio_user_dma(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vfio_user_dma_autotest, test_vfio_user_dma);
