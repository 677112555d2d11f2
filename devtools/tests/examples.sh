#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# examples.sh BUILD: checks of examples/ and of DPDK's own l2fwd on mediated devices of the
# user-space world: mediator, vhost backend, real traffic between network namespaces.
# Needs no kernel module, no hugepages and no permission. One line for each.

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../lib.sh"
. "$REPO/devtools/tests/checks.sh"

build=$(realpath "$1")
need_packages bsdutils gcc make libc6-dev pkg-config "${DPDK_PACKAGES[@]}" iproute2 iputils-ping \
	socat python3
temp_dir work
. "$REPO/devtools/native-lib.sh"

mapfile -t UUIDS < <(printf '%s\n' "$(uuid)" "$(uuid)" "$(uuid)" | sort)
LEFT=192.0.2.1
RIGHT=192.0.2.2
LEFT_MAC=52:54:00:00:00:01	# of the ports
RIGHT_MAC=52:54:00:00:00:02
EAL=(--no-huge -m 192 --no-pci --no-shconf --no-telemetry --file-prefix="examples$$")
LCORES=$(lcores 2)

# backend: what is behind the devices
backend()
{
	backend_start "$work/backend" left right
	tap left left $LEFT/24
	tap right right $RIGHT/24
}

ctl()
{
	"$build/app/mediator/dpdk-mdev-mediator" ctl --name "$MEDIATOR_NAME" "$@"
}

devices()
{
	mediator_start "$work/mediator" \
		--device "uuid=${UUIDS[0]},backend=$work/left.sock,mac=$LEFT_MAC" \
		--device "uuid=${UUIDS[1]},backend=$work/right.sock,mac=$RIGHT_MAC"
	wait_until 20 backends_are 2 up || {
		ctl list
		return 1
	}
}

# backends_are COUNT STATE
backends_are()
{
	[ "$(ctl list | grep -c "backend $2")" = "$1" ]
}

# start PROGRAM ARGUMENT...: with its output in $work/application
start()
{
	local program=$1

	shift
	: >"$work/application"
	stdbuf -oL "$program" "${EAL[@]}" "$LCORES" "$@" >"$work/application" 2>&1 &
	APPLICATION=$!
	at_exit end "$APPLICATION"
}

# l2fwd ARGUMENT...: l2fwd-mdev, until both links are up
l2fwd()
{
	start "$build/examples/dpdk-l2fwd-mdev" -d "$build/drivers" "$@"
	says 2 ': Link up'
}

# says COUNT PATTERN: until the application has said it so often
says()
{
	wait_until 60 said_or_ended "$@" || true
	said "$@" && return
	tail -n 20 "$work/application" "$work/mediator"
	echo "the application did not say '$2' $1 times"
	return 1
}

said()
{
	[ "$(grep -c -e "$2" "$work/application")" -ge "$1" ]
}

said_or_ended()
{
	said "$@" || ended "$APPLICATION"
}

# stop [SIGNAL]: the application ends well, and has let go of all devices
stop()
{
	local status=0

	kill "-${1:-TERM}" "$APPLICATION"
	wait_until 30 ended "$APPLICATION"
	wait "$APPLICATION" || status=$?
	expect "exit status 0, not $status, $(tail -n 5 "$work/application")" [ $status = 0 ]
	wait_until 10 no_client
	expect "no error: $(errors)" [ -z "$(errors)" ]
}

no_client()
{
	[ "$(ctl list | grep -c 'client -')" = "$(ctl list | wc -l)" ]
}

# errors: print what they say of some. That packed rings need a reset when a backend was
# killed is none.
errors()
{
	grep -i -E 'error|fail|cannot|did not|^l2fwd-mdev:' "$work/application" "$work/mediator" |
		grep -v 'the driver is asked for a reset' || true
}

ping_passes()
{
	in_namespace left ping -n -q -c 1 -W 1 $RIGHT >/dev/null
}

