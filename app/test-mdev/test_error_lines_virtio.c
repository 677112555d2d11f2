/* SPDX-License-Identifier: BSD-3-Clause */

/* The lines for errors of virtio devices: at attach, at start, and while they run. */

#include <string.h>

#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_dev.h>
#include <rte_mbuf.h>

#include <mdev_virtio_ethdev.h>

#include "error_lines.h"
#include "fake_vfio.h"
#include "test.h"
#include "virtio_port.h"

#define OURS "mdev_virtio: " VIRTIO_PORT_UUID ": "
#define BROKEN "the device is broken: update what provides it"
#define ANEW "detach the device, remove it and create it anew"
#define RESET OURS "the device does not answer a reset (Connection timed out): " ANEW "; memory that it may still use is not freed"
#define UNUSED "the queue is not used any more; stop and start the port to try again"
#define MODERN "only VIRTIO 1.x is supported: offer it in its modern form"

#define RING 64
#define HEADER 12
#define CTRL_RX RTE_BIT64(VIRTIO_NET_F_CTRL_RX)
#define CTRL_MAC RTE_BIT64(VIRTIO_NET_F_CTRL_MAC_ADDR)
#define MQ RTE_BIT64(VIRTIO_NET_F_MQ)

static int
setup(void)
{
	return virtio_port_prepare(FAKE_VIRTIO_TRAPPED);
}

/* mbufs that are in use after their port is gone. */
static unsigned int lost;

/* What a device that never answers keeps, it keeps until it does. */
static void
teardown(void)
{
	fake_virtio.never_resets = false;
	fake_vfio.gone = false;
	if (virtio_port.dev != NULL) {
		rte_dev_remove(virtio_port.dev->device);
		virtio_port.dev = NULL;
	}
	lost += virtio_port_mbufs();
	virtio_port_stop();
}

static const struct error_setting setting = { setup, teardown };

static int
meet(const struct error_case *cases, unsigned int count)
{
	int ret;

	lost = 0;
	ret = error_lines_meet(&setting, cases, count);
	TEST_ASSERT_EQUAL(lost, 0, "%u mbufs are lost", lost);
	return ret;
}

static int
attach(const char *arg)
{
	return virtio_port_attach(arg == NULL ? "" : arg);
}

static int
attach_good(void)
{
	return virtio_port_attach("");
}

static int
attach_ctrl(void)
{
	fake_virtio_offer_ctrl(CTRL_RX | CTRL_MAC | MQ, 2);
	return virtio_port_attach("");
}

static int
start(const char *arg __rte_unused)
{
	return virtio_port_start(RING);
}

static int
start_good(void)
{
	if (attach_good() != 0)
		return -1;
	return virtio_port_start(RING);
}

static int
start_ctrl(void)
{
	if (attach_ctrl() != 0)
		return -1;
	return virtio_port_start(RING);
}

/* The configuration space. */

static uint8_t *
cap(uint8_t at)
{
	return fake_vfio.regions[VFIO_PCI_CONFIG_REGION_INDEX].mem + at;
}

static void
put_offset(uint8_t at, uint32_t offset)
{
	struct virtio_pci_cap *found = (struct virtio_pci_cap *)cap(at);

	found->offset = rte_cpu_to_le_32(offset);
}

static void
no_caps(void)
{
	*cap(PCI_CAPABILITY_LIST) = 0;
}

static void
no_common(void)
{
	cap(FAKE_VIRTIO_CAP_COMMON)[3] = VIRTIO_PCI_CAP_PCI_CFG;
}

static void
no_notify(void)
{
	cap(FAKE_VIRTIO_CAP_NOTIFY)[3] = VIRTIO_PCI_CAP_PCI_CFG;
}

static void
no_isr(void)
{
	cap(FAKE_VIRTIO_CAP_ISR)[3] = VIRTIO_PCI_CAP_PCI_CFG;
}

static void
no_config(void)
{
	cap(FAKE_VIRTIO_CAP_CONFIG)[3] = VIRTIO_PCI_CAP_PCI_CFG;
}

static void
common_outside(void)
{
	put_offset(FAKE_VIRTIO_CAP_COMMON, FAKE_VIRTIO_BAR_SIZE - 4);
}

static void
notify_outside(void)
{
	put_offset(FAKE_VIRTIO_CAP_NOTIFY, UINT32_MAX - 1);
}

static void
isr_outside(void)
{
	cap(FAKE_VIRTIO_CAP_ISR)[offsetof(struct virtio_pci_cap, bar)] = 6;
}

