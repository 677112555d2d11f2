/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stddef.h>

#include <linux/virtio_config.h>

#include "virtio_regs.h"
#include "virtio_ring.h"

/* The registers of s. 4.1.4.3, without those of features that are not offered. */
enum reg {
	REG_OFFERED_SELECT,
	REG_OFFERED,
	REG_FEATURES_SELECT,
	REG_FEATURES,
	REG_CONFIG_VECTOR,
	REG_NUM_QUEUES,
	REG_STATUS,
	REG_GENERATION,
	REG_QUEUE_SELECT,
	REG_SIZE,
	REG_VECTOR,
	REG_ENABLE,
	REG_NOTIFY_OFF,
	REG_DESC_LO,
	REG_DESC_HI,
	REG_AVAIL_LO,
	REG_AVAIL_HI,
	REG_USED_LO,
	REG_USED_HI,
	NR_REGS
};

static const struct {
	uint8_t offset, width;
} layout[NR_REGS] = {
	[REG_OFFERED_SELECT] = { VIRTIO_PCI_COMMON_DFSELECT, 4 },
	[REG_OFFERED] = { VIRTIO_PCI_COMMON_DF, 4 },
	[REG_FEATURES_SELECT] = { VIRTIO_PCI_COMMON_GFSELECT, 4 },
	[REG_FEATURES] = { VIRTIO_PCI_COMMON_GF, 4 },
	[REG_CONFIG_VECTOR] = { VIRTIO_PCI_COMMON_MSIX, 2 },
	[REG_NUM_QUEUES] = { VIRTIO_PCI_COMMON_NUMQ, 2 },
	[REG_STATUS] = { VIRTIO_PCI_COMMON_STATUS, 1 },
	[REG_GENERATION] = { VIRTIO_PCI_COMMON_CFGGENERATION, 1 },
	[REG_QUEUE_SELECT] = { VIRTIO_PCI_COMMON_Q_SELECT, 2 },
	[REG_SIZE] = { VIRTIO_PCI_COMMON_Q_SIZE, 2 },
	[REG_VECTOR] = { VIRTIO_PCI_COMMON_Q_MSIX, 2 },
	[REG_ENABLE] = { VIRTIO_PCI_COMMON_Q_ENABLE, 2 },
	[REG_NOTIFY_OFF] = { VIRTIO_PCI_COMMON_Q_NOFF, 2 },
	[REG_DESC_LO] = { VIRTIO_PCI_COMMON_Q_DESCLO, 4 },
	[REG_DESC_HI] = { VIRTIO_PCI_COMMON_Q_DESCHI, 4 },
	[REG_AVAIL_LO] = { VIRTIO_PCI_COMMON_Q_AVAILLO, 4 },
	[REG_AVAIL_HI] = { VIRTIO_PCI_COMMON_Q_AVAILHI, 4 },
	[REG_USED_LO] = { VIRTIO_PCI_COMMON_Q_USEDLO, 4 },
	[REG_USED_HI] = { VIRTIO_PCI_COMMON_Q_USEDHI, 4 },
};

void
virtio_regs_reset(struct virtio_regs *regs)
{
	uint16_t i;

	regs->status = 0;
	regs->offered_select = regs->features_select = 0;
	regs->features = 0;
	regs->config_vector = VIRTIO_MSI_NO_VECTOR;
	regs->queue_select = 0;
	regs->usable = regs->nr_queues;
	for (i = 0; i < regs->nr_queues; i++) {
		regs->queues[i] = (struct virtio_queue){
			.size = regs->max_size, /* s. 4.1.4.3.1 */
			.vector = VIRTIO_MSI_NO_VECTOR,
		};
	}
}

bool
virtio_regs_agreed(const struct virtio_regs *regs)
{
	return (regs->status & VIRTIO_CONFIG_S_FEATURES_OK) != 0;
}

bool
virtio_regs_live(const struct virtio_regs *regs)
{
	return (regs->status & (VIRTIO_CONFIG_S_DRIVER_OK |
		VIRTIO_CONFIG_S_NEEDS_RESET | VIRTIO_CONFIG_S_FAILED)) ==
		VIRTIO_CONFIG_S_DRIVER_OK && !regs->resetting;
}

bool
virtio_regs_has(const struct virtio_regs *regs, unsigned int bit)
{
	return virtio_regs_agreed(regs) && (regs->features >> bit & 1) != 0;
}

