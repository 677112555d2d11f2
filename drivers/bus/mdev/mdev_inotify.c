/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Devices of mediators in user space that come and go, by inotify(7) on the folders that
 * list them. A folder that is not there is waited for in the nearest one above it.
 *
 * After it was started all of this belongs to EAL's interrupt thread.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <rte_dev.h>
#include <rte_interrupts.h>
#include <rte_string_fns.h>

#include "private.h"

/* One for all: a folder may be watched for several reasons, and has one mask. */
#define MASK (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | \
	IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define MASK_SELF (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)

/* Folders that come one below the other while they are looked for. */
#define ARM_TRIES 16

/* A device that is listed. */
struct listed {
	rte_uuid_t uuid;
	char name[RTE_UUID_STRLEN]; /* as spelt there */
	dev_t dev;
	ino_t ino;     /* of its link or folder: another one is another device */
	int wd;        /* of its folder while it has no socket, else -1 */
	bool told;     /* it can be attached, as was told */
	bool seen;     /* for relist() */
};

struct user_root {
	char path[MDEV_USER_ROOT_LEN];
	int wd;                  /* of the root or of a folder above; -1: none */
	bool is_there;           /* wd is the root's */
	char next[NAME_MAX + 1]; /* else: what is waited for there */
	struct listed *listed;   /* sorted by UUID */
	size_t count, room;
};

static struct {
	struct rte_intr_handle *handle; /* NULL: not running */
	int fd;
	unsigned int count;
	struct user_root *root;
} user;

static bool
wd_is_used(int wd)
{
	const struct user_root *root;
	unsigned int i;
	size_t j;

	for (i = 0; i < user.count; i++) {
		root = &user.root[i];
		if (root->wd == wd)
			return true;
		for (j = 0; j < root->count; j++) {
			if (root->listed[j].wd == wd)
				return true;
		}
	}
	return false;
}

/* The kernel has one watch for a folder, however often it was asked for. */
static void
wd_set(int *wd, int new)
{
	int old = *wd;

	*wd = new;
	if (old >= 0 && old != new && !wd_is_used(old))
		inotify_rm_watch(user.fd, old);
}

