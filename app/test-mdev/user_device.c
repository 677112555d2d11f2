/* SPDX-License-Identifier: BSD-3-Clause */

#include <stddef.h>

#include <vfio_user_private.h>

#include "test.h"
#include "user_device.h"

struct vfio_dev *udev;
static int normal_timeout;

int
user_device_open(void)
{
	return vfio_dev_open(fake_user.folder, FAKE_USER_ADDR, &udev);
}

int
user_device_setup(void)
{
	udev = NULL;
	normal_timeout = vfio_user_timeout_ms;
	return fake_user_start() == 0 ? TEST_SUCCESS : TEST_FAILED;
}

void
user_device_teardown(void)
{
	vfio_dev_close(udev);
	udev = NULL;
	fake_user_stop();
	vfio_user_timeout_ms = normal_timeout;
}
