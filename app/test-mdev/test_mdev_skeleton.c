/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The example of a driver, on a serial port made up for it: what is written comes back, and
 * a port that does not do what it should does no harm.
 */

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <linux/serial_reg.h>

#include <rte_log.h>

#include <private.h>

#include "captured_log.h"
#include "fake_mp.h"
#include "fake_vfio.h"
#include "fault_inject.h"
#include "made_up_sysfs.h"
#include "test.h"

/* all of it is static; here it is registered by the tests only */
#include "../../examples/mdev-skeleton/mdev_skeleton.c"

RTE_INIT(test_skeleton_unregister)
{
	rte_mdev_unregister(&skeleton_driver);
}

#define UUID_1 "00000001-abcd-4ef0-9abc-def012345678" /* made_up_uuid(1) */

/* A 16550 that sends to itself. */
static struct {
	pthread_mutex_t lock; /* EAL's interrupt thread has a look, too */
	uint8_t regs[8];
	uint8_t fifo[SKELETON_FIFO];
	unsigned int head, tail;
	bool endless; /* has bytes to read for ever */
} uart = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct fake_vfio_irq *
intx(void)
{
	return &fake_vfio.irqs[VFIO_PCI_INTX_IRQ_INDEX];
}

static uint8_t
uart_status(void)
{
	if (uart.endless)
		return UART_LSR_DR | UART_LSR_THRE;
	return uart.head == uart.tail ? UART_LSR_THRE | UART_LSR_TEMT : UART_LSR_DR;
}

static void
uart_read(uint64_t offset, void *buf, size_t len)
{
	uint8_t *value = buf;

	pthread_mutex_lock(&uart.lock);
	if (len != 1)
		*value = 0xff; /* the registers have a byte each */
	else if (offset == UART_LSR)
		*value = uart_status();
	else if (offset == UART_RX)
		*value = uart.fifo[uart.tail++ % SKELETON_FIFO];
	else
		*value = uart.regs[offset];
	pthread_mutex_unlock(&uart.lock);
}

static void
uart_write(uint64_t offset, const void *buf, size_t len)
{
	const uint8_t *value = buf;

	pthread_mutex_lock(&uart.lock);
	if (len != 1 || offset != UART_TX) {
		uart.regs[offset] = *value;
	} else {
		uart.fifo[uart.head++ % SKELETON_FIFO] = *value;
		if ((uart.regs[UART_IER] & UART_IER_RDI) != 0) {
			intx()->masked[0] = true;
			eventfd_write(intx()->fds[0], 1);
		}
	}
	pthread_mutex_unlock(&uart.lock);
}

static int
start(void)
{
	struct fake_vfio_region *bar = &fake_vfio.regions[VFIO_PCI_BAR0_REGION_INDEX];

	memset(uart.regs, 0, sizeof(uart.regs));
	uart.head = uart.tail = 0;
	uart.endless = false;
	if (made_up_sysfs_start() < 0 || fake_vfio_start() < 0 ||
			made_up_device(made_up_uuid(1), MADE_UP_PARENT_2,
				MADE_UP_TYPE_2) < 0 ||
			made_up_write(made_up_uuid(1), "mdev_type/device_api",
				"vfio-pci\n", 9) < 0 ||
			fake_vfio_back(VFIO_PCI_BAR0_REGION_INDEX, 8,
				VFIO_REGION_INFO_FLAG_READ |
				VFIO_REGION_INFO_FLAG_WRITE) < 0)
		return TEST_FAILED;
	fake_vfio.base = made_up_sysfs_root();
	fake_vfio.addr = NULL;
	bar->read = uart_read;
	bar->write = uart_write;
	intx()->count = 1;
	intx()->flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE |
		VFIO_IRQ_INFO_AUTOMASKED;
	rte_mdev_register(&skeleton_driver);
	rte_log_set_level(skeleton_logtype, RTE_LOG_ERR);
	return mdev_scan();
}

static void
stop(void)
{
	made_up_sysfs_stop(); /* takes the devices back first */
	fake_vfio_stop();
	rte_mdev_unregister(&skeleton_driver);
}

static bool
unmasked(void)
{
	unsigned int ms;

	for (ms = 0; ms < 10000 && *(volatile bool *)&intx()->masked[0]; ms++)
		usleep(1000);
	return ms < 10000;
}

/* Probe, wait until the interrupt has been handled, and detach; with what is logged. */
static int
probe_and_detach(void)
{
	rte_log_set_level(skeleton_logtype, RTE_LOG_NOTICE);
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_SUCCESS(mdev_probe_all(), "probe failed");
	TEST_ASSERT(mdev_first()->driver == &skeleton_driver, "not claimed by its type");
	TEST_ASSERT_EQUAL(uart.regs[UART_IER], UART_IER_RDI, "interrupts are off");
	TEST_ASSERT(unmasked(), "no interrupt was handled");
	TEST_ASSERT_SUCCESS(mdev_unplug_device(mdev_first()), "not detached");
	captured_log_stop();
	rte_log_set_level(skeleton_logtype, RTE_LOG_ERR);
	return TEST_SUCCESS;
}

