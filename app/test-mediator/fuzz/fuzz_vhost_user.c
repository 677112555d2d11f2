/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * libFuzzer: the front-end of vhost-user, with a backend that says what it likes, and a
 * device that asks whatever it may at that moment.
 *
 * An input is a byte of settings (SETTINGS_*) and then steps: an operation (1 byte: OP_*,
 * with a bit for each, FLAG) with its bytes, which are 0 where the input ends.
 * corpus/make_vhost_user.py writes such inputs. No time passes: what waits for some has it
 * at once, or never.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <linux/vhost_types.h>
#include <linux/virtio_net.h>

#include "fdmsg.h"
#include "fuzz.h"
#include "log.h"
#include "open_fds.h"
#include "vhost_user_private.h"

#define SETTINGS_LISTEN 1     /* the front-end does */
#define SETTINGS_PAIRS 6      /* 1 to 4 of them */
#define SETTINGS_PAIRS_SHIFT 1
#define SETTINGS_NARROW 8     /* the socket holds few messages */
#define SETTINGS_GONE 0x70    /* destroyed in the callback of that number, if not 0 */
#define SETTINGS_GONE_SHIFT 4
#define SETTINGS_SETTLED 0x80 /* a connection is a good one at once */

enum {
	OP_ROUND,    /* of the loop */
	OP_REPLY,    /* to the next request: the payload (8 bytes) */
	OP_GOOD,     /* replies to so many requests (1 byte), as they should be */
	OP_HEADER,   /* a message: request (1 byte), flags and size (2 bytes each) */
	OP_BYTES,    /* so many bytes (1 byte); FLAG: with a file descriptor */
	OP_HANG_UP,  /* FLAG: only half of it */
	OP_LATE,     /* the time for an answer is over */
	OP_START,    /* of so many rings (1 byte), see ring_of() for each; FLAG: packed */
	OP_STOP,
	OP_MEMORY,   /* other memory: see choose_memory(); FLAG: prepare only */
	OP_ENABLE,   /* so many rings (1 byte) */
	OP_CALL,     /* an eventfd of a ring (1 byte); FLAG: none */
	OP_CONNECT,  /* one more backend */
	OP_COUNT,
};
#define FLAG 0x80

enum { CALL_NONE, CALL_UP, CALL_DOWN, CALL_DONE, CALL_CALLED };

#define MAX_PAIRS 4
#define NEVER 1000000000u
#define IOVA UINT64_C(0x100000)
#define FILE_LEN UINT64_C(0x10000)
#define MAX_OWED 256

#define FEATURES (VU_BIT(VIRTIO_F_VERSION_1) | VU_BIT(VIRTIO_F_RING_PACKED) | \
	VU_BIT(VIRTIO_NET_F_MQ) | VU_BIT(VIRTIO_NET_F_MTU) | VU_BIT(VU_F_PROTOCOL_FEATURES))
#define PROTOCOL (VU_BIT(VU_PROTOCOL_F_MQ) | VU_BIT(VU_PROTOCOL_F_REPLY_ACK) | \
	VU_BIT(VU_PROTOCOL_F_NET_MTU) | VU_BIT(VU_PROTOCOL_F_STATUS))

struct input {
	const uint8_t *data;
	size_t size;
};

/* A request that is to be answered. */
struct owed {
	uint32_t request, index;
};

static struct {
	int sock;            /* -1: not connected */
	uint8_t in[sizeof(struct vu_header) + sizeof(struct vu_memory)];
	size_t in_len;
	struct owed owed[MAX_OWED];
	unsigned int nr_owed;
} backend;

static struct {
	struct vhost_user *vu;
	unsigned int destroy_at; /* CALL_* */
	bool busy;           /* in a function of vu, which calls nobody back */
	bool pending;        /* an operation is to be reported */
	bool up;
	uint16_t pairs;
} device;

static char path[64];
static struct loop *loop;
static int files[2], event, listener = -1;
static struct dma_range ranges[2];
static unsigned int nr_ranges;

static uint8_t
take(struct input *input)
{
	if (input->size == 0)
		return 0;
	input->size--;
	return *input->data++;
}

static uint64_t
take_bytes(struct input *input, unsigned int count)
{
	uint64_t value = 0;
	unsigned int i;

	for (i = 0; i < count; i++)
		value |= (uint64_t)take(input) << 8 * i;
	return value;
}

/* The device's side */

static void
called_back(unsigned int which)
{
	struct vhost_user *vu = device.vu;

	FUZZ_CHECK(!device.busy && vu != NULL);
	if (device.destroy_at != which)
		return;
	device.vu = NULL;
	vhost_user_destroy(vu);
}

