/* SPDX-License-Identifier: BSD-3-Clause */

/* Scan: from the folders that list devices to the bus's list. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_memory.h>
#include <rte_string_fns.h>

#include "private.h"

#define MDEV_SYSFS_DEVICES "/sys/bus/mdev/devices"
#define MDEV_SYSFS_DEVICES_ENV "SYSFS_MDEV_DEVICES"

enum mdev_kind {
	MDEV_SOCKET, /* named by devargs */
	MDEV_SYSFS,  /* the kernel's */
	MDEV_USER,   /* of a mediator in user space */
};

/* A device that is listed somewhere. */
struct mdev_entry {
	rte_uuid_t uuid;
	enum mdev_kind kind;
	unsigned int rank;  /* of the list; the lowest wins */
	const char *root;
	const char *other;  /* another list that has it; NULL: none */
	char name[RTE_UUID_STRLEN]; /* as spelt there */
};

struct mdev_entries {
	struct mdev_entry *entry;
	size_t count, room;
	/* where the next ones are from */
	enum mdev_kind kind;
	unsigned int rank;
};

const char *
mdev_sysfs_root(void)
{
	const char *root = getenv(MDEV_SYSFS_DEVICES_ENV);

	return root != NULL ? root : MDEV_SYSFS_DEVICES;
}

static int
entries_add(struct mdev_entries *entries, const char *root, const char *name)
{
	struct mdev_entry *grown;
	rte_uuid_t uuid;
	size_t room;

	if (strlen(name) != RTE_UUID_STRLEN - 1 || rte_uuid_parse(name, uuid) != 0) {
		MDEV_LOG(DEBUG, "mdev bus: %s/%s is no UUID, ignored", root, name);
		return 0;
	}
	if (entries->count == entries->room) {
		room = entries->room == 0 ? 64 : 2 * entries->room;
		grown = reallocarray(entries->entry, room, sizeof(*grown));
		if (grown == NULL)
			return -ENOMEM;
		entries->entry = grown;
		entries->room = room;
	}
	grown = &entries->entry[entries->count++];
	rte_uuid_copy(grown->uuid, uuid);
	grown->kind = entries->kind;
	grown->rank = entries->rank;
	grown->root = root;
	grown->other = NULL;
	rte_strscpy(grown->name, name, sizeof(grown->name));
	return 0;
}

/* Drop the entry that was just made if its folder is not to be trusted, or is none. */
static int
entries_check(struct mdev_entries *entries, int root_fd, const char *name)
{
	int ret = mdev_user_check_device(root_fd, name);

	if (ret == 0)
		return 0;
	MDEV_LOG(DEBUG, MDEV_ADDR_PREFIX "%s: %s", name, strerror(-ret));
	entries->count--;
	return mdev_user_is_absent(ret) ? 0 : ret;
}

/* The folder's own fd is -1 if nothing in it needs a look before it is taken. */
static int
entries_read_dir(struct mdev_entries *entries, const char *root, int root_fd,
		DIR *dir)
{
	struct dirent *dirent;
	size_t count;
	int ret;

	while (true) {
		errno = 0;
		dirent = readdir(dir);
		if (dirent == NULL)
			return -errno;
		if (dirent->d_name[0] == '.')
			continue;
		count = entries->count;
		ret = entries_add(entries, root, dirent->d_name);
		if (entries->count > count && root_fd >= 0)
			ret = entries_check(entries, root_fd, dirent->d_name);
		if (ret < 0)
			return ret;
	}
}

/*
 * A folder that is not there lists nothing: no mediated devices on this machine. One
 * that cannot be read for the moment is an error, or all devices would seem gone.
 */
static int
entries_read_sysfs(struct mdev_entries *entries, const char *root)
{
	int ret;
	DIR *dir;

	dir = opendir(root);
	if (dir == NULL) {
		ret = errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
		MDEV_LOG(DEBUG, "mdev bus: %s: %s", root, strerror(errno));
		return ret;
	}
	ret = entries_read_dir(entries, root, -1, dir);
	closedir(dir);
	return ret;
}

/* The same for user space, where not every folder may be trusted. */
static int
entries_read_user(struct mdev_entries *entries, const char *root)
{
	int root_fd, fd, ret;
	DIR *dir = NULL;

	root_fd = mdev_user_open_root(root);
	if (root_fd < 0) {
		MDEV_LOG(DEBUG, "mdev bus: %s: %s", root, strerror(-root_fd));
		return mdev_user_is_absent(root_fd) ? 0 : root_fd;
	}
	fd = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		dir = fdopendir(fd);
	if (dir == NULL) {
		ret = errno == EACCES ? 0 : -errno;
		if (fd >= 0)
			close(fd);
		goto out;
	}
	ret = entries_read_dir(entries, root, root_fd, dir);
	closedir(dir);
out:
	close(root_fd);
	return ret;
}

/* See mdev_socket_read(). */
static int
entries_add_socket(void *arg, const char *path, const char *name)
{
	return entries_add(arg, path, name);
}