# What is sent is what arrives, both ways.
traffic()
{
	wait_until 60 ping_passes || {
		tail -n 20 "$work/application" "$work/mediator" "$work/backend"
		echo "no ping passes"
		return 1
	}
	head -c 8M /dev/urandom >"$work/sent"
	transfer left right $RIGHT "$work/sent" "$work/received"
	cmp "$work/sent" "$work/received"
	transfer right left $LEFT "$work/sent" "$work/received"
	cmp "$work/sent" "$work/received"
}

# statistics PORTS: what the application has shown last of so many ports, four lines each
statistics()
{
	tail -n $((4 * $1)) "$work/application"
}

# total WAY: print how many packets have gone this way (in, out, dropped), of two ports
total()
{
	statistics 2 | awk -v way="$1" '$1 == way && /in all$/ { n += $(NF - 2) } END { print n }'
}

# narrow FILE: nothing that the application shows is wider than a terminal
narrow()
{
	! grep -v '^[A-Za-z_]*: \|^mdev:' "$1" | grep '.\{81\}'
}

# cpu_ticks PID: print the processor time that a process has used
cpu_ticks()
{
	awk '{ print $14 + $15 }' <(sed 's/.*) /1 x /' "/proc/$1/stat")
}

# Packets are counted. Without one workers sleep: polling would take all of a processor.
forwards()
{
	local loss before ticks

	backend
	devices
	l2fwd -- -P --no-mac-updating "${UUIDS[0]}" "${UUIDS[1]^^}"
	traffic
	loss=$(ping_loss left $RIGHT 10)
	expect "no ping is lost, $loss of 10 were" [ "$loss" -eq 0 ]
	wait_until 60 sleeps || { tail -n 12 "$work/application"; return 1; }
	expect "received packets to be counted: $(statistics 2)" \
		[ "$(total in)" -gt 100 ]
	before=$(cpu_ticks "$APPLICATION")
	sleep 3
	ticks=$(($(cpu_ticks "$APPLICATION") - before))
	tail -n 12 "$work/application"
	expect "less than a tenth of 3 s of processor time, not $ticks ticks" \
		[ $ticks -lt $((3 * $(getconf CLK_TCK) / 10)) ]
	traffic
	expect "80 columns" narrow "$work/application"
	stop
}

sleeps()
{
	[ "$(statistics 2 | grep -c -e ', sleeping$' -e '^  in  *0 packets/s')" = 4 ]
}

# As DPDK's l2fwd does it. EAL has attached the devices; none is named.
addresses()
{
	backend
	devices
	l2fwd -a "mdev:${UUIDS[0]}" -a "mdev:${UUIDS[1]}"
	frames_pass left right "020000000001${RIGHT_MAC//:/}"
	frames_pass right left "020000000000${LEFT_MAC//:/}"
	stop INT
}

# frames_pass FROM TO ADDRESSES: frames of all sizes arrive as they were sent, but with these
# addresses
frames_pass()
{
	local receiver

	: >"$work/frames"
	# shellcheck disable=SC2046	# words
	$(enter "$2") timeout 60 /usr/bin/python3 -S -c '
import socket, sys
addresses = bytes.fromhex(sys.argv[2])
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88b5))
s.bind((sys.argv[1], 0x88b5))
wanted = set(range(60, 1514, 50))
print("ready", flush=True)
while wanted:
    f = s.recv(2000)
    assert f[:12] == addresses, f[:12].hex()
    assert f[14:] == bytes([len(f) & 0xff]) * (len(f) - 14), f.hex()
    wanted.discard(len(f))
' "$2" "$3" >"$work/frames" 2>&1 &
	receiver=$!
	at_exit end $receiver
	wait_until 20 grep -q ready "$work/frames"
	# more than once: a queue that is small may be full
	in_namespace "$1" /usr/bin/python3 -S -c '
import socket, sys, time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
for i in range(20):
    for n in range(60, 1514, 50):
        s.send(bytes.fromhex("ffffffffffff52540000000a88b5") + bytes([n & 0xff]) * (n - 14))
        time.sleep(0.001)
