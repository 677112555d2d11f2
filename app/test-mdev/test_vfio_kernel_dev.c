/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The kernel's transport with a device: on a made-up kernel anywhere, and on the real
 * one where it lists a mediated device.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <vfio_dev.h>
#include <vfio_dma.h>
#include <vfio_irq.h>
#include <vfio_pci.h>
#include <vfio_region.h>

#include "captured_log.h"
#include "fake_kernel.h"
#include "fake_vfio.h"
#include "fault_inject.h"
#include "held.h"
#include "test.h"

#define UUID "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"
#define OTHER_UUID "83b8f4f2-509f-382f-3c1e-e6bfe0fa1002"
#define REAL_BASE "/sys/bus/mdev/devices"
#define PAGE 4096
#define IOVA 0x7f0000000000
#define BAR0 VFIO_PCI_BAR0_REGION_INDEX
#define MSIX VFIO_PCI_MSIX_IRQ_INDEX
#define REQ VFIO_PCI_REQ_IRQ_INDEX

static char base[PATH_MAX];
static char addr[NAME_MAX + 1];
static struct vfio_dev *dev;
static void *memory = MAP_FAILED;
static int efd = -1;

static int
prepare(void)
{
	efd = eventfd(0, EFD_CLOEXEC);
	memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	return efd < 0 || memory == MAP_FAILED ? TEST_FAILED : TEST_SUCCESS;
}

static void
finish(void)
{
	vfio_dev_close(dev);
	dev = NULL;
	if (efd >= 0)
		close(efd);
	efd = -1;
	if (memory != MAP_FAILED)
		munmap(memory, PAGE);
	memory = MAP_FAILED;
}

static const char *
below(const char *name)
{
	static char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", base, name);
	return path;
}

static int
setup(void)
{
	unsigned int i;

	snprintf(base, sizeof(base), "/tmp/test-vfio-kernel-XXXXXX");
	snprintf(addr, sizeof(addr), UUID);
	if (mkdtemp(base) == NULL || mkdir(below(UUID), 0700) < 0 ||
			symlink("../../" RTE_STR(FAKE_KERNEL_GROUP),
				below(UUID "/iommu_group")) < 0 ||
			fake_kernel_start() < 0)
		return TEST_FAILED;
	for (i = 0; i < FAKE_VFIO_IRQS; i++) {
		fake_vfio.irqs[i].flags = VFIO_IRQ_INFO_EVENTFD;
		fake_vfio.irqs[i].count = 1;
	}
	return prepare();
}

static void
teardown(void)
{
	finish();
	fake_kernel_stop();
	unlink(below(UUID "/iommu_group"));
	unlink(below(OTHER_UUID "/iommu_group"));
	rmdir(below(UUID));
	rmdir(below(OTHER_UUID));
	rmdir(base);
}

/* The first device that the machine lists. */
static int
setup_real(void)
{
	struct dirent *dirent;
	DIR *dir;

	snprintf(base, sizeof(base), REAL_BASE);
	addr[0] = '\0';
	dir = opendir(base);
	while (dir != NULL && (dirent = readdir(dir)) != NULL) {
		if (dirent->d_name[0] != '.')
			snprintf(addr, sizeof(addr), "%s", dirent->d_name);
	}
	if (dir != NULL)
		closedir(dir);
	if (addr[0] == '\0')
		return test_skip("this machine lists no mediated device");
	return prepare();
}

static int
open_dev(void)
{
	return vfio_dev_open(base, addr, &dev);
}

static void
release(void)
{
	vfio_dev_close(dev);
	dev = NULL;
}

