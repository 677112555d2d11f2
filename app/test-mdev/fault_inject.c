/* SPDX-License-Identifier: BSD-3-Clause */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <rte_errno.h>
#include <rte_interrupts.h>
#include <rte_kvargs.h>
#include <rte_log.h>
#include <rte_malloc.h>
#include <rte_memory.h>
#include <rte_memzone.h>

#include <ethdev_driver.h>

#include "fake_kernel.h"
#include "fault_inject.h"
#include "held.h"
#include "wrap.h"

/* More calls than any sequence has. */
#define CALLS_MAX 10000

static __thread struct {
	bool armed;
	unsigned int left;   /* calls until the one that fails; 0: none will */
	const char *failed;
} fault;

void
fault_arm(unsigned int nth)
{
	fault.left = nth;
	fault.failed = NULL;
	fault.armed = true;
}

const char *
fault_disarm(void)
{
	fault.armed = false;
	return fault.failed;
}

bool
fault_now(const char *name)
{
	if (!fault.armed || fault.left == 0 || --fault.left > 0)
		return false;
	fault.failed = name;
	return true;
}

/* A function that returns a pointer, and NULL with errno on failure. */
#define WRAP_PTR(type, name, args, ...) \
WRAP_PROTO(type, name, __VA_ARGS__) \
{ \
	if (fault_now(#name)) { \
		errno = rte_errno = ENOMEM; \
		return NULL; \
	} \
	return __real_ ## name args; \
}

/* One that returns error on failure. */
#define WRAP_INT(error, name, args, ...) \
WRAP_PROTO(int, name, __VA_ARGS__) \
{ \
	if (fault_now(#name)) { \
		errno = rte_errno = EMFILE; \
		return error; \
	} \
	return __real_ ## name args; \
}

WRAP_PTR(void *, aligned_alloc, (align, size), size_t align, size_t size)
WRAP_PTR(void *, calloc, (count, size), size_t count, size_t size)
WRAP_PTR(void *, realloc, (old, size), void *old, size_t size)
WRAP_PTR(void *, reallocarray, (old, count, size), void *old, size_t count,
		size_t size)
WRAP_PTR(DIR *, opendir, (path), const char *path)
WRAP_PTR(DIR *, fdopendir, (fd), int fd)
WRAP_PTR(char *, realpath, (path, resolved), const char *path, char *resolved)
WRAP_PTR(void *, rte_zmalloc, (type, size, align), const char *type, size_t size,
		unsigned int align)
WRAP_PTR(void *, rte_zmalloc_socket, (type, size, align, socket), const char *type,
		size_t size, unsigned int align, int socket)
WRAP_PTR(const struct rte_memzone *, rte_memzone_reserve_aligned,
		(name, len, socket, flags, align), const char *name, size_t len,
		int socket, unsigned int flags, unsigned int align)
WRAP_PTR(struct rte_intr_handle *, rte_intr_instance_alloc, (flags), uint32_t flags)
WRAP_PTR(struct rte_kvargs *, rte_kvargs_parse, (args, keys), const char *args,
		const char * const keys[])
WRAP_PTR(struct rte_eth_dev *, rte_eth_dev_allocate, (name), const char *name)

WRAP_INT(-1, socket, (family, type, protocol), int family, int type, int protocol)
WRAP_INT(-1, connect, (fd, addr, len), int fd, const struct sockaddr *addr,
		socklen_t len)
WRAP_INT(-1, epoll_create1, (flags), int flags)
WRAP_INT(-1, epoll_ctl, (epoll, op, fd, event), int epoll, int op, int fd,
		struct epoll_event *event)
WRAP_INT(-1, rte_mem_event_callback_register, (name, callback, arg), const char *name,
		rte_mem_event_callback_t callback, void *arg)
WRAP_INT(-1, eventfd, (count, flags), unsigned int count, int flags)
WRAP_INT(-1, fstat64, (fd, st), int fd, struct stat64 *st)

const char *(*fault_watch_hook)(const char *path);

WRAP_PROTO(int, inotify_add_watch, int fd, const char *path, uint32_t mask)
{
	if (fault_now("inotify_add_watch")) {
		errno = rte_errno = EMFILE;
		return -1;
	}
	return __real_inotify_add_watch(fd, fault_watch_hook == NULL ? path :
			fault_watch_hook(path), mask);
}

WRAP_INT(-1, inotify_init1, (flags), int flags)
WRAP_INT(-EMFILE, rte_intr_callback_register, (handle, callback, arg),
		const struct rte_intr_handle *handle, rte_intr_callback_fn callback,
		void *arg)
WRAP_INT(-EMFILE, rte_intr_fd_set, (handle, fd), struct rte_intr_handle *handle,
		int fd)
WRAP_INT(-EMFILE, rte_intr_type_set, (handle, type), struct rte_intr_handle *handle,
		enum rte_intr_handle_type type)
WRAP_INT(-EMFILE, rte_intr_efd_counter_size_set, (handle, size),
		struct rte_intr_handle *handle, uint8_t size)

__thread int fault_recvmsg_errno;

WRAP_PROTO(ssize_t, recvmsg, int sock, struct msghdr *msg, int flags)
{
	if (fault_recvmsg_errno == 0)
		return __real_recvmsg(sock, msg, flags);
	errno = fault_recvmsg_errno;
	fault_recvmsg_errno = 0;
	return -1;
}

/* Built with 64-bit file offsets, these two have other names. */
WRAP_PROTO(void *, mmap64, void *addr, size_t len, int prot, int flags, int fd,
		off_t offset)
{
	if (fault_now("mmap")) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	return __real_mmap64(addr, len, prot, flags, fd, offset);
}

WRAP_PROTO(int, open64, const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;
	int fd;

	if (flags & O_CREAT) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	if (fault_now("open")) {
		errno = EMFILE;
		return -1;
	}
	if (fake_kernel_open(path, &fd))
		return fd;
	return __real_open64(path, flags, mode);
}

WRAP_PROTO(ssize_t, readlinkat, int dir, const char *path, char *buf, size_t len)
{
	if (fault_now("readlinkat")) {
		errno = EIO;
		return -1;
	}
	return __real_readlinkat(dir, path, buf, len);
}

/* Nobody creates files by it. */
WRAP_PROTO(int, openat64, int dir, const char *path, int flags, ...)
{
	if (fault_now("openat")) {
		errno = EMFILE;
		return -1;
	}
	return __real_openat64(dir, path, flags);
}

/* Of its commands, what makes an fd. */
WRAP_PROTO(int, fcntl64, int fd, int command, ...)
{
	va_list ap;
	long arg;

	va_start(ap, command);
	arg = va_arg(ap, long);
	va_end(ap);
	if (command == F_DUPFD_CLOEXEC && fault_now("fcntl")) {
		errno = EMFILE;
		return -1;
	}
	return __real_fcntl64(fd, command, arg);
}

/* 1 if something was left, -1 after a message. */
static int
fault_one(unsigned int nth, int (*acquire)(void), void (*release)(void), bool print,
		const char **failed)
{
	struct held before;
	int ret;

	held_now(&before);
	fault_arm(nth);
	ret = acquire();
	*failed = fault_disarm();
	if (*failed == NULL && ret != 0) {
		printf("    call %u: %d although nothing failed\n", nth, ret);
		return -1;
	}
	if (ret == 0)
		release();
	if (held_same(&before, print))
		return 0;
	if (print)
		printf("    that was left when call %u (%s) failed, and it returned %d\n",
			nth, *failed == NULL ? "none" : *failed, ret);
	return 1;
}

int
fault_each(int (*acquire)(void), void (*release)(void))
{
	const char *failed;
	uint32_t level = rte_log_get_global_level();
	unsigned int nth;
	int left, ret = 0;

	if (acquire() != 0) {
		printf("    the sequence does not work at all\n");
		return -1;
	}
	release();
	rte_log_set_global_level(RTE_LOG_EMERG); /* hundreds of failures */
	for (nth = 1; nth < CALLS_MAX; nth++) {
		/* what a library allocates once and keeps is not left the second time */
		left = fault_one(nth, acquire, release, false, &failed);
		if (left > 0)
			left = fault_one(nth, acquire, release, true, &failed);
		if (left != 0)
			ret = -1;
		if (failed == NULL)
			break;
	}
	rte_log_set_global_level(level);
	if (nth == 1 || nth == CALLS_MAX) {
		printf("    %u calls failed: not what this is for\n", nth - 1);
		return -1;
	}
	return ret;
}
