/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_DEVICE_PRIVATE_H
#define MEDIATOR_DEVICE_PRIVATE_H

/*
 * What the files of a device share: device.c makes it, device_model.c is the virtio
 * device, device_vfu.c, device_irq.c, device_dma.c and device_doorbell.c are what the
 * client sees of it, device_backend.c runs the backend.
 */

#include "ctrl_queue.h"
#include "device.h"
#include "dma_table.h"
#include "log.h"
#include "net_ctrl.h"
#include "vfu_server.h"
#include "vhost_user.h"
#include "virtio_net_dev.h"
#include "virtio_pci.h"
#include "virtio_regs.h"

/* What the backend is doing. It uses the client's memory in all but the first three. */
enum device_run {
	DEVICE_STOPPED,
	DEVICE_PREPARING,        /* is being told of memory that it does not use yet */
	DEVICE_RELEASING,        /* is giving memory back that it does not use */
	DEVICE_STARTING,
	DEVICE_STARTED,
	DEVICE_REMAPPING,        /* is being given other memory */
	DEVICE_PAIRING,          /* is being told of other queue pairs */
	DEVICE_STOPPING,
};

struct device {
	struct loop *loop;
	struct device_conf conf;
	char name[sizeof("mdev:") + DEVICE_UUID_LEN];
	struct log_limit log_limit; /* of lines that a client can cause */
	struct vfu_server *server;
	struct vhost_user *vu;

	/* device_model.c */
	struct virtio_regs regs;
	struct virtio_queue *queues;
	struct virtio_pci pci;
	struct net_ctrl ctrl;
	struct ctrl_queue cq;
	uint16_t pairs;          /* that are offered */
	bool link, announce;     /* the status in the configuration */

	/* the client's */
	struct dma_table memory;
	int *irq_fds;            /* by vector; -1: none */
	bool *irq_pending;       /* it was raised when it had none */
	uint16_t nr_vectors;
	int req_fd;

	/* device_doorbell.c */
	int *kick_fds;           /* by data queue, then that of the control queue */
	int page_fd;
	struct loop_fd *ctrl_watch;

	/* device_backend.c */
	enum device_run run;
	bool prepare;            /* it can be told of the memory before the start */
	bool other_memory;       /* since that was done last */
	bool remap;              /* it does not know the memory of now */
	bool release;            /* stopped, it may map memory that was taken away */
	bool later;              /* the client waits for vfu_server_done() */
	bool fresh;              /* no backend has seen the rings */
	bool resumed;            /* another one has, before the one of now */
	bool refused;            /* the one that is there cannot serve the driver */
	uint16_t told_pairs;     /* that are enabled at the backend */
	bool recall;             /* it does not know all interrupts of now */
	int lacks;               /* what the next step has failed of, and is tried again */
	struct loop_timer retry;
	struct loop_timer patience; /* of the client that waits */
	struct loop_timer ctrl_patience; /* of its driver, for the control queue */
	uint64_t losses, lost_frames;
};

/* device_model.c */

int device_model_init(struct device *dev);
void device_model_uninit(struct device *dev);
/* What is offered, by what is known of the backend; with the device reset. */
void device_model_offer(struct device *dev);
/* The end of a reset. */
void device_model_reset(struct device *dev);
/* The control queue's doorbell rang. */
void device_ctrl_run(struct device *dev);
/* What a command has waited for is over. */
void device_ctrl_done(struct device *dev);
/* Queues that move packets, by the features of now. */
uint16_t device_data_queues(const struct device *dev);
/* Link, announcement or status have changed (VIRTIO 1.2 s. 2.5.1, 4.1.5.4). */
void device_config_changed(struct device *dev);
/* It cannot go on (s. 2.1.2); says why, with the remedy. */
void device_needs_reset(struct device *dev, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/*
 * Stop whatever runs; device_model_reset() follows once the backend has stopped.
 * Returns 0 or VFU_LATER.
 */
int device_reset(struct device *dev);

/* device_vfu.c */
extern const struct vfu_ops device_vfu_ops;

/* device_irq.c */
int device_irq_info(void *arg, uint32_t index, uint32_t *flags, uint32_t *count);
int device_irq_set(void *arg, uint32_t index, uint32_t start, uint32_t count,
		const int *fds);
int device_irq_trigger(void *arg, uint32_t index, uint32_t vector);
int device_irq_mask(void *arg, uint32_t index, uint32_t start, uint32_t count, bool mask);
/* Forget interrupts that nobody has heard of. */
void device_irq_forget(struct device *dev);
void device_irq_clear(struct device *dev);
/* The eventfd of a vector; -1: none. */
int device_irq_fd(const struct device *dev, uint16_t vector);
void device_irq_raise(struct device *dev, uint16_t vector);

/* device_dma.c */
uint32_t device_dma_max_maps(void *arg);
int device_dma_map(void *arg, uint64_t iova, uint64_t size, uint64_t offset,
		uint32_t prot, int fd);
int device_dma_unmap(void *arg, uint64_t iova, uint64_t size);
int device_dma_unmap_all(void *arg);
/* 0; -ENOSPC, logged: the memory is in more pieces than a backend takes. */
int device_dma_check(struct device *dev);
/* The first data queue that is enabled and not in the memory; -1: none. */
int device_dma_stray_queue(const struct device *dev);

/* device_doorbell.c */
/* 0 or a negative errno, logged: without doorbells packets would never move. */
int device_doorbell_open(struct device *dev);
void device_doorbell_close(struct device *dev);
void device_doorbell_region(const struct device *dev, struct vfu_region *region);
int device_doorbell_io_fds(const struct device *dev, struct vfu_io_fd *fds);
/* Rung by a message. */
void device_doorbell_ring(struct device *dev, uint16_t notify_off);
/* As if the control queue's rang once more. */
void device_doorbell_again(struct device *dev);
/* What the backend is told to wait for; -1: nothing, it polls. */
int device_doorbell_kick_fd(const struct device *dev, uint16_t queue);

/* device_backend.c */
extern const struct vhost_user_ops device_backend_ops;
/* Who drives the device will start it soon, most likely with the memory of now. */
void device_backend_prepare(struct device *dev);
/* The backend has the rings, or is just getting them. */
bool device_backend_active(const struct device *dev);
/* Bring it to where the device is. */
void device_settle(struct device *dev);
/* And say what the client is answered with: 0, or VFU_LATER until it is there. */
int device_settle_for_client(struct device *dev);
void device_backend_retry(void *arg);
void device_backend_too_slow(void *arg);
/* A command of the control queue waits from now on. */
void device_backend_ctrl_waits(struct device *dev);
/* The backend is still to learn of the queue pairs in use: device_ctrl_done() follows. */
bool device_backend_pairs_wait(const struct device *dev);
/* The eventfd of a queue's interrupts has changed: one that was missed is raised. */
void device_backend_set_call(struct device *dev, uint16_t queue);

#endif /* MEDIATOR_DEVICE_PRIVATE_H */
