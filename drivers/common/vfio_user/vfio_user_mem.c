/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The memory of EAL: given to each device when it is opened, and kept current.
 *
 * Locks, in this order: users_lock; EAL's memory lock (callbacks run with it held for
 * writing); devs_lock; the lock of a connection.
 *
 * What one message mapped can only be unmapped as a whole, and a device may be at work on
 * it. So when EAL gives back a part, the rest stays mapped without interruption, and the
 * server forgets the whole when its last part is given back. Parts that EAL takes again
 * mostly have the same place in the same file.
 *
 * A server may be unable to forget it then, with ENOSPC: that would leave a hole in what it
 * has, and so more ranges than its back-end takes. It keeps the map, which nobody needs any
 * more, until it can.
 *
 * Others wait while EAL's memory lock is held, so all requests of an event together may take
 * as long as a single one.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include <rte_eal_memconfig.h>
#include <rte_errno.h>
#include <rte_lcore.h>

#include "vfio_user_private.h"

#define CALLBACK_NAME "vfio_user_mem"

static pthread_mutex_t users_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned int users; /* owned by users_lock */

static pthread_mutex_t devs_lock = PTHREAD_MUTEX_INITIALIZER;
static TAILQ_HEAD(, vfio_user_dev) devs = TAILQ_HEAD_INITIALIZER(devs);

/* Joins neighbours before they are sent. */
struct builder {
	struct vfio_user_dev *dev;
	struct vfio_user_piece piece; /* empty: nothing waits */
};

static bool
same_file(int fd, int other)
{
	struct stat st, other_st;

	return fd == other || (fstat(fd, &st) == 0 && fstat(other, &other_st) == 0 &&
		st.st_dev == other_st.st_dev && st.st_ino == other_st.st_ino);
}

static int
flush(struct builder *builder)
{
	struct vfio_user_piece piece = builder->piece;
	struct vfio_user_dev *dev = builder->dev;
	int ret;

	builder->piece.start = builder->piece.end = 0;
	if (piece.start == piece.end)
		return 0;
	ret = vfio_user_ranges_add(&dev->eals, piece.start, piece.end);
	if (ret < 0)
		return ret;
	ret = vfio_user_map(dev, &piece);
	if (ret < 0)
		/* cannot fail: there was room when it was added */
		vfio_user_ranges_remove(&dev->eals, piece.start, piece.end);
	return ret;
}

static int
add_piece(struct builder *builder, const struct vfio_user_piece *piece)
{
	struct vfio_user_piece *last = &builder->piece;
	int ret;

	if (last->end != 0 && last->end == piece->start &&
			last->offset + (last->end - last->start) == piece->offset &&
			same_file(last->fd, piece->fd)) {
		last->end = piece->end;
		return 0;
	}
	ret = flush(builder);
	*last = *piece;
	return ret;
}

/*
 * An external heap, or what is added to one: its files are not EAL's. All of it at once: its
 * segments may be pages of 4 KiB, and to look for the file behind one of them reads all of
 * /proc/self/maps. And all of it or nothing: nobody can tell from where in it EAL takes
 * memory, and what fails always is noticed.
 */
static int
add_external(struct builder *builder, uint64_t start, uint64_t end)
{
	struct vfio_user_dev *dev = builder->dev;
	struct vfio_user_piece piece;
	int ret;

	ret = flush(builder);
	/* a map of what was there before, see above */
	if (ret == 0)
		ret = vfio_user_drop(dev, start, end);
	if (ret == 0)
		ret = vfio_user_ranges_add(&dev->eals, start, end);
	if (ret < 0)
		return ret;
	ret = vfio_user_cover(dev, start, end, &piece);
	if (ret == 0)
		return 0;
	vfio_user_ranges_remove(&dev->eals, start, end);
	vfio_user_drop(dev, start, end);
	if (ret != -ENOTSUP)
		return ret;
	VFIO_USER_LOG(WARNING, "%s: an external heap at %#" PRIx64 " (%" PRIu64 " bytes) is not given to its server: it has no file that this could map at %#" PRIx64 " (%" PRIu64 " bytes): have the port use no memory of it, or make it of a memfd or hugetlbfs, shared",
		dev->conn.name, start, end - start, piece.start,
		piece.end - piece.start);
	return 0;
}

