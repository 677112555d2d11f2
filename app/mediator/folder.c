/* SPDX-License-Identifier: BSD-3-Clause */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "folder.h"
#include "log.h"
#include "text.h"

#define OPEN_FOLDER (O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define OTHERS_WRITE (S_IWGRP | S_IWOTH)

/*
 * May what is in this folder be relied on? Of a folder that everyone can write to, with
 * the sticky bit, each can move only what is theirs.
 */
static bool
trusted_above(const struct stat *st)
{
	return (st->st_uid == 0 || st->st_uid == geteuid()) &&
		((st->st_mode & OTHERS_WRITE) == 0 || (st->st_mode & S_ISVTX) != 0);
}

static bool
trusted(const struct stat *st)
{
	return st->st_uid == geteuid() && (st->st_mode & OTHERS_WRITE) == 0;
}

static void
cannot(const char *path, int error)
{
	char shown[TEXT_SHOWN_LEN];

	LOG(ERR, "%s: %s: give a folder in one that is there, with --root",
		text_printable(path, shown, sizeof(shown)), strerror(error));
}

static void
not_trusted(const char *path, size_t len, const struct stat *st)
{
	char cut[PATH_MAX], shown[TEXT_SHOWN_LEN];

	snprintf(cut, sizeof(cut), "%.*s", len == 0 ? 1 : (int)len, path);
	text_printable(cut, shown, sizeof(shown));
	if (st->st_uid != 0 && st->st_uid != geteuid())
		LOG(ERR, "%s: belongs to another user (%u): choose another folder with --root",
			shown, st->st_uid);
	else if ((st->st_mode & OTHERS_WRITE) != 0)
		LOG(ERR, "%s: other users can write to it: chmod go-w it, or choose another folder with --root",
			shown);
	else
		LOG(ERR, "%s: belongs to root: run as root, or choose another folder with --root",
			shown);
}

/* Walk down a path without symbolic links from the root folder, and look at each. */
static int
walk(const char *path)
{
	const char *at = path, *end;
	char name[NAME_MAX + 1];
	struct stat st;
	int fd, next;

	fd = open("/", OPEN_FOLDER | O_PATH);
	while (fd >= 0) {
		if (fstat(fd, &st) < 0)
			break;
		if (!trusted_above(&st)) {
			not_trusted(path, at - path, &st);
			close(fd);
			return -EPERM;
		}
		at += strspn(at, "/");
		if (*at == '\0')
			return fd;
		end = at + strcspn(at, "/");
		if (end - at > NAME_MAX) {
			errno = ENAMETOOLONG;
			break;
		}
		memcpy(name, at, end - at);
		name[end - at] = '\0';
		at = end;
		next = openat(fd, name, OPEN_FOLDER | O_PATH);
		if (next < 0)
			break;
		close(fd);
		fd = next;
	}
	next = errno;
	if (fd >= 0)
		close(fd);
	cannot(path, next);
	return -next;
}

/* Cut a path in two; the first is empty, or ends with the last slash. */
static const char *
cut_last(const char *path, char above[PATH_MAX])
{
	size_t len = strlen(path);
	const char *last;

	while (len > 1 && path[len - 1] == '/')
		len--;
	if (len >= PATH_MAX)
		return NULL;
	memcpy(above, path, len);
	above[len] = '\0';
	last = strrchr(above, '/');
	last = last == NULL ? above : last + 1;
	if (*last == '\0' || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
		return NULL;
	last = path + (last - above);
	above[last - path] = '\0';
	return last;
}

static int
open_last(int above, const char *real, const char *name)
{
	struct stat st;
	int fd, ret;

	if (mkdirat(above, name, 0755) < 0 && errno != EEXIST) {
		ret = -errno;
		cannot(real, -ret);
		return ret;
	}
	fd = openat(above, name, OPEN_FOLDER | O_RDONLY);
	if (fd < 0 || fstat(fd, &st) < 0) {
		ret = -errno;
		cannot(real, -ret);
	} else if (!trusted(&st)) {
		ret = -EPERM;
		not_trusted(real, strlen(real), &st);
	} else {
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return ret;
}

int
folder_open_trusted(const char *path, char real[PATH_MAX])
{
	char above[PATH_MAX], resolved[PATH_MAX], name[NAME_MAX + 1];
	const char *last;
	int fd, ret;

	last = cut_last(path, above);
	if (last == NULL || snprintf(name, sizeof(name), "%.*s",
			(int)strcspn(last, "/"), last) >= (int)sizeof(name)) {
		cannot(path, EINVAL);
		return -EINVAL;
	}
	if (realpath(above[0] == '\0' ? "." : above, resolved) == NULL) {
		ret = -errno;
		cannot(path, -ret);
		return ret;
	}
	if (snprintf(real, PATH_MAX, "%s/%s", strcmp(resolved, "/") == 0 ? "" :
			resolved, name) >= PATH_MAX) {
		cannot(path, ENAMETOOLONG);
		return -ENAMETOOLONG;
	}
	fd = walk(resolved);
	if (fd < 0)
		return fd;
	ret = open_last(fd, real, name);
	close(fd);
	return ret;
}

int
folder_open(int dirfd, const char *name)
{
	struct stat st;
	int fd;

	fd = openat(dirfd, name, OPEN_FOLDER | O_RDONLY);
	if (fd < 0)
		return errno == ELOOP ? -ENOTDIR : -errno;
	if (fstat(fd, &st) == 0 && trusted(&st))
		return fd;
	close(fd);
	return -EPERM;
}

int
folder_make(int dirfd, const char *name, mode_t mode)
{
	if (mkdirat(dirfd, name, mode) < 0 && errno != EEXIST)
		return -errno;
	return folder_open(dirfd, name);
}

bool
folder_is_listed(int dirfd, const char *name, int fd)
{
	struct stat mine, listed;

	return fstat(fd, &mine) == 0 &&
		fstatat(dirfd, name, &listed, AT_SYMLINK_NOFOLLOW) == 0 &&
		mine.st_ino == listed.st_ino && mine.st_dev == listed.st_dev;
}

int
folder_put(int dirfd, const char *name, const char *text)
{
	ssize_t len = strlen(text), n;
	int fd, ret = 0;

	fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		0644);
	if (fd < 0)
		return -errno;
	n = write(fd, text, len);
	if (n != len)
		ret = n < 0 ? -errno : -ENOSPC;
	close(fd);
	return ret;
}

bool
folder_link(int dirfd, const char *name, char *target, size_t len)
{
	ssize_t n;

	n = readlinkat(dirfd, name, target, len);
	if (n < 0 || (size_t)n >= len)
		return false;
	target[n] = '\0';
	return true;
}

int
folder_each(int dirfd, int (*entry)(void *arg, const char *name), void *arg)
{
	struct dirent *dirent;
	int fd, ret = 0;
	DIR *dir;

	/* one of its own, whose place in the folder nobody else moves */
	fd = openat(dirfd, ".", OPEN_FOLDER | O_RDONLY);
	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (dir == NULL) {
		ret = -errno;
		close(fd);
		return ret;
	}
	while (ret == 0) {
		errno = 0;
		dirent = readdir(dir);
		if (dirent == NULL) {
			ret = -errno;
			break;
		}
		if (strcmp(dirent->d_name, ".") != 0 && strcmp(dirent->d_name, "..") != 0)
			ret = entry(arg, dirent->d_name);
	}
	closedir(dir);
	return ret;
}
