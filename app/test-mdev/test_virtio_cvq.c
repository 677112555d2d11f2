/* SPDX-License-Identifier: BSD-3-Clause */

/* The control queue: commands, and devices that answer wrongly, late or never. */

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <linux/virtio_config.h>

#include <rte_cycles.h>
#include <rte_memzone.h>

#include <mdev_virtio_ethdev.h>

#include "captured_log.h"
#include "fake_vfio.h"
#include "test.h"
#include "virtio_port.h"

#define RING 64

static struct virtio_cvq *cvq;
static struct virtio_transport *tr;

static int
setup_with(uint64_t features)
{
	features |= RTE_BIT64(VIRTIO_NET_F_CTRL_RX);
	if (virtio_port_attach_ctrl(features, 1) != 0 ||
			virtio_port_start(RING) != 0)
		return TEST_FAILED;
	cvq = &mdev_virtio_hw(virtio_port.dev)->cvq;
	tr = mdev_virtio_transport(virtio_port.dev);
	cvq->max_polls = 200;
	memset(&fake_virtio.counts, 0, sizeof(fake_virtio.counts));
	return TEST_SUCCESS;
}

static int
setup(void)
{
	return setup_with(0);
}

static int
setup_packed(void)
{
	return setup_with(RTE_BIT64(VIRTIO_F_RING_PACKED));
}

static int
setup_in_order(void)
{
	return setup_with(RTE_BIT64(VIRTIO_F_IN_ORDER));
}

static int
restart(void)
{
	int ret;

	fake_virtio.answer = FAKE_ANSWER;
	ret = rte_eth_dev_stop(virtio_port.id);
	return ret != 0 ? ret : rte_eth_dev_start(virtio_port.id);
}

/* More commands than the ring has places. */
static int
test_many(void)
{
	unsigned int i;

	for (i = 0; i < 1000; i++) {
		TEST_ASSERT_SUCCESS(virtio_cvq_promiscuous(cvq, tr, i % 2 == 0),
			"command %u", i);
		TEST_ASSERT_EQUAL(fake_virtio.filter.promisc, i % 2 == 0,
			"command %u was not carried out", i);
	}
	TEST_ASSERT_EQUAL(fake_virtio.counts.promisc, 1000, "%u commands",
		fake_virtio.counts.promisc);
	TEST_ASSERT_EQUAL(fake_virtio.counts.bad, 0, "bad commands");
	return TEST_SUCCESS;
}

/* s. 2.7.5 and 2.7.9: in order, descriptors are those behind the last ones. */
static int
test_ring_order(void)
{
	const struct mirror_ring *ring = &fake_virtio_ctrl_queue()->ring;
	uint16_t first, next = 0, place, i, j;

	TEST_ASSERT(mdev_virtio_hw(virtio_port.dev)->features &
		RTE_BIT64(VIRTIO_F_IN_ORDER), "not in order");
	for (i = 0; i < 100; i++) {
		TEST_ASSERT_SUCCESS(virtio_cvq_promiscuous(cvq, tr, i % 2 == 0),
			"command %u", i);
		first = rte_le_to_cpu_16(ring->avail->ring[
			(ring->last_avail - 1) % ring->size]);
		TEST_ASSERT(i == 0 || first == next, "command %u begins at %u",
			i, first);
		next = (first + 3) % ring->size;
		for (j = 0; j < 2; j++) {
			place = (first + j) % ring->size;
			TEST_ASSERT_EQUAL(rte_le_to_cpu_16(ring->desc[place].next),
				(place + 1) % ring->size, "command %u", i);
		}
	}
	TEST_ASSERT_EQUAL(fake_virtio.counts.bad, 0, "bad commands");
	return TEST_SUCCESS;
}

