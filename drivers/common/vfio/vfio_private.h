/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VFIO_PRIVATE_H
#define VFIO_PRIVATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <rte_common.h>
#include <rte_log.h>

#include "vfio_compat.h"
#include "vfio_dev.h"
#include "vfio_dma.h"
#include "vfio_irq.h"
#include "vfio_region.h"
#include "vfio_transport.h"

extern int vfio_common_logtype;

#define VFIO_LOG(level, ...) \
	rte_log(RTE_LOG_ ## level, vfio_common_logtype, \
		RTE_FMT("vfio: " RTE_FMT_HEAD(__VA_ARGS__ ,) "\n", \
			RTE_FMT_TAIL(__VA_ARGS__ ,)))

/* What to do about a device that says what cannot be, or that fails. */
#define VFIO_BROKEN "its driver in the kernel or its mediator is broken: update that"
#define VFIO_FAILING "remove it and create it anew, or update its driver in the kernel or its mediator"

/*
 * More than any known device has: vfio-pci has 9 regions and 5 interrupt
 * indices, and adds a few regions for graphics devices.
 */
#define VFIO_DEV_MAX_REGIONS 1024
#define VFIO_DEV_MAX_IRQS 64

/* A range that vfio_dma_map() mapped for a device. */
struct vfio_dma_range {
	TAILQ_ENTRY(vfio_dma_range) next;
	void *addr;
	uint64_t iova;
	size_t len;
};

/* A capability in the first 256 bytes of PCI configuration space, and how many fit. */
struct vfio_pci_cap {
	uint8_t id, pos;
};

#define VFIO_PCI_MAX_CAPS 48

struct vfio_dev {
	const struct vfio_transport_ops *ops;
	struct vfio_transport_dev tdev;
	enum vfio_dev_owner owner;
	bool iova_as_va;               /* see vfio_dev_iova_as_va() */
	uint32_t flags;                /* VFIO_DEVICE_FLAGS_* */
	uint32_t num_regions;
	uint32_t num_irqs;
	uint64_t irqs_enabled;         /* one bit for each interrupt index */
	struct {
		bool known;            /* written last; atomic */
		struct vfio_irq irq;
	} irqs[VFIO_DEV_MAX_IRQS];
	pthread_mutex_t regions_lock;  /* held while regions gets an entry */
	struct vfio_region **regions;  /* num_regions entries, NULL until asked */
	pthread_mutex_t dma_lock;      /* of dma_ranges: applications have threads */
	TAILQ_HEAD(, vfio_dma_range) dma_ranges;
	uint32_t num_caps;             /* 0 until the list was walked */
	struct vfio_pci_cap caps[VFIO_PCI_MAX_CAPS];
	char name[];
};

/* The kernel's transport; attached fds are always its. */
extern const struct vfio_transport_ops vfio_kernel_ops;

/* A device of a transport, without its information; NULL if there is no memory. */
struct vfio_dev *vfio_dev_alloc(const char *name,
		const struct vfio_transport_ops *ops, enum vfio_dev_owner owner);
/* Ask the transport for the device's information, and check it; logs a failure. */
int vfio_dev_get_info(struct vfio_dev *dev);
/* Free a device that its transport has closed. */
void vfio_dev_free(struct vfio_dev *dev);
/*
 * What firmware and kernel do for other PCI devices; both do nothing to those, and to
 * what is no PCI device. 0 or a negative errno, logged.
 */
int vfio_pci_assign_bars(struct vfio_dev *dev);
/* Before and after SET_IRQS of MSI or MSI-X: count vectors deliver, 0: none does. */
int vfio_pci_msi_enable(struct vfio_dev *dev, uint32_t index, uint32_t start,
		uint32_t count);

/* Fds that vfio_fd_close() has left to a thread, which did not close them yet. */
unsigned int vfio_fd_waiting(void);
/* Disable what was enabled through this handle. */
void vfio_irq_release(struct vfio_dev *dev);
/* Take the pages that a range touches out of a region's mappable areas, before it is mapped. */
int vfio_region_exclude(struct vfio_region *region, uint64_t offset, uint64_t size);
/* Unmap and free all regions. */
void vfio_region_release(struct vfio_dev *dev);
/* End all DMA mappings of the device. */
void vfio_dma_release(struct vfio_dev *dev);

#endif /* VFIO_PRIVATE_H */
