/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MADE_UP_VFIO_H
#define MADE_UP_VFIO_H

/* A transport that serves every device of the made-up sysfs. */

#include <stdint.h>

#include <linux/vfio.h>

struct made_up_vfio {
	uint32_t flags;         /* of all devices; VFIO_DEVICE_FLAGS_PCI at first */
	uint16_t vendor, device; /* PCI ids of all devices */
	int fail_open;          /* negative errno that the next open returns, once */
	int fail_info;          /* the same for the device information */
	int fail_read;          /* the same for reading a region */
	unsigned int opens;     /* calls, whether they went well or not */
	int opened;             /* opens that went well, minus closes */
	int mapped;             /* DMA maps minus unmaps */
	char last[40];          /* address of the device that was opened last */
};

extern struct made_up_vfio made_up_vfio;

/* Register and unregister it. */
void made_up_vfio_start(void);
void made_up_vfio_stop(void);

#endif /* MADE_UP_VFIO_H */
