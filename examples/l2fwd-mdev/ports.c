/* SPDX-License-Identifier: BSD-3-Clause */

/* Ports: attach, start, follow the link, stop and detach. All by the main lcore. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_bus.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_string_fns.h>
#include <rte_uuid.h>

#include "l2fwd_mdev.h"

#define RING_SIZE 512 /* of a queue, if the port can have that */
#define POOL_CACHE 256

struct port ports[MAX_PORTS];

static struct rte_mempool *pool;

/* Enough for the rings of all ports, what the workers hold, and their caches. */
int
ports_init(void)
{
	const unsigned int size = MAX_PORTS * 2 * RING_SIZE +
		MAX_PORTS / 2 * 2 * POOL_CACHE;

	pool = rte_pktmbuf_pool_create("packets", size, POOL_CACHE, 0,
		RTE_MBUF_DEFAULT_BUF_SIZE, rte_socket_id());
	if (pool == NULL) {
		complain("no memory for %u packets: %s: give EAL more, -m 128", size,
			rte_strerror(rte_errno));
		return -rte_errno;
	}
	return 0;
}

/* A port that is alone on its device, as most are, has the device's name. */
struct port *
port_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < MAX_PORTS; i++) {
		if (strcmp(ports[i].name, name) == 0)
			return &ports[i];
	}
	return NULL;
}

/*
 * The place for a port: its own, or the first one that is free and not kept for another
 * port that the command line names.
 */
static struct port *
port_place(const char *name)
{
	struct port *port = port_find(name);
	unsigned int i;

	if (port != NULL)
		return port;
	if (options.nb_named > 0 && !options.attach_new)
		return NULL;
	for (i = options.nb_named; i < MAX_PORTS; i++) {
		if (!ports[i].attached)
			return &ports[i];
	}
	return NULL;
}

/* Ask for what interrupts the port has; those of its receive queue only if rx_intr is set. */
static int
port_configure(uint16_t id, const struct rte_eth_dev_info *info, bool rx_intr)
{
	const struct rte_eth_conf conf = {
		.txmode.offloads = info->tx_offload_capa &
			RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE,
		.intr_conf = {
			.lsc = (*info->dev_flags & RTE_ETH_DEV_INTR_LSC) != 0,
			.rmv = (*info->dev_flags & RTE_ETH_DEV_INTR_RMV) != 0,
			.rxq = rx_intr,
		},
	};
	uint16_t rx_size = RING_SIZE, tx_size = RING_SIZE;
	int socket = rte_eth_dev_socket_id(id), ret;

	ret = rte_eth_dev_configure(id, 1, 1, &conf);
	if (ret == 0)
		ret = rte_eth_dev_adjust_nb_rx_tx_desc(id, &rx_size, &tx_size);
	if (ret == 0)
		ret = rte_eth_rx_queue_setup(id, 0, rx_size, socket, NULL, pool);
	if (ret == 0)
		ret = rte_eth_tx_queue_setup(id, 0, tx_size, socket, NULL);
	if (ret == 0)
		ret = rte_eth_dev_start(id);
	return ret;
}

/* With receive interrupts if it has them, and without otherwise. */
static int
port_start(struct port *port, uint16_t id)
{
	struct rte_eth_dev_info info;
	int ret;

	ret = rte_eth_dev_info_get(id, &info);
	if (ret < 0)
		return ret;
	port->can_sleep = true;
	ret = port_configure(id, &info, true);
	if (ret < 0) {
		port->can_sleep = false;
		ret = port_configure(id, &info, false);
	}
	if (ret < 0)
		return ret;
	ret = rte_eth_macaddr_get(id, &port->mac);
	if (ret == 0 && options.promiscuous)
		ret = rte_eth_promiscuous_enable(id);
	if (ret < 0)
		rte_eth_dev_stop(id); /* one that runs cannot be closed */
	return ret;
}

/* Start a port that has come, and give it to its worker. 8< */
int
port_use(uint16_t port_id)
{
	char name[RTE_ETH_NAME_MAX_LEN];
	struct port *port;
	int ret;

	ret = rte_eth_dev_get_name_by_port(port_id, name);
	if (ret < 0)
		return ret;
	port = port_place(name);
	if (port == NULL) {
		say("%s: not used: it is not among those to be used, or these are %u already",
			name, MAX_PORTS);
		return 0;
	}
	if (port->attached)
		return 0;
	strlcpy(port->name, name, sizeof(port->name));
	ret = port_start(port, port_id);
	if (ret < 0) {
		complain("%s: cannot be started: %s", name, rte_strerror(-ret));
		return ret;
	}
	memset(&port->link, 0, sizeof(port->link));
	port->id = port_id;
	port->attached = true;
	say("%s: attached as port %u", name, port_id);
	stats_restart(port);
	ports_update_links();
	port_hand_over(port, true);
	return 0;
}
/* >8 End of starting. */

static bool
is_uuid(const char *name)
{
	rte_uuid_t uuid;

	return rte_uuid_parse(name, uuid) == 0;
}

/* Is there such a mediated device? One that is not yet there is no error. */
static bool
mdev_exists(const char *uuid)
{
	char filter[RTE_DEV_NAME_MAX_LEN];
	struct rte_dev_iterator iterator;
	struct rte_device *device;

	snprintf(filter, sizeof(filter), "bus=mdev,uuid=%s", uuid);
	RTE_DEV_FOREACH(device, filter, &iterator)
		return true;
	return false;
}

