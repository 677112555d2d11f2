/* SPDX-License-Identifier: BSD-3-Clause */

/* Backends that come late, go, come back, or are others than before. */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/vhost_types.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#include "device_world.h"
#include "fdmsg.h"
#include "vfu_proto.h"

#define V1 DW_BIT(VIRTIO_F_VERSION_1)
#define STATUS DW_BIT(VIRTIO_NET_F_STATUS)
#define CTRL DW_BIT(VIRTIO_NET_F_CTRL_VQ)
#define ANNOUNCE (DW_BIT(VIRTIO_NET_F_GUEST_ANNOUNCE) | CTRL)
#define PACKED DW_BIT(VIRTIO_F_RING_PACKED)
#define NEEDS_RESET VIRTIO_CONFIG_S_NEEDS_RESET

/* Until the device has noticed. */
static int
lose_backend(void)
{
	fdmsg_close(&dw.backend.listener, 1);
	unlink(dw.backend_path);
	dw.backend.listener = -1;
	backend_hang_up(&dw.backend);
	DW_UNTIL(!vhost_user_is_up(dw.dev->vu));
	return TEST_SUCCESS;
}

static int
bring_backend(void)
{
	dw_backend_forget();
	dw.backend.listener = fdmsg_listen(dw.backend_path);
	DW_UNTIL(vhost_user_is_up(dw.dev->vu));
	dw_settle();
	return TEST_SUCCESS;
}

static uint32_t
base_of(int ring)
{
	const struct backend_seen *seen = dw_last(VU_SET_VRING_BASE, ring);
	struct vhost_vring_state state = { .num = UINT32_MAX };

	if (seen != NULL)
		memcpy(&state, seen->payload, sizeof(state));
	return state.num;
}

/* The application is first: it gets what every backend can do. */
static int
test_late(void)
{
	const uint64_t offered = dw_offered();
	uint8_t generation;

	TEST_ASSERT((offered & V1) != 0 && (offered & STATUS) != 0 &&
		(offered & DW_BIT(VIRTIO_NET_F_MQ)) != 0, "0x%lx", (unsigned long)offered);
	TEST_ASSERT((offered & (PACKED | DW_BIT(VIRTIO_NET_F_CSUM) |
		DW_BIT(VIRTIO_NET_F_MRG_RXBUF))) == 0,
		"0x%lx is more than every backend has", (unsigned long)offered);
	TEST_ASSERT_SUCCESS(dw_drive(offered, 4), "driver");
	TEST_ASSERT_SUCCESS(dw_set_status(15), "DRIVER_OK");
	TEST_ASSERT(dw_net_status() == 0 && dw.dev->run == DEVICE_STOPPED, "link");
	generation = dw_common(VIRTIO_PCI_COMMON_CFGGENERATION, 1);
	if (bring_backend() < 0)
		return TEST_FAILED;
	TEST_ASSERT_EQUAL(dw.dev->run, DEVICE_STARTED, "not started");
	TEST_ASSERT_EQUAL(dw_net_status(), VIRTIO_NET_S_LINK_UP, "link");
	TEST_ASSERT_EQUAL(dw_interrupts(DW_CONFIG_VECTOR), 1u, "it is not told");
	TEST_ASSERT(dw_common(VIRTIO_PCI_COMMON_CFGGENERATION, 1) != generation,
		"generation");
	TEST_ASSERT_EQUAL(base_of(0), 0u, "a base of a fresh ring");
	/* the next driver gets the rest */
	TEST_ASSERT_EQUAL(dw_offered(), offered, "the offer changes under the driver");
	TEST_ASSERT_SUCCESS(dw_set_status(0), "reset");
	TEST_ASSERT((dw_offered() & (PACKED | DW_BIT(VIRTIO_NET_F_CSUM))) ==
		(PACKED | DW_BIT(VIRTIO_NET_F_CSUM)), "the offer after a reset");
	/* and of a backend that is gone what it had */
	if (lose_backend() < 0)
		return TEST_FAILED;
	TEST_ASSERT((dw_offered() & PACKED) != 0, "forgotten with the backend");
	return TEST_SUCCESS;
}

