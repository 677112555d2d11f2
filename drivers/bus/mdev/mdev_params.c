/* SPDX-License-Identifier: BSD-3-Clause */

/* Addresses, devargs, and the iteration over devices. */

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_kvargs.h>
#include <rte_string_fns.h>

#include "private.h"

#define KEY_BUS "bus"
#define KEY_UUID "uuid"
#define KEY_TYPE "type"
#define KEY_PARENT "parent"
#define KEY_DRIVER "driver"

#define UUID_HINT "a UUID has 32 hexadecimal digits as 8-4-4-4-12; the machine's are in " MDEV_LISTS

static const char * const bus_keys[] = {
	KEY_BUS, KEY_UUID, KEY_TYPE, KEY_PARENT, MDEV_KEY_SOCKET, NULL,
};

const char *
mdev_printable(const char *text, char *buf, size_t len)
{
	size_t i;

	for (i = 0; i < len - 1 && text[i] != '\0'; i++)
		buf[i] = isprint((unsigned char)text[i]) ? text[i] : '?';
	buf[i] = '\0';
	return buf;
}

static int
uuid_parse(const char *text, rte_uuid_t uuid)
{
	/* rte_uuid_parse() wants exactly this length, but does not say so */
	if (strlen(text) != RTE_UUID_STRLEN - 1)
		return -EINVAL;
	return rte_uuid_parse(text, uuid) == 0 ? 0 : -EINVAL;
}

/*
 * A UUID alone is no address: the parser of another bus (vmbus) takes it too, and
 * which one EAL asks first depends on the order in which they were loaded.
 */
int
mdev_parse(const char *name, void *addr)
{
	char printable[MDEV_PRINTABLE_LEN];
	rte_uuid_t uuid;

	if (strncmp(name, MDEV_ADDR_PREFIX, strlen(MDEV_ADDR_PREFIX)) != 0)
		return -EINVAL;
	name += strlen(MDEV_ADDR_PREFIX);
	if (uuid_parse(name, uuid) != 0) {
		MDEV_LOG(ERR, "mdev:%s: not a device address: " UUID_HINT,
			mdev_printable(name, printable, sizeof(printable)));
		return -EINVAL;
	}
	if (addr != NULL)
		memcpy(addr, uuid, sizeof(uuid));
	return 0;
}

/* Whom a message about devargs is about: the device if they name one. */
static const char *
subject(const struct rte_kvargs *kvargs, char *buf, size_t len)
{
	char uuid[MDEV_PRINTABLE_LEN];
	const char *text = rte_kvargs_get(kvargs, KEY_UUID);

	if (text == NULL)
		return "mdev bus";
	snprintf(buf, len, MDEV_ADDR_PREFIX "%s",
		mdev_printable(text, uuid, sizeof(uuid)));
	return buf;
}

/* A key that is known, given once, and has a value. */
static bool
pair_is_good(const struct rte_kvargs *kvargs, const struct rte_kvargs_pair *pair)
{
	char key[MDEV_PRINTABLE_LEN];
	char buf[sizeof(MDEV_ADDR_PREFIX) + MDEV_PRINTABLE_LEN];
	const char *whose = subject(kvargs, buf, sizeof(buf));
	unsigned int i = 0;

	mdev_printable(pair->key, key, sizeof(key));
	while (bus_keys[i] != NULL && strcmp(bus_keys[i], pair->key) != 0)
		i++;
	if (bus_keys[i] == NULL)
		MDEV_LOG(ERR, "%s: unknown key '%s': the keys are uuid, type, parent and socket; a driver's come behind, as /driver=<name>,<key>=<value>",
			whose, key);
	else if (pair->value == NULL)
		MDEV_LOG(ERR, "%s: key '%s' has no value: write %s=<value>",
			whose, key, key);
	else if (rte_kvargs_count(kvargs, pair->key) > 1)
		MDEV_LOG(ERR, "%s: key '%s' is given more than once: keep one of them",
			whose, key);
	else
		return true;
	return false;
}

