// SPDX-License-Identifier: GPL-2.0-only
/*
 * The client's VFIO half: the device, its regions and registers, its memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "client.h"

/* --- messages, in the form of devtools/tests/checks.sh --- */

static unsigned int passed, failed;
static const char *subject = "";

void about(const char *what)
{
	subject = what;
}

void die(const char *format, ...)
{
	va_list ap;

	printf("FAIL  ");
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	printf(": %s\n", strerror(errno));
	fflush(stdout);
	exit(1);
}

void result(bool ok, const char *format, ...)
{
	va_list ap;

	if (ok) {
		passed++;
		if (!getenv("VERBOSE"))
			return;
	} else {
		failed++;
	}
	printf("%s  %s%s", ok ? "good" : "FAIL", subject, *subject ? ": " : "");
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
}

int results(const char *what)
{
	printf("%u %s, %u failed\n", passed + failed, what, failed);
	return failed || !passed;
}

/* --- VFIO --- */

/*
 * A client that has ended may still seem to hold it for a moment: if the device's worker
 * was at its memory, the worker drops the last reference, and the kernel defers what
 * follows from that.
 */
static int group_of(const char *uuid)
{
	char path[PATH_MAX], target[PATH_MAX];
	int fd, tries = 500;
	ssize_t len;

	snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%s/iommu_group",
		 uuid);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		die("%s", path);
	target[len] = '\0';
	snprintf(path, sizeof(path), "/dev/vfio/%s", basename(target));
	while ((fd = open(path, O_RDWR)) < 0 && errno == EBUSY && --tries > 0)
		usleep(10000);
	return fd;
}

int client_map(struct client *c)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)c->mem,
		.iova = MEM_IOVA,
		.size = MEM_SIZE,
	};

	return ioctl(c->container, VFIO_IOMMU_MAP_DMA, &map) ? -errno : 0;
}

int client_unmap(struct client *c)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = MEM_IOVA,
		.size = MEM_SIZE,
	};

	return ioctl(c->container, VFIO_IOMMU_UNMAP_DMA, &unmap) ? -errno : 0;
}

static uint64_t region_offset(struct client *c, uint32_t index)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = index };

	if (ioctl(c->device, VFIO_DEVICE_GET_REGION_INFO, &info))
		die("region %u", index);
	return info.offset;
}

static int region_access(struct client *c, uint64_t pos, void *val, size_t len,
			 bool write)
{
	ssize_t n = write ? pwrite(c->device, val, len, pos) :
			    pread(c->device, val, len, pos);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EMSGSIZE;
}

int cfg_access(struct client *c, uint32_t off, void *val, size_t len, bool write)
{
	return region_access(c, c->config + off, val, len, write);
}

int bar_access(struct client *c, uint32_t off, void *val, size_t len, bool write)
{
	return region_access(c, c->bar + off, val, len, write);
}

void set_command(struct client *c, uint16_t command)
{
	if (cfg_access(c, PCI_COMMAND, &command, sizeof(command), true))
		die("PCI command");
}

int set_irqs(struct client *c, uint32_t index, uint32_t flags, uint32_t start,
	     uint32_t count, const void *data, size_t data_len)
{
	union {
		struct vfio_irq_set set;
		uint8_t bytes[sizeof(struct vfio_irq_set) + 256];
	} u = { .set = {
		.argsz = sizeof(u.set) + data_len,
		.flags = flags,
		.index = index,
		.start = start,
		.count = count,
	} };

	memcpy(u.set.data, data, data_len);
	return ioctl(c->device, VFIO_DEVICE_SET_IRQS, &u.set) ? -errno : 0;
}

int msix_on(struct client *c, uint32_t vector)
{
	int fd = eventfd(0, EFD_NONBLOCK);

	if (fd < 0 || set_irqs(c, VFIO_PCI_MSIX_IRQ_INDEX,
			       VFIO_IRQ_SET_DATA_EVENTFD |
			       VFIO_IRQ_SET_ACTION_TRIGGER, vector, 1, &fd,
			       sizeof(fd)))
		die("MSI-X");
	return fd;
}

void msix_off(struct client *c, int fd)
{
	if (set_irqs(c, VFIO_PCI_MSIX_IRQ_INDEX, VFIO_IRQ_SET_DATA_NONE |
		     VFIO_IRQ_SET_ACTION_TRIGGER, 0, 0, NULL, 0))
		die("MSI-X off");
	close(fd);
}

int put_attribute(struct client *c, const char *name, const char *value)
{
	char path[PATH_MAX];
	int fd, ret;

	snprintf(path, sizeof(path),
		 "/sys/bus/mdev/devices/%s/virtio_net/%s", c->uuid, name);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		die("%s", path);
	ret = write(fd, value, strlen(value)) < 0 ? errno : 0;
	close(fd);
	return ret;
}

