/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>

#include <linux/virtio_config.h>

#include <rte_mbuf.h>

#include "test.h"
#include "virtio_port.h"

static int
setup(void)
{
	if (virtio_port_prepare(FAKE_VIRTIO_TRAPPED) < 0)
		return TEST_FAILED;
	return virtio_port_attach("");
}

/* VIRTIO 1.2 s. 2.7: a power of two, up to what the device has; as many as asked for. */
static int
test_sizes(void)
{
	struct rte_eth_rxq_info rx;
	struct rte_eth_txq_info tx;
	uint16_t nb_rx = 100, nb_tx = 129;

	TEST_ASSERT_SUCCESS(rte_eth_dev_adjust_nb_rx_tx_desc(virtio_port.id, &nb_rx,
		&nb_tx), "adjust");
	TEST_ASSERT_SUCCESS(virtio_port_start(nb_rx), "%u", nb_rx);
	TEST_ASSERT_SUCCESS(rte_eth_rx_queue_info_get(virtio_port.id, 0, &rx), "rx");
	TEST_ASSERT_EQUAL(rx.nb_desc, 128, "%u", rx.nb_desc);
	TEST_ASSERT_EQUAL(fake_virtio.queue[0].size, 128, "%u",
		fake_virtio.queue[0].size);
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_SUCCESS(virtio_port_start(nb_tx), "%u", nb_tx);
	TEST_ASSERT_SUCCESS(rte_eth_tx_queue_info_get(virtio_port.id, 0, &tx), "tx");
	TEST_ASSERT_EQUAL(tx.nb_desc, 256, "%u", tx.nb_desc);
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_EQUAL(virtio_port_start(4), -EINVAL, "4");
	TEST_ASSERT_EQUAL(virtio_port_start(512), -EINVAL, "512");
	TEST_ASSERT_SUCCESS(virtio_port_start(256), "256");
	TEST_ASSERT_EQUAL(fake_virtio.queue[1].size, 256, "%u",
		fake_virtio.queue[1].size);
	return TEST_SUCCESS;
}

/* A queue that the device does not take as it was set up. */
static int
test_not_taken(void)
{
	fake_virtio.keeps_size = true;
	TEST_ASSERT_EQUAL(virtio_port_start(64), -EPROTO, "another size");
	fake_virtio.keeps_size = false;
	fake_virtio.never_enables = true;
	TEST_ASSERT_EQUAL(virtio_port_start(64), -EPROTO, "not enabled");
	fake_virtio.never_enables = false;
	fake_virtio.queue[1].notify_off = 0xffff;
	TEST_ASSERT_EQUAL(virtio_port_start(64), -EPROTO, "doorbell");
	fake_virtio.queue[1].notify_off = 1;
	TEST_ASSERT_SUCCESS(virtio_port_start(64), "now");
	return TEST_SUCCESS;
}

/* s. 2.8: a packed ring may have any size, of which the driver says what it can use. */
static int
test_packed_sizes(void)
{
	struct rte_eth_dev_info info;

	if (virtio_port_prepare(FAKE_VIRTIO_TRAPPED) < 0)
		return TEST_FAILED;
	fake_virtio.offered |= RTE_BIT64(VIRTIO_F_RING_PACKED);
	fake_virtio.queue[0].max = 100;
	fake_virtio.queue[1].max = 300;
	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "attach");
	TEST_ASSERT_SUCCESS(rte_eth_dev_info_get(virtio_port.id, &info), "info");
	TEST_ASSERT_EQUAL(info.rx_desc_lim.nb_max, 64, "%u",
		info.rx_desc_lim.nb_max);
	TEST_ASSERT_EQUAL(info.tx_desc_lim.nb_max, 256, "%u",
		info.tx_desc_lim.nb_max);
	TEST_ASSERT_EQUAL(info.default_rxportconf.ring_size, 64, "default %u",
		info.default_rxportconf.ring_size);
	return TEST_SUCCESS;
}

/* s. 2.9: the device is told how far its buffers go, past the wrap of the index. */
static int
test_notification_data(void)
{
	struct rte_mbuf *m;
	uint8_t back[60];
	uint32_t i;

	if (virtio_port_prepare(FAKE_VIRTIO_TRAPPED) < 0)
		return TEST_FAILED;
	fake_virtio.offered |= RTE_BIT64(FAKE_VIRTIO_F_NOTIFICATION_DATA);
	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "attach");
	TEST_ASSERT_SUCCESS(virtio_port_start(64), "start");
	TEST_ASSERT(fake_virtio.kick_len == 4 && fake_virtio.kick_value == 64 << 16,
		"receive: 0x%x", fake_virtio.kick_value);
	for (i = 1; i < 0x10010; i++) {
		m = virtio_port_frame(60, 1);
		TEST_ASSERT_EQUAL(rte_eth_tx_burst(virtio_port.id, 0, &m, 1), 1,
			"frame %u", i);
		TEST_ASSERT_EQUAL(fake_virtio.kick_value, (i << 16 | 1),
			"frame %u: 0x%x", i, fake_virtio.kick_value);
		TEST_ASSERT_EQUAL(fake_virtio_sent(back, sizeof(back)), 60,
			"frame %u", i);
	}
	return TEST_SUCCESS;
}

/* What was negotiated last counts: a device may offer it, or not, with each start. */
static int
test_notification_data_changes(void)
{
	unsigned int i;

	for (i = 0; i < 4; i++) {
		fake_virtio.offered ^= RTE_BIT64(FAKE_VIRTIO_F_NOTIFICATION_DATA);
		TEST_ASSERT_SUCCESS(virtio_port_start(64), "start %u", i);
		TEST_ASSERT_EQUAL(fake_virtio.kick_len, i % 2 == 0 ? 4 : 2,
			"start %u: %zu bytes", i, fake_virtio.kick_len);
		TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop %u", i);
	}
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: queues",
	.unit_test_cases = {
		TEST_CASE_ST(setup, virtio_port_stop, test_sizes),
		TEST_CASE_ST(setup, virtio_port_stop, test_not_taken),
		TEST_CASE_ST(NULL, virtio_port_stop, test_packed_sizes),
		TEST_CASE_ST(NULL, virtio_port_stop, test_notification_data),
		TEST_CASE_ST(setup, virtio_port_stop, test_notification_data_changes),
		TEST_CASES_END()
	}
};

static int
test_mdev_virtio_queue(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_virtio_queue_autotest, test_mdev_virtio_queue);
