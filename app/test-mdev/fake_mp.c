/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_errno.h>
#include <rte_string_fns.h>

#include "fake_mp.h"
#include "wrap.h"

struct fake_mp fake_mp;

static bool running;
static struct {
	char name[RTE_MP_MAX_NAME_LEN];
	rte_mp_t action;
} actions[8];
static struct rte_mp_msg answer;
static bool answered;

void
fake_mp_start(void)
{
	memset(&fake_mp, 0, sizeof(fake_mp));
	memset(actions, 0, sizeof(actions));
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

rte_mp_t
fake_mp_action(const char *name)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(actions); i++) {
		if (actions[i].action != NULL && strcmp(actions[i].name, name) == 0)
			return actions[i].action;
	}
	return NULL;
}

void
fake_mp_answer_behind(struct rte_mp_msg *msg, uint32_t by)
{
	uint32_t number;

	memcpy(&number, msg->param, sizeof(number));
	number -= by;
	memcpy(msg->param, &number, sizeof(number));
}

WRAP_PROTO(int, rte_mp_action_register, const char *name, rte_mp_t action)
{
	unsigned int i;

	if (!running)
		return __real_rte_mp_action_register(name, action);
	rte_errno = EEXIST;
	if (fake_mp_action(name) != NULL)
		return -1;
	for (i = 0; i < RTE_DIM(actions) && actions[i].action != NULL; i++)
		;
	rte_errno = ENOMEM;
	if (i == RTE_DIM(actions))
		return -1;
	rte_strscpy(actions[i].name, name, sizeof(actions[i].name));
	actions[i].action = action;
	return 0;
}

WRAP_PROTO(void, rte_mp_action_unregister, const char *name)
{
	unsigned int i;

	if (!running)
		__real_rte_mp_action_unregister(name);
	for (i = 0; i < RTE_DIM(actions); i++) {
		if (strcmp(actions[i].name, name) == 0)
			actions[i].action = NULL;
	}
}

WRAP_PROTO(int, rte_mp_sendmsg, struct rte_mp_msg *msg)
{
	if (!running)
		return __real_rte_mp_sendmsg(msg);
	fake_mp.notices++;
	fake_mp.last = *msg;
	return 0;
}

/* The receiver's fds are others than the sender's. */
WRAP_PROTO(int, rte_mp_reply, struct rte_mp_msg *msg, const char *peer)
{
	int i;

	if (!running)
		return __real_rte_mp_reply(msg, peer);
	fake_mp.replies++;
	fake_mp.last = *msg;
	answer = *msg;
	for (i = 0; i < msg->num_fds; i++)
		answer.fds[i] = dup(msg->fds[i]);
	answered = true;
	return 0;
}

/* What the other process makes of a message; returns whether it answered. */
static bool
deliver(struct rte_mp_msg *msg)
{
	rte_mp_t action = fake_mp_action(msg->name);

	if (fake_mp.echo) {
		answer = *msg;
		if (fake_mp.harm_reply != NULL)
			fake_mp.harm_reply(&answer);
		return true;
	}
	if (fake_mp.silent || action == NULL)
		return false;
	if (fake_mp.harm_request != NULL)
		fake_mp.harm_request(msg);
	fake_mp.secondary = false;
	answered = false;
	action(msg, "");
	fake_mp.secondary = true;
	if (answered && fake_mp.harm_reply != NULL)
		fake_mp.harm_reply(&answer);
	return answered;
}

/* As EAL: the answers are the caller's to free, and there are none after a failure. */
WRAP_PROTO(int, rte_mp_request_sync, struct rte_mp_msg *req,
		struct rte_mp_reply *reply, const struct timespec *timeout)
{
	struct rte_mp_msg msg = *req;

	if (!running)
		return __real_rte_mp_request_sync(req, reply, timeout);
	fake_mp.requests++;
	fake_mp.timeout_s = (int)timeout->tv_sec;
	fake_mp.last = msg;
	memset(reply, 0, sizeof(*reply));
	rte_errno = fake_mp.request_errno;
	if (rte_errno != 0)
		return -1;
	reply->nb_sent = 1;
	if (!deliver(&msg))
		return 0;
	reply->msgs = malloc(sizeof(answer));
	if (reply->msgs == NULL) {
		rte_errno = ENOMEM;
		return -1;
	}
	reply->msgs[0] = answer;
	reply->nb_received = 1;
	return 0;
}
