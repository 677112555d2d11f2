/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MADE_UP_SYSFS_H
#define MADE_UP_SYSFS_H

/*
 * A folder that looks to the bus like the kernel's sysfs: devices/<uuid> are links
 * into their parents' folders, whose mdev_supported_types describe them.
 */

#include <stddef.h>

/* Parents that made_up_sysfs_start() makes. */
#define MADE_UP_PARENT "0000:00:02.0"   /* on NUMA node 1, type MADE_UP_TYPE */
#define MADE_UP_PARENT_2 "mtty"         /* virtual, no node, type MADE_UP_TYPE_2 */
#define MADE_UP_TYPE "made_up-net"
#define MADE_UP_TYPE_2 "mtty-1"
#define MADE_UP_API "vfio-made-up" /* no driver but the tests' claims it */

/*
 * Setup and teardown of a test case: an empty bus, a tree without a device, no
 * devargs, the scan mode of a process without -a and -b.
 */
int made_up_sysfs_start(void);
void made_up_sysfs_stop(void);

/* The folder of devices, and the one that holds all. */
const char *made_up_sysfs_root(void);
const char *made_up_sysfs_top(void);

/* The i-th UUID, in lower case; they ascend with i. Valid until the 8th next call. */
const char *made_up_uuid(unsigned int i);

/* All return 0, or -1 after a message. */
int made_up_device(const char *uuid, const char *parent, const char *type);
/* Several of MADE_UP_TYPE, from made_up_uuid(first) on. */
int made_up_devices(unsigned int first, unsigned int count);
int made_up_remove(const char *uuid);
/* Replace a file below devices/<uuid>/ by one with this content. */
int made_up_write(const char *uuid, const char *file, const void *data, size_t len);
/* Remove a file or link below devices/<uuid>/. */
int made_up_unlink(const char *uuid, const char *file);
/* Give a device mdev_type as a folder of its own, with its device_api. */
int made_up_own_type(const char *uuid);

#endif /* MADE_UP_SYSFS_H */
