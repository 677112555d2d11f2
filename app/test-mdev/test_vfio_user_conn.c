/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The connection to a vfio-user server: what it asks between request and reply, and what
 * is left of it when it hangs or is gone.
 */

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>

#include <rte_malloc.h>

#include <vfio_region.h>
#include <vfio_user_private.h>

#include "captured_log.h"
#include "fake_vfio_user.h"
#include "test.h"

#define PAGE 4096
#define BAR0 VFIO_PCI_BAR0_REGION_INDEX

static struct vfio_dev *dev;
static struct vfio_region *region;
static uint8_t *memory; /* of EAL's */
static int server_ret;  /* what the server found, 0: all is well */
static int normal_timeout;

static int
setup(void)
{
	normal_timeout = vfio_user_timeout_ms;
	memory = rte_zmalloc("test_vfio_user", 2 << 20, PAGE);
	if (memory == NULL || fake_user_start() < 0 ||
			fake_user_back(BAR0, 1 << 20, false) < 0)
		return TEST_FAILED;
	server_ret = -1;
	if (vfio_dev_open(fake_user.folder, FAKE_USER_ADDR, &dev) < 0)
		return TEST_FAILED;
	return vfio_region_get(dev, BAR0, &region);
}

static void
teardown(void)
{
	vfio_user_timeout_ms = normal_timeout;
	vfio_dev_close(dev);
	dev = NULL;
	fake_user_stop();
	rte_free(memory);
}

static bool
gone(void)
{
	struct pollfd pollfd = { .fd = vfio_dev_gone_fd(dev), .events = POLLIN };

	return poll(&pollfd, 1, 0) == 1;
}

/* A command of the server's; what follows its header is sent as it is. */
static int
ask(int sock, uint16_t id, uint16_t command, uint32_t flags, const void *payload,
		size_t len)
{
	const struct vfio_user_header header = {
		.id = id,
		.command = command,
		.flags = flags,
		.size = sizeof(header) + len,
	};

	return fake_user_send(sock, &header, sizeof(header)) < 0 ||
		fake_user_send(sock, payload, len) < 0 ? -1 : 0;
}

/* The answer to it: its size after the header, or minus its error. */
static int
answer(int sock, uint16_t id, uint16_t command, void *payload, size_t room)
{
	struct vfio_user_header header;

	if (fake_user_recv(sock, &header, sizeof(header)) < 0 || header.id != id ||
			header.command != command ||
			header.size - sizeof(header) > room ||
			(header.flags & VFIO_USER_F_TYPE) != VFIO_USER_F_TYPE_REPLY ||
			fake_user_recv(sock, payload, header.size - sizeof(header)) < 0)
		return -1000;
	return (header.flags & VFIO_USER_F_ERROR) != 0 ? -(int)header.error :
		(int)(header.size - sizeof(header));
}

static void
server_uses_memory(int sock)
{
	struct vfio_user_dma_access access = { (uintptr_t)memory + 5, 7 };
	uint8_t buf[64];

	server_ret = 1;
	memcpy(buf, &access, sizeof(access));
	memcpy(buf + sizeof(access), "written", 7);
	if (ask(sock, 9, VFIO_USER_DMA_WRITE, 0, buf, sizeof(access) + 7) < 0 ||
			answer(sock, 9, VFIO_USER_DMA_WRITE, buf, sizeof(buf)) !=
			sizeof(access) || memcmp(buf, &access, sizeof(access)) != 0)
		return;
	server_ret = 2;
	if (ask(sock, 9, VFIO_USER_DMA_READ, 0, &access, sizeof(access)) < 0 ||
			answer(sock, 9, VFIO_USER_DMA_READ, buf, sizeof(buf)) !=
			(int)sizeof(access) + 7 ||
			memcmp(buf + sizeof(access), "written", 7) != 0)
		return;
	/* one that wants no answer gets none; the next answer is the next one's */
	server_ret = 3;
	if (ask(sock, 10, VFIO_USER_DMA_READ, VFIO_USER_F_NO_REPLY, &access,
			sizeof(access)) < 0 ||
			ask(sock, 11, VFIO_USER_DMA_READ, 0, &access, sizeof(access)) < 0 ||
			answer(sock, 11, VFIO_USER_DMA_READ, buf, sizeof(buf)) < 0)
		return;
	__atomic_store_n(&server_ret, 0, __ATOMIC_RELEASE);
}

