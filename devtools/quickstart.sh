#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# quickstart.sh [--vm]: from a bare Debian 12 to packets moving through DPDK and
# mediated devices
#
# Builds the project and starts, on this machine: a mediator with two mediated network
# devices (no kernel module, no hugepages, no permission), a DPDK vhost backend that
# joins each with a TAP interface in a network namespace of its own, and an unchanged
# dpdk-testpmd that forwards between the devices. Then it sends real traffic through it.
#
#   --vm  in the kernel's world: builds the kernel mediator, boots Debian's kernel in a
#         virtual machine (nothing is loaded into this machine's own), and does the same
#         with mediated devices of /sys/bus/mdev
#   -h    print this help
#
# MDEV_DPDK names a folder where another DPDK is installed than the distribution's.
#
# Takes less than a minute, and installs Debian packages that are missing; the first
# time with --vm takes two.

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib.sh"

vm=no
for argument; do
	case $argument in
	--vm) vm=yes ;;
	-h | --help) usage_of "$0"; exit 0 ;;
	*) die "unknown option $argument; see $0 -h" ;;
	esac
done

need_loadable_tree
BUILD_TARGETS=quickstart "$REPO/devtools/build.sh"
need_packages iproute2 iputils-ping procps socat util-linux
if [ $vm = no ]; then
	exec "$REPO/devtools/quickstart-native.sh"
fi
say "starting the virtual machine"
exec "$REPO/devtools/vm.sh" -t 300 -e -- \
	"$REPO/devtools/quickstart-guest.sh" "$BUILD/drivers"
