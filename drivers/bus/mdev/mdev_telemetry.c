/* SPDX-License-Identifier: BSD-3-Clause */

/* What the bus knows, for EAL's telemetry, which asks in a thread of its own. */

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/vfio.h>

#include <rte_telemetry.h>

#include <vfio_irq.h>
#include <vfio_names.h>
#include <vfio_region.h>

#include "private.h"

/* Devices in one answer, which has room for 16 KiB of text. */
#define LIST_MAX 256

/*
 * A list of its own: the bus's is changed by EAL as well, since 26.07. A device may be freed
 * or closed when the lock is given back.
 */
static pthread_mutex_t known_lock = PTHREAD_MUTEX_INITIALIZER;
static TAILQ_HEAD(, mdev_private) known = TAILQ_HEAD_INITIALIZER(known);
static size_t nr_known; /* both owned by known_lock */

void
mdev_telemetry_lock(void)
{
	pthread_mutex_lock(&known_lock);
}

void
mdev_telemetry_unlock(void)
{
	pthread_mutex_unlock(&known_lock);
}

void
mdev_telemetry_add(struct rte_mdev_device *mdev)
{
	mdev_telemetry_lock();
	TAILQ_INSERT_TAIL(&known, MDEV_PRIVATE(mdev), known);
	nr_known++;
	mdev_telemetry_unlock();
}

void
mdev_telemetry_remove(struct rte_mdev_device *mdev)
{
	mdev_telemetry_lock();
	TAILQ_REMOVE(&known, MDEV_PRIVATE(mdev), known);
	nr_known--;
	mdev_telemetry_unlock();
}

void
mdev_telemetry_open(struct rte_mdev_device *mdev, bool open)
{
	mdev_telemetry_lock();
	MDEV_PRIVATE(mdev)->is_open = open;
	mdev_telemetry_unlock();
}

/* Put a part, which is complete, into the whole. */
static void
add_part(struct rte_tel_data *d, const char *name, struct rte_tel_data *part)
{
	if (rte_tel_data_add_dict_container(d, name, part, 0) != 0)
		rte_tel_data_free(part);
}

/* Those of regions and interrupts of PCI devices; others have numbers. */
static const char *
index_name(const char *name, uint32_t index, char text[16])
{
	char *c;

	if (name == NULL)
		snprintf(text, 16, "%" PRIu32, index);
	else
		snprintf(text, 16, "%s", name);
	/* telemetry refuses other signs than letters and digits in names */
	for (c = strchr(text, '-'); c != NULL; c = strchr(c, '-'))
		*c = '_';
	return text;
}

static void
add_areas(struct rte_tel_data *d, const struct vfio_region *region)
{
	struct rte_tel_data *areas = rte_tel_data_alloc();
	char text[RTE_TEL_MAX_STRING_LEN];
	uint32_t i;

	if (areas == NULL)
		return;
	rte_tel_data_start_array(areas, RTE_TEL_STRING_VAL);
	for (i = 0; i < region->nr_areas; i++) {
		snprintf(text, sizeof(text), "[0x%" PRIx64 ", 0x%" PRIx64 ")",
			region->areas[i].offset,
			region->areas[i].offset + region->areas[i].size);
		if (rte_tel_data_add_array_string(areas, text) != 0)
			break;
	}
	add_part(d, "mappable", areas);
}

static void
add_region(struct rte_tel_data *d, const char *name, const struct vfio_region *region)
{
	struct rte_tel_data *part = rte_tel_data_alloc();
	char flags[VFIO_FLAGS_TEXT_LEN];

	if (part == NULL)
		return;
	rte_tel_data_start_dict(part);
	MDEV_TEL_ADD_UINT(part, "size", region->size);
	rte_tel_data_add_dict_string(part, "flags",
		vfio_region_flags_text(region->flags, flags, sizeof(flags)));
	rte_tel_data_add_dict_int(part, "mapped", region->addr != NULL);
	add_areas(part, region);
	add_part(d, name, part);
}

static void
add_irq(struct rte_tel_data *d, const char *name, const struct vfio_irq *irq)
{
	struct rte_tel_data *part = rte_tel_data_alloc();
	char flags[VFIO_FLAGS_TEXT_LEN];

	if (part == NULL)
		return;
	rte_tel_data_start_dict(part);
	MDEV_TEL_ADD_UINT(part, "count", irq->count);
	rte_tel_data_add_dict_string(part, "flags",
		vfio_irq_flags_text(irq->flags, flags, sizeof(flags)));
	add_part(d, name, part);
}

/*
 * What is known. A device is asked for nothing here: one that does not answer in time is
 * given up, and whoever changes the list of devices would wait for that.
 */
static void
add_regions(struct rte_tel_data *d, struct vfio_dev *vfio, bool pci)
{
	struct rte_tel_data *regions = rte_tel_data_alloc();
	const struct vfio_region *region;
	char name[16];
	uint32_t i;

	if (regions == NULL)
		return;
	rte_tel_data_start_dict(regions);
	for (i = 0; i < vfio_dev_num_regions(vfio); i++) {
		region = vfio_region_known(vfio, i);
		if (region != NULL && region->size > 0)
			add_region(regions, index_name(
				pci ? vfio_pci_region_name(i) : NULL, i, name), region);
	}
	add_part(d, "regions", regions);
}

