/* SPDX-License-Identifier: BSD-3-Clause */

/* Fds of others: which are memory, and that closing them keeps nobody waiting. */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "fdmsg.h"
#include "foreign_fd.h"
#include "lingering.h"
#include "open_fds.h"
#include "test.h"

static struct foreign_peer *peers[2];

/* As where there are too many (pthread_create(3)). */
static bool no_threads;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
	void *(*start)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
	void *(*start)(void *), void *arg);

int
__wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
		void *(*start)(void *), void *arg)
{
	return no_threads ? EAGAIN : __real_pthread_create(thread, attr, start, arg);
}

static int
setup(void)
{
	peers[0] = foreign_peer_create();
	peers[1] = foreign_peer_create();
	return peers[0] != NULL && peers[1] != NULL ? TEST_SUCCESS : TEST_FAILED;
}

static void
teardown(void)
{
	foreign_peer_destroy(peers[0]);
	foreign_peer_destroy(peers[1]);
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
	fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	TEST_ASSERT(!foreign_fd_is_memory(fd), "a file of no memory");
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
			fds[i] = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
			break;
		}
	}
	foreign_fd_close(peers[0], fds, 3);
	TEST_ASSERT_EQUAL(foreign_fd_waiting(), 0u, "memory has to wait");
	foreign_fd_close(peers[0], fds + 3, RTE_DIM(fds) - 3);
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

	ret = lingering_open(&l);
	if (ret != TEST_SUCCESS)
		return ret;
	foreign_fd_close(peers[0], &l.fd, 1);
	waiting = foreign_fd_waiting();
	fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	foreign_fd_close(peers[0], &fd, 1);
	while (foreign_fd_waiting() > 1 && rounds++ < 100000)
		usleep(100);
	lingering_release(&l);
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

	ret = lingering_open(&l);
	if (ret != TEST_SUCCESS)
		return ret;
	TEST_ASSERT_SUCCESS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair),
		"no sockets");
	TEST_ASSERT_EQUAL(fdmsg_send(pair[0], "abc", 3, NULL, 0), 3, "not sent");
	TEST_ASSERT_EQUAL(fdmsg_send(pair[0], "abc", 3, &l.fd, 1), 3, "not sent");
	fdmsg_close(&l.fd, 1); /* not the last one */
	foreign_fd_close_socket(peers[0], pair[1]);
	waiting = foreign_fd_waiting();
	lingering_release(&l);
	TEST_ASSERT_EQUAL(waiting, 1u, "its closer has waited");
	TEST_ASSERT(fdmsg_send(pair[0], "abc", 3, NULL, 0) < 0, "still connected");
	fdmsg_close(pair, 1);
	wait_until_closed();
	/* one without such a file is closed at once */
	TEST_ASSERT_SUCCESS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair),
		"no sockets");
	TEST_ASSERT_EQUAL(fdmsg_send(pair[0], "abc", 3, NULL, 0), 3, "not sent");
	foreign_fd_close_socket(peers[0], pair[1]);
	TEST_ASSERT_EQUAL(foreign_fd_waiting(), 0u, "an empty socket has to wait");
	fdmsg_close(pair, 1);
	TEST_ASSERT_EQUAL(count_open_fds(), open_fds, "left open");
	return TEST_SUCCESS;
}

/* The same within a connection that nobody has accepted. */
static int
test_unaccepted(void)
{
	unsigned int waiting, open_fds = count_open_fds();
	struct lingering l;
	int listener, client, ret;
	char path[64];

	ret = lingering_open(&l);
	if (ret != TEST_SUCCESS)
		return ret;
	snprintf(path, sizeof(path), "/tmp/mediator-test-%d", (int)getpid());
	listener = fdmsg_listen(path);
	client = fdmsg_connect(path);
	unlink(path);
	TEST_ASSERT_EQUAL(fdmsg_send(client, "abc", 3, &l.fd, 1), 3, "not sent");
	fdmsg_close(&l.fd, 1);
	foreign_fd_close_listener(peers[0], listener);
	waiting = foreign_fd_waiting();
	lingering_release(&l);
	TEST_ASSERT_EQUAL(waiting, 1u, "its closer has waited");
	TEST_ASSERT(fdmsg_send(client, "abc", 3, NULL, 0) < 0, "still connected");
	fdmsg_close(&client, 1);
	TEST_ASSERT_EQUAL(count_open_fds(), open_fds, "left open");
	return TEST_SUCCESS;
}

