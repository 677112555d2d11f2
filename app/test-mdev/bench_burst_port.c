/* SPDX-License-Identifier: BSD-3-Clause */

/* Ports of the burst benchmark: the same ring layout for either driver. */

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_log.h>

#include "bench_burst.h"
#include "captured_log.h"

/* Both drivers get them: they refill and reclaim at the same fill level. */
#define FREE_THRESH 32

#define VIRTIO_LOG "pmd.net.virtio.init"

#define VHOST_TRIES 500

/* net_virtio has no burst modes to ask for, but logs what it chose. */
static const struct burst_layout layouts[] = {
	{ "split vectorised", false, false, false, true, "vectorized", "standard" },
	{ "split", false, false, false, false, "standard", "standard" },
	{ "split mergeable", false, true, false, false, "mergeable buffer", "standard" },
	{ "split in-order", false, false, true, false, "inorder", "inorder" },
	{ "split in-order mergeable", false, true, true, false, "inorder", "inorder" },
	{ "packed", true, false, false, false,
		"packed ring standard", "packed ring standard" },
	{ "packed mergeable", true, true, false, false,
		"packed ring mergeable buffer", "packed ring standard" },
	{ "packed in-order", true, false, true, false,
		"packed ring standard", "packed ring standard" },
	{ "packed in-order mergeable", true, true, true, false,
		"packed ring mergeable buffer", "packed ring standard" },
	{ "packed vectorised", true, false, true, true,
		"packed ring vectorized", "packed ring vectorized" },
};

/* Those that make a layout. */
#define LAYOUT_FEATURES \
	(RTE_BIT64(VIRTIO_NET_F_MRG_RXBUF) | RTE_BIT64(VIRTIO_F_IN_ORDER) | \
	 RTE_BIT64(VIRTIO_F_RING_PACKED) | RTE_BIT64(VIRTIO_RING_F_EVENT_IDX))

const struct burst_layout *
burst_layout_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(layouts); i++) {
		if (strcmp(layouts[i].name, name) == 0)
			return &layouts[i];
	}
	return NULL;
}

void
burst_layout_list(void)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(layouts); i++)
		printf("%s\n", layouts[i].name);
}

void
burst_port_invalid(struct burst_port *port, const char *format, ...)
{
	va_list ap;

	if (port->invalid[0] != '\0')
		return;
	va_start(ap, format);
	vsnprintf(port->invalid, sizeof(port->invalid), format, ap);
	va_end(ap);
}

static uint64_t
layout_features(const struct burst_layout *layout)
{
	return (layout->mergeable ? RTE_BIT64(VIRTIO_NET_F_MRG_RXBUF) : 0) |
		(layout->in_order ? RTE_BIT64(VIRTIO_F_IN_ORDER) : 0) |
		(layout->packed ? RTE_BIT64(VIRTIO_F_RING_PACKED) : 0);
}

static int
attach(struct burst_port *port, const struct burst_options *options)
{
	const struct burst_layout *layout = options->layout;
	char args[256];
	int used = 0, ret;

	if (!port->ours)
		used = snprintf(args, sizeof(args), "path=%s,queue_size=%u,",
			port->socket, options->ring);
	snprintf(args + used, sizeof(args) - used,
		"mrg_rxbuf=%d,in_order=%d,packed_vq=%d,vectorized=%d",
		layout->mergeable, layout->in_order, layout->packed,
		layout->vectorised);
	ret = rte_eal_hotplug_add(port->ours ? "mdev" : "vdev", port->name, args);
	port->attached = ret == 0;
	return ret < 0 ? ret : rte_eth_dev_get_port_by_name(port->name, &port->id);
}

static int
set_up(struct burst_port *port, const struct burst_options *options,
		struct rte_mempool *mp)
{
	struct rte_eth_conf conf = { .link_speeds = 0 };
	struct rte_eth_rxconf rxconf = { .rx_free_thresh = FREE_THRESH };
	struct rte_eth_txconf txconf = { .tx_free_thresh = FREE_THRESH };
	int socket = rte_eth_dev_socket_id(port->id), ret;

	if (options->layout->mergeable)
		conf.rxmode.offloads = RTE_ETH_RX_OFFLOAD_SCATTER;
	if (options->segments > 1)
		conf.txmode.offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	rxconf.offloads = conf.rxmode.offloads;
	txconf.offloads = conf.txmode.offloads;
	ret = rte_eth_dev_configure(port->id, 1, 1, &conf);
	if (ret == 0)
		ret = rte_eth_rx_queue_setup(port->id, 0, options->ring, socket, &rxconf,
				mp);
	if (ret == 0)
		ret = rte_eth_tx_queue_setup(port->id, 0, options->ring, socket,
				&txconf);
	if (ret == 0)
		ret = rte_eth_dev_start(port->id);
	port->started = ret == 0;
	return ret;
}

/* "... virtio: using <path> Rx path on port 0" */
static void
logged_path(const char *text, const char *end_word, char *path, size_t size)
{
	static const char start_word[] = "virtio: using ";
	const char *end = strstr(text, end_word), *start = NULL, *next = text;

	path[0] = '\0';
	while (end != NULL && (next = strstr(next, start_word)) != NULL && next < end)
		start = next += strlen(start_word);
	if (start != NULL)
		snprintf(path, size, "%.*s", (int)(end - start), start);
}

static void
find_paths(struct burst_port *port, const char *log)
{
	struct rte_eth_burst_mode mode;

	if (!port->ours) {
		logged_path(log, " Rx path", port->rx_path, sizeof(port->rx_path));
		logged_path(log, " Tx path", port->tx_path, sizeof(port->tx_path));
		return;
	}
	if (rte_eth_rx_burst_mode_get(port->id, 0, &mode) == 0)
		snprintf(port->rx_path, sizeof(port->rx_path), "%.63s", mode.info);
	if (rte_eth_tx_burst_mode_get(port->id, 0, &mode) == 0)
		snprintf(port->tx_path, sizeof(port->tx_path), "%.63s", mode.info);
}

