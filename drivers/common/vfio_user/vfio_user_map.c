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
	if (map_room(dev) < 0)
		return -ENOMEM;
	memmove(&dev->maps[at + 1], &dev->maps[at],
		(dev->nr_maps - at) * sizeof(*map));
	dev->maps[at] = *map;
	dev->nr_maps++;
	return 0;
}

int
vfio_user_map(struct vfio_user_dev *dev, const struct vfio_user_piece *piece)
{
	struct vfio_user_map map = {
		.start = piece->start,
		.end = piece->end,
		.external = piece->external,
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
	if (ret < 0)
		map_forget(dev, vfio_user_map_find(dev, map.start));
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
	map_forget(dev, at);
	return 0;
}

bool
vfio_user_map_needed(const struct vfio_user_dev *dev, const struct vfio_user_map *map)
{
	return vfio_user_ranges_touch(&dev->eals, map->start, map->end) ||
		(map->external && vfio_user_ops_touch(dev, map->start, map->end));
}

static int
drop_once(struct vfio_user_dev *dev, uint64_t start, uint64_t end)
{
	uint32_t at = vfio_user_map_find(dev, start);
	int ret = 0;

	while (ret == 0 && at < dev->nr_maps && dev->maps[at].start < end) {
		if (vfio_user_map_needed(dev, &dev->maps[at])) {
			at++;
			continue;
		}
		ret = vfio_user_unmap(dev, at);
		if (ret == -ENOSPC) {
			dev->refused = true;
			at++;
			ret = 0;
		}
	}
	return ret;
}

int
vfio_user_drop(struct vfio_user_dev *dev, uint64_t start, uint64_t end)
{
	bool all = dev->refused;
	uint32_t before;
	int ret;

	/* what was refused may be at the border of a range once others have gone */
	do {
		before = dev->nr_maps;
		dev->refused = false;
		ret = drop_once(dev, all ? 0 : start, all ? UINT64_MAX : end);
		all = true;
	} while (ret == 0 && dev->refused && dev->nr_maps < before);
	return ret;
}

/* Is it what the map has in that place? */
static bool
is_of_map(const struct vfio_user_map *map, const struct vfio_user_piece *piece)
{
	return map->file_ino == piece->file_ino && map->file_dev == piece->file_dev &&
		map->offset + (piece->start - map->start) == piece->offset;
}

/* A range from its start on, as far as it is of one kind: *piece. */
static int
cover_piece(struct vfio_user_dev *dev, uint64_t start, uint64_t end,
		struct vfio_user_piece *piece)
{
	const uint32_t at = vfio_user_map_find(dev, start);
	const struct vfio_user_map *map = at < dev->nr_maps ? &dev->maps[at] : NULL;
	int ret;

	piece->start = start;
	piece->end = end;

	if (map != NULL && map->start <= start) {
		piece->end = RTE_MIN(end, map->end);
		if (!map->external)
			return 0; /* EAL sees to it */
		/* its fd may be gone by now: to know the file is enough */
		ret = vfio_user_file_behind(start, piece->end, piece);
		return ret < 0 || is_of_map(map, piece) ? ret : -EEXIST;
	}
	ret = vfio_user_file_open(start, map == NULL ? end : RTE_MIN(end, map->start),
			piece);
	if (ret < 0)
		return ret;
	ret = vfio_user_map(dev, piece);
	close(piece->fd);
	return ret;
}

int
vfio_user_cover(struct vfio_user_dev *dev, uint64_t start, uint64_t end,
		struct vfio_user_piece *piece)
{
	uint64_t from;
	int ret = 0;

	for (from = start; from < end && ret == 0; from = piece->end)
		ret = cover_piece(dev, from, end, piece);
	return ret;
}

void
vfio_user_maps_release(struct vfio_user_dev *dev)
{
	vfio_user_ops_release(dev);
	free(dev->maps);
	free(dev->eals.items);
}
