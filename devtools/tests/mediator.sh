#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# mediator.sh BUILD: checks of the program dpdk-mdev-mediator, without applications and
# backends: command line, folders, control socket, life and death. Needs no kernel
# support, and no permission but for what another user would do. One line for each.

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../lib.sh"
. "$REPO/devtools/tests/checks.sh"

build=$1
temp_dir work
chmod 755 "$work"	# for another user, as the folders below are not
mkdir "$work/bin"
cp "$build/app/mediator/dpdk-mdev-mediator" "$work/bin"
mediator=$work/bin/dpdk-mdev-mediator

A=0000000a-abcd-4ef0-9abc-def012345678
B=0000000b-abcd-4ef0-9abc-def012345678
C=0000000c-abcd-4ef0-9abc-def012345678
IDLE="  client -        backend down  pairs 0    rings -       link down"
ME="dpdk-mdev-mediator:"

# start ARG...: a mediator below $root, until it serves; its process is $pid. --name comes
# first, if at all.
start()
{
	local i name=()

	[ "${1:-}" != --name ] || name=("$1" "$2")
	"$mediator" --root "$root" "$@" >>"$root.out" 2>>"$root.err" &
	pid=$!
	for ((i = 0; i < 600; i++)); do
		ctl "${name[@]}" list >"$root.list" 2>/dev/null && return
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.1
	done
	cat "$root.out" "$root.err"
	expect "a mediator that serves" false
}

# new_root: a place for the mediators of one check
new_root()
{
	root=$(mktemp -d "$work/XXXX")/root
}

ctl()
{
	"$mediator" ctl --root "$root" "$@"
}

# end: by SIGTERM, and successfully
end()
{
	kill "$1"
	wait "$1"
}

# fails STATUS LINE COMMAND...: it ends so, and this is all it says
fails()
{
	local status=$1 line=$2 got=0

	shift 2
	"$@" >"$work/said" 2>&1 || got=$?
	expect "exit status $status, not $got" [ "$got" = "$status" ]
	printf '%s\n' "$line" | diff - "$work/said"
}

# tree: what is below the root
tree()
{
	(cd "$root" && find . ! -name . | sort)
}

expect_tree()
{
	printf '%s\n' "$@" | sort | diff - <(tree)
}

# what each mediator makes
SHARED=(./devices ./mediator0{,/lock,/ctl} ./mediator0/mdev_supported_types{,/virtio_net}
	./mediator0/mdev_supported_types/virtio_net/{name,description,device_api})

# Ready means: the link leads to a socket that listens. Afterwards nothing is left.
life()
{
	new_root
	start --device "uuid=$A,backend=/nowhere/a" --device "uuid=$B,backend=$root.vhost,listen,numa=0"
	cat "$root.out" "$root.err"
	echo "$ME mdev:$A: no backend at /nowhere/a yet; connecting when it is there" |
		diff - "$root.err"
	echo "mdev:$A: ready, socket $root/mediator0/$A/socket, backend /nowhere/a (not connected yet)" |
		diff - <(grep "^mdev:$A" "$root.out")
	expect_tree "./devices/$A" "./mediator0/$A"{,/socket,/mdev_type} "./devices/$B" \
		"./mediator0/$B"{,/socket,/mdev_type,/numa_node} "${SHARED[@]}"
	expect "the process id in the lock" [ "$(cat "$root/mediator0/lock")" = "$pid" ]
	expect "a link to it" [ "$(readlink "$root/devices/$A")" = "../mediator0/$A" ]
	expect "sysfs' attribute" [ "$(cat "$root/devices/$A/mdev_type/device_api")" = vfio-pci ]
	[ "$(stat -c %a "$root" "$root/devices" "$root/mediator0" "$root/mediator0/$A" \
		"$root/mediator0/ctl" "$root/devices/$A/socket" | paste -sd ' ')" = \
		"755 755 700 700 600 600" ]
	socat -u /dev/null "UNIX-CONNECT:$root/devices/$A/socket"
	end "$pid"
	expect_tree ./devices
	expect "its socket for the backend removed" [ ! -e "$root.vhost" ]
}

