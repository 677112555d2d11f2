/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>

#include <rte_errno.h>
#include <rte_memory.h>

#include <virtqueue.h>

#include "test.h"

#define PORT 7
#define INDEX 3

/* Areas as VIRTIO 1.2 s. 2.7 wants them, for all sizes. */
static int
test_layout(void)
{
	struct virtio_vq_addr addr;
	struct virtqueue *vq;
	uint32_t size;

	for (size = VIRTQUEUE_MIN_SIZE; size <= VIRTQUEUE_MAX_SIZE; size *= 2) {
		vq = virtqueue_create(PORT, INDEX, VIRTQUEUE_TX, size,
				SOCKET_ID_ANY);
		TEST_ASSERT_NOT_NULL(vq, "size %u", size);
		virtqueue_addresses(vq, &addr);
		TEST_ASSERT_EQUAL(addr.desc % 16, 0, "descriptor area");
		TEST_ASSERT_EQUAL(addr.avail % 2, 0, "driver area");
		TEST_ASSERT_EQUAL(addr.used % 4, 0, "device area");
		TEST_ASSERT(addr.avail >= addr.desc + 16 * size, "overlap");
		TEST_ASSERT(addr.used >= addr.avail + 6 + 2 * size, "overlap");
		TEST_ASSERT(vq->hdr_iova >= addr.used + 6 + 8 * size, "overlap");
		TEST_ASSERT(vq->mz->iova + vq->mz->len >= vq->hdr_iova +
			size * VIRTIO_NET_HDR_MAX_LEN, "no room for headers");
		TEST_ASSERT_EQUAL(virtqueue_free_count(vq), size, "free descriptors");
		virtqueue_free(vq);
	}
	virtqueue_free(NULL);
	return TEST_SUCCESS;
}

/* Create the largest queues until memory runs out; how many, all freed again. */
static unsigned int
exhaust(void)
{
	static struct virtqueue *vq[2048];
	unsigned int count = 0, i;

	rte_errno = 0;
	while (count < RTE_DIM(vq) && (vq[count] = virtqueue_create(PORT, INDEX,
			VIRTQUEUE_TX, VIRTQUEUE_MAX_SIZE, SOCKET_ID_ANY)) != NULL)
		count++;
	for (i = 0; i < count; i++)
		virtqueue_free(vq[i]);
	return count;
}

/* Memory runs out: the queue is refused, and nothing is left of it. */
static int
test_no_memory(void)
{
	unsigned int count = exhaust(), again;

	TEST_ASSERT(count > 0, "no queue at all");
	TEST_ASSERT_EQUAL(rte_errno, ENOMEM, "error %d", rte_errno);
	again = exhaust();
	TEST_ASSERT_EQUAL(count, again, "%u queues, then %u", count, again);
	return TEST_SUCCESS;
}

/* All addresses that the device is told become virtual ones. */
static int
test_virtual_addresses(void)
{
	struct virtio_vq_addr before, after;
	struct virtqueue *vq;
	uint64_t header;

	vq = virtqueue_create(PORT, INDEX, VIRTQUEUE_TX, 256, SOCKET_ID_ANY);
	TEST_ASSERT_NOT_NULL(vq, "no queue");
	/* as where EAL's IOVA mode is PA */
	vq->ring_iova += 0x100000000;
	vq->hdr_iova += 0x100000000;
	virtqueue_addresses(vq, &before);
	header = vq->hdr_iova - vq->ring_iova;
	virtqueue_use_va(vq);
	virtqueue_addresses(vq, &after);
	TEST_ASSERT_EQUAL(after.desc, (uintptr_t)vq->mz->addr, "descriptor area");
	TEST_ASSERT_EQUAL(after.avail - after.desc, before.avail - before.desc,
		"driver area");
	TEST_ASSERT_EQUAL(after.used - after.desc, before.used - before.desc,
		"device area");
	TEST_ASSERT_EQUAL(vq->hdr_iova, (uintptr_t)vq->mz->addr + header, "headers");
	TEST_ASSERT_EQUAL(vq->mbuf_addr, offsetof(struct rte_mbuf, buf_addr), "mbufs");
	virtqueue_free(vq);
	return TEST_SUCCESS;
}

/* VIRTIO 1.2 s. 2.9: offset and wrap counter, or an index that has both. */
static int
test_next_avail(void)
{
	struct virtqueue *vq;

	vq = virtqueue_create(PORT, INDEX, VIRTQUEUE_TX, 256, SOCKET_ID_ANY);
	TEST_ASSERT_NOT_NULL(vq, "no queue");
	vq->avail_idx = 0x8123;
	TEST_ASSERT_EQUAL(virtqueue_next_avail(vq), 0x8123, "split");
	virtqueue_reset(vq, true);
	TEST_ASSERT_EQUAL(virtqueue_next_avail(vq), 0x8000, "first");
	vq->head = 255;
	TEST_ASSERT_EQUAL(virtqueue_next_avail(vq), 0x80ff, "last");
	vq->head = 256;
	TEST_ASSERT_EQUAL(virtqueue_next_avail(vq), 0, "wrapped");
	vq->head = 0xffff;
	TEST_ASSERT_EQUAL(virtqueue_next_avail(vq), 0xff, "before 0");
	vq->head = 0;
	virtqueue_free(vq);
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: virtqueues",
	.unit_test_cases = {
		TEST_CASE(test_layout),
		TEST_CASE(test_no_memory),
		TEST_CASE(test_virtual_addresses),
		TEST_CASE(test_next_avail),
		TEST_CASES_END()
	}
};

static int
test_virtqueue(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(virtqueue_autotest, test_virtqueue);
