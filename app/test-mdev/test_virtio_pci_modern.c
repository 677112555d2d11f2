/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>

#include <linux/virtio_pci.h>

#include <rte_byteorder.h>

#include <vfio_share.h>
#include <virtio_pci_modern.h>

#include "fake_vfio.h"
#include "fake_virtio.h"
#include "test.h"

static struct virtio_transport *tr;
static struct vfio_dev *vfio;

static int
start(enum fake_virtio_map map)
{
	tr = NULL;
	if (fake_virtio_start(map) < 0)
		return TEST_FAILED;
	return vfio_dev_open(FAKE_VFIO_BASE, FAKE_VFIO_ADDR, &vfio);
}

static int
setup(void)
{
	return start(FAKE_VIRTIO_TRAPPED);
}

static int
setup_mapped(void)
{
	return start(FAKE_VIRTIO_DOORBELLS);
}

static int
setup_whole(void)
{
	return start(FAKE_VIRTIO_WHOLE);
}

static void
teardown(void)
{
	if (tr != NULL)
		tr->ops->destroy(tr);
	vfio_dev_close(vfio);
	fake_virtio_stop();
}

static int
test_queue_registers(void)
{
	const struct virtio_vq_addr addr = {
		.desc = UINT64_C(0x1122334455667000),
		.avail = UINT64_C(0x2233445566778000),
		.used = UINT64_C(0x3344556677889000),
	};
	struct fake_virtio_queue *q = &fake_virtio.queue[1];
	uint16_t num;

	TEST_ASSERT_SUCCESS(virtio_pci_modern_create(vfio, &tr), "refused");
	TEST_ASSERT_SUCCESS(tr->ops->get_vq_num_max(tr, 1, &num), "max");
	TEST_ASSERT_EQUAL(num, 256, "max is %u", num);
	TEST_ASSERT_SUCCESS(tr->ops->get_vq_num_max(tr, 2, &num), "max");
	TEST_ASSERT_EQUAL(num, 0, "a queue that is not there has %u", num);
	TEST_ASSERT_SUCCESS(tr->ops->set_vq_num(tr, 1, 64), "size");
	TEST_ASSERT_EQUAL(q->size, 64, "size is %u", q->size);
	TEST_ASSERT_SUCCESS(tr->ops->set_vq_address(tr, 1, &addr), "address");
	TEST_ASSERT(q->desc == addr.desc && q->avail == addr.avail &&
		q->used == addr.used, "addresses");
	fake_virtio.keeps_size = true;
	TEST_ASSERT_EQUAL(tr->ops->set_vq_num(tr, 1, 32), -EPROTO,
		"a size that was not taken");
	fake_virtio.never_enables = true;
	TEST_ASSERT_EQUAL(tr->ops->set_vq_ready(tr, 1), -EPROTO,
		"a queue that stays disabled");
	TEST_ASSERT_SUCCESS(tr->ops->set_vq_vector(tr, 1, 2), "vector");
	TEST_ASSERT_EQUAL(q->vector, 2, "vector is %u", q->vector);
	fake_virtio.no_vectors = true;
	TEST_ASSERT_EQUAL(tr->ops->set_vq_vector(tr, 1, 1), -EBUSY,
		"a vector that was not taken");
	TEST_ASSERT_EQUAL(tr->ops->set_config_vector(tr, 0), -EBUSY,
		"a vector that was not taken");
	return TEST_SUCCESS;
}

static int
test_doorbell_trapped(void)
{
	struct virtio_doorbell doorbell;
	uint64_t offset;

	TEST_ASSERT_SUCCESS(virtio_pci_modern_create(vfio, &tr), "refused");
	TEST_ASSERT_SUCCESS(tr->ops->get_vq_notify_offset(tr, 1, &offset), "none");
	tr->ops->get_vq_doorbell(tr, 1, offset, &doorbell);
	TEST_ASSERT_NULL(doorbell.addr, "mapped");
	TEST_ASSERT_EQUAL(doorbell.value, 1, "value %u", doorbell.value);
	TEST_ASSERT_SUCCESS(doorbell.ring(&doorbell, 0), "not rung");
	TEST_ASSERT_EQUAL(fake_virtio.kicks, 1, "%u kicks", fake_virtio.kicks);
	return TEST_SUCCESS;
}

static unsigned int messages;