static bool
has_word(const char *path, const char *word)
{
	return strcasestr(path, word) != NULL;
}

/* What our driver calls its paths: "Split", "Packed In-Order Mergeable", ... */
static bool
is_our_path(const char *path, const struct burst_layout *layout, bool mergeable)
{
	if (has_word(path, "packed") != layout->packed || has_word(path, "offload") ||
			has_word(path, "vector") != layout->vectorised)
		return false;
	return layout->vectorised || (has_word(path, "mergeable") == mergeable &&
		has_word(path, "in-order") == layout->in_order);
}

/* Transmission of a vectorised layout may be in vectors or not, as in net_virtio. */
static bool
is_path(const struct burst_port *port, const struct burst_layout *layout)
{
	const struct burst_layout plain = {
		.packed = layout->packed,
		.in_order = layout->in_order,
		.vectorised = layout->vectorised && has_word(port->tx_path, "vector"),
	};

	if (port->ours)
		return is_our_path(port->rx_path, layout, layout->mergeable) &&
			is_our_path(port->tx_path, &plain, false);
	return strcmp(port->rx_path, layout->rx_path) == 0 &&
		strcmp(port->tx_path, layout->tx_path) == 0;
}

static void
verify_path(struct burst_port *port, const struct burst_layout *layout)
{
	const uint64_t taken = port->features & LAYOUT_FEATURES;

	if (taken != layout_features(layout))
		burst_port_invalid(port, "not negotiated: of features 0x%" PRIx64 " 0x%" PRIx64
			" were taken", layout_features(layout), taken);
	else if (!is_path(port, layout))
		burst_port_invalid(port, "the paths are '%s' and '%s'", port->rx_path,
			port->tx_path);
}

static int
start_device(struct burst_port *port, const struct burst_options *options)
{
	struct burst_device *device = &port->device;
	int ret;

	ret = burst_backend_wait_ready(&port->backend);
	if (ret == 0)
		ret = burst_backend_ring(&port->backend, 0, &device->rx);
	if (ret == 0)
		ret = burst_backend_ring(&port->backend, 1, &device->tx);
	if (ret < 0)
		return ret;
	port->features = burst_backend_features(&port->backend);
	if (device->rx.size != options->ring || device->tx.size != options->ring)
		burst_port_invalid(port, "its rings have sizes of %u and %u",
			device->rx.size, device->tx.size);
	device->size = options->size;
	device->segments = options->segments;
	device->shuffle = options->shuffle;
	return burst_device_init(device);
}

/* The mediator connects the device to the backend before a driver may look at it. */
static int
start_backend(struct burst_port *port, const struct burst_layout *layout)
{
	int ret;

	ret = burst_backend_start(&port->backend, port->socket, !port->ours,
			layout_features(layout) | RTE_BIT64(VIRTIO_F_VERSION_1) |
			RTE_BIT64(VIRTIO_RING_F_INDIRECT_DESC));
	if (ret == 0 && port->ours)
		ret = burst_backend_wait_greeted(&port->backend);
	return ret;
}

/*
 * Features as DPDK's vhost logs them: "(SOCKET) negotiated Virtio features: 0x...", the
 * last of them. Returns 0 if there are none.
 */
static uint64_t
logged_features(const char *path, const char *socket)
{
	static const char word[] = " negotiated Virtio features: ";
	FILE *file = path == NULL ? NULL : fopen(path, "r");
	uint64_t features = 0;
	char line[1024];
	char *found;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		found = strstr(line, word);
		if (found != NULL && strstr(line, socket) != NULL)
			features = strtoull(found + strlen(word), NULL, 0);
	}
	if (file != NULL)
		fclose(file);
	return features;
}

/* Each end sees its own start; frames that are sent before the other's are lost. */
static int
start_vhost(struct burst_port *port, const struct burst_options *options)
{
	unsigned int tries;

	for (tries = 0; tries < VHOST_TRIES && port->features == 0; tries++) {
		usleep(10000);
		port->features = logged_features(options->log, port->socket);
	}
	return port->features != 0 ? 0 : -ETIMEDOUT;
}

int
burst_port_start(struct burst_port *port, const struct burst_options *options,
		struct rte_mempool *mp)
{
	const char *log;
	int ret;

	if (!options->vhost && start_backend(port, options->layout) < 0)
		return -1;
	rte_log_set_level_pattern(VIRTIO_LOG, RTE_LOG_INFO);
	if (captured_log_start() < 0)
		return -1;
	ret = attach(port, options);
	if (ret == 0)
		ret = set_up(port, options, mp);
	log = captured_log_stop();
	if (ret == 0) {
		find_paths(port, log != NULL ? log : "");
		ret = options->vhost ? start_vhost(port, options) :
			start_device(port, options);
	}
	if (ret < 0) {
		fprintf(stderr, "%sburst: %s did not start: %s\n",
			log != NULL ? log : "", port->name, rte_strerror(-ret));
		return -1;
	}
	verify_path(port, options->layout);
	return 0;
}

void
burst_port_stop(struct burst_port *port)
{
	if (port->started)
		rte_eth_dev_stop(port->id);
	if (port->attached) {
		rte_eth_dev_close(port->id);
		rte_eal_hotplug_remove(port->ours ? "mdev" : "vdev", port->name);
	}
	burst_device_fini(&port->device);
	burst_backend_stop(&port->backend);
}
