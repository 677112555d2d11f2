/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include <vfio_pci.h>
#include <vfio_region.h>

#include "fake_vfio.h"
#include "test.h"

#define CONFIG VFIO_PCI_CONFIG_REGION_INDEX
#define BAR2 VFIO_PCI_BAR2_REGION_INDEX
#define MSIX_AT 0x40

static struct vfio_dev *dev;
static uint8_t *config;

static int
setup(void)
{
	fake_vfio_start();
	if (fake_vfio_back(CONFIG, PCI_CFG_SPACE_SIZE,
			VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE) < 0)
		return TEST_FAILED;
	config = fake_vfio.regions[CONFIG].mem;
	return vfio_dev_open(FAKE_VFIO_BASE, FAKE_VFIO_ADDR, &dev);
}

static void
teardown(void)
{
	vfio_dev_close(dev);
	dev = NULL;
	fake_vfio_stop();
}

static void
setup_again(void)
{
	teardown();
	setup();
}

static void
put_cap(uint8_t at, uint8_t id, uint8_t next)
{
	config[PCI_STATUS] = PCI_STATUS_CAP_LIST;
	config[at + PCI_CAP_LIST_ID] = id;
	config[at + PCI_CAP_LIST_NEXT] = next;
}

static int
test_ids(void)
{
	const uint8_t head[] = {
		0xf4, 0x1a, 0x41, 0x10, 0, 0, 0, 0, 0x05, 0x01, 0x02, 0x03,
	};
	struct vfio_pci_ids ids;

	memcpy(config, head, sizeof(head));
	config[PCI_SUBSYSTEM_VENDOR_ID] = 0x34;
	config[PCI_SUBSYSTEM_VENDOR_ID + 1] = 0x12;
	config[PCI_SUBSYSTEM_ID] = 0x78;
	config[PCI_SUBSYSTEM_ID + 1] = 0x56;
	TEST_ASSERT_SUCCESS(vfio_pci_read_ids(dev, &ids), "not read");
	TEST_ASSERT_EQUAL(ids.vendor, 0x1af4, "vendor %04x", ids.vendor);
	TEST_ASSERT_EQUAL(ids.device, 0x1041, "device %04x", ids.device);
	TEST_ASSERT_EQUAL(ids.revision, 5, "revision %02x", ids.revision);
	TEST_ASSERT_EQUAL(ids.class_code, 0x030201, "class %06x", ids.class_code);
	TEST_ASSERT_EQUAL(ids.subsystem_vendor, 0x1234, "subsystem vendor");
	TEST_ASSERT_EQUAL(ids.subsystem_device, 0x5678, "subsystem device");
	fake_vfio.fail = FAKE_OP_REGION_READ;
	fake_vfio.fail_after = 2;
	TEST_ASSERT_EQUAL(vfio_pci_read_ids(dev, &ids), -EIO, "error lost");
	return TEST_SUCCESS;
}

static int
test_capabilities(void)
{
	TEST_ASSERT_EQUAL(vfio_pci_find_cap(dev, PCI_CAP_ID_VNDR, 0), -ENOENT,
		"found one in a device without a list");
	config[PCI_CAPABILITY_LIST] = 0x43; /* the low bits are reserved */
	put_cap(0x40, PCI_CAP_ID_VNDR, 0x80);
	put_cap(0x80, PCI_CAP_ID_MSIX, 0x60);
	put_cap(0x60, PCI_CAP_ID_VNDR, 0);
	TEST_ASSERT_EQUAL(vfio_pci_find_cap(dev, PCI_CAP_ID_VNDR, 0), 0x40,
		"not the first");
	TEST_ASSERT_EQUAL(vfio_pci_find_cap(dev, PCI_CAP_ID_VNDR, 0x40), 0x60,
		"not the second");
	TEST_ASSERT_EQUAL(vfio_pci_find_cap(dev, PCI_CAP_ID_VNDR, 0x60), -ENOENT,
		"a third");
	TEST_ASSERT_EQUAL(vfio_pci_find_cap(dev, PCI_CAP_ID_MSIX, 0), 0x80,
		"MSI-X was not found");
	TEST_ASSERT_EQUAL(vfio_pci_find_cap(dev, PCI_CAP_ID_EXP, 0), -ENOENT,
		"found what is not there");
	/* no further read: each may be a message */
	fake_vfio.fail = FAKE_OP_REGION_READ;
	fake_vfio.fail_after = 0;
	TEST_ASSERT_EQUAL(vfio_pci_find_cap(dev, PCI_CAP_ID_VNDR, 0x40), 0x60,
		"the list is walked again");
	return TEST_SUCCESS;
}

