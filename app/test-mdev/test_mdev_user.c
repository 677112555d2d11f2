/* SPDX-License-Identifier: BSD-3-Clause */

/* The folders where mediators in user space list devices, and whom the bus trusts there. */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <rte_bus.h>
#include <rte_devargs.h>
#include <rte_memory.h>

#include <private.h>
#include <vfio_user_private.h>

#include "captured_log.h"
#include "fault_inject.h"
#include "made_up_sysfs.h"
#include "made_up_user.h"
#include "test.h"

#define NOBODY 65534

static unsigned int
listed(void)
{
	struct rte_mdev_device *mdev;
	unsigned int count = 0;

	MDEV_FOREACH(mdev)
		count++;
	return count;
}

static struct rte_mdev_device *
device(unsigned int i)
{
	struct rte_mdev_device *mdev;

	MDEV_FOREACH(mdev) {
		if (strcmp(mdev->name, made_up_uuid(i)) == 0)
			return mdev;
	}
	return NULL;
}

static int
test_scan(void)
{
	struct rte_mdev_device *mdev;

	TEST_ASSERT_SUCCESS(made_up_user_device(0, made_up_uuid(1)), "not made");
	TEST_ASSERT_SUCCESS(made_up_devices(2, 1), "not made");
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 0, "not silent");
	TEST_ASSERT_EQUAL(listed(), 2, "%u devices", listed());
	mdev = device(1);
	TEST_ASSERT_NOT_NULL(mdev, "not listed");
	TEST_ASSERT_SUCCESS(strcmp(mdev->device_api, MADE_UP_API), "api '%s'",
		mdev->device_api);
	TEST_ASSERT_SUCCESS(strcmp(mdev->type, MADE_UP_TYPE), "type '%s'",
		mdev->type);
	TEST_ASSERT_SUCCESS(strcmp(mdev->parent, MADE_UP_MEDIATOR), "parent '%s'",
		mdev->parent);
	TEST_ASSERT_SUCCESS(strcmp(mdev->root, made_up_user_root(0)), "root '%s'",
		mdev->root);
	TEST_ASSERT_EQUAL(mdev->device.numa_node, SOCKET_ID_ANY, "node %d",
		mdev->device.numa_node);
	TEST_ASSERT_SUCCESS(strcmp(device(2)->root, made_up_sysfs_root()),
		"root '%s'", device(2)->root);
	return TEST_SUCCESS;
}

/* A device's own, else its parent's. */
static int
test_numa_node(void)
{
	char file[128];

	TEST_ASSERT_SUCCESS(made_up_user_device(0, made_up_uuid(1)), "not made");
	TEST_ASSERT_SUCCESS(made_up_user_write(0, MADE_UP_MEDIATOR "/numa_node",
		"2\n"), "not written");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_EQUAL(device(1)->device.numa_node, 2, "node %d",
		device(1)->device.numa_node);
	snprintf(file, sizeof(file), MADE_UP_MEDIATOR "/%s/numa_node",
		made_up_uuid(1));
	TEST_ASSERT_SUCCESS(made_up_user_write(0, file, "3\n"), "not written");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_EQUAL(device(1)->device.numa_node, 3, "node %d",
		device(1)->device.numa_node);
	return TEST_SUCCESS;
}

/* Lists of several roots become one, sorted; devices stay where they are in memory. */
static int
test_roots(void)
{
	struct rte_mdev_device *mdev, *before[7], *last = NULL;
	char env[2 * PATH_MAX];
	unsigned int i;

	snprintf(env, sizeof(env), "%s/:%s::%s", made_up_user_root(1),
		made_up_user_root(2), made_up_user_root(0));
	setenv("MDEV_DEVICES", env, 1);
	for (i = 1; i < RTE_DIM(before); i++)
		TEST_ASSERT_SUCCESS(i % 2 == 0 ? made_up_devices(i, 1) :
			made_up_user_device(i / 2, made_up_uuid(i)), "not made");
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_EQUAL(listed(), 6, "%u devices", listed());
	for (i = 1; i < RTE_DIM(before); i++)
		before[i] = device(i);
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 0, "not silent");
	TEST_ASSERT_EQUAL(listed(), 6, "%u devices", listed());
	for (i = 1; i < RTE_DIM(before); i++)
		TEST_ASSERT(device(i) == before[i], "%u was replaced", i);
	MDEV_FOREACH(mdev) {
		TEST_ASSERT(last == NULL || strcmp(last->name, mdev->name) < 0,
			"%s not in order", mdev->name);
		last = mdev;
	}
	TEST_ASSERT_SUCCESS(strcmp(device(3)->root, made_up_user_root(1)),
		"root '%s'", device(3)->root);
	return TEST_SUCCESS;
}

