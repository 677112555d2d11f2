/* SPDX-License-Identifier: BSD-3-Clause */

/* What memory a vfio-user server is given, and what becomes of it. */

#include <errno.h>
#include <poll.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <rte_eal.h>
#include <rte_eal_memconfig.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

#include <vfio_dma.h>
#include <vfio_private.h>
#include <vfio_user_private.h>

#include "captured_log.h"
#include "test.h"
#include "user_device.h"

#define PAGE 4096

static int
test_ranges(void)
{
	struct vfio_user_ranges ranges = { .items = NULL };
	bool model[64] = { false };
	unsigned int round, i, start, end, seed = 1;
	bool all, any;

	/* against an array of booleans */
	for (round = 0; round < 20000; round++) {
		seed = seed * 1103515245 + 12345;
		start = (seed >> 16) % 64;
		end = start + 1 + (seed >> 24) % (64 - start);
		if ((seed >> 8) % 2 == 0)
			TEST_ASSERT_SUCCESS(vfio_user_ranges_add(&ranges, start, end), "add");
		else
			TEST_ASSERT_SUCCESS(vfio_user_ranges_remove(&ranges, start, end),
				"remove");
		for (i = start; i < end; i++)
			model[i] = (seed >> 8) % 2 == 0;
		for (start = 0; start < 64; start += 3) {
			for (end = start + 1; end <= 64; end += 5) {
				all = true;
				any = false;
				for (i = start; i < end; i++) {
					all &= model[i];
					any |= model[i];
				}
				TEST_ASSERT(vfio_user_ranges_contain(&ranges, start, end) == all &&
					vfio_user_ranges_touch(&ranges, start, end) == any,
					"round %u: %u to %u", round, start, end);
			}
		}
	}
	free(ranges.items);
	return TEST_SUCCESS;
}

struct expected {
	uint64_t start, end, offset, ino;
	unsigned int runs;
	bool unknown;
};

/* The neighbours in EAL's memory that have one file, counted another way. */
static int
count_runs(const struct rte_memseg_list *msl, const struct rte_memseg *ms, void *arg)
{
	struct expected *last = arg;
	struct stat st;
	size_t offset;

	if (msl->external)
		return 0;
	if (fstat(rte_memseg_get_fd_thread_unsafe(ms), &st) < 0 ||
			rte_memseg_get_fd_offset_thread_unsafe(ms, &offset) < 0)
		return -1;
	if (last->runs == 0 || last->end != ms->addr_64 || last->ino != st.st_ino ||
			last->offset + (last->end - last->start) != offset) {
		last->runs++;
		last->start = ms->addr_64;
		last->offset = offset;
		last->ino = st.st_ino;
	}
	last->end = ms->addr_64 + ms->len;
	return 0;
}

static int
test_merged(void)
{
	struct expected expected = { .runs = 0 };
	const struct fake_user_map *last;

	TEST_ASSERT_SUCCESS(user_device_open(), "not opened");
	TEST_ASSERT_SUCCESS(rte_memseg_walk(count_runs, &expected), "no files");
	TEST_ASSERT_EQUAL(fake_user.nr_maps, expected.runs, "%u maps, not %u",
		fake_user.nr_maps, expected.runs);
	last = &fake_user.maps[fake_user.nr_maps - 1];
	TEST_ASSERT(last->address == expected.start && last->offset == expected.offset &&
		last->size == expected.end - expected.start && last->ino == expected.ino,
		"other memory");
	TEST_ASSERT_EQUAL(fake_user.broken_rules, 0, "%u requests are wrong",
		fake_user.broken_rules);
	return TEST_SUCCESS;
}

