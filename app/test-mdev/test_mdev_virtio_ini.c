/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What doc/guides/nics/features/mdev_virtio.ini says, compared with what the driver
 * reports of a device that offers everything. A feature that is not in the table below
 * may not be in the file; one that is has a line there if, and only if, it is reported.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <mdev_virtio_ethdev.h>

#include "fake_vfio.h"
#include "test.h"
#include "test_compat.h"
#include "virtio_port.h"

/* Operations that all have to be there. */
#define OPS_MAX 3

struct feature {
	const char *name;
	size_t ops[OPS_MAX]; /* offsets in struct eth_dev_ops, + 1 */
	size_t dev;          /* offset of a function in struct rte_eth_dev, + 1 */
	uint64_t rx, tx;     /* offloads that are all reported */
	uint32_t flags;      /* RTE_ETH_DEV_* */
	uint64_t capa;       /* RTE_ETH_DEV_CAPA_* */
	uint32_t speed;      /* RTE_ETH_LINK_SPEED_*, of a device that has it */
};

#define OP(field) (offsetof(struct eth_dev_ops, field) + 1)

/* Descriptor status is asked for by fields of struct rte_eth_dev itself. */
#define DEV(field) (offsetof(struct rte_eth_dev, field) + 1)

static const struct feature features[] = {
	{ "Speed capabilities", .speed = RTE_ETH_LINK_SPEED_10G },
	{ "Link status", .ops = { OP(link_update) } },
	{ "Link status event", .flags = RTE_ETH_DEV_INTR_LSC },
	{ "Removal event", .flags = RTE_ETH_DEV_INTR_RMV },
	{ "Rx interrupt", .ops = { OP(rx_queue_intr_enable),
		OP(rx_queue_intr_disable) } },
	{ "Lock-free Tx queue", .tx = RTE_ETH_TX_OFFLOAD_MT_LOCKFREE },
	{ "Fast mbuf free", .tx = RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE },
	{ "Free Tx mbuf on demand", .ops = { OP(tx_done_cleanup) } },
	{ "Queue start/stop", .ops = { OP(rx_queue_start), OP(tx_queue_stop) } },
	{ "Runtime Rx queue setup",
		.capa = RTE_ETH_DEV_CAPA_RUNTIME_RX_QUEUE_SETUP },
	{ "Runtime Tx queue setup",
		.capa = RTE_ETH_DEV_CAPA_RUNTIME_TX_QUEUE_SETUP },
	{ "Burst mode info", .ops = { OP(rx_burst_mode_get),
		OP(tx_burst_mode_get) } },
	{ "Power mgmt address monitor", .ops = { OP(get_monitor_addr) } },
	{ "MTU update", .ops = { OP(mtu_set) } },
	{ "Scattered Rx", .rx = RTE_ETH_RX_OFFLOAD_SCATTER },
	{ "LRO", .rx = RTE_ETH_RX_OFFLOAD_TCP_LRO },
	{ "TSO", .tx = RTE_ETH_TX_OFFLOAD_TCP_TSO },
	{ "Promiscuous mode", .ops = { OP(promiscuous_enable),
		OP(promiscuous_disable) } },
	{ "Allmulticast mode", .ops = { OP(allmulticast_enable),
		OP(allmulticast_disable) } },
	{ "Unicast MAC filter", .ops = { OP(mac_addr_add), OP(mac_addr_remove) } },
	{ "Multicast MAC filter", .ops = { OP(set_mc_addr_list) } },
	{ "RSS hash", .rx = RTE_ETH_RX_OFFLOAD_RSS_HASH },
	{ "RSS key update", .ops = { OP(rss_hash_update), OP(rss_hash_conf_get) } },
	{ "RSS reta update", .ops = { OP(reta_update), OP(reta_query) } },
	{ "VLAN filter", .ops = { OP(vlan_filter_set) },
		.rx = RTE_ETH_RX_OFFLOAD_VLAN_FILTER },
	{ "VLAN offload", .rx = RTE_ETH_RX_OFFLOAD_VLAN_STRIP,
		.tx = RTE_ETH_TX_OFFLOAD_VLAN_INSERT },
	{ "L4 checksum offload", .rx = RTE_ETH_RX_OFFLOAD_TCP_CKSUM |
		RTE_ETH_RX_OFFLOAD_UDP_CKSUM, .tx = RTE_ETH_TX_OFFLOAD_TCP_CKSUM |
		RTE_ETH_TX_OFFLOAD_UDP_CKSUM },
	{ "Packet type parsing", .ops = { OP(dev_supported_ptypes_get) } },
	{ "Rx descriptor status", .dev = DEV(rx_descriptor_status) },
	{ "Tx descriptor status", .dev = DEV(tx_descriptor_status) },
	{ "Tx queue count", .dev = DEV(TEST_TX_QUEUE_COUNT) },
	{ "Basic stats", .ops = { OP(stats_get), OP(stats_reset) } },
	{ "Extended stats", .ops = { OP(xstats_get), OP(xstats_get_names),
		OP(xstats_reset) } },
	{ "Stats per queue", .flags = RTE_ETH_DEV_AUTOFILL_QUEUE_XSTATS },
	{ "Registers dump", .ops = { OP(get_reg) } },
	/* what nothing reports is there */
	{ "Multiprocess aware", .ops = { 0 } },
	{ "Linux", .ops = { 0 } },
	{ "x86-64", .ops = { 0 } },
	{ "Usage doc", .ops = { 0 } },
};

