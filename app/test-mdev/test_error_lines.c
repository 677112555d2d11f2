/* SPDX-License-Identifier: BSD-3-Clause */

/* The lines for errors that users meet before a driver has their device. */

#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include <rte_bus.h>
#include <rte_common.h>
#include <rte_dev.h>

#include "error_lines.h"
#include "fake_vfio.h"
#include "made_up_sysfs.h"
#include "test.h"
#include "virtio_port.h"

#define UUID VIRTIO_PORT_UUID
#define OTHER "00000009-abcd-4ef0-9abc-def012345678"
#define LONG UUID "0"

#define BAR0 VFIO_PCI_BAR0_REGION_INDEX
#define CONFIG VFIO_PCI_CONFIG_REGION_INDEX
#define PLAIN sizeof(struct vfio_region_info)

#define UUID_HINT "a UUID has 32 hexadecimal digits as 8-4-4-4-12; the machine's are in /sys/bus/mdev/devices and /run/mdev/devices"
#define MISSING "no such device: create it, or correct the UUID; the machine's are in /sys/bus/mdev/devices and /run/mdev/devices"
#define KEYS "the keys are uuid, type, parent and socket; a driver's come behind, as /driver=<name>,<key>=<value>"
#define UPDATE "its driver in the kernel or its mediator is broken: update that"
#define ANEW "remove it and create it anew, or update its driver in the kernel or its mediator"
#define REGION(i, what) "vfio: " UUID ": region " #i ": " what ": " UPDATE

#define SOCKET_HINT "not a socket's path: it begins with / and has 107 characters at most"
#define TEN "1234567890"

static int
setup(void)
{
	return virtio_port_prepare(FAKE_VIRTIO_TRAPPED);
}

static int
setup_mapped(void)
{
	return virtio_port_prepare(FAKE_VIRTIO_DOORBELLS);
}

static const struct error_setting setting = { setup, virtio_port_stop };
static const struct error_setting setting_mapped = {
	setup_mapped, virtio_port_stop,
};

/* What EAL does with -a at the start, and with an address later. */
static const struct error_case addresses[] = {
	{ "no UUID", .meet = rte_dev_probe, .arg = "mdev:not-a-uuid",
	  .line = "mdev:not-a-uuid: not a device address: " UUID_HINT },
	{ "no UUID, -a", .meet = error_lines_start, .arg = "mdev:not-a-uuid",
	  .line = "mdev:not-a-uuid: not a device address: " UUID_HINT },
	{ "a digit too many, -a", .meet = error_lines_start, .arg = "mdev:" LONG,
	  .line = "mdev:" LONG ": not a device address: " UUID_HINT },
	{ "no UUID, long form", .meet = rte_dev_probe,
	  .arg = "bus=mdev,uuid=not-a-uuid",
	  .line = "mdev bus: uuid=not-a-uuid: not a UUID: " UUID_HINT },
	{ "no UUID, long form, -a", .meet = error_lines_start,
	  .arg = "bus=mdev,uuid=not-a-uuid",
	  .line = "mdev bus: uuid=not-a-uuid: not a UUID: " UUID_HINT },
	{ "empty UUID", .meet = rte_dev_probe, .arg = "bus=mdev,uuid=",
	  .line = "mdev bus: uuid=: not a UUID: " UUID_HINT },
	{ "unknown", .meet = rte_dev_probe, .arg = "mdev:" OTHER,
	  .line = "mdev:" OTHER ": " MISSING },
	{ "unknown, -a", .meet = error_lines_start, .arg = "mdev:" OTHER,
	  .line = "mdev:" OTHER ": " MISSING },
	{ "unknown, long form", .meet = rte_dev_probe,
	  .arg = "bus=mdev,uuid=" OTHER "/class=eth/driver=net_mdev_virtio",
	  .line = "mdev:" OTHER ": " MISSING },
	{ "unknown, long form, -a", .meet = error_lines_start,
	  .arg = "bus=mdev,uuid=" OTHER,
	  .line = "mdev:" OTHER ": " MISSING },
	{ "socket in the short form", .meet = rte_dev_probe,
	  .arg = "mdev:" OTHER ",socket=/a",
	  .line = "mdev:" OTHER ": no such device, and socket= is no key of this form's: write bus=mdev,uuid=<uuid>,socket=<path>" },
	{ "socket in the short form, -a", .meet = error_lines_start,
	  .arg = "mdev:" OTHER ",socket=/a",
	  .line = "mdev:" OTHER ": no such device, and socket= is no key of this form's: write bus=mdev,uuid=<uuid>,socket=<path>" },
	{ "socket without UUID", .meet = rte_dev_probe,
	  .arg = "bus=mdev,socket=/a",
	  .line = "mdev bus: 'bus=mdev,socket=/a' names no device: add uuid=<uuid>" },
	{ "socket without UUID, -a", .meet = error_lines_start,
	  .arg = "bus=mdev,socket=/a",
	  .line = "mdev bus: 'bus=mdev,socket=/a' names no device: add uuid=<uuid>" },
	{ "nameless, -a", .meet = error_lines_start,
	  .arg = "bus=mdev,type=" MADE_UP_TYPE,
	  .line = "mdev bus: 'bus=mdev,type=" MADE_UP_TYPE "' names no device: add uuid=<uuid>" },
};

