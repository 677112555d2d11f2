/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Devices in several processes. The primary process opens a device; a secondary one
 * asks it for the device's fd. So a secondary opens no group, needs no container, and
 * gets only what the primary drives. A device without an fd, which is a connection of the
 * primary's, is used through the primary (vfio_share.h).
 */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_string_fns.h>

#include <vfio_fd.h>
#include <vfio_share.h>

#include "bus_mdev_mp.h"
#include "private.h"

#define MDEV_MP_NAME "bus_mdev"
/*
 * It passes through the IPC thread of the primary, which may be at something else that a
 * secondary asked for: a command of net_mdev_virtio, which is given up after 2 s, or a
 * message to a mediator, which has 10 s to answer it (vfio_user_timeout_ms).
 */
#define MDEV_MP_TIMEOUT_S 13

enum mdev_mp_type {
	MDEV_MP_OPEN, /* the answer has the device's fd, or none: share it */
	MDEV_MP_SHARE, /* what vfio_share.h carries */
};

struct mdev_mp_param {
	uint32_t number; /* see bus_mdev_mp.h */
	uint32_t type;  /* enum mdev_mp_type */
	rte_uuid_t uuid;
	int32_t result; /* of a reply: 0, or a negative errno */
	uint8_t share[VFIO_SHARE_MSG_MAX]; /* as much of it as there is */
};

#define MDEV_MP_PLAIN offsetof(struct mdev_mp_param, share)

/* Devices that this primary process drives. EAL's IPC thread looks them up. */
static pthread_mutex_t published_lock = PTHREAD_MUTEX_INITIALIZER;
static TAILQ_HEAD(, mdev_private) published =
	TAILQ_HEAD_INITIALIZER(published); /* owned by published_lock */

/* Secondary: the primary did not answer, as was said; it is not waited for again. */
static bool silent;

/* NULL if it is not driven here. The lock is held. */
static struct vfio_dev *
published_find(const rte_uuid_t uuid)
{
	struct mdev_private *priv;

	TAILQ_FOREACH(priv, &published, published) {
		if (rte_uuid_compare(priv->pub.uuid, uuid) == 0)
			return priv->pub.vfio;
	}
	return NULL;
}

/* A second fd of a device; -1 if it has none. */
static int
serve_open(struct vfio_dev *vfio, struct mdev_mp_param *param)
{
	int fd;

	if (vfio_dev_fd(vfio) < 0)
		return -1;
	fd = dup(vfio_dev_fd(vfio));
	if (fd < 0)
		param->result = -errno;
	return fd;
}

/* An operation on a device without an fd. Returns the fd that goes with the answer. */
static int
serve_share(struct vfio_dev *vfio, struct mdev_mp_param *param, size_t *len)
{
	struct vfio_share_msg req = { .len = *len, .fd = -1 }, reply;

	memcpy(req.data, param->share, *len);
	param->result = vfio_share_serve(vfio, &req, &reply);
	*len = 0;
	if (param->result < 0)
		return -1;
	*len = reply.len;
	memcpy(param->share, reply.data, reply.len);
	return reply.fd;
}

/* Returns the fd that goes with the answer, the caller's to close; -1 if there is none. */
static int
serve_device(struct mdev_mp_param *param, size_t *len)
{
	struct vfio_dev *vfio;
	int fd = -1;

	param->result = 0;
	/* no device is closed meanwhile */
	pthread_mutex_lock(&published_lock);
	vfio = published_find(param->uuid);
	if (vfio != NULL && param->type == MDEV_MP_SHARE) {
		fd = serve_share(vfio, param, len);
	} else {
		*len = 0;
		if (vfio == NULL)
			param->result = -ENODEV;
		else
			fd = serve_open(vfio, param);
	}
	pthread_mutex_unlock(&published_lock);
	return fd;
}

/* In EAL's IPC thread of the primary process. */
static int
serve(const struct rte_mp_msg *msg, const void *peer)
{
	struct mdev_mp_param param = { .result = -EINVAL };
	struct rte_mp_msg reply = { .num_fds = 0 };
	size_t len = 0;
	int fd = -1, ret;

	RTE_BUILD_BUG_ON(sizeof(param) > RTE_MP_MAX_PARAM_LEN);
	/* who asks wants it back, even with what makes no sense otherwise */
	if (msg->len_param >= (int)sizeof(param.number))
		memcpy(&param.number, msg->param, sizeof(param.number));
	if (msg->len_param >= (int)MDEV_MP_PLAIN &&
			msg->len_param <= (int)sizeof(param)) {
		memcpy(&param, msg->param, msg->len_param);
		len = msg->len_param - MDEV_MP_PLAIN;
		fd = serve_device(&param, &len);
	}
	rte_strscpy(reply.name, MDEV_MP_NAME, sizeof(reply.name));
	reply.len_param = MDEV_MP_PLAIN + len;
	memcpy(reply.param, &param, reply.len_param);
	if (fd >= 0)
		reply.fds[reply.num_fds++] = fd;
	ret = rte_mp_reply(&reply, peer);
	if (param.type == MDEV_MP_SHARE)
		vfio_fd_close(&fd, 1); /* a file of the mediator's */
	else if (fd >= 0)
		close(fd);
	return ret;
}