static int
call(void *arg, const struct vfio_share_msg *req, struct vfio_share_msg *reply)
{
	messages++;
	return vfio_share_serve(arg, req, reply);
}

/* In another process it is asked for by who rings first, and not by who looks for it. */
static int
test_doorbell_shared(void)
{
	struct virtio_doorbell doorbell;
	struct vfio_dev *shared;
	unsigned int before;
	eventfd_t count = 0;
	uint64_t offset;

	fake_vfio.ioeventfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	TEST_ASSERT_SUCCESS(vfio_dev_attach_shared("shared", call, vfio, &shared),
		"not attached");
	TEST_ASSERT_SUCCESS(virtio_pci_modern_create(shared, &tr), "refused");
	TEST_ASSERT_SUCCESS(tr->ops->get_vq_notify_offset(tr, 1, &offset), "none");
	before = messages;
	tr->ops->get_vq_doorbell(tr, 1, offset, &doorbell);
	TEST_ASSERT_NULL(doorbell.addr, "mapped");
	TEST_ASSERT_EQUAL(messages, before, "%u messages", messages - before);
	TEST_ASSERT_SUCCESS(doorbell.ring(&doorbell, 0), "not rung");
	TEST_ASSERT_EQUAL(messages, before + 1, "%u messages", messages - before);
	TEST_ASSERT_SUCCESS(doorbell.ring(&doorbell, 0), "not rung");
	TEST_ASSERT_EQUAL(messages, before + 1, "%u messages", messages - before);
	TEST_ASSERT_SUCCESS(eventfd_read(fake_vfio.ioeventfd, &count), "not rung");
	TEST_ASSERT_EQUAL(count, 2, "rung %u times", (unsigned int)count);
	TEST_ASSERT_EQUAL(fake_virtio.kicks, 0, "%u kicks", fake_virtio.kicks);
	tr->ops->destroy(tr);
	tr = NULL;
	vfio_dev_close(shared);
	close(fake_vfio.ioeventfd);
	return TEST_SUCCESS;
}

/* The process that opened the device has it before anybody rings. */
static int
test_doorbell_eventfd(void)
{
	struct virtio_doorbell doorbell;
	eventfd_t count = 0;
	uint64_t offset;

	fake_vfio.ioeventfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	TEST_ASSERT_SUCCESS(virtio_pci_modern_create(vfio, &tr), "refused");
	TEST_ASSERT_SUCCESS(tr->ops->get_vq_notify_offset(tr, 1, &offset), "none");
	tr->ops->get_vq_doorbell(tr, 1, offset, &doorbell);
	TEST_ASSERT_EQUAL(doorbell.fd, fake_vfio.ioeventfd, "another fd");
	TEST_ASSERT_SUCCESS(doorbell.ring(&doorbell, 0), "not rung");
	TEST_ASSERT_SUCCESS(eventfd_read(fake_vfio.ioeventfd, &count), "not rung");
	TEST_ASSERT_EQUAL(fake_virtio.kicks, 0, "%u kicks", fake_virtio.kicks);
	close(fake_vfio.ioeventfd);
	return TEST_SUCCESS;
}

static int
test_doorbell_mapped(void)
{
	struct virtio_doorbell doorbell;
	uint64_t offset;

	TEST_ASSERT_SUCCESS(virtio_pci_modern_create(vfio, &tr), "refused");
	TEST_ASSERT_SUCCESS(tr->ops->get_vq_notify_offset(tr, 1, &offset), "none");
	tr->ops->get_vq_doorbell(tr, 1, offset, &doorbell);
	TEST_ASSERT_NOT_NULL(doorbell.addr, "not mapped");
	*(volatile uint16_t *)doorbell.addr = doorbell.value;
	TEST_ASSERT_EQUAL(fake_virtio_last_kick(), 1, "it went elsewhere");
	return TEST_SUCCESS;
}

/*
 * A BAR that is mapped as a whole: all registers are reached there and none through the
 * transport. They are plain memory here, which keeps what is written.
 */
