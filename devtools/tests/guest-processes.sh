# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck disable=SC2086	# the variables of guest.sh are no list of words
#
# A primary and secondary processes on the same devices. Sourced by guest.sh.

FAMILY=(--no-telemetry --file-prefix family -d "$build/drivers")
FAMILY_LCORES=--lcores=0,1
. "$REPO/devtools/family-lib.sh"

# transfer_here MIB: as transfer_checked, with what testpmd said if it fails
transfer_here()
{
	(transfer_checked "$1") && return
	tail -n 30 "$work/primary" "$work/secondary"
	return 1
}

# A secondary process forwards, over restarts and other ring sizes in the primary; then
# the primary does. What the secondary counted, the primary shows.
secondary_forwards()
{
	primary_start
	secondary_start
	in_secondary start
	transfer_here 4
	in_primary port stop all
	in_primary port config 0 rxd 64
	in_primary port config 0 txd 128
	in_primary port start all
	transfer_here 4
	in_secondary stop
	in_primary show port stats 0
	expect "frames counted" test "$(grep -o 'RX-packets: *[0-9]*' "$work/primary" |
		tail -n 1 | grep -o '[0-9]*$')" -gt 2000
	secondary_quit
	in_primary start
	transfer_here 2
	primary_quit
	no_errors "$work/primary"
	no_errors "$work/secondary"
}

# A secondary process that has the drivers and no port keeps nobody waiting: the primary
# tells all processes of starts and stops as soon as one of them has a port.
secondary_without_port()
{
	local idle

	primary_start
	testpmd_start "$work/idle" -l 0,1 "${FAMILY[@]}" --proc-type=secondary \
		-b mdev:$A -b mdev:$B -- -i --total-num-mbufs=8192
	testpmd_wait 1 'testpmd>' 60 || { cat "$work/idle"; exit 1; }
	idle=$TESTPMD_PID
	exec 6>&7
	secondary_start
	in_secondary start
	in_primary port stop all
	in_primary port start all
	transfer_here 1
	secondary_quit
	echo quit >&6
	exec 6>&-
	wait "$idle" || { cat "$work/idle"; exit 1; }
	primary_quit
	no_errors "$work/primary"
	no_errors "$work/idle"
}

# The primary attaches and detaches; the secondary follows.
secondary_follows()
{
	primary_start
	secondary_start
	in_primary port stop 0
	in_primary port close 0
	in_secondary show port info 0
	in_secondary show port xstats 0
	in_secondary clear port stats 0
	in_primary device detach mdev:$A
	in_secondary show port info 0
	expect "the port to be gone in the secondary" \
		grep -q 'Invalid port 0' "$work/secondary"
	for _ in 1 2 3; do
		in_primary port attach mdev:$A
		in_primary port start 0
		in_secondary show port summary 0
		expect "the port to be back in the secondary" test \
			"$(grep -c "net_mdev_virtio" "$work/secondary")" -gt 0
		in_primary port stop 0
		in_primary port detach 0
	done
	in_primary port attach mdev:$A
	in_primary port start 0
	secondary_quit
	secondary_start
	in_secondary start
	transfer_here 1
	secondary_quit
	primary_quit
	no_errors "$work/primary"
}

# A secondary process sets receive filters; the primary's port has them.
secondary_filters()
{
	primary_start
	secondary_start
	in_secondary set promisc 0 off
	in_secondary set allmulti 0 on
	filter_is 'promisc 0' 'allmulti 1'
	in_secondary set promisc 0 on
	filter_is 'promisc 1' 'allmulti 1'
	in_primary port stop 0
	in_secondary set promisc 0 off
	in_primary port start 0
	filter_is 'promisc 0' 'allmulti 1'
	in_secondary mac_addr set 0 02:00:00:00:00:77
	filter_is 'mac 02:00:00:00:00:77'
	in_primary show port info 0
	expect "the new address in the primary" \
		grep -q 'MAC address: 02:00:00:00:00:77' "$work/primary"
	secondary_quit
	primary_quit
	no_errors "$work/primary"
	no_errors "$work/secondary"
}

# filter_is LINE...: what the device says of its filter
filter_is()
{
	local line

	cat $MDEV_DEVICES/$A/virtio_net/filter
	for line; do
		expect "the device's filter" grep -qx "$line" \
			$MDEV_DEVICES/$A/virtio_net/filter
	done
}

# A process that only reads statistics: DPDK's own.
statistics_reader()
{
	local what

	primary_start
	in_primary start
	expect_loss 0 5
	for what in stats xstats; do
		timeout 60 dpdk-proc-info "${FAMILY[@]}" -- --$what >>"$work/info" 2>&1 || {
			cat "$work/info"
			exit 1
		}
	done
	cat "$work/info"
	expect "both ports" test "$(grep -c 'NIC statistics for port [01]' "$work/info")" = 2
	expect "frames" grep -qE 'RX-packets: *[1-9]' "$work/info"
	expect "the driver's counters" grep -q 'rx_q0_clamped_lengths: 0' "$work/info"
	expect_loss 0 5
	primary_quit
	no_errors "$work/primary"
}

