/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The command device: tests that need real mediated devices of the kernel mediator, and
 * somebody on the host side who sends frames (devtools/tests/guest-device.sh).
 */

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include <linux/vfio.h>

#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <vfio_dev.h>
#include <vfio_dma.h>
#include <vfio_irq.h>
#include <vfio_pci.h>

#include "captured_log.h"
#include "test.h"

#define MDEV_DEVICES "/sys/bus/mdev/devices"

/* EAL's table of groups; 64 in every build of DPDK that was seen. */
#define GROUPS RTE_MAX_VFIO_GROUPS

/* Frames of the host side: destination, source, this type, then bytes of FILL. */
#define FRAME_TYPE 0x88b5
#define FRAME_FILL 0x5a
#define FRAME_LEN 80
#define FRAMES 20

#define EXTMEM_LEN (4u << 20)
#define BUFFERS 1024
#define RING_SIZE 256
#define WAIT_S 20

static char **uuids;
static unsigned int nr_uuids;

static unsigned int
count_fds(void)
{
	unsigned int fd, count = 0;

	for (fd = 0; fd < 4096; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* The device after the last that EAL has room for gets a line; all can be closed. */
static int
test_groups_full(void)
{
	struct vfio_dev *dev[GROUPS] = { NULL }, *more = NULL;
	unsigned int i, opened = 0, before;
	char line[512];
	int ret = 0;

	if (nr_uuids <= GROUPS)
		return test_skip("it takes more devices than EAL has groups");
	before = count_fds();
	for (i = 0; i < GROUPS; i++) {
		ret = vfio_dev_open(MDEV_DEVICES, uuids[i], &dev[i]);
		if (ret < 0)
			break;
		opened++;
	}
	captured_log_start();
	ret = vfio_dev_open(MDEV_DEVICES, uuids[i], &more);
	captured_log_stop();
	for (i = 0; i < opened; i++)
		vfio_dev_close(dev[i]);
	TEST_ASSERT_EQUAL(opened, GROUPS, "%u opened", opened);
	TEST_ASSERT_EQUAL(ret, -ENOSPC, "returned %d", ret);
	snprintf(line, sizeof(line), "vfio: %s: EAL has no room for another VFIO group (%d, each mediated device takes one): name fewer devices with -a, or build DPDK with a larger RTE_MAX_VFIO_GROUPS",
		uuids[GROUPS], GROUPS);
	TEST_ASSERT_EQUAL(captured_log_lines(line), 1, "not the line");
	TEST_ASSERT_EQUAL(captured_log_lines("vfio: "), 1, "%u lines of ours",
		captured_log_lines("vfio: "));
	TEST_ASSERT_EQUAL(count_fds(), before, "%u fds, %u before", count_fds(),
		before);
	TEST_ASSERT_SUCCESS(vfio_dev_open(MDEV_DEVICES, uuids[GROUPS], &more),
		"not opened when there is room");
	vfio_dev_close(more);
	return TEST_SUCCESS;
}

/* A device by an fd that somebody else owns: read, and its owner's interrupt kept. */
static int
test_borrowed(void)
{
	struct vfio_dev *owner, *borrower;
	struct vfio_pci_ids ids = { 0 };
	int fd = -1;

	TEST_ASSERT_SUCCESS(vfio_dev_open(MDEV_DEVICES, uuids[0], &owner), "open");
	TEST_ASSERT_SUCCESS(vfio_dev_attach("borrowed", vfio_dev_fd(owner),
		&borrower), "attach");
	TEST_ASSERT_SUCCESS(vfio_pci_read_ids(borrower, &ids), "read");
	TEST_ASSERT_EQUAL(ids.vendor, 0x1af4, "vendor %04x", ids.vendor);
	TEST_ASSERT_EQUAL(vfio_irq_set_eventfds(borrower, VFIO_PCI_REQ_IRQ_INDEX, 0,
		1, &fd), -EPERM, "the owner's interrupt");
	vfio_dev_close(borrower);
	TEST_ASSERT_SUCCESS(vfio_pci_read_ids(owner, &ids), "closed for its owner");
	vfio_dev_close(owner);
	return TEST_SUCCESS;
}

static struct {
	uint8_t *addr;
	struct rte_mempool *pool;
	uint16_t port;
	struct rte_device *dev;
} ext;

static int
ext_setup(void)
{
	struct rte_pktmbuf_extmem extmem;
	struct rte_eth_dev_info info;
	char devargs[64];

	ext.addr = mmap(NULL, EXTMEM_LEN, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ext.addr == MAP_FAILED)
		return TEST_FAILED;
	memset(ext.addr, 0, EXTMEM_LEN);
	extmem.buf_ptr = ext.addr;
	extmem.buf_iova = (uintptr_t)ext.addr;
	extmem.buf_len = EXTMEM_LEN;
	extmem.elt_size = RTE_MBUF_DEFAULT_BUF_SIZE;
	ext.pool = rte_pktmbuf_pool_create_extbuf("external", BUFFERS, 0, 0,
			RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY, &extmem, 1);
	snprintf(devargs, sizeof(devargs), "mdev:%s", uuids[0]);
	if (ext.pool == NULL || rte_dev_probe(devargs) != 0 ||
			rte_eth_dev_get_port_by_name(uuids[0], &ext.port) != 0 ||
			rte_eth_dev_info_get(ext.port, &info) != 0)
		return TEST_FAILED;
	ext.dev = info.device;
	return TEST_SUCCESS;
}

static void
ext_teardown(void)
{
	if (ext.dev != NULL) {
		if (rte_eth_dev_is_valid_port(ext.port)) {
			rte_eth_dev_stop(ext.port);
			rte_eth_dev_close(ext.port);
		}
		rte_dev_remove(ext.dev);
		ext.dev = NULL;
	}
	rte_mempool_free(ext.pool);
	munmap(ext.addr, EXTMEM_LEN);
}

static int
port_start(struct rte_mempool *pool, bool interrupts)
{
	struct rte_eth_conf conf = { 0 };

	conf.intr_conf.rxq = interrupts;
	if (rte_eth_dev_configure(ext.port, 1, 1, &conf) != 0 ||
			rte_eth_rx_queue_setup(ext.port, 0, RING_SIZE,
				SOCKET_ID_ANY, NULL, pool) != 0 ||
			rte_eth_tx_queue_setup(ext.port, 0, RING_SIZE,
				SOCKET_ID_ANY, NULL) != 0)
		return -1;
	return rte_eth_dev_start(ext.port);
}

static bool
is_external(const struct rte_mbuf *m)
{
	const uint8_t *data = rte_pktmbuf_mtod(m, const uint8_t *);

	return data >= ext.addr && data + m->data_len <= ext.addr + EXTMEM_LEN;
}

/* One of the host side's frames, as it was sent? */
static bool
is_good(const struct rte_mbuf *m)
{
	const uint8_t *data = rte_pktmbuf_mtod(m, const uint8_t *);
	unsigned int i;

	if (m->pkt_len != FRAME_LEN || data[12] << 8 != (FRAME_TYPE & 0xff00) ||
			data[13] != (FRAME_TYPE & 0xff))
		return false;
	for (i = 14; i < FRAME_LEN; i++) {
		if (data[i] != FRAME_FILL)
			return false;
	}
	return true;
}

/* Receive until there are enough, and send each back. */
static unsigned int
receive(unsigned int wanted, unsigned int seconds)
{
	uint64_t end = rte_get_timer_cycles() + seconds * rte_get_timer_hz();
	struct rte_mbuf *m[32];
	unsigned int good = 0;
	uint16_t i, count;

	while (good < wanted && rte_get_timer_cycles() < end) {
		count = rte_eth_rx_burst(ext.port, 0, m, RTE_DIM(m));
		for (i = 0; i < count; i++) {
			good += is_good(m[i]) && is_external(m[i]);
			if (rte_eth_tx_burst(ext.port, 0, &m[i], 1) == 0)
				rte_pktmbuf_free(m[i]);
		}
	}
	return good;
}

/* Frames are received into, and sent from, memory that only the application knows. */
static int
test_external_memory(void)
{
	uint64_t iova = (uintptr_t)ext.addr;
	struct rte_eth_stats stats;
	unsigned int good;

	TEST_ASSERT_SUCCESS(rte_extmem_register(ext.addr, EXTMEM_LEN, NULL, 0,
		sysconf(_SC_PAGESIZE)), "not registered");
	TEST_ASSERT_SUCCESS(rte_dev_dma_map(ext.dev, ext.addr, iova, EXTMEM_LEN),
		"not mapped");
	TEST_ASSERT_SUCCESS(port_start(ext.pool, false), "not started");
	good = receive(FRAMES, WAIT_S);
	TEST_ASSERT_EQUAL(good, FRAMES, "%u frames", good);
	TEST_ASSERT_SUCCESS(rte_eth_stats_get(ext.port, &stats), "no statistics");
	TEST_ASSERT(stats.opackets >= FRAMES, "%u sent",
		(unsigned int)stats.opackets);
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(ext.port), "not stopped");
	TEST_ASSERT_SUCCESS(rte_dev_dma_unmap(ext.dev, ext.addr, iova, EXTMEM_LEN),
		"not unmapped");
	TEST_ASSERT_SUCCESS(rte_extmem_unregister(ext.addr, EXTMEM_LEN),
		"not unregistered");
	return TEST_SUCCESS;
}

/* The driver has tried to recover the port as often as it may. */
static bool
gave_up(void)
{
	uint64_t id, failed = 0;

	return rte_eth_xstats_get_id_by_name(ext.port, "recoveries_failed", &id) == 0 &&
		rte_eth_xstats_get_by_id(ext.port, &id, &failed, 1) == 1 && failed > 0;
}

/*
 * The same without the mapping: the device reaches nothing, and says so. The driver
 * resets it, to no avail, and leaves it alone in the end.
 */
static int
test_unmapped_memory(void)
{
	unsigned int turn, good = 0;
	struct rte_eth_link link;
	int ret;

	/* the device asks as soon as it has its buffers */
	captured_log_start();
	ret = port_start(ext.pool, false);
	for (turn = 0; ret == 0 && turn < WAIT_S && !gave_up(); turn++)
		good += receive(1, 1);
	if (ret == 0)
		ret = rte_eth_link_get_nowait(ext.port, &link);
	captured_log_stop();
	TEST_ASSERT_SUCCESS(ret, "not started");
	TEST_ASSERT_EQUAL(good, 0, "a frame from nowhere");
	TEST_ASSERT_EQUAL(captured_log_lines("(DEVICE_NEEDS_RESET) more than 5 times"),
		1, "%u lines", captured_log_lines(NULL));
	TEST_ASSERT_EQUAL(link.link_status, RTE_ETH_LINK_DOWN, "link");
	return TEST_SUCCESS;
}

/* Sleep until there are frames, take all, and sleep again. */
static unsigned int
receive_by_interrupts(unsigned int wanted, unsigned int *wakeups)
{
	struct rte_epoll_event event;
	unsigned int good = 0, turn;
	struct rte_mbuf *m[32];
	uint16_t i, count;

	for (turn = 0; good < wanted && turn < 100; turn++) {
		if (rte_eth_dev_rx_intr_enable(ext.port, 0) != 0 ||
				rte_epoll_wait(RTE_EPOLL_PER_THREAD, &event, 1,
					WAIT_S * 1000) != 1)
			break; /* nothing came, in all that time */
		++*wakeups;
		rte_eth_dev_rx_intr_disable(ext.port, 0);
		while ((count = rte_eth_rx_burst(ext.port, 0, m, RTE_DIM(m))) > 0) {
			for (i = 0; i < count; i++) {
				good += is_good(m[i]);
				rte_pktmbuf_free(m[i]);
			}
		}
	}
	return good;
}

static int
test_rx_interrupts(void)
{
	struct rte_mempool *pool;
	unsigned int good, wakeups = 0;

	pool = rte_pktmbuf_pool_create("interrupts", BUFFERS, 0, 0,
			RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	TEST_ASSERT_NOT_NULL(pool, "no pool");
	TEST_ASSERT_SUCCESS(port_start(pool, true), "not started");
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_intr_ctl_q(ext.port, 0,
		RTE_EPOLL_PER_THREAD, RTE_INTR_EVENT_ADD, NULL), "not added");
	good = receive_by_interrupts(FRAMES, &wakeups);
	TEST_ASSERT_SUCCESS(rte_eth_dev_rx_intr_ctl_q(ext.port, 0,
		RTE_EPOLL_PER_THREAD, RTE_INTR_EVENT_DEL, NULL), "not removed");
	TEST_ASSERT(good >= FRAMES, "%u frames in %u wakeups", good, wakeups);
	TEST_ASSERT(wakeups > 1, "%u wakeups", wakeups);
	TEST_ASSERT_SUCCESS(rte_eth_dev_stop(ext.port), "not stopped");
	TEST_ASSERT_SUCCESS(rte_eth_dev_close(ext.port), "not closed");
	rte_mempool_free(pool);
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "real mediated devices",
	.unit_test_cases = {
		TEST_CASE(test_borrowed),
		TEST_CASE(test_groups_full),
		TEST_CASE_ST(ext_setup, ext_teardown, test_external_memory),
		TEST_CASE_ST(ext_setup, ext_teardown, test_unmapped_memory),
		TEST_CASE_ST(ext_setup, ext_teardown, test_rx_interrupts),
		TEST_CASES_END()
	}
};

int
cmd_device(unsigned int count, char **args)
{
	if (count == 0) {
		fprintf(stderr, "dpdk-test-mdev: device needs the UUID of a device of the kernel mediator\n");
		return -1;
	}
	uuids = args;
	nr_uuids = count;
	return unit_test_suite_runner(&suite);
}
