/* SPDX-License-Identifier: BSD-3-Clause */

/* Features and configuration of the network device; what of a device is configured. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "device_world.h"
#include "virtio_net_dev.h"

#define ALL UINT64_MAX
#define OWN (DW_BIT(VIRTIO_NET_F_MAC) | DW_BIT(VIRTIO_NET_F_STATUS) | \
	DW_BIT(VIRTIO_NET_F_CTRL_VQ) | DW_BIT(VIRTIO_NET_F_CTRL_RX) | \
	DW_BIT(VIRTIO_NET_F_CTRL_VLAN) | DW_BIT(VIRTIO_NET_F_CTRL_RX_EXTRA) | \
	DW_BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) | DW_BIT(VIRTIO_NET_F_SPEED_DUPLEX) | \
	DW_BIT(VIRTIO_F_ACCESS_PLATFORM))
#define V1 DW_BIT(VIRTIO_F_VERSION_1)
#define MQ DW_BIT(VIRTIO_NET_F_MQ)
#define MTU DW_BIT(VIRTIO_NET_F_MTU)
#define ANNOUNCE DW_BIT(VIRTIO_NET_F_GUEST_ANNOUNCE)
#define CSUM DW_BIT(VIRTIO_NET_F_CSUM)
#define TSO4 DW_BIT(VIRTIO_NET_F_HOST_TSO4)
#define ECN DW_BIT(VIRTIO_NET_F_HOST_ECN)
#define PACKED DW_BIT(VIRTIO_F_RING_PACKED)
/* CSUM, GUEST_CSUM, TSO, ECN, UFO both ways, MRG_RXBUF, INDIRECT_DESC, PACKED, IN_ORDER */
#define BACKEND (CSUM | DW_BIT(1) | UINT64_C(0x7f80) | DW_BIT(15) | DW_BIT(28) | PACKED | \
	DW_BIT(35))

static int
test_offered(void)
{
	static const struct {
		bool known;
		uint64_t features;
		uint16_t backend_pairs, max_pairs, mtu;
		bool packed;
		uint64_t without;
		uint64_t offered;
		uint16_t pairs;
	} cases[] = {
		/* no more than there is a name for */
		{ true, ALL, 4, 4, 1500, true, 0, OWN | BACKEND | V1 | MQ | MTU | ANNOUNCE, 4 },
		{ true, V1, 1, 4, 1500, true, 0, OWN | V1, 1 },
		{ true, 0, 1, 4, 1500, true, 0, OWN | V1, 1 },
		{ true, V1 | MQ, 2, 4, 0, true, 0, OWN | V1 | MQ, 2 },
		{ true, V1 | MQ, 128, 4, 0, true, 0, OWN | V1 | MQ, 4 },
		{ true, V1 | MQ, 128, 1, 0, true, 0, OWN | V1, 1 },
		{ true, V1 | MQ, 1, 4, 0, true, 0, OWN | V1, 1 },
		{ true, V1 | MTU, 1, 1, 0, true, 0, OWN | V1, 1 },
		{ true, V1 | PACKED, 1, 1, 0, false, 0, OWN | V1, 1 },
		{ true, V1 | PACKED, 1, 1, 0, true, 0, OWN | V1 | PACKED, 1 },
		{ false, 0, 0, 1, 0, true, 0, OWN | V1 | ANNOUNCE, 1 },
		{ false, 0, 0, 4, 1500, true, 0, OWN | V1 | ANNOUNCE | MQ | MTU, 4 },
		/* what needs what is left out goes with it, and so on */
		{ true, V1 | CSUM | TSO4 | ECN, 1, 1, 0, true, CSUM, OWN | V1, 1 },
		{ true, V1 | MQ | ANNOUNCE, 4, 4, 0, true, DW_BIT(VIRTIO_NET_F_CTRL_VQ),
			V1 | DW_BIT(VIRTIO_NET_F_MAC) | DW_BIT(VIRTIO_NET_F_STATUS) |
			DW_BIT(VIRTIO_NET_F_SPEED_DUPLEX) |
			DW_BIT(VIRTIO_F_ACCESS_PLATFORM), 1 },
	};
	struct net_backend backend;
	struct device_conf conf;
	uint64_t offered;
	unsigned int i;

	for (i = 0; i < RTE_DIM(cases); i++) {
		backend = (struct net_backend){ cases[i].known, cases[i].features,
			cases[i].backend_pairs };
		device_conf_init(&conf);
		conf.max_pairs = cases[i].max_pairs;
		conf.mtu = cases[i].mtu;
		conf.packed = cases[i].packed;
		conf.without = cases[i].without;
		offered = net_dev_features(&conf, &backend);
		TEST_ASSERT_EQUAL(offered, cases[i].offered, "case %u: 0x%lx, not 0x%lx", i,
			(unsigned long)offered, (unsigned long)cases[i].offered);
		TEST_ASSERT_EQUAL(net_dev_pairs(&conf, &backend), cases[i].pairs,
			"case %u: %u pairs", i, net_dev_pairs(&conf, &backend));
		TEST_ASSERT(net_dev_features_ok(offered),
			"case %u: what is offered is refused", i);
	}
	return TEST_SUCCESS;
}

