/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_FOREIGN_FD_H
#define MEDIATOR_FOREIGN_FD_H

/*
 * Fds that came from others. What is done with a file may have to wait for whoever is
 * behind it, even fstat(2), an access to a mapping and close(2): a file system in user
 * space (FUSE), a server that is not there (NFS), the other end of a socket (SO_LINGER).
 */

#include <stdbool.h>

/*
 * Whether it is memory of this machine and nothing else: a memfd, or a file of tmpfs or
 * hugetlbfs. Only those can be asked for their seals (fcntl(2)), and the file system is
 * not asked for that.
 */
bool foreign_fd_is_memory(int fd);

/*
 * Close fds, those that are not negative, without waiting for anything. What could keep
 * its closer waiting is closed by a thread, the only ones that there are here.
 */
void foreign_fd_close(const int *fds, unsigned int nr_fds);

/* Close a socket of unix(7), with the fds that it holds and that nobody has read. */
void foreign_fd_close_socket(int sock);

/* How many are not closed yet. */
unsigned int foreign_fd_waiting(void);

#endif /* MEDIATOR_FOREIGN_FD_H */
