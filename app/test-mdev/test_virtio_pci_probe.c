/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>

#include <rte_byteorder.h>

#include <virtio_pci_modern.h>

#include "fake_vfio.h"
#include "fake_virtio.h"
#include "test.h"

static struct virtio_transport *tr;
static struct vfio_dev *vfio;
static uint8_t *config;

static int
setup(void)
{
	tr = NULL;
	if (fake_virtio_start(FAKE_VIRTIO_TRAPPED) < 0)
		return TEST_FAILED;
	config = fake_vfio.regions[VFIO_PCI_CONFIG_REGION_INDEX].mem;
	return vfio_dev_open(FAKE_VFIO_BASE, FAKE_VFIO_ADDR, &vfio);
}

static void
teardown(void)
{
	if (tr != NULL)
		tr->ops->destroy(tr);
	vfio_dev_close(vfio);
	fake_virtio_stop();
}

static void
put32(unsigned int at, uint32_t value)
{
	value = rte_cpu_to_le_32(value);
	memcpy(config + at, &value, sizeof(value));
}

static int
test_create(void)
{
	uint16_t count;

	TEST_ASSERT_SUCCESS(virtio_pci_modern_create(vfio, &tr), "refused");
	TEST_ASSERT_EQUAL(tr->config_len, sizeof(struct virtio_net_config),
		"%u bytes of configuration", tr->config_len);
	TEST_ASSERT_EQUAL(config[PCI_COMMAND],
		PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, "command %02x",
		config[PCI_COMMAND]);
	TEST_ASSERT_EQUAL(fake_virtio.resets, 0, "it was reset");
	TEST_ASSERT_SUCCESS(tr->ops->get_vq_count(tr, &count), "queues");
	TEST_ASSERT_EQUAL(count, 2, "%u queues", count);
	return TEST_SUCCESS;
}

static int
expect_refused(int error)
{
	int ret = virtio_pci_modern_create(vfio, &tr);

	TEST_ASSERT_EQUAL(ret, error, "returned %d", ret);
	tr = NULL;
	return TEST_SUCCESS;
}

static int
test_other_ids(void)
{
	config[PCI_DEVICE_ID] = 0x42; /* a block device */
	TEST_ASSERT_SUCCESS(expect_refused(-ENOTSUP), "taken");
	config[PCI_DEVICE_ID] = 0x00; /* transitional, with modern capabilities */
	TEST_ASSERT_SUCCESS(virtio_pci_modern_create(vfio, &tr), "refused");
	return TEST_SUCCESS;
}

/* Structures that do not lie in their BAR are passed over, and then missing. */
static int
test_outside_bar(void)
{
	const unsigned int offset = offsetof(struct virtio_pci_cap, offset);
	const unsigned int length = offsetof(struct virtio_pci_cap, length);
	const unsigned int bar = offsetof(struct virtio_pci_cap, bar);

	put32(FAKE_VIRTIO_CAP_COMMON + offset, FAKE_VIRTIO_BAR_SIZE);
	TEST_ASSERT_SUCCESS(expect_refused(-ENOTSUP), "offset at the end");
	put32(FAKE_VIRTIO_CAP_COMMON + offset, UINT32_MAX - 3);
	TEST_ASSERT_SUCCESS(expect_refused(-ENOTSUP), "offset that wraps");
	put32(FAKE_VIRTIO_CAP_COMMON + offset, 2);
	TEST_ASSERT_SUCCESS(expect_refused(-ENOTSUP), "offset not aligned");
	put32(FAKE_VIRTIO_CAP_COMMON + offset, 0);
	put32(FAKE_VIRTIO_CAP_COMMON + length, UINT32_MAX);
	TEST_ASSERT_SUCCESS(expect_refused(-ENOTSUP), "length");
	put32(FAKE_VIRTIO_CAP_COMMON + length, 0x37);
	TEST_ASSERT_SUCCESS(expect_refused(-ENOTSUP), "too short");
	put32(FAKE_VIRTIO_CAP_COMMON + length, 0x38);
	config[FAKE_VIRTIO_CAP_COMMON + bar] = 6;
	TEST_ASSERT_SUCCESS(expect_refused(-ENOTSUP), "BAR 6");
	config[FAKE_VIRTIO_CAP_COMMON + bar] = 5;
	TEST_ASSERT_SUCCESS(expect_refused(-ENOTSUP), "a BAR that is not there");
	config[FAKE_VIRTIO_CAP_COMMON + bar] = 0;
	config[FAKE_VIRTIO_CAP_NOTIFY + offsetof(struct virtio_pci_cap, cap_len)] =
		sizeof(struct virtio_pci_cap);
	TEST_ASSERT_SUCCESS(expect_refused(-ENOTSUP), "no multiplier");
	return TEST_SUCCESS;
}

static int
test_no_capabilities(void)
{
	config[PCI_CAPABILITY_LIST] = 0;
	TEST_ASSERT_SUCCESS(expect_refused(-ENOTSUP), "a legacy device");
	config[PCI_CAPABILITY_LIST] = FAKE_VIRTIO_CAP_COMMON;
	config[FAKE_VIRTIO_CAP_NOTIFY + 1] = FAKE_VIRTIO_CAP_COMMON;
	TEST_ASSERT_SUCCESS(expect_refused(-EPROTO), "a list that loops");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: capabilities of virtio over PCI",
	.unit_test_cases = {
		TEST_CASE_ST(setup, teardown, test_create),
		TEST_CASE_ST(setup, teardown, test_other_ids),
		TEST_CASE_ST(setup, teardown, test_outside_bar),
		TEST_CASE_ST(setup, teardown, test_no_capabilities),
		TEST_CASES_END()
	}
};

static int
test_virtio_pci_probe(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(virtio_pci_probe_autotest, test_virtio_pci_probe);
