/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * VERSION: what server and client agree on. The server's capabilities are JSON (RFC 8259),
 * of which only the numbers below are of use; the rest is checked for form and passed over.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "vfio_user_private.h"

/* Longer and deeper than what any server has to say. */
#define JSON_MAX_LEN 4096
#define JSON_MAX_DEPTH 8

/* Which object is being read. */
enum json_place { JSON_TOP, JSON_CAPABILITIES, JSON_ELSEWHERE };

struct json {
	const char *pos, *end;
	unsigned int depth;
	struct vfio_user_caps *caps;
};

static int json_value(struct json *json, enum json_place place, const char *key,
		size_t len);

static char
json_next(struct json *json)
{
	while (json->pos < json->end && memchr(" \t\r\n", *json->pos, 4) != NULL)
		json->pos++;
	return json->pos < json->end ? *json->pos : '\0';
}

static bool
json_take(struct json *json, char wanted)
{
	if (json_next(json) != wanted)
		return false;
	json->pos++;
	return true;
}

/* Keys with escapes are none of ours. */
static int
json_string(struct json *json, const char **text, size_t *len)
{
	if (!json_take(json, '"'))
		return -EPROTO;
	for (*text = json->pos; json->pos < json->end && *json->pos != '"'; json->pos++) {
		if (*json->pos == '\\' && ++json->pos == json->end)
			break;
	}
	*len = json->pos - *text;
	return json->pos < json->end && json_take(json, '"') ? 0 : -EPROTO;
}

static uint64_t *
caps_field(struct vfio_user_caps *caps, const char *key, size_t len)
{
	const struct { const char *name; uint64_t *field; } fields[] = {
		{ "max_msg_fds", &caps->max_msg_fds },
		{ "max_data_xfer_size", &caps->max_xfer },
		{ "max_dma_maps", &caps->max_dma_maps },
		{ "max_dma_regions", &caps->max_dma_regions },
		{ "pgsizes", &caps->pgsizes },
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(fields); i++) {
		if (strlen(fields[i].name) == len &&
				memcmp(fields[i].name, key, len) == 0)
			return fields[i].field;
	}
	return NULL;
}

/* One of ours must be a whole number from 0 on. */
static int
json_number(struct json *json, uint64_t *field)
{
	const char *start = json->pos;
	uint64_t value = 0;
	bool whole = true;

	for (; json->pos < json->end && *json->pos != '\0' &&
			strchr("0123456789+-.eE", *json->pos) != NULL; json->pos++) {
		if (*json->pos < '0' || *json->pos > '9' || value > UINT64_MAX / 10 - 1)
			whole = false;
		else
			value = value * 10 + (*json->pos - '0');
	}
	if (json->pos == start)
		return -EPROTO;
	if (field == NULL)
		return 0;
	*field = value;
	return whole ? 0 : -EPROTO;
}

static int
json_object(struct json *json, enum json_place place)
{
	const char *key;
	size_t len;
	int ret;

	if (json_take(json, '}'))
		return 0;
	do {
		ret = json_string(json, &key, &len);
		if (ret == 0 && !json_take(json, ':'))
			ret = -EPROTO;
		if (ret == 0)
			ret = json_value(json, place, key, len);
		if (ret < 0)
			return ret;
	} while (json_take(json, ','));
	return json_take(json, '}') ? 0 : -EPROTO;
}

static int
json_array(struct json *json)
{
	int ret;

	if (json_take(json, ']'))
		return 0;
	do {
		ret = json_value(json, JSON_ELSEWHERE, "", 0);
		if (ret < 0)
			return ret;
	} while (json_take(json, ','));
	return json_take(json, ']') ? 0 : -EPROTO;
}

static int
json_word(struct json *json)
{
	static const char * const words[] = { "true", "false", "null" };
	unsigned int i;
	size_t len;

	for (i = 0; i < RTE_DIM(words); i++) {
		len = strlen(words[i]);
		if ((size_t)(json->end - json->pos) >= len &&
				memcmp(json->pos, words[i], len) == 0) {
			json->pos += len;
			return 0;
		}
	}
	return -EPROTO;
}

/* place: of the object that the value is in. */
static int
json_value(struct json *json, enum json_place place, const char *key, size_t len)
{
	uint64_t *field = place == JSON_CAPABILITIES ?
		caps_field(json->caps, key, len) : NULL;
	enum json_place inner = JSON_ELSEWHERE;
	char next = json_next(json);
	const char *text;
	size_t text_len;
	int ret;

	/* one of ours that is no number */
	if (field != NULL && (next < '0' || next > '9'))
		return -EPROTO;
	if (place == JSON_TOP && len == strlen("capabilities") &&
			memcmp(key, "capabilities", len) == 0)
		inner = JSON_CAPABILITIES;
	if (next == '"')
		return json_string(json, &text, &text_len);
	if (next != '{' && next != '[')
		return next >= 'a' ? json_word(json) : json_number(json, field);
	if (++json->depth > JSON_MAX_DEPTH)
		return -EPROTO;
	json->pos++;
	ret = next == '{' ? json_object(json, inner) : json_array(json);
	json->depth--;
	return ret;
}

