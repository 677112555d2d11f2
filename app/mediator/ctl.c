/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "config.h"
#include "ctl.h"
#include "ctl_format.h"
#include "fdmsg.h"
#include "log.h"
#include "text.h"

#define ACCEPT_AGAIN_MS 100
/* What the kernel keeps for somebody who does not read. */
#define SEND_BUF_LEN 4096

struct client {
	TAILQ_ENTRY(client) next;
	struct ctl *ctl;
	int fd;
	struct loop_fd *lfd;
	struct loop_timer limit;  /* for all that it does */
	size_t received;
	char request[CTL_REQUEST_LEN];
	char *answer;             /* NULL: not asked yet */
	size_t len, sent;
};

struct ctl {
	struct mediator *mediator;
	char path[PUBLISH_PATH_LEN];
	uint32_t limit_ms;
	int fd;
	struct loop_fd *lfd;
	int spare; /* given up to serve a client when there are no more fds; -1 then */
	struct loop_timer again; /* accepts once more when there may be memory or fds */
	TAILQ_HEAD(, client) clients;
	unsigned int count;
};

static void
open_spare(struct ctl *ctl)
{
	if (ctl->spare < 0)
		ctl->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
client_close(struct client *client)
{
	struct ctl *ctl = client->ctl;

	loop_timer_cancel(&client->limit);
	loop_fd_del(client->lfd);
	close(client->fd);
	TAILQ_REMOVE(&ctl->clients, client, next);
	ctl->count--;
	free(client->answer);
	free(client);
	open_spare(ctl);
	/* there is room again for those that wait */
	loop_fd_set(ctl->lfd, EPOLLIN);
}

static void
client_late(void *arg)
{
	client_close(arg);
}

/* Send on; when all is sent, or nobody reads it any more, this was all. */
static void
client_send(struct client *client)
{
	ssize_t n;

	while (client->sent < client->len) {
		n = send(client->fd, client->answer + client->sent,
			client->len - client->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			if (loop_fd_set(client->lfd, EPOLLOUT) == 0)
				return;
			break;
		}
		if (n < 0)
			break;
		client->sent += n;
	}
	client_close(client);
}

static void
answer_error(struct client *client, const char *text)
{
	char shown[CONFIG_ERROR_LEN];
	int len;

	text_printable(text, shown, sizeof(shown));
	len = asprintf(&client->answer, CTL_ERROR "%s\n", shown);
	if (len < 0)
		client->answer = NULL;
	else
		client->len = len;
}

static void
answer_ok(struct client *client, const char *text, size_t text_len)
{
	int len;

	len = asprintf(&client->answer, CTL_OK "%zu\n%.*s", text_len, (int)text_len,
		text);
	if (len < 0)
		client->answer = NULL;
	else
		client->len = len;
}

static void
command_list(struct client *client, const char *argument)
{
	struct mediator *mediator = client->ctl->mediator;
	struct device_status status;
	struct mediator_device *md;
	char line[CTL_FORMAT_LEN], *text = NULL;
	size_t len = 0;
	FILE *file;

	(void)argument;
	file = open_memstream(&text, &len);
	if (file == NULL) {
		answer_error(client, "no memory: free some");
		return;
	}
	TAILQ_FOREACH(md, &mediator->devices, next) {
		device_get_status(md->device, &status);
		fwrite(line, 1, ctl_format_line(device_get_conf(md->device), &status,
			line), file);
	}
	if (fclose(file) == 0)
		answer_ok(client, text, len);
	else
		answer_error(client, "no memory: free some");
	free(text);
}

/* The UUID that an argument is, in lower case; or an answer that it is none. */
static bool
argument_uuid(struct client *client, const char *argument, char uuid[TEXT_UUID_LEN])
{
	char shown[TEXT_SHOWN_LEN], error[CONFIG_ERROR_LEN];

	if (text_uuid(argument, uuid))
		return true;
	snprintf(error, sizeof(error), "%s: not a UUID: give one that ctl list shows",
		text_printable(argument, shown, sizeof(shown)));
	answer_error(client, error);
	return false;
}

static void
answer_unknown(struct client *client, const char *uuid)
{
	char error[CONFIG_ERROR_LEN];

	snprintf(error, sizeof(error), "mdev:%s: no such device: see ctl list", uuid);
	answer_error(client, error);
}

static void
command_show(struct client *client, const char *argument)
{
	char uuid[TEXT_UUID_LEN], text[CTL_FORMAT_LEN];
	struct device_status status;
	struct mediator_device *md;
	size_t len;

	if (!argument_uuid(client, argument, uuid))
		return;
	md = mediator_find(client->ctl->mediator, uuid);
	if (md == NULL) {
		answer_unknown(client, uuid);
		return;
	}
	device_get_status(md->device, &status);
	len = ctl_format_all(device_get_conf(md->device), &status, md->socket, text);
	answer_ok(client, text, len);
}

static void
command_add(struct client *client, const char *argument)
{
	char error[CONFIG_ERROR_LEN] = "", text[TEXT_UUID_LEN + 1];
	struct device_conf conf;
	int ret, len;

	ret = config_spec("ctl add", argument, &conf, error);
	if (ret == 0) {
		log_copy_error(error, sizeof(error));
		ret = mediator_add(client->ctl->mediator, &conf);
		log_copy_error(NULL, 0);
	}
	if (ret < 0) {
		answer_error(client, error[0] != '\0' ? error : strerror(-ret));
		return;
	}
	len = snprintf(text, sizeof(text), "%s\n", conf.uuid);
	answer_ok(client, text, len);
}

static void
command_remove(struct client *client, const char *argument)
{
	char uuid[TEXT_UUID_LEN];

	if (!argument_uuid(client, argument, uuid))
		return;
	if (mediator_remove(client->ctl->mediator, uuid) == -ENOENT) {
		answer_unknown(client, uuid);
		return;
	}
	LOG(NOTICE, "mdev:%s: removed", uuid);
	answer_ok(client, "", 0);
}

static const struct {
	const char *name;
	bool argument;
	void (*run)(struct client *client, const char *argument);
} commands[] = {
	{ "list", false, command_list },
	{ "show", true, command_show },
	{ "add", true, command_add },
	{ "remove", true, command_remove },
};

static void
run_command(struct client *client)
{
	char *argument;
	size_t i;

	argument = strchr(client->request, ' ');
	if (argument != NULL)
		*argument++ = '\0';
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(client->request, commands[i].name) == 0 &&
				commands[i].argument == (argument != NULL)) {
			commands[i].run(client, argument);
			return;
		}
	}
	answer_error(client, "unknown request: list, show UUID, add SPEC or remove UUID");
}

