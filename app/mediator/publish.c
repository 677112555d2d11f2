/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "folder.h"
#include "instance.h"
#include "log.h"
#include "publish.h"
#include "text.h"

#define SYSTEM_ROOT "/run/mdev"

/* What is longest below the folder of an instance. */
#define LONGEST_PATH "/00000000-0000-0000-0000-000000000000/socket"

struct publish {
	int root;
	int devices;  /* open all the time: to hide a device takes no fd then */
	char root_path[PUBLISH_PATH_LEN];
	struct instance inst;
	char path[PUBLISH_PATH_LEN]; /* of the instance's folder */
	char ctl[PUBLISH_PATH_LEN];
};

int
publish_default_root(char root[PATH_MAX])
{
	const char *dir = getenv("XDG_RUNTIME_DIR");

	if (geteuid() == 0) {
		strcpy(root, SYSTEM_ROOT);
		return 0;
	}
	if (dir == NULL || dir[0] != '/') {
		LOG(ERR, "XDG_RUNTIME_DIR names no folder: set it as a login does, or give a folder with --root");
		return -ENOENT;
	}
	if (snprintf(root, PATH_MAX, "%s/mdev", dir) < PATH_MAX)
		return 0;
	LOG(ERR, "XDG_RUNTIME_DIR is too long: give a shorter folder with --root");
	return -ENAMETOOLONG;
}

/* The path of an instance's folder, below which sockets have paths that fit. */
static int
instance_path(const char *root, const char *name, char path[PUBLISH_PATH_LEN])
{
	const size_t most = PUBLISH_PATH_LEN - sizeof(LONGEST_PATH);
	char shown[TEXT_SHOWN_LEN];

	if (snprintf(path, PUBLISH_PATH_LEN, "%s/%s", root, name) <= (int)most)
		return 0;
	LOG(ERR, "%s: too long a path for sockets: give a --root of %zu characters at most, or a shorter --name",
		text_printable(root, shown, sizeof(shown)), most - strlen(name) - 1);
	return -ENAMETOOLONG;
}

int
publish_find_ctl(const char *root, const char *name, char path[PUBLISH_PATH_LEN])
{
	int ret;

	ret = instance_path(root, name, path);
	if (ret == 0)
		strcat(path, "/" INSTANCE_CTL);
	return ret;
}

const char *
publish_ctl_path(const struct publish *publish)
{
	return publish->ctl;
}

static void
cannot_claim(const struct publish *publish, const char *name, int error)
{
	switch (error) {
	case -EBUSY:
		if (publish->inst.pid != 0)
			LOG(ERR, "%s: already running (pid %d): use --name for another one, or ctl add",
				name, publish->inst.pid);
		else
			LOG(ERR, "%s: already running: use --name for another one, or ctl add",
				name);
		break;
	case -ENOTEMPTY:
		LOG(ERR, "%s: has files that are no mediator's: remove it, or use another --name",
			publish->path);
		break;
	case -EPERM:
		LOG(ERR, "%s: another user's, or others can write to it: remove it, or use another --name",
			publish->path);
		break;
	default:
		LOG(ERR, "%s: %s: see that files can be made there, or use another --root",
			publish->path, strerror(-error));
	}
}

static const char *
remedy(int error)
{
	if (error == -EMFILE || error == -ENFILE)
		return "raise the limit of open files (ulimit -n, LimitNOFILE=), or remove devices";
	return "see that there is room, or use another --root";
}

static int
cannot_fill(const struct publish *publish, int error)
{
	LOG(ERR, "%s: cannot be filled: %s: %s", publish->path, strerror(-error),
		remedy(error));
	return error;
}

static int
reap_link(void *arg, const char *uuid)
{
	const struct publish *publish = arg;
	char name[INSTANCE_NAME_LEN];
	pid_t pid;

	if (instance_of_link(publish->devices, uuid, name))
		instance_reap(publish->root, name, &pid);
	return 0;
}

