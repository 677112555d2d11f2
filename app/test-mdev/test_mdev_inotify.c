/* SPDX-License-Identifier: BSD-3-Clause */

/* Devices of mediators in user space that come and go. */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include <rte_dev.h>

#include <private.h>

#include "captured_log.h"
#include "fault_inject.h"
#include "made_up_sysfs.h"
#include "made_up_user.h"
#include "test.h"

/* Longest time that a test waits for another thread. */
#define WAIT_S 10

/* What was heard, as "+1-1": added and removed, by the first digits of the UUID. */
static struct {
	pthread_mutex_t lock;
	char text[1024];
} heard = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void
on_event(const char *name, enum rte_dev_event_type type, void *arg __rte_unused)
{
	size_t len;

	pthread_mutex_lock(&heard.lock);
	len = strlen(heard.text);
	snprintf(heard.text + len, sizeof(heard.text) - len, "%c%lx",
		type == RTE_DEV_EVENT_ADD ? '+' : '-', strtoul(name, NULL, 16));
	pthread_mutex_unlock(&heard.lock);
}

/* Wait until so much was heard; what is wrong or too much is seen then. */
static bool
hears_either(const char *expected, const char *other)
{
	bool done = false;
	unsigned int i;

	for (i = 0; !done && i < WAIT_S * 1000; i++) {
		pthread_mutex_lock(&heard.lock);
		done = strlen(heard.text) >= strlen(expected);
		pthread_mutex_unlock(&heard.lock);
		if (!done)
			usleep(1000);
	}
	pthread_mutex_lock(&heard.lock);
	done = strcmp(heard.text, expected) == 0 || strcmp(heard.text, other) == 0;
	if (!done)
		printf("    heard %s, not %s\n", heard.text, expected);
	pthread_mutex_unlock(&heard.lock);
	return done;
}

static bool
hears(const char *expected)
{
	return hears_either(expected, expected);
}

static int
start(void)
{
	heard.text[0] = '\0';
	if (made_up_user_start() < 0)
		return TEST_FAILED;
	return rte_dev_event_callback_register(NULL, on_event, NULL);
}

static void
stop(void)
{
	mdev_inotify_stop();
	rte_dev_event_callback_unregister(NULL, on_event, NULL);
	made_up_user_stop();
}

static int
make(unsigned int i)
{
	return made_up_user_device(0, made_up_uuid(i));
}

static int
test_come_and_go(void)
{
	TEST_ASSERT_SUCCESS(make(1), "not made");
	TEST_ASSERT_SUCCESS(mdev_inotify_start(), "not started");
	TEST_ASSERT_SUCCESS(mdev_inotify_start(), "not started twice");
	TEST_ASSERT_SUCCESS(make(2), "not made");
	TEST_ASSERT(hears("+2"), "wrong");
	TEST_ASSERT_SUCCESS(made_up_user_remove(0, made_up_uuid(1)), "kept");
	TEST_ASSERT(hears("+2-1"), "wrong");
	TEST_ASSERT_SUCCESS(make(1), "not made");
	TEST_ASSERT_SUCCESS(made_up_user_remove(0, made_up_uuid(2)), "kept");
	TEST_ASSERT(hears("+2-1+1-2"), "wrong");
	return TEST_SUCCESS;
}

/* No folder at the start, and several that come one below the other. */
static int
test_no_root(void)
{
	unsigned int i;

	TEST_ASSERT_SUCCESS(mdev_inotify_start(), "not started");
	for (i = 1; i <= 3; i++) {
		heard.text[0] = '\0';
		TEST_ASSERT_SUCCESS(make(1), "not made");
		TEST_ASSERT(hears("+1"), "round %u", i);
		TEST_ASSERT_SUCCESS(made_up_user_remove(0, made_up_uuid(1)),
			"kept");
		TEST_ASSERT(hears("+1-1"), "round %u", i);
		/* away goes the root, and what is above it */
		TEST_ASSERT_SUCCESS(rmdir(made_up_user_root(0)), "kept");
		if (i == 2)
			TEST_ASSERT_SUCCESS(rename(made_up_user_path(0, ""),
				made_up_user_path(0, "../old")), "not moved");
	}
	return TEST_SUCCESS;
}

/* Moves a folder that is about to be watched, once; the kernel tells of no such move. */
static char moves[PATH_MAX];
static bool moved;

static const char *
move_first(const char *path)
{
	const char *to = made_up_user_path(0, "../old");

	if (moved || strcmp(path, moves) != 0 || rename(path, to) < 0)
		return path;
	moved = true;
	return to;
}

