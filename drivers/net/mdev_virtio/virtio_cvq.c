/* SPDX-License-Identifier: BSD-3-Clause */

/* Commands to the device through its control virtqueue. */

#include <errno.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include <rte_byteorder.h>
#include <rte_cycles.h>
#include <rte_errno.h>

#include "mdev_virtio_logs.h"
#include "virtio_cvq.h"
#include "virtqueue_split.h"

/* Reading the status is an access to the device, so it is done less often. */
#define STATUS_POLLS 64

#define ACK_NONE 0xff

/* s. 5.1.6.5.2: two tables, each of a number and as many addresses */
#define DATA_MAX (2 * sizeof(rte_le32_t) + \
	VIRTIO_CVQ_MAC_MAX * sizeof(struct rte_ether_addr))

/* A command as it lies in the queue's memory, behind the ring. */
struct command_buf {
	struct virtio_net_ctrl_hdr hdr;
	uint8_t data[DATA_MAX];
	/* what the device writes shares no line with what it reads */
	uint8_t ack __rte_aligned(RTE_CACHE_LINE_SIZE);
};

struct command {
	const char *name; /* for messages */
	uint8_t class;
	uint8_t cmd;
};

/* The descriptors of the only command. */
enum { DESC_HDR, DESC_DATA, DESC_ACK, DESC_COUNT };

static struct command_buf *
command_buf(const struct virtqueue *vq)
{
	return RTE_PTR_ADD(vq->mz->addr, vq->hdr_iova - vq->ring_iova);
}

static const char *
port_name(const struct virtqueue *vq)
{
	return rte_eth_devices[vq->port_id].data->name;
}

int
virtio_cvq_create(struct virtio_cvq *cvq, uint16_t port_id, uint16_t index,
		uint16_t size, int socket_id)
{
	RTE_BUILD_BUG_ON(sizeof(struct command_buf) > VIRTQUEUE_CTRL_BUF_LEN);

	memset(cvq, 0, sizeof(*cvq));
	pthread_mutex_init(&cvq->lock, NULL);
	cvq->max_polls = VIRTIO_CVQ_MAX_POLLS;
	cvq->start_polls = VIRTIO_CVQ_START_POLLS;
	if (size == 0)
		return 0;
	cvq->vq = virtqueue_create(port_id, index, VIRTQUEUE_CTRL, size,
			socket_id);
	return cvq->vq == NULL ? -rte_errno : 0;
}

void
virtio_cvq_free(struct virtio_cvq *cvq, bool lost)
{
	if (!lost)
		virtqueue_free(cvq->vq);
	cvq->vq = NULL;
	pthread_mutex_destroy(&cvq->lock);
}

void
virtio_cvq_start(struct virtio_cvq *cvq)
{
	if (cvq->vq == NULL)
		return;
	pthread_mutex_lock(&cvq->lock);
	cvq->error = 0;
	cvq->starting = true;
	cvq->polls_left = cvq->start_polls;
	__atomic_store_n(&cvq->running, true, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&cvq->lock);
}

void
virtio_cvq_started(struct virtio_cvq *cvq)
{
	if (cvq->vq == NULL)
		return;
	pthread_mutex_lock(&cvq->lock);
	cvq->starting = false;
	pthread_mutex_unlock(&cvq->lock);
}

void
virtio_cvq_stop(struct virtio_cvq *cvq)
{
	__atomic_store_n(&cvq->running, false, __ATOMIC_RELEASE);
	/* whoever waits for an answer sees it, and is gone when the lock is free */
	pthread_mutex_lock(&cvq->lock);
	pthread_mutex_unlock(&cvq->lock);
}

/*
 * Header, data and ack in descriptors of their own: VIRTIO 1.2 s. 2.7.4.1 leaves the
 * framing to the driver, but this is what all devices have seen.
 */
static void
enqueue(struct virtqueue *vq, const struct command *command, const void *data,
		uint32_t len)
{
	struct command_buf *buf = command_buf(vq);
	rte_iova_t iova = vq->hdr_iova;

	buf->hdr.class = command->class;
	buf->hdr.cmd = command->cmd;
	if (len > 0)
		memcpy(buf->data, data, len);
	buf->ack = ACK_NONE;
	split_write_desc(vq, DESC_HDR, iova + offsetof(struct command_buf, hdr),
		sizeof(buf->hdr), VRING_DESC_F_NEXT,
		len > 0 ? DESC_DATA : DESC_ACK);
	if (len > 0)
		split_write_desc(vq, DESC_DATA,
			iova + offsetof(struct command_buf, data), len,
			VRING_DESC_F_NEXT, DESC_ACK);
	split_write_desc(vq, DESC_ACK, iova + offsetof(struct command_buf, ack),
		sizeof(buf->ack), VRING_DESC_F_WRITE, 0);
	vq->free_count -= DESC_COUNT;
	split_enqueue_avail(vq, DESC_HDR);
	split_publish(vq);
	split_kick(vq);
}

