# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck disable=SC2086	# the variables of guest.sh are no list of words
#
# The network driver with what the kernel mediator has: receive filters, several queue
# pairs, announcements, many devices. Sourced by guest.sh.

# frames NAMESPACE DESTINATION [VLAN]: send 5 frames from the host side, with an EtherType
# that nobody has a use for, and a longer broadcast one behind them
frames()
{
	ip netns exec "$1" /usr/bin/python3 -S -c '
import socket, struct, sys
def frame(destination, length, vlan=()):
    f = bytes.fromhex(destination.replace(":", "") + "020000000001")
    for v in vlan:
        f += struct.pack("!HH", 0x8100, int(v))
    f += b"\x88\xb5"
    return f + bytes(length - len(f))
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
for i in range(5):
    s.send(frame(sys.argv[2], 80, sys.argv[3:]))
s.send(frame("ff:ff:ff:ff:ff:ff", 500))
' "$(interface_of "$1")" "${@:2}"
}

# keep_sending NAMESPACE: broadcast frames as app/test-mdev/cmd_device.c knows them
keep_sending()
{
	exec ip netns exec "$1" /usr/bin/python3 -S -c '
import socket, sys, time
frame = bytes.fromhex("ffffffffffff02000000000188b5") + b"\x5a" * 66
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
while True:
    try:
        s.send(frame)
    except OSError:
        pass
    time.sleep(0.02)
' "$(interface_of "$1")"
}

# counters: set packets and bytes to what port 0 has received
counters()
{
	local line

	testpmd_do show port stats 0
	line=$(grep 'RX-packets:' "$TESTPMD_LOG" | tail -n 1)
	packets=$(awk '{ print $2 }' <<<"$line")
	bytes=${line##* }
}

# expect_received COUNT DESTINATION [VLAN]: so many of 5 frames reach port 0. They are in
# order, so the broadcast frame behind them says that no more come.
expect_received()
{
	local wanted=$1 packets bytes before expected end=$((SECONDS + 20))

	shift
	counters
	before=$packets
	expected=$((bytes + 500))
	frames left "$@"
	while counters && [ "$bytes" -lt $expected ]; do
		[ $SECONDS -lt $end ] || {
			tail -n 40 "$TESTPMD_LOG"
			echo "a broadcast frame does not arrive"
			exit 1
		}
	done
	expect "$wanted of 5 frames to $*" test $((packets - before - 1)) = "$wanted"
}

# The port's own address
port_mac()
{
	testpmd_do show port info 0 >/dev/null
	grep -o 'MAC address: [0-9A-F:]*' "$TESTPMD_LOG" | tail -n 1 | cut -d ' ' -f 3
}

receiver_start()
{
	testpmd_start "$work/testpmd" -l 0,1 --no-telemetry -d "$build/drivers" \
		-a "mdev:$A" -- -i --total-num-mbufs=8192 --forward-mode=rxonly "$@"
	testpmd_wait 1 'testpmd>' 60 || { cat "$work/testpmd"; exit 1; }
	testpmd_do start
}

# What the port receives is what it was told to, over restarts too.
receive_filters()
{
	local own foreign=02:00:00:00:00:99 group=01:00:5e:00:00:07 new=02:00:00:00:00:55

	receiver_start
	own=$(port_mac)
	expect_received 5 $foreign
	testpmd_do set promisc 0 off
	expect_received 0 $foreign
	expect_received 5 "$own"
	expect_received 0 $group
	testpmd_do set allmulti 0 on
	expect_received 5 $group
	testpmd_do set allmulti 0 off
	testpmd_do mcast_addr add 0 $group
	expect_received 5 $group
	testpmd_do mac_addr add 0 $foreign
	expect_received 5 $foreign
	testpmd_do stop
	testpmd_do port stop 0
	testpmd_do port start 0
	testpmd_do start
	expect_received 5 $foreign
	expect_received 5 $group
	expect_received 5 "$own"
	testpmd_do mcast_addr remove 0 $group
	testpmd_do mac_addr remove 0 $foreign
	expect_received 0 $group
	expect_received 0 $foreign
	testpmd_do mac_addr set 0 $new
	expect_received 5 $new
	expect_received 0 "$own"
	forward_stop
	no_errors "$work/testpmd"
}

vlan_filter()
{
	local own

	receiver_start --enable-hw-vlan-filter
	own=$(port_mac)
	testpmd_do set promisc 0 off
	expect_received 5 "$own"
	expect_received 0 "$own" 10
	testpmd_do rx_vlan add 10 0
	expect_received 5 "$own" 10
	expect_received 0 "$own" 11
	testpmd_do stop
	testpmd_do port stop 0
	testpmd_do port start 0
	testpmd_do start
	expect_received 5 "$own" 10
	testpmd_do rx_vlan rm 10 0
	expect_received 0 "$own" 10
	forward_stop
	no_errors "$work/testpmd"
}

# The device asks, and the network hears from the port by its next burst.
announcement()
{
	local heard

	testpmd_start "$work/testpmd" -l 0,1 --no-telemetry -d "$build/drivers" \
		-a mdev:$A -- -i --total-num-mbufs=8192
	testpmd_wait 1 'testpmd>' 60
	testpmd_do set fwd io
	testpmd_do start
	ip netns exec left timeout 20 /usr/bin/python3 -c '
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x8035))
s.bind((sys.argv[1], 0))
print(s.recv(2000)[6:12].hex(":"), flush=True)
' "$(interface_of left)" >"$work/rarp" &
	heard=$!
	sleep 1
	echo 1 >$MDEV_DEVICES/$A/virtio_net/announce
	wait_until 10 test "$(cat $MDEV_DEVICES/$A/virtio_net/announce)" = 0
	# testpmd gives back what it gets, so there is a burst
	frames left ff:ff:ff:ff:ff:ff
	wait $heard || { cat "$work/testpmd"; echo "nothing was announced"; exit 1; }
	expect "the port's address" test "$(tr a-f A-F <"$work/rarp")" = "$(port_mac)"
	forward_stop
	no_errors "$work/testpmd"
}