static void
config_outside(void)
{
	put_offset(FAKE_VIRTIO_CAP_CONFIG, FAKE_VIRTIO_BAR_SIZE);
}

#define OUTSIDE(name, length, offset, bar) OURS "the virtio capability for the " \
	name " points to " length " bytes at " offset " of BAR " bar \
	", where they do not fit: " BROKEN

static const struct error_case capabilities[] = {
	{ "legacy", .harm = no_caps, .meet = attach,
	  .line = OURS "legacy virtio device (no virtio capabilities): " MODERN },
	{ "no common", .harm = no_common, .meet = attach,
	  .line = OURS "there is no usable virtio capability for the common configuration: " BROKEN },
	{ "no notify", .harm = no_notify, .meet = attach,
	  .line = OURS "there is no usable virtio capability for the notifications: " BROKEN },
	{ "no ISR", .harm = no_isr, .meet = attach,
	  .line = OURS "there is no usable virtio capability for the ISR status: " BROKEN },
	{ "no configuration", .harm = no_config, .meet = attach,
	  .line = OURS "the device's configuration has 0 bytes, and no field of 6 at 0 that its features promise: " BROKEN },
	{ "common outside", .harm = common_outside, .meet = attach,
	  .line = OUTSIDE("common configuration", "0x3c", "0x3ffc", "0") },
	{ "notify outside", .harm = notify_outside, .meet = attach,
	  .line = OUTSIDE("notifications", "0x1000", "0xfffffffe", "0") },
	{ "ISR outside", .harm = isr_outside, .meet = attach,
	  .line = OUTSIDE("ISR status", "0x1", "0x1000", "6") },
	{ "configuration outside", .harm = config_outside, .meet = attach,
	  .line = OUTSIDE("device configuration", "0x18", "0x4000", "0") },
};

static int
test_capabilities(void)
{
	return meet(capabilities, RTE_DIM(capabilities));
}

/* What is wrong with the device when it is examined. */

/* Who had it before has left it in operation. */
static void
never_resets(void)
{
	fake_virtio.status |= VIRTIO_CONFIG_S_DRIVER_OK;
	fake_virtio.never_resets = true;
}

static void
refuses_features(void)
{
	fake_virtio.refuses_features = true;
}

static void
no_version_1(void)
{
	fake_virtio.offered &= ~RTE_BIT64(VIRTIO_F_VERSION_1);
}

static void
never_settles(void)
{
	fake_virtio.never_settles = true;
}

static void
ring_100(void)
{
	fake_virtio.queue[FAKE_VIRTIO_TX].max =
		fake_virtio.queue[FAKE_VIRTIO_TX].size = 100;
}

static void
ring_0(void)
{
	fake_virtio.queue[FAKE_VIRTIO_RX].max =
		fake_virtio.queue[FAKE_VIRTIO_RX].size = 0;
}

static void
one_queue(void)
{
	fake_virtio.nr_queues = 1;
}

static void
no_ctrl_queue(void)
{
	fake_virtio_offer_ctrl(CTRL_RX, 1);
	fake_virtio.nr_queues = 2;
}

static void
pairs_0(void)
{
	fake_virtio_offer_ctrl(MQ, 0);
}

static void
pairs_0xffff(void)
{
	fake_virtio_offer_ctrl(MQ, UINT16_MAX);
}

static void
pairs_missing(void)
{
	fake_virtio_offer_ctrl(MQ, 0x8000);
	fake_virtio.nr_queues = UINT16_MAX;
}

static void
mtu_67(void)
{
	fake_virtio.config.mtu = rte_cpu_to_le_16(67);
}

static void
config_short(void)
{
	((struct virtio_pci_cap *)cap(FAKE_VIRTIO_CAP_CONFIG))->length =
		rte_cpu_to_le_32(8);
}