/* NULL: there is none of that number. Its registers read as 0 (s. 4.1.4.3.1). */
static struct virtio_queue *
selected(const struct virtio_regs *regs)
{
	return regs->queue_select < regs->usable ?
		&regs->queues[regs->queue_select] : NULL;
}

static uint32_t
get_queue_reg(const struct virtio_regs *regs, enum reg reg)
{
	const struct virtio_queue *q = selected(regs);

	if (q == NULL)
		return 0;
	switch (reg) {
	case REG_SIZE:
		return q->size;
	case REG_VECTOR:
		return q->vector;
	case REG_ENABLE:
		return q->enabled;
	case REG_NOTIFY_OFF:
		return regs->ops->notify_off(regs->arg, regs->queue_select);
	case REG_DESC_LO:
		return (uint32_t)q->desc;
	case REG_DESC_HI:
		return q->desc >> 32;
	case REG_AVAIL_LO:
		return (uint32_t)q->avail;
	case REG_AVAIL_HI:
		return q->avail >> 32;
	case REG_USED_LO:
		return (uint32_t)q->used;
	case REG_USED_HI:
		return q->used >> 32;
	default:
		return 0;
	}
}

static uint32_t
get_reg(const struct virtio_regs *regs, enum reg reg)
{
	switch (reg) {
	case REG_OFFERED_SELECT:
		return regs->offered_select;
	case REG_OFFERED:
		return regs->offered_select < 2 ?
			regs->offered >> 32 * regs->offered_select & UINT32_MAX : 0;
	case REG_FEATURES_SELECT:
		return regs->features_select;
	case REG_FEATURES:
		return regs->features_select < 2 ?
			regs->features >> 32 * regs->features_select & UINT32_MAX : 0;
	case REG_CONFIG_VECTOR:
		return regs->config_vector;
	case REG_NUM_QUEUES:
		return regs->nr_queues;
	case REG_STATUS:
		return regs->status;
	case REG_GENERATION:
		return regs->generation;
	case REG_QUEUE_SELECT:
		return regs->queue_select;
	default:
		return get_queue_reg(regs, reg);
	}
}

/* s. 4.1.4.3.2: what is agreed on stays until a reset. */
static void
set_features(struct virtio_regs *regs, uint32_t value)
{
	unsigned int shift = 32 * regs->features_select;

	if (virtio_regs_agreed(regs) || regs->features_select > 1)
		return;
	regs->features &= ~((uint64_t)UINT32_MAX << shift);
	regs->features |= (uint64_t)value << shift;
}

/* s. 4.1.5.1.2.1: a vector that there is not is answered with none. */
static uint16_t
vector_or_none(const struct virtio_regs *regs, uint16_t vector)
{
	return vector < regs->nr_vectors ? vector : VIRTIO_MSI_NO_VECTOR;
}

/*
 * Bits are only added (s. 2.1.1), and which of them the driver sees tells it what the
 * device has made of it: FEATURES_OK not if the features are not accepted (s. 2.2.2),
 * DRIVER_OK not before them.
 */
static int
set_status(struct virtio_regs *regs, uint8_t value)
{
	uint8_t added = value & ~regs->status &
		(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
		VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK |
		VIRTIO_CONFIG_S_FAILED);
	int ret = 0;

	if (value == 0)
		return regs->ops->reset(regs->arg);
	if ((added & VIRTIO_CONFIG_S_FEATURES_OK) != 0 &&
			((regs->features & ~regs->offered) != 0 ||
			!regs->ops->features_ok(regs->arg, regs->features)))
		added &= ~VIRTIO_CONFIG_S_FEATURES_OK;
	regs->status |= added & ~VIRTIO_CONFIG_S_DRIVER_OK;
	if ((added & VIRTIO_CONFIG_S_DRIVER_OK) != 0) {
		if (!virtio_regs_agreed(regs) ||
				(regs->status & (VIRTIO_CONFIG_S_NEEDS_RESET |
				VIRTIO_CONFIG_S_FAILED)) != 0)
			return -EPERM;
		ret = regs->ops->driver_ok(regs->arg);
	}
	if ((added & VIRTIO_CONFIG_S_FAILED) != 0)
		regs->ops->failed(regs->arg);
	return ret;
}

/*
 * s. 4.1.4.3.2: 1 alone, once the rest is there; none after DRIVER_OK, as the rings are
 * handed over then; and the layout must be known.
 */
