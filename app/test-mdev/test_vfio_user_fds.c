/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Fds that a vfio-user server passes, of files that keep whoever closes them: the client
 * does not wait for them, wherever they come.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <vfio_region.h>
#include <vfio_user_private.h>

#include "captured_log.h"
#include "fake_vfio_user.h"
#include "lingering.h"
#include "test.h"

#define BAR0 VFIO_PCI_BAR0_REGION_INDEX
#define BAR2 VFIO_PCI_BAR2_REGION_INDEX

static struct lingering lingering = { .other = -1 };
static struct vfio_dev *dev;

static int
setup(void)
{
	if (fake_user_start() < 0 || fake_user_back(BAR0, 4096, false) < 0 ||
			fake_user_back(BAR2, 4096, true) < 0)
		return TEST_FAILED;
	return lingering_open(&lingering);
}

static void
teardown(void)
{
	vfio_dev_close(dev);
	dev = NULL;
	lingering_end(&lingering);
	fake_user_stop();
}

/* Some bytes with the fd, which is the receiver's alone before it can have all of them. */
static int
send_with_fd(int sock, const uint8_t *buf, size_t len)
{
	union { struct cmsghdr align; char buf[CMSG_SPACE(sizeof(int))]; } control;
	struct iovec iov = { (void *)(uintptr_t)buf, 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &lingering.fd, sizeof(int));
	if (sendmsg(sock, &msg, MSG_NOSIGNAL) != 1)
		return -1;
	close(lingering.fd);
	return fake_user_send(sock, buf + 1, len - 1);
}

static void
server_adds_fd(int sock)
{
	const struct vfio_user_header header = {
		.command = 77,
		.size = sizeof(header),
		.flags = VFIO_USER_F_NO_REPLY,
	};

	send_with_fd(sock, (const uint8_t *)&header, sizeof(header));
}

/* One that nobody asked for, while a request has the connection's lock. */
static int
test_unasked(void)
{
	struct vfio_region *region;
	uint32_t value;

	TEST_ASSERT_SUCCESS(vfio_dev_open(fake_user.folder, FAKE_USER_ADDR, &dev), "open");
	TEST_ASSERT_SUCCESS(vfio_region_get(dev, BAR0, &region), "region");
	fake_user.target = VFIO_USER_REGION_READ;
	fake_user.before = server_adds_fd;
	captured_log_start();
	TEST_ASSERT_EQUAL(vfio_region_read(region, 0, &value, 4), -EPROTO, "read");
	TEST_ASSERT_EQUAL(vfio_region_read(region, 0, &value, 4), -ENODEV, "used on");
	captured_log_stop();
	TEST_ASSERT(!lingering_waited(&lingering), "it was waited for");
	TEST_ASSERT(captured_log_lines(NULL) == 1 &&
		captured_log_lines("file descriptors that nobody asked for") == 1, "lines");
	return TEST_SUCCESS;
}

static void
give_fd(struct fake_user_reply *reply)
{
	if (lingering.fd < 0)
		return; /* it was given */
	reply->fds[0] = lingering.fd;
	reply->nr_fds = 1;
	reply->give = true;
	lingering.fd = -1;
}

/* For a region: kept, and closed with the device. */
static int
test_region(void)
{
	struct vfio_region *region;

	TEST_ASSERT_SUCCESS(vfio_dev_open(fake_user.folder, FAKE_USER_ADDR, &dev), "open");
	fake_user.target = VFIO_USER_DEVICE_GET_REGION_INFO;
	fake_user.alter = give_fd;
	TEST_ASSERT_SUCCESS(vfio_region_get(dev, BAR2, &region), "region");
	captured_log_start();
	TEST_ASSERT(vfio_region_map(region) < 0, "a socket is mapped");
	captured_log_stop();
	vfio_dev_close(dev);
	dev = NULL;
	TEST_ASSERT(!lingering_waited(&lingering), "it was waited for");
	return TEST_SUCCESS;
}

/* For doorbells: it is no eventfd, and they go by messages. */
static int
test_doorbells(void)
{
	struct vfio_region *region;

	TEST_ASSERT_SUCCESS(vfio_dev_open(fake_user.folder, FAKE_USER_ADDR, &dev), "open");
	TEST_ASSERT_SUCCESS(vfio_region_get(dev, BAR0, &region), "region");
	fake_user.regions[BAR0].nr_io = 1;
	fake_user.target = VFIO_USER_DEVICE_GET_REGION_IO_FDS;
	fake_user.alter = give_fd;
	captured_log_start();
	TEST_ASSERT_EQUAL(vfio_region_ioeventfd(region, 0, 2, 0), -ENOTSUP, "taken");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines("list of eventfds makes no sense"), 1, "lines");
	TEST_ASSERT_SUCCESS(vfio_dev_reset(dev), "the connection broke");
	TEST_ASSERT(!lingering_waited(&lingering), "it was waited for");
	return TEST_SUCCESS;
}

/* One that came and was not read before the connection is closed. */
static int
test_unread(void)
{
	static struct vfio_user_conn conn;
	int pair[2];

	TEST_ASSERT_SUCCESS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair),
		"no sockets");
	conn.sock = pair[1];
	conn.epoll = epoll_create1(EPOLL_CLOEXEC);
	pthread_mutex_init(&conn.lock, NULL);
	TEST_ASSERT_SUCCESS(fake_user_send(pair[0], "abc", 3), "not sent");
	TEST_ASSERT_SUCCESS(send_with_fd(pair[0], (const uint8_t *)"abc", 3), "not sent");
	vfio_user_conn_close(&conn);
	TEST_ASSERT(!lingering_waited(&lingering), "it was waited for");
	TEST_ASSERT(fake_user_send(pair[0], "abc", 3) < 0, "still connected");
	close(pair[0]);
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "common/vfio_user: fds that keep their closer",
	.unit_test_cases = {
		TEST_CASE_ST(setup, teardown, test_unasked),
		TEST_CASE_ST(setup, teardown, test_region),
		TEST_CASE_ST(setup, teardown, test_doorbells),
		TEST_CASE_ST(setup, teardown, test_unread),
		TEST_CASES_END()
	}
};

static int
test_vfio_user_fds(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vfio_user_fds_autotest, test_vfio_user_fds);