static int
entry_cmp(const void *a, const void *b)
{
	const struct mdev_entry *left = a, *right = b;
	int cmp = rte_uuid_compare(left->uuid, right->uuid);

	return cmp != 0 ? cmp : (left->rank > right->rank) -
		(left->rank < right->rank);
}

/* A device has no NUMA node of its own, but from user space; its parent may have one. */
static int
numa_node(const struct rte_mdev_device *mdev, const struct mdev_entry *entry)
{
	char text[RTE_MDEV_ATTR_LEN] = "", *end;
	long node;

	if (entry->kind == MDEV_USER)
		mdev_attr_read(mdev, entry->name, "numa_node", text);
	if (text[0] == '\0')
		mdev_attr_read(mdev, entry->name, "../numa_node", text);
	errno = 0;
	node = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || node < 0 ||
			node >= RTE_MAX_NUMA_NODES)
		return SOCKET_ID_ANY;
	return node;
}

/* What is said of a device that has no more than a socket. */
static void
device_read_socket(struct rte_mdev_device *mdev)
{
	struct mdev_private *priv = MDEV_PRIVATE(mdev);

	rte_strscpy(mdev->device_api, "vfio-pci", sizeof(mdev->device_api));
	mdev->type[0] = '\0';
	mdev->parent[0] = '\0';
	mdev->device.numa_node = SOCKET_ID_ANY;
	snprintf(priv->bus_info, sizeof(priv->bus_info),
		MDEV_KEY_SOCKET "=%s,device_api=%s", mdev->root, mdev->device_api);
	mdev->device.bus_info = priv->bus_info;
}

static void
device_read(struct rte_mdev_device *mdev, const struct mdev_entry *entry)
{
	struct mdev_private *priv = MDEV_PRIVATE(mdev);

	if (entry->kind == MDEV_SOCKET) {
		device_read_socket(mdev);
		return;
	}
	mdev_attr_read(mdev, entry->name, "mdev_type/device_api", mdev->device_api);
	mdev_attr_link(mdev, entry->name, "/mdev_type", 0, mdev->type);
	mdev_attr_link(mdev, entry->name, "", 1, mdev->parent);
	mdev->device.numa_node = numa_node(mdev, entry);
	snprintf(priv->bus_info, sizeof(priv->bus_info),
		"type=%s,parent=%s,device_api=%s", mdev->type, mdev->parent,
		mdev->device_api);
	mdev->device.bus_info = priv->bus_info;
}

/* The user is told once which of them it is. */
static void
device_doubled(struct rte_mdev_device *mdev, const struct mdev_entry *entry)
{
	struct mdev_private *priv = MDEV_PRIVATE(mdev);

	if (entry->other != NULL && !priv->doubled)
		MDEV_LOG(WARNING, "mdev:%s: is at %s and at %s: the first one is taken; give one of the two another UUID",
			mdev->name, entry->root, entry->other);
	priv->doubled = entry->other != NULL;
}

/*
 * Aligned, what a search looks at lies in two cache lines and not in three: of 10,000
 * devices that is what fits into the second cache of a processor.
 */
static struct mdev_private *
device_alloc(size_t root_len)
{
	const size_t len = RTE_ALIGN_CEIL(sizeof(struct mdev_private) + root_len,
			RTE_CACHE_LINE_SIZE);
	struct mdev_private *priv = aligned_alloc(RTE_CACHE_LINE_SIZE, len);

	if (priv != NULL)
		memset(priv, 0, len);
	return priv;
}

static struct rte_mdev_device *
device_new(const struct mdev_entry *entry)
{
	size_t root_len = strlen(entry->root) + 1;
	struct mdev_private *priv;
	struct rte_mdev_device *mdev;

	priv = device_alloc(root_len);
	if (priv == NULL)
		return NULL;
	memcpy(priv->root, entry->root, root_len);
	priv->borrowed_fd = -1;
	mdev = &priv->pub;
	mdev->root = priv->root;
	rte_uuid_copy(mdev->uuid, entry->uuid);
	rte_uuid_unparse(mdev->uuid, mdev->name, sizeof(mdev->name));
	mdev->device.name = mdev->name;
	mdev->device.bus = &mdev_bus.bus;
	device_read(mdev, entry);
	device_doubled(mdev, entry);
	MDEV_LOG(DEBUG, "mdev:%s: found in %s: device API %s, type %s, parent %s",
		mdev->name, mdev->root, mdev->device_api, mdev->type, mdev->parent);
	mdev_telemetry_add(mdev);
	return mdev;
}

void
mdev_free_device(struct rte_mdev_device *mdev)
{
	mdev_telemetry_remove(mdev);
	free(MDEV_PRIVATE(mdev));
}

/* No longer listed. Whoever drives it keeps it until it is unplugged. */
static void
device_gone(struct rte_mdev_device *mdev)
{
	if (mdev->driver != NULL) {
		mdev->gone = true;
		return;
	}
	TAILQ_REMOVE(MDEV_DEVICES, &mdev->device, next);
	mdev_free_device(mdev);
}

