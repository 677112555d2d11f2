/* SPDX-License-Identifier: BSD-3-Clause */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_alarm.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>

#include "held.h"

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

#ifdef SANITIZED

size_t __sanitizer_get_current_allocated_bytes(void);

static size_t
heap_held(void)
{
	return __sanitizer_get_current_allocated_bytes();
}

/* Its allocator maps and unmaps as it likes. */
static size_t
maps_held(void)
{
	return 0;
}

#else

/*
 * mallinfo() counts what a thread keeps for reuse as if it were in use. So these are
 * the program's own, for all libraries too, on top of glibc's.
 */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t align, size_t size);
void __libc_free(void *block);

static size_t blocks;

static void *
counted(void *block)
{
	if (block != NULL)
		__atomic_add_fetch(&blocks, 1, __ATOMIC_RELAXED);
	return block;
}

void *
malloc(size_t size)
{
	return counted(__libc_malloc(size));
}

void *
calloc(size_t count, size_t size)
{
	return counted(__libc_calloc(count, size));
}

void *
realloc(void *old, size_t size)
{
	void *new = __libc_realloc(old, size);

	if (old == NULL)
		return counted(new);
	if (new == NULL && size == 0)
		__atomic_sub_fetch(&blocks, 1, __ATOMIC_RELAXED);
	return new;
}

void *
memalign(size_t align, size_t size)
{
	return counted(__libc_memalign(align, size));
}

void *
aligned_alloc(size_t align, size_t size)
{
	return counted(__libc_memalign(align, size));
}

int
posix_memalign(void **block, size_t align, size_t size)
{
	*block = counted(__libc_memalign(align, size));
	return *block == NULL ? ENOMEM : 0;
}

void
free(void *block)
{
	if (block != NULL)
		__atomic_sub_fetch(&blocks, 1, __ATOMIC_RELAXED);
	__libc_free(block);
}

static size_t
heap_held(void)
{
	return __atomic_load_n(&blocks, __ATOMIC_RELAXED);
}

static size_t
maps_held(void)
{
	size_t count = 0, room = 0;
	char *line = NULL;
	FILE *file;

	file = fopen("/proc/self/maps", "re");
	if (file == NULL)
		return 0;
	while (getline(&line, &room, file) >= 0)
		count += strstr(line, "[heap]") == NULL;
	free(line);
	fclose(file);
	return count;
}

#endif /* SANITIZED */

static size_t
fds_held(void)
{
	size_t count = 0;
	DIR *dir;

	dir = opendir("/proc/self/fd");
	if (dir == NULL)
		return 0;
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

static void
allocate(void *arg)
{
	void *volatile block = malloc(1); /* which no compiler does without */
	int *done = arg;

	free(block);
	__atomic_store_n(done, 1, __ATOMIC_RELEASE);
}

/*
 * A thread's own part of the heap comes with what it allocates first. EAL's interrupt
 * thread may do so at any time: have it done before anything is counted.
 */
static void
warm_interrupt_thread(void)
{
	static int done;
	unsigned int ms;

	if (done != 0 || rte_eal_alarm_set(1, allocate, &done) < 0)
		return;
	for (ms = 0; ms < 20000 && __atomic_load_n(&done, __ATOMIC_ACQUIRE) == 0; ms++)
		usleep(1000);
}

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void *
pass_gate(void *arg __rte_unused)
{
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	return NULL;
}

/*
 * Of a thread that has ended glibc keeps the stack, and the table of its thread-local
 * variables, for the next one. Threads of fake devices may overlap or not: have it keep
 * what some at once need, before anything is counted.
 */
static void
warm_stacks(void)
{
	static bool done;
	pthread_t threads[4];
	unsigned int count = 0, i;

	if (done)
		return;
	done = true;
	pthread_mutex_lock(&gate);
	while (count < RTE_DIM(threads) &&
			pthread_create(&threads[count], NULL, pass_gate, NULL) == 0)
		count++;
	pthread_mutex_unlock(&gate);
	for (i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
}

/* Read a file of a thread; an empty text if there is none. */
static void
read_task(const char *task, const char *file, char *text, size_t size)
{
	char path[PATH_MAX];
	ssize_t len = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%s/%s", task, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		len = read(fd, text, size - 1);
		close(fd);
	}
	text[RTE_MAX(len, 0)] = '\0';
}

/* Does it wait, and not work or wait for a processor? */
static bool
interrupt_thread_rests(void)
{
	char text[512], *state;
	struct dirent *dirent;
	bool rests = true;
	DIR *dir;

	dir = opendir("/proc/self/task");
	while (dir != NULL && (dirent = readdir(dir)) != NULL) {
		read_task(dirent->d_name, "comm", text, sizeof(text));
		if (strstr(text, "-intr") == NULL)
			continue;
		read_task(dirent->d_name, "stat", text, sizeof(text));
		state = strrchr(text, ')');
		rests = state == NULL || strncmp(state, ") S", 3) == 0;
	}
	if (dir != NULL)
		closedir(dir);
	return rests;
}

/*
 * When a handle was registered or unregistered EAL's interrupt thread closes its epoll
 * instance and makes another one. Count when it has that.
 */
static void
rest_interrupt_thread(void)
{
	unsigned int ms;

	for (ms = 0; ms < 20000 && !interrupt_thread_rests(); ms++)
		usleep(1000);
}

void
held_now(struct held *held)
{
	struct rte_malloc_socket_stats stats;
	unsigned int socket;

	warm_interrupt_thread();
	warm_stacks();
	rest_interrupt_thread();
	memset(held, 0, sizeof(*held));
	held->heap = heap_held();
	held->maps = maps_held();
	held->fds = fds_held();
	held->ports = rte_eth_dev_count_avail();
	for (socket = 0; socket < rte_socket_count(); socket++) {
		if (rte_malloc_get_socket_stats(rte_socket_id_by_idx(socket),
				&stats) != 0)
			continue;
		held->rte_blocks += stats.alloc_count;
		held->rte_bytes += stats.heap_allocsz_bytes;
	}
}

static bool
differs(const char *what, size_t before, size_t now, bool print)
{
	if (before == now)
		return false;
	if (print)
		printf("    %s: %zu before, %zu now\n", what, before, now);
	return true;
}

static unsigned int
differences(const struct held *before, bool print)
{
	struct held now;

	held_now(&now);
	return differs("file descriptors", before->fds, now.fds, print) +
		differs("mappings", before->maps, now.maps, print) +
		differs("heap", before->heap, now.heap, print) +
		differs("blocks of DPDK's heap", before->rte_blocks, now.rte_blocks,
			print) +
		differs("bytes of DPDK's heap", before->rte_bytes, now.rte_bytes,
			print) +
		differs("ports", before->ports, now.ports, print);
}

bool
held_same(const struct held *before, bool print)
{
	unsigned int again;

	for (again = 0; again < 20; again++) {
		if (differences(before, false) == 0)
			return true;
		usleep(1000);
	}
	return differences(before, print) == 0;
}
