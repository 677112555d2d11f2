/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Devices that come and go: the kernel's uevents, the interrupt by which VFIO asks a
 * device back (REQ), and the end of a mediator in user space. All become events of EAL
 * (rte_dev_event_callback_register()); what is to be done is the application's decision,
 * and done outside the callback.
 *
 * EAL's own monitor knows PCI and UIO only and offers a bus no place to join, so this
 * one starts with the bus, where the kernel has mediated devices at all.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <linux/netlink.h>
#include <linux/vfio.h>

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_interrupts.h>

#include <vfio_irq.h>

#include "private.h"

/* The kernel's events, as opposed to those that udev sends on. */
#define UEVENT_GROUP_KERNEL 1
/* lib/kobject_uevent.c of the kernel: 2048 bytes of variables behind a path */
#define UEVENT_MAX 8192

/* The kernel links a device to its type shortly after it announced the device. */
#define TYPE_TRIES 100
#define TYPE_POLL_US 1000

static struct rte_intr_handle *monitor; /* NULL: not running */

/* Value of a variable among "KEY=VALUE\0..."; NULL if there is none. */
static const char *
uevent_get(const char *msg, size_t len, const char *key)
{
	const char *end = msg + len;
	size_t key_len = strlen(key);

	for (; msg < end; msg += strlen(msg) + 1) {
		if (strncmp(msg, key, key_len) == 0 && msg[key_len] == '=')
			return msg + key_len + 1;
	}
	return NULL;
}

bool
mdev_uevent_parse(const char *msg, size_t len, char name[RTE_UUID_STRLEN],
		enum rte_dev_event_type *type)
{
	const char *subsystem, *action, *path, *last;
	rte_uuid_t uuid;

	if (len == 0 || msg[len - 1] != '\0')
		return false;
	subsystem = uevent_get(msg, len, "SUBSYSTEM");
	action = uevent_get(msg, len, "ACTION");
	path = uevent_get(msg, len, "DEVPATH");
	if (subsystem == NULL || action == NULL || path == NULL ||
			strcmp(subsystem, "mdev") != 0)
		return false;
	/* "add" comes before the device has its VFIO driver, "bind" with it */
	if (strcmp(action, "bind") == 0)
		*type = RTE_DEV_EVENT_ADD;
	else if (strcmp(action, "remove") == 0)
		*type = RTE_DEV_EVENT_REMOVE;
	else
		return false;
	last = strrchr(path, '/');
	if (last == NULL || strlen(last + 1) != RTE_UUID_STRLEN - 1 ||
			rte_uuid_parse(last + 1, uuid) != 0)
		return false;
	rte_uuid_unparse(uuid, name, RTE_UUID_STRLEN);
	return true;
}

/* Not of one that has been removed again: EAL's interrupt thread has others to hear of. */
void
mdev_wait_for_type(const char *name)
{
	char device[PATH_MAX], type[PATH_MAX];
	unsigned int i;

	snprintf(device, sizeof(device), "%s/%s", mdev_sysfs_root(), name);
	snprintf(type, sizeof(type), "%s/%s/mdev_type", mdev_sysfs_root(), name);
	for (i = 0; i < TYPE_TRIES && access(type, F_OK) != 0 &&
			access(device, F_OK) == 0; i++)
		usleep(TYPE_POLL_US);
}

/* One event of those that wait. Returns false if there is none. */
static bool
take_uevent(int fd)
{
	char msg[UEVENT_MAX], name[RTE_UUID_STRLEN];
	enum rte_dev_event_type type;
	struct sockaddr_nl from;
	socklen_t from_len = sizeof(from);
	ssize_t len;

	len = recvfrom(fd, msg, sizeof(msg) - 1, MSG_DONTWAIT,
			(struct sockaddr *)&from, &from_len);
	if (len < 0 && errno == ENOBUFS)
		MDEV_LOG(WARNING, "mdev bus: events of devices were lost, there were too many at once: look at %s",
			mdev_sysfs_root());
	if (len < 0)
		return errno == ENOBUFS || errno == EINTR;
	/* anybody may send to the group; the kernel's port is 0 */
	if (from_len != sizeof(from) || from.nl_pid != 0)
		return true;
	if (!mdev_uevent_parse(msg, len, name, &type))
		return true;
	if (type == RTE_DEV_EVENT_ADD)
		mdev_wait_for_type(name);
	MDEV_LOG(DEBUG, "mdev:%s: %s", name,
		type == RTE_DEV_EVENT_ADD ? "created" : "removed");
	rte_dev_event_callback_process(name, type);
	return true;
}

