# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck disable=SC2086	# the variables of guest.sh are no list of words
#
# What takes long: leaks over a thousand attachments, and processes that are killed at
# random moments. Sourced by guest.sh.

CYCLES=${MDEV_TEST_CYCLES:-1000}
KILLS=${MDEV_TEST_KILLS:-20}

# holdings: what testpmd has: fds, VFIO groups, mappings, allocations, memzones, and its
# resident memory in KiB without hugepages
holdings()
{
	local dir=/proc/$TESTPMD_PID allocations zones

	testpmd_do dump_socket_mem >/dev/null
	allocations=$(grep '^Total *:' "$TESTPMD_LOG" | tail -n 1 |
		grep -o 'count alloc: *[0-9]*' | grep -o '[0-9]*$')
	testpmd_do dump_memzone >/dev/null
	zones=$(grep -o '^Zone [0-9]*' "$TESTPMD_LOG" | tail -n 1 | cut -d ' ' -f 2)
	echo "fds $(find "$dir/fd" -type l | wc -l)" \
		"groups $(find "$dir/fd" -lname '/dev/vfio/[0-9]*' | wc -l)" \
		"mappings $(wc -l <"$dir/maps") allocations $allocations zones $zones" \
		"KiB $(awk '/^RssAnon/ { print $2 }' "$dir/status")"
}

# cycle COUNT: attach, start, forward for a moment, stop and detach so often
cycle()
{
	local i

	for ((i = 0; i < $1; i++)); do
		printf '%s\n' "port attach mdev:$C" 'port start 2' >&7
		testpmd_do start >/dev/null
		sleep 0.2
		printf '%s\n' stop 'port stop 2' 'port detach 2' >&7
	done
	testpmd_do show port summary all >/dev/null
}

# The device that comes and goes has its own traffic, and so have two others.
attach_many()
{
	local before after pinging sending C=cccccccc-0000-4000-8000-00000000000c

	mdev_create net-trap $C >/dev/null
	host_side $C third 192.0.2.3/24
	testpmd_start "$work/testpmd" -l 0,1 --no-telemetry -d "$build/drivers" \
		-a mdev:$A -a mdev:$B -- -i --total-num-mbufs=16384
	testpmd_wait 1 'testpmd>' 60
	ip netns exec left ping -n -q -i 0.01 192.0.2.2 >"$work/ping" 2>&1 &
	pinging=$!
	keep_sending third &
	sending=$!
	cycle 20
	before=$(holdings)
	echo "before: $before"
	cycle "$CYCLES"
	after=$(holdings)
	echo "after $CYCLES cycles: $after"
	expect "every cycle to work" test \
		"$(grep -c 'Device is detached' "$work/testpmd")" = $((CYCLES + 20))
	expect "the same holdings" test "${after% KiB *}" = "${before% KiB *}"
	expect "no more memory but for a page or two" test \
		$((${after##* } - ${before##* })) -lt 256
	kill -INT $pinging
	kill $sending
	wait $pinging || true
	cat "$work/ping"
	expect "frames through the device that came and went" test \
		"$(grep -A 1 'Forward statistics for port 2' "$work/testpmd" |
		grep -c 'RX-packets: [1-9]')" -gt $((CYCLES / 2))
	testpmd_do start
	transfer_checked 2
	forward_stop
	ip netns del third
	mdev_remove $C
}

# random LOW HIGH: a number of seconds with three digits behind the point
random()
{
	printf '%d.%03d' $((RANDOM % ($2 - $1) + $1)) $((RANDOM % 1000))
}

# kill_victim EAL_ARGUMENT...: a testpmd that forwards, killed in some moment of its life
kill_victim()
{
	testpmd_start "$work/victim" -l 0,1 "${FAMILY[@]}" "$@" -a mdev:$A -a mdev:$B \
		-- -i --auto-start --total-num-mbufs=8192
	sleep "$(random 0 8)"
	kill -9 "$TESTPMD_PID"
	wait "$TESTPMD_PID" 2>/dev/null || true
	exec 7>&-
}

# Afterwards a new process has the devices, and what it forwards is whole.
killed_at_random()
{
	local i

	for ((i = 1; i <= KILLS; i++)); do
		kill_victim
	done
	for ((i = 1; i <= KILLS / 4; i++)); do
		primary_start
		kill_victim --proc-type=secondary
		in_primary port stop all
		in_primary port start all
		in_primary start
		transfer_here 1
		primary_quit
	done
	primary_start
	in_primary start
	transfer_here 8
	primary_quit
	no_errors "$work/primary"
}

check_full "$CYCLES times attached and detached under traffic, nothing lost" attach_many
check_full "processes killed at random moments, then a transfer" killed_at_random
