/* SPDX-License-Identifier: BSD-3-Clause */

/* What the kernel and the device tell of removal and creation. */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_interrupts.h>

#include <private.h>

#include "captured_log.h"
#include "fake_vfio.h"
#include "made_up_sysfs.h"
#include "test.h"
#include "wrap.h"

#define UUID_1 "00000001-abcd-4ef0-9abc-def012345678" /* made_up_uuid(1) */
#define PATH "/devices/virtual/mtty/mtty/" UUID_1

/* Longest time that a test waits for another thread. */
#define WAIT_S 10

struct uevent_case {
	const char *text; /* lines instead of strings that end with zero */
	bool good;
	enum rte_dev_event_type type;
};

static const struct uevent_case uevent_cases[] = {
	{ "bind@" PATH "\nACTION=bind\nDEVPATH=" PATH "\nSUBSYSTEM=mdev\n"
		"DRIVER=vfio_mdev\nSEQNUM=1\n", true, RTE_DEV_EVENT_ADD },
	{ "SUBSYSTEM=mdev\nDEVPATH=" PATH "\nACTION=remove\n", true,
		RTE_DEV_EVENT_REMOVE },
	/* too early, and too late */
	{ "ACTION=add\nDEVPATH=" PATH "\nSUBSYSTEM=mdev\n", false, 0 },
	{ "ACTION=unbind\nDEVPATH=" PATH "\nSUBSYSTEM=mdev\n", false, 0 },
	/* of others */
	{ "ACTION=bind\nDEVPATH=" PATH "\nSUBSYSTEM=pci\n", false, 0 },
	{ "ACTION=bind\nDEVPATH=" PATH "\nSUBSYSTEM=mdevs\n", false, 0 },
	{ "ACTION=bind\nDEVPATH=/module/mdev\nSUBSYSTEM=mdev\n", false, 0 },
	{ "ACTION=bind\nDEVPATH=" PATH "0\nSUBSYSTEM=mdev\n", false, 0 },
	{ "ACTION=bind\nDEVPATH=" UUID_1 "\nSUBSYSTEM=mdev\n", false, 0 },
	/* parts missing */
	{ "ACTION=bind\nDEVPATH=" PATH "\n", false, 0 },
	{ "ACTION=bind\nSUBSYSTEM=mdev\n", false, 0 },
	{ "DEVPATH=" PATH "\nSUBSYSTEM=mdev\n", false, 0 },
	{ "XACTION=bind\nDEVPATH=" PATH "\nSUBSYSTEM=mdev\n", false, 0 },
	{ "ACTION\nDEVPATH=" PATH "\nSUBSYSTEM=mdev\n", false, 0 },
	{ "\n\n\n", false, 0 },
	/* cut */
	{ "ACTION=bind\nDEVPATH=" PATH "\nSUBSYSTEM=mdev", false, 0 },
	{ "", false, 0 },
};

static int
test_uevents(void)
{
	char msg[512], name[RTE_UUID_STRLEN];
	enum rte_dev_event_type type;
	const struct uevent_case *c;
	unsigned int i;
	size_t len, j;
	bool good;

	for (i = 0; i < RTE_DIM(uevent_cases); i++) {
		c = &uevent_cases[i];
		len = strlen(c->text);
		for (j = 0; j < len; j++)
			msg[j] = c->text[j] == '\n' ? '\0' : c->text[j];
		type = RTE_DEV_EVENT_MAX;
		good = mdev_uevent_parse(msg, len, name, &type);
		TEST_ASSERT_EQUAL(good, c->good, "case %u: %d", i, good);
		if (!good)
			continue;
		TEST_ASSERT_EQUAL(type, c->type, "case %u: type %d", i, type);
		TEST_ASSERT_SUCCESS(strcmp(name, UUID_1), "case %u: name %s", i,
			name);
	}
	return TEST_SUCCESS;
}

static unsigned int naps;

WRAP_PROTO(int, usleep, useconds_t us)
{
	__atomic_fetch_add(&naps, 1, __ATOMIC_RELAXED);
	return __real_usleep(us);
}

