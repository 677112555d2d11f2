/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef BUS_MDEV_MP_H
#define BUS_MDEV_MP_H

/**
 * @file
 * Requests to other processes, for the bus and its drivers.
 *
 * EAL knows a request by its name and the process that was asked. An answer that comes
 * after its request was given up is taken for the answer to the next one, whose own comes
 * in the place of the one after that. So requests are numbered here, and sent again when
 * something else was answered.
 */

#include <stdint.h>

#include <rte_compat.h>
#include <rte_eal.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Send a request and wait for the answers to it, as rte_mp_request_sync() does.
 *
 * The parameter of a request begins with its number, which is set here; that of an answer
 * begins with the number of what is answered. An answer to anything that was sent in the
 * same call is one: whoever is asked may hear of the same several times. Others are
 * dropped, and their fds closed.
 *
 * Any thread may call this but EAL's IPC thread, which takes the answers. Requests of a
 * process wait for each other.
 *
 * @param req
 *   The request; its parameter has room for the number, and has the last one afterwards.
 * @param[out] reply
 *   The answers, for free(reply->msgs). None if nobody is there, or listens.
 * @param timeout_s
 *   How long to wait for each request, in seconds.
 * @return
 *   0 on success, else a negative errno, and no answers: -ETIMEDOUT (whoever was asked did
 *   not answer, or not this, and may still be at it), -EINVAL (no room for the number), or
 *   EAL's, and nobody is at it.
 */
__rte_internal
int rte_mdev_mp_request(struct rte_mp_msg *req, struct rte_mp_reply *reply,
		unsigned int timeout_s);

#ifdef __cplusplus
}
#endif

#endif /* BUS_MDEV_MP_H */
