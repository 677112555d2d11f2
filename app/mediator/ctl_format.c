/* SPDX-License-Identifier: BSD-3-Clause */

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctl_format.h"
#include "text.h"

/* Room for the names of all features. */
#define NAMES_LEN 1024

/* Text that grows, and is cut if it does not fit. */
struct words {
	char *text;
	size_t len;
};

static void add(struct words *words, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void
add(struct words *words, const char *format, ...)
{
	size_t room = CTL_FORMAT_LEN - words->len;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(words->text + words->len, room, format, ap);
	va_end(ap);
	words->len += (size_t)n < room ? (size_t)n : room - 1;
}

static void
format_client(const struct device_status *status, char text[16])
{
	if (status->client < 0)
		strcpy(text, "-");
	else
		snprintf(text, 16, "%d", status->client);
}

/* Which kind of ring is in use; there is none before a driver has agreed on features. */
static const char *
rings(const struct device_status *status)
{
	if (status->negotiated == 0)
		return "-";
	return status->packed ? "packed" : "split";
}

size_t
ctl_format_line(const struct device_conf *conf, const struct device_status *status,
		char text[CTL_FORMAT_LEN])
{
	struct words words = { .text = text };
	char client[16];

	format_client(status, client);
	add(&words, "%s  client %-7s  backend %-4s  pairs %-3u  rings %-6s  link %s\n",
		conf->uuid, client, status->backend ? "up" : "down", status->pairs,
		rings(status), status->started ? "up" : "down");
	return words.len;
}

static void
add_features(struct words *words, const char *key, uint64_t features)
{
	char names[NAMES_LEN];

	text_features(features, ' ', names, sizeof(names));
	add(words, "%s: 0x%016" PRIx64 "%s%s\n", key, features,
		features != 0 ? " " : "", names);
}

static void
add_conf(struct words *words, const struct device_conf *conf)
{
	static const char *const doorbells[] = {
		[DEVICE_DOORBELL_EVENTFD] = "eventfd",
		[DEVICE_DOORBELL_PAGE] = "page",
		[DEVICE_DOORBELL_MESSAGE] = "message",
	};
	const uint8_t *mac = conf->mac;
	char names[NAMES_LEN];

	add(words, "max_pairs: %u\nring: %u\n", conf->max_pairs, conf->ring_size);
	add(words, "mac: %02x:%02x:%02x:%02x:%02x:%02x\n", mac[0], mac[1], mac[2], mac[3],
		mac[4], mac[5]);
	if (conf->mtu != 0)
		add(words, "mtu: %u\n", conf->mtu);
	if (conf->speed != UINT32_MAX)
		add(words, "speed: %u\n", conf->speed);
	add(words, "doorbell: %s\n", doorbells[conf->doorbell]);
	if (conf->without != 0) {
		text_features(conf->without, ' ', names, sizeof(names));
		add(words, "without: %s\n", names);
	}
	if (conf->numa_node >= 0)
		add(words, "numa: %d\n", conf->numa_node);
}

size_t
ctl_format_all(const struct device_conf *conf, const struct device_status *status,
		const char *socket, char text[CTL_FORMAT_LEN])
{
	char shown[4 * sizeof(conf->backend)], client[16];
	struct words words = { .text = text };

	format_client(status, client);
	add(&words, "uuid: %s\nsocket: %s\nclient: %s\n", conf->uuid,
		text_printable(socket, shown, sizeof(shown)), client);
	add(&words, "backend: %s\nbackend_mode: %s\nbackend_state: %s\n",
		text_printable(conf->backend, shown, sizeof(shown)),
		conf->listen ? "listen" : "connect", status->backend ? "up" : "down");
	add(&words, "link: %s\npairs: %u\nrings: %s\n", status->started ? "up" : "down",
		status->pairs, rings(status));
	add_conf(&words, conf);
	add_features(&words, "offered", status->offered);
	add_features(&words, "negotiated", status->negotiated);
	add(&words, "backend_losses: %" PRIu64 "\nlost_frames: %" PRIu64 "\n",
		status->losses, status->lost_frames);
	return words.len;
}