static int
test_listed_twice(void)
{
	const char *uuid = made_up_uuid(1);

	setenv("MDEV_DEVICES", made_up_user_root(1), 1);
	TEST_ASSERT_SUCCESS(made_up_user_device(0, uuid), "not made");
	TEST_ASSERT_SUCCESS(made_up_user_device(1, uuid), "not made");
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines("the first one is taken"), 1,
		"not said once");
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 1, "no single line");
	TEST_ASSERT_EQUAL(listed(), 1, "%u devices", listed());
	TEST_ASSERT_SUCCESS(strcmp(device(1)->root, made_up_user_root(0)),
		"root '%s'", device(1)->root);
	TEST_ASSERT_SUCCESS(made_up_device(uuid, MADE_UP_PARENT, MADE_UP_TYPE),
		"not made");
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	captured_log_stop();
	TEST_ASSERT_SUCCESS(strcmp(device(1)->root, made_up_sysfs_root()),
		"root '%s'", device(1)->root);
	TEST_ASSERT_SUCCESS(made_up_user_remove(0, uuid), "not removed");
	TEST_ASSERT_SUCCESS(made_up_remove(uuid), "not removed");
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 0, "not silent");
	TEST_ASSERT_SUCCESS(strcmp(device(1)->root, made_up_user_root(1)),
		"root '%s'", device(1)->root);
	return TEST_SUCCESS;
}

/* Who could put a false device where? */
static const struct trust_case {
	const char *path;   /* below run0/mdev */
	mode_t mode;        /* 0: as it is */
	uid_t owner;        /* 0: root */
	bool trusted;
	bool device;        /* it is about the device, not about all of the root */
} trust_cases[] = {
	{ .path = "devices", .mode = 0755, .trusted = true },
	{ .path = "devices", .mode = 0775 },
	{ .path = "devices", .mode = 0757 },
	{ .path = "devices", .mode = 01777 },
	{ .path = "devices", .owner = NOBODY },
	{ .path = ".", .mode = 0775 },
	{ .path = ".", .mode = 0757 },
	{ .path = ".", .mode = 01777, .trusted = true },
	{ .path = ".", .owner = NOBODY },
	{ .path = "..", .mode = 0777 },
	{ .path = "..", .mode = 01777, .trusted = true },
	{ .path = "..", .owner = NOBODY },
	{ .path = MADE_UP_MEDIATOR, .mode = 0775, .device = true },
	{ .path = MADE_UP_MEDIATOR, .owner = NOBODY, .device = true },
	{ .path = MADE_UP_MEDIATOR, .mode = 0700, .trusted = true },
	{ .path = "", .mode = 0770, .device = true },
	{ .path = "", .mode = 01777, .device = true },
	{ .path = "", .owner = NOBODY, .device = true },
	{ .path = "", .mode = 0700, .trusted = true },
};

static int
change(const struct trust_case *c, const char *path)
{
	if (c->owner != 0 && chown(path, c->owner, 0) < 0)
		return -1;
	return c->mode == 0 ? 0 : chmod(path, c->mode);
}

static int
restore(const char *path)
{
	return chown(path, geteuid(), getegid()) < 0 ? -1 : chmod(path, 0755);
}

