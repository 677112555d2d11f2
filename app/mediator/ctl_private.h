/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_CTL_PRIVATE_H
#define MEDIATOR_CTL_PRIVATE_H

/* Between ctl.c, which has the connections, and ctl_command.c, which has the commands. */

#include <stdbool.h>

#include "ctl.h"
#include "loop.h"
#include "text.h"

struct client {
	TAILQ_ENTRY(client) next;
	struct ctl *ctl;
	int fd;
	struct loop_fd *lfd;
	struct loop_timer limit;  /* for all that it does */
	size_t received;
	char request[CTL_REQUEST_LEN];
	char *answer;             /* NULL: not asked yet, or it takes time */
	size_t len, sent;
	/* of a device that is being removed */
	char uuid[TEXT_UUID_LEN]; /* "": none */
	struct loop_timer look;
	uint32_t looks;           /* so far */
};

struct ctl {
	struct mediator *mediator;
	char path[PUBLISH_PATH_LEN];
	uint32_t limit_ms;
	int fd;
	struct loop_fd *lfd;
	int spare; /* given up to serve a client when there are no more fds; -1 then */
	struct loop_timer again; /* accepts once more when there may be memory or fds */
	TAILQ_HEAD(, client) clients;
	unsigned int count;
};

/* The answer of a client; sent by ctl_client_send(). */
void ctl_answer_error(struct client *client, const char *text);
/* Do what the request says. No answer is there yet if it takes time. */
void ctl_command(struct client *client);

/* Send on; when all is sent, or nobody reads it any more, the client is no more. */
void ctl_client_send(struct client *client);
void ctl_client_close(struct client *client);

#endif /* MEDIATOR_CTL_PRIVATE_H */
