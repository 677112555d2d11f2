#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# native.sh BUILD: checks of the user-space world on this machine: mediator, vhost
# backends, testpmd, real traffic between network namespaces. Needs no kernel module, no
# hugepages and no permission.

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../lib.sh"
. "$REPO/devtools/tests/checks.sh"

build=$1
temp_dir work
. "$REPO/devtools/native-lib.sh"

mapfile -t UUIDS < <(printf '%s\n' "$(uuid)" "$(uuid)" | sort)
LEFT=192.0.2.1
RIGHT=192.0.2.2

namespaces_or_skip "user-space world"

# Nothing that drivers or the mediator say is an error, in a check that goes well. (For an
# ordinary user testpmd may not lock its memory, and EAL in a namespace takes him for root.)
no_errors()
{
	! grep -n -i -E 'error|fail|cannot' "$@" |
		grep -v -E 'errors:|error handling|rte_pdump_init|mlockall\(\) failed|/var/run/dpdk'
}

# backend [ARGUMENT...]: what is behind the two devices
backend()
{
	backend_start "$work/backend" left right
	tap left left $LEFT/24
	tap right right $RIGHT/24
}

# devices [OPTION]: the mediator with two devices, with further options of each. A driver
# that comes before the backend is known would not be offered what the backend can do.
devices()
{
	mediator_start "$work/mediator" \
		--device "uuid=${UUIDS[0]},backend=$work/left.sock${1:-}" \
		--device "uuid=${UUIDS[1]},backend=$work/right.sock${1:-}"
	wait_until 10 backends_known || { cat "$work/mediator"; return 1; }
}

backends_known()
{
	[ "$("$build/app/mediator/dpdk-mdev-mediator" ctl --name "$MEDIATOR_NAME" list |
		grep -c 'backend up')" = 2 ]
}

# application [TESTPMD_ARGUMENT...]: testpmd that forwards between them
application()
{
	testpmd_start "$work/testpmd" --no-huge -m 192 --no-pci "${APPLICATION_TELEMETRY[@]}" \
		--file-prefix="native$$" "$(lcores 2)" "${APPLICATION_EAL[@]}" \
		-d "$build/drivers" -a "mdev:${UUIDS[0]}$APPLICATION_DEVARGS" \
		-a "mdev:${UUIDS[1]}$APPLICATION_DEVARGS" -- -i --total-num-mbufs=8192 "$@"
	at_exit end "$TESTPMD_PID"
	testpmd_wait 1 'testpmd>' 60 || { cat "$work/testpmd"; return 1; }
	testpmd_do start
}
APPLICATION_EAL=()
APPLICATION_TELEMETRY=(--no-shconf --no-telemetry)
APPLICATION_DEVARGS=	# of both devices, with the comma in front

# traffic: ping and a transfer with its checksum, both ways
traffic()
{
	local loss

	wait_until 60 ping_passes || no_traffic
	loss=$(ping_loss left $RIGHT 10)
	expect "no ping is lost, $loss of 10 were" [ "$loss" -eq 0 ]
	head -c 16M /dev/urandom >"$work/sent"
	transfer left right $RIGHT "$work/sent" "$work/received"
	cmp "$work/sent" "$work/received"
	transfer right left $LEFT "$work/sent" "$work/received"
	cmp "$work/sent" "$work/received"
}

# Why does nothing arrive?
no_traffic()
{
	echo "no ping passes"
	"$build/app/mediator/dpdk-mdev-mediator" ctl --name "$MEDIATOR_NAME" show \
		"${UUIDS[0]}" || true
	tail -n 5 "$work/mediator" "$work/backend"
	testpmd_do show port stats all || true
	tail -n 30 "$work/testpmd"
	return 1
}

ping_passes()
{
	in_namespace left ping -n -q -c 1 -W 1 $RIGHT >/dev/null
}

end_application()
{
	testpmd_quit
}

forwards()
{
	backend
	devices "$1"
	shift
	application "$@"
	traffic
	end_application
	no_errors "$work/testpmd" "$work/mediator"
}

# ask COMMAND PATTERN: EAL's telemetry answers what fits
ask()
{
	printf '%s\n' "$1" quit | timeout 10 dpdk-telemetry.py -f "native$$" >"$work/answer"
	expect "$2 in what $1 answers: $(cat "$work/answer")" grep -q -E "$2" "$work/answer"
}

# Telemetry asks in a thread of its own: also while ports stop, start and go.
telemetry()
{
	local APPLICATION_TELEMETRY=() asking

	backend
	devices
	application
	# the machine may have devices of others, too
	ask /mdev/list "\"${UUIDS[0]}\", (\"[^\"]*\", )*\"${UUIDS[1]}\""
	ask "/mdev/list,${UUIDS[0]}" ": \[(\"[^\"]*\", )*\"${UUIDS[1]}\""
	expect "those behind it alone" [ "$(grep -c "${UUIDS[0]}" "$work/answer")" = 0 ]
	ask "/mdev/info,${UUIDS[1]^^}" '"driver": "net_mdev_virtio", "transport": "vfio-user"'
	ask "/mdev/info,${UUIDS[1]}" '"config": \{"size": 256,.*"MSI_X": \{"count"'
	ask "/mdev/info,$(uuid)" ': null'
	ask /mdev_virtio/list '\[0, 1\]'
	ask /mdev_virtio/info,1 '"state": "started", .*"rx_burst": "Packed.*"doorbell": "eventfd"'
	ask /mdev_virtio/info,0 'VIRTIO_F_RING_PACKED".*"broken": 0,'
	ask /mdev_virtio/info,2 ': null'
	rm -f "$work/enough"
	while [ ! -e "$work/enough" ]; do
		printf '/mdev_virtio/info,%s\n/ethdev/xstats,%s\n/ethdev/dump_priv,%s\n' \
			0 0 0 1 1 1
		printf '/mdev/info,%s\n' "${UUIDS[@]}"
	done | timeout 60 dpdk-telemetry.py -f "native$$" >"$work/answers" 2>&1 &
	asking=$!
	for _ in 1 2 3; do
		testpmd_do stop
		testpmd_do port stop all
		testpmd_do port config all rxd 128
		testpmd_do port start all
		testpmd_do start
	done
	traffic
	testpmd_do stop
	testpmd_do port stop all
	ask /mdev_virtio/info,0 '"state": "stopped", .*"broken_queues_now": 0,'
	testpmd_do port close 0
	ask /mdev_virtio/list '\[1\]'
	touch "$work/enough"
	wait "$asking"
	expect "answers" test "$(grep -c '"state"' "$work/answers")" -ge 100
	testpmd_quit
	no_errors "$work/testpmd" "$work/mediator"
}