static int
check_trust(const struct trust_case *c, unsigned int i)
{
	char path[PATH_MAX], real[PATH_MAX];

	if (c->path[0] == '\0')
		snprintf(path, sizeof(path), "%s/%s", made_up_user_root(0),
			made_up_uuid(1));
	else
		snprintf(path, sizeof(path), "%s",
			made_up_user_path(0, c->path));
	TEST_ASSERT_NOT_NULL(realpath(path, real), "case %u: no path", i);
	TEST_ASSERT_SUCCESS(change(c, real), "case %u: not changed", i);
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_SUCCESS(mdev_scan(), "case %u: scan failed", i);
	TEST_ASSERT_SUCCESS(mdev_scan(), "case %u: scan failed", i);
	captured_log_stop();
	TEST_ASSERT_EQUAL(listed(), c->trusted ? 1u : 0u, "case %u: %u devices", i,
		listed());
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), c->trusted ? 0u : 1u,
		"case %u: %u lines", i, captured_log_lines(NULL));
	if (!c->trusted) {
		TEST_ASSERT_EQUAL(captured_log_lines(real), 1,
			"case %u: the folder is not named", i);
		TEST_ASSERT_EQUAL(captured_log_lines(c->owner != 0 ? "(chown)" :
			"(chmod go-w)"), 1, "case %u: no remedy", i);
		TEST_ASSERT_EQUAL(captured_log_lines(c->device ? "mdev:0000" :
			"mdev bus: "), 1, "case %u: another subject", i);
	}
	TEST_ASSERT_SUCCESS(restore(real), "case %u: not restored", i);
	TEST_ASSERT_SUCCESS(mdev_scan(), "case %u: scan failed", i);
	TEST_ASSERT_EQUAL(listed(), 1, "case %u: not back", i);
	return TEST_SUCCESS;
}

static int
test_trust(void)
{
	unsigned int i;

	TEST_ASSERT_SUCCESS(made_up_user_device(0, made_up_uuid(1)), "not made");
	for (i = 0; i < RTE_DIM(trust_cases); i++) {
		if (trust_cases[i].owner != 0 && geteuid() != 0)
			continue;
		if (check_trust(&trust_cases[i], i) != TEST_SUCCESS)
			return TEST_FAILED;
	}
	return TEST_SUCCESS;
}

/* A link is as good as who made it; where it leads to is looked at like the rest. */
static int
test_links(void)
{
	char link[PATH_MAX];

	TEST_ASSERT_SUCCESS(made_up_user_device(0, made_up_uuid(1)), "not made");
	snprintf(link, sizeof(link), "%s/link", made_up_sysfs_top());
	setenv("RUN_MDEV_DEVICES", link, 1);
	TEST_ASSERT_SUCCESS(symlink("run0/../run0/./mdev//devices/", link), "no link");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_EQUAL(listed(), 1, "not listed by a link");
	TEST_ASSERT_SUCCESS(unlink(link), "kept");
	TEST_ASSERT_SUCCESS(symlink(made_up_user_root(0), link), "no link");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_EQUAL(listed(), 1, "not listed by an absolute link");
	TEST_ASSERT_SUCCESS(chmod(made_up_user_root(0), 0777), "not changed");
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	captured_log_stop();
	TEST_ASSERT_EQUAL(listed(), 0, "listed although others may write there");
	TEST_ASSERT_SUCCESS(chmod(made_up_user_root(0), 0755), "not changed");
	if (geteuid() == 0) {
		TEST_ASSERT_SUCCESS(lchown(link, NOBODY, 0), "not changed");
		TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
		TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
		captured_log_stop();
		TEST_ASSERT_EQUAL(listed(), 0, "listed by somebody's link");
		TEST_ASSERT_EQUAL(captured_log_lines("belongs to user 65534"), 1,
			"not said");
	}
	TEST_ASSERT_SUCCESS(unlink(link), "kept");
	TEST_ASSERT_SUCCESS(symlink("link", link), "no link");
	TEST_ASSERT_SUCCESS(mdev_scan(), "a loop fails the scan");
	return TEST_SUCCESS;
}

