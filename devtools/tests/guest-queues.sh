# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck disable=SC2086	# the variables of guest.sh are no list of words
#
# Queues by themselves: receive-side scaling and the hash that is reported, single queues
# that are stopped and started, recovery of all of them. Sourced by guest.sh.

C=cccccccc-0000-4000-8000-0000000000cc
D=dddddddd-0000-4000-8000-0000000000dd
F_RING_RESET=40
F_RSS=60
RSS_KEY=6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa

flows()
{
	/usr/bin/python3 -S "$REPO/devtools/tests/flows.py" "$@"
}

# flows_send NAMESPACE [COUNT]
flows_send()
{
	ip netns exec "$1" /usr/bin/python3 -S "$REPO/devtools/tests/flows.py" send \
		"$(interface_of "$1")" "${@:2}"
}

# queues_create TYPE: two devices with several pairs, C and D, in namespaces of their own
queues_create()
{
	queues_remove	# what a check that failed has left behind
	mdev_create "net-$1" $C >/dev/null
	mdev_create "net-$1" $D >/dev/null
	host_side $C west 198.51.100.1/24
	host_side $D east 198.51.100.2/24
}

queues_remove()
{
	local uuid side

	for uuid in $C $D; do
		[ ! -e "$MDEV_DEVICES/$uuid" ] || mdev_remove $uuid
	done
	for side in west east; do
		[ ! -e /run/netns/$side ] || ip netns del $side
	done
}

# scaling_start ARGUMENTS TESTPMD_ARGUMENT...: a port that receives, and prints each frame
scaling_start()
{
	testpmd_start "$work/testpmd" -l 0,1 --no-telemetry -d "$build/drivers" \
		-a "mdev:$C$1" -- -i --total-num-mbufs=16384 --forward-mode=rxonly "${@:2}"
	testpmd_wait 1 'testpmd>' 60 || { cat "$work/testpmd"; exit 1; }
	testpmd_do_all 'set verbose 1' start
}

# table: print the port's table as a list of queues
table()
{
	testpmd_do "show port 0 rss reta 128 (0xffffffffffffffff,0xffffffffffffffff)"
	grep -o 'hash index=[0-9]*, queue=[0-9]*' "$TESTPMD_LOG" | tail -n 128 |
		cut -d = -f 3 | paste -sd ,
}

# key: print the port's
key()
{
	testpmd_do show port 0 rss-hash key
	grep -A 1 '^RSS key:' "$TESTPMD_LOG" | tail -n 1
}

# key_set FUNCTIONS: set RSS_KEY. With it testpmd may set functions, so they follow.
key_set()
{
	testpmd_do_all "port config 0 rss-hash-key ipv4 $RSS_KEY" "port config all rss $1"
}

# flows_arrive SINCE ARGUMENT...: what came after so many bytes of output is as it should be
flows_arrive()
{
	tail -c +$(($1 + 1)) "$TESTPMD_LOG" | flows check "${@:2}" >"$work/flows" 2>&1
}

# expect_flows KEY TABLE FUNCTIONS [STOPPED [REPORT]]: send 3 frames of each flow, and see
# where they go
expect_flows()
{
	local since

	since=$(stat -c %s "$TESTPMD_LOG")
	flows_send west 3
	wait_until 40 flows_arrive "$since" "$1" "$2" "$3" 3 "${@:4}" || {
		cat "$work/flows"
		tail -n 30 "$TESTPMD_LOG"
		echo "expected: flows on their queues ($3, ${*:4})"
		exit 1
	}
	cat "$work/flows"
}

