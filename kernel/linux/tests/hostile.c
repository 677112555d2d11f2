// SPDX-License-Identifier: GPL-2.0-only
/*
 * hostile UUID...: attack mediated virtio-net devices as a client can that has no
 * rights but to open them. One line for each attack that did not end as it should,
 * and the sum. That the kernel has nothing to complain about is for the caller to see.
 */
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>

#include "hostile.h"

void survived(struct client *c, bool as_expected, const char *format, ...)
{
	char name[128];
	va_list ap;

	va_start(ap, format);
	vsnprintf(name, sizeof(name), format, ap);
	va_end(ap);
	if (!as_expected)
		result(false, "%s: unexpected outcome, status 0x%02x", name,
		       get_status(c));
	else
		result(works(c), "%s: works afterwards", name);
}

int main(int argc, char **argv)
{
	/* so that a hundred clients may come and go in one process */
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct client c;

	if (setrlimit(RLIMIT_MEMLOCK, &unlimited))
		die("RLIMIT_MEMLOCK");
	for (int i = 1; i < argc; i++) {
		client_open(&c, argv[i]);
		host_open(&c);
		survived(&c, true, "unharmed");
		ring_attacks(&c);
		packed_attacks(&c);
		command_attacks(&c);
		register_attacks(&c);
		ioctl_attacks(&c);
		life_attacks(&c, argv[i]);
		client_close(&c);
	}
	return results("attacks");
}