static int
test_split(void)
{
	struct device_status status;
	uint8_t generation;

	if (dw_run(V1 | STATUS, 2) < 0)
		return TEST_FAILED;
	generation = dw_common(VIRTIO_PCI_COMMON_CFGGENERATION, 1);
	dw_set_used(0, 65530);
	dw_set_avail(0, 20);
	dw_set_used(1, 5);
	dw_set_avail(1, 12);
	if (lose_backend() < 0)
		return TEST_FAILED;
	TEST_ASSERT_EQUAL(dw_net_status(), 0, "link");
	TEST_ASSERT_EQUAL(dw_interrupts(DW_CONFIG_VECTOR), 1u, "it is not told");
	TEST_ASSERT(dw_common(VIRTIO_PCI_COMMON_CFGGENERATION, 1) != generation,
		"generation");
	TEST_ASSERT_EQUAL(dw_status(), 15, "status");
	device_get_status(dw.dev, &status);
	TEST_ASSERT(status.losses == 1 && status.lost_frames == 7 && !status.started &&
		!status.backend, "%lu frames", (unsigned long)status.lost_frames);
	/* the driver goes on */
	dw_set_avail(1, 30);
	if (bring_backend() < 0)
		return TEST_FAILED;
	TEST_ASSERT_EQUAL(dw.dev->run, DEVICE_STARTED, "not started");
	TEST_ASSERT(base_of(0) == 65530 && base_of(1) == 5, "bases %u and %u", base_of(0),
		base_of(1));
	TEST_ASSERT_EQUAL(dw_net_status(), VIRTIO_NET_S_LINK_UP, "link");
	TEST_ASSERT_EQUAL(dw_interrupts(DW_CONFIG_VECTOR), 1u, "it is not told");
	device_get_status(dw.dev, &status);
	TEST_ASSERT_EQUAL(status.lost_frames, 7u, "counted twice");
	/* a reset begins anew */
	if (dw_run(V1 | STATUS, 2) < 0)
		return TEST_FAILED;
	TEST_ASSERT_EQUAL(base_of(1), 0u, "base after a reset");
	return TEST_SUCCESS;
}

/* Indices that cannot be are not handed to the next backend. */
static int
test_split_nonsense(void)
{
	if (dw_run(V1, 2) < 0 || lose_backend() < 0)
		return TEST_FAILED;
	dw_set_used(1, 5);
	dw_set_avail(1, 5 + DW_RING_SIZE + 1);
	if (bring_backend() < 0)
		return TEST_FAILED;
	TEST_ASSERT(dw.dev->run == DEVICE_STOPPED && dw_status() == (15 | NEEDS_RESET),
		"status 0x%x", dw_status());
	TEST_ASSERT_EQUAL(dw_backend_saw(VU_SET_VRING_NUM), 0u, "the backend heard of it");
	return TEST_SUCCESS;
}

static int
test_packed(void)
{
	if (dw_run(V1 | PACKED | STATUS, 2) < 0 || lose_backend() < 0)
		return TEST_FAILED;
	TEST_ASSERT_EQUAL(dw_interrupts(DW_CONFIG_VECTOR), 1u, "it is not told");
	TEST_ASSERT_EQUAL(dw_net_status(), 0, "link");
	if (bring_backend() < 0)
		return TEST_FAILED;
	TEST_ASSERT_EQUAL(dw_status(), 15 | NEEDS_RESET, "status");
	TEST_ASSERT(dw_interrupts(DW_CONFIG_VECTOR) >= 1, "it is not told");
	TEST_ASSERT_EQUAL(dw_backend_saw(VU_SET_VRING_NUM), 0u, "started");
	if (dw_run(V1 | PACKED | STATUS, 2) < 0)
		return TEST_FAILED;
	TEST_ASSERT_EQUAL(dw_net_status(), VIRTIO_NET_S_LINK_UP, "link");
	/* one that no backend has seen begins where it is, whenever that is */
	if (lose_backend() < 0)
		return TEST_FAILED;
	TEST_ASSERT_SUCCESS(dw_drive(V1 | PACKED, 2), "driver");
	TEST_ASSERT_SUCCESS(dw_set_status(15), "DRIVER_OK");
	if (bring_backend() < 0)
		return TEST_FAILED;
	TEST_ASSERT(dw.dev->run == DEVICE_STARTED && dw_status() == 15, "status");
	return TEST_SUCCESS;
}

