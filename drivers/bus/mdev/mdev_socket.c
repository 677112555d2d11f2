/* SPDX-License-Identifier: BSD-3-Clause */

/* Devices that no folder lists: devargs name the socket of their mediator. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_devargs.h>
#include <rte_kvargs.h>
#include <rte_string_fns.h>

#include "private.h"

int
mdev_socket_check(const struct rte_kvargs *kvargs, const char *whose)
{
	const char *path = rte_kvargs_get(kvargs, MDEV_KEY_SOCKET);
	char printable[MDEV_PRINTABLE_LEN];

	if (path == NULL)
		return 0;
	if (path[0] != '/' || strlen(path) >= MDEV_SOCKET_LEN) {
		MDEV_LOG(ERR, "%s: socket=%s: not a socket's path: it begins with / and has %d characters at most",
			whose, mdev_printable(path, printable, sizeof(printable)),
			MDEV_SOCKET_LEN - 1);
		return -EINVAL;
	}
	if (rte_kvargs_get(kvargs, "type") != NULL ||
			rte_kvargs_get(kvargs, "parent") != NULL) {
		MDEV_LOG(ERR, "%s: a device with socket= has neither type nor parent: leave type= and parent= out",
			whose);
		return -EINVAL;
	}
	return 0;
}

bool
mdev_socket_fits(const struct rte_kvargs *kvargs,
		const struct rte_mdev_device *mdev)
{
	const char *path = rte_kvargs_get(kvargs, MDEV_KEY_SOCKET);

	return path == NULL || strcmp(path, mdev->root) == 0;
}

/*
 * The path of devargs that name a socket; 1 if they name none, or leave the device out.
 * Their keys were checked when they were given.
 */
static int
socket_of(const struct rte_devargs *da, char path[MDEV_SOCKET_LEN])
{
	struct rte_kvargs *kvargs;
	const char *text;
	int ret = 1;

	if (da->policy != RTE_DEV_ALLOWED || da->bus_str == NULL ||
			strstr(da->bus_str, MDEV_KEY_SOCKET "=") == NULL)
		return 1;
	kvargs = rte_kvargs_parse(da->bus_str, NULL);
	if (kvargs == NULL)
		return -ENOMEM;
	text = rte_kvargs_get(kvargs, MDEV_KEY_SOCKET);
	if (text != NULL && rte_strscpy(path, text, MDEV_SOCKET_LEN) >= 0)
		ret = 0;
	rte_kvargs_free(kvargs);
	return ret;
}

struct reading {
	struct mdev_sockets *sockets;
	int (*add)(void *arg, const char *path, const char *name);
	void *arg;
};

static int
read_one(const struct rte_devargs *da, void *arg)
{
	const struct reading *reading = arg;
	struct mdev_sockets *sockets = reading->sockets;
	char *path = sockets->path[sockets->count];
	int ret;

	ret = socket_of(da, path);
	if (ret != 0)
		return RTE_MIN(ret, 0);
	sockets->count++;
	return reading->add(reading->arg, path, da->name);
}

int
mdev_socket_read(struct mdev_sockets *sockets,
		int (*add)(void *arg, const char *path, const char *name),
		void *arg)
{
	struct reading reading = { sockets, add, arg };
	const struct rte_devargs *da;
	size_t count = 0;

	RTE_EAL_DEVARGS_FOREACH(RTE_BUS_MDEV_NAME, da)
		count++;
	sockets->count = 0;
	sockets->path = NULL;
	if (count == 0)
		return 0;
	sockets->path = calloc(count, sizeof(*sockets->path));
	if (sockets->path == NULL)
		return -ENOMEM;
	return mdev_devargs_newest(read_one, &reading);
}
