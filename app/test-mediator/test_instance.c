/* SPDX-License-Identifier: BSD-3-Clause */

/* Whose folder it is: those that were killed, those that start at once, and races. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "log.h"
#include "publish.h"
#include "publish_place.h"
#include "test.h"

/*
 * The linker puts this in the place of flock(2), to have something happen between opening
 * the file and locking it.
 */
int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);

static void (*before_lock)(void);

int
__wrap_flock(int fd, int operation)
{
	void (*before)(void) = before_lock;

	before_lock = NULL;
	if (before != NULL)
		before();
	return __real_flock(fd, operation);
}

static void
end_other(void)
{
	unlink(place_path("m/lock"));
	rmdir(place_path("m"));
}

/* What was opened belongs to one that ends and removes it: another one is made. */
static int
test_ended_meanwhile(void)
{
	struct publish *publish, *other;

	before_lock = end_other;
	TEST_ASSERT_SUCCESS(publish_open(place.root, "m", &publish), "%s", place.message);
	TEST_ASSERT(before_lock == NULL, "nothing was locked");
	TEST_ASSERT(place_has("m/lock") && place_has("m/mdev_supported_types"),
		"in a folder that is gone:\n%s", place_list());
	TEST_ASSERT_EQUAL(publish_open(place.root, "m", &other), -EBUSY, "not locked");
	publish_close(publish);
	return TEST_SUCCESS;
}

static int
test_killed(void)
{
	struct publish *publish;

	TEST_ASSERT_SUCCESS(place_killed("m", UUID_A), "no mediator");
	TEST_ASSERT(place_has("devices/" UUID_A) && place_has("m/" UUID_A "/socket") &&
		place_has("m/ctl"), "nothing was left");
	TEST_ASSERT_SUCCESS(publish_open(place.root, "m", &publish), "%s", place.message);
	TEST_ASSERT(!place_has("devices/" UUID_A) && !place_has("m/" UUID_A) &&
		!place_has("m/ctl"), "still there:\n%s", place_list());
	publish_close(publish);
	TEST_ASSERT(strcmp(place_list(), EMPTY_ROOT) == 0, "left:\n%s", place.listing);
	TEST_ASSERT(place.message[0] == '\0', "%s", place.message);
	return TEST_SUCCESS;
}

/*
 * Somebody who holds the lock of a dead one, as whoever cleans up does: is waited for.
 * The child lets go once the parent has tried.
 */
static int
test_locked_a_moment(void)
{
	struct publish *publish;
	char event[512], c;
	int fds[2], lock, watch;
	pid_t pid;

	TEST_ASSERT_SUCCESS(place_killed("m", UUID_A), "no mediator");
	TEST_ASSERT_SUCCESS(pipe(fds), "pipe");
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		lock = open(place_path("m/lock"), O_RDWR);
		watch = inotify_init();
		if (flock(lock, LOCK_EX | LOCK_NB) < 0 ||
				inotify_add_watch(watch, place_path("m/lock"), IN_OPEN) < 0 ||
				write(fds[1], "1", 1) != 1)
			_exit(1);
		_exit(read(watch, event, sizeof(event)) > 0 ? 0 : 1);
	}
	TEST_ASSERT(read(fds[0], &c, 1) == 1, "the child does not hold it");
	TEST_ASSERT_SUCCESS(publish_open(place.root, "m", &publish), "%s", place.message);
	publish_close(publish);
	close(fds[0]);
	close(fds[1]);
	TEST_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid, "no child");
	return TEST_SUCCESS;
}

/* Of other names: the dead are cleaned up after, the living are left alone. */
static int
test_killed_other(void)
{
	struct publish *living, *publish;
	char path[PUBLISH_PATH_LEN];

	TEST_ASSERT_SUCCESS(place_killed("dead", UUID_A), "no mediator");
	TEST_ASSERT_SUCCESS(symlink("../gone/" UUID_A, place_path("devices/gone")), "link");
	TEST_ASSERT_SUCCESS(symlink("../gone/00000003-abcd-4ef0-9abc-def012345678",
		place_path("devices/00000003-abcd-4ef0-9abc-def012345678")), "link");
	TEST_ASSERT_SUCCESS(publish_open(place.root, "living", &living), "%s", place.message);
	TEST_ASSERT(!place_has("dead") && !place_has("gone"), "not removed:\n%s", place_list());
	TEST_ASSERT_SUCCESS(publish_add(living, UUID_B, -1, path), "%s", place.message);
	TEST_ASSERT_SUCCESS(publish_show(living, UUID_B), "%s", place.message);
	TEST_ASSERT_SUCCESS(publish_open(place.root, "m", &publish), "%s", place.message);
	TEST_ASSERT(place_has("devices/" UUID_B) && place_has("living/" UUID_B),
		"the living one was removed:\n%s", place_list());
	publish_close(publish);
	TEST_ASSERT(place_has("devices/" UUID_B), "the living one was removed");
	publish_close(living);
	TEST_ASSERT(strcmp(place_list(), "/devices 755\n/devices/gone -> ../gone/" UUID_A " 0\n")
		== 0, "not what is no device's:\n%s", place.listing);
	return TEST_SUCCESS;
}