static void
caps_default(struct vfio_user_caps *caps)
{
	caps->max_msg_fds = VFIO_USER_DEFAULT_MSG_FDS;
	caps->max_xfer = VFIO_USER_DEFAULT_XFER_SIZE;
	caps->max_dma_maps = VFIO_USER_DEFAULT_DMA_MAPS;
	caps->max_dma_regions = VFIO_USER_NO_LIMIT;
	caps->pgsizes = VFIO_USER_DEFAULT_PGSIZES;
}

int
vfio_user_caps_parse(const char *json, size_t len, struct vfio_user_caps *caps)
{
	struct json state = { .pos = json, .end = json + len, .caps = caps };
	int ret;

	caps_default(caps);
	if (len == 0)
		return 0; /* "Optional." */
	if (json[len - 1] != '\0')
		return -EPROTO;
	state.end = memchr(json, '\0', len);
	if (json_next(&state) != '{')
		return -EPROTO;
	state.pos++;
	ret = json_object(&state, JSON_TOP);
	if (ret == 0 && json_next(&state) != '\0')
		ret = -EPROTO;
	if (ret < 0)
		return ret;
	/* nothing works with none; and more than we have room for is of no use */
	if (caps->max_msg_fds == 0 || caps->max_xfer == 0 || caps->pgsizes == 0)
		return -EPROTO;
	caps->max_msg_fds = RTE_MIN(caps->max_msg_fds, (uint64_t)VFIO_USER_MAX_FDS);
	caps->max_xfer = RTE_MIN(caps->max_xfer, (uint64_t)VFIO_USER_MAX_XFER);
	caps->max_dma_maps = RTE_MIN(caps->max_dma_maps, (uint64_t)INT32_MAX);
	return 0;
}

static int
refuse(struct vfio_user_conn *conn, const char *what)
{
	VFIO_USER_LOG(ERR, "%s: its server answers %s: update its mediator, or name the socket of another one",
		conn->name, what);
	return -EPROTO;
}

int
vfio_user_negotiate(struct vfio_user_conn *conn, struct vfio_user_caps *caps)
{
	struct vfio_user_version ours = { VFIO_USER_MAJOR, VFIO_USER_MINOR }, theirs;
	char proposal[256], answer[JSON_MAX_LEN];
	struct vfio_user_request req = {
		.command = VFIO_USER_VERSION,
		.out = { { &ours, sizeof(ours) }, { proposal, 0 } },
		.in = { { &theirs, sizeof(theirs) }, { answer, sizeof(answer) } },
		.in_min = sizeof(theirs),
	};
	char what[96];
	int ret;

	req.out[1].iov_len = 1 + snprintf(proposal, sizeof(proposal),
		"{\"capabilities\":{\"max_msg_fds\":%d,\"max_data_xfer_size\":%d,\"max_dma_maps\":%d,\"pgsizes\":%d}}",
		VFIO_USER_MAX_FDS, VFIO_USER_MAX_XFER, VFIO_USER_DEFAULT_DMA_MAPS,
		VFIO_USER_DEFAULT_PGSIZES);
	ret = vfio_user_request_alone(conn, &req);
	if (ret < 0) {
		if (conn->broken == 0)
			VFIO_USER_LOG(ERR, "%s: its server turned us away: %s: its own messages say why; raise its limit of open files, or update it",
				conn->name, strerror(-ret));
		return ret;
	}
	if (theirs.major != ours.major || theirs.minor > ours.minor) {
		snprintf(what, sizeof(what), "with version %u.%u to %u.%u", theirs.major,
			theirs.minor, ours.major, ours.minor);
		return refuse(conn, what);
	}
	ret = vfio_user_caps_parse(answer, req.in_len - sizeof(theirs), caps);
	if (ret < 0)
		return refuse(conn, "with capabilities that make no sense");
	conn->agreed = true;
	VFIO_USER_LOG(DEBUG, "%s: its server speaks version %u.%u, and takes %" PRIu64 " fds and %" PRIu64 " bytes in a message",
		conn->name, theirs.major, theirs.minor, caps->max_msg_fds,
		caps->max_xfer);
	return 0;
}