# Several queue pairs: traffic with its content checked, over several of them at once;
# then with fewer receive than transmit queues, of which the device fills two.
queue_pairs()
{
	local type=$1 pairs=$2 C D used

	C=$(mdev_create "net-$type-$pairs")
	D=$(mdev_create "net-$type-$pairs")
	host_side "$C" "west$pairs" 198.51.100.1/24
	host_side "$D" "east$pairs" 198.51.100.2/24
	testpmd_start "$work/testpmd" -l 0,1 --no-telemetry -d "$build/drivers" \
		-a "mdev:$C" -a "mdev:$D" -- -i --total-num-mbufs=16384 \
		--rxq="$pairs" --txq="$pairs"
	testpmd_wait 1 'testpmd>' 60 || { cat "$work/testpmd"; exit 1; }
	testpmd_do start
	several_transfers "west$pairs" "east$pairs"
	testpmd_do show port xstats all
	used=$(grep -oE 'rx_q[0-9]+_packets: [1-9][0-9]*' "$work/testpmd" | wc -l)
	expect "more than one queue of a port to be used" test "$used" -gt 2
	expect "$pairs active" grep -q "$pairs" "$MDEV_DEVICES/$C/virtio_net/pairs"
	testpmd_do stop
	testpmd_do port stop all
	testpmd_do port config all rxq 1
	testpmd_do port config all txq 2
	testpmd_do port start all
	testpmd_do start
	several_transfers "west$pairs" "east$pairs"
	forward_stop
	no_errors "$work/testpmd"
	mdev_remove "$C"
	mdev_remove "$D"
	ip netns del "west$pairs"
	ip netns del "east$pairs"
}

# several_transfers FROM TO: four side by side
several_transfers()
{
	local port receivers=() senders=() pid

	head -c 512K /dev/urandom >"$work/sent"
	for port in 5001 5002 5003 5004; do
		ip netns exec "$2" socat -u TCP-LISTEN:$port "CREATE:$work/received.$port" &
		receivers+=($!)
	done
	for port in 5001 5002 5003 5004; do
		wait_until 10 listening "$2" $port
		ip netns exec "$1" timeout 60 socat -u "FILE:$work/sent" \
			TCP:198.51.100.2:$port &
		senders+=($!)
	done
	for pid in "${senders[@]}" "${receivers[@]}"; do
		wait "$pid" || { tail -n 40 "$work/testpmd"; exit 1; }
	done
	for port in 5001 5002 5003 5004; do
		expect "the same file" cmp "$work/sent" "$work/received.$port"
	done
}

check "receive filters: promiscuous, multicast, MAC addresses" receive_filters
check_full "VLAN filter" vlan_filter
check "an announcement that the device asks for" announcement
check_full "4 queue pairs, mapped doorbells" queue_pairs mmap 4
check "16 queue pairs, trapped doorbells" queue_pairs trap 16