static int
put_type(int dir)
{
	int ret;

	ret = folder_put(dir, "device_api", "vfio-pci\n");
	if (ret == 0)
		ret = folder_put(dir, "name", "virtio network device\n");
	if (ret == 0)
		ret = folder_put(dir, "description",
			"packets: a vhost-user backend's, device access: vfio-user\n");
	return ret;
}

static int
make_types(struct publish *publish)
{
	int types, type, ret;

	types = folder_make(publish->inst.fd, INSTANCE_TYPES, 0700);
	if (types < 0)
		return types;
	type = folder_make(types, INSTANCE_TYPE, 0700);
	close(types);
	if (type < 0)
		return type;
	ret = put_type(type);
	close(type);
	return ret;
}

/* The folder that is shared with other mediators; it may have been removed meanwhile. */
static int
open_devices(struct publish *publish)
{
	if (publish->devices >= 0) {
		if (folder_is_listed(publish->root, INSTANCE_DEVICES, publish->devices))
			return publish->devices;
		close(publish->devices);
	}
	publish->devices = folder_make(publish->root, INSTANCE_DEVICES, 0755);
	return publish->devices;
}

static int
fill(struct publish *publish)
{
	int devices, ret;

	instance_clean(&publish->inst);
	devices = open_devices(publish);
	if (devices < 0) {
		LOG(ERR, "%s/" INSTANCE_DEVICES ": %s: see that it is a folder of this user's that others cannot write to",
			publish->root_path, strerror(-devices));
		return devices;
	}
	/* what mediators have left that did not end by themselves */
	folder_each(devices, reap_link, publish);
	ret = instance_sign(&publish->inst);
	if (ret == 0)
		ret = make_types(publish);
	return ret < 0 ? cannot_fill(publish, ret) : 0;
}

static int
open_root(struct publish *publish, const char *root, const char *name)
{
	char real[PATH_MAX];
	int ret;

	publish->root = folder_open_trusted(root, real);
	if (publish->root < 0)
		return publish->root;
	ret = instance_path(real, name, publish->path);
	if (ret == 0)
		ret = publish_find_ctl(real, name, publish->ctl);
	if (ret == 0)
		memcpy(publish->root_path, real, strlen(real) + 1);
	return ret;
}

static void
free_publish(struct publish *publish)
{
	if (publish->devices >= 0)
		close(publish->devices);
	if (publish->root >= 0)
		close(publish->root);
	free(publish);
}

int
publish_open(const char *root, const char *name, struct publish **publish)
{
	struct publish *new;
	int ret;

	new = calloc(1, sizeof(*new));
	if (new == NULL) {
		LOG(ERR, "no memory: free some");
		return -ENOMEM;
	}
	new->root = new->devices = -1;
	ret = open_root(new, root, name);
	if (ret < 0)
		goto fail;
	ret = instance_claim(&new->inst, new->root, name, true);
	if (ret < 0) {
		cannot_claim(new, name, ret);
		goto fail;
	}
	ret = fill(new);
	if (ret == 0) {
		*publish = new;
		return 0;
	}
	instance_clean(&new->inst);
	instance_release(&new->inst);
fail:
	free_publish(new);
	return ret;
}

void
publish_close(struct publish *publish)
{
	if (publish == NULL)
		return;
	instance_clean(&publish->inst);
	instance_release(&publish->inst);
	free_publish(publish);
}

/*
 * The name is taken. 0: by a mediator that is no more, and which is cleaned up after;
 * -EEXIST, logged.
 */
