/* SPDX-License-Identifier: BSD-3-Clause */

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/virtio_config.h>

#include "config.h"
#include "text.h"

#define MIN_RING 16
#define MIN_MTU 68       /* VIRTIO 1.2 s. 5.1.4.1 */
#define MAX_MTU 65535
#define MAX_SPEED INT32_MAX /* VIRTIO 1.2 s. 5.1.4 */
#define MAX_NUMA 1023

#define STR_(x) #x
#define STR(x) STR_(x)

/*
 * A key of a specification. parse() returns whether the value is one; hint says what a
 * value is, unless parse() has written its own into why.
 */
struct key {
	const char *name;
	bool flag; /* without a value */
	bool (*parse)(struct device_conf *conf, const char *value, char *why);
	const char *hint;
};

#define WHY_LEN 640

static bool
parse_uuid(struct device_conf *conf, const char *value, char *why)
{
	if (strcmp(value, "auto") != 0)
		return text_uuid(value, conf->uuid);
	if (text_uuid_new(conf->uuid) == 0)
		return true;
	snprintf(why, WHY_LEN, "there are no random numbers yet: give a UUID");
	return false;
}

static bool
parse_backend(struct device_conf *conf, const char *value, char *why)
{
	const char *c;

	if (value[0] != '/')
		return false;
	for (c = value; *c != '\0'; c++) {
		/* where somebody forgot a comma, above all */
		if (!isgraph((unsigned char)*c)) {
			snprintf(why, WHY_LEN, "a path with a blank or what cannot be printed: use another one, with a comma behind it");
			return false;
		}
	}
	if (strlen(value) >= sizeof(conf->backend)) {
		snprintf(why, WHY_LEN, "a path of %zu characters, and a socket's has %zu at most: use a shorter one",
			strlen(value), sizeof(conf->backend) - 1);
		return false;
	}
	strcpy(conf->backend, value);
	return true;
}

static bool
parse_listen(struct device_conf *conf, const char *value, char *why)
{
	(void)value;
	(void)why;
	conf->listen = true;
	return true;
}

static bool
parse_queues(struct device_conf *conf, const char *value, char *why)
{
	uint64_t number;

	(void)why;
	if (!text_number(value, 1, DEVICE_MAX_PAIRS, &number))
		return false;
	conf->max_pairs = number;
	return true;
}

static bool
parse_ring(struct device_conf *conf, const char *value, char *why)
{
	uint64_t number;

	(void)why;
	/* of split rings: VIRTIO 1.2 s. 2.7 */
	if (!text_number(value, MIN_RING, DEVICE_MAX_RING, &number) ||
			(number & (number - 1)) != 0)
		return false;
	conf->ring_size = number;
	return true;
}

static bool
parse_mac(struct device_conf *conf, const char *value, char *why)
{
	static const uint8_t zero[6];
	unsigned int i;

	(void)why;
	if (strlen(value) != strlen("xx:xx:xx:xx:xx:xx"))
		return false;
	for (i = 0; i < 6; i++, value += 3) {
		if (!isxdigit((unsigned char)value[0]) ||
				!isxdigit((unsigned char)value[1]) ||
				value[2] != (i < 5 ? ':' : '\0'))
			return false;
		conf->mac[i] = strtoul(value, NULL, 16);
	}
	conf->has_mac = true;
	return (conf->mac[0] & 1) == 0 && memcmp(conf->mac, zero, sizeof(zero)) != 0;
}

static bool
parse_mtu(struct device_conf *conf, const char *value, char *why)
{
	uint64_t number;

	(void)why;
	if (!text_number(value, MIN_MTU, MAX_MTU, &number))
		return false;
	conf->mtu = number;
	return true;
}

static bool
parse_speed(struct device_conf *conf, const char *value, char *why)
{
	uint64_t number;

	(void)why;
	if (!text_number(value, 1, MAX_SPEED, &number))
		return false;
	conf->speed = number;
	return true;
}

static bool
parse_packed(struct device_conf *conf, const char *value, char *why)
{
	(void)why;
	conf->packed = strcmp(value, "on") == 0;
	return conf->packed || strcmp(value, "off") == 0;
}

static bool
parse_doorbell(struct device_conf *conf, const char *value, char *why)
{
	static const char *const names[] = {
		[DEVICE_DOORBELL_EVENTFD] = "eventfd",
		[DEVICE_DOORBELL_PAGE] = "page",
		[DEVICE_DOORBELL_MESSAGE] = "message",
	};
	unsigned int i;

	(void)why;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(value, names[i]) == 0) {
			conf->doorbell = i;
			return true;
		}
	}
	return false;
}

