/* SPDX-License-Identifier: BSD-3-Clause */

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_bus.h>
#include <rte_common.h>
#include <rte_devargs.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_memzone.h>

#include "captured_log.h"
#include "error_lines.h"
#include "fake_vfio.h"
#include "made_up_vfio.h"
#include "test.h"
#include "virtio_port.h"

/* More accesses than any call makes. */
#define SWEEP_MAX 1000

/* What an error could leave behind. */
struct state {
	unsigned int fds, maps, memzones, allocs, ports;
};

/* But EAL's interrupt thread's, which comes and goes as it likes. */
static unsigned int
count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	unsigned int count = 0;
	char target[64];
	ssize_t len;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		len = readlinkat(dirfd(dir), entry->d_name, target,
				sizeof(target) - 1);
		target[RTE_MAX(len, 0)] = '\0';
		count += len > 0 && strstr(target, "[eventpoll]") == NULL;
	}
	if (dir != NULL)
		closedir(dir);
	return count;
}

/*
 * Regions: what is reserved for one, and what of it is mapped. Reservations of the
 * heap's are 64 MB large and have their place.
 */
static unsigned int
count_maps(void)
{
	FILE *file = fopen("/proc/self/maps", "r");
	unsigned long start, end;
	unsigned int count = 0;
	char line[512], perms[5];

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line, "%lx-%lx %4s", &start, &end, perms) != 3)
			continue;
		count += strstr(line, "memfd:fake-vfio") != NULL ||
			(strcmp(perms, "---p") == 0 && end - start < 1 << 20 &&
			end - start > 4096);
	}
	if (file != NULL)
		fclose(file);
	return count;
}

static void
count_memzone(const struct rte_memzone *mz __rte_unused, void *arg)
{
	(*(unsigned int *)arg)++;
}

static void
state_take(struct state *state)
{
	struct rte_malloc_socket_stats stats = { .alloc_count = 0 };

	state->fds = count_fds();
	state->maps = count_maps();
	state->memzones = 0;
	rte_memzone_walk(count_memzone, &state->memzones);
	rte_malloc_get_socket_stats(0, &stats);
	state->allocs = stats.alloc_count;
	state->ports = rte_eth_dev_count_avail();
}