/* All of its regions are asked for and mapped as far as they can be. */
static int
use_regions(void)
{
	struct vfio_region *region;
	uint32_t i;
	int ret;

	for (i = 0; i < vfio_dev_num_regions(dev); i++) {
		ret = vfio_region_get(dev, i, &region);
		if (ret == -EINVAL)
			continue; /* some kernels count regions that they lack */
		if (ret == 0 && region->size > 0)
			ret = vfio_region_map(region);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int
use_irqs(void)
{
	struct vfio_irq irq;
	int ret;

	ret = vfio_irq_get(dev, MSIX, &irq);
	if (ret == 0)
		ret = vfio_irq_set_eventfds(dev, MSIX, 0, 1, &efd);
	if (ret == 0)
		ret = vfio_irq_disable(dev, MSIX);
	if (ret == 0)
		ret = vfio_irq_set_eventfds(dev, MSIX, 0, 1, &efd);
	return ret;
}

static int
acquire(void)
{
	struct vfio_pci_ids ids;
	int ret;

	ret = open_dev();
	if (ret < 0)
		return ret;
	ret = vfio_pci_read_ids(dev, &ids);
	if (ret == 0)
		ret = use_regions();
	if (ret == 0)
		ret = vfio_pci_command(dev, 0, 4);
	if (ret == 0)
		ret = vfio_pci_command(dev, 4, 0);
	if (ret == 0)
		ret = use_irqs();
	if (ret == 0)
		ret = vfio_dma_map(dev, memory, IOVA, PAGE);
	if (ret == 0)
		ret = vfio_dev_reset(dev);
	if (ret < 0)
		release();
	return ret;
}

static int
test_open_close(void)
{
	TEST_ASSERT_SUCCESS(open_dev(), "not opened");
	TEST_ASSERT_SUCCESS(strcmp(vfio_dev_transport(dev), "kernel"), "transport");
	TEST_ASSERT_EQUAL(vfio_dev_owner(dev), VFIO_DEV_OWNED, "owner");
	release();
	TEST_ASSERT_EQUAL(fake_kernel.released, 1, "EAL was not told");
	TEST_ASSERT_EQUAL(fake_kernel.device_fd, -1, "left open");
	return TEST_SUCCESS;
}

/* What is written by one way is read by the other. */
static int
test_regions(void)
{
	struct vfio_region *region;
	uint32_t in = 0x12345678, out = 0;
	struct vfio_pci_ids ids;

	TEST_ASSERT_SUCCESS(open_dev(), "not opened");
	TEST_ASSERT_SUCCESS(vfio_region_get(dev, BAR0, &region), "no region");
	fake_kernel.interrupts = 3;
	TEST_ASSERT_SUCCESS(vfio_region_write(region, 0x1004, &in, sizeof(in)),
		"not written");
	TEST_ASSERT_EQUAL(fake_kernel.interrupts, 0, "gave up");
	fake_kernel.interrupts = 3;
	TEST_ASSERT_SUCCESS(vfio_region_read(region, 0x1004, &out, sizeof(out)),
		"not read");
	TEST_ASSERT_EQUAL(out, in, "read %#x", out);
	TEST_ASSERT_SUCCESS(vfio_region_map(region), "not mapped");
	TEST_ASSERT_SUCCESS(memcmp(vfio_region_ptr(region, 0x1004, 4), &in, 4),
		"another place is mapped");
	in = 0x10411af4;
	TEST_ASSERT_SUCCESS(vfio_pci_write(dev, 0, &in, sizeof(in)), "config");
	TEST_ASSERT_SUCCESS(vfio_pci_read_ids(dev, &ids), "config");
	TEST_ASSERT(ids.vendor == 0x1af4 && ids.device == 0x1041, "%04x:%04x",
		ids.vendor, ids.device);
	return TEST_SUCCESS;
}

static int
test_irqs(void)
{
	uint32_t i;

	TEST_ASSERT_SUCCESS(open_dev(), "not opened");
	for (i = 0; i < FAKE_VFIO_IRQS; i++) {
		TEST_ASSERT_SUCCESS(vfio_irq_set_eventfds(dev, i, 0, 1, &efd),
			"index %u is not set", i);
		TEST_ASSERT_EQUAL(fake_vfio.irqs[i].fds[0], efd, "index %u", i);
	}
	TEST_ASSERT_SUCCESS(vfio_dev_reset(dev), "not reset");
	TEST_ASSERT_EQUAL(fake_vfio.resets, 1, "not asked");
	release();
	for (i = 0; i < FAKE_VFIO_IRQS; i++)
		TEST_ASSERT_EQUAL(fake_vfio.irqs[i].fds[0], -1,
			"index %u is left enabled", i);
	return TEST_SUCCESS;
}

/* Devices share the container: mapped once, unmapped with the last of them. */
static int
test_dma_shared(void)
{
	struct vfio_dev *other;
	int fd = fake_kernel_device();

	TEST_ASSERT_SUCCESS(open_dev(), "not opened");
	TEST_ASSERT_SUCCESS(vfio_dev_attach("other", fd, &other), "not attached");
	TEST_ASSERT_SUCCESS(vfio_dma_map(dev, memory, IOVA, PAGE), "map");
	TEST_ASSERT_SUCCESS(vfio_dma_map(other, memory, IOVA, PAGE), "map");
	TEST_ASSERT_EQUAL(fake_kernel.dma_mapped, 1, "%d maps",
		fake_kernel.dma_mapped);
	TEST_ASSERT_SUCCESS(vfio_dma_unmap(dev, memory, IOVA, PAGE), "unmap");
	TEST_ASSERT_EQUAL(fake_kernel.dma_mapped, 1, "unmapped under the other");
	TEST_ASSERT_EQUAL(vfio_dma_unmap(dev, memory, IOVA, PAGE), -ENOENT,
		"unmapped twice");
	vfio_dev_close(other);
	TEST_ASSERT_EQUAL(fake_kernel.dma_mapped, 0, "left mapped");
	return TEST_SUCCESS;
}

/* A borrowed device: nothing that its owner does is done again. */
static int
test_attach(void)
{
	struct vfio_region *region;
	uint16_t command = 0;
	int fd = fake_kernel_device();

	TEST_ASSERT_SUCCESS(vfio_dev_attach("borrowed", fd, &dev), "not attached");
	TEST_ASSERT_EQUAL(vfio_dev_owner(dev), VFIO_DEV_BORROWED, "owner");
	TEST_ASSERT_SUCCESS(vfio_region_get(dev, BAR0, &region), "region");
	TEST_ASSERT_SUCCESS(vfio_region_map(region), "not mapped");
	TEST_ASSERT_EQUAL(vfio_irq_set_eventfds(dev, REQ, 0, 1, &efd), -EPERM,
		"REQ was taken");
	TEST_ASSERT_EQUAL(vfio_irq_disable(dev, REQ), -EPERM, "REQ was disabled");
	TEST_ASSERT_SUCCESS(vfio_irq_set_eventfds(dev, MSIX, 0, 1, &efd), "MSI-X");
	TEST_ASSERT_SUCCESS(vfio_pci_command(dev, 4, 0), "command");
	TEST_ASSERT_SUCCESS(vfio_pci_read(dev, 4, &command, 2), "command");
	TEST_ASSERT_EQUAL(command, 0, "bus mastering was switched");
	release();
	TEST_ASSERT(fcntl(fd, F_GETFD) >= 0, "the owner's fd was closed");
	TEST_ASSERT_EQUAL(fake_kernel.released, 0, "released");
	return TEST_SUCCESS;
}

/* Each with one line that names the device, the file and what helps. */
static int
test_group_file(void)
{
	static const struct {
		int error;
		const char *remedy;
	} errors[] = {
		{ EBUSY, "stop that one" },
		{ EACCES, "read and write permission" },
		{ EPERM, "read and write permission" },
		{ ENOENT, "give this container /dev/vfio" },
		{ EMFILE, "ulimit -n" },
		{ EIO, "cannot open /dev/vfio/12" },
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(errors); i++) {
		fake_kernel.group_errno = errors[i].error;
		TEST_ASSERT_SUCCESS(captured_log_start(), "no capture");
		TEST_ASSERT_EQUAL(open_dev(), -errors[i].error, "wrong error");
		captured_log_stop();
		TEST_ASSERT_EQUAL(captured_log_lines(NULL), 1, "%u lines",
			captured_log_lines(NULL));
		TEST_ASSERT_EQUAL(captured_log_lines(UUID), 1, "no device");
		TEST_ASSERT_EQUAL(captured_log_lines(errors[i].remedy), 1,
			"'%s' is not said", errors[i].remedy);
	}
	TEST_ASSERT_EQUAL(fake_kernel.group_fd, -1, "EAL has the group");
	return TEST_SUCCESS;
}

/* Without an IOMMU the file has another name. */
static int
test_no_iommu(void)
{
	fake_kernel.noiommu = true;
	TEST_ASSERT_SUCCESS(open_dev(), "not opened");
	release();
	fake_kernel.group_errno = EBUSY;
	TEST_ASSERT_SUCCESS(captured_log_start(), "no capture");
	TEST_ASSERT_EQUAL(open_dev(), -EBUSY, "wrong error");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines("/dev/vfio/noiommu-12 is busy"), 1,
		"another file is named");
	return TEST_SUCCESS;
}

/*
 * Another device of a group that is in use here: the file is busy, by us. What fails then
 * does not take the group away from the first.
 */
static int
test_group_shared(void)
{
	struct vfio_dev *other;

	TEST_ASSERT_SUCCESS(open_dev(), "not opened");
	fake_kernel.group_errno = EBUSY;
	fake_kernel.setup = -1;
	TEST_ASSERT_EQUAL(vfio_dev_open(base, addr, &other), -EIO, "wrong error");
	TEST_ASSERT(fake_kernel.group_fd >= 0, "the group was closed");
	TEST_ASSERT_EQUAL(fake_kernel.forgotten, 0, "EAL's callback went");
	release();
	TEST_ASSERT_EQUAL(fake_kernel.released, 1, "EAL was not told");
	TEST_ASSERT_EQUAL(open_dev(), -EBUSY, "still taken for ours");
	return TEST_SUCCESS;
}

/* EAL does not give the group: its table is full, or that was not the reason. */
static int
test_no_group(void)
{
	fake_kernel.full = true;
	captured_log_start();
	TEST_ASSERT_EQUAL(open_dev(), -ENOSPC, "no room, but another error");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines("no room for another VFIO group"), 1, "line");
	fake_kernel.secondary = true;
	captured_log_start();
	TEST_ASSERT_EQUAL(open_dev(), -ENODEV, "it is not this process's table");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines("the primary process does not give"), 1,
		"line");
	TEST_ASSERT_EQUAL(captured_log_lines("or name fewer devices with -a if EAL has no room"),
		1, "nor its own table");
	fake_kernel.secondary = fake_kernel.full = false;
	fake_kernel.taken = EBUSY;
	captured_log_start();
	TEST_ASSERT_EQUAL(open_dev(), -EBUSY, "somebody was faster");
	captured_log_stop();
	TEST_ASSERT(captured_log_lines(NULL) == 1 && captured_log_lines("is busy") == 1,
		"line");
	return TEST_SUCCESS;
}

