/* SPDX-License-Identifier: BSD-3-Clause */

#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include <rte_common.h>
#include <rte_ether.h>

#include "fake_vfio.h"
#include "fake_virtio.h"

#define BAR0 VFIO_PCI_BAR0_REGION_INDEX
#define CONFIG VFIO_PCI_CONFIG_REGION_INDEX
#define MULTIPLIER 4
#define HEADER_MAX sizeof(struct virtio_net_hdr_v1_hash)

struct fake_virtio fake_virtio;

static struct fake_virtio_queue no_queue;

static struct fake_virtio_queue *
selected(void)
{
	return fake_virtio.selected < fake_virtio.nr_queues ?
		&fake_virtio.queue[fake_virtio.selected] : &no_queue;
}

static void
queue_reset(struct fake_virtio_queue *q)
{
	q->size = q->max;
	q->enabled = 0;
	q->reset = 0;
	q->vector = VIRTIO_MSI_NO_VECTOR;
	q->desc = q->avail = q->used = 0;
}

/* s. 2.6.1: over at once, after some looks, or never. */
static void
ask_queue_reset(struct fake_virtio_queue *q, uint16_t value)
{
	if (value != 1 || (fake_virtio.accepted &
			UINT64_C(1) << FAKE_VIRTIO_F_RING_RESET) == 0)
		return;
	fake_virtio.queue_resets++;
	q->reset = 1;
	fake_virtio.reset_reads = 0;
	if (!fake_virtio.never_resets_queue && fake_virtio.slow_queue_reset == 0)
		queue_reset(q);
}

static uint16_t
read_queue_reset(struct fake_virtio_queue *q)
{
	if (q->reset != 0 && !fake_virtio.never_resets_queue &&
			++fake_virtio.reset_reads > fake_virtio.slow_queue_reset)
		queue_reset(q);
	return q->reset;
}

/* s. 2.4: everything as it was first. */
static void
device_reset(void)
{
	unsigned int i;

	fake_virtio.resets++;
	if (fake_virtio.never_resets)
		return;
	fake_virtio.status = 0;
	fake_virtio.accepted = 0;
	fake_virtio.isr = 0;
	fake_virtio.config_vector = VIRTIO_MSI_NO_VECTOR;
	memset(&fake_virtio.filter, 0, sizeof(fake_virtio.filter));
	fake_virtio.filter.promisc = 1; /* as QEMU's */
	fake_virtio.has_kept = false;
	for (i = 0; i < FAKE_VIRTIO_QUEUES; i++)
		queue_reset(&fake_virtio.queue[i]);
}

static void
set_status(uint8_t status)
{
	if (status == 0) {
		device_reset();
		if (fake_virtio.on_reset != NULL)
			fake_virtio.on_reset();
		return;
	}
	if ((status & VIRTIO_CONFIG_S_FEATURES_OK) != 0 &&
			(fake_virtio.refuses_features ||
			(fake_virtio.accepted & ~fake_virtio.offered) != 0))
		status &= ~VIRTIO_CONFIG_S_FEATURES_OK;
	fake_virtio.status = status;
}

static uint32_t
half(uint64_t value, uint32_t select)
{
	return select < 2 ? (uint32_t)(value >> (32 * select)) : 0;
}

static uint64_t
common_read(uint32_t offset)
{
	struct fake_virtio_queue *q = selected();

	switch (offset) {
	case VIRTIO_PCI_COMMON_DF:
		return half(fake_virtio.offered, fake_virtio.feature_select);
	case VIRTIO_PCI_COMMON_GF:
		return half(fake_virtio.accepted,
				fake_virtio.driver_feature_select);
	case VIRTIO_PCI_COMMON_MSIX:
		return fake_virtio.config_vector;
	case VIRTIO_PCI_COMMON_NUMQ:
		return fake_virtio.nr_queues;
	case VIRTIO_PCI_COMMON_STATUS:
		fake_virtio_ctrl_status_read();
		return fake_virtio.status;
	case VIRTIO_PCI_COMMON_CFGGENERATION:
		fake_virtio.generation += fake_virtio.never_settles;
		return fake_virtio.generation;
	case VIRTIO_PCI_COMMON_Q_SIZE:
		return q->size;
	case VIRTIO_PCI_COMMON_Q_MSIX:
		return q->vector;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		return q->enabled;
	case VIRTIO_PCI_COMMON_Q_NOFF:
		return q->notify_off;
	case VIRTIO_PCI_COMMON_Q_RESET:
		return read_queue_reset(q);
	case VIRTIO_PCI_COMMON_Q_DESCLO:
	case VIRTIO_PCI_COMMON_Q_DESCHI:
		return half(q->desc, offset == VIRTIO_PCI_COMMON_Q_DESCHI);
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
	case VIRTIO_PCI_COMMON_Q_AVAILHI:
		return half(q->avail, offset == VIRTIO_PCI_COMMON_Q_AVAILHI);
	case VIRTIO_PCI_COMMON_Q_USEDLO:
	case VIRTIO_PCI_COMMON_Q_USEDHI:
		return half(q->used, offset == VIRTIO_PCI_COMMON_Q_USEDHI);
	default:
		return 0;
	}
}

