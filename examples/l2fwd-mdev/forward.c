/* SPDX-License-Identifier: BSD-3-Clause */

/* The workers: from one port of a pair to the other, and asleep while nothing comes. */

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <rte_cycles.h>
#include <rte_epoll.h>
#include <rte_interrupts.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#include "l2fwd_mdev.h"

#define BURST 32
#define IDLE_MS 10 /* without a packet, after which a worker sleeps */

/* Worker i has the pairs i, i + nb_workers, and so on. */
struct worker {
	int wake_fd; /* eventfd by which the main lcore wakes it */
	struct rte_epoll_event wake_event;
	bool asleep; /* set by the worker, read by the main lcore */
} __rte_cache_aligned;

static struct worker workers[MAX_PORTS / 2];
static unsigned int nb_workers;
static bool workers_quit; /* set by the main lcore */

/* The ports of a worker: both of each of its pairs. */
#define FOREACH_WORKER_PORT(port, worker) \
	for (port = &ports[2 * ((worker) - workers)]; port < &ports[MAX_PORTS]; \
			port = port_next(port))

static struct port *
port_next(struct port *port)
{
	return port + ((port - ports) % 2 == 0 ? 1 : 2 * nb_workers - 1);
}

static struct worker *
port_worker(const struct port *port)
{
	return &workers[(port - ports) / 2 % nb_workers];
}

bool
port_worker_sleeps(const struct port *port)
{
	return shared_get(port_worker(port)->asleep);
}

/* Rewrite the addresses, as DPDK's l2fwd does. */
static void
update_mac(struct rte_mbuf *m, const struct port *to)
{
	struct rte_ether_hdr *eth = rte_pktmbuf_mtod(m, struct rte_ether_hdr *);
	const struct rte_ether_addr dst = {
		.addr_bytes = { 0x02, 0, 0, 0, to->id >> 8, to->id & 0xff },
	};

	rte_ether_addr_copy(&dst, &eth->dst_addr);
	rte_ether_addr_copy(&to->mac, &eth->src_addr);
}

/* One burst from a port to the other of its pair. 8< */
static uint16_t
forward_burst(const struct port *from)
{
	struct port *to = port_peer(from);
	struct rte_mbuf *pkts[BURST];
	uint16_t i, received, sent = 0;

	received = rte_eth_rx_burst(from->id, 0, pkts, BURST);
	if (received == 0)
		return 0;
	if (to->taken && shared_get(to->link_up)) {
		for (i = 0; options.mac_updating && i < received; i++)
			update_mac(pkts[i], to);
		sent = rte_eth_tx_burst(to->id, 0, pkts, received);
	}
	if (unlikely(sent < received)) {
		rte_pktmbuf_free_bulk(&pkts[sent], received - sent);
		shared_set(to->dropped, to->dropped + received - sent);
	}
	return received;
}
/* >8 End of one burst. */

static void
port_take(struct port *port)
{
	port->can_sleep = port->can_sleep && rte_eth_dev_rx_intr_ctl_q(port->id, 0,
		RTE_EPOLL_PER_THREAD, RTE_INTR_EVENT_ADD, NULL) == 0;
	shared_set(port->taken, true);
}

static void
port_give_back(struct port *port)
{
	if (port->can_sleep)
		rte_eth_dev_rx_intr_ctl_q(port->id, 0, RTE_EPOLL_PER_THREAD,
			RTE_INTR_EVENT_DEL, NULL);
	shared_set(port->taken, false);
}

/* One round over all ports of a worker. Returns how many packets there were. 8< */
static unsigned int
worker_round(struct worker *worker)
{
	unsigned int received = 0;
	struct port *port;

	FOREACH_WORKER_PORT(port, worker) {
		if (unlikely(shared_get(port->offered) != port->taken)) {
			if (port->taken)
				port_give_back(port);
			else
				port_take(port);
		}
		if (port->taken)
			received += forward_burst(port);
	}
	return received;
}
/* >8 End of one round. */

