# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Offloads, on and off, with a backend that passes frames without checksum and frames to
# be segmented between driver and Linux (vhost-tap.c); it counts them. testpmd's csum
# engine looks at each frame and asks for the offloads that its port has. Sourced by
# native.sh.

# In testpmd's terms, see rte_ethdev.h
RX_CSUM=0xc		# UDP and TCP checksum
RX_LRO=0x1c		# and LRO
TX_CSUM=0xc
TX_MULTI_SEGS=0x8000
TX_CSUM_SEGS=0x800c
TX_FAST_FREE=0x10000
SEGMENT=1000		# of TSO, a size that nobody else has

ADDRESS6_LEFT=2001:db8::1
ADDRESS6_RIGHT=2001:db8::2

vhost_tap_build()
{
	# shellcheck disable=SC2046	# flags are words
	gcc -O2 -Wall -Wextra -Werror $(pkg-config --cflags libdpdk) -o "$work/vhost-tap" \
		"$REPO/devtools/tests/vhost-tap.c" $(pkg-config --libs libdpdk)
}

# offload_backend [MTU]: instead of backend(). BACKEND_QUEUES: queue pairs of each.
offload_backend()
{
	local name log=$work/vhost-tap.log

	[ -x "$work/vhost-tap" ] || skip "vhost-tap was not built"
	rm -f "$work/left.sock" "$work/right.sock"
	: >"$log"
	# shellcheck disable=SC2046	# words
	$(enter hub) "$work/vhost-tap" --no-huge -m 128 --no-pci --no-shconf --no-telemetry \
		--file-prefix="tap$$" --log-level=lib.vhost.config:warning "$(lcores 1 1)" -- "${BACKEND_QUEUES:-1}" \
		"$work/left.sock=left" "$work/right.sock=right" >"$log" 2>&1 &
	BACKEND_PID=$!
	at_exit end $BACKEND_PID
	wait_until 30 grep -q '^ready' "$log" || { cat "$log"; exit 1; }
	tap left left "$LEFT/24"
	tap right right "$RIGHT/24"
	for name in left right; do
		in_namespace $name ip link set $name mtu "${1:-1500}"
		in_namespace $name sysctl -q -w net.ipv6.conf.$name.disable_ipv6=0
	done
	in_namespace left ip address add $ADDRESS6_LEFT/64 dev left nodad
	in_namespace right ip address add $ADDRESS6_RIGHT/64 dev right nodad
}

# frames left|right to|from WORD: print one of the backend's numbers, of frames on their
# way to or from the driver; the backend has ended
frames()
{
	grep "^$1 $2: " "$work/vhost-tap.log" | grep -o " $3 [0-9]*" | cut -d ' ' -f 3
}

# expect_frames WAY WORD COMPARISON NUMBER: on both sides
expect_frames()
{
	local name count

	for name in left right; do
		count=$(frames $name "$1" "$2")
		expect "$2 of frames $1 the driver ($name): $count" [ "$count" "$3" "$4" ]
	done
}

# transfers_ipv4 [MIB]: both ways, each with a checksum of the file
transfers_ipv4()
{
	wait_until 60 ping_passes || no_traffic
	head -c "${1:-8}M" /dev/urandom >"$work/sent"
	transfer_checked left right "$RIGHT"
	transfer_checked right left "$LEFT"
}

transfers()
{
	transfers_ipv4 "$@"
	transfer_checked left right "[$ADDRESS6_RIGHT]"
	transfer_checked right left "[$ADDRESS6_LEFT]"
}

# transfer_checked FROM TO ADDRESS
transfer_checked()
{
	local sum

	transfer "$1" "$2" "$3" "$work/sent" "$work/received" || {
		echo "the transfer from $1 to $3 did not end"
		testpmd_do show fwd stats all || true
		tail -n 30 "$work/testpmd" "$work/vhost-tap.log"
		return 1
	}
	sum=$(sha256_of "$work/sent")
	expect "the file that was sent from $1 to $3" [ "$(sha256_of "$work/received")" = "$sum" ]
}

# offload_start LAYOUT TESTPMD_ARGUMENT...: backend, mediator and testpmd with these
# offloads; its csum engine leaves addresses alone
offload_start()
{
	APPLICATION_DEVARGS=$1
	offload_backend
	devices
	csum_engine "${@:2}"
}

