#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# guest-kernel.sh TESTS MODULES: checks of the kernel mediator by itself, without DPDK.
# To be run in the virtual machine (devtools/vm.sh). TESTS is the folder with the test
# clients (kernel/linux/tests), MODULES the one with the modules. One line for each check.

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../lib.sh"
. "$REPO/devtools/guest-lib.sh"
. "$REPO/devtools/tests/checks.sh"

tests=$1
modules=$2
temp_dir work
TYPES=$MDEV_PARENT/mdev_supported_types

# --- helpers ---

devices()
{
	find $MDEV_DEVICES -mindepth 1 -maxdepth 1 2>/dev/null | wc -l
}

no_devices()
{
	[ "$(devices)" = 0 ]
}

interfaces()
{
	find /sys/class/net -name 'mdev*' | wc -l
}

gone()
{
	[ ! -e "$MDEV_DEVICES/$1" ]
}

loaded()
{
	[ -d "/sys/module/$1" ]
}

# All at once: a removal mostly waits.
remove_all()
{
	local device pids=() pid

	for device in "$MDEV_DEVICES"/*; do
		[ -e "$device" ] || continue
		echo 1 >"$device/remove" &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid"
	done
	expect "no device left" no_devices
	expect "no interface left" test "$(interfaces)" = 0
}

load_net()
{
	insmod "$modules/mdev_virtio_net.ko" "$@"
}

# hold_start [OPTION] UUID: a client that has the device, see hold.c. In the network
# namespace HOLD_IN, if that is set: sysfs names interfaces to their own namespace only.
hold_start()
{
	HOLD_LOG=$(mktemp "$work/hold.XXXXXX")
	if [ -n "${HOLD_IN:-}" ]; then
		ip netns exec "$HOLD_IN" "$tests/hold" "$@" >"$HOLD_LOG" &
	else
		"$tests/hold" "$@" >"$HOLD_LOG" &
	fi
	HOLD_PID=$!
	at_exit kill -KILL $HOLD_PID	# if the check fails before it has ended
	wait_until 30 said held || { cat "$HOLD_LOG"; return 1; }
}

# said WORD [TIMES]: did the client say so?
said()
{
	[ "$(grep -c "^$1\$" "$HOLD_LOG")" -ge "${2:-1}" ]
}

# The client ends by itself, and in order.
hold_wait()
{
	wait "$HOLD_PID"
	expect "the client to end in order" said released
}

hold_stop()
{
	kill "$HOLD_PID"
	hold_wait
}

# The device does all that it should: a client drives it. How much that was is for the
# reader of the results.
usable()
{
	"$tests/control" -s "$1" | tee "$work/count"
}

# alone CHECK...: whatever an earlier one has left behind is gone
alone()
{
	loaded mdev_virtio || insmod "$modules/mdev_virtio.ko"
	loaded mdev_virtio_net || load_net
	remove_all
	"$@"
}

# --- checks ---

# What each type says of itself, and what its devices are.
types()
{
	local type pairs uuid

	for type in mmap:1 mmap-4:4 mmap-16:16 trap:1 trap-4:4 trap-16:16; do
		pairs=${type#*:}
		type=$TYPES/mdev_virtio-net-${type%:*}
		grep . "$type"/{name,description,device_api,available_instances}
		expect "vfio-pci" test "$(cat "$type/device_api")" = vfio-pci
		expect "its pairs in the name" grep -q "$pairs queue pair" "$type/name"
		expect "its pairs in the description" \
			grep -q "queue pairs: $pairs," "$type/description"
		uuid=$(mdev_create "${type##*/mdev_virtio-}")
		expect "1 of $pairs pairs in use" \
			test "$(cat "$MDEV_DEVICES/$uuid/virtio_net/pairs")" = "1 $pairs"
		expect "a queue for control besides" test \
			"$(wc -l <"$MDEV_DEVICES/$uuid/virtio/queues")" = $((2 * pairs + 1))
	done
	remove_all
}

# client TYPE PROGRAM: one of the test clients drives or attacks a device
client()
{
	local uuid

	uuid=$(mdev_create "$1")
	"$tests/$2" "$uuid" | tee "$work/count"
	mdev_remove "$uuid"
}

create_errors()
{
	local uuid type=$TYPES/mdev_virtio-net-mmap

	uuid=$(mdev_create net-mmap)
	! echo "$uuid" >"$type/create" || expect "no second device of a UUID" false
	! echo "not a UUID" >"$type/create" || expect "a UUID to be asked for" false
	! echo "" >"$type/create" || expect "more than nothing to be asked for" false
	expect "one device" test "$(devices)" = 1
	mdev_remove "$uuid"
}

