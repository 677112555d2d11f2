/* SPDX-License-Identifier: BSD-3-Clause */

/* What a server says in its VERSION, whatever that is. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <vfio_user_private.h>

#include "test.h"

#define CAPS(text) "{\"capabilities\":{" text "}}"

static const struct {
	const char *json;
	int ret;
	uint64_t fds, xfer, maps, pgsizes;
} cases[] = {
	{ "{}", 0, 1, 1048576, 65535, 4096 },
	{ " { } ", 0, 1, 1048576, 65535, 4096 },
	{ CAPS(""), 0, 1, 1048576, 65535, 4096 },
	{ CAPS("\"max_msg_fds\":8"), 0, 8, 1048576, 65535, 4096 },
	{ CAPS("\"max_msg_fds\" : 1024"), 0, 253, 1048576, 65535, 4096 },
	{ CAPS("\"max_data_xfer_size\":7,\"max_dma_maps\":3,\"pgsizes\":6144"), 0,
		1, 7, 3, 6144 },
	{ CAPS("\"max_data_xfer_size\":4294967296"), 0, 1, 1048576, 65535, 4096 },
	{ CAPS("\"write_multiple\":true,\"twin_socket\":{\"supported\":false},\"x\":[1,\"]\",{},[]],\"max_msg_fds\":2"),
		0, 2, 1048576, 65535, 4096 },
	/* only in its place */
	{ "{\"max_msg_fds\":8}", 0, 1, 1048576, 65535, 4096 },
	{ "{\"other\":{\"capabilities\":{\"max_msg_fds\":8}}}", 0, 1, 1048576, 65535,
		4096 },
	{ CAPS("\"a\":{\"max_msg_fds\":8}"), 0, 1, 1048576, 65535, 4096 },
	{ CAPS("\"a\\\"\":-1.5e3,\"b\":null"), 0, 1, 1048576, 65535, 4096 },
	/* numbers that cannot be */
	{ CAPS("\"max_dma_regions\":-8"), -EPROTO, 0, 0, 0, 0 },
	{ CAPS("\"max_msg_fds\":0"), -EPROTO, 0, 0, 0, 0 },
	{ CAPS("\"max_msg_fds\":-1"), -EPROTO, 0, 0, 0, 0 },
	{ CAPS("\"max_msg_fds\":1.5"), -EPROTO, 0, 0, 0, 0 },
	{ CAPS("\"max_msg_fds\":1e3"), -EPROTO, 0, 0, 0, 0 },
	{ CAPS("\"max_msg_fds\":\"8\""), -EPROTO, 0, 0, 0, 0 },
	{ CAPS("\"max_msg_fds\":{}"), -EPROTO, 0, 0, 0, 0 },
	{ CAPS("\"max_msg_fds\":true"), -EPROTO, 0, 0, 0, 0 },
	{ CAPS("\"max_data_xfer_size\":0"), -EPROTO, 0, 0, 0, 0 },
	{ CAPS("\"pgsizes\":0"), -EPROTO, 0, 0, 0, 0 },
	{ CAPS("\"pgsizes\":99999999999999999999"), -EPROTO, 0, 0, 0, 0 },
	/* no JSON */
	{ "", -EPROTO, 0, 0, 0, 0 },
	{ "[]", -EPROTO, 0, 0, 0, 0 },
	{ "{", -EPROTO, 0, 0, 0, 0 },
	{ "{\"", -EPROTO, 0, 0, 0, 0 },
	{ "{\"a", -EPROTO, 0, 0, 0, 0 },
	{ "{\"a\\", -EPROTO, 0, 0, 0, 0 },
	{ "{\"a\"", -EPROTO, 0, 0, 0, 0 },
	{ "{\"a\":", -EPROTO, 0, 0, 0, 0 },
	{ "{\"a\":}", -EPROTO, 0, 0, 0, 0 },
	{ "{\"a\":1", -EPROTO, 0, 0, 0, 0 },
	{ "{\"a\":1,}", -EPROTO, 0, 0, 0, 0 },
	{ "{\"a\":1 2}", -EPROTO, 0, 0, 0, 0 },
	{ "{\"a\":tru}", -EPROTO, 0, 0, 0, 0 },
	{ "{\"a\":[1,]}", -EPROTO, 0, 0, 0, 0 },
	{ "{\"a\":[1}", -EPROTO, 0, 0, 0, 0 },
	{ "{} {}", -EPROTO, 0, 0, 0, 0 },
	{ "{a:1}", -EPROTO, 0, 0, 0, 0 },
	{ "{\"a\":[[[[[[[[[1]]]]]]]]]}", -EPROTO, 0, 0, 0, 0 },
};

