/* SPDX-License-Identifier: BSD-3-Clause */

/* The scan: which devices there are, and what sysfs says of them. */

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <rte_bus.h>
#include <rte_memory.h>

#include <private.h>

#include "captured_log.h"
#include "made_up_sysfs.h"
#include "test.h"

static unsigned int
listed(void)
{
	struct rte_mdev_device *mdev;
	unsigned int count = 0;

	MDEV_FOREACH(mdev)
		count++;
	return count;
}

/* As EAL and applications do it; that loads what is read on demand as well. */
static struct rte_mdev_device *
device(const char *uuid)
{
	struct rte_dev_iterator it;
	struct rte_device *dev;
	char str[64];

	snprintf(str, sizeof(str), "bus=mdev,uuid=%s", uuid);
	RTE_DEV_FOREACH(dev, str, &it)
		return RTE_DEV_TO_MDEV(dev);
	return NULL;
}

static int
test_scan(void)
{
	struct rte_mdev_device *mdev;

	TEST_ASSERT_SUCCESS(made_up_device(made_up_uuid(1), MADE_UP_PARENT,
		MADE_UP_TYPE), "no device made");
	TEST_ASSERT_SUCCESS(made_up_device(made_up_uuid(2), MADE_UP_PARENT_2,
		MADE_UP_TYPE_2), "no device made");
	TEST_ASSERT_SUCCESS(rte_bus_scan(), "scan failed");
	TEST_ASSERT_EQUAL(listed(), 2, "%u devices", listed());

	mdev = device(made_up_uuid(1));
	TEST_ASSERT_NOT_NULL(mdev, "not found");
	TEST_ASSERT_SUCCESS(strcmp(mdev->name, made_up_uuid(1)), "name %s",
		mdev->name);
	TEST_ASSERT(mdev->device.name == mdev->name, "another generic name");
	TEST_ASSERT_SUCCESS(strcmp(mdev->device_api, MADE_UP_API), "api '%s'",
		mdev->device_api);
	TEST_ASSERT_SUCCESS(strcmp(mdev->type, MADE_UP_TYPE), "type '%s'",
		mdev->type);
	TEST_ASSERT_SUCCESS(strcmp(mdev->parent, MADE_UP_PARENT), "parent '%s'",
		mdev->parent);
	TEST_ASSERT_SUCCESS(strcmp(mdev->root, made_up_sysfs_root()), "root '%s'",
		mdev->root);
	TEST_ASSERT_EQUAL(mdev->device.numa_node, 1, "node %d",
		mdev->device.numa_node);
	TEST_ASSERT_NULL(mdev->device.devargs, "devargs out of nothing");

	mdev = device(made_up_uuid(2));
	TEST_ASSERT_NOT_NULL(mdev, "not found");
	TEST_ASSERT_SUCCESS(strcmp(mdev->parent, MADE_UP_PARENT_2), "parent '%s'",
		mdev->parent);
	TEST_ASSERT_EQUAL(mdev->device.numa_node, SOCKET_ID_ANY, "node %d",
		mdev->device.numa_node);
	return TEST_SUCCESS;
}

/* A machine without mediated devices: nothing is said and nothing is wrong. */
static int
test_no_folder(void)
{
	char folder[128];

	snprintf(folder, sizeof(folder), "%s/none", made_up_sysfs_top());
	setenv("SYSFS_MDEV_DEVICES", folder, 1);
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 0, "not silent");
	TEST_ASSERT_EQUAL(listed(), 0, "%u devices", listed());
	return TEST_SUCCESS;
}

/* The second scan duplicates nothing and keeps the addresses of devices. */
static int
test_scan_twice(void)
{
	struct rte_mdev_device *first, *second;

	TEST_ASSERT_SUCCESS(made_up_devices(1, 2), "no devices made");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	first = device(made_up_uuid(1));
	second = device(made_up_uuid(2));
	TEST_ASSERT_SUCCESS(mdev_scan(), "second scan failed");
	TEST_ASSERT_EQUAL(listed(), 2, "%u devices", listed());
	TEST_ASSERT(device(made_up_uuid(1)) == first, "replaced");
	TEST_ASSERT(device(made_up_uuid(2)) == second, "replaced");
	return TEST_SUCCESS;
}

