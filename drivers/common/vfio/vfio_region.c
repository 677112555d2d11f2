/* SPDX-License-Identifier: BSD-3-Clause */

/* Regions: information, capability chain, sparse mmap, reads and writes. */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include <rte_io.h>

#include "vfio_private.h"

/* A chain with a few thousand sparse areas fits; what is longer is an error. */
#define REGION_INFO_MAX_SIZE 65536

/* What the device says of a region cannot be. */
static int
region_broken(const struct vfio_region *region, const char *why)
{
	VFIO_LOG(ERR, "%s: region %u: %s: " VFIO_BROKEN, region->dev->name,
		region->index, why);
	return -EPROTO;
}

/*
 * Ask with the plain size first: some devices refuse an argsz that is larger
 * than what they have to say.
 */
static int
region_info_ask(const struct vfio_region *region, struct vfio_region_info **out)
{
	struct vfio_region_info *info, *bigger;
	struct vfio_dev *dev = region->dev;
	uint32_t index = region->index;
	uint32_t argsz = sizeof(*info);
	int ret;

	info = calloc(1, argsz);
	if (info == NULL)
		return -ENOMEM;
	info->argsz = argsz;
	info->index = index;
	ret = dev->ops->get_region_info(&dev->tdev, info);
	if (ret == 0 && info->argsz > argsz) {
		argsz = info->argsz;
		if (argsz > REGION_INFO_MAX_SIZE) {
			ret = region_broken(region, "its information is too long");
			goto free_info;
		}
		bigger = realloc(info, argsz);
		if (bigger == NULL) {
			ret = -ENOMEM;
			goto free_info;
		}
		info = bigger;
		memset(info, 0, argsz);
		info->argsz = argsz;
		info->index = index;
		ret = dev->ops->get_region_info(&dev->tdev, info);
	}
	if (ret < 0) {
		VFIO_LOG(ERR, "%s: region %u: cannot get its information: %s: "
			VFIO_FAILING, dev->name, index, strerror(-ret));
		goto free_info;
	}
	/* from here on, argsz is the size of the buffer and nothing else */
	info->argsz = argsz;
	*out = info;
	return 0;

free_info:
	free(info);
	return ret;
}

static int
area_cmp(const void *a, const void *b)
{
	const struct vfio_region_area *left = a, *right = b;

	return (left->offset > right->offset) - (left->offset < right->offset);
}

/*
 * Check the areas against the region and each other, cut them to whole pages
 * and join neighbours.
 */
static int
region_set_areas(struct vfio_region *region, uint32_t nr_areas)
{
	const uint64_t page = sysconf(_SC_PAGESIZE);
	struct vfio_region_area *areas = region->areas, *last = NULL;
	uint64_t start, end, free_from = 0;
	uint32_t i, kept = 0;

	qsort(areas, nr_areas, sizeof(*areas), area_cmp);
	for (i = 0; i < nr_areas; i++) {
		start = areas[i].offset;
		if (start > region->size || areas[i].size > region->size - start)
			return region_broken(region, "a mappable area lies outside of it");
		if (areas[i].size == 0)
			continue;
		if (start < free_from)
			return region_broken(region, "its mappable areas overlap");
		end = free_from = start + areas[i].size;
		start = RTE_ALIGN_CEIL(start, page);
		end = RTE_ALIGN_FLOOR(end, page);
		if (start >= end)
			continue;
		if (last != NULL && last->offset + last->size == start) {
			last->size += end - start;
			continue;
		}
		last = &areas[kept++];
		last->offset = start;
		last->size = end - start;
	}
	region->nr_areas = kept;
	return 0;
}