csum_engine()
{
	local port

	application --forward-mode=csum "$@"
	for port in 0 1; do
		testpmd_do csum mac-swap off $port
	done
}

# In testpmd, what only a stopped port takes.
configure_stopped()
{
	local command

	testpmd_do stop
	testpmd_do port stop all
	for command; do
		testpmd_do "$command"
	done
	testpmd_do port start all
	testpmd_do start
}

offload_end()
{
	expect_through $((16 << 20))
	offload_quit
}

offload_quit()
{
	end_application
	no_errors "$work/testpmd" "$work/mediator"
	end "$BACKEND_PID"
	cat "$work/vhost-tap.log"
	no_errors "$work/vhost-tap.log"
	expect_frames to lost -eq 0
	expect_frames from lost -eq 0
}

# segment_by BYTES: TSO on both ports
segment_by()
{
	configure_stopped "tso set $1 0" "tso set $1 1"
}

no_offload()
{
	offload_start "$1" --tx-offloads=0
	expect_features no guest_csum csum guest_tso4 host_tso4
	transfers
	every_size 0 1472
	offload_end
	expect_frames to partial -eq 0
	expect_frames from partial -eq 0
	expect_frames to gso -eq 0
	expect_frames from gso -eq 0
}

# testpmd computes what the stack left open.
rx_checksum()
{
	offload_start "$1" --rx-offloads=$RX_CSUM --tx-offloads=0
	expect_features yes guest_csum
	expect_features no csum guest_tso4 host_tso4
	expect_bursts ".* Offload" ".*"
	transfers
	every_size 0 1472
	offload_end
	expect_frames to partial -gt 1000
	expect_frames from partial -eq 0
	expect_frames to gso -eq 0
}

# The stack on the other side takes what testpmd left open.
tx_checksum()
{
	offload_start "$1" --tx-offloads=$TX_CSUM
	expect_features yes csum
	expect_features no guest_csum guest_tso4 host_tso4
	expect_bursts ".*" ".* Offload"
	transfers
	every_size 0 1472
	offload_end
	expect_frames to partial -eq 0
	expect_frames from partial -gt 1000
	expect_frames from gso -eq 0
}

both_checksums()
{
	offload_start "$1" --rx-offloads=$RX_CSUM --tx-offloads=$TX_CSUM
	expect_features yes csum guest_csum
	expect_features no guest_tso4 host_tso4
	expect_bursts ".* Offload" ".* Offload"
	transfers
	every_size 0 1472
	offload_end
	expect_frames to partial -gt 1000
	expect_frames from partial -gt 1000
	expect_frames from gso -eq 0
}

# Each full frame leaves testpmd as one to be segmented.
tso()
{
	offload_start "$1" --tx-offloads=$TX_CSUM
	segment_by $SEGMENT
	expect_features yes csum host_tso4 host_tso6
	expect_features no guest_csum guest_tso4
	expect_bursts ".*" ".* Offload"
	transfers
	offload_end
	expect_frames to gso -eq 0
	expect_frames from gso -gt 1000
}

# Large frames in; testpmd segments them in software, which it can for IPv4.
lro()
{
	offload_start "$1" --rx-offloads=$RX_LRO --max-lro-pkt-size=65535 \
		--tx-offloads=$TX_CSUM_SEGS
	configure_stopped "set port 0 gso on" "set port 1 gso on" "set gso segsz 1514"
	expect_features yes guest_csum guest_tso4 guest_tso6 mrg_rxbuf
	expect_features no host_tso4
	expect_bursts ".* Mergeable Offload" ".* Offload"
	transfers_ipv4 16
	offload_end
	expect_frames to gso -gt 100
	expect_frames to largest -gt 20000
	expect_frames from gso -eq 0
	expect_frames from largest -le 1514
}

# Large frames all the way.
lro_tso()
{
	offload_start "$1" --rx-offloads=$RX_LRO --max-lro-pkt-size=65535 \
		--tx-offloads=$TX_CSUM_SEGS
	segment_by $SEGMENT
	expect_features yes csum guest_csum host_tso4 host_tso6 guest_tso4 guest_tso6
	expect_bursts ".* Mergeable Offload" ".* Offload"
	transfers 16
	every_size 0 1472
	offload_end
	expect_frames to gso -gt 100
	expect_frames to largest -gt 20000
	expect_frames from gso -gt 100
	expect_frames from largest -gt 20000
}

