# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Helpers for scripts that devtools/vm.sh runs in its virtual machine: mediated
# devices, network namespaces and testpmd. Source it after lib.sh.

MDEV_PARENT=/sys/class/mdev_bus/mdev_virtio_net
MDEV_DEVICES=/sys/bus/mdev/devices

[ -n "${MDEV_VM:-}" ] ||
	die "this script changes the machine that it runs on: use devtools/vm.sh -- $0"

# wait_until SECONDS COMMAND...: until COMMAND succeeds; fails after SECONDS
wait_until()
{
	local end=$((SECONDS + $1))

	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

# uuid: print a new one
uuid()
{
	cat /proc/sys/kernel/random/uuid
}

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

# testpmd_start LOG EAL_ARGUMENT... [-- TESTPMD_ARGUMENT...]: start an interactive
# testpmd. It reads commands from a FIFO that stays open, and writes by lines.
testpmd_start()
{
	local fifo

	TESTPMD_LOG=$1
	shift
	fifo=$(mktemp -u)
	mkfifo "$fifo"
	stdbuf -oL -eL dpdk-testpmd "$@" <"$fifo" >"$TESTPMD_LOG" 2>&1 &
	TESTPMD_PID=$!
	exec 7>"$fifo"
	rm "$fifo"
}

testpmd_alive()
{
	kill -0 "$TESTPMD_PID" 2>/dev/null
}

# testpmd_wait COUNT PATTERN [SECONDS]: until its output has COUNT lines with PATTERN
testpmd_wait()
{
	local end=$((SECONDS + ${3:-40})) count

	while :; do
		count=$(grep -c -e "$2" "$TESTPMD_LOG" || true)
		[ "$count" -lt "$1" ] || return 0
		testpmd_alive || return 1
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

# testpmd_do COMMAND...: have a command done, and wait until it is. The prompt that
# follows is the sign: an unknown word makes testpmd say so after what came before.
testpmd_do()
{
	local asked

	asked=$(grep -c 'Bad arguments\|Command not found\|Ambiguous command' \
		"$TESTPMD_LOG" || true)
	printf '%s\nend_of_command\n' "$*" >&7
	testpmd_wait $((asked + 1)) \
		'Bad arguments\|Command not found\|Ambiguous command' && return
	cat "$TESTPMD_LOG"
	echo "testpmd did not finish '$*'"
	return 1
}

# testpmd_stat PORT NAME: print a counter of the port, RX-bytes for one
testpmd_stat()
{
	testpmd_do "show port stats $1"
	grep -A 8 "NIC statistics for port $1 " "$TESTPMD_LOG" | tail -n 8 |
		grep -o "$2: *[0-9]*" | tail -n 1 | grep -o '[0-9]*$'
}

# testpmd_statistics: print what went through each port, one line a direction
testpmd_statistics()
{
	testpmd_do show port stats all
	awk '/NIC statistics for port/ { port = $6 }
		/[RT]X-packets:/ {
			way = substr($1, 1, 2) == "RX" ? "received" : "sent    "
			line[port, way] = sprintf("    port %s %s %9d packets, %10d bytes",
				port, way, $2, $NF)
			if (!(port in seen)) { seen[port] = 1; order[++ports] = port }
		}
		END { for (i = 1; i <= ports; i++) {
			print line[order[i], "received"]
			print line[order[i], "sent    "]
		} }' "$TESTPMD_LOG"
}

# testpmd_quit: end it in order; its exit status
testpmd_quit()
{
	echo quit >&7
	exec 7>&-
	wait "$TESTPMD_PID"
}

# ping_loss NAMESPACE ADDRESS COUNT: print how many of COUNT echo requests were lost
ping_loss()
{
	local received

	received=$(ip netns exec "$1" ping -n -q -c "$3" -i 0.05 -W 2 "$2" |
		grep -o '[0-9]* received' | cut -d ' ' -f 1) || true
	echo $(($3 - received))
}

# sha256_of FILE
sha256_of()
{
	sha256sum "$1" | cut -d ' ' -f 1
}

# transfer FROM TO ADDRESS FILE COPY: send FILE by TCP from one namespace to ADDRESS
# in another. It is up to the caller to compare.
transfer()
{
	local receiver

	ip netns exec "$2" socat -u TCP-LISTEN:5001 "CREATE:$5" &
	receiver=$!
	wait_until 10 listening "$2" 5001 || return 1
	ip netns exec "$1" timeout 120 socat -u "FILE:$4" "TCP:$3:5001" || return 1
	wait "$receiver"
}

# listening NAMESPACE PORT: does somebody listen there?
listening()
{
	[ -n "$(ip netns exec "$1" ss -Hltn "sport = :$2")" ]
}
