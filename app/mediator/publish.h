/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MEDIATOR_PUBLISH_H
#define MEDIATOR_PUBLISH_H

/*
 * Where applications find devices: folders and files as sysfs has them for the kernel's
 * mediated devices, and a socket for each.
 *
 *   <root>/devices/<uuid>                   -> ../<instance>/<uuid>
 *   <root>/<instance>/                      the parent device
 *       lock                                locked by the mediator; its process id
 *       ctl                                 the control socket
 *       mdev_supported_types/virtio_net/    device_api, name, description
 *       <uuid>/socket                       vfio-user
 *       <uuid>/mdev_type                    -> ../mdev_supported_types/virtio_net
 *       <uuid>/numa_node                    if there is one
 *
 * The root and devices/ are shared by all mediators of a user, and stay.
 */

#include <limits.h>
#include <stddef.h>
#include <sys/un.h>

#define PUBLISH_DEFAULT_NAME "mediator0"
#define PUBLISH_PATH_LEN sizeof(((struct sockaddr_un *)0)->sun_path)

struct publish;

/*
 * The folder that is meant without --root: /run/mdev for root, for others the one below
 * $XDG_RUNTIME_DIR. 0 or a negative errno, logged.
 */
int publish_default_root(char root[PATH_MAX]);

/*
 * Become an instance below a root: lock it, remove what an earlier one and others that
 * are no more have left, and make what is needed before the first device. 0 or a negative
 * errno, logged.
 */
int publish_open(const char *root, const char *name, struct publish **publish);
/* Remove all of it. NULL does nothing. */
void publish_close(struct publish *publish);

/* The path of the control socket. */
const char *publish_ctl_path(const struct publish *publish);
/* The same for whoever looks for an instance: 0 or -ENAMETOOLONG, logged. */
int publish_find_ctl(const char *root, const char *name, char path[PUBLISH_PATH_LEN]);

/*
 * Make a device's folder, without its link; path is where its socket is to listen. numa:
 * -1 for none. 0 or a negative errno, logged; -EEXIST: another mediator has it.
 */
int publish_add(struct publish *publish, const char *uuid, int numa,
		char path[PUBLISH_PATH_LEN]);
/* Make its link, once the socket listens; the same. */
int publish_show(struct publish *publish, const char *uuid);
/* Remove its link; the folder, without the socket, by publish_remove(). */
void publish_hide(struct publish *publish, const char *uuid);
void publish_remove(struct publish *publish, const char *uuid);

#endif /* MEDIATOR_PUBLISH_H */