/* In EAL's interrupt thread. */
static void
uevent_interrupt(void *arg)
{
	while (take_uevent(rte_intr_fd_get(arg)))
		;
}

static int
uevent_socket(void)
{
	struct sockaddr_nl addr = {
		.nl_family = AF_NETLINK,
		.nl_groups = UEVENT_GROUP_KERNEL,
	};
	int fd, ret;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
			NETLINK_KOBJECT_UEVENT);
	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

int
mdev_watch(int fd, rte_intr_callback_fn callback, struct rte_intr_handle **watched,
		void *arg)
{
	struct rte_intr_handle *handle;
	int ret = -ENOMEM;

	handle = rte_intr_instance_alloc(RTE_INTR_INSTANCE_F_PRIVATE);
	if (handle == NULL)
		goto close_fd;
	if (rte_intr_type_set(handle, RTE_INTR_HANDLE_EXT) != 0 ||
			rte_intr_fd_set(handle, fd) != 0)
		goto free_handle;
	*watched = handle; /* the callback may look there at once */
	ret = rte_intr_callback_register(handle, callback,
			arg == NULL ? handle : arg);
	if (ret == 0)
		return 0;
	*watched = NULL;

free_handle:
	rte_intr_instance_free(handle);
close_fd:
	close(fd);
	return ret;
}

int
mdev_unwatch(struct rte_intr_handle *handle, rte_intr_callback_fn callback)
{
	int ret;

	while ((ret = rte_intr_callback_unregister(handle, callback,
			(void *)-1)) == -EAGAIN) {
		if (rte_thread_is_intr())
			return -EBUSY;
		usleep(TYPE_POLL_US);
	}
	close(rte_intr_fd_get(handle));
	rte_intr_instance_free(handle);
	return 0;
}

static int
uevent_start(void)
{
	int ret;

	if (monitor != NULL || access(mdev_sysfs_root(), F_OK) != 0)
		return 0;
	ret = uevent_socket();
	return ret < 0 ? ret : mdev_watch(ret, uevent_interrupt, &monitor, NULL);
}

void
mdev_monitor_start(void)
{
	int ret, user_ret;

	ret = uevent_start();
	user_ret = mdev_inotify_start();
	if (ret == 0)
		ret = user_ret;
	if (ret < 0)
		MDEV_LOG(WARNING, "mdev bus: devices that are created and removed from now on will not be noticed: %s: scan to see them",
			strerror(-ret));
}

void
mdev_monitor_stop(void)
{
	mdev_inotify_stop();
	if (monitor != NULL && mdev_unwatch(monitor, uevent_interrupt) == 0)
		monitor = NULL;
}

/* In EAL's interrupt thread. The kernel repeats it while it waits. */
static void
request_interrupt(void *arg)
{
	struct rte_mdev_device *mdev = arg;
	struct mdev_private *priv = MDEV_PRIVATE(mdev);
	uint64_t count;

	if (read(rte_intr_fd_get(priv->request), &count, sizeof(count)) !=
			(ssize_t)sizeof(count))
		return;
	if (!priv->requested)
		MDEV_LOG(NOTICE, "mdev:%s: is being removed, which waits until this application lets go of it",
			mdev->name);
	priv->requested = true;
	if (mdev->driver->request != NULL)
		mdev->driver->request(mdev);
	rte_dev_event_callback_process(mdev->name, RTE_DEV_EVENT_REMOVE);
}

/* Index of the interrupt that asks a device back, by the kind of the device. */
static int
request_index(const struct vfio_dev *vfio, uint32_t *index)
{
	uint32_t flags = vfio_dev_flags(vfio);

	if ((flags & VFIO_DEVICE_FLAGS_PCI) != 0)
		*index = VFIO_PCI_REQ_IRQ_INDEX;
	else if ((flags & VFIO_DEVICE_FLAGS_CCW) != 0)
		*index = VFIO_CCW_REQ_IRQ_INDEX;
	else
		return -ENOTSUP;
	return 0;
}