/* A device that is not in operation does not answer (s. 2.1.2). */
static int
check_status(const struct virtqueue *vq, struct virtio_transport *tr,
		const struct command *command)
{
	uint8_t status = 0;
	int ret;

	ret = tr->ops->get_status(tr, &status);
	if (ret == 0 && (status & VIRTIO_CONFIG_S_DRIVER_OK) != 0 &&
			(status & (VIRTIO_CONFIG_S_NEEDS_RESET |
			VIRTIO_CONFIG_S_FAILED)) == 0)
		return 0;
	DRV_LOG(ERR, "%s: the device went out of operation (%s 0x%02x) before it answered the command %s: stop and start the port",
		port_name(vq), ret < 0 ? rte_strerror(-ret) : "status", status,
		command->name);
	return -EIO;
}

/* The last look has been; of_start: of all that a start has. */
static int
give_up(struct virtio_cvq *cvq, const struct command *command, bool of_start)
{
	cvq->timeouts++;
	if (of_start)
		DRV_LOG(ERR, "%s: the device is too slow with the commands of the start, which ended at %s: set fewer VLAN filters, or start the port again",
			port_name(cvq->vq), command->name);
	else
		DRV_LOG(ERR, "%s: the device did not answer the command %s: the control queue is not used any more; stop and start the port to try again",
			port_name(cvq->vq), command->name);
	return -ETIMEDOUT;
}

static int
wait_answer(struct virtio_cvq *cvq, struct virtio_transport *tr,
		const struct command *command)
{
	struct virtqueue *vq = cvq->vq;
	bool of_start = cvq->starting && cvq->polls_left < cvq->max_polls;
	uint32_t polls = of_start ? cvq->polls_left : cvq->max_polls, i;

	for (i = 1; !vq->broken; i++) {
		if (split_used_count(vq) > 0) {
			if (cvq->starting)
				cvq->polls_left -= i - 1;
			return 0;
		}
		if (!__atomic_load_n(&cvq->running, __ATOMIC_ACQUIRE))
			return -ENETDOWN;
		if (i % STATUS_POLLS == 0 && check_status(vq, tr, command) < 0)
			return -EIO;
		if (i >= polls)
			return give_up(cvq, command, of_start);
		rte_delay_us_sleep(VIRTIO_CVQ_POLL_US);
	}
	return -EIO;
}

/* The device has one command, and writes one byte; all else is a lie. */
static int
take_answer(struct virtqueue *vq, uint8_t *ack)
{
	const struct vring_used_elem *elem =
		&vq->used->ring[vq->used_idx & vq->mask];
	uint32_t id = rte_le_to_cpu_32(*(const volatile uint32_t *)&elem->id);
	uint32_t len = rte_le_to_cpu_32(*(const volatile uint32_t *)&elem->len);
	uint16_t count = split_used_count(vq);

	if (count != 1)
		virtqueue_break(vq, "several answers to one command", count);
	else if (id != DESC_HDR)
		virtqueue_break(vq, "a command that it does not have", id);
	else if (len != sizeof(*ack))
		virtqueue_break(vq, "an answer of a wrong length", len);
	if (vq->broken)
		return -EIO;
	vq->used_idx++;
	vq->free_count += DESC_COUNT;
	*ack = *(volatile uint8_t *)&command_buf(vq)->ack;
	return 0;
}

/* The lock is held. Sets the error that ends the queue's use. */
static int
execute(struct virtio_cvq *cvq, struct virtio_transport *tr,
		const struct command *command, const void *data, uint32_t len)
{
	struct virtqueue *vq = cvq->vq;
	uint8_t ack;
	int ret;

	if (!__atomic_load_n(&cvq->running, __ATOMIC_ACQUIRE))
		return -ENETDOWN;
	if (cvq->error != 0)
		return cvq->error;
	enqueue(vq, command, data, len);
	ret = wait_answer(cvq, tr, command);
	if (ret == 0)
		ret = take_answer(vq, &ack);
	if (ret < 0) {
		cvq->error = ret;
		return ret;
	}
	if (ack == VIRTIO_NET_OK)
		return 0;
	DRV_LOG(ERR, "%s: the device refused the command %s (%u): allow it where the device is made, or do without",
		port_name(vq), command->name, ack);
	return -EIO;
}

