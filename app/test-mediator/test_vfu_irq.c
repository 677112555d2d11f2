/* SPDX-License-Identifier: BSD-3-Clause */

/* SET_IRQS: each kind of data with each action. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>

#include "open_fds.h"
#include "test.h"
#include "vfu_peer.h"

static const uint32_t data_types[] = {
	VFIO_IRQ_SET_DATA_NONE, VFIO_IRQ_SET_DATA_BOOL, VFIO_IRQ_SET_DATA_EVENTFD,
};
static const uint32_t actions[] = {
	VFIO_IRQ_SET_ACTION_MASK, VFIO_IRQ_SET_ACTION_UNMASK, VFIO_IRQ_SET_ACTION_TRIGGER,
};

/* Bools follow the structure if there are any. */
static int
set_irqs(uint32_t index, uint32_t flags, uint32_t start, uint32_t count,
		const uint8_t *bools, unsigned int nr_fds)
{
	uint8_t data[sizeof(struct vfio_irq_set) + PEER_MSIX];
	struct vfio_irq_set set = { .argsz = sizeof(set), .flags = flags, .index = index,
		.start = start, .count = count };
	uint32_t len = sizeof(set);
	int fds[64], ret;
	unsigned int i;

	memcpy(data, &set, sizeof(set));
	if (bools != NULL) {
		memcpy(data + len, bools, count);
		len += count;
	}
	fds[0] = eventfd(0, EFD_CLOEXEC);
	for (i = 1; i < nr_fds; i++)
		fds[i] = fds[0];
	ret = peer_ask(VFU_DEVICE_SET_IRQS, data, len, fds, nr_fds);
	close(fds[0]);
	return ret;
}

static unsigned int
nr_set(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < PEER_MSIX; i++)
		n += peer.irq_fds[i] >= 0 && fcntl(peer.irq_fds[i], F_GETFD) >= 0;
	return n;
}

/* What each interrupt answers to each of the nine. */
static int
test_combinations(void)
{
	static const uint8_t one = 1;
	/* rows: data NONE, BOOL, EVENTFD; columns: MASK, UNMASK, TRIGGER */
	static const struct {
		uint32_t index;
		int error[3][3];
	} rows[] = {
		{ PEER_IRQ_ALL, { { 0, 0, 0 }, { 0, 0, 0 }, { EOPNOTSUPP, EOPNOTSUPP, 0 } } },
		{ PEER_IRQ_NONE, { { EINVAL, EINVAL, EINVAL }, { EINVAL, EINVAL, EINVAL },
			{ EINVAL, EINVAL, EINVAL } } },
		{ PEER_IRQ_MSIX, { { EINVAL, EINVAL, 0 }, { EINVAL, EINVAL, 0 },
			{ EINVAL, EINVAL, 0 } } },
		{ PEER_IRQ_SOFT, { { 0, 0, 0 }, { 0, 0, 0 }, { EINVAL, EINVAL, EINVAL } } },
	};
	unsigned int i, d, a, n = 0;
	int error;

	for (i = 0; i < RTE_DIM(rows); i++) {
		for (d = 0; d < RTE_DIM(data_types); d++) {
			for (a = 0; a < RTE_DIM(actions); a++, n++) {
				error = set_irqs(rows[i].index, data_types[d] | actions[a], 0,
					1, d == 1 ? &one : NULL, d == 2 ? 1 : 0);
				TEST_ASSERT_EQUAL(error, rows[i].error[d][a],
					"interrupt %u, data %#x, action %#x: %d", i,
					data_types[d], actions[a], error);
			}
		}
	}
	TEST_ASSERT(peer.masked == 4 && peer.unmasked == 4 && peer.triggered == 6,
		"masked %u, unmasked %u, triggered %u", peer.masked, peer.unmasked,
		peer.triggered);
	printf("    %u combinations\n", n);
	return TEST_SUCCESS;
}

