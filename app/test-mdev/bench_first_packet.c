/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * From the start of the process to the first packet of a port that receives all the
 * time: EAL, probe, configuration, start. The same for every driver.
 */

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "bench.h"
#include "test.h"

#define RING 256
#define BURST 32
#define MBUFS 4096
#define WAIT_MS 10000

static uint64_t process_started_us;

static uint64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

RTE_INIT_PRIO(note_start, LOG)
{
	process_started_us = now_us();
}

static int
port_start(uint16_t port)
{
	const struct rte_eth_conf conf = { .link_speeds = 0 };
	struct rte_mempool *pool;
	int ret;

	pool = rte_pktmbuf_pool_create("bench", MBUFS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
			rte_eth_dev_socket_id(port));
	if (pool == NULL)
		return -rte_errno;
	ret = rte_eth_dev_configure(port, 1, 1, &conf);
	if (ret == 0)
		ret = rte_eth_rx_queue_setup(port, 0, RING,
				rte_eth_dev_socket_id(port), NULL, pool);
	if (ret == 0)
		ret = rte_eth_tx_queue_setup(port, 0, RING,
				rte_eth_dev_socket_id(port), NULL);
	if (ret == 0)
		ret = rte_eth_dev_start(port);
	return ret;
}

/* Returns whether a packet came. */
static bool
receive_one(uint16_t port)
{
	uint64_t end = now_us() + WAIT_MS * 1000;
	struct rte_mbuf *mbufs[BURST];
	uint16_t n;

	do {
		n = rte_eth_rx_burst(port, 0, mbufs, BURST);
	} while (n == 0 && now_us() < end);
	rte_pktmbuf_free_bulk(mbufs, n);
	return n > 0;
}

int
bench_first_packet(bool json, unsigned int count __rte_unused,
		char **args __rte_unused)
{
	uint64_t probed_us, first_us;
	struct rte_eth_dev_info info;
	uint16_t port = 0;
	int ret;

	probed_us = now_us();
	if (rte_eth_dev_count_avail() != 1) {
		fprintf(stderr, "first-packet: one port is needed: name it with -a or --vdev before '--'\n");
		return -1;
	}
	ret = rte_eth_dev_info_get(port, &info);
	if (ret == 0)
		ret = port_start(port);
	if (ret < 0) {
		fprintf(stderr, "first-packet: the port did not start: %s\n",
			rte_strerror(-ret));
		return -1;
	}
	if (!receive_one(port)) {
		fprintf(stderr, "first-packet: no packet came in %u ms: whatever is behind the port must send all the time\n",
			WAIT_MS);
		return -1;
	}
	first_us = now_us();
	probed_us -= process_started_us;
	first_us -= process_started_us;
	if (json)
		printf("{\"driver\": \"%s\", \"probed_us\": %" PRIu64 ", \"first_packet_us\": %" PRIu64 "}\n",
			info.driver_name, probed_us, first_us);
	else
		printf("%s: probed after %.1f ms, first packet after %.1f ms\n",
			info.driver_name, probed_us / 1000.0, first_us / 1000.0);
	rte_eth_dev_stop(port);
	rte_eth_dev_close(port);
	return 0;
}