# Flows stay on their queues, which key, functions and table give; all of it outlives a stop
# and a recovery.
scaling()
{
	local table moved moves

	queues_create "$1"
	scaling_start "$2" --rxq=4 --txq=4 --rx-offloads=0x80000
	testpmd_do port config all rss udp
	table=$(table)
	expect "128 entries for 4 queues" test "$(tr , '\n' <<<"$table" | sort | uniq -c |
		awk '{ printf "%s*%s ", $1, $2 }')" = "32*0 32*1 32*2 32*3 "
	expect_flows "$(key)" "$table" udp
	key_set all
	# what testpmd takes at once is limited
	flows move $RSS_KEY "$table" ip,tcp,udp | xargs -n 10 | tr ' ' , >"$work/moves"
	mapfile -t moves <"$work/moves"
	testpmd_do_all "${moves[@]/#/port config 0 rss reta }"
	moved=$(table)
	expect "another table" test "$moved" != "$table"
	expect_flows $RSS_KEY "$moved" ip,tcp,udp
	testpmd_do_all stop 'port stop 0' 'port start 0' start
	expect_flows $RSS_KEY "$moved" ip,tcp,udp
	reset_wait $C 0 1
	expect_flows $RSS_KEY "$moved" ip,tcp,udp
	forward_stop
	no_other_errors
	queues_remove
}

