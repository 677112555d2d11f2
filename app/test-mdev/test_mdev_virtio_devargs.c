/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>

#include <mdev_virtio_ethdev.h>

#include "test.h"

static int
parse(const char *args, bool *mrg_rxbuf)
{
	struct mdev_virtio_devargs devargs;
	int ret = mdev_virtio_devargs_parse("name", args, &devargs);

	*mrg_rxbuf = devargs.mrg_rxbuf;
	return ret;
}

static int
test_good(void)
{
	bool mrg;

	TEST_ASSERT_SUCCESS(parse(NULL, &mrg), "none");
	TEST_ASSERT(mrg, "not the default");
	TEST_ASSERT_SUCCESS(parse("", &mrg), "empty");
	TEST_ASSERT(mrg, "not the default");
	TEST_ASSERT_SUCCESS(parse("mrg_rxbuf=0", &mrg), "0");
	TEST_ASSERT(!mrg, "0 is 1");
	TEST_ASSERT_SUCCESS(parse("driver=net_mdev_virtio,mrg_rxbuf=0", &mrg),
		"long form");
	TEST_ASSERT(!mrg, "0 is 1");
	return TEST_SUCCESS;
}

static int
test_bad(void)
{
	bool mrg;

	TEST_ASSERT_EQUAL(parse("mrg_rxbuf=2", &mrg), -EINVAL, "2");
	TEST_ASSERT_EQUAL(parse("mrg_rxbuf=yes", &mrg), -EINVAL, "yes");
	TEST_ASSERT_EQUAL(parse("mrg_rxbuf", &mrg), -EINVAL, "no value");
	TEST_ASSERT_EQUAL(parse("color=red", &mrg), -EINVAL, "unknown key");
	TEST_ASSERT_EQUAL(parse("=,=", &mrg), -EINVAL, "nonsense");
	return TEST_SUCCESS;
}

static int
test_coalesce(void)
{
	static const char * const bad[] = {
		"rx_coal", "rx_coal=", "rx_coal=5", "rx_coal=5:", "rx_coal=:5",
		"rx_coal=-1:5", "rx_coal=5:5:5", "rx_coal=4294967296:1",
		"rx_coal=1:99999999999999999999", "rx_coal= 1:1", "rx_coal=a:b",
	};
	struct mdev_virtio_devargs devargs;
	unsigned int i;

	TEST_ASSERT_SUCCESS(mdev_virtio_devargs_parse("name", "", &devargs), "none");
	TEST_ASSERT(!devargs.rx_coal.set, "set by nobody");
	TEST_ASSERT_SUCCESS(mdev_virtio_devargs_parse("name",
		"rx_coal=50:4294967295", &devargs), "good");
	TEST_ASSERT(devargs.rx_coal.set && devargs.rx_coal.usecs == 50 &&
		devargs.rx_coal.packets == UINT32_MAX, "other values");
	for (i = 0; i < RTE_DIM(bad); i++)
		TEST_ASSERT_EQUAL(mdev_virtio_devargs_parse("name", bad[i],
			&devargs), -EINVAL, "%s", bad[i]);
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: device arguments",
	.unit_test_cases = {
		TEST_CASE(test_good),
		TEST_CASE(test_bad),
		TEST_CASE(test_coalesce),
		TEST_CASES_END()
	}
};

static int
test_mdev_virtio_devargs(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_virtio_devargs_autotest, test_mdev_virtio_devargs);