static int
test_addresses(void)
{
	return error_lines_meet(&setting, addresses, RTE_DIM(addresses));
}

static const struct error_case devargs[] = {
	{ "unknown key", .meet = rte_dev_probe,
	  .arg = "bus=mdev,uuid=" UUID ",colour=red",
	  .line = "mdev:" UUID ": unknown key 'colour': " KEYS },
	{ "unknown key, -a", .meet = error_lines_start,
	  .arg = "bus=mdev,uuid=" UUID ",colour=red/driver=net_mdev_virtio",
	  .line = "mdev:" UUID ": unknown key 'colour': " KEYS },
	{ "unknown key for uuid", .meet = rte_dev_probe, .arg = "bus=mdev,uid=" UUID,
	  .line = "mdev bus: unknown key 'uid': " KEYS },
	{ "key twice", .meet = rte_dev_probe,
	  .arg = "bus=mdev,uuid=" UUID ",type=a,type=b",
	  .line = "mdev:" UUID ": key 'type' is given more than once: keep one of them" },
	{ "uuid twice", .meet = rte_dev_probe,
	  .arg = "bus=mdev,uuid=" UUID ",uuid=" OTHER,
	  .line = "mdev:" UUID ": key 'uuid' is given more than once: keep one of them" },
	{ "no value", .meet = rte_dev_probe, .arg = "bus=mdev,uuid=" UUID ",type",
	  .line = "mdev:" UUID ": key 'type' has no value: write type=<value>" },
	{ "socket by a relative path", .meet = rte_dev_probe,
	  .arg = "bus=mdev,uuid=" UUID ",socket=a/socket",
	  .line = "mdev:" UUID ": socket=a/socket: " SOCKET_HINT },
	{ "socket by a relative path, -a", .meet = error_lines_start,
	  .arg = "bus=mdev,uuid=" UUID ",socket=socket/driver=net_mdev_virtio",
	  .line = "mdev:" UUID ": socket=socket: " SOCKET_HINT },
	{ "empty socket", .meet = rte_dev_probe,
	  .arg = "bus=mdev,uuid=" UUID ",socket=",
	  .line = "mdev:" UUID ": socket=: " SOCKET_HINT },
	{ "socket without a value", .meet = rte_dev_probe,
	  .arg = "bus=mdev,uuid=" UUID ",socket",
	  .line = "mdev:" UUID ": key 'socket' has no value: write socket=<value>" },
	{ "two sockets", .meet = rte_dev_probe,
	  .arg = "bus=mdev,uuid=" UUID ",socket=/a,socket=/b",
	  .line = "mdev:" UUID ": key 'socket' is given more than once: keep one of them" },
	{ "path of 108 characters", .meet = rte_dev_probe,
	  .arg = "bus=mdev,uuid=" UUID ",socket=/" TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "1234567",
	  .line = "mdev:" UUID ": socket=/" TEN TEN TEN TEN TEN TEN "12: " SOCKET_HINT },
	{ "socket and type", .meet = rte_dev_probe,
	  .arg = "bus=mdev,uuid=" UUID ",socket=/a,type=" MADE_UP_TYPE,
	  .line = "mdev:" UUID ": a device with socket= has neither type nor parent: leave type= and parent= out" },
	{ "socket and parent, -a", .meet = error_lines_start,
	  .arg = "bus=mdev,parent=*,uuid=" UUID ",socket=/a",
	  .line = "mdev:" UUID ": a device with socket= has neither type nor parent: leave type= and parent= out" },
	{ "no value of uuid", .meet = rte_dev_probe, .arg = "bus=mdev,uuid",
	  .line = "mdev bus: key 'uuid' has no value: write uuid=<value>" },
	{ "another type", .meet = rte_dev_probe,
	  .arg = "bus=mdev,uuid=" UUID ",type=mtty-*",
	  .line = "mdev:" UUID ": its type is " MADE_UP_TYPE " and its parent " MADE_UP_PARENT ", which is not what was asked for: correct type= and parent=" },
	{ "another parent, -a", .meet = error_lines_start,
	  .arg = "bus=mdev,uuid=" UUID ",parent=mtty",
	  .line = "mdev:" UUID ": its type is " MADE_UP_TYPE " and its parent " MADE_UP_PARENT ", which is not what was asked for: correct type= and parent=" },
	{ "no such driver", .meet = rte_dev_probe,
	  .arg = "bus=mdev,uuid=" UUID "/class=eth/driver=net_third,k=v",
	  .line = "mdev:" UUID ": no loaded driver has the name 'net_third': correct driver=, or load the driver with -d" },
	{ "no such driver, -a", .meet = error_lines_start,
	  .arg = "bus=mdev,uuid=" UUID "/driver=net_third",
	  .line = "mdev:" UUID ": no loaded driver has the name 'net_third': correct driver=, or load the driver with -d" },
	{ "unknown driver argument", .meet = rte_dev_probe,
	  .arg = "mdev:" UUID ",color=red",
	  .line = "mdev_virtio: " UUID ": cannot parse 'color=red': the driver's arguments are mrg_rxbuf=0|1, packed_vq=0|1, in_order=0|1, vectorized=0|1, ptype=0|1, rx_coal=<usecs>:<packets>" },
	{ "unknown driver argument, -a", .meet = error_lines_start,
	  .arg = "bus=mdev,uuid=" UUID "/driver=net_mdev_virtio,color=red",
	  .line = "mdev_virtio: " UUID ": cannot parse 'driver=net_mdev_virtio,color=red': the driver's arguments are mrg_rxbuf=0|1, packed_vq=0|1, in_order=0|1, vectorized=0|1, ptype=0|1, rx_coal=<usecs>:<packets>" },
	{ "bad value", .meet = rte_dev_probe, .arg = "mdev:" UUID ",mrg_rxbuf=7",
	  .line = "mdev_virtio: " UUID ": mrg_rxbuf=7: the value is 0 or 1" },
	{ "no value of the driver's", .meet = rte_dev_probe,
	  .arg = "mdev:" UUID ",mrg_rxbuf",
	  .line = "mdev_virtio: " UUID ": mrg_rxbuf=: the value is 0 or 1" },
};

