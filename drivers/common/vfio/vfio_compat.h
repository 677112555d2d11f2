/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VFIO_COMPAT_H
#define VFIO_COMPAT_H

/*
 * Differences between DPDK releases, and nothing else.
 */

#include <pthread.h>
#include <stdint.h>

#include <rte_lcore.h>
#include <rte_thread.h>
#include <rte_version.h>

/*
 * Since 25.07 a DPDK tree makes the version map of a library from these marks in its
 * sources, and no installed DPDK has the header. Elsewhere version.map names the same.
 */
#if __has_include(<eal_export.h>)
#include <eal_export.h>
#endif
#ifndef RTE_EXPORT_INTERNAL_SYMBOL
#define RTE_EXPORT_INTERNAL_SYMBOL(symbol)
#endif

/*
 * A control thread of EAL's, on no lcore's processor, that nobody waits for: with
 * rte_thread.h's types since 23.11. A name has at most 15 characters.
 */
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
typedef uint32_t vfio_thread_result;

static inline int
vfio_thread_start(const char *name, vfio_thread_result (*func)(void *arg), void *arg)
{
	rte_thread_t thread;
	int ret = rte_thread_create_control(&thread, name, func, arg);

	if (ret == 0)
		rte_thread_detach(thread);
	return ret;
}
#else
typedef void *vfio_thread_result;

static inline int
vfio_thread_start(const char *name, vfio_thread_result (*func)(void *arg), void *arg)
{
	pthread_t thread;
	int ret = rte_ctrl_thread_create(&thread, name, NULL, func, arg);

	if (ret == 0)
		pthread_detach(thread);
	return ret;
}
#endif

#endif /* VFIO_COMPAT_H */