# What the primary does not use, a secondary does not get; nothing is opened for it.
secondary_alone()
{
	testpmd_start "$work/primary" -l 0,1 "${FAMILY[@]}" -b mdev:$A \
		-- -i --total-num-mbufs=8192
	testpmd_wait 1 'testpmd>' 60 || { cat "$work/primary"; exit 1; }
	timeout 60 dpdk-proc-info "${FAMILY[@]}" -a mdev:$A -a mdev:$B -- --stats \
		>"$work/info" 2>&1 || true
	cat "$work/info"
	expect "one line" test \
		"$(grep -c "mdev:$A: the primary process does not use it: attach it there first" "$work/info")" = 1
	expect "the other port" grep -q 'NIC statistics for port' "$work/info"
	expect "device to be free" group_is_free $A
	testpmd_quit
}

# A secondary process dies at a bad moment: the primary goes on, and another one comes.
secondary_killed()
{
	primary_start
	secondary_start
	in_secondary start
	expect_loss 0 5
	kill -9 "$SECONDARY_PID"
	wait "$SECONDARY_PID" || true
	exec 9>&-
	in_primary port stop all
	in_primary port start all
	in_primary start
	transfer_here 1
	in_primary stop
	secondary_start
	in_secondary start
	transfer_here 1
	secondary_quit
	primary_quit
}

# The primary dies. The secondary, held up, has the devices still, and others are told so;
# testpmd ends when it sees that its primary is gone. The next primary has the devices.
primary_killed()
{
	primary_start
	secondary_start
	in_secondary start
	expect_loss 0 5
	kill -STOP "$SECONDARY_PID"
	kill -9 "$PRIMARY_PID"
	wait "$PRIMARY_PID" || true
	exec 8>&-
	expect_ports "" -d "$build/drivers" --file-prefix other -a mdev:$A
	expect "one line about it" test \
		"$(grep -c "$A: in use by another process" "$work/ports")" = 1
	kill -CONT "$SECONDARY_PID"
	wait_until 30 secondary_is_gone || { cat "$work/secondary"; exit 1; }
	exec 9>&-
	primary_start
	in_primary start
	transfer_here 1
	primary_quit
}

# testpmd, but it ends without stopping its ports, freeing its pools or telling the other
# testpmd, and is not gone before the file $work/looked is there: until then no other
# process sees that it has ended.
ends_at_once()
{
	cat >"$work/at_once.c" <<-END
	#define _GNU_SOURCE
	#include <dlfcn.h>
	#include <errno.h>
	#include <stdlib.h>
	#include <string.h>
	#include <unistd.h>
	#include <rte_eal.h>
	int rte_eth_dev_stop(uint16_t port);
	int rte_eth_dev_close(uint16_t port);
	void rte_mempool_free(void *pool);
	int rte_eth_dev_stop(uint16_t port) { (void)port; return 0; }
	int rte_eth_dev_close(uint16_t port) { (void)port; return 0; }
	void rte_mempool_free(void *pool) { (void)pool; }
	int
	rte_mp_request_sync(struct rte_mp_msg *msg, struct rte_mp_reply *reply,
			const struct timespec *timeout)
	{
		__typeof__(&rte_mp_request_sync) request =
			dlsym(RTLD_NEXT, "rte_mp_request_sync");

		memset(reply, 0, sizeof(*reply));
		return strcmp(msg->name, "mp_testpmd") == 0 ? 0 :
			request(msg, reply, timeout);
	}
	static void __attribute__((destructor)) linger(void)
	{
		if (strcmp(program_invocation_short_name, "dpdk-testpmd") != 0)
			return;
		for (int i = 0; i < 1200 && access(getenv("LOOKED"), F_OK) != 0; i++)
			usleep(100000);
	}
	END
	# shellcheck disable=SC2046	# flags are words
	gcc $(pkg-config --cflags libdpdk) -shared -fPIC -o "$work/at_once.so" "$work/at_once.c"
}

# EAL takes the devices back while the secondary polls them: it is told in time, and the
# next primary has the devices.
primary_ends_at_once()
{
	local status=0

	ends_at_once
	rm -f "$work/looked"
	LOOKED=$work/looked LD_PRELOAD=$work/at_once.so primary_start
	secondary_start
	in_secondary start
	expect_loss 0 5
	echo quit >&8
	exec 8>&-
	wait_until 30 grep -q 'Port 1 is closed' "$work/primary" || {
		cat "$work/primary"
		exit 1
	}
	ping_loss left 192.0.2.2 5
	kill -0 "$SECONDARY_PID" || {
		wait "$SECONDARY_PID" || status=$?
		cat "$work/primary" "$work/secondary"
		echo "the secondary has ended, with status $status"
		exit 1
	}
	touch "$work/looked"
	wait "$PRIMARY_PID" || { cat "$work/primary"; exit 1; }
	wait "$SECONDARY_PID" || status=$?
	exec 9>&-
	cat "$work/secondary"
	expect "the secondary to end by itself" test $status -lt 128
	no_errors "$work/primary"
	primary_start
	in_primary start
	transfer_here 1
	primary_quit
}

secondary_is_gone()
{
	! kill -0 "$SECONDARY_PID" 2>/dev/null
}

check "a secondary process forwards, over restarts in the primary" secondary_forwards
check "a secondary process follows attach and detach" secondary_follows
check_full "a secondary process without a port keeps nobody waiting" secondary_without_port
check_full "a secondary process sets receive filters" secondary_filters
check_full "dpdk-proc-info reads statistics beside the traffic" statistics_reader
check_full "a secondary process asks for what the primary does not use" secondary_alone
check_full "a secondary process is killed" secondary_killed
check_full "a primary process is killed" primary_killed
check_full "a primary process ends without stopping its ports" primary_ends_at_once