/* Parse "bus=mdev,uuid=...,type=...,..."; the caller frees the result. */
static struct rte_kvargs *
bus_layer_parse(const char *str)
{
	char buf[sizeof(MDEV_ADDR_PREFIX) + MDEV_PRINTABLE_LEN];
	char printable[MDEV_PRINTABLE_LEN];
	struct rte_kvargs *kvargs;
	unsigned int i;

	kvargs = rte_kvargs_parse(str, NULL);
	if (kvargs == NULL) {
		MDEV_LOG(ERR, "mdev bus: '%s' is no list of key=value: write bus=mdev,uuid=<uuid>",
			mdev_printable(str, printable, sizeof(printable)));
		return NULL;
	}
	for (i = 0; i < kvargs->count; i++) {
		if (!pair_is_good(kvargs, &kvargs->pairs[i])) {
			rte_kvargs_free(kvargs);
			return NULL;
		}
	}
	if (mdev_socket_check(kvargs, subject(kvargs, buf, sizeof(buf))) < 0) {
		rte_kvargs_free(kvargs);
		return NULL;
	}
	return kvargs;
}

int
mdev_devargs_parse(struct rte_devargs *da)
{
	char printable[MDEV_PRINTABLE_LEN];
	struct rte_kvargs *kvargs;
	const char *text;
	rte_uuid_t uuid;
	int ret = 0;

	if (da == NULL || da->bus_str == NULL)
		return 0;
	kvargs = bus_layer_parse(da->bus_str);
	if (kvargs == NULL) {
		ret = -EINVAL;
		goto out;
	}
	text = rte_kvargs_get(kvargs, KEY_UUID);
	if (text == NULL)
		goto out; /* an iteration over devices names none */
	ret = uuid_parse(text, uuid);
	if (ret == 0)
		rte_uuid_unparse(uuid, da->name, sizeof(da->name));
	else
		MDEV_LOG(ERR, "mdev bus: uuid=%s: not a UUID: " UUID_HINT,
			mdev_printable(text, printable, sizeof(printable)));
out:
	rte_kvargs_free(kvargs);
	if (ret != 0)
		rte_errno = -ret;
	return ret;
}

static bool
glob_fits(const struct rte_kvargs *kvargs, const char *key, const char *text)
{
	const char *glob = rte_kvargs_get(kvargs, key);

	return glob == NULL || fnmatch(glob, text, 0) == 0;
}

static bool
layer_fits(const struct rte_kvargs *kvargs, const struct rte_mdev_device *mdev)
{
	return glob_fits(kvargs, KEY_TYPE, mdev->type) &&
		glob_fits(kvargs, KEY_PARENT, mdev->parent) &&
		mdev_socket_fits(kvargs, mdev);
}

bool
mdev_devargs_fit(const struct rte_devargs *da, const struct rte_mdev_device *mdev)
{
	struct rte_kvargs *kvargs;
	bool fits;

	if (da == NULL || da->bus_str == NULL)
		return true;
	kvargs = rte_kvargs_parse(da->bus_str, bus_keys);
	if (kvargs == NULL)
		return false;
	fits = layer_fits(kvargs, mdev);
	rte_kvargs_free(kvargs);
	return fits;
}

/*
 * The driver layer begins with "driver=<name>"; in the short form of devargs the
 * same field holds the driver's arguments alone.
 */
const char *
mdev_devargs_driver(const struct rte_devargs *da, size_t *len)
{
	const char *name;

	if (da == NULL || da->drv_str == NULL ||
			strncmp(da->drv_str, KEY_DRIVER "=", strlen(KEY_DRIVER "=")) != 0)
		return NULL;
	name = da->drv_str + strlen(KEY_DRIVER "=");
	*len = strcspn(name, ",");
	return name;
}

bool
mdev_devargs_take_driver(const struct rte_devargs *da,
		const struct rte_driver *drv)
{
	const char *name;
	size_t len;

	name = mdev_devargs_driver(da, &len);
	return name == NULL || (strlen(drv->name) == len &&
		strncmp(name, drv->name, len) == 0);
}

/* One of the bus's devargs, and which of them was given later. */
struct devargs_entry {
	struct rte_devargs *da;
	size_t order;
};

static int
devargs_cmp(const void *a, const void *b)
{
	const struct devargs_entry *left = a, *right = b;
	int cmp = strcmp(left->da->name, right->da->name);

	if (cmp != 0)
		return cmp;
	return (left->order > right->order) - (left->order < right->order);
}