/* New ones come at the start, in the middle, at the end; and go from there. */
static int
test_scan_changes(void)
{
	static const unsigned int order[] = { 5, 3, 7, 4, 6 };
	struct rte_mdev_device *mdev, *last;
	unsigned int i;

	for (i = 0; i < RTE_DIM(order); i++) {
		TEST_ASSERT_SUCCESS(made_up_devices(order[i], 1), "none made");
		TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
		TEST_ASSERT_EQUAL(listed(), i + 1, "%u devices", listed());
	}
	last = NULL;
	MDEV_FOREACH(mdev) {
		TEST_ASSERT(last == NULL || strcmp(last->name, mdev->name) < 0,
			"%s not in order", mdev->name);
		last = mdev;
	}
	for (i = RTE_DIM(order); i-- > 0; ) {
		TEST_ASSERT_SUCCESS(made_up_remove(made_up_uuid(order[i])),
			"not removed");
		TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
		TEST_ASSERT_EQUAL(listed(), i, "%u devices", listed());
		TEST_ASSERT_NULL(device(made_up_uuid(order[i])), "still there");
	}
	return TEST_SUCCESS;
}

/* The same UUID with another parent is another device. */
static int
test_made_again(void)
{
	struct rte_mdev_device *mdev;

	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	mdev = device(made_up_uuid(1));
	TEST_ASSERT_SUCCESS(strcmp(mdev->type, MADE_UP_TYPE), "'%s'", mdev->type);
	TEST_ASSERT_SUCCESS(made_up_remove(made_up_uuid(1)), "not removed");
	TEST_ASSERT_SUCCESS(made_up_device(made_up_uuid(1), MADE_UP_PARENT_2,
		MADE_UP_TYPE_2), "not made");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	mdev = device(made_up_uuid(1));
	TEST_ASSERT_SUCCESS(strcmp(mdev->type, MADE_UP_TYPE_2), "'%s'", mdev->type);
	TEST_ASSERT_SUCCESS(strcmp(mdev->parent, MADE_UP_PARENT_2), "'%s'",
		mdev->parent);
	TEST_ASSERT_EQUAL(mdev->device.numa_node, SOCKET_ID_ANY, "old node");
	return TEST_SUCCESS;
}

static int
test_no_uuids(void)
{
	static const char * const names[] = {
		"mtty", ".hidden", "0000:00:02.0",
		"00000001-abcd-4ef0-9abc-def01234567",   /* a digit short */
		"00000001-abcd-4ef0-9abc-def0123456789", /* one too many */
		"00000001-abcd-4ef0-9abc-def01234567g",
		"00000001+abcd-4ef0-9abc-def012345678",
		"00000001-abcd-4ef0-9abc-def0123456\n\x1b",
		"0x000001-abcd-4ef0-9abc-def012345678",
	};
	char path[256];
	unsigned int i;

	for (i = 0; i < RTE_DIM(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", made_up_sysfs_root(),
			names[i]);
		TEST_ASSERT_SUCCESS(mkdir(path, 0755), "%s not made", names[i]);
	}
	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 0, "not silent");
	TEST_ASSERT_EQUAL(listed(), 1, "%u devices", listed());
	return TEST_SUCCESS;
}

/* sysfs never spells one in upper case; if a folder does, it is one device. */
static int
test_two_spellings(void)
{
	struct rte_mdev_device *mdev;
	char upper[RTE_UUID_STRLEN];
	unsigned int i;

	snprintf(upper, sizeof(upper), "%s", made_up_uuid(1));
	for (i = 0; upper[i] != '\0'; i++) {
		if (upper[i] >= 'a' && upper[i] <= 'f')
			upper[i] -= 'a' - 'A';
	}
	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	TEST_ASSERT_SUCCESS(made_up_device(upper, MADE_UP_PARENT_2,
		MADE_UP_TYPE_2), "not made");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_EQUAL(listed(), 1, "%u devices", listed());
	TEST_ASSERT_SUCCESS(made_up_remove(made_up_uuid(1)), "not removed");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	mdev = device(upper);
	TEST_ASSERT_NOT_NULL(mdev, "upper case not found");
	TEST_ASSERT_SUCCESS(strcmp(mdev->name, made_up_uuid(1)), "name %s",
		mdev->name);
	TEST_ASSERT_SUCCESS(strcmp(mdev->type, MADE_UP_TYPE_2), "type '%s'",
		mdev->type);
	return TEST_SUCCESS;
}

