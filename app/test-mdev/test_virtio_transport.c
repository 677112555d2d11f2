/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>

#include <linux/virtio_config.h>

#include <virtio_pci_modern.h>
#include <virtio_transport.h>

#include "fake_vfio.h"
#include "fake_virtio.h"
#include "test.h"

static struct virtio_transport *tr;
static struct vfio_dev *vfio;

static int
setup(void)
{
	if (fake_virtio_start(FAKE_VIRTIO_TRAPPED) < 0 ||
			vfio_dev_open(FAKE_VFIO_BASE, FAKE_VFIO_ADDR, &vfio) < 0)
		return TEST_FAILED;
	return virtio_pci_modern_create(vfio, &tr);
}

static void
teardown(void)
{
	if (tr != NULL)
		tr->ops->destroy(tr);
	tr = NULL;
	vfio_dev_close(vfio);
	fake_virtio_stop();
}

static uint64_t
take(uint64_t offered, void *arg)
{
	return offered & *(const uint64_t *)arg;
}

static int
negotiate(uint64_t wanted, uint64_t *features)
{
	return virtio_device_negotiate(tr, take, &wanted, features);
}

/* VIRTIO 1.2 s. 3.1.1, up to FEATURES_OK. */
static int
test_negotiate(void)
{
	uint64_t features;

	TEST_ASSERT_SUCCESS(negotiate(UINT64_MAX, &features), "failed");
	TEST_ASSERT_EQUAL(features, fake_virtio.offered, "features");
	TEST_ASSERT_EQUAL(fake_virtio.accepted, fake_virtio.offered, "accepted");
	TEST_ASSERT_EQUAL(fake_virtio.status, VIRTIO_CONFIG_S_ACKNOWLEDGE |
		VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK,
		"status %02x", fake_virtio.status);
	TEST_ASSERT_EQUAL(fake_virtio.resets, 1, "%u resets", fake_virtio.resets);
	TEST_ASSERT_SUCCESS(negotiate(UINT64_C(1) << VIRTIO_F_VERSION_1,
		&features), "again");
	TEST_ASSERT_EQUAL(fake_virtio.accepted,
		UINT64_C(1) << VIRTIO_F_VERSION_1, "accepted");
	return TEST_SUCCESS;
}

static int
test_legacy(void)
{
	uint64_t features;

	fake_virtio.offered &= UINT32_MAX;
	TEST_ASSERT_EQUAL(negotiate(UINT64_MAX, &features), -ENOTSUP,
		"a legacy device was taken");
	TEST_ASSERT(fake_virtio.status & VIRTIO_CONFIG_S_FAILED, "not told");
	return TEST_SUCCESS;
}

static int
test_features_refused(void)
{
	uint64_t features;

	fake_virtio.refuses_features = true;
	TEST_ASSERT_EQUAL(negotiate(UINT64_MAX, &features), -EPROTO,
		"FEATURES_OK was not read back");
	TEST_ASSERT(fake_virtio.status & VIRTIO_CONFIG_S_FAILED, "not told");
	return TEST_SUCCESS;
}

/* A device that never answers a reset: bounded, and other means were tried. */
static int
test_reset_never_ends(void)
{
	TEST_ASSERT_SUCCESS(virtio_device_add_status(tr, 1), "status");
	fake_virtio.never_resets = true;
	TEST_ASSERT_EQUAL(virtio_device_reset(tr), -ETIMEDOUT, "it did not");
	TEST_ASSERT_EQUAL(fake_vfio.resets, 1, "no function reset");
	fake_virtio.never_resets = false;
	TEST_ASSERT_SUCCESS(virtio_device_reset(tr), "it does now");
	return TEST_SUCCESS;
}

static int
test_generation(void)
{
	uint8_t mac[6];

	TEST_ASSERT_SUCCESS(virtio_device_config_read(tr, 0, mac, sizeof(mac)),
		"not read");
	TEST_ASSERT_EQUAL(mac[5], 7, "another address");
	fake_virtio.never_settles = true;
	TEST_ASSERT_EQUAL(virtio_device_config_read(tr, 0, mac, sizeof(mac)),
		-EAGAIN, "it never settles");
	return TEST_SUCCESS;
}

static int
test_access_fails(void)
{
	uint64_t features;
	uint8_t mac[6];
	unsigned int i;

	/* whichever access fails, it is reported; but the reset has other means */
	fake_vfio.fail = FAKE_OP_REGION_READ;
	TEST_ASSERT_SUCCESS(negotiate(UINT64_MAX, &features), "not reset");
	TEST_ASSERT_EQUAL(fake_vfio.resets, 1, "no function reset");
	for (i = 1; i < 6; i++) {
		fake_vfio.fail = FAKE_OP_REGION_READ;
		fake_vfio.fail_after = i;
		TEST_ASSERT_FAIL(negotiate(UINT64_MAX, &features), "read %u", i);
		TEST_ASSERT_EQUAL(fake_vfio.fail, FAKE_OP_NONE, "read %u", i);
	}
	fake_vfio.fail = FAKE_OP_REGION_READ;
	fake_vfio.fail_after = 1;
	TEST_ASSERT_EQUAL(virtio_device_config_read(tr, 0, mac, sizeof(mac)),
		-EIO, "error lost");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: status machine",
	.unit_test_cases = {
		TEST_CASE_ST(setup, teardown, test_negotiate),
		TEST_CASE_ST(setup, teardown, test_legacy),
		TEST_CASE_ST(setup, teardown, test_features_refused),
		TEST_CASE_ST(setup, teardown, test_reset_never_ends),
		TEST_CASE_ST(setup, teardown, test_generation),
		TEST_CASE_ST(setup, teardown, test_access_fails),
		TEST_CASES_END()
	}
};

static int
test_virtio_transport(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(virtio_transport_autotest, test_virtio_transport);