/* Still listed. The same UUID may belong to a device of another type by now. */
static void
device_still(struct rte_mdev_device *mdev, const struct mdev_entry *entry)
{
	mdev->gone = false;
	device_doubled(mdev, entry);
	if (mdev->driver != NULL)
		return;
	mdev_telemetry_lock();
	device_read(mdev, entry);
	mdev_telemetry_unlock();
}

/*
 * Both lists are sorted by UUID: one pass, however many devices there are. An
 * unused device that another folder lists by now is replaced.
 */
static int
merge(const struct mdev_entries *entries)
{
	struct rte_mdev_device *mdev = mdev_first(), *next, *new;
	const struct mdev_entry *entry;
	size_t i = 0;
	int cmp;

	while (i < entries->count || mdev != NULL) {
		entry = i < entries->count ? &entries->entry[i] : NULL;
		next = mdev == NULL ? NULL : mdev_next(mdev);
		cmp = entry == NULL ? 1 : mdev == NULL ? -1 :
			rte_uuid_compare(entry->uuid, mdev->uuid);
		if (cmp == 0 && mdev->driver == NULL &&
				strcmp(mdev->root, entry->root) != 0)
			cmp = 1;
		if (cmp > 0) {
			device_gone(mdev);
			mdev = next;
			continue;
		}
		i++;
		if (cmp == 0) {
			device_still(mdev, entry);
			mdev = next;
			continue;
		}
		new = device_new(entry);
		if (new == NULL)
			return -ENOMEM;
		if (mdev != NULL)
			TAILQ_INSERT_BEFORE(&mdev->device, &new->device, next);
		else
			TAILQ_INSERT_TAIL(MDEV_DEVICES, &new->device, next);
	}
	return 0;
}

/* How far ahead of a search devices are fetched, in devices. */
#define AHEAD 8

static void
look_ahead(void)
{
	struct rte_mdev_device *mdev, *behind = mdev_first();
	unsigned int i = 0;

	MDEV_FOREACH(mdev) {
		if (i++ < AHEAD)
			continue;
		MDEV_PRIVATE(behind)->ahead = MDEV_PRIVATE(mdev);
		behind = mdev_next(behind);
	}
	for (; behind != NULL; behind = mdev_next(behind))
		MDEV_PRIVATE(behind)->ahead = NULL;
}

/* Two spellings of one UUID are one device, and so are entries of two lists. */
static void
entries_sort(struct mdev_entries *entries)
{
	struct mdev_entry *entry, *last;
	size_t i, kept = 0;

	if (entries->count == 0)
		return;
	qsort(entries->entry, entries->count, sizeof(*entries->entry), entry_cmp);
	for (i = 1; i < entries->count; i++) {
		last = &entries->entry[kept];
		entry = &entries->entry[i];
		if (rte_uuid_compare(last->uuid, entry->uuid) != 0)
			entries->entry[++kept] = *entry;
		else if (last->rank != entry->rank && last->other == NULL)
			last->other = entry->root;
	}
	entries->count = kept + 1;
}

/* All that is listed, the most particular first. where: the list that failed. */
static int
entries_read(struct mdev_entries *entries, struct mdev_sockets *sockets,
		const struct mdev_user_roots *roots, const char **where)
{
	unsigned int i;
	int ret;

	*where = "devargs";
	entries->kind = MDEV_SOCKET;
	ret = mdev_socket_read(sockets, entries_add_socket, entries);
	if (ret < 0)
		return ret;
	*where = mdev_sysfs_root();
	entries->kind = MDEV_SYSFS;
	entries->rank++;
	ret = entries_read_sysfs(entries, *where);
	entries->kind = MDEV_USER;
	for (i = 0; ret == 0 && i < roots->count; i++) {
		*where = roots->path[i];
		entries->rank++;
		ret = entries_read_user(entries, *where);
	}
	return ret;
}

int
mdev_scan(void)
{
	struct mdev_entries entries = { .entry = NULL };
	struct mdev_sockets sockets = { .path = NULL };
	struct mdev_user_roots roots;
	struct rte_mdev_device *mdev;
	const char *where;
	int ret;

	mdev_user_roots(&roots);
	ret = entries_read(&entries, &sockets, &roots, &where);
	if (ret == 0) {
		entries_sort(&entries);
		ret = merge(&entries);
		look_ahead();
	}
	free(entries.entry);
	free(sockets.path);
	if (ret == 0)
		ret = mdev_devargs_refresh();
	if (ret < 0) {
		MDEV_LOG(ERR, "mdev bus: scan of %s failed: %s: see that it can be read, and scan again",
			where, strerror(-ret));
		/* EAL frees the devargs whose attach made it scan */
		MDEV_FOREACH(mdev)
			mdev->device.devargs = NULL;
	}
	return ret;
}
