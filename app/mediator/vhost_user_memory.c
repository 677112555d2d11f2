/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The memory table that a backend is given.
 *
 * DPDK's vhost compares a table with the last one by addresses and sizes alone and, if
 * these are the same, keeps the old mappings. But an application that is started again has
 * other memory at the addresses of the last one. A table that looks like the last one and
 * is not the same is therefore sent in another form: neighbours swapped or, where there is
 * but one region, that one in two pieces. What is the same is sent in the form that it
 * had, as a table in another form has the backend map all anew.
 */

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "vhost_user_private.h"

static void
describe(struct vu_table *table, const struct dma_range *ranges, unsigned int nr_ranges)
{
	struct vu_piece *piece;
	struct stat st;
	unsigned int i;

	memset(table, 0, sizeof(*table));
	table->count = nr_ranges;
	for (i = 0; i < nr_ranges; i++) {
		piece = &table->pieces[i];
		piece->iova = ranges[i].iova;
		piece->size = ranges[i].size;
		piece->offset = ranges[i].offset;
		piece->fd = ranges[i].fd;
		piece->block = 1;
		if (fstat(ranges[i].fd, &st) < 0)
			continue; /* dup(2) will say so */
		piece->dev = st.st_dev;
		piece->ino = st.st_ino;
		/* a divisor, and the file is the client's */
		piece->block = st.st_blksize > 0 ? st.st_blksize : 4096;
	}
}

static bool
looks_same(const struct vu_table *a, const struct vu_table *b)
{
	unsigned int i;

	if (a->count != b->count)
		return false;
	for (i = 0; i < a->count; i++) {
		if (a->pieces[i].iova != b->pieces[i].iova ||
				a->pieces[i].size != b->pieces[i].size)
			return false;
	}
	return true;
}

static bool
has_same_files(const struct vu_table *a, const struct vu_table *b)
{
	unsigned int i;

	for (i = 0; i < a->count; i++) {
		if (a->pieces[i].dev != b->pieces[i].dev ||
				a->pieces[i].ino != b->pieces[i].ino ||
				a->pieces[i].offset != b->pieces[i].offset)
			return false;
	}
	return true;
}

static bool
is_same(const struct vu_table *a, const struct vu_table *b)
{
	return looks_same(a, b) && has_same_files(a, b);
}

bool
vu_knows_memory(const struct vhost_user *vu, const struct dma_range *ranges,
		unsigned int nr_ranges)
{
	struct vu_table asked;

	describe(&asked, ranges, nr_ranges);
	return is_same(&asked, &vu->asked);
}

/* Whether all of a region is the same part of the same file as in a table. */
static bool
is_part_of(const struct vu_piece *piece, const struct vu_table *table)
{
	const struct vu_piece *in;
	unsigned int i;

	for (i = 0; i < table->count; i++) {
		in = &table->pieces[i];
		if (piece->iova >= in->iova && piece->size <= in->size &&
				piece->iova - in->iova <= in->size - piece->size &&
				piece->dev == in->dev && piece->ino == in->ino &&
				piece->offset - in->offset == piece->iova - in->iova)
			return true;
	}
	return false;
}

bool
vu_maps_other(const struct vhost_user *vu, const struct dma_range *ranges,
		unsigned int nr_ranges)
{
	struct vu_table now;
	unsigned int i;

	describe(&now, ranges, nr_ranges < VHOST_USER_MAX_REGIONS ? nr_ranges :
		VHOST_USER_MAX_REGIONS);
	for (i = 0; i < vu->asked.count; i++) {
		if (!is_part_of(&vu->asked.pieces[i], &now))
			return true;
	}
	return false;
}

/* The first end of a part of a ring that an address is in; 0: it is in none. */
static uint64_t
end_of_ring(const struct vhost_user *vu, uint64_t addr)
{
	const struct vu_span *span;
	unsigned int i, part;

	for (i = 0; i < 2u * vu->conf.max_pairs; i++) {
		for (part = 0; part < VU_RING_PARTS && vu->rings[i].started; part++) {
			span = &vu->rings[i].spans[part];
			if (addr > span->addr && addr - span->addr < span->len)
				return span->addr + span->len;
		}
	}
	return 0;
}

/* Where to cut a region without cutting a ring: a backend wants each part in one piece. */
static uint64_t
find_cut(const struct vhost_user *vu, const struct vu_piece *piece)
{
	uint64_t cut = piece->block, end;

	while (cut < piece->size && (end = end_of_ring(vu, piece->iova + cut)) != 0) {
		/* goes up, and past a part of a ring each time */
		cut = end - piece->iova;
		cut += (piece->block - cut % piece->block) % piece->block;
	}
	return cut < piece->size ? cut : 0;
}

static int
change_form(const struct vhost_user *vu, struct vu_table *table)
{
	struct vu_piece *pieces = table->pieces;
	const struct vu_piece first = pieces[0];
	uint64_t cut;

	if (table->count > 1) {
		pieces[0] = pieces[1];
		pieces[1] = first;
		return 0;
	}
	cut = find_cut(vu, &first);
	if (cut == 0)
		return -ESTALE;
	pieces[1] = first;
	pieces[0].size = cut;
	pieces[1].iova += cut;
	pieces[1].offset += cut;
	pieces[1].size -= cut;
	table->count = 2;
	return 0;
}

/* Whether the rings of now are in one piece in what the backend was told of last. */
static bool
keeps_rings(const struct vhost_user *vu)
{
	unsigned int i;

	for (i = 0; i < vu->table.count; i++) {
		if (end_of_ring(vu, vu->table.pieces[i].iova) != 0)
			return false;
	}
	return true;
}

/* Each piece of a table is of one that was asked for. */
static void
find_fds(struct vu_table *table, const struct vu_table *asked)
{
	const struct vu_piece *from;
	unsigned int i, j;

	for (i = 0; i < table->count; i++) {
		for (j = 0; j < asked->count; j++) {
			from = &asked->pieces[j];
			if (table->pieces[i].iova - from->iova < from->size)
				table->pieces[i].fd = from->fd;
		}
	}
}

void
vu_add_memory(struct vu_batch *batch, const struct dma_range *ranges,
		unsigned int nr_ranges)
{
	struct vhost_user *vu = batch->vu;
	int fds[VHOST_USER_MAX_REGIONS];
	struct vu_table *table = &batch->table;
	struct vu_memory memory;
	unsigned int i;

	describe(&batch->asked, ranges, nr_ranges);
	*table = batch->asked;
	/* a new connection knows nothing of the old table */
	if (is_same(&batch->asked, &vu->asked) && keeps_rings(vu)) {
		*table = vu->table;
		find_fds(table, &batch->asked);
	} else if (looks_same(table, &vu->table) && !has_same_files(table, &vu->table) &&
			change_form(vu, table) < 0) {
		vu_fault(vu, -ECANCELED); /* it would keep the old memory */
	}
	memset(&memory, 0, sizeof(memory));
	memory.nregions = table->count;
	for (i = 0; i < table->count; i++) {
		memory.regions[i].guest_phys_addr = table->pieces[i].iova;
		memory.regions[i].memory_size = table->pieces[i].size;
		memory.regions[i].userspace_addr = table->pieces[i].iova;
		memory.regions[i].mmap_offset = table->pieces[i].offset;
		fds[i] = table->pieces[i].fd;
	}
	vu_add(batch, VU_SET_MEM_TABLE, 0, &memory,
		offsetof(struct vu_memory, regions) +
		table->count * sizeof(struct vu_region), fds, table->count);
	batch->has_table = true;
}