/* Place of a device in the list, or the one where it is to be. */
static size_t
find(const struct user_root *root, const rte_uuid_t uuid, bool *found)
{
	size_t low = 0, high = root->count, middle;
	int cmp;

	*found = false;
	while (low < high) {
		middle = low + (high - low) / 2;
		cmp = rte_uuid_compare(root->listed[middle].uuid, uuid);
		if (cmp == 0) {
			*found = true;
			return middle;
		}
		if (cmp < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int
make_room(struct user_root *root)
{
	const size_t room = RTE_MAX(2 * root->room, (size_t)16);
	struct listed *grown;

	if (root->count < root->room)
		return 0;
	grown = reallocarray(root->listed, room, sizeof(*grown));
	if (grown == NULL)
		return -ENOMEM;
	root->listed = grown;
	root->room = room;
	return 0;
}

static int
insert(struct user_root *root, size_t at, const rte_uuid_t uuid, const char *name,
		const struct stat *st)
{
	struct listed *new;

	if (make_room(root) < 0)
		return -ENOMEM;
	new = &root->listed[at];
	memmove(new + 1, new, (root->count++ - at) * sizeof(*new));
	memset(new, 0, sizeof(*new));
	rte_uuid_copy(new->uuid, uuid);
	rte_strscpy(new->name, name, sizeof(new->name));
	new->dev = st->st_dev;
	new->ino = st->st_ino;
	new->wd = -1;
	new->seen = true;
	return 0;
}

static void
tell(const struct listed *listed, enum rte_dev_event_type type)
{
	char name[RTE_UUID_STRLEN];

	rte_uuid_unparse(listed->uuid, name, sizeof(name));
	MDEV_LOG(DEBUG, "mdev:%s: %s", name,
		type == RTE_DEV_EVENT_ADD ? "created" : "removed");
	rte_dev_event_callback_process(name, type);
}

static void
drop(struct user_root *root, size_t at)
{
	struct listed gone = root->listed[at];

	root->count--;
	memmove(&root->listed[at], &root->listed[at + 1],
		(root->count - at) * sizeof(gone));
	wd_set(&gone.wd, -1);
	if (gone.told)
		tell(&gone, RTE_DEV_EVENT_REMOVE);
}

static bool
has_socket(const struct user_root *root, const struct listed *listed)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s/socket", root->path, listed->name);
	return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* Has it got its socket? Until then its folder is watched. quiet: nobody is told. */
static void
look_for_socket(struct user_root *root, struct listed *listed, bool quiet)
{
	char path[PATH_MAX];

	if (!has_socket(root, listed)) {
		snprintf(path, sizeof(path), "%s/%s", root->path, listed->name);
		wd_set(&listed->wd, inotify_add_watch(user.fd, path, MASK));
		if (!has_socket(root, listed))
			return;
	}
	wd_set(&listed->wd, -1);
	listed->told = true;
	if (!quiet)
		tell(listed, RTE_DEV_EVENT_ADD);
}

/* By another spelling it is the same UUID a second time. */
static bool
is_replaced(const struct listed *listed, const char *name, const struct stat *st)
{
	return strcmp(listed->name, name) == 0 &&
		(listed->ino != st->st_ino || listed->dev != st->st_dev);
}

/*
 * A name that is there. One that is known already is no news, unless something else was
 * put into its place (rename(2)), which nothing but this tells.
 */
static int
appeared(struct user_root *root, int root_fd, const char *name, bool quiet)
{
	struct stat st;
	rte_uuid_t uuid;
	bool found;
	size_t at;
	int ret;

	if (strlen(name) != RTE_UUID_STRLEN - 1 || rte_uuid_parse(name, uuid) != 0)
		return 0;
	if (fstatat(root_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return mdev_user_is_absent(-errno) ? 0 : -errno;
	at = find(root, uuid, &found);
	if (found && !is_replaced(&root->listed[at], name, &st)) {
		root->listed[at].seen = true;
		return 0;
	}
	if (found)
		drop(root, at);
	ret = mdev_user_check_device(root_fd, name);
	if (ret < 0)
		return mdev_user_is_absent(ret) ? 0 : ret;
	ret = insert(root, at, uuid, name, &st);
	if (ret == 0)
		look_for_socket(root, &root->listed[at], quiet);
	return ret;
}

static int
relist_dir(struct user_root *root, int root_fd, bool quiet)
{
	struct dirent *dirent;
	int fd, ret = 0;
	DIR *dir;

	fd = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (dir == NULL) {
		ret = -errno;
		close(fd);
		return ret;
	}
	while (ret == 0 && (dirent = readdir(dir)) != NULL)
		ret = appeared(root, root_fd, dirent->d_name, quiet);
	closedir(dir);
	return ret;
}

/* Compare all of what is known with what is there. */
static int
relist(struct user_root *root, bool quiet)
{
	int root_fd = -1, ret = 0;
	size_t i;

	for (i = 0; i < root->count; i++)
		root->listed[i].seen = false;
	if (root->is_there) {
		root_fd = mdev_user_open_root(root->path);
		if (root_fd < 0 && !mdev_user_is_absent(root_fd))
			return root_fd;
	}
	if (root_fd >= 0) {
		ret = relist_dir(root, root_fd, quiet);
		close(root_fd);
	}
	if (ret < 0)
		return ret; /* nothing is gone because it could not be read */
	for (i = root->count; i-- > 0; ) {
		if (!root->listed[i].seen)
			drop(root, i);
	}
	return 0;
}

/* May the root be used? */
static bool
root_is_there(const struct user_root *root)
{
	int fd = mdev_user_open_root(root->path);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/*
 * Watch a folder. The kernel looks it up before it watches what it found: a folder that is
 * moved between the two tells nobody. So it must be the same one before and after.
 * -EAGAIN: it is not.
 */
static int
watch_folder(const char *path)
{
	struct stat before, after;
	int wd;

	if (stat(path, &before) < 0)
		return -errno;
	wd = inotify_add_watch(user.fd, path, MASK);
	if (wd < 0)
		return -errno;
	if (stat(path, &after) == 0 && after.st_ino == before.st_ino &&
			after.st_dev == before.st_dev)
		return wd;
	if (!wd_is_used(wd))
		inotify_rm_watch(user.fd, wd);
	return -EAGAIN;
}

/*
 * Watch the nearest folder above a root that is there. 1: to be tried again, as more of
 * the way came to be, or less is left of it.
 */
static int
watch_above(struct user_root *root)
{
	char path[MDEV_USER_ROOT_LEN], child[MDEV_USER_ROOT_LEN];
	char *slash;
	int wd;

	rte_strscpy(path, root->path, sizeof(path));
	do {
		rte_strscpy(child, path, sizeof(child));
		slash = strrchr(path, '/');
		rte_strscpy(root->next, slash + 1, sizeof(root->next));
		slash[slash == path] = '\0';
		wd = watch_folder(path);
	} while (path[1] != '\0' &&
		(wd == -ENOENT || wd == -ENOTDIR || wd == -EACCES));
	if (wd < 0)
		return wd == -EAGAIN ? 1 : wd;
	wd_set(&root->wd, wd);
	root->is_there = false;
	if (strcmp(child, root->path) == 0)
		return root_is_there(root);
	return access(child, F_OK) == 0;
}

/* 1: to be tried again, as it changed meanwhile. */
static int
watch_root(struct user_root *root)
{
	int wd;

	if (!root_is_there(root))
		return watch_above(root);
	wd = watch_folder(root->path);
	if (wd == -EACCES)
		return watch_above(root);
	if (wd < 0)
		return wd == -EAGAIN || wd == -ENOENT || wd == -ENOTDIR ? 1 : wd;
	wd_set(&root->wd, wd);
	root->is_there = true;
	return 0;
}

static int
arm(struct user_root *root, bool quiet)
{
	unsigned int i;
	int ret = 1;

	for (i = 0; ret == 1 && i < ARM_TRIES; i++)
		ret = watch_root(root);
	return ret < 0 ? ret : relist(root, quiet);
}

/* An entry of a root came or went. */
static int
root_changed(struct user_root *root, const struct inotify_event *event)
{
	rte_uuid_t uuid;
	int fd, ret;
	bool found;
	size_t at;

	if ((event->mask & (IN_DELETE | IN_MOVED_FROM)) != 0) {
		if (rte_uuid_parse(event->name, uuid) != 0)
			return 0;
		at = find(root, uuid, &found);
		if (found)
			drop(root, at);
		return 0;
	}
	if ((event->mask & (IN_CREATE | IN_MOVED_TO)) == 0)
		return 0;
	fd = mdev_user_open_root(root->path);
	if (fd < 0)
		return mdev_user_is_absent(fd) ? 0 : fd;
	ret = appeared(root, fd, event->name, false);
	close(fd);
	return ret;
}

/* Something happened in the folder of a device that has no socket yet. */
static void
device_changed(struct user_root *root, int wd)
{
	size_t i;

	for (i = 0; i < root->count; i++) {
		if (root->listed[i].wd == wd) {
			look_for_socket(root, &root->listed[i], false);
			return;
		}
	}
}

static int
take_event(struct user_root *root, const struct inotify_event *event)
{
	if ((event->mask & IN_Q_OVERFLOW) != 0)
		return arm(root, false);
	if (event->wd != root->wd) {
		device_changed(root, event->wd);
		return 0;
	}
	if ((event->mask & MASK_SELF) != 0) {
		if ((event->mask & IN_IGNORED) != 0)
			root->wd = -1; /* the kernel has ended it */
		return arm(root, false);
	}
	if (root->is_there && event->len > 0)
		return root_changed(root, event);
	/* what was waited for, or other permissions */
	if (event->len == 0 || strcmp(event->name, root->next) == 0)
		return arm(root, false);
	return 0;
}

static void
take_events(const char *buf, size_t len)
{
	const struct inotify_event *event;
	unsigned int i;
	size_t at;
	int ret;

	for (at = 0; at < len; at += sizeof(*event) + event->len) {
		event = (const struct inotify_event *)(buf + at);
		for (i = 0; i < user.count; i++) {
			ret = take_event(&user.root[i], event);
			if (ret < 0)
				MDEV_LOG(WARNING, "mdev bus: an event of devices was lost: %s: look at %s",
					strerror(-ret), user.root[i].path);
		}
	}
}

/* In EAL's interrupt thread. */
static void
inotify_interrupt(void *arg)
{
	char buf[4096] __rte_aligned(sizeof(uint64_t));
	ssize_t len;

	while ((len = read(rte_intr_fd_get(arg), buf, sizeof(buf))) > 0)
		take_events(buf, len);
}

static void
roots_free(void)
{
	unsigned int i;

	for (i = 0; i < user.count; i++)
		free(user.root[i].listed);
	free(user.root);
	user.root = NULL;
	user.count = 0;
}

/* What is there at the start was scanned, and is no news. */
static int
roots_arm(void)
{
	struct mdev_user_roots roots;
	unsigned int i;
	int ret = 0;

	mdev_user_roots(&roots);
	user.root = calloc(roots.count, sizeof(*user.root));
	if (user.root == NULL)
		return -ENOMEM;
	for (i = 0; i < roots.count; i++) {
		rte_strscpy(user.root[i].path, roots.path[i],
			sizeof(user.root[i].path));
		user.root[i].wd = -1;
	}
	user.count = roots.count;
	for (i = 0; ret == 0 && i < user.count; i++) {
		/* for the first ones that come, whenever that is */
		ret = make_room(&user.root[i]);
		if (ret == 0)
			ret = arm(&user.root[i], true);
	}
	return ret;
}

int
mdev_inotify_start(void)
{
	int ret;

	if (user.handle != NULL)
		return 0;
	user.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (user.fd < 0)
		return -errno;
	ret = roots_arm();
	if (ret < 0) {
		close(user.fd);
		roots_free();
		return ret;
	}
	ret = mdev_watch(user.fd, inotify_interrupt, &user.handle, NULL);
	if (ret < 0)
		roots_free();
	return ret;
}

void
mdev_inotify_stop(void)
{
	if (user.handle == NULL ||
			mdev_unwatch(user.handle, inotify_interrupt) < 0)
		return;
	user.handle = NULL;
	roots_free();
}
