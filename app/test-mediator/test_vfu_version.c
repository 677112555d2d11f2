/* SPDX-License-Identifier: BSD-3-Clause */

/* Agreeing on a version of vfio-user, and the JSON that comes with it. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "test.h"
#include "vfu_peer.h"
#include "vfu_private.h"

#define OURS(maps) "{\"capabilities\":{\"max_msg_fds\":16," \
	"\"max_data_xfer_size\":1048576,\"max_dma_maps\":" maps "," \
	"\"pgsizes\":4096,\"max_dma_regions\":3}}"
#define CAPS(text) "{\"capabilities\":{" text "}}"
#define FIFTEEN(text) text text text text text text text text text text text text text text text

/* What a client may write; max_fds: what is understood, -1: it is refused. */
static const struct {
	const char *json;
	int max_fds;
} texts[] = {
	{ "{}", 1 },
	{ " \t\r\n{ } \n", 1 },
	{ CAPS(""), 1 },
	{ CAPS("\"max_msg_fds\":8"), 8 },
	{ CAPS("\"max_msg_fds\" : 0"), 0 },
	{ CAPS("\"max_msg_fds\":16.0"), 16 },
	{ CAPS("\"max_msg_fds\":1.6e1"), 16 },
	{ CAPS("\"max_msg_fds\":253"), 253 },
	{ CAPS("\"max_msg_fds\":254"), 253 },
	{ CAPS("\"max_msg_fds\":1000000000000000000"), 253 },
	{ CAPS("\"max_msg_fds\":4,\"max_msg_fds\":5"), 5 },
	{ CAPS("\"max\\u005Fmsg_fds\":7"), 7 },
	{ CAPS("\"max_msg_fds\":8,\"max_data_xfer_size\":1048576,\"max_dma_maps\":65535,"
		"\"pgsizes\":4096,\"write_multiple\":true,\"twin_socket\":"
		"{\"supported\":false},\"migration\":{\"pgsize\":4096}"), 8 },
	{ CAPS("\"pgsizes\":4096,\"twin_socket\":{\"max_msg_fds\":3},\"max_msg_fds\":2"), 2 },
	{ "{\"a\":[1,-2.5,3e+4,4E-5,0,[],[{}],\"x\"],\"b\":null,\"c\":\"\\\"\\\\\\/\\b\\f\\n"
		"\\r\\t\\u00e9\",\"capabilities\":{\"max_msg_fds\":9},\"d\":false}", 9 },
	{ "{\"max_msg_fds\":9}", 1 },
	{ CAPS("\"max_msg_fds_of_a_name_that_is_longer_than_what_is_kept_of_names_here\":9"), 1 },
	{ "{\"x\":" FIFTEEN("[") FIFTEEN("]") "}", 1 },
	{ "{\"x\":[" FIFTEEN("[") FIFTEEN("]") "]}", -1 },
	{ "{\"x\":" FIFTEEN(FIFTEEN("[")), -1 },
	{ "{\"x\":" FIFTEEN(FIFTEEN("{\"x\":")), -1 },
	{ "{" FIFTEEN("\"x\":{},") FIFTEEN("\"x\":[],") "\"x\":[" FIFTEEN("[],") FIFTEEN("{},")
		"{}]}", 1 },
	{ "", -1 },
	{ " ", -1 },
	{ "[]", -1 },
	{ "1", -1 },
	{ "null", -1 },
	{ "{", -1 },
	{ "}", -1 },
	{ "{}{}", -1 },
	{ "{} x", -1 },
	{ "{,}", -1 },
	{ "{\"a\"}", -1 },
	{ "{\"a\":}", -1 },
	{ "{\"a\":1,}", -1 },
	{ "{\"a\":1 \"b\":2}", -1 },
	{ "{a:1}", -1 },
	{ "{1:1}", -1 },
	{ "{\"a\":tru}", -1 },
	{ "{\"a\":01}", -1 },
	{ "{\"a\":+1}", -1 },
	{ "{\"a\":-}", -1 },
	{ "{\"a\":1.}", -1 },
	{ "{\"a\":.5}", -1 },
	{ "{\"a\":1e}", -1 },
	{ "{\"a\":NaN}", -1 },
	{ "{\"a\":[1,]}", -1 },
	{ "{\"a\":[1 2]}", -1 },
	{ "{\"a\":[}", -1 },
	{ "{\"a\":[1}", -1 },
	{ "{\"a", -1 },
	{ "{\"a\\", -1 },
	{ "{\"a\\x\":1}", -1 },
	{ "{\"a\\u12\":1}", -1 },
	{ "{\"a\\u12", -1 },
	{ "{\"a\n\":1}", -1 },
	{ "{\"capabilities\":1}", -1 },
	{ "{\"capabilities\":[]}", -1 },
	{ "{\"capabilities\":null}", -1 },
	{ "{\"capabilities\":{}", -1 },
	{ CAPS("\"max_msg_fds\":\"8\""), -1 },
	{ CAPS("\"max_msg_fds\":-1"), -1 },
	{ CAPS("\"max_msg_fds\":1.5"), -1 },
	{ CAPS("\"max_msg_fds\":1e99"), -1 },
	{ CAPS("\"max_msg_fds\":1e999"), -1 },
	{ CAPS("\"max_msg_fds\":true"), -1 },
	{ CAPS("\"max_msg_fds\":"), -1 },
	{ CAPS("\"max_msg_fds\":0.0000000000000000000000000000000000000000000000000000000000"
		"0000000000000"), -1 },
	{ CAPS("\"max_data_xfer_size\":-1"), -1 },
	{ CAPS("\"max_dma_maps\":{}"), -1 },
	{ CAPS("\"pgsizes\":\"4096\""), -1 },
};