' "$1"
	wait $receiver || { cat "$work/frames"; return 1; }
}

# remove UUID: the application lets go of a device, which takes it long on a busy machine
remove()
{
	ctl --timeout 60 remove "$1"
	says 1 "^$1: detached"
	# the mediator says it soon after
	wait_until 10 grep -q "mdev:$1: \(removed\|.* did not\)" "$work/mediator" || true
	grep "mdev:$1: removed" "$work/mediator" || {
		tail -n 20 "$work/application" "$work/mediator"
		return 1
	}
}

# Devices go and come under traffic, and one comes in the place of another.
hotplug()
{
	local sender

	backend
	mediator_start "$work/mediator" \
		--device "uuid=${UUIDS[0]},backend=$work/left.sock" \
		--device "uuid=${UUIDS[2]},backend=$work/none.sock"
	start "$build/examples/dpdk-l2fwd-mdev" -d "$build/drivers" -a "mdev:${UUIDS[2]}" -- \
		-n -P --no-mac-updating "${UUIDS[0]}" "${UUIDS[1]}"
	says 1 "^${UUIDS[1]}: not there yet"
	# not by in_namespace: what $! names would be a shell that waits for it
	# shellcheck disable=SC2046	# words
	$(enter left) ping -n -q -i 0.01 $RIGHT >/dev/null &
	sender=$!
	at_exit end $sender
	ctl add "uuid=${UUIDS[1]},backend=$work/right.sock"
	says 1 "^${UUIDS[1]}: attached"
	traffic
	remove "${UUIDS[2]}"	# which is attached, and not used
	for i in 1 0; do
		remove "${UUIDS[i]}"
		ctl add "uuid=${UUIDS[i]},backend=$work/$([ $i = 0 ] && echo left || echo right).sock"
		says 2 "^${UUIDS[i]}: attached"
	done
	traffic
	# one without a partner changes nothing for the others
	ctl add "uuid=${UUIDS[2]},backend=$work/none.sock"
	says 1 "^${UUIDS[2]}: attached"
	traffic
	end "$sender"
	stop
}

# The mediator is killed: the application waits for its devices, and nothing else.
mediator_lost()
{
	backend
	devices
	l2fwd -a "mdev:${UUIDS[0]}" -a "mdev:${UUIDS[1]}" -- -P --no-mac-updating
	traffic
	end -KILL "$MEDIATOR_PID"
	says 2 ': detached'
	devices
	says 4 ': attached'
	traffic
	stop
}

# It ends and is started again while the application does not run: what that is told then, at
# once, ends with the removal of devices that are back already.
mediator_restarted()
{
	backend
	devices
	l2fwd -a "mdev:${UUIDS[0]}" -a "mdev:${UUIDS[1]}" -- -P --no-mac-updating
	traffic
	kill -STOP "$APPLICATION"
	end "$MEDIATOR_PID"
	devices
	kill -CONT "$APPLICATION"
	says 4 ': attached'
	traffic
	expect "2 to be detached" [ "$(grep -c ': detached' "$work/application")" = 2 ]
	stop
}

link()
{
	backend
	devices
	l2fwd -- -P --no-mac-updating "${UUIDS[0]}" "${UUIDS[1]}"
	traffic
	end -KILL "$BACKEND_PID"
	says 2 ': Link down'
	says 2 ': port [01], link down, '
	backend
	says 4 ': Link up'
	traffic
	stop
}

# One that has no interrupts is polled, beside one that has.
polls()
{
	backend
	devices
	start "$build/examples/dpdk-l2fwd-mdev" -d "$build/drivers" -- \
		"${UUIDS[0]}" net_null0,size=100
	says 1 "^net_null0: port 1, link up, polling only$"
	stop
}

# Two pairs, each with an lcore of its own; nothing of mediated devices.
pairs()
{
	local LCORES

	LCORES=$(lcores 3)
	: >"$work/mediator"
	start "$build/examples/dpdk-l2fwd-mdev" -- net_null{0..3},size=100
	wait_until 60 all_forward || { tail -n 20 "$work/application"; return 1; }
	expect "80 columns" narrow "$work/application"
	stop
}

