# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck disable=SC2086	# the variables of guest.sh are no list of words
#
# Checksums and segmentation that the device leaves to the driver's application, and the
# other way round. testpmd's checksum engine is between two namespaces; a sniffer in each
# sees what Linux left open, and what it got. Sourced by guest.sh.

F_CSUM=0
F_GUEST_TSO4=7

# sniff_start NAMESPACE...: see sniff.py; the output of each is $work/sniff.NAMESPACE
sniff_start()
{
	local side

	SNIFFERS=()
	for side; do
		: >"$work/sniff.$side"
		ip netns exec "$side" /usr/bin/python3 -S "$REPO/devtools/tests/sniff.py" \
			"$(interface_of "$side")" >"$work/sniff.$side" 2>&1 &
		SNIFFERS+=($!)
	done
	for side; do
		wait_until 60 grep -q '^sniffing' "$work/sniff.$side" || {
			cat "$work/sniff.$side"
			echo "nobody looks at the frames of $side"
			return 1
		}
	done
}

# sniff_stop: end all; no checksum was wrong
sniff_stop()
{
	local pid status=0

	for pid in "${SNIFFERS[@]}"; do
		kill "$pid"
		wait "$pid" || status=1
	done
	grep . "$work"/sniff.{left,right} | sed "s|.*/sniff.||"
	expect "good checksums" test $status = 0
}

# seen NAMESPACE in|out NAME: print what the sniffer counted
seen()
{
	sed -n "s/^$2 .*\b$3=\([^ ]*\).*/\1/p" "$work/sniff.$1"
}

# offloads_start [EAL_ARGUMENT...]: the checksum engine. Frames keep their addresses; a
# frame of several mbufs can be sent.
offloads_start()
{
	testpmd_start "$work/testpmd" -l 0,1 --no-telemetry -d "$build/drivers" \
		-a "mdev:$A${1:-}" -a "mdev:$B${1:-}" -- -i --total-num-mbufs=16384 \
		--tx-offloads=0x8000 --forward-mode=csum
	testpmd_wait 1 'testpmd>' 60 || { cat "$work/testpmd"; exit 1; }
	testpmd_do_all 'csum mac-swap off 0' 'csum mac-swap off 1'
}

# offloads_set RX_CSUM LRO TX_CSUM SEGMENT: set both ports; on, off, hw, sw, and a size or 0
offloads_set()
{
	local port commands=(stop 'port stop all')

	for port in 0 1; do
		commands+=("port config $port rx_offload tcp_cksum $1"
			"port config $port rx_offload udp_cksum $1"
			"port config $port rx_offload tcp_lro $2"
			"csum set tcp $3 $port" "csum set udp $3 $port" "tso set $4 $port")
	done
	testpmd_do_all "${commands[@]}" 'port start all' start
}

# datagram: one of UDP, with its content checked
datagram()
{
	local receiver

	head -c 1200 /dev/urandom >"$work/sent"
	: >"$work/received"
	ip netns exec right timeout 60 socat -u UDP-RECV:5001 "OPEN:$work/received" &
	receiver=$!
	wait_until 30 hears right 5001
	ip netns exec left socat -u "FILE:$work/sent" UDP:192.0.2.2:5001
	wait_until 30 cmp -s "$work/sent" "$work/received" || {
		echo "expected: the same datagram"
		exit 1
	}
	kill $receiver
	wait $receiver || true
}

# hears NAMESPACE PORT: does somebody wait for datagrams there?
hears()
{
	[ -n "$(ip netns exec "$1" ss -Hlun "sport = :$2")" ]
}

# offloads_sniffed COMMAND...: have traffic, and look at it on both sides
offloads_sniffed()
{
	sniff_start left right
	(
		trap 'kill -KILL $(jobs -p) 2>/dev/null || true' EXIT
		expect_loss 0 2 || exit 1
		"$@"
	) || { tail -n 40 "$work/testpmd"; exit 1; }
	sniff_stop
}

# none NAMESPACE WAY NAME..., some NAMESPACE WAY NAME...: of what the sniffers counted
none()
{
	local name

	for name in "${@:3}"; do
		expect "no $name $2 $1" test "$(seen "$1" "$2" $name)" = 0
	done
}

some()
{
	local name

	expect "frames $2 $1" test "$(seen "$1" "$2" frames)" -gt 20
	for name in "${@:3}"; do
		expect "$name $2 $1" test "$(seen "$1" "$2" $name)" -gt 20
	done
}

# Checksums left open, in both directions.
checksums()
{
	offloads_start
	offloads_set on off hw 0
	offloads_sniffed transfer_and_datagram
	some left out partial
	some right in partial
	none left out tcp4
	none right in tcp4
	forward_stop
	no_errors "$work/testpmd"
}

