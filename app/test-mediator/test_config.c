/* SPDX-License-Identifier: BSD-3-Clause */

/* Specifications of devices, and files of them: what is refused, and in which words. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "test.h"

#define UUID "00000001-abcd-4ef0-9abc-def012345678"
#define GOOD "uuid=" UUID ",backend=/run/vhost.sock"
#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define KEYS "use one of uuid backend listen queues ring mac mtu speed packed doorbell without numa"
#define FEATURES "csum guest_csum ctrl_guest_offloads mtu mac guest_tso4 guest_tso6 guest_ecn " \
	"guest_ufo host_tso4 host_tso6 host_ecn host_ufo mrg_rxbuf status ctrl_vq ctrl_rx " \
	"ctrl_vlan ctrl_rx_extra guest_announce mq ctrl_mac_addr indirect_desc event_idx " \
	"access_platform ring_packed in_order order_platform notification_data ring_reset " \
	"hash_report rss speed_duplex"

#define NO_UUID "not a UUID: 32 hexadecimal digits as 8-4-4-4-12, or auto for a new one"
#define NO_PATH "not an absolute path: give the path of the vhost-user socket, from / on"
#define NO_BLANK "a path with a blank or what cannot be printed: use another one, with a comma behind it"
#define NO_QUEUES "not a number of queue pairs: 1 to 128"
#define NO_RING "not a size of rings: a power of two from 16 to 32768"
#define NO_MAC "not a MAC address of one device: six bytes as 02:00:00:00:00:01"
#define NO_MTU "not an MTU: 68 to 65535 bytes"
#define NO_SPEED "not a speed: 1 to 2147483647 Mbit/s"
#define NO_PACKED "give on or off"
#define NO_DOORBELL "give eventfd, page or message"
#define NO_FEATURE "not names of features joined by +, which are: " FEATURES
#define NO_NODE "not a NUMA node: 0 to 1023"
#define NO_KEY "no key before, after or between commas: " KEYS

/* What follows "--device: " in the line. */
static const struct {
	const char *spec, *error;
} bad[] = {
	{ "", NO_KEY },
	{ "=", NO_KEY },
	{ ",", NO_KEY },
	{ GOOD ",", NO_KEY },
	{ "," GOOD, NO_KEY },
	{ GOOD ",,mtu=1500", NO_KEY },
	{ "uuid=" UUID, "backend is missing: add backend=<path of the vhost-user socket>" },
	{ "backend=/run/vhost.sock",
		"uuid is missing: add uuid=<uuid>, or uuid=auto for a new one" },
	{ "uuid", "uuid: needs a value: give it after =" },
	{ "uuid=", "uuid=: " NO_UUID },
	{ "uuid=1", "uuid=1: " NO_UUID },
	{ "uuid=AUTO", "uuid=AUTO: " NO_UUID },
	{ "uuid=" UUID "0", "uuid=" UUID "0: " NO_UUID },
	{ "uuid= " UUID, "uuid= " UUID ": " NO_UUID },
	{ "uuid=\x1b[2J\xff", "uuid=\\x1b[2J\\xff: " NO_UUID },
	{ "uuid=" HUNDRED, "uuid=" TEN TEN TEN TEN TEN TEN TEN TEN TEN "01...: " NO_UUID },
	{ GOOD ",uuid=auto", "uuid: given twice: leave one out" },
	{ "backend", "backend: needs a value: give it after =" },
	{ "backend=", "backend=: " NO_PATH },
	{ "backend=vhost.sock", "backend=vhost.sock: " NO_PATH },
	{ "backend=/a\n", "backend=/a\\x0a: " NO_BLANK },
	{ "backend=/" HUNDRED "1234567", "backend=/" TEN TEN TEN TEN TEN TEN TEN TEN TEN
		"0...: a path of 108 characters, and a socket's has 107 at most: use a shorter one" },
	{ GOOD ",listen=on", "listen: takes no value: leave out what follows the name" },
	{ GOOD ",listen,listen", "listen: given twice: leave one out" },
	{ GOOD ",queues", "queues: needs a value: give it after =" },
	{ GOOD ",queues=", "queues=: " NO_QUEUES },
	{ GOOD ",queues=0", "queues=0: " NO_QUEUES },
	{ GOOD ",queues=129", "queues=129: " NO_QUEUES },
	{ GOOD ",queues=-1", "queues=-1: " NO_QUEUES },
	{ GOOD ",queues=4294967297", "queues=4294967297: " NO_QUEUES },
	{ GOOD ",queues=two", "queues=two: " NO_QUEUES },
	{ GOOD ",ring=8", "ring=8: " NO_RING },
	{ GOOD ",ring=255", "ring=255: " NO_RING },
	{ GOOD ",ring=65536", "ring=65536: " NO_RING },
	{ GOOD ",ring=0x100", "ring=0x100: " NO_RING },
	{ GOOD ",mac=02:00:00:00:00", "mac=02:00:00:00:00: " NO_MAC },
	{ GOOD ",mac=02:00:00:00:00:01:02", "mac=02:00:00:00:00:01:02: " NO_MAC },
	{ GOOD ",mac=02-00-00-00-00-01", "mac=02-00-00-00-00-01: " NO_MAC },
	{ GOOD ",mac=02:00:00:00:00:0g", "mac=02:00:00:00:00:0g: " NO_MAC },
	{ GOOD ",mac=+2:00:00:00:00:01", "mac=+2:00:00:00:00:01: " NO_MAC },
	{ GOOD ",mac=03:00:00:00:00:01", "mac=03:00:00:00:00:01: " NO_MAC },
	{ GOOD ",mac=00:00:00:00:00:00", "mac=00:00:00:00:00:00: " NO_MAC },
	{ GOOD ",mtu=67", "mtu=67: " NO_MTU },
	{ GOOD ",mtu=65536", "mtu=65536: " NO_MTU },
	{ GOOD ",speed=0", "speed=0: " NO_SPEED },
	{ GOOD ",speed=2147483648", "speed=2147483648: " NO_SPEED },
	{ GOOD ",speed=10G", "speed=10G: " NO_SPEED },
	{ GOOD ",packed", "packed: needs a value: give it after =" },
	{ GOOD ",packed=no", "packed=no: " NO_PACKED },
	{ GOOD ",doorbell=bell", "doorbell=bell: " NO_DOORBELL },
	{ GOOD ",doorbell=", "doorbell=: " NO_DOORBELL },
	{ GOOD ",without=", "without=: " NO_FEATURE },
	{ GOOD ",without=mq+", "without=mq+: " NO_FEATURE },
	{ GOOD ",without=+mq", "without=+mq: " NO_FEATURE },
	{ GOOD ",without=mq+nothing", "without=mq+nothing: " NO_FEATURE },
	{ GOOD ",without=version_1",
		"without=version_1: a modern device has version_1: leave it out here" },
	{ GOOD ",numa=-1", "numa=-1: " NO_NODE },
	{ GOOD ",numa=1024", "numa=1024: " NO_NODE },
	{ GOOD ",color=red", "color: unknown key: " KEYS },
	{ GOOD ",Queues=1", "Queues: unknown key: " KEYS },
	{ GOOD ", queues=1", " queues: unknown key: " KEYS },
	{ GOOD ",a\nb", "a\\x0ab: unknown key: " KEYS },
	{ HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED
		"012345678901234567890123",
		"a specification of 1024 characters, and 1023 is the most: shorten it" },
};