#define ALL_FEATURES (RTE_BIT64(VIRTIO_NET_F_MQ) | RTE_BIT64(VIRTIO_NET_F_RSS) | \
	RTE_BIT64(VIRTIO_NET_F_HASH_REPORT) | RTE_BIT64(VIRTIO_NET_F_CTRL_RX) | \
	RTE_BIT64(VIRTIO_NET_F_CTRL_VLAN) | RTE_BIT64(VIRTIO_NET_F_CTRL_MAC_ADDR) | \
	RTE_BIT64(VIRTIO_NET_F_GUEST_ANNOUNCE) | \
	RTE_BIT64(VIRTIO_NET_F_SPEED_DUPLEX) | \
	RTE_BIT64(VIRTIO_NET_F_CSUM) | RTE_BIT64(VIRTIO_NET_F_GUEST_CSUM) | \
	RTE_BIT64(VIRTIO_NET_F_HOST_TSO4) | RTE_BIT64(VIRTIO_NET_F_HOST_TSO6) | \
	RTE_BIT64(VIRTIO_NET_F_GUEST_TSO4) | RTE_BIT64(VIRTIO_NET_F_GUEST_TSO6))

static int
setup(void)
{
	if (virtio_port_prepare(FAKE_VIRTIO_TRAPPED) < 0)
		return TEST_FAILED;
	fake_virtio_offer_ctrl(ALL_FEATURES, 2);
	fake_virtio.config.speed = rte_cpu_to_le_32(10000);
	fake_virtio.config.duplex = 1;
	fake_virtio.config.rss_max_key_size = 40;
	fake_virtio.config.rss_max_indirection_table_length =
		rte_cpu_to_le_16(128);
	fake_virtio.config.supported_hash_types =
		rte_cpu_to_le_32(VIRTIO_NET_RSS_HASH_TYPE_IPv4);
	return virtio_port_attach("");
}

static bool
has_ops(const struct feature *feature)
{
	const char *ops = (const char *)virtio_port.dev->dev_ops;
	unsigned int i;

	for (i = 0; i < OPS_MAX && feature->ops[i] != 0; i++) {
		if (*(void *const *)(ops + feature->ops[i] - 1) == NULL)
			return false;
	}
	if (feature->dev == 0)
		return true;
	return *(void *const *)((const char *)virtio_port.dev +
			feature->dev - 1) != NULL;
}

static bool
reported(const struct feature *feature, const struct rte_eth_dev_info *info)
{
	return has_ops(feature) &&
		(info->rx_offload_capa & feature->rx) == feature->rx &&
		(info->tx_offload_capa & feature->tx) == feature->tx &&
		(*info->dev_flags & feature->flags) == feature->flags &&
		(info->dev_capa & feature->capa) == feature->capa &&
		(info->speed_capa & feature->speed) == feature->speed;
}

static const struct feature *
find(const char *name)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(features); i++) {
		if (strcmp(features[i].name, name) == 0)
			return &features[i];
	}
	return NULL;
}

/* Lines are "Name = Y" or "Name = P"; which of them exist is noted. */
static int
read_file(bool *found)
{
	FILE *file = fopen(FEATURES_INI, "r");
	const struct feature *feature;
	char line[128], name[64], value;
	bool in_section = false;
	size_t len;

	TEST_ASSERT_NOT_NULL(file, "cannot open %s", FEATURES_INI);
	while (fgets(line, sizeof(line), file) != NULL) {
		if (line[0] == '[')
			in_section = strcmp(line, "[Features]\n") == 0;
		if (!in_section || sscanf(line, "%63[^=;[]= %c", name, &value) != 2)
			continue;
		for (len = strlen(name); len > 0 && name[len - 1] == ' '; len--)
			name[len - 1] = '\0';
		feature = find(name);
		if (feature == NULL || (value != 'Y' && value != 'P') ||
				found[feature - features])
			break;
		found[feature - features] = true;
	}
	len = feof(file);
	fclose(file);
	TEST_ASSERT(len != 0, "not known, not Y or P, or twice: %s", line);
	return TEST_SUCCESS;
}

static int
test_file(void)
{
	bool found[RTE_DIM(features)] = { false };
	struct rte_eth_dev_info info;
	unsigned int i;

	TEST_ASSERT_SUCCESS(rte_eth_dev_info_get(virtio_port.id, &info), "info");
	TEST_ASSERT_SUCCESS(read_file(found), "?");
	for (i = 0; i < RTE_DIM(features); i++)
		TEST_ASSERT_EQUAL(found[i], reported(&features[i], &info),
			"'%s' is %sin the file", features[i].name,
			found[i] ? "" : "not ");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: table of features",
	.unit_test_cases = {
		TEST_CASE_ST(setup, virtio_port_stop, test_file),
		TEST_CASES_END()
	}
};

static int
test_mdev_virtio_ini(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_virtio_ini_autotest, test_mdev_virtio_ini);