static const struct error_case examined[] = {
	{ "reset", .harm = never_resets, .meet = attach, .line = RESET },
	{ "FEATURES_OK", .harm = refuses_features, .meet = attach,
	  .line = OURS "the device refuses features 0x100018028 of the 0x100018028 that it offers: " BROKEN },
	{ "VERSION_1", .harm = no_version_1, .meet = attach,
	  .line = OURS "legacy virtio device (features 0x18028): " MODERN },
	{ "generation", .harm = never_settles, .meet = attach,
	  .line = OURS "the device's configuration generation never settles: " BROKEN },
	{ "ring of 100", .harm = ring_100, .meet = attach,
	  .line = OURS "virtqueue 1 has a size of 100, which is not a power of two from 8 to 32768: " BROKEN },
	{ "ring of 0", .harm = ring_0, .meet = attach,
	  .line = OURS "virtqueue 0 has a size of 0, which is not a power of two from 8 to 32768: " BROKEN },
	{ "one queue", .harm = one_queue, .meet = attach,
	  .line = OURS "the device has 1 virtqueues, but 1 queue pairs need 2: " BROKEN },
	{ "no control queue", .harm = no_ctrl_queue, .meet = attach,
	  .line = OURS "the device has 2 virtqueues, but 1 queue pairs and a control queue need 3: " BROKEN },
	{ "no pair", .harm = pairs_0, .meet = attach,
	  .line = OURS "the device has 0 queue pairs, which is not from 1 to 32768: " BROKEN },
	{ "65535 pairs", .harm = pairs_0xffff, .meet = attach,
	  .line = OURS "the device has 65535 queue pairs, which is not from 1 to 32768: " BROKEN },
	{ "more pairs than queues", .harm = pairs_missing, .meet = attach,
	  .line = OURS "the device has 65535 virtqueues, but 32768 queue pairs and a control queue need 65537: " BROKEN },
	{ "MTU", .harm = mtu_67, .meet = attach,
	  .line = OURS "the device's MTU of 67 is less than 68: set a larger one where the device is made" },
	{ "configuration too short", .harm = config_short, .meet = attach,
	  .line = OURS "the device's configuration has 8 bytes, and no field of 2 at 10 that its features promise: " BROKEN },
};

static int
test_examined(void)
{
	return meet(examined, RTE_DIM(examined));
}

/* At the start of a port. */

static void
doorbell_outside(void)
{
	fake_virtio.queue[FAKE_VIRTIO_TX].notify_off = 0x400;
}

static void
keeps_size(void)
{
	fake_virtio.keeps_size = true;
}

static void
never_enables(void)
{
	fake_virtio.never_enables = true;
}

static void
needs_reset(void)
{
	fake_virtio.answer = FAKE_ANSWER_NEEDS_RESET;
}

static void
goes_out(void)
{
	fake_virtio.answer = FAKE_ANSWER_RESET;
}

static void
no_answer(void)
{
	((struct mdev_virtio_hw *)virtio_port.dev->data->dev_private)->cvq.backend_polls = 3;
	fake_virtio.answer = FAKE_ANSWER_NEVER;
}

static void
too_slow(void)
{
	((struct mdev_virtio_hw *)virtio_port.dev->data->dev_private)->cvq.start_polls = 3;
	fake_virtio.answer = FAKE_ANSWER_NEVER;
}

static void
refused(void)
{
	fake_virtio.answer = FAKE_ANSWER_REFUSED;
}

static void
no_msix(void)
{
	fake_virtio.no_vectors = true;
}

static void
other_queues(void)
{
	fake_virtio_offer_ctrl(CTRL_RX, 1);
}

static void
fewer_offloads(void)
{
	fake_virtio.offered &= ~RTE_BIT64(VIRTIO_NET_F_CSUM);
}

static int
start_lsc(const char *arg __rte_unused)
{
	const struct rte_eth_conf conf = { .intr_conf.lsc = 1 };

	if (virtio_port_configure(1, 1, RING, &conf) != 0)
		return 0;
	return rte_eth_dev_start(virtio_port.id);
}

static int
attach_csum(void)
{
	fake_virtio_offer(RTE_BIT64(VIRTIO_NET_F_CSUM));
	return attach_good();
}

static int
start_csum(const char *arg __rte_unused)
{
	const struct rte_eth_conf conf = {
		.rxmode.mtu = RTE_ETHER_MTU,
		.txmode.offloads = RTE_ETH_TX_OFFLOAD_UDP_CKSUM,
	};

	if (virtio_port_configure(1, 1, RING, &conf) != 0)
		return 0;
	return rte_eth_dev_start(virtio_port.id);
}

static int
start_mtu_9000(const char *arg __rte_unused)
{
	const struct rte_eth_conf conf = { .rxmode.mtu = 9000 };

	if (virtio_port_configure(1, 1, RING, &conf) != 0)
		return 0;
	return rte_eth_dev_start(virtio_port.id);
}

/* Both pairs, which takes a command. */
static int
start_pairs(const char *arg __rte_unused)
{
	const struct rte_eth_conf conf = { .rxmode.mtu = RTE_ETHER_MTU };

	if (virtio_port_configure(2, 2, RING, &conf) != 0)
		return 0;
	return rte_eth_dev_start(virtio_port.id);
}