static int
test_refused(void)
{
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	fake_virtio.answer = FAKE_ANSWER_REFUSED;
	TEST_ASSERT_EQUAL(virtio_cvq_promiscuous(cvq, tr, true), -EIO, "refused");
	fake_virtio.answer = FAKE_ANSWER_NOT_WRITTEN;
	TEST_ASSERT_EQUAL(virtio_cvq_allmulticast(cvq, tr, true), -EIO,
		"an ack that was not written");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 2, "lines");
	TEST_ASSERT_EQUAL(captured_log_lines("RX_PROMISC"), 1, "no name");
	TEST_ASSERT_EQUAL(captured_log_lines("RX_ALLMULTI"), 1, "no name");
	/* a refusal is an answer: the queue goes on */
	fake_virtio.answer = FAKE_ANSWER;
	TEST_ASSERT_SUCCESS(virtio_cvq_promiscuous(cvq, tr, true), "the next one");
	TEST_ASSERT_EQUAL(cvq->failed, 2, "failures");
	return TEST_SUCCESS;
}

static int
test_slow(void)
{
	cvq->max_polls = 10000;
	fake_virtio.answer = FAKE_ANSWER_SLOW;
	TEST_ASSERT_SUCCESS(virtio_cvq_promiscuous(cvq, tr, true), "slow");
	TEST_ASSERT_EQUAL(fake_virtio.filter.promisc, 1, "not carried out");
	TEST_ASSERT_EQUAL(cvq->timeouts, 0, "a timeout");
	return TEST_SUCCESS;
}

/* What has gone wrong once is not tried again, and said once. */
static int
expect_dead_with(int error, const char *word, const char *remedy)
{
	unsigned int all = fake_virtio.counts.all, lines;
	int ret, next;

	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	ret = virtio_cvq_promiscuous(cvq, tr, true);
	next = virtio_cvq_allmulticast(cvq, tr, true);
	captured_log_stop();
	lines = captured_log_lines(NULL);
	TEST_ASSERT_EQUAL(ret, error, "%d", ret);
	TEST_ASSERT_EQUAL(next, error, "the next one: %d", next);
	TEST_ASSERT_EQUAL(lines, 1, "%u lines", lines);
	TEST_ASSERT_EQUAL(captured_log_lines(word), 1, "not: %s", word);
	TEST_ASSERT_EQUAL(captured_log_lines(remedy), 1, "no remedy");
	TEST_ASSERT_EQUAL(fake_virtio.counts.all, all, "commands got through");
	fake_virtio.answer = FAKE_ANSWER;
	TEST_ASSERT_EQUAL(virtio_cvq_promiscuous(cvq, tr, true), error,
		"used again before a restart");
	TEST_ASSERT_EQUAL(fake_virtio.counts.all, all, "sent all the same");
	TEST_ASSERT_SUCCESS(restart(), "restart");
	TEST_ASSERT_SUCCESS(virtio_cvq_promiscuous(cvq, tr, true), "not alive");
	TEST_ASSERT_EQUAL(fake_virtio.filter.promisc, 1, "not carried out");
	return TEST_SUCCESS;
}

static int
expect_dead(int error, const char *word)
{
	return expect_dead_with(error, word, "stop and start the port");
}

static int
test_never(void)
{
	fake_virtio.answer = FAKE_ANSWER_NEVER;
	TEST_ASSERT_SUCCESS(expect_dead(-ETIMEDOUT, "RX_PROMISC"), "?");
	TEST_ASSERT_EQUAL(cvq->timeouts, 1, "timeouts");
	return TEST_SUCCESS;
}

