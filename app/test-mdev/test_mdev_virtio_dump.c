/* SPDX-License-Identifier: BSD-3-Clause */

/* Names of features, registers, private dump. */

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include <rte_cycles.h>
#include <rte_dev_info.h>

#include <mdev_virtio_ethdev.h>
#include <mdev_virtio_features.h>

#include "captured_log.h"
#include "fake_mp.h"
#include "fake_vfio.h"
#include "test.h"
#include "virtio_port.h"

#define RING 64
#define PAIRS 2
#define VQS (2 * PAIRS + 1)
#define QUEUES (VIRTIO_REGS_COMMON + VIRTIO_REGS_CONFIG)
#define LENGTH (QUEUES + VQS * VIRTIO_REGS_QUEUE)

static int
setup(void)
{
	return virtio_port_attach_ctrl(RTE_BIT64(VIRTIO_NET_F_MQ) |
			RTE_BIT64(VIRTIO_NET_F_CTRL_RX), PAIRS);
}

static int
start(void)
{
	const struct rte_eth_conf conf = { .rxmode.mtu = RTE_ETHER_MTU };

	return virtio_port_start_queues(PAIRS, PAIRS, RING, &conf);
}

#define NAME(feature) { feature, #feature }

/* What the kernel's headers know has the same number there. */
static int
test_names(void)
{
	static const struct { unsigned int bit; const char *name; } known[] = {
		NAME(VIRTIO_NET_F_CSUM), NAME(VIRTIO_NET_F_GUEST_CSUM),
		NAME(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS), NAME(VIRTIO_NET_F_MTU),
		NAME(VIRTIO_NET_F_MAC), NAME(VIRTIO_NET_F_GUEST_TSO4),
		NAME(VIRTIO_NET_F_GUEST_TSO6), NAME(VIRTIO_NET_F_GUEST_ECN),
		NAME(VIRTIO_NET_F_GUEST_UFO), NAME(VIRTIO_NET_F_HOST_TSO4),
		NAME(VIRTIO_NET_F_HOST_TSO6), NAME(VIRTIO_NET_F_HOST_ECN),
		NAME(VIRTIO_NET_F_HOST_UFO), NAME(VIRTIO_NET_F_MRG_RXBUF),
		NAME(VIRTIO_NET_F_STATUS), NAME(VIRTIO_NET_F_CTRL_VQ),
		NAME(VIRTIO_NET_F_CTRL_RX), NAME(VIRTIO_NET_F_CTRL_VLAN),
		NAME(VIRTIO_NET_F_CTRL_RX_EXTRA),
		NAME(VIRTIO_NET_F_GUEST_ANNOUNCE), NAME(VIRTIO_NET_F_MQ),
		NAME(VIRTIO_NET_F_CTRL_MAC_ADDR), NAME(VIRTIO_NET_F_HASH_REPORT),
		NAME(VIRTIO_NET_F_RSS), NAME(VIRTIO_NET_F_RSC_EXT),
		NAME(VIRTIO_NET_F_STANDBY), NAME(VIRTIO_NET_F_SPEED_DUPLEX),
		NAME(VIRTIO_F_NOTIFY_ON_EMPTY), NAME(VIRTIO_F_ANY_LAYOUT),
		NAME(VIRTIO_RING_F_INDIRECT_DESC), NAME(VIRTIO_RING_F_EVENT_IDX),
		NAME(VIRTIO_F_VERSION_1), NAME(VIRTIO_F_ACCESS_PLATFORM),
		NAME(VIRTIO_F_RING_PACKED), NAME(VIRTIO_F_ORDER_PLATFORM),
		NAME(VIRTIO_F_SR_IOV), NAME(VIRTIO_F_IN_ORDER),
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(known); i++) {
		TEST_ASSERT_NOT_NULL(mdev_virtio_feature_name(known[i].bit), "%s",
			known[i].name);
		TEST_ASSERT_SUCCESS(strcmp(mdev_virtio_feature_name(known[i].bit),
			known[i].name), "%s is %s", known[i].name,
			mdev_virtio_feature_name(known[i].bit));
	}
	TEST_ASSERT_NULL(mdev_virtio_feature_name(4), "4");
	TEST_ASSERT_NULL(mdev_virtio_feature_name(64), "64");
	return TEST_SUCCESS;
}

