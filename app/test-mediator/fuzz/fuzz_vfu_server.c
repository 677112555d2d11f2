/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A vfio-user client whose stream libFuzzer writes. The input:
 *
 * byte 0  bit 0: a version is agreed on first; bits 1-2: what the device returns (0, an
 *         error, "later", "later" until the client is gone); bit 3: the end is half-closed
 * byte 1  bytes of the stream that are sent at a time, 0: all
 * byte 2  fds that go with the first of each
 * then    the stream
 */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/socket.h>

#include "fdmsg.h"
#include "fuzz.h"
#include "log.h"
#include "open_fds.h"
#include "test.h"
#include "vfu_peer.h"

#define SETTINGS 3

int
LLVMFuzzerInitialize(int *argc __rte_unused, char ***argv __rte_unused)
{
	log_set_level(-1);
	FUZZ_CHECK(peer_start_alone() == TEST_SUCCESS);
	atexit(peer_stop);
	return 0;
}

static void
send_stream(const uint8_t *data, size_t size, size_t piece, unsigned int nr_fds)
{
	int fds[FDMSG_MAX_FDS];
	unsigned int i;
	size_t n;

	for (i = 0; i < nr_fds; i++)
		fds[i] = peer.memfd;
	for (; size > 0; data += n, size -= n) {
		n = piece == 0 || piece > size ? size : piece;
		if (peer_send_raw(peer.sock, data, n, fds, nr_fds) < n)
			break; /* the server waits, or has ended the connection */
		if (peer.ret == VFU_LATER)
			vfu_server_done(peer.server, size % 2 == 0 ? 0 : -EIO);
		peer_pump();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int rets[] = { 0, -EIO, VFU_LATER, VFU_LATER };
	unsigned int fds;

	if (size < SETTINGS)
		return 0;
	peer.attached = 0;
	peer.detached = 0;
	peer.ret = 0;
	peer.sock = peer_connect();
	FUZZ_CHECK(peer.sock >= 0);
	fds = count_open_fds();
	if ((data[0] & 1) != 0)
		FUZZ_CHECK(peer_version(VFU_MAJOR, VFU_MINOR, "{}") == 0);
	peer.ret = rets[data[0] >> 1 & 3];
	send_stream(data + SETTINGS, size - SETTINGS, data[1],
		data[2] > FDMSG_MAX_FDS ? FDMSG_MAX_FDS : data[2]);
	while (peer_recv() == 1)
		;
	if ((data[0] & 8) != 0) {
		shutdown(peer.sock, SHUT_WR);
		peer_pump();
		if (peer.ret == VFU_LATER)
			vfu_server_done(peer.server, 0);
		peer_recv();
	}
	peer_close();
	peer_recv();
	/* nothing is left of it, and of neither end of its socket */
	FUZZ_CHECK(peer.attached == peer.detached && peer.attached <= 1);
	FUZZ_CHECK(vfu_server_client(peer.server) == -1);
	FUZZ_CHECK(count_open_fds() == fds - 2);
	return 0;
}
