/* SPDX-License-Identifier: BSD-3-Clause */

#include <endian.h>
#include <stddef.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "virtio_net_dev.h"

#define BIT(bit) (UINT64_C(1) << (bit))

/* What is done to packets and rings is the backend's alone. */
#define BACKEND_FEATURES \
	(BIT(VIRTIO_NET_F_CSUM) | BIT(VIRTIO_NET_F_GUEST_CSUM) | \
	BIT(VIRTIO_NET_F_GUEST_TSO4) | BIT(VIRTIO_NET_F_GUEST_TSO6) | \
	BIT(VIRTIO_NET_F_GUEST_ECN) | BIT(VIRTIO_NET_F_GUEST_UFO) | \
	BIT(VIRTIO_NET_F_HOST_TSO4) | BIT(VIRTIO_NET_F_HOST_TSO6) | \
	BIT(VIRTIO_NET_F_HOST_ECN) | BIT(VIRTIO_NET_F_HOST_UFO) | \
	BIT(VIRTIO_NET_F_MRG_RXBUF) | BIT(VIRTIO_RING_F_INDIRECT_DESC) | \
	BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_F_IN_ORDER))

/*
 * What both have a part in. A backend that does not know the MTU or announcements still
 * moves the packets.
 */
#define SHARED_NEEDED (BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_NET_F_MQ))
#define SHARED_WISHED (BIT(VIRTIO_NET_F_MTU) | BIT(VIRTIO_NET_F_GUEST_ANNOUNCE))

/*
 * What is done here. ACCESS_PLATFORM says that addresses are those of DMA_MAP; told to a
 * backend it would mean an IOTLB.
 */
#define OWN_FEATURES \
	(BIT(VIRTIO_NET_F_MAC) | BIT(VIRTIO_NET_F_STATUS) | \
	BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_CTRL_RX) | \
	BIT(VIRTIO_NET_F_CTRL_VLAN) | BIT(VIRTIO_NET_F_CTRL_RX_EXTRA) | \
	BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) | BIT(VIRTIO_NET_F_SPEED_DUPLEX) | \
	BIT(VIRTIO_F_ACCESS_PLATFORM))

/* s. 5.1.3.1: a feature, and those of which one must be there too. */
static const struct {
	uint8_t bit;
	uint64_t needs;
} requirements[] = {
	{ VIRTIO_NET_F_GUEST_TSO4, BIT(VIRTIO_NET_F_GUEST_CSUM) },
	{ VIRTIO_NET_F_GUEST_TSO6, BIT(VIRTIO_NET_F_GUEST_CSUM) },
	{ VIRTIO_NET_F_GUEST_ECN,
		BIT(VIRTIO_NET_F_GUEST_TSO4) | BIT(VIRTIO_NET_F_GUEST_TSO6) },
	{ VIRTIO_NET_F_GUEST_UFO, BIT(VIRTIO_NET_F_GUEST_CSUM) },
	{ VIRTIO_NET_F_HOST_TSO4, BIT(VIRTIO_NET_F_CSUM) },
	{ VIRTIO_NET_F_HOST_TSO6, BIT(VIRTIO_NET_F_CSUM) },
	{ VIRTIO_NET_F_HOST_ECN,
		BIT(VIRTIO_NET_F_HOST_TSO4) | BIT(VIRTIO_NET_F_HOST_TSO6) },
	{ VIRTIO_NET_F_HOST_UFO, BIT(VIRTIO_NET_F_CSUM) },
	{ VIRTIO_NET_F_CTRL_RX, BIT(VIRTIO_NET_F_CTRL_VQ) },
	{ VIRTIO_NET_F_CTRL_VLAN, BIT(VIRTIO_NET_F_CTRL_VQ) },
	{ VIRTIO_NET_F_CTRL_RX_EXTRA, BIT(VIRTIO_NET_F_CTRL_VQ) },
	{ VIRTIO_NET_F_GUEST_ANNOUNCE, BIT(VIRTIO_NET_F_CTRL_VQ) },
	{ VIRTIO_NET_F_MQ, BIT(VIRTIO_NET_F_CTRL_VQ) },
	{ VIRTIO_NET_F_CTRL_MAC_ADDR, BIT(VIRTIO_NET_F_CTRL_VQ) },
};

#define NR_REQUIREMENTS (sizeof(requirements) / sizeof(requirements[0]))

