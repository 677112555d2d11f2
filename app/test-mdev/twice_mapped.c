/* SPDX-License-Identifier: BSD-3-Clause */

#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include "twice_mapped.h"

int
twice_map(struct twice_mapped *memory, size_t len)
{
	int fd = memfd_create("twice", MFD_CLOEXEC);
	void *addr = MAP_FAILED, *device = MAP_FAILED;

	if (fd < 0)
		return -1;
	if (ftruncate(fd, len) == 0) {
		addr = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		device = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	}
	close(fd);
	if (addr != MAP_FAILED && device != MAP_FAILED) {
		memory->addr = addr;
		memory->device = device;
		memory->len = len;
		return 0;
	}
	if (addr != MAP_FAILED)
		munmap(addr, len);
	if (device != MAP_FAILED)
		munmap(device, len);
	return -1;
}

void
twice_unmap(struct twice_mapped *memory)
{
	if (memory->addr != NULL) {
		munmap(memory->addr, memory->len);
		munmap(memory->device, memory->len);
	}
	memset(memory, 0, sizeof(*memory));
}
