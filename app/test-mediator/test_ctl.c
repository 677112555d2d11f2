/* SPDX-License-Identifier: BSD-3-Clause */

/* The control socket: what it answers, and what those get who want to disturb it. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "config.h"
#include "ctl.h"
#include "ctl_world.h"
#include "fdmsg.h"
#include "foreign_fd.h"
#include "publish_place.h"
#include "test.h"

#define IDLE "  client -        backend down  pairs 0    rings -       link down\n"

static bool
is_listed(const char *uuid)
{
	char name[64];

	snprintf(name, sizeof(name), "devices/%s", uuid);
	return place_has(name);
}

static bool
is_published(const char *uuid)
{
	char name[64];
	struct stat st;

	snprintf(name, sizeof(name), "devices/%s/socket", uuid);
	return stat(place_path(name), &st) == 0 && S_ISSOCK(st.st_mode);
}

static int
test_commands(void)
{
	const char *got;

	got = cw_ask("list\n");
	TEST_ASSERT(strcmp(got, "ok 0\n") == 0, "%s", got);
	got = cw_ask("add uuid=" UUID_B ",backend=/nowhere/b.sock\n");
	TEST_ASSERT(strcmp(got, "ok 37\n" UUID_B "\n") == 0, "%s", got);
	TEST_ASSERT(is_published(UUID_B), "not published");
	got = cw_ask("add backend=/nowhere/a.sock,uuid=00000001-ABCD-4ef0-9abc-def012345678\n");
	TEST_ASSERT(strcmp(got, "ok 37\n" UUID_A "\n") == 0, "%s", got);
	got = cw_ask("list\n");
	TEST_ASSERT(strcmp(got, "ok 206\n" UUID_A IDLE UUID_B IDLE) == 0, "%s", got);
	got = cw_ask("show 00000001-ABCD-4ef0-9abc-def012345678\n");
	TEST_ASSERT(strncmp(got, "ok ", 3) == 0 && strstr(got, "\nuuid: " UUID_A "\n") &&
		strstr(got, "\nbackend: /nowhere/a.sock\nbackend_mode: connect\n"
		"backend_state: down\n"), "%s", got);
	got = cw_ask("remove 00000001-ABCD-4ef0-9abc-def012345678\n");
	TEST_ASSERT(strcmp(got, "ok 0\n") == 0, "%s", got);
	TEST_ASSERT(!is_published(UUID_A) && is_published(UUID_B), "not the one");
	got = cw_ask("list\n");
	TEST_ASSERT(strcmp(got, "ok 103\n" UUID_B IDLE) == 0, "%s", got);
	TEST_ASSERT_EQUAL(ctl_clients(cw.ctl), 0u, "%u clients", ctl_clients(cw.ctl));
	return TEST_SUCCESS;
}

#define UNKNOWN "error: unknown request: list, show UUID, add SPEC or remove UUID\n"
#define NO_UUID ": not a UUID: give one that ctl list shows\n"
#define NO_TIME "error: not a time: give milliseconds, an hour at most\n"

static int
test_bad_requests(void)
{
	static const struct {
		const char *request, *answer;
	} cases[] = {
		{ "\n", UNKNOWN },
		{ " \n", UNKNOWN },
		{ "LIST\n", UNKNOWN },
		{ "list \n", UNKNOWN },
		{ "list all\n", UNKNOWN },
		{ "show\n", UNKNOWN },
		{ "remove\n", UNKNOWN },
		{ "add\n", UNKNOWN },
		{ "lis", "" }, /* and gone */
		{ "show \n", "error: " NO_UUID },
		{ "show auto\n", "error: auto" NO_UUID },
		{ "remove \x1b[2J\n", "error: \\x1b[2J" NO_UUID },
		{ "remove " UUID_B " \n", NO_TIME },
		{ "remove " UUID_B " 3600001\n", NO_TIME },
		{ "remove " UUID_B " 1 1\n", NO_TIME },
		{ "remove " UUID_B " unused \n", NO_TIME },
		{ "remove  1\n", "error: " NO_UUID },
		{ "show " UUID_B "\n", "error: mdev:" UUID_B ": no such device: see ctl list\n" },
		{ "remove " UUID_B " unused\n",
			"error: mdev:" UUID_B ": no such device: see ctl list\n" },
		{ "remove " UUID_B "\n",
			"error: mdev:" UUID_B ": no such device: see ctl list\n" },
		{ "add uuid=" UUID_A ",backend=/x\n", "error: mdev:" UUID_A
			": already a device of this mediator: remove it first, or use another UUID\n" },
		{ "add uuid=auto\n", "error: ctl add: backend is missing: add backend=<path of the vhost-user socket>\n" },
		{ "add uuid=\xff,backend=/x\n", "error: ctl add: uuid=\\xff: not a UUID: 32 hexadecimal digits as 8-4-4-4-12, or auto for a new one\n" },
	};
	const char *got;
	size_t i;
	int fd;

	TEST_ASSERT(strncmp(cw_ask("add uuid=" UUID_A ",backend=/x\n"), "ok ", 3) == 0, "%s",
		cw.answer);
	for (i = 0; i < RTE_DIM(cases); i++) {
		if (cases[i].answer[0] == '\0') {
			fd = cw_connect();
			TEST_ASSERT(send(fd, cases[i].request, 3, MSG_NOSIGNAL) == 3, "send");
			cw_settle();
			close(fd);
			cw_settle();
		} else {
			got = cw_ask(cases[i].request);
			TEST_ASSERT(strcmp(got, cases[i].answer) == 0, "%zu: %s", i, got);
		}
		TEST_ASSERT_EQUAL(ctl_clients(cw.ctl), 0u, "%zu: still connected", i);
	}
	got = cw_ask_bytes("list\0\n", 6);
	TEST_ASSERT(strcmp(got, "error: the request has a zero byte: send text\n") == 0,
		"%s", got);
	printf("    %zu bad requests\n", i + 1);
	TEST_ASSERT_EQUAL(cw.mediator.count, 1u, "%u devices", cw.mediator.count);
	return TEST_SUCCESS;
}

