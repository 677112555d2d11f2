/* SPDX-License-Identifier: BSD-3-Clause */

/* Copies that survive a file that has become shorter than its mapping. */

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "dma_copy.h"

/* The copy that runs, for the handler. */
static struct {
	volatile sig_atomic_t runs;
	const uint8_t *volatile begin;
	const uint8_t *volatile end;
	sigjmp_buf env;
} guard;

static struct sigaction previous;
static uintptr_t page; /* of the processor: 4 KiB, or more */
static bool taken_over;

/*
 * The fault may be any byte of the pages that the copy touches, where the processor
 * reports no more than the page (poisoned memory).
 */
static bool
is_ours(const siginfo_t *info)
{
	uintptr_t addr = (uintptr_t)info->si_addr;

	return guard.runs != 0 && info->si_code > 0 &&
		addr >= ((uintptr_t)guard.begin & ~(page - 1)) &&
		addr < (uintptr_t)guard.end;
}

static void
on_sigbus(int sig, siginfo_t *info, void *context __attribute__((unused)))
{
	if (is_ours(info))
		siglongjmp(guard.env, 1);
	/* Not ours: what would have happened without us happens when we return. */
	sigaction(SIGBUS, &previous, NULL);
	if (info->si_code <= 0) /* somebody sent it, nothing will repeat it */
		raise(sig);
}

void
dma_copy_init(void)
{
	struct sigaction action = { .sa_sigaction = on_sigbus };

	if (taken_over)
		return;
	page = sysconf(_SC_PAGESIZE);
	/* not blocked within, so that the jump has no mask to restore: a system call less */
	action.sa_flags = SA_SIGINFO | SA_NODEFER;
	sigemptyset(&action.sa_mask);
	taken_over = sigaction(SIGBUS, &action, &previous) == 0;
}

/* Stores of one piece, which a ring shared with a driver needs. */
#define STORE(type, to, from) do { \
	type value; \
	memcpy(&value, from, sizeof(value)); \
	*(volatile type *)(to) = value; \
} while (0)

static void
store(void *shared, const void *from, size_t len)
{
	switch ((uintptr_t)shared % len == 0 ? len : 0) {
	case 2:
		STORE(uint16_t, shared, from);
		break;
	case 4:
		STORE(uint32_t, shared, from);
		break;
	case 8:
		STORE(uint64_t, shared, from);
		break;
	default:
		memcpy(shared, from, len);
	}
}

int
dma_copy_to(void *shared, const void *from, size_t len)
{
	if (len == 0)
		return 0;
	guard.begin = shared;
	guard.end = guard.begin + len;
	if (sigsetjmp(guard.env, 0) != 0) {
		guard.runs = 0;
		return -EFAULT;
	}
	guard.runs = 1;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	store(shared, from, len);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	guard.runs = 0;
	return 0;
}
