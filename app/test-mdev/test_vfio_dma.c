/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <pthread.h>

#include <vfio_dma.h>

#include "fake_vfio.h"
#include "test.h"

#define LEN 4096

static char memory[2 * LEN];
static struct vfio_dev *dev;

static int
setup(void)
{
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

static int
test_map_unmap(void)
{
	TEST_ASSERT_SUCCESS(vfio_dma_map(dev, memory, 0x1000, LEN), "not mapped");
	TEST_ASSERT_EQUAL(fake_vfio.dma_mapped, 1, "not asked");
	TEST_ASSERT_EQUAL(vfio_dma_unmap(dev, memory, 0x2000, LEN), -ENOENT,
		"unmapped what was never mapped");
	TEST_ASSERT_EQUAL(vfio_dma_unmap(dev, memory, 0x1000, 2 * LEN), -ENOENT,
		"unmapped more than was mapped");
	TEST_ASSERT_SUCCESS(vfio_dma_unmap(dev, memory, 0x1000, LEN),
		"not unmapped");
	TEST_ASSERT_EQUAL(fake_vfio.dma_mapped, 0, "not asked");
	TEST_ASSERT_EQUAL(vfio_dma_unmap(dev, memory, 0x1000, LEN), -ENOENT,
		"unmapped twice");
	TEST_ASSERT_EQUAL(vfio_dma_map(dev, memory, 0x1000, 0), -EINVAL,
		"mapped nothing");
	return TEST_SUCCESS;
}

static int
test_close_unmaps(void)
{
	TEST_ASSERT_SUCCESS(vfio_dma_map(dev, memory, 0x1000, LEN), "not mapped");
	TEST_ASSERT_SUCCESS(vfio_dma_map(dev, memory + LEN, 0x2000, LEN),
		"not mapped");
	vfio_dev_close(dev);
	dev = NULL;
	TEST_ASSERT_EQUAL(fake_vfio.dma_mapped, 0, "%d mappings were left",
		fake_vfio.dma_mapped);
	return TEST_SUCCESS;
}

/* As often as it was mapped: the kernel counts, and so does the device's list. */
static int
test_map_twice(void)
{
	TEST_ASSERT_SUCCESS(vfio_dma_map(dev, memory, 0x1000, LEN), "not mapped");
	TEST_ASSERT_SUCCESS(vfio_dma_map(dev, memory, 0x1000, LEN), "not mapped");
	TEST_ASSERT_SUCCESS(vfio_dma_unmap(dev, memory, 0x1000, LEN), "unmap");
	TEST_ASSERT_EQUAL(fake_vfio.dma_mapped, 1, "%d", fake_vfio.dma_mapped);
	TEST_ASSERT_SUCCESS(vfio_dma_unmap(dev, memory, 0x1000, LEN), "unmap");
	TEST_ASSERT_EQUAL(vfio_dma_unmap(dev, memory, 0x1000, LEN), -ENOENT,
		"unmapped more often");
	return TEST_SUCCESS;
}

/* One of several cannot be unmapped: closing goes on with the rest. */
static int
test_close_fails(void)
{
	unsigned int i;

	for (i = 0; i < 3; i++)
		TEST_ASSERT_SUCCESS(vfio_dma_map(dev, memory, 0x1000 * (i + 1),
			LEN), "not mapped");
	fake_vfio.fail = FAKE_OP_DMA_UNMAP;
	fake_vfio.fail_after = 1;
	vfio_dev_close(dev);
	dev = NULL;
	TEST_ASSERT_EQUAL(fake_vfio.dma_mapped, 1, "%d mappings are left",
		fake_vfio.dma_mapped);
	TEST_ASSERT_EQUAL(fake_vfio.opened, 0, "left open");
	return TEST_SUCCESS;
}

static int
test_failures(void)
{
	fake_vfio.fail = FAKE_OP_DMA_MAP;
	TEST_ASSERT_EQUAL(vfio_dma_map(dev, memory, 0x1000, LEN), -ENOSPC,
		"error lost");
	TEST_ASSERT_EQUAL(vfio_dma_unmap(dev, memory, 0x1000, LEN), -ENOENT,
		"remembered all the same");
	TEST_ASSERT_SUCCESS(vfio_dma_map(dev, memory, 0x1000, LEN), "not mapped");
	fake_vfio.fail = FAKE_OP_DMA_UNMAP;
	TEST_ASSERT_EQUAL(vfio_dma_unmap(dev, memory, 0x1000, LEN), -EIO,
		"error lost");
	TEST_ASSERT_SUCCESS(vfio_dma_unmap(dev, memory, 0x1000, LEN),
		"forgotten");
	return TEST_SUCCESS;
}

/* A transport that knows no other addresses is given virtual ones, whatever was asked. */
static int
test_virtual_addresses(void)
{
	TEST_ASSERT(!vfio_dev_iova_as_va(dev), "by virtual addresses");
	TEST_ASSERT_SUCCESS(vfio_dma_map(dev, memory, 0x1000, LEN), "not mapped");
	TEST_ASSERT_EQUAL(fake_vfio.dma_iova, 0x1000, "at another address");
	TEST_ASSERT_SUCCESS(vfio_dma_unmap(dev, memory, 0x1000, LEN), "not unmapped");
	vfio_dev_close(dev);
	fake_vfio_use_va();
	TEST_ASSERT_SUCCESS(vfio_dev_open(FAKE_VFIO_BASE, FAKE_VFIO_ADDR, &dev), "not open");
	TEST_ASSERT(vfio_dev_iova_as_va(dev), "not by virtual addresses");
	TEST_ASSERT_SUCCESS(vfio_dma_map(dev, memory, 0x1000, LEN), "not mapped");
	TEST_ASSERT_EQUAL(fake_vfio.dma_iova, (uintptr_t)memory, "at another address");
	TEST_ASSERT_SUCCESS(vfio_dma_unmap(dev, memory, 0x1000, LEN), "not unmapped");
	TEST_ASSERT_EQUAL(fake_vfio.dma_mapped, 0, "still mapped");
	return TEST_SUCCESS;
}

static int other_ret;

static void *
unmap_too(void *arg __rte_unused)
{
	other_ret = vfio_dma_unmap(dev, memory, 0x1000, LEN);
	return NULL;
}

static void
in_between(void)
{
	pthread_t thread;

	fake_vfio.dma_unmapping = NULL;
	if (pthread_create(&thread, NULL, unmap_too, NULL) == 0)
		pthread_join(thread, NULL);
}

/* While one thread unmaps a range, another does, which was mapped as often: each has its own. */
static int
test_threads(void)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		TEST_ASSERT_SUCCESS(vfio_dma_map(dev, memory, 0x1000, LEN), "first");
		TEST_ASSERT_SUCCESS(vfio_dma_map(dev, memory, 0x1000, LEN), "second");
		other_ret = -EINVAL;
		fake_vfio.dma_unmapping = in_between;
		TEST_ASSERT_SUCCESS(vfio_dma_unmap(dev, memory, 0x1000, LEN), "one");
		TEST_ASSERT_SUCCESS(other_ret, "the other");
		TEST_ASSERT_EQUAL(fake_vfio.dma_mapped, 0, "%d", fake_vfio.dma_mapped);
		TEST_ASSERT_EQUAL(vfio_dma_unmap(dev, memory, 0x1000, LEN), -ENOENT,
			"one is left");
	}
	/* there is but one */
	TEST_ASSERT_SUCCESS(vfio_dma_map(dev, memory, 0x1000, LEN), "alone");
	fake_vfio.dma_unmapping = in_between;
	TEST_ASSERT_SUCCESS(vfio_dma_unmap(dev, memory, 0x1000, LEN), "alone");
	TEST_ASSERT_EQUAL(other_ret, -ENOENT, "unmapped twice");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "common/vfio: DMA",
	.unit_test_cases = {
		TEST_CASE_ST(setup, teardown, test_map_unmap),
		TEST_CASE_ST(setup, teardown, test_close_unmaps),
		TEST_CASE_ST(setup, teardown, test_map_twice),
		TEST_CASE_ST(setup, teardown, test_close_fails),
		TEST_CASE_ST(setup, teardown, test_failures),
		TEST_CASE_ST(setup, teardown, test_virtual_addresses),
		TEST_CASE_ST(setup, teardown, test_threads),
		TEST_CASES_END()
	}
};

static int
test_vfio_dma(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vfio_dma_autotest, test_vfio_dma);
