/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef VIRTIO_CALLS_H
#define VIRTIO_CALLS_H

/*
 * Calls of ethdev that a port can get, one at a time and in any order, on a device that
 * offers random features. Random numbers are those of virtio_layout.h.
 */

#include <stdbool.h>

/* Attach a port to such a device. TEST_SUCCESS or TEST_FAILED, reported. */
int virtio_calls_attach(void);

/* Configure it, not started, in some way. What ethdev returned. */
int virtio_calls_configure(void);

/*
 * Make one of the calls that are possible now; unsure: but none that expects the device
 * to do what it should. 0, also where it may fail; TEST_FAILED, reported; or what ethdev
 * returned.
 */
int virtio_calls_any(bool unsure);

/* Of the last call. */
const char *virtio_calls_name(void);

/*
 * Stop the port, and reset a device that does not give up its queues. What ethdev returned
 * for that.
 */
int virtio_calls_rest(void);

/*
 * Has the device of a port that runs what ethdev says? It had no command that cannot be.
 * TEST_SUCCESS or TEST_FAILED, reported.
 */
int virtio_calls_check(void);

#endif /* VIRTIO_CALLS_H */