static int
test_devargs(void)
{
	return error_lines_meet(&setting, devargs, RTE_DIM(devargs));
}

#define IS_OF(api) "(device API " api ", type " MADE_UP_TYPE ", parent " MADE_UP_PARENT ")"

static void
another_api(void)
{
	made_up_write(UUID, "mdev_type/device_api", "vfio-ccw\n", 9);
}

/* A block device, as its PCI ids say. */
static void
another_pci_device(void)
{
	fake_vfio.regions[CONFIG].mem[PCI_DEVICE_ID] = 0x42;
}

static void
no_pci_device(void)
{
	fake_vfio.info.flags = VFIO_DEVICE_FLAGS_PLATFORM;
}

static const struct error_case undriven[] = {
	{ "API", .harm = another_api, .meet = rte_dev_probe, .arg = "mdev:" UUID,
	  .line = "mdev:" UUID ": no loaded driver serves it " IS_OF("vfio-ccw") ": load its driver with -d" },
	{ "API, -a", .harm = another_api, .meet = error_lines_start,
	  .arg = "mdev:" UUID,
	  .line = "mdev:" UUID ": no loaded driver serves it " IS_OF("vfio-ccw") ": load its driver with -d" },
	{ "API, driver named", .harm = another_api, .meet = rte_dev_probe,
	  .arg = "bus=mdev,uuid=" UUID "/driver=net_mdev_virtio",
	  .line = "mdev:" UUID ": driver 'net_mdev_virtio' does not serve it " IS_OF("vfio-ccw") ": name another driver, or none" },
	{ "PCI ids", .harm = another_pci_device, .meet = error_lines_start,
	  .arg = "mdev:" UUID,
	  .line = "mdev:" UUID ": no loaded driver serves it " IS_OF("vfio-pci") ": load its driver with -d" },
	{ "no PCI device", .harm = no_pci_device, .meet = rte_dev_probe,
	  .arg = "mdev:" UUID,
	  .line = "mdev:" UUID ": no loaded driver serves it " IS_OF("vfio-pci") ": load its driver with -d" },
};

static int
test_undriven(void)
{
	return error_lines_meet(&setting, undriven, RTE_DIM(undriven));
}

static void
info_fails(void)
{
	fake_vfio.fail = FAKE_OP_GET_INFO;
}

static void
info_regions(void)
{
	fake_vfio.info.num_regions = UINT32_MAX;
}

