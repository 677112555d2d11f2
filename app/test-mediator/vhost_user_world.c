/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "log.h"
#include "vhost_user_world.h"

struct world world;

static int captured = -1, saved = -1;

static void
event(enum world_event what)
{
	struct vhost_user *vu = world.vu;

	world.count[what]++;
	if (world.destroy_at == (int)what) {
		world.vu = NULL;
		vhost_user_destroy(vu);
	}
}

static void
on_up(void *arg __rte_unused)
{
	event(WORLD_UP);
}

static void
on_down(void *arg __rte_unused)
{
	event(WORLD_DOWN);
}

static void
on_done(void *arg __rte_unused, int ret)
{
	world.ret = ret;
	event(WORLD_DONE);
}

static void
on_called(void *arg __rte_unused, unsigned int index)
{
	world.called++;
	world.called_index = index;
}

int
world_create(uint16_t max_pairs, bool listens)
{
	static const struct vhost_user_ops ops = {
		.up = on_up,
		.down = on_down,
		.done = on_done,
		.called = on_called,
	};
	const struct vhost_user_conf conf = {
		.name = "mdev:test",
		.path = world.path,
		.listen = listens,
		.max_pairs = max_pairs,
	};
	int ret;

	memset(world.count, 0, sizeof(world.count));
	ret = vhost_user_create(world.loop, &conf, &ops, &world, &world.vu);
	if (ret == 0)
		vhost_user_set_times(world.vu, &world.times);
	return ret;
}

static void
describe_rings(void)
{
	unsigned int i;

	world.ranges[0] = (struct dma_range) {
		.iova = WORLD_IOVA,
		.size = WORLD_SIZE,
		.offset = 0x1000,
		.fd = world.memory,
	};
	for (i = 0; i < RTE_DIM(world.vrings); i++) {
		world.vrings[i] = (struct vhost_user_vring) {
			.size = 256,
			.enabled = true,
			.desc = WORLD_IOVA + 0x2000 * i,
			.avail = WORLD_IOVA + 0x2000 * i + 0x1000,
			.used = WORLD_IOVA + 0x2000 * i + 0x1400,
			.base = i,
			.kick_fd = world.kick,
			.call_fd = world.call,
		};
	}
}

static int
begin(bool listens)
{
	memset(&world, 0, sizeof(world));
	stage_open(&world.stage);
	world.times = stage_times;
	world.destroy_at = -1;
	if (world.stage.dir[0] == '\0')
		return TEST_FAILED;
	snprintf(world.path, sizeof(world.path), "%s/backend", world.stage.dir);
	world.loop = loop_create();
	world.memory = memfd_create("memory", MFD_CLOEXEC);
	world.kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	world.call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (world.loop == NULL || world.memory < 0 || world.kick < 0 || world.call < 0 ||
			backend_open(&world.backend, world.path, !listens) < 0)
		return TEST_FAILED;
	describe_rings();
	return world_create(2, listens) == 0 ? TEST_SUCCESS : TEST_FAILED;
}

int
world_connects(void)
{
	return begin(false);
}

int
world_listens(void)
{
	return begin(true);
}

void
world_stop(void)
{
	vhost_user_destroy(world.vu);
	backend_close(&world.backend);
	loop_destroy(world.loop);
	close(world.memory);
	close(world.kick);
	close(world.call);
	unlink(world.path);
	stage_close(&world.stage);
}

int
world_start(unsigned int nr_vrings)
{
	return vhost_user_start(world.vu, BACKEND_FEATURES, world.ranges, 1, world.vrings,
		nr_vrings, 1500);
}

void
world_round(void)
{
	stage_round(world.loop, &world.backend);
}

void
world_settle(void)
{
	stage_settle(world.loop, &world.backend);
}

int
world_told(unsigned int from, const char * const *lines)
{
	char text[256];
	unsigned int i;

	for (i = 0; lines[i] != NULL; i++) {
		TEST_ASSERT(from + i < world.backend.nr_seen, "no '%s'", lines[i]);
		backend_text(&world.backend.seen[from + i], text, sizeof(text));
		TEST_ASSERT(strcmp(text, lines[i]) == 0, "'%s', not '%s'", text,
			lines[i]);
	}
	backend_text(&world.backend.seen[from + i], text, sizeof(text));
	TEST_ASSERT_EQUAL(world.backend.nr_seen, from + i, "and then '%s'", text);
	TEST_ASSERT(!world.backend.mistaken, "against the protocol");
	return TEST_SUCCESS;
}

void
world_capture(void)
{
	captured = memfd_create("log", MFD_CLOEXEC);
	saved = dup(STDERR_FILENO);
	dup2(captured, STDERR_FILENO);
	log_set_level(LOG_NOTICE);
}

unsigned int
world_captured(const char *text)
{
	static char all[65536];
	unsigned int count = 0;
	ssize_t len;
	char *at;

	fflush(stderr);
	len = pread(captured, all, sizeof(all) - 1, 0);
	all[len < 0 ? 0 : len] = '\0';
	for (at = all; (at = strstr(at, text)) != NULL; at++)
		count++;
	return count;
}

void
world_release(void)
{
	log_set_level(LOG_EMERG);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(captured);
}
