/* SPDX-License-Identifier: BSD-3-Clause */

/* DMA_MAP and DMA_UNMAP, and what the server has been given. */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "vfio_user_private.h"

uint32_t
vfio_user_map_find(const struct vfio_user_dev *dev, uint64_t addr)
{
	uint32_t low = 0, high = dev->nr_maps, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (dev->maps[middle].end <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int
map_room(struct vfio_user_dev *dev)
{
	uint32_t room = RTE_MAX(2 * dev->room_maps, 16u);
	struct vfio_user_map *maps;

	if (dev->nr_maps < dev->room_maps)
		return 0;
	maps = realloc(dev->maps, room * sizeof(*maps));
	if (maps == NULL)
		return -ENOMEM;
	dev->maps = maps;
	dev->room_maps = room;
	return 0;
}

static void
map_forget(struct vfio_user_dev *dev, uint32_t at)
{
	dev->nr_maps--;
	memmove(&dev->maps[at], &dev->maps[at + 1],
		(dev->nr_maps - at) * sizeof(dev->maps[0]));
}

/* The server maps whole pages of a size that it supports. */
static bool
is_aligned(const struct vfio_user_dev *dev, const struct vfio_user_piece *piece)
{
	const uint64_t page = dev->caps.pgsizes & -dev->caps.pgsizes;

	return ((piece->start | piece->end | piece->offset) & (page - 1)) == 0;
}

static bool
continues(const struct vfio_user_map *a, const struct vfio_user_map *b)
{
	return a->file_ino != 0 && a->file_ino == b->file_ino &&
		a->file_dev == b->file_dev && a->end == b->start &&
		a->offset + (a->end - a->start) == b->offset;
}

uint32_t
vfio_user_regions(const struct vfio_user_dev *dev)
{
	uint32_t count = RTE_MIN(dev->nr_maps, 1u), at;

	for (at = 1; at < dev->nr_maps; at++)
		count += !continues(&dev->maps[at - 1], &dev->maps[at]);
	return count;
}

/* Does the server take one more in this place? Not all of a table is counted in vain. */
static bool
has_region(const struct vfio_user_dev *dev, const struct vfio_user_map *map, uint32_t at)
{
	bool after, before;

	if (dev->nr_maps < dev->caps.max_dma_regions)
		return true;
	after = at > 0 && continues(&dev->maps[at - 1], map);
	before = at < dev->nr_maps && continues(map, &dev->maps[at]);
	return after || before || vfio_user_regions(dev) < dev->caps.max_dma_regions;
}

/* The table has it first: the server may use it before its reply is here. */
static int
map_remember(struct vfio_user_dev *dev, const struct vfio_user_map *map)
{
	uint32_t at = vfio_user_map_find(dev, map->start);

	if (at < dev->nr_maps && dev->maps[at].start < map->end)
		return -EEXIST;
	if (dev->nr_maps >= dev->caps.max_dma_maps || !has_region(dev, map, at))
		return -ENOSPC;
	if (map_room(dev) < 0 ||
			vfio_user_ranges_add(&dev->live, map->start, map->end) < 0)
		return -ENOMEM;
	memmove(&dev->maps[at + 1], &dev->maps[at],
		(dev->nr_maps - at) * sizeof(*map));
	dev->maps[at] = *map;
	dev->nr_maps++;
	return 0;
}

int
vfio_user_map(struct vfio_user_dev *dev, const struct vfio_user_piece *piece,
		uint64_t op_start, uint64_t op_end)
{
	struct vfio_user_map map = {
		.start = piece->start,
		.end = piece->end,
		.op_start = op_start,
		.op_end = op_end,
		.users = 1,
		.offset = piece->offset,
	};
	struct vfio_user_dma_map payload = {
		.argsz = sizeof(payload),
		.flags = VFIO_USER_DMA_READABLE | VFIO_USER_DMA_WRITABLE,
		.offset = piece->offset,
		.address = piece->start,
		.size = piece->end - piece->start,
	};
	struct vfio_user_request req = {
		.command = VFIO_USER_DMA_MAP,
		.out = { { &payload, sizeof(payload) } },
		.fds = &piece->fd,
		.nr_fds = 1,
	};
	struct stat st;
	int ret;

	if (!is_aligned(dev, piece))
		return -EINVAL;
	if (fstat(piece->fd, &st) == 0) {
		map.file_dev = st.st_dev;
		map.file_ino = st.st_ino;
	}
	ret = map_remember(dev, &map);
	if (ret < 0)
		return ret;
	ret = vfio_user_request(&dev->conn, &req);
	VFIO_USER_LOG(DEBUG, "%s: memory at %#" PRIx64 ", %" PRIu64 " bytes: %s",
		dev->conn.name, piece->start, piece->end - piece->start,
		ret < 0 ? strerror(-ret) : "given to its server");
	if (ret < 0) {
		/* cannot fail: there was room when it was added */
		vfio_user_ranges_remove(&dev->live, map.start, map.end);
		map_forget(dev, vfio_user_map_find(dev, map.start));
	}
	return ret;
}

int
vfio_user_unmap(struct vfio_user_dev *dev, uint32_t at)
{
	const struct vfio_user_map map = dev->maps[at];
	struct vfio_user_dma_unmap payload = {
		.flags = 0,
		.address = map.start,
		.size = map.end - map.start,
	}, answer;
	struct vfio_user_request req = {
		.command = VFIO_USER_DMA_UNMAP,
		.out = { { &payload, sizeof(payload) } },
		.in = { { &answer, sizeof(answer) } },
	};
	int ret;

	payload.argsz = sizeof(payload);
	/* until its reply the server may use the memory, by messages too */
	ret = vfio_user_request(&dev->conn, &req);
	if (ret < 0)
		return ret;
	VFIO_USER_LOG(DEBUG, "%s: memory at %#" PRIx64 ", %" PRIu64 " bytes: taken back",
		dev->conn.name, map.start, map.end - map.start);
	vfio_user_ranges_remove(&dev->live, map.start, map.end);
	map_forget(dev, at);
	return 0;
}

void
vfio_user_maps_release(struct vfio_user_dev *dev)
{
	free(dev->maps);
	free(dev->live.items);
}

/* Places of the maps of an earlier dma_map, from *first on. Their number. */
static uint32_t
op_find(const struct vfio_user_dev *dev, uint64_t start, uint64_t end,
		uint32_t *first)
{
	uint32_t at;

	*first = vfio_user_map_find(dev, start);
	for (at = *first; at < dev->nr_maps && dev->maps[at].op_start == start &&
			dev->maps[at].op_end == end; at++)
		;
	return at - *first;
}

static int
op_unmap(struct vfio_user_dev *dev, uint64_t start, uint64_t end)
{
	uint32_t first;
	int ret = 0;

	while (ret == 0 && op_find(dev, start, end, &first) > 0)
		ret = vfio_user_unmap(dev, first);
	return ret;
}

/* Map each file behind it. */
static int
op_map(struct vfio_user_dev *dev, uint64_t start, uint64_t end)
{
	struct vfio_user_piece piece;
	uint64_t from;
	int ret = 0;

	for (from = start; from < end && ret == 0; from = piece.end) {
		ret = vfio_user_file_behind(from, end, &piece);
		if (ret < 0)
			break;
		ret = vfio_user_map(dev, &piece, start, end);
		close(piece.fd);
	}
	if (ret < 0)
		op_unmap(dev, start, end);
	return ret;
}

static void
say_why(const struct vfio_user_dev *dev, const void *addr, size_t len, int err)
{
	if (err == -ENOTSUP)
		VFIO_USER_LOG(ERR, "%s: memory at %p (%zu bytes) has no file that another process can map: allocate it from EAL, a memfd or hugetlbfs, shared",
			dev->conn.name, addr, len);
	else if (err == -ENOSPC)
		VFIO_USER_LOG(ERR, "%s: its server takes no more than %" PRIu64 " ranges of memory: use fewer and larger ones, and --single-file-segments",
			dev->conn.name, vfio_user_max_ranges(dev));
	else
		VFIO_USER_LOG(ERR, "%s: memory at %p (%zu bytes) cannot be given to its server: %s: allocate it from EAL instead",
			dev->conn.name, addr, len, strerror(-err));
}

/* Has the server got all of it because it is EAL's (an external heap)? */
static bool
is_eals(const struct vfio_user_dev *dev, uint64_t start, uint64_t end)
{
	uint32_t at = vfio_user_map_find(dev, start);

	if (!vfio_user_ranges_contain(&dev->live, start, end))
		return false;
	for (; at < dev->nr_maps && dev->maps[at].start < end; at++) {
		if (dev->maps[at].op_end != 0)
			return false;
	}
	return true;
}

/*
 * Ranges are counted: only the first dma_map of one and its last dma_unmap are sent. What is
 * EAL's comes and goes with EAL: as EAL's own container has it, to map it again is no error.
 */
static int
op_use(struct vfio_user_dev *dev, uint64_t start, uint64_t end, bool map)
{
	uint32_t at, count = op_find(dev, start, end, &at);

	/* common/vfio unmaps only what it has mapped */
	if (count == 0 && !map)
		return 0;
	if (count == 0 && end < start)
		return -EINVAL;
	if (count == 0)
		return is_eals(dev, start, end) ? 0 : op_map(dev, start, end);
	if (!map && dev->maps[at].users == 1)
		return op_unmap(dev, start, end);
	for (; count > 0; at++, count--)
		dev->maps[at].users += map ? 1 : -1;
	return 0;
}

int
vfio_user_dma_map(struct vfio_transport_dev *tdev, void *addr,
		uint64_t iova __rte_unused, size_t len)
{
	struct vfio_user_dev *dev = tdev->priv;
	int ret;

	pthread_mutex_lock(&dev->conn.lock);
	vfio_user_conn_limit(&dev->conn, vfio_user_timeout_ms);
	ret = op_use(dev, (uintptr_t)addr, (uintptr_t)addr + len, true);
	if (ret < 0 && dev->conn.broken == 0)
		say_why(dev, addr, len, ret);
	vfio_user_conn_limit(&dev->conn, 0);
	pthread_mutex_unlock(&dev->conn.lock);
	return ret;
}

int
vfio_user_dma_unmap(struct vfio_transport_dev *tdev, void *addr,
		uint64_t iova __rte_unused, size_t len)
{
	struct vfio_user_dev *dev = tdev->priv;
	int ret;

	pthread_mutex_lock(&dev->conn.lock);
	vfio_user_conn_limit(&dev->conn, vfio_user_timeout_ms);
	ret = op_use(dev, (uintptr_t)addr, (uintptr_t)addr + len, false);
	vfio_user_conn_limit(&dev->conn, 0);
	pthread_mutex_unlock(&dev->conn.lock);
	return ret;
}
