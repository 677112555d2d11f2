/* SPDX-License-Identifier: BSD-3-Clause */

/* Hash and indirection table, as an application sets them. */

#include <errno.h>
#include <string.h>

#include <mdev_virtio_ethdev.h>

#include "captured_log.h"
#include "fake_mp.h"
#include "held.h"
#include "test.h"
#include "test_compat.h"
#include "virtio_port.h"

#define MQ RTE_BIT64(VIRTIO_NET_F_MQ)
#define RSS RTE_BIT64(VIRTIO_NET_F_RSS)
#define REPORT RTE_BIT64(VIRTIO_NET_F_HASH_REPORT)
#define TYPES (VIRTIO_NET_RSS_HASH_TYPE_IPv4 | VIRTIO_NET_RSS_HASH_TYPE_TCPv4 | \
	VIRTIO_NET_RSS_HASH_TYPE_UDP_EX)
#define RING 64
#define RETA 128
#define KEY 52
#define GROUPS (RETA / RTE_ETH_RETA_GROUP_SIZE)

static const struct fake_virtio_rss *const rss = &fake_virtio.filter.rss;

/* A device that says this of its hash; before it is attached. */
static void
set_limits(uint8_t key, uint16_t reta, uint32_t types)
{
	fake_virtio.config.rss_max_key_size = key;
	fake_virtio.config.rss_max_indirection_table_length =
		rte_cpu_to_le_16(reta);
	fake_virtio.config.supported_hash_types = rte_cpu_to_le_32(types);
}

static int
attach(uint64_t features, uint16_t reta)
{
	if (virtio_port_prepare(FAKE_VIRTIO_TRAPPED) < 0)
		return TEST_FAILED;
	fake_virtio_offer_ctrl(features, FAKE_VIRTIO_PAIRS);
	set_limits(KEY, reta, TYPES);
	return virtio_port_attach("");
}

static int
setup(void)
{
	return attach(MQ | RSS, RETA);
}

static int
setup_odd(void)
{
	return attach(MQ | RSS, 700);
}

static int
setup_report(void)
{
	return attach(MQ | REPORT, 0);
}

static int
setup_both(void)
{
	return attach(MQ | RSS | REPORT, RETA);
}

static int
setup_no_mq(void)
{
	return attach(RSS, RETA);
}

static const struct rte_eth_conf rss_conf = {
	.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS,
	.rx_adv_conf.rss_conf.rss_hf = RTE_ETH_RSS_IPV4,
};

static int
restart(void)
{
	int ret = rte_eth_dev_stop(virtio_port.id);

	memset(&fake_virtio.counts, 0, sizeof(fake_virtio.counts));
	return ret != 0 ? ret : rte_eth_dev_start(virtio_port.id);
}

static int
test_info(void)
{
	struct rte_eth_dev_info info;

	TEST_ASSERT_SUCCESS(rte_eth_dev_info_get(virtio_port.id, &info), "info");
	TEST_ASSERT_EQUAL(info.hash_key_size, KEY, "key %u", info.hash_key_size);
	TEST_ASSERT(test_has_toeplitz(&info), "algorithm");
	TEST_ASSERT_EQUAL(info.reta_size, RETA, "table %u", info.reta_size);
	TEST_ASSERT_EQUAL(info.flow_type_rss_offloads, RTE_ETH_RSS_IPV4 |
		RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_OTHER |
		RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_IPV6_UDP_EX,
		"functions 0x%" PRIx64, info.flow_type_rss_offloads);
	TEST_ASSERT_EQUAL(info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_RSS_HASH, 0,
		"hashes are not reported");
	return TEST_SUCCESS;
}

/* The table is the largest power of two that device and driver have. */
static int
test_odd_table(void)
{
	struct rte_eth_dev_info info;

	TEST_ASSERT_SUCCESS(rte_eth_dev_info_get(virtio_port.id, &info), "info");
	TEST_ASSERT_EQUAL(info.reta_size, 512, "table %u", info.reta_size);
	TEST_ASSERT_SUCCESS(virtio_port_start_queues(3, 3, RING, &rss_conf),
		"start");
	TEST_ASSERT_EQUAL(rss->reta_size, 512, "table %u", rss->reta_size);
	TEST_ASSERT_EQUAL(fake_virtio.counts.bad, 0, "bad commands");
	return TEST_SUCCESS;
}

