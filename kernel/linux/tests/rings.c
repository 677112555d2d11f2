// SPDX-License-Identifier: GPL-2.0-only
/*
 * rings UUID...: what can become of queues while a mediated virtio-net device is driven:
 * one is reset, all of them stop because the device needs a reset. One line for each
 * thing that is wrong.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "client.h"

static const uint8_t broadcast[ETH_ALEN] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff
};

static uint32_t number = 0x20000;

static bool sends(struct client *c)
{
	uint8_t frame[BUF_SIZE];
	size_t len = make_frame(frame, broadcast, ++number);
	int ret = tx(c, 0, frame, len);

	if (!ret)
		ret = host_receive(c, frame);
	return ret > 0 && frame_number(frame, ret) == number;
}

static bool receives(struct client *c)
{
	uint8_t frame[BUF_SIZE];
	unsigned int pair;
	int ret;

	host_send(c, frame, make_frame(frame, broadcast, ++number));
	do {	/* frames that have waited come first */
		ret = rx(c, &pair, frame);
	} while (ret > 0 && frame_number(frame, ret) != number);
	return ret > 0 && !pair;
}

static bool obeys(struct client *c)
{
	uint8_t on = 0;

	return command(c, VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, &on,
		       1) == VIRTIO_NET_OK;
}

static bool all_works(struct client *c)
{
	return sends(c) && receives(c) && obeys(c);
}

/* --- VIRTIO_F_RING_RESET, VIRTIO 1.2 s. 2.6.1 and 4.1.4.3 --- */

static uint16_t queue_reg(struct vq *vq, uint32_t off)
{
	put_common(vq->c, VIRTIO_PCI_COMMON_Q_SELECT, 2, vq->idx);
	return get_common(vq->c, off, 2);
}

static void reset_queue(struct vq *vq, uint16_t value)
{
	put_common(vq->c, VIRTIO_PCI_COMMON_Q_SELECT, 2, vq->idx);
	put_common(vq->c, VIRTIO_PCI_COMMON_Q_RESET, 2, value);
}

static bool enable_again(struct vq *vq, uint16_t num)
{
	vq_init(vq);
	vq->num = num;
	return vq_enable_own(vq);
}

/* Has the device done with the queue? It has looked at all others after a command. */
static bool left_alone(struct client *c, struct vq *vq)
{
	struct vring_used_elem elem;
	uint8_t frame[BUF_SIZE];

	vq_desc(vq, 0, vq_buf_iova(vq, 0), HDR_LEN + 100,
		vq->idx & 1 ? 0 : VRING_DESC_F_WRITE, 0);
	vq_post(vq, 0);
	vq_kick(vq);
	if (!(vq->idx & 1) && vq->idx != c->ctrl)
		host_send(c, frame, make_frame(frame, broadcast, 1));
	if (vq->idx == c->ctrl) {
		if (!sends(c) || !sends(c))
			return false;
	} else if (!obeys(c) || !obeys(c)) {
		return false;
	}
	return !vq_poll(vq, &elem);
}

static void one_queue(struct client *c, struct vq *vq, const char *kind)
{
	const uint16_t vector = c->nvqs;
	uint16_t num_max;

	client_reset(c);
	num_max = queue_reg(vq, VIRTIO_PCI_COMMON_Q_SIZE);
	client_start(c, ~0ull);
	rx_fill(rx_vq(c, 0));
	put_common(c, VIRTIO_PCI_COMMON_Q_SELECT, 2, vq->idx);
	put_common(c, VIRTIO_PCI_COMMON_Q_MSIX, 2, vector);
	result(all_works(c), "%s: works before", kind);
	reset_queue(vq, 0);
	result(queue_reg(vq, VIRTIO_PCI_COMMON_Q_ENABLE) == 1 && all_works(c),
	       "%s: 0 resets nothing", kind);
	reset_queue(vq, 1);
	result(!queue_reg(vq, VIRTIO_PCI_COMMON_Q_RESET) &&
	       !queue_reg(vq, VIRTIO_PCI_COMMON_Q_ENABLE),
	       "%s: reset and disabled", kind);
	result(queue_reg(vq, VIRTIO_PCI_COMMON_Q_SIZE) == num_max &&
	       queue_reg(vq, VIRTIO_PCI_COMMON_Q_MSIX) == 0xffff &&
	       !queue_reg(vq, VIRTIO_PCI_COMMON_Q_DESCLO),
	       "%s: registers as in the beginning", kind);
	result(left_alone(c, vq), "%s: not touched any more", kind);
	result(enable_again(vq, VQ_NUM / 2), "%s: enabled, half as long", kind);
	if (!(vq->idx & 1) && vq->idx != c->ctrl)
		rx_fill(vq);
	for (unsigned int i = 0; i < VQ_NUM; i++)
		if (!all_works(c)) {
			result(false, "%s: works afterwards (%u)", kind, i);
			return;
		}
	result(get_status(c) ==
	       (VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
		VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK),
	       "%s: the status is what it was", kind);
}