/* Others must learn where the device is: asked for, and taken back by the driver. */
static int
test_announce(void)
{
	if (dw_run(V1 | STATUS | ANNOUNCE, 2) < 0)
		return TEST_FAILED;
	TEST_ASSERT_EQUAL(dw_net_status(), VIRTIO_NET_S_LINK_UP, "at the first start");
	if (lose_backend() < 0 || bring_backend() < 0)
		return TEST_FAILED;
	TEST_ASSERT_EQUAL(dw_net_status(), VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE,
		"not asked for");
	TEST_ASSERT_EQUAL(dw_interrupts(DW_CONFIG_VECTOR), 2u, "a change each");
	TEST_ASSERT_EQUAL(net_ctrl_command(&dw.dev->ctrl, VIRTIO_NET_CTRL_ANNOUNCE,
		VIRTIO_NET_CTRL_ANNOUNCE_ACK, NULL, 0), VIRTIO_NET_OK, "ack");
	TEST_ASSERT_EQUAL(dw_net_status(), VIRTIO_NET_S_LINK_UP, "not taken back");
	return TEST_SUCCESS;
}

/* Another backend, which has not what the driver uses. */
static int
test_lesser(void)
{
	const uint64_t had = dw.backend.features;

	if (dw_run(V1 | STATUS | DW_BIT(VIRTIO_NET_F_CSUM), 2) < 0 ||
			lose_backend() < 0)
		return TEST_FAILED;
	dw.backend.features &= ~DW_BIT(VIRTIO_NET_F_CSUM);
	dw_interrupts(DW_CONFIG_VECTOR);
	if (bring_backend() < 0)
		return TEST_FAILED;
	TEST_ASSERT_EQUAL(dw.dev->run, DEVICE_STOPPED, "started");
	TEST_ASSERT_EQUAL(dw_backend_saw(VU_SET_FEATURES), 0u, "the backend heard of it");
	TEST_ASSERT(dw_net_status() == 0 && dw_status() == 15, "status");
	TEST_ASSERT_EQUAL(dw_interrupts(DW_CONFIG_VECTOR), 0u, "told of no change");
	/* a bit that is about no packet is no reason */
	if (lose_backend() < 0)
		return TEST_FAILED;
	dw.backend.features = had & ~DW_BIT(VIRTIO_NET_F_MTU);
	if (bring_backend() < 0)
		return TEST_FAILED;
	TEST_ASSERT(dw.dev->run == DEVICE_STARTED &&
		dw_net_status() == VIRTIO_NET_S_LINK_UP, "the former one is not taken");
	return TEST_SUCCESS;
}

/* A backend that fails at each message of each operation: nobody waits for ever. */
static int
fail_at(uint32_t request, enum mischief mischief)
{
	unsigned int waits = 0;

	dw.backend.mischief = mischief;
	dw.backend.mischief_at = request;
	dw.backend.did_it = false;
	TEST_ASSERT_SUCCESS(dw_drive(V1, 2), "driver");
	TEST_ASSERT_SUCCESS(dw_set_status(15), "DRIVER_OK");
	while (dw.dev->run != DEVICE_STARTED && waits++ < 20000)
		dw_round();
	TEST_ASSERT_EQUAL(dw.dev->run, DEVICE_STARTED, "it does not come back");
	TEST_ASSERT_SUCCESS(dw_map(0x200000000, 0x1000, 0, dw.memory), "map");
	TEST_ASSERT_SUCCESS(dw_unmap(0x200000000, 0x1000), "unmap");
	TEST_ASSERT_SUCCESS(dw_set_status(0), "reset");
	TEST_ASSERT_EQUAL(dw_status(), 0, "the reset is not over");
	TEST_ASSERT(dw.backend.did_it, "nothing happened");
	dw.backend.did_it = false;
	return TEST_SUCCESS;
}

