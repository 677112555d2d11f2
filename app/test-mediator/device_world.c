/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "device_world.h"
#include "eventfds.h"
#include "fdmsg.h"
#include "vfu_proto.h"

struct device_world dw;

void
dw_prepare(void)
{
	unsigned int i;

	/* what the kernel is asked for once and for all */
	int warm = eventfd(0, EFD_CLOEXEC);

	eventfd_raise(warm);
	close(warm);
	memset(&dw, 0, sizeof(dw));
	stage_open(&dw.stage);
	dw.sock = -1;
	snprintf(dw.path, sizeof(dw.path), "%s/device", dw.stage.dir);
	snprintf(dw.backend_path, sizeof(dw.backend_path), "%s/backend", dw.stage.dir);
	dw.loop = loop_create();
	dw.memory = memfd_create("memory", MFD_CLOEXEC);
	if (ftruncate(dw.memory, DW_SIZE) < 0)
		close(dw.memory);
	dw.mem = mmap(NULL, DW_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, dw.memory, 0);
	for (i = 0; i < RTE_DIM(dw.irq); i++)
		dw.irq[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	device_conf_init(&dw.conf);
	strcpy(dw.conf.uuid, "f422eac9-23ae-4e5a-8a16-14b23b1f4a38");
	strcpy(dw.conf.backend, dw.backend_path);
	dw.conf.max_pairs = DW_PAIRS;
	dw.conf.mtu = 1500;
}

int
dw_create(bool backend)
{
	if (dw.loop == NULL || dw.mem == MAP_FAILED ||
			backend_open(&dw.backend, dw.backend_path, backend) < 0 ||
			device_create(dw.loop, &dw.conf, dw.path, &dw.dev) < 0)
		return TEST_FAILED;
	dw.backend.features |= DW_BIT(VIRTIO_F_RING_PACKED) | DW_BIT(21);
	vhost_user_set_times(dw.dev->vu, &stage_times);
	if (backend)
		DW_UNTIL(vhost_user_is_up(dw.dev->vu));
	return dw_connect();
}

int
dw_start(void)
{
	dw_prepare();
	return dw_create(true);
}

int
dw_start_alone(void)
{
	dw_prepare();
	return dw_create(false);
}

static void
close_reply_fds(void)
{
	fdmsg_close(dw.reply_fds, dw.nr_reply_fds);
	dw.nr_reply_fds = 0;
}

void
dw_stop(void)
{
	close_reply_fds();
	if (dw.sock >= 0)
		close(dw.sock);
	device_destroy(dw.dev);
	backend_close(&dw.backend);
	loop_destroy(dw.loop);
	if (dw.mem != MAP_FAILED)
		munmap(dw.mem, DW_SIZE);
	close(dw.memory);
	fdmsg_close(dw.irq, RTE_DIM(dw.irq));
	unlink(dw.backend_path);
	unlink(dw.path);
	stage_close(&dw.stage);
}

void
dw_round(void)
{
	stage_round(dw.loop, &dw.backend);
}

void
dw_settle(void)
{
	stage_settle(dw.loop, &dw.backend);
}

int
dw_send(uint16_t command, const void *data, uint32_t len, const int *fds,
		unsigned int nr_fds)
{
	const struct vfu_header header = {
		.id = 7,
		.command = command,
		.size = sizeof(header) + len,
	};
	uint8_t bytes[sizeof(header) + 8192];

	if (len > sizeof(bytes) - sizeof(header))
		return -1;
	memcpy(bytes, &header, sizeof(header));
	if (len > 0)
		memcpy(bytes + sizeof(header), data, len);
	return fdmsg_send(dw.sock, bytes, header.size, fds, nr_fds) ==
		(ssize_t)header.size ? 0 : -1;
}

int
dw_recv(void)
{
	uint8_t bytes[sizeof(struct vfu_header) + sizeof(dw.reply)];
	int fds[FDMSG_MAX_FDS];
	struct vfu_header header;
	unsigned int nr_fds;
	ssize_t n;

	/* one request at a time: what is there is one reply */
	n = fdmsg_recv(dw.sock, bytes, sizeof(bytes), fds, &nr_fds);
	if (n == -EAGAIN)
		return 0;
	if (n < (ssize_t)sizeof(header) || nr_fds > RTE_DIM(dw.reply_fds)) {
		fdmsg_close(fds, n < 0 ? 0 : nr_fds);
		return -1;
	}
	close_reply_fds();
	memcpy(dw.reply_fds, fds, nr_fds * sizeof(fds[0]));
	dw.nr_reply_fds = nr_fds;
	memcpy(&header, bytes, sizeof(header));
	dw.reply_error = (header.flags & VFU_F_ERROR) != 0 ? header.error : 0;
	dw.reply_len = n - sizeof(header);
	memcpy(dw.reply, bytes + sizeof(header), dw.reply_len);
	return 1;
}

int
dw_ask(uint16_t command, const void *data, uint32_t len, const int *fds,
		unsigned int nr_fds)
{
	unsigned int rounds;
	int ret = 0;

	if (dw_send(command, data, len, fds, nr_fds) < 0)
		return -1;
	for (rounds = 0; ret == 0 && rounds < 20000; rounds++) {
		dw_round();
		ret = dw_recv();
	}
	return ret == 1 ? (int)dw.reply_error : -1;
}

int
dw_connect(void)
{
	static const char json[] = "{\"capabilities\":{\"max_msg_fds\":16}}";
	uint8_t data[sizeof(struct vfu_version) + sizeof(json)] = { 0 };
	const struct vfu_version version = { VFU_MAJOR, VFU_MINOR };

	dw.sock = fdmsg_connect(dw.path);
	if (dw.sock < 0)
		return TEST_FAILED;
	memcpy(data, &version, sizeof(version));
	memcpy(data + sizeof(version), json, sizeof(json));
	return dw_ask(VFU_VERSION, data, sizeof(data), NULL, 0) == 0 ? TEST_SUCCESS :
		TEST_FAILED;
}

void
dw_disconnect(void)
{
	close(dw.sock);
	dw.sock = -1;
	dw_settle();
}

int
dw_read(uint32_t region, uint64_t offset, void *buf, uint32_t len)
{
	const struct vfu_region_access access = { offset, region, len };
	int ret;

	ret = dw_ask(VFU_REGION_READ, &access, sizeof(access), NULL, 0);
	if (ret == 0 && dw.reply_len == sizeof(access) + len)
		memcpy(buf, dw.reply + sizeof(access), len);
	else
		memset(buf, 0xee, len);
	return ret;
}

static uint32_t
pack_write(uint8_t *data, uint32_t region, uint64_t offset, const void *buf, uint32_t len)
{
	const struct vfu_region_access access = { offset, region, len };

	memcpy(data, &access, sizeof(access));
	memcpy(data + sizeof(access), buf, len);
	return sizeof(access) + len;
}

int
dw_write(uint32_t region, uint64_t offset, const void *buf, uint32_t len)
{
	uint8_t data[128];

	len = pack_write(data, region, offset, buf, len);
	return dw_ask(VFU_REGION_WRITE, data, len, NULL, 0);
}

int
dw_write_send(uint32_t region, uint64_t offset, const void *buf, uint32_t len)
{
	uint8_t data[128];

	len = pack_write(data, region, offset, buf, len);
	return dw_send(VFU_REGION_WRITE, data, len, NULL, 0);
}

uint32_t
dw_common(uint32_t offset, uint32_t width)
{
	uint32_t value = 0;

	dw_read(VIRTIO_PCI_BAR, dw.dev->pci.at.common + offset, &value, width);
	return value;
}

int
dw_set_common(uint32_t offset, uint32_t width, uint64_t value)
{
	return dw_write(VIRTIO_PCI_BAR, dw.dev->pci.at.common + offset, &value, width);
}

uint8_t
dw_status(void)
{
	return dw_common(VIRTIO_PCI_COMMON_STATUS, 1);
}

int
dw_set_status(uint8_t status)
{
	return dw_set_common(VIRTIO_PCI_COMMON_STATUS, 1, status);
}

uint16_t
dw_net_status(void)
{
	uint16_t status = 0;

	dw_read(VIRTIO_PCI_BAR, dw.dev->pci.at.config + 6, &status, sizeof(status));
	return status;
}

uint64_t
dw_offered(void)
{
	uint64_t features;

	dw_set_common(VIRTIO_PCI_COMMON_DFSELECT, 4, 1);
	features = (uint64_t)dw_common(VIRTIO_PCI_COMMON_DF, 4) << 32;
	dw_set_common(VIRTIO_PCI_COMMON_DFSELECT, 4, 0);
	return features | dw_common(VIRTIO_PCI_COMMON_DF, 4);
}

int
dw_map(uint64_t iova, uint64_t size, uint64_t offset, int fd)
{
	const struct vfu_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFU_DMA_READABLE | VFU_DMA_WRITABLE,
		.offset = offset,
		.address = iova,
		.size = size,
	};

	return dw_ask(VFU_DMA_MAP, &map, sizeof(map), &fd, fd < 0 ? 0 : 1);
}

