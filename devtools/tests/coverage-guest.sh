#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# coverage-guest.sh BUILD: use the drivers of BUILD on real mediated devices, for what
# they count. To be run in the virtual machine. It judges little: guest.sh does.

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../lib.sh"
. "$REPO/devtools/guest-lib.sh"

build=$1
temp_dir work
TEST_MDEV=$build/app/test-mdev/dpdk-test-mdev

A=aaaaaaaa-0000-4000-8000-00000000000a
B=bbbbbbbb-0000-4000-8000-00000000000b

# testpmd EAL_ARGUMENT...: up to its prompt
testpmd()
{
	testpmd_start "$work/testpmd" -l 0,1 --no-telemetry -d "$build/drivers" "$@" -- -i \
		--total-num-mbufs=8192
	testpmd_wait 1 'testpmd>' 60 || { cat "$work/testpmd"; die "testpmd did not start"; }
}

forward()
{
	testpmd -a mdev:$A -a mdev:$B
	testpmd_do start
	ip netns exec left ping -n -q -c 20 -i 0.05 -W 2 192.0.2.2
	testpmd_do show port info all
	testpmd_do show port stats all
	testpmd_do show port xstats all
	testpmd_do clear port stats all
	testpmd_do stop
	testpmd_do port stop all
	testpmd_do port start all
	testpmd_do port stop all
	testpmd_do port close all
	testpmd_quit
}

attach()
{
	testpmd -b mdev:$A -b mdev:$B
	testpmd_do port attach mdev:$A
	testpmd_do port start 0
	testpmd_do port stop 0
	testpmd_do port detach 0
	testpmd_quit
}

# The first device is held while another process asks for all.
busy()
{
	testpmd --file-prefix holder -a mdev:$A
	"$TEST_MDEV" dump
	testpmd_quit
}

# A secondary process that forwards and sets a filter, over a restart in the primary, and
# one that reads statistics.
processes()
{
	local primary family=(--file-prefix family)

	testpmd "${family[@]}" -a mdev:$A -a mdev:$B
	primary=$TESTPMD_PID
	exec 8>&7
	testpmd "${family[@]}" --proc-type=secondary -a mdev:$A -a mdev:$B
	testpmd_do start
	ip netns exec left ping -n -q -c 5 -i 0.05 -W 2 192.0.2.2
	testpmd_do set promisc all off
	testpmd_do set allmulti all on
	testpmd_do set promisc all on
	testpmd_do mac_addr add 0 02:00:00:00:00:99
	testpmd_do mac_addr remove 0 02:00:00:00:00:99
	echo port stop all >&8
	sleep 2
	testpmd_do set promisc 0 off
	echo port start all >&8
	sleep 3
	testpmd_do show port xstats all
	testpmd_do show port info 0
	testpmd_quit
	dpdk-proc-info --no-telemetry "${family[@]}" -d "$build/drivers" -- --xstats
	echo quit >&8
	exec 8>&-
	wait "$primary"
}

# Removed while testpmd forwards: it detaches by itself.
removal()
{
	testpmd -a mdev:$B -a mdev:$A
	testpmd_do start
	echo 1 >$MDEV_DEVICES/$A/remove
	testpmd_wait 1 'Device is detached' 20
	testpmd_quit
}

hugepages 160
mdev_create net-mmap $A
mdev_create net-trap $B
host_side $A left 192.0.2.1/24
host_side $B right 192.0.2.2/24
"$TEST_MDEV" test vfio_kernel_autotest vfio_kernel_dev_autotest
busy || true	# a device that cannot be opened makes dump fail
forward
attach
processes
removal
