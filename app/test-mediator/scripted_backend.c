/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <linux/vhost_types.h>

#include <rte_common.h>

#include "fdmsg.h"
#include "scripted_backend.h"

#define FLOOD 2000

static void
forget_fds(struct backend *b)
{
	unsigned int i;

	for (i = 0; i < BACKEND_RINGS; i++) {
		fdmsg_close(&b->kick[i], 1);
		fdmsg_close(&b->call[i], 1);
		b->kick[i] = b->call[i] = -1;
	}
	fdmsg_close(b->fds, b->nr_fds);
	b->nr_fds = 0;
}

int
backend_open(struct backend *b, const char *path, bool listens)
{
	memset(b, 0, sizeof(*b));
	b->features = BACKEND_FEATURES;
	b->protocol = BACKEND_PROTOCOL;
	b->queues = 128;
	b->listener = b->sock = -1;
	memset(b->kick, 0xff, sizeof(b->kick));
	memset(b->call, 0xff, sizeof(b->call));
	snprintf(b->path, sizeof(b->path), "%s", path);
	b->seen = calloc(BACKEND_SEEN, sizeof(*b->seen));
	if (b->seen == NULL)
		return -1;
	if (listens)
		b->listener = fdmsg_listen(path);
	return listens && b->listener < 0 ? -1 : 0;
}

void
backend_hang_up(struct backend *b)
{
	forget_fds(b);
	fdmsg_close(&b->sock, 1);
	b->sock = -1;
	b->len = 0;
	b->mute = false;
	b->agreed = 0;
	b->memory.nregions = 0;
	memset(b->rings, 0, sizeof(b->rings));
}

void
backend_close(struct backend *b)
{
	backend_hang_up(b);
	if (b->listener >= 0) {
		close(b->listener);
		unlink(b->path);
	}
	b->listener = -1;
	free(b->seen);
	b->seen = NULL;
}

void
backend_take(struct backend *b, int fd)
{
	b->sock = fd;
	b->connections++;
}

int
backend_connect(struct backend *b)
{
	int fd = fdmsg_connect(b->path);

	if (fd < 0)
		return -1;
	backend_take(b, fd);
	return 0;
}

