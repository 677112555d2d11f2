/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef BUS_MDEV_PRIVATE_H
#define BUS_MDEV_PRIVATE_H

/**
 * @file
 * What the files of the mdev bus share. All of it runs in the thread that scans or
 * probes, as EAL has it for every bus, and takes no lock, but for what other threads
 * of EAL call: mdev_mp.c (IPC), mdev_hotplug.c and mdev_inotify.c
 * (interrupts), and mdev_telemetry.c.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <rte_dev.h>
#include <rte_devargs.h>
#include <rte_log.h>
#include <rte_prefetch.h>

#include <vfio_pci.h>

#include "bus_mdev_driver.h"

extern int mdev_bus_logtype;

/* A message is one whole line and begins with "mdev:<uuid>: " or "mdev bus: ". */
#define MDEV_LOG(level, ...) \
	rte_log(RTE_LOG_ ## level, mdev_bus_logtype, \
		RTE_FMT(RTE_FMT_HEAD(__VA_ARGS__ ,) "\n", \
			RTE_FMT_TAIL(__VA_ARGS__ ,)))

/** Text put in front of a UUID to make it an address. */
#define MDEV_ADDR_PREFIX RTE_BUS_MDEV_NAME ":"

/** Where mediators in user space list their devices. */
#define MDEV_USER_DEVICES "/run/mdev/devices"

/** For messages: where a user finds devices. */
#define MDEV_LISTS "/sys/bus/mdev/devices and " MDEV_USER_DEVICES

/** Room for any text that comes from outside, made printable. */
#define MDEV_PRINTABLE_LEN 64

/** What the bus keeps of a device besides what drivers see. */
struct mdev_private {
	/**
	 * Where a device further down the list was at the last scan. Only to have it
	 * fetched while others are looked at; it may be freed by now.
	 */
	const void *ahead;
	struct rte_mdev_device pub;
	char bus_info[3 * RTE_MDEV_ATTR_LEN + 32]; /**< For rte_device. */
	TAILQ_ENTRY(mdev_private) published; /**< Owned by mdev_mp.c. */
	bool is_published;            /**< Owned by mdev_mp.c. */
	TAILQ_ENTRY(mdev_private) known; /**< Owned by mdev_telemetry.c. */
	bool is_open;                 /**< Owned by mdev_telemetry.c. */
	struct vfio_pci_ids pci;      /**< If a driver asks for it; vendor 0: not read. */
	int borrowed_fd;              /**< Secondary: pub.vfio's; -1: none. */
	struct rte_intr_handle *request; /**< REQ interrupt; NULL: not enabled. */
	struct rte_intr_handle *gone; /**< End of the mediator; NULL: not watched. */
	bool requested;               /**< Asked back, as was said. */
	bool doubled;                 /**< Listed twice, as was said. */
	char root[];                  /**< Storage of pub.root. */
};

/** Get what the bus keeps of a device. */
#define MDEV_PRIVATE(mdev) container_of(mdev, struct mdev_private, pub)

/* mdev_sysfs.c */

/** Bring the list of devices up to date; see rte_bus_scan_t. */
int mdev_scan(void);

/** Folder that lists the kernel's devices. */
const char *mdev_sysfs_root(void);

/* mdev_attr.c */

/**
 * Read a small file of a device.
 *
 * @param entry
 *   Name of the device's folder in its root.
 * @param file
 *   Path of the file below that.
 * @param[out] attr
 *   RTE_MDEV_ATTR_LEN bytes; its line, empty if there is none or it is no text.
 */
void mdev_attr_read(const struct rte_mdev_device *mdev, const char *entry,
		const char *file, char *attr);

/**
 * Read the target of a link of a device, or of the device's own (file: "").
 *
 * @param skip
 *   How many components there are behind the one that is wanted.
 * @param[out] attr
 *   As for mdev_attr_read(); empty if it is no link.
 */
void mdev_attr_link(const struct rte_mdev_device *mdev, const char *entry,
		const char *file, unsigned int skip, char *attr);

/* mdev_user.c */