static int
add_segment(struct builder *builder, const struct rte_memseg *ms)
{
	struct vfio_user_piece piece = {
		.start = ms->addr_64,
		.end = ms->addr_64 + ms->len,
	};
	size_t offset;

	piece.fd = rte_memseg_get_fd_thread_unsafe(ms);
	if (piece.fd < 0 || rte_memseg_get_fd_offset_thread_unsafe(ms, &offset) < 0)
		return -ENOTSUP;
	piece.offset = offset;
	return add_piece(builder, &piece);
}

/* EAL makes a file anew when nothing of it was left: then the map is of the old one. */
static bool
is_same_place(const struct vfio_user_map *map, const struct rte_memseg *ms)
{
	struct stat st;
	size_t offset;
	int fd;

	fd = rte_memseg_get_fd_thread_unsafe(ms);
	return fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == map->file_dev &&
		st.st_ino == map->file_ino &&
		rte_memseg_get_fd_offset_thread_unsafe(ms, &offset) == 0 &&
		offset == map->offset + (ms->addr_64 - map->start);
}

/* Memory that a map still covers, see above. */
static int
add_or_revive(struct builder *builder, const struct rte_memseg *ms)
{
	const uint64_t start = ms->addr_64, end = start + ms->len;
	struct vfio_user_dev *dev = builder->dev;
	uint32_t at = vfio_user_map_find(dev, start);
	const struct vfio_user_map *map = &dev->maps[at];
	int ret;

	if (at < dev->nr_maps && !map->external && map->start <= start &&
			end <= map->end) {
		if (vfio_user_map_needed(dev, map) || is_same_place(map, ms))
			return vfio_user_ranges_add(&dev->eals, start, end);
		ret = vfio_user_unmap(dev, at);
		if (ret < 0)
			return ret;
	}
	return add_segment(builder, ms);
}

/*
 * Segments that follow one another. Where all are of one file, they are one piece: with
 * --no-huge each is a page of 4 KiB, and to look at each takes 20 ms for 512 MiB.
 */
static int
walk_segments(const struct rte_memseg_list *msl, const struct rte_memseg *ms, size_t len,
		void *arg)
{
	const struct rte_memseg *last = ms + len / ms->len - 1;
	struct vfio_user_piece piece = {
		.start = ms->addr_64,
		.end = ms->addr_64 + len,
	};
	size_t offset, last_offset;
	int ret = 0;

	if (msl->external)
		return msl->heap ? add_external(arg, piece.start, piece.end) : 0;
	piece.fd = rte_memseg_get_fd_thread_unsafe(ms);
	if (piece.fd >= 0 && piece.fd == rte_memseg_get_fd_thread_unsafe(last) &&
			rte_memseg_get_fd_offset_thread_unsafe(ms, &offset) == 0 &&
			rte_memseg_get_fd_offset_thread_unsafe(last, &last_offset) == 0 &&
			last_offset - offset == last->addr_64 - ms->addr_64) {
		piece.offset = offset;
		return add_piece(arg, &piece);
	}
	for (; ms <= last && ret == 0; ms++)
		ret = add_segment(arg, ms);
	return ret;
}

/* Once for a device: which memory, how much of it, and what to do. */
static void
say_why(const struct vfio_user_dev *dev, int err)
{
	if (err == -ENOTSUP)
		VFIO_USER_LOG(ERR, "%s: EAL's memory has no files that its server could map: start without --no-shconf and --huge-unlink, or with a kernel that has memfd",
			dev->conn.name);
	else if (err == -ENOSPC)
		VFIO_USER_LOG(ERR, "%s: its server takes no more than %" PRIu64 " ranges of memory: start this application with --single-file-segments",
			dev->conn.name, vfio_user_max_ranges(dev));
	else
		VFIO_USER_LOG(ERR, "%s: its server refused EAL's memory: %s: look at its mediator, or start this application with --single-file-segments",
			dev->conn.name, strerror(-err));
}

