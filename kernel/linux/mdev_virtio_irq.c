// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts: the eventfds of VFIO_DEVICE_SET_IRQS, ISR, vectors.
 *
 * The rules are vfio-pci's, so that a client which works here works there: INTx
 * masks itself when it fires, INTx and MSI-X exclude each other, and MSI-X is
 * neither maskable nor gated by the table in the BAR.
 */
#include <linux/eventfd.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/virtio_pci.h>

#include "compat.h"
#include "mdev_virtio_core.h"

#define ISR_QUEUE	1
#define ISR_CONFIG	VIRTIO_PCI_ISR_CONFIG

static void signal_eventfd(struct eventfd_ctx *ctx)
{
	if (ctx)
		compat_eventfd_signal(ctx);
}

/* --- raising; irq_lock held --- */

static void update_intx(struct mdev_virtio_core *core)
{
	lockdep_assert_held(&core->irq_lock);
	if (core->irq_type != MVDEV_IRQ_INTX || !core->isr || core->intx_masked ||
	    core->intx_disabled)
		return;
	core->intx_masked = true;
	signal_eventfd(core->intx);
}

static void raise(struct mdev_virtio_device *mvdev, u8 isr, u16 vector)
{
	struct mdev_virtio_core *core = mvdev->core;

	lockdep_assert_held(&core->irq_lock);
	/* VIRTIO 1.2 s. 4.1.4.5.1: the queue's bit only without MSI-X */
	if (core->irq_type != MVDEV_IRQ_MSIX) {
		core->isr |= isr;
		update_intx(core);
		return;
	}
	core->isr |= isr & ISR_CONFIG;
	if (vector < mvdev_nr_vectors(mvdev))
		signal_eventfd(core->msix[vector]);
}

static void raise_queue(void *private)
{
	struct mdev_virtio_core_vq *vq = private;
	struct mdev_virtio_core *core = vq->mvdev->core;

	spin_lock(&core->irq_lock);
	raise(vq->mvdev, ISR_QUEUE, vq->vector);
	spin_unlock(&core->irq_lock);
}

static void raise_config(void *private)
{
	struct mdev_virtio_device *mvdev = private;
	struct mdev_virtio_core *core = mvdev->core;

	spin_lock(&core->irq_lock);
	raise(mvdev, ISR_CONFIG, core->config_vector);
	spin_unlock(&core->irq_lock);
}

/* --- registers --- */

u8 mvdev_irq_read_isr(struct mdev_virtio_device *mvdev)
{
	struct mdev_virtio_core *core = mvdev->core;
	u8 isr;

	spin_lock(&core->irq_lock);
	isr = core->isr;
	core->isr = 0;
	spin_unlock(&core->irq_lock);
	return isr;
}

bool mvdev_irq_intx_asserted(struct mdev_virtio_device *mvdev)
{
	struct mdev_virtio_core *core = mvdev->core;
	bool asserted;

	spin_lock(&core->irq_lock);
	asserted = core->isr && core->irq_type != MVDEV_IRQ_MSIX;
	spin_unlock(&core->irq_lock);
	return asserted;
}

void mvdev_irq_set_intx_disabled(struct mdev_virtio_device *mvdev, bool disabled)
{
	struct mdev_virtio_core *core = mvdev->core;

	spin_lock(&core->irq_lock);
	core->intx_disabled = disabled;
	update_intx(core);
	spin_unlock(&core->irq_lock);
}

u16 mvdev_irq_get_vector(struct mdev_virtio_device *mvdev, u16 *vector)
{
	u16 v;

	spin_lock(&mvdev->core->irq_lock);
	v = *vector;
	spin_unlock(&mvdev->core->irq_lock);
	return v;
}

/* A vector that does not exist reads back as none: VIRTIO 1.2 s. 4.1.5.1.2 */
void mvdev_irq_set_vector(struct mdev_virtio_device *mvdev, u16 *vector, u16 v)
{
	if (v >= mvdev_nr_vectors(mvdev))
		v = VIRTIO_MSI_NO_VECTOR;
	spin_lock(&mvdev->core->irq_lock);
	*vector = v;
	spin_unlock(&mvdev->core->irq_lock);
}

