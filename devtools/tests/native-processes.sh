# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A primary and secondary processes on devices of the user-space mediator. They share
# memory by hugepages, few enough regions of which only --single-file-segments makes.
# Sourced by native.sh.

FAMILY=(--no-pci --no-telemetry --file-prefix "family$$" -m 256 --single-file-segments
	--huge-dir "$work/huge" -d "$build/drivers")
FAMILY_LCORES=$(lcores 2)
A=${UUIDS[0]}
B=${UUIDS[1]}
. "$REPO/devtools/family-lib.sh"

# A check that fails says what the processes said.
traffic_here()
{
	(traffic) && return
	tail -n 30 "$work/primary" "$work/secondary"
	return 1
}

family_start()
{
	hugepages 256
	backend
	devices "${1:-}"
	primary_start
	secondary_start
}

# A secondary process forwards, over restarts in the primary; then the primary does.
# Doorbells: $1.
secondary_forwards()
{
	family_start "$1"
	in_secondary start
	traffic_here
	in_secondary stop
	in_primary port stop all
	in_primary port config 0 rxd 64
	in_primary port start all
	in_secondary start
	traffic_here
	in_secondary stop
	secondary_quit
	in_primary start
	traffic_here
	primary_quit
	no_errors "$work/primary" "$work/secondary" "$work/mediator"
}

# Both poll on one processor: the secondary loses it anywhere, between the look at the queue
# and that at the function, too.
secondary_shares_processor()
{
	local cpu FAMILY_LCORES

	cpu=$(lcores 1)
	cpu=${cpu##*@}
	FAMILY_LCORES=--lcores=0@$cpu,1@$cpu
	family_start
	in_secondary start
	for _ in 1 2 3 4; do
		in_primary port stop all
		in_primary port start all
	done
	traffic_here
	in_secondary stop
	secondary_quit
	primary_quit
	no_errors "$work/primary" "$work/secondary" "$work/mediator"
}

# packets LOG: what a testpmd that has stopped says of the packets it has received
packets()
{
	sed -n '/Accumulated forward statistics/,$ s/.*RX-total: *\([0-9]*\)$/\1/p' "$1" |
		tail -n 1
}

# Each process forwards what is in queues of its own. The sender's port decides which
# queue a connection is in.
secondary_own_queue()
{
	local PRIMARY_TESTPMD=(--rxq=2 --txq=2 --num-procs=2 --proc-id=0)
	local SECONDARY_TESTPMD=(--rxq=2 --txq=2 --num-procs=2 --proc-id=1)

	export BACKEND_QUEUES=2
	family_start ,queues=2
	in_primary start
	in_secondary start
	for _ in 1 2 3 4; do
		traffic_here
	done
	in_secondary stop
	in_primary stop
	expect "packets in the primary ($(packets "$work/primary"))" \
		test "$(packets "$work/primary")" -gt 100
	expect "packets in the secondary ($(packets "$work/secondary"))" \
		test "$(packets "$work/secondary")" -gt 100
	secondary_quit
	primary_quit
	no_errors "$work/primary" "$work/secondary" "$work/mediator"
}

# DPDK's own reader of statistics, beside the traffic.
statistics_reader()
{
	hugepages 256
	backend
	devices
	primary_start
	in_primary start
	traffic_here
	timeout 60 dpdk-proc-info "${FAMILY[@]}" -a "mdev:$A" -a "mdev:$B" -- --stats \
		>"$work/info" 2>&1 || { cat "$work/info"; exit 1; }
	expect "both ports" test "$(grep -c 'NIC statistics for port [01]' "$work/info")" = 2
	expect "frames" grep -qE 'RX-packets: *[1-9]' "$work/info"
	traffic_here
	primary_quit
}

# A secondary process dies at a bad moment: the primary goes on, and another one comes.
secondary_killed()
{
	family_start
	in_secondary start
	traffic_here
	end -KILL "$SECONDARY_PID"
	exec 9>&-
	in_primary port stop all
	in_primary port start all
	in_primary start
	traffic_here
	in_primary stop
	secondary_start
	in_secondary start
	traffic_here
	secondary_quit
	primary_quit
}

# The primary dies, and with it the connections: the mediator takes the devices back
# although a secondary process, held up, has their doorbells and the memory still.
primary_killed()
{
	family_start
	in_secondary start
	traffic_here
	kill -STOP "$SECONDARY_PID"
	end -KILL "$PRIMARY_PID"
	exec 8>&-
	FAMILY=("${FAMILY[@]/#family$$/heir$$}")
	primary_start
	in_primary start
	traffic_here
	kill -CONT "$SECONDARY_PID"
	# testpmd ends when it sees that its primary is gone
	wait_until 30 ended "$SECONDARY_PID" || { cat "$work/secondary"; exit 1; }
	exec 9>&-
	traffic_here
	primary_quit
}

check "a secondary process forwards, over restarts in the primary" secondary_forwards ""
check_full "... with doorbells by message" secondary_forwards ,doorbell=message
check_full "... with mapped doorbells" secondary_forwards ,doorbell=page
check "a secondary process shares the primary's processor, over restarts" secondary_shares_processor
check "two processes forward, each on queues of its own" secondary_own_queue
check_full "dpdk-proc-info reads statistics beside the traffic" statistics_reader
check_full "a secondary process is killed" secondary_killed
check "a primary process is killed" primary_killed