/* What a link leads to that is no folder of a device's is no device. */
static int
test_no_devices(void)
{
	TEST_ASSERT_SUCCESS(made_up_user_link(0, made_up_uuid(1)), "not made");
	TEST_ASSERT_SUCCESS(made_up_user_device(0, made_up_uuid(2)), "not made");
	TEST_ASSERT_SUCCESS(made_up_user_write(0, "devices/00000003-abcd-4ef0-9abc-def012345678",
		"text"), "not made");
	TEST_ASSERT_SUCCESS(made_up_user_write(0, "devices/lock", ""), "not made");
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 0, "not silent");
	TEST_ASSERT_EQUAL(listed(), 1, "%u devices", listed());
	TEST_ASSERT_NOT_NULL(device(2), "another one");
	return TEST_SUCCESS;
}

/* Of an ordinary user there is one more root. */
static int
test_ordinary_user(void)
{
	char run[PATH_MAX];
	unsigned int as_root, as_user;
	int ret;

	if (geteuid() != 0)
		return test_skip("takes root to become somebody else");
	snprintf(run, sizeof(run), "%s/run1", made_up_sysfs_top());
	setenv("XDG_RUNTIME_DIR", run, 1);
	TEST_ASSERT_SUCCESS(made_up_user_device(0, made_up_uuid(1)), "not made");
	TEST_ASSERT_SUCCESS(made_up_user_device(1, made_up_uuid(2)), "not made");
	TEST_ASSERT_SUCCESS(chmod(made_up_sysfs_top(), 0755), "not changed");
	TEST_ASSERT_SUCCESS(chown(run, NOBODY, 0), "not changed");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	as_root = listed();
	TEST_ASSERT_SUCCESS(seteuid(NOBODY), "still root");
	ret = mdev_scan();
	as_user = listed();
	TEST_ASSERT_SUCCESS(seteuid(0), "not root again");
	unsetenv("XDG_RUNTIME_DIR");
	TEST_ASSERT_SUCCESS(ret, "scan failed");
	TEST_ASSERT_EQUAL(as_root, 1, "root: %u devices", as_root);
	TEST_ASSERT_EQUAL(as_user, 2, "somebody: %u devices", as_user);
	return TEST_SUCCESS;
}

/* A device that another user's mediator lists is there, and not ours to look at. */
static int
test_hidden(void)
{
	char allow[64];
	int ret, back;

	if (geteuid() != 0)
		return test_skip("takes root to become somebody else");
	TEST_ASSERT_SUCCESS(made_up_user_device(0, made_up_uuid(1)), "not made");
	TEST_ASSERT_SUCCESS(chmod(made_up_sysfs_top(), 0755), "not changed");
	TEST_ASSERT_SUCCESS(chmod(made_up_user_path(0, MADE_UP_MEDIATOR), 0700), "not changed");
	snprintf(allow, sizeof(allow), "mdev:%s", made_up_uuid(1));
	TEST_ASSERT(rte_devargs_add(RTE_DEVTYPE_ALLOWED, allow) == 0, "not added");
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_SUCCESS(seteuid(NOBODY), "still root");
	ret = mdev_scan();
	mdev_devargs_warn_missing();
	back = seteuid(0);
	captured_log_stop();
	rte_devargs_remove(rte_devargs_next("mdev", NULL));
	TEST_ASSERT_SUCCESS(back, "not root again");
	TEST_ASSERT_SUCCESS(ret, "scan failed");
	TEST_ASSERT_EQUAL(listed(), 0, "%u devices", listed());
	TEST_ASSERT(captured_log_lines(NULL) == 1 &&
		captured_log_lines("may not look into the folder of its mediator") == 1,
		"lines");
	return TEST_SUCCESS;
}

/* Said once in the life of a process, as the environment does not change. */
static int
test_bad_roots(void)
{
	char env[400];

	TEST_ASSERT_SUCCESS(made_up_user_device(0, made_up_uuid(1)), "not made");
	memset(env, 'a', sizeof(env));
	memcpy(env, "relative:/", 10);
	env[sizeof(env) - 1] = '\0';
	setenv("MDEV_DEVICES", env, 1);
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines("mdev bus: relative:/aaa"), 1,
		"not named");
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 1, "no single line");
	TEST_ASSERT_EQUAL(listed(), 1, "%u devices", listed());
	return TEST_SUCCESS;
}

