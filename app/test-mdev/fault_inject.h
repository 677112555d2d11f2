/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef FAULT_INJECT_H
#define FAULT_INJECT_H

/*
 * Makes one acquisition of a sequence fail, each in its turn: what drivers ask of libc
 * and of DPDK (by the linker's --wrap, so that nothing in the drivers knows of it), and
 * what they ask of fake devices. Only calls of the thread that armed it count.
 */

#include <stdbool.h>

/* From now on count, and have the nth call fail, from 1 on; 0: none. */
void fault_arm(unsigned int nth);
/* Count no more, let nothing fail. Name of the call that failed, NULL if none did. */
const char *fault_disarm(void);
/*
 * If not NULL: called before a folder is watched, and returns where that one is then. As
 * the kernel would find it that looks a path up, and is late to watch.
 */
extern const char *(*fault_watch_hook)(const char *path);

/* If not 0: what the next recvmsg() of this thread fails with; it is 0 then. */
extern __thread int fault_recvmsg_errno;

/* For a fake device: is this call the one that is to fail? */
bool fault_now(const char *name);

/*
 * Make each acquisition of a sequence fail in turn, until the sequence is through
 * without a failure, and compare what the process holds before and after: file
 * descriptors, mappings, heap, DPDK's heap.
 *
 * acquire returns 0, or a negative errno after it has given back what it had; a failure
 * that it can do without may pass. release, which nothing disturbs, gives back what
 * acquire got. Returns 0, or -1 after a message.
 */
int fault_each(int (*acquire)(void), void (*release)(void));

#endif /* FAULT_INJECT_H */
