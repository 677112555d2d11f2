/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mediated virtio devices: what a device module provides and may call.
 *
 * The core shows a mediated device to VFIO clients as a modern virtio PCI
 * device (VIRTIO 1.2 s. 4.1). A device module fills a struct mdev_virtio_ops,
 * whose operations are those of the 2019 "mdev virtio bus" proposal, and
 * knows neither VFIO nor PCI.
 */
#ifndef MDEV_VIRTIO_H
#define MDEV_VIRTIO_H

#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/vfio.h>
#include <linux/virtio_ring.h>
#include <linux/wait.h>

struct attribute_group;
struct mdev_virtio_core;
struct mdev_virtio_device;
struct mvdev_ring_layout;
struct task_struct;

/**
 * struct mdev_virtio_callback - how a device tells the client something
 * @callback: raises the interrupt. Does not sleep; may be called from any
 *	      process context, with or without the device lock.
 * @private: argument for @callback
 */
struct mdev_virtio_callback {
	void (*callback)(void *private);
	void *private;
};

/**
 * struct mdev_virtio_ops - operations of a mediated virtio device
 *
 * Unless it says otherwise an operation is called in process context with
 * mdev_virtio_device.lock held, and may sleep. Queue indices are below
 * mdev_virtio_device.nvqs: the core has checked them. Everything else that
 * the client wrote, ring addresses above all, is for the device to judge.
 *
 * @set_vq_address: Addresses (IOVAs) of the descriptor, driver and device
 *	areas. Called before @set_vq_ready. Returns 0, or -EINVAL if they cannot
 *	belong to a ring of the size set before.
 * @set_vq_num: Number of descriptors, not above @get_vq_num_max; without
 *	VIRTIO_F_RING_PACKED a power of two.
 * @kick_vq: The client rang a doorbell by a trapped write. Called with or
 *	without the lock; must not block.
 * @set_vq_cb: How to interrupt for this queue. Set once, before the device can
 *	be opened.
 * @set_vq_ready: The queue may (true) be processed as soon as the driver is OK, or
 *	not any more (false): then the device has forgotten what it took from it,
 *	and touches it no more when this returns.
 * @get_vq_ready: What @set_vq_ready set last; false after reset.
 * @set_vq_state: Index of the next available descriptor to take; with
 *	VIRTIO_F_RING_PACKED bit 15 is its wrap counter. Returns 0, or -EBUSY while
 *	the queue is ready. Called before @set_vq_ready, after @set_vq_num.
 * @get_vq_state: The same index, read back.
 * @get_vq_num_max: Largest queue size; 0 if the queue is not available.
 * @get_features: Features that the device offers.
 * @set_features: Features that the driver accepted: a subset of those offered,
 *	with VIRTIO_F_VERSION_1. An error makes the core refuse FEATURES_OK.
 * @set_config_cb: How to raise the configuration interrupt. Set once.
 * @get_device_id: virtio device id, VIRTIO 1.2 s. 5.
 * @get_vendor_id: PCI subsystem vendor id.
 * @get_status: Device status, VIRTIO 1.2 s. 2.1. Includes DEVICE_NEEDS_RESET
 *	if the device found a reason to set it.
 * @set_status: The new status, checked by the core. 0 resets the device: it has
 *	forgotten queues and features and touches no more client memory when this
 *	returns.
 * @get_config_size: Length of the device-specific configuration, below a page.
 * @get_config: Read device-specific configuration; the range is within
 *	@get_config_size.
 * @set_config: Write it. A device without writable fields ignores this.
 * @get_generation: A number that differs whenever the configuration has.
 *	The core derives the 8-bit config_generation from it.
 * @open: The device gets its first client. Optional.
 * @close: The client is gone; the core has stopped the worker and reset the
 *	device. Optional, called without the lock, as is @open.
 */