static int
test_start(void)
{
	uint32_t i;

	TEST_ASSERT_SUCCESS(virtio_port_start_queues(3, 4, RING, &rss_conf),
		"start");
	TEST_ASSERT(fake_virtio.accepted & RSS, "not taken");
	TEST_ASSERT_EQUAL(fake_virtio.counts.rss, 1, "not told");
	TEST_ASSERT_EQUAL(fake_virtio.counts.pairs, 0, "told of pairs as well");
	TEST_ASSERT_EQUAL(rss->types, VIRTIO_NET_RSS_HASH_TYPE_IPv4, "types 0x%x",
		rss->types);
	TEST_ASSERT_EQUAL(rss->max_tx, 4, "%u transmit queues", rss->max_tx);
	TEST_ASSERT_EQUAL(rss->key_len, KEY, "key of %u", rss->key_len);
	for (i = 0; i < RETA; i++)
		TEST_ASSERT_EQUAL(rss->reta[i], i % 3, "entry %u", i);
	TEST_ASSERT_EQUAL(fake_virtio.counts.bad, 0, "bad commands");
	return TEST_SUCCESS;
}

/* Who does not ask for RSS has the device steer, as without the feature. */
static int
test_not_asked(void)
{
	struct rte_eth_conf conf = { .rxmode.mq_mode = RTE_ETH_MQ_RX_NONE };

	TEST_ASSERT_SUCCESS(virtio_port_start_queues(2, 2, RING, &conf), "start");
	TEST_ASSERT_EQUAL(fake_virtio.accepted & RSS, 0, "taken");
	TEST_ASSERT_EQUAL(fake_virtio.counts.pairs, 1, "pairs");
	TEST_ASSERT_EQUAL(fake_virtio.counts.rss, 0, "told");
	TEST_ASSERT_EQUAL(fake_virtio.counts.bad, 0, "bad commands");
	return TEST_SUCCESS;
}

static int
test_key(void)
{
	uint8_t key[KEY + 1], got[KEY];
	struct rte_eth_rss_conf conf = { .rss_key = key, .rss_key_len = KEY,
		.rss_hf = RTE_ETH_RSS_NONFRAG_IPV4_TCP };
	uint16_t id = virtio_port.id;

	memset(key, 0x5a, sizeof(key));
	TEST_ASSERT_SUCCESS(virtio_port_start_queues(2, 2, RING, &rss_conf),
		"start");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rss_hash_update(id, &conf), "update");
	TEST_ASSERT_EQUAL(rss->types, VIRTIO_NET_RSS_HASH_TYPE_TCPv4, "types");
	TEST_ASSERT_SUCCESS(memcmp(rss->key, key, KEY), "key");
	TEST_ASSERT_SUCCESS(restart(), "restart");
	TEST_ASSERT_SUCCESS(memcmp(rss->key, key, KEY), "key is lost");
	/* functions alone leave the key */
	conf.rss_key = NULL;
	conf.rss_hf = 0;
	TEST_ASSERT_SUCCESS(rte_eth_dev_rss_hash_update(id, &conf), "update");
	TEST_ASSERT_EQUAL(rss->types, 0, "types");
	TEST_ASSERT_SUCCESS(memcmp(rss->key, key, KEY), "key");
	/* too short, too long, not possible, refused: all is as it was */
	conf.rss_key = key;
	conf.rss_key_len = 39;
	key[0] = 1;
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	TEST_ASSERT_EQUAL(rte_eth_dev_rss_hash_update(id, &conf), -EINVAL, "39");
	conf.rss_key_len = KEY + 1;
	TEST_ASSERT_EQUAL(rte_eth_dev_rss_hash_update(id, &conf), -EINVAL, "53");
	conf.rss_key_len = KEY;
	fake_virtio.answer = FAKE_ANSWER_REFUSED;
	TEST_ASSERT_EQUAL(rte_eth_dev_rss_hash_update(id, &conf), -EIO, "refused");
	captured_log_stop();
	/* of the driver, or of ethdev: it has a look itself since 23.11 */
	TEST_ASSERT_EQUAL(captured_log_lines("RSS key "), 2, "lines");
	conf.rss_key = got;
	conf.rss_key_len = sizeof(got);
	TEST_ASSERT_SUCCESS(rte_eth_dev_rss_hash_conf_get(id, &conf), "get");
	TEST_ASSERT_EQUAL(conf.rss_hf, 0, "functions");
	TEST_ASSERT_EQUAL(conf.rss_key_len, KEY, "key of %u", conf.rss_key_len);
	TEST_ASSERT_EQUAL(got[0], 0x5a, "key");
	TEST_ASSERT_SUCCESS(memcmp(got, got + 1, KEY - 1), "key");
	return TEST_SUCCESS;
}

