/* SPDX-License-Identifier: BSD-3-Clause */

/* The driver's side of a control virtqueue, for the tests of the device's. */

#include <endian.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include <linux/virtio_ring.h>

#include "ctrl_ring.h"

#define DESC_F_AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define DESC_F_USED (1u << VRING_PACKED_DESC_F_USED)

int
ctrl_ring_create(struct ctrl_ring *ring)
{
	int fd = memfd_create("ctrl_ring", MFD_CLOEXEC);

	memset(ring, 0, sizeof(*ring));
	dma_table_init(&ring->table);
	if (fd < 0)
		return -1;
	ring->memory = MAP_FAILED;
	if (ftruncate(fd, CTRL_RING_MEMORY) == 0)
		ring->memory = mmap(NULL, CTRL_RING_MEMORY, PROT_READ | PROT_WRITE,
				MAP_SHARED, fd, 0);
	if (ring->memory == MAP_FAILED || dma_table_add(&ring->table, CTRL_RING_IOVA,
			CTRL_RING_MEMORY, 0, PROT_READ | PROT_WRITE, fd) < 0) {
		close(fd);
		return -1;
	}
	return 0;
}

void
ctrl_ring_destroy(struct ctrl_ring *ring)
{
	dma_table_clear(&ring->table);
	if (ring->memory != NULL && ring->memory != MAP_FAILED)
		munmap(ring->memory, CTRL_RING_MEMORY);
	ring->memory = NULL;
}

void
ctrl_ring_reset(struct ctrl_ring *ring, bool packed, bool indirect, uint16_t size)
{
	memset(ring->memory, 0, CTRL_RING_MEMORY);
	ring->conf = (struct ctrl_queue_conf) {
		.packed = packed,
		.indirect = indirect,
		.size = size,
		.desc = ctrl_ring_iova(CTRL_RING_DESC),
		.avail = ctrl_ring_iova(CTRL_RING_AVAIL),
		.used = ctrl_ring_iova(CTRL_RING_USED),
	};
	ring->idx = 0;
	ring->used_idx = 0;
	ring->wrap = true;
	ring->used_wrap = true;
	ring->free_desc = 0;
	ring->tables = 0;
}

static void
write_split(uint8_t *place, const struct ctrl_ring_part *part, uint16_t next)
{
	struct vring_desc desc = {
		.addr = htole64(part->addr),
		.len = htole32(part->len),
		.flags = htole16(part->flags),
		.next = htole16(part->next != 0 ? part->next : next),
	};

	memcpy(place, &desc, sizeof(desc));
}

static void
write_packed(uint8_t *place, const struct ctrl_ring_part *part, uint16_t id,
		uint16_t flags)
{
	struct vring_packed_desc desc = {
		.addr = htole64(part->addr),
		.len = htole32(part->len),
		.id = htole16(id),
		.flags = htole16(part->flags ^ flags),
	};

	memcpy(place, &desc, sizeof(desc));
}

/* Packed: available by flags, all but the first, whose time is ctrl_ring_publish(). */
void
ctrl_ring_write(struct ctrl_ring *ring, uint16_t index,
		const struct ctrl_ring_part *parts, unsigned int count)
{
	uint16_t size = ring->conf.size, flags;
	bool wrap = ring->wrap;
	unsigned int i;
	uint8_t *place;

	for (i = 0; i < count; i++) {
		place = ring->memory + CTRL_RING_DESC + index * 16u;
		flags = wrap ? DESC_F_AVAIL : DESC_F_USED;
		if (i == 0)
			flags ^= DESC_F_AVAIL;
		if (ring->conf.packed)
			write_packed(place, &parts[i], index, flags);
		else
			write_split(place, &parts[i], (index + 1) % size);
		if (++index == size) {
			index = 0;
			wrap = !wrap;
		}
	}
}