/* The answer of one command is not taken for that of another, nor its memory used. */
static int
test_late(void)
{
	const struct rte_memzone *mz = cvq->vq->mz;
	uint8_t before[4096], ack_before, *ack;

	fake_virtio.answer = FAKE_ANSWER_NEVER;
	TEST_ASSERT_EQUAL(virtio_cvq_promiscuous(cvq, tr, true), -ETIMEDOUT,
		"answered");
	ack = fake_virtio.kept.buf[fake_virtio.kept.nr_out].addr;
	ack_before = *ack;
	memcpy(before, mz->addr, RTE_MIN(mz->len, sizeof(before)));
	TEST_ASSERT_EQUAL(virtio_cvq_allmulticast(cvq, tr, true), -ETIMEDOUT,
		"another one was sent");
	TEST_ASSERT_SUCCESS(memcmp(before, mz->addr,
		RTE_MIN(mz->len, sizeof(before))), "the device's memory was used");
	fake_virtio.answer = FAKE_ANSWER;
	fake_virtio_late_answer();
	TEST_ASSERT_NOT_EQUAL(*ack, ack_before, "it did not answer");
	TEST_ASSERT_EQUAL(virtio_cvq_allmulticast(cvq, tr, true), -ETIMEDOUT,
		"the late answer was taken for another's");
	TEST_ASSERT_SUCCESS(restart(), "restart");
	fake_virtio.answer = FAKE_ANSWER_REFUSED;
	TEST_ASSERT_EQUAL(virtio_cvq_allmulticast(cvq, tr, true), -EIO,
		"the late answer is still there");
	return TEST_SUCCESS;
}

static int
test_lies(void)
{
	static const enum fake_virtio_answer lies[] = {
		FAKE_ANSWER_WRONG_ID, FAKE_ANSWER_ID_BEYOND,
		FAKE_ANSWER_NO_LENGTH, FAKE_ANSWER_TWICE,
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(lies); i++) {
		/* in a packed ring the next command is written over the second one */
		if (lies[i] == FAKE_ANSWER_TWICE &&
				fake_virtio_ctrl_queue()->ring.packed)
			continue;
		fake_virtio.answer = lies[i];
		TEST_ASSERT_SUCCESS(expect_dead(-EIO, VIRTIO_PORT_UUID),
			"lie %u", i);
	}
	return TEST_SUCCESS;
}

/* Cloud Hypervisor: the answer's one byte is there, whatever else is counted. */
static int
test_long_length(void)
{
	fake_virtio.answer = FAKE_ANSWER_LONG_LENGTH;
	TEST_ASSERT_SUCCESS(virtio_cvq_promiscuous(cvq, tr, true), "promiscuous");
	TEST_ASSERT_EQUAL(fake_virtio.filter.promisc, 1, "not carried out");
	TEST_ASSERT_SUCCESS(virtio_cvq_allmulticast(cvq, tr, true), "the next one");
	TEST_ASSERT_EQUAL(fake_virtio.filter.allmulti, 1, "not carried out");
	TEST_ASSERT_EQUAL(cvq->failed, 0, "failures");
	return TEST_SUCCESS;
}

/* A device that claims that it returned thousands. */
static int
test_index_runs_ahead(void)
{
	fake_virtio_ctrl_queue()->ring.used_idx = 1000;
	fake_virtio.answer = FAKE_ANSWER_WRONG_ID;
	TEST_ASSERT_SUCCESS(expect_dead(-EIO, VIRTIO_PORT_UUID), "?");
	return TEST_SUCCESS;
}

/* The wait ends before its time: without that, this would take minutes. */
static int
test_goes_down(void)
{
	cvq->max_polls = UINT32_MAX;
	fake_virtio.answer = FAKE_ANSWER_NEEDS_RESET;
	TEST_ASSERT_SUCCESS(expect_dead_with(-EIO, "RX_PROMISC",
		"the port recovers by itself, or a line says why it cannot"),
		"NEEDS_RESET");
	fake_virtio.answer = FAKE_ANSWER_RESET;
	TEST_ASSERT_SUCCESS(expect_dead(-EIO, "RX_PROMISC"), "reset");
	return TEST_SUCCESS;
}

/* The doorbell cannot be rung; or the status cannot be read meanwhile. */
static int
test_access_fails(void)
{
	fake_vfio.fail = FAKE_OP_REGION_WRITE;
	TEST_ASSERT_SUCCESS(expect_dead(-EIO, "doorbell"), "doorbell");
	cvq->max_polls = UINT32_MAX;
	fake_virtio.answer = FAKE_ANSWER_NEVER;
	fake_vfio.fail = FAKE_OP_REGION_READ;
	TEST_ASSERT_SUCCESS(expect_dead(-EIO, "RX_PROMISC"), "status");
	return TEST_SUCCESS;
}

