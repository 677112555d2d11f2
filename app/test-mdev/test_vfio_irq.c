/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>

#include <vfio_irq.h>

#include "fake_vfio.h"
#include "test.h"

#define MSIX VFIO_PCI_MSIX_IRQ_INDEX
#define INTX VFIO_PCI_INTX_IRQ_INDEX

static struct vfio_dev *dev;

static int
setup(void)
{
	fake_vfio_start();
	fake_vfio.irqs[MSIX].flags = VFIO_IRQ_INFO_EVENTFD;
	fake_vfio.irqs[MSIX].count = 4;
	fake_vfio.irqs[INTX].flags = VFIO_IRQ_INFO_EVENTFD |
		VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED;
	fake_vfio.irqs[INTX].count = 1;
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
test_get(void)
{
	struct vfio_irq irq;

	TEST_ASSERT_SUCCESS(vfio_irq_get(dev, MSIX, &irq), "no answer");
	TEST_ASSERT_EQUAL(irq.count, 4, "%u vectors", irq.count);
	TEST_ASSERT_EQUAL(irq.flags, VFIO_IRQ_INFO_EVENTFD, "wrong flags");
	TEST_ASSERT_EQUAL(vfio_irq_get(dev, FAKE_VFIO_IRQS, &irq), -EINVAL,
		"an index too far was answered");
	fake_vfio.fail = FAKE_OP_GET_IRQ_INFO;
	TEST_ASSERT_EQUAL(vfio_irq_get(dev, MSIX, &irq), -EIO, "error lost");
	return TEST_SUCCESS;
}

static int
test_eventfds(void)
{
	const int fds[] = { 100, -1, 102 };

	TEST_ASSERT_SUCCESS(vfio_irq_set_eventfds(dev, MSIX, 1, 3, fds), "not set");
	TEST_ASSERT_EQUAL(fake_vfio.irqs[MSIX].fds[0], -1, "vector 0 was set");
	TEST_ASSERT_EQUAL(fake_vfio.irqs[MSIX].fds[1], 100, "vector 1");
	TEST_ASSERT_EQUAL(fake_vfio.irqs[MSIX].fds[2], -1, "vector 2");
	TEST_ASSERT_EQUAL(fake_vfio.irqs[MSIX].fds[3], 102, "vector 3");
	TEST_ASSERT_SUCCESS(vfio_irq_disable(dev, MSIX), "not disabled");
	TEST_ASSERT_EQUAL(fake_vfio.irqs[MSIX].fds[3], -1, "still enabled");
	return TEST_SUCCESS;
}

static int
test_bounds(void)
{
	const int fds[] = { 100, 101 };

	TEST_ASSERT_EQUAL(vfio_irq_set_eventfds(dev, MSIX, 3, 2, fds), -EINVAL,
		"a vector too far");
	TEST_ASSERT_EQUAL(vfio_irq_set_eventfds(dev, MSIX, UINT32_MAX, 2, fds),
		-EINVAL, "a start that wraps");
	TEST_ASSERT_EQUAL(vfio_irq_set_eventfds(dev, MSIX, 0, 0, fds), -EINVAL,
		"no vectors");
	TEST_ASSERT_EQUAL(vfio_irq_set_eventfds(dev, FAKE_VFIO_IRQS, 0, 1, fds),
		-EINVAL, "an index too far");
	TEST_ASSERT_EQUAL(vfio_irq_disable(dev, FAKE_VFIO_IRQS), -EINVAL,
		"an index too far");
	fake_vfio.irqs[MSIX].flags = 0;
	TEST_ASSERT_EQUAL(vfio_irq_set_eventfds(dev, MSIX, 0, 1, fds), -EINVAL,
		"an index without eventfds");
	return TEST_SUCCESS;
}

static int
test_masks(void)
{
	TEST_ASSERT_SUCCESS(vfio_irq_mask(dev, INTX, 0, 1), "not masked");
	TEST_ASSERT(fake_vfio.irqs[INTX].masked[0], "no effect");
	TEST_ASSERT_SUCCESS(vfio_irq_unmask(dev, INTX, 0, 1), "not unmasked");
	TEST_ASSERT(!fake_vfio.irqs[INTX].masked[0], "no effect");
	TEST_ASSERT_EQUAL(vfio_irq_mask(dev, MSIX, 0, 1), -ENOTSUP,
		"masked what has no mask");
	TEST_ASSERT_EQUAL(vfio_irq_mask(dev, INTX, 1, 1), -EINVAL,
		"a vector too far");
	return TEST_SUCCESS;
}

/* What was enabled is disabled when the device is closed, and only that. */
static int
test_close_disables(void)
{
	const int fd = 100;

	fake_vfio.irqs[INTX].fds[0] = 55;
	TEST_ASSERT_SUCCESS(vfio_irq_set_eventfds(dev, MSIX, 0, 1, &fd), "not set");
	vfio_dev_close(dev);
	dev = NULL;
	TEST_ASSERT_EQUAL(fake_vfio.irqs[MSIX].fds[0], -1, "still enabled");
	TEST_ASSERT_EQUAL(fake_vfio.irqs[INTX].fds[0], 55, "touched");
	return TEST_SUCCESS;
}

static int
test_set_fails(void)
{
	const int fd = 100;

	fake_vfio.fail = FAKE_OP_SET_IRQS;
	TEST_ASSERT_EQUAL(vfio_irq_set_eventfds(dev, MSIX, 0, 1, &fd), -EIO,
		"error lost");
	TEST_ASSERT_EQUAL(fake_vfio.irqs[MSIX].fds[0], -1, "set all the same");
	TEST_ASSERT_SUCCESS(vfio_irq_set_eventfds(dev, MSIX, 0, 1, &fd),
		"not set later");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "common/vfio: interrupts",
	.unit_test_cases = {
		TEST_CASE_ST(setup, teardown, test_get),
		TEST_CASE_ST(setup, teardown, test_eventfds),
		TEST_CASE_ST(setup, teardown, test_bounds),
		TEST_CASE_ST(setup, teardown, test_masks),
		TEST_CASE_ST(setup, teardown, test_close_disables),
		TEST_CASE_ST(setup, teardown, test_set_fails),
		TEST_CASES_END()
	}
};

static int
test_vfio_irq(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vfio_irq_autotest, test_vfio_irq);
