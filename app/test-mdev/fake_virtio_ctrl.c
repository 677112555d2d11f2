/* SPDX-License-Identifier: BSD-3-Clause */

/* The control queue of the fake device (VIRTIO 1.2 s. 5.1.6.5). */

#include <string.h>

#include <linux/virtio_config.h>

#include <rte_bitops.h>
#include <rte_common.h>

#include "fake_virtio.h"

static bool
negotiated(unsigned int feature)
{
	return (fake_virtio.accepted & UINT64_C(1) << feature) != 0;
}

/* s. 5.1.2: behind the queues of all pairs, if these are known to be several. */
struct fake_virtio_queue *
fake_virtio_ctrl_queue(void)
{
	uint16_t pairs = negotiated(VIRTIO_NET_F_MQ) ? rte_le_to_cpu_16(
		fake_virtio.config.max_virtqueue_pairs) : 1;

	if (!negotiated(VIRTIO_NET_F_CTRL_VQ) || pairs > FAKE_VIRTIO_PAIRS)
		return NULL;
	return &fake_virtio.queue[2 * pairs];
}

static bool
set_flag(bool allowed, uint8_t *flag, unsigned int *count, const uint8_t *data,
		uint32_t len)
{
	if (!allowed || len != 1 || data[0] > 1)
		return false;
	*flag = data[0];
	(*count)++;
	return true;
}

/* One of the two tables; the bytes that it takes, 0 if it is wrong. */
static uint32_t
read_macs(const uint8_t *data, uint32_t len, bool multicast, uint32_t *count,
		uint8_t (*macs)[6])
{
	rte_le32_t entries;
	uint32_t i;

	if (len < sizeof(entries))
		return 0;
	memcpy(&entries, data, sizeof(entries));
	*count = rte_le_to_cpu_32(entries);
	if (*count > FAKE_VIRTIO_MACS || len - sizeof(entries) < *count * 6)
		return 0;
	memcpy(macs, data + sizeof(entries), *count * 6);
	for (i = 0; i < *count; i++) {
		if ((macs[i][0] & 1) != multicast)
			return 0;
	}
	return sizeof(entries) + *count * 6;
}

static bool
set_mac_table(const uint8_t *data, uint32_t len)
{
	struct fake_virtio_filter *filter = &fake_virtio.filter;
	uint32_t first, second;

	first = read_macs(data, len, false, &filter->nr_unicast, filter->unicast);
	if (!negotiated(VIRTIO_NET_F_CTRL_RX) || first == 0)
		return false;
	second = read_macs(data + first, len - first, true,
			&filter->nr_multicast, filter->multicast);
	fake_virtio.counts.mac_table++;
	return second > 0 && first + second == len;
}

static bool
set_mac_addr(const uint8_t *data, uint32_t len)
{
	if (!negotiated(VIRTIO_NET_F_CTRL_MAC_ADDR) || len != 6)
		return false;
	memcpy(fake_virtio.config.mac, data, 6);
	fake_virtio.counts.mac_addr++;
	return true;
}

static bool
set_vlan(bool add, const uint8_t *data, uint32_t len)
{
	uint16_t id;

	if (!negotiated(VIRTIO_NET_F_CTRL_VLAN) || len != 2)
		return false;
	id = data[0] | data[1] << 8;
	if (id > 4095)
		return false;
	if (add)
		fake_virtio.filter.vlans[id / 64] |= UINT64_C(1) << id % 64;
	else
		fake_virtio.filter.vlans[id / 64] &= ~(UINT64_C(1) << id % 64);
	fake_virtio.counts.vlan_add += add;
	fake_virtio.counts.vlan_del += !add;
	return true;
}

/* All queues of the pairs must have been configured. */
static bool
set_pairs(const uint8_t *data, uint32_t len)
{
	uint16_t pairs, i;

	if (!negotiated(VIRTIO_NET_F_MQ) || len != 2)
		return false;
	pairs = data[0] | data[1] << 8;
	if (pairs == 0 || pairs > rte_le_to_cpu_16(
			fake_virtio.config.max_virtqueue_pairs))
		return false;
	for (i = 0; i < 2 * pairs; i++) {
		if (!fake_virtio.queue[i].enabled)
			return false;
	}
	fake_virtio.filter.pairs = pairs;
	fake_virtio.counts.pairs++;
	return true;
}

static uint16_t
get_u16(const uint8_t *from)
{
	return from[0] | from[1] << 8;
}

/* The key is what ends both commands; whether it does. */
static bool
set_hash(struct fake_virtio_rss *rss, uint32_t types, const uint8_t *data,
		uint32_t len)
{
	if (len < 1 || data[0] > fake_virtio.config.rss_max_key_size ||
			len != 1u + data[0] || (types & ~rte_le_to_cpu_32(
			fake_virtio.config.supported_hash_types)) != 0)
		return false;
	rss->types = types;
	rss->key_len = data[0];
	memcpy(rss->key, data + 1, data[0]);
	return true;
}

static bool
queue_runs(uint16_t queue)
{
	return 2 * queue < FAKE_VIRTIO_QUEUES && fake_virtio.queue[2 * queue].enabled;
}

