/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "ctl_private.h"
#include "fdmsg.h"
#include "log.h"

#define ACCEPT_AGAIN_MS 100
/* What the kernel keeps for somebody who does not read. */
#define SEND_BUF_LEN 4096

static void
open_spare(struct ctl *ctl)
{
	if (ctl->spare < 0)
		ctl->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void
ctl_client_close(struct client *client)
{
	struct ctl *ctl = client->ctl;

	loop_timer_cancel(&client->limit);
	loop_timer_cancel(&client->look);
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
	ctl_client_close(arg);
}

void
ctl_client_send(struct client *client)
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
	ctl_client_close(client);
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
		ctl_client_close(client);
		return;
	}
	client->received += n;
	end = memchr(client->request, '\n', client->received);
	if (end != NULL) {
		*end = '\0';
		if (strlen(client->request) != (size_t)(end - client->request))
			ctl_answer_error(client, "the request has a zero byte: send text");
		else
			ctl_command(client);
	} else if (client->received == sizeof(client->request)) {
		ctl_answer_error(client, "the request is too long: shorten it");
	} else {
		return;
	}
	/* what takes time is not asked again; its end is heard of all the same */
	if (client->uuid[0] == '\0')
		ctl_client_send(client);
	else if (loop_fd_set(client->lfd, 0) < 0)
		ctl_client_close(client);
}

static void
client_event(void *arg, uint32_t events)
{
	struct client *client = arg;

	(void)events;
	if (client->answer != NULL)
		ctl_client_send(client);
	else if (client->uuid[0] != '\0')
		ctl_client_close(client); /* it has gone; what it asked for goes on */
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
		ctl_client_close(TAILQ_FIRST(&ctl->clients));
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