# By SIGINT and when its terminal goes, too.
signals()
{
	local signal

	new_root
	for signal in INT HUP; do
		start --device "uuid=$A,backend=/nowhere/a"
		# a job of a script ignores SIGINT; ours listens to it all the same
		kill -$signal "$pid"
		wait "$pid"
		expect_tree ./devices
	done
}

control()
{
	local line

	new_root
	start
	expect "no device" [ ! -s "$root.list" ]
	echo "ready, without devices: ctl add makes one" | diff - "$root.out"
	echo "$A" | diff - <(ctl add "uuid=$A,backend=/nowhere/a,queues=4")
	line=$(ctl add uuid=auto,backend=/nowhere/b)
	[[ $line =~ ^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$ ]]
	expect "both" diff <(printf '%s\n' "$A$IDLE" "$line$IDLE" | sort) <(ctl list)
	ctl show "$A" >"$work/shown"
	cat "$work/shown"
	grep -qx "uuid: $A" "$work/shown"
	grep -qx "max_pairs: 4" "$work/shown"
	grep -qx "backend: /nowhere/a" "$work/shown"
	grep -q "^offered: 0x" "$work/shown"
	ctl --timeout 0 remove "${A^^}" | diff /dev/null -
	expect "the other one" [ "$(ctl list)" = "$line$IDLE" ]
	expect "its link gone" [ ! -L "$root/devices/$A" ]
	fails 1 "$ME mdev:$A: no such device: see ctl list" ctl remove "$A"
	fails 1 "$ME mdev:$A: no such device: see ctl list" ctl show "$A"
	fails 1 "$ME mdev:$line: already a device of this mediator: remove it first, or use another UUID" \
		ctl add "uuid=$line,backend=/nowhere/a"
	fails 1 "$ME ctl add: queues=0: not a number of queue pairs: 1 to 128" \
		ctl add uuid=auto,backend=/nowhere/a,queues=0
	fails 1 "$ME mediator0: already running (pid $pid): use --name for another one, or ctl add" \
		"$mediator" --root "$root" --device "uuid=$C,backend=/nowhere/c"
	expect "nothing has changed" [ "$(ctl list)" = "$line$IDLE" ]
	end "$pid"
	fails 1 "$ME ctl: mediator0 does not run below $root: start it, or name another one with --root and --name" \
		ctl list
}

# Whatever is wrong on the command line: one line, and nothing was started.
usage()
{
	local good="uuid=$A,backend=/nowhere/a"

	new_root
	printf '# two\n%s\n\n%s,mtu=9\n' "$good" "uuid=$B,backend=/b" >"$root.conf"
	set -- "$mediator" --root "$root"
	fails 2 "$ME --device: uuid=1: not a UUID: 32 hexadecimal digits as 8-4-4-4-12, or auto for a new one" \
		"$@" --device "$good" --device uuid=1,backend=/b
	fails 2 "$ME --device: uuid=$A: given before: each device needs one of its own" \
		"$@" --device "$good" --device "uuid=${A^^},backend=/b"
	fails 2 "$ME $root.conf:4: mtu=9: not an MTU: 68 to 65535 bytes" "$@" --config "$root.conf"
	fails 2 "$ME $root.conf:2: uuid=$A: given before: each device needs one of its own" \
		"$@" --device "$good" --config "$root.conf"
	fails 2 "$ME --config $root.no: No such file or directory: give a file that can be read and has 4096 KiB at most" \
		"$@" --config "$root.no"
	fails 2 "$ME --name ../x: not a name: give 1 to 32 letters, digits, and . _ - within, but not devices" \
		"$@" --name ../x
	fails 2 "$ME --root : not a path: give a folder" "$@" --root ""
	fails 2 "$ME --devise: unknown option, or one with a value that takes none; see --help" \
		"$@" --devise "$good"
	fails 2 "$ME --verbose=1: unknown option, or one with a value that takes none; see --help" \
		"$@" --verbose=1
	fails 2 "$ME -x: unknown option, or one with a value that takes none; see --help" "$@" -x
	fails 2 "$ME --device: needs a value; see --help" "$@" --device
	fails 2 "$ME $good: not an option; see --help" "$@" "$good"
	fails 2 "$ME ctl: a command is missing: use list, show, add or remove" ctl
	fails 2 "$ME ctl lisst: unknown command: use list, show, add or remove" ctl lisst
	fails 2 "$ME ctl list: takes no argument" ctl list "$A"
	fails 2 "$ME ctl list: takes no --timeout, only remove does" ctl --timeout 1 list
	fails 2 "$ME --timeout 1s: not a time: give 0 to 3600 seconds" ctl --timeout 1s remove "$A"
	fails 2 "$ME ctl show: takes one UUID" ctl show
	fails 2 "$ME ctl add: takes one SPEC" ctl add "$good" "$good"
	fails 2 "$ME ctl add: $good\\x0a: too long, or more than a line: shorten it" \
		ctl add "$good"$'\n'
	fails 2 "$ME --device: unknown option, or one with a value that takes none; see --help" \
		ctl --device "$good" list
	fails 1 "$ME $root/a/b: No such file or directory: give a folder in one that is there, with --root" \
		"$@" --root "$root/a/b"
	expect "nothing to be made" [ ! -e "$root" ]
	"$mediator" --help | grep -q '^SPEC: uuid='
	"$mediator" ctl --help | grep -q '^SPEC: uuid='
	"$mediator" --version | grep -Eqx 'dpdk-mdev-mediator [0-9]+\.[0-9]+\.[0-9]+'
}

