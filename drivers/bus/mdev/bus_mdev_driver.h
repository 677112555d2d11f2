/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef BUS_MDEV_DRIVER_H
#define BUS_MDEV_DRIVER_H

/**
 * @file
 * Mediated device (mdev) bus: the interface for drivers.
 *
 * A mediated device is listed by UUID under /sys/bus/mdev/devices and is driven
 * through VFIO. The bus finds devices, opens those that a driver claims, and hands
 * each to the driver as an open struct vfio_dev with an interrupt handle.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_common.h>
#include <rte_compat.h>
#include <rte_interrupts.h>
#include <rte_uuid.h>
#include <bus_driver.h>
#include <dev_driver.h>

#include <vfio_dev.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Name of the bus, in devargs and messages. */
#define RTE_BUS_MDEV_NAME "mdev"

/** Longest attribute that the bus keeps, in bytes with the final zero. */
#define RTE_MDEV_ATTR_LEN 128

/** PCI id that matches any. */
#define RTE_MDEV_ANY_ID UINT16_MAX

struct rte_mdev_device;
struct rte_mdev_driver;

/**
 * What a driver serves. A device matches an entry if everything matches that the
 * entry gives.
 *
 * The first three are answered by sysfs. PCI ids need the device opened, which
 * puts it into EAL's VFIO container and maps all memory for it. An entry that
 * gives neither type nor parent is therefore considered only for devices that the
 * user named (``-a mdev:<uuid>``).
 */
struct rte_mdev_id {
	/** mdev_type/device_api, "vfio-pci" for one. Required. */
	const char *device_api;
	/** Glob (fnmatch(3)) for the mdev type's name; NULL for any. */
	const char *type;
	/** Glob for the name of the parent device; NULL for any. */
	const char *parent;
	/** PCI vendor id, or RTE_MDEV_ANY_ID. */
	uint16_t vendor_id;
	/** PCI device id, or RTE_MDEV_ANY_ID. */
	uint16_t device_id;
};

/**
 * Make ready what a process must have whether it gets a device or not, such as an
 * answer to other processes.
 *
 * Called when EAL has the bus probe, before any device, in every process; possibly more
 * than once. EAL's inter-process communication works by then.
 */
typedef void (rte_mdev_prepare_t)(void);

/**
 * Take a device over.
 *
 * The bus has opened the device (mdev->vfio) and allocated its interrupt handle.
 * If this fails the bus takes both back.
 *
 * In a secondary process the device is one that the primary process has probed, and
 * mdev->vfio is borrowed from there (VFIO_DEV_BORROWED): it serves regions, while
 * interrupts, resets and DMA are the primary's. The interrupt handle has no fd.
 *
 * @param drv
 *   The driver.
 * @param mdev
 *   The device.
 * @return
 *   0 on success; a positive value if the device is none of this driver's after
 *   all (the bus goes on with other drivers); else a negative errno.
 */
typedef int (rte_mdev_probe_t)(struct rte_mdev_driver *drv,
		struct rte_mdev_device *mdev);

/**
 * Give a device back. Once it returns 0 the driver uses neither mdev->vfio nor
 * anything mapped from it; the bus closes the device.
 *
 * @param mdev
 *   The device.
 * @return
 *   0 on success, else a negative errno; the device stays with the driver then.
 */
typedef int (rte_mdev_remove_t)(struct rte_mdev_device *mdev);

/**
 * Hear that the device is asked back: whoever removes it waits until this process lets
 * go of it, and reminds it from time to time. To be passed on to the application;
 * nothing may be detached here.
 *
 * Called in EAL's interrupt thread, between probe and remove, in the primary process.
 *
 * @param mdev
 *   The device.
 */
typedef void (rte_mdev_request_t)(struct rte_mdev_device *mdev);

/**
 * A mediated device. Set by the bus; drivers read it. An attribute that sysfs does not
 * have, or that is no text, is an empty string.
 */