all_forward()
{
	[ "$(statistics 4 | grep -c -e 'polling only$' \
		-e '^  \(in\|out\)  *[1-9][0-9]* packets/s .* [1-9][0-9]* in all$')" = 12 ]
}

# on_terminal ROWS ARGUMENT...: l2fwd-mdev on a terminal of so many rows
on_terminal()
{
	local colours=()

	: >"$work/terminal"
	# releases of DPDK since 24.11 have it
	! "$build/examples/dpdk-l2fwd-mdev" --help | grep -e --log-color >/dev/null ||
		colours=(--log-color=always)
	# shellcheck disable=SC2016	# of the inner shell
	script -qfec "$(printf '%q ' sh -c 'stty rows "$1"; shift; echo $$ >"$0"; exec "$@"' \
		"$work/pid" "$1" "$build/examples/dpdk-l2fwd-mdev" "${EAL[@]}" "$LCORES" \
		"${colours[@]}" "${@:2}")" /dev/null </dev/null >"$work/terminal" 2>&1 &
	APPLICATION=$!
	at_exit end "$APPLICATION"
}

# shown ROWS: end it, and print what is to be seen on such a terminal, to $work/shown as well
shown()
{
	kill "$(cat "$work/pid")"
	wait_until 30 ended "$APPLICATION"
	wait "$APPLICATION"
	/usr/bin/python3 -B "$REPO/devtools/tests/terminal.py" "$1" <"$work/terminal" >"$work/shown"
	cat "$work/shown"
	expect "one table" \
		[ "$(grep -c '^device *link *packets/s *bit/s *dropped/s$' "$work/shown")" = 1 ]
	expect "80 columns" narrow "$work/shown"
}

# A table that is drawn anew, below all that l2fwd-mdev and the drivers say meanwhile.
table_on_terminal()
{
	local i

	mediator_start "$work/mediator" --device "uuid=${UUIDS[0]},backend=$work/none" \
		--device "uuid=${UUIDS[1]},backend=$work/none"
	on_terminal 24 -d "$build/drivers" -- net_null{0,1},size=100 "${UUIDS[@]:0:2}"
	drawn 4 '^net_null[01] *up *in *[0-9.]*[kM] '
	drawn 2 "^${UUIDS[0]} down *in "
	end -KILL "$MEDIATOR_PID"
	drawn 4 "^${UUIDS[0]} not there"
	shown 24
	expect "it at the end" \
		[ "$(tail -n 10 "$work/shown" | grep -c '^net_null[01] *up *in ')" = 2 ]
	for i in 0 1; do
		grep -q " s  ${UUIDS[i]}: attached as port" "$work/shown"
		grep -q "^mdev:${UUIDS[i]}: its mediator is gone, " "$work/shown"
		grep -q " s  ${UUIDS[i]}: detached$" "$work/shown"
	done
}

# What has scrolled off cannot be taken back: it would be there once a second.
low_terminal()
{
	on_terminal 5 -- net_null{0..3},size=100
	drawn 3 '^net_null0 *up'
	shown 5
	expect "what fits, at the end" grep -q '^  port 0, ' <(tail -n 2 "$work/shown")
}

# drawn COUNT ROW: until the table was drawn so often with that row
drawn()
{
	wait_until 60 eval "[ \$(grep -c '$2' '$work/terminal') -ge $1 ]" || {
		tail -n 20 "$work/terminal"
		return 1
	}
}

# refused LINE ARGUMENT...: l2fwd-mdev says this line of its own beside EAL's, and ends
refused()
{
	local line=$1 status=0

	shift
	timeout -k 5 60 "$build/examples/dpdk-l2fwd-mdev" "${EAL[@]}" "$LCORES" "$@" \
		>"$work/application" 2>&1 || status=$?
	expect "exit status 1, not $status, of $*" [ $status = 1 ]
	expect "one line of $*: $(cat "$work/application")" \
		[ "$(grep -v '^EAL' "$work/application")" = "l2fwd-mdev: $line" ]
}

