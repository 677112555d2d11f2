/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <linux/pci_regs.h>

#include <rte_common.h>

#include "fake_vfio_user.h"

struct fake_user fake_user;

static int listener = -1;
static pthread_t thread;

/* A request, as it came. */
static struct {
	struct vfio_user_header header;
	uint8_t payload[2 << 20];
	size_t len;
	int fds[FAKE_USER_FDS];
	unsigned int nr_fds;
} request;

int
fake_user_send(int sock, const void *buf, size_t len)
{
	const uint8_t *from = buf;
	ssize_t n;

	for (; len > 0; from += n, len -= n) {
		n = send(sock, from, len, MSG_NOSIGNAL);
		if (n <= 0)
			return -1;
	}
	return 0;
}

static int
recv_fds(int sock, void *buf, size_t len)
{
	char control[CMSG_SPACE(FAKE_USER_FDS * sizeof(int))]
		__rte_aligned(sizeof(struct cmsghdr));
	struct iovec iov = { buf, len };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg;
	ssize_t n;

	while (iov.iov_len > 0) {
		msg.msg_controllen = sizeof(control);
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
		if (n <= 0)
			return -1;
		cmsg = CMSG_FIRSTHDR(&msg);
		if (cmsg != NULL && cmsg->cmsg_type == SCM_RIGHTS) {
			request.nr_fds = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
			memcpy(request.fds, CMSG_DATA(cmsg),
				request.nr_fds * sizeof(int));
		}
		iov.iov_base = RTE_PTR_ADD(iov.iov_base, n);
		iov.iov_len -= n;
	}
	return 0;
}

int
fake_user_recv(int sock, void *buf, size_t len)
{
	uint8_t *to = buf;
	ssize_t n;

	for (; len > 0; to += n, len -= n) {
		n = recv(sock, to, len, 0);
		if (n <= 0)
			return -1;
	}
	return 0;
}