static void
info_irqs(void)
{
	fake_vfio.info.num_irqs = 65;
}

static void
config_fails(void)
{
	fake_vfio.fail = FAKE_OP_REGION_READ;
}

static void
config_info_fails(void)
{
	fake_vfio.fail = FAKE_OP_GET_REGION_INFO;
}

static void
config_short(void)
{
	fake_vfio.regions[CONFIG].size = PCI_STD_HEADER_SIZEOF - 1;
}

static void
config_unreadable(void)
{
	fake_vfio.regions[CONFIG].flags = VFIO_REGION_INFO_FLAG_WRITE;
}

static void
config_loops(void)
{
	fake_vfio.regions[CONFIG].mem[FAKE_VIRTIO_CAP_NOTIFY + 1] =
		FAKE_VIRTIO_CAP_COMMON;
}

static void
config_in_header(void)
{
	fake_vfio.regions[CONFIG].mem[FAKE_VIRTIO_CAP_NOTIFY + 1] = PCI_COMMAND;
}

static void
config_beyond(void)
{
	fake_vfio.regions[CONFIG].size = FAKE_VIRTIO_CAP_NOTIFY;
}

static const struct error_case device_info[] = {
	{ "information", .harm = info_fails,
	  .line = "vfio: " UUID ": cannot get device information: Input/output error: " ANEW },
	{ "number of regions", .harm = info_regions,
	  .line = "vfio: " UUID ": device claims 4294967295 regions and 5 interrupt indices (at most 1024 and 64 are taken): " UPDATE },
	{ "number of interrupts", .harm = info_irqs,
	  .line = "vfio: " UUID ": device claims 9 regions and 65 interrupt indices (at most 1024 and 64 are taken): " UPDATE },
	{ "configuration space", .harm = config_fails,
	  .line = "vfio: " UUID ": cannot read its PCI configuration space at 0: Input/output error: " ANEW },
	{ "information on it", .harm = config_info_fails,
	  .line = "vfio: " UUID ": region 7: cannot get its information: Input/output error: " ANEW },
	{ "too short", .harm = config_short,
	  .line = "vfio: " UUID ": its PCI configuration space has only 63 bytes: " UPDATE },
	{ "write-only", .harm = config_unreadable,
	  .line = "vfio: " UUID ": cannot read its PCI configuration space at 0: Permission denied: " ANEW },
	{ "capabilities that loop", .harm = config_loops,
	  .line = "vfio: " UUID ": its list of PCI capabilities loops or leaves the configuration space: " UPDATE },
	{ "capability in the header", .harm = config_in_header,
	  .line = "vfio: " UUID ": its list of PCI capabilities loops or leaves the configuration space: " UPDATE },
	{ "capability behind the end", .harm = config_beyond,
	  .line = "vfio: " UUID ": its list of PCI capabilities loops or leaves the configuration space: " UPDATE },
};

/* The same for each: the device is attached. */
static int
attach_each(const struct error_setting *where, const struct error_case *cases,
		unsigned int count)
{
	struct error_case all[32];
	unsigned int i;

	TEST_ASSERT(count <= RTE_DIM(all), "%u cases", count);
	for (i = 0; i < count; i++) {
		all[i] = cases[i];
		all[i].meet = rte_dev_probe;
		all[i].arg = "mdev:" UUID;
	}
	return error_lines_meet(where, all, count);
}

static int
test_device_info(void)
{
	return attach_each(&setting, device_info, RTE_DIM(device_info));
}

/* The chain of BAR 0 has one list, of one area. */
static struct vfio_info_cap_header *
first_cap(void)
{
	return (struct vfio_info_cap_header *)fake_vfio.regions[BAR0].caps;
}

static void
chain_loops(void)
{
	fake_vfio_add_cap(BAR0, VFIO_REGION_INFO_CAP_MSIX_MAPPABLE, NULL, 0);
	((struct vfio_info_cap_header *)(fake_vfio.regions[BAR0].caps +
		first_cap()->next - PLAIN))->next = first_cap()->next;
}

static void
chain_leaves(void)
{
	first_cap()->next = fake_vfio.regions[BAR0].argsz;
}

static void
chain_in_plain(void)
{
	fake_vfio.regions[BAR0].cap_offset = 8;
}

static void
info_too_long(void)
{
	fake_vfio.regions[BAR0].argsz = UINT32_MAX;
}

static void
list_leaves(void)
{
	uint32_t nr_areas = 1 << 28;

	memcpy(fake_vfio.regions[BAR0].caps + sizeof(struct vfio_info_cap_header),
		&nr_areas, sizeof(nr_areas));
}

