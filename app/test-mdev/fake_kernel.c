/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <linux/vfio.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_memory.h>
#include <rte_vfio.h>

#include <vfio_transport.h>

#include "fake_kernel.h"
#include "fake_mp.h"
#include "fake_vfio.h"
#include "fault_inject.h"
#include "wrap.h"

struct fake_kernel fake_kernel;

static bool running;
static int file = -1;       /* what all fds of the device are copies of */
static int attached_fd = -1;

int
fake_kernel_start(void)
{
	const uint32_t rw = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	struct fake_vfio_region *region;

	fake_vfio_start();
	memset(&fake_kernel, 0, sizeof(fake_kernel));
	fake_kernel.device_fd = fake_kernel.first_fd = -1;
	fake_kernel.group_fd = attached_fd = -1;
	file = memfd_create("fake-kernel", MFD_CLOEXEC);
	if (file < 0 || ftruncate(file, FAKE_KERNEL_CONFIG + 256) < 0)
		return -1;
	region = &fake_vfio.regions[VFIO_PCI_BAR0_REGION_INDEX];
	region->size = FAKE_KERNEL_BAR_SIZE;
	region->flags = rw | VFIO_REGION_INFO_FLAG_MMAP;
	region = &fake_vfio.regions[VFIO_PCI_CONFIG_REGION_INDEX];
	region->size = 256;
	region->offset = FAKE_KERNEL_CONFIG;
	region->flags = rw;
	running = true;
	return 0;
}

void
fake_kernel_stop(void)
{
	running = false;
	if (attached_fd >= 0)
		close(attached_fd);
	close(file);
	fake_vfio_stop();
}

int
fake_kernel_device(void)
{
	if (attached_fd < 0)
		attached_fd = fcntl(file, F_DUPFD_CLOEXEC, 0);
	return attached_fd;
}

bool
fake_kernel_open(const char *path, int *fd)
{
	if (!running || strcmp(path, fake_kernel.noiommu ?
			"/dev/vfio/noiommu-" RTE_STR(FAKE_KERNEL_GROUP) :
			"/dev/vfio/" RTE_STR(FAKE_KERNEL_GROUP)) != 0)
		return false;
	errno = fake_kernel.group_errno;
	*fd = errno != 0 ? -1 : fcntl(file, F_DUPFD_CLOEXEC, 0);
	return true;
}

/* As linux/vfio.h has them, for the device's fds only. */
static int
device_ioctl(unsigned long request, void *arg)
{
	const struct vfio_transport_ops *ops = fake_vfio_ops;

	switch (request) {
	case VFIO_DEVICE_GET_INFO:
		return ops->get_info(NULL, arg);
	case VFIO_DEVICE_GET_REGION_INFO:
		return ops->get_region_info(NULL, arg);
	case VFIO_DEVICE_GET_IRQ_INFO:
		return ops->get_irq_info(NULL, arg);
	case VFIO_DEVICE_SET_IRQS:
		return ops->set_irqs(NULL, arg);
	case VFIO_DEVICE_RESET:
		return ops->reset(NULL);
	default:
		return -ENOTTY;
	}
}

WRAP_PROTO(int, ioctl, int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;
	int ret;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (running && (fd == fake_kernel.device_fd || fd == fake_kernel.first_fd ||
			fd == attached_fd)) {
		ret = device_ioctl(request, arg);
	} else {
		if (!fault_now("ioctl")) {
			ret = __real_ioctl(fd, request, arg);
			/* so says qemu-user of a request that it does not know */
			if (ret < 0 && errno == ENOSYS)
				errno = ENOTTY;
			return ret;
		}
		ret = -EIO;
	}
	errno = -ret;
	return ret < 0 ? -1 : 0;
}

/* Does a signal come first? */
static bool
interrupted(void)
{
	if (!running || fake_kernel.interrupts == 0)
		return false;
	fake_kernel.interrupts--;
	errno = EINTR;
	return true;
}

WRAP_PROTO(ssize_t, pread64, int fd, void *buf, size_t len, off_t offset)
{
	if (interrupted())
		return -1;
	if (!fault_now("pread"))
		return __real_pread64(fd, buf, len, offset);
	errno = EIO;
	return -1;
}

WRAP_PROTO(ssize_t, pwrite64, int fd, const void *buf, size_t len, off_t offset)
{
	if (interrupted())
		return -1;
	if (!fault_now("pwrite"))
		return __real_pwrite64(fd, buf, len, offset);
	errno = EIO;
	return -1;
}