/* Another address than the device's takes a command, too. */
static int
start_mac(const char *arg __rte_unused)
{
	const struct rte_eth_conf conf = { .rxmode.mtu = RTE_ETHER_MTU };
	struct rte_ether_addr mac = { { 0x02, 0, 0, 0, 0, 0x77 } };

	if (virtio_port_configure(1, 1, RING, &conf) != 0 ||
			rte_eth_dev_default_mac_addr_set(virtio_port.id, &mac) != 0)
		return 0;
	return rte_eth_dev_start(virtio_port.id);
}

#define NOT_ACCEPTED(i) OURS "virtqueue " #i " of 64 descriptors was not accepted (Protocol error): " BROKEN

static const struct error_case starts[] = {
	{ "reset", attach_good, never_resets, start, .line = RESET },
	{ "FEATURES_OK", attach_good, refuses_features, start,
	  .line = OURS "the device refuses features 0x100018028 of the 0x100018028 that it offers: " BROKEN },
	{ "other queues", attach_good, other_queues, start,
	  .line = OURS "the device offers other queues than when it was probed: detach and attach it again" },
	{ "fewer offloads", attach_csum, fewer_offloads, start_csum,
	  .line = OURS "the device does not offer any more what the port's Tx offload UDP_CKSUM needs: configure the port without it, or have the device offer it again" },
	{ "doorbell", attach_good, doorbell_outside, start,
	  .line = OURS "the doorbell of virtqueue 1 lies outside of its structure, or at an odd offset: " BROKEN },
	{ "size", attach_good, keeps_size, start, .line = NOT_ACCEPTED(0) },
	{ "enable", attach_good, never_enables, start, .line = NOT_ACCEPTED(0) },
	{ "interrupts", attach_good, no_msix, start_lsc,
	  .line = OURS "cannot enable the interrupts of the configuration and of 0 receive queues: Device or resource busy: configure the port without them" },
	{ "MTU", attach_good, NULL, start_mtu_9000,
	  .line = OURS "frames of MTU 9000 do not fit one receive buffer: use a smaller MTU, larger mbufs, or the scatter offload where the device has VIRTIO_NET_F_MRG_RXBUF" },
	{ "no answer", attach_ctrl, no_answer, start_pairs,
	  .line = OURS "the device did not answer the command VQ_PAIRS_SET: the start ends with it, and can be tried again when the device is well" },
	{ "out of operation", attach_ctrl, needs_reset, start_pairs,
	  .line = OURS "the device went out of operation (status 0x4f) before it answered the command VQ_PAIRS_SET: the start ends with it, and can be tried again when the device is well" },
	{ "too slow", attach_ctrl, too_slow, start_mac,
	  .line = OURS "the device is too slow with the commands of the start, which ended at MAC_ADDR_SET: set fewer VLAN filters, or start the port again" },
	{ "refused", attach_ctrl, refused, start_pairs,
	  .line = OURS "the device refused the command VQ_PAIRS_SET (1): allow it where the device is made, or do without" },
};

static int
test_starts(void)
{
	return meet(starts, RTE_DIM(starts));
}

/* While a port runs. */

static void
bad_id(uint16_t queue)
{
	mirror_ring_push(&fake_virtio.queue[queue].ring, RING, HEADER);
	mirror_ring_publish(&fake_virtio.queue[queue].ring);
}

static void
rx_bad_id(void)
{
	bad_id(FAKE_VIRTIO_RX);
}

static void
tx_bad_id(void)
{
	bad_id(FAKE_VIRTIO_TX);
}

static void
rx_too_many(void)
{
	unsigned int i;

	for (i = 0; i < RING + 1; i++)
		mirror_ring_push(&fake_virtio.queue[FAKE_VIRTIO_RX].ring, 0, HEADER);
	mirror_ring_publish(&fake_virtio.queue[FAKE_VIRTIO_RX].ring);
}

/* Of a queue that is broken it is said once, however often it is used. */
static int
receive(const char *arg __rte_unused)
{
	const struct virtqueue *vq = virtio_port.dev->data->rx_queues[0];
	struct rte_mbuf *m;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		if (rte_eth_rx_burst(virtio_port.id, 0, &m, 1) != 0)
			rte_pktmbuf_free(m);
	}
	return vq->broken ? -1 : 0;
}

