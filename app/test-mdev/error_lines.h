/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef ERROR_LINES_H
#define ERROR_LINES_H

/*
 * Errors as users meet them: a call fails with one line of ours, which is compared
 * whole, and leaves nothing behind.
 */

#include "fake_vfio.h"

struct error_case {
	const char *name;
	/* what goes well before it; NULL for nothing. 0, or it is no test. */
	int (*ready)(void);
	void (*harm)(void);         /* make it fail; NULL: arg does */
	int (*meet)(const char *arg); /* the call; what it returned */
	const char *arg;
	const char *line;           /* without the end of the line */
};

/* A case's surroundings; teardown ends all that goes well. */
struct error_setting {
	int (*setup)(void);
	void (*teardown)(void);
};

/*
 * Meet each error in surroundings of its own. All are tried, whichever fail. Returns
 * TEST_SUCCESS or TEST_FAILED.
 */
int error_lines_meet(const struct error_setting *setting,
		const struct error_case *cases, unsigned int count);

/*
 * Let the device fail each operation of this kind once, the first, the second, and so
 * on: if the call fails there is one line that names the device, and if it goes well
 * all the same there is one at most. Returns TEST_SUCCESS or TEST_FAILED.
 */
int error_lines_sweep(const struct error_setting *setting, int (*ready)(void),
		int (*meet)(const char *arg), enum fake_vfio_op op);

/* Start of an application with -a. 0 if a port comes of it, else -1. */
int error_lines_start(const char *allow);

#endif /* ERROR_LINES_H */