/* With EAL's memory lock held. */
static int
give_all(struct vfio_user_dev *dev)
{
	struct builder builder = { .dev = dev };
	int ret;

	pthread_mutex_lock(&dev->conn.lock);
	vfio_user_conn_limit(&dev->conn, vfio_user_timeout_ms);
	ret = rte_memseg_contig_walk_thread_unsafe(walk_segments, &builder);
	if (ret == 0)
		ret = flush(&builder);
	if (ret < 0 && dev->conn.broken == 0)
		say_why(dev, ret);
	vfio_user_conn_limit(&dev->conn, 0);
	pthread_mutex_unlock(&dev->conn.lock);
	return ret;
}

static int
give_more(struct vfio_user_dev *dev, uint64_t start, uint64_t end)
{
	struct builder builder = { .dev = dev };
	const struct rte_memseg_list *msl;
	const struct rte_memseg *ms;
	uint64_t next;
	int ret = 0;

	while (start < end && ret == 0) {
		msl = rte_mem_virt2memseg_list((const void *)(uintptr_t)start);
		ms = msl == NULL ? NULL :
			rte_mem_virt2memseg((const void *)(uintptr_t)start, msl);
		if (ms == NULL)
			return -EFAULT;
		if (msl->external) {
			/* of a heap, which EAL calls one after it has told of it */
			next = RTE_MIN(end, (uintptr_t)msl->base_va + msl->len);
			ret = add_external(&builder, start, next);
		} else {
			next = ms->addr_64 + ms->len;
			ret = add_or_revive(&builder, ms);
		}
		start = next;
	}
	return ret == 0 ? flush(&builder) : ret;
}

static int
take_back(struct vfio_user_dev *dev, uint64_t start, uint64_t end)
{
	const struct rte_memseg_list *msl;
	int ret;

	ret = vfio_user_ranges_remove(&dev->eals, start, end);
	if (ret < 0)
		return ret;
	msl = rte_mem_virt2memseg_list((const void *)(uintptr_t)start);
	if (msl != NULL && msl->external)
		end = vfio_user_ops_end(dev, start, end);
	return vfio_user_drop(dev, start, end);
}

static void
event_for(struct vfio_user_dev *dev, enum rte_mem_event event, uint64_t start,
		uint64_t end)
{
	char why[160];
	int ret;

	pthread_mutex_lock(&dev->conn.lock);
	vfio_user_conn_limit(&dev->conn, vfio_user_timeout_ms);
	if (dev->conn.broken == 0) {
		ret = event == RTE_MEM_EVENT_ALLOC ? give_more(dev, start, end) :
			take_back(dev, start, end);
		/* whatever the device would do with that memory, it must not */
		if (ret < 0 && dev->conn.broken == 0) {
			snprintf(why, sizeof(why), "memory that EAL %s cannot be %s its server (%s)",
				event == RTE_MEM_EVENT_ALLOC ? "added" : "removed",
				event == RTE_MEM_EVENT_ALLOC ? "given to" : "taken from",
				strerror(-ret));
			vfio_user_conn_break(&dev->conn, ret, why);
		}
	}
	vfio_user_conn_limit(&dev->conn, 0);
	pthread_mutex_unlock(&dev->conn.lock);
}

void
vfio_user_mem_event(enum rte_mem_event event, const void *addr, size_t len,
		void *arg __rte_unused)
{
	struct vfio_user_dev *dev;

	pthread_mutex_lock(&devs_lock);
	TAILQ_FOREACH(dev, &devs, next)
		event_for(dev, event, (uintptr_t)addr, (uintptr_t)addr + len);
	pthread_mutex_unlock(&devs_lock);
}

/* What EAL has on a socket now, and the smallest page of which it would add. */
struct usage {
	int socket_id;
	size_t len, page;
};

static int
usage_list(const struct rte_memseg_list *msl, void *arg)
{
	struct usage *usage = arg;

	if (msl->external || msl->socket_id != usage->socket_id)
		return 0;
	usage->page = RTE_MIN(usage->page, (size_t)msl->page_sz);
	usage->len += msl->memseg_arr.count * (size_t)msl->page_sz;
	return 0;
}

