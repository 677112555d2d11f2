/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The lines of the kernel's transport, on a machine that need not have VFIO: what the
 * transport asks of EAL and of the group file is answered here.
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/syscall.h>

#include <rte_common.h>
#include <rte_dev.h>
#include <rte_vfio.h>

#include "error_lines.h"
#include "made_up_sysfs.h"
#include "test.h"

#define UUID "00000001-abcd-4ef0-9abc-def012345678" /* made_up_uuid(1) */
#define GROUP_FILE "/dev/vfio/1"                    /* of all made-up devices */

static struct {
	bool on;           /* else all goes to where it would without us */
	bool enabled;      /* VFIO */
	int file_error;    /* errno of the group file; 0: it can be opened */
	bool table_full;
	int setup_returns;
	int group_fd;      /* as EAL keeps it; -1 for none */
} vfio;

static void *
next_symbol(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

/* These take the places of EAL's and of libc's. */

int
rte_vfio_is_enabled(const char *module)
{
	int (*next)(const char *);

	if (vfio.on)
		return vfio.enabled;
	*(void **)&next = next_symbol("rte_vfio_is_enabled");
	return next(module);
}

int
rte_vfio_get_group_fd(int group)
{
	int (*next)(int);

	if (!vfio.on) {
		*(void **)&next = next_symbol("rte_vfio_get_group_fd");
		return next(group);
	}
	if (vfio.table_full)
		return -1;
	if (vfio.group_fd < 0)
		vfio.group_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	return vfio.group_fd;
}

int
rte_vfio_clear_group(int fd)
{
	int (*next)(int);

	if (!vfio.on) {
		*(void **)&next = next_symbol("rte_vfio_clear_group");
		return next(fd);
	}
	if (fd != vfio.group_fd)
		return -1;
	vfio.group_fd = -1;
	return 0;
}

int
rte_vfio_setup_device(const char *base, const char *addr, int *fd,
		struct vfio_device_info *info)
{
	int (*next)(const char *, const char *, int *, struct vfio_device_info *);

	if (!vfio.on) {
		*(void **)&next = next_symbol("rte_vfio_setup_device");
		return next(base, addr, fd, info);
	}
	if (vfio.setup_returns == 0)
		*fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	return vfio.setup_returns;
}

int
rte_vfio_release_device(const char *base, const char *addr, int fd)
{
	int (*next)(const char *, const char *, int);

	if (!vfio.on) {
		*(void **)&next = next_symbol("rte_vfio_release_device");
		return next(base, addr, fd);
	}
	close(fd);
	close(vfio.group_fd);
	vfio.group_fd = -1;
	return 0;
}

int
open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	if (vfio.on && strcmp(path, GROUP_FILE) == 0) {
		if (vfio.file_error != 0) {
			errno = vfio.file_error;
			return -1;
		}
		path = "/dev/null";
	}
	if ((flags & (O_CREAT | O_TMPFILE)) != 0) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static char not_listed[512];

static int
setup(void)
{
	static const char api[] = "vfio-pci\n";

	if (made_up_sysfs_start() < 0 || made_up_devices(1, 1) < 0 ||
			made_up_write(UUID, "mdev_type/device_api", api,
				strlen(api)) < 0)
		return TEST_FAILED;
	snprintf(not_listed, sizeof(not_listed),
		"vfio: " UUID ": not listed as a VFIO device in %s: was it removed, or has it no VFIO driver?",
		made_up_sysfs_root());
	memset(&vfio, 0, sizeof(vfio));
	vfio.enabled = true;
	vfio.group_fd = -1;
	vfio.on = true;
	return TEST_SUCCESS;
}

static void
teardown(void)
{
	vfio.on = false;
	made_up_sysfs_stop();
}

static const struct error_setting setting = { setup, teardown };

static void
no_group(void)
{
	made_up_unlink(UUID, "iommu_group");
}

static void
not_enabled(void)
{
	vfio.enabled = false;
}

static void
file_busy(void)
{
	vfio.file_error = EBUSY;
}

static void
file_denied(void)
{
	vfio.file_error = EACCES;
}

static void
file_forbidden(void)
{
	vfio.file_error = EPERM;
}

static void
file_missing(void)
{
	vfio.file_error = ENOENT;
}

static void
file_too_many(void)
{
	vfio.file_error = EMFILE;
}

static void
file_other(void)
{
	vfio.file_error = EIO;
}

static void
table_full(void)
{
	vfio.table_full = true;
}

static void
setup_fails(void)
{
	vfio.setup_returns = -1;
}

static void
setup_declines(void)
{
	vfio.setup_returns = 1;
}

#define OURS "vfio: " UUID ": "
#define DENIED OURS "no permission to open " GROUP_FILE ": run as root, or give this user read and write permission on it"
#define SET_UP OURS "EAL could not set up VFIO group 1: its messages above say why"

static const struct error_case cases[] = {
	{ "not bound", .harm = no_group, .line = not_listed },
	{ "VFIO not loaded", .harm = not_enabled,
	  .line = OURS "VFIO was not ready when this application started: load the vfio and vfio_iommu_type1 modules, then start it again" },
	{ "busy", .harm = file_busy,
	  .line = OURS "in use by another process or a virtual machine (" GROUP_FILE " is busy): stop that one, or block this device with -b" },
	{ "no permission", .harm = file_denied, .line = DENIED },
	{ "not permitted", .harm = file_forbidden, .line = DENIED },
	{ "no group file", .harm = file_missing,
	  .line = OURS GROUP_FILE " does not exist: give this container /dev/vfio, or load the vfio modules" },
	{ "too many files", .harm = file_too_many,
	  .line = OURS "cannot open " GROUP_FILE ": Too many open files: raise the limit of open files (ulimit -n)" },
	{ "any other error", .harm = file_other,
	  .line = OURS "cannot open " GROUP_FILE ": Input/output error: the kernel's log may say why" },
	{ "EAL's table is full", .harm = table_full,
	  .line = OURS "EAL has no room for another VFIO group (64, each mediated device takes one): name fewer devices with -a, or build DPDK with a larger RTE_MAX_VFIO_GROUPS" },
	{ "EAL fails", .harm = setup_fails, .line = SET_UP },
	{ "EAL declines", .harm = setup_declines, .line = SET_UP },
	/* what EAL opened is no device */
	{ "no device", .line = OURS "cannot get device information: Inappropriate ioctl for device: remove it and create it anew, or update its driver in the kernel or its mediator" },
};

static int
meet_each(int (*meet)(const char *arg))
{
	struct error_case all[RTE_DIM(cases)];
	unsigned int i;

	for (i = 0; i < RTE_DIM(cases); i++) {
		all[i] = cases[i];
		all[i].meet = meet;
		all[i].arg = "mdev:" UUID;
	}
	return error_lines_meet(&setting, all, RTE_DIM(all));
}

static int
test_at_start(void)
{
	return meet_each(error_lines_start);
}

static int
test_attach(void)
{
	return meet_each(rte_dev_probe);
}

static struct unit_test_suite suite = {
	.suite_name = "error lines: the kernel's VFIO",
	.unit_test_cases = {
		TEST_CASE(test_at_start),
		TEST_CASE(test_attach),
		TEST_CASES_END()
	}
};

static int
test_error_lines_kernel(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(error_lines_kernel_autotest, test_error_lines_kernel);
