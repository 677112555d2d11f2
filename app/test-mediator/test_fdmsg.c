/* SPDX-License-Identifier: BSD-3-Clause */

/* Bytes and fds over sockets. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "fdmsg.h"
#include "open_fds.h"
#include "test.h"
#include "vfu_peer.h"

static int pair[2];
static char path[100];

static int
start(void)
{
	peer_path(path, sizeof(path), "fdmsg");
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0 ?
		TEST_SUCCESS : TEST_FAILED;
}

static void
stop(void)
{
	fdmsg_close(pair, 2);
	unlink(path);
}

/* Each number of fds that a message can have arrives, close-on-exec, with its bytes. */
static int
test_fds(void)
{
	int fds[FDMSG_MAX_FDS + 1], got[FDMSG_MAX_FDS];
	unsigned int i, n, nr_fds, open_fds = count_open_fds();
	char buf[8];

	for (i = 0; i <= FDMSG_MAX_FDS; i++)
		fds[i] = pair[i % 2];
	for (n = 0; n <= FDMSG_MAX_FDS; n++) {
		TEST_ASSERT_EQUAL(fdmsg_send(pair[0], "abc", 3, fds, n), 3, "%u fds", n);
		TEST_ASSERT_EQUAL(fdmsg_recv(pair[1], buf, sizeof(buf), got, &nr_fds), 3,
			"%u fds", n);
		TEST_ASSERT(nr_fds == n && memcmp(buf, "abc", 3) == 0, "%u of %u fds",
			nr_fds, n);
		for (i = 0; i < n; i++)
			TEST_ASSERT_EQUAL(fcntl(got[i], F_GETFD), FD_CLOEXEC,
				"inherited");
		fdmsg_close(got, nr_fds);
	}
	TEST_ASSERT_EQUAL(fdmsg_send(pair[0], "a", 1, fds, n), -E2BIG, "%u fds", n);
	TEST_ASSERT_EQUAL(count_open_fds(), open_fds, "fds were lost");
	return TEST_SUCCESS;
}

/* Nothing waits, although these sockets may: neither side does. */
static int
test_no_wait(void)
{
	static char buf[1 << 16];
	int fds[FDMSG_MAX_FDS];
	unsigned int nr_fds = 99;
	size_t sent = 0, got = 0;
	ssize_t n;

	TEST_ASSERT_EQUAL(fdmsg_recv(pair[1], buf, 1, fds, &nr_fds), -EAGAIN, "something");
	TEST_ASSERT_EQUAL(nr_fds, 0u, "%u fds", nr_fds);
	while ((n = fdmsg_send(pair[0], buf, sizeof(buf), NULL, 0)) > 0)
		sent += n;
	TEST_ASSERT_EQUAL(n, -EAGAIN, "%zd", n);
	while ((n = fdmsg_recv(pair[1], buf, sizeof(buf), fds, &nr_fds)) > 0)
		got += n;
	TEST_ASSERT(n == -EAGAIN && got == sent, "%zu of %zu bytes", got, sent);
	close(pair[0]);
	pair[0] = -1;
	TEST_ASSERT_EQUAL(fdmsg_recv(pair[1], buf, 1, fds, &nr_fds), 0, "no end");
	/* and no signal */
	TEST_ASSERT_EQUAL(fdmsg_send(pair[1], buf, 1, NULL, 0), -EPIPE, "sent to nobody");
	return TEST_SUCCESS;
}

/* The lowest fd that is free but for so many below it. */
static int
free_fd(unsigned int room)
{
	int fd;

	for (fd = 0; ; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && room-- == 0)
			return fd;
	}
}