/*
 * Have a device attached: by what the command line says of it, or as the mediated device
 * that it is. Its ports become known by RTE_ETH_EVENT_NEW.
 */
int
port_attach(const char *name)
{
	const struct port *port = port_find(name);
	bool is_mdev = is_uuid(name);
	char address[RTE_DEV_NAME_MAX_LEN];
	uint16_t id;
	int ret;

	if (rte_eth_dev_get_port_by_name(name, &id) == 0)
		return 0; /* it is attached */
	if (port == NULL && !(options.attach_new && is_mdev))
		return 0;
	/* any that is still to be handled is of a device that is detached by now */
	events_forget_removals(name);
	snprintf(address, sizeof(address), "%s%s", is_mdev ? "mdev:" : "", name);
	ret = rte_dev_probe(port != NULL && port->devargs != NULL ?
		port->devargs : address);
	if (ret < 0)
		complain("%s: cannot be attached: %s: EAL and its driver have said why",
			name, rte_strerror(-ret));
	return ret;
}

static bool
bus_exists(const char *wanted_for)
{
	if (rte_bus_find_by_name("mdev") != NULL)
		return true;
	complain("%s: there is no bus for mediated devices: load its drivers, -d FOLDER",
		wanted_for);
	return false;
}

/* A port that the command line names: there already, to be attached, or to come. */
static int
port_attach_named(struct port *port)
{
	uint16_t id;

	if (rte_eth_dev_get_port_by_name(port->name, &id) == 0)
		return port_use(id);
	if (is_uuid(port->name) && !bus_exists(port->name))
		return -ENOTSUP;
	if (is_uuid(port->name) && !mdev_exists(port->name)) {
		say("%s: not there yet", port->name);
		return 0;
	}
	return port_attach(port->name);
}

/* Those that EAL has: in pairs, unless others are still to come. */
static int
ports_use_all(void)
{
	char name[RTE_ETH_NAME_MAX_LEN] = "";
	unsigned int count = 0;
	uint16_t id;
	int ret = 0;

	RTE_ETH_FOREACH_DEV(id) {
		rte_eth_dev_get_name_by_port(id, name);
		count++;
	}
	if (count == 0 && !options.attach_new) {
		complain("no ports: name two behind -- or to EAL, -a mdev:UUID; or see -- --help");
		return -ENODEV;
	}
	if (count % 2 != 0 && !options.attach_new) {
		complain("ports come in pairs: %s has no other one", name);
		return -EINVAL;
	}
	RTE_ETH_FOREACH_DEV(id) {
		if (ret == 0)
			ret = port_use(id);
	}
	return ret;
}

int
ports_attach_all(void)
{
	unsigned int i;
	int ret = 0;

	if (options.attach_new && !bus_exists("--attach-new"))
		return -ENOTSUP;
	for (i = 0; ret == 0 && i < options.nb_named; i++)
		ret = port_attach_named(&ports[i]);
	if (options.nb_named == 0)
		ret = ports_use_all();
	if (ret == 0 && options.attach_new && rte_eth_dev_count_avail() == 0)
		say("no ports yet: mediated devices that appear are used");
	return ret;
}

/* Detaching. 8< */
static void
port_close(struct port *port)
{
	port_hand_over(port, false);
	rte_eth_dev_stop(port->id);
	rte_eth_dev_close(port->id);
	port->attached = false;
}

/*
 * Take a port back from its worker, close it, and let go of its device. One that is not
 * used is let go as well: nobody else in this process would.
 */
void
port_detach(const char *name)
{
	struct port *port = port_find(name);
	struct rte_eth_dev_info info;
	uint16_t id;
	int ret;

	if (rte_eth_dev_get_port_by_name(name, &id) != 0)
		return; /* done: more than one event says it */
	ret = rte_eth_dev_info_get(id, &info);
	if (port != NULL && port->attached)
		port_close(port);
	else
		rte_eth_dev_close(id);
	if (ret == 0)
		ret = rte_dev_remove(info.device);
	if (ret < 0)
		complain("%s: closed, but not detached: %s", name,
			rte_strerror(-ret));
	else
		say("%s: detached", name);
}
/* >8 End of detaching. */

/*
 * For a port with RTE_ETH_DEV_INTR_LSC this reads what its last interrupt left; others
 * are asked.
 */
void
ports_update_links(void)
{
	char text[RTE_ETH_LINK_MAX_STR_LEN];
	struct rte_eth_link link;
	struct port *port;

	for (port = ports; port < &ports[MAX_PORTS]; port++) {
		if (!port->attached || rte_eth_link_get_nowait(port->id, &link) < 0)
			continue;
		if (link.link_status != port->link.link_status) {
			rte_eth_link_to_str(text, sizeof(text), &link);
			say("%s: %s", port->name, text);
		}
		port->link = link;
		shared_set(port->link_up, link.link_status == RTE_ETH_LINK_UP);
	}
}

void
ports_close(void)
{
	struct port *port;

	for (port = ports; port < &ports[MAX_PORTS]; port++) {
		if (port->attached)
			port_close(port);
	}
}
