/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The kernel's transport: linux/vfio.h, with groups and the container as EAL
 * keeps them. The only file that knows rte_vfio.h.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <rte_eal.h>
#include <rte_memory.h>
#include <rte_spinlock.h>
#include <rte_string_fns.h>
#include <rte_vfio.h>

#include "vfio_private.h"

#define VFIO_MODULE "vfio"

/*
 * What is needed to give a device back. While the kernel removes a device it takes it
 * off the bus's list first, and then waits for us: its own folder is there longer.
 */
struct kernel_dev {
	TAILQ_ENTRY(kernel_dev) next;
	char base[PATH_MAX]; /* real path, without the last component */
	char addr[NAME_MAX + 1];
	int group;
};

/*
 * External memory is mapped into the container, which all devices share: one
 * mapping, counted.
 */
struct container_range {
	TAILQ_ENTRY(container_range) next;
	void *addr;
	uint64_t iova;
	size_t len;
	unsigned int users;
};

/* Open devices. Those of PCI may have a group together, whose file opens but once. */
static rte_spinlock_t devs_lock = RTE_SPINLOCK_INITIALIZER;
static TAILQ_HEAD(, kernel_dev) kernel_devs =
	TAILQ_HEAD_INITIALIZER(kernel_devs); /* owned by devs_lock */

static rte_spinlock_t container_lock = RTE_SPINLOCK_INITIALIZER;
static TAILQ_HEAD(, container_range) container_ranges =
	TAILQ_HEAD_INITIALIZER(container_ranges); /* owned by container_lock */

/* Number of the device's IOMMU group, -ENODEV if it has none. */
static int
kernel_group(const char *base, const char *addr)
{
	char link[PATH_MAX], target[PATH_MAX], *number, *end;
	unsigned long group;
	ssize_t len;

	if (snprintf(link, sizeof(link), "%s/%s/iommu_group", base, addr) >=
			(int)sizeof(link))
		return -ENAMETOOLONG;
	len = readlink(link, target, sizeof(target) - 1);
	if (len < 0)
		return -ENODEV;
	target[len] = '\0';
	number = strrchr(target, '/');
	number = number == NULL ? target : number + 1;
	errno = 0;
	group = strtoul(number, &end, 10);
	if (errno != 0 || end == number || *end != '\0' || group > INT_MAX)
		return -ENODEV;
	return group;
}

/* Is a device of the group open? */
static bool
group_is_used(int group)
{
	struct kernel_dev *kdev;

	rte_spinlock_lock(&devs_lock);
	TAILQ_FOREACH(kdev, &kernel_devs, next) {
		if (kdev->group == group)
			break;
	}
	rte_spinlock_unlock(&devs_lock);
	return kdev != NULL;
}

/*
 * Does this process have a VFIO group open, by whatever way? NULL: any group.
 * Returns 1 or 0, or a negative errno if that cannot be seen.
 */
static int
group_is_open(const char *path)
{
	static const char group_path[] = "/dev/vfio/";
	char link[PATH_MAX], target[PATH_MAX];
	struct dirent *dirent;
	bool found = false;
	ssize_t len;
	DIR *dir;

	dir = opendir("/proc/self/fd");
	if (dir == NULL)
		return -errno;
	while (!found && (dirent = readdir(dir)) != NULL) {
		snprintf(link, sizeof(link), "/proc/self/fd/%s", dirent->d_name);
		len = readlink(link, target, sizeof(target) - 1);
		if (len < 0)
			continue;
		target[len] = '\0';
		if (path != NULL)
			found = strcmp(target, path) == 0;
		else
			found = strncmp(target, group_path,
					strlen(group_path)) == 0 &&
				strcmp(target, "/dev/vfio/vfio") != 0;
	}
	closedir(dir);
	return found;
}

/*
 * What EAL leaves behind when setting up a device fails, or when it cannot find the
 * group of one that it is to release: the group in its table, and the callback that
 * maps new memory, whose second registration would fail for the next first device.
 */
static void
kernel_clear_group(int group)
{
	int fd;

	if (group_is_used(group))
		return; /* by another device */
	fd = rte_vfio_get_group_fd(group); /* as it was, or opened again */
	if (fd >= 0) {
		close(fd);
		rte_vfio_clear_group(fd);
	}
	if (rte_eal_process_type() == RTE_PROC_PRIMARY && group_is_open(NULL) == 0)
		rte_mem_event_callback_unregister("vfio_mem_event_clb", NULL);
}