static bool
parse_without(struct device_conf *conf, const char *value, char *why)
{
	const uint64_t modern = UINT64_C(1) << VIRTIO_F_VERSION_1;
	uint64_t bit;
	size_t len;
	int used;

	for (;; value += len + 1) {
		len = strcspn(value, "+");
		bit = text_feature(value, len);
		if (bit == modern) {
			snprintf(why, WHY_LEN, "a modern device has version_1: leave it out here");
			return false;
		}
		if (bit == 0)
			break;
		conf->without |= bit;
		if (value[len] == '\0')
			return true;
	}
	used = snprintf(why, WHY_LEN, "not names of features joined by +, which are: ");
	text_features(text_known_features() & ~modern, ' ', why + used, WHY_LEN - used);
	return false;
}

static bool
parse_numa(struct device_conf *conf, const char *value, char *why)
{
	uint64_t number;

	(void)why;
	if (!text_number(value, 0, MAX_NUMA, &number))
		return false;
	conf->numa_node = number;
	return true;
}

static const struct key keys[] = {
	{ "uuid", false, parse_uuid,
		"not a UUID: 32 hexadecimal digits as 8-4-4-4-12, or auto for a new one" },
	{ "backend", false, parse_backend,
		"not an absolute path: give the path of the vhost-user socket, from / on" },
	{ "listen", true, parse_listen, NULL },
	{ "queues", false, parse_queues,
		"not a number of queue pairs: 1 to " STR(DEVICE_MAX_PAIRS) },
	{ "ring", false, parse_ring, "not a size of rings: a power of two from "
		STR(MIN_RING) " to " STR(DEVICE_MAX_RING) },
	{ "mac", false, parse_mac,
		"not a MAC address of one device: six bytes as 02:00:00:00:00:01" },
	{ "mtu", false, parse_mtu, "not an MTU: " STR(MIN_MTU) " to " STR(MAX_MTU) " bytes" },
	{ "speed", false, parse_speed, "not a speed: 1 to 2147483647 Mbit/s" },
	{ "packed", false, parse_packed, "give on or off" },
	{ "doorbell", false, parse_doorbell, "give eventfd, page or message" },
	{ "without", false, parse_without, NULL },
	{ "numa", false, parse_numa, "not a NUMA node: 0 to " STR(MAX_NUMA) },
};

#define NR_KEYS (sizeof(keys) / sizeof(keys[0]))

static const struct key *
find_key(const char *name)
{
	size_t i;

	for (i = 0; i < NR_KEYS; i++) {
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	}
	return NULL;
}

static void
unknown_key(const char *where, const char *name, char *error)
{
	char shown[TEXT_SHOWN_LEN];
	size_t i, used;

	if (*name == '\0')
		used = snprintf(error, CONFIG_ERROR_LEN, "%s: no key before, after or between commas: use one of", where);
	else
		used = snprintf(error, CONFIG_ERROR_LEN, "%s: %s: unknown key: use one of", where,
			text_printable(name, shown, sizeof(shown)));
	for (i = 0; i < NR_KEYS && used < CONFIG_ERROR_LEN; i++)
		used += snprintf(error + used, CONFIG_ERROR_LEN - used, " %s",
			keys[i].name);
}

/* One "key=value" or "key", which is cut in two. */
static int
parse_item(const char *where, char *item, uint32_t *seen, struct device_conf *conf,
		char *error)
{
	char shown[TEXT_SHOWN_LEN], why[WHY_LEN] = "";
	const struct key *key;
	char *value;

	value = strchr(item, '=');
	if (value != NULL)
		*value++ = '\0';
	key = find_key(item);
	if (key == NULL) {
		unknown_key(where, item, error);
		return -EINVAL;
	}
	if (key->flag != (value == NULL)) {
		snprintf(error, CONFIG_ERROR_LEN, key->flag ?
			"%s: %s: takes no value: leave out what follows the name" :
			"%s: %s: needs a value: give it after =", where, key->name);
		return -EINVAL;
	}
	if ((*seen & UINT32_C(1) << (key - keys)) != 0) {
		snprintf(error, CONFIG_ERROR_LEN, "%s: %s: given twice: leave one out",
			where, key->name);
		return -EINVAL;
	}
	*seen |= UINT32_C(1) << (key - keys);
	if (key->parse(conf, value, why))
		return 0;
	snprintf(error, CONFIG_ERROR_LEN, "%s: %s=%s: %s", where, key->name,
		text_printable(value, shown, sizeof(shown)),
		why[0] != '\0' ? why : key->hint);
	return -EINVAL;
}

int
config_spec(const char *where, const char *spec, struct device_conf *conf,
		char error[CONFIG_ERROR_LEN])
{
	char copy[CONFIG_SPEC_LEN], *item, *next = copy;
	uint32_t seen = 0;
	int ret;

	if (strlen(spec) >= sizeof(copy)) {
		snprintf(error, CONFIG_ERROR_LEN, "%s: a specification of %zu characters, and %zu is the most: shorten it",
			where, strlen(spec), sizeof(copy) - 1);
		return -E2BIG;
	}
	strcpy(copy, spec);
	device_conf_init(conf);
	while ((item = strsep(&next, ",")) != NULL) {
		ret = parse_item(where, item, &seen, conf, error);
		if (ret < 0)
			return ret;
	}
	if (conf->uuid[0] != '\0' && conf->backend[0] != '\0')
		return 0;
	snprintf(error, CONFIG_ERROR_LEN, conf->uuid[0] == '\0' ?
		"%s: uuid is missing: add uuid=<uuid>, or uuid=auto for a new one" :
		"%s: backend is missing: add backend=<path of the vhost-user socket>",
		where);
	return -EINVAL;
}