WRAP_PROTO(enum rte_proc_type_t, rte_eal_process_type, void)
{
	return (running && fake_kernel.secondary) || fake_mp_is_secondary() ?
		RTE_PROC_SECONDARY :
		__real_rte_eal_process_type();
}

WRAP_PROTO(int, rte_vfio_is_enabled, const char *module)
{
	return running ? !fake_kernel.no_vfio : __real_rte_vfio_is_enabled(module);
}

/* EAL opens a group that is not in its table, and puts it there. */
WRAP_PROTO(int, rte_vfio_get_group_fd, int group)
{
	if (fault_now("rte_vfio_get_group_fd"))
		return -1;
	if (!running)
		return __real_rte_vfio_get_group_fd(group);
	if (fake_kernel.taken != 0)
		fake_kernel.group_errno = fake_kernel.taken;
	if (fake_kernel.full || fake_kernel.taken != 0 || group != FAKE_KERNEL_GROUP)
		return -1;
	if (fake_kernel.group_fd < 0)
		fake_kernel.group_fd = fcntl(file, F_DUPFD_CLOEXEC, 0);
	return fake_kernel.group_fd;
}

WRAP_PROTO(int, rte_vfio_clear_group, int fd)
{
	if (!running)
		return __real_rte_vfio_clear_group(fd);
	if (fd != fake_kernel.group_fd)
		return -1;
	fake_kernel.group_fd = -1;
	fake_kernel.devices = 0;
	return 0;
}

/* A failure leaves the group in EAL's table. */
WRAP_PROTO(int, rte_vfio_setup_device, const char *base, const char *addr, int *fd,
		struct vfio_device_info *info)
{
	bool fails = fault_now("rte_vfio_setup_device");

	if (!running)
		return fails ? -1 : __real_rte_vfio_setup_device(base, addr, fd, info);
	if (fails || fake_kernel.setup != 0)
		return fails ? -1 : fake_kernel.setup;
	*fd = fcntl(file, F_DUPFD_CLOEXEC, 0);
	if (*fd < 0)
		return -1;
	fake_kernel.first_fd = fake_kernel.device_fd;
	fake_kernel.device_fd = *fd;
	fake_kernel.devices++;
	return 0;
}

/* EAL finds the group by its link in sysfs only. */
static bool
has_group(const char *base, const char *addr)
{
	char link[PATH_MAX];
	struct stat st;

	snprintf(link, sizeof(link), "%s/%s/iommu_group", base, addr);
	return lstat(link, &st) == 0;
}

WRAP_PROTO(int, rte_vfio_release_device, const char *base, const char *addr, int fd)
{
	if (!running)
		return __real_rte_vfio_release_device(base, addr, fd);
	if ((fd != fake_kernel.device_fd && fd != fake_kernel.first_fd) ||
			fake_kernel.keeps || !has_group(base, addr))
		return -1;
	fake_kernel.released++;
	close(fd);
	if (fd == fake_kernel.device_fd)
		fake_kernel.device_fd = fake_kernel.first_fd;
	fake_kernel.first_fd = -1;
	if (--fake_kernel.devices > 0)
		return 0;
	close(fake_kernel.group_fd);
	fake_kernel.group_fd = -1;
	return 0;
}

WRAP_PROTO(int, rte_vfio_container_dma_map, int container, uint64_t addr,
		uint64_t iova, uint64_t len)
{
	if (fault_now("rte_vfio_container_dma_map"))
		return -1;
	if (!running)
		return __real_rte_vfio_container_dma_map(container, addr, iova, len);
	fake_kernel.dma_mapped++;
	return 0;
}

WRAP_PROTO(int, rte_vfio_container_dma_unmap, int container, uint64_t addr,
		uint64_t iova, uint64_t len)
{
	if (fault_now("rte_vfio_container_dma_unmap"))
		return -1;
	if (!running)
		return __real_rte_vfio_container_dma_unmap(container, addr, iova, len);
	fake_kernel.dma_mapped--;
	return 0;
}

WRAP_PROTO(int, rte_mem_event_callback_unregister, const char *name, void *arg)
{
	if (!running)
		return __real_rte_mem_event_callback_unregister(name, arg);
	fake_kernel.forgotten++;
	return 0;
}
