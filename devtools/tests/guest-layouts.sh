# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck disable=SC2086	# the variables of guest.sh are no list of words
#
# The layouts of rings, chosen by device arguments and by what the device offers, with
# traffic through each. Sourced by guest.sh.

# Feature bits: VIRTIO 1.2 s. 5.1.3 and 6
F_MRG_RXBUF=15
F_EVENT_IDX=29
F_RING_PACKED=34
F_IN_ORDER=35

# features_off UUID BIT...: what the device is not to offer from now on; none: all again
features_off()
{
	local uuid=$1 bit mask=0

	shift
	for bit; do
		mask=$((mask | 1 << bit))
	done
	echo $mask >"$MDEV_DEVICES/$uuid/virtio_net/features_off"
}

# accepted UUID BIT: has the driver accepted it?
accepted()
{
	local features

	features=$(cut -d ' ' -f 2 "$MDEV_DEVICES/$1/virtio/features")
	[ $((features >> $2 & 1)) = 1 ]
}

# burst_mode PORT rxq|txq: the burst function, as the port names it
burst_mode()
{
	testpmd_do show $2 info $1 0
	grep '^Burst mode:' "$TESTPMD_LOG" | tail -n 1 | cut -d ' ' -f 3-
}

# expect_layout PORT RX TX: burst functions, and features to match; the instruction set
# of the vectorised ones is the machine's
expect_layout()
{
	local port=$1 uuid=$A word rx tx

	[ $port = 0 ] || uuid=$B
	rx=$(burst_mode $port rxq)
	tx=$(burst_mode $port txq)
	echo "port $port: $rx; $tx"
	expect "port $port to receive as '$2'" test "${rx/ AVX*/}" = "$2"
	expect "port $port to send as '$3'" test "${tx/ AVX*/}" = "$3"
	for word in Packed:$F_RING_PACKED In-Order:$F_IN_ORDER Mergeable:$F_MRG_RXBUF; do
		if [[ $2 == *${word%:*}* ]]; then
			expect "${word%:*} accepted" accepted $uuid ${word#*:}
		else
			expect "${word%:*} not accepted" not accepted $uuid ${word#*:}
		fi
	done
}

not()
{
	! "$@"
}

# layouts_start ARGUMENTS_A ARGUMENTS_B [TESTPMD_ARGUMENT...]: testpmd between the two
layouts_start()
{
	testpmd_start "$work/testpmd" -l 0,1 --no-telemetry -d "$build/drivers" \
		-a "mdev:$A$1" -a "mdev:$B$2" -- -i --total-num-mbufs=8192 "${@:3}"
	testpmd_wait 1 'testpmd>' 60 || { cat "$work/testpmd"; exit 1; }
	testpmd_do start
}

# Frames up to the MTU in both directions, and a file that arrives as it was sent.
layouts_traffic()
{
	expect_loss 0 10
	transfer_checked "$1"
	forward_stop
	no_errors "$work/testpmd"
	no_drops
}

# no_drops: no queue was found broken, and no buffer of a wrong length seen
no_drops()
{
	! grep -E 'is broken|clamped' "$work/testpmd"
}

# layouts ARGUMENTS_A RX TX ARGUMENTS_B RX TX [MIB]: both at once, one on each side
layouts()
{
	layouts_start "$1" "$4"
	expect_layout 0 "$2" "$3"
	expect_layout 1 "$5" "$6"
	layouts_traffic "${7:-2}"
}

# The same with frames that take several buffers in both directions.
layouts_mergeable()
{
	local side

	for side in left right; do
		ip -n $side link set "$(interface_of $side)" mtu 4000
	done
	layouts_start "$1" "$4" --max-pkt-len=4018 --enable-scatter --tx-offloads=0x8000
	expect_layout 0 "$2" "$3"
	expect_layout 1 "$5" "$6"
	ip netns exec left ping -n -q -c 5 -i 0.1 -W 2 -s 3900 -M "do" 192.0.2.2
	layouts_traffic "${7:-2}"
	for side in left right; do
		ip -n $side link set "$(interface_of $side)" mtu 1500
	done
}

# What a device does not offer nobody gets, whatever the arguments say.
layouts_not_offered()
{
	features_off $A $F_RING_PACKED
	features_off $B $F_RING_PACKED $F_IN_ORDER $F_EVENT_IDX $F_MRG_RXBUF
	layouts_start ,packed_vq=1 ,in_order=1,vectorized=0
	expect_layout 0 "Split In-Order Vector" "Split In-Order Vector"
	expect_layout 1 "Split" "Split"
	expect "EVENT_IDX accepted" accepted $A $F_EVENT_IDX
	expect "EVENT_IDX not accepted" not accepted $B $F_EVENT_IDX
	expect "the device to be in use" not features_off $A
	layouts_traffic 2
	features_off $A $F_IN_ORDER $F_EVENT_IDX
	features_off $B $F_IN_ORDER
	layouts_start "" ,vectorized=0
	expect_layout 0 "Packed Vector" "Packed Vector"
	expect_layout 1 "Packed" "Packed"
	layouts_traffic 2
	features_off $A
	features_off $B
}

# Every combination, on both sides, over restarts with rings of other sizes.
layouts_all()
{
	local packed in_order vector words tx

	for packed in 0 1; do
		for in_order in 0 1; do
			for vector in 0 1; do
				words=Split
				[ $packed = 0 ] || words=Packed
				[ $in_order = 0 ] || words+=" In-Order"
				tx=$words
				[ $vector = 0 ] || tx+=" Vector"
				layouts_twice "$tx" "$words" \
					",packed_vq=$packed,in_order=$in_order,vectorized=$vector"
			done
		done
	done
}

# layouts_twice TX WORDS ARGUMENTS: without and with mergeable buffers
layouts_twice()
{
	local size mergeable=$2\ Mergeable${1#"$2"}

	echo "$3"
	layouts_start "$3" "$3"
	expect_layout 0 "$1" "$1"
	for size in 64 256; do
		testpmd_do stop
		testpmd_do port stop all
		testpmd_do port config all rxd $size
		testpmd_do port config all txd $size
		testpmd_do port start all
		testpmd_do start
		transfer_checked 1
	done
	layouts_traffic 8
	layouts_mergeable "$3" "$mergeable" "$1" "$3" "$mergeable" "$1" 8
}

check_full "layouts: split, in any order and in order" layouts ,packed_vq=0,in_order=0 \
	"Split Vector" "Split Vector" ,packed_vq=0 \
	"Split In-Order Vector" "Split In-Order Vector"
check_full "layouts: packed in any order, packed in order without vectors" layouts ,in_order=0 \
	"Packed Vector" "Packed Vector" ,vectorized=0 "Packed In-Order" "Packed In-Order"
check_full "layouts: mergeable buffers, split and packed" layouts_mergeable ,packed_vq=0 \
	"Split In-Order Mergeable Vector" "Split In-Order Vector" ,in_order=0,vectorized=0 \
	"Packed Mergeable" "Packed"
check_full "layouts: as the device offers them (features_off)" layouts_not_offered
check_full "layouts: all combinations, rings of other sizes" layouts_all
