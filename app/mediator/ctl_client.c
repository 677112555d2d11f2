/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "ctl.h"
#include "log.h"
#include "options.h"
#include "publish.h"
#include "text.h"

/* Longer than the other side takes for anything. */
#define ANSWER_TIME_S 10
/* More than the most devices have to say. */
#define ANSWER_LEN (4 << 20)

#define EXIT_USAGE 2

static const struct {
	const char *name;
	const char *argument; /* what it needs; NULL: none */
} commands[] = {
	{ "list", NULL },
	{ "show", "UUID" },
	{ "add", "SPEC" },
	{ "remove", "UUID" },
};

/* The request for the words of the command line; false, and said, if they are none. */
static bool
make_request(const struct options *options, int argc, char **argv,
		char request[CTL_REQUEST_LEN])
{
	char shown[TEXT_SHOWN_LEN], time[32] = "";
	size_t i;
	int len;

	for (i = 0; argc > 0 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[0], commands[i].name) != 0)
			continue;
		if (argc != (commands[i].argument != NULL ? 2 : 1)) {
			LOG(ERR, "ctl %s: takes %s%s", argv[0],
				commands[i].argument != NULL ? "one " : "no argument",
				commands[i].argument != NULL ? commands[i].argument : "");
			return false;
		}
		if (options->has_timeout && strcmp(argv[0], "remove") != 0) {
			LOG(ERR, "ctl %s: takes no --timeout, only remove does", argv[0]);
			return false;
		}
		if (options->has_timeout)
			snprintf(time, sizeof(time), " %" PRIu64, options->timeout * 1000);
		len = snprintf(request, CTL_REQUEST_LEN, "%s%s%s%s\n", argv[0],
			argc > 1 ? " " : "", argc > 1 ? argv[1] : "", time);
		if (len < CTL_REQUEST_LEN && strchr(request, '\n') == request + len - 1)
			return true;
		LOG(ERR, "ctl %s: %s: too long, or more than a line: shorten it",
			argv[0], text_printable(argv[1], shown, sizeof(shown)));
		return false;
	}
	if (argc > 0)
		LOG(ERR, "ctl %s: unknown command: use list, show, add or remove",
			text_printable(argv[0], shown, sizeof(shown)));
	else
		LOG(ERR, "ctl: a command is missing: use list, show, add or remove");
	return false;
}

static int
open_ctl(const struct options *options)
{
	const struct timeval limit = { .tv_sec = ANSWER_TIME_S };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char shown[TEXT_SHOWN_LEN];
	int fd;

	if (publish_find_ctl(options->root, options->name, addr.sun_path) < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
		if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
			return fd;
	}
	text_printable(options->root, shown, sizeof(shown));
	if (errno == ENOENT || errno == ECONNREFUSED)
		LOG(ERR, "ctl: %s does not run below %s: start it, or name another one with --root and --name",
			options->name, shown);
	else
		LOG(ERR, "ctl: %s below %s: %s: use it as the user that runs it",
			options->name, shown, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Lines that say what is being waited for; the rest of the answer is to come. */
static void
print_progress(char *answer, size_t *len)
{
	char shown[CTL_REQUEST_LEN], *end;

	while (*len > strlen(CTL_WAIT) && memcmp(answer, CTL_WAIT, strlen(CTL_WAIT)) == 0 &&
			(end = memchr(answer, '\n', *len)) != NULL) {
		*end++ = '\0';
		LOG(NOTICE, "%s", text_printable(answer + strlen(CTL_WAIT), shown,
			sizeof(shown)));
		*len -= end - answer;
		memmove(answer, end, *len);
	}
}

/* All that is answered, and a zero byte; NULL: nothing came. */
static char *
ask(int fd, const char *request, size_t *len)
{
	char *answer;
	ssize_t n = 0;

	*len = 0;
	answer = malloc(ANSWER_LEN + 1);
	if (answer == NULL)
		return NULL;
	if (send(fd, request, strlen(request), MSG_NOSIGNAL) !=
			(ssize_t)strlen(request)) {
		free(answer);
		return NULL;
	}
	while (*len < ANSWER_LEN) {
		n = recv(fd, answer + *len, ANSWER_LEN - *len, 0);
		if (n <= 0)
			break;
		*len += n;
		print_progress(answer, len);
	}
	answer[*len] = '\0';
	return answer;
}

/* Lines as they may be shown on a terminal. */
static void
print(char *text)
{
	char *line, shown[CTL_REQUEST_LEN];

	while ((line = strsep(&text, "\n")) != NULL) {
		if (*line != '\0')
			puts(text_printable(line, shown, sizeof(shown)));
	}
}

static int
print_answer(char *answer, size_t len)
{
	unsigned long told;
	char *body;

	body = memchr(answer, '\n', len);
	if (body != NULL) {
		*body++ = '\0';
		if (strncmp(answer, CTL_ERROR, strlen(CTL_ERROR)) == 0) {
			LOG(ERR, "%s", answer + strlen(CTL_ERROR));
			return EXIT_FAILURE;
		}
		told = strtoul(answer + strlen(CTL_OK), NULL, 10);
		if (strncmp(answer, CTL_OK, strlen(CTL_OK)) == 0 &&
				told == (size_t)(answer + len - body)) {
			print(body);
			return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
		}
	}
	LOG(ERR, "ctl: the mediator gave no whole answer: see whether it runs, and ask again");
	return EXIT_FAILURE;
}

int
ctl_main(int argc, char **argv)
{
	char request[CTL_REQUEST_LEN], *answer;
	struct options options;
	int fd, ret;
	size_t len;

	if (!options_ctl(&options, argc, argv))
		return EXIT_USAGE;
	if (options.help) {
		options_print_help();
		return EXIT_SUCCESS;
	}
	if (!make_request(&options, argc - options.rest, argv + options.rest, request))
		return EXIT_USAGE;
	if (!options_root(&options))
		return EXIT_FAILURE;
	fd = open_ctl(&options);
	if (fd < 0)
		return EXIT_FAILURE;
	answer = ask(fd, request, &len);
	close(fd);
	if (answer == NULL) {
		LOG(ERR, "ctl: the mediator takes no request: see whether it runs, and ask again");
		return EXIT_FAILURE;
	}
	ret = print_answer(answer, len);
	free(answer);
	return ret;
}
