/* SPDX-License-Identifier: BSD-3-Clause */

/* The registers of VIRTIO 1.2 s. 4.1.4.3: what the driver may do to them, and when. */

#include <errno.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "virtio_function.h"
#include "virtio_ring.h"

#define S_ACK VIRTIO_CONFIG_S_ACKNOWLEDGE
#define S_DRV VIRTIO_CONFIG_S_DRIVER
#define S_FEAT VIRTIO_CONFIG_S_FEATURES_OK
#define S_OK VIRTIO_CONFIG_S_DRIVER_OK
#define S_FAILED VIRTIO_CONFIG_S_FAILED
#define S_NEEDS VIRTIO_CONFIG_S_NEEDS_RESET

#define V1 (UINT64_C(1) << VIRTIO_F_VERSION_1)
#define PACKED (UINT64_C(1) << VIRTIO_F_RING_PACKED)

static uint8_t
status(void)
{
	return common_read(VIRTIO_PCI_COMMON_STATUS, 1);
}

/* Status by status, and what is read after each. */
static int
test_status(void)
{
	static const struct {
		uint64_t features;
		bool refuse;
		int driver_ok;
		uint8_t written[5];
		uint8_t read[5];
	} cases[] = {
		{ V1, false, 0, { 1, 3, 11, 15 }, { 1, 3, 11, 15 } },
		/* bits that are not written again stay: only a reset takes them away */
		{ V1, false, 0, { 1, 2, 8, 4 }, { 1, 3, 11, 15 } },
		{ V1, false, 0, { 15 }, { 15 } },
		/* bits that there are not, and one that is the device's */
		{ V1, false, 0, { 0x33, S_NEEDS, 11 }, { 3, 3, 11 } },
		/* not offered, not wanted by the device */
		{ V1 | 2, false, 0, { 3, 11, 15 }, { 3, 3, 3 } },
		{ V1 | UINT64_C(1) << 63, false, 0, { 3, 11, 15 }, { 3, 3, 3 } },
		{ V1, true, 0, { 3, 11, 15 }, { 3, 3, 3 } },
		/* DRIVER_OK without features, or refused by the device */
		{ V1, false, 0, { 3, 7, 11, 15 }, { 3, 3, 11, 15 } },
		{ V1, false, -ENOSPC, { 3, 11, 15, 15 }, { 3, 11, 11, 11 } },
		/* given up */
		{ V1, false, 0, { 3, 11, 0x8b, 15 }, { 3, 11, 0x8b, 0x8b } },
		{ V1, false, 0, { 15, 0x80 }, { 15, 0x8f } },
	};
	unsigned int i, j;

	for (i = 0; i < RTE_DIM(cases); i++) {
		common_write(VIRTIO_PCI_COMMON_STATUS, 1, 0);
		TEST_ASSERT_EQUAL(status(), 0, "%u: a reset leaves 0x%x", i, status());
		function.refuse_features = cases[i].refuse;
		function.driver_ok_ret = cases[i].driver_ok;
		for (j = 0; j < 2; j++) {
			common_write(VIRTIO_PCI_COMMON_GFSELECT, 4, j);
			common_write(VIRTIO_PCI_COMMON_GF, 4,
				cases[i].features >> 32 * j & UINT32_MAX);
		}
		for (j = 0; j < 5 && cases[i].written[j] != 0; j++) {
			common_write(VIRTIO_PCI_COMMON_STATUS, 1, cases[i].written[j]);
			TEST_ASSERT_EQUAL(status(), cases[i].read[j],
				"case %u, step %u: 0x%x", i, j, status());
		}
	}
	TEST_ASSERT_EQUAL(function.failed, 2u, "it was told of %u failures",
		function.failed);
	TEST_ASSERT_EQUAL(common_write(VIRTIO_PCI_COMMON_STATUS, 1, 0), 0, "reset");
	TEST_ASSERT_EQUAL(common_write(VIRTIO_PCI_COMMON_STATUS, 1, S_OK), -EPERM,
		"DRIVER_OK out of order is not refused");
	return TEST_SUCCESS;
}

static int
test_needs_reset(void)
{
	function_negotiate(V1);
	common_write(VIRTIO_PCI_COMMON_STATUS, 1, 15);
	TEST_ASSERT(virtio_regs_live(&function.regs), "not live");
	function.regs.status |= S_NEEDS;
	TEST_ASSERT(!virtio_regs_live(&function.regs), "live");
	common_write(VIRTIO_PCI_COMMON_STATUS, 1, 15);
	TEST_ASSERT_EQUAL(status(), 15 | S_NEEDS, "the driver takes it away");
	common_write(VIRTIO_PCI_COMMON_STATUS, 1, 0);
	TEST_ASSERT_EQUAL(status(), 0, "it survives a reset");
	return TEST_SUCCESS;
}