static int
test_eal_refuses(void)
{
	fake_kernel.setup = -1;
	TEST_ASSERT_EQUAL(open_dev(), -EIO, "wrong error");
	TEST_ASSERT_EQUAL(fake_kernel.group_fd, -1, "EAL keeps the group");
	TEST_ASSERT_EQUAL(fake_kernel.forgotten, 1, "EAL keeps its callback");
	fake_kernel.setup = 1; /* EAL: not managed by VFIO */
	TEST_ASSERT_EQUAL(open_dev(), -ENODEV, "wrong error");
	TEST_ASSERT_EQUAL(fake_kernel.group_fd, -1, "EAL keeps the group");
	fake_kernel.no_vfio = true;
	TEST_ASSERT_EQUAL(open_dev(), -ENOTSUP, "wrong error");
	return TEST_SUCCESS;
}

/* A secondary process has no group file of its own to look at. */
static int
test_secondary(void)
{
	fake_kernel.secondary = true;
	fake_kernel.group_errno = EBUSY;
	TEST_ASSERT_SUCCESS(open_dev(), "not opened");
	release();
	fake_kernel.setup = -1;
	TEST_ASSERT_EQUAL(open_dev(), -EIO, "wrong error");
	TEST_ASSERT_EQUAL(fake_kernel.forgotten, 0,
		"the primary's callback was unregistered");
	return TEST_SUCCESS;
}

