/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The memory of a client: a list of regions by address, a tree of libc's to find them, and
 * copies from and to them.
 */

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "dma_copy.h"
#include "dma_table.h"
#include "foreign_fd.h"

/* Reads of a number that somebody else changes meanwhile. */
#define MAX_READS 8
/* Bytes of a window; one page where pages are larger. */
#define WINDOW_LEN (2ULL << 20)

static unsigned int nr_files;

/* Addresses to be looked up. */
struct probe {
	uint64_t first, last;
	struct dma_region *before; /* the last region below them that was seen */
};

void
dma_table_init(struct dma_table *table)
{
	memset(table, 0, sizeof(*table));
	TAILQ_INIT(&table->regions);
	dma_copy_init();
}

unsigned int
dma_table_files(void)
{
	return nr_files;
}

static void
window_close(struct dma_window *window)
{
	munmap(window->addr, window->len);
	window->region = NULL;
}

/* Its file, if it has one, is the caller's then; -1: it has none. */
static int
region_free(struct dma_table *table, struct dma_region *region)
{
	int fd = region->fd;
	unsigned int i;

	for (i = 0; i < DMA_TABLE_WINDOWS; i++) {
		if (table->windows[i].region == region)
			window_close(&table->windows[i]);
	}
	nr_files -= fd >= 0;
	free(region);
	return fd;
}

static void
keep_region(void *region __attribute__((unused)))
{
}

void
dma_table_clear(struct dma_table *table)
{
	/* all of them at once: most likely nobody else has this memory any more */
	int *fds = malloc(table->count * sizeof(*fds)), fd;
	struct dma_region *region;
	unsigned int count = 0;

	tdestroy(table->root, keep_region);
	table->root = NULL;
	while ((region = TAILQ_FIRST(&table->regions)) != NULL) {
		TAILQ_REMOVE(&table->regions, region, next);
		fd = region_free(table, region);
		if (fd >= 0 && fds != NULL)
			fds[count++] = fd;
		else if (fd >= 0)
			foreign_fd_close_memory(&fd, 1);
	}
	foreign_fd_close_memory(fds, count);
	free(fds);
	table->count = 0;
}

static uint64_t
last_byte(const struct dma_region *region)
{
	return region->iova + (region->size - 1);
}

/* Regions do not overlap, so their order is that of their first bytes. */
static int
compare(const void *a, const void *b)
{
	const struct dma_region *ra = a, *rb = b;

	return (ra->iova > rb->iova) - (ra->iova < rb->iova);
}

/*
 * Equal is what overlaps. On the way down the tree the last region that is passed on its
 * upper side is the one below the probe.
 */
static int
compare_probe(const void *a, const void *b)
{
	struct probe *probe = (struct probe *)(uintptr_t)a;
	struct dma_region *region = (struct dma_region *)(uintptr_t)b;

	if (probe->last < region->iova)
		return -1;
	if (probe->first <= last_byte(region))
		return 0;
	probe->before = region;
	return 1;
}

/* A region that has some of these addresses, or NULL. */
static struct dma_region *
find(const struct dma_table *table, struct probe *probe)
{
	struct dma_region *const *node;

	probe->before = NULL;
	node = tfind(probe, &table->root, compare_probe);
	return node == NULL ? NULL : *node;
}

/* Which file it is, and whether it may be mapped as the client says. */
static int
identify(struct dma_region *region)
{
	struct statfs fs;
	struct stat st;
	int flags, mode;

	flags = fcntl(region->fd, F_GETFL);
	if (flags < 0)
		return -errno;
	mode = flags & O_ACCMODE;
	/* shared mappings need a file that can be read, too; mmap(2) */
	if ((flags & O_PATH) != 0 || mode == O_WRONLY ||
			((region->prot & PROT_WRITE) != 0 && mode != O_RDWR))
		return -EACCES;
	/* before it is asked anything that another file system might not answer */
	if (!foreign_fd_is_memory(region->fd))
		return -ENOTSUP;
	if (fstat(region->fd, &st) < 0 || fstatfs(region->fd, &fs) < 0)
		return -errno;
	/* a backend would refuse others, or die of what is not there */
	if (!S_ISREG(st.st_mode) || st.st_size < 0 ||
			region->offset + region->size > (uint64_t)st.st_size)
		return -EINVAL;
	region->dev = st.st_dev;
	region->ino = st.st_ino;
	region->page = fs.f_type == HUGETLBFS_MAGIC ? (uint64_t)fs.f_bsize :
		(uint64_t)sysconf(_SC_PAGESIZE);
	return 0;
}

