/* SPDX-License-Identifier: BSD-3-Clause */

#include <dirent.h>
#include <unistd.h>

#include "fdmsg.h"
#include "foreign_fd.h"
#include "open_fds.h"

unsigned int
count_open_fds(void)
{
	unsigned int n = 0;
	DIR *dir;

	while (foreign_fd_waiting() > 0)
		usleep(100);
	dir = opendir("/proc/self/fd");
	if (dir == NULL)
		return 0;
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

int
take_fds(int *fds, unsigned int room, struct rlimit *before)
{
	struct rlimit limit;
	unsigned int count = 0;

	if (getrlimit(RLIMIT_NOFILE, before) < 0)
		return -1;
	limit = *before;
	limit.rlim_cur = room;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -1;
	while (count < room && (fds[count] = dup(STDERR_FILENO)) >= 0)
		count++;
	return count;
}

void
give_fds(const int *fds, int count, const struct rlimit *before)
{
	fdmsg_close(fds, count);
	setrlimit(RLIMIT_NOFILE, before);
}
