# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck disable=SC2086	# the variables of guest.sh are no list of words
#
# Devices that come and go while testpmd runs. Sourced by guest.sh.

# testpmd without a device, which is told of those that come and go
hotplug_start()
{
	testpmd_start "$work/testpmd" -l 0,1 --no-telemetry -d "$build/drivers" \
		-b mdev:$A -b mdev:$B -- -i --total-num-mbufs=8192 --hot-plug
	testpmd_wait 1 'testpmd>' 60
}

# no_errors LOG: nothing in testpmd's output tells of trouble. What has none is counted there,
# too, by "show port info" of newer releases.
no_errors()
{
	grep -vE 'errors:|errors 0,|mbuf_allocation|error handling mode|failed: 0|rte_pdump_init' "$1" |
		grep -iE -B 5 'error|fail|cannot|unable|does not answer' || return 0
	echo "expected: no errors"
	return 1
}

# Attached and detached while running: the group is free in between, and the device that
# comes back is the process's first again.
attach_detach()
{
	local name

	hotplug_start
	for name in mdev:$A mdev:${A^^} bus=mdev,uuid=${A^^} \
			bus=mdev,uuid=$A/class=eth/driver=net_mdev_virtio,mrg_rxbuf=0; do
		testpmd_do port attach "$name"
		testpmd_do port start 0
		expect "device to be held" group_is_held $A
		testpmd_do port stop 0
		testpmd_do port detach 0
		expect "device to be free" group_is_free $A
	done
	forward_stop
	expect "four attached" test "$(grep -c 'Port 0 is attached' "$work/testpmd")" = 4
	no_errors "$work/testpmd"
}

# Detached by the address in any spelling, not by the port's number.
detach_by_address()
{
	local name

	hotplug_start
	# without the last layer ethdev 22.11 looks at arguments that are not there
	for name in mdev:$A mdev:${A^^} \
			bus=mdev,uuid=${A^^}/class=eth/driver=net_mdev_virtio; do
		testpmd_do port attach mdev:$A
		expect "device to be held" group_is_held $A
		testpmd_do port stop all
		testpmd_do device detach "$name"
		expect "device to be free after detaching $name" group_is_free $A
	done
	forward_stop
}

group_is_held()
{
	local group

	group=$(basename "$(readlink "$MDEV_DEVICES/$1/iommu_group")")
	[ -n "$(find "/proc/$TESTPMD_PID/fd" -lname "/dev/vfio/$group")" ]
}

group_is_free()
{
	! group_is_held "$1"
}

no_group_is_held()
{
	[ -z "$(find "/proc/$TESTPMD_PID/fd" -lname '/dev/vfio/[0-9]*')" ]
}

# A device that is created is announced, and can be attached at once.
created()
{
	local new

	hotplug_start
	new=$(uuid)
	mdev_create net-mmap "$new" >/dev/null
	testpmd_wait 1 "device: $new has been added" 10 || { cat "$work/testpmd"; exit 1; }
	testpmd_do port attach "mdev:$new"
	testpmd_do port start 0
	expect "device to be held" group_is_held "$new"
	testpmd_do port stop 0
	testpmd_do port detach 0
	mdev_remove "$new"
	# testpmd looks for a port of that name, and has none any more
	testpmd_wait 1 "[Cc]an not get port [a-z]* device $new" 10 || { cat "$work/testpmd"; exit 1; }
	forward_stop
}

# Removed under traffic: testpmd is asked, lets go, and the removal ends. The device that
# is created after it is attached, and traffic flows.
removed_under_traffic()
{
	local pinging C=cccccccc-0000-4000-8000-00000000000c

	mdev_create "net-$1" $C >/dev/null
	host_side $C third 192.0.2.3/24
	testpmd_start "$work/testpmd" -l 0,1 --no-telemetry -d "$build/drivers" \
		-a mdev:$B -a mdev:$C -- -i --total-num-mbufs=8192
	testpmd_wait 1 'testpmd>' 60
	testpmd_do start
	ip netns exec third ping -n -q -i 0.01 192.0.2.2 >/dev/null 2>&1 &
	pinging=$!
	wait_until 10 traffic_flows
	timeout 60 bash -c "echo 1 >$MDEV_DEVICES/$C/remove" || {
		cat "$work/testpmd"
		echo "the removal waits for ever"
		exit 1
	}
	kill $pinging
	ip netns del third
	testpmd_wait 1 'Device is detached' 10 || { cat "$work/testpmd"; exit 1; }
	expect "the other device to be held" group_is_held $B
	mdev_create "net-$1" $C >/dev/null
	host_side $C third 192.0.2.3/24
	testpmd_do port attach mdev:$C
	testpmd_do stop
	testpmd_do port start all
	testpmd_do start
	head -c 2M /dev/urandom >"$work/sent"
	transfer third right 192.0.2.2 "$work/sent" "$work/received"
	expect "the same file" cmp "$work/sent" "$work/received"
	forward_stop
	no_errors "$work/testpmd"
	expect "one line that says why" test \
		"$(grep -c "mdev:$C: is being removed" "$work/testpmd")" = 1
	ip netns del third
	mdev_remove $C
}

traffic_flows()
{
	[ "$(testpmd_stat 0 RX-packets)" -gt 100 ]
}

check "attached and detached while running, by any address" attach_detach
check "detached by address, in upper case too" detach_by_address
check "a created device is announced and attached" created
check "removed under traffic (mapped doorbells)" removed_under_traffic mmap
check "removed under traffic (trapped doorbells)" removed_under_traffic trap
