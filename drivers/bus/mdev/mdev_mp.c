/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Devices in several processes. The primary process opens a device; a secondary one
 * asks it for the device's fd. So a secondary opens no group, needs no container, and
 * gets only what the primary drives.
 */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_string_fns.h>

#include "private.h"

#define MDEV_MP_NAME "bus_mdev"
#define MDEV_MP_TIMEOUT_S 2

struct mdev_mp_param {
	rte_uuid_t uuid;
	int32_t result; /* of a reply: 0, or a negative errno */
};

/* Devices that this primary process drives. EAL's IPC thread looks them up. */
static pthread_mutex_t published_lock = PTHREAD_MUTEX_INITIALIZER;
static TAILQ_HEAD(, mdev_private) published =
	TAILQ_HEAD_INITIALIZER(published); /* owned by published_lock */

/* Secondary: the primary did not answer, as was said; it is not waited for again. */
static bool silent;

/* A second fd of a device; -1 if it is not driven here. */
static int
published_fd(const rte_uuid_t uuid)
{
	struct mdev_private *priv;
	int fd = -1;

	pthread_mutex_lock(&published_lock);
	TAILQ_FOREACH(priv, &published, published) {
		if (rte_uuid_compare(priv->pub.uuid, uuid) == 0) {
			fd = dup(vfio_dev_fd(priv->pub.vfio));
			break;
		}
	}
	pthread_mutex_unlock(&published_lock);
	return fd;
}

/* In EAL's IPC thread of the primary process. */
static int
serve_open(const struct rte_mp_msg *msg, const void *peer)
{
	struct mdev_mp_param param = { .result = -EINVAL };
	struct rte_mp_msg reply = { .len_param = sizeof(param) };
	int fd = -1, ret;

	if (msg->len_param == (int)sizeof(param)) {
		memcpy(&param, msg->param, sizeof(param));
		fd = published_fd(param.uuid);
		param.result = fd < 0 ? -ENODEV : 0;
	}
	rte_strscpy(reply.name, MDEV_MP_NAME, sizeof(reply.name));
	memcpy(reply.param, &param, sizeof(param));
	if (fd >= 0)
		reply.fds[reply.num_fds++] = fd;
	ret = rte_mp_reply(&reply, peer);
	if (fd >= 0)
		close(fd);
	return ret;
}

void
mdev_mp_start(void)
{
	if (rte_eal_process_type() != RTE_PROC_PRIMARY)
		return;
	/* without shared files there are no other processes: no error */
	if (rte_mp_action_register(MDEV_MP_NAME, serve_open) < 0 &&
			rte_errno != ENOTSUP && rte_errno != EEXIST)
		MDEV_LOG(WARNING, "mdev bus: secondary processes cannot be served: %s",
			rte_strerror(rte_errno));
}

void
mdev_mp_retry(void)
{
	silent = false;
}

void
mdev_mp_stop(void)
{
	if (rte_eal_process_type() == RTE_PROC_PRIMARY)
		rte_mp_action_unregister(MDEV_MP_NAME);
}

void
mdev_mp_publish(struct rte_mdev_device *mdev)
{
	if (rte_eal_process_type() != RTE_PROC_PRIMARY ||
			vfio_dev_fd(mdev->vfio) < 0)
		return;
	pthread_mutex_lock(&published_lock);
	TAILQ_INSERT_TAIL(&published, MDEV_PRIVATE(mdev), published);
	MDEV_PRIVATE(mdev)->is_published = true;
	pthread_mutex_unlock(&published_lock);
}

void
mdev_mp_withdraw(struct rte_mdev_device *mdev)
{
	struct mdev_private *priv = MDEV_PRIVATE(mdev);

	pthread_mutex_lock(&published_lock);
	if (priv->is_published)
		TAILQ_REMOVE(&published, priv, published);
	priv->is_published = false;
	pthread_mutex_unlock(&published_lock);
}

/* What the primary process answered. Closes all that came and is not asked for. */
static int
take_reply(const struct rte_mp_reply *reply, int *fd)
{
	const struct rte_mp_msg *msg;
	struct mdev_mp_param param;
	int i, ret;

	if (reply->nb_received == 0)
		return -ETIMEDOUT;
	msg = &reply->msgs[0];
	ret = -EPROTO;
	if (msg->len_param == (int)sizeof(param)) {
		memcpy(&param, msg->param, sizeof(param));
		ret = param.result;
	}
	if (ret == 0 && msg->num_fds == 1) {
		*fd = msg->fds[0];
		return 0;
	}
	for (i = 0; i < msg->num_fds; i++)
		close(msg->fds[i]);
	return ret == 0 ? -EPROTO : ret;
}

static int
ask_primary(const struct rte_mdev_device *mdev, int *fd)
{
	const struct timespec timeout = { .tv_sec = MDEV_MP_TIMEOUT_S };
	struct mdev_mp_param param = { .result = 0 };
	struct rte_mp_msg msg = { .len_param = sizeof(param) };
	struct rte_mp_reply reply = { .msgs = NULL };
	int ret;

	rte_strscpy(msg.name, MDEV_MP_NAME, sizeof(msg.name));
	rte_uuid_copy(param.uuid, mdev->uuid);
	memcpy(msg.param, &param, sizeof(param));
	if (rte_mp_request_sync(&msg, &reply, &timeout) < 0)
		ret = -rte_errno;
	else
		ret = take_reply(&reply, fd);
	free(reply.msgs);
	return ret;
}

int
mdev_mp_open(struct rte_mdev_device *mdev)
{
	int fd, ret;

	if (silent)
		return -ETIMEDOUT;
	ret = ask_primary(mdev, &fd);
	if (ret == -ENODEV && !mdev_is_named(mdev)) {
		MDEV_LOG(DEBUG, "mdev:%s: not used by the primary process",
			mdev->name);
		return 1;
	}
	switch (ret) {
	case 0:
		break;
	case -ENODEV:
		MDEV_LOG(ERR, "mdev:%s: the primary process does not use it: attach it there first",
			mdev->name);
		return ret;
	case -ETIMEDOUT:
		silent = true;
		MDEV_LOG(ERR, "mdev:%s: the primary process does not answer: start it with the mdev bus (-d), or block its devices here with -b",
			mdev->name);
		return ret;
	default:
		MDEV_LOG(ERR, "mdev:%s: cannot get it from the primary process: %s: attach it there again",
			mdev->name, strerror(-ret));
		return ret;
	}
	ret = vfio_dev_attach(mdev->name, fd, &mdev->vfio);
	if (ret < 0) {
		close(fd);
		return ret; /* common/vfio said why */
	}
	MDEV_PRIVATE(mdev)->borrowed_fd = fd;
	return 0;
}

void
mdev_mp_close(struct rte_mdev_device *mdev)
{
	vfio_dev_close(mdev->vfio);
	mdev->vfio = NULL;
	close(MDEV_PRIVATE(mdev)->borrowed_fd);
	MDEV_PRIVATE(mdev)->borrowed_fd = -1;
}
