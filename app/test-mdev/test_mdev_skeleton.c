/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The example of a driver, on a serial port made up for it: what is written comes back, and
 * a port that does not do what it should does no harm.
 */

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

/* A 16550 that sends to itself. Locked by the driver's lock, once it is probed. */
static struct {
	uint8_t regs[8];
	char fifo[SKELETON_FIFO];
	unsigned int head, tail;
	bool endless; /* has bytes to read for ever */
	bool mute;    /* raises no interrupt */
} uart;

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

	if (len != 1)
		*value = 0xff; /* the registers have a byte each */
	else if (offset == UART_LSR)
		*value = uart_status();
	else if (offset == UART_RX)
		*value = uart.fifo[uart.tail++ % SKELETON_FIFO];
	else
		*value = uart.regs[offset];
}

static void
uart_write(uint64_t offset, const void *buf, size_t len)
{
	const uint8_t *value = buf;

	if (len != 1 || offset != UART_TX) {
		uart.regs[offset] = *value;
		return;
	}
	uart.fifo[uart.head++ % SKELETON_FIFO] = *value;
	if (uart.mute || uart.head != uart.tail + 1 ||
			(uart.regs[UART_IER] & UART_IER_RDI) == 0)
		return;
	intx()->masked[0] = true;
	eventfd_write(intx()->fds[0], 1);
}