void
config_init(struct config *config)
{
	config->devices = NULL;
	config->count = 0;
}

void
config_free(struct config *config)
{
	free(config->devices);
	config_init(config);
}

static int
append(struct config *config, const char *where, const struct device_conf *conf,
		char *error)
{
	struct device_conf *grown;
	unsigned int i;

	for (i = 0; i < config->count; i++) {
		if (strcmp(config->devices[i].uuid, conf->uuid) == 0) {
			snprintf(error, CONFIG_ERROR_LEN, "%s: uuid=%s: given before: each device needs one of its own",
				where, conf->uuid);
			return -EEXIST;
		}
	}
	if (config->count == CONFIG_MAX_DEVICES) {
		snprintf(error, CONFIG_ERROR_LEN, "%s: uuid=%s: one device too many: start another mediator for those after the first %u, with another --name",
			where, conf->uuid, CONFIG_MAX_DEVICES);
		return -E2BIG;
	}
	grown = reallocarray(config->devices, config->count + 1, sizeof(*grown));
	if (grown == NULL) {
		snprintf(error, CONFIG_ERROR_LEN, "%s: no memory: free some", where);
		return -ENOMEM;
	}
	config->devices = grown;
	grown[config->count++] = *conf;
	return 0;
}

int
config_add(struct config *config, const char *where, const char *spec,
		char error[CONFIG_ERROR_LEN])
{
	struct device_conf conf;
	int ret;

	ret = config_spec(where, spec, &conf, error);
	if (ret == 0)
		ret = append(config, where, &conf, error);
	return ret;
}

/* A line without its comment and the spaces around. */
static char *
trim(char *line)
{
	char *c;

	for (c = line; *c != '\0'; c++) {
		if (*c == '#' && (c == line || isspace((unsigned char)c[-1]))) {
			*c = '\0';
			break;
		}
	}
	while (c > line && isspace((unsigned char)c[-1]))
		*--c = '\0';
	return line + strspn(line, " \t");
}

int
config_text(struct config *config, const char *name, char *text, size_t len,
		char error[CONFIG_ERROR_LEN])
{
	char shown[TEXT_SHOWN_LEN], where[TEXT_SHOWN_LEN + 16];
	char *end = text + len, *line, *next;
	unsigned int number = 0;
	int ret;

	text_printable(name, shown, sizeof(shown));
	for (line = text; line < end; line = next) {
		number++;
		snprintf(where, sizeof(where), "%s:%u", shown, number);
		next = memchr(line, '\n', end - line);
		next = next == NULL ? end : next;
		if (memchr(line, '\0', next - line) != NULL) {
			snprintf(error, CONFIG_ERROR_LEN, "%s: not text, it has a zero byte: give a file with a device a line",
				where);
			return -EINVAL;
		}
		*next++ = '\0'; /* the text has room for it: see config.h */
		line = trim(line);
		ret = *line == '\0' ? 0 : config_add(config, where, line, error);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* All of a file, len of it, and a zero byte. */
static char *
read_whole(int fd, size_t *len)
{
	char *text = NULL, *grown;
	size_t room = 0;
	ssize_t n;

	*len = 0;
	do {
		if (*len == room) {
			room = room == 0 ? 4096 : 2 * room;
			grown = realloc(text, room + 1);
			if (grown == NULL)
				goto fail;
			text = grown;
		}
		n = read(fd, text + *len, room - *len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			goto fail;
		*len += n;
		if (*len > CONFIG_FILE_LEN) {
			errno = EFBIG;
			goto fail;
		}
	} while (n != 0);
	text[*len] = '\0';
	return text;
fail:
	free(text);
	return NULL;
}

int
config_file(struct config *config, const char *path, char error[CONFIG_ERROR_LEN])
{
	char shown[TEXT_SHOWN_LEN], *text = NULL;
	int fd, ret;
	size_t len;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd >= 0)
		text = read_whole(fd, &len);
	if (text == NULL) {
		ret = -errno;
		snprintf(error, CONFIG_ERROR_LEN, "--config %s: %s: give a file that can be read and has %u KiB at most",
			text_printable(path, shown, sizeof(shown)), strerror(-ret),
			CONFIG_FILE_LEN / 1024);
	} else {
		ret = config_text(config, path, text, len, error);
	}
	free(text);
	if (fd >= 0)
		close(fd);
	return ret;
}
