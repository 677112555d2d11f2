/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef TEST_COMPAT_H
#define TEST_COMPAT_H

/*
 * What differs between DPDK releases from 22.11 on. No other file of the tests looks at
 * RTE_VERSION.
 */

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_thread.h>
#include <rte_version.h>

#include <bus_driver.h>
#ifdef RTE_BUS_PCI
#include <bus_pci_driver.h>
#endif

/* A thread of EAL's, on no lcore's processor: with rte_thread.h's types since 23.11. */
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
typedef uint32_t test_thread_result;

static inline int
test_thread_create(pthread_t *thread, const char *name,
		test_thread_result (*func)(void *arg), void *arg)
{
	rte_thread_t id;
	int ret = rte_thread_create_control(&id, name, func, arg);

	*thread = (pthread_t)id.opaque_id;
	return ret;
}
#else
typedef void *test_thread_result;

static inline int
test_thread_create(pthread_t *thread, const char *name,
		test_thread_result (*func)(void *arg), void *arg)
{
	return rte_ctrl_thread_create(thread, name, NULL, func, arg);
}
#endif

/* The bus is an argument since 26.07. */
static inline struct rte_device *
test_find_device(struct rte_bus *bus, const struct rte_device *start, rte_dev_cmp_t cmp)
{
#if RTE_VERSION >= RTE_VERSION_NUM(26, 7, 0, 0)
	return bus->find_device(bus, start, cmp, NULL);
#else
	return bus->find_device(start, cmp, NULL);
#endif
}

static inline int
test_bus_cleanup(struct rte_bus *bus)
{
#if RTE_VERSION >= RTE_VERSION_NUM(26, 7, 0, 0)
	return bus->cleanup(bus);
#else
	return bus->cleanup();
#endif
}

/*
 * A device that was detached stays, with its devargs, since 26.07; before, both were freed.
 */
#if RTE_VERSION >= RTE_VERSION_NUM(26, 7, 0, 0)
#define TEST_DETACHED_STAYS 1
#else
#define TEST_DETACHED_STAYS 0
#endif

/* Since 23.11 a device says which algorithms of RSS it has. */
static inline bool
test_has_toeplitz(const struct rte_eth_dev_info *info)
{
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
	return (info->rss_algo_capa & RTE_ETH_HASH_ALGO_CAPA_MASK(TOEPLITZ)) != 0;
#else
	RTE_SET_USED(info);
	return true;
#endif
}

/* The operation that counts in a transmit queue; where there is none, the one beside it. */
#if RTE_VERSION >= RTE_VERSION_NUM(24, 3, 0, 0)
#define TEST_TX_QUEUE_COUNT tx_queue_count
#else
#define TEST_TX_QUEUE_COUNT tx_descriptor_status
#endif

/* What ethdev counts in a transmit queue; before 24.03 it did not, and none is as good. */
static inline int
test_tx_queue_count(uint16_t port, uint16_t queue, int none)
{
#if RTE_VERSION >= RTE_VERSION_NUM(24, 3, 0, 0)
	RTE_SET_USED(none);
	return rte_eth_tx_queue_count(port, queue);
#else
	RTE_SET_USED(port);
	RTE_SET_USED(queue);
	return none;
#endif
}

/*
 * What a stopped port says of the frames that wait: there are none since 26.07. In 25.11
 * and 26.03 ethdev calls a function that is not there, whichever driver it is.
 */
#if RTE_VERSION >= RTE_VERSION_NUM(26, 7, 0, 0)
#define TEST_STOPPED_QUEUE_COUNT 0
#elif RTE_VERSION < RTE_VERSION_NUM(25, 11, 0, 0)
#define TEST_STOPPED_QUEUE_COUNT (-ENOTSUP)
#endif

/* EAL asks one driver after the other since 26.07, and before a bus did. */
static inline int
test_bus_plug(struct rte_bus *bus, struct rte_device *dev)
{
#if RTE_VERSION >= RTE_VERSION_NUM(26, 7, 0, 0)
	struct rte_driver *drv = NULL;
	int ret = 1;

	while (ret > 0 && (drv = rte_bus_find_driver(bus, drv, dev)) != NULL)
		ret = bus->probe_device(drv, dev);
	return ret;
#else
	return bus->plug(dev);
#endif
}

#ifdef RTE_BUS_PCI
/* The first driver of the PCI bus: its list is EAL's since 26.07, and was its own secret. */
static inline struct rte_pci_driver *
test_pci_first(struct rte_pci_driver *drv)
{
#if RTE_VERSION >= RTE_VERSION_NUM(26, 7, 0, 0)
	return container_of(TAILQ_FIRST(&drv->driver.bus->driver_list),
		struct rte_pci_driver, driver);
#else
	TAILQ_HEAD(test_pci_drivers, rte_pci_driver);
	struct rte_pci_driver *prev;

	while ((prev = TAILQ_PREV(drv, test_pci_drivers, next)) != NULL)
		drv = prev;
	return drv;
#endif
}
#endif

#endif /* TEST_COMPAT_H */
