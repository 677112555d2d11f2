/* SPDX-License-Identifier: BSD-3-Clause */

/* Receive interrupts, as an application that sleeps uses them. */

#include <errno.h>
#include <unistd.h>

#include <rte_epoll.h>
#include <rte_interrupts.h>
#include <rte_mbuf.h>

#include <mdev_virtio_ethdev.h>

#include "captured_log.h"
#include "fake_vfio.h"
#include "test.h"
#include "virtio_port.h"

#define RING 64
#define MSIX VFIO_PCI_MSIX_IRQ_INDEX
#define INTX VFIO_PCI_INTX_IRQ_INDEX

/* An event that must come may take long; one that must not come is not waited for. */
#define LONG_MS 10000

static const struct rte_eth_conf conf = {
	.rxmode.mtu = RTE_ETHER_MTU,
	.intr_conf.rxq = 1,
};

static int
setup(void)
{
	return virtio_port_attach_ctrl(RTE_BIT64(VIRTIO_NET_F_MQ), FAKE_VIRTIO_PAIRS);
}

static int
start(uint16_t nb_rx, uint16_t nb_tx)
{
	return virtio_port_start_queues(nb_rx, nb_tx, RING, &conf);
}

static int
wait_for(uint16_t queue)
{
	return rte_eth_dev_rx_intr_ctl_q(virtio_port.id, queue,
		RTE_EPOLL_PER_THREAD, RTE_INTR_EVENT_ADD,
		(void *)(uintptr_t)(queue + 100));
}

/* The queue whose event came, or -1. */
static int
event(int timeout)
{
	struct rte_epoll_event ev;

	if (rte_epoll_wait(RTE_EPOLL_PER_THREAD, &ev, 1, timeout) != 1)
		return -1;
	return (uintptr_t)ev.epdata.data - 100;
}

static int
test_each_queue(void)
{
	uint8_t data[60] = { 0 };
	struct rte_mbuf *m;
	uint16_t i;
	int got;

	TEST_ASSERT_SUCCESS(start(4, 4), "start");
	for (i = 0; i < 4; i++) {
		TEST_ASSERT_SUCCESS(wait_for(i), "queue %u", i);
		TEST_ASSERT_EQUAL(fake_virtio_interrupt(2 * i), 0,
			"queue %u: nobody asked", i);
		TEST_ASSERT_SUCCESS(rte_eth_dev_rx_intr_enable(virtio_port.id, i),
			"queue %u", i);
	}
	TEST_ASSERT_EQUAL(event(0), -1, "an event without a frame");
	for (i = 0; i < 4; i++) {
		TEST_ASSERT_EQUAL(fake_virtio_receive_on(i, data, 60), 1, "frame");
		TEST_ASSERT_EQUAL(fake_virtio_interrupt(2 * i), 1, "queue %u", i);
		got = event(LONG_MS);
		TEST_ASSERT_EQUAL(got, i, "queue %u: event of %d", i, got);
		TEST_ASSERT_EQUAL(event(0), -1, "queue %u: a second event", i);
		TEST_ASSERT_SUCCESS(rte_eth_dev_rx_intr_disable(virtio_port.id,
			i), "queue %u", i);
		TEST_ASSERT_EQUAL(rte_eth_rx_burst(virtio_port.id, i, &m, 1), 1,
			"queue %u", i);
		rte_pktmbuf_free(m);
		TEST_ASSERT_EQUAL(fake_virtio_receive_on(i, data, 60), 1, "frame");
		TEST_ASSERT_EQUAL(fake_virtio_interrupt(2 * i), 0,
			"queue %u: disabled", i);
	}
	return TEST_SUCCESS;
}

/* What came before interrupts were enabled must not be slept over. */
static int
test_race(void)
{
	uint8_t data[60] = { 0 };
	struct rte_mbuf *m;
	int got;

	TEST_ASSERT_SUCCESS(start(2, 2), "start");
	TEST_ASSERT_SUCCESS(wait_for(1), "queue 1");
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(virtio_port.id, 1, &m, 1), 0, "empty");
	TEST_ASSERT_EQUAL(fake_virtio_receive_on(1, data, 60), 1, "frame");
	TEST_ASSERT_EQUAL(fake_virtio_interrupt(2), 0, "not wanted yet");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_intr_enable(virtio_port.id, 1),
		"enable");
	got = event(LONG_MS);
	TEST_ASSERT_EQUAL(got, 1, "event of %d", got);
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(virtio_port.id, 1, &m, 1), 1, "frame");
	rte_pktmbuf_free(m);
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_intr_enable(virtio_port.id, 1),
		"enable");
	TEST_ASSERT_EQUAL(event(0), -1, "an event of nothing");
	return TEST_SUCCESS;
}