static void
devargs_canonical(struct rte_devargs *da)
{
	rte_uuid_t uuid;

	if (strncmp(da->name, MDEV_ADDR_PREFIX, strlen(MDEV_ADDR_PREFIX)) == 0 &&
			uuid_parse(da->name + strlen(MDEV_ADDR_PREFIX), uuid) == 0)
		rte_uuid_unparse(uuid, da->name, sizeof(da->name));
}

/* Devices and devargs are both in the order of UUIDs: one pass. */
static void
devargs_assign(const struct devargs_entry *entry, size_t count)
{
	struct rte_mdev_device *mdev;
	size_t i = 0;

	MDEV_FOREACH(mdev) {
		while (i < count && strcmp(entry[i].da->name, mdev->name) < 0)
			i++;
		mdev->device.devargs = NULL;
		/* of several, the newest is the last */
		for (; i < count && strcmp(entry[i].da->name, mdev->name) == 0; i++)
			mdev->device.devargs = entry[i].da;
	}
}

/*
 * EAL compares names as strings: when a device is attached at run time, devargs of
 * the same device by another spelling are not found by it and become double.
 */
static void
devargs_drop_older(const struct devargs_entry *entry, size_t count)
{
	size_t i;

	for (i = 1; i < count; i++) {
		if (strcmp(entry[i - 1].da->name, entry[i].da->name) == 0) {
			/* removes the first of that name, which is the oldest */
			rte_devargs_remove(entry[i].da);
		}
	}
}

/* All of the bus's devargs, by canonical names. The caller frees the result. */
static int
devargs_sorted(struct devargs_entry **sorted, size_t *number)
{
	struct devargs_entry *entry;
	struct rte_devargs *da;
	size_t count = 0, i = 0;

	*sorted = NULL;
	*number = 0;
	RTE_EAL_DEVARGS_FOREACH(RTE_BUS_MDEV_NAME, da)
		count++;
	if (count == 0)
		return 0;
	entry = calloc(count, sizeof(*entry));
	if (entry == NULL)
		return -ENOMEM;
	RTE_EAL_DEVARGS_FOREACH(RTE_BUS_MDEV_NAME, da) {
		devargs_canonical(da);
		entry[i].da = da;
		entry[i].order = i;
		i++;
	}
	qsort(entry, count, sizeof(*entry), devargs_cmp);
	*sorted = entry;
	*number = count;
	return 0;
}

int
mdev_devargs_newest(int (*fn)(const struct rte_devargs *da, void *arg), void *arg)
{
	struct devargs_entry *entry;
	size_t count, i;
	int ret;

	ret = devargs_sorted(&entry, &count);
	for (i = 0; ret == 0 && i < count; i++) {
		if (i + 1 == count ||
				strcmp(entry[i].da->name, entry[i + 1].da->name) != 0)
			ret = fn(entry[i].da, arg);
	}
	free(entry);
	return ret;
}

int
mdev_devargs_refresh(void)
{
	struct devargs_entry *entry;
	size_t count;
	int ret;

	ret = devargs_sorted(&entry, &count);
	if (ret < 0)
		return ret;
	devargs_assign(entry, count);
	devargs_drop_older(entry, count);
	free(entry);
	return 0;
}

static void
warn_missing(const struct rte_devargs *da)
{
	char printable[MDEV_PRINTABLE_LEN];

	if (da->name[0] == '\0')
		MDEV_LOG(WARNING, "mdev bus: '%s' names no device: add uuid=<uuid>",
			mdev_printable(da->bus_str, printable,
				sizeof(printable)));
	else if (da->bus_str == NULL && da->drv_str != NULL &&
			strstr(da->drv_str, MDEV_KEY_SOCKET "=") != NULL)
		MDEV_LOG(WARNING, "mdev:%s: no such device, and socket= is no key of this form's: write bus=mdev,uuid=<uuid>,socket=<path>",
			mdev_printable(da->name, printable, sizeof(printable)));
	else if (mdev_user_is_hidden(da->name))
		MDEV_LOG(WARNING, "mdev:%s: this user may not look into the folder of its mediator: run as the user of that, or as root",
			mdev_printable(da->name, printable, sizeof(printable)));
	else
		MDEV_LOG(WARNING, "mdev:%s: no such device: create it, or correct the UUID; the machine's are in " MDEV_LISTS,
			mdev_printable(da->name, printable, sizeof(printable)));
}

