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

#include "private.h"

#define MDEV_MP_NAME "bus_mdev"
/*
 * It passes through the IPC thread of the primary, which may be at something else that a
 * secondary asked for: a command of net_mdev_virtio, which is given up after 2 s, or a
 * message to a mediator, which has 10 s to answer it (vfio_user_timeout_ms).
 */
#define MDEV_MP_TIMEOUT_S 13
/* Requests for one answer, where late ones to others come instead; one of those. */
#define MDEV_MP_TRIES 4
#define MDEV_MP_LATE 1

enum mdev_mp_type {
	MDEV_MP_OPEN, /* the answer has the device's fd, or none: share it */
	MDEV_MP_SHARE, /* what vfio_share.h carries */
};

struct mdev_mp_param {
	rte_uuid_t uuid;
	uint32_t type;  /* enum mdev_mp_type */
	int32_t result; /* of a reply: 0, or a negative errno */
	uint32_t id;    /* of the request; 0 in the reply to one that makes no sense */
	uint8_t share[VFIO_SHARE_MSG_MAX]; /* as much of it as there is */
};

#define MDEV_MP_PLAIN offsetof(struct mdev_mp_param, share)

/* Devices that this primary process drives. EAL's IPC thread looks them up. */
static pthread_mutex_t published_lock = PTHREAD_MUTEX_INITIALIZER;
static TAILQ_HEAD(, mdev_private) published =
	TAILQ_HEAD_INITIALIZER(published); /* owned by published_lock */

/* Secondary: the primary did not answer, as was said; it is not waited for again. */
static bool silent;

/* EAL has one request of a name to a process at a time. */
static pthread_mutex_t request_lock = PTHREAD_MUTEX_INITIALIZER;

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
 * What the primary process answered: 0, a negative errno, or MDEV_MP_LATE. *fd is -1 if none
 * came; of several that came, none is kept. first: id of the first request that asked for it.
 */
static int
take_reply(const struct rte_mp_reply *reply, uint32_t first, struct mdev_mp_param *param,
		size_t *len, int *fd)
{
	const uint32_t last = param->id;
	const struct rte_mp_msg *msg;
	int i, ret = -EPROTO;

	if (reply->nb_received == 0)
		return -ETIMEDOUT;
	msg = &reply->msgs[0];
	if (msg->len_param >= (int)MDEV_MP_PLAIN &&
			msg->len_param <= (int)sizeof(*param) &&
			msg->num_fds <= 1) {
		memcpy(param, msg->param, msg->len_param);
		*len = msg->len_param - MDEV_MP_PLAIN;
		ret = param->id == 0 || param->id - first <= last - first ?
			param->result : MDEV_MP_LATE;
	}
	if (ret == 0 && msg->num_fds == 1) {
		*fd = msg->fds[0];
		return 0;
	}
	for (i = 0; i < msg->num_fds; i++)
		close(msg->fds[i]);
	return ret;
}

/* One request with *len bytes for vfio_share.h; both are the answer's then. */
static int
ask_once(uint32_t first, struct mdev_mp_param *param, size_t *len, int *fd)
{
	const struct timespec timeout = { .tv_sec = MDEV_MP_TIMEOUT_S };
	struct rte_mp_msg msg = { .len_param = MDEV_MP_PLAIN + *len };
	struct rte_mp_reply reply = { .msgs = NULL };
	int ret;

	rte_strscpy(msg.name, MDEV_MP_NAME, sizeof(msg.name));
	memcpy(msg.param, param, msg.len_param);
	if (rte_mp_request_sync(&msg, &reply, &timeout) < 0)
		ret = -rte_errno;
	else
		ret = take_reply(&reply, first, param, len, fd);
	free(reply.msgs);
	return ret;
}

/*
 * After a request that was not answered in time, EAL takes its answer for that of the next
 * one: that may be of another device. Then it is asked again, as the answer to the first
 * request may have come, and been dropped, in between; it may also be the next to come.
 */
static int
ask_primary(struct mdev_mp_param *param, size_t *len, int *fd)
{
	const struct mdev_mp_param asked = *param;
	const size_t asked_len = *len;
	static uint32_t last_id; /* owned by request_lock */
	unsigned int tries = MDEV_MP_TRIES;
	uint32_t first = 0;
	int ret;

	*fd = -1;
	pthread_mutex_lock(&request_lock);
	do {
		*param = asked;
		*len = asked_len;
		param->id = ++last_id == 0 ? ++last_id : last_id;
		if (first == 0)
			first = param->id;
		ret = ask_once(first, param, len, fd);
	} while (ret == MDEV_MP_LATE && --tries > 0);
	pthread_mutex_unlock(&request_lock);
	return ret == MDEV_MP_LATE ? -EAGAIN : ret;
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
