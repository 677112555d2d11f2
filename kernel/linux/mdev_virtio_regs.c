// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registers: common configuration, device configuration, doorbells.
 * VIRTIO 1.2 s. 4.1.4.3 - 4.1.4.6.
 */
#include <linux/log2.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "compat.h"
#include "mdev_virtio_core.h"

/* --- status, VIRTIO 1.2 s. 2.1 and 3.1 --- */

static void init_queue(struct mdev_virtio_device *mvdev, u16 idx)
{
	struct mdev_virtio_core_vq *vq = &mvdev->core->vqs[idx];

	vq->num = mvdev->ops->get_vq_num_max(mvdev, idx);
	vq->desc = 0;
	vq->driver = 0;
	vq->device = 0;
}

void mvdev_regs_reset(struct mdev_virtio_device *mvdev)
{
	struct mdev_virtio_core *core = mvdev->core;
	u16 i;

	mvdev->ops->set_status(mvdev, 0);
	core->device_feature_select = 0;
	core->driver_feature_select = 0;
	core->driver_features = 0;
	core->queue_select = 0;
	for (i = 0; i < mvdev->nvqs; i++)
		init_queue(mvdev, i);
	mvdev_irq_reset(mvdev);
}

static bool features_acceptable(struct mdev_virtio_device *mvdev)
{
	u64 features = mvdev->core->driver_features;

	if (features & ~mvdev->ops->get_features(mvdev))
		return false;
	if (!(features & BIT_ULL(VIRTIO_F_VERSION_1)))
		return false;
	return mvdev->ops->set_features(mvdev, features) == 0;
}

static void write_status(struct mdev_virtio_device *mvdev, u8 val)
{
	u8 old = mvdev->ops->get_status(mvdev);
	u8 status;

	if (!val) {
		mvdev_regs_reset(mvdev);
		return;
	}
	/* A driver clears no bit but by reset, and NEEDS_RESET isn't its to set. */
	status = old | (val & ~VIRTIO_CONFIG_S_NEEDS_RESET);
	if ((status & ~old & VIRTIO_CONFIG_S_FEATURES_OK) &&
	    !features_acceptable(mvdev))
		status &= ~VIRTIO_CONFIG_S_FEATURES_OK;
	if (!(status & VIRTIO_CONFIG_S_FEATURES_OK))
		status &= ~VIRTIO_CONFIG_S_DRIVER_OK;
	if (status != old)
		mvdev->ops->set_status(mvdev, status);
}

static bool accepted(struct mdev_virtio_device *mvdev, unsigned int feature)
{
	return (mvdev->ops->get_status(mvdev) & VIRTIO_CONFIG_S_FEATURES_OK) &&
	       (mvdev->core->driver_features & BIT_ULL(feature));
}

static void enable_queue(struct mdev_virtio_device *mvdev, u16 idx)
{
	const struct mdev_virtio_core_vq *vq = &mvdev->core->vqs[idx];
	const struct mdev_virtio_ops *ops = mvdev->ops;
	/* s. 2.8.1: wrap counters are 1 in the beginning */
	const u64 state = accepted(mvdev, VIRTIO_F_RING_PACKED) ? BIT(15) : 0;

	if (ops->get_vq_ready(mvdev, idx) ||
	    !(ops->get_status(mvdev) & VIRTIO_CONFIG_S_FEATURES_OK))
		return;
	ops->set_vq_num(mvdev, idx, vq->num);
	/* Refused addresses show as a queue that reads back disabled. */
	if (ops->set_vq_address(mvdev, idx, vq->desc, vq->driver, vq->device) ||
	    ops->set_vq_state(mvdev, idx, state))
		return;
	ops->set_vq_ready(mvdev, idx, true);
}

/*
 * The device has finished with the queue when this returns, so queue_reset need never
 * show 1: VIRTIO 1.2 s. 2.6.1, 4.1.4.3.1
 */
