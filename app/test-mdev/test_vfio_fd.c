/* SPDX-License-Identifier: BSD-3-Clause */

/* Fds of others: what they are, and that closing them keeps nobody waiting. */

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include <vfio_fd.h>
#include <vfio_private.h>

#include "held.h"
#include "lingering.h"
#include "test.h"
#include "test_compat.h"

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

/* A thread of this process by its name: its id, or -1. */
static pid_t
thread_named(const char *name)
{
	DIR *dir = opendir("/proc/self/task");
	char path[PATH_MAX], found[32];
	struct dirent *dirent;
	pid_t tid = -1;
	FILE *file;

	while (tid < 0 && dir != NULL && (dirent = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", dirent->d_name);
		file = fopen(path, "re");
		if (file == NULL)
			continue;
		if (fgets(found, sizeof(found), file) != NULL) {
			found[strcspn(found, "\n")] = '\0';
			if (strcmp(found, name) == 0)
				tid = atoi(dirent->d_name);
		}
		fclose(file);
	}
	if (dir != NULL)
		closedir(dir);
	return tid;
}

static test_thread_result
where_am_i(void *arg)
{
	sched_getaffinity(0, sizeof(cpu_set_t), arg);
	return 0;
}

/* Closing takes no time of an lcore: it is done where EAL's control threads are. */
static int
test_place(void)
{
	cpu_set_t control, closer;
	struct lingering l;
	pthread_t thread;
	pid_t tid;
	int ret;

	CPU_ZERO(&control);
	CPU_ZERO(&closer);
	TEST_ASSERT_SUCCESS(test_thread_create(&thread, "where", where_am_i, &control),
		"no thread");
	pthread_join(thread, NULL);
	ret = lingering_open(&l);
	if (ret != TEST_SUCCESS)
		return ret;
	vfio_fd_close(&l.fd, 1);
	tid = thread_named("vfio-close");
	ret = tid < 0 ? -1 : sched_getaffinity(tid, sizeof(closer), &closer);
	lingering_end(&l);
	TEST_ASSERT_SUCCESS(ret, "no such thread");
	TEST_ASSERT(CPU_COUNT(&control) > 0 && CPU_EQUAL(&control, &closer),
		"on another processor than control threads");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "common/vfio: fds of other processes",
	.unit_test_cases = {
		TEST_CASE(test_kinds),
		TEST_CASE(test_close),
		TEST_CASE(test_slow),
		TEST_CASE(test_place),
		TEST_CASES_END()
	}
};

static int
test_vfio_fd(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vfio_fd_autotest, test_vfio_fd);
