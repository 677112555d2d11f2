/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The smallest driver on the mdev bus that does something. It drives the Linux kernel's
 * sample device mtty, a serial port (16550) that sends back what it is sent: it sends a byte,
 * and logs what EAL's interrupt thread then reads.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/queue.h>

#include <linux/serial_reg.h>
#include <linux/vfio.h>

#include <rte_eal.h>
#include <rte_log.h>

#include <bus_mdev_driver.h>
#include <vfio_irq.h>
#include <vfio_region.h>

#define SKELETON_BYTE 0x5a /* is sent */
#define SKELETON_FIFO 16   /* bytes that a 16550 keeps */

RTE_LOG_REGISTER(skeleton_logtype, examples.mdev_skeleton, NOTICE)

#define SKELETON_LOG(level, mdev, format, ...) \
	rte_log(RTE_LOG_ ## level, skeleton_logtype, \
		"mdev_skeleton: mdev:%s: " format "\n", (mdev)->name, __VA_ARGS__)

/* What a port is. 8< */
struct skeleton_port {
	TAILQ_ENTRY(skeleton_port) next;
	struct rte_mdev_device *mdev;
	struct vfio_region *regs; /* BAR 0 */
};

/* For probe and remove, which are called by one thread at a time. */
static TAILQ_HEAD(, skeleton_port) skeleton_ports =
	TAILQ_HEAD_INITIALIZER(skeleton_ports);
/* >8 End of what a port is. */

/* Registers. 8< */
static int
port_get(const struct skeleton_port *port, unsigned int reg, uint8_t *value)
{
	return vfio_region_read(port->regs, reg, value, sizeof(*value));
}

static int
port_set(const struct skeleton_port *port, unsigned int reg, uint8_t value)
{
	return vfio_region_write(port->regs, reg, &value, sizeof(value));
}

/* Have it interrupt when there is something to read, and send a byte. */
static int
port_start(const struct skeleton_port *port)
{
	static const struct {
		uint8_t reg, value;
	} writes[] = {
		{ UART_LCR, UART_LCR_WLEN8 },
		{ UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR |
			UART_FCR_CLEAR_XMIT },
		{ UART_MCR, UART_MCR_LOOP },
		{ UART_IER, UART_IER_RDI },
		{ UART_TX, SKELETON_BYTE },
	};
	unsigned int i;
	int ret = 0;

	for (i = 0; i < RTE_DIM(writes) && ret == 0; i++)
		ret = port_set(port, writes[i].reg, writes[i].value);
	return ret;
}
/* >8 End of registers. */

/* Interrupt. 8< */
/* In EAL's interrupt thread. A device that always has more is read no further. */
static void
skeleton_interrupt(void *arg)
{
	const struct skeleton_port *port = arg;
	struct rte_mdev_device *mdev = port->mdev;
	uint8_t status, byte;
	eventfd_t count;
	unsigned int i;

	eventfd_read(rte_intr_fd_get(mdev->intr_handle), &count);
	for (i = 0; i < SKELETON_FIFO; i++) {
		if (port_get(port, UART_LSR, &status) < 0 || (status & UART_LSR_DR) == 0 ||
				port_get(port, UART_RX, &byte) < 0)
			break;
		SKELETON_LOG(NOTICE, mdev, "received 0x%02x", byte);
	}
	/* INTx masks itself with each interrupt */
	vfio_irq_unmask(mdev->vfio, VFIO_PCI_INTX_IRQ_INDEX, 0, 1);
}
/* >8 End of interrupt. */

/* Probe and remove. 8< */
static int
skeleton_probe(struct rte_mdev_driver *drv __rte_unused, struct rte_mdev_device *mdev)
{
	struct skeleton_port *port;
	int fd, ret;

	if (rte_eal_process_type() != RTE_PROC_PRIMARY)
		return 0; /* interrupts are the primary's: nothing is to be done here */
	port = calloc(1, sizeof(*port));
	if (port == NULL)
		return -ENOMEM;
	port->mdev = mdev;
	ret = vfio_region_get(mdev->vfio, VFIO_PCI_BAR0_REGION_INDEX, &port->regs);
	if (ret < 0)
		goto free_port;
	fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (fd < 0) {
		ret = -errno;
		goto free_port;
	}
	rte_intr_fd_set(mdev->intr_handle, fd);
	ret = rte_intr_callback_register(mdev->intr_handle, skeleton_interrupt, port);
	if (ret < 0)
		goto close_fd;
	ret = vfio_irq_set_eventfds(mdev->vfio, VFIO_PCI_INTX_IRQ_INDEX, 0, 1, &fd);
	if (ret < 0)
		goto unregister;
	ret = port_start(port);
	if (ret < 0)
		goto disable;
	TAILQ_INSERT_TAIL(&skeleton_ports, port, next);
	return 0;

disable:
	vfio_irq_disable(mdev->vfio, VFIO_PCI_INTX_IRQ_INDEX);
unregister:
	rte_intr_callback_unregister_sync(mdev->intr_handle, skeleton_interrupt, port);
close_fd:
	rte_intr_fd_set(mdev->intr_handle, -1);
	close(fd);
free_port:
	SKELETON_LOG(ERR, mdev, "cannot be started: %s: create it anew", strerror(-ret));
	free(port);
	return ret;
}

static int
skeleton_remove(struct rte_mdev_device *mdev)
{
	struct skeleton_port *port;

	TAILQ_FOREACH(port, &skeleton_ports, next) {
		if (port->mdev == mdev)
			break;
	}
	if (port == NULL)
		return 0; /* in a secondary process */
	TAILQ_REMOVE(&skeleton_ports, port, next);
	port_set(port, UART_IER, 0);
	vfio_irq_disable(mdev->vfio, VFIO_PCI_INTX_IRQ_INDEX);
	/* waits for one that is running */
	rte_intr_callback_unregister_sync(mdev->intr_handle, skeleton_interrupt, port);
	close(rte_intr_fd_get(mdev->intr_handle));
	rte_intr_fd_set(mdev->intr_handle, -1);
	free(port);
	return 0;
}
/* >8 End of probe and remove. */

/* Registration. 8< */
static const struct rte_mdev_id skeleton_ids[] = {
	{ .device_api = "vfio-pci", .type = "mtty-*",
	  .vendor_id = RTE_MDEV_ANY_ID, .device_id = RTE_MDEV_ANY_ID },
	{ .device_api = NULL },
};

static struct rte_mdev_driver skeleton_driver = {
	.id_table = skeleton_ids,
	.probe = skeleton_probe,
	.remove = skeleton_remove,
};

RTE_PMD_REGISTER_MDEV(mdev_skeleton, skeleton_driver);
RTE_PMD_REGISTER_MDEV_TABLE(mdev_skeleton, skeleton_ids);
/* >8 End of registration. */