static int
test_bad(void)
{
	char error[CONFIG_ERROR_LEN], want[CONFIG_ERROR_LEN];
	struct device_conf conf;
	size_t i;

	for (i = 0; i < RTE_DIM(bad); i++) {
		snprintf(want, sizeof(want), "--device: %s", bad[i].error);
		error[0] = '\0';
		TEST_ASSERT(config_spec("--device", bad[i].spec, &conf, error) < 0,
			"%s is taken", bad[i].spec);
		TEST_ASSERT(strcmp(error, want) == 0, "\n%s\n%s", error, want);
	}
	printf("    %zu bad specifications\n", i);
	return TEST_SUCCESS;
}

static int
parse(const char *spec, struct device_conf *conf)
{
	char error[CONFIG_ERROR_LEN] = "";

	TEST_ASSERT_SUCCESS(config_spec("here", spec, conf, error), "%s", error);
	return TEST_SUCCESS;
}

static int
test_good(void)
{
	static const uint8_t mac[] = { 2, 0, 0, 0xab, 0xcd, 0xff };
	struct device_conf conf, defaults;

	device_conf_init(&defaults);
	TEST_ASSERT_SUCCESS(parse("uuid=00000001-ABCD-4ef0-9abc-def012345678,"
		"backend=/run/vhost.sock", &conf), "refused");
	TEST_ASSERT(strcmp(conf.uuid, UUID) == 0, "%s", conf.uuid);
	TEST_ASSERT(strcmp(conf.backend, "/run/vhost.sock") == 0, "%s", conf.backend);
	strcpy(defaults.uuid, conf.uuid);
	strcpy(defaults.backend, conf.backend);
	TEST_ASSERT(conf.listen == defaults.listen && conf.max_pairs == defaults.max_pairs &&
		conf.ring_size == defaults.ring_size && conf.has_mac == defaults.has_mac &&
		conf.mtu == defaults.mtu && conf.speed == defaults.speed &&
		conf.packed == defaults.packed && conf.doorbell == defaults.doorbell &&
		conf.without == defaults.without && conf.numa_node == defaults.numa_node,
		"other than the defaults");

	TEST_ASSERT_SUCCESS(parse("numa=1023,without=MQ+csum,doorbell=page,packed=off,"
		"speed=2147483647,mtu=65535,mac=02:00:00:AB:cd:ff,ring=32768,queues=128,"
		"listen,backend=/a=b#c+d,uuid=auto", &conf), "refused");
	TEST_ASSERT(strcmp(conf.backend, "/a=b#c+d") == 0, "%s", conf.backend);
	TEST_ASSERT(conf.listen && conf.max_pairs == 128 && conf.ring_size == 32768 &&
		conf.mtu == 65535 && conf.speed == 2147483647 && !conf.packed &&
		conf.doorbell == DEVICE_DOORBELL_PAGE && conf.numa_node == 1023 &&
		conf.without == (UINT64_C(1) << 22 | 1), "not as given");
	TEST_ASSERT(conf.has_mac && memcmp(conf.mac, mac, sizeof(mac)) == 0, "MAC address");

	TEST_ASSERT_SUCCESS(parse(GOOD ",doorbell=message,packed=on,mtu=68,ring=16,speed=1",
		&conf), "refused");
	TEST_ASSERT(conf.doorbell == DEVICE_DOORBELL_MESSAGE && conf.packed &&
		conf.mtu == 68 && conf.ring_size == 16 && conf.speed == 1, "not as given");
	TEST_ASSERT_SUCCESS(parse(GOOD ",doorbell=eventfd", &conf), "refused");
	TEST_ASSERT_EQUAL(conf.doorbell, DEVICE_DOORBELL_EVENTFD, "not as given");
	return TEST_SUCCESS;
}

