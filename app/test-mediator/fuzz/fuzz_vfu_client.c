/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The client's side of vfio-user, common/vfio with common/vfio_user, with a server that
 * libFuzzer writes. There is no EAL and no thread: where the client would wait for its
 * socket, the server has its turn.
 *
 * An input is a byte of settings (SETTINGS_*) and then steps: flags (STEP_*), a number of
 * fds, a length (2 bytes, little-endian) and so many bytes. A step is a message to the
 * client, the reply to its next request unless the flags say something else. After the
 * last step the server hangs up. corpus/make_vfu_client.py writes such inputs.
 */

#include <endian.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <linux/vfio.h>

#include <rte_interrupts.h>
#include <rte_log.h>

#include <vfio_dma.h>
#include <vfio_irq.h>
#include <vfio_region.h>
#include <vfio_user_proto.h>

#include "fdmsg.h"
#include "fuzz.h"
#include "open_fds.h"

#define SETTINGS_AGREE 1     /* VERSION is answered as it should be, GET_INFO as well */
#define SETTINGS_MEMORY 2    /* likewise DMA_MAP and DMA_UNMAP */
#define SETTINGS_REGIONS 4   /* likewise SET_IRQS, RESET and REGION_WRITE */
#define SETTINGS_CONFIG 8    /* a PCI device; the first step is its configuration space */

#define STEP_RAW 1           /* the bytes are all of the message */
#define STEP_ERROR 2         /* the first 4 bytes are the error */
#define STEP_COMMAND 4       /* a command of the server's, before the reply: DMA_READ */
#define STEP_WRITE 8         /* with STEP_COMMAND: DMA_WRITE */
#define STEP_SIZE 16         /* the first 4 bytes are the size that the header says */
#define STEP_EVENTFDS 32     /* the fds are eventfds, not memory */
#define STEP_PLACE 64        /* the first 8 bytes are an offset into our memory */

#define MAX_FDS 8
#define MAX_DATA 8192
#define PAGE 4096u
#define FILE_LEN (16 * PAGE)
#define MEMORY_LEN (4 * PAGE)
#define MAX_REGIONS 10
#define MAX_IRQS 6
#define CONFIG_LEN 256
#define CONFIG_REGION VFIO_PCI_CONFIG_REGION_INDEX

int __real_poll(struct pollfd *fds, nfds_t nr_fds, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t nr_fds, int timeout);
int __wrap_rte_intr_callback_register(const struct rte_intr_handle *handle,
	rte_intr_callback_fn callback, void *arg);
int __wrap_rte_intr_callback_unregister(const struct rte_intr_handle *handle,
	rte_intr_callback_fn callback, void *arg);
int __wrap_rte_intr_callback_unregister_pending(const struct rte_intr_handle *handle,
	rte_intr_callback_fn callback, void *arg,
	rte_intr_unregister_callback_fn unregistered);

/* What EAL's interrupt thread would call; no thread here. */
static struct {
	rte_intr_callback_fn callback;
	void *arg;
} watch;

static struct {
	const uint8_t *data;
	size_t size;
	uint8_t settings;
	int sock;            /* -1: not connected, or not any more */
	bool hung_up;
	uint8_t config[CONFIG_LEN];
	/* what the client is sending */
	uint8_t in[1 << 16];
	size_t in_len;
} server;

static char path[64];
static int listener, memory_fd, file, event;
static uint8_t *memory;

static void
hang_up(void)
{
	fdmsg_close(&server.sock, 1);
	server.sock = -1;
	server.hung_up = true;
}

static void
send_message(const struct vfio_user_header *header, const void *data, size_t len,
		const int *fds, unsigned int nr_fds)
{
	uint8_t bytes[sizeof(*header) + MAX_DATA];

	memcpy(bytes, header, sizeof(*header));
	memcpy(bytes + sizeof(*header), data, len);
	if (fdmsg_send(server.sock, bytes, sizeof(*header) + len, fds, nr_fds) < 0)
		hang_up();
}

