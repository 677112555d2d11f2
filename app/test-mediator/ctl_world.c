/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>

#include "ctl_world.h"
#include "fdmsg.h"
#include "publish_place.h"
#include "test.h"

#define NO_LIMIT 1000000

struct ctl_world cw;

static int
start_with(uint32_t limit_ms)
{
	struct ctl_world *w = &cw;

	if (place_start() != TEST_SUCCESS)
		return TEST_FAILED;
	w->loop = loop_create();
	w->ctl = NULL;
	if (w->loop == NULL || publish_open(place.root, "m", &w->publish) < 0)
		return TEST_FAILED;
	mediator_init(&w->mediator, w->loop, w->publish);
	return ctl_create(&w->mediator, publish_ctl_path(w->publish), limit_ms,
		&w->ctl) == 0 ? TEST_SUCCESS : TEST_FAILED;
}

int
cw_start(void)
{
	return start_with(NO_LIMIT);
}

int
cw_start_hasty(void)
{
	return start_with(1);
}

void
cw_stop(void)
{
	ctl_destroy(cw.ctl);
	mediator_fini(&cw.mediator);
	publish_close(cw.publish);
	loop_destroy(cw.loop);
	place_stop();
}

int
cw_connect(void)
{
	return fdmsg_connect(publish_ctl_path(cw.publish));
}

void
cw_settle(void)
{
	unsigned int i;

	for (i = 0; i < 1000 && loop_once(cw.loop, 0) > 0; i++)
		;
}

bool
cw_receive(int fd, size_t *len)
{
	ssize_t n;

	do {
		n = recv(fd, cw.answer + *len,
			sizeof(cw.answer) - 1 - *len, MSG_DONTWAIT);
		if (n > 0)
			*len += n;
	} while (n > 0);
	cw.answer[*len] = '\0';
	return n == 0 || errno == ECONNRESET;
}

bool
cw_receive_all(int fd, size_t *len)
{
	unsigned int i;

	for (i = 0; i < TURNS; i++) {
		if (cw_receive(fd, len))
			return true;
		if (loop_once(cw.loop, TURN_MS) < 0)
			break;
	}
	return false;
}

const char *
cw_ask_bytes(const char *request, size_t request_len)
{
	int fd = cw_connect();
	bool ended = false;
	unsigned int i;
	size_t len = 0;

	if (fd < 0 || send(fd, request, request_len, MSG_NOSIGNAL) !=
			(ssize_t)request_len)
		return "not connected";
	for (i = 0; i < 1000 && !ended; i++) {
		cw_settle();
		ended = cw_receive(fd, &len);
	}
	close(fd);
	return ended ? cw.answer : "?";
}

const char *
cw_ask(const char *request)
{
	return cw_ask_bytes(request, strlen(request));
}