static void
set_enable(struct virtio_regs *regs, struct virtio_queue *q, uint16_t value)
{
	bool packed = virtio_regs_has(regs, VIRTIO_F_RING_PACKED);

	if (value == 1 && virtio_regs_agreed(regs) &&
			(regs->status & VIRTIO_CONFIG_S_DRIVER_OK) == 0)
		q->enabled = virtio_ring_valid(q, packed);
}

/* s. 4.1.4.3.2; packed rings may have any size. */
static void
set_size(const struct virtio_regs *regs, struct virtio_queue *q, uint16_t value)
{
	bool packed = (regs->features >> VIRTIO_F_RING_PACKED & 1) != 0;

	if (value > 0 && value <= regs->max_size &&
			(packed || (value & (value - 1)) == 0))
		q->size = value;
}

static void
set_half(uint64_t *addr, bool high, uint32_t value)
{
	if (high)
		*addr = (uint64_t)value << 32 | (uint32_t)*addr;
	else
		*addr = (*addr >> 32) << 32 | value;
}

static void
set_queue_reg(struct virtio_regs *regs, enum reg reg, uint32_t value)
{
	struct virtio_queue *q = selected(regs);

	if (q == NULL)
		return;
	if (reg == REG_VECTOR) {
		/* Interrupts may move while it runs. */
		q->vector = vector_or_none(regs, value);
		regs->ops->vector(regs->arg, regs->queue_select);
		return;
	}
	if (q->enabled)
		return;
	switch (reg) {
	case REG_SIZE:
		set_size(regs, q, value);
		break;
	case REG_ENABLE:
		set_enable(regs, q, value);
		break;
	case REG_DESC_LO:
	case REG_DESC_HI:
		set_half(&q->desc, reg == REG_DESC_HI, value);
		break;
	case REG_AVAIL_LO:
	case REG_AVAIL_HI:
		set_half(&q->avail, reg == REG_AVAIL_HI, value);
		break;
	case REG_USED_LO:
	case REG_USED_HI:
		set_half(&q->used, reg == REG_USED_HI, value);
		break;
	default:
		break;
	}
}

static int
set_reg(struct virtio_regs *regs, enum reg reg, uint32_t value)
{
	if (regs->resetting && !(reg == REG_STATUS && value == 0))
		return 0;
	switch (reg) {
	case REG_OFFERED_SELECT:
		regs->offered_select = value;
		return 0;
	case REG_FEATURES_SELECT:
		regs->features_select = value;
		return 0;
	case REG_FEATURES:
		set_features(regs, value);
		return 0;
	case REG_CONFIG_VECTOR:
		regs->config_vector = vector_or_none(regs, value);
		return 0;
	case REG_STATUS:
		return set_status(regs, value);
	case REG_QUEUE_SELECT:
		regs->queue_select = value;
		return 0;
	default:
		set_queue_reg(regs, reg, value);
		return 0;
	}
}

/* The first byte of a register that an access touches, and the one after the last. */
static bool
overlap(enum reg reg, uint32_t offset, uint32_t len, uint32_t *from, uint32_t *to)
{
	uint32_t start = layout[reg].offset, end = start + layout[reg].width;

	*from = offset > start ? offset : start;
	*to = offset + len < end ? offset + len : end;
	return *from < *to;
}

void
virtio_regs_read(const struct virtio_regs *regs, uint32_t offset, void *buf,
		uint32_t len)
{
	uint32_t from, to, value;
	uint8_t *bytes = buf;
	enum reg reg;

	for (reg = 0; reg < NR_REGS; reg++) {
		if (!overlap(reg, offset, len, &from, &to))
			continue;
		value = get_reg(regs, reg);
		for (; from < to; from++)
			bytes[from - offset] =
				value >> 8 * (from - layout[reg].offset);
	}
}

int
virtio_regs_write(struct virtio_regs *regs, uint32_t offset, const void *buf,
		uint32_t len)
{
	const uint8_t *bytes = buf;
	uint32_t from, to, value, shift;
	int ret, first = 0;
	enum reg reg;

	for (reg = 0; reg < NR_REGS; reg++) {
		if (!overlap(reg, offset, len, &from, &to))
			continue;
		value = get_reg(regs, reg);
		for (; from < to; from++) {
			shift = 8 * (from - layout[reg].offset);
			value &= ~((uint32_t)0xff << shift);
			value |= (uint32_t)bytes[from - offset] << shift;
		}
		ret = set_reg(regs, reg, value);
		if (first == 0)
			first = ret;
	}
	return first;
}
