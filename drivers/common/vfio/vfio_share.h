/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VFIO_SHARE_H
#define VFIO_SHARE_H

/**
 * @file
 * A device without a device fd, in a second process.
 *
 * Where a device is a connection (vfio-user), only the process that opened it can talk
 * to it. Other processes of the family ask that one: each operation is a message and
 * its answer, which the caller carries (rte_mp for one). What can be mapped is mapped
 * there all the same, by fds that come with the answers, so a fast path needs no messages.
 *
 * Interrupts, resets and DMA stay with the process that opened the device; in the
 * other one they fail with -EPERM.
 */

#include <stddef.h>
#include <stdint.h>

#include <rte_compat.h>

#include <vfio_dev.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Longest message, in bytes. It fits rte_mp's, with an address of the device beside it. */
#define VFIO_SHARE_MSG_MAX 224

/** A message, or its answer. */
struct vfio_share_msg {
	size_t len;                        /**< Of data, in bytes. */
	uint8_t data[VFIO_SHARE_MSG_MAX];  /**< Means something to common/vfio only. */
	int fd;                            /**< Of an answer: an fd, -1 if there is none. */
};

/**
 * Carry a message to vfio_share_serve() in the process that opened the device. Called by
 * any thread that uses the device, also by several at once.
 *
 * @param arg
 *   As given to vfio_dev_attach_shared().
 * @param req
 *   The message; it has no fd.
 * @param[out] reply
 *   The answer; its fd is the receiver's to close.
 * @return
 *   0 on success, else a negative errno.
 */
typedef int (vfio_share_call_t)(void *arg, const struct vfio_share_msg *req,
		struct vfio_share_msg *reply);

/**
 * Answer a message of another process. Lengths, offsets and indices in it are checked.
 *
 * May run beside everything else that is done with the device but vfio_dev_close().
 *
 * @param dev
 *   The device.
 * @param req
 *   The message.
 * @param[out] reply
 *   The answer, which may be a failure. Its fd is the caller's to close.
 * @return
 *   0 if there is an answer; -EPROTO if that was no message.
 */
__rte_internal
int vfio_share_serve(struct vfio_dev *dev, const struct vfio_share_msg *req,
		struct vfio_share_msg *reply);

/**
 * Attach a device that another process opened, by messages to there.
 *
 * @param name
 *   Name for messages to the user.
 * @param call
 *   Carries messages.
 * @param arg
 *   For call; valid until the device is closed.
 * @param[out] dev
 *   The device, with VFIO_DEV_BORROWED. vfio_dev_close() gives back what is this
 *   process's of it.
 * @return
 *   0 on success, else a negative errno as for vfio_dev_open(), logged already.
 */
__rte_internal
int vfio_dev_attach_shared(const char *name, vfio_share_call_t *call, void *arg,
		struct vfio_dev **dev);

#ifdef __cplusplus
}
#endif

#endif /* VFIO_SHARE_H */
