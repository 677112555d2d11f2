/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTIO_TRANSPORT_H
#define VIRTIO_TRANSPORT_H

/*
 * A virtio device, whatever carries its registers: the operations of a transport
 * and the status machine on top of them.
 *
 * A device is brought up in this order (VIRTIO 1.2 s. 3.1.1):
 *
 *	virtio_device_negotiate()         reset ... FEATURES_OK
 *	virtio_device_config_read()
 *	ops->set_vectors(), ops->set_config_vector(), ops->set_vq_vector()
 *	for each queue: ops->set_vq_num(), ops->set_vq_address(),
 *		ops->get_vq_notify_offset(), ops->get_vq_doorbell(),
 *		ops->set_vq_ready()
 *	virtio_device_add_status(VIRTIO_CONFIG_S_DRIVER_OK)
 *
 * and goes down with virtio_device_reset(). With VIRTIO_F_RING_RESET one queue goes down
 * with virtio_device_reset_vq(), and up like the first time. A transport belongs to one process;
 * one thread at a time calls it, except that get_status, get_config,
 * get_generation and get_isr may be called by another thread at any time, and that a
 * doorbell is rung by whoever has its queue. A secondary process has a transport of its
 * own, and calls only these and get_vq_doorbell.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/virtio_config.h>

#include <rte_bitops.h>
#include <rte_common.h>

/* VIRTIO 1.2 s. 6, which the headers of Linux 6.1 do not have. */
#ifndef VIRTIO_F_NOTIFICATION_DATA
#define VIRTIO_F_NOTIFICATION_DATA 38
#endif
#ifndef VIRTIO_F_RING_RESET
#define VIRTIO_F_RING_RESET 40
#endif

struct virtio_transport;

/* Transports. Shared data name one by its number, never by an address. */
enum virtio_transport_type {
	VIRTIO_TRANSPORT_PCI_MODERN,
	VIRTIO_TRANSPORT_TYPES,
};

/*
 * Where the driver tells the device of new buffers (VIRTIO 1.2 s. 2.7.13.4). Set
 * by the transport, valid in its process only.
 */
struct virtio_doorbell {
	volatile void *addr; /* 16 bits wide; NULL: through ring */
	uint16_t value;      /* what to write there */
	/*
	 * Ring in another way; 0 or a negative errno. next: where the next buffer will be
	 * made available, with the wrap counter (s. 2.9).
	 */
	int (*ring)(struct virtio_doorbell *doorbell, uint16_t next);
	void *ctx;           /* of ring; not NULL */
	const char *kind;    /* in a word, for people */
	volatile void *data_addr; /* of ring */
	uint64_t offset;     /* as get_vq_notify_offset gave it */
	bool tells_next;     /* VIRTIO_F_NOTIFICATION_DATA */
	int fd;              /* of ring */
};

/* Addresses of a virtqueue's areas, as the device sees them. */
struct virtio_vq_addr {
	uint64_t desc;  /* descriptor area */
	uint64_t avail; /* driver area */
	uint64_t used;  /* device area */
};

/*
 * Operations, named after the kernel's vdpa_config_ops. All that return int
 * return 0 or a negative errno, which is what access to the device gave unless
 * an operation says more. None logs, but for what only it knows.
 */
struct virtio_transport_ops {
	const char *name;

	/* Device feature bits (VIRTIO 1.2 s. 2.2). */
	int (*get_device_features)(struct virtio_transport *tr,
			uint64_t *features);
	/*
	 * Those of the offered bits that this transport has no objection to: it may lack
	 * a register, or lose more than it gains.
	 */
	uint64_t (*filter_features)(struct virtio_transport *tr, uint64_t offered);
	/* Driver feature bits; before FEATURES_OK only. */
	int (*set_driver_features)(struct virtio_transport *tr,
			uint64_t features);

	/* Device status (s. 2.1). */
	int (*get_status)(struct virtio_transport *tr, uint8_t *status);
	/* Setting 0 asks for a reset and does not wait for its end. */
	int (*set_status)(struct virtio_transport *tr, uint8_t status);
	/*
	 * Reset by means outside virtio, for a device that does not answer.
	 * -ENOTSUP if there is none.
	 */
	int (*hard_reset)(struct virtio_transport *tr);

	/* Configuration generation (s. 2.5). */
	int (*get_generation)(struct virtio_transport *tr, uint8_t *generation);
	/*
	 * Read one field of the device-specific configuration, little endian; a
	 * field of bytes in bytes. -EINVAL beyond tr->config_len.
	 */
	int (*get_config)(struct virtio_transport *tr, uint32_t offset,
			void *buf, uint32_t len);

