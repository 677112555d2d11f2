/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * libFuzzer: the control queue of a driver that may write anything into its memory, at
 * any time between two runs.
 *
 * An input is a header (struct config, little-endian), and then steps: the number of
 * bytes (2 bytes), an offset into the memory (2 bytes) and the bytes that the driver
 * writes there. No bytes: the device runs. It also does at the end.
 * corpus/make_ctrl_queue.py writes such inputs.
 */

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/virtio_net.h>

#include "ctrl_queue.h"
#include "fuzz.h"
#include "net_ctrl.h"

/* From address 0 on, so that few bytes make an address; the end is read-only. */
#define MEMORY 0x4000u
#define READ_ONLY 0x3000u

#define MAX_PAIRS 8

struct config {
	uint8_t flags;         /* CONFIG_* */
	uint8_t features;      /* those of the network device, from CTRL_RX on */
	uint16_t size;
	uint16_t desc, avail, used;
};

#define CONFIG_PACKED 1
#define CONFIG_INDIRECT 2

static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };

static struct dma_table table;
static uint8_t *memory;
static struct net_ctrl ctrl;
static unsigned int commands;

/* In a copy of exactly that length, for ASan. */
static uint8_t
command(void *arg, uint8_t class, uint8_t cmd, const uint8_t *data, uint32_t len)
{
	uint8_t *copy = malloc(len), ack;

	FUZZ_CHECK(copy != NULL || len == 0);
	if (len > 0)
		memcpy(copy, data, len);
	ack = net_ctrl_command(arg, class, cmd, copy, len);
	free(copy);
	commands++;
	FUZZ_CHECK(len <= CTRL_QUEUE_MAX_COMMAND - 2);
	FUZZ_CHECK(ack == VIRTIO_NET_OK || ack == VIRTIO_NET_ERR);
	FUZZ_CHECK(ctrl.pairs > 0 && ctrl.pairs <= MAX_PAIRS);
	FUZZ_CHECK(ctrl.unicast.count <= NET_CTRL_MACS &&
		ctrl.multicast.count <= NET_CTRL_MACS);
	return ack;
}

static void
add_region(int fd, uint32_t offset, uint32_t size, uint32_t prot)
{
	FUZZ_CHECK(fd >= 0);
	FUZZ_CHECK(dma_table_add(&table, offset, size, offset, prot, fd) == 0);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	(void)argc;
	(void)argv;
	dma_table_init(&table);
	FUZZ_CHECK(fd >= 0 && ftruncate(fd, MEMORY) == 0);
	memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	FUZZ_CHECK(memory != MAP_FAILED);
	add_region(dup(fd), 0, READ_ONLY, PROT_READ | PROT_WRITE);
	add_region(fd, READ_ONLY, MEMORY - READ_ONLY, PROT_READ);
	return 0;
}

static void
run(struct ctrl_queue *cq)
{
	static uint8_t before[MEMORY];
	bool serves = cq->started && !cq->broken;
	int ret;

	memcpy(before, memory, MEMORY);
	commands = 0;
	ret = ctrl_queue_run(cq);
	FUZZ_CHECK(ret == 0 || ret == 1 || ret == -EPROTO);
	FUZZ_CHECK(commands <= cq->conf.size);
	FUZZ_CHECK(memcmp(before + READ_ONLY, memory + READ_ONLY,
		MEMORY - READ_ONLY) == 0);
	if (ret == -EPROTO) {
		FUZZ_CHECK(serves && cq->broken);
		FUZZ_CHECK(ctrl_queue_run(cq) == 0);
	} else {
		FUZZ_CHECK(cq->broken == (cq->started && !serves));
	}
	if (!serves)
		FUZZ_CHECK(ret == 0 && commands == 0 &&
			memcmp(before, memory, MEMORY) == 0);
}

/* One step; the bytes of the input that it takes. */
static size_t
step(struct ctrl_queue *cq, const uint8_t *data, size_t size)
{
	uint16_t head[2];
	size_t len, offset;

	if (size < sizeof(head)) {
		run(cq);
		return size;
	}
	memcpy(head, data, sizeof(head));
	len = le16toh(head[0]);
	offset = le16toh(head[1]) % MEMORY;
	if (len == 0)
		run(cq);
	if (len > size - sizeof(head))
		len = size - sizeof(head);
	if (len > MEMORY - offset)
		len = MEMORY - offset;
	memcpy(memory + offset, data + sizeof(head), len);
	return sizeof(head) + len;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ctrl_queue_conf conf = { 0 };
	struct config config;
	struct ctrl_queue cq;
	size_t taken;

	if (size < sizeof(config))
		return 0;
	memcpy(&config, data, sizeof(config));
	memset(memory, 0, MEMORY);
	memset(&ctrl, 0, sizeof(ctrl));
	ctrl.max_pairs = MAX_PAIRS;
	ctrl.features = (uint64_t)config.features << VIRTIO_NET_F_CTRL_RX;
	net_ctrl_reset(&ctrl, mac);
	conf.packed = (config.flags & CONFIG_PACKED) != 0;
	conf.indirect = (config.flags & CONFIG_INDIRECT) != 0;
	conf.size = le16toh(config.size);
	conf.desc = le16toh(config.desc);
	conf.avail = le16toh(config.avail);
	conf.used = le16toh(config.used);
	ctrl_queue_init(&cq, &table, command, &ctrl);
	ctrl_queue_start(&cq, &conf);
	for (data += sizeof(config), size -= sizeof(config); size > 0; size -= taken) {
		taken = step(&cq, data, size);
		data += taken;
	}
	run(&cq);
	ctrl_queue_stop(&cq);
	return 0;
}
