/* SPDX-License-Identifier: BSD-3-Clause */

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "log.h"
#include "publish.h"
#include "publish_place.h"
#include "test.h"

struct publish_place place;

static mode_t mask;

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	RTE_SET_USED(st);
	RTE_SET_USED(type);
	RTE_SET_USED(ftw);
	return remove(path);
}

int
place_start(void)
{
	mask = umask(022);
	snprintf(place.top, sizeof(place.top), "%s/mdev.XXXXXX",
		getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	if (mkdtemp(place.top) == NULL)
		return TEST_FAILED;
	snprintf(place.root, sizeof(place.root), "%s/root", place.top);
	log_copy_error(place.message, sizeof(place.message));
	return TEST_SUCCESS;
}

void
place_stop(void)
{
	log_copy_error(NULL, 0);
	nftw(place.top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	umask(mask);
}

const char *
place_path(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", place.root, name);
	return path;
}

bool
place_has(const char *name)
{
	struct stat st;

	return lstat(place_path(name), &st) == 0;
}

static void
list_entry(const char *path, const struct stat *st)
{
	char text[256] = "";
	ssize_t n = 0;
	int fd;

	if (S_ISLNK(st->st_mode)) {
		n = readlink(path, text, sizeof(text) - 1);
	} else if (S_ISREG(st->st_mode)) {
		fd = open(path, O_RDONLY);
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	place.listed += snprintf(place.listing + place.listed, sizeof(place.listing) - place.listed, "%s%s%s %o\n",
		path + strlen(place.root), S_ISLNK(st->st_mode) ? " -> " :
		S_ISREG(st->st_mode) ? ": " : "", text,
		S_ISLNK(st->st_mode) ? 0 : st->st_mode & 07777);
}

static void
list_folder(const char *path)
{
	struct dirent **names;
	char sub[512];
	struct stat st;
	int n, i;

	n = scandir(path, &names, NULL, alphasort);
	for (i = 0; i < n; i++) {
		snprintf(sub, sizeof(sub), "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.' && lstat(sub, &st) == 0) {
			list_entry(sub, &st);
			if (S_ISDIR(st.st_mode))
				list_folder(sub);
		}
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

void
place_remove(const char *name)
{
	nftw(place_path(name), remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *
place_list(void)
{
	place.listed = 0;
	place.listing[0] = '\0';
	list_folder(place.root);
	return place.listing;
}

int
place_killed(const char *name, const char *uuid)
{
	char path[PUBLISH_PATH_LEN];
	struct publish *publish;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (publish_open(place.root, name, &publish) == 0 &&
				publish_add(publish, uuid, 1, path) == 0 &&
				mknod(path, S_IFSOCK | 0600, 0) == 0 &&
				mknod(publish_ctl_path(publish), S_IFSOCK | 0600, 0) == 0 &&
				publish_show(publish, uuid) == 0)
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
	return pid > 0 && place_has("devices") ? TEST_SUCCESS : TEST_FAILED;
}
