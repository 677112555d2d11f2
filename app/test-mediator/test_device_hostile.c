/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A client that does anything in any order, with a backend that comes and goes. The
 * numbers are made from seeds: a run can be had again.
 */

#include <stdio.h>
#include <string.h>

#include <linux/vhost_types.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "device_world.h"
#include "fdmsg.h"
#include "vfu_proto.h"

#define SEEDS 12
#define STEPS 1500

static uint64_t state;
static unsigned int starts;

static uint32_t
any(uint32_t below)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(state >> 33) % below;
}

static uint64_t
any_value(void)
{
	static const uint64_t values[] = {
		0, 1, 2, 3, 4, 11, 15, 64, 128, 256, 0x7fff, 0x8000, 0xffff, UINT32_MAX,
		UINT64_MAX, DW_RING(0, 0), DW_RING(1, 1), DW_RING(2, 2), DW_IOVA - 0x1000,
		DW_IOVA + DW_SIZE - 0x10, DW_BIT(VIRTIO_F_VERSION_1),
	};

	return values[any(RTE_DIM(values))];
}

static void
any_region_write(void)
{
	static const uint32_t regions[] = { VIRTIO_PCI_BAR, VIRTIO_PCI_BAR,
		VIRTIO_PCI_MSIX_BAR, VFIO_PCI_CONFIG_REGION_INDEX };
	uint32_t region = regions[any(RTE_DIM(regions))];
	uint64_t size = virtio_pci_region_size(&dw.dev->pci, region), value = any_value();
	uint32_t width = 1 + any(8);

	dw_write(region, any(size - 8), &value, width);
}

/* A register by its place, which is likelier to lead somewhere. */
static void
any_common_write(void)
{
	static const uint8_t widths[] = { 1, 2, 4, 8 };

	dw_set_common(any(VIRTIO_REGS_SIZE - 8), widths[any(4)], any_value());
}

static void
any_memory(void)
{
	uint64_t iova = DW_IOVA + DW_SIZE * any(3) / 2 + 0x1000 * any(3);
	uint64_t size = any(4) == 0 ? any_value() : 0x1000u << any(4);

	if (any(2) == 0)
		dw_map(iova, size, iova % DW_SIZE, any(8) == 0 ? -1 : dw.memory);
	else
		dw_unmap(any(3) == 0 ? DW_IOVA : iova, any(3) == 0 ? DW_SIZE : size);
}

static void
unmap_all(void)
{
	const struct vfu_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.flags = VFU_DMA_UNMAP_ALL,
	};

	dw_ask(VFU_DMA_UNMAP, &unmap, sizeof(unmap), NULL, 0);
}

static void
any_irq(void)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set) + sizeof(int),
		.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = any(5),
		.start = any(8),
		.count = any(3),
	};
	int fds[] = { dw.irq[any(RTE_DIM(dw.irq))], dw.memory };

	dw_ask(VFU_DEVICE_SET_IRQS, &set, sizeof(set), fds, any(3));
}

/* Rings that change under the device, and a doorbell. */
static void
any_ring(void)
{
	uint64_t bar_offset = dw.dev->pci.at.notify + any(2 * dw.dev->pci.at.page);
	uint32_t at = any(3 * 5 * 0x1000);
	uint16_t value = any_value();

	memcpy(dw.mem + at, &value, sizeof(value));
	dw_set_avail(any(5), any(80));
	dw_write(VIRTIO_PCI_BAR, bar_offset, &value, sizeof(value));
	value = 0;
	dw_write(VIRTIO_PCI_BAR, dw.dev->pci.at.notify_trapped, &value, sizeof(value));
}

static void
any_backend(void)
{
	if (any(3) == 0) {
		dw.backend.mischief = 1 + any(MISCHIEF_COUNT - 1);
		if (dw.backend.mischief == MISCHIEF_MUTE ||
				dw.backend.mischief == MISCHIEF_HALF)
			dw.backend.mischief = MISCHIEF_CLOSE; /* would have to be waited for */
		dw.backend.mischief_at = 1 + any(20);
	} else {
		backend_hang_up(&dw.backend);
		dw.backend.features ^= DW_BIT(any(35)) & ~(DW_BIT(30) | DW_BIT(32));
	}
}