many_queues()
{
	BACKEND_QUEUES=4 forwards ,queues=4 --rxq=4 --txq=4
}

restart_B()
{
	end -KILL "$BACKEND_PID"
	backend
}

# The application gives its devices up; until it has, they could not be attached again.
restart_M()
{
	end -KILL "$MEDIATOR_PID"
	wait_until 10 no_port_left
	devices
}

restart_A()
{
	end -KILL "$TESTPMD_PID"
	exec 7>&-
	application
}

# What an operator does whose application has lost its devices.
attach_again()
{
	local i

	if [ "$(testpmd_ports)" -lt 2 ]; then
		testpmd_do stop
		for i in 0 1; do
			testpmd_do port attach "mdev:${UUIDS[i]}$APPLICATION_DEVARGS"
		done
		testpmd_do port start all
		testpmd_do start
	fi
}

# testpmd_ports: print how many ports it has
testpmd_ports()
{
	testpmd_do show port summary all
	grep 'Number of available ports' "$TESTPMD_LOG" | tail -n 1 | grep -o '[0-9]*$'
}

# restarts ORDER [COMMAND...]: each of backend, mediator and application is killed and
# started again, in this order; then COMMAND looks for more than traffic
restarts()
{
	local part

	backend
	devices
	application
	traffic
	for part in $1; do
		restart_"$part"
	done
	attach_again
	traffic
	"${@:2}"
	end_application
}

# The backend dies under load and comes back: no application notices but by its link.
backend_lost()
{
	local loss

	backend
	devices
	application
	traffic
	end -KILL "$BACKEND_PID"
	testpmd_do show port info 0
	wait_until 10 link_is down
	backend
	wait_until 10 link_is up
	traffic
	end_application
}

link_is()
{
	testpmd_do show port info 0
	grep 'Link status' "$TESTPMD_LOG" | tail -n 1 | grep -q "$1"
}

# The mediator is killed: testpmd loses its ports in order, and is alive.
mediator_lost()
{
	backend
	devices
	application
	traffic
	end -KILL "$MEDIATOR_PID"
	wait_until 10 no_port_left
	devices
	attach_again
	traffic
	end_application
}

no_port_left()
{
	[ "$(testpmd_ports)" = 0 ]
}

# Somebody who is not root, with folders and namespaces of his own. What he runs is a copy:
# this folder may be closed to others, and EAL takes no plugins from one below /tmp.
ordinary_user()
{
	local copy built

	[ "$(id -u)" = 0 ] || skip "this is an ordinary user already"
	[ -w /run ] || skip "/run is not writable"
	setpriv --reuid 65534 --regid 65534 --clear-groups unshare --user true 2>/dev/null ||
		skip "ordinary users get no user namespace: they are switched off, or this is a chroot"
	setpriv --reuid 65534 --regid 65534 --clear-groups test -r "${MDEV_DPDK:-/}" ||
		skip "$MDEV_DPDK is closed to ordinary users"
	temp_dir copy /run/mdev-test.XXXXXX
	chmod 755 "$copy"
	built=$copy/${BUILD##*/}
	mkdir -p "$built/app/mediator"
	cp -r "$REPO/devtools" "$copy"
	cp -r "$build/drivers" "$built"
	cp "$build/app/mediator/dpdk-mdev-mediator" "$built/app/mediator"
	mkdir -m 700 "$copy/home"
	chown 65534:65534 "$copy/home"
	TMPDIR=$copy/home XDG_RUNTIME_DIR=$copy/home HOME=$copy/home \
		LD_LIBRARY_PATH=$built/drivers \
		setpriv --reuid 65534 --regid 65534 --clear-groups \
		"$copy/devtools/quickstart-native.sh"
}

check "testpmd forwards between two devices" forwards ""
check "... with doorbells by message" forwards ,doorbell=message
check "... with mapped doorbells" forwards ,doorbell=page
check "... with four queue pairs" many_queues
check "telemetry: devices and ports, also while they stop and go" telemetry
check "the backend is killed and returns" backend_lost
check "the mediator is killed and returns" mediator_lost
for order in "A B M" "A M B" "B A M" "B M A" "M A B" "M B A"; do
	check "restarted in this order: $order" restarts "$order"
done
check "an ordinary user: quickstart" ordinary_user
. "$REPO/devtools/tests/native-queues.sh"
. "$REPO/devtools/tests/native-layouts.sh"
. "$REPO/devtools/tests/native-offloads.sh"
. "$REPO/devtools/tests/native-processes.sh"
. "$REPO/devtools/tests/native-memory.sh"