/* Rings that are polled with a queue wake whoever sleeps on it. */
static int
test_siblings(void)
{
	uint8_t data[60] = { 0 };
	struct rte_mbuf *m;
	int got;

	TEST_ASSERT_SUCCESS(start(1, 3), "start");
	TEST_ASSERT_SUCCESS(wait_for(0), "queue 0");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_intr_enable(virtio_port.id, 0),
		"enable");
	TEST_ASSERT_EQUAL(fake_virtio_receive_on(2, data, 60), 1, "frame");
	TEST_ASSERT_EQUAL(fake_virtio_interrupt(4), 1, "no interrupt");
	got = event(LONG_MS);
	TEST_ASSERT_EQUAL(got, 0, "event of %d", got);
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_intr_disable(virtio_port.id, 0),
		"disable");
	TEST_ASSERT_EQUAL(fake_virtio_interrupt(4), 0, "disabled");
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(virtio_port.id, 0, &m, 1), 1, "frame");
	rte_pktmbuf_free(m);
	TEST_ASSERT_EQUAL(fake_virtio_receive_on(1, data, 60), 1, "frame");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_intr_enable(virtio_port.id, 0),
		"enable");
	TEST_ASSERT_EQUAL(event(LONG_MS), 0, "what came before");
	return TEST_SUCCESS;
}

/* Any number of starts and stops; applications forget to take their events back. */
static int
test_life(void)
{
	unsigned int i, before = 0, fds;

	for (i = 0; i < 20; i++) {
		TEST_ASSERT_SUCCESS(start(1 + i % 4, 1 + i / 4 % 4), "start %u", i);
		TEST_ASSERT_SUCCESS(wait_for(i % 4), "start %u", i);
		TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
		TEST_ASSERT_EQUAL(fake_vfio.irqs[MSIX].fds[1], -1, "enabled");
		TEST_ASSERT_FAIL(wait_for(0), "waiting on a stopped port");
		fds = virtio_port_eventfds();
		if (i == 0)
			before = fds;
		TEST_ASSERT_EQUAL(fds, before, "%u files, then %u", before, fds);
	}
	return TEST_SUCCESS;
}

static int
expect_refused(uint16_t nb_rx)
{
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	TEST_ASSERT_EQUAL(virtio_port_configure(nb_rx, 1, RING, &conf), -ENOTSUP,
		"%u queues", nb_rx);
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines("mdev_virtio: "), 1, "lines");
	return TEST_SUCCESS;
}

/* The device has them and gives less. */
static int
test_vectors(void)
{
	TEST_ASSERT_SUCCESS(virtio_port_detach(), "remove");
	fake_vfio.irqs[MSIX].count = 3;
	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "attach");
	TEST_ASSERT_SUCCESS(start(2, 3), "two");
	TEST_ASSERT_EQUAL(fake_virtio.queue[2].vector, 2, "not its own");
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	fake_virtio.vectors_max = 2;
	TEST_ASSERT_FAIL(rte_eth_dev_start(virtio_port.id), "started");
	TEST_ASSERT_EQUAL(fake_vfio.irqs[MSIX].fds[0], -1, "left enabled");
	TEST_ASSERT_FAIL(wait_for(0), "an eventfd is left");
	fake_virtio.vectors_max = 3;
	TEST_ASSERT_SUCCESS(rte_eth_dev_start(virtio_port.id), "start");
	return TEST_SUCCESS;
}

/* One event wakes all who sleep on any of the queues, each time. */
static int
expect_all(uint16_t nb_rx)
{
	unsigned int seen = 0;
	uint16_t i;
	int got;

	for (i = 0; i < nb_rx; i++) {
		got = event(LONG_MS);
		TEST_ASSERT(got >= 0 && got < nb_rx, "event of %d", got);
		seen |= 1u << got;
	}
	TEST_ASSERT_EQUAL(seen, (1u << nb_rx) - 1, "some slept on: 0x%x", seen);
	return TEST_SUCCESS;
}

static int
sleep_on(uint16_t nb_rx)
{
	uint16_t i;

	for (i = 0; i < nb_rx; i++) {
		TEST_ASSERT_SUCCESS(wait_for(i), "queue %u", i);
		TEST_ASSERT_SUCCESS(rte_eth_dev_rx_intr_enable(virtio_port.id, i),
			"queue %u", i);
	}
	TEST_ASSERT_EQUAL(event(0), -1, "an event without a frame");
	return TEST_SUCCESS;
}