/* s. 4.1.4.3.1: 0 only once it is over, and nothing is taken until then. */
static int
test_slow_reset(void)
{
	function_negotiate(V1);
	function.slow_reset = true;
	TEST_ASSERT_EQUAL(common_write(VIRTIO_PCI_COMMON_STATUS, 1, 0), 1, "no wait");
	TEST_ASSERT(status() != 0, "it is over");
	common_write(VIRTIO_PCI_COMMON_Q_SELECT, 2, 3);
	common_write(VIRTIO_PCI_COMMON_STATUS, 1, 15);
	TEST_ASSERT(function.regs.queue_select == 0 && function.started == 0,
		"a write is taken while it resets");
	TEST_ASSERT_EQUAL(common_write(VIRTIO_PCI_COMMON_STATUS, 1, 0), 1,
		"asked again, it says that it is over");
	function.regs.resetting = false;
	virtio_regs_reset(&function.regs);
	TEST_ASSERT_EQUAL(status(), 0, "it is not over");
	return TEST_SUCCESS;
}

static int
test_features(void)
{
	uint32_t i;

	for (i = 0; i < 5; i++) {
		common_write(VIRTIO_PCI_COMMON_DFSELECT, 4, i < 4 ? i : UINT32_MAX);
		common_write(VIRTIO_PCI_COMMON_GFSELECT, 4, i < 4 ? i : UINT32_MAX);
		TEST_ASSERT_EQUAL(common_read(VIRTIO_PCI_COMMON_DF, 4), i < 2 ?
			(uint32_t)(FUNCTION_OFFERED >> 32 * i) : 0, "word %u", i);
		common_write(VIRTIO_PCI_COMMON_DF, 4, 0);
		common_write(VIRTIO_PCI_COMMON_GF, 4, 0x1234 + i);
		TEST_ASSERT_EQUAL(common_read(VIRTIO_PCI_COMMON_GF, 4),
			i < 2 ? 0x1234 + i : 0, "word %u of the driver", i);
	}
	TEST_ASSERT_EQUAL(function.regs.offered, FUNCTION_OFFERED, "the offer is written");
	TEST_ASSERT_EQUAL(function_negotiate(V1 | 1), S_ACK | S_DRV | S_FEAT, "refused");
	common_write(VIRTIO_PCI_COMMON_GFSELECT, 4, 0);
	common_write(VIRTIO_PCI_COMMON_GF, 4, 0x21);
	TEST_ASSERT_EQUAL(function.regs.features, V1 | 1, "changed after FEATURES_OK");
	TEST_ASSERT(virtio_regs_has(&function.regs, 0) &&
		!virtio_regs_has(&function.regs, 5), "what was agreed on");
	return TEST_SUCCESS;
}

/* s. 4.1.4.3.1: a queue that there is not has size 0. */
static int
test_queue_select(void)
{
	static const uint16_t queues[] = { 0, 1, FUNCTION_QUEUES - 1, FUNCTION_QUEUES,
		0x7fff, 0xffff };
	struct virtio_queue before[FUNCTION_QUEUES];
	uint32_t offset;
	unsigned int i;

	for (i = 0; i < RTE_DIM(queues); i++) {
		common_write(VIRTIO_PCI_COMMON_Q_SELECT, 2, queues[i]);
		TEST_ASSERT_EQUAL(common_read(VIRTIO_PCI_COMMON_Q_SELECT, 2), queues[i],
			"not kept");
		if (queues[i] < FUNCTION_QUEUES) {
			TEST_ASSERT_EQUAL(common_read(VIRTIO_PCI_COMMON_Q_SIZE, 2),
				(uint32_t)FUNCTION_MAX_SIZE, "size of %u", queues[i]);
			TEST_ASSERT_EQUAL(common_read(VIRTIO_PCI_COMMON_Q_NOFF, 2),
				queues[i], "doorbell of %u", queues[i]);
			continue;
		}
		memcpy(before, function.queues, sizeof(before));
		for (offset = VIRTIO_PCI_COMMON_Q_SIZE; offset < 56; offset += 2) {
			common_write(offset, 2, 1);
			TEST_ASSERT_EQUAL(common_read(offset, 2), 0u,
				"register 0x%x of queue %u", offset, queues[i]);
		}
		TEST_ASSERT(memcmp(before, function.queues, sizeof(before)) == 0,
			"another queue changes");
	}
	function.regs.usable = 3;
	common_write(VIRTIO_PCI_COMMON_Q_SELECT, 2, 3);
	TEST_ASSERT_EQUAL(common_read(VIRTIO_PCI_COMMON_Q_SIZE, 2), 0u,
		"a queue that was not agreed on");
	return TEST_SUCCESS;
}

