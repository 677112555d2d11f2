#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# guest-pci.sh BUILD: checks of the network driver on the PCI bus, with the devices that
# pci.sh gives the virtual machine. One line for each.

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../lib.sh"
. "$REPO/devtools/guest-lib.sh"
. "$REPO/devtools/tests/checks.sh"
. "$REPO/devtools/family-lib.sh"
. "$REPO/devtools/tests/guest-pci-lib.sh"

build=$1
FAMILY=(--no-telemetry --file-prefix family -d "$build/drivers")
FAMILY_LCORES=--lcores=0,1
temp_dir work
A=aaaaaaaa-0000-4000-8000-00000000000a
# For DPDK, and who is on the other end of each
PCI=(0000:00:10.0 0000:00:11.0)
# shellcheck disable=SC2034	# guest-pci-lib.sh
PEER=(0000:00:12.0 0000:00:13.0)
ASK=driver=net_mdev_virtio

# transfer_checked MIB
transfer_checked()
{
	head -c "${1}M" /dev/urandom >"$work/sent"
	transfer left right 192.0.2.2 "$work/sent" "$work/received" ||
		{ tail -n 40 "$work/testpmd"; exit 1; }
	expect "the same file" cmp "$work/sent" "$work/received"
}

no_errors()
{
	! grep -E 'mdev_virtio: |vfio: |mdev: ' "$work/testpmd"
}

# chosen_driver EAL_ARGUMENT...: one process has a device that asked for our driver, and
# one that did not
# shellcheck disable=SC2119,SC2120	# check calls it
chosen_driver()
{
	pci_start "$@" -a "${PCI[0]},$ASK" -a "${PCI[1]}"
	expect_driver 0 net_mdev_virtio_pci
	expect_driver 1 net_virtio
	pci_stop
	pci_start "$@" -a "${PCI[0]}" \
		-a "bus=pci,addr=${PCI[1]}/class=eth/$ASK,packed_vq=0"
	expect_driver 0 net_virtio
	expect_driver 1 net_mdev_virtio_pci
	pci_stop
}

# A device that was not asked for, and is not allowed to others, is opened by nobody.
untouched()
{
	local group

	echo quit | timeout 240 strace -f -e trace=open,openat,openat2 -o "$work/strace" \
		dpdk-testpmd -l 0,1 --no-telemetry -d "$build/drivers" -a "${PCI[0]},$ASK" \
		-- -i --total-num-mbufs=2048 >"$work/out" 2>&1 || { cat "$work/out"; exit 1; }
	group=$(basename "$(readlink "/sys/bus/pci/devices/${PCI[0]}/iommu_group")")
	expect "the trace to show the one that was asked for opened" \
		grep -q "\"/dev/vfio/$group\"" "$work/strace"
	group=$(basename "$(readlink "/sys/bus/pci/devices/${PCI[1]}/iommu_group")")
	expect "the other one not to be opened" \
		test "$(grep -c "\"/dev/vfio/$group\"" "$work/strace")" = 0
}

# sent_at_least FRAMES: by port 1
sent_at_least()
{
	[ "$(testpmd_stat 1 TX-packets)" -ge "$1" ]
}

# More frames than the other end has buffers for: QEMU waits for it, and takes on frames
# without a notification when it has some again. With packed rings it then has an event
# index that lies behind, and hears of no more frames if the driver follows the letter.
flood()
{
	testpmd_do_all stop "set fwd txonly" "set eth-peer 1 ff:ff:ff:ff:ff:ff" \
		"clear port stats all" start
	wait_until 60 sent_at_least 100000 || {
		tail -n 40 "$work/testpmd"
		echo "expected more frames to be sent"
		exit 1
	}
	testpmd_do_all stop "set fwd io"
}

