/* SPDX-License-Identifier: BSD-3-Clause */

/* Faults of devices and habits of applications that cross the driver's files. */

#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include <rte_cycles.h>
#include <rte_ether.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>

#include <virtqueue.h>

#include "captured_log.h"
#include "fake_vfio.h"
#include "test.h"
#include "virtio_port.h"

#define RING 64
#define HEADER 12
#define MSIX VFIO_PCI_MSIX_IRQ_INDEX
#define INTX VFIO_PCI_INTX_IRQ_INDEX

static int
setup(void)
{
	return virtio_port_prepare(FAKE_VIRTIO_TRAPPED);
}

static int
setup_started(void)
{
	if (setup() < 0 || virtio_port_attach("") != 0)
		return TEST_FAILED;
	return virtio_port_start(RING);
}

static int
start_with(const struct rte_eth_conf *conf, const struct rte_eth_rxconf *rx)
{
	uint16_t id = virtio_port.id;

	if (rte_eth_dev_configure(id, 1, 1, conf) != 0 ||
			rte_eth_rx_queue_setup(id, 0, RING, SOCKET_ID_ANY, rx,
				virtio_port.pool) != 0 ||
			rte_eth_tx_queue_setup(id, 0, RING, SOCKET_ID_ANY, NULL) != 0)
		return -1;
	return rte_eth_dev_start(id);
}

/* While the device may write, neither rings nor mbufs are freed or forgotten. */
static int
test_stuck_set_up_again(void)
{
	const struct virtqueue *rxq = virtio_port.dev->data->rx_queues[0];
	const struct rte_memzone *mz = rxq->mz;

	fake_virtio.never_resets = true;
	TEST_ASSERT_FAIL(rte_eth_dev_stop(virtio_port.id), "it stopped");
	TEST_ASSERT_FAIL(rte_eth_rx_queue_setup(virtio_port.id, 0, RING / 2,
			SOCKET_ID_ANY, NULL, virtio_port.pool), "set up");
	TEST_ASSERT(rte_memzone_lookup(mz->name) == mz,
		"the ring was freed under the device");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), RING, "%u mbufs", virtio_port_mbufs());
	return TEST_SUCCESS;
}

static int
test_stuck_recovers(void)
{
	fake_virtio.never_resets = true;
	TEST_ASSERT_FAIL(rte_eth_dev_stop(virtio_port.id), "it stopped");
	TEST_ASSERT_FAIL(rte_eth_dev_start(virtio_port.id), "it started");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), RING, "%u mbufs", virtio_port_mbufs());
	fake_virtio.never_resets = false;
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "not started");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), RING, "%u mbufs, so some are lost",
		virtio_port_mbufs());
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "%u mbufs", virtio_port_mbufs());
	return TEST_SUCCESS;
}

/* Its ring stays allocated for good, and its port is gone. */
static int
test_stuck_remove(void)
{
	const struct rte_memzone *mz =
		((struct virtqueue *)virtio_port.dev->data->rx_queues[0])->mz;
	char name[RTE_MEMZONE_NAMESIZE];
	uint16_t id;
	int ret;

	memcpy(name, mz->name, sizeof(name));
	fake_virtio.never_resets = true;
	ret = rte_dev_remove(virtio_port.dev->device);
	TEST_ASSERT_SUCCESS(ret, "not removed: %d", ret);
	virtio_port.dev = NULL;
	TEST_ASSERT_FAIL(rte_eth_dev_get_port_by_name(VIRTIO_PORT_UUID, &id),
		"the port is still there");
	TEST_ASSERT_EQUAL(fake_vfio.opened, 0, "left open");
	TEST_ASSERT_EQUAL(rte_memzone_lookup(name), mz, "the ring was freed");
	/* the next device of that number must have its rings all the same */
	fake_virtio.never_resets = false;
	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "not attached");
	TEST_ASSERT_SUCCESS(virtio_port_start(RING), "not started");
	return TEST_SUCCESS;
}

/* A device that was only looked at is left reset. */
static int
test_close_unstarted(void)
{
	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "not attached");
	TEST_ASSERT_SUCCESS(virtio_port_detach(), "remove");
	TEST_ASSERT_EQUAL(fake_virtio.status, 0, "status %02x",
		fake_virtio.status);
	return TEST_SUCCESS;
}

static volatile unsigned int events;

static int
count_event(uint16_t port_id, enum rte_eth_event_type type, void *arg, void *ret)
{
	(void)port_id;
	(void)type;
	(void)arg;
	(void)ret;
	events++;
	return 0;
}

