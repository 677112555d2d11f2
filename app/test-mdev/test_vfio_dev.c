/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <vfio_irq.h>
#include <vfio_region.h>

#include "fake_vfio.h"
#include "test.h"

static int
test_open_close(void)
{
	struct vfio_dev *dev;

	TEST_ASSERT_SUCCESS(vfio_dev_open(FAKE_VFIO_BASE, FAKE_VFIO_ADDR, &dev),
		"device not opened");
	TEST_ASSERT_EQUAL(fake_vfio.opened, 1, "opened %d times",
		fake_vfio.opened);
	TEST_ASSERT_SUCCESS(strcmp(vfio_dev_name(dev), FAKE_VFIO_ADDR),
		"name is %s", vfio_dev_name(dev));
	TEST_ASSERT_SUCCESS(strcmp(vfio_dev_transport(dev), "fake"),
		"transport is %s", vfio_dev_transport(dev));
	TEST_ASSERT_EQUAL(vfio_dev_owner(dev), VFIO_DEV_OWNED, "not owned");
	TEST_ASSERT_EQUAL(vfio_dev_flags(dev),
		VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET, "wrong flags");
	TEST_ASSERT_EQUAL(vfio_dev_num_regions(dev), FAKE_VFIO_REGIONS,
		"wrong number of regions");
	TEST_ASSERT_EQUAL(vfio_dev_num_irqs(dev), FAKE_VFIO_IRQS,
		"wrong number of interrupt indices");
	vfio_dev_close(dev);
	TEST_ASSERT_EQUAL(fake_vfio.opened, 0, "still open");
	vfio_dev_close(NULL);
	return TEST_SUCCESS;
}

static int
test_unknown(void)
{
	struct vfio_dev *dev = (void *)1;

	TEST_ASSERT_EQUAL(vfio_dev_open(FAKE_VFIO_BASE, "other", &dev), -ENODEV,
		"a device that nobody lists was opened");
	TEST_ASSERT_NULL(dev, "a handle was returned");
	return TEST_SUCCESS;
}

/* Each step of opening fails once: nothing stays open. */
static int
test_open_steps_fail(void)
{
	static const struct {
		enum fake_vfio_op op;
		int error;
	} steps[] = {
		{ FAKE_OP_OPEN, -EACCES },
		{ FAKE_OP_GET_INFO, -EIO },
	};
	struct vfio_dev *dev;
	unsigned int i;

	for (i = 0; i < RTE_DIM(steps); i++) {
		fake_vfio.fail = steps[i].op;
		TEST_ASSERT_EQUAL(vfio_dev_open(FAKE_VFIO_BASE, FAKE_VFIO_ADDR,
			&dev), steps[i].error, "step %u: wrong error", i);
		TEST_ASSERT_NULL(dev, "step %u: a handle was returned", i);
		TEST_ASSERT_EQUAL(fake_vfio.opened, 0, "step %u: left open", i);
	}
	return TEST_SUCCESS;
}

static int
test_absurd_counts(void)
{
	struct vfio_dev *dev;

	fake_vfio.info.num_regions = UINT32_MAX;
	TEST_ASSERT_EQUAL(vfio_dev_open(FAKE_VFIO_BASE, FAKE_VFIO_ADDR, &dev),
		-EPROTO, "4 billion regions were taken");
	fake_vfio.info.num_regions = 1;
	fake_vfio.info.num_irqs = UINT32_MAX;
	TEST_ASSERT_EQUAL(vfio_dev_open(FAKE_VFIO_BASE, FAKE_VFIO_ADDR, &dev),
		-EPROTO, "4 billion interrupt indices were taken");
	TEST_ASSERT_EQUAL(fake_vfio.opened, 0, "left open");
	fake_vfio.info.num_regions = 0;
	fake_vfio.info.num_irqs = 0;
	TEST_ASSERT_SUCCESS(vfio_dev_open(FAKE_VFIO_BASE, FAKE_VFIO_ADDR, &dev),
		"a device without regions was refused");
	vfio_dev_close(dev);
	return TEST_SUCCESS;
}

static int
test_reset(void)
{
	struct vfio_dev *dev;

	TEST_ASSERT_SUCCESS(vfio_dev_open(FAKE_VFIO_BASE, FAKE_VFIO_ADDR, &dev),
		"device not opened");
	TEST_ASSERT_SUCCESS(vfio_dev_reset(dev), "not reset");
	TEST_ASSERT_EQUAL(fake_vfio.resets, 1, "reset %u times",
		fake_vfio.resets);
	vfio_dev_close(dev);

	fake_vfio.info.flags &= ~VFIO_DEVICE_FLAGS_RESET;
	TEST_ASSERT_SUCCESS(vfio_dev_open(FAKE_VFIO_BASE, FAKE_VFIO_ADDR, &dev),
		"device not opened");
	TEST_ASSERT_EQUAL(vfio_dev_reset(dev), -ENOTSUP,
		"a device without reset was reset");
	TEST_ASSERT_EQUAL(fake_vfio.resets, 1, "asked all the same");
	vfio_dev_close(dev);
	return TEST_SUCCESS;
}

/* What is not a VFIO device is refused, and its fd stays its owner's. */
static int
test_attach_refused(void)
{
	struct vfio_dev *dev;
	int fd;

	TEST_ASSERT_EQUAL(vfio_dev_attach("none", -1, &dev), -EINVAL,
		"fd -1 was attached");
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	TEST_ASSERT(fd >= 0, "no /dev/null");
	TEST_ASSERT_EQUAL(vfio_dev_attach("null", fd, &dev), -ENOTTY,
		"/dev/null was attached");
	TEST_ASSERT_NULL(dev, "a handle was returned");
	TEST_ASSERT_SUCCESS(close(fd), "the owner's fd was closed");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "common/vfio: devices",
	.unit_test_cases = {
		TEST_CASE_ST(fake_vfio_start, fake_vfio_stop, test_open_close),
		TEST_CASE_ST(fake_vfio_start, fake_vfio_stop, test_unknown),
		TEST_CASE_ST(fake_vfio_start, fake_vfio_stop, test_open_steps_fail),
		TEST_CASE_ST(fake_vfio_start, fake_vfio_stop, test_absurd_counts),
		TEST_CASE_ST(fake_vfio_start, fake_vfio_stop, test_reset),
		TEST_CASE(test_attach_refused),
		TEST_CASES_END()
	}
};

static int
test_vfio_dev(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vfio_dev_autotest, test_vfio_dev);
