/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * common/vfio: each step of opening and using a device fails in turn, and nothing is
 * left behind.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>

#include <vfio_dma.h>
#include <vfio_irq.h>
#include <vfio_pci.h>
#include <vfio_region.h>

#include "fake_vfio.h"
#include "fault_inject.h"
#include "test.h"

#define PAGE 4096
#define BAR0 VFIO_PCI_BAR0_REGION_INDEX
#define BAR1 VFIO_PCI_BAR1_REGION_INDEX
#define CONFIG VFIO_PCI_CONFIG_REGION_INDEX

static char memory[2 * PAGE];
static struct vfio_dev *dev;
static int efd = -1;
static bool again; /* repeat a step that failed, instead of giving up */

static int
setup(void)
{
	const uint32_t rw = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	const uint64_t areas[] = { 0, PAGE, 2 * PAGE, PAGE };
	unsigned int i;

	fake_vfio_start();
	if (fake_vfio_back(BAR0, 4 * PAGE, rw | VFIO_REGION_INFO_FLAG_MMAP) < 0 ||
			fake_vfio_back(BAR1, PAGE, rw | VFIO_REGION_INFO_FLAG_MMAP) < 0 ||
			fake_vfio_back(CONFIG, 256, rw) < 0)
		return TEST_FAILED;
	fake_vfio_add_sparse(BAR0, RTE_DIM(areas) / 2, areas);
	for (i = 0; i < FAKE_VFIO_IRQS; i++) {
		fake_vfio.irqs[i].flags = VFIO_IRQ_INFO_EVENTFD;
		fake_vfio.irqs[i].count = 1;
	}
	fake_vfio.irqs[VFIO_PCI_INTX_IRQ_INDEX].flags |= VFIO_IRQ_INFO_MASKABLE;
	fake_vfio.irqs[VFIO_PCI_MSIX_IRQ_INDEX].count = FAKE_VFIO_VECTORS;
	again = false;
	efd = eventfd(0, EFD_CLOEXEC);
	return efd < 0 ? TEST_FAILED : TEST_SUCCESS;
}

static void
teardown(void)
{
	close(efd);
	fake_vfio_stop();
}

static int
step_open(void)
{
	return vfio_dev_open(FAKE_VFIO_BASE, FAKE_VFIO_ADDR, &dev);
}

static int
step_map(void)
{
	struct vfio_region *region;
	int ret;

	ret = vfio_region_get(dev, BAR0, &region);
	return ret < 0 ? ret : vfio_region_map(region);
}

static int
step_map_whole(void)
{
	struct vfio_region *region;
	int ret;

	ret = vfio_region_get(dev, BAR1, &region);
	return ret < 0 ? ret : vfio_region_map(region);
}

/* From a mapped part into one that is not. */
static int
step_access(void)
{
	struct vfio_region *region;
	uint64_t value[2] = { 1, 2 };
	int ret;

	ret = vfio_region_get(dev, BAR0, &region);
	if (ret == 0)
		ret = vfio_region_write(region, PAGE - 8, value, sizeof(value));
	if (ret == 0)
		ret = vfio_region_read(region, PAGE - 8, value, sizeof(value));
	return ret;
}

static int
step_pci(void)
{
	struct vfio_pci_ids ids;
	int ret;

	ret = vfio_pci_read_ids(dev, &ids);
	if (ret == 0)
		ret = vfio_pci_command(dev, 4, 0);
	return ret;
}

static int
step_irqs(void)
{
	int fds[FAKE_VFIO_VECTORS], ret;
	uint32_t i;

	for (i = 0; i < FAKE_VFIO_VECTORS; i++)
		fds[i] = efd;
	ret = vfio_irq_set_eventfds(dev, VFIO_PCI_MSIX_IRQ_INDEX, 0,
			FAKE_VFIO_VECTORS, fds);
	for (i = 0; ret == 0 && i < FAKE_VFIO_IRQS; i++)
		ret = vfio_irq_set_eventfds(dev, i, 0, 1, &efd);
	if (ret == 0)
		ret = vfio_irq_mask(dev, VFIO_PCI_INTX_IRQ_INDEX, 0, 1);
	return ret;
}

