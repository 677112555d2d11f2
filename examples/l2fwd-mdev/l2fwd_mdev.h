/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef L2FWD_MDEV_H
#define L2FWD_MDEV_H

/*
 * The main lcore controls: devices that come and go, links, statistics. The other lcores,
 * the workers, forward. A pair of ports belongs to one worker, so that nobody else
 * receives from or sends to it, and no lock is needed.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_common.h>
#include <rte_dev.h>
#include <rte_ether.h>
#include <rte_ethdev.h>

#define MAX_PORTS 16 /* an even number */

/*
 * A place for a port, which may be empty: ports[0] and ports[1] are a pair, ports[2] and
 * ports[3] the next one, and so on.
 */
struct port {
	/* of the main lcore; what a worker reads is set before the port is handed over */
	char name[RTE_DEV_NAME_MAX_LEN]; /* of the device; "": of none so far */
	const char *devargs; /* what attaches it, from the command line; or NULL */
	bool attached; /* a port is here, and has this id */
	uint16_t id;
	struct rte_ether_addr mac;
	struct rte_eth_link link;

	/* how a port changes hands, see port_hand_over() */
	bool offered; /* set by the main lcore */
	bool taken; /* set by the worker */

	bool link_up; /* set by the main lcore, read by the worker */

	bool can_sleep; /* an interrupt tells of packets; cleared by a worker that gets none */
	uint64_t dropped; /* packets that could not be sent here; set by the worker */
} __rte_cache_aligned;

/* What the command line asks for. */
struct options {
	unsigned int nb_named; /* ports that it names: the first ones of ports[] */
	bool attach_new; /* and any other mediated device that appears */
	bool promiscuous;
	bool mac_updating;
};

extern struct port ports[MAX_PORTS];
extern struct options options;

/* What is shared between threads without a lock is read and written by these. */
#define shared_get(variable) __atomic_load_n(&(variable), __ATOMIC_ACQUIRE)
#define shared_set(variable, value) \
	__atomic_store_n(&(variable), value, __ATOMIC_RELEASE)

static inline struct port *
port_peer(const struct port *port)
{
	return &ports[(port - ports) ^ 1];
}

/* args.c: fills options and the names in ports; a negative value if something is wrong */
int args_parse(int argc, char **argv);
void args_usage(const char *program);
extern bool args_help; /* only the usage was asked for */

/* ports.c */
int ports_init(void);
int ports_attach_all(void);
struct port *port_find(const char *name);
int port_attach(const char *name);
int port_use(uint16_t port_id);
void port_detach(const char *name);
void ports_update_links(void);
void ports_close(void);

/* events.c: what callbacks tell the main lcore, and its waiting for that */
int events_start(void);
void events_stop(void);
void events_wait(int timeout_ms);
void events_handle(void);
void events_forget_removals(const char *name); /* of what had the name so far */
void events_wake(void); /* may be called by a signal handler */

/* forward.c */
int workers_start(void);
void workers_stop(void);
void port_hand_over(struct port *port, bool to_worker);
bool port_worker_sleeps(const struct port *port);

/* stats.c: the main lcore's output */
void stats_init(void);
void stats_restart(const struct port *port);
void stats_show(void);
__rte_format_printf(1, 2)
void say(const char *format, ...);
__rte_format_printf(1, 2)
void complain(const char *format, ...);

#endif /* L2FWD_MDEV_H */