# What a mediator leaves that is killed, the next one takes away: of the same name, and
# links of another.
killed()
{
	local first second

	new_root
	start --device "uuid=$A,backend=/nowhere/a" --device "uuid=$B,backend=/nowhere/b"
	first=$pid
	kill -KILL "$first"
	wait "$first" || true
	expect "it to leave something" test -S "$root/devices/$A/socket"
	fails 1 "$ME ctl: mediator0 does not run below $root: start it, or name another one with --root and --name" \
		ctl list
	start --device "uuid=$B,backend=/nowhere/b"
	second=$pid
	expect "only the new one's device" [ "$(cat "$root.list")" = "$B$IDLE" ]
	expect "no link to the old one's" [ ! -L "$root/devices/$A" ]
	expect "nor its folder" [ ! -e "$root/mediator0/$A" ]
	kill -KILL "$second"
	wait "$second" || true
	"$mediator" --root "$root" --name other --device "uuid=$B,backend=/nowhere/b" &
	pid=$!
	until [ "$(readlink "$root/devices/$B")" = "../other/$B" ]; do
		kill -0 "$pid"
		sleep 0.1
	done
	end "$pid"
	expect_tree ./devices
}

# Starts at the same time: one of them serves, the others say that it does.
race()
{
	local i won=0 lost=0 status

	new_root
	for i in {1..8}; do
		{
			status=0
			timeout 20 "$mediator" --root "$root" --device "uuid=$A,backend=/nowhere/a" \
				>"$root.out$i" 2>"$root.err$i" || status=$?
			echo $status >"$root.status$i"
		} &
	done
	for ((i = 0; i < 100; i++)); do
		[ "$(cat "$root".status? 2>/dev/null | grep -c '^1$')" != 7 ] || break
		sleep 0.1
	done
	kill "$(cat "$root/mediator0/lock")"
	wait
	for i in {1..8}; do
		case $(cat "$root.status$i") in
		0) won=$((won + 1)) ;;
		1)
			lost=$((lost + 1))
			grep -Eqx "$ME mediator0: already running( \(pid [0-9]+\))?: use --name for another one, or ctl add" \
				"$root.err$i"
			[ "$(wc -l <"$root.err$i")" = 1 ]
			;;
		esac
	done
	expect "one winner ($won) and seven losers ($lost)" [ "$won $lost" = "1 7" ]
	expect_tree ./devices
}

# Where a mediator cannot listen for a backend, and what to do.
listen()
{
	local said

	new_root
	said="$ME mdev:$A: cannot listen for a backend at $root.vhost"
	set -- "$mediator" --root "$root" --device
	fails 1 "$said/b: No such file or directory: make that folder first" \
		"$@" "uuid=$A,backend=$root.vhost/b,listen"
	echo text >"$root.vhost"
	fails 1 "$said: File exists: it is no socket: remove it, or use another path" \
		"$@" "uuid=$A,backend=$root.vhost,listen"
	rm "$root.vhost"
	start --device "uuid=$B,backend=$root.vhost,listen"
	fails 1 "$said: Address already in use: somebody else does: end that, or use another path" \
		"$@" "uuid=$A,backend=$root.vhost,listen" --name two
	end "$pid"
}

