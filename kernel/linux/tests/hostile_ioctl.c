// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attacks by way of ioctl() and mmap(). What is right and what is not is said in
 * linux/vfio.h.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hostile.h"

#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))

/* --- VFIO_DEVICE_SET_IRQS --- */

#define INTX	VFIO_PCI_INTX_IRQ_INDEX
#define MSIX	VFIO_PCI_MSIX_IRQ_INDEX
#define REQ	VFIO_PCI_REQ_IRQ_INDEX
#define NONE	VFIO_IRQ_SET_DATA_NONE
#define BOOL	VFIO_IRQ_SET_DATA_BOOL
#define FD	VFIO_IRQ_SET_DATA_EVENTFD
#define MASK	VFIO_IRQ_SET_ACTION_MASK
#define UNMASK	VFIO_IRQ_SET_ACTION_UNMASK
#define TRIGGER	VFIO_IRQ_SET_ACTION_TRIGGER

/* Symbols for what stands where the eventfd should. */
enum { GOOD_FD, NO_FD, CLOSED_FD, OTHER_FD, NEGATIVE_FD };

/* @fds: how many of them are there; the first one is @fd, the rest are good. */
struct irq_attack {
	const char *name;
	uint32_t flags;
	uint32_t index;
	uint32_t start;
	uint32_t count;
	unsigned int fds;
	int fd;
	int error;
};

static const struct irq_attack irq_attacks[] = {
	{ "nothing", 0, MSIX, 0, 0, 0, 0, EINVAL },
	{ "no action", NONE, MSIX, 0, 1, 0, 0, ENOTTY },
	{ "no data type", TRIGGER, MSIX, 0, 1, 0, 0, EINVAL },
	{ "two data types", NONE | BOOL | TRIGGER, MSIX, 0, 1, 1, 0, EINVAL },
	{ "two actions", NONE | MASK | TRIGGER, MSIX, 0, 1, 0, 0, ENOTTY },
	{ "flags that do not exist", 0xffffffc0 | NONE | TRIGGER, MSIX, 0, 1, 0, 0,
	  EINVAL },
	{ "MSI, which there is not", FD | TRIGGER, VFIO_PCI_MSI_IRQ_INDEX, 0, 1, 1,
	  0, EINVAL },
	{ "ERR, which there is not", FD | TRIGGER, VFIO_PCI_ERR_IRQ_INDEX, 0, 1, 1,
	  0, EINVAL },
	{ "index 5", FD | TRIGGER, 5, 0, 1, 1, 0, EINVAL },
	{ "index 4 G", FD | TRIGGER, 0xffffffff, 0, 1, 1, 0, EINVAL },
	{ "start behind the last", FD | TRIGGER, MSIX, 64, 1, 1, 0, EINVAL },
	{ "start 4 G", FD | TRIGGER, MSIX, 0xffffffff, 1, 1, 0, EINVAL },
	{ "count 4 G", FD | TRIGGER, MSIX, 0, 0xffffffff, 1, 0, EINVAL },
	{ "start and count that wrap", FD | TRIGGER, MSIX, 1, 0xffffffff, 1, 0,
	  EINVAL },
	{ "two too many", FD | TRIGGER, MSIX, 0, 64, 60, 0, EINVAL },
	{ "more than the data", FD | TRIGGER, MSIX, 0, 2, 1, 0, EINVAL },
	{ "BOOL without data", BOOL | TRIGGER, MSIX, 0, 1, 0, 0, EINVAL },
	{ "none of some", FD | TRIGGER, MSIX, 1, 0, 0, 0, EINVAL },
	{ "closed fd", FD | TRIGGER, MSIX, 0, 1, 1, CLOSED_FD, EBADF },
	{ "no eventfd", FD | TRIGGER, MSIX, 0, 1, 1, OTHER_FD, EINVAL },
	{ "fd -2", FD | TRIGGER, MSIX, 0, 1, 1, NEGATIVE_FD, EBADF },
	{ "the second one good", FD | TRIGGER, MSIX, 0, 2, 2, OTHER_FD, EINVAL },
	{ "INTx with a closed fd", FD | TRIGGER, INTX, 0, 1, 1, CLOSED_FD, EBADF },
	{ "REQ with a closed fd", FD | TRIGGER, REQ, 0, 1, 1, CLOSED_FD, EBADF },
	{ "second INTx", FD | TRIGGER, INTX, 1, 1, 1, 0, EINVAL },
	{ "second REQ", FD | TRIGGER, REQ, 1, 1, 1, 0, EINVAL },
	{ "mask of MSI-X", NONE | MASK, MSIX, 0, 1, 0, 0, ENOTTY },
	{ "unmask of MSI-X", NONE | UNMASK, MSIX, 0, 1, 0, 0, ENOTTY },
	{ "mask of REQ", NONE | MASK, REQ, 0, 1, 0, 0, ENOTTY },
	{ "mask by eventfd", FD | MASK, INTX, 0, 1, 1, 0, ENOTTY },
	{ "unmask by eventfd", FD | UNMASK, INTX, 0, 1, 1, 0, ENOTTY },
	{ "mask of INTx that is off", NONE | MASK, INTX, 0, 1, 0, 0, EINVAL },
	/* what may be done, though it is odd */
	{ "MSI-X off that is off", NONE | TRIGGER, MSIX, 0, 0, 0, 0, 0 },
	{ "INTx off that is off", NONE | TRIGGER, INTX, 0, 0, 0, 0, 0 },
	{ "REQ off that is off", NONE | TRIGGER, REQ, 0, 0, 0, 0, 0 },
	{ "test without an eventfd", NONE | TRIGGER, MSIX, 0, 2, 0, 0, 0 },
	{ "taking away what was not there", FD | TRIGGER, REQ, 0, 1, 1, NO_FD, 0 },
};

