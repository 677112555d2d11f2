/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MDEV_VIRTIO_COMPAT_H
#define MDEV_VIRTIO_COMPAT_H

/*
 * What differs between DPDK releases from 22.11 on. No other file of this driver
 * looks at RTE_VERSION.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <rte_config.h>
#include <rte_kvargs.h>
#include <rte_mbuf.h>
#include <rte_version.h>
#include <ethdev_driver.h>
#ifdef RTE_BUS_PCI
#include <rte_bus.h>
#include <bus_driver.h>
#include <bus_pci_driver.h>
#endif

/*
 * The mbuf field that holds the IOVA of the buffer. Builds that never use
 * physical addresses may have none (since 23.03); the address is the IOVA there.
 */
#if !defined(RTE_IOVA_IN_MBUF) || RTE_IOVA_IN_MBUF
#define MDEV_VIRTIO_MBUF_IOVA_OFFSET offsetof(struct rte_mbuf, buf_iova)
#else
#define MDEV_VIRTIO_MBUF_IOVA_OFFSET offsetof(struct rte_mbuf, buf_addr)
#endif

/* Of telemetry: named so since 23.03. */
#if RTE_VERSION >= RTE_VERSION_NUM(23, 3, 0, 0)
#define MDEV_VIRTIO_TEL_ADD_UINT rte_tel_data_add_dict_uint
#else
#define MDEV_VIRTIO_TEL_ADD_UINT rte_tel_data_add_dict_u64
#endif

/*
 * Statistics of queues: fields of struct rte_eth_stats until 25.11, an argument
 * of stats_get with the same fields since.
 */
#if RTE_VERSION >= RTE_VERSION_NUM(25, 11, 0, 0)
typedef struct eth_queue_stats mdev_virtio_qstats;
#define MDEV_VIRTIO_STATS_GET(dev, stats, qstats) \
	struct rte_eth_dev *dev, struct rte_eth_stats *stats, \
	struct eth_queue_stats *qstats
#define MDEV_VIRTIO_QSTATS(stats, qstats) (qstats)
#else
typedef struct rte_eth_stats mdev_virtio_qstats;
#define MDEV_VIRTIO_STATS_GET(dev, stats, qstats) \
	struct rte_eth_dev *dev, struct rte_eth_stats *stats
#define MDEV_VIRTIO_QSTATS(stats, qstats) (stats)
#endif

/* A list of packet types ends with RTE_PTYPE_UNKNOWN until 24.03, and has a length since. */
#if RTE_VERSION >= RTE_VERSION_NUM(24, 3, 0, 0)
#define MDEV_VIRTIO_PTYPES_GET(dev, count) \
	struct rte_eth_dev *dev, size_t *count
#define MDEV_VIRTIO_PTYPES_SET_COUNT(count, n) (*(count) = (n))
#else
#define MDEV_VIRTIO_PTYPES_GET(dev, count) struct rte_eth_dev *dev
#define MDEV_VIRTIO_PTYPES_SET_COUNT(count, n) ((void)(n))
#endif

/* What counts used descriptors returns a uint32_t in 22.11, and an int in 26.07. */
typedef __typeof__(((eth_rx_queue_count_t)NULL)(NULL)) mdev_virtio_queue_count;

/* What counts descriptors of a transmit queue is there since 24.03. */
#if RTE_VERSION >= RTE_VERSION_NUM(24, 3, 0, 0)
#define MDEV_VIRTIO_SET_TX_QUEUE_COUNT(dev, func) ((dev)->tx_queue_count = (func))
#else
#define MDEV_VIRTIO_SET_TX_QUEUE_COUNT(dev, func) ((void)(func))
#endif

/* Algorithms of RSS have names since 23.11; VIRTIO has Toeplitz's (VIRTIO 1.2 s. 5.1.3). */
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
#define MDEV_VIRTIO_ADD_TOEPLITZ(info) \
	((info)->rss_algo_capa |= RTE_ETH_HASH_ALGO_CAPA_MASK(TOEPLITZ))
#define MDEV_VIRTIO_SET_TOEPLITZ(conf) \
	((conf)->algorithm = RTE_ETH_HASH_FUNCTION_TOEPLITZ)
#else
#define MDEV_VIRTIO_ADD_TOEPLITZ(info) ((void)(info))
#define MDEV_VIRTIO_SET_TOEPLITZ(conf) ((void)(conf))
#endif

/* A key without a value is an error that nobody explains, since 24.11. */
#if RTE_VERSION >= RTE_VERSION_NUM(24, 11, 0, 0)
#define mdev_virtio_kvargs_process rte_kvargs_process_opt
#else
#define mdev_virtio_kvargs_process rte_kvargs_process
#endif

#ifdef RTE_BUS_PCI
/*
 * Have a driver be the first one that the PCI bus asks. Up to 26.03 the list is the bus's
 * own secret, but an element of it has a way to its neighbours, and the first one to the
 * head.
 */
static inline void
mdev_virtio_compat_pci_first(struct rte_pci_driver *drv)
{
#if RTE_VERSION >= RTE_VERSION_NUM(26, 7, 0, 0)
	/* what a driver has of its bus is not for writing */
	struct rte_bus *bus = rte_bus_find_by_name(rte_bus_name(drv->driver.bus));

	TAILQ_REMOVE(&bus->driver_list, &drv->driver, next);
	TAILQ_INSERT_HEAD(&bus->driver_list, &drv->driver, next);
#else
	RTE_TAILQ_HEAD(mdev_virtio_pci_drivers, rte_pci_driver) *list;
	struct rte_pci_driver *first = drv, *prev;

	for (prev = first; prev != NULL;
			prev = TAILQ_PREV(first, mdev_virtio_pci_drivers, next))
		first = prev;
	list = container_of(first->next.tqe_prev, __typeof__(*list), tqh_first);
	TAILQ_REMOVE(list, drv, next);
	TAILQ_INSERT_HEAD(list, drv, next);
#endif
}
#endif /* RTE_BUS_PCI */

#endif /* MDEV_VIRTIO_COMPAT_H */