# Functions and key are changed one by one while frames come.
scaling_functions()
{
	local table key

	queues_create mmap-4
	scaling_start "" --rxq=4 --txq=4 --rx-offloads=0x80000
	testpmd_do port config all rss udp
	key=$(key)
	expect "a key of 40 bytes" test ${#key} = 80
	table=$(table)
	expect_flows $key "$table" udp
	testpmd_do port config all rss all
	expect_flows $key "$table" ip,tcp,udp
	key_set all
	expect "the key that was set" test "$(key)" = ${RSS_KEY^^}
	expect_flows $RSS_KEY "$table" ip,tcp,udp
	testpmd_do port config all rss ip
	expect_flows $RSS_KEY "$table" ip
	testpmd_do port config all rss none
	expect_flows $RSS_KEY "$table" none
	forward_stop
	no_errors "$work/testpmd"
	queues_remove
}

# Steered without a hash that is reported; and a hash where the device steers by itself.
scaling_or_hash()
{
	queues_create mmap-4
	scaling_start "" --rxq=4 --txq=4 --rss-ip
	key_set ip
	expect_flows $RSS_KEY "$(table)" ip - queue
	forward_stop
	no_errors "$work/testpmd"
	features_off "$C" $F_RSS
	scaling_start "" --rxq=4 --txq=4 --rss-ip --rx-offloads=0x80000
	key_set ip
	expect_flows $RSS_KEY 0 ip - hash
	forward_stop
	no_errors "$work/testpmd"
	queues_remove
}

# queue_do PORT rxq|txq QUEUE start|stop: testpmd does it only while it does not forward
queue_do()
{
	testpmd_do_all stop "port $*" start
}

# A stopped queue gets nothing, the others go on; started, it gets its flows again. The
# same with a start that is deferred.
single_queues()
{
	local table queue

	queues_create "$1"
	scaling_start "$2" --rxq=4 --txq=4 --rx-offloads=0x80000 --rss-ip
	key_set all
	table=$(table)
	expect "RING_RESET accepted" accepted "$C" $F_RING_RESET
	for queue in 1 3; do
		queue_do 0 rxq $queue stop
		expect "the ring reset" test "$(ready "$C" $((2 * queue)))" = 0
		expect_flows $RSS_KEY "$table" ip,tcp,udp $queue
		sleep 0.3	# the device keeps frames for 200 ms
		queue_do 0 rxq $queue start
		expect "the ring back" test "$(ready "$C" $((2 * queue)))" = 1
		expect_flows $RSS_KEY "$table" ip,tcp,udp
	done
	testpmd_do_all stop 'port stop 0' 'port 0 rxq 2 deferred_start on' \
		'port 0 txq 2 deferred_start on' 'port start 0' start
	expect_flows $RSS_KEY "$table" ip,tcp,udp 2
	sleep 0.3
	testpmd_do show rxq info 0 2
	expect "deferred start" grep -q 'RX deferred start: on' "$work/testpmd"
	queue_do 0 rxq 2 start
	queue_do 0 txq 2 start
	expect_flows $RSS_KEY "$table" ip,tcp,udp
	forward_stop
	no_errors "$work/testpmd"
	queues_remove
}

# ready UUID VIRTQUEUE: is it enabled?
ready()
{
	awk -v queue="$2" '$1 == queue { print $2 }' "$MDEV_DEVICES/$1/virtio/queues"
}

# queue_pair stop|start QUEUE: all four rings on the way of a pair, there and back
queue_pair()
{
	testpmd_do_all stop "port 0 rxq $2 $1" "port 1 txq $2 $1" "port 1 rxq $2 $1" \
		"port 0 txq $2 $1" start
}

# go_on COMMAND...: again and again, until go_on_end or a failure
go_on()
{
	: >"$work/go"
	while [ -e "$work/go" ]; do
		"$@"
	done >"$work/gone-on" 2>&1 &
	GOING_ON=$!
}

go_on_end()
{
	rm "$work/go"
	wait $GOING_ON && return
	cat "$work/gone-on"
	tail -n 40 "$work/testpmd"
	return 1
}

# Queues of both directions are stopped and started while four files are sent over them;
# all arrive as they were.
queues_restarted()
{
	local queue

	queues_create "$1"
	testpmd_start "$work/testpmd" -l 0,1 --no-telemetry -d "$build/drivers" \
		-a "mdev:$C$2" -a "mdev:$D$2" -- -i --total-num-mbufs=16384 --rxq=4 --txq=4
	testpmd_wait 1 'testpmd>' 60 || { cat "$work/testpmd"; exit 1; }
	testpmd_do start
	go_on several_transfers west east
	for queue in 0 1 2 3; do
		queue_pair stop $queue
		queue_pair start $queue
		sleep 1
	done
	go_on_end
	several_transfers west east
	forward_stop
	no_errors "$work/testpmd"
	queues_remove
}

# xstat PORT NAME
xstat()
{
	testpmd_do show port xstats "$1"
	grep "^$2: " "$TESTPMD_LOG" | tail -n 1 | cut -d ' ' -f 2
}

# recovered PORT COUNT
recovered()
{
	[ "$(xstat "$1" recoveries)" = "$2" ]
}

# reset_wait UUID PORT COUNT: have the device need a reset, and wait for recovery COUNT
reset_wait()
{
	echo 1 >"$MDEV_DEVICES/$1/virtio_net/needs_reset"
	wait_until 60 recovered "$2" "$3" || {
		cat "$TESTPMD_LOG"
		echo "expected: recovery $3 of port $2"
		exit 1
	}
	expect "no reset to be needed" test "$(cat "$MDEV_DEVICES/$1/virtio_net/needs_reset")" = 0
}

# no_other_errors: than the ones that are recovered from
no_other_errors()
{
	grep -v 'error recover.* event' "$work/testpmd" >"$work/rest"
	no_errors "$work/rest"
}

# Devices break while files are on their way: each driver resets its own, and goes on.
recovery()
{
	local round

	layouts_start "$1" "$1"
	go_on transfer_checked 4
	for round in 1 2; do
		sleep 0.5
		reset_wait $A 0 $round
		reset_wait $B 1 $round
	done
	go_on_end
	expect_loss 0 5
	transfer_checked 2
	for round in 0 1; do
		expect "no failed recovery" test "$(xstat $round recoveries_failed)" = 0
		testpmd_do show port info $round
	done
	expect "both links up" test "$(grep -c 'Link status: up' "$work/testpmd")" -ge 2
	for round in 'error recovering' 'error recovery successful'; do
		expect "the application to hear '$round'" test \
			"$(grep -c "^Port [01]: $round event" "$work/testpmd")" = 4
	done
	forward_stop
	no_other_errors
}

check "RSS and hash report: key and table" scaling mmap-4 ""
check_full "RSS and hash report: each function" scaling_functions
check_full "RSS and hash report: split rings, trapped doorbells" scaling trap-4 ,packed_vq=0
check_full "RSS without a hash report, hash report without RSS" scaling_or_hash
check_full "single queues stopped and started, deferred start" single_queues mmap-4 ""
check_full "single queues, split rings, trapped doorbells" single_queues trap-4 ,packed_vq=0
check_full "queues restarted under traffic" queues_restarted mmap-4 ""
check_full "queues restarted under traffic, split rings" queues_restarted trap-4 ,packed_vq=0
check "recovery under traffic, packed rings" recovery ""
check_full "recovery under traffic, split rings" recovery ,packed_vq=0,in_order=0
