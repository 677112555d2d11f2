/* SPDX-License-Identifier: BSD-3-Clause */

/* Addresses, devargs and iterators, by EAL's own parsers. */

#include <stdio.h>
#include <string.h>

#include <rte_bus.h>
#include <rte_devargs.h>
#include <rte_errno.h>

#include <private.h>

#include "captured_log.h"
#include "made_up_sysfs.h"
#include "test.h"

#define UUID "00000001-abcd-4ef0-9abc-def012345678"    /* made_up_uuid(1) */
#define UPPER "00000001-ABCD-4EF0-9ABC-DEF012345678"
#define OTHER "00000002-abcd-4ef0-9abc-def012345678"   /* made_up_uuid(2) */

static unsigned int
count_devargs(void)
{
	const struct rte_devargs *da;
	unsigned int count = 0;

	RTE_EAL_DEVARGS_FOREACH(RTE_BUS_MDEV_NAME, da)
		count++;
	return count;
}

static int
test_address(void)
{
	struct rte_bus *bus = rte_bus_find_by_name(RTE_BUS_MDEV_NAME);
	rte_uuid_t uuid, expected;

	TEST_ASSERT_NOT_NULL(bus, "the bus is not registered");
	rte_uuid_parse(UUID, expected);
	memset(uuid, 0, sizeof(uuid));
	TEST_ASSERT_SUCCESS(bus->parse("mdev:" UPPER, uuid), "refused");
	TEST_ASSERT_EQUAL(rte_uuid_compare(uuid, expected), 0, "another UUID");
	TEST_ASSERT_SUCCESS(bus->parse("mdev:" UUID, NULL), "NULL refused");
	return TEST_SUCCESS;
}

/* What is another bus's business is refused without a word. */
static int
test_address_of_others(void)
{
	static const char * const names[] = {
		UUID, "", "0000:00:02.0", "net_tap0", "vmbus:" UUID, "mde", "mdev",
		"mdev_" UUID, "mdevs:" UUID,
	};
	struct rte_bus *bus = rte_bus_find_by_name(RTE_BUS_MDEV_NAME);
	unsigned int i;

	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	for (i = 0; i < RTE_DIM(names); i++)
		TEST_ASSERT_FAIL(bus->parse(names[i], NULL), "'%s' taken",
			names[i]);
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 0, "not silent");
	return TEST_SUCCESS;
}

static int
test_devargs_short(void)
{
	struct rte_devargs da;

	TEST_ASSERT_SUCCESS(rte_devargs_parse(&da, "mdev:" UPPER ",a=1,b=2"),
		"refused");
	TEST_ASSERT(da.bus == rte_bus_find_by_name(RTE_BUS_MDEV_NAME),
		"another bus has it");
	TEST_ASSERT_SUCCESS(strcmp(da.drv_str, "a=1,b=2"), "'%s'", da.drv_str);
	rte_devargs_reset(&da);
	return TEST_SUCCESS;
}

static int
test_devargs_layers(void)
{
	struct rte_devargs da;

	TEST_ASSERT_SUCCESS(rte_devargs_parse(&da, "bus=mdev,uuid=" UPPER
		",type=a-*,parent=b/class=eth/driver=net_mdev_virtio,k=v"),
		"refused");
	TEST_ASSERT(da.bus == rte_bus_find_by_name(RTE_BUS_MDEV_NAME),
		"another bus has it");
	TEST_ASSERT_SUCCESS(strcmp(da.name, UUID), "name '%s'", da.name);
	TEST_ASSERT_SUCCESS(strcmp(da.drv_str, "driver=net_mdev_virtio,k=v"),
		"'%s'", da.drv_str);
	rte_devargs_reset(&da);
	return TEST_SUCCESS;
}

