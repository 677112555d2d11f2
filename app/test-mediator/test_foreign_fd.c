/* SPDX-License-Identifier: BSD-3-Clause */

/* Fds of others: which are memory, and that closing them keeps nobody waiting. */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "fdmsg.h"
#include "foreign_fd.h"
#include "open_fds.h"
#include "test.h"
#include "vfu_peer.h"

/* Seconds that closing a socket takes if its other end does nothing. */
#define LINGER_S 8

/* A connection whose end is to be closed, and has more to send than the other end takes. */
struct lingering {
	int fd, other;
};

static int
open_lingering(struct lingering *l)
{
	const struct linger linger = { .l_onoff = 1, .l_linger = LINGER_S };
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(addr);
	static char buf[1 << 16];
	int listener;

	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	l->other = -1;
	if (listener >= 0 && l->fd >= 0 &&
			bind(listener, (struct sockaddr *)&addr, len) == 0 &&
			listen(listener, 1) == 0 &&
			getsockname(listener, (struct sockaddr *)&addr, &len) == 0 &&
			connect(l->fd, (struct sockaddr *)&addr, len) == 0)
		l->other = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	fdmsg_close(&listener, 1);
	if (l->other < 0) {
		fdmsg_close(&l->fd, 1);
		return TEST_SKIPPED; /* no network at all */
	}
	setsockopt(l->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	while (send(l->fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
	return TEST_SUCCESS;
}

/* Until all is closed, which ends by itself. */
static void
wait_until_closed(void)
{
	while (foreign_fd_waiting() > 0)
		usleep(1000);
}

static int
test_memory(void)
{
	char path[64];
	int fd, fds[2];

	fd = memfd_create("memory", MFD_CLOEXEC);
	TEST_ASSERT(foreign_fd_is_memory(fd), "memfd");
	close(fd);
	snprintf(path, sizeof(path), "/dev/shm/mediator-test-%d", (int)getpid());
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0) { /* as EAL opens hugepages: by their path */
		unlink(path);
		TEST_ASSERT(foreign_fd_is_memory(fd), "tmpfs");
		close(fd);
	}
	fd = memfd_create("memory", MFD_CLOEXEC | MFD_HUGETLB);
	if (fd >= 0) {
		TEST_ASSERT(foreign_fd_is_memory(fd), "hugetlbfs");
		close(fd);
	}
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	TEST_ASSERT(!foreign_fd_is_memory(fd), "a file on a disk");
	close(fd);
	fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
	TEST_ASSERT(!foreign_fd_is_memory(fd), "a device");
	close(fd);
	fd = eventfd(0, EFD_CLOEXEC);
	TEST_ASSERT(!foreign_fd_is_memory(fd), "eventfd");
	close(fd);
	TEST_ASSERT_SUCCESS(pipe2(fds, O_CLOEXEC), "pipe");
	TEST_ASSERT(!foreign_fd_is_memory(fds[0]), "pipe");
	fdmsg_close(fds, 2);
	TEST_ASSERT(!foreign_fd_is_memory(-1), "nothing");
	return TEST_SUCCESS;
}

/* Memory and eventfds at once, others at some time, each of them. */
static int
test_close(void)
{
	unsigned int i, open_fds = count_open_fds();
	int fds[200];

	for (i = 0; i < RTE_DIM(fds); i++) {
		switch (i % 4) {
		case 0:
			fds[i] = memfd_create("memory", MFD_CLOEXEC);
			break;
		case 1:
			fds[i] = eventfd(0, EFD_CLOEXEC);
			break;
		case 2:
			fds[i] = -1;
			break;
		default:
			fds[i] = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
			break;
		}
	}
	foreign_fd_close(fds, 3);
	TEST_ASSERT_EQUAL(foreign_fd_waiting(), 0u, "memory has to wait");
	foreign_fd_close(fds + 3, RTE_DIM(fds) - 3);
	wait_until_closed();
	TEST_ASSERT_EQUAL(count_open_fds(), open_fds, "left open");
	return TEST_SUCCESS;
}

/* It is still being closed when the function is back, and so are others meanwhile. */
static int
test_slow(void)
{
	struct lingering l;
	unsigned int waiting, rounds = 0;
	int fd, ret;

	ret = open_lingering(&l);
	if (ret != TEST_SUCCESS)
		return ret;
	foreign_fd_close(&l.fd, 1);
	waiting = foreign_fd_waiting();
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	foreign_fd_close(&fd, 1);
	while (foreign_fd_waiting() > 1 && rounds++ < 100000)
		usleep(100);
	fdmsg_close(&l.other, 1);
	TEST_ASSERT_EQUAL(waiting, 1u, "its closer has waited");
	TEST_ASSERT(rounds < 100000, "another file had to wait for it");
	wait_until_closed();
	return TEST_SUCCESS;
}

/* The same within a socket that nobody has read. */
static int
test_unread(void)
{
	unsigned int waiting, open_fds = count_open_fds();
	struct lingering l;
	int pair[2], ret;

	ret = open_lingering(&l);
	if (ret != TEST_SUCCESS)
		return ret;
	TEST_ASSERT_SUCCESS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair),
		"no sockets");
	TEST_ASSERT_EQUAL(fdmsg_send(pair[0], "abc", 3, NULL, 0), 3, "not sent");
	TEST_ASSERT_EQUAL(fdmsg_send(pair[0], "abc", 3, &l.fd, 1), 3, "not sent");
	fdmsg_close(&l.fd, 1); /* not the last one */
	foreign_fd_close_socket(pair[1]);
	waiting = foreign_fd_waiting();
	fdmsg_close(&l.other, 1);
	TEST_ASSERT_EQUAL(waiting, 1u, "its closer has waited");
	TEST_ASSERT(fdmsg_send(pair[0], "abc", 3, NULL, 0) < 0, "still connected");
	fdmsg_close(pair, 1);
	wait_until_closed();
	TEST_ASSERT_EQUAL(count_open_fds(), open_fds, "left open");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: fds of others",
	.unit_test_cases = {
		TEST_CASE(test_memory),
		TEST_CASE(test_close),
		TEST_CASE(test_slow),
		TEST_CASE(test_unread),
		TEST_CASES_END()
	},
};

static int
test_foreign_fd(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(foreign_fd_autotest, test_foreign_fd);
