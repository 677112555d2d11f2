/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include <vfio_region.h>

#include "fake_vfio.h"
#include "test.h"

#define ALL_FLAGS (VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE | \
	VFIO_REGION_INFO_FLAG_MMAP)
#define BAR0 VFIO_PCI_BAR0_REGION_INDEX

static uint64_t page;
static struct vfio_dev *dev;

static int
setup(void)
{
	page = sysconf(_SC_PAGESIZE);
	fake_vfio_start();
	return vfio_dev_open(FAKE_VFIO_BASE, FAKE_VFIO_ADDR, &dev);
}

static void
teardown(void)
{
	vfio_dev_close(dev);
	dev = NULL;
	fake_vfio_stop();
}

/* Number of mappings that this process has in a range. */
static int
count_mappings(const void *addr, size_t size)
{
	const uintptr_t start = (uintptr_t)addr, end = start + size;
	uintptr_t low, high;
	char line[512];
	FILE *maps;
	int count = 0;

	maps = fopen("/proc/self/maps", "re");
	if (maps == NULL)
		return -1;
	while (fgets(line, sizeof(line), maps) != NULL) {
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &low, &high) == 2 &&
				low < end && high > start)
			count++;
	}
	fclose(maps);
	return count;
}

static int
test_absent(void)
{
	struct vfio_region *region;

	TEST_ASSERT_EQUAL(vfio_region_get(dev, FAKE_VFIO_REGIONS, &region),
		-EINVAL, "an index too far was answered");
	TEST_ASSERT_SUCCESS(vfio_region_get(dev, BAR0, &region),
		"an absent region is no error");
	TEST_ASSERT_EQUAL(region->size, 0, "it has a size");
	TEST_ASSERT_SUCCESS(vfio_region_map(region), "mapping nothing failed");
	TEST_ASSERT_NULL(region->addr, "something was mapped");
	TEST_ASSERT_NULL(vfio_region_ptr(region, 0, 1), "a pointer to nothing");
	TEST_ASSERT_EQUAL(vfio_region_read(region, 0, &page, 1), -EINVAL,
		"nothing was read");
	return TEST_SUCCESS;
}

static int
test_whole(void)
{
	struct vfio_region *region, *again;
	uint8_t *ptr;

	TEST_ASSERT_SUCCESS(fake_vfio_back(BAR0, 4 * page, ALL_FLAGS), "memory");
	TEST_ASSERT_SUCCESS(vfio_region_get(dev, BAR0, &region), "no region");
	TEST_ASSERT_SUCCESS(vfio_region_get(dev, BAR0, &again), "not again");
	TEST_ASSERT(region == again, "asked twice");
	TEST_ASSERT_EQUAL(region->nr_areas, 1, "%u areas", region->nr_areas);
	TEST_ASSERT(!region->sparse, "called sparse");
	TEST_ASSERT_NULL(vfio_region_ptr(region, 0, 1), "mapped too early");
	TEST_ASSERT_SUCCESS(vfio_region_map(region), "not mapped");
	ptr = vfio_region_ptr(region, page, 3 * page);
	TEST_ASSERT_NOT_NULL(ptr, "no pointer");
	TEST_ASSERT_NULL(vfio_region_ptr(region, page, 3 * page + 1),
		"a pointer past the end");
	ptr[5] = 0x5a;
	TEST_ASSERT_EQUAL(fake_vfio.regions[BAR0].mem[page + 5], 0x5a,
		"the write went elsewhere");
	vfio_region_unmap(region);
	TEST_ASSERT_EQUAL(count_mappings(ptr - page, 4 * page), 0,
		"mappings were left");
	TEST_ASSERT_NULL(vfio_region_ptr(region, 0, 1), "still a pointer");
	return TEST_SUCCESS;
}

/* A region that ends within a page is mapped to its end, and not further. */
static int
test_last_page(void)
{
	struct vfio_region *region;
	uint8_t *ptr;

	TEST_ASSERT_SUCCESS(fake_vfio_back(BAR0, page + 128, ALL_FLAGS), "memory");
	TEST_ASSERT_SUCCESS(vfio_region_get(dev, BAR0, &region), "no region");
	TEST_ASSERT_SUCCESS(vfio_region_map(region), "not mapped");
	ptr = vfio_region_ptr(region, page + 64, 64);
	TEST_ASSERT_NOT_NULL(ptr, "the last page is not mapped");
	TEST_ASSERT_NULL(vfio_region_ptr(region, page + 64, 65),
		"a pointer past the end");
	*ptr = 0x5a;
	TEST_ASSERT_EQUAL(fake_vfio.regions[BAR0].mem[page + 64], 0x5a,
		"the write went elsewhere");
	return TEST_SUCCESS;
}