/*
 * Called before EAL takes memory from the system: a device must be able to get the maps
 * that this comes to, in the worst case one for each page. An application may try again
 * with less, a pool of mbufs some 40 times: that is said once for each device.
 */
int
vfio_user_mem_validate(int socket_id, size_t limit __rte_unused, size_t new_len)
{
	const bool one_file = rte_mcfg_get_single_file_segments();
	struct usage usage = { .socket_id = socket_id, .page = RTE_PGSIZE_16G };
	struct vfio_user_dev *dev;
	uint64_t more = 1;
	int ret = 0;

	rte_memseg_list_walk_thread_unsafe(usage_list, &usage);
	if (!one_file && new_len > usage.len)
		more = (new_len - usage.len + usage.page - 1) / usage.page;
	pthread_mutex_lock(&devs_lock);
	TAILQ_FOREACH(dev, &devs, next) {
		pthread_mutex_lock(&dev->conn.lock);
		if (dev->conn.broken == 0 &&
				(dev->nr_maps + more > dev->caps.max_dma_maps ||
				vfio_user_regions(dev) + more >
				dev->caps.max_dma_regions)) {
			if (!dev->full)
				VFIO_USER_LOG(WARNING, "%s: its server takes no more than %" PRIu64 " ranges of memory: EAL is not given more: start this application with %s",
					dev->conn.name, vfio_user_max_ranges(dev),
					one_file ? "all of its memory (-m)" :
						"--single-file-segments");
			dev->full = true;
			ret = -1;
		}
		pthread_mutex_unlock(&dev->conn.lock);
	}
	pthread_mutex_unlock(&devs_lock);
	return ret;
}

/* Where memory never changes (--legacy-mem, --no-huge) EAL wants no callbacks. */
static int
callbacks_register(void)
{
	unsigned int i;

	if (rte_mem_event_callback_register(CALLBACK_NAME, vfio_user_mem_event,
			NULL) < 0)
		return rte_errno == ENOTSUP ? 0 : -rte_errno;
	for (i = 0; i < rte_socket_count(); i++)
		/* without it a device breaks instead: worse, but no reason to refuse */
		rte_mem_alloc_validator_register(CALLBACK_NAME, vfio_user_mem_validate,
			rte_socket_id_by_idx(i), 0);
	return 0;
}

static void
callbacks_unregister(void)
{
	unsigned int i;

	for (i = 0; i < rte_socket_count(); i++)
		rte_mem_alloc_validator_unregister(CALLBACK_NAME,
			rte_socket_id_by_idx(i));
	rte_mem_event_callback_unregister(CALLBACK_NAME, NULL);
}

static int
users_add(void)
{
	int ret = 0;

	pthread_mutex_lock(&users_lock);
	if (users == 0)
		ret = callbacks_register();
	if (ret == 0)
		users++;
	pthread_mutex_unlock(&users_lock);
	return ret;
}

static void
users_remove(void)
{
	pthread_mutex_lock(&users_lock);
	if (--users == 0)
		callbacks_unregister();
	pthread_mutex_unlock(&users_lock);
}

int
vfio_user_mem_attach(struct vfio_user_dev *dev)
{
	int ret;

	ret = users_add();
	if (ret < 0) {
		VFIO_USER_LOG(ERR, "%s: EAL does not tell of its memory: %s: start the application again",
			dev->conn.name, strerror(-ret));
		return ret;
	}
	/* nothing changes between what is there now and the first event */
	rte_mcfg_mem_read_lock();
	ret = give_all(dev);
	if (ret == 0) {
		pthread_mutex_lock(&devs_lock);
		TAILQ_INSERT_TAIL(&devs, dev, next);
		pthread_mutex_unlock(&devs_lock);
	}
	rte_mcfg_mem_read_unlock();
	if (ret < 0)
		users_remove();
	return ret;
}

void
vfio_user_mem_detach(struct vfio_user_dev *dev)
{
	pthread_mutex_lock(&devs_lock);
	TAILQ_REMOVE(&devs, dev, next);
	pthread_mutex_unlock(&devs_lock);
	users_remove();
}