/* Without a key in the configuration each port has one of its own, and it is told. */
static int
test_random_key(void)
{
	uint8_t key[KEY] = { 0 };
	struct rte_eth_rss_conf conf = { .rss_key = key, .rss_key_len = KEY };

	TEST_ASSERT_SUCCESS(virtio_port_start_queues(2, 2, RING, &rss_conf),
		"start");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rss_hash_conf_get(virtio_port.id, &conf),
		"get");
	TEST_ASSERT_SUCCESS(memcmp(rss->key, key, KEY), "another key");
	TEST_ASSERT(memcmp(key, key + 1, KEY - 1) != 0, "no random key");
	TEST_ASSERT_EQUAL(conf.rss_hf, RTE_ETH_RSS_IPV4, "functions");
	return TEST_SUCCESS;
}

static int
test_table(void)
{
	struct rte_eth_rss_reta_entry64 reta[GROUPS], got[GROUPS];
	uint16_t id = virtio_port.id, i;

	memset(reta, 0, sizeof(reta));
	memset(got, 0, sizeof(got));
	TEST_ASSERT_SUCCESS(virtio_port_start_queues(2, 2, RING, &rss_conf),
		"start");
	/* all of the second half to queue 1, but for one entry */
	reta[1].mask = ~UINT64_C(1);
	memset(reta[1].reta, 0, sizeof(reta[1].reta));
	for (i = 1; i < 64; i++)
		reta[1].reta[i] = 1;
	TEST_ASSERT_SUCCESS(rte_eth_dev_rss_reta_update(id, reta, RETA), "update");
	for (i = 0; i < RETA; i++)
		TEST_ASSERT_EQUAL(rss->reta[i], i <= 64 ? i % 2 : 1, "entry %u", i);
	TEST_ASSERT_SUCCESS(restart(), "restart");
	got[0].mask = 2;
	got[1].mask = 6;
	TEST_ASSERT_SUCCESS(rte_eth_dev_rss_reta_query(id, got, RETA), "query");
	TEST_ASSERT_EQUAL(got[0].reta[1], 1, "1");
	TEST_ASSERT_EQUAL(got[1].reta[2], 1, "66");
	TEST_ASSERT_EQUAL(got[1].reta[3], 0, "67 was not asked for");
	TEST_ASSERT_EQUAL(rss->reta[66], 1, "lost");
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	TEST_ASSERT_EQUAL(rte_eth_dev_rss_reta_update(id, reta, 64), -EINVAL,
		"none of that half");
	reta[0].mask = 1;
	TEST_ASSERT_EQUAL(rte_eth_dev_rss_reta_update(id, reta, 64), -EINVAL,
		"half a table");
	fake_virtio.answer = FAKE_ANSWER_REFUSED;
	reta[0].reta[0] = 1;
	TEST_ASSERT_EQUAL(rte_eth_dev_rss_reta_update(id, reta, RETA), -EIO,
		"refused");
	fake_virtio.answer = FAKE_ANSWER;
	TEST_ASSERT_SUCCESS(restart(), "restart");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines("redirection table of 64"), 1, "lines");
	TEST_ASSERT_EQUAL(rss->reta[0], 0, "kept although refused");
	TEST_ASSERT_EQUAL(fake_virtio.counts.bad, 0, "bad commands");
	/* it stays with the same queues, and is made anew with others */
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(id), "stop");
	TEST_ASSERT_SUCCESS(virtio_port_start_queues(2, 2, RING, &rss_conf),
		"start");
	TEST_ASSERT_EQUAL(rss->reta[66], 1, "lost by a configuration");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(id), "stop");
	TEST_ASSERT_SUCCESS(virtio_port_start_queues(1, 2, RING, &rss_conf),
		"start");
	for (i = 0; i < RETA; i++)
		TEST_ASSERT_EQUAL(rss->reta[i], 0, "entry %u", i);
	return TEST_SUCCESS;
}