/* A configuration space that is memory, whatever is written there. */
static size_t
answer_config(uint16_t command, const uint8_t *data, size_t len, uint8_t *reply)
{
	const struct vfio_region_info info = {
		.argsz = sizeof(info),
		.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE,
		.index = CONFIG_REGION,
		.size = CONFIG_LEN,
	};
	struct vfio_user_region_access access;
	struct vfio_region_info asked;

	if ((server.settings & SETTINGS_CONFIG) == 0)
		return 0;
	if (command == VFIO_USER_DEVICE_GET_REGION_INFO) {
		memcpy(&asked, data, sizeof(asked));
		if (asked.index != CONFIG_REGION)
			return 0;
		memcpy(reply, &info, sizeof(info));
		return sizeof(info);
	}
	memcpy(&access, data, sizeof(access));
	if (access.region != CONFIG_REGION)
		return 0;
	FUZZ_CHECK(access.offset < CONFIG_LEN &&
		access.count <= CONFIG_LEN - access.offset);
	memcpy(reply, &access, sizeof(access));
	if (command == VFIO_USER_REGION_READ) {
		memcpy(reply + sizeof(access), server.config + access.offset, access.count);
		return sizeof(access) + access.count;
	}
	FUZZ_CHECK(len == sizeof(access) + access.count);
	memcpy(server.config + access.offset, data + sizeof(access), access.count);
	return sizeof(access);
}

/* As a server should; false: the input says what comes. */
static bool
answer_well(const struct vfio_user_header *request, const uint8_t *data, size_t len)
{
	static const uint8_t version[] = "\0\0\1\0{\"capabilities\":{\"max_msg_fds\":2}}";
	const struct vfio_user_device_info info = {
		.argsz = sizeof(info),
		.flags = VFIO_DEVICE_FLAGS_RESET | ((server.settings & SETTINGS_CONFIG) != 0 ?
			VFIO_DEVICE_FLAGS_PCI : 0),
		.num_regions = MAX_REGIONS,
		.num_irqs = MAX_IRQS - 1,
	};
	struct vfio_user_header header = {
		.id = request->id,
		.command = request->command,
		.flags = VFIO_USER_F_TYPE_REPLY,
	};
	uint8_t config[sizeof(struct vfio_user_region_access) + CONFIG_LEN];
	const void *reply = data;
	uint8_t setting = SETTINGS_REGIONS;
	size_t config_len = 0;

	if (request->command == VFIO_USER_DEVICE_GET_REGION_INFO ||
			request->command == VFIO_USER_REGION_READ ||
			request->command == VFIO_USER_REGION_WRITE)
		config_len = answer_config(request->command, data, len, config);
	if (config_len > 0) {
		header.size = sizeof(header) + config_len;
		send_message(&header, config, config_len, NULL, 0);
		return true;
	}

	switch (request->command) {
	case VFIO_USER_VERSION:
		setting = SETTINGS_AGREE;
		reply = version;
		len = sizeof(version);
		break;
	case VFIO_USER_DEVICE_GET_INFO:
		setting = SETTINGS_AGREE;
		reply = &info;
		len = sizeof(info);
		break;
	case VFIO_USER_DMA_MAP:
		len = 0;
		/* fallthrough */
	case VFIO_USER_DMA_UNMAP:
		setting = SETTINGS_MEMORY;
		break;
	case VFIO_USER_DEVICE_SET_IRQS:
	case VFIO_USER_DEVICE_RESET:
		len = 0;
		break;
	case VFIO_USER_REGION_WRITE:
		len = sizeof(struct vfio_user_region_access);
		break;
	default:
		return false;
	}
	if ((server.settings & setting) == 0)
		return false;
	header.size = sizeof(header) + len;
	send_message(&header, reply, len, NULL, 0);
	return true;
}