# Two mediators share a root, and no device.
two()
{
	local one

	new_root
	start --device "uuid=$A,backend=/nowhere/a"
	one=$pid
	# refused alone, while the others of the same mediator are made
	start --name two --device "uuid=$A,backend=/nowhere/a" --device "uuid=$B,backend=/nowhere/b"
	cat "$root.err"
	grep -qx "$ME mdev:$A: already a device of mediator0 (pid $one): remove it there, or use another UUID" \
		"$root.err"
	expect "the first one's" [ "$(ctl list)" = "$A$IDLE" ]
	expect "the second one's" [ "$(ctl --name two list)" = "$B$IDLE" ]
	expect "whose it is" [ "$(readlink "$root/devices/$A")" = "../mediator0/$A" ]
	end "$pid"
	expect_tree "./devices/$A" "./mediator0/$A"{,/socket,/mdev_type} "${SHARED[@]}"
	fails 1 "$ME mdev:$A: already a device of mediator0 (pid $one): remove it there, or use another UUID" \
		"$mediator" --root "$root" --name two --device "uuid=$A,backend=/nowhere/a"
	end "$one"
	expect_tree ./devices
}

# in front of a command; no function, which would be one process more to end
AS_NOBODY=(setpriv --reuid nobody --regid nogroup --clear-groups)

# An ordinary user has a place of their own, and cannot reach what is another's.
ordinary()
{
	local runtime=$work/runtime

	[ "$(id -u)" = 0 ] || skip "needs root, who can be somebody else"
	new_root
	chmod 755 "$(dirname "$root")"
	start --device "uuid=$A,backend=/nowhere/a"
	fails 1 "$ME ctl: mediator0 below $root: Permission denied: use it as the user that runs it" \
		"${AS_NOBODY[@]}" "$mediator" ctl --root "$root" list
	# the names of what is there, and nothing else
	"${AS_NOBODY[@]}" ls "$root/devices" | grep -qx "$A"
	expect "nothing to be read" fails 2 \
		"ls: cannot access '$root/devices/$A/': Permission denied" \
		"${AS_NOBODY[@]}" ls "$root/devices/$A/"
	fails 1 "$ME $root: belongs to root: run as root, or choose another folder with --root" \
		"${AS_NOBODY[@]}" "$mediator" --root "$root"
	fails 1 "$ME XDG_RUNTIME_DIR names no folder: set it as a login does, or give a folder with --root" \
		"${AS_NOBODY[@]}" env -u XDG_RUNTIME_DIR "$mediator"
	install -d -o nobody -g nogroup -m 700 "$runtime"
	"${AS_NOBODY[@]}" env XDG_RUNTIME_DIR="$runtime" "$mediator" \
		--device "uuid=$A,backend=/nowhere/a" &
	until "${AS_NOBODY[@]}" test -S "$runtime/mdev/devices/$A/socket"; do
		kill -0 $!
		sleep 0.1
	done
	expect "root to see it" [ "$("$mediator" ctl --root "$runtime/mdev" list)" = "$A$IDLE" ]
	"${AS_NOBODY[@]}" env XDG_RUNTIME_DIR="$runtime" "$mediator" ctl list
	fails 1 "$ME $runtime: belongs to another user ($(id -u nobody)): choose another folder with --root" \
		"$mediator" --root "$runtime/mdev" --name two
	kill "$(cat "$runtime/mdev/mediator0/lock")"
	wait $!
	rmdir "$runtime/mdev/devices" "$runtime/mdev" "$runtime"
	end "$pid"
}

# The service manager's socket: READY=1 when devices can be found, STOPPING=1 at the end.
service()
{
	new_root
	socat -u "UNIX-RECV:$root.notify" "OPEN:$root.got,creat,append" &
	until [ -S "$root.notify" ]; do sleep 0.1; done
	NOTIFY_SOCKET=$root.notify start --device "uuid=$A,backend=/nowhere/a"
	until grep -q '^READY=1$' "$root.got" 2>/dev/null; do sleep 0.1; done
	end "$pid"
	until grep -q 'STOPPING=1' "$root.got"; do sleep 0.1; done
	# nobody listens there
	NOTIFY_SOCKET=$root.nothing start --device "uuid=$A,backend=/nowhere/a"
	end "$pid"
	grep -qx "$ME NOTIFY_SOCKET: No such file or directory: the service manager does not know that this is ready" \
		"$root.err"
}

