/* SPDX-License-Identifier: BSD-3-Clause */

/* The command dump: what mediated devices say of themselves. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <linux/vfio.h>

#include <rte_dev.h>
#include <rte_uuid.h>
#include <bus_driver.h>
#include <bus_mdev_driver.h>

#include <vfio_irq.h>
#include <vfio_names.h>
#include <vfio_pci.h>
#include <vfio_region.h>

#include "test.h"
#include "test_compat.h"

/* The end of a line. */
static void
dump_flags(const char *(*flags_text)(uint32_t, char *, size_t), uint32_t flags)
{
	char text[VFIO_FLAGS_TEXT_LEN];

	flags_text(flags, text, sizeof(text));
	printf("%s%s\n", text[0] != '\0' ? " " : "", text);
}

static void
dump_name(const char *name)
{
	if (name != NULL)
		printf(" %s", name);
}

/* What the parent's driver calls the type, and whether it says more of it. */
static void
dump_attribute(const struct rte_mdev_device *mdev, const char *attribute)
{
	char path[PATH_MAX], text[RTE_MDEV_ATTR_LEN];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s/mdev_type/%s", mdev->root, mdev->name,
		attribute);
	file = fopen(path, "re");
	if (file == NULL)
		return;
	if (fgets(text, sizeof(text), file) != NULL) {
		text[strcspn(text, "\n")] = '\0';
		printf("  %-12s %s\n", attribute, text);
	}
	fclose(file);
}

static int
dump_region(struct vfio_dev *dev, uint32_t index, bool pci)
{
	struct vfio_region *region;
	uint32_t i;
	int ret;

	ret = vfio_region_get(dev, index, &region);
	if (ret == -EINVAL)
		return 0; /* some drivers count regions that they do not have */
	if (ret < 0) {
		printf("  region %-5u no answer: %s\n", index, strerror(-ret));
		return ret;
	}
	if (region->size == 0)
		return 0;
	printf("  region %-5u", index);
	dump_name(pci ? vfio_pci_region_name(index) : NULL);
	printf(" size %#" PRIx64 " offset %#" PRIx64, region->size,
		region->offset);
	if (region->type != 0)
		printf(" type %#" PRIx32 "/%#" PRIx32, region->type,
			region->subtype);
	if (region->msix_mappable)
		printf(" msix-mappable");
	dump_flags(vfio_region_flags_text, region->flags);
	for (i = 0; i < region->nr_areas; i++)
		printf("    %s [%#" PRIx64 ", %#" PRIx64 ")\n",
			region->sparse ? "sparse area" : "mappable",
			region->areas[i].offset,
			region->areas[i].offset + region->areas[i].size);
	return 0;
}

static int
dump_irq(struct vfio_dev *dev, uint32_t index, bool pci)
{
	struct vfio_irq irq;
	int ret;

	ret = vfio_irq_get(dev, index, &irq);
	if (ret == -EINVAL || ret == -ENOTTY)
		return 0;
	if (ret < 0) {
		printf("  irq %-8u no answer: %s\n", index, strerror(-ret));
		return ret;
	}
	if (irq.count == 0)
		return 0;
	printf("  irq %-8u", index);
	dump_name(pci ? vfio_pci_irq_name(index) : NULL);
	printf(" count %" PRIu32, irq.count);
	dump_flags(vfio_irq_flags_text, irq.flags);
	return 0;
}

int
dump_vfio_dev(struct vfio_dev *dev)
{
	bool pci = (vfio_dev_flags(dev) & VFIO_DEVICE_FLAGS_PCI) != 0;
	struct vfio_pci_ids ids;
	int ret = 0;
	uint32_t i;

	printf("  %-12s %s\n", "transport", vfio_dev_transport(dev));
	printf("  %-12s", "flags");
	dump_flags(vfio_device_flags_text, vfio_dev_flags(dev));
	if (pci) {
		ret = vfio_pci_read_ids(dev, &ids);
		if (ret == 0)
			printf("  %-12s %04x:%04x subsystem %04x:%04x class %06x rev %02x\n",
				"pci", ids.vendor, ids.device,
				ids.subsystem_vendor, ids.subsystem_device,
				ids.class_code, ids.revision);
		else
			printf("  %-12s no answer: %s\n", "pci", strerror(-ret));
	}
	for (i = 0; i < vfio_dev_num_regions(dev); i++)
		ret |= dump_region(dev, i, pci);
	for (i = 0; i < vfio_dev_num_irqs(dev); i++)
		ret |= dump_irq(dev, i, pci);
	return ret == 0 ? 0 : -1;
}

static int
dump_device(const struct rte_mdev_device *mdev)
{
	struct vfio_dev *dev;
	int ret;

	printf("%s\n", mdev->name);
	printf("  %-12s %s\n", "parent", mdev->parent);
	printf("  %-12s %s\n", "type", mdev->type);
	printf("  %-12s %s\n", "device_api", mdev->device_api);
	dump_attribute(mdev, "name");
	dump_attribute(mdev, "description");
	if (mdev->device.numa_node >= 0)
		printf("  %-12s %d\n", "numa_node", mdev->device.numa_node);
	ret = vfio_dev_open(mdev->root, mdev->name, &dev);
	if (ret < 0) {
		printf("  cannot be opened: %s\n", strerror(-ret));
		return ret;
	}
	ret = dump_vfio_dev(dev);
	vfio_dev_close(dev);
	return ret;
}

static int
find_any(const struct rte_device *dev __rte_unused, const void *data __rte_unused)
{
	return 0;
}

static bool
is_wanted(const struct rte_mdev_device *mdev, unsigned int count, char **uuids)
{
	unsigned int i;
	rte_uuid_t uuid;

	for (i = 0; i < count; i++) {
		if (rte_uuid_parse(uuids[i], uuid) == 0 &&
				rte_uuid_compare(uuid, mdev->uuid) == 0)
			return true;
	}
	return count == 0;
}

int
cmd_dump(unsigned int count, char **uuids)
{
	struct rte_bus *bus = rte_bus_find_by_name(RTE_BUS_MDEV_NAME);
	const struct rte_mdev_device *mdev;
	struct rte_device *dev = NULL;
	unsigned int found = 0;
	int ret = 0;

	if (bus == NULL || bus->scan() != 0) {
		fprintf(stderr, "dump: no mdev bus in this process\n");
		return -1;
	}
	while ((dev = test_find_device(bus, dev, find_any)) != NULL) {
		mdev = RTE_DEV_TO_MDEV(dev);
		if (!is_wanted(mdev, count, uuids))
			continue;
		found++;
		if (dump_device(mdev) < 0)
			ret = -1;
	}
	if (count == 0 && found == 0)
		printf("no mediated devices: /sys/bus/mdev/devices lists none\n");
	if (found < count) {
		fprintf(stderr, "dump: %u of %u devices are not on this machine: see 'dump' without a UUID\n",
			count - found, count);
		return -1;
	}
	return ret;
}