struct rte_mdev_device {
	struct rte_device device;        /**< Generic device; its name is name. */
	rte_uuid_t uuid;                 /**< UUID. */
	char name[RTE_UUID_STRLEN];      /**< UUID as text, lower case. */
	char device_api[RTE_MDEV_ATTR_LEN]; /**< mdev_type/device_api */
	char type[RTE_MDEV_ATTR_LEN];    /**< Name of the mdev type's folder. */
	char parent[RTE_MDEV_ATTR_LEN];  /**< Name of the parent device. */
	const char *root;                /**< Folder that lists the device. */
	struct rte_mdev_driver *driver;  /**< Driver, NULL before probe. */
	struct vfio_dev *vfio;           /**< Open while probed, else NULL. */
	struct rte_intr_handle *intr_handle; /**< While probed, else NULL. */
	bool gone;                       /**< No longer listed; still probed. */
};

/** A driver on this bus. */
struct rte_mdev_driver {
	struct rte_driver driver;        /**< Generic driver. */
	const struct rte_mdev_id *id_table; /**< Ends with device_api NULL. */
	rte_mdev_probe_t *probe;         /**< Required. */
	rte_mdev_remove_t *remove;       /**< Required. */
	rte_mdev_request_t *request;     /**< Optional. */
	rte_mdev_prepare_t *prepare;     /**< Optional. */
};

/** Get the mediated device of a generic device on this bus. */
#define RTE_DEV_TO_MDEV(ptr) \
	container_of(ptr, struct rte_mdev_device, device)

/** Get the mediated device of an Ethernet device on this bus. */
#define RTE_ETH_DEV_TO_MDEV(eth_dev) RTE_DEV_TO_MDEV((eth_dev)->device)

/**
 * Register a driver. To be called from a constructor, see RTE_PMD_REGISTER_MDEV.
 *
 * A driver that lacks its name, id table, probe or remove is refused with a
 * message. Where the bus itself was refused (another DPDK release, or loaded
 * twice) the driver is kept and never called.
 *
 * Not thread safe, like all of a bus: EAL's main thread registers and probes.
 *
 * @param driver
 *   The driver; it stays registered until it is unregistered.
 */
__rte_internal
void rte_mdev_register(struct rte_mdev_driver *driver);

/**
 * Unregister a driver that serves no device.
 *
 * @param driver
 *   The driver; one that is not registered is left alone.
 */
__rte_internal
void rte_mdev_unregister(struct rte_mdev_driver *driver);

/**
 * Register a driver when its library is loaded.
 *
 * The name for pmdinfo is written out because RTE_PMD_EXPORT_NAME takes two
 * arguments up to DPDK 25.03 and one from 25.07 on.
 *
 * @param nm
 *   Name of the driver, as an identifier ("net_mdev_virtio" for one).
 * @param mdev_drv
 *   The struct rte_mdev_driver.
 */
#define RTE_PMD_REGISTER_MDEV(nm, mdev_drv) \
	RTE_INIT(mdevinitfn_ ##nm) \
	{ \
		(mdev_drv).driver.name = RTE_STR(nm); \
		rte_mdev_register(&(mdev_drv)); \
	} \
	static const char this_pmd_name ## nm[] __rte_used = RTE_STR(nm)

/**
 * Have the PMD information of a driver's library name the devices that it serves, for
 * tools such as dpdk-mdev.py.
 *
 * @param nm
 *   Name of the driver, as for RTE_PMD_REGISTER_MDEV.
 * @param table
 *   The driver's id table, an array in the same source file.
 */
#define RTE_PMD_REGISTER_MDEV_TABLE(nm, table) \
	static const char DRV_EXP_TAG(nm, mdev_tbl_export)[] __rte_used = \
		RTE_STR(table)

#ifdef __cplusplus
}
#endif

#endif /* BUS_MDEV_DRIVER_H */