static void
send_reply(int sock, struct fake_user_reply *reply)
{
	char control[CMSG_SPACE(FAKE_USER_FDS * sizeof(int))]
		__rte_aligned(sizeof(struct cmsghdr));
	size_t all = sizeof(reply->header) + reply->len;
	struct iovec iov[2] = {
		{ &reply->header, sizeof(reply->header) },
		{ reply->payload, reply->len },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	struct cmsghdr *cmsg;

	if (reply->silent)
		return;
	if (reply->nr_fds > 0) {
		memset(control, 0, sizeof(control));
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(reply->nr_fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(reply->nr_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), reply->fds, reply->nr_fds * sizeof(int));
	}
	if (reply->give) {
		iov[0].iov_len = 1;
		msg.msg_iovlen = 1;
		sendmsg(sock, &msg, MSG_NOSIGNAL);
		while (reply->nr_fds > 0)
			close(reply->fds[--reply->nr_fds]);
		fake_user_send(sock, (const uint8_t *)&reply->header + 1,
			sizeof(reply->header) - 1);
		fake_user_send(sock, reply->payload, reply->len);
		return;
	}
	if (reply->cut > 0 && reply->cut < all) {
		iov[0].iov_len = RTE_MIN(reply->cut, sizeof(reply->header));
		iov[1].iov_len = reply->cut - iov[0].iov_len;
	}
	if (sendmsg(sock, &msg, MSG_NOSIGNAL) >= 0 && reply->cut > 0)
		shutdown(sock, SHUT_RDWR);
}

static void
rule(bool kept)
{
	fake_user.broken_rules += !kept;
}

static int
do_version(struct fake_user_reply *reply)
{
	const struct vfio_user_version *theirs = (const void *)request.payload;

	rule(request.len > sizeof(*theirs) && request.payload[request.len - 1] == '\0');
	snprintf(fake_user.proposal, sizeof(fake_user.proposal), "%s", theirs->data);
	memcpy(reply->payload, &fake_user.major, sizeof(fake_user.major));
	memcpy(reply->payload + 2, &fake_user.minor, sizeof(fake_user.minor));
	reply->len = sizeof(*theirs);
	if (fake_user.json != NULL) {
		strcpy((char *)reply->payload + reply->len, fake_user.json);
		reply->len += strlen(fake_user.json) + 1;
	}
	return 0;
}

static int
do_dma_map(void)
{
	const struct vfio_user_dma_map *map = (const void *)request.payload;
	struct fake_user_map *new;
	struct stat st = { .st_ino = 0 };
	unsigned int i;

	rule(request.len == sizeof(*map) && map->argsz == sizeof(*map) &&
		request.nr_fds == 1 && map->flags == 3);
	for (i = 0; i < fake_user.nr_maps; i++) {
		if (map->address < fake_user.maps[i].address + fake_user.maps[i].size &&
				fake_user.maps[i].address < map->address + map->size)
			return EEXIST;
	}
	if (i == FAKE_USER_MAPS || (fake_user.max_maps > 0 && i >= fake_user.max_maps))
		return ENOSPC;
	if (request.nr_fds > 0)
		fstat(request.fds[0], &st);
	new = &fake_user.maps[fake_user.nr_maps++];
	new->address = map->address;
	new->size = map->size;
	new->offset = map->offset;
	new->ino = st.st_ino;
	return 0;
}

/* "must match exactly a previous mapping" */
static int
do_dma_unmap(struct fake_user_reply *reply)
{
	const struct vfio_user_dma_unmap *unmap = (const void *)request.payload;
	unsigned int i;

	rule(request.len == sizeof(*unmap) && request.nr_fds == 0);
	for (i = 0; i < fake_user.nr_maps && (fake_user.maps[i].address != unmap->address ||
			fake_user.maps[i].size != unmap->size); i++)
		;
	if (i == fake_user.nr_maps)
		return ENOENT;
	if (fake_user.keep_maps)
		return ENOSPC;
	fake_user.maps[i] = fake_user.maps[--fake_user.nr_maps];
	memcpy(reply->payload, unmap, sizeof(*unmap));
	reply->len = sizeof(*unmap);
	return 0;
}

static int
do_info(struct fake_user_reply *reply)
{
	rule(request.len == sizeof(fake_user.info));
	memcpy(reply->payload, &fake_user.info, sizeof(fake_user.info));
	reply->len = sizeof(fake_user.info);
	return 0;
}

static int
do_region_info(struct fake_user_reply *reply)
{
	struct vfio_region_info *info = (void *)reply->payload;
	const struct vfio_region_info *ask = (const void *)request.payload;
	const struct fake_user_region *region;

	rule(request.len == sizeof(*ask) && ask->flags == 0 && ask->size == 0 &&
		ask->offset == 0 && ask->argsz >= sizeof(*ask));
	if (ask->index >= FAKE_USER_REGIONS)
		return EINVAL;
	region = &fake_user.regions[ask->index];
	info->argsz = region->argsz > 0 ? region->argsz : sizeof(*info);
	info->flags = region->flags;
	info->index = ask->index;
	info->size = region->size;
	info->offset = region->offset;
	reply->len = sizeof(*info);
	if (region->argsz > 0) {
		info->flags |= VFIO_REGION_INFO_FLAG_CAPS;
		if (ask->argsz >= region->argsz) {
			info->cap_offset = sizeof(*info);
			memcpy(info + 1, region->caps, region->argsz - sizeof(*info));
			reply->len = region->argsz;
		}
	}
	if ((region->flags & VFIO_REGION_INFO_FLAG_MMAP) != 0 && region->fd >= 0)
		reply->fds[reply->nr_fds++] = region->fd;
	return 0;
}

static int
do_io_fds(struct fake_user_reply *reply)
{
	struct vfio_user_io_fds *answer = (void *)reply->payload;
	const struct vfio_user_io_fds *ask = (const void *)request.payload;
	const struct fake_user_region *region;

	rule(request.len == sizeof(*ask) && ask->flags == 0 && ask->count == 0);
	region = &fake_user.regions[ask->index % FAKE_USER_REGIONS];
	if (region->nr_io == 0)
		return EINVAL;
	answer->argsz = sizeof(*answer) + region->nr_io * sizeof(region->io[0]);
	answer->index = ask->index;
	answer->count = region->nr_io;
	reply->len = sizeof(*answer);
	if (ask->argsz < answer->argsz)
		return 0;
	memcpy(answer + 1, region->io, region->nr_io * sizeof(region->io[0]));
	reply->len = answer->argsz;
	reply->nr_fds = fake_user.nr_io_fds;
	memcpy(reply->fds, fake_user.io_fds, fake_user.nr_io_fds * sizeof(int));
	return 0;
}

static int
do_irq_info(struct fake_user_reply *reply)
{
	struct vfio_irq_info info;

	rule(request.len == sizeof(info));
	memcpy(&info, request.payload, sizeof(info));
	if (info.index >= FAKE_USER_IRQS)
		return EINVAL;
	info.flags = fake_user.irqs[info.index].flags;
	info.count = fake_user.irqs[info.index].count;
	memcpy(reply->payload, &info, sizeof(info));
	reply->len = sizeof(info);
	return 0;
}

static void
forget_vector(uint32_t index, uint32_t vector)
{
	if (fake_user.vectors[index][vector] != 0)
		close(fake_user.eventfds[index][vector]);
	fake_user.vectors[index][vector] = 0;
}

static int
do_set_irqs(void)
{
	const struct vfio_irq_set *set = (const void *)request.payload;
	bool eventfds = (set->flags & VFIO_IRQ_SET_DATA_EVENTFD) != 0;
	uint32_t i;

	rule(request.len == sizeof(*set) && set->argsz == request.len &&
		(request.nr_fds == 0 || request.nr_fds == set->count));
	if (set->index >= FAKE_USER_IRQS || set->start + set->count > FAKE_USER_VECTORS ||
			(fake_user.max_fds > 0 && request.nr_fds > fake_user.max_fds))
		return EINVAL;
	if (set->flags == (VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER) &&
			set->count == 0) {
		for (i = 0; i < FAKE_USER_VECTORS; i++)
			forget_vector(set->index, i);
	}
	for (i = 0; i < set->count && eventfds; i++) {
		forget_vector(set->index, set->start + i);
		if (request.nr_fds == 0)
			continue;
		fake_user.vectors[set->index][set->start + i] = 1;
		fake_user.eventfds[set->index][set->start + i] = dup(request.fds[i]);
	}
	return 0;
}

/* BARs keep only the bits that their size leaves. */
static void
write_config(struct fake_user_region *config, uint64_t offset, const uint8_t *data,
		uint32_t count)
{
	uint32_t bar = (offset - PCI_BASE_ADDRESS_0) / 4, value;

	memcpy(config->mem + offset, data, count);
	if (offset < PCI_BASE_ADDRESS_0 || bar >= PCI_STD_NUM_BARS || count != 4)
		return;
	memcpy(&value, data, sizeof(value));
	value = (value & fake_user.regions[bar].bar_mask & ~0xfu) |
		(fake_user.regions[bar].bar_mask & 0xf);
	memcpy(config->mem + offset, &value, sizeof(value));
}

static int
do_access(struct fake_user_reply *reply, bool write)
{
	struct vfio_user_region_access access;
	struct fake_user_region *region;

	memcpy(&access, request.payload, sizeof(access));
	rule(request.len == sizeof(access) + (write ? access.count : 0) &&
		request.nr_fds == 0);
	if (access.region >= FAKE_USER_REGIONS)
		return EINVAL;
	region = &fake_user.regions[access.region];
	if (access.offset > region->size || access.count > region->size - access.offset ||
			(!write && access.count > sizeof(reply->payload) - sizeof(access)))
		return EINVAL;
	memcpy(reply->payload, &access, sizeof(access));
	reply->len = sizeof(access);
	if (write) {
		region->writes++;
		if (access.region == VFIO_PCI_CONFIG_REGION_INDEX)
			write_config(region, access.offset,
				request.payload + sizeof(access), access.count);
		else if (region->mem != NULL)
			memcpy(region->mem + access.offset,
				request.payload + sizeof(access), access.count);
		return 0;
	}
	region->reads++;
	if (region->mem != NULL)
		memcpy(reply->payload + reply->len, region->mem + access.offset,
			access.count);
	reply->len += access.count;
	return 0;
}

static int
handle(struct fake_user_reply *reply)
{
	switch (request.header.command) {
	case VFIO_USER_VERSION:
		return do_version(reply);
	case VFIO_USER_DMA_MAP:
		return do_dma_map();
	case VFIO_USER_DMA_UNMAP:
		return do_dma_unmap(reply);
	case VFIO_USER_DEVICE_GET_INFO:
		return do_info(reply);
	case VFIO_USER_DEVICE_GET_REGION_INFO:
		return do_region_info(reply);
	case VFIO_USER_DEVICE_GET_REGION_IO_FDS:
		return do_io_fds(reply);
	case VFIO_USER_DEVICE_GET_IRQ_INFO:
		return do_irq_info(reply);
	case VFIO_USER_DEVICE_SET_IRQS:
		return do_set_irqs();
	case VFIO_USER_REGION_READ:
		return do_access(reply, false);
	case VFIO_USER_REGION_WRITE:
		return do_access(reply, true);
	case VFIO_USER_DEVICE_RESET:
		rule(request.len == 0);
		return 0;
	default:
		rule(false);
		return ENOTSUP;
	}
}

static int
serve_one(int sock)
{
	static struct fake_user_reply reply;
	void (*after)(int sock) = NULL;
	uint16_t command;
	int error;

	request.nr_fds = 0;
	if (recv_fds(sock, &request.header, sizeof(request.header)) < 0)
		return -1;
	request.len = request.header.size - sizeof(request.header);
	if (request.header.command == VFIO_USER_REGION_WRITE && fake_user.early != NULL)
		fake_user.early(sock);
	if (request.len > sizeof(request.payload) ||
			recv_fds(sock, request.payload, request.len) < 0)
		return -1;
	memset(&reply, 0, sizeof(reply));
	command = request.header.command;
	rule((request.header.flags & ~0xfu) == 0 && command <= VFIO_USER_DEVICE_RESET);
	fake_user.commands[command % RTE_DIM(fake_user.commands)]++;
	error = handle(&reply);
	while (request.nr_fds > 0)
		close(request.fds[--request.nr_fds]);
	reply.header = request.header;
	reply.header.flags = VFIO_USER_F_TYPE_REPLY;
	if (error != 0) {
		reply.header.flags |= VFIO_USER_F_ERROR;
		reply.header.error = error;
		reply.len = 0;
		reply.nr_fds = 0;
	}
	reply.header.size = sizeof(reply.header) + reply.len;
	if (command == fake_user.target && fake_user.target_after > 0) {
		fake_user.target_after--;
	} else if (command == fake_user.target) {
		if (fake_user.before != NULL)
			fake_user.before(sock);
		if (fake_user.alter != NULL)
			fake_user.alter(&reply);
		after = fake_user.after;
	}
	send_reply(sock, &reply);
	if (after != NULL)
		after(sock);
	return 0;
}

static void *
serve(void *arg __rte_unused)
{
	unsigned int i, j;
	int sock;

	while ((sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		fake_user.sock = sock;
		while (serve_one(sock) == 0)
			;
		while (request.nr_fds > 0)
			close(request.fds[--request.nr_fds]);
		for (i = 0; i < FAKE_USER_IRQS; i++)
			for (j = 0; j < FAKE_USER_VECTORS; j++)
				forget_vector(i, j);
		fake_user.nr_maps = 0;
		close(sock);
	}
	return NULL;
}

/* The end of one more connection comes after the ends of all that were. */
void
fake_user_settle(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char end;
	int sock;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", fake_user.path);
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return;
	if (connect(sock, (const struct sockaddr *)&addr, sizeof(addr)) == 0) {
		shutdown(sock, SHUT_WR);
		while (recv(sock, &end, 1, 0) > 0)
			;
	}
	close(sock);
}

static int
open_listener(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char device[80];

	snprintf(fake_user.folder, sizeof(fake_user.folder), "/tmp/fake-vfio-user-XXXXXX");
	if (mkdtemp(fake_user.folder) == NULL)
		return -errno;
	snprintf(device, sizeof(device), "%s/" FAKE_USER_ADDR, fake_user.folder);
	snprintf(fake_user.path, sizeof(fake_user.path), "%s/socket", device);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", fake_user.path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (mkdir(device, 0700) < 0 || listener < 0 || bind(listener,
			(const struct sockaddr *)&addr, sizeof(addr)) < 0 ||
			listen(listener, 4) < 0)
		return -errno;
	return 0;
}