arguments()
{
	local remedy='is no name of a device: give a UUID, or what -a or --vdev takes'
	local drivers='there is no bus for mediated devices: load its drivers, -d FOLDER'
	local device

	remedy+=', and load its driver, -d FOLDER'
	refused 'no ports: name two behind -- or to EAL, -a mdev:UUID; or see -- --help'
	refused "ports come in pairs: net_null0 has no other one" --vdev net_null0 --
	refused "wrong option '-x': see -- --help" -- -x
	refused "wrong option '--promiscuous=1': see -- --help" -- --promiscuous=1
	refused "ports come in pairs: net_null0 has no other one" -- -P net_null0
	refused "port ${UUIDS[0]} is given twice" -- "${UUIDS[0]}" "mdev:${UUIDS[0]^^},packed=1"
	for device in mdev:left bus=mdev,uuid=1 1234; do
		refused "'$device' $remedy" -- $device net_null0
	done
	refused "'${UUIDS[0]},packed=1': driver arguments need the bus: mdev:${UUIDS[0]},..." \
		-- "${UUIDS[0]},packed=1" net_null0
	refused "more ports than 16" -- net_null{1..17}
	refused "${UUIDS[0]}: $drivers" -- "${UUIDS[0]}" "${UUIDS[1]}"
	refused "--attach-new: $drivers" -- -n
	LCORES=-l0 refused \
		"the first lcore controls and the others forward: give two or more, -l 0,1"
	timeout -k 5 60 "$build/examples/dpdk-l2fwd-mdev" "${EAL[@]}" -- --help >"$work/application"
	expect "usage" grep -q '^usage: .* \[PORT PORT\]' "$work/application"
}

# By its own Makefile, as somebody would who has copied it. Warnings are errors.
makefile()
{
	cp -r "$REPO/examples/l2fwd-mdev" "$work"
	make -C "$work/l2fwd-mdev" CFLAGS='-O1 -Wall -Wextra -Werror'
	timeout -k 5 60 "$work/l2fwd-mdev/build/l2fwd-mdev" "${EAL[@]}" -- --help | grep '^usage:'
	make -C "$work/l2fwd-mdev" clean
	expect "nothing left" [ ! -e "$work/l2fwd-mdev/build" ]
}

# DPDK's l2fwd, built by its own Makefile without an edit.
dpdk_l2fwd()
{
	local source

	[ -z "${MDEV_DPDK:-}" ] || skip "the sources of the DPDK in $MDEV_DPDK are not known"
	source=$("$REPO/devtools/sdk-headers.sh" -s)
	cp -r "$source/examples/l2fwd" "$work"
	make -C "$work/l2fwd"
	backend
	devices
	start "$work/l2fwd/build/l2fwd" -d "$build/drivers" -a "mdev:${UUIDS[0]}" \
		-a "mdev:${UUIDS[1]}" -- -p 3 -q 2 -P -T 1 --no-mac-updating
	says 1 'entering main loop'
	traffic
	stop
}

check "l2fwd-mdev: wrong arguments" arguments
check "l2fwd-mdev: Makefile" makefile
check "l2fwd-mdev forwards in pairs, each on an lcore" pairs
check "... and shows a table on a terminal" table_on_terminal
check "... or as much of it as fits" low_terminal
namespaces_or_skip "examples forward"
check "l2fwd-mdev forwards between two devices, and sleeps when nothing comes" forwards
check "... and updates addresses" addresses
check "... while devices go and come" hotplug
check_full "... and its mediator is killed and returns" mediator_lost
check "... and its mediator is restarted meanwhile" mediator_restarted
check "... and follows the links" link
check_full "... and polls a port without interrupts" polls
check "DPDK's l2fwd forwards between two devices" dpdk_l2fwd
