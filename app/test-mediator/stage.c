/* SPDX-License-Identifier: BSD-3-Clause */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "open_fds.h"
#include "stage.h"
#include "test.h"

static unsigned int leaks;

const struct vu_times stage_times = {
	.reply = 1000000,
	.retry_min = 1,
	.retry_max = 2,
	.settle = 1000000,
};

void
stage_open(struct stage *stage)
{
	stage->fds = count_open_fds();
	strcpy(stage->dir, "/tmp/mediator-test-XXXXXX");
	if (mkdtemp(stage->dir) == NULL)
		stage->dir[0] = '\0';
	/* most of what is said was asked for */
	log_set_level(LOG_EMERG);
}

void
stage_close(const struct stage *stage)
{
	rmdir(stage->dir);
	log_set_level(LOG_NOTICE);
	if (count_open_fds() != stage->fds)
		leaks++;
}

int
stage_no_leaks(void)
{
	const unsigned int count = leaks;

	leaks = 0;
	TEST_ASSERT_EQUAL(count, 0u, "%u tests left fds open", count);
	return TEST_SUCCESS;
}

void
stage_round(struct loop *loop, struct backend *backend)
{
	bool busy = backend_step(backend);

	/* no timer of the front-end's is late because the backend had no turn */
	while (busy && backend_step(backend))
		;
	loop_once(loop, busy ? 0 : 1);
}

void
stage_settle(struct loop *loop, struct backend *backend)
{
	unsigned int rounds = 0;
	bool busy;

	do {
		busy = backend_step(backend);
		busy |= loop_once(loop, 0) > 0;
	} while (busy && rounds++ < 100000);
}
