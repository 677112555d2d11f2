/* SPDX-License-Identifier: BSD-3-Clause */

/* The PCI function: configuration space, capabilities, BARs, and accesses of any kind. */

#include <stdio.h>
#include <string.h>

#include <linux/vfio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_pci.h>

#include "virtio_function.h"

#define CONFIG VFIO_PCI_CONFIG_REGION_INDEX
#define GUARD 0x5c

static int
test_identity(void)
{
	TEST_ASSERT_EQUAL(function_read(CONFIG, PCI_VENDOR_ID, 4), 0x10411af4u, "ids");
	TEST_ASSERT_EQUAL(function_read(CONFIG, PCI_CLASS_REVISION, 4) >> 8, 0x020000u,
		"class");
	TEST_ASSERT(function_read(CONFIG, PCI_REVISION_ID, 1) >= 1,
		"a transitional device's revision");
	TEST_ASSERT(function_read(CONFIG, PCI_SUBSYSTEM_ID, 2) >= 0x40,
		"a transitional device's subsystem");
	TEST_ASSERT_EQUAL(function_read(CONFIG, PCI_HEADER_TYPE, 1), 0u, "header type");
	TEST_ASSERT_EQUAL(function_read(CONFIG, PCI_INTERRUPT_PIN, 1), 0u, "an INTx pin");
	function_write(CONFIG, PCI_VENDOR_ID, 4, 0);
	TEST_ASSERT_EQUAL(function_read(CONFIG, PCI_VENDOR_ID, 4), 0x10411af4u,
		"ids can be written");
	function_write(CONFIG, PCI_COMMAND, 2, 0xffff);
	TEST_ASSERT_EQUAL(function_read(CONFIG, PCI_COMMAND, 2), 0x406u,
		"command bits that there are not");
	virtio_pci_reset(&function.pci);
	TEST_ASSERT_EQUAL(function_read(CONFIG, PCI_COMMAND, 2), 0u,
		"the command register survives a reset");
	return TEST_SUCCESS;
}

/* Sizing as PCI 3.0 s. 6.2.5.1 has it. */
static int
test_bars(void)
{
	uint64_t size;
	unsigned int i;

	for (i = 0; i < PCI_STD_NUM_BARS; i++)
		function_write(CONFIG, PCI_BASE_ADDRESS_0 + 4 * i, 4, UINT32_MAX);
	for (i = 0; i < PCI_STD_NUM_BARS; i++) {
		size = virtio_pci_region_size(&function.pci, i);
		if (i == VIRTIO_PCI_BAR) {
			TEST_ASSERT_EQUAL(function_read(CONFIG,
				PCI_BASE_ADDRESS_0 + 4 * i, 4),
				((uint32_t)-size | 0xc), "size of the 64-bit BAR");
			i++;
			TEST_ASSERT_EQUAL(function_read(CONFIG,
				PCI_BASE_ADDRESS_0 + 4 * i, 4), UINT32_MAX,
				"its upper half");
			TEST_ASSERT_EQUAL(virtio_pci_region_size(&function.pci, i), 0u,
				"a region of half a BAR");
			continue;
		}
		TEST_ASSERT_EQUAL(function_read(CONFIG, PCI_BASE_ADDRESS_0 + 4 * i, 4),
			size == 0 ? 0 : (uint32_t)-size, "size of BAR %u", i);
	}
	function_write(CONFIG, PCI_BASE_ADDRESS_1, 4, 0xfebd1234);
	TEST_ASSERT_EQUAL(function_read(CONFIG, PCI_BASE_ADDRESS_1, 4),
		0xfebd1234 & (uint32_t)-virtio_pci_region_size(&function.pci, 1),
		"an address");
	function_write(CONFIG, PCI_ROM_ADDRESS, 4, UINT32_MAX);
	TEST_ASSERT_EQUAL(function_read(CONFIG, PCI_ROM_ADDRESS, 4), 0u, "a ROM");
	return TEST_SUCCESS;
}