static int
taken(struct publish *publish, int devices, const char *uuid)
{
	char name[INSTANCE_NAME_LEN];
	pid_t pid = 0;
	int ret;

	if (!instance_of_link(devices, uuid, name)) {
		LOG(ERR, "mdev:%s: devices/%s is there and no mediator's: remove it, or use another UUID",
			uuid, uuid);
		return -EEXIST;
	}
	if (strcmp(name, publish->inst.name) == 0) {
		unlinkat(devices, uuid, 0); /* from before: we hold the lock */
		return 0;
	}
	ret = instance_reap(publish->root, name, &pid);
	if (ret == 0 || ret == -EAGAIN)
		return 0;
	if (ret == -EBUSY)
		LOG(ERR, "mdev:%s: already a device of %s (pid %d): remove it there, or use another UUID",
			uuid, name, pid);
	else
		LOG(ERR, "mdev:%s: already a device of %s: %s: remove %s/%s, or use another UUID",
			uuid, name, strerror(-ret), publish->root_path, name);
	return -EEXIST;
}

/*
 * Somebody else's device is none of ours, and its backend is not to be disturbed.
 * publish_show() sees for sure.
 */
static int
look_for_other(struct publish *publish, const char *uuid)
{
	int devices = open_devices(publish);

	if (devices >= 0 && faccessat(devices, uuid, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return taken(publish, devices, uuid);
	return 0;
}

static int
fill_device(struct publish *publish, const char *uuid, int numa)
{
	char node[16];
	int fd, ret = 0;

	fd = folder_make(publish->inst.fd, uuid, 0700);
	if (fd < 0)
		return fd;
	if (symlinkat("../" INSTANCE_TYPES "/" INSTANCE_TYPE, fd, "mdev_type") < 0)
		ret = -errno;
	if (ret == 0 && numa >= 0) {
		snprintf(node, sizeof(node), "%d\n", numa);
		ret = folder_put(fd, "numa_node", node);
	}
	close(fd);
	return ret;
}

int
publish_add(struct publish *publish, const char *uuid, int numa,
		char path[PUBLISH_PATH_LEN])
{
	int ret;

	ret = look_for_other(publish, uuid);
	if (ret < 0)
		return ret;
	ret = fill_device(publish, uuid, numa);
	if (ret == 0) {
		/* it has room: see instance_path() */
		strcpy(path, publish->path);
		strcat(path, "/");
		strcat(path, uuid);
		strcat(path, "/socket");
		return 0;
	}
	LOG(ERR, "mdev:%s: %s cannot be filled: %s: %s", uuid, publish->path,
		strerror(-ret), remedy(ret));
	publish_remove(publish, uuid);
	return ret;
}

#define SHOW_TRIES 10

int
publish_show(struct publish *publish, const char *uuid)
{
	char target[INSTANCE_NAME_LEN + TEXT_UUID_LEN + 8];
	int devices, i, ret = -EAGAIN;

	snprintf(target, sizeof(target), "../%s/%s", publish->inst.name, uuid);
	for (i = 0; i < SHOW_TRIES && ret == -EAGAIN; i++) {
		devices = open_devices(publish);
		if (devices < 0) {
			ret = devices;
			break;
		}
		/* which also is the question whether somebody else has it */
		if (symlinkat(target, devices, uuid) == 0) {
			ret = 0;
		} else if (errno == EEXIST) {
			ret = taken(publish, devices, uuid);
			ret = ret == 0 ? -EAGAIN : ret;
		} else if (errno != ENOENT) {
			ret = -errno;
		}
	}
	if (ret < 0 && ret != -EEXIST)
		LOG(ERR, "mdev:%s: cannot be put into %s/" INSTANCE_DEVICES ": %s: %s", uuid,
			publish->root_path, strerror(-ret), remedy(ret));
	return ret;
}

void
publish_hide(struct publish *publish, const char *uuid)
{
	char name[INSTANCE_NAME_LEN];
	int devices;

	devices = open_devices(publish);
	if (devices >= 0 && instance_of_link(devices, uuid, name) &&
			strcmp(name, publish->inst.name) == 0 &&
			instance_is_listed(&publish->inst))
		unlinkat(devices, uuid, 0);
}

void
publish_remove(struct publish *publish, const char *uuid)
{
	instance_remove_device(&publish->inst, uuid);
}
