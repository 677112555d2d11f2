/* SPDX-License-Identifier: BSD-3-Clause */

#include <pthread.h>
#include <string.h>

#include <linux/virtio_config.h>

#include <rte_cycles.h>

#include "fake_vfio.h"
#include "test.h"
#include "virtio_recovery.h"

#define FEATURES (RTE_BIT64(VIRTIO_NET_F_CTRL_RX) | RTE_BIT64(VIRTIO_NET_F_MQ) | \
	RTE_BIT64(VIRTIO_NET_F_CTRL_VLAN) | RTE_BIT64(VIRTIO_NET_F_CTRL_MAC_ADDR) | \
	RTE_BIT64(VIRTIO_NET_F_RSS))

static const struct { enum rte_eth_event_type type; char letter; } letters[] = {
	{ RTE_ETH_EVENT_ERR_RECOVERING, 'r' },
	{ RTE_ETH_EVENT_RECOVERY_SUCCESS, 'S' },
	{ RTE_ETH_EVENT_RECOVERY_FAILED, 'F' },
	{ RTE_ETH_EVENT_INTR_RESET, 'R' },
};

struct virtio_recovery virtio_recovery;

/* The thread that has the queues. */
static pthread_t owner;
static volatile bool owner_ends;

static int
on_event(uint16_t port_id, enum rte_eth_event_type type, void *arg, void *ret)
{
	struct virtio_recovery *r = &virtio_recovery;
	unsigned int i;

	(void)arg;
	(void)ret;
	for (i = 0; i < RTE_DIM(letters); i++) {
		if (letters[i].type != type)
			continue;
		if (letters[i].letter == r->stop_at)
			r->stop_ret = rte_eth_dev_stop(port_id);
		if (r->at_event != NULL)
			r->at_event(letters[i].letter);
		if (r->nr_events < sizeof(r->events) - 1)
			r->events[r->nr_events] = letters[i].letter;
		r->nr_events++;
	}
	return 0;
}

int
virtio_recovery_attach(uint64_t features, uint32_t vectors)
{
	unsigned int i;

	memset(&virtio_recovery, 0, sizeof(virtio_recovery));
	virtio_recovery.stop_ret = -1;
	if (virtio_port_prepare(FAKE_VIRTIO_TRAPPED) < 0)
		return TEST_FAILED;
	fake_virtio_offer_ctrl(FEATURES, 2);
	fake_virtio_offer(features);
	fake_virtio.config.rss_max_key_size = 40;
	fake_virtio.config.rss_max_indirection_table_length =
		rte_cpu_to_le_16(128);
	fake_virtio.config.supported_hash_types =
		rte_cpu_to_le_32(VIRTIO_NET_RSS_HASH_TYPE_IPv4);
	fake_vfio.irqs[VFIO_PCI_MSIX_IRQ_INDEX].count = vectors;
	if (virtio_port_attach("") != 0)
		return TEST_FAILED;
	for (i = 0; i < RTE_DIM(letters); i++)
		rte_eth_dev_callback_register(virtio_port.id, letters[i].type,
			on_event, NULL);
	virtio_recovery_state()->window_s = VIRTIO_RECOVERY_FOREVER;
	return TEST_SUCCESS;
}

int
virtio_recovery_setup(void)
{
	return virtio_recovery_attach(0, 4);
}

int
virtio_recovery_setup_packed(void)
{
	return virtio_recovery_attach(RTE_BIT64(VIRTIO_F_RING_PACKED), 4);
}

void
virtio_recovery_teardown(void)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(letters); i++)
		rte_eth_dev_callback_unregister(virtio_port.id, letters[i].type,
			on_event, NULL);
	virtio_port_stop();
}

struct mdev_virtio_recovery *
virtio_recovery_state(void)
{
	return &mdev_virtio_hw(virtio_port.dev)->recovery;
}

int
virtio_recovery_start_queues(uint16_t nb_rx, uint16_t nb_tx, bool rx_interrupts)
{
	struct rte_eth_conf conf = {
		.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS,
		.rx_adv_conf.rss_conf.rss_hf = RTE_ETH_RSS_IPV4,
		.intr_conf.rxq = rx_interrupts,
	};

	conf.rxmode.offloads = RTE_ETH_RX_OFFLOAD_VLAN_FILTER;
	return virtio_port_start_queues(nb_rx, nb_tx, VIRTIO_RECOVERY_RING, &conf);
}

int
virtio_recovery_start(void)
{
	virtio_recovery_state()->pause_polls = 0;
	return virtio_recovery_start_queues(1, 1, false);
}

static void *
own(void *arg)
{
	const struct rte_eth_dev_data *data = virtio_port.dev->data;
	const uintptr_t except = (uintptr_t)arg;
	struct rte_mbuf *m[8];
	uint16_t n, i;

	while (!owner_ends) {
		for (i = 0; i < data->nb_rx_queues; i++) {
			if (i == except)
				continue;
			n = rte_eth_rx_burst(virtio_port.id, i, m, RTE_DIM(m));
			rte_pktmbuf_free_bulk(m, n);
		}
		for (i = 0; i < data->nb_tx_queues; i++)
			rte_eth_tx_burst(virtio_port.id, i, NULL, 0);
	}
	return NULL;
}