/* What cannot be read for the moment takes no device away. */
static int
test_unreadable(void)
{
	struct rlimit limit, none;
	int ret;

	TEST_ASSERT_SUCCESS(made_up_user_device(0, made_up_uuid(1)), "not made");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_SUCCESS(getrlimit(RLIMIT_NOFILE, &limit), "no limit");
	setenv("SYSFS_MDEV_DEVICES", "/none", 1);
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	none = limit;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	ret = mdev_scan();
	setrlimit(RLIMIT_NOFILE, &limit);
	captured_log_stop();
	TEST_ASSERT(ret < 0, "no error");
	TEST_ASSERT_EQUAL(listed(), 1, "%u devices", listed());
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 1, "no single line");
	return TEST_SUCCESS;
}

static int
test_thousand(void)
{
	unsigned int i;

	for (i = 0; i < 1000; i++)
		TEST_ASSERT_SUCCESS(made_up_user_device(0, made_up_uuid(i)),
			"not made");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_EQUAL(listed(), 1000, "%u devices", listed());
	return TEST_SUCCESS;
}

/* A user who lacks the client of vfio-user learns that, by both ways to a socket. */
static int
test_no_transport(void)
{
	char path[PATH_MAX];
	struct vfio_dev *dev;
	int ret[2];

	TEST_ASSERT_SUCCESS(made_up_user_device(0, made_up_uuid(1)), "not made");
	snprintf(path, sizeof(path), "%s/%s/socket", made_up_user_root(0),
		made_up_uuid(1));
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	vfio_transport_unregister(&vfio_user_transport);
	ret[0] = vfio_dev_open(made_up_user_root(0), made_up_uuid(1), &dev);
	ret[1] = vfio_dev_open(path, made_up_uuid(1), &dev);
	vfio_transport_register(&vfio_user_transport);
	captured_log_stop();
	TEST_ASSERT(ret[0] == -ENODEV && ret[1] == -ENODEV, "%d, %d", ret[0], ret[1]);
	TEST_ASSERT_EQUAL(captured_log_lines("load librte_common_vfio_user with -d"),
		2, "another line");
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 2, "%u lines",
		captured_log_lines(NULL));
	return TEST_SUCCESS;
}

static void
forget(void)
{
	mdev_cleanup();
}

/* Failed: nothing is left. Went well in spite of it: nothing is missing. */
static int
scan_all(void)
{
	int ret = mdev_scan();

	if (ret < 0) {
		fault_disarm();
		forget();
		return ret;
	}
	return listed() == 2 ? 0 : -1;
}

static int
test_faults(void)
{
	TEST_ASSERT_SUCCESS(made_up_user_device(0, made_up_uuid(1)), "not made");
	TEST_ASSERT_SUCCESS(made_up_user_device(0, made_up_uuid(2)), "not made");
	TEST_ASSERT_SUCCESS(fault_each(scan_all, forget), "something is left");
	return TEST_SUCCESS;
}

#define CASE(fn) TEST_CASE_ST(made_up_user_start, made_up_user_stop, fn)

static struct unit_test_suite suite = {
	.suite_name = "bus/mdev: scan of user space",
	.unit_test_cases = {
		CASE(test_scan),
		CASE(test_numa_node),
		CASE(test_roots),
		CASE(test_listed_twice),
		CASE(test_trust),
		CASE(test_links),
		CASE(test_no_devices),
		CASE(test_ordinary_user),
		CASE(test_hidden),
		CASE(test_bad_roots),
		CASE(test_unreadable),
		CASE(test_thousand),
		CASE(test_no_transport),
		CASE(test_faults),
		TEST_CASES_END()
	}
};

static int
test_mdev_user(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_user_autotest, test_mdev_user);