static int
start_while_moved(const char *path)
{
	int ret;

	snprintf(moves, sizeof(moves), "%s", path);
	if (moves[strlen(moves) - 1] == '/')
		moves[strlen(moves) - 1] = '\0';
	moved = false;
	fault_watch_hook = move_first;
	ret = mdev_inotify_start();
	fault_watch_hook = NULL;
	return ret;
}

/* What is watched in vain must not be waited for: the root, and the folder above it. */
static int
test_moved_before_watched(void)
{
	TEST_ASSERT_SUCCESS(make(1), "not made");
	TEST_ASSERT_SUCCESS(start_while_moved(made_up_user_root(0)), "not started");
	TEST_ASSERT(moved, "not watched");
	TEST_ASSERT_SUCCESS(make(2), "not made");
	TEST_ASSERT(hears("+2"), "the root");
	mdev_inotify_stop();

	heard.text[0] = '\0';
	TEST_ASSERT_SUCCESS(made_up_user_remove(0, made_up_uuid(2)), "kept");
	TEST_ASSERT_SUCCESS(rmdir(made_up_user_root(0)), "kept");
	TEST_ASSERT_SUCCESS(rename(made_up_user_path(0, "../old"),
		made_up_user_path(0, "../older")), "not moved");
	TEST_ASSERT_SUCCESS(start_while_moved(made_up_user_path(0, "")), "not started");
	TEST_ASSERT(moved, "not watched");
	TEST_ASSERT_SUCCESS(make(3), "not made");
	TEST_ASSERT(hears("+3"), "the folder above it");
	return TEST_SUCCESS;
}

/* A root that is moved away lists nothing any more. */
static int
test_root_moves(void)
{
	TEST_ASSERT_SUCCESS(make(1), "not made");
	TEST_ASSERT_SUCCESS(make(2), "not made");
	TEST_ASSERT_SUCCESS(mdev_inotify_start(), "not started");
	TEST_ASSERT_SUCCESS(rename(made_up_user_root(0),
		made_up_user_path(0, "elsewhere")), "not moved");
	TEST_ASSERT(hears("-2-1"), "wrong");
	TEST_ASSERT_SUCCESS(rename(made_up_user_path(0, "elsewhere"),
		made_up_user_root(0)), "not moved");
	/* in the order of the folder, which is any */
	TEST_ASSERT(hears_either("-2-1+1+2", "-2-1+2+1"), "wrong");
	return TEST_SUCCESS;
}

/* A device is told of when it can be attached, whatever comes last. */
static int
test_socket_late(void)
{
	const char *uuid = made_up_uuid(1);

	TEST_ASSERT_SUCCESS(made_up_user_make(0), "not made");
	TEST_ASSERT_SUCCESS(mdev_inotify_start(), "not started");
	TEST_ASSERT_SUCCESS(made_up_user_folder(0, uuid), "not made");
	TEST_ASSERT_SUCCESS(made_up_user_link(0, uuid), "not made");
	TEST_ASSERT_SUCCESS(make(2), "not made");
	TEST_ASSERT(hears("+2"), "told without a socket");
	TEST_ASSERT_SUCCESS(made_up_user_socket(0, uuid), "not made");
	TEST_ASSERT(hears("+2+1"), "wrong");
	TEST_ASSERT_SUCCESS(made_up_user_remove(0, uuid), "kept");
	TEST_ASSERT(hears("+2+1-1"), "wrong");

	/* one that never had it goes in silence */
	TEST_ASSERT_SUCCESS(made_up_user_folder(0, uuid), "not made");
	TEST_ASSERT_SUCCESS(made_up_user_link(0, uuid), "not made");
	TEST_ASSERT_SUCCESS(made_up_user_remove(0, uuid), "kept");
	TEST_ASSERT_SUCCESS(made_up_user_remove(0, made_up_uuid(2)), "kept");
	TEST_ASSERT(hears("+2+1-1-2"), "wrong");
	return TEST_SUCCESS;
}

/* The same name again is another device. */
static int
test_replaced(void)
{
	TEST_ASSERT_SUCCESS(make(1), "not made");
	TEST_ASSERT_SUCCESS(mdev_inotify_start(), "not started");
	TEST_ASSERT_SUCCESS(made_up_user_remove(0, made_up_uuid(1)), "kept");
	TEST_ASSERT_SUCCESS(make(1), "not made");
	TEST_ASSERT(hears("-1+1"), "wrong");
	return TEST_SUCCESS;
}