/* Two devices of uuid=auto are two. */
static int
test_auto(void)
{
	char error[CONFIG_ERROR_LEN] = "";
	struct config config;

	config_init(&config);
	TEST_ASSERT_SUCCESS(config_add(&config, "here", "uuid=auto,backend=/a", error),
		"%s", error);
	TEST_ASSERT_SUCCESS(config_add(&config, "here", "uuid=auto,backend=/a", error),
		"%s", error);
	TEST_ASSERT_EQUAL(config.count, 2u, "%u devices", config.count);
	config_free(&config);
	TEST_ASSERT_EQUAL(config.count, 0u, "%u devices", config.count);
	return TEST_SUCCESS;
}

static int
text(const char *content, size_t len, struct config *config, char *error)
{
	char *copy = malloc(len + 1);
	int ret;

	memcpy(copy, content, len); /* what is behind it is not to be read */
	error[0] = '\0';
	config_init(config);
	ret = config_text(config, "dev\x01.conf", copy, len, error);
	free(copy);
	return ret;
}

static int
test_file(void)
{
	static const struct {
		const char *text, *error;
		unsigned int count;
	} cases[] = {
		{ "", "", 0 },
		{ "\n\n  \t\n# uuid=1\n   # more\r\n", "", 0 },
		{ GOOD, "", 1 },
		{ GOOD "\n", "", 1 },
		{ "\t" GOOD " \t# the first\r\nuuid=auto,backend=/b\n", "", 2 },
		{ "# one\nuuid=auto,backend=/a\nuuid=0,backend=/b\n",
			"dev\\x01.conf:3: uuid=0: " NO_UUID, 1 },
		{ GOOD "\n\n" GOOD, "dev\\x01.conf:3: uuid=" UUID
			": given before: each device needs one of its own", 1 },
		{ GOOD " queues=1", "dev\\x01.conf:1: backend=/run/vhost.sock queues=1: " NO_BLANK, 0 },
	};
	char error[CONFIG_ERROR_LEN];
	struct config config;
	size_t i;
	int ret;

	for (i = 0; i < RTE_DIM(cases); i++) {
		ret = text(cases[i].text, strlen(cases[i].text), &config, error);
		TEST_ASSERT_EQUAL(ret == 0, cases[i].error[0] == '\0', "%zu: %d", i, ret);
		TEST_ASSERT(strcmp(error, cases[i].error) == 0, "%zu: %s", i, error);
		TEST_ASSERT_EQUAL(config.count, cases[i].count, "%zu: %u devices", i,
			config.count);
		config_free(&config);
	}
	TEST_ASSERT_SUCCESS(text(GOOD "#no-comment", strlen(GOOD "#no-comment"), &config,
		error), "%s", error);
	TEST_ASSERT(strcmp(config.devices[0].backend, "/run/vhost.sock#no-comment") == 0,
		"%s", config.devices[0].backend);
	config_free(&config);
	TEST_ASSERT_EQUAL(text("\nuuid\0", 6, &config, error), -EINVAL, "binary");
	TEST_ASSERT(strcmp(error, "dev\\x01.conf:2: not text, it has a zero byte: give a file with a device a line")
		== 0, "%s", error);
	config_free(&config);
	return TEST_SUCCESS;
}

