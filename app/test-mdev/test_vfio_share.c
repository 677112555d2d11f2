/* SPDX-License-Identifier: BSD-3-Clause */

/* A device as another process has it: the messages go straight to the other end. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>

#include <vfio_dma.h>
#include <vfio_irq.h>
#include <vfio_region.h>
#include <vfio_share.h>
#include <vfio_transport.h>

#include "captured_log.h"
#include "fake_vfio.h"
#include "fault_inject.h"
#include "test.h"

#define PAGE 4096
#define BAR0 VFIO_PCI_BAR0_REGION_INDEX
#define BAR1 VFIO_PCI_BAR1_REGION_INDEX
#define CONFIG VFIO_PCI_CONFIG_REGION_INDEX
#define AREAS 11 /* more than one answer holds */
#define RW (VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE)

/* Offsets into what vfio_share.c sends, for tests that change it on the way. */
#define REQ_OFFSET 8 /* and the length behind it */
#define REPLY_RESULT 0
#define REPLY_NR_AREAS 36

static struct vfio_dev *primary, *dev;

/* What is done to messages on their way. */
static struct {
	unsigned int calls;
	int fails;                   /* negative errno of the next, once */
	bool drop_fd, add_fd, cut;   /* of all answers */
	bool set_result;
	int64_t result;
	uint32_t nr_areas;           /* 0: as it is */
	struct vfio_share_msg last;  /* request */
} way;

static int
call(void *arg, const struct vfio_share_msg *req, struct vfio_share_msg *reply)
{
	int ret = way.fails;

	way.fails = 0;
	way.calls++;
	way.last = *req;
	if (ret < 0)
		return ret;
	ret = vfio_share_serve(arg, req, reply);
	if (ret < 0)
		return ret;
	if (way.drop_fd && reply->fd >= 0) {
		close(reply->fd);
		reply->fd = -1;
	}
	if (way.add_fd && reply->fd < 0)
		reply->fd = eventfd(0, EFD_CLOEXEC);
	if (way.set_result)
		memcpy(reply->data + REPLY_RESULT, &way.result,
			sizeof(way.result));
	if (way.nr_areas > 0)
		memcpy(reply->data + REPLY_NR_AREAS, &way.nr_areas,
			sizeof(way.nr_areas));
	if (way.cut)
		reply->len--;
	return 0;
}

/* Of BAR 0 each second page can be mapped, of BAR 1 all, of CONFIG nothing. */
static int
make_device(void)
{
	uint64_t areas[2 * AREAS];
	unsigned int i;

	memset(&way, 0, sizeof(way));
	fake_vfio_start();
	if (fake_vfio_back(BAR0, 2 * AREAS * PAGE, RW | VFIO_REGION_INFO_FLAG_MMAP) < 0 ||
			fake_vfio_back(BAR1, PAGE, RW | VFIO_REGION_INFO_FLAG_MMAP) < 0 ||
			fake_vfio_back(CONFIG, 256, RW) < 0)
		return TEST_FAILED;
	for (i = 0; i < AREAS; i++) {
		areas[2 * i] = 2 * i * PAGE;
		areas[2 * i + 1] = PAGE;
	}
	fake_vfio_add_sparse(BAR0, AREAS, areas);
	fake_vfio_add_cap(BAR0, VFIO_REGION_INFO_CAP_MSIX_MAPPABLE, NULL, 0);
	return TEST_SUCCESS;
}

static int
attach(void)
{
	return vfio_dev_attach_shared("shared", call, primary, &dev);
}

static int
setup(void)
{
	if (make_device() < 0 ||
			vfio_dev_open(FAKE_VFIO_BASE, FAKE_VFIO_ADDR, &primary) < 0)
		return TEST_FAILED;
	return attach();
}

static void
teardown(void)
{
	vfio_dev_close(dev);
	vfio_dev_close(primary);
	dev = primary = NULL;
	fake_vfio_stop();
}

