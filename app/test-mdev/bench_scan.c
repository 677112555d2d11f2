/* SPDX-License-Identifier: BSD-3-Clause */

/* How the bus scales: scan, match and find on made-up trees of many devices. */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_common.h>
#include <rte_eal.h>

#include <private.h>

#include "bench.h"
#include "made_up_sysfs.h"

/* Of each point: scans vary most, by what else the machine does. */
#define ROUNDS 5
/* Lookups in a round, of devices that are spread over the list. */
#define LOOKUPS 200
#define DEVICES_MAX 100000

/* All in microseconds. */
struct scan_times {
	double scan;    /* of a tree whose devices the bus does not know */
	double rescan;  /* the same again: nothing has changed */
	double match;   /* all devices against all drivers; none claims one */
	double find;    /* one device by its name */
	double iterate; /* one device by "uuid=..." */
};

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e6 + ts.tv_nsec / 1e3;
}

static int
cmp_double(const void *a, const void *b)
{
	const double *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

static double
median(double *values)
{
	qsort(values, ROUNDS, sizeof(*values), cmp_double);
	return values[ROUNDS / 2];
}

static int
cmp_name(const struct rte_device *dev, const void *name)
{
	return strcmp(dev->name, name);
}

static const char *
lookup_name(unsigned int i, unsigned int devices)
{
	return made_up_uuid((uint64_t)i * devices / LOOKUPS);
}

/* How many devices were found, so that the work cannot be left out. */
static unsigned int
find_all(unsigned int devices)
{
	unsigned int i, found = 0;

	for (i = 0; i < LOOKUPS; i++)
		found += mdev_find(NULL, cmp_name,
				lookup_name(i, devices)) != NULL;
	return found;
}

static unsigned int
iterate_all(unsigned int devices)
{
	unsigned int i, found = 0;
	char text[64];

	for (i = 0; i < LOOKUPS; i++) {
		snprintf(text, sizeof(text), "uuid=%s", lookup_name(i, devices));
		found += mdev_dev_iterate(NULL, text, NULL) != NULL;
	}
	return found;
}

static unsigned int
listed(void)
{
	const struct rte_mdev_device *mdev;
	unsigned int count = 0;

	MDEV_FOREACH(mdev)
		count++;
	return count;
}

static int
measure_round(unsigned int devices, struct scan_times *times)
{
	unsigned int found;
	double start;
	int ret;

	mdev_cleanup();
	start = now();
	ret = mdev_scan();
	times->scan = now() - start;
	start = now();
	ret |= mdev_scan();
	times->rescan = now() - start;
	if (ret != 0 || listed() != devices) {
		fprintf(stderr, "bench: scan lists %u of %u devices\n", listed(),
			devices);
		return -1;
	}
	start = now();
	ret = mdev_probe_all();
	times->match = now() - start;
	start = now();
	found = find_all(devices);
	times->find = (now() - start) / LOOKUPS;
	start = now();
	found += iterate_all(devices);
	times->iterate = (now() - start) / LOOKUPS;
	if (ret != 0 || found != 2 * LOOKUPS) {
		fprintf(stderr, "bench: %u of %u lookups found their device\n",
			found, 2 * LOOKUPS);
		return -1;
	}
	return 0;
}

static int
measure(unsigned int devices, struct scan_times *result)
{
	double scan[ROUNDS], rescan[ROUNDS], match[ROUNDS], find[ROUNDS],
		iterate[ROUNDS];
	struct scan_times times = { 0 };
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		if (measure_round(devices, &times) < 0)
			return -1;
		scan[i] = times.scan;
		rescan[i] = times.rescan;
		match[i] = times.match;
		find[i] = times.find;
		iterate[i] = times.iterate;
	}
	result->scan = median(scan);
	result->rescan = median(rescan);
	result->match = median(match);
	result->find = median(find);
	result->iterate = median(iterate);
	return 0;
}

/*
 * Devices as a vendor's driver has them: of the kind that loaded drivers look at, and
 * of a type that none of them serves, so that nothing is opened.
 */
static int
make_devices(unsigned int devices)
{
	static const char api[] = "vfio-pci\n";

	return made_up_devices(0, devices) < 0 || made_up_write(made_up_uuid(0),
		"mdev_type/device_api", api, strlen(api)) < 0 ? -1 : 0;
}

static void
report(bool json, unsigned int devices, const struct scan_times *times)
{
	if (json)
		printf("{\"devices\": %u, \"scan_us\": %.1f, \"rescan_us\": %.1f, \"match_us\": %.1f, \"find_us\": %.3f, \"iterate_us\": %.3f}\n",
			devices, times->scan, times->rescan, times->match,
			times->find, times->iterate);
	else
		printf("%8u %12.1f %12.1f %12.1f %12.3f %12.3f\n", devices,
			times->scan, times->rescan, times->match, times->find,
			times->iterate);
}

static int
bench_point(bool json, unsigned int devices)
{
	struct scan_times times;
	int ret = -1;

	if (made_up_sysfs_start() == 0 && make_devices(devices) == 0)
		ret = measure(devices, &times);
	made_up_sysfs_stop();
	if (ret == 0)
		report(json, devices, &times);
	return ret;
}

int
bench_scan(bool json, unsigned int count, char **args)
{
	static char defaults[][8] = { "10", "100", "1000", "10000" };
	unsigned int i, points = count > 0 ? count : RTE_DIM(defaults);
	unsigned long devices;
	char *text, *end;

	if (!json)
		printf("%8s %12s %12s %12s %12s %12s\n", "devices", "scan us",
			"rescan us", "match us", "find us", "iterate us");
	for (i = 0; i < points; i++) {
		text = count > 0 ? args[i] : defaults[i];
		devices = strtoul(text, &end, 10);
		if (*end != '\0' || devices == 0 || devices > DEVICES_MAX) {
			fprintf(stderr, "bench: '%s' is no number of devices from 1 to %u\n",
				text, DEVICES_MAX);
			return -1;
		}
		if (bench_point(json, devices) < 0)
			return -1;
	}
	return 0;
}