struct mdev_virtio_ops {
	/* virtqueues */
	int (*set_vq_address)(struct mdev_virtio_device *mvdev, u16 idx,
			      u64 desc_area, u64 driver_area, u64 device_area);
	void (*set_vq_num)(struct mdev_virtio_device *mvdev, u16 idx, u32 num);
	void (*kick_vq)(struct mdev_virtio_device *mvdev, u16 idx);
	void (*set_vq_cb)(struct mdev_virtio_device *mvdev, u16 idx,
			  const struct mdev_virtio_callback *cb);
	void (*set_vq_ready)(struct mdev_virtio_device *mvdev, u16 idx,
			     bool ready);
	bool (*get_vq_ready)(struct mdev_virtio_device *mvdev, u16 idx);
	int (*set_vq_state)(struct mdev_virtio_device *mvdev, u16 idx,
			    u64 state);
	u64 (*get_vq_state)(struct mdev_virtio_device *mvdev, u16 idx);
	u16 (*get_vq_num_max)(struct mdev_virtio_device *mvdev, u16 idx);

	/* the device */
	u64 (*get_features)(struct mdev_virtio_device *mvdev);
	int (*set_features)(struct mdev_virtio_device *mvdev, u64 features);
	void (*set_config_cb)(struct mdev_virtio_device *mvdev,
			      const struct mdev_virtio_callback *cb);
	u32 (*get_device_id)(struct mdev_virtio_device *mvdev);
	u32 (*get_vendor_id)(struct mdev_virtio_device *mvdev);
	u8 (*get_status)(struct mdev_virtio_device *mvdev);
	void (*set_status)(struct mdev_virtio_device *mvdev, u8 status);
	size_t (*get_config_size)(struct mdev_virtio_device *mvdev);
	void (*get_config)(struct mdev_virtio_device *mvdev,
			   unsigned int offset, void *buf, unsigned int len);
	void (*set_config)(struct mdev_virtio_device *mvdev,
			   unsigned int offset, const void *buf,
			   unsigned int len);
	u32 (*get_generation)(struct mdev_virtio_device *mvdev);

	/* life */
	int (*open)(struct mdev_virtio_device *mvdev);
	void (*close)(struct mdev_virtio_device *mvdev);
};

/**
 * struct mdev_virtio_device - a mediated virtio device
 * @vdev: what VFIO knows; first, because VFIO allocates the whole
 * @ops: set by the device module before mdev_virtio_register()
 * @pci_class: 24-bit PCI class code; set likewise
 * @nvqs: number of virtqueues; set likewise
 * @map_doorbells: clients may map the doorbells, so that the device must
 *	poll; set likewise
 * @lock: serialises the operations, the ring helpers and the client's register
 *	accesses. Never taken under RTNL: its holder may wait for a page of the
 *	client. Order: lock, then VFIO's container lock, then mmap_lock.
 * @core: private to the core
 */
struct mdev_virtio_device {
	struct vfio_device vdev;
	const struct mdev_virtio_ops *ops;
	u32 pci_class;
	u16 nvqs;
	bool map_doorbells;
	struct mutex lock;	/* see @lock */
	struct mdev_virtio_core *core;
};

extern const struct vfio_device_ops mdev_virtio_vfio_ops;

/*
 * One of device_driver.dev_groups. The driver data of the mdev's device is then
 * its struct mdev_virtio_device, registered.
 */
extern const struct attribute_group mdev_virtio_group;

/**
 * mdev_virtio_alloc - allocate a structure that begins with a mdev_virtio_device
 * @type: name of the structure
 * @member: its struct mdev_virtio_device, the first member
 * @dev: the mdev's device
 *
 * Return: the zeroed structure, or an ERR_PTR. Freed by mdev_virtio_put().
 */
#define mdev_virtio_alloc(type, member, dev) \
	vfio_alloc_device(type, member.vdev, dev, &mdev_virtio_vfio_ops)

/**
 * mdev_virtio_put - drop the reference that mdev_virtio_alloc() returned
 * @mvdev: the device; gone afterwards unless somebody else refers to it
 */
void mdev_virtio_put(struct mdev_virtio_device *mvdev);

/**
 * mdev_virtio_register - make the device available to VFIO clients
 * @mvdev: the device, with its public fields set
 *
 * Clients may open it before this returns.
 *
 * Return: 0 or a negative errno.
 */
int mdev_virtio_register(struct mdev_virtio_device *mvdev);

/**
 * mdev_virtio_unregister - undo mdev_virtio_register()
 * @mvdev: the device
 *
 * Asks a client to let go (VFIO_PCI_REQ_ERR_IRQ_INDEX) and waits until it has.
 */
void mdev_virtio_unregister(struct mdev_virtio_device *mvdev);