static int
test_same(void)
{
	static const uint32_t type[2] = { 0x80008086, 3 };
	struct vfio_region *here, *there;
	uint32_t i, j;

	fake_vfio_add_cap(BAR1, VFIO_REGION_INFO_CAP_TYPE, type, sizeof(type));
	TEST_ASSERT_EQUAL(vfio_dev_flags(dev), vfio_dev_flags(primary), "flags");
	TEST_ASSERT_EQUAL(vfio_dev_num_regions(dev), FAKE_VFIO_REGIONS, "regions");
	TEST_ASSERT_EQUAL(vfio_dev_num_irqs(dev), FAKE_VFIO_IRQS, "irqs");
	TEST_ASSERT_EQUAL(vfio_dev_owner(dev), VFIO_DEV_BORROWED, "owned");
	TEST_ASSERT_EQUAL(vfio_dev_fd(dev), -1, "an fd");
	TEST_ASSERT_EQUAL(vfio_dev_gone_fd(dev), -1, "an fd");
	for (i = 0; i < vfio_dev_num_regions(dev); i++) {
		TEST_ASSERT_SUCCESS(vfio_region_get(dev, i, &here), "none");
		TEST_ASSERT_SUCCESS(vfio_region_get(primary, i, &there), "none");
		TEST_ASSERT(here->size == there->size &&
			here->offset == there->offset &&
			here->flags == there->flags, "region %u differs", i);
		TEST_ASSERT(here->type == there->type &&
			here->subtype == there->subtype &&
			here->msix_mappable == there->msix_mappable &&
			here->sparse == there->sparse, "region %u: capabilities", i);
		TEST_ASSERT_EQUAL(here->nr_areas, there->nr_areas, "region %u", i);
		for (j = 0; j < here->nr_areas; j++)
			TEST_ASSERT(here->areas[j].offset == there->areas[j].offset &&
				here->areas[j].size == there->areas[j].size,
				"region %u: area %u", i, j);
	}
	TEST_ASSERT_SUCCESS(vfio_region_get(dev, BAR0, &here), "none");
	TEST_ASSERT_EQUAL(here->nr_areas, AREAS, "%u areas", here->nr_areas);
	TEST_ASSERT_SUCCESS(vfio_region_get(dev, BAR1, &here), "none");
	TEST_ASSERT_EQUAL(here->subtype, 3, "subtype %u", here->subtype);
	return TEST_SUCCESS;
}

static int
test_access(void)
{
	uint8_t *mem = fake_vfio.regions[BAR0].mem, buf[1000], back[1000];
	struct vfio_region *region;
	uint32_t value = 0x12345678;
	unsigned int i;

	for (i = 0; i < sizeof(buf); i++)
		buf[i] = i * 7;
	TEST_ASSERT_SUCCESS(vfio_region_get(dev, BAR0, &region), "none");
	TEST_ASSERT_SUCCESS(vfio_region_write(region, PAGE, buf, sizeof(buf)),
		"not written");
	TEST_ASSERT_SUCCESS(memcmp(mem + PAGE, buf, sizeof(buf)), "other bytes");
	TEST_ASSERT_SUCCESS(vfio_region_read(region, PAGE, back, sizeof(back)),
		"not read");
	TEST_ASSERT_SUCCESS(memcmp(back, buf, sizeof(buf)), "other bytes");

	/* one access is one access */
	fake_vfio.regions[BAR0].writes = 0;
	TEST_ASSERT_SUCCESS(vfio_region_write(region, PAGE, &value, 4), "write");
	TEST_ASSERT_EQUAL(fake_vfio.regions[BAR0].writes, 1, "%u writes",
		fake_vfio.regions[BAR0].writes);
	TEST_ASSERT_EQUAL(vfio_region_write(region, 2 * AREAS * PAGE - 2, &value, 4),
		-EINVAL, "beyond the end");
	fake_vfio.fail = FAKE_OP_REGION_READ;
	TEST_ASSERT_EQUAL(vfio_region_read(region, PAGE, &value, 4), -EIO,
		"another error");
	return TEST_SUCCESS;
}