/* The kernel has taken it off its list: EAL cannot find the group any more. */
static int
test_gone(void)
{
	struct held before;

	held_now(&before);
	TEST_ASSERT_SUCCESS(open_dev(), "not opened");
	unlink(below(UUID "/iommu_group"));
	release();
	TEST_ASSERT_EQUAL(fake_kernel.released, 0, "EAL was asked");
	TEST_ASSERT_EQUAL(fake_kernel.group_fd, -1, "EAL keeps the group");
	TEST_ASSERT_EQUAL(fake_kernel.forgotten, 1, "EAL keeps its callback");
	TEST_ASSERT(held_same(&before, true), "something is left");
	return TEST_SUCCESS;
}

/* A second device in the group of the first. */
static int
open_other(struct vfio_dev **other)
{
	if (mkdir(below(OTHER_UUID), 0700) < 0 ||
			symlink("../../" RTE_STR(FAKE_KERNEL_GROUP),
				below(OTHER_UUID "/iommu_group")) < 0)
		return -errno;
	return vfio_dev_open(base, OTHER_UUID, other);
}

/* One of two: EAL counts one less, and lets go of the group with the other. */
static int
test_gone_of_two(void)
{
	struct held before;
	struct vfio_dev *other;

	held_now(&before);
	TEST_ASSERT_SUCCESS(open_dev(), "not opened");
	TEST_ASSERT_SUCCESS(open_other(&other), "not opened");
	TEST_ASSERT_EQUAL(fake_kernel.devices, 2, "%d devices", fake_kernel.devices);
	unlink(below(UUID "/iommu_group"));
	release();
	TEST_ASSERT_EQUAL(fake_kernel.devices, 1, "EAL counts %d",
		fake_kernel.devices);
	TEST_ASSERT(fake_kernel.group_fd >= 0, "the group was closed");
	vfio_dev_close(other);
	TEST_ASSERT_EQUAL(fake_kernel.released, 2, "EAL was not told");
	TEST_ASSERT_EQUAL(fake_kernel.group_fd, -1, "EAL keeps the group");
	TEST_ASSERT(held_same(&before, true), "something is left");
	return TEST_SUCCESS;
}

