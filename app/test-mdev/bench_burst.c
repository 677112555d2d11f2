/* SPDX-License-Identifier: BSD-3-Clause */

/* The command bench burst. */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#include "bench.h"
#include "bench_burst.h"

#define MBUF_CACHE 256
#define MBUFS_SPARE 1024

static const char usage[] =
	"usage: dpdk-test-mdev [EAL options --] bench burst [--json] [OPTION...] PORT...\n"
	"  --layout NAME      ring layout (default: split); 'list' prints their names\n"
	"  --ring N           size of the rings (256)\n"
	"  --burst N          packets of a burst, 64 at most (32)\n"
	"  --size N           bytes of a frame (64)\n"
	"  --segments N       segments of a frame, 4 at most (1)\n"
	"  --windows N        samples of each port (300)\n"
	"  --rounds N         rounds of half a ring in each of them (50)\n"
	"  --out-of-order     the device returns buffers in any order\n"
	"PORT: net_virtio, or mdev:<uuid>,SOCKET: a device of the user-space mediator that\n"
	"listens for its backend at SOCKET (backend=SOCKET,listen)\n";

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
	case 'o':
		options->shuffle = true;
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

/* "net_virtio", "mdev:<uuid>,SOCKET" */
static bool
parse_port(struct burst_port *port, unsigned int index, const char *dir, const char *text)
{
	const char *comma = strchr(text, ',');
	int len;

	if (strcmp(text, "net_virtio") == 0) {
		snprintf(port->name, sizeof(port->name), "net_virtio_user%u", index);
		snprintf(port->socket, sizeof(port->socket), "%s/%u.sock", dir, index);
		return true;
	}
	if (strncmp(text, "mdev:", 5) != 0 || comma == NULL)
		return false;
	port->ours = true;
	text += 5;
	len = snprintf(port->name, sizeof(port->name), "%.*s", (int)(comma - text), text);
	return len < (int)sizeof(port->name) &&
		snprintf(port->socket, sizeof(port->socket), "%s", comma + 1) <
		(int)sizeof(port->socket);
}