/* That writes are slow is said once, and reads are slow as well, but rare. */
static int
test_slow_said(void)
{
	struct vfio_region *region;
	uint32_t value = 1;

	TEST_ASSERT_SUCCESS(vfio_region_get(dev, CONFIG, &region), "none");
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	vfio_region_read(region, 0, &value, 4);
	vfio_region_write(region, 0, &value, 4);
	vfio_region_write(region, 0, &value, 4);
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 1, "%u lines",
		captured_log_lines(NULL));
	TEST_ASSERT_EQUAL(captured_log_lines("vfio: shared: region 7: what this process writes there goes through the primary process"),
		1, "another line");
	return TEST_SUCCESS;
}

/* A mapped doorbell takes no message. */
static int
test_map(void)
{
	struct vfio_region *region;
	uint32_t *doorbell;
	unsigned int calls;

	TEST_ASSERT_SUCCESS(vfio_region_get(dev, BAR0, &region), "none");
	TEST_ASSERT_SUCCESS(vfio_region_map(region), "not mapped");
	calls = way.calls;
	doorbell = vfio_region_ptr(region, 20 * PAGE, sizeof(*doorbell));
	TEST_ASSERT_NOT_NULL(doorbell, "no pointer");
	*doorbell = 0xabcd;
	TEST_ASSERT_SUCCESS(memcmp(fake_vfio.regions[BAR0].mem + 20 * PAGE, doorbell,
		sizeof(*doorbell)), "other memory");
	TEST_ASSERT_NULL(vfio_region_ptr(region, PAGE, 4), "mapped what is not");
	TEST_ASSERT_EQUAL(way.calls, calls, "%u messages", way.calls - calls);

	TEST_ASSERT_SUCCESS(vfio_region_get(dev, BAR1, &region), "none");
	fake_vfio.fail = FAKE_OP_REGION_FD;
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_EQUAL(vfio_region_map(region), -EIO, "mapped");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 1, "no single line");
	return TEST_SUCCESS;
}

static struct vfio_transport_ops no_fd_ops;
static struct vfio_transport no_fd = { .ops = &no_fd_ops };

/* Where nothing can be mapped from outside, all goes by messages. */
static int
test_no_fds(void)
{
	struct vfio_region *region;
	uint32_t value = 7;

	teardown();
	make_device();
	no_fd_ops = *fake_vfio_ops;
	no_fd_ops.region_fd = NULL;
	vfio_transport_register(&no_fd);
	TEST_ASSERT_SUCCESS(vfio_dev_open(FAKE_VFIO_BASE, FAKE_VFIO_ADDR, &primary),
		"not open");
	vfio_transport_unregister(&no_fd);
	TEST_ASSERT_SUCCESS(attach(), "not attached");
	TEST_ASSERT_SUCCESS(vfio_region_get(dev, BAR0, &region), "none");
	TEST_ASSERT_EQUAL(region->nr_areas, 0, "%u areas", region->nr_areas);
	TEST_ASSERT_SUCCESS(vfio_region_map(region), "mapping nothing failed");
	TEST_ASSERT_SUCCESS(vfio_region_write(region, 0, &value, 4), "write");
	TEST_ASSERT_EQUAL(fake_vfio.regions[BAR0].mem[0], 7, "not written");
	return TEST_SUCCESS;
}