/* Both: no link is left to find the group by, and the last one clears it. */
static int
test_both_gone(void)
{
	struct held before;
	struct vfio_dev *other;

	held_now(&before);
	TEST_ASSERT_SUCCESS(open_dev(), "not opened");
	TEST_ASSERT_SUCCESS(open_other(&other), "not opened");
	unlink(below(UUID "/iommu_group"));
	unlink(below(OTHER_UUID "/iommu_group"));
	release();
	TEST_ASSERT(fake_kernel.group_fd >= 0, "the group was closed");
	vfio_dev_close(other);
	TEST_ASSERT_EQUAL(fake_kernel.released, 0, "EAL was asked");
	TEST_ASSERT_EQUAL(fake_kernel.group_fd, -1, "EAL keeps the group");
	TEST_ASSERT_EQUAL(fake_kernel.forgotten, 1, "EAL keeps its callback");
	TEST_ASSERT(held_same(&before, true), "something is left");
	return TEST_SUCCESS;
}

static int
test_each_fails(void)
{
	TEST_ASSERT_SUCCESS(fault_each(acquire, release), "something is left");
	TEST_ASSERT_EQUAL(fake_kernel.group_fd, -1, "EAL keeps the group");
	TEST_ASSERT_EQUAL(fake_kernel.device_fd, -1, "left open");
	TEST_ASSERT_EQUAL(fake_kernel.dma_mapped, 0, "left mapped");
	return TEST_SUCCESS;
}

static int
attach(void)
{
	struct vfio_region *region;
	int ret;

	ret = vfio_dev_attach("borrowed", fake_kernel_device(), &dev);
	if (ret < 0)
		return ret;
	ret = vfio_region_get(dev, BAR0, &region);
	if (ret == 0)
		ret = vfio_region_map(region);
	if (ret < 0)
		release();
	return ret;
}

static int
test_attach_each_fails(void)
{
	int fd = fake_kernel_device();

	TEST_ASSERT_SUCCESS(fault_each(attach, release), "something is left");
	TEST_ASSERT(fcntl(fd, F_GETFD) >= 0, "the owner's fd was closed");
	return TEST_SUCCESS;
}

