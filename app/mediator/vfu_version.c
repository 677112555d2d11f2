/* SPDX-License-Identifier: BSD-3-Clause */

/* Agreeing on a version; the JSON that comes with it. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vfu_private.h"

/* Objects and arrays within each other. */
#define MAX_DEPTH 16
/* Names and numbers that are looked at are shorter. */
#define MAX_TOKEN 64

/*
 * What a client assumes if it is not told: of maps, and QEMU takes no more; of page sizes,
 * and an address needs to be no rounder than that.
 */
#define MAX_DMA_MAPS 65535
#define PAGE_SIZES 4096

struct json {
	const char *p;
	const char *end;     /* a zero is there */
	unsigned int depth;
};

/* Reads the value of a member of an object. Each of these returns 0 or -EINVAL. */
typedef int (json_member)(struct json *json, const char *name, void *arg);

static int skip_value(struct json *json);

static int
skip_member(struct json *json, const char *name __attribute__((unused)),
		void *arg __attribute__((unused)))
{
	return skip_value(json);
}

static void
skip_space(struct json *json)
{
	json->p += strspn(json->p, " \t\n\r");
}

/* Whether the next character is this one, which is then behind us. */
static bool
next_is(struct json *json, char c)
{
	skip_space(json);
	if (*json->p != c)
		return false;
	json->p++;
	return true;
}

/* The character of an escape sequence, behind the backslash; 1: not ASCII; 0: wrong. */
static char
escape(struct json *json)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	char digits[5] = "";
	const char *name;
	unsigned long value;

	if (*json->p == '\0')
		return 0;
	if (*json->p != 'u') {
		name = strchr(names, *json->p++);
		return name == NULL ? 0 : values[name - names];
	}
	json->p++;
	if (strspn(json->p, "0123456789abcdefABCDEF") < 4)
		return 0;
	memcpy(digits, json->p, 4);
	json->p += 4;
	value = strtoul(digits, NULL, 16);
	return value > 0 && value < 0x80 ? (char)value : 1;
}

/* A string. One that is too long for the names that we know is cut. */
static int
read_string(struct json *json, char token[MAX_TOKEN])
{
	size_t len = 0;
	char c;

	if (!next_is(json, '"'))
		return -EINVAL;
	while ((c = *json->p) != '"') {
		if ((unsigned char)c < ' ') /* also the end */
			return -EINVAL;
		json->p++;
		if (c == '\\')
			c = escape(json);
		if (c == '\0')
			return -EINVAL;
		if (len < MAX_TOKEN - 1)
			token[len++] = c;
	}
	json->p++;
	token[len] = '\0';
	return 0;
}

static int
skip_digits(struct json *json)
{
	size_t n = strspn(json->p, "0123456789");

	json->p += n;
	return n > 0 ? 0 : -EINVAL;
}

static int
skip_number(struct json *json)
{
	if (*json->p == '-')
		json->p++;
	if (*json->p == '0')
		json->p++;
	else if (skip_digits(json) < 0)
		return -EINVAL;
	if (*json->p == '.') {
		json->p++;
		if (skip_digits(json) < 0)
			return -EINVAL;
	}
	if (*json->p == 'e' || *json->p == 'E') {
		json->p++;
		if (*json->p == '+' || *json->p == '-')
			json->p++;
		return skip_digits(json);
	}
	return 0;
}

static int
read_object(struct json *json, json_member *member, void *arg)
{
	char name[MAX_TOKEN];

	if (!next_is(json, '{') || ++json->depth > MAX_DEPTH)
		return -EINVAL;
	if (!next_is(json, '}')) {
		do {
			if (read_string(json, name) < 0 || !next_is(json, ':') ||
					member(json, name, arg) < 0)
				return -EINVAL;
		} while (next_is(json, ','));
		if (!next_is(json, '}'))
			return -EINVAL;
	}
	json->depth--;
	return 0;
}

static int
skip_array(struct json *json)
{
	if (!next_is(json, '[') || ++json->depth > MAX_DEPTH)
		return -EINVAL;
	if (!next_is(json, ']')) {
		do {
			if (skip_value(json) < 0)
				return -EINVAL;
		} while (next_is(json, ','));
		if (!next_is(json, ']'))
			return -EINVAL;
	}
	json->depth--;
	return 0;
}