/* What is set while the port is stopped, the device gets at the start. */
static int
test_before_start(void)
{
	struct rte_eth_rss_conf conf = { .rss_hf = RTE_ETH_RSS_NONFRAG_IPV4_TCP };
	struct rte_eth_rss_reta_entry64 reta[GROUPS] = { { .mask = 1 } };

	TEST_ASSERT_SUCCESS(virtio_port_configure(2, 2, RING, &rss_conf),
		"configure");
	reta[0].reta[0] = 1;
	TEST_ASSERT_SUCCESS(rte_eth_dev_rss_hash_update(virtio_port.id, &conf),
		"update");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rss_reta_update(virtio_port.id, reta, RETA),
		"update");
	TEST_ASSERT_EQUAL(fake_virtio.counts.all, 0, "sent to a stopped device");
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	TEST_ASSERT_EQUAL(fake_virtio.counts.rss, 1, "told %u times",
		fake_virtio.counts.rss);
	TEST_ASSERT_EQUAL(rss->types, VIRTIO_NET_RSS_HASH_TYPE_TCPv4, "types");
	TEST_ASSERT_EQUAL(rss->reta[0], 1, "entry 0");
	return TEST_SUCCESS;
}

/* Hashes are reported to who asks for them, whoever steers. */
static int
test_report(void)
{
	struct rte_eth_conf conf = rss_conf;
	struct rte_eth_rss_reta_entry64 reta[GROUPS] = { { .mask = 1 } };
	struct rte_eth_dev_info info;
	uint16_t id = virtio_port.id;

	TEST_ASSERT_SUCCESS(rte_eth_dev_info_get(id, &info), "info");
	TEST_ASSERT(info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_RSS_HASH, "capa");
	TEST_ASSERT_EQUAL(info.reta_size, 0, "a table");
	TEST_ASSERT_SUCCESS(virtio_port_start_queues(2, 2, RING, &conf), "start");
	TEST_ASSERT_EQUAL(fake_virtio.accepted & REPORT, 0, "taken");
	TEST_ASSERT(!mdev_virtio_hw(virtio_port.dev)->hash_report, "on");
	TEST_ASSERT_EQUAL(rte_eth_dev_rss_reta_update(id, reta, RETA), -ENOTSUP,
		"a table");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(id), "stop");
	conf.rxmode.offloads = RTE_ETH_RX_OFFLOAD_RSS_HASH;
	TEST_ASSERT_SUCCESS(virtio_port_start_queues(2, 2, RING, &conf), "start");
	TEST_ASSERT(fake_virtio.accepted & REPORT, "not taken");
	TEST_ASSERT(mdev_virtio_hw(virtio_port.dev)->hash_report, "off");
	TEST_ASSERT_EQUAL(fake_virtio.counts.hash, 1, "told %u times",
		fake_virtio.counts.hash);
	TEST_ASSERT_EQUAL(fake_virtio.filter.pairs, 2, "pairs");
	TEST_ASSERT_EQUAL(rss->types, VIRTIO_NET_RSS_HASH_TYPE_IPv4, "types");
	TEST_ASSERT_EQUAL(fake_virtio.counts.bad, 0, "bad commands");
	return TEST_SUCCESS;
}