	/* Number of virtqueues that the device has. */
	int (*get_vq_count)(struct virtio_transport *tr, uint16_t *count);
	/* Largest size of a virtqueue, as the device says it; 0: no such queue. */
	int (*get_vq_num_max)(struct virtio_transport *tr, uint16_t index,
			uint16_t *num);
	/* Size of a virtqueue; -EPROTO if the device keeps another one. */
	int (*set_vq_num)(struct virtio_transport *tr, uint16_t index,
			uint16_t num);
	int (*set_vq_address)(struct virtio_transport *tr, uint16_t index,
			const struct virtio_vq_addr *addr);
	/* Enable a virtqueue; -EPROTO if it stays disabled. */
	int (*set_vq_ready)(struct virtio_transport *tr, uint16_t index);
	/*
	 * Ask for the reset of one virtqueue (VIRTIO_F_RING_RESET, s. 2.6.1), and
	 * whether it is under way still.
	 */
	int (*reset_vq)(struct virtio_transport *tr, uint16_t index);
	int (*get_vq_reset)(struct virtio_transport *tr, uint16_t index,
			bool *ongoing);
	/*
	 * Where the doorbell of a virtqueue is, to be kept with the queue; -ERANGE
	 * if the device puts it where there can be none.
	 */
	int (*get_vq_notify_offset)(struct virtio_transport *tr, uint16_t index,
			uint64_t *offset);
	/* The doorbell there, in this process. */
	void (*get_vq_doorbell)(struct virtio_transport *tr, uint16_t index,
			uint64_t offset, struct virtio_doorbell *doorbell);

	/* Number of interrupt vectors, 0 if there are no interrupts. */
	int (*get_vector_count)(struct virtio_transport *tr, uint32_t *count);
	/* Signal vector i to the eventfd fds[i]; count 0 disables all. */
	int (*set_vectors)(struct virtio_transport *tr, const int *fds,
			uint32_t count);
	/* -EBUSY if the device has no room for the vector (NO_VECTOR). */
	int (*set_config_vector)(struct virtio_transport *tr, uint16_t vector);
	int (*set_vq_vector)(struct virtio_transport *tr, uint16_t index,
			uint16_t vector);
	/*
	 * After an interrupt: what it was for, VIRTIO_PCI_ISR_CONFIG for one,
	 * and let the next one come. With a vector of its own for the
	 * configuration the answer needs no device access.
	 */
	int (*get_isr)(struct virtio_transport *tr, uint8_t *isr);

	/*
	 * All registers as words, with those of so many virtqueues: as many as said
	 * below. Changes which queue is selected.
	 */
	int (*get_regs)(struct virtio_transport *tr, uint32_t nr_vqs,
			uint32_t *words);

	/* Free the transport, not what it was made from. The device is reset. */
	void (*destroy)(struct virtio_transport *tr);
};

/*
 * The layout of get_regs, of words in the processor's order:
 *	0, 1	device features, low and high
 *	2, 3	driver features, low and high
 *	4	configuration vector
 *	5	number of queues
 *	6	device status
 *	7	configuration generation
 *	8	ISR status; all ones if reading it would acknowledge an interrupt
 *	9	length of the device configuration in bytes
 * then the device configuration, as bytes, the first one in the lowest bits of a word;
 * zeros beyond its length; and for each virtqueue
 *	0	size
 *	1	vector
 *	2	enabled
 *	3	notify offset
 *	4, 5	address of the descriptor area, low and high
 *	6, 7	address of the driver area
 *	8, 9	address of the device area
 */
#define VIRTIO_REGS_COMMON 10
#define VIRTIO_REGS_CONFIG 16
#define VIRTIO_REGS_QUEUE 10

/*
 * Set by the transport's create function; read-only for everybody else, but for the
 * features: virtio_device_negotiate() sets them, and in a secondary process whoever
 * hears of a start.
 */
struct virtio_transport {
	const struct virtio_transport_ops *ops;
	const char *name;    /* of the device, for messages */
	enum virtio_transport_type type;
	uint32_t config_len; /* of device-specific configuration, bytes */
	bool iova_as_va;     /* addresses for the device are virtual ones */
	uint64_t features;   /* as negotiated */
	bool gone;           /* that it is was said */
};

/* By enum virtio_transport_type. */
extern const struct virtio_transport_ops *const
	virtio_transport_table[VIRTIO_TRANSPORT_TYPES];

static inline bool
virtio_has_feature(uint64_t features, unsigned int bit)
{
	return (features & RTE_BIT64(bit)) != 0;
}

/*
 * Reset the device and wait until it says so, for a bounded time; by other means
 * if it does not (s. 2.4). -ETIMEDOUT: the device may still use its buffers.
 */
int virtio_device_reset(struct virtio_transport *tr);

/*
 * Reset one virtqueue and wait until the device says so, for a bounded time (s. 2.6.1.1):
 * -ETIMEDOUT: the device may still use its buffers. VIRTIO_F_RING_RESET is negotiated.
 */
int virtio_device_reset_vq(struct virtio_transport *tr, uint16_t index);

/* Set bits of the device status. */
int virtio_device_add_status(struct virtio_transport *tr, uint8_t bits);

/* Tell the device that the driver gave up on it. Errors have no consequence. */
void virtio_device_fail(struct virtio_transport *tr);

/*
 * Reset the device and go up to FEATURES_OK. filter gets what the device offers
 * and returns what the driver takes, which must include VIRTIO_F_VERSION_1.
 * Logs a failure, and sets FAILED.
 */
int virtio_device_negotiate(struct virtio_transport *tr,
		uint64_t (*filter)(uint64_t offered, void *arg), void *arg,
		uint64_t *features);

/*
 * Read configuration of several fields as of one moment (s. 2.5.1): again while
 * the generation changes, for a bounded number of times; -EAGAIN after that.
 */
int virtio_device_config_read(struct virtio_transport *tr, uint32_t offset,
		void *buf, uint32_t len);

#endif /* VIRTIO_TRANSPORT_H */
