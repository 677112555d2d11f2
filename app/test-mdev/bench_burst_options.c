/* SPDX-License-Identifier: BSD-3-Clause */

/* The arguments of bench burst and bench vhost. */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bitops.h>
#include <rte_common.h>

#include "bench_burst.h"

static const char usage[] =
	"usage: dpdk-test-mdev [EAL options --] bench burst|vhost [--json] [OPTION...] PORT...\n"
	"  --layout NAME      ring layout (default: split); 'list' prints their names\n"
	"  --ring N           size of the rings (256)\n"
	"  --burst N          packets of a burst, 64 at most (32)\n"
	"  --size N           bytes of a frame (64)\n"
	"  --segments N       burst: segments of a frame, 4 at most (1)\n"
	"  --windows N        samples of each port (burst: 300, vhost: 60)\n"
	"  --rounds N         burst: rounds of half a ring in each of them (50)\n"
	"  --window-us N      vhost: how long each of them takes (5000)\n"
	"  --out-of-order     burst: the device returns buffers in any order\n"
	"  --backend-log FILE vhost: where the backend has logged what was negotiated\n"
	"PORT: net_virtio,SOCKET or mdev:<uuid>,SOCKET.\n"
	"burst: net_virtio connects to the SOCKET, which is made here; the user-space mediator\n"
	"listens for the device's backend at its SOCKET (backend=SOCKET,listen).\n"
	"vhost: a DPDK vhost backend is at the SOCKET, and sends back what it gets.\n";

static bool
parse_number(const char *text, unsigned int min, unsigned int max, unsigned int *number)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno != 0 || *end != '\0' || end == text || value < min || value > max)
		return false;
	*number = value;
	return true;
}

static bool
parse_option(struct burst_options *options, int option)
{
	switch (option) {
	case 'l':
		options->layout = burst_layout_find(optarg);
		return options->layout != NULL;
	case 'r':
		return parse_number(optarg, 16, 32768, &options->ring) &&
			rte_is_power_of_2(options->ring);
	case 'b':
		return parse_number(optarg, 1, BURST_MAX, &options->burst);
	case 's':
		return parse_number(optarg, 60, 1514, &options->size);
	case 'g':
		return parse_number(optarg, 1, BURST_SEGMENTS_MAX, &options->segments);
	case 'w':
		return parse_number(optarg, 1, 100000, &options->windows);
	case 'n':
		return parse_number(optarg, 1, 100000, &options->rounds);
	case 'u':
		return parse_number(optarg, 100, 1000000, &options->window_us);
	case 'o':
		options->shuffle = true;
		return true;
	case 'k':
		options->log = optarg;
		return true;
	default:
		return false;
	}
}

static bool
options_fit(const struct burst_options *options)
{
	if (options->shuffle && options->layout->in_order) {
		fprintf(stderr, "burst: in order is what %s means\n",
			options->layout->name);
		return false;
	}
	if (options->segments > 1 && !options->layout->mergeable) {
		fprintf(stderr, "burst: %s receives frames in one segment only\n",
			options->layout->name);
		return false;
	}
	return options->burst * options->segments <= options->ring / 2;
}

/* "net_virtio,SOCKET", "mdev:<uuid>,SOCKET" */
int
burst_parse_port(struct burst_port *port, unsigned int index, const char *text)
{
	const char *comma = strchrnul(text, ','), *socket = comma + (*comma == ',');
	int len = comma - text;

	if (len == 10 && strncmp(text, "net_virtio", len) == 0) {
		snprintf(port->name, sizeof(port->name), "net_virtio_user%u", index);
	} else if (strncmp(text, "mdev:", 5) == 0) {
		port->ours = true;
		snprintf(port->name, sizeof(port->name), "%.*s", len - 5, text + 5);
	}
	if (port->name[0] != '\0' && *socket != '\0' &&
			strlen(socket) < sizeof(port->socket)) {
		snprintf(port->socket, sizeof(port->socket), "%s", socket);
		return 0;
	}
	fprintf(stderr, "burst: %s is no port\n%s", text, usage);
	return -1;
}

int
burst_parse_options(struct burst_options *options, int count, char **args)
{
	static const struct option longs[] = {
		{ "layout", required_argument, NULL, 'l' },
		{ "ring", required_argument, NULL, 'r' },
		{ "burst", required_argument, NULL, 'b' },
		{ "size", required_argument, NULL, 's' },
		{ "segments", required_argument, NULL, 'g' },
		{ "windows", required_argument, NULL, 'w' },
		{ "rounds", required_argument, NULL, 'n' },
		{ "window-us", required_argument, NULL, 'u' },
		{ "out-of-order", no_argument, NULL, 'o' },
		{ "backend-log", required_argument, NULL, 'k' },
		{ NULL, 0, NULL, 0 },
	};
	bool good = true;
	int option;

	optind = 0; /* EAL has used it */
	while (good && (option = getopt_long(count, args, "+", longs, NULL)) != -1)
		good = parse_option(options, option);
	count -= optind;
	if (good && count >= 1 && count <= BURST_PORTS_MAX && options_fit(options))
		return count;
	fputs(usage, stderr);
	return -1;
}