static void
step(void)
{
	static const uint64_t features[] = { 0, 1, DW_BIT(17), DW_BIT(17) | DW_BIT(22),
		DW_BIT(34), DW_BIT(34) | DW_BIT(17) };

	switch (any(12)) {
	case 0:
		any_region_write();
		break;
	case 1:
	case 2:
	case 3:
		any_common_write();
		break;
	case 4:
		any_memory();
		break;
	case 5:
		any_irq();
		break;
	case 6:
	case 7:
		any_ring();
		break;
	case 8:
		if (any(8) == 0)
			dw_ask(VFU_DEVICE_RESET, NULL, 0, NULL, 0);
		break;
	case 9:
		if (any(8) == 0) {
			dw_disconnect();
			dw_connect();
		}
		break;
	case 10:
		if (any(4) == 0)
			any_backend();
		break;
	default:
		/* now and then as it should be, so that there is something to break */
		if (any(2) == 0)
			unmap_all();
		if (dw_drive(DW_BIT(32) | features[any(6)], any(2 * DW_PAIRS + 1)) == 0)
			dw_set_status(15);
		dw_settle();
		break;
	}
	if (any(4) == 0)
		dw_settle();
	starts += dw.dev->run == DEVICE_STARTED;
}

static bool
within(const struct vu_memory *memory, uint64_t addr, uint64_t size)
{
	uint32_t i;

	for (i = 0; i < memory->nregions; i++) {
		if (addr >= memory->regions[i].userspace_addr &&
				addr - memory->regions[i].userspace_addr + size <=
				memory->regions[i].memory_size)
			return true;
	}
	return false;
}

/* What the backend was told makes sense by itself. */
static int
check_backend(unsigned int *rings)
{
	const struct backend_seen *seen = dw.backend.seen;
	struct vu_memory memory = { .nregions = 0 };
	struct vhost_vring_addr addr;
	unsigned int i;

	for (i = 0; i < dw.backend.nr_seen; i++, seen++) {
		switch (seen->header.request) {
		case VU_SET_MEM_TABLE:
			memcpy(&memory, seen->payload, sizeof(memory));
			break;
		case VU_SET_VRING_ADDR:
			memcpy(&addr, seen->payload, sizeof(addr));
			TEST_ASSERT(within(&memory, addr.desc_user_addr, 16) &&
				within(&memory, addr.avail_user_addr, 4) &&
				within(&memory, addr.used_user_addr, 4),
				"a ring outside of the memory");
			(*rings)++;
			break;
		default:
			break;
		}
	}
	return TEST_SUCCESS;
}

static int
test_anything(void)
{
	unsigned int i, rings = 0;
	int seed;

	starts = 0;
	for (seed = 1; seed <= SEEDS; seed++) {
		state = seed;
		for (i = 0; i < STEPS; i++) {
			if (dw.sock < 0)
				dw_connect();
			step();
			/* a message that ends the connection is as good as any other */
			if (i % 64 == 0 && dw_status() == 0xee) {
				dw_disconnect();
				dw_connect();
			}
			if (dw.backend.nr_seen > BACKEND_SEEN / 2) {
				if (check_backend(&rings) < 0)
					return TEST_FAILED;
				dw_backend_forget();
			}
		}
		if (check_backend(&rings) < 0)
			return TEST_FAILED;
		dw_backend_forget();
		/* and after all that a client that behaves is served */
		dw.backend.mischief = MISCHIEF_NONE;
		dw.backend.mistaken = false; /* it could not always answer */
		dw_disconnect();
		dw.backend.features = BACKEND_FEATURES;
		backend_hang_up(&dw.backend);
		DW_UNTIL(!vhost_user_is_up(dw.dev->vu));
		DW_UNTIL(vhost_user_is_up(dw.dev->vu) && dw.dev->run == DEVICE_STOPPED);
		TEST_ASSERT_SUCCESS(dw_connect(), "seed %d: no connection", seed);
		if (dw_run(DW_BIT(32), 2) < 0) {
			printf("    seed %d\n", seed);
			return TEST_FAILED;
		}
	}
	printf("    %u steps, %u with a backend that runs, which was told of %u rings\n",
		SEEDS * STEPS, starts, rings);
	TEST_ASSERT(starts > SEEDS * STEPS / 20 && rings > SEEDS * 10,
		"too little was reached");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: device, hostile client",
	.unit_test_cases = {
		TEST_CASE_ST(dw_start, dw_stop, test_anything),
		TEST_CASE(stage_no_leaks),
		TEST_CASES_END()
	},
};

static int
test_device_hostile(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(device_hostile_autotest, test_device_hostile);
