// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attacks by way of registers and configuration space: what no driver writes, at
 * offsets and widths that no driver uses.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "hostile.h"

#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))

/* --- negotiation, VIRTIO 1.2 s. 2.2 and 3.1 --- */

static void refused_features(struct client *c)
{
	const uint64_t needs_ctrl[] = {
		BIT(VIRTIO_NET_F_CTRL_RX), BIT(VIRTIO_NET_F_CTRL_VLAN),
		BIT(VIRTIO_NET_F_CTRL_MAC_ADDR), BIT(VIRTIO_NET_F_GUEST_ANNOUNCE),
		BIT(VIRTIO_NET_F_MQ),
	};
	const uint64_t least = BIT(VIRTIO_F_VERSION_1);
	unsigned int i;

	for (i = 0; i < 64; i++) {
		client_reset(c);
		if (!(c->offered & BIT(i)) && client_negotiate(c, least | BIT(i)))
			break;
	}
	survived(c, i == 64, "features: one that is not offered (%u)", i);
	client_reset(c);
	survived(c, !client_negotiate(c, c->offered & ~least),
		 "features: without VERSION_1");
	for (i = 0; i < ARRAY_LEN(needs_ctrl); i++) {
		client_reset(c);
		survived(c, !client_negotiate(c, least | needs_ctrl[i]),
			 "features: 0x%llx without CTRL_VQ",
			 (unsigned long long)needs_ctrl[i]);
	}
	client_start(c, ~0ull);
	put_common(c, VIRTIO_PCI_COMMON_GFSELECT, 4, 0);
	put_common(c, VIRTIO_PCI_COMMON_GF, 4, 0);
	survived(c, get_common(c, VIRTIO_PCI_COMMON_GF, 4) ==
		    (uint32_t)c->features, "features: changed afterwards");
	client_reset(c);
	for (i = 2; i < 40; i++) {
		put_common(c, VIRTIO_PCI_COMMON_GFSELECT, 4, i);
		put_common(c, VIRTIO_PCI_COMMON_GF, 4, ~0u);
		if (get_common(c, VIRTIO_PCI_COMMON_GF, 4))
			break;
	}
	survived(c, i == 40, "features: words that do not exist");
}

static void refused_status(struct client *c)
{
	const uint8_t ok = VIRTIO_CONFIG_S_DRIVER_OK;

	client_reset(c);
	put_common(c, VIRTIO_PCI_COMMON_STATUS, 1, ok);
	survived(c, !(get_status(c) & ok), "status: DRIVER_OK first");
	client_reset(c);
	put_common(c, VIRTIO_PCI_COMMON_STATUS, 1, 0xff);
	survived(c, !(get_status(c) & (ok | VIRTIO_CONFIG_S_NEEDS_RESET)),
		 "status: all bits at once");
	client_start(c, ~0ull);
	put_common(c, VIRTIO_PCI_COMMON_STATUS, 1, 1);
	survived(c, get_status(c) & ok, "status: bits taken back");
	client_reset(c);
	if (!client_negotiate(c, c->offered))
		die("features");
	put_common(c, VIRTIO_PCI_COMMON_STATUS, 1, VIRTIO_CONFIG_S_FAILED);
	put_common(c, VIRTIO_PCI_COMMON_STATUS, 1, ok);
	survived(c, get_status(c) & VIRTIO_CONFIG_S_FAILED,
		 "status: DRIVER_OK after FAILED");
}

/* --- queues --- */

