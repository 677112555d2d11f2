/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "log.h"
#include "mediator.h"

void
mediator_init(struct mediator *mediator, struct loop *loop, struct publish *publish)
{
	mediator->loop = loop;
	mediator->publish = publish;
	mediator->ready = NULL;
	TAILQ_INIT(&mediator->devices);
	mediator->count = 0;
}

/* The link goes first: nobody is to find a device that answers no more. */
static void
end_device(struct mediator *mediator, struct mediator_device *md)
{
	char uuid[DEVICE_UUID_LEN];

	strcpy(uuid, md->uuid);
	publish_hide(mediator->publish, uuid);
	device_destroy(md->device);
	publish_remove(mediator->publish, uuid);
	TAILQ_REMOVE(&mediator->devices, md, next);
	loop_timer_cancel(&md->retiring);
	mediator->count--;
	free(md);
}

static int
client_of(const struct mediator_device *md)
{
	struct device_status status;

	device_get_status(md->device, &status);
	return status.client;
}

/*
 * Look whether its client has let go. Whoever has come instead is asked as well, and one
 * that has forgotten it again: once a second.
 */
static void
look(void *arg)
{
	struct mediator_device *md = arg;
	int client = client_of(md);

	if (client < 0) {
		LOG(NOTICE, "mdev:%s: removed", md->uuid);
		end_device(md->mediator, md);
		return;
	}
	if (--md->looks_left == 0) {
		LOG(WARNING, "mdev:%s: process %d did not let go of it in time: disconnected",
			md->uuid, client);
		end_device(md->mediator, md);
		return;
	}
	if (md->looks_left % (1000 / MEDIATOR_LOOK_MS) == 0)
		device_request_removal(md->device);
	loop_timer_set(&md->retiring, MEDIATOR_LOOK_MS);
}

void
mediator_fini(struct mediator *mediator)
{
	while (!TAILQ_EMPTY(&mediator->devices))
		end_device(mediator, TAILQ_FIRST(&mediator->devices));
}

struct mediator_device *
mediator_find(struct mediator *mediator, const char *uuid)
{
	struct mediator_device *md;

	TAILQ_FOREACH(md, &mediator->devices, next) {
		if (strcmp(md->uuid, uuid) == 0)
			return md;
	}
	return NULL;
}

static void
insert(struct mediator *mediator, struct mediator_device *md)
{
	struct mediator_device *other;

	mediator->count++;
	TAILQ_FOREACH(other, &mediator->devices, next) {
		if (strcmp(md->uuid, other->uuid) < 0) {
			TAILQ_INSERT_BEFORE(other, md, next);
			return;
		}
	}
	TAILQ_INSERT_TAIL(&mediator->devices, md, next);
}

static int
check_new(struct mediator *mediator, const struct device_conf *conf)
{
	if (mediator_find(mediator, conf->uuid) != NULL) {
		LOG(ERR, "mdev:%s: already a device of this mediator: remove it first, or use another UUID",
			conf->uuid);
		return -EEXIST;
	}
	if (mediator->count == CONFIG_MAX_DEVICES) {
		LOG(ERR, "mdev:%s: this mediator has %u devices, and no more: start another one, with another --name",
			conf->uuid, mediator->count);
		return -E2BIG;
	}
	return 0;
}

int
mediator_add(struct mediator *mediator, const struct device_conf *conf)
{
	struct mediator_device *md;
	int ret;

	ret = check_new(mediator, conf);
	if (ret < 0)
		return ret;
	md = calloc(1, sizeof(*md));
	if (md == NULL) {
		LOG(ERR, "mdev:%s: no memory: remove another device, or free some",
			conf->uuid);
		return -ENOMEM;
	}
	ret = publish_add(mediator->publish, conf->uuid, conf->numa_node, md->socket);
	if (ret < 0)
		goto no_folder;
	ret = device_create(mediator->loop, conf, md->socket, &md->device);
	if (ret < 0)
		goto no_device;
	md->uuid = device_get_conf(md->device)->uuid;
	md->mediator = mediator;
	loop_timer_init(&md->retiring, mediator->loop, look, md);
	ret = publish_show(mediator->publish, conf->uuid);
	if (ret < 0)
		goto not_shown;
	insert(mediator, md);
	if (mediator->ready != NULL)
		mediator->ready(md);
	return 0;
not_shown:
	device_destroy(md->device);
no_device:
	publish_remove(mediator->publish, conf->uuid);
no_folder:
	free(md);
	return ret;
}

int
mediator_remove(struct mediator *mediator, const char *uuid)
{
	struct mediator_device *md = mediator_find(mediator, uuid);

	if (md == NULL)
		return -ENOENT;
	end_device(mediator, md);
	return 0;
}

int
mediator_retire(struct mediator *mediator, const char *uuid, uint32_t ms)
{
	struct mediator_device *md = mediator_find(mediator, uuid);
	uint32_t looks = ms / MEDIATOR_LOOK_MS;

	if (md == NULL)
		return -ENOENT;
	if (looks == 0 || device_request_removal(md->device) < 0) {
		end_device(mediator, md);
		return 0;
	}
	if (md->looks_left == 0 || looks < md->looks_left)
		md->looks_left = looks;
	if (!loop_timer_runs(&md->retiring))
		loop_timer_set(&md->retiring, MEDIATOR_LOOK_MS);
	return 1;
}