static const char *
api_after(const void *data, size_t len)
{
	const char *uuid = made_up_uuid(1);
	struct rte_mdev_device *mdev;

	if (device(uuid) == NULL && (made_up_devices(1, 1) < 0 ||
			made_up_own_type(uuid) < 0))
		return "not made";
	if (made_up_write(uuid, "mdev_type/device_api", data, len) < 0 ||
			mdev_scan() != 0)
		return "not scanned";
	mdev = device(uuid);
	return mdev == NULL ? "not found" : mdev->device_api;
}

static int
test_attribute_ends(void)
{
	char text[RTE_MDEV_ATTR_LEN + 1];

	TEST_ASSERT_SUCCESS(strcmp(api_after("vfio-x", 6), "vfio-x"),
		"without newline");
	TEST_ASSERT_SUCCESS(strcmp(api_after("vfio-y\n", 7), "vfio-y"),
		"with newline");
	TEST_ASSERT_SUCCESS(strcmp(api_after("", 0), ""), "empty");
	TEST_ASSERT_SUCCESS(strcmp(api_after("\n", 1), ""), "newline only");

	memset(text, 'a', sizeof(text));
	TEST_ASSERT_EQUAL(strlen(api_after(text, RTE_MDEV_ATTR_LEN - 1)),
		RTE_MDEV_ATTR_LEN - 1u, "the longest");
	text[RTE_MDEV_ATTR_LEN - 1] = '\n';
	TEST_ASSERT_EQUAL(strlen(api_after(text, RTE_MDEV_ATTR_LEN)),
		RTE_MDEV_ATTR_LEN - 1u, "the longest with its newline");
	return TEST_SUCCESS;
}

/* Part of a name could match what the whole does not: all or nothing. */
static int
test_attribute_hostile(void)
{
	static char huge[1 << 16];

	memset(huge, 'a', sizeof(huge));
	TEST_ASSERT_SUCCESS(strcmp(api_after(huge, RTE_MDEV_ATTR_LEN), ""),
		"one too long");
	TEST_ASSERT_SUCCESS(strcmp(api_after(huge, sizeof(huge)), ""), "huge");
	TEST_ASSERT_SUCCESS(strcmp(api_after("vfio\x01-pci", 9), ""), "binary");
	TEST_ASSERT_SUCCESS(strcmp(api_after("\xff\xfe", 2), ""), "binary");
	TEST_ASSERT_SUCCESS(strcmp(api_after("vfio\0-pci", 9), ""), "a zero byte");
	return TEST_SUCCESS;
}

/* Whatever lies where the attribute should be: the device is listed all the same. */
static int
test_attribute_absent(void)
{
	const char *uuid = made_up_uuid(1);
	char path[256];
	struct rte_mdev_device *mdev;

	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	TEST_ASSERT_SUCCESS(made_up_own_type(uuid), "not made");
	TEST_ASSERT_SUCCESS(made_up_unlink(uuid, "mdev_type/device_api"), "kept");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	mdev = device(uuid);
	TEST_ASSERT_NOT_NULL(mdev, "not listed");
	TEST_ASSERT_SUCCESS(strcmp(mdev->device_api, ""), "'%s'",
		mdev->device_api);
	TEST_ASSERT_SUCCESS(strcmp(mdev->type, ""), "'%s'", mdev->type);

	snprintf(path, sizeof(path), "%s/%s/mdev_type/device_api",
		made_up_sysfs_root(), uuid);
	TEST_ASSERT_SUCCESS(mkfifo(path, 0644), "no FIFO");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_NOT_NULL(device(uuid), "not listed with a FIFO");
	TEST_ASSERT_SUCCESS(unlink(path), "kept");
	TEST_ASSERT_SUCCESS(mkdir(path, 0755), "no folder");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_NOT_NULL(device(uuid), "not listed with a folder");
	TEST_ASSERT_SUCCESS(rmdir(path), "kept");
	TEST_ASSERT_SUCCESS(symlink("device_api", path), "no loop");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_NOT_NULL(device(uuid), "not listed with a loop");
	TEST_ASSERT_SUCCESS(unlink(path), "kept");
	return TEST_SUCCESS;
}