void
ctrl_ring_write_table(struct ctrl_ring *ring, uint32_t offset,
		const struct ctrl_ring_part *parts, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		if (ring->conf.packed)
			write_packed(ring->memory + offset + i * 16, &parts[i], 0, 0);
		else
			write_split(ring->memory + offset + i * 16, &parts[i], i + 1);
	}
}

void
ctrl_ring_publish(struct ctrl_ring *ring, uint16_t head, unsigned int count)
{
	struct vring_avail *avail = (void *)(ring->memory + CTRL_RING_AVAIL);
	struct vring_packed_desc *desc = (void *)(ring->memory + CTRL_RING_DESC);

	if (!ring->conf.packed) {
		avail->ring[ring->idx++ % ring->conf.size] = htole16(head);
		avail->idx = htole16(ring->idx);
		return;
	}
	desc[ring->idx].flags ^= htole16(DESC_F_AVAIL);
	ring->idx += count;
	if (ring->idx >= ring->conf.size) {
		ring->idx -= ring->conf.size;
		ring->wrap = !ring->wrap;
	}
}

void
ctrl_ring_put(struct ctrl_ring *ring, const struct ctrl_ring_part *parts,
		unsigned int count, bool indirect)
{
	/* split: one chain after the other, as packed rings have it anyway */
	uint16_t head = ring->conf.packed ? ring->idx : ring->free_desc;
	struct ctrl_ring_part chain[count];
	uint32_t table = CTRL_RING_TABLES + ring->tables % 64 * 0x8000;
	struct ctrl_ring_part whole = {
		.addr = ctrl_ring_iova(table),
		.len = count * 16,
		.flags = VRING_DESC_F_INDIRECT,
	};
	unsigned int i;

	for (i = 0; i < count; i++) {
		chain[i] = parts[i];
		if (i + 1 < count && (!indirect || !ring->conf.packed))
			chain[i].flags |= VRING_DESC_F_NEXT;
	}
	if (indirect) {
		ring->tables++;
		ctrl_ring_write_table(ring, table, chain, count);
		chain[0] = whole;
		count = 1;
	}
	ctrl_ring_write(ring, head, chain, count);
	ctrl_ring_publish(ring, head, count);
	ring->free_desc = (head + count) % ring->conf.size;
}

int
ctrl_ring_get(struct ctrl_ring *ring, unsigned int count, uint16_t *id, uint32_t *len)
{
	const struct vring_used *used = (void *)(ring->memory + CTRL_RING_USED);
	const struct vring_packed_desc *desc = (void *)(ring->memory + CTRL_RING_DESC);
	uint16_t size = ring->conf.size, flags;

	if (!ring->conf.packed) {
		if (le16toh(used->idx) == ring->used_idx)
			return 0;
		*id = le32toh(used->ring[ring->used_idx % size].id);
		*len = le32toh(used->ring[ring->used_idx % size].len);
		ring->used_idx++;
		return 1;
	}
	desc += ring->used_idx;
	flags = le16toh(desc->flags);
	if (((flags & DESC_F_AVAIL) != 0) != ring->used_wrap ||
			((flags & DESC_F_USED) != 0) != ring->used_wrap)
		return 0;
	*id = le16toh(desc->id);
	*len = (flags & VRING_DESC_F_WRITE) != 0 ? le32toh(desc->len) : 0;
	ring->used_idx += count;
	if (ring->used_idx >= size) {
		ring->used_idx -= size;
		ring->used_wrap = !ring->used_wrap;
	}
	return 1;
}

void
ctrl_ring_interrupts(struct ctrl_ring *ring, bool on)
{
	struct vring_avail *avail = (void *)(ring->memory + CTRL_RING_AVAIL);
	struct vring_packed_desc_event *event = (void *)avail;

	if (ring->conf.packed)
		event->flags = htole16(on ? VRING_PACKED_EVENT_FLAG_ENABLE :
				VRING_PACKED_EVENT_FLAG_DISABLE);
	else
		avail->flags = htole16(on ? 0 : VRING_AVAIL_F_NO_INTERRUPT);
}