/** Most roots, and the longest path of one with its final zero. */
#define MDEV_USER_ROOTS_MAX 16
#define MDEV_USER_ROOT_LEN 256

/** Folders where mediators in user space list devices; the first wins. */
struct mdev_user_roots {
	unsigned int count;
	char path[MDEV_USER_ROOTS_MAX][MDEV_USER_ROOT_LEN];
};

/** Get these folders, whether they are there or not. */
void mdev_user_roots(struct mdev_user_roots *roots);

/**
 * Open such a folder, if nobody but root and the user of this process can change it or
 * what leads to it.
 *
 * @return
 *   An fd (O_PATH); -EPERM if others could, logged already; else a negative errno.
 */
int mdev_user_open_root(const char *root);

/**
 * The same check of the folder of a device.
 *
 * @param root_fd
 *   From mdev_user_open_root().
 * @param name
 *   The device's name there.
 * @return
 *   0, or a negative errno as for mdev_user_open_root(). What leads to the device can
 *   then be changed by root and the user of this process only, and is used by path.
 */
int mdev_user_check_device(int root_fd, const char *name);

/** Is a device of that name listed, which this user may not look at? */
bool mdev_user_is_hidden(const char *name);

/** Does this error of the two say that there is nothing, and not that it failed? */
bool mdev_user_is_absent(int error);

/* mdev_socket.c */

struct rte_kvargs;

/** Key of the socket in devargs. */
#define MDEV_KEY_SOCKET "socket"

/** Longest path of a socket with its final zero, see unix(7). */
#define MDEV_SOCKET_LEN 108

/** Sockets that devargs name. */
struct mdev_sockets {
	size_t count;
	char (*path)[MDEV_SOCKET_LEN]; /**< To be freed. */
};

/**
 * Check the socket= of parsed devargs, if there is one.
 *
 * @return
 *   0, or -EINVAL, logged with whose in front.
 */
int mdev_socket_check(const struct rte_kvargs *kvargs, const char *whose);

/** Is it the device's socket, if they have one? */
bool mdev_socket_fits(const struct rte_kvargs *kvargs,
		const struct rte_mdev_device *mdev);

/**
 * Read the sockets that devargs name for allowed devices.
 *
 * @param[out] sockets
 *   The paths; to be freed even if it fails.
 * @param add
 *   Called with each path, which stays until it is freed, and the name of its device. It
 *   returns 0, or a negative errno, which ends it.
 * @param arg
 *   For add.
 * @return
 *   0, or a negative errno.
 */
int mdev_socket_read(struct mdev_sockets *sockets,
		int (*add)(void *arg, const char *path, const char *name),
		void *arg);

/* mdev_params.c */

/** Is it "mdev:<uuid>"? See rte_bus_parse_t; addr is an rte_uuid_t. */
int mdev_parse(const char *name, void *addr);

/** Check the bus layer and name the device; see rte_bus_devargs_parse_t. */
int mdev_devargs_parse(struct rte_devargs *da);

/**
 * Next device that fits "uuid=...,type=...,parent=..."; see rte_dev_iterate_t.
 * type and parent are globs.
 */
void *mdev_dev_iterate(const void *start, const char *str,
		const struct rte_dev_iterator *it);

/**
 * Find a device, which is known by several names; see rte_bus_find_device_t. EAL takes
 * the name in devargs as it stands when it detaches a device by name or in several
 * processes, and compares strings.
 */
struct rte_device *mdev_find_by_any_name(const struct rte_device *start,
		rte_dev_cmp_t cmp, const void *data);

/**
 * Call fn with the newest devargs of each device, by canonical names, until it returns
 * something else than 0.
 *
 * @return
 *   What fn returned, or -ENOMEM.
 */
int mdev_devargs_newest(int (*fn)(const struct rte_devargs *da, void *arg),
		void *arg);

/**
 * Give the bus's devargs their canonical names, drop all but the newest of each
 * device, and point the devices to theirs.
 *
 * @return
 *   0, or -ENOMEM; nothing has changed then.
 */
int mdev_devargs_refresh(void);