int
virtio_recovery_owner_start(uint16_t except)
{
	virtio_recovery_state()->pause_polls = VIRTIO_RECOVERY_FOREVER;
	owner_ends = false;
	return pthread_create(&owner, NULL, own, (void *)(uintptr_t)except);
}

void
virtio_recovery_owner_end(void)
{
	owner_ends = true;
	pthread_join(owner, NULL);
	virtio_recovery_state()->pause_polls = 0;
}

/* The interrupt thread takes its time, but not a minute. */
const char *
virtio_recovery_wait(unsigned int events)
{
	unsigned int i;

	for (i = 0; i < 60000 && virtio_recovery.nr_events < events; i++)
		rte_delay_us_sleep(1000);
	return virtio_recovery.events;
}

static struct fake_virtio_filter configured;

int
virtio_recovery_configure(void)
{
	struct rte_eth_rss_reta_entry64 reta[2] = { { .mask = 1 } };
	struct rte_ether_addr multi = { { 3, 0, 0, 0, 1, 1 } };
	struct rte_ether_addr mac = { { 2, 0, 0, 0, 1, 1 } };
	uint16_t id = virtio_port.id;

	reta[0].reta[0] = 1;
	TEST_ASSERT_SUCCESS(rte_eth_promiscuous_enable(id), "promiscuous");
	TEST_ASSERT_SUCCESS(rte_eth_allmulticast_enable(id), "all-multicast");
	TEST_ASSERT_SUCCESS(rte_eth_dev_mac_addr_add(id, &mac, 0), "MAC");
	TEST_ASSERT_SUCCESS(rte_eth_dev_set_mc_addr_list(id, &multi, 1), "list");
	TEST_ASSERT_SUCCESS(rte_eth_dev_vlan_filter(id, 77, 1), "VLAN");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rss_reta_update(id, reta, 128), "table");
	configured = fake_virtio.filter;
	TEST_ASSERT(configured.promisc && configured.allmulti &&
		configured.nr_unicast == 1 && configured.nr_multicast == 1 &&
		configured.vlans[1] != 0 && configured.rss.reta[0] == 1, "nothing set");
	return TEST_SUCCESS;
}

int
virtio_recovery_configured(void)
{
	TEST_ASSERT_SUCCESS(memcmp(&configured, &fake_virtio.filter,
		sizeof(configured)), "not the same");
	TEST_ASSERT_EQUAL(fake_virtio.counts.bad, 0, "bad commands");
	return TEST_SUCCESS;
}

/* Returns whether the restart came so far. */
static bool
fail_step(enum fake_vfio_op op, unsigned int step, void (*begin)(void),
		int (*restart)(void), unsigned int *failed)
{
	bool reached;

	if (begin != NULL)
		begin();
	fake_vfio.fail = op;
	fake_vfio.fail_after = step;
	*failed += restart() < 0;
	reached = fake_vfio.fail == FAKE_OP_NONE;
	fake_vfio.fail = FAKE_OP_NONE;
	return reached;
}

int
virtio_recovery_fail_steps(void (*begin)(void), int (*restart)(void))
{
	static const enum fake_vfio_op ops[] = {
		FAKE_OP_REGION_READ, FAKE_OP_REGION_WRITE, FAKE_OP_SET_IRQS,
	};
	unsigned int i, step, failed = 0;
	bool reached;

	for (i = 0; i < RTE_DIM(ops); i++) {
		reached = true;
		for (step = 0; reached && step < 1000; step++) {
			reached = fail_step(ops[i], step, begin, restart, &failed);
			rte_eth_dev_stop(virtio_port.id);
			TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0,
				"operation %u, step %u: %u mbufs", i, step,
				virtio_port_mbufs());
			TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id),
				"operation %u, step %u: start", i, step);
		}
		TEST_ASSERT(!reached && step > 1, "operation %u: step %u", i, step);
	}
	TEST_ASSERT(failed > 10, "%u failed", failed);
	return TEST_SUCCESS;
}

int
virtio_recovery_traffic(void)
{
	struct rte_mbuf *m = virtio_port_frame(60, 5), *got = NULL;
	uint16_t id = virtio_port.id;
	uint8_t data[60];

	memset(data, 6, sizeof(data));
	TEST_ASSERT(fake_virtio.status & VIRTIO_CONFIG_S_DRIVER_OK, "status 0x%x",
		fake_virtio.status);
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(id, 0, &got, 1), 0, "it is empty");
	TEST_ASSERT_EQUAL(fake_virtio_receive(data, 60), 1, "no buffers");
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(id, 0, &got, 1), 1, "receive");
	TEST_ASSERT_EQUAL(*rte_pktmbuf_mtod_offset(got, uint8_t *, 59), 6, "content");
	rte_pktmbuf_free(got);
	TEST_ASSERT_EQUAL(rte_eth_tx_burst(id, 0, &m, 1), 1, "send");
	TEST_ASSERT_EQUAL(fake_virtio_sent(data, 60), 60, "sent");
	TEST_ASSERT_EQUAL(data[59], 5, "content");
	return TEST_SUCCESS;
}

uint64_t
virtio_recovery_xstat(const char *name)
{
	uint64_t id = 0, value = 0;

	if (rte_eth_xstats_get_id_by_name(virtio_port.id, name, &id) != 0 ||
			rte_eth_xstats_get_by_id(virtio_port.id, &id, &value, 1) != 1)
		return UINT64_MAX;
	return value;
}