/* Where it was before, while the addresses are free; elsewhere only if that will do. */
static int
test_map_at(void)
{
	struct vfio_region *region;
	void *want, *taken;

	TEST_ASSERT_SUCCESS(fake_vfio_back(BAR0, 4 * page, ALL_FLAGS), "memory");
	TEST_ASSERT_SUCCESS(vfio_region_get(dev, BAR0, &region), "no region");
	TEST_ASSERT_SUCCESS(vfio_region_map_at(region, NULL, false), "not mapped");
	want = region->addr;
	vfio_region_unmap(region);
	TEST_ASSERT_SUCCESS(vfio_region_map_at(region, want, true), "not again");
	TEST_ASSERT(region->addr == want, "at %p, not %p", (void *)region->addr, want);
	TEST_ASSERT_NOT_NULL(vfio_region_ptr(region, 0, 4 * page), "no pointer");
	vfio_region_unmap(region);

	taken = mmap((uint8_t *)want + page, page, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	TEST_ASSERT(taken != MAP_FAILED, "no memory");
	TEST_ASSERT_EQUAL(vfio_region_map_at(region, want, true), -EADDRINUSE,
		"mapped over something else");
	TEST_ASSERT_NULL(region->addr, "left mapped");
	TEST_ASSERT_EQUAL(count_mappings(want, 4 * page), 1, "mappings were left");
	TEST_ASSERT_SUCCESS(vfio_region_map_at(region, want, false), "not mapped");
	TEST_ASSERT(region->addr != want, "over something else");
	munmap(taken, page);
	return TEST_SUCCESS;
}

/* Each area is at its offset; what lies between is reached by the transport. */
static int
test_sparse(void)
{
	const uint64_t areas[] = { 5 * page, page, page, 2 * page };
	struct vfio_region *region;
	uint8_t buf[32];
	unsigned int i;

	TEST_ASSERT_SUCCESS(fake_vfio_back(BAR0, 8 * page, ALL_FLAGS), "memory");
	fake_vfio_add_sparse(BAR0, 2, areas);
	TEST_ASSERT_SUCCESS(vfio_region_get(dev, BAR0, &region), "no region");
	TEST_ASSERT(region->sparse, "not sparse");
	TEST_ASSERT_EQUAL(region->nr_areas, 2, "%u areas", region->nr_areas);
	TEST_ASSERT_EQUAL(region->areas[0].offset, page, "not in order");
	TEST_ASSERT_SUCCESS(vfio_region_map(region), "not mapped");
	TEST_ASSERT_NULL(vfio_region_ptr(region, 0, 1), "before the area");
	TEST_ASSERT_NOT_NULL(vfio_region_ptr(region, page, 2 * page), "area");
	TEST_ASSERT_NULL(vfio_region_ptr(region, 3 * page - 1, 2), "across");
	TEST_ASSERT_NULL(vfio_region_ptr(region, UINT64_MAX, 2), "overflow");
	TEST_ASSERT_NULL(vfio_region_ptr(region, page, SIZE_MAX), "overflow");

	for (i = 0; i < sizeof(buf); i++)
		buf[i] = i + 1;
	TEST_ASSERT_SUCCESS(vfio_region_write(region, 3 * page - 15, buf,
		sizeof(buf)), "write across the edge");
	TEST_ASSERT_SUCCESS(memcmp(fake_vfio.regions[BAR0].mem + 3 * page - 15,
		buf, sizeof(buf)), "other bytes arrived");
	TEST_ASSERT_EQUAL(fake_vfio.regions[BAR0].writes, 1,
		"%u trapped writes", fake_vfio.regions[BAR0].writes);
	memset(buf, 0, sizeof(buf));
	TEST_ASSERT_SUCCESS(vfio_region_read(region, page - 3, buf, 8), "read");
	TEST_ASSERT_SUCCESS(memcmp(fake_vfio.regions[BAR0].mem + page - 3, buf,
		8), "other bytes were read");
	TEST_ASSERT_EQUAL(fake_vfio.regions[BAR0].reads, 1, "%u trapped reads",
		fake_vfio.regions[BAR0].reads);
	return TEST_SUCCESS;
}

/* A device that refuses a large argsz is asked with the plain one first. */
static int
test_strict_argsz(void)
{
	const uint64_t areas[] = { page, page };
	struct vfio_region *region;

	fake_vfio.strict_argsz = true;
	TEST_ASSERT_SUCCESS(fake_vfio_back(BAR0, 4 * page, ALL_FLAGS), "memory");
	fake_vfio_add_sparse(BAR0, 1, areas);
	TEST_ASSERT_SUCCESS(vfio_region_get(dev, BAR0, &region), "refused");
	TEST_ASSERT_EQUAL(region->nr_areas, 1, "%u areas", region->nr_areas);
	return TEST_SUCCESS;
}

static int
test_neighbours_and_fractions(void)
{
	const uint64_t areas[] = {
		0, page,                 /* with the next: one area */
		page, page,
		3 * page + 16, 2 * page, /* only whole pages: one remains */
		7 * page, 16,            /* none remains */
		6 * page, 0,
	};
	struct vfio_region *region;

	TEST_ASSERT_SUCCESS(fake_vfio_back(BAR0, 8 * page, ALL_FLAGS), "memory");
	fake_vfio_add_sparse(BAR0, RTE_DIM(areas) / 2, areas);
	TEST_ASSERT_SUCCESS(vfio_region_get(dev, BAR0, &region), "refused");
	TEST_ASSERT_EQUAL(region->nr_areas, 2, "%u areas", region->nr_areas);
	TEST_ASSERT_EQUAL(region->areas[0].size, 2 * page, "not joined");
	TEST_ASSERT_EQUAL(region->areas[1].offset, 4 * page, "not cut");
	TEST_ASSERT_EQUAL(region->areas[1].size, page, "not cut");
	return TEST_SUCCESS;
}

static int
test_other_caps(void)
{
	const uint32_t type[] = { 0x80008086, 7 };
	struct vfio_region *region;

	TEST_ASSERT_SUCCESS(fake_vfio_back(BAR0, page, ALL_FLAGS), "memory");
	fake_vfio_add_cap(BAR0, 0x7777, "unknown", 8);
	fake_vfio_add_cap(BAR0, VFIO_REGION_INFO_CAP_TYPE, type, sizeof(type));
	fake_vfio_add_cap(BAR0, VFIO_REGION_INFO_CAP_MSIX_MAPPABLE, NULL, 0);
	TEST_ASSERT_SUCCESS(vfio_region_get(dev, BAR0, &region), "refused");
	TEST_ASSERT_EQUAL(region->type, type[0], "wrong type");
	TEST_ASSERT_EQUAL(region->subtype, type[1], "wrong subtype");
	TEST_ASSERT(region->msix_mappable, "msix-mappable was overlooked");
	TEST_ASSERT_EQUAL(region->nr_areas, 1, "not mappable as a whole");
	return TEST_SUCCESS;
}

/* A region that may not be mapped has no areas, whatever its chain says. */
static int
test_flag_rules(void)
{
	const uint64_t areas[] = { 0, page };
	struct vfio_region *region;

	TEST_ASSERT_SUCCESS(fake_vfio_back(BAR0, 2 * page,
		VFIO_REGION_INFO_FLAG_READ), "memory");
	fake_vfio_add_sparse(BAR0, 1, areas);
	TEST_ASSERT_SUCCESS(vfio_region_get(dev, BAR0, &region), "refused");
	TEST_ASSERT_EQUAL(region->nr_areas, 0, "%u areas", region->nr_areas);
	TEST_ASSERT_EQUAL(vfio_region_write(region, 0, &page, 4), -EACCES,
		"a read-only region was written");
	TEST_ASSERT_SUCCESS(vfio_region_read(region, 0, &page, 4), "not read");
	return TEST_SUCCESS;
}

static int
expect_refused(const char *what)
{
	struct vfio_region *region;
	int ret;

	ret = vfio_region_get(dev, BAR0, &region);
	TEST_ASSERT_EQUAL(ret, -EPROTO, "%s: returned %d", what, ret);
	return TEST_SUCCESS;
}

static int
start_over(void)
{
	teardown();
	return setup() == 0 ? fake_vfio_back(BAR0, 4 * page, ALL_FLAGS) : -1;
}

static int
test_hostile_areas(void)
{
	const uint64_t outside[] = { 3 * page, 2 * page };
	const uint64_t overlap[] = { 0, 2 * page, page, page };
	const uint64_t beyond[] = { UINT64_MAX - page + 1, 2 * page };
	struct fake_vfio_region *fake = &fake_vfio.regions[BAR0];
	uint32_t many = UINT32_MAX, offset;

	TEST_ASSERT_SUCCESS(start_over(), "set-up");
	fake_vfio_add_sparse(BAR0, 1, outside);
	TEST_ASSERT_SUCCESS(expect_refused("area outside"), "accepted");
	TEST_ASSERT_SUCCESS(start_over(), "set-up");
	fake_vfio_add_sparse(BAR0, 2, overlap);
	TEST_ASSERT_SUCCESS(expect_refused("areas overlap"), "accepted");
	TEST_ASSERT_SUCCESS(start_over(), "set-up");
	fake_vfio_add_sparse(BAR0, 1, beyond);
	TEST_ASSERT_SUCCESS(expect_refused("area wraps"), "accepted");
	TEST_ASSERT_SUCCESS(start_over(), "set-up");
	offset = fake_vfio_add_sparse(BAR0, 1, overlap);
	memcpy(fake->caps + offset - sizeof(struct vfio_region_info) +
		sizeof(struct vfio_info_cap_header), &many, sizeof(many));
	TEST_ASSERT_SUCCESS(expect_refused("more areas than there is room for"),
		"accepted");
	TEST_ASSERT_SUCCESS(start_over(), "set-up");
	fake_vfio_add_sparse(BAR0, 1, overlap);
	fake_vfio_add_sparse(BAR0, 1, overlap);
	TEST_ASSERT_SUCCESS(expect_refused("two lists of areas"), "accepted");
	return TEST_SUCCESS;
}

/* Where the first capability's header lies in the answer. */
static struct vfio_info_cap_header *
first_cap(void)
{
	struct fake_vfio_region *fake = &fake_vfio.regions[BAR0];

	return RTE_PTR_ADD(fake->caps,
		fake->cap_offset - sizeof(struct vfio_region_info));
}

static int
test_hostile_chains(void)
{
	struct fake_vfio_region *fake = &fake_vfio.regions[BAR0];

	TEST_ASSERT_SUCCESS(start_over(), "set-up");
	fake_vfio_add_cap(BAR0, 0x7777, NULL, 0);
	first_cap()->next = fake->cap_offset;
	TEST_ASSERT_SUCCESS(expect_refused("loop of one"), "accepted");

	TEST_ASSERT_SUCCESS(start_over(), "set-up");
	fake_vfio_add_cap(BAR0, 0x7777, "12345678", 8);
	first_cap()->next = fake_vfio_add_cap(BAR0, 0x7778, "12345678", 8);
	((struct vfio_info_cap_header *)RTE_PTR_ADD(fake->caps,
		first_cap()->next - sizeof(struct vfio_region_info)))->next =
		fake->cap_offset;
	TEST_ASSERT_SUCCESS(expect_refused("loop of two"), "accepted");

	TEST_ASSERT_SUCCESS(start_over(), "set-up");
	fake_vfio_add_cap(BAR0, 0x7777, NULL, 0);
	first_cap()->next = fake->argsz;
	TEST_ASSERT_SUCCESS(expect_refused("next past the end"), "accepted");

	TEST_ASSERT_SUCCESS(start_over(), "set-up");
	fake_vfio_add_cap(BAR0, 0x7777, NULL, 0);
	first_cap()->next = fake->cap_offset + 4;
	TEST_ASSERT_SUCCESS(expect_refused("next not aligned"), "accepted");

	TEST_ASSERT_SUCCESS(start_over(), "set-up");
	fake_vfio_add_cap(BAR0, 0x7777, NULL, 0);
	fake->cap_offset = 8;
	TEST_ASSERT_SUCCESS(expect_refused("chain within the information"),
		"accepted");

	TEST_ASSERT_SUCCESS(start_over(), "set-up");
	fake_vfio_add_cap(BAR0, VFIO_REGION_INFO_CAP_TYPE, NULL, 0);
	TEST_ASSERT_SUCCESS(expect_refused("capability too short"), "accepted");

	TEST_ASSERT_SUCCESS(start_over(), "set-up");
	fake->argsz = UINT32_MAX;
	TEST_ASSERT_SUCCESS(expect_refused("answer of 4 GiB"), "accepted");
	return TEST_SUCCESS;
}

static int
test_hostile_sizes(void)
{
	struct fake_vfio_region *fake = &fake_vfio.regions[BAR0];
	struct vfio_region *region;

	TEST_ASSERT_SUCCESS(start_over(), "set-up");
	fake->size = UINT64_MAX;
	TEST_ASSERT_SUCCESS(expect_refused("size"), "accepted");
	TEST_ASSERT_SUCCESS(start_over(), "set-up");
	fake->offset = INT64_MAX - page;
	TEST_ASSERT_SUCCESS(expect_refused("offset and size"), "accepted");

	/* a size that may be true and has no room here: refused when mapped */
	TEST_ASSERT_SUCCESS(start_over(), "set-up");
	fake->offset = 0;
	fake->size = INT64_MAX & ~(page - 1);
	TEST_ASSERT_SUCCESS(vfio_region_get(dev, BAR0, &region), "refused");
	TEST_ASSERT_EQUAL(vfio_region_map(region), -ENOMEM, "mapped");
	TEST_ASSERT_NULL(region->addr, "half mapped");
	return TEST_SUCCESS;
}

static int
test_map_fails(void)
{
	const uint64_t areas[] = { 0, page, 2 * page, page };
	struct vfio_region *region;
	int before, after;

	TEST_ASSERT_SUCCESS(fake_vfio_back(BAR0, 4 * page, ALL_FLAGS), "memory");
	fake_vfio_add_sparse(BAR0, 2, areas);
	TEST_ASSERT_SUCCESS(vfio_region_get(dev, BAR0, &region), "no region");
	before = count_mappings(NULL, SIZE_MAX);
	fake_vfio.fail = FAKE_OP_REGION_MMAP;
	fake_vfio.fail_after = 1;
	TEST_ASSERT_EQUAL(vfio_region_map(region), -ENODEV, "mapped");
	after = count_mappings(NULL, SIZE_MAX);
	TEST_ASSERT_EQUAL(before, after, "%d mappings, then %d", before, after);
	TEST_ASSERT_NULL(region->addr, "half mapped");
	TEST_ASSERT_SUCCESS(vfio_region_map(region), "not mapped later");
	return TEST_SUCCESS;
}

static int
test_trapped(void)
{
	struct vfio_region *region;
	uint8_t buf[64];
	unsigned int width;

	TEST_ASSERT_SUCCESS(fake_vfio_back(BAR0, 64,
		VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE), "memory");
	TEST_ASSERT_SUCCESS(vfio_region_get(dev, BAR0, &region), "no region");
	TEST_ASSERT_SUCCESS(vfio_region_map(region), "map");
	TEST_ASSERT_NULL(region->addr, "mapped");
	for (width = 1; width <= 8; width *= 2) {
		fake_vfio.regions[BAR0].writes = 0;
		memset(buf, 0x10 + width, sizeof(buf));
		TEST_ASSERT_SUCCESS(vfio_region_write(region, 8, buf, width),
			"write of %u", width);
		TEST_ASSERT_EQUAL(fake_vfio.regions[BAR0].writes, 1,
			"write of %u in pieces", width);
		memset(buf, 0, sizeof(buf));
		TEST_ASSERT_SUCCESS(vfio_region_read(region, 8, buf, width),
			"read of %u", width);
		TEST_ASSERT_EQUAL(buf[width - 1], 0x10 + width, "other bytes");
	}
	TEST_ASSERT_EQUAL(vfio_region_read(region, 60, buf, 8), -EINVAL,
		"read past the end");
	TEST_ASSERT_EQUAL(vfio_region_read(region, UINT64_MAX, buf, 2), -EINVAL,
		"read that wraps");

	/* a transfer that is cut short goes on, one that stops does not */
	fake_vfio.max_transfer = 7;
	TEST_ASSERT_SUCCESS(vfio_region_read(region, 0, buf, 64), "short reads");
	TEST_ASSERT_SUCCESS(memcmp(buf, fake_vfio.regions[BAR0].mem, 64),
		"other bytes");
	fake_vfio.regions[BAR0].backed = 32;
	TEST_ASSERT_EQUAL(vfio_region_read(region, 0, buf, 64), -EIO, "end");
	TEST_ASSERT_EQUAL(vfio_region_write(region, 0, buf, 64), -EIO, "end");
	fake_vfio.regions[BAR0].backed = 64;
	fake_vfio.fail = FAKE_OP_REGION_WRITE;
	TEST_ASSERT_EQUAL(vfio_region_write(region, 0, buf, 4), -EIO, "error");
	return TEST_SUCCESS;
}

/* Mapped memory is reached at every offset and length. */
static int
test_mapped_widths(void)
{
	struct vfio_region *region;
	uint8_t in[40], out[40];
	size_t offset, len;

	TEST_ASSERT_SUCCESS(fake_vfio_back(BAR0, page, ALL_FLAGS), "memory");
	TEST_ASSERT_SUCCESS(vfio_region_get(dev, BAR0, &region), "no region");
	TEST_ASSERT_SUCCESS(vfio_region_map(region), "not mapped");
	for (offset = 0; offset < 9; offset++) {
		for (len = 0; len <= 31; len++) {
			memset(fake_vfio.regions[BAR0].mem, 0xee, 64);
			memset(in, offset + len, sizeof(in));
			memset(out, 0xee, sizeof(out));
			TEST_ASSERT_SUCCESS(vfio_region_write(region, offset, in,
				len), "write");
			TEST_ASSERT_SUCCESS(vfio_region_read(region, offset, out,
				len), "read");
			TEST_ASSERT_SUCCESS(memcmp(in, out, len), "other bytes");
			TEST_ASSERT_EQUAL(out[len], 0xee, "read too far");
			TEST_ASSERT_EQUAL(fake_vfio.regions[BAR0].mem[offset + len],
				0xee, "written too far");
		}
	}
	TEST_ASSERT_EQUAL(fake_vfio.regions[BAR0].writes +
		fake_vfio.regions[BAR0].reads, 0, "the transport was used");
	return TEST_SUCCESS;
}

static int
test_ioeventfd(void)
{
	struct vfio_region *region;

	TEST_ASSERT_SUCCESS(fake_vfio_back(BAR0, page, ALL_FLAGS &
		~VFIO_REGION_INFO_FLAG_READ), "no memory");
	TEST_ASSERT_SUCCESS(vfio_region_get(dev, BAR0, &region), "no region");
	TEST_ASSERT_EQUAL(vfio_region_ioeventfd(region, 16, 2, 3), -ENOTSUP, "none");
	fake_vfio.ioeventfd = 77;
	TEST_ASSERT_EQUAL(vfio_region_ioeventfd(region, 16, 2, 3), 77, "another");
	TEST_ASSERT_EQUAL(vfio_region_ioeventfd(region, page - 1, 2, 3), -EINVAL,
		"half outside");
	TEST_ASSERT_EQUAL(vfio_region_ioeventfd(region, UINT64_MAX, 2, 3), -EINVAL,
		"outside");
	region->flags &= ~VFIO_REGION_INFO_FLAG_WRITE;
	TEST_ASSERT_EQUAL(vfio_region_ioeventfd(region, 16, 2, 3), -EACCES,
		"where nothing can be written");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "common/vfio: regions",
	.unit_test_cases = {
		TEST_CASE_ST(setup, teardown, test_absent),
		TEST_CASE_ST(setup, teardown, test_whole),
		TEST_CASE_ST(setup, teardown, test_last_page),
		TEST_CASE_ST(setup, teardown, test_map_at),
		TEST_CASE_ST(setup, teardown, test_sparse),
		TEST_CASE_ST(setup, teardown, test_strict_argsz),
		TEST_CASE_ST(setup, teardown, test_neighbours_and_fractions),
		TEST_CASE_ST(setup, teardown, test_other_caps),
		TEST_CASE_ST(setup, teardown, test_flag_rules),
		TEST_CASE_ST(setup, teardown, test_hostile_areas),
		TEST_CASE_ST(setup, teardown, test_hostile_chains),
		TEST_CASE_ST(setup, teardown, test_hostile_sizes),
		TEST_CASE_ST(setup, teardown, test_map_fails),
		TEST_CASE_ST(setup, teardown, test_trapped),
		TEST_CASE_ST(setup, teardown, test_ioeventfd),
		TEST_CASE_ST(setup, teardown, test_mapped_widths),
		TEST_CASES_END()
	}
};

static int
test_vfio_region(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vfio_region_autotest, test_vfio_region);