/* Reset of the virtio device: its registers, not the client's eventfds. */
void mvdev_irq_reset(struct mdev_virtio_device *mvdev)
{
	struct mdev_virtio_core *core = mvdev->core;
	u16 i;

	spin_lock(&core->irq_lock);
	core->isr = 0;
	core->config_vector = VIRTIO_MSI_NO_VECTOR;
	for (i = 0; i < mvdev->nvqs; i++)
		core->vqs[i].vector = VIRTIO_MSI_NO_VECTOR;
	spin_unlock(&core->irq_lock);
}

/* --- eventfds --- */

static void put_eventfd(struct eventfd_ctx *ctx)
{
	if (ctx)
		eventfd_ctx_put(ctx);
}

static void swap_eventfd(struct mdev_virtio_core *core,
			 struct eventfd_ctx **slot, struct eventfd_ctx *ctx)
{
	spin_lock(&core->irq_lock);
	swap(*slot, ctx);
	spin_unlock(&core->irq_lock);
	put_eventfd(ctx);
}

/* fd -1 means none: *ctx becomes NULL. */
static int get_eventfd(s32 fd, struct eventfd_ctx **ctx)
{
	*ctx = NULL;
	if (fd == -1)
		return 0;
	if (fd < 0)
		return -EBADF;
	*ctx = eventfd_ctx_fdget(fd);
	if (IS_ERR(*ctx)) {
		int ret = PTR_ERR(*ctx);

		*ctx = NULL;
		return ret;
	}
	return 0;
}

/* A change to @type, unless the other type is on; from it to none. */
static int set_type(struct mdev_virtio_core *core, enum mvdev_irq_type type)
{
	int ret = 0;

	spin_lock(&core->irq_lock);
	if (core->irq_type == MVDEV_IRQ_NONE) {
		core->irq_type = type;
		core->intx_masked = false;
	} else if (core->irq_type != type) {
		ret = -EINVAL;
	}
	spin_unlock(&core->irq_lock);
	return ret;
}

static void clear_type(struct mdev_virtio_core *core, enum mvdev_irq_type type)
{
	spin_lock(&core->irq_lock);
	if (core->irq_type == type)
		core->irq_type = MVDEV_IRQ_NONE;
	spin_unlock(&core->irq_lock);
}

static void disable_intx(struct mdev_virtio_core *core)
{
	clear_type(core, MVDEV_IRQ_INTX);
	swap_eventfd(core, &core->intx, NULL);
}

static void disable_msix(struct mdev_virtio_device *mvdev)
{
	u16 i;

	clear_type(mvdev->core, MVDEV_IRQ_MSIX);
	for (i = 0; i < mvdev_nr_vectors(mvdev); i++)
		swap_eventfd(mvdev->core, &mvdev->core->msix[i], NULL);
}

void mvdev_irq_release_all(struct mdev_virtio_device *mvdev)
{
	disable_intx(mvdev->core);
	disable_msix(mvdev);
	swap_eventfd(mvdev->core, &mvdev->core->req, NULL);
}

/* --- VFIO_DEVICE_SET_IRQS --- */

/**
 * struct irq_request - a validated VFIO_DEVICE_SET_IRQS
 * @index: VFIO_PCI_*_IRQ_INDEX
 * @start: first interrupt
 * @count: how many
 * @data: one of VFIO_IRQ_SET_DATA_*
 * @bools: for DATA_BOOL
 * @fds: for DATA_EVENTFD
 */
struct irq_request {
	u32 index;
	u32 start;
	u32 count;
	u32 data;
	const u8 *bools;
	const s32 *fds;
};

/* Does a request without eventfds name its @i-th interrupt? */
static bool names(const struct irq_request *req, u32 i)
{
	return req->data == VFIO_IRQ_SET_DATA_NONE || req->bools[i];
}

