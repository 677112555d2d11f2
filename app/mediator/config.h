/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_CONFIG_H
#define MEDIATOR_CONFIG_H

/*
 * What devices the user asks for: a specification for each, on the command line, in a
 * file with one a line, or through the control socket.
 */

#include <stddef.h>

#include "device.h"

/* As many as one mediator serves. */
#define CONFIG_MAX_DEVICES 4096
/* Bytes of a specification, and of a file of them. */
#define CONFIG_SPEC_LEN 1024
#define CONFIG_FILE_LEN (CONFIG_MAX_DEVICES * CONFIG_SPEC_LEN)

/* Room for one line that says what is wrong, and how it can be mended. */
#define CONFIG_ERROR_LEN 1024

struct config {
	struct device_conf *devices;
	unsigned int count;
};

void config_init(struct config *config);
void config_free(struct config *config);

/*
 * Parse a specification, "uuid=<uuid>,backend=<path>[,key[=value]]...". where is what the
 * user knows its place by. A random UUID is made for "uuid=auto". Returns 0 or a
 * negative errno, and then error is a line that begins with where.
 */
int config_spec(const char *where, const char *spec, struct device_conf *conf,
		char error[CONFIG_ERROR_LEN]);

/* Add a device; -EEXIST: there is one with its UUID. */
int config_add(struct config *config, const char *where, const char *spec,
		char error[CONFIG_ERROR_LEN]);

/*
 * Add the devices of a text, which is changed by that, and has room for a byte behind its
 * end; name is for messages. A line has a specification, or nothing, and perhaps a
 * comment that begins with #.
 */
int config_text(struct config *config, const char *name, char *text, size_t len,
		char error[CONFIG_ERROR_LEN]);
/* Add the devices of a file. */
int config_file(struct config *config, const char *path, char error[CONFIG_ERROR_LEN]);

#endif /* MEDIATOR_CONFIG_H */