static void queue_reset(struct client *c)
{
	result(c->offered & BIT(VIRTIO_F_RING_RESET), "offers RING_RESET");
	client_start(c, ~BIT(VIRTIO_F_RING_RESET));
	rx_fill(rx_vq(c, 0));
	reset_queue(tx_vq(c, 0), 1);
	result(queue_reg(tx_vq(c, 0), VIRTIO_PCI_COMMON_Q_ENABLE) == 1 &&
	       all_works(c), "no reset without the feature");
	client_start(c, ~0ull);
	one_queue(c, rx_vq(c, 0), "rx");
	one_queue(c, tx_vq(c, 0), "tx");
	one_queue(c, ctrl_vq(c), "ctrl");
}

/* --- DEVICE_NEEDS_RESET, s. 2.1.2 --- */

static void needs_reset(struct client *c)
{
	struct vring_used_elem elem;
	uint64_t count;
	int fd;

	client_reset(c);
	result(put_attribute(c, "needs_reset", "1") == ENOTCONN,
	       "needs no reset without a driver");
	client_start(c, ~0ull);
	rx_fill(rx_vq(c, 0));
	fd = msix_on(c, 0);
	put_common(c, VIRTIO_PCI_COMMON_MSIX, 2, 0);
	/* of the link, perhaps */
	result(all_works(c), "works before it needs a reset");
	count = read(fd, &count, sizeof(count));
	result(put_attribute(c, "needs_reset", "0") == EINVAL &&
	       !(get_status(c) & VIRTIO_CONFIG_S_NEEDS_RESET),
	       "cannot be told that it needs none");
	result(!put_attribute(c, "needs_reset", "1") &&
	       get_status(c) & VIRTIO_CONFIG_S_NEEDS_RESET, "needs a reset");
	result(read(fd, &count, sizeof(count)) == sizeof(count) && count == 1,
	       "gets the configuration interrupt");
	vq_desc(tx_vq(c, 0), 0, vq_buf_iova(tx_vq(c, 0), 0), 100, 0, 0);
	vq_post(tx_vq(c, 0), 0);
	vq_kick(tx_vq(c, 0));
	usleep(50000);
	result(!vq_poll(tx_vq(c, 0), &elem), "uses no queue");
	put_common(c, VIRTIO_PCI_COMMON_STATUS, 1, get_status(c));
	result(get_status(c) & VIRTIO_CONFIG_S_NEEDS_RESET,
	       "needs it until it is reset");
	msix_off(c, fd);
	client_start(c, ~0ull);
	rx_fill(rx_vq(c, 0));
	result(all_works(c), "works after the reset");
}

/* --- rings as only some features allow them --- */

#define PACKED		BIT(VIRTIO_F_RING_PACKED)
#define ORDER		BIT(VIRTIO_F_IN_ORDER)
#define EVENT		BIT(VIRTIO_RING_F_EVENT_IDX)

/* s. 2.7.7, 2.8.10: one interrupt, when the event index is passed */
static void event_index(struct client *c, uint64_t take)
{
	struct vq *vq = tx_vq(c, 0);
	uint64_t count = 0;
	bool ok = true;
	int fd;

	c->take = take;
	client_start(c, ~0ull);
	fd = msix_on(c, c->nvqs);
	put_common(c, VIRTIO_PCI_COMMON_Q_SELECT, 2, vq->idx);
	put_common(c, VIRTIO_PCI_COMMON_Q_MSIX, 2, c->nvqs);
	/* around the ring, and with that the packed one's counter */
	for (unsigned int i = 0; i < 3 * VQ_NUM && ok; i++) {
		vq_interrupt_after(vq, 2);
		ok = sends(c) && sends(c) && read(fd, &count, 8) < 0 &&
		     sends(c) && sends(c) && sends(c) &&
		     read(fd, &count, 8) == 8 && count == 1;
		if (!ok)
			result(false, "one interrupt of five (%u: %llu)", i,
			       (unsigned long long)count);
	}
	result(ok, "one interrupt of five, all around the ring");
	msix_off(c, fd);
	c->take = 0;
}

/* Has the device asked for a notification of the next chain? */
static bool listening(const struct vq *vq)
{
	volatile struct vring_packed_desc_event *event = (void *)vq->used;

	if (!vq->packed)
		return (uint16_t)vq->used->ring[vq->num].id == vq->avail->idx;
	return event->flags == VRING_PACKED_EVENT_FLAG_DESC &&
	       event->off_wrap == (vq->next_avail | vq->avail_wrap << 15);
}

