/* SPDX-License-Identifier: BSD-3-Clause */

/* A device without an fd in a secondary process, both of which are this one. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>

#include <vfio_region.h>

#include <private.h>

#include "captured_log.h"
#include "fake_mp.h"
#include "fake_vfio.h"
#include "held.h"
#include "made_up_sysfs.h"
#include "test.h"
#include "test_compat.h"

#define UUID_1 "00000001-abcd-4ef0-9abc-def012345678" /* made_up_uuid(1) */
#define BAR0 VFIO_PCI_BAR0_REGION_INDEX
#define PAGE 4096

static int
made_up_probe(struct rte_mdev_driver *drv __rte_unused,
		struct rte_mdev_device *mdev __rte_unused)
{
	return 0;
}

static int
made_up_remove_dev(struct rte_mdev_device *mdev __rte_unused)
{
	return 0;
}

static const struct rte_mdev_id ids[] = {
	{ .device_api = MADE_UP_API, .type = "made_up-*",
	  .vendor_id = RTE_MDEV_ANY_ID, .device_id = RTE_MDEV_ANY_ID },
	{ .device_api = NULL },
};

static struct rte_mdev_driver driver = {
	.driver.name = "net_mp",
	.id_table = ids,
	.probe = made_up_probe,
	.remove = made_up_remove_dev,
};

static struct mdev_private *second; /* the device as the secondary has it */
static struct rte_devargs named = { .policy = RTE_DEV_ALLOWED };

static int
start(void)
{
	fake_mp_start();
	if (made_up_sysfs_start() < 0 || fake_vfio_start() < 0 ||
			made_up_devices(1, 1) < 0 ||
			fake_vfio_back(BAR0, 2 * PAGE, VFIO_REGION_INFO_FLAG_READ |
				VFIO_REGION_INFO_FLAG_WRITE |
				VFIO_REGION_INFO_FLAG_MMAP) < 0)
		return TEST_FAILED;
	fake_vfio.base = made_up_sysfs_root();
	fake_vfio.addr = NULL;
	rte_mdev_register(&driver);
	if (mdev_scan() != 0 || mdev_probe_all() != 0)
		return TEST_FAILED;
	second = calloc(1, sizeof(*second));
	if (second == NULL || mdev_first()->driver != &driver)
		return TEST_FAILED;
	rte_uuid_copy(second->pub.uuid, mdev_first()->uuid);
	memcpy(second->pub.name, UUID_1, sizeof(UUID_1));
	second->borrowed_fd = -1;
	fake_mp.secondary = true;
	return TEST_SUCCESS;
}

static void
stop(void)
{
	fake_mp.secondary = false;
	made_up_sysfs_stop(); /* takes the devices back first */
	fake_vfio_stop();
	rte_mdev_unregister(&driver);
	fake_mp_stop();
	free(second);
	second = NULL;
}

static void
close_second(void)
{
	vfio_dev_close(second->pub.vfio);
	second->pub.vfio = NULL;
}

/* The line that an open fails with. */
static int
fails_with(int error, const char *line)
{
	int ret;

	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	ret = mdev_mp_open(&second->pub);
	captured_log_stop();
	TEST_ASSERT_EQUAL(ret, error, "returned %d", ret);
	TEST_ASSERT_NULL(second->pub.vfio, "a device");
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), line == NULL ? 0u : 1u,
		"%u lines", captured_log_lines(NULL));
	if (line != NULL)
		TEST_ASSERT_EQUAL(captured_log_lines(line), 1, "another line");
	return TEST_SUCCESS;
}

static int
test_shared(void)
{
	struct vfio_region *region;
	uint32_t value = 0x1234;
	struct held before;
	unsigned int i;

	for (i = 0; i < 2; i++) { /* what libraries keep is there the second time */
		held_now(&before);
		TEST_ASSERT_SUCCESS(mdev_mp_open(&second->pub), "not opened");
		TEST_ASSERT_SUCCESS(strcmp(vfio_dev_transport(second->pub.vfio),
			"shared"), "by %s", vfio_dev_transport(second->pub.vfio));
		TEST_ASSERT_EQUAL(second->borrowed_fd, -1, "an fd");
		TEST_ASSERT_SUCCESS(vfio_region_get(second->pub.vfio, BAR0,
			&region), "no region");
		TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
		TEST_ASSERT_SUCCESS(vfio_region_write(region, 8, &value, 4),
			"not written");
		captured_log_stop();
		TEST_ASSERT_SUCCESS(memcmp(fake_vfio.regions[BAR0].mem + 8, &value,
			4), "something else was written");
		TEST_ASSERT_SUCCESS(vfio_region_map(region), "not mapped");
		TEST_ASSERT_SUCCESS(memcmp(vfio_region_ptr(region, 8, 4), &value, 4),
			"another memory");
		close_second();
		if (i == 1)
			TEST_ASSERT(held_same(&before, true), "something is left");
	}
	return TEST_SUCCESS;
}

