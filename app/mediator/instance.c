/* SPDX-License-Identifier: BSD-3-Clause */

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "folder.h"
#include "instance.h"
#include "text.h"

#define CLAIM_TRIES 100
#define CLAIM_WAIT_MS 10

bool
instance_name_ok(const char *name)
{
	const char *c;

	if (!isalnum((unsigned char)*name) || strlen(name) >= INSTANCE_NAME_LEN)
		return false;
	for (c = name; *c != '\0'; c++) {
		if (!isalnum((unsigned char)*c) && strchr("._-", *c) == NULL)
			return false;
	}
	return strcmp(name, INSTANCE_DEVICES) != 0;
}

/* Who wrote into the lock file last; 0: nobody. */
static pid_t
signed_by(int lock)
{
	char text[16] = "";
	ssize_t n;
	long pid;

	n = pread(lock, text, sizeof(text) - 1, 0);
	pid = n > 0 ? strtol(text, NULL, 10) : 0;
	return pid > 0 && pid < INT_MAX ? pid : 0;
}

static int
count_entry(void *arg, const char *name)
{
	if (strcmp(name, INSTANCE_LOCK) != 0)
		(*(unsigned int *)arg)++;
	return 0;
}

static bool
has_only_lock(int fd)
{
	unsigned int others = 0;

	return folder_each(fd, count_entry, &others) == 0 && others == 0;
}

/*
 * -EAGAIN: what was locked had been removed by then. A folder without a lock file but
 * with something else is not ours, whatever its name is.
 */
static int
claim(struct instance *inst)
{
	inst->pid = 0;
	inst->fd = folder_make(inst->root, inst->name, 0700);
	if (inst->fd < 0)
		return inst->fd;
	if (faccessat(inst->fd, INSTANCE_LOCK, F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
			!has_only_lock(inst->fd))
		return -ENOTEMPTY;
	inst->lock = openat(inst->fd, INSTANCE_LOCK,
		O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (inst->lock < 0)
		return -errno;
	if (flock(inst->lock, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return -errno;
		inst->pid = signed_by(inst->lock);
		return -EBUSY;
	}
	if (!folder_is_listed(inst->fd, INSTANCE_LOCK, inst->lock))
		return -EAGAIN;
	return 0;
}

static void
let_go(struct instance *inst)
{
	if (inst->lock >= 0)
		close(inst->lock);
	if (inst->fd >= 0)
		close(inst->fd);
	inst->lock = inst->fd = -1;
}

/*
 * Who holds the lock may be no mediator but one that cleans up after it, or the kernel
 * that still takes a killed one apart: whoever signed does not live then.
 */
static bool
lives(const struct instance *inst)
{
	return inst->pid != 0 && (kill(inst->pid, 0) == 0 || errno == EPERM);
}

int
instance_claim(struct instance *inst, int root, const char *name, bool patient)
{
	const struct timespec wait = { .tv_nsec = CLAIM_WAIT_MS * 1000000L };
	unsigned int i;
	int ret;

	*inst = (struct instance){ .root = root, .fd = -1, .lock = -1 };
	snprintf(inst->name, sizeof(inst->name), "%s", name);
	for (i = 0; i < CLAIM_TRIES; i++) {
		ret = claim(inst);
		if (ret == 0)
			return 0;
		let_go(inst);
		if (ret == -EBUSY && patient && !lives(inst))
			nanosleep(&wait, NULL);
		else if (ret != -EAGAIN && ret != -ENOENT && ret != -ENOTEMPTY)
			return ret; /* others may come and go between two looks */
	}
	return ret;
}

int
instance_sign(struct instance *inst)
{
	char text[16];
	int len;

	len = snprintf(text, sizeof(text), "%d\n", getpid());
	if (fchmod(inst->fd, 0700) < 0 || ftruncate(inst->lock, 0) < 0)
		return -errno;
	return pwrite(inst->lock, text, len, 0) == len ? 0 : -EIO;
}

bool
instance_is_listed(const struct instance *inst)
{
	return folder_is_listed(inst->root, inst->name, inst->fd);
}

void
instance_remove_device(struct instance *inst, const char *uuid)
{
	int fd;

	fd = folder_open(inst->fd, uuid);
	if (fd < 0)
		return;
	unlinkat(fd, "socket", 0);
	unlinkat(fd, "mdev_type", 0);
	unlinkat(fd, "numa_node", 0);
	close(fd);
	unlinkat(inst->fd, uuid, AT_REMOVEDIR);
}

static int
remove_entry(void *arg, const char *name)
{
	if (text_is_uuid(name))
		instance_remove_device(arg, name);
	return 0;
}

static void
remove_types(struct instance *inst)
{
	int types, type;

	types = folder_open(inst->fd, INSTANCE_TYPES);
	if (types < 0)
		return;
	type = folder_open(types, INSTANCE_TYPE);
	if (type >= 0) {
		unlinkat(type, "device_api", 0);
		unlinkat(type, "name", 0);
		unlinkat(type, "description", 0);
		close(type);
		unlinkat(types, INSTANCE_TYPE, AT_REMOVEDIR);
	}
	close(types);
	unlinkat(inst->fd, INSTANCE_TYPES, AT_REMOVEDIR);
}

bool
instance_of_link(int devices, const char *uuid, char name[INSTANCE_NAME_LEN])
{
	char target[INSTANCE_NAME_LEN + TEXT_UUID_LEN + 8], *slash;
	size_t len;

	if (!text_is_uuid(uuid) || !folder_link(devices, uuid, target, sizeof(target)) ||
			strncmp(target, "../", 3) != 0)
		return false;
	slash = strrchr(target, '/');
	if (slash < target + 3 || strcmp(slash + 1, uuid) != 0)
		return false;
	*slash = '\0';
	len = strlen(target + 3);
	if (len >= INSTANCE_NAME_LEN || !instance_name_ok(target + 3))
		return false;
	memcpy(name, target + 3, len + 1);
	return true;
}

struct links {
	const char *name;
	int devices;
};

static int
remove_link(void *arg, const char *uuid)
{
	const struct links *links = arg;
	char name[INSTANCE_NAME_LEN];

	if (instance_of_link(links->devices, uuid, name) &&
			strcmp(name, links->name) == 0)
		unlinkat(links->devices, uuid, 0);
	return 0;
}

void
instance_clean(struct instance *inst)
{
	struct links links = { .name = inst->name };

	/* links go first: nobody is to find half of a device */
	links.devices = folder_open(inst->root, INSTANCE_DEVICES);
	if (links.devices >= 0) {
		if (instance_is_listed(inst))
			folder_each(links.devices, remove_link, &links);
		close(links.devices);
	}
	folder_each(inst->fd, remove_entry, inst);
	remove_types(inst);
	unlinkat(inst->fd, INSTANCE_CTL, 0);
}

void
instance_release(struct instance *inst)
{
	if (has_only_lock(inst->fd)) {
		unlinkat(inst->fd, INSTANCE_LOCK, 0);
		if (instance_is_listed(inst))
			unlinkat(inst->root, inst->name, AT_REMOVEDIR);
	}
	let_go(inst);
}

int
instance_reap(int root, const char *name, pid_t *pid)
{
	struct instance dead;
	int ret;

	ret = instance_claim(&dead, root, name, false);
	*pid = dead.pid;
	if (ret < 0)
		return ret;
	instance_clean(&dead);
	instance_release(&dead);
	return 0;
}