/* The next step; true: it was no reply, and another one is due. */
static bool
take_step(const struct vfio_user_header *request)
{
	struct vfio_user_header header = {
		.id = request->id,
		.command = request->command,
		.flags = VFIO_USER_F_TYPE_REPLY,
	};
	uint8_t bytes[MAX_DATA], flags;
	int fds[MAX_FDS], fd;
	unsigned int nr_fds;
	uint64_t place;
	uint16_t len;

	if (server.size < 4) {
		hang_up();
		return false;
	}
	flags = server.data[0];
	nr_fds = server.data[1] % (MAX_FDS + 1);
	memcpy(&len, server.data + 2, sizeof(len));
	len = le16toh(len) % MAX_DATA;
	server.data += 4;
	server.size -= 4;
	if (len > server.size)
		len = server.size;
	memcpy(bytes, server.data, len);
	server.data += len;
	server.size -= len;
	fd = (flags & STEP_EVENTFDS) != 0 ? event : file;
	for (unsigned int i = 0; i < nr_fds; i++)
		fds[i] = fd;
	if ((flags & STEP_PLACE) != 0 && len >= sizeof(place)) {
		memcpy(&place, bytes, sizeof(place));
		place = (uintptr_t)memory + le64toh(place) % (2 * MEMORY_LEN);
		memcpy(bytes, &place, sizeof(place));
	}
	if ((flags & STEP_RAW) != 0) {
		if (len > 0 && fdmsg_send(server.sock, bytes, len, fds, nr_fds) < 0)
			hang_up();
		return false;
	}
	if ((flags & STEP_COMMAND) != 0) {
		header.id = 0x8000 | len;
		header.command = (flags & STEP_WRITE) != 0 ? VFIO_USER_DMA_WRITE :
			VFIO_USER_DMA_READ;
		header.flags = VFIO_USER_F_TYPE_COMMAND;
	}
	header.size = sizeof(header) + len;
	if ((flags & STEP_ERROR) != 0 && len >= sizeof(header.error)) {
		memcpy(&header.error, bytes, sizeof(header.error));
		header.flags |= VFIO_USER_F_ERROR;
		header.size = sizeof(header);
		len = 0;
	}
	if ((flags & STEP_SIZE) != 0 && len >= sizeof(header.size))
		memcpy(&header.size, bytes, sizeof(header.size));
	send_message(&header, bytes, len, fds, nr_fds);
	return (flags & STEP_COMMAND) != 0;
}

static void
take_config(void)
{
	size_t len;

	if (server.size < 4)
		return;
	len = server.data[2] | server.data[3] << 8;
	if (len > server.size - 4)
		len = server.size - 4;
	memcpy(server.config, server.data + 4, RTE_MIN(len, sizeof(server.config)));
	server.data += 4 + len;
	server.size -= 4 + len;
}

/* What the client says has to be right, whatever it was told. */
static void
take_request(const struct vfio_user_header *header, const uint8_t *data)
{
	FUZZ_CHECK((header->flags & VFIO_USER_F_TYPE) <= VFIO_USER_F_TYPE_REPLY);
	if ((header->flags & VFIO_USER_F_TYPE) == VFIO_USER_F_TYPE_REPLY)
		return; /* to a command of ours */
	FUZZ_CHECK(header->command >= VFIO_USER_VERSION &&
		header->command <= VFIO_USER_DEVICE_RESET);
	if (answer_well(header, data, header->size - sizeof(*header)))
		return;
	while (server.sock >= 0 && take_step(header))
		;
}

/* Serve what is there. */
static void
serve(void)
{
	struct vfio_user_header header;
	int fds[FDMSG_MAX_FDS];
	unsigned int nr_fds;
	ssize_t n;

	if (server.sock < 0 && !server.hung_up)
		server.sock = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	while (server.sock >= 0) {
		n = fdmsg_recv(server.sock, server.in + server.in_len,
			sizeof(server.in) - server.in_len, fds, &nr_fds);
		fdmsg_close(fds, nr_fds);
		if (n <= 0)
			break;
		server.in_len += n;
		while (server.sock >= 0 && server.in_len >= sizeof(header)) {
			memcpy(&header, server.in, sizeof(header));
			FUZZ_CHECK(header.size >= sizeof(header) &&
				header.size <= sizeof(server.in));
			if (server.in_len < header.size)
				break;
			take_request(&header, server.in + sizeof(header));
			server.in_len -= header.size;
			memmove(server.in, server.in + header.size, server.in_len);
		}
	}
}

/*
 * The client waits. If the server has nothing to say to that, it is over; but not if the
 * client only looks.
 */
int
__wrap_poll(struct pollfd *fds, nfds_t nr_fds, int timeout)
{
	int n;

	serve();
	n = __real_poll(fds, nr_fds, 0);
	if (n == 0 && timeout != 0) {
		hang_up();
		n = __real_poll(fds, nr_fds, 0);
	}
	return n;
}

int
__wrap_rte_intr_callback_register(const struct rte_intr_handle *handle __rte_unused,
	rte_intr_callback_fn callback, void *arg)
{
	watch.callback = callback;
	watch.arg = arg;
	return 0;
}

