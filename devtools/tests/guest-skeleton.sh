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

# skeleton_received COUNT: so often has a byte come back
skeleton_received()
{
	testpmd_wait "$1" "mdev_skeleton: mdev:$SERIAL: received 0x5a" && return
	cat "$work/testpmd"
	return 1
}

# Claimed by its type, without -a; what is written comes back, by an interrupt. Detached and
# attached while testpmd runs.
skeleton_echoes()
{
	[ -n "$samples" ] || skip "the kernel's samples could not be built"
	[ -d /sys/class/mdev_bus/mtty ] || insmod "$samples/mtty.ko"
	echo $SERIAL >/sys/class/mdev_bus/mtty/mdev_supported_types/mtty-1/create
	skeleton_start
	skeleton_received 1
	expect "no interrupt to be switched off so far" [ "$(mtty_disabled)" = 0 ]
	testpmd_do device detach mdev:$SERIAL
	expect "the interrupt to be switched off" [ "$(mtty_disabled)" = 1 ]
	testpmd_do port attach mdev:$SERIAL
	skeleton_received 2
	forward_stop
	expect "the interrupt to be switched off again" [ "$(mtty_disabled)" = 2 ]
	expect "a byte to come back once for each" \
		[ "$(grep -c 'mdev_skeleton: .*received' "$work/testpmd")" = 2 ]
}

# The kernel waits until the driver lets go. mtty asks nobody to, so the user does.
skeleton_removed()
{
	local remover

	[ -d $MDEV_DEVICES/$SERIAL ] || skip "there is no such device"
	skeleton_start -a mdev:$SERIAL
	skeleton_received 1
	mdev_remove $SERIAL &
	remover=$!
	# off the list at once, while the removal waits
	wait_until 60 test ! -e $MDEV_DEVICES/$SERIAL
	expect "the removal to wait" kill -0 $remover
	testpmd_do device detach mdev:$SERIAL
	wait $remover
	expect "it to be gone" [ ! -e /sys/class/mdev_bus/mtty/$SERIAL ]
	forward_stop
	rmmod mtty
}

check "skeleton: drives mtty, whose byte comes back by an interrupt" skeleton_echoes
check "skeleton: lets go of a device that is being removed" skeleton_removed
