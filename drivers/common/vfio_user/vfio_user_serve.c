/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the server asks of us: to read and write memory that it was given, but cannot or
 * does not map.
 */

#include <errno.h>
#include <string.h>

#include "vfio_user_private.h"

/* Take and forget the rest of a message. */
static int
discard(struct vfio_user_conn *conn, size_t len, int64_t deadline)
{
	char buf[4096];
	size_t part;
	int ret = 0;

	for (; len > 0 && ret == 0; len -= part) {
		part = RTE_MIN(len, sizeof(buf));
		ret = vfio_user_recv(conn, buf, part, deadline);
	}
	return ret;
}

static int
dma_read(struct vfio_user_conn *conn, size_t len, struct vfio_user_pending *answer,
		int64_t deadline, uint32_t *error)
{
	int ret;

	if (len != sizeof(answer->access)) {
		*error = EINVAL;
		return discard(conn, len, deadline);
	}
	ret = vfio_user_recv(conn, &answer->access, sizeof(answer->access), deadline);
	if (ret < 0)
		return ret;
	if (answer->access.count > VFIO_USER_MAX_XFER)
		*error = EINVAL;
	else if (!conn->may_access(conn->arg, answer->access.address,
			answer->access.count))
		*error = EFAULT;
	answer->data_follows = true;
	return 0;
}

static int
dma_write(struct vfio_user_conn *conn, size_t len, struct vfio_user_pending *answer,
		int64_t deadline, uint32_t *error)
{
	struct vfio_user_dma_access *access = &answer->access;
	int ret;

	if (len < sizeof(*access)) {
		*error = EINVAL;
		return discard(conn, len, deadline);
	}
	ret = vfio_user_recv(conn, access, sizeof(*access), deadline);
	if (ret < 0)
		return ret;
	len -= sizeof(*access);
	if (access->count != len || len > VFIO_USER_MAX_XFER)
		*error = EINVAL;
	else if (!conn->may_access(conn->arg, access->address, len))
		*error = EFAULT;
	if (*error != 0)
		return discard(conn, len, deadline);
	return vfio_user_recv(conn, (void *)(uintptr_t)access->address, len, deadline);
}

int
vfio_user_serve(struct vfio_user_conn *conn, const struct vfio_user_header *header,
		int64_t deadline)
{
	struct vfio_user_pending *answer = &conn->pending[conn->nr_pending];
	size_t len = header->size - sizeof(*header);
	uint32_t error = 0;
	int ret;

	memset(answer, 0, sizeof(*answer));
	switch (header->command) {
	case VFIO_USER_DMA_READ:
		ret = dma_read(conn, len, answer, deadline, &error);
		break;
	case VFIO_USER_DMA_WRITE:
		ret = dma_write(conn, len, answer, deadline, &error);
		break;
	default:
		error = ENOTSUP;
		ret = discard(conn, len, deadline);
		break;
	}
	if (ret < 0 || (header->flags & VFIO_USER_F_NO_REPLY) != 0)
		return ret;
	answer->header.id = header->id;
	answer->header.command = header->command;
	answer->header.flags = VFIO_USER_F_TYPE_REPLY;
	answer->access_follows = error == 0;
	answer->data_follows &= error == 0;
	if (error != 0) {
		answer->header.flags |= VFIO_USER_F_ERROR;
		answer->header.error = error;
	}
	conn->nr_pending++;
	return 0;
}

int
vfio_user_answer(struct vfio_user_conn *conn, int64_t deadline)
{
	struct vfio_user_pending answer;
	struct iovec iov[3];
	int ret = 0;

	while (conn->nr_pending > 0 && ret == 0) {
		/* more may be added while it is sent */
		answer = conn->pending[0];
		memmove(conn->pending, conn->pending + 1,
			--conn->nr_pending * sizeof(conn->pending[0]));
		iov[0].iov_base = &answer.header;
		iov[0].iov_len = sizeof(answer.header);
		iov[1].iov_base = &answer.access;
		iov[1].iov_len = answer.access_follows ? sizeof(answer.access) : 0;
		/* an address that cannot be is an error to the kernel even without bytes */
		iov[2].iov_base = NULL;
		iov[2].iov_len = 0;
		if (answer.data_follows) {
			iov[2].iov_base = (void *)(uintptr_t)answer.access.address;
			iov[2].iov_len = answer.access.count;
		}
		answer.header.size = iov[0].iov_len + iov[1].iov_len + iov[2].iov_len;
		if (vfio_user_now_ms() >= deadline)
			return vfio_user_conn_break(conn, -ETIMEDOUT,
				"the server of its socket asks without end");
		ret = vfio_user_send(conn, iov, RTE_DIM(iov), NULL, 0, deadline);
		conn->served += ret == 0;
	}
	return ret;
}
