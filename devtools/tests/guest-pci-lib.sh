# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# For checks with PCI devices in the virtual machine. Source it after guest-lib.sh, with
# $work a folder, PCI the addresses of the devices for DPDK, and PEER those of the
# devices on the other end. family_start needs family-lib.sh.

# bind ADDRESS DRIVER: have a driver of the kernel for a PCI device
bind()
{
	local device=/sys/bus/pci/devices/$1

	echo "$2" >"$device/driver_override"
	[ ! -e "$device/driver" ] || echo "$1" >"$device/driver/unbind"
	echo "$1" >/sys/bus/pci/drivers_probe
	expect "$1 bound to $2" test "$(basename "$(realpath "$device/driver")")" = "$2"
}

# peer INDEX NAMESPACE ADDRESS: have the other end in a network namespace
peer()
{
	local interface

	interface=$(ls "/sys/bus/pci/devices/${PEER[$1]}"/virtio*/net)
	ip netns add "$2"
	ip netns exec "$2" sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 \
		net.ipv6.conf.default.disable_ipv6=1
	ip link set "$interface" netns "$2"
	ip -n "$2" address add "$3" dev "$interface"
	ip -n "$2" link set "$interface" up
}

# pci_start EAL_ARGUMENT... [-- TESTPMD_ARGUMENT...]: testpmd, which asks for commands
pci_start()
{
	local eal=()

	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		eal+=("$1")
		shift
	done
	[ $# -eq 0 ] || shift
	testpmd_start "$work/testpmd" -l 0,1 --no-telemetry "${eal[@]}" -- -i \
		--total-num-mbufs=8192 "$@"
	testpmd_wait 1 'testpmd>' 60 || { cat "$work/testpmd"; exit 1; }
}

pci_stop()
{
	testpmd_quit || { cat "$work/testpmd"; exit 1; }
}

# family_start ARGUMENT: a primary process on the first two devices, each with ARGUMENT, and
# a secondary one that forwards. Its devargs do not say whose the devices are.
# shellcheck disable=SC2034	# family-lib.sh
family_start()
{
	PRIMARY_DEVICES=(-a "${PCI[0]},$1" -a "${PCI[1]},$1")
	SECONDARY_DEVICES=(-a "${PCI[0]}" -a "${PCI[1]}")
	primary_start
	secondary_start
	in_secondary start
	cp "$work/secondary" "$work/testpmd"
}

# driver_of PORT: print the driver's name
driver_of()
{
	testpmd_do show port info "$1"
	grep 'Driver name:' "$work/testpmd" | tail -n 1 | awk '{ print $NF }'
}

# expect_driver PORT NAME
expect_driver()
{
	local found

	found=$(driver_of "$1")
	[ "$found" = "$2" ] || {
		cat "$work/testpmd"
		echo "expected port $1 driven by $2, not by '$found'"
		exit 1
	}
}
