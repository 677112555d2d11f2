/* SPDX-License-Identifier: BSD-3-Clause */

/* Receive-side scaling and the hash that goes with it (VIRTIO 1.2 s. 5.1.6.5.7). */

#include <errno.h>
#include <string.h>

#include <linux/virtio_net.h>

#include <rte_bitops.h>
#include <rte_byteorder.h>
#include <rte_random.h>

#include "mdev_virtio_ethdev.h"
#include "mdev_virtio_logs.h"

/*
 * s. 5.1.4.1: each device takes a key of this length. A shorter one would leave out a
 * part of what is hashed: 36 bytes of an IPv6 flow, and 32 bits more.
 */
#define KEY_MIN 40

/* s. 5.1.4.1: each device that has a table at all has one of this size. */
#define DEVICE_RETA_MIN 128

/* VIRTIO_NET_RSS_HASH_TYPE_* and RTE_ETH_RSS_*: columns of the table below. */
enum hash_names {
	AS_TYPES,
	AS_HF,
};

/* s. 5.1.6.4.3.1: a device hashes by addresses what it does not hash by ports. */
static const uint64_t hash_types[][2] = {
	{ VIRTIO_NET_RSS_HASH_TYPE_IPv4, RTE_ETH_RSS_IPV4 |
		RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_OTHER },
	{ VIRTIO_NET_RSS_HASH_TYPE_TCPv4, RTE_ETH_RSS_NONFRAG_IPV4_TCP },
	{ VIRTIO_NET_RSS_HASH_TYPE_UDPv4, RTE_ETH_RSS_NONFRAG_IPV4_UDP },
	{ VIRTIO_NET_RSS_HASH_TYPE_IPv6, RTE_ETH_RSS_IPV6 |
		RTE_ETH_RSS_FRAG_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_OTHER },
	{ VIRTIO_NET_RSS_HASH_TYPE_TCPv6, RTE_ETH_RSS_NONFRAG_IPV6_TCP },
	{ VIRTIO_NET_RSS_HASH_TYPE_UDPv6, RTE_ETH_RSS_NONFRAG_IPV6_UDP },
	{ VIRTIO_NET_RSS_HASH_TYPE_IP_EX, RTE_ETH_RSS_IPV6_EX },
	{ VIRTIO_NET_RSS_HASH_TYPE_TCP_EX, RTE_ETH_RSS_IPV6_TCP_EX },
	{ VIRTIO_NET_RSS_HASH_TYPE_UDP_EX, RTE_ETH_RSS_IPV6_UDP_EX },
};

static uint64_t
translate(uint64_t names, enum hash_names from, enum hash_names to)
{
	uint64_t result = 0;
	unsigned int i;

	for (i = 0; i < RTE_DIM(hash_types); i++) {
		if ((names & hash_types[i][from]) != 0)
			result |= hash_types[i][to];
	}
	return result;
}

static uint64_t
types_to_hf(uint32_t types)
{
	return translate(types, AS_TYPES, AS_HF);
}

static uint32_t
hf_to_types(uint64_t hf)
{
	return translate(hf, AS_HF, AS_TYPES);
}

static bool
rss_configured(const struct rte_eth_dev *dev)
{
	return (dev->data->dev_conf.rxmode.mq_mode & RTE_ETH_MQ_RX_RSS_FLAG) != 0;
}

/*
 * s. 5.1.2: with RSS and without MQ, a device could have its control queue at another
 * place than without both; it is not worth a case of its own.
 */
static bool
rss_wanted(const struct rte_eth_dev *dev, uint64_t offered)
{
	if (!virtio_has_feature(offered, VIRTIO_NET_F_RSS) ||
			!virtio_has_feature(offered, VIRTIO_NET_F_MQ))
		return false;
	return dev->data->dev_configured == 0 ||
		(mdev_virtio_hw(dev)->rss.reta_size > 0 &&
		rss_configured(dev) && dev->data->nb_rx_queues > 0);
}

static bool
report_wanted(const struct rte_eth_dev *dev, uint64_t offered)
{
	if (!virtio_has_feature(offered, VIRTIO_NET_F_HASH_REPORT))
		return false;
	return dev->data->dev_configured == 0 ||
		(mdev_virtio_hw(dev)->rss.supported != 0 &&
		(dev->data->dev_conf.rxmode.offloads &
		RTE_ETH_RX_OFFLOAD_RSS_HASH) != 0);
}

uint64_t
mdev_virtio_rss_features(const struct rte_eth_dev *dev, uint64_t offered)
{
	uint64_t features = 0;

	if (rss_wanted(dev, offered))
		features |= RTE_BIT64(VIRTIO_NET_F_RSS);
	if (report_wanted(dev, offered))
		features |= RTE_BIT64(VIRTIO_NET_F_HASH_REPORT);
	return features;
}