/**
 * mdev_virtio_may_dma - may the device touch the client's memory now?
 * @mvdev: the device; its lock is held
 *
 * Return: true if the driver is OK, the device not broken, and the PCI function
 * a bus master.
 */
bool mdev_virtio_may_dma(struct mdev_virtio_device *mvdev);

/**
 * mdev_virtio_parent_create - make a parent device in the class "mdev_virtio"
 * @name: its name, as in /sys/class/mdev_bus/NAME
 *
 * Return: the device, to be given to mdev_register_parent(), or an ERR_PTR.
 */
struct device *mdev_virtio_parent_create(const char *name);

/* --- worker: mdev_virtio_worker.c --- */

/**
 * enum mdev_virtio_work - what a device's work function found
 * @MDEV_VIRTIO_WORK_MORE: worked, and there may be more: call again at once
 * @MDEV_VIRTIO_WORK_POLL: nothing done; look again without being told
 * @MDEV_VIRTIO_WORK_SLEEP: nothing done; call again when kicked
 */
enum mdev_virtio_work {
	MDEV_VIRTIO_WORK_MORE,
	MDEV_VIRTIO_WORK_POLL,
	MDEV_VIRTIO_WORK_SLEEP,
};

/**
 * struct mdev_virtio_worker - one thread that serves one device's rings
 * @task: the thread; NULL while there is none
 * @wait: where it sleeps
 * @kicked: bit 0: call the work function again
 * @work: the work function; called without locks
 * @mvdev: its argument
 *
 * Set by mdev_virtio_worker_start(); @kicked is atomic, the rest constant while
 * the thread runs.
 */
struct mdev_virtio_worker {
	struct task_struct *task;
	wait_queue_head_t wait;
	unsigned long kicked;
	enum mdev_virtio_work (*work)(struct mdev_virtio_device *mvdev);
	struct mdev_virtio_device *mvdev;
};

/**
 * mdev_virtio_worker_init - prepare; from then on kicks are harmless
 * @worker: the worker
 * @mvdev: the device
 * @work: its work function
 */
void mdev_virtio_worker_init(struct mdev_virtio_worker *worker,
			     struct mdev_virtio_device *mvdev,
			     enum mdev_virtio_work
			     (*work)(struct mdev_virtio_device *mvdev));

/**
 * mdev_virtio_worker_start - start the thread
 * @worker: an initialised worker without a thread
 *
 * Return: 0 or a negative errno.
 */
int mdev_virtio_worker_start(struct mdev_virtio_worker *worker);

/**
 * mdev_virtio_worker_stop - stop the thread and wait for its end
 * @worker: the worker; the caller holds no lock that its work function takes
 */
void mdev_virtio_worker_stop(struct mdev_virtio_worker *worker);

/**
 * mdev_virtio_worker_kick - have the work function called soon
 * @worker: the worker
 *
 * Any context.
 */
void mdev_virtio_worker_kick(struct mdev_virtio_worker *worker);

/* --- virtqueue, device side: mdev_virtio_ring.c, _split.c, _packed.c --- */

#define MDEV_VIRTIO_RING_NUM_MAX	1024

/**
 * struct mdev_virtio_iov - a piece of the client's memory
 * @addr: IOVA
 * @len: bytes; @addr + @len does not wrap
 */
struct mdev_virtio_iov {
	u64 addr;
	u32 len;
};

/**
 * struct mdev_virtio_chain - a descriptor chain, indirect tables resolved
 * @id: index of its first descriptor; packed: its buffer id, which says nothing to us
 * @slots: how far it moves the ring's indices: 1; packed: by its descriptors
 * @nr_out: device-readable pieces, which come first
 * @nr_in: device-writable pieces
 * @out_len: sum of the readable lengths
 * @in_len: sum of the writable lengths
 */
struct mdev_virtio_chain {
	u16 id;
	u16 slots;
	u16 nr_out;
	u16 nr_in;
	u32 out_len;
	u32 in_len;
};

/* So many entries are copied at once: reading one costs the same. */
#define MDEV_VIRTIO_RING_WINDOW	16

/**
 * struct mdev_virtio_split - what is particular to a split virtqueue
 * @avail_idx: available index when last looked at
 * @used0: shadow of the first used element's id, see split_show_used()
 * @heads: copy of avail ring entries [@heads_at, @heads_at + @heads_nr)
 * @heads_at: see @heads
 * @heads_nr: see @heads
 */
