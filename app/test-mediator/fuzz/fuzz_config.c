/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * libFuzzer: the configuration file. What is taken is within its limits, and what is
 * refused is so in one line that can be shown. corpus/config are files.
 */

#include <stdbool.h>
#include <string.h>

#include "config.h"
#include "ctl_format.h"
#include "fuzz.h"
#include "text.h"

static void
check_error(const char *error)
{
	const char *c;

	FUZZ_CHECK(strncmp(error, "file:", 5) == 0);
	FUZZ_CHECK(strlen(error) > 10 && strlen(error) < CONFIG_ERROR_LEN);
	for (c = error; *c != '\0'; c++)
		FUZZ_CHECK(*c >= ' ' && *c <= '~');
}

static void
check_device(const struct device_conf *conf)
{
	const struct device_status status = { .client = -1 };
	char text[CTL_FORMAT_LEN];
	size_t len;

	FUZZ_CHECK(text_is_uuid(conf->uuid));
	FUZZ_CHECK(conf->backend[0] == '/' &&
		memchr(conf->backend, '\0', sizeof(conf->backend)) != NULL);
	FUZZ_CHECK(conf->max_pairs >= 1 && conf->max_pairs <= DEVICE_MAX_PAIRS);
	FUZZ_CHECK(conf->ring_size >= 16 && conf->ring_size <= DEVICE_MAX_RING &&
		(conf->ring_size & (conf->ring_size - 1)) == 0);
	FUZZ_CHECK(!conf->has_mac || (conf->mac[0] & 1) == 0);
	FUZZ_CHECK(conf->mtu == 0 || conf->mtu >= 68);
	FUZZ_CHECK(conf->speed == UINT32_MAX || conf->speed <= INT32_MAX);
	FUZZ_CHECK(conf->doorbell <= DEVICE_DOORBELL_MESSAGE);
	FUZZ_CHECK((conf->without & ~text_known_features()) == 0);
	FUZZ_CHECK(conf->numa_node >= -1 && conf->numa_node <= 1023);
	len = ctl_format_all(conf, &status, conf->backend, text);
	FUZZ_CHECK(len == strlen(text) && len < CTL_FORMAT_LEN - 1);
}

/* In memory of exactly that size, for ASan; the byte behind the end is config_text()'s. */
static int
parse(struct config *config, const uint8_t *data, size_t size, char *error)
{
	char *text = malloc(size + 1);
	int ret;

	FUZZ_CHECK(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	ret = config_text(config, "file", text, size, error);
	free(text);
	return ret;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[CONFIG_ERROR_LEN] = "";
	struct config config;
	unsigned int i;
	int ret;

	config_init(&config);
	ret = parse(&config, data, size, error);
	FUZZ_CHECK(ret <= 0 && (ret < 0) == (error[0] != '\0'));
	if (ret < 0)
		check_error(error);
	FUZZ_CHECK(config.count <= CONFIG_MAX_DEVICES && config.count <= size);
	for (i = 0; i < config.count; i++)
		check_device(&config.devices[i]);
	config_free(&config);
	return 0;
}
