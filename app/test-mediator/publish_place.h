/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef PUBLISH_PLACE_H
#define PUBLISH_PLACE_H

/* A folder to publish below, and what a test wants to know of it. */

#include <stdbool.h>
#include <stddef.h>

#define UUID_A "00000001-abcd-4ef0-9abc-def012345678"
#define UUID_B "00000002-abcd-4ef0-9abc-def012345678"
#define NOBODY 65534

/* What is left below a root that was used. */
#define EMPTY_ROOT "/devices 755\n"

struct publish_place {
	char top[64];       /* below which all is made */
	char root[80];
	char message[1024]; /* the first error of a test */
	char listing[4096];
	size_t listed;      /* length of it */
};

extern struct publish_place place;

int place_start(void);
void place_stop(void);

/* The path of something below the root, until the next call. */
const char *place_path(const char *name);
bool place_has(const char *name);
/* Remove a folder below the root and all in it. */
void place_remove(const char *name);
/*
 * All that is below the root, sorted: a line "path mode", "path: first line mode" or
 * "path -> target 0" for each.
 */
const char *place_list(void);
/* A mediator of that name with a device, which was killed. 0, or it was none. */
int place_killed(const char *name, const char *uuid);

#endif /* PUBLISH_PLACE_H */