# Devices that there are no files for fail alone; those that are there can be controlled.
few_files()
{
	local i made

	new_root
	for i in {10..99}; do
		echo "uuid=000000$i-abcd-4ef0-9abc-def012345678,backend=/nowhere/$i"
	done >"$root.conf"
	(
		ulimit -n 64
		exec "$mediator" --root "$root" --config "$root.conf" >"$root.out" 2>"$root.err"
	) &
	pid=$!
	for ((i = 0; i < 100; i++)); do
		! ctl list >"$root.list" 2>/dev/null || break
		sleep 0.1
	done
	made=$(wc -l <"$root.list")
	grep -v /nowhere/ "$root.err" | tail -n 3
	expect "some devices ($made)" [ "$made" -gt 0 ]
	expect "and not all" [ "$made" -lt 90 ]
	expect "a line for each that is missing" \
		[ "$(grep -c "^$ME mdev:.*: Too many open files: " "$root.err")" = $((90 - made)) ]
	# the others wait for their backends
	expect "no other line" [ "$(grep -vc /nowhere/ "$root.err")" = $((90 - made)) ]
	expect "links to those that are there" [ "$(tree | grep -c '^./devices/')" = "$made" ]
	cut -d ' ' -f 1 "$root.list" | head -n 3 | while read -r i; do
		ctl remove "$i"
		expect "no link to $i" [ ! -L "$root/devices/$i" ]
	done
	ctl add "uuid=$A,backend=/nowhere/a"
	end "$pid"
	expect_tree ./devices
}

# Nobody reads what it prints: it serves all the same.
unread()
{
	new_root
	mkdir "$root.fifos"
	mkfifo "$root.fifos/out"
	exec 8<>"$root.fifos/out"
	"$mediator" --root "$root" >&8 2>&8 &
	pid=$!
	until ctl list 2>/dev/null; do sleep 0.1; done
	dd if=/dev/zero of="$root.fifos/out" bs=1024 oflag=nonblock || true
	ctl add "uuid=$A,backend=/nowhere/a"
	ctl remove "$A"
	end "$pid"
	exec 8<&-
	expect_tree ./devices
}

resident_kib()
{
	awk '$1 == "VmRSS:" { print $2 }' "/proc/$1/status"
}

# The goals: 4 MiB with a device, 64 KiB for each further one.
memory()
{
	local i one many count=256

	new_root
	start --device "uuid=$A,backend=/nowhere/a"
	one=$(resident_kib "$pid")
	end "$pid"
	for ((i = 0; i < count; i++)); do
		printf 'uuid=%08x-abcd-4ef0-9abc-def012345678,backend=/nowhere/%d\n' $((i + 256)) $i
	done >"$root.conf"
	start --device "uuid=$A,backend=/nowhere/a" --config "$root.conf"
	expect "all devices" [ "$(wc -l <"$root.list")" = $((count + 1)) ]
	many=$(resident_kib "$pid")
	end "$pid"
	echo "$one KiB with a device, $many KiB with $((count + 1))"
	expect "less than 4 MiB" [ "$one" -lt 4096 ]
	expect "less than 64 KiB each" [ $((many - one)) -lt $((count * 64)) ]
}

# Linux and libc alone.
libraries()
{
	echo "[libc.so.6]" | diff - <(readelf -d "$mediator" | awk '/NEEDED/ { print $NF }')
}

check "mediator: starts, publishes, and takes all away at the end" life
check "mediator: ends by SIGINT and SIGHUP" signals
check "mediator: ctl lists, shows, adds and removes" control
check "mediator: wrong command lines: one line, nothing started" usage
check "mediator: killed, the next one takes over" killed
check "mediator: eight starts at once" race
check "mediator: places where no backend can connect" listen
check "mediator: two of them share no device" two
check "mediator: ordinary users" ordinary
check "mediator: tells the service manager" service
check "mediator: more devices than files" few_files
check "mediator: goes on when nobody reads its messages" unread
check "mediator: resident memory" memory
check "mediator: needs libc alone" libraries
