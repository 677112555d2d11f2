/* SPDX-License-Identifier: BSD-3-Clause */

/* Devices in words. */

#include <string.h>

#include "ctl_format.h"
#include "test.h"

#define UUID_A "00000001-abcd-4ef0-9abc-def012345678"

static int
test_format(void)
{
	struct device_conf conf = {
		.uuid = UUID_A, .backend = "/run/a\n.sock", .listen = true,
		.max_pairs = 128, .ring_size = 1024, .has_mac = true,
		.mac = { 2, 0, 0, 0, 0xab, 1 }, .mtu = 9000, .speed = 25000,
		.doorbell = DEVICE_DOORBELL_PAGE, .without = 1 << 1, .numa_node = 1,
	};
	struct device_status status = {
		.client = 4194304, .backend = true, .started = true, .packed = true,
		.pairs = 128, .offered = UINT64_MAX, .negotiated = UINT64_C(5) << 32,
		.losses = UINT64_MAX, .lost_frames = UINT64_MAX,
	};
	char text[CTL_FORMAT_LEN];
	size_t len;

	len = ctl_format_line(&conf, &status, text);
	TEST_ASSERT(strcmp(text, UUID_A "  client 4194304  backend up    pairs 128"
		"  rings packed  link up\n") == 0, "%s", text);
	TEST_ASSERT_EQUAL(len, strlen(text), "%zu", len);
	len = ctl_format_all(&conf, &status, "/s", text);
	TEST_ASSERT(len == strlen(text) && len < CTL_FORMAT_LEN - 1, "%zu", len);
	TEST_ASSERT(strncmp(text, "uuid: " UUID_A "\nsocket: /s\nclient: 4194304\n"
		"backend: /run/a\\x0a.sock\nbackend_mode: listen\nbackend_state: up\n"
		"link: up\npairs: 128\nrings: packed\nmax_pairs: 128\nring: 1024\n"
		"mac: 02:00:00:00:ab:01\nmtu: 9000\nspeed: 25000\ndoorbell: page\n"
		"without: guest_csum\nnuma: 1\noffered: 0xffffffffffffffff csum guest_csum ",
		300) == 0, "%s", text);
	TEST_ASSERT(strstr(text, "\nnegotiated: 0x0000000500000000 version_1 ring_packed\n"
		"backend_losses: 18446744073709551615\nlost_frames: 18446744073709551615\n"),
		"%s", text);

	device_conf_init(&conf);
	memset(&status, 0, sizeof(status));
	status.client = -1;
	ctl_format_all(&conf, &status, "/s", text);
	TEST_ASSERT(strstr(text, "mac: 00:00:00:00:00:00\ndoorbell: eventfd\n"
		"offered: 0x0000000000000000\nnegotiated: 0x0000000000000000\n"), "%s", text);
	status.negotiated = UINT64_C(1) << 32;
	ctl_format_line(&conf, &status, text);
	TEST_ASSERT(strstr(text, "rings split   link down\n") != NULL, "%s", text);
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: devices in words",
	.unit_test_cases = {
		TEST_CASE(test_format),
		TEST_CASES_END()
	},
};

static int
test_ctl_format(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(ctl_format_autotest, test_ctl_format);