# One more than there may be: an error, and nothing is left of it.
create_beyond()
{
	local before uuid

	rmmod mdev_virtio_net
	load_net max_devices=3
	mdev_create net-mmap
	mdev_create net-trap-4
	uuid=$(mdev_create net-mmap-16)
	before=$(interfaces)
	expect "no more instances" test "$(cat $TYPES/mdev_virtio-net-trap/available_instances)" = 0
	! uuid >"$TYPES/mdev_virtio-net-mmap/create" 2>"$work/error" ||
		expect "an error" false
	cat "$work/error"
	expect "3 devices" test "$(devices)" = 3
	expect "no interface of the fourth" test "$(interfaces)" = "$before"
	mdev_remove "$uuid"
	uuid=$(mdev_create net-trap)
	usable "$uuid"
	rmmod mdev_virtio_net
	expect "no device left" no_devices
	load_net
}

# 64 at once, which is what EAL can take, created and removed by as many processes.
many()
{
	local types=(mmap trap mmap-4 trap-4) i pids=() device

	for i in {1..64}; do
		uuid >"$TYPES/mdev_virtio-net-${types[i % 4]}/create" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i"
	done
	expect "64 devices" test "$(devices)" = 64
	expect "64 interfaces" test "$(interfaces)" = 64
	expect "64 groups" test "$(find /dev/vfio -name '[0-9]*' | wc -l)" = 64
	for device in "$MDEV_DEVICES"/*; do
		[ "$(cat "$device/virtio/status")" = 0x00 ]
	done
	usable "$(find $MDEV_DEVICES -name '*-*' -printf '%f\n' | head -n 1)"
	remove_all
}

# A client that does as REQ asks: the removal goes through at once.
remove_asked()
{
	local uuid

	uuid=$(mdev_create "$1")
	hold_start "$uuid"
	mdev_remove "$uuid"
	hold_wait
	expect "REQ" said asked
	expect "the device gone" gone "$uuid"
	remove_all
}

# One that does not: the removal waits, asks again, and the device works meanwhile.
remove_stubborn()
{
	local uuid other remover

	uuid=$(mdev_create "$1")
	other=$(mdev_create "$1")
	hold_start -s "$uuid"
	mdev_remove "$uuid" &
	remover=$!
	expect "REQ" wait_until 30 said asked
	! mdev_remove "$uuid" || expect "no second removal" false
	expect "REQ again" wait_until 60 said asked 2
	expect "the removal to wait" kill -0 $remover
	usable "$other"
	# Modules stay while somebody uses a device, also one that is going.
	! rmmod mdev_virtio_net || expect "rmmod to be refused" false
	hold_stop
	wait $remover
	expect "the device gone" gone "$uuid"
	usable "$other"
	remove_all
}

# The client dies instead.
remove_killed()
{
	local uuid remover

	uuid=$(mdev_create "$1")
	hold_start -s "$uuid"
	mdev_remove "$uuid" &
	remover=$!
	expect "REQ" wait_until 30 said asked
	kill -KILL "$HOLD_PID"
	wait $remover
	wait "$HOLD_PID" || true
	expect "the device gone" gone "$uuid"
	remove_all
}

# Frames from the host on their way, interfaces in other namespaces, readers of sysfs.
remove_busy()
{
	local uuid interface reader pid i

	ip netns add busy
	for i in 1 2 3; do
		uuid=$(mdev_create net-mmap-4)
		interface=$(host_interface "$uuid")
		ip link set "$interface" netns busy
		ip -n busy address add 192.0.2.1/24 dev "$interface"
		ip -n busy link set "$interface" up
		HOLD_IN=busy hold_start "$uuid"
		ip -n busy neighbour add 192.0.2.2 lladdr 02:00:00:00:00:02 \
			dev "$interface" nud permanent
		ip netns exec busy ping -n -q -f -w 20 192.0.2.2 >/dev/null 2>&1 &
		pid=$!
		while cat $MDEV_DEVICES/*/virtio*/* >/dev/null 2>&1 || true; do :; done &
		reader=$!
		mdev_remove "$uuid"
		hold_wait
		kill $reader $pid 2>/dev/null || true
		wait $reader $pid 2>/dev/null || true
		expect "the device gone (round $i)" gone "$uuid"
	done
	ip netns del busy
	remove_all
}

# Modules in use stay; those that are not go with all devices, and come again.
unload()
{
	local uuid i

	uuid=$(mdev_create net-mmap)
	mdev_create net-trap-4
	hold_start -s "$uuid"
	! rmmod mdev_virtio_net || expect "rmmod of a device in use to be refused" false
	! rmmod mdev_virtio || expect "rmmod of the core to be refused" false
	expect "2 devices" test "$(devices)" = 2
	hold_stop
	! rmmod mdev_virtio || expect "rmmod of the core to be refused" false
	hold_start -g "$uuid"
	rmmod mdev_virtio_net
	expect "no device left" no_devices
	expect "no interface left" test "$(interfaces)" = 0
	rmmod mdev_virtio
	hold_stop
	! load_net || expect "no network devices without the core" false
	for i in 1 2 3; do
		insmod "$modules/mdev_virtio.ko"
		load_net
		uuid=$(mdev_create net-mmap-4)
		[ "$i" = 3 ] || { rmmod mdev_virtio_net; rmmod mdev_virtio; }
	done
	usable "$uuid"
	remove_all
}

# Devices that go and come while modules do.
unload_races()
{
	local i pids pid

	for i in {1..5}; do
		pids=()
		for _ in {1..8}; do
			{ uuid >"$TYPES/mdev_virtio-net-mmap/create"; } 2>/dev/null &
			pids+=($!)
		done
		wait_until 60 rmmod mdev_virtio_net 2>/dev/null
		for pid in "${pids[@]}"; do
			wait "$pid" || true	# some came too late
		done
		expect "no device left (round $i)" no_devices
		expect "no interface left (round $i)" test "$(interfaces)" = 0
		load_net
	done
	client net-mmap control
}

# mdevctl, as administrators use it: by hand, and defined to be started.
mdevctl_works()
{
	local uuid type=mdev_virtio-net-mmap-4

	mkdir -p /etc/mdevctl.d/scripts.d/{callouts,notifiers}
	uuid=$(uuid)
	mdevctl types >"$work/types"
	cat "$work/types"
	expect "our types" test "$(grep -c '^  mdev_virtio-net-' "$work/types")" = 6
	mdevctl start -u "$uuid" -p mdev_virtio_net --type $type
	mdevctl list
	expect "it in the list" test "$(mdevctl list)" = "$uuid mdev_virtio_net $type manual"
	usable "$uuid"
	mdevctl define -u "$uuid"
	mdevctl stop -u "$uuid"
	expect "the device gone" gone "$uuid"
	mdevctl start -u "$uuid"
	expect "it in the list" test \
		"$(mdevctl list)" = "$uuid mdev_virtio_net $type manual (defined)"
	usable "$uuid"
	hold_start "$uuid"
	mdevctl stop -u "$uuid"
	hold_wait
	mdevctl undefine -u "$uuid"
	expect "the list empty" test -z "$(mdevctl list; mdevctl list --defined)"
}

# What IPv6 sends by itself is not among what the tests send.
sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
release=$(uname -r | grep -o '^[0-9]*\.[0-9]*')

# The sum that the last client printed.
counted()
{
	[ ! -s "$work/count" ] || tail -n 1 "$work/count" | sed 's/^/        /'
	rm -f "$work/count"
}

# each TEXT CHECK...
each()
{
	check "Linux $release: $1" alone "${@:2}"
}

for type in net-mmap net-trap net-mmap-4 net-trap-16; do
	each "queue pairs, control queue, filters of $type" client $type control
	counted
done
for type in net-mmap net-trap-4; do
	each "queues reset, device broken, features off of $type" client $type rings
	counted
done
for type in net-mmap-4 net-trap; do
	each "checksums and segmentation of $type" client $type offloads
	counted
	each "receive-side scaling and hash reports of $type" client $type hash
	counted
done
for type in net-mmap-4 net-trap; do
	each "a hostile client of $type" client $type hostile
	counted
done
each "types and what they say" types
each "creation with wrong and double UUIDs" create_errors
each "creation beyond the maximum" create_beyond
each "64 devices created and removed at once" many
each "removal from a client that lets go when asked" remove_asked net-mmap-16
each "removal from a stubborn client" remove_stubborn net-trap
each "removal from a client that is killed" remove_killed net-mmap
each "removal under traffic, in another namespace" remove_busy
each "modules in use stay, others go and come" unload
each "modules go while devices come" unload_races
each "mdevctl" mdevctl_works
