/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include <rte_common.h>

#include "made_up_sysfs.h"
#include "made_up_user.h"

static int
trouble(const char *path)
{
	printf("    made-up mediator: %s: %s\n", path, strerror(errno));
	return -1;
}

const char *
made_up_user_path(unsigned int i, const char *path)
{
	static char paths[4][PATH_MAX];
	static unsigned int last;
	char *at = paths[++last % RTE_DIM(paths)];

	snprintf(at, PATH_MAX, "%s/run%u/mdev/%s", made_up_sysfs_top(), i, path);
	return at;
}

const char *
made_up_user_root(unsigned int i)
{
	return made_up_user_path(i, "devices");
}

int
made_up_user_start(void)
{
	unsetenv("MDEV_DEVICES");
	return made_up_sysfs_start(); /* says where root 0 is */
}

void
made_up_user_stop(void)
{
	made_up_sysfs_stop();
	unsetenv("MDEV_DEVICES");
}

/* With all folders above it, below the top. */
static int
make_folder(const char *path)
{
	char part[PATH_MAX];
	char *c;

	snprintf(part, sizeof(part), "%s/", path);
	for (c = part + strlen(made_up_sysfs_top()) + 1;
			(c = strchr(c, '/')) != NULL; c++) {
		*c = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return trouble(part);
		*c = '/';
	}
	return 0;
}

int
made_up_user_make(unsigned int i)
{
	return make_folder(made_up_user_root(i));
}

int
made_up_user_write(unsigned int i, const char *file, const char *text)
{
	const char *path = made_up_user_path(i, file);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int ret = 0;

	if (fd < 0)
		return trouble(path);
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		ret = trouble(path);
	close(fd);
	return ret;
}

/* Below the mediator's folder. */
static const char *
part(unsigned int i, const char *uuid, const char *file)
{
	char path[256];

	snprintf(path, sizeof(path), MADE_UP_MEDIATOR "/%s/%s", uuid, file);
	return made_up_user_path(i, path);
}

int
made_up_user_folder(unsigned int i, const char *uuid)
{
	const char *type = MADE_UP_MEDIATOR "/mdev_supported_types/" MADE_UP_TYPE;
	const char *path;

	if (make_folder(made_up_user_path(i, type)) < 0 ||
			make_folder(part(i, uuid, "")) < 0)
		return -1;
	path = part(i, uuid, "mdev_type");
	if (symlink("../mdev_supported_types/" MADE_UP_TYPE, path) < 0)
		return trouble(path);
	return made_up_user_write(i, MADE_UP_MEDIATOR "/mdev_supported_types/"
			MADE_UP_TYPE "/device_api", MADE_UP_API "\n");
}

int
made_up_user_socket(unsigned int i, const char *uuid)
{
	const char *path = part(i, uuid, "socket");

	/* what bind() makes, but for its limit of 108 characters */
	return mknod(path, S_IFSOCK | 0600, 0) < 0 ? trouble(path) : 0;
}

int
made_up_user_link(unsigned int i, const char *uuid)
{
	char target[256], path[256];

	snprintf(target, sizeof(target), "../" MADE_UP_MEDIATOR "/%s", uuid);
	snprintf(path, sizeof(path), "devices/%s", uuid);
	if (made_up_user_make(i) < 0)
		return -1;
	return symlink(target, made_up_user_path(i, path)) < 0 ? trouble(path) : 0;
}

int
made_up_user_device(unsigned int i, const char *uuid)
{
	return made_up_user_folder(i, uuid) < 0 ||
		made_up_user_socket(i, uuid) < 0 ||
		made_up_user_link(i, uuid) < 0 ? -1 : 0;
}

int
made_up_user_unlink(unsigned int i, const char *uuid)
{
	char path[256];

	snprintf(path, sizeof(path), "devices/%s", uuid);
	return unlink(made_up_user_path(i, path)) < 0 ? trouble(path) : 0;
}

static int
remove_one(const char *path, const struct stat *st __rte_unused,
		int type __rte_unused, struct FTW *ftw __rte_unused)
{
	return remove(path);
}

int
made_up_user_remove(unsigned int i, const char *uuid)
{
	const char *path = part(i, uuid, "");

	if (made_up_user_unlink(i, uuid) < 0)
		return -1;
	return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0 ?
		trouble(path) : 0;
}
