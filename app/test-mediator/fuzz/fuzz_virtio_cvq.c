/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * libFuzzer: the driver's control queue with a device that answers what it likes, when it
 * likes, and writes anywhere in the ring.
 *
 * An input is a byte of settings (SETTINGS_*) and then turns: of the application, which
 * sends a command (1 byte: COMMAND_*, and an argument of 1 byte), and, whenever the driver
 * rings or waits, of the device (1 byte: DEVICE_*, with its bytes, which are 0 where the
 * input ends). corpus/make_virtio_cvq.py writes such inputs.
 */

#include <errno.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_log.h>

#include <ethdev_driver.h>

#include <linux/virtio_net.h>

#include <mdev_virtio_ethdev.h>
#include <mdev_virtio_logs.h>
#include <virtio_cvq.h>

#include "fuzz.h"

/* Of the driver's other files: the log type, which says nothing here. */
RTE_LOG_REGISTER_SUFFIX(mdev_virtio_logtype_driver, driver, EMERG)

#define SETTINGS_PACKED 1
#define SETTINGS_EVENT_IDX 2
#define SETTINGS_SIZE 4       /* 64 instead of the smallest ring */
#define SETTINGS_STARTED 8    /* the start has no commands */

enum {
	COMMAND_PROMISC,
	COMMAND_ALLMULTI,
	COMMAND_MAC_TABLE,
	COMMAND_MAC_ADDR,
	COMMAND_VLAN,
	COMMAND_ANNOUNCE_ACK,
	COMMAND_QUEUE_PAIRS,
	COMMAND_COALESCE,
	COMMAND_HASH,
	COMMAND_RSS,
	COMMAND_STARTED,
	COMMAND_STOP,
	COMMAND_RESTART,
	COMMAND_COUNT,
};

enum {
	DEVICE_WAITS,
	DEVICE_ANSWERS,  /* as it should: the ack (1 byte) */
	DEVICE_ACK,      /* writes it (1 byte), and says nothing */
	DEVICE_USED,     /* the next used element: id and length (4 bytes each) */
	DEVICE_INDEX,    /* split: the used index (2 bytes) */
	DEVICE_WRITE,    /* anywhere in the queue's memory (2 bytes), a word (2 bytes) */
	DEVICE_STATUS,   /* the status from now on (1 byte) */
	DEVICE_GONE,     /* registers cannot be read any more */
	DEVICE_STOPPED,  /* another thread stops the queue */
	DEVICE_COUNT,
};

#define SIZES 2
#define MAX_POLLS 130
#define KEY_LEN 40

void __wrap_rte_delay_us_sleep(unsigned int us);

static struct {
	const uint8_t *data;
	size_t size;
} input;

static struct {
	uint16_t used;       /* the next used element */
	uint8_t status;
	bool gone;
} device;

static struct rte_eth_dev *dev;
static struct virtio_cvq queues[SIZES], *cvq;
static bool packed;
static unsigned int sleeps;

static uint8_t
take(void)
{
	if (input.size == 0)
		return 0;
	input.size--;
	return *input.data++;
}

static uint32_t
take_bytes(unsigned int count)
{
	uint32_t value = 0;
	unsigned int i;

	for (i = 0; i < count; i++)
		value |= (uint32_t)take() << 8 * i;
	return value;
}

/* One is all in the queue's memory behind the ring, and the last is the device's to write. */
static void
check_part(uint64_t addr, uint32_t len, uint16_t flags)
{
	const uint64_t from = cvq->vq->hdr_iova;
	const uint64_t until = cvq->vq->ring_iova + cvq->vq->mz->len;

	FUZZ_CHECK(((flags & VRING_DESC_F_WRITE) != 0) == ((flags & VRING_DESC_F_NEXT) == 0));
	FUZZ_CHECK(len > 0 && addr >= from && addr < until && len <= until - addr);
}

/* The parts of the last command: a header, perhaps data, and the byte for the ack. */
static void
check_command(void)
{
	const struct virtqueue *vq = cvq->vq;
	uint16_t at = vq->tail & vq->mask, count = 0, flags;
	uint32_t len;

	if (!packed) {
		FUZZ_CHECK(rte_le_to_cpu_16(vq->avail->idx) == vq->avail_idx);
		FUZZ_CHECK(rte_le_to_cpu_16(
			vq->avail->ring[(vq->avail_idx - 1) & vq->mask]) == at);
	}
	do {
		FUZZ_CHECK(at < vq->size && count < 3);
		flags = rte_le_to_cpu_16(packed ? vq->packed_desc[at].flags :
			vq->desc[at].flags);
		len = rte_le_to_cpu_32(packed ? vq->packed_desc[at].len : vq->desc[at].len);
		check_part(rte_le_to_cpu_64(packed ? vq->packed_desc[at].addr :
			vq->desc[at].addr), len, flags);
		at = packed ? (at + 1) & vq->mask : rte_le_to_cpu_16(vq->desc[at].next);
		count++;
	} while ((flags & VRING_DESC_F_NEXT) != 0);
	FUZZ_CHECK(count >= 2 && len == 1);
	FUZZ_CHECK((uint16_t)(vq->head - vq->tail) == count);
}