# forwards ARGUMENTS: between the two PCI devices, over a restart and a flood
forwards()
{
	pci_start -d "$build/drivers" -a "${PCI[0]},$ASK$1" -a "${PCI[1]},$ASK$1"
	testpmd_do start
	expect "no ping lost" test "$(ping_loss left 192.0.2.2 20)" = 0
	transfer_checked 4
	testpmd_do_all stop "port stop all" "port start all" start
	transfer_checked 1
	expect "bytes counted" test "$(testpmd_stat 0 RX-bytes)" -ge 1048576
	flood
	testpmd_do start
	transfer_checked 1
	pci_stop
	no_errors
}

# One port here and one on the mediated device bus
forwards_to_mdev()
{
	local port

	mdev_create net-mmap $A >/dev/null
	host_side $A middle 192.0.2.3/24
	pci_start -d "$build/drivers" -a "${PCI[0]},$ASK" -a mdev:$A
	expect "one port of each bus" test "$(for port in 0 1; do driver_of $port; done |
		sort | paste -sd ' ')" = "net_mdev_virtio net_mdev_virtio_pci"
	testpmd_do start
	expect "no ping lost" test "$(ping_loss left 192.0.2.3 20)" = 0
	head -c 4M /dev/urandom >"$work/sent"
	transfer left middle 192.0.2.3 "$work/sent" "$work/received"
	expect "the same file" cmp "$work/sent" "$work/received"
	pci_stop
	no_errors
	mdev_remove $A
	ip netns del middle
}

# Attached while the process runs, and detached under traffic
hotplug()
{
	pci_start -d "$build/drivers" -a "${PCI[0]},$ASK"
	for _ in 1 2 3; do
		testpmd_do port attach "${PCI[1]},$ASK"
		expect_driver 1 net_mdev_virtio_pci
		testpmd_do port start 1
		testpmd_do start
		expect "no ping lost" test "$(ping_loss left 192.0.2.2 5)" = 0
		testpmd_do stop
		testpmd_do port stop 1
		testpmd_do port close 1
		testpmd_do device detach "${PCI[1]}"
	done
	pci_stop
	no_errors
}

# A secondary process forwards on the primary's ports. Its devargs do not say whose they
# are, and still net_virtio does not get them.
secondary()
{
	family_start "$ASK"
	transfer_checked 2
	in_primary port stop all
	in_primary port start all
	transfer_checked 1
	secondary_quit
	in_primary start
	transfer_checked 1
	primary_quit
	cat "$work/primary" "$work/secondary" >"$work/testpmd"
	no_errors
}

not_bound()
{
	bind "${PCI[1]}" virtio-pci
	echo quit | timeout 120 dpdk-testpmd -l 0,1 --no-telemetry -d "$build/drivers" \
		-a "${PCI[1]},$ASK" -- -i --total-num-mbufs=2048 >"$work/out" 2>&1 || true
	expect "what to do" grep -q \
		"${PCI[1]}: not bound to vfio-pci.*dpdk-devbind.py -b vfio-pci ${PCI[1]}" "$work/out"
	bind "${PCI[1]}" vfio-pci
}

# shellcheck disable=SC2119
installed()
{
	meson install -C "$build" --no-rebuild >"$work/install" 2>&1 ||
		{ cat "$work/install"; exit 1; }
	chosen_driver
}

hugepages 192
for device in "${PCI[@]}"; do
	bind "$device" vfio-pci
done
peer 0 left 192.0.2.1/24
peer 1 right 192.0.2.2/24

check "PCI: our driver on request only, by -d" chosen_driver -d "$build/drivers"
check "PCI: forwards between two of QEMU's virtio-net devices, packed rings" forwards ""
check_full "PCI: the same, split rings" forwards ,packed_vq=0
check "PCI: one testpmd forwards between a PCI device and a mediated one" forwards_to_mdev
check_full "PCI: a device that is not asked for is not opened (strace)" untouched
check_full "PCI: attach and detach while testpmd runs" hotplug
check_full "PCI: a secondary process forwards" secondary
check "PCI: a device that is bound to another driver of the kernel" not_bound
check_full "PCI: our driver on request only, installed" installed
