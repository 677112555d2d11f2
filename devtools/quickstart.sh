#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# quickstart.sh [--vm]: from a bare Debian 12 to packets moving through DPDK and
# mediated devices
#
# Builds the drivers and the kernel mediator, boots Debian's kernel in a virtual
# machine (nothing is loaded into this machine's own), creates two mediated network
# devices there, lets an unchanged dpdk-testpmd forward between them, and sends real
# traffic through it.
#
#   --vm  in a virtual machine; the default, and so far the only way
#   -h    print this help
#
# Takes about two minutes the first time and one afterwards, and installs Debian packages.

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/lib.sh"

for argument; do
	case $argument in
	--vm) ;;
	-h | --help) usage_of "$0"; exit 0 ;;
	*) die "unknown option $argument; see $0 -h" ;;
	esac
done

"$REPO/devtools/build.sh"
need_packages iproute2 iputils-ping procps socat
say "starting the virtual machine"
exec "$REPO/devtools/vm.sh" -t 300 -e -- \
	"$REPO/devtools/quickstart-guest.sh" "$REPO/build/drivers"