/* The number of other arguments, which are in order after options. -1: an error. */
static int
parse_options(struct burst_options *options, int count, char **args)
{
	static const struct option longs[] = {
		{ "layout", required_argument, NULL, 'l' },
		{ "ring", required_argument, NULL, 'r' },
		{ "burst", required_argument, NULL, 'b' },
		{ "size", required_argument, NULL, 's' },
		{ "segments", required_argument, NULL, 'g' },
		{ "windows", required_argument, NULL, 'w' },
		{ "rounds", required_argument, NULL, 'n' },
		{ "out-of-order", no_argument, NULL, 'o' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	optind = 0; /* EAL has used it */
	while ((option = getopt_long(count, args, "+", longs, NULL)) != -1) {
		if (!parse_option(options, option))
			return -1;
	}
	return count - optind;
}

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
	struct rte_mempool *mp;

	mp = rte_pktmbuf_pool_create("burst", ports * 2 * options->ring + MBUFS_SPARE,
			MBUF_CACHE, 0, RTE_MBUF_DEFAULT_BUF_SIZE, rte_socket_id());
	if (mp == NULL)
		fprintf(stderr, "burst: no memory for mbufs: %s\n",
			rte_strerror(rte_errno));
	else
		rte_mempool_obj_iter(mp, write_content, options);
	return mp;
}

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
print_table(const struct burst_port *ports, unsigned int count,
		const struct burst_options *options)
{
	unsigned int p;

	printf("%s, ring %u, bursts of %u, %u bytes in %u segments: cycles a packet, Rx + Tx\n",
		options->layout->name, options->ring, options->burst, options->size,
		options->segments);
	for (p = 0; p < count; p++) {
		printf("  %-16s ", ports[p].ours ? "net_mdev_virtio" : "net_virtio");
		if (ports[p].invalid[0] != '\0')
			printf("invalid: %s\n", ports[p].invalid);
		else
			printf("%6.1f   %" PRIu64 " frames checked; %s / %s\n",
				median(ports[p].cycles, options->windows),
				ports[p].device.checked, ports[p].rx_path,
				ports[p].tx_path);
	}
}

static void
print_json(const struct burst_port *ports, unsigned int count,
		const struct burst_options *options)
{
	const struct burst_port *port;
	unsigned int p, w;

	printf("{\"layout\": \"%s\", \"ring\": %u, \"burst\": %u, \"size\": %u, \"segments\": %u, \"out_of_order\": %s, \"ports\": [",
		options->layout->name, options->ring, options->burst, options->size,
		options->segments, options->shuffle ? "true" : "false");
	for (p = 0; p < count; p++) {
		port = &ports[p];
		printf("%s{\"ours\": %s, \"features\": \"0x%" PRIx64 "\", \"rx_path\": \"%s\", \"tx_path\": \"%s\", \"invalid\": \"%s\", \"checked\": %" PRIu64 ", \"cycles\": [",
			p == 0 ? "" : ", ", port->ours ? "true" : "false",
			port->features, port->rx_path, port->tx_path, port->invalid,
			port->device.checked);
		for (w = 0; w < options->windows && port->invalid[0] == '\0'; w++)
			printf("%s%.2f", w == 0 ? "" : ", ", port->cycles[w]);
		printf("]}");
	}
	printf("]}\n");
}

static int
measure(struct burst_port *ports, unsigned int count, struct burst_options *options)
{
	struct rte_mempool *mp = make_pool(options, count);
	unsigned int started, p;
	int ret = mp == NULL ? -1 : 0;

	for (started = 0; ret == 0 && started < count; started++) {
		ports[started].cycles = calloc(options->windows, sizeof(double));
		ret = ports[started].cycles == NULL ? -1 :
			burst_port_start(&ports[started], options, mp);
	}
	for (p = 0; ret == 0 && p < count; p++)
		burst_check(&ports[p], options);
	if (ret == 0)
		burst_measure(ports, count, options);
	for (p = 0; ret == 0 && p < count; p++)
		burst_check(&ports[p], options);
	while (started-- > 0)
		burst_port_stop(&ports[started]);
	rte_mempool_free(mp);
	return ret;
}

static int
run(bool json, struct burst_options *options, const char *dir, unsigned int count,
		char **names)
{
	struct burst_port ports[BURST_PORTS_MAX];
	unsigned int p;
	int ret;

	memset(ports, 0, sizeof(ports));
	for (p = 0; p < count; p++) {
		if (!parse_port(&ports[p], p, dir, names[p])) {
			fprintf(stderr, "burst: %s is no port\n%s", names[p], usage);
			return -1;
		}
	}
	ret = measure(ports, count, options);
	if (ret == 0)
		(json ? print_json : print_table)(ports, count, options);
	for (p = 0; p < count; p++) {
		free(ports[p].cycles);
		if (!ports[p].ours)
			unlink(ports[p].socket);
	}
	return ret;
}

int
bench_burst(bool json, unsigned int count, char **args)
{
	struct burst_options options = {
		.layout = burst_layout_find("split"),
		.ring = 256, .burst = 32, .size = 64, .segments = 1,
		.windows = 300, .rounds = 50,
	};
	char dir[] = "/tmp/mdev-burst.XXXXXX";
	int ports, ret;

	if (count == 2 && strcmp(args[0], "--layout") == 0 &&
			strcmp(args[1], "list") == 0) {
		burst_layout_list();
		return 0;
	}
	/* args[-1] is what getopt() takes for the name of the program */
	ports = parse_options(&options, count + 1, args - 1);
	if (ports < 1 || ports > BURST_PORTS_MAX || !options_fit(&options)) {
		fputs(usage, stderr);
		return -1;
	}
	if (mkdtemp(dir) == NULL) {
		fprintf(stderr, "burst: cannot make %s: %s\n", dir, strerror(errno));
		return -1;
	}
	ret = run(json, &options, dir, ports, args + count - ports);
	rmdir(dir);
	return ret;
}