static bool
valid(uint64_t iova, uint64_t size, uint64_t offset, int fd)
{
	/* an offset is an off_t where there is a file */
	uint64_t limit = fd >= 0 ? INT64_MAX : UINT64_MAX;

	return size > 0 && size - 1 <= UINT64_MAX - iova && offset <= limit &&
		size <= limit - offset;
}

int
dma_table_add(struct dma_table *table, uint64_t iova, uint64_t size, uint64_t offset,
		uint32_t prot, int fd)
{
	struct probe probe = { .first = iova, .last = iova + (size - 1) };
	struct dma_region *region;
	int ret;

	if (!valid(iova, size, offset, fd))
		return -EINVAL;
	if (find(table, &probe) != NULL)
		return -EEXIST;
	if (table->count == DMA_TABLE_MAX)
		return -ENOSPC;
	region = calloc(1, sizeof(*region));
	if (region == NULL)
		return -ENOMEM;
	region->iova = iova;
	region->size = size;
	region->offset = offset;
	region->prot = prot;
	region->fd = fd;
	ret = fd >= 0 ? identify(region) : 0;
	if (ret == 0 && tsearch(region, &table->root, compare) == NULL)
		ret = -ENOMEM;
	if (ret < 0) {
		free(region);
		return ret;
	}
	if (probe.before != NULL)
		TAILQ_INSERT_AFTER(&table->regions, probe.before, region, next);
	else
		TAILQ_INSERT_HEAD(&table->regions, region, next);
	table->count++;
	nr_files += fd >= 0;
	return 0;
}

int
dma_table_remove(struct dma_table *table, uint64_t iova, uint64_t size)
{
	struct probe probe = { .first = iova, .last = iova };
	struct dma_region *region = find(table, &probe);
	int fd;

	if (region == NULL || region->iova != iova || region->size != size)
		return -ENOENT;
	tdelete(region, &table->root, compare);
	TAILQ_REMOVE(&table->regions, region, next);
	fd = region_free(table, region);
	if (fd >= 0)
		foreign_fd_close_memory(&fd, 1);
	table->count--;
	return 0;
}

/* Whether one goes on where the other one ends, in addresses and in the file. */
static bool
continues(const struct dma_region *a, const struct dma_region *b)
{
	return a->dev == b->dev && a->ino == b->ino &&
		a->iova + a->size == b->iova && a->offset + a->size == b->offset;
}

unsigned int
dma_table_merge(const struct dma_table *table, struct dma_range *ranges, unsigned int room)
{
	const struct dma_region *region, *previous = NULL;
	unsigned int n = 0;

	TAILQ_FOREACH(region, &table->regions, next) {
		if (region->fd < 0 || region->prot != (PROT_READ | PROT_WRITE))
			continue;
		if (previous == NULL || !continues(previous, region)) {
			if (n < room)
				ranges[n] = (struct dma_range) {
					.iova = region->iova,
					.offset = region->offset,
					.fd = region->fd,
				};
			n++;
		}
		if (n <= room)
			ranges[n - 1].size += region->size;
		previous = region;
	}
	return n;
}

static struct dma_window *
window_find(struct dma_table *table, const struct dma_region *region, uint64_t offset)
{
	struct dma_window *window;
	unsigned int i;

	for (i = 0; i < DMA_TABLE_WINDOWS; i++) {
		window = &table->windows[i];
		if (window->region == region && offset >= window->start &&
				offset - window->start < window->len)
			return window;
	}
	return NULL;
}

/* Map the part of a region's file around an offset. NULL: that cannot be. */
static struct dma_window *
window_open(struct dma_table *table, const struct dma_region *region, uint64_t offset)
{
	struct dma_window *window = &table->windows[table->next_window];
	uint64_t len = region->page > WINDOW_LEN ? region->page : WINDOW_LEN;
	uint64_t start = offset - offset % len;
	uint64_t first = region->offset - region->offset % region->page;
	uint64_t end = region->offset + region->size;
	void *addr;

	if (start < first)
		len -= first - start;
	if (start < first)
		start = first;
	/* whole pages; a file needs not be so long, see dma_copy_to() */
	end += (region->page - end % region->page) % region->page;
	if (len > end - start)
		len = end - start;
	/* huge pages that are not there yet are not to be kept for us */
	addr = mmap(NULL, len, region->prot, MAP_SHARED | MAP_NORESERVE, region->fd, start);
	if (addr == MAP_FAILED)
		return NULL;
	if (window->region != NULL)
		window_close(window);
	window->region = region;
	window->start = start;
	window->len = len;
	window->addr = addr;
	table->next_window = (table->next_window + 1) % DMA_TABLE_WINDOWS;
	return window;
}

