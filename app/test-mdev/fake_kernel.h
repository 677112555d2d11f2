/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef FAKE_KERNEL_H
#define FAKE_KERNEL_H

/*
 * The kernel's VFIO and EAL's part of it, for one group with up to two devices, on
 * a machine that has neither. Ioctls are answered by the fake VFIO device (fake_vfio.h); what is
 * read, written and mapped is a file. Works by the linker's --wrap, as fault_inject.
 */

#include <stdbool.h>
#include <stdint.h>

#define FAKE_KERNEL_GROUP 12
#define FAKE_KERNEL_BAR_SIZE 0x2000 /* BAR 0 can be mapped as a whole */
#define FAKE_KERNEL_CONFIG 0x10000  /* offset of the configuration space */

struct fake_kernel {
	/* set by tests after fake_kernel_start() */
	bool no_vfio;            /* VFIO was not there when EAL started */
	bool secondary;          /* this is a secondary process */
	bool full;               /* EAL's table of groups is */
	bool noiommu;            /* the group has no IOMMU, and a file of another name */
	int group_errno;         /* what opening the group's file fails with */
	int taken;               /* the same, from when EAL is asked for the group on */
	int setup;               /* what EAL's set-up of the device returns */
	bool keeps;              /* EAL does not release the device */
	unsigned int interrupts; /* reads and writes that a signal ends first */
	/* what came of it */
	int device_fd;           /* of the device opened last; -1 while closed */
	int first_fd;            /* of the one opened before it; -1 for none */
	int devices;             /* as EAL counts them in the group */
	int group_fd;            /* as EAL has it; -1 for none */
	int dma_mapped;          /* container's maps minus unmaps */
	unsigned int released;   /* devices that EAL was told to release */
	unsigned int forgotten;  /* EAL's memory callback was unregistered */
};

extern struct fake_kernel fake_kernel;

/* Calls fake_vfio_start(), which the regions and interrupts are set up with. 0 or -1. */
int fake_kernel_start(void);
void fake_kernel_stop(void);
/* Fd of the device for somebody who attaches it; the caller closes it. */
int fake_kernel_device(void);
/* Is this the group's file? Then *fd is what opening it returns, with errno. */
bool fake_kernel_open(const char *path, int *fd);

#endif /* FAKE_KERNEL_H */