static void
write_half(uint64_t *value, bool high, uint32_t part)
{
	*value = high ? (*value & UINT32_MAX) | (uint64_t)part << 32 :
		(*value & ~(uint64_t)UINT32_MAX) | part;
}

static void
queue_enable(struct fake_virtio_queue *q)
{
	if (fake_virtio.never_enables)
		return;
	q->enabled = 1;
	mirror_ring_init(&q->ring, RTE_MIN(q->size, MIRROR_SIZE_MAX), q->desc,
		q->avail, q->used, fake_virtio.accepted);
}

static uint16_t
vector(uint32_t value)
{
	if (fake_virtio.no_vectors || (fake_virtio.vectors_max > 0 &&
			value >= fake_virtio.vectors_max))
		return VIRTIO_MSI_NO_VECTOR;
	return value;
}

static void
common_write(uint32_t offset, uint32_t value)
{
	struct fake_virtio_queue *q = selected();

	switch (offset) {
	case VIRTIO_PCI_COMMON_DFSELECT:
		fake_virtio.feature_select = value;
		break;
	case VIRTIO_PCI_COMMON_GFSELECT:
		fake_virtio.driver_feature_select = value;
		break;
	case VIRTIO_PCI_COMMON_GF:
		if (fake_virtio.driver_feature_select < 2)
			write_half(&fake_virtio.accepted,
				fake_virtio.driver_feature_select == 1, value);
		break;
	case VIRTIO_PCI_COMMON_MSIX:
		fake_virtio.config_vector = vector(value);
		break;
	case VIRTIO_PCI_COMMON_STATUS:
		set_status(value);
		break;
	case VIRTIO_PCI_COMMON_Q_SELECT:
		fake_virtio.selected = value;
		break;
	case VIRTIO_PCI_COMMON_Q_SIZE:
		if (!fake_virtio.keeps_size)
			q->size = value;
		break;
	case VIRTIO_PCI_COMMON_Q_MSIX:
		q->vector = vector(value);
		break;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		queue_enable(q);
		break;
	case VIRTIO_PCI_COMMON_Q_RESET:
		ask_queue_reset(q, value);
		break;
	case VIRTIO_PCI_COMMON_Q_DESCLO:
	case VIRTIO_PCI_COMMON_Q_DESCHI:
		write_half(&q->desc, offset == VIRTIO_PCI_COMMON_Q_DESCHI, value);
		break;
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
	case VIRTIO_PCI_COMMON_Q_AVAILHI:
		write_half(&q->avail, offset == VIRTIO_PCI_COMMON_Q_AVAILHI, value);
		break;
	case VIRTIO_PCI_COMMON_Q_USEDLO:
	case VIRTIO_PCI_COMMON_Q_USEDHI:
		write_half(&q->used, offset == VIRTIO_PCI_COMMON_Q_USEDHI, value);
		break;
	default:
		break;
	}
}

static void
bar_read(uint64_t offset, void *buf, size_t len)
{
	uint64_t value = 0;

	memset(buf, 0, len);
	if (offset >= FAKE_VIRTIO_CONFIG && offset + len <=
			FAKE_VIRTIO_CONFIG + sizeof(fake_virtio.config)) {
		memcpy(buf, (uint8_t *)&fake_virtio.config +
			(offset - FAKE_VIRTIO_CONFIG), len);
		return;
	}
	if (offset == FAKE_VIRTIO_ISR) {
		value = fake_virtio.isr;
		fake_virtio.isr = 0;
	} else if (offset < FAKE_VIRTIO_ISR) {
		value = rte_cpu_to_le_64(common_read(offset));
	}
	memcpy(buf, &value, RTE_MIN(len, sizeof(value)));
}