static int
test_failures(void)
{
	static const uint32_t requests[] = {
		VU_SET_FEATURES, VU_SET_MEM_TABLE, VU_SET_VRING_CALL, VU_SET_VRING_NUM,
		VU_SET_VRING_BASE, VU_SET_VRING_ADDR, VU_SET_VRING_KICK,
		VU_SET_VRING_ENABLE, VU_SET_STATUS, VU_GET_VRING_BASE,
	};
	static const enum mischief mischiefs[] = {
		MISCHIEF_CLOSE, MISCHIEF_GARBAGE, MISCHIEF_HALF_CLOSE, MISCHIEF_SHORT,
		MISCHIEF_NACK,
	};
	unsigned int i, j, count = 0;

	for (i = 0; i < RTE_DIM(requests); i++) {
		for (j = 0; j < RTE_DIM(mischiefs); j++) {
			/* a base is no answer that can be negative */
			if (requests[i] == VU_GET_VRING_BASE &&
					mischiefs[j] == MISCHIEF_NACK)
				continue;
			dw_backend_forget();
			if (fail_at(requests[i], mischiefs[j]) != TEST_SUCCESS) {
				printf("    request %u, mischief %u\n", requests[i],
					mischiefs[j]);
				return TEST_FAILED;
			}
			count++;
		}
	}
	printf("    %u failures\n", count);
	return TEST_SUCCESS;
}

/* Lost while the client waits for an unmap or a reset. */
static int
test_lost_while_waiting(void)
{
	const uint8_t zero = 0;
	int i;

	for (i = 0; i < 2; i++) {
		if (dw_run(V1, 2) < 0)
			return TEST_FAILED;
		TEST_ASSERT_SUCCESS(dw_map(0x200000000, 0x1000, 0, dw.memory), "map");
		dw.backend.deaf = true;
		if (i == 0)
			dw_unmap_send(0x200000000, 0x1000);
		else
			dw_write_send(VIRTIO_PCI_BAR, VIRTIO_PCI_COMMON_STATUS, &zero, 1);
		dw_settle();
		TEST_ASSERT_EQUAL(dw_recv(), 0, "it does not wait");
		dw.backend.deaf = false;
		if (lose_backend() < 0)
			return TEST_FAILED;
		DW_UNTIL(dw_recv() == 1);
		TEST_ASSERT_EQUAL(dw.reply_error, 0u, "answered with an error");
		TEST_ASSERT_EQUAL(dw_status(), i == 0 ? 15 : 0, "status");
		TEST_ASSERT_SUCCESS(dw_set_status(0), "reset");
		dw_unmap(0x200000000, 0x1000);
		if (bring_backend() < 0)
			return TEST_FAILED;
	}
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: backend loss",
	.unit_test_cases = {
		TEST_CASE_ST(dw_start_alone, dw_stop, test_late),
		TEST_CASE_ST(dw_start, dw_stop, test_split),
		TEST_CASE_ST(dw_start, dw_stop, test_split_nonsense),
		TEST_CASE_ST(dw_start, dw_stop, test_packed),
		TEST_CASE_ST(dw_start, dw_stop, test_announce),
		TEST_CASE_ST(dw_start, dw_stop, test_lesser),
		TEST_CASE_ST(dw_start, dw_stop, test_failures),
		TEST_CASE_ST(dw_start, dw_stop, test_lost_while_waiting),
		TEST_CASE(stage_no_leaks),
		TEST_CASES_END()
	},
};

static int
test_device_loss(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(device_loss_autotest, test_device_loss);
