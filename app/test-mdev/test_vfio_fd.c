/* SPDX-License-Identifier: BSD-3-Clause */

/* Fds of others: what they are, and that closing them keeps nobody waiting. */

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include <vfio_fd.h>
#include <vfio_private.h>

#include "held.h"
#include "lingering.h"
#include "test.h"

static int
test_kinds(void)
{
	const struct { int fd; bool memory, eventfd; const char *name; } kinds[] = {
		{ memfd_create("memory", MFD_CLOEXEC), true, false, "memfd" },
		{ eventfd(0, EFD_CLOEXEC), false, true, "eventfd" },
		{ open("/proc/self/status", O_RDONLY | O_CLOEXEC), false, false, "a file" },
		{ open("/dev/zero", O_RDWR | O_CLOEXEC), false, false, "a device" },
		{ -1, false, false, "none" },
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(kinds); i++) {
		TEST_ASSERT_EQUAL(vfio_fd_is_memory(kinds[i].fd), kinds[i].memory, "%s",
			kinds[i].name);
		TEST_ASSERT_EQUAL(vfio_fd_is_eventfd(kinds[i].fd), kinds[i].eventfd, "%s",
			kinds[i].name);
		close(kinds[i].fd);
	}
	return TEST_SUCCESS;
}

static void
wait_until_closed(void)
{
	while (vfio_fd_waiting() > 0)
		usleep(1000);
}

/* Memory and eventfds at once, others at some time, each of them. */
static int
test_close(void)
{
	struct held before, after;
	int fds[200];
	unsigned int i;

	held_now(&before);
	for (i = 0; i < RTE_DIM(fds); i++)
		fds[i] = i % 4 == 0 ? memfd_create("memory", MFD_CLOEXEC) :
			i % 4 == 1 ? eventfd(0, EFD_CLOEXEC) :
			i % 4 == 2 ? -1 : open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	TEST_ASSERT_EQUAL(vfio_fd_close(fds, 3), 0, "memory has to wait");
	TEST_ASSERT_EQUAL(vfio_fd_waiting(), 0, "memory has to wait");
	TEST_ASSERT_EQUAL(vfio_fd_close(fds + 3, RTE_DIM(fds) - 3), RTE_DIM(fds) / 4,
		"others");
	wait_until_closed();
	held_now(&after);
	TEST_ASSERT_EQUAL(after.fds, before.fds, "left open");
	return TEST_SUCCESS;
}

/* It is still being closed when the function is back, and another one is not kept by it. */
static int
test_slow(void)
{
	struct lingering l;
	unsigned int left;
	int fd, ret;

	ret = lingering_open(&l);
	if (ret != TEST_SUCCESS)
		return ret;
	vfio_fd_close(&l.fd, 1);
	left = vfio_fd_waiting();
	fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	vfio_fd_close(&fd, 1);
	while (vfio_fd_waiting() > 1 && !lingering_waited(&l))
		usleep(100);
	ret = lingering_waited(&l);
	lingering_end(&l);
	TEST_ASSERT_EQUAL(left, 1, "its closer has waited");
	TEST_ASSERT_SUCCESS(ret, "another file had to wait for it");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "common/vfio: fds of other processes",
	.unit_test_cases = {
		TEST_CASE(test_kinds),
		TEST_CASE(test_close),
		TEST_CASE(test_slow),
		TEST_CASES_END()
	}
};

static int
test_vfio_fd(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vfio_fd_autotest, test_vfio_fd);