/* Callbacks outlive their port: the next test's would be called with them. */
static void
teardown_callbacks(void)
{
	rte_eth_dev_callback_unregister(virtio_port.id, RTE_ETH_EVENT_INTR_LSC,
		count_event, NULL);
	virtio_port_stop();
}

/* Without LSC the port needs no vector. */
static int
test_no_vector_no_lsc(void)
{
	fake_virtio.no_vectors = true;
	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "not attached");
	TEST_ASSERT_SUCCESS(virtio_port_start(RING), "not started");
	TEST_ASSERT_EQUAL(fake_vfio.irqs[MSIX].fds[0], -1, "left enabled");
	return TEST_SUCCESS;
}

/* INTx of a device that does not mask. */
static int
test_intx_not_maskable(void)
{
	struct rte_eth_conf conf = { .intr_conf.lsc = 1 };
	uint64_t one = 1;
	unsigned int i;

	events = 0;
	fake_vfio.irqs[MSIX].count = 0;
	fake_vfio.irqs[INTX].count = 1;
	fake_vfio.irqs[INTX].flags = VFIO_IRQ_INFO_EVENTFD;
	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "not attached");
	rte_eth_dev_callback_register(virtio_port.id, RTE_ETH_EVENT_INTR_LSC,
		count_event, NULL);
	TEST_ASSERT_SUCCESS(start_with(&conf, NULL), "not started");
	fake_virtio_set_link(false);
	TEST_ASSERT(write(fake_vfio.irqs[INTX].fds[0], &one, sizeof(one)) ==
		sizeof(one), "eventfd");
	for (i = 0; i < 2000 && events == 0; i++)
		rte_delay_us_sleep(1000);
	TEST_ASSERT_EQUAL(events, 1, "%u events", events);
	return TEST_SUCCESS;
}

/* More buffers than the device has now: the frame can never become whole. */
static int
test_num_buffers_beyond_outstanding(void)
{
	const struct virtqueue *rxq = virtio_port.dev->data->rx_queues[0];
	struct mirror_ring *ring = &fake_virtio.queue[FAKE_VIRTIO_RX].ring;
	static struct rte_mbuf *all[2048];
	struct rte_mbuf *m[RING];
	struct mirror_chain chain;
	unsigned int count = 0, i;
	uint8_t data[60] = { 0 };

	while ((all[count] = rte_pktmbuf_alloc(virtio_port.pool)) != NULL)
		count++;
	for (i = 0; i < RING - 2; i++)
		TEST_ASSERT_EQUAL(fake_virtio_receive(data, 60), 1, "frame %u", i);
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(virtio_port.id, 0, m, RING), RING - 2,
		"frames");
	TEST_ASSERT_EQUAL(mirror_ring_pop(ring, &chain), 1, "pop");
	memset(chain.buf[0].addr, 0, HEADER);
	chain.buf[0].addr[10] = 3;
	mirror_ring_push(ring, chain.head, 100);
	mirror_ring_publish(ring);
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(virtio_port.id, 0, &m[RING - 2], 1), 0,
		"a frame");
	rte_pktmbuf_free_bulk(m, RING - 2);
	rte_pktmbuf_free_bulk(all, count);
	TEST_ASSERT(rxq->broken, "it waits for ever");
	return TEST_SUCCESS;
}

/* A device that is asked often complains once. */
static int
test_one_line(void)
{
	struct rte_eth_link link;
	unsigned int i, lines;
	int ret = 0;

	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	fake_virtio.never_settles = true;
	for (i = 0; i < 20; i++)
		ret |= rte_eth_link_get_nowait(virtio_port.id, &link);
	captured_log_stop();
	lines = captured_log_lines(NULL);
	fake_virtio.never_settles = false;
	TEST_ASSERT_SUCCESS(ret, "not asked");
	TEST_ASSERT_EQUAL(lines, 1, "%u lines", lines);
	TEST_ASSERT_EQUAL(link.link_status, RTE_ETH_LINK_DOWN, "up");
	return TEST_SUCCESS;
}