/* s. 5.1.4: fields that exist with one of the features only. */
static int
read_limits(struct rte_eth_dev *dev, uint8_t *key_max, uint16_t *reta_max,
		uint32_t *supported)
{
	rte_le16_t length = 0;
	rte_le32_t types = 0;
	int ret;

	ret = MDEV_VIRTIO_CONFIG_FIELD(dev, rss_max_key_size, key_max);
	if (ret == 0)
		ret = MDEV_VIRTIO_CONFIG_FIELD(dev, supported_hash_types, &types);
	if (ret == 0 && virtio_has_feature(mdev_virtio_hw(dev)->features,
			VIRTIO_NET_F_RSS))
		ret = MDEV_VIRTIO_CONFIG_FIELD(dev,
				rss_max_indirection_table_length, &length);
	*supported = rte_le_to_cpu_32(types) & hf_to_types(UINT64_MAX);
	*reta_max = rte_le_to_cpu_16(length);
	return ret;
}

static void
random_key(struct mdev_virtio_rss *rss)
{
	unsigned int i;

	rss->key_len = rss->key_max;
	for (i = 0; i < rss->key_len; i++)
		rss->key[i] = rte_rand();
}

int
mdev_virtio_rss_examine(struct rte_eth_dev *dev)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	bool reports = virtio_has_feature(hw->features, VIRTIO_NET_F_HASH_REPORT);
	bool steers = virtio_has_feature(hw->features, VIRTIO_NET_F_RSS);
	uint16_t reta_max;
	uint32_t supported;
	uint8_t key_max;
	int ret;

	if (!reports && !steers)
		return 0;
	ret = read_limits(dev, &key_max, &reta_max, &supported);
	if (ret < 0)
		return ret;
	if (key_max < KEY_MIN || supported == 0 ||
			(steers && reta_max < DEVICE_RETA_MIN)) {
		INIT_LOG(WARNING, "%s: the device hashes with keys up to %u bytes, types 0x%x and a table of %u entries, which cannot be; used without RSS and hash: "
			DEVICE_BROKEN, dev->data->name, key_max, supported,
			reta_max);
		return 0;
	}
	hw->rss.key_max = key_max;
	hw->rss.supported = supported;
	if (steers)
		hw->rss.reta_size = RTE_MIN(rte_align32prevpow2(reta_max),
				(uint32_t)VIRTIO_CVQ_RETA_MAX);
	if (reports)
		hw->rx_offload_capa |= RTE_ETH_RX_OFFLOAD_RSS_HASH;
	random_key(&hw->rss);
	return 0;
}

void
mdev_virtio_rss_info(const struct rte_eth_dev *dev, struct rte_eth_dev_info *info)
{
	const struct mdev_virtio_rss *rss = &mdev_virtio_hw(dev)->rss;

	if (rss->supported == 0)
		return;
	MDEV_VIRTIO_ADD_TOEPLITZ(info);
	info->hash_key_size = rss->key_max;
	info->reta_size = rss->reta_size;
	info->flow_type_rss_offloads = types_to_hf(rss->supported);
}

/* ethdev until 23.11: a key is one of 40 bytes if nothing else is said. */
uint8_t
mdev_virtio_rss_key_len(const struct rte_eth_rss_conf *conf)
{
	return conf->rss_key_len > 0 ? conf->rss_key_len : KEY_MIN;
}

/* Nothing is changed by a configuration that is refused. */
static int
set_hash(struct rte_eth_dev *dev, const struct rte_eth_rss_conf *conf)
{
	struct mdev_virtio_rss *rss = &mdev_virtio_hw(dev)->rss;
	uint8_t key_len = mdev_virtio_rss_key_len(conf);

	if (conf->rss_key != NULL &&
			(key_len < KEY_MIN || key_len > rss->key_max)) {
		INIT_LOG(ERR, "%s: an RSS key of %u bytes is not possible: use one of %u to %u",
			dev->data->name, key_len, KEY_MIN, rss->key_max);
		return -EINVAL;
	}
	rss->hf = conf->rss_hf & types_to_hf(rss->supported);
	if (conf->rss_key != NULL) {
		rss->key_len = key_len;
		memcpy(rss->key, conf->rss_key, key_len);
	}
	return 0;
}

int
mdev_virtio_rss_configure(struct rte_eth_dev *dev)
{
	struct mdev_virtio_rss *rss = &mdev_virtio_hw(dev)->rss;
	uint16_t nb_rx = dev->data->nb_rx_queues, i;

	if (!rss_configured(dev) || rss->supported == 0)
		return 0;
	if (nb_rx > 0 && rss->reta_queues != nb_rx) {
		for (i = 0; i < rss->reta_size; i++)
			rss->reta[i] = i % nb_rx;
		rss->reta_queues = nb_rx;
	}
	return set_hash(dev, &dev->data->dev_conf.rx_adv_conf.rss_conf);
}

