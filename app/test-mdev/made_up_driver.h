/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MADE_UP_DRIVER_H
#define MADE_UP_DRIVER_H

/*
 * Drivers made up for tests of the bus, on devices of the made-up sysfs and a transport
 * made up for them.
 */

#include <stdbool.h>

#include <private.h>

/* Devices as made_up_uuid() names them. */
#define UUID_1 "00000001-abcd-4ef0-9abc-def012345678"
#define UUID_2 "00000002-abcd-4ef0-9abc-def012345678"
#define UPPER_1 "00000001-ABCD-4EF0-9ABC-DEF012345678"
#define UUID_9 "00000009-abcd-4ef0-9abc-def012345678"

struct made_up_driver {
	unsigned int prepares, probes, removes;
	unsigned int prepares_seen; /* by the last probe */
	int probe_returns;       /* once */
	int remove_returns;      /* once */
	bool fail_intr;          /* the next interrupt handle is not to be had */
	void (*in_probe)(void);  /* called by the driver */
	struct rte_mdev_device *last; /* probed last */
};

extern struct made_up_driver made_up_driver;

/* By the mdev type; by the parent; by PCI ids alone. */
extern const struct rte_mdev_id made_up_ids_type[];
extern const struct rte_mdev_id made_up_ids_parent[];
extern const struct rte_mdev_id made_up_ids_pci[];

/* The driver that is registered from start to stop, and another one that is not. */
extern struct rte_mdev_driver made_up_net, made_up_second;

/* Start and stop the tree and the transport, too: set-up and teardown of a test. */
int made_up_driver_start(void);
void made_up_driver_stop(void);

/* The i-th device as the bus lists it; NULL if it does not. */
struct rte_mdev_device *made_up_listed(unsigned int i);

/* Is it as this DPDK leaves a device that was detached? */
bool made_up_detached(unsigned int i);
/* Is nothing of a probe left with the device? */
bool made_up_is_clean(const struct rte_mdev_device *mdev);
/* How many devargs of this bus EAL has. */
unsigned int made_up_devargs(void);
/* Start of an application with these options, NULL for none. 0 or -1. */
int made_up_run_eal(const char *allow, const char *block);

#endif /* MADE_UP_DRIVER_H */