/** Warn of each allowed device that does not exist. */
void mdev_devargs_warn_missing(void);

/** Do the devargs of a device agree with its type and parent? NULL agrees. */
bool mdev_devargs_fit(const struct rte_devargs *da,
		const struct rte_mdev_device *mdev);

/**
 * The driver that devargs ask for: *len characters, in which there may be anything.
 * NULL if they ask for none.
 */
const char *mdev_devargs_driver(const struct rte_devargs *da, size_t *len);

/** Do the devargs leave a device to this driver? NULL does. */
bool mdev_devargs_take_driver(const struct rte_devargs *da,
		const struct rte_driver *drv);

/**
 * Copy text from outside, for a message: bytes that do not print become '?', and
 * what does not fit is cut.
 *
 * @return
 *   buf.
 */
const char *mdev_printable(const char *text, char *buf, size_t len);

/* mdev.c */

/** Does a driver serve a device, as far as sysfs and devargs can tell? */
bool mdev_match(const struct rte_mdev_driver *drv,
		const struct rte_mdev_device *mdev);

/** Is the device named by -a, or by the application at run time? */
bool mdev_is_named(const struct rte_mdev_device *mdev);

/**
 * Open a device and hand it to a driver.
 *
 * @return
 *   0; a positive value if it is none of this driver's; else a negative errno,
 *   logged already. Unless 0 nothing is left open.
 */
int mdev_probe_device(struct rte_mdev_driver *drv, struct rte_mdev_device *mdev);

/** Say why a device that no driver takes has none, if the user named it. */
void mdev_warn_undriven(const struct rte_mdev_device *mdev);

/** Hand a device to the first driver that takes it; as mdev_probe_device(). */
int mdev_probe_drivers(struct rte_mdev_device *mdev);

/** Probe all devices that are to be used; see rte_bus_probe_t. */
int mdev_probe_all(void);

/**
 * Take a device back from its driver and close it.
 *
 * @return
 *   0, or what the driver returned; the driver keeps the device then.
 */
int mdev_unplug_device(struct rte_mdev_device *mdev);

/** Free a device that is in no list. */
void mdev_free_device(struct rte_mdev_device *mdev);

/** Take all devices back and free them; see rte_bus_cleanup_t. */
int mdev_cleanup(void);

/* mdev_mp.c */

/** Serve secondary processes, if this is the primary one. */
void mdev_mp_start(void);

/** Serve them no more. */
void mdev_mp_stop(void);

/**
 * Wait for the primary process again if it did not answer. One silence is enough for
 * all devices of a probe, but not for one that is attached later.
 */
void mdev_mp_retry(void);

/** Let secondary processes have a device that this primary process has probed. */
void mdev_mp_publish(struct rte_mdev_device *mdev);

/** Let them have it no more; one that was not published is left as it is. */
void mdev_mp_withdraw(struct rte_mdev_device *mdev);

/**
 * Get a device from the primary process.
 *
 * @return
 *   0; 1 if the primary does not use it and nobody named it; else a negative errno,
 *   logged already.
 */
int mdev_mp_open(struct rte_mdev_device *mdev);

/** Close what mdev_mp_open() opened. */
void mdev_mp_close(struct rte_mdev_device *mdev);

/* mdev_hotplug.c */

/** Watch devices come and go; logs if it cannot. */
void mdev_monitor_start(void);

/** Watch no more. */
void mdev_monitor_stop(void);

/**
 * Read a uevent of the kernel.
 *
 * @param msg
 *   The message.
 * @param len
 *   Its length in bytes.
 * @param[out] name
 *   Name of the device.
 * @param[out] type
 *   What happened to it.
 * @return
 *   Whether it tells of a mediated device.
 */
bool mdev_uevent_parse(const char *msg, size_t len, char name[RTE_UUID_STRLEN],
		enum rte_dev_event_type *type);

/**
 * Wait until a device that the kernel has announced has its type: whoever hears of it may
 * attach it at once. For a bounded time, and only while it is there.
 *
 * @param name
 *   Name of the device.
 */
void mdev_wait_for_type(const char *name);

