/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef USER_DEVICE_H
#define USER_DEVICE_H

/* What tests share that open a device of fake_vfio_user.h. */

#include <vfio_dev.h>

#include "fake_vfio_user.h"

/* The device; NULL: it is not open. */
extern struct vfio_dev *udev;

/* 0 or a negative errno. */
int user_device_open(void);
/* Setup, of the server alone, and teardown of both. */
int user_device_setup(void);
void user_device_teardown(void);

/*
 * Memory that EAL did not allocate, shared and of a memfd that is made long enough, or,
 * with -1 for that, private and of none. 0 or -1.
 */
int user_device_external(int memfd, size_t len, void **memory);
/* The map that the server has from an address on; NULL: none. */
const struct fake_user_map *user_device_has(const void *addr);

#endif /* USER_DEVICE_H */