# In each direction alone: what one side did not take the other one has computed, and it is
# right.
checksums_one_way()
{
	offloads_start
	offloads_set on off sw 0
	offloads_sniffed transfer_and_datagram
	some left out partial
	some right in
	none right in partial
	offloads_set off off hw 0
	offloads_sniffed transfer_and_datagram
	some left out
	none left out partial
	some right in partial
	forward_stop
	no_errors "$work/testpmd"
}

transfer_and_datagram()
{
	transfer_checked 1
	datagram
}

# large_received PORT: print how many frames longer than those of Ethernet it received
large_received()
{
	testpmd_do show port xstats $1
	grep 'rx_q0_size_1519_max_packets:' "$TESTPMD_LOG" | tail -n 1 | cut -d ' ' -f 2
}

# ipv6_on: for the two namespaces; guest.sh has it off
ipv6_on()
{
	local side interface number=0

	for side in left right; do
		interface=$(interface_of $side)
		number=$((number + 1))
		ip netns exec $side sysctl -q -w "net.ipv6.conf.$interface.disable_ipv6=0" \
			"net.ipv6.conf.$interface.router_solicitations=0"
		ip -n $side address add fd00::$number/64 dev "$interface" nodad
	done
}

ipv6_off()
{
	local side

	for side in left right; do
		ip netns exec $side sysctl -q -w \
			"net.ipv6.conf.$(interface_of $side).disable_ipv6=1"
	done
}

# transfer6_checked MIB: as transfer_checked
transfer6_checked()
{
	local receiver

	head -c "${1}M" /dev/urandom >"$work/sent"
	ip netns exec right socat -u TCP6-LISTEN:5001 "CREATE:$work/received" &
	receiver=$!
	wait_until 30 listening right 5001
	ip netns exec left timeout 120 socat -u "FILE:$work/sent" "TCP6:[fd00::2]:5001"
	wait $receiver
	expect "the same file" cmp "$work/sent" "$work/received"
}

# segments ARGUMENTS: frames of many segments pass as one on the way in and on the way
# out, IPv4 and IPv6; then testpmd makes large ones of its own accord, or none.
segments()
{
	offloads_start "$1"
	ipv6_on
	offloads_set on on hw 1400
	offloads_sniffed transfer_checked 2
	some left out partial tcp4
	some right in partial tcp4
	expect "large frames in" test "$(seen left out longest)" -gt 4000
	expect "large frames out" test "$(seen right in longest)" -gt 4000
	expect "segments of testpmd's size" grep -q '^1400$\|^1400/\|/1400$\|/1400/' \
		<(seen right in size)
	expect "large frames in testpmd" test "$(large_received 0)" -gt 20
	offloads_sniffed transfer6_checked 1
	some left out partial tcp6
	some right in partial tcp6
	# only out: segments of what came as whole frames
	offloads_set on off hw 600
	offloads_sniffed transfer_checked 1
	none left out tcp4
	some right in partial tcp4
	expect "segments of testpmd's size" test "$(seen right in size)" = 600
	# not any more
	offloads_set off off sw 0
	offloads_sniffed transfer_checked 1
	none left out partial tcp4
	none right in partial tcp4
	ipv6_off
	forward_stop
	no_errors "$work/testpmd"
}

# What the device does not offer cannot be asked for.
offloads_not_offered()
{
	features_off $A $F_GUEST_TSO4
	features_off $B $F_CSUM
	offloads_start
	testpmd_do_all 'port stop all' 'show port 0 rx_offload capabilities'
	expect "no LRO" not grep -q TCP_LRO "$work/testpmd"
	expect "checksums" grep -q TCP_CKSUM "$work/testpmd"
	testpmd_do_all 'csum set tcp hw 1' 'tso set 1400 1'
	expect "no checksum offload" grep -q 'TCP checksum offload is not supported by port 1' \
		"$work/testpmd"
	expect "no TSO" grep -q 'TSO is not supported by port 1' "$work/testpmd"
	testpmd_do_all 'tso set 0 1' 'port start all' start
	offloads_sniffed transfer_checked 1
	none left out partial tcp4
	none right in partial tcp4
	forward_stop
	features_off $A
	features_off $B
}

check "offloads: checksums of TCP and UDP, in both directions" checksums
check_full "offloads: checksums of TCP and UDP, in one direction" checksums_one_way
check_full "offloads: LRO and TSO, packed in order" segments ""
check_full "offloads: LRO and TSO, split" segments ,packed_vq=0
check_full "offloads: LRO and TSO, split in any order" segments ,packed_vq=0,in_order=0
check_full "offloads: LRO and TSO, packed in any order" segments ,in_order=0
check_full "offloads: as the device offers them (features_off)" offloads_not_offered
