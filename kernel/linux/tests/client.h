/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small VFIO client that drives a mediated virtio-net device, for tests. Plain
 * linux/vfio.h and little-endian machines only. What must not fail ends the
 * program with a message; what may be refused returns a negative errno.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/if_ether.h>
#include <linux/vfio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>

#define PAGE		4096u
#define MAX_VQS		33
#define VQ_NUM		16	/* descriptors of each of our rings */
#define BUF_SIZE	2048
#define HDR_LEN		sizeof(struct virtio_net_hdr_v1)

/* The client's memory: a slot for each queue, and a spare one. */
#define SLOT_SIZE	0x10000u
#define SLOT_AVAIL	0x1000u
#define SLOT_USED	0x2000u
#define SLOT_TABLE	0x3000u
#define SLOT_SHADOW	0x4000u
#define SLOT_BUFS	0x8000u
#define MEM_SIZE	(64 * SLOT_SIZE)
#define MEM_IOVA	0x10000000ull

/* Nothing that a test waits for takes longer, unless it never comes. */
#define PATIENCE_S	20

#define BIT(n)		(1ull << (n))

/* What changes how rings and frames look: only who knows what to do takes these. */
#define OPTIONAL	(BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_F_IN_ORDER) | \
			 BIT(VIRTIO_RING_F_EVENT_IDX) |			\
			 BIT(VIRTIO_NET_F_RSS) | BIT(VIRTIO_NET_F_HASH_REPORT))

#define ALL_CTRL	(BIT(VIRTIO_NET_F_CTRL_VQ) | BIT(VIRTIO_NET_F_CTRL_RX) | \
			 BIT(VIRTIO_NET_F_CTRL_VLAN) |			\
			 BIT(VIRTIO_NET_F_CTRL_MAC_ADDR) |		\
			 BIT(VIRTIO_NET_F_GUEST_ANNOUNCE) |		\
			 BIT(VIRTIO_NET_F_MQ))

struct vq {
	struct client *c;
	uint16_t idx;
	uint16_t num;
	uint16_t notify_off;
	bool packed;
	bool event_idx;
	bool in_order;
	uint16_t last_used;	/* an index; packed: a position */
	bool used_wrap;
	uint16_t next_avail;	/* packed only, as are the wrap counters */
	bool avail_wrap;
	uint16_t kicked;	/* slots posted since the last kick */
	uint16_t posted;	/* chains in @fifo, and taken from it */
	uint16_t fetched;
	uint16_t fifo[VQ_NUM];	/* heads, in the order of their posts */
	uint16_t slots[VQ_NUM];	/* by head */
	bool in_batch;		/* IN_ORDER: @batch stands for more than was taken */
	struct vring_used_elem batch;
	uint8_t *slot;
	uint64_t iova;
	volatile struct vring_desc *desc;
	volatile struct vring_packed_desc *pdesc;	/* packed: what @desc becomes */
	volatile struct vring_avail *avail;	/* packed: the driver's event */
	volatile struct vring_used *used;	/* packed: the device's event */
	volatile struct vring_desc *table;	/* for indirect descriptors */
};

struct client {
	const char *uuid;
	int container;
	int group;
	int device;
	uint8_t *mem;
	uint64_t bar;		/* offsets in the device file */
	uint64_t config;
	uint32_t common;	/* offsets in BAR 0 */
	uint32_t isr;
	uint32_t devcfg;
	uint32_t notify;
	uint32_t notify_mult;
	volatile uint32_t *doorbells;	/* or NULL: cannot be mapped */
	uint64_t offered;
	uint64_t take;		/* set by the test: of OPTIONAL, what it wants */
	uint64_t features;
	size_t hdr_len;		/* of frames */
	struct virtio_net_hdr_v1_hash hdr;	/* of the last one that came */
	unsigned int kicks_saved;
	uint16_t max_pairs;
	uint16_t nvqs;
	uint16_t ctrl;		/* index of the control queue */
	struct vq vqs[MAX_VQS];
	int host;		/* packet socket on the host side */
	int ifindex;
};

/* --- messages --- */
void die(const char *format, ...)
	__attribute__((noreturn, format(printf, 1, 2)));