/* Refused by the server, or by what it said: one line with a remedy. */
static int
test_refused(void)
{
	fake_user.json = "{\"capabilities\":{\"max_dma_maps\":0}}";
	captured_log_start();
	TEST_ASSERT_EQUAL(user_device_open(), -ENOSPC, "opened");
	captured_log_stop();
	TEST_ASSERT(captured_log_lines(NULL) == 1 &&
		captured_log_lines("--single-file-segments") == 1, "lines");
	TEST_ASSERT_EQUAL(fake_user.commands[VFIO_USER_DMA_MAP], 0, "asked");
	fake_user.json = "{\"capabilities\":{\"pgsizes\":1099511627776}}";
	captured_log_start();
	TEST_ASSERT_EQUAL(user_device_open(), -EINVAL, "opened");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 1, "lines");
	return TEST_SUCCESS;
}

/*
 * EAL's events, for memory that stays (without hugepages EAL sends none): a part that goes
 * leaves the map as it is, the last part ends it, and what comes back is given again.
 */
static int
test_events(void)
{
	struct fake_user_map whole;
	uint8_t *start, *end;

	TEST_ASSERT_SUCCESS(user_device_open(), "not opened");
	if (fake_user.nr_maps != 1 || fake_user.maps[0].size < 8 * PAGE)
		return test_skip("EAL has more than one piece of memory");
	whole = fake_user.maps[0];
	start = (uint8_t *)(uintptr_t)whole.address;
	end = start + whole.size;
	vfio_user_mem_event(RTE_MEM_EVENT_FREE, start + PAGE, PAGE, NULL);
	TEST_ASSERT_EQUAL(fake_user.commands[VFIO_USER_DMA_UNMAP], 0, "unmapped");
	vfio_user_mem_event(RTE_MEM_EVENT_ALLOC, start + PAGE, PAGE, NULL);
	TEST_ASSERT_EQUAL(fake_user.commands[VFIO_USER_DMA_MAP], 1, "mapped twice");
	vfio_user_mem_event(RTE_MEM_EVENT_FREE, start, PAGE, NULL);
	vfio_user_mem_event(RTE_MEM_EVENT_FREE, start + 2 * PAGE, end - start - 2 * PAGE,
		NULL);
	TEST_ASSERT_EQUAL(fake_user.nr_maps, 1, "its last part is there");
	vfio_user_mem_event(RTE_MEM_EVENT_FREE, start + PAGE, PAGE, NULL);
	TEST_ASSERT_EQUAL(fake_user.nr_maps, 0, "not taken back");
	vfio_user_mem_event(RTE_MEM_EVENT_ALLOC, start + PAGE, 2 * PAGE, NULL);
	TEST_ASSERT(fake_user.nr_maps == 1 && fake_user.maps[0].address ==
		whole.address + PAGE && fake_user.maps[0].size == 2 * PAGE &&
		fake_user.maps[0].offset == whole.offset + PAGE, "not given again");
	TEST_ASSERT_EQUAL(fake_user.broken_rules, 0, "%u requests are wrong",
		fake_user.broken_rules);
	return TEST_SUCCESS;
}

/* The server refuses what EAL adds: the device is broken, and says so. */
static int
test_event_refused(void)
{
	struct pollfd gone = { .events = POLLIN };
	uint8_t *start;

	TEST_ASSERT_SUCCESS(user_device_open(), "not opened");
	if (fake_user.nr_maps != 1)
		return test_skip("EAL has more than one piece of memory");
	gone.fd = vfio_dev_gone_fd(udev);
	start = (uint8_t *)(uintptr_t)fake_user.maps[0].address;
	vfio_user_mem_event(RTE_MEM_EVENT_FREE, start, fake_user.maps[0].size, NULL);
	vfio_user_mem_event(RTE_MEM_EVENT_ALLOC, start, PAGE, NULL);
	fake_user.max_maps = 1;
	captured_log_start();
	vfio_user_mem_event(RTE_MEM_EVENT_ALLOC, start + PAGE, PAGE, NULL);
	vfio_user_mem_event(RTE_MEM_EVENT_ALLOC, start + 2 * PAGE, PAGE, NULL);
	captured_log_stop();
	TEST_ASSERT(captured_log_lines(NULL) == 1 && captured_log_lines("EAL added") == 1,
		"lines");
	TEST_ASSERT_EQUAL(poll(&gone, 1, 0), 1, "nobody hears of it");
	TEST_ASSERT_EQUAL(vfio_dev_reset(udev), -ENODEV, "still used");
	return TEST_SUCCESS;
}