static bool
kernel_match(const char *base, const char *addr)
{
	return kernel_group(base, addr) >= 0;
}

/* The group's file, as EAL opens it; the kernel names those without an IOMMU otherwise. */
static int
kernel_open_group(char *path, size_t size, int group)
{
	char other[PATH_MAX];
	int fd;

	snprintf(path, size, "/dev/vfio/%d", group);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0 || errno != ENOENT)
		return fd;
	snprintf(other, sizeof(other), "/dev/vfio/noiommu-%d", group);
	fd = open(other, O_RDWR | O_CLOEXEC);
	if (fd >= 0 || errno != ENOENT)
		snprintf(path, size, "%s", other);
	return fd;
}

/* Why a group's file cannot be opened. Returns the negative errno. */
static int
kernel_say_group(const char *addr, const char *path, int err)
{
	switch (err) {
	case EBUSY:
		VFIO_LOG(ERR, "%s: in use by another process or a virtual machine (%s is busy): stop that one, or block this device with -b",
			addr, path);
		break;
	case EACCES:
	case EPERM:
		VFIO_LOG(ERR, "%s: no permission to open %s: run as root, or give this user read and write permission on it",
			addr, path);
		break;
	case ENOENT:
		VFIO_LOG(ERR, "%s: %s does not exist: give this container /dev/vfio, or load the vfio modules",
			addr, path);
		break;
	case EMFILE:
	case ENFILE:
		VFIO_LOG(ERR, "%s: cannot open %s: %s: raise the limit of open files (ulimit -n)",
			addr, path, strerror(err));
		break;
	default:
		VFIO_LOG(ERR, "%s: cannot open %s: %s: the kernel's log may say why",
			addr, path, strerror(err));
		break;
	}
	return -err;
}

/*
 * EAL folds all failures of setting a device up into one and logs its own view
 * of them. Look at the group file first, for a message that a user can act on.
 */
static int
kernel_check_group(const char *addr, int group)
{
	char path[PATH_MAX];
	int fd, err;

	if (!rte_vfio_is_enabled(VFIO_MODULE)) {
		VFIO_LOG(ERR, "%s: VFIO was not ready when this application started: load the vfio and vfio_iommu_type1 modules, then start it again",
			addr);
		return -ENOTSUP;
	}
	/* a secondary process gets the group from its primary, not by the file */
	if (rte_eal_process_type() != RTE_PROC_PRIMARY || group_is_used(group))
		return 0;
	fd = kernel_open_group(path, sizeof(path), group);
	if (fd >= 0) {
		close(fd);
		return 0;
	}
	err = errno;
	/* the application may have bound it to a container of its own */
	if (err == EBUSY && group_is_open(path) == 1)
		return 0;
	return kernel_say_group(addr, path, err);
}

/*
 * EAL does not give the group. Where its file opens all the same, EAL's table is full;
 * otherwise it was opened by somebody else since it was looked at, or by this application,
 * but not through EAL.
 */
static int
kernel_no_group(const char *addr, int group)
{
	char path[PATH_MAX];
	int fd;

	if (rte_eal_process_type() != RTE_PROC_PRIMARY) {
		VFIO_LOG(ERR, "%s: the primary process does not give VFIO group %d: attach the device there first, or name fewer devices with -a if EAL has no room for another group here (%d)",
			addr, group, RTE_MAX_VFIO_GROUPS);
		return -ENODEV;
	}
	fd = kernel_open_group(path, sizeof(path), group);
	if (fd < 0)
		return kernel_say_group(addr, path, errno);
	close(fd);
	VFIO_LOG(ERR, "%s: EAL has no room for another VFIO group (%d, each mediated device takes one): name fewer devices with -a, or build DPDK with a larger RTE_MAX_VFIO_GROUPS",
		addr, RTE_MAX_VFIO_GROUPS);
	return -ENOSPC;
}

static int
kernel_setup(struct vfio_transport_dev *tdev, const char *base, const char *addr,
		int group)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	int ret;

	if (rte_vfio_get_group_fd(group) < 0)
		return kernel_no_group(addr, group);
	ret = rte_vfio_setup_device(base, addr, &tdev->fd, &info);
	if (ret != 0) {
		tdev->fd = -1;
		kernel_clear_group(group);
		VFIO_LOG(ERR, "%s: EAL could not set up VFIO group %d: its messages above say why",
			addr, group);
		return ret > 0 ? -ENODEV : -EIO;
	}
	return 0;
}

