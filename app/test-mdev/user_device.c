/* SPDX-License-Identifier: BSD-3-Clause */

#include <stddef.h>
#include <unistd.h>
#include <sys/mman.h>

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

int
user_device_external(int memfd, size_t len, void **memory)
{
	if (memfd >= 0 && ftruncate(memfd, len) < 0)
		return -1;
	*memory = mmap(NULL, len, PROT_READ | PROT_WRITE, memfd < 0 ?
			MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, memfd, 0);
	return *memory == MAP_FAILED ? -1 : 0;
}

const struct fake_user_map *
user_device_has(const void *addr)
{
	unsigned int i;

	for (i = 0; i < fake_user.nr_maps; i++) {
		if (fake_user.maps[i].address == (uintptr_t)addr)
			return &fake_user.maps[i];
	}
	return NULL;
}