/* EAL refuses to start, and one line of ours names what is wrong. */
static int
test_devargs_malformed(void)
{
	static const struct {
		const char *devargs, *word;
	} bad[] = {
		{ "mdev:not-a-uuid", "not-a-uuid" },
		{ "mdev:" UUID "0", UUID "0" },
		{ "bus=mdev,uuid=not-a-uuid", "not-a-uuid" },
		{ "bus=mdev,uuid=" UUID "0", UUID "0" },
		{ "bus=mdev,uuid=" UUID "/class=eth/driver=x", NULL }, /* good */
		{ "bus=mdev,uuid=", "uuid" },
		{ "bus=mdev,uuid", "uuid" },
		{ "bus=mdev,uuid=" UUID ",uuid=" OTHER, "uuid" },
		{ "bus=mdev,uuid=" UUID ",colour=red", "colour" },
		{ "bus=mdev,uuid=" UUID ",type=a-very-long-type,colour=red",
			"colour" },
		{ "bus=mdev,uid=" UUID, "uid" },
	};
	struct rte_devargs da;
	unsigned int i;
	int ret;

	for (i = 0; i < RTE_DIM(bad); i++) {
		TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
		ret = rte_devargs_parse(&da, bad[i].devargs);
		captured_log_stop();
		rte_devargs_reset(&da);
		if (bad[i].word == NULL) {
			TEST_ASSERT_SUCCESS(ret, "'%s' refused", bad[i].devargs);
			continue;
		}
		TEST_ASSERT(ret < 0, "'%s' taken", bad[i].devargs);
		TEST_ASSERT_EQUAL(captured_log_lines("mdev bus: ") +
			captured_log_lines("mdev:not-a-uuid: ") +
			captured_log_lines("mdev:" UUID ": ") +
			captured_log_lines("mdev:" UUID "0: "), 1u,
			"'%s': %u lines of ours", bad[i].devargs,
			captured_log_lines("mdev bus: "));
		TEST_ASSERT(captured_log_lines(bad[i].word) >= 1,
			"'%s': '%s' not named", bad[i].devargs, bad[i].word);
	}
	return TEST_SUCCESS;
}

/* Nothing that a terminal would obey reaches the log by us. */
static int
test_devargs_unprintable(void)
{
	struct rte_bus *bus = rte_bus_find_by_name(RTE_BUS_MDEV_NAME);

	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_FAIL(bus->parse("mdev:a\x1b[2J\nmdev bus: all is well", NULL),
		"taken");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 1, "%u lines",
		captured_log_lines(NULL));
	TEST_ASSERT_EQUAL(captured_log_lines("\x1b"), 0, "an escape sequence");
	return TEST_SUCCESS;
}

static int
test_canonical(void)
{
	struct rte_mdev_device *mdev;

	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	TEST_ASSERT_SUCCESS(rte_devargs_add(RTE_DEVTYPE_ALLOWED,
		"mdev:" UPPER ",k=v"), "not added");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	mdev = mdev_first();
	TEST_ASSERT_NOT_NULL(mdev, "not listed");
	TEST_ASSERT_NOT_NULL(mdev->device.devargs, "no devargs");
	TEST_ASSERT_SUCCESS(strcmp(mdev->device.devargs->name, UUID), "name '%s'",
		mdev->device.devargs->name);
	TEST_ASSERT_SUCCESS(strcmp(mdev->device.devargs->drv_str, "k=v"), "'%s'",
		mdev->device.devargs->drv_str);
	return TEST_SUCCESS;
}

/* Of several spellings of one device the newest counts; the others are gone. */
static int
test_duplicates(void)
{
	static const char * const devargs[] = {
		"mdev:" UUID ",k=1", "mdev:" OTHER ",k=other", "mdev:" UPPER ",k=2",
		"bus=mdev,uuid=" UPPER "/driver=x,k=3", "mdev:" UUID ",k=4",
	};
	struct rte_mdev_device *mdev;
	unsigned int i;

	TEST_ASSERT_SUCCESS(made_up_devices(1, 2), "not made");
	for (i = 0; i < RTE_DIM(devargs); i++)
		TEST_ASSERT_SUCCESS(rte_devargs_add(RTE_DEVTYPE_ALLOWED,
			devargs[i]), "not added");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_EQUAL(count_devargs(), 2, "%u devargs", count_devargs());
	mdev = mdev_first();
	TEST_ASSERT_SUCCESS(strcmp(mdev->device.devargs->drv_str, "k=4"), "'%s'",
		mdev->device.devargs->drv_str);
	mdev = mdev_next(mdev);
	TEST_ASSERT_SUCCESS(strcmp(mdev->device.devargs->drv_str, "k=other"),
		"'%s'", mdev->device.devargs->drv_str);
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_EQUAL(count_devargs(), 2, "%u devargs", count_devargs());
	return TEST_SUCCESS;
}

