/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VFIO_FD_H
#define VFIO_FD_H

/**
 * @file
 * File descriptors that another process passed, which may be of any file. Even to close one
 * can wait for whoever is behind it: a file system in user space (FUSE), a server that is
 * not there (NFS), the other end of a socket (SO_LINGER).
 *
 * Thread safety: all functions may be called by any thread, with any lock held.
 */

#include <stdbool.h>

#include <rte_compat.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Is it memory of this machine and nothing else: a memfd, or a file of tmpfs or hugetlbfs?
 *
 * @param fd
 *   The fd.
 * @return
 *   Whether it is. Its file system is not asked for that.
 */
__rte_internal
bool vfio_fd_is_memory(int fd);

/**
 * Is it an eventfd?
 *
 * @param fd
 *   The fd.
 * @return
 *   Whether it is.
 */
__rte_internal
bool vfio_fd_is_eventfd(int fd);

/**
 * Close fds that another process passed, without waiting for anything. Memory and eventfds
 * are closed at once, all else by a thread.
 *
 * @param fds
 *   The fds; those that are negative are passed over.
 * @param nr_fds
 *   Their number.
 * @return
 *   How many of them are left to a thread.
 */
__rte_internal
unsigned int vfio_fd_close(const int *fds, unsigned int nr_fds);

#ifdef __cplusplus
}
#endif

#endif /* VFIO_FD_H */
