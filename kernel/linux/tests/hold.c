// SPDX-License-Identifier: GPL-2.0-only
/*
 * hold [-g | -s] UUID: hold a device in use, with frames going through, and say what
 * happens, a word a line: "held", then "asked" for each REQ interrupt. At the first
 * one, or at SIGTERM, close the device and end with "released".
 *
 * -g  hold the group only, without a device
 * -s  be stubborn: only SIGTERM ends it
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "client.h"

static volatile sig_atomic_t terminated;

static void terminate(int signal)
{
	(void)signal;
	terminated = 1;
}

static void say(const char *word)
{
	puts(word);
	fflush(stdout);
}

/* A frame each way keeps the worker busy, and shows that the device lives. */
static void exchange(struct client *c)
{
	static const uint8_t broadcast[ETH_ALEN] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff
	};
	uint8_t frame[BUF_SIZE];
	unsigned int pair;
	size_t len = make_frame(frame, broadcast, 1);

	if (tx(c, 0, frame, len))
		die("frame from the device");
	host_send(c, frame, len);
	if (rx(c, &pair, frame) < 0)
		die("frame to the device");
}

static void hold(struct client *c, bool stubborn)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	uint64_t count;

	if (fd < 0 || set_irqs(c, VFIO_PCI_REQ_IRQ_INDEX,
			       VFIO_IRQ_SET_DATA_EVENTFD |
			       VFIO_IRQ_SET_ACTION_TRIGGER, 0, 1, &fd,
			       sizeof(fd)))
		die("REQ interrupt");
	client_start(c, ~0ull);
	rx_fill(rx_vq(c, 0));
	exchange(c);
	say("held");
	while (!terminated) {
		exchange(c);
		if (poll(&pfd, 1, 20) != 1)
			continue;
		if (read(fd, &count, sizeof(count)) == sizeof(count))
			say("asked");
		if (!stubborn)
			break;
	}
}

int main(int argc, char **argv)
{
	const struct sigaction action = { .sa_handler = terminate };
	bool group = argc == 3 && !strcmp(argv[1], "-g");
	bool stubborn = argc == 3 && !strcmp(argv[1], "-s");
	struct client c;

	if (argc != 2 + (group || stubborn)) {
		fprintf(stderr, "usage: hold [-g | -s] UUID\n");
		return 2;
	}
	sigaction(SIGTERM, &action, NULL);
	client_open(&c, argv[argc - 1]);
	if (group) {
		client_close_device(&c);
		say("held");
		while (!terminated)
			usleep(20000);
	} else {
		host_open(&c);
		hold(&c, stubborn);
		client_close_device(&c);
	}
	client_close(&c);
	say("released");
	return 0;
}
