/* SPDX-License-Identifier: BSD-3-Clause */

/* A port in several processes, of which this is the primary. */

#include <errno.h>
#include <string.h>

#include <bus_driver.h>

#include <mdev_virtio_ethdev.h>

#include "captured_log.h"
#include "fake_mp.h"
#include "fake_kernel.h"
#include "fake_vfio.h"
#include "made_up_sysfs.h"
#include "test.h"
#include "test_compat.h"
#include "virtio_port.h"

#define RING 64
#define ACTION "net_mdev_virtio"

struct message {
	uint32_t number, type;
	uint16_t port;
	bool reply;
};

static int
setup(void)
{
	fake_mp_start();
	fake_mp.echo = true;
	return virtio_port_attach_ctrl(RTE_BIT64(VIRTIO_NET_F_CTRL_RX), 1);
}

static void
teardown(void)
{
	fake_mp.request_errno = 0;
	virtio_port_stop();
	fake_mp_stop();
}

/* As if another process had the port. */
static void
set_secondaries(uint32_t count)
{
	mdev_virtio_hw(virtio_port.dev)->secondaries = count;
}

/* Only those who are there are told of a start and of a stop. */
static int
test_told(void)
{
	TEST_ASSERT_SUCCESS(virtio_port_start(RING), "start");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_EQUAL(fake_mp.requests, 0, "nobody was told");
	set_secondaries(1);
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	TEST_ASSERT_EQUAL(fake_mp.requests, 1, "not told of the start");
	TEST_ASSERT_SUCCESS(strcmp(fake_mp.last.name, ACTION), "%s",
		fake_mp.last.name);
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_EQUAL(fake_mp.requests, 2, "not told of the stop");
	TEST_ASSERT_EQUAL(fake_mp.notices, 0, "told twice");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "%u mbufs", virtio_port_mbufs());
	return TEST_SUCCESS;
}

/* One that does not answer holds up nothing, and the others hear of it. */
static int
test_silent(void)
{
	set_secondaries(2);
	TEST_ASSERT_SUCCESS(virtio_port_start(RING), "start");
	fake_mp.request_errno = ETIMEDOUT;
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 1, "lines");
	TEST_ASSERT_EQUAL(captured_log_lines("does not answer"), 1, "another line");
	TEST_ASSERT_EQUAL(fake_mp.notices, 1, "the others do not hear of it");
	TEST_ASSERT_EQUAL(fake_virtio.status, 0, "the device runs");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "%u mbufs", virtio_port_mbufs());
	return TEST_SUCCESS;
}

/* An answer to an earlier message, as EAL takes one that is late for that of the next. */
static void
older(struct rte_mp_msg *msg)
{
	fake_mp_answer_behind(msg, 100);
}

static void
older_once(struct rte_mp_msg *msg)
{
	older(msg);
	fake_mp.harm_reply = NULL;
}

/* To the one before, as all are that follow a late one at once. */
static void
behind(struct rte_mp_msg *msg)
{
	fake_mp_answer_behind(msg, 1);
}

/* Who is still at what it was told before is told again, and waited for. */
static int
test_late(void)
{
	set_secondaries(1);
	fake_mp.harm_reply = older_once;
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	TEST_ASSERT_SUCCESS(virtio_port_start(RING), "start");
	TEST_ASSERT_EQUAL(fake_mp.requests, 2, "told %u times", fake_mp.requests);
	fake_mp.harm_reply = behind;
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_EQUAL(fake_mp.requests, 4, "told %u times", fake_mp.requests);
	captured_log_stop();
	TEST_ASSERT(captured_log_lines(NULL) == 0 && fake_mp.notices == 0, "lines");
	fake_mp.harm_reply = older;
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	captured_log_stop();
	TEST_ASSERT(captured_log_lines(NULL) == 1 &&
		captured_log_lines("does not answer") == 1, "lines");
	fake_mp.harm_reply = NULL;
	return TEST_SUCCESS;
}

