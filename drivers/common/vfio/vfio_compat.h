/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VFIO_COMPAT_H
#define VFIO_COMPAT_H

/*
 * Differences between DPDK releases, and nothing else.
 *
 * Since 25.07 a DPDK tree makes the version map of a library from these marks in its
 * sources, and no installed DPDK has the header. Elsewhere version.map names the same.
 */
#if __has_include(<eal_export.h>)
#include <eal_export.h>
#endif
#ifndef RTE_EXPORT_INTERNAL_SYMBOL
#define RTE_EXPORT_INTERNAL_SYMBOL(symbol)
#endif

#endif /* VFIO_COMPAT_H */