static int
transmit(const char *arg __rte_unused)
{
	const struct virtqueue *vq = virtio_port.dev->data->tx_queues[0];
	struct rte_mbuf *m;
	unsigned int i;

	for (i = 0; i < 2 * RING; i++) {
		m = virtio_port_frame(60, 0);
		if (rte_eth_tx_burst(virtio_port.id, 0, &m, 1) != 1)
			rte_pktmbuf_free(m);
	}
	return vq->broken ? -1 : 0;
}

static int
promiscuous(const char *arg __rte_unused)
{
	return rte_eth_promiscuous_enable(virtio_port.id);
}

static int
stop_port(const char *arg __rte_unused)
{
	return rte_eth_dev_stop(virtio_port.id);
}

static void
wrong_id(void)
{
	fake_virtio.answer = FAKE_ANSWER_ID_BEYOND;
}

static void
vanishes(void)
{
	fake_vfio.gone = true;
}

/* A port that could not be stopped is reset again before it is closed; this is said once. */
static int
stop_and_reset(const char *arg)
{
	return stop_port(arg) == 0 ? 0 : rte_eth_dev_reset(virtio_port.id);
}

static const struct error_case running[] = {
	{ "receive, id", start_good, rx_bad_id, receive,
	  .line = OURS "queue 0: the device returned a buffer that it does not have (64): " UNUSED },
	{ "receive, too many", start_good, rx_too_many, receive,
	  .line = OURS "queue 0: the device returned more buffers than it was given (65): " UNUSED },
	{ "transmit, id", start_good, tx_bad_id, transmit,
	  .line = OURS "queue 1: the device returned a buffer that it does not have (64): " UNUSED },
	{ "command, no answer", start_ctrl, no_answer, promiscuous,
	  .line = OURS "the device did not answer the command RX_PROMISC: the control queue is not used any more; stop and start the port to try again" },
	{ "command, reset", start_ctrl, goes_out, promiscuous,
	  .line = OURS "the device went out of operation (status 0x00) before it answered the command RX_PROMISC: the control queue is not used any more; stop and start the port to try again" },
	{ "command, refused", start_ctrl, refused, promiscuous,
	  .line = OURS "the device refused the command RX_PROMISC (1): allow it where the device is made, or do without" },
	{ "command, id", start_ctrl, wrong_id, promiscuous,
	  .line = OURS "queue 4: the device returned a command that it does not have (4294967295): " UNUSED },
	{ "stop", start_good, never_resets, stop_port, .line = RESET },
	{ "stop, gone", start_good, vanishes, stop_and_reset,
	  .line = OURS "the device is gone: memory that it may still use is kept until this process ends" },
};

static int
test_running(void)
{
	return meet(running, RTE_DIM(running));
}

/* Each access to the device fails once, whatever it is for. */
static int
test_accesses(void)
{
	static const enum fake_vfio_op ops[] = {
		FAKE_OP_GET_INFO, FAKE_OP_GET_REGION_INFO, FAKE_OP_REGION_READ,
		FAKE_OP_REGION_WRITE, FAKE_OP_GET_IRQ_INFO, FAKE_OP_SET_IRQS,
	};
	unsigned int i;

	lost = 0;
	for (i = 0; i < RTE_DIM(ops); i++) {
		TEST_ASSERT_SUCCESS(error_lines_sweep(&setting, NULL, attach,
			ops[i]), "attach, operation %u", i);
		TEST_ASSERT_SUCCESS(error_lines_sweep(&setting, attach_good, start,
			ops[i]), "start, operation %u", i);
		TEST_ASSERT_SUCCESS(error_lines_sweep(&setting, start_good, stop_port,
			ops[i]), "stop, operation %u", i);
	}
	TEST_ASSERT_EQUAL(lost, 0, "%u mbufs are lost", lost);
	return TEST_SUCCESS;
}

/* The first port of a process makes what all others use. */
static int
setup_suite(void)
{
	int ret;

	ret = setup();
	if (ret == 0)
		ret = attach_good();
	virtio_port_stop();
	return ret;
}

static struct unit_test_suite suite = {
	.suite_name = "error lines: virtio devices",
	.setup = setup_suite,
	.unit_test_cases = {
		TEST_CASE(test_capabilities),
		TEST_CASE(test_examined),
		TEST_CASE(test_starts),
		TEST_CASE(test_running),
		TEST_CASE(test_accesses),
		TEST_CASES_END()
	}
};

static int
test_error_lines_virtio(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(error_lines_virtio_autotest, test_error_lines_virtio);
