#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# guest-intree.sh BUILD: checks of a DPDK whose PCI bus uses common/vfio, with the devices
# that intree.sh gives the virtual machine. One line for each. BUILD is DPDK's.

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../lib.sh"
. "$REPO/devtools/guest-lib.sh"
. "$REPO/devtools/tests/checks.sh"
. "$REPO/devtools/family-lib.sh"
. "$REPO/devtools/tests/guest-pci-lib.sh"

dpdk=$1
export LD_LIBRARY_PATH=$dpdk/lib:$dpdk/drivers	# for Debian's dpdk-testpmd
DRIVERS=(-d "$dpdk/drivers")
FAMILY=(--no-telemetry --file-prefix family "${DRIVERS[@]}")
FAMILY_LCORES=--lcores=0,1
temp_dir work
PCI=(0000:00:10.0 0000:00:11.0 0000:00:12.0)	# virtio-net, virtio-net, e1000e
# shellcheck disable=SC2034	# guest-pci-lib.sh
PEER=(0000:00:14.0 0000:00:15.0 0000:00:16.0)
ASK=driver=net_mdev_virtio

# start DEVICE...: testpmd with these, which asks for commands
start()
{
	local device devices=()

	for device; do
		devices+=(-a "$device")
	done
	pci_start "${DRIVERS[@]}" "${devices[@]}"
}

stop()
{
	pci_stop
	# net_virtio disables interrupts before it enables them, which EAL calls an error
	! grep -E 'mdev_virtio: |vfio: |mdev: |EAL: .*([Cc]annot|BAR|Fail|fail)' "$work/testpmd"
}

# passes NAMESPACE ADDRESS MIB: from "left", pings and a file
passes()
{
	expect "no ping lost" test "$(ping_loss left "$2" 20)" = 0
	head -c "${3}M" /dev/urandom >"$work/sent"
	transfer left "$1" "$2" "$work/sent" "$work/received" ||
		{ tail -n 40 "$work/testpmd"; exit 1; }
	expect "the same file" cmp "$work/sent" "$work/received"
}

# What the other checks are worth depends on it.
patched()
{
	ldd /usr/bin/dpdk-testpmd | grep 'rte_bus_pci\|rte_common_vfio' | tee "$work/ldd"
	expect "the bus that was built" grep -q "librte_bus_pci.* => $dpdk/" "$work/ldd"
	expect "common/vfio below it" grep -q "librte_common_vfio.* => $dpdk/" "$work/ldd"
}

# DPDK's own drivers: modern virtio in memory BARs, and one with small BARs, an IO port
# and an MSI-X table
forwards()
{
	start "${PCI[0]}" "${PCI[2]}"
	expect_driver 0 net_virtio
	expect_driver 1 net_e1000_em
	testpmd_do start
	passes far 192.0.2.3 2
	testpmd_do stop
	testpmd_do port stop all
	testpmd_do port start all
	testpmd_do start
	passes far 192.0.2.3 1
	stop
}

# What is unmapped and closed is mapped and opened again.
hotplug()
{
	start "${PCI[0]}"
	for _ in 1 2; do
		testpmd_do port attach "${PCI[2]}"
		expect_driver 1 net_e1000_em
		testpmd_do port start 1
		testpmd_do start
		expect "no ping lost" test "$(ping_loss left 192.0.2.3 10)" = 0
		testpmd_do stop
		testpmd_do port stop 1
		testpmd_do port close 1
		testpmd_do device detach "${PCI[2]}"
	done
	stop
}

# A secondary process has the BARs where the primary has them.
secondary()
{
	family_start "$ASK"
	passes right 192.0.2.2 1
	secondary_quit
	in_primary start
	passes right 192.0.2.2 1
	primary_quit
	! grep -E 'mdev_virtio: |vfio: |mdev: ' "$work/primary" "$work/secondary"
}

hugepages 192
for device in "${PCI[@]}"; do
	bind "$device" vfio-pci
done
peer 0 left 192.0.2.1/24
peer 1 right 192.0.2.2/24
peer 2 far 192.0.2.3/24

check "in-tree: Debian's testpmd runs on the PCI bus that was built" patched
check "in-tree: forwards between virtio-net and e1000e on the PCI bus" forwards
check "in-tree: PCI attach and detach while testpmd runs" hotplug
check "in-tree: a secondary process on PCI devices" secondary
