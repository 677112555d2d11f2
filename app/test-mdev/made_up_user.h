/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MADE_UP_USER_H
#define MADE_UP_USER_H

/*
 * Beside the made-up sysfs, what mediators in user space would make: root i is
 * run<i>/mdev/devices in its top folder. The first is what the bus takes for /run's.
 */

#define MADE_UP_MEDIATOR "mediator" /* their parent device */

/* Setup and teardown, with those of the made-up sysfs. There is no folder yet. */
int made_up_user_start(void);
void made_up_user_stop(void);

/* The root. Valid until the 4th next call. */
const char *made_up_user_root(unsigned int i);
/* A path below the folder that holds the root. The same. */
const char *made_up_user_path(unsigned int i, const char *path);

/* All return 0, or -1 after a message. */
/* The root, with all folders above it. */
int made_up_user_make(unsigned int i);
/* A device of MADE_UP_TYPE: its folder, its socket, its link, in this order. */
int made_up_user_device(unsigned int i, const char *uuid);
int made_up_user_folder(unsigned int i, const char *uuid);
int made_up_user_socket(unsigned int i, const char *uuid);
int made_up_user_link(unsigned int i, const char *uuid);
/* The link, or link and folder. */
int made_up_user_unlink(unsigned int i, const char *uuid);
int made_up_user_remove(unsigned int i, const char *uuid);
/* Replace a file below run<i>/mdev. */
int made_up_user_write(unsigned int i, const char *file, const char *text);

#endif /* MADE_UP_USER_H */
