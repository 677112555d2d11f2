/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The folders where mediators in user space list their devices, and whether they may be
 * trusted. A device reads and writes the application's memory: whoever can put one into
 * such a folder has the application.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include <rte_string_fns.h>

#include "private.h"

#define USER_DEVICES_ENV "RUN_MDEV_DEVICES" /* for tests */
#define MORE_DEVICES_ENV "MDEV_DEVICES"

/* As many links as a path may lead through. */
#define LINKS_MAX 16

static void
roots_add(struct mdev_user_roots *roots, const char *path, size_t len)
{
	static bool said; /* the environment does not change */
	char printable[MDEV_PRINTABLE_LEN];
	unsigned int i;

	while (len > 1 && path[len - 1] == '/')
		len--;
	if (len == 0)
		return;
	if (path[0] != '/' || len >= sizeof(roots->path[0]) ||
			roots->count == RTE_DIM(roots->path)) {
		if (!said)
			MDEV_LOG(WARNING, "mdev bus: %s is not used: " MORE_DEVICES_ENV " is a list of %u paths at most, each beginning with / and shorter than %zu characters, with : between them",
				mdev_printable(path, printable,
					sizeof(printable)),
				MDEV_USER_ROOTS_MAX - 2, sizeof(roots->path[0]));
		said = true;
		return;
	}
	for (i = 0; i < roots->count; i++) {
		if (strlen(roots->path[i]) == len &&
				memcmp(roots->path[i], path, len) == 0)
			return;
	}
	memcpy(roots->path[roots->count], path, len);
	roots->path[roots->count++][len] = '\0';
}

void
mdev_user_roots(struct mdev_user_roots *roots)
{
	const char *path = getenv(USER_DEVICES_ENV);
	char own[PATH_MAX];
	size_t len;

	roots->count = 0;
	if (path == NULL)
		path = MDEV_USER_DEVICES;
	roots_add(roots, path, strlen(path));
	path = secure_getenv("XDG_RUNTIME_DIR");
	if (geteuid() != 0 && path != NULL && path[0] == '/') {
		len = snprintf(own, sizeof(own), "%s/mdev/devices", path);
		if (len < sizeof(own))
			roots_add(roots, own, len);
	}
	path = secure_getenv(MORE_DEVICES_ENV);
	for (; path != NULL && *path != '\0'; path += len + (path[len] == ':')) {
		len = strcspn(path, ":");
		roots_add(roots, path, len);
	}
}

/* A way through folders, of which the last one is reached. */
struct walk {
	const char *whose;     /* for messages */
	int fd;                /* O_PATH */
	unsigned int links;    /* followed so far */
	char left[PATH_MAX];   /* what is left of the way */
};

static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
		a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
		a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Was it said of the folder as it is? Each scan and each event comes by again. */
static bool
was_said(const struct stat *st)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static struct stat said[16];
	static unsigned int next;
	bool known = false;
	unsigned int i;

	pthread_mutex_lock(&lock);
	for (i = 0; !known && i < RTE_DIM(said); i++)
		known = is_same(&said[i], st);
	if (!known)
		said[next++ % RTE_DIM(said)] = *st;
	pthread_mutex_unlock(&lock);
	return known;
}

static int
refuse(const struct walk *walk, int fd, const struct stat *st)
{
	char link[32], path[PATH_MAX];
	ssize_t len;

	if (was_said(st))
		return -EPERM;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	path[RTE_MAX(len, 0)] = '\0';
	if (st->st_uid != 0 && st->st_uid != geteuid())
		MDEV_LOG(WARNING, "%s: not used: %s belongs to user %u, who could put anything there: have it belong to root or to the user of this application (chown)",
			walk->whose, path, st->st_uid);
	else
		MDEV_LOG(WARNING, "%s: not used: others may write to %s, and could put anything there: take that away (chmod go-w)",
			walk->whose, path);
	return -EPERM;
}

/*
 * Only root and our user may change what is there. Of a folder on the way it is enough
 * that others cannot change what is not theirs (sticky): what comes next is looked at too.
 */
