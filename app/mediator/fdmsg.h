/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_FDMSG_H
#define MEDIATOR_FDMSG_H

/*
 * Bytes and fds over stream sockets of unix(7), without waiting.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The kernel's SCM_MAX_FD: no message has more. */
#define FDMSG_MAX_FDS 253

/*
 * Receive len bytes at most, and fds, which are close-on-exec and become the caller's.
 *
 * fds has room for FDMSG_MAX_FDS; *nr_fds is set in any case. Returns the number of
 * bytes, 0 at the end of the stream, -EAGAIN if there is nothing, -EMSGSIZE if fds were
 * lost on the way because this process has no room for them (those that came are there),
 * or another negative errno.
 */
ssize_t fdmsg_recv(int sock, void *buf, size_t len, int *fds, unsigned int *nr_fds);

/*
 * Send with the first byte nr_fds fds, which stay the caller's. Returns the number of
 * bytes sent, perhaps less than len, and then the fds went with them; -EAGAIN if none
 * can be sent now; or another negative errno. Never raises SIGPIPE.
 */
ssize_t fdmsg_send(int sock, const void *buf, size_t len, const int *fds,
		unsigned int nr_fds);

/* Close fds, those that are not negative. */
void fdmsg_close(const int *fds, unsigned int nr_fds);

/* Whether the other end has hung up; what it sent before may still be there. */
bool fdmsg_hung_up(int sock);

/*
 * A socket that listens at a path, which only its owner may connect to (mode 0600), or
 * one that is connecting to it. Non-blocking, close-on-exec. A socket that is there and
 * that nobody listens at any more is replaced. Returns the fd, -EADDRINUSE if somebody
 * listens there, or another negative errno.
 */
int fdmsg_listen(const char *path);
int fdmsg_connect(const char *path);

#endif /* MEDIATOR_FDMSG_H */
