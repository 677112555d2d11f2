/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_memory.h>

#include <virtqueue.h>
#include <virtqueue_packed.h>

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
		virtqueue_destroy(vq);
	}
	virtqueue_destroy(NULL);
	return TEST_SUCCESS;
}

/* And as s. 2.8 wants them: the same memory holds either. */
static int
test_packed_layout(void)
{
	struct virtio_vq_addr addr;
	struct virtqueue *vq;
	uint32_t size;

	for (size = VIRTQUEUE_MIN_SIZE; size <= VIRTQUEUE_MAX_SIZE; size *= 2) {
		vq = virtqueue_create(PORT, INDEX, VIRTQUEUE_TX, size,
				SOCKET_ID_ANY);
		TEST_ASSERT_NOT_NULL(vq, "size %u", size);
		memset(vq->mz->addr, 0xff, vq->mz->len);
		virtqueue_reset(vq, true);
		virtqueue_addresses(vq, &addr);
		TEST_ASSERT_EQUAL(addr.desc % 16, 0, "descriptor ring");
		TEST_ASSERT_EQUAL(addr.avail % 4, 0, "driver event");
		TEST_ASSERT_EQUAL(addr.used % 4, 0, "device event");
		TEST_ASSERT(addr.avail >= addr.desc + 16 * size, "overlap");
		TEST_ASSERT(addr.used >= addr.avail + 4, "overlap");
		TEST_ASSERT(vq->hdr_iova >= addr.used + 4, "overlap");
		TEST_ASSERT(vq->driver_event == RTE_PTR_ADD(vq->mz->addr,
			addr.avail - vq->mz->iova) && vq->device_event ==
			RTE_PTR_ADD(vq->mz->addr, addr.used - vq->mz->iova),
			"the driver has them elsewhere");
		virtqueue_destroy(vq);
	}
	return TEST_SUCCESS;
}

/* Is it as s. 2.8 wants it before the device sees it, and asks for no interrupts? */
static int
check_packed_first(const struct virtqueue *vq)
{
	const struct vring_packed_desc none = { .flags = 0 };
	uint16_t i;

	for (i = 0; i < vq->size; i++) {
		TEST_ASSERT_SUCCESS(memcmp(&vq->packed_desc[i], &none, sizeof(none)),
			"descriptor %u is not empty", i);
		TEST_ASSERT(vq->ids[i] == i && vq->mbuf[i] == NULL &&
			vq->chain[i].count == 1, "id %u", i);
	}
	TEST_ASSERT_EQUAL(vq->driver_event->flags,
		rte_cpu_to_le_16(VRING_PACKED_EVENT_FLAG_DISABLE), "interrupts");
	TEST_ASSERT(vq->head == 0 && vq->tail == 0 && vq->in_sequence && !vq->broken,
		"not at its begin");
	TEST_ASSERT_EQUAL(virtqueue_tx_outstanding(vq), 0, "buffers");
	return TEST_SUCCESS;
}

/* A reset leaves nothing of what a queue was: the other kind, used, out of turn, broken. */
static int
test_packed_reset(void)
{
	struct virtqueue *vq;

	vq = virtqueue_create(PORT, INDEX, VIRTQUEUE_TX, 16, SOCKET_ID_ANY);
	TEST_ASSERT_NOT_NULL(vq, "no queue");
	virtqueue_reset(vq, true);
	TEST_ASSERT_SUCCESS(check_packed_first(vq), "a new one");
	memset(vq->mz->addr, 0xa5, vq->mz->len);
	vq->head = 0x1234;
	vq->tail = 0x1230;
	vq->nr_plain = 1;
	vq->nr_others = 2;
	vq->batch = 1;
	vq->chain[3].count = 4;
	vq->ids[3] = 5;
	virtqueue_leave_sequence(vq);
	virtqueue_halt(vq);
	virtqueue_reset(vq, true);
	TEST_ASSERT_SUCCESS(check_packed_first(vq), "a used one");
	TEST_ASSERT_EQUAL(vq->batch, 0, "batch");
	virtqueue_reset(vq, false);
	TEST_ASSERT_EQUAL(vq->avail->flags,
		rte_cpu_to_le_16(VRING_AVAIL_F_NO_INTERRUPT), "interrupts");
	virtqueue_reset(vq, true);
	TEST_ASSERT_SUCCESS(check_packed_first(vq), "that was a split one");
	virtqueue_destroy(vq);
	return TEST_SUCCESS;
}

