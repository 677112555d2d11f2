/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Callbacks run in threads of EAL, where no device may be attached or detached. So they
 * only note what happened and wake the main lcore, which does what is to be done.
 */

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/queue.h>

#include <rte_cycles.h>
#include <rte_spinlock.h>
#include <rte_string_fns.h>

#include "l2fwd_mdev.h"

enum event_type {
	DEVICE_ADDED,
	DEVICE_REMOVED, /* or is to be */
	PORT_ADDED,
};

/* A port that is removed is noted by its name: its id may be another one's soon. */
struct event {
	STAILQ_ENTRY(event) next;
	enum event_type type;
	uint16_t port_id; /* PORT_ADDED */
	char name[RTE_DEV_NAME_MAX_LEN]; /* of a device */
};

static STAILQ_HEAD(, event) events = STAILQ_HEAD_INITIALIZER(events);
static rte_spinlock_t events_lock = RTE_SPINLOCK_INITIALIZER;
static int wake_fd = -1;

void
events_wake(void)
{
	const int saved = errno;

	eventfd_write(wake_fd, 1);
	errno = saved;
}

static void
event_note(enum event_type type, const char *name, uint16_t port_id)
{
	struct event *event = malloc(sizeof(*event));

	if (event == NULL)
		return;
	event->type = type;
	event->port_id = port_id;
	strlcpy(event->name, name, sizeof(event->name));
	rte_spinlock_lock(&events_lock);
	STAILQ_INSERT_TAIL(&events, event, next);
	rte_spinlock_unlock(&events_lock);
	events_wake();
}

/* Of a bus: the mdev bus raises them by itself, PCI if the monitor runs. 8< */
static void
device_event(const char *name, enum rte_dev_event_type type, void *arg __rte_unused)
{
	if (type == RTE_DEV_EVENT_ADD)
		event_note(DEVICE_ADDED, name, RTE_MAX_ETHPORTS);
	else if (type == RTE_DEV_EVENT_REMOVE)
		event_note(DEVICE_REMOVED, name, RTE_MAX_ETHPORTS);
}

/* Of a port. */
static int
port_event(uint16_t port_id, enum rte_eth_event_type type, void *arg __rte_unused,
		void *ret_param __rte_unused)
{
	char name[RTE_ETH_NAME_MAX_LEN];

	if (type == RTE_ETH_EVENT_INTR_LSC)
		events_wake(); /* all links are looked at then */
	else if (type == RTE_ETH_EVENT_NEW)
		event_note(PORT_ADDED, "", port_id); /* it has no name yet */
	else if (rte_eth_dev_get_name_by_port(port_id, name) == 0)
		event_note(DEVICE_REMOVED, name, port_id);
	return 0;
}
/* >8 End of callbacks. */

static const enum rte_eth_event_type port_events[] = {
	RTE_ETH_EVENT_NEW,
	RTE_ETH_EVENT_INTR_RMV,
	RTE_ETH_EVENT_INTR_LSC,
};

int
events_start(void)
{
	unsigned int i;
	int ret = 0;

	wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (wake_fd < 0)
		return -errno;
	for (i = 0; ret == 0 && i < RTE_DIM(port_events); i++)
		ret = rte_eth_dev_callback_register(RTE_ETH_ALL, port_events[i],
			port_event, NULL);
	if (ret == 0)
		ret = rte_dev_event_callback_register(NULL, device_event, NULL);
	if (ret == 0 && rte_dev_event_monitor_start() != 0)
		complain("hotplug of PCI devices will not be noticed");
	return ret;
}

static struct event *
event_take(void)
{
	struct event *event;

	rte_spinlock_lock(&events_lock);
	event = STAILQ_FIRST(&events);
	if (event != NULL)
		STAILQ_REMOVE_HEAD(&events, next);
	rte_spinlock_unlock(&events_lock);
	return event;
}

/* A bus does not tell in the order in which things happened, if many did at a time. */
void
events_forget_removals(const char *name)
{
	STAILQ_HEAD(, event) all = STAILQ_HEAD_INITIALIZER(all);
	struct event *event;

	rte_spinlock_lock(&events_lock);
	STAILQ_CONCAT(&all, &events);
	while ((event = STAILQ_FIRST(&all)) != NULL) {
		STAILQ_REMOVE_HEAD(&all, next);
		if (event->type == DEVICE_REMOVED && strcmp(event->name, name) == 0)
			free(event);
		else
			STAILQ_INSERT_TAIL(&events, event, next);
	}
	rte_spinlock_unlock(&events_lock);
}

void
events_stop(void)
{
	struct event *event;
	unsigned int i;

	rte_dev_event_monitor_stop();
	rte_dev_event_callback_unregister(NULL, device_event, NULL);
	for (i = 0; i < RTE_DIM(port_events); i++)
		rte_eth_dev_callback_unregister(RTE_ETH_ALL, port_events[i],
			port_event, NULL);
	while ((event = event_take()) != NULL)
		free(event);
}

void
events_wait(int timeout_ms)
{
	struct pollfd pollfd = { .fd = wake_fd, .events = POLLIN };
	eventfd_t count;

	if (poll(&pollfd, 1, timeout_ms) > 0)
		eventfd_read(wake_fd, &count);
}

/* RTE_ETH_EVENT_NEW comes shortly before others may use the port. */
static void
port_added(uint16_t port_id)
{
	unsigned int i;

	for (i = 0; i < 100 && !rte_eth_dev_is_valid_port(port_id); i++)
		rte_delay_us_sleep(1000);
	port_use(port_id);
}

/* What came first is done first. The device of a port has the same name. 8< */
static void
event_handle(const struct event *event)
{
	switch (event->type) {
	case DEVICE_ADDED:
		port_attach(event->name);
		break;
	case PORT_ADDED:
		port_added(event->port_id);
		break;
	case DEVICE_REMOVED:
		port_detach(event->name);
		break;
	}
}
/* >8 End of events. */

void
events_handle(void)
{
	struct event *event;

	while ((event = event_take()) != NULL) {
		event_handle(event);
		free(event);
	}
}
