#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# logs.sh BUILD: what an application prints at its start on a mediated device, at the
# default level and with all that the drivers have to say. In the user-space world, as any
# user; one line for each check.

. "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../lib.sh"
. "$REPO/devtools/tests/checks.sh"

build=$(realpath "$1")
temp_dir work
. "$REPO/devtools/native-lib.sh"

# The levels that the guide names, with patterns as it has them.
LEVELS=(--log-level=bus.mdev:debug "--log-level=pmd.common.vfio*:debug"
	"--log-level=pmd.net.mdev_virtio*:debug")
# How each of our lines begins.
OURS='^(mdev:|mdev bus|vfio: |mdev_virtio: )'

# In a list of its own: another application of this machine may use all that it finds.
device=$(uuid)
export RUN_MDEV_DEVICES=$work/run/devices
mkdir "$work/run"
"$build/app/mediator/dpdk-mdev-mediator" --root "$work/run" --verbose \
	--device "uuid=$device,backend=$work/none.sock" >"$work/mediator" 2>&1 &
at_exit end $!
wait_until 60 test -S "$RUN_MDEV_DEVICES/$device/socket" ||
	{ cat "$work/mediator" >&2; die "the mediator did not start"; }

# start LOG OPTION...: testpmd starts on the device, runs for a moment, and ends. A machine
# that gave the mediator no time for seconds is no matter of this: once more, then.
start()
{
	local times

	for times in 1 2 3; do
		start_once "$@" || return 1
		grep -qE '(in time|timed out|too slow)' "$1" || break
		echo "no answer in time ($times)"
	done
	cat "$1"
	# it ran: the port was there, and was started
	grep -q "^Port 0: " "$1" || { cat "$work/mediator"; return 1; }
}

start_once()
{
	local log=$1

	shift
	timeout -k 5 60 dpdk-testpmd --no-huge -m 64 --no-pci --no-shconf --no-telemetry \
		--file-prefix="logs$$" "$(lcores 2)" -d "$build/drivers" -a "mdev:$device" \
		"$@" -- -i --total-num-mbufs=2048 >"$log" 2>&1 <<<quit || { cat "$log"; return 1; }
}

silent()
{
	start "$work/notice"
	! grep -E "$OURS" "$work/notice"
}

# said TEXT...: a line with each of them, of what was printed
said()
{
	local text

	for text; do
		grep -E "$OURS" "$work/debug" | grep -qF "$text" ||
			{ echo "nothing says: $text"; return 1; }
	done
}

useful()
{
	start "$work/debug" "${LEVELS[@]}"
	# where the device is, who takes it, and how it is reached
	said "mdev:$device: found in " "mdev:$device: probe by net_mdev_virtio" \
		"mdev:$device: driven by net_mdev_virtio" \
		"by the vfio-user transport" "its server speaks version" \
		"given to its server" " eventfds for doorbells" \
		"region 4: " "interrupt index "
	# what was agreed on, and how packets go
	said "common configuration: " "features that are used: 0x" VIRTIO_F_VERSION_1 \
		"features that are offered and not used: 0x" "queue pairs, rings up to" \
		"virtqueue 0: " "doorbell by " "in operation: " \
		"interrupts of the configuration" "command RX_PROMISC done"
}

# each component of the guide's table adds lines of its own, and those only
apart()
{
	local component log=$work/apart

	start "$log" --log-level=bus.mdev:debug
	grep -qE '^mdev:' "$log"
	! grep -E '^(vfio|mdev_virtio): ' "$log" || return 1
	start "$log" --log-level=pmd.net.mdev_virtio.driver:debug
	grep -qE '^mdev_virtio: .* command ' "$log"
	! grep -E '^mdev_virtio: .* features|^(vfio: |mdev:)' "$log" || return 1
	for component in bus.mdev pmd.common.vfio pmd.common.vfio_user \
			pmd.net.mdev_virtio.init pmd.net.mdev_virtio.driver; do
		grep -qF "\`\`$component\`\`" "$REPO/doc/guides/troubleshooting.rst" ||
			{ echo "the guide lacks $component"; return 1; }
	done
}

check "logs: a start without trouble prints no line of ours" silent
check "logs: at the level debug, what an engineer asks for" useful
check "logs: each component has a level of its own" apart