/* Three maps side by side, of one page each. NULL: EAL has more than one piece of memory. */
static uint8_t *
three_maps(void)
{
	uint8_t *start = (uint8_t *)(uintptr_t)fake_user.maps[0].address;
	int i;

	if (fake_user.nr_maps != 1 || fake_user.maps[0].size < 4 * PAGE)
		return NULL;
	vfio_user_mem_event(RTE_MEM_EVENT_FREE, start, fake_user.maps[0].size, NULL);
	for (i = 0; i < 3; i++)
		vfio_user_mem_event(RTE_MEM_EVENT_ALLOC, start + i * PAGE, PAGE, NULL);
	return fake_user.nr_maps == 3 ? start : NULL;
}

/* The server cannot forget what leaves a hole: it keeps that, and is asked again. */
static int
test_event_kept(void)
{
	unsigned int mapped, unmapped;
	uint8_t *start;

	TEST_ASSERT_SUCCESS(user_device_open(), "not opened");
	start = three_maps();
	if (start == NULL)
		return test_skip("EAL has more than one piece of memory");
	mapped = fake_user.commands[VFIO_USER_DMA_MAP];
	unmapped = fake_user.commands[VFIO_USER_DMA_UNMAP];
	fake_user.keep_maps = true;
	captured_log_start();
	vfio_user_mem_event(RTE_MEM_EVENT_FREE, start + PAGE, PAGE, NULL);
	/* EAL has it again: it is there still */
	vfio_user_mem_event(RTE_MEM_EVENT_ALLOC, start + PAGE, PAGE, NULL);
	TEST_ASSERT(fake_user.commands[VFIO_USER_DMA_UNMAP] == unmapped + 1 &&
		fake_user.commands[VFIO_USER_DMA_MAP] == mapped, "asked otherwise");
	vfio_user_mem_event(RTE_MEM_EVENT_FREE, start + PAGE, PAGE, NULL);
	fake_user.keep_maps = false;
	vfio_user_mem_event(RTE_MEM_EVENT_FREE, start + 2 * PAGE, PAGE, NULL);
	captured_log_stop();
	TEST_ASSERT(fake_user.nr_maps == 1 && fake_user.maps[0].address ==
		(uintptr_t)start, "%u maps", fake_user.nr_maps);
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 0, "lines");
	TEST_ASSERT_SUCCESS(vfio_dev_reset(udev), "broken");
	return TEST_SUCCESS;
}

/* EAL's file is another one by now: what is kept of the old one has to go first. */
static int
test_event_other_file(void)
{
	struct vfio_user_dev *dev;
	uint8_t *start;

	TEST_ASSERT_SUCCESS(user_device_open(), "not opened");
	start = three_maps();
	if (start == NULL)
		return test_skip("EAL has more than one piece of memory");
	dev = udev->tdev.priv;
	fake_user.keep_maps = true;
	vfio_user_mem_event(RTE_MEM_EVENT_FREE, start + PAGE, PAGE, NULL);
	dev->maps[1].file_ino++;
	fake_user.keep_maps = false;
	vfio_user_mem_event(RTE_MEM_EVENT_ALLOC, start + PAGE, PAGE, NULL);
	TEST_ASSERT(fake_user.nr_maps == 3 && fake_user.commands[VFIO_USER_DMA_UNMAP] == 3,
		"%u maps, asked %u times", fake_user.nr_maps,
		fake_user.commands[VFIO_USER_DMA_UNMAP]);
	TEST_ASSERT_SUCCESS(vfio_dev_reset(udev), "broken");
	return TEST_SUCCESS;
}

static void
answer_slowly(struct fake_user_reply *reply __rte_unused)
{
	usleep(100 * 1000);
}