static bool
accept_one(struct backend *b)
{
	int fd;

	if (b->listener < 0)
		return false;
	fd = accept4(b->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return false;
	backend_take(b, fd);
	return true;
}

static void
send_all(struct backend *b, const void *buf, size_t len, unsigned int nr_fds)
{
	const int fds[] = { 2, 2, 2, 2, 2, 2, 2, 2, 2, 2 }; /* any that is open */

	if (fdmsg_send(b->sock, buf, len, fds, RTE_MIN(nr_fds, RTE_DIM(fds))) !=
			(ssize_t)len)
		b->mistaken = true;
}

/* A socket that is full, or closed because of it, is the end. */
static void
flood(struct backend *b, const void *buf, size_t len)
{
	unsigned int i;

	for (i = 0; i < FLOOD; i++) {
		if (fdmsg_send(b->sock, buf, len, NULL, 0) < 0)
			return;
	}
}

static void
misbehave(struct backend *b, struct vu_header *header, uint64_t value)
{
	uint8_t reply[sizeof(*header) + 2 * sizeof(value)] = { 0 };
	size_t len = sizeof(*header) + sizeof(value);
	struct vhost_vring_state state;
	unsigned int nr_fds = 0;
	uint32_t sizes[] = { 0, 4, 16, UINT32_MAX };

	switch (b->mischief) {
	case MISCHIEF_MUTE:
		b->mute = true;
		return;
	case MISCHIEF_HALF:
	case MISCHIEF_HALF_CLOSE:
		b->mute = true;
		len = 7;
		break;
	case MISCHIEF_CLOSE:
		backend_hang_up(b);
		return;
	case MISCHIEF_OTHER_REQUEST:
		header->request++;
		break;
	case MISCHIEF_NO_REPLY_BIT:
		header->flags &= ~VU_REPLY;
		break;
	case MISCHIEF_OTHER_VERSION:
		header->flags ^= 3;
		break;
	case MISCHIEF_EMPTY:
	case MISCHIEF_SHORT:
	case MISCHIEF_LONG:
	case MISCHIEF_HUGE:
		header->size = sizes[b->mischief - MISCHIEF_EMPTY];
		len = sizeof(*header) + RTE_MIN(header->size, 16u);
		break;
	case MISCHIEF_WITH_FD:
		nr_fds = 1;
		break;
	case MISCHIEF_WITH_MANY_FDS:
		nr_fds = 10;
		break;
	case MISCHIEF_NACK:
		value = 1;
		break;
	case MISCHIEF_NO_QUEUES:
		value = 0;
		break;
	case MISCHIEF_OTHER_RING:
		memcpy(&state, &value, sizeof(state));
		state.index += 2;
		memcpy(&value, &state, sizeof(value));
		break;
	default:
		break;
	}
	memcpy(reply, header, sizeof(*header));
	memcpy(reply + sizeof(*header), &value, sizeof(value));
	if (b->mischief == MISCHIEF_GARBAGE)
		memset(reply, 0xa5, sizeof(reply));
	send_all(b, reply, len, nr_fds);
	if (b->mischief == MISCHIEF_TWICE)
		send_all(b, reply, len, nr_fds);
	if (b->mischief == MISCHIEF_FLOOD)
		flood(b, reply, len);
	if (b->mischief == MISCHIEF_HALF_CLOSE)
		backend_hang_up(b);
}

/* Whether it is answered, and how. */
static bool
answer(struct backend *b, const struct vu_header *header, const uint8_t *payload,
		uint64_t *value)
{
	struct vhost_vring_state state;

	*value = 0;
	switch (header->request) {
	case VU_GET_FEATURES:
		*value = b->features;
		return true;
	case VU_GET_PROTOCOL_FEATURES:
		*value = b->protocol;
		return true;
	case VU_GET_QUEUE_NUM:
		*value = b->queues;
		return true;
	case VU_GET_VRING_BASE:
		memcpy(&state, payload, sizeof(state));
		state.num = b->base + state.index;
		memcpy(value, &state, sizeof(*value));
		return true;
	default:
		return (header->flags & VU_NEED_REPLY) != 0;
	}
}

static void
keep_memory(struct backend *b, const struct vu_header *header, const uint8_t *payload)
{
	struct vu_memory memory;
	struct stat st;
	bool same;
	unsigned int i;

	memset(&memory, 0, sizeof(memory));
	memcpy(&memory, payload, header->size);
	b->mistaken |= b->nr_fds != memory.nregions;
	same = memory.nregions == b->memory.nregions;
	for (i = 0; same && i < b->nr_fds; i++)
		same = memory.regions[i].guest_phys_addr ==
			b->memory.regions[i].guest_phys_addr &&
			memory.regions[i].memory_size == b->memory.regions[i].memory_size;
	for (i = 0; !same && i < b->nr_fds; i++)
		b->inodes[i] = fstat(b->fds[i], &st) == 0 ? st.st_ino : 0;
	if (!same)
		b->memory = memory;
	fdmsg_close(b->fds, b->nr_fds);
}

static bool
lacks_ring(const struct backend *b, const struct vu_memory *memory)
{
	const struct vu_region *region;
	unsigned int i, j;

	for (i = 0; i < BACKEND_RINGS; i++) {
		for (j = 0; j < memory->nregions; j++) {
			region = &memory->regions[j];
			if (b->rings[i] - region->userspace_addr < region->memory_size)
				break;
		}
		if (b->rings[i] != 0 && j == memory->nregions)
			return true;
	}
	return false;
}

/* Whether it gives up. */
static bool
misses_rings(struct backend *b, const struct vu_header *header, const uint8_t *payload)
{
	struct vhost_vring_addr addr;
	struct vu_memory memory;

	memset(&memory, 0, sizeof(memory));
	memcpy(&memory, payload, header->request == VU_SET_MEM_TABLE ? header->size : 0);
	memcpy(&addr, payload, sizeof(addr));
	if (header->request == VU_SET_VRING_ADDR)
		b->rings[addr.index & (BACKEND_RINGS - 1)] = addr.desc_user_addr;
	return b->keeps_rings && header->request == VU_SET_MEM_TABLE &&
		lacks_ring(b, &memory);
}

static void
keep_fds(struct backend *b, const struct vu_header *header, const uint8_t *payload)
{
	unsigned int i;
	uint64_t value;
	int *fds = header->request == VU_SET_VRING_KICK ? b->kick : b->call;

	memcpy(&value, payload, sizeof(value));
	switch (header->request) {
	case VU_SET_VRING_KICK:
	case VU_SET_VRING_CALL:
		i = value & (BACKEND_RINGS - 1);
		b->mistaken |= b->nr_fds != ((value & VU_VRING_NO_FD) != 0 ? 0 : 1);
		fdmsg_close(&fds[i], 1);
		fds[i] = b->nr_fds == 1 ? b->fds[0] : -1;
		break;
	case VU_SET_MEM_TABLE:
		keep_memory(b, header, payload);
		break;
	default:
		b->mistaken |= b->nr_fds != 0;
		fdmsg_close(b->fds, b->nr_fds);
		break;
	}
	b->nr_fds = 0;
}

static void
take_msg(struct backend *b, const struct vu_header *header, const uint8_t *payload)
{
	struct vu_header reply = { header->request, VU_VERSION | VU_REPLY, VU_REPLY_SIZE };
	struct backend_seen *seen = &b->seen[b->nr_seen];
	uint8_t full[sizeof(struct vu_header) + sizeof(uint64_t)];
	uint64_t value;
	bool answered;

	seen->header = *header;
	memcpy(seen->payload, payload, header->size);
	seen->nr_fds = b->nr_fds;
	if (b->nr_seen < BACKEND_SEEN - 1)
		b->nr_seen++;
	/* the agreement is not for the message itself */
	b->mistaken |= (header->flags & VU_NEED_REPLY) != 0 &&
		(b->agreed >> VU_PROTOCOL_F_REPLY_ACK & 1) == 0;
	if (header->request == VU_SET_PROTOCOL_FEATURES) {
		memcpy(&b->agreed, payload, sizeof(b->agreed));
		b->mistaken |= (b->agreed & ~b->protocol) != 0;
	}
	keep_fds(b, header, payload);
	if (misses_rings(b, header, payload)) {
		backend_hang_up(b);
		return;
	}
	answered = answer(b, header, payload, &value);
	if (b->mute)
		return;
	if (b->mischief != MISCHIEF_NONE && b->mischief_at == header->request) {
		b->did_it = true;
		b->did_it_on = b->connections;
		misbehave(b, &reply, value);
		b->mischief = MISCHIEF_NONE;
	} else if (answered) {
		memcpy(full, &reply, sizeof(reply));
		memcpy(full + sizeof(reply), &value, sizeof(value));
		send_all(b, full, sizeof(full), 0);
	}
}

bool
backend_step(struct backend *b)
{
	struct vu_header header;
	int fds[FDMSG_MAX_FDS];
	unsigned int nr_fds;
	size_t want = sizeof(header);
	ssize_t n;

	if (b->sock < 0)
		return accept_one(b);
	if (b->deaf)
		return false;
	if (b->len >= sizeof(header)) {
		memcpy(&header, b->buf, sizeof(header));
		want += header.size;
	}
	n = fdmsg_recv(b->sock, b->buf + b->len, want - b->len, fds, &nr_fds);
	if (n == -EAGAIN)
		return false;
	if (n <= 0) {
		backend_hang_up(b);
		return true;
	}
	/* with the first byte of a message or not at all */
	b->mistaken |= nr_fds > 0 && (b->len > 0 || nr_fds > RTE_DIM(b->fds));
	if (b->len > 0 || nr_fds > RTE_DIM(b->fds)) {
		fdmsg_close(fds, nr_fds);
	} else {
		memcpy(b->fds, fds, nr_fds * sizeof(int));
		b->nr_fds = nr_fds;
	}
	b->len += n;
	if (b->len < sizeof(header))
		return true;
	memcpy(&header, b->buf, sizeof(header));
	if (header.size > sizeof(b->buf) - sizeof(header)) {
		b->mistaken = true;
		backend_hang_up(b);
	} else if (b->len == sizeof(header) + header.size) {
		b->len = 0;
		take_msg(b, &header, b->buf + sizeof(header));
	}
	return true;
}

static void
payload_text(const struct backend_seen *seen, char *text, size_t size)
{
	struct vhost_vring_state state;
	struct vhost_vring_addr addr;
	struct vu_memory memory;
	uint64_t value;

	memcpy(&value, seen->payload, sizeof(value));
	memcpy(&state, seen->payload, sizeof(state));
	memcpy(&addr, seen->payload, sizeof(addr));
	memcpy(&memory, seen->payload, sizeof(memory));
	switch (seen->header.request) {
	case VU_SET_VRING_NUM:
	case VU_SET_VRING_BASE:
	case VU_GET_VRING_BASE:
	case VU_SET_VRING_ENABLE:
		snprintf(text, size, " %u %u", state.index, state.num);
		break;
	case VU_SET_VRING_ADDR:
		snprintf(text, size, " %u %#llx %#llx %#llx", addr.index,
			addr.desc_user_addr, addr.avail_user_addr, addr.used_user_addr);
		break;
	case VU_SET_MEM_TABLE:
		snprintf(text, size, " %u %#" PRIx64 " %#" PRIx64 " %#" PRIx64,
			memory.nregions, memory.regions[0].guest_phys_addr,
			memory.regions[0].memory_size, memory.regions[0].mmap_offset);
		break;
	default:
		if (seen->header.size == sizeof(value))
			snprintf(text, size, " %#" PRIx64, value);
		break;
	}
}

void
backend_text(const struct backend_seen *seen, char *text, size_t size)
{
	char payload[128] = "", fds[16] = "";

	payload_text(seen, payload, sizeof(payload));
	if (seen->nr_fds > 0)
		snprintf(fds, sizeof(fds), " fds %u", seen->nr_fds);
	snprintf(text, size, "%s%s%s%s", vu_request_name(seen->header.request), payload,
		fds, (seen->header.flags & VU_NEED_REPLY) != 0 ? " ack" : "");
}
