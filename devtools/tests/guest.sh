#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# guest.sh BUILD [SAMPLES]: checks that need a kernel with mediated devices. To be run
# in the virtual machine (devtools/vm.sh). SAMPLES is the folder with the kernel's own
# sample devices. One line for each check.

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../lib.sh"
. "$REPO/devtools/guest-lib.sh"
. "$REPO/devtools/tests/checks.sh"

build=$1
samples=${2:-}
temp_dir work
TEST_MDEV=$build/app/test-mdev/dpdk-test-mdev

A=aaaaaaaa-0000-4000-8000-00000000000a	# doorbells mapped
B=bbbbbbbb-0000-4000-8000-00000000000b	# every access trapped

# ports EAL_ARGUMENT...: print the devices that testpmd has as ports, in order
ports()
{
	(echo 'show device info all'; echo quit) |
		timeout 120 dpdk-testpmd -l 0,1 --no-telemetry "$@" -- -i \
			--total-num-mbufs=4096 >"$work/ports" 2>&1 || {
		cat "$work/ports" >&2
		return 1
	}
	sed -n 's/^[[:space:]]*Device name: *//p' "$work/ports" | paste -sd ' ' -
}

# expect_ports WANTED EAL_ARGUMENT...
expect_ports()
{
	local wanted=$1 found

	shift
	found=$(ports "$@")
	[ "$found" = "$wanted" ] || {
		cat "$work/ports"
		echo "expected ports '$wanted', found '$found'"
		return 1
	}
}

# dump UUID: what dpdk-test-mdev prints of a device
dump()
{
	"$TEST_MDEV" dump "$@" 2>&1
}

# expect_dump UUID PATTERN...: each PATTERN is in the dump
expect_dump()
{
	local uuid=$1 pattern

	shift
	dump "$uuid" >"$work/dump"
	cat "$work/dump"
	for pattern; do
		expect "$pattern" grep -qE -e "$pattern" "$work/dump"
	done
}

dump_mediator()
{
	expect_dump $A 'type +[a-z_]*-net-mmap' 'device_api +vfio-pci' \
		'pci +1af4:1041' 'region 0 +BAR0' 'sparse area' 'irq 2 +MSI-X' \
		'transport +kernel'
	expect_dump $B 'type +[a-z_]*-net-trap' 'pci +1af4:1041'
	! grep -qE 'sparse|mmap$' <(grep -v 'type\|name' "$work/dump")
}