static int
test_mapped_whole(void)
{
	const struct fake_vfio_region *bar = &fake_vfio.regions[0];
	const struct virtio_vq_addr addr = { .desc = UINT64_C(0x1122334455667000) };
	struct virtio_doorbell doorbell;
	struct virtio_pci_common_cfg *common = (void *)bar->mem;
	uint64_t features, offset;
	uint8_t status;

	TEST_ASSERT_SUCCESS(virtio_pci_modern_create(vfio, &tr), "refused");
	common->device_feature = rte_cpu_to_le_32(1);
	common->queue_size = rte_cpu_to_le_16(256);
	TEST_ASSERT_SUCCESS(tr->ops->get_device_features(tr, &features), "features");
	TEST_ASSERT_EQUAL(features, UINT64_C(0x100000001), "features");
	TEST_ASSERT_SUCCESS(tr->ops->set_status(tr, 3), "status");
	TEST_ASSERT_EQUAL(common->device_status, 3, "not written");
	TEST_ASSERT_SUCCESS(tr->ops->get_status(tr, &status), "status");
	TEST_ASSERT_EQUAL(status, 3, "not read");
	TEST_ASSERT_SUCCESS(tr->ops->set_vq_num(tr, 1, 64), "size");
	TEST_ASSERT_EQUAL(rte_le_to_cpu_16(common->queue_size), 64, "size");
	TEST_ASSERT_SUCCESS(tr->ops->set_vq_address(tr, 1, &addr), "address");
	TEST_ASSERT_EQUAL(rte_le_to_cpu_32(common->queue_desc_hi), 0x11223344,
		"address");
	TEST_ASSERT_SUCCESS(tr->ops->set_vq_ready(tr, 1), "not ready");
	TEST_ASSERT_SUCCESS(tr->ops->get_vq_notify_offset(tr, 1, &offset), "doorbell");
	tr->ops->get_vq_doorbell(tr, 1, offset, &doorbell);
	TEST_ASSERT_NOT_NULL(doorbell.addr, "not mapped");
	TEST_ASSERT_EQUAL(bar->reads + bar->writes, 0, "%u trapped accesses",
		bar->reads + bar->writes);
	return TEST_SUCCESS;
}

/* VIRTIO 1.2 s. 4.1.5.2: mapped or not, 32 bits that say where. */
static int
test_doorbell_data(void)
{
	const uint8_t *notify = fake_vfio.regions[0].mem + FAKE_VIRTIO_NOTIFY;
	const uint64_t feature = RTE_BIT64(VIRTIO_F_NOTIFICATION_DATA);
	bool mapped = (fake_vfio.regions[0].flags & VFIO_REGION_INFO_FLAG_MMAP) != 0;
	struct virtio_doorbell doorbell;
	rte_le32_t written;
	uint64_t offset;

	TEST_ASSERT_SUCCESS(virtio_pci_modern_create(vfio, &tr), "refused");
	TEST_ASSERT_EQUAL(tr->ops->filter_features(tr, feature), feature, "refused");
	tr->features = feature;
	fake_virtio.queue[1].notify_off = 0x400;
	TEST_ASSERT_EQUAL(tr->ops->get_vq_notify_offset(tr, 1, &offset), -ERANGE,
		"behind the end");
	fake_virtio.queue[1].notify_off = 1;
	TEST_ASSERT_SUCCESS(tr->ops->get_vq_notify_offset(tr, 1, &offset), "none");
	tr->ops->get_vq_doorbell(tr, 1, offset, &doorbell);
	TEST_ASSERT_NULL(doorbell.addr, "rung without data");
	TEST_ASSERT_SUCCESS(doorbell.ring(&doorbell, 0x8123), "not rung");
	memcpy(&written, notify + 4, sizeof(written));
	TEST_ASSERT_EQUAL(rte_le_to_cpu_32(written), 0x81230001, "0x%x",
		rte_le_to_cpu_32(written));
	TEST_ASSERT_EQUAL(fake_virtio.kicks, mapped ? 0 : 1, "%u kicks",
		fake_virtio.kicks);
	TEST_ASSERT(mapped || fake_virtio.kick_len == 4, "%u bytes",
		(unsigned int)fake_virtio.kick_len);
	return TEST_SUCCESS;
}

