/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * dma_map and dma_unmap: memory that the application made and wants the device to reach.
 *
 * It may be EAL's at the same time, as a part of an external heap, and ranges may overlap:
 * as with EAL's own container that is no error. The server has each part once, as long as
 * anybody needs it, and addresses are the same for all, so there is nothing to contradict.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "vfio_user_private.h"

bool
vfio_user_ops_touch(const struct vfio_user_dev *dev, uint64_t start, uint64_t end)
{
	const struct vfio_user_op *op;

	TAILQ_FOREACH(op, &dev->ops, next) {
		if (op->users > 0 && op->start < end && start < op->end)
			return true;
	}
	return false;
}

/* How far from here the range of one dma_map goes in one map; from: there is none. */
static uint64_t
op_reach(const struct vfio_user_dev *dev, uint64_t from)
{
	const uint32_t at = vfio_user_map_find(dev, from);
	const struct vfio_user_op *op;

	/* what was EAL's own and is not any more is gone, whatever was mapped */
	if (at == dev->nr_maps || dev->maps[at].start > from || !dev->maps[at].external)
		return from;
	/* and one that is being unmapped: the server may be at it until it has answered */
	TAILQ_FOREACH(op, &dev->ops, next) {
		if (op->start <= from && from < op->end)
			return RTE_MIN(op->end, dev->maps[at].end);
	}
	return from;
}

bool
vfio_user_may_access(const struct vfio_user_dev *dev, uint64_t start, uint64_t end)
{
	uint64_t from = start, reached;

	/* in one range of EAL's, with few exceptions */
	while (!vfio_user_ranges_contain(&dev->eals, from, end)) {
		reached = RTE_MAX(vfio_user_ranges_reach(&dev->eals, from),
				op_reach(dev, from));
		if (reached >= end)
			break;
		if (reached == from)
			return false;
		from = reached;
	}
	return true;
}

void
vfio_user_ops_release(struct vfio_user_dev *dev)
{
	struct vfio_user_op *op;

	while ((op = TAILQ_FIRST(&dev->ops)) != NULL) {
		TAILQ_REMOVE(&dev->ops, op, next);
		free(op);
	}
}

static int
registers(const struct rte_memseg_list *msl, void *arg)
{
	const uint64_t addr = *(const uint64_t *)arg, base = (uintptr_t)msl->base_va;

	return msl->external && !msl->heap && addr >= base && addr - base < msl->len;
}

uint64_t
vfio_user_ops_end(struct vfio_user_dev *dev, uint64_t start, uint64_t end)
{
	struct vfio_user_op *op, *next;
	uint64_t last = end;

	for (op = TAILQ_FIRST(&dev->ops); op != NULL; op = next) {
		next = TAILQ_NEXT(op, next);
		if (op->start < start || op->start >= end ||
				rte_memseg_list_walk_thread_unsafe(registers,
					&op->start) == 1)
			continue;
		last = RTE_MAX(last, op->end);
		TAILQ_REMOVE(&dev->ops, op, next);
		free(op);
	}
	return last;
}

static struct vfio_user_op *
op_find(const struct vfio_user_dev *dev, uint64_t start, uint64_t end)
{
	struct vfio_user_op *op;

	TAILQ_FOREACH(op, &dev->ops, next) {
		if (op->start == start && op->end == end)
			return op;
	}
	return NULL;
}

/* What an unmapping that failed has left of it is made whole again. */
static int
op_mend(struct vfio_user_dev *dev, struct vfio_user_op *op, struct vfio_user_piece *piece)
{
	int ret = vfio_user_cover(dev, op->start, op->end, piece);

	if (ret < 0)
		return ret;
	op->torn = false;
	op->users++;
	return 0;
}

static int
op_map(struct vfio_user_dev *dev, uint64_t start, uint64_t end,
		struct vfio_user_piece *piece)
{
	struct vfio_user_op *op = op_find(dev, start, end);
	int ret;