static void reset_queue(struct mdev_virtio_device *mvdev, u16 idx)
{
	struct mdev_virtio_core_vq *vq = &mvdev->core->vqs[idx];

	if (!accepted(mvdev, VIRTIO_F_RING_RESET))
		return;
	mvdev->ops->set_vq_ready(mvdev, idx, false);
	init_queue(mvdev, idx);
	mvdev_irq_set_vector(mvdev, &vq->vector, VIRTIO_MSI_NO_VECTOR);
}

/* --- common configuration --- */

/* Fields by offset. No driver may access one in part or two at a time. */
static const struct {
	u8 off;
	u8 len;
} common_fields[] = {
	{ VIRTIO_PCI_COMMON_DFSELECT, 4 },
	{ VIRTIO_PCI_COMMON_DF, 4 },
	{ VIRTIO_PCI_COMMON_GFSELECT, 4 },
	{ VIRTIO_PCI_COMMON_GF, 4 },
	{ VIRTIO_PCI_COMMON_MSIX, 2 },
	{ VIRTIO_PCI_COMMON_NUMQ, 2 },
	{ VIRTIO_PCI_COMMON_STATUS, 1 },
	{ VIRTIO_PCI_COMMON_CFGGENERATION, 1 },
	{ VIRTIO_PCI_COMMON_Q_SELECT, 2 },
	{ VIRTIO_PCI_COMMON_Q_SIZE, 2 },
	{ VIRTIO_PCI_COMMON_Q_MSIX, 2 },
	{ VIRTIO_PCI_COMMON_Q_ENABLE, 2 },
	{ VIRTIO_PCI_COMMON_Q_NOFF, 2 },
	{ VIRTIO_PCI_COMMON_Q_DESCLO, 4 },
	{ VIRTIO_PCI_COMMON_Q_DESCHI, 4 },
	{ VIRTIO_PCI_COMMON_Q_AVAILLO, 4 },
	{ VIRTIO_PCI_COMMON_Q_AVAILHI, 4 },
	{ VIRTIO_PCI_COMMON_Q_USEDLO, 4 },
	{ VIRTIO_PCI_COMMON_Q_USEDHI, 4 },
	{ VIRTIO_PCI_COMMON_Q_NDATA, 2 },	/* not offered: always 0 */
	{ VIRTIO_PCI_COMMON_Q_RESET, 2 },
};

static struct mdev_virtio_core_vq *selected(struct mdev_virtio_device *mvdev)
{
	u16 idx = mvdev->core->queue_select;

	return idx < mvdev->nvqs ? &mvdev->core->vqs[idx] : NULL;
}

static u32 queue_field(struct mdev_virtio_device *mvdev, u32 off)
{
	struct mdev_virtio_core_vq *vq = selected(mvdev);
	u16 idx = mvdev->core->queue_select;

	if (!vq)
		return off == VIRTIO_PCI_COMMON_Q_MSIX ? VIRTIO_MSI_NO_VECTOR : 0;

	switch (off) {
	case VIRTIO_PCI_COMMON_Q_SIZE:
		return vq->num;
	case VIRTIO_PCI_COMMON_Q_MSIX:
		return mvdev_irq_get_vector(mvdev, &vq->vector);
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		return mvdev->ops->get_vq_ready(mvdev, idx);
	case VIRTIO_PCI_COMMON_Q_NOFF:
		return idx;
	case VIRTIO_PCI_COMMON_Q_DESCLO:
		return lower_32_bits(vq->desc);
	case VIRTIO_PCI_COMMON_Q_DESCHI:
		return upper_32_bits(vq->desc);
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
		return lower_32_bits(vq->driver);
	case VIRTIO_PCI_COMMON_Q_AVAILHI:
		return upper_32_bits(vq->driver);
	case VIRTIO_PCI_COMMON_Q_USEDLO:
		return lower_32_bits(vq->device);
	case VIRTIO_PCI_COMMON_Q_USEDHI:
		return upper_32_bits(vq->device);
	default:
		return 0;
	}
}