int
fake_user_start(void)
{
	unsigned int i;

	memset(&fake_user, 0, sizeof(fake_user));
	fake_user.minor = VFIO_USER_MINOR;
	fake_user.json = "{\"capabilities\":{\"max_msg_fds\":8}}";
	fake_user.info.argsz = sizeof(fake_user.info);
	fake_user.info.flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET;
	fake_user.info.num_regions = FAKE_USER_REGIONS;
	fake_user.info.num_irqs = FAKE_USER_IRQS;
	for (i = 0; i < FAKE_USER_REGIONS; i++)
		fake_user.regions[i].fd = -1;
	if (fake_user_back(VFIO_PCI_CONFIG_REGION_INDEX, 256, false) < 0)
		return -1;
	if (open_listener() < 0)
		return -1;
	return pthread_create(&thread, NULL, serve, NULL) == 0 ? 0 : -1;
}

void
fake_user_hang_up(void)
{
	shutdown(listener, SHUT_RDWR);
}

void
fake_user_stop(void)
{
	char device[80];
	unsigned int i;

	shutdown(listener, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(listener);
	listener = -1;
	snprintf(device, sizeof(device), "%s/" FAKE_USER_ADDR, fake_user.folder);
	unlink(fake_user.path);
	rmdir(device);
	rmdir(fake_user.folder);
	for (i = 0; i < FAKE_USER_REGIONS; i++) {
		if (fake_user.regions[i].mem != NULL)
			munmap(fake_user.regions[i].mem, fake_user.regions[i].size);
		if (fake_user.regions[i].fd >= 0)
			close(fake_user.regions[i].fd);
	}
}

int
fake_user_back(uint32_t index, uint64_t size, bool mappable)
{
	struct fake_user_region *region = &fake_user.regions[index];
	int fd;

	fd = memfd_create("fake-vfio-user", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, region->offset + size) < 0)
		return -errno;
	region->mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			region->offset);
	if (region->mem == MAP_FAILED)
		return -errno;
	region->size = size;
	region->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
	if (mappable) {
		region->flags |= VFIO_REGION_INFO_FLAG_MMAP;
		region->fd = fd;
	} else {
		close(fd);
	}
	return 0;
}
