# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck disable=SC2086	# the variables of guest.sh are no list of words
#
# usertools/dpdk-mdev.py with devices of the kernel. Sourced by guest.sh, after
# guest-errors.sh.

E=eeeeeeee-0000-4000-8000-00000000000e

tool()
{
	/usr/bin/python3 "$REPO/usertools/dpdk-mdev.py" --drivers "$build/drivers" "$@"
}

# tool_shows HOLDER: the device is listed, as one that somebody has
tool_shows()
{
	tool >"$work/out"
	sed -i -E 's/ {3,}/  /g' "$work/out"
	expect_line "$E  kernel  mdev_virtio_net  mdev_virtio-net-trap  net_mdev_virtio  $1" \
		"$work/out"
}

# tool_refuses LINE ARGUMENT...
tool_refuses()
{
	local line=$1 status=0

	shift
	tool "$@" >"$work/out" 2>&1 || status=$?
	expect_line "dpdk-mdev.py: $line" "$work/out"
	expect "exit status 1, not $status" test $status = 1
	expect "no other line" test "$(wc -l <"$work/out")" = 1
}

# Created, held by testpmd, which lets go when it is asked.
tool_life()
{
	local held

	echo $E | diff - <(tool --no-mdevctl --create mdev_virtio-net-trap --uuid $E)
	testpmd_start "$work/testpmd" -l 0,1 --no-telemetry -d "$build/drivers" \
		--file-prefix tool -a mdev:$E -- -i --total-num-mbufs=4096 --hot-plug
	testpmd_wait 1 'testpmd>' 60
	held="DPDK dpdk-testpmd (pid $(pgrep -x dpdk-testpmd)) file-prefix tool"
	tool_shows "$held"
	tool_refuses "mdev:$E: in use by $held: end that, or detach the device there; or have it asked to let go (--force)" \
		--no-mdevctl --remove $E
	expect "it to be there" [ -e $MDEV_DEVICES/$E ]
	tool --no-mdevctl --remove $E --force --timeout 60
	expect "it to be gone" [ ! -e $MDEV_DEVICES/$E ]
	forward_stop
}

# Where it is installed; it wants these folders, which Debian's package does not make.
tool_with_mdevctl()
{
	command -v mdevctl >/dev/null || skip "mdevctl is not installed"
	mkdir -p /etc/mdevctl.d/scripts.d/{callouts,notifiers}
	echo $E | diff - <(tool --create mdev_virtio-net-trap --uuid $E)
	mdevctl list | grep "^$E mdev_virtio_net mdev_virtio-net-trap"
	tool --remove $E
	expect "it to be gone" [ ! -e $MDEV_DEVICES/$E ]
}

# Who cannot be asked does not let go, and the kernel waits for its end.
tool_waits()
{
	local machine held

	mdev_create net-trap $E
	qemu-system-x86_64 -S -name guest=web1 -M q35 -m 128 -nodefaults -display none \
		-no-user-config -device "vfio-pci,sysfsdev=$MDEV_DEVICES/$E" >"$work/qemu" 2>&1 &
	machine=$!
	wait_until 60 is_held_by $machine $E || {
		cat "$work/qemu"
		echo "QEMU does not take the device"
		exit 1
	}
	held="VM web1 qemu-system-x86_64 (pid $machine)"
	tool_shows "$held"
	kill -STOP $machine
	tool_refuses "mdev:$E: not removed within 1 s: $held was asked to let go: end it; the kernel removes the device then" \
		--no-mdevctl --remove $E --force --timeout 1
	# off the list at once; its folder stays until it is let go
	expect "it to be there" [ -e $MDEV_PARENT/$E ]
	kill -KILL $machine
	wait $machine || true
	wait_until 30 test ! -e $MDEV_PARENT/$E
}

# What there is is what sysfs says.
tool_types()
{
	tool --json >"$work/out"
	(cd "$MDEV_PARENT/mdev_supported_types" && grep . -- */available_instances) |
		/usr/bin/python3 -c '
import json, sys
found = json.load(open(sys.argv[1]))
parent, = [p for p in found["parents"] if p["parent"] == "mdev_virtio_net"]
assert sorted("{type}/available_instances:{available_instances}\n".format(**t)
              for t in parent["types"]) == sorted(sys.stdin)
devices = [d for d in found["devices"] if d["uuid"] in sys.argv[2:]]
assert len(devices) == 2
for device in devices:
    assert [(d["name"], d["if_named"]) for d in device["drivers"]] == [("net_mdev_virtio", False)]
    assert device["holders"] == []
' "$work/out" $A $B
}

check "dpdk-mdev.py: parents, types, devices, drivers" tool_types
check "dpdk-mdev.py: creates, shows who has it, asks for it, removes" tool_life
check "dpdk-mdev.py: creates and removes by mdevctl" tool_with_mdevctl
check "dpdk-mdev.py: --force does not wait for ever" tool_waits