/* A device that has its devargs already gets the new ones, and loses them again. */
static int
test_refresh(void)
{
	struct rte_mdev_device *mdev;

	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	mdev = mdev_first();
	TEST_ASSERT_NULL(mdev->device.devargs, "devargs out of nothing");
	TEST_ASSERT_SUCCESS(rte_devargs_add(RTE_DEVTYPE_ALLOWED, "mdev:" UPPER),
		"not added");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_NOT_NULL(mdev->device.devargs, "no devargs");
	rte_devargs_remove(mdev->device.devargs);
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_NULL(mdev->device.devargs, "freed devargs");
	return TEST_SUCCESS;
}

static int
test_missing(void)
{
	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	TEST_ASSERT_SUCCESS(rte_devargs_add(RTE_DEVTYPE_ALLOWED, "mdev:" UUID),
		"not added");
	TEST_ASSERT_SUCCESS(rte_devargs_add(RTE_DEVTYPE_ALLOWED, "mdev:" OTHER),
		"not added");
	TEST_ASSERT_SUCCESS(rte_devargs_add(RTE_DEVTYPE_BLOCKED, "mdev:"
		"00000003-abcd-4ef0-9abc-def012345678"), "not added");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	mdev_devargs_warn_missing();
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 1, "%u lines",
		captured_log_lines(NULL));
	TEST_ASSERT_EQUAL(captured_log_lines("mdev:" OTHER ": "), 1, "not named");
	return TEST_SUCCESS;
}

/* What -a cannot mean: it names none. */
static int
test_nameless(void)
{
	TEST_ASSERT_SUCCESS(made_up_devices(1, 1), "not made");
	TEST_ASSERT_SUCCESS(rte_devargs_add(RTE_DEVTYPE_ALLOWED,
		"bus=mdev,type=" MADE_UP_TYPE), "not added");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_NULL(mdev_first()->device.devargs, "it names a device");
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	mdev_devargs_warn_missing();
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 1, "%u lines",
		captured_log_lines(NULL));
	TEST_ASSERT_EQUAL(captured_log_lines("uuid="), 1, "no remedy");
	return TEST_SUCCESS;
}

static int
test_driver_layer(void)
{
	static const struct {
		const char *devargs;
		bool taken;
	} cases[] = {
		{ "mdev:" UUID, true },
		{ "mdev:" UUID ",k=v", true },
		{ "bus=mdev,uuid=" UUID, true },
		{ "bus=mdev,uuid=" UUID "/driver=net_x", true },
		{ "bus=mdev,uuid=" UUID "/driver=net_x,k=v", true },
		{ "bus=mdev,uuid=" UUID "/driver=net_xy", false },
		{ "bus=mdev,uuid=" UUID "/driver=net_", false },
		{ "bus=mdev,uuid=" UUID "/driver=,k=v", false },
	};
	const struct rte_driver drv = { .name = "net_x" };
	struct rte_devargs da;
	unsigned int i;
	bool taken;

	TEST_ASSERT(mdev_devargs_take_driver(NULL, &drv), "not without devargs");
	for (i = 0; i < RTE_DIM(cases); i++) {
		TEST_ASSERT_SUCCESS(rte_devargs_parse(&da, cases[i].devargs),
			"'%s' refused", cases[i].devargs);
		taken = mdev_devargs_take_driver(&da, &drv);
		rte_devargs_reset(&da);
		TEST_ASSERT_EQUAL(taken, cases[i].taken, "'%s': %d",
			cases[i].devargs, taken);
	}
	return TEST_SUCCESS;
}