/* In chunks, as many as a message carries; then without fds; then all at once. */
static int
test_eventfds(void)
{
	const uint32_t flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
	unsigned int open_fds = count_open_fds();
	uint32_t start, count;

	for (start = 0; start < PEER_MSIX; start += count) {
		count = RTE_MIN((uint32_t)VFU_MAX_FDS, PEER_MSIX - start);
		TEST_ASSERT_SUCCESS(set_irqs(PEER_IRQ_MSIX, flags, start, count, NULL, count),
			"not set at %u", start);
		TEST_ASSERT(peer.call.a == start && peer.call.b == count, "others are");
	}
	TEST_ASSERT_EQUAL(nr_set(), (unsigned int)PEER_MSIX, "%u are set", nr_set());
	TEST_ASSERT_SUCCESS(set_irqs(PEER_IRQ_MSIX, flags, 10, 200, NULL, 0), "de-assign");
	TEST_ASSERT(nr_set() == PEER_MSIX - 200 && peer.irq_fds[9] >= 0 &&
		peer.irq_fds[10] < 0 && peer.irq_fds[209] < 0 && peer.irq_fds[210] >= 0,
		"%u are set", nr_set());
	TEST_ASSERT_EQUAL(set_irqs(PEER_IRQ_MSIX, flags, 0, 4, NULL, 3), EINVAL,
		"too few fds");
	TEST_ASSERT_EQUAL(set_irqs(PEER_IRQ_MSIX, flags, 0, 4, NULL, 5), EINVAL,
		"too many fds");
	TEST_ASSERT_EQUAL(set_irqs(PEER_IRQ_MSIX, flags, 0, VFU_MAX_FDS, NULL,
		VFU_MAX_FDS + 1), EINVAL, "more fds than a message may have");
	TEST_ASSERT_EQUAL(set_irqs(PEER_IRQ_MSIX, flags, 0, 0, NULL, 0), EINVAL,
		"none of none");
	TEST_ASSERT_EQUAL(nr_set(), PEER_MSIX - 200u, "%u are set", nr_set());
	TEST_ASSERT_SUCCESS(set_irqs(PEER_IRQ_MSIX,
		VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, 0, 0, NULL, 0),
		"not disabled");
	TEST_ASSERT(nr_set() == 0 && peer.triggered == 0, "%u are set", nr_set());
	TEST_ASSERT_EQUAL(count_open_fds(), open_fds, "fds were lost");
	return TEST_SUCCESS;
}

static int
test_trigger(void)
{
	static const uint8_t bools[] = { 0, 1, 0, 255, 0 };

	TEST_ASSERT_SUCCESS(set_irqs(PEER_IRQ_MSIX, VFIO_IRQ_SET_DATA_NONE |
		VFIO_IRQ_SET_ACTION_TRIGGER, 7, 5, NULL, 0), "NONE");
	TEST_ASSERT(peer.triggered == 5 && peer.call.a == 11, "%u times", peer.triggered);
	TEST_ASSERT_SUCCESS(set_irqs(PEER_IRQ_MSIX, VFIO_IRQ_SET_DATA_BOOL |
		VFIO_IRQ_SET_ACTION_TRIGGER, 20, sizeof(bools), bools, 0), "BOOL");
	TEST_ASSERT(peer.triggered == 7 && peer.call.a == 23, "%u times", peer.triggered);
	TEST_ASSERT_EQUAL(set_irqs(PEER_IRQ_MSIX, VFIO_IRQ_SET_DATA_BOOL |
		VFIO_IRQ_SET_ACTION_TRIGGER, 20, sizeof(bools), bools, 1), EINVAL,
		"with fds");
	peer.ret = -EIO;
	TEST_ASSERT_EQUAL(set_irqs(PEER_IRQ_MSIX, VFIO_IRQ_SET_DATA_NONE |
		VFIO_IRQ_SET_ACTION_TRIGGER, 0, 5, NULL, 0), EIO, "the device's error");
	TEST_ASSERT_EQUAL(peer.triggered, 8u, "it went on after a failure");
	return TEST_SUCCESS;
}

static int
test_irq_info(void)
{
	struct vfio_irq_info info = { .argsz = 64, .index = PEER_IRQ_MSIX };

	TEST_ASSERT_SUCCESS(peer_ask(VFU_DEVICE_GET_IRQ_INFO, &info, sizeof(info), NULL, 0),
		"GET_IRQ_INFO");
	memcpy(&info, peer_reply.data, sizeof(info));
	TEST_ASSERT(peer_reply.len == sizeof(info) && info.argsz == sizeof(info) &&
		info.index == PEER_IRQ_MSIX && info.count == PEER_MSIX && info.flags ==
		(VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE), "another interrupt");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: interrupts by vfio-user",
	.unit_test_cases = {
		TEST_CASE_ST(peer_start, peer_stop, test_irq_info),
		TEST_CASE_ST(peer_start, peer_stop, test_combinations),
		TEST_CASE_ST(peer_start, peer_stop, test_eventfds),
		TEST_CASE_ST(peer_start, peer_stop, test_trigger),
		TEST_CASES_END()
	},
};

static int
test_vfu_irq(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vfu_irq_autotest, test_vfu_irq);