static int
share(uint32_t vectors, uint16_t vector)
{
	uint8_t data[60] = { 0 };
	unsigned int eventfds;
	struct rte_mbuf *m;
	uint16_t i;

	TEST_ASSERT_SUCCESS(virtio_port_detach(), "remove");
	eventfds = virtio_port_eventfds();
	fake_vfio.irqs[MSIX].count = vectors;
	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "attach");
	TEST_ASSERT_SUCCESS(start(4, 4), "start");
	TEST_ASSERT_SUCCESS(sleep_on(4), "?");
	for (i = 0; i < 4; i++) {
		TEST_ASSERT_EQUAL(fake_virtio.queue[2 * i].vector, vector,
			"queue %u: vector %u", i, fake_virtio.queue[2 * i].vector);
		TEST_ASSERT_EQUAL(fake_virtio_receive_on(i, data, 60), 1, "frame");
		TEST_ASSERT_EQUAL(fake_virtio_interrupt(2 * i), 1, "queue %u", i);
		TEST_ASSERT_SUCCESS(expect_all(4), "queue %u", i);
		TEST_ASSERT_EQUAL(rte_eth_rx_burst(virtio_port.id, i, &m, 1), 1,
			"queue %u", i);
		rte_pktmbuf_free(m);
	}
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	TEST_ASSERT_EQUAL(virtio_port_eventfds(), eventfds, "files are open");
	return TEST_SUCCESS;
}

static int
test_shared(void)
{
	TEST_ASSERT_SUCCESS(share(4, 1), "four vectors");
	TEST_ASSERT_SUCCESS(share(2, 1), "two vectors");
	TEST_ASSERT_SUCCESS(share(1, 0), "one vector");
	return TEST_SUCCESS;
}

/* A line for all: the ISR says whose it is (VIRTIO 1.2 s. 4.1.4.5). */
static int
test_intx(void)
{
	uint64_t one = 1;

	TEST_ASSERT_SUCCESS(virtio_port_detach(), "remove");
	fake_vfio.irqs[MSIX].count = 0;
	fake_vfio.irqs[INTX].count = 1;
	fake_vfio.irqs[INTX].flags = VFIO_IRQ_INFO_EVENTFD;
	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "attach");
	TEST_ASSERT_SUCCESS(start(2, 2), "start");
	TEST_ASSERT_SUCCESS(sleep_on(2), "?");
	fake_virtio.isr = 1;
	TEST_ASSERT_EQUAL(write(fake_vfio.irqs[INTX].fds[0], &one, sizeof(one)),
		(ssize_t)sizeof(one), "interrupt");
	TEST_ASSERT_SUCCESS(expect_all(2), "?");
	TEST_ASSERT_EQUAL(fake_virtio.isr, 0, "not read");
	TEST_ASSERT_SUCCESS(virtio_port_detach(), "remove");
	fake_vfio.irqs[INTX].count = 0;
	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "attach");
	TEST_ASSERT_SUCCESS(expect_refused(1), "no interrupts at all");
	return TEST_SUCCESS;
}

/* A queue that is broken will not wake anybody. */
static int
test_broken(void)
{
	struct mirror_ring *ring = &fake_virtio.queue[FAKE_VIRTIO_RX].ring;
	struct rte_mbuf *m;

	TEST_ASSERT_SUCCESS(start(1, 1), "start");
	mirror_ring_push(ring, RING, 100);
	mirror_ring_publish(ring);
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(virtio_port.id, 0, &m, 1), 0, "frame");
	TEST_ASSERT_EQUAL(rte_eth_dev_rx_intr_enable(virtio_port.id, 0), -EIO,
		"an application would sleep for ever");
	return TEST_SUCCESS;
}

/* A device without buffers will not wake anybody, so nobody may sleep. */
static int
test_no_buffers(void)
{
	static struct rte_mbuf *all[2048], *m[RING];
	uint8_t data[60] = { 0 };
	unsigned int count = 0, i;
	int got;

	TEST_ASSERT_SUCCESS(start(1, 1), "start");
	TEST_ASSERT_SUCCESS(wait_for(0), "queue 0");
	while ((all[count] = rte_pktmbuf_alloc(virtio_port.pool)) != NULL)
		count++;
	for (i = 0; i < RING; i++)
		TEST_ASSERT_EQUAL(fake_virtio_receive(data, 60), 1, "frame %u", i);
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(virtio_port.id, 0, m, RING), RING,
		"frames");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_intr_enable(virtio_port.id, 0),
		"enable");
	got = event(0);
	rte_pktmbuf_free_bulk(m, RING);
	rte_pktmbuf_free_bulk(all, count);
	TEST_ASSERT_EQUAL(got, 0, "it would sleep for ever");
	/* a burst finds mbufs again, and sleeping is possible */
	TEST_ASSERT_EQUAL(rte_eth_rx_burst(virtio_port.id, 0, m, 1), 0, "frame");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_intr_enable(virtio_port.id, 0),
		"enable");
	TEST_ASSERT_EQUAL(event(0), -1, "an event of nothing");
	return TEST_SUCCESS;
}