static int
expect_received(const char *byte, unsigned int times)
{
	unsigned int lines = captured_log_lines(byte);

	TEST_ASSERT_EQUAL(lines, times, "%s %u times", byte, lines);
	return TEST_SUCCESS;
}

static int
test_echo(void)
{
	TEST_ASSERT_SUCCESS(probe_and_detach(), "first");
	TEST_ASSERT_SUCCESS(expect_received("mdev_skeleton: mdev:" UUID_1 ": received 0x5a",
		1), "what was sent");
	TEST_ASSERT_SUCCESS(expect_received("received", 1), "anything");
	TEST_ASSERT_EQUAL(intx()->fds[0], -1, "the interrupt is enabled still");
	TEST_ASSERT_EQUAL(uart.regs[UART_IER], 0, "the device has it on still");
	TEST_ASSERT(TAILQ_EMPTY(&skeleton_ports), "a port is left");
	TEST_ASSERT_EQUAL(fake_vfio.opened, 0, "left open");
	return TEST_SUCCESS;
}

/* A device of the same type by another interface is none of it, and is not opened. */
static int
test_not_claimed(void)
{
	TEST_ASSERT_SUCCESS(made_up_write(UUID_1, "mdev_type/device_api", "vfio-ap\n", 8),
		"no sysfs");
	mdev_cleanup();
	TEST_ASSERT_SUCCESS(mdev_scan(), "scan failed");
	TEST_ASSERT_SUCCESS(mdev_probe_all(), "probe failed");
	TEST_ASSERT_NULL(mdev_first()->driver, "claimed");
	TEST_ASSERT_EQUAL(fake_vfio.opens, 0, "opened");
	return TEST_SUCCESS;
}

/* Bytes without end. */
static int
test_endless(void)
{
	uart.endless = true;
	memset(uart.fifo, 0xa5, sizeof(uart.fifo));
	TEST_ASSERT_SUCCESS(probe_and_detach(), "no end");
	TEST_ASSERT_SUCCESS(expect_received("received 0x5a", 1), "what was sent");
	TEST_ASSERT_SUCCESS(expect_received("received 0xa5", SKELETON_FIFO - 1), "not cut");
	return TEST_SUCCESS;
}

/* Registers that cannot be read: status, and what it tells of. */
static int
test_unreadable(void)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		fake_vfio.fail = FAKE_OP_REGION_READ;
		fake_vfio.fail_after = i;
		TEST_ASSERT_SUCCESS(probe_and_detach(), "no end");
		TEST_ASSERT_SUCCESS(expect_received("received", 0), "what was not read");
	}
	return TEST_SUCCESS;
}

/* In a secondary process the bus has it attached, and the driver does nothing with it. */
static int
test_secondary(void)
{
	struct rte_mdev_device mdev = { .name = UUID_1 };
	int ret;

	fake_mp_start();
	fake_mp.secondary = true;
	ret = skeleton_probe(&skeleton_driver, &mdev);
	fake_mp_stop();
	TEST_ASSERT_SUCCESS(ret, "refused: %d", ret);
	TEST_ASSERT(TAILQ_EMPTY(&skeleton_ports), "a port");
	TEST_ASSERT_SUCCESS(skeleton_remove(&mdev), "not removed");
	return TEST_SUCCESS;
}

static int
probe(void)
{
	mdev_probe_device(&skeleton_driver, mdev_first());
	return mdev_first()->driver != NULL ? 0 : -EIO;
}

static void
unplug(void)
{
	mdev_unplug_device(mdev_first());
}

static int
test_faults(void)
{
	int ret;

	rte_log_set_level(skeleton_logtype, RTE_LOG_EMERG);
	ret = fault_each(probe, unplug);
	TEST_ASSERT_SUCCESS(ret, "something is left");
	TEST_ASSERT(TAILQ_EMPTY(&skeleton_ports), "a port is left");
	TEST_ASSERT_EQUAL(fake_vfio.opened, 0, "left open");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "examples/mdev-skeleton",
	.unit_test_cases = {
		TEST_CASE_ST(start, stop, test_echo),
		TEST_CASE_ST(start, stop, test_not_claimed),
		TEST_CASE_ST(start, stop, test_endless),
		TEST_CASE_ST(start, stop, test_unreadable),
		TEST_CASE_ST(start, stop, test_secondary),
		TEST_CASE_ST(start, stop, test_faults),
		TEST_CASES_END()
	}
};

static int
test_mdev_skeleton(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_skeleton_autotest, test_mdev_skeleton);