/* So it is when it takes the place of the first by rename(2), as "ln -sfn" does it. */
static int
test_renamed_over(void)
{
	const char *uuid = made_up_uuid(1);
	char link[64];

	TEST_ASSERT_SUCCESS(make(1), "not made");
	TEST_ASSERT_SUCCESS(mdev_inotify_start(), "not started");
	snprintf(link, sizeof(link), "devices/%s", uuid);
	TEST_ASSERT_SUCCESS(rename(made_up_user_path(0, link),
		made_up_user_path(0, "devices/old")), "not moved");
	TEST_ASSERT(hears("-1"), "wrong");
	TEST_ASSERT_SUCCESS(made_up_user_link(0, uuid), "not made");
	TEST_ASSERT(hears("-1+1"), "wrong");
	TEST_ASSERT_SUCCESS(rename(made_up_user_path(0, "devices/old"),
		made_up_user_path(0, link)), "not moved");
	TEST_ASSERT(hears("-1+1-1+1"), "not noticed");
	/* the same one again is no news */
	TEST_ASSERT_SUCCESS(chmod(made_up_user_root(0), 0711), "not changed");
	TEST_ASSERT_SUCCESS(make(2), "not made");
	TEST_ASSERT(hears("-1+1-1+1+2"), "wrong");
	return TEST_SUCCESS;
}

/* Two roots, of which one is an ancestor's neighbour of the other. */
static int
test_two_roots(void)
{
	setenv("MDEV_DEVICES", made_up_user_root(1), 1);
	TEST_ASSERT_SUCCESS(mdev_inotify_start(), "not started");
	TEST_ASSERT_SUCCESS(made_up_user_device(1, made_up_uuid(1)), "not made");
	TEST_ASSERT(hears("+1"), "wrong");
	TEST_ASSERT_SUCCESS(made_up_user_device(0, made_up_uuid(2)), "not made");
	TEST_ASSERT(hears("+1+2"), "wrong");
	TEST_ASSERT_SUCCESS(made_up_user_remove(1, made_up_uuid(1)), "kept");
	TEST_ASSERT(hears("+1+2-1"), "wrong");
	return TEST_SUCCESS;
}

/* Nobody is told of what a scan would not list. */
static int
test_trust(void)
{
	TEST_ASSERT_SUCCESS(make(1), "not made");
	TEST_ASSERT_SUCCESS(chmod(made_up_user_root(0), 0777), "not changed");
	TEST_ASSERT_SUCCESS(captured_log_start(), "no log");
	TEST_ASSERT_SUCCESS(mdev_inotify_start(), "not started");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines(made_up_user_root(0)), 1, "not said");
	TEST_ASSERT_SUCCESS(make(2), "not made");
	TEST_ASSERT_SUCCESS(made_up_user_remove(0, made_up_uuid(2)), "kept");
	/* mended */
	TEST_ASSERT_SUCCESS(chmod(made_up_user_root(0), 0755), "not changed");
	TEST_ASSERT(hears("+1"), "wrong");
	TEST_ASSERT_SUCCESS(chmod(made_up_user_root(0), 0775), "not changed");
	TEST_ASSERT(hears("+1-1"), "wrong");
	return TEST_SUCCESS;
}

static int
test_hundreds(void)
{
	unsigned int i, count = 0;
	const char *c;

	TEST_ASSERT_SUCCESS(mdev_inotify_start(), "not started");
	for (i = 1; i <= 200; i++)
		TEST_ASSERT_SUCCESS(make(i), "not made");
	for (i = 0; i < WAIT_S * 1000 && count < 200; i++) {
		usleep(1000);
		count = 0;
		pthread_mutex_lock(&heard.lock);
		for (c = heard.text; *c != '\0'; c++)
			count += *c == '+';
		pthread_mutex_unlock(&heard.lock);
	}
	TEST_ASSERT_EQUAL(count, 200, "%u heard", count);
	return TEST_SUCCESS;
}

static int
test_faults(void)
{
	TEST_ASSERT_SUCCESS(make(1), "not made");
	TEST_ASSERT_SUCCESS(made_up_user_folder(0, made_up_uuid(2)), "not made");
	TEST_ASSERT_SUCCESS(made_up_user_link(0, made_up_uuid(2)), "not made");
	setenv("MDEV_DEVICES", made_up_user_root(1), 1);
	TEST_ASSERT_SUCCESS(fault_each(mdev_inotify_start, mdev_inotify_stop),
		"something is left");
	return TEST_SUCCESS;
}

#define CASE(fn) TEST_CASE_ST(start, stop, fn)

static struct unit_test_suite suite = {
	.suite_name = "bus/mdev: user-space devices that come and go",
	.unit_test_cases = {
		CASE(test_come_and_go),
		CASE(test_no_root),
		CASE(test_moved_before_watched),
		CASE(test_root_moves),
		CASE(test_socket_late),
		CASE(test_replaced),
		CASE(test_renamed_over),
		CASE(test_two_roots),
		CASE(test_trust),
		CASE(test_hundreds),
		CASE(test_faults),
		TEST_CASES_END()
	}
};

static int
test_mdev_inotify(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(mdev_inotify_autotest, test_mdev_inotify);