	if (op != NULL && op->torn)
		return op_mend(dev, op, piece);
	if (op != NULL) {
		op->users++;
		return 0;
	}
	if (end < start)
		return -EINVAL;
	/* what is in its place and not needed any more */
	ret = vfio_user_drop(dev, start, end);
	if (ret < 0)
		return ret;
	op = calloc(1, sizeof(*op));
	if (op == NULL)
		return -ENOMEM;
	op->start = start;
	op->end = end;
	op->users = 1;
	TAILQ_INSERT_HEAD(&dev->ops, op, next);
	ret = vfio_user_cover(dev, start, end, piece);
	if (ret == 0)
		return 0;
	TAILQ_REMOVE(&dev->ops, op, next);
	free(op);
	vfio_user_drop(dev, start, end);
	return ret;
}

static int
op_unmap(struct vfio_user_dev *dev, uint64_t start, uint64_t end)
{
	struct vfio_user_op *op = op_find(dev, start, end);
	int ret;

	/* common/vfio unmaps only what it has mapped: its heap was faster */
	if (op == NULL)
		return 0;
	if (--op->users > 0)
		return 0;
	ret = vfio_user_drop(dev, start, end);
	if (ret < 0) {
		op->users = 1;
		op->torn = true;
		return ret;
	}
	TAILQ_REMOVE(&dev->ops, op, next);
	free(op);
	return 0;
}

static void
say_why(const struct vfio_user_dev *dev, const struct vfio_user_piece *piece, int err)
{
	const void *addr = (const void *)(uintptr_t)piece->start;
	const uint64_t len = piece->end - piece->start;

	if (err == -ENOTSUP)
		VFIO_USER_LOG(ERR, "%s: memory at %p (%" PRIu64 " bytes) has no file that another process can map: allocate it from EAL, a memfd or hugetlbfs, shared",
			dev->conn.name, addr, len);
	else if (err == -EEXIST)
		VFIO_USER_LOG(ERR, "%s: memory at %p (%" PRIu64 " bytes) is mapped already, from another file: unmap that before its addresses are used for something else",
			dev->conn.name, addr, len);
	else if (err == -ENOSPC)
		VFIO_USER_LOG(ERR, "%s: its server takes no more than %" PRIu64 " ranges of memory: use fewer and larger ones, and --single-file-segments",
			dev->conn.name, vfio_user_max_ranges(dev));
	else
		VFIO_USER_LOG(ERR, "%s: memory at %p (%" PRIu64 " bytes) cannot be given to its server: %s: allocate it from EAL instead",
			dev->conn.name, addr, len, strerror(-err));
}

int
vfio_user_dma_map(struct vfio_transport_dev *tdev, void *addr,
		uint64_t iova __rte_unused, size_t len)
{
	struct vfio_user_dev *dev = tdev->priv;
	struct vfio_user_piece piece = {
		.start = (uintptr_t)addr,
		.end = (uintptr_t)addr + len,
	};
	int ret;

	pthread_mutex_lock(&dev->conn.lock);
	vfio_user_conn_limit(&dev->conn, vfio_user_timeout_ms);
	ret = op_map(dev, piece.start, piece.end, &piece);
	if (ret < 0 && dev->conn.broken == 0)
		say_why(dev, &piece, ret);
	vfio_user_conn_limit(&dev->conn, 0);
	pthread_mutex_unlock(&dev->conn.lock);
	return ret;
}

int
vfio_user_dma_unmap(struct vfio_transport_dev *tdev, void *addr,
		uint64_t iova __rte_unused, size_t len)
{
	struct vfio_user_dev *dev = tdev->priv;
	int ret;

	pthread_mutex_lock(&dev->conn.lock);
	vfio_user_conn_limit(&dev->conn, vfio_user_timeout_ms);
	ret = op_unmap(dev, (uintptr_t)addr, (uintptr_t)addr + len);
	vfio_user_conn_limit(&dev->conn, 0);
	pthread_mutex_unlock(&dev->conn.lock);
	return ret;
}
