/* SPDX-License-Identifier: BSD-3-Clause */

/* The operations of the vfio-user transport, as common/vfio uses them. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include <linux/pci_regs.h>

#include <vfio_irq.h>
#include <vfio_pci.h>
#include <vfio_private.h>
#include <vfio_region.h>

#include "captured_log.h"
#include "test.h"
#include "user_device.h"

#define PAGE 4096
#define BAR0 VFIO_PCI_BAR0_REGION_INDEX
#define BAR2 VFIO_PCI_BAR2_REGION_INDEX
#define CONFIG VFIO_PCI_CONFIG_REGION_INDEX
#define MSIX VFIO_PCI_MSIX_IRQ_INDEX

static int
setup(void)
{
	if (user_device_setup() != TEST_SUCCESS)
		return TEST_FAILED;
	fake_user.irqs[MSIX].flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE;
	fake_user.irqs[MSIX].count = 40;
	return TEST_SUCCESS;
}

static int
test_open(void)
{
	TEST_ASSERT_SUCCESS(user_device_open(), "not opened");
	TEST_ASSERT_SUCCESS(strcmp(vfio_dev_transport(udev), "vfio-user"), "%s",
		vfio_dev_transport(udev));
	TEST_ASSERT(vfio_dev_iova_as_va(udev), "not by virtual addresses");
	TEST_ASSERT_EQUAL(vfio_dev_fd(udev), -1, "it has an fd");
	TEST_ASSERT_EQUAL(vfio_dev_num_regions(udev), FAKE_USER_REGIONS, "regions");
	TEST_ASSERT_NOT_NULL(strstr(fake_user.proposal, "\"max_msg_fds\":253"), "%s",
		fake_user.proposal);
	TEST_ASSERT(fake_user.nr_maps > 0, "was given no memory");
	TEST_ASSERT_EQUAL(vfio_dev_reset(udev), 0, "not reset");
	TEST_ASSERT_EQUAL(fake_user.commands[VFIO_USER_DEVICE_RESET], 1, "not told");
	TEST_ASSERT_EQUAL(fake_user.broken_rules, 0, "%u requests are wrong",
		fake_user.broken_rules);
	return TEST_SUCCESS;
}

/* socket=: the path of one socket, or a link to it. */
static int
test_by_path(void)
{
	char link[96];
	int ret;

	TEST_ASSERT_SUCCESS(vfio_dev_open(fake_user.path, "any", &udev), "not opened");
	vfio_dev_close(udev);
	udev = NULL;
	snprintf(link, sizeof(link), "%s/link", fake_user.folder);
	TEST_ASSERT_SUCCESS(symlink(fake_user.path, link), "no link");
	ret = vfio_dev_open(link, "any", &udev);
	unlink(link);
	TEST_ASSERT_SUCCESS(ret, "not opened by a link");
	return TEST_SUCCESS;
}

/* Each says what is wrong in one line with the device and the path. */
static int
test_not_there(void)
{
	char missing[96], file[96], dangling[96], folder[96];
	const struct { const char *base; int ret; const char *word; } cases[] = {
		{ missing, -ENODEV, "there is no socket" },
		{ file, -ENOTSOCK, "is not a socket" },
		{ dangling, -ENODEV, "there is no socket" },
		{ fake_user.path, -ENODEV, "nobody listens" },
		/* a list of devices that is gone is no socket that is missing */
		{ folder, -ENODEV, "not listed" },
	};
	unsigned int i;
	FILE *made;
	int ret;

	snprintf(missing, sizeof(missing), "%s/missing", fake_user.folder);
	snprintf(file, sizeof(file), "%s/file", fake_user.folder);
	snprintf(dangling, sizeof(dangling), "%s/dangling", fake_user.folder);
	snprintf(folder, sizeof(folder), "%s/devices", fake_user.folder);
	made = fopen(file, "w");
	TEST_ASSERT(made != NULL && fclose(made) == 0 && symlink(missing, dangling) == 0,
		"no file");
	fake_user_hang_up();
	for (i = 0; i < RTE_DIM(cases); i++) {
		captured_log_start();
		ret = vfio_dev_open(cases[i].base, "aa-bb", &udev);
		captured_log_stop();
		TEST_ASSERT_EQUAL(ret, cases[i].ret, "%s: %d", cases[i].word, ret);
		TEST_ASSERT(captured_log_lines(NULL) == 1 && captured_log_lines("aa-bb") == 1 &&
			captured_log_lines(cases[i].base) == 1 &&
			captured_log_lines(cases[i].word) == 1, "%s: line", cases[i].word);
	}
	unlink(file);
	unlink(dangling);
	return TEST_SUCCESS;
}