/* What the driver counts can be read. */
static int
test_counted_visibly(void)
{
	struct mirror_ring *ring = &fake_virtio.queue[FAKE_VIRTIO_RX].ring;
	struct mirror_chain chain;
	struct rte_mbuf *m;
	uint64_t id, value = 0;

	TEST_ASSERT_EQUAL(mirror_ring_pop(ring, &chain), 1, "pop");
	memset(chain.buf[0].addr, 0, HEADER);
	chain.buf[0].addr[10] = 1;
	mirror_ring_push(ring, chain.head, UINT32_MAX);
	mirror_ring_publish(ring);
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(virtio_port.id, 0, &m, 1), 1, "recv");
	rte_pktmbuf_free(m);
	TEST_ASSERT_SUCCESS(rte_eth_xstats_get_id_by_name(virtio_port.id,
		"rx_q0_clamped_lengths", &id), "no such counter");
	rte_eth_xstats_get_by_id(virtio_port.id, &id, &value, 1);
	TEST_ASSERT_EQUAL(value, 1, "%u", (unsigned int)value);
	mirror_ring_push(ring, RING, 100);
	mirror_ring_publish(ring);
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(virtio_port.id, 0, &m, 1), 0, "recv");
	TEST_ASSERT_SUCCESS(rte_eth_xstats_get_id_by_name(virtio_port.id,
		"rx_q0_broken", &id), "no such counter");
	rte_eth_xstats_get_by_id(virtio_port.id, &id, &value, 1);
	TEST_ASSERT_EQUAL(value, 1, "%u", (unsigned int)value);
	TEST_ASSERT_SUCCESS(rte_eth_xstats_reset(virtio_port.id), "reset");
	rte_eth_xstats_get_by_id(virtio_port.id, &id, &value, 1);
	TEST_ASSERT_EQUAL(value, 0, "%u", (unsigned int)value);
	return TEST_SUCCESS;
}

/* QEMU refuses a descriptor of length 0 and gives the device up. */
static int
test_empty_segments(void)
{
	uint8_t back[1000];
	struct rte_mbuf *m, *clone;

	m = virtio_port_frame(100, 1);
	rte_pktmbuf_chain(m, rte_pktmbuf_alloc(virtio_port.pool));
	rte_pktmbuf_chain(m, virtio_port_frame(50, 2));
	rte_pktmbuf_chain(m, rte_pktmbuf_alloc(virtio_port.pool));
	clone = rte_pktmbuf_clone(m, virtio_port.pool);
	TEST_ASSERT_EQUAL(rte_eth_tx_burst(virtio_port.id, 0, &m, 1), 1, "send");
	TEST_ASSERT_EQUAL(fake_virtio_sent(back, sizeof(back)), 150, "length");
	TEST_ASSERT(back[99] == 1 && back[100] == 2, "content");
	TEST_ASSERT_EQUAL(rte_eth_tx_burst(virtio_port.id, 0, &clone, 1), 1, "send");
	TEST_ASSERT_EQUAL(fake_virtio_sent(back, sizeof(back)), 150, "length");
	return TEST_SUCCESS;
}

/* mbufs of a pool of external buffers stay what they are. */
static int
test_pinned_external(void)
{
	const uint16_t room = RTE_MBUF_DEFAULT_BUF_SIZE;
	struct rte_pktmbuf_extmem mem;
	struct rte_mempool *own = virtio_port.pool;
	uint8_t data[60] = { 0 }, back[60];
	struct rte_mbuf *m;
	int ret = TEST_FAILED;

	mem.buf_len = 256 * RTE_ALIGN_CEIL(room, 128);
	mem.elt_size = RTE_ALIGN_CEIL(room, 128);
	mem.buf_ptr = rte_zmalloc(NULL, mem.buf_len, 4096);
	mem.buf_iova = rte_malloc_virt2iova(mem.buf_ptr);
	virtio_port.pool = rte_pktmbuf_pool_create_extbuf("pinned", 256, 0, 0,
		room, SOCKET_ID_ANY, &mem, 1);
	TEST_ASSERT_NOT_NULL(virtio_port.pool, "no pool");
	if (virtio_port_attach("") != 0 || virtio_port_start(RING) != 0)
		goto out;
	if (fake_virtio_receive(data, 60) != 1 ||
			rte_eth_rx_burst(virtio_port.id, 0, &m, 1) != 1)
		goto out;
	if (RTE_MBUF_HAS_EXTBUF(m) && !RTE_MBUF_DIRECT(m) &&
			rte_eth_tx_burst(virtio_port.id, 0, &m, 1) == 1 &&
			fake_virtio_sent(back, sizeof(back)) == 60)
		ret = TEST_SUCCESS;
out:
	if (virtio_port.dev != NULL) {
		rte_dev_remove(virtio_port.dev->device);
		virtio_port.dev = NULL;
	}
	if (virtio_port_mbufs() != 0)
		ret = TEST_FAILED;
	rte_mempool_free(virtio_port.pool);
	virtio_port.pool = own;
	rte_free(mem.buf_ptr);
	TEST_ASSERT_SUCCESS(ret, "external buffers");
	return TEST_SUCCESS;
}