static int
test_numa_hostile(void)
{
	static const struct {
		const char *text;
		int node;
	} nodes[] = {
		{ "0\n", 0 }, { "3", 3 }, { "-1\n", SOCKET_ID_ANY },
		{ "1x", SOCKET_ID_ANY }, { "", SOCKET_ID_ANY },
		{ "99999999999999999999", SOCKET_ID_ANY },
		{ "2147483648", SOCKET_ID_ANY },
	};
	struct rte_mdev_device *mdev;
	unsigned int i;

	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	for (i = 0; i < RTE_DIM(nodes); i++) {
		TEST_ASSERT_SUCCESS(made_up_write(made_up_uuid(1), "../numa_node",
			nodes[i].text, strlen(nodes[i].text)), "not written");
		TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
		mdev = device(made_up_uuid(1));
		TEST_ASSERT_EQUAL(mdev->device.numa_node, nodes[i].node,
			"'%s': node %d", nodes[i].text, mdev->device.numa_node);
	}
	return TEST_SUCCESS;
}

/* Links that hang, and a folder that nobody can be the parent of. */
static int
test_links_hostile(void)
{
	struct rte_mdev_device *mdev;
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", made_up_sysfs_root(),
		made_up_uuid(1));
	TEST_ASSERT_SUCCESS(symlink("/nowhere/at/all", path), "no link");
	snprintf(path, sizeof(path), "%s/%s", made_up_sysfs_root(),
		made_up_uuid(2));
	TEST_ASSERT_SUCCESS(symlink(made_up_uuid(2), path), "no link");
	snprintf(path, sizeof(path), "%s/%s", made_up_sysfs_root(),
		made_up_uuid(3));
	TEST_ASSERT_SUCCESS(mkdir(path, 0755), "no folder");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_EQUAL(listed(), 3, "%u devices", listed());
	mdev = device(made_up_uuid(3));
	TEST_ASSERT_NOT_NULL(mdev, "not listed");
	TEST_ASSERT_SUCCESS(strcmp(mdev->parent, ""), "'%s'", mdev->parent);
	TEST_ASSERT_SUCCESS(strcmp(mdev->type, ""), "'%s'", mdev->type);
	return TEST_SUCCESS;
}

/* A folder that cannot be read for the moment takes no device away. */
static int
test_unreadable(void)
{
	struct rlimit limit, none;
	int ret;

	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_SUCCESS(getrlimit(RLIMIT_NOFILE, &limit), "no limit");
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	none = limit;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	ret = mdev_scan();
	setrlimit(RLIMIT_NOFILE, &limit);
	captured_log_stop();
	TEST_ASSERT(ret < 0, "an unreadable folder is no error");
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 1, "no single line");
	TEST_ASSERT_EQUAL(listed(), 1, "%u devices", listed());
	return TEST_SUCCESS;
}

/* What it costs is for a benchmark to say: a test cannot tell a busy machine from it. */
static int
test_thousands(void)
{
	TEST_ASSERT_SUCCESS(made_up_devices(0, 1000), "not made");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_EQUAL(listed(), 1000, "%u devices", listed());
	TEST_ASSERT_SUCCESS(made_up_devices(1000, 1000), "not made");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_EQUAL(listed(), 2000, "%u devices", listed());
	return TEST_SUCCESS;
}

#define CASE(fn) TEST_CASE_ST(made_up_sysfs_start, made_up_sysfs_stop, fn)

static struct unit_test_suite suite = {
	.suite_name = "bus/mdev: scan",
	.unit_test_cases = {
		CASE(test_scan),
		CASE(test_no_folder),
		CASE(test_scan_twice),
		CASE(test_scan_changes),
		CASE(test_made_again),
		CASE(test_no_uuids),
		CASE(test_two_spellings),
		CASE(test_attribute_ends),
		CASE(test_attribute_hostile),
		CASE(test_attribute_absent),
		CASE(test_numa_hostile),
		CASE(test_links_hostile),
		CASE(test_unreadable),
		CASE(test_thousands),
		TEST_CASES_END()
	}
};

static int
test_mdev_sysfs(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_sysfs_autotest, test_mdev_sysfs);