static int
test_not_configured(void)
{
	TEST_ASSERT_SUCCESS(virtio_port_start(RING), "start");
	TEST_ASSERT_EQUAL(rte_eth_dev_rx_intr_enable(virtio_port.id, 0), -ENOTSUP,
		"enabled without being configured");
	return TEST_SUCCESS;
}

static unsigned int eventfds;

/* A port with more queues than any fake device has. */
static int
with_queues(uint16_t count, uint32_t vectors, int (*run)(struct rte_eth_dev *dev))
{
	static struct mdev_virtio_hw hw;
	struct rte_eth_dev_data data = {
		.name = "many",
		.dev_private = &hw,
		.nb_rx_queues = count,
		.dev_conf.intr_conf.rxq = 1,
	};
	struct mdev_virtio_process process = { .rx_shared = NULL };
	struct rte_eth_dev dev = { .data = &data, .process_private = &process };
	int ret;

	hw.vectors = vectors;
	dev.intr_handle = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE);
	if (dev.intr_handle == NULL || rte_intr_type_set(dev.intr_handle,
			RTE_INTR_HANDLE_VDEV) != 0)
		return -ENOMEM;
	ret = run(&dev);
	rte_intr_instance_free(dev.intr_handle);
	return ret;
}

static int
check(struct rte_eth_dev *dev)
{
	return mdev_virtio_rxintr_check(dev);
}

/* EAL has room for so many; what does not fit is refused, and nothing is left. */
static int
test_too_many(void)
{
	const uint16_t max = RTE_MAX_RXTX_INTR_VEC_ID - 1;

	TEST_ASSERT_SUCCESS(with_queues(max, 2048, check), "refused");
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	TEST_ASSERT_EQUAL(with_queues(max + 1, 2048, check), -ENOTSUP, "taken");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines("many: 512 receive queues are more than can have interrupts, 511: use fewer"),
		1, "remedy");
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 1, "lines");
	eventfds = virtio_port_eventfds();
	TEST_ASSERT(with_queues(max + 1, 2048, mdev_virtio_rxintr_open) < 0, "opened");
	TEST_ASSERT_EQUAL(virtio_port_eventfds(), eventfds, "files are open");
	return TEST_SUCCESS;
}

static int
check_interrupts(void)
{
	TEST_ASSERT_EQUAL(virtio_port_eventfds(), eventfds, "a file is open");
	TEST_ASSERT_EQUAL(fake_vfio.irqs[MSIX].fds[1], -1, "enabled");
	return TEST_SUCCESS;
}

/* Every access of the start fails once; nothing is left of it. */
static int
test_steps_fail(void)
{
	TEST_ASSERT_SUCCESS(virtio_port_configure(2, 2, RING, &conf), "configure");
	eventfds = virtio_port_eventfds();
	return virtio_port_fail_starts(check_interrupts);
}

/* The same with a vector that queues share. */
static int
test_shared_steps_fail(void)
{
	TEST_ASSERT_SUCCESS(virtio_port_detach(), "remove");
	fake_vfio.irqs[MSIX].count = 2;
	TEST_ASSERT_SUCCESS(virtio_port_attach(""), "attach");
	return test_steps_fail();
}

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: receive interrupts",
	.unit_test_cases = {
		TEST_CASE_ST(setup, virtio_port_stop, test_each_queue),
		TEST_CASE_ST(setup, virtio_port_stop, test_race),
		TEST_CASE_ST(setup, virtio_port_stop, test_siblings),
		TEST_CASE_ST(setup, virtio_port_stop, test_life),
		TEST_CASE_ST(setup, virtio_port_stop, test_vectors),
		TEST_CASE_ST(setup, virtio_port_stop, test_shared),
		TEST_CASE_ST(setup, virtio_port_stop, test_intx),
		TEST_CASE_ST(setup, virtio_port_stop, test_broken),
		TEST_CASE_ST(setup, virtio_port_stop, test_no_buffers),
		TEST_CASE_ST(setup, virtio_port_stop, test_not_configured),
		TEST_CASE(test_too_many),
		TEST_CASE_ST(setup, virtio_port_stop, test_steps_fail),
		TEST_CASE_ST(setup, virtio_port_stop, test_shared_steps_fail),
		TEST_CASES_END()
	}
};

static int
test_mdev_virtio_rxintr(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_virtio_rxintr_autotest, test_mdev_virtio_rxintr);