static int
region_parse_sparse(struct vfio_region *region,
		const struct vfio_region_info_cap_sparse_mmap *cap, size_t room)
{
	uint32_t i;

	if (region->sparse)
		return region_broken(region, "it has two lists of mappable areas");
	if (room < sizeof(*cap) ||
			cap->nr_areas > (room - sizeof(*cap)) / sizeof(cap->areas[0]))
		return region_broken(region, "its list of mappable areas leaves the information");
	region->sparse = true;
	if ((region->flags & VFIO_REGION_INFO_FLAG_MMAP) == 0)
		return 0;
	region->areas = calloc(RTE_MAX(cap->nr_areas, 1u),
			sizeof(*region->areas));
	if (region->areas == NULL)
		return -ENOMEM;
	for (i = 0; i < cap->nr_areas; i++) {
		region->areas[i].offset = cap->areas[i].offset;
		region->areas[i].size = cap->areas[i].size;
	}
	return region_set_areas(region, cap->nr_areas);
}

static int
region_parse_cap(struct vfio_region *region,
		const struct vfio_info_cap_header *cap, size_t room)
{
	const struct vfio_region_info_cap_type *type;

	switch (cap->id) {
	case VFIO_REGION_INFO_CAP_SPARSE_MMAP:
		return region_parse_sparse(region,
			(const struct vfio_region_info_cap_sparse_mmap *)cap,
			room);
	case VFIO_REGION_INFO_CAP_TYPE:
		if (room < sizeof(*type))
			return region_broken(region, "its type leaves the information");
		type = (const struct vfio_region_info_cap_type *)cap;
		region->type = type->type;
		region->subtype = type->subtype;
		return 0;
	case VFIO_REGION_INFO_CAP_MSIX_MAPPABLE:
		region->msix_mappable = true;
		return 0;
	default:
		return 0;
	}
}

