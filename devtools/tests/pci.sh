#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# pci.sh BUILD: checks of the network driver on the PCI bus, in a virtual machine with an
# emulated IOMMU and QEMU's own virtio-net devices. One line for each.

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../lib.sh"

# Two pairs of devices, each pair on a hub: one for DPDK, behind the IOMMU, and one for
# the kernel, to talk to the other.
qemu_devices()
{
	local i

	echo -device intel-iommu,intremap=on
	for i in 0 1; do
		echo -netdev "hubport,id=dpdk$i,hubid=$i" -netdev "hubport,id=linux$i,hubid=$i"
		echo -device "virtio-net-pci,netdev=dpdk$i,addr=1$i.0,disable-legacy=on,iommu_platform=on,packed=on"
		echo -device "virtio-net-pci,netdev=linux$i,addr=1$((i + 2)).0"
	done
}

status=0
"$REPO/devtools/vm.sh" -t 1500 -m "virtio_net vfio_pci" -a intel_iommu=on \
	-q "$(qemu_devices | paste -sd ' ')" -- \
	"$REPO/devtools/tests/guest-pci.sh" "$1" || status=$?
[ $status -eq 0 ] || echo "FAIL  virtual machine with an IOMMU: exit status $status"
