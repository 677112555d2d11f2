/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The command socket: use a device of any vfio-user server step by step, to compare what
 * it does with what is known of it (devtools/tests/peer.sh).
 */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include <rte_memory.h>

#include <vfio_dev.h>
#include <vfio_dma.h>
#include <vfio_irq.h>
#include <vfio_private.h>
#include <vfio_region.h>
#include <vfio_user_private.h>

#include "test.h"

#define PAGE 4096
/* For what takes the server a second; never waited for where it comes. */
#define WAIT_MS 20000

static struct vfio_dev *dev;
static int irq_fd = -1;
static uint8_t *dma_page;       /* the first that the device was given */
static uint8_t dma_kept[PAGE];  /* what EAL has there */

static int
region_find(uint64_t index, struct vfio_region **region)
{
	return index > UINT32_MAX ? -EINVAL : vfio_region_get(dev, index, region);
}

static int
do_dump(const uint64_t *args __rte_unused)
{
	return dump_vfio_dev(dev);
}

static int
do_read(const uint64_t *args)
{
	struct vfio_region *region;
	uint64_t value = 0;
	int ret;

	ret = region_find(args[0], &region);
	if (ret == 0 && args[2] > sizeof(value))
		ret = -EINVAL;
	if (ret == 0)
		ret = vfio_region_read(region, args[1], &value, args[2]);
	if (ret == 0)
		printf("read %" PRIu64 " %#" PRIx64 ": %#" PRIx64 "\n", args[0],
			args[1], value);
	return ret;
}

static int
do_write(const uint64_t *args)
{
	struct vfio_region *region;
	int ret;

	ret = region_find(args[0], &region);
	if (ret == 0 && args[2] > sizeof(args[3]))
		ret = -EINVAL;
	return ret != 0 ? ret :
		vfio_region_write(region, args[1], &args[3], args[2]);
}

static int
do_map(const uint64_t *args)
{
	struct vfio_region *region;
	int ret;

	ret = region_find(args[0], &region);
	return ret != 0 ? ret : vfio_region_map(region);
}

static int
do_unmap(const uint64_t *args)
{
	struct vfio_region *region;
	int ret;

	ret = region_find(args[0], &region);
	if (ret == 0)
		vfio_region_unmap(region);
	return ret;
}

/* Is that part of the region reached without messages? */
static int
do_mapped(const uint64_t *args)
{
	struct vfio_region *region;
	int ret;

	ret = region_find(args[0], &region);
	if (ret == 0)
		printf("mapped %" PRIu64 " %#" PRIx64 ": %s\n", args[0], args[1],
			vfio_region_ptr(region, args[1], args[2]) != NULL ?
			"yes" : "no");
	return ret;
}

static int
do_irq(const uint64_t *args)
{
	if (irq_fd < 0)
		irq_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return irq_fd < 0 ? -errno :
		vfio_irq_set_eventfds(dev, args[0], args[1], 1, &irq_fd);
}

static int
do_irq_off(const uint64_t *args)
{
	return vfio_irq_disable(dev, args[0]);
}

static int
do_wait_irq(const uint64_t *args __rte_unused)
{
	struct pollfd pollfd = { .fd = irq_fd, .events = POLLIN };
	eventfd_t count = 0;

	if (poll(&pollfd, 1, WAIT_MS) != 1 || eventfd_read(irq_fd, &count) < 0)
		return -ETIMEDOUT;
	printf("interrupts: %" PRIu64 "\n", (uint64_t)count);
	return 0;
}

static int
do_reset(const uint64_t *args __rte_unused)
{
	return vfio_dev_reset(dev);
}

/* Memory that EAL does not know: given to the device, and taken back. */
static int
do_external(const uint64_t *args)
{
	const size_t len = args[0] * PAGE;
	int fd, ret;
	void *addr;

	fd = memfd_create("external", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, len) < 0)
		return -errno;
	addr = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (addr == MAP_FAILED)
		return -errno;
	ret = vfio_dma_map(dev, addr, (uintptr_t)addr, len);
	if (ret == 0)
		ret = vfio_dma_unmap(dev, addr, (uintptr_t)addr, len);
	munmap(addr, len);
	return ret;
}