/* The limit of time is for an event, for which others wait, not for each request of it. */
static int
test_event_slow(void)
{
	uint8_t *start;

	TEST_ASSERT_SUCCESS(user_device_open(), "not opened");
	start = three_maps();
	if (start == NULL)
		return test_skip("EAL has more than one piece of memory");
	vfio_user_timeout_ms = 250;
	fake_user.target = VFIO_USER_DMA_UNMAP;
	fake_user.alter = answer_slowly;
	captured_log_start();
	vfio_user_mem_event(RTE_MEM_EVENT_FREE, start, 3 * PAGE, NULL);
	captured_log_stop();
	TEST_ASSERT(captured_log_lines(NULL) == 1 &&
		captured_log_lines("does not answer in time") == 1, "lines");
	TEST_ASSERT_EQUAL(vfio_dev_reset(udev), -ETIMEDOUT, "still used");
	return TEST_SUCCESS;
}

/* What would need more maps than the server takes is not allocated. */
static int
test_validate(void)
{
	int socket_id = rte_socket_id_by_idx(0);

	TEST_ASSERT_SUCCESS(vfio_user_mem_validate(socket_id, 0, SIZE_MAX), "no device");
	fake_user.json = "{\"capabilities\":{\"max_dma_maps\":64}}";
	TEST_ASSERT_SUCCESS(user_device_open(), "not opened");
	TEST_ASSERT_SUCCESS(vfio_user_mem_validate(socket_id, 0, 1), "refused");
	vfio_dev_close(udev);
	udev = NULL;
	if (fake_user.commands[VFIO_USER_DMA_MAP] != 1)
		return test_skip("EAL has more than one piece of memory");
	fake_user.json = "{\"capabilities\":{\"max_dma_maps\":1}}";
	TEST_ASSERT_SUCCESS(user_device_open(), "not opened");
	captured_log_start();
	TEST_ASSERT_EQUAL(vfio_user_mem_validate(socket_id, 0, (size_t)64 << 30), -1,
		"allowed");
	TEST_ASSERT_EQUAL(vfio_user_mem_validate(socket_id, 0, (size_t)32 << 30), -1,
		"allowed the second time");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines("takes no more than 1"), 1, "lines");
	TEST_ASSERT_EQUAL(captured_log_lines(rte_mcfg_get_single_file_segments() ?
		"with all of its memory (-m)" : "with --single-file-segments"), 1, "remedy");
	return TEST_SUCCESS;
}

/* A limit of regions: neighbours in one file are one, whatever they were mapped by. */
static int
test_regions(void)
{
	int memfd = memfd_create("external", MFD_CLOEXEC);
	int other = memfd_create("other", MFD_CLOEXEC);
	int socket_id = rte_socket_id_by_idx(0);
	uint8_t *memory;
	void *start;

	TEST_ASSERT_SUCCESS(user_device_external(memfd, 8 * PAGE, &start), "no memory");
	memory = start;
	TEST_ASSERT(ftruncate(other, PAGE) == 0 && mmap(memory + 7 * PAGE, PAGE,
		PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, other, 0) != MAP_FAILED,
		"no file");
	fake_user.json = "{\"capabilities\":{\"max_dma_regions\":2}}";
	TEST_ASSERT_SUCCESS(user_device_open(), "not opened");
	if (fake_user.nr_maps != 1)
		return test_skip("EAL has more than one piece of memory");
	TEST_ASSERT_SUCCESS(vfio_user_mem_validate(socket_id, 0, 1), "refused");
	TEST_ASSERT_SUCCESS(vfio_dma_map(udev, memory + PAGE, 0, PAGE), "first");
	TEST_ASSERT_SUCCESS(vfio_dma_map(udev, memory, 0, PAGE), "before it");
	TEST_ASSERT_SUCCESS(vfio_dma_map(udev, memory + 2 * PAGE, 0, PAGE), "behind it");
	TEST_ASSERT_EQUAL(fake_user.nr_maps, 4, "%u maps", fake_user.nr_maps);
	captured_log_start();
	TEST_ASSERT_EQUAL(vfio_dma_map(udev, memory + 4 * PAGE, 0, PAGE), -ENOSPC, "a hole");
	TEST_ASSERT_EQUAL(vfio_dma_map(udev, memory + 7 * PAGE, 0, PAGE), -ENOSPC,
		"another file");
	TEST_ASSERT_EQUAL(vfio_user_mem_validate(socket_id, 0, (size_t)64 << 30), -1,
		"EAL gets more");
	captured_log_stop();
	TEST_ASSERT(captured_log_lines(NULL) == 3 &&
		captured_log_lines("takes no more than 2 ranges") == 3 &&
		captured_log_lines("--single-file-segments") == 3, "lines");
	TEST_ASSERT_EQUAL(fake_user.nr_maps, 4, "%u maps", fake_user.nr_maps);
	vfio_dev_close(udev);
	udev = NULL;
	/* none at all: it cannot be used */
	fake_user.json = "{\"capabilities\":{\"max_dma_regions\":0}}";
	captured_log_start();
	TEST_ASSERT_EQUAL(user_device_open(), -ENOSPC, "opened");
	captured_log_stop();
	munmap(memory, 8 * PAGE);
	close(memfd);
	close(other);
	return TEST_SUCCESS;
}