static void
bar_write(uint64_t offset, const void *buf, size_t len)
{
	rte_le32_t value = 0;

	memcpy(&value, buf, RTE_MIN(len, sizeof(value)));
	if (offset >= FAKE_VIRTIO_NOTIFY) {
		fake_virtio.kicks++;
		fake_virtio.kick_len = len;
		fake_virtio.kick_value = rte_le_to_cpu_32(value);
		memcpy(fake_vfio.regions[BAR0].mem + offset, buf, len);
		if (fake_virtio_ctrl_queue() == &fake_virtio.queue[
				(offset - FAKE_VIRTIO_NOTIFY) / MULTIPLIER %
				FAKE_VIRTIO_QUEUES])
			fake_virtio_ctrl_kick();
	} else if (offset < FAKE_VIRTIO_ISR) {
		common_write(offset, rte_le_to_cpu_32(value));
	}
}

static void
put_cap(uint8_t at, uint8_t next, uint8_t type, uint8_t len, uint32_t offset,
		uint32_t length)
{
	struct virtio_pci_notify_cap cap = {
		.cap.cap_vndr = PCI_CAP_ID_VNDR,
		.cap.cap_next = next,
		.cap.cap_len = len,
		.cap.cfg_type = type,
		.cap.bar = 0,
		.cap.offset = rte_cpu_to_le_32(offset),
		.cap.length = rte_cpu_to_le_32(length),
		.notify_off_multiplier = rte_cpu_to_le_32(MULTIPLIER),
	};

	memcpy(fake_vfio.regions[CONFIG].mem + at, &cap, len);
}

static void
put_config_space(void)
{
	uint8_t *config = fake_vfio.regions[CONFIG].mem;
	const uint8_t ids[] = { 0xf4, 0x1a, 0x41, 0x10 };

	memcpy(config, ids, sizeof(ids));
	config[PCI_STATUS] = PCI_STATUS_CAP_LIST;
	config[PCI_CAPABILITY_LIST] = FAKE_VIRTIO_CAP_COMMON;
	put_cap(FAKE_VIRTIO_CAP_COMMON, FAKE_VIRTIO_CAP_ISR,
		VIRTIO_PCI_CAP_COMMON_CFG, sizeof(struct virtio_pci_cap),
		FAKE_VIRTIO_COMMON, 0x3c);
	put_cap(FAKE_VIRTIO_CAP_ISR, FAKE_VIRTIO_CAP_CONFIG,
		VIRTIO_PCI_CAP_ISR_CFG, sizeof(struct virtio_pci_cap),
		FAKE_VIRTIO_ISR, 1);
	put_cap(FAKE_VIRTIO_CAP_CONFIG, FAKE_VIRTIO_CAP_NOTIFY,
		VIRTIO_PCI_CAP_DEVICE_CFG, sizeof(struct virtio_pci_cap),
		FAKE_VIRTIO_CONFIG, sizeof(struct virtio_net_config));
	put_cap(FAKE_VIRTIO_CAP_NOTIFY, 0, VIRTIO_PCI_CAP_NOTIFY_CFG,
		sizeof(struct virtio_pci_notify_cap), FAKE_VIRTIO_NOTIFY, 0x1000);
}