static void
on_up(void *arg)
{
	(void)arg;
	FUZZ_CHECK(!device.up && vhost_user_is_up(device.vu));
	FUZZ_CHECK(vhost_user_max_pairs(device.vu) >= 1 &&
		vhost_user_max_pairs(device.vu) <= device.pairs);
	FUZZ_CHECK((vhost_user_features(device.vu) & VU_NOT_VIRTIO) == 0);
	device.up = true;
	called_back(CALL_UP);
}

static void
on_down(void *arg)
{
	(void)arg;
	FUZZ_CHECK(device.up && !vhost_user_is_up(device.vu));
	device.up = false;
	device.pending = false;
	called_back(CALL_DOWN);
}

static void
on_done(void *arg, int ret)
{
	(void)arg;
	FUZZ_CHECK(device.up && device.pending && ret <= 0);
	device.pending = false;
	called_back(CALL_DONE);
}

static void
on_called(void *arg, unsigned int index)
{
	(void)arg;
	FUZZ_CHECK(device.up && index < 2u * device.pairs);
	called_back(CALL_CALLED);
}

static void
set_times(uint32_t reply, bool settled)
{
	const struct vu_times times = {
		.reply = reply,
		.settle = settled ? 0 : NEVER,
	};

	vhost_user_set_times(device.vu, &times);
}

/* Rings that lie one behind the other, unless the input says that they do not. */
static struct vhost_user_vring
ring_of(struct input *input, unsigned int index)
{
	const uint8_t how = take(input);
	const uint64_t at = IOVA + (how >> 5) * UINT64_C(0x1004) + index * UINT64_C(0x400);

	return (struct vhost_user_vring) {
		.size = (how & 1) != 0 ? 0 : (how & 2) != 0 ? take_bytes(input, 2) : 16,
		.enabled = (how & 4) == 0,
		.desc = at,
		.avail = at + 0x100,
		.used = at + 0x200 + ((how & 8) != 0 ? take(input) : 0),
		.base = index,
		.kick_fd = (how & 16) != 0 ? -1 : event,
		.call_fd = (how & 16) != 0 ? -1 : event,
	};
}

static void
choose_memory(struct input *input)
{
	const uint8_t how = take(input);

	nr_ranges = how % 3;
	ranges[0] = (struct dma_range) {
		.iova = IOVA + ((how & 4) != 0 ? FILE_LEN : 0),
		.size = (how & 8) != 0 ? FILE_LEN / 2 : FILE_LEN,
		.offset = (how & 16) != 0 ? 4096 : 0,
		.fd = files[how >> 5 & 1],
	};
	ranges[1] = (struct dma_range) {
		.iova = IOVA + ((how & 4) != 0 ? 0 : FILE_LEN),
		.size = FILE_LEN,
		.fd = files[how >> 6 & 1],
	};
}

static int
start(struct input *input, bool packed)
{
	struct vhost_user_vring vrings[2 * MAX_PAIRS + 1];
	unsigned int count = take(input) % (2 * MAX_PAIRS + 2), i;
	const uint64_t features = vhost_user_features(device.vu) &
		~(packed ? 0 : VU_BIT(VIRTIO_F_RING_PACKED));

	for (i = 0; i < count; i++)
		vrings[i] = ring_of(input, i);
	return vhost_user_start(device.vu, features, ranges, nr_ranges, vrings, count, 1500);
}

/* Of a backend that is stopped, or of one that runs. */
static int
tell_memory(bool stopped)
{
	if (!stopped)
		return vhost_user_set_memory(device.vu, ranges, nr_ranges);
	return nr_ranges > 0 ? vhost_user_prepare(device.vu, ranges, nr_ranges) :
		vhost_user_release(device.vu, ranges, nr_ranges);
}

/* An operation at any time: refused, or reported later. */
static void
operate(struct input *input, unsigned int op, bool flag)
{
	const bool ready = device.up && !device.pending;
	int ret;

	device.busy = true;
	switch (op) {
	case OP_START:
		ret = start(input, flag);
		break;
	case OP_STOP:
		ret = vhost_user_stop(device.vu);
		break;
	case OP_ENABLE:
		ret = vhost_user_enable(device.vu, take(input) % (2 * MAX_PAIRS + 2));
		break;
	default:
		choose_memory(input);
		ret = tell_memory(flag);
		break;
	}
	device.busy = false;
	FUZZ_CHECK(ret < 0 || ready);
	FUZZ_CHECK(ret <= 0 || (op == OP_MEMORY && flag));
	if (ret == 0)
		device.pending = true;
}