/* A device whose type comes late is waited for, one that is gone again is not. */
static int
test_wait_for_type(void)
{
	const char gone[] = "00000009-abcd-4ef0-9abc-def012345678";
	char path[PATH_MAX];
	unsigned int before = naps;

	mdev_wait_for_type(gone);
	TEST_ASSERT_EQUAL(naps, before, "%u times for a device that is gone",
		naps - before);
	mdev_wait_for_type(UUID_1);
	TEST_ASSERT_EQUAL(naps, before, "%u times for a type that is there",
		naps - before);
	snprintf(path, sizeof(path), "%s/%s", made_up_sysfs_root(), gone);
	TEST_ASSERT_SUCCESS(mkdir(path, 0700), "no folder");
	mdev_wait_for_type(gone);
	TEST_ASSERT_SUCCESS(rmdir(path), "a folder is left");
	TEST_ASSERT(naps > before && naps <= before + 1000, "%u times",
		naps - before);
	return TEST_SUCCESS;
}

/* What the driver and the application heard; written in EAL's interrupt thread. */
static struct {
	unsigned int requests;
	unsigned int removals;
	char name[RTE_UUID_STRLEN];
	int unplug_in_event;  /* what a detach within the event returned */
	bool unplug;          /* try one */
} heard;

static int
made_up_probe(struct rte_mdev_driver *drv __rte_unused,
		struct rte_mdev_device *mdev __rte_unused)
{
	return 0;
}

static int remove_returns;

static int
made_up_remove_dev(struct rte_mdev_device *mdev __rte_unused)
{
	return remove_returns;
}

static void
made_up_request(struct rte_mdev_device *mdev __rte_unused)
{
	__atomic_fetch_add(&heard.requests, 1, __ATOMIC_RELEASE);
}

static const struct rte_mdev_id ids[] = {
	{ .device_api = MADE_UP_API, .type = "made_up-*",
	  .vendor_id = RTE_MDEV_ANY_ID, .device_id = RTE_MDEV_ANY_ID },
	{ .device_api = NULL },
};

static struct rte_mdev_driver driver = {
	.driver.name = "net_hotplug",
	.id_table = ids,
	.probe = made_up_probe,
	.remove = made_up_remove_dev,
	.request = made_up_request,
};

static void
on_event(const char *name, enum rte_dev_event_type type, void *arg __rte_unused)
{
	if (type != RTE_DEV_EVENT_REMOVE)
		return;
	snprintf(heard.name, sizeof(heard.name), "%s", name);
	if (heard.unplug)
		heard.unplug_in_event = mdev_unplug_device(mdev_first());
	__atomic_fetch_add(&heard.removals, 1, __ATOMIC_RELEASE);
}

static bool
wait_removals(unsigned int count)
{
	unsigned int i;

	for (i = 0; i < WAIT_S * 1000; i++) {
		if (__atomic_load_n(&heard.removals, __ATOMIC_ACQUIRE) >= count)
			return true;
		usleep(1000);
	}
	return false;
}

static struct fake_vfio_irq *
req(void)
{
	return &fake_vfio.irqs[VFIO_PCI_REQ_IRQ_INDEX];
}

static int
start(void)
{
	memset(&heard, 0, sizeof(heard));
	remove_returns = 0;
	if (made_up_sysfs_start() < 0 || fake_vfio_start() < 0 ||
			made_up_devices(1, 1) < 0)
		return TEST_FAILED;
	fake_vfio.base = made_up_sysfs_root();
	fake_vfio.addr = NULL;
	req()->count = 1;
	req()->flags = VFIO_IRQ_INFO_EVENTFD;
	rte_mdev_register(&driver);
	return rte_dev_event_callback_register(NULL, on_event, NULL);
}

static void
stop(void)
{
	rte_dev_event_callback_unregister(NULL, on_event, NULL);
	made_up_sysfs_stop(); /* takes the devices back first */
	fake_vfio_stop();
	rte_mdev_unregister(&driver);
}

static int
raise_request(void)
{
	const uint64_t one = 1;

	return write(req()->fds[0], &one, sizeof(one)) == sizeof(one) ? 0 : -1;
}