/* What the container keeps mapped stays known, and can be unmapped later. */
static int
test_unmap_fails(void)
{
	const char *failed;
	int ret;

	TEST_ASSERT_SUCCESS(open_dev(), "not opened");
	TEST_ASSERT_SUCCESS(vfio_dma_map(dev, memory, IOVA, PAGE), "map");
	fault_arm(1);
	ret = vfio_dma_unmap(dev, memory, IOVA, PAGE);
	failed = fault_disarm();
	TEST_ASSERT_NOT_NULL(failed, "nothing failed");
	TEST_ASSERT_EQUAL(ret, -EIO, "%d when %s failed", ret, failed);
	TEST_ASSERT_SUCCESS(vfio_dma_unmap(dev, memory, IOVA, PAGE), "forgotten");
	TEST_ASSERT_EQUAL(fake_kernel.dma_mapped, 0, "left mapped");
	return TEST_SUCCESS;
}

/* EAL keeps the device: one line says so, and the handle goes all the same. */
static int
test_release_fails(void)
{
	TEST_ASSERT_SUCCESS(open_dev(), "not opened");
	fake_kernel.keeps = true;
	TEST_ASSERT_SUCCESS(captured_log_start(), "no capture");
	release();
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines("could not release"), 1, "no line");
	close(fake_kernel.device_fd);
	close(fake_kernel.group_fd);
	return TEST_SUCCESS;
}

/* A folder whose paths the kernel would not take either. */
static int
test_long_path(void)
{
	static char longer[PATH_MAX + 1];

	int ret;

	memset(longer, 'x', PATH_MAX);
	TEST_ASSERT_SUCCESS(captured_log_start(), "no capture");
	ret = vfio_dev_open(longer, UUID, &dev);
	captured_log_stop();
	TEST_ASSERT_EQUAL(ret, -ENODEV, "opened, or another error: %d", ret);
	TEST_ASSERT_NULL(dev, "a handle was returned");
	return TEST_SUCCESS;
}

static int
test_real_device(void)
{
	TEST_ASSERT_SUCCESS(acquire(), "%s cannot be used", addr);
	TEST_ASSERT_SUCCESS(vfio_dma_unmap(dev, memory, IOVA, PAGE), "unmap");
	TEST_ASSERT_SUCCESS(vfio_dma_map(dev, memory, IOVA, PAGE), "map again");
	return TEST_SUCCESS;
}

static int
test_real_each_fails(void)
{
	TEST_ASSERT_SUCCESS(fault_each(acquire, release), "something is left");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "common/vfio: kernel transport with a device",
	.unit_test_cases = {
		TEST_CASE_ST(setup, teardown, test_open_close),
		TEST_CASE_ST(setup, teardown, test_regions),
		TEST_CASE_ST(setup, teardown, test_irqs),
		TEST_CASE_ST(setup, teardown, test_dma_shared),
		TEST_CASE_ST(setup, teardown, test_attach),
		TEST_CASE_ST(setup, teardown, test_group_file),
		TEST_CASE_ST(setup, teardown, test_no_iommu),
		TEST_CASE_ST(setup, teardown, test_group_shared),
		TEST_CASE_ST(setup, teardown, test_no_group),
		TEST_CASE_ST(setup, teardown, test_eal_refuses),
		TEST_CASE_ST(setup, teardown, test_secondary),
		TEST_CASE_ST(setup, teardown, test_gone),
		TEST_CASE_ST(setup, teardown, test_gone_of_two),
		TEST_CASE_ST(setup, teardown, test_both_gone),
		TEST_CASE_ST(setup, teardown, test_each_fails),
		TEST_CASE_ST(setup, teardown, test_attach_each_fails),
		TEST_CASE_ST(setup, teardown, test_unmap_fails),
		TEST_CASE_ST(setup, teardown, test_release_fails),
		TEST_CASE_ST(setup, teardown, test_long_path),
		TEST_CASE_ST(setup_real, finish, test_real_device),
		TEST_CASE_ST(setup_real, finish, test_real_each_fails),
		TEST_CASES_END()
	}
};

static int
test_vfio_kernel_dev(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vfio_kernel_dev_autotest, test_vfio_kernel_dev);
