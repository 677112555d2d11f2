/* SPDX-License-Identifier: BSD-3-Clause */

/* Requests to other processes, told apart by numbers. */

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_errno.h>

#include <vfio_fd.h>

#include "bus_mdev_mp.h"
#include "private.h"

/* Requests for one answer, where others come instead. */
#define MDEV_MP_TRIES 4

/* EAL has one request of a name to a process at a time. */
static pthread_mutex_t request_lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t last_number; /* owned by request_lock */

/*
 * Are all of them answers to the requests from first on? One that was sent before the last
 * will do: its answer may have come, and been dropped, in between.
 */
static bool
are_answers(const struct rte_mp_reply *reply, uint32_t first)
{
	uint32_t number;
	int i;

	for (i = 0; i < reply->nb_received; i++) {
		if (reply->msgs[i].len_param < (int)sizeof(number))
			return false;
		memcpy(&number, reply->msgs[i].param, sizeof(number));
		if (number - first > last_number - first)
			return false;
	}
	return true;
}

static void
drop(struct rte_mp_reply *reply)
{
	int i;

	for (i = 0; i < reply->nb_received; i++)
		vfio_fd_close(reply->msgs[i].fds, reply->msgs[i].num_fds);
	free(reply->msgs);
	memset(reply, 0, sizeof(*reply));
}

RTE_EXPORT_INTERNAL_SYMBOL(rte_mdev_mp_request)
int
rte_mdev_mp_request(struct rte_mp_msg *req, struct rte_mp_reply *reply,
		unsigned int timeout_s)
{
	const struct timespec timeout = { .tv_sec = timeout_s };
	unsigned int tries = MDEV_MP_TRIES;
	bool answered = false;
	uint32_t first;
	int ret;

	memset(reply, 0, sizeof(*reply));
	if (req->len_param < (int)sizeof(last_number))
		return -EINVAL;
	pthread_mutex_lock(&request_lock);
	first = last_number + 1;
	do {
		last_number++;
		memcpy(req->param, &last_number, sizeof(last_number));
		ret = rte_mp_request_sync(req, reply, &timeout) < 0 ? -rte_errno : 0;
		answered = ret == 0 && are_answers(reply, first);
		if (ret == 0 && !answered)
			drop(reply);
	} while (ret == 0 && !answered && --tries > 0);
	/* whatever the last one failed with, one before it was sent */
	if (!answered && last_number != first)
		ret = -ETIMEDOUT;
	pthread_mutex_unlock(&request_lock);
	return ret;
}