static int
first_page(const struct rte_memseg_list *list __rte_unused,
		const struct rte_memseg *seg, void *arg __rte_unused)
{
	dma_page = seg->addr;
	return 1;
}

/* The device is about to write into the first memory that it was given: EAL's. */
static int
do_keep(const uint64_t *args __rte_unused)
{
	rte_memseg_walk(first_page, NULL);
	memcpy(dma_kept, dma_page, PAGE);
	return 0;
}

static int
do_filled(const uint64_t *args)
{
	uint8_t wanted[PAGE];
	int ms;

	memset(wanted, args[0], PAGE);
	for (ms = 0; ms < WAIT_MS && memcmp(dma_page, wanted, PAGE) != 0; ms++)
		usleep(1000);
	return ms == WAIT_MS ? -ETIMEDOUT : 0;
}

static int
do_restore(const uint64_t *args __rte_unused)
{
	memcpy(dma_page, dma_kept, PAGE);
	return 0;
}

/*
 * Wait until so many commands of the server's were answered. libvfio-user ends if we ask
 * something while it waits for one of them.
 */
static int
do_served(const uint64_t *args)
{
	struct vfio_user_dev *user = dev->tdev.priv;
	uint64_t served;
	int ms;

	for (ms = 0; ms < WAIT_MS; ms++) {
		pthread_mutex_lock(&user->conn.lock);
		served = user->conn.served;
		pthread_mutex_unlock(&user->conn.lock);
		if (served >= args[0])
			return 0;
		usleep(1000);
	}
	return -ETIMEDOUT;
}

static const struct action {
	const char *name;
	unsigned int nr_args;
	int (*run)(const uint64_t *args);
} actions[] = {
	{ "dump", 0, do_dump },
	{ "read", 3, do_read },
	{ "write", 4, do_write },
	{ "map", 1, do_map },
	{ "unmap", 1, do_unmap },
	{ "mapped", 3, do_mapped },
	{ "irq", 2, do_irq },
	{ "irq-off", 1, do_irq_off },
	{ "wait-irq", 0, do_wait_irq },
	{ "reset", 0, do_reset },
	{ "external", 1, do_external },
	{ "keep", 0, do_keep },
	{ "filled", 1, do_filled },
	{ "served", 1, do_served },
	{ "restore", 0, do_restore },
};

static const struct action *
action_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(actions); i++) {
		if (strcmp(actions[i].name, name) == 0)
			return &actions[i];
	}
	return NULL;
}

/* Run the first action; returns how many words it was, or a negative errno. */
static int
action_run(unsigned int count, char **words)
{
	const struct action *action = action_find(words[0]);
	uint64_t args[4];
	unsigned int i;
	char *end;
	int ret;

	if (action == NULL || count <= action->nr_args) {
		fprintf(stderr, "dpdk-test-mdev: socket: %s: no such action, or its numbers are missing\n",
			words[0]);
		return -EINVAL;
	}
	for (i = 0; i < action->nr_args; i++) {
		args[i] = strtoull(words[1 + i], &end, 0);
		if (*end != '\0' || end == words[1 + i]) {
			fprintf(stderr, "dpdk-test-mdev: socket: %s: not a number\n",
				words[1 + i]);
			return -EINVAL;
		}
	}
	ret = action->run(args);
	if (ret != 0)
		printf("%s: %s\n", action->name, strerror(abs(ret)));
	return 1 + action->nr_args;
}

int
cmd_socket(unsigned int count, char **args)
{
	unsigned int at;
	int ret;

	if (count == 0) {
		fprintf(stderr, "dpdk-test-mdev: socket needs the path of a vfio-user server's socket\n");
		return -1;
	}
	ret = vfio_dev_open(args[0], "socket", &dev);
	if (ret < 0)
		return -1; /* which was said */
	for (at = 1; ret >= 0 && at < count; at += ret)
		ret = action_run(count - at, args + at);
	vfio_dev_close(dev);
	if (irq_fd >= 0)
		close(irq_fd);
	return ret < 0 ? -1 : 0;
}
