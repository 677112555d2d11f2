# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck disable=SC2086	# the variables of guest.sh are no list of words
#
# What the machine, not the device, does wrong: each with the line that the user gets.
# Sourced by guest.sh.

# expect_line LINE FILE: the file has this line, whole and once
expect_line()
{
	[ "$(grep -cxF -e "$1" "$2")" = 1 ] && return
	cat "$2"
	echo "expected the line: $1"
	exit 1
}

group_of()
{
	basename "$(readlink "$MDEV_DEVICES/$1/iommu_group")"
}

# Another process has the device: one line, and the other one is used.
busy()
{
	testpmd_start "$work/testpmd" -l 0,1 --no-telemetry -d "$build/drivers" \
		--file-prefix holder -a mdev:$A -- -i --total-num-mbufs=4096
	testpmd_wait 1 'testpmd>' 60
	expect_ports "$B" -d "$build/drivers"
	expect_line "vfio: $A: in use by another process or a virtual machine (/dev/vfio/$(group_of $A) is busy): stop that one, or block this device with -b" "$work/ports"
	forward_stop
}

# So has a virtual machine, which does not even run.
busy_by_machine()
{
	local machine

	qemu-system-x86_64 -S -M q35 -m 128 -nodefaults -display none -no-user-config \
		-device "vfio-pci,sysfsdev=$MDEV_DEVICES/$A" >"$work/qemu" 2>&1 &
	machine=$!
	wait_until 60 is_held_by $machine $A || {
		cat "$work/qemu"
		echo "QEMU does not take the device"
		exit 1
	}
	expect_ports "$B" -d "$build/drivers"
	expect_line "vfio: $A: in use by another process or a virtual machine (/dev/vfio/$(group_of $A) is busy): stop that one, or block this device with -b" "$work/ports"
	kill $machine
	wait $machine || true
	expect_ports "$A $B" -d "$build/drivers"
}

is_held_by()
{
	[ -n "$(find "/proc/$1/fd" -lname "/dev/vfio/$(group_of "$2")" 2>/dev/null)" ]
}

# An ordinary user without, and with, permission on the group file.
no_permission()
{
	local group

	setpriv --reuid 65534 --clear-groups "$TEST_MDEV" list >/dev/null 2>&1 ||
		skip "an ordinary user cannot run $TEST_MDEV: DPDK's libraries, or it, are closed to him"
	group=$(group_of $A)
	setpriv --reuid 65534 --clear-groups "$TEST_MDEV" dump $A >"$work/out" 2>&1 || true
	expect_line "vfio: $A: no permission to open /dev/vfio/$group: run as root, or give this user read and write permission on it" "$work/out"
	chown 65534 "/dev/vfio/$group"
	setpriv --reuid 65534 --clear-groups "$TEST_MDEV" dump $A >"$work/out" 2>&1
	chown 0 "/dev/vfio/$group"
	cat "$work/out"
	expect "the device to be opened" grep -q 'pci *1af4:1041' "$work/out"
}

# VFIO is not there when the application starts, and later it is: too late.
vfio_late()
{
	local line="vfio: $A: VFIO was not ready when this application started: load the vfio and vfio_iommu_type1 modules, then start it again"

	rmmod vfio_iommu_type1
	testpmd_start "$work/testpmd" -l 0,1 --no-telemetry -d "$build/drivers" \
		-b mdev:$A -b mdev:$B -- -i --total-num-mbufs=4096
	testpmd_wait 1 'testpmd>' 60
	testpmd_do port attach mdev:$A
	modprobe vfio_iommu_type1
	expect_line "$line" "$work/testpmd"
	testpmd_do port attach mdev:$A
	expect "the same line again" test "$(grep -cxF "$line" "$work/testpmd")" = 2
	forward_stop
	expect_ports "$A" -d "$build/drivers" -a mdev:$A
}

# The device goes while testpmd starts without it: the others are used.
unknown()
{
	local new

	new=$(uuid)
	expect_ports "$A" -d "$build/drivers" -a mdev:$A -a "mdev:$new"
	expect_line "mdev:$new: no such device: create it, or correct the UUID; the machine's are in $MDEV_DEVICES and /run/mdev/devices" "$work/ports"
}

# Real devices, more than EAL has groups for, and frames in memory of the application.
devices()
{
	local i frames status=0 list=()

	for i in $(seq 70); do
		list+=("$(mdev_create net-trap)")
	done
	keep_sending left &
	frames=$!
	"$TEST_MDEV" device $A "${list[@]}" >"$work/device" 2>&1 || status=$?
	kill $frames
	for i in "${list[@]}"; do
		mdev_remove "$i"
	done
	cat "$work/device"
	[ $status -eq 0 ] && expect "none skipped" test "$(grep -c '^  skip' "$work/device")" = 0
}

check "busy: another process has the device" busy
check_full "busy: a virtual machine has the device" busy_by_machine
check "no permission on the group file, and with it" no_permission
check "VFIO is loaded too late" vfio_late
check "a device that does not exist: the others are used" unknown
check "real devices: EAL's groups full, external memory, borrowed fd" devices