/* Number of devices that an iteration finds; -1 if it cannot begin. */
static int
iterate(const char *str)
{
	struct rte_dev_iterator it;
	struct rte_device *dev;
	char copy[128];
	int count = 0;

	/* EAL writes into the string */
	snprintf(copy, sizeof(copy), "%s", str);
	rte_errno = 0; /* EAL returns it, whoever has set it */
	if (rte_dev_iterator_init(&it, copy) != 0)
		return -1;
	while ((dev = rte_dev_iterator_next(&it)) != NULL)
		count++;
	return count;
}

static int
test_iterate(void)
{
	static const struct {
		const char *str;
		int count;
	} cases[] = {
		{ "bus=mdev", 3 },
		{ "bus=mdev,uuid=" UUID, 1 },
		{ "bus=mdev,uuid=" UPPER, 1 },
		{ "bus=mdev,uuid=00000009-abcd-4ef0-9abc-def012345678", 0 },
		{ "bus=mdev,type=" MADE_UP_TYPE, 2 },
		{ "bus=mdev,type=mtty-*", 1 },
		{ "bus=mdev,type=*", 3 },
		{ "bus=mdev,type=mtty", 0 },
		{ "bus=mdev,parent=" MADE_UP_PARENT, 2 },
		{ "bus=mdev,parent=0000:00:02.?", 2 },
		{ "bus=mdev,parent=" MADE_UP_PARENT ",type=mtty-*", 0 },
		{ "bus=mdev,uuid=" OTHER ",type=" MADE_UP_TYPE, 1 },
		{ "bus=mdev,uuid=not-a-uuid", -1 },
		{ "bus=mdev,colour=red", -1 },
	};
	unsigned int i;
	int count;

	TEST_ASSERT_SUCCESS(made_up_devices(1, 2), "not made");
	TEST_ASSERT_SUCCESS(made_up_device(made_up_uuid(3), MADE_UP_PARENT_2,
		MADE_UP_TYPE_2), "not made");
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	for (i = 0; i < RTE_DIM(cases); i++) {
		TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
		count = iterate(cases[i].str);
		captured_log_stop();
		TEST_ASSERT_EQUAL(count, cases[i].count, "'%s': %d",
			cases[i].str, count);
	}
	return TEST_SUCCESS;
}

static int
test_thousands(void)
{
	struct rte_mdev_device *mdev;
	char address[64];
	unsigned int i;

	TEST_ASSERT_SUCCESS(made_up_devices(0, 1000), "not made");
	for (i = 0; i < 1000; i++) {
		snprintf(address, sizeof(address), "mdev:%s", made_up_uuid(i));
		TEST_ASSERT_SUCCESS(rte_devargs_add(RTE_DEVTYPE_ALLOWED, address),
			"not added");
	}
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	MDEV_FOREACH(mdev) {
		TEST_ASSERT_NOT_NULL(mdev->device.devargs, "%s has none",
			mdev->name);
		TEST_ASSERT_SUCCESS(strcmp(mdev->device.devargs->name, mdev->name),
			"%s has those of %s", mdev->name,
			mdev->device.devargs->name);
	}
	return TEST_SUCCESS;
}

#define CASE(fn) TEST_CASE_ST(made_up_sysfs_start, made_up_sysfs_stop, fn)

static struct unit_test_suite suite = {
	.suite_name = "bus/mdev: addresses and devargs",
	.unit_test_cases = {
		CASE(test_address),
		CASE(test_address_of_others),
		CASE(test_devargs_short),
		CASE(test_devargs_layers),
		CASE(test_devargs_malformed),
		CASE(test_devargs_unprintable),
		CASE(test_canonical),
		CASE(test_duplicates),
		CASE(test_refresh),
		CASE(test_missing),
		CASE(test_nameless),
		CASE(test_driver_layer),
		CASE(test_iterate),
		CASE(test_thousands),
		TEST_CASES_END()
	}
};

static int
test_mdev_params(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_params_autotest, test_mdev_params);