/* Not where a doorbell is an eventfd, or where there is no register. */
static int
test_filter_features(void)
{
	const uint64_t both = RTE_BIT64(VIRTIO_F_NOTIFICATION_DATA) |
		RTE_BIT64(VIRTIO_F_RING_RESET);
	uint8_t *config = fake_vfio.regions[VFIO_PCI_CONFIG_REGION_INDEX].mem;

	TEST_ASSERT_SUCCESS(virtio_pci_modern_create(vfio, &tr), "refused");
	TEST_ASSERT_EQUAL(tr->ops->filter_features(tr, both | 1), both | 1, "all");
	fake_vfio.ioeventfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	TEST_ASSERT_EQUAL(tr->ops->filter_features(tr, both | 1),
		RTE_BIT64(VIRTIO_F_RING_RESET) | 1, "an eventfd");
	close(fake_vfio.ioeventfd);
	fake_vfio.ioeventfd = -1;
	fake_virtio.queue[0].notify_off = 0x400;
	TEST_ASSERT_EQUAL(tr->ops->filter_features(tr, both | 1),
		RTE_BIT64(VIRTIO_F_RING_RESET) | 1, "a doorbell outside");
	fake_virtio.queue[0].notify_off = 0;
	tr->ops->destroy(tr);
	tr = NULL;
	config[FAKE_VIRTIO_CAP_COMMON + offsetof(struct virtio_pci_cap, length)] =
		0x38;
	config[FAKE_VIRTIO_CAP_NOTIFY + offsetof(struct virtio_pci_notify_cap,
		notify_off_multiplier)] = 2;
	TEST_ASSERT_SUCCESS(virtio_pci_modern_create(vfio, &tr), "refused");
	TEST_ASSERT_EQUAL(tr->ops->filter_features(tr, both | 1), 1,
		"a short structure, doorbells of 16 bits");
	return TEST_SUCCESS;
}

/* s. 2.6.1: the end is waited for, but not for ever. */
static int
test_queue_reset(void)
{
	struct fake_virtio_queue *q = &fake_virtio.queue[1];

	TEST_ASSERT_SUCCESS(virtio_pci_modern_create(vfio, &tr), "refused");
	fake_virtio.accepted = RTE_BIT64(VIRTIO_F_RING_RESET);
	q->enabled = 1;
	fake_virtio.slow_queue_reset = 3;
	TEST_ASSERT_SUCCESS(virtio_device_reset_vq(tr, 1), "not reset");
	TEST_ASSERT(q->enabled == 0 && q->reset == 0, "not over");
	TEST_ASSERT_EQUAL(fake_virtio.reset_reads, 4, "%u looks",
		fake_virtio.reset_reads);
	TEST_ASSERT_EQUAL(fake_virtio.queue_resets, 1, "asked %u times",
		fake_virtio.queue_resets);
	q->enabled = 1;
	fake_virtio.never_resets_queue = true;
	TEST_ASSERT_EQUAL(virtio_device_reset_vq(tr, 1), -ETIMEDOUT, "over");
	/* said to be over, and the queue is enabled all the same */
	fake_virtio.accepted = 0;
	q->reset = 0;
	TEST_ASSERT_EQUAL(virtio_device_reset_vq(tr, 1), -ETIMEDOUT, "over");
	return TEST_SUCCESS;
}

/* A doorbell outside of the notification structure is none. */
static int
test_doorbell_outside(void)
{
	uint64_t offset = 0;

	TEST_ASSERT_SUCCESS(virtio_pci_modern_create(vfio, &tr), "refused");
	fake_virtio.queue[1].notify_off = 0x400;
	TEST_ASSERT_EQUAL(tr->ops->get_vq_notify_offset(tr, 1, &offset), -ERANGE,
		"behind the end");
	fake_virtio.queue[1].notify_off = 0xffff;
	TEST_ASSERT_EQUAL(tr->ops->get_vq_notify_offset(tr, 1, &offset), -ERANGE,
		"far behind the end");
	TEST_ASSERT_EQUAL(offset, 0, "an offset that was refused");
	fake_virtio.queue[1].notify_off = 0x3ff;
	TEST_ASSERT_SUCCESS(tr->ops->get_vq_notify_offset(tr, 1, &offset), "last");
	TEST_ASSERT(offset != 0, "no offset");
	return TEST_SUCCESS;
}

static int
test_config_bounds(void)
{
	uint8_t buf[64];

	TEST_ASSERT_SUCCESS(virtio_pci_modern_create(vfio, &tr), "refused");
	TEST_ASSERT_SUCCESS(tr->ops->get_config(tr, 1, buf, 5), "odd offset");
	TEST_ASSERT_SUCCESS(memcmp(buf, fake_virtio.config.mac + 1, 5), "bytes");
	TEST_ASSERT_EQUAL(tr->ops->get_config(tr, tr->config_len, buf, 1),
		-EINVAL, "behind the end");
	TEST_ASSERT_EQUAL(tr->ops->get_config(tr, UINT32_MAX, buf, 2), -EINVAL,
		"an offset that wraps");
	return TEST_SUCCESS;
}

