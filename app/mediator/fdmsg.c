/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "fdmsg.h"

#define LISTEN_BACKLOG 8

union control {
	struct cmsghdr align;
	char buf[CMSG_SPACE(FDMSG_MAX_FDS * sizeof(int))];
};

void
fdmsg_close(const int *fds, unsigned int nr_fds)
{
	unsigned int i;

	for (i = 0; i < nr_fds; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
}

ssize_t
fdmsg_recv(int sock, void *buf, size_t len, int *fds, unsigned int *nr_fds)
{
	struct iovec iov = { .iov_base = buf, .iov_len = len };
	union control control;
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *cmsg;
	size_t bytes;
	ssize_t n;

	*nr_fds = 0;
	do {
		n = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	for (cmsg = CMSG_FIRSTHDR(&msg); cmsg != NULL; cmsg = CMSG_NXTHDR(&msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		/* one such message has at most as many as there is room for */
		bytes = cmsg->cmsg_len - CMSG_LEN(0);
		memcpy(&fds[*nr_fds], CMSG_DATA(cmsg), bytes);
		*nr_fds += bytes / sizeof(int);
	}
	return (msg.msg_flags & MSG_CTRUNC) != 0 ? -EMSGSIZE : n;
}

ssize_t
fdmsg_send(int sock, const void *buf, size_t len, const int *fds,
		unsigned int nr_fds)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)buf, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control;
	struct cmsghdr *cmsg;
	ssize_t n;

	if (nr_fds > FDMSG_MAX_FDS)
		return -E2BIG;
	if (nr_fds > 0) {
		memset(&control, 0, CMSG_SPACE(nr_fds * sizeof(int)));
		msg.msg_control = control.buf;
		msg.msg_controllen = CMSG_SPACE(nr_fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(nr_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, nr_fds * sizeof(int));
	}
	do {
		n = sendmsg(sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

bool
fdmsg_hung_up(int sock)
{
	struct pollfd pfd = { .fd = sock };

	return poll(&pfd, 1, 0) == 1 && (pfd.revents & (POLLHUP | POLLERR)) != 0;
}

static int
unix_addr(const char *path, struct sockaddr_un *addr)
{
	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	if (path[0] == '\0')
		return -EINVAL;
	if (strlen(path) >= sizeof(addr->sun_path))
		return -ENAMETOOLONG;
	strcpy(addr->sun_path, path);
	return 0;
}

static int
unix_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

int
fdmsg_connect(const char *path)
{
	struct sockaddr_un addr;
	int fd, ret;

	ret = unix_addr(path, &addr);
	if (ret < 0)
		return ret;
	fd = unix_socket();
	if (fd < 0)
		return fd;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		ret = -errno; /* EAGAIN: too many wait there already */
		close(fd);
		return ret;
	}
	return fd;
}

/* A socket that its owner has left behind. */
static int
remove_stale(const char *path)
{
	struct stat st;
	int fd;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = fdmsg_connect(path);
	if (fd >= 0) {
		close(fd);
		return -EADDRINUSE;
	}
	if (fd != -ECONNREFUSED)
		return fd == -EAGAIN ? -EADDRINUSE : fd;
	return unlink(path) < 0 ? -errno : 0;
}

int
fdmsg_listen(const char *path)
{
	struct sockaddr_un addr;
	mode_t mask;
	int fd, ret;

	ret = unix_addr(path, &addr);
	if (ret == 0)
		ret = remove_stale(path);
	if (ret < 0)
		return ret;
	fd = unix_socket();
	if (fd < 0)
		return fd;
	mask = umask(0177);
	ret = bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ? -errno : 0;
	umask(mask);
	if (ret < 0)
		goto fail;
	if (listen(fd, LISTEN_BACKLOG) == 0)
		return fd;
	ret = -errno;
	unlink(path);
fail:
	close(fd);
	return ret;
}