/* Each number of fds that still fit while others do not: these are the caller's. */
static int
test_no_room(void)
{
	int fds[4] = { pair[0], pair[0], pair[0], pair[0] }, got[FDMSG_MAX_FDS];
	unsigned int nr_fds, room, open_fds = count_open_fds();
	struct rlimit old, limit;
	ssize_t n;
	char c;

	getrlimit(RLIMIT_NOFILE, &old);
	for (room = 0; room <= RTE_DIM(fds); room++) {
		TEST_ASSERT_EQUAL(fdmsg_send(pair[0], "a", 1, fds, RTE_DIM(fds)), 1, "send");
		limit = old;
		limit.rlim_cur = free_fd(room);
		setrlimit(RLIMIT_NOFILE, &limit);
		n = fdmsg_recv(pair[1], &c, 1, got, &nr_fds);
		setrlimit(RLIMIT_NOFILE, &old);
		if (room == RTE_DIM(fds))
			TEST_ASSERT(n == 1 && nr_fds == RTE_DIM(fds), "%zd", n);
		else
			TEST_ASSERT(n == -EMSGSIZE && nr_fds == room, "%zd, %u fds", n, nr_fds);
		fdmsg_close(got, nr_fds);
		TEST_ASSERT_EQUAL(count_open_fds(), open_fds, "fds were lost");
	}
	return TEST_SUCCESS;
}

static int
test_paths(void)
{
	char longest[109];
	struct stat st;
	int listener, client, again;

	TEST_ASSERT_EQUAL(fdmsg_listen(""), -EINVAL, "no path");
	memset(longest, 'x', sizeof(longest));
	longest[108] = '\0';
	TEST_ASSERT_EQUAL(fdmsg_listen(longest), -ENAMETOOLONG, "a long path");
	TEST_ASSERT_EQUAL(fdmsg_connect(longest), -ENAMETOOLONG, "a long path");
	TEST_ASSERT_EQUAL(fdmsg_listen("/dev/null"), -EEXIST, "no socket");
	TEST_ASSERT_EQUAL(fdmsg_listen("/nowhere/x"), -ENOENT, "no folder");
	TEST_ASSERT_EQUAL(fdmsg_connect(path), -ENOENT, "nobody is there");
	listener = fdmsg_listen(path);
	TEST_ASSERT(listener >= 0, "%d", listener);
	TEST_ASSERT(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600, "mode %o",
		st.st_mode);
	TEST_ASSERT(fcntl(listener, F_GETFD) == FD_CLOEXEC &&
		(fcntl(listener, F_GETFL) & O_NONBLOCK) != 0, "flags of the socket");
	TEST_ASSERT_EQUAL(fdmsg_listen(path), -EADDRINUSE, "twice");
	client = fdmsg_connect(path);
	TEST_ASSERT(client >= 0 && fcntl(client, F_GETFD) == FD_CLOEXEC &&
		(fcntl(client, F_GETFL) & O_NONBLOCK) != 0, "%d", client);
	close(client);
	close(listener);
	TEST_ASSERT_EQUAL(fdmsg_connect(path), -ECONNREFUSED, "nobody listens");
	again = fdmsg_listen(path);
	TEST_ASSERT(again >= 0, "what was left is in the way: %d", again);
	close(again);
	return TEST_SUCCESS;
}

/* More wait than may: that is somebody who listens, too. */
static int
test_backlog(void)
{
	int clients[64], listener = fdmsg_listen(path);
	unsigned int i;

	TEST_ASSERT(listener >= 0, "%d", listener);
	for (i = 0; i < RTE_DIM(clients); i++) {
		clients[i] = fdmsg_connect(path);
		if (clients[i] < 0)
			break;
	}
	TEST_ASSERT(i < RTE_DIM(clients) && clients[i] == -EAGAIN, "%u clients wait", i);
	TEST_ASSERT_EQUAL(fdmsg_listen(path), -EADDRINUSE, "taken over");
	fdmsg_close(clients, i);
	close(listener);
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: bytes and fds",
	.unit_test_cases = {
		TEST_CASE_ST(start, stop, test_fds),
		TEST_CASE_ST(start, stop, test_no_wait),
		TEST_CASE_ST(start, stop, test_no_room),
		TEST_CASE_ST(start, stop, test_paths),
		TEST_CASE_ST(start, stop, test_backlog),
		TEST_CASES_END()
	},
};

static int
test_fdmsg(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(fdmsg_autotest, test_fdmsg);
