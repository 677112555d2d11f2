/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_MEDIATOR_H
#define MEDIATOR_MEDIATOR_H

/*
 * The devices of this mediator, by UUID, and their way into and out of the world.
 */

#include <stdbool.h>
#include <sys/queue.h>

#include "device.h"
#include "loop.h"
#include "publish.h"

struct mediator_device {
	TAILQ_ENTRY(mediator_device) next; /* by UUID */
	struct device *device;
	struct mediator *mediator;
	const char *uuid;                  /* of its configuration */
	char socket[PUBLISH_PATH_LEN];
	struct loop_timer retiring;
	uint32_t looks_left;               /* at its client; 0: it is not to be removed */
};

TAILQ_HEAD(mediator_devices, mediator_device);

struct mediator {
	struct loop *loop;
	struct publish *publish;
	/* set by its user: called for each new device; NULL if nobody wants to know */
	void (*ready)(const struct mediator_device *md);
	struct mediator_devices devices;
	unsigned int count;
};

void mediator_init(struct mediator *mediator, struct loop *loop,
		struct publish *publish);
/* Remove all devices. */
void mediator_fini(struct mediator *mediator);

/*
 * Create a device and publish it once it can be used. 0 or a negative errno, logged;
 * -EEXIST: this mediator or another one has it.
 */
int mediator_add(struct mediator *mediator, const struct device_conf *conf);
/* End a device, whoever uses it; its client is disconnected. -ENOENT, not logged. */
int mediator_remove(struct mediator *mediator, const char *uuid);
/* How often a device that is to be removed is looked at; in milliseconds. */
#define MEDIATOR_LOOK_MS 100
/*
 * Ask a device's client to let go, and remove the device when it has, or when so many
 * milliseconds are over. It is removed at once if nobody uses it, its client cannot be
 * asked, or ms is 0. Who asks again can only make it sooner. 0: removed; 1: under way;
 * its end is logged; -ENOENT, not logged.
 */
int mediator_retire(struct mediator *mediator, const char *uuid, uint32_t ms);
/* NULL: there is none. */
struct mediator_device *mediator_find(struct mediator *mediator, const char *uuid);

#endif /* MEDIATOR_MEDIATOR_H */