/* The ack is the only byte that the driver reads of its command. */
static void
write_ack(uint8_t ack)
{
	struct virtqueue *vq = cvq->vq;
	uint16_t last = vq->head - 1;
	uint64_t addr = packed ? vq->packed_desc[last & vq->mask].addr :
		vq->desc[last & vq->mask].addr;

	/* the device may have written there since */
	if (addr >= vq->hdr_iova && addr < vq->ring_iova + vq->mz->len)
		*(uint8_t *)RTE_PTR_ADD(vq->mz->addr, addr - vq->ring_iova) = ack;
}

static void
write_used(uint32_t id, uint32_t len)
{
	struct virtqueue *vq = cvq->vq;
	struct vring_packed_desc *desc = &vq->packed_desc[vq->tail & vq->mask];

	if (packed) {
		desc->id = rte_cpu_to_le_16(id);
		desc->len = rte_cpu_to_le_32(len);
		desc->flags = rte_cpu_to_le_16((vq->tail & vq->size) == 0 ?
			1 << VRING_PACKED_DESC_F_AVAIL | 1 << VRING_PACKED_DESC_F_USED : 0);
		return;
	}
	vq->used->ring[device.used & vq->mask].id = rte_cpu_to_le_32(id);
	vq->used->ring[device.used & vq->mask].len = rte_cpu_to_le_32(len);
	vq->used->idx = rte_cpu_to_le_16(++device.used);
}

static void
device_turn(void)
{
	struct virtqueue *vq = cvq->vq;
	uint32_t value, at;

	switch (take() % DEVICE_COUNT) {
	case DEVICE_ANSWERS:
		write_ack(take());
		write_used(packed ? 0 : vq->tail & vq->mask, 1);
		break;
	case DEVICE_ACK:
		write_ack(take());
		break;
	case DEVICE_USED:
		value = take_bytes(4);
		write_used(value, take_bytes(4));
		break;
	case DEVICE_INDEX:
		device.used = take_bytes(2);
		if (!packed)
			vq->used->idx = rte_cpu_to_le_16(device.used);
		break;
	case DEVICE_WRITE:
		at = take_bytes(2) % (vq->mz->len - 1);
		value = take_bytes(2);
		memcpy(RTE_PTR_ADD(vq->mz->addr, at), &value, 2);
		break;
	case DEVICE_STATUS:
		device.status = take();
		break;
	case DEVICE_GONE:
		device.gone = true;
		break;
	case DEVICE_STOPPED:
		/* the other one waits for the lock then */
		__atomic_store_n(&cvq->running, false, __ATOMIC_RELEASE);
		break;
	default:
		break;
	}
}

void
__wrap_rte_delay_us_sleep(unsigned int us)
{
	(void)us;
	sleeps++;
	device_turn();
}

static int
ring_doorbell(struct virtio_doorbell *doorbell, uint16_t next)
{
	(void)doorbell;
	(void)next;
	check_command();
	device_turn();
	return 0;
}

static int
get_status(struct virtio_transport *tr, uint8_t *status)
{
	(void)tr;
	*status = device.status;
	return device.gone ? -EIO : 0;
}

static const struct virtio_transport_ops ops = {
	.name = "fuzz",
	.get_status = get_status,
};
static struct virtio_transport transport = { .ops = &ops, .name = "fuzz" };

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static char args[][20] = {
		"fuzz", "--no-huge", "--no-shconf", "-m", "64", "--no-pci",
		"--no-telemetry", "-l", "0", "--iova-mode=va",
	};
	char *eal_argv[RTE_DIM(args) + 1] = { NULL };
	struct mdev_virtio_process *process;
	unsigned int i;

	(void)argc;
	(void)argv;
	for (i = 0; i < RTE_DIM(args); i++)
		eal_argv[i] = args[i];
	FUZZ_CHECK(rte_eal_init(RTE_DIM(args), eal_argv) >= 0);
	rte_log_set_level_pattern("*", RTE_LOG_EMERG);
	dev = rte_eth_dev_allocate("fuzz");
	process = calloc(1, sizeof(*process) + SIZES * sizeof(process->doorbells[0]));
	FUZZ_CHECK(dev != NULL && process != NULL);
	process->nr_doorbells = SIZES;
	dev->process_private = process;
	for (i = 0; i < SIZES; i++) {
		process->doorbells[i].ring = ring_doorbell;
		FUZZ_CHECK(virtio_cvq_create(&queues[i], dev->data->port_id, i,
			i == 0 ? VIRTIO_CVQ_MIN_SIZE : 64, SOCKET_ID_ANY) == 0);
		queues[i].max_polls = MAX_POLLS;
		queues[i].backend_polls = 2 * MAX_POLLS;
		queues[i].start_polls = 3 * MAX_POLLS;
	}
	return 0;
}

