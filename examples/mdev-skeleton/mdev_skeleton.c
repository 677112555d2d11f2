/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The smallest driver on the mdev bus that does something. It drives the Linux kernel's
 * sample device mtty, a serial port (16550) that sends back what it is sent: telemetry
 * writes a text to it, and shows what EAL's interrupt thread then reads from it.
 */

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/queue.h>

#include <linux/serial_reg.h>
#include <linux/vfio.h>

#include <rte_eal.h>
#include <rte_log.h>
#include <rte_telemetry.h>

#include <bus_mdev_driver.h>
#include <vfio_irq.h>
#include <vfio_region.h>

RTE_LOG_REGISTER(skeleton_logtype, examples.mdev_skeleton, NOTICE)

#define SKELETON_LOG(level, mdev, ...) \
	rte_log(RTE_LOG_ ## level, skeleton_logtype, \
		RTE_FMT("mdev_skeleton: mdev:%s: " RTE_FMT_HEAD(__VA_ARGS__ ,) "\n", \
			(mdev)->name, RTE_FMT_TAIL(__VA_ARGS__ ,)))

/* What a port is. 8< */
#define SKELETON_FIFO 16 /* bytes that a 16550 keeps */
#define SKELETON_WAIT_S 10

struct skeleton_port {
	TAILQ_ENTRY(skeleton_port) next;
	struct rte_mdev_device *mdev;
	struct vfio_region *regs;     /* BAR 0 */
	int interrupts;               /* since it was probed */
	unsigned int nr_received;     /* bytes since the last text was written, */
	char received[SKELETON_FIFO]; /* with a final zero */
};

static TAILQ_HEAD(, skeleton_port) skeleton_ports =
	TAILQ_HEAD_INITIALIZER(skeleton_ports);
/* For all of this: probe, interrupts and telemetry have a thread each. */
static pthread_mutex_t skeleton_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t skeleton_got_some = PTHREAD_COND_INITIALIZER;

/* The port whose device's name the text begins with; NULL if there is none. */
static struct skeleton_port *
port_find(const char *text)
{
	struct skeleton_port *port;

	TAILQ_FOREACH(port, &skeleton_ports, next) {
		if (strncmp(port->mdev->name, text, RTE_UUID_STRLEN - 1) == 0)
			break;
	}
	return port;
}
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

static int
port_enable(const struct skeleton_port *port)
{
	static const struct {
		uint8_t reg, value;
	} setup[] = {
		{ UART_LCR, UART_LCR_WLEN8 },
		{ UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR |
			UART_FCR_CLEAR_XMIT },
		{ UART_MCR, UART_MCR_LOOP },
		{ UART_IER, UART_IER_RDI },
	};
	unsigned int i;
	int ret = 0;

	for (i = 0; i < RTE_DIM(setup) && ret == 0; i++)
		ret = port_set(port, setup[i].reg, setup[i].value);
	return ret;
}
/* >8 End of registers. */

/* Interrupt. 8< */
/* In EAL's interrupt thread. A device that never has enough fills the buffer, and no more. */
static void
skeleton_interrupt(void *arg)
{
	struct skeleton_port *port = arg;
	uint64_t count;
	uint8_t byte;

	if (read(rte_intr_fd_get(port->mdev->intr_handle), &count,
			sizeof(count)) != (ssize_t)sizeof(count))
		return;
	pthread_mutex_lock(&skeleton_lock);
	port->interrupts++;
	while (port->nr_received < SKELETON_FIFO - 1 &&
			port_get(port, UART_LSR, &byte) == 0 &&
			(byte & UART_LSR_DR) != 0 &&
			port_get(port, UART_RX, &byte) == 0)
		port->received[port->nr_received++] = isprint(byte) ? byte : '.';
	pthread_cond_broadcast(&skeleton_got_some);
	pthread_mutex_unlock(&skeleton_lock);
	/* INTx masks itself with each interrupt */
	vfio_irq_unmask(port->mdev->vfio, VFIO_PCI_INTX_IRQ_INDEX, 0, 1);
}
/* >8 End of interrupt. */

/* Start and stop. 8< */
static int
port_start(struct skeleton_port *port)
{
	struct rte_intr_handle *handle = port->mdev->intr_handle;
	struct vfio_dev *vfio = port->mdev->vfio;
	int fd, ret;

	fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	rte_intr_fd_set(handle, fd);
	ret = rte_intr_callback_register(handle, skeleton_interrupt, port);
	if (ret < 0)
		goto close_fd;
	ret = vfio_irq_set_eventfds(vfio, VFIO_PCI_INTX_IRQ_INDEX, 0, 1, &fd);
	if (ret < 0)
		goto unregister;
	ret = port_enable(port);
	if (ret == 0)
		return 0;

	vfio_irq_disable(vfio, VFIO_PCI_INTX_IRQ_INDEX);
unregister:
	rte_intr_callback_unregister_sync(handle, skeleton_interrupt, port);
close_fd:
	rte_intr_fd_set(handle, -1);
	close(fd);
	return ret;
}