int
mdev_virtio_rss_start(struct rte_eth_dev *dev)
{
	struct mdev_virtio_hw *hw = mdev_virtio_hw(dev);
	struct virtio_transport *tr = mdev_virtio_transport(dev);
	const struct mdev_virtio_rss *rss = &hw->rss;
	const struct virtio_cvq_hash hash = {
		.types = hf_to_types(rss->hf) & rss->supported,
		.key_len = rss->key_len,
		.key = rss->key,
	};

	if (virtio_has_feature(hw->features, VIRTIO_NET_F_RSS))
		return virtio_cvq_rss_config(&hw->cvq, tr, &hash, rss->reta,
				rss->reta_size, mdev_virtio_pairs(dev));
	if (virtio_has_feature(hw->features, VIRTIO_NET_F_HASH_REPORT))
		return virtio_cvq_hash_config(&hw->cvq, tr, &hash);
	return 0;
}

/* Tell a running device; what it refuses is as if it had not been asked for. */
static int
apply(struct rte_eth_dev *dev, const struct mdev_virtio_rss *before)
{
	int ret;

	if (dev->data->dev_started == 0)
		return 0;
	ret = mdev_virtio_rss_start(dev);
	if (ret < 0)
		mdev_virtio_hw(dev)->rss = *before;
	return ret;
}

static int
update_hash(struct rte_eth_dev *dev, const struct rte_eth_rss_conf *conf)
{
	const struct mdev_virtio_rss before = mdev_virtio_hw(dev)->rss;
	int ret;

	if (before.supported == 0)
		return -ENOTSUP;
	ret = set_hash(dev, conf);
	return ret < 0 ? ret : apply(dev, &before);
}

int
mdev_virtio_rss_hash_update(struct rte_eth_dev *dev, struct rte_eth_rss_conf *conf)
{
	int ret;

	ret = mdev_virtio_control_begin(dev);
	return ret < 0 ? ret : mdev_virtio_control_end(dev,
			update_hash(dev, conf));
}

int
mdev_virtio_rss_hash_conf_get(struct rte_eth_dev *dev, struct rte_eth_rss_conf *conf)
{
	const struct mdev_virtio_rss *rss = &mdev_virtio_hw(dev)->rss;
	uint8_t room = mdev_virtio_rss_key_len(conf);

	if (rss->supported == 0)
		return -ENOTSUP;
	conf->rss_hf = rss->hf;
	if (conf->rss_key != NULL)
		memcpy(conf->rss_key, rss->key, RTE_MIN(room, rss->key_len));
	conf->rss_key_len = rss->key_len;
	MDEV_VIRTIO_SET_TOEPLITZ(conf);
	return 0;
}

static int
check_size(const struct rte_eth_dev *dev, uint16_t size)
{
	uint16_t reta_size = mdev_virtio_hw(dev)->rss.reta_size;

	if (reta_size == 0)
		return -ENOTSUP;
	if (size == reta_size)
		return 0;
	DRV_LOG(ERR, "%s: a redirection table of %u entries is not possible: use one of %u",
		dev->data->name, size, reta_size);
	return -EINVAL;
}

static bool
entry_selected(const struct rte_eth_rss_reta_entry64 *conf, uint16_t i)
{
	return (conf[i / RTE_ETH_RETA_GROUP_SIZE].mask &
		RTE_BIT64(i % RTE_ETH_RETA_GROUP_SIZE)) != 0;
}

/* ethdev has checked that the queues exist. */
static int
update_table(struct rte_eth_dev *dev, const struct rte_eth_rss_reta_entry64 *conf,
		uint16_t size)
{
	struct mdev_virtio_rss *rss = &mdev_virtio_hw(dev)->rss;
	const struct mdev_virtio_rss before = *rss;
	uint16_t i;
	int ret;

	ret = check_size(dev, size);
	if (ret < 0)
		return ret;
	for (i = 0; i < size; i++) {
		if (entry_selected(conf, i))
			rss->reta[i] = conf[i / RTE_ETH_RETA_GROUP_SIZE].reta[
				i % RTE_ETH_RETA_GROUP_SIZE];
	}
	return apply(dev, &before);
}

int
mdev_virtio_reta_update(struct rte_eth_dev *dev,
		struct rte_eth_rss_reta_entry64 *conf, uint16_t size)
{
	int ret;

	ret = mdev_virtio_control_begin(dev);
	return ret < 0 ? ret : mdev_virtio_control_end(dev,
			update_table(dev, conf, size));
}

int
mdev_virtio_reta_query(struct rte_eth_dev *dev,
		struct rte_eth_rss_reta_entry64 *conf, uint16_t size)
{
	const struct mdev_virtio_rss *rss = &mdev_virtio_hw(dev)->rss;
	uint16_t i;
	int ret;

	ret = check_size(dev, size);
	if (ret < 0)
		return ret;
	for (i = 0; i < size; i++) {
		if (entry_selected(conf, i))
			conf[i / RTE_ETH_RETA_GROUP_SIZE].reta[
				i % RTE_ETH_RETA_GROUP_SIZE] = rss->reta[i];
	}
	return 0;
}