/*
 * The lock is held while the answer is waited for, by sleeping: a mutex, because a
 * second caller has to sleep too.
 */
static int
send_command(struct virtio_cvq *cvq, struct virtio_transport *tr,
		const struct command *command, const void *data, uint32_t len)
{
	int ret;

	if (cvq->vq == NULL)
		return -ENETDOWN;
	pthread_mutex_lock(&cvq->lock);
	ret = execute(cvq, tr, command, data, len);
	if (ret < 0 && ret != -ENETDOWN)
		cvq->failed++;
	pthread_mutex_unlock(&cvq->lock);
	return ret;
}

/* A command of a receive mode. */
static int
send_switch(struct virtio_cvq *cvq, struct virtio_transport *tr,
		const struct command *command, bool on)
{
	uint8_t value = on;

	return send_command(cvq, tr, command, &value, sizeof(value));
}

int
virtio_cvq_promiscuous(struct virtio_cvq *cvq, struct virtio_transport *tr,
		bool on)
{
	static const struct command command = {
		"RX_PROMISC", VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC,
	};

	return send_switch(cvq, tr, &command, on);
}

int
virtio_cvq_allmulticast(struct virtio_cvq *cvq, struct virtio_transport *tr,
		bool on)
{
	static const struct command command = {
		"RX_ALLMULTI", VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLMULTI,
	};

	return send_switch(cvq, tr, &command, on);
}

static uint32_t
put_mac_table(uint8_t *to, const struct rte_ether_addr *macs, uint32_t count)
{
	rte_le32_t entries = rte_cpu_to_le_32(count);
	uint32_t len = count * sizeof(*macs);

	memcpy(to, &entries, sizeof(entries));
	if (len > 0)
		memcpy(to + sizeof(entries), macs, len);
	return sizeof(entries) + len;
}

int
virtio_cvq_mac_table(struct virtio_cvq *cvq, struct virtio_transport *tr,
		const struct rte_ether_addr *unicast, uint32_t nr_unicast,
		const struct rte_ether_addr *multicast, uint32_t nr_multicast)
{
	static const struct command command = {
		"MAC_TABLE_SET", VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET,
	};
	uint8_t data[DATA_MAX];
	uint32_t len;

	if ((uint64_t)nr_unicast + nr_multicast > VIRTIO_CVQ_MAC_MAX)
		return -ENOSPC;
	len = put_mac_table(data, unicast, nr_unicast);
	len += put_mac_table(data + len, multicast, nr_multicast);
	return send_command(cvq, tr, &command, data, len);
}

int
virtio_cvq_mac_addr(struct virtio_cvq *cvq, struct virtio_transport *tr,
		const struct rte_ether_addr *mac)
{
	static const struct command command = {
		"MAC_ADDR_SET", VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET,
	};

	return send_command(cvq, tr, &command, mac->addr_bytes,
			sizeof(mac->addr_bytes));
}

int
virtio_cvq_vlan(struct virtio_cvq *cvq, struct virtio_transport *tr,
		uint16_t vlan_id, bool on)
{
	static const struct command add = {
		"VLAN_ADD", VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD,
	};
	static const struct command del = {
		"VLAN_DEL", VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_DEL,
	};
	rte_le16_t value = rte_cpu_to_le_16(vlan_id);

	return send_command(cvq, tr, on ? &add : &del, &value, sizeof(value));
}

int
virtio_cvq_announce_ack(struct virtio_cvq *cvq, struct virtio_transport *tr)
{
	static const struct command command = {
		"ANNOUNCE_ACK", VIRTIO_NET_CTRL_ANNOUNCE,
		VIRTIO_NET_CTRL_ANNOUNCE_ACK,
	};

	return send_command(cvq, tr, &command, NULL, 0);
}

int
virtio_cvq_queue_pairs(struct virtio_cvq *cvq, struct virtio_transport *tr,
		uint16_t pairs)
{
	static const struct command command = {
		"VQ_PAIRS_SET", VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET,
	};
	rte_le16_t value = rte_cpu_to_le_16(pairs);

	return send_command(cvq, tr, &command, &value, sizeof(value));
}
