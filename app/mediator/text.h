/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_TEXT_H
#define MEDIATOR_TEXT_H

/*
 * Text from outside: made printable, and read as UUIDs, numbers and names of features.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEXT_UUID_LEN 37

/* Room for what messages show of a value. */
#define TEXT_SHOWN_LEN 96

/*
 * Text as it may be shown on a terminal: other bytes than printable ASCII as \xNN, and
 * "..." at the end where it is cut to fit; len is 4 at least. Returns buf.
 */
const char *text_printable(const char *text, char *buf, size_t len);

/* Parse a UUID (RFC 4122 s. 3); uuid gets it in lower case. */
bool text_uuid(const char *text, char uuid[TEXT_UUID_LEN]);
/* Is it one in lower case, as the names of folders are? */
bool text_is_uuid(const char *text);
/* Make a random UUID. 0 or a negative errno. */
int text_uuid_new(char uuid[TEXT_UUID_LEN]);

/* Parse a decimal number without sign and spaces. */
bool text_number(const char *text, uint64_t min, uint64_t max, uint64_t *number);

/*
 * Feature bits have the names of linux/virtio_net.h and linux/virtio_config.h in lower
 * case, without what these begin with. Returns the bit, or 0: no such name.
 */
uint64_t text_feature(const char *name, size_t len);
/*
 * The names of features, sep between them; those without a name as bitN. Returns the
 * length it has or would have, as snprintf(3).
 */
size_t text_features(uint64_t features, char sep, char *buf, size_t len);
/* All that have a name. */
uint64_t text_known_features(void);

#endif /* MEDIATOR_TEXT_H */