static int
test_eventfd(void)
{
	struct vfio_region *region;
	eventfd_t count;
	int fd;

	fake_vfio.ioeventfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	TEST_ASSERT_SUCCESS(mdev_mp_open(&second->pub), "not opened");
	TEST_ASSERT_SUCCESS(vfio_region_get(second->pub.vfio, BAR0, &region), "none");
	fd = vfio_region_ioeventfd(region, 0, 4, 1);
	TEST_ASSERT(fd >= 0, "%d", fd);
	TEST_ASSERT_SUCCESS(eventfd_write(fd, 1), "not written");
	TEST_ASSERT_SUCCESS(eventfd_read(fake_vfio.ioeventfd, &count), "another one");
	close_second();
	close(fake_vfio.ioeventfd);
	return TEST_SUCCESS;
}

/* What the primary has given back is nobody's. */
static int
test_detached(void)
{
	struct vfio_region *region;
	uint32_t value;

	TEST_ASSERT_SUCCESS(mdev_mp_open(&second->pub), "not opened");
	TEST_ASSERT_SUCCESS(vfio_region_get(second->pub.vfio, BAR0, &region), "none");
	fake_mp.secondary = false;
	TEST_ASSERT_SUCCESS(mdev_unplug_device(mdev_first()), "not detached");
	fake_mp.secondary = true;
	TEST_ASSERT_EQUAL(vfio_region_read(region, 0, &value, 4), -ENODEV, "read");
	close_second();
	if (fails_with(1, NULL) != TEST_SUCCESS) /* unnamed: not this process's */
		return TEST_FAILED;
	second->pub.device.devargs = &named;
	return fails_with(-ENODEV, "mdev:" UUID_1 ": the primary process does not use it: attach it there first");
}

/* What EAL does with a device that is attached later; nobody answers. */
static int
plug_second(void)
{
	const struct rte_mdev_device *first = mdev_first();
	int ret;

	memcpy(second->pub.device_api, first->device_api, sizeof(first->device_api));
	memcpy(second->pub.type, first->type, sizeof(first->type));
	memcpy(second->pub.parent, first->parent, sizeof(first->parent));
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	ret = test_bus_plug(&mdev_bus.bus, &second->pub.device);
	captured_log_stop();
	TEST_ASSERT_EQUAL(ret, -ETIMEDOUT, "returned %d", ret);
	TEST_ASSERT_EQUAL(captured_log_lines("the primary process does not answer"),
		1, "%u lines", captured_log_lines(NULL));
	return TEST_SUCCESS;
}

/* One silence is enough, until the next probe, or until a device is attached. */
static int
test_silent(void)
{
	unsigned int requests;

	fake_mp.silent = true;
	if (fails_with(-ETIMEDOUT, "mdev:" UUID_1 ": the primary process does not answer: ") !=
			TEST_SUCCESS)
		return TEST_FAILED;
	requests = fake_mp.requests;
	if (fails_with(-ETIMEDOUT, NULL) != TEST_SUCCESS)
		return TEST_FAILED;
	TEST_ASSERT_EQUAL(fake_mp.requests, requests, "asked again");
	TEST_ASSERT_SUCCESS(plug_second(), "plug");
	TEST_ASSERT_EQUAL(fake_mp.requests, requests + 1, "not asked again");
	fake_mp.silent = false;
	mdev_mp_retry();
	TEST_ASSERT_SUCCESS(mdev_mp_open(&second->pub), "not opened");
	close_second();
	return TEST_SUCCESS;
}

static void
cut(struct rte_mp_msg *msg)
{
	msg->len_param = 23;
}

static void
lengthen(struct rte_mp_msg *msg)
{
	msg->len_param = RTE_MP_MAX_PARAM_LEN;
}

static void
negative(struct rte_mp_msg *msg)
{
	msg->len_param = -1;
}