static int mask_intx(struct mdev_virtio_core *core,
		     const struct irq_request *req, bool masked)
{
	if (req->data == VFIO_IRQ_SET_DATA_EVENTFD)
		return -ENOTTY;
	if (!req->count || core->irq_type != MVDEV_IRQ_INTX)
		return -EINVAL;
	if (!names(req, 0))
		return 0;
	spin_lock(&core->irq_lock);
	core->intx_masked = masked;
	update_intx(core);
	spin_unlock(&core->irq_lock);
	return 0;
}

/* What DATA_NONE and DATA_BOOL do to an eventfd: signal it, as a test. */
static void loopback(struct mdev_virtio_core *core,
		     const struct irq_request *req, struct eventfd_ctx **slots)
{
	u32 i;

	spin_lock(&core->irq_lock);
	for (i = 0; i < req->count; i++)
		if (names(req, i))
			signal_eventfd(slots[req->start + i]);
	spin_unlock(&core->irq_lock);
}

static int trigger_intx(struct mdev_virtio_core *core,
			const struct irq_request *req)
{
	struct eventfd_ctx *ctx;
	int ret;

	if (req->data == VFIO_IRQ_SET_DATA_NONE && !req->count) {
		disable_intx(core);
		return 0;
	}
	if (!req->count)
		return -EINVAL;
	if (req->data != VFIO_IRQ_SET_DATA_EVENTFD) {
		loopback(core, req, &core->intx);
		return 0;
	}
	ret = get_eventfd(req->fds[0], &ctx);
	if (ret)
		return ret;
	ret = set_type(core, MVDEV_IRQ_INTX);
	if (ret) {
		put_eventfd(ctx);
		return ret;
	}
	swap_eventfd(core, &core->intx, ctx);
	/* The line may have been up before there was anybody to tell. */
	spin_lock(&core->irq_lock);
	update_intx(core);
	spin_unlock(&core->irq_lock);
	return 0;
}

/* All or nothing: every fd is looked up before the first is put in place. */
static int assign_msix(struct mdev_virtio_core *core,
		       const struct irq_request *req)
{
	struct eventfd_ctx **ctx;
	u32 i = 0;
	int ret = 0;

	ctx = kcalloc(req->count, sizeof(*ctx), GFP_KERNEL);
	if (!ctx)
		return -ENOMEM;
	for (i = 0; i < req->count && !ret; i++)
		ret = get_eventfd(req->fds[i], &ctx[i]);
	if (!ret)
		ret = set_type(core, MVDEV_IRQ_MSIX);
	for (i = 0; i < req->count; i++) {
		if (ret)
			put_eventfd(ctx[i]);
		else
			swap_eventfd(core, &core->msix[req->start + i], ctx[i]);
	}
	kfree(ctx);
	return ret;
}

static int trigger_msix(struct mdev_virtio_device *mvdev,
			const struct irq_request *req)
{
	if (req->data == VFIO_IRQ_SET_DATA_NONE && !req->count) {
		disable_msix(mvdev);
		return 0;
	}
	if (!req->count)
		return -EINVAL;
	if (req->data == VFIO_IRQ_SET_DATA_EVENTFD)
		return assign_msix(mvdev->core, req);
	loopback(mvdev->core, req, mvdev->core->msix);
	return 0;
}

static int trigger_req(struct mdev_virtio_core *core,
		       const struct irq_request *req)
{
	struct eventfd_ctx *ctx;
	int ret;

	if (req->data == VFIO_IRQ_SET_DATA_NONE && !req->count) {
		swap_eventfd(core, &core->req, NULL);
		return 0;
	}
	if (!req->count)
		return -EINVAL;
	if (req->data != VFIO_IRQ_SET_DATA_EVENTFD) {
		loopback(core, req, &core->req);
		return 0;
	}
	ret = get_eventfd(req->fds[0], &ctx);
	if (!ret)
		swap_eventfd(core, &core->req, ctx);
	return ret;
}

