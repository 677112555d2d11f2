/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Frames go round between a port and a vhost backend that sends back what it gets. The
 * backend has a processor of its own and is the slower end, so the port mostly polls in
 * vain: what counts are the cycles of the calls that moved packets.
 *
 * Two processors may be near to each other or far: a single frame's way there and back,
 * always by the same port, tells which.
 */

#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "bench_burst.h"

#define CHECK_BURSTS 64
#define FIRST_TRIES 50
#define FIRST_MS 100
#define ECHO_MS 5000       /* other processes may have the backend's processor */
#define PROBES 32

static uint64_t
cycles_of_ms(unsigned int ms)
{
	return rte_get_tsc_hz() / 1000 * ms;
}

/* Send so many frames with numbers from first on. Returns how many were taken. */
static unsigned int
send_frames(struct burst_port *port, const struct burst_options *options,
		struct rte_mempool *mp, unsigned int count, uint64_t first)
{
	struct rte_mbuf *pkts[BURST_MAX];
	unsigned int i;
	uint16_t sent;

	if (rte_pktmbuf_alloc_bulk(mp, pkts, count) < 0)
		return 0;
	for (i = 0; i < count; i++) {
		burst_device_content(rte_pktmbuf_mtod(pkts[i], uint8_t *),
			options->size, first + i);
		pkts[i]->data_len = pkts[i]->pkt_len = options->size;
	}
	sent = rte_eth_tx_burst(port->id, 0, pkts, count);
	rte_pktmbuf_free_bulk(pkts + sent, count - sent);
	return sent;
}

static bool
has_content(struct rte_mbuf *m, uint16_t size, uint64_t number)
{
	uint8_t expected[2048];

	burst_device_content(expected, size, number);
	return m->pkt_len == size && m->nb_segs == 1 &&
		memcmp(rte_pktmbuf_mtod(m, uint8_t *), expected, size) == 0;
}

/* Receive frames; returns how many were the next ones. */
static unsigned int
receive_frames(struct burst_port *port, const struct burst_options *options,
		unsigned int count, uint64_t first)
{
	uint64_t end = rte_rdtsc() + cycles_of_ms(ECHO_MS);
	unsigned int received = 0, good = 0, i;
	struct rte_mbuf *pkts[BURST_MAX];
	uint16_t n;

	while (received < count && rte_rdtsc() < end) {
		n = rte_eth_rx_burst(port->id, 0, pkts, options->burst);
		for (i = 0; i < n; i++)
			good += has_content(pkts[i], options->size,
					first + received + i);
		received += n;
		rte_pktmbuf_free_bulk(pkts, n);
	}
	return good;
}

/*
 * Have nothing under way: what was sent before a frame comes back before it, or never.
 * Returns how many came back before it, or -1 if it does not come back in time.
 */
static int
settle(struct burst_port *port, const struct burst_options *options,
		struct rte_mempool *mp, unsigned int ms)
{
	uint64_t end = rte_rdtsc() + cycles_of_ms(ms);
	const uint64_t last = UINT64_MAX - port->settled++;
	struct rte_mbuf *pkts[BURST_MAX];
	int received = 0;
	bool sent = false, back = false;
	uint16_t n, i;

	while (!back && rte_rdtsc() < end) {
		if (!sent)
			sent = send_frames(port, options, mp, 1, last) == 1;
		n = rte_eth_rx_burst(port->id, 0, pkts, options->burst);
		for (i = 0; i < n; i++)
			back = back || has_content(pkts[i], options->size, last);
		received += n;
		rte_pktmbuf_free_bulk(pkts, n);
	}
	return back ? received - 1 : -1;
}

void
burst_vhost_check(struct burst_port *port, const struct burst_options *options,
		struct rte_mempool *mp)
{
	unsigned int i, good = 0, wanted = CHECK_BURSTS * options->burst;