static int
test_queue_size(void)
{
	static const struct {
		uint64_t features;
		uint16_t size;
		bool taken;
	} cases[] = {
		{ V1, 1, true }, { V1, 2, true }, { V1, 128, true }, { V1, 256, true },
		{ V1, 0, false }, { V1, 3, false }, { V1, 255, false }, { V1, 257, false },
		{ V1, 512, false }, { V1, 0x8000, false }, { V1, 0xffff, false },
		{ V1 | PACKED, 3, true }, { V1 | PACKED, 255, true },
		{ V1 | PACKED, 257, false }, { V1 | PACKED, 0, false },
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(cases); i++) {
		common_write(VIRTIO_PCI_COMMON_STATUS, 1, 0);
		function_negotiate(cases[i].features);
		common_write(VIRTIO_PCI_COMMON_Q_SIZE, 2, 64);
		common_write(VIRTIO_PCI_COMMON_Q_SIZE, 2, cases[i].size);
		TEST_ASSERT_EQUAL(common_read(VIRTIO_PCI_COMMON_Q_SIZE, 2),
			cases[i].taken ? cases[i].size : 64u, "case %u: %u", i,
			cases[i].size);
	}
	return TEST_SUCCESS;
}

/* What must be there before a queue is enabled. */
static int
test_queue_enable(void)
{
	static const struct {
		uint64_t features;
		bool agreed, driver_ok;
		uint16_t value, size;
		uint64_t desc, avail, used;
		bool enabled;
	} cases[] = {
		{ V1, true, false, 1, 64, 0x1000, 0x2000, 0x3000, true },
		{ V1, true, false, 1, 64, 0, 0, 0, true }, /* if memory is there */
		{ V1, false, false, 1, 64, 0x1000, 0x2000, 0x3000, false },
		{ V1, true, true, 1, 64, 0x1000, 0x2000, 0x3000, false },
		{ V1, true, false, 0, 64, 0x1000, 0x2000, 0x3000, false },
		{ V1, true, false, 2, 64, 0x1000, 0x2000, 0x3000, false },
		{ V1, true, false, 0xffff, 64, 0x1000, 0x2000, 0x3000, false },
		/* alignment of s. 2.7 */
		{ V1, true, false, 1, 64, 0x1008, 0x2000, 0x3000, false },
		{ V1, true, false, 1, 64, 0x1000, 0x2001, 0x3000, false },
		{ V1, true, false, 1, 64, 0x1000, 0x2002, 0x3000, true },
		{ V1, true, false, 1, 64, 0x1000, 0x2000, 0x3002, false },
		/* of s. 2.8.10 */
		{ V1 | PACKED, true, false, 1, 64, 0x1000, 0x2000, 0x3000, true },
		{ V1 | PACKED, true, false, 1, 63, 0x1000, 0x2000, 0x3000, true },
		{ V1 | PACKED, true, false, 1, 64, 0x1000, 0x2002, 0x3000, false },
		{ V1 | PACKED, true, false, 1, 64, 0x1000, 0x2000, 0x3002, false },
		/* behind the end of all addresses */
		{ V1, true, false, 1, 64, -(uint64_t)0x400, 0x2000, 0x3000, false },
		{ V1, true, false, 1, 64, -(uint64_t)0x410, 0x2000, 0x3000, true },
		{ V1, true, false, 1, 64, 0x1000, -(uint64_t)0x80, 0x3000, false },
		{ V1, true, false, 1, 64, 0x1000, 0x2000, -(uint64_t)0x200, false },
		{ V1 | PACKED, true, false, 1, 64, 0x1000, 0x2000, -(uint64_t)4, false },
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(cases); i++) {
		common_write(VIRTIO_PCI_COMMON_STATUS, 1, 0);
		if (cases[i].agreed)
			function_negotiate(cases[i].features);
		if (cases[i].driver_ok)
			common_write(VIRTIO_PCI_COMMON_STATUS, 1, 15);
		common_write(VIRTIO_PCI_COMMON_Q_SELECT, 2, 1);
		common_write(VIRTIO_PCI_COMMON_Q_SIZE, 2, cases[i].size);
		common_write(VIRTIO_PCI_COMMON_Q_DESCLO, 4, cases[i].desc);
		common_write(VIRTIO_PCI_COMMON_Q_DESCHI, 4, cases[i].desc >> 32);
		common_write(VIRTIO_PCI_COMMON_Q_AVAILLO, 8, cases[i].avail);
		common_write(VIRTIO_PCI_COMMON_Q_USEDLO, 8, cases[i].used);
		TEST_ASSERT(function.queues[1].desc == cases[i].desc &&
			function.queues[1].avail == cases[i].avail &&
			function.queues[1].used == cases[i].used, "case %u: addresses", i);
		common_write(VIRTIO_PCI_COMMON_Q_ENABLE, 2, cases[i].value);
		TEST_ASSERT_EQUAL(common_read(VIRTIO_PCI_COMMON_Q_ENABLE, 2),
			cases[i].enabled ? 1u : 0u, "case %u", i);
	}
	return TEST_SUCCESS;
}