/*
 * A process that ends without stopping its port: EAL has the bus take the device back
 * while the others can be told still.
 */
static int
test_ends(void)
{
	struct rte_bus *bus = rte_bus_find_by_name("mdev");
	uint16_t id;

	set_secondaries(1);
	TEST_ASSERT_SUCCESS(virtio_port_start(RING), "start");
	TEST_ASSERT_EQUAL(fake_mp.requests, 1, "not told of the start");
	TEST_ASSERT_SUCCESS(test_bus_cleanup(bus), "cleanup");
	virtio_port.dev = NULL;
	TEST_ASSERT_EQUAL(fake_mp.requests, 2, "not told of the end");
	TEST_ASSERT_EQUAL(fake_virtio.status, 0, "the device runs");
	TEST_ASSERT_EQUAL(fake_vfio.opened, 0, "the device is open");
	TEST_ASSERT_FAIL(rte_eth_dev_get_port_by_name(VIRTIO_PORT_UUID, &id),
		"the port is left");
	TEST_ASSERT_EQUAL(virtio_port_mbufs(), 0, "%u mbufs", virtio_port_mbufs());
	return TEST_SUCCESS;
}

enum { TYPE_START, TYPE_STOP, TYPE_PAUSE, TYPE_UNKNOWN };

static int
send_type(uint32_t type)
{
	const struct message param = { .type = type, .port = virtio_port.id };
	struct rte_mp_msg msg = { .len_param = sizeof(param) };

	memcpy(msg.param, &param, sizeof(param));
	return fake_mp_action(ACTION)(&msg, "peer");
}

/* What a secondary process makes of each message; the port looks like its own. */
static int
follow(struct rte_eth_dev *dev)
{
	const struct rte_eth_fp_ops *fp = &rte_eth_fp_ops[virtio_port.id];
	struct virtqueue *vq = dev->data->rx_queues[0];
	const eth_rx_burst_t burst = fp->rx_pkt_burst;
	struct rte_mbuf *m;

	TEST_ASSERT_SUCCESS(send_type(TYPE_PAUSE), "pause");
	TEST_ASSERT(fp->rx_pkt_burst != burst &&
		fp->rx_pkt_burst != rte_eth_pkt_burst_dummy, "goes on");
	vq->pause.asked++;
	TEST_ASSERT(!mdev_virtio_queue_paused(vq), "heard of nobody");
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(virtio_port.id, 0, &m, 1), 0, "receive");
	TEST_ASSERT(mdev_virtio_queue_paused(vq), "not heard of");
	TEST_ASSERT(virtio_port_prepares(), "not prepared");
	TEST_ASSERT_SUCCESS(send_type(TYPE_START), "start");
	TEST_ASSERT(fp->rx_pkt_burst == burst, "does not go on");
	TEST_ASSERT(fp->rxq.data == dev->data->rx_queues, "other queues");
	TEST_ASSERT_SUCCESS(send_type(TYPE_STOP), "stop");
	TEST_ASSERT(fp->rx_pkt_burst == rte_eth_pkt_burst_dummy, "goes on");
	TEST_ASSERT(fp->rxq.data != dev->data->rx_queues, "has the queues");
	TEST_ASSERT(virtio_port_prepares(), "not prepared");
	TEST_ASSERT_SUCCESS(send_type(TYPE_START), "start");
	TEST_ASSERT_SUCCESS(send_type(TYPE_UNKNOWN), "unknown");
	TEST_ASSERT(fp->rx_pkt_burst == rte_eth_pkt_burst_dummy, "goes on");
	TEST_ASSERT_SUCCESS(send_type(TYPE_START), "start");
	return TEST_SUCCESS;
}