/* Much memory is freed by a thread, in one piece or in several. */
static int
test_much_memory(void)
{
	const off_t size = 192 << 20;
	unsigned int waiting, open_fds = count_open_fds(), i;
	int fds[2];

	for (i = 1; i <= RTE_DIM(fds); i++) {
		fds[0] = memfd_create("memory", MFD_CLOEXEC);
		fds[1] = memfd_create("memory", MFD_CLOEXEC);
		if (fallocate(fds[0], 0, 0, size / i) < 0 ||
				fallocate(fds[1], 0, 0, size - size / i + 4096) < 0) {
			fdmsg_close(fds, 2);
			return TEST_SKIPPED; /* so much there is not */
		}
		if (i == 1)
			foreign_fd_close(peers[0], fds, 1);
		foreign_fd_close_memory(fds + 2 - i, i);
		waiting = foreign_fd_waiting();
		TEST_ASSERT_EQUAL(waiting, i, "%u: its closer has waited", i);
		TEST_ASSERT(!foreign_peer_is_full(peers[0]), "nobody's fault");
		TEST_ASSERT_EQUAL(count_open_fds(), open_fds, "left open");
	}
	return TEST_SUCCESS;
}

/* Who keeps all of its closers waiting does so to nobody else, and is told to stop. */
static int
test_share(void)
{
	struct lingering l[4];
	unsigned int i, waiting, rounds = 0, open_fds = count_open_fds();
	bool full[2];
	int fd, ret;

	for (i = 0; i < RTE_DIM(l); i++) {
		ret = lingering_open(&l[i]);
		if (ret != TEST_SUCCESS)
			return ret;
		foreign_fd_close(peers[0], &l[i].fd, 1);
	}
	full[0] = foreign_peer_is_full(peers[0]);
	for (i = 0; i < 80; i++) {
		fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
		foreign_fd_close(peers[0], &fd, 1);
	}
	full[1] = foreign_peer_is_full(peers[0]);
	waiting = foreign_fd_waiting();
	fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	foreign_fd_close(peers[1], &fd, 1);
	while (foreign_fd_waiting() > waiting && rounds++ < 100000)
		usleep(100);
	/* one that has gone leaves its files to its closers */
	foreign_peer_destroy(peers[0]);
	peers[0] = NULL;
	for (i = 0; i < RTE_DIM(l); i++)
		lingering_release(&l[i]);
	TEST_ASSERT(!full[0] && full[1], "full: %d, %d", full[0], full[1]);
	TEST_ASSERT_EQUAL(waiting, 84u, "waiting: %u", waiting);
	TEST_ASSERT(rounds < 100000, "another peer had to wait for it");
	TEST_ASSERT(!foreign_peer_is_full(peers[1]), "another peer is full");
	wait_until_closed();
	TEST_ASSERT_EQUAL(count_open_fds(), open_fds, "left open");
	return TEST_SUCCESS;
}

/* Where no thread can be had memory is freed at once, and other files wait for one. */
static int
test_no_threads(void)
{
	unsigned int i, waiting, open_fds = count_open_fds();
	int fd[2];

	fd[0] = memfd_create("memory", MFD_CLOEXEC);
	if (fallocate(fd[0], 0, 0, 32 << 20) < 0) {
		close(fd[0]);
		return TEST_SKIPPED;
	}
	no_threads = true;
	foreign_fd_close(peers[0], fd, 1);
	waiting = foreign_fd_waiting();
	for (i = 0; i < 2; i++) {
		fd[i] = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
		foreign_fd_close(peers[i], &fd[i], 1);
	}
	waiting = 10 * waiting + foreign_fd_waiting();
	no_threads = false;
	TEST_ASSERT_EQUAL(waiting, 2u, "waiting: %u", waiting);
	/* one who sends more, and one who goes */
	TEST_ASSERT(!foreign_peer_is_full(peers[0]), "two are not many");
	foreign_peer_destroy(peers[1]);
	peers[1] = NULL;
	wait_until_closed();
	TEST_ASSERT_EQUAL(count_open_fds(), open_fds, "left open");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: fds of others",
	.unit_test_cases = {
		TEST_CASE(test_memory),
		TEST_CASE_ST(setup, teardown, test_close),
		TEST_CASE_ST(setup, teardown, test_slow),
		TEST_CASE_ST(setup, teardown, test_unread),
		TEST_CASE_ST(setup, teardown, test_unaccepted),
		TEST_CASE_ST(setup, teardown, test_much_memory),
		TEST_CASE_ST(setup, teardown, test_share),
		TEST_CASE_ST(setup, teardown, test_no_threads),
		TEST_CASES_END()
	},
};

static int
test_foreign_fd(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(foreign_fd_autotest, test_foreign_fd);
