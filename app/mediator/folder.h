/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_FOLDER_H
#define MEDIATOR_FOLDER_H

/*
 * Folders that nobody else can change, and what is in them. Names are looked up in an
 * open folder, and a symbolic link is never followed.
 */

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * Open a folder for which others cannot put one of theirs: it belongs to this user, each
 * folder above to this user or root, and no other user can write to them (above, the
 * sticky bit will do). Its last component is made (mode 0755) if it is not there. real
 * gets its path without symbolic links. Returns the fd, or a negative errno, logged.
 */
int folder_open_trusted(const char *path, char real[PATH_MAX]);

/*
 * Open a folder in a folder, which is made if it is not there. -EPERM: it is somebody
 * else's or others can write to it; -ENOTDIR: it is none; or another negative errno.
 */
int folder_make(int dirfd, const char *name, mode_t mode);
/* Open one that is there. */
int folder_open(int dirfd, const char *name);

/* Is this open file or folder still the one of that name? */
bool folder_is_listed(int dirfd, const char *name, int fd);

/* Make a file with this text. 0 or a negative errno. */
int folder_put(int dirfd, const char *name, const char *text);

/* Where a symbolic link leads; false if it is none or leads further than that. */
bool folder_link(int dirfd, const char *name, char *target, size_t len);

/*
 * Call entry() for each name, which may delete it. 0 or a negative errno; what entry()
 * returns, if that is not 0, ends it.
 */
int folder_each(int dirfd, int (*entry)(void *arg, const char *name), void *arg);

#endif /* MEDIATOR_FOLDER_H */
