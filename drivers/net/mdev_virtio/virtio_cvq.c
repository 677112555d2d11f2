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
#include "virtqueue_packed.h"
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

/* Has a backend a say in it? Such are sent in a start or a recovery only. */
static bool
asks_backend(const struct command *command)
{
	return command->class == VIRTIO_NET_CTRL_MQ &&
		command->cmd == VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET;
}

#define DESCS_MAX 3

/* The id of a packed ring's only command. */
#define PACKED_ID 0

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
	cvq->backend_polls = VIRTIO_CVQ_BACKEND_POLLS;
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
		virtqueue_destroy(cvq->vq);
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
 * s. 2.7.5 and 2.7.9: with VIRTIO_F_IN_ORDER descriptors are used in ring order, and each
 * one's next is the one behind it. Without, they may be as well.
 */
static void
publish_split(struct virtqueue *vq, const struct vring_desc *descs, uint16_t count)
{
	uint16_t first = vq->head & vq->mask, i;

	for (i = 0; i < count; i++)
		split_write_desc(vq, (first + i) & vq->mask, descs[i].addr,
			descs[i].len, descs[i].flags, (first + i + 1) & vq->mask);
	vq->head += count;
	split_enqueue_avail(vq, vq->avail_idx++, first);
	split_publish(vq, vq->avail_idx);
	split_kick(vq, vq->avail_idx - 1, vq->avail_idx);
}

static void
publish_packed(struct virtqueue *vq, const struct vring_desc *descs, uint16_t count)
{
	uint16_t old = vq->head, i;
	uint64_t word, first = 0;

	for (i = 0; i < count; i++) {
		word = packed_pack(descs[i].len, PACKED_ID, descs[i].flags |
				packed_avail_flags(vq, old + i));
		if (i == 0) {
			first = word;
			vq->packed_desc[old & vq->mask].addr =
				rte_cpu_to_le_64(descs[i].addr);
		} else {
			packed_write_desc(vq, old + i, descs[i].addr, word);
		}
	}
	vq->head += count;
	packed_publish(vq, old, first);
	packed_kick(vq);
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
	struct vring_desc descs[DESCS_MAX];
	rte_iova_t iova = vq->hdr_iova;
	uint16_t count = 0;

	buf->hdr.class = command->class;
	buf->hdr.cmd = command->cmd;
	if (len > 0)
		memcpy(buf->data, data, len);
	buf->ack = ACK_NONE;
	descs[count++] = (struct vring_desc){
		.addr = iova + offsetof(struct command_buf, hdr),
		.len = sizeof(buf->hdr), .flags = VRING_DESC_F_NEXT,
	};
	if (len > 0)
		descs[count++] = (struct vring_desc){
			.addr = iova + offsetof(struct command_buf, data),
			.len = len, .flags = VRING_DESC_F_NEXT,
		};
	descs[count++] = (struct vring_desc){
		.addr = iova + offsetof(struct command_buf, ack),
		.len = sizeof(buf->ack), .flags = VRING_DESC_F_WRITE,
	};
	if (vq->packed)
		publish_packed(vq, descs, count);
	else
		publish_split(vq, descs, count);
}

/* What comes of it, and what a user can do; while commands may be those of a recovery. */
static const char *
remedy(const struct virtio_cvq *cvq, uint8_t status)
{
	if (cvq->starting)
		return "the start ends with it, and can be tried again when the device is well";
	if ((status & VIRTIO_CONFIG_S_NEEDS_RESET) != 0)
		return "the port recovers by itself, or a line says why it cannot";
	return "the control queue is not used any more; stop and start the port to try again";
}

/* A device that is not in operation does not answer (s. 2.1.2). */
static int
check_status(const struct virtio_cvq *cvq, struct virtio_transport *tr,
		const struct command *command)
{
	uint8_t status = 0;
	int ret;

	ret = tr->ops->get_status(tr, &status);
	if (ret == 0 && (status & VIRTIO_CONFIG_S_DRIVER_OK) != 0 &&
			(status & (VIRTIO_CONFIG_S_NEEDS_RESET |
			VIRTIO_CONFIG_S_FAILED)) == 0)
		return 0;
	DRV_LOG(ERR, "%s: the device went out of operation (%s 0x%02x) before it answered the command %s: %s",
		port_name(cvq->vq), ret < 0 ? rte_strerror(-ret) : "status",
		status, command->name, remedy(cvq, status));
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
		DRV_LOG(ERR, "%s: the device did not answer the command %s: %s",
			port_name(cvq->vq), command->name, remedy(cvq, 0));
	return -ETIMEDOUT;
}

/* Whether there is an answer; the command's id and its length as the device says. */
static bool
find_answer(struct virtqueue *vq, uint32_t *id, uint32_t *len)
{
	uint64_t word;

	if (!vq->packed) {
		if (split_used_count(vq, vq->used_idx,
				vq->avail_idx - vq->used_idx) == 0)
			return false;
		*id = split_used_elem(vq, vq->used_idx, len);
		return true;
	}
	if (!packed_is_used(vq, vq->tail, &word))
		return false;
	*id = packed_id(word);
	*len = packed_len(word);
	return true;
}