static int
test_memory(void)
{
	uint32_t value = 0;

	fake_user.target = VFIO_USER_REGION_READ;
	fake_user.before = server_uses_memory;
	memcpy(fake_user.regions[BAR0].mem, "abcd", 4);
	TEST_ASSERT_SUCCESS(vfio_region_read(region, 0, &value, 4), "read");
	TEST_ASSERT_SUCCESS(server_ret, "step %d", server_ret);
	TEST_ASSERT_SUCCESS(memcmp(&value, "abcd", 4), "other bytes");
	TEST_ASSERT_SUCCESS(memcmp(memory + 5, "written", 7), "not written");
	return TEST_SUCCESS;
}

static bool
server_is_done(void)
{
	int ms;

	for (ms = 0; ms < 20000; ms++) {
		if (__atomic_load_n(&server_ret, __ATOMIC_ACQUIRE) == 0)
			return true;
		usleep(1000);
	}
	return false;
}

/* The server uses memory while nobody waits for it; then all goes on. */
static int
test_idle(void)
{
	uint32_t value;
	int i;

	fake_user.target = VFIO_USER_REGION_READ;
	fake_user.after = server_uses_memory;
	for (i = 0; i < 3; i++) {
		memset(memory, 0, PAGE);
		__atomic_store_n(&server_ret, -1, __ATOMIC_RELEASE);
		TEST_ASSERT_SUCCESS(vfio_region_read(region, 0, &value, 4), "read");
		TEST_ASSERT(server_is_done(), "step %d", server_ret);
		TEST_ASSERT_SUCCESS(memcmp(memory + 5, "written", 7), "not written");
	}
	fake_user.after = NULL;
	TEST_ASSERT_SUCCESS(vfio_region_read(region, 0, &value, 4), "read");
	return TEST_SUCCESS;
}

/* How often EAL's interrupt thread has gone to sleep; -1: it is not found. */
static long
interrupt_thread_sleeps(void)
{
	char path[64], line[128];
	struct dirent *entry;
	bool found = false;
	long sleeps = -1;
	FILE *file;
	DIR *dir;

	dir = opendir("/proc/self/task");
	while (dir != NULL && sleeps < 0 && (entry = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "/proc/self/task/%.16s/status", entry->d_name);
		file = fopen(path, "r");
		found = false;
		while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
			if (strncmp(line, "Name:", 5) == 0)
				found = strstr(line, "intr") != NULL;
			if (found)
				sscanf(line, "voluntary_ctxt_switches: %ld", &sleeps);
		}
		if (file != NULL)
			fclose(file);
	}
	if (dir != NULL)
		closedir(dir);
	return sleeps;
}

/* Replies wake nobody but who waits for them. */
static int
test_idle_sleeps(void)
{
	long before, now;
	uint32_t value;
	int i;

	TEST_ASSERT_SUCCESS(vfio_region_read(region, 0, &value, 4), "read");
	before = interrupt_thread_sleeps();
	TEST_ASSERT(before >= 0, "no interrupt thread");
	for (i = 0; i < 500; i++)
		TEST_ASSERT_SUCCESS(vfio_region_read(region, 0, &value, 4), "read");
	now = interrupt_thread_sleeps();
TEST_ASSERT(now - before < 4, "woken %ld times by 500 replies", now - before);
	return TEST_SUCCESS;
}

static bool
server_is_ignored(void)
{
	struct pollfd pollfd = { .fd = vfio_dev_gone_fd(dev), .events = POLLIN };

	return poll(&pollfd, 1, 20000) == 1;
}