static int
test_to_backend(void)
{
	TEST_ASSERT_EQUAL(net_dev_backend_features(ALL, ALL),
		BACKEND | V1 | MQ | MTU | ANNOUNCE, "0x%lx",
		(unsigned long)net_dev_backend_features(ALL, ALL));
	TEST_ASSERT_EQUAL(net_dev_backend_features(V1 | MTU | ANNOUNCE, V1), V1,
		"what it does not have and need not");
	TEST_ASSERT_EQUAL(net_dev_needed(ALL), BACKEND | V1 | MQ, "needed");
	return TEST_SUCCESS;
}

/* s. 5.1.3.1, each with and without what it needs. */
static int
test_requirements(void)
{
	static const struct {
		uint8_t bit;
		int8_t needs[2];
	} cases[] = {
		{ 7, { 1, -1 } }, { 8, { 1, -1 } }, { 9, { 7, 8 } }, { 10, { 1, -1 } },
		{ 11, { 0, -1 } }, { 12, { 0, -1 } }, { 13, { 11, 12 } }, { 14, { 0, -1 } },
		{ 18, { 17, -1 } }, { 19, { 17, -1 } }, { 20, { 17, -1 } },
		{ 21, { 17, -1 } }, { 22, { 17, -1 } }, { 23, { 17, -1 } },
	};
	const uint64_t base = V1 | DW_BIT(0) | DW_BIT(1);
	unsigned int i, j, count = 0;
	uint64_t features;

	for (i = 0; i < RTE_DIM(cases); i++) {
		features = base | DW_BIT(cases[i].bit);
		for (j = 0; j < 2; j++) {
			if (cases[i].needs[j] >= 0)
				features &= ~DW_BIT(cases[i].needs[j]);
		}
		TEST_ASSERT(!net_dev_features_ok(features), "%u alone", cases[i].bit);
		for (j = 0; j < 2; j++) {
			if (cases[i].needs[j] < 0)
				continue;
			TEST_ASSERT(net_dev_features_ok(base | features |
				DW_BIT(cases[i].needs[j])), "%u with %d", cases[i].bit,
				cases[i].needs[j]);
			count++;
		}
	}
	printf("    %u requirements\n", count);
	TEST_ASSERT(!net_dev_features_ok(DW_BIT(0)), "without VERSION_1");
	return TEST_SUCCESS;
}