/* s. 5.1.6.5.7.1; all queues that frames may come on must have been configured. */
static bool
set_rss(const uint8_t *data, uint32_t len)
{
	struct fake_virtio_rss rss = { .types = 0 };
	uint32_t at = 8, i;

	if (!negotiated(VIRTIO_NET_F_RSS) || len < at)
		return false;
	rss.reta_size = get_u16(data + 4) + 1u;
	rss.unclassified = get_u16(data + 6);
	if (!rte_is_power_of_2(rss.reta_size) || rss.reta_size > RTE_DIM(rss.reta) ||
			rss.reta_size > rte_le_to_cpu_16(
			fake_virtio.config.rss_max_indirection_table_length) ||
			len < at + 2 * rss.reta_size + 2 ||
			!queue_runs(rss.unclassified))
		return false;
	for (i = 0; i < rss.reta_size; i++, at += 2) {
		rss.reta[i] = get_u16(data + at);
		if (!queue_runs(rss.reta[i]))
			return false;
	}
	rss.max_tx = get_u16(data + at);
	if (rss.max_tx == 0 || rss.max_tx > rte_le_to_cpu_16(
			fake_virtio.config.max_virtqueue_pairs) ||
			!set_hash(&rss, get_u16(data) | get_u16(data + 2) << 16,
				data + at + 2, len - at - 2))
		return false;
	fake_virtio.filter.rss = rss;
	fake_virtio.counts.rss++;
	return true;
}

/* s. 5.1.6.5.6.4 */
static bool
set_hash_config(const uint8_t *data, uint32_t len)
{
	static const uint8_t reserved[8];
	struct fake_virtio_rss rss = { .types = 0 };

	if (!negotiated(VIRTIO_NET_F_HASH_REPORT) || len < 12 ||
			memcmp(data + 4, reserved, sizeof(reserved)) != 0 ||
			!set_hash(&rss, get_u16(data) | get_u16(data + 2) << 16,
				data + 12, len - 12))
		return false;
	fake_virtio.filter.rss = rss;
	fake_virtio.counts.hash++;
	return true;
}

static bool
announce_ack(uint32_t len)
{
	if (!negotiated(VIRTIO_NET_F_GUEST_ANNOUNCE) || len != 0)
		return false;
	fake_virtio.config.status &= ~rte_cpu_to_le_16(VIRTIO_NET_S_ANNOUNCE);
	fake_virtio.counts.announce_ack++;
	return true;
}

/* s. 5.1.6.5.9: packets, then microseconds */
static bool
set_rx_coal(const uint8_t *data, uint32_t len)
{
	rte_le32_t value[2];

	if (!negotiated(VIRTIO_NET_F_NOTF_COAL) || len != sizeof(value))
		return false;
	memcpy(value, data, sizeof(value));
	fake_virtio.filter.rx_packets = rte_le_to_cpu_32(value[0]);
	fake_virtio.filter.rx_usecs = rte_le_to_cpu_32(value[1]);
	fake_virtio.counts.rx_coal++;
	return true;
}

static bool
carry_out(uint8_t class, uint8_t cmd, const uint8_t *data, uint32_t len)
{
	struct fake_virtio_filter *filter = &fake_virtio.filter;
	struct fake_virtio_counts *counts = &fake_virtio.counts;
	bool rx = negotiated(VIRTIO_NET_F_CTRL_RX);

	switch (class << 8 | cmd) {
	case VIRTIO_NET_CTRL_RX << 8 | VIRTIO_NET_CTRL_RX_PROMISC:
		return set_flag(rx, &filter->promisc, &counts->promisc, data, len);
	case VIRTIO_NET_CTRL_RX << 8 | VIRTIO_NET_CTRL_RX_ALLMULTI:
		return set_flag(rx, &filter->allmulti, &counts->allmulti, data,
				len);
	case VIRTIO_NET_CTRL_MAC << 8 | VIRTIO_NET_CTRL_MAC_TABLE_SET:
		return set_mac_table(data, len);
	case VIRTIO_NET_CTRL_MAC << 8 | VIRTIO_NET_CTRL_MAC_ADDR_SET:
		return set_mac_addr(data, len);
	case VIRTIO_NET_CTRL_VLAN << 8 | VIRTIO_NET_CTRL_VLAN_ADD:
		return set_vlan(true, data, len);
	case VIRTIO_NET_CTRL_VLAN << 8 | VIRTIO_NET_CTRL_VLAN_DEL:
		return set_vlan(false, data, len);
	case VIRTIO_NET_CTRL_MQ << 8 | VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET:
		return set_pairs(data, len);
	case VIRTIO_NET_CTRL_MQ << 8 | VIRTIO_NET_CTRL_MQ_RSS_CONFIG:
		return set_rss(data, len);
	case VIRTIO_NET_CTRL_MQ << 8 | VIRTIO_NET_CTRL_MQ_HASH_CONFIG:
		return set_hash_config(data, len);
	case VIRTIO_NET_CTRL_ANNOUNCE << 8 | VIRTIO_NET_CTRL_ANNOUNCE_ACK:
		return announce_ack(len);
	case VIRTIO_NET_CTRL_NOTF_COAL << 8 | VIRTIO_NET_CTRL_NOTF_COAL_RX_SET:
		return set_rx_coal(data, len);
	default:
		return false;
	}
}