static int
test_read(void)
{
	char path[PATH_MAX];
	char error[CONFIG_ERROR_LEN] = "", want[PATH_MAX + 256];
	const char good[] = "# devices\n" GOOD "\n";
	struct config config;
	int fd, ret;

	config_init(&config);
	TEST_ASSERT_EQUAL(config_file(&config, "/nowhere/a\n", error), -ENOENT, "found");
	TEST_ASSERT(strcmp(error, "--config /nowhere/a\\x0a: No such file or directory: give a file that can be read and has 4096 KiB at most")
		== 0, "%s", error);
	TEST_ASSERT_EQUAL(config_file(&config, "/", error), -EISDIR, "a folder was read");
	snprintf(path, sizeof(path), "%s/mdev.XXXXXX",
		getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	fd = mkstemp(path);
	TEST_ASSERT(fd >= 0, "%s", strerror(errno));
	ret = write(fd, good, strlen(good)) == (ssize_t)strlen(good) ?
		config_file(&config, path, error) : -EIO;
	TEST_ASSERT(ret == 0 && config.count == 1, "%s", error);
	ret = ftruncate(fd, CONFIG_FILE_LEN + 1);
	TEST_ASSERT_EQUAL(config_file(&config, path, error), -EFBIG, "read, however long");
	snprintf(want, sizeof(want), "--config %s: File too large: give a file that can be read and has 4096 KiB at most",
		path);
	close(fd);
	unlink(path);
	TEST_ASSERT(ret == 0 && strcmp(error, want) == 0, "%s", error);
	config_free(&config);
	return TEST_SUCCESS;
}

static int
test_too_many(void)
{
	char spec[128], error[CONFIG_ERROR_LEN] = "", where[32];
	struct config config;
	unsigned int i;

	config_init(&config);
	for (i = 0; i < CONFIG_MAX_DEVICES; i++) {
		snprintf(spec, sizeof(spec), "uuid=%08x-abcd-4ef0-9abc-def012345678,backend=/a",
			i);
		snprintf(where, sizeof(where), "file:%u", i);
		TEST_ASSERT_SUCCESS(config_add(&config, where, spec, error), "%s", error);
	}
	TEST_ASSERT_EQUAL(config_add(&config, "file", "uuid=ffffffff-abcd-4ef0-9abc-def012345678,backend=/a",
		error), -E2BIG, "one more");
	TEST_ASSERT(strcmp(error, "file: uuid=ffffffff-abcd-4ef0-9abc-def012345678: one device too many: start another mediator for those after the first 4096, with another --name")
		== 0, "%s", error);
	config_free(&config);
	return TEST_SUCCESS;
}

/* Each byte of a good specification replaced, and each beginning of it. */
static int
test_damaged(void)
{
	static const char good[] = "uuid=" UUID ",backend=/a,listen,queues=2,ring=64,"
		"mac=02:00:00:00:00:01,mtu=1500,speed=10000,packed=off,doorbell=page,"
		"without=mq+csum,numa=0";
	static const char other[] = ",=+:/\x01\xff" "09a#- \n";
	char spec[sizeof(good)], error[CONFIG_ERROR_LEN];
	struct device_conf conf;
	unsigned int refused = 0;
	size_t i, j;

	for (i = 0; i < sizeof(good); i++) {
		for (j = 0; j < sizeof(other); j++) {
			strcpy(spec, good);
			spec[i] = other[j]; /* the last one ends it here */
			spec[sizeof(spec) - 1] = '\0';
			error[0] = '\0';
			if (config_spec("x", spec, &conf, error) == 0)
				continue;
			refused++;
			TEST_ASSERT(strncmp(error, "x: ", 3) == 0 && strlen(error) > 10 &&
				strpbrk(error, "\x01\xff\n") == NULL, "%s: %s", spec,
				error);
		}
	}
	printf("    %zu damaged specifications, %u refused\n", i * j, refused);
	TEST_ASSERT(refused > i * j / 2, "hardly any is refused");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: configuration",
	.unit_test_cases = {
		TEST_CASE(test_bad),
		TEST_CASE(test_good),
		TEST_CASE(test_auto),
		TEST_CASE(test_file),
		TEST_CASE(test_read),
		TEST_CASE(test_too_many),
		TEST_CASE(test_damaged),
		TEST_CASES_END()
	},
};

static int
test_config(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(config_autotest, test_config);
