/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_errno.h>

#include "fake_mp.h"
#include "wrap.h"

struct fake_mp fake_mp;

static bool running;
static char action_name[RTE_MP_MAX_NAME_LEN];
static rte_mp_t action;
static struct rte_mp_msg answer;
static bool answered;

void
fake_mp_start(void)
{
	memset(&fake_mp, 0, sizeof(fake_mp));
	action = NULL;
	running = true;
}

void
fake_mp_stop(void)
{
	running = false;
}

bool
fake_mp_is_secondary(void)
{
	return running && fake_mp.secondary;
}

WRAP_PROTO(int, rte_mp_action_register, const char *name, rte_mp_t registered)
{
	if (!running)
		return __real_rte_mp_action_register(name, registered);
	snprintf(action_name, sizeof(action_name), "%s", name);
	action = registered;
	return 0;
}

WRAP_PROTO(void, rte_mp_action_unregister, const char *name)
{
	if (!running)
		__real_rte_mp_action_unregister(name);
	action = NULL;
}

/* The receiver's fds are others than the sender's. */
WRAP_PROTO(int, rte_mp_reply, struct rte_mp_msg *msg, const char *peer)
{
	int i;

	if (!running)
		return __real_rte_mp_reply(msg, peer);
	answer = *msg;
	for (i = 0; i < msg->num_fds; i++)
		answer.fds[i] = dup(msg->fds[i]);
	answered = true;
	return 0;
}

WRAP_PROTO(int, rte_mp_request_sync, struct rte_mp_msg *req,
		struct rte_mp_reply *reply, const struct timespec *timeout)
{
	struct rte_mp_msg msg = *req;

	if (!running)
		return __real_rte_mp_request_sync(req, reply, timeout);
	fake_mp.requests++;
	memset(reply, 0, sizeof(*reply));
	reply->nb_sent = 1;
	if (fake_mp.silent || action == NULL || strcmp(msg.name, action_name) != 0)
		return 0;
	if (fake_mp.harm_request != NULL)
		fake_mp.harm_request(&msg);
	fake_mp.secondary = false;
	answered = false;
	action(&msg, "");
	fake_mp.secondary = true;
	if (!answered)
		return 0;
	if (fake_mp.harm_reply != NULL)
		fake_mp.harm_reply(&answer);
	reply->msgs = malloc(sizeof(answer));
	if (reply->msgs == NULL) {
		rte_errno = ENOMEM;
		return -1;
	}
	reply->msgs[0] = answer;
	reply->nb_received = 1;
	return 0;
}
