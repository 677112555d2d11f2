# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck disable=SC2086	# the variables of guest.sh are no list of words
#
# What driver and device tell each other, and when: notifications and receive interrupts,
# with event indices and without. Sourced by guest.sh.

CALLS=/sys/kernel/tracing/events/raw_syscalls/sys_enter

# worker: the thread of testpmd that forwards
worker()
{
	grep -l '^rte-worker\|^lcore-worker' /proc/$TESTPMD_PID/task/*/comm | cut -d / -f 5
}

# calls_start, calls_of THREAD: have the kernel count system calls by threads, and print
# how many one has made since. strace would take most of the time.
calls_start()
{
	[ -d $CALLS ] || mount -t tracefs none /sys/kernel/tracing
	echo '!hist:keys=common_pid:size=16384' >$CALLS/trigger || true
	echo 'hist:keys=common_pid:size=16384' >$CALLS/trigger
}

calls_of()
{
	awk -v thread="$1" '$3 == thread { calls = $NF } END { print calls + 0 }' $CALLS/hist
}

# frames_of PORT: print how many it received and sent
frames_of()
{
	testpmd_do show port stats "$1"
	grep -o '[RT]X-packets: *[0-9]*' "$TESTPMD_LOG" | tail -n 2 |
		awk '{ sum += $2 } END { print sum }'
}

# kicks MIB: send a file from left to right and one from right to left; print how many
# notifications the trapped device got for each 1000 frames. Each is a system call, and
# the thread makes no others: the other device's doorbells are mapped.
kicks()
{
	local frames

	frames=$(frames_of 1)
	calls_start
	transfer_checked "$1" >&2
	transfer right left 192.0.2.1 "$work/sent" "$work/received" >&2
	cmp "$work/sent" "$work/received" >&2
	frames=$(($(frames_of 1) - frames))
	echo "$frames frames, $(calls_of "$(worker)") system calls" >&2
	echo $((1000 * $(calls_of "$(worker)") / frames))
}

# kicks_of ARGUMENTS: set with and without to kicks by event indices and by none
kicks_of()
{
	local feature

	for feature in "" $F_EVENT_IDX; do
		features_off $B $feature
		layouts_start "$1" "$1"
		if [ -z "$feature" ]; then
			expect "EVENT_IDX accepted" accepted $B $F_EVENT_IDX
			with=$(kicks 1)
		else
			expect "EVENT_IDX not accepted" not accepted $B $F_EVENT_IDX
			without=$(kicks 1)
		fi
		forward_stop
		no_errors "$work/testpmd"
	done
	features_off $B
}

# A device that is busy says so, by an event index or by a flag, and is not notified of each
# frame.
notifications()
{
	local with without

	kicks_of "$1"
	echo "notifications for 1000 frames: $with with event indices, $without without"
	expect "some notifications" test $((with * without)) -gt 0
	expect "much fewer than frames" test $((with > without ? with : without)) -lt 400
}

# interrupts UUID BIT...: a queue that is slept on wakes for each frame, while the device
# does not offer some features; our own application, as testpmd only polls
interrupts()
{
	local frames status=0

	features_off "$@"
	keep_sending left &
	frames=$!
	"$TEST_MDEV" device $1 >"$work/device" 2>&1 || status=$?
	kill $frames
	features_off $1
	cat "$work/device"
	[ $status -eq 0 ] && expect "frames by interrupts" \
		grep -q 'ok *test_rx_interrupts' "$work/device"
}

check_full "notifications with event indices and without, packed rings" notifications ""
check_full "notifications with event indices and without, split rings" \
	notifications ,packed_vq=0,in_order=0
check "receive interrupts without event indices, packed rings" interrupts $A $F_EVENT_IDX
check_full "receive interrupts with event indices, split rings" interrupts $A $F_RING_PACKED
check_full "receive interrupts without event indices, split rings" \
	interrupts $A $F_RING_PACKED $F_EVENT_IDX