int
dw_unmap_send(uint64_t iova, uint64_t size)
{
	const struct vfu_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.address = iova,
		.size = size,
	};

	return dw_send(VFU_DMA_UNMAP, &unmap, sizeof(unmap), NULL, 0);
}

int
dw_unmap(uint64_t iova, uint64_t size)
{
	const struct vfu_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.address = iova,
		.size = size,
	};

	return dw_ask(VFU_DMA_UNMAP, &unmap, sizeof(unmap), NULL, 0);
}

static int
set_irqs(void)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set) + sizeof(dw.irq),
		.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = VFIO_PCI_MSIX_IRQ_INDEX,
		.count = RTE_DIM(dw.irq),
	};

	return dw_ask(VFU_DEVICE_SET_IRQS, &set, sizeof(set), dw.irq, RTE_DIM(dw.irq));
}

static void
set_queue(unsigned int queue)
{
	unsigned int part;

	dw_set_common(VIRTIO_PCI_COMMON_Q_SELECT, 2, queue);
	dw_set_common(VIRTIO_PCI_COMMON_Q_SIZE, 2, DW_RING_SIZE);
	dw_set_common(VIRTIO_PCI_COMMON_Q_MSIX, 2, DW_VECTOR(queue));
	for (part = 0; part < 3; part++)
		dw_set_common(VIRTIO_PCI_COMMON_Q_DESCLO + 8 * part, 8,
			DW_RING(queue, part));
	dw_set_common(VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
}

int
dw_drive(uint64_t features, unsigned int queues)
{
	bool mq = (features & DW_BIT(22)) != 0;
	unsigned int i;

	dw.features = features;
	if (dw_set_status(0) != 0 || dw_status() != 0 || dw_set_status(3) != 0)
		return -1;
	for (i = 0; i < 2; i++) {
		dw_set_common(VIRTIO_PCI_COMMON_GFSELECT, 4, i);
		dw_set_common(VIRTIO_PCI_COMMON_GF, 4, features >> 32 * i & UINT32_MAX);
	}
	dw_set_status(11);
	if (dw_status() != 11)
		return -1;
	if (dma_table_merge(&dw.dev->memory, NULL, 0) == 0 &&
			(dw_map(DW_IOVA, DW_SIZE, 0, dw.memory) != 0 || set_irqs() != 0))
		return -1;
	memset(dw.mem, 0, DW_SIZE);
	dw_set_common(VIRTIO_PCI_COMMON_MSIX, 2, DW_CONFIG_VECTOR);
	for (i = 0; i < queues; i++)
		set_queue(i);
	if ((features & DW_BIT(17)) != 0)
		set_queue(mq ? 2 * DW_PAIRS : 2);
	return 0;
}

int
dw_run(uint64_t features, unsigned int queues)
{
	TEST_ASSERT_SUCCESS(dw_drive(features, queues), "no driver");
	TEST_ASSERT_SUCCESS(dw_set_status(15), "DRIVER_OK");
	DW_UNTIL(dw.dev->run == DEVICE_STARTED);
	dw_settle();
	TEST_ASSERT(!dw.backend.mistaken, "the backend was told nonsense");
	return TEST_SUCCESS;
}

static void
set_idx(unsigned int queue, unsigned int part, uint16_t idx)
{
	memcpy(dw.mem + (DW_RING(queue, part) - DW_IOVA) + 2, &idx, sizeof(idx));
}

void
dw_set_avail(unsigned int queue, uint16_t idx)
{
	set_idx(queue, 1, idx);
}

void
dw_set_used(unsigned int queue, uint16_t idx)
{
	set_idx(queue, 2, idx);
}

uint64_t
dw_interrupts(unsigned int vector)
{
	uint64_t count = 0;

	return read(dw.irq[vector], &count, sizeof(count)) == sizeof(count) ? count : 0;
}

const struct backend_seen *
dw_last(uint32_t request, int index)
{
	unsigned int i = dw.backend.nr_seen;
	uint8_t ring;

	while (i-- > 0) {
		if (dw.backend.seen[i].header.request != request)
			continue;
		ring = dw.backend.seen[i].payload[0];
		if (index < 0 || ring == index)
			return &dw.backend.seen[i];
	}
	return NULL;
}

unsigned int
dw_backend_saw(uint32_t request)
{
	unsigned int i, count = 0;

	for (i = 0; i < dw.backend.nr_seen; i++)
		count += dw.backend.seen[i].header.request == request;
	return count;
}

void
dw_backend_forget(void)
{
	dw.backend.nr_seen = 0;
}