/* An enabled queue stays as it is. */
static int
test_queue_frozen(void)
{
	struct virtio_queue before;

	function_negotiate(V1);
	common_write(VIRTIO_PCI_COMMON_Q_SELECT, 2, 1);
	common_write(VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	before = function.queues[1];
	TEST_ASSERT(before.enabled, "not enabled");
	common_write(VIRTIO_PCI_COMMON_Q_ENABLE, 2, 0);
	common_write(VIRTIO_PCI_COMMON_Q_SIZE, 2, 32);
	common_write(VIRTIO_PCI_COMMON_Q_DESCLO, 8, 0x1000);
	common_write(VIRTIO_PCI_COMMON_Q_AVAILLO, 8, 0x1000);
	common_write(VIRTIO_PCI_COMMON_Q_USEDLO, 8, 0x1000);
	TEST_ASSERT(memcmp(&before, &function.queues[1], sizeof(before)) == 0, "changed");
	common_write(VIRTIO_PCI_COMMON_Q_MSIX, 2, 2);
	TEST_ASSERT(function.queues[1].vector == 2 && function.vectors == 1,
		"its interrupt cannot move");
	return TEST_SUCCESS;
}

static int
test_vectors(void)
{
	static const struct {
		uint16_t vector, kept;
	} cases[] = {
		{ 0, 0 }, { FUNCTION_VECTORS - 1, FUNCTION_VECTORS - 1 },
		{ FUNCTION_VECTORS, 0xffff }, { 0x7ff, 0xffff }, { 0xffff, 0xffff },
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(cases); i++) {
		common_write(VIRTIO_PCI_COMMON_MSIX, 2, cases[i].vector);
		common_write(VIRTIO_PCI_COMMON_Q_MSIX, 2, cases[i].vector);
		TEST_ASSERT(common_read(VIRTIO_PCI_COMMON_MSIX, 2) == cases[i].kept &&
			common_read(VIRTIO_PCI_COMMON_Q_MSIX, 2) == cases[i].kept,
			"vector %u", cases[i].vector);
	}
	TEST_ASSERT_EQUAL(function.vectors, i, "told %u times", function.vectors);
	return TEST_SUCCESS;
}

/* What is narrower than a register changes its part; what is wider, several. */
static int
test_widths(void)
{
	function_negotiate(V1);
	common_write(VIRTIO_PCI_COMMON_Q_DESCLO, 8, UINT64_C(0x1122334455667788));
	common_write(VIRTIO_PCI_COMMON_Q_DESCLO + 3, 2, 0xaabb);
	TEST_ASSERT_EQUAL(function.queues[0].desc, UINT64_C(0x112233aabb667788), "0x%lx",
		(unsigned long)function.queues[0].desc);
	TEST_ASSERT_EQUAL(common_read(VIRTIO_PCI_COMMON_Q_DESCLO + 3, 2), 0xaabbu, "read");
	common_write(VIRTIO_PCI_COMMON_Q_SELECT, 1, 4);
	TEST_ASSERT_EQUAL(function.regs.queue_select, 4, "half a register");
	/* select a queue, and size and interrupt of it, in one */
	common_write(VIRTIO_PCI_COMMON_Q_SELECT, 6, UINT64_C(0x000300400002));
	TEST_ASSERT(function.queues[2].size == 64 && function.queues[2].vector == 3,
		"three registers at once");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: virtio registers",
	.unit_test_cases = {
		TEST_CASE_ST(function_start, function_stop, test_status),
		TEST_CASE_ST(function_start, function_stop, test_needs_reset),
		TEST_CASE_ST(function_start, function_stop, test_slow_reset),
		TEST_CASE_ST(function_start, function_stop, test_features),
		TEST_CASE_ST(function_start, function_stop, test_queue_select),
		TEST_CASE_ST(function_start, function_stop, test_queue_size),
		TEST_CASE_ST(function_start, function_stop, test_queue_enable),
		TEST_CASE_ST(function_start, function_stop, test_queue_frozen),
		TEST_CASE_ST(function_start, function_stop, test_vectors),
		TEST_CASE_ST(function_start, function_stop, test_widths),
		TEST_CASES_END()
	},
};

static int
test_virtio_regs(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(virtio_regs_autotest, test_virtio_regs);