static int
wait_answer(struct virtio_cvq *cvq, struct virtio_transport *tr,
		const struct command *command, uint32_t *id, uint32_t *len)
{
	struct virtqueue *vq = cvq->vq;
	const bool backend = asks_backend(command);
	bool of_start = cvq->starting && !backend && cvq->polls_left < cvq->max_polls;
	uint32_t polls = cvq->max_polls, i;

	if (backend)
		polls = cvq->backend_polls;
	else if (of_start)
		polls = cvq->polls_left;
	for (i = 1; !vq->broken; i++) {
		if (find_answer(vq, id, len)) {
			if (cvq->starting && !backend)
				cvq->polls_left -= i - 1;
			return 0;
		}
		if (!__atomic_load_n(&cvq->running, __ATOMIC_ACQUIRE))
			return -ENETDOWN;
		if (i % STATUS_POLLS == 0 && check_status(cvq, tr, command) < 0)
			return -EIO;
		if (i >= polls)
			return give_up(cvq, command, of_start);
		rte_delay_us_sleep(VIRTIO_CVQ_POLL_US);
	}
	return -EIO;
}

/*
 * The device has one command, whose first descriptor is at the tail, and writes one byte;
 * all else is a lie. Not so what is beyond that byte: Cloud Hypervisor counts what it has
 * read of the command, too, and nobody looks there.
 */
static int
take_answer(struct virtqueue *vq, uint32_t id, uint32_t len, uint8_t *ack)
{
	if (id != (vq->packed ? PACKED_ID : vq->tail & vq->mask))
		virtqueue_break(vq, "a command that it does not have", id);
	else if (len < sizeof(*ack))
		virtqueue_break(vq, "an answer of a wrong length", len);
	if (vq->broken)
		return -EIO;
	vq->used_idx++;
	vq->tail = vq->head;
	*ack = *(volatile uint8_t *)&command_buf(vq)->ack;
	return 0;
}

/* The lock is held. Sets the error that ends the queue's use. */
static int
execute(struct virtio_cvq *cvq, struct virtio_transport *tr,
		const struct command *command, const void *data, uint32_t len)
{
	struct virtqueue *vq = cvq->vq;
	uint32_t id, answer_len;
	uint8_t ack;
	int ret;

	if (!__atomic_load_n(&cvq->running, __ATOMIC_ACQUIRE))
		return -ENETDOWN;
	if (cvq->error != 0)
		return cvq->error;
	enqueue(vq, command, data, len);
	ret = wait_answer(cvq, tr, command, &id, &answer_len);
	if (ret == 0)
		ret = take_answer(vq, id, answer_len, &ack);
	if (ret < 0) {
		cvq->error = ret;
		return ret;
	}
	if (ack == VIRTIO_NET_OK) {
		DRV_LOG(DEBUG, "%s: command %s done", port_name(vq), command->name);
		return 0;
	}
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

int
virtio_cvq_rx_coalesce(struct virtio_cvq *cvq, struct virtio_transport *tr,
		uint32_t usecs, uint32_t packets)
{
	static const struct command command = {
		"NOTF_COAL_RX_SET", VIRTIO_NET_CTRL_NOTF_COAL,
		VIRTIO_NET_CTRL_NOTF_COAL_RX_SET,
	};
	const struct virtio_net_ctrl_coal_rx coalesce = {
		.rx_max_packets = rte_cpu_to_le_32(packets),
		.rx_usecs = rte_cpu_to_le_32(usecs),
	};

	return send_command(cvq, tr, &command, &coalesce, sizeof(coalesce));
}

static uint32_t
put_u16(uint8_t *to, uint16_t value)
{
	rte_le16_t raw = rte_cpu_to_le_16(value);

	memcpy(to, &raw, sizeof(raw));
	return sizeof(raw);
}

static uint32_t
put_u32(uint8_t *to, uint32_t value)
{
	rte_le32_t raw = rte_cpu_to_le_32(value);

	memcpy(to, &raw, sizeof(raw));
	return sizeof(raw);
}

static uint32_t
put_key(uint8_t *to, const struct virtio_cvq_hash *hash)
{
	to[0] = hash->key_len;
	memcpy(to + 1, hash->key, hash->key_len);
	return 1 + hash->key_len;
}

/* The fields are not aligned to their size, so there is no struct to fill. */
int
virtio_cvq_hash_config(struct virtio_cvq *cvq, struct virtio_transport *tr,
		const struct virtio_cvq_hash *hash)
{
	static const struct command command = {
		"HASH_CONFIG", VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_HASH_CONFIG,
	};
	uint8_t data[DATA_MAX];
	uint32_t len, i;

	len = put_u32(data, hash->types);
	for (i = 0; i < RTE_DIM(((struct virtio_net_hash_config *)0)->reserved); i++)
		len += put_u16(data + len, 0);
	len += put_key(data + len, hash);
	return send_command(cvq, tr, &command, data, len);
}

int
virtio_cvq_rss_config(struct virtio_cvq *cvq, struct virtio_transport *tr,
		const struct virtio_cvq_hash *hash, const uint16_t *reta,
		uint16_t reta_size, uint16_t tx_queues)
{
	static const struct command command = {
		"RSS_CONFIG", VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_RSS_CONFIG,
	};
	uint8_t data[DATA_MAX];
	uint32_t len;
	uint16_t i;

	RTE_BUILD_BUG_ON(sizeof(struct virtio_net_rss_config) + UINT8_MAX +
		VIRTIO_CVQ_RETA_MAX * sizeof(rte_le16_t) > DATA_MAX);
	if (!rte_is_power_of_2(reta_size) || reta_size > VIRTIO_CVQ_RETA_MAX)
		return -EINVAL;
	len = put_u32(data, hash->types);
	len += put_u16(data + len, reta_size - 1);
	len += put_u16(data + len, 0);
	for (i = 0; i < reta_size; i++)
		len += put_u16(data + len, reta[i]);
	len += put_u16(data + len, tx_queues);
	len += put_key(data + len, hash);
	return send_command(cvq, tr, &command, data, len);
}
