# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Helpers for scripts that devtools/vm.sh runs in its virtual machine: mediated
# devices, network namespaces and testpmd. Source it after lib.sh.

MDEV_PARENT=/sys/class/mdev_bus/mdev_virtio_net
MDEV_DEVICES=/sys/bus/mdev/devices

[ -n "${MDEV_VM:-}" ] ||
	die "this script changes the machine that it runs on: use devtools/vm.sh -- $0"

# mdev_create TYPE [UUID]: create a mediated device of the kernel mediator, print its UUID
mdev_create()
{
	local uuid=${2:-$(uuid)}

	echo "$uuid" >"$(echo $MDEV_PARENT/mdev_supported_types/*-"$1")/create"
	echo "$uuid"
}

# mdev_remove UUID
mdev_remove()
{
	echo 1 >"$MDEV_DEVICES/$1/remove"
}

# host_interface UUID: print the Linux interface on the host side of a device
host_interface()
{
	wait_until 5 test -d "$MDEV_DEVICES/$1/net" || return 1
	ls "$MDEV_DEVICES/$1/net"
}

# host_side UUID NAMESPACE ADDRESS: give a device's host side a network namespace of
# its own. IPv6 is off there: its own packets would count among what was forwarded.
host_side()
{
	local interface

	interface=$(host_interface "$1")
	ip netns add "$2"
	ip netns exec "$2" sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 \
		net.ipv6.conf.default.disable_ipv6=1
	ip link set "$interface" netns "$2"
	ip -n "$2" address add "$3" dev "$interface"
	ip -n "$2" link set lo up
	ip -n "$2" link set "$interface" up
}

# hugepages COUNT: have so many pages of 2 MiB
hugepages()
{
	echo "$1" >/proc/sys/vm/nr_hugepages
	[ "$(cat /proc/sys/vm/nr_hugepages)" -ge "$1" ] ||
		die "the machine has no memory for $1 huge pages"
}

# in_namespace NAME COMMAND...: see traffic-lib.sh
in_namespace()
{
	ip netns exec "$@"
}

. "$REPO/devtools/traffic-lib.sh"