static int
test_texts(void)
{
	unsigned int i, max_fds;
	int ret;

	for (i = 0; i < RTE_DIM(texts); i++) {
		max_fds = 1;
		ret = vfu_version_parse(texts[i].json, strlen(texts[i].json) + 1, &max_fds);
		if (texts[i].max_fds < 0)
			TEST_ASSERT_EQUAL(ret, -EINVAL, "taken: %s", texts[i].json);
		else
			TEST_ASSERT(ret == 0 && max_fds == (unsigned int)texts[i].max_fds,
				"%d, %u fds: %s", ret, max_fds, texts[i].json);
	}
	printf("    %u texts\n", i);
	return TEST_SUCCESS;
}

/* Every beginning of a text is none, wherever it is cut. */
static int
test_cut(void)
{
	const char *json = texts[12].json;
	char copy[512];
	unsigned int max_fds;
	size_t len;

	for (len = 0; len < strlen(json); len++) {
		memcpy(copy, json, len);
		copy[len] = '\0';
		TEST_ASSERT_EQUAL(vfu_version_parse(copy, len + 1, &max_fds), -EINVAL,
			"taken: %s", copy);
		TEST_ASSERT_EQUAL(vfu_version_parse(json, len, &max_fds), -EINVAL,
			"taken without a zero: %zu bytes", len);
	}
	memcpy(copy, json, len + 1);
	copy[len + 1] = '\0';
	TEST_ASSERT_EQUAL(vfu_version_parse(copy, len + 2, &max_fds), -EINVAL,
		"taken with a zero too many");
	return TEST_SUCCESS;
}

static int
test_agree(void)
{
	static const struct {
		uint16_t offered, answered;
	} minors[] = { { 0, 0 }, { VFU_MINOR, VFU_MINOR }, { VFU_MINOR + 1, VFU_MINOR },
		{ UINT16_MAX, VFU_MINOR } };
	struct vfu_version version;
	const char *json;
	unsigned int i;

	for (i = 0; i < RTE_DIM(minors); i++) {
		/* no more than clients take, or what the device says */
		peer.max_dma_maps = i % 2 == 0 ? 0 : 77;
		peer.sock = peer_connect();
		TEST_ASSERT_SUCCESS(peer_version(VFU_MAJOR, minors[i].offered, "{}"),
			"minor version %u is refused", minors[i].offered);
		memcpy(&version, peer_reply.data, sizeof(version));
		TEST_ASSERT(version.major == VFU_MAJOR &&
			version.minor == minors[i].answered, "%u.%u", version.major,
			version.minor);
		json = (const char *)peer_reply.data + sizeof(version);
		TEST_ASSERT_EQUAL(peer_reply.len, sizeof(version) + strlen(json) + 1,
			"no zero at the end");
		TEST_ASSERT(strcmp(json, i % 2 == 0 ? OURS("65535") : OURS("77")) == 0,
			"%s", json);
		TEST_ASSERT_EQUAL(peer.attached, i + 1, "attached %u times", peer.attached);
		TEST_ASSERT_EQUAL(peer.detached, i, "detached %u times", peer.detached);
		peer_close();
	}
	return TEST_SUCCESS;
}

/* Another major version ends the connection; wrong JSON is told, and may be mended. */
static int
test_refuse(void)
{
	static const uint16_t majors[] = { 1, 2, UINT16_MAX };
	unsigned int i, lines;

	peer_log_begin();
	for (i = 0; i < RTE_DIM(majors); i++) {
		peer.sock = peer_connect();
		TEST_ASSERT_EQUAL(peer_version(majors[i], 0, "{}"), -1, "an answer");
		TEST_ASSERT(peer_is_closed(peer.sock), "still connected");
		peer_close();
	}
	lines = peer_log_end();
	TEST_ASSERT_EQUAL(lines, 1u, "%u lines of log", lines);
	peer.sock = peer_connect();
	TEST_ASSERT_EQUAL(peer_version(VFU_MAJOR, 0, "{"), EINVAL, "taken");
	TEST_ASSERT_EQUAL(peer.attached + peer.detached, 0u, "the device heard of it");
	TEST_ASSERT_SUCCESS(peer_version(VFU_MAJOR, 0, "{}"), "not mended");
	TEST_ASSERT_EQUAL(peer.attached, 1u, "not attached");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: version of vfio-user",
	.unit_test_cases = {
		TEST_CASE(test_texts),
		TEST_CASE(test_cut),
		TEST_CASE_ST(peer_start_alone, peer_stop, test_agree),
		TEST_CASE_ST(peer_start_alone, peer_stop, test_refuse),
		TEST_CASES_END()
	},
};

static int
test_vfu_version(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vfu_version_autotest, test_vfu_version);