static int set_irqs(struct mdev_virtio_device *mvdev, u32 action,
		    const struct irq_request *req)
{
	struct mdev_virtio_core *core = mvdev->core;

	switch (req->index) {
	case VFIO_PCI_INTX_IRQ_INDEX:
		if (action == VFIO_IRQ_SET_ACTION_TRIGGER)
			return trigger_intx(core, req);
		if (action == VFIO_IRQ_SET_ACTION_MASK)
			return mask_intx(core, req, true);
		if (action == VFIO_IRQ_SET_ACTION_UNMASK)
			return mask_intx(core, req, false);
		break;
	case VFIO_PCI_MSIX_IRQ_INDEX:
		if (action == VFIO_IRQ_SET_ACTION_TRIGGER)
			return trigger_msix(mvdev, req);
		break;
	case VFIO_PCI_REQ_IRQ_INDEX:
		if (action == VFIO_IRQ_SET_ACTION_TRIGGER)
			return trigger_req(core, req);
		break;
	}
	return -ENOTTY;
}

u32 mvdev_irq_count(struct mdev_virtio_device *mvdev, u32 index, u32 *flags)
{
	switch (index) {
	case VFIO_PCI_INTX_IRQ_INDEX:
		*flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE |
			 VFIO_IRQ_INFO_AUTOMASKED;
		return 1;
	case VFIO_PCI_MSIX_IRQ_INDEX:
		*flags = VFIO_IRQ_INFO_EVENTFD;
		return mvdev_nr_vectors(mvdev);
	case VFIO_PCI_REQ_IRQ_INDEX:
		*flags = VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_NORESIZE;
		return 1;
	default:
		*flags = 0;
		return 0;
	}
}

long mvdev_irq_set(struct mdev_virtio_device *mvdev, unsigned long arg)
{
	const size_t minsz = offsetofend(struct vfio_irq_set, count);
	struct irq_request req;
	struct vfio_irq_set hdr;
	void *data = NULL;
	size_t size;
	u32 flags;
	int ret;

	if (copy_from_user(&hdr, (void __user *)arg, minsz))
		return -EFAULT;
	ret = vfio_set_irqs_validate_and_prepare(&hdr,
						 mvdev_irq_count(mvdev, hdr.index, &flags),
						 VFIO_PCI_NUM_IRQS, &size);
	if (ret)
		return ret;
	if (size) {
		data = memdup_user((void __user *)arg + minsz, size);
		if (IS_ERR(data))
			return PTR_ERR(data);
	}
	req.index = hdr.index;
	req.start = hdr.start;
	req.count = hdr.count;
	req.data = hdr.flags & VFIO_IRQ_SET_DATA_TYPE_MASK;
	req.bools = data;
	req.fds = data;

	/* The lock keeps two threads of a client from mixing their requests. */
	mutex_lock(&mvdev->lock);
	ret = set_irqs(mvdev, hdr.flags & VFIO_IRQ_SET_ACTION_TYPE_MASK, &req);
	mutex_unlock(&mvdev->lock);
	kfree(data);
	return ret;
}

/* The kernel wants the device back: tell the client, every ten seconds. */
void mvdev_irq_request(struct mdev_virtio_device *mvdev, unsigned int count)
{
	struct mdev_virtio_core *core = mvdev->core;
	bool told;

	spin_lock(&core->irq_lock);
	told = core->req;
	signal_eventfd(core->req);
	spin_unlock(&core->irq_lock);
	if (!told && !count)
		dev_info(mvdev_dev(mvdev), "in use, waiting for its user\n");
}

/* --- life --- */

int mvdev_irq_init(struct mdev_virtio_device *mvdev)
{
	struct mdev_virtio_core *core = mvdev->core;
	struct mdev_virtio_callback cb;
	u16 i;

	core->msix = kcalloc(mvdev_nr_vectors(mvdev), sizeof(*core->msix),
			     GFP_KERNEL);
	if (!core->msix)
		return -ENOMEM;

	mutex_lock(&mvdev->lock);
	cb.callback = raise_config;
	cb.private = mvdev;
	mvdev->ops->set_config_cb(mvdev, &cb);
	for (i = 0; i < mvdev->nvqs; i++) {
		cb.callback = raise_queue;
		cb.private = &core->vqs[i];
		mvdev->ops->set_vq_cb(mvdev, i, &cb);
	}
	mutex_unlock(&mvdev->lock);
	return 0;
}

void mvdev_irq_fini(struct mdev_virtio_device *mvdev)
{
	kfree(mvdev->core->msix);
}
