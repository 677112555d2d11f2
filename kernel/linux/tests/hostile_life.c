// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attacks on the device's life: clients that are killed, that close what is in use,
 * and that do everything at once.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "hostile.h"

/* --- everything at once --- */

#define ROUNDS	200

static atomic_bool over;
static const uint8_t broadcast[ETH_ALEN] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff
};

/* Memory comes and goes under the device. */
static void *mapper(void *arg)
{
	struct client *c = arg;

	while (!over) {
		client_unmap(c);
		client_map(c);
	}
	return NULL;
}

/* Rings change while they are read. */
static void *scribbler(void *arg)
{
	struct client *c = arg;
	uint32_t seed = 7;

	while (!over) {
		for (unsigned int i = 0; i < c->nvqs; i++) {
			volatile uint8_t *slot = c->vqs[i].slot;

			seed = seed * 1664525 + 1013904223;
			slot[(seed >> 8) % SLOT_BUFS] = seed >> 24;
			/* a packed one's flags, a split one's index */
			slot[16 * (seed % VQ_NUM) + 14 + (seed >> 5) % 2] =
				seed >> 12;
			slot[SLOT_AVAIL + 2] = seed >> 16;
			vq_kick(&c->vqs[i]);
		}
	}
	return NULL;
}

static void *interrupter(void *arg)
{
	int fds[4], fd = eventfd(0, EFD_NONBLOCK);
	struct client *c = arg;

	for (unsigned int i = 0; i < 4; i++)
		fds[i] = i == 2 ? -1 : fd;
	while (!over) {
		set_irqs(c, VFIO_PCI_MSIX_IRQ_INDEX,
			 VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
			 0, 4, fds, sizeof(fds));
		set_irqs(c, VFIO_PCI_MSIX_IRQ_INDEX,
			 VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, 0,
			 0, NULL, 0);
	}
	close(fd);
	return NULL;
}

static void *sender(void *arg)
{
	uint8_t frame[BUF_SIZE];
	struct client *c = arg;
	size_t len = make_frame(frame, broadcast, 1);

	while (!over)
		host_try_send(c, frame, len);
	return NULL;
}

static void everything(struct client *c, const char *name, uint64_t take)
{
	static void *(*const threads[])(void *) = {
		mapper, scribbler, interrupter, sender
	};
	pthread_t ids[4];

	c->take = take;
	client_start(c, ~0ull);
	over = false;
	for (unsigned int i = 0; i < 4; i++)
		if (pthread_create(&ids[i], NULL, threads[i], c))
			die("thread");
	for (unsigned int i = 0; i < ROUNDS; i++) {
		client_start(c, ~0ull);
		for (unsigned int pair = 0; pair < c->max_pairs; pair++)
			rx_fill(rx_vq(c, pair));
		if (i % 8 == 0)
			set_command(c, PCI_COMMAND_MEMORY);
		if (i % 4 == 0)
			for (unsigned int n = 0; n < c->nvqs; n++) {
				put_common(c, VIRTIO_PCI_COMMON_Q_SELECT, 2, n);
				put_common(c, VIRTIO_PCI_COMMON_Q_RESET, 2, 1);
				vq_enable_own(&c->vqs[n]);
			}
		set_command(c, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
		if (i % 16 == 0 && ioctl(c->device, VFIO_DEVICE_RESET))
			die("reset");
	}
	over = true;
	for (unsigned int i = 0; i < 4; i++)
		pthread_join(ids[i], NULL);
	set_irqs(c, VFIO_PCI_MSIX_IRQ_INDEX,
		 VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, 0, 0,
		 NULL, 0);
	client_unmap(c);
	if (client_map(c))
		die("map");
	survived(c, true, "life: everything at once, %s, %u starts", name, ROUNDS);
	c->take = 0;
}

/* --- files --- */

static void two_files(struct client *c)
{
	int second = ioctl(c->group, VFIO_GROUP_GET_DEVICE_FD, c->uuid);
	struct vring_used_elem elem;
	struct vq *vq;
	bool ok;

	client_start(c, ~0ull);
	if (second >= 0)
		close(second);
	/* The device is still the first one's, and started. */
	vq = tx_vq(c, 0);
	vq_desc(vq, 0, vq_buf_iova(vq, 0), 100, 0, 0);
	vq_post(vq, 0);
	vq_kick(vq);
	ok = vq_wait(vq, &elem) == 1;
	survived(c, ok, "life: opened twice, closed once");
	survived(c, ioctl(c->group, VFIO_GROUP_UNSET_CONTAINER),
		 "life: container taken from a device in use");
}

/* Closed, or killed, with frames on their way in both directions. */
static void end_in_use(struct client *c, const char *uuid, bool killed)
{
	for (int i = 0; i < 10; i++) {
		uint8_t frame[BUF_SIZE];
		pid_t pid;
		int status;

		pid = fork();
		if (pid < 0)
			die("fork");
		if (!pid) {
			client_open(c, uuid);
			host_open(c);
			client_start(c, ~0ull);
			rx_fill(rx_vq(c, 0));
			for (unsigned int n = 0; n < VQ_NUM; n++) {
				struct vq *vq = tx_vq(c, 0);

				vq_desc(vq, n, vq_buf_iova(vq, n), 1000, 0, 0);
				vq_post(vq, n);
				host_try_send(c, frame,
					      make_frame(frame, broadcast, 1));
			}
			vq_kick(tx_vq(c, 0));
			if (killed)
				kill(getpid(), SIGKILL);
			_exit(0);
		}
		if (waitpid(pid, &status, 0) != pid)
			die("waitpid");
		if (killed ? !WIFSIGNALED(status) :
			     !WIFEXITED(status) || WEXITSTATUS(status))
			die("client %d", status);
	}
}

static void ends(struct client *c, const char *uuid)
{
	/* Nobody else can have the device in the meantime. */
	client_close(c);
	end_in_use(c, uuid, false);
	client_open(c, uuid);
	host_open(c);
	survived(c, true, "life: 10 clients that just end");
	client_close(c);
	end_in_use(c, uuid, true);
	client_open(c, uuid);
	host_open(c);
	survived(c, true, "life: 10 clients that are killed");
}

/* A doorbell page outlives the file that it was mapped from. */
static void mapping_outlives(struct client *c, const char *uuid)
{
	volatile uint32_t *doorbells = c->doorbells;

	if (!doorbells)
		return;
	close(c->device);
	c->device = -1;
	doorbells[0] = 1;
	client_close(c);
	client_open(c, uuid);
	host_open(c);
	survived(c, true, "life: doorbells of a closed file");
}

void life_attacks(struct client *c, const char *uuid)
{
	two_files(c);
	everything(c, "split", BIT(VIRTIO_RING_F_EVENT_IDX));
	everything(c, "split, in order", BIT(VIRTIO_F_IN_ORDER));
	everything(c, "packed", BIT(VIRTIO_F_RING_PACKED));
	everything(c, "packed, in order", ~0ull);
	ends(c, uuid);
	mapping_outlives(c, uuid);
}
