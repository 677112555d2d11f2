/* SPDX-License-Identifier: BSD-3-Clause */

/* Announcements: acknowledged at once, sent by the thread that has the queue. */

#include <string.h>

#include <rte_cycles.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include <mdev_virtio_ethdev.h>

#include "fake_vfio.h"
#include "test.h"
#include "virtio_port.h"

#define RING 64
#define RARP 0x8035

static int
setup_attached(void)
{
	return virtio_port_attach_ctrl(RTE_BIT64(VIRTIO_NET_F_GUEST_ANNOUNCE), 1);
}

static int
setup(void)
{
	if (setup_attached() != 0)
		return TEST_FAILED;
	return virtio_port_start(RING);
}

/* The interrupt thread takes its time, but not seconds. */
static bool
acknowledged(unsigned int count)
{
	unsigned int i;

	for (i = 0; i < 10000 && __atomic_load_n(
			&fake_virtio.counts.announce_ack, __ATOMIC_ACQUIRE) < count;
			i++)
		rte_delay_us_sleep(1000);
	return fake_virtio.counts.announce_ack == count &&
		(rte_le_to_cpu_16(fake_virtio.config.status) &
		VIRTIO_NET_S_ANNOUNCE) == 0;
}

static int
expect_rarp(void)
{
	uint8_t frame[256];
	const struct rte_ether_hdr *eth = (const struct rte_ether_hdr *)frame;
	int len = fake_virtio_sent(frame, sizeof(frame));

	TEST_ASSERT(len >= 42, "%d bytes", len);
	TEST_ASSERT_EQUAL(eth->ether_type, rte_cpu_to_be_16(RARP), "no RARP");
	TEST_ASSERT(rte_is_broadcast_ether_addr(&eth->dst_addr), "to whom?");
	TEST_ASSERT(rte_is_same_ether_addr(&eth->src_addr,
		&virtio_port.dev->data->mac_addrs[0]), "from whom?");
	return TEST_SUCCESS;
}

static int
test_with_next_burst(void)
{
	uint8_t frame[256];
	struct rte_mbuf *m;
	unsigned int i;

	for (i = 1; i <= 10; i++) {
		fake_virtio_ask_announce();
		TEST_ASSERT(acknowledged(i), "%u: not acknowledged", i);
		TEST_ASSERT_EQUAL(mirror_ring_pending(
			&fake_virtio.queue[FAKE_VIRTIO_TX].ring), 0,
			"sent by another thread than the queue's");
		m = virtio_port_frame(60, 1);
		TEST_ASSERT_EQUAL(rte_eth_tx_burst(virtio_port.id, 0, &m, 1), 1,
			"send");
		TEST_ASSERT_SUCCESS(expect_rarp(), "%u", i);
		TEST_ASSERT_EQUAL(fake_virtio_sent(frame, sizeof(frame)), 60,
			"the application's own frame");
		m = virtio_port_frame(60, 1);
		TEST_ASSERT_EQUAL(rte_eth_tx_burst(virtio_port.id, 0, &m, 1), 1,
			"send");
		TEST_ASSERT_EQUAL(fake_virtio_sent(frame, sizeof(frame)), 60,
			"announced twice");
	}
	TEST_ASSERT_EQUAL(fake_virtio.counts.bad, 0, "bad commands");
	return TEST_SUCCESS;
}

/* An empty burst is a burst. */
static int
test_empty_burst(void)
{
	fake_virtio_ask_announce();
	TEST_ASSERT(acknowledged(1), "not acknowledged");
	TEST_ASSERT_EQUAL(rte_eth_tx_burst(virtio_port.id, 0, NULL, 0), 0, "send");
	return expect_rarp();
}

/* A full ring: the frame waits, and so do those of the application. */
static int
test_full_ring(void)
{
	struct rte_mbuf *m;
	uint8_t frame[256];
	unsigned int count = 0;

	while ((m = virtio_port_frame(60, 1)) != NULL &&
			rte_eth_tx_burst(virtio_port.id, 0, &m, 1) == 1)
		count++;
	TEST_ASSERT_NOT_NULL(m, "the pool is too small");
	fake_virtio_ask_announce();
	TEST_ASSERT(acknowledged(1), "not acknowledged");
	TEST_ASSERT_EQUAL(rte_eth_tx_burst(virtio_port.id, 0, &m, 1), 0, "full");
	rte_pktmbuf_free(m);
	for (; count > 0; count--)
		TEST_ASSERT_EQUAL(fake_virtio_sent(frame, sizeof(frame)), 60,
			"frame");
	TEST_ASSERT_EQUAL(rte_eth_tx_burst(virtio_port.id, 0, NULL, 0), 0, "send");
	return expect_rarp();
}