static int
test_config(void)
{
	struct net_dev_config config = {
		.offered = ALL, .mac = { 2, 3, 4, 5, 6, 7 }, .link = true, .announce = true,
		.pairs = 0x102, .mtu = 0x5dc, .speed = 25000,
	};
	static const uint8_t all[] = { 2, 3, 4, 5, 6, 7, 3, 0, 2, 1, 0xdc, 5, 0xa8, 0x61, 0,
		0, 1, 0, 0, 0, 0, 0, 0, 0 };
	uint8_t buf[64];
	uint32_t offset, len, i;

	for (offset = 0; offset < 40; offset++) {
		for (len = 0; len < 40; len++) {
			memset(buf, 0xee, sizeof(buf));
			net_dev_config_read(&config, offset, buf, len);
			for (i = 0; i < len; i++)
				TEST_ASSERT_EQUAL(buf[i], offset + i < sizeof(all) ?
					all[offset + i] : 0, "byte %u", offset + i);
			TEST_ASSERT_EQUAL(buf[len], 0xee, "%u at %u", len, offset);
		}
	}
	config.offered = 0;
	config.link = config.announce = false;
	net_dev_config_read(&config, 6, buf, 18);
	for (i = 0; i < 18; i++)
		TEST_ASSERT_EQUAL(buf[i], 0, "what is not offered, at %u", 6 + i);
	config.offered = ALL;
	config.speed = UINT32_MAX;
	net_dev_config_read(&config, 12, buf, 5);
	for (i = 0; i < 5; i++)
		TEST_ASSERT_EQUAL(buf[i], 0xff, "a speed that is not known");
	return TEST_SUCCESS;
}

static int
test_mac(void)
{
	uint8_t mac[2][6];

	net_dev_make_mac("f422eac9-23ae-4e5a-8a16-14b23b1f4a38", mac[0]);
	net_dev_make_mac("f422eac9-23ae-4e5a-8a16-14b23b1f4a38", mac[1]);
	TEST_ASSERT(memcmp(mac[0], mac[1], 6) == 0, "not always the same");
	TEST_ASSERT_EQUAL(mac[0][0] & 3, 2, "of a group, or a vendor's");
	net_dev_make_mac("f422eac9-23ae-4e5a-8a16-14b23b1f4a39", mac[1]);
	TEST_ASSERT(memcmp(mac[0], mac[1], 6) != 0, "the same for another");
	return TEST_SUCCESS;
}

/* A configuration that cannot be. */
static int
test_conf(void)
{
	struct device_conf wrong[10], *conf;
	struct device *dev = NULL;
	unsigned int i;

	for (i = 0; i < RTE_DIM(wrong); i++)
		wrong[i] = dw.conf;
	wrong[0].uuid[0] = '\0';
	memset(wrong[1].uuid, 'a', sizeof(wrong[1].uuid));
	wrong[2].backend[0] = '\0';
	wrong[3].max_pairs = 0;
	wrong[4].max_pairs = DEVICE_MAX_PAIRS + 1;
	wrong[5].ring_size = 100;
	wrong[6].ring_size = 0;
	wrong[7].mtu = 67;
	wrong[8].without = V1;
	wrong[9].has_mac = true;
	wrong[9].mac[0] = 1;
	for (i = 0; i < RTE_DIM(wrong); i++) {
		conf = &wrong[i];
		TEST_ASSERT_EQUAL(device_create(dw.loop, conf, "/nowhere", &dev), -EINVAL,
			"case %u", i);
	}
	TEST_ASSERT(device_create(dw.loop, &dw.conf, "/nowhere/to/be", &dev) < 0 &&
		dev == NULL, "no folder for its socket");
	TEST_ASSERT(device_create(dw.loop, &dw.conf, dw.path, &dev) == -EADDRINUSE,
		"the socket of another");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: network device",
	.unit_test_cases = {
		TEST_CASE(test_offered),
		TEST_CASE(test_to_backend),
		TEST_CASE(test_requirements),
		TEST_CASE(test_config),
		TEST_CASE(test_mac),
		TEST_CASE_ST(dw_start, dw_stop, test_conf),
		TEST_CASE(stage_no_leaks),
		TEST_CASES_END()
	},
};

static int
test_virtio_net_dev(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(virtio_net_dev_autotest, test_virtio_net_dev);