static void
add_irqs(struct rte_tel_data *d, const struct vfio_dev *vfio, bool pci)
{
	struct rte_tel_data *irqs = rte_tel_data_alloc();
	struct vfio_irq irq;
	char name[16];
	uint32_t i;

	if (irqs == NULL)
		return;
	rte_tel_data_start_dict(irqs);
	for (i = 0; i < vfio_dev_num_irqs(vfio); i++) {
		if (vfio_irq_known(vfio, i, &irq) && irq.count > 0)
			add_irq(irqs, index_name(
				pci ? vfio_pci_irq_name(i) : NULL, i, name), &irq);
	}
	add_part(d, "irqs", irqs);
}

/* What only an open device tells. */
static void
add_open(struct rte_tel_data *d, const struct mdev_private *priv)
{
	struct vfio_dev *vfio = priv->pub.vfio;
	bool pci = (vfio_dev_flags(vfio) & VFIO_DEVICE_FLAGS_PCI) != 0;
	char text[RTE_TEL_MAX_STRING_LEN];

	rte_tel_data_add_dict_string(d, "transport", vfio_dev_transport(vfio));
	if (priv->pci.vendor != 0) {
		snprintf(text, sizeof(text), "%04x:%04x", priv->pci.vendor,
			priv->pci.device);
		rte_tel_data_add_dict_string(d, "pci", text);
	}
	add_regions(d, vfio, pci);
	add_irqs(d, vfio, pci);
}

static void
add_device(struct rte_tel_data *d, const struct mdev_private *priv)
{
	const struct rte_mdev_device *mdev = &priv->pub;

	rte_tel_data_add_dict_string(d, "uuid", mdev->name);
	rte_tel_data_add_dict_string(d, "type", mdev->type);
	rte_tel_data_add_dict_string(d, "parent", mdev->parent);
	rte_tel_data_add_dict_string(d, "device_api", mdev->device_api);
	rte_tel_data_add_dict_string(d, "root", mdev->root);
	rte_tel_data_add_dict_int(d, "numa_node", mdev->device.numa_node);
	rte_tel_data_add_dict_string(d, "driver",
		priv->is_open ? mdev->driver->driver.name : "");
	if (priv->is_open)
		add_open(d, priv);
}

static int
uuid_cmp(const void *a, const void *b)
{
	const struct mdev_private *const *left = a, *const *right = b;

	return rte_uuid_compare((*left)->pub.uuid, (*right)->pub.uuid);
}

/* The known devices behind a UUID (NULL: all), in the order of their UUIDs. */
static int
list_after(struct rte_tel_data *d, const unsigned char *after)
{
	const struct mdev_private *priv, **sorted;
	size_t count = 0, i;

	sorted = calloc(nr_known + 1, sizeof(*sorted));
	if (sorted == NULL)
		return -ENOMEM;
	TAILQ_FOREACH(priv, &known, known) {
		if (after == NULL || rte_uuid_compare(priv->pub.uuid, after) > 0)
			sorted[count++] = priv;
	}
	qsort(sorted, count, sizeof(*sorted), uuid_cmp);
	for (i = 0; i < RTE_MIN(count, (size_t)LIST_MAX); i++)
		rte_tel_data_add_array_string(d, sorted[i]->pub.name);
	free(sorted);
	return 0;
}

static int
handle_list(const char *cmd, const char *params, struct rte_tel_data *d)
{
	bool all = params == NULL || params[0] == '\0';
	rte_uuid_t after;
	int ret;

	RTE_SET_USED(cmd);
	if (!all && rte_uuid_parse(params, after) != 0)
		return -EINVAL;
	rte_tel_data_start_array(d, RTE_TEL_STRING_VAL);
	mdev_telemetry_lock();
	ret = list_after(d, all ? NULL : after);
	mdev_telemetry_unlock();
	return ret;
}

static int
handle_info(const char *cmd, const char *params, struct rte_tel_data *d)
{
	const struct mdev_private *priv;
	rte_uuid_t uuid;
	int ret = -ENODEV;

	RTE_SET_USED(cmd);
	if (params == NULL || rte_uuid_parse(params, uuid) != 0)
		return -EINVAL;
	rte_tel_data_start_dict(d);
	mdev_telemetry_lock();
	TAILQ_FOREACH(priv, &known, known) {
		if (rte_uuid_compare(priv->pub.uuid, uuid) == 0) {
			add_device(d, priv);
			ret = 0;
			break;
		}
	}
	mdev_telemetry_unlock();
	return ret;
}

void
mdev_telemetry_register(void)
{
	rte_telemetry_register_cmd("/mdev/list", handle_list,
		"Lists mediated devices by UUID, at most 256. Parameters: [UUID behind which the list begins]");
	rte_telemetry_register_cmd("/mdev/info", handle_info,
		"Returns attributes, driver, regions and interrupts of a mediated device. Parameters: UUID");
}