void
mdev_mp_start(void)
{
	if (rte_eal_process_type() != RTE_PROC_PRIMARY)
		return;
	/* without shared files there are no other processes: no error */
	if (rte_mp_action_register(MDEV_MP_NAME, serve) < 0 &&
			rte_errno != ENOTSUP && rte_errno != EEXIST)
		MDEV_LOG(WARNING, "mdev bus: secondary processes cannot be served: %s: start this application again if it has any",
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
	if (rte_eal_process_type() != RTE_PROC_PRIMARY)
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

/*
 * What the primary process answered: 0, or a negative errno. *fd is -1 if none came; of
 * several that came, none is kept.
 */
static int
take_reply(const struct rte_mp_msg *msg, struct mdev_mp_param *param, size_t *len, int *fd)
{
	int ret = -EPROTO;

	if (msg->len_param >= (int)MDEV_MP_PLAIN &&
			msg->len_param <= (int)sizeof(*param) &&
			msg->num_fds <= 1) {
		memcpy(param, msg->param, msg->len_param);
		*len = msg->len_param - MDEV_MP_PLAIN;
		ret = param->result;
	}
	if (ret == 0 && msg->num_fds == 1)
		*fd = msg->fds[0];
	else
		vfio_fd_close(msg->fds, msg->num_fds);
	return ret;
}

/* Send param with *len bytes for vfio_share.h; both are the answer's then. */
static int
ask_primary(struct mdev_mp_param *param, size_t *len, int *fd)
{
	struct rte_mp_msg msg = { .len_param = MDEV_MP_PLAIN + *len };
	struct rte_mp_reply reply;
	int ret;

	*fd = -1;
	rte_strscpy(msg.name, MDEV_MP_NAME, sizeof(msg.name));
	memcpy(msg.param, param, msg.len_param);
	ret = rte_mdev_mp_request(&msg, &reply, MDEV_MP_TIMEOUT_S);
	if (ret < 0)
		return ret;
	ret = reply.nb_received == 0 ? -ETIMEDOUT :
		take_reply(&reply.msgs[0], param, len, fd);
	free(reply.msgs);
	return ret;
}

/* See vfio_share_call_t. */
static int
share_call(void *arg, const struct vfio_share_msg *req,
		struct vfio_share_msg *reply)
{
	const struct rte_mdev_device *mdev = arg;
	struct mdev_mp_param param = { .type = MDEV_MP_SHARE };
	size_t len = req->len;
	int ret;

	rte_uuid_copy(param.uuid, mdev->uuid);
	memcpy(param.share, req->data, req->len);
	ret = ask_primary(&param, &len, &reply->fd);
	if (ret < 0)
		return ret;
	reply->len = len;
	memcpy(reply->data, param.share, len);
	return 0;
}

/* Attach what the primary process answered: an fd, or nothing. */
static int
attach_answer(struct rte_mdev_device *mdev, int fd)
{
	int ret;

	if (fd < 0)
		return vfio_dev_attach_shared(mdev->name, share_call, mdev,
				&mdev->vfio);
	ret = vfio_dev_attach(mdev->name, fd, &mdev->vfio);
	if (ret < 0)
		close(fd);
	else
		MDEV_PRIVATE(mdev)->borrowed_fd = fd;
	return ret;
}

int
mdev_mp_open(struct rte_mdev_device *mdev)
{
	struct mdev_mp_param param = { .type = MDEV_MP_OPEN };
	size_t len = 0;
	int fd, ret;

	if (silent)
		return -ETIMEDOUT;
	rte_uuid_copy(param.uuid, mdev->uuid);
	ret = ask_primary(&param, &len, &fd);
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
	return attach_answer(mdev, fd); /* common/vfio said why if it fails */
}

void
mdev_mp_close(struct rte_mdev_device *mdev)
{
	vfio_dev_close(mdev->vfio);
	mdev->vfio = NULL;
	close(MDEV_PRIVATE(mdev)->borrowed_fd);
	MDEV_PRIVATE(mdev)->borrowed_fd = -1;
}