#define RACERS 6
#define ROUNDS 400

/* Run race(n) in so many processes at the same time; their exit statuses are added. */
static int
run_racers(int (*race)(int number, int wait_fd))
{
	int fds[2], status, sum = 0, i;
	pid_t pids[RACERS];

	fflush(stdout);
	if (pipe(fds) < 0)
		return -1;
	for (i = 0; i < RACERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			close(fds[1]);
			log_set_level(LOG_EMERG);
			_exit(race(i, fds[0]));
		}
	}
	close(fds[0]);
	close(fds[1]); /* they are off */
	for (i = 0; i < RACERS; i++) {
		if (waitpid(pids[i], &status, 0) < 0 || !WIFEXITED(status) ||
				WEXITSTATUS(status) >= 100)
			return -1;
		sum += WEXITSTATUS(status);
	}
	return sum;
}

static void
wait_for_all(int fd)
{
	char c;

	if (read(fd, &c, 1) != 0)
		_exit(100);
}

/* A folder that one at a time can make. */
static bool
alone(void)
{
	return mkdir(place_path("alone"), 0700) == 0 && rmdir(place_path("alone")) == 0;
}

/* Start and end, again and again, under one name: never two at once, no other failure. */
static int
race_name(int number, int wait_fd)
{
	char path[PUBLISH_PATH_LEN];
	struct publish *publish;
	int i, ret, got = 0;

	wait_for_all(wait_fd);
	for (i = 0; i < ROUNDS; i++) {
		ret = publish_open(place.root, "m", &publish);
		/* the last two: each time that it looked, another one ended meanwhile */
		if (ret == -EBUSY || ret == -EAGAIN || ret == -ENOENT)
			continue;
		if (ret < 0 || !alone() || publish_add(publish, UUID_A, -1, path) < 0 ||
				publish_show(publish, UUID_A) < 0 || !alone() ||
				!place_has("devices/" UUID_A))
			return 100;
		if (i == ROUNDS / 2 && number == 0) {
			/* as if it were killed, but for the lock, which goes here */
			_exit(1);
		}
		publish_close(publish);
		got = 1;
	}
	return got;
}

static int
test_race_name(void)
{
	struct publish *publish;
	int sum;

	TEST_ASSERT_SUCCESS(mkdir(place.root, 0755), "mkdir");
	sum = run_racers(race_name);
	TEST_ASSERT(sum >= 1, "%d", sum);
	TEST_ASSERT_SUCCESS(publish_open(place.root, "m", &publish), "%s", place.message);
	publish_close(publish);
	TEST_ASSERT(strcmp(place_list(), EMPTY_ROOT) == 0, "left:\n%s", place.listing);
	return TEST_SUCCESS;
}

/* The last of those that do not have it ends the wait of the one that has. */
static void
race_lost(int number)
{
	char name[16];
	int i, lost = 0;

	snprintf(name, sizeof(name), "lost%d", number);
	mkdir(place_path(name), 0700);
	for (i = 0; i < RACERS; i++) {
		snprintf(name, sizeof(name), "lost%d", i);
		lost += place_has(name);
	}
	if (lost >= RACERS - 1)
		mkdir(place_path("over"), 0700);
}

/* Several mediators want one UUID, in the place of a dead one: exactly one has it. */
static int
race_uuid(int number, int wait_fd)
{
	char path[PUBLISH_PATH_LEN], name[16];
	struct publish *publish = NULL;
	int i, ret;

	snprintf(name, sizeof(name), "m%d", number);
	wait_for_all(wait_fd);
	ret = publish_open(place.root, name, &publish);
	if (ret == 0)
		ret = publish_add(publish, UUID_A, -1, path);
	if (ret == 0)
		ret = publish_show(publish, UUID_A);
	if (ret < 0)
		race_lost(number);
	/* the others are to find it, so it stays; that many turns are far more than enough */
	for (i = 0; ret == 0 && !place_has("over"); i++) {
		if (i == 20000)
			ret = -ETIMEDOUT;
		usleep(1000);
	}
	publish_close(publish);
	return ret == 0 ? 1 : ret == -EEXIST ? 0 : 100;
}

static int
test_race_uuid(void)
{
	int i, sum;

	for (i = 0; i < ROUNDS / 40; i++) {
		TEST_ASSERT_SUCCESS(place_killed("dead", UUID_A), "no mediator");
		sum = run_racers(race_uuid);
		TEST_ASSERT_EQUAL(sum, 1, "round %d: %d have it", i, sum);
		TEST_ASSERT(!place_has("devices/" UUID_A), "it is left");
		place_remove(".");
	}
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: whose folder it is",
	.unit_test_cases = {
		TEST_CASE_ST(place_start, place_stop, test_ended_meanwhile),
		TEST_CASE_ST(place_start, place_stop, test_killed),
		TEST_CASE_ST(place_start, place_stop, test_locked_a_moment),
		TEST_CASE_ST(place_start, place_stop, test_killed_other),
		TEST_CASE_ST(place_start, place_stop, test_race_name),
		TEST_CASE_ST(place_start, place_stop, test_race_uuid),
		TEST_CASES_END()
	},
};

static int
test_instance(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(instance_autotest, test_instance);