static bool
is_ours(const char *line)
{
	static const char * const prefixes[] = {
		"mdev:", "mdev bus: ", "vfio: ", "mdev_virtio: ",
	};
	unsigned int i;

	for (i = 0; i < RTE_DIM(prefixes); i++) {
		if (strncmp(line, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	}
	return false;
}

/* The number of our lines, and the last of them: the number of its characters. */
static unsigned int
find_ours(const char *text, const char **last, int *len)
{
	const char *line, *end;
	unsigned int ours = 0;

	*last = "";
	*len = 0;
	for (line = text; line != NULL && *line != '\0'; line = end + 1) {
		end = strchrnul(line, '\n');
		if (is_ours(line)) {
			ours++;
			*last = line;
			*len = end - line;
		}
		if (*end == '\0')
			break;
	}
	return ours;
}

/* Of the lines that were logged, one is ours, and it is this one. */
static bool
one_line(const struct error_case *c, const char *text)
{
	const char *line;
	int len;

	if (find_ours(text, &line, &len) == 1 && (int)strlen(c->line) == len &&
			strncmp(c->line, line, len) == 0)
		return true;
	printf("    %s: expected\n%s\n    but this was logged:\n%s", c->name,
		c->line, text);
	return false;
}

static bool
met(const struct error_case *c)
{
	const char *text;
	int ret;

	if (c->ready != NULL && c->ready() != 0) {
		printf("    %s: does not come so far\n", c->name);
		return false;
	}
	if (c->harm != NULL)
		c->harm();
	if (captured_log_start() != 0)
		return false;
	ret = c->meet(c->arg);
	text = captured_log_stop();
	if (ret == 0)
		printf("    %s: no error\n", c->name);
	if (c->ready == NULL && (fake_vfio.opened != 0 ||
			made_up_vfio.opened != 0)) {
		printf("    %s: the device is left open\n", c->name);
		return false;
	}
	return one_line(c, text) && ret != 0;
}

static bool
nothing_left(const struct error_case *c, const struct state *before)
{
	struct state after;

	state_take(&after);
	if (memcmp(before, &after, sizeof(after)) == 0 &&
			fake_vfio.opened == 0 && fake_vfio.dma_mapped == 0)
		return true;
	printf("    %s: left behind: %d fds, %d mappings, %d memzones, %d allocations, %d ports, %d devices\n",
		c->name, after.fds - before->fds, after.maps - before->maps,
		after.memzones - before->memzones, after.allocs - before->allocs,
		after.ports - before->ports, fake_vfio.opened);
	return false;
}

/*
 * What the first setting of a process ends, as the bus's own monitor of the machine's
 * devices, is not there to be missed by its first case.
 */
static int
warm(const struct error_setting *setting)
{
	int ret = setting->setup();

	setting->teardown();
	return ret;
}

int
error_lines_meet(const struct error_setting *setting,
		const struct error_case *cases, unsigned int count)
{
	unsigned int i, failed = 0;
	struct state before;

	TEST_ASSERT_SUCCESS(warm(setting), "no setting");
	for (i = 0; i < count; i++) {
		state_take(&before);
		if (setting->setup() < 0 || !met(&cases[i]))
			failed++;
		setting->teardown();
		if (!nothing_left(&cases[i], &before))
			failed++;
	}
	TEST_ASSERT_EQUAL(failed, 0, "%u failures", failed);
	return TEST_SUCCESS;
}

/* Whether the operation was reached is in *reached. */
static bool
swept(int (*ready)(void), int (*meet)(const char *arg), enum fake_vfio_op op,
		unsigned int step, bool *reached)
{
	const char *text, *line;
	unsigned int ours;
	int ret, len;

	if (ready != NULL && ready() != 0)
		return false;
	fake_vfio.fail = op;
	fake_vfio.fail_after = step;
	if (captured_log_start() != 0)
		return false;
	ret = meet(NULL);
	text = captured_log_stop();
	*reached = fake_vfio.fail == FAKE_OP_NONE;
	fake_vfio.fail = FAKE_OP_NONE;
	ours = find_ours(text, &line, &len);
	if ((ret == 0 ? ours <= 1 : ours == 1) && (ours == 0 ||
			memmem(line, len, VIRTIO_PORT_UUID,
			strlen(VIRTIO_PORT_UUID)) != NULL))
		return true;
	printf("    operation %d fails after %u: returned %d, and logged %u lines of ours:\n%s",
		op, step, ret, ours, text);
	return false;
}

int
error_lines_sweep(const struct error_setting *setting, int (*ready)(void),
		int (*meet)(const char *arg), enum fake_vfio_op op)
{
	const struct error_case c = { .name = "a failed operation" };
	unsigned int step, failed = 0;
	bool reached = true;
	struct state before;

	TEST_ASSERT_SUCCESS(warm(setting), "no setting");
	for (step = 0; reached && step < SWEEP_MAX; step++) {
		reached = false;
		state_take(&before);
		if (setting->setup() < 0 || !swept(ready, meet, op, step, &reached))
			failed++;
		setting->teardown();
		if (!nothing_left(&c, &before))
			failed++;
	}
	TEST_ASSERT(!reached, "it does not end");
	TEST_ASSERT_EQUAL(failed, 0, "%u failures", failed);
	return TEST_SUCCESS;
}

int
error_lines_start(const char *allow)
{
	if (rte_devargs_add(RTE_DEVTYPE_ALLOWED, allow) < 0)
		return -1;
	if (rte_bus_scan() != 0 || rte_bus_probe() != 0)
		return -1;
	return rte_eth_dev_count_avail() > 0 ? 0 : -1;
}