static void
start(uint8_t settings)
{
	packed = (settings & SETTINGS_PACKED) != 0;
	memset(&device, 0, sizeof(device));
	device.status = VIRTIO_CONFIG_S_DRIVER_OK;
	cvq->vq->event_idx = (settings & SETTINGS_EVENT_IDX) != 0;
	virtqueue_reset(cvq->vq, packed);
	virtio_cvq_start(cvq);
	if ((settings & SETTINGS_STARTED) != 0)
		virtio_cvq_started(cvq);
}

static int
send_tables(uint8_t command, uint8_t arg)
{
	static const uint8_t key[KEY_LEN];
	static const struct rte_ether_addr macs[VIRTIO_CVQ_MAC_MAX];
	static const uint16_t reta[VIRTIO_CVQ_RETA_MAX];
	const struct virtio_cvq_hash hash = { .types = arg, .key_len = KEY_LEN, .key = key };

	if (command == COMMAND_MAC_TABLE)
		return virtio_cvq_mac_table(cvq, &transport, macs, arg, macs, arg);
	if (command == COMMAND_HASH)
		return virtio_cvq_hash_config(cvq, &transport, &hash);
	return virtio_cvq_rss_config(cvq, &transport, &hash, reta, 1 << arg % 11, 1);
}

static int
send_command(uint8_t command, uint8_t arg)
{
	static const struct rte_ether_addr mac;

	switch (command) {
	case COMMAND_PROMISC:
		return virtio_cvq_promiscuous(cvq, &transport, arg & 1);
	case COMMAND_ALLMULTI:
		return virtio_cvq_allmulticast(cvq, &transport, arg & 1);
	case COMMAND_MAC_ADDR:
		return virtio_cvq_mac_addr(cvq, &transport, &mac);
	case COMMAND_VLAN:
		return virtio_cvq_vlan(cvq, &transport, arg, arg & 1);
	case COMMAND_ANNOUNCE_ACK:
		return virtio_cvq_announce_ack(cvq, &transport);
	case COMMAND_QUEUE_PAIRS:
		return virtio_cvq_queue_pairs(cvq, &transport, arg);
	case COMMAND_COALESCE:
		return virtio_cvq_rx_coalesce(cvq, &transport, arg, arg);
	default:
		return send_tables(command, arg);
	}
}

/* What comes of a command is one of few things, in a time that is bounded. */
static void
check_sent(uint8_t command, int ret, int error, uint64_t failed)
{
	const bool unsent = ret == -ENOSPC || ret == -EINVAL || ret == -ENETDOWN;

	/* a number of queue pairs is the backend's matter, too */
	FUZZ_CHECK(sleeps <= (command == COMMAND_QUEUE_PAIRS ? 2 : 1) * MAX_POLLS);
	FUZZ_CHECK(ret == 0 || ret == -EIO || ret == -ETIMEDOUT || ret == -ENETDOWN ||
		(ret == -ENOSPC && command == COMMAND_MAC_TABLE) ||
		(ret == -EINVAL && command == COMMAND_RSS));
	FUZZ_CHECK(cvq->failed == failed + (ret != 0 && !unsent));
	/* a queue that has failed stays so */
	FUZZ_CHECK(error == 0 || (ret != 0 && sleeps == 0 && cvq->error == error));
	FUZZ_CHECK(!cvq->vq->broken || cvq->error != 0);
	FUZZ_CHECK((uint16_t)(cvq->vq->head - cvq->vq->tail) <= 3);
}

static void
turn(uint8_t settings)
{
	const uint8_t command = take() % COMMAND_COUNT, arg = take();
	const uint64_t failed = cvq->failed;
	const int error = cvq->error;
	int ret;

	if (command == COMMAND_STARTED) {
		virtio_cvq_started(cvq);
	} else if (command == COMMAND_STOP) {
		virtio_cvq_stop(cvq);
	} else if (command == COMMAND_RESTART) {
		virtio_cvq_stop(cvq);
		start(settings);
	} else {
		sleeps = 0;
		ret = send_command(command, arg);
		check_sent(command, ret, error, failed);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t settings;

	input.data = data;
	input.size = size;
	settings = take();
	cvq = &queues[(settings & SETTINGS_SIZE) != 0];
	start(settings);
	while (input.size > 0)
		turn(settings);
	virtio_cvq_stop(cvq);
	return 0;
}