static int
skip_value(struct json *json)
{
	static const char *const literals[] = { "true", "false", "null" };
	char token[MAX_TOKEN];
	unsigned int i;

	skip_space(json);
	switch (*json->p) {
	case '{':
		return read_object(json, skip_member, NULL);
	case '[':
		return skip_array(json);
	case '"':
		return read_string(json, token);
	}
	for (i = 0; i < sizeof(literals) / sizeof(literals[0]); i++) {
		if (strncmp(json->p, literals[i], strlen(literals[i])) == 0) {
			json->p += strlen(literals[i]);
			return 0;
		}
	}
	return skip_number(json);
}

/* A number that is a count or a size, however it is written. */
static int
read_count(struct json *json, double *count)
{
	char token[MAX_TOKEN];
	const char *begin;
	size_t len;

	skip_space(json);
	begin = json->p;
	if (skip_number(json) < 0)
		return -EINVAL;
	len = json->p - begin;
	if (len >= sizeof(token))
		return -EINVAL;
	memcpy(token, begin, len);
	token[len] = '\0';
	*count = strtod(token, NULL);
	return *count >= 0 && *count < 0x1p63 && *count == (uint64_t)*count ?
		0 : -EINVAL;
}

static int
capability(struct json *json, const char *name, void *arg)
{
	unsigned int *max_fds = arg;
	double count;

	if (strcmp(name, "max_msg_fds") == 0) {
		if (read_count(json, &count) < 0)
			return -EINVAL;
		*max_fds = count < FDMSG_MAX_FDS ? (unsigned int)count : FDMSG_MAX_FDS;
		return 0;
	}
	/* What it takes of data bounds commands of ours, of which there are none. */
	if (strcmp(name, "max_data_xfer_size") == 0 ||
			strcmp(name, "max_dma_maps") == 0 || strcmp(name, "pgsizes") == 0)
		return read_count(json, &count);
	return skip_value(json);
}

static int
member(struct json *json, const char *name, void *arg)
{
	return strcmp(name, "capabilities") == 0 ? read_object(json, capability, arg) :
		skip_value(json);
}

int
vfu_version_parse(const char *text, size_t len, unsigned int *max_fds)
{
	struct json json = { .p = text, .end = text + len - 1 };

	if (len == 0 || *json.end != '\0' || read_object(&json, member, max_fds) < 0)
		return -EINVAL;
	skip_space(&json);
	return json.p == json.end ? 0 : -EINVAL;
}

/*
 * max_dma_regions is not the specification's, whose clients pass over what they do not
 * know: how many maps can be joined is known to nobody before they come.
 */
static int
our_capabilities(const struct vfu_server *server, char *json, size_t size)
{
	uint32_t maps = server->ops->max_dma_maps(server->arg);
	char regions[48] = "";

	if (server->ops->max_dma_regions != 0)
		snprintf(regions, sizeof(regions), ",\"max_dma_regions\":%u",
			server->ops->max_dma_regions);
	return snprintf(json, size, "{\"capabilities\":{\"max_msg_fds\":%d,"
		"\"max_data_xfer_size\":%d,\"max_dma_maps\":%u,\"pgsizes\":%d%s}}",
		VFU_MAX_FDS, VFU_MAX_DATA, maps < MAX_DMA_MAPS ? maps : MAX_DMA_MAPS,
		PAGE_SIZES, regions);
}

int
vfu_version(struct vfu_server *server, struct vfu_message *msg, struct vfu_reply *reply)
{
	struct vfu_version version;
	unsigned int max_fds = 1;
	char json[256];
	uint8_t *room;
	int len, ret;

	memcpy(&version, msg->data, sizeof(version));
	if (version.major != VFU_MAJOR) {
		vfu_log_broken(server, "it speaks another major version");
		return VFU_CLOSE;
	}
	/* The data are optional. */
	if (msg->len > sizeof(version) &&
			vfu_version_parse((const char *)msg->data + sizeof(version),
				msg->len - sizeof(version), &max_fds) < 0)
		return -EINVAL;
	if (version.minor > VFU_MINOR)
		version.minor = VFU_MINOR;
	len = our_capabilities(server, json, sizeof(json));
	room = vfu_reply_room(reply, sizeof(version) + len + 1);
	if (room == NULL)
		return -ENOMEM;
	memcpy(room, &version, sizeof(version));
	memcpy(room + sizeof(version), json, len + 1);
	server->conn.max_fds = max_fds;
	ret = server->ops->attached(server->arg);
	server->conn.attached = ret == 0;
	return ret;
}
