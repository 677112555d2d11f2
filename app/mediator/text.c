/* SPDX-License-Identifier: BSD-3-Clause */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "text.h"

/* Not in the headers of Linux 6.1. */
#ifndef VIRTIO_F_NOTIFICATION_DATA
#define VIRTIO_F_NOTIFICATION_DATA 38
#endif

#define HEX_DIGITS 32

static const struct {
	unsigned int bit;
	const char *name;
} features[] = {
	{ VIRTIO_NET_F_CSUM, "csum" },
	{ VIRTIO_NET_F_GUEST_CSUM, "guest_csum" },
	{ VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, "ctrl_guest_offloads" },
	{ VIRTIO_NET_F_MTU, "mtu" },
	{ VIRTIO_NET_F_MAC, "mac" },
	{ VIRTIO_NET_F_GUEST_TSO4, "guest_tso4" },
	{ VIRTIO_NET_F_GUEST_TSO6, "guest_tso6" },
	{ VIRTIO_NET_F_GUEST_ECN, "guest_ecn" },
	{ VIRTIO_NET_F_GUEST_UFO, "guest_ufo" },
	{ VIRTIO_NET_F_HOST_TSO4, "host_tso4" },
	{ VIRTIO_NET_F_HOST_TSO6, "host_tso6" },
	{ VIRTIO_NET_F_HOST_ECN, "host_ecn" },
	{ VIRTIO_NET_F_HOST_UFO, "host_ufo" },
	{ VIRTIO_NET_F_MRG_RXBUF, "mrg_rxbuf" },
	{ VIRTIO_NET_F_STATUS, "status" },
	{ VIRTIO_NET_F_CTRL_VQ, "ctrl_vq" },
	{ VIRTIO_NET_F_CTRL_RX, "ctrl_rx" },
	{ VIRTIO_NET_F_CTRL_VLAN, "ctrl_vlan" },
	{ VIRTIO_NET_F_CTRL_RX_EXTRA, "ctrl_rx_extra" },
	{ VIRTIO_NET_F_GUEST_ANNOUNCE, "guest_announce" },
	{ VIRTIO_NET_F_MQ, "mq" },
	{ VIRTIO_NET_F_CTRL_MAC_ADDR, "ctrl_mac_addr" },
	{ VIRTIO_RING_F_INDIRECT_DESC, "indirect_desc" },
	{ VIRTIO_RING_F_EVENT_IDX, "event_idx" },
	{ VIRTIO_F_VERSION_1, "version_1" },
	{ VIRTIO_F_ACCESS_PLATFORM, "access_platform" },
	{ VIRTIO_F_RING_PACKED, "ring_packed" },
	{ VIRTIO_F_IN_ORDER, "in_order" },
	{ VIRTIO_F_ORDER_PLATFORM, "order_platform" },
	{ VIRTIO_F_NOTIFICATION_DATA, "notification_data" },
	{ VIRTIO_F_RING_RESET, "ring_reset" },
	{ VIRTIO_NET_F_HASH_REPORT, "hash_report" },
	{ VIRTIO_NET_F_RSS, "rss" },
	{ VIRTIO_NET_F_SPEED_DUPLEX, "speed_duplex" },
};

#define NR_FEATURES (sizeof(features) / sizeof(features[0]))

static bool
is_printable(unsigned char c)
{
	return c >= ' ' && c <= '~';
}

/* Characters that a byte is shown as. */
static size_t
width(char c)
{
	return is_printable(c) ? 1 : strlen("\\xNN");
}

const char *
text_printable(const char *text, char *buf, size_t len)
{
	size_t total = 0, used = 0, end = len;
	const char *c;

	for (c = text; *c != '\0' && total < len; c++)
		total += width(*c);
	if (total >= len)
		end = len - strlen("...");
	for (c = text; *c != '\0' && used + width(*c) < end; c++) {
		if (is_printable(*c))
			buf[used] = *c;
		else
			snprintf(buf + used, len - used, "\\x%02x", (unsigned char)*c);
		used += width(*c);
	}
	snprintf(buf + used, len - used, "%s", *c != '\0' ? "..." : "");
	return buf;
}

bool
text_uuid(const char *text, char uuid[TEXT_UUID_LEN])
{
	unsigned int i;

	if (strlen(text) != TEXT_UUID_LEN - 1)
		return false;
	for (i = 0; i < TEXT_UUID_LEN - 1; i++) {
		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (text[i] != '-')
				return false;
		} else if (!isxdigit((unsigned char)text[i])) {
			return false;
		}
		uuid[i] = tolower((unsigned char)text[i]);
	}
	uuid[i] = '\0';
	return true;
}

bool
text_is_uuid(const char *text)
{
	char uuid[TEXT_UUID_LEN];

	return text_uuid(text, uuid) && strcmp(text, uuid) == 0;
}

/* Version 4, RFC 4122 s. 4.4. */
int
text_uuid_new(char uuid[TEXT_UUID_LEN])
{
	unsigned char b[HEX_DIGITS / 2];
	unsigned int i;
	size_t used = 0;

	if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
		return -EIO;
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	for (i = 0; i < sizeof(b); i++)
		used += snprintf(uuid + used, TEXT_UUID_LEN - used, "%s%02x",
			i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", b[i]);
	return 0;
}

bool
text_number(const char *text, uint64_t min, uint64_t max, uint64_t *number)
{
	uint64_t value = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (!isdigit((unsigned char)*text))
			return false;
		value = value * 10 + (*text - '0');
		/* max * 10 is far from what value can hold */
		if (value > max)
			return false;
	}
	*number = value;
	return value >= min;
}

uint64_t
text_feature(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < NR_FEATURES; i++) {
		if (strlen(features[i].name) == len &&
				strncasecmp(features[i].name, name, len) == 0)
			return UINT64_C(1) << features[i].bit;
	}
	return 0;
}

uint64_t
text_known_features(void)
{
	uint64_t all = 0;
	size_t i;

	for (i = 0; i < NR_FEATURES; i++)
		all |= UINT64_C(1) << features[i].bit;
	return all;
}

static const char *
feature_name(unsigned int bit)
{
	size_t i;

	for (i = 0; i < NR_FEATURES; i++) {
		if (features[i].bit == bit)
			return features[i].name;
	}
	return NULL;
}

size_t
text_features(uint64_t bits, char sep, char *buf, size_t len)
{
	char name[32], between[2] = "";
	unsigned int bit;
	size_t used = 0;

	if (len > 0)
		buf[0] = '\0';
	for (bit = 0; bit < 64; bit++) {
		if ((bits & UINT64_C(1) << bit) == 0)
			continue;
		if (feature_name(bit) != NULL)
			snprintf(name, sizeof(name), "%s", feature_name(bit));
		else
			snprintf(name, sizeof(name), "bit%u", bit);
		used += snprintf(buf + (used < len ? used : len),
			used < len ? len - used : 0, "%s%s", between, name);
		between[0] = sep;
	}
	return used;
}
