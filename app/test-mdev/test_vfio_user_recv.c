/* SPDX-License-Identifier: BSD-3-Clause */

/* The connection to a vfio-user server: what comes with bytes, and comes instead of them. */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <vfio_private.h>
#include <vfio_user_private.h>

#include "captured_log.h"
#include "fault_inject.h"
#include "test.h"

#define FDS 200
#define TIMEOUT_MS 10000

static struct vfio_user_conn conn;
static int server = -1;
/* What is sent is the end that is written to: the other one knows when all are closed. */
static int ends[2] = { -1, -1 };

static int
setup(void)
{
	int socks[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks) < 0)
		return TEST_FAILED;
	memset(&conn, 0, sizeof(conn));
	conn.name = "here";
	conn.sock = socks[0];
	server = socks[1];
	return pipe(ends) < 0 ? TEST_FAILED : TEST_SUCCESS;
}

static void
teardown(void)
{
	close(conn.sock);
	close(server);
	close(ends[0]);
}

/* A byte, and an fd so many times. */
static int
send_fds(unsigned int count)
{
	static union {
		struct cmsghdr header;
		char room[CMSG_SPACE(FDS * sizeof(int))];
	} control;
	char byte = 'x';
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(count * sizeof(int)),
	};
	unsigned int i;

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
	for (i = 0; i < count; i++)
		memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &ends[1],
			sizeof(int));
	return sendmsg(server, &msg, 0) == 1 ? 0 : -1;
}

static int
receive(char *buf, size_t len)
{
	return vfio_user_recv(&conn, buf, len, vfio_user_now_ms() + TIMEOUT_MS);
}

static bool
all_closed(void)
{
	struct pollfd pollfd = { .fd = ends[0], .events = POLLIN };

	/* a thread does it */
	while (vfio_fd_waiting() > 0)
		usleep(1000);
	return poll(&pollfd, 1, 0) == 1 && (pollfd.revents & POLLHUP) != 0;
}

/* More than a message may have, with several of its bytes. */
static int
test_many_fds(void)
{
	char buf[2];

	TEST_ASSERT_SUCCESS(send_fds(FDS), "send");
	TEST_ASSERT_SUCCESS(send_fds(FDS), "send");
	close(ends[1]);
	TEST_ASSERT_SUCCESS(receive(buf, 2), "receive");
	TEST_ASSERT_SUCCESS(memcmp(buf, "xx", 2), "other bytes");
	TEST_ASSERT_EQUAL(conn.nr_fds, VFIO_USER_MAX_FDS, "%u kept", conn.nr_fds);
	TEST_ASSERT(!all_closed(), "those that are kept are closed");
	vfio_user_drop_fds(&conn);
	TEST_ASSERT(all_closed(), "some are left");
	return TEST_SUCCESS;
}

/* What the kernel could not hand over is missed, and what it could is closed. */
static int
test_lost_fds(void)
{
	struct rlimit limit, low;
	char buf[1];
	int ret;

	TEST_ASSERT_SUCCESS(send_fds(2), "send");
	TEST_ASSERT_SUCCESS(getrlimit(RLIMIT_NOFILE, &limit), "limit");
	low = limit;
	low.rlim_cur = dup(server);
	close(low.rlim_cur);
	low.rlim_cur++; /* room for one */
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	TEST_ASSERT_SUCCESS(setrlimit(RLIMIT_NOFILE, &low), "limit");
	ret = receive(buf, 1);
	setrlimit(RLIMIT_NOFILE, &limit);
	captured_log_stop();
	close(ends[1]);
	TEST_ASSERT_EQUAL(ret, -EMFILE, "%d", ret);
	TEST_ASSERT_EQUAL(captured_log_lines("raise the limit of open files"), 1,
		"remedy");
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 1, "lines");
	TEST_ASSERT_EQUAL(conn.broken, -ENODEV, "not broken");
	vfio_user_drop_fds(&conn);
	TEST_ASSERT(all_closed(), "one is left");
	return TEST_SUCCESS;
}

/* What the kernel adds on its own is no fd. */
static int
test_credentials(void)
{
	const int on = 1;
	char buf[3];

	TEST_ASSERT_SUCCESS(setsockopt(conn.sock, SOL_SOCKET, SO_PASSCRED, &on,
		sizeof(on)), "credentials");
	TEST_ASSERT_EQUAL(write(server, "abc", 3), 3, "send");
	TEST_ASSERT_SUCCESS(receive(buf, 3), "receive");
	TEST_ASSERT_SUCCESS(memcmp(buf, "abc", 3), "other bytes");
	TEST_ASSERT_EQUAL(conn.nr_fds, 0, "%u fds", conn.nr_fds);
	close(ends[1]);
	return TEST_SUCCESS;
}

/* A signal is no end; any other error of the socket is, with its cause. */
static int
test_errors(void)
{
	char buf[3];
	int ret;

	close(ends[1]);
	TEST_ASSERT_EQUAL(write(server, "abc", 3), 3, "send");
	fault_recvmsg_errno = EINTR;
	TEST_ASSERT_SUCCESS(receive(buf, 2), "interrupted");
	TEST_ASSERT_SUCCESS(memcmp(buf, "ab", 2), "other bytes");
	TEST_ASSERT_EQUAL(fault_recvmsg_errno, 0, "not reached");
	TEST_ASSERT_SUCCESS(captured_log_start(), "log");
	fault_recvmsg_errno = ENOBUFS;
	ret = receive(buf, 1);
	captured_log_stop();
	TEST_ASSERT_EQUAL(ret, -ENOBUFS, "%d", ret);
	TEST_ASSERT_EQUAL(captured_log_lines("here: its socket failed (No buffer space available): start its mediator again"),
		1, "cause and remedy");
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 1, "lines");
	TEST_ASSERT_EQUAL(conn.broken, -ENODEV, "not broken");
	TEST_ASSERT_EQUAL(send(server, "abc", 3, MSG_NOSIGNAL), -1, "not shut down");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "common/vfio_user: what comes on the socket",
	.unit_test_cases = {
		TEST_CASE_ST(setup, teardown, test_many_fds),
		TEST_CASE_ST(setup, teardown, test_lost_fds),
		TEST_CASE_ST(setup, teardown, test_credentials),
		TEST_CASE_ST(setup, teardown, test_errors),
		TEST_CASES_END()
	}
};

static int
test_vfio_user_recv(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vfio_user_recv_autotest, test_vfio_user_recv);