/* The kernel asks, again and again; the user is told once, the application each time. */
static int
test_request(void)
{
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_SUCCESS(mdev_probe_all(), "probe failed");
	TEST_ASSERT(req()->fds[0] >= 0, "the interrupt is not enabled");
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_SUCCESS(raise_request(), "no eventfd");
	TEST_ASSERT(wait_removals(1), "the application heard nothing");
	TEST_ASSERT_SUCCESS(raise_request(), "no eventfd");
	TEST_ASSERT(wait_removals(2), "the application heard nothing again");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines("mdev:" UUID_1 ": is being removed"),
		1, "%u lines", captured_log_lines(NULL));
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 1, "%u lines",
		captured_log_lines(NULL));
	TEST_ASSERT_EQUAL(heard.requests, 2, "the driver heard %u times",
		heard.requests);
	TEST_ASSERT_SUCCESS(strcmp(heard.name, UUID_1), "name %s", heard.name);
	TEST_ASSERT_SUCCESS(mdev_unplug_device(mdev_first()), "not detached");
	TEST_ASSERT_EQUAL(req()->fds[0], -1, "the interrupt is enabled still");
	return TEST_SUCCESS;
}

/* Waiting for the end of a callback within it would be for ever. */
static int
test_detach_in_event(void)
{
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_SUCCESS(mdev_probe_all(), "probe failed");
	heard.unplug = true;
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_SUCCESS(raise_request(), "no eventfd");
	TEST_ASSERT(wait_removals(1), "the application heard nothing");
	captured_log_stop();
	TEST_ASSERT_EQUAL(heard.unplug_in_event, -EBUSY, "returned %d",
		heard.unplug_in_event);
	TEST_ASSERT_EQUAL(captured_log_lines("mdev:" UUID_1 ": cannot be detached from within"),
		1, "%u lines", captured_log_lines(NULL));
	TEST_ASSERT(mdev_first()->driver == &driver, "the device was lost");
	TEST_ASSERT_SUCCESS(mdev_unplug_device(mdev_first()), "not detached");
	TEST_ASSERT_EQUAL(fake_vfio.opened, 0, "left open");
	return TEST_SUCCESS;
}

/* A driver that does not let go goes on hearing. */
static int
test_remove_fails(void)
{
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_SUCCESS(mdev_probe_all(), "probe failed");
	remove_returns = -EBUSY;
	TEST_ASSERT_EQUAL(mdev_unplug_device(mdev_first()), -EBUSY, "detached");
	TEST_ASSERT_SUCCESS(raise_request(), "no eventfd");
	TEST_ASSERT(wait_removals(1), "the application heard nothing");
	remove_returns = 0;
	return TEST_SUCCESS;
}

/*
 * By its kind: when a handle is unregistered EAL's interrupt thread makes itself another epoll
 * instance, which may get the number of what was closed.
 */
static bool
is_eventfd(int fd)
{
	char path[64], target[64] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, target, sizeof(target) - 1) > 0 &&
		strcmp(target, "anon_inode:[eventfd]") == 0;
}

/* At the end of the process nobody hears any more, whatever the driver says. */
static int
test_cleanup(void)
{
	int efd;

	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_SUCCESS(mdev_probe_all(), "probe failed");
	efd = req()->fds[0];
	TEST_ASSERT(is_eventfd(efd), "not listening");
	remove_returns = -EBUSY;
	TEST_ASSERT_FAIL(mdev_cleanup(), "a failure was not reported");
	remove_returns = 0;
	TEST_ASSERT(!is_eventfd(efd), "still listening");
	return TEST_SUCCESS;
}

/* Devices without the interrupt, or whose interrupt fails, are driven all the same. */
static int
test_without(void)
{
	req()->count = 0;
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_SUCCESS(mdev_probe_all(), "probe failed");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 0, "not silent");
	TEST_ASSERT_EQUAL(req()->fds[0], -1, "enabled");
	TEST_ASSERT_NOT_NULL(mdev_first()->driver, "not driven");
	TEST_ASSERT_SUCCESS(mdev_unplug_device(mdev_first()), "not detached");

	req()->count = 1;
	fake_vfio.fail = FAKE_OP_SET_IRQS;
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_SUCCESS(mdev_probe_all(), "probe failed");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines("mdev:" UUID_1 ": its removal will wait without notice"),
		1, "%u lines", captured_log_lines(NULL));
	TEST_ASSERT_NOT_NULL(mdev_first()->driver, "not driven");
	return TEST_SUCCESS;
}

/* A mediator that ends: its fd stays readable, and is told of once. */
static int
mediator_starts(void)
{
	fake_vfio.gone_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return fake_vfio.gone_fd < 0 ? -1 : 0;
}

static int
mediator_ends(void)
{
	return eventfd_write(fake_vfio.gone_fd, 1);
}

