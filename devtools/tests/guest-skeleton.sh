# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck disable=SC2086	# the variables of guest.sh are no list of words
#
# examples/mdev-skeleton on mtty, a serial port of the kernel's own samples. Sourced by
# guest.sh, after guest-tool.sh.

SERIAL=55555555-0000-4000-8000-000000000005
SKELETON=$build/examples/mdev-skeleton/mdev_skeleton.so

# What the kernel says when mtty's interrupts are switched off.
mtty_disabled()
{
	dmesg | grep -c 'mtty_set_irqs: disable INTx' || true
}

# skeleton_start EAL_ARGUMENT...: testpmd with the driver, and nothing of this project but
# what that needs
skeleton_start()
{
	testpmd_start "$work/testpmd" -l 0,1 --file-prefix skeleton -d "$SKELETON" "$@" -- -i \
		--total-num-mbufs=2048
	testpmd_wait 1 'testpmd>' 60 && return
	cat "$work/testpmd"
	return 1
}

# skeleton_asks [PARAMETERS ANSWER]...: what /mdev_skeleton/echo answers, one after the other
skeleton_asks()
{
	local questions=() answers=()

	while [ $# -gt 0 ]; do
		questions+=("/mdev_skeleton/echo,$1")
		answers+=("{\"/mdev_skeleton/echo\": $2}")
		shift 2
	done
	printf '%s\n' "${questions[@]}" | timeout 120 dpdk-telemetry.py -f skeleton >"$work/said" 2>&1
	cat "$work/said"
	grep -o '{"/mdev_skeleton/echo": .*' "$work/said" | diff <(printf '%s\n' "${answers[@]}") -
}

# Claimed by its type, without -a; what is written comes back, by interrupts. Detached and
# attached while testpmd runs.
skeleton_echoes()
{
	[ -n "$samples" ] || skip "the kernel's samples could not be built"
	[ -d /sys/class/mdev_bus/mtty ] || insmod "$samples/mtty.ko"
	echo $SERIAL >/sys/class/mdev_bus/mtty/mdev_supported_types/mtty-1/create
	skeleton_start
	skeleton_asks "$SERIAL,hello" '{"received": "hello", "interrupts": 1}' \
		"$SERIAL,a, b, and c" '{"received": "a, b, and c", "interrupts": 2}' \
		"$SERIAL,sixteen bytes..." null "$(uuid),hello" null
	expect "no interrupt to be switched off so far" [ "$(mtty_disabled)" = 0 ]
	testpmd_do device detach mdev:$SERIAL
	expect "the driver to let go" grep -q \
		"mdev_skeleton: mdev:$SERIAL: let go, after 2 interrupts" "$work/testpmd"
	expect "the interrupt to be switched off" [ "$(mtty_disabled)" = 1 ]
	testpmd_do port attach mdev:$SERIAL
	skeleton_asks "$SERIAL,again" '{"received": "again", "interrupts": 1}'
	forward_stop
	expect "the driver to let go at the end" grep -q \
		"mdev_skeleton: mdev:$SERIAL: let go, after 1 interrupts" "$work/testpmd"
	expect "the interrupt to be switched off again" [ "$(mtty_disabled)" = 2 ]
}

# The kernel waits until the driver lets go. mtty asks nobody to, so the user does.
skeleton_removed()
{
	local remover

	[ -d $MDEV_DEVICES/$SERIAL ] || skip "there is no such device"
	skeleton_start -a mdev:$SERIAL
	mdev_remove $SERIAL &
	remover=$!
	# off the list at once, while the removal waits
	wait_until 60 test ! -e $MDEV_DEVICES/$SERIAL
	skeleton_asks "$SERIAL,held" '{"received": "held", "interrupts": 1}'
	expect "the removal to wait" kill -0 $remover
	testpmd_do device detach mdev:$SERIAL
	wait $remover
	expect "it to be gone" [ ! -e /sys/class/mdev_bus/mtty/$SERIAL ]
	forward_stop
	rmmod mtty
}

check "skeleton: drives mtty, whose bytes come back by interrupts" skeleton_echoes
check "skeleton: lets go of a device that is being removed" skeleton_removed