#define HEAP "test_vfio_user"
#define HEAP_PAGES 512

/* An external heap of small pages is one map: there when the device comes, or added later. */
static int
test_heap(void)
{
	int memfd = memfd_create("external", MFD_CLOEXEC);
	const size_t len = HEAP_PAGES * PAGE;
	const struct fake_user_map *map;
	void *memory;

	TEST_ASSERT_SUCCESS(user_device_external(memfd, len, &memory), "no memory");
	TEST_ASSERT_SUCCESS(rte_malloc_heap_create(HEAP), "no heap");
	TEST_ASSERT_SUCCESS(rte_malloc_heap_memory_add(HEAP, memory, len, NULL, HEAP_PAGES,
		PAGE), "not added");
	TEST_ASSERT_SUCCESS(user_device_open(), "not opened");
	map = user_device_has(memory);
	TEST_ASSERT(map != NULL && map->size == len && map->offset == 0, "when opened");

	/* an application that maps it, too: as with PCI devices that is well, and nothing */
	TEST_ASSERT_SUCCESS(vfio_dma_map(udev, memory, 0, len), "not mapped");
	TEST_ASSERT_SUCCESS(vfio_dma_map(udev, RTE_PTR_ADD(memory, PAGE), 0, PAGE), "a part");
	TEST_ASSERT_SUCCESS(vfio_dma_unmap(udev, RTE_PTR_ADD(memory, PAGE), 0, PAGE), "a part");
	TEST_ASSERT_EQUAL(fake_user.commands[VFIO_USER_DMA_UNMAP], 0, "taken from EAL");

	/* it goes, and with it what EAL would not let the application unmap; and comes */
	vfio_user_mem_event(RTE_MEM_EVENT_FREE, memory, len, NULL);
	TEST_ASSERT_NULL(user_device_has(memory), "not taken back");
	vfio_user_mem_event(RTE_MEM_EVENT_ALLOC, memory, len, NULL);
	map = user_device_has(memory);
	TEST_ASSERT(map != NULL && map->size == len, "when added");

	/* a server that cannot forget it, and can when it comes again */
	fake_user.keep_maps = true;
	vfio_user_mem_event(RTE_MEM_EVENT_FREE, memory, len, NULL);
	TEST_ASSERT_NOT_NULL(user_device_has(memory), "taken back");
	fake_user.keep_maps = false;
	vfio_user_mem_event(RTE_MEM_EVENT_ALLOC, memory, len, NULL);
	map = user_device_has(memory);
	TEST_ASSERT(map != NULL && map->size == len, "when added again");
	TEST_ASSERT_SUCCESS(vfio_dev_reset(udev), "broken");
	vfio_user_mem_event(RTE_MEM_EVENT_FREE, memory, len, NULL);
	TEST_ASSERT_SUCCESS(vfio_dma_unmap(udev, memory, 0, len), "EAL was faster");
	TEST_ASSERT_SUCCESS(rte_malloc_heap_memory_remove(HEAP, memory, len), "kept");
	/* with hugepages EAL tells of both by itself */
	TEST_ASSERT_SUCCESS(rte_malloc_heap_memory_add(HEAP, memory, len, NULL, HEAP_PAGES,
		PAGE), "not added again");
	TEST_ASSERT(!rte_eal_has_hugepages() || user_device_has(memory) != NULL, "no event");
	TEST_ASSERT_SUCCESS(rte_malloc_heap_memory_remove(HEAP, memory, len), "kept");
	TEST_ASSERT_NULL(user_device_has(memory), "not taken back");
	TEST_ASSERT_SUCCESS(rte_malloc_heap_destroy(HEAP), "kept");
	munmap(memory, len);
	close(memfd);
	return TEST_SUCCESS;
}

