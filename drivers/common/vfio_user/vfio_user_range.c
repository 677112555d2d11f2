/* SPDX-License-Identifier: BSD-3-Clause */

/* A set of ranges of addresses. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vfio_user_private.h"

/* The first range that ends at an address or after it. */
static uint32_t
range_find(const struct vfio_user_ranges *ranges, uint64_t addr)
{
	uint32_t low = 0, high = ranges->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (ranges->items[middle].end < addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int
range_room(struct vfio_user_ranges *ranges, uint32_t more)
{
	uint32_t room = RTE_MAX(2 * ranges->room, 16u);
	struct vfio_user_range *items;

	if (ranges->count + more <= ranges->room)
		return 0;
	items = realloc(ranges->items, room * sizeof(*items));
	if (items == NULL)
		return -ENOMEM;
	ranges->items = items;
	ranges->room = room;
	return 0;
}

/* Put count others into the place of those from first on, last excluded. */
static void
range_replace(struct vfio_user_ranges *ranges, uint32_t first, uint32_t last,
		const struct vfio_user_range *with, uint32_t count)
{
	memmove(&ranges->items[first + count], &ranges->items[last],
		(ranges->count - last) * sizeof(*with));
	memcpy(&ranges->items[first], with, count * sizeof(*with));
	ranges->count -= last - first;
	ranges->count += count;
}

int
vfio_user_ranges_add(struct vfio_user_ranges *ranges, uint64_t start, uint64_t end)
{
	struct vfio_user_range range = { start, end };
	uint32_t first, last;

	/* and one more, so that what was added can be removed without fail */
	if (range_room(ranges, 2) < 0)
		return -ENOMEM;
	first = range_find(ranges, start);
	for (last = first; last < ranges->count &&
			ranges->items[last].start <= end; last++) {
		range.start = RTE_MIN(range.start, ranges->items[last].start);
		range.end = RTE_MAX(range.end, ranges->items[last].end);
	}
	range_replace(ranges, first, last, &range, 1);
	return 0;
}

int
vfio_user_ranges_remove(struct vfio_user_ranges *ranges, uint64_t start, uint64_t end)
{
	struct vfio_user_range left[2];
	uint32_t first, last, count = 0;

	if (range_room(ranges, 1) < 0)
		return -ENOMEM;
	first = range_find(ranges, start + 1);
	for (last = first; last < ranges->count &&
			ranges->items[last].start < end; last++) {
		if (ranges->items[last].start < start) {
			left[count].start = ranges->items[last].start;
			left[count++].end = start;
		}
		if (ranges->items[last].end > end) {
			left[count].start = end;
			left[count++].end = ranges->items[last].end;
		}
	}
	range_replace(ranges, first, last, left, count);
	return 0;
}

bool
vfio_user_ranges_contain(const struct vfio_user_ranges *ranges, uint64_t start,
		uint64_t end)
{
	uint32_t at = range_find(ranges, end);

	return at < ranges->count && ranges->items[at].start <= start;
}

bool
vfio_user_ranges_touch(const struct vfio_user_ranges *ranges, uint64_t start,
		uint64_t end)
{
	uint32_t at = range_find(ranges, start + 1);

	return at < ranges->count && ranges->items[at].start < end;
}

uint64_t
vfio_user_ranges_reach(const struct vfio_user_ranges *ranges, uint64_t addr)
{
	uint32_t at = range_find(ranges, addr + 1);

	return at < ranges->count && ranges->items[at].start <= addr ?
		ranges->items[at].end : addr;
}