/* s. 2.8.1: wrap counters begin with 1 and change with each round, for ever. */
static int
test_wrap_counters(void)
{
	const uint16_t avail = 1 << VRING_PACKED_DESC_F_AVAIL;
	const uint16_t used = 1 << VRING_PACKED_DESC_F_USED;
	struct virtqueue vq = { .size = 0 };
	uint32_t size, position;
	bool wrap;

	for (size = VIRTQUEUE_MIN_SIZE; size <= VIRTQUEUE_MAX_SIZE; size *= 2) {
		vq.size = size;
		wrap = true;
		/* and on from 65535 to 0 */
		for (position = 0; position < 3 * (UINT16_MAX + 1u); position++) {
			TEST_ASSERT_EQUAL(packed_avail_flags(&vq, position),
				wrap ? avail : used, "size %u: available at %u", size,
				position);
			TEST_ASSERT_EQUAL(packed_used_flags(&vq, position),
				wrap ? avail | used : 0, "size %u: used at %u", size,
				position);
			if (position % size == size - 1)
				wrap = !wrap;
		}
	}
	return TEST_SUCCESS;
}

/* Only what lies between tail and head is the device's, wherever in the ring that is. */
static int
test_leave_sequence(void)
{
	static const uint16_t heads[] = { 0, 3, 12, 16, 19, 0x8001, 0xffff };
	struct rte_mbuf *const some = (struct rte_mbuf *)(uintptr_t)64;
	struct virtqueue *vq;
	unsigned int i, j;
	uint16_t count;

	vq = virtqueue_create(PORT, INDEX, VIRTQUEUE_RX, 16, SOCKET_ID_ANY);
	TEST_ASSERT_NOT_NULL(vq, "no queue");
	for (i = 0; i < 2 * RTE_DIM(heads); i++) {
		for (count = 0; count <= 16; count++) {
			virtqueue_reset(vq, i % 2 == 1);
			vq->head = heads[i / 2];
			vq->tail = vq->head - count;
			for (j = 0; j < 16; j++)
				vq->mbuf[j] = some;
			virtqueue_leave_sequence(vq);
			for (j = 0; j < 16; j++)
				TEST_ASSERT_EQUAL(vq->mbuf[(vq->tail + j) % 16],
					j < count ? some : NULL,
					"%u up to %u: %u", count, vq->head, j);
		}
	}
	virtqueue_reset(vq, true); /* forgets the mbufs that are none */
	virtqueue_destroy(vq);
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
		virtqueue_destroy(vq[i]);
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

static int
virtual_addresses(bool packed)
{
	struct virtio_vq_addr before, after;
	struct virtqueue *vq;
	uint64_t header;

	vq = virtqueue_create(PORT, INDEX, VIRTQUEUE_TX, 256, SOCKET_ID_ANY);
	TEST_ASSERT_NOT_NULL(vq, "no queue");
	virtqueue_reset(vq, packed);
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
	virtqueue_destroy(vq);
	return TEST_SUCCESS;
}

/* All addresses that the device is told become virtual ones. */
static int
test_virtual_addresses(void)
{
	TEST_ASSERT_SUCCESS(virtual_addresses(false), "split");
	TEST_ASSERT_SUCCESS(virtual_addresses(true), "packed");
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
	virtqueue_destroy(vq);
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: virtqueues",
	.unit_test_cases = {
		TEST_CASE(test_layout),
		TEST_CASE(test_packed_layout),
		TEST_CASE(test_packed_reset),
		TEST_CASE(test_wrap_counters),
		TEST_CASE(test_leave_sequence),
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