/* What nobody asked for ends the connection at once, and is said once. */
static int
test_idle_nonsense(void)
{
	const struct vfio_user_header header = {
		.size = sizeof(header),
		.flags = VFIO_USER_F_TYPE_REPLY,
	};
	uint32_t value;

	captured_log_start();
	TEST_ASSERT_EQUAL(send(fake_user.sock, &header, sizeof(header), 0),
		(ssize_t)sizeof(header), "not sent");
	TEST_ASSERT(server_is_ignored(), "still connected");
	TEST_ASSERT_EQUAL(vfio_region_read(region, 0, &value, 4), -ENODEV, "read");
	captured_log_stop();
	TEST_ASSERT(captured_log_lines(NULL) == 1 &&
		captured_log_lines("a reply to what was not asked") == 1, "lines");
	return TEST_SUCCESS;
}

/*
 * The server begins a message while nobody asks it, and does not end it: EAL's interrupt
 * thread does not wait as long as a request would.
 */
static int
test_idle_begun(void)
{
	uint32_t value;

	vfio_user_timeout_ms = 1000 * 1000;
	captured_log_start();
	TEST_ASSERT_EQUAL(send(fake_user.sock, "x", 1, 0), 1, "not sent");
	TEST_ASSERT(server_is_ignored(), "still connected");
	TEST_ASSERT_EQUAL(vfio_region_read(region, 0, &value, 4), -ETIMEDOUT, "read");
	captured_log_stop();
	TEST_ASSERT(captured_log_lines(NULL) == 1 &&
		captured_log_lines("does not answer in time") == 1, "lines");
	return TEST_SUCCESS;
}

/* Memory that is not its, counts that cannot be, and what nobody knows. */
static void
server_goes_astray(int sock)
{
	const struct { uint16_t command; uint64_t address, count; size_t extra; int ret; }
	cases[] = {
		{ VFIO_USER_DMA_READ, (uintptr_t)&server_ret, 4, 0, -EFAULT },
		{ VFIO_USER_DMA_READ, 0, 4, 0, -EFAULT },
		{ VFIO_USER_DMA_READ, UINT64_MAX - 1, 4, 0, -EFAULT },
		{ VFIO_USER_DMA_READ, (uintptr_t)memory, UINT64_MAX, 0, -EINVAL },
		{ VFIO_USER_DMA_READ, (uintptr_t)memory, 2 << 20, 0, -EINVAL },
		{ VFIO_USER_DMA_READ, (uintptr_t)memory, 4, 1, -EINVAL },
		{ VFIO_USER_DMA_WRITE, (uintptr_t)&server_ret, 4, 4, -EFAULT },
		{ VFIO_USER_DMA_WRITE, (uintptr_t)memory, 4, 3, -EINVAL },
		{ VFIO_USER_DMA_WRITE, (uintptr_t)memory, 4, 5, -EINVAL },
		{ VFIO_USER_DMA_WRITE, (uintptr_t)memory, UINT64_MAX, 4, -EINVAL },
		{ VFIO_USER_DEVICE_RESET, 0, 0, 0, -ENOTSUP },
		{ 77, 0, 0, 8, -ENOTSUP },
		{ VFIO_USER_DMA_READ, (uintptr_t)memory, 4, 0, 20 },
	};
	struct { struct vfio_user_dma_access access; uint8_t data[16]; } payload;
	uint8_t buf[64];
	unsigned int i;

	memset(&payload, 0xee, sizeof(payload));
	for (i = 0; i < RTE_DIM(cases); i++) {
		server_ret = i + 1;
		payload.access.address = cases[i].address;
		payload.access.count = cases[i].count;
		if (ask(sock, i, cases[i].command, 0, &payload,
				sizeof(payload.access) + cases[i].extra) < 0 ||
				answer(sock, i, cases[i].command, buf, sizeof(buf)) !=
				cases[i].ret)
			return;
	}
	/* too short for anything */
	server_ret = 100;
	if (ask(sock, 1, VFIO_USER_DMA_READ, 0, &payload, 8) < 0 ||
			answer(sock, 1, VFIO_USER_DMA_READ, buf, sizeof(buf)) != -EINVAL ||
			ask(sock, 1, VFIO_USER_DMA_WRITE, 0, &payload, 8) < 0 ||
			answer(sock, 1, VFIO_USER_DMA_WRITE, buf, sizeof(buf)) != -EINVAL)
		return;
	server_ret = 0;
}