static void attack_irqs(struct client *c, const struct irq_attack *a)
{
	int fds[64], good = eventfd(0, 0), other = dup(c->container);
	int closed = dup(good), ret;
	bool expected;

	close(closed);
	for (unsigned int i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = good;
	fds[0] = a->fd == NO_FD ? -1 : a->fd == CLOSED_FD ? closed :
		 a->fd == OTHER_FD ? other : a->fd == NEGATIVE_FD ? -2 : good;
	ret = set_irqs(c, a->index, a->flags, a->start, a->count, fds,
		       a->fds * sizeof(fds[0]));
	expected = ret == -a->error;
	/* An interrupt of either kind can still be set up. */
	if (set_irqs(c, INTX, FD | TRIGGER, 0, 1, &good, sizeof(good)) ||
	    set_irqs(c, INTX, NONE | TRIGGER, 0, 0, NULL, 0) ||
	    set_irqs(c, MSIX, FD | TRIGGER, 0, 1, &good, sizeof(good)) ||
	    set_irqs(c, MSIX, NONE | TRIGGER, 0, 0, NULL, 0))
		expected = false;
	close(good);
	close(other);
	survived(c, expected, "SET_IRQS: %s (%d)", a->name, ret);
}

/* INTx and MSI-X exclude each other, as vfio-pci has it. */
static void both_kinds(struct client *c)
{
	int fd = eventfd(0, 0);
	bool ok;

	ok = !set_irqs(c, INTX, FD | TRIGGER, 0, 1, &fd, sizeof(fd)) &&
	     set_irqs(c, MSIX, FD | TRIGGER, 0, 1, &fd, sizeof(fd)) == -EINVAL &&
	     !set_irqs(c, INTX, NONE | TRIGGER, 0, 0, NULL, 0) &&
	     !set_irqs(c, MSIX, FD | TRIGGER, 0, 1, &fd, sizeof(fd)) &&
	     set_irqs(c, INTX, FD | TRIGGER, 0, 1, &fd, sizeof(fd)) == -EINVAL;
	/* An eventfd that its owner has closed is signalled all the same. */
	close(fd);
	ok = ok && !set_irqs(c, MSIX, NONE | TRIGGER, 0, 1, NULL, 0) &&
	     !set_irqs(c, MSIX, NONE | TRIGGER, 0, 0, NULL, 0);
	survived(c, ok, "SET_IRQS: INTx and MSI-X at once");
}

/* --- the other ioctls: sizes, indices, pointers --- */

struct request {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t rest[13];
};

static const struct {
	const char *name;
	unsigned long cmd;
	uint32_t argsz;
	uint32_t index;
	int error;
} ioctls[] = {
	{ "GET_INFO, too small", VFIO_DEVICE_GET_INFO, 8, 0, EINVAL },
	{ "GET_REGION_INFO, too small", VFIO_DEVICE_GET_REGION_INFO, 16, 0, EINVAL },
	{ "GET_REGION_INFO of 9", VFIO_DEVICE_GET_REGION_INFO, 32, 9, EINVAL },
	{ "GET_REGION_INFO of 4 G", VFIO_DEVICE_GET_REGION_INFO, 32, 0xffffffff,
	  EINVAL },
	{ "GET_REGION_INFO, larger than ours", VFIO_DEVICE_GET_REGION_INFO,
	  0xffffffff, 1, 0 },
	{ "GET_IRQ_INFO, too small", VFIO_DEVICE_GET_IRQ_INFO, 8, 0, EINVAL },
	{ "GET_IRQ_INFO of 5", VFIO_DEVICE_GET_IRQ_INFO, 16, 5, EINVAL },
	{ "GET_IRQ_INFO of 4 G", VFIO_DEVICE_GET_IRQ_INFO, 16, 0xffffffff, EINVAL },
	{ "SET_IRQS, too small", VFIO_DEVICE_SET_IRQS, 8, 0, EINVAL },
	{ "hot reset, which there is not", VFIO_DEVICE_PCI_HOT_RESET, 16, 0, ENOTTY },
	{ "an ioctl of nobody's", _IO(VFIO_TYPE, VFIO_BASE + 99), 0, 0, ENOTTY },
};

static void other_ioctls(struct client *c)
{
	for (unsigned int i = 0; i < ARRAY_LEN(ioctls); i++) {
		struct request r = {
			.argsz = ioctls[i].argsz,
			.index = ioctls[i].index,
		};
		int ret = ioctl(c->device, ioctls[i].cmd, &r) ? errno : 0;

		survived(c, ret == ioctls[i].error, "ioctl: %s (%d)",
			 ioctls[i].name, ret);
	}
	for (unsigned int i = 0; i < ARRAY_LEN(ioctls); i++) {
		int ret = ioctl(c->device, ioctls[i].cmd, (void *)1) ? errno : 0;

		survived(c, ret == EFAULT || ret == ENOTTY,
			 "ioctl: %s, argument nowhere (%d)", ioctls[i].name, ret);
	}
	for (int i = 0; i < 100; i++)
		if (ioctl(c->device, VFIO_DEVICE_RESET))
			die("reset");
	survived(c, true, "ioctl: 100 resets");
}

/* --- mmap --- */

static const struct {
	const char *name;
	uint64_t pos;
	size_t len;
	int flags;
} maps[] = {
	{ "common configuration", 0, PAGE, MAP_SHARED },
	{ "ISR", PAGE, PAGE, MAP_SHARED },
	{ "device configuration", 2 * PAGE, PAGE, MAP_SHARED },
	{ "doorbells and what is before", 2 * PAGE, 2 * PAGE, MAP_SHARED },
	{ "doorbells and what is behind", 3 * PAGE, 2 * PAGE, MAP_SHARED },
	{ "doorbells, private", 3 * PAGE, PAGE, MAP_PRIVATE },
	{ "all of BAR 0", 0, 4 * PAGE, MAP_SHARED },
	{ "behind BAR 0", 4 * PAGE, PAGE, MAP_SHARED },
	{ "a terabyte", 3 * PAGE, 1ull << 40, MAP_SHARED },
	{ "BAR 1", 1ull << 40, PAGE, MAP_SHARED },
	{ "configuration space", (uint64_t)VFIO_PCI_CONFIG_REGION_INDEX << 40,
	  PAGE, MAP_SHARED },
	{ "region 9", 9ull << 40, PAGE, MAP_SHARED },
	{ "doorbells of region 1", (1ull << 40) + 3 * PAGE, PAGE, MAP_SHARED },
	{ "end of all offsets", 0x7ffffffffffff000, PAGE, MAP_SHARED },
};

static void mappings(struct client *c)
{
	void *page, *grown;

	for (unsigned int i = 0; i < ARRAY_LEN(maps); i++) {
		page = mmap(NULL, maps[i].len, PROT_READ | PROT_WRITE,
			    maps[i].flags, c->device, maps[i].pos);
		survived(c, page == MAP_FAILED, "mmap: %s", maps[i].name);
		if (page != MAP_FAILED)
			munmap(page, maps[i].len);
	}
	page = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, c->device,
		    c->bar + c->notify);
	survived(c, (page != MAP_FAILED) == !!c->doorbells,
		 "mmap: the doorbells, if they can be mapped");
	if (page == MAP_FAILED)
		return;
	grown = mremap(page, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
	survived(c, grown == MAP_FAILED, "mmap: doorbells that grow");
	munmap(grown == MAP_FAILED ? page : grown, PAGE);
}

/* The doorbells as memory that the device is to write to. */
static void doorbells_for_memory(struct client *c)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)c->doorbells,
		.iova = MEM_IOVA + MEM_SIZE + 0x10000,
		.size = PAGE,
	};
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = map.iova,
		.size = map.size,
	};
	struct vring_used_elem elem;
	struct vq *vq;
	bool ok;

	if (!c->doorbells || ioctl(c->container, VFIO_IOMMU_MAP_DMA, &map))
		return;
	client_start(c, ~0ull);
	vq = tx_vq(c, 0);
	vq_desc(vq, 0, map.iova, 200, 0, 0);
	vq_post(vq, 0);
	vq_kick(vq);
	ok = vq_wait(vq, &elem) != 0;
	if (ioctl(c->container, VFIO_IOMMU_UNMAP_DMA, &unmap))
		die("unmap");
	survived(c, ok, "DMA: frame out of the doorbells");
}

void ioctl_attacks(struct client *c)
{
	for (unsigned int i = 0; i < ARRAY_LEN(irq_attacks); i++)
		attack_irqs(c, &irq_attacks[i]);
	both_kinds(c);
	other_ioctls(c);
	mappings(c);
	doorbells_for_memory(c);
}