static void
set_call(struct input *input, bool none)
{
	const unsigned int index = take(input);
	int ret;

	device.busy = true;
	ret = vhost_user_set_call(device.vu, index, none ? -1 : event);
	device.busy = false;
	FUZZ_CHECK(ret < 0 || (device.up && index < 2u * device.pairs));
	vhost_user_base(device.vu, index);
}

/* The backend's side */

static void
hang_up(void)
{
	fdmsg_close(&backend.sock, 1);
	backend.sock = -1;
	backend.in_len = 0;
	backend.nr_owed = 0;
}

static void
send_bytes(const void *bytes, size_t len, bool with_fd)
{
	if (backend.sock >= 0 && len > 0 &&
			fdmsg_send(backend.sock, bytes, len, &event, with_fd) == -EPIPE)
		hang_up();
}

/* What is said to a backend is right, whatever it answered. */
static void
heard(const struct vu_header *header, const uint8_t *payload)
{
	struct owed owed = { .request = header->request };
	struct vu_memory memory = { 0 };

	FUZZ_CHECK((header->flags & ~VU_NEED_REPLY) == VU_VERSION);
	if (header->request == VU_SET_MEM_TABLE) {
		memcpy(&memory, payload, header->size);
		FUZZ_CHECK(memory.nregions <= VHOST_USER_MAX_REGIONS && header->size ==
			offsetof(struct vu_memory, regions) +
			memory.nregions * sizeof(memory.regions[0]));
	} else {
		FUZZ_CHECK(header->size == 0 || header->size == VU_REPLY_SIZE ||
			header->size == sizeof(struct vhost_vring_addr));
	}
	if (header->size >= sizeof(owed.index))
		memcpy(&owed.index, payload, sizeof(owed.index));
	if (!vu_is_query(header->request) && (header->flags & VU_NEED_REPLY) == 0)
		return;
	/* more than the front-end waits for only if it was answered by OP_HEADER */
	if (backend.nr_owed < MAX_OWED)
		backend.owed[backend.nr_owed++] = owed;
}

static void
listen_to(void)
{
	struct vu_header header;
	int fds[FDMSG_MAX_FDS];
	unsigned int nr_fds;
	size_t len;
	ssize_t n;

	if (backend.sock < 0 && listener >= 0)
		backend.sock = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	while (backend.sock >= 0) {
		len = sizeof(header);
		if (backend.in_len >= len) {
			memcpy(&header, backend.in, sizeof(header));
			FUZZ_CHECK(header.size <= sizeof(struct vu_memory));
			len += header.size;
		}
		if (backend.in_len == len) {
			backend.in_len = 0;
			heard(&header, backend.in + sizeof(header));
			continue;
		}
		n = fdmsg_recv(backend.sock, backend.in + backend.in_len,
			len - backend.in_len, fds, &nr_fds);
		fdmsg_close(fds, nr_fds);
		if (n == -EAGAIN)
			return;
		if (n <= 0)
			hang_up();
		else
			backend.in_len += n;
	}
}

static void
reply(uint32_t flags, uint32_t size, uint32_t request, uint64_t payload)
{
	const struct vu_header header = {
		.request = request,
		.flags = flags,
		.size = size,
	};
	uint8_t bytes[sizeof(header) + sizeof(payload)];

	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), &payload, sizeof(payload));
	send_bytes(bytes, sizeof(bytes), false);
}

static struct owed
next_owed(void)
{
	struct owed owed = { 0 };

	listen_to();
	if (backend.nr_owed == 0)
		return owed;
	owed = backend.owed[0];
	backend.nr_owed--;
	memmove(backend.owed, backend.owed + 1, backend.nr_owed * sizeof(owed));
	return owed;
}

static uint64_t
right_answer(const struct owed *owed)
{
	switch (owed->request) {
	case VU_GET_FEATURES:
		return FEATURES;
	case VU_GET_PROTOCOL_FEATURES:
		return PROTOCOL;
	case VU_GET_QUEUE_NUM:
		return 2;
	case VU_GET_VRING_BASE:
		return owed->index | UINT64_C(7) << 32;
	default:
		return 0;
	}
}

static void
serve(void)
{
	unsigned int i;

	for (i = 0; i < 4; i++) {
		loop_once(loop, 0);
		listen_to();
	}
}

static void
answer_well(unsigned int count)
{
	struct owed owed;

	for (; count > 0; count--) {
		serve();
		owed = next_owed();
		if (owed.request == 0)
			return;
		reply(VU_VERSION | VU_REPLY, VU_REPLY_SIZE, owed.request,
			right_answer(&owed));
	}
	serve();
}