static int
test_texts(void)
{
	struct vfio_user_caps caps;
	unsigned int i;
	char *copy;
	int ret;

	for (i = 0; i < RTE_DIM(cases); i++) {
		/* of its own size, so that a sanitizer sees what is read beyond */
		copy = strdup(cases[i].json);
		TEST_ASSERT_NOT_NULL(copy, "no memory");
		ret = vfio_user_caps_parse(copy, strlen(copy) + 1, &caps);
		free(copy);
		TEST_ASSERT_EQUAL(ret, cases[i].ret, "%s: %d", cases[i].json, ret);
		if (ret < 0)
			continue;
		TEST_ASSERT(caps.max_msg_fds == cases[i].fds &&
			caps.max_xfer == cases[i].xfer &&
			caps.max_dma_maps == cases[i].maps &&
			caps.pgsizes == cases[i].pgsizes, "%s: wrong", cases[i].json);
	}
	printf("    %zu texts\n", RTE_DIM(cases));
	return TEST_SUCCESS;
}

/* The one that is not the specification's. */
static int
test_regions(void)
{
	static const char given[] = CAPS("\"max_dma_regions\":8"), none[] = "{}";
	struct vfio_user_caps caps;

	TEST_ASSERT(vfio_user_caps_parse(given, sizeof(given), &caps) == 0 &&
		caps.max_dma_regions == 8, "not taken");
	TEST_ASSERT(vfio_user_caps_parse(none, sizeof(none), &caps) == 0 &&
		caps.max_dma_regions == VFIO_USER_NO_LIMIT, "a limit that nobody has set");
	return TEST_SUCCESS;
}

/* Each of them cut at each place, with and without its end. */
static int
test_cut(void)
{
	struct vfio_user_caps caps;
	unsigned int i, count = 0;
	size_t len;
	char *copy;
	int ret;

	for (i = 0; i < RTE_DIM(cases); i++) {
		for (len = 1; len <= strlen(cases[i].json); len++, count++) {
			copy = strndup(cases[i].json, len);
			TEST_ASSERT_NOT_NULL(copy, "no memory");
			vfio_user_caps_parse(copy, len + 1, &caps);
			copy = realloc(copy, len);
			ret = vfio_user_caps_parse(copy, len, &caps);
			free(copy);
			TEST_ASSERT_EQUAL(ret, -EPROTO, "%.*s has no end: %d",
				(int)len, cases[i].json, ret);
		}
	}
	printf("    %u texts\n", count);
	return TEST_SUCCESS;
}

static int
test_none(void)
{
	struct vfio_user_caps caps;

	TEST_ASSERT_SUCCESS(vfio_user_caps_parse("", 0, &caps), "none were refused");
	TEST_ASSERT_EQUAL(caps.max_msg_fds, 1, "wrong default");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "common/vfio_user: capabilities",
	.unit_test_cases = {
		TEST_CASE(test_texts),
		TEST_CASE(test_regions),
		TEST_CASE(test_cut),
		TEST_CASE(test_none),
		TEST_CASES_END()
	}
};

static int
test_vfio_user_caps(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vfio_user_caps_autotest, test_vfio_user_caps);