static int
request_enable(struct rte_mdev_device *mdev, uint32_t index)
{
	struct mdev_private *priv = MDEV_PRIVATE(mdev);
	int efd, ret;

	efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (efd < 0)
		return -errno;
	ret = mdev_watch(efd, request_interrupt, &priv->request, mdev);
	if (ret < 0)
		return ret;
	ret = vfio_irq_set_eventfds(mdev->vfio, index, 0, 1, &efd);
	if (ret < 0) {
		mdev_unwatch(priv->request, request_interrupt);
		priv->request = NULL;
	}
	return ret;
}

/*
 * In EAL's interrupt thread. The fd stays readable: it is listened to no more, which within
 * the callback itself takes effect when that has returned.
 */
static void
gone_interrupt(void *arg)
{
	struct rte_mdev_device *mdev = arg;

	if (rte_intr_callback_unregister_pending(MDEV_PRIVATE(mdev)->gone,
			gone_interrupt, mdev, NULL) <= 0)
		return; /* mdev_request_stop() was faster */
	MDEV_LOG(WARNING, "mdev:%s: its mediator is gone, and it does nothing any more: detach it, and attach it when it is there again",
		mdev->name);
	if (mdev->driver->request != NULL)
		mdev->driver->request(mdev);
	rte_dev_event_callback_process(mdev->name, RTE_DEV_EVENT_REMOVE);
}

static int
gone_enable(struct rte_mdev_device *mdev)
{
	int fd = vfio_dev_gone_fd(mdev->vfio);

	if (fd < 0)
		return 0;
	/* the device's own fd is closed with it */
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	return mdev_watch(fd, gone_interrupt, &MDEV_PRIVATE(mdev)->gone, mdev);
}

static int
gone_disable(struct rte_mdev_device *mdev)
{
	struct mdev_private *priv = MDEV_PRIVATE(mdev);
	int ret;

	if (priv->gone == NULL)
		return 0;
	ret = mdev_unwatch(priv->gone, gone_interrupt);
	if (ret == 0)
		priv->gone = NULL;
	return ret;
}

static int
request_start(struct rte_mdev_device *mdev)
{
	struct vfio_irq irq = { .count = 0 };
	uint32_t index;

	if (request_index(mdev->vfio, &index) < 0)
		return 0;
	if (vfio_irq_get(mdev->vfio, index, &irq) < 0 || irq.count == 0)
		return 0; /* a mediator without it just waits */
	return request_enable(mdev, index);
}

void
mdev_request_start(struct rte_mdev_device *mdev)
{
	int ret;

	MDEV_PRIVATE(mdev)->requested = false;
	/* in a secondary process it is the primary's */
	if (vfio_dev_owner(mdev->vfio) != VFIO_DEV_OWNED)
		return;
	ret = request_start(mdev);
	if (ret < 0)
		MDEV_LOG(WARNING, "mdev:%s: its removal will wait without notice: %s: detach it before it is removed",
			mdev->name, strerror(-ret));
	ret = gone_enable(mdev);
	if (ret < 0)
		MDEV_LOG(WARNING, "mdev:%s: the end of its mediator will not be noticed: %s: detach it before its mediator is ended",
			mdev->name, strerror(-ret));
}

static int
request_stop(struct rte_mdev_device *mdev)
{
	struct mdev_private *priv = MDEV_PRIVATE(mdev);
	uint32_t index;
	int ret;

	if (priv->request == NULL)
		return 0;
	ret = mdev_unwatch(priv->request, request_interrupt);
	if (ret < 0)
		return ret;
	priv->request = NULL;
	if (request_index(mdev->vfio, &index) == 0)
		vfio_irq_disable(mdev->vfio, index);
	return 0;
}

int
mdev_request_stop(struct rte_mdev_device *mdev)
{
	int ret;

	ret = gone_disable(mdev);
	if (ret == 0) {
		ret = request_stop(mdev);
		if (ret < 0)
			gone_enable(mdev); /* all goes on */
	}
	if (ret < 0)
		MDEV_LOG(ERR, "mdev:%s: cannot be detached from within the event of its removal: do it in an alarm or another thread",
			mdev->name);
	return ret;
}