#define FAR UINT64_C(0xfffffff0)
#define BAR (&fake_vfio.regions[VFIO_PCI_BAR0_REGION_INDEX])

static struct fake_vfio_region bar; /* as it was */
static unsigned int strayed;

static uint64_t
from_far(uint64_t offset)
{
	strayed += offset < FAKE_VIRTIO_ISR;
	return offset >= FAR ? offset - FAR + FAKE_VIRTIO_COMMON : offset;
}

static void
read_far(uint64_t offset, void *buf, size_t len)
{
	bar.read(from_far(offset), buf, len);
}

static void
write_far(uint64_t offset, const void *buf, size_t len)
{
	bar.write(from_far(offset), buf, len);
}

/* A structure that begins in the first 4 GiB of a BAR, and ends behind them. */
static int
setup_far(void)
{
	const rte_le32_t offset = rte_cpu_to_le_32(FAR);

	if (start(FAKE_VIRTIO_TRAPPED) != 0)
		return TEST_FAILED;
	strayed = 0;
	bar = *BAR;
	BAR->size = BAR->backed = UINT64_C(2) << 32;
	BAR->read = read_far;
	BAR->write = write_far;
	memcpy(fake_vfio.regions[VFIO_PCI_CONFIG_REGION_INDEX].mem +
		FAKE_VIRTIO_CAP_COMMON + offsetof(struct virtio_pci_cap, offset),
		&offset, sizeof(offset));
	return TEST_SUCCESS;
}

static void
teardown_far(void)
{
	BAR->backed = bar.backed;
	teardown();
}

static int
test_far(void)
{
	uint32_t words[VIRTIO_REGS_COMMON + VIRTIO_REGS_CONFIG + VIRTIO_REGS_QUEUE];
	const struct virtio_vq_addr addr = {
		.desc = UINT64_C(0x1122334455667000),
		.avail = UINT64_C(0x2233445566778000),
		.used = UINT64_C(0x3344556677889000),
	};
	struct fake_virtio_queue *q = &fake_virtio.queue[0];

	TEST_ASSERT_SUCCESS(virtio_pci_modern_create(vfio, &tr), "refused");
	TEST_ASSERT_SUCCESS(tr->ops->set_vq_num(tr, 0, 64), "size");
	TEST_ASSERT_EQUAL(q->size, 64, "size is %u", q->size);
	TEST_ASSERT_SUCCESS(tr->ops->set_vq_address(tr, 0, &addr), "address");
	TEST_ASSERT(q->desc == addr.desc && q->avail == addr.avail &&
		q->used == addr.used, "addresses");
	TEST_ASSERT_SUCCESS(tr->ops->get_regs(tr, 1, words), "registers");
	TEST_ASSERT_EQUAL(words[VIRTIO_REGS_COMMON + VIRTIO_REGS_CONFIG], 64,
		"size in the dump");
	TEST_ASSERT_EQUAL(strayed, 0, "%u accesses to the first bytes", strayed);
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "net/mdev_virtio: registers of virtio over PCI",
	.unit_test_cases = {
		TEST_CASE_ST(setup, teardown, test_queue_registers),
		TEST_CASE_ST(setup, teardown, test_doorbell_trapped),
		TEST_CASE_ST(setup, teardown, test_doorbell_shared),
		TEST_CASE_ST(setup, teardown, test_doorbell_eventfd),
		TEST_CASE_ST(setup_mapped, teardown, test_doorbell_mapped),
		TEST_CASE_ST(setup_whole, teardown, test_mapped_whole),
		TEST_CASE_ST(setup, teardown, test_doorbell_data),
		TEST_CASE_ST(setup_mapped, teardown, test_doorbell_data),
		TEST_CASE_ST(setup, teardown, test_filter_features),
		TEST_CASE_ST(setup, teardown, test_queue_reset),
		TEST_CASE_ST(setup, teardown, test_doorbell_outside),
		TEST_CASE_ST(setup, teardown, test_config_bounds),
		TEST_CASE_ST(setup_far, teardown_far, test_far),
		TEST_CASES_END()
	}
};

static int
test_virtio_pci_modern(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(virtio_pci_modern_autotest, test_virtio_pci_modern);