# Every frame leaves in up to four segments, the first with all headers; with TSO, too.
segments()
{
	offload_start "$1" --tx-offloads=$TX_CSUM_SEGS
	testpmd_do set txpkts 128,200,300,400
	testpmd_do set txsplit on
	transfers
	every_size 0 1472
	seen in_namespace left ping -q -c 2 -s 1400 "$RIGHT"
	expect "frames of four segments" grep -q 'nb_segs=4' "$work/seen"
	segment_by $SEGMENT
	transfers
	offload_end
	expect_frames from partial -gt 1000
	expect_frames from gso -gt 1000
}

# seen COMMAND...: have what testpmd prints of each frame meanwhile in $work/seen
seen()
{
	local said

	said=$(stat -c %s "$TESTPMD_LOG")
	testpmd_do set verbose 1
	"$@" || { tail -n 30 "$TESTPMD_LOG"; return 1; }
	testpmd_do set verbose 0
	tail -c +$((said + 1)) "$TESTPMD_LOG" >"$work/seen"
}

# jumbo PATTERN DEVARGS TESTPMD_ARGUMENT...: frames of 9000 bytes, received as PATTERN says
jumbo()
{
	APPLICATION_DEVARGS=$2
	offload_backend 9000
	devices ,mtu=9000
	application --max-pkt-len=9018 --tx-offloads=$TX_MULTI_SEGS "${@:3}"
	transfers
	every_size 0 8972 31
	seen in_namespace left ping -q -M "do" -c 2 -s 8972 "$RIGHT"
	expect "a whole frame" grep -q "length=9014 - nb_segs=$1" "$work/seen"
	offload_end
	expect_frames to largest -eq 9014
	expect_frames from largest -eq 9014
}

# Tags that pass, and tags of one side that are those of the other one.
vlan()
{
	APPLICATION_DEVARGS=$1
	offload_backend
	devices
	application --tx-offloads=0
	wait_until 60 ping_passes || no_traffic
	tagged_frames left 100 right 100
	tagged_frames right 200 left 200
	configure_stopped "vlan set strip on 0" "vlan set strip on 1" "tx_vlan set 0 100" \
		"tx_vlan set 1 200" "set fwd mac" "set eth-peer 0 $(mac_of left)" \
		"set eth-peer 1 $(mac_of right)"
	expect_bursts ".* Offload" ".* Offload"
	seen tagged_frames left 100 right 200
	expect "a tag of the left" grep -q 'VLAN tci=0x64' "$work/seen"
	expect "that was stripped" grep -q 'RX_VLAN_STRIPPED' "$work/seen"
	tagged_frames right 200 left 100
	tagged_frames left none right 200
	# what is not to be inserted is not
	configure_stopped "tx_vlan reset 0" "tx_vlan reset 1"
	tagged_frames left 100 right none
	tagged_frames right none left none
	offload_quit
}

# tagged_frames FROM ID TO ID: frames that have this VLAN tag have that one on the other
# side; "none" is no tag
tagged_frames()
{
	local receiver

	: >"$work/tagged"
	# not by in_namespace: what $! names would be a shell that waits for it
	# shellcheck disable=SC2046	# words
	$(enter "$3") "$REPO/devtools/tests/vlan-frames.py" receive "$3" "$4" \
		>"$work/tagged" &
	receiver=$!
	wait_until 10 grep -q '^ready' "$work/tagged"
	in_namespace "$1" "$REPO/devtools/tests/vlan-frames.py" send "$1" "$2"
	wait $receiver || { cat "$work/tagged"; return 1; }
}

mac_of()
{
	in_namespace "$1" ip -o link show "$1" | sed -n 's/.*ether \([0-9a-f:]*\).*/\1/p'
}

# The mediator offers no RSS: the backend chooses the queue of a frame.
queues()
{
	local name way queue

	BACKEND_QUEUES=4
	APPLICATION_DEVARGS=$1
	offload_backend
	devices ,queues=4
	csum_engine --rxq=4 --txq=4 --rx-offloads=$RX_LRO --max-lro-pkt-size=65535 \
		--tx-offloads=$TX_CSUM_SEGS
	segment_by $SEGMENT
	expect_features yes mq guest_tso4 host_tso4
	transfers
	for _ in 1 2 3; do
		every_size 1 1472 4
	done
	offload_end
	for name in left right; do
		for way in to from; do
			queue=$(grep "^$name $way: " "$work/vhost-tap.log" |
				sed 's/.* queues //')
			expect "frames in each queue ($name, $way): $queue" \
				grep -qvw 0 <<<"$queue"
		done
	done
	expect_frames to gso -gt 100
	expect_frames from gso -gt 100
}