	if (port->invalid[0] != '\0')
		return;
	/* the backend may still be about to start, and loses what comes before */
	for (i = 0; i < FIRST_TRIES && settle(port, options, mp, FIRST_MS) < 0; i++)
		;
	if (i == FIRST_TRIES) {
		burst_port_invalid(port, "no frame came back from the backend");
		return;
	}
	for (i = 0; i < wanted; i += options->burst) {
		if (send_frames(port, options, mp, options->burst, i) == options->burst)
			good += receive_frames(port, options, options->burst, i);
	}
	port->came_back += good;
	if (good < wanted)
		burst_port_invalid(port, "only %u of %u frames came back as they were",
			good, wanted);
}

static int
compare(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Cycles there and back. */
static double
probe(struct burst_port *port, const struct burst_options *options,
		struct rte_mempool *mp)
{
	uint64_t cycles[PROBES], start;
	unsigned int i;

	for (i = 0; i < PROBES; i++) {
		start = rte_rdtsc();
		if (send_frames(port, options, mp, 1, 0) == 1)
			receive_frames(port, options, 1, 0);
		cycles[i] = rte_rdtsc() - start;
	}
	qsort(cycles, PROBES, sizeof(cycles[0]), compare);
	return cycles[PROBES / 2];
}

struct window {
	uint64_t busy, packets;  /* that count */
	uint64_t sent, received;
};

/* Until the time is over: what comes is sent back. */
static __rte_always_inline void
forward(struct burst_port *port, unsigned int burst, uint64_t end, struct window *window)
{
	struct rte_mbuf *pkts[BURST_MAX];
	uint64_t start, now;
	uint16_t n, sent;

	for (start = rte_rdtsc(); start < end; start = now) {
		n = rte_eth_rx_burst(port->id, 0, pkts, burst);
		if (n == 0) {
			now = rte_rdtsc();
			continue;
		}
		sent = rte_eth_tx_burst(port->id, 0, pkts, n);
		now = rte_rdtsc();
		if (likely(now - start < (uint64_t)BURST_CYCLES_MAX * n)) {
			window->busy += now - start;
			window->packets += n;
		}
		window->received += n;
		window->sent += sent;
		if (unlikely(sent < n))
			rte_pktmbuf_free_bulk(pkts + sent, n - sent);
	}
}

static void
run_window(struct burst_port *port, const struct burst_options *options,
		struct rte_mempool *mp, unsigned int index)
{
	uint64_t length = rte_get_tsc_hz() / 1000000 * options->window_us;
	struct window window = { .busy = 0 };
	unsigned int i;
	int back;

	if (port->invalid[0] != '\0')
		return;
	for (i = 0; i < options->ring / 2; i += options->burst)
		window.sent += send_frames(port, options, mp, options->burst, 0);
	forward(port, options->burst, rte_rdtsc() + length, &window);
	port->mpps[index] = (double)window.received / options->window_us;
	back = settle(port, options, mp, ECHO_MS);
	if (back < 0)
		burst_port_invalid(port, "no frame came back in %u ms", ECHO_MS);
	port->lost += window.sent - window.received - RTE_MAX(back, 0);
	/* none counts: the backend had no processor */
	if (window.packets > 0)
		port->cycles[index] = (double)window.busy / window.packets;
}

void
burst_vhost_measure(struct burst_port *ports, unsigned int count,
		const struct burst_options *options, struct rte_mempool *mp,
		double *probes)
{
	struct burst_port *prober = &ports[0];
	unsigned int window, i, p;

	for (p = 0; p < count; p++) {
		if (!ports[p].ours)
			prober = &ports[p];
	}
	for (window = 0; window < options->windows; window++) {
		probes[window] = probe(prober, options, mp);
		for (i = 0; i < count; i++) {
			p = window % 2 == 0 ? i : count - 1 - i;
			run_window(&ports[p], options, mp, window);
		}
	}
	probes[window] = probe(prober, options, mp);
}
