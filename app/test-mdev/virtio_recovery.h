/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTIO_RECOVERY_H
#define VIRTIO_RECOVERY_H

/*
 * A port whose device is reset while it runs: what its application hears and does, and
 * the thread that has its queues.
 */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <mdev_virtio_ethdev.h>

#include "virtio_port.h"

#define VIRTIO_RECOVERY_RING 64
/* Looks, or seconds: until a test fails in other ways. */
#define VIRTIO_RECOVERY_FOREVER 1000000

struct virtio_recovery {
	/*
	 * Events in the order in which they came, by their letters: r ERR_RECOVERING,
	 * S RECOVERY_SUCCESS, F RECOVERY_FAILED, R INTR_RESET.
	 */
	char events[64];
	volatile unsigned int nr_events;
	/* What the application does in its callback of that event: it stops the port. */
	char stop_at;
	volatile int stop_ret;
	void (*at_event)(char letter); /* and what else, in all of them; NULL: nothing */
};

extern struct virtio_recovery virtio_recovery;

/*
 * Attach a port to a device with two pairs, filters and RSS, and these features and
 * interrupt vectors. A packed ring is taken if it is offered. TEST_SUCCESS or TEST_FAILED.
 */
int virtio_recovery_attach(uint64_t features, uint32_t vectors);
/* The same without further features, with four vectors. */
int virtio_recovery_setup(void);
int virtio_recovery_setup_packed(void);
void virtio_recovery_teardown(void);

/* What the driver has of it. */
struct mdev_virtio_recovery *virtio_recovery_state(void);

/* Start the port; what ethdev returned. */
int virtio_recovery_start_queues(uint16_t nb_rx, uint16_t nb_tx, bool rx_interrupts);
/* One pair. Nobody has the queues: nothing will be heard of them, nor waited for. */
int virtio_recovery_start(void);

/*
 * A thread that polls all transmit queues, and receive queues but this one: what it has is
 * heard of. 0 or an error.
 */
int virtio_recovery_owner_start(uint16_t except);
void virtio_recovery_owner_end(void);

/* Wait until so many events have come, for a bounded time, and return their letters. */
const char *virtio_recovery_wait(unsigned int events);
#define TEST_ASSERT_EVENTS(letters) \
	TEST_ASSERT_SUCCESS(strcmp(virtio_recovery_wait(strlen(letters)), letters), \
		"%s", virtio_recovery.events)

/*
 * Ask for all that is the device's to forget in a reset; and after one, does it have all
 * again? The port has two pairs. TEST_SUCCESS or TEST_FAILED, reported.
 */
int virtio_recovery_configure(void);
int virtio_recovery_configured(void);

/*
 * Have each access of a restart fail once. begin() has it begin before (NULL: nothing to
 * do), restart() makes or awaits it, and returns less than 0 if it failed. After each, the
 * port is stopped, no mbuf is in use, and the port is started again. TEST_SUCCESS or
 * TEST_FAILED, reported.
 */
int virtio_recovery_fail_steps(void (*begin)(void), int (*restart)(void));

/* The device works: traffic in both directions of queue 0. TEST_SUCCESS or TEST_FAILED. */
int virtio_recovery_traffic(void);
/* A statistic by its name; UINT64_MAX if there is none. */
uint64_t virtio_recovery_xstat(const char *name);

#endif /* VIRTIO_RECOVERY_H */