/* A byte at a time; and one that never ends. */
static int
test_pieces(void)
{
	static char endless[CTL_REQUEST_LEN];
	const char *request = "list\nlist\n", *got;
	size_t len = 0, i;
	int fd = cw_connect();

	for (i = 0; request[i] != '\n'; i++) {
		TEST_ASSERT_EQUAL(send(fd, &request[i], 1, MSG_NOSIGNAL), 1, "send");
		cw_settle();
		TEST_ASSERT(!cw_receive(fd, &len) && len == 0, "answered early: %s", cw.answer);
	}
	TEST_ASSERT_EQUAL(send(fd, &request[i], 1, MSG_NOSIGNAL), 1, "send");
	cw_settle();
	TEST_ASSERT(cw_receive(fd, &len) && strcmp(cw.answer, "ok 0\n") == 0, "%s", cw.answer);
	close(fd);
	memset(endless, 'l', sizeof(endless));
	got = cw_ask_bytes(endless, sizeof(endless));
	TEST_ASSERT(strcmp(got, "error: the request is too long: shorten it\n") == 0, "%s",
		got);
	endless[sizeof(endless) - 1] = '\n';
	got = cw_ask_bytes(endless, sizeof(endless));
	TEST_ASSERT(strcmp(got, UNKNOWN) == 0, "%s", got);
	return TEST_SUCCESS;
}

/* Files that come with a request are closed. */
static int
test_files(void)
{
	int fd = cw_connect(), pair[2];
	size_t len = 0;
	char c;

	TEST_ASSERT_SUCCESS(pipe(pair), "pipe");
	TEST_ASSERT_EQUAL(fdmsg_send(fd, "list\n", 5, &pair[1], 1), 5, "send");
	close(pair[1]);
	cw_settle();
	TEST_ASSERT(cw_receive(fd, &len) && strcmp(cw.answer, "ok 0\n") == 0, "%s", cw.answer);
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	TEST_ASSERT_EQUAL(read(pair[0], &c, 1), 0, "the mediator has kept it");
	close(pair[0]);
	close(fd);
	return TEST_SUCCESS;
}

/* More than are served at a time wait, and are served when others are gone. */
static int
test_crowd(void)
{
	int fds[CTL_MAX_CLIENTS + 4];
	size_t len;
	unsigned int i;

	for (i = 0; i < RTE_DIM(fds); i++) {
		fds[i] = cw_connect();
		TEST_ASSERT(fds[i] >= 0, "%u: not connected", i);
		TEST_ASSERT(i < CTL_MAX_CLIENTS ||
			send(fds[i], "list\n", 5, MSG_NOSIGNAL) == 5, "send");
		cw_settle();
	}
	TEST_ASSERT_EQUAL(ctl_clients(cw.ctl), (unsigned int)CTL_MAX_CLIENTS, "%u clients",
		ctl_clients(cw.ctl));
	TEST_ASSERT_EQUAL(loop_once(cw.loop, 0), 0, "those that wait keep the mediator busy");
	close(fds[0]);
	cw_settle();
	for (i = CTL_MAX_CLIENTS; i < RTE_DIM(fds); i++) {
		len = 0;
		TEST_ASSERT(cw_receive(fds[i], &len) && strcmp(cw.answer, "ok 0\n") == 0,
			"%u: %s", i, cw.answer);
	}
	for (i = 1; i < RTE_DIM(fds); i++)
		close(fds[i]);
	cw_settle();
	TEST_ASSERT_EQUAL(ctl_clients(cw.ctl), 0u, "%u clients", ctl_clients(cw.ctl));
	return TEST_SUCCESS;
}