/* linux/vfio.h: offsets count from the start of the information, 0 ends. */
static int
region_parse_caps(struct vfio_region *region,
		const struct vfio_region_info *info)
{
	uint32_t left = info->argsz / sizeof(struct vfio_info_cap_header);
	const struct vfio_info_cap_header *cap;
	uint32_t offset = info->cap_offset;
	int ret;

	if ((info->flags & VFIO_REGION_INFO_FLAG_CAPS) == 0)
		return 0;
	for (; offset != 0; offset = cap->next) {
		if (left-- == 0) /* more steps than the buffer has room for */
			return region_broken(region, "its capability chain loops");
		if (offset < sizeof(*info) || offset % sizeof(uint64_t) != 0 ||
				offset > info->argsz - sizeof(*cap))
			return region_broken(region, "its capability chain leaves the information");
		cap = RTE_PTR_ADD(info, offset);
		ret = region_parse_cap(region, cap, info->argsz - offset);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/*
 * A mappable region without a list of areas is mappable as a whole: its last page, too,
 * which it may share with nothing. BARs are often smaller than a page.
 */
static int
region_set_whole(struct vfio_region *region)
{
	if (region->sparse ||
			(region->flags & VFIO_REGION_INFO_FLAG_MMAP) == 0)
		return 0;
	region->areas = calloc(1, sizeof(*region->areas));
	if (region->areas == NULL)
		return -ENOMEM;
	region->areas[0].size = region->size;
	region->nr_areas = region->size > 0;
	return 0;
}

int
vfio_region_exclude(struct vfio_region *region, uint64_t offset, uint64_t size)
{
	const uint64_t page = sysconf(_SC_PAGESIZE);
	const uint64_t start = RTE_ALIGN_FLOOR(offset, page);
	const uint64_t end = RTE_ALIGN_CEIL(offset + size, page);
	struct vfio_region_area *kept, *area;
	uint32_t i, nr_kept = 0;
	uint64_t area_end;

	/* what is taken out has no gap: it cuts one area in two at most */
	kept = calloc(region->nr_areas + 1, sizeof(*kept));
	if (kept == NULL)
		return -ENOMEM;
	for (i = 0; i < region->nr_areas; i++) {
		area = &region->areas[i];
		area_end = area->offset + area->size;
		if (area->offset < start) {
			kept[nr_kept].offset = area->offset;
			kept[nr_kept].size = RTE_MIN(area_end, start) - area->offset;
			nr_kept++;
		}
		if (area_end > end) {
			kept[nr_kept].offset = RTE_MAX(area->offset, end);
			kept[nr_kept].size = area_end - kept[nr_kept].offset;
			nr_kept++;
		}
	}
	free(region->areas);
	region->areas = kept;
	region->nr_areas = nr_kept;
	return 0;
}

/*
 * Servers that leave the configuration space to libvfio-user say neither that it can be
 * read nor that it can be written.
 */
static uint32_t
config_flags(const struct vfio_region *region, uint32_t flags)
{
	const uint32_t both = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;

	if ((region->dev->flags & VFIO_DEVICE_FLAGS_PCI) == 0 ||
			region->index != VFIO_PCI_CONFIG_REGION_INDEX ||
			(flags & both) != 0)
		return flags;
	return flags | both;
}

static int
region_fill(struct vfio_region *region, const struct vfio_region_info *info)
{
	int ret;

	region->flags = config_flags(region, info->flags);
	region->size = info->size;
	region->offset = info->offset;
	/* file offsets are signed, and so are what we hand to mmap and pread */
	if (info->size > INT64_MAX || info->offset > INT64_MAX - info->size)
		return region_broken(region, "its size or offset overflows");
	ret = region_parse_caps(region, info);
	if (ret < 0)
		return ret;
	return region_set_whole(region);
}

static int
region_new(struct vfio_dev *dev, uint32_t index)
{
	struct vfio_region_info *info = NULL;
	struct vfio_region *new;
	int ret;

	new = calloc(1, sizeof(*new));
	if (new == NULL)
		return -ENOMEM;
	new->dev = dev;
	new->index = index;
	ret = region_info_ask(new, &info);
	if (ret < 0)
		goto free_region;
	ret = region_fill(new, info);
	free(info);
	if (ret < 0)
		goto free_region;
	VFIO_LOG(DEBUG, "%s: region %u: %#" PRIx64 " bytes, flags %#x, %u areas can be mapped",
		dev->name, index, new->size, new->flags, new->nr_areas);
	dev->regions[index] = new;
	return 0;

free_region:
	free(new->areas);
	free(new);
	return ret;
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_region_get)
int
vfio_region_get(struct vfio_dev *dev, uint32_t index,
		struct vfio_region **region)
{
	int ret = 0;

	if (index >= dev->num_regions)
		return -EINVAL;
	/* another process may ask for it at the same time, see vfio_share.c */
	pthread_mutex_lock(&dev->regions_lock);
	if (dev->regions[index] == NULL)
		ret = region_new(dev, index);
	if (ret == 0)
		*region = dev->regions[index];
	pthread_mutex_unlock(&dev->regions_lock);
	return ret;
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_region_known)
const struct vfio_region *
vfio_region_known(struct vfio_dev *dev, uint32_t index)
{
	const struct vfio_region *region;

	if (index >= dev->num_regions || pthread_mutex_trylock(&dev->regions_lock) != 0)
		return NULL;
	region = dev->regions[index];
	pthread_mutex_unlock(&dev->regions_lock);
	return region;
}

/* Size of the reservation: a region may end within a page. */
static size_t
region_reserved(const struct vfio_region *region)
{
	return RTE_ALIGN_CEIL(region->size, (uint64_t)sysconf(_SC_PAGESIZE));
}

/* Reserve the addresses of a region; as vfio_region_map_at(). */
static int
region_reserve(const struct vfio_region *region, void *want, bool exact, uint8_t **addr)
{
	const size_t len = region_reserved(region);
	const char *name = region->dev->name;
	void *got;

	got = mmap(want, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			-1, 0);
	if (got == MAP_FAILED) {
		VFIO_LOG(ERR, "%s: region %u: cannot reserve %#" PRIx64 " bytes of addresses: %s: raise the limit of this process (ulimit -v), or give the device a smaller region",
			name, region->index, region->size, strerror(errno));
		return -ENOMEM;
	}
	if (exact && got != want) {
		munmap(got, len);
		VFIO_LOG(ERR, "%s: region %u: address %p, where the primary process has it, is in use in this one: start both with the same --base-virtaddr",
			name, region->index, want);
		return -EADDRINUSE;
	}
	*addr = got;
	return 0;
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_region_map)
int
vfio_region_map(struct vfio_region *region)
{
	return vfio_region_map_at(region, NULL, false);
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_region_map_at)
int
vfio_region_map_at(struct vfio_region *region, void *want, bool exact)
{
	struct vfio_dev *dev = region->dev;
	int prot = 0, ret;
	uint8_t *addr;
	uint32_t i;

	if (region->addr != NULL || region->nr_areas == 0)
		return exact && region->addr != want ? -EADDRINUSE : 0;
	if (region->flags & VFIO_REGION_INFO_FLAG_READ)
		prot |= PROT_READ;
	if (region->flags & VFIO_REGION_INFO_FLAG_WRITE)
		prot |= PROT_WRITE;

	ret = region_reserve(region, want, exact, &addr);
	if (ret < 0)
		return ret;
	for (i = 0; i < region->nr_areas; i++) {
		ret = dev->ops->region_mmap(&dev->tdev, region->index,
				region->offset, region->areas[i].offset,
				region->areas[i].size, prot,
				addr + region->areas[i].offset);
		if (ret < 0) {
			VFIO_LOG(ERR, "%s: region %u: cannot map %#" PRIx64 " bytes at %#" PRIx64 ": %s: " VFIO_FAILING,
				dev->name, region->index, region->areas[i].size,
				region->areas[i].offset, strerror(-ret));
			munmap(addr, region_reserved(region));
			return ret;
		}
		VFIO_LOG(DEBUG, "%s: region %u: mapped %#" PRIx64 " bytes at %#" PRIx64,
			dev->name, region->index, region->areas[i].size,
			region->areas[i].offset);
	}
	region->addr = addr;
	return 0;
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_region_unmap)
void
vfio_region_unmap(struct vfio_region *region)
{
	if (region->addr == NULL)
		return;
	munmap(region->addr, region_reserved(region));
	region->addr = NULL;
}

void
vfio_region_release(struct vfio_dev *dev)
{
	uint32_t i;

	for (i = 0; i < dev->num_regions; i++) {
		if (dev->regions[i] == NULL)
			continue;
		vfio_region_unmap(dev->regions[i]);
		free(dev->regions[i]->areas);
		free(dev->regions[i]);
		dev->regions[i] = NULL;
	}
}

/*
 * How much of [offset, offset + len) is reached in one way, and which: by a
 * pointer, or (NULL) through the transport.
 */
static uint8_t *
region_piece(const struct vfio_region *region, uint64_t offset, size_t len,
		size_t *piece)
{
	const struct vfio_region_area *area;
	uint32_t i;

	*piece = len;
	if (region->addr == NULL)
		return NULL;
	for (i = 0; i < region->nr_areas; i++) {
		area = &region->areas[i];
		if (offset < area->offset) {
			*piece = RTE_MIN(len, area->offset - offset);
			return NULL;
		}
		if (offset - area->offset < area->size) {
			*piece = RTE_MIN(len,
				area->size - (offset - area->offset));
			return region->addr + offset;
		}
	}
	return NULL;
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_region_ptr)
void *
vfio_region_ptr(const struct vfio_region *region, uint64_t offset, size_t len)
{
	uint8_t *ptr;
	size_t piece;

	ptr = region_piece(region, offset, len, &piece);
	return piece == len ? ptr : NULL;
}

/* Widest access that the address is aligned to and the length has room for. */
static size_t
mmio_width(const volatile uint8_t *mmio, size_t len)
{
	size_t width = sizeof(uint64_t);

	while (width > len || (uintptr_t)mmio % width != 0)
		width /= 2;
	return width;
}

static void
mmio_read(const volatile uint8_t *mmio, uint8_t *buf, size_t len)
{
	union { uint8_t u8; uint16_t u16; uint32_t u32; uint64_t u64; } value;
	size_t width;

	for (; len > 0; mmio += width, buf += width, len -= width) {
		width = mmio_width(mmio, len);
		switch (width) {
		case sizeof(uint8_t):
			value.u8 = rte_read8(mmio);
			break;
		case sizeof(uint16_t):
			value.u16 = rte_read16(mmio);
			break;
		case sizeof(uint32_t):
			value.u32 = rte_read32(mmio);
			break;
		default:
			value.u64 = rte_read64(mmio);
			break;
		}
		memcpy(buf, &value, width);
	}
}

static void
mmio_write(volatile uint8_t *mmio, const uint8_t *buf, size_t len)
{
	union { uint8_t u8; uint16_t u16; uint32_t u32; uint64_t u64; } value;
	size_t width;

	for (; len > 0; mmio += width, buf += width, len -= width) {
		width = mmio_width(mmio, len);
		memcpy(&value, buf, width);
		switch (width) {
		case sizeof(uint8_t):
			rte_write8(value.u8, mmio);
			break;
		case sizeof(uint16_t):
			rte_write16(value.u16, mmio);
			break;
		case sizeof(uint32_t):
			rte_write32(value.u32, mmio);
			break;
		default:
			rte_write64(value.u64, mmio);
			break;
		}
	}
}

static int
region_check_access(const struct vfio_region *region, uint64_t offset,
		size_t len, uint32_t flag)
{
	if (offset > region->size || len > region->size - offset)
		return -EINVAL;
	return (region->flags & flag) != 0 ? 0 : -EACCES;
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_region_read)
int
vfio_region_read(const struct vfio_region *region, uint64_t offset, void *buf,
		size_t len)
{
	struct vfio_dev *dev = region->dev;
	uint8_t *to = buf;
	uint8_t *mmio;
	size_t piece;
	ssize_t n;
	int ret;

	ret = region_check_access(region, offset, len,
			VFIO_REGION_INFO_FLAG_READ);
	if (ret < 0)
		return ret;
	for (; len > 0; offset += piece, to += piece, len -= piece) {
		mmio = region_piece(region, offset, len, &piece);
		if (mmio != NULL) {
			mmio_read(mmio, to, piece);
			continue;
		}
		n = dev->ops->region_read(&dev->tdev, region->index,
				region->offset, offset, to, piece);
		if (n < 0)
			return n;
		if (n == 0 || (size_t)n > piece)
			return -EIO;
		piece = n;
	}
	return 0;
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_region_write)
int
vfio_region_write(const struct vfio_region *region, uint64_t offset,
		const void *buf, size_t len)
{
	struct vfio_dev *dev = region->dev;
	const uint8_t *from = buf;
	uint8_t *mmio;
	size_t piece;
	ssize_t n;
	int ret;

	ret = region_check_access(region, offset, len,
			VFIO_REGION_INFO_FLAG_WRITE);
	if (ret < 0)
		return ret;
	for (; len > 0; offset += piece, from += piece, len -= piece) {
		mmio = region_piece(region, offset, len, &piece);
		if (mmio != NULL) {
			mmio_write(mmio, from, piece);
			continue;
		}
		n = dev->ops->region_write(&dev->tdev, region->index,
				region->offset, offset, from, piece);
		if (n < 0)
			return n;
		if (n == 0 || (size_t)n > piece)
			return -EIO;
		piece = n;
	}
	return 0;
}

RTE_EXPORT_INTERNAL_SYMBOL(vfio_region_ioeventfd)
int
vfio_region_ioeventfd(const struct vfio_region *region, uint64_t offset,
		size_t width, uint64_t value)
{
	struct vfio_dev *dev = region->dev;
	int ret;

	ret = region_check_access(region, offset, width,
			VFIO_REGION_INFO_FLAG_WRITE);
	if (ret < 0)
		return ret;
	if (dev->ops->region_ioeventfd == NULL)
		return -ENOTSUP;
	return dev->ops->region_ioeventfd(&dev->tdev, region->index, offset, width,
			value);
}