/* Where the device really is, as opposed to the list that links to it. */
static int
kernel_locate(struct kernel_dev *kdev, const char *base, const char *addr)
{
	char link[PATH_MAX], *slash;

	if (snprintf(link, sizeof(link), "%s/%s", base, addr) >= (int)sizeof(link))
		return -ENAMETOOLONG;
	if (realpath(link, kdev->base) == NULL)
		return -errno;
	slash = strrchr(kdev->base, '/');
	if (slash == NULL || rte_strscpy(kdev->addr, slash + 1,
			sizeof(kdev->addr)) < 0)
		return -ENODEV;
	*slash = '\0';
	return 0;
}

static int
kernel_open(struct vfio_transport_dev *tdev, const char *base, const char *addr)
{
	struct kernel_dev *kdev;
	int group, ret;

	kdev = calloc(1, sizeof(*kdev));
	if (kdev == NULL)
		return -ENOMEM;
	group = kernel_group(base, addr);
	kdev->group = group;
	ret = group < 0 ? group : kernel_locate(kdev, base, addr);
	if (ret < 0)
		VFIO_LOG(ERR, "%s: not in %s any more (%s): create it anew",
			addr, base, strerror(-ret));
	else
		ret = kernel_check_group(addr, group);
	if (ret == 0)
		ret = kernel_setup(tdev, base, addr, group);
	if (ret < 0)
		goto fail;
	tdev->priv = kdev;
	rte_spinlock_lock(&devs_lock);
	TAILQ_INSERT_TAIL(&kernel_devs, kdev, next);
	rte_spinlock_unlock(&devs_lock);
	return 0;

fail:
	free(kdev);
	return ret;
}

/*
 * EAL finds a group through sysfs only, which may have no link of the device any more.
 * Another device of the group does as well: what EAL gives back is one of its count and
 * the fd, whichever device it is told. Nothing needs kdev's own address after that.
 */
static bool
kernel_find_group(struct kernel_dev *kdev)
{
	struct kernel_dev *other;

	if (kernel_group(kdev->base, kdev->addr) == kdev->group)
		return true;
	rte_spinlock_lock(&devs_lock);
	TAILQ_FOREACH(other, &kernel_devs, next) {
		if (other->group == kdev->group &&
				kernel_group(other->base, other->addr) == kdev->group)
			break;
	}
	if (other != NULL) {
		memcpy(kdev->base, other->base, sizeof(kdev->base));
		memcpy(kdev->addr, other->addr, sizeof(kdev->addr));
	}
	rte_spinlock_unlock(&devs_lock);
	return other != NULL;
}

static void
kernel_close(struct vfio_transport_dev *tdev)
{
	struct kernel_dev *kdev = tdev->priv;

	rte_spinlock_lock(&devs_lock);
	TAILQ_REMOVE(&kernel_devs, kdev, next);
	rte_spinlock_unlock(&devs_lock);
	if (kernel_find_group(kdev)) {
		if (rte_vfio_release_device(kdev->base, kdev->addr, tdev->fd) != 0)
			VFIO_LOG(ERR, "%s: EAL could not release VFIO group %d: start this application again before anybody uses the device",
				tdev->name, kdev->group);
	} else {
		/* the last of the group takes whatever EAL still counts with it */
		close(tdev->fd);
		kernel_clear_group(kdev->group);
	}
	free(kdev);
	tdev->priv = NULL;
	tdev->fd = -1;
}

static int
kernel_ioctl(struct vfio_transport_dev *tdev, unsigned long request, void *arg)
{
	return ioctl(tdev->fd, request, arg) < 0 ? -errno : 0;
}

static int
kernel_get_info(struct vfio_transport_dev *tdev, struct vfio_device_info *info)
{
	return kernel_ioctl(tdev, VFIO_DEVICE_GET_INFO, info);
}

static int
kernel_get_region_info(struct vfio_transport_dev *tdev,
		struct vfio_region_info *info)
{
	return kernel_ioctl(tdev, VFIO_DEVICE_GET_REGION_INFO, info);
}