int
__wrap_rte_intr_callback_unregister(const struct rte_intr_handle *handle __rte_unused,
	rte_intr_callback_fn callback __rte_unused, void *arg __rte_unused)
{
	watch.callback = NULL;
	return 1;
}

int
__wrap_rte_intr_callback_unregister_pending(
	const struct rte_intr_handle *handle __rte_unused,
	rte_intr_callback_fn callback __rte_unused, void *arg __rte_unused,
	rte_intr_unregister_callback_fn unregistered __rte_unused)
{
	watch.callback = NULL;
	return 1;
}

/* EAL's thread looks whether the server asks for something. */
static void
look(void)
{
	if (watch.callback != NULL)
		watch.callback(watch.arg);
}

static void
remove_socket(void)
{
	unlink(path);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	rte_log_set_global_level(RTE_LOG_EMERG);
	snprintf(path, sizeof(path), "/tmp/fuzz-vfu-client-%d", (int)getpid());
	listener = fdmsg_listen(path);
	atexit(remove_socket);
	memory_fd = memfd_create("fuzz", MFD_CLOEXEC);
	file = memfd_create("fuzz", MFD_CLOEXEC);
	event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	FUZZ_CHECK(listener >= 0 && event >= 0 && ftruncate(memory_fd, MEMORY_LEN) == 0 &&
		ftruncate(file, FILE_LEN) == 0);
	memory = mmap(NULL, MEMORY_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd, 0);
	FUZZ_CHECK(memory != MAP_FAILED);
	return 0;
}

static void
use_region(struct vfio_dev *dev, uint32_t index)
{
	struct vfio_region *region;
	uint8_t buf[16] = { 0 };
	volatile uint8_t *p;

	if (vfio_region_get(dev, index, &region) < 0)
		return;
	vfio_region_read(region, 0, buf, 4);
	vfio_region_ioeventfd(region, 8, 2, 1);
	if (vfio_region_map(region) == 0) {
		p = vfio_region_ptr(region, PAGE, 1);
		if (p != NULL && (region->flags & VFIO_REGION_INFO_FLAG_READ) != 0)
			buf[0] = *p;
		if (p != NULL && (region->flags & VFIO_REGION_INFO_FLAG_WRITE) != 0)
			*p = 1;
	}
	vfio_region_read(region, 4, buf, sizeof(buf));
	vfio_region_write(region, 1, buf, 7);
	vfio_region_unmap(region);
}

static void
use_irqs(struct vfio_dev *dev)
{
	const int32_t fds[] = { event, -1, event, event };
	struct vfio_irq irq;
	uint32_t index;

	for (index = 0; index < MAX_IRQS; index++) {
		if (vfio_irq_get(dev, index, &irq) < 0 || irq.count == 0)
			continue;
		vfio_irq_set_eventfds(dev, index, 0,
			irq.count < RTE_DIM(fds) ? irq.count : RTE_DIM(fds), fds);
		vfio_irq_mask(dev, index, 0, 1);
		vfio_irq_disable(dev, index);
	}
}

/* All that a driver may do with a device. */
static void
use_device(struct vfio_dev *dev)
{
	uint32_t index;

	vfio_dma_map(dev, memory, 0, MEMORY_LEN);
	look();
	for (index = 0; index < MAX_REGIONS; index++) {
		use_region(dev, index);
		look();
	}
	use_irqs(dev);
	look();
	vfio_dev_reset(dev);
	look();
	vfio_dma_unmap(dev, memory, 0, MEMORY_LEN);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int fds = count_open_fds();
	struct vfio_dev *dev;

	if (size < 1)
		return 0;
	server.settings = data[0];
	server.data = data + 1;
	server.size = size - 1;
	server.sock = -1;
	server.hung_up = false;
	server.in_len = 0;
	memset(server.config, 0, sizeof(server.config));
	if ((server.settings & SETTINGS_CONFIG) != 0)
		take_config();
	if (vfio_dev_open(path, "fuzz", &dev) == 0) {
		use_device(dev);
		vfio_dev_close(dev);
	}
	if (server.sock < 0 && !server.hung_up)
		serve(); /* connected, and nothing sent */
	fdmsg_close(&server.sock, 1);
	FUZZ_CHECK(count_open_fds() == fds);
	return 0;
}
