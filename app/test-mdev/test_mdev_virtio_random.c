/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Calls of ethdev in random order, on devices that offer random features. After each one
 * the device has what ethdev says of the port, and frames pass with their content. Then the
 * same with devices that do something wrong now and then: nothing is lost by it, and the
 * port can be configured and started again.
 */

#include <inttypes.h>

#include "fake_vfio.h"
#include "test.h"
#include "virtio_calls.h"
#include "virtio_layout.h"
#include "virtio_port.h"

/* Devices in a run, and calls of each; under emulation one takes seconds. */
#define DEVICES 24
#define DEVICES_EMULATED 2
#define CALLS 300

static int
report(unsigned int number, int ret)
{
	const struct rte_eth_dev_data *data = virtio_port.dev->data;

	TEST_ASSERT(false, "call %u, %s: %d, of %u and %u queues; offered 0x%" PRIx64
		", accepted 0x%" PRIx64, number, virtio_calls_name(), ret,
		data->nb_rx_queues, data->nb_tx_queues, fake_virtio.offered,
		fake_virtio.accepted);
}

static int
good_device(void)
{
	unsigned int i;
	int ret;

	ret = virtio_calls_configure();
	for (i = 0; i < CALLS && ret == 0; i++) {
		ret = virtio_calls_any(false);
		if (ret == 0)
			ret = virtio_calls_check();
	}
	return ret == 0 ? TEST_SUCCESS : report(i, ret);
}

/* From now on, until the next call is over. */
static void
misbehave(void)
{
	static const enum fake_vfio_op ops[] = {
		FAKE_OP_REGION_READ, FAKE_OP_REGION_WRITE, FAKE_OP_SET_IRQS,
	};
	static const enum fake_virtio_answer answers[] = {
		FAKE_ANSWER_REFUSED, FAKE_ANSWER_NEVER, FAKE_ANSWER_WRONG_ID,
		FAKE_ANSWER_NEEDS_RESET, FAKE_ANSWER_RESET, FAKE_ANSWER_NO_LENGTH,
	};

	switch (layout_random(8)) {
	case 0:
		fake_virtio.never_enables = true;
		break;
	case 1:
		fake_virtio.no_vectors = true;
		break;
	case 2:
		fake_virtio.refuses_features = true;
		break;
	case 3:
		fake_virtio.never_settles = true;
		break;
	case 4:
		/* a second, or two, is waited for it */
		fake_virtio.never_resets = layout_random(8) == 0;
		break;
	case 5:
		fake_virtio.answer = answers[layout_random(RTE_DIM(answers))];
		break;
	default:
		fake_vfio.fail = ops[layout_random(RTE_DIM(ops))];
		fake_vfio.fail_after = layout_random(layout_random(2) == 0 ? 10 : 100);
		break;
	}
}

static void
behave(void)
{
	fake_vfio.fail = FAKE_OP_NONE;
	fake_virtio.never_enables = false;
	fake_virtio.no_vectors = false;
	fake_virtio.refuses_features = false;
	fake_virtio.never_settles = false;
	fake_virtio.never_resets = false;
	fake_virtio.answer = FAKE_ANSWER;
}

/* Whatever became of the port, it is stopped, nothing is lost, and it can be used again. */
static int
use_again(void)
{
	int ret;

	behave();
	ret = virtio_calls_rest();
	TEST_ASSERT_SUCCESS(ret, "reset: %d", ret);
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "%u mbufs", virtio_port_mbufs());
	fake_virtio.counts.bad = 0;
	ret = virtio_calls_configure();
	return ret == 0 ? rte_eth_dev_start(virtio_port.id) : ret;
}

static int
bad_device(void)
{
	unsigned int i;
	bool bad;
	int ret;

	ret = virtio_calls_configure();
	for (i = 0; i < CALLS && ret == 0; i++) {
		bad = layout_random(8) == 0;
		if (bad)
			misbehave();
		ret = virtio_calls_any(bad);
		if (bad)
			ret = use_again();
		if (ret == 0)
			ret = virtio_calls_check();
	}
	return ret == 0 ? TEST_SUCCESS : report(i, ret);
}

/* All mbufs of a device that is detached, however it was left, are back. */
static int
devices(int (*run)(void))
{
	unsigned int nr = test_is_emulated() ? DEVICES_EMULATED : DEVICES, lost = 0, i;
	int ret = TEST_SUCCESS;

	for (i = 0; i < nr && ret == TEST_SUCCESS; i++) {
		ret = virtio_calls_attach() == TEST_SUCCESS ? run() : TEST_FAILED;
		if (virtio_port.dev != NULL)
			virtio_port_detach();
		lost += virtio_port_mbufs();
		virtio_port_stop();
	}
	TEST_ASSERT_SUCCESS(ret, "device %u", i - 1);
	TEST_ASSERT_EQUAL(lost, 0, "%u mbufs", lost);
	return TEST_SUCCESS;
}

static int
test_good(void)
{
	return devices(good_device);
}

static int
test_bad(void)
{
	return devices(bad_device);
}

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: calls in random order",
	.unit_test_cases = {
		TEST_CASE(test_good),
		TEST_CASE(test_bad),
		TEST_CASES_END()
	}
};

static int
test_mdev_virtio_random(void)
{
	layout_random_start();
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_virtio_random_autotest, test_mdev_virtio_random);
