/* SPDX-License-Identifier: BSD-3-Clause */

#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "fdmsg.h"
#include "lingering.h"
#include "test.h"

/* Seconds that closing a socket takes if its other end does nothing. */
#define LINGER_S 8

int
lingering_open(struct lingering *l)
{
	const struct linger linger = { .l_onoff = 1, .l_linger = LINGER_S };
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(addr);
	static char buf[1 << 16];
	int listener;

	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	l->other = -1;
	if (listener >= 0 && l->fd >= 0 &&
			bind(listener, (struct sockaddr *)&addr, len) == 0 &&
			listen(listener, 1) == 0 &&
			getsockname(listener, (struct sockaddr *)&addr, &len) == 0 &&
			connect(l->fd, (struct sockaddr *)&addr, len) == 0)
		l->other = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	fdmsg_close(&listener, 1);
	if (l->other < 0) {
		fdmsg_close(&l->fd, 1);
		return TEST_SKIPPED;
	}
	setsockopt(l->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	while (send(l->fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
	return TEST_SUCCESS;
}

void
lingering_release(struct lingering *l)
{
	fdmsg_close(&l->other, 1);
	l->other = -1;
}
