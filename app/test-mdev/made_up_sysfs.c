/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include <rte_common.h>
#include <rte_devargs.h>

#include <private.h>

#include "made_up_sysfs.h"
#include "test.h"

#define ENV "SYSFS_MDEV_DEVICES"
/* whatever mediators there are, the tests' are others */
#define ENV_USER "RUN_MDEV_DEVICES"

static char top[128], root[144];

static const struct {
	const char *name, *folder, *type, *node;
} parents[] = {
	{ MADE_UP_PARENT, "sys/pci0000:00/" MADE_UP_PARENT, MADE_UP_TYPE, "1\n" },
	{ MADE_UP_PARENT_2, "sys/virtual/mtty/" MADE_UP_PARENT_2, MADE_UP_TYPE_2,
		NULL },
};

static int
trouble(const char *path)
{
	printf("    made-up sysfs: %s: %s\n", path, strerror(errno));
	return -1;
}

/* Path below the tree; a few are valid at a time. */
static const char *
at(const char *format, ...)
{
	static char paths[4][PATH_MAX];
	static unsigned int last;
	char *path = paths[++last % RTE_DIM(paths)];
	int len = snprintf(path, PATH_MAX, "%s/", top);
	va_list ap;

	va_start(ap, format);
	vsnprintf(path + len, PATH_MAX - len, format, ap);
	va_end(ap);
	return path;
}

/* With all folders above it. */
static int
make_folder(const char *path)
{
	char part[PATH_MAX];
	char *c;

	snprintf(part, sizeof(part), "%s/", path);
	for (c = part + strlen(top) + 1; (c = strchr(c, '/')) != NULL; c++) {
		*c = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return trouble(part);
		*c = '/';
	}
	return 0;
}

static int
write_file(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int ret = 0;

	if (fd < 0)
		return trouble(path);
	if (write(fd, data, len) != (ssize_t)len)
		ret = trouble(path);
	close(fd);
	return ret;
}

static int
write_text(const char *path, const char *text)
{
	return write_file(path, text, strlen(text));
}

static int
make_link(const char *target, const char *path)
{
	return symlink(target, path) < 0 ? trouble(path) : 0;
}

static int
make_parent(unsigned int i)
{
	const char *types = at("%s/mdev_supported_types/%s", parents[i].folder,
			parents[i].type);

	if (make_folder(types) < 0)
		return -1;
	if (parents[i].node != NULL && write_text(at("%s/numa_node",
			parents[i].folder), parents[i].node) < 0)
		return -1;
	types = at("%s/mdev_supported_types/%s", parents[i].folder, parents[i].type);
	return write_text(at("%s/device_api", types + strlen(top) + 1),
			MADE_UP_API "\n") < 0 ||
		write_text(at("%s/name", types + strlen(top) + 1),
			"a made-up type\n") < 0 ||
		write_text(at("%s/available_instances", types + strlen(top) + 1),
			"65535\n") < 0 ? -1 : 0;
}

static void
forget_devargs(void)
{
	struct rte_devargs *da;

	while ((da = rte_devargs_next(RTE_BUS_MDEV_NAME, NULL)) != NULL)
		rte_devargs_remove(da);
}

static void
reset_bus(void)
{
	mdev_cleanup();
	forget_devargs();
	mdev_bus.bus.conf.scan_mode = RTE_BUS_SCAN_UNDEFINED;
}

int
made_up_sysfs_start(void)
{
	const char *temp = getenv("TMPDIR");
	unsigned int i;

	reset_bus();
	if (snprintf(top, sizeof(top), "%s/made-up-sysfs.XXXXXX",
			temp != NULL ? temp : "/tmp") >= (int)sizeof(top)) {
		errno = ENAMETOOLONG;
		return trouble(temp);
	}
	if (mkdtemp(top) == NULL)
		return trouble(top);
	snprintf(root, sizeof(root), "%s/devices", top);
	if (make_folder(root) < 0 || make_folder(at("iommu_groups/1")) < 0)
		return -1;
	for (i = 0; i < RTE_DIM(parents); i++) {
		if (make_parent(i) < 0)
			return -1;
	}
	if (setenv(ENV, root, 1) < 0 || setenv(ENV_USER, at("run0/mdev/devices"), 1) < 0)
		return trouble(ENV);
	return 0;
}

static int
remove_one(const char *path, const struct stat *st __rte_unused,
		int type __rte_unused, struct FTW *ftw __rte_unused)
{
	return remove(path);
}

void
made_up_sysfs_stop(void)
{
	reset_bus();
	unsetenv(ENV);
	unsetenv(ENV_USER);
	if (nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0)
		trouble(top);
}

const char *
made_up_sysfs_root(void)
{
	return root;
}

const char *
made_up_sysfs_top(void)
{
	return top;
}

const char *
made_up_uuid(unsigned int i)
{
	static char uuids[8][RTE_UUID_STRLEN];
	static unsigned int last;
	char *uuid = uuids[++last % RTE_DIM(uuids)];

	snprintf(uuid, sizeof(uuids[0]), "%08x-abcd-4ef0-9abc-def012345678", i);
	return uuid;
}

int
made_up_device(const char *uuid, const char *parent, const char *type)
{
	unsigned int i = strcmp(parent, MADE_UP_PARENT) == 0 ? 0 : 1;
	char target[PATH_MAX];

	if (make_folder(at("%s/%s", parents[i].folder, uuid)) < 0)
		return -1;
	snprintf(target, sizeof(target), "../mdev_supported_types/%s", type);
	if (make_link(target, at("%s/%s/mdev_type", parents[i].folder, uuid)) < 0 ||
			make_link(at("iommu_groups/1"), at("%s/%s/iommu_group",
				parents[i].folder, uuid)) < 0)
		return -1;
	snprintf(target, sizeof(target), "../%s/%s", parents[i].folder, uuid);
	return make_link(target, at("devices/%s", uuid));
}

int
made_up_devices(unsigned int first, unsigned int count)
{
	unsigned int i;

	for (i = first; i < first + count; i++) {
		if (made_up_device(made_up_uuid(i), MADE_UP_PARENT,
				MADE_UP_TYPE) < 0)
			return -1;
	}
	return 0;
}

int
made_up_remove(const char *uuid)
{
	char real[PATH_MAX];

	if (realpath(at("devices/%s", uuid), real) == NULL)
		return trouble(uuid);
	if (unlink(at("devices/%s", uuid)) < 0)
		return trouble(uuid);
	if (nftw(real, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0)
		return trouble(real);
	return 0;
}

int
made_up_write(const char *uuid, const char *file, const void *data, size_t len)
{
	return write_file(at("devices/%s/%s", uuid, file), data, len);
}

int
made_up_unlink(const char *uuid, const char *file)
{
	const char *path = at("devices/%s/%s", uuid, file);

	return unlink(path) < 0 ? trouble(path) : 0;
}

int
made_up_own_type(const char *uuid)
{
	if (made_up_unlink(uuid, "mdev_type") < 0 ||
			make_folder(at("devices/%s/mdev_type", uuid)) < 0)
		return -1;
	return made_up_write(uuid, "mdev_type/device_api", MADE_UP_API,
			strlen(MADE_UP_API));
}