int
fake_virtio_start(enum fake_virtio_map map)
{
	const uint64_t doorbells[] = { FAKE_VIRTIO_NOTIFY, 0x1000 };
	const uint8_t mac[] = { 2, 0, 0, 0, 0, 7 };
	uint32_t flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	unsigned int i;

	fake_vfio_start();
	if (map != FAKE_VIRTIO_TRAPPED)
		flags |= VFIO_REGION_INFO_FLAG_MMAP;
	if (fake_vfio_back(BAR0, FAKE_VIRTIO_BAR_SIZE, flags) < 0 ||
			fake_vfio_back(CONFIG, PCI_CFG_SPACE_SIZE,
				VFIO_REGION_INFO_FLAG_READ |
				VFIO_REGION_INFO_FLAG_WRITE) < 0)
		return -1;
	if (map == FAKE_VIRTIO_DOORBELLS)
		fake_vfio_add_sparse(BAR0, 1, doorbells);
	fake_vfio.regions[BAR0].read = bar_read;
	fake_vfio.regions[BAR0].write = bar_write;
	put_config_space();
	memset(fake_vfio.regions[BAR0].mem + FAKE_VIRTIO_NOTIFY, 0xff, 0x1000);
	fake_vfio.irqs[VFIO_PCI_MSIX_IRQ_INDEX].flags = VFIO_IRQ_INFO_EVENTFD;
	fake_vfio.irqs[VFIO_PCI_MSIX_IRQ_INDEX].count = 3;

	memset(&fake_virtio, 0, sizeof(fake_virtio));
	fake_virtio.offered = UINT64_C(1) << VIRTIO_F_VERSION_1 |
		1 << VIRTIO_NET_F_MAC | 1 << VIRTIO_NET_F_STATUS |
		1 << VIRTIO_NET_F_MTU | 1 << VIRTIO_NET_F_MRG_RXBUF;
	memcpy(fake_virtio.config.mac, mac, sizeof(mac));
	fake_virtio.config.status = rte_cpu_to_le_16(VIRTIO_NET_S_LINK_UP);
	fake_virtio.config.mtu = rte_cpu_to_le_16(9000);
	fake_virtio.nr_queues = 2;
	for (i = 0; i < FAKE_VIRTIO_QUEUES; i++) {
		fake_virtio.queue[i].max = 256;
		fake_virtio.queue[i].notify_off = i;
	}
	device_reset();
	fake_virtio.resets = 0;
	return 0;
}

void
fake_virtio_offer_ctrl(uint64_t features, uint16_t pairs)
{
	fake_virtio.offered |= UINT64_C(1) << VIRTIO_NET_F_CTRL_VQ | features;
	fake_virtio.config.max_virtqueue_pairs = rte_cpu_to_le_16(pairs);
	fake_virtio.nr_queues = 2 * pairs + 1;
	fake_vfio.irqs[VFIO_PCI_MSIX_IRQ_INDEX].count = FAKE_VFIO_VECTORS;
}

void
fake_virtio_offer(uint64_t features)
{
	fake_virtio.offered |= features;
}

void
fake_virtio_stop(void)
{
	fake_vfio_stop();
}

/* Whether anybody can have heard of it. */
static int
interrupt(uint16_t vector)
{
	const struct fake_vfio_irq *irq = &fake_vfio.irqs[VFIO_PCI_MSIX_IRQ_INDEX];
	uint64_t one = 1;

	return vector < FAKE_VFIO_VECTORS && irq->fds[vector] >= 0 &&
		write(irq->fds[vector], &one, sizeof(one)) == sizeof(one);
}

static void
config_interrupt(void)
{
	fake_virtio.isr |= VIRTIO_PCI_ISR_CONFIG;
	interrupt(fake_virtio.config_vector);
}

int
fake_virtio_interrupt(uint16_t queue)
{
	struct fake_virtio_queue *q = &fake_virtio.queue[queue];

	if (!q->enabled || !mirror_ring_wants_interrupt(&q->ring))
		return 0;
	return interrupt(q->vector);
}

void
fake_virtio_ask_announce(void)
{
	fake_virtio.config.status |= rte_cpu_to_le_16(VIRTIO_NET_S_ANNOUNCE);
	fake_virtio.generation++;
	config_interrupt();
}

void
fake_virtio_set_link(bool up)
{
	fake_virtio.config.status =
		rte_cpu_to_le_16(up ? VIRTIO_NET_S_LINK_UP : 0);
	fake_virtio.generation++;
	config_interrupt();
}

void
fake_virtio_ask_reset(void)
{
	fake_virtio.status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	config_interrupt();
}

uint16_t
fake_virtio_last_kick(void)
{
	const uint8_t *notify = fake_vfio.regions[BAR0].mem + FAKE_VIRTIO_NOTIFY;
	uint16_t rx, tx;

	memcpy(&rx, notify, sizeof(rx));
	memcpy(&tx, notify + MULTIPLIER, sizeof(tx));
	return (rx != 0xffff) + (tx != 0xffff);
}

uint16_t
fake_virtio_receive(const void *data, uint32_t len)
{
	return fake_virtio_receive_on(0, data, len);
}

