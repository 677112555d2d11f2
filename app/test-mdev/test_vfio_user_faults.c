/* SPDX-License-Identifier: BSD-3-Clause */

/* common/vfio_user: each acquisition fails in its turn, and nothing is left behind. */

#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include <vfio_dma.h>
#include <vfio_irq.h>
#include <vfio_region.h>

#include "fake_vfio_user.h"
#include "fault_inject.h"
#include "test.h"

#define PAGE 4096
#define BAR0 VFIO_PCI_BAR0_REGION_INDEX
#define MSIX VFIO_PCI_MSIX_IRQ_INDEX

static struct vfio_dev *dev;
static int efd = -1, memory_fd = -1;
static void *memory;

static int
setup(void)
{
	efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	memory_fd = memfd_create("memory", MFD_CLOEXEC);
	if (fake_user_start() < 0 || fake_user_back(BAR0, 4 * PAGE, true) < 0 ||
			ftruncate(memory_fd, PAGE) < 0)
		return TEST_FAILED;
	memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd, 0);
	fake_user.regions[BAR0].nr_io = 1;
	fake_user.io_fds[0] = efd;
	fake_user.nr_io_fds = 1;
	fake_user.irqs[MSIX].flags = VFIO_IRQ_INFO_EVENTFD;
	fake_user.irqs[MSIX].count = 12;
	return memory == MAP_FAILED ? TEST_FAILED : TEST_SUCCESS;
}

static void
teardown(void)
{
	fake_user_stop();
	munmap(memory, PAGE);
	close(memory_fd);
	close(efd);
}

static void
release(void)
{
	vfio_dev_close(dev);
	dev = NULL;
	fake_user_settle();
}

static int
acquire(void)
{
	struct vfio_region *region;
	int fds[12], i, ret;

	ret = vfio_dev_open(fake_user.folder, FAKE_USER_ADDR, &dev);
	if (ret == 0)
		ret = vfio_region_get(dev, BAR0, &region);
	if (ret == 0)
		ret = vfio_region_map(region);
	/* what can be done without may fail */
	if (ret == 0)
		vfio_region_ioeventfd(region, 0, 2, 0);
	for (i = 0; i < 12; i++)
		fds[i] = efd;
	if (ret == 0)
		ret = vfio_irq_set_eventfds(dev, MSIX, 0, 12, fds);
	if (ret == 0)
		ret = vfio_dma_map(dev, memory, 0, PAGE);
	if (ret < 0)
		release();
	return ret;
}

static int
test_each(void)
{
	TEST_ASSERT_SUCCESS(fault_each(acquire, release), "something is left");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "common/vfio_user: each step fails in turn",
	.unit_test_cases = {
		TEST_CASE_ST(setup, teardown, test_each),
		TEST_CASES_END()
	}
};

static int
test_vfio_user_faults(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vfio_user_faults_autotest, test_vfio_user_faults);