static void
connect_backend(void)
{
	int sock;

	if (listener >= 0)
		return;
	sock = fdmsg_connect(path);
	if (sock < 0)
		return;
	if (backend.sock >= 0)
		close(sock); /* one too many */
	else
		backend.sock = sock;
}

static void
say(struct input *input, unsigned int op, bool flag)
{
	uint8_t bytes[UINT8_MAX];
	uint32_t request, flags;
	struct owed owed;
	size_t len, i;

	switch (op) {
	case OP_REPLY:
		owed = next_owed();
		reply(VU_VERSION | VU_REPLY, VU_REPLY_SIZE, owed.request,
			take_bytes(input, sizeof(uint64_t)));
		break;
	case OP_GOOD:
		answer_well(take(input));
		break;
	case OP_HEADER:
		request = take(input);
		flags = take_bytes(input, 2);
		reply(flags, take_bytes(input, 2), request, 0);
		break;
	case OP_BYTES:
		len = take(input);
		for (i = 0; i < len; i++)
			bytes[i] = take(input);
		send_bytes(bytes, len, flag);
		break;
	case OP_HANG_UP:
		if (!flag)
			hang_up();
		else if (backend.sock >= 0)
			shutdown(backend.sock, SHUT_WR);
		break;
	default:
		connect_backend();
		break;
	}
}

static void
narrow(void)
{
	const int len = 1;

	if (device.vu->sock >= 0)
		FUZZ_CHECK(setsockopt(device.vu->sock, SOL_SOCKET, SO_SNDBUF, &len,
			sizeof(len)) == 0);
}

static void
step(struct input *input, uint8_t settings)
{
	const uint8_t byte = take(input);
	const unsigned int op = (byte & ~FLAG) % OP_COUNT;
	const bool flag = (byte & FLAG) != 0;

	if ((settings & SETTINGS_NARROW) != 0)
		narrow();
	if (op == OP_LATE)
		set_times(0, (settings & SETTINGS_SETTLED) != 0);
	else if (op == OP_CALL)
		set_call(input, flag);
	else if (op >= OP_START && op <= OP_ENABLE)
		operate(input, op, flag);
	else if (op != OP_ROUND)
		say(input, op, flag);
	/* what comes next is sent to nobody */
	if (op != OP_HANG_UP)
		loop_once(loop, 0);
	if (op == OP_LATE && device.vu != NULL)
		set_times(NEVER, (settings & SETTINGS_SETTLED) != 0);
	if (backend.sock < 0)
		connect_backend();
	if (op == OP_ROUND)
		serve();
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
	log_set_level(-1);
	snprintf(path, sizeof(path), "/tmp/fuzz-vhost-user-%d", (int)getpid());
	atexit(remove_socket);
	backend.sock = -1;
	loop = loop_create();
	event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	files[0] = memfd_create("fuzz", MFD_CLOEXEC);
	files[1] = memfd_create("fuzz", MFD_CLOEXEC);
	FUZZ_CHECK(loop != NULL && event >= 0 && files[0] >= 0 && files[1] >= 0);
	return 0;
}

static void
create(uint8_t settings)
{
	static const struct vhost_user_ops ops = {
		.up = on_up,
		.down = on_down,
		.done = on_done,
		.called = on_called,
	};
	const struct vhost_user_conf conf = {
		.name = "mdev:fuzz",
		.path = path,
		.listen = (settings & SETTINGS_LISTEN) != 0,
		.max_pairs = 1 + ((settings & SETTINGS_PAIRS) >> SETTINGS_PAIRS_SHIFT),
	};

	memset(&device, 0, sizeof(device));
	device.pairs = conf.max_pairs;
	device.destroy_at = (settings & SETTINGS_GONE) >> SETTINGS_GONE_SHIFT;
	FUZZ_CHECK(vhost_user_create(loop, &conf, &ops, &device, &device.vu) == 0);
	set_times(NEVER, (settings & SETTINGS_SETTLED) != 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t whole[] = { 1 };
	struct input input = { .data = data, .size = size };
	struct input memory = { .data = whole, .size = sizeof(whole) };
	unsigned int fds = count_open_fds();
	uint8_t settings = take(&input);

	choose_memory(&memory);
	if ((settings & SETTINGS_LISTEN) == 0)
		listener = fdmsg_listen(path);
	create(settings);
	connect_backend();
	while (input.size > 0 && device.vu != NULL)
		step(&input, settings);
	vhost_user_destroy(device.vu);
	hang_up();
	fdmsg_close(&listener, 1);
	listener = -1;
	unlink(path);
	/* nobody is told of one that is no more, and nothing is left of it */
	device.busy = true;
	loop_once(loop, 0);
	FUZZ_CHECK(count_open_fds() == fds);
	return 0;
}
