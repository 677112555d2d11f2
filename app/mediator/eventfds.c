/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/syscall.h>

#include <linux/aio_abi.h>

#include "eventfds.h"

#define EVENTFD_LINK "anon_inode:[eventfd]"

/*
 * The kernel itself raises an eventfd without waiting, whatever its flags and counter
 * are, at the end of an asynchronous operation (io_submit(2), IOCB_FLAG_RESFD). The
 * operation is to read nothing from /dev/null, which is over at once.
 */
static aio_context_t context;
static int null_fd = -1;
static bool absent; /* the kernel does not have it */

/* Again where it fails for lack of something: what else there is can be made to wait. */
void
eventfd_prepare(void)
{
	if (null_fd < 0)
		null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null_fd < 0 || syscall(SYS_io_setup, 8, &context) == 0)
		return;
	context = 0;
	absent = errno == ENOSYS || errno == EPERM;
}

/* For kernels without these: what waits is as unlikely as can be. */
static int
raise_by_write(int fd)
{
	struct pollfd room = { .fd = fd, .events = POLLOUT };
	const uint64_t one = 1;
	int flags;

	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	if (poll(&room, 1, 0) <= 0)
		return 0;
	if (write(fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		return -errno;
	return 0;
}

int
eventfd_raise(int fd)
{
	struct iocb operation = {
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_flags = IOCB_FLAG_RESFD,
		.aio_resfd = fd,
	};
	struct iocb *operations[] = { &operation };
	struct timespec now = { 0 };
	struct io_event events[8];

	if (context == 0 && !absent)
		eventfd_prepare();
	if (context == 0)
		return raise_by_write(fd);
	operation.aio_fildes = null_fd;
	if (syscall(SYS_io_submit, context, 1, operations) < 0)
		return errno == EAGAIN ? raise_by_write(fd) : -errno;
	/* only to make room for the next */
	syscall(SYS_io_getevents, context, 0, 8, events, &now);
	return 0;
}

bool
eventfd_check(int fd)
{
	char path[32], link[sizeof(EVENTFD_LINK)];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	len = readlink(path, link, sizeof(link));
	/* without /proc it turns out when it is raised */
	return len < 0 || ((size_t)len == strlen(EVENTFD_LINK) &&
		memcmp(link, EVENTFD_LINK, len) == 0);
}