static int
test_astray(void)
{
	uint32_t value;

	fake_user.target = VFIO_USER_REGION_READ;
	fake_user.before = server_goes_astray;
	memset(memory, 0x55, 16);
	TEST_ASSERT_SUCCESS(vfio_region_read(region, 0, &value, 4), "read");
	TEST_ASSERT_SUCCESS(server_ret, "case %d", server_ret);
	TEST_ASSERT(memory[0] == 0x55 && memory[4] == 0x55, "written all the same");
	TEST_ASSERT(!gone(), "disconnected");
	return TEST_SUCCESS;
}

/*
 * The server asks for much, does not take it, and sends its reply in between: the answers
 * fill the socket, and the reply is not lost.
 */
static void
server_pipelines(int sock)
{
	const struct vfio_user_dma_access access = { (uintptr_t)memory, 1 << 20 };
	unsigned int i;

	for (i = 0; i < 3; i++)
		server_ret = ask(sock, 20 + i, VFIO_USER_DMA_READ, 0, &access,
				sizeof(access));
}

static struct fake_user_reply late;

static void
reply_first(struct fake_user_reply *reply)
{
	static uint8_t buf[16 + (1 << 20)];
	unsigned int i;

	late = *reply;
	reply->silent = true;
	if (fake_user_send(fake_user.sock, &late.header, sizeof(late.header)) < 0 ||
			fake_user_send(fake_user.sock, late.payload, late.len) < 0)
		server_ret = -2;
	for (i = 0; i < 3 && server_ret == 0; i++)
		server_ret = answer(fake_user.sock, 20 + i, VFIO_USER_DMA_READ, buf,
			sizeof(buf)) == sizeof(buf) ? 0 : -3;
}

static int
test_pipelined(void)
{
	uint32_t value = 0;

	fake_user.target = VFIO_USER_REGION_READ;
	fake_user.before = server_pipelines;
	fake_user.alter = reply_first;
	memcpy(fake_user.regions[BAR0].mem, "abcd", 4);
	TEST_ASSERT_SUCCESS(vfio_region_read(region, 0, &value, 4), "read");
	TEST_ASSERT_SUCCESS(memcmp(&value, "abcd", 4), "other bytes");
	fake_user.target = 0;
	TEST_ASSERT_SUCCESS(vfio_region_read(region, 0, &value, 4), "read");
	TEST_ASSERT_SUCCESS(server_ret, "%d", server_ret);
	return TEST_SUCCESS;
}

/* Much of its own before its reply, in a message that fills the socket. */
static void
server_writes(int sock)
{
	static struct { struct vfio_user_dma_access access; uint8_t data[1 << 20]; } payload;

	payload.access.address = (uintptr_t)memory;
	payload.access.count = sizeof(payload.data);
	memset(payload.data, 0x77, sizeof(payload.data));
	server_ret = ask(sock, 3, VFIO_USER_DMA_WRITE, 0, &payload, sizeof(payload));
	if (server_ret == 0 && answer(sock, 3, VFIO_USER_DMA_WRITE, &payload,
			sizeof(payload)) != sizeof(payload.access))
		server_ret = -2;
}

static int
test_large_write(void)
{
	uint32_t value;

	fake_user.target = VFIO_USER_REGION_READ;
	fake_user.before = server_writes;
	TEST_ASSERT_SUCCESS(vfio_region_read(region, 0, &value, 4), "read");
	TEST_ASSERT_SUCCESS(server_ret, "%d", server_ret);
	TEST_ASSERT(memory[0] == 0x77 && memory[(1 << 20) - 1] == 0x77, "not written");
	return TEST_SUCCESS;
}

