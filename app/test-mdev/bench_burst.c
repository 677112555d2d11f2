/* SPDX-License-Identifier: BSD-3-Clause */

/* The commands bench burst and bench vhost. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#include "bench.h"
#include "bench_burst.h"

#define MBUF_CACHE 256
#define MBUFS_SPARE 1024

static void
write_content(struct rte_mempool *mp __rte_unused, void *arg, void *obj,
		unsigned int index __rte_unused)
{
	const struct burst_options *options = arg;
	struct rte_mbuf *m = obj;

	burst_device_content((uint8_t *)m->buf_addr + RTE_PKTMBUF_HEADROOM,
		options->size, 0);
}

static struct rte_mempool *
make_pool(struct burst_options *options, unsigned int ports)
{
	/* a transmit ring of indirect descriptors is full of whole frames */
	const unsigned int mbufs = ports * options->ring * (1 + options->segments);
	struct rte_mempool *mp;

	mp = rte_pktmbuf_pool_create("burst", mbufs + MBUFS_SPARE, MBUF_CACHE, 0,
			RTE_MBUF_DEFAULT_BUF_SIZE, rte_socket_id());
	if (mp == NULL)
		fprintf(stderr, "burst: no memory for mbufs: %s\n",
			rte_strerror(rte_errno));
	else
		rte_mempool_obj_iter(mp, write_content, options);
	return mp;
}

static int
start(struct burst_port *port, const struct burst_options *options,
		struct rte_mempool *mp)
{
	port->cycles = calloc(options->windows, sizeof(double));
	port->mpps = calloc(options->windows, sizeof(double));
	if (port->cycles == NULL || port->mpps == NULL)
		return -1;
	return burst_port_start(port, options, mp);
}

static void
check(struct burst_port *ports, unsigned int count, const struct burst_options *options,
		struct rte_mempool *mp)
{
	unsigned int p;

	for (p = 0; p < count; p++) {
		if (options->vhost)
			burst_vhost_check(&ports[p], options, mp);
		else
			burst_check(&ports[p], options);
	}
}

static int
measure(struct burst_port *ports, unsigned int count, struct burst_options *options,
		double *probes)
{
	struct rte_mempool *mp = make_pool(options, count);
	unsigned int started;
	int ret = mp == NULL ? -1 : 0;

	for (started = 0; ret == 0 && started < count; started++)
		ret = start(&ports[started], options, mp);
	if (ret == 0) {
		check(ports, count, options, mp);
		if (options->vhost)
			burst_vhost_measure(ports, count, options, mp, probes);
		else
			burst_measure(ports, count, options);
		check(ports, count, options, mp);
	}
	while (started-- > 0)
		burst_port_stop(&ports[started]);
	rte_mempool_free(mp);
	return ret;
}

static int
run(bool json, struct burst_options *options, unsigned int count, char **args)
{
	double *probes = calloc(options->windows + 1, sizeof(*probes));
	struct burst_port ports[BURST_PORTS_MAX];
	unsigned int p;
	int ret;

	memset(ports, 0, sizeof(ports));
	for (p = 0, ret = probes == NULL ? -1 : 0; p < count && ret == 0; p++)
		ret = burst_parse_port(&ports[p], p, args[p]);
	if (ret == 0)
		ret = measure(ports, count, options, probes);
	if (ret == 0)
		burst_report(json, options, ports, count, probes);
	for (p = 0; p < count; p++) {
		free(ports[p].cycles);
		free(ports[p].mpps);
	}
	free(probes);
	return ret;
}

static int
bench_ports(bool json, struct burst_options *options, unsigned int count, char **args)
{
	int ports;

	if (count == 2 && strcmp(args[0], "--layout") == 0 &&
			strcmp(args[1], "list") == 0) {
		burst_layout_list();
		return 0;
	}
	/* args[-1] is what getopt() takes for the name of the program */
	ports = burst_parse_options(options, count + 1, args - 1);
	if (ports < 0)
		return -1;
	return run(json, options, ports, args + count - ports);
}

int
bench_burst(bool json, unsigned int count, char **args)
{
	struct burst_options options = {
		.layout = burst_layout_find("split"),
		.ring = 256, .burst = 32, .size = 64, .segments = 1,
		.windows = 300, .rounds = 50,
	};

	return bench_ports(json, &options, count, args);
}

int
bench_vhost(bool json, unsigned int count, char **args)
{
	struct burst_options options = {
		.layout = burst_layout_find("split"),
		.ring = 256, .burst = 32, .size = 64, .segments = 1,
		.windows = 60, .window_us = 5000, .vhost = true,
	};

	return bench_ports(json, &options, count, args);
}