static int
test_capability_loops(void)
{
	int pos, steps = 0;

	config[PCI_CAPABILITY_LIST] = 0x40;
	put_cap(0x40, PCI_CAP_ID_VNDR, 0x60);
	put_cap(0x60, PCI_CAP_ID_VNDR, 0x40);
	for (pos = 0; pos >= 0 && steps < 100; steps++)
		pos = vfio_pci_find_cap(dev, PCI_CAP_ID_VNDR, pos);
	TEST_ASSERT_EQUAL(pos, -EPROTO, "the loop ended with %d", pos);
	TEST_ASSERT_EQUAL(vfio_pci_find_cap(dev, PCI_CAP_ID_EXP, 0), -EPROTO,
		"the loop was not noticed");
	put_cap(0x40, PCI_CAP_ID_VNDR, 0x10);
	TEST_ASSERT_EQUAL(vfio_pci_find_cap(dev, PCI_CAP_ID_EXP, 0), -EPROTO,
		"a capability within the header was followed");
	return TEST_SUCCESS;
}

static int
test_command(void)
{
	config[PCI_COMMAND] = PCI_COMMAND_IO;
	TEST_ASSERT_SUCCESS(vfio_pci_command(dev,
		PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, PCI_COMMAND_IO), "failed");
	TEST_ASSERT_EQUAL(config[PCI_COMMAND],
		PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, "command %02x",
		config[PCI_COMMAND]);
	fake_vfio.regions[CONFIG].writes = 0;
	TEST_ASSERT_SUCCESS(vfio_pci_command(dev, PCI_COMMAND_MASTER, 0), "failed");
	TEST_ASSERT_EQUAL(fake_vfio.regions[CONFIG].writes, 0,
		"written without need");
	return TEST_SUCCESS;
}

/* A device with an MSI-X table of 8 vectors in BAR 2, which has 4 pages. */
static struct vfio_region *
get_msix_bar(uint32_t table)
{
	struct vfio_region *region = NULL;

	config[PCI_CAPABILITY_LIST] = MSIX_AT;
	put_cap(MSIX_AT, PCI_CAP_ID_MSIX, 0);
	config[MSIX_AT + PCI_MSIX_FLAGS] = 7;
	memcpy(&config[MSIX_AT + PCI_MSIX_TABLE], &table, sizeof(table));
	if (fake_vfio.regions[BAR2].size == 0 && fake_vfio_back(BAR2,
			4 * (uint64_t)sysconf(_SC_PAGESIZE),
			VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE |
			VFIO_REGION_INFO_FLAG_MMAP) < 0)
		return NULL;
	return vfio_region_get(dev, BAR2, &region) < 0 ? NULL : region;
}

/* With its first vectors in one page and its last in the next: both stay out. */
static int
test_msix_table(void)
{
	const uint64_t page = sysconf(_SC_PAGESIZE);
	struct vfio_region *region;

	TEST_ASSERT_SUCCESS(vfio_pci_exclude_msix(dev), "no MSI-X is an error");
	config[PCI_STATUS] = 0;
	setup_again();
	region = get_msix_bar((2 * page - 64) | BAR2);
	TEST_ASSERT_NOT_NULL(region, "no region");
	TEST_ASSERT_SUCCESS(vfio_pci_exclude_msix(dev), "failed");
	TEST_ASSERT_EQUAL(region->nr_areas, 2, "%u areas", region->nr_areas);
	TEST_ASSERT(region->areas[0].offset == 0 && region->areas[0].size == page,
		"the part before");
	TEST_ASSERT(region->areas[1].offset == 3 * page &&
		region->areas[1].size == page, "the part behind");
	TEST_ASSERT_SUCCESS(vfio_region_map(region), "not mapped");
	TEST_ASSERT_NULL(vfio_region_ptr(region, page, 1), "the table is mapped");
	TEST_ASSERT_NOT_NULL(vfio_region_ptr(region, 3 * page, page), "not mapped");

	/* at either end, a part is missing */
	setup_again();
	region = get_msix_bar(BAR2);
	TEST_ASSERT_SUCCESS(vfio_pci_exclude_msix(dev), "failed");
	TEST_ASSERT(region->nr_areas == 1 && region->areas[0].offset == page &&
		region->areas[0].size == 3 * page, "table at the start");
	setup_again();
	region = get_msix_bar((3 * page) | BAR2);
	TEST_ASSERT_SUCCESS(vfio_pci_exclude_msix(dev), "failed");
	TEST_ASSERT(region->nr_areas == 1 && region->areas[0].offset == 0 &&
		region->areas[0].size == 3 * page, "table at the end");
	return TEST_SUCCESS;
}