/* Those that say nothing, or not all of it, are gone when their time is over. */
static int
test_limit(void)
{
	int fds[3], i;
	size_t len;

	for (i = 0; i < 3; i++)
		fds[i] = cw_connect();
	TEST_ASSERT_EQUAL(send(fds[0], "lis", 3, MSG_NOSIGNAL), 3, "send");
	for (i = 0; i < 3; i++) {
		len = 0;
		TEST_ASSERT(cw_receive_all(fds[i], &len), "%d: still connected", i);
		TEST_ASSERT_EQUAL(len, 0u, "%s", cw.answer);
		close(fds[i]);
	}
	TEST_ASSERT_EQUAL(ctl_clients(cw.ctl), 0u, "%u clients", ctl_clients(cw.ctl));
	return TEST_SUCCESS;
}

#define MANY 128

static int
add_many(void)
{
	char spec[128], error[CONFIG_ERROR_LEN];
	struct device_conf conf;
	unsigned int i;

	for (i = 0; i < MANY; i++) {
		snprintf(spec, sizeof(spec), "uuid=%08x-abcd-4ef0-9abc-def012345678,backend=/nowhere/x",
			i);
		TEST_ASSERT_SUCCESS(config_spec("x", spec, &conf, error), "%s", error);
		TEST_ASSERT_SUCCESS(mediator_add(&cw.mediator, &conf), "device %u", i);
	}
	return TEST_SUCCESS;
}

/* An answer that does not fit into the socket goes piece by piece, and to all. */
static int
test_slow(void)
{
	struct rlimit limit;
	size_t len = 0, before;
	unsigned int pieces = 0, i;
	int fd, other;
	bool ended;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	TEST_ASSERT_SUCCESS(add_many(), "devices");
	fd = cw_connect();
	other = cw_connect();
	TEST_ASSERT(send(fd, "list\n", 5, MSG_NOSIGNAL) == 5 &&
		send(other, "list\n", 5, MSG_NOSIGNAL) == 5, "send");
	cw_settle();
	TEST_ASSERT_EQUAL(ctl_clients(cw.ctl), 2u, "all was sent at once");
	for (i = 0; i < 1000; i++) {
		before = len;
		ended = cw_receive(fd, &len);
		pieces += len > before;
		if (ended)
			break;
		cw_settle();
	}
	printf("    %zu bytes in %u pieces\n", len, pieces);
	TEST_ASSERT(pieces > 1 && len == strlen("ok 13184\n") + MANY * strlen(UUID_A IDLE), "%zu", len);
	TEST_ASSERT(strncmp(cw.answer, "ok 13184\n00000000-", 18) == 0, "%s", cw.answer);
	TEST_ASSERT_EQUAL(ctl_clients(cw.ctl), 1u, "the other one was served too");
	close(other); /* which has read nothing */
	close(fd);
	cw_settle();
	TEST_ASSERT_EQUAL(ctl_clients(cw.ctl), 0u, "%u clients", ctl_clients(cw.ctl));
	return TEST_SUCCESS;
}