static int
test_report_with_rss(void)
{
	struct rte_eth_conf conf = rss_conf;

	conf.rxmode.offloads = RTE_ETH_RX_OFFLOAD_RSS_HASH;
	TEST_ASSERT_SUCCESS(virtio_port_start_queues(2, 2, RING, &conf), "start");
	TEST_ASSERT_EQUAL(fake_virtio.accepted & (RSS | REPORT), RSS | REPORT,
		"not taken");
	TEST_ASSERT_EQUAL(fake_virtio.counts.rss, 1, "RSS");
	TEST_ASSERT_EQUAL(fake_virtio.counts.hash, 0, "another command");
	return TEST_SUCCESS;
}

/* Such a device would have its control queue elsewhere. */
static int
test_without_mq(void)
{
	struct rte_eth_dev_info info;

	TEST_ASSERT_SUCCESS(rte_eth_dev_info_get(virtio_port.id, &info), "info");
	TEST_ASSERT_EQUAL(info.reta_size, 0, "a table");
	TEST_ASSERT_EQUAL(info.max_rx_queues, 1, "queues");
	return TEST_SUCCESS;
}

/* A device that says what cannot be is used all the same. */
static int
test_lies(void)
{
	static const struct { uint8_t key; uint16_t reta; uint32_t types; } lies[] = {
		{ 39, RETA, TYPES }, { 0, RETA, TYPES }, { KEY, 127, TYPES },
		{ KEY, 0, TYPES }, { KEY, RETA, 0 }, { KEY, RETA, 1u << 31 },
	};
	struct rte_eth_conf conf = { .rxmode.mq_mode = RTE_ETH_MQ_RX_RSS };
	struct rte_eth_dev_info info;
	unsigned int i;

	for (i = 0; i < RTE_DIM(lies); i++) {
		TEST_ASSERT_SUCCESS(virtio_port_detach(), "detach");
		set_limits(lies[i].key, lies[i].reta, lies[i].types);
		TEST_ASSERT_SUCCESS(captured_log_start(), "log");
		TEST_ASSERT_SUCCESS(virtio_port_attach(""), "%u: not attached", i);
		captured_log_stop();
		TEST_ASSERT_EQUAL(captured_log_lines("which cannot be"), 1,
			"%u: lines", i);
		TEST_ASSERT_SUCCESS(rte_eth_dev_info_get(virtio_port.id, &info), "%u", i);
		TEST_ASSERT_EQUAL(info.reta_size + info.hash_key_size +
			info.flow_type_rss_offloads, 0, "%u: believed", i);
		TEST_ASSERT_SUCCESS(virtio_port_start_queues(2, 2, RING, &conf),
			"%u: not started", i);
		TEST_ASSERT_EQUAL(fake_virtio.accepted & (RSS | REPORT), 0,
			"%u: taken", i);
		TEST_ASSERT_EQUAL(fake_virtio.filter.pairs, 2, "%u: pairs", i);
	}
	return TEST_SUCCESS;
}

static int
setup_mp(void)
{
	fake_mp_start();
	return attach(MQ | RSS, RETA);
}

static void
teardown_mp(void)
{
	fake_mp.secondary = false;
	virtio_port_stop();
	fake_mp_stop();
}