uint16_t
fake_virtio_receive_on(uint16_t pair, const void *data, uint32_t len)
{
	const struct virtio_net_hdr_v1_hash header = { .hash_value = 0 };

	return fake_virtio_receive_as(pair, &header, data, len);
}

/* s. 5.1.6 */
uint32_t
fake_virtio_header(void)
{
	return (fake_virtio.accepted & UINT64_C(1) << VIRTIO_NET_F_HASH_REPORT) != 0 ?
		sizeof(struct virtio_net_hdr_v1_hash) :
		sizeof(struct virtio_net_hdr_v1);
}

uint16_t
fake_virtio_receive_as(uint16_t pair, const struct virtio_net_hdr_v1_hash *as,
		const void *data, uint32_t len)
{
	struct mirror_ring *ring =
		&fake_virtio.queue[2 * pair + FAKE_VIRTIO_RX].ring;
	const uint32_t header_len = fake_virtio_header();
	struct virtio_net_hdr_v1_hash header = *as;
	uint32_t left = len, skip = header_len, part;
	const uint8_t *from = data;
	struct mirror_chain chain;
	uint8_t *first = NULL;
	uint16_t buffers = 0;

	if (!fake_virtio.queue[2 * pair + FAKE_VIRTIO_RX].enabled)
		return 0;
	while (left > 0 || buffers == 0) {
		if (mirror_ring_pop(ring, &chain) != 1 || chain.nr_in != 1 ||
				chain.nr_out != 0 || chain.buf[0].len < header_len)
			return 0;
		if (buffers++ == 0)
			first = chain.buf[0].addr;
		part = RTE_MIN(left, chain.buf[0].len - skip);
		memcpy(chain.buf[0].addr + skip, from, part);
		mirror_ring_push(ring, chain.head, part + skip);
		from += part;
		left -= part;
		skip = 0;
	}
	header.hdr.num_buffers = rte_cpu_to_le_16(buffers);
	memcpy(first, &header, header_len);
	mirror_ring_publish(ring);
	return buffers;
}

int
fake_virtio_sent(void *data, uint32_t room)
{
	return fake_virtio_sent_on(0, data, room);
}

int
fake_virtio_sent_on(uint16_t pair, void *data, uint32_t room)
{
	const uint8_t none[HEADER_MAX] = { 0 };
	struct virtio_net_hdr_v1_hash header;
	int len = fake_virtio_sent_as(pair, &header, data, room);

	/* nothing that it could ask for */
	return memcmp(&header, none, sizeof(none)) == 0 ? len : -1;
}

int
fake_virtio_sent_as(uint16_t pair, struct virtio_net_hdr_v1_hash *header, void *data,
		uint32_t room)
{
	struct mirror_ring *ring =
		&fake_virtio.queue[2 * pair + FAKE_VIRTIO_TX].ring;
	struct mirror_chain chain;
	int len;

	if (!fake_virtio.queue[2 * pair + FAKE_VIRTIO_TX].enabled)
		return -1;
	memset(header, 0, sizeof(*header));
	len = fake_virtio_take(ring, &chain, header, data, room);
	if (chain.nr_out == 0)
		return -1;
	mirror_ring_push(ring, chain.head, 0);
	mirror_ring_publish(ring);
	return len;
}

/* s. 2.7.4.1: whatever the framing. */
int
fake_virtio_take(struct mirror_ring *ring, struct mirror_chain *chain,
		struct virtio_net_hdr_v1_hash *header, void *data, uint32_t room)
{
	const uint32_t header_len = fake_virtio_header();
	static uint8_t all[HEADER_MAX + 65536 + RTE_ETHER_HDR_LEN];
	uint32_t len = 0;
	uint16_t i;

	if (mirror_ring_pop(ring, chain) != 1) {
		chain->nr_out = 0;
		return -1;
	}
	for (i = 0; i < chain->nr_out; i++) {
		if (chain->buf[i].len > sizeof(all) - len)
			return -1;
		memcpy(all + len, chain->buf[i].addr, chain->buf[i].len);
		len += chain->buf[i].len;
	}
	if (chain->nr_in != 0 || len < header_len || len - header_len > room)
		return -1;
	memcpy(header, all, header_len);
	memcpy(data, all + header_len, len - header_len);
	return len - header_len;
}