static ssize_t
kernel_region_read(struct vfio_transport_dev *tdev, uint32_t index __rte_unused,
		uint64_t region_offset, uint64_t offset, void *buf, size_t len)
{
	ssize_t n;

	do {
		n = pread(tdev->fd, buf, len, region_offset + offset);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static ssize_t
kernel_region_write(struct vfio_transport_dev *tdev, uint32_t index __rte_unused,
		uint64_t region_offset, uint64_t offset, const void *buf,
		size_t len)
{
	ssize_t n;

	do {
		n = pwrite(tdev->fd, buf, len, region_offset + offset);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static int
kernel_region_mmap(struct vfio_transport_dev *tdev, uint32_t index __rte_unused,
		uint64_t region_offset, uint64_t offset, size_t len, int prot,
		void *at)
{
	void *addr;

	addr = mmap(at, len, prot, MAP_SHARED | MAP_FIXED, tdev->fd,
			region_offset + offset);
	return addr == MAP_FAILED ? -errno : 0;
}

static int
kernel_get_irq_info(struct vfio_transport_dev *tdev, struct vfio_irq_info *info)
{
	return kernel_ioctl(tdev, VFIO_DEVICE_GET_IRQ_INFO, info);
}

static int
kernel_set_irqs(struct vfio_transport_dev *tdev, const struct vfio_irq_set *set)
{
	return ioctl(tdev->fd, VFIO_DEVICE_SET_IRQS, set) < 0 ? -errno : 0;
}

static int
kernel_reset(struct vfio_transport_dev *tdev)
{
	return kernel_ioctl(tdev, VFIO_DEVICE_RESET, NULL);
}

static struct container_range *
container_find(const void *addr, uint64_t iova, size_t len)
{
	struct container_range *range;

	TAILQ_FOREACH(range, &container_ranges, next) {
		if (range->addr == addr && range->iova == iova &&
				range->len == len)
			return range;
	}
	return NULL;
}

static int
container_map(void *addr, uint64_t iova, size_t len)
{
	struct container_range *range;

	range = container_find(addr, iova, len);
	if (range != NULL) {
		range->users++;
		return 0;
	}
	range = calloc(1, sizeof(*range));
	if (range == NULL)
		return -ENOMEM;
	range->addr = addr;
	range->iova = iova;
	range->len = len;
	range->users = 1;
	if (rte_vfio_container_dma_map(RTE_VFIO_DEFAULT_CONTAINER_FD,
			(uintptr_t)addr, iova, len) != 0) {
		free(range);
		return -EIO; /* EAL said why */
	}
	TAILQ_INSERT_HEAD(&container_ranges, range, next);
	return 0;
}

static int
container_unmap(void *addr, uint64_t iova, size_t len)
{
	struct container_range *range;

	range = container_find(addr, iova, len);
	if (range == NULL)
		return -ENOENT;
	if (range->users > 1) {
		range->users--;
		return 0;
	}
	if (rte_vfio_container_dma_unmap(RTE_VFIO_DEFAULT_CONTAINER_FD,
			(uintptr_t)addr, iova, len) != 0)
		return -EIO;
	TAILQ_REMOVE(&container_ranges, range, next);
	free(range);
	return 0;
}

static int
kernel_dma_map(struct vfio_transport_dev *tdev __rte_unused, void *addr,
		uint64_t iova, size_t len)
{
	int ret;

	rte_spinlock_lock(&container_lock);
	ret = container_map(addr, iova, len);
	rte_spinlock_unlock(&container_lock);
	return ret;
}

static int
kernel_dma_unmap(struct vfio_transport_dev *tdev __rte_unused, void *addr,
		uint64_t iova, size_t len)
{
	int ret;

	rte_spinlock_lock(&container_lock);
	ret = container_unmap(addr, iova, len);
	rte_spinlock_unlock(&container_lock);
	return ret;
}

const struct vfio_transport_ops vfio_kernel_ops = {
	.name = "kernel",
	.match = kernel_match,
	.open = kernel_open,
	.close = kernel_close,
	.get_info = kernel_get_info,
	.get_region_info = kernel_get_region_info,
	.region_read = kernel_region_read,
	.region_write = kernel_region_write,
	.region_mmap = kernel_region_mmap,
	.get_irq_info = kernel_get_irq_info,
	.set_irqs = kernel_set_irqs,
	.reset = kernel_reset,
	.dma_map = kernel_dma_map,
	.dma_unmap = kernel_dma_unmap,
};
