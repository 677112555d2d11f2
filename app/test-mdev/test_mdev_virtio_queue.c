/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>

#include "test.h"
#include "virtio_port.h"

static int
setup(void)
{
	if (virtio_port_prepare(FAKE_VIRTIO_TRAPPED) < 0)
		return TEST_FAILED;
	return virtio_port_attach("");
}

/* VIRTIO 1.2 s. 2.7: a power of two, up to what the device has. */
static int
test_sizes(void)
{
	TEST_ASSERT_EQUAL(virtio_port_start(100), -EINVAL, "100");
	TEST_ASSERT_EQUAL(virtio_port_start(4), -EINVAL, "4");
	TEST_ASSERT_EQUAL(virtio_port_start(512), -EINVAL, "512");
	TEST_ASSERT_SUCCESS(virtio_port_start(256), "256");
	TEST_ASSERT_EQUAL(fake_virtio.queue[1].size, 256, "%u",
		fake_virtio.queue[1].size);
	return TEST_SUCCESS;
}

/* A queue that the device does not take as it was set up. */
static int
test_not_taken(void)
{
	fake_virtio.keeps_size = true;
	TEST_ASSERT_EQUAL(virtio_port_start(64), -EPROTO, "another size");
	fake_virtio.keeps_size = false;
	fake_virtio.never_enables = true;
	TEST_ASSERT_EQUAL(virtio_port_start(64), -EPROTO, "not enabled");
	fake_virtio.never_enables = false;
	fake_virtio.queue[1].notify_off = 0xffff;
	TEST_ASSERT_EQUAL(virtio_port_start(64), -EPROTO, "doorbell");
	fake_virtio.queue[1].notify_off = 1;
	TEST_ASSERT_SUCCESS(virtio_port_start(64), "now");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: queues",
	.unit_test_cases = {
		TEST_CASE_ST(setup, virtio_port_stop, test_sizes),
		TEST_CASE_ST(setup, virtio_port_stop, test_not_taken),
		TEST_CASES_END()
	}
};

static int
test_mdev_virtio_queue(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_virtio_queue_autotest, test_mdev_virtio_queue);