/* Returns false if one of the ports has no interrupts: then the worker goes on polling. */
static bool
interrupts_enable(struct worker *worker)
{
	struct port *port;

	FOREACH_WORKER_PORT(port, worker) {
		if (port->taken && (!port->can_sleep ||
				rte_eth_dev_rx_intr_enable(port->id, 0) != 0))
			return false;
	}
	return true;
}

static void
interrupts_disable(struct worker *worker)
{
	struct port *port;

	FOREACH_WORKER_PORT(port, worker) {
		if (port->taken && port->can_sleep)
			rte_eth_dev_rx_intr_disable(port->id, 0);
	}
}

/* Sleeping. 8< */
/*
 * Until a packet or the main lcore comes. What came before interrupts were enabled may
 * raise none, so there is one more round after that.
 */
static void
worker_sleep(struct worker *worker)
{
	struct rte_epoll_event event;
	eventfd_t count;

	if (interrupts_enable(worker) && worker_round(worker) == 0) {
		shared_set(worker->asleep, true);
		rte_epoll_wait(RTE_EPOLL_PER_THREAD, &event, 1, -1);
		shared_set(worker->asleep, false);
	}
	interrupts_disable(worker);
	eventfd_read(worker->wake_fd, &count);
}
/* >8 End of sleeping. */

static int
worker_run(void *arg)
{
	struct worker *worker = arg;
	const uint64_t idle = rte_get_tsc_hz() / MS_PER_S * IDLE_MS;
	uint64_t last = rte_rdtsc();
	bool can_wake;

	worker->wake_event.epdata.event = EPOLLIN;
	can_wake = rte_epoll_ctl(RTE_EPOLL_PER_THREAD, EPOLL_CTL_ADD,
		worker->wake_fd, &worker->wake_event) == 0;
	while (!shared_get(workers_quit)) {
		if (worker_round(worker) > 0) {
			last = rte_rdtsc();
		} else if (can_wake && rte_rdtsc() - last > idle) {
			worker_sleep(worker);
			last = rte_rdtsc();
		}
	}
	return 0;
}

/* Handing over. 8< */
/*
 * Give a port that is started to its worker, or take it back to stop it. Afterwards the
 * other side does not touch it any more.
 */
void
port_hand_over(struct port *port, bool to_worker)
{
	shared_set(port->offered, to_worker);
	eventfd_write(port_worker(port)->wake_fd, 1);
	while (shared_get(port->taken) != to_worker)
		rte_delay_us_sleep(10);
}
/* >8 End of handing over. */

/* They are counted before the first one runs: the count says which ports it has. */
static int
workers_count(void)
{
	unsigned int lcore;
	int fd;

	RTE_LCORE_FOREACH_WORKER(lcore) {
		if (nb_workers == RTE_DIM(workers))
			break; /* one for each pair, if all were there */
		fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		if (fd < 0) {
			complain("lcore %u cannot be used: no eventfd: %s", lcore,
				strerror(errno));
			return -errno;
		}
		workers[nb_workers++].wake_fd = fd;
	}
	if (nb_workers == 0) {
		complain("the first lcore controls and the others forward: give two or more, -l 0,1");
		return -EINVAL;
	}
	return 0;
}

int
workers_start(void)
{
	unsigned int lcore, i = 0;
	int ret;

	ret = workers_count();
	RTE_LCORE_FOREACH_WORKER(lcore) {
		if (ret == 0 && i < nb_workers)
			ret = rte_eal_remote_launch(worker_run, &workers[i++], lcore);
	}
	return ret;
}

/* When all ports are given back. */
void
workers_stop(void)
{
	unsigned int i;

	shared_set(workers_quit, true);
	for (i = 0; i < nb_workers; i++)
		eventfd_write(workers[i].wake_fd, 1);
	rte_eal_mp_wait_lcore();
	for (i = 0; i < nb_workers; i++)
		close(workers[i].wake_fd);
}