/* 32 of 64 feature bits; there are none beyond */
static u32 feature_word(u64 features, u32 select)
{
	return select < 2 ? features >> (32 * select) : 0;
}

static u32 common_field(struct mdev_virtio_device *mvdev, u32 off)
{
	struct mdev_virtio_core *core = mvdev->core;

	switch (off) {
	case VIRTIO_PCI_COMMON_DFSELECT:
		return core->device_feature_select;
	case VIRTIO_PCI_COMMON_DF:
		return feature_word(mvdev->ops->get_features(mvdev),
				    core->device_feature_select);
	case VIRTIO_PCI_COMMON_GFSELECT:
		return core->driver_feature_select;
	case VIRTIO_PCI_COMMON_GF:
		return feature_word(core->driver_features,
				    core->driver_feature_select);
	case VIRTIO_PCI_COMMON_MSIX:
		return mvdev_irq_get_vector(mvdev, &core->config_vector);
	case VIRTIO_PCI_COMMON_NUMQ:
		return mvdev->nvqs;
	case VIRTIO_PCI_COMMON_STATUS:
		return mvdev->ops->get_status(mvdev);
	case VIRTIO_PCI_COMMON_CFGGENERATION:
		return core->generation;
	case VIRTIO_PCI_COMMON_Q_SELECT:
		return core->queue_select;
	default:
		return queue_field(mvdev, off);
	}
}

/* No field's value depends on reads, so any width can be served. */
void mvdev_common_read(struct mdev_virtio_device *mvdev, u32 off, u32 len,
		       u8 *val)
{
	unsigned int i, b;

	for (i = 0; i < ARRAY_SIZE(common_fields); i++) {
		u32 at = common_fields[i].off;
		u32 v;

		if (at + common_fields[i].len <= off || at >= off + len)
			continue;
		v = common_field(mvdev, at);
		for (b = 0; b < common_fields[i].len; b++, v >>= 8)
			if (at + b >= off && at + b < off + len)
				val[at + b - off] = v;
	}
}

static void set_low(u64 *reg, u32 v)
{
	*reg = (*reg & ~(u64)U32_MAX) | v;
}

static void set_high(u64 *reg, u32 v)
{
	*reg = (*reg & U32_MAX) | (u64)v << 32;
}

static void write_queue_size(struct mdev_virtio_device *mvdev,
			     struct mdev_virtio_core_vq *vq, u32 v)
{
	u16 max = mvdev->ops->get_vq_num_max(mvdev, mvdev->core->queue_select);

	if (v && v <= max &&
	    (is_power_of_2(v) || accepted(mvdev, VIRTIO_F_RING_PACKED)))
		vq->num = v;
}

static void write_queue_field(struct mdev_virtio_device *mvdev, u32 off, u32 v)
{
	struct mdev_virtio_core_vq *vq = selected(mvdev);
	u16 idx = mvdev->core->queue_select;

	if (!vq)
		return;
	if (off == VIRTIO_PCI_COMMON_Q_MSIX) {
		mvdev_irq_set_vector(mvdev, &vq->vector, v);
		return;
	}
	if (off == VIRTIO_PCI_COMMON_Q_RESET) {
		if (v == 1)
			reset_queue(mvdev, idx);
		return;
	}
	/* The rest is fixed while the queue is enabled. */
	if (mvdev->ops->get_vq_ready(mvdev, idx))
		return;

	switch (off) {
	case VIRTIO_PCI_COMMON_Q_SIZE:
		write_queue_size(mvdev, vq, v);
		break;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		if (v == 1)
			enable_queue(mvdev, idx);
		break;
	case VIRTIO_PCI_COMMON_Q_DESCLO:
		set_low(&vq->desc, v);
		break;
	case VIRTIO_PCI_COMMON_Q_DESCHI:
		set_high(&vq->desc, v);
		break;
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
		set_low(&vq->driver, v);
		break;
	case VIRTIO_PCI_COMMON_Q_AVAILHI:
		set_high(&vq->driver, v);
		break;
	case VIRTIO_PCI_COMMON_Q_USEDLO:
		set_low(&vq->device, v);
		break;
	case VIRTIO_PCI_COMMON_Q_USEDHI:
		set_high(&vq->device, v);
		break;
	}
}