/* s. 2.7.4.1: whatever the framing; the last byte of all is the ack. */
static uint8_t
execute(const struct mirror_chain *chain)
{
	uint8_t all[16384];
	uint32_t len = 0;
	uint16_t i;

	for (i = 0; i < chain->nr_out; i++) {
		if (chain->buf[i].len > sizeof(all) - len)
			return VIRTIO_NET_ERR;
		memcpy(all + len, chain->buf[i].addr, chain->buf[i].len);
		len += chain->buf[i].len;
	}
	fake_virtio.counts.all++;
	if (len >= 2 && carry_out(all[0], all[1], all + 2, len - 2))
		return VIRTIO_NET_OK;
	fake_virtio.counts.bad++;
	return VIRTIO_NET_ERR;
}

static void
answer_with(const struct mirror_chain *chain, uint8_t ack, uint32_t len)
{
	struct mirror_ring *ring = &fake_virtio_ctrl_queue()->ring;

	*chain->buf[chain->nr_out].addr = ack;
	mirror_ring_push(ring, chain->head, len);
	mirror_ring_publish(ring);
}

static void
answer(const struct mirror_chain *chain, uint8_t ack)
{
	answer_with(chain, ack, 1);
}

static uint32_t
chain_len(const struct mirror_chain *chain)
{
	uint32_t len = 0;
	uint16_t i;

	for (i = 0; i < chain->nr_out + chain->nr_in; i++)
		len += chain->buf[i].len;
	return len;
}

static void
lie(const struct mirror_chain *chain, uint32_t id, uint32_t len, unsigned int times)
{
	struct mirror_ring *ring = &fake_virtio_ctrl_queue()->ring;

	*chain->buf[chain->nr_out].addr = VIRTIO_NET_OK;
	while (times-- > 0)
		mirror_ring_push(ring, id, len);
	mirror_ring_publish(ring);
}

static void
keep(const struct mirror_chain *chain)
{
	fake_virtio.kept = *chain;
	fake_virtio.has_kept = true;
	fake_virtio.status_reads = 0;
}

static void
serve(const struct mirror_chain *chain)
{
	switch (fake_virtio.answer) {
	case FAKE_ANSWER:
		answer(chain, execute(chain));
		break;
	case FAKE_ANSWER_REFUSED:
		answer(chain, VIRTIO_NET_ERR);
		break;
	case FAKE_ANSWER_NOT_WRITTEN:
		answer(chain, *chain->buf[chain->nr_out].addr);
		break;
	case FAKE_ANSWER_WRONG_ID:
		lie(chain, chain->head + 1, 1, 1);
		break;
	case FAKE_ANSWER_ID_BEYOND:
		lie(chain, UINT32_MAX, 1, 1);
		break;
	case FAKE_ANSWER_NO_LENGTH:
		lie(chain, chain->head, 0, 1);
		break;
	case FAKE_ANSWER_LONG_LENGTH:
		answer_with(chain, execute(chain), chain_len(chain));
		break;
	case FAKE_ANSWER_TWICE:
		lie(chain, chain->head, 1, 2);
		break;
	case FAKE_ANSWER_NEEDS_RESET:
		fake_virtio.status |= VIRTIO_CONFIG_S_NEEDS_RESET;
		keep(chain);
		break;
	case FAKE_ANSWER_RESET:
		fake_virtio.status = 0;
		keep(chain);
		break;
	case FAKE_ANSWER_NEVER:
	case FAKE_ANSWER_SLOW:
		keep(chain);
		break;
	}
}

void
fake_virtio_ctrl_kick(void)
{
	struct fake_virtio_queue *q = fake_virtio_ctrl_queue();
	struct mirror_chain chain;
	int ret;

	if (q == NULL || !q->enabled ||
			(fake_virtio.status & VIRTIO_CONFIG_S_DRIVER_OK) == 0) {
		fake_virtio.counts.bad++;
		return;
	}
	while ((ret = mirror_ring_pop(&q->ring, &chain)) == 1) {
		if (chain.nr_in != 1 || chain.buf[chain.nr_out].len != 1)
			fake_virtio.counts.bad++;
		serve(&chain);
	}
	fake_virtio.counts.bad += ret < 0;
	/* s. 2.7.10: an index that is not moved on asks for no more of them */
	mirror_ring_want_kicks(&q->ring, true);
}

void
fake_virtio_late_answer(void)
{
	if (!fake_virtio.has_kept)
		return;
	fake_virtio.has_kept = false;
	answer(&fake_virtio.kept, execute(&fake_virtio.kept));
}

void
fake_virtio_ctrl_status_read(void)
{
	if (fake_virtio.answer == FAKE_ANSWER_SLOW &&
			++fake_virtio.status_reads == 3)
		fake_virtio_late_answer();
}