/* A frame that nobody sent is freed; the next one does not have to wait for it. */
static int
test_never_sent(void)
{
	const struct virtqueue *vq = virtio_port.dev->data->tx_queues[0];
	const struct rte_mempool *pool;
	unsigned int i;

	pool = mdev_virtio_hw(virtio_port.dev)->announce_pool;
	for (i = 1; i <= 20; i++) {
		fake_virtio_ask_announce();
		TEST_ASSERT(acknowledged(i), "%u: not acknowledged", i);
	}
	TEST_ASSERT_EQUAL(rte_mempool_in_use_count(pool), 1, "%u frames",
		rte_mempool_in_use_count(pool));
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_EQUAL(rte_mempool_in_use_count(pool), 0, "%u frames",
		rte_mempool_in_use_count(pool));
	TEST_ASSERT_NULL(vq->inject, "it will be freed again");
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	TEST_ASSERT_EQUAL(rte_eth_tx_burst(virtio_port.id, 0, NULL, 0), 0, "send");
	TEST_ASSERT_EQUAL(mirror_ring_pending(
		&fake_virtio.queue[FAKE_VIRTIO_TX].ring), 0,
		"an announcement of another life");
	return TEST_SUCCESS;
}

static int
test_asked_before_start(void)
{
	fake_virtio.config.status |= rte_cpu_to_le_16(VIRTIO_NET_S_ANNOUNCE);
	TEST_ASSERT_SUCCESS(virtio_port_start(RING), "start");
	TEST_ASSERT(acknowledged(1), "not acknowledged");
	TEST_ASSERT_EQUAL(rte_eth_tx_burst(virtio_port.id, 0, NULL, 0), 0, "send");
	return expect_rarp();
}

static int
test_no_tx_queue(void)
{
	struct rte_eth_conf conf = { .rxmode.mtu = RTE_ETHER_MTU };

	TEST_ASSERT_SUCCESS(virtio_port_configure(1, 0, RING, &conf), "configure");
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	fake_virtio_ask_announce();
	TEST_ASSERT(acknowledged(1), "not acknowledged");
	return TEST_SUCCESS;
}

/* Without an interrupt nobody would hear of it. */
static int
test_no_interrupts(void)
{
	TEST_ASSERT_SUCCESS(virtio_port_detach(), "remove");
	fake_vfio.irqs[VFIO_PCI_MSIX_IRQ_INDEX].count = 0;
	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "attach");
	TEST_ASSERT_EQUAL(fake_virtio.accepted &
		RTE_BIT64(VIRTIO_NET_F_GUEST_ANNOUNCE), 0, "taken");
	return TEST_SUCCESS;
}

static int
setup_bare(void)
{
	return virtio_port_attach_ctrl(0, 1);
}

/* The backend that can announce came after the probe, or is there since a reset. */
static int
test_offered_late(void)
{
	uint16_t id = virtio_port.id;

	TEST_ASSERT_SUCCESS(virtio_port_start(RING), "start");
	/* who has not negotiated it does not listen */
	fake_virtio.config.status |= rte_cpu_to_le_16(VIRTIO_NET_S_ANNOUNCE);
	mdev_virtio_announce(virtio_port.dev);
	TEST_ASSERT_EQUAL(fake_virtio.counts.bad, 0, "acknowledged");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(id), "stop");
	fake_virtio_offer(RTE_BIT64(VIRTIO_NET_F_GUEST_ANNOUNCE));
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(id), "start");
	TEST_ASSERT(acknowledged(1), "not acknowledged");
	TEST_ASSERT_EQUAL(rte_eth_tx_burst(id, 0, NULL, 0), 0, "send");
	return expect_rarp();
}

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: announcements",
	.unit_test_cases = {
		TEST_CASE_ST(setup, virtio_port_stop, test_with_next_burst),
		TEST_CASE_ST(setup, virtio_port_stop, test_empty_burst),
		TEST_CASE_ST(setup, virtio_port_stop, test_full_ring),
		TEST_CASE_ST(setup, virtio_port_stop, test_never_sent),
		TEST_CASE_ST(setup_attached, virtio_port_stop,
			test_asked_before_start),
		TEST_CASE_ST(setup_attached, virtio_port_stop, test_no_tx_queue),
		TEST_CASE_ST(setup_attached, virtio_port_stop, test_no_interrupts),
		TEST_CASE_ST(setup_bare, virtio_port_stop, test_offered_late),
		TEST_CASES_END()
	}
};

static int
test_mdev_virtio_announce(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_virtio_announce_autotest, test_mdev_virtio_announce);
