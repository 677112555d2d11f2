/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef BENCH_BURST_H
#define BENCH_BURST_H

/*
 * The benchmark of bursts: ports of net_mdev_virtio and of net_virtio_user in one process, in
 * turn. bench_burst.c has the commands, _options their arguments, _report what they print,
 * _port the ports and what each layout means for either driver. bench burst: _run what is
 * measured, _backend, _device and _ring what is behind the ports. bench vhost: _vhost what
 * is measured; behind the ports is another process.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_mempool.h>

#include "bench_burst_backend.h"
#include "bench_burst_device.h"

#define BURST_PORTS_MAX 4
#define BURST_MAX 64
#define BURST_SEGMENTS_MAX 4
/*
 * A packet that takes more cycles was not the driver's doing: the thread lost its
 * processor. Such samples do not count.
 */
#define BURST_CYCLES_MAX 5000

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
	bool vhost;                    /* the backends are another process's */
	unsigned int window_us;
	const char *log;               /* of that process; or NULL */
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
	double *mpps;                  /* vhost: likewise */
	uint64_t lost;                 /* vhost: frames that did not come back */
	uint64_t came_back;            /* vhost: as they were sent, of those checked */
	uint64_t settled;              /* vhost: frames that nothing was behind */
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

/* The number of ports that follow the options, or -1 after a message. */
int burst_parse_options(struct burst_options *options, int count, char **args);
/* 0, or -1 after a message. */
int burst_parse_port(struct burst_port *port, unsigned int index, const char *text);

/* A table, or one object of JSON on a line. */
void burst_report(bool json, const struct burst_options *options,
		const struct burst_port *ports, unsigned int count, const double *probes);

/* Check that a port passes packets; measure all, in turn. */
void burst_check(struct burst_port *port, const struct burst_options *options);
void burst_measure(struct burst_port *ports, unsigned int count,
		const struct burst_options *options);

/*
 * The same with a backend in another process. probes: before each window and after the last
 * one, cycles of a frame to the backend and back.
 */
void burst_vhost_check(struct burst_port *port, const struct burst_options *options,
		struct rte_mempool *mp);
void burst_vhost_measure(struct burst_port *ports, unsigned int count,
		const struct burst_options *options, struct rte_mempool *mp,
		double *probes);

#endif /* BENCH_BURST_H */