/* Many applications ask for RSS whatever the number of queues. */
static int
test_rss_of_one(void)
{
	struct rte_eth_conf conf = { .rxmode.mq_mode = RTE_ETH_MQ_RX_RSS };

	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "not attached");
	TEST_ASSERT_SUCCESS(start_with(&conf, NULL), "not started");
	return TEST_SUCCESS;
}

/* An address that no port may have is not taken from the device. */
static int
test_bad_mac(void)
{
	struct rte_ether_addr mac;

	memset(fake_virtio.config.mac, 0xff, sizeof(fake_virtio.config.mac));
	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "not attached");
	rte_eth_macaddr_get(virtio_port.id, &mac);
	TEST_ASSERT(rte_is_valid_assigned_ether_addr(&mac), "broadcast");
	return TEST_SUCCESS;
}

static int
test_link_details(void)
{
	struct rte_eth_dev_info info;
	struct rte_eth_link link;

	fake_virtio.offered |= RTE_BIT64(VIRTIO_NET_F_SPEED_DUPLEX);
	fake_virtio.config.speed = rte_cpu_to_le_32(100);
	fake_virtio.config.duplex = 0;
	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "not attached");
	TEST_ASSERT_SUCCESS(virtio_port_start(RING), "not started");
	TEST_ASSERT_SUCCESS(rte_eth_link_get_nowait(virtio_port.id, &link), "link");
	TEST_ASSERT_EQUAL(link.link_speed, 100, "speed %u", link.link_speed);
	TEST_ASSERT_SUCCESS(rte_eth_dev_info_get(virtio_port.id, &info), "info");
	TEST_ASSERT_EQUAL(info.speed_capa, RTE_ETH_LINK_SPEED_100M_HD, "0x%x",
		info.speed_capa);
	TEST_ASSERT_EQUAL(link.link_duplex, RTE_ETH_LINK_HALF_DUPLEX, "duplex");
	fake_virtio.config.status = 0;
	TEST_ASSERT_SUCCESS(rte_eth_link_get_nowait(virtio_port.id, &link), "link");
	TEST_ASSERT_EQUAL(link.link_speed, RTE_ETH_SPEED_NUM_NONE,
		"speed %u of a link that is down", link.link_speed);
	return TEST_SUCCESS;
}

/* VIRTIO 1.2 s. 4.1.4.4.1: a doorbell has two bytes, so it is at an even offset. */
static int
test_odd_doorbell(void)
{
	uint8_t *config = fake_vfio.regions[VFIO_PCI_CONFIG_REGION_INDEX].mem;

	config[FAKE_VIRTIO_CAP_NOTIFY + offsetof(struct virtio_pci_notify_cap,
		notify_off_multiplier)] = 1;
	fake_virtio.queue[FAKE_VIRTIO_TX].notify_off = 1;
	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "not attached");
	TEST_ASSERT_FAIL(virtio_port_start(RING), "started");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: faults and habits",
	.unit_test_cases = {
		TEST_CASE_ST(setup_started, virtio_port_stop, test_stuck_set_up_again),
		TEST_CASE_ST(setup_started, virtio_port_stop, test_stuck_recovers),
		TEST_CASE_ST(setup, virtio_port_stop, test_close_unstarted),
		TEST_CASE_ST(setup, virtio_port_stop, test_no_vector_no_lsc),
		TEST_CASE_ST(setup, teardown_callbacks, test_intx_not_maskable),
		TEST_CASE_ST(setup_started, virtio_port_stop,
			test_num_buffers_beyond_outstanding),
		TEST_CASE_ST(setup_started, virtio_port_stop, test_one_line),
		TEST_CASE_ST(setup_started, virtio_port_stop, test_counted_visibly),
		TEST_CASE_ST(setup_started, virtio_port_stop, test_empty_segments),
		TEST_CASE_ST(setup, virtio_port_stop, test_pinned_external),
		TEST_CASE_ST(setup, virtio_port_stop, test_rss_of_one),
		TEST_CASE_ST(setup, virtio_port_stop, test_bad_mac),
		TEST_CASE_ST(setup, virtio_port_stop, test_odd_doorbell),
		TEST_CASE_ST(setup, virtio_port_stop, test_link_details),
		TEST_CASE_ST(setup_started, virtio_port_stop, test_stuck_remove),
		TEST_CASES_END()
	}
};

static int
test_mdev_virtio_faults(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_virtio_faults_autotest, test_mdev_virtio_faults);