static int
step_dma(void)
{
	return vfio_dma_map(dev, memory, 0x1000, PAGE);
}

static int
step_dma_more(void)
{
	int ret;

	ret = vfio_dma_map(dev, memory + PAGE, 0x10000, PAGE);
	if (ret == 0) {
		ret = vfio_dma_unmap(dev, memory + PAGE, 0x10000, PAGE);
		if (ret < 0) /* only one call fails in a sequence */
			vfio_dma_unmap(dev, memory + PAGE, 0x10000, PAGE);
	}
	return ret;
}

static int
step_reset(void)
{
	return vfio_dev_reset(dev);
}

static int (* const steps[])(void) = {
	step_open, step_map, step_map_whole, step_access, step_pci, step_irqs,
	step_dma, step_dma_more, step_reset,
};

static void
release(void)
{
	vfio_dev_close(dev);
	dev = NULL;
}

static int
acquire(void)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < RTE_DIM(steps); i++) {
		ret = steps[i]();
		if (ret < 0 && again)
			ret = steps[i]();
		if (ret < 0)
			break;
	}
	if (ret < 0)
		release();
	return ret;
}

/* Closing gives all back, whatever the device answers to it. */
static int
acquire_and_close(void)
{
	int ret = acquire();

	if (ret == 0)
		release();
	return ret;
}

static void
release_nothing(void)
{
}

static int
check_fake(void)
{
	unsigned int i, j;

	TEST_ASSERT_EQUAL(fake_vfio.opened, 0, "left open");
	TEST_ASSERT_EQUAL(fake_vfio.dma_mapped, 0, "%d mappings are left",
		fake_vfio.dma_mapped);
	for (i = 0; i < FAKE_VFIO_IRQS; i++) {
		for (j = 0; j < FAKE_VFIO_VECTORS; j++)
			TEST_ASSERT_EQUAL(fake_vfio.irqs[i].fds[j], -1,
				"index %u vector %u is left", i, j);
	}
	return TEST_SUCCESS;
}

static int
test_give_up(void)
{
	TEST_ASSERT_SUCCESS(fault_each(acquire, release), "something is left");
	return check_fake();
}

/* A step that failed has changed nothing: it goes well when it is repeated. */
static int
test_repeat(void)
{
	again = true;
	TEST_ASSERT_SUCCESS(fault_each(acquire, release), "something is left");
	return check_fake();
}

static int
test_close(void)
{
	TEST_ASSERT_SUCCESS(fault_each(acquire_and_close, release_nothing),
		"something is left");
	TEST_ASSERT_EQUAL(fake_vfio.opened, 0, "left open");
	return TEST_SUCCESS;
}

/* The mapping of one region fails half-way: the reserved range goes, too. */
static struct vfio_region *mapped;

static int
map(void)
{
	return vfio_region_map(mapped);
}

static void
unmap(void)
{
	vfio_region_unmap(mapped);
}

static int
test_map_alone(void)
{
	int ret;

	TEST_ASSERT_SUCCESS(step_open(), "not opened");
	TEST_ASSERT_SUCCESS(vfio_region_get(dev, BAR0, &mapped), "no region");
	ret = fault_each(map, unmap);
	release();
	TEST_ASSERT_SUCCESS(ret, "something is left");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "common/vfio: each step fails in turn",
	.unit_test_cases = {
		TEST_CASE_ST(setup, teardown, test_give_up),
		TEST_CASE_ST(setup, teardown, test_repeat),
		TEST_CASE_ST(setup, teardown, test_close),
		TEST_CASE_ST(setup, teardown, test_map_alone),
		TEST_CASES_END()
	}
};

static int
test_vfio_faults(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vfio_faults_autotest, test_vfio_faults);
