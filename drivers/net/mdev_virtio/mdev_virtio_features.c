/* SPDX-License-Identifier: BSD-3-Clause */

/* Names of feature bits (VIRTIO 1.4 s. 5.1.3 and 6). */

#include <inttypes.h>

#include <rte_bitops.h>
#include <rte_common.h>

#include "mdev_virtio_features.h"
#include "mdev_virtio_logs.h"

/* By number: the kernel's headers do not know all of them. */
static const char * const names[64] = {
	[0] = "VIRTIO_NET_F_CSUM",
	[1] = "VIRTIO_NET_F_GUEST_CSUM",
	[2] = "VIRTIO_NET_F_CTRL_GUEST_OFFLOADS",
	[3] = "VIRTIO_NET_F_MTU",
	[5] = "VIRTIO_NET_F_MAC",
	[7] = "VIRTIO_NET_F_GUEST_TSO4",
	[8] = "VIRTIO_NET_F_GUEST_TSO6",
	[9] = "VIRTIO_NET_F_GUEST_ECN",
	[10] = "VIRTIO_NET_F_GUEST_UFO",
	[11] = "VIRTIO_NET_F_HOST_TSO4",
	[12] = "VIRTIO_NET_F_HOST_TSO6",
	[13] = "VIRTIO_NET_F_HOST_ECN",
	[14] = "VIRTIO_NET_F_HOST_UFO",
	[15] = "VIRTIO_NET_F_MRG_RXBUF",
	[16] = "VIRTIO_NET_F_STATUS",
	[17] = "VIRTIO_NET_F_CTRL_VQ",
	[18] = "VIRTIO_NET_F_CTRL_RX",
	[19] = "VIRTIO_NET_F_CTRL_VLAN",
	[20] = "VIRTIO_NET_F_CTRL_RX_EXTRA",
	[21] = "VIRTIO_NET_F_GUEST_ANNOUNCE",
	[22] = "VIRTIO_NET_F_MQ",
	[23] = "VIRTIO_NET_F_CTRL_MAC_ADDR",
	[24] = "VIRTIO_F_NOTIFY_ON_EMPTY", /* of legacy devices, as is the next */
	[27] = "VIRTIO_F_ANY_LAYOUT",
	[28] = "VIRTIO_RING_F_INDIRECT_DESC",
	[29] = "VIRTIO_RING_F_EVENT_IDX",
	[32] = "VIRTIO_F_VERSION_1",
	[33] = "VIRTIO_F_ACCESS_PLATFORM",
	[34] = "VIRTIO_F_RING_PACKED",
	[35] = "VIRTIO_F_IN_ORDER",
	[36] = "VIRTIO_F_ORDER_PLATFORM",
	[37] = "VIRTIO_F_SR_IOV",
	[38] = "VIRTIO_F_NOTIFICATION_DATA",
	[39] = "VIRTIO_F_NOTIF_CONFIG_DATA",
	[40] = "VIRTIO_F_RING_RESET",
	[41] = "VIRTIO_F_ADMIN_VQ",
	[43] = "VIRTIO_F_SUSPEND",
	[50] = "VIRTIO_NET_F_DEVICE_STATS",
	[51] = "VIRTIO_NET_F_HASH_TUNNEL",
	[52] = "VIRTIO_NET_F_VQ_NOTF_COAL",
	[53] = "VIRTIO_NET_F_NOTF_COAL",
	[54] = "VIRTIO_NET_F_GUEST_USO4",
	[55] = "VIRTIO_NET_F_GUEST_USO6",
	[56] = "VIRTIO_NET_F_HOST_USO",
	[57] = "VIRTIO_NET_F_HASH_REPORT",
	[59] = "VIRTIO_NET_F_GUEST_HDRLEN",
	[60] = "VIRTIO_NET_F_RSS",
	[61] = "VIRTIO_NET_F_RSC_EXT",
	[62] = "VIRTIO_NET_F_STANDBY",
	[63] = "VIRTIO_NET_F_SPEED_DUPLEX",
};

const char *
mdev_virtio_feature_name(unsigned int bit)
{
	return bit < RTE_DIM(names) ? names[bit] : NULL;
}

void
mdev_virtio_features_print(FILE *file, const char *indent, uint64_t features)
{
	unsigned int bit;

	for (bit = 0; bit < RTE_DIM(names); bit++) {
		if ((features & RTE_BIT64(bit)) == 0)
			continue;
		if (names[bit] != NULL)
			fprintf(file, "%s%s\n", indent, names[bit]);
		else
			fprintf(file, "%sbit %u\n", indent, bit);
	}
}

/* A line of names fits what EAL's log takes in one piece. */
static void
log_names(const char *name, const char *what, uint64_t features)
{
	char line[2048] = "";
	unsigned int bit;
	size_t len = 0;

	for (bit = 0; bit < RTE_DIM(names) && len < sizeof(line); bit++) {
		if ((features & RTE_BIT64(bit)) == 0)
			continue;
		len += names[bit] != NULL ?
			snprintf(line + len, sizeof(line) - len, " %s", names[bit]) :
			snprintf(line + len, sizeof(line) - len, " bit %u", bit);
	}
	INIT_LOG(DEBUG, "%s: features %s: 0x%" PRIx64 "%s", name, what, features, line);
}

void
mdev_virtio_features_log(const char *name, uint64_t offered, uint64_t used)
{
	if (!rte_log_can_log(mdev_virtio_logtype_init, RTE_LOG_DEBUG))
		return;
	log_names(name, "that are used", used);
	log_names(name, "that are offered and not used", offered & ~used);
}
