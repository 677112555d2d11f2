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

#endif /* USER_DEVICE_H */