static void find_structures(struct client *c)
{
	struct virtio_pci_notify_cap cap;
	uint8_t at;

	if (cfg_access(c, PCI_CAPABILITY_LIST, &at, 1, false))
		die("capability list");
	for (int i = 0; at && i < 32; at = cap.cap.cap_next, i++) {
		if (cfg_access(c, at, &cap, sizeof(cap), false))
			die("capability");
		if (cap.cap.cap_vndr != PCI_CAP_ID_VNDR)
			continue;
		switch (cap.cap.cfg_type) {
		case VIRTIO_PCI_CAP_COMMON_CFG:
			c->common = cap.cap.offset;
			break;
		case VIRTIO_PCI_CAP_ISR_CFG:
			c->isr = cap.cap.offset;
			break;
		case VIRTIO_PCI_CAP_DEVICE_CFG:
			c->devcfg = cap.cap.offset;
			break;
		case VIRTIO_PCI_CAP_NOTIFY_CFG:
			c->notify = cap.cap.offset;
			c->notify_mult = cap.notify_off_multiplier;
			break;
		}
	}
	if (!c->devcfg || !c->notify || !c->isr)
		die("virtio capabilities");
}

static void map_doorbells(struct client *c)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			  c->device, c->bar + c->notify);

	c->doorbells = page == MAP_FAILED ? NULL : page;
}

/* All but the host's side. */
void client_open(struct client *c, const char *uuid)
{
	memset(c, 0, sizeof(*c));
	c->uuid = uuid;
	c->hdr_len = HDR_LEN;
	c->host = -1;
	c->container = open("/dev/vfio/vfio", O_RDWR);
	if (c->container < 0)
		die("/dev/vfio/vfio");
	c->group = group_of(uuid);
	if (c->group < 0)
		die("group of %s", uuid);
	if (ioctl(c->group, VFIO_GROUP_SET_CONTAINER, &c->container) ||
	    ioctl(c->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		die("container");
	c->device = ioctl(c->group, VFIO_GROUP_GET_DEVICE_FD, uuid);
	if (c->device < 0)
		die("device %s", uuid);
	c->mem = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (c->mem == MAP_FAILED || client_map(c))
		die("memory");
	c->bar = region_offset(c, VFIO_PCI_BAR0_REGION_INDEX);
	c->config = region_offset(c, VFIO_PCI_CONFIG_REGION_INDEX);
	find_structures(c);
	map_doorbells(c);
	set_command(c, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	client_reset(c);
	c->nvqs = get_common(c, VIRTIO_PCI_COMMON_NUMQ, 2);
	c->max_pairs = get_reg(c, c->devcfg +
			       offsetof(struct virtio_net_config,
					max_virtqueue_pairs), 2);
	put_common(c, VIRTIO_PCI_COMMON_DFSELECT, 4, 1);
	c->offered = (uint64_t)get_common(c, VIRTIO_PCI_COMMON_DF, 4) << 32;
	put_common(c, VIRTIO_PCI_COMMON_DFSELECT, 4, 0);
	c->offered |= get_common(c, VIRTIO_PCI_COMMON_DF, 4);
	if (c->nvqs > MAX_VQS || c->nvqs != 2 * c->max_pairs + 1)
		die("%u queues, %u pairs", c->nvqs, c->max_pairs);
}

/* Group and container stay. */
void client_close_device(struct client *c)
{
	if (c->doorbells)
		munmap((void *)c->doorbells, PAGE);
	c->doorbells = NULL;
	if (c->device >= 0)
		close(c->device);
	c->device = -1;
}

void client_close(struct client *c)
{
	client_close_device(c);
	close(c->group);
	close(c->container);
	munmap(c->mem, MEM_SIZE);
	host_close(c);
}

/* --- registers --- */

uint32_t get_reg(struct client *c, uint32_t off, size_t len)
{
	uint32_t val = 0;

	errno = -bar_access(c, off, &val, len, false);
	if (errno)
		die("read of BAR 0 at 0x%x", off);
	return val;
}

void put_reg(struct client *c, uint32_t off, size_t len, uint32_t val)
{
	errno = -bar_access(c, off, &val, len, true);
	if (errno)
		die("write to BAR 0 at 0x%x", off);
}

uint32_t get_common(struct client *c, uint32_t off, size_t len)
{
	return get_reg(c, c->common + off, len);
}

void put_common(struct client *c, uint32_t off, size_t len, uint32_t val)
{
	put_reg(c, c->common + off, len, val);
}

uint8_t get_status(struct client *c)
{
	return get_common(c, VIRTIO_PCI_COMMON_STATUS, 1);
}