static int
check_folder(const struct walk *walk, int fd, const struct stat *st)
{
	const mode_t others = S_IWGRP | S_IWOTH;
	bool is_last = walk->left[strspn(walk->left, "/")] == '\0';

	if (!S_ISDIR(st->st_mode))
		return -ENOTDIR;
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return refuse(walk, fd, st);
	if ((st->st_mode & others) != 0 &&
			(is_last || (st->st_mode & S_ISVTX) == 0))
		return refuse(walk, fd, st);
	return 0;
}

/* Go on at a folder that is open. */
static int
enter(struct walk *walk, int fd)
{
	struct stat st;
	int ret;

	ret = fstat(fd, &st) < 0 ? -errno : check_folder(walk, fd, &st);
	if (ret < 0) {
		close(fd);
		return ret;
	}
	if (walk->fd >= 0)
		close(walk->fd);
	walk->fd = fd;
	return 0;
}

static int
enter_top(struct walk *walk)
{
	int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : enter(walk, fd);
}

/* Where a link leads to comes before what is left. */
static int
follow(struct walk *walk, int fd, const struct stat *st)
{
	char target[PATH_MAX], left[PATH_MAX];
	ssize_t len;

	if (st->st_uid != 0 && st->st_uid != geteuid())
		return refuse(walk, fd, st);
	if (++walk->links > LINKS_MAX)
		return -ELOOP;
	len = readlinkat(fd, "", target, sizeof(target) - 1);
	if (len < 0)
		return -errno;
	target[len] = '\0';
	if (snprintf(left, sizeof(left), "%s/%s", target, walk->left) >=
			(int)sizeof(left))
		return -ENAMETOOLONG;
	strcpy(walk->left, left);
	return target[0] == '/' ? enter_top(walk) : 0;
}

/* The next part of the way. */
static int
step(struct walk *walk)
{
	char name[NAME_MAX + 1];
	size_t start = strspn(walk->left, "/");
	size_t len = strcspn(walk->left + start, "/");
	struct stat st;
	int fd, ret;

	if (len >= sizeof(name))
		return -ENAMETOOLONG;
	memcpy(name, walk->left + start, len);
	name[len] = '\0';
	memmove(walk->left, walk->left + start + len,
		strlen(walk->left + start + len) + 1);
	if (len == 0)
		return 0;
	fd = openat(walk->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		ret = -errno;
	else if (!S_ISLNK(st.st_mode))
		return enter(walk, fd);
	else
		ret = follow(walk, fd, &st);
	close(fd);
	return ret;
}

/* Go all of the way; the folder it ends at, or a negative errno. */
static int
go(struct walk *walk, const char *path)
{
	int ret = 0;

	if (rte_strscpy(walk->left, path, sizeof(walk->left)) < 0)
		ret = -ENAMETOOLONG;
	if (ret == 0 && walk->fd < 0)
		ret = enter_top(walk);
	while (ret == 0 && walk->left[0] != '\0')
		ret = step(walk);
	if (ret == 0)
		return walk->fd;
	if (walk->fd >= 0)
		close(walk->fd);
	return ret;
}

int
mdev_user_open_root(const char *root)
{
	struct walk walk = { .whose = "mdev bus", .fd = -1 };

	return go(&walk, root);
}

int
mdev_user_check_device(int root_fd, const char *name)
{
	char whose[sizeof(MDEV_ADDR_PREFIX) + RTE_UUID_STRLEN];
	struct walk walk = { .whose = whose };
	int ret;

	snprintf(whose, sizeof(whose), MDEV_ADDR_PREFIX "%s", name);
	walk.fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 0);
	if (walk.fd < 0)
		return -errno;
	ret = go(&walk, name);
	if (ret < 0)
		return ret;
	close(ret);
	return 0;
}

bool
mdev_user_is_hidden(const char *name)
{
	struct mdev_user_roots roots;
	char path[PATH_MAX];
	struct stat st;
	unsigned int i;

	mdev_user_roots(&roots);
	for (i = 0; i < roots.count; i++) {
		snprintf(path, sizeof(path), "%s/%s", roots.path[i], name);
		if (lstat(path, &st) == 0 && stat(path, &st) < 0 && errno == EACCES)
			return true;
	}
	return false;
}

bool
mdev_user_is_absent(int error)
{
	switch (error) {
	case -ENOENT:
	case -ENOTDIR:
	case -ELOOP:
	case -EACCES:
	case -EPERM:
	case -ENAMETOOLONG:
		return true;
	default:
		return false;
	}
}