static int
test_stopped(void)
{
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(virtio_port.id), "stop");
	memset(&fake_virtio.counts, 0, sizeof(fake_virtio.counts));
	TEST_ASSERT_EQUAL(virtio_cvq_promiscuous(cvq, tr, true), -ENETDOWN,
		"stopped");
	TEST_ASSERT_EQUAL(fake_virtio.counts.all + fake_virtio.counts.bad, 0,
		"sent all the same");
	TEST_ASSERT_EQUAL(cvq->failed, 0, "counted");
	return TEST_SUCCESS;
}

static void *
send_and_wait(void *ret)
{
	*(int *)ret = virtio_cvq_promiscuous(cvq, tr, true);
	return NULL;
}

/* A stop does not wait for the device's answer. */
static int
test_stop_while_waiting(void)
{
	pthread_t thread;
	unsigned int i;
	int ret = 0;

	cvq->max_polls = UINT32_MAX;
	fake_virtio.answer = FAKE_ANSWER_NEVER;
	TEST_ASSERT_SUCCESS(pthread_create(&thread, NULL, send_and_wait, &ret),
		"thread");
	for (i = 0; i < 10000 && !__atomic_load_n(&fake_virtio.has_kept,
			__ATOMIC_ACQUIRE); i++)
		rte_delay_us_sleep(1000);
	virtio_cvq_stop(cvq);
	pthread_join(thread, NULL);
	TEST_ASSERT_EQUAL(ret, -ENETDOWN, "%d", ret);
	TEST_ASSERT_SUCCESS(restart(), "restart");
	TEST_ASSERT_SUCCESS(virtio_cvq_promiscuous(cvq, tr, true), "not alive");
	return TEST_SUCCESS;
}

#define THREADS 4
#define EACH 5

static void *
send_many(void *failed)
{
	unsigned int i;

	for (i = 0; i < EACH; i++)
		*(unsigned int *)failed +=
			virtio_cvq_promiscuous(cvq, tr, i % 2 == 0) != 0;
	return NULL;
}

/* A device that takes its time, and would forget the first of two commands. */
static int
test_threads(void)
{
	unsigned int failed[THREADS] = { 0 }, i;
	pthread_t threads[THREADS];

	cvq->max_polls = 10000;
	fake_virtio.answer = FAKE_ANSWER_SLOW;
	for (i = 0; i < THREADS; i++)
		TEST_ASSERT_SUCCESS(pthread_create(&threads[i], NULL, send_many,
			&failed[i]), "thread");
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		TEST_ASSERT_EQUAL(failed[i], 0, "%u failures", failed[i]);
	}
	TEST_ASSERT_EQUAL(fake_virtio.counts.promisc, THREADS * EACH,
		"%u commands", fake_virtio.counts.promisc);
	return TEST_SUCCESS;
}

/* A device that cannot be reset keeps the memory of its control queue too. */
static int
test_lost(void)
{
	char name[RTE_MEMZONE_NAMESIZE];
	const struct rte_memzone *mz;

	memcpy(name, cvq->vq->mz->name, sizeof(name));
	fake_virtio.never_resets = true;
	TEST_ASSERT_FAIL(rte_eth_dev_stop(virtio_port.id), "it stopped");
	TEST_ASSERT_EQUAL(virtio_cvq_promiscuous(cvq, tr, true), -ENETDOWN,
		"still used");
	TEST_ASSERT_SUCCESS(virtio_port_detach(), "remove");
	mz = rte_memzone_lookup(name);
	TEST_ASSERT_NOT_NULL(mz, "its memory was freed");
	return rte_memzone_free(mz);
}

static int
test_freed(void)
{
	char name[RTE_MEMZONE_NAMESIZE];

	memcpy(name, cvq->vq->mz->name, sizeof(name));
	TEST_ASSERT_SUCCESS(virtio_port_detach(), "remove");
	TEST_ASSERT_NULL(rte_memzone_lookup(name), "its memory is left");
	return TEST_SUCCESS;
}