static int
test_registers(void)
{
	struct rte_dev_reg_info info = { .data = NULL };
	static uint32_t words[LENGTH + 1];
	const struct fake_virtio_queue *q;
	uint16_t id = virtio_port.id, i;
	uint64_t features;

	TEST_ASSERT_SUCCESS(start(), "start");
	TEST_ASSERT_SUCCESS(rte_eth_dev_get_reg_info(id, &info), "length");
	TEST_ASSERT_EQUAL(info.length, LENGTH, "%u", info.length);
	TEST_ASSERT_EQUAL(info.width, sizeof(uint32_t), "%u", info.width);
	words[LENGTH] = 0x1234;
	info.data = words;
	TEST_ASSERT_SUCCESS(rte_eth_dev_get_reg_info(id, &info), "registers");
	TEST_ASSERT_EQUAL(words[LENGTH], 0x1234, "too many");
	features = (uint64_t)words[1] << 32 | words[0];
	TEST_ASSERT_EQUAL(features, fake_virtio.offered, "0x%" PRIx64, features);
	features = (uint64_t)words[3] << 32 | words[2];
	TEST_ASSERT_EQUAL(features, fake_virtio.accepted, "0x%" PRIx64, features);
	TEST_ASSERT_EQUAL(words[4], fake_virtio.config_vector, "vector");
	TEST_ASSERT_EQUAL(words[5], VQS, "%u queues", words[5]);
	TEST_ASSERT_EQUAL(words[6], fake_virtio.status, "status");
	TEST_ASSERT_EQUAL(words[7], fake_virtio.generation, "generation");
	TEST_ASSERT_EQUAL(words[8], fake_virtio.isr, "ISR");
	TEST_ASSERT_EQUAL(words[9], sizeof(fake_virtio.config), "%u", words[9]);
	TEST_ASSERT_EQUAL(words[10], 2, "MAC 0x%x", words[10]);
	TEST_ASSERT_EQUAL(words[11], 0x00010700, "MAC and status 0x%x", words[11]);
	for (i = 0; i < VQS; i++) {
		const uint32_t *w = &words[QUEUES + i * VIRTIO_REGS_QUEUE];

		q = &fake_virtio.queue[i];
		TEST_ASSERT(w[0] == RING && w[1] == q->vector && w[2] == 1 &&
			w[3] == i, "queue %u", i);
		TEST_ASSERT(((uint64_t)w[5] << 32 | w[4]) == q->desc &&
			((uint64_t)w[7] << 32 | w[6]) == q->avail &&
			((uint64_t)w[9] << 32 | w[8]) == q->used,
			"queue %u: addresses", i);
	}
	/* a part is not to be had, and an error is one */
	info.length--;
	TEST_ASSERT_EQUAL(rte_eth_dev_get_reg_info(id, &info), -ENOTSUP, "part");
	info.length++;
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	fake_vfio.fail_after = LENGTH - 10;
	fake_vfio.fail = FAKE_OP_REGION_READ;
	TEST_ASSERT_EQUAL(rte_eth_dev_get_reg_info(id, &info), -EIO, "error");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines("registers"), 1, "lines");
	return TEST_SUCCESS;
}

/* Reading the ISR takes an interrupt away, if there is no vector for it. */
static int
test_registers_intx(void)
{
	struct rte_dev_reg_info info = { .length = LENGTH };
	static uint32_t words[LENGTH];

	fake_vfio.irqs[VFIO_PCI_MSIX_IRQ_INDEX].count = 0;
	TEST_ASSERT_SUCCESS(virtio_port_detach(), "detach");
	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "attach");
	fake_virtio.isr = 3;
	info.data = words;
	TEST_ASSERT_SUCCESS(rte_eth_dev_get_reg_info(virtio_port.id, &info), "read");
	TEST_ASSERT_EQUAL(words[8], UINT32_MAX, "0x%x", words[8]);
	TEST_ASSERT_EQUAL(fake_virtio.isr, 3, "it was read");
	return TEST_SUCCESS;
}

static char *
dump(void)
{
	char *text = NULL;
	size_t len = 0;
	FILE *file = open_memstream(&text, &len);

	if (file == NULL)
		return NULL;
	if (rte_eth_dev_priv_dump(virtio_port.id, file) != 0)
		fprintf(file, "failed");
	fclose(file);
	return text;
}

