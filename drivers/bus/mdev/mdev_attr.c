/* SPDX-License-Identifier: BSD-3-Clause */

/* What the folder of a device says of it: small files and links. */

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_string_fns.h>

#include "private.h"

/* Cut at the end of the line; text that is not printable is no attribute. */
static void
attr_clean(char *attr)
{
	char *c;

	attr[strcspn(attr, "\n")] = '\0';
	for (c = attr; *c != '\0'; c++) {
		if (!isprint((unsigned char)*c)) {
			attr[0] = '\0';
			return;
		}
	}
}

void
mdev_attr_read(const struct rte_mdev_device *mdev, const char *entry,
		const char *file, char *attr)
{
	char path[PATH_MAX];
	ssize_t len;
	int fd;

	attr[0] = '\0';
	if (snprintf(path, sizeof(path), "%s/%s/%s", mdev->root, entry, file) >=
			(int)sizeof(path))
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return;
	len = read(fd, attr, RTE_MDEV_ATTR_LEN);
	close(fd);
	if (len <= 0 || memchr(attr, '\0', len) != NULL ||
			(len == RTE_MDEV_ATTR_LEN &&
			memchr(attr, '\n', len) == NULL)) {
		attr[0] = '\0'; /* no text, or more than a name would have */
		return;
	}
	attr[RTE_MIN(len, RTE_MDEV_ATTR_LEN - 1)] = '\0';
	attr_clean(attr);
}

void
mdev_attr_link(const struct rte_mdev_device *mdev, const char *entry,
		const char *file, unsigned int skip, char *attr)
{
	char path[PATH_MAX], target[PATH_MAX], *slash;
	ssize_t len;

	attr[0] = '\0';
	if (snprintf(path, sizeof(path), "%s/%s%s", mdev->root, entry, file) >=
			(int)sizeof(path))
		return;
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return;
	target[len] = '\0';
	for (; ; skip--) {
		slash = strrchr(target, '/');
		if (skip == 0)
			break;
		if (slash == NULL)
			return;
		*slash = '\0';
	}
	if (rte_strscpy(attr, slash == NULL ? target : slash + 1,
			RTE_MDEV_ATTR_LEN) < 0)
		attr[0] = '\0';
	attr_clean(attr);
}
