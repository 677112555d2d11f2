/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MDEV_VIRTIO_LOGS_H
#define MDEV_VIRTIO_LOGS_H

#include <rte_common.h>
#include <rte_log.h>

extern int mdev_virtio_logtype_init;
extern int mdev_virtio_logtype_driver;

/* What to do about a device that says what cannot be, or whose registers fail. */
#define DEVICE_BROKEN "the device is broken: update what provides it"
#define DEVICE_FAILING "detach the device, remove it and create it anew"

/* Probe, start, stop and close. */
#define INIT_LOG(level, ...) \
	rte_log(RTE_LOG_ ## level, mdev_virtio_logtype_init, \
		RTE_FMT("mdev_virtio: " RTE_FMT_HEAD(__VA_ARGS__ ,) "\n", \
			RTE_FMT_TAIL(__VA_ARGS__ ,)))

/* A running port. */
#define DRV_LOG(level, ...) \
	rte_log(RTE_LOG_ ## level, mdev_virtio_logtype_driver, \
		RTE_FMT("mdev_virtio: " RTE_FMT_HEAD(__VA_ARGS__ ,) "\n", \
			RTE_FMT_TAIL(__VA_ARGS__ ,)))

#endif /* MDEV_VIRTIO_LOGS_H */