static int
expect(const char *const *wanted, unsigned int count)
{
	char *text = dump();
	unsigned int i;

	TEST_ASSERT_NOT_NULL(text, "no dump");
	for (i = 0; i < count; i++) {
		if (strstr(text, wanted[i]) == NULL)
			break;
	}
	if (i < count)
		fputs(text, stderr);
	free(text);
	TEST_ASSERT_EQUAL(i, count, "no '%s'", wanted[i]);
	return TEST_SUCCESS;
}

static int
test_dump(void)
{
	static const char *const before[] = {
		"  VIRTIO_F_VERSION_1\n", "  VIRTIO_NET_F_CTRL_RX\n",
		"rings: split\n", "port: stopped\n", "device status: 0x0b\n",
		"queue pairs: 2",
	};
	static const char *const after[] = {
		"port: started, link set down\n", "device status: 0x0f\n",
		"receive queue 1: virtqueue 2 of 64 descriptors, 0 free, next given 64, next taken back 0\n",
		"transmit queue 0: virtqueue 1 of 64 descriptors, 63 free, next given 1, next taken back 0\n",
		"  packets 1, bytes 60,", "control queue 0: virtqueue 4",
	};
	struct rte_mbuf *m;

	TEST_ASSERT_SUCCESS(expect(before, RTE_DIM(before)), "before");
	TEST_ASSERT_SUCCESS(start(), "start");
	m = virtio_port_frame(60, 1);
	TEST_ASSERT_EQUAL(rte_eth_tx_burst(virtio_port.id, 0, &m, 1), 1, "send");
	TEST_ASSERT_SUCCESS(rte_eth_dev_set_link_down(virtio_port.id), "down");
	return expect(after, RTE_DIM(after));
}

/* A device that is slow to answer what is read, and its port is closed meanwhile. */
static struct {
	struct virtio_transport_ops ops;
	const struct virtio_transport_ops *real;
	pthread_t closer;
	bool began, fails;
	unsigned int destroyed; /* atomic */
	unsigned int within;    /* of them, before it answered */
} closing;

static void *
close_port(void *dev)
{
	mdev_virtio_dev_close(dev);
	return NULL;
}

/* Returns false if there is no device any more. */
static bool
close_within(void)
{
	const struct mdev_virtio_process *process = virtio_port.dev->process_private;
	unsigned int i;

	if (closing.began)
		return true;
	closing.began = true;
	if (pthread_create(&closing.closer, NULL, close_port, virtio_port.dev) != 0)
		return true;
	for (i = 0; i < 10000 && !__atomic_load_n(&process->withdrawn, __ATOMIC_SEQ_CST); i++)
		rte_delay_us_sleep(1000);
	closing.within = __atomic_load_n(&closing.destroyed, __ATOMIC_SEQ_CST);
	return closing.within == 0;
}

static int
slow_status(struct virtio_transport *tr, uint8_t *status)
{
	return close_within() ? closing.real->get_status(tr, status) : -EIO;
}

static int
slow_regs(struct virtio_transport *tr, uint32_t nr_vqs, uint32_t *words)
{
	return close_within() && !closing.fails ? closing.real->get_regs(tr, nr_vqs, words) : -EIO;
}

static void
count_destroy(struct virtio_transport *tr)
{
	__atomic_fetch_add(&closing.destroyed, 1, __ATOMIC_SEQ_CST);
	closing.real->destroy(tr);
}

static void
be_slow(void)
{
	struct virtio_transport *tr = mdev_virtio_transport(virtio_port.dev);

	memset(&closing, 0, sizeof(closing));
	closing.real = tr->ops;
	closing.ops = *tr->ops;
	closing.ops.get_status = slow_status;
	closing.ops.get_regs = slow_regs;
	closing.ops.destroy = count_destroy;
	tr->ops = &closing.ops;
}

static int
check_closed(void)
{
	TEST_ASSERT(closing.began, "nothing was read");
	pthread_join(closing.closer, NULL);
	TEST_ASSERT_EQUAL(closing.within, 0, "closed while it was read");
	TEST_ASSERT_EQUAL(closing.destroyed, 1, "%u times", closing.destroyed);
	TEST_ASSERT_NULL(virtio_port.dev->process_private, "not closed");
	return TEST_SUCCESS;
}