/* Receive until the end of the line; what follows it is nobody's. */
static void
client_receive(struct client *client)
{
	char *end;
	ssize_t n;

	n = recv(client->fd, client->request + client->received,
		sizeof(client->request) - client->received, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_close(client);
		return;
	}
	client->received += n;
	end = memchr(client->request, '\n', client->received);
	if (end != NULL) {
		*end = '\0';
		if (strlen(client->request) != (size_t)(end - client->request))
			answer_error(client, "the request has a zero byte: send text");
		else
			run_command(client);
	} else if (client->received == sizeof(client->request)) {
		answer_error(client, "the request is too long: shorten it");
	} else {
		return;
	}
	client_send(client);
}

static void
client_event(void *arg, uint32_t events)
{
	struct client *client = arg;

	(void)events;
	if (client->answer != NULL)
		client_send(client);
	else
		client_receive(client);
}

/* The folder keeps others away already, unless its owner has opened it to them. */
static bool
may_control(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
		(cred.uid == 0 || cred.uid == geteuid());
}

static void
refuse(int fd)
{
	static const char text[] = CTL_ERROR "the mediator is another user's: ask as that user, or as root\n";

	send(fd, text, sizeof(text) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

static int
client_add(struct ctl *ctl, int fd)
{
	const int send_buf = SEND_BUF_LEN;
	struct client *client;
	int ret;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buf, sizeof(send_buf));
	client = calloc(1, sizeof(*client));
	if (client == NULL)
		return -ENOMEM;
	client->ctl = ctl;
	client->fd = fd;
	ret = loop_fd_add(ctl->mediator->loop, fd, EPOLLIN, client_event, client,
		&client->lfd);
	if (ret < 0) {
		free(client);
		return ret;
	}
	loop_timer_init(&client->limit, ctl->mediator->loop, client_late, client);
	loop_timer_set(&client->limit, ctl->limit_ms);
	TAILQ_INSERT_TAIL(&ctl->clients, client, next);
	ctl->count++;
	return 0;
}

/* The next that waits. When devices have taken all fds, the last one is for control. */
static int
accept_client(struct ctl *ctl)
{
	int fd;

	fd = accept4(ctl->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0 || (errno != EMFILE && errno != ENFILE) || ctl->spare < 0)
		return fd;
	close(ctl->spare);
	ctl->spare = -1;
	return accept4(ctl->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

static void
accept_again(void *arg)
{
	struct ctl *ctl = arg;

	open_spare(ctl);
	loop_fd_set(ctl->lfd, EPOLLIN);
}

static void
ctl_event(void *arg, uint32_t events)
{
	struct ctl *ctl = arg;
	int fd;

	(void)events;
	if (ctl->count == CTL_MAX_CLIENTS) {
		/* until one goes, which the time limit sees to */
		loop_fd_set(ctl->lfd, 0);
		return;
	}
	fd = accept_client(ctl);
	if (fd < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
			loop_fd_set(ctl->lfd, 0);
			loop_timer_set(&ctl->again, ACCEPT_AGAIN_MS);
		}
		return;
	}
	if (!may_control(fd))
		refuse(fd);
	else if (client_add(ctl, fd) < 0)
		close(fd);
	else
		return;
	open_spare(ctl);
}

int
ctl_create(struct mediator *mediator, const char *path, uint32_t limit_ms,
		struct ctl **ctl)
{
	struct ctl *new;
	int ret = -ENOMEM;

	new = calloc(1, sizeof(*new));
	if (new == NULL)
		goto fail;
	new->mediator = mediator;
	new->limit_ms = limit_ms;
	snprintf(new->path, sizeof(new->path), "%s", path);
	new->spare = -1;
	TAILQ_INIT(&new->clients);
	new->fd = fdmsg_listen(path);
	if (new->fd < 0) {
		ret = new->fd;
		goto fail;
	}
	ret = loop_fd_add(mediator->loop, new->fd, EPOLLIN, ctl_event, new, &new->lfd);
	if (ret < 0) {
		close(new->fd);
		unlink(path);
		goto fail;
	}
	loop_timer_init(&new->again, mediator->loop, accept_again, new);
	open_spare(new);
	*ctl = new;
	return 0;
fail:
	free(new);
	LOG(ERR, "%s: cannot be listened at: %s: see that there is memory, and room in that folder",
		path, strerror(-ret));
	return ret;
}

void
ctl_destroy(struct ctl *ctl)
{
	if (ctl == NULL)
		return;
	while (!TAILQ_EMPTY(&ctl->clients))
		client_close(TAILQ_FIRST(&ctl->clients));
	loop_timer_cancel(&ctl->again);
	loop_fd_del(ctl->lfd);
	close(ctl->fd);
	unlink(ctl->path);
	if (ctl->spare >= 0)
		close(ctl->spare);
	free(ctl);
}

unsigned int
ctl_clients(const struct ctl *ctl)
{
	return ctl->count;
}