/**
 * Have EAL's interrupt thread poll an fd and call back to read it.
 *
 * @param fd
 *   The fd, which is closed by mdev_unwatch(), or if this fails.
 * @param callback
 *   Called with arg, or with the handle if that is NULL.
 * @param[out] watched
 *   The handle.
 * @param arg
 *   For the callback.
 * @return
 *   0, or a negative errno.
 */
int mdev_watch(int fd, rte_intr_callback_fn callback,
		struct rte_intr_handle **watched, void *arg);

/**
 * End it and free the handle.
 *
 * @return
 *   0; -EBUSY within the callback itself, whose end nobody can wait for there.
 */
int mdev_unwatch(struct rte_intr_handle *handle, rte_intr_callback_fn callback);

/**
 * Hear when a probed device is asked back, or its mediator ends; logs if it cannot.
 */
void mdev_request_start(struct rte_mdev_device *mdev);

/**
 * Hear of it no more.
 *
 * @return
 *   0, or -EBUSY within the event itself, logged already.
 */
int mdev_request_stop(struct rte_mdev_device *mdev);

/* mdev_telemetry.c */

/** Offer what the bus knows to EAL's telemetry. */
void mdev_telemetry_register(void);

/** Have it know a new device. */
void mdev_telemetry_add(struct rte_mdev_device *mdev);

/** Have it know the device no more. */
void mdev_telemetry_remove(struct rte_mdev_device *mdev);

/** From now on it may ask the open device, or may not. */
void mdev_telemetry_open(struct rte_mdev_device *mdev, bool open);

/** Around a change of what a device that it knows says of itself. */
void mdev_telemetry_lock(void);
void mdev_telemetry_unlock(void);

/* mdev_inotify.c */

/**
 * Watch devices of mediators in user space come and go.
 *
 * @return
 *   0, or a negative errno. Started already: 0.
 */
int mdev_inotify_start(void);

/** Watch no more. */
void mdev_inotify_stop(void);

#include "mdev_compat.h"

/** The bus. */
extern struct mdev_bus mdev_bus;

/** First device of the list, which is sorted by UUID; NULL if it is empty. */
static inline struct rte_mdev_device *
mdev_first(void)
{
	struct rte_device *dev = TAILQ_FIRST(MDEV_DEVICES);

	return dev == NULL ? NULL : RTE_DEV_TO_MDEV(dev);
}

/** Device that follows; NULL after the last. */
static inline struct rte_mdev_device *
mdev_next(const struct rte_mdev_device *mdev)
{
	struct rte_device *dev = TAILQ_NEXT(&mdev->device, next);

	return dev == NULL ? NULL : RTE_DEV_TO_MDEV(dev);
}

#define MDEV_FOREACH(mdev) \
	for (mdev = mdev_first(); mdev != NULL; mdev = mdev_next(mdev))

/**
 * Fetch what most comparisons look at. Each device says where the next one is, and
 * with thousands of them each such step waits for the memory: finding one of 10,000
 * takes a third of the time with it.
 */
static inline void
mdev_prefetch(const void *priv)
{
	const size_t len = offsetof(struct mdev_private, pub.name) +
		RTE_UUID_STRLEN;
	size_t i;

	for (i = 0; i < len; i += RTE_CACHE_LINE_SIZE)
		rte_prefetch0(RTE_PTR_ADD(priv, i));
}

/** First device after start (NULL: of all) for which cmp returns 0. */
static inline struct rte_device *
mdev_find(const struct rte_device *start, rte_dev_cmp_t cmp, const void *data)
{
	struct rte_mdev_device *mdev;
	struct rte_device *dev;

	dev = start == NULL ? TAILQ_FIRST(MDEV_DEVICES) : TAILQ_NEXT(start, next);
	for (; dev != NULL; dev = TAILQ_NEXT(dev, next)) {
		mdev = RTE_DEV_TO_MDEV(dev);
		mdev_prefetch(MDEV_PRIVATE(mdev)->ahead);
		if (cmp(dev, data) == 0)
			break;
	}
	return dev;
}

#endif /* BUS_MDEV_PRIVATE_H */