static int
test_dump_while_closing(void)
{
	static const char *const whole[] = {
		"device status: 0x", "control queue 0: virtqueue 4",
	};
	int ret;

	be_slow();
	ret = expect(whole, RTE_DIM(whole));
	TEST_ASSERT_SUCCESS(check_closed(), "close");
	TEST_ASSERT_SUCCESS(ret, "dump");
	TEST_ASSERT_EQUAL(mdev_virtio_priv_dump(virtio_port.dev, stderr), -ENODEV,
		"of a closed port");
	return TEST_SUCCESS;
}

static int
test_registers_while_closing(void)
{
	static uint32_t words[LENGTH];
	struct rte_dev_reg_info info = { .length = LENGTH, .data = words };
	int ret;

	be_slow();
	ret = mdev_virtio_get_reg(virtio_port.dev, &info);
	TEST_ASSERT_SUCCESS(check_closed(), "close");
	TEST_ASSERT_SUCCESS(ret, "registers: %d", ret);
	TEST_ASSERT_EQUAL(mdev_virtio_get_reg(virtio_port.dev, &info), -ENODEV,
		"of a closed port");
	return TEST_SUCCESS;
}

/* The device is gone by then: the registers cannot be read, and it is asked for its status. */
static int
test_registers_fail_while_closing(void)
{
	static uint32_t words[LENGTH];
	struct rte_dev_reg_info info = { .length = LENGTH, .data = words };

	TEST_ASSERT_SUCCESS(start(), "start");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	be_slow();
	closing.fails = true;
	captured_log_start();
	TEST_ASSERT_EQUAL(mdev_virtio_get_reg(virtio_port.dev, &info), -EIO, "read");
	captured_log_stop();
	TEST_ASSERT_SUCCESS(check_closed(), "close");
	return TEST_SUCCESS;
}

static int
test_link_while_closing(void)
{
	TEST_ASSERT_SUCCESS(start(), "start");
	be_slow();
	mdev_virtio_link_update(virtio_port.dev, 0);
	TEST_ASSERT_SUCCESS(check_closed(), "close");
	return TEST_SUCCESS;
}

static struct {
	unsigned int seen, free;
} resets;

static void
look_at_lock(void)
{
	pthread_mutex_t *lock = &mdev_virtio_hw(virtio_port.dev)->recovery.lock;

	resets.seen++;
	if (pthread_mutex_trylock(lock) != 0)
		return;
	pthread_mutex_unlock(lock);
	resets.free++;
}

/* Who reads registers selects queues, and so does a start: one after the other. */
static int
test_registers_and_start(void)
{
	static uint32_t words[LENGTH];
	struct rte_dev_reg_info info = { .length = LENGTH, .data = words };

	memset(&resets, 0, sizeof(resets));
	fake_virtio.on_reset = look_at_lock;
	TEST_ASSERT_SUCCESS(start(), "start");
	TEST_ASSERT(resets.seen > 0, "no reset");
	TEST_ASSERT_EQUAL(resets.free, 0, "%u resets without the lock",
		resets.free);
	TEST_ASSERT_SUCCESS(rte_eth_dev_get_reg_info(virtio_port.id, &info),
		"it is held still");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	fake_virtio.on_reset = NULL;
	fake_virtio.never_enables = true;
	TEST_ASSERT_FAIL(rte_eth_dev_start(virtio_port.id), "started");
	fake_virtio.never_enables = false;
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	TEST_ASSERT_SUCCESS(rte_eth_dev_get_reg_info(virtio_port.id, &info),
		"it is held by a start that failed");
	return TEST_SUCCESS;
}

/* How many lines of a dump are this one. */
static unsigned int
lines(const char *line)
{
	char *text = dump(), *at = text;
	unsigned int count = 0;

	while (at != NULL && (at = strstr(at, line)) != NULL) {
		at += strlen(line);
		count++;
	}
	free(text);
	return count;
}

