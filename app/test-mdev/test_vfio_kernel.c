/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The kernel's transport as far as a machine without VFIO shows it: what is
 * refused, and how. With a kernel that has it, see devtools/test.sh.
 */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/stat.h>

#include <rte_vfio.h>

#include <vfio_dev.h>

#include "test.h"

#define ADDR "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"

static char base[] = "/tmp/test-vfio-kernel-XXXXXX";
static char dir[PATH_MAX], link_path[PATH_MAX + 16];

static int
setup(void)
{
	snprintf(base, sizeof(base), "/tmp/test-vfio-kernel-XXXXXX");
	if (mkdtemp(base) == NULL)
		return TEST_FAILED;
	snprintf(dir, sizeof(dir), "%s/" ADDR, base);
	snprintf(link_path, sizeof(link_path), "%s/iommu_group", dir);
	return mkdir(dir, 0700);
}

static void
teardown(void)
{
	unlink(link_path);
	rmdir(dir);
	rmdir(base);
}

static int
test_no_group(void)
{
	struct vfio_dev *dev;

	TEST_ASSERT_EQUAL(vfio_dev_open(base, ADDR, &dev), -ENODEV,
		"a device without a group was opened");
	TEST_ASSERT_SUCCESS(symlink("../../iommu_groups/12x", link_path), "link");
	TEST_ASSERT_EQUAL(vfio_dev_open(base, ADDR, &dev), -ENODEV,
		"group 12x was opened");
	unlink(link_path);
	TEST_ASSERT_SUCCESS(symlink("../../iommu_groups/", link_path), "link");
	TEST_ASSERT_EQUAL(vfio_dev_open(base, ADDR, &dev), -ENODEV,
		"a group without a number was opened");
	return TEST_SUCCESS;
}

static int
test_vfio_not_ready(void)
{
	struct vfio_dev *dev;

	if (rte_vfio_is_enabled("vfio"))
		return test_skip("this machine has VFIO");
	TEST_ASSERT_SUCCESS(symlink("../../iommu_groups/12", link_path), "link");
	TEST_ASSERT_EQUAL(vfio_dev_open(base, ADDR, &dev), -ENOTSUP,
		"opened without VFIO");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "common/vfio: kernel transport",
	.unit_test_cases = {
		TEST_CASE_ST(setup, teardown, test_no_group),
		TEST_CASE_ST(setup, teardown, test_vfio_not_ready),
		TEST_CASES_END()
	}
};

static int
test_vfio_kernel(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vfio_kernel_autotest, test_vfio_kernel);
