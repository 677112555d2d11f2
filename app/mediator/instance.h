/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_INSTANCE_H
#define MEDIATOR_INSTANCE_H

/*
 * The folder of one mediator below the root, which is the parent device of its devices.
 * It belongs to whoever holds the lock on its file "lock"; the kernel drops that when a
 * process ends, however it ends.
 */

#include <stdbool.h>
#include <sys/types.h>

#define INSTANCE_NAME_LEN 33
#define INSTANCE_LOCK "lock"
#define INSTANCE_CTL "ctl"
#define INSTANCE_TYPES "mdev_supported_types"
#define INSTANCE_TYPE "virtio_net"
#define INSTANCE_DEVICES "devices" /* not an instance: the links to all devices */

struct instance {
	int root;   /* stays the caller's */
	char name[INSTANCE_NAME_LEN];
	int fd;     /* its folder */
	int lock;
	pid_t pid;  /* who has it, if claiming it said -EBUSY; 0: not known */
};

/* May an instance have this name? */
bool instance_name_ok(const char *name);

/*
 * Make the folder if it is not there, and lock it. patient: wait for somebody who only
 * looks at it or is ending, a second at most. 0; -EBUSY: somebody lives there; -ENOTEMPTY:
 * something else is in that folder; or another negative errno.
 */
int instance_claim(struct instance *inst, int root, const char *name, bool patient);
/* Write the process id, for those who find it locked. 0 or a negative errno. */
int instance_sign(struct instance *inst);
/* Is its folder still the one of that name? */
bool instance_is_listed(const struct instance *inst);
/*
 * Remove the links to its devices, what is in its folder, and with the lock the folder, if
 * nothing else is in it.
 */
void instance_clean(struct instance *inst);
void instance_release(struct instance *inst);
/* Remove a device's folder and what belongs there. */
void instance_remove_device(struct instance *inst, const char *uuid);

/* The name of the instance that a link to a device leads to; false: to none. */
bool instance_of_link(int devices, const char *uuid, char name[INSTANCE_NAME_LEN]);
/*
 * Remove what a mediator left that is no more; -EBUSY, and its process id, if it lives.
 */
int instance_reap(int root, const char *name, pid_t *pid);

#endif /* MEDIATOR_INSTANCE_H */
