/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef BENCH_BURST_H
#define BENCH_BURST_H

/*
 * The burst benchmark: ports of net_mdev_virtio and of net_virtio_user in one process, on
 * one device model, in turn. bench_burst.c has the command, _port the ports and what each
 * layout means for either driver, _run what is measured, _backend and _device what is behind
 * the ports.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_mempool.h>

#include "bench_burst_backend.h"
#include "bench_burst_device.h"

#define BURST_PORTS_MAX 4
#define BURST_MAX 64
#define BURST_SEGMENTS_MAX 4

struct burst_layout {
	const char *name;
	bool packed, mergeable, in_order, vectorised;
	/* of net_virtio, as it logs them */
	const char *rx_path, *tx_path;
};

struct burst_options {
	const struct burst_layout *layout;
	unsigned int ring, burst, size, segments;
	unsigned int windows, rounds;  /* rounds: in a window */
	bool shuffle;
};

struct burst_port {
	bool ours;
	char name[64];                 /* of the device */
	char socket[128];
	uint16_t id;
	bool attached, started;
	char rx_path[64], tx_path[64]; /* what the driver says; may be empty */
	uint64_t features;
	char invalid[128];             /* why it does not count; or empty */
	uint64_t unsent;               /* frames that the driver did not take at once */
	double *cycles;                /* a packet, of each window */
	struct burst_backend backend;
	struct burst_device device;
};

/* Returns NULL if there is no layout of this name. */
const struct burst_layout *burst_layout_find(const char *name);
/* Print the names, one a line. */
void burst_layout_list(void);

/*
 * Attach a port's device, start it on its backend. 0 or -1 after a message. One that works
 * but not as the layout says is invalid.
 */
int burst_port_start(struct burst_port *port, const struct burst_options *options,
		struct rte_mempool *mp);
void burst_port_stop(struct burst_port *port);

__rte_format_printf(2, 3)
void burst_port_invalid(struct burst_port *port, const char *format, ...);

/* Check that the ports pass packets; measure, in turn. */
void burst_check(struct burst_port *port, const struct burst_options *options);
void burst_measure(struct burst_port *ports, unsigned int count,
		const struct burst_options *options);

#endif /* BENCH_BURST_H */