static int
test_ioeventfd(void)
{
	struct vfio_region *region;
	eventfd_t count;
	int fd;

	TEST_ASSERT_SUCCESS(vfio_region_get(dev, BAR1, &region), "none");
	TEST_ASSERT_EQUAL(vfio_region_ioeventfd(region, 0, 4, 1), -ENOTSUP,
		"out of nothing");
	fake_vfio.ioeventfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	fd = vfio_region_ioeventfd(region, 0, 4, 1);
	TEST_ASSERT(fd >= 0 && fd != fake_vfio.ioeventfd, "fd %d", fd);
	TEST_ASSERT_SUCCESS(eventfd_write(fd, 1), "not written");
	TEST_ASSERT_SUCCESS(eventfd_read(fake_vfio.ioeventfd, &count),
		"another eventfd");
	TEST_ASSERT_EQUAL(vfio_region_ioeventfd(region, 0, 4, 1), fd,
		"a second one");
	TEST_ASSERT_NOT_EQUAL(vfio_region_ioeventfd(region, 0, 4, 2), fd,
		"the same for another value");
	TEST_ASSERT_EQUAL(vfio_region_ioeventfd(region, PAGE, 4, 1), -EINVAL,
		"beyond the end");
	vfio_dev_close(dev);
	dev = NULL;
	TEST_ASSERT(fcntl(fd, F_GETFD) < 0, "left open");
	TEST_ASSERT_SUCCESS(close(fake_vfio.ioeventfd), "closed the device's");
	return TEST_SUCCESS;
}

static int
test_not_allowed(void)
{
	static char memory[PAGE];
	struct vfio_irq irq;
	int fd = -1;

	fake_vfio.irqs[0].count = 1;
	fake_vfio.irqs[0].flags = VFIO_IRQ_INFO_EVENTFD;
	TEST_ASSERT_EQUAL(vfio_irq_get(dev, 0, &irq), -EPERM, "an interrupt");
	TEST_ASSERT_EQUAL(vfio_irq_set_eventfds(dev, 0, 0, 1, &fd), -EPERM,
		"an interrupt");
	TEST_ASSERT_EQUAL(vfio_irq_disable(dev, 0), -EPERM, "an interrupt");
	TEST_ASSERT_EQUAL(vfio_dev_reset(dev), -EPERM, "a reset");
	TEST_ASSERT_EQUAL(vfio_dma_map(dev, memory, 0, PAGE), -EPERM, "DMA");
	TEST_ASSERT_EQUAL(fake_vfio.resets, 0, "%u resets", fake_vfio.resets);
	return TEST_SUCCESS;
}

static int
test_iova(void)
{
	TEST_ASSERT(!vfio_dev_iova_as_va(dev), "virtual addresses");
	teardown();
	make_device();
	fake_vfio_use_va();
	TEST_ASSERT_SUCCESS(vfio_dev_open(FAKE_VFIO_BASE, FAKE_VFIO_ADDR, &primary),
		"not open");
	TEST_ASSERT_SUCCESS(attach(), "not attached");
	TEST_ASSERT(vfio_dev_iova_as_va(dev), "no virtual addresses");
	return TEST_SUCCESS;
}

/* Closing the one takes nothing from the other. */
static int
test_close(void)
{
	vfio_dev_close(dev);
	dev = NULL;
	TEST_ASSERT_EQUAL(fake_vfio.opened, 1, "closed in the primary too");
	TEST_ASSERT_SUCCESS(attach(), "not attached again");
	return TEST_SUCCESS;
}

/* One message of each kind, as it was sent last. */
static unsigned int
take_messages(struct vfio_share_msg *msgs)
{
	struct vfio_region *region = NULL;
	unsigned int count = 0;
	uint64_t value = 0;

	msgs[count++] = way.last; /* the device's information */
	vfio_region_get(dev, BAR0, &region);
	msgs[count++] = way.last;
	vfio_region_read(region, 8, &value, sizeof(value));
	msgs[count++] = way.last;
	vfio_region_write(region, 8, &value, sizeof(value));
	msgs[count++] = way.last;
	vfio_region_map(region);
	msgs[count++] = way.last;
	vfio_region_ioeventfd(region, 8, 8, 8);
	msgs[count++] = way.last;
	return count;
}

