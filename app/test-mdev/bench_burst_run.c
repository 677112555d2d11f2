/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Rounds: the device gives frames (not timed), the driver receives and transmits them
 * (timed), the device takes them (not timed).
 */

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "bench_burst.h"

#define CHECK_ROUNDS 64
#define WARM_WINDOWS 4
#define WARM_ROUNDS 4     /* of each window, not counted: the caches held another port */

/*
 * Half of the receive buffers: the driver refills, reclaims and wraps around as it does
 * between a device and itself that are equally fast.
 */
static unsigned int
round_frames(const struct burst_options *options)
{
	return RTE_MAX(options->ring / 2 / options->segments, options->burst);
}

/* Receive and transmit so many frames. Returns how many there were. */
static __rte_always_inline unsigned int
forward(struct burst_port *port, unsigned int burst, unsigned int frames)
{
	unsigned int polls = 2 * frames / burst + 2, done = 0;
	struct rte_mbuf *pkts[BURST_MAX];
	uint16_t n, sent;

	while (done < frames && polls-- > 0) {
		n = rte_eth_rx_burst(port->id, 0, pkts, burst);
		sent = rte_eth_tx_burst(port->id, 0, pkts, n);
		if (unlikely(sent < n)) {
			rte_pktmbuf_free_bulk(pkts + sent, n - sent);
			port->unsent += n - sent;
		}
		done += n;
	}
	return done;
}

static void
note_wrong(struct burst_port *port)
{
	if (port->device.wrong != NULL)
		burst_port_invalid(port, "the device met %s", port->device.wrong);
	else if (port->unsent > 0)
		burst_port_invalid(port, "%ju frames were not taken for transmission",
			(uintmax_t)port->unsent);
}

/* Cycles of one round, or 0 if it failed; then the port is invalid. */
static uint64_t
run_round(struct burst_port *port, const struct burst_options *options,
		unsigned int frames)
{
	unsigned int given, received, taken;
	uint64_t start, cycles;

	given = burst_device_give(&port->device, frames);
	start = rte_rdtsc();
	received = forward(port, options->burst, given);
	cycles = rte_rdtsc() - start;
	taken = burst_device_take(&port->device);
	if (likely(given == frames && received == frames && taken == frames))
		return cycles;
	note_wrong(port);
	burst_port_invalid(port, "of %u frames %u had a buffer, %u were received and %u transmitted",
		frames, given, received, taken);
	return 0;
}

/* Cycles a packet; 0: none counts. */
static void
run_window(struct burst_port *port, const struct burst_options *options,
		double *cycles_packet)
{
	unsigned int frames = round_frames(options), i;
	uint64_t sum = 0, counted = 0, cycles;

	for (i = 0; i < WARM_ROUNDS && port->invalid[0] == '\0'; i++)
		run_round(port, options, frames);
	for (i = 0; i < options->rounds && port->invalid[0] == '\0'; i++) {
		cycles = run_round(port, options, frames);
		if (unlikely(cycles > (uint64_t)BURST_CYCLES_MAX * frames))
			continue;
		sum += cycles;
		counted += frames;
	}
	*cycles_packet = counted == 0 ? 0 : (double)sum / counted;
}

void
burst_check(struct burst_port *port, const struct burst_options *options)
{
	struct burst_device *device = &port->device;
	unsigned int frames = round_frames(options), i;
	uint64_t before = device->checked;

	burst_device_check(device, true);
	for (i = 0; i < CHECK_ROUNDS && port->invalid[0] == '\0'; i++)
		run_round(port, options, frames);
	burst_device_check(device, false);
	note_wrong(port);
	if (port->invalid[0] == '\0' && device->checked - before !=
			(uint64_t)CHECK_ROUNDS * frames)
		burst_port_invalid(port, "only %ju frames had the right content",
			(uintmax_t)(device->checked - before));
}

void
burst_measure(struct burst_port *ports, unsigned int count,
		const struct burst_options *options)
{
	unsigned int window, i, p;
	double unused;

	for (window = 0; window < WARM_WINDOWS; window++) {
		for (p = 0; p < count; p++)
			run_window(&ports[p], options, &unused);
	}
	/* forward and back: whoever follows whom is no advantage */
	for (window = 0; window < options->windows; window++) {
		for (i = 0; i < count; i++) {
			p = window % 2 == 0 ? i : count - 1 - i;
			run_window(&ports[p], options, &ports[p].cycles[window]);
		}
	}
	for (p = 0; p < count; p++)
		note_wrong(&ports[p]);
}