static void
two_fds(struct rte_mp_msg *msg)
{
	msg->fds[msg->num_fds++] = eventfd(0, EFD_CLOEXEC);
	msg->fds[msg->num_fds++] = eventfd(0, EFD_CLOEXEC);
}

/* To another request. It has the fd of another device, maybe. */
static void
older(struct rte_mp_msg *msg)
{
	fake_mp_answer_behind(msg, 100);
	msg->fds[msg->num_fds++] = eventfd(0, EFD_CLOEXEC);
}

/* The answer to the request before, as all are that follow a late one at once. */
static void
behind(struct rte_mp_msg *msg)
{
	fake_mp_answer_behind(msg, 1);
}

static void
older_once(struct rte_mp_msg *msg)
{
	older(msg);
	fake_mp.harm_reply = NULL;
}

/* How many requests it takes; 0: it fails. */
static unsigned int
opens_with(void (*harm)(struct rte_mp_msg *msg))
{
	const unsigned int before = fake_mp.requests;
	int ret;

	fake_mp.harm_reply = harm;
	ret = mdev_mp_open(&second->pub);
	close_second();
	fake_mp.harm_reply = NULL;
	return ret < 0 ? 0 : fake_mp.requests - before;
}

/* An answer that is late: EAL takes it for that of the next request. */
static int
test_late(void)
{
	struct held before;
	unsigned int i, requests;

	/* a message to the mediator may take 10 s, and a command of the driver's 2 s */
	TEST_ASSERT_SUCCESS(mdev_mp_open(&second->pub), "not opened");
	close_second();
	TEST_ASSERT(fake_mp.timeout_s > 12, "%d s", fake_mp.timeout_s);
	fake_mp.harm_reply = older;
	for (i = 0; i < 2; i++) { /* what is captured of the log is there the second time */
		held_now(&before);
		if (fails_with(-ETIMEDOUT, "mdev:" UUID_1 ": the primary process does not answer: ") !=
				TEST_SUCCESS)
			return TEST_FAILED;
		mdev_mp_retry();
	}
	TEST_ASSERT(held_same(&before, true), "fds are left open");
	/* then it is asked again */
	requests = opens_with(NULL);
	held_now(&before);
	TEST_ASSERT_EQUAL(opens_with(older_once), requests + 1, "once");
	TEST_ASSERT_EQUAL(opens_with(behind), 2 * requests, "one behind");
	TEST_ASSERT(held_same(&before, true), "fds are left open");
	return TEST_SUCCESS;
}

static int
test_hostile(void)
{
	static void (* const harms[])(struct rte_mp_msg *msg) = { cut, lengthen };
	struct held before;
	unsigned int i;

	for (i = 0; i < RTE_DIM(harms); i++) {
		fake_mp.harm_request = harms[i];
		if (fails_with(-EINVAL, "mdev:" UUID_1 ": cannot get it from the primary process: ") !=
				TEST_SUCCESS)
			return TEST_FAILED;
		fake_mp.harm_request = NULL;
		fake_mp.harm_reply = harms[i];
		if (fails_with(-EPROTO, "mdev:" UUID_1 ": cannot get it from the primary process: ") !=
				TEST_SUCCESS)
			return TEST_FAILED;
		fake_mp.harm_reply = NULL;
	}
	/* so short that nobody can tell what was answered */
	fake_mp.harm_reply = negative;
	if (fails_with(-ETIMEDOUT, "mdev:" UUID_1 ": the primary process does not answer: ") !=
			TEST_SUCCESS)
		return TEST_FAILED;
	mdev_mp_retry();
	fake_mp.harm_reply = two_fds;
	for (i = 0; i < 2; i++) { /* as above, for the log */
		held_now(&before);
		if (fails_with(-EPROTO, "mdev:" UUID_1 ": cannot get it from the primary process: ") !=
				TEST_SUCCESS)
			return TEST_FAILED;
	}
	TEST_ASSERT(held_same(&before, true), "fds are left open");
	return TEST_SUCCESS;
}

#define CASE(fn) TEST_CASE_ST(start, stop, fn)

static struct unit_test_suite suite = {
	.suite_name = "bus/mdev: a device in two processes",
	.unit_test_cases = {
		CASE(test_shared),
		CASE(test_eventfd),
		CASE(test_detached),
		CASE(test_silent),
		CASE(test_late),
		CASE(test_hostile),
		TEST_CASES_END()
	}
};

static int
test_mdev_mp(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_mp_autotest, test_mdev_mp);