struct mdev_virtio_split {
	u16 avail_idx;
	__le32 used0;
	__le16 heads[MDEV_VIRTIO_RING_WINDOW];
	u16 heads_at;
	u16 heads_nr;
};

/**
 * struct mdev_virtio_packed_used - a used descriptor
 * @idx: where it goes
 * @wrap: the used wrap counter there
 * @id: buffer id
 * @len: bytes written
 */
struct mdev_virtio_packed_used {
	u16 idx;
	bool wrap;
	u16 id;
	u32 len;
};

/**
 * struct mdev_virtio_packed - what is particular to a packed virtqueue
 * @avail_wrap: wrap counter at ring.last_avail
 * @used_wrap: wrap counter at ring.used_idx
 * @first: the first used descriptor that is not published, if ring.unpublished
 * @window: copy of available descriptors [@at, @at + @nr)
 * @at: see @window
 * @nr: see @window
 * @wrap: wrap counter there
 */
struct mdev_virtio_packed {
	bool avail_wrap;
	bool used_wrap;
	struct mdev_virtio_packed_used first;
	struct vring_packed_desc window[MDEV_VIRTIO_RING_WINDOW];
	u16 at;
	u16 nr;
	bool wrap;
};

/**
 * struct mdev_virtio_ring - the device's view of a virtqueue
 * @mvdev: whose client owns the memory
 * @layout: split or packed; this and the next three by
 *	mdev_virtio_ring_set_features(), before the ring is ready
 * @indirect: VIRTIO_RING_F_INDIRECT_DESC was negotiated
 * @event_idx: VIRTIO_RING_F_EVENT_IDX was negotiated
 * @in_order: VIRTIO_F_IN_ORDER was negotiated
 * @desc: IOVA of the descriptor area
 * @driver: IOVA of the driver area
 * @device: IOVA of the device area
 * @num: number of descriptors
 * @ready: may be processed
 * @last_avail: next one to take: an index that counts on; packed: a position
 * @used_idx: next used one to write, likewise
 * @unpublished: how far @used_idx is ahead of what the client has been told
 * @batch: slots that wait to be shown as one used element, with IN_ORDER
 * @batch_id: its id, if @batch
 * @listening: the client has been told to notify us at @event
 * @event: see @listening
 * @split: one layout
 * @packed: the other
 *
 * Owned by whoever holds mvdev->lock.
 */
struct mdev_virtio_ring {
	struct mdev_virtio_device *mvdev;
	const struct mvdev_ring_layout *layout;
	bool indirect;
	bool event_idx;
	bool in_order;
	u64 desc;
	u64 driver;
	u64 device;
	u16 num;
	bool ready;
	u16 last_avail;
	u16 used_idx;
	u16 unpublished;
	u32 batch;
	u16 batch_id;
	bool listening;
	u16 event;
	union {
		struct mdev_virtio_split split;
		struct mdev_virtio_packed packed;
	};
};

/* Worked example, with mvdev->lock held:
 *
 *	while ((r = mdev_virtio_ring_pop(ring, &chain, iov, nr_iov)) > 0) {
 *		r = mdev_virtio_read(mvdev, iov, chain.nr_out, 0, buf, len);
 *		r = mdev_virtio_ring_push(ring, &chain, 0);
 *	}
 *	if (mdev_virtio_ring_publish(ring) > 0)
 *		cb->callback(cb->private);
 *
 * A negative result of any of them means that the client's ring cannot be
 * trusted any more: stop the device (DEVICE_NEEDS_RESET).
 */

/**
 * mdev_virtio_ring_init - forget everything about a ring
 * @ring: the ring
 * @mvdev: its device
 * @num: queue size to begin with
 */
void mdev_virtio_ring_init(struct mdev_virtio_ring *ring,
			   struct mdev_virtio_device *mvdev, u16 num);

/**
 * mdev_virtio_ring_set_features - layout and behaviour
 * @ring: a ring that is not ready
 * @features: what was negotiated: RING_PACKED, INDIRECT_DESC, EVENT_IDX and IN_ORDER
 *	count
 */
void mdev_virtio_ring_set_features(struct mdev_virtio_ring *ring, u64 features);