void
mdev_devargs_warn_missing(void)
{
	const struct rte_mdev_device *mdev = mdev_first();
	struct devargs_entry *entry;
	size_t count, i;

	if (devargs_sorted(&entry, &count) < 0)
		return;
	for (i = 0; i < count; i++) {
		while (mdev != NULL && strcmp(mdev->name, entry[i].da->name) < 0)
			mdev = mdev_next(mdev);
		if (entry[i].da->policy == RTE_DEV_ALLOWED && (mdev == NULL ||
				strcmp(mdev->name, entry[i].da->name) != 0))
			warn_missing(entry[i].da);
	}
	free(entry);
}

/* What an iteration looks for. */
struct iterate_filter {
	struct rte_kvargs *kvargs;
	const char *uuid_text; /* NULL: any device */
	rte_uuid_t uuid;
};

static int
iterate_cmp(const struct rte_device *dev, const void *data)
{
	const struct rte_mdev_device *mdev =
		container_of(dev, const struct rte_mdev_device, device);
	const struct iterate_filter *filter = data;

	if (filter->uuid_text != NULL &&
			rte_uuid_compare(filter->uuid, mdev->uuid) != 0)
		return -1;
	return layer_fits(filter->kvargs, mdev) ? 0 : -1;
}

/* Does cmp know the device by an address, or by a UUID in upper case? */
static bool
has_alias(const struct rte_mdev_device *mdev, rte_dev_cmp_t cmp, const void *data)
{
	char address[sizeof(MDEV_ADDR_PREFIX) + RTE_UUID_STRLEN];
	struct rte_mdev_device alias = *mdev;
	char *uuid, *c;

	snprintf(address, sizeof(address), MDEV_ADDR_PREFIX "%s", mdev->name);
	uuid = address + strlen(MDEV_ADDR_PREFIX);
	alias.device.name = address;
	if (cmp(&alias.device, data) == 0)
		return true;
	for (c = uuid; *c != '\0'; c++)
		*c = toupper((unsigned char)*c);
	if (cmp(&alias.device, data) == 0)
		return true;
	alias.device.name = uuid;
	return cmp(&alias.device, data) == 0;
}

/*
 * EAL attaches a device by adding its devargs, and then looks for a device of that
 * name. When there is none it says no more than that.
 */
static void
warn_wanted(rte_dev_cmp_t cmp, const void *data)
{
	struct rte_mdev_device wanted = { .device.bus = &mdev_bus.bus };
	const struct rte_devargs *da;

	RTE_EAL_DEVARGS_FOREACH(RTE_BUS_MDEV_NAME, da) {
		wanted.device.name = da->name;
		if (da->policy == RTE_DEV_ALLOWED &&
				cmp(&wanted.device, data) == 0) {
			warn_missing(da);
			return;
		}
	}
}

struct rte_device *
mdev_find_by_any_name(const struct rte_device *start, rte_dev_cmp_t cmp,
		const void *data)
{
	struct rte_device *dev;

	dev = mdev_find(start, cmp, data);
	if (dev != NULL)
		return dev;
	dev = start == NULL ? TAILQ_FIRST(MDEV_DEVICES) : TAILQ_NEXT(start, next);
	while (dev != NULL && !has_alias(RTE_DEV_TO_MDEV(dev), cmp, data))
		dev = TAILQ_NEXT(dev, next);
	if (dev == NULL && start == NULL)
		warn_wanted(cmp, data);
	return dev;
}

void *
mdev_dev_iterate(const void *start, const char *str,
		const struct rte_dev_iterator *it)
{
	struct iterate_filter filter;
	struct rte_device *dev = NULL;

	RTE_SET_USED(it);
	filter.kvargs = bus_layer_parse(str == NULL ? "" : str);
	if (filter.kvargs == NULL) {
		rte_errno = EINVAL;
		return NULL;
	}
	filter.uuid_text = rte_kvargs_get(filter.kvargs, KEY_UUID);
	/* what is no UUID is no device's */
	if (filter.uuid_text == NULL ||
			uuid_parse(filter.uuid_text, filter.uuid) == 0)
		dev = mdev_find(start, iterate_cmp, &filter);
	rte_kvargs_free(filter.kvargs);
	return dev;
}