/* All of it, or it is not there (any more). 0 or -EFAULT. */
static int
read_file(const struct dma_region *region, uint64_t offset, void *buf, size_t len)
{
	ssize_t n;

	do {
		n = pread(region->fd, buf, len, offset);
	} while (n < 0 && errno == EINTR);
	return n >= 0 && (size_t)n == len ? 0 : -EFAULT;
}

/*
 * The kernel may copy a number byte by byte. What is read twice is what was written, as
 * nobody's index goes from one value to another and back by then.
 */
static int
read_number(const struct dma_region *region, uint64_t offset, void *buf, size_t len)
{
	uint8_t again[sizeof(uint64_t)];
	unsigned int i;
	int ret;

	ret = read_file(region, offset, buf, len);
	for (i = 1; ret == 0 && i < MAX_READS; i++) {
		ret = read_file(region, offset, again, len);
		if (ret < 0 || memcmp(buf, again, len) == 0)
			break;
		memcpy(buf, again, len);
	}
	return ret;
}

/*
 * The file is read, and not its mapping: what nobody has written to is zero there, and
 * takes memory (of ours) in a mapping as soon as it is looked at. Returns how much, as
 * much as a region has, or -EFAULT.
 */
static ssize_t
read_part(const struct dma_region *region, uint64_t iova, void *buf, size_t len)
{
	uint64_t skip = iova - region->iova, offset = region->offset + skip;
	int ret;

	if (len > region->size - skip)
		len = region->size - skip;
	if ((len == 2 || len == 4 || len == 8) && offset % len == 0)
		ret = read_number(region, offset, buf, len);
	else
		ret = read_file(region, offset, buf, len);
	return ret < 0 ? ret : (ssize_t)len;
}

/* Write as much as one window has. Returns how much, or -EFAULT. */
static ssize_t
write_part(struct dma_table *table, const struct dma_region *region, uint64_t iova,
		const void *buf, size_t len)
{
	struct dma_window *window;
	uint64_t skip, left, offset;
	int ret;

	offset = region->offset + (iova - region->iova);
	window = window_find(table, region, offset);
	if (window == NULL)
		window = window_open(table, region, offset);
	if (window == NULL)
		return -EFAULT;
	skip = offset - window->start;
	left = region->size - (iova - region->iova);
	if (left > window->len - skip)
		left = window->len - skip;
	if (len > left)
		len = left;
	ret = dma_copy_to(window->addr + skip, buf, len);
	return ret < 0 ? ret : (ssize_t)len;
}

static ssize_t
copy_part(struct dma_table *table, uint64_t iova, void *buf, size_t len, bool write)
{
	const uint32_t prot = write ? PROT_WRITE : PROT_READ;
	struct probe probe = { .first = iova, .last = iova };
	const struct dma_region *region = find(table, &probe);

	if (region == NULL || region->fd < 0 || (region->prot & prot) == 0)
		return -EFAULT;
	return write ? write_part(table, region, iova, buf, len) :
		read_part(region, iova, buf, len);
}

static int
copy(struct dma_table *table, uint64_t iova, void *buf, size_t len, bool write)
{
	ssize_t n;

	if (len > 0 && len - 1 > UINT64_MAX - iova)
		return -EFAULT;
	while (len > 0) {
		n = copy_part(table, iova, buf, len, write);
		if (n < 0)
			return n;
		buf = (uint8_t *)buf + n;
		iova += n;
		len -= n;
	}
	return 0;
}

int
dma_read(struct dma_table *table, uint64_t iova, void *buf, size_t len)
{
	return copy(table, iova, buf, len, false);
}

int
dma_write(struct dma_table *table, uint64_t iova, const void *buf, size_t len)
{
	return copy(table, iova, (void *)(uintptr_t)buf, len, true);
}