/* s. 2.7.10, 2.8.10: of three chains one is notified, all around the ring */
static void notifications(struct client *c, uint64_t take)
{
	struct vring_used_elem elem;
	struct vq *vq = tx_vq(c, 0);
	bool ok = true;

	c->take = take;
	client_start(c, ~0ull);
	for (unsigned int i = 0; i < 3 * VQ_NUM && ok; i++) {
		for (int n = 0; n < PATIENCE_S * 1000 && !listening(vq); n++)
			usleep(1000);
		ok = listening(vq);
		set_command(c, PCI_COMMAND_MEMORY);
		c->kicks_saved = 0;
		for (unsigned int n = 0; n < 3; n++) {
			vq_desc(vq, n, vq_buf_iova(vq, n), 100, 0, 0);
			vq_post(vq, n);
			vq_kick(vq);
		}
		ok = ok && c->kicks_saved == 2;
		set_command(c, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
		for (unsigned int n = 0; n < 3 && ok; n++)
			ok = vq_wait(vq, &elem) == 1;
		if (!ok)
			result(false, "one notification of three (%u: %u saved)",
			       i, c->kicks_saved);
	}
	result(ok, "one notification of three, all around the ring");
	c->take = 0;
}

/* Chains into which nothing is written come back as one: s. 2.7.9, 2.8.8 */
static void batches(struct client *c, uint64_t take)
{
	const unsigned int nr = VQ_NUM / 2;
	struct vring_used_elem elem;
	struct vq *vq = tx_vq(c, 0);
	unsigned int seen = 0;
	bool ok;

	c->take = take;
	client_start(c, ~0ull);
	set_command(c, PCI_COMMAND_MEMORY);
	for (unsigned int i = 0; i < nr; i++) {
		vq_desc(vq, i, vq_buf_iova(vq, i), 100, 0, 0);
		vq_post(vq, i);
	}
	set_command(c, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	vq_kick(vq);
	for (; seen < nr && vq_wait(vq, &elem) == 1; seen++)
		if (elem.id != seen || elem.len)
			break;
	result(seen == nr, "%u chains come back in order (%u)", nr, seen);
	if (vq->packed)
		ok = vq->pdesc[0].id == nr - 1 && vq->pdesc[1].id == 1;
	else
		ok = vq->used->ring[0].id == nr - 1 && !vq->used->ring[1].id &&
		     vq->used->idx == nr;
	result(ok, "they come back as one");
	result(!vq_poll(vq, &elem), "and nothing else does");
	c->take = 0;
}

/* s. 2.8: the size of a packed ring need not be a power of two */
static void odd_size(struct client *c, uint16_t num)
{
	bool ok = true;

	c->take = PACKED;
	client_start(c, ~0ull);
	rx_fill(rx_vq(c, 0));
	for (unsigned int i = 0; i < 3; i++) {
		struct vq *vq = i == 2 ? ctrl_vq(c) : &c->vqs[i];

		reset_queue(vq, 1);
		result(enable_again(vq, num) &&
		       queue_reg(vq, VIRTIO_PCI_COMMON_Q_SIZE) == num,
		       "packed queue of %u", num);
	}
	rx_fill(rx_vq(c, 0));
	for (unsigned int i = 0; i < 4 * VQ_NUM && ok; i++)
		ok = all_works(c);
	result(ok, "works with packed queues of %u", num);
	c->take = 0;
}

static void layouts(struct client *c)
{
	about("split");
	event_index(c, EVENT);
	batches(c, ORDER);
	if (!c->doorbells)	/* or else it polls */
		notifications(c, EVENT);
	about("split, in order");
	event_index(c, ORDER | EVENT);
	about("packed");
	event_index(c, PACKED | EVENT);
	if (!c->doorbells)
		notifications(c, PACKED | EVENT);
	batches(c, PACKED | ORDER);
	odd_size(c, 3);
	odd_size(c, 13);
	about("packed, in order");
	event_index(c, PACKED | ORDER | EVENT);
	c->take = PACKED;
	about("packed");
	queue_reset(c);
	c->take = 0;
	about("");
}

/* --- features that are switched off --- */

static void features_off(const char *uuid)
{
	struct client c;
	char mask[32];
	uint64_t all;

	client_open(&c, uuid);
	all = c.offered;
	result(put_attribute(&c, "features_off", "1") == EBUSY,
	       "no features are switched off in use");
	client_close(&c);
	result(put_attribute(&c, "features_off", "0x100000000") == EINVAL,
	       "VERSION_1 cannot be switched off");
	for (unsigned int i = 0; i < 64; i++) {
		if (!(all & BIT(i)) || i == VIRTIO_F_VERSION_1)
			continue;
		snprintf(mask, sizeof(mask), "0x%llx", BIT(i));
		if (put_attribute(&c, "features_off", mask))
			die("features_off of %s", uuid);
		client_open(&c, uuid);
		/* and what needs it */
		result(!(c.offered & BIT(i)) && !(c.offered & ~all),
		       "feature %u is switched off", i);
		result(client_negotiate(&c, c.offered),
		       "a driver takes the others (%u)", i);
		client_close(&c);
	}
	if (put_attribute(&c, "features_off", "0"))
		die("features_off of %s", uuid);
	client_open(&c, uuid);
	result(c.offered == all, "all features are back");
	client_close(&c);
}

int main(int argc, char **argv)
{
	struct client c;

	for (int i = 1; i < argc; i++) {
		client_open(&c, argv[i]);
		host_open(&c);
		queue_reset(&c);
		needs_reset(&c);
		layouts(&c);
		client_close(&c);
		features_off(argv[i]);
	}
	return results("observations");
}