/* By messages only, in parts that the server takes. */
static int
test_not_mappable(void)
{
	uint8_t out[100], in[100];
	struct vfio_region *region;
	unsigned int i;

	fake_user.json = "{\"capabilities\":{\"max_data_xfer_size\":32}}";
	fake_user.regions[BAR0].offset = 0;
	TEST_ASSERT_SUCCESS(fake_user_back(BAR0, 200, false), "no memory");
	TEST_ASSERT_SUCCESS(user_device_open(), "not opened");
	TEST_ASSERT_SUCCESS(vfio_region_get(udev, BAR0, &region), "no region");
	TEST_ASSERT_SUCCESS(vfio_region_map(region), "mapping nothing failed");
	TEST_ASSERT_NULL(vfio_region_ptr(region, 0, 1), "mapped");
	for (i = 0; i < sizeof(out); i++)
		out[i] = i;
	TEST_ASSERT_SUCCESS(vfio_region_write(region, 7, out, sizeof(out)), "write");
	TEST_ASSERT_SUCCESS(vfio_region_read(region, 7, in, sizeof(in)), "read");
	TEST_ASSERT_SUCCESS(memcmp(in, out, sizeof(in)), "other bytes");
	TEST_ASSERT_SUCCESS(memcmp(fake_user.regions[BAR0].mem + 7, out, sizeof(out)),
		"other bytes there");
	TEST_ASSERT_EQUAL(fake_user.regions[BAR0].writes, 4, "%u messages",
		fake_user.regions[BAR0].writes);
	TEST_ASSERT_EQUAL(vfio_region_read(region, 199, in, 2), -EINVAL, "outside");
	TEST_ASSERT_EQUAL(fake_user.broken_rules, 0, "%u requests are wrong",
		fake_user.broken_rules);
	return TEST_SUCCESS;
}

/* At an odd place in its file, and mappable in two parts. */
static int
test_sparse(void)
{
	struct {
		struct vfio_info_cap_header header;
		uint32_t nr_areas, reserved;
		struct vfio_region_sparse_mmap_area areas[2];
	} sparse = {
		.header = { .id = VFIO_REGION_INFO_CAP_SPARSE_MMAP, .version = 1 },
		.nr_areas = 2,
		.areas = { { PAGE, PAGE }, { 3 * PAGE, 2 * PAGE } },
	};
	struct fake_user_region *fake = &fake_user.regions[BAR2];
	struct vfio_region *region;
	uint64_t place, value = 0x1122334455667788, back = 0;
	uint8_t *ptr;
	int fd;

	fake->offset = 5 * PAGE;
	TEST_ASSERT_SUCCESS(fake_user_back(BAR2, 6 * PAGE, true), "no memory");
	memcpy(fake->caps, &sparse, sizeof(sparse));
	fake->argsz = sizeof(struct vfio_region_info) + sizeof(sparse);
	TEST_ASSERT_SUCCESS(user_device_open(), "not opened");
	TEST_ASSERT_SUCCESS(vfio_region_get(udev, BAR2, &region), "no region");
	TEST_ASSERT_SUCCESS(vfio_region_map(region), "not mapped");
	TEST_ASSERT_NULL(vfio_region_ptr(region, 0, 8), "trapped part is mapped");
	ptr = vfio_region_ptr(region, 3 * PAGE + 8, 8);
	TEST_ASSERT_NOT_NULL(ptr, "not mapped");
	memcpy(ptr, &value, sizeof(value));
	TEST_ASSERT_SUCCESS(memcmp(fake->mem + 3 * PAGE + 8, &value, sizeof(value)),
		"mapped elsewhere");
	TEST_ASSERT_SUCCESS(vfio_region_read(region, 3 * PAGE + 8, &back, 8), "read");
	TEST_ASSERT(back == value && fake->reads == 0, "read by message");
	/* from a part that is mapped into one that is not */
	TEST_ASSERT_SUCCESS(vfio_region_write(region, 2 * PAGE - 4, &value, 8), "write");
	TEST_ASSERT_EQUAL(fake->writes, 1, "%u messages", fake->writes);
	TEST_ASSERT_SUCCESS(memcmp(fake->mem + 2 * PAGE - 4, &value, 8), "other bytes");
	fd = udev->ops->region_fd(&udev->tdev, BAR2, 3 * PAGE, PAGE, &place);
	TEST_ASSERT(fd >= 0 && place == 8 * PAGE, "fd %d at %ju", fd, (uintmax_t)place);
	return TEST_SUCCESS;
}