/*
 * It asks before it takes our message, and both are larger than a socket has room for:
 * without care both would wait for ever.
 */
static void
server_writes_only(int sock)
{
	static struct { struct vfio_user_dma_access access; uint8_t data[1 << 20]; } payload;

	payload.access.address = (uintptr_t)memory;
	payload.access.count = sizeof(payload.data);
	memset(payload.data, 0x66, sizeof(payload.data));
	server_ret = ask(sock, 3, VFIO_USER_DMA_WRITE, VFIO_USER_F_NO_REPLY, &payload,
		sizeof(payload));
}

static void
ask_early(int sock)
{
	if (fake_user.early_left > 0) {
		fake_user.early_left--;
		server_writes_only(sock);
	}
}

static int
test_both_send(void)
{
	static uint8_t large[1 << 20];

	fake_user.early = ask_early;
	fake_user.early_left = 1;
	memset(large, 5, sizeof(large));
	TEST_ASSERT_SUCCESS(vfio_region_write(region, 0, large, sizeof(large)), "write");
	TEST_ASSERT_SUCCESS(server_ret, "%d", server_ret);
	TEST_ASSERT(memory[0] == 0x66 && memory[(1 << 20) - 1] == 0x66, "not written");
	TEST_ASSERT_SUCCESS(memcmp(fake_user.regions[BAR0].mem, large, sizeof(large)),
		"other bytes");
	return TEST_SUCCESS;
}

static void
keep_silent(struct fake_user_reply *reply)
{
	reply->silent = true;
}

static int
test_hang(void)
{
	unsigned int asked = fake_user.commands[VFIO_USER_REGION_READ];
	uint32_t value;

	vfio_user_timeout_ms = 20;
	fake_user.target = VFIO_USER_REGION_READ;
	fake_user.alter = keep_silent;
	captured_log_start();
	TEST_ASSERT_EQUAL(vfio_region_read(region, 0, &value, 4), -ETIMEDOUT, "read");
	vfio_user_timeout_ms = 1000 * 1000; /* what follows does not wait */
	TEST_ASSERT_EQUAL(vfio_region_read(region, 0, &value, 4), -ETIMEDOUT, "read");
	TEST_ASSERT_EQUAL(vfio_dev_reset(dev), -ETIMEDOUT, "reset");
	captured_log_stop();
	TEST_ASSERT(captured_log_lines(NULL) == 1 &&
		captured_log_lines("does not answer") == 1, "lines");
	TEST_ASSERT_EQUAL(fake_user.commands[VFIO_USER_REGION_READ], asked + 1,
		"asked again");
	TEST_ASSERT(gone(), "who waits for its end is not told");
	return TEST_SUCCESS;
}

/* Bytes without end, none of them the reply. */
static void
server_never_ends(int sock)
{
	const struct vfio_user_dma_access access = { 0, 4 };

	while (ask(sock, 0, VFIO_USER_DMA_READ, VFIO_USER_F_NO_REPLY, &access,
			sizeof(access)) == 0)
		;
}

static int
test_endless(void)
{
	uint32_t value;

	vfio_user_timeout_ms = 20;
	fake_user.target = VFIO_USER_REGION_READ;
	fake_user.before = server_never_ends;
	captured_log_start();
	TEST_ASSERT_EQUAL(vfio_region_read(region, 0, &value, 4), -ETIMEDOUT, "read");
	captured_log_stop();
	TEST_ASSERT_EQUAL(captured_log_lines(NULL), 1, "lines");
	return TEST_SUCCESS;
}