static int
serve(struct vfio_share_msg *msg)
{
	struct vfio_share_msg reply = { .fd = -1 };
	int ret = vfio_share_serve(primary, msg, &reply);

	if (reply.fd >= 0)
		close(reply.fd);
	return ret;
}

/* Whatever comes instead: an answer or none, and nothing out of bounds (ASan). */
static int
test_hostile_requests(void)
{
	static const uint8_t values[] = { 0, 1, 0x7f, 0x80, 0xff };
	struct vfio_share_msg msgs[8], msg;
	unsigned int count, i, j, served = 0;
	size_t at;

	fake_vfio.ioeventfd = eventfd(0, EFD_CLOEXEC);
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	count = take_messages(msgs);
	for (i = 0; i < count; i++) {
		for (at = 0; at < msgs[i].len; at++) {
			for (j = 0; j < RTE_DIM(values); j++) {
				msg = msgs[i];
				msg.data[at] = values[j];
				served += serve(&msg) == 0;
			}
			memset(msg.data + at, 0xff, msgs[i].len - at);
			served += serve(&msg) == 0;
		}
	}
	captured_log_stop();
	close(fake_vfio.ioeventfd);
	TEST_ASSERT(served > 0, "none was served");
	for (i = 0; i < count; i++) {
		msg = msgs[i];
		TEST_ASSERT_SUCCESS(serve(&msg), "message %u is not served", i);
		msg.len--;
		TEST_ASSERT_EQUAL(serve(&msg), -EPROTO, "message %u cut", i);
		msg.len = 0;
		TEST_ASSERT_EQUAL(serve(&msg), -EPROTO, "message %u empty", i);
		msg.len = SIZE_MAX;
		TEST_ASSERT_EQUAL(serve(&msg), -EPROTO, "message %u too long", i);
	}
	return TEST_SUCCESS;
}

/* No fd for what cannot be mapped: the file may hold more than that. */
static int
test_hostile_fd(void)
{
	static const uint64_t places[][2] = { /* offset, length */
		{ PAGE, PAGE }, { 0, 2 * PAGE }, { 0, 0 }, { 0, UINT64_MAX },
		{ UINT64_MAX, PAGE }, { PAGE - 1, 2 }, { 2 * AREAS * PAGE, PAGE },
	};
	struct vfio_share_msg msgs[8], msg, reply;
	int64_t result;
	unsigned int i;

	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	take_messages(msgs);
	captured_log_stop();
	for (i = 0; i <= RTE_DIM(places); i++) {
		msg = msgs[4];
		if (i > 0)
			memcpy(msg.data + REQ_OFFSET, places[i - 1],
				sizeof(places[0]));
		TEST_ASSERT_SUCCESS(vfio_share_serve(primary, &msg, &reply),
			"not served");
		memcpy(&result, reply.data + REPLY_RESULT, sizeof(result));
		TEST_ASSERT_EQUAL(reply.fd >= 0, i == 0, "case %u: fd %d", i,
			reply.fd);
		TEST_ASSERT_EQUAL(result, i == 0 ? 0 : -EINVAL, "case %u", i);
		if (reply.fd >= 0)
			close(reply.fd);
	}
	return TEST_SUCCESS;
}

