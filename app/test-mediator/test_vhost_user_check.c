/* SPDX-License-Identifier: BSD-3-Clause */

/* What a vhost-user backend is not told of, as it cannot be. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include "vhost_user_world.h"

#define V(field, value) { .name = #field " " #value, .vring = true, \
	.offset = offsetof(struct vhost_user_vring, field), \
	.width = sizeof(((struct vhost_user_vring *)0)->field), .wrong = value }
#define R(field, value) { .name = #field " " #value, \
	.offset = offsetof(struct dma_range, field), \
	.width = sizeof(((struct dma_range *)0)->field), .wrong = value }
#define END (WORLD_IOVA + WORLD_SIZE)

/* One field of ring 1 or region 0. */
static const struct {
	const char *name;
	bool vring, packed;
	size_t offset, width;
	uint64_t wrong;
} wrong[] = {
	V(size, 3), V(size, 255), V(size, 32769), V(size, 0xffff),
	V(desc, WORLD_IOVA + 8), V(desc, 0), V(desc, WORLD_IOVA - 16),
	V(desc, END - 4096 + 16), V(desc, END), V(desc, UINT64_MAX - 15),
	V(avail, WORLD_IOVA + 1), V(avail, 0), V(avail, WORLD_IOVA - 2),
	V(avail, END - 516), V(avail, END), V(avail, UINT64_MAX - 1),
	V(used, WORLD_IOVA + 2), V(used, 0), V(used, WORLD_IOVA - 4),
	V(used, END - 2052), V(used, END), V(used, UINT64_MAX - 3),
	R(fd, UINT32_MAX), R(size, 0), R(size, UINT64_MAX), R(iova, 0),
	R(iova, UINT64_MAX), R(offset, UINT64_MAX), R(offset, -WORLD_SIZE + 4096),
};

static int
test_wrong(void)
{
	struct vhost_user_vring vrings[2];
	struct dma_range range;
	unsigned int i;
	int ret;

	WORLD_UNTIL(vhost_user_is_up(world.vu));
	world.backend.nr_seen = 0;
	for (i = 0; i < RTE_DIM(wrong); i++) {
		memcpy(vrings, world.vrings, sizeof(vrings));
		range = world.ranges[0];
		memcpy((wrong[i].vring ? (char *)&vrings[1] : (char *)&range) +
			wrong[i].offset, &wrong[i].wrong, wrong[i].width);
		ret = vhost_user_start(world.vu, 0, &range, 1, vrings, 2, 0);
		TEST_ASSERT_EQUAL(ret, -EINVAL, "%s: %d", wrong[i].name, ret);
	}
	printf("%u wrong fields\n", i);
	TEST_ASSERT_EQUAL(vhost_user_start(world.vu, 0, world.ranges, 1, world.vrings, 4,
		0), -EINVAL, "more rings than there are without MQ");
	TEST_ASSERT_EQUAL(vhost_user_start(world.vu, BACKEND_FEATURES, world.ranges, 1,
		world.vrings, 5, 0), -EINVAL, "more rings than there are");
	TEST_ASSERT_EQUAL(vhost_user_start(world.vu, 0, world.ranges, 1, world.vrings, 2,
		67), -EINVAL, "a tiny MTU");
	/* a ring with one part that is larger than the region it begins in */
	vrings[0] = world.vrings[0];
	vrings[0].avail = WORLD_IOVA;
	vrings[0].used = WORLD_IOVA + 1024;
	range = world.ranges[0];
	range.size = 4080;
	TEST_ASSERT_EQUAL(vhost_user_start(world.vu, 0, &range, 1, vrings, 1, 0), -EINVAL,
		"descriptors that reach out of their region");
	world_settle();
	TEST_ASSERT_EQUAL(world.backend.nr_seen, 0u, "the backend was told");
	/* the largest that there are, at the very end */
	world.vrings[1].size = 32768;
	world.vrings[1].desc = WORLD_IOVA;
	world.vrings[1].avail = END - 65542;
	world.vrings[0].used = END - 2056;
	world.vrings[1].used = WORLD_IOVA + 0x100000;
	TEST_ASSERT_SUCCESS(world_start(2), "not started");
	return TEST_SUCCESS;
}

/* Packed: any size, and event areas of 4 bytes. */
static int
test_packed(void)
{
	const uint64_t packed = UINT64_C(1) << VIRTIO_F_RING_PACKED;

	world.vrings[0].size = 3;
	world.vrings[0].avail = END - 8;
	world.vrings[0].used = END - 4;
	world.vrings[0].base = 0x80008000;
	world.backend.features |= packed;
	WORLD_UNTIL(vhost_user_is_up(world.vu));
	world.vrings[1].avail = END - 2;
	TEST_ASSERT_EQUAL(vhost_user_start(world.vu, packed, world.ranges, 1,
		world.vrings, 2, 0), -EINVAL, "half an event area");
	TEST_ASSERT_SUCCESS(vhost_user_start(world.vu, packed, world.ranges, 1,
		world.vrings, 1, 0), "not started");
	world.backend.nr_seen = 0;
	WORLD_UNTIL(STARTED);
	TEST_TOLD(2, "SET_VRING_CALL 0 fds 1 ack", "SET_VRING_NUM 0 3 ack",
		"SET_VRING_BASE 0 2147516416 ack",
		"SET_VRING_ADDR 0 0x7f0000000000 0x7f00001ffff8 0x7f00001ffffc ack",
		"SET_VRING_KICK 0 fds 1 ack", "SET_VRING_ENABLE 0 1 ack",
		"SET_STATUS 0xf ack");
	return TEST_SUCCESS;
}

/* A backend that came back with less. */
static int
test_features(void)
{
	static const unsigned int needed[] = { VIRTIO_NET_F_MRG_RXBUF,
		VIRTIO_RING_F_INDIRECT_DESC, VIRTIO_F_VERSION_1, VIRTIO_F_RING_PACKED };
	unsigned int i;

	world.backend.features = UINT64_C(1) << VU_F_PROTOCOL_FEATURES;
	WORLD_UNTIL(vhost_user_is_up(world.vu));
	world_settle();
	world.backend.nr_seen = 0;
	for (i = 0; i < RTE_DIM(needed); i++)
		TEST_ASSERT_EQUAL(vhost_user_start(world.vu, UINT64_C(1) << needed[i],
			world.ranges, 1, world.vrings, 2, 0), -EINVAL, "feature %u",
			needed[i]);
	/* the others are the mediator's own */
	TEST_ASSERT_SUCCESS(vhost_user_start(world.vu, UINT64_C(1) << VIRTIO_NET_F_MAC |
		UINT64_C(1) << VIRTIO_F_ACCESS_PLATFORM, world.ranges, 1, world.vrings, 2,
		0), "not started");
	WORLD_UNTIL(STARTED);
	TEST_ASSERT_EQUAL(memcmp(world.backend.seen[0].payload,
		&world.backend.features, 8), 0, "other features");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: vhost-user checks",
	.unit_test_cases = {
		TEST_CASE_ST(world_connects, world_stop, test_wrong),
		TEST_CASE_ST(world_connects, world_stop, test_packed),
		TEST_CASE_ST(world_connects, world_stop, test_features),
		TEST_CASE(stage_no_leaks),
		TEST_CASES_END()
	},
};

static int
test_vhost_user_check(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vhost_user_check_autotest, test_vhost_user_check);
