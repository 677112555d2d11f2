/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_common.h>
#include <rte_errno.h>
#include <rte_string_fns.h>

#include "fake_ipc.h"
#include "wrap.h"

struct fake_ipc fake_ipc;

static bool running;

static struct {
	char name[RTE_MP_MAX_NAME_LEN];
	rte_mp_t action;
} actions[8];

void
fake_ipc_start(void)
{
	memset(&fake_ipc, 0, sizeof(fake_ipc));
	memset(actions, 0, sizeof(actions));
	running = true;
}

void
fake_ipc_stop(void)
{
	running = false;
}

rte_mp_t
fake_ipc_action(const char *name)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(actions) && actions[i].action != NULL; i++) {
		if (strcmp(actions[i].name, name) == 0)
			return actions[i].action;
	}
	return NULL;
}

WRAP_PROTO(int, rte_mp_action_register, const char *name, rte_mp_t action)
{
	unsigned int i;

	if (!running)
		return __real_rte_mp_action_register(name, action);
	for (i = 0; i < RTE_DIM(actions) && actions[i].action != NULL; i++) {
		if (strcmp(actions[i].name, name) == 0) {
			rte_errno = EEXIST;
			return -1;
		}
	}
	if (i == RTE_DIM(actions)) {
		rte_errno = ENOMEM;
		return -1;
	}
	rte_strscpy(actions[i].name, name, sizeof(actions[i].name));
	actions[i].action = action;
	return 0;
}

/* As EAL: the answers are the caller's to free, and there are none after a failure. */
WRAP_PROTO(int, rte_mp_request_sync, struct rte_mp_msg *msg,
		struct rte_mp_reply *reply, const struct timespec *timeout)
{
	if (!running)
		return __real_rte_mp_request_sync(msg, reply, timeout);
	fake_ipc.requests++;
	fake_ipc.last = *msg;
	memset(reply, 0, sizeof(*reply));
	rte_errno = fake_ipc.request_errno;
	if (rte_errno != 0)
		return -1;
	reply->msgs = malloc(sizeof(*msg));
	if (reply->msgs == NULL)
		return -1;
	reply->msgs[0] = *msg;
	reply->nb_sent = reply->nb_received = 1;
	return 0;
}

WRAP_PROTO(int, rte_mp_sendmsg, struct rte_mp_msg *msg)
{
	if (!running)
		return __real_rte_mp_sendmsg(msg);
	fake_ipc.notices++;
	fake_ipc.last = *msg;
	return 0;
}

WRAP_PROTO(int, rte_mp_reply, struct rte_mp_msg *msg, const char *peer)
{
	if (!running)
		return __real_rte_mp_reply(msg, peer);
	fake_ipc.replies++;
	fake_ipc.last = *msg;
	return 0;
}