/* Answers that cannot be, too: each is an error, and no fd is left open. */
static int
test_hostile_answers(void)
{
	static const int64_t results[] = { INT64_MAX, INT64_MIN, INT32_MAX, 9, -EIO };
	struct vfio_region *region, *other;
	unsigned int i;
	uint64_t value = 0;
	int next = dup(0);

	close(next);
	fake_vfio.ioeventfd = eventfd(0, EFD_CLOEXEC);
	TEST_ASSERT_SUCCESS(vfio_region_get(dev, BAR0, &region), "none");
	way.set_result = true;
	for (i = 0; i < RTE_DIM(results); i++) {
		way.result = results[i];
		TEST_ASSERT(vfio_region_read(region, 0, &value, 8) < 0,
			"read: %u", i);
		TEST_ASSERT(vfio_region_write(region, 0, &value, 8) < 0,
			"write: %u", i);
	}
	way.set_result = false;
	way.drop_fd = true;
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_EQUAL(vfio_region_map(region), -EPROTO, "mapped");
	TEST_ASSERT_EQUAL(vfio_region_ioeventfd(region, 0, 8, 1), -EPROTO, "an fd");
	way.drop_fd = false;
	way.cut = true;
	TEST_ASSERT_EQUAL(vfio_region_read(region, 0, &value, 8), -EPROTO, "cut");
	TEST_ASSERT_EQUAL(vfio_region_get(dev, BAR1, &other), -EPROTO, "cut");
	way.cut = false;
	for (way.nr_areas = 1; way.nr_areas < 1u << 31; way.nr_areas <<= 1) {
		vfio_dev_close(dev);
		TEST_ASSERT_SUCCESS(attach(), "not attached");
		if (vfio_region_get(dev, BAR0, &other) == 0)
			TEST_ASSERT(other->nr_areas <= AREAS, "%u areas",
				other->nr_areas);
	}
	way.nr_areas = UINT32_MAX;
	TEST_ASSERT_EQUAL(vfio_region_get(dev, BAR0, &region), -EPROTO,
		"4 billion areas");
	captured_log_stop();
	way.nr_areas = 0;
	way.add_fd = true;
	TEST_ASSERT_SUCCESS(vfio_region_get(dev, BAR0, &region), "none");
	TEST_ASSERT_SUCCESS(vfio_region_read(region, 0, &value, 8), "not read");
	way.add_fd = false;
	close(fake_vfio.ioeventfd);
	i = dup(0);
	close(i);
	TEST_ASSERT_EQUAL((int)i, next, "fds are left open");
	return TEST_SUCCESS;
}

static int
test_no_answer(void)
{
	vfio_dev_close(dev);
	dev = NULL;
	way.fails = -ETIMEDOUT;
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_EQUAL(attach(), -ETIMEDOUT, "attached");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines("vfio: shared: the primary process does not say what the device is: Connection timed out: attach it there again"),
		1, "another line");
	TEST_ASSERT_NULL(dev, "a device");
	return TEST_SUCCESS;
}

static void
release(void)
{
	vfio_dev_close(dev);
	dev = NULL;
}

/* Both ends fail, each step in its turn. */
static int
attach_and_use(void)
{
	struct vfio_region *region;
	uint64_t value;
	int ret;

	ret = attach();
	if (ret < 0)
		return ret;
	ret = vfio_region_get(dev, BAR0, &region);
	if (ret == 0)
		ret = vfio_region_map(region);
	if (ret == 0)
		ret = vfio_region_read(region, PAGE, &value, sizeof(value));
	if (ret == 0)
		ret = RTE_MIN(vfio_region_ioeventfd(region, 0, 4, 1), 0);
	if (ret < 0)
		release();
	return ret;
}

static int
test_faults(void)
{
	int ret;

	release();
	fake_vfio.ioeventfd = eventfd(0, EFD_CLOEXEC);
	ret = fault_each(attach_and_use, release);
	close(fake_vfio.ioeventfd);
	return ret;
}

#define CASE(fn) TEST_CASE_ST(setup, teardown, fn)

static struct unit_test_suite suite = {
	.suite_name = "common/vfio: a device of another process",
	.unit_test_cases = {
		CASE(test_same),
		CASE(test_access),
		CASE(test_slow_said),
		CASE(test_map),
		CASE(test_no_fds),
		CASE(test_ioeventfd),
		CASE(test_not_allowed),
		CASE(test_iova),
		CASE(test_close),
		CASE(test_hostile_requests),
		CASE(test_hostile_fd),
		CASE(test_hostile_answers),
		CASE(test_no_answer),
		CASE(test_faults),
		TEST_CASES_END()
	}
};

static int
test_vfio_share(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vfio_share_autotest, test_vfio_share);
