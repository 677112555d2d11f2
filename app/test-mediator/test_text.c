/* SPDX-License-Identifier: BSD-3-Clause */

/* Text from outside. */

#include <stdio.h>
#include <string.h>

#include "text.h"
#include "test.h"

static int
test_printable(void)
{
	static const struct {
		const char *text, *shown;
		size_t room;
	} cases[] = {
		{ "plain text, ~", "plain text, ~", 32 },
		{ "", "", 32 },
		{ "a\nb\x1b[31m\x7f\xff", "a\\x0ab\\x1b[31m\\x7f\\xff", 32 },
		{ "exactly ten", "exactly ten", 12 },
		{ "exactly ten", "exactly...", 11 },
		{ "abcdefgh", "...", 4 },
		{ "ab\x01\x02", "ab...", 8 },
		{ "ab\x01", "ab\\x01", 7 },
	};
	char buf[32];
	size_t i;

	for (i = 0; i < RTE_DIM(cases); i++) {
		memset(buf, '#', sizeof(buf));
		text_printable(cases[i].text, buf, cases[i].room);
		TEST_ASSERT(strcmp(buf, cases[i].shown) == 0, "%zu: %s", i, buf);
		TEST_ASSERT(cases[i].room == sizeof(buf) ||
			buf[cases[i].room] == '#', "%zu: beyond the buffer", i);
	}
	return TEST_SUCCESS;
}

static int
test_uuid(void)
{
	static const char *const bad[] = {
		"", "0", "00000001-0000-4000-8000-00000000000", "auto",
		"00000001-0000-4000-8000-0000000000011", "00000001_0000-4000-8000-000000000001",
		"0000000g-0000-4000-8000-000000000001", "000000010-000-4000-8000-000000000001",
		"{0000001-0000-4000-8000-000000000001", " 0000001-0000-4000-8000-000000000001",
	};
	char uuid[TEXT_UUID_LEN], other[TEXT_UUID_LEN];
	size_t i;

	for (i = 0; i < RTE_DIM(bad); i++) {
		TEST_ASSERT(!text_uuid(bad[i], uuid), "%s is a UUID", bad[i]);
		TEST_ASSERT(!text_is_uuid(bad[i]), "%s is a UUID", bad[i]);
	}
	TEST_ASSERT(text_uuid("ABCDEF01-2345-6789-abcd-EF0123456789", uuid), "not a UUID");
	TEST_ASSERT(strcmp(uuid, "abcdef01-2345-6789-abcd-ef0123456789") == 0, "%s", uuid);
	TEST_ASSERT(text_is_uuid(uuid), "not in lower case");
	TEST_ASSERT(!text_is_uuid("ABCDEF01-2345-6789-abcd-EF0123456789"), "in lower case");
	TEST_ASSERT_SUCCESS(text_uuid_new(uuid), "no UUID");
	TEST_ASSERT_SUCCESS(text_uuid_new(other), "no UUID");
	TEST_ASSERT(text_is_uuid(uuid), "%s", uuid);
	TEST_ASSERT(uuid[14] == '4' && strchr("89ab", uuid[19]) != NULL, "not random: %s",
		uuid);
	TEST_ASSERT(strcmp(uuid, other) != 0, "the same twice");
	return TEST_SUCCESS;
}

static int
test_number(void)
{
	static const char *const bad[] = {
		"", "-1", "+1", " 1", "1 ", "0x10", "1e3", "9", "101",
		"18446744073709551626", "99999999999999999999999999",
	};
	uint64_t number = 0;
	size_t i;

	for (i = 0; i < RTE_DIM(bad); i++)
		TEST_ASSERT(!text_number(bad[i], 10, 100, &number), "%s", bad[i]);
	TEST_ASSERT(text_number("10", 10, 100, &number) && number == 10, "10");
	TEST_ASSERT(text_number("0100", 10, 100, &number) && number == 100, "100");
	return TEST_SUCCESS;
}

static int
test_features(void)
{
	const uint64_t all = text_known_features();
	char names[1024], small[8];
	size_t len;
	char *name, *next = names;
	uint64_t found = 0;

	len = text_features(all, '+', names, sizeof(names));
	TEST_ASSERT(len == strlen(names) && len < sizeof(names), "%zu", len);
	while ((name = strsep(&next, "+")) != NULL)
		found |= text_feature(name, strlen(name));
	TEST_ASSERT_EQUAL(found, all, "names that are not found");
	TEST_ASSERT_EQUAL(text_feature("MQ", 2), UINT64_C(1) << 22, "capitals");
	TEST_ASSERT_EQUAL(text_feature("mqx", 2), UINT64_C(1) << 22, "more than asked for");
	TEST_ASSERT_EQUAL(text_feature("mq", 1), 0u, "less than the name");
	TEST_ASSERT_EQUAL(text_feature("", 0), 0u, "no name");
	TEST_ASSERT_EQUAL(text_features(UINT64_C(1) << 41 | 1, ' ', names, sizeof(names)),
		strlen("csum bit41"), "%s", names);
	TEST_ASSERT(strcmp(names, "csum bit41") == 0, "%s", names);
	TEST_ASSERT_EQUAL(text_features(3, ' ', small, sizeof(small)),
		strlen("csum guest_csum"), "not what it would need");
	TEST_ASSERT(strcmp(small, "csum gu") == 0, "%s", small);
	TEST_ASSERT_EQUAL(text_features(0, ' ', small, sizeof(small)), 0u, "%s", small);
	TEST_ASSERT(small[0] == '\0', "%s", small);
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: text",
	.unit_test_cases = {
		TEST_CASE(test_printable),
		TEST_CASE(test_uuid),
		TEST_CASE(test_number),
		TEST_CASE(test_features),
		TEST_CASES_END()
	},
};

static int
test_text(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(text_autotest, test_text);
