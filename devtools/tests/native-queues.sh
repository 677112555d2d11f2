# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Stop and start of single queues on devices of the user-space mediator, which do not have
# VIRTIO_F_RING_RESET: the driver resets the device to stop a receive queue. Sourced by
# native.sh.

# queue PORT rxq|txq INDEX start|stop: between two runs of the forwarding, as testpmd wants
queue()
{
	local said

	said=$(stat -c %s "$TESTPMD_LOG")
	testpmd_do stop
	testpmd_do port "$1" "$2" "$3" "$4"
	testpmd_do start
	! tail -c +$((said + 1)) "$TESTPMD_LOG" | grep -i 'not supported\|fail\|cannot'
}

# resets: print how often the driver reset a device to stop a queue
resets()
{
	grep -c 'is reset to stop a queue' "$TESTPMD_LOG" || true
}

# arrived: print how many frames the left side has received
arrived()
{
	in_namespace left cat /proc/net/dev | awk '$1 == "left:" { print $3 }'
}

nothing_passes()
{
	! ping_passes
}

# Requests from the right go out on port 0; what answers them would have to come back.
more_arrived()
{
	in_namespace right ping -n -q -c 1 -W 1 "$LEFT" >/dev/null || true
	[ "$(arrived)" -gt "$1" ]
}

# With one receive queue stopped nothing comes that way; the other way goes on.
receive_queue()
{
	local before i

	backend
	devices
	application
	traffic
	for i in 1 2; do
		queue 0 rxq 0 stop
		expect "the device was reset" [ "$(resets)" -eq "$i" ]
		before=$(arrived)
		expect "no answer comes" nothing_passes
		expect "requests go out" wait_until 10 more_arrived "$before"
		queue 0 rxq 0 start
		traffic
	done
	end_application
	no_errors "$work/testpmd" "$work/mediator"
}

transmit_queue()
{
	local before

	backend
	devices
	application
	traffic
	queue 0 txq 0 stop
	before=$(testpmd_stat 0 TX-packets)
	expect "nothing passes" nothing_passes
	expect "nothing is sent" [ "$(testpmd_stat 0 TX-packets)" -eq "$before" ]
	queue 0 txq 0 start
	traffic
	expect "nothing to reset a device for" [ "$(resets)" -eq 0 ]
	end_application
	no_errors "$work/testpmd" "$work/mediator"
}

one_of_two()
{
	BACKEND_QUEUES=2 backend
	devices ,queues=2
	application --rxq=2 --txq=2
	traffic
	queue 1 rxq 1 stop
	queue 1 txq 1 stop
	queue 1 txq 1 start
	queue 1 rxq 1 start
	expect "the device was reset" [ "$(resets)" -ge 1 ]
	traffic
	end_application
	no_errors "$work/testpmd" "$work/mediator"
}

check "a receive queue is stopped and started" receive_queue
check "a transmit queue is stopped and started" transmit_queue
check_full "one of two queue pairs is stopped and started" one_of_two