/* A file that ends before the region: an access would be fatal. */
static int
test_short_file(void)
{
	struct vfio_region *region;
	uint32_t value = 0;

	TEST_ASSERT_SUCCESS(fake_user_back(BAR0, 2 * PAGE, true), "no memory");
	TEST_ASSERT_SUCCESS(ftruncate(fake_user.regions[BAR0].fd, PAGE), "truncate");
	TEST_ASSERT_SUCCESS(user_device_open(), "not opened");
	TEST_ASSERT_SUCCESS(vfio_region_get(udev, BAR0, &region), "no region");
	captured_log_start();
	TEST_ASSERT_EQUAL(vfio_region_map(region), -EOVERFLOW, "mapped");
	captured_log_stop();
	/* and it says MMAP, but sends no file */
	vfio_dev_close(udev);
	close(fake_user.regions[BAR0].fd);
	fake_user.regions[BAR0].fd = -1;
	fake_user.regions[BAR0].mem = NULL;
	TEST_ASSERT_SUCCESS(user_device_open(), "not opened");
	TEST_ASSERT_SUCCESS(vfio_region_get(udev, BAR0, &region), "no region");
	TEST_ASSERT_SUCCESS(vfio_region_map(region), "map");
	TEST_ASSERT_SUCCESS(vfio_region_read(region, 0, &value, 4), "not by messages");
	return TEST_SUCCESS;
}

static int
rung(int fd)
{
	uint64_t count = 0;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? (int)count : 0;
}