static int
test_mac_table_bounds(void)
{
	static struct rte_ether_addr macs[VIRTIO_CVQ_MAC_MAX + 1];
	unsigned int i;

	for (i = 0; i < RTE_DIM(macs); i++) {
		macs[i].addr_bytes[0] = 3;
		macs[i].addr_bytes[4] = i >> 8;
		macs[i].addr_bytes[5] = i;
	}
	TEST_ASSERT_EQUAL(virtio_cvq_mac_table(cvq, tr, NULL, 0, macs,
		RTE_DIM(macs)), -ENOSPC, "too many");
	TEST_ASSERT_EQUAL(virtio_cvq_mac_table(cvq, tr, macs, UINT32_MAX, macs,
		2), -ENOSPC, "far too many");
	TEST_ASSERT_SUCCESS(virtio_cvq_mac_table(cvq, tr, NULL, 0, macs,
		VIRTIO_CVQ_MAC_MAX), "as many as there may be");
	TEST_ASSERT_EQUAL(fake_virtio.filter.nr_multicast, VIRTIO_CVQ_MAC_MAX,
		"%u", fake_virtio.filter.nr_multicast);
	TEST_ASSERT_SUCCESS(memcmp(fake_virtio.filter.multicast, macs,
		sizeof(macs[0]) * VIRTIO_CVQ_MAC_MAX), "other addresses");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: control queue",
	.unit_test_cases = {
		TEST_CASE_ST(setup, virtio_port_stop, test_many),
		TEST_CASE_ST(setup, virtio_port_stop, test_refused),
		TEST_CASE_ST(setup, virtio_port_stop, test_slow),
		TEST_CASE_ST(setup, virtio_port_stop, test_never),
		TEST_CASE_ST(setup, virtio_port_stop, test_late),
		TEST_CASE_ST(setup, virtio_port_stop, test_lies),
		TEST_CASE_ST(setup, virtio_port_stop, test_long_length),
		TEST_CASE_ST(setup, virtio_port_stop, test_index_runs_ahead),
		TEST_CASE_ST(setup, virtio_port_stop, test_goes_down),
		TEST_CASE_ST(setup, virtio_port_stop, test_access_fails),
		TEST_CASE_ST(setup, virtio_port_stop, test_stopped),
		TEST_CASE_ST(setup, virtio_port_stop, test_stop_while_waiting),
		TEST_CASE_ST(setup, virtio_port_stop, test_threads),
		TEST_CASE_ST(setup, virtio_port_stop, test_lost),
		TEST_CASE_ST(setup, virtio_port_stop, test_freed),
		TEST_CASE_ST(setup, virtio_port_stop, test_mac_table_bounds),
		TEST_CASE_ST(setup_in_order, virtio_port_stop, test_ring_order),
		TEST_CASE_ST(setup_in_order, virtio_port_stop, test_lies),
		TEST_CASE_ST(setup_in_order, virtio_port_stop, test_long_length),
		TEST_CASE_ST(setup_packed, virtio_port_stop, test_many),
		TEST_CASE_ST(setup_packed, virtio_port_stop, test_refused),
		TEST_CASE_ST(setup_packed, virtio_port_stop, test_slow),
		TEST_CASE_ST(setup_packed, virtio_port_stop, test_never),
		TEST_CASE_ST(setup_packed, virtio_port_stop, test_late),
		TEST_CASE_ST(setup_packed, virtio_port_stop, test_lies),
		TEST_CASE_ST(setup_packed, virtio_port_stop, test_long_length),
		TEST_CASE_ST(setup_packed, virtio_port_stop, test_goes_down),
		TEST_CASE_ST(setup_packed, virtio_port_stop, test_stopped),
		TEST_CASE_ST(setup_packed, virtio_port_stop, test_lost),
		TEST_CASES_END()
	}
};

static int
test_virtio_cvq(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(virtio_cvq_autotest, test_virtio_cvq);
