/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <unistd.h>
#include <sys/eventfd.h>

#include <vfio_irq.h>

#include "fake_vfio.h"
#include "test.h"

#define MSIX VFIO_PCI_MSIX_IRQ_INDEX
#define INTX VFIO_PCI_INTX_IRQ_INDEX
#define MSI VFIO_PCI_MSI_IRQ_INDEX
#define ERR VFIO_PCI_ERR_IRQ_INDEX
#define REQ VFIO_PCI_REQ_IRQ_INDEX

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
	fake_vfio.irqs[MSI].flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE;
	fake_vfio.irqs[MSI].count = 2;
	fake_vfio.irqs[ERR].flags = fake_vfio.irqs[REQ].flags =
		VFIO_IRQ_INFO_EVENTFD;
	fake_vfio.irqs[ERR].count = fake_vfio.irqs[REQ].count = 1;
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

/* An eventfd that is set is the one that the device signals, whatever the index. */
static int
test_all_kinds(void)
{
	static const uint32_t kinds[] = { INTX, MSI, MSIX, ERR, REQ };
	const uint64_t one = 1;
	unsigned int i, j;
	uint64_t count;
	int efd[RTE_DIM(kinds)];

	for (i = 0; i < RTE_DIM(kinds); i++) {
		efd[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		TEST_ASSERT(efd[i] >= 0, "no eventfd");
		TEST_ASSERT_SUCCESS(vfio_irq_set_eventfds(dev, kinds[i], 0, 1,
			&efd[i]), "index %u is not set", kinds[i]);
	}
	for (i = 0; i < RTE_DIM(kinds); i++) {
		TEST_ASSERT_EQUAL(write(fake_vfio.irqs[kinds[i]].fds[0], &one,
			sizeof(one)), sizeof(one), "index %u: no fd", kinds[i]);
		for (j = 0; j < RTE_DIM(kinds); j++)
			TEST_ASSERT_EQUAL(read(efd[j], &count, sizeof(count)) > 0,
				i == j, "index %u signals %u", kinds[i], kinds[j]);
	}
	for (i = 0; i < RTE_DIM(kinds); i++) {
		TEST_ASSERT_SUCCESS(vfio_irq_disable(dev, kinds[i]), "disable");
		for (j = 0; j < RTE_DIM(kinds); j++)
			TEST_ASSERT_EQUAL(fake_vfio.irqs[kinds[j]].fds[0] == -1,
				j <= i, "index %u: disabled with %u", kinds[j],
				kinds[i]);
		close(efd[i]);
	}
	return TEST_SUCCESS;
}

/* One vector of several is taken away and given back; the others stay. */
static int
test_one_vector(void)
{
	const int fds[] = { 100, 101, 102, 103 }, none = -1;

	TEST_ASSERT_SUCCESS(vfio_irq_set_eventfds(dev, MSIX, 0, 4, fds), "not set");
	TEST_ASSERT_SUCCESS(vfio_irq_set_eventfds(dev, MSIX, 2, 1, &none), "-1");
	TEST_ASSERT_EQUAL(fake_vfio.irqs[MSIX].fds[2], -1, "vector 2 is left");
	TEST_ASSERT_EQUAL(fake_vfio.irqs[MSIX].fds[3], 103, "vector 3");
	TEST_ASSERT_SUCCESS(vfio_irq_set_eventfds(dev, MSIX, 2, 1, &fds[2]),
		"not set again");
	TEST_ASSERT_EQUAL(fake_vfio.irqs[MSIX].fds[2], 102, "vector 2");
	return TEST_SUCCESS;
}

/* Each vector has its own mask. */
static int
test_vector_masks(void)
{
	fake_vfio.irqs[MSIX].flags |= VFIO_IRQ_INFO_MASKABLE;
	TEST_ASSERT_SUCCESS(vfio_irq_mask(dev, MSIX, 1, 2), "not masked");
	TEST_ASSERT(!fake_vfio.irqs[MSIX].masked[0] &&
		fake_vfio.irqs[MSIX].masked[1] &&
		fake_vfio.irqs[MSIX].masked[2] &&
		!fake_vfio.irqs[MSIX].masked[3], "others are masked");
	TEST_ASSERT_SUCCESS(vfio_irq_unmask(dev, MSIX, 2, 1), "not unmasked");
	TEST_ASSERT(fake_vfio.irqs[MSIX].masked[1] &&
		!fake_vfio.irqs[MSIX].masked[2], "others are unmasked");
	TEST_ASSERT_EQUAL(vfio_irq_unmask(dev, MSIX, 2, 3), -EINVAL,
		"a vector too far");
	TEST_ASSERT_EQUAL(vfio_irq_unmask(dev, FAKE_VFIO_IRQS, 0, 1), -EINVAL,
		"an index too far");
	fake_vfio.fail = FAKE_OP_GET_IRQ_INFO;
	TEST_ASSERT_EQUAL(vfio_irq_mask(dev, MSIX, 0, 1), -EIO, "error lost");
	fake_vfio.fail = FAKE_OP_SET_IRQS;
	TEST_ASSERT_EQUAL(vfio_irq_mask(dev, MSIX, 0, 1), -EIO, "error lost");
	TEST_ASSERT(!fake_vfio.irqs[MSIX].masked[0], "masked all the same");
	return TEST_SUCCESS;
}

/* An index of which the device has no vector. */
static int
test_no_vectors(void)
{
	const int fd = 100;

	fake_vfio.irqs[MSI].count = 0;
	TEST_ASSERT_EQUAL(vfio_irq_set_eventfds(dev, MSI, 0, 1, &fd), -EINVAL,
		"set a vector of none");
	TEST_ASSERT_EQUAL(vfio_irq_mask(dev, MSI, 0, 1), -EINVAL,
		"masked a vector of none");
	return TEST_SUCCESS;
}

/* One that cannot be disabled hinders neither the others nor the closing. */
static int
test_disable_fails(void)
{
	const int fd = 100;

	TEST_ASSERT_SUCCESS(vfio_irq_set_eventfds(dev, INTX, 0, 1, &fd), "not set");
	TEST_ASSERT_SUCCESS(vfio_irq_set_eventfds(dev, MSIX, 0, 1, &fd), "not set");
	fake_vfio.fail = FAKE_OP_SET_IRQS;
	TEST_ASSERT_EQUAL(vfio_irq_disable(dev, INTX), -EIO, "error lost");
	fake_vfio.fail = FAKE_OP_SET_IRQS;
	vfio_dev_close(dev);
	dev = NULL;
	TEST_ASSERT_EQUAL(fake_vfio.irqs[INTX].fds[0], fd, "not asked first");
	TEST_ASSERT_EQUAL(fake_vfio.irqs[MSIX].fds[0], -1, "still enabled");
	TEST_ASSERT_EQUAL(fake_vfio.opened, 0, "left open");
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
		TEST_CASE_ST(setup, teardown, test_all_kinds),
		TEST_CASE_ST(setup, teardown, test_one_vector),
		TEST_CASE_ST(setup, teardown, test_vector_masks),
		TEST_CASE_ST(setup, teardown, test_no_vectors),
		TEST_CASE_ST(setup, teardown, test_disable_fails),
		TEST_CASES_END()
	}
};

static int
test_vfio_irq(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vfio_irq_autotest, test_vfio_irq);