static int
test_ioeventfds(void)
{
	const struct vfio_user_io_fd io[] = {
		{ .offset = 16, .size = 2, .fd_index = 1, .flags = 1, .datamatch = 3 },
		{ .offset = 16, .size = 2, .fd_index = 2, .flags = 1, .datamatch = 4 },
		{ .offset = 20, .size = 0, .fd_index = 0 },
		{ .offset = 24, .size = 4, .fd_index = 0 },
		{ .offset = 28, .size = 2, .fd_index = 0, .type = 1 },
	};
	struct fake_user_region *fake = &fake_user.regions[BAR0];
	struct vfio_region *region, *other;
	const uint64_t one = 1;
	unsigned int i;
	int fd;

	TEST_ASSERT_SUCCESS(fake_user_back(BAR0, PAGE, false), "no memory");
	TEST_ASSERT_SUCCESS(fake_user_back(BAR2, PAGE, false), "no memory");
	memcpy(fake->io, io, sizeof(io));
	fake->nr_io = RTE_DIM(io);
	fake_user.nr_io_fds = 3;
	for (i = 0; i < 3; i++)
		fake_user.io_fds[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	TEST_ASSERT_SUCCESS(user_device_open(), "not opened");
	TEST_ASSERT_SUCCESS(vfio_region_get(udev, BAR0, &region), "no region");
	fd = vfio_region_ioeventfd(region, 16, 2, 3);
	TEST_ASSERT(fd >= 0 && write(fd, &one, 8) == 8, "no fd: %d", fd);
	TEST_ASSERT(rung(fake_user.io_fds[1]) == 1 && rung(fake_user.io_fds[2]) == 0,
		"another one");
	fd = vfio_region_ioeventfd(region, 20, 4, 77);
	TEST_ASSERT(fd >= 0 && write(fd, &one, 8) == 8, "no fd: %d", fd);
	TEST_ASSERT_EQUAL(rung(fake_user.io_fds[0]), 1, "another one");
	TEST_ASSERT_EQUAL(vfio_region_ioeventfd(region, 16, 2, 5), -ENOTSUP, "value");
	TEST_ASSERT_EQUAL(vfio_region_ioeventfd(region, 16, 4, 3), -ENOTSUP, "width");
	TEST_ASSERT_EQUAL(vfio_region_ioeventfd(region, 18, 2, 3), -ENOTSUP, "offset");
	TEST_ASSERT_EQUAL(vfio_region_ioeventfd(region, 24, 2, 3), -ENOTSUP, "width");
	TEST_ASSERT_EQUAL(vfio_region_ioeventfd(region, 28, 2, 3), -ENOTSUP, "ioregionfd");
	TEST_ASSERT_EQUAL(fake_user.commands[VFIO_USER_DEVICE_GET_REGION_IO_FDS], 2,
		"asked again");
	/* a region without: asked once, too */
	TEST_ASSERT_SUCCESS(vfio_region_get(udev, BAR2, &other), "no region");
	TEST_ASSERT_EQUAL(vfio_region_ioeventfd(other, 0, 2, 0), -ENOTSUP, "none");
	TEST_ASSERT_EQUAL(vfio_region_ioeventfd(other, 0, 2, 0), -ENOTSUP, "none");
	TEST_ASSERT_EQUAL(fake_user.commands[VFIO_USER_DEVICE_GET_REGION_IO_FDS], 3,
		"asked again");
	for (i = 0; i < 3; i++)
		close(fake_user.io_fds[i]);
	TEST_ASSERT_EQUAL(fake_user.broken_rules, 0, "%u requests are wrong",
		fake_user.broken_rules);
	return TEST_SUCCESS;
}

static int
count_vectors(void)
{
	int i, count = 0;

	for (i = 0; i < FAKE_USER_VECTORS; i++)
		count += fake_user.vectors[MSIX][i];
	return count;
}

/* More vectors than the server takes in a message, with a gap. */
static int
test_vectors(void)
{
	int fds[40], efd, i;

	efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	for (i = 0; i < 40; i++)
		fds[i] = i == 13 || i == 14 ? -1 : efd;
	fake_user.max_fds = 8;
	TEST_ASSERT_SUCCESS(user_device_open(), "not opened");
	TEST_ASSERT_SUCCESS(vfio_irq_set_eventfds(udev, MSIX, 0, 40, fds), "not set");
	TEST_ASSERT(count_vectors() == 38 && fake_user.vectors[MSIX][13] == 0,
		"%d vectors", count_vectors());
	TEST_ASSERT(write(fake_user.eventfds[MSIX][39], &(uint64_t){ 1 }, 8) == 8 &&
		rung(efd) == 1, "not delivered");
	for (i = 0; i < 40; i++)
		fds[i] = -1;
	TEST_ASSERT_SUCCESS(vfio_irq_set_eventfds(udev, MSIX, 3, 4, fds), "not unset");
	TEST_ASSERT_EQUAL(count_vectors(), 34, "%d vectors", count_vectors());
	TEST_ASSERT_SUCCESS(vfio_irq_mask(udev, MSIX, 0, 2), "not masked");
	TEST_ASSERT_SUCCESS(vfio_irq_disable(udev, MSIX), "not disabled");
	TEST_ASSERT_EQUAL(count_vectors(), 0, "%d vectors", count_vectors());
	/* a later message is refused: nothing of the earlier ones stays */
	for (i = 0; i < 40; i++)
		fds[i] = efd;
	fake_user.max_fds = 7;
	TEST_ASSERT_EQUAL(vfio_irq_set_eventfds(udev, MSIX, 0, 40, fds), -EINVAL, "set");
	fds[5] = -1;
	TEST_ASSERT_EQUAL(vfio_irq_set_eventfds(udev, MSIX, 0, 40, fds), -EINVAL, "set");
	TEST_ASSERT_EQUAL(count_vectors(), 0, "%d vectors", count_vectors());
	close(efd);
	TEST_ASSERT_EQUAL(fake_user.broken_rules, 0, "%u requests are wrong",
		fake_user.broken_rules);
	return TEST_SUCCESS;
}

static uint32_t
config32(uint32_t offset)
{
	uint32_t value;

	memcpy(&value, fake_user.regions[CONFIG].mem + offset, sizeof(value));
	return value;
}

static void
config_set(uint32_t offset, uint32_t value, size_t len)
{
	memcpy(fake_user.regions[CONFIG].mem + offset, &value, len);
}

/* What firmware would have done: addresses that are aligned and apart. */
static int
test_bars(void)
{
	uint64_t wide;

	fake_user.regions[0].bar_mask = 0xfffff000;        /* 4 KiB, 32 bits */
	fake_user.regions[1].bar_mask = 0xfffffff1;        /* 16 bytes of I/O */
	fake_user.regions[2].bar_mask = 0xffffc00c;        /* 16 KiB, 64 bits */
	fake_user.regions[3].bar_mask = 0xffffffff;
	fake_user.regions[5].bar_mask = 0xfff00000;        /* 1 MiB */
	config_set(PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	TEST_ASSERT_SUCCESS(user_device_open(), "not opened");
	TEST_ASSERT(config32(PCI_BASE_ADDRESS_0) != 0 &&
		(config32(PCI_BASE_ADDRESS_0) & 0xfff) == 0, "BAR 0");
	TEST_ASSERT((config32(PCI_BASE_ADDRESS_1) & 3) == 1 &&
		config32(PCI_BASE_ADDRESS_1) > 0xf, "BAR 1");
	wide = (uint64_t)config32(PCI_BASE_ADDRESS_3) << 32 | config32(PCI_BASE_ADDRESS_2);
	TEST_ASSERT((wide & 0x3fff) == 0xc && wide > UINT32_MAX, "BAR 2: %jx",
		(uintmax_t)wide);
	TEST_ASSERT_EQUAL(config32(PCI_BASE_ADDRESS_4), 0, "BAR 4 is none");
	TEST_ASSERT((config32(PCI_BASE_ADDRESS_5) & 0xfffff) == 0 &&
		config32(PCI_BASE_ADDRESS_5) > config32(PCI_BASE_ADDRESS_0), "BAR 5");
	TEST_ASSERT_EQUAL(config32(PCI_COMMAND) & PCI_COMMAND_MEMORY, 0,
		"decoded while there was no address");
	/* a reset forgets them */
	config_set(PCI_BASE_ADDRESS_0, 0, 4);
	TEST_ASSERT_SUCCESS(vfio_dev_reset(udev), "not reset");
	TEST_ASSERT(config32(PCI_BASE_ADDRESS_0) != 0, "not assigned again");
	/* 12 KiB, as libvfio-user has such a region: it gets 16 */
	vfio_dev_close(udev);
	fake_user.regions[0].bar_mask = 0xffffd000;
	TEST_ASSERT_SUCCESS(user_device_open(), "not opened with a BAR of an odd size");
	TEST_ASSERT_EQUAL(config32(PCI_BASE_ADDRESS_5) -
		config32(PCI_BASE_ADDRESS_0), 1 << 20, "BAR 5 follows at its own size");
	/* one that is more than there is */
	vfio_dev_close(udev);
	captured_log_start();
	fake_user.regions[0].bar_mask = 0x80000000;
	TEST_ASSERT_EQUAL(user_device_open(), -EPROTO, "a BAR without room");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines("BAR 0"), 1, "lines");
	return TEST_SUCCESS;
}

static int
test_msix_enable(void)
{
	const uint32_t cap = 0x40, table = 2 * PAGE;
	uint8_t *config = fake_user.regions[CONFIG].mem;
	int efd = eventfd(0, EFD_CLOEXEC), i;

	TEST_ASSERT_SUCCESS(fake_user_back(BAR2, 3 * PAGE, false), "no memory");
	for (i = 0; i < 40; i++)
		fake_user.regions[BAR2].mem[table + 16 * i + 12] = 1;
	config_set(PCI_STATUS, PCI_STATUS_CAP_LIST, 2);
	config_set(PCI_CAPABILITY_LIST, cap, 1);
	config_set(cap, PCI_CAP_ID_MSIX, 1);
	config_set(cap + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_MASKALL | 39, 2);
	config_set(cap + PCI_MSIX_TABLE, table | BAR2, 4);
	TEST_ASSERT_SUCCESS(user_device_open(), "not opened");
	TEST_ASSERT_SUCCESS(vfio_irq_set_eventfds(udev, MSIX, 1, 1, &efd), "not set");
	TEST_ASSERT_EQUAL(config[cap + 3], PCI_MSIX_FLAGS_ENABLE >> 8, "flags %#x",
		config[cap + 3]);
	TEST_ASSERT(fake_user.regions[BAR2].mem[table + 16 + 12] == 0 &&
		fake_user.regions[BAR2].mem[table + 12] == 1, "masks");
	TEST_ASSERT_SUCCESS(vfio_irq_disable(udev, MSIX), "not disabled");
	TEST_ASSERT_EQUAL(config[cap + 3], 0, "flags %#x", config[cap + 3]);
	close(efd);
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "common/vfio_user: operations",
	.unit_test_cases = {
		TEST_CASE_ST(setup, user_device_teardown, test_open),
		TEST_CASE_ST(setup, user_device_teardown, test_by_path),
		TEST_CASE_ST(setup, user_device_teardown, test_not_there),
		TEST_CASE_ST(setup, user_device_teardown, test_not_mappable),
		TEST_CASE_ST(setup, user_device_teardown, test_sparse),
		TEST_CASE_ST(setup, user_device_teardown, test_short_file),
		TEST_CASE_ST(setup, user_device_teardown, test_ioeventfds),
		TEST_CASE_ST(setup, user_device_teardown, test_vectors),
		TEST_CASE_ST(setup, user_device_teardown, test_bars),
		TEST_CASE_ST(setup, user_device_teardown, test_msix_enable),
		TEST_CASES_END()
	}
};

static int
test_vfio_user(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vfio_user_autotest, test_vfio_user);