/* Neither a reply nor a command makes it readable; the end does, and it stays so. */
static int
test_gone(void)
{
	uint32_t value;

	fake_user.target = VFIO_USER_REGION_READ;
	fake_user.before = server_uses_memory;
	TEST_ASSERT(vfio_dev_gone_fd(dev) >= 0, "none");
	TEST_ASSERT(!gone(), "gone at once");
	TEST_ASSERT_SUCCESS(vfio_region_read(region, 0, &value, 4), "read");
	TEST_ASSERT(!gone(), "gone by a reply");
	captured_log_start();
	TEST_ASSERT(send(fake_user.sock, "x", 1, 0) == 1 && !gone(), "gone by a byte");
	shutdown(fake_user.sock, SHUT_RDWR);
	TEST_ASSERT(gone() && gone(), "not gone");
	TEST_ASSERT_EQUAL(vfio_region_read(region, 0, &value, 4), -ENODEV, "read");
	TEST_ASSERT_EQUAL(vfio_region_read(region, 0, &value, 4), -ENODEV, "read");
	captured_log_stop();
	TEST_ASSERT(captured_log_lines(NULL) == 1 && captured_log_lines("is gone") == 1,
		"lines");
	return TEST_SUCCESS;
}

static void
hang_up(int sock)
{
	shutdown(sock, SHUT_RDWR);
}

/* A second client is not told why: one line says what it mostly is. */
static int
test_turned_away(void)
{
	vfio_dev_close(dev);
	dev = NULL;
	fake_user.target = VFIO_USER_VERSION;
	fake_user.before = hang_up;
	captured_log_start();
	TEST_ASSERT_EQUAL(vfio_dev_open(fake_user.folder, FAKE_USER_ADDR, &dev), -ENODEV,
		"open");
	captured_log_stop();
	TEST_ASSERT(captured_log_lines(NULL) == 1 &&
		captured_log_lines(FAKE_USER_ADDR ": the server of its socket hung up at once: stop whoever else uses the device") == 1,
		"lines");
	return TEST_SUCCESS;
}

static void
say_vhost(int sock)
{
	/* a reply of vhost-user's: VHOST_USER_GET_FEATURES, version 1 */
	const uint32_t reply[] = { 1, 1 | 1 << 2, 8, 0, 0 };

	fake_user_send(sock, reply, sizeof(reply));
}

/* The socket of a vhost-user backend: the remedy is another socket. */
static int
test_other_protocol(void)
{
	vfio_dev_close(dev);
	dev = NULL;
	fake_user.target = VFIO_USER_VERSION;
	fake_user.before = say_vhost;
	captured_log_start();
	TEST_ASSERT(vfio_dev_open(fake_user.folder, FAKE_USER_ADDR, &dev) < 0, "open");
	captured_log_stop();
	TEST_ASSERT(captured_log_lines(NULL) == 1 &&
		captured_log_lines("name its vfio-user socket, not the backend's") == 1,
		"lines");
	return TEST_SUCCESS;
}

static struct unit_test_suite suite = {
	.suite_name = "common/vfio_user: connection",
	.unit_test_cases = {
		TEST_CASE_ST(setup, teardown, test_memory),
		TEST_CASE_ST(setup, teardown, test_idle),
		TEST_CASE_ST(setup, teardown, test_idle_sleeps),
		TEST_CASE_ST(setup, teardown, test_idle_nonsense),
		TEST_CASE_ST(setup, teardown, test_idle_begun),
		TEST_CASE_ST(setup, teardown, test_astray),
		TEST_CASE_ST(setup, teardown, test_pipelined),
		TEST_CASE_ST(setup, teardown, test_large_write),
		TEST_CASE_ST(setup, teardown, test_both_send),
		TEST_CASE_ST(setup, teardown, test_hang),
		TEST_CASE_ST(setup, teardown, test_endless),
		TEST_CASE_ST(setup, teardown, test_gone),
		TEST_CASE_ST(setup, teardown, test_turned_away),
		TEST_CASE_ST(setup, teardown, test_other_protocol),
		TEST_CASES_END()
	}
};

static int
test_vfio_user_conn(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(vfio_user_conn_autotest, test_vfio_user_conn);
