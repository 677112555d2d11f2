/* SPDX-License-Identifier: BSD-3-Clause */

#include <string.h>

#include <linux/vfio.h>

#include <vfio_names.h>

#include "test.h"

static char text[VFIO_FLAGS_TEXT_LEN];

#define ASSERT_TEXT(function, flags, expected) \
	TEST_ASSERT_SUCCESS(strcmp(function(flags, text, sizeof(text)), expected), \
		"%#x is '%s'", (unsigned int)(flags), text)

static int
test_flags(void)
{
	ASSERT_TEXT(vfio_device_flags_text,
		VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET, "reset pci");
	ASSERT_TEXT(vfio_region_flags_text,
		VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_MMAP, "read mmap");
	ASSERT_TEXT(vfio_irq_flags_text,
		VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE, "eventfd noresize");
	ASSERT_TEXT(vfio_region_flags_text, 0, "");
	ASSERT_TEXT(vfio_irq_flags_text, 0x80000000, "");
	return TEST_SUCCESS;
}

/* A kernel may set any flag. */
static int
test_all_flags(void)
{
	ASSERT_TEXT(vfio_device_flags_text, UINT32_MAX,
		"reset pci platform amba ccw ap fsl-mc caps");
	ASSERT_TEXT(vfio_region_flags_text, UINT32_MAX, "read write mmap");
	ASSERT_TEXT(vfio_irq_flags_text, UINT32_MAX,
		"eventfd maskable automasked noresize");
	return TEST_SUCCESS;
}

/* What does not fit is cut, and nothing behind it is written. */
static int
test_no_room(void)
{
	const char all[] = "eventfd maskable automasked noresize";
	size_t size;

	for (size = 1; size <= sizeof(all); size++) {
		memset(text, 'x', sizeof(text));
		vfio_irq_flags_text(UINT32_MAX, text, size);
		TEST_ASSERT_EQUAL(strlen(text), size - 1, "'%s' in %zu", text, size);
		TEST_ASSERT_SUCCESS(strncmp(text, all, size - 1), "'%s'", text);
		TEST_ASSERT_EQUAL(text[size], 'x', "written behind %zu", size);
	}
	return TEST_SUCCESS;
}

static int
test_pci(void)
{
	uint32_t i;

	for (i = 0; i < VFIO_PCI_NUM_REGIONS; i++)
		TEST_ASSERT_NOT_NULL(vfio_pci_region_name(i), "region %u", i);
	for (i = 0; i < VFIO_PCI_NUM_IRQS; i++)
		TEST_ASSERT_NOT_NULL(vfio_pci_irq_name(i), "irq %u", i);
	TEST_ASSERT_SUCCESS(strcmp(vfio_pci_region_name(VFIO_PCI_CONFIG_REGION_INDEX),
		"config"), "config");
	TEST_ASSERT_SUCCESS(strcmp(vfio_pci_irq_name(VFIO_PCI_MSIX_IRQ_INDEX),
		"MSI-X"), "MSI-X");
	TEST_ASSERT_NULL(vfio_pci_region_name(VFIO_PCI_NUM_REGIONS), "one too many");
	TEST_ASSERT_NULL(vfio_pci_irq_name(VFIO_PCI_NUM_IRQS), "one too many");
	TEST_ASSERT_NULL(vfio_pci_region_name(UINT32_MAX), "no region");
	TEST_ASSERT_NULL(vfio_pci_irq_name(UINT32_MAX), "no interrupt");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "common/vfio: names",
	.unit_test_cases = {
		TEST_CASE(test_flags),
		TEST_CASE(test_all_flags),
		TEST_CASE(test_no_room),
		TEST_CASE(test_pci),
		TEST_CASES_END()
	}
};

static int
test_vfio_names(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vfio_names_autotest, test_vfio_names);