static bool
met(unsigned int i, uint64_t features)
{
	return (features & BIT(requirements[i].bit)) == 0 ||
		(features & requirements[i].needs) != 0;
}

/* Twice, as some need what needs others. */
static uint64_t
drop_unmet(uint64_t features)
{
	unsigned int pass, i;

	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < NR_REQUIREMENTS; i++) {
			if (!met(i, features))
				features &= ~BIT(requirements[i].bit);
		}
	}
	return features;
}

/* What can be had of the backend. One that was never there has what its user says. */
static uint64_t
from_backend(const struct net_backend *backend)
{
	if (!backend->known)
		return SHARED_NEEDED | SHARED_WISHED;
	/* without it there is no driver at all; the start says so */
	return backend->features | BIT(VIRTIO_F_VERSION_1);
}

uint64_t
net_dev_features(const struct device_conf *conf, const struct net_backend *backend)
{
	uint64_t features;

	features = (from_backend(backend) &
		(BACKEND_FEATURES | SHARED_NEEDED | SHARED_WISHED)) | OWN_FEATURES;
	if (conf->mtu == 0)
		features &= ~BIT(VIRTIO_NET_F_MTU);
	if (!conf->packed)
		features &= ~BIT(VIRTIO_F_RING_PACKED);
	if (conf->max_pairs == 1 || (backend->known && backend->pairs <= 1))
		features &= ~BIT(VIRTIO_NET_F_MQ);
	return drop_unmet(features & ~conf->without);
}

uint16_t
net_dev_pairs(const struct device_conf *conf, const struct net_backend *backend)
{
	if ((net_dev_features(conf, backend) & BIT(VIRTIO_NET_F_MQ)) == 0)
		return 1;
	if (backend->known && backend->pairs < conf->max_pairs)
		return backend->pairs;
	return conf->max_pairs;
}

bool
net_dev_features_ok(uint64_t features)
{
	unsigned int i;

	if ((features & BIT(VIRTIO_F_VERSION_1)) == 0)
		return false;
	for (i = 0; i < NR_REQUIREMENTS; i++) {
		if (!met(i, features))
			return false;
	}
	return true;
}

uint64_t
net_dev_backend_features(uint64_t features, uint64_t backend)
{
	return features & (BACKEND_FEATURES | SHARED_NEEDED |
		(SHARED_WISHED & backend));
}

uint64_t
net_dev_needed(uint64_t features)
{
	return features & (BACKEND_FEATURES | SHARED_NEEDED);
}

void
net_dev_config_read(const struct net_dev_config *config, uint32_t offset, void *buf,
		uint32_t len)
{
	struct virtio_net_config raw = { .duplex = 0 };
	uint64_t offered = config->offered;

	memcpy(raw.mac, config->mac, sizeof(raw.mac));
	raw.status = htole16((config->link ? VIRTIO_NET_S_LINK_UP : 0) |
		(config->announce ? VIRTIO_NET_S_ANNOUNCE : 0));
	if ((offered & BIT(VIRTIO_NET_F_MQ)) != 0)
		raw.max_virtqueue_pairs = htole16(config->pairs);
	if ((offered & BIT(VIRTIO_NET_F_MTU)) != 0)
		raw.mtu = htole16(config->mtu);
	if ((offered & BIT(VIRTIO_NET_F_SPEED_DUPLEX)) != 0) {
		/* s. 5.1.4: 0xffffffff and 0xff if it is not known */
		raw.speed = htole32(config->speed);
		raw.duplex = config->speed == UINT32_MAX ? UINT8_MAX : 1;
	}
	memset(buf, 0, len);
	if (offset >= sizeof(raw))
		return;
	if (len > sizeof(raw) - offset)
		len = sizeof(raw) - offset;
	memcpy(buf, (const uint8_t *)&raw + offset, len);
}

/* FNV-1a; the second of the low bits says locally administered, the first group. */
void
net_dev_make_mac(const char *uuid, uint8_t mac[6])
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	unsigned int i;

	for (; *uuid != '\0'; uuid++)
		hash = (hash ^ (uint8_t)*uuid) * UINT64_C(0x100000001b3);
	for (i = 0; i < 6; i++)
		mac[i] = hash >> 8 * i;
	mac[0] = (mac[0] & ~1) | 2;
}