static void write_driver_features(struct mdev_virtio_device *mvdev, u32 v)
{
	struct mdev_virtio_core *core = mvdev->core;

	if (mvdev->ops->get_status(mvdev) & VIRTIO_CONFIG_S_FEATURES_OK)
		return;
	if (core->driver_feature_select == 0)
		set_low(&core->driver_features, v);
	else if (core->driver_feature_select == 1)
		set_high(&core->driver_features, v);
}

static bool is_field(u32 off, u32 len)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(common_fields); i++)
		if (common_fields[i].off == off)
			return common_fields[i].len == len;
	return false;
}

/* A write of another width than the field's is ignored: s. 4.1.3.1 */
void mvdev_common_write(struct mdev_virtio_device *mvdev, u32 off, u32 len,
			const u8 *val)
{
	struct mdev_virtio_core *core = mvdev->core;
	u32 v;

	if (!is_field(off, len))
		return;
	v = len == 1 ? *val : len == 2 ? get_unaligned_le16(val) :
					 get_unaligned_le32(val);

	switch (off) {
	case VIRTIO_PCI_COMMON_DFSELECT:
		core->device_feature_select = v;
		break;
	case VIRTIO_PCI_COMMON_GFSELECT:
		core->driver_feature_select = v;
		break;
	case VIRTIO_PCI_COMMON_GF:
		write_driver_features(mvdev, v);
		break;
	case VIRTIO_PCI_COMMON_MSIX:
		mvdev_irq_set_vector(mvdev, &core->config_vector, v);
		break;
	case VIRTIO_PCI_COMMON_STATUS:
		write_status(mvdev, v);
		break;
	case VIRTIO_PCI_COMMON_Q_SELECT:
		core->queue_select = v;
		break;
	case VIRTIO_PCI_COMMON_DF:
	case VIRTIO_PCI_COMMON_NUMQ:
	case VIRTIO_PCI_COMMON_CFGGENERATION:
		break;
	default:
		write_queue_field(mvdev, off, v);
	}
}

/* --- device configuration --- */

void mvdev_device_access(struct mdev_virtio_device *mvdev, u32 off, u32 len,
			 u8 *val, bool write)
{
	struct mdev_virtio_core *core = mvdev->core;
	size_t size = mvdev->ops->get_config_size(mvdev);
	u32 generation;

	if (off >= size)
		return;
	len = min_t(u32, len, size - off);
	if (write) {
		mvdev->ops->set_config(mvdev, off, val, len);
		return;
	}
	/*
	 * The register has eight bits and must not come round to a value that
	 * the driver took for another configuration: count when a change is
	 * seen, not when it is made. VIRTIO 1.2 s. 4.1.4.3.1
	 */
	generation = mvdev->ops->get_generation(mvdev);
	if (generation != core->seen_generation) {
		core->seen_generation = generation;
		core->generation++;
	}
	mvdev->ops->get_config(mvdev, off, val, len);
}

/* --- doorbells: the queue is known by the address, VIRTIO 1.2 s. 4.1.4.4 --- */

void mvdev_notify(struct mdev_virtio_device *mvdev, u32 off)
{
	u32 idx = off / MVDEV_NOTIFY_MULT;

	if (idx < mvdev->nvqs)
		mvdev->ops->kick_vq(mvdev, idx);
}

void mvdev_notify_all(struct mdev_virtio_device *mvdev)
{
	u16 i;

	for (i = 0; i < mvdev->nvqs; i++)
		mvdev->ops->kick_vq(mvdev, i);
}