static int
test_follows(void)
{
	struct rte_eth_dev *dev = virtio_port.dev;
	const struct eth_dev_ops *ops = dev->dev_ops;
	int ret;

	TEST_ASSERT_SUCCESS(virtio_port_start(RING), "start");
	TEST_ASSERT_SUCCESS(mdev_virtio_secondary_listen(), "listen");
	dev->dev_ops = &mdev_virtio_secondary_ops;
	ret = follow(dev);
	dev->dev_ops = ops;
	return ret;
}

/* They are told of a recovery, and of a link that is set down, too. */
static int
test_told_of_pauses(void)
{
	TEST_ASSERT_SUCCESS(virtio_port_start(RING), "start");
	set_secondaries(1);
	TEST_ASSERT_SUCCESS(rte_eth_dev_set_link_down(virtio_port.id), "down");
	TEST_ASSERT_EQUAL(fake_mp.requests, 1, "not told of the link");
	TEST_ASSERT_SUCCESS(rte_eth_dev_set_link_up(virtio_port.id), "up");
	TEST_ASSERT_EQUAL(fake_mp.requests, 2, "not told of the link");
	mdev_virtio_bursts_pause(virtio_port.dev, NULL);
	TEST_ASSERT_EQUAL(fake_mp.requests, 3, "not told of the pause");
	TEST_ASSERT_EQUAL(((struct message *)fake_mp.last.param)->type, TYPE_PAUSE,
		"told something else");
	return TEST_SUCCESS;
}

static int
setup_secondary(void)
{
	fake_mp_start();
	fake_mp.echo = true;
	if (made_up_sysfs_start() < 0 || fake_kernel_start() < 0)
		return TEST_FAILED;
	fake_kernel.secondary = true;
	return rte_bus_probe();
}

static void
teardown_secondary(void)
{
	fake_kernel_stop();
	made_up_sysfs_stop();
	fake_mp_stop();
}

/* Whatever comes, and of whichever port: an answer, or an error to EAL. */
static int
test_messages(void)
{
	rte_mp_t action = fake_mp_action(ACTION);
	struct message *param;
	struct rte_mp_msg msg;
	uint16_t port;
	int len, ret;

	TEST_ASSERT_NOT_NULL(action, "it does not listen");
	memset(&msg, 0xff, sizeof(msg));
	for (len = 0; len <= RTE_MP_MAX_PARAM_LEN; len++) {
		msg.len_param = len;
		ret = action(&msg, "peer");
		TEST_ASSERT_EQUAL(ret, -EINVAL, "length %d: %d", len, ret);
	}
	TEST_ASSERT_EQUAL(fake_mp.replies, 0, "answers");
	/* as the primary sends it, of ports that this process does not have */
	memset(&msg, 0, sizeof(msg));
	msg.len_param = sizeof(*param);
	param = (struct message *)msg.param;
	for (port = 0; port < RTE_MAX_ETHPORTS; port++) {
		param->port = port;
		param->number = 7;
		param->reply = port % 2 != 0;
		TEST_ASSERT_SUCCESS(action(&msg, "peer"), "port %u", port);
		TEST_ASSERT_EQUAL(fake_mp.replies, (port + 1u) / 2, "port %u",
			port);
		TEST_ASSERT(!param->reply || ((struct message *)fake_mp.last.param)->number == 7,
			"port %u: an answer to something else", port);
	}
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: several processes",
	.unit_test_cases = {
		TEST_CASE_ST(setup, teardown, test_told),
		TEST_CASE_ST(setup, teardown, test_silent),
		TEST_CASE_ST(setup, teardown, test_late),
		TEST_CASE_ST(setup, teardown, test_ends),
		TEST_CASE_ST(setup, teardown, test_follows),
		TEST_CASE_ST(setup, teardown, test_told_of_pauses),
		TEST_CASE_ST(setup_secondary, teardown_secondary, test_messages),
		TEST_CASES_END()
	}
};

static int
test_mdev_virtio_mp(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_virtio_mp_autotest, test_mdev_virtio_mp);
