/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A peer of a device whose files cannot be closed: nothing more is taken from it, and all
 * goes on when they can.
 */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "device_world.h"
#include "fdmsg.h"
#include "foreign_fd.h"
#include "lingering.h"
#include "vfu_proto.h"
#include "vhost_user_world.h"

/* So many threads close what one peer sends, and so many files wait for them at most. */
#define CLOSERS 4
#define WAITING 64

static struct lingering stuck[CLOSERS];

static int
open_stuck(void)
{
	unsigned int i;
	int ret = TEST_SUCCESS;

	for (i = 0; i < CLOSERS && ret == TEST_SUCCESS; i++)
		ret = lingering_open(&stuck[i]);
	if (ret == TEST_SUCCESS)
		return ret;
	while (--i > 0) {
		fdmsg_close(&stuck[i - 1].fd, 1);
		lingering_release(&stuck[i - 1]);
	}
	return ret;
}

static void
release_stuck(void)
{
	unsigned int i;

	for (i = 0; i < CLOSERS; i++)
		lingering_release(&stuck[i]);
}

/* A file that is neither memory nor an eventfd. */
static int
open_other(void)
{
	return open("/proc/self/status", O_RDONLY | O_CLOEXEC);
}

/* Wait until nothing is left to be closed, which ends by itself. */
static int
wait_until_closed(void)
{
	unsigned int rounds = 0;

	while (foreign_fd_waiting() > 0 && rounds++ < 100000)
		usleep(100);
	TEST_ASSERT_EQUAL(foreign_fd_waiting(), 0u, "%u are left open", foreign_fd_waiting());
	return TEST_SUCCESS;
}

/* The client: one that sends ever more is cut off, and the next one waits its turn. */
static int
test_client(void)
{
	const struct vfu_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFU_DMA_READABLE | VFU_DMA_WRITABLE,
		.address = 0x200000000,
		.size = 0x1000,
	};
	unsigned int i, waiting;
	int fd, ret = 0;
	bool taken;

	fd = open_stuck();
	if (fd != TEST_SUCCESS)
		return fd;
	for (i = 0; i < CLOSERS; i++) {
		dw_send(VFU_DMA_MAP, &map, sizeof(map), &stuck[i].fd, 1);
		fdmsg_close(&stuck[i].fd, 1); /* before it is the last one */
		DW_UNTIL(dw_recv() == 1);
	}
	for (i = 0; i < 2 * WAITING && ret >= 0; i++) {
		fd = open_other();
		ret = dw_map(0x200000000, 0x1000, 0, fd);
		close(fd);
	}
	waiting = foreign_fd_waiting();
	close(dw.sock);
	dw.sock = fdmsg_connect(dw.path);
	for (i = 0; i < 20; i++)
		dw_round();
	taken = vfu_server_client(dw.dev->server) >= 0;
	/* the backend is another peer, and nobody else has to wait */
	backend_hang_up(&dw.backend);
	DW_UNTIL(!vhost_user_is_up(dw.dev->vu));
	DW_UNTIL(vhost_user_is_up(dw.dev->vu));
	release_stuck();
	/* its socket is one of them */
	TEST_ASSERT(ret < 0 && waiting > WAITING && waiting <= WAITING + 4,
		"%u files of a client wait", waiting);
	TEST_ASSERT(!taken, "the next client is taken");
	if (wait_until_closed() != TEST_SUCCESS)
		return TEST_FAILED;
	DW_UNTIL(vfu_server_client(dw.dev->server) >= 0);
	dw_disconnect();
	TEST_ASSERT_SUCCESS(dw_connect(), "the next client");
	return dw_run(DW_BIT(VIRTIO_F_VERSION_1), 2);
}

/* The backend: it is not connected to, and the line says why. */
static int
test_backend(void)
{
	int fds[CLOSERS + WAITING];
	unsigned int i, waiting, lines;
	bool up;
	int ret;

	ret = open_stuck();
	if (ret != TEST_SUCCESS)
		return ret;
	for (i = 0; i < CLOSERS + WAITING; i++)
		fds[i] = i < CLOSERS ? stuck[i].fd : open_other();
	world_capture();
	fdmsg_send(dw.backend.sock, "x", 1, fds, RTE_DIM(fds));
	fdmsg_close(fds, RTE_DIM(fds));
	for (i = 0; i < 20000 && vhost_user_is_up(dw.dev->vu); i++)
		dw_round();
	for (i = 0; i < 20; i++)
		dw_round();
	up = vhost_user_is_up(dw.dev->vu);
	lines = world_captured("cannot be closed, as their file system does not answer");
	waiting = foreign_fd_waiting();
	release_stuck();
	world_release();
	TEST_ASSERT(!up && waiting > WAITING, "%u files of a backend wait, and it is taken",
		waiting);
	TEST_ASSERT_EQUAL(lines, 1u, "%u lines", lines);
	if (wait_until_closed() != TEST_SUCCESS)
		return TEST_FAILED;
	DW_UNTIL(vhost_user_is_up(dw.dev->vu));
	return dw_run(DW_BIT(VIRTIO_F_VERSION_1), 2);
}

static struct unit_test_suite suite = {
	.suite_name = "mediator: device, files that cannot be closed",
	.unit_test_cases = {
		TEST_CASE_ST(dw_start, dw_stop, test_client),
		TEST_CASE_ST(dw_start, dw_stop, test_backend),
		TEST_CASE(stage_no_leaks),
		TEST_CASES_END()
	},
};

static int
test_device_stuck(void)
{
	return unit_test_suite_runner(&suite);
}

REGISTER_TEST_COMMAND(device_stuck_autotest, test_device_stuck);