# packet_types ON
packet_types()
{
	local word

	# shellcheck disable=SC2034	# application() has them
	APPLICATION_DEVARGS=,ptype=$1
	offload_backend
	devices
	application
	transfers
	seen frames_of_each_type
	for word in L4_UDP L4_TCP; do
		expect "$word" grep -q "sw ptype: L2_ETHER L3_IPV4 *$word" "$work/seen"
		[ "$1" = 0 ] || expect "$word, by the driver" \
			grep -q "hw ptype: L2_ETHER L3_IPV4 *$word" "$work/seen"
	done
	[ "$1" = 1 ] || expect "no packet types" not grep -q "hw ptype" "$work/seen"
	offload_end
}

frames_of_each_type()
{
	in_namespace left ping -q -c 2 "$RIGHT"
	every_size 100 200 50
	head -c 20K /dev/urandom >"$work/few"
	transfer left right "$RIGHT" "$work/few" "$work/received"
}

# fast_free OFFLOADS: transmit, and free what was sent
fast_free()
{
	offload_backend
	devices
	application --tx-offloads="$1"
	testpmd_do show port 0 tx_offload configuration
	transfers
	every_size 0 1472
	offload_end
	if [ "$1" = 0 ]; then
		expect "no such offload" not grep -q 'Port :.*MBUF_FAST_FREE' "$work/testpmd"
	else
		expect "the offload" grep -q 'Port :.*MBUF_FAST_FREE' "$work/testpmd"
	fi
}

# A device that has none: the application is told so.
not_offered()
{
	offload_backend
	devices ,without=csum+guest_csum+mrg_rxbuf
	csum_engine --tx-offloads=0
	testpmd_do show port 0 rx_offload capabilities
	testpmd_do show port 0 tx_offload capabilities
	expect "capabilities" grep -q 'Per Port.*VLAN_INSERT' "$work/testpmd"
	expect "none of the device's" not grep -q 'Per Port.*\(CKSUM\|TSO\|LRO\|SCATTER\)' \
		"$work/testpmd"
	expect_features no csum guest_csum mrg_rxbuf guest_tso4 host_tso4
	transfers
	offload_end
	expect_frames to partial -eq 0
	expect_frames from partial -eq 0
}

check "offloads: a backend that passes frames to be segmented is built" vhost_tap_build
# one by one where it is the driver's default, for the rest takes long
declare -A each_in=([,packed_vq=0,in_order=0]=check_full [,packed_vq=1,in_order=1]=check)
for layout in "${!each_in[@]}"; do
	case $layout in
	*_vq=0*) name="split" ;;
	*) name="packed, in order" ;;
	esac
	check "offloads: LRO and TSO, $name" lro_tso "$layout"
	check "offloads: frames in several segments, TSO, $name" segments "$layout"
	check "jumbo frames in several buffers, $name" \
		jumbo "[2-9]" "$layout" --enable-scatter
	for each in rx_checksum tx_checksum tso lro vlan queues; do
		${each_in[$layout]} "offloads: ${each//_/ }, $name" $each "$layout"
	done
done
check "offloads: none" no_offload ,packed_vq=1
check "jumbo frames in one buffer" jumbo 1 ,packed_vq=1,mrg_rxbuf=0 --mbuf-size=9728
for layout in ,packed_vq=0,in_order=1 ,packed_vq=1,in_order=0; do
	case $layout in
	*_vq=0*) name="split, in order" ;;
	*) name=packed ;;
	esac
	for each in rx_checksum tx_checksum both_checksums tso lro lro_tso segments vlan queues; do
		check_full "offloads: ${each//_/ }, $name" $each $layout
	done
	check_full "jumbo frames in several buffers, $name" \
		jumbo "[2-9]" $layout --enable-scatter
	check_full "jumbo frames in one buffer, $name" \
		jumbo 1 $layout,mrg_rxbuf=0 --mbuf-size=9728
done
check "packet types are found on request" packet_types 1
check "... and not without" packet_types 0
check "transmitted frames are freed one by one" fast_free 0
check "... and in bulk, with FAST_FREE" fast_free $TX_FAST_FREE
check "a device that offers no offloads" not_offered
