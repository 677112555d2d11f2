/* SPDX-License-Identifier: BSD-3-Clause */

/* The file behind memory that EAL did not allocate. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "vfio_user_private.h"

/* A line of /proc/self/maps, see proc(5). */
struct mapping {
	uint64_t start, end, offset;
	dev_t dev;
	ino_t ino;
	char perms[5];
	char path[PATH_MAX];
};

static bool
parse_line(const char *line, struct mapping *mapping)
{
	unsigned int major, minor;
	uint64_t ino;
	size_t len;
	int at = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 " %n",
			&mapping->start, &mapping->end, mapping->perms,
			&mapping->offset, &major, &minor, &ino, &at) < 7)
		return false;
	mapping->dev = makedev(major, minor);
	mapping->ino = ino;
	len = RTE_MIN(strcspn(line + at, "\n"), sizeof(mapping->path) - 1);
	memcpy(mapping->path, line + at, len);
	mapping->path[len] = '\0';
	return true;
}

static int
find_mapping(uint64_t addr, struct mapping *mapping)
{
	size_t room = 0;
	char *line = NULL;
	int ret = -EFAULT;
	FILE *file;

	file = fopen("/proc/self/maps", "re");
	if (file == NULL)
		return -errno;
	while (ret < 0 && getline(&line, &room, file) >= 0) {
		if (parse_line(line, mapping) && mapping->start <= addr &&
				addr < mapping->end)
			ret = 0;
	}
	free(line);
	fclose(file);
	return ret;
}

/*
 * Is it the mapped file? Its file system is not asked: an fd may be a server's, and the
 * file system one in user space, which could keep us.
 */
static bool
is_mapped(int fd, const struct mapping *mapping)
{
	struct statx stx;

	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO,
			&stx) == 0 && S_ISREG(stx.stx_mode) && stx.stx_ino == mapping->ino &&
		makedev(stx.stx_dev_major, stx.stx_dev_minor) == mapping->dev;
}

/* Open a path if it is the mapped file. */
static int
open_same(const char *path, const struct mapping *mapping)
{
	int fd;

	/* neither wait for, nor wake, what is no file of memory */
	fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	if (is_mapped(fd, mapping))
		return fd;
	close(fd);
	return -ENOENT;
}

/* A file without a path (memfd) is reached by an fd that the process still has. */
static int
open_by_fd(const struct mapping *mapping)
{
	struct dirent *dirent;
	char path[PATH_MAX];
	int fd = -ENOENT;
	DIR *dir;

	dir = opendir("/proc/self/fd");
	if (dir == NULL)
		return -errno;
	while (fd < 0 && (dirent = readdir(dir)) != NULL) {
		if (dirent->d_name[0] == '.' || !is_mapped(atoi(dirent->d_name), mapping))
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%s", dirent->d_name);
		fd = open_same(path, mapping);
	}
	closedir(dir);
	return fd;
}

static int
open_mapping(const struct mapping *mapping)
{
	char path[PATH_MAX];
	int fd;

	/* for root alone, but right whatever became of the path */
	snprintf(path, sizeof(path), "/proc/self/map_files/%" PRIx64 "-%" PRIx64,
		mapping->start, mapping->end);
	fd = open_same(path, mapping);
	if (fd < 0 && mapping->path[0] == '/')
		fd = open_same(mapping->path, mapping);
	if (fd < 0)
		fd = open_by_fd(mapping);
	return fd;
}

static int
file_find(uint64_t start, uint64_t end, struct vfio_user_piece *piece,
		struct mapping *mapping)
{
	int ret;

	ret = find_mapping(start, mapping);
	if (ret < 0)
		return ret;
	piece->start = start;
	piece->end = RTE_MIN(end, mapping->end);
	piece->external = true;
	piece->offset = mapping->offset + (start - mapping->start);
	piece->file_dev = mapping->dev;
	piece->file_ino = mapping->ino;
	piece->fd = -1;
	/* private memory: writes of the server would not be seen here */
	return mapping->ino == 0 || mapping->perms[3] != 's' ? -ENOTSUP : 0;
}

int
vfio_user_file_behind(uint64_t start, uint64_t end, struct vfio_user_piece *piece)
{
	struct mapping mapping;

	return file_find(start, end, piece, &mapping);
}

int
vfio_user_file_open(uint64_t start, uint64_t end, struct vfio_user_piece *piece)
{
	struct mapping mapping;
	int ret;

	ret = file_find(start, end, piece, &mapping);
	if (ret < 0)
		return ret;
	piece->fd = open_mapping(&mapping);
	if (piece->fd >= 0)
		return 0;
	return piece->fd == -EMFILE || piece->fd == -ENFILE ? piece->fd : -ENOTSUP;
}