void result(bool ok, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void about(const char *what);	/* begins the names of all results to come */
int results(const char *what);	/* print the sums; exit status */

/* --- VFIO --- */
void client_open(struct client *c, const char *uuid);
void client_close_device(struct client *c);
void client_close(struct client *c);
int client_map(struct client *c);
int client_unmap(struct client *c);
/* 0, or a negative errno; a short transfer is -EMSGSIZE */
int cfg_access(struct client *c, uint32_t off, void *val, size_t len, bool write);
int bar_access(struct client *c, uint32_t off, void *val, size_t len, bool write);
void set_command(struct client *c, uint16_t command);
int set_irqs(struct client *c, uint32_t index, uint32_t flags, uint32_t start,
	     uint32_t count, const void *data, size_t data_len);

/*
 * Interrupt @vector is to signal an eventfd from now on, which is returned, and no
 * other interrupt anything; msix_off() undoes that.
 */
int msix_on(struct client *c, uint32_t vector);
void msix_off(struct client *c, int fd);
/* Write to virtio_net/@name in the device's folder in sysfs; 0 or an errno. */
int put_attribute(struct client *c, const char *name, const char *value);

/* --- registers: these die if the access fails --- */
uint32_t get_reg(struct client *c, uint32_t off, size_t len);
void put_reg(struct client *c, uint32_t off, size_t len, uint32_t val);
uint32_t get_common(struct client *c, uint32_t off, size_t len);
void put_common(struct client *c, uint32_t off, size_t len, uint32_t val);
uint8_t get_status(struct client *c);

/* --- device --- */
void client_reset(struct client *c);
bool client_negotiate(struct client *c, uint64_t features);
void vq_init(struct vq *vq);	/* our side of it: empty */
bool vq_enable(struct vq *vq, uint64_t desc, uint64_t avail, uint64_t used);
bool vq_enable_own(struct vq *vq);	/* where vq_init() put it */
void client_start(struct client *c, uint64_t features);
/* true when DEVICE_NEEDS_RESET is there, false if it does not come */
bool client_broken(struct client *c);

/* --- queues --- */
void vq_desc(struct vq *vq, uint16_t i, uint64_t addr, uint32_t len,
	     uint16_t flags, uint16_t next);
void vq_table(struct vq *vq, uint16_t i, uint64_t addr, uint32_t len,
	      uint16_t flags, uint16_t next);
uint64_t vq_buf_iova(const struct vq *vq, unsigned int i);
uint8_t *vq_buf(const struct vq *vq, unsigned int i);
void vq_post(struct vq *vq, uint16_t head);
void vq_kick(struct vq *vq);
/* 1 with a used element, 0 without, -EIO if the device is broken */
int vq_wait(struct vq *vq, struct vring_used_elem *elem);
bool vq_poll(struct vq *vq, struct vring_used_elem *elem);
/* Interrupts; with EVENT_IDX one, when @slots slots more than now have been used. */
void vq_interrupt_after(struct vq *vq, uint16_t slots);
void vq_no_interrupts(struct vq *vq);

/* --- frames --- */
struct vq *rx_vq(struct client *c, unsigned int pair);
struct vq *tx_vq(struct client *c, unsigned int pair);
struct vq *ctrl_vq(struct client *c);
void rx_fill(struct vq *vq);
int tx(struct client *c, unsigned int pair, const void *frame, size_t len);
/* wait for a frame that a test sent; its length, or a negative errno */
int rx(struct client *c, unsigned int *pair, uint8_t *frame);
/* VIRTIO_NET_OK, VIRTIO_NET_ERR or a negative errno */
int command(struct client *c, uint8_t class, uint8_t cmd, const void *data,
	    size_t len);

/* --- the host side --- */
void host_open(struct client *c);
void host_close(struct client *c);
int host_try_send(struct client *c, const void *frame, size_t len);
void host_send(struct client *c, const void *frame, size_t len);
int host_receive(struct client *c, uint8_t *frame);
size_t make_frame(uint8_t *frame, const uint8_t *dest, uint32_t number);
uint32_t frame_number(const uint8_t *frame, int len);

/* a complete start, and a frame each way and a command: does it all work? */
bool works(struct client *c);

#endif /* CLIENT_H */
