/* SPDX-License-Identifier: BSD-3-Clause */

#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <vfio_private.h>

#include "lingering.h"
#include "test.h"

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static int
connect_to(int fd, int listener)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof(addr);

	if (bind(listener, (struct sockaddr *)&addr, len) < 0 ||
			listen(listener, 1) < 0 ||
			getsockname(listener, (struct sockaddr *)&addr, &len) < 0 ||
			connect(fd, (struct sockaddr *)&addr, len) < 0)
		return -1;
	return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

int
lingering_open(struct lingering *l)
{
	const struct linger linger = { .l_onoff = 1, .l_linger = LINGERING_S };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	static const char buf[1 << 16];

	l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	l->other = connect_to(l->fd, listener);
	close(listener);
	if (l->other < 0) {
		close(l->fd);
		return test_skip("there is no network");
	}
	setsockopt(l->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	while (send(l->fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
	l->start = now();
	return TEST_SUCCESS;
}

bool
lingering_waited(const struct lingering *l)
{
	return now() - l->start > LINGERING_S - 1;
}

void
lingering_end(struct lingering *l)
{
	if (l->other >= 0)
		close(l->other);
	l->other = -1;
	while (vfio_fd_waiting() > 0)
		usleep(1000);
}