static void
list_twice(void)
{
	const uint64_t areas[] = { 0, 0x1000 };

	fake_vfio_add_sparse(BAR0, 1, areas);
}

static void
new_areas(uint32_t count, const uint64_t *areas)
{
	struct fake_vfio_region *region = &fake_vfio.regions[BAR0];

	region->argsz = 0;
	region->cap_offset = 0;
	memset(region->caps, 0, sizeof(region->caps));
	fake_vfio_add_sparse(BAR0, count, areas);
}

static void
areas_overlap(void)
{
	const uint64_t areas[] = { 0x2000, 0x1000, 0x1000, 0x1001 };

	new_areas(2, areas);
}

static void
area_outside(void)
{
	const uint64_t areas[] = { 0x3000, 0x2000 };

	new_areas(1, areas);
}

static void
area_wraps(void)
{
	const uint64_t areas[] = { 0x3000, UINT64_MAX - 0x1000 };

	new_areas(1, areas);
}

static void
type_cut(void)
{
	fake_vfio_add_cap(BAR0, VFIO_REGION_INFO_CAP_TYPE, NULL, 0);
}

static void
size_overflows(void)
{
	fake_vfio.regions[BAR0].size = UINT64_MAX;
}

static void
offset_overflows(void)
{
	fake_vfio.regions[BAR0].offset = INT64_MAX;
}

static void
size_too_large(void)
{
	fake_vfio.regions[BAR0].offset = 0;
	fake_vfio.regions[BAR0].size = UINT64_C(1) << 62;
}

static void
bar_info_fails(void)
{
	fake_vfio.fail = FAKE_OP_GET_REGION_INFO;
	fake_vfio.fail_after = 1;
}

static void
map_fails(void)
{
	fake_vfio.fail = FAKE_OP_REGION_MMAP;
}

static const struct error_case regions[] = {
	{ "chain that loops", .harm = chain_loops,
	  .line = REGION(0, "its capability chain loops") },
	{ "chain that leaves its buffer", .harm = chain_leaves,
	  .line = REGION(0, "its capability chain leaves the information") },
	{ "chain in the plain information", .harm = chain_in_plain,
	  .line = REGION(0, "its capability chain leaves the information") },
	{ "information of 4 GB", .harm = info_too_long,
	  .line = REGION(0, "its information is too long") },
	{ "list that leaves its buffer", .harm = list_leaves,
	  .line = REGION(0, "its list of mappable areas leaves the information") },
	{ "two lists", .harm = list_twice,
	  .line = REGION(0, "it has two lists of mappable areas") },
	{ "areas that overlap", .harm = areas_overlap,
	  .line = REGION(0, "its mappable areas overlap") },
	{ "area outside", .harm = area_outside,
	  .line = REGION(0, "a mappable area lies outside of it") },
	{ "area that wraps", .harm = area_wraps,
	  .line = REGION(0, "a mappable area lies outside of it") },
	{ "type that is cut", .harm = type_cut,
	  .line = REGION(0, "its type leaves the information") },
	{ "size that overflows", .harm = size_overflows,
	  .line = REGION(0, "its size or offset overflows") },
	{ "offset that overflows", .harm = offset_overflows,
	  .line = REGION(0, "its size or offset overflows") },
	{ "size beyond all addresses", .harm = size_too_large,
	  .line = "vfio: " UUID ": region 0: cannot reserve 0x4000000000000000 bytes of addresses: Cannot allocate memory: raise the limit of this process (ulimit -v), or give the device a smaller region" },
	{ "no information", .harm = bar_info_fails,
	  .line = "vfio: " UUID ": region 0: cannot get its information: Input/output error: " ANEW },
	{ "no mapping", .harm = map_fails,
	  .line = "vfio: " UUID ": region 0: cannot map 0x1000 bytes at 0x3000: No such device: " ANEW },
};

static int
test_regions(void)
{
	return attach_each(&setting_mapped, regions, RTE_DIM(regions));
}

/* The first port of a process makes what all others use. */
static int
setup_suite(void)
{
	int ret;

	ret = setup();
	if (ret == 0)
		ret = virtio_port_attach("");
	virtio_port_stop();
	return ret;
}

static struct unit_test_suite suite = {
	.suite_name = "error lines: addresses, devargs, VFIO",
	.setup = setup_suite,
	.unit_test_cases = {
		TEST_CASE(test_addresses),
		TEST_CASE(test_devargs),
		TEST_CASE(test_undriven),
		TEST_CASE(test_device_info),
		TEST_CASE(test_regions),
		TEST_CASES_END()
	}
};

static int
test_error_lines(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(error_lines_autotest, test_error_lines);