/*
 * What an application mapped with a heap's memory and beyond it, and did not unmap: all of it
 * ends with the heap, as EAL lets nobody unmap it then.
 */
static int
test_heap_beyond(void)
{
	int memfd = memfd_create("external", MFD_CLOEXEC);
	const size_t len = HEAP_PAGES * PAGE;
	unsigned int before;
	void *memory, *behind;

	TEST_ASSERT_SUCCESS(user_device_external(memfd, 2 * len, &memory), "no memory");
	behind = RTE_PTR_ADD(memory, len);
	TEST_ASSERT_SUCCESS(user_device_open(), "not opened");
	before = fake_user.nr_maps;
	TEST_ASSERT_SUCCESS(rte_malloc_heap_create(HEAP), "no heap");
	TEST_ASSERT_SUCCESS(rte_malloc_heap_memory_add(HEAP, memory, len, NULL, HEAP_PAGES,
		PAGE), "not added");
	/* without hugepages EAL tells of neither */
	if (!rte_eal_has_hugepages())
		vfio_user_mem_event(RTE_MEM_EVENT_ALLOC, memory, len, NULL);
	TEST_ASSERT_SUCCESS(vfio_dma_map(udev, memory, 0, 2 * len), "not mapped");
	TEST_ASSERT_NOT_NULL(user_device_has(behind), "not mapped behind the heap");
	if (!rte_eal_has_hugepages())
		vfio_user_mem_event(RTE_MEM_EVENT_FREE, memory, len, NULL);
	TEST_ASSERT_SUCCESS(rte_malloc_heap_memory_remove(HEAP, memory, len), "kept");
	TEST_ASSERT_SUCCESS(rte_malloc_heap_destroy(HEAP), "kept");
	TEST_ASSERT_EQUAL(fake_user.nr_maps, before, "%u maps, not %u", fake_user.nr_maps,
		before);
	munmap(memory, 2 * len);
	close(memfd);
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "common/vfio_user: memory",
	.unit_test_cases = {
		TEST_CASE(test_ranges),
		TEST_CASE_ST(user_device_setup, user_device_teardown, test_merged),
		TEST_CASE_ST(user_device_setup, user_device_teardown, test_refused),
		TEST_CASE_ST(user_device_setup, user_device_teardown, test_events),
		TEST_CASE_ST(user_device_setup, user_device_teardown, test_event_refused),
		TEST_CASE_ST(user_device_setup, user_device_teardown, test_event_kept),
		TEST_CASE_ST(user_device_setup, user_device_teardown, test_event_other_file),
		TEST_CASE_ST(user_device_setup, user_device_teardown, test_event_slow),
		TEST_CASE_ST(user_device_setup, user_device_teardown, test_validate),
		TEST_CASE_ST(user_device_setup, user_device_teardown, test_regions),
		TEST_CASE_ST(user_device_setup, user_device_teardown, test_heap),
		TEST_CASE_ST(user_device_setup, user_device_teardown, test_heap_beyond),
		TEST_CASES_END()
	}
};

static int
test_vfio_user_mem(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vfio_user_mem_autotest, test_vfio_user_mem);