static void refused_queues(struct client *c)
{
	const uint16_t sizes[] = { 0, 3, 24, 1023, 2048, 0x8000, 0xffff };
	const uint16_t queues[] = { c->nvqs, c->nvqs + 1, 0x7fff, 0xffff };
	uint16_t before;
	bool ok;

	client_reset(c);
	put_common(c, VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
	before = get_common(c, VIRTIO_PCI_COMMON_Q_SIZE, 2);
	for (unsigned int i = 0; i < ARRAY_LEN(sizes); i++) {
		client_reset(c);
		put_common(c, VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
		put_common(c, VIRTIO_PCI_COMMON_Q_SIZE, 2, sizes[i]);
		ok = get_common(c, VIRTIO_PCI_COMMON_Q_SIZE, 2) == before;
		survived(c, ok, "queue: size %u", sizes[i]);
	}
	for (unsigned int i = 0; i < ARRAY_LEN(queues); i++) {
		client_start(c, ~0ull);
		put_common(c, VIRTIO_PCI_COMMON_Q_SELECT, 2, queues[i]);
		ok = !get_common(c, VIRTIO_PCI_COMMON_Q_SIZE, 2);
		for (uint32_t off = VIRTIO_PCI_COMMON_Q_SIZE;
		     off < sizeof(struct virtio_pci_common_cfg); off += 2)
			put_common(c, off, 2, 0x0101);
		for (uint32_t off = VIRTIO_PCI_COMMON_Q_DESCLO;
		     off < sizeof(struct virtio_pci_common_cfg); off += 4)
			put_common(c, off, 4, 1);
		survived(c, ok && !get_common(c, VIRTIO_PCI_COMMON_Q_ENABLE, 2),
			 "queue: %u", queues[i]);
	}
	client_reset(c);
	put_common(c, VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
	put_common(c, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	survived(c, !get_common(c, VIRTIO_PCI_COMMON_Q_ENABLE, 2),
		 "queue: enabled before FEATURES_OK");
	client_start(c, ~0ull);
	put_common(c, VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
	put_common(c, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 0);
	put_common(c, VIRTIO_PCI_COMMON_Q_SIZE, 2, 2);
	put_common(c, VIRTIO_PCI_COMMON_Q_DESCLO, 4, 0);
	ok = get_common(c, VIRTIO_PCI_COMMON_Q_ENABLE, 2) == 1 &&
	     get_common(c, VIRTIO_PCI_COMMON_Q_SIZE, 2) == VQ_NUM &&
	     get_common(c, VIRTIO_PCI_COMMON_Q_DESCLO, 4);
	survived(c, ok, "queue: changed while enabled");
	client_reset(c);
	put_common(c, VIRTIO_PCI_COMMON_Q_SELECT, 2, 0);
	put_common(c, VIRTIO_PCI_COMMON_Q_MSIX, 2, c->nvqs + 1);
	put_common(c, VIRTIO_PCI_COMMON_MSIX, 2, 0x7fff);
	ok = get_common(c, VIRTIO_PCI_COMMON_Q_MSIX, 2) == 0xffff &&
	     get_common(c, VIRTIO_PCI_COMMON_MSIX, 2) == 0xffff;
	survived(c, ok, "queue: vectors that do not exist");
}

/* --- regions: any offset and width --- */

static uint32_t seed = 1;

static uint32_t some(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (uint64_t)(seed >> 8) * below >> 24;
}

struct region {
	uint32_t index;
	uint32_t size;
};

static const struct region regions[] = {
	{ VFIO_PCI_BAR0_REGION_INDEX, 4 * PAGE },
	{ VFIO_PCI_BAR1_REGION_INDEX, PAGE },
	{ VFIO_PCI_CONFIG_REGION_INDEX, PCI_CFG_SPACE_SIZE },
};

/* What may come back: all of it, what is there, or an error without memory. */
static bool plausible(const struct region *r, uint32_t off, size_t len, ssize_t n)
{
	if (off >= r->size)
		return n == -EINVAL;
	if (n < 0)
		return n == -EIO;	/* memory space is disabled */
	return (size_t)n == (len < r->size - off ? len : r->size - off);
}

/* Everywhere, anything; memory space is enabled again from time to time. */
static void random_accesses(struct client *c, unsigned int count)
{
	uint8_t data[64];
	bool ok = true;

	client_start(c, ~0ull);
	for (unsigned int i = 0; i < count && ok; i++) {
		const struct region *r = &regions[some(ARRAY_LEN(regions))];
		/* one time of 16 past the end; mostly where registers are */
		uint32_t limit = some(16) ? r->size : 2 * r->size;
		uint32_t off = some(2) ? some(limit) : some(64);
		size_t len = some(4) ? 1u << some(4) : some(sizeof(data));
		uint64_t pos = ((uint64_t)r->index << 40) + off;
		ssize_t n;

		for (size_t b = 0; b < len; b++)
			data[b] = some(3) ? some(256) : some(2) * 255;
		n = some(2) ? pread(c->device, data, len, pos) :
			      pwrite(c->device, data, len, pos);
		ok = plausible(r, off, len, n < 0 ? -errno : n);
		if (i % 64 == 0)
			set_command(c, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	}
	set_command(c, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	survived(c, ok, "registers: %u random accesses", count);
}

static void outside_regions(struct client *c)
{
	static const struct {
		uint64_t pos;
		const char *name;
	} where[] = {
		{ 4 * PAGE, "behind BAR 0" },
		{ (1ull << 40) - 1, "end of BAR 0's window" },
		{ (1ull << 40) + PAGE, "behind BAR 1" },
		{ 2ull << 40, "a BAR that does not exist" },
		{ (uint64_t)VFIO_PCI_ROM_REGION_INDEX << 40, "the ROM" },
		{ ((uint64_t)VFIO_PCI_CONFIG_REGION_INDEX << 40) +
		  PCI_CFG_SPACE_SIZE, "behind configuration space" },
		{ (uint64_t)VFIO_PCI_VGA_REGION_INDEX << 40, "VGA" },
		{ (uint64_t)VFIO_PCI_NUM_REGIONS << 40, "region 9" },
		{ 0x7fffffffffffffff, "end of all offsets" },
	};
	void *volatile nowhere = (void *)1;	/* the compiler need not know */
	uint8_t data[8] = { 0 };
	bool ok;

	for (unsigned int i = 0; i < ARRAY_LEN(where); i++) {
		ok = pread(c->device, data, 8, where[i].pos) < 0 &&
		     pwrite(c->device, data, 8, where[i].pos) < 0;
		survived(c, ok, "registers: access to %s", where[i].name);
	}
	ok = pread(c->device, nowhere, 8, c->config) < 0 && errno == EFAULT;
	survived(c, ok, "registers: read to nowhere");
	ok = pwrite(c->device, nowhere, 8, c->config) < 0 && errno == EFAULT;
	survived(c, ok, "registers: write from nowhere");
}

/* VIRTIO_PCI_CAP_PCI_CFG, VIRTIO 1.2 s. 4.1.4.9 */
static void access_window(struct client *c)
{
	uint8_t at = 0;
	struct virtio_pci_cap cap;

	if (cfg_access(c, PCI_CAPABILITY_LIST, &at, 1, false))
		die("capabilities");
	do {
		if (cfg_access(c, at, &cap, sizeof(cap), false))
			die("capability");
		if (cap.cap_vndr == PCI_CAP_ID_VNDR &&
		    cap.cfg_type == VIRTIO_PCI_CAP_PCI_CFG)
			break;
		at = cap.cap_next;
	} while (at);
	for (unsigned int i = 0; i < 500; i++) {
		uint32_t data = some(2) ? 0xffffffff : some(65536);
		uint32_t off = some(4) ? some(5 * PAGE) : 0xfffffff0 + some(16);
		uint32_t len = some(4) ? 1u << some(3) : some(1u << 24) * 256;
		uint8_t bar = some(4) ? some(3) : some(256);

		cfg_access(c, at + VIRTIO_PCI_CAP_BAR, &bar, 1, true);
		cfg_access(c, at + VIRTIO_PCI_CAP_OFFSET, &off, 4, true);
		cfg_access(c, at + VIRTIO_PCI_CAP_LENGTH, &len, 4, true);
		cfg_access(c, at + sizeof(cap), &data, 4, some(2));
	}
	survived(c, true, "registers: 500 random uses of the window");
}

/* --- the PCI function --- */

static void command_register(struct client *c)
{
	struct vring_used_elem elem;
	uint32_t val = 0;
	struct vq *vq;
	bool ok;

	set_command(c, PCI_COMMAND_MASTER);
	ok = bar_access(c, 0, &val, 4, false) == -EIO &&
	     bar_access(c, 0, &val, 4, true) == -EIO &&
	     bar_access(c, c->notify, &val, 4, true) == -EIO;
	set_command(c, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	survived(c, ok, "PCI: access without memory space");

	/* What is posted waits, and goes when the device may. */
	client_start(c, ~0ull);
	set_command(c, PCI_COMMAND_MEMORY);
	vq = tx_vq(c, 0);
	vq_desc(vq, 0, vq_buf_iova(vq, 0), 100, 0, 0);
	vq_post(vq, 0);
	put_reg(c, c->notify + vq->notify_off * c->notify_mult, 2, vq->idx);
	usleep(50000);
	ok = !vq_poll(vq, &elem);
	set_command(c, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	survived(c, ok && vq_wait(vq, &elem) == 1, "PCI: not a bus master");
}

static void doorbells(struct client *c)
{
	client_start(c, ~0ull);
	for (uint32_t off = 0; off < PAGE; off += 4)
		put_reg(c, c->notify + off, 4, 0xffffffff);
	for (unsigned int i = 0; c->doorbells && i < PAGE / 4; i++)
		c->doorbells[i] = 0xffffffff;
	survived(c, !(get_status(c) & VIRTIO_CONFIG_S_NEEDS_RESET),
		 "doorbells: all of them, and more");
}

void register_attacks(struct client *c)
{
	refused_features(c);
	refused_status(c);
	refused_queues(c);
	outside_regions(c);
	for (int i = 0; i < 5; i++)
		random_accesses(c, 2000);
	access_window(c);
	command_register(c);
	doorbells(c);
}