/* All fds are in use: who controls can still see what is there, and end it. */
static int
test_no_fds(void)
{
	int fds[1024], client[2], i, n = 0;
	struct rlimit old, limit;
	const char *got;

	TEST_ASSERT(strncmp(cw_ask("add uuid=" UUID_A ",backend=/x\n"), "ok ", 3) == 0, "%s",
		cw.answer);
	getrlimit(RLIMIT_NOFILE, &old);
	limit = old;
	limit.rlim_cur = 256;
	setrlimit(RLIMIT_NOFILE, &limit);
	for (i = 0; i < 2; i++)
		client[i] = cw_connect();
	while (n < 1024 && (fds[n] = dup(0)) >= 0)
		n++;
	TEST_ASSERT(n < 1024 && errno == EMFILE, "fds without end");
	TEST_ASSERT(send(client[0], "remove " UUID_A "\n", 44, MSG_NOSIGNAL) == 44 &&
		send(client[1], "list\n", 5, MSG_NOSIGNAL) == 5, "send");
	for (i = 0; i < 2; i++) {
		size_t len = 0;

		TEST_ASSERT(cw_receive_all(client[i], &len), "%d: not served", i);
		close(client[i]);
		TEST_ASSERT(strcmp(cw.answer, "ok 0\n") == 0, "%d: %s", i, cw.answer);
	}
	TEST_ASSERT_EQUAL(cw.mediator.count, 0u, "%u devices", cw.mediator.count);
	TEST_ASSERT(!is_listed(UUID_A), "its link is left");
	/* without an fd to accept with, its listener is closed by a thread */
	for (i = 0; i < TURNS && foreign_fd_waiting() > 0; i++)
		usleep(1000);
	TEST_ASSERT_EQUAL(foreign_fd_waiting(), 0u, "its listener is not closed");
	/* a device that cannot be had is one line, and nothing else */
	while ((fds[n] = dup(0)) >= 0)
		n++;
	close(fds[--n]);
	got = cw_ask("add uuid=" UUID_B ",backend=/x\n");
	for (i = 0; i < n; i++)
		close(fds[i]);
	setrlimit(RLIMIT_NOFILE, &old);
	TEST_ASSERT(strncmp(got, "error: mdev:" UUID_B ": ", 50) == 0 &&
		strstr(got, "Too many open files: ") != NULL, "%s", got);
	TEST_ASSERT(cw.mediator.count == 0 && !is_listed(UUID_B), "half a device");
	got = cw_ask("add uuid=" UUID_B ",backend=/x\n");
	TEST_ASSERT(strncmp(got, "ok ", 3) == 0, "%s", got);
	return TEST_SUCCESS;
}

/* Where the owner has opened the folders to others, they still cannot control. */
static int
test_other_user(void)
{
	int status, fd;
	unsigned int i;
	size_t len = 0;
	pid_t pid;

	if (geteuid() != 0)
		return test_skip("needs root, who can be somebody else");
	chmod(place.top, 0755);
	chmod(place_path("m"), 0755);
	chmod(publish_ctl_path(cw.publish), 0666);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (setresuid(NOBODY, NOBODY, NOBODY) < 0 || (fd = cw_connect()) < 0)
			_exit(1);
		/* the answer comes when the parent serves */
		for (i = 0; i < TURNS && !cw_receive(fd, &len); i++)
			usleep(1000 * TURN_MS);
		_exit(strcmp(cw.answer, "error: the mediator is another user's: ask as that user, or as root\n")
			== 0 ? 0 : 2);
	}
	while (loop_once(cw.loop, 10) >= 0 && waitpid(pid, &status, WNOHANG) == 0)
		;
	TEST_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%#x", status);
	TEST_ASSERT_EQUAL(ctl_clients(cw.ctl), 0u, "%u clients", ctl_clients(cw.ctl));
	return TEST_SUCCESS;
}

static int
test_end(void)
{
	int fd = cw_connect();
	size_t len = 0;
	struct stat st;

	cw_settle();
	TEST_ASSERT_EQUAL(ctl_clients(cw.ctl), 1u, "%u clients", ctl_clients(cw.ctl));
	TEST_ASSERT(lstat(publish_ctl_path(cw.publish), &st) == 0 &&
		(st.st_mode & 07777) == 0600, "the socket's mode");
	ctl_destroy(cw.ctl);
	cw.ctl = NULL;
	TEST_ASSERT(cw_receive(fd, &len) && len == 0, "not closed");
	TEST_ASSERT(lstat(publish_ctl_path(cw.publish), &st) < 0, "the socket is left");
	close(fd);
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: control socket",
	.unit_test_cases = {
		TEST_CASE_ST(cw_start, cw_stop, test_commands),
		TEST_CASE_ST(cw_start, cw_stop, test_bad_requests),
		TEST_CASE_ST(cw_start, cw_stop, test_pieces),
		TEST_CASE_ST(cw_start, cw_stop, test_files),
		TEST_CASE_ST(cw_start, cw_stop, test_crowd),
		TEST_CASE_ST(cw_start_hasty, cw_stop, test_limit),
		TEST_CASE_ST(cw_start, cw_stop, test_slow),
		TEST_CASE_ST(cw_start, cw_stop, test_no_fds),
		TEST_CASE_ST(cw_start, cw_stop, test_other_user),
		TEST_CASE_ST(cw_start, cw_stop, test_end),
		TEST_CASES_END()
	},
};

static int
test_ctl(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(ctl_autotest, test_ctl);
