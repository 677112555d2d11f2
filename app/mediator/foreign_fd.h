/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_FOREIGN_FD_H
#define MEDIATOR_FOREIGN_FD_H

/*
 * Fds that came from others. What is done with a file may have to wait for whoever is
 * behind it, even fstat(2), an access to a mapping and close(2): a file system in user
 * space (FUSE), a server that is not there (NFS), the other end of a socket (SO_LINGER).
 * Nor is it over at once where the last close(2) frees much memory.
 *
 * So threads close them, the only ones that there are here. Each peer has a few of its own
 * and may leave so many files to them: one that keeps its closers waiting is in no other
 * one's way. Memory has a few for all, as it keeps nobody waiting.
 */

#include <stdbool.h>

/* Somebody who sends fds. */
struct foreign_peer;

/* NULL: no memory. */
struct foreign_peer *foreign_peer_create(void);
/* What waits is closed all the same. NULL does nothing. */
void foreign_peer_destroy(struct foreign_peer *peer);
/* Nothing more is to be taken from it until some of its files are closed. */
bool foreign_peer_is_full(struct foreign_peer *peer);

/*
 * Whether it is memory of this machine and nothing else: a memfd, or a file of tmpfs or
 * hugetlbfs. Only those can be asked for their seals (fcntl(2)), and the file system is
 * not asked for that.
 */
bool foreign_fd_is_memory(int fd);

/* Close fds of a peer, those that are not negative, without waiting for anything. */
void foreign_fd_close(struct foreign_peer *peer, const int *fds, unsigned int nr_fds);

/* The same for those that foreign_fd_is_memory() is true of. */
void foreign_fd_close_memory(const int *fds, unsigned int nr_fds);

/*
 * Close a socket of unix(7), with the fds that it holds and that nobody has read. Its
 * other end sees at once that it is over.
 */
void foreign_fd_close_socket(struct foreign_peer *peer, int sock);

/* The same of one that listens, with the connections that nobody has accepted. */
void foreign_fd_close_listener(struct foreign_peer *peer, int sock);

/* How many are not closed yet, of all peers. */
unsigned int foreign_fd_waiting(void);

#endif /* MEDIATOR_FOREIGN_FD_H */