static void
port_stop(struct skeleton_port *port)
{
	struct rte_intr_handle *handle = port->mdev->intr_handle;

	port_set(port, UART_IER, 0);
	vfio_irq_disable(port->mdev->vfio, VFIO_PCI_INTX_IRQ_INDEX);
	/* waits for one that is running; so not under the lock, which that takes */
	rte_intr_callback_unregister_sync(handle, skeleton_interrupt, port);
	close(rte_intr_fd_get(handle));
	rte_intr_fd_set(handle, -1);
}
/* >8 End of start and stop. */

/* Probe, remove, request. 8< */
static int
skeleton_probe(struct rte_mdev_driver *drv __rte_unused, struct rte_mdev_device *mdev)
{
	struct skeleton_port *port;
	int ret;

	if (rte_eal_process_type() != RTE_PROC_PRIMARY)
		return 0; /* interrupts are the primary's: nothing is to be done here */
	port = calloc(1, sizeof(*port));
	if (port == NULL)
		return -ENOMEM;
	port->mdev = mdev;
	ret = vfio_region_get(mdev->vfio, VFIO_PCI_BAR0_REGION_INDEX, &port->regs);
	if (ret < 0)
		goto free_port; /* common/vfio said why */
	ret = port_start(port);
	if (ret < 0) {
		SKELETON_LOG(ERR, mdev, "cannot be started: %s: create it anew",
			strerror(-ret));
		goto free_port;
	}
	pthread_mutex_lock(&skeleton_lock);
	TAILQ_INSERT_TAIL(&skeleton_ports, port, next);
	pthread_mutex_unlock(&skeleton_lock);
	SKELETON_LOG(NOTICE, mdev, "serial port; telemetry has /mdev_skeleton/echo");
	return 0;

free_port:
	free(port);
	return ret;
}

static int
skeleton_remove(struct rte_mdev_device *mdev)
{
	struct skeleton_port *port;

	pthread_mutex_lock(&skeleton_lock);
	port = port_find(mdev->name);
	if (port != NULL)
		TAILQ_REMOVE(&skeleton_ports, port, next);
	pthread_cond_broadcast(&skeleton_got_some); /* it waits for nothing */
	pthread_mutex_unlock(&skeleton_lock);
	if (port == NULL)
		return 0; /* in a secondary process */
	port_stop(port);
	SKELETON_LOG(NOTICE, mdev, "let go, after %d interrupts", port->interrupts);
	free(port);
	return 0;
}

/* In EAL's interrupt thread: whoever uses the device is told, and nothing is let go here. */
static void
skeleton_request(struct rte_mdev_device *mdev)
{
	SKELETON_LOG(NOTICE, mdev, "is asked back: detach it");
}
/* >8 End of probe, remove, request. */

/* Telemetry. 8< */
/* All of the text is there before the interrupt is handled, which takes the lock, too. */
static int
port_write(struct skeleton_port *port, const char *text)
{
	size_t len = strlen(text), i;
	uint8_t lsr;
	int ret;

	if (len == 0 || len >= SKELETON_FIFO)
		return -EINVAL;
	ret = port_get(port, UART_LSR, &lsr);
	if (ret < 0)
		return ret;
	if ((lsr & UART_LSR_THRE) == 0)
		return -EBUSY; /* the last text is not read yet */
	port->nr_received = 0;
	memset(port->received, 0, sizeof(port->received));
	for (i = 0; i < len && ret == 0; i++)
		ret = port_set(port, UART_TX, text[i]);
	return ret;
}

static int
skeleton_echo(const char *cmd __rte_unused, const char *params, struct rte_tel_data *d)
{
	const char *text = params == NULL ? NULL : strchr(params, ',');
	struct skeleton_port *port;
	struct timespec end;
	int ret = -EINVAL;

	if (text == NULL)
		return ret;
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += SKELETON_WAIT_S;
	pthread_mutex_lock(&skeleton_lock);
	port = port_find(params);
	ret = port == NULL ? -ENODEV : port_write(port, ++text);
	while (ret == 0 && port != NULL && port->nr_received < strlen(text)) {
		ret = -pthread_cond_timedwait(&skeleton_got_some, &skeleton_lock, &end);
		port = port_find(params); /* it may be removed by now */
	}
	if (ret == 0 && port != NULL) {
		rte_tel_data_start_dict(d);
		rte_tel_data_add_dict_string(d, "received", port->received);
		rte_tel_data_add_dict_int(d, "interrupts", port->interrupts);
	}
	pthread_mutex_unlock(&skeleton_lock);
	return port == NULL ? -ENODEV : ret;
}

RTE_INIT(skeleton_telemetry)
{
	rte_telemetry_register_cmd("/mdev_skeleton/echo", skeleton_echo,
		"Writes a text to a serial port and shows what comes back. Parameters: UUID, text of 1 to 15 bytes");
}
/* >8 End of telemetry. */

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
	.request = skeleton_request,
};

RTE_PMD_REGISTER_MDEV(mdev_skeleton, skeleton_driver);
RTE_PMD_REGISTER_MDEV_TABLE(mdev_skeleton, skeleton_ids);
/* >8 End of registration. */