/* VIRTIO 1.2 s. 4.1.4: each structure once, within the BAR, and on a page of its own. */
static int
test_capabilities(void)
{
	unsigned int found[9] = { 0 }, msix = 0, total = 0;
	uint64_t pages = 0, touched;
	uint32_t at, type, offset, length;

	TEST_ASSERT((function_read(CONFIG, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST) != 0,
		"no list");
	for (at = function_read(CONFIG, PCI_CAPABILITY_LIST, 1); at != 0;
			at = function_read(CONFIG, at + 1, 1)) {
		TEST_ASSERT(at >= 0x40 && at % 4 == 0 && total++ < 16, "0x%x", at);
		if (function_read(CONFIG, at, 1) == PCI_CAP_ID_MSIX) {
			msix++;
			TEST_ASSERT_EQUAL(function_read(CONFIG, at + PCI_MSIX_FLAGS, 2),
				FUNCTION_VECTORS - 1u, "MSI-X control");
			continue;
		}
		TEST_ASSERT_EQUAL(function_read(CONFIG, at, 1),
			(uint32_t)PCI_CAP_ID_VNDR, "id");
		type = function_read(CONFIG, at + 3, 1);
		TEST_ASSERT(type < RTE_DIM(found), "type %u", type);
		found[type]++;
		if (type == VIRTIO_PCI_CAP_PCI_CFG)
			continue;
		TEST_ASSERT_EQUAL(function_read(CONFIG, at + 4, 1),
			(uint32_t)VIRTIO_PCI_BAR, "BAR");
		offset = function_read(CONFIG, at + 8, 4);
		length = function_read(CONFIG, at + 12, 4);
		TEST_ASSERT(length > 0 && offset + length <= function.pci.at.size,
			"0x%x bytes at 0x%x", length, offset);
		touched = ((UINT64_C(1) << (offset + length + function.pci.at.page - 1) /
			function.pci.at.page) - 1) &
			~((UINT64_C(1) << offset / function.pci.at.page) - 1);
		TEST_ASSERT((pages & touched) == 0, "a page has two structures");
		pages |= touched;
	}
	TEST_ASSERT_EQUAL(msix, 1u, "MSI-X");
	for (type = 1; type <= 5; type++)
		TEST_ASSERT_EQUAL(found[type], 1u, "type %u: %u", type, found[type]);
	return TEST_SUCCESS;
}

/* What does not depend on when it is read. */
static bool
is_stable(uint32_t index, uint64_t offset, uint32_t len)
{
	const uint32_t isr = function.pci.at.isr;

	return index != VIRTIO_PCI_BAR || offset + len <= isr || offset > isr;
}

/* A read gives what reads of its bytes give, and nothing around it. */
static int
check_read(uint32_t index, uint64_t offset, uint32_t len)
{
	uint8_t buf[66], one;
	uint32_t i;

	memset(buf, GUARD, sizeof(buf));
	virtio_pci_read(&function.pci, index, offset, buf + 1, len);
	TEST_ASSERT(buf[0] == GUARD && buf[len + 1] == GUARD,
		"region %u, %u bytes at 0x%lx: more is written", index, len, offset);
	for (i = 0; is_stable(index, offset, len) && i < len; i++) {
		virtio_pci_read(&function.pci, index, offset + i, &one, 1);
		TEST_ASSERT_EQUAL(buf[i + 1], one, "region %u, %u bytes at 0x%lx: byte %u",
			index, len, offset, i);
	}
	return TEST_SUCCESS;
}

/* Places around each structure; all of the common configuration and the config space. */
static bool
is_of_interest(uint32_t index, uint64_t offset, uint64_t size)
{
	uint64_t in_page = offset % function.pci.at.page;

	return index == CONFIG || in_page < 160 || in_page + 70 > function.pci.at.page ||
		offset + 70 > size;
}

static int
access_all(uint32_t index, unsigned int *count)
{
	static const uint8_t patterns[] = { 0x00, 0xff, 0x01, 0x0f, 0xa5 };
	static const uint32_t widths[] = { 0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 63, 64 };
	uint64_t size = virtio_pci_region_size(&function.pci, index), offset;
	unsigned int w, p;
	uint8_t data[64];

	for (offset = 0; offset < size; offset++) {
		if (!is_of_interest(index, offset, size))
			continue;
		for (w = 0; w < RTE_DIM(widths) && widths[w] <= size - offset; w++) {
			for (p = 0; p < RTE_DIM(patterns); p++) {
				memset(data, patterns[p], widths[w]);
				virtio_pci_write(&function.pci, index, offset, data,
					widths[w]);
				(*count)++;
			}
			if (check_read(index, offset, widths[w]) != TEST_SUCCESS)
				return TEST_FAILED;
			(*count)++;
		}
	}
	return TEST_SUCCESS;
}

static int
test_every_access(void)
{
	static const uint32_t indices[] = { CONFIG, VIRTIO_PCI_MSIX_BAR, VIRTIO_PCI_BAR };
	unsigned int i, q, count = 0;

	/* once without a word, once with features, once with a reset that is not over */
	for (i = 0; i < 3 * RTE_DIM(indices); i++) {
		function.slow_reset = i >= 2 * RTE_DIM(indices);
		function.regs.resetting = false;
		if (i >= RTE_DIM(indices))
			function_negotiate(UINT64_C(1) << VIRTIO_F_VERSION_1);
		if (access_all(indices[i % RTE_DIM(indices)], &count) != TEST_SUCCESS)
			return TEST_FAILED;
	}
	printf("    %u accesses\n", count);
	TEST_ASSERT(count > 100000, "%u accesses", count);
	for (q = 0; q < FUNCTION_QUEUES; q++) {
		TEST_ASSERT(function.queues[q].size >= 1 &&
			function.queues[q].size <= FUNCTION_MAX_SIZE, "size of queue %u", q);
		TEST_ASSERT(function.queues[q].vector < FUNCTION_VECTORS ||
			function.queues[q].vector == VIRTIO_MSI_NO_VECTOR,
			"vector of queue %u", q);
	}
	TEST_ASSERT(function.resets > 0 && function.notified > 0,
		"a part was not reached");
	TEST_ASSERT_EQUAL(function_read(CONFIG, PCI_VENDOR_ID, 4), 0x10411af4u, "ids");
	return TEST_SUCCESS;
}

/* s. 4.1.4.9: a window for those that cannot reach the BAR. */
static int
test_window(void)
{
	static const struct {
		uint8_t bar;
		uint32_t offset, length, value;
	} reads[] = {
		{ VIRTIO_PCI_BAR, VIRTIO_PCI_COMMON_NUMQ, 2, FUNCTION_QUEUES },
		{ VIRTIO_PCI_BAR, VIRTIO_PCI_COMMON_DF, 4, 0x30021 },
		{ VIRTIO_PCI_BAR, VIRTIO_PCI_COMMON_DF, 1, 0x21 },
		/* nothing is done: what was written stays */
		{ VIRTIO_PCI_BAR, VIRTIO_PCI_COMMON_NUMQ, 0, 0x11223344 },
		{ VIRTIO_PCI_BAR, VIRTIO_PCI_COMMON_NUMQ, 3, 0x11223344 },
		{ VIRTIO_PCI_BAR, VIRTIO_PCI_COMMON_NUMQ, 8, 0x11223344 },
		{ VIRTIO_PCI_BAR, VIRTIO_PCI_COMMON_NUMQ, UINT32_MAX, 0x11223344 },
		{ VIRTIO_PCI_BAR, VIRTIO_PCI_COMMON_NUMQ + 1, 2, 0x11223344 },
		{ VIRTIO_PCI_BAR, UINT32_MAX - 3, 4, 0x11223344 },
		{ 0, 0, 4, 0x11223344 },
		{ 6, 0, 4, 0x11223344 },
		{ CONFIG, 0, 4, 0x11223344 },
		{ 255, 0, 4, 0x11223344 },
	};
	uint8_t cap = function.pci.window_cap;
	unsigned int i;

	for (i = 0; i < RTE_DIM(reads); i++) {
		function_write(CONFIG, cap + 12, 4, 0);
		function_write(CONFIG, cap + 16, 4, 0x11223344);
		function_write(CONFIG, cap + 4, 1, reads[i].bar);
		function_write(CONFIG, cap + 8, 4, reads[i].offset);
		function_write(CONFIG, cap + 12, 4, reads[i].length);
		TEST_ASSERT_EQUAL(function_read(CONFIG, cap + 16, 4) &
			(reads[i].length < 4 && reads[i].value != 0x11223344 ?
			(1u << 8 * reads[i].length) - 1 : UINT32_MAX), reads[i].value,
			"%u: 0x%x", i, function_read(CONFIG, cap + 16, 4));
	}
	function_write(CONFIG, cap + 4, 1, VIRTIO_PCI_BAR);
	function_write(CONFIG, cap + 8, 4, VIRTIO_PCI_COMMON_Q_SELECT);
	function_write(CONFIG, cap + 12, 4, 2);
	function_write(CONFIG, cap + 16, 4, 0xdead0003);
	TEST_ASSERT_EQUAL(function.regs.queue_select, 3, "a write by the window");
	function.slow_reset = true;
	function_write(CONFIG, cap + 8, 4, VIRTIO_PCI_COMMON_STATUS);
	function_write(CONFIG, cap + 12, 4, 1);
	TEST_ASSERT_EQUAL(function_write(CONFIG, cap + 16, 1, 0), 1,
		"a reset by the window says that it is over");
	return TEST_SUCCESS;
}

static int
test_isr(void)
{
	uint32_t isr = function.pci.at.isr, flags = function.pci.msix_cap + PCI_MSIX_FLAGS;

	virtio_pci_set_isr(&function.pci, VIRTIO_PCI_ISR_CONFIG);
	TEST_ASSERT_EQUAL(function_read(VIRTIO_PCI_BAR, isr + 1, 1), 0u, "beside it");
	TEST_ASSERT_EQUAL(function_read(VIRTIO_PCI_BAR, isr, 1), 2u, "not set");
	TEST_ASSERT_EQUAL(function_read(VIRTIO_PCI_BAR, isr, 1), 0u,
		"reading does not clear it");
	function_write(CONFIG, flags, 2, PCI_MSIX_FLAGS_ENABLE);
	virtio_pci_set_isr(&function.pci, VIRTIO_PCI_ISR_CONFIG);
	TEST_ASSERT_EQUAL(function_read(VIRTIO_PCI_BAR, isr, 1), 0u, "set with MSI-X");
	return TEST_SUCCESS;
}

static int
test_msix(void)
{
	uint32_t flags = function.pci.msix_cap + PCI_MSIX_FLAGS, i;

	for (i = 0; i < FUNCTION_VECTORS; i++)
		TEST_ASSERT_EQUAL(function_read(VIRTIO_PCI_MSIX_BAR, 16 * i + 12, 4), 1u,
			"vector %u is not masked", i);
	function_write(VIRTIO_PCI_MSIX_BAR, 16, 4, 0xfee00000);
	TEST_ASSERT_EQUAL(function_read(VIRTIO_PCI_MSIX_BAR, 16, 4), 0xfee00000, "kept");
	function_write(VIRTIO_PCI_MSIX_BAR, 16 * FUNCTION_VECTORS, 4, 1);
	TEST_ASSERT_EQUAL(function_read(VIRTIO_PCI_MSIX_BAR, 16 * FUNCTION_VECTORS, 4), 0u,
		"behind the table");
	function_write(VIRTIO_PCI_MSIX_BAR, function.pci.at.msix_pba, 4, 1);
	TEST_ASSERT_EQUAL(function_read(VIRTIO_PCI_MSIX_BAR, function.pci.at.msix_pba, 4),
		0u, "pending");
	function_write(CONFIG, flags, 2, 0xffff);
	TEST_ASSERT_EQUAL(function_read(CONFIG, flags, 2),
		0xc000u | (FUNCTION_VECTORS - 1), "table size can be written");
	virtio_pci_reset(&function.pci);
	TEST_ASSERT_EQUAL(function_read(VIRTIO_PCI_MSIX_BAR, 16, 4), 0u, "a reset");
	TEST_ASSERT_EQUAL(function_read(CONFIG, flags, 2), FUNCTION_VECTORS - 1u, "a reset");
	return TEST_SUCCESS;
}

/* Each doorbell by its address, whatever is written. */
static int
test_doorbells(void)
{
	static const uint32_t widths[] = { 1, 2, 4, 8 };
	uint32_t at = function.pci.at.notify;
	unsigned int i, w, n = 0;

	for (i = 0; i < 2 * function.pci.at.page / 4; i++) {
		w = widths[i % RTE_DIM(widths)];
		if (at + 4 * i + w > function.pci.at.size)
			break;
		function_write(VIRTIO_PCI_BAR, at + 4 * i, w, i * 7);
		TEST_ASSERT(function.notified == ++n && function.last_notify == i,
			"doorbell %u: %u", i, function.last_notify);
	}
	TEST_ASSERT_EQUAL(virtio_pci_notify_off(&function.pci, true, 0),
		(function.pci.at.notify_trapped - at) / 4, "the one that traps");
	function_write(VIRTIO_PCI_BAR, at + 2 * function.pci.at.page, 2, 0);
	TEST_ASSERT_EQUAL(function.notified, n, "behind the last");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: PCI function",
	.unit_test_cases = {
		TEST_CASE_ST(function_start, function_stop, test_identity),
		TEST_CASE_ST(function_start, function_stop, test_bars),
		TEST_CASE_ST(function_start, function_stop, test_capabilities),
		TEST_CASE_ST(function_start, function_stop, test_every_access),
		TEST_CASE_ST(function_start, function_stop, test_window),
		TEST_CASE_ST(function_start, function_stop, test_isr),
		TEST_CASE_ST(function_start, function_stop, test_msix),
		TEST_CASE_ST(function_start, function_stop, test_doorbells),
		TEST_CASES_END()
	},
};

static int
test_virtio_pci(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(virtio_pci_autotest, test_virtio_pci);