/* A queue that was stopped did nothing wrong, nor did those of a stopped port. */
static int
test_states(void)
{
	struct virtqueue *rx;

	TEST_ASSERT_SUCCESS(start(), "start");
	rx = virtio_port.dev->data->rx_queues[1];
	TEST_ASSERT_EQUAL(lines(", broken\n") + lines(", stopped\n"), 0, "they run");
	TEST_ASSERT_SUCCESS(rte_eth_dev_tx_queue_stop(virtio_port.id, 0), "stop");
	TEST_ASSERT_EQUAL(lines(", broken\n"), 0, "stopped");
	TEST_ASSERT_EQUAL(lines(", stopped\n"), 1, "stopped");
	virtqueue_break(rx, "nonsense", 1);
	TEST_ASSERT_EQUAL(lines(", broken\n"), 1, "broken");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_EQUAL(lines(", broken\n"), 0, "of a stopped port");
	TEST_ASSERT_EQUAL(lines(", stopped\n"), 2 * PAIRS, "of a stopped port");
	return TEST_SUCCESS;
}

/* When the device wants to be notified, of each queue that it has. */
static int
check_wanted(const char *at_index)
{
	struct mirror_ring *ring = &fake_virtio.queue[FAKE_VIRTIO_TX].ring;
	struct rte_mbuf *m;

	TEST_ASSERT_EQUAL(lines("to be notified"), 0, "stopped");
	TEST_ASSERT_SUCCESS(virtio_port_start(RING), "start");
	TEST_ASSERT_EQUAL(lines("  to be notified"), 2, "%u queues",
		lines("  to be notified"));
	mirror_ring_want_kicks(ring, false);
	if (at_index == NULL) {
		TEST_ASSERT_EQUAL(lines("  not to be notified\n"), 1, "disabled");
		TEST_ASSERT_EQUAL(lines("  to be notified\n"), 1, "the other one");
		return TEST_SUCCESS;
	}
	m = virtio_port_frame(60, 1);
	TEST_ASSERT_EQUAL(rte_eth_tx_burst(virtio_port.id, 0, &m, 1), 1, "send");
	mirror_ring_want_kick_at(ring, RING + 4);
	TEST_ASSERT_EQUAL(lines(at_index), 1, "no '%s'", at_index);
	return TEST_SUCCESS;
}

static int
attach_rings(uint64_t features)
{
	if (virtio_port_prepare(FAKE_VIRTIO_TRAPPED) < 0)
		return -1;
	fake_virtio_offer(features);
	return virtio_port_attach("");
}

static int
test_wanted(void)
{
	static const struct { uint64_t features; const char *at_index; } rings[] = {
		{ 0, NULL },
		{ RTE_BIT64(VIRTIO_F_RING_PACKED), NULL },
		{ RTE_BIT64(VIRTIO_RING_F_EVENT_IDX),
			"  to be notified of available index 67\n" },
		{ RTE_BIT64(VIRTIO_F_RING_PACKED) | RTE_BIT64(VIRTIO_RING_F_EVENT_IDX),
			"  to be notified of descriptor 3 with wrap counter 0\n" },
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(rings); i++) {
		if (i > 0)
			virtio_port_stop();
		TEST_ASSERT_SUCCESS(attach_rings(rings[i].features), "attach");
		TEST_ASSERT_SUCCESS(check_wanted(rings[i].at_index), "rings %u", i);
	}
	return TEST_SUCCESS;
}

/* A feature without a name is told by its number. */
static int
test_unknown_feature(void)
{
	char *text = NULL;
	size_t len = 0;
	FILE *file = open_memstream(&text, &len);

	TEST_ASSERT_NOT_NULL(file, "no stream");
	mdev_virtio_features_print(file, "-", UINT64_C(1) << 48 | 1);
	fclose(file);
	TEST_ASSERT_SUCCESS(strcmp(text, "-VIRTIO_NET_F_CSUM\n-bit 48\n"), "%s", text);
	free(text);
	return TEST_SUCCESS;
}

static int
setup_mp(void)
{
	fake_mp_start();
	return setup();
}

static void
teardown_mp(void)
{
	fake_mp.secondary = false;
	virtio_port_stop();
	fake_mp_stop();
}

static void
other_result(struct rte_mp_msg *msg)
{
	msg->len_param--;
}

/* To an earlier request. */
static void
older_answer(struct rte_mp_msg *msg)
{
	fake_mp_answer_behind(msg, 100);
}