/* A secondary process asks the primary, which has the queue for commands. */
static int
test_secondary(void)
{
	const struct eth_dev_ops *ops = &mdev_virtio_secondary_ops;
	struct rte_eth_dev *dev = virtio_port.dev;
	uint8_t key[KEY], got[KEY] = { 0 };
	struct rte_eth_rss_conf conf = { .rss_key = key, .rss_key_len = KEY,
		.rss_hf = RTE_ETH_RSS_NONFRAG_IPV4_TCP };
	struct rte_eth_rss_reta_entry64 reta[GROUPS] = { { .mask = 1 } };

	memset(key, 0x33, sizeof(key));
	reta[0].reta[0] = 1;
	TEST_ASSERT_SUCCESS(virtio_port_configure(2, 2, RING, &rss_conf),
		"configure");
	TEST_ASSERT_EQUAL(ops->rss_hash_update(dev, &conf), -ENETDOWN, "stopped");
	TEST_ASSERT_EQUAL(ops->reta_update(dev, reta, RETA), -ENETDOWN, "stopped");
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	fake_mp.secondary = true;
	TEST_ASSERT_SUCCESS(ops->rss_hash_update(dev, &conf), "update");
	TEST_ASSERT_SUCCESS(ops->reta_update(dev, reta, RETA), "table");
	TEST_ASSERT_EQUAL(rss->types, VIRTIO_NET_RSS_HASH_TYPE_TCPv4, "types");
	TEST_ASSERT_SUCCESS(memcmp(rss->key, key, KEY), "key");
	TEST_ASSERT_EQUAL(rss->reta[0], 1, "entry 0");
	conf.rss_key = got;
	TEST_ASSERT_SUCCESS(ops->rss_hash_conf_get(dev, &conf), "get");
	TEST_ASSERT_SUCCESS(memcmp(got, key, KEY), "another key");
	reta[0].reta[0] = 0;
	TEST_ASSERT_SUCCESS(ops->reta_query(dev, reta, RETA), "query");
	TEST_ASSERT_EQUAL(reta[0].reta[0], 1, "entry 0");
	conf.rss_key_len = 39;
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	TEST_ASSERT_EQUAL(ops->rss_hash_update(dev, &conf), -EINVAL, "39");
	TEST_ASSERT_EQUAL(ops->reta_update(dev, reta, 1024), -EINVAL, "1024");
	captured_log_stop();
	return TEST_SUCCESS;
}

/* A device that does not answer is an answer of the primary: nothing is lost to it. */
static int
test_secondary_timeout(void)
{
	const struct eth_dev_ops *ops = &mdev_virtio_secondary_ops;
	struct rte_eth_rss_reta_entry64 reta[GROUPS] = { { .mask = 1 } };
	struct rte_eth_dev *dev = virtio_port.dev;
	struct held before, after;

	TEST_ASSERT_SUCCESS(virtio_port_start_queues(2, 2, RING, &rss_conf), "start");
	mdev_virtio_hw(dev)->cvq.max_polls = 200;
	fake_virtio.answer = FAKE_ANSWER_NEVER;
	fake_mp.secondary = true;
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	held_now(&before);
	TEST_ASSERT_EQUAL(ops->reta_update(dev, reta, RETA), -ETIMEDOUT, "answered");
	held_now(&after);
	captured_log_stop();
	TEST_ASSERT_EQUAL(fake_mp.requests, fake_mp.replies, "the primary was silent");
	TEST_ASSERT_EQUAL(after.rte_blocks, before.rte_blocks, "memory is lost");
	/* but it is to a primary that may still be at it */
	fake_mp.silent = true;
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	TEST_ASSERT_EQUAL(ops->reta_update(dev, reta, RETA), -ETIMEDOUT, "answered");
	held_now(&after);
	captured_log_stop();
	TEST_ASSERT_EQUAL(after.rte_blocks, before.rte_blocks + 1, "taken away");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: receive-side scaling",
	.unit_test_cases = {
		TEST_CASE_ST(setup, virtio_port_stop, test_info),
		TEST_CASE_ST(setup_odd, virtio_port_stop, test_odd_table),
		TEST_CASE_ST(setup, virtio_port_stop, test_start),
		TEST_CASE_ST(setup, virtio_port_stop, test_not_asked),
		TEST_CASE_ST(setup, virtio_port_stop, test_key),
		TEST_CASE_ST(setup, virtio_port_stop, test_random_key),
		TEST_CASE_ST(setup, virtio_port_stop, test_table),
		TEST_CASE_ST(setup, virtio_port_stop, test_before_start),
		TEST_CASE_ST(setup_report, virtio_port_stop, test_report),
		TEST_CASE_ST(setup_both, virtio_port_stop, test_report_with_rss),
		TEST_CASE_ST(setup_no_mq, virtio_port_stop, test_without_mq),
		TEST_CASE_ST(setup_both, virtio_port_stop, test_lies),
		TEST_CASE_ST(setup_mp, teardown_mp, test_secondary),
		TEST_CASE_ST(setup_mp, teardown_mp, test_secondary_timeout),
		TEST_CASES_END()
	}
};

static int
test_mdev_virtio_rss(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_virtio_rss_autotest, test_mdev_virtio_rss);