static int
start(void)
{
	struct fake_vfio_region *bar = &fake_vfio.regions[VFIO_PCI_BAR0_REGION_INDEX];

	memset(&uart, 0, sizeof(uart));
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

/* What the telemetry command returns. */
static int
echo(const char *params)
{
	struct rte_tel_data *d = rte_tel_data_alloc();
	int ret;

	if (d == NULL)
		return -ENOMEM;
	ret = skeleton_echo("/mdev_skeleton/echo", params, d);
	rte_tel_data_free(d);
	return ret;
}

static int
expect_received(const char *text, int interrupts)
{
	const struct skeleton_port *port = TAILQ_FIRST(&skeleton_ports);

	TEST_ASSERT_SUCCESS(strcmp(port->received, text), "received '%s'", port->received);
	TEST_ASSERT_EQUAL(port->interrupts, interrupts, "%d interrupts", port->interrupts);
	return TEST_SUCCESS;
}

static int
test_echo(void)
{
	TEST_ASSERT_SUCCESS(mdev_probe_all(), "probe failed");
	TEST_ASSERT(mdev_first()->driver == &skeleton_driver, "not claimed by its type");
	TEST_ASSERT_EQUAL(uart.regs[UART_IER], UART_IER_RDI, "interrupts are off");
	TEST_ASSERT_SUCCESS(echo(UUID_1 ",hello"), "nothing came back");
	TEST_ASSERT_SUCCESS(expect_received("hello", 1), "first");
	TEST_ASSERT_SUCCESS(echo(UUID_1 ",a, \n fifteen ,z"), "nothing came back");
	TEST_ASSERT_SUCCESS(expect_received("a, . fifteen ,z", 2), "second");
	TEST_ASSERT_SUCCESS(mdev_unplug_device(mdev_first()), "not detached");
	TEST_ASSERT(!intx()->masked[0], "left masked");
	TEST_ASSERT_EQUAL(intx()->fds[0], -1, "the interrupt is enabled still");
	TEST_ASSERT_EQUAL(uart.regs[UART_IER], 0, "the device has it on still");
	TEST_ASSERT(TAILQ_EMPTY(&skeleton_ports), "a port is left");
	TEST_ASSERT_EQUAL(fake_vfio.opened, 0, "left open");
	TEST_ASSERT_EQUAL(echo(UUID_1 ",hello"), -ENODEV, "there is a port still");
	return TEST_SUCCESS;
}

static int
test_parameters(void)
{
	TEST_ASSERT_SUCCESS(mdev_probe_all(), "probe failed");
	TEST_ASSERT_EQUAL(echo(NULL), -EINVAL, "no parameter");
	TEST_ASSERT_EQUAL(echo(UUID_1), -EINVAL, "no text");
	TEST_ASSERT_EQUAL(echo(UUID_1 ","), -EINVAL, "an empty text");
	TEST_ASSERT_EQUAL(echo(UUID_1 ",sixteen bytes..."), -EINVAL, "too long");
	TEST_ASSERT_EQUAL(echo("00000002,hello"), -ENODEV, "another device");
	TEST_ASSERT_EQUAL(uart.head, 0, "something was written");
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

/* Bytes without end, and none at all. */
static int
test_liar(void)
{
	TEST_ASSERT_SUCCESS(mdev_probe_all(), "probe failed");
	uart.endless = true;
	memcpy(uart.fifo, "\001ello, world and", SKELETON_FIFO);
	TEST_ASSERT_SUCCESS(echo(UUID_1 ",X"), "nothing came back");
	TEST_ASSERT_SUCCESS(expect_received("Xello, world an", 1), "not cut");
	uart.endless = false;
	uart.head = uart.tail;
	fake_vfio.fail = FAKE_OP_REGION_READ;
	TEST_ASSERT_EQUAL(echo(UUID_1 ",hello"), -EIO, "a status that was not read");
	TEST_ASSERT_EQUAL(uart.head, uart.tail, "written");
	fake_vfio.fail = FAKE_OP_REGION_WRITE;
	fake_vfio.fail_after = 2;
	TEST_ASSERT_EQUAL(echo(UUID_1 ",hello"), -EIO, "a text that was not written");
	return TEST_SUCCESS;
}

/* What is not read yet is not written over, which would fill the device. */
static int
test_busy(void)
{
	TEST_ASSERT_SUCCESS(mdev_probe_all(), "probe failed");
	uart.head = 1;
	TEST_ASSERT_EQUAL(echo(UUID_1 ",hello"), -EBUSY, "written over");
	TEST_ASSERT_EQUAL(uart.head, 1, "written");
	return TEST_SUCCESS;
}

static void *
echo_thread(void *ret)
{
	*(int *)ret = echo(UUID_1 ",hello");
	return NULL;
}

/* Taken away while somebody waits for its answer, which does not come. */
static int
test_removed_meanwhile(void)
{
	pthread_t thread;
	int ret = 0;

	TEST_ASSERT_SUCCESS(mdev_probe_all(), "probe failed");
	uart.mute = true;
	TEST_ASSERT_SUCCESS(pthread_create(&thread, NULL, echo_thread, &ret), "no thread");
	while (__atomic_load_n(&uart.head, __ATOMIC_RELAXED) < strlen("hello"))
		usleep(100);
	TEST_ASSERT_SUCCESS(mdev_unplug_device(mdev_first()), "not detached");
	TEST_ASSERT_SUCCESS(pthread_join(thread, NULL), "no end");
	TEST_ASSERT_EQUAL(ret, -ENODEV, "returned %d", ret);
	return TEST_SUCCESS;
}

static int
test_request(void)
{
	TEST_ASSERT_SUCCESS(mdev_probe_all(), "probe failed");
	rte_log_set_level(skeleton_logtype, RTE_LOG_NOTICE);
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	mdev_first()->driver->request(mdev_first());
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines("mdev_skeleton: mdev:" UUID_1 ": is asked back: detach it"),
		1, "%u lines", captured_log_lines(NULL));
	rte_log_set_level(skeleton_logtype, RTE_LOG_ERR);
	TEST_ASSERT_SUCCESS(mdev_unplug_device(mdev_first()), "not detached");
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
		TEST_CASE_ST(start, stop, test_parameters),
		TEST_CASE_ST(start, stop, test_not_claimed),
		TEST_CASE_ST(start, stop, test_liar),
		TEST_CASE_ST(start, stop, test_busy),
		TEST_CASE_ST(start, stop, test_removed_meanwhile),
		TEST_CASE_ST(start, stop, test_request),
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