/* The device knows better what may be mapped. */
static int
test_msix_table_mappable(void)
{
	const uint64_t page = sysconf(_SC_PAGESIZE);
	const uint64_t areas[] = { 0, 2 * page };
	struct vfio_region *region;

	fake_vfio_add_cap(BAR2, VFIO_REGION_INFO_CAP_MSIX_MAPPABLE, NULL, 0);
	region = get_msix_bar(page | BAR2);
	TEST_ASSERT_NOT_NULL(region, "no region");
	TEST_ASSERT_SUCCESS(vfio_pci_exclude_msix(dev), "failed");
	TEST_ASSERT(region->nr_areas == 1 && region->areas[0].size == 4 * page,
		"not mappable as a whole");
	setup_again();
	fake_vfio_add_sparse(BAR2, 1, areas);
	region = get_msix_bar(page | BAR2);
	TEST_ASSERT_SUCCESS(vfio_pci_exclude_msix(dev), "failed");
	TEST_ASSERT(region->nr_areas == 1 && region->areas[0].size == 2 * page,
		"the list was changed");
	return TEST_SUCCESS;
}

/* Tables where none can be: nothing else is taken out, nothing crashes. */
static int
test_msix_table_hostile(void)
{
	const uint64_t page = sysconf(_SC_PAGESIZE);
	struct vfio_region *region;

	region = get_msix_bar((1024 * page) | BAR2);
	TEST_ASSERT_SUCCESS(vfio_pci_exclude_msix(dev), "failed");
	TEST_ASSERT(region->nr_areas == 1 && region->areas[0].size == 4 * page,
		"a table outside took something out");
	setup_again();
	region = get_msix_bar(page | 7); /* reserved: configuration space here */
	TEST_ASSERT_SUCCESS(vfio_pci_exclude_msix(dev), "failed");
	TEST_ASSERT_EQUAL(region->nr_areas, 1, "another BAR was cut");
	setup_again();
	config[PCI_CAPABILITY_LIST] = 0xfc;
	put_cap(0xfc, PCI_CAP_ID_MSIX, 0);
	TEST_ASSERT_EQUAL(vfio_pci_exclude_msix(dev), -EPROTO,
		"a capability that leaves the space was followed");
	setup_again();
	region = get_msix_bar(page | BAR2);
	fake_vfio.fail = FAKE_OP_REGION_READ;
	TEST_ASSERT_EQUAL(vfio_pci_exclude_msix(dev), -EIO, "error lost");
	return TEST_SUCCESS;
}

/* No flags are those of a server that does not think of it; others are meant. */
static int
test_flags(void)
{
	struct vfio_pci_ids ids;

	fake_vfio.regions[CONFIG].flags = 0;
	TEST_ASSERT_SUCCESS(vfio_pci_read_ids(dev, &ids), "not read");
	TEST_ASSERT_SUCCESS(vfio_pci_command(dev, PCI_COMMAND_MASTER, 0),
		"not written");
	TEST_ASSERT_EQUAL(config[PCI_COMMAND], PCI_COMMAND_MASTER, "command %02x",
		config[PCI_COMMAND]);
	vfio_dev_close(dev);
	fake_vfio.regions[CONFIG].flags = VFIO_REGION_INFO_FLAG_READ;
	TEST_ASSERT_SUCCESS(vfio_dev_open(FAKE_VFIO_BASE, FAKE_VFIO_ADDR, &dev),
		"not opened");
	TEST_ASSERT_EQUAL(vfio_pci_command(dev, PCI_COMMAND_IO, 0), -EACCES,
		"what is read-only was written");
	return TEST_SUCCESS;
}

static int
test_not_pci(void)
{
	struct vfio_pci_ids ids;

	setup_again();
	vfio_dev_close(dev);
	fake_vfio.info.flags = VFIO_DEVICE_FLAGS_PLATFORM;
	TEST_ASSERT_SUCCESS(vfio_dev_open(FAKE_VFIO_BASE, FAKE_VFIO_ADDR, &dev),
		"not opened");
	TEST_ASSERT_EQUAL(vfio_pci_read_ids(dev, &ids), -ENOTSUP,
		"a platform device has PCI ids");
	TEST_ASSERT_EQUAL(vfio_pci_write(dev, 0, &ids, 1), -ENOTSUP,
		"a platform device has a configuration space");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "common/vfio: PCI configuration space",
	.unit_test_cases = {
		TEST_CASE_ST(setup, teardown, test_ids),
		TEST_CASE_ST(setup, teardown, test_capabilities),
		TEST_CASE_ST(setup, teardown, test_capability_loops),
		TEST_CASE_ST(setup, teardown, test_command),
		TEST_CASE_ST(setup, teardown, test_msix_table),
		TEST_CASE_ST(setup, teardown, test_msix_table_mappable),
		TEST_CASE_ST(setup, teardown, test_msix_table_hostile),
		TEST_CASE_ST(setup, teardown, test_flags),
		TEST_CASE_ST(setup, teardown, test_not_pci),
		TEST_CASES_END()
	}
};

static int
test_vfio_pci(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vfio_pci_autotest, test_vfio_pci);
