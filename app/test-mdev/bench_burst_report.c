/* SPDX-License-Identifier: BSD-3-Clause */

/* What bench burst and bench vhost print. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_burst.h"

static int
compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(const double *values, unsigned int count)
{
	double sorted[count];

	memcpy(sorted, values, sizeof(sorted));
	qsort(sorted, count, sizeof(sorted[0]), compare);
	return sorted[count / 2];
}

static void
print_table(const struct burst_options *options, const struct burst_port *ports,
		unsigned int count)
{
	const struct burst_port *port;

	printf("%s, ring %u, bursts of %u, %u bytes in %u segments: cycles a packet, Rx + Tx\n",
		options->layout->name, options->ring, options->burst, options->size,
		options->segments);
	for (port = ports; port < ports + count; port++) {
		printf("  %-16s ", port->ours ? "net_mdev_virtio" : "net_virtio");
		if (port->invalid[0] != '\0') {
			printf("invalid: %s\n", port->invalid);
			continue;
		}
		printf("%6.1f   ", median(port->cycles, options->windows));
		if (options->vhost)
			printf("%.2f Mpps, %" PRIu64 " lost, ",
				median(port->mpps, options->windows), port->lost);
		printf("%" PRIu64 " frames checked; %s / %s\n",
			port->device.checked + port->came_back, port->rx_path,
			port->tx_path);
	}
}

static void
print_array(const char *name, const double *values, unsigned int count)
{
	unsigned int i;

	printf(", \"%s\": [", name);
	for (i = 0; i < count; i++)
		printf("%s%.2f", i == 0 ? "" : ", ", values[i]);
	printf("]");
}

static void
print_port(const struct burst_options *options, const struct burst_port *port)
{
	const unsigned int windows = port->invalid[0] == '\0' ? options->windows : 0;

	printf("{\"ours\": %s, \"features\": \"0x%" PRIx64 "\", \"rx_path\": \"%s\", \"tx_path\": \"%s\", \"invalid\": \"%s\", \"checked\": %" PRIu64,
		port->ours ? "true" : "false", port->features, port->rx_path,
		port->tx_path, port->invalid, port->device.checked + port->came_back);
	print_array("cycles", port->cycles, windows);
	if (options->vhost) {
		print_array("mpps", port->mpps, windows);
		printf(", \"lost\": %" PRIu64, port->lost);
	}
	printf("}");
}

static void
print_json(const struct burst_options *options, const struct burst_port *ports,
		unsigned int count, const double *probes)
{
	unsigned int p;

	printf("{\"layout\": \"%s\", \"ring\": %u, \"burst\": %u, \"size\": %u, \"segments\": %u, \"out_of_order\": %s",
		options->layout->name, options->ring, options->burst, options->size,
		options->segments, options->shuffle ? "true" : "false");
	if (options->vhost)
		print_array("probes", probes, options->windows + 1);
	printf(", \"ports\": [");
	for (p = 0; p < count; p++) {
		printf("%s", p == 0 ? "" : ", ");
		print_port(options, &ports[p]);
	}
	printf("]}\n");
}

void
burst_report(bool json, const struct burst_options *options,
		const struct burst_port *ports, unsigned int count, const double *probes)
{
	if (json)
		print_json(options, ports, count, probes);
	else
		print_table(options, ports, count);
}