static int
test_gone(void)
{
	struct rte_mdev_device *mdev;
	unsigned int i;

	for (i = 1; i <= 2; i++) {
		memset(&heard, 0, sizeof(heard));
		TEST_ASSERT_SUCCESS(mediator_starts(), "no eventfd");
		TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
		TEST_ASSERT_SUCCESS(mdev_probe_all(), "probe failed");
		mdev = mdev_first();
		TEST_ASSERT_EQUAL(mdev->driver, &driver, "not driven");
		TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
		TEST_ASSERT_SUCCESS(mediator_ends(), "no eventfd");
		TEST_ASSERT(wait_removals(1), "the application heard nothing");
		/* what comes after it shows that nothing came between */
		TEST_ASSERT_SUCCESS(raise_request(), "no eventfd");
		TEST_ASSERT(wait_removals(2), "nothing is heard any more");
		captured_log_stop();
		TEST_ASSERT_EQUAL(heard.removals, 2, "%u removals", heard.removals);
		TEST_ASSERT_EQUAL(heard.requests, 2, "the driver heard %u times",
			heard.requests);
		TEST_ASSERT_EQUAL(captured_log_lines("mdev:" UUID_1 ": its mediator is gone"),
			1, "%u lines", captured_log_lines(NULL));
		TEST_ASSERT_EQUAL(captured_log_lines(NULL), 2, "%u lines",
			captured_log_lines(NULL));
		TEST_ASSERT_SUCCESS(strcmp(heard.name, UUID_1), "name %s",
			heard.name);
		TEST_ASSERT_SUCCESS(mdev_unplug_device(mdev), "not detached");
		TEST_ASSERT_EQUAL(fake_vfio.opened, 0, "left open");
		TEST_ASSERT_NULL(MDEV_PRIVATE(mdev)->gone, "still watched");
		TEST_ASSERT_SUCCESS(close(fake_vfio.gone_fd), "closed by the bus");
	}
	return TEST_SUCCESS;
}

/* Gone before anybody listened. */
static int
test_gone_at_once(void)
{
	TEST_ASSERT_SUCCESS(mediator_starts(), "no eventfd");
	TEST_ASSERT_SUCCESS(mediator_ends(), "no eventfd");
	heard.unplug = true;
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_SUCCESS(mdev_probe_all(), "probe failed");
	TEST_ASSERT(wait_removals(1), "the application heard nothing");
	captured_log_stop();
	TEST_ASSERT_EQUAL(heard.unplug_in_event, -EBUSY, "returned %d",
		heard.unplug_in_event);
	TEST_ASSERT_EQUAL(captured_log_lines("mdev:" UUID_1 ": cannot be detached from within"),
		1, "%u lines", captured_log_lines(NULL));
	heard.unplug = false;
	TEST_ASSERT_SUCCESS(mdev_unplug_device(mdev_first()), "not detached");
	close(fake_vfio.gone_fd);
	return TEST_SUCCESS;
}

/* A detach that is refused within a request leaves the mediator watched. */
static int
test_gone_after_refusal(void)
{
	TEST_ASSERT_SUCCESS(mediator_starts(), "no eventfd");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_SUCCESS(mdev_probe_all(), "probe failed");
	heard.unplug = true;
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_SUCCESS(raise_request(), "no eventfd");
	TEST_ASSERT(wait_removals(1), "the application heard nothing");
	heard.unplug = false;
	TEST_ASSERT_SUCCESS(mediator_ends(), "no eventfd");
	TEST_ASSERT(wait_removals(2), "its end is not heard");
	captured_log_stop();
	TEST_ASSERT_SUCCESS(mdev_unplug_device(mdev_first()), "not detached");
	close(fake_vfio.gone_fd);
	return TEST_SUCCESS;
}

#define CASE(fn) TEST_CASE_ST(start, stop, fn)

static struct unit_test_suite suite = {
	.suite_name = "bus/mdev: creation and removal",
	.unit_test_cases = {
		TEST_CASE(test_uevents),
		CASE(test_wait_for_type),
		CASE(test_request),
		CASE(test_detach_in_event),
		CASE(test_remove_fails),
		CASE(test_without),
		CASE(test_cleanup),
		CASE(test_gone),
		CASE(test_gone_at_once),
		CASE(test_gone_after_refusal),
		TEST_CASES_END()
	}
};

static int
test_mdev_hotplug(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_hotplug_autotest, test_mdev_hotplug);