/**
 * mdev_virtio_ring_set_address - check and set the three areas
 * @ring: a ring whose features and size are set
 * @desc: IOVA of the descriptor area, 16-byte aligned
 * @driver: IOVA of the driver area, 2-byte aligned; packed: 4-byte aligned
 * @device: IOVA of the device area, 4-byte aligned
 *
 * Return: 0, or -EINVAL if one is misaligned or wraps around, or the size is wrong.
 */
int mdev_virtio_ring_set_address(struct mdev_virtio_ring *ring, u64 desc,
				 u64 driver, u64 device);

/**
 * mdev_virtio_ring_set_state - start from an available index
 * @ring: a ring that is not ready, with its features and size set
 * @state: the index; packed: bit 15 is the wrap counter
 */
void mdev_virtio_ring_set_state(struct mdev_virtio_ring *ring, u16 state);

/**
 * mdev_virtio_ring_get_state - what mdev_virtio_ring_set_state() would continue from
 * @ring: the ring
 *
 * Return: index of the next chain to take; packed: bit 15 is the wrap counter.
 */
u16 mdev_virtio_ring_get_state(const struct mdev_virtio_ring *ring);

/**
 * mdev_virtio_ring_pop - take the next available chain
 * @ring: a ready ring
 * @chain: filled in
 * @iov: filled in: first the readable pieces, then the writable ones
 * @max: entries in @iov
 *
 * Return: 1 with a chain, 0 without, -ENOSPC if @iov is too short (nothing is
 * taken), another negative errno if the ring is malformed or out of reach.
 */
int mdev_virtio_ring_pop(struct mdev_virtio_ring *ring,
			 struct mdev_virtio_chain *chain,
			 struct mdev_virtio_iov *iov, unsigned int max);

/**
 * mdev_virtio_ring_unpop - put back what was popped last
 * @ring: the ring
 * @chain: the chain; it has not been pushed
 */
void mdev_virtio_ring_unpop(struct mdev_virtio_ring *ring,
			    const struct mdev_virtio_chain *chain);

/**
 * mdev_virtio_ring_listen - before the device sleeps: ask to be notified
 * @ring: a ready ring from which all has been popped
 *
 * Without EVENT_IDX the client notifies us always. With it, only after this.
 *
 * Return: 1 if a chain has come meanwhile, so that there may be no notification of
 * it, 0 if not, or a negative errno.
 */
int mdev_virtio_ring_listen(struct mdev_virtio_ring *ring);

/**
 * mdev_virtio_ring_push - write a used element, without showing it yet
 * @ring: the ring
 * @chain: the chain that was used, in the order of the pops
 * @len: bytes written into its writable pieces
 *
 * Return: 0 or a negative errno.
 */
int mdev_virtio_ring_push(struct mdev_virtio_ring *ring,
			  const struct mdev_virtio_chain *chain, u32 len);

/**
 * mdev_virtio_ring_publish - show the client what was pushed
 * @ring: the ring
 *
 * Return: 1 if the client wants an interrupt, 0 if not, or a negative errno.
 */
int mdev_virtio_ring_publish(struct mdev_virtio_ring *ring);

/**
 * mdev_virtio_read - gather client memory
 * @mvdev: the device
 * @iov: pieces
 * @nr: how many
 * @skip: bytes of the pieces to leave alone first
 * @buf: destination
 * @len: bytes wanted
 *
 * Return: 0, -EMSGSIZE if the pieces are shorter, or a negative errno.
 */
int mdev_virtio_read(struct mdev_virtio_device *mvdev,
		     const struct mdev_virtio_iov *iov, unsigned int nr,
		     size_t skip, void *buf, size_t len);

/**
 * mdev_virtio_write - scatter into client memory
 * @mvdev: the device
 * @iov: pieces
 * @nr: how many
 * @skip: bytes of the pieces to leave alone first
 * @buf: source
 * @len: bytes to write
 *
 * Return: 0, -EMSGSIZE if the pieces are shorter, or a negative errno.
 */
int mdev_virtio_write(struct mdev_virtio_device *mvdev,
		      const struct mdev_virtio_iov *iov, unsigned int nr,
		      size_t skip, const void *buf, size_t len);

#endif /* MDEV_VIRTIO_H */