# The kernel's samples differ from ours: other regions, other offsets, other vendors.
foreign_create()
{
	local sample type uuid

	[ -n "$samples" ] || skip "the kernel's samples could not be built"
	for sample in mtty mdpy mbochs; do
		insmod "$samples/$sample.ko"
		type=$(echo /sys/class/mdev_bus/$sample/mdev_supported_types/* | cut -d ' ' -f 1)
		uuid=$(uuid)
		echo "$uuid" >"$type/create"
		echo "$uuid" >"$work/$sample"
	done
}

foreign_dump()
{
	[ -s "$work/$1" ] || skip "there is no such device"
	[ -s "$work/dump-all" ] || dump >"$work/dump-all"
	expect "listed" grep -q "^$(cat "$work/$1")\$" "$work/dump-all"
	expect_dump "$(cat "$work/$1")" "parent +$1\$" "${@:2}"
}

# A process that says nothing about mediated devices opens none that no glob claims.
foreign_untouched()
{
	local sample group

	[ -s "$work/mtty" ] || skip "there is no such device"
	echo quit | timeout 240 strace -f -e trace=open,openat,openat2 -o "$work/strace" \
		dpdk-testpmd -l 0,1 --no-telemetry -d "$build/drivers" -- -i \
		--total-num-mbufs=2048 >"$work/out" 2>&1 || { cat "$work/out"; return 1; }
	group=$(basename "$(readlink $MDEV_DEVICES/$A/iommu_group)")
	expect "the trace to show our own device opened" \
		grep -q "\"/dev/vfio/$group\"" "$work/strace"
	for sample in mtty mdpy mbochs; do
		group=$(basename "$(readlink "$MDEV_DEVICES/$(cat "$work/$sample")/iommu_group")")
		if grep "\"/dev/vfio/$group\"" "$work/strace"; then
			expect "$sample not to be opened" false
		fi
	done
}

foreign_remove()
{
	local sample

	[ -s "$work/mtty" ] || skip "there is no such device"
	for sample in mtty mdpy mbochs; do
		mdev_remove "$(cat "$work/$sample")"
		rmmod "$sample"
	done
}

# testpmd between the two devices, for the checks that follow
forward_start()
{
	testpmd_start "$work/testpmd" -l 0,1 --no-telemetry -d "$build/drivers" \
		-a mdev:$A -a mdev:$B -- -i --total-num-mbufs=8192 &&
	testpmd_wait 1 'testpmd>' 60 && testpmd_do start && return
	cat "$work/testpmd"
	return 1
}

# interface_of NAMESPACE: the host side's interface there
interface_of()
{
	ip -n "$1" -o link | grep -v LOOPBACK | cut -d : -f 2 | tr -d ' '
}

forward_stop()
{
	testpmd_quit && return
	cat "$work/testpmd"
	return 1
}

expect_loss()
{
	local loss

	loss=$(ping_loss left 192.0.2.2 "$2")
	[ "$loss" = "$1" ] && return
	cat "$work/testpmd"
	echo "expected $1 of $2 lost, $loss were"
	return 1
}

# transfer_checked MIB: TCP from left to right, and what arrives is what was sent
transfer_checked()
{
	head -c "${1}M" /dev/urandom >"$work/sent"
	transfer left right 192.0.2.2 "$work/sent" "$work/received"
	expect "the same file" cmp "$work/sent" "$work/received"
}

forwarding()
{
	forward_start
	expect_loss 0 20
	transfer_checked 8
	expect "bytes counted" test "$(testpmd_stat 0 RX-bytes)" -ge 8388608
	expect "bytes counted" test "$(testpmd_stat 1 TX-bytes)" -ge 8388608
	forward_stop
}

# Any number of starts, stops and closes.
restarts()
{
	forward_start
	for _ in 1 ${MDEV_TEST_FULL:+2 3}; do
		testpmd_do stop
		expect_loss 2 2
		testpmd_do port stop all
		testpmd_do port start all
		testpmd_do start
		expect_loss 0 5
	done
	testpmd_do stop
	testpmd_do port stop 0
	testpmd_do port config 0 rxd 64
	testpmd_do port config 0 txd 32
	testpmd_do port start 0
	testpmd_do start
	expect_loss 0 5
	transfer_checked 1
	testpmd_do stop
	testpmd_do port stop all
	testpmd_do port close all
	forward_stop
}

link_status()
{
	local interface

	interface=$(interface_of left)
	forward_start
	testpmd_do show port info 0
	expect "link up" grep -q 'Link status: up' "$work/testpmd"
	ip -n left link set "$interface" down
	testpmd_do show port info 0
	expect "link down" grep -q 'Link status: down' "$work/testpmd"
	ip -n left link set "$interface" up
	testpmd_do show port info 0
	expect_loss 0 5
	forward_stop
}

# jumbo frames over mergeable buffers: a frame of 4000 bytes takes several mbufs
mergeable()
{
	local side

	for side in left right; do
		ip -n $side link set "$(interface_of $side)" mtu 4000
	done
	testpmd_start "$work/testpmd" -l 0,1 --no-telemetry -d "$build/drivers" \
		-a mdev:$A -a mdev:$B -- -i --total-num-mbufs=8192 \
		--max-pkt-len=4018 --enable-scatter --tx-offloads=0x8000
	testpmd_wait 1 'testpmd>' 60
	testpmd_do start
	ip netns exec left ping -n -q -c 5 -i 0.1 -W 2 -s 3900 -M "do" 192.0.2.2
	transfer_checked 4
	forward_stop
	for side in left right; do
		ip -n $side link set "$(interface_of $side)" mtu 1500
	done
}

# After meson install no -d is needed. The guest's root is a copy: the real prefix.
installed()
{
	meson install -C "$build" --no-rebuild >"$work/install" 2>&1 || {
		cat "$work/install"
		return 1
	}
	expect_ports "$A $B"
}

hugepages 192
mdev_create net-mmap $A >/dev/null
mdev_create net-trap $B >/dev/null
host_side $A left 192.0.2.1/24
host_side $B right 192.0.2.2/24

check "dump: the kernel mediator's devices" dump_mediator
check "testpmd -a mdev:<uuid>" expect_ports "$A" -d "$build/drivers" -a mdev:$A
check "testpmd -a mdev:<UUID in upper case>" \
	expect_ports "$B" -d "$build/drivers" -a mdev:${B^^}
check "testpmd -a bus=mdev,uuid=<uuid>" \
	expect_ports "$B" -d "$build/drivers" -a bus=mdev,uuid=$B
check "testpmd -a bus=mdev,uuid=<uuid>/class=eth/driver=net_mdev_virtio" \
	expect_ports "$A" -d "$build/drivers" \
	-a bus=mdev,uuid=$A/class=eth/driver=net_mdev_virtio
check "testpmd without -a: both" expect_ports "$A $B" -d "$build/drivers"
check "testpmd -b mdev:<uuid>: all but that one" \
	expect_ports "$B" -d "$build/drivers" -b mdev:$A
check "foreign mdevs: created" foreign_create
check "foreign mdevs: mtty is listed and dumped" foreign_dump mtty \
	'device_api +vfio-pci' 'pci +4348:3253' 'region 0 +BAR0 size 0x8 '
check "foreign mdevs: mdpy is listed and dumped" foreign_dump mdpy \
	'pci +1b36:000f' 'region 0 +BAR0' 'mappable'
check "foreign mdevs: mbochs is listed and dumped" foreign_dump mbochs \
	'pci +1234:1111' 'region 0 +BAR0'
check "foreign mdevs: testpmd without -a opens none (strace)" foreign_untouched
check "foreign mdevs: removed" foreign_remove
check "testpmd forwards between a mapped and a trapped device" forwarding
check "starts, stops, other ring sizes and closes under traffic" restarts
check "link status follows the host side" link_status
check "mergeable receive buffers: frames of 4000 bytes" mergeable
for group in hotplug processes net layouts offloads queues events errors tool skeleton many full; do
	# each is checked by itself
	# shellcheck source=/dev/null
	. "$REPO/devtools/tests/guest-$group.sh"
done
check "installed: no -d needed" installed
