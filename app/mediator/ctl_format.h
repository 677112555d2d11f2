/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_CTL_FORMAT_H
#define MEDIATOR_CTL_FORMAT_H

/*
 * A device in words, for people and scripts.
 */

#include <stddef.h>

#include "device.h"

/* Room for either. */
#define CTL_FORMAT_LEN 4096

/* One line, in columns. Returns its length. */
size_t ctl_format_line(const struct device_conf *conf, const struct device_status *status,
		char text[CTL_FORMAT_LEN]);
/* All that is known, a "key: value" a line. Returns the length. */
size_t ctl_format_all(const struct device_conf *conf, const struct device_status *status,
		const char *socket, char text[CTL_FORMAT_LEN]);

#endif /* MEDIATOR_CTL_FORMAT_H */