/* To the one before, as all are that follow a late one at once. */
static void
answer_behind(struct rte_mp_msg *msg)
{
	fake_mp_answer_behind(msg, 1);
}

/* A secondary process has them from the primary, and the length by itself. */
static int
test_registers_secondary(void)
{
	const struct eth_dev_ops *ops = &mdev_virtio_secondary_ops;
	struct rte_dev_reg_info info = { .data = NULL };
	static uint32_t words[LENGTH + 1], same[LENGTH];
	struct rte_eth_dev *dev = virtio_port.dev;

	memset(words, 0, sizeof(words));
	words[LENGTH] = 0x1234;
	TEST_ASSERT_SUCCESS(ops->get_reg(dev, &info), "length");
	TEST_ASSERT_EQUAL(info.length, LENGTH, "%u", info.length);
	TEST_ASSERT_EQUAL(info.width, sizeof(uint32_t), "%u", info.width);
	info.data = words;
	TEST_ASSERT_EQUAL(ops->get_reg(dev, &info), -ENETDOWN, "stopped");
	TEST_ASSERT_SUCCESS(start(), "start");
	TEST_ASSERT_EQUAL(fake_mp.requests, 0, "asked for nothing");
	fake_mp.secondary = true;
	TEST_ASSERT_SUCCESS(ops->get_reg(dev, &info), "registers");
	fake_mp.secondary = false;
	TEST_ASSERT_EQUAL(fake_mp.requests, 1, "not asked");
	TEST_ASSERT_EQUAL(words[LENGTH], 0x1234, "too many");
	info.data = same;
	TEST_ASSERT_SUCCESS(rte_eth_dev_get_reg_info(virtio_port.id, &info),
		"the primary's");
	TEST_ASSERT_SUCCESS(memcmp(words, same, sizeof(same)), "not the same");
	info.length--;
	TEST_ASSERT_EQUAL(ops->get_reg(dev, &info), -ENOTSUP, "part");
	info.length++;
	/* not answered, or by nobody that knows how; or to what was asked before */
	fake_mp.secondary = true;
	fake_mp.harm_reply = other_result;
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	TEST_ASSERT_EQUAL(ops->get_reg(dev, &info), -ETIMEDOUT, "answered");
	fake_mp.harm_reply = older_answer;
	TEST_ASSERT_EQUAL(ops->get_reg(dev, &info), -ETIMEDOUT, "answered");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines("the primary process did not read the registers"),
		2, "line");
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 2, "lines");
	/* asked again, the primary answers the first time */
	fake_mp.requests = 0;
	fake_mp.harm_reply = answer_behind;
	memset(info.data, 0xee, info.length * sizeof(uint32_t));
	TEST_ASSERT_SUCCESS(ops->get_reg(dev, &info), "registers");
	TEST_ASSERT_EQUAL(fake_mp.requests, 2, "asked %u times", fake_mp.requests);
	TEST_ASSERT_NOT_EQUAL(*(uint32_t *)info.data, 0xeeeeeeee, "no registers");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: dumps",
	.unit_test_cases = {
		TEST_CASE(test_names),
		TEST_CASE(test_unknown_feature),
		TEST_CASE_ST(setup, virtio_port_stop, test_registers),
		TEST_CASE_ST(setup, virtio_port_stop, test_registers_intx),
		TEST_CASE_ST(setup_mp, teardown_mp, test_registers_secondary),
		TEST_CASE_ST(setup, virtio_port_stop, test_dump),
		TEST_CASE_ST(setup, virtio_port_stop, test_states),
		TEST_CASE_ST(setup, virtio_port_stop, test_registers_and_start),
		TEST_CASE_ST(setup, virtio_port_stop, test_dump_while_closing),
		TEST_CASE_ST(setup, virtio_port_stop, test_registers_while_closing),
		TEST_CASE_ST(setup, virtio_port_stop, test_registers_fail_while_closing),
		TEST_CASE_ST(setup, virtio_port_stop, test_link_while_closing),
		TEST_CASE_ST(NULL, virtio_port_stop, test_wanted),
		TEST_CASES_END()
	}
};

static int
test_mdev_virtio_dump(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_virtio_dump_autotest, test_mdev_virtio_dump);
